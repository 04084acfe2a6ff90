//! Keys that occur twice in their database, or in two shards of a keyspace: exactly, in bounded memory.

use crate::base::Result;
use crate::pipeline::{Analyzer, Scope};
use crate::rdb::{Head, Item};
use crate::report::{KeyName, Problem, Severity};
use crate::spill::Runs;
use std::path::PathBuf;

/// Collects a fingerprint per key.
pub struct Twins {
    scratch: PathBuf,
    most_bytes: usize,
    most_problems: usize,
    keys: Runs,
    buffer: Vec<u8>,
}

impl Twins {
    /// `most_bytes` of fingerprints are held before they go to the scratch folder.
    pub fn new(scratch: PathBuf, most_bytes: usize, most_problems: usize) -> Self {
        let keys = Runs::new(scratch.clone(), most_bytes);
        Self { scratch, most_bytes, most_problems, keys, buffer: Vec::new() }
    }
}

/// What tells a key from others of any database. Leaves a note in `buffer`: see [`noted`].
fn fingerprint(head: &Head<'_>, buffer: &mut Vec<u8>) -> u128 {
    let key = &head.key;
    buffer.clear();
    buffer.extend_from_slice(&head.db.to_le_bytes());
    buffer.extend_from_slice(key.sha256.as_ref().map_or(key.head, |hash| hash));
    let fingerprint = xxhash_rust::xxh3::xxh3_128(buffer);
    buffer.truncate(8);
    buffer.extend_from_slice(&key.len.to_le_bytes());
    buffer.push(u8::from(key.sha256.is_some()));
    buffer.extend(key.sha256.iter().flatten());
    buffer.extend_from_slice(key.head);
    fingerprint
}

/// The database and the key of such a note: database, length, whether there is a hash, the hash, and as much of the key as the
/// note has room for.
fn noted(note: &[u8]) -> (u64, KeyName) {
    let (db, rest) = note.split_first_chunk().unwrap_or((&[0; 8], &[]));
    let (bytes, rest) = rest.split_first_chunk().unwrap_or((&[0; 8], &[]));
    let bytes = u64::from_le_bytes(*bytes);
    let key = match rest.split_first() {
        Some((1, rest)) => rest.split_first_chunk().map(|(hash, head)| KeyName::long(head, bytes, *hash)),
        Some((_, head)) => Some(KeyName::cut(head, bytes)),
        None => None,
    };
    (u64::from_le_bytes(*db), key.unwrap_or_else(|| KeyName::cut(&[], bytes)))
}

/// Collects a fingerprint per key of several sources, and finds keys that stand in more than one of them.
pub struct Overlap {
    scratch: PathBuf,
    most_bytes: usize,
    /// Which source is read, by its number.
    source: u64,
    /// Where the place of a fingerprint is the number of its source.
    keys: Runs,
    buffer: Vec<u8>,
}

/// Keys that stand in more than one source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Overlapping {
    /// How many.
    pub keys: u64,
    /// The database and the name of one of them, the same however the sources are read.
    pub key: (u64, KeyName),
    /// The numbers of two sources that have it.
    pub sources: (u64, u64),
}

impl Overlap {
    /// `most_bytes` of fingerprints are held before they go to the scratch folder.
    pub fn new(scratch: PathBuf, most_bytes: usize) -> Self {
        let keys = Runs::new(scratch.clone(), most_bytes);
        Self { scratch, most_bytes, source: 0, keys, buffer: Vec::new() }
    }

    /// The same for the source of this number, with nothing observed.
    #[must_use]
    pub fn of_source(&self, source: u64) -> Self {
        Self { source, ..Self::new(self.scratch.clone(), self.most_bytes) }
    }
}

impl Analyzer for Overlap {
    type Output = Option<Overlapping>;

    fn fork(&self) -> Self {
        self.of_source(self.source)
    }

    fn observe(&mut self, item: &Item<'_>) -> Result<()> {
        let Item::Entry(entry) = item else { return Ok(()) };
        let fingerprint = fingerprint(&entry.head, &mut self.buffer);
        self.keys.push(fingerprint, self.source, &self.buffer)
    }

    fn merge(&mut self, other: Self) -> Result<()> {
        self.keys.merge(other.keys)
    }

    fn finish(self, _: &Scope) -> Result<Option<Overlapping>> {
        let mut found: Option<Overlapping> = None;
        let mut last = None;
        self.keys.duplicates(&mut |first, again| {
            // The same key twice in one source is that source's own affair, and a key in three of them is one key.
            if first.offset == again.offset || last == Some(first.fingerprint) {
                return;
            }
            last = Some(first.fingerprint);
            let (db, key) = noted(&again.note);
            let sources = (first.offset, again.offset);
            let own = || Overlapping { keys: 0, key: (db, key), sources };
            let found = found.get_or_insert_with(own);
            found.keys = found.keys.saturating_add(1);
        })?;
        Ok(found)
    }
}

impl Analyzer for Twins {
    /// How many keys occur again, and the first of them as problems.
    type Output = (u64, Vec<Problem>);

    fn wants_writes(&self) -> bool {
        false
    }

    fn fork(&self) -> Self {
        Self::new(self.scratch.clone(), self.most_bytes, self.most_problems)
    }

    fn observe(&mut self, item: &Item<'_>) -> Result<()> {
        let Item::Entry(entry) = item else { return Ok(()) };
        let fingerprint = fingerprint(&entry.head, &mut self.buffer);
        self.keys.push(fingerprint, entry.head.offset, &self.buffer)
    }

    fn merge(&mut self, other: Self) -> Result<()> {
        self.keys.merge(other.keys)
    }

    fn finish(self, _: &Scope) -> Result<Self::Output> {
        let mut count = 0u64;
        let mut problems = Vec::new();
        self.keys.duplicates(&mut |first, again| {
            count = count.saturating_add(1);
            if problems.len() >= self.most_problems {
                return;
            }
            let (db, key) = noted(&again.note);
            let place = format!("0x{:x} ({})", first.offset, first.offset);
            problems.push(Problem {
                file: None,
                line: None,
                severity: Severity::Error,
                offset: again.offset,
                db: Some(db),
                key: Some(key),
                kind: "duplicate-key".into(),
                doing: "read-key".into(),
                expected: Some("each key once in its database".into()),
                found: Some(format!("the key of {place} again")),
                message: format!("the key occurs already at {place}: servers refuse such a file"),
            });
        })?;
        Ok((count, problems))
    }
}
