//! What OBJECT ENCODING says on the server that wrote the dump: of a collection when it was saved (a small one that had grown
//! and shrunk again is packed anew by whoever loads it), of a string after it was loaded.

use super::Text;
use super::packed::Quicklist;
use crate::encoding::integer;
use crate::keyspace::Encoding;
use crate::rdb::item::Head;

/// The server that wrote the dump, as far as encodings depend on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Writer {
    /// Redis, KeyDB or Dragonfly of this version, as they say it in `redis-ver`.
    Redis(u16, u16),
    /// Valkey of this version.
    Valkey(u16, u16),
}

impl Writer {
    /// The server that an AUX field names, if it does.
    pub fn of_aux(name: &[u8], value: &[u8]) -> Option<Self> {
        match name {
            b"redis-ver" => Self::parse(false, value),
            b"valkey-ver" => Self::parse(true, value),
            _ => None,
        }
    }

    /// From the value of an AUX field `redis-ver` or `valkey-ver`.
    fn parse(valkey: bool, version: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(version).ok()?;
        let mut parts = text.split('.');
        let major = parts.next()?.parse().ok()?;
        let minor = parts.next().and_then(|minor| minor.parse().ok()).unwrap_or(0);
        Some(if valkey { Writer::Valkey(major, minor) } else { Writer::Redis(major, minor) })
    }

    /// The oldest server that writes this version of the `REDIS` magic: for files that do not name their server.
    pub fn of_version(version: u16) -> Self {
        match version {
            0 | 1 => Writer::Redis(2, 2),
            2 => Writer::Redis(2, 4),
            3..=6 => Writer::Redis(2, 6),
            7 => Writer::Redis(3, 2),
            8 => Writer::Redis(4, 0),
            9 => Writer::Redis(5, 0),
            10 => Writer::Redis(7, 0),
            11 => Writer::Redis(7, 2),
            12 => Writer::Redis(7, 4),
            _ => Writer::Redis(8, 6),
        }
    }

    /// Lists of one node are listpacks from 7.2 on.
    fn has_listpack_lists(self) -> bool {
        match self {
            Writer::Redis(major, minor) => (major, minor) >= (7, 2),
            Writer::Valkey(..) => true,
        }
    }

    /// `int` for what is a 64-bit integer in canonical form; `embstr` for what fits into one small allocation.
    /// Source: OBJECT ENCODING on Redis 7.0–8.6 and Valkey 8.1–9.1.
    pub(super) fn string_encoding(self, text: &Text<'_>, head: &Head<'_>) -> Encoding {
        // Whatever was not looked into was compressed, and so is longer than any integer.
        if matches!(text, Text::Whole(bytes) if integer::parse(bytes).is_some()) {
            return Encoding::Int;
        }
        let len = text.len();
        let expiry = if head.expire_at.is_some() { 8 } else { 0 };
        // The string's own header and final NUL; the key's, and one byte for the size of that header.
        let own = len.saturating_add(4);
        let key = head.key.len.saturating_add(3);
        let fits = match self {
            Writer::Redis(major, minor) if (major, minor) >= (8, 2) => {
                16u64.saturating_add(key).saturating_add(own) <= 64
            }
            Writer::Redis(0..=2, _) => false,
            Writer::Redis(3, 0) => len <= 39,
            Writer::Valkey(major, minor) if (major, minor) >= (9, 0) => {
                let key = if head.key.len < 32 { key } else { key.saturating_add(2) };
                8u64.saturating_add(key).saturating_add(own).saturating_add(expiry) <= 128
            }
            Writer::Valkey(8, 1..) => 16u64.saturating_add(key).saturating_add(own).saturating_add(expiry) <= 64,
            Writer::Redis(..) | Writer::Valkey(..) => len <= 44,
        };
        if fits { Encoding::Embstr } else { Encoding::Raw }
    }

    /// Of every other type, by its number in the file.
    pub(super) fn encoding(self, id: u8, quicklist: &Quicklist) -> Encoding {
        match id {
            1 => Encoding::Linkedlist,
            2 | 4 | 22 | 24 => Encoding::Hashtable,
            3 | 5 => Encoding::Skiplist,
            7 => Encoding::Raw,
            9 => Encoding::Zipmap,
            10 | 12 | 13 => Encoding::Ziplist,
            11 => Encoding::Intset,
            15 | 19 | 21 | 26 | 27 => Encoding::Stream,
            16 | 17 | 20 => Encoding::Listpack,
            18 if self.has_listpack_lists() && quicklist.is_one_packed_node() => Encoding::Listpack,
            14 | 18 => Encoding::Quicklist,
            23 | 25 => Encoding::Listpackex,
            29..=32 => Encoding::Template,
            _ => Encoding::Unknown,
        }
    }
}
