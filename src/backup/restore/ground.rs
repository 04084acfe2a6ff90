//! What lies in the data directory before a restore: the three places a server loads from, whose they are, and what stands there.

use crate::base::{Error, ErrorKind, Result};
use crate::mend::Owner;
use crate::source::ServerConfig;
use std::ffi::{OsStr, OsString};
use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// The folder in a data directory in which a restore works. Servers never look there.
pub(super) const WORK: &str = ".rediscover-restore";
/// What the names of the folders begin with that keep what was there before a restore.
pub(super) const PREVIOUS: &str = "pre-restore-";
/// The same of an undoing.
pub(super) const UNDONE: &str = "pre-undo-";
/// The record of a restore in the folder that keeps what was there before.
pub(super) const RECORD: &str = "restore.json";
/// The journal of one that is under way, in [`WORK`].
pub(super) const JOURNAL: &str = "journal.json";
/// The folder of work of an undoing, until it has its mark.
pub(super) const MARKED: &str = ".rediscover-restore.new";
/// Beside the journal where it is an undoing.
pub(super) const UNDOING: &str = "undoing";
/// Beside it when all steps are done.
pub(super) const ENDED: &str = "ended";

/// One place that servers load from.
#[derive(Debug, Clone)]
pub(super) struct Spot {
    /// Its name in the data directory.
    pub(super) name: String,
    /// What stands there; links are not followed.
    pub(super) facts: Option<Metadata>,
}

impl Spot {
    fn at(dir: &Path, name: &OsStr) -> Result<Self> {
        let Some(text) = name.to_str() else {
            let what = format!("{} is no UTF-8", name.display());
            return Err(Error::new(ErrorKind::Unsupported { what }));
        };
        let facts = match dir.join(name).symlink_metadata() {
            Ok(facts) => Some(facts),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            Err(error) => return Err(Error::io("look at it", error).about(dir.join(name).display().to_string())),
        };
        Ok(Self { name: text.to_owned(), facts })
    }

    pub(super) fn is_there(&self) -> bool {
        self.facts.is_some()
    }

    fn is_link(&self) -> bool {
        self.facts.as_ref().is_some_and(Metadata::is_symlink)
    }
}

/// A data directory as it is.
#[derive(Debug, Clone)]
pub(super) struct Ground {
    pub(super) dir: PathBuf,
    pub(super) facts: Metadata,
    /// `dump.rdb`.
    pub(super) dump: Spot,
    /// `appendonlydir`.
    pub(super) aof_dir: Spot,
    /// `appendonly.aof` beside it, which servers before 7.0 load and later ones move.
    pub(super) legacy: Spot,
    /// `appendonly.aof.manifest`.
    pub(super) manifest_name: String,
    /// `appendonly.aof`: what the names of parts begin with.
    pub(super) family: String,
}

impl Ground {
    /// # Errors
    /// [`ErrorKind::Io`] if there is no such folder, or it cannot be looked into. [`ErrorKind::Unsupported`] for names that are
    /// no UTF-8.
    pub(super) fn survey(dir: &Path, config: &ServerConfig) -> Result<Self> {
        let failed = |error| Error::io("open the data directory", error).about(dir.display().to_string());
        let dir = dir.canonicalize().map_err(failed)?;
        let facts = fs::metadata(&dir).map_err(failed)?;
        if !facts.is_dir() {
            return Err(failed(std::io::ErrorKind::NotADirectory.into()));
        }
        let text = |name: OsString| {
            let what = "a name in the configuration is no UTF-8".to_owned();
            name.into_string().map_err(|_| Error::new(ErrorKind::Unsupported { what }))
        };
        Ok(Self {
            dump: Spot::at(&dir, &config.db_filename)?,
            aof_dir: Spot::at(&dir, &config.append_dirname)?,
            legacy: Spot::at(&dir, &config.append_filename)?,
            manifest_name: text(config.manifest_name())?,
            family: text(config.append_filename.clone())?,
            dir,
            facts,
        })
    }

    pub(super) fn spots(&self) -> [&Spot; 3] {
        [&self.dump, &self.aof_dir, &self.legacy]
    }

    pub(super) fn links(&self) -> impl Iterator<Item = &Spot> {
        self.spots().into_iter().filter(|spot| spot.is_link())
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// Places on another file system, or where a folder stands for a file and the other way round.
    pub(super) fn elsewhere(&self) -> impl Iterator<Item = &Spot> {
        let own = self.facts.dev();
        self.spots().into_iter().filter(move |spot| spot.facts.as_ref().is_some_and(|facts| facts.dev() != own))
    }

    /// Whose the file is whose place is taken: of the dump, else of a part of the append-only file.
    pub(super) fn old_file(&self) -> Option<(PathBuf, Metadata)> {
        let dump = self.dump.facts.clone().filter(Metadata::is_file).map(|facts| (self.path(&self.dump.name), facts));
        let legacy = || {
            let facts = self.legacy.facts.clone().filter(Metadata::is_file)?;
            Some((self.path(&self.legacy.name), facts))
        };
        let part = || {
            let folder = self.path(&self.aof_dir.name);
            self.aof_dir.facts.as_ref().filter(|facts| facts.is_dir())?;
            let mut files: Vec<_> = folder.read_dir().ok()?.filter_map(|entry| Some(entry.ok()?.path())).collect();
            files.sort();
            files.into_iter().find_map(|path| {
                let facts = path.symlink_metadata().ok().filter(Metadata::is_file)?;
                Some((path, facts))
            })
        };
        dump.or_else(part).or_else(legacy)
    }

    /// Whom the new files belong to, and who may read them: as asked for, else as the old file, else as the folder.
    pub(super) fn owner(&self, asked: Option<(u32, u32)>) -> Owner {
        let old = self.old_file().map(|(_, facts)| facts);
        let (uid, gid) = asked.unwrap_or_else(|| {
            let facts = old.as_ref().unwrap_or(&self.facts);
            (facts.uid(), facts.gid())
        });
        // Never more than the group: what a restore writes is data.
        let mode = old.map_or(0o600, |facts| facts.mode() & 0o660) | 0o600;
        Owner { mode, uid, gid }
    }

    /// The mode of the folder of AOF files.
    pub(super) fn folder_mode(&self) -> u32 {
        self.aof_dir.facts.as_ref().filter(|facts| facts.is_dir()).map_or(0o700, |facts| facts.mode() & 0o7777)
    }
}
