//! SOURCE arguments: files, `-`, folders, globs and names become a list of places, in an order that does not depend on
//! the file system.

use super::args::{FolderKind, SourceArgs};
use super::ui::{Level, Ui};
use rediscover::base::{Error, ErrorKind, Result};
use rediscover::report::escape;
use rediscover::source::{Origin, Place};
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// What a command takes of a server's data directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Take {
    /// Everything in it: evidence hides in what the server would not load.
    All,
    /// What the server would load.
    Loaded,
}

/// The places that the arguments mean, in the order given; what one argument brings is sorted by bytes.
pub(crate) fn expand(args: &SourceArgs, take: Take, ui: &mut Ui) -> Result<Vec<Origin>> {
    let found = find(&args.sources, args.folder, take)?;
    for (level, note) in &found.notes {
        ui.say(*level, note, None);
    }
    Ok(found.origins)
}

/// The source that a command has written: a file, or a folder with a manifest.
pub(crate) fn written(path: &Path) -> Result<Origin> {
    let mut found = Found::default();
    add_path(&mut found, None, path, Some(FolderKind::Dir), Take::Loaded)?;
    found.origins.pop().ok_or_else(|| Error::new(ErrorKind::NothingToRead { what: "nothing was written".into() }))
}

/// Refuses an output file that is one of the inputs: it would be replaced.
pub(crate) fn refuse_overwriting(output: Option<&Path>, origins: &[Origin]) -> Result<()> {
    let Some(output) = output.and_then(|path| path.canonicalize().ok()).filter(|path| path.is_file()) else {
        return Ok(());
    };
    let same = |origin: &&Origin| match &origin.place {
        Place::Path(path) => path.canonicalize().is_ok_and(|path| path == output),
        _ => false,
    };
    match origins.iter().find(same) {
        Some(origin) => Err(usage("--output", format!("{} is one of the sources", origin.name))),
        None => Ok(()),
    }
}

/// An argument as reports and messages show it: without a password, and with the bytes that are no text escaped.
pub(crate) fn shown(argument: &OsStr) -> String {
    let text = argument.to_str().map_or_else(|| escape(argument.as_bytes()), str::to_owned);
    match password(&text) {
        Some((start, end)) => format!("{}***{}", &text[..start], &text[end..]),
        None => text,
    }
}

/// Where the password of a URL stands in a text.
fn password(text: &str) -> Option<(usize, usize)> {
    let user = text.find("://")? + 3;
    // A password may hold any character, `/` and `@` too: the last `@` ends it.
    let at = user + text[user..].rfind('@')?;
    let colon = user + text[user..at].find(':')?;
    Some((colon + 1, at))
}

#[derive(Debug, Default)]
struct Found {
    origins: Vec<Origin>,
    notes: Vec<(Level, String)>,
}

impl Found {
    fn add(&mut self, name: Option<&str>, path: PathBuf) {
        let name = name.map_or_else(|| shown(path.as_os_str()), str::to_owned);
        self.origins.push(Origin { name, place: Place::Path(path) });
    }

    fn detail(&mut self, text: String) {
        self.notes.push((Level::Detail, text));
    }

    fn warn(&mut self, text: String) {
        self.notes.push((Level::Warning, text));
    }
}

fn find(arguments: &[OsString], folder: Option<FolderKind>, take: Take) -> Result<Found> {
    let mut found = Found::default();
    for argument in arguments {
        let (name, source) = split_name(argument);
        if source.is_empty() {
            return Err(usage("SOURCE", "is empty".into()));
        }
        if source == "-" {
            if found.origins.iter().any(|origin| origin.place == Place::Stdin) {
                return Err(usage("SOURCE", "`-` can be read only once".into()));
            }
            let name = name.unwrap_or("-").to_owned();
            found.origins.push(Origin { name, place: Place::Stdin });
            continue;
        }
        let path = Path::new(source);
        // Named files are opened later: one that is missing does not keep the others from being read.
        if path.symlink_metadata().is_ok() {
            add_path(&mut found, name, path, folder, take)?;
            continue;
        }
        refuse_remote(source)?;
        if !source.as_bytes().iter().any(|byte| b"*?[".contains(byte)) {
            found.add(name, path.to_path_buf());
            continue;
        }
        let paths = matches(source)?;
        let many = paths.len() > 1;
        for path in paths {
            let name = name.map(|name| if many { inside(name, &path) } else { name.to_owned() });
            add_path(&mut found, name.as_deref(), &path, folder, take)?;
        }
    }
    Ok(found)
}

/// `name=SOURCE`. What exists under the whole of its name is a path, whatever it is called; and the `=` of a path such as
/// `./a=b` or of a URL's query is not a name's.
fn split_name(argument: &OsStr) -> (Option<&str>, &OsStr) {
    let whole = (None, argument);
    if Path::new(argument).symlink_metadata().is_ok() {
        return whole;
    }
    let bytes = argument.as_bytes();
    let Some(at) = memchr(b'=', bytes) else { return whole };
    let name_ok = |name: &&str| !name.is_empty() && !name.contains(['/', ':', '*', '?', '[', '@']);
    match std::str::from_utf8(&bytes[..at]).ok().filter(name_ok) {
        Some(name) => (Some(name), OsStr::from_bytes(&bytes[at + 1..])),
        None => whole,
    }
}

fn memchr(wanted: u8, bytes: &[u8]) -> Option<usize> {
    bytes.iter().position(|byte| *byte == wanted)
}

/// What looks like a place on another machine, or in a repository or configuration: those come in later releases.
fn refuse_remote(source: &OsStr) -> Result<()> {
    let text = source.to_string_lossy();
    if password(&text).is_some() {
        return Err(usage("SOURCE", format!("{} has a password in it", shown(source)))
            .with_hint("other users of this machine see the arguments of every process; change that password"));
    }
    let what = match text.split_once("://") {
        Some(("s3", _)) => "an S3 object",
        Some(("redis" | "rediss" | "valkey" | "valkeys" | "unix", _)) => "a live server",
        Some((scheme, _)) if scheme.starts_with("redis") => "a live server",
        Some(_) => "a URL",
        None if text.starts_with('@') => "a name from the configuration",
        None if text.contains("::") => "a backup in a repository",
        None => return Ok(()),
    };
    Err(usage("SOURCE", format!("{text} is {what}, and those are not in this release"))
        .with_hint("this release reads files, folders and standard input"))
}

/// The paths a glob matches, sorted by bytes. Hidden files have to be asked for.
fn matches(pattern: &OsStr) -> Result<Vec<PathBuf>> {
    let text = pattern.to_str().ok_or_else(|| usage("SOURCE", format!("{} is not UTF-8", shown(pattern))))?;
    let options =
        glob::MatchOptions { case_sensitive: true, require_literal_separator: true, require_literal_leading_dot: true };
    let paths = glob::glob_with(text, options)
        .map_err(|error| usage("SOURCE", format!("{text} is not a glob: {}", error.msg)))?;
    let mut paths: Vec<_> = paths.filter_map(std::result::Result::ok).collect();
    if paths.is_empty() {
        return Err(Error::new(ErrorKind::NothingToRead { what: format!("{text} matches nothing") }));
    }
    paths.sort_by(|a, b| a.as_os_str().as_bytes().cmp(b.as_os_str().as_bytes()));
    Ok(paths)
}

/// What a file in a named folder is called: `name/file`.
fn inside(name: &str, path: &Path) -> String {
    format!("{name}/{}", shown(path.file_name().unwrap_or_default()))
}

fn add_path(found: &mut Found, name: Option<&str>, path: &Path, folder: Option<FolderKind>, take: Take) -> Result<()> {
    if !path.is_dir() {
        found.add(name, path.to_path_buf());
        return Ok(());
    }
    let listing = Listing::of(path)?;
    match folder.unwrap_or_else(|| listing.kind()) {
        FolderKind::Files => listing.add_dumps(found, name),
        FolderKind::Dir => listing.add_data_directory(found, name, take),
    }
}

/// One folder, one level.
struct Listing {
    folder: PathBuf,
    /// Its regular files, links to them included, sorted by bytes; hidden ones not.
    files: Vec<PathBuf>,
    append_only: bool,
}

impl Listing {
    fn of(folder: &Path) -> Result<Self> {
        let failed = |error| Error::io("read the folder", error).about(shown(folder.as_os_str()));
        let mut files = Vec::new();
        for entry in folder.read_dir().map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            let hidden = path.file_name().is_some_and(|name| name.as_bytes().starts_with(b"."));
            if !hidden && path.is_file() {
                files.push(path);
            }
        }
        files.sort_by(|a, b| a.as_os_str().as_bytes().cmp(b.as_os_str().as_bytes()));
        let append_only = folder.join("appendonlydir").is_dir();
        Ok(Self { folder: folder.to_path_buf(), files, append_only })
    }

    fn holds(&self, name: &str) -> bool {
        self.files.iter().any(|path| path.file_name() == Some(OsStr::new(name)))
    }

    /// cli.md's rule.
    fn kind(&self) -> FolderKind {
        let server = self.append_only || ["redis.conf", "valkey.conf", "dump.rdb"].iter().any(|name| self.holds(name));
        if server { FolderKind::Dir } else { FolderKind::Files }
    }

    fn shown(&self) -> String {
        shown(self.folder.as_os_str())
    }

    fn add_dumps(&self, found: &mut Found, name: Option<&str>) -> Result<()> {
        let before = found.origins.len();
        for path in &self.files {
            if is_dump(path) {
                found.add(name.map(|name| inside(name, path)).as_deref(), path.clone());
            } else {
                found.detail(format!("{}: passed over, not a dump", shown(path.as_os_str())));
            }
        }
        if found.origins.len() == before {
            let what = format!("no dumps in {}", self.shown());
            let hint = match self.files.len() {
                0 => "there are no files in it, and folders in it are not searched".to_owned(),
                n => format!("none of its files ({n}) is an RDB, plain or packed by gzip or zstd"),
            };
            return Err(Error::new(ErrorKind::NothingToRead { what }).with_hint(hint));
        }
        Ok(())
    }

    /// A server's data directory. AOF files are not read in this release, and that is said.
    fn add_data_directory(&self, found: &mut Found, name: Option<&str>, take: Take) -> Result<()> {
        let settings = self.settings();
        let dump = self.folder.join(&settings.dump);
        let aof = self.append_only || settings.append_only == Some(true);
        if take == Take::All {
            self.add_dumps(found, name)?;
            let main = shown(dump.as_os_str());
            if aof && settings.append_only != Some(false) {
                found.warn(format!("{}: holds an AOF, which this release does not read", self.shown()));
            } else if dump.is_file() {
                found.detail(format!("{}: the server would load {main}", self.shown()));
            }
            return Ok(());
        }
        if dump.is_file() {
            if aof && settings.append_only != Some(false) {
                found.warn(format!(
                    "{}: with appendonly on, the server would load the AOF, which this release does not read; \
                     this is {}",
                    self.shown(),
                    settings.dump
                ));
            } else {
                found.detail(format!("{}: taking {}, which the server would load", self.shown(), settings.dump));
            }
            found.add(name, dump);
            return Ok(());
        }
        let what = if aof {
            format!("{} holds an AOF and no dump, and this release does not read AOF files", self.shown())
        } else {
            format!("no {} in {}", settings.dump, self.shown())
        };
        Err(Error::new(ErrorKind::NothingToRead { what })
            .with_hint("--as files takes every dump in the folder; or name the file"))
    }

    /// What the server's configuration in the folder says.
    fn settings(&self) -> Settings {
        let mut settings = Settings { dump: "dump.rdb".into(), append_only: None };
        let file = ["redis.conf", "valkey.conf"].into_iter().find(|name| self.holds(name));
        let text = file.and_then(|name| std::fs::read(self.folder.join(name)).ok()).unwrap_or_default();
        for line in String::from_utf8_lossy(&text).lines() {
            let mut words = line.split_whitespace();
            let (Some(setting), Some(value)) = (words.next(), words.next()) else { continue };
            let value = value.trim_matches(['"', '\'']);
            match setting.to_ascii_lowercase().as_str() {
                "dbfilename" if !value.contains('/') => value.clone_into(&mut settings.dump),
                "appendonly" => settings.append_only = Some(value.eq_ignore_ascii_case("yes")),
                _ => {}
            }
        }
        settings
    }
}

struct Settings {
    dump: String,
    append_only: Option<bool>,
}

/// Whether a file begins as a dump or a packed file does, or says by its name that it is one (a damaged dump should not
/// be passed over).
fn is_dump(path: &Path) -> bool {
    if path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("rdb")) {
        return true;
    }
    let mut head = Vec::with_capacity(6);
    let read = File::open(path).and_then(|file| file.take(6).read_to_end(&mut head));
    let magics: [&[u8]; 4] = [b"REDIS", b"VALKEY", b"\x1f\x8b", b"\x28\xb5\x2f\xfd"];
    read.is_ok() && magics.iter().any(|magic| head.starts_with(magic))
}

fn usage(option: &'static str, what: String) -> Error {
    Error::new(ErrorKind::Usage { option, what })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::slice::from_ref;

    const EMPTY: &[u8] = b"REDIS0011\xff\0\0\0\0\0\0\0\0";

    fn folder(files: &[(&str, &[u8])]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().expect("a temporary folder");
        for (name, bytes) in files {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
            std::fs::write(path, bytes).expect("a file");
        }
        folder
    }

    fn list(arguments: &[String], kind: Option<FolderKind>, take: Take) -> std::result::Result<Vec<String>, String> {
        let arguments: Vec<OsString> = arguments.iter().map(OsString::from).collect();
        let found = find(&arguments, kind, take).map_err(|error| error.to_string())?;
        Ok(found.origins.into_iter().map(|origin| origin.name).collect())
    }

    #[test]
    fn a_folder_of_dumps_is_one_level_sorted_and_by_content() {
        let folder = folder(&[
            ("b", EMPTY),
            ("a.gz", b"\x1f\x8b\x08"),
            ("c.rdb", b"garbage"),
            ("notes.txt", b"hello"),
            (".hidden.rdb", EMPTY),
            ("deeper/d.rdb", EMPTY),
        ]);
        let root = folder.path().display().to_string();
        let expected: Vec<_> = ["a.gz", "b", "c.rdb"].iter().map(|name| format!("{root}/{name}")).collect();
        assert_eq!(list(from_ref(&root), None, Take::All), Ok(expected));
        assert_eq!(
            list(&[format!("eu={root}")], None, Take::Loaded),
            Ok(vec!["eu/a.gz".into(), "eu/b".into(), "eu/c.rdb".into()])
        );
        let glob = list(&[format!("{root}/*.[rg]*"), format!("{root}/b"), format!("{root}/b")], None, Take::All);
        assert_eq!(glob.map(|names| names.len()), Ok(4));
        assert_eq!(list(&[format!("{root}/*.zip")], None, Take::All), Err(format!("{root}/*.zip matches nothing")));
    }

    #[test]
    fn a_data_directory_means_what_the_server_loads() {
        let folder =
            folder(&[("main.rdb", EMPTY), ("dump.rdb", EMPTY), ("redis.conf", b"port 1\ndbfilename main.rdb\n")]);
        let root = folder.path().display().to_string();
        assert_eq!(list(from_ref(&root), None, Take::Loaded), Ok(vec![format!("{root}/main.rdb")]));
        assert_eq!(list(from_ref(&root), None, Take::All).map(|names| names.len()), Ok(2));
        assert_eq!(list(from_ref(&root), Some(FolderKind::Files), Take::Loaded).map(|names| names.len()), Ok(2));
    }

    #[test]
    fn an_aof_is_not_passed_over_in_silence() {
        let folder = folder(&[("dump.rdb", EMPTY), ("appendonlydir/x.manifest", b"")]);
        let arguments = [folder.path().as_os_str().to_owned()];
        let found = find(&arguments, None, Take::Loaded).expect("a dump");
        assert!(matches!(&found.notes[..], [(Level::Warning, text)] if text.contains("AOF")), "{:?}", found.notes);
        std::fs::remove_file(folder.path().join("dump.rdb")).expect("removed");
        let error = find(&arguments, None, Take::Loaded).expect_err("nothing to load");
        assert!(error.to_string().contains("holds an AOF and no dump"), "{error}");
    }

    #[test]
    fn names_and_paths_with_equal_signs() {
        let folder = folder(&[("x=y.rdb", EMPTY)]);
        let path = folder.path().join("x=y.rdb").display().to_string();
        assert_eq!(list(from_ref(&path), None, Take::All), Ok(vec![path.clone()]));
        assert_eq!(list(&[format!("n={path}")], None, Take::All), Ok(vec!["n".into()]));
        assert_eq!(list(&["n=-".into()], None, Take::All), Ok(vec!["n".into()]));
        assert_eq!(list(&["gone.rdb".into()], None, Take::All), Ok(vec!["gone.rdb".into()]));
        assert_eq!(list(&["-".into(), "-".into()], None, Take::All), Err("SOURCE: `-` can be read only once".into()));
    }

    #[test]
    fn places_of_later_releases_are_named_and_passwords_are_not_shown() {
        for (source, what) in [
            ("s3://bucket/key", "an S3 object"),
            ("redis://h:6379", "a live server"),
            ("redis+sentinel://h/m", "a live server"),
            ("@prod", "configuration"),
            ("repo::latest", "a backup"),
            ("x=https://h/dump.rdb", "a URL"),
        ] {
            let error = list(&[source.into()], None, Take::All).expect_err(source);
            assert!(error.contains(what) && error.contains("not in this release"), "{error}");
        }
        let error = list(&["p=rediss://u:s3cr/e@t@h:6379/0".into()], None, Take::All).expect_err("a password");
        assert_eq!(error, "SOURCE: rediss://u:***@h:6379/0 has a password in it");
        assert_eq!(shown(OsStr::new("a/b:c@d")), "a/b:c@d");
    }
}
