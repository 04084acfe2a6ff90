//! The backup manifest: all that is needed to judge a backup without opening it.

use crate::report::{DatabaseCount, LoadVerdict};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What a manifest is called in its JSON.
pub const MANIFEST_SCHEMA: &str = "rediscover/backup-manifest/v1";

/// What a backup is, of whom, and what its bytes must be. Written last, and never changed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Manifest {
    /// Always `rediscover/backup-manifest/v1`.
    pub schema: String,
    /// `INSTANCE/STAMP`.
    pub name: String,
    /// Whose it is, as it was called when it was taken.
    pub instance: String,
    /// When the snapshot was taken, RFC 3339 in UTC; the stamp of the name.
    pub created_at: String,
    /// When the backup was whole.
    pub finished_at: String,
    /// The version of rediscover that wrote it.
    pub tool_version: String,
    /// What sort of bytes it holds.
    pub kind: BackupKind,
    /// Whether it is the keyspace at one moment. A SCAN is not; a cluster is that only shard by shard.
    pub consistent: bool,
    /// Whether it can be restored from.
    pub status: BackupStatus,
    /// Why it is not good, or what to know of it; at most 100 sentences.
    pub problems: Vec<String>,
    /// The server it was taken from, where it was one.
    pub server: Option<ServerFacts>,
    /// How payloads are compressed.
    pub compression: StoredCompression,
    /// How they are encrypted, if they are.
    pub encryption: Option<Encryption>,
    /// The payload objects, in the order a server reads them; of a cluster by their first slot.
    pub payloads: Vec<Payload>,
    /// Other objects of the backup (`nodes.json`): file name to SHA-256.
    pub attachments: BTreeMap<String, String>,
    /// Keys in all payloads. Of an AOF those of its base.
    pub keys: u64,
    /// Of them with an expiry.
    pub expires: u64,
    /// Keys per database.
    pub databases: BTreeMap<String, DatabaseCount>,
    /// Bytes before compression.
    pub raw_bytes: u64,
    /// Bytes in the store.
    pub stored_bytes: u64,
    /// Modules without which it does not load.
    pub modules: Vec<String>,
    /// Which servers will load it, as `check` says; without the keys that stand in the way.
    pub loads_on: Vec<Loads>,
    /// How it differs from the backup before it.
    pub change: Option<Change>,
    /// The backup of this instance that came before it.
    pub previous: Option<Previous>,
    /// Tags it was given when it was taken; later ones are in sidecars.
    pub tags: Vec<String>,
    /// The id of the key that signed it, as minisign writes it; none if it is not signed.
    pub signed_by: Option<String>,
}

impl Manifest {
    /// The hashes of its objects, as `sha256sum -c` reads them.
    pub fn sha256sums(&self) -> String {
        let payloads = self.payloads.iter().map(|payload| (payload.stored_sha256.as_str(), payload.file.as_str()));
        let attached = self.attachments.iter().map(|(file, sha256)| (sha256.as_str(), file.as_str()));
        payloads.chain(attached).map(|(sha256, file)| format!("{sha256}  {file}\n")).collect()
    }
}

/// What sort of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum BackupKind {
    /// An RDB, or one of each shard.
    Rdb,
    /// An append-only file: a manifest with its parts, or one file.
    Aof,
    /// An RDB made of SCAN and DUMP: no moment in time.
    Scan,
}

/// Whether it can be restored from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum BackupStatus {
    /// Fully validated when it was taken.
    Good,
    /// Its bytes are not what a server loads.
    Damaged,
    /// Whole, and far smaller than the one before it.
    Suspect,
    /// Of a cluster, and some slots are missing.
    Incomplete,
}

/// The server a backup was taken from.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ServerFacts {
    /// Where it was reached, without credentials.
    pub address: String,
    /// `redis` or `valkey`.
    pub family: String,
    /// `8.6.3`.
    pub version: String,
    /// `standalone`, `sentinel` or `cluster`.
    pub mode: String,
    /// `master` or `replica`.
    pub role: String,
    /// The replication id of the snapshot.
    pub repl_id: Option<String>,
    /// The replication offset of the snapshot.
    pub repl_offset: Option<i64>,
    /// Whether it appends to a log.
    pub append_only: Option<bool>,
    /// `maxmemory` in bytes, 0 for none.
    pub maxmemory_bytes: Option<u64>,
    /// Modules it had loaded.
    pub modules: Vec<String>,
}

/// How payloads are compressed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StoredCompression {
    /// `zstd`, `gzip` or `none`.
    pub name: String,
    /// The level, where there is one.
    pub level: Option<i32>,
}

/// How payloads are encrypted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Encryption {
    /// Always `age`.
    pub name: String,
    /// Whom it is encrypted to: public keys.
    pub recipients: Vec<String>,
}

/// One payload object.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Payload {
    /// Its name in the folder of the backup: `dump.rdb.zst.age`.
    pub file: String,
    /// What the bytes are called when they are out again: `dump.rdb`, `appendonly.aof.1.base.rdb`.
    pub raw_name: String,
    /// What it is for.
    pub role: ObjectRole,
    /// Bytes before compression.
    pub raw_bytes: u64,
    /// SHA-256 of them.
    pub raw_sha256: String,
    /// Bytes of the object.
    pub stored_bytes: u64,
    /// SHA-256 of the object.
    pub stored_sha256: String,
    /// The RDB version, where it begins as one.
    pub format_version: Option<u16>,
    /// `REDIS` or `VALKEY`, where it begins so.
    pub magic: Option<String>,
    /// What the server said of itself that wrote it: `redis 8.6.3`.
    pub server_version: Option<String>,
    /// AUX ctime: when the RDB was begun.
    pub snapshot_at: Option<String>,
    /// Keys in it.
    pub keys: u64,
    /// Keys of it per database.
    pub databases: BTreeMap<String, DatabaseCount>,
    /// The node it was taken from, of a cluster.
    pub node: Option<String>,
    /// The slots of that node: `0-5460`.
    pub slots: Vec<String>,
}

/// What a payload is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ObjectRole {
    /// A dump.
    Rdb,
    /// The base of a multi-part AOF.
    AofBase,
    /// An increment of one.
    AofIncr,
    /// Its manifest.
    AofManifest,
    /// An append-only file by itself.
    Aof,
}

/// How a backup differs from the one before it, in percent; negative where it shrank. None where that was empty.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Change {
    /// Of the keys.
    pub keys_percent: Option<f64>,
    /// Of the bytes before compression.
    pub bytes_percent: Option<f64>,
}

/// What one server does with the backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Loads {
    /// The server, as `--target` writes it: `redis-7.2`.
    pub server: String,
    /// What it does.
    pub verdict: LoadVerdict,
    /// Settings or modules that it needs.
    pub needs: Vec<String>,
}

/// The backup before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Previous {
    /// Its name.
    pub name: String,
    /// SHA-256 of its manifest.
    pub sha256: String,
}
