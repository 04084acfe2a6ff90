//! The plan of a restore: what is done, in which order, and what stands against it. Nothing is changed.

use super::facts::Facts;
use super::ground::{Ground, PREVIOUS, WORK};
use super::incoming::{Form, Incoming};
use super::journal::{Step, Taken};
use super::layout::{BARRIER, Layout, Wanted};
use super::preflight::{Case, preflight};
use super::{Refusal, RestoreOptions, Staged};
use crate::analysis::SERVERS;
use crate::base::{Error, ErrorKind, Result, Silent, UnixMs};
use crate::pipeline::{Prologue, RowSource, RunOptions, Selection, rows};
use crate::rdb::{Depth, Head, Item};
use crate::source::{Hashes, Origin, Place, open};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What a restore will do, in its order.
#[derive(Debug, Clone)]
pub struct RestorePlan {
    /// What is restored, as reports call it.
    pub source: String,
    /// The steps.
    pub steps: Vec<PlanStep>,
    /// What stands against it: with any of these nothing is done.
    pub refused: Vec<Refusal>,
    /// What to know before.
    pub warnings: Vec<String>,
    /// Where what is there now is kept: a folder in the data directory.
    pub previous_set: PathBuf,
    /// Keys that the server has when it has loaded it, per database; none where that cannot be told.
    pub expected: Option<BTreeMap<u64, u64>>,
    /// Of the keys in the file those that are gone when a server has loaded it, per database.
    pub expired: BTreeMap<u64, u64>,
    /// What to run when the server has been started.
    pub verify: String,
    pub(super) ground: Ground,
    pub(super) taken: Vec<Taken>,
    pub(super) moves: Vec<Step>,
    pub(super) barrier: Option<usize>,
    pub(super) previous: String,
}

/// One step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanStep {
    /// From 1.
    pub step: u64,
    /// What it is about, in the data directory.
    pub path: PathBuf,
    /// What is done there.
    pub action: String,
}

/// What is known of what is to be restored.
#[derive(Clone, Copy)]
pub enum Known<'a> {
    /// Nothing yet: only what can be said before it is read stands in the plan.
    Nothing,
    /// It was read where it is.
    Inspected(&'a Facts),
    /// It was fetched.
    Staged(&'a Staged),
}

impl<'a> Known<'a> {
    fn facts(self) -> Option<&'a Facts> {
        match self {
            Known::Nothing => None,
            Known::Inspected(facts) => Some(facts),
            Known::Staged(staged) => Some(&staged.facts),
        }
    }
}

/// Plans the restore of something into a data directory, and says all that stands against it. Changes nothing; looks at the folder, /proc, and where the server would listen.
///
/// # Errors
/// [`ErrorKind::Io`](crate::base::ErrorKind::Io) where the folder cannot be looked into;
/// [`ErrorKind::Unsupported`](crate::base::ErrorKind::Unsupported) for what no server loads.
pub fn plan(incoming: &Incoming, known: Known<'_>, to: &Path, options: &RestoreOptions) -> Result<RestorePlan> {
    let facts = known.facts();
    let staged = matches!(known, Known::Staged(_));
    let ground = Ground::survey(to, &options.config)?;
    let form = incoming.form()?;
    let has_log = facts.map_or(form != Form::Dump, |facts| facts.has_log);
    let said = options.config.append_only.filter(|_| options.config.file.is_some());
    let append_only = match (options.append_only, said) {
        (Some(asked), Some(said)) if asked != said => None,
        (asked, said) => asked.or(said),
    };
    let target = target(&ground, options);
    // One that is only thought to be so old is not, where there is a folder of AOF files: it would load that.
    let may_be_old = options.target.is_some() || !ground.aof_dir.is_there();
    let before_manifests = may_be_old && target.as_ref().is_some_and(|(server, _)| is_before_manifests(server));
    let layout = Layout::of(&ground, Wanted { append_only, before_manifests, has_log });
    let previous = unused(&ground.dir, PREVIOUS, options.now);
    let (moves, barrier) = layout.steps(&ground, &previous);
    let to_write = (!staged).then(|| match facts {
        Some(facts) => Some(facts.bytes),
        None => {
            incoming.data().map(|file| file.expected.as_ref().map(|expected| expected.raw_bytes).or(file.bytes)).sum()
        }
    });
    let case = Case {
        ground: &ground,
        facts,
        staged,
        to_write: to_write.unwrap_or(Some(0)),
        has_log,
        append_only,
        target,
        options,
    };
    let verdict = preflight(&case);
    let expected = facts.and_then(Facts::expected);
    let mut plan = RestorePlan {
        source: incoming.name.clone(),
        steps: Vec::new(),
        refused: verdict.refused,
        warnings: verdict.warnings,
        previous_set: ground.path(&previous),
        expected,
        expired: facts.map(|facts| facts.expired.clone()).unwrap_or_default(),
        verify: incoming.verify.clone().unwrap_or_else(|| "redis-cli INFO keyspace".to_owned()),
        taken: layout.taken(&ground),
        moves,
        barrier,
        previous,
        ground,
    };
    plan.steps = described(&plan, incoming, options);
    Ok(plan)
}

/// Each step in words.
fn described(plan: &RestorePlan, incoming: &Incoming, options: &RestoreOptions) -> Vec<PlanStep> {
    let ground = &plan.ground;
    let mut steps = Vec::new();
    let mut add = |path: &str, action: String| {
        let step = (steps.len() as u64).saturating_add(1);
        steps.push(PlanStep { step, path: ground.path(path), action });
    };
    let owner = ground.owner(options.owner);
    add(WORK, format!("write {} there, hash it, and read every value of it again from the disk", incoming.name));
    for one in plan.taken.iter().filter(|one| one.new) {
        let what = if one.is_folder { "as base and manifest" } else { "as one file" };
        let action =
            format!("make it ready {what}: owner {}:{}, mode {:04o}, synced", owner.uid, owner.gid, owner.mode);
        add(&format!("{WORK}/{}", one.name), action);
    }
    add(&plan.previous, "make it, for what is there now".to_owned());
    add(&format!("{WORK}/journal.json"), "write down the steps that follow: whoever finds it finishes them".to_owned());
    for (at, step) in plan.moves.iter().enumerate() {
        let last = at.checked_add(1) == Some(plan.moves.len());
        match step {
            Step::Link { from, to } => add(from, format!("keep it: a second name for it, {to}")),
            Step::Put { from, path, .. } if from.ends_with(BARRIER) => {
                add(path, "put a manifest there that no server reads: until the end none starts".to_owned());
            }
            Step::Put { path, kept, .. } => {
                let verb = if kept.is_some() { "replace" } else { "put" };
                add(path, format!("{verb} it by one rename"));
            }
            Step::Exchange { path, with, .. } if with.ends_with(BARRIER) => {
                add(
                    path,
                    "exchange it for one with a manifest that no server reads: until the end none starts".to_owned(),
                );
            }
            Step::Exchange { path, .. } => add(path, "exchange it for the new one".to_owned()),
            Step::Take { path, to } if last => add(path, format!("take it away, to {to}")),
            Step::Take { to, .. } => add(to, "keep what was there".to_owned()),
        }
        if plan.barrier == Some(at) {
            add("", "look again whether a server runs there".to_owned());
        }
    }
    add(WORK, "remove it".to_owned());
    steps
}

/// The server that is to load it: as asked for, else the one that wrote what is there.
fn target(ground: &Ground, options: &RestoreOptions) -> Option<(String, String)> {
    if let Some(target) = &options.target {
        return Some((target.clone(), "--target".to_owned()));
    }
    let (path, _) = ground.old_file()?;
    let version = written_by(&path, options)?;
    let (family, version) = version.split_once(' ')?;
    let mut numbers = version.split('.');
    let (major, minor) = (numbers.next()?, numbers.next()?);
    let name = format!("{family}-{major}.{minor}");
    // One between two that are known is judged as the older.
    let known = SERVERS.iter().find(|server| **server == name)?;
    Some(((*known).to_owned(), format!("it wrote {}", path.file_name().unwrap_or_default().display())))
}

/// What a file says of the server that wrote it.
fn written_by(path: &Path, options: &RestoreOptions) -> Option<String> {
    let origin = Origin::new("old", Place::Path(path.to_owned()));
    let mut stream = open(&origin, Hashes::default(), Arc::new(Silent)).ok()?;
    // What stands before the keys is enough.
    let run = RunOptions { threads: 1, progress: Arc::new(Silent), ..options.run.clone() };
    let found = RefCell::new(None);
    let make = |prologue: &Prologue, _| {
        *found.borrow_mut() = prologue.server();
        Nothing
    };
    let mut enough = |()| Err(Error::new(ErrorKind::Interrupted));
    let _ = rows(&mut stream, make, &Selection::default(), &run, &mut enough);
    found.into_inner()
}

/// Looks at nothing.
struct Nothing;

impl RowSource for Nothing {
    type Rows = ();

    fn wants_writes(&self) -> bool {
        false
    }

    fn depth(&self, _: &Head<'_>) -> Depth {
        Depth::Keys
    }

    fn observe(&mut self, _: &Item<'_>) {}

    fn take(&mut self) {}
}

/// Servers that know one append-only file, and no manifest.
fn is_before_manifests(server: &str) -> bool {
    ["redis-4.", "redis-5.", "redis-6.", "keydb-"].iter().any(|old| server.starts_with(old))
}

/// `pre-restore-20261123T031000.123Z`: sorts by time, and is not there yet.
pub(super) fn unused(dir: &Path, beginning: &str, now: UnixMs) -> String {
    let stamp = now.rfc3339().unwrap_or_else(|| now.0.to_string()).replace(['-', ':'], "");
    let mut name = format!("{beginning}{stamp}");
    // Two in one millisecond, or a clock that was put back.
    let mut number = 1u32;
    while dir.join(&name).symlink_metadata().is_ok() && number < 1000 {
        number = number.saturating_add(1);
        name = format!("{beginning}{stamp}-{number:03}");
    }
    name
}
