//! The rows of `keys`: one key each.

use super::{KeyName, Moment};
use crate::base::UnixMs;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Serialize, Serializer};
use std::borrow::Cow;

/// One key. What is not known is null.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct KeyRow<'a> {
    /// The source it is in.
    pub source: &'a str,
    /// Its database.
    pub db: u64,
    /// Its name.
    pub key: KeyBytes<'a>,
    /// What TYPE says; of a module's value `module`.
    #[serde(rename = "type")]
    pub ty: &'static str,
    /// What OBJECT ENCODING says on the server that wrote the dump.
    pub encoding: Option<&'static str>,
    /// Elements; of a string 1, of a stream its entries.
    pub elements: Option<u64>,
    /// From the type byte to the end of the value as stored.
    pub serialized_bytes: u64,
    /// Estimated memory.
    pub memory_bytes: Option<u64>,
    /// The largest element, in bytes.
    pub largest_element_bytes: Option<u64>,
    /// When it expires; null: it does not.
    pub expire_at: Option<Moment>,
    /// Whole seconds left at the report's moment, rounded down; negative: it has been expired for so long.
    pub ttl_seconds: Option<i64>,
    /// Seconds since its last use, when the snapshot was taken; null unless the server's policy was LRU.
    pub idle_seconds: Option<u64>,
    /// The logarithmic use counter, 0 to 255; null unless the server's policy was LFU.
    pub frequency: Option<u8>,
    /// Its cluster slot; null of a key over 64 KiB without a hash tag in its first 1 KiB.
    pub slot: Option<u16>,
}

/// The name of a key where it stands: all of it, or the first 1 KiB of one over 64 KiB. In JSON as [`KeyName`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyBytes<'a> {
    /// The bytes, or their beginning.
    pub head: &'a [u8],
    /// The full length in bytes.
    pub len: u64,
    /// SHA-256 of a key that is not all in `head`.
    pub sha256: Option<[u8; 32]>,
}

impl KeyBytes<'_> {
    /// Whether `head` is all of it.
    pub fn is_whole(&self) -> bool {
        self.sha256.is_none() && self.len == self.head.len() as u64
    }

    /// The same with bytes of its own.
    pub fn to_name(&self) -> KeyName {
        match self.sha256 {
            None => KeyName::cut(self.head, self.len),
            Some(hash) => KeyName::long(self.head, self.len, hash),
        }
    }
}

impl Serialize for KeyBytes<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.to_name().serialize(serializer)
    }
}

impl JsonSchema for KeyBytes<'_> {
    fn schema_name() -> Cow<'static, str> {
        KeyName::schema_name()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        KeyName::json_schema(generator)
    }
}

/// One field of a [`KeyRow`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cell<'a> {
    /// Not known.
    Missing,
    /// A word, or the name of the source.
    Text(&'a str),
    /// The key.
    Key(KeyBytes<'a>),
    /// A number.
    Count(u64),
    /// A number that may be negative.
    Signed(i64),
    /// A moment.
    At(UnixMs),
}

macro_rules! columns {
    ($($column:ident $name:literal, |$row:ident| $cell:expr;)*) => {
        /// A column of `keys`.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[allow(missing_docs, reason = "each is the field of a row")]
        pub enum KeyColumn {
            $($column,)*
        }

        impl KeyColumn {
            /// Every column, in the order of a row without `--columns`.
            pub const ALL: &'static [Self] = &[$(Self::$column,)*];

            /// Its name.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$column => $name,)*
                }
            }
        }

        impl<'a> KeyRow<'a> {
            /// What stands in a column.
            #[inline]
            pub fn cell(&self, column: KeyColumn) -> Cell<'a> {
                match column {
                    $(KeyColumn::$column => { let $row = self; $cell })*
                }
            }
        }
    };
}

columns! {
    Source "source", |row| Cell::Text(row.source);
    Db "db", |row| Cell::Count(row.db);
    Key "key", |row| Cell::Key(row.key);
    Type "type", |row| Cell::Text(row.ty);
    Encoding "encoding", |row| row.encoding.map_or(Cell::Missing, Cell::Text);
    Elements "elements", |row| count(row.elements);
    SerializedBytes "serialized_bytes", |row| Cell::Count(row.serialized_bytes);
    MemoryBytes "memory_bytes", |row| count(row.memory_bytes);
    LargestElementBytes "largest_element_bytes", |row| count(row.largest_element_bytes);
    ExpireAt "expire_at", |row| row.expire_at.map_or(Cell::Missing, |at| Cell::At(at.0));
    TtlSeconds "ttl_seconds", |row| row.ttl_seconds.map_or(Cell::Missing, Cell::Signed);
    IdleSeconds "idle_seconds", |row| count(row.idle_seconds);
    Frequency "frequency", |row| count(row.frequency);
    Slot "slot", |row| count(row.slot);
}

fn count<'a>(number: Option<impl Into<u64>>) -> Cell<'a> {
    number.map_or(Cell::Missing, |number| Cell::Count(number.into()))
}

impl KeyColumn {
    /// The column of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|column| column.name() == name)
    }

    /// Whether it holds words rather than numbers.
    pub fn is_text(self) -> bool {
        matches!(self, Self::Source | Self::Key | Self::Type | Self::Encoding)
    }
}
