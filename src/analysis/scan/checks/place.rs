//! Where something stands in the files of a source, and the first of many things by their places.

use std::collections::BTreeMap;

/// Things that are kept with their places; of more, the first, and the number of all.
pub(super) const MOST: usize = 1_000;

/// A place in one of the files of a source, in the order they are read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Place {
    pub(super) file: u32,
    pub(super) offset: u64,
}

/// The first things of many, whoever saw them: any split comes to the same.
#[derive(Debug, Clone)]
pub(super) struct First<T> {
    kept: BTreeMap<Place, T>,
    count: u64,
}

impl<T> Default for First<T> {
    fn default() -> Self {
        Self { kept: BTreeMap::new(), count: 0 }
    }
}

impl<T> First<T> {
    /// Counts one more, and keeps it if it is among the first.
    pub(super) fn add(&mut self, place: Place, what: impl FnOnce() -> T) {
        self.count = self.count.saturating_add(1);
        if self.kept.len() >= MOST && self.kept.last_key_value().is_some_and(|(last, _)| *last < place) {
            return;
        }
        self.kept.insert(place, what());
        self.cut();
    }

    pub(super) fn merge(&mut self, other: Self) {
        self.count = self.count.saturating_add(other.count);
        self.kept.extend(other.kept);
        self.cut();
    }

    /// Those that were kept, and how many more there were.
    pub(super) fn into_parts(self) -> (BTreeMap<Place, T>, u64) {
        let more = self.count.saturating_sub(self.kept.len() as u64);
        (self.kept, more)
    }

    fn cut(&mut self) {
        while self.kept.len() > MOST {
            self.kept.pop_last();
        }
    }
}
