//! The intset: a small set of integers, sorted.
//!
//! ```text
//! u32 LE width (2, 4 or 8) | u32 LE count | count × signed LE integer, ascending
//! ```
//! Source: RDB 2+ as redis-server 2.4–8.6 and Valkey write it.

use crate::base::Flaw;

/// An intset whose header fits its length.
#[derive(Debug, Clone, Copy)]
pub struct Intset<'a> {
    members: Members<'a>,
}

#[derive(Debug, Clone, Copy)]
enum Members<'a> {
    Two(&'a [[u8; 2]]),
    Four(&'a [[u8; 4]]),
    Eight(&'a [[u8; 8]]),
}

impl<'a> Intset<'a> {
    /// Looks at the header of `blob`, which is one whole intset.
    ///
    /// # Errors
    /// `short` below 8 bytes, `intset-width` for one that is not 2, 4 or 8, `intset-length` if the blob is not as long
    /// as width and count say (CVE-2021-32687), `intset-empty` for a count of 0.
    pub fn new(blob: &'a [u8]) -> Result<Self, Flaw> {
        let short = || Flaw::short("intset", 0, 8, blob.len() as u64);
        let (width, rest) = blob.split_first_chunk::<4>().ok_or_else(short)?;
        let (count, body) = rest.split_first_chunk::<4>().ok_or_else(short)?;
        let (width, count) = (u32::from_le_bytes(*width), u64::from(u32::from_le_bytes(*count)));
        let (members, spare) = match width {
            2 => split(body, Members::Two),
            4 => split(body, Members::Four),
            8 => split(body, Members::Eight),
            _ => return Err(Flaw::new("intset-width", "intset width", 0, "2, 4 or 8", format!("{width}"))),
        };
        let set = Self { members };
        if spare || set.len() as u64 != count {
            let want = format!("{count} members of {width} bytes");
            return Err(Flaw::new("intset-length", "intset count", 4, want, format!("{} bytes", body.len())));
        }
        if count == 0 {
            return Err(Flaw::new("intset-empty", "intset count", 4, "a member", "none"));
        }
        Ok(set)
    }

    /// The number of members.
    pub fn len(&self) -> usize {
        match self.members {
            Members::Two(members) => members.len(),
            Members::Four(members) => members.len(),
            Members::Eight(members) => members.len(),
        }
    }

    /// Never: a blob without members is refused.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes a member takes: 2, 4 or 8.
    pub fn width_bytes(&self) -> u8 {
        match self.members {
            Members::Two(_) => 2,
            Members::Four(_) => 4,
            Members::Eight(_) => 8,
        }
    }

    /// The members in the order of the blob.
    pub fn iter(&self) -> Iter<'a> {
        Iter(self.members)
    }

    /// Whether every member is greater than the one before it, as servers' binary search needs.
    ///
    /// # Errors
    /// `intset-order` at the first that is not.
    pub fn check_ascending(&self) -> Result<(), Flaw> {
        let mut previous = None;
        for (index, member) in self.iter().enumerate() {
            if previous.is_some_and(|previous| previous >= member) {
                let at = 8 + index as u64 * u64::from(self.width_bytes());
                return Err(Flaw::new("intset-order", "intset member", at, "ascending members", format!("{member}")));
            }
            previous = Some(member);
        }
        Ok(())
    }
}

/// The body as members, and whether bytes are left over.
fn split<'a, const N: usize>(body: &'a [u8], wrap: fn(&'a [[u8; N]]) -> Members<'a>) -> (Members<'a>, bool) {
    let (members, spare) = body.as_chunks::<N>();
    (wrap(members), !spare.is_empty())
}

impl<'a> IntoIterator for &Intset<'a> {
    type Item = i64;
    type IntoIter = Iter<'a>;

    fn into_iter(self) -> Iter<'a> {
        self.iter()
    }
}

/// The members of an [`Intset`].
#[derive(Debug, Clone)]
pub struct Iter<'a>(Members<'a>);

impl Iterator for Iter<'_> {
    type Item = i64;

    #[inline]
    fn next(&mut self) -> Option<i64> {
        match &mut self.0 {
            Members::Two(rest) => next(rest).map(|member| i64::from(i16::from_le_bytes(member))),
            Members::Four(rest) => next(rest).map(|member| i64::from(i32::from_le_bytes(member))),
            Members::Eight(rest) => next(rest).map(i64::from_le_bytes),
        }
    }

    #[inline]
    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = Intset { members: self.0 }.len();
        (left, Some(left))
    }
}

impl ExactSizeIterator for Iter<'_> {}
impl std::iter::FusedIterator for Iter<'_> {}

#[inline]
fn next<const N: usize>(rest: &mut &[[u8; N]]) -> Option<[u8; N]> {
    let (first, after) = rest.split_first()?;
    *rest = after;
    Some(*first)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may stop")]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::encoding::tests::{hex, mutate};

    fn write(members: &[i64], width: u8) -> Vec<u8> {
        let mut out = u32::from(width).to_le_bytes().to_vec();
        out.extend_from_slice(&u32::try_from(members.len()).unwrap().to_le_bytes());
        for member in members {
            out.extend_from_slice(&member.to_le_bytes()[..usize::from(width)]);
        }
        out
    }

    #[test]
    fn a_set_as_servers_write_it() {
        let blob = hex("02000000 03000000 FDFF 0100 0200");
        let set = Intset::new(&blob).unwrap();
        assert_eq!(set.iter().collect::<Vec<_>>(), [-3, 1, 2]);
        assert_eq!((set.len(), set.width_bytes(), set.is_empty()), (3, 2, false));
        assert_eq!(set.check_ascending(), Ok(()));
        let blob = write(&[1, 1], 4);
        let flaw = Intset::new(&blob).unwrap().check_ascending().unwrap_err();
        assert_eq!((flaw.kind().0, flaw.at()), ("intset-order", 12));
    }

    #[test]
    fn says_what_is_wrong() {
        let flaw = |text: &str| Intset::new(&hex(text)).unwrap_err().kind().0;
        assert_eq!(flaw("02000000 030000"), "short");
        assert_eq!(flaw("03000000 01000000 000000"), "intset-width");
        assert_eq!(flaw("02000000 00000000"), "intset-empty");
        assert_eq!(flaw("02000000 02000000 0000"), "intset-length");
        assert_eq!(flaw("02000000 01000000 0000 00"), "intset-length");
        assert_eq!(flaw("08000000 00000020"), "intset-length");
    }

    #[test]
    fn hostile_blobs_end() {
        let valid = [write(&[-3, 1, 2], 2), write(&[i64::MIN, 0, i64::MAX], 8)];
        mutate(&valid, 3000, |bad| {
            if let Ok(set) = Intset::new(bad) {
                assert_eq!(set.iter().count() * usize::from(set.width_bytes()) + 8, bad.len());
                let _ = set.check_ascending();
            }
        });
    }

    proptest! {
        #[test]
        fn round_trips(members in proptest::collection::btree_set(any::<i32>().prop_map(i64::from), 1..40), wide: bool) {
            let members: Vec<i64> = members.into_iter().collect();
            let blob = write(&members, if wide { 8 } else { 4 });
            let set = Intset::new(&blob).unwrap();
            prop_assert_eq!(set.iter().len(), members.len());
            prop_assert_eq!(set.iter().collect::<Vec<_>>(), members);
            prop_assert_eq!(set.check_ascending(), Ok(()));
        }
    }
}
