//! SOURCE arguments: files, `-`, folders, globs and names become a list of places, in an order that does not depend on
//! the file system.

use super::args::{FolderKind, IdentityArgs, ResourceArgs, ServerArgs, SourceArgs, StateArgs};
use super::repositories;
use super::ui::{Level, Ui};
use rediscover::backup;
use rediscover::base::{Cancel, Error, ErrorKind, Result, UnixMs};
use rediscover::codec::Identities;
use rediscover::report::escape;
use rediscover::repository::{BackupName, BackupStatus, Signature, Trusted};
use rediscover::source::{
    AofSet, DataDir, Extra, FileKind, Loads, Origin, Place, ServerConfig, Tails, cluster, file_kind,
};
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
    let live = live.map(|(server, resources)| Live { server, resources, cancel: ui.cancel() });
    let wanted = Wanted { folder: args.folder, take, config, backups: Backups::of(args), live };
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

/// How live servers are reached.
struct Live<'a> {
    server: &'a ServerArgs,
    resources: &'a ResourceArgs,
    cancel: Cancel,
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
}

impl Wanted<'_> {
    /// Without a configuration, and with nothing that opens backups.
    fn plain(folder: Option<FolderKind>, take: Take) -> Self {
        Self { folder, take, config: None, backups: Backups::default(), live: None }
    }
}

/// How sources are read that lie in a repository.
#[derive(Default)]
struct Backups {
    identity: Vec<PathBuf>,
    before: Option<UnixMs>,
}

impl Backups {
    fn of(args: &SourceArgs) -> Self {
        Self { identity: args.identities.identity.clone(), before: args.before }
    }

    /// Whose signatures count: what this host knows by its state folder. Who has none, trusts nobody yet.
    fn trusted() -> Result<Trusted> {
        let state = std::env::var_os("REDISCOVER_STATE").filter(|folder| !folder.is_empty()).map(PathBuf::from);
        match repositories::known(&StateArgs { state, trusted_key: Vec::new() }) {
            Ok((_, trusted)) => Ok(trusted),
            Err(error) if matches!(error.kind(), ErrorKind::Usage { .. }) => Ok(Trusted::default()),
            Err(error) => Err(error),
        }
    }

    fn identities(&self) -> Result<Option<Identities>> {
        repositories::identities(&IdentityArgs { identity: self.identity.clone() })
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
        refuse_remote(source)?;
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

/// What looks like a place on another machine, or in a configuration: those come in later releases.
fn refuse_remote(source: &OsStr) -> Result<()> {
    let text = source.to_string_lossy();
    if password(&text).is_some() {
        return Err(usage("SOURCE", format!("{} has a password in it", shown(source)))
            .with_hint("other users of this machine see the arguments of every process; change that password"));
    }
    let what = match text.split_once("://") {
        Some(("s3", _)) => "an S3 object",
        Some(_) if Address::is_one(&text) => {
            return Err(usage("SOURCE", format!("{text} is a live server, and this command takes files only")));
        }
        Some(_) => "a URL",
        None if text.starts_with('@') => "a name from the configuration",
        None => return Ok(()),
    };
    Err(usage("SOURCE", format!("{text} is {what}, and those are not in this release"))
        .with_hint("this release reads files, folders, standard input and live servers"))
}

/// A server, or each primary of a cluster.
fn add_server(found: &mut Found, name: Option<&str>, text: &str, live: &Live<'_>) -> Result<()> {
    let address = Address::parse(text, "SOURCE")?;
    let place = live.server.place(address, live.resources, live.cancel.clone())?;
    if !place.is_cluster() {
        found.add(name, Place::Server(Box::new(place)));
        return Ok(());
    }
    let places = cluster(&place)?;
    let shown = place.address.to_string();
    let missing = places.topology.missing_text();
    if !missing.is_empty() {
        found.warn(format!("{shown}: nobody serves the slots {}: what is in them is missing", missing.join(", ")));
    }
    if places.topology.moving() {
        found.warn(format!("{shown}: slots are moving: keys may be missing, or there twice"));
    }
    for (node, place) in places.primaries {
        let name = name.map(|name| format!("{name}/{}", node.host));
        found.add(name.as_deref(), Place::Server(Box::new(place)));
    }
    Ok(())
}

/// `REPO::NAME`: a folder may have `::` in its name, the name of a backup has not.
fn in_a_repository(source: &OsStr) -> Option<(&OsStr, &str)> {
    let bytes = source.as_bytes();
    let at = bytes.windows(2).rposition(|pair| pair == b"::")?;
    let which = std::str::from_utf8(bytes.get(at + 2..)?).ok()?;
    Some((OsStr::from_bytes(bytes.get(..at)?), which))
}

/// A backup, which is one source, or of a cluster one for each shard.
fn add_backup(found: &mut Found, name: Option<&str>, repo: &OsStr, which: &str, backups: &Backups) -> Result<()> {
    let here = shown(repo);
    let repository = repositories::open_at(repo)?;
    let is_name = BackupName::parse(which).is_some();
    found.latest |= !is_name;
    let backup = backup::resolve(&repository, which, None, backups.before, &Backups::trusted()?)?;
    if let Signature::Bad { why } = &backup.signature {
        found.warn(format!("{}: the signature of its manifest is bad: {why}", backup.name));
    }
    match backup.status() {
        BackupStatus::Good => {}
        status => found.warn(format!("{} is {}", backup.name, backup::status_word(status))),
    }
    if !is_name {
        found.detail(format!("{here}::{which} is {}", backup.name));
    }
    for mut origin in backup::origins(&repository, &backup, backups.identities()?.as_ref())? {
        origin.name = match (name, origin.name.strip_prefix(&backup.name.to_string())) {
            (Some(name), Some(rest)) => format!("{name}{rest}"),
            _ => format!("{here}::{}", origin.name),
        };
        found.origins.push(origin);
    }
    Ok(())
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

fn add_path(found: &mut Found, name: Option<&str>, path: &Path, wanted: &Wanted<'_>) -> Result<()> {
    if !path.is_dir() {
        if path.is_file() && file_kind(path) == Some(FileKind::Manifest) {
            add_set(found, name, AofSet::from_manifest(path)?, wanted.take);
        } else {
            found.add_path(name, path);
        }
        return Ok(());
    }
    let listing = Listing::of(path)?;
    let asked = wanted.folder.is_some();
    if wanted.folder == Some(FolderKind::Files) {
        listing.add_dumps(found, name)
    } else if !asked && listing.is_append_only() {
        add_set(found, name, AofSet::from_appendonlydir(path)?, wanted.take);
        Ok(())
    } else if asked || wanted.config.is_some() || listing.is_data_directory() {
        add_data_directory(found, name, path, wanted)
    } else {
        listing.add_dumps(found, name)
    }
}

/// A set that was named itself, or by its folder.
fn add_set(found: &mut Found, name: Option<&str>, set: AofSet, take: Take) {
    let shown = shown(set.folder.as_os_str());
    if let Some(refused) = set.refused() {
        found.warn(format!("{shown}: a server would not start: {refused}"));
    }
    for trap in set.traps() {
        found.note(trap.grave, format!("{shown}: {}", trap.message));
    }
    let extras = if take == Take::All { set.extras() } else { Vec::new() };
    let folder = set.folder.clone();
    found.add(name, Place::Log(Box::new(set)));
    add_extras(found, name, &folder, extras);
}

fn add_data_directory(found: &mut Found, name: Option<&str>, folder: &Path, wanted: &Wanted<'_>) -> Result<()> {
    let config = wanted.config.clone().unwrap_or_else(|| ServerConfig::of_folder(folder));
    let data = DataDir::read(folder, &config)?;
    let here = shown(folder.as_os_str());
    for trap in &data.traps {
        found.note(trap.grave, format!("{here}: {}", trap.message));
    }
    let first = found.origins.len();
    let place = match data.loads {
        Loads::MultiPart(set) => Some(Place::Log(set)),
        Loads::LegacyAof(path) | Loads::Rdb(path) => Some(Place::Path(path)),
        Loads::Nothing => None,
    };
    if let Some(place) = place {
        found.detail(format!("{}: a server would load it: {}", where_it_is(&place), data.why));
        let name = match wanted.take {
            Take::All => name.map(|name| below(name, folder, &place)),
            Take::Loaded => name.map(str::to_owned),
        };
        found.add_judged(name.as_deref(), place, true, &data.why);
    } else if wanted.take == Take::Loaded || data.extras.is_empty() {
        let what = format!("a server would load nothing of {here}: {}", data.why);
        let error = Error::new(ErrorKind::NothingToRead { what });
        return Err(match data.extras.first() {
            None => error.with_hint("--as files takes every dump in the folder; or name the file"),
            Some(extra) => error.with_hint(format!("to read what is there, name it: {}", where_it_is(&extra.place))),
        });
    } else {
        found.warn(format!("{here}: a server would load nothing of it: {}", data.why));
    }
    if wanted.take == Take::All {
        add_extras(found, name, folder, data.extras);
    }
    for origin in found.origins.iter_mut().skip(first) {
        origin.tails = Tails::from(&config);
    }
    Ok(())
}

fn add_extras(found: &mut Found, name: Option<&str>, folder: &Path, extras: Vec<Extra>) {
    for extra in extras {
        let name = name.map(|name| below(name, folder, &extra.place));
        found.add_judged(name.as_deref(), extra.place, false, &extra.why);
    }
}

/// What a place below a named folder is called: `name/folder/file`.
fn below(name: &str, folder: &Path, place: &Place) -> String {
    let path = match place {
        Place::Path(path) => path,
        Place::Log(set) => set.manifest_path.as_ref().unwrap_or(&set.folder),
        Place::Stdin | Place::Bytes(_) | Place::Opener(_) | Place::Pinned(_) | Place::Server(_) => {
            return name.to_owned();
        }
    };
    format!("{name}/{}", shown(path.strip_prefix(folder).unwrap_or(path).as_os_str()))
}

/// One folder, one level.
struct Listing {
    folder: PathBuf,
    /// Its regular files, links to them included, sorted by bytes; hidden ones not.
    files: Vec<PathBuf>,
    append_only_folder: bool,
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
        let append_only_folder = folder.join("appendonlydir").is_dir();
        Ok(Self { folder: folder.to_path_buf(), files, append_only_folder })
    }

    fn holds(&self, name: &str) -> bool {
        self.files.iter().any(|path| path.file_name() == Some(OsStr::new(name)))
    }

    /// cli.md's rule.
    fn is_data_directory(&self) -> bool {
        self.append_only_folder || ["redis.conf", "valkey.conf", "dump.rdb"].iter().any(|name| self.holds(name))
    }

    /// Whether it is the folder of an append-only file in parts.
    fn is_append_only(&self) -> bool {
        let ends = |path: &PathBuf| {
            let name = path.file_name().unwrap_or_default().as_bytes();
            [b".manifest".as_slice(), b".base.rdb", b".base.aof", b".incr.aof"].iter().any(|end| name.ends_with(end))
        };
        !self.is_data_directory() && self.files.iter().any(ends)
    }

    fn shown(&self) -> String {
        shown(self.folder.as_os_str())
    }

    fn add_dumps(&self, found: &mut Found, name: Option<&str>) -> Result<()> {
        let before = found.origins.len();
        for path in &self.files {
            if matches!(file_kind(path), Some(FileKind::Rdb | FileKind::Aof | FileKind::Packed)) {
                found.add_path(name.map(|name| inside(name, path)).as_deref(), path);
            } else {
                found.detail(format!("{}: passed over, not a dump", shown(path.as_os_str())));
            }
        }
        if found.origins.len() == before {
            let what = format!("no dumps in {}", self.shown());
            let hint = match self.files.len() {
                0 => "there are no files in it, and folders in it are not searched".to_owned(),
                n => format!("none of its files ({n}) is an RDB or an AOF, plain or packed by gzip or zstd"),
            };
            return Err(Error::new(ErrorKind::NothingToRead { what }).with_hint(hint));
        }
        Ok(())
    }
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
    fn places_of_later_releases_are_named_and_passwords_are_not_shown() {
        for (source, what) in
            [("s3://bucket/key", "an S3 object"), ("@prod", "configuration"), ("x=https://h/dump.rdb", "a URL")]
        {
            let error = list(&[source.into()], None, Take::All).expect_err(source);
            assert!(error.contains(what) && error.contains("not in this release"), "{error}");
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
