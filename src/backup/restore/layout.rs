//! Where what is restored goes, and in which order, so that at no instant a server would start empty or half.
//!
//! ```text
//! setting             dump.rdb                appendonlydir            appendonly.aof
//! appendonly no       new                     new if it was there      gone
//! appendonly yes      new if it was there     new                      gone
//! not known           new                     new                      gone
//! yes, before 7.0     new if it was there     as it is                 new
//! ```
//! What was there of the other kind is replaced as well: a server that is started with another setting loads the same keys,
//! and neither old ones nor none. Both are one file with two names, so this takes no space. An append-only file with commands
//! cannot be a dump: it leaves an old dump where it is.
//!
//! One change is one rename. Of several, the first puts a folder of AOF files in place whose manifest no server reads, with
//! `appendonly yes` or `no`; the last takes it away again. Source: Redis 7.0.15, 7.4.1, 8.0.6 and 8.6.3, Valkey 8.1.1 and
//! 9.1.2. Servers before 7.0 do not look there: they load one of two files, each of which changes by one rename.

use super::ground::{Ground, WORK};
use super::journal::{Step, Taken};
use serde::Serialize;

/// What becomes of a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Change {
    Keep,
    New,
    Gone,
}

/// What becomes of the three places.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Layout {
    pub(super) dump: Change,
    pub(super) aof_dir: Change,
    pub(super) legacy: Change,
    /// Several places change, and servers know manifests.
    pub(super) barrier: bool,
    /// A server that appends reads the append-only file first.
    pub(super) log_first: bool,
}

/// What decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Wanted {
    /// Whether the server appends; none where nothing says it.
    pub(super) append_only: Option<bool>,
    /// It is a server before 7.0.
    pub(super) before_manifests: bool,
    /// There are commands in it.
    pub(super) has_log: bool,
}

impl Layout {
    pub(super) fn of(ground: &Ground, wanted: Wanted) -> Self {
        let Wanted { append_only, before_manifests, has_log } = wanted;
        let log_there = ground.aof_dir.is_there() || ground.legacy.is_there();
        let wants_log = append_only != Some(false) || log_there || has_log;
        let wants_dump = (append_only != Some(true) || ground.dump.is_there()) && !has_log;
        let new = |wanted| if wanted { Change::New } else { Change::Keep };
        let gone = |there| if there { Change::Gone } else { Change::Keep };
        let mut layout = Self {
            dump: new(wants_dump),
            aof_dir: if before_manifests { Change::Keep } else { new(wants_log) },
            legacy: if before_manifests { new(wants_log) } else { gone(ground.legacy.is_there()) },
            barrier: false,
            log_first: append_only != Some(false),
        };
        let changes = [layout.dump, layout.aof_dir, layout.legacy];
        layout.barrier = !before_manifests && changes.into_iter().filter(|change| *change != Change::Keep).count() > 1;
        layout
    }

    /// What it takes, and what was there.
    pub(super) fn taken(self, ground: &Ground) -> Vec<Taken> {
        let places = [
            (&ground.dump, self.dump, false),
            (&ground.aof_dir, self.aof_dir, true),
            (&ground.legacy, self.legacy, false),
        ];
        let changed = places.into_iter().filter(|(_, change, _)| *change != Change::Keep);
        let taken = changed.map(|(spot, change, is_folder)| Taken {
            name: spot.name.clone(),
            is_folder,
            had: spot.is_there(),
            new: change == Change::New,
        });
        taken.collect()
    }

    /// The steps. What is new lies ready in the folder of work, under the names of its places; what was there goes to `previous`.
    pub(super) fn steps(self, ground: &Ground, previous: &str) -> (Vec<Step>, Option<usize>) {
        let taken = self.taken(ground);
        let how = Order { previous, staged: WORK, barrier: self.barrier, log_first: self.log_first };
        order(&taken, &how)
    }
}

/// How the steps follow one another.
pub(super) struct Order<'a> {
    /// The folder that gets what was there.
    pub(super) previous: &'a str,
    /// The folder that has what is new.
    pub(super) staged: &'a str,
    pub(super) barrier: bool,
    pub(super) log_first: bool,
}

/// The folder of AOF files that no server starts on, while it lies ready, and after it was taken away.
pub(super) const BARRIER: &str = ".barrier";
const LIFTED: &str = ".lifted";

/// The steps that take these places, and which of them is the barrier. Inodes are filled in later.
pub(super) fn order(taken: &[Taken], how: &Order<'_>) -> (Vec<Step>, Option<usize>) {
    let staged = |name: &str| format!("{}/{name}", how.staged);
    let kept = |name: &str| format!("{}/{name}", how.previous);
    let work = |name: &str| format!("{WORK}/{name}");
    let mut steps = Vec::new();
    // Second names first: nothing changes for a server.
    for one in taken.iter().filter(|one| !one.is_folder && one.had && one.new) {
        steps.push(Step::Link { from: one.name.clone(), to: kept(&one.name) });
    }
    let files = |steps: &mut Vec<Step>| {
        for one in taken.iter().filter(|one| !one.is_folder) {
            steps.push(match (one.new, one.had) {
                (true, had) => {
                    let kept = had.then(|| kept(&one.name));
                    Step::Put { from: staged(&one.name), path: one.name.clone(), kept }
                }
                (false, _) => Step::Take { path: one.name.clone(), to: kept(&one.name) },
            });
        }
    };
    let folder = taken.iter().find(|one| one.is_folder);
    if !how.barrier || folder.is_none() {
        if let Some(one) = folder.filter(|one| one.new) {
            if one.had {
                steps.push(Step::Exchange { path: one.name.clone(), with: staged(&one.name), inode: 0 });
                steps.push(Step::Take { path: staged(&one.name), to: kept(&one.name) });
            } else {
                steps.push(Step::Put { from: staged(&one.name), path: one.name.clone(), kept: None });
            }
        } else if let Some(one) = folder {
            steps.push(Step::Take { path: one.name.clone(), to: kept(&one.name) });
        }
        let at = steps.len();
        files(&mut steps);
        if how.log_first {
            // The append-only file is the last of them.
            steps.get_mut(at..).unwrap_or_default().reverse();
        }
        return (steps, None);
    }
    let barrier = steps.len();
    let Some(folder) = folder else { return (steps, None) };
    if folder.had {
        steps.push(Step::Exchange { path: folder.name.clone(), with: work(BARRIER), inode: 0 });
        steps.push(Step::Take { path: work(BARRIER), to: kept(&folder.name) });
    } else {
        steps.push(Step::Put { from: work(BARRIER), path: folder.name.clone(), kept: None });
    }
    files(&mut steps);
    steps.push(if folder.new {
        Step::Exchange { path: folder.name.clone(), with: staged(&folder.name), inode: 0 }
    } else {
        Step::Take { path: folder.name.clone(), to: work(LIFTED) }
    });
    (steps, Some(barrier))
}
