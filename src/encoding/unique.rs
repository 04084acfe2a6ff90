//! Which members of a collection have been seen: fingerprints in a table that is emptied in no time.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::OnceLock;

use xxhash_rust::xxh3::xxh3_128_with_seed;

use super::Packed;

/// Slots a fresh or emptied table begins with: 24 KiB, which stay in the first-level cache.
const FIRST: usize = 1024;

/// The 128-bit fingerprint of a byte string. It is seeded once a process, so that nobody can make members that collide
/// or that crowd one place of the table; it therefore differs between runs and must not leave one.
#[inline]
pub fn fingerprint(bytes: &[u8]) -> u128 {
    static SEED: OnceLock<u64> = OnceLock::new();
    xxh3_128_with_seed(bytes, *SEED.get_or_init(|| RandomState::new().hash_one(0_u8)))
}

/// A set of fingerprints for one collection after another. [`reset`](Seen::reset) takes constant time: every slot says
/// in which generation it was filled. Takes 24 bytes a slot, and at most four slots for each member of its cap.
///
/// Two different members with one fingerprint look like a duplicate: once in 2^128 pairs.
#[derive(Debug, Clone)]
pub struct Seen {
    slots: Vec<Slot>,
    /// Slots in use, less one; a power of two, less one.
    mask: usize,
    len: usize,
    generation: u32,
    cap: usize,
}

#[derive(Debug, Clone, Copy, Default)]
struct Slot {
    low: u64,
    high: u64,
    /// 0: never filled.
    generation: u32,
}

impl Seen {
    /// An empty set that keeps at most `cap` members. Allocates nothing yet.
    pub fn new(cap: usize) -> Self {
        Self { slots: Vec::new(), mask: 0, len: 0, generation: 1, cap }
    }

    /// Adds a member; `false` if it was there. Once [full](Seen::is_full), a member that is not there is not kept, and
    /// the answer is `true`.
    #[inline]
    pub fn insert(&mut self, bytes: &[u8]) -> bool {
        self.insert_fingerprint(fingerprint(bytes))
    }

    /// [`insert`](Seen::insert) for an entry of a listpack or ziplist: an integer is the same member as its digits.
    #[inline]
    pub fn insert_packed(&mut self, packed: Packed<'_>) -> bool {
        self.insert(packed.bytes(&mut itoa::Buffer::new()))
    }

    /// [`insert`](Seen::insert) for a [`fingerprint`] made before.
    #[inline]
    pub fn insert_fingerprint(&mut self, fingerprint: u128) -> bool {
        // At most half of the slots are filled, so that a search ends.
        if self.len.saturating_mul(2) >= self.slots_in_use() && !self.is_full() {
            self.grow();
        }
        let [low, high] = halves(fingerprint);
        let generation = self.generation;
        let mut at = place(low) & self.mask;
        while let Some(slot) = self.slots.get_mut(at) {
            if slot.generation != generation {
                if self.len < self.cap {
                    *slot = Slot { low, high, generation };
                    self.len += 1;
                }
                return true;
            }
            if slot.low == low && slot.high == high {
                return false;
            }
            at = (at + 1) & self.mask;
        }
        true
    }

    /// Members kept since the last reset.
    #[inline]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether none is kept.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Whether as many members are kept as the cap allows: the next new one will not be.
    #[inline]
    pub fn is_full(&self) -> bool {
        self.len >= self.cap
    }

    /// Forgets every member and keeps the memory.
    #[inline]
    pub fn reset(&mut self) {
        self.len = 0;
        // After a large collection, small ones use the first slots again: those stay in the cache.
        self.mask = self.mask.min(FIRST - 1);
        self.next_generation();
    }

    fn slots_in_use(&self) -> usize {
        if self.slots.is_empty() { 0 } else { self.mask + 1 }
    }

    fn next_generation(&mut self) {
        self.generation = self.generation.wrapping_add(1);
        if self.generation == 0 {
            self.slots.fill(Slot::default());
            self.generation = 1;
        }
    }

    #[cold]
    fn grow(&mut self) {
        let used = self.slots_in_use();
        let generation = self.generation;
        let kept: Vec<Slot> =
            self.slots.iter().take(used).filter(|slot| slot.generation == generation).copied().collect();
        // A power of two, at most twice the cap's double: bounded by a setting, not by the input.
        let slots = used.saturating_mul(2).max(FIRST);
        if self.slots.len() < slots {
            self.slots.resize(slots, Slot::default());
        }
        self.mask = slots - 1;
        self.next_generation();
        for Slot { low, high, .. } in kept {
            let mut at = place(low) & self.mask;
            while let Some(slot) = self.slots.get_mut(at) {
                if slot.generation != self.generation {
                    *slot = Slot { low, high, generation: self.generation };
                    break;
                }
                at = (at + 1) & self.mask;
            }
        }
    }
}

#[inline]
#[allow(clippy::cast_possible_truncation, reason = "the two halves of the fingerprint")]
fn halves(fingerprint: u128) -> [u64; 2] {
    [fingerprint as u64, (fingerprint >> 64) as u64]
}

#[inline]
#[allow(clippy::cast_possible_truncation, reason = "any bits will do; the mask cuts them")]
fn place(low: u64) -> usize {
    low as usize
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::encoding::tests::Rng;

    #[test]
    fn says_what_was_there() {
        let mut seen = Seen::new(usize::MAX);
        assert!(seen.is_empty());
        assert!(seen.insert(b"22"));
        assert!(!seen.insert(b"22"));
        assert!(!seen.insert_packed(Packed::Int(22)));
        assert!(seen.insert_packed(Packed::Int(-22)));
        assert!(!seen.insert_packed(Packed::Str(b"-22")));
        assert!(seen.insert(b""));
        assert!(seen.insert_fingerprint(0));
        assert!(!seen.insert_fingerprint(0));
        assert_eq!(seen.len(), 4);
        seen.reset();
        assert_eq!(seen.len(), 0);
        assert!(seen.insert_fingerprint(0));
        assert!(seen.insert(b"22"));
    }

    #[test]
    fn as_a_set_through_growth_and_resets() {
        let mut rng = Rng::new(5);
        let mut seen = Seen::new(usize::MAX);
        for size in [10, 5000, 3, 512, 40_000, 513, 100] {
            let mut set = HashSet::new();
            for _ in 0..size {
                let member = rng.below(size * 2).to_string();
                assert_eq!(seen.insert(member.as_bytes()), set.insert(member));
                assert_eq!(seen.len(), set.len());
            }
            seen.reset();
        }
    }

    #[test]
    fn keeps_no_more_than_its_cap() {
        for cap in [0, 1, 511, 512, 513, 3000] {
            let mut seen = Seen::new(cap);
            for member in 0..cap as u128 {
                assert!(!seen.is_full());
                assert!(seen.insert_fingerprint(member * 12345));
            }
            assert!(seen.is_full());
            for member in 0..5000_u128 {
                assert_eq!(seen.insert_fingerprint(member * 12345), member >= cap as u128);
            }
            assert_eq!(seen.len(), cap);
            assert!(seen.slots.len() <= (4 * cap).max(FIRST));
        }
    }

    #[test]
    fn a_generation_that_wraps_forgets_all() {
        let mut seen = Seen::new(10);
        assert!(seen.insert(b"a"));
        seen.generation = u32::MAX;
        assert!(seen.insert(b"b"));
        seen.reset();
        assert_eq!(seen.generation, 1);
        assert!(seen.insert(b"a"));
        assert!(seen.insert(b"b"));
    }

    #[test]
    fn one_place_for_all_still_ends() {
        let mut seen = Seen::new(2000);
        for member in 0..2000_u128 {
            assert!(seen.insert_fingerprint(member << 64));
        }
        assert!(!seen.insert_fingerprint(1999 << 64));
    }
}
