//! Entries of a batch to rows.

use super::{Cutoff, FormatRow, KeySort, KeysOptions, order};
use crate::base::UnixMs;
use crate::keyspace::Encoding;
use crate::keyspace::command::{Command, Effect};
use crate::pipeline::RowSource;
use crate::rdb::{Depth, Entry, Head, Item};
use crate::report::{KeyBytes, KeyColumn, KeyRow, Moment};
use std::sync::{Arc, PoisonError};

/// The rows of a batch.
#[derive(Default)]
pub(super) struct Batch {
    /// Of each row: where it belongs, unless the rows keep their order; then the row.
    bytes: Vec<u8>,
    /// Where the first half of each ends, and where the second.
    ends: Vec<(usize, usize)>,
    /// Commands that change keys.
    pub(super) changes: u64,
}

impl Batch {
    /// Each row with the place it belongs to.
    pub(super) fn records(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        let begins = std::iter::once(0).chain(self.ends.iter().map(|(_, end)| *end));
        begins.zip(&self.ends).map(|(begin, (middle, end))| {
            let half = |range: std::ops::Range<usize>| self.bytes.get(range).unwrap_or_default();
            (half(begin..*middle), half(*middle..*end))
        })
    }

    /// How many rows there are, at most so many, and their bytes; of rows that keep their order.
    pub(super) fn first(&self, most: u64) -> (u64, &[u8]) {
        let rows = usize::try_from(most).unwrap_or(usize::MAX).min(self.ends.len());
        let end = rows.checked_sub(1).and_then(|last| self.ends.get(last)).map_or(0, |(_, end)| *end);
        (rows as u64, self.bytes.get(..end).unwrap_or_default())
    }
}

/// What all rows of one file share.
#[derive(Clone, Copy)]
pub(super) struct Maker<'k> {
    format: &'k FormatRow<'k>,
    source: &'k str,
    /// The place of the source among all.
    rank: u32,
    sort: Option<KeySort>,
    depth: Depth,
    memory: bool,
    slot: bool,
}

impl<'k> Maker<'k> {
    pub(super) fn new(options: &'k KeysOptions, format: &'k FormatRow<'k>, source: &'k str, rank: u32) -> Self {
        let shown = options.columns.iter().copied().chain(options.sort.map(|sort| sort.column));
        let needs = |wanted: &[KeyColumn]| shown.clone().any(|column| wanted.contains(&column));
        let shape = needs(&[KeyColumn::Encoding, KeyColumn::Elements, KeyColumn::LargestElementBytes]);
        Self {
            format,
            source,
            rank,
            sort: options.sort,
            depth: if shape { Depth::Shape } else { Depth::Keys },
            memory: needs(&[KeyColumn::MemoryBytes]) || options.filter.min_memory > 0,
            slot: needs(&[KeyColumn::Slot]),
        }
    }

    /// Whether memory has to be estimated.
    pub(super) fn needs_memory(&self) -> bool {
        self.memory
    }

    /// What makes rows in a worker.
    pub(super) fn rows(&self, as_of: Option<UnixMs>, shared: Cutoff) -> Rows<'k> {
        Rows { maker: *self, as_of, shared, cutoff: None, batch: Batch::default() }
    }

    fn row<'r>(&self, entry: &'r Entry<'_>, as_of: Option<UnixMs>) -> KeyRow<'r>
    where
        'k: 'r,
    {
        let head = &entry.head;
        let ttl_ms = head.expire_at.zip(as_of).map(|(at, now)| at.0.saturating_sub(now.0));
        KeyRow {
            source: self.source,
            db: head.db,
            key: KeyBytes { head: head.key.head, len: head.key.len, sha256: head.key.sha256 },
            ty: head.value_type.ty.name(),
            encoding: Some(entry.encoding).filter(|own| *own != Encoding::Unknown).map(Encoding::name),
            elements: entry.shape.map(|shape| shape.elements),
            serialized_bytes: entry.serialized_bytes,
            memory_bytes: entry.memory_bytes,
            largest_element_bytes: entry.shape.map(|shape| shape.largest_element_bytes),
            expire_at: head.expire_at.map(Moment),
            ttl_seconds: ttl_ms.map(|ms| ms.div_euclid(1000)),
            idle_seconds: head.idle_secs,
            frequency: head.freq,
            slot: if self.slot { head.key.slot() } else { None },
        }
    }
}

/// Whether a command changes keys, or may: what it is for is not known of a script.
fn changes_keys(command: &Command<'_>) -> bool {
    command.spec.is_none_or(|spec| {
        matches!(
            spec.effect,
            Effect::Write
                | Effect::Remove
                | Effect::Delete
                | Effect::Flush
                | Effect::Expire
                | Effect::Persist
                | Effect::Rename
                | Effect::Copy
                | Effect::Move
                | Effect::Restore
                | Effect::Group
                | Effect::SwapDb
                | Effect::Script
        )
    })
}

/// Makes rows in a worker.
pub(super) struct Rows<'k> {
    maker: Maker<'k>,
    as_of: Option<UnixMs>,
    shared: Cutoff,
    /// Rows that belong there or later are not wanted.
    cutoff: Option<Arc<[u8]>>,
    batch: Batch,
}

impl RowSource for Rows<'_> {
    type Rows = Batch;

    #[inline]
    fn depth(&self, _: &Head<'_>) -> Depth {
        self.maker.depth
    }

    fn wants_writes(&self) -> bool {
        false
    }

    #[inline]
    fn observe(&mut self, item: &Item<'_>) {
        match item {
            Item::Entry(entry) if entry.written_by.is_none() => self.entry(entry),
            Item::Command(command) if changes_keys(command) => {
                self.batch.changes = self.batch.changes.saturating_add(1);
            }
            _ => {}
        }
    }

    fn take(&mut self) -> Batch {
        if self.maker.sort.is_some() {
            self.cutoff.clone_from(&self.shared.lock().unwrap_or_else(PoisonError::into_inner));
        }
        // The next one will be about as large.
        let room = Batch {
            bytes: Vec::with_capacity(self.batch.bytes.len()),
            ends: Vec::with_capacity(self.batch.ends.len()),
            changes: 0,
        };
        std::mem::replace(&mut self.batch, room)
    }
}

impl Rows<'_> {
    #[inline]
    fn entry(&mut self, entry: &Entry<'_>) {
        let row = self.maker.row(entry, self.as_of);
        let Batch { bytes, ends, .. } = &mut self.batch;
        let begin = bytes.len();
        if let Some(sort) = self.maker.sort {
            order::write(sort, &row, self.maker.rank, entry.head.offset, bytes);
            let past = |cutoff: &Arc<[u8]>| bytes.get(begin..).is_some_and(|own| **cutoff < *own);
            if self.cutoff.as_ref().is_some_and(past) {
                bytes.truncate(begin);
                return;
            }
        }
        let middle = bytes.len();
        (self.maker.format)(&row, bytes);
        ends.push((middle, bytes.len()));
    }
}
