//! The listpack of one stream node: entries that share a master entry's id and field names.
//!
//! ```text
//! master: live, deleted, n, name 1 … name n, 0
//! entry:  flags, ms difference, seq difference, [flag 2 unset: n], [name,] value …, length of the entry in slots
//! ```
//! Flag 1 marks a deleted entry, which is still there; flag 2 one with the master's field names.
//! Source: RDB 9+ as redis-server 5.0–8.8 and Valkey write it.

use std::fmt;

use super::Packed;
use super::listpack::{self, Listpack};
use crate::base::Flaw;

const DELETED: i64 = 1;
const SAME_FIELDS: i64 = 2;

/// The id of a stream entry. Displays as `ms-seq`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StreamId {
    /// Unix milliseconds, unless a client made the id up.
    pub ms: u64,
    /// Tells entries of one millisecond apart.
    pub seq: u64,
}

impl StreamId {
    /// The id that the 16 bytes of a node's key or of a pending entry say, both numbers big-endian.
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        let both = u128::from_be_bytes(bytes);
        let [ms, seq] = [both >> 64, both & u128::from(u64::MAX)].map(|half| u64::try_from(half).unwrap_or_default());
        Self { ms, seq }
    }

    /// This id with an entry's differences added; both numbers wrap, as a server's do.
    fn plus(self, ms: i64, seq: i64) -> Self {
        Self { ms: self.ms.wrapping_add_signed(ms), seq: self.seq.wrapping_add_signed(seq) }
    }
}

impl fmt::Display for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.ms, self.seq)
    }
}

/// Is told what stands in a node, in order.
pub trait NodeVisitor {
    /// An entry begins. Its `fields` calls of [`field`](NodeVisitor::field) follow, also for a deleted one: what it held
    /// is still there.
    fn entry(&mut self, id: StreamId, deleted: bool, fields: u64);

    /// A field of the entry that began last.
    fn field(&mut self, name: Packed<'_>, value: Packed<'_>);
}

/// What stands in a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NodeStats {
    /// Entries that are not deleted.
    pub live: u64,
    /// Entries that are deleted and still there.
    pub deleted: u64,
    /// Id of the first live entry.
    pub first: Option<StreamId>,
    /// Id of the last live entry.
    pub last: Option<StreamId>,
    /// Whether every entry's id, deleted ones' included, is greater than the one before it.
    pub ascending: bool,
}

/// Tells `visitor` what stands in the node `blob`, a whole listpack, under the key `master`. Holds nothing that grows
/// with the blob. When it returns an error, `visitor` has been told what came before the flaw.
///
/// # Errors
/// What [`Listpack`] finds; `stream-end` if slots are missing or left over; `stream-integer` for a slot that must hold
/// an integer and does not; `stream-master` for a negative count or a master entry that does not end with 0;
/// `stream-fields` for a number of fields that the slots left cannot hold; `stream-lp-count` for an entry that says
/// another length than it has; `stream-count` if not as many entries are live or deleted as the master entry says.
pub fn walk(master: StreamId, blob: &[u8], visitor: &mut impl NodeVisitor) -> Result<NodeStats, Flaw> {
    let mut slots = Slots::new(blob)?;
    let live = slots.count("stream entry count", "stream-master")?;
    let deleted = slots.count("stream deleted count", "stream-master")?;
    let shared = slots.fields("stream master fields", 1)?;
    let names = slots.clone();
    for _ in 0..shared {
        slots.next("stream master field")?;
    }
    let at = slots.offset();
    let end = slots.int("stream master end")?;
    if end != 0 {
        return Err(Flaw::new("stream-master", "stream master end", at, "0", format!("{end}")));
    }

    let mut stats = NodeStats { live: 0, deleted: 0, first: None, last: None, ascending: true };
    let mut previous = None;
    while !slots.is_empty() {
        let start = slots.offset();
        let flags = slots.int("stream entry flags")?;
        let ms = slots.int("stream entry ms difference")?;
        let seq = slots.int("stream entry seq difference")?;
        let id = master.plus(ms, seq);
        let is_deleted = flags & DELETED != 0;
        if is_deleted {
            stats.deleted += 1;
        } else {
            stats.live += 1;
            stats.first = stats.first.or(Some(id));
            stats.last = Some(id);
        }
        if stats.live > live || stats.deleted > deleted {
            return Err(miscounted(start, [live, deleted], [stats.live, stats.deleted]));
        }
        stats.ascending &= previous.is_none_or(|previous| previous < id);
        previous = Some(id);

        let length = if flags & SAME_FIELDS == 0 {
            let fields = slots.fields("stream entry fields", 2)?;
            visitor.entry(id, is_deleted, fields);
            for _ in 0..fields {
                let name = slots.next("stream field name")?;
                visitor.field(name, slots.next("stream field value")?);
            }
            fields.saturating_mul(2).saturating_add(4)
        } else {
            visitor.entry(id, is_deleted, shared);
            let mut names = names.clone();
            for _ in 0..shared {
                let name = names.next("stream master field")?;
                visitor.field(name, slots.next("stream field value")?);
            }
            shared.saturating_add(3)
        };
        let at = slots.offset();
        let stated = slots.int("stream entry length")?;
        if u64::try_from(stated) != Ok(length) {
            return Err(Flaw::new(
                "stream-lp-count",
                "stream entry length",
                at,
                format!("{length}"),
                format!("{stated}"),
            ));
        }
    }
    slots.end()?;
    if stats.live != live || stats.deleted != deleted {
        return Err(miscounted(slots.offset(), [live, deleted], [stats.live, stats.deleted]));
    }
    Ok(stats)
}

/// The slots of a node in order, read as what they must be.
#[derive(Clone)]
struct Slots<'a> {
    iter: listpack::Iter<'a>,
}

impl<'a> Slots<'a> {
    fn new(blob: &'a [u8]) -> Result<Self, Flaw> {
        Ok(Self { iter: Listpack::new(blob)?.iter() })
    }

    fn offset(&self) -> u64 {
        self.iter.offset()
    }

    /// Whether no bytes are left.
    fn is_empty(&self) -> bool {
        self.iter.remaining_bytes() == 0
    }

    #[inline]
    fn next(&mut self, what: &'static str) -> Result<Packed<'a>, Flaw> {
        match self.iter.next() {
            Some(slot) => slot,
            None => Err(missing(what, self.offset())),
        }
    }

    #[inline]
    fn int(&mut self, what: &'static str) -> Result<i64, Flaw> {
        let at = self.offset();
        match self.next(what)? {
            Packed::Int(value) => Ok(value),
            Packed::Str(text) => Err(not_an_integer(what, at, text.len())),
        }
    }

    /// An integer that is not negative.
    fn count(&mut self, what: &'static str, kind: &'static str) -> Result<u64, Flaw> {
        let at = self.offset();
        let value = self.int(what)?;
        u64::try_from(value).map_err(|_| Flaw::new(kind, what, at, "a number from 0 up", format!("{value}")))
    }

    /// A number of fields, each of which takes `slots` slots of two bytes or more, with one slot after them all.
    #[inline]
    fn fields(&mut self, what: &'static str, slots: u64) -> Result<u64, Flaw> {
        let at = self.offset();
        let fields = self.count(what, "stream-fields")?;
        let most = (self.iter.remaining_bytes() as u64 / 2).saturating_sub(1) / slots;
        if fields > most {
            return Err(Flaw::new("stream-fields", what, at, format!("at most {most}"), format!("{fields}")));
        }
        Ok(fields)
    }

    /// That the listpack ends here, with the count that its header states.
    fn end(&mut self) -> Result<(), Flaw> {
        match self.iter.next() {
            None => Ok(()),
            Some(Err(flaw)) => Err(flaw),
            Some(Ok(_)) => Err(Flaw::new("stream-end", "stream node", self.offset(), "its end", "another slot")),
        }
    }
}

#[cold]
fn missing(what: &'static str, at: u64) -> Flaw {
    Flaw::new("stream-end", what, at, "another slot", "the end of the node")
}

#[cold]
fn not_an_integer(what: &'static str, at: u64, len: usize) -> Flaw {
    Flaw::new("stream-integer", what, at, "an integer", format!("a string of {len} bytes"))
}

#[cold]
fn miscounted(at: u64, [live, deleted]: [u64; 2], [live_seen, deleted_seen]: [u64; 2]) -> Flaw {
    let expected = format!("{live} live entries and {deleted} deleted ones");
    Flaw::new("stream-count", "stream entry", at, expected, format!("{live_seen} and {deleted_seen}"))
}

#[cfg(test)]
#[allow(
    clippy::unwrap_used,
    clippy::format_push_string,
    clippy::format_collect,
    reason = "a test may stop, and be slow"
)]
mod tests;
