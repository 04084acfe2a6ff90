//! Everything the parser can say.

use super::module::Module;
use super::opcode::Opcode;
use super::types::ValueType;
use crate::base::{Flaw, UnixMs};
use crate::encoding::stream_node::StreamId;
use crate::keyspace::command::{Command, Spec};
use crate::keyspace::{Arg, Encoding, KeyName, hash_tag, slot};
use sha2::Digest;

/// Keys that are longer are known by their beginning, their length and their hash.
pub(super) const WHOLE_KEY_BYTES: usize = 64 << 10;
/// What is kept of them.
pub(super) const KEY_HEAD_BYTES: usize = 1 << 10;

/// A key: all of it, or the first 1 KiB, the length and the hash of one over 64 KiB.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key<'a> {
    /// The bytes, or their beginning.
    pub head: &'a [u8],
    /// The full length in bytes.
    pub len: u64,
    /// SHA-256 of a key that is not all in `head`.
    pub sha256: Option<[u8; 32]>,
}

impl<'a> Key<'a> {
    /// The key that an argument of a command is.
    pub fn of_argument(arg: Arg<'a>) -> Self {
        if arg.len <= WHOLE_KEY_BYTES as u64 {
            return Self { head: arg.head, len: arg.len, sha256: None };
        }
        let head = arg.head.get(..KEY_HEAD_BYTES).unwrap_or(arg.head);
        Self { head, len: arg.len, sha256: arg.whole().map(|bytes| sha2::Sha256::digest(bytes).into()) }
    }

    /// Its cluster slot; none of a key over 64 KiB where what is held of it does not decide that.
    pub fn slot(&self) -> Option<u16> {
        let whole = self.len == self.head.len() as u64;
        (whole || hash_tag(self.head).is_some()).then(|| slot(self.head))
    }

    /// The key as reports hold it.
    pub fn to_name(self) -> KeyName {
        match self.sha256 {
            None => KeyName::cut(self.head, self.len),
            Some(hash) => KeyName::long(self.head, self.len, hash),
        }
    }
}

/// One key and what stands before its value.
#[derive(Debug, Clone, Copy)]
pub struct Head<'a> {
    /// The numbered database.
    pub db: u64,
    /// The key.
    pub key: Key<'a>,
    /// The type as stored.
    pub value_type: &'static ValueType,
    /// Offset of the type byte in the uncompressed stream.
    pub offset: u64,
    /// When it expires.
    pub expire_at: Option<UnixMs>,
    /// Seconds since it was last used, where the policy was LRU.
    pub idle_secs: Option<u64>,
    /// The logarithmic use counter, where the policy was LFU.
    pub freq: Option<u8>,
}

/// How far a value is decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Depth {
    /// Not at all: its length in the file.
    Keys,
    /// Its elements are counted and measured.
    Shape,
    /// Its elements are handed over.
    Content,
}

/// What a value amounts to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Shape {
    /// Elements: of a string 1, of a stream its entries.
    pub elements: u64,
    /// Bytes of content: of strings, members, fields with their values, as a client would read them.
    pub payload_bytes: u64,
    /// The largest element, in bytes; of a hash, a field with its value; of a stream, an entry with all its fields.
    pub largest_element_bytes: u64,
}

/// One key with its value, after all of it was read.
#[derive(Debug, Clone, Copy)]
pub struct Entry<'a> {
    /// The key and what stands before the value.
    pub head: Head<'a>,
    /// From the type byte to the end of the value.
    pub serialized_bytes: u64,
    /// What OBJECT ENCODING says.
    pub encoding: Encoding,
    /// What the value amounts to; none if it was passed over.
    pub shape: Option<Shape>,
    /// Fields of a hash that expire on their own.
    pub expiring_fields: u64,
    /// A module's value.
    pub module: Option<&'a Module>,
    /// Estimated memory in bytes, as MEMORY USAGE says; none from a parser: whoever has a memory model adds it.
    pub memory_bytes: Option<u64>,
    /// The same as it is allocated, in bytes: MEMORY USAGE leaves some of it out, and guesses some.
    pub allocated_bytes: Option<u64>,
    /// The command of a log that writes this; none of a key that is stored.
    pub written_by: Option<&'static Spec>,
}

/// Which half of an element a piece belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Half {
    /// A string's value, a list's item, a set's or sorted set's member, a field of a hash.
    Name,
    /// The value of a hash field.
    Value,
}

/// A part of a value, handed over at [`Depth::Content`] in the order of the file.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Element<'a> {
    /// A string's whole value, a list's item, a set's member, a key's JSON document.
    Item(&'a [u8]),
    /// A sorted set's member.
    Member {
        /// The member.
        member: &'a [u8],
        /// Its score.
        score: f64,
    },
    /// A field of a hash, or of the stream entry before it.
    Field {
        /// The field.
        field: &'a [u8],
        /// Its value.
        value: &'a [u8],
        /// When the field expires on its own.
        expire_at: Option<UnixMs>,
    },
    /// An element of an array.
    Indexed {
        /// Its place.
        index: u64,
        /// What stands there.
        value: &'a [u8],
    },
    /// A piece of a string that is too long to be held whole. The element follows, with empty bytes in that half, when
    /// all its pieces have come.
    Piece {
        /// Which half of the element.
        half: Half,
        /// Where the piece begins in the string.
        at: u64,
        /// The string's full length.
        total: u64,
        /// The piece.
        bytes: &'a [u8],
    },
    /// An entry of a stream; its fields follow.
    StreamEntry {
        /// Its id.
        id: StreamId,
        /// How many fields follow.
        fields: u64,
    },
    /// What a stream knows of itself.
    StreamInfo(StreamInfo),
    /// A consumer group; its pending entries and consumers follow.
    Group {
        /// Its name.
        name: &'a [u8],
        /// The last id it was given.
        last_id: StreamId,
        /// How many entries it has read, where that is known.
        entries_read: Option<u64>,
    },
    /// An entry that the group before it was given and has not acknowledged.
    Pending {
        /// The entry.
        id: StreamId,
        /// When it was last given, Unix milliseconds.
        delivered: UnixMs,
        /// How often.
        deliveries: u64,
    },
    /// A consumer of the group before it; what it owns follows.
    Consumer {
        /// Its name.
        name: &'a [u8],
        /// When it was last seen.
        seen: UnixMs,
        /// When it last got an entry; none: never, or not stored.
        active: Option<UnixMs>,
    },
    /// A pending entry of the consumer before it.
    Owned(StreamId),
    /// A pending entry that no consumer owns.
    Released(StreamId),
    /// An idempotent producer; its entries follow as [`Element::Produced`].
    Producer(&'a [u8]),
    /// What the producer before it has added.
    Produced {
        /// Its own id of the entry.
        iid: &'a [u8],
        /// The entry.
        id: StreamId,
    },
}

/// What a value is made of, for those who ask with [`Sink::wants_parts`]: sizes, and as many of the bytes as are at hand.
/// Told at [`Depth::Shape`] and deeper, in the order of the file, before the [`Entry`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Part<'a> {
    /// A packed structure, or a node of a list or stream; its elements follow.
    Blob {
        /// What it is.
        packing: Packing,
        /// Its length when it is unpacked.
        bytes: u64,
    },
    /// An element: an item, a member, a field with its value; of a stream, an entry, of which only the length is told.
    Element {
        /// The item, member or field.
        name: Measured<'a>,
        /// A field's value.
        value: Option<Measured<'a>>,
        /// Whether a field expires on its own.
        expires: bool,
        /// A member's score.
        score: Option<f64>,
    },
    /// What a stream knows of itself and of its groups.
    Detail(Element<'a>),
}

/// How a blob is built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Packing {
    /// A listpack.
    Listpack,
    /// A ziplist: servers from 7.0 on turn it into a listpack.
    Ziplist,
    /// A zipmap.
    Zipmap,
    /// An intset.
    Intset,
    /// A node of a list that is one element by itself.
    Plain,
    /// A listpack of the entries of a stream from this id on.
    StreamNode(StreamId),
}

/// A string and its length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Measured<'a> {
    /// The bytes; fewer than `len`, or none, where they were not unpacked or are too many to be held.
    pub bytes: &'a [u8],
    /// Its length as a client would read it.
    pub len: u64,
    /// Its value, where it is stored as an integer: then there are no bytes.
    pub int: Option<i64>,
}

/// What a stream knows of itself.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StreamInfo {
    /// Live entries.
    pub length: u64,
    /// The highest id ever given.
    pub last_id: StreamId,
    /// The lowest live id; 0-0 if there is none.
    pub first_id: StreamId,
    /// The highest id ever deleted.
    pub max_deleted_id: StreamId,
    /// Entries ever added.
    pub entries_added: u64,
}

/// Something wrong, with its place.
#[derive(Debug, Clone)]
pub struct Damage<'a> {
    /// What is wrong; its own place is relative to something inside.
    pub flaw: &'a Flaw,
    /// Start of the structure in trouble, in the uncompressed stream.
    pub offset: u64,
    /// In a log, the line that begins there, from 1.
    pub line: Option<u64>,
    /// What was being read, in redis-check-rdb's words.
    pub doing: &'static str,
    /// The database, where one was selected.
    pub db: Option<u64>,
    /// The key in whose record it is.
    pub key: Option<Key<'a>>,
    /// Whether nothing after it can be read.
    pub fatal: bool,
}

/// Everything the parser can say.
#[derive(Debug, Clone)]
pub enum Item<'a> {
    /// An AUX field.
    Aux {
        /// Its name.
        name: &'a [u8],
        /// Its value; of one over 1 MiB the beginning.
        value: &'a [u8],
        /// Its place.
        offset: u64,
    },
    /// An opcode, once for every time it occurs.
    Opcode {
        /// Which.
        opcode: Opcode,
        /// Its place.
        offset: u64,
        /// The database that is selected; of SELECTDB the new one.
        db: u64,
    },
    /// RESIZEDB: how many keys are said to follow.
    SizeHint {
        /// The database.
        db: u64,
        /// Keys.
        keys: u64,
        /// Keys with an expiry.
        expires: u64,
        /// Its place.
        offset: u64,
    },
    /// A function library.
    Function {
        /// Its source; of one over 1 MiB the beginning.
        code: &'a [u8],
        /// Its place.
        offset: u64,
    },
    /// What a module keeps beside the keys, or with the next key.
    ModuleAux {
        /// The module's data.
        module: &'a Module,
        /// Its place.
        offset: u64,
    },
    /// Metadata of the next key, by a class of this name.
    KeyMeta {
        /// Four characters.
        class: [u8; 4],
        /// Whether a server that does not know the class may pass it over.
        optional: bool,
        /// Its place.
        offset: u64,
    },
    /// A key whose elements follow: only at [`Depth::Content`].
    Begin(Head<'a>),
    /// A part of the value that was begun.
    Element(Element<'a>),
    /// A key is complete.
    Entry(Entry<'a>),
    /// A command of a log. What it writes follows, as keys do, if [`Sink::wants_writes`].
    Command(Command<'a>),
    /// The key that was begun, or whose parts were told, is not counted: its record breaks off, or a filter on its size rejects
    /// it.
    Dropped,
    /// Something is wrong.
    Damage(Damage<'a>),
}

/// Takes what the parser says.
pub trait Sink {
    /// How far the value of this key is wanted. Asked once per key, before the value.
    fn depth(&mut self, head: &Head<'_>) -> Depth;
    /// Whether the values that commands write are wanted as keys are.
    fn wants_writes(&self) -> bool {
        true
    }
    /// Whether [`Sink::part`] is wanted.
    fn wants_parts(&self) -> bool {
        false
    }
    /// Takes the next part of a value.
    fn part(&mut self, part: &Part<'_>) {
        let _ = part;
    }
    /// Takes the next item.
    fn item(&mut self, item: &Item<'_>);
}
