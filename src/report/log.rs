//! What `check` and `analyze` say of append-only files.

use schemars::JsonSchema;
use serde::Serialize;
use std::collections::BTreeMap;

/// The files of an append-only source, and what stands in them.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct LogCheck {
    /// Every file that was read, in the order a server reads them.
    pub files: Vec<LogFile>,
    /// The totals of all of them.
    #[serde(flatten)]
    pub totals: LogTotals,
    /// Where the first thing stands that cannot be read, and what can be read after it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_damage: Option<FirstDamage>,
}

/// One file of an append-only source.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct LogFile {
    /// Its name.
    pub file: String,
    /// What it is for.
    pub role: LogRole,
    /// Whether it is whole, as far as the file by itself shows.
    pub verdict: Option<super::Verdict>,
    /// Bytes of its uncompressed stream.
    pub bytes: u64,
    /// Bytes of the RDB it begins with, 0 if it has none.
    pub preamble_bytes: u64,
    /// Commands in it.
    pub commands: u64,
    /// Keys of the RDB it begins with, or is.
    pub keys: u64,
}

/// What a file of an append-only source is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LogRole {
    /// The keyspace that the commands begin with, of a manifest.
    Base,
    /// Commands since then, of a manifest.
    Incr,
    /// An append-only file by itself.
    Log,
}

/// What stands in the logs of a source.
#[derive(Debug, Clone, Default, PartialEq, Serialize, JsonSchema)]
pub struct LogTotals {
    /// Commands, SELECT, MULTI and EXEC included.
    pub commands: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Transactions that are complete.
    pub transactions: u64,
    /// Commands that delete keys.
    pub deletes: u64,
    /// Commands that empty a database or all of them.
    pub flushes: u64,
    /// Commands by name, in lower case; `(unknown)` for those that no server known here has.
    pub by_command: BTreeMap<String, u64>,
    /// The first time that an annotation gives, RFC 3339 in UTC; null without annotations.
    pub first_time: Option<String>,
    /// The last.
    pub last_time: Option<String>,
    /// Commands among them that stand after damage, where a server does not come to.
    pub after_damage: Stretch,
}

/// A number of commands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Stretch {
    /// How many.
    pub commands: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// The first place of a source that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct FirstDamage {
    /// The file, where the source is made of several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// Its place in the uncompressed stream.
    pub offset: u64,
    /// The line it is on, from 1.
    pub line: Option<u64>,
    /// What should have stood there.
    pub expected: String,
    /// What stands there.
    pub found: String,
    /// Bytes that no command could be read from.
    pub lost_bytes: u64,
    /// What can be read after it.
    pub readable_after: Stretch,
}

/// What a server does with an append-only source, under its default configuration or the one that was given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ServerLoads {
    /// What it does.
    pub verdict: ServerLoad,
    /// Bytes that it does not load: what it cuts off, or everything.
    pub bytes_lost: u64,
    /// Why, in one sentence; empty for `yes`.
    pub reason: String,
}

/// What a server does at its start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ServerLoad {
    /// It loads everything.
    Yes,
    /// It cuts off the end of the last file and starts.
    Truncating,
    /// It refuses to start.
    No,
}
