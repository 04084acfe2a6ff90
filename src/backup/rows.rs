//! Backups as rows of reports.

use crate::report::{BackupRow, printable};
use crate::repository::{Backup, BackupKind, BackupStatus, Signature};

/// A backup as a row.
pub fn row(backup: &Backup) -> BackupRow {
    let manifest = &backup.manifest;
    let verified = backup.verified();
    BackupRow {
        name: manifest.name.clone(),
        instance: manifest.instance.clone(),
        created_at: backup.created_at().to_string(),
        kind: kind(manifest.kind).into(),
        consistent: manifest.consistent,
        keys: manifest.keys,
        raw_bytes: manifest.raw_bytes,
        stored_bytes: manifest.stored_bytes,
        compression: manifest.compression.name.clone(),
        encrypted: manifest.encryption.is_some(),
        sha256: match manifest.payloads.as_slice() {
            [one] => Some(one.raw_sha256.clone()),
            _ => None,
        },
        status: status(backup.status()).into(),
        problems: manifest.problems.iter().map(|problem| printable(problem).into_owned()).collect(),
        pinned: backup.is_pinned(),
        verified_at: verified.map(|(at, _)| at.to_string()),
        verified_level: verified.map(|(_, level)| level.word().into()),
        tags: backup.tags(),
        signature: match backup.signature {
            Signature::Good { .. } => "good",
            Signature::Unknown { .. } => "unknown key",
            Signature::Missing => "missing",
            Signature::Bad { .. } => "bad",
        }
        .into(),
    }
}

/// The word for a kind.
pub fn kind(kind: BackupKind) -> &'static str {
    match kind {
        BackupKind::Rdb => "rdb",
        BackupKind::Aof => "aof",
        BackupKind::Scan => "scan",
    }
}

/// The word for a status.
pub fn status(status: BackupStatus) -> &'static str {
    match status {
        BackupStatus::Good => "good",
        BackupStatus::Damaged => "damaged",
        BackupStatus::Suspect => "suspect",
        BackupStatus::Incomplete => "incomplete",
    }
}
