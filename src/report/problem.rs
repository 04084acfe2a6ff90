//! Something wrong in the input, with its place.

use super::KeyName;
use schemars::JsonSchema;
use serde::Serialize;

/// How bad a problem is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The input is damaged: a server refuses it or loses something.
    Error,
    /// It loads, but something is not as it should be.
    Warning,
    /// Worth knowing, and normal.
    Note,
}

/// One thing that is wrong, and where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Problem {
    /// How bad it is.
    pub severity: Severity,
    /// The file it is in, where the source is made of several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// Start of the structure in trouble, in bytes of the uncompressed stream.
    pub offset: u64,
    /// In a log, the line that the command begins, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u64>,
    /// The numbered database, where one was selected.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub db: Option<u64>,
    /// The key in whose record it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<KeyName>,
    /// A stable name for the sort of problem.
    pub kind: String,
    /// What was being read, in redis-check-rdb's words where it has one.
    pub doing: String,
    /// What should have stood there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected: Option<String>,
    /// What stood there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub found: Option<String>,
    /// The same in one sentence.
    pub message: String,
}
