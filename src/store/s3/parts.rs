//! How large the parts of an upload are.

/// Most parts that an upload may have.
pub(super) const MOST_PARTS: u64 = 10_000;
/// Most bytes of an object: 5 TiB.
pub(super) const MOST_OBJECT_BYTES: u64 = 5 << 40;
/// How many parts have one size before the next are twice as large.
const PARTS_OF_A_SIZE: u64 = 1_250;
/// Most bytes of a part: 5 GiB.
const MOST_PART_BYTES: u64 = 5 << 30;
/// Most parts on their way.
const MOST_IN_FLIGHT: u64 = 3;
/// Bytes on their way that are thought enough.
const IN_FLIGHT_BYTES: u64 = 96 << 20;

/// The bytes of the part of this number, from 1. Where the length is known, all parts are as large as they have to be for it.
/// Otherwise they are twice as large after every 1,250, so that memory follows the length: 16 MiB up to 19 GiB in all, 32 MiB up
/// to 58 GiB, 64 MiB up to 136 GiB, 2 GiB at the limit of 5 TiB.
pub(super) fn part_bytes(number: u64, first: u64, total: Option<u64>) -> u64 {
    const MIB: u64 = 1 << 20;
    if let Some(total) = total {
        let needed = total.div_ceil(MOST_PARTS).div_ceil(MIB).saturating_mul(MIB);
        return first.max(needed).min(MOST_PART_BYTES);
    }
    let doublings = u32::try_from(number.saturating_sub(1) / PARTS_OF_A_SIZE).unwrap_or(u32::MAX);
    let grown = 1u64.checked_shl(doublings).and_then(|factor| first.checked_mul(factor));
    grown.unwrap_or(MOST_PART_BYTES).min(MOST_PART_BYTES)
}

/// How many parts of this size may be on their way at once: three, fewer where they are large.
pub(super) fn in_flight(part: u64) -> usize {
    let parts = IN_FLIGHT_BYTES.checked_div(part).unwrap_or(1).clamp(1, MOST_IN_FLIGHT);
    usize::try_from(parts).unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    #[test]
    fn an_unknown_length_reaches_the_largest_object_within_the_parts_there_are() {
        assert_eq!(part_bytes(1, 16 * MIB, None), 16 * MIB);
        assert_eq!(part_bytes(1_250, 16 * MIB, None), 16 * MIB);
        assert_eq!(part_bytes(1_251, 16 * MIB, None), 32 * MIB);
        assert_eq!(part_bytes(10_000, 16 * MIB, None), 2048 * MIB);
        let total: u64 = (1..=MOST_PARTS).map(|number| part_bytes(number, 16 * MIB, None)).sum();
        assert!(total > MOST_OBJECT_BYTES / 100 * 97, "{total}");
        for first in [5 * MIB, 16 * MIB, 1024 * MIB] {
            let sizes: Vec<u64> = (1..=MOST_PARTS).map(|number| part_bytes(number, first, None)).collect();
            assert!(sizes.is_sorted() && sizes.iter().all(|size| (first..=MOST_PART_BYTES).contains(size)));
        }
        assert_eq!(part_bytes(u64::MAX, u64::MAX, None), MOST_PART_BYTES);
    }

    #[test]
    fn a_known_length_takes_parts_of_one_size() {
        assert_eq!(part_bytes(7, 16 * MIB, Some(1 << 30)), 16 * MIB);
        let large = part_bytes(1, 16 * MIB, Some(MOST_OBJECT_BYTES));
        assert!(large * MOST_PARTS >= MOST_OBJECT_BYTES && large < 600 * MIB, "{large}");
        assert_eq!(part_bytes(9_999, 16 * MIB, Some(MOST_OBJECT_BYTES)), large);
    }

    #[test]
    fn memory_is_bounded_by_fewer_parts_at_once() {
        assert_eq!([5, 16, 32, 48, 64, 2048].map(|size| in_flight(size * MIB)), [3, 3, 3, 2, 1, 1]);
    }
}
