//! What a server's configuration says of the files it loads.

mod settings;

pub use settings::ServerSettings;

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

/// How deep files may include files, and how many in all.
const INCLUDE_DEPTH: u8 = 8;
const INCLUDES: u16 = 100;

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
    /// What else of it decides whether a server can start on a file, and keeps what it has loaded.
    pub server: ServerSettings,
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
            server: ServerSettings::default(),
            notes: Vec::new(),
        }
    }
}

impl ServerConfig {
    /// What a configuration says; the last line of a setting counts. Files that it includes are not read: a note names
    /// each, for what comes after may say otherwise. A line that servers refuse is passed over, with a note.
    pub fn parse(text: &[u8]) -> Self {
        let mut config = Self::default();
        if !config.take(text, None) {
            config.append_only.get_or_insert(false);
        }
        config
    }

    /// Reads the lines of one file, and of those that it includes. Says whether one of those was not read.
    fn take(&mut self, text: &[u8], mut includes: Option<&mut Includes>) -> bool {
        let config = self;
        let mut unread = false;
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
                let value = value.map(|word| word.text).unwrap_or_default();
                config.server.take(&name, value, third.map(|word| word.text));
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
                unread |= if let Some(includes) = includes.as_deref_mut() {
                    config.include(&value.text, number, includes)
                } else {
                    config.unread(&value.text, number, "which is not read");
                    true
                };
            } else if let Err(expected) = config.set(&name, value) {
                config.note(number, true, format!("{}: expected {expected}", quote(trimmed)));
            }
        }
        unread
    }

    /// The configuration in this file, and in those that it includes: a relative name is taken from the folder of this file,
    /// where servers take it from where they were started. One that cannot be read is a note.
    ///
    /// # Errors
    /// [`ErrorKind::Io`](crate::base::ErrorKind::Io) if it cannot be read.
    pub fn read(file: &Path) -> Result<Self> {
        let failed = |error| Error::io("read the configuration", error).about(shown(file));
        let text = text_of(file).map_err(failed)?;
        let mut config = Self { file: Some(file.to_owned()), ..Self::default() };
        let folder = file.parent().unwrap_or(Path::new("")).to_owned();
        let mut includes = Includes { folder, depth: 0, left: INCLUDES };
        if !config.take(&text, Some(&mut includes)) {
            config.append_only.get_or_insert(false);
        }
        Ok(config)
    }

    /// What another file says comes in the place of the line that includes it. Says whether one was not read.
    fn include(&mut self, name: &[u8], number: u64, includes: &mut Includes) -> bool {
        let mut unread = false;
        for file in includes.matching(name) {
            if includes.depth >= INCLUDE_DEPTH || includes.left == 0 {
                self.unread(name, number, "which is one too many to be read");
                return true;
            }
            let Some(text) = Some(&file).filter(|file| file.is_file()).and_then(|file| text_of(file).ok()) else {
                self.unread(name, number, "which cannot be read here");
                unread = true;
                continue;
            };
            includes.left = includes.left.saturating_sub(1);
            includes.depth = includes.depth.saturating_add(1);
            let outer = std::mem::take(&mut self.notes);
            unread |= self.take(&text, Some(includes));
            let inner = std::mem::replace(&mut self.notes, outer);
            for note in inner {
                self.note(number, note.refused, format!("{}:{}: {}", shown(&file), note.line, note.text));
            }
            includes.depth = includes.depth.saturating_sub(1);
        }
        unread
    }

    fn unread(&mut self, name: &[u8], number: u64, why: &str) {
        self.note(number, false, format!("includes {}, {why} and may say otherwise", quote(name)));
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

/// What is left of the files that may be included.
struct Includes {
    /// Where relative names begin.
    folder: PathBuf,
    depth: u8,
    left: u16,
}

impl Includes {
    /// The files of a name; of a glob in its last part those that match, sorted. None match: servers go on.
    fn matching(&self, name: &[u8]) -> Vec<PathBuf> {
        let path = self.folder.join(OsStr::from_bytes(name));
        let last = path.file_name().and_then(OsStr::to_str).unwrap_or_default().to_owned();
        if !last.contains(['*', '?', '[']) {
            return vec![path];
        }
        let (Some(parent), Ok(glob)) = (path.parent(), globset::Glob::new(&last)) else { return vec![path] };
        let matcher = glob.compile_matcher();
        let entries = parent.read_dir().into_iter().flatten().filter_map(std::result::Result::ok);
        let mut found: Vec<_> = entries.filter(|entry| matcher.is_match(entry.file_name())).map(|e| e.path()).collect();
        found.sort();
        found
    }
}

fn text_of(file: &Path) -> std::io::Result<Vec<u8>> {
    let mut text = Vec::new();
    File::open(file).and_then(|open| open.take(CONFIG_BYTES).read_to_end(&mut text))?;
    Ok(text)
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
        let nothing = ServerConfig::parse(b"# dbfilename x.rdb\n\nhz 10 # any line of other settings\ntimeout 60 1\n");
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
            ..ServerConfig::default()
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

    #[test]
    fn what_is_included_counts_where_it_is_included() {
        let folder = tempfile::tempdir().expect("a folder");
        let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).expect("a file");
        write("a.conf", "appendonly no\ninclude b.conf\ndbfilename a.rdb\ninclude gone.conf\ninclude c-*.conf\n");
        write("b.conf", "appendonly yes\ndbfilename b.rdb\nappendfilename a/b\nport 7000\n");
        write("c-1.conf", "databases 4\nreplicaof 192.0.2.1 6379\n");
        write("c-2.conf", "databases 5\nreplicaof no one\n");
        write("loop.conf", "include loop.conf\n");
        let config = ServerConfig::read(&folder.path().join("a.conf")).expect("a file");
        assert_eq!((config.append_only, config.db_filename.to_str()), (Some(true), Some("a.rdb")));
        assert_eq!(
            (config.server.port, config.server.databases, config.server.replica_of),
            (Some(7000), Some(5), None)
        );
        let notes: Vec<_> = config.notes.iter().map(|note| (note.line, note.refused)).collect();
        assert_eq!(notes, [(2, true), (4, false)]);
        assert!(config.notes[0].text.contains("b.conf:3: "), "{:?}", config.notes);
        let endless = ServerConfig::read(&folder.path().join("loop.conf")).expect("a file");
        assert_eq!((endless.append_only, endless.notes.len()), (None, 1));
    }

    #[test]
    fn what_decides_whether_it_starts_is_read() {
        let said = ServerConfig::parse(
            b"port 0\nunixsocket /run/x.sock\npidfile /run/x.pid\ncluster-enabled yes\ncluster-config-file n.conf\n\
            slaveof 192.0.2.7 6380\nloadmodule /a/rejson.so x y\nsave \"\"\nrdbchecksum no\nsentinel resolve-hostnames yes\n\
            rdb-version-check relaxed\n",
        );
        let server = ServerSettings {
            port: Some(0),
            unix_socket: Some("/run/x.sock".into()),
            pid_file: Some("/run/x.pid".into()),
            databases: None,
            cluster_enabled: true,
            cluster_config_file: Some("n.conf".into()),
            replica_of: Some("192.0.2.7 6380".into()),
            modules: vec!["/a/rejson.so".into()],
            save_points: Some(false),
            rdb_checksum: Some(false),
            relaxed_version_check: true,
            sentinel: true,
        };
        assert_eq!(said.server, server);
    }
}
