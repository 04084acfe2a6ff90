//! Could every instance be restored right now? From manifests alone: no metrics, no cron, no payload is opened.

use super::{Head, chain};
use crate::base::UnixMs;
use crate::base::time::span_words;
use crate::report::{DrilledAt, InstanceState, InstanceStatus, NewestBackup, VerifiedAt};
use crate::repository::{Backup, BackupStatus, Catalog, Level, Signature};

/// From when on something is wrong. None: it never is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StatusLimits {
    /// The oldest that the newest good backup may be, in milliseconds.
    pub max_age_ms: Option<i64>,
    /// The longest that no backup may have been read again, in milliseconds.
    pub max_unverified_ms: Option<i64>,
}

/// What to make of an instance. `configured`: it is known that backups of it are wanted; none where nobody said which are.
pub fn status(
    instance: &str,
    repository: &str,
    catalog: &Catalog,
    head: Option<&Head>,
    configured: Option<bool>,
    limits: StatusLimits,
    now: UnixMs,
) -> InstanceStatus {
    let mut problems = Vec::new();
    let chained = chain(instance, catalog, head);
    let is_signed = |backup: &Backup| !matches!(backup.signature, Signature::Bad { .. });
    let is_good =
        |backup: &&Backup| backup.status() == BackupStatus::Good && is_signed(backup) && backup.created_at() <= now;
    let newest_good = catalog.backups.iter().rev().find(is_good);
    let newest = catalog.backups.last();
    let age_ms = newest_good.map(|backup| now.0.saturating_sub(backup.created_at().0));
    let verified = catalog
        .backups
        .iter()
        .filter_map(Backup::verified)
        .filter(|(_, level)| *level >= Level::Stored)
        .max_by_key(|(at, _)| *at);
    let drilled = catalog.backups.iter().filter_map(Backup::drilled).max_by_key(|(at, _)| *at);
    let mut state = InstanceState::Ok;
    let mut worse = |found: InstanceState, problem: String| {
        problems.push(problem);
        state = state.min(found);
    };
    if let Some(limit) = limits.max_unverified_ms {
        // A backup counts as read when it is taken.
        let since = verified.map(|(at, _)| at).or(catalog.backups.first().map(Backup::created_at));
        if since.is_some_and(|since| now.0.saturating_sub(since.0) > limit) {
            let what =
                verified.map_or_else(|| "never read again".to_owned(), |(at, _)| format!("last read again at {at}"));
            worse(InstanceState::Unverified, what);
        }
    }
    match (newest_good, age_ms) {
        (None, _) if catalog.backups.is_empty() && catalog.unreadable.is_empty() => {
            worse(InstanceState::Never, "never backed up".to_owned());
        }
        (None, _) => worse(InstanceState::Damaged, "no backup of it is good".to_owned()),
        (Some(_), Some(age)) if limits.max_age_ms.is_some_and(|limit| age > limit) => {
            worse(
                InstanceState::Stale,
                format!("the newest good backup is {} old", span_words(u64::try_from(age / 1000).unwrap_or_default())),
            );
        }
        _ => {}
    }
    if let Some(newest) = newest {
        let word = super::status_word(newest.status());
        match newest.status() {
            BackupStatus::Good => {}
            BackupStatus::Suspect => worse(
                InstanceState::Ok,
                format!("the newest, {}, is {word}: {}", newest.name, newest.manifest.problems.join("; ")),
            ),
            _ => worse(InstanceState::Damaged, format!("the newest, {}, is {word}", newest.name)),
        }
        if !is_signed(newest) {
            worse(InstanceState::Damaged, format!("the signature of the newest, {}, is bad", newest.name));
        }
        if newest.created_at() > now {
            worse(InstanceState::Ok, format!("{} is of the future: look at the clock of its host", newest.name));
        }
    }
    for problem in chained.problems {
        worse(InstanceState::Damaged, problem);
    }
    if configured == Some(false) {
        worse(InstanceState::Unconfigured, "is not in the configuration: nobody backs it up any more".to_owned());
    }
    InstanceStatus {
        instance: instance.to_owned(),
        repository: Some(repository.to_owned()),
        state,
        newest: newest_good.map(|backup| NewestBackup {
            name: backup.name.to_string(),
            created_at: backup.created_at().to_string(),
            age_seconds: u64::try_from(age_ms.unwrap_or_default() / 1000).unwrap_or_default(),
            keys: backup.manifest.keys,
            change_percent: backup.manifest.change.and_then(|change| change.keys_percent),
        }),
        verified: verified.map(|(at, level)| VerifiedAt { at: at.to_string(), level: level.word().into() }),
        drilled: drilled.map(|(at, ms)| DrilledAt { at: at.to_string(), seconds: ms.div_ceil(1000) }),
        copies: newest_good.map(Backup::copies).unwrap_or_default(),
        locked_until: None,
        good: catalog.backups.iter().filter(is_good).count() as u64,
        problems,
    }
}
