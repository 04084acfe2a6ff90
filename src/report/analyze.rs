//! The report of `analyze`: what is in a keyspace.

use super::{Exit, Integrity, KeyName, LogTotals, Provenance, Verdict};
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::BTreeMap;

/// The document of `analyze --format json`: the analysis of all sources together is at the top level, that of each one in
/// `sources`.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct AnalyzeReport {
    /// `rediscover/analyze/v1`.
    pub schema: String,
    /// What was read, by what, when.
    pub provenance: Provenance,
    /// How the command ended.
    pub exit: Exit,
    /// All sources together.
    #[serde(flatten)]
    pub total: Analysis,
    /// One by one, in the order given; empty if there is one source.
    pub sources: Vec<SourceAnalysis>,
    /// One integrity report per source, in the order given.
    pub integrity: Vec<SourceIntegrity>,
    /// Findings of a scan; null for "not scanned".
    pub findings: Option<()>,
}

/// How whole one source is, in `analyze`.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct SourceIntegrity {
    /// Its name.
    pub source: String,
    /// Its kind: `rdb`.
    pub kind: String,
    /// Is it whole; null where not everything was validated and nothing wrong was seen.
    pub verdict: Option<Verdict>,
    /// RDB version number.
    pub format_version: Option<u16>,
    /// The server that wrote it.
    pub server_version: Option<String>,
    /// Bytes of the uncompressed stream.
    pub bytes: u64,
    /// When the snapshot was taken, RFC 3339 in UTC.
    pub created_at: Option<String>,
    /// The commands, where it is or holds an append-only file: what is counted as keys then are the keys of its base, and
    /// each value that a command writes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log: Option<LogTotals>,
    /// Validation, checksum, problems.
    #[serde(flatten)]
    pub integrity: Integrity,
}

/// The analysis of one source.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct SourceAnalysis {
    /// Its name.
    pub source: String,
    /// What is in it.
    #[serde(flatten)]
    pub analysis: Analysis,
}

/// What is in a keyspace.
#[derive(Debug, Clone, Default, PartialEq, Serialize, JsonSchema)]
pub struct Analysis {
    /// Totals.
    pub keyspace: Keyspace,
    /// The largest keys.
    pub big_keys: BigKeys,
    /// Where the keys are, by the beginning of their names.
    pub prefixes: Vec<Prefix>,
    /// 1, or 1/n if there were so many distinct beginnings that only every n-th is shown.
    pub prefixes_shown_one_in: u64,
    /// When keys expire.
    pub ttl: Ttl,
    /// What was decoded and what was passed over.
    pub decoding: Decoding,
}

/// Totals of a keyspace. Only keys that the filters let through are counted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Keyspace {
    /// Keys.
    pub keys: u64,
    /// Keys with an expiry.
    pub expires: u64,
    /// Elements of all collections; a string has one.
    pub elements: u64,
    /// Bytes of the values as stored, with their keys.
    pub serialized_bytes: u64,
    /// Estimated memory; null: no memory model was applied.
    pub memory_bytes: Option<u64>,
    /// Per type.
    pub by_type: BTreeMap<String, TypeShare>,
    /// Per encoding, as OBJECT ENCODING would name it, with its type: `hash/listpack`.
    pub by_encoding: BTreeMap<String, TypeShare>,
    /// Per numbered database.
    pub databases: Vec<DatabaseShare>,
    /// Function libraries.
    pub functions: u64,
}

/// A share of a keyspace.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct TypeShare {
    /// Keys.
    pub keys: u64,
    /// Keys with an expiry.
    pub expires: u64,
    /// Elements.
    pub elements: u64,
    /// Bytes as stored.
    pub serialized_bytes: u64,
}

/// One numbered database.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct DatabaseShare {
    /// Its number.
    pub db: u64,
    /// What is in it.
    #[serde(flatten)]
    pub share: TypeShare,
}

/// The largest keys, largest first; ties by source, database and key.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct BigKeys {
    /// By elements.
    pub by_elements: Vec<BigKey>,
    /// By bytes as stored.
    pub by_serialized: Vec<BigKey>,
}

/// One key of a ranking.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct BigKey {
    /// The source it is in.
    pub source: String,
    /// Its database.
    pub db: u64,
    /// Its name.
    pub key: KeyName,
    /// Its type.
    #[serde(rename = "type")]
    pub ty: String,
    /// Its encoding, as OBJECT ENCODING would say.
    pub encoding: String,
    /// Its elements.
    pub elements: u64,
    /// Estimated memory; null: no memory model was applied.
    pub memory_bytes: Option<u64>,
    /// Bytes as stored.
    pub serialized_bytes: u64,
    /// Its largest element, in bytes.
    pub largest_element_bytes: u64,
    /// When it expires, RFC 3339 in UTC.
    pub expire_at: Option<String>,
}

/// Keys whose names begin alike. Numbers, UUIDs and hashes count as alike: `user:{n}:`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Prefix {
    /// The beginning, up to and with its separator.
    pub prefix: KeyName,
    /// Keys.
    pub keys: u64,
    /// Keys with an expiry.
    pub expires: u64,
    /// Bytes as stored.
    pub serialized_bytes: u64,
    /// Estimated memory; null: no memory model was applied.
    pub memory_bytes: Option<u64>,
    /// The beginnings one separator longer, largest first.
    pub children: Vec<Prefix>,
}

/// When keys expire, seen from one moment.
#[derive(Debug, Clone, Default, PartialEq, Serialize, JsonSchema)]
pub struct Ttl {
    /// That moment, RFC 3339 in UTC; null where neither the snapshot nor the caller named one: then nothing is counted as
    /// expired and there are no buckets.
    pub as_of: Option<String>,
    /// Keys without an expiry.
    pub none: u64,
    /// Keys whose expiry had passed.
    pub expired: u64,
    /// The others, by what was left.
    pub buckets: Vec<TtlBucket>,
    /// Seconds left at the median, within 1 %; null if none had an expiry ahead.
    pub p50: Option<u64>,
    /// At the 90th percentile.
    pub p90: Option<u64>,
    /// At the 99th percentile.
    pub p99: Option<u64>,
}

/// Keys that expire within a span.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct TtlBucket {
    /// The span for people: `1m`, `1h`.
    pub label: String,
    /// Its end in seconds; null for the last.
    pub upto_seconds: Option<u64>,
    /// Keys in it.
    pub keys: u64,
    /// Their bytes as stored.
    pub serialized_bytes: u64,
}

/// What was decoded and what was passed over.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Decoding {
    /// Keys in the input.
    pub keys_seen: u64,
    /// Keys that the filters let through.
    pub keys_selected: u64,
    /// Values that were decoded.
    pub values_decoded: u64,
    /// Values passed over by their length alone.
    pub values_skipped: u64,
    /// Bytes of those.
    pub bytes_skipped: u64,
}
