//! What was there before a restore comes back, by steps like those that took it away.

use super::execute::{barrier, fill_inodes, run};
use super::ground::{Ground, PREVIOUS, RECORD, UNDONE};
use super::journal::{Journal, Kind, SCHEMA, Stamp, Taken, stamp, sync_folder};
use super::layout::{Order, order};
use super::plan::unused;
use super::recover::{Recovered, last, recover};
use super::stage::{begin_work, lock};
use super::{Crash, RestoreOptions, running};
use crate::base::{Error, ErrorKind, Result};
use crate::source::ServerConfig;
use std::fs;
use std::path::{Path, PathBuf};

/// A restore that was undone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Undone {
    /// What had been restored.
    pub source: String,
    /// Where the restored files are kept, with what a server has written since; none where nobody has been at them: then the
    /// folder is as it was before the restore.
    pub kept: Option<PathBuf>,
    /// It had not come to change anything yet.
    pub had_begun: bool,
}

/// Undoes the last restore into a data directory, or the one that was killed there. No server may run on it.
///
/// # Errors
/// [`ErrorKind::NothingToRead`] where there is none; [`ErrorKind::Refused`] where a server runs there; as
/// [`recover`](super::recover).
pub fn undo(to: &Path, options: &RestoreOptions) -> Result<Undone> {
    let failed = |error| Error::io("open the data directory", error).about(to.display().to_string());
    let dir = &to.canonicalize().map_err(failed)?;
    match recover(dir, options)? {
        Recovered::TakenBack { undo: false } => {
            return Ok(Undone { source: String::new(), kept: None, had_begun: false });
        }
        Recovered::Finished { source, previous_set, undo: true } => {
            let kept = previous_set.is_dir().then_some(previous_set);
            return Ok(Undone { source, kept, had_begun: true });
        }
        _ => {}
    }
    let mut lock = lock(dir)?;
    let Some((previous, record)) = last(dir)? else {
        let what = format!("{} holds no record of a restore ({PREVIOUS}…/{RECORD})", dir.display());
        return Err(Error::new(ErrorKind::NothingToRead { what }));
    };
    if let Some(found) = running::running(dir, &options.config)
        && (found.certain || !options.force)
    {
        return Err(Error::new(ErrorKind::Refused { what: found.what }).with_hint("stop it, then try again"));
    }
    let journal = journal(dir, &previous, &record, options)?;
    let mut crash = Crash::after(options.stop_after);
    crash.point()?;
    let mut work = begin_work(dir, true)?;
    let result = carry_out(dir, journal, &mut crash);
    if crash.has_come() {
        work.keep();
    }
    lock.take();
    result
}

/// The journal of the undoing: each place gets what it had.
fn journal(dir: &Path, previous: &str, record: &Journal, options: &RestoreOptions) -> Result<Journal> {
    let is_there = |name: &str| dir.join(name).symlink_metadata().is_ok();
    let taken: Vec<_> = record
        .taken
        .iter()
        .map(|one| Taken { had: is_there(&one.name), new: one.had, ..one.clone() })
        .filter(|one| one.had || one.new)
        .collect();
    for one in taken.iter().filter(|one| one.new) {
        let kept = format!("{previous}/{}", one.name);
        if !is_there(&kept) {
            let what = format!("{} is not there any more: it cannot be put back", dir.join(kept).display());
            return Err(Error::new(ErrorKind::NothingToRead { what }));
        }
    }
    let undone = unused(dir, UNDONE, options.now);
    let several = taken.len() > 1;
    let barrier = several && taken.iter().any(|one| one.is_folder);
    let how = Order { previous: &undone, staged: previous, barrier, log_first: true };
    let (mut steps, barrier) = order(&taken, &how);
    // Of the barrier's own exchange the inode is filled in when it lies ready.
    fill_inodes_there(dir, &mut steps);
    Ok(Journal {
        schema: SCHEMA.to_owned(),
        kind: Kind::Undo,
        source: record.source.clone(),
        started: options.now.to_string(),
        previous: undone,
        undoes: Some(previous.to_owned()),
        manifest_name: record.manifest_name.clone(),
        barrier,
        steps,
        taken,
        stamps: record.stamps.clone(),
    })
}

fn fill_inodes_there(dir: &Path, steps: &mut [super::journal::Step]) {
    for step in steps {
        let _ = fill_inodes(dir, std::slice::from_mut(step));
    }
}

fn carry_out(dir: &Path, mut journal: Journal, crash: &mut Crash) -> Result<Undone> {
    if journal.barrier.is_some() {
        let mut ground = Ground::survey(dir, &ServerConfig::default())?;
        ground.manifest_name.clone_from(&journal.manifest_name);
        crash.point()?;
        barrier(&ground, &ground.owner(None))?;
        fill_inodes(dir, &mut journal.steps)?;
    }
    crash.point()?;
    let kept = dir.join(&journal.previous);
    fs::create_dir(&kept).map_err(|error| Error::io("make the folder", error).about(kept.display().to_string()))?;
    crash.point()?;
    journal.write(dir).inspect_err(|_| {
        let _ = fs::remove_dir(&kept);
    })?;
    run(&journal, dir, crash)?;
    crash.point()?;
    let changed = clean_up(&journal, dir)?;
    Ok(Undone { source: journal.source, kept: changed.then_some(kept), had_begun: true })
}

/// After the steps: the folder that kept what was there is empty but for its record, and goes. The restored files go where
/// nobody has been at them since; they are in the backup. Says whether they are kept.
pub(super) fn clean_up(journal: &Journal, dir: &Path) -> Result<bool> {
    let kept = dir.join(&journal.previous);
    let unchanged = is_unchanged(journal, dir);
    let removed = |path: &Path| {
        let failed = |error| Error::io("remove it", error).about(path.display().to_string());
        if path.is_dir() { fs::remove_dir_all(path).map_err(failed) } else { Ok(()) }
    };
    if let Some(undone) = &journal.undoes {
        // Everything that was kept there has been put back; the barrier may lie there. First: its record says that there is
        // something to undo.
        removed(&dir.join(undone))?;
        sync_folder(dir)?;
    }
    if unchanged {
        removed(&kept)?;
    }
    sync_folder(dir)?;
    Ok(!unchanged)
}

/// Whether what was taken away is what the restore had put there, and nothing else.
fn is_unchanged(journal: &Journal, dir: &Path) -> bool {
    let mut found: Vec<Stamp> = Vec::new();
    for one in journal.taken.iter().filter(|one| one.had) {
        let place = format!("{}/{}", journal.previous, one.name);
        if !one.is_folder {
            let Some(own) = stamp(dir, &place) else { return false };
            found.push(Stamp { path: one.name.clone(), ..own });
            continue;
        }
        let Ok(files) = dir.join(&place).read_dir() else { return false };
        for file in files.filter_map(std::result::Result::ok) {
            let name = file.file_name();
            let (Some(name), true) = (name.to_str(), file.path().is_file()) else { return false };
            let Some(own) = stamp(dir, &format!("{place}/{name}")) else { return false };
            found.push(Stamp { path: format!("{}/{name}", one.name), ..own });
        }
    }
    found.sort_by(|one, other| one.path.cmp(&other.path));
    found == journal.stamps
}
