//! Bytes as the framing thread takes them: buffers that are used again, filled whole from an input that may give bytes back
//! and be exchanged.

use super::log::is_log;
use super::scope::{Ended, Tally};
use crate::aof;
use crate::base::{Cancel, Error, ErrorKind, Flaw, Result};
use crate::codec::unpack_flaw;
use crate::rdb::Header;
use std::io::{self, Read};

/// Bytes that were read, at the beginning of memory that is used again and so is not cleared.
pub(super) struct Buffer {
    pub(super) all: Vec<u8>,
    pub(super) filled: usize,
}

impl Buffer {
    pub(super) fn bytes(&self) -> &[u8] {
        self.all.get(..self.filled).unwrap_or_default()
    }

    pub(super) fn remove_front(&mut self, count: usize) {
        let count = count.min(self.filled);
        self.all.copy_within(count..self.filled, 0);
        self.filled -= count;
    }

    pub(super) fn set(&mut self, bytes: &[u8]) {
        self.filled = bytes.len();
        if let Some(to) = self.all.get_mut(..bytes.len()) {
            to.copy_from_slice(bytes);
        }
    }
}

/// Reads whole buffers, so that where the input was cut makes no difference.
pub(super) struct Feed<'i> {
    input: Box<dyn Read + 'i>,
    /// Bytes that were read and not used.
    ahead: io::Cursor<Vec<u8>>,
    pub(super) cancel: &'i Cancel,
    pub(super) full: usize,
    pub(super) ended: bool,
    /// Whatever stands after an RDB is a log, and so is nothing.
    pub(super) expects_log: bool,
    /// Whatever stands after this RDB is a log.
    pub(super) says_log: bool,
    /// Up to here the input was read.
    total: u64,
    unpack_flaw: Option<Flaw>,
}

impl<'i> Feed<'i> {
    pub(super) fn new(input: impl Read + 'i, cancel: &'i Cancel, full: usize) -> Self {
        Self {
            input: Box::new(input),
            ahead: io::Cursor::default(),
            cancel,
            full,
            ended: false,
            expects_log: false,
            says_log: false,
            total: 0,
            unpack_flaw: None,
        }
    }

    /// Up to here the input was read.
    pub(super) fn total(&self) -> u64 {
        self.total
    }

    /// Gives bytes back: they come again before all others.
    pub(super) fn unread(&mut self, mut bytes: Vec<u8>) {
        let _ = self.ahead.read_to_end(&mut bytes);
        self.ahead = io::Cursor::new(bytes);
        self.ended = false;
    }

    /// Goes on with another reader, which begins at this place of the input.
    pub(super) fn replace(&mut self, input: impl Read + 'i, at: u64) {
        self.total = at;
        self.input = Box::new(input);
        self.ahead = io::Cursor::default();
        self.ended = false;
    }

    /// A buffer of full size, made of one that was used before.
    pub(super) fn buffer(&self, mut all: Vec<u8>) -> Buffer {
        all.resize(self.full, 0);
        Buffer { all, filled: 0 }
    }

    /// Fills the rest of the buffer, up to its full size or the end of the input.
    pub(super) fn fill(&mut self, buffer: &mut Buffer) -> Result<()> {
        if self.cancel.is_cancelled() {
            return Err(Error::new(ErrorKind::Interrupted));
        }
        while buffer.filled < buffer.all.len() && !self.ended {
            let read = self.read(buffer.all.get_mut(buffer.filled..).unwrap_or_default());
            buffer.filled = buffer.filled.saturating_add(read.map_err(|error| Error::io("read", error))?);
        }
        Ok(())
    }

    /// After the EOF opcode: the checksum, and whatever follows, which is given back if it is a log.
    pub(super) fn finish(
        &mut self,
        header: Header,
        crc: u64,
        offset: u64,
        mut tail: Buffer,
        tally: &mut Tally,
    ) -> Result<Option<(aof::Start, Buffer)>> {
        tally.ended = Ended::Complete;
        let mut at = offset;
        self.fill(&mut tail)?;
        if header.has_checksum() {
            tally.computed = Some(crc);
            let Some((stored, _)) = tail.bytes().split_first_chunk() else {
                tally.ended = Ended::NoChecksum { have: tail.filled as u64 };
                tally.bytes = at.saturating_add(tail.filled as u64);
                return self.drain(tally).map(|_| None);
            };
            tally.stored = Some(u64::from_le_bytes(*stored));
            tail.remove_front(8);
            at = at.saturating_add(8);
        }
        if is_log(tail.bytes()) || self.expects_log || (self.says_log && tail.filled > 0) {
            return Ok(Some((aof::Start::of_log(at, 1), tail)));
        }
        tally.trailing_head = tail.bytes().get(..64).unwrap_or(tail.bytes()).to_vec();
        tally.trailing_bytes = (tail.filled as u64).saturating_add(self.drain(tally)?);
        tally.bytes = at.saturating_add(tally.trailing_bytes);
        Ok(None)
    }

    /// Reads to the end, for the hashes and the count: how many bytes that was.
    pub(super) fn drain(&mut self, tally: &mut Tally) -> Result<u64> {
        let mut count = 0u64;
        let mut buffer = self.buffer(Vec::new());
        while !self.ended {
            buffer.filled = 0;
            self.fill(&mut buffer)?;
            count = count.saturating_add(buffer.filled as u64);
        }
        tally.unpack_flaw = self.unpack_flaw.take().or(tally.unpack_flaw.take());
        Ok(count)
    }
}

impl Read for Feed<'_> {
    /// A compressed stream that is broken ends there; the flaw is kept.
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        if to.is_empty() {
            return Ok(0);
        }
        let again = self.ahead.read(to)?;
        if again > 0 {
            return Ok(again);
        }
        let read = loop {
            match self.input.read(to) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    let Some(flaw) = unpack_flaw(&error) else { return Err(error) };
                    self.unpack_flaw = Some(flaw.clone());
                    break 0;
                }
                Ok(read) => break read,
            }
        };
        self.ended |= read == 0;
        self.total = self.total.saturating_add(read as u64);
        Ok(read)
    }
}
