//! Single keys in the report of `analyze`: the largest ones, and the largest elements inside them.

use super::KeyName;
use schemars::JsonSchema;
use serde::Serialize;

/// The largest keys, largest first; ties by database, key and source.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct BigKeys {
    /// By estimated memory; empty where no memory model was applied.
    pub by_memory: Vec<BigKey>,
    /// By elements.
    pub by_elements: Vec<BigKey>,
    /// By bytes as stored.
    pub by_serialized: Vec<BigKey>,
    /// By their largest element.
    pub by_largest_element: Vec<BigKey>,
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

/// One large element of a list, set, sorted set, hash or stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct BigElement {
    /// The source it is in.
    pub source: String,
    /// The database of its key.
    pub db: u64,
    /// Its key.
    pub key: KeyName,
    /// The key's type.
    #[serde(rename = "type")]
    pub ty: String,
    /// Its place in the value as stored, from 0.
    pub index: u64,
    /// The field, or the member's or item's beginning; null where that was not unpacked, and where a scan keeps it back.
    pub element: Option<KeyName>,
    /// Its length in bytes; of a field, with its value.
    pub bytes: u64,
}
