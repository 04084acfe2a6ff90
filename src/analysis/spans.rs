//! Keys by a span of time: what is left of it, or what has gone by.

use super::keyspace::plus;
use crate::rdb::Entry;
use crate::report::TtlBucket;

/// The spans: a label for people, and the seconds up to which it reaches.
const SPANS: [(&str, Option<u64>); 8] = [
    ("1 minute", Some(60)),
    ("10 minutes", Some(600)),
    ("1 hour", Some(3_600)),
    ("1 day", Some(86_400)),
    ("1 week", Some(604_800)),
    ("30 days", Some(2_592_000)),
    ("1 year", Some(31_536_000)),
    ("longer", None),
];

/// Keys and what they take.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Share {
    pub(super) keys: u64,
    pub(super) serialized_bytes: u64,
    pub(super) memory_bytes: Option<u64>,
}

impl Share {
    #[inline]
    pub(super) fn add(&mut self, entry: &Entry<'_>) {
        self.keys = self.keys.saturating_add(1);
        self.serialized_bytes = self.serialized_bytes.saturating_add(entry.serialized_bytes);
        plus(&mut self.memory_bytes, entry.memory_bytes);
    }

    pub(super) fn merge(&mut self, other: &Self) {
        self.keys = self.keys.saturating_add(other.keys);
        self.serialized_bytes = self.serialized_bytes.saturating_add(other.serialized_bytes);
        plus(&mut self.memory_bytes, other.memory_bytes);
    }
}

/// What is in each span.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Spans([Share; SPANS.len()]);

impl Spans {
    #[inline]
    pub(super) fn add(&mut self, seconds: u64, entry: &Entry<'_>) {
        let fits = |(_, upto): &(&str, Option<u64>)| upto.is_none_or(|upto| seconds <= upto);
        if let Some(share) = SPANS.iter().position(fits).and_then(|at| self.0.get_mut(at)) {
            share.add(entry);
        }
    }

    pub(super) fn merge(&mut self, other: &Self) {
        self.0.iter_mut().zip(&other.0).for_each(|(own, other)| own.merge(other));
    }

    /// Every span, empty ones too.
    pub(super) fn buckets(&self) -> Vec<TtlBucket> {
        let bucket = |((label, upto_seconds), share): ((&str, Option<u64>), &Share)| TtlBucket {
            label: label.to_owned(),
            upto_seconds,
            keys: share.keys,
            serialized_bytes: share.serialized_bytes,
            memory_bytes: share.memory_bytes,
        };
        SPANS.into_iter().zip(&self.0).map(bucket).collect()
    }
}
