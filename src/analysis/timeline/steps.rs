//! Bounds of time along a log, as staircases of bounded size.

use crate::base::UnixMs;
use crate::report::ClockKind;

/// Steps that are kept: 32 bytes each. With more, every second one is given up: bounds get wider and stay true.
const MOST: usize = 1 << 16;

/// A bound and what it rests on.
pub(super) type Bound = (UnixMs, ClockKind);

/// What was not before: the latest bound up to a place.
#[derive(Debug, Clone, Default)]
pub(super) struct Rising {
    /// By place; times only grow.
    steps: Vec<(u64, Bound)>,
}

impl Rising {
    pub(super) fn push(&mut self, at: u64, bound: Bound) {
        match self.steps.last_mut() {
            Some((_, (highest, _))) if *highest >= bound.0 => return,
            Some((place, last)) if *place == at => {
                *last = bound;
                return;
            }
            _ => self.steps.push((at, bound)),
        }
        if self.steps.len() > MOST {
            // The one before a step that is given up holds on, being lower.
            let mut keep = false;
            self.steps.retain(|_| {
                keep = !keep;
                keep
            });
        }
    }

    /// The highest so far.
    pub(super) fn last(&self) -> Option<UnixMs> {
        self.steps.last().map(|(_, bound)| bound.0)
    }

    /// What holds at a place, bounds that stand there included.
    pub(super) fn at(&self, at: u64) -> Option<Bound> {
        let after = self.steps.partition_point(|(place, _)| *place <= at);
        self.steps.get(after.checked_sub(1)?).map(|(_, bound)| *bound)
    }
}

/// What was not after: the earliest bound from a place on.
#[derive(Debug, Clone, Default)]
pub(super) struct Falling {
    /// By place; times only grow, for a higher one before a lower one says nothing.
    steps: Vec<(u64, Bound)>,
}

impl Falling {
    pub(super) fn push(&mut self, at: u64, bound: Bound) {
        while self.steps.last().is_some_and(|(_, (last, _))| *last >= bound.0) {
            self.steps.pop();
        }
        self.steps.push((at, bound));
        if self.steps.len() > MOST {
            // The one after a step that is given up holds from earlier on, being higher. The last stays.
            let mut keep = self.steps.len().is_multiple_of(2);
            self.steps.retain(|_| {
                keep = !keep;
                keep
            });
        }
    }

    /// What holds at a place, bounds that stand there included.
    pub(super) fn at(&self, at: u64) -> Option<Bound> {
        let from = self.steps.partition_point(|(place, _)| *place < at);
        self.steps.get(from).map(|(_, bound)| *bound)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn staircases_agree_with_looking_at_everything() {
        let kind = ClockKind::Expiry;
        for (count, most_off) in [(1000u64, 0), (200_000, i64::MAX)] {
            let mut state = 7u64;
            let mut random = || {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                i64::try_from(state >> 50).unwrap_or_default()
            };
            let all: Vec<(u64, i64)> =
                (0..count).map(|at| (at * 3, i64::try_from(at).unwrap_or_default() * 10 + random())).collect();
            let (mut rising, mut falling) = (Rising::default(), Falling::default());
            for (at, ms) in &all {
                rising.push(*at, (UnixMs(*ms), kind));
                falling.push(*at, (UnixMs(*ms), kind));
            }
            assert!(rising.steps.len() <= MOST && falling.steps.len() <= MOST);
            let mut highest = Vec::new();
            for (_, ms) in &all {
                highest.push(highest.last().map_or(*ms, |last: &i64| *last.max(ms)));
            }
            let mut lowest: Vec<i64> = Vec::new();
            for (_, ms) in all.iter().rev() {
                lowest.push(lowest.last().map_or(*ms, |last| *last.min(ms)));
            }
            lowest.reverse();
            for (index, (at, _)) in all.iter().enumerate().step_by(7) {
                let low = rising.at(*at).map_or(i64::MIN, |bound| bound.0.0);
                let high = falling.at(*at).map_or(i64::MAX, |bound| bound.0.0);
                assert!(low <= highest[index] && high >= lowest[index], "a bound that is not true at {at}");
                assert!(most_off > 0 || (low == highest[index] && high == lowest[index]), "a wide bound at {at}");
            }
            assert_eq!(falling.at(u64::MAX), None);
        }
        assert_eq!(Rising::default().at(5), None);
    }
}
