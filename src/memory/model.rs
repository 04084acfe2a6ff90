//! The servers whose memory is known.

use super::classes::Allocator;
use crate::rdb::Writer;

/// What a model rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Basis {
    /// Compared with `MEMORY USAGE` of this server.
    Measured,
    /// Taken from the servers before and after it.
    Inferred,
}

impl Basis {
    /// The word: `measured`, `inferred`.
    pub fn name(self) -> &'static str {
        match self {
            Basis::Measured => "measured",
            Basis::Inferred => "inferred",
        }
    }
}

/// A server and its allocator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Model {
    server: &'static str,
    version: Writer,
    allocator: Allocator,
}

/// The servers, oldest first.
const SERVERS: [(&str, Writer); 9] = [
    ("redis-6.2", Writer::Redis(6, 2)),
    ("redis-7.0", Writer::Redis(7, 0)),
    ("redis-7.2", Writer::Redis(7, 2)),
    ("redis-7.4", Writer::Redis(7, 4)),
    ("redis-8.0", Writer::Redis(8, 0)),
    ("redis-8.6", Writer::Redis(8, 6)),
    ("valkey-8.0", Writer::Valkey(8, 0)),
    ("valkey-8.1", Writer::Valkey(8, 1)),
    ("valkey-9.1", Writer::Valkey(9, 1)),
];

impl Model {
    /// The model of this name: a server, then `+debian` or `+bundled` (the default).
    pub fn named(name: &str) -> Option<Self> {
        let (server, allocator) = match name.split_once('+') {
            None | Some((_, "bundled")) => (name.split('+').next().unwrap_or(name), Allocator::Bundled),
            Some((server, "debian")) => (server, Allocator::Debian),
            Some(_) => return None,
        };
        let (server, version) = SERVERS.into_iter().find(|(own, _)| *own == server)?;
        Some(Self { server, version, allocator })
    }

    /// The model of the server that wrote a dump, with the allocator that comes with it: the newest that is not newer.
    pub fn of_writer(writer: Writer) -> Self {
        let older = |own: Writer| match (own, writer) {
            (Writer::Redis(a, b), Writer::Redis(c, d)) | (Writer::Valkey(a, b), Writer::Valkey(c, d)) => {
                (a, b) <= (c, d)
            }
            _ => false,
        };
        let same = |own: Writer| {
            matches!((own, writer), (Writer::Redis(..), Writer::Redis(..)) | (Writer::Valkey(..), Writer::Valkey(..)))
        };
        let found = SERVERS.into_iter().rev().find(|(_, own)| older(*own));
        let found = found.or_else(|| SERVERS.into_iter().find(|(_, own)| same(*own)));
        let (server, version) = found.unwrap_or(("redis-8.6", Writer::Redis(8, 6)));
        Self { server, version, allocator: Allocator::Bundled }
    }

    /// The names that [`Model::named`] knows, without the allocator.
    pub fn names() -> impl Iterator<Item = &'static str> {
        SERVERS.into_iter().map(|(name, _)| name)
    }

    /// The server: `redis-8.0`.
    pub fn server(&self) -> &'static str {
        self.server
    }

    /// The server as its version.
    pub fn version(&self) -> Writer {
        self.version
    }

    /// The allocator.
    pub fn allocator(&self) -> Allocator {
        self.allocator
    }

    /// What the model rests on.
    pub fn basis(&self) -> Basis {
        Basis::Inferred
    }
}

/// What databases of so many keys, of which so many expire, take besides the keys: buckets of the tables of keys and of
/// expiries.
pub fn overhead_bytes(model: &Model, databases: impl IntoIterator<Item = (u64, u64)>) -> u64 {
    let _ = model;
    let buckets = |count: u64| {
        if count == 0 { 0 } else { count.max(4).checked_next_power_of_two().unwrap_or(u64::MAX).saturating_mul(8) }
    };
    databases
        .into_iter()
        .map(|(keys, expires)| {
            buckets(keys).saturating_add(buckets(expires)).saturating_add(expires.saturating_mul(24))
        })
        .fold(0, u64::saturating_add)
}
