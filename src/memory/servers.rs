//! What is known of each server: the sizes of its structures and how it puts them together.
//!
//! Source of every number: MEMORY USAGE and `used_memory` of Redis 7.0.15, 7.4.1, 8.0.6 and 8.6.3, of Valkey 8.1.1 and 9.1.2,
//! after a restart from a dump. Redis 6.2 and 7.2 and Valkey 8.0 were not at hand: theirs are those of the servers beside them.

use crate::rdb::Writer;

/// How a key is kept with its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Keys {
    /// An entry of 24 bytes, the key, and an object of 16 bytes.
    Apart,
    /// The key stands in the entry (Valkey 8.0).
    InEntry,
    /// Key, expiry and small value are one allocation, which MEMORY USAGE counts (Redis 8.2 and later).
    InObject,
    /// The same, but MEMORY USAGE counts the object alone (Valkey 8.1).
    Unsaid,
    /// As `InObject`, with a shorter header where the value stands in it too (Valkey 9).
    Short,
}

/// How sets, hashes and sorted sets are kept once they are large.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Table {
    /// Chains of entries: so large is the table itself.
    Dict { bytes: u64 },
    /// Buckets of 64 bytes for seven elements.
    Buckets { bytes: u64 },
}

/// How the fields of a large hash are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fields {
    /// Field and value apart. One with an expiry has 18 bytes more.
    Apart,
    /// Together, if that is at most 128 bytes. `expiry`: what one with an expiry has more.
    Together { expiry: u64 },
}

/// How a large sorted set is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Skiplist {
    /// The sorted set and its skiplist.
    pub(super) bytes: u64,
    /// The head of the list, where it is an allocation on its own.
    pub(super) head: u64,
    /// A node without its levels, of 16 bytes each.
    pub(super) node: u64,
    /// Whether the member stands in the node.
    pub(super) holds_member: bool,
}

/// How the radix trees of a stream are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trees {
    /// Guessed: 16 bytes a key and 244 a node.
    Guessed,
    /// As they were allocated; those of the consumers of a group are left out (Valkey).
    Allocated,
    /// All of it as allocated, names too (Redis 8.2 and later).
    Everything,
}

/// How a stream is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Streams {
    pub(super) trees: Trees,
    pub(super) bytes: u64,
    pub(super) tree: u64,
    pub(super) group: u64,
    pub(super) consumer: u64,
    pub(super) pending: u64,
}

/// One server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Server {
    pub(super) name: &'static str,
    pub(super) version: Writer,
    pub(super) keys: Keys,
    /// Whether MEMORY USAGE counts what was asked for, not what was given.
    pub(super) as_asked: bool,
    pub(super) table: Table,
    pub(super) fields: Fields,
    pub(super) skiplist: Skiplist,
    /// What an entry of a set takes in truth; MEMORY USAGE says 24.
    pub(super) set_entry: u64,
    /// Whether small sets and lists of one node are listpacks, and scores in them the shortest text (from 7.2 on).
    pub(super) packs_all: bool,
    pub(super) quicklist: u64,
    pub(super) quicklist_node: u64,
    /// What a small hash has besides its listpack if a field expires; none where such hashes are never packed.
    pub(super) expiring_listpack: Option<u64>,
    pub(super) streams: Streams,
    /// Whether Debian's package runs with jemalloc 5.3.1.
    pub(super) debian_pages: bool,
    /// Whether bundled and Debian's builds were compared with the real server.
    pub(super) measured: [bool; 2],
}

/// Redis 7.4, from which the others differ.
const BASE: Server = Server {
    name: "redis-7.4",
    version: Writer::Redis(7, 4),
    keys: Keys::Apart,
    as_asked: false,
    table: Table::Dict { bytes: 56 },
    fields: Fields::Apart,
    skiplist: Skiplist { bytes: 48, head: 536, node: 24, holds_member: false },
    set_entry: 5,
    packs_all: true,
    quicklist: 40,
    quicklist_node: 40,
    expiring_listpack: Some(32),
    streams: Streams { trees: Trees::Guessed, bytes: 80, tree: 24, group: 40, consumer: 32, pending: 24 },
    debian_pages: false,
    measured: [true, false],
};

const REDIS_7_0: Server = Server {
    name: "redis-7.0",
    version: Writer::Redis(7, 0),
    set_entry: 24,
    packs_all: false,
    expiring_listpack: None,
    streams: Streams { consumer: 24, ..BASE.streams },
    measured: [false, true],
    ..BASE
};

const VALKEY_8_1: Server = Server {
    name: "valkey-8.1",
    version: Writer::Valkey(8, 1),
    keys: Keys::Unsaid,
    table: Table::Buckets { bytes: 72 },
    fields: Fields::Together { expiry: 8 },
    expiring_listpack: None,
    streams: Streams { trees: Trees::Allocated, tree: 32, ..BASE.streams },
    measured: [false, true],
    ..BASE
};

/// Oldest first.
pub(super) const SERVERS: [Server; 9] = [
    Server {
        name: "redis-6.2",
        version: Writer::Redis(6, 2),
        table: Table::Dict { bytes: 96 },
        quicklist_node: 32,
        measured: [false; 2],
        ..REDIS_7_0
    },
    REDIS_7_0,
    Server { name: "redis-7.2", version: Writer::Redis(7, 2), expiring_listpack: None, measured: [false; 2], ..BASE },
    BASE,
    Server { name: "redis-8.0", version: Writer::Redis(8, 0), debian_pages: true, measured: [false, true], ..BASE },
    Server {
        name: "redis-8.6",
        version: Writer::Redis(8, 6),
        keys: Keys::InObject,
        as_asked: true,
        fields: Fields::Together { expiry: 16 },
        skiplist: Skiplist { bytes: 64, head: 536, node: 16, holds_member: true },
        quicklist: 48,
        quicklist_node: 48,
        expiring_listpack: Some(24),
        streams: Streams { trees: Trees::Everything, bytes: 160, tree: 32, group: 64, consumer: 32, pending: 64 },
        debian_pages: true,
        measured: [false, true],
        ..BASE
    },
    Server {
        name: "valkey-8.0",
        version: Writer::Valkey(8, 0),
        keys: Keys::InEntry,
        expiring_listpack: None,
        measured: [false; 2],
        ..BASE
    },
    VALKEY_8_1,
    Server {
        name: "valkey-9.1",
        version: Writer::Valkey(9, 1),
        keys: Keys::Short,
        table: Table::Buckets { bytes: 80 },
        skiplist: Skiplist { bytes: 544, head: 0, node: 16, holds_member: true },
        debian_pages: true,
        ..VALKEY_8_1
    },
];
