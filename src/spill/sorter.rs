//! Sorts more records than fit into memory: sorted runs in the scratch folder, merged at the end.

use crate::base::{Error, Result};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{BufReader, BufWriter, ErrorKind, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::Arc;

/// Bytes of a record in memory beside its key and its payload.
const RECORD_BYTES: usize = size_of::<Place>();
/// Bytes read ahead of each run while they are merged: many runs share what may be held, with no less than a page each.
const READ_AHEAD: std::ops::RangeInclusive<usize> = (4 << 10)..=(256 << 10);
/// Records that come together before those past the limit are dropped.
const LEAST_PRUNED: usize = 4096;

/// Takes a key and a payload; false if it wants no more.
pub(crate) type See<'s> = dyn FnMut(&[u8], &[u8]) -> Result<bool> + 's;

/// Records of a key and a payload, which come out by key, then by payload, compared byte by byte. Held in memory up to a
/// number of bytes, then in one temporary file that nobody else sees and that is gone with the process.
pub(crate) struct Sorter {
    scratch: PathBuf,
    most_bytes: usize,
    /// Only so many are wanted, the first ones.
    limit: Option<usize>,
    arena: Vec<u8>,
    places: Vec<Place>,
    /// What is not before this key is not among the first.
    cutoff: Option<Arc<[u8]>>,
    file: Option<File>,
    /// Where each run begins and ends in the file.
    runs: Vec<(u64, u64)>,
}

/// Where a record stands in the arena: its key, then its payload.
#[derive(Clone, Copy)]
struct Place {
    /// The beginning of the key: most comparisons end here.
    prefix: u128,
    start: usize,
    key: usize,
    payload: usize,
}

impl Place {
    fn end(&self) -> usize {
        self.start.saturating_add(self.key).saturating_add(self.payload)
    }

    fn split<'a>(&self, arena: &'a [u8]) -> (&'a [u8], &'a [u8]) {
        let record = arena.get(self.start..self.end()).unwrap_or_default();
        record.split_at_checked(self.key).unwrap_or((record, &[]))
    }
}

fn prefix(key: &[u8]) -> u128 {
    let mut bytes = [0; 16];
    let head = key.get(..16).unwrap_or(key);
    if let Some(to) = bytes.get_mut(..head.len()) {
        to.copy_from_slice(head);
    }
    u128::from_be_bytes(bytes)
}

impl Sorter {
    /// Nothing yet. `most_bytes` are held in memory before they go to a file in `scratch`; with a limit, only so many
    /// records come out.
    pub(crate) fn new(scratch: PathBuf, most_bytes: usize, limit: Option<usize>) -> Self {
        let (arena, places, runs) = (Vec::new(), Vec::new(), Vec::new());
        Self { scratch, most_bytes, limit, arena, places, cutoff: None, file: None, runs }
    }

    /// A key from which on records are not wanted any more: those who make them can spare themselves the work.
    pub(crate) fn cutoff(&self) -> Option<&Arc<[u8]>> {
        self.cutoff.as_ref()
    }

    /// Adds a record.
    ///
    /// # Errors
    /// The scratch folder cannot be written.
    pub(crate) fn push(&mut self, key: &[u8], payload: &[u8]) -> Result<()> {
        if self.cutoff.as_ref().is_some_and(|cutoff| **cutoff < *key) {
            return Ok(());
        }
        let start = self.arena.len();
        self.arena.extend_from_slice(key);
        self.arena.extend_from_slice(payload);
        self.places.push(Place { prefix: prefix(key), start, key: key.len(), payload: payload.len() });
        let enough = self.limit.map(|limit| limit.saturating_mul(2).max(LEAST_PRUNED));
        if enough.is_some_and(|enough| self.places.len() >= enough) {
            self.prune();
        }
        if self.held_bytes() >= self.most_bytes { self.relieve() } else { Ok(()) }
    }

    /// Adds all that another one collected.
    ///
    /// # Errors
    /// As [`Sorter::push`], and where the other's file cannot be read.
    pub(crate) fn merge(&mut self, mut other: Sorter) -> Result<()> {
        for place in std::mem::take(&mut other.places) {
            let (key, payload) = place.split(&other.arena);
            self.push(key, payload)?;
        }
        if let Some(mut theirs) = other.file.take() {
            let begin = self.end_of_file()?;
            let ours = self.file()?;
            theirs.seek(SeekFrom::Start(0)).map_err(cannot_read)?;
            std::io::copy(&mut theirs, ours).map_err(cannot_write)?;
            self.runs.extend(other.runs.iter().map(|(a, b)| (begin.saturating_add(*a), begin.saturating_add(*b))));
        }
        Ok(())
    }

    /// Tells of everything in order, up to the limit, until `see` wants no more.
    ///
    /// # Errors
    /// The scratch folder cannot be read or written; what `see` fails with.
    pub(crate) fn finish(mut self, see: &mut See<'_>) -> Result<()> {
        let mut left = self.limit.unwrap_or(usize::MAX);
        if self.file.is_none() {
            self.sort();
            for place in self.places.iter().take(left) {
                let (key, payload) = place.split(&self.arena);
                if !see(key, payload)? {
                    break;
                }
            }
            return Ok(());
        }
        self.write_run()?;
        (self.arena, self.places) = (Vec::new(), Vec::new());
        let Some(file) = self.file.take().map(Arc::new) else { return Ok(()) };
        let share = self.most_bytes.checked_div(self.runs.len()).unwrap_or_default();
        let ahead = share.clamp(*READ_AHEAD.start(), *READ_AHEAD.end());
        let mut readers = Vec::new();
        let mut heap = BinaryHeap::new();
        for (begin, end) in self.runs {
            let mut reader = RunReader::new(Arc::clone(&file), begin, end, ahead);
            let mut record = (Vec::new(), Vec::new());
            if reader.next(&mut record)? {
                heap.push(Reverse((record, readers.len())));
            }
            readers.push(reader);
        }
        while let Some(Reverse((mut record, from))) = heap.pop() {
            if left == 0 || !see(&record.0, &record.1)? {
                break;
            }
            left = left.saturating_sub(1);
            if let Some(reader) = readers.get_mut(from)
                && reader.next(&mut record)?
            {
                heap.push(Reverse((record, from)));
            }
        }
        Ok(())
    }

    fn held_bytes(&self) -> usize {
        self.arena.len().saturating_add(self.places.len().saturating_mul(RECORD_BYTES))
    }

    fn sort(&mut self) {
        let arena = &self.arena;
        self.places.sort_unstable_by(|a, b| a.prefix.cmp(&b.prefix).then_with(|| a.split(arena).cmp(&b.split(arena))));
    }

    /// Drops what is past the limit.
    fn prune(&mut self) {
        self.sort();
        let Some(limit) = self.limit.filter(|limit| *limit <= self.places.len()) else { return };
        self.places.truncate(limit);
        let mut arena =
            Vec::with_capacity(self.places.iter().map(|place| place.key.saturating_add(place.payload)).sum());
        for place in &mut self.places {
            let start = arena.len();
            arena.extend_from_slice(self.arena.get(place.start..place.end()).unwrap_or_default());
            place.start = start;
        }
        self.arena = arena;
        self.cutoff = self.places.last().map(|last| last.split(&self.arena).0.into());
    }

    /// Makes room: by the limit if that is enough, else in the file.
    fn relieve(&mut self) -> Result<()> {
        self.prune();
        if self.held_bytes() < self.most_bytes / 2 { Ok(()) } else { self.write_run() }
    }

    fn write_run(&mut self) -> Result<()> {
        self.prune();
        if self.places.is_empty() {
            return Ok(());
        }
        let begin = self.end_of_file()?;
        self.file()?;
        let Some(file) = &self.file else { return Ok(()) };
        let mut out = BufWriter::with_capacity(1 << 18, file);
        let written = self.places.iter().try_for_each(|place| {
            let (key, payload) = place.split(&self.arena);
            out.write_all(&(key.len() as u64).to_le_bytes())?;
            out.write_all(&(payload.len() as u64).to_le_bytes())?;
            out.write_all(key)?;
            out.write_all(payload)
        });
        written.and_then(|()| out.flush()).map_err(cannot_write)?;
        drop(out);
        self.arena.clear();
        self.places.clear();
        let end = self.end_of_file()?;
        self.runs.push((begin, end));
        Ok(())
    }

    fn file(&mut self) -> Result<&mut File> {
        if self.file.is_none() {
            let file = tempfile::tempfile_in(&self.scratch);
            let name = self.scratch.display().to_string();
            self.file = Some(file.map_err(|error| Error::io("make a temporary file", error).about(name))?);
        }
        self.file.as_mut().ok_or_else(|| Error::io("make a temporary file", ErrorKind::NotFound.into()))
    }

    fn end_of_file(&mut self) -> Result<u64> {
        self.file()?.seek(SeekFrom::End(0)).map_err(cannot_write)
    }
}

fn cannot_read(error: std::io::Error) -> Error {
    Error::io("read a temporary file", error)
}

fn cannot_write(error: std::io::Error) -> Error {
    Error::io("write a temporary file", error)
}

/// Reads one run. The runs share a file, so each read says where.
struct RunReader {
    input: BufReader<std::io::Take<Section>>,
}

struct Section {
    file: Arc<File>,
    at: u64,
}

impl Read for Section {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.file.read_at(buffer, self.at)?;
        self.at = self.at.saturating_add(read as u64);
        Ok(read)
    }
}

impl RunReader {
    fn new(file: Arc<File>, begin: u64, end: u64, ahead: usize) -> Self {
        let section = Section { file, at: begin }.take(end.saturating_sub(begin));
        Self { input: BufReader::with_capacity(ahead, section) }
    }

    /// Reads the next record into memory that is used again; false if there is none.
    fn next(&mut self, (key, payload): &mut (Vec<u8>, Vec<u8>)) -> Result<bool> {
        let mut lengths = [[0; 8]; 2];
        match self.input.read_exact(lengths.as_flattened_mut()) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(false),
            Err(error) => return Err(cannot_read(error)),
        }
        for (bytes, length) in [key, payload].into_iter().zip(lengths) {
            let length = u64::from_le_bytes(length);
            bytes.clear();
            // A file that somebody else changed cannot ask for more memory than it has bytes.
            let read = self.input.by_ref().take(length).read_to_end(bytes).map_err(cannot_read)?;
            if read as u64 != length {
                return Err(cannot_read(ErrorKind::UnexpectedEof.into()));
            }
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers in an order of their own, some of them twice, with keys of several lengths.
    fn records() -> Vec<(Vec<u8>, Vec<u8>)> {
        let number = |n: u64| n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40;
        let key = |n: u64| format!("{:x}", number(n) % 5000).repeat(usize::try_from(n % 9).unwrap_or(0)).into_bytes();
        (0..20_000).map(|n| (key(n), n.to_string().into_bytes())).collect()
    }

    fn sorted(most_bytes: usize, limit: Option<usize>, split: usize) -> Vec<(Vec<u8>, Vec<u8>)> {
        let new = || Sorter::new(std::env::temp_dir(), most_bytes, limit);
        let (mut sorter, mut other) = (new(), new());
        for (at, (key, payload)) in records().into_iter().enumerate() {
            let to = if at % 7 < split { &mut other } else { &mut sorter };
            to.push(&key, &payload).expect("scratch");
        }
        sorter.merge(other).expect("scratch");
        let mut out = Vec::new();
        let mut see = |key: &[u8], payload: &[u8]| {
            out.push((key.to_vec(), payload.to_vec()));
            Ok(true)
        };
        sorter.finish(&mut see).expect("scratch");
        out
    }

    #[test]
    fn memory_disk_and_a_limit_come_to_the_same() {
        let mut expected = records();
        expected.sort();
        for most_bytes in [1, 10_000, 300_000, usize::MAX] {
            for split in [0, 3] {
                assert!(sorted(most_bytes, None, split) == expected, "{most_bytes} {split}");
                for limit in [0, 1, 100, 4096, 15_000, 30_000] {
                    let few = &expected[..limit.min(expected.len())];
                    assert!(sorted(most_bytes, Some(limit), split) == few, "{most_bytes} {split} {limit}");
                }
            }
        }
    }

    #[test]
    fn it_ends_when_no_more_is_wanted() {
        for most_bytes in [1000, usize::MAX] {
            let mut sorter = Sorter::new(std::env::temp_dir(), most_bytes, None);
            for (key, payload) in records() {
                sorter.push(&key, &payload).expect("scratch");
            }
            let mut count = 0;
            let mut see = |_: &[u8], _: &[u8]| {
                count += 1;
                Ok(count < 10)
            };
            sorter.finish(&mut see).expect("scratch");
            assert_eq!(count, 10);
        }
    }
}
