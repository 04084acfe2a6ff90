//! Tells whether an element occurs twice in its collection, in bounded memory.

use super::Flaw;
use crate::base::Error;
use crate::encoding::Packed;
use crate::encoding::unique::Seen;
use crate::spill::Runs;
use std::path::PathBuf;

/// The elements of one collection at a time, as 128-bit fingerprints. A collection that announces more than fit into
/// memory goes to the scratch folder, and is judged at its end.
pub(in crate::rdb) struct Unique {
    seen: Seen,
    most: usize,
    scratch: PathBuf,
    runs: Option<Runs>,
    error: Option<Error>,
}

impl Unique {
    pub(in crate::rdb) fn new(most: usize, scratch: PathBuf) -> Self {
        Self { seen: Seen::new(most), most, scratch, runs: None, error: None }
    }

    /// Begins a collection of so many elements.
    #[inline]
    pub(super) fn begin(&mut self, elements: u64) {
        if elements <= self.most as u64 {
            self.seen.reset();
            self.runs = None;
        } else {
            self.runs = Some(Runs::new(self.scratch.clone(), 4 << 20));
        }
    }

    /// Adds an element: false if it was there. Always true while elements go to the scratch folder.
    #[inline]
    pub(super) fn insert(&mut self, bytes: &[u8]) -> bool {
        if self.runs.is_none() { self.seen.insert(bytes) } else { self.spill(xxhash_rust::xxh3::xxh3_128(bytes)) }
    }

    /// As [`Unique::insert`].
    #[inline]
    pub(super) fn insert_packed(&mut self, value: Packed<'_>) -> bool {
        if self.runs.is_none() {
            self.seen.insert_packed(value)
        } else {
            self.spill(xxhash_rust::xxh3::xxh3_128(value.bytes(&mut itoa::Buffer::new())))
        }
    }

    /// As [`Unique::insert`].
    #[inline]
    pub(super) fn insert_fingerprint(&mut self, fingerprint: u128) -> bool {
        if self.runs.is_none() { self.seen.insert_fingerprint(fingerprint) } else { self.spill(fingerprint) }
    }

    #[cold]
    fn spill(&mut self, fingerprint: u128) -> bool {
        if let Some(runs) = &mut self.runs
            && let Err(error) = runs.push(fingerprint, 0, &[])
        {
            self.error.get_or_insert(error);
        }
        true
    }

    /// Ends the collection.
    pub(super) fn end(&mut self, flaw: &mut dyn FnMut(u64) -> Flaw) -> Result<(), Flaw> {
        let Some(runs) = self.runs.take() else { return Ok(()) };
        let mut repeated = 0u64;
        if let Err(error) = runs.duplicates(&mut |_, _| repeated = repeated.saturating_add(1)) {
            self.error.get_or_insert(error);
        }
        if repeated > 0 { Err(flaw(repeated)) } else { Ok(()) }
    }

    /// What went wrong with the scratch folder.
    pub(in crate::rdb) fn take_error(&mut self) -> Option<Error> {
        self.error.take()
    }
}
