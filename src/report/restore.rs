//! The report of `restore`.

use super::{Exit, Provenance};
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::BTreeMap;

/// The document of `restore --format json`.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct RestoreReport {
    /// `rediscover/restore/v1`.
    pub schema: String,
    /// What was read, by what, when.
    pub provenance: Provenance,
    /// How the command ended.
    pub exit: Exit,
    /// What became of it.
    pub outcome: RestoreOutcome,
    /// What was restored; of an undoing what had been.
    pub source: Option<String>,
    /// The data directory.
    pub to: String,
    /// The steps, in the order in which they are done; empty where nothing was to be done.
    pub plan: Vec<RestoreStep>,
    /// Where what was there before is kept: `rediscover restore --undo DIR` puts it back. Of an undoing where the restored
    /// files are kept, if a server has written since.
    pub previous_set: Option<String>,
    /// What to know of it.
    pub warnings: Vec<String>,
    /// What stands against it: with any of these nothing was changed.
    pub refused: Vec<RestoreRefusal>,
    /// Keys that the server has when it has loaded it, per database; null where that cannot be told without running commands.
    pub expected_keys: Option<BTreeMap<String, u64>>,
    /// Keys in the file that have expired, per database: they are gone when a server has loaded it.
    pub expired_keys: BTreeMap<String, u64>,
    /// What to run when the server has been started.
    pub verify: Option<String>,
}

/// What became of a restore.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RestoreOutcome {
    /// It lies in its place.
    Restored,
    /// It was planned; nothing was changed.
    Planned,
    /// It was refused; nothing was changed.
    Refused,
    /// There is data already (`--if-empty`); nothing was changed.
    NotEmpty,
    /// One that had been killed was finished; that was all there was to do.
    Finished,
    /// What was there before is there again.
    Undone,
}

/// One step of a restore.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct RestoreStep {
    /// From 1.
    pub step: u64,
    /// What it is about.
    pub path: String,
    /// What is done there.
    pub action: String,
}

/// Something that stands against a restore.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct RestoreRefusal {
    /// The stable name of the sort of refusal: `server-running`.
    pub kind: String,
    /// What it is.
    pub what: String,
    /// What to do.
    pub way_out: String,
    /// `--force` makes a warning of it.
    pub can_be_forced: bool,
}
