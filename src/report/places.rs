//! Where keys are, in the report of `analyze`: prefixes, streams with their groups, cluster slots.

use super::KeyName;
use schemars::JsonSchema;
use serde::Serialize;

/// Keys whose names begin alike. Numbers, UUIDs and hashes count as alike: `user:{n}:`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Prefix {
    /// The beginning, up to and with its separator; without one at its end where it is the pattern of whole names.
    pub prefix: KeyName,
    /// Keys.
    pub keys: u64,
    /// Keys with an expiry.
    pub expires: u64,
    /// Bytes as stored.
    pub serialized_bytes: u64,
    /// Estimated memory; null: no memory model was applied.
    pub memory_bytes: Option<u64>,
    /// Estimated memory of the keys without an expiry.
    pub persistent_memory_bytes: Option<u64>,
    /// Seconds left, on average, of the keys whose expiry is ahead; null if there are none, or the moment is not known.
    pub average_ttl_seconds: Option<u64>,
    /// Seconds since the last use, on average; null where the dump does not say.
    pub average_idle_seconds: Option<u64>,
    /// A key that counts here: the one whose name comes first.
    pub example: Option<KeyName>,
    /// The beginnings one separator longer, largest first.
    pub children: Vec<Prefix>,
}

/// A stream and its groups.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Stream {
    /// The source it is in.
    pub source: String,
    /// Its database.
    pub db: u64,
    /// Its name.
    pub key: KeyName,
    /// Entries.
    pub length: u64,
    /// The highest id it gave.
    pub last_id: String,
    /// Estimated memory; null: no memory model was applied.
    pub memory_bytes: Option<u64>,
    /// Entries that its groups were given and have not acknowledged.
    pub pending: u64,
    /// Its groups: the 100 with the most entries to be given or acknowledged, those with most first.
    pub groups: Vec<StreamGroup>,
    /// Groups that are left out of the list.
    pub more_groups: u64,
}

/// A consumer group of a stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct StreamGroup {
    /// Its name; of one over 1 KiB the beginning.
    pub name: KeyName,
    /// The last id it was given.
    pub last_id: String,
    /// Entries it has not been given yet, as XINFO GROUPS of the server that wrote the dump counts them; null where that cannot be
    /// known.
    pub lag: Option<u64>,
    /// Entries it was given and has not acknowledged.
    pub pending: u64,
    /// Seconds, at the report's moment, since the one that waits longest was given.
    pub oldest_pending_seconds: Option<u64>,
    /// The most often that one pending entry was given.
    pub most_deliveries: u64,
    /// Consumers.
    pub consumers: u64,
    /// Consumers that have not been seen for an hour at the report's moment; 0 where that is not known.
    pub idle_consumers: u64,
}

/// Cluster slots and hash tags. Slots are counted whether or not the server was part of a cluster.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Cluster {
    /// Whether the dump says that its server was part of a cluster: it holds slot information.
    pub clustered: bool,
    /// Slots that hold a key.
    pub slots: u64,
    /// Lowest and highest slot that holds a key.
    pub first_slot: Option<u16>,
    /// See `first_slot`.
    pub last_slot: Option<u16>,
    /// The slots that hold most memory, or keys where no memory is known, largest first.
    pub hot_slots: Vec<SlotShare>,
    /// Keys with a hash tag.
    pub tagged_keys: u64,
    /// The hash tags of the hot slots that hold most, largest first.
    pub hash_tags: Vec<TagShare>,
}

/// One slot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct SlotShare {
    /// Its number.
    pub slot: u16,
    /// Keys.
    pub keys: u64,
    /// Bytes as stored.
    pub serialized_bytes: u64,
    /// Estimated memory.
    pub memory_bytes: Option<u64>,
}

/// The keys of one hash tag.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct TagShare {
    /// What stands between the braces.
    pub tag: KeyName,
    /// Its slot.
    pub slot: u16,
    /// Keys.
    pub keys: u64,
    /// Estimated memory.
    pub memory_bytes: Option<u64>,
}
