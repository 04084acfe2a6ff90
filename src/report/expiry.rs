//! When keys expire and when they were used, in the report of `analyze`.

use super::KeyName;
use super::analyze::Spread;
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::BTreeMap;

/// When keys expire, seen from one moment.
#[derive(Debug, Clone, Default, PartialEq, Serialize, JsonSchema)]
pub struct Ttl {
    /// That moment, RFC 3339 in UTC; null where neither the snapshot nor the caller named one: then nothing is counted as
    /// expired and there are no buckets.
    pub as_of: Option<String>,
    /// Keys without an expiry.
    pub none: u64,
    /// Their estimated memory.
    pub none_memory_bytes: Option<u64>,
    /// Keys whose expiry had passed.
    pub expired: u64,
    /// Their estimated memory.
    pub expired_memory_bytes: Option<u64>,
    /// The others, by what was left.
    pub buckets: Vec<TtlBucket>,
    /// Seconds left at the median, within 1.6 %; null if none had an expiry ahead.
    pub p50: Option<u64>,
    /// At the 90th percentile.
    pub p90: Option<u64>,
    /// At the 99th percentile.
    pub p99: Option<u64>,
    /// Per type: keys without an expiry, expired ones, and how the time left is spread.
    pub by_type: BTreeMap<String, TypeTtl>,
    /// Seconds ahead in which unusually many keys expire, those with most keys first: at least 100 keys, and ten times as many as
    /// in the seconds of the half hours before and after on average.
    pub storms: Vec<Storm>,
    /// What will be gone by `--expiring-by`; null if it was not asked.
    pub evidence: Option<EvidenceLoss>,
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
    /// Their estimated memory.
    pub memory_bytes: Option<u64>,
}

/// The expiries of one type.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct TypeTtl {
    /// Keys without an expiry.
    pub none: u64,
    /// Keys whose expiry had passed.
    pub expired: u64,
    /// Seconds left of the others.
    pub left: Option<Spread>,
}

/// A second in which unusually many keys expire.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Storm {
    /// Its beginning, RFC 3339 in UTC.
    pub at: String,
    /// How long it is: 1. Where keys expire in more than 100,000 different seconds, keys are counted for 2, 4, 8 … seconds
    /// together, as few as that many counts allow.
    pub seconds: u64,
    /// Keys that expire in it.
    pub keys: u64,
    /// Their estimated memory.
    pub memory_bytes: Option<u64>,
}

/// The evidence-loss clock: what will have expired by a moment.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct EvidenceLoss {
    /// The moment, RFC 3339 in UTC.
    pub by: String,
    /// Keys whose expiry comes by then, those included whose expiry had passed already.
    pub keys: u64,
    /// Their bytes as stored.
    pub serialized_bytes: u64,
    /// Their estimated memory.
    pub memory_bytes: Option<u64>,
    /// The next of them to go: RFC 3339 in UTC; null if none is ahead.
    pub next: Option<String>,
}

/// How long keys have not been used. Redis and Valkey store it under an LRU policy only.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Idle {
    /// Keys that say so.
    pub keys: u64,
    /// By the seconds since their last use.
    pub buckets: Vec<TtlBucket>,
    /// How the seconds are spread.
    pub seconds: Option<Spread>,
    /// Seconds on average, per type.
    pub average_by_type: BTreeMap<String, u64>,
    /// The keys that were not used for longest, longest first.
    pub longest: Vec<IdleKey>,
}

/// A key that was not used for long.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct IdleKey {
    /// The source it is in.
    pub source: String,
    /// Its database.
    pub db: u64,
    /// Its name.
    pub key: KeyName,
    /// Its type.
    #[serde(rename = "type")]
    pub ty: String,
    /// Seconds since its last use.
    pub idle_seconds: u64,
    /// Its estimated memory.
    pub memory_bytes: Option<u64>,
}

/// How often keys are used: the logarithmic counter from 0 to 255 that an LFU policy keeps.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Frequency {
    /// Keys that say so.
    pub keys: u64,
    /// How the counters are spread.
    pub counter: Option<Spread>,
    /// Counters on average, per type.
    pub average_by_type: BTreeMap<String, u64>,
    /// Keys whose counter is 0: the first that such a policy evicts.
    pub cold_keys: u64,
    /// Their estimated memory.
    pub cold_memory_bytes: Option<u64>,
    /// The keys with the highest counters, highest first; none whose counter is 0.
    pub hot_keys: Vec<HotKey>,
}

/// A key that is used often.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct HotKey {
    /// The source it is in.
    pub source: String,
    /// Its database.
    pub db: u64,
    /// Its name.
    pub key: KeyName,
    /// Its type.
    #[serde(rename = "type")]
    pub ty: String,
    /// Its counter.
    pub frequency: u8,
    /// Its estimated memory.
    pub memory_bytes: Option<u64>,
}
