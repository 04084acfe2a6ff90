//! Buffers that several threads read at once, and that are used again when the last of them is done: fresh memory costs more
//! than copying into memory that is there.

use crate::base::{Error, ErrorKind, Result};
use crossbeam_channel::{Receiver, Sender, bounded};
use sha2::Digest;
use std::io::{self, Read};
use std::ops::Deref;
use std::sync::Arc;
use std::thread::JoinHandle;

/// Buffers that are free.
#[derive(Clone)]
pub(super) struct Pool {
    free: Receiver<Vec<u8>>,
    back: Sender<Vec<u8>>,
}

impl Pool {
    /// Keeps at most so many buffers that nobody uses.
    pub(super) fn new(spare: usize) -> Self {
        let (back, free) = bounded(spare);
        Self { free, back }
    }

    /// A buffer of at least this length, with anything in it.
    pub(super) fn buffer(&self, length: usize) -> Vec<u8> {
        let mut buffer = self.free.try_recv().unwrap_or_default();
        if buffer.len() < length {
            buffer.resize(length, 0);
        }
        buffer
    }

    /// The first bytes of a buffer, to be read by many.
    pub(super) fn share(&self, buffer: Vec<u8>, length: usize) -> Shared {
        let length = length.min(buffer.len());
        Shared(Arc::new(Chunk { buffer, length, back: self.back.clone() }))
    }
}

struct Chunk {
    buffer: Vec<u8>,
    length: usize,
    back: Sender<Vec<u8>>,
}

impl Drop for Chunk {
    fn drop(&mut self) {
        let _ = self.back.try_send(std::mem::take(&mut self.buffer));
    }
}

/// Bytes that many hold, whose buffer goes back when nobody does.
#[derive(Clone)]
pub(super) struct Shared(Arc<Chunk>);

impl Deref for Shared {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.0.buffer.get(..self.0.length).unwrap_or_default()
    }
}

/// Reads until the buffer is full or the reader at its end.
pub(super) fn fill(reader: &mut dyn Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0usize;
    while let Some(room) = buffer.get_mut(filled..).filter(|room| !room.is_empty()) {
        match reader.read(room) {
            Ok(0) => break,
            Ok(read) => filled = filled.saturating_add(read),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

/// Copies what fits; says how much.
pub(super) fn copy(from: &[u8], to: &mut [u8]) -> usize {
    let count = from.len().min(to.len());
    if let (Some(from), Some(to)) = (from.get(..count), to.get_mut(..count)) {
        to.copy_from_slice(from);
    }
    count
}

/// Starts a thread, and says so where the system has none left.
pub(super) fn spawn<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<JoinHandle<T>> {
    std::thread::Builder::new().spawn(work).map_err(|error| Error::io("start a thread", error))
}

/// What a thread that has gone without a word leaves behind.
pub(super) fn lost() -> io::Error {
    io::Error::other("a thread has ended before its work was done")
}

/// Bytes that are not what they should be.
pub(super) fn damaged(what: impl Into<String>) -> Error {
    Error::new(ErrorKind::Damaged { what: what.into() })
}

/// SHA-256 and length of chunks, on a thread of its own.
pub(super) struct Digesting {
    chunks: Sender<Shared>,
    thread: JoinHandle<sha2::Sha256>,
    bytes: u64,
}

/// Length and SHA-256, in lower-case hexadecimal.
pub(super) type Digested = (u64, String);

impl Digesting {
    /// Of nothing yet. So many chunks may wait while one is hashed.
    pub(super) fn new(waiting: usize) -> Result<Self> {
        let (chunks, receive) = bounded::<Shared>(waiting);
        let thread = spawn(move || {
            let mut hash = sha2::Sha256::new();
            for chunk in receive {
                hash.update(&*chunk);
            }
            hash
        })?;
        Ok(Self { chunks, thread, bytes: 0 })
    }

    pub(super) fn update(&mut self, chunk: &Shared) {
        self.bytes = self.bytes.saturating_add(chunk.len() as u64);
        // A thread that has gone is noticed at the end.
        let _ = self.chunks.send(chunk.clone());
    }

    pub(super) fn finish(self) -> io::Result<Digested> {
        drop(self.chunks);
        let hash = self.thread.join().map_err(|_| lost())?;
        Ok((self.bytes, hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()))
    }
}
