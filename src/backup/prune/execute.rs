//! A plan carried out, so that it may stop at any moment.

use super::{PrunePlan, REMNANT_MS, Removal, basis, words};
use crate::backup::Clock;
use crate::backup::lock::Lock;
use crate::backup::retention::Limit;
use crate::base::{Cancel, Error, ErrorKind, Result, UnixMs};
use crate::report::{Gone, LockedObject, NotGone, Swept};
use crate::repository::{BackupName, PRUNE_SCHEMA, PruneRecord, Removed, Repository, Signer, Trusted};
use crate::store::{Deleted, ObjectInfo};
use std::collections::{BTreeMap, BTreeSet};

/// How a plan is carried out.
pub struct PruneOptions<'a> {
    /// Whose signatures count: those that the plan was made with.
    pub trusted: &'a Trusted,
    /// Who signs the record of what went. Needed where a backup that goes is signed.
    pub signer: Option<&'a Signer>,
    /// Who holds the lock: a name that helps whoever meets it, `host 1234`.
    pub owner: &'a str,
    /// Any number that differs between two of one millisecond.
    pub salt: u32,
    /// The clock.
    pub clock: Clock<'a>,
    /// How much may go at once.
    pub max_remove: Option<Limit>,
    /// Stops between two backups.
    pub cancel: Cancel,
}

/// What was done.
#[derive(Debug, Default)]
pub struct PruneDone {
    /// Backups that went, the oldest first.
    pub removed: Vec<Gone>,
    /// Backups that were to go and are still there, whole.
    pub failed: Vec<NotGone>,
    /// Objects that the store keeps, of backups that are none any more.
    pub locked: Vec<LockedObject>,
    /// Remnants that went.
    pub swept: Swept,
    /// What ended it before its end.
    pub stopped: Option<Error>,
}

/// Carries a plan out: under the lock of the repository, if everything it was made of is still so.
///
/// # Errors
/// Nothing has been removed then: [`ErrorKind::Refused`] if more would go than allowed, or something has changed since the
/// plan; [`ErrorKind::Crypto`] if nobody signs the record of signed backups; [`ErrorKind::Locked`] if somebody else prunes; what
/// the store says. What goes wrong later is in [`PruneDone`].
pub fn execute(repository: &Repository, plan: &PrunePlan, how: &PruneOptions<'_>) -> Result<PruneDone> {
    if let Some(limit) = how.max_remove {
        plan.check(limit)?;
    }
    if plan.needs_signer && how.signer.is_none() {
        let what = "backups that go are signed, and there is no key to sign the record of it with".to_owned();
        return Err(Error::new(ErrorKind::Crypto { what })
            .about(plan.instance.clone())
            .with_hint("without that record 'rediscover backup verify' would take them for stolen"));
    }
    let store = repository.store();
    let now = (how.clock)();
    let unfinished = format!("{}/", plan.instance);
    let edge = UnixMs(plan.planned_at.0.min(now.0).saturating_sub(REMNANT_MS));
    if plan.removed.is_empty() && plan.remnants.is_empty() {
        store.sweep(&unfinished, edge)?;
        return Ok(PruneDone { swept: plan.swept, ..PruneDone::default() });
    }
    let lock = Lock::take(repository, how.owner, how.salt, now)?;
    let mut done = PruneDone::default();
    let begun = begin(repository, plan, how, now);
    let failed = begun.is_err();
    let result = begun.and_then(|()| {
        remove_all(repository, plan, how, &lock, &mut done)?;
        sweep_all(repository, plan, how, &lock, &mut done)?;
        store.sweep(&unfinished, edge).map(drop)
    });
    // One that cannot be given back ends by itself.
    let released = lock.release(repository);
    match result {
        Err(error) if failed => return Err(error),
        Err(error) => done.stopped = Some(error),
        Ok(()) => done.stopped = released.err(),
    }
    Ok(done)
}

/// All that precedes the first removal: the look whether the plan still holds, and the record.
fn begin(repository: &Repository, plan: &PrunePlan, how: &PruneOptions<'_>, now: UnixMs) -> Result<()> {
    let there = basis(&repository.catalog(&plan.instance, how.trusted)?);
    if there != plan.basis {
        let differs = |name: &&BackupName| there.get(*name) != plan.basis.get(*name);
        let first = there.keys().chain(plan.basis.keys()).find(differs);
        let first = first.map(ToString::to_string).unwrap_or_default();
        return Err(changed(first));
    }
    if plan.removed.is_empty() {
        return Ok(());
    }
    let removed = plan.removed.iter().rev().map(|removal| Removed {
        name: removal.name.to_string(),
        manifest_sha256: removal.manifest_sha256.clone(),
        previous: removal.previous.clone(),
        reason: words(&removal.reasons).join("; "),
    });
    let record = PruneRecord {
        schema: PRUNE_SCHEMA.into(),
        instance: plan.instance.clone(),
        at: now.to_string(),
        removed: removed.collect(),
    };
    repository.record(&record, now, how.salt, how.signer)
}

fn changed(name: String) -> Error {
    let what = "has changed since the plan was made: nothing was removed".to_owned();
    Error::new(ErrorKind::Refused { what }).about(name).with_hint("run it again, for a new plan")
}

fn go_on(how: &PruneOptions<'_>, lock: &Lock) -> Result<()> {
    if how.cancel.is_cancelled() {
        return Err(Error::new(ErrorKind::Interrupted));
    }
    lock.check((how.clock)())
}

/// The oldest first: whoever stops it halfway has lost what mattered least.
fn remove_all(
    repository: &Repository,
    plan: &PrunePlan,
    how: &PruneOptions<'_>,
    lock: &Lock,
    done: &mut PruneDone,
) -> Result<()> {
    for removal in plan.removed.iter().rev() {
        go_on(how, lock)?;
        remove(repository, removal, done)?;
    }
    Ok(())
}

/// Removes one backup: the manifest, a look that it went, then the rest, and a look that all of it went.
fn remove(repository: &Repository, removal: &Removal, done: &mut PruneDone) -> Result<()> {
    let store = repository.store();
    let folder = format!("{}/", removal.name);
    if store.list(&folder)? != removal.objects {
        return Err(changed(removal.name.to_string()));
    }
    let manifest = removal.name.object("manifest.json");
    let mut stays = |problem: String, until: Option<UnixMs>| {
        let (name, locked_until) = (removal.name.to_string(), until.map(|until| until.to_string()));
        done.failed.push(NotGone { name, problem, locked_until });
    };
    if let Deleted::Locked { until } = store.delete(&manifest)? {
        stays("the store keeps it".to_owned(), until);
        return Ok(());
    }
    if store.head(&manifest)?.is_some() {
        stays("the store says that its manifest is gone, and it is still there".to_owned(), None);
        return Ok(());
    }
    // From here on it is no backup any more, whatever goes wrong.
    done.removed.push(removal.report());
    let mut rest: Vec<_> =
        removal.objects.iter().map(|object| object.name.as_str()).filter(|name| *name != manifest).collect();
    rest.sort_by_key(|name| (rank(name), *name));
    let mut kept = BTreeSet::new();
    for name in rest {
        if let Deleted::Locked { until } = store.delete(name)? {
            kept.insert(name.to_owned());
            let until = until.map(|until| until.to_string());
            done.locked.push(LockedObject { object: name.to_owned(), until });
        }
    }
    match store.list(&folder)?.into_iter().find(|object| !kept.contains(&object.name)) {
        None => Ok(()),
        Some(left) => {
            let what = "it was removed, and is still there".to_owned();
            Err(Error::new(ErrorKind::Store { op: "remove an object", what }).about(left.name))
        }
    }
}

/// What says something of a backup goes before its bytes: half of it misleads nobody.
fn rank(object: &str) -> u8 {
    match object.rsplit_once('.') {
        Some((rest, "minisig")) if rest.ends_with("/manifest.json") => 0,
        Some((_, "json")) => 1,
        Some((_, "minisig")) => 2,
        _ => 3,
    }
}

/// Removes remnants, folder by folder, unless a manifest has come.
fn sweep_all(
    repository: &Repository,
    plan: &PrunePlan,
    how: &PruneOptions<'_>,
    lock: &Lock,
    done: &mut PruneDone,
) -> Result<()> {
    let store = repository.store();
    done.swept.too_young = plan.swept.too_young;
    let mut folders: BTreeMap<&str, Vec<&ObjectInfo>> = BTreeMap::new();
    for object in &plan.remnants {
        if let Some((folder, _)) = object.name.rsplit_once('/') {
            folders.entry(folder).or_default().push(object);
        }
    }
    for (folder, objects) in folders {
        go_on(how, lock)?;
        let there = store.list(&format!("{folder}/"))?;
        if there.len() != objects.len() || !there.iter().zip(&objects).all(|(now, then)| now == *then) {
            done.swept.too_young = done.swept.too_young.saturating_add(there.len() as u64);
            continue;
        }
        for object in objects {
            match store.delete(&object.name)? {
                Deleted::Gone => {
                    done.swept.objects = done.swept.objects.saturating_add(1);
                    done.swept.bytes = done.swept.bytes.saturating_add(object.bytes);
                }
                Deleted::Locked { until } => {
                    let until = until.map(|until| until.to_string());
                    done.locked.push(LockedObject { object: object.name.clone(), until });
                }
            }
        }
    }
    Ok(())
}
