//! Hundreds of literals looked for at once, in either case of ASCII letters.
//!
//! Texts are often shorter than what it takes to start a vectorized search, so this is one pass that needs no start: at every
//! second place, four bytes are looked up in two small tables that say whether a literal can be there; if both do, they are
//! compared. Every literal of three bytes or more has four known bytes, or three, at a place of either kind.

use super::rarity;
use memchr::memmem::Finder;

/// Lists of bits by the hash of three bytes; the bit is told by the fourth. 16 KiB: it stays in the first cache.
const SLOTS: usize = 4096;
const SHIFT: u32 = 32 - SLOTS.trailing_zeros();
/// Lists of bits by the hash of all four bytes, for what the first table lets through.
const WORDS: usize = 2048;
const FOLD: u32 = 0x2020_2020;
/// Bytes looked at in one round, and how far the next round begins behind it.
const ROUND: usize = 12;
const STEP: usize = 8;

/// Where a literal may be, seen from four bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Entry {
    slot: u32,
    /// The four bytes, and which bits of them count.
    gram: u32,
    mask: u32,
    literal: u32,
    /// Where the four bytes are in the literal; -1: they begin a byte before it.
    offset: isize,
}

/// Literals, as they are looked for.
#[derive(Debug)]
pub(super) struct Grams {
    table: Box<[u32; SLOTS]>,
    second: Box<[u64; WORDS]>,
    /// Of each slot, the first of its entries; and the end of the last.
    heads: Vec<u32>,
    entries: Vec<Entry>,
    literals: Vec<Vec<u8>>,
    /// Two bytes have no four: they are looked for one by one, in each case.
    short: Vec<(Finder<'static>, u32)>,
}

fn slot(gram: u32) -> usize {
    ((gram << 8).wrapping_mul(0x9e37_79b1) >> SHIFT) as usize
}

/// The place of four bytes in the second table, and their bit there.
fn place(gram: u32) -> (usize, u32) {
    let hash = gram.wrapping_mul(0x85eb_ca77);
    ((hash >> (32 - WORDS.trailing_zeros())) as usize, hash >> 15 & 63)
}

/// Up to sixteen bytes as a number, the first the lowest; behind them zeros.
#[inline]
pub(super) fn padded(bytes: &[u8]) -> u128 {
    match bytes {
        [] => 0,
        [a] => u128::from(*a),
        [a, b] => u128::from(*a) | u128::from(*b) << 8,
        [a, b, c] => u128::from(*a) | u128::from(*b) << 8 | u128::from(*c) << 16,
        _ => {
            if let (Some(first), Some(last)) = (bytes.first_chunk::<8>(), bytes.last_chunk::<8>()) {
                let behind = bytes.len().saturating_sub(8).min(8) * 8;
                return u128::from(u64::from_le_bytes(*first)) | u128::from(u64::from_le_bytes(*last)) << behind;
            }
            let (Some(first), Some(last)) = (bytes.first_chunk::<4>(), bytes.last_chunk::<4>()) else { return 0 };
            let behind = bytes.len().saturating_sub(4).min(4) * 8;
            u128::from(u32::from_le_bytes(*first)) | u128::from(u32::from_le_bytes(*last)) << behind
        }
    }
}

fn word(bytes: [u8; 4]) -> u32 {
    u32::from_le_bytes(bytes) | FOLD
}

impl Grams {
    /// Literals, in lower case; one is called by its place in the list. None is empty.
    pub(super) fn new(literals: Vec<Vec<u8>>) -> Self {
        let mut grams = Self {
            table: Box::new([0; SLOTS]),
            second: Box::new([0; WORDS]),
            heads: Vec::with_capacity(SLOTS + 1),
            entries: Vec::new(),
            literals: Vec::new(),
            short: Vec::new(),
        };
        for (number, literal) in (0..).zip(&literals) {
            match *literal.as_slice() {
                [] => {}
                [a] => grams.add_short(&[vec![a], vec![a.to_ascii_uppercase()]], number),
                [a, b] => {
                    let (upper_a, upper_b) = (a.to_ascii_uppercase(), b.to_ascii_uppercase());
                    grams.add_short(&[vec![a, b], vec![upper_a, b], vec![a, upper_b], vec![upper_a, upper_b]], number);
                }
                [first, second, third, ..] => {
                    let (at, _) = rarity::offset(literal);
                    for at in [at, at.saturating_add(1)] {
                        match usize::try_from(at).ok().and_then(|at| literal.get(at..)) {
                            None => (0..=u8::MAX)
                                .filter(|any| any & 0x20 != 0)
                                .for_each(|any| grams.add([any, first, second, third], false, number, at)),
                            Some([a, b, c]) => grams.add([*a, *b, *c, 0], true, number, at),
                            Some([a, b, c, d, ..]) => grams.add([*a, *b, *c, *d], false, number, at),
                            Some(_) => {}
                        }
                    }
                }
            }
        }
        grams.literals = literals;
        grams.entries.sort_unstable();
        grams.entries.dedup();
        let mut at = 0;
        for slot in 0..=SLOTS {
            while grams.entries.get(at).is_some_and(|entry| (entry.slot as usize) < slot) {
                at = at.saturating_add(1);
            }
            grams.heads.push(u32::try_from(at).unwrap_or(u32::MAX));
        }
        grams
    }

    fn add(&mut self, bytes: [u8; 4], any_fourth: bool, literal: u32, offset: isize) {
        let gram = word(bytes);
        let slot = slot(gram);
        if let Some(bits) = self.table.get_mut(slot) {
            *bits |= if any_fourth { u32::MAX } else { 1_u32.wrapping_shl(gram >> 24) };
        }
        let fourths = if any_fourth { 0x20..=u8::MAX } else { bytes[3] | 0x20..=bytes[3] | 0x20 };
        for fourth in fourths.filter(|byte| byte & 0x20 != 0) {
            let (at, bit) = place(gram & 0x00ff_ffff | u32::from(fourth) << 24);
            if let Some(bits) = self.second.get_mut(at) {
                *bits |= 1 << bit;
            }
        }
        let mask = if any_fourth { 0x00ff_ffff } else { u32::MAX };
        self.entries.push(Entry {
            slot: u32::try_from(slot).unwrap_or_default(),
            gram: gram & mask,
            mask,
            literal,
            offset,
        });
    }

    fn add_short(&mut self, cases: &[Vec<u8>], literal: u32) {
        let mut cases = cases.to_vec();
        cases.sort();
        cases.dedup();
        self.short.extend(cases.iter().map(|bytes| (Finder::new(bytes).into_owned(), literal)));
    }

    /// Says where literals stand: the place in the text and the literal's number. Each one once, roughly in order.
    #[inline]
    pub(super) fn find(&self, text: &[u8], mut found: impl FnMut(usize, usize)) {
        let mut at = 0;
        for bytes in text.windows(ROUND).step_by(STEP) {
            let (Some(low), Some(high)) = (bytes.first_chunk::<8>(), bytes.last_chunk::<8>()) else { break };
            if self.may_hold(u64::from_le_bytes(*low), u64::from_le_bytes(*high)) {
                self.compare(text, at, &mut found);
            }
            at += STEP;
        }
        let rest = text.get(at..).unwrap_or_default();
        let word = padded(rest);
        if rest.len() > 2 && self.may_hold(low(word), low(word >> 32)) {
            self.compare(text, at, &mut found);
        }
        if rest.len() > 2 + STEP && self.may_hold(low(word >> 64), 0) {
            self.compare(text, at.saturating_add(STEP), &mut found);
        }
        for (finder, literal) in &self.short {
            let mut from = 0;
            while let Some(at) = text.get(from..).and_then(|rest| finder.find(rest)) {
                found(from.saturating_add(at), *literal as usize);
                from = from.saturating_add(at).saturating_add(1);
            }
        }
    }

    /// Whether something may be at the four places that a round looks at: the first eight of its bytes, and the last, which
    /// begin at the fifth.
    #[inline]
    fn may_hold(&self, first: u64, last: u64) -> bool {
        const BOTH: u64 = (FOLD as u64) << 32 | FOLD as u64;
        let (first, last) = (first | BOTH, last | BOTH);
        let bits = self.bit(first) | self.bit(first >> 16) | self.bit(last) | self.bit(last >> 16);
        bits & 1 != 0
    }

    #[allow(
        clippy::cast_possible_truncation,
        clippy::inline_always,
        reason = "the low half is what is meant; the inner loop"
    )]
    #[inline(always)]
    fn bit(&self, bytes: u64) -> u32 {
        let gram = bytes as u32;
        let (at, bit) = place(gram);
        let second = (self.second.get(at).copied().unwrap_or(0) >> bit) as u32;
        self.table.get(slot(gram)).copied().unwrap_or(0).wrapping_shr(gram >> 24) & second
    }

    /// Compares what the table says may be at the four places of a round.
    #[cold]
    fn compare(&self, text: &[u8], at: usize, found: &mut impl FnMut(usize, usize)) {
        for at in (at..at.saturating_add(STEP)).step_by(2) {
            let Some(rest) = text.get(at..) else { return };
            let gram = match *rest {
                [a, b, c, d, ..] => word([a, b, c, d]),
                [a, b, c] => word([a, b, c, 0]),
                _ => return,
            };
            if self.bit(u64::from(gram)) & 1 == 0 {
                continue;
            }
            let slot = slot(gram);
            let (Some(from), Some(to)) = (self.heads.get(slot), self.heads.get(slot + 1)) else { continue };
            for entry in self.entries.get(*from as usize..*to as usize).unwrap_or_default() {
                if gram & entry.mask != entry.gram {
                    continue;
                }
                let Some(literal) = self.literals.get(entry.literal as usize) else { continue };
                let Some(from) = at.checked_add_signed(entry.offset.saturating_neg()) else { continue };
                let there = text.get(from..from.saturating_add(literal.len()));
                if there.is_some_and(|there| there.eq_ignore_ascii_case(literal)) {
                    found(from, entry.literal as usize);
                }
            }
        }
    }
}

#[allow(clippy::cast_possible_truncation, reason = "the low half is what is meant")]
fn low(word: u128) -> u64 {
    word as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn plain(literals: &[Vec<u8>], text: &[u8]) -> Vec<(usize, usize)> {
        let mut all = Vec::new();
        for (number, literal) in literals.iter().enumerate() {
            for (at, part) in text.windows(literal.len()).enumerate() {
                if part.eq_ignore_ascii_case(literal) {
                    all.push((at, number));
                }
            }
        }
        all.sort_unstable();
        all
    }

    fn check(literals: &[Vec<u8>], text: &[u8]) {
        let mut all = Vec::new();
        Grams::new(literals.to_vec()).find(text, |at, literal| all.push((at, literal)));
        all.sort_unstable();
        assert_eq!(all, plain(literals, text), "{literals:?} in {text:?}");
    }

    #[test]
    fn every_literal_is_found_once_wherever_it_stands() {
        let literals: Vec<Vec<u8>> =
            ["<?", "cd1", "eval", "curl ", "/dev/tcp/", "@"].iter().map(|text| text.as_bytes().to_vec()).collect();
        for before in 0..40 {
            for after in 0..20 {
                for literal in &literals {
                    let text = [vec![b'.'; before], literal.to_ascii_uppercase(), vec![b'.'; after]].concat();
                    check(&literals, &text);
                }
            }
        }
    }

    proptest! {
        #[test]
        fn nothing_is_missed_in_texts_of_few_letters(
            literals in prop::collection::btree_set(prop::collection::vec(prop::sample::select(b"ab1\n".to_vec()), 2..7), 1..6),
            text in prop::collection::vec(prop::sample::select(b"abAB1\n\x11".to_vec()), 0..80),
        ) {
            let literals: Vec<_> = literals.into_iter().collect();
            check(&literals, &text);
        }
    }
}
