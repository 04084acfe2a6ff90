//! The report of `check`: is it whole, and which servers load it.

use super::{Exit, KeyName, LogCheck, Problem, Provenance, ServerLoads};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The document of `check --format json`.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct CheckReport {
    /// `rediscover/check/v1`.
    pub schema: String,
    /// What was read, by what, when.
    pub provenance: Provenance,
    /// How the command ended.
    pub exit: Exit,
    /// One judgement per source, in the order given.
    pub sources: Vec<SourceCheck>,
}

/// One source judged.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct SourceCheck {
    /// Its name.
    pub source: String,
    /// `rdb`, `aof`, `multi-part-aof`, or `unknown`.
    pub kind: String,
    /// Is it whole.
    pub verdict: Verdict,
    /// RDB version number.
    pub format_version: Option<u16>,
    /// `REDIS` or `VALKEY`.
    pub magic: Option<String>,
    /// The server that wrote it, from its AUX fields: `redis 8.6.3`, `valkey 9.1.2`.
    pub server_version: Option<String>,
    /// The replication id of the snapshot, from its AUX fields.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repl_id: Option<String>,
    /// The replication offset of the snapshot, from its AUX fields.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repl_offset: Option<i64>,
    /// Bytes of the uncompressed stream.
    pub bytes: u64,
    /// When the snapshot was taken (AUX `ctime`), RFC 3339 in UTC.
    pub created_at: Option<String>,
    /// Keys read whole.
    pub keys: u64,
    /// Keys with an expiry.
    pub expires: u64,
    /// Counts per numbered database.
    pub databases: BTreeMap<u64, DatabaseCount>,
    /// Function libraries in the file.
    pub functions: u64,
    /// Names of the modules whose data is in the file.
    pub modules: Vec<String>,
    /// Integrity: validation, checksum, problems.
    #[serde(flatten)]
    pub integrity: Integrity,
    /// The commands, where it is or holds an append-only file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log: Option<LogCheck>,
    /// What a server does with an append-only file at its start.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server_loads: Option<ServerLoads>,
    /// In a data directory: whether the server would load this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub loaded_by_server: Option<bool>,
    /// Why it would, or would not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub loaded_why: Option<String>,
    /// Which servers load it, under their default configuration.
    pub loads_on: Vec<LoadsOn>,
    /// Duplicate keys, where `--duplicates` looked for them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duplicates: Option<Duplicates>,
    /// Whether it fits into `--maxmemory`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fits: Option<Fits>,
}

/// The part that `analyze` reports as well.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Integrity {
    /// How far the input was validated.
    pub validated: Validated,
    /// The CRC64 at the end.
    pub checksum: Checksum,
    /// What is wrong, in file order; at most 10,000.
    pub problems: Vec<Problem>,
    /// How many problems of each kind there are in all.
    pub problem_counts: BTreeMap<String, u64>,
    /// Bytes after the end of the dump.
    pub trailing_bytes: u64,
}

/// How far the input was validated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Validated {
    /// Every structure of every value.
    All,
    /// Every structure of the values that the filters selected.
    Selected,
    /// Lengths and opcodes only.
    Framing,
}

/// Is it whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Everything was read and validated, and nothing is wrong.
    Intact,
    /// Something in it contradicts its format or its checksum.
    Damaged,
    /// It ends before its end, and nothing was wrong until there.
    Truncated,
    /// It is not damaged as far as can be told, but cannot be read to its end: another kind of file, a version of the
    /// future, data whose length only a module or another vendor knows.
    Unsupported,
}

/// The CRC64 at the end of a dump.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Checksum {
    /// What was found.
    pub state: ChecksumState,
    /// The stored value in hexadecimal.
    pub stored: Option<String>,
    /// The value of the bytes read, in hexadecimal.
    pub computed: Option<String>,
}

/// What is known of the CRC64.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ChecksumState {
    /// Stored and computed agree.
    Verified,
    /// They do not.
    Mismatch,
    /// The stored value is 0: `rdbchecksum no`.
    Disabled,
    /// The version has none (below 5), or the input ends before it.
    Absent,
}

/// Counts of one numbered database.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DatabaseCount {
    /// Keys.
    pub keys: u64,
    /// Keys with an expiry.
    pub expires: u64,
}

/// What one server does with the file.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct LoadsOn {
    /// The server, as `--target` writes it: `redis-7.2`.
    pub server: String,
    /// What it does.
    pub verdict: LoadVerdict,
    /// How this is known.
    pub basis: Basis,
    /// Why, in one sentence; empty for `yes`.
    pub reason: String,
    /// The first thing in the file that causes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first: Option<First>,
    /// Settings or modules that it needs: `rdb-version-check relaxed`, `module ReJSON-RL`.
    pub needs: Vec<String>,
}

/// What a server does with a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LoadVerdict {
    /// It starts with everything in the file that has not expired.
    Yes,
    /// It does so with the settings or modules in `needs`.
    WithSetting,
    /// It starts, but something in the file is not there afterwards.
    Lossy,
    /// It refuses the file.
    No,
    /// Not known.
    Unknown,
}

/// How a verdict on a server is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Basis {
    /// The project's tests see this server do it.
    Verified,
    /// Its documentation or sources say so.
    Documented,
    /// Concluded from its neighbours.
    Assumed,
}

/// The first place that causes a verdict.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct First {
    /// The numbered database.
    pub db: Option<u64>,
    /// The key, where a key causes it.
    pub key: Option<KeyName>,
    /// The place in the uncompressed stream.
    pub offset: u64,
}

/// Keys that occur more than once in their database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Duplicates {
    /// How many keys occur again.
    pub keys: u64,
}

/// Whether the keyspace fits.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Fits {
    /// The limit asked about, in bytes.
    pub maxmemory_bytes: u64,
    /// What a server needs for these keys, estimated, in bytes: keys and the tables they stand in. Null where no model
    /// applies. The verdict compares the two, and is `unknown` where they are within 3 % of each other.
    pub estimated_bytes: Option<u64>,
    /// The server that the estimate is for: the target, else the one that wrote the file.
    pub memory_model: Option<String>,
    /// What the server used when it wrote the file (AUX `used-mem`), in bytes; null where the file does not say. It decides
    /// where there is no estimate.
    pub used_memory_bytes: Option<u64>,
    /// The answer.
    pub verdict: Fullness,
}

/// Whether a keyspace fits into a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Fullness {
    /// It fits.
    Yes,
    /// It does not.
    No,
    /// The dump does not say enough.
    Unknown,
}
