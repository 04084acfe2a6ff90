//! A log-linear histogram: counts per power of two, each in 64 steps, so that a percentile is within 1.6 %.

use crate::report::Spread;

/// Steps within a power of two.
const STEPS: u64 = 64;
const STEP_BITS: u32 = 6;
/// Powers of two of 64 bits: number n holds the values that need n bits, number 0 the value 0.
const POWERS: usize = 65;

/// Counts of whole numbers. Memory: 30 KiB once something was added.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Histogram {
    counts: Vec<u64>,
    /// Sums per power of two.
    sums: Vec<u64>,
    total: u64,
    max: u64,
}

/// The values between two powers of two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Power {
    /// The largest value that belongs here: 0, 1, 3, 7, 15 …
    pub upto: u64,
    /// How many there are.
    pub count: u64,
    /// Their sum.
    pub sum: u64,
}

impl Histogram {
    /// Counts one value.
    #[inline]
    pub fn add(&mut self, value: u64) {
        if self.counts.is_empty() {
            self.counts = vec![0; bucket(u64::MAX).saturating_add(1)];
            self.sums = vec![0; POWERS];
        }
        if let Some(count) = self.counts.get_mut(bucket(value)) {
            *count = count.saturating_add(1);
        }
        if let Some(sum) = self.sums.get_mut(power(value)) {
            *sum = sum.saturating_add(value);
        }
        self.total = self.total.saturating_add(1);
        self.max = self.max.max(value);
    }

    /// Adds another one's counts.
    pub fn merge(&mut self, other: &Self) {
        if self.counts.is_empty() {
            self.clone_from(other);
            return;
        }
        let add = |own: &mut [u64], other: &[u64]| {
            own.iter_mut().zip(other).for_each(|(a, b)| *a = a.saturating_add(*b));
        };
        add(&mut self.counts, &other.counts);
        add(&mut self.sums, &other.sums);
        self.total = self.total.saturating_add(other.total);
        self.max = self.max.max(other.max);
    }

    /// The smallest value that at least so many percent are not above; none if nothing was counted. It is at most 1.6 % less
    /// than the exact one, and exact below 128.
    pub fn percentile(&self, percent: u64) -> Option<u64> {
        let rank = self.total.saturating_mul(percent).div_ceil(100).max(1);
        let mut below = 0u64;
        for (at, count) in self.counts.iter().enumerate() {
            below = below.saturating_add(*count);
            if below >= rank {
                return Some(lowest(at));
            }
        }
        None
    }

    /// How many values there are.
    pub fn count(&self) -> u64 {
        self.total
    }

    /// How the values are spread; none if nothing was counted.
    pub fn spread(&self) -> Option<Spread> {
        let [p50, p90, p99] = [50, 90, 99].map(|percent| self.percentile(percent));
        Some(Spread { p50: p50?, p90: p90?, p99: p99?, max: self.max })
    }

    /// The mean of the values, rounded down; none if nothing was counted.
    pub fn mean(&self) -> Option<u64> {
        let sum: u128 = self.sums.iter().map(|sum| u128::from(*sum)).sum();
        sum.checked_div(u128::from(self.total)).and_then(|mean| u64::try_from(mean).ok())
    }

    /// Counts and sums per power of two, from the first one that has a value to the last.
    pub fn powers(&self) -> Vec<Power> {
        let mut powers: Vec<_> =
            self.sums.iter().enumerate().map(|(bits, sum)| Power { upto: widest(bits), count: 0, sum: *sum }).collect();
        for (at, count) in self.counts.iter().enumerate() {
            if let Some(own) = powers.get_mut(power(lowest(at))) {
                own.count = own.count.saturating_add(*count);
            }
        }
        let first = powers.iter().position(|power| power.count > 0).unwrap_or(powers.len());
        let end = powers.iter().rposition(|power| power.count > 0).map_or(first, |last| last.saturating_add(1));
        powers.get(first..end).unwrap_or_default().to_vec()
    }
}

/// How many bits a value needs.
fn power(value: u64) -> usize {
    usize::try_from(u64::BITS.saturating_sub(value.leading_zeros())).unwrap_or(0)
}

/// The largest value that needs so many bits.
fn widest(bits: usize) -> u64 {
    u32::try_from(bits).ok().and_then(|bits| 1u64.checked_shl(bits)).map_or(u64::MAX, |next| next.saturating_sub(1))
}

/// Below 64 each value has its own bucket; above, the top six bits after the first one choose.
fn bucket(value: u64) -> usize {
    let power = 63u32.saturating_sub((value | 1).leading_zeros());
    if power < STEP_BITS {
        return usize::try_from(value).unwrap_or(0);
    }
    let shift = power.saturating_sub(STEP_BITS);
    let step = (value >> shift) & (STEPS - 1);
    let base = u64::from(shift).saturating_add(1).saturating_mul(STEPS);
    usize::try_from(base.saturating_add(step)).unwrap_or(0)
}

/// The smallest value of a bucket.
fn lowest(bucket: usize) -> u64 {
    let bucket = bucket as u64;
    if bucket < STEPS {
        return bucket;
    }
    let shift = (bucket / STEPS).saturating_sub(1);
    (STEPS | (bucket % STEPS)).checked_shl(u32::try_from(shift).unwrap_or(u32::MAX)).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_within_one_step_of_its_bucket() {
        for value in [0, 1, 63, 64, 65, 127, 128, 1000, 86_400, 31_536_000, u64::MAX / 3, u64::MAX] {
            let low = lowest(bucket(value));
            assert!(low <= value, "{value}: {low}");
            assert!(value - low <= value / 64, "{value}: {low}");
        }
    }

    #[test]
    fn quantiles_of_a_ramp() {
        let mut histogram = Histogram::default();
        (1..=1000).for_each(|value| histogram.add(value));
        assert_eq!(histogram.percentile(50).map(|p| (495..=500).contains(&p)), Some(true));
        assert_eq!(histogram.percentile(100).map(|p| (990..=1000).contains(&p)), Some(true));
        assert_eq!(Histogram::default().percentile(50), None);
    }

    #[test]
    fn powers_hold_every_value_and_their_sums() {
        let mut histogram = Histogram::default();
        for value in [0, 1, 2, 3, 64, 127, 128, u64::MAX] {
            histogram.add(value);
        }
        let powers = histogram.powers();
        let of = |upto| powers.iter().find(|power| power.upto == upto).map(|power| (power.count, power.sum));
        assert_eq!((of(0), of(1), of(3), of(7)), (Some((1, 0)), Some((1, 1)), Some((2, 5)), Some((0, 0))));
        assert_eq!((of(127), of(255), of(u64::MAX)), (Some((2, 191)), Some((1, 128)), Some((1, u64::MAX))));
        assert_eq!(powers.len(), 65);
        assert!(Histogram::default().powers().is_empty());
    }

    #[test]
    fn merged_is_as_added_in_one() {
        let (mut all, mut odd, mut even) = (Histogram::default(), Histogram::default(), Histogram::default());
        for value in 0..5000u64 {
            let value = value * value;
            all.add(value);
            if value % 2 == 0 { even.add(value) } else { odd.add(value) }
        }
        let mut nothing = Histogram::default();
        nothing.merge(&odd);
        nothing.merge(&even);
        assert_eq!(nothing, all);
        assert_eq!(all.spread().map(|spread| spread.max), Some(4999 * 4999));
        assert_eq!(all.mean(), Some((0..5000u64).map(|value| value * value).sum::<u64>() / 5000));
    }
}
