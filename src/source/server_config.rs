//! What a server's configuration says of the files it loads.

use super::aof_set::shown;
use crate::aof::words::{Word, Words};
use crate::base::flaw::quote;
use crate::base::{Error, Result};
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::Read;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

/// The most bytes of a configuration that are read.
const CONFIG_BYTES: u64 = 16 << 20;

/// The most notes that are kept.
const NOTES: usize = 100;

/// The settings of redis.conf or valkey.conf that decide what is loaded; with no file, the defaults of every server.
///
/// Source: Redis 7.0.15 and 8.6.3, Valkey 9.1.2.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerConfig {
    /// `dir`: where the files are. As written: the server takes it from where it was started.
    pub dir: Option<PathBuf>,
    /// `dbfilename`: the RDB, `dump.rdb` by default.
    pub db_filename: OsString,
    /// `appendonly`; none where there is no configuration to say it, or one that includes another and does not say it.
    pub append_only: Option<bool>,
    /// `appendfilename`: what the names of AOF files begin with, `appendonly.aof` by default.
    pub append_filename: OsString,
    /// `appenddirname`: the folder of AOF files in `dir`, `appendonlydir` by default.
    pub append_dirname: OsString,
    /// `aof-load-truncated`: whether an AOF that ends within a command is cut there and loaded; yes by default.
    pub load_truncated: bool,
    /// `aof-use-rdb-preamble`: whether a rewrite makes the base an RDB; yes by default.
    pub use_rdb_preamble: bool,
    /// `aof-load-corrupt-tail-max-size`, of Redis 8.6: how many bytes of a last file that cannot be read may be cut off; 0
    /// by default.
    pub corrupt_tail_max_bytes: u64,
    /// The file that says it, where there is one.
    pub file: Option<PathBuf>,
    /// What was not followed or not understood.
    pub notes: Vec<ConfigNote>,
}

/// A line of a configuration that is not as it should be, or says that there is more elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigNote {
    /// The line, from 1; 0 if it is about the file.
    pub line: u64,
    /// What about it.
    pub text: String,
    /// Servers do not start for it.
    pub refused: bool,
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            dir: None,
            db_filename: "dump.rdb".into(),
            append_only: None,
            append_filename: "appendonly.aof".into(),
            append_dirname: "appendonlydir".into(),
            load_truncated: true,
            use_rdb_preamble: true,
            corrupt_tail_max_bytes: 0,
            file: None,
            notes: Vec::new(),
        }
    }
}

impl ServerConfig {
    /// What a configuration says; the last line of a setting counts. Files that it includes are not read: a note names
    /// each, for what comes after may say otherwise. A line that servers refuse is passed over, with a note.
    pub fn parse(text: &[u8]) -> Self {
        let mut config = Self::default();
        let mut includes = false;
        for (line, number) in text.split(|byte| *byte == b'\n').zip(1..) {
            let blank = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\r');
            let indent = line.iter().take_while(|byte| blank(byte)).count();
            let trimmed = line.get(indent..).unwrap_or_default();
            if trimmed.is_empty() || trimmed.starts_with(b"#") {
                continue;
            }
            let mut words = Words::new(trimmed, 0);
            let mut found = words.by_ref().take(3);
            let (name, value, third) = (found.next(), found.next(), found.next());
            let Some(name) = name.map(|name| name.text.to_ascii_lowercase()) else {
                if words.open().is_some() {
                    config.note(number, true, format!("{} has a quote without an end", quote(trimmed)));
                }
                continue;
            };
            let known: &[&[u8]] = &[
                b"dir",
                b"dbfilename",
                b"appendonly",
                b"appendfilename",
                b"appenddirname",
                b"aof-load-truncated",
                b"aof-use-rdb-preamble",
                b"aof-load-corrupt-tail-max-size",
                b"include",
            ];
            if !known.contains(&name.as_slice()) {
                continue;
            }
            if words.open().is_some() {
                config.note(number, true, format!("{} has a quote without an end", quote(trimmed)));
                continue;
            }
            let (Some(value), None) = (value, third) else {
                config.note(number, true, format!("{} has to have one value", quote(trimmed)));
                continue;
            };
            if name == b"include" {
                includes = true;
                let text = format!("includes {}, which is not read and may say otherwise", quote(&value.text));
                config.note(number, false, text);
            } else if let Err(expected) = config.set(&name, value) {
                config.note(number, true, format!("{}: expected {expected}", quote(trimmed)));
            }
        }
        if !includes {
            config.append_only.get_or_insert(false);
        }
        config
    }

    /// The configuration in this file.
    ///
    /// # Errors
    /// [`ErrorKind::Io`](crate::base::ErrorKind::Io) if it cannot be read.
    pub fn read(file: &Path) -> Result<Self> {
        let failed = |error| Error::io("read the configuration", error).about(shown(file));
        let mut text = Vec::new();
        File::open(file).and_then(|open| open.take(CONFIG_BYTES).read_to_end(&mut text)).map_err(failed)?;
        Ok(Self { file: Some(file.to_owned()), ..Self::parse(&text) })
    }

    /// The configuration that lies in a data directory as redis.conf or valkey.conf; if there is none, the defaults, with
    /// nothing known of `appendonly`.
    pub fn of_folder(folder: &Path) -> Self {
        let there = |name: &&str| folder.join(name).is_file();
        let mut files = ["redis.conf", "valkey.conf"].into_iter().filter(there);
        let Some(name) = files.next() else { return Self::default() };
        let mut config = Self::read(&folder.join(name)).unwrap_or_else(|error| {
            let mut config = Self::default();
            config.note(0, false, error.to_string());
            config
        });
        if let Some(other) = files.next() {
            config.note(0, false, format!("{other} lies beside it and was not read"));
        }
        config
    }

    /// The name of the manifest in the folder of AOF files.
    pub fn manifest_name(&self) -> OsString {
        let mut name = self.append_filename.clone();
        name.push(".manifest");
        name
    }

    fn set(&mut self, name: &[u8], value: Word) -> std::result::Result<(), &'static str> {
        match name {
            b"dir" => self.dir = Some(PathBuf::from(OsString::from_vec(value.text))),
            b"dbfilename" => self.db_filename = file_name(&value)?,
            b"appendfilename" => self.append_filename = file_name(&value)?,
            b"appenddirname" => self.append_dirname = file_name(&value)?,
            b"appendonly" => self.append_only = Some(yes_or_no(&value)?),
            b"aof-load-truncated" => self.load_truncated = yes_or_no(&value)?,
            b"aof-use-rdb-preamble" => self.use_rdb_preamble = yes_or_no(&value)?,
            _ => {
                let number = str::from_utf8(&value.text).ok().and_then(|text| text.parse::<u64>().ok());
                self.corrupt_tail_max_bytes = number.ok_or("a number of bytes, without a unit")?;
            }
        }
        Ok(())
    }

    fn note(&mut self, line: u64, refused: bool, text: String) {
        if self.notes.len() < NOTES {
            self.notes.push(ConfigNote { line, text, refused });
        }
    }
}

/// A name that is no path.
fn file_name(value: &Word) -> std::result::Result<OsString, &'static str> {
    if value.text.is_empty() || value.text.iter().any(|byte| matches!(byte, b'/' | b'\\')) {
        return Err("a name, not a path");
    }
    Ok(OsStr::from_bytes(&value.text).to_owned())
}

fn yes_or_no(value: &Word) -> std::result::Result<bool, &'static str> {
    match value.text.to_ascii_lowercase().as_slice() {
        b"yes" => Ok(true),
        b"no" => Ok(false),
        _ => Err("yes or no"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn notes(text: &str) -> Vec<String> {
        let shown = |note: &ConfigNote| format!("{}{} {}", if note.refused { "!" } else { "" }, note.line, note.text);
        ServerConfig::parse(text.as_bytes()).notes.iter().map(shown).collect()
    }

    #[test]
    fn nothing_said_is_the_default() {
        let nothing =
            ServerConfig::parse(b"# dbfilename x.rdb\n\nport 6379 # any line of other settings\nsave 60 1 3600 5\n");
        assert_eq!(nothing, ServerConfig { append_only: Some(false), ..ServerConfig::default() });
        assert_eq!(ServerConfig::parse(b"include x.conf\n").append_only, None);
    }

    #[test]
    fn what_is_said_counts_and_the_last_wins() {
        let text = b"\xef\xbb\xbf\n\
            DbFilename a.rdb\r\n\
            \t dbfilename \"x\\x20y.rdb\"\n\
            dir '/var/lib/it s'\n\
            dir /var/lib/redis\n\
            appendonly YES\n\
            appendfilename my\".aof\"\n\
            appenddirname aofs\n\
            aof-load-truncated no\n\
            aof-use-rdb-preamble \"no\"\n\
            aof-load-corrupt-tail-max-size 1024";
        let said = ServerConfig {
            dir: Some("/var/lib/redis".into()),
            db_filename: "x y.rdb".into(),
            append_only: Some(true),
            append_filename: "my.aof".into(),
            append_dirname: "aofs".into(),
            load_truncated: false,
            use_rdb_preamble: false,
            corrupt_tail_max_bytes: 1024,
            file: None,
            notes: Vec::new(),
        };
        assert_eq!(ServerConfig::parse(text), said);
        assert_eq!(said.manifest_name(), "my.aof.manifest");
    }

    #[test]
    fn what_servers_refuse_is_noted() {
        assert_eq!(
            notes(
                "dbfilename a b\ndbfilename\ndbfilename a/b\nappendfilename \"\"\nappendonly on\ndbfilename x # it\n\
                 dir \"x\nport \"x\naof-load-corrupt-tail-max-size 1kb\ninclude /etc/more.conf\n"
            ),
            [
                "!1 `dbfilename a b` has to have one value",
                "!2 `dbfilename` has to have one value",
                "!3 `dbfilename a/b`: expected a name, not a path",
                "!4 `appendfilename \\\"\\\"`: expected a name, not a path",
                "!5 `appendonly on`: expected yes or no",
                "!6 `dbfilename x # it` has to have one value",
                "!7 `dir \\\"x` has a quote without an end",
                "!9 `aof-load-corrupt-tail-max-size 1…`: expected a number of bytes, without a unit",
                "10 includes `/etc/more.conf`, which is not read and may say otherwise",
            ]
        );
        assert_eq!(notes(&"dir\n".repeat(5000)).len(), NOTES);
    }
}
