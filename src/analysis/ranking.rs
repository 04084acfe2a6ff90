//! The largest of something, each with the place it was found at.

use crate::rdb::{Head, Key};
use crate::report::KeyName;
use hashbrown::HashSet;
use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;
use std::sync::Arc;
use xxhash_rust::xxh3::Xxh3;

/// The largest of one ranking, each place once. Of equals the one whose database, key, source and number come first: so the
/// result does not depend on the order in which they come, and shards of a keyspace rank as the whole does. Memory: so many rows as it is long.
#[derive(Debug, Clone)]
pub(super) struct Ranking<T, V = u64> {
    top: usize,
    heap: BinaryHeap<Reverse<Ranked<T, V>>>,
    /// Fingerprints of the places in the heap.
    places: HashSet<u128>,
    /// What is smaller has no chance.
    floor: V,
}

/// A row of a ranking.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Ranked<T, V = u64> {
    /// What it is ranked by.
    pub(super) value: V,
    pub(super) source: Arc<str>,
    pub(super) db: u64,
    pub(super) key: KeyName,
    /// Tells rows of one key apart: the place of an element; 0 where a key is one row.
    pub(super) number: u64,
    /// Tells writes of one key apart: a log writes a key more than once, and its largest value counts.
    offset: u64,
    /// What else is shown of it.
    pub(super) row: T,
}

/// Where a candidate was found.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'a> {
    source: &'a Arc<str>,
    head: &'a Head<'a>,
    number: u64,
}

impl<'a> Place<'a> {
    /// A key as a whole.
    #[inline]
    pub(super) fn key(source: &'a Arc<str>, head: &'a Head<'a>) -> Self {
        Self { source, head, number: 0 }
    }

    /// One element of a key.
    pub(super) fn element(source: &'a Arc<str>, head: &'a Head<'a>, number: u64) -> Self {
        Self { source, head, number }
    }

    /// How its place compares with a row's, without making a row of it.
    fn cmp<T, V>(&self, row: &Ranked<T, V>) -> Ordering {
        let key = |head, len, hash| -> (&[u8], u64, Option<&[u8; 32]>) { (head, len, hash) };
        let Head { db, key: Key { head, len, sha256 }, offset, .. } = self.head;
        let own = key(head, *len, sha256.as_ref());
        let other = key(row.key.head(), row.key.len_bytes(), row.key.sha256());
        let by_key = db.cmp(&row.db).then_with(|| own.cmp(&other)).then_with(|| self.source.cmp(&row.source));
        by_key.then((self.number, *offset).cmp(&(row.number, row.offset)))
    }
}

impl<T, V> Ranked<T, V> {
    fn place(&self) -> (u64, &KeyName, &str, u64, u64) {
        (self.db, &self.key, &self.source, self.number, self.offset)
    }

    fn fingerprint(&self) -> u128 {
        let mut hash = Xxh3::new();
        for number in [self.source.len() as u64, self.db, self.number, self.key.len_bytes()] {
            hash.update(&number.to_le_bytes());
        }
        hash.update(self.source.as_bytes());
        hash.update(self.key.sha256().map_or(&[], |hash| &hash[..]));
        hash.update(self.key.head());
        hash.digest128()
    }
}

impl<T: Eq, V: Ord> Ord for Ranked<T, V> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.value.cmp(&other.value).then_with(|| other.place().cmp(&self.place()))
    }
}

impl<T: Eq, V: Ord> PartialOrd for Ranked<T, V> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T: Eq, V: Ord + Copy + Default> Ranking<T, V> {
    pub(super) fn new(top: usize) -> Self {
        Self { top, heap: BinaryHeap::new(), places: HashSet::new(), floor: V::default() }
    }

    pub(super) fn top(&self) -> usize {
        self.top
    }

    /// What is smaller has no chance.
    pub(super) fn floor(&self) -> V {
        self.floor
    }

    /// Takes a candidate; most are too small, and cost no more than that comparison.
    #[inline]
    pub(super) fn offer(&mut self, value: V, place: Place<'_>, row: impl FnOnce() -> T) {
        if value >= self.floor {
            self.consider(value, place, row);
        }
    }

    fn consider(&mut self, value: V, place: Place<'_>, row: impl FnOnce() -> T) {
        // Where all keys are of one size, nearly all of them come this far: nothing is made of those that lose.
        let loses = |lowest: &Ranked<T, V>| value.cmp(&lowest.value).then_with(|| place.cmp(lowest).reverse()).is_lt();
        if self.heap.len() >= self.top && self.heap.peek().is_none_or(|Reverse(lowest)| loses(lowest)) {
            return;
        }
        let Place { source, head: Head { db, key, offset, .. }, number } = place;
        let (source, key) = (Arc::clone(source), key.to_name());
        self.insert(Ranked { value, source, db: *db, key, number, offset: *offset, row: row() });
    }

    fn insert(&mut self, ranked: Ranked<T, V>) {
        let place = ranked.fingerprint();
        if !self.places.insert(place) {
            let known = self.heap.iter().find(|Reverse(known)| known.fingerprint() == place);
            if known.is_some_and(|Reverse(known)| *known >= ranked) {
                return;
            }
            self.heap.retain(|Reverse(known)| known.fingerprint() != place);
        }
        self.heap.push(Reverse(ranked));
        if self.heap.len() > self.top
            && let Some(Reverse(gone)) = self.heap.pop()
        {
            self.places.remove(&gone.fingerprint());
        }
        if self.heap.len() >= self.top {
            self.floor = self.heap.peek().map(|Reverse(lowest)| lowest.value).unwrap_or_default();
        }
    }

    pub(super) fn merge(&mut self, other: Self) {
        other.heap.into_iter().for_each(|Reverse(ranked)| self.insert(ranked));
    }

    /// All rows, the largest first.
    pub(super) fn into_rows(self) -> impl Iterator<Item = Ranked<T, V>> {
        self.heap.into_sorted_vec().into_iter().map(|Reverse(ranked)| ranked)
    }
}
