//! Keys that are gone when a log ends.
//!
//! What happens to keys is sorted in the scratch folder, key by key; those that are gone stay as bits of a fixed number of
//! bytes. Of ten million of them one in twenty others would be taken for gone as well; of a hundred thousand, none.

use crate::base::Result;
use crate::rdb::Key;
use crate::spill::{Record, Runs};
use std::collections::BTreeMap;
use std::path::PathBuf;
use xxhash_rust::xxh3::xxh3_128;

/// Bits of the filter: 8 MiB.
const BITS: u64 = 1 << 26;
/// Of each key so many are set.
const PROBES: u64 = 7;
/// Databases whose flushes are kept apart; of more, a flush counts for all.
const MOST_DATABASES: usize = 1 << 16;

/// A key without its database.
#[derive(Debug, Clone, Copy)]
pub(super) struct KeyPrint(u128);

impl KeyPrint {
    pub(super) fn of(key: &Key<'_>) -> Self {
        match &key.sha256 {
            Some(hash) => Self(xxh3_128(hash)),
            None => Self(xxh3_128(key.head)),
        }
    }

    /// With its database.
    pub(super) fn inside(self, db: u64) -> u128 {
        let mut bytes = [0; 24];
        if let Some((key, number)) = bytes.split_first_chunk_mut() {
            *key = self.0.to_le_bytes();
            number.copy_from_slice(&db.to_le_bytes());
        }
        xxh3_128(&bytes)
    }
}

/// What happened to a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    Written,
    Deleted,
}

/// Everything that happened to keys.
pub(super) struct Fates {
    runs: Runs,
    /// Where each database was last emptied.
    flushed: BTreeMap<u64, u64>,
    flushed_all: Option<u64>,
}

impl Fates {
    /// `most_bytes` are held before they go to the scratch folder.
    pub(super) fn new(scratch: PathBuf, most_bytes: usize) -> Self {
        Self { runs: Runs::new(scratch, most_bytes), flushed: BTreeMap::new(), flushed_all: None }
    }

    pub(super) fn push(&mut self, key: KeyPrint, db: u64, at: u64, fate: Fate) -> Result<()> {
        let mut note = [u8::from(fate == Fate::Deleted); 9];
        if let Some((_, number)) = note.split_first_mut() {
            number.copy_from_slice(&db.to_le_bytes());
        }
        self.runs.push(key.inside(db), at, &note)
    }

    /// A database, or every one, is emptied.
    pub(super) fn flush(&mut self, at: u64, db: Option<u64>) {
        match db {
            None => self.flushed_all = Some(at),
            Some(db) if self.flushed.len() < MOST_DATABASES || self.flushed.contains_key(&db) => {
                self.flushed.insert(db, at);
            }
            Some(_) => {}
        }
    }

    /// The keys whose end is a deletion.
    pub(super) fn finish(self) -> Result<Gone> {
        let Self { runs, flushed, flushed_all } = self;
        let mut gone = Gone::new();
        let mut last: Option<Record> = None;
        let mut end = |record: Option<Record>| {
            let Some(record) = record else { return };
            let (fate, db) = record.note.split_first_chunk().unwrap_or((&[0], &[]));
            let db = db.first_chunk().map(|db| u64::from_le_bytes(*db));
            let emptied = db.and_then(|db| flushed.get(&db).copied()).max(flushed_all);
            if *fate == [1] || emptied.is_some_and(|at| at > record.offset) {
                gone.add(record.fingerprint);
            }
        };
        runs.sorted(&mut |record| {
            let before = last.take().filter(|last| last.fingerprint != record.fingerprint);
            end(before);
            last = Some(record);
        })?;
        end(last);
        Ok(gone)
    }
}

/// The keys that are gone at the end.
#[derive(Debug)]
pub(super) struct Gone(Vec<u64>);

impl Gone {
    fn new() -> Self {
        Self(vec![0; usize::try_from(BITS / 64).unwrap_or_default()])
    }

    fn probes(print: u128) -> impl Iterator<Item = (usize, u64)> {
        let [first, step] = [print >> 64, print].map(|half| u64::try_from(half & u128::from(u64::MAX)).unwrap_or(0));
        (0..PROBES).map(move |probe| {
            let bit = first.wrapping_add(probe.wrapping_mul(step | 1)) % BITS;
            (usize::try_from(bit / 64).unwrap_or_default(), 1 << (bit % 64))
        })
    }

    fn add(&mut self, print: u128) {
        for (word, bit) in Self::probes(print) {
            if let Some(word) = self.0.get_mut(word) {
                *word |= bit;
            }
        }
    }

    /// Whether it is among them; of very many, with a small chance, also one that is not.
    pub(super) fn holds(&self, print: u128) -> bool {
        Self::probes(print).all(|(word, bit)| self.0.get(word).is_some_and(|word| word & bit != 0))
    }
}
