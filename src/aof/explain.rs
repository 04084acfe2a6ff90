//! What a stretch of damage was: if one changed byte makes it a whole command again, that command was lost and no other.

use super::framer::annotation;
use super::resp::{self, Scan};
use crate::keyspace::command::Spec;
use crate::keyspace::{ArgSpan, Args};

/// A stretch of so many bytes is looked into, not a longer one.
pub const LONGEST_EXPLAINED: u64 = 16 << 20;
/// Bytes of the lines around the damage that are tried.
const TRIED: usize = 24;

/// A command that one changed byte had made unreadable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explained {
    /// The bytes as they must have been.
    pub bytes: Vec<u8>,
    /// How many of them are the command; whole commands follow that it had swallowed.
    pub first: usize,
    /// Its arguments.
    pub spans: Vec<ArgSpan>,
}

impl Explained {
    /// Its arguments.
    pub fn args(&self) -> Args<'_> {
        Args::new(&self.bytes, &self.spans, self.spans.len() as u64)
    }
}

/// The command that `damage` is but for one byte of its lines; none if there is none, or the damage is longer than
/// [`LONGEST_EXPLAINED`]. What changed inside a value cannot be seen, and is no damage here.
pub fn explain(damage: &[u8]) -> Option<Explained> {
    if damage.len() as u64 > LONGEST_EXPLAINED {
        return None;
    }
    let mut bytes = damage.to_vec();
    let mut spans = Vec::new();
    let broken = match resp::command(&bytes, &mut spans) {
        Ok(_) => bytes.len(),
        Err(flaw) => usize::try_from(flaw.at()).ok()?,
    };
    // The line that cannot be read; the length before it, which led there; the number of arguments.
    let mut starts = vec![broken, 0];
    if let Some(last) = spans.last() {
        let before = bytes.get(..last.at)?;
        starts.push(memchr::memrchr(b'$', before).unwrap_or_default());
    }
    for start in starts {
        for at in start..start.saturating_add(TRIED).min(bytes.len()) {
            let Some(original) = bytes.get(at).copied() else { break };
            for other in *b"*$\r\n0123456789" {
                if other == original {
                    continue;
                }
                put(&mut bytes, at, other);
                if let Some(first) = commands(&bytes, &mut spans) {
                    return Some(Explained { bytes, first, spans });
                }
            }
            put(&mut bytes, at, original);
        }
    }
    None
}

fn put(bytes: &mut [u8], at: usize, byte: u8) {
    if let Some(place) = bytes.get_mut(at) {
        *place = byte;
    }
}

/// The length of the first of some commands, of which the bytes consist and that a server would take. Its arguments stand
/// in `spans`.
fn commands(bytes: &[u8], spans: &mut Vec<ArgSpan>) -> Option<usize> {
    let mut others = Vec::new();
    let mut first = None;
    let mut at = 0usize;
    while at < bytes.len() {
        let spans = if first.is_none() { &mut *spans } else { &mut others };
        let rest = bytes.get(at..)?;
        let Ok(Scan::Whole { used, loose: None }) = resp::command(rest, spans) else { return None };
        let args = Args::new(rest, spans, spans.len() as u64);
        Spec::lookup(&args).filter(|spec| spec.takes(args.count()))?;
        first = first.or(Some(used));
        at = at.saturating_add(used);
    }
    first
}

/// The same command as servers write it; none if the bytes are not one whole command.
pub fn rewritten(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut spans = Vec::new();
    let Ok(Scan::Whole { .. }) = resp::command(bytes, &mut spans) else { return None };
    Some(written(Args::new(bytes, &spans, spans.len() as u64).iter().map(|arg| arg.head)))
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
                    let explained = explain(&damaged).map(|found| found.bytes);
                    assert_eq!(explained.as_ref(), Some(&command), "byte {at} ^ {flip}");
                }
            }
        }
    }

    #[test]
    fn damage_of_two_bytes_is_not_explained() {
        assert_eq!(explain(b"x3\r\n$3\r\nSET\r\n$1\r\nk\r\nx1\r\nv\r\n"), None);
        assert_eq!(explain(b""), None);
        assert_eq!(explain(&[0; 64]), None);
    }
}
