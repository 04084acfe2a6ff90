//! The chain of an instance: each manifest names the one before it by its hash, so one that is gone or was replaced shows.

use super::Head;
use crate::report::ChainResult;
use crate::repository::{Catalog, Removed, Signature};

/// Compares every link of a chain. Backups that a record of prune or forget covers may be gone. Only a `head` that was kept
/// elsewhere shows that the newest ones are gone.
pub fn chain(instance: &str, catalog: &Catalog, head: Option<&Head>) -> ChainResult {
    let mut problems = Vec::new();
    // Where somebody signs, an unsigned record covers nothing.
    let signed = catalog.backups.iter().any(|backup| matches!(backup.signature, Signature::Good { .. }));
    let counts = |signature: &Signature| match signature {
        Signature::Good { .. } => true,
        Signature::Bad { .. } => false,
        Signature::Unknown { .. } | Signature::Missing => !signed,
    };
    for pruned in &catalog.pruned {
        if pruned.record.is_none() {
            problems.push(format!("{} cannot be read", pruned.object));
        } else if let (Signature::Unknown { key }, true) = (&pruned.signature, signed) {
            problems.push(format!("{} is signed by {key}, a key that is not known here", pruned.object));
        } else if let Signature::Bad { why } = &pruned.signature {
            problems.push(format!("{}: bad signature: {why}", pruned.object));
        }
    }
    let records =
        catalog.pruned.iter().filter(|pruned| counts(&pruned.signature)).filter_map(|pruned| pruned.record.as_ref());
    let removed: Vec<&Removed> = records.flat_map(|record| &record.removed).collect();
    let link = |name: &str, sha256: &str| -> Option<String> {
        let there = catalog.backups.iter().find(|backup| backup.manifest.name == name);
        let covered = removed.iter().any(|removed| removed.name == name && removed.manifest_sha256 == sha256);
        match there {
            Some(backup) if backup.manifest_sha256 == sha256 => None,
            Some(_) => Some(format!("the manifest of {name} is not the one that was written: it was replaced")),
            None if covered => None,
            None if catalog.unreadable.iter().any(|(unreadable, _)| unreadable.to_string() == name) => None,
            None => Some(format!("{name} is gone, and no record of a prune says so")),
        }
    };
    // Whoever can write to the store could put backups of their own at the end, and `latest` would mean them.
    let first = catalog.backups.iter().position(|backup| matches!(backup.signature, Signature::Good { .. }));
    for backup in catalog.backups.iter().skip(first.unwrap_or(usize::MAX)) {
        match &backup.signature {
            Signature::Unknown { key } => problems.push(format!(
                "{} is signed by {key}, which is not trusted here, and those before it are (--trusted-key)",
                backup.name
            )),
            Signature::Missing => {
                problems.push(format!("{} is not signed, and those before it are", backup.name));
            }
            Signature::Good { .. } | Signature::Bad { .. } => {}
        }
    }
    for backup in &catalog.backups {
        if let Some(previous) = &backup.manifest.previous
            && let Some(problem) = link(&previous.name, &previous.sha256)
        {
            problems.push(format!("{}, says {}", problem, backup.manifest.name));
        }
    }
    for (record, previous) in removed.iter().filter_map(|record| Some((record, record.previous.as_ref()?))) {
        if let Some(problem) = link(&previous.name, &previous.sha256) {
            problems.push(format!("{problem}, says the record of {}", record.name));
        }
    }
    if let Some(problem) = head.and_then(|head| link(&head.name.to_string(), &head.sha256)) {
        problems.push(format!("{problem}, says the head that was kept"));
    }
    for (name, problem) in &catalog.unreadable {
        problems.push(format!("{name}: {problem}"));
    }
    ChainResult { instance: instance.to_owned(), whole: problems.is_empty(), head_checked: head.is_some(), problems }
}
