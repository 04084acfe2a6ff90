//! SOURCE arguments: files, `-`, folders, globs and names become a list of places, in an order that does not depend on
//! the file system.

mod elsewhere;
mod folders;

use elsewhere::{Backups, Live, add_backup, add_objects, add_server, in_a_repository, named, refuse_remote};
use folders::{add_data_directory, add_path, inside};

use super::args::{FolderKind, ResourceArgs, ServerArgs, SourceArgs};
use super::buckets;
use super::ui::{Level, Ui};
use rediscover::base::{Error, ErrorKind, Result};
use rediscover::report::escape;
use rediscover::source::{Origin, Place, ServerConfig, Tails};
use rediscover::wire::Address;
use std::ffi::{OsStr, OsString};
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

/// The places that the arguments mean, in the order given; what one argument brings is sorted by bytes. Live servers are among
/// them only where the command has flags for them; a cluster is asked for its nodes.
pub(crate) fn expand(
    args: &SourceArgs,
    take: Take,
    live: Option<(&ServerArgs, &ResourceArgs)>,
    ui: &mut Ui,
) -> Result<Vec<Origin>> {
    let config = args.server_config.as_deref().map(ServerConfig::read).transpose()?;
    let named = named(&args.sources, live.map(|(_, resources)| resources), ui)?;
    let live = live.map(|(server, resources)| Live { server, resources, cancel: ui.cancel() });
    let wanted = Wanted { folder: args.folder, take, config, backups: Backups::of(args), live, named };
    let mut found = if args.sources.is_empty() { configured(&wanted)? } else { find(&args.sources, &wanted)? };
    if let Some(config) = &wanted.config {
        found.origins.iter_mut().for_each(|origin| origin.tails = Tails::from(config));
    }
    for (level, note) in &found.notes {
        ui.say(*level, note, None);
    }
    if args.before.is_some() && !found.latest {
        let what = "no SOURCE is REPO::latest or REPO::INSTANCE/latest".to_owned();
        return Err(usage("--before", what));
    }
    Ok(found.origins)
}

/// The source that a command has written: a file, or a folder with a manifest.
pub(crate) fn written(path: &Path) -> Result<Origin> {
    let mut found = Found::default();
    add_path(&mut found, None, path, &Wanted::plain(None, Take::Loaded))?;
    found.origins.pop().ok_or_else(|| Error::new(ErrorKind::NothingToRead { what: "nothing was written".into() }))
}

/// Dumps that were named as files: a folder is one of dumps, whatever else is in it.
pub(crate) fn files(arguments: &[OsString], ui: &mut Ui) -> Result<Vec<Origin>> {
    let found = find(arguments, &Wanted::plain(Some(FolderKind::Files), Take::Loaded))?;
    for (level, note) in &found.notes {
        ui.say(*level, note, None);
    }
    Ok(found.origins)
}

/// The log of a server, of --log.
pub(crate) fn log(path: &OsStr) -> Origin {
    let place = if path == "-" { Place::Stdin } else { Place::Path(path.into()) };
    Origin::new(shown(path), place)
}

/// Refuses an output file that is one of the inputs: it would be replaced.
pub(crate) fn refuse_overwriting(output: Option<&Path>, origins: &[Origin]) -> Result<()> {
    refuse_overwriting_by("--output", output, origins)
}

/// The same for a file that another option names.
pub(crate) fn refuse_overwriting_by(option: &'static str, output: Option<&Path>, origins: &[Origin]) -> Result<()> {
    let Some(output) = output.and_then(|path| path.canonicalize().ok()).filter(|path| path.is_file()) else {
        return Ok(());
    };
    let is_it = |path: &Path| path.canonicalize().is_ok_and(|path| path == output);
    let same = |origin: &&Origin| match &origin.place {
        Place::Path(path) => is_it(path),
        Place::Log(set) => {
            set.manifest_path.iter().chain(set.parts.iter().map(|part| &part.path)).any(|path| is_it(path))
        }
        Place::Stdin | Place::Bytes(_) | Place::Opener(_) | Place::Pinned(_) | Place::Server(_) => false,
    };
    match origins.iter().find(same) {
        Some(origin) => Err(usage(option, format!("{} is one of the sources", origin.name))),
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

/// How the arguments are meant.
struct Wanted<'a> {
    folder: Option<FolderKind>,
    take: Take,
    /// Of --server-config.
    config: Option<ServerConfig>,
    backups: Backups,
    /// How to reach live servers; none where a command takes files only.
    live: Option<Live<'a>>,
    /// What the arguments mean that are names of the configuration.
    named: Vec<(OsString, Vec<Origin>)>,
}

impl Wanted<'_> {
    /// Without a configuration, and with nothing that opens backups.
    fn plain(folder: Option<FolderKind>, take: Take) -> Self {
        Self { folder, take, config: None, backups: Backups::default(), live: None, named: Vec::new() }
    }
}

#[derive(Debug, Default)]
struct Found {
    origins: Vec<Origin>,
    notes: Vec<(Level, String)>,
    /// Whether one of them was said to be the latest.
    latest: bool,
}

impl Found {
    fn add(&mut self, name: Option<&str>, place: Place) {
        let name = name.map_or_else(|| where_it_is(&place), str::to_owned);
        self.origins.push(Origin::new(name, place));
    }

    fn add_path(&mut self, name: Option<&str>, path: &Path) {
        self.add(name, Place::Path(path.to_owned()));
    }

    /// With what a server would make of it.
    fn add_judged(&mut self, name: Option<&str>, place: Place, loaded: bool, why: &str) {
        self.add(name, place);
        if let Some(origin) = self.origins.last_mut() {
            (origin.loaded, origin.why) = (Some(loaded), Some(why.to_owned()));
        }
    }

    fn detail(&mut self, text: String) {
        self.notes.push((Level::Detail, text));
    }

    fn warn(&mut self, text: String) {
        self.notes.push((Level::Warning, text));
    }

    fn note(&mut self, grave: bool, text: String) {
        self.notes.push((if grave { Level::Warning } else { Level::Detail }, text));
    }
}

/// The path of a place.
fn where_it_is(place: &Place) -> String {
    match place {
        Place::Path(path) => shown(path.as_os_str()),
        Place::Log(set) => shown(set.manifest_path.as_ref().unwrap_or(&set.folder).as_os_str()),
        Place::Stdin | Place::Bytes(_) | Place::Opener(_) | Place::Pinned(_) => "-".to_owned(),
        Place::Server(place) => place.address.to_string(),
    }
}

/// The `dir` of --server-config, where no SOURCE is given. A server takes a relative one from where it was started, which
/// nobody knows here: from the folder of the configuration.
fn configured(wanted: &Wanted<'_>) -> Result<Found> {
    let mut found = Found::default();
    let config = wanted.config.clone().unwrap_or_default();
    let beside = config.file.as_deref().and_then(Path::parent).unwrap_or(Path::new(""));
    let folder = beside.join(config.dir.as_deref().unwrap_or(Path::new(".")));
    add_data_directory(&mut found, None, &folder, wanted)?;
    Ok(found)
}

fn find(arguments: &[OsString], wanted: &Wanted<'_>) -> Result<Found> {
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
            found.origins.push(Origin::new(name, Place::Stdin));
            continue;
        }
        let path = Path::new(source);
        // Named files are opened later: one that is missing does not keep the others from being read.
        if path.symlink_metadata().is_ok() {
            add_path(&mut found, name, path, wanted)?;
            continue;
        }
        if let (Some(live), Some(text)) = (&wanted.live, source.to_str().filter(|text| Address::is_one(text))) {
            add_server(&mut found, name, text, live)?;
            continue;
        }
        if let Some((_, origins)) = wanted.named.iter().find(|(argument, _)| argument == source) {
            found.origins.extend(origins.iter().cloned());
            continue;
        }
        refuse_remote(source)?;
        if let Some(text) = source.to_str().filter(|text| buckets::is_one(text) && in_a_repository(source).is_none()) {
            add_objects(&mut found, name, text)?;
            continue;
        }
        if let Some((repo, which)) = in_a_repository(source) {
            add_backup(&mut found, name, repo, which, &wanted.backups)?;
            continue;
        }
        if !source.as_bytes().iter().any(|byte| b"*?[".contains(byte)) {
            found.add_path(name, path);
            continue;
        }
        let paths = matches(source)?;
        let many = paths.len() > 1;
        for path in paths {
            let name = name.map(|name| if many { inside(name, &path) } else { name.to_owned() });
            add_path(&mut found, name.as_deref(), &path, wanted)?;
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

    fn wanted(folder: Option<FolderKind>, take: Take) -> Wanted<'static> {
        Wanted::plain(folder, take)
    }

    fn list(arguments: &[String], kind: Option<FolderKind>, take: Take) -> std::result::Result<Vec<String>, String> {
        let arguments: Vec<OsString> = arguments.iter().map(OsString::from).collect();
        let found = find(&arguments, &wanted(kind, take)).map_err(|error| error.to_string())?;
        Ok(found.origins.into_iter().map(|origin| origin.name).collect())
    }

    /// What a folder brings, with its path left out: `+` before what a server would load, `-` before what it would not;
    /// and the warnings.
    fn brings(folder: &Path, wanted: &Wanted<'_>) -> (Vec<String>, Vec<String>) {
        let root = folder.display().to_string();
        let found = find(&[folder.into()], wanted).expect("something");
        let names = found.origins.into_iter().map(|origin| {
            let mark = origin.loaded.map_or("", |loaded| if loaded { "+" } else { "-" });
            format!("{mark}{}", origin.name.replace(&format!("{root}/"), ""))
        });
        let warnings = found.notes.into_iter().filter(|(level, _)| *level == Level::Warning);
        (names.collect(), warnings.map(|(_, text)| text.replace(&root, "ROOT")).collect())
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

    const AOF: &[u8] = b"*1\r\n$4\r\nPING\r\n";
    const MANIFEST: &[u8] =
        b"file appendonly.aof.1.base.rdb seq 1 type b\nfile appendonly.aof.1.incr.aof seq 1 type i\n";

    #[test]
    fn an_append_only_file_is_one_source() {
        let folder = folder(&[
            ("dump.rdb", EMPTY),
            ("temp-77.rdb", EMPTY),
            ("appendonlydir/appendonly.aof.manifest", MANIFEST),
            ("appendonlydir/appendonly.aof.1.base.rdb", EMPTY),
            ("appendonlydir/appendonly.aof.1.incr.aof", b""),
            ("appendonlydir/appendonly.aof.7.incr.aof", AOF),
        ]);
        let (names, warnings) = brings(folder.path(), &wanted(None, Take::Loaded));
        assert_eq!(names, ["+appendonlydir/appendonly.aof.manifest"]);
        assert_eq!(warnings.len(), 2, "{warnings:?}");
        assert!(warnings[0].starts_with("ROOT: no configuration says whether appendonly is on: "), "{warnings:?}");
        assert!(warnings[1].ends_with("not in the manifest: appendonly.aof.7.incr.aof"), "{warnings:?}");

        let all = wanted(None, Take::All);
        let everything = [
            "+appendonlydir/appendonly.aof.manifest",
            "-appendonlydir/appendonly.aof.7.incr.aof",
            "-dump.rdb",
            "-temp-77.rdb",
        ];
        assert_eq!(brings(folder.path(), &all).0, everything);
        let named = list(&[format!("eu={}", folder.path().display())], None, Take::All);
        assert_eq!(named, Ok(everything.map(|name| format!("eu/{}", &name[1..])).to_vec()));

        let aof = folder.path().join("appendonlydir");
        assert_eq!(
            brings(&aof, &all).0,
            ["appendonly.aof.manifest", "-appendonly.aof.7.incr.aof"],
            "the folder itself names the set"
        );
        let manifest = aof.join("appendonly.aof.manifest");
        let place = |found: Found| found.origins.into_iter().next().map(|origin| origin.place);
        let found = find(&[manifest.clone().into()], &wanted(None, Take::Loaded)).expect("a set");
        let Some(Place::Log(set)) = place(found) else { panic!("not a set") };
        assert_eq!(set.parts.iter().map(|part| part.seq).collect::<Vec<_>>(), [1, 1]);
        assert_eq!(list(&[aof.display().to_string()], Some(FolderKind::Files), Take::All).map(|all| all.len()), Ok(3));
        let error = refuse_overwriting(Some(&set.parts[0].path), &[Origin::new("set", Place::Log(set.clone()))]);
        assert!(error.is_err());

        std::fs::remove_file(manifest).expect("removed");
        let (names, warnings) = brings(&aof, &all);
        assert_eq!(names, [aof.display().to_string()]);
        assert!(warnings[0].contains("no manifest"), "{warnings:?}");
    }

    #[test]
    fn the_configuration_decides() {
        let folder = folder(&[
            ("data/dump.rdb", EMPTY),
            ("data/appendonlydir/appendonly.aof.manifest", MANIFEST),
            ("data/appendonlydir/appendonly.aof.1.base.rdb", EMPTY),
            ("data/appendonlydir/appendonly.aof.1.incr.aof", AOF),
            ("off.conf", b"dir data\nappendonly no\n"),
            ("other.conf", b"dir data\nappendonly yes\nappendfilename other.aof\n"),
        ]);
        let with = |name: &str, take| {
            let config = ServerConfig::read(&folder.path().join(name)).expect("a configuration");
            Wanted { config: Some(config), ..Wanted::plain(None, take) }
        };
        let data = folder.path().join("data");
        let off = with("off.conf", Take::All);
        assert_eq!(brings(&data, &off).0, ["+dump.rdb", "-appendonlydir/appendonly.aof.manifest"]);
        let found = configured(&off).expect("the folder that `dir` names");
        assert_eq!(
            found.origins.first().map(|origin| origin.name.clone()),
            Some(format!("{}/dump.rdb", data.display()))
        );

        let other = with("other.conf", Take::All);
        let (names, warnings) = brings(&data, &other);
        assert_eq!(names, ["-appendonlydir/appendonly.aof.manifest", "-dump.rdb"]);
        assert!(warnings.iter().any(|text| text.contains("would start empty")), "{warnings:?}");
        let error = find(&[data.clone().into()], &with("other.conf", Take::Loaded)).expect_err("nothing is loaded");
        assert!(error.to_string().contains("would load nothing"), "{error}");
        assert!(error.hint().is_some_and(|hint| hint.contains("appendonly.aof.manifest")), "{error:?}");
    }

    #[test]
    fn a_folder_of_dumps_may_hold_logs() {
        let folder = folder(&[("a.bin", AOF), ("b.bin", b"#TS:1\r\n"), ("c.aof", b""), ("d.txt", b"*x")]);
        assert_eq!(brings(folder.path(), &wanted(None, Take::All)).0, ["a.bin", "b.bin", "c.aof"]);
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
    fn places_that_are_not_read_are_named_and_passwords_are_not_shown() {
        let error = list(&["x=https://h/dump.rdb".into()], None, Take::All).expect_err("no place that is read");
        assert!(error.contains("a URL of a kind"), "{error}");
        for source in ["s3://bucket", "s3://bucket/", "s3://bucket/folder/"] {
            let error = list(&[source.into()], None, Take::All).expect_err(source);
            assert!(error.contains("names no object"), "{error}");
        }
        let error = list(&["redis+sentinel://h/m".into()], None, Take::All).expect_err("no flags for it");
        assert!(error.contains("is a live server"), "{error}");
        let error = list(&["p=rediss://u:s3cr/e@t@h:6379/0".into()], None, Take::All).expect_err("a password");
        assert_eq!(error, "SOURCE: rediss://u:***@h:6379/0 has a password in it");
        assert_eq!(shown(OsStr::new("a/b:c@d")), "a/b:c@d");
    }

    #[test]
    fn a_folder_with_two_colons_in_its_name_is_a_path_where_it_is_there() {
        let folder = folder(&[("a::latest/dump.rdb", EMPTY)]);
        let path = folder.path().join("a::latest").display().to_string();
        assert_eq!(list(from_ref(&path), None, Take::Loaded), Ok(vec![format!("{path}/dump.rdb")]));
        let gone = folder.path().join("b::latest").display().to_string();
        let error = list(from_ref(&gone), None, Take::Loaded).expect_err("no repository");
        assert!(error.contains("cannot open the folder"), "{error}");
        let split = |text| in_a_repository(OsStr::new(text));
        assert_eq!(split("/a::b/r::prod/latest"), Some((OsStr::new("/a::b/r"), "prod/latest")));
        assert_eq!(split("/a/b:c"), None);
    }
}
