//! Strings that PHP serialized, where they hold something that is encoded itself.

use super::piece::{Carry, Out, Run};
use super::{Decoder, likely};

/// By so many bytes it is seen whether a text was serialized: sessions begin with the name of their first variable.
const HEAD: usize = 64;
/// `s:123456789:` and its quote.
const LENGTH: usize = 13;
/// Bytes of a string that are looked at.
const PROBE: usize = 24;

#[derive(Debug, Default)]
enum Mode {
    #[default]
    Unknown,
    Other,
    Search,
    /// So many bytes of a string are left.
    Inside(Run, u64),
}

#[derive(Debug, Default)]
pub(super) struct Php {
    carry: Carry,
    mode: Mode,
}

impl Php {
    pub(super) fn reset(&mut self) {
        self.carry.clear();
        self.mode = Mode::Unknown;
    }

    pub(super) fn feed(&mut self, new: &[u8], at: u64, last: bool, out: Out<'_>) {
        if !matches!(self.mode, Mode::Other) {
            let Self { carry, mode } = self;
            carry.with(new, at, |bytes, from| work(mode, bytes, from, last, out));
        }
    }
}

/// Whether bytes begin with the letter of a kind, a colon and a digit.
fn is_serialized(bytes: &[u8], kinds: &[u8]) -> bool {
    matches!(bytes, [kind, b':', digit, ..] if kinds.contains(kind) && digit.is_ascii_digit())
}

fn is_encoded(bytes: &[u8]) -> bool {
    let json = match bytes {
        [b'{', rest @ ..] => matches!(rest.trim_ascii_start(), [b'"', ..]),
        [b'[', rest @ ..] => matches!(rest.trim_ascii_start(), [b'"' | b'{' | b'[', ..]),
        _ => false,
    };
    // What stands apart from what is around it, as the line of a cron table does.
    let apart = matches!(bytes, [b'\n' | b'\t' | b'\r', ..]);
    json || apart || is_serialized(bytes, b"aOCs") || likely::is_known(bytes)
}

fn work(mode: &mut Mode, bytes: &[u8], from: u64, last: bool, out: Out<'_>) -> usize {
    let mut at = 0;
    loop {
        match mode {
            Mode::Unknown => {
                if bytes.len() < HEAD && !last {
                    return 0;
                }
                let head = bytes.get(..HEAD).unwrap_or(bytes);
                let serialized = (0..head.len()).any(|at| is_serialized(head.get(at..).unwrap_or_default(), b"aOCs"));
                *mode = if serialized { Mode::Search } else { Mode::Other };
            }
            Mode::Other => return bytes.len(),
            Mode::Search => {
                let rest = bytes.get(at..).unwrap_or_default();
                let Some(quote) = memchr::memmem::find(rest, b":\"") else {
                    return if last { bytes.len() } else { at.max(bytes.len().saturating_sub(LENGTH)) };
                };
                let before = rest.get(..quote).unwrap_or_default();
                let digits = before.iter().rev().take_while(|byte| byte.is_ascii_digit()).take(9).count();
                let (word, number) = before.split_at_checked(quote - digits).unwrap_or_default();
                let content = rest.get(quote + 2..).unwrap_or_default();
                at += quote + 2;
                if digits == 0 || !word.ends_with(b"s:") {
                    continue;
                }
                let length = number.iter().fold(0_usize, |length, digit| length * 10 + usize::from(digit - b'0'));
                if content.len() < length.min(PROBE) && !last {
                    return at - 2 - digits - 2;
                }
                if is_encoded(content.get(..length.min(PROBE)).unwrap_or(content)) {
                    *mode = Mode::Inside(Run::new(Decoder::Php, from.saturating_add(at as u64)), length as u64);
                }
            }
            Mode::Inside(run, left) => {
                let rest = bytes.get(at..).unwrap_or_default();
                let own = rest.get(..usize::try_from(*left).unwrap_or(usize::MAX)).unwrap_or(rest);
                run.push(own, &mut *out);
                *left -= own.len() as u64;
                at += own.len();
                if *left > 0 && !last {
                    return bytes.len();
                }
                if let Mode::Inside(run, _) = std::mem::replace(mode, Mode::Search) {
                    run.finish(1, false, &mut *out);
                }
            }
        }
    }
}
