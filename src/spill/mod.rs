//! More things than fit into memory, sorted in the scratch folder: records of bytes, and fingerprints of what may occur twice.

mod sorter;

pub(crate) use sorter::Sorter;

use crate::base::{Cursor, Error, Result};
use std::path::PathBuf;

/// Longest note kept with a fingerprint: 1 KiB of a name, and what else is said of it.
pub(crate) const NOTE_BYTES: usize = 1024 + 64;

/// One thing: its fingerprint, where it was, and a note (a key's name).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Record {
    /// What is compared.
    pub fingerprint: u128,
    /// Where it was.
    pub offset: u64,
    /// What people are told of it.
    pub note: Vec<u8>,
}

/// Collects fingerprints in memory up to a number of bytes, then in a temporary file that nobody else sees.
pub(crate) struct Runs {
    sorter: Sorter,
}

impl Runs {
    /// Nothing yet. `most_bytes` are held in memory before they go to a file in `scratch`.
    pub(crate) fn new(scratch: PathBuf, most_bytes: usize) -> Self {
        Self { sorter: Sorter::new(scratch, most_bytes, None) }
    }

    /// Adds one thing. A note is cut at [`NOTE_BYTES`].
    ///
    /// # Errors
    /// The scratch folder cannot be written.
    pub(crate) fn push(&mut self, fingerprint: u128, offset: u64, note: &[u8]) -> Result<()> {
        let mut key = [0; 24];
        if let Some((print, place)) = key.split_first_chunk_mut() {
            *print = fingerprint.to_be_bytes();
            place.copy_from_slice(&offset.to_be_bytes());
        }
        self.sorter.push(&key, note.get(..NOTE_BYTES).unwrap_or(note))
    }

    /// Adds all that another one collected.
    ///
    /// # Errors
    /// As [`Runs::push`], and where the other's file cannot be read.
    pub(crate) fn merge(&mut self, other: Runs) -> Result<()> {
        self.sorter.merge(other.sorter)
    }

    /// Tells of every thing that occurs again: the first occurrence, and each later one, by offset.
    ///
    /// # Errors
    /// The scratch folder cannot be read or written.
    pub(crate) fn duplicates(self, found: &mut dyn FnMut(&Record, &Record)) -> Result<()> {
        let mut first: Option<Record> = None;
        self.sorted(&mut |record| match &first {
            Some(earlier) if earlier.fingerprint == record.fingerprint => found(earlier, &record),
            _ => first = Some(record),
        })
    }

    /// Tells of everything, by fingerprint and then by offset.
    ///
    /// # Errors
    /// The scratch folder cannot be read or written.
    pub(crate) fn sorted(self, see: &mut dyn FnMut(Record)) -> Result<()> {
        self.sorter.finish(&mut |key, note| {
            let mut key = Cursor::new(key);
            let broken = |_| Error::io("read a temporary file", std::io::ErrorKind::InvalidData.into());
            let fingerprint = key.array("fingerprint").map(u128::from_be_bytes).map_err(broken)?;
            let offset = key.array("offset").map(u64::from_be_bytes).map_err(broken)?;
            see(Record { fingerprint, offset, note: note.to_vec() });
            Ok(true)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn repeated(most_bytes: usize) -> Vec<(u64, u64)> {
        let dir = std::env::temp_dir();
        let mut all = Runs::new(dir.clone(), most_bytes);
        let mut more = Runs::new(dir, most_bytes);
        for n in 0..1000u64 {
            let into = if n % 3 == 0 { &mut more } else { &mut all };
            into.push(u128::from(n % 990) << 64, n, b"key").expect("scratch");
        }
        all.merge(more).expect("scratch");
        let mut pairs = Vec::new();
        all.duplicates(&mut |a, b| pairs.push((a.offset, b.offset))).expect("scratch");
        pairs.sort_unstable();
        pairs
    }

    #[test]
    fn memory_and_disk_find_the_same() {
        let expected: Vec<_> = (0..10).map(|n| (n, n + 990)).collect();
        assert_eq!(repeated(1 << 20), expected);
        assert_eq!(repeated(500), expected);
    }
}
