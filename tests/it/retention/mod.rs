//! Retention: what restic kept in measured cases, a second implementation over random histories, and what holds whatever the
//! policy.

mod cases;
mod laws;
mod naive;

use rediscover::backup::retention::Snapshot;
use rediscover::base::UnixMs;
use rediscover::repository::{BackupKind, BackupName, BackupStatus};

/// A good backup of this moment.
fn good(instance: &str, created_at: UnixMs, salt: u32) -> Snapshot {
    let name = BackupName::new(instance, created_at, salt).expect("a name");
    let (status, kind) = (BackupStatus::Good, BackupKind::Rdb);
    Snapshot { name, tags: Vec::new(), pinned: false, status, kind, trusted: true, verified_full: false }
}
