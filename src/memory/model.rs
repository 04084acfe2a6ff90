//! The servers whose memory is known.

use super::classes::{Allocator, Classes};
use super::cost::{Cost, Counting};
use super::servers::{Keys, SERVERS, Server, Table};
use super::strings::ENTRY;
use super::tables;
use crate::rdb::Writer;

/// What a model rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Basis {
    /// Compared with `MEMORY USAGE` of this server.
    Measured,
    /// Taken from the servers before and after it, or from the same one with another allocator.
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
    server: &'static Server,
    allocator: Allocator,
}

impl Model {
    /// The model of this name: a server of [`Model::names`], or a version one stands for (`redis-7.4.1`, `redis-8` for the
    /// newest 8, `valkey-9.2` for the newest that is not newer), then `+debian` or `+bundled` (the default).
    pub fn named(name: &str) -> Option<Self> {
        let (server, allocator) = match name.split_once('+') {
            None => (name, Allocator::Bundled),
            Some((server, "bundled")) => (server, Allocator::Bundled),
            Some((server, "debian")) => (server, Allocator::Debian),
            Some(_) => return None,
        };
        let server = SERVERS.iter().find(|own| own.name == server).or_else(|| standing_for(server))?;
        Some(Self { server, allocator })
    }

    /// The model of the server that wrote a dump, with the allocator that comes with it: the newest that is not newer.
    pub fn of_writer(writer: Writer) -> Self {
        let (valkey, version) = parts(writer);
        let server = newest(valkey, version).or_else(|| SERVERS.iter().find(|own| parts(own.version).0 == valkey));
        let [.., newest] = &SERVERS;
        Self { server: server.unwrap_or(newest), allocator: Allocator::Bundled }
    }

    /// The names that [`Model::named`] knows, without the allocator.
    pub fn names() -> impl Iterator<Item = &'static str> {
        SERVERS.iter().map(|server| server.name)
    }

    /// The server: `redis-8.0`.
    pub fn server(&self) -> &'static str {
        self.server.name
    }

    /// The server as its version.
    pub fn version(&self) -> Writer {
        self.server.version
    }

    /// The allocator.
    pub fn allocator(&self) -> Allocator {
        self.allocator
    }

    /// What the model rests on.
    pub fn basis(&self) -> Basis {
        let [bundled, debian] = self.server.measured;
        let measured = match self.allocator {
            Allocator::Bundled => bundled,
            Allocator::Debian => debian,
        };
        if measured { Basis::Measured } else { Basis::Inferred }
    }

    pub(super) fn knowledge(&self) -> &'static Server {
        self.server
    }

    pub(super) fn counting(&self) -> Counting {
        let pages = self.server.debian_pages && self.allocator == Allocator::Debian;
        Counting { classes: Classes::new(self.allocator, pages), as_asked: self.server.as_asked }
    }
}

/// Whether it is Valkey, and its version.
fn parts(version: Writer) -> (bool, (u16, u16)) {
    match version {
        Writer::Redis(major, minor) => (false, (major, minor)),
        Writer::Valkey(major, minor) => (true, (major, minor)),
    }
}

/// The newest server that is not newer than this version.
fn newest(valkey: bool, version: (u16, u16)) -> Option<&'static Server> {
    let of = |own: &&Server| parts(own.version).0 == valkey && parts(own.version).1 <= version;
    SERVERS.iter().rev().find(of)
}

/// The server that stands for a version: of the same major one.
fn standing_for(name: &str) -> Option<&'static Server> {
    let (valkey, version) = match name.split_once('-')? {
        ("redis", version) => (false, version),
        ("valkey", version) => (true, version),
        _ => return None,
    };
    let mut numbers = version.split('.').map(str::parse::<u16>);
    let major = numbers.next()?.ok()?;
    let minor = numbers.next().unwrap_or(Ok(u16::MAX)).ok()?;
    if numbers.any(|number| number.is_err()) {
        return None;
    }
    newest(valkey, (major, minor)).filter(|server| parts(server.version).1.0 == major)
}

/// What the tables of databases of so many keys, of which so many expire, take besides the keys, in bytes.
pub fn overhead_bytes(model: &Model, databases: impl IntoIterator<Item = (u64, u64)>) -> u64 {
    let counting = model.counting();
    let tables = |(keys, expires): (u64, u64)| {
        table(model.server, keys, counting).plus(ttl_table(model.server, expires, counting))
    };
    databases.into_iter().map(tables).fold(Cost::default(), Cost::plus).taken
}

/// The table that knows the keys, without their entries.
fn table(server: &Server, keys: u64, counting: Counting) -> Cost {
    match server.table {
        _ if keys == 0 => Cost::default(),
        Table::Dict { .. } => {
            let slots = tables::slots(tables::power(keys), counting);
            let entries = if server.keys == Keys::InObject { server.set_entry.saturating_mul(keys) } else { 0 };
            slots.plus(Cost { said: 0, taken: entries })
        }
        Table::Buckets { .. } => tables::buckets(keys, counting),
    }
}

fn ttl_table(server: &Server, expires: u64, counting: Counting) -> Cost {
    let entries = match server.keys {
        Keys::Apart | Keys::InEntry => counting.counted(ENTRY).times(expires),
        Keys::InObject | Keys::Short | Keys::Unsaid => Cost::default(),
    };
    table(server, expires, counting).plus(entries)
}

#[cfg(test)]
mod tests {
    use super::{Allocator, Model};
    use crate::rdb::Writer;

    #[test]
    fn names_and_versions_find_their_model() {
        let server = |name| Model::named(name).map(|model| model.server());
        for name in Model::names() {
            assert_eq!(server(name), Some(name));
        }
        let versions = [
            ("redis-7.4.1", "redis-7.4"),
            ("redis-7.1", "redis-7.0"),
            ("redis-7", "redis-7.4"),
            ("redis-8", "redis-8.6"),
            ("redis-8.4.2", "redis-8.0"),
            ("valkey-9", "valkey-9.1"),
            ("valkey-8.1.3+debian", "valkey-8.1"),
        ];
        for (version, model) in versions {
            assert_eq!(server(version), Some(model), "{version}");
        }
        for unknown in ["redis-5", "redis-9", "valkey-7.2", "redis-", "redis-8.x", "keydb-6", "redis-8+musl", "8.0"] {
            assert_eq!(server(unknown), None, "{unknown}");
        }
        assert_eq!(Model::named("redis-8.0+debian").map(|model| model.allocator()), Some(Allocator::Debian));
    }

    #[test]
    fn a_writer_has_the_newest_model_that_is_not_newer() {
        let of = |writer| Model::of_writer(writer).server();
        assert_eq!(of(Writer::Redis(2, 8)), "redis-6.2");
        assert_eq!(of(Writer::Redis(8, 4)), "redis-8.0");
        assert_eq!(of(Writer::Redis(9, 0)), "redis-8.6");
        assert_eq!(of(Writer::Valkey(7, 2)), "valkey-8.0");
        assert_eq!(of(Writer::Valkey(9, 0)), "valkey-8.1");
    }
}
