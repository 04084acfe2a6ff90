//! The parts of an append-only file as they lie in their folder: those that are loaded, and all that lies beside them.

use super::data_dir::FileKind;
use super::file_kind;
use super::{Pinned, Place};
use crate::aof::{Entry, Manifest, ManifestFlaw, Refused, Role};
use crate::base::{Error, ErrorKind, Flaw, Result};
use crate::report::escape;
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// The most bytes of a manifest that are read. Servers write some fifty for each part.
const MANIFEST_BYTES: u64 = 4 << 20;

/// An append-only file in parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AofSet {
    /// Its manifest; none where the parts were put together by their names alone.
    pub manifest_path: Option<PathBuf>,
    /// The folder that the parts are in.
    pub folder: PathBuf,
    /// What its manifest says, as far as it can be read; or what the names say.
    pub manifest: Manifest,
    /// What is loaded, in order, as far as it is there.
    pub parts: Vec<Listed>,
    /// What would be loaded and is not there, or is no file: with any of it, no server starts.
    pub missing: Vec<Listed>,
    /// What a newer base has replaced, as far as it is there: servers delete it at their next start.
    pub history: Vec<Listed>,
    /// Files of an append-only file that the manifest does not name.
    pub orphans: Vec<PathBuf>,
    /// What an unfinished rewrite has left.
    pub temps: Vec<PathBuf>,
    /// Other manifests in the folder.
    pub other_manifests: Vec<PathBuf>,
    /// What is wrong with the manifest.
    pub flaws: Vec<ManifestFlaw>,
}

/// One file that a manifest lists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Where it is, or should be.
    pub path: PathBuf,
    /// Its name as the manifest has it.
    pub name: Vec<u8>,
    /// What it is.
    pub role: Role,
    /// Its number.
    pub seq: i64,
    /// Its place in the order of loading, from 0; those that are missing have theirs too.
    pub position: usize,
    /// Its size; 0 if it is missing.
    pub bytes: u64,
    /// Where its bytes are, if not at its path: the file held open, see [`AofSet::pin`], or a payload of a backup.
    pub held: Option<Box<Place>>,
}

impl AofSet {
    /// The set that a manifest describes.
    ///
    /// # Errors
    /// [`ErrorKind::Io`] if the manifest or its folder cannot be read.
    pub fn from_manifest(path: &Path) -> Result<Self> {
        let failed = |error| Error::io("read the manifest", error).about(shown(path));
        let mut text = Vec::new();
        if !path.metadata().map_err(failed)?.is_file() {
            let what = "is not a file".to_owned();
            return Err(Error::new(ErrorKind::NothingToRead { what }).about(shown(path)));
        }
        File::open(path).and_then(|open| open.take(MANIFEST_BYTES).read_to_end(&mut text)).map_err(failed)?;
        let (manifest, mut flaws) = Manifest::parse(&text);
        if text.len() as u64 == MANIFEST_BYTES {
            let flaw = Flaw::new("manifest-long", "manifest", MANIFEST_BYTES, "less than 4 MiB", "more");
            flaws.push(ManifestFlaw { flaw, line: 0, refused: Refused::Never });
        }
        let folder = match path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        let mut set = Self::of(folder, &manifest, flaws);
        set.manifest_path = Some(path.to_owned());
        set.take_unmoved(&manifest);
        set.look_around()?;
        Ok(set)
    }

    /// The set in a folder of AOF files: of its manifest, or, without one, of the files whose names say what they are.
    ///
    /// Without a manifest, the newest base is taken and every incr whose number is not below its own: what servers write
    /// as long as no rewrite fails.
    ///
    /// # Errors
    /// [`ErrorKind::Io`] if it cannot be read; [`ErrorKind::NothingToRead`] if there are no such files.
    pub fn from_appendonlydir(folder: &Path) -> Result<Self> {
        let files = files_of(folder)?;
        let manifests: Vec<_> = files.iter().filter(|path| is_manifest(path)).collect();
        let usual = manifests.iter().find(|path| name_of(path) == b"appendonly.aof.manifest");
        if let Some(manifest) = usual.or(manifests.first()) {
            return Self::from_manifest(manifest);
        }
        let manifest = guess(&files);
        if manifest.entries.is_empty() {
            let what = "holds no manifest and no part of an append-only file".to_owned();
            return Err(Error::new(ErrorKind::NothingToRead { what }).about(shown(folder)));
        }
        let flaw = Flaw::new("manifest-missing", "manifest", 0, "a manifest", "none: the parts go by their names");
        let mut set = Self::of(folder, &manifest, vec![ManifestFlaw { flaw, line: 0, refused: Refused::Never }]);
        set.look_around()?;
        Ok(set)
    }

    /// Why no server starts on it, as far as that can be told without reading the parts.
    pub fn refused(&self) -> Option<String> {
        if let Some(flaw) = self.flaws.iter().find(|flaw| flaw.fatal()) {
            let manifest = self.manifest_path.as_deref().map(file_shown).unwrap_or_default();
            return Some(format!("{manifest}: {flaw}"));
        }
        let missing = self.missing.first()?;
        let what = if missing.path.exists() { "is not a file" } else { "is missing" };
        Some(format!("{} {what}", file_shown(&missing.path)))
    }

    fn of(folder: &Path, manifest: &Manifest, flaws: Vec<ManifestFlaw>) -> Self {
        let mut set = Self {
            manifest_path: None,
            folder: folder.to_owned(),
            manifest: manifest.clone(),
            parts: Vec::new(),
            missing: Vec::new(),
            history: Vec::new(),
            orphans: Vec::new(),
            temps: Vec::new(),
            other_manifests: Vec::new(),
            flaws,
        };
        let part = |entry: &Entry, position| {
            let path = folder.join(OsStr::from_bytes(&entry.file));
            let bytes = file_bytes(&path);
            let part = Listed {
                path,
                name: entry.file.clone(),
                role: entry.role,
                seq: entry.seq,
                position,
                bytes: bytes.unwrap_or_default(),
                held: None,
            };
            (part, bytes.is_some())
        };
        for (position, entry) in manifest.load_order().enumerate() {
            let (part, there) = part(entry, position);
            if there { set.parts.push(part) } else { set.missing.push(part) }
        }
        let history = manifest.history().map(|entry| part(entry, 0));
        set.history.extend(history.filter(|(_, there)| *there).map(|(part, _)| part));
        set
    }

    /// The set as it is at one moment, its parts held open: a rewrite may replace them and a server may add to them, and what is
    /// read stays the same. Nothing is written beside them. The manifest is read again after, and all of it tried anew where it
    /// has changed meanwhile.
    ///
    /// # Errors
    /// [`ErrorKind::Io`] if a part cannot be opened, [`ErrorKind::Refused`] if the manifest changes faster than it can be read or
    /// the set is not whole.
    pub fn pin(&self) -> Result<Self> {
        const TRIES: usize = 20;
        let Some(path) = &self.manifest_path else { return self.clone().pinned() };
        let read = || fs::read(path).map_err(|error| Error::io("read the manifest", error).about(shown(path)));
        for _ in 0..TRIES {
            let before = read()?;
            let pinned = Self::from_manifest(path)?.pinned();
            if read()? == before {
                return pinned;
            }
        }
        let what = "its manifest changes faster than it can be read".to_owned();
        Err(Error::new(ErrorKind::Refused { what })
            .about(shown(path))
            .with_hint("run it again, or while no rewrite runs"))
    }

    fn pinned(mut self) -> Result<Self> {
        if let Some(missing) = self.missing.first() {
            let what = format!("{} is missing", escape(&missing.name));
            return Err(Error::new(ErrorKind::Refused { what }).about(shown(&self.folder)));
        }
        for part in &mut self.parts {
            let pinned = Pinned::open(&part.path);
            let pinned = pinned.map_err(|error| Error::io("open", error).about(shown(&part.path)))?;
            part.bytes = pinned.bytes();
            part.held = Some(Box::new(Place::Pinned(pinned)));
        }
        Ok(self)
    }

    /// A base of the name that the AOF had before there were parts, and nowhere but beside the folder: the server stopped
    /// after it had written the manifest and before it moved the file, and will move it at its next start.
    fn take_unmoved(&mut self, manifest: &Manifest) {
        let Some(name) = self.manifest_path.as_deref().map(name_of).and_then(|name| name.strip_suffix(b".manifest"))
        else {
            return;
        };
        let lone = manifest.incrs().next().is_none() && manifest.base().is_some_and(|base| base.file == name);
        if !lone || self.missing.is_empty() {
            return;
        }
        let beside = match (self.folder.file_name(), self.folder.parent()) {
            (Some(_), Some(parent)) => parent.to_owned(),
            _ => self.folder.join(".."),
        };
        let unmoved = beside.join(OsStr::from_bytes(name));
        if let Some(bytes) = file_bytes(&unmoved) {
            for mut base in self.missing.drain(..) {
                base.path.clone_from(&unmoved);
                base.bytes = bytes;
                self.parts.push(base);
            }
        }
    }

    /// Finds what lies in the folder and is no part.
    fn look_around(&mut self) -> Result<()> {
        for path in files_of(&self.folder)? {
            let known = self.manifest_path.as_ref().is_some_and(|own| own.file_name() == path.file_name())
                || self.parts.iter().chain(&self.history).any(|part| part.path.file_name() == path.file_name());
            if known {
                continue;
            }
            let aof_name = part_name(name_of(&path)).is_some();
            if is_temp(&path) {
                self.temps.push(path);
            } else if is_manifest(&path) {
                self.other_manifests.push(path);
            } else if aof_name || matches!(file_kind(&path), Some(FileKind::Rdb | FileKind::Aof)) {
                self.orphans.push(path);
            }
        }
        Ok(())
    }
}

/// What can be told from names: the newest base and the incrs from its number on.
fn guess(files: &[PathBuf]) -> Manifest {
    let mut families: BTreeMap<&[u8], Vec<Entry>> = BTreeMap::new();
    for path in files {
        let name = name_of(path);
        let Some((family, seq, role)) = part_name(name) else { continue };
        let file = name.to_vec();
        let entry = Entry { file, seq, role, start_offset: None, end_offset: None, line: 0 };
        families.entry(family).or_default().push(entry);
    }
    let usual = families.remove(b"appendonly.aof".as_slice());
    let largest = || families.into_values().max_by_key(Vec::len);
    let mut entries = usual.or_else(largest).unwrap_or_default();
    let base = entries.iter().filter(|entry| entry.role == Role::Base).map(|entry| entry.seq).max();
    entries.retain(|entry| match entry.role {
        Role::Base => Some(entry.seq) == base,
        _ => base.is_none_or(|base| entry.seq >= base),
    });
    entries.sort_by_key(|entry| (entry.role, entry.seq));
    // A base of one number as RDB and as AOF.
    entries.dedup_by_key(|entry| (entry.role, entry.seq));
    Manifest { entries }
}

/// `appendonly.aof.2.incr.aof`: what it begins with, its number, its role.
pub(super) fn part_name(name: &[u8]) -> Option<(&[u8], i64, Role)> {
    let endings: [(&[u8], Role); 3] =
        [(b".base.rdb", Role::Base), (b".base.aof", Role::Base), (b".incr.aof", Role::Incr)];
    let (stem, role) =
        endings.into_iter().find_map(|(ending, role)| name.strip_suffix(ending).map(|stem| (stem, role)))?;
    let dot = memchr::memrchr(b'.', stem)?;
    let (family, number) = stem.split_at_checked(dot)?;
    let seq = str::from_utf8(number.strip_prefix(b".")?).ok()?.parse().ok().filter(|seq| *seq > 0)?;
    Some((family, seq, role)).filter(|_| !family.is_empty())
}

/// The regular files of a folder, links to them included, sorted by bytes; hidden ones not.
pub(super) fn files_of(folder: &Path) -> Result<Vec<PathBuf>> {
    Ok(entries_of(folder)?.into_iter().filter(|path| path.is_file()).collect())
}

/// All that is in a folder but what is hidden, sorted by bytes.
pub(super) fn entries_of(folder: &Path) -> Result<Vec<PathBuf>> {
    let failed = |error| Error::io("read the folder", error).about(shown(folder));
    let mut found = Vec::new();
    for entry in folder.read_dir().map_err(failed)? {
        let entry = entry.map_err(failed)?;
        if !entry.file_name().as_bytes().starts_with(b".") {
            found.push(folder.join(entry.file_name()));
        }
    }
    found.sort_by(|a, b| a.as_os_str().as_bytes().cmp(b.as_os_str().as_bytes()));
    Ok(found)
}

pub(super) fn is_temp(path: &Path) -> bool {
    name_of(path).starts_with(b"temp-")
}

pub(super) fn is_manifest(path: &Path) -> bool {
    !is_temp(path) && file_kind(path) == Some(FileKind::Manifest)
}

pub(super) fn name_of(path: &Path) -> &[u8] {
    path.file_name().unwrap_or_default().as_bytes()
}

/// The size of a regular file, or of what a link to one leads to.
pub(super) fn file_bytes(path: &Path) -> Option<u64> {
    fs::metadata(path).ok().filter(fs::Metadata::is_file).map(|facts| facts.len())
}

/// A path as messages have it.
pub(super) fn shown(path: &Path) -> String {
    path.to_str().map_or_else(|| escape(path.as_os_str().as_bytes()), str::to_owned)
}

/// The name of a file as messages have it.
pub(super) fn file_shown(path: &Path) -> String {
    escape(name_of(path))
}
