//! The journal of a restore: the steps that servers could notice, in their order. Each knows from the file system alone
//! whether it was done, so that whoever finds a journal can go on, or back.
//!
//! ```text
//! link      an old file gets a second name in the folder that keeps what was there
//! put       a new file takes its place by one rename
//! take      what stands there goes away by one rename
//! exchange  two folders change places by one renameat2
//! ```

use super::ground::{JOURNAL, PREVIOUS, UNDONE, WORK};
use crate::base::{Error, ErrorKind, Result};
use rustix::fs::{CWD, RenameFlags, renameat_with};
use serde::{Deserialize, Serialize};
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Component, Path};

/// What a journal is called in its JSON.
pub(super) const SCHEMA: &str = "rediscover/restore-journal/v1";
/// The most bytes of a journal that are read.
const JOURNAL_BYTES: u64 = 64 << 20;
/// The most steps one has.
const STEPS: usize = 64;

/// One step. Paths begin at the data directory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", tag = "do")]
pub(super) enum Step {
    Link {
        from: String,
        to: String,
    },
    Put {
        from: String,
        path: String,
        /// Where the old one has its second name.
        kept: Option<String>,
    },
    Take {
        path: String,
        to: String,
    },
    Exchange {
        path: String,
        with: String,
        /// The inode of `with` before.
        inode: u64,
    },
}

/// What was put in a place, as it was then: to tell later whether a server has been at it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Stamp {
    pub(super) path: String,
    pub(super) inode: u64,
    pub(super) bytes: u64,
    pub(super) modified_ns: i128,
}

/// Which of the places a server loads from a restore took, and what was there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Taken {
    /// `dump.rdb`, `appendonlydir`, `appendonly.aof`.
    pub(super) name: String,
    pub(super) is_folder: bool,
    /// What was there is kept under the same name.
    pub(super) had: bool,
    /// Something new was put there.
    pub(super) new: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Kind {
    Restore,
    Undo,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Journal {
    pub(super) schema: String,
    pub(super) kind: Kind,
    /// What is restored, as reports call it.
    pub(super) source: String,
    /// RFC 3339 in UTC.
    pub(super) started: String,
    /// The folder that keeps what was there.
    pub(super) previous: String,
    /// Of an undoing the folder whose files it puts back.
    pub(super) undoes: Option<String>,
    /// The manifest's name: what makes servers refuse stands in its place.
    pub(super) manifest_name: String,
    /// With this step, no server starts any more until the last one is done. None: one step changes everything.
    pub(super) barrier: Option<usize>,
    pub(super) steps: Vec<Step>,
    pub(super) taken: Vec<Taken>,
    pub(super) stamps: Vec<Stamp>,
}

impl Step {
    fn paths(&self) -> Vec<&str> {
        match self {
            Step::Link { from, to } => vec![from, to],
            Step::Put { from, path, kept } => [from, path].into_iter().chain(kept).map(String::as_str).collect(),
            Step::Take { path, to } => vec![path, to],
            Step::Exchange { path, with, .. } => vec![path, with],
        }
    }

    /// Whether a server could notice it: something changes at a place that it reads.
    pub(super) fn is_visible(&self) -> bool {
        match self {
            Step::Link { .. } => false,
            Step::Put { .. } | Step::Exchange { .. } => true,
            Step::Take { path, .. } => !path.contains('/'),
        }
    }

    /// Whether it has been done.
    pub(super) fn is_done(&self, dir: &Path) -> bool {
        let is_there = |path: &str| dir.join(path).symlink_metadata().is_ok();
        match self {
            Step::Link { to, .. } | Step::Take { to, .. } => is_there(to),
            // Taken back as far as the old one being in its place again, it is not.
            Step::Put { from, path, kept } => {
                let inode = |path: &str| dir.join(path).symlink_metadata().ok().map(|facts| facts.ino());
                let is_old = kept.as_deref().and_then(inode).is_some_and(|kept| inode(path) == Some(kept));
                !is_there(from) && !is_old
            }
            // Once exchanged, what came out may have been taken away.
            Step::Exchange { with, inode, .. } => {
                dir.join(with).symlink_metadata().map_or(true, |facts| facts.ino() != *inode)
            }
        }
    }

    /// Does it; nothing if it has been done.
    pub(super) fn forward(&self, dir: &Path) -> Result<()> {
        self.mend(dir)?;
        if self.is_done(dir) {
            return Ok(());
        }
        match self {
            Step::Link { from, to } => link(dir, from, to)?,
            // Nothing is there, or it has its second name.
            Step::Put { from, path, .. } => rename(dir, from, path)?,
            Step::Take { path, to } => rename(dir, path, to)?,
            Step::Exchange { path, with, .. } => exchange(dir, path, with)?,
        }
        self.sync(dir)
    }

    /// Takes it back; nothing if it was not done.
    pub(super) fn backward(&self, dir: &Path) -> Result<()> {
        self.mend(dir)?;
        if !self.is_done(dir) {
            return Ok(());
        }
        match self {
            Step::Link { to, .. } => remove(dir, to)?,
            Step::Put { from, path, kept: Some(kept) } => {
                // The new one keeps a name, and the old one stays under its second.
                let (back, saved) = (format!("{WORK}/.back"), saved(path));
                remove(dir, &back)?;
                remove(dir, &saved)?;
                link(dir, kept, &back)?;
                link(dir, path, &saved)?;
                rename(dir, &back, path)?;
                rename(dir, &saved, from)?;
            }
            Step::Put { from, path, kept: None } => rename(dir, path, from)?,
            Step::Take { path, to } => rename(dir, to, path)?,
            Step::Exchange { path, with, .. } => exchange(dir, path, with)?,
        }
        self.sync(dir)
    }

    /// A new file that was taken back halfway lies ready again.
    fn mend(&self, dir: &Path) -> Result<()> {
        if let Step::Put { from, path, kept: Some(_) } = self
            && !self.is_done(dir)
            && dir.join(from).symlink_metadata().is_err()
            && dir.join(saved(path)).symlink_metadata().is_ok()
        {
            rename(dir, &saved(path), from)?;
        }
        Ok(())
    }

    fn sync(&self, dir: &Path) -> Result<()> {
        for path in self.paths() {
            if let Some(folder) = dir.join(path).parent().filter(|folder| folder.is_dir()) {
                sync_folder(folder)?;
            }
        }
        Ok(())
    }
}

impl Journal {
    /// Whether a server could have noticed anything yet.
    pub(super) fn has_begun(&self, dir: &Path) -> bool {
        self.steps.iter().any(|step| step.is_visible() && step.is_done(dir))
    }

    /// Takes all of it back, from the end.
    pub(super) fn roll_back(&self, dir: &Path) -> Result<()> {
        self.steps.iter().rev().try_for_each(|step| step.backward(dir))
    }

    /// Writes it into the folder of work: from here on what is begun is finished.
    pub(super) fn write(&self, dir: &Path) -> Result<()> {
        let work = dir.join(WORK);
        let failed = |error| Error::io("write the journal", error).about(work.display().to_string());
        let text = serde_json::to_vec_pretty(self).map_err(|error| failed(error.into()))?;
        let new = work.join("journal.new");
        let mut file =
            fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new).map_err(failed)?;
        file.write_all(&text).and_then(|()| file.sync_all()).map_err(failed)?;
        fs::rename(&new, work.join(JOURNAL)).map_err(failed)?;
        sync_folder(&work)?;
        sync_folder(dir)
    }

    /// The journal or record in this file; none if there is none.
    ///
    /// # Errors
    /// [`ErrorKind::Damaged`] where it is none, or names places outside of the data directory.
    pub(super) fn read(path: &Path) -> Result<Option<Self>> {
        let mut text = Vec::new();
        let about = || path.display().to_string();
        match File::open(path).and_then(|file| file.take(JOURNAL_BYTES).read_to_end(&mut text)) {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(Error::io("read the journal", error).about(about())),
        }
        let damaged = |what: String| {
            Error::new(ErrorKind::Damaged { what })
                .about(about())
                .with_hint("start no server there; compare the folder with the backup, and put it in order by hand")
        };
        let journal: Self =
            serde_json::from_slice(&text).map_err(|error| damaged(format!("is no journal: {error}")))?;
        if journal.schema != SCHEMA || journal.steps.len() > STEPS {
            return Err(damaged("is a journal of another version".into()));
        }
        if journal.is_sound() { Ok(Some(journal)) } else { Err(damaged("names places that no restore would".into())) }
    }

    /// Whether it names nothing outside of the data directory.
    fn is_sound(&self) -> bool {
        let mut names = self.taken.iter().map(|taken| &taken.name).chain([&self.manifest_name]);
        let mut folders = self.undoes.iter().chain([&self.previous]);
        names.all(|name| is_name(name))
            && folders.all(|name| is_name(name) && is_own(name))
            && self.steps.iter().flat_map(Step::paths).all(is_inside)
            && self.stamps.iter().all(|stamp| is_inside(&stamp.path))
    }
}

/// Where a new file lies while it is taken back.
fn saved(path: &str) -> String {
    format!("{WORK}/.saved-{path}")
}

/// One part of a path, and no way up.
fn is_name(name: &str) -> bool {
    let mut parts = Path::new(name).components();
    matches!((parts.next(), parts.next()), (Some(Component::Normal(_)), None)) && !name.contains('/')
}

fn is_own(name: &str) -> bool {
    name.starts_with(PREVIOUS) || name.starts_with(UNDONE)
}

/// A name in the data directory, or in one of the folders of a restore.
fn is_inside(path: &str) -> bool {
    match path.split_once('/') {
        None => is_name(path),
        Some((folder, name)) => {
            let mut rest = name.split('/');
            is_name(folder) && rest.all(is_name)
        }
    }
}

fn at(dir: &Path, what: &'static str, path: &str) -> impl FnOnce(io::Error) -> Error {
    let path = dir.join(path);
    move |error| Error::io(what, error).about(path.display().to_string())
}

fn link(dir: &Path, from: &str, to: &str) -> Result<()> {
    // Of a symbolic link the link itself gets a second name.
    fs::hard_link(dir.join(from), dir.join(to)).map_err(at(dir, "give it a second name", from))
}

fn rename(dir: &Path, from: &str, to: &str) -> Result<()> {
    fs::rename(dir.join(from), dir.join(to)).map_err(at(dir, "move it", from))
}

fn remove(dir: &Path, path: &str) -> Result<()> {
    match fs::remove_file(dir.join(path)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(at(dir, "remove it", path)(error)),
        _ => Ok(()),
    }
}

fn exchange(dir: &Path, path: &str, with: &str) -> Result<()> {
    swap(&dir.join(path), &dir.join(with)).map_err(at(dir, "exchange it with the new one", path))
}

/// Two folders, or two files, change places.
pub(super) fn swap(one: &Path, other: &Path) -> io::Result<()> {
    renameat_with(CWD, one, CWD, other, RenameFlags::EXCHANGE).map_err(io::Error::from)
}

/// What was renamed in a folder is on the disk when this returns.
pub(super) fn sync_folder(folder: &Path) -> Result<()> {
    let synced = File::open(folder).and_then(|open| open.sync_all());
    synced.map_err(|error| Error::io("sync the folder", error).about(folder.display().to_string()))
}

/// What a file is now.
pub(super) fn stamp(dir: &Path, path: &str) -> Option<Stamp> {
    let facts = dir.join(path).symlink_metadata().ok()?;
    let modified_ns = i128::from(facts.mtime()).saturating_mul(1_000_000_000).saturating_add(facts.mtime_nsec().into());
    Some(Stamp { path: path.to_owned(), inode: facts.ino(), bytes: facts.len(), modified_ns })
}
