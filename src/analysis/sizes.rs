//! How sizes are spread, per type.

use super::histogram::{Histogram, Power};
use super::per_type::PerType;
use crate::base::Result;
use crate::pipeline::{Analyzer, Scope};
use crate::rdb::{Depth, Head, Item};
use crate::report::{SizeBucket, Sizes};
use std::collections::BTreeMap;

/// How sizes are spread, per type. Memory: 90 KiB for each type.
#[derive(Debug, Clone, Default)]
pub struct KeySizes(PerType<OfType>);

#[derive(Debug, Clone, Default)]
struct OfType {
    memory: Histogram,
    serialized: Histogram,
    elements: Histogram,
}

impl OfType {
    fn merge(&mut self, other: &Self) {
        self.memory.merge(&other.memory);
        self.serialized.merge(&other.serialized);
        self.elements.merge(&other.elements);
    }

    fn report(&self, by_memory: bool) -> Sizes {
        let powers = if by_memory { self.memory.powers() } else { self.serialized.powers() };
        let bucket = |Power { upto, count, sum }| SizeBucket { upto_bytes: upto, keys: count, bytes: sum };
        Sizes {
            memory_bytes: self.memory.spread(),
            serialized_bytes: self.serialized.spread(),
            elements: self.elements.spread(),
            distribution: powers.into_iter().map(bucket).collect(),
        }
    }
}

impl Analyzer for KeySizes {
    type Output = BTreeMap<String, Sizes>;

    fn depth(&self, _: &Head<'_>) -> Depth {
        Depth::Shape
    }

    fn fork(&self) -> Self {
        Self::default()
    }

    #[inline]
    fn observe(&mut self, item: &Item<'_>) -> Result<()> {
        let Item::Entry(entry) = item else { return Ok(()) };
        let of_type = self.0.of(entry.head.value_type.ty);
        of_type.serialized.add(entry.serialized_bytes);
        if let Some(bytes) = entry.memory_bytes {
            of_type.memory.add(bytes);
        }
        if let Some(shape) = entry.shape {
            of_type.elements.add(shape.elements);
        }
        Ok(())
    }

    fn merge(&mut self, other: Self) -> Result<()> {
        self.0.merge(&other.0, OfType::merge);
        Ok(())
    }

    fn finish(self, _: &Scope) -> Result<Self::Output> {
        // All types are by the same measure, so that they can be added up.
        let by_memory = self.0.iter().any(|(_, of_type)| of_type.memory.count() > 0);
        Ok(self.0.iter().map(|(ty, of_type)| (ty.name().to_owned(), of_type.report(by_memory))).collect())
    }
}
