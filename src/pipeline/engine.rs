//! One thread frames, workers parse.
//!
//! ```text
//! Stream ─► buffer ─► Framer ─► whole records ─► any worker
//!                          └──► a record larger than a buffer, in portions ─► the worker that owns it
//! ```
//! At most two batches per worker are in flight, and buffers are used again, so memory does not depend on the input. One
//! worker means no threads. What workers hand back is delivered in the order of the file.

use super::scope::{Ended, Prologue, Tally};
use crate::base::{Cancel, Error, ErrorKind, Flaw, Result};
use crate::codec::unpack_flaw;
use crate::encoding::crc64::Crc64;
use crate::rdb::{Config, Counters, Found, Framer, HEADER_BYTES, Header, Parser, Sink, Start};
use crossbeam_channel::{Receiver, Sender, bounded, unbounded};
use std::collections::BTreeMap;
use std::io::{self, Read};

/// What works on items: an analyzer's side of a worker.
pub(super) trait Task: Sink + Send {
    /// What it hands back after each batch, in the order of the file.
    type Out: Send;
    /// Takes what has come together since the last call.
    fn flush(&mut self) -> Option<Self::Out>;
    /// What went wrong on its own side: a full disk.
    fn error(&mut self) -> Option<Error>;
}

/// Why a stretch of bytes ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// More records follow.
    Goes,
    /// The record in progress goes on in the next portion.
    Continued,
    /// The input stops here, or its framing breaks: the parser says which and where.
    Broken,
}

/// Bytes of one buffer.
struct Portion {
    buffer: Vec<u8>,
    length: usize,
    end: End,
}

enum Job {
    Whole { number: u64, start: Start, portion: Portion },
    Giant { number: u64, start: Start, portions: Receiver<Portion> },
}

/// What a worker did.
struct Done<O> {
    number: u64,
    out: Option<O>,
    last: bool,
}

/// One worker: a parser and what listens to it.
struct Worker<T: Task> {
    parser: Option<Parser>,
    config: Config,
    task: T,
    carry: Vec<u8>,
    truncated: bool,
}

impl<T: Task> Worker<T> {
    fn new(config: Config, task: T) -> Self {
        Self { parser: None, config, task, carry: Vec::new(), truncated: false }
    }

    fn begin(&mut self, start: Start) {
        match &mut self.parser {
            Some(parser) => parser.restart(start),
            None => self.parser = Some(Parser::new(self.config.clone(), start)),
        }
        self.carry.clear();
    }

    fn feed(&mut self, portion: &Portion) -> Result<()> {
        let Some(parser) = &mut self.parser else { return Ok(()) };
        let bytes = portion.buffer.get(..portion.length).unwrap_or_default();
        if self.carry.is_empty() {
            let used = parser.feed(bytes, &mut self.task);
            self.carry.extend_from_slice(bytes.get(used..).unwrap_or_default());
        } else {
            self.carry.extend_from_slice(bytes);
            let used = parser.feed(&self.carry, &mut self.task);
            self.carry.drain(..used.min(self.carry.len()));
        }
        // Whole records leave nothing; if they do, framer and parser disagree, and the input is broken there.
        let ends = portion.end == End::Broken || (portion.end == End::Goes && !self.carry.is_empty());
        if ends && parser.end(&self.carry, &mut self.task) {
            self.truncated = true;
        }
        match parser.take_error().or_else(|| self.task.error()) {
            Some(error) => Err(error),
            None => Ok(()),
        }
    }

    fn counters(&self) -> Counters {
        self.parser.as_ref().map(Parser::counters).unwrap_or_default()
    }
}

/// Where the framing thread sends its batches.
trait Dispatch<T: Task> {
    fn send(&mut self, start: impl FnOnce() -> Start, portion: Portion) -> Result<()>;
    fn buffer(&mut self) -> Vec<u8>;
}

/// All in this thread.
struct Inline<'d, T: Task> {
    worker: Worker<T>,
    inside: bool,
    spare: Option<Vec<u8>>,
    deliver: &'d mut dyn FnMut(T::Out) -> Result<()>,
}

impl<T: Task> Dispatch<T> for Inline<'_, T> {
    fn send(&mut self, start: impl FnOnce() -> Start, portion: Portion) -> Result<()> {
        if !self.inside {
            self.worker.begin(start());
        }
        self.inside = portion.end == End::Continued;
        self.worker.feed(&portion)?;
        self.spare = Some(portion.buffer);
        self.worker.task.flush().map_or(Ok(()), &mut *self.deliver)
    }

    fn buffer(&mut self) -> Vec<u8> {
        self.spare.take().unwrap_or_default()
    }
}

/// Workers in threads of their own.
struct Threads<'d, T: Task> {
    jobs: Sender<Job>,
    giant: Option<Sender<Portion>>,
    done: Receiver<Result<Done<T::Out>>>,
    empty: Receiver<Vec<u8>>,
    next: u64,
    ordered: Ordered<'d, T::Out>,
}

impl<T: Task> Threads<'_, T> {
    /// Sends, and takes what workers hand back while it waits.
    fn send_or_take<M>(&mut self, to: &Sender<M>, mut message: M) -> Result<()> {
        use crossbeam_channel::TrySendError;
        loop {
            while let Ok(done) = self.done.try_recv() {
                self.ordered.take(done?)?;
            }
            message = match to.try_send(message) {
                Ok(()) => return Ok(()),
                Err(TrySendError::Full(message)) => message,
                Err(TrySendError::Disconnected(_)) => {
                    return Err(Error::new(ErrorKind::Unsupported { what: "a worker stopped unexpectedly".into() }));
                }
            };
            // The channel is full, so a worker will finish something.
            match self.done.recv() {
                Ok(done) => self.ordered.take(done?)?,
                Err(_) => {
                    return Err(Error::new(ErrorKind::Unsupported { what: "the workers stopped unexpectedly".into() }));
                }
            }
        }
    }
}

impl<T: Task> Dispatch<T> for Threads<'_, T> {
    fn send(&mut self, start: impl FnOnce() -> Start, portion: Portion) -> Result<()> {
        let goes_on = portion.end == End::Continued;
        let jobs = self.jobs.clone();
        if self.giant.is_none() && goes_on {
            let (send, portions) = bounded(2);
            let job = Job::Giant { number: self.next, start: start(), portions };
            self.next = self.next.saturating_add(1);
            self.giant = Some(send);
            self.send_or_take(&jobs, job)?;
            let giant = self.giant.clone();
            return giant.map_or(Ok(()), |giant| self.send_or_take(&giant, portion));
        }
        if let Some(giant) = self.giant.clone() {
            if !goes_on {
                self.giant = None;
            }
            return self.send_or_take(&giant, portion);
        }
        let job = Job::Whole { number: self.next, start: start(), portion };
        self.next = self.next.saturating_add(1);
        self.send_or_take(&jobs, job)
    }

    fn buffer(&mut self) -> Vec<u8> {
        self.empty.try_recv().unwrap_or_default()
    }
}

/// Puts what workers hand back into the order of the file.
struct Ordered<'d, O> {
    next: u64,
    waiting: BTreeMap<u64, Vec<Done<O>>>,
    deliver: &'d mut dyn FnMut(O) -> Result<()>,
}

impl<O> Ordered<'_, O> {
    fn take(&mut self, done: Done<O>) -> Result<()> {
        self.waiting.entry(done.number).or_default().push(done);
        while let Some(ready) = self.waiting.remove(&self.next) {
            let mut complete = false;
            for done in ready {
                complete |= done.last;
                if let Some(out) = done.out {
                    (self.deliver)(out)?;
                }
            }
            if !complete {
                break;
            }
            self.next = self.next.saturating_add(1);
        }
        Ok(())
    }
}

fn work<T: Task>(
    worker: &mut Worker<T>,
    jobs: &Receiver<Job>,
    done: &Sender<Result<Done<T::Out>>>,
    empty: &Sender<Vec<u8>>,
) {
    let step = |worker: &mut Worker<T>, number, portion: Portion, last| -> bool {
        let outcome = worker.feed(&portion);
        let _ = empty.send(portion.buffer);
        let message = outcome.map(|()| Done { number, out: worker.task.flush(), last });
        let failed = message.is_err();
        done.send(message).is_ok() && !failed
    };
    for job in jobs {
        match job {
            Job::Whole { number, start, portion } => {
                worker.begin(start);
                if !step(worker, number, portion, true) {
                    return;
                }
            }
            Job::Giant { number, start, portions } => {
                worker.begin(start);
                for portion in portions {
                    let last = portion.end != End::Continued;
                    if !step(worker, number, portion, last) {
                        return;
                    }
                }
            }
        }
    }
}

/// Runs one stream through tasks, one per worker, and gives them back with what was found outside the records. The tasks
/// are made when it is known what stands before the keys.
pub(super) fn drive<T: Task>(
    input: &mut dyn Read,
    config: &Config,
    cancel: &Cancel,
    threads: usize,
    tasks: impl FnOnce(&Prologue) -> Vec<T>,
    deliver: &mut dyn FnMut(T::Out) -> Result<()>,
) -> Result<(Vec<T>, Prologue, Tally)> {
    let mut feed = Feed::new(input, cancel, config.limits.batch_bytes.max(4096));
    let mut buffer = feed.buffer(Vec::new());
    feed.fill(&mut buffer)?;
    let mut tally = Tally::default();
    let header = match Header::parse(buffer.bytes()) {
        Ok(header) => header,
        Err(flaw) => {
            tally.ended = if flaw.kind().0 == "truncated" || flaw.kind().0 == "empty" {
                Ended::Truncated
            } else {
                Ended::NotAnRdb
            };
            tally.header_flaw = Some(flaw);
            let more = feed.drain(&mut tally)?;
            tally.bytes = more.saturating_add(buffer.filled as u64);
            return Ok((tasks(&Prologue::default()), Prologue::default(), tally));
        }
    };
    buffer.remove_front(HEADER_BYTES);
    feed.fill(&mut buffer)?;
    let prologue = Prologue::read(header, buffer.bytes(), config);
    let mut tasks = tasks(&prologue);
    let longest = config.limits.string_bytes;
    if threads <= 1 {
        let Some(task) = tasks.pop() else { return Ok((tasks, prologue, tally)) };
        let mut inline = Inline { worker: Worker::new(config.clone(), task), inside: false, spare: None, deliver };
        frame(&mut feed, header, buffer, &mut inline, longest, &mut tally)?;
        tally.take(inline.worker.counters(), inline.worker.truncated);
        return Ok((vec![inline.worker.task], prologue, tally));
    }
    let mut workers: Vec<_> = tasks.into_iter().map(|task| Worker::new(config.clone(), task)).collect();
    let outcome = std::thread::scope(|scope| {
        let (jobs, take) = bounded(workers.len());
        let (done_send, done) = unbounded();
        let (empty_send, empty) = unbounded();
        for worker in &mut workers {
            let (take, done, empty) = (take.clone(), done_send.clone(), empty_send.clone());
            scope.spawn(move || work(worker, &take, &done, &empty));
        }
        drop((done_send, take, empty_send));
        let ordered = Ordered { next: 0, waiting: BTreeMap::new(), deliver };
        let mut threads = Threads::<T> { jobs, giant: None, done, empty, next: 0, ordered };
        frame(&mut feed, header, buffer, &mut threads, longest, &mut tally)?;
        let Threads { jobs, giant, done, mut ordered, .. } = threads;
        drop((jobs, giant));
        done.iter().try_for_each(|done| ordered.take(done?))
    });
    outcome?;
    for worker in &workers {
        tally.take(worker.counters(), worker.truncated);
    }
    Ok((workers.into_iter().map(|worker| worker.task).collect(), prologue, tally))
}

/// The serial stage: from the header to the end of the input.
fn frame<T: Task>(
    feed: &mut Feed<'_>,
    header: Header,
    mut buffer: Buffer,
    to: &mut impl Dispatch<T>,
    longest: usize,
    tally: &mut Tally,
) -> Result<()> {
    let mut framer = Framer::new(header, longest);
    let mut crc = Crc64::new();
    crc.update(&header.bytes());
    let mut offset = HEADER_BYTES as u64;
    let mut summed = 0usize;
    loop {
        let start = framer.start(offset);
        let found = framer.follow(buffer.bytes());
        let followed = framer.followed();
        if header.has_checksum() {
            crc.update(buffer.bytes().get(summed..followed).unwrap_or_default());
        }
        let (cut, end) = match found {
            Found::Eof(cut) => (cut, End::Goes),
            // At the end of the input what is left over belongs to the last batch: the parser says what it lacks.
            Found::Records(cut) if !feed.ended => (cut, End::Goes),
            // What the framer has not followed it must see again.
            Found::Nothing if !feed.ended => (followed, End::Continued),
            _ => (buffer.filled, End::Broken),
        };
        let mut rest = feed.buffer(to.buffer());
        rest.set(buffer.bytes().get(cut..).unwrap_or_default());
        if cut > 0 || end == End::Broken {
            to.send(|| start, Portion { buffer: buffer.all, length: cut, end })?;
        }
        buffer = rest;
        offset = offset.saturating_add(cut as u64);
        framer.moved(cut);
        summed = followed.saturating_sub(cut);
        if matches!(found, Found::Eof(_)) {
            // What stands first in the buffer now is the EOF opcode.
            buffer.remove_front(1);
            return feed.finish(header, crc.value(), offset.saturating_add(1), buffer, tally);
        }
        if end == End::Broken {
            tally.ended = if matches!(found, Found::Broken(_)) { Ended::Broken } else { Ended::Truncated };
            tally.bytes = offset.saturating_add(feed.drain(tally)?);
            return Ok(());
        }
        if cut == 0 {
            // A part that the framer wants whole may be as long as the buffer: at most a string that is held whole.
            feed.full = feed.full.saturating_mul(2);
            buffer.all.resize(feed.full, 0);
        }
        feed.fill(&mut buffer)?;
    }
}

/// Bytes that were read, at the beginning of memory that is used again and so is not cleared.
struct Buffer {
    all: Vec<u8>,
    filled: usize,
}

impl Buffer {
    fn bytes(&self) -> &[u8] {
        self.all.get(..self.filled).unwrap_or_default()
    }

    fn remove_front(&mut self, count: usize) {
        let count = count.min(self.filled);
        self.all.copy_within(count..self.filled, 0);
        self.filled -= count;
    }

    fn set(&mut self, bytes: &[u8]) {
        self.filled = bytes.len();
        if let Some(to) = self.all.get_mut(..bytes.len()) {
            to.copy_from_slice(bytes);
        }
    }
}

/// Reads whole buffers, so that where the input was cut makes no difference.
struct Feed<'i> {
    input: &'i mut dyn Read,
    cancel: &'i Cancel,
    full: usize,
    ended: bool,
    unpack_flaw: Option<Flaw>,
}

impl<'i> Feed<'i> {
    fn new(input: &'i mut dyn Read, cancel: &'i Cancel, full: usize) -> Self {
        Self { input, cancel, full, ended: false, unpack_flaw: None }
    }

    /// A buffer of full size, made of one that was used before.
    fn buffer(&self, mut all: Vec<u8>) -> Buffer {
        all.resize(self.full, 0);
        Buffer { all, filled: 0 }
    }

    /// Fills the rest of the buffer, up to its full size or the end of the input.
    fn fill(&mut self, buffer: &mut Buffer) -> Result<()> {
        if self.cancel.is_cancelled() {
            return Err(Error::new(ErrorKind::Interrupted));
        }
        while buffer.filled < buffer.all.len() && !self.ended {
            match self.input.read(buffer.all.get_mut(buffer.filled..).unwrap_or_default()) {
                Ok(0) => self.ended = true,
                Ok(read) => buffer.filled = buffer.filled.saturating_add(read),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    let Some(flaw) = unpack_flaw(&error) else { return Err(Error::io("read", error)) };
                    self.unpack_flaw = Some(flaw.clone());
                    self.ended = true;
                }
            }
        }
        Ok(())
    }

    /// After the EOF opcode: the checksum, and whatever follows.
    fn finish(&mut self, header: Header, crc: u64, offset: u64, mut tail: Buffer, tally: &mut Tally) -> Result<()> {
        tally.ended = Ended::Complete;
        let mut at = offset;
        self.fill(&mut tail)?;
        if header.has_checksum() {
            tally.computed = Some(crc);
            let Some((stored, _)) = tail.bytes().split_first_chunk() else {
                tally.ended = Ended::NoChecksum { have: tail.filled as u64 };
                tally.bytes = at.saturating_add(tail.filled as u64);
                return self.drain(tally).map(|_| ());
            };
            tally.stored = Some(u64::from_le_bytes(*stored));
            tail.remove_front(8);
            at = at.saturating_add(8);
        }
        tally.trailing_head = tail.bytes().get(..64).unwrap_or(tail.bytes()).to_vec();
        tally.trailing_bytes = (tail.filled as u64).saturating_add(self.drain(tally)?);
        tally.bytes = at.saturating_add(tally.trailing_bytes);
        Ok(())
    }

    /// Reads to the end, for the hashes and the count: how many bytes that was.
    fn drain(&mut self, tally: &mut Tally) -> Result<u64> {
        let mut count = 0u64;
        let mut buffer = self.buffer(Vec::new());
        while !self.ended {
            buffer.filled = 0;
            self.fill(&mut buffer)?;
            count = count.saturating_add(buffer.filled as u64);
        }
        tally.unpack_flaw = self.unpack_flaw.take();
        Ok(count)
    }
}
