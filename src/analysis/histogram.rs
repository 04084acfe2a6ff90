//! A log-linear histogram: counts per power of two, each in 64 steps, so that a quantile is within 1 %.

/// Steps within a power of two.
const STEPS: u64 = 64;
const STEP_BITS: u32 = 6;

/// Counts of whole numbers. Memory: 30 KiB once something was added.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Histogram {
    counts: Vec<u64>,
    total: u64,
}

impl Histogram {
    /// Counts one value.
    pub fn add(&mut self, value: u64) {
        if self.counts.is_empty() {
            self.counts = vec![0; bucket(u64::MAX).saturating_add(1)];
        }
        if let Some(count) = self.counts.get_mut(bucket(value)) {
            *count = count.saturating_add(1);
        }
        self.total = self.total.saturating_add(1);
    }

    /// Adds another one's counts.
    pub fn merge(&mut self, other: &Self) {
        if self.counts.is_empty() {
            self.counts.clone_from(&other.counts);
        } else {
            self.counts.iter_mut().zip(&other.counts).for_each(|(a, b)| *a = a.saturating_add(*b));
        }
        self.total = self.total.saturating_add(other.total);
    }

    /// The smallest value that at least so many percent are not above, within 1 %; none if nothing was counted.
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
    fn a_value_is_within_one_percent_of_its_bucket() {
        for value in [0, 1, 63, 64, 65, 127, 128, 1000, 86_400, 31_536_000, u64::MAX / 3, u64::MAX] {
            let low = lowest(bucket(value));
            assert!(low <= value, "{value}: {low}");
            assert!(value - low <= value / 63, "{value}: {low}");
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
}
