//! The largest keys: by memory, by bytes as stored, by elements, by their largest element.

use crate::base::{Result, UnixMs};
use crate::pipeline::{Analyzer, Scope};
use crate::rdb::{Depth, Entry, Head, Item};
use crate::report::{BigKey, BigKeys, KeyName};
use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;
use std::sync::Arc;

/// Keeps the top of four rankings.
#[derive(Debug, Clone)]
pub struct Rankings {
    source: Arc<str>,
    by_memory: Ranking,
    by_elements: Ranking,
    by_serialized: Ranking,
    by_largest: Ranking,
}

impl Rankings {
    /// For one source; `top` is the length of each ranking.
    pub fn new(source: &str, top: usize) -> Self {
        let [by_memory, by_elements, by_serialized, by_largest] = [(); 4].map(|()| Ranking::new(top));
        Self { source: source.into(), by_memory, by_elements, by_serialized, by_largest }
    }
}

/// The largest of one ranking. Of equals the one whose database, key and source come first: in this order shards of a keyspace rank as the whole does.
#[derive(Debug, Clone)]
struct Ranking {
    top: usize,
    heap: BinaryHeap<Reverse<Ranked>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Ranked {
    value: u64,
    source: Arc<str>,
    db: u64,
    key: KeyName,
    ty: &'static str,
    encoding: &'static str,
    elements: u64,
    memory_bytes: Option<u64>,
    serialized_bytes: u64,
    largest_element_bytes: u64,
    expire_at: Option<UnixMs>,
    offset: u64,
}

impl Ord for Ranked {
    fn cmp(&self, other: &Self) -> Ordering {
        let place = |one: &Self| (one.db, one.key.clone(), Arc::clone(&one.source), one.offset);
        // Keys are compared only where values are equal.
        self.value.cmp(&other.value).then_with(|| place(other).cmp(&place(self)))
    }
}

impl PartialOrd for Ranked {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ranking {
    fn new(top: usize) -> Self {
        Self { top, heap: BinaryHeap::new() }
    }

    #[inline]
    fn offer(&mut self, value: u64, make: impl FnOnce() -> Ranked) {
        let lowest = self.heap.peek().map(|Reverse(ranked)| ranked.value);
        if self.heap.len() < self.top || lowest.is_some_and(|lowest| value >= lowest) {
            self.insert(make());
        }
    }

    /// A log writes a key more than once: its largest value counts.
    fn insert(&mut self, ranked: Ranked) {
        if let Some(Reverse(known)) = self.heap.iter().find(|Reverse(known)| known.is_same_key(&ranked)) {
            if *known >= ranked {
                return;
            }
            self.heap.retain(|Reverse(known)| !known.is_same_key(&ranked));
        }
        self.heap.push(Reverse(ranked));
        if self.heap.len() > self.top {
            self.heap.pop();
        }
    }

    fn merge(&mut self, other: Self) {
        other.heap.into_iter().for_each(|Reverse(ranked)| self.insert(ranked));
    }

    fn into_rows(self) -> Vec<BigKey> {
        self.heap.into_sorted_vec().into_iter().map(|Reverse(ranked)| ranked.into_row()).collect()
    }
}

impl Ranked {
    fn is_same_key(&self, other: &Self) -> bool {
        self.db == other.db && self.key == other.key && self.source == other.source
    }

    fn into_row(self) -> BigKey {
        BigKey {
            source: self.source.to_string(),
            db: self.db,
            key: self.key,
            ty: self.ty.into(),
            encoding: self.encoding.into(),
            elements: self.elements,
            memory_bytes: self.memory_bytes,
            serialized_bytes: self.serialized_bytes,
            largest_element_bytes: self.largest_element_bytes,
            expire_at: self.expire_at.and_then(UnixMs::rfc3339),
        }
    }
}

impl Analyzer for Rankings {
    type Output = BigKeys;

    fn depth(&self, _: &Head<'_>) -> Depth {
        Depth::Shape
    }

    fn fork(&self) -> Self {
        Self::new(&self.source, self.by_elements.top)
    }

    #[inline]
    fn observe(&mut self, item: &Item<'_>) -> Result<()> {
        let Item::Entry(entry) = item else { return Ok(()) };
        let shape = entry.shape.unwrap_or_default();
        let source = &self.source;
        let make = |value, entry: &Entry<'_>| Ranked {
            value,
            source: Arc::clone(source),
            db: entry.head.db,
            key: entry.head.key.to_name(),
            ty: entry.head.value_type.ty.name(),
            encoding: entry.encoding.name(),
            elements: shape.elements,
            memory_bytes: entry.memory_bytes,
            serialized_bytes: entry.serialized_bytes,
            largest_element_bytes: shape.largest_element_bytes,
            expire_at: entry.head.expire_at,
            offset: entry.head.offset,
        };
        if let Some(bytes) = entry.memory_bytes {
            self.by_memory.offer(bytes, || make(bytes, entry));
        }
        let largest = shape.largest_element_bytes;
        self.by_largest.offer(largest, || make(largest, entry));
        self.by_elements.offer(shape.elements, || make(shape.elements, entry));
        self.by_serialized.offer(entry.serialized_bytes, || make(entry.serialized_bytes, entry));
        Ok(())
    }

    fn merge(&mut self, other: Self) -> Result<()> {
        self.by_memory.merge(other.by_memory);
        self.by_elements.merge(other.by_elements);
        self.by_serialized.merge(other.by_serialized);
        self.by_largest.merge(other.by_largest);
        Ok(())
    }

    fn finish(self, _: &Scope) -> Result<BigKeys> {
        Ok(BigKeys {
            by_memory: self.by_memory.into_rows(),
            by_elements: self.by_elements.into_rows(),
            by_serialized: self.by_serialized.into_rows(),
            by_largest_element: self.by_largest.into_rows(),
        })
    }
}
