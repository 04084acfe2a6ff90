//! What `config check` and `config show` say.

use super::{Exit, Provenance};
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::BTreeMap;

/// The document of `config check`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ConfigCheckReport {
    /// `rediscover/config-check/v1`
    pub schema: String,
    /// What was read, by what, when.
    pub provenance: Provenance,
    /// How the command ended.
    pub exit: Exit,
    /// The configuration.
    pub config: String,
    /// Instances in it.
    pub instances: u64,
    /// Repositories in it.
    pub repositories: u64,
    /// Whether servers were connected to.
    pub connected: bool,
    /// All that is wrong or unwise, by line.
    pub problems: Vec<ConfigProblem>,
}

/// Something that is wrong with a configuration, or with what it names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ConfigProblem {
    /// `error` or `warning`.
    pub severity: String,
    /// Its line, from 1; 0 if unknown.
    pub line: u32,
    /// The instance it is about; null: the whole file.
    pub instance: Option<String>,
    /// What is wrong.
    pub problem: String,
    /// What to do.
    pub next: Option<String>,
}

/// The document of `config show`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ConfigReport {
    /// `rediscover/config/v1`
    pub schema: String,
    /// What was read, by what, when.
    pub provenance: Provenance,
    /// How the command ended.
    pub exit: Exit,
    /// The configuration.
    pub config: String,
    /// The state folder, where the file names one.
    pub state: Option<String>,
    /// The metrics file.
    pub textfile: Option<String>,
    /// Repositories by name.
    pub repositories: BTreeMap<String, String>,
    /// Commands of hooks by name.
    pub hooks: BTreeMap<String, Vec<String>>,
    /// How long one may take, in seconds.
    pub hook_timeout_seconds: u64,
    /// What is done with each instance, by name.
    pub instances: Vec<InstanceSettings>,
}

/// What is done with one instance. No secret is in it: only where it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct InstanceSettings {
    /// The instance.
    pub instance: String,
    /// What its backups are taken of.
    pub source: String,
    /// The redis.conf that belongs to it.
    pub server_config: Option<String>,
    /// The ACL user.
    pub user: Option<String>,
    /// Where its password comes from: `file PATH` or `environment NAME`.
    pub password: Option<String>,
    /// Files of TLS by what they are.
    pub tls: BTreeMap<String, String>,
    /// `auto`, `sync` or `scan`; null where it is no server.
    pub via: Option<String>,
    /// The repository's name.
    pub repository: String,
    /// Repositories that get a copy.
    pub copies: Vec<String>,
    /// Tags of its backups.
    pub tags: Vec<String>,
    /// `zstd:3`.
    pub compression: String,
    /// Keys of the recipients in the file.
    pub recipients: Vec<String>,
    /// Files of recipients.
    pub recipients_files: Vec<String>,
    /// Files of identities.
    pub identity_files: Vec<String>,
    /// Bytes that are kept in memory instead of the scratch folder; null: none.
    pub stream_bytes: Option<u64>,
    /// From which fall in percent on a backup is suspect.
    pub max_shrink_percent: u8,
    /// When backups are read again, and how deep.
    pub verify: Vec<String>,
    /// What prune keeps, as its options; null: nothing is pruned.
    pub retention: Option<Vec<String>>,
    /// How old the newest good backup may be, in seconds.
    pub max_age_seconds: i64,
    /// How long ago the last verification may be, in seconds; null: for ever.
    pub max_unverified_seconds: Option<i64>,
}
