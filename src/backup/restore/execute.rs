//! A plan carried out: what was fetched is made ready under the names of its places, the journal is written, and the steps are
//! done. Where one fails, all are taken back.

use super::ground::{ENDED, Ground, JOURNAL, RECORD, WORK};
use super::journal::{Journal, Kind, SCHEMA, Step, stamp, swap, sync_folder};
use super::layout::BARRIER;
use super::plan::RestorePlan;
use super::stage::{Staged, StagedFiles, manifest_of, part_name, write_new};
use super::{Crash, RestoreOptions, running};
use crate::aof::{Entry, Role};
use crate::base::{Error, ErrorKind, Result};
use crate::mend::Owner;
use std::ffi::CStr;
use std::fs::{self, DirBuilder, File, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};

/// What stands in the manifest that no server reads: their logs show the line.
const REFUSES: &str =
    "a restore is under way here, or was killed: 'rediscover restore --undo DIR' or another restore ends it\n";
/// The attribute that has the security label of a file.
const LABEL: &CStr = c"security.selinux";

/// A restore that was carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restored {
    /// Where what was there before is kept.
    pub previous_set: PathBuf,
    /// What to know of it.
    pub warnings: Vec<String>,
}

/// Carries a plan out. At no instant would a server that starts there find nothing, or half: it loads what was there, what is
/// restored, or refuses. Where a step fails, the folder is as it was.
///
/// # Errors
/// [`ErrorKind::Refused`] with what stands against it, where the plan was refused or a server was started meanwhile;
/// [`ErrorKind::Io`]; [`ErrorKind::Interrupted`] before anything has changed.
pub fn execute(plan: &RestorePlan, mut staged: Staged, options: &RestoreOptions) -> Result<Restored> {
    if let Some(first) = plan.refused.first() {
        return Err(Error::new(ErrorKind::Refused { what: first.what.clone() }).with_hint(first.way_out.clone()));
    }
    if options.run.cancel.is_cancelled() {
        return Err(Error::new(ErrorKind::Interrupted));
    }
    let mut crash = std::mem::replace(&mut staged.crash, Crash::after(None));
    let done = carry_out(plan, &staged, options, &mut crash);
    if crash.has_come() {
        staged.work.keep();
    }
    let mut restored = done?;
    drop(staged.lock);
    restored.warnings.splice(0..0, staged.warnings.iter().cloned());
    Ok(restored)
}

fn carry_out(plan: &RestorePlan, staged: &Staged, options: &RestoreOptions, crash: &mut Crash) -> Result<Restored> {
    let ground = &plan.ground;
    let dir = &ground.dir;
    make_ready(plan, staged, options, crash)?;
    let mut steps = plan.moves.clone();
    fill_inodes(dir, &mut steps)?;
    let journal = Journal {
        schema: SCHEMA.to_owned(),
        kind: Kind::Restore,
        source: plan.source.clone(),
        started: options.now.to_string(),
        previous: plan.previous.clone(),
        undoes: None,
        manifest_name: ground.manifest_name.clone(),
        barrier: plan.barrier,
        steps,
        taken: plan.taken.clone(),
        stamps: stamps(dir, plan),
    };
    crash.point()?;
    make_folder(&plan.previous_set)?;
    crash.point().map_err(|error| unmade(error, crash, &plan.previous_set))?;
    journal.write(dir).inspect_err(|_| {
        let _ = fs::remove_dir(&plan.previous_set);
    })?;
    run(&journal, dir, crash)?;
    let mut warnings = Vec::new();
    if plan.barrier.is_none()
        && let Some(found) = running::in_proc(dir)
    {
        warnings.push(format!(
            "{}: it was started meanwhile, and holds what was there before or what is there now",
            found.what
        ));
    }
    Ok(Restored { previous_set: plan.previous_set.clone(), warnings })
}

/// A test's crash leaves everything.
fn unmade(error: Error, crash: &Crash, folder: &Path) -> Error {
    if !crash.has_come() {
        let _ = fs::remove_dir(folder);
    }
    error
}

/// Does the steps of a journal that is written, and ends it. Where one fails, takes all back.
pub(super) fn run(journal: &Journal, dir: &Path, crash: &mut Crash) -> Result<()> {
    let done = forward(journal, dir, crash);
    let Err(error) = done else { return Ok(()) };
    if crash.has_come() {
        return Err(error);
    }
    match take_back(journal, dir) {
        Ok(()) => Err(error),
        Err(other) => {
            let hint = format!("{other}; start no server there before 'rediscover restore --undo {}'", dir.display());
            Err(error.with_hint(hint))
        }
    }
}

/// Takes the steps back, then the journal goes, and what was made for it.
pub(super) fn take_back(journal: &Journal, dir: &Path) -> Result<()> {
    journal.roll_back(dir)?;
    // Only now: what is without a journal was never begun.
    let file = dir.join(WORK).join(JOURNAL);
    fs::remove_file(&file).map_err(|error| Error::io("remove the journal", error).about(file.display().to_string()))?;
    let _ = fs::remove_dir(dir.join(&journal.previous));
    let _ = fs::remove_dir_all(dir.join(WORK));
    sync_folder(dir)
}

fn forward(journal: &Journal, dir: &Path, crash: &mut Crash) -> Result<()> {
    for (at, step) in journal.steps.iter().enumerate() {
        crash.point()?;
        step.forward(dir)?;
        if journal.barrier == Some(at)
            && let Some(found) = running::in_proc(dir)
        {
            // It was started before the barrier stood, and after we had looked.
            let what = format!("{}: it was started meanwhile", found.what);
            let kind = ErrorKind::Refused { what };
            return Err(Error::new(kind).with_hint("stop it, and keep it from being started again, then restore"));
        }
    }
    crash.point()?;
    finish(journal, dir, crash)
}

/// The journal becomes the record of what was done: from here on the restore is complete.
fn finish(journal: &Journal, dir: &Path, crash: &mut Crash) -> Result<()> {
    let work = dir.join(WORK);
    let record = dir.join(&journal.previous).join(RECORD);
    // Without a journal and with this, it is done; without both, it was never begun.
    let ended = work.join(ENDED);
    if !ended.exists() {
        write_new(&ended, &[])?;
    }
    sync_folder(&work)?;
    let renamed = fs::rename(work.join(JOURNAL), &record);
    renamed.map_err(|error| Error::io("end the journal", error).about(record.display().to_string()))?;
    sync_folder(&dir.join(&journal.previous))?;
    sync_folder(&work)?;
    crash.point()?;
    // What is left there is ours, or the barrier.
    let _ = fs::remove_dir_all(&work);
    sync_folder(dir)
}

/// Lays what was fetched under the names of its places, in the folder of work, as whom it will belong to.
fn make_ready(plan: &RestorePlan, staged: &Staged, options: &RestoreOptions, crash: &mut Crash) -> Result<()> {
    let ground = &plan.ground;
    let work = ground.path(WORK);
    let owner = ground.owner(options.owner);
    let label = ground.old_file().and_then(|(path, _)| label(&path));
    let file = single(staged);
    let mut first: Option<PathBuf> = None;
    for one in plan.taken.iter().filter(|one| one.new) {
        crash.point()?;
        let place = work.join(&one.name);
        if !one.is_folder {
            match (&first, &file) {
                (Some(first), _) => link(first, &place)?,
                (None, Some(file)) => {
                    link(file, &place)?;
                    dress(&place, owner, label.as_deref())?;
                }
                (None, None) => joined(staged, &place, owner, label.as_deref())?,
            }
            first.get_or_insert(place);
            continue;
        }
        let folder_owner = Owner { mode: ground.folder_mode(), ..owner };
        make_folder(&place)?;
        let parts = match (&file, &staged.files) {
            (None, StagedFiles::Parts(parts)) => parts.clone(),
            (file, _) => {
                let path = file.clone().unwrap_or_default();
                vec![(path, base())]
            }
        };
        let name = |path: &Path, entry: &Entry| part_name(&ground.family, path, entry);
        for (path, entry) in &parts {
            let part = place.join(name(path, entry));
            link(path, &part)?;
            dress(&part, owner, label.as_deref())?;
            if file.is_some() {
                first.get_or_insert(part);
            }
        }
        let manifest = place.join(&ground.manifest_name);
        write_new(&manifest, &manifest_of(&parts, &|path, entry| name(path, entry).into_bytes()))?;
        dress(&manifest, owner, label.as_deref())?;
        dress(&place, folder_owner, None)?;
    }
    if plan.barrier.is_some() {
        crash.point()?;
        barrier(ground, &ground.owner(options.owner))?;
    }
    if plan.moves.iter().any(|step| matches!(step, Step::Exchange { .. })) {
        try_exchange(&work)?;
    }
    sync_folder(&work)
}

/// The folder of AOF files on which no server starts.
pub(super) fn barrier(ground: &Ground, owner: &Owner) -> Result<()> {
    let folder = ground.path(WORK).join(BARRIER);
    make_folder(&folder)?;
    let manifest = folder.join(&ground.manifest_name);
    write_new(&manifest, REFUSES.as_bytes())?;
    // The server has to be able to read it, to refuse.
    dress(&manifest, *owner, None)?;
    dress(&folder, Owner { mode: 0o700, ..*owner }, None)
}

/// The one file that is all of it; none where there are several with commands in them.
fn single(staged: &Staged) -> Option<PathBuf> {
    match &staged.files {
        StagedFiles::One(path) => Some(path.clone()),
        StagedFiles::Parts(parts) if !staged.facts.has_log => {
            parts.iter().find(|(_, entry)| entry.role == Role::Base).map(|(path, _)| path.clone())
        }
        StagedFiles::Parts(_) => None,
    }
}

fn base() -> Entry {
    Entry { file: Vec::new(), seq: 1, role: Role::Base, start_offset: None, end_offset: None, line: 0 }
}

/// The parts one after the other, for a server that knows no manifests: an RDB before commands is its preamble.
fn joined(staged: &Staged, place: &Path, owner: Owner, label: Option<&[u8]>) -> Result<()> {
    let StagedFiles::Parts(parts) = &staged.files else { return Ok(()) };
    let failed = |error| Error::io("write it", error).about(place.display().to_string());
    write_new(place, &[])?;
    let mut out = fs::OpenOptions::new().append(true).open(place).map_err(failed)?;
    for (path, _) in parts {
        let mut part = File::open(path).map_err(failed)?;
        io::copy(&mut part, &mut out).map_err(failed)?;
    }
    out.sync_all().map_err(failed)?;
    dress(place, owner, label)
}

/// Owner, mode and label, on the disk when this returns.
fn dress(path: &Path, owner: Owner, label: Option<&[u8]>) -> Result<()> {
    let set = || {
        let facts = path.symlink_metadata()?;
        if (facts.uid(), facts.gid()) != (owner.uid, owner.gid) {
            chown(path, Some(owner.uid), Some(owner.gid))?;
        }
        fs::set_permissions(path, Permissions::from_mode(owner.mode))?;
        if let Some(label) = label {
            // Where there are no labels, or no right to set them, it has the folder's.
            let _ = rustix::fs::setxattr(path, LABEL, label, rustix::fs::XattrFlags::empty());
        }
        File::open(path)?.sync_all()
    };
    set().map_err(|error| Error::io("give it to its owner", error).about(path.display().to_string()))
}

fn label(path: &Path) -> Option<Vec<u8>> {
    let mut value = vec![0u8; 4096];
    let length = rustix::fs::getxattr(path, LABEL, &mut value).ok()?;
    value.truncate(length);
    Some(value)
}

fn link(from: &Path, to: &Path) -> Result<()> {
    fs::hard_link(from, to).map_err(|error| {
        Error::io("give it a second name", error)
            .about(from.display().to_string())
            .with_hint("the file system of the data directory has to know hard links")
    })
}

fn make_folder(path: &Path) -> Result<()> {
    let made = DirBuilder::new().mode(0o700).create(path);
    made.map_err(|error| Error::io("make the folder", error).about(path.display().to_string()))
}

/// Whether two folders can change places here.
fn try_exchange(work: &Path) -> Result<()> {
    let (one, other) = (work.join(".one"), work.join(".other"));
    make_folder(&one)?;
    make_folder(&other)?;
    swap(&one, &other).map_err(|error| {
        let what = format!("the file system of {} cannot exchange two folders: {error}", work.display());
        Error::new(ErrorKind::Refused { what })
            .with_hint("restore into an empty folder beside it, and point the server's `dir` there")
    })?;
    let _ = fs::remove_dir(&one);
    let _ = fs::remove_dir(&other);
    Ok(())
}

/// What an exchange puts in place is told from what was there by its inode.
pub(super) fn fill_inodes(dir: &Path, steps: &mut [Step]) -> Result<()> {
    for step in steps {
        if let Step::Exchange { with, inode, .. } = step {
            let facts = dir.join(&*with).symlink_metadata();
            *inode = facts.map_err(|error| Error::io("look at it", error).about(with.clone()))?.ino();
        }
    }
    Ok(())
}

/// What is put in place, as it is when it lies ready.
fn stamps(dir: &Path, plan: &RestorePlan) -> Vec<super::journal::Stamp> {
    let mut stamps = Vec::new();
    for one in plan.taken.iter().filter(|one| one.new) {
        let ready = format!("{WORK}/{}", one.name);
        if !one.is_folder {
            stamps.extend(stamp(dir, &ready).map(|own| super::journal::Stamp { path: one.name.clone(), ..own }));
            continue;
        }
        let files = dir.join(&ready).read_dir().into_iter().flatten().filter_map(io::Result::ok);
        for file in files {
            let name = file.file_name();
            let Some(name) = name.to_str() else { continue };
            let found = stamp(dir, &format!("{ready}/{name}"));
            stamps.extend(found.map(|own| super::journal::Stamp { path: format!("{}/{name}", one.name), ..own }));
        }
    }
    stamps.sort_by(|one, other| one.path.cmp(&other.path));
    stamps
}
