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

/// The document of `aof repair --format json`.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct RepairReport {
    /// `rediscover/aof-repair/v1`.
    pub schema: String,
    /// What was read, by what, when.
    pub provenance: super::Provenance,
    /// How the command ended.
    pub exit: super::Exit,
    /// Whether anything was written; not with `--dry-run`, nor where nothing is wrong.
    pub written: bool,
    /// What was written, or would be: files with their bytes.
    pub outputs: Vec<Output>,
    /// Commands that stay.
    pub kept_commands: u64,
    /// Commands that go.
    pub dropped_commands: u64,
    /// Bytes that go.
    pub lost_bytes: u64,
    /// Commands whose database is not known: they are in the side file.
    pub unplaced_commands: u64,
    /// Commands that were written anew, because a line of theirs was not as servers write it.
    pub rewritten_commands: u64,
    /// What goes; at most 10,000.
    pub dropped: Vec<DroppedCommand>,
}

/// The document of `aof cut --format json` and `aof split --format json`.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct CutReport {
    /// `rediscover/aof-cut/v1`, `rediscover/aof-split/v1`.
    pub schema: String,
    /// What was read, by what, when.
    pub provenance: super::Provenance,
    /// How the command ended.
    pub exit: super::Exit,
    /// The file that is cut, where the source is made of several.
    pub file: Option<String>,
    /// Where it is cut.
    pub offset: u64,
    /// Bytes that go, in all files.
    pub lost_bytes: u64,
    /// What was written.
    pub outputs: Vec<Output>,
}

/// A file that was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Output {
    /// Where it is.
    pub path: String,
    /// Its bytes.
    pub bytes: u64,
}

/// A command, or a stretch of bytes, that does not stay.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct DroppedCommand {
    /// The file, where the source is made of several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// Its place in the uncompressed stream.
    pub offset: u64,
    /// The line it begins, from 1, where that is known.
    pub line: Option<u64>,
    /// Its bytes.
    pub bytes: u64,
    /// Why it goes.
    pub reason: DropReason,
    /// Its database, where that is known.
    pub db: Option<u64>,
    /// What it was, where that can be told.
    pub command: Option<String>,
    /// The keys it touched, where they can be told; at most 100, and 64 KiB.
    pub keys: Vec<super::KeyName>,
}

/// Why a command goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum DropReason {
    /// One of its bytes has changed, so that its length or its end cannot be told.
    Damaged,
    /// Nothing can be read there.
    Unreadable,
    /// The log ends inside it.
    Torn,
    /// Its transaction is damaged, or has no end.
    InDamagedTransaction,
    /// No server known here has it.
    UnknownCommand,
    /// It has too few or too many arguments.
    WrongArity,
    /// It selects no database.
    BadSelect,
    /// It ends a transaction that never began.
    ExecWithoutMulti,
    /// It begins a transaction in another, which servers refuse.
    NestedMulti,
    /// It is DISCARD, which no server writes; the transaction it is in goes with it.
    Discard,
}

impl DropReason {
    /// The same as people say it.
    pub fn words(self) -> &'static str {
        match self {
            DropReason::Damaged => "damaged",
            DropReason::Unreadable => "unreadable",
            DropReason::Torn => "torn off at the end",
            DropReason::InDamagedTransaction => "in a damaged transaction",
            DropReason::UnknownCommand => "no known command",
            DropReason::WrongArity => "wrong number of arguments",
            DropReason::BadSelect => "selects no database",
            DropReason::ExecWithoutMulti => "EXEC without MULTI",
            DropReason::NestedMulti => "MULTI inside a transaction",
            DropReason::Discard => "DISCARD, which no server writes",
        }
    }
}
