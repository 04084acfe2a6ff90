//! Tables of elements: how many slots they have after they were loaded, and what lies in them.

use super::cost::{Cost, Counting};

/// A pointer.
const SLOT: u64 = 8;
/// A bucket of seven elements.
const BUCKET: u64 = 64;
/// Chained tables have at least so many slots.
const LEAST_SLOTS: u64 = 4;

/// The slots of a chained table.
pub(super) fn slots(count: u64, counting: Counting) -> Cost {
    counting.counted(count.saturating_mul(SLOT))
}

/// The slots of a chained table of so many elements.
pub(super) fn power(elements: u64) -> u64 {
    elements.max(LEAST_SLOTS).checked_next_power_of_two().unwrap_or(u64::MAX)
}

/// A table of buckets of so many elements, without itself.
pub(super) fn buckets(elements: u64, counting: Counting) -> Cost {
    let top = bucket_count(elements);
    let chained = chained(elements, top);
    counting.counted(top.saturating_mul(BUCKET)).plus(counting.counted(BUCKET).times(chained))
}

/// A power of two with at most 6.4 elements a bucket.
fn bucket_count(elements: u64) -> u64 {
    elements.saturating_mul(5).div_ceil(32).max(1).checked_next_power_of_two().unwrap_or(u64::MAX)
}

/// How many buckets hang below others: what is to be expected where elements fall at random. A bucket holds seven; where it
/// has one below it, six and the way there.
fn chained(elements: u64, buckets: u64) -> u64 {
    const ONE: u128 = 1 << 40;
    let Some(others) = buckets.checked_sub(1).filter(|others| *others > 0) else { return 0 };
    // The chance that a bucket stays empty, then one with one element, two …
    let mut chance = empty_chance(elements, buckets, ONE);
    let mut below = 0u128;
    for count in 0..elements.min(48) {
        if chance == 0 {
            break;
        }
        below += chance * u128::from(count.saturating_sub(7).div_ceil(6));
        let (left, next) = (u128::from(elements - count), u128::from(count) + 1);
        chance = chance * left / (next * u128::from(others));
    }
    u64::try_from((below * u128::from(buckets) + ONE / 2) / ONE).unwrap_or(u64::MAX)
}

/// `(1 - 1 / buckets) ^ elements`, in parts of `one`.
fn empty_chance(elements: u64, buckets: u64, one: u128) -> u128 {
    let mut base = one - one / u128::from(buckets);
    let (mut chance, mut power) = (one, elements);
    while power > 0 {
        if power & 1 == 1 {
            chance = chance * base / one;
        }
        base = base * base / one;
        power >>= 1;
    }
    chance
}

/// The slots of a chained table that began as a listpack of `packed` elements, was given room for what was still to come, and
/// then took it. While such a table grows it has its old slots too.
/// Source: MEMORY USAGE of hashes of 5, 129 and 300 fields with one long value, Redis 7.0–8.0.
pub(super) fn slots_after_conversion(packed: u64, elements: u64) -> u64 {
    let mut table = Growing { size: power(packed), ..Growing::default() };
    for _ in 0..packed.saturating_add(1).min(elements) {
        table.insert();
    }
    let rest = elements.saturating_sub(packed).saturating_sub(1);
    if rest > LEAST_SLOTS && table.old == 0 && rest >= table.used && power(rest) != table.size {
        table.grow(power(rest));
    }
    for _ in 0..rest {
        table.insert();
    }
    table.size.saturating_add(table.old)
}

/// The slots of a chained table into which so many elements came one by one.
/// Source: MEMORY USAGE of hashes of 535, 600, 1000 and 2255 fields with expiries, Redis 8.0 and 8.6.
pub(super) fn slots_after_growth(elements: u64) -> u64 {
    let size = power(elements);
    let before = size / 2;
    // It has been this large since it held half as many.
    let since = elements.saturating_sub(before);
    if before < LEAST_SLOTS || is_moved(since, before) { size } else { size.saturating_add(before) }
}

/// Whether after so many insertions all of a table's slots have been moved. Each moves one that holds something, and passes the
/// empty ones before it: of a full table three in five hold something.
fn is_moved(insertions: u64, slots: u64) -> bool {
    insertions.saturating_mul(1000) >= slots.saturating_mul(633)
}

/// A chained table that moves to a larger one a little with every insertion.
#[derive(Debug, Default)]
struct Growing {
    size: u64,
    used: u64,
    /// Slots of the table it comes from, and how many elements have come since.
    old: u64,
    since: u64,
}

impl Growing {
    fn grow(&mut self, size: u64) {
        self.old = self.size;
        self.size = size;
        self.since = 0;
    }

    fn insert(&mut self) {
        if self.old > 0 {
            self.since = self.since.saturating_add(1);
            if is_moved(self.since, self.old) {
                self.old = 0;
            }
        }
        if self.old == 0 && self.used >= self.size {
            self.grow(power(self.used.saturating_add(1)));
        }
        self.used = self.used.saturating_add(1);
    }
}

#[cfg(test)]
mod tests {
    use super::{bucket_count, chained, slots_after_conversion, slots_after_growth};

    /// Source: MEMORY USAGE of sets in Valkey 8.1.1.
    #[test]
    fn buckets_are_chained_as_often_as_measured() {
        for (elements, buckets, measured) in [(129, 32, 2), (1000, 256, 11), (5000, 1024, 131), (10_000, 2048, 260)] {
            assert_eq!(bucket_count(elements), buckets);
            let expected = chained(elements, buckets);
            assert!(expected.abs_diff(measured) <= 2 + measured / 8, "{elements}: {expected}, not {measured}");
        }
        assert_eq!((chained(0, 1), chained(6, 1)), (0, 0));
    }

    #[test]
    fn a_converted_table_may_still_be_growing() {
        for (elements, slots) in [(1, 4), (5, 12), (20, 32), (100, 128), (129, 384), (300, 512), (500, 512)] {
            assert_eq!(slots_after_conversion(0, elements), slots, "{elements}");
        }
        for (elements, slots) in [(1, 4), (535, 1536), (600, 1536), (1000, 1024), (1024, 1024), (2255, 6144)] {
            assert_eq!(slots_after_growth(elements), slots, "{elements}");
        }
    }
}
