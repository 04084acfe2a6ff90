//! Payloads as they were before they were stored, and whether they are still what they were.

use super::chunk::{Digested, Digesting, Pool, Shared, copy, damaged, fill, lost, spawn};
use super::crypt::{Identities, decrypt};
use super::packing::Packing;
use super::seal::Sealed;
use super::seek_table::{FOOT_BYTES, Foot, SeekTable};
use super::sniff::is_age;
use crate::base::{Error, ErrorKind, Result};
use crossbeam_channel::{Receiver, Sender, bounded};
use std::collections::VecDeque;
use std::io::{self, BufRead, BufReader, Read};
use std::ops::Range;
use std::sync::{Arc, Mutex};

const CHUNK_BYTES: usize = 256 << 10;
/// Most raw or packed bytes of a frame that is read by itself; longer ones are read as a stream.
const MOST_FRAME_BYTES: u32 = 16 << 20;
const MOST_THREADS: usize = 64;

/// The raw bytes of a stored payload, decrypted and decompressed on a thread of its own. With `expect`, both sides are hashed
/// on the way, and what differs is an error where the end would be: whoever reads to the end has the bytes that went in.
/// Memory: 4 MiB, and the window of the compressor, at most 128 MiB.
///
/// Where identities are given, the payload must be encrypted.
///
/// # Errors
/// [`ErrorKind::Crypto`]: it is encrypted, and no identity is given or fits. [`ErrorKind::Damaged`]: it is not encrypted, or
/// its header is damaged. [`ErrorKind::Io`]. While it is read, an [`io::Error`] from which [`Error::io`] makes one of these.
pub fn open_sealed(
    stored: Box<dyn Read + Send>,
    packing: Packing,
    identities: Option<&Identities>,
    expect: Option<&Sealed>,
) -> Result<Box<dyn Read + Send>> {
    let seen = Arc::new(Mutex::new(None));
    let digesting = expect.map(|_| Digesting::new(2)).transpose()?;
    let mut stored =
        Stored { inner: stored, pool: Pool::new(4), current: None, at: 0, digesting, seen: Arc::clone(&seen) };
    let head = stored.fill_buf().map_err(|error| Error::io("read the payload", error))?;
    let plain: Box<dyn BufRead + Send> = match identities {
        Some(_) if !is_age(head) => return Err(damaged("is not encrypted, and should be")),
        Some(identities) => Box::new(BufReader::with_capacity(CHUNK_BYTES, decrypt(Box::new(stored), identities)?)),
        None if is_age(head) => {
            let what = "is encrypted with age, and no identity was given".to_owned();
            return Err(Error::new(ErrorKind::Crypto { what }).with_hint("give one with --identity FILE"));
        }
        None => Box::new(stored),
    };
    let raw: Box<dyn Read + Send> = match packing {
        Packing::None => Box::new(plain),
        Packing::Gzip { .. } => Box::new(flate2::bufread::MultiGzDecoder::new(plain)),
        Packing::Zstd { .. } => {
            let set_up = |error| Error::io("set up the decompressor", error);
            let mut decoder = zstd::stream::read::Decoder::with_buffer(plain).map_err(set_up)?;
            decoder.window_log_max(27).map_err(set_up)?;
            Box::new(decoder)
        }
    };
    let digesting = expect.map(|_| Digesting::new(2)).transpose()?;
    let expect = expect.cloned();
    let (send, chunks) = bounded(4);
    spawn(move || {
        let ended = unpack(raw, packing, digesting, &send);
        let checked = ended.and_then(|raw| {
            let Some(expect) = expect else { return Ok(()) };
            let stored = seen.lock().ok().and_then(|mut seen| seen.take()).unwrap_or_else(|| Err(lost()))?;
            compare(&expect, &stored, &raw.ok_or_else(lost)?).map_err(io::Error::from)
        });
        let _ = send.send(Piece::End(checked));
    })?;
    Ok(Box::new(Pieces { source: chunks, current: None, at: 0, ended: None }))
}

/// Unpacks all of it; the hash of what came out, where it is made.
fn unpack(
    mut raw: Box<dyn Read + Send>,
    packing: Packing,
    mut digesting: Option<Digesting>,
    send: &Sender<Piece>,
) -> io::Result<Option<Digested>> {
    let pool = Pool::new(6);
    loop {
        let mut buffer = pool.buffer(CHUNK_BYTES);
        let length = fill(&mut *raw, &mut buffer).map_err(|error| undone(error, packing))?;
        if length > 0 {
            let chunk = pool.share(buffer, length);
            if let Some(digesting) = &mut digesting {
                digesting.update(&chunk);
            }
            if send.send(Piece::Bytes(chunk)).is_err() {
                return Err(lost());
            }
        }
        if length < CHUNK_BYTES {
            return digesting.map(Digesting::finish).transpose();
        }
    }
}

/// The error of a decoder in words of our own; those of the machine, and ours, stay.
fn undone(error: io::Error, packing: Packing) -> io::Error {
    let is_ours = Error::is_in(&error);
    if is_ours || error.raw_os_error().is_some() {
        return error;
    }
    let name = packing.name();
    match error.kind() {
        io::ErrorKind::UnexpectedEof => damaged(format!("the {name} stream is cut short")).into(),
        _ => damaged(format!("the {name} stream is damaged: {error}")).into(),
    }
}

fn compare(expect: &Sealed, stored: &Digested, raw: &Digested) -> Result<()> {
    let sides = [
        ("stored", (expect.stored_bytes, &expect.stored_sha256), stored),
        ("raw", (expect.raw_bytes, &expect.raw_sha256), raw),
    ];
    for (side, (bytes, sha256), found) in sides {
        if bytes != found.0 {
            return Err(damaged(format!("{} {side} bytes, recorded are {bytes}", found.0)));
        }
        if *sha256 != found.1 {
            return Err(damaged(format!(
                "the {side} bytes are not those recorded: SHA-256 {}, recorded is {sha256}",
                found.1
            )));
        }
    }
    Ok(())
}

/// The stored bytes, hashed as they are read. Errors of the store are told from those of decoders by being ours.
struct Stored {
    inner: Box<dyn Read + Send>,
    pool: Pool,
    current: Option<Shared>,
    at: usize,
    digesting: Option<Digesting>,
    /// What they were, when their end has been seen.
    seen: Arc<Mutex<Option<io::Result<Digested>>>>,
}

impl Read for Stored {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = copy(self.fill_buf()?, buffer);
        self.consume(count);
        Ok(count)
    }
}

impl BufRead for Stored {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.current.as_ref().is_none_or(|chunk| self.at >= chunk.len()) {
            self.current = None;
            self.at = 0;
            let mut buffer = self.pool.buffer(CHUNK_BYTES);
            let read = fill(&mut *self.inner, &mut buffer);
            let read = read.map_err(|error| Error::io("read the payload", error))?;
            let chunk = self.pool.share(buffer, read);
            if let Some(digesting) = &mut self.digesting
                && read > 0
            {
                digesting.update(&chunk);
            } else if let Some(digesting) = self.digesting.take()
                && let Ok(mut seen) = self.seen.lock()
            {
                *seen = Some(digesting.finish());
            }
            self.current = Some(chunk);
        }
        Ok(self.current.as_deref().and_then(|chunk| chunk.get(self.at..)).unwrap_or_default())
    }

    fn consume(&mut self, count: usize) {
        self.at = self.at.saturating_add(count);
    }
}

enum Piece {
    Bytes(Shared),
    End(io::Result<()>),
}

/// What gives the next piece.
trait Source {
    /// None: whoever should have said how it ends has gone.
    fn next(&mut self) -> Option<Piece>;
}

impl Source for Receiver<Piece> {
    fn next(&mut self) -> Option<Piece> {
        self.recv().ok()
    }
}

/// Reads pieces one after the other. It ends cleanly only where the source says so.
struct Pieces<S> {
    source: S,
    current: Option<Shared>,
    at: usize,
    /// How it ended, and whether that was clean.
    ended: Option<bool>,
}

impl<S: Source> Read for Pieces<S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while !buffer.is_empty() {
            if let Some(rest) = self.current.as_deref().and_then(|chunk| chunk.get(self.at..))
                && !rest.is_empty()
            {
                let count = copy(rest, buffer);
                self.at = self.at.saturating_add(count);
                return Ok(count);
            }
            match self.ended {
                Some(true) => return Ok(0),
                Some(false) => return Err(io::Error::other("reading the payload has failed before")),
                None => {}
            }
            self.current = None;
            self.at = 0;
            match self.source.next().unwrap_or_else(|| Piece::End(Err(lost()))) {
                Piece::Bytes(chunk) => self.current = Some(chunk),
                Piece::End(how) => {
                    self.ended = Some(how.is_ok());
                    how?;
                }
            }
        }
        Ok(0)
    }
}

/// Gives the bytes of a range of the stored payload.
type Get = dyn Fn(Range<u64>) -> Result<Box<dyn Read + Send>> + Send + Sync;

/// The raw bytes of a zstd payload that is not encrypted, its frames read and decompressed in parallel, in order. What has no
/// seek table, or longer frames than 16 MiB, is read as a stream. With `expect` as [`open_sealed`].
/// Memory: at most `threads + 4` frames, packed and raw: frames of a [`Sealer`](super::Sealer) are 8 MiB raw.
///
/// # Errors
/// [`ErrorKind::Damaged`]: a seek table that contradicts itself. Whatever `get` says. While it is read, as [`open_sealed`].
pub fn open_frames(
    get: impl Fn(Range<u64>) -> Result<Box<dyn Read + Send>> + Send + Sync + 'static,
    stored_bytes: u64,
    threads: usize,
    expect: Option<&Sealed>,
) -> Result<Box<dyn Read + Send>> {
    let get: Arc<Get> = Arc::new(get);
    let foot = range(&*get, stored_bytes.saturating_sub(FOOT_BYTES as u64)..stored_bytes)?;
    let as_stream = || open_sealed(get(0..stored_bytes)?, Packing::default(), None, expect);
    let Foot::Table(table_bytes) = Foot::parse(&foot) else { return as_stream() };
    let lies = || damaged("the seek table contradicts the payload");
    let from = stored_bytes.checked_sub(table_bytes as u64).ok_or_else(lies)?;
    let bytes = range(&*get, from..stored_bytes)?;
    let table = SeekTable::parse(&bytes, stored_bytes).ok_or_else(lies)?;
    if table.0.iter().any(|(packed, raw)| *packed.max(raw) > MOST_FRAME_BYTES) {
        return as_stream();
    }
    let threads = threads.clamp(1, MOST_THREADS);
    let ahead = threads.saturating_add(1);
    let (jobs, work) = bounded::<Job>(ahead);
    for _ in 0..threads {
        let (get, work) = (Arc::clone(&get), work.clone());
        let mut decompressor =
            zstd::bulk::Decompressor::new().map_err(|error| Error::io("set up the decompressor", error))?;
        let pools = (Pool::new(4), Pool::new(4));
        spawn(move || {
            for job in work {
                let done = frame(&*get, &job, &mut decompressor, &pools).map_err(io::Error::from);
                let _ = job.done.send(done);
            }
        })?;
    }
    let expect = match expect {
        Some(expect) => Some((expect.clone(), Digesting::new(1)?, Digesting::new(1)?)),
        None => None,
    };
    let length = bytes.len();
    let table_chunk = Pool::new(1).share(bytes, length);
    let rest = table.0.into_iter();
    let source = Frames { jobs, rest, at: 0, ahead, waiting: VecDeque::new(), expect, table: table_chunk };
    Ok(Box::new(Pieces { source, current: None, at: 0, ended: None }))
}

/// All bytes of a small range.
fn range(get: &Get, range: Range<u64>) -> Result<Vec<u8>> {
    let length = range.end.saturating_sub(range.start);
    let mut bytes = Vec::new();
    let read =
        get(range)?.take(length).read_to_end(&mut bytes).map_err(|error| Error::io("read the payload", error))?;
    if read as u64 == length { Ok(bytes) } else { Err(damaged("the payload is shorter than recorded")) }
}

struct Job {
    at: u64,
    packed: u32,
    raw: u32,
    done: Sender<io::Result<(Shared, Shared)>>,
}

/// One frame, packed and raw.
fn frame(
    get: &Get,
    job: &Job,
    decompressor: &mut zstd::bulk::Decompressor<'_>,
    pools: &(Pool, Pool),
) -> Result<(Shared, Shared)> {
    let (packed_bytes, raw_bytes) = (job.packed as usize, job.raw as usize);
    let mut packed = pools.0.buffer(packed_bytes);
    let room = packed.get_mut(..packed_bytes).unwrap_or_default();
    let mut reader = get(job.at..job.at.saturating_add(u64::from(job.packed)))?;
    let read = fill(&mut *reader, room).map_err(|error| Error::io("read the payload", error))?;
    let packed = pools.0.share(packed, read);
    let mut raw = pools.1.buffer(raw_bytes);
    let room = raw.get_mut(..raw_bytes).unwrap_or_default();
    let unpacked = decompressor.decompress_to_buffer(&packed, room);
    let wrong = |what: String| damaged(format!("the frame at {} is damaged: {what}", job.at));
    let unpacked = unpacked.map_err(|error| wrong(error.to_string()))?;
    if read != packed_bytes || unpacked != raw_bytes {
        return Err(wrong(format!("{unpacked} bytes are in it, the seek table says {raw_bytes}")));
    }
    Ok((packed, pools.1.share(raw, raw_bytes)))
}

/// Frames in their order, some of them ahead.
struct Frames {
    jobs: Sender<Job>,
    rest: std::vec::IntoIter<(u32, u32)>,
    at: u64,
    ahead: usize,
    waiting: VecDeque<Receiver<io::Result<(Shared, Shared)>>>,
    expect: Option<(Sealed, Digesting, Digesting)>,
    table: Shared,
}

impl Source for Frames {
    fn next(&mut self) -> Option<Piece> {
        while self.waiting.len() < self.ahead {
            let Some((packed, raw)) = self.rest.next() else { break };
            let (done, wait) = bounded(1);
            self.jobs.send(Job { at: self.at, packed, raw, done }).ok()?;
            self.at = self.at.saturating_add(u64::from(packed));
            self.waiting.push_back(wait);
        }
        let Some(wait) = self.waiting.pop_front() else {
            let Some((expect, mut stored, raw)) = self.expect.take() else { return Some(Piece::End(Ok(()))) };
            stored.update(&self.table);
            let checked = stored.finish().and_then(|stored| Ok(compare(&expect, &stored, &raw.finish()?)?));
            return Some(Piece::End(checked));
        };
        Some(match wait.recv().ok()? {
            Ok((packed, raw)) => {
                if let Some((_, stored, unpacked)) = &mut self.expect {
                    stored.update(&packed);
                    unpacked.update(&raw);
                }
                Piece::Bytes(raw)
            }
            Err(error) => Piece::End(Err(error)),
        })
    }
}
