//! Prune: what a policy keeps is planned, printed, and only then done.
//!
//! ```text
//! catalog ─► retention ─► PrunePlan ─► lock ─► the same again? ─► signed record ─► one backup after the other, the oldest first:
//!                         prints                no: stop                            manifest ─► gone? ─► signature, sidecars, payloads
//! ```
//! Without its manifest a backup is none. So whenever this stops, what still has a manifest is whole, and what has none is a
//! remnant that the next prune sweeps, once it is a day old: a younger one may be a backup that is being taken.

mod execute;
mod forget;

pub use execute::{PruneDone, PruneOptions, execute};
pub use forget::plan_forget;

use crate::backup::retention::{self, Limit, Reason, Retention, Snapshot};
use crate::base::{Error, ErrorKind, Result, UnixMs};
use crate::report::{Gone, Kept, Swept};
use crate::repository::{Backup, BackupName, BackupStatus, Catalog, Level, Previous, Repository, Signature, Trusted};
use crate::store::ObjectInfo;
use std::collections::BTreeMap;

/// Remnants younger than this may be a backup that is being taken.
const REMNANT_MS: i64 = 86_400_000;
/// Objects that are named in one warning.
const NAMED: usize = 3;

/// What becomes of the backups of one instance. Nothing has been done.
#[derive(Debug, Clone, PartialEq)]
pub struct PrunePlan {
    /// Whose backups.
    pub instance: String,
    /// Those that stay, the newest first.
    pub kept: Vec<Kept>,
    /// Those that go, the newest first.
    pub removed: Vec<Removal>,
    /// Remnants of unfinished backups that go, and the number of those that are too young.
    pub swept: Swept,
    /// What somebody should look at.
    pub warnings: Vec<String>,
    /// The policy would keep none of the backups that count, so all stay.
    pub keeps_none: bool,
    remnants: Vec<ObjectInfo>,
    basis: Basis,
    planned_at: UnixMs,
    needs_signer: bool,
}

/// A backup that goes.
#[derive(Debug, Clone, PartialEq)]
pub struct Removal {
    /// Its name.
    pub name: BackupName,
    /// Why, at least one.
    pub reasons: Vec<Reason>,
    /// SHA-256 of its manifest.
    pub manifest_sha256: String,
    /// The backup before it.
    pub previous: Option<Previous>,
    /// All its objects.
    pub objects: Vec<ObjectInfo>,
}

impl Removal {
    /// Bytes of all its objects.
    pub fn bytes(&self) -> u64 {
        self.objects.iter().fold(0, |sum, object| sum.saturating_add(object.bytes))
    }

    /// As it is reported.
    pub fn report(&self) -> Gone {
        Gone { name: self.name.to_string(), reasons: words(&self.reasons), bytes: self.bytes() }
    }
}

/// What a plan was made of: by name, the hash of the manifest and the objects. A plan holds for this and nothing else.
type Basis = BTreeMap<BackupName, (String, Vec<ObjectInfo>)>;

impl PrunePlan {
    /// How many backups the instance has.
    pub fn all(&self) -> u64 {
        (self.kept.len() as u64).saturating_add(self.removed.len() as u64)
    }

    /// Whether so much may go at once.
    ///
    /// # Errors
    /// [`ErrorKind::Refused`]: more would go than the limit allows.
    pub fn check(&self, max_remove: Limit) -> Result<()> {
        let goes = self.removed.len() as u64;
        if max_remove.allows(goes, self.all()) {
            return Ok(());
        }
        let most = max_remove.of(self.all());
        let what = format!("{goes} of {} backups would go, and --max-remove {max_remove} allows {most}", self.all());
        Err(Error::new(ErrorKind::Refused { what })
            .about(self.instance.clone())
            .with_hint("look at the plan; a larger --max-remove lets them go"))
    }
}

/// Plans for one instance: what it has is read, and nothing is changed.
///
/// # Errors
/// [`ErrorKind::Usage`]: a policy without a rule. What the store says.
pub fn plan_prune(
    repository: &Repository,
    instance: &str,
    keep: &Retention,
    trusted: &Trusted,
    now: UnixMs,
) -> Result<PrunePlan> {
    keep.check()?;
    let catalog = repository.catalog(instance, trusted)?;
    let signs = catalog.backups.iter().any(|backup| matches!(backup.signature, Signature::Good { .. }));
    let snapshots: Vec<_> = catalog.backups.iter().map(|backup| snapshot(backup, signs)).collect();
    let decisions = retention::plan(&snapshots, keep, now)?;
    let keeps_none = decisions.iter().any(|one| one.reasons.contains(&Reason::PolicyKeepsNone));
    let backups: BTreeMap<&BackupName, &Backup> = catalog.backups.iter().map(|backup| (&backup.name, backup)).collect();

    let mut warnings = Vec::new();
    if !signs && !trusted.is_empty() && catalog.backups.iter().any(|one| one.signature != Signature::Missing) {
        warnings
            .push(format!("{instance}: none of its backups is signed by a key that is trusted here, so each counts"));
    }
    let mut kept: BTreeMap<BackupName, Vec<String>> = BTreeMap::new();
    let mut removed = Vec::new();
    for decision in decisions {
        // That the policy keeps none is said once, by whoever asks for it.
        let of_this = |reason: &&Reason| reason.is_warning() && **reason != Reason::PolicyKeepsNone;
        let warning = decision.reasons.iter().find(of_this);
        warnings.extend(warning.map(|reason| format!("{}: {reason}", decision.name)));
        let Some(backup) = backups.get(&decision.name).filter(|_| !decision.keep) else {
            kept.insert(decision.name, words(&decision.reasons));
            continue;
        };
        removed.push(Removal {
            name: decision.name,
            reasons: decision.reasons,
            manifest_sha256: backup.manifest_sha256.clone(),
            previous: backup.manifest.previous.clone(),
            objects: backup.objects.clone(),
        });
    }
    for (name, problem) in &catalog.unreadable {
        let problem = problem.strip_prefix(&format!("{name}: ")).unwrap_or(problem);
        warnings.push(format!("{name}: {problem}"));
        kept.insert(name.clone(), vec!["its manifest cannot be read: stays until it is forgotten by name".to_owned()]);
    }
    let signed = |removal: &Removal| backups.get(&removal.name).is_some_and(|one| one.signature != Signature::Missing);
    let needs_signer = removed.iter().any(signed);
    let (remnants, swept) = remnants(&catalog, now, &mut warnings);
    Ok(PrunePlan {
        instance: instance.to_owned(),
        kept: kept.into_iter().rev().map(|(name, reasons)| Kept { name: name.to_string(), reasons }).collect(),
        removed,
        swept,
        warnings,
        keeps_none,
        remnants,
        basis: basis(&catalog),
        planned_at: now,
        needs_signer,
    })
}

fn words(reasons: &[Reason]) -> Vec<String> {
    reasons.iter().map(Reason::to_string).collect()
}

/// What retention has to know of a backup. Where somebody who is trusted signs, only what they signed counts: others may write
/// to the store, and must not push anything out with it.
fn snapshot(backup: &Backup, somebody_signs: bool) -> Snapshot {
    let signed = match &backup.signature {
        Signature::Good { .. } => true,
        Signature::Unknown { .. } | Signature::Missing => !somebody_signs,
        Signature::Bad { .. } => false,
    };
    Snapshot {
        name: backup.name.clone(),
        tags: backup.tags(),
        pinned: backup.is_pinned(),
        status: backup.status(),
        kind: backup.manifest.kind,
        trusted: signed,
        verified_full: backup.level() == Some(Level::Full) && backup.status() == BackupStatus::Good,
    }
}

fn basis(catalog: &Catalog) -> Basis {
    let readable = catalog.backups.iter();
    let readable = readable.map(|one| (one.name.clone(), (one.manifest_sha256.clone(), one.objects.clone())));
    let unreadable = catalog.unreadable.iter().map(|(name, problem)| (name.clone(), (problem.clone(), Vec::new())));
    readable.chain(unreadable).collect()
}

/// Objects of folders without a manifest in which nothing is young. What is no backup's folder is not ours.
fn remnants(catalog: &Catalog, now: UnixMs, warnings: &mut Vec<String>) -> (Vec<ObjectInfo>, Swept) {
    let mut folders: BTreeMap<BackupName, Vec<&ObjectInfo>> = BTreeMap::new();
    let mut foreign = Vec::new();
    for object in &catalog.remnants {
        match object.name.rsplit_once('/').and_then(|(folder, _)| BackupName::parse(folder)) {
            Some(name) => folders.entry(name).or_default().push(object),
            None => foreign.push(object.name.as_str()),
        }
    }
    if let Some(first) = foreign.get(..NAMED.min(foreign.len())).filter(|first| !first.is_empty()) {
        let more = foreign.len().saturating_sub(first.len());
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        warnings.push(format!("{}{more}: no object of a backup, left alone", first.join(", ")));
    }
    let edge = now.0.saturating_sub(REMNANT_MS);
    // One without a time may be young.
    let is_old = |moment: Option<UnixMs>| moment.is_some_and(|moment| moment.0 < edge);
    let mut old = Vec::new();
    let mut swept = Swept::default();
    for (name, objects) in folders {
        if is_old(Some(name.created_at())) && objects.iter().all(|object| is_old(object.modified)) {
            swept.objects = swept.objects.saturating_add(objects.len() as u64);
            swept.bytes = objects.iter().fold(swept.bytes, |sum, object| sum.saturating_add(object.bytes));
            old.extend(objects.into_iter().cloned());
        } else {
            swept.too_young = swept.too_young.saturating_add(objects.len() as u64);
        }
    }
    (old, swept)
}
