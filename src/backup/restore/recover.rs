//! What a restore has left that was killed: finished where a server could have noticed it, else taken back. And whether a
//! server would find anything in a folder at all.

use super::execute::{run, take_back};
use super::ground::{ENDED, JOURNAL, MARKED, PREVIOUS, RECORD, UNDOING, UNDONE, WORK};
use super::journal::{Journal, Kind, sync_folder};
use super::stage::lock;
use super::undo::clean_up;
use super::{Crash, RestoreOptions, running};
use crate::analysis::{CheckOptions, check};
use crate::base::{Error, ErrorKind, Result};
use crate::report::Verdict;
use crate::source::{DataDir, Loads, Origin, Place, ServerConfig};
use std::fs;
use std::path::{Path, PathBuf};

/// The most bytes of what a server would load that are read to see whether there are keys in it.
const SMALL_BYTES: u64 = 1 << 20;

/// What became of a restore that was killed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recovered {
    /// There was none.
    Nothing,
    /// It had changed nothing that a server reads, and is gone.
    TakenBack {
        /// It was an undoing.
        undo: bool,
    },
    /// It had begun to change what a server reads, and is complete now.
    Finished {
        /// What was restored.
        source: String,
        /// Where what was there before is kept.
        previous_set: PathBuf,
        /// It was an undoing.
        undo: bool,
    },
}

/// What [`recover`] would do, without doing it.
///
/// # Errors
/// As [`recover`].
pub(super) fn pending(dir: &Path) -> Result<Recovered> {
    if dir.join(WORK).symlink_metadata().is_err() {
        return Ok(Recovered::Nothing);
    }
    Ok(match Journal::read(&dir.join(WORK).join(JOURNAL))? {
        Some(journal) if journal.has_begun(dir) => Recovered::Finished {
            previous_set: dir.join(&journal.previous),
            undo: journal.kind == Kind::Undo,
            source: journal.source,
        },
        Some(journal) => Recovered::TakenBack { undo: journal.kind == Kind::Undo },
        // It had been ended, and only its folder of work was left.
        None if dir.join(WORK).join(ENDED).exists() => match last(dir)? {
            Some((previous, record)) => Recovered::Finished {
                previous_set: dir.join(previous),
                undo: record.kind == Kind::Undo,
                source: record.source,
            },
            None => Recovered::TakenBack { undo: false },
        },
        None => Recovered::TakenBack { undo: dir.join(WORK).join(UNDOING).exists() },
    })
}

/// Puts in order what a restore has left that was killed. The same folder always comes to the same end.
///
/// # Errors
/// [`ErrorKind::Locked`] where it is at work still; [`ErrorKind::Refused`] where a server runs there;
/// [`ErrorKind::Damaged`] where the journal cannot be read; [`ErrorKind::Io`].
pub fn recover(to: &Path, options: &RestoreOptions) -> Result<Recovered> {
    let failed = |error| Error::io("open the data directory", error).about(to.display().to_string());
    let dir = &to.canonicalize().map_err(failed)?;
    let _lock = lock(dir)?;
    let _ = fs::remove_dir_all(dir.join(MARKED));
    let pending = pending(dir)?;
    if pending == Recovered::Nothing {
        return Ok(left_by_undo(dir)?.unwrap_or(pending));
    }
    let work = dir.join(WORK);
    let Some(journal) = Journal::read(&work.join(JOURNAL))? else {
        // Killed while it fetched, or when it was done.
        fs::remove_dir_all(&work).map_err(|error| Error::io("remove it", error).about(work.display().to_string()))?;
        remove_empty(dir);
        sync_folder(dir)?;
        return Ok(left_by_undo(dir)?.unwrap_or(pending));
    };
    if !journal.has_begun(dir) {
        take_back(&journal, dir)?;
        return Ok(pending);
    }
    if let Some(found) = running::in_proc(dir) {
        let what = format!("a restore was killed here, and {}", found.what);
        return Err(Error::new(ErrorKind::Refused { what }).with_hint("stop it, then try again"));
    }
    run(&journal, dir, &mut Crash::after(options.stop_after))?;
    if journal.kind == Kind::Undo {
        clean_up(&journal, dir)?;
    }
    Ok(pending)
}

/// An undoing whose steps are all done, and that was killed before it had cleaned up.
fn left_by_undo(dir: &Path) -> Result<Option<Recovered>> {
    for name in names(dir, UNDONE)? {
        let Some(record) = Journal::read(&dir.join(&name).join(RECORD))? else { continue };
        if !record.undoes.as_ref().is_some_and(|undoes| dir.join(undoes).is_dir()) {
            continue;
        }
        clean_up(&record, dir)?;
        return Ok(Some(Recovered::Finished { previous_set: dir.join(name), undo: true, source: record.source }));
    }
    Ok(None)
}

/// The newest folder that keeps what was there before a restore, and its record.
pub(super) fn last(dir: &Path) -> Result<Option<(String, Journal)>> {
    for name in names(dir, PREVIOUS)? {
        if let Some(record) = Journal::read(&dir.join(&name).join(RECORD))? {
            return Ok(Some((name, record)));
        }
    }
    Ok(None)
}

/// The folders of a data directory whose names begin so, the newest first.
fn names(dir: &Path, beginning: &str) -> Result<Vec<String>> {
    let entries =
        dir.read_dir().map_err(|error| Error::io("read the folder", error).about(dir.display().to_string()))?;
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let mut names: Vec<_> = names.filter(|name| name.starts_with(beginning)).collect();
    names.sort_by(|one, other| other.cmp(one));
    Ok(names)
}

/// Folders for what was there before, made and not used.
fn remove_empty(dir: &Path) {
    for entry in dir.read_dir().into_iter().flatten().filter_map(std::result::Result::ok) {
        let name = entry.file_name();
        let is_own = name.to_str().is_some_and(|name| name.starts_with(PREVIOUS) || name.starts_with(UNDONE));
        if is_own {
            // Only an empty one goes.
            let _ = fs::remove_dir(entry.path());
        }
    }
}

/// What a server that starts there would load, in words; none where it would start without a key. What is small is read: a
/// server that was started there once has left files without keys.
///
/// # Errors
/// [`ErrorKind::Io`] if the folder cannot be read. [`ErrorKind::Refused`] where there is data that the server would not load.
pub fn would_load(dir: &Path, config: &ServerConfig, options: &RestoreOptions) -> Result<Option<String>> {
    let data = DataDir::read(dir, config)?;
    if let Some(refused) = data.refused {
        return Ok(Some(format!("a server does not start there: {refused}")));
    }
    let place = match &data.loads {
        Loads::MultiPart(set) => Place::Log(set.clone()),
        Loads::LegacyAof(path) | Loads::Rdb(path) => Place::Path(path.clone()),
        Loads::Nothing => {
            let Some(beside) = data.traps.iter().find(|trap| trap.kind == "starts-empty") else { return Ok(None) };
            let what = format!("{}: {}", dir.display(), beside.message);
            return Err(Error::new(ErrorKind::Refused { what })
                .with_hint("restore that first (SOURCE is the file that is there); or without --if-empty"));
        }
    };
    let origin = Origin::new(dir.display().to_string(), place);
    let bytes = origin.parts().iter().fold(0u64, |sum, part| match &part.place {
        Place::Path(path) => sum.saturating_add(path.metadata().map_or(0, |facts| facts.len())),
        _ => sum,
    });
    if bytes > SMALL_BYTES {
        return Ok(Some(data.why));
    }
    let judged = check(&origin, &CheckOptions { run: options.run.clone(), ..CheckOptions::default() }).outcome;
    let empty = judged.is_ok_and(|check| {
        let commands = check.log.map_or(0, |log| log.totals.commands);
        check.verdict == Verdict::Intact && check.keys == 0 && check.functions == 0 && commands == 0
    });
    Ok((!empty).then_some(data.why))
}
