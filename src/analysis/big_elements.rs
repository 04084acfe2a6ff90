//! The largest elements inside keys: items, members, fields with their values, stream entries. A string's value is none.

use super::ranking::{Place, Ranked, Ranking};
use crate::base::{Result, UnixMs};
use crate::pipeline::{Analyzer, Prologue, Scope};
use crate::rdb::{Depth, Entry, Head, Item, Measured, Part};
use crate::report::{BigElement, KeyName};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;

/// What is kept of an element's name.
const NAME_BYTES: usize = 1 << 10;

/// The largest elements inside keys, as the file stores them: what the commands of a log write is not looked into.
#[derive(Debug, Clone)]
pub struct BigElements {
    source: Arc<str>,
    ranking: Ranking<Row>,
    open: Open,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Row {
    ty: &'static str,
    element: Option<KeyName>,
}

/// The largest elements of the key in progress, which is not known to be whole yet.
#[derive(Debug, Clone, Default)]
struct Open {
    /// Elements so far.
    count: u64,
    /// What is smaller has no chance.
    floor: u64,
    heap: BinaryHeap<Reverse<Candidate>>,
    /// Memory of names that is used again.
    spare: Vec<Vec<u8>>,
}

/// An element. Of equals the first one is larger: that is how they are ordered among those of one key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Candidate {
    bytes: u64,
    index: Reverse<u64>,
    name_len: u64,
    /// None where only the length is known.
    name: Option<Vec<u8>>,
}

impl Open {
    fn keep(&mut self, top: usize, bytes: u64, name: &Measured<'_>) {
        if top == 0 {
            return;
        }
        if self.heap.len() >= top
            && let Some(Reverse(smallest)) = self.heap.pop()
        {
            self.spare.extend(smallest.name);
        }
        let mut spare = || self.spare.pop().unwrap_or_default();
        let kept = (name.int.is_some() || !name.bytes.is_empty() || name.len == 0).then(|| {
            let mut kept = spare();
            kept.clear();
            match name.int {
                Some(int) => kept.extend_from_slice(itoa::Buffer::new().format(int).as_bytes()),
                None => kept.extend_from_slice(name.bytes.get(..NAME_BYTES).unwrap_or(name.bytes)),
            }
            kept
        });
        let index = Reverse(self.count.saturating_sub(1));
        self.heap.push(Reverse(Candidate { bytes, index, name_len: name.len, name: kept }));
        if self.heap.len() >= top {
            // A later one that is as large comes after it.
            let smallest = self.heap.peek().map_or(0, |Reverse(smallest)| smallest.bytes);
            self.floor = self.floor.max(smallest.saturating_add(1));
        }
    }

    fn forget(&mut self, floor: u64) {
        self.count = 0;
        self.floor = floor;
        self.spare.extend(self.heap.drain().filter_map(|Reverse(candidate)| candidate.name));
    }
}

impl BigElements {
    /// For one source; `top` is the length of the list.
    pub fn new(source: &str, top: usize) -> Self {
        let ranking = Ranking::new(top);
        let open = Open { floor: ranking.floor(), ..Open::default() };
        Self { source: source.into(), ranking, open }
    }

    #[cold]
    fn commit(&mut self, entry: &Entry<'_>) {
        for Reverse(candidate) in &self.open.heap {
            let Candidate { bytes, index: Reverse(index), name_len, name } = candidate;
            self.ranking.offer(*bytes, Place::element(&self.source, &entry.head, *index), || Row {
                ty: entry.head.value_type.ty.name(),
                element: name.as_deref().map(|name| KeyName::cut(name, *name_len)),
            });
        }
    }
}

impl Analyzer for BigElements {
    type Output = Vec<BigElement>;

    fn depth(&self, _: &Head<'_>) -> Depth {
        Depth::Shape
    }

    fn begin(&mut self, _: &Prologue, _: Option<UnixMs>) {
        self.open.forget(self.ranking.floor());
    }

    fn fork(&self) -> Self {
        Self::new(&self.source, self.ranking.top())
    }

    #[inline]
    fn part(&mut self, part: &Part<'_>) {
        let Part::Element { name, value, .. } = part else { return };
        self.open.count = self.open.count.saturating_add(1);
        let bytes = name.len.saturating_add(value.map_or(0, |value| value.len));
        if bytes >= self.open.floor {
            self.open.keep(self.ranking.top(), bytes, name);
        }
    }

    #[inline]
    fn observe(&mut self, item: &Item<'_>) -> Result<()> {
        match item {
            Item::Entry(_) | Item::Dropped if self.open.count == 0 => {}
            Item::Entry(entry) => {
                self.commit(entry);
                self.open.forget(self.ranking.floor());
            }
            Item::Dropped => self.open.forget(self.ranking.floor()),
            _ => {}
        }
        Ok(())
    }

    fn merge(&mut self, other: Self) -> Result<()> {
        self.ranking.merge(other.ranking);
        Ok(())
    }

    fn finish(self, _: &Scope) -> Result<Self::Output> {
        let row = |Ranked { value, source, db, key, number, row, .. }: Ranked<Row>| BigElement {
            source: source.to_string(),
            db,
            key,
            ty: row.ty.to_owned(),
            index: number,
            element: row.element,
            bytes: value,
        };
        Ok(self.ranking.into_rows().map(row).collect())
    }
}
