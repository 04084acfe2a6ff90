//! A server's data directory: what a server that starts on it would load, and why; what else lies there, and what is
//! deceptive about it.
//!
//! ```text
//! appendonly  manifest  legacy AOF   loads
//! yes         there     any          the parts that the manifest lists
//! yes         -         there        the legacy AOF, after moving it into the folder of AOF files
//! yes         -         -            nothing, whatever else is there: a dump is not looked at
//! no          any       any          the dump; but a manifest that is broken keeps the server from starting
//! ```
//! Source: Redis 7.0.15, 7.4.1, 8.0.6 and 8.6.3, Valkey 8.1.1 and 9.1.2, which a test starts on each of these.
//! Redis 6 and older know the legacy AOF alone.

use super::aof_set::{AofSet, entries_of, file_bytes, file_shown, files_of, is_manifest, is_temp, name_of, part_name};
use super::{Place, ServerConfig};
use crate::aof::{Manifest, ManifestFlaw};
use crate::base::Result;
use crate::codec::sniff;
use crate::report::escape;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// What a server makes of its data directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataDir {
    /// What it would load.
    pub loads: Loads,
    /// Why that.
    pub why: String,
    /// Why it would not start at all, as far as that can be told without reading what it loads.
    pub refused: Option<String>,
    /// What may mislead.
    pub traps: Vec<Trap>,
    /// What else is there to read, and is not loaded.
    pub extras: Vec<Extra>,
}

/// What a server loads at its start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Loads {
    /// An append-only file in parts.
    MultiPart(Box<AofSet>),
    /// An append-only file that is one file.
    LegacyAof(PathBuf),
    /// A dump.
    Rdb(PathBuf),
    /// Nothing: it starts with an empty keyspace.
    Nothing,
}

/// Something that may mislead who looks at the directory, or starts a server on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trap {
    /// The stable name of the sort of trap.
    pub kind: &'static str,
    /// What it is.
    pub message: String,
    /// Whether data may be lost or overlooked; the others are usual.
    pub grave: bool,
}

/// Something to read that is not loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Extra {
    /// What it is.
    pub kind: ExtraKind,
    /// Where it is.
    pub place: Place,
    /// Why it is not loaded.
    pub why: String,
}

/// What is there and not loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExtraKind {
    /// An append-only file in parts.
    Set,
    /// A dump, or something packed that may be one.
    Rdb,
    /// An append-only file.
    Aof,
    /// A part that the manifest does not list.
    Orphan,
    /// A part that the manifest lists as replaced.
    History,
    /// What an unfinished save or rewrite has left.
    Temp,
}

/// What a file holds, by its first bytes, or by its name where they do not tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileKind {
    /// An RDB. An append-only file with an RDB at its beginning is one too, as far as can be seen.
    Rdb,
    /// Commands.
    Aof,
    /// The manifest of an append-only file in parts.
    Manifest,
    /// Something compressed.
    Packed,
}

/// What a file holds; none if it is nothing that this crate reads.
pub fn file_kind(path: &Path) -> Option<FileKind> {
    let mut head = Vec::with_capacity(512);
    // A file that cannot be read is taken for what its name says.
    drop(File::open(path).and_then(|file| file.take(512).read_to_end(&mut head)));
    let has_extension = |wanted: &str| path.extension().is_some_and(|name| name.eq_ignore_ascii_case(wanted));
    match head.as_slice() {
        head if head.starts_with(b"REDIS") || head.starts_with(b"VALKEY") => Some(FileKind::Rdb),
        head if sniff(head).is_some() => Some(FileKind::Packed),
        [b'*', b'0'..=b'9', ..] | [b'#', b'T', b'S', b':', ..] => Some(FileKind::Aof),
        head if has_extension("manifest") || is_manifest_text(head) => Some(FileKind::Manifest),
        _ if has_extension("rdb") => Some(FileKind::Rdb),
        _ if has_extension("aof") => Some(FileKind::Aof),
        _ => None,
    }
}

fn is_manifest_text(head: &[u8]) -> bool {
    head.starts_with(b"file ") && !Manifest::parse(head).0.entries.is_empty()
}

impl DataDir {
    /// What a server of Redis 7.0 or later, or of Valkey, would make of a folder that is its `dir`.
    ///
    /// # Errors
    /// [`ErrorKind::Io`](crate::base::ErrorKind::Io) if the folder, or a manifest in it, cannot be read.
    pub fn read(folder: &Path, config: &ServerConfig) -> Result<Self> {
        let mut reader = Reader::new(folder, config)?;
        let (loads, why) = reader.loads();
        reader.judge(&loads);
        let extras = reader.extras(&loads)?;
        Ok(Self { loads, why, refused: reader.refused, traps: reader.traps, extras })
    }
}

struct Reader<'a> {
    config: &'a ServerConfig,
    folder: &'a Path,
    aof_folder: PathBuf,
    /// The set of the manifest that the server would read.
    set: Option<AofSet>,
    /// What is in the folder of AOF files where that manifest is not.
    stray: Option<AofSet>,
    legacy: Option<PathBuf>,
    dump: Option<PathBuf>,
    refused: Option<String>,
    traps: Vec<Trap>,
}

impl<'a> Reader<'a> {
    fn new(folder: &'a Path, config: &'a ServerConfig) -> Result<Self> {
        let is_dot = config.append_dirname == ".";
        let aof_folder = if is_dot { folder.to_owned() } else { folder.join(&config.append_dirname) };
        let manifest = aof_folder.join(config.manifest_name());
        let mut set = if manifest.is_file() { Some(AofSet::from_manifest(&manifest)?) } else { None };
        let look = set.is_none() && aof_folder.is_dir();
        let mut stray = if look { AofSet::from_appendonlydir(&aof_folder).ok() } else { None };
        if is_dot {
            // The dump and all the rest lie there too.
            let own = |path: &PathBuf| part_name(name_of(path)).is_some();
            set.iter_mut().chain(&mut stray).for_each(|set| set.orphans.retain(own));
        }
        let there = |name: &OsStr| Some(folder.join(name)).filter(|path| path.is_file());
        Ok(Self {
            legacy: there(&config.append_filename),
            dump: there(&config.db_filename),
            config,
            folder,
            aof_folder,
            set,
            stray,
            refused: None,
            traps: Vec::new(),
        })
    }

    fn loads(&self) -> (Loads, String) {
        let said = self.said();
        let set = self.set.as_ref().map(|set| {
            let manifest = set.manifest_path.as_deref().map(|path| self.shown(path)).unwrap_or_default();
            (Loads::MultiPart(Box::new(set.clone())), format!("{said}: what {manifest} lists"))
        });
        let legacy = self.legacy.as_ref().map(|legacy| {
            let manifest = self.config.manifest_name();
            let why = format!("{said}, and there is no {}", escape(manifest.as_bytes()));
            (Loads::LegacyAof(legacy.clone()), format!("{why}: {}", file_shown(legacy)))
        });
        let dump = self.dump.as_ref().map(|dump| (Loads::Rdb(dump.clone()), format!("{said}: {}", file_shown(dump))));
        let dump_name = escape(self.config.db_filename.as_bytes());
        match self.config.append_only {
            Some(true) => set.or(legacy).unwrap_or_else(|| {
                (Loads::Nothing, format!("{said}, and there is no append-only file that it would read"))
            }),
            Some(false) => dump.unwrap_or_else(|| (Loads::Nothing, format!("{said}, and there is no {dump_name}"))),
            None => set.or(legacy).or(dump).unwrap_or_else(|| {
                (Loads::Nothing, format!("there is no {dump_name} and no append-only file that it would read"))
            }),
        }
    }

    /// What decides.
    fn said(&self) -> String {
        let file = self.config.file.as_deref().map_or_else(|| "the configuration".to_owned(), file_shown);
        match self.config.append_only {
            Some(true) => format!("appendonly is yes in {file}"),
            Some(false) => format!("appendonly is no in {file}"),
            None if self.config.file.is_some() => format!("{file} does not say whether appendonly is on"),
            None => "no configuration says whether appendonly is on".into(),
        }
    }

    fn judge(&mut self, loads: &Loads) {
        let file = self.config.file.as_deref().map_or_else(|| "the configuration".to_owned(), file_shown);
        for note in &self.config.notes {
            let line = if note.line > 0 { format!(":{}", note.line) } else { String::new() };
            self.traps.push(Trap { kind: "config", message: format!("{file}{line}: {}", note.text), grave: true });
        }
        self.refused = self.refusal(loads);
        if let Some(refused) = &self.refused {
            let message = format!("a server would not start: {refused}");
            self.traps.push(Trap { kind: "refused", message, grave: true });
        }
        self.judge_choice(loads);
        self.judge_legacy(loads);
        let sets = self.set.iter().chain(&self.stray);
        self.traps.extend(sets.flat_map(AofSet::traps));
    }

    /// Why a server does not start, whatever the parts hold.
    fn refusal(&self, loads: &Loads) -> Option<String> {
        let appends = self.config.append_only.unwrap_or(!matches!(loads, Loads::Rdb(_)));
        if let Some(set) = &self.set {
            let fatal = set.flaws.iter().any(ManifestFlaw::fatal);
            // With appendonly off, servers read the manifest all the same, and no part.
            return if fatal || appends { set.refused() } else { None };
        }
        if !appends {
            let dump = &self.config.db_filename;
            return self.folder.join(dump).is_dir().then(|| format!("{} is a folder", escape(dump.as_bytes())));
        }
        let aof_folder = self.shown(&self.aof_folder);
        if self.aof_folder.exists() && !self.aof_folder.is_dir() {
            return Some(format!("{aof_folder} is not a folder"));
        }
        if self.aof_folder.join(self.config.manifest_name()).is_dir() {
            return Some(format!("the manifest in {aof_folder} is a folder"));
        }
        let legacy = self.legacy.as_deref()?;
        let target = self.aof_folder.join(&self.config.append_filename);
        if target.exists() && self.aof_folder != self.folder {
            return Some(format!("{} is both beside {aof_folder} and in it, without a manifest", file_shown(legacy)));
        }
        let linked = fs::read_link(legacy).ok()?;
        let lost = !self.aof_folder.join(&linked).is_file();
        lost.then(|| format!("it moves {}, a link, and then finds nothing behind it", file_shown(legacy)))
    }

    /// What else could be thought to be loaded.
    fn judge_choice(&mut self, loads: &Loads) {
        let log = match loads {
            Loads::MultiPart(set) => Some((self.aof_shown(), newest(set))),
            Loads::LegacyAof(path) => Some((file_shown(path), modified(path))),
            Loads::Rdb(_) | Loads::Nothing => {
                let set = self.set.as_ref().map(|set| (self.aof_shown(), newest(set)));
                set.or_else(|| self.legacy.as_ref().map(|path| (file_shown(path), modified(path))))
            }
        };
        let dump = self.dump.as_ref().map(|path| (file_shown(path), modified(path)));
        match (loads, log, dump) {
            (Loads::MultiPart(_) | Loads::LegacyAof(_), Some((log, of_log)), Some((dump, of_dump))) => {
                let age = age(of_dump, of_log);
                if self.config.append_only.is_none() {
                    let message = format!(
                        "{}: with it on, a server loads {log}; with it off, {dump}, which is {age}",
                        self.said()
                    );
                    self.trap("append-only-unknown", true, message);
                } else {
                    let message = format!("{dump} is not loaded, {log} is; {dump} is {age}");
                    self.trap("rdb-beside-aof", of_dump > of_log, message);
                }
            }
            (Loads::MultiPart(_) | Loads::LegacyAof(_), Some((log, _)), None) if self.config.append_only.is_none() => {
                let message = format!("{}: with it off, a server loads nothing, and not {log}", self.said());
                self.trap("append-only-unknown", false, message);
            }
            (Loads::Rdb(_), Some((log, of_log)), Some((dump, of_dump))) => {
                let message = format!("{log} is not loaded, {dump} is; {log} is {}", age(of_log, of_dump));
                self.trap("aof-beside-rdb", true, message);
            }
            (Loads::Nothing, log, dump) => {
                let there: Vec<_> = log.into_iter().chain(dump).map(|(name, _)| name).collect();
                let stray = self.stray.is_some();
                if !there.is_empty() || stray {
                    let lost = if there.is_empty() { "what is there".to_owned() } else { there.join(" and ") };
                    let message = format!("{}: a server would start empty, without {lost}", self.said());
                    self.trap("starts-empty", true, message);
                }
            }
            _ => {}
        }
    }

    fn judge_legacy(&mut self, loads: &Loads) {
        let Some(legacy) = self.legacy.as_deref().map(file_shown) else { return };
        let aof_folder = self.shown(&self.aof_folder);
        match loads {
            Loads::LegacyAof(_) => {
                let message = format!("a server of Redis 7.0 or later moves {legacy} into {aof_folder} when it starts");
                self.trap("legacy-aof-moved", false, message);
            }
            Loads::MultiPart(set) if set.parts.iter().any(|part| Some(&part.path) == self.legacy.as_ref()) => {
                let message =
                    format!("the manifest lists {legacy}, which a server moves into {aof_folder} when it starts");
                self.trap("legacy-aof-moved", false, message);
            }
            Loads::MultiPart(_) => {
                let message = format!("{legacy} is not loaded; Redis 6 and older would load it, and nothing else");
                self.trap("legacy-aof-beside-set", true, message);
            }
            Loads::Rdb(_) | Loads::Nothing => {}
        }
    }

    /// Everything that can be read and is not loaded.
    fn extras(&mut self, loads: &Loads) -> Result<Vec<Extra>> {
        let mut extras = Vec::new();
        match (self.set.take(), loads) {
            (Some(set), Loads::MultiPart(_)) => extras.extend(set.extras()),
            (Some(set), _) => add_set(set, &self.not_loaded(loads), &mut extras),
            (None, _) => {}
        }
        if let Some(stray) = self.stray.take() {
            let listed = stray.manifest_path.is_some();
            let why = if listed { "no setting names its manifest" } else { "there is no manifest" };
            add_set(stray, why, &mut extras);
        }
        for path in entries_of(self.folder)? {
            let bytes = file_bytes(&path);
            if bytes.is_none() && path != self.aof_folder && path.is_dir() {
                self.other_folder(&path, &mut extras);
                continue;
            }
            if bytes.is_none() || taken(&path, loads, &extras) {
                continue;
            }
            let Some(kind) = file_kind(&path) else { continue };
            let is = |own: &Option<PathBuf>| own.as_ref() == Some(&path);
            let (kind, why) = match kind {
                _ if is_temp(&path) => {
                    if bytes == Some(0) || kind == FileKind::Manifest {
                        continue;
                    }
                    let message = format!("left by an unfinished save or rewrite: {}", file_shown(&path));
                    self.trap("temps", false, message);
                    (ExtraKind::Temp, "a server left it unfinished".to_owned())
                }
                FileKind::Manifest => {
                    if let Ok(set) = AofSet::from_manifest(&path) {
                        let message = format!("{} lies where no server reads it", file_shown(&path));
                        self.trap("other-manifests", true, message);
                        add_set(set, "a server reads no manifest there", &mut extras);
                    }
                    continue;
                }
                FileKind::Aof if is(&self.legacy) => (ExtraKind::Aof, self.not_loaded(loads)),
                FileKind::Aof => (ExtraKind::Aof, "no setting names it".to_owned()),
                FileKind::Rdb | FileKind::Packed if is(&self.dump) => (ExtraKind::Rdb, self.not_loaded(loads)),
                FileKind::Rdb if is(&self.legacy) => (ExtraKind::Aof, self.not_loaded(loads)),
                FileKind::Rdb | FileKind::Packed => (ExtraKind::Rdb, "no setting names it".to_owned()),
            };
            extras.push(Extra { kind, place: Place::Path(path), why });
        }
        Ok(extras)
    }

    /// A folder beside that of the AOF files, which has some of its own.
    fn other_folder(&mut self, path: &Path, extras: &mut Vec<Extra>) {
        let Ok(files) = files_of(path) else { return };
        if !files.iter().any(|file| is_manifest(file) || part_name(name_of(file)).is_some()) {
            return;
        }
        if let Ok(set) = AofSet::from_appendonlydir(path) {
            let message = format!("{} holds an append-only file that no setting names", file_shown(path));
            self.trap("other-aof-folder", true, message);
            add_set(set, "no setting names its folder", extras);
        }
    }

    fn not_loaded(&self, loads: &Loads) -> String {
        let other = match loads {
            Loads::MultiPart(_) | Loads::LegacyAof(_) => "the append-only file is loaded",
            Loads::Rdb(_) => "the dump is loaded",
            Loads::Nothing => "nothing is loaded",
        };
        format!("{}, and {other}", self.said())
    }

    fn aof_shown(&self) -> String {
        self.shown(&self.aof_folder)
    }

    /// A path below the data directory, from there on.
    fn shown(&self, path: &Path) -> String {
        escape(path.strip_prefix(self.folder).unwrap_or(path).as_os_str().as_bytes())
    }

    fn trap(&mut self, kind: &'static str, grave: bool, message: String) {
        self.traps.push(Trap { kind, message, grave });
    }
}

/// Whether a file of the folder is loaded, or in the list already.
fn taken(path: &Path, loads: &Loads, extras: &[Extra]) -> bool {
    let has = |set: &AofSet| {
        let parts = set.parts.iter().map(|part| &part.path).chain(&set.manifest_path);
        parts.chain(&set.other_manifests).any(|own| own == path)
    };
    let loaded = match loads {
        Loads::MultiPart(set) => has(set),
        Loads::LegacyAof(own) | Loads::Rdb(own) => own == path,
        Loads::Nothing => false,
    };
    let listed = |extra: &Extra| match &extra.place {
        Place::Path(own) => own == path,
        Place::Log(set) => has(set),
        Place::Stdin | Place::Bytes(_) | Place::Opener(_) | Place::Pinned(_) | Place::Server(_) => false,
    };
    loaded || extras.iter().any(listed)
}

/// A set that is not loaded, and what lies beside it.
fn add_set(set: AofSet, why: &str, extras: &mut Vec<Extra>) {
    let around = set.extras();
    extras.push(Extra { kind: ExtraKind::Set, place: Place::Log(Box::new(set)), why: why.to_owned() });
    extras.extend(around);
}

impl AofSet {
    /// What lies beside its parts and can be read.
    pub fn extras(&self) -> Vec<Extra> {
        let mut extras = Vec::new();
        let mut orphans = self.orphans.clone();
        for manifest in &self.other_manifests {
            let Ok(mut other) = AofSet::from_manifest(manifest) else { continue };
            orphans.retain(|path| !other.parts.iter().any(|part| part.path == *path));
            // Those are of the folder, and listed once.
            (other.orphans, other.temps, other.other_manifests) = Default::default();
            if !other.parts.is_empty() {
                let why = "no setting names its manifest".to_owned();
                extras.push(Extra { kind: ExtraKind::Set, place: Place::Log(Box::new(other)), why });
            }
        }
        let history = self.history.iter().map(|part| (ExtraKind::History, &part.path));
        let orphans = orphans.iter().map(|path| (ExtraKind::Orphan, path));
        let temps = self.temps.iter().map(|path| (ExtraKind::Temp, path));
        for (kind, path) in history.chain(orphans).chain(temps) {
            let why = match kind {
                ExtraKind::History => "the manifest lists it as replaced",
                ExtraKind::Temp => "a server left it unfinished",
                _ if self.manifest_path.is_none() => "there is no manifest, and others fit together",
                _ => "the manifest does not list it",
            };
            let readable = matches!(file_kind(path), Some(FileKind::Rdb | FileKind::Aof | FileKind::Packed));
            if readable && file_bytes(path) != Some(0) {
                extras.push(Extra { kind, place: Place::Path(path.clone()), why: why.to_owned() });
            }
        }
        extras
    }

    /// What may mislead in its folder.
    pub fn traps(&self) -> Vec<Trap> {
        let mut traps = Vec::new();
        let mut trap = |kind, grave, message| traps.push(Trap { kind, message, grave });
        let folder = file_shown(&self.folder);
        let linked = self.manifest_path.iter().map(|path| ("manifest-link", path));
        let linked = linked.chain(self.parts.iter().map(|part| ("part-link", &part.path)));
        for (kind, path) in linked.filter(|(_, path)| path.is_symlink()) {
            trap(kind, true, format!("{} is a link{}", file_shown(path), leads(path)));
        }
        if self.manifest_path.is_none() {
            let message = format!(
                "{folder} holds parts of an append-only file and no manifest: no server loads them; one that starts \
                 with appendonly on replaces the first base there and adds to the first incr"
            );
            trap("aof-without-manifest", true, message);
        } else if !self.orphans.is_empty() {
            trap("orphans", true, format!("{folder}: not in the manifest: {}", listed(&self.orphans)));
        }
        if !self.other_manifests.is_empty() {
            let message = format!("{folder}: no setting names: {}", listed(&self.other_manifests));
            trap("other-manifests", true, message);
        }
        if !self.history.is_empty() {
            let paths: Vec<_> = self.history.iter().map(|part| part.path.clone()).collect();
            let message = format!("{folder}: a server deletes at its next start: {}", listed(&paths));
            trap("history", false, message);
        }
        if !self.temps.is_empty() {
            trap("temps", false, format!("{folder}: left by an unfinished rewrite: {}", listed(&self.temps)));
        }
        traps
    }
}

/// The names of a few files, and how many more there are.
fn listed(paths: &[PathBuf]) -> String {
    let names: Vec<_> = paths.iter().take(3).map(|path| file_shown(path)).collect();
    let more = paths.len().saturating_sub(names.len());
    names.join(", ") + &if more > 0 { format!(" and {more} more") } else { String::new() }
}

/// When a file was written last: seconds and nanoseconds.
fn modified(path: &Path) -> Option<(i64, i64)> {
    fs::metadata(path).ok().map(|facts| (facts.mtime(), facts.mtime_nsec()))
}

fn newest(set: &AofSet) -> Option<(i64, i64)> {
    set.parts.iter().filter_map(|part| modified(&part.path)).max()
}

/// How one compares to the other.
fn age(own: Option<(i64, i64)>, other: Option<(i64, i64)>) -> &'static str {
    match (own, other) {
        (Some(own), Some(other)) if own > other => "the newer, by the times of their last modification",
        (Some(own), Some(other)) if own < other => "the older, by the times of their last modification",
        (Some(_), Some(_)) => "as old, by the times of their last modification",
        _ => "of unknown age",
    }
}

/// Where a link leads.
fn leads(path: &Path) -> String {
    fs::read_link(path).map_or_else(|_| String::new(), |to| format!(" to {}", escape(to.as_os_str().as_bytes())))
}

#[cfg(test)]
mod tests;
