//! Where a report comes from.

use schemars::JsonSchema;
use serde::Serialize;

/// What was read, by what, when: the part of a report that differs between two ways to read the same bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Provenance {
    /// Always `rediscover`.
    pub tool: String,
    /// Its version.
    pub version: String,
    /// The command line, without secrets.
    pub arguments: Vec<String>,
    /// Start, RFC 3339 in UTC.
    pub started: String,
    /// End, RFC 3339 in UTC.
    pub ended: String,
    /// What was read.
    pub sources: Vec<SourceFacts>,
}

/// One source as it lay there.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct SourceFacts {
    /// Its name: the path as given, or `name` of `name=SOURCE`, or `-`.
    pub source: String,
    /// What it turned out to be: `rdb`, or null where it could not be opened.
    pub kind: Option<String>,
    /// How it was compressed: `gzip`, `zstd`, or null.
    pub compression: Option<String>,
    /// Whether a server that starts on the data directory it was found in would load it; where that was looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub loaded: Option<bool>,
    /// Raw bytes read, before unpacking.
    pub bytes: u64,
    /// SHA-256 of the raw bytes in hexadecimal; null for "not hashed".
    pub sha256: Option<String>,
    /// SHA-1 of the raw bytes; null for "not hashed".
    pub sha1: Option<String>,
    /// MD5 of the raw bytes; null for "not hashed".
    pub md5: Option<String>,
    /// Its files, where it is made of several; their names are without a folder.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<SourceFacts>,
    /// Why it could not be opened or read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// How the command ended: its exit code, and why it is not 0.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Exit {
    /// The exit code.
    pub code: u8,
    /// One sentence for each thing that asked for it.
    pub reasons: Vec<String>,
}
