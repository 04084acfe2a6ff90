//! Where the keys are, by the beginnings of their names.
//!
//! A key counts under its [`pattern`]. How many patterns are told apart is bounded: see [`Tracked`]. What is shown of them,
//! and which siblings are folded into `{*}`, is decided at the end: see [`tree`].

pub(super) mod pattern;
mod tree;

use super::tracked::{Share, Tracked};
use crate::base::{Result, UnixMs};
use crate::pipeline::{Analyzer, Prologue, Scope};
use crate::rdb::{Entry, Item};
use crate::report::PrefixTree;
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// Counts keys by the beginnings of their names.
#[derive(Debug, Clone)]
pub struct Prefixes {
    as_of: Option<UnixMs>,
    patterns: Tracked,
    buffer: Vec<u8>,
}

impl Prefixes {
    /// `most` distinct patterns are told apart exactly; past that deeper ones are estimated from as many sampled keys.
    /// Memory: some 2 KB times `most` for each worker, however many keys there are.
    pub fn new(most: usize) -> Self {
        let patterns = Tracked::new(most, pattern::WHOLE, pattern::MARK);
        Self { as_of: None, patterns, buffer: Vec::new() }
    }
}

/// What makes a key another than all others, as a number of chance: its name and database, and in a log its place.
#[inline]
pub(super) fn chance(entry: &Entry<'_>) -> u64 {
    let place = entry.written_by.map_or(0, |_| entry.head.offset.rotate_left(32));
    xxh3_64_with_seed(entry.head.key.head, entry.head.db ^ place)
}

impl Analyzer for Prefixes {
    type Output = PrefixTree;

    fn begin(&mut self, _: &Prologue, as_of: Option<UnixMs>) {
        self.as_of = as_of;
    }

    fn fork(&self) -> Self {
        Self { as_of: self.as_of, patterns: self.patterns.fork(), buffer: Vec::new() }
    }

    #[inline]
    fn observe(&mut self, item: &Item<'_>) -> Result<()> {
        if let Item::Entry(entry) = item {
            let key = &entry.head.key;
            let (chance, share) = (chance(entry), Share::of(entry, self.as_of));
            pattern::write(key.head, self.patterns.depth_of(chance, &share), &mut self.buffer);
            self.patterns.add(&self.buffer, chance, &share, key);
        }
        Ok(())
    }

    fn merge(&mut self, other: Self) -> Result<()> {
        self.patterns.merge(other.patterns);
        Ok(())
    }

    fn finish(self, _: &Scope) -> Result<PrefixTree> {
        Ok(tree::grow(&self.patterns))
    }
}
