//! The listpack: one blob that holds the entries of a small hash, set, sorted set, list node or stream node.
//!
//! ```text
//! u32 LE total bytes | u16 LE count (65535: walk to know) | entries | FF
//! entry = encoding and data, backlen (length of the former, 7 bits a byte, read from the right)
//! ```
//! Source: RDB 9+ for stream nodes as redis-server 5.0+ writes it, RDB 10+ for everything else (7.0+).

use super::Packed;
use crate::base::Flaw;

/// Header and terminator: the length of an empty listpack.
const EMPTY: usize = 7;
const HEADER: usize = 6;
/// The count that says "walk to know".
const UNKNOWN: u16 = u16::MAX;

/// A listpack whose header and last byte are right; its entries are judged as they are read.
#[derive(Debug, Clone, Copy)]
pub struct Listpack<'a> {
    body: &'a [u8],
    count: u16,
}

impl<'a> Listpack<'a> {
    /// Looks at the header and the last byte of `blob`, which is one whole listpack.
    ///
    /// # Errors
    /// `short` below 7 bytes, `listpack-header` if the total is not the length of the blob, `listpack-end` if the last
    /// byte is not FF.
    #[inline]
    pub fn new(blob: &'a [u8]) -> Result<Self, Flaw> {
        let short = || Flaw::short("listpack", 0, EMPTY as u64, blob.len() as u64);
        if blob.len() < EMPTY {
            return Err(short());
        }
        let Some((total, rest)) = blob.split_first_chunk::<4>() else { return Err(short()) };
        let Some((count, rest)) = rest.split_first_chunk::<2>() else { return Err(short()) };
        let total = u32::from_le_bytes(*total);
        if u64::from(total) != blob.len() as u64 {
            return Err(bad_total(total, blob.len()));
        }
        match rest {
            [body @ .., 0xFF] => Ok(Self { body, count: u16::from_le_bytes(*count) }),
            _ => Err(no_end(blob)),
        }
    }

    /// The number of entries that the header states; `None` if there are too many for it to say.
    #[inline]
    pub fn count_hint(&self) -> Option<u16> {
        (self.count != UNKNOWN).then_some(self.count)
    }

    /// The entries in order, each judged as it is read. Ends after the first flaw; a listpack is sound only if the
    /// iterator ends without one.
    #[inline]
    pub fn iter(&self) -> Iter<'a> {
        Iter { rest: self.body, len: self.body.len(), seen: 0, stated: self.count }
    }
}

impl<'a> IntoIterator for Listpack<'a> {
    type Item = Result<Packed<'a>, Flaw>;
    type IntoIter = Iter<'a>;

    #[inline]
    fn into_iter(self) -> Iter<'a> {
        self.iter()
    }
}

impl<'a> IntoIterator for &Listpack<'a> {
    type Item = Result<Packed<'a>, Flaw>;
    type IntoIter = Iter<'a>;

    #[inline]
    fn into_iter(self) -> Iter<'a> {
        self.iter()
    }
}

/// The entries of a [`Listpack`].
///
/// # Errors
/// An item is `listpack-encoding` for a first byte that means nothing, `short` for an entry that leaves the blob,
/// `listpack-backlen` for a backlen that is not its entry's, and `listpack-count`, after the last entry, if there are
/// not as many as the header states.
#[derive(Debug, Clone)]
pub struct Iter<'a> {
    rest: &'a [u8],
    len: usize,
    seen: u32,
    stated: u16,
}

impl Iter<'_> {
    /// Where the next entry starts, in bytes from the start of the blob.
    #[inline]
    pub fn offset(&self) -> u64 {
        (HEADER + self.len - self.rest.len()) as u64
    }

    /// Bytes of entries not read yet.
    #[inline]
    pub fn remaining_bytes(&self) -> usize {
        self.rest.len()
    }

    /// Entries read so far.
    #[inline]
    pub fn seen(&self) -> u32 {
        self.seen
    }

    #[cold]
    fn complain(&mut self) -> Flaw {
        let flaw = explain(self.rest, self.offset());
        self.stop();
        flaw
    }

    #[cold]
    fn miscounted(&mut self) -> Flaw {
        let flaw = miscounted(self.stated, self.seen, self.offset());
        self.stop();
        flaw
    }

    /// Makes the next call return `None`.
    fn stop(&mut self) {
        self.rest = &[];
        self.stated = UNKNOWN;
    }
}

impl<'a> Iterator for Iter<'a> {
    type Item = Result<Packed<'a>, Flaw>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            if self.stated == UNKNOWN || u32::from(self.stated) == self.seen {
                return None;
            }
            return Some(Err(self.miscounted()));
        }
        match entry(self.rest) {
            Some((packed, rest)) => {
                self.rest = rest;
                self.seen += 1;
                Some(Ok(packed))
            }
            None => Some(Err(self.complain())),
        }
    }

    #[inline]
    fn size_hint(&self) -> (usize, Option<usize>) {
        // The shortest entry takes two bytes; one more item may be a flaw.
        (0, Some(self.rest.len() / 2 + 1))
    }
}

impl std::iter::FusedIterator for Iter<'_> {}

/// Judges a whole listpack and hands every entry to `each`; returns how many there are.
///
/// # Errors
/// As [`Listpack::new`] and [`Iter`], and what `each` returns. Entries before the flaw have been handed over.
#[inline]
pub fn deep<'a>(blob: &'a [u8], mut each: impl FnMut(Packed<'a>) -> Result<(), Flaw>) -> Result<u32, Flaw> {
    let pack = Listpack::new(blob)?;
    let mut rest = pack.body;
    let mut seen = 0_u32;
    while !rest.is_empty() {
        let Some((packed, after)) = entry(rest) else {
            return Err(explain(rest, offset(pack.body, rest)));
        };
        each(packed)?;
        rest = after;
        // A blob is shorter than 4 GiB (its header says its length) and an entry is two bytes or more.
        seen += 1;
    }
    if pack.count != UNKNOWN && u32::from(pack.count) != seen {
        return Err(miscounted(pack.count, seen, offset(pack.body, rest)));
    }
    Ok(seen)
}

fn offset(body: &[u8], rest: &[u8]) -> u64 {
    (HEADER + body.len() - rest.len()) as u64
}

/// The first entry and what follows it, if it is sound.
#[inline(always)]
#[allow(clippy::inline_always, reason = "the hot loop; a call per entry halves its speed")]
fn entry(rest: &[u8]) -> Option<(Packed<'_>, &[u8])> {
    let (&first, after) = rest.split_first()?;
    match first {
        0..=0x7F => match after {
            [1, after @ ..] => Some((Packed::Int(i64::from(first)), after)),
            _ => None,
        },
        0x80..=0xBF => {
            let (text, after) = after.split_at_checked(usize::from(first & 0x3F))?;
            match after {
                [backlen, after @ ..] if usize::from(*backlen) == text.len() + 1 => Some((Packed::Str(text), after)),
                _ => None,
            }
        }
        0xC0..=0xDF => match after {
            [low, 2, after @ ..] => {
                // 13 bits; the top one is the sign.
                let bits = (i64::from(first & 0x1F) << 8) | i64::from(*low);
                Some((Packed::Int((bits ^ 0x1000) - 0x1000), after))
            }
            _ => None,
        },
        0xE0..=0xEF => {
            let (&low, after) = after.split_first()?;
            let len = (usize::from(first & 0x0F) << 8) | usize::from(low);
            let (text, after) = after.split_at_checked(len)?;
            backlen(after, len + 2).map(|after| (Packed::Str(text), after))
        }
        _ => wide(first, after),
    }
}

/// [`entry`] for the encodings that give a whole byte to the kind.
#[inline]
fn wide(first: u8, after: &[u8]) -> Option<(Packed<'_>, &[u8])> {
    match (first, after) {
        (0xF0, [a, b, c, d, after @ ..]) => {
            let len = usize::try_from(u32::from_le_bytes([*a, *b, *c, *d])).ok()?;
            let (text, after) = after.split_at_checked(len)?;
            backlen(after, len.checked_add(5)?).map(|after| (Packed::Str(text), after))
        }
        (0xF1, [a, b, 3, after @ ..]) => Some((Packed::Int(i64::from(i16::from_le_bytes([*a, *b]))), after)),
        (0xF2, [a, b, c, 4, after @ ..]) => {
            Some((Packed::Int(i64::from(i32::from_le_bytes([0, *a, *b, *c]) >> 8)), after))
        }
        (0xF3, [a, b, c, d, 5, after @ ..]) => {
            Some((Packed::Int(i64::from(i32::from_le_bytes([*a, *b, *c, *d]))), after))
        }
        (0xF4, _) => match after.split_first_chunk::<8>() {
            Some((value, [9, after @ ..])) => Some((Packed::Int(i64::from_le_bytes(*value)), after)),
            _ => None,
        },
        _ => None,
    }
}

/// What follows the backlen of an entry of `size` bytes, if it is the one that a server writes.
#[inline]
fn backlen(after: &[u8], size: usize) -> Option<&[u8]> {
    // Seven bits a byte, the highest first; all but the first have the top bit set.
    let low = |shift: u32| u8::try_from((size >> shift) & 0x7F).unwrap_or_default();
    let more = |shift: u32| low(shift) | 0x80;
    if size < 1 << 7 {
        expect(after, [low(0)])
    } else if size < 1 << 14 {
        expect(after, [low(7), more(0)])
    } else if size < 1 << 21 {
        expect(after, [low(14), more(7), more(0)])
    } else if size < 1 << 28 {
        expect(after, [low(21), more(14), more(7), more(0)])
    } else {
        expect(after, [low(28), more(21), more(14), more(7), more(0)])
    }
}

/// What follows `wanted`, if `bytes` start with it.
#[inline]
fn expect<const N: usize>(bytes: &[u8], wanted: [u8; N]) -> Option<&[u8]> {
    bytes.split_first_chunk::<N>().and_then(|(found, after)| (*found == wanted).then_some(after))
}

/// Why [`entry`] refused what starts `at` bytes into the blob.
#[cold]
#[inline(never)]
fn explain(rest: &[u8], at: u64) -> Flaw {
    let byte = |index: usize| u64::from(rest.get(index).copied().unwrap_or_default());
    let first = byte(0);
    // Size of the length or integer after the first byte, and of the data after that.
    let (head, data) = match first {
        0..=0x7F => (0, 0),
        0x80..=0xBF => (0, first & 0x3F),
        0xC0..=0xDF => (1, 0),
        0xE0..=0xEF => (1, ((first & 0x0F) << 8) | byte(1)),
        0xF0 => (4, byte(1) | (byte(2) << 8) | (byte(3) << 16) | (byte(4) << 24)),
        0xF1 => (2, 0),
        0xF2 => (3, 0),
        0xF3 => (4, 0),
        0xF4 => (8, 0),
        0xFF => return Flaw::new("listpack-end", "listpack entry", at, "FF only as the last byte", "FF before it"),
        _ => return Flaw::new("listpack-encoding", "listpack entry", at, "a known encoding", format!("{first:#04x}")),
    };
    let size = 1 + head + data;
    let need = size + backlen_size(size);
    let have = rest.len() as u64;
    if need > have {
        return Flaw::short("listpack entry", at, need, have);
    }
    Flaw::new(
        "listpack-backlen",
        "listpack backlen",
        at.saturating_add(size),
        format!("that of {size} bytes"),
        "another",
    )
}

fn backlen_size(size: u64) -> u64 {
    match size {
        0..=0x7F => 1,
        0x80..=0x3FFF => 2,
        0x4000..=0x1F_FFFF => 3,
        0x20_0000..=0xFFF_FFFF => 4,
        _ => 5,
    }
}

#[cold]
fn miscounted(stated: u16, seen: u32, at: u64) -> Flaw {
    Flaw::new("listpack-count", "listpack count", at, format!("{stated} entries"), format!("{seen}"))
}

#[cold]
fn bad_total(total: u32, len: usize) -> Flaw {
    Flaw::new("listpack-header", "listpack total", 0, format!("{len} bytes"), format!("{total} claimed"))
}

#[cold]
fn no_end(blob: &[u8]) -> Flaw {
    let last = blob.last().copied().unwrap_or_default();
    Flaw::new(
        "listpack-end",
        "listpack",
        blob.len().saturating_sub(1) as u64,
        "FF as the last byte",
        format!("{last:#04x}"),
    )
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may stop")]
pub(crate) mod tests;
