//! What DUMP gives and RESTORE takes: one value without its key, with a version and a checksum after it.
//!
//! ```text
//! type (1) | value … | RDB version (2, little-endian) | CRC64 of all before it (8, little-endian)
//! ```

use super::item::{Damage, Item, Key, Sink};
use super::object::Writer;
use super::parser::{Parser, Start};
use super::template::Templates;
use super::types::{self, Dialect};
use crate::base::{Flaw, UnixMs};
use crate::encoding::crc64::Crc64;
use crate::keyspace::command::Spec;

/// A payload in the arguments of a command.
#[derive(Debug, Clone, Copy)]
pub struct Payload<'a> {
    /// The bytes that DUMP gave.
    pub bytes: &'a [u8],
    /// Where they stand in their file.
    pub offset: u64,
    /// The numbered database.
    pub db: u64,
    /// The key it is restored under.
    pub key: &'a [u8],
    /// When the key expires.
    pub expire_at: Option<UnixMs>,
    /// The command that restores it.
    pub written_by: Option<&'static Spec>,
}

/// Bytes after the value.
const FOOTER_BYTES: usize = 10;
/// The first RDB version that only Valkey writes.
const VALKEY_VERSIONS: u16 = 80;

impl Parser {
    /// Reads a payload as the record of its key.
    pub fn payload<S: Sink>(&mut self, payload: &Payload<'_>, sink: &mut S) {
        if let Err(flaw) = self.payload_record(payload, sink) {
            let key = Key { head: payload.key, len: payload.key.len() as u64, sha256: None };
            let offset = payload.offset.saturating_add(flaw.at());
            let (doing, db, key) = ("read-object-value", Some(payload.db), Some(key));
            sink.item(&Item::Damage(Damage { flaw: &flaw, offset, line: None, doing, db, key, fatal: false }));
        }
    }

    fn payload_record<S: Sink>(&mut self, payload: &Payload<'_>, sink: &mut S) -> Result<(), Flaw> {
        let length = payload.bytes.len();
        let body = length.checked_sub(FOOTER_BYTES).filter(|body| *body > 1);
        let (Some(body), Some(footer)) = (body, payload.bytes.last_chunk::<FOOTER_BYTES>()) else {
            let found = format!("{length} bytes");
            return Err(Flaw::new(
                "truncated",
                "RESTORE payload",
                0,
                "a type, a value, a version and a checksum",
                found,
            ));
        };
        let [low, high, stored @ ..] = *footer;
        let (version, stored) = (u16::from_le_bytes([low, high]), u64::from_le_bytes(stored));
        let mut crc = Crc64::new();
        crc.update(payload.bytes.get(..length.saturating_sub(8)).unwrap_or_default());
        if stored != 0 && stored != crc.value() {
            let (expected, found) = (format!("{stored:016x}"), format!("{:016x}", crc.value()));
            let flaw =
                Flaw::new("checksum-mismatch", "RESTORE payload", (length as u64).saturating_sub(8), expected, found);
            return Err(flaw);
        }
        let value = payload.bytes.get(..body).unwrap_or_default();
        let id = value.first().copied().unwrap_or_default();
        let dialect = if version >= VALKEY_VERSIONS { Dialect::Valkey } else { Dialect::Redis };
        if types::lookup(dialect, id).is_none() {
            let expected = format!("a value type of RDB {version}");
            return Err(Flaw::new("unsupported-type", "RESTORE payload", 0, expected, format!("{id} (0x{id:02x})")));
        }
        let mut prefix = Vec::with_capacity(payload.key.len().saturating_add(16));
        if let Some(at) = payload.expire_at {
            prefix.push(0xFC);
            prefix.extend_from_slice(&at.0.to_le_bytes());
        }
        prefix.extend_from_slice(&[id, 0x80]);
        prefix.extend_from_slice(&u32::try_from(payload.key.len()).unwrap_or(u32::MAX).to_be_bytes());
        prefix.extend_from_slice(payload.key);
        // The record begins so far before the payload that the value's bytes have their own places.
        let offset = payload.offset.saturating_add(1).saturating_sub(prefix.len() as u64);
        let writer = if dialect == Dialect::Valkey { Writer::Valkey(9, 0) } else { Writer::of_version(version) };
        self.restart(Start { dialect, writer, offset, db: payload.db, templates: Templates::default() });
        self.set_written_by(payload.written_by);
        let used = self.feed(&prefix, sink);
        let rest = value.get(1..).unwrap_or_default();
        let left = prefix.get(used..).unwrap_or_default();
        let left = if left.is_empty() {
            let used = self.feed(rest, sink);
            rest.get(used..).unwrap_or_default()
        } else {
            left
        };
        if self.is_stopped() {
            return Ok(());
        }
        self.end_payload(left, sink)
    }
}
