//! When keys expire, seen from one moment.

use super::histogram::Histogram;
use super::per_type::PerType;
use super::spans::{Share, Spans};
use super::storms::Storms;
use crate::base::{Result, UnixMs};
use crate::pipeline::{Analyzer, Prologue, Scope};
use crate::rdb::{Entry, Item};
use crate::report::{EvidenceLoss, Ttl, TypeTtl};

/// Counts expiries. Memory: 5 MiB, and 30 KiB for each type.
#[derive(Debug, Clone)]
pub struct Expiries {
    top: usize,
    as_of: Option<UnixMs>,
    none: Share,
    expired: Share,
    ahead: Spans,
    types: PerType<OfType>,
    storms: Storms,
    /// The moment of the evidence-loss clock, and what is gone by then.
    by: Option<UnixMs>,
    gone: Share,
    next: Option<UnixMs>,
}

/// The expiries of one type.
#[derive(Debug, Clone, Default)]
struct OfType {
    none: u64,
    expired: u64,
    left: Histogram,
}

impl Expiries {
    /// Lists at most `top` storms, and counts what is gone by `expiring_by`.
    pub fn new(top: usize, expiring_by: Option<UnixMs>) -> Self {
        Self {
            top,
            as_of: None,
            none: Share::default(),
            expired: Share::default(),
            ahead: Spans::default(),
            types: PerType::default(),
            storms: Storms::default(),
            by: expiring_by,
            gone: Share::default(),
            next: None,
        }
    }

    fn expires(&mut self, at: UnixMs, entry: &Entry<'_>) {
        let is_ahead = self.as_of.is_none_or(|as_of| at > as_of);
        if self.by.is_some_and(|by| at <= by) {
            self.gone.add(entry);
            if is_ahead {
                self.next = Some(self.next.map_or(at, |next| next.min(at)));
            }
        }
        if is_ahead {
            self.storms.add(at, entry.memory_bytes);
        }
        let Some(as_of) = self.as_of else { return };
        let of_type = self.types.of(entry.head.value_type.ty);
        match u64::try_from(at.0.saturating_sub(as_of.0)) {
            Ok(left_ms) if is_ahead => {
                let seconds = left_ms.div_ceil(1000);
                self.ahead.add(seconds, entry);
                of_type.left.add(seconds);
            }
            _ => {
                self.expired.add(entry);
                of_type.expired = of_type.expired.saturating_add(1);
            }
        }
    }

    fn evidence(&self) -> Option<EvidenceLoss> {
        Some(EvidenceLoss {
            by: self.by?.to_string(),
            keys: self.gone.keys,
            serialized_bytes: self.gone.serialized_bytes,
            memory_bytes: self.gone.memory_bytes,
            next: self.next.and_then(UnixMs::rfc3339),
        })
    }
}

impl Analyzer for Expiries {
    type Output = Ttl;

    fn begin(&mut self, _: &Prologue, as_of: Option<UnixMs>) {
        // A log after its base does not say when it was written.
        self.as_of = as_of.or(self.as_of);
    }

    fn fork(&self) -> Self {
        Self { as_of: self.as_of, ..Self::new(self.top, self.by) }
    }

    #[inline]
    fn observe(&mut self, item: &Item<'_>) -> Result<()> {
        let Item::Entry(entry) = item else { return Ok(()) };
        if let Some(at) = entry.head.expire_at {
            self.expires(at, entry);
        } else {
            self.none.add(entry);
            let of_type = self.types.of(entry.head.value_type.ty);
            of_type.none = of_type.none.saturating_add(1);
        }
        Ok(())
    }

    fn merge(&mut self, other: Self) -> Result<()> {
        // Of several snapshots the newest moment stands for all.
        self.as_of = self.as_of.max(other.as_of);
        self.none.merge(&other.none);
        self.expired.merge(&other.expired);
        self.ahead.merge(&other.ahead);
        self.types.merge(&other.types, |own, other| {
            own.none = own.none.saturating_add(other.none);
            own.expired = own.expired.saturating_add(other.expired);
            own.left.merge(&other.left);
        });
        self.storms.merge(other.storms);
        self.gone.merge(&other.gone);
        self.next = self.next.into_iter().chain(other.next).min();
        Ok(())
    }

    fn finish(self, _: &Scope) -> Result<Ttl> {
        let mut left = Histogram::default();
        self.types.iter().for_each(|(_, of_type)| left.merge(&of_type.left));
        let of_type = |of: &OfType| TypeTtl { none: of.none, expired: of.expired, left: of.left.spread() };
        Ok(Ttl {
            as_of: self.as_of.and_then(UnixMs::rfc3339),
            none: self.none.keys,
            none_memory_bytes: self.none.memory_bytes,
            expired: self.expired.keys,
            expired_memory_bytes: self.expired.memory_bytes,
            buckets: if self.as_of.is_some() { self.ahead.buckets() } else { Vec::new() },
            p50: left.percentile(50),
            p90: left.percentile(90),
            p99: left.percentile(99),
            by_type: self.types.iter().map(|(ty, of)| (ty.name().to_owned(), of_type(of))).collect(),
            evidence: self.evidence(),
            storms: self.storms.find(self.top),
        })
    }
}
