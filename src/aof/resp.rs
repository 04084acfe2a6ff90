//! The two lines RESP commands are made of, and whole commands in memory.
//!
//! What servers load is followed, and said where it is not as they write it: they read a line up to its LF and of it a number
//! as `strtol` does, and pass over the two bytes after an argument without looking at them (docs/aof-facts.md).

use crate::base::{Flaw, flaw};
use crate::keyspace::ArgSpan;

/// The longest line that a server reads a number from, with its LF; and the longest annotation.
pub(super) const LONGEST_LINE: usize = 1023;

/// What a line with a number comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Line {
    /// `*3\r\n`: the number, and the bytes of the line. `loose`: it is written as no server writes it.
    Number { value: u64, used: usize, loose: bool },
    /// The input ends inside it.
    More,
}

/// Reads `*3\r\n` or `$5\r\n`.
#[inline(always)]
#[allow(clippy::inline_always, reason = "four times in a command, in the one stage that is serial")]
pub(super) fn line(bytes: &[u8], mark: u8) -> Result<Line, Flaw> {
    let digit = |byte: u8| u64::from(byte.wrapping_sub(b'0'));
    let number = |value, used| Ok(Line::Number { value, used, loose: false });
    match bytes {
        [first, a @ b'0'..=b'9', b'\r', b'\n', ..] if *first == mark => number(digit(*a), 4),
        [first, a @ b'0'..=b'9', b @ b'0'..=b'9', b'\r', b'\n', ..] if *first == mark => {
            number(digit(*a).wrapping_mul(10).wrapping_add(digit(*b)), 5)
        }
        _ => long_line(bytes, mark),
    }
}

/// The same for any number of digits.
fn long_line(bytes: &[u8], mark: u8) -> Result<Line, Flaw> {
    let mut value = 0u64;
    for (at, byte) in bytes.iter().enumerate().take(12) {
        if at == 0 {
            if *byte != mark {
                return Err(wrong_mark(bytes, mark));
            }
            continue;
        }
        let digit = byte.wrapping_sub(b'0');
        if digit < 10 {
            value = value.wrapping_mul(10).wrapping_add(u64::from(digit));
            continue;
        }
        return match bytes.get(at..at.wrapping_add(2)) {
            Some(b"\r\n") if at > 1 => Ok(Line::Number { value, used: at.wrapping_add(2), loose: false }),
            _ => loose_line(bytes, mark),
        };
    }
    loose_line(bytes, mark)
}

/// As a server reads it: up to the LF, and of that the number it begins with.
#[cold]
fn loose_line(bytes: &[u8], mark: u8) -> Result<Line, Flaw> {
    let Some(end) = memchr::memchr(b'\n', bytes.get(..LONGEST_LINE).unwrap_or(bytes)) else {
        return if bytes.len() < LONGEST_LINE { Ok(Line::More) } else { Err(wrong_number(bytes, mark)) };
    };
    let text = bytes.get(1..end).unwrap_or_default().trim_ascii_start();
    let digits = text.strip_prefix(b"+").unwrap_or(text);
    let count = digits.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let number = digits.get(..count).and_then(|digits| std::str::from_utf8(digits).ok()?.parse::<u64>().ok());
    let most = if mark == b'*' { i32::MAX.unsigned_abs().into() } else { i64::MAX.unsigned_abs() };
    match number.filter(|number| *number <= most) {
        Some(value) => Ok(Line::Number { value, used: end.saturating_add(1), loose: true }),
        None => Err(wrong_number(bytes, mark)),
    }
}

#[cold]
fn wrong_mark(bytes: &[u8], mark: u8) -> Flaw {
    let (what, expected) = match mark {
        b'*' => ("command", "`*` and the number of arguments, or an annotation"),
        _ => ("argument", "`$` and the argument's length"),
    };
    Flaw::new("bad-byte", what, 0, expected, flaw::quote(bytes.get(..16).unwrap_or(bytes)))
}

#[cold]
fn wrong_number(bytes: &[u8], mark: u8) -> Flaw {
    let (what, expected) = match mark {
        b'*' => ("number of arguments", "digits and CRLF after `*`"),
        _ => ("length of an argument", "digits and CRLF after `$`"),
    };
    let end = memchr::memchr(b'\n', bytes.get(..32).unwrap_or(bytes)).map_or(16, |at| at.saturating_add(1));
    Flaw::new("bad-length", what, 0, expected, flaw::quote(bytes.get(..end).unwrap_or(bytes)))
}

/// What [`command`] found at the beginning of some bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scan {
    /// A whole command of so many bytes. `loose`: where the first line stands that is not as servers write it.
    Whole { used: usize, loose: Option<usize> },
    /// The input ends inside it.
    More,
}

/// Follows one command and says where its arguments stand. A flaw's place counts from the `*`.
#[inline]
pub(super) fn command(bytes: &[u8], spans: &mut Vec<ArgSpan>) -> Result<Scan, Flaw> {
    beginning(bytes, spans, u64::MAX)
}

/// The same of a command of which no more than so many arguments are wanted: one with more is never whole.
#[inline]
pub(super) fn beginning(bytes: &[u8], spans: &mut Vec<ArgSpan>, most: u64) -> Result<Scan, Flaw> {
    spans.clear();
    let Line::Number { value: count, used, loose: odd } = line(bytes, b'*')? else { return Ok(Scan::More) };
    if count == 0 {
        return Err(no_arguments(bytes));
    }
    let mut at = used;
    let mut loose = odd.then_some(0);
    for _ in 0..count.min(most) {
        let rest = bytes.get(at..).unwrap_or_default();
        let (length, used, odd) = match line(rest, b'$') {
            Ok(Line::Number { value, used, loose }) => (value, used, loose),
            Ok(Line::More) => return Ok(Scan::More),
            Err(flaw) => return Err(flaw.moved(at as u64)),
        };
        let start = at.saturating_add(used);
        let Some(end) = usize::try_from(length).ok().and_then(|length| start.checked_add(length)) else {
            return Ok(Scan::More);
        };
        let Some(ending) = bytes.get(end..end.saturating_add(2)) else { return Ok(Scan::More) };
        if (odd || ending != b"\r\n") && loose.is_none() {
            loose = Some(if odd { at } else { end });
        }
        spans.push(ArgSpan { at: start, held: end.saturating_sub(start), len: length });
        at = end.saturating_add(2);
    }
    Ok(if count > most { Scan::More } else { Scan::Whole { used: at, loose } })
}

/// Whether the beginning of a command, at which a log ends, may be one: a line that ends with the input is read by servers
/// as it is, unless it has its mark alone.
#[cold]
pub(super) fn unfinished(bytes: &[u8]) -> Result<(), Flaw> {
    if bytes.ends_with(b"*") || bytes.ends_with(b"$") {
        return Ok(());
    }
    let mut whole = bytes.to_vec();
    whole.extend_from_slice(b"\r\n");
    match command(&whole, &mut Vec::new()) {
        // What stands after the last byte is not the log's.
        Err(flaw) if flaw.kind().0 == "bad-length" => Err(flaw),
        _ => Ok(()),
    }
}

#[cold]
pub(super) fn no_arguments(bytes: &[u8]) -> Flaw {
    let found = flaw::quote(bytes.get(..6).unwrap_or(bytes));
    Flaw::new("bad-length", "number of arguments", 0, "at least 1", found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_commands_and_their_arguments() {
        let mut spans = Vec::new();
        let bytes = b"*2\r\n$3\r\nGET\r\n$2\r\na\n\r\n*1";
        let scan = command(bytes, &mut spans);
        assert_eq!(scan, Ok(Scan::Whole { used: 21, loose: None }));
        let args: Vec<_> = spans.iter().map(|span| &bytes[span.at..span.at + span.held]).collect();
        assert_eq!(args, [&b"GET"[..], b"a\n"]);
        for cut in 0..21 {
            assert_eq!(command(&bytes[..cut], &mut spans), Ok(Scan::More), "{cut}");
        }
    }

    #[test]
    fn what_is_no_command_is_said_where_it_stands() {
        let at = |bytes: &[u8]| command(bytes, &mut Vec::new()).expect_err("a flaw");
        assert_eq!(line(b"* 3 x\n", b'*'), Ok(Line::Number { value: 3, used: 6, loose: true }));
        assert_eq!((at(b"x2\r\n").kind().0, at(b"x2\r\n").at()), ("bad-byte", 0));
        assert_eq!(at(b"*x\r\n").kind().0, "bad-length");
        assert_eq!(at(b"*0\r\n").kind().0, "bad-length");
        assert_eq!(at(b"*99999999999999999999\r\n").kind().0, "bad-length");
        assert_eq!(at(b"*2\r\n$3\r\nGET\r\n+2\r\n").at(), 13);
    }

    #[test]
    fn the_two_bytes_after_an_argument_are_passed_over() {
        let scan = command(b"*1\r\n$4\r\nEXECxx", &mut Vec::new());
        assert_eq!(scan, Ok(Scan::Whole { used: 14, loose: Some(12) }));
    }
}
