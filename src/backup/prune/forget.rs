//! One backup goes because somebody named it: a suspect one that was looked at, one that nobody can read any more.

use super::{PrunePlan, Removal, basis};
use crate::backup::retention::Reason;
use crate::base::{Error, ErrorKind, Result, UnixMs};
use crate::report::{Kept, Swept};
use crate::repository::{BackupName, Repository, Signature, Trusted, sha256};
use std::io::Read;

/// More than any manifest has.
const MANIFEST_BYTES: u64 = 16 << 20;

/// Plans to remove the backup of this name; nothing else is touched, and nothing has been done.
///
/// # Errors
/// [`ErrorKind::NothingToRead`]: there is none of this name. [`ErrorKind::Refused`]: it is pinned, or the one that `latest`
/// means, and not `force`. What the store says.
pub fn plan_forget(
    repository: &Repository,
    name: &BackupName,
    force: bool,
    trusted: &Trusted,
    now: UnixMs,
) -> Result<PrunePlan> {
    let catalog = repository.catalog(name.instance(), trusted)?;
    let refuse = |what: &str, hint: &str| {
        Err(Error::new(ErrorKind::Refused { what: what.to_owned() }).about(name.to_string()).with_hint(hint))
    };
    let reasons = vec![Reason::Forgotten];
    let (removal, needs_signer) = if let Some(backup) = catalog.backups.iter().find(|backup| backup.name == *name) {
        if backup.is_pinned() {
            return refuse("is pinned", "'rediscover backup tag NAME --unpin' first");
        }
        let newest = catalog.backups.iter().rev().find(|backup| backup.is_restorable());
        if !force && newest.is_some_and(|newest| newest.name == *name) {
            return refuse(
                "is the newest that can be restored",
                "take another one first; --force forgets it all the same",
            );
        }
        let removal = Removal {
            name: name.clone(),
            reasons,
            manifest_sha256: backup.manifest_sha256.clone(),
            previous: backup.manifest.previous.clone(),
            objects: backup.objects.clone(),
        };
        (removal, backup.signature != Signature::Missing)
    } else if catalog.unreadable.iter().any(|(unreadable, _)| unreadable == name) {
        let mut bytes = Vec::new();
        let manifest = repository.store().get(&name.object("manifest.json"), None, None)?;
        let read = manifest.take(MANIFEST_BYTES).read_to_end(&mut bytes);
        read.map_err(|error| Error::io("read the manifest", error).about(name.to_string()))?;
        let objects = repository.store().list(&name.object(""))?;
        (Removal { name: name.clone(), reasons, manifest_sha256: sha256(&bytes), previous: None, objects }, true)
    } else {
        let what = format!("there is no backup {name}");
        return Err(Error::new(ErrorKind::NothingToRead { what })
            .about(repository.location())
            .with_hint("'rediscover backup list' shows their names"));
    };
    let readable = catalog.backups.iter().map(|backup| &backup.name);
    let unreadable = catalog.unreadable.iter().map(|(unreadable, _)| unreadable);
    let others = readable.chain(unreadable).filter(|other| *other != name);
    Ok(PrunePlan {
        instance: name.instance().to_owned(),
        kept: others.map(|other| Kept { name: other.to_string(), reasons: vec!["not named".to_owned()] }).collect(),
        removed: vec![removal],
        swept: Swept::default(),
        warnings: Vec::new(),
        keeps_none: false,
        remnants: Vec::new(),
        basis: basis(&catalog),
        planned_at: now,
        needs_signer,
    })
}
