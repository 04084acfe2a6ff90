//! Payloads as they are stored: compressed, then encrypted, and hashed on both sides, in one pass.
//!
//! ```text
//! raw ─► feeder ─┬─► SHA-256 of the raw bytes
//!                └─► workers: a frame each ─► in order ─► encrypt ─┬─► SHA-256 of the stored bytes
//!                                             + seek table         └─► whoever reads
//! ```

use super::chunk::{Digested, Digesting, Pool, Shared, copy, fill, lost, spawn};
use super::crypt::{Encrypting, Recipients};
use super::packing::{Packer, Packing};
use super::seek_table::SeekTable;
use crate::base::{Error, Result};
use crossbeam_channel::{Receiver, Sender, bounded};
use std::io::{self, Read};

/// Raw bytes of a frame. Every frame begins with an empty window: with 4 MiB, dumps whose values repeat each other from afar
/// took up to 8 % more than as one frame; with 8 MiB less than 2 % (`zstd:3`).
pub(super) const FRAME_BYTES: usize = 8 << 20;
/// Bytes that pass at once where nothing is compressed.
const PLAIN_BYTES: usize = 1 << 20;
const MOST_THREADS: usize = 256;

/// How a payload is sealed.
#[derive(Debug, Clone, Copy, Default)]
pub struct SealOptions<'a> {
    /// How it is compressed.
    pub packing: Packing,
    /// How many threads compress; at least one does.
    pub threads: usize,
    /// Whom it is encrypted to; none: it is not.
    pub recipients: Option<&'a Recipients>,
}

/// What went in, and what came out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sealed {
    /// Bytes before compression.
    pub raw_bytes: u64,
    /// SHA-256 of them, in lower-case hexadecimal.
    pub raw_sha256: String,
    /// Bytes as they are stored.
    pub stored_bytes: u64,
    /// SHA-256 of them, in lower-case hexadecimal.
    pub stored_sha256: String,
}

/// What comes next, in the order of the raw bytes.
enum Next {
    /// So many raw bytes, which come when they are packed.
    Frame(u32, Receiver<io::Result<Shared>>),
    /// The raw bytes have ended.
    End(Digested),
    /// They could not be read.
    Failed(io::Error),
}

struct Job {
    chunk: Shared,
    done: Sender<io::Result<Shared>>,
}

/// Gives the stored bytes of a payload to whoever reads from it.
///
/// Compressed are frames of 8 MiB, `threads` at a time; zstd gets a seek table after them. The bytes are the same for any number
/// of threads, unless they are encrypted: then no two runs are alike. Memory: at most `2 × (threads + 5)` frames, of which two
/// threads were seen to need 90 MB, and what the compressor needs per thread (3 MiB at `zstd:3`, 80 MiB at `zstd:19`).
pub struct Sealer {
    frames: Receiver<Next>,
    table: Option<SeekTable>,
    encrypting: Option<Encrypting>,
    /// None where the stored bytes are the raw ones: their hash is made already.
    digesting: Option<Digesting>,
    stored: Pool,
    current: Option<Shared>,
    at: usize,
    state: State,
}

enum State {
    Frames,
    /// All is out; what is left is to say what it was.
    Closing(Digested),
    Done(Sealed),
    Failed,
}

impl Sealer {
    /// Begins to read `raw`, on a thread of its own. Dropped before its end, it lets go of `raw` when the read it is in
    /// comes back.
    ///
    /// # Errors
    /// [`ErrorKind::Io`](crate::base::ErrorKind::Io): no thread, no memory for the compressor.
    /// [`ErrorKind::Crypto`](crate::base::ErrorKind::Crypto): none of the recipients is usable.
    pub fn new(raw: Box<dyn Read + Send>, how: &SealOptions<'_>) -> Result<Self> {
        let threads = how.threads.clamp(1, MOST_THREADS);
        let encrypting = how.recipients.map(Encrypting::new).transpose()?;
        let ahead = threads.saturating_add(1);
        let (order, frames) = bounded(ahead);
        let packed = Pool::new(ahead);
        let jobs = if how.packing == Packing::None {
            None
        } else {
            let (jobs, work) = bounded::<Job>(ahead);
            for _ in 0..threads {
                let packer = Packer::new(how.packing).map_err(|error| Error::io("set up the compressor", error))?;
                let (work, packed) = (work.clone(), packed.clone());
                if let Some(packer) = packer {
                    spawn(move || pack(packer, &work, &packed))?;
                }
            }
            Some(jobs)
        };
        let is_plain = jobs.is_none() && encrypting.is_none();
        let digesting = if is_plain { None } else { Some(Digesting::new(1)?) };
        let digesting_raw = Digesting::new(1)?;
        spawn(move || feed(raw, jobs.as_ref(), digesting_raw, &order))?;
        let table = matches!(how.packing, Packing::Zstd { .. }).then(SeekTable::default);
        let (stored, state) = (Pool::new(4), State::Frames);
        Ok(Self { frames, table, encrypting, digesting, stored, current: None, at: 0, state })
    }

    /// What was sealed; none before the end has been read.
    pub fn sealed(&self) -> Option<Sealed> {
        match &self.state {
            State::Done(sealed) => Some(sealed.clone()),
            _ => None,
        }
    }

    /// The next stored bytes; none at the end.
    fn next(&mut self) -> io::Result<Option<Shared>> {
        loop {
            match &self.state {
                State::Done(_) => return Ok(None),
                State::Failed => return Err(io::Error::other("sealing has failed before")),
                State::Closing(raw) => {
                    let (raw_bytes, raw_sha256) = raw.clone();
                    let stored = self.digesting.take().map(Digesting::finish).transpose()?;
                    let (stored_bytes, stored_sha256) = stored.unwrap_or_else(|| (raw_bytes, raw_sha256.clone()));
                    self.state = State::Done(Sealed { raw_bytes, raw_sha256, stored_bytes, stored_sha256 });
                }
                State::Frames => {
                    if let Some(chunk) = self.next_of_frames()? {
                        if let Some(digesting) = &mut self.digesting {
                            digesting.update(&chunk);
                        }
                        return Ok(Some(chunk));
                    }
                }
            }
        }
    }

    /// What comes next of frames, table and encryption; none where nothing has come out of it yet, or all has.
    fn next_of_frames(&mut self) -> io::Result<Option<Shared>> {
        match self.frames.recv().map_err(|_| lost())? {
            Next::Frame(raw, packed) => {
                let packed = packed.recv().map_err(|_| lost())??;
                if let Some(table) = &mut self.table {
                    table.0.push((u32::try_from(packed.len()).map_err(io::Error::other)?, raw));
                }
                let Some(encrypting) = &mut self.encrypting else { return Ok(Some(packed)) };
                encrypting.push(&packed)?;
                Ok(self.encrypted())
            }
            Next::Failed(error) => Err(error),
            Next::End(raw) => {
                self.state = State::Closing(raw);
                let table = self.table.take().map(|table| {
                    let bytes = table.to_bytes().ok_or_else(|| io::Error::other("too long for a seek table"))?;
                    let length = bytes.len();
                    Ok::<_, io::Error>(self.stored.share(bytes, length))
                });
                let table = table.transpose()?;
                let Some(encrypting) = &mut self.encrypting else {
                    return Ok(table);
                };
                if let Some(table) = table {
                    encrypting.push(&table)?;
                }
                encrypting.finish()?;
                Ok(self.encrypted())
            }
        }
    }

    fn encrypted(&mut self) -> Option<Shared> {
        let encrypting = self.encrypting.as_mut()?;
        let mut room = self.stored.buffer(0);
        room.clear();
        let bytes = encrypting.take(room);
        let length = bytes.len();
        (length > 0).then(|| self.stored.share(bytes, length))
    }
}

impl Read for Sealer {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while !buffer.is_empty() {
            if let Some(rest) = self.current.as_deref().and_then(|chunk| chunk.get(self.at..))
                && !rest.is_empty()
            {
                let count = copy(rest, buffer);
                self.at = self.at.saturating_add(count);
                return Ok(count);
            }
            self.at = 0;
            self.current = None;
            match self.next() {
                Ok(None) => return Ok(0),
                Ok(next) => self.current = next,
                Err(error) => {
                    self.state = State::Failed;
                    return Err(error);
                }
            }
        }
        Ok(0)
    }
}

/// Packs until there is nothing more to do.
fn pack(mut packer: Packer, work: &Receiver<Job>, pool: &Pool) {
    for job in work {
        let packed = packer.pack(&job.chunk, pool);
        drop(job.chunk);
        // Nobody may be waiting any more.
        let _ = job.done.send(packed);
    }
}

/// Cuts the raw bytes into chunks, and hands each to its hash and to whoever packs it.
fn feed(mut raw: Box<dyn Read + Send>, jobs: Option<&Sender<Job>>, mut digesting: Digesting, order: &Sender<Next>) {
    let pool = Pool::new(4);
    let room = if jobs.is_some() { FRAME_BYTES } else { PLAIN_BYTES };
    let mut is_first = true;
    loop {
        let mut buffer = pool.buffer(room);
        let length = match fill(&mut *raw, &mut buffer) {
            Ok(length) => length,
            Err(error) => {
                let _ = order.send(Next::Failed(error));
                return;
            }
        };
        // Nothing at all is one frame of nothing: something that any program takes for a file of its kind.
        if length > 0 || (is_first && jobs.is_some()) {
            is_first = false;
            let chunk = pool.share(buffer, length);
            digesting.update(&chunk);
            let (done, packed) = bounded(1);
            // What is longer than a chunk there is not.
            let raw_bytes = u32::try_from(length).unwrap_or(u32::MAX);
            if order.send(Next::Frame(raw_bytes, packed)).is_err() {
                return;
            }
            let handed = match jobs {
                Some(jobs) => jobs.send(Job { chunk, done }).is_ok(),
                None => done.send(Ok(chunk)).is_ok(),
            };
            if !handed {
                return;
            }
        }
        if length < room {
            let end = digesting.finish().map_or_else(Next::Failed, Next::End);
            let _ = order.send(end);
            return;
        }
    }
}
