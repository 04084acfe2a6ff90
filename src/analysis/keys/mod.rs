//! `keys`: one row a key, in the order of the file or sorted by a column.
//!
//! ```text
//! rows    entries of a batch to rows, as bytes that somebody else formats     order   a row's place in a sorted output
//! ```

mod order;
mod rows;

use super::parts::{add_facts, facts_of, parts_of};
use super::row_files::{self, FileEnd, hash_first};
use crate::base::{Cancel, Error, ErrorKind, Result, UnixMs};
use crate::pipeline::{Filter, Memory, Prologue, RunOptions, Selection};
use crate::report::{KeyColumn, KeyRow, SourceFacts};
use crate::source::{Origin, Part};
use crate::spill::Sorter;
use rows::{Batch, Maker};
use std::sync::{Arc, Mutex, PoisonError};

/// Bytes of a batch, at most: a row takes thirty times the room of the shortest record.
const BATCH_BYTES: usize = 64 << 10;

/// What `keys` is asked.
#[derive(Clone)]
pub struct KeysOptions {
    /// How to run. While rows are sorted, `limits.sort_bytes` of them are held.
    pub run: RunOptions,
    /// Which keys.
    pub filter: Filter,
    /// The moment TTLs are seen from; by default the snapshot's own.
    pub as_of: Option<UnixMs>,
    /// Whether memory is estimated, and for which server. It is only where a column or a filter needs it.
    pub memory: Memory,
    /// What the rows show: nothing is decoded that is not shown, sorted by or filtered by.
    pub columns: Vec<KeyColumn>,
    /// The order; none: as they stand in the files.
    pub sort: Option<KeySort>,
    /// So many rows. Without an order no more is read then, unless a hash of all bytes is asked for.
    pub limit: Option<u64>,
}

impl Default for KeysOptions {
    fn default() -> Self {
        Self {
            run: RunOptions::default(),
            filter: Filter::default(),
            as_of: None,
            memory: Memory::OfWriter,
            columns: KeyColumn::ALL.to_vec(),
            sort: None,
            limit: None,
        }
    }
}

/// An order of rows. Where nothing is known a row comes last; equals come by source, database, key and place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeySort {
    /// By what.
    pub column: KeyColumn,
    /// The largest first.
    pub descending: bool,
}

impl KeySort {
    /// By this column: words from the first, numbers and times from the largest.
    pub fn by(column: KeyColumn) -> Self {
        Self { column, descending: !column.is_text() }
    }
}

/// Appends a row as the output shows it. Called in the workers.
pub type FormatRow<'f> = dyn Fn(&KeyRow<'_>, &mut Vec<u8>) + Sync + 'f;

/// Takes rows one after the other, as they were formatted, and how many they are; false if it wants no more.
pub type DeliverRows<'d> = dyn FnMut(&[u8], u64) -> Result<bool> + 'd;

/// What came of all sources.
pub struct Keyed {
    /// One by one, in the order given; those that nobody wanted any more are missing.
    pub sources: Vec<KeyedSource>,
    /// Whether reading stopped before the end of the sources: the limit is reached, or nobody takes more.
    pub stopped: bool,
}

/// What came of one source.
pub struct KeyedSource {
    /// What was read.
    pub facts: SourceFacts,
    /// How its files ended, or why it could not be read.
    pub outcome: Result<Vec<FileEnd>>,
    /// Commands of its log that change keys. They are not replayed: the rows are of the keys that stand before them.
    pub changes: u64,
}

/// Makes a row of each key of the sources. Memory: as for [`super::check`], and what is held of rows to be sorted.
///
/// # Errors
/// Only what concerns all sources: interrupted, a full scratch disk, what `deliver` fails with.
pub fn keys(
    origins: &[Origin],
    options: &KeysOptions,
    format: &FormatRow<'_>,
    deliver: &mut DeliverRows<'_>,
) -> Result<Keyed> {
    let limits = &options.run.limits;
    let most = options.limit.map(|limit| usize::try_from(limit).unwrap_or(usize::MAX));
    let sorter = options.sort.map(|_| Sorter::new(options.run.scratch.clone(), limits.sort_bytes, most));
    let left = options.limit.unwrap_or(u64::MAX);
    let out = Out { left, closed: false, failed: None, sorter, cutoff: Cutoff::default(), deliver };
    let mut run = Run { options, format, ranks: ranks(origins), out };
    let mut sources = Vec::new();
    let mut stopped = false;
    for (origin, rank) in origins.iter().zip(run.ranks.clone()) {
        if run.wants_no_more() {
            stopped = true;
            break;
        }
        let mut source = run.source(origin, rank, &mut stopped);
        if let Some(error) = run.out.failed.take() {
            return Err(error);
        }
        source.outcome = match source.outcome {
            Err(error) if concerns_all(&error) => return Err(error),
            outcome => outcome.map_err(|error| error.about(&origin.name)),
        };
        sources.push(source);
    }
    run.out.finish(&options.run.cancel)?;
    Ok(Keyed { sources, stopped })
}

/// What ends the run: everything that is not about one source alone.
fn concerns_all(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Interrupted | ErrorKind::Usage { .. })
}

/// The place of each source in the order of their names.
fn ranks(origins: &[Origin]) -> Vec<u32> {
    let mut by_name: Vec<_> = origins.iter().enumerate().map(|(at, origin)| (&origin.name, at)).collect();
    by_name.sort_unstable();
    let mut ranks = vec![0; origins.len()];
    for (rank, (_, at)) in (0..).zip(by_name) {
        if let Some(place) = ranks.get_mut(at) {
            *place = rank;
        }
    }
    ranks
}

/// All sources, one after the other.
struct Run<'k, 'd> {
    options: &'k KeysOptions,
    format: &'k FormatRow<'k>,
    ranks: Vec<u32>,
    out: Out<'d>,
}

impl Run<'_, '_> {
    /// Whether reading can stop: where all bytes are hashed it goes on.
    fn wants_no_more(&self) -> bool {
        let run = &self.options.run;
        let hashes = run.hashes.sha256 || run.hashes.sha1 || run.hashes.md5 || run.expect_sha256.is_some();
        self.out.closed || (self.out.is_full() && !hashes)
    }

    fn source(&mut self, origin: &Origin, rank: u32, stopped: &mut bool) -> KeyedSource {
        let mut facts = SourceFacts { source: origin.name.clone(), ..SourceFacts::default() };
        let mut changes = 0;
        let outcome = self.parts(origin, rank, (&mut facts, &mut changes, stopped));
        facts.source.clone_from(&origin.name);
        facts.error = outcome.as_ref().err().map(ToString::to_string);
        KeyedSource { facts, outcome, changes }
    }

    fn parts(
        &mut self,
        origin: &Origin,
        rank: u32,
        (facts, changes, stopped): (&mut SourceFacts, &mut u64, &mut bool),
    ) -> Result<Vec<FileEnd>> {
        let parts = parts_of(origin, &self.options.run)?;
        hash_first(origin, &parts, &self.options.run)?;
        let mut ends = Vec::new();
        for part in &parts {
            if self.wants_no_more() {
                *stopped = true;
                break;
            }
            let mut own = facts_of(origin, part);
            let outcome = self.file(origin, part, rank, (&mut own, changes));
            add_facts(facts, own, part);
            ends.extend(outcome?);
        }
        *stopped |= self.wants_no_more();
        Ok(ends)
    }

    fn file(
        &mut self,
        origin: &Origin,
        part: &Part,
        rank: u32,
        (facts, changes): (&mut SourceFacts, &mut u64),
    ) -> Result<Option<FileEnd>> {
        let options = self.options;
        let mut run = options.run.clone();
        run.limits.batch_bytes = run.limits.batch_bytes.min(BATCH_BYTES);
        let maker = Maker::new(options, self.format, &origin.name, rank);
        let memory = if maker.needs_memory() { options.memory } else { Memory::Off };
        let selection = Selection { filter: options.filter.clone(), validate: false, as_of: options.as_of, memory };
        let cutoff = Arc::clone(&self.out.cutoff);
        let make = |_: &Prologue, as_of| maker.rows(as_of, Arc::clone(&cutoff));
        row_files::read((origin, part), (&selection, &run), facts, make, &mut |batch: Batch| {
            *changes = changes.saturating_add(batch.changes);
            if let Err(error) = self.out.take(&batch) {
                self.out.failed = Some(error);
                return Ok(false);
            }
            Ok(!self.wants_no_more())
        })
    }
}

/// A key of the sorter from which on rows are not wanted, as the workers see it.
type Cutoff = Arc<Mutex<Option<Arc<[u8]>>>>;

/// Where rows go: the order, the limit.
struct Out<'d> {
    left: u64,
    /// Nobody takes more.
    closed: bool,
    /// What concerns all sources.
    failed: Option<Error>,
    sorter: Option<Sorter>,
    cutoff: Cutoff,
    deliver: &'d mut DeliverRows<'d>,
}

impl Out<'_> {
    /// Whether no further row can be among those wanted.
    fn is_full(&self) -> bool {
        self.left == 0
    }

    fn take(&mut self, batch: &Batch) -> Result<()> {
        let Some(sorter) = &mut self.sorter else { return self.pass(batch) };
        for (key, row) in batch.records() {
            sorter.push(key, row)?;
        }
        *self.cutoff.lock().unwrap_or_else(PoisonError::into_inner) = sorter.cutoff().map(Arc::clone);
        Ok(())
    }

    /// Rows in the order of the file: as many of the batch as are wanted.
    fn pass(&mut self, batch: &Batch) -> Result<()> {
        let (rows, bytes) = batch.first(self.left);
        if rows > 0 && !self.closed {
            self.left = self.left.saturating_sub(rows);
            self.closed = !(self.deliver)(bytes, rows)?;
        }
        Ok(())
    }

    fn finish(self, cancel: &Cancel) -> Result<()> {
        let Self { sorter, deliver, .. } = self;
        let Some(sorter) = sorter else { return Ok(()) };
        sorter.finish(&mut |_, row| {
            if cancel.is_cancelled() {
                return Err(Error::new(ErrorKind::Interrupted));
            }
            deliver(row, 1)
        })
    }
}
