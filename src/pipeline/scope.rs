//! What was read, seen from outside the records.

use crate::base::{Flaw, UnixMs};
use crate::memory::Model;
use crate::rdb::{Config, Counters, Depth, Dialect, Head, Header, Item, Parser, Sink, Start, Templates, Writer};
use std::sync::Arc;

/// What stands before the first key.
#[derive(Debug, Clone, Default)]
pub struct Prologue {
    /// The first nine bytes; none if the source is no RDB.
    pub header: Option<Header>,
    /// AUX fields in the order of the file; values cut at 1 KiB, at most 64 of them.
    pub aux: Vec<(Vec<u8>, Vec<u8>)>,
    /// The name of the file, where the source is made of several.
    pub part: Option<Arc<str>>,
}

impl Prologue {
    pub(super) fn read(&mut self, header: Header, bytes: &[u8], config: &Config) {
        let start = Start {
            dialect: Dialect::of(header.magic),
            writer: Writer::of_version(header.version),
            offset: 0,
            db: 0,
            templates: Templates::default(),
        };
        let config = Config { validate: false, ..config.clone() };
        let mut before = BeforeKeys { aux: Vec::new(), keys: false };
        // The prologue of a real file is a few hundred bytes; functions may stand in it.
        let _ = Parser::new(config, start).feed(bytes.get(..64 << 10).unwrap_or(bytes), &mut before);
        self.header = Some(header);
        self.aux = before.aux;
    }

    /// The value of the first AUX field of this name.
    pub fn aux(&self, name: &[u8]) -> Option<&[u8]> {
        self.aux.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_slice())
    }

    /// The same as a number.
    pub fn aux_number(&self, name: &[u8]) -> Option<i64> {
        std::str::from_utf8(self.aux(name)?).ok()?.parse().ok()
    }

    /// Whether the RDB says of itself that it begins an append-only file. Source: AUX `aof-preamble` of RDB 8 and 9,
    /// `aof-base` since.
    pub fn says_log_follows(&self) -> bool {
        [&b"aof-preamble"[..], b"aof-base"].iter().any(|name| self.aux_number(name) == Some(1))
    }

    /// When the snapshot was taken, from AUX `ctime`.
    pub fn created_at(&self) -> Option<UnixMs> {
        self.aux_number(b"ctime")?.checked_mul(1000).map(UnixMs)
    }

    /// The replication id of the snapshot (AUX `repl-id`), where it is one: forty hexadecimal digits.
    pub fn repl_id(&self) -> Option<String> {
        let id = self.aux(b"repl-id").filter(|id| id.len() == 40 && id.iter().all(u8::is_ascii_hexdigit))?;
        std::str::from_utf8(id).ok().map(str::to_owned)
    }

    /// The replication offset of the snapshot (AUX `repl-offset`).
    pub fn repl_offset(&self) -> Option<i64> {
        self.aux_number(b"repl-offset")
    }

    /// The server that wrote it: as it says itself, else the oldest that writes this version.
    pub fn writer(&self) -> Option<Writer> {
        let said = self.aux.iter().rev().find_map(|(name, value)| Writer::of_aux(name, value));
        said.or_else(|| self.header.map(|header| Writer::of_version(header.version)))
    }

    /// The server that wrote it, as reports name it: `redis 8.6.3`.
    pub fn server(&self) -> Option<String> {
        let named = |family: &str, value: &[u8]| format!("{family} {}", crate::keyspace::escape(value));
        if let Some(value) = self.aux(b"valkey-ver") {
            return Some(named("valkey", value));
        }
        if self.aux(b"df-ver").is_some() {
            return self.aux(b"df-ver").map(|value| named("dragonfly", value));
        }
        self.aux(b"redis-ver").map(|value| named("redis", value))
    }
}

struct BeforeKeys {
    aux: Vec<(Vec<u8>, Vec<u8>)>,
    keys: bool,
}

impl Sink for BeforeKeys {
    fn depth(&mut self, _: &Head<'_>) -> Depth {
        self.keys = true;
        Depth::Keys
    }

    fn item(&mut self, item: &Item<'_>) {
        if let Item::Aux { name, value, .. } = item
            && !self.keys
            && self.aux.len() < 64
        {
            let kept = |bytes: &[u8]| bytes.get(..1024).unwrap_or(bytes).to_vec();
            self.aux.push((kept(name), kept(value)));
        }
    }
}

/// How the input ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Ended {
    /// After EOF and its checksum.
    Complete,
    /// After EOF, inside the checksum.
    NoChecksum {
        /// Bytes of it that are there.
        have: u64,
    },
    /// Before EOF.
    #[default]
    Truncated,
    /// At framing that cannot be followed.
    Broken,
    /// At its beginning: it is no RDB.
    NotAnRdb,
}

/// Bytes of a log that no command could be read from, between commands that could.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Skipped {
    /// Where the command stands that could not be followed.
    pub from: u64,
    /// Where reading went on.
    pub to: u64,
}

/// What was found outside the records.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    /// How the input ended.
    pub ended: Ended,
    /// Bytes of the uncompressed stream.
    pub bytes: u64,
    /// The checksum of the bytes up to and with EOF.
    pub computed: Option<u64>,
    /// The checksum that stands there.
    pub stored: Option<u64>,
    /// Bytes after the end of the dump.
    pub trailing_bytes: u64,
    /// The first 64 of them.
    pub trailing_head: Vec<u8>,
    /// Whether it is a log by its name or its manifest.
    pub expects_log: bool,
    /// Where the log begins: 0, or after its preamble. None if there is none.
    pub log_at: Option<u64>,
    /// What was passed over in the log; at most 10,000 of them.
    pub skipped: Vec<Skipped>,
    /// Bytes that were passed over in all.
    pub skipped_bytes: u64,
    /// Where the end of the log begins of which nothing could be read any more.
    pub unreadable_end: Option<u64>,
    /// What is wrong with the header.
    pub header_flaw: Option<Flaw>,
    /// Of an input that is no RDB, the first KiB.
    pub head: Vec<u8>,
    /// What is wrong with the compressed stream.
    pub unpack_flaw: Option<Flaw>,
    /// Whether a parser met the end of the input inside a record, or before EOF.
    pub cut_short: bool,
    /// What the parsers counted.
    pub counters: Counters,
}

impl Tally {
    pub(super) fn take(&mut self, counters: Counters, cut_short: bool) {
        self.counters.add(&counters);
        self.cut_short |= cut_short;
    }
}

/// What one run read: told to every analyzer at the end.
#[derive(Debug, Clone)]
pub struct Scope {
    /// What reports call the source.
    pub source: String,
    /// What stands before the keys.
    pub prologue: Prologue,
    /// What was found outside the records.
    pub tally: Tally,
    /// The moment TTLs are seen from.
    pub as_of: Option<UnixMs>,
    /// The server for which memory was estimated.
    pub model: Option<Model>,
    /// Whether filters were set.
    pub filtered: bool,
    /// Whether every value was validated that the filters let through.
    pub validated: bool,
}
