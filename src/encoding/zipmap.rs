//! The zipmap: how the first servers with small hashes kept them.
//!
//! ```text
//! u8 count (254 or more: walk to know) | { length, key, length, free u8, value, free bytes } … | FF
//! length = u8 below 254, or FE and u32 LE
//! ```
//! Source: RDB 2 as redis-server 2.4 writes it; every later server reads it.

use crate::base::Flaw;

/// From this count on, one must walk to know.
const UNKNOWN: u8 = 254;

/// A zipmap whose last byte is right; its pairs are judged as they are read.
#[derive(Debug, Clone, Copy)]
pub struct Zipmap<'a> {
    body: &'a [u8],
    count: u8,
}

impl<'a> Zipmap<'a> {
    /// Looks at the first and the last byte of `blob`, which is one whole zipmap.
    ///
    /// # Errors
    /// `short` below 2 bytes, `zipmap-end` if the last byte is not FF.
    pub fn new(blob: &'a [u8]) -> Result<Self, Flaw> {
        match blob {
            [count, body @ .., 0xFF] => Ok(Self { body, count: *count }),
            [] | [_] => Err(Flaw::short("zipmap", 0, 2, blob.len() as u64)),
            [.., last] => {
                let at = blob.len().saturating_sub(1) as u64;
                Err(Flaw::new("zipmap-end", "zipmap", at, "FF as the last byte", format!("{last:#04x}")))
            }
        }
    }

    /// The number of pairs that the first byte states; `None` if there are too many for it to say.
    pub fn count_hint(&self) -> Option<u8> {
        (self.count < UNKNOWN).then_some(self.count)
    }

    /// The pairs of key and value in order, each judged as it is read. Ends after the first flaw; a zipmap is sound
    /// only if the iterator ends without one.
    pub fn iter(&self) -> Iter<'a> {
        Iter { map: *self, rest: self.body, seen: 0, ended: false }
    }
}

impl<'a> IntoIterator for Zipmap<'a> {
    type Item = Result<(&'a [u8], &'a [u8]), Flaw>;
    type IntoIter = Iter<'a>;

    fn into_iter(self) -> Iter<'a> {
        self.iter()
    }
}

impl<'a> IntoIterator for &Zipmap<'a> {
    type Item = Result<(&'a [u8], &'a [u8]), Flaw>;
    type IntoIter = Iter<'a>;

    fn into_iter(self) -> Iter<'a> {
        self.iter()
    }
}

/// The pairs of a [`Zipmap`].
///
/// # Errors
/// An item is `zipmap-overlong` for a length below 254 in the long form (CVE-2026-25243),
/// `zipmap-end` for an FF where a length belongs, `short` for a pair that leaves the blob,
/// and `zipmap-count`, after the last pair, if there are not as many as the first byte states.
#[derive(Debug, Clone)]
pub struct Iter<'a> {
    map: Zipmap<'a>,
    rest: &'a [u8],
    seen: u32,
    ended: bool,
}

impl<'a> Iter<'a> {
    /// Where the next unread byte stands, in bytes from the start of the blob.
    pub fn offset(&self) -> u64 {
        1 + (self.map.body.len() - self.rest.len()) as u64
    }

    fn pair(&mut self) -> Result<(&'a [u8], &'a [u8]), Flaw> {
        let len = self.length("zipmap key length")?;
        let key = self.take(len, "zipmap key")?;
        let len = self.length("zipmap value length")?;
        let free = self.byte("zipmap free byte")?;
        let value = self.take(len, "zipmap value")?;
        self.take(usize::from(free), "zipmap padding")?;
        Ok((key, value))
    }

    fn length(&mut self, what: &'static str) -> Result<usize, Flaw> {
        let at = self.offset();
        match self.byte(what)? {
            0xFF => Err(Flaw::new("zipmap-end", what, at, "FF only as the last byte", "FF before it")),
            0xFE => {
                let Some((len, rest)) = self.rest.split_first_chunk::<4>() else {
                    return Err(Flaw::short(what, at, 5, 1 + self.rest.len() as u64));
                };
                self.rest = rest;
                let len = u32::from_le_bytes(*len);
                if len < u32::from(UNKNOWN) {
                    return Err(Flaw::new(
                        "zipmap-overlong",
                        what,
                        at,
                        "one byte for a length below 254",
                        format!("five for {len}"),
                    ));
                }
                usize::try_from(len).map_err(|_| Flaw::short(what, at, u64::from(len), self.rest.len() as u64))
            }
            len => Ok(usize::from(len)),
        }
    }

    fn byte(&mut self, what: &'static str) -> Result<u8, Flaw> {
        let Some((byte, rest)) = self.rest.split_first() else {
            return Err(Flaw::short(what, self.offset(), 1, 0));
        };
        self.rest = rest;
        Ok(*byte)
    }

    fn take(&mut self, len: usize, what: &'static str) -> Result<&'a [u8], Flaw> {
        let Some((head, rest)) = self.rest.split_at_checked(len) else {
            return Err(Flaw::short(what, self.offset(), len as u64, self.rest.len() as u64));
        };
        self.rest = rest;
        Ok(head)
    }
}

impl<'a> Iterator for Iter<'a> {
    type Item = Result<(&'a [u8], &'a [u8]), Flaw>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        if self.rest.is_empty() {
            self.ended = true;
            let stated = self.map.count_hint()?;
            return (u32::from(stated) != self.seen).then(|| Err(miscounted(stated, self.seen)));
        }
        let pair = self.pair();
        self.ended = pair.is_err();
        self.seen = self.seen.saturating_add(1);
        Some(pair)
    }
}

impl std::iter::FusedIterator for Iter<'_> {}

#[cold]
fn miscounted(stated: u8, seen: u32) -> Flaw {
    Flaw::new("zipmap-count", "zipmap count", 0, format!("{stated} pairs"), format!("{seen}"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may stop")]
mod tests {
    use super::*;
    use crate::encoding::tests::{hex, mutate};

    type Pairs<'a> = Vec<(&'a [u8], &'a [u8])>;

    fn write(pairs: &[(&[u8], &[u8])], free: u8) -> Vec<u8> {
        let mut out = vec![u8::try_from(pairs.len()).unwrap_or(UNKNOWN)];
        let length = |out: &mut Vec<u8>, len: usize| match u8::try_from(len) {
            Ok(short) if short < UNKNOWN => out.push(short),
            _ => {
                out.push(0xFE);
                out.extend_from_slice(&u32::try_from(len).unwrap().to_le_bytes());
            }
        };
        for (key, value) in pairs {
            length(&mut out, key.len());
            out.extend_from_slice(key);
            length(&mut out, value.len());
            out.push(free);
            out.extend_from_slice(value);
            out.extend(std::iter::repeat_n(0xFF, usize::from(free)));
        }
        out.push(0xFF);
        out
    }

    fn read(blob: &[u8]) -> Result<Pairs<'_>, (&'static str, u64)> {
        Zipmap::new(blob).and_then(|map| map.iter().collect()).map_err(|flaw| (flaw.kind().0, flaw.at()))
    }

    #[test]
    fn pairs_come_back() {
        let long = vec![b'v'; 300];
        let pairs: Pairs<'_> = vec![(b"k", b"v"), (b"", b""), (&long[..253], &long[..254]), (b"key", &long)];
        for free in [0, 3, 255] {
            assert_eq!(read(&write(&pairs, free)), Ok(pairs.clone()));
        }
        assert_eq!(read(&hex("01 01 61 01 00 62 FF")), Ok(vec![(&b"a"[..], &b"b"[..])]));
        assert_eq!(read(&hex("00 FF")), Ok(Vec::new()));
        let many: Pairs<'_> = vec![(b"k", b"v"); 300];
        let blob = write(&many, 0);
        assert_eq!(Zipmap::new(&blob).unwrap().count_hint(), None);
        assert_eq!(read(&blob).unwrap().len(), 300);
    }

    #[test]
    fn says_what_is_wrong_and_where() {
        let flaw = |text: &str| read(&hex(text)).unwrap_err();
        assert_eq!(flaw("FF").0, "short");
        assert_eq!(flaw("00 00"), ("zipmap-end", 1));
        assert_eq!(flaw("02 01 61 01 00 62 FF"), ("zipmap-count", 0));
        assert_eq!(flaw("01 FE 01000000 61 01 00 62 FF"), ("zipmap-overlong", 1));
        assert_eq!(flaw("01 01 61 FE FD000000 00 62 FF"), ("zipmap-overlong", 3));
        assert_eq!(flaw("01 FE 0100 FF"), ("short", 1));
        assert_eq!(flaw("01 FF 01 00 62 FF"), ("zipmap-end", 1));
        assert_eq!(flaw("01 01 61 FF 00 62 FF"), ("zipmap-end", 3));
        assert_eq!(flaw("01 01 61 01 01 62 FF"), ("short", 6));
        assert_eq!(flaw("01 01 61 FF"), ("short", 3));
    }

    #[test]
    fn hostile_blobs_end() {
        let long = vec![b'v'; 300];
        let valid = [write(&[(b"k", b"v"), (b"key2", b"value2")], 2), write(&[(b"k", &long), (&long, b"")], 0)];
        mutate(&valid, 5000, |bad| {
            if let Ok(map) = Zipmap::new(bad) {
                assert!(map.iter().count() <= bad.len());
            }
        });
    }
}
