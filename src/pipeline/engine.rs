//! One thread frames, workers parse.
//!
//! ```text
//! Stream ─► buffer ─► Framer ─► whole records, or commands of a log ─► any worker
//!                          └──► one that is larger than a buffer, in portions ─► the worker that owns it
//! ```
//! A log may stand alone or after an RDB, its preamble. After damage in a log, reading goes on at the next command that is
//! one beyond doubt.
//!
//! At most two batches per worker are in flight, and buffers are used again, so memory does not depend on the input. One
//! worker means no threads. What workers hand back is delivered in the order of the file.

use super::feed::{Buffer, Feed};
use super::log::{begins_as_rdb, frame_log, is_log};
use super::scope::{Ended, Prologue, Tally};
use crate::aof;
use crate::base::{Cancel, Error, ErrorKind, Result};
use crate::encoding::crc64::Crc64;
use crate::rdb::{self, Config, Counters, Found, Framer, HEADER_BYTES, Header, Sink};
use crate::source::{Again, Stream};
use crossbeam_channel::{Receiver, Sender, bounded, unbounded};
use std::collections::BTreeMap;

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
pub(super) enum End {
    /// More records follow.
    Goes,
    /// The record in progress goes on in the next portion.
    Continued,
    /// The input stops here, or its framing breaks: the parser says which and where.
    Broken,
}

/// Bytes of one buffer.
pub(super) struct Portion {
    pub(super) buffer: Vec<u8>,
    pub(super) length: usize,
    pub(super) end: End,
}

/// What a parser must know to begin a batch.
pub(super) enum Start {
    /// Records of an RDB.
    Records(rdb::Start),
    /// Commands of a log.
    Commands(aof::Start),
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

/// One worker: its parsers and what listens to them.
struct Worker<T: Task> {
    records: Option<rdb::Parser>,
    commands: Option<aof::Parser>,
    in_log: bool,
    config: Config,
    task: T,
    carry: Vec<u8>,
    truncated: bool,
}

impl<T: Task> Worker<T> {
    fn new(config: Config, task: T) -> Self {
        Self { records: None, commands: None, in_log: false, config, task, carry: Vec::new(), truncated: false }
    }

    fn begin(&mut self, start: Start) {
        self.carry.clear();
        self.in_log = matches!(start, Start::Commands(_));
        match start {
            Start::Records(start) => match &mut self.records {
                Some(parser) => parser.restart(start),
                None => self.records = Some(rdb::Parser::new(self.config.clone(), start)),
            },
            Start::Commands(start) => match &mut self.commands {
                Some(parser) => parser.restart(start),
                None => self.commands = Some(aof::Parser::new(self.config.clone(), start)),
            },
        }
    }

    fn parse(&mut self, bytes: &[u8]) -> usize {
        match (self.in_log, &mut self.records, &mut self.commands) {
            (false, Some(parser), _) => parser.feed(bytes, &mut self.task),
            (true, _, Some(parser)) => parser.feed(bytes, &mut self.task),
            _ => bytes.len(),
        }
    }

    fn feed(&mut self, portion: &Portion) -> Result<()> {
        let bytes = portion.buffer.get(..portion.length).unwrap_or_default();
        if self.carry.is_empty() {
            let used = self.parse(bytes);
            self.carry.extend_from_slice(bytes.get(used..).unwrap_or_default());
        } else {
            let mut carry = std::mem::take(&mut self.carry);
            carry.extend_from_slice(bytes);
            let used = self.parse(&carry);
            carry.drain(..used.min(carry.len()));
            self.carry = carry;
        }
        // Whole records leave nothing; if they do, framer and parser disagree, and the input is broken there.
        let ends = portion.end == End::Broken || (portion.end == End::Goes && !self.carry.is_empty());
        if ends {
            self.truncated |= match (self.in_log, &mut self.records, &mut self.commands) {
                (false, Some(parser), _) => parser.end(&self.carry, &mut self.task),
                (true, _, Some(parser)) => parser.end(&self.carry, &mut self.task),
                _ => false,
            };
        }
        let broken = self.records.as_mut().and_then(rdb::Parser::take_error);
        let broken = broken.or_else(|| self.commands.as_mut().and_then(aof::Parser::take_error));
        match broken.or_else(|| self.task.error()) {
            Some(error) => Err(error),
            None => Ok(()),
        }
    }

    fn counters(&self) -> Counters {
        let mut counters = self.records.as_ref().map(rdb::Parser::counters).unwrap_or_default();
        counters.add(&self.commands.as_ref().map(aof::Parser::counters).unwrap_or_default());
        counters
    }
}

/// Where the framing thread sends its batches.
pub(super) trait Dispatch<T: Task> {
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
    /// Batches that may be ahead of the one that is delivered next: one worker that is held up does not let the others
    /// fill the memory.
    most_ahead: u64,
    ordered: Ordered<'d, T::Out>,
}

impl<T: Task> Threads<'_, T> {
    /// Waits until another batch may begin.
    fn make_room(&mut self) -> Result<()> {
        while self.next.saturating_sub(self.ordered.next) >= self.most_ahead {
            match self.done.recv() {
                Ok(done) => self.ordered.take(done?)?,
                Err(_) => {
                    return Err(Error::new(ErrorKind::Unsupported { what: "the workers stopped unexpectedly".into() }));
                }
            }
        }
        Ok(())
    }

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
        if self.giant.is_none() {
            self.make_room()?;
        }
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
    stream: &mut Stream,
    config: &Config,
    cancel: &Cancel,
    threads: usize,
    tasks: impl FnOnce(&Prologue) -> Vec<T>,
    deliver: &mut dyn FnMut(T::Out) -> Result<()>,
) -> Result<(Vec<T>, Prologue, Tally)> {
    let again = stream.again();
    let part = stream.part();
    let expects_log = stream.expects_log();
    let mut feed = Feed::new(stream, cancel, config.limits.batch_bytes.max(4096));
    let mut buffer = feed.buffer(Vec::new());
    feed.fill(&mut buffer)?;
    let mut tally = Tally { expects_log, ..Tally::default() };
    let header = match Header::parse(buffer.bytes()) {
        Ok(header) => Some(header),
        Err(_) if is_log(buffer.bytes()) || (expects_log && !begins_as_rdb(buffer.bytes())) => None,
        Err(flaw) => {
            tally.ended = if flaw.kind().0 == "truncated" || flaw.kind().0 == "empty" {
                Ended::Truncated
            } else {
                Ended::NotAnRdb
            };
            tally.header_flaw = Some(flaw);
            tally.head = buffer.bytes().get(..1024).unwrap_or(buffer.bytes()).to_vec();
            let more = feed.drain(&mut tally)?;
            tally.bytes = more.saturating_add(buffer.filled as u64);
            let prologue = Prologue { part, ..Prologue::default() };
            return Ok((tasks(&prologue), prologue, tally));
        }
    };
    let mut prologue = Prologue { part, ..Prologue::default() };
    if let Some(header) = header {
        buffer.remove_front(HEADER_BYTES);
        feed.fill(&mut buffer)?;
        prologue.read(header, buffer.bytes(), config);
    }
    let mut tasks = tasks(&prologue);
    let says_log = prologue.says_log_follows();
    let input = Input { header, buffer, again, longest: config.limits.string_bytes, expects_log, says_log };
    if threads <= 1 {
        let Some(task) = tasks.pop() else { return Ok((tasks, prologue, tally)) };
        let mut inline = Inline { worker: Worker::new(config.clone(), task), inside: false, spare: None, deliver };
        frame(&mut feed, input, &mut inline, &mut tally)?;
        tally.take(inline.worker.counters(), inline.worker.truncated);
        return Ok((vec![inline.worker.task], prologue, tally));
    }
    let mut workers: Vec<_> = tasks.into_iter().map(|task| Worker::new(config.clone(), task)).collect();
    let workers_count = workers.len();
    let outcome = std::thread::scope(|scope| {
        let (jobs, take) = bounded(workers_count);
        let (done_send, done) = unbounded();
        let (empty_send, empty) = unbounded();
        for worker in &mut workers {
            let (take, done, empty) = (take.clone(), done_send.clone(), empty_send.clone());
            scope.spawn(move || work(worker, &take, &done, &empty));
        }
        drop((done_send, take, empty_send));
        let ordered = Ordered { next: 0, waiting: BTreeMap::new(), deliver };
        let most_ahead = (workers_count as u64).saturating_mul(2);
        let mut threads = Threads::<T> { jobs, giant: None, done, empty, next: 0, most_ahead, ordered };
        frame(&mut feed, input, &mut threads, &mut tally)?;
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

/// What the serial stage begins with.
struct Input {
    /// None of a log without a preamble.
    header: Option<Header>,
    /// What follows the header.
    buffer: Buffer,
    /// Opens the input a second time, where that can be done.
    again: Option<Again>,
    longest: usize,
    /// Whatever stands after an RDB is a log, and so is nothing.
    expects_log: bool,
    /// Whatever stands after this RDB is a log.
    says_log: bool,
}

/// The serial stage: from the header to the end of the input.
fn frame<T: Task>(feed: &mut Feed<'_>, input: Input, to: &mut impl Dispatch<T>, tally: &mut Tally) -> Result<()> {
    let Input { header, buffer, again, longest, expects_log, says_log } = input;
    feed.expects_log = expects_log;
    feed.says_log = says_log;
    let Some(header) = header else {
        return frame_log(feed, aof::Start::of_log(0, 1), buffer, again.as_ref(), to, tally);
    };
    let Some(log) = frame_records(feed, header, buffer, to, longest, tally)? else { return Ok(()) };
    // Lines are an editor's: the preamble has some, too, by chance. They are counted where the log begins.
    frame_log(feed, log.0, log.1, again.as_ref(), to, tally)
}

/// The records of an RDB; and the log that follows them, if one does.
fn frame_records<T: Task>(
    feed: &mut Feed<'_>,
    header: Header,
    mut buffer: Buffer,
    to: &mut impl Dispatch<T>,
    longest: usize,
    tally: &mut Tally,
) -> Result<Option<(aof::Start, Buffer)>> {
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
            to.send(|| Start::Records(start), Portion { buffer: buffer.all, length: cut, end })?;
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
            return Ok(None);
        }
        if cut == 0 {
            // A part that the framer wants whole may be as long as the buffer: at most a string that is held whole.
            feed.full = feed.full.saturating_mul(2);
            buffer.all.resize(feed.full, 0);
        }
        feed.fill(&mut buffer)?;
    }
}
