//! What `backup prune` keeps and removes.

use schemars::JsonSchema;
use serde::Serialize;

/// The document of `backup prune --format json`.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct PruneReport {
    /// `rediscover/backup-prune/v1`.
    pub schema: String,
    /// What was read, by what, when.
    pub provenance: super::Provenance,
    /// How the command ended.
    pub exit: super::Exit,
    /// Where the repository is, without credentials.
    pub repository: String,
    /// Whether it was asked to remove, with `--apply`. Without, nothing has changed.
    pub applied: bool,
    /// Backups that stay, instance by instance, the newest first.
    pub kept: Vec<Kept>,
    /// Backups that went, or would go without `--apply`.
    pub removed: Vec<Gone>,
    /// Backups that were to go and are still there, whole.
    pub failed: Vec<NotGone>,
    /// Objects that the store would not remove: the backup they belonged to is none any more.
    pub locked: Vec<LockedObject>,
    /// Remnants of unfinished backups that were removed, or would be.
    pub swept: Swept,
    /// What somebody should look at.
    pub warnings: Vec<String>,
}

/// A backup that stays.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Kept {
    /// Its name.
    pub name: String,
    /// Why, at least one.
    pub reasons: Vec<String>,
}

/// A backup that goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Gone {
    /// Its name.
    pub name: String,
    /// Why, at least one.
    pub reasons: Vec<String>,
    /// Bytes of all its objects.
    pub bytes: u64,
}

/// A backup that was to go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct NotGone {
    /// Its name.
    pub name: String,
    /// Why it is still there.
    pub problem: String,
    /// When it may go, where the store says so; RFC 3339 in UTC.
    pub locked_until: Option<String>,
}

/// An object that stays because the store says so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct LockedObject {
    /// Its name.
    pub object: String,
    /// When it may go, where the store says so; RFC 3339 in UTC.
    pub until: Option<String>,
}

/// The document of `backup unlock --format json`.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct UnlockReport {
    /// `rediscover/backup-unlock/v1`.
    pub schema: String,
    /// What was read, by what, when.
    pub provenance: super::Provenance,
    /// How the command ended.
    pub exit: super::Exit,
    /// Where the repository is, without credentials.
    pub repository: String,
    /// Locks that were there.
    pub removed: Vec<RemovedLock>,
}

/// A lock that is gone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct RemovedLock {
    /// Its object.
    pub object: String,
    /// Whose it was; null if it could not be read.
    pub owner: Option<String>,
    /// When it would have ended, RFC 3339 in UTC; null if it did not say.
    pub expires_at: Option<String>,
    /// Whether somebody held it still.
    pub held: bool,
}

/// Objects without a manifest, older than a day.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Swept {
    /// How many.
    pub objects: u64,
    /// Their bytes.
    pub bytes: u64,
    /// How many were left because they are younger: a backup may be running.
    pub too_young: u64,
}
