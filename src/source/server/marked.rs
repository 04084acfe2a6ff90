//! Where a snapshot of unknown length ends: after its EOF opcode and checksum, and nowhere else. The mark that the server sends
//! behind them stands in no framing, is the same for every snapshot, and so can be a part of any value.

use crate::rdb::{Found, Framer, HEADER_BYTES, Header};
use crate::wire::MARK_BYTES;
use std::io::{self, Read};

/// What the framer may have to see in one piece.
const LONGEST: usize = 64 << 10;
/// Bytes held.
const HELD_BYTES: usize = 4 * LONGEST;
const CHECKSUM_BYTES: usize = 8;

/// Reads an RDB that the mark follows, and ends before the mark. Where the records cannot be followed, everything up to the
/// close of the connection is given, less a mark at its very end: it is for whoever parses it to say what is wrong. A stream
/// that ends without the mark is an error, after its last byte. Memory: 256 KiB.
pub struct Marked<R> {
    inner: R,
    mark: [u8; MARK_BYTES],
    state: State,
    framer: Option<Framer>,
    checksum: bool,
    buffer: Box<[u8]>,
    filled: usize,
    /// Of the buffer, so much has been given; up to `ready` may be given.
    given: usize,
    ready: usize,
    total: u64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Header,
    /// The header has been given.
    Begin(Header),
    Records,
    /// The buffer begins with the EOF opcode.
    Tail,
    /// Nobody knows where records end.
    Unframed,
    Whole,
    Cut,
}

impl<R: Read> Marked<R> {
    /// Of a stream that begins with the RDB.
    pub fn new(inner: R, mark: [u8; MARK_BYTES]) -> Self {
        Self {
            inner,
            mark,
            state: State::Header,
            framer: None,
            checksum: true,
            buffer: vec![0; HELD_BYTES].into_boxed_slice(),
            filled: 0,
            given: 0,
            ready: 0,
            total: 0,
        }
    }

    fn held(&self) -> &[u8] {
        self.buffer.get(..self.filled).unwrap_or_default()
    }

    /// Reads once; the stream's end is a cut wherever the mark has not been seen.
    fn more(&mut self) -> io::Result<()> {
        let read = self.inner.read(self.buffer.get_mut(self.filled..).unwrap_or_default())?;
        self.filled = self.filled.saturating_add(read);
        self.total = self.total.saturating_add(read as u64);
        if read == 0 {
            let whole = self.state == State::Unframed && self.held() == self.mark;
            self.state = if whole { State::Whole } else { State::Cut };
            self.ready = if whole { 0 } else { self.filled };
        }
        Ok(())
    }

    /// What was given goes; what remains moves to the front.
    fn compact(&mut self) {
        self.buffer.copy_within(self.given..self.filled, 0);
        self.filled = self.filled.saturating_sub(self.given);
        if let Some(framer) = &mut self.framer {
            framer.moved(self.given);
        }
        (self.given, self.ready) = (0, 0);
    }

    fn step(&mut self) -> io::Result<()> {
        match self.state {
            State::Header => {
                if self.filled < HEADER_BYTES {
                    return self.more();
                }
                match Header::parse(self.held()) {
                    Ok(header) => {
                        self.ready = HEADER_BYTES;
                        self.state = State::Begin(header);
                    }
                    Err(_) => self.state = State::Unframed,
                }
                Ok(())
            }
            State::Begin(header) => {
                self.framer = Some(Framer::new(header, LONGEST));
                self.checksum = header.has_checksum();
                self.state = State::Records;
                Ok(())
            }
            State::Records => self.records(),
            State::Tail => {
                let end = if self.checksum { 1 + CHECKSUM_BYTES } else { 1 };
                let after = end.saturating_add(MARK_BYTES);
                if self.filled < after {
                    return self.more();
                }
                if self.held().get(end..after) == Some(self.mark.as_slice()) {
                    self.ready = end;
                    self.state = State::Whole;
                } else {
                    self.state = State::Unframed;
                }
                Ok(())
            }
            State::Unframed => {
                self.framer = None;
                // The last bytes may be the mark.
                self.ready = self.filled.saturating_sub(MARK_BYTES);
                if self.ready == 0 { self.more() } else { Ok(()) }
            }
            State::Whole | State::Cut => Ok(()),
        }
    }

    fn records(&mut self) -> io::Result<()> {
        let Some(framer) = &mut self.framer else {
            self.state = State::Unframed;
            return Ok(());
        };
        match framer.follow(self.buffer.get(..self.filled).unwrap_or_default()) {
            Found::Records(cut) => self.ready = cut,
            Found::Eof(records) => {
                self.ready = records;
                self.state = State::Tail;
                self.framer = None;
            }
            Found::Nothing if self.filled < self.buffer.len() => return self.more(),
            Found::Nothing => self.ready = framer.followed(),
            Found::Broken(_) => self.state = State::Unframed,
        }
        if self.ready == 0 && self.state == State::Records {
            // A part longer than the buffer: no server writes one.
            self.state = State::Unframed;
        }
        Ok(())
    }
}

impl<R: Read> Read for Marked<R> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        if to.is_empty() {
            return Ok(0);
        }
        loop {
            if self.given < self.ready {
                let from = self.buffer.get(self.given..self.ready).unwrap_or_default();
                let count = from.len().min(to.len());
                if let (Some(to), Some(from)) = (to.get_mut(..count), from.get(..count)) {
                    to.copy_from_slice(from);
                }
                self.given = self.given.saturating_add(count);
                return Ok(count);
            }
            if self.given > 0 {
                self.compact();
            }
            match self.state {
                State::Whole => return Ok(0),
                State::Cut => {
                    let what = format!("truncated: the server closed the connection after {} bytes", self.total);
                    return Err(io::Error::new(io::ErrorKind::UnexpectedEof, what));
                }
                _ => self.step()?,
            }
        }
    }
}

#[cfg(test)]
mod tests;
