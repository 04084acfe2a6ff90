//! The largest keys: by memory, by bytes as stored, by elements, by their largest element.

use super::ranking::{Place, Ranked, Ranking};
use crate::base::{Result, UnixMs};
use crate::pipeline::{Analyzer, Scope};
use crate::rdb::{Depth, Entry, Head, Item};
use crate::report::{BigKey, BigKeys};
use std::sync::Arc;

/// Keeps the top of four rankings.
#[derive(Debug, Clone)]
pub struct Rankings {
    source: Arc<str>,
    by_memory: Ranking<Row>,
    by_elements: Ranking<Row>,
    by_serialized: Ranking<Row>,
    by_largest: Ranking<Row>,
}

impl Rankings {
    /// For one source; `top` is the length of each ranking.
    pub fn new(source: &str, top: usize) -> Self {
        let [by_memory, by_elements, by_serialized, by_largest] = [(); 4].map(|()| Ranking::new(top));
        Self { source: source.into(), by_memory, by_elements, by_serialized, by_largest }
    }
}

/// What is shown of a key beside its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Row {
    ty: &'static str,
    encoding: &'static str,
    elements: u64,
    memory_bytes: Option<u64>,
    serialized_bytes: u64,
    largest_element_bytes: u64,
    expire_at: Option<UnixMs>,
}

impl Row {
    fn new(entry: &Entry<'_>) -> Self {
        let shape = entry.shape.unwrap_or_default();
        Self {
            ty: entry.head.value_type.ty.name(),
            encoding: entry.encoding.name(),
            elements: shape.elements,
            memory_bytes: entry.memory_bytes,
            serialized_bytes: entry.serialized_bytes,
            largest_element_bytes: shape.largest_element_bytes,
            expire_at: entry.head.expire_at,
        }
    }
}

fn rows(ranking: Ranking<Row>) -> Vec<BigKey> {
    let row = |Ranked { source, db, key, row, .. }: Ranked<Row>| BigKey {
        source: source.to_string(),
        db,
        key,
        ty: row.ty.into(),
        encoding: row.encoding.into(),
        elements: row.elements,
        memory_bytes: row.memory_bytes,
        serialized_bytes: row.serialized_bytes,
        largest_element_bytes: row.largest_element_bytes,
        expire_at: row.expire_at.and_then(UnixMs::rfc3339),
    };
    ranking.into_rows().map(row).collect()
}

impl Analyzer for Rankings {
    type Output = BigKeys;

    fn depth(&self, _: &Head<'_>) -> Depth {
        Depth::Shape
    }

    fn fork(&self) -> Self {
        Self::new(&self.source, self.by_elements.top())
    }

    #[inline]
    fn observe(&mut self, item: &Item<'_>) -> Result<()> {
        let Item::Entry(entry) = item else { return Ok(()) };
        let shape = entry.shape.unwrap_or_default();
        let place = Place::key(&self.source, &entry.head);
        if let Some(bytes) = entry.memory_bytes {
            self.by_memory.offer(bytes, place, || Row::new(entry));
        }
        self.by_largest.offer(shape.largest_element_bytes, place, || Row::new(entry));
        self.by_elements.offer(shape.elements, place, || Row::new(entry));
        self.by_serialized.offer(entry.serialized_bytes, place, || Row::new(entry));
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
            by_memory: rows(self.by_memory),
            by_elements: rows(self.by_elements),
            by_serialized: rows(self.by_serialized),
            by_largest_element: rows(self.by_largest),
        })
    }
}
