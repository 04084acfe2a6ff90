//! A command that is too long to be held: its arguments are taken as they come. Of each the beginning is kept, and of their
//! number the first.

use super::framer::Start;
use super::resp::{self, Line};
use super::writes::Writes;
use crate::base::Flaw;
use crate::keyspace::command::Spec;
use crate::keyspace::{Arg, ArgSpan, Args};
use crate::rdb::Sink;

/// Arguments that are kept.
const MOST_KEPT: usize = 4096;
/// Longest argument that may be an option, a number or an id.
const MOST_WORD: u64 = 64;

/// A command in progress.
pub(super) struct Long {
    /// Longest argument that is held whole; and what is kept of all together.
    most: usize,
    count: u64,
    index: u64,
    /// The argument in progress.
    argument: Option<Argument>,
    kept: Vec<u8>,
    spans: Vec<ArgSpan>,
    bytes: u64,
    lines: u64,
    loose: Option<u64>,
    spec: Option<&'static Spec>,
    writing: bool,
    complete: bool,
}

#[derive(Debug, Clone, Copy)]
struct Argument {
    length: u64,
    seen: u64,
}

impl Long {
    pub(super) fn new(most: usize) -> Self {
        Self {
            most,
            count: 0,
            index: 0,
            argument: None,
            kept: Vec::new(),
            spans: Vec::new(),
            bytes: 0,
            lines: 0,
            loose: None,
            spec: None,
            writing: false,
            complete: false,
        }
    }

    pub(super) fn is_complete(&self) -> bool {
        self.complete
    }

    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(super) fn lines(&self) -> u64 {
        self.lines
    }

    pub(super) fn loose(&self) -> Option<u64> {
        self.loose
    }

    pub(super) fn spec(&self) -> Option<&'static Spec> {
        self.spec
    }

    pub(super) fn args(&self) -> Args<'_> {
        Args::new(&self.kept, &self.spans, self.count)
    }
}

/// What holds where the command stands.
pub(super) struct Place<'p> {
    pub(super) writes: &'p mut Writes,
    pub(super) now: &'p Start,
}

impl Long {
    /// Takes what is there: bytes taken. A flaw's place counts from the `*`.
    pub(super) fn feed<S: Sink>(&mut self, input: &[u8], place: &mut Place<'_>, sink: &mut S) -> Result<usize, Flaw> {
        let begun = self.bytes;
        let mut at = 0usize;
        while !self.complete {
            let rest = input.get(at..).unwrap_or_default();
            let used = self.step(rest, place, sink).map_err(|flaw| flaw.moved(self.bytes))?;
            if used == 0 {
                break;
            }
            at = at.saturating_add(used);
            self.bytes = begun.saturating_add(at as u64);
        }
        let taken = input.get(..at).unwrap_or_default();
        self.lines = self.lines.saturating_add(memchr::memchr_iter(b'\n', taken).count() as u64);
        Ok(at)
    }

    fn step<S: Sink>(&mut self, rest: &[u8], place: &mut Place<'_>, sink: &mut S) -> Result<usize, Flaw> {
        let Some(argument) = self.argument else {
            let mark = if self.count == 0 { b'*' } else { b'$' };
            let Line::Number { value, used, loose } = resp::line(rest, mark)? else { return Ok(0) };
            if loose && self.loose.is_none() {
                self.loose = Some(self.bytes);
            }
            if self.count == 0 {
                self.count = value;
                return if value == 0 { Err(resp::no_arguments(rest)) } else { Ok(used) };
            }
            self.argument = Some(Argument { length: value, seen: 0 });
            self.spans.push(ArgSpan { at: self.kept.len(), held: 0, len: value });
            return Ok(used);
        };
        if argument.seen < argument.length {
            return Ok(self.bytes_of(argument, rest, place, sink));
        }
        let Some(ending) = rest.get(..2) else { return Ok(0) };
        if ending != b"\r\n" && self.loose.is_none() {
            self.loose = Some(self.bytes);
        }
        // Nothing has been handed over of an argument without bytes.
        if argument.length == 0 {
            self.whole(&[], place, sink);
        }
        self.end_argument();
        Ok(2)
    }

    /// The next bytes of an argument: all of it at once if it may be held.
    fn bytes_of<S: Sink>(&mut self, argument: Argument, rest: &[u8], place: &mut Place<'_>, sink: &mut S) -> usize {
        let left = argument.length.saturating_sub(argument.seen);
        let have = usize::try_from(left).map_or(rest.len(), |left| left.min(rest.len()));
        let is_held = argument.length <= self.most as u64;
        if have == 0 || (is_held && (have as u64) < left) {
            return 0;
        }
        let bytes = rest.get(..have).unwrap_or_default();
        self.keep(bytes);
        if is_held {
            self.whole(bytes, place, sink);
        } else {
            if self.writing {
                place.writes.piece(self.index, argument.seen, argument.length, bytes, sink);
            }
            if have as u64 == left {
                self.handed_over(Arg { head: &[], len: argument.length }, place, sink);
            }
        }
        self.argument = Some(Argument { seen: argument.seen.saturating_add(have as u64), ..argument });
        have
    }

    fn whole<S: Sink>(&mut self, bytes: &[u8], place: &mut Place<'_>, sink: &mut S) {
        self.handed_over(Arg { head: bytes, len: bytes.len() as u64 }, place, sink);
    }

    fn handed_over<S: Sink>(&mut self, arg: Arg<'_>, place: &mut Place<'_>, sink: &mut S) {
        // A subcommand says more than the name alone.
        if self.index < 2 && self.spec.is_none() {
            self.spec = Spec::lookup(&self.args());
            if let Some(spec) = self.spec.filter(|_| sink.wants_writes()) {
                self.writing = true;
                place.writes.begin(spec, self.count, place.now);
            }
        }
        if self.writing {
            place.writes.arg(self.index, arg, sink);
        }
    }

    /// Keeps the beginning of an argument, while there is room for it.
    fn keep(&mut self, bytes: &[u8]) {
        if self.spans.len() > MOST_KEPT {
            return;
        }
        let room = self.most.saturating_mul(2).saturating_sub(self.kept.len());
        let Some(span) = self.spans.last_mut() else { return };
        // Options after a long value say when it expires; for words there is always room.
        let room = if span.len <= MOST_WORD { bytes.len() } else { room };
        let kept = bytes.get(..room.min(self.most.saturating_sub(span.held))).unwrap_or(bytes);
        self.kept.extend_from_slice(kept);
        span.held = span.held.saturating_add(kept.len());
    }

    fn end_argument(&mut self) {
        self.argument = None;
        self.index = self.index.saturating_add(1);
        self.complete = self.index == self.count;
        if self.spans.len() > MOST_KEPT {
            self.spans.pop();
        }
    }
}
