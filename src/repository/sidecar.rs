//! What is said of a backup after it was taken: small signed objects beside it, one for each thing said.

use super::manifest::Previous;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a sidecar is called in its JSON.
pub const SIDECAR_SCHEMA: &str = "rediscover/backup-sidecar/v1";

/// What the record of a prune is called in its JSON.
pub const PRUNE_SCHEMA: &str = "rediscover/backup-prune-record/v1";

/// One thing said of a backup, and never changed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Sidecar {
    /// Always `rediscover/backup-sidecar/v1`.
    pub schema: String,
    /// The backup.
    pub name: String,
    /// SHA-256 of its manifest.
    pub manifest_sha256: String,
    /// When it was said, RFC 3339 in UTC.
    pub at: String,
    /// What was said.
    #[serde(flatten)]
    pub said: Said,
}

/// What can be said of a backup.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Said {
    /// It was read again.
    Verified {
        /// How deep.
        level: Level,
        /// What is wrong with it; none if it is whole.
        problem: Option<String>,
        /// How long it took, in milliseconds.
        duration_ms: u64,
    },
    /// A server was started on it.
    Drilled {
        /// The server: `redis 8.6.3`.
        server: String,
        /// What was wrong; none if it held what the manifest says.
        problem: Option<String>,
        /// From the first byte read to a server that answers, in milliseconds.
        restore_ms: u64,
        /// Keys it answered with.
        keys: u64,
    },
    /// Prune keeps it.
    Pinned,
    /// Prune may take it.
    Unpinned,
    /// Tags that came and went.
    Tagged {
        /// These came.
        add: Vec<String>,
        /// These went.
        remove: Vec<String>,
    },
    /// It lies in another repository too.
    Copied {
        /// Where, without credentials.
        to: String,
    },
}

impl Said {
    /// The word in the name of the object.
    pub fn word(&self) -> &'static str {
        match self {
            Said::Verified { .. } => "verified",
            Said::Drilled { .. } => "drilled",
            Said::Pinned | Said::Unpinned => "pin",
            Said::Tagged { .. } => "tags",
            Said::Copied { .. } => "copied",
        }
    }
}

/// How deep a backup was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Manifest, signatures, chain; every object is there with its size.
    Manifest,
    /// The stored bytes of every object have their SHA-256.
    Stored,
    /// As it was taken: the whole stream was parsed and hashed, and the stored bytes were read again.
    Captured,
    /// Decrypted, decompressed, hashed and parsed again.
    Full,
}

impl Level {
    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Level::Manifest => "manifest",
            Level::Stored => "stored",
            Level::Captured => "captured",
            Level::Full => "full",
        }
    }
}

/// What a prune has removed: why a backup that others name as their previous one is not there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PruneRecord {
    /// Always `rediscover/backup-prune-record/v1`.
    pub schema: String,
    /// Whose backups.
    pub instance: String,
    /// When, RFC 3339 in UTC.
    pub at: String,
    /// What went.
    pub removed: Vec<Removed>,
}

/// One backup that went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Removed {
    /// Its name.
    pub name: String,
    /// SHA-256 of its manifest.
    pub manifest_sha256: String,
    /// The one before it.
    pub previous: Option<Previous>,
    /// Why.
    pub reason: String,
}
