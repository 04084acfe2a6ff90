//! Folders as sources: a data directory, the folder of an append-only file, a folder of dumps.

use super::{Found, Take, Wanted, shown, where_it_is};
use crate::cli::args::FolderKind;
use rediscover::base::{Error, ErrorKind, Result};
use rediscover::source::{AofSet, DataDir, Extra, FileKind, Loads, Place, ServerConfig, Tails, file_kind};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// What a file in a named folder is called: `name/file`.
pub(super) fn inside(name: &str, path: &Path) -> String {
    format!("{name}/{}", shown(path.file_name().unwrap_or_default()))
}

pub(super) fn add_path(found: &mut Found, name: Option<&str>, path: &Path, wanted: &Wanted<'_>) -> Result<()> {
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

pub(super) fn add_data_directory(
    found: &mut Found,
    name: Option<&str>,
    folder: &Path,
    wanted: &Wanted<'_>,
) -> Result<()> {
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
