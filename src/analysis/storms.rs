//! Seconds in which unusually many keys expire.
//!
//! Keys are counted per second while there are few distinct seconds, and per 2, 4, 8 … seconds when there are more: the width is
//! the smallest one at which no more than [`MOST_SPANS`] spans hold a key, which is the same in whatever order they come. So every
//! count is exact, and a second with very many keys stands out of a wider span, too.

use super::keyspace::plus;
use crate::base::UnixMs;
use crate::report::Storm;
use hashbrown::HashMap;

/// Spans that are told apart: more seconds than a day has. Memory: 5 MiB.
const MOST_SPANS: usize = 100_000;
/// Fewer keys at once are no storm.
const LEAST_KEYS: u64 = 100;
/// A storm has so many times the keys of a span around it, on average.
const TIMES: u128 = 10;
/// What is around a span: half an hour before it and after it, and so many spans where those are wider.
const AROUND_SECONDS: u64 = 1_800;
const AROUND_SPANS: u64 = 32;

/// Keys that wait to be counted. Their spans lie apart in memory: looked up together, the processor waits once for several.
const WAITING: usize = 256;

/// Counts what expires in each span.
#[derive(Debug, Clone)]
pub(super) struct Storms {
    most: usize,
    /// A span is 2 to this power seconds.
    width_bits: u32,
    spans: HashMap<i64, Span>,
    /// Seconds and the memory of their keys.
    waiting: Vec<(i64, Option<u64>)>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Span {
    keys: u64,
    memory_bytes: Option<u64>,
}

impl Span {
    fn merge(&mut self, other: &Self) {
        self.keys = self.keys.saturating_add(other.keys);
        plus(&mut self.memory_bytes, other.memory_bytes);
    }
}

impl Default for Storms {
    fn default() -> Self {
        Self { most: MOST_SPANS, width_bits: 0, spans: HashMap::new(), waiting: Vec::new() }
    }
}

impl Storms {
    #[inline]
    pub(super) fn add(&mut self, expire_at: UnixMs, memory_bytes: Option<u64>) {
        self.waiting.push((expire_at.0.div_euclid(1000), memory_bytes));
        if self.waiting.len() >= WAITING {
            self.settle();
        }
    }

    fn settle(&mut self) {
        for (second, memory_bytes) in self.waiting.drain(..) {
            self.spans.entry(second >> self.width_bits).or_default().merge(&Span { keys: 1, memory_bytes });
        }
        self.fit();
    }

    pub(super) fn merge(&mut self, mut other: Self) {
        self.settle();
        other.settle();
        let width_bits = self.width_bits.max(other.width_bits);
        self.widen(width_bits);
        other.widen(width_bits);
        for (at, span) in &other.spans {
            self.spans.entry(*at).or_default().merge(span);
        }
        self.fit();
    }

    /// Widens the spans until there are few enough of them.
    fn fit(&mut self) {
        // Of 64-bit numbers without 63 bits two are left.
        while self.spans.len() > self.most && self.width_bits < 63 {
            self.widen(self.width_bits.saturating_add(1));
        }
    }

    fn widen(&mut self, width_bits: u32) {
        let by = width_bits.saturating_sub(self.width_bits);
        if by == 0 {
            return;
        }
        self.width_bits = width_bits;
        // They go back into the same table, which is as large as it will ever be.
        let spans: Vec<(i64, Span)> = self.spans.drain().collect();
        for (at, span) in spans {
            self.spans.entry(at >> by).or_default().merge(&span);
        }
    }

    /// The `top` largest ones: spans with at least [`LEAST_KEYS`] keys, and [`TIMES`] as many as the spans around hold on average,
    /// empty ones counted. Those with most keys come first, of equals the earlier one.
    pub(super) fn find(mut self, top: usize) -> Vec<Storm> {
        self.settle();
        let mut spans: Vec<(i64, Span)> = self.spans.iter().map(|(at, span)| (*at, *span)).collect();
        spans.sort_unstable_by_key(|(at, _)| *at);
        let width = 1u64 << self.width_bits.min(63);
        let reach = (AROUND_SECONDS / width).max(AROUND_SPANS);
        let (mut storms, mut sum) = (Vec::new(), 0u128);
        let (mut from, mut to) = (spans.iter().peekable(), spans.iter().peekable());
        for (at, span) in &spans {
            while let Some((_, ahead)) = to.next_if(|(other, _)| other.abs_diff(*at) <= reach || other < at) {
                sum = sum.saturating_add(u128::from(ahead.keys));
            }
            while let Some((_, behind)) = from.next_if(|(other, _)| other < at && other.abs_diff(*at) > reach) {
                sum = sum.saturating_sub(u128::from(behind.keys));
            }
            let others = sum.saturating_sub(u128::from(span.keys));
            let around = u128::from(reach.saturating_mul(2));
            let many = u128::from(span.keys).saturating_mul(around) >= others.saturating_mul(TIMES);
            if span.keys >= LEAST_KEYS && many {
                storms.push((*at, *span));
            }
        }
        storms.sort_unstable_by(|(a, one), (b, other)| other.keys.cmp(&one.keys).then(a.cmp(b)));
        let storm = |(at, span): (i64, Span)| {
            let second = at.checked_mul(i64::try_from(width).ok()?)?;
            let at = UnixMs(second.checked_mul(1000)?).rfc3339()?;
            Some(Storm { at, seconds: width, keys: span.keys, memory_bytes: span.memory_bytes })
        };
        storms.into_iter().filter_map(storm).take(top).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn storms(most: usize, expiries: impl IntoIterator<Item = (i64, u64)>) -> Storms {
        let mut storms = Storms { most, ..Storms::default() };
        for (second, keys) in expiries {
            (0..keys).for_each(|_| storms.add(UnixMs(second * 1000 + 999), Some(10)));
        }
        storms.settle();
        storms
    }

    fn found(storms: &Storms) -> Vec<(String, u64, u64)> {
        storms.clone().find(10).into_iter().map(|storm| (storm.at, storm.seconds, storm.keys)).collect()
    }

    #[test]
    fn a_second_that_stands_out_is_one() {
        let even = (0..7200).map(|second| (second, 9));
        assert_eq!(found(&storms(MOST_SPANS, even.clone())), []);
        let with = storms(MOST_SPANS, even.chain([(3600, 91), (100, 90), (9000, 99)]));
        let expected = ("1970-01-01T01:00:00.000Z".to_owned(), 1, 100);
        assert_eq!(found(&with), [expected], "100 keys are more than ten times 9; 99, or 99 alone, are too few");
    }

    #[test]
    fn wide_spans_still_show_a_large_storm() {
        let spread = (0..4000).map(|number| (number * 7, 1));
        let storms = storms(500, spread.chain([(7004, 5000)]));
        assert_eq!(storms.width_bits, 6, "28,000 seconds in at most 500 spans");
        assert_eq!(found(&storms), [("1970-01-01T01:56:16.000Z".to_owned(), 64, 5009)]);
    }

    #[test]
    fn the_order_and_the_split_make_no_difference() {
        let all: Vec<(i64, u64)> = (0..3000i64).map(|number| ((number * 7919) % 100_000 - 50_000, 1)).collect();
        let all = [all, vec![(i64::MAX / 1000 - 1, 200), (i64::MIN / 1000 + 1, 1), (77, 400)]].concat();
        let state = |storms: &Storms| {
            let mut spans: Vec<_> = storms.spans.iter().map(|(at, span)| (*at, span.keys)).collect();
            spans.sort_unstable();
            (storms.width_bits, spans)
        };
        let whole = storms(200, all.clone());
        let mut reversed = storms(200, all.iter().rev().copied());
        assert_eq!(state(&whole), state(&reversed));
        reversed = Storms { most: 200, ..Storms::default() };
        for part in all.chunks(41) {
            reversed.merge(storms(200, part.iter().copied()));
        }
        assert_eq!(state(&whole), state(&reversed));
        assert!(whole.spans.len() <= 200);
    }
}
