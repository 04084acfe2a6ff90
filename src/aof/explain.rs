//! What a stretch of damage was: if one changed byte makes it a whole command again, that command was lost and no other.

use super::framer::annotation;
use super::resp::{self, Line, Scan};
use crate::keyspace::command::Spec;
use crate::keyspace::{ArgSpan, Args};
use std::collections::BTreeSet;

/// A stretch of so many bytes is looked into, not a longer one.
pub const LONGEST_EXPLAINED: u64 = 16 << 20;
/// Bytes of a suspected line that are tried.
const TRIED: usize = 24;
/// What an attempt costs that comes to nothing: its flaw is worded. And an argument that is passed over.
const ATTEMPT: u64 = 256;
const ARGUMENT: u64 = 16;
/// Lines that are suspected from either end.
const MOST_SUSPECTS: usize = 64;

/// A command that one changed byte had made unreadable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explained {
    /// The bytes as they must have been: commands and annotations, all of them whole.
    pub bytes: Vec<u8>,
    /// Where the damaged one begins.
    pub at: usize,
    /// Its length. What follows it had been swallowed.
    pub len: usize,
    /// Its arguments; none of an annotation.
    pub spans: Vec<ArgSpan>,
}

impl Explained {
    /// Its arguments.
    pub fn args(&self) -> Args<'_> {
        Args::new(self.bytes.get(self.at..).unwrap_or_default(), &self.spans, self.spans.len() as u64)
    }
}

/// The command that `damage` is but for one byte of its lines; none if there is none, or the damage is longer than
/// [`LONGEST_EXPLAINED`]. What changed inside a value cannot be seen, and is no damage here. Where a changed length leaves a
/// choice, it is the one with the most commands. It may be an annotation that has swallowed the next command's first line.
///
/// `work` is what may be done yet, about a byte that is read in an attempt each; at 0 nothing is explained any more.
pub fn explain(damage: &[u8], work: &mut u64) -> Option<Explained> {
    if damage.len() as u64 > LONGEST_EXPLAINED {
        return None;
    }
    let mut bytes = damage.to_vec();
    let mut tried = BTreeSet::new();
    for start in suspects(damage) {
        let mut best: Option<(usize, u8, Whole)> = None;
        for at in start..start.saturating_add(TRIED).min(bytes.len()) {
            let Some(original) = bytes.get(at).copied().filter(|_| tried.insert(at)) else { continue };
            for other in *b"*$\r\n0123456789" {
                if other == original {
                    continue;
                }
                put(&mut bytes, at, other);
                let whole = commands(&bytes, at, work);
                if let Some(whole) = whole.filter(|whole| best.as_ref().is_none_or(|best| whole.items > best.2.items)) {
                    best = Some((at, other, whole));
                }
            }
            put(&mut bytes, at, original);
        }
        if let Some((at, byte, whole)) = best {
            put(&mut bytes, at, byte);
            return Some(Explained { bytes, at: whole.at, len: whole.len, spans: whole.spans });
        }
    }
    None
}

/// Where a changed byte may stand, the likeliest first: where what is read is no longer as servers write it, the lines
/// before that, and the first line.
fn suspects(bytes: &[u8]) -> Vec<usize> {
    let mut spans = Vec::new();
    let stopped = match resp::command(bytes, &mut spans) {
        Err(flaw) => usize::try_from(flaw.at()).ok(),
        Ok(_) => None,
    };
    let mut odd: Vec<_> = stopped.into_iter().collect();
    let mut lines = Vec::new();
    let mut at = memchr::memchr(b'\n', bytes).map_or(0, |end| end.saturating_add(1));
    for span in &spans {
        let end = span.at.saturating_add(span.held);
        let strict =
            matches!(resp::line(bytes.get(at..).unwrap_or_default(), b'$'), Ok(Line::Number { loose: false, .. }));
        if odd.len() < MOST_SUSPECTS {
            odd.extend((!strict).then_some(at));
            odd.extend((bytes.get(end..end.saturating_add(2)) != Some(b"\r\n")).then_some(end));
        }
        lines.push(at);
        at = end.saturating_add(2);
    }
    lines.push(at);
    odd.extend(lines.iter().rev().take(2).chain([&0]));
    odd.extend(lines.iter().rev().take(MOST_SUSPECTS).chain(lines.iter().take(MOST_SUSPECTS)));
    odd
}

fn put(bytes: &mut [u8], at: usize, byte: u8) {
    if let Some(place) = bytes.get_mut(at) {
        *place = byte;
    }
}

/// Commands and annotations of which some bytes consist.
struct Whole {
    items: usize,
    /// The one with the changed byte.
    at: usize,
    len: usize,
    spans: Vec<ArgSpan>,
}

/// The commands of which the bytes consist, if a server would take them all; `changed` is a place in one of them.
/// Annotations may stand among them.
fn commands(bytes: &[u8], changed: usize, work: &mut u64) -> Option<Whole> {
    *work = work.checked_sub(ATTEMPT)?;
    let mut whole = Whole { items: 0, at: 0, len: 0, spans: Vec::new() };
    let mut spans = Vec::new();
    let mut at = 0usize;
    while at < bytes.len() {
        let rest = bytes.get(at..)?;
        spans.clear();
        let used = if rest.starts_with(b"#") {
            annotation(rest)?.len()
        } else {
            let scan = resp::command(rest, &mut spans);
            *work = work.checked_sub((spans.len() as u64).saturating_mul(ARGUMENT))?;
            let Ok(Scan::Whole { used, loose: None }) = scan else { return None };
            let args = Args::new(rest, &spans, spans.len() as u64);
            Spec::lookup(&args).filter(|spec| spec.takes(args.count()))?;
            used
        };
        let next = at.saturating_add(used);
        if (at..next).contains(&changed) {
            (whole.at, whole.len, whole.spans) = (at, used, std::mem::take(&mut spans));
        }
        whole.items = whole.items.saturating_add(1);
        at = next;
    }
    Some(whole)
}

/// The same commands as servers write them; none if the bytes are not whole commands, one or more.
pub fn rewritten(bytes: &[u8]) -> Option<Vec<u8>> {
    let (mut all, mut spans) = (Vec::new(), Vec::new());
    let mut rest = bytes;
    loop {
        let Ok(Scan::Whole { used, .. }) = resp::command(rest, &mut spans) else { return None };
        all.append(&mut written(Args::new(rest, &spans, spans.len() as u64).iter().map(|arg| arg.head)));
        rest = rest.get(used..)?;
        if rest.is_empty() {
            return Some(all);
        }
    }
}

/// Hands over the whole commands that bytes begin with, each with its place and length, up to the first that is none.
/// Annotations are passed over.
pub fn each_command(bytes: &[u8], mut see: impl FnMut(u64, u64, &Args<'_>)) {
    let mut at = 0usize;
    let mut spans = Vec::new();
    while let Some(rest) = bytes.get(at..) {
        let used = if rest.starts_with(b"#") {
            annotation(rest).map_or(0, <[u8]>::len)
        } else {
            let Ok(Scan::Whole { used, .. }) = resp::command(rest, &mut spans) else { return };
            see(at as u64, used as u64, &Args::new(rest, &spans, spans.len() as u64));
            used
        };
        if used == 0 {
            return;
        }
        at = at.saturating_add(used);
    }
}

/// Bytes of the annotations that a stretch begins and ends with.
pub fn annotations_around(bytes: &[u8]) -> (u64, u64) {
    let mut head = 0usize;
    while let Some(line) = bytes.get(head..).filter(|rest| rest.starts_with(b"#")).and_then(annotation) {
        let end = head.saturating_add(line.len());
        // The first line of a command, its first byte changed, or swallowed by an annotation without an end.
        if bytes.get(end) == Some(&b'$') {
            break;
        }
        head = end;
    }
    let mut end = bytes.len();
    while let Some(before) = bytes.get(head..end).and_then(|rest| rest.strip_suffix(b"\r\n")) {
        let start = memchr::memrchr(b'\n', before).map_or(0, |at| at.saturating_add(1));
        if !before.get(start..).unwrap_or_default().starts_with(b"#TS:") {
            break;
        }
        end = head.saturating_add(start);
    }
    (head as u64, bytes.len().saturating_sub(end) as u64)
}

/// A command as servers write it.
pub fn written<'a>(args: impl Iterator<Item = &'a [u8]>) -> Vec<u8> {
    let mut body = Vec::new();
    let mut count = 0u64;
    for arg in args {
        count = count.saturating_add(1);
        body.extend_from_slice(format!("${}\r\n", arg.len()).as_bytes());
        body.extend_from_slice(arg);
        body.extend_from_slice(b"\r\n");
    }
    let mut whole = format!("*{count}\r\n").into_bytes();
    whole.append(&mut body);
    whole
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_changed_byte_of_a_line_is_explained() {
        let command = written([&b"HSET"[..], b"h", b"field", b"a value of 23 bytes, say", b"f2", b""].into_iter());
        let mut spans = Vec::new();
        resp::command(&command, &mut spans).expect("a command");
        let in_value = |at: usize| spans.iter().any(|span| (span.at..span.at + span.held).contains(&at));
        for at in (0..command.len()).filter(|at| !in_value(*at)) {
            for flip in [1u8, 4, 16, 128] {
                let mut damaged = command.clone();
                damaged[at] ^= flip;
                if resp::command(&damaged, &mut Vec::new()).is_err() {
                    let explained = explain(&damaged, &mut 1_000_000).map(|found| found.bytes);
                    assert_eq!(explained.as_ref(), Some(&command), "byte {at} ^ {flip}");
                }
            }
        }
    }

    #[test]
    fn damage_of_two_bytes_is_not_explained() {
        assert_eq!(explain(b"x3\r\n$3\r\nSET\r\n$1\r\nk\r\nx1\r\nv\r\n", &mut 1_000_000), None);
        assert_eq!(explain(b"", &mut 1_000_000), None);
        assert_eq!(explain(&[0; 64], &mut 1_000_000), None);
    }
}
