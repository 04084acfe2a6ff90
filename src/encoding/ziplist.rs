//! The ziplist: what the listpack replaced.
//!
//! ```text
//! u32 LE total bytes | u32 LE offset of the last entry | u16 LE count (65535: walk to know) | entries | FF
//! entry = prevlen (u8 below 254, or FE and u32 LE), encoding, data
//! ```
//! Source: RDB 2–9 as redis-server 2.4–6.2 writes it.

use super::Packed;
use crate::base::Flaw;

/// Header and terminator: the length of an empty ziplist.
const EMPTY: usize = 11;
const HEADER: usize = 10;
/// The count that says "walk to know".
const UNKNOWN: u16 = u16::MAX;

/// A ziplist whose header and last byte are right; its entries are judged as they are read.
#[derive(Debug, Clone, Copy)]
pub struct Ziplist<'a> {
    body: &'a [u8],
    tail: u32,
    count: u16,
}

impl<'a> Ziplist<'a> {
    /// Looks at the header and the last byte of `blob`, which is one whole ziplist.
    ///
    /// # Errors
    /// `short` below 11 bytes, `ziplist-header` if the total is not the length of the blob, `ziplist-end` if the last
    /// byte is not FF.
    #[inline]
    pub fn new(blob: &'a [u8]) -> Result<Self, Flaw> {
        let short = || Flaw::short("ziplist", 0, EMPTY as u64, blob.len() as u64);
        if blob.len() < EMPTY {
            return Err(short());
        }
        let Some((total, rest)) = blob.split_first_chunk::<4>() else { return Err(short()) };
        let Some((tail, rest)) = rest.split_first_chunk::<4>() else { return Err(short()) };
        let Some((count, rest)) = rest.split_first_chunk::<2>() else { return Err(short()) };
        let total = u32::from_le_bytes(*total);
        if u64::from(total) != blob.len() as u64 {
            return Err(bad_total(total, blob.len()));
        }
        match rest {
            [body @ .., 0xFF] => Ok(Self { body, tail: u32::from_le_bytes(*tail), count: u16::from_le_bytes(*count) }),
            _ => Err(no_end(blob)),
        }
    }

    /// The number of entries that the header states; `None` if there are too many for it to say.
    #[inline]
    pub fn count_hint(&self) -> Option<u16> {
        (self.count != UNKNOWN).then_some(self.count)
    }

    /// The entries in order, each judged as it is read. Ends after the first flaw; a ziplist is sound only if the
    /// iterator ends without one.
    #[inline]
    pub fn iter(&self) -> Iter<'a> {
        Iter { list: *self, rest: self.body, previous: 0, seen: 0, ended: false }
    }
}

impl<'a> IntoIterator for Ziplist<'a> {
    type Item = Result<Packed<'a>, Flaw>;
    type IntoIter = Iter<'a>;

    #[inline]
    fn into_iter(self) -> Iter<'a> {
        self.iter()
    }
}

impl<'a> IntoIterator for &Ziplist<'a> {
    type Item = Result<Packed<'a>, Flaw>;
    type IntoIter = Iter<'a>;

    #[inline]
    fn into_iter(self) -> Iter<'a> {
        self.iter()
    }
}

/// The entries of a [`Ziplist`].
///
/// # Errors
/// An item is `ziplist-prevlen` for a prevlen that is not the size of the entry before, `ziplist-encoding` for an
/// encoding byte that means nothing, `ziplist-end` for an FF before the last byte, `short` for an entry that leaves the
/// blob, and, after the last entry, `ziplist-count` if there are not as many as the header states or `ziplist-tail` if
/// the header's offset is not that of the last entry.
#[derive(Debug, Clone)]
pub struct Iter<'a> {
    list: Ziplist<'a>,
    rest: &'a [u8],
    /// Size of the entry before, its prevlen included.
    previous: usize,
    seen: u32,
    ended: bool,
}

impl Iter<'_> {
    /// Where the next entry starts, in bytes from the start of the blob.
    #[inline]
    pub fn offset(&self) -> u64 {
        (HEADER + self.list.body.len() - self.rest.len()) as u64
    }

    #[cold]
    fn complain(&mut self) -> Flaw {
        self.ended = true;
        explain(self.rest, self.previous, self.offset())
    }

    /// What the header says wrongly, once every entry has been read.
    fn header_flaw(&self) -> Option<Flaw> {
        let Ziplist { tail, count, .. } = self.list;
        let last = self.offset().saturating_sub(self.previous as u64);
        if count != UNKNOWN && u32::from(count) != self.seen {
            return Some(miscounted(count, self.seen));
        }
        (u64::from(tail) != last).then(|| bad_tail(tail, last))
    }
}

impl<'a> Iterator for Iter<'a> {
    type Item = Result<Packed<'a>, Flaw>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        if self.rest.is_empty() {
            self.ended = true;
            return self.header_flaw().map(Err);
        }
        match entry(self.rest, self.previous) {
            Some((packed, rest)) => {
                self.previous = self.rest.len() - rest.len();
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

/// Judges a whole ziplist and hands every entry to `each`; returns how many there are.
///
/// # Errors
/// As [`Ziplist::new`] and [`Iter`], and what `each` returns. Entries before the flaw have been handed over.
#[inline]
pub fn deep<'a>(blob: &'a [u8], mut each: impl FnMut(Packed<'a>) -> Result<(), Flaw>) -> Result<u32, Flaw> {
    let mut iter = Ziplist::new(blob)?.iter();
    for packed in &mut iter {
        each(packed?)?;
    }
    Ok(iter.seen)
}

/// The first entry and what follows it, if it is sound and `previous` bytes went before it.
#[inline]
fn entry(rest: &[u8], previous: usize) -> Option<(Packed<'_>, &[u8])> {
    let (prevlen, after) = prevlen(rest)?;
    if prevlen != previous {
        return None;
    }
    let (&first, after) = after.split_first()?;
    match first {
        0..=0x3F => string(after, usize::from(first)),
        0x40..=0x7F => {
            let (&low, after) = after.split_first()?;
            string(after, (usize::from(first & 0x3F) << 8) | usize::from(low))
        }
        0x80 => {
            let (len, after) = after.split_first_chunk::<4>()?;
            string(after, usize::try_from(u32::from_be_bytes(*len)).ok()?)
        }
        0xC0 => after.split_first_chunk().map(|(value, after)| (int(i16::from_le_bytes(*value)), after)),
        0xD0 => after.split_first_chunk().map(|(value, after)| (int(i32::from_le_bytes(*value)), after)),
        0xE0 => after.split_first_chunk().map(|(value, after)| (int(i64::from_le_bytes(*value)), after)),
        0xF0 => after
            .split_first_chunk::<3>()
            .map(|([low, middle, high], after)| (int(i32::from_le_bytes([0, *low, *middle, *high]) >> 8), after)),
        0xF1..=0xFD => Some((int(i16::from(first & 0x0F) - 1), after)),
        0xFE => after.split_first_chunk().map(|(value, after)| (int(i8::from_le_bytes(*value)), after)),
        _ => None,
    }
}

#[inline]
fn int<'a>(value: impl Into<i64>) -> Packed<'a> {
    Packed::Int(value.into())
}

#[inline]
fn string(bytes: &[u8], len: usize) -> Option<(Packed<'_>, &[u8])> {
    bytes.split_at_checked(len).map(|(text, after)| (Packed::Str(text), after))
}

/// The size that an entry states for the one before it. The long form of a small size is legal: updates in place
/// leave it behind.
#[inline]
fn prevlen(rest: &[u8]) -> Option<(usize, &[u8])> {
    match rest.split_first()? {
        (0xFF, _) => None,
        (0xFE, after) => {
            let (len, after) = after.split_first_chunk::<4>()?;
            Some((usize::try_from(u32::from_le_bytes(*len)).ok()?, after))
        }
        (len, after) => Some((usize::from(*len), after)),
    }
}

/// Why [`entry`] refused what starts `at` bytes into the blob.
#[cold]
#[inline(never)]
fn explain(rest: &[u8], previous: usize, at: u64) -> Flaw {
    let have = rest.len() as u64;
    if rest.first() == Some(&0xFF) {
        return Flaw::new("ziplist-end", "ziplist entry", at, "FF only as the last byte", "FF before it");
    }
    let Some((stated, after)) = prevlen(rest) else {
        return Flaw::short("ziplist prevlen", at, 5, have);
    };
    if stated != previous {
        return Flaw::new("ziplist-prevlen", "ziplist prevlen", at, format!("{previous}"), format!("{stated}"));
    }
    let head = have - after.len() as u64;
    let Some((&first, after)) = after.split_first() else {
        return Flaw::short("ziplist entry", at, head + 1, have);
    };
    let byte = |index: usize| u64::from(after.get(index).copied().unwrap_or_default());
    let size = match first {
        0..=0x3F => u64::from(first),
        0x40..=0x7F => 1 + ((u64::from(first & 0x3F) << 8) | byte(0)),
        0x80 => 4 + ((byte(0) << 24) | (byte(1) << 16) | (byte(2) << 8) | byte(3)),
        0xC0 => 2,
        0xD0 => 4,
        0xE0 => 8,
        0xF0 => 3,
        0xF1..=0xFD => 0,
        0xFE => 1,
        _ => {
            let found = format!("{first:#04x}");
            return Flaw::new("ziplist-encoding", "ziplist entry", at + head, "a known encoding", found);
        }
    };
    Flaw::short("ziplist entry", at, head + 1 + size, have)
}

#[cold]
fn miscounted(stated: u16, seen: u32) -> Flaw {
    Flaw::new("ziplist-count", "ziplist count", 8, format!("{stated} entries"), format!("{seen}"))
}

#[cold]
fn bad_tail(tail: u32, last: u64) -> Flaw {
    Flaw::new("ziplist-tail", "ziplist tail", 4, format!("the last entry at {last}"), format!("{tail}"))
}

#[cold]
fn bad_total(total: u32, len: usize) -> Flaw {
    Flaw::new("ziplist-header", "ziplist total", 0, format!("{len} bytes"), format!("{total} claimed"))
}

#[cold]
fn no_end(blob: &[u8]) -> Flaw {
    let last = blob.last().copied().unwrap_or_default();
    let at = blob.len().saturating_sub(1) as u64;
    Flaw::new("ziplist-end", "ziplist", at, "FF as the last byte", format!("{last:#04x}"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may stop")]
mod tests;
