//! Where keys are, in the report of `analyze`: prefixes, streams with their groups, cluster slots.

use super::KeyName;
use schemars::JsonSchema;
use serde::Serialize;

/// Where the keys are, by the beginnings of their names.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct PrefixTree {
    /// The beginnings up to a first separator, largest first.
    pub prefixes: Vec<Prefix>,
    /// Keys that count under none of them; null if there are none.
    pub others: Option<OtherKeys>,
    /// Set where there were so many patterns that some numbers are estimates.
    pub sample: Option<PrefixSample>,
}

/// Keys whose names begin alike. What is different in each name stands in braces: `{n}` a number, `{uuid}`, `{hex}` a hash,
/// `{token}` letters and digits of chance, `{date}`, `{ip}`, `{bytes}` no text, `{long}`, and `{*}` names each of which holds
/// less than 0.1 % of all keys and bytes. A beginning is shown if it holds as much; a name that is one key, if it holds 1 %.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Prefix {
    /// The beginning, up to and with its separator; without one at its end where it is the pattern of whole names.
    pub prefix: KeyName,
    /// Keys.
    pub keys: u64,
    /// The standard error of `keys`; 0: it is exact, and so is all else here but `children`.
    pub keys_error: u64,
    /// Keys with an expiry.
    pub expires: u64,
    /// Bytes as stored.
    pub serialized_bytes: u64,
    /// Estimated memory; null: no memory model was applied.
    pub memory_bytes: Option<u64>,
    /// The standard error that comes from the sample, of `memory_bytes`, or of `serialized_bytes` where that is null.
    pub bytes_error: u64,
    /// Estimated memory of the keys without an expiry.
    pub persistent_memory_bytes: Option<u64>,
    /// Seconds left, on average, of the keys whose expiry is ahead; null if there are none, or the moment is not known.
    pub average_ttl_seconds: Option<u64>,
    /// Seconds since the last use, on average; null where the dump does not say.
    pub average_idle_seconds: Option<u64>,
    /// A key that counts here: the one whose name comes first, of the sampled ones where `keys` is an estimate.
    pub example: Option<KeyName>,
    /// The beginnings one separator longer, or more if all keys share more, largest first.
    pub children: Vec<Prefix>,
    /// Keys that count under none of the children; null if there are none of either.
    pub others: Option<OtherKeys>,
}

/// What is left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct OtherKeys {
    /// Keys.
    pub keys: u64,
    /// Their estimated memory.
    pub memory_bytes: Option<u64>,
}

/// How numbers of prefixes are estimated. Which keys are sampled depends on their names alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct PrefixSample {
    /// Prefixes with up to so many separators are exact.
    pub exact_depth: u64,
    /// Keys that the estimates of longer ones come from: half of them chosen whatever their size, half by their bytes. A
    /// prefix that holds the share s of all keys, or bytes, has a relative standard error of about 1 / √(s × half of these).
    pub sampled_keys: u64,
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
    /// Lowest slot that holds a key.
    pub first_slot: Option<u16>,
    /// Highest slot that holds a key.
    pub last_slot: Option<u16>,
    /// Keys of the slot that holds fewest, of those that hold any.
    pub least_keys: u64,
    /// Keys of the slot that holds most.
    pub most_keys: u64,
    /// The slots that hold most memory, or keys where no memory is known, largest first.
    pub hot_slots: Vec<SlotShare>,
    /// Keys with a hash tag.
    pub tagged_keys: u64,
    /// The hash tags that hold most memory, or keys where no memory is known, largest first.
    pub hash_tags: Vec<TagShare>,
    /// 0: hash tags are exact. Else there were so many that theirs are estimates from so many keys.
    pub sampled_keys: u64,
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
    /// What stands between the braces; of a long one the first 256 bytes.
    pub tag: KeyName,
    /// Its slot.
    pub slot: u16,
    /// Keys.
    pub keys: u64,
    /// The standard error of `keys`; 0: it is exact.
    pub keys_error: u64,
    /// Estimated memory.
    pub memory_bytes: Option<u64>,
    /// The standard error that comes from the sample, of `memory_bytes`.
    pub bytes_error: u64,
}
