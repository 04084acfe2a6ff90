//! How long keys have not been used, and how often they are.

use super::histogram::Histogram;
use super::per_type::PerType;
use super::ranking::{Place, Ranked, Ranking};
use super::spans::{Share, Spans};
use crate::base::Result;
use crate::pipeline::{Analyzer, Scope};
use crate::rdb::{Entry, Item};
use crate::report::{Frequency, HotKey, Idle, IdleKey};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Idle times, where the policy was LRU, and counters of use, where it was LFU. Memory: 60 KiB for each type, and the lists.
#[derive(Debug, Clone)]
pub struct Usage {
    source: Arc<str>,
    idle: PerType<Histogram>,
    spans: Spans,
    longest: Ranking<Row>,
    freq: PerType<Histogram>,
    cold: Share,
    hottest: Ranking<Row>,
}

/// What is shown of a key beside its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Row {
    ty: &'static str,
    memory_bytes: Option<u64>,
}

impl Row {
    fn new(entry: &Entry<'_>) -> Self {
        Self { ty: entry.head.value_type.ty.name(), memory_bytes: entry.memory_bytes }
    }
}

impl Usage {
    /// For one source; `top` is the length of each list.
    pub fn new(source: &str, top: usize) -> Self {
        Self {
            source: source.into(),
            idle: PerType::default(),
            spans: Spans::default(),
            longest: Ranking::new(top),
            freq: PerType::default(),
            cold: Share::default(),
            hottest: Ranking::new(top),
        }
    }

    fn idle(&mut self, seconds: u64, entry: &Entry<'_>) {
        self.idle.of(entry.head.value_type.ty).add(seconds);
        self.spans.add(seconds, entry);
        self.longest.offer(seconds, Place::key(&self.source, &entry.head), || Row::new(entry));
    }

    fn used(&mut self, counter: u8, entry: &Entry<'_>) {
        let counter = u64::from(counter);
        self.freq.of(entry.head.value_type.ty).add(counter);
        if counter == 0 {
            self.cold.add(entry);
        } else {
            self.hottest.offer(counter, Place::key(&self.source, &entry.head), || Row::new(entry));
        }
    }
}

fn all(types: &PerType<Histogram>) -> Histogram {
    let mut all = Histogram::default();
    types.iter().for_each(|(_, of_type)| all.merge(of_type));
    all
}

fn means(types: &PerType<Histogram>) -> BTreeMap<String, u64> {
    types.iter().filter_map(|(ty, of_type)| Some((ty.name().to_owned(), of_type.mean()?))).collect()
}

fn idle_key(Ranked { value, source, db, key, row, .. }: Ranked<Row>) -> IdleKey {
    let (source, ty) = (source.to_string(), row.ty.to_owned());
    IdleKey { source, db, key, ty, idle_seconds: value, memory_bytes: row.memory_bytes }
}

fn hot_key(Ranked { value, source, db, key, row, .. }: Ranked<Row>) -> HotKey {
    let (source, ty) = (source.to_string(), row.ty.to_owned());
    let frequency = u8::try_from(value).unwrap_or(u8::MAX);
    HotKey { source, db, key, ty, frequency, memory_bytes: row.memory_bytes }
}

impl Analyzer for Usage {
    type Output = (Option<Idle>, Option<Frequency>);

    fn fork(&self) -> Self {
        Self::new(&self.source, self.longest.top())
    }

    #[inline]
    fn observe(&mut self, item: &Item<'_>) -> Result<()> {
        let Item::Entry(entry) = item else { return Ok(()) };
        if let Some(seconds) = entry.head.idle_secs {
            self.idle(seconds, entry);
        }
        if let Some(counter) = entry.head.freq {
            self.used(counter, entry);
        }
        Ok(())
    }

    fn merge(&mut self, other: Self) -> Result<()> {
        self.idle.merge(&other.idle, Histogram::merge);
        self.spans.merge(&other.spans);
        self.longest.merge(other.longest);
        self.freq.merge(&other.freq, Histogram::merge);
        self.cold.merge(&other.cold);
        self.hottest.merge(other.hottest);
        Ok(())
    }

    fn finish(self, _: &Scope) -> Result<Self::Output> {
        let (idle, freq) = (all(&self.idle), all(&self.freq));
        let idle = (idle.count() > 0).then(|| Idle {
            keys: idle.count(),
            buckets: self.spans.buckets(),
            seconds: idle.spread(),
            average_by_type: means(&self.idle),
            longest: self.longest.into_rows().map(idle_key).collect(),
        });
        let frequency = (freq.count() > 0).then(|| Frequency {
            keys: freq.count(),
            counter: freq.spread(),
            average_by_type: means(&self.freq),
            cold_keys: self.cold.keys,
            cold_memory_bytes: self.cold.memory_bytes,
            hot_keys: self.hottest.into_rows().map(hot_key).collect(),
        });
        Ok((idle, frequency))
    }
}
