//! Finds what occurs twice among more things than fit into memory: sorted runs of fingerprints in the scratch folder.

use crate::base::{Error, Result};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{BufReader, BufWriter, ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::PathBuf;
use std::sync::Arc;

/// Bytes of a record in memory beside its note.
const RECORD_BYTES: usize = 48;
/// Bytes read ahead of each run while they are merged.
const READ_AHEAD: usize = 16 << 10;
/// Longest note kept with a fingerprint.
pub(crate) const NOTE_BYTES: usize = 1024;

/// One thing: its fingerprint, where it was, and a note (a key's name).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Record {
    /// What is compared.
    pub fingerprint: u128,
    /// Where it was.
    pub offset: u64,
    /// Up to 1 KiB to tell people.
    pub note: Vec<u8>,
}

/// Collects fingerprints in memory up to a number of bytes, then in a temporary file that nobody else sees.
pub(crate) struct Runs {
    scratch: PathBuf,
    most_bytes: usize,
    held: Vec<Record>,
    held_bytes: usize,
    file: Option<File>,
    /// Where each run begins and ends in the file.
    spans: Vec<(u64, u64)>,
}

impl Runs {
    /// Nothing yet. `most_bytes` are held in memory before they go to a file in `scratch`.
    pub(crate) fn new(scratch: PathBuf, most_bytes: usize) -> Self {
        Self { scratch, most_bytes, held: Vec::new(), held_bytes: 0, file: None, spans: Vec::new() }
    }

    /// Adds one thing. A note is cut at [`NOTE_BYTES`].
    ///
    /// # Errors
    /// The scratch folder cannot be written.
    pub(crate) fn push(&mut self, fingerprint: u128, offset: u64, note: &[u8]) -> Result<()> {
        let note = note.get(..NOTE_BYTES).unwrap_or(note).to_vec();
        self.held_bytes = self.held_bytes.saturating_add(RECORD_BYTES).saturating_add(note.len());
        self.held.push(Record { fingerprint, offset, note });
        if self.held_bytes >= self.most_bytes { self.flush() } else { Ok(()) }
    }

    /// Adds all that another one collected.
    ///
    /// # Errors
    /// As [`Runs::push`], and where the other's file cannot be read.
    pub(crate) fn merge(&mut self, mut other: Runs) -> Result<()> {
        for record in std::mem::take(&mut other.held) {
            self.push(record.fingerprint, record.offset, &record.note)?;
        }
        if let Some(mut theirs) = other.file.take() {
            let begin = self.end_of_file()?;
            let ours = self.file()?;
            theirs.seek(SeekFrom::Start(0)).map_err(|e| Error::io("read a temporary file", e))?;
            std::io::copy(&mut theirs, ours).map_err(|e| Error::io("write a temporary file", e))?;
            let moved = other.spans.iter().map(|(a, b)| (begin.saturating_add(*a), begin.saturating_add(*b)));
            self.spans.extend(moved);
        }
        Ok(())
    }

    fn file(&mut self) -> Result<&mut File> {
        if self.file.is_none() {
            let file = tempfile::tempfile_in(&self.scratch);
            let name = self.scratch.display().to_string();
            self.file = Some(file.map_err(|e| Error::io("make a temporary file", e).about(name))?);
        }
        self.file.as_mut().ok_or_else(|| Error::io("make a temporary file", ErrorKind::NotFound.into()))
    }

    fn end_of_file(&mut self) -> Result<u64> {
        self.file()?.seek(SeekFrom::End(0)).map_err(|e| Error::io("write a temporary file", e))
    }

    fn flush(&mut self) -> Result<()> {
        if self.held.is_empty() {
            return Ok(());
        }
        self.held.sort_unstable();
        let begin = self.end_of_file()?;
        let held = std::mem::take(&mut self.held);
        let mut out = BufWriter::with_capacity(1 << 18, self.file()?);
        let written = held.iter().try_for_each(|record| {
            out.write_all(&record.fingerprint.to_le_bytes())?;
            out.write_all(&record.offset.to_le_bytes())?;
            // At most NOTE_BYTES.
            out.write_all(&u16::try_from(record.note.len()).unwrap_or(0).to_le_bytes())?;
            out.write_all(&record.note)
        });
        written.and_then(|()| out.flush()).map_err(|e| Error::io("write a temporary file", e))?;
        drop(out);
        self.held = held;
        self.held.clear();
        self.held_bytes = 0;
        let end = self.end_of_file()?;
        self.spans.push((begin, end));
        Ok(())
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
    pub(crate) fn sorted(mut self, see: &mut dyn FnMut(Record)) -> Result<()> {
        if self.file.is_none() {
            self.held.sort_unstable();
            self.held.into_iter().for_each(see);
            return Ok(());
        }
        self.flush()?;
        let file = self.file.take();
        let Some(file) = file.map(Arc::new) else { return Ok(()) };
        let mut readers = Vec::new();
        let mut heap = BinaryHeap::new();
        for (begin, end) in self.spans {
            let mut reader = RunReader::new(Arc::clone(&file), begin, end);
            if let Some(record) = reader.next()? {
                heap.push(Reverse((record, readers.len())));
            }
            readers.push(reader);
        }
        while let Some(Reverse((record, from))) = heap.pop() {
            see(record);
            if let Some(next) = readers.get_mut(from).map(RunReader::next).transpose()?.flatten() {
                heap.push(Reverse((next, from)));
            }
        }
        Ok(())
    }
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
        let read = std::os::unix::fs::FileExt::read_at(&*self.file, buffer, self.at)?;
        self.at = self.at.saturating_add(read as u64);
        Ok(read)
    }
}

impl RunReader {
    fn new(file: Arc<File>, begin: u64, end: u64) -> Self {
        let section = Section { file, at: begin }.take(end.saturating_sub(begin));
        Self { input: BufReader::with_capacity(READ_AHEAD, section) }
    }

    fn next(&mut self) -> Result<Option<Record>> {
        let mut head = [0; 26];
        match self.input.read_exact(&mut head) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(None),
            Err(error) => return Err(Error::io("read a temporary file", error)),
        }
        let mut at = crate::base::Cursor::new(&head);
        let whole = |_| Error::io("read a temporary file", ErrorKind::InvalidData.into());
        let fingerprint = at.array("fingerprint").map(u128::from_le_bytes).map_err(whole)?;
        let offset = at.u64_le("offset").map_err(whole)?;
        let length = at.u16_le("note").map_err(whole)?;
        let mut note = vec![0; usize::from(length)];
        self.input.read_exact(&mut note).map_err(|e| Error::io("read a temporary file", e))?;
        Ok(Some(Record { fingerprint, offset, note }))
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
