//! When keys expire, seen from one moment.

use super::histogram::Histogram;
use crate::base::{Result, UnixMs};
use crate::pipeline::{Analyzer, Prologue, Scope};
use crate::rdb::Item;
use crate::report::{Ttl, TtlBucket};

/// The buckets: a label for people, and the seconds up to which it reaches.
const BUCKETS: [(&str, Option<u64>); 8] = [
    ("1 minute", Some(60)),
    ("10 minutes", Some(600)),
    ("1 hour", Some(3_600)),
    ("1 day", Some(86_400)),
    ("1 week", Some(604_800)),
    ("30 days", Some(2_592_000)),
    ("1 year", Some(31_536_000)),
    ("longer", None),
];

/// Counts expiries.
#[derive(Debug, Clone, Default)]
pub struct Expiries {
    as_of: Option<UnixMs>,
    none: u64,
    expired: u64,
    set: u64,
    keys: [u64; BUCKETS.len()],
    bytes: [u64; BUCKETS.len()],
    left: Histogram,
}

impl Analyzer for Expiries {
    type Output = Ttl;

    fn begin(&mut self, _: &Prologue, as_of: Option<UnixMs>) {
        self.as_of = as_of;
    }

    fn fork(&self) -> Self {
        Self { as_of: self.as_of, ..Self::default() }
    }

    #[inline]
    fn observe(&mut self, item: &Item<'_>) -> Result<()> {
        let Item::Entry(entry) = item else { return Ok(()) };
        let Some(at) = entry.head.expire_at else {
            self.none = self.none.saturating_add(1);
            return Ok(());
        };
        self.set = self.set.saturating_add(1);
        let Some(as_of) = self.as_of else { return Ok(()) };
        match u64::try_from(at.0.saturating_sub(as_of.0)) {
            Ok(left_ms) if left_ms > 0 => {
                let seconds = left_ms.div_ceil(1000);
                let at = BUCKETS.iter().position(|(_, upto)| upto.is_none_or(|upto| seconds <= upto)).unwrap_or(0);
                if let (Some(keys), Some(bytes)) = (self.keys.get_mut(at), self.bytes.get_mut(at)) {
                    *keys = keys.saturating_add(1);
                    *bytes = bytes.saturating_add(entry.serialized_bytes);
                }
                self.left.add(seconds);
            }
            _ => self.expired = self.expired.saturating_add(1),
        }
        Ok(())
    }

    fn merge(&mut self, other: Self) -> Result<()> {
        // Of several snapshots the newest moment stands for all.
        self.as_of = self.as_of.max(other.as_of);
        self.none = self.none.saturating_add(other.none);
        self.expired = self.expired.saturating_add(other.expired);
        self.set = self.set.saturating_add(other.set);
        self.keys.iter_mut().zip(other.keys).for_each(|(a, b)| *a = a.saturating_add(b));
        self.bytes.iter_mut().zip(other.bytes).for_each(|(a, b)| *a = a.saturating_add(b));
        self.left.merge(&other.left);
        Ok(())
    }

    fn finish(self, _: &Scope) -> Result<Ttl> {
        let bucket = |((label, upto), (keys, serialized_bytes)): ((&str, Option<u64>), (u64, u64))| TtlBucket {
            label: label.to_owned(),
            upto_seconds: upto,
            keys,
            serialized_bytes,
            memory_bytes: None,
        };
        let buckets = BUCKETS.into_iter().zip(self.keys.into_iter().zip(self.bytes)).map(bucket);
        Ok(Ttl {
            as_of: self.as_of.and_then(UnixMs::rfc3339),
            none: self.none,
            expired: self.expired,
            buckets: if self.as_of.is_some() { buckets.collect() } else { Vec::new() },
            p50: self.left.percentile(50),
            p90: self.left.percentile(90),
            p99: self.left.percentile(99),
            ..Ttl::default()
        })
    }
}
