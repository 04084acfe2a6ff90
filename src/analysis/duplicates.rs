//! Keys that occur twice in their database, exactly, in bounded memory.

use crate::base::Result;
use crate::pipeline::{Analyzer, Scope};
use crate::rdb::Item;
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
        let head = &entry.head;
        self.buffer.clear();
        self.buffer.extend_from_slice(&head.db.to_le_bytes());
        match &head.key.sha256 {
            Some(hash) => self.buffer.extend_from_slice(hash),
            None => self.buffer.extend_from_slice(head.key.head),
        }
        let fingerprint = xxhash_rust::xxh3::xxh3_128(&self.buffer);
        // The note: the database, then as much of the key as fits.
        self.buffer.truncate(8);
        self.buffer.extend_from_slice(head.key.head);
        self.keys.push(fingerprint, head.offset, &self.buffer)
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
            let (db, key) = again.note.split_first_chunk().unwrap_or((&[0; 8], &[]));
            let place = format!("0x{:x} ({})", first.offset, first.offset);
            problems.push(Problem {
                file: None,
                line: None,
                severity: Severity::Error,
                offset: again.offset,
                db: Some(u64::from_le_bytes(*db)),
                key: Some(KeyName::whole(key)),
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
