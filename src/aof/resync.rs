//! The next command after damage: a log has no marks to find one's place by, so several commands in a row that a server
//! would take are the proof.
//!
//! A value that holds whole commands of its own looks the same: nothing in the bytes tells the two apart.

use super::framer::{annotated_time, annotation};
use super::resp::{self, Scan};
use crate::base::{Cancel, Error, ErrorKind, Result};
use crate::keyspace::command::Spec;
use crate::keyspace::{ArgSpan, Args};
use std::io::Read;

/// Commands in a row that are taken for a proof.
const IN_A_ROW: usize = 3;
/// Bytes that are read at once: few at first, for the next command is near as a rule, and damage may be everywhere.
const FIRST_WINDOW: u64 = 16 << 10;
const WINDOW: u64 = 1 << 20;
/// A command that is longer than this, or has more arguments, is taken for one by its beginning.
const LONGEST: usize = 2 << 20;
const MOST_ARGUMENTS: usize = 1024;
/// Annotations in a row that are a proof as well: servers write one.
const MOST_ANNOTATIONS: usize = 64;

/// Where reading goes on after damage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resync {
    /// Whether a command or an annotation was found; else the input ended.
    pub found: bool,
    /// Bytes passed over before it, or to the end.
    pub skipped: u64,
    /// Ends of lines among them.
    pub lines: u64,
    /// Whether a SELECT may have stood there: one is seen in them, or stretches of zero bytes, which hide everything.
    pub may_hide_select: bool,
    /// What was read on from there and not used.
    pub rest: Vec<u8>,
}

/// Passes over the first byte, where a command stands that cannot be followed, and reads on until another begins. What
/// it holds is bounded by 3 MiB. `torn`: the input seemed to end inside that command, which may be all there is to it.
///
/// # Errors
/// The reader fails, or the run was cancelled.
pub fn resync(reader: &mut dyn Read, torn: bool, cancel: &Cancel) -> Result<Resync> {
    let mut passed = Resync { found: false, skipped: 0, lines: 0, may_hide_select: false, rest: Vec::new() };
    let mut buffer = Vec::new();
    let mut hidden = Hidden::default();
    let mut ended = false;
    // Whether the buffer begins where a line does. What cannot be followed may lack its first byte.
    let mut at_line = false;
    let mut from = 1usize;
    let mut spans = Vec::new();
    let mut window = FIRST_WINDOW;
    loop {
        if cancel.is_cancelled() {
            return Err(Error::new(ErrorKind::Interrupted));
        }
        ended |= fill(reader, &mut buffer, window)?;
        window = window.saturating_mul(4).min(WINDOW);
        let candidate = loop {
            let Some(candidate) = next_line(&buffer, from, at_line) else { break None };
            match chain(buffer.get(candidate..).unwrap_or_default(), ended, torn, &mut spans) {
                Chain::Good => break Some((candidate, true)),
                // It must stand at the beginning of the buffer before more is read.
                Chain::More => break Some((candidate, false)),
                Chain::Bad => from = candidate.saturating_add(1),
            }
        };
        let rest = buffer.split_off(candidate.map_or(buffer.len(), |(at, _)| at));
        passed.skipped = passed.skipped.saturating_add(buffer.len() as u64);
        passed.lines = passed.lines.saturating_add(memchr::memchr_iter(b'\n', &buffer).count() as u64);
        hidden.see(&buffer);
        at_line = buffer.last().map_or(at_line, |last| *last == b'\n');
        buffer = rest;
        from = 0;
        passed.found = candidate.is_some_and(|(_, good)| good);
        if passed.found || (candidate.is_none() && ended) {
            passed.may_hide_select = hidden.select;
            passed.rest = buffer;
            return Ok(passed);
        }
    }
}

/// Whether a SELECT may have stood in damage: one is seen in it, or stretches of zero bytes, which hide everything.
pub fn may_hide_select(damage: &[u8]) -> bool {
    let mut hidden = Hidden::default();
    hidden.see(damage);
    hidden.select
}

/// Looks for a SELECT in what is passed over.
#[derive(Default)]
struct Hidden {
    select: bool,
    /// The end of the last bytes, in lower case.
    tail: Vec<u8>,
}

impl Hidden {
    fn see(&mut self, bytes: &[u8]) {
        const ZEROS: [u8; 16] = [0; 16];
        let mut all = std::mem::take(&mut self.tail);
        all.extend(bytes.iter().map(u8::to_ascii_lowercase));
        let holds = |what: &[u8]| memchr::memmem::find(&all, what).is_some();
        self.select = self.select || holds(b"select") || holds(&ZEROS);
        self.tail = all.split_off(all.len().saturating_sub(16));
    }
}

/// Reads more: true at the end.
fn fill(reader: &mut dyn Read, buffer: &mut Vec<u8>, most: u64) -> Result<bool> {
    let read = reader.take(most).read_to_end(buffer).map_err(|error| Error::io("read", error))?;
    Ok(read == 0)
}

/// The next place from here on where a line begins as commands and annotations do.
fn next_line(buffer: &[u8], from: usize, at_line: bool) -> Option<usize> {
    let mut at = from;
    loop {
        let found = memchr::memchr2(b'*', b'#', buffer.get(at..)?)?.saturating_add(at);
        let begins = match found.checked_sub(1) {
            Some(before) => buffer.get(before) == Some(&b'\n'),
            None => at_line,
        };
        if begins {
            return Some(found);
        }
        at = found.saturating_add(1);
    }
}

enum Chain {
    Good,
    Bad,
    More,
}

/// Whether commands that a server would take follow one another from here.
fn chain(bytes: &[u8], ended: bool, torn: bool, spans: &mut Vec<ArgSpan>) -> Chain {
    let mut at = 0usize;
    let mut good = 0usize;
    let mut annotations = 0usize;
    while good < IN_A_ROW && annotations < MOST_ANNOTATIONS {
        let rest = bytes.get(at..).unwrap_or_default();
        if rest.is_empty() {
            return unfinished(ended, torn, good);
        }
        if rest.first() == Some(&b'#') {
            let Some(line) = annotation(rest) else { return unfinished(ended, torn, good) };
            if annotated_time(line).is_none() {
                return Chain::Bad;
            }
            at = at.saturating_add(line.len());
            annotations = annotations.saturating_add(1);
            continue;
        }
        match resp::beginning(rest, spans, MOST_ARGUMENTS as u64) {
            Ok(Scan::Whole { loose: Some(_), .. }) | Err(_) => return Chain::Bad,
            Ok(Scan::Whole { used, loose: None }) => {
                if !is_known(&Args::new(rest, spans, spans.len() as u64), true) {
                    return Chain::Bad;
                }
                good = good.saturating_add(1);
                at = at.saturating_add(used);
            }
            Ok(Scan::More) => {
                let named = is_known(&Args::new(rest, spans, spans.len() as u64), false);
                if !spans.is_empty() && !named {
                    return Chain::Bad;
                }
                return match (named, bytes.len() >= LONGEST || spans.len() >= MOST_ARGUMENTS) {
                    _ if ended && torn => Chain::Bad,
                    (true, long) if long || good > 0 => Chain::Good,
                    (_, true) => Chain::Bad,
                    _ => unfinished(ended, torn, good),
                };
            }
        }
    }
    Chain::Good
}

/// Fewer commands than are a proof. At the end of the input they are taken for one, unless the end may be that of the
/// value they stand in.
fn unfinished(ended: bool, torn: bool, good: usize) -> Chain {
    match (ended, good) {
        (false, _) => Chain::More,
        (true, 0) => Chain::Bad,
        (true, _) if torn => Chain::Bad,
        (true, _) => Chain::Good,
    }
}

fn is_known(args: &Args<'_>, whole: bool) -> bool {
    Spec::lookup(args).is_some_and(|spec| !whole || spec.takes(args.count()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(bytes: &[u8]) -> &'static str {
        match chain(bytes, false, false, &mut Vec::new()) {
            Chain::Good => "good",
            Chain::Bad => "bad",
            Chain::More => "more",
        }
    }

    #[test]
    fn what_has_no_end_is_not_waited_for() {
        assert_eq!(judge(&b"#".repeat(1000)), "more");
        assert_eq!(judge(&b"#".repeat(1023)), "bad", "no annotation is longer");
        assert_eq!(judge(&b"#TS:1\r\n".repeat(63)), "more");
        assert_eq!(judge(&b"#TS:1\r\n".repeat(64)), "good");
        let many = |count: usize| [b"*9000\r\n$3\r\nDEL\r\n".as_slice(), &b"$1\r\nk\r\n".repeat(count)].concat();
        assert_eq!((judge(&many(1000)), judge(&many(1023))), ("more", "good"));
    }

    #[test]
    fn the_next_command_is_found_behind_anything() {
        let commands = b"*1\r\n$4\r\nPING\r\n".repeat(3);
        for damage in [b"x\n".to_vec(), b"#\n".repeat(40_000), b"\n*".repeat(40_000), vec![b'\n'; 3 << 20]] {
            let bytes = [damage.as_slice(), b"\n", &commands].concat();
            let found = resync(&mut bytes.as_slice(), false, &Cancel::default()).expect("it can be read");
            assert_eq!((found.found, found.skipped), (true, damage.len() as u64 + 1));
        }
    }
}
