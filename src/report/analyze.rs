//! The report of `analyze`: what is in a keyspace.

use super::expiry::{Frequency, Idle, Ttl};
use super::keys::{BigElement, BigKeys};
use super::places::{Cluster, OtherKeys, Prefix, PrefixSample, Stream};
use super::{Exit, Exposure, Finding, Integrity, LogTotals, PlanScript, Provenance, ScanSummary, Severity, Verdict};
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
    /// Whether the sources were read as shards of one keyspace (`--merge`).
    pub merged: bool,
    /// What to do, most pressing first.
    pub advice: Vec<Advice>,
    /// The script that `--plan-script` wrote.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plan: Option<PlanScript>,
    /// Findings of a scan; null for "not scanned".
    pub findings: Option<Vec<Finding>>,
    /// What else the scan came to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scan: Option<ScanTotals>,
}

/// What a scan came to, beside its findings.
#[derive(Debug, Clone, Default, PartialEq, Serialize, JsonSchema)]
pub struct ScanTotals {
    /// Numbers.
    pub summary: ScanSummary,
    /// What secrets and personal data were exposed.
    pub exposure: Vec<Exposure>,
    /// What the evidence that was read cannot show.
    pub cannot_show: Vec<String>,
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

/// What is in a keyspace. Only keys that the filters let through are counted.
#[derive(Debug, Clone, Default, PartialEq, Serialize, JsonSchema)]
pub struct Analysis {
    /// Totals.
    pub keyspace: Keyspace,
    /// The server whose memory is estimated; null where no model applies, as for a log without a base: then no memory is known.
    pub memory_model: Option<MemoryModel>,
    /// The largest keys.
    pub big_keys: BigKeys,
    /// The largest elements inside keys, largest first.
    pub big_elements: Vec<BigElement>,
    /// How sizes are spread, per type.
    pub sizes: BTreeMap<String, Sizes>,
    /// Where the keys are, by the beginning of their names.
    pub prefixes: Vec<Prefix>,
    /// Keys that count under none of the prefixes; null if there are none.
    pub other_prefixes: Option<OtherKeys>,
    /// Set where there were so many patterns of names that some numbers of prefixes are estimates.
    pub prefixes_sample: Option<PrefixSample>,
    /// When keys expire.
    pub ttl: Ttl,
    /// How long keys have not been used, where the dump says so (maxmemory-policy LRU).
    pub idle: Option<Idle>,
    /// How often keys are used, where the dump says so (maxmemory-policy LFU).
    pub frequency: Option<Frequency>,
    /// Streams with their groups, those with the most to do first.
    pub streams: Vec<Stream>,
    /// Cluster slots and hash tags.
    pub cluster: Option<Cluster>,
    /// What was decoded and what was passed over.
    pub decoding: Decoding,
}

/// The server whose memory is estimated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct MemoryModel {
    /// The server: `redis-8.0`.
    pub server: String,
    /// Its allocator: `bundled` jemalloc, or `debian`, the distribution's.
    pub allocator: String,
    /// `measured` against this server, or `inferred` from its neighbours.
    pub basis: String,
    /// Keys whose memory is a rough guess: values of modules.
    pub guessed_keys: u64,
}

/// Totals of a keyspace.
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
    /// Estimated memory of all keys, as MEMORY USAGE says for each; null: no memory model was applied.
    pub memory_bytes: Option<u64>,
    /// Estimated memory besides: the tables of keys and of expiries, and what MEMORY USAGE leaves out.
    pub overhead_bytes: Option<u64>,
    /// What all of it adds to `used_memory`. Where MEMORY USAGE overstates the keys, as it does with streams, that may be less
    /// than `memory_bytes`.
    pub used_memory_bytes: Option<u64>,
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
    /// Estimated memory; null: no memory model was applied.
    pub memory_bytes: Option<u64>,
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

/// How the sizes of the keys of one type are spread.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Sizes {
    /// Estimated memory; null: no memory model was applied.
    pub memory_bytes: Option<Spread>,
    /// Bytes as stored.
    pub serialized_bytes: Option<Spread>,
    /// Elements.
    pub elements: Option<Spread>,
    /// Keys by their size, from the smallest to the largest, without gaps: by estimated memory, or by bytes as stored where no
    /// memory is known; the same for all types.
    pub distribution: Vec<SizeBucket>,
}

/// Keys of about one size: between two powers of two.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct SizeBucket {
    /// The largest size that belongs here: 63, 127, 255 …
    pub upto_bytes: u64,
    /// Keys in it.
    pub keys: u64,
    /// What they come to.
    pub bytes: u64,
}

/// How numbers are spread. Percentiles are the lower end of a step: at most 1.6 % below the exact one, and exact below 128.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Spread {
    /// The median.
    pub p50: u64,
    /// 90 of 100 are not above it.
    pub p90: u64,
    /// 99 of 100 are not above it.
    pub p99: u64,
    /// The largest, exact.
    pub max: u64,
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

/// Something to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Advice {
    /// Which advice: `no-ttl`, `big-key` … stable.
    pub kind: String,
    /// How pressing: `error`, `warning` or `note`.
    pub severity: Severity,
    /// What to do, in a sentence.
    pub message: String,
    /// The numbers it rests on.
    pub evidence: String,
    /// What it would change by, in bytes of estimated memory, where that is known.
    pub frees_bytes: Option<u64>,
    /// The command to run.
    pub command: Option<String>,
    /// Whether that command, or the script it writes, deletes or changes data once somebody runs it.
    pub destructive: bool,
}
