//! What `backup run` says.

use super::backup::CreatedBackup;
use super::{Exit, Provenance};
use schemars::JsonSchema;
use serde::Serialize;

/// The document of `backup run`.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct BackupRunReport {
    /// `rediscover/backup-run/v1`
    pub schema: String,
    /// What was read, by what, when.
    pub provenance: Provenance,
    /// How the command ended.
    pub exit: Exit,
    /// The configuration.
    pub config: String,
    /// What came of each instance, by name.
    pub instances: Vec<InstanceRun>,
}

/// What came of one instance.
#[derive(Debug, Clone, Default, PartialEq, Serialize, JsonSchema)]
pub struct InstanceRun {
    /// The instance.
    pub instance: String,
    /// The exit code of this instance by itself.
    pub code: u8,
    /// The repository, without credentials; null where it was not come to.
    pub repository: Option<String>,
    /// The backup that was made.
    pub backup: Option<CreatedBackup>,
    /// What is wrong, each with what to do next.
    pub problems: Vec<String>,
    /// What was done, in order.
    pub steps: Vec<RunStep>,
    /// How long it took, in milliseconds.
    pub duration_ms: u64,
}

/// One step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct RunStep {
    /// `config`, `before`, `create`, `verify`, `copy`, `prune`, `after` or `on_failure`.
    pub step: String,
    /// What came of it.
    pub outcome: StepOutcome,
    /// What was done, what is wrong, or why nothing was done.
    pub detail: String,
    /// What to do next.
    pub next: Option<String>,
    /// How long it took, in milliseconds.
    pub duration_ms: u64,
}

/// What came of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum StepOutcome {
    /// It did what it should.
    Done,
    /// It did not.
    Failed,
    /// It was not tried.
    Skipped,
}
