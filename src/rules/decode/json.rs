//! Strings of JSON that have escapes, in a text that begins as JSON does.

use super::Decoder;
use super::piece::{Out, Run, digit};

/// How far before its first escape the beginning of a string is looked for.
const BACK: usize = 4 << 10;
/// Shorter strings are not told.
const LEAST: usize = 8;

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Begun {
    #[default]
    Unknown,
    Json,
    Other,
}

/// Where in an escape the text is.
#[derive(Debug, Clone, Copy, Default)]
enum Escape {
    #[default]
    None,
    Backslash,
    /// So many digits of a number, and the number.
    Unicode(u8, u16),
}

#[derive(Debug, Default)]
pub(super) struct Json {
    begun: Begun,
    /// The last bytes outside of strings with escapes.
    before: Vec<u8>,
    string: Option<Run>,
    escape: Escape,
    /// The first half of a character that is written as two.
    half: Option<u16>,
}

impl Json {
    pub(super) fn reset(&mut self) {
        self.before.clear();
        self.begun = Begun::Unknown;
        self.string = None;
        self.escape = Escape::None;
        self.half = None;
    }

    pub(super) fn feed(&mut self, new: &[u8], at: u64, last: bool, out: Out<'_>) {
        if self.begun == Begun::Unknown {
            let Some(first) = new.iter().find(|byte| !byte.is_ascii_whitespace()) else {
                self.keep(new);
                return;
            };
            self.begun = if matches!(first, b'{' | b'[' | b'"') { Begun::Json } else { Begun::Other };
        }
        if self.begun == Begun::Other {
            return;
        }
        let mut from = 0;
        while let Some(rest) = new.get(from..).filter(|rest| !rest.is_empty()) {
            match self.string.take() {
                Some(run) => from += self.inside(run, rest, &mut *out),
                None => match memchr::memchr(b'\\', rest) {
                    None => {
                        if !last {
                            self.keep(rest);
                        }
                        break;
                    }
                    Some(escape) => {
                        let place = at.saturating_add(from.saturating_add(escape) as u64);
                        self.begin(rest.get(..escape).unwrap_or_default(), place, &mut *out);
                        from += escape + 1;
                    }
                },
            }
        }
        if last && let Some(mut run) = self.string.take() {
            self.end_half(&mut run, &mut *out);
            run.finish(LEAST, false, out);
        }
    }

    /// Keeps the last bytes: a string may have begun there.
    fn keep(&mut self, bytes: &[u8]) {
        let bytes = bytes.get(bytes.len().saturating_sub(BACK)..).unwrap_or_default();
        let surplus = self.before.len().saturating_add(bytes.len()).saturating_sub(BACK);
        self.before.drain(..surplus.min(self.before.len()));
        self.before.extend_from_slice(bytes);
    }

    /// Begins a string at the last quote before its first escape.
    fn begin(&mut self, rest: &[u8], escape: u64, out: Out<'_>) {
        self.keep(rest);
        let before = std::mem::take(&mut self.before);
        let start = memchr::memrchr(b'"', &before).map_or(0, |quote| quote + 1);
        let own = before.get(start..).unwrap_or_default();
        let mut run = Run::new(Decoder::Json, escape.saturating_sub(own.len() as u64));
        run.push(own, out);
        self.before = before;
        self.before.clear();
        self.string = Some(run);
        self.escape = Escape::Backslash;
    }

    /// Takes what is inside a string; says how much.
    fn inside(&mut self, mut run: Run, bytes: &[u8], out: Out<'_>) -> usize {
        let mut at = 0;
        while let Some(byte) = bytes.get(at).copied() {
            match self.escape {
                Escape::None => {
                    let rest = bytes.get(at..).unwrap_or_default();
                    let end = memchr::memchr2(b'"', b'\\', rest).unwrap_or(rest.len());
                    let plain = rest.get(..end).unwrap_or_default();
                    at += end;
                    if !plain.is_empty() {
                        self.end_half(&mut run, &mut *out);
                        run.push(plain, &mut *out);
                    }
                    match rest.get(end) {
                        Some(b'"') => {
                            self.end_half(&mut run, &mut *out);
                            run.finish(LEAST, false, out);
                            return at + 1;
                        }
                        Some(_) => {
                            self.escape = Escape::Backslash;
                            at += 1;
                        }
                        None => {}
                    }
                }
                Escape::Backslash => {
                    at += 1;
                    self.escape = Escape::None;
                    if byte == b'u' {
                        self.escape = Escape::Unicode(0, 0);
                        continue;
                    }
                    self.end_half(&mut run, &mut *out);
                    let known = match byte {
                        b'n' => b'\n',
                        b'r' => b'\r',
                        b't' => b'\t',
                        b'b' => 8,
                        b'f' => 12,
                        b'"' | b'\\' | b'/' => byte,
                        // No escape of JSON: it stays as it is.
                        _ => {
                            run.push(b"\\", &mut *out);
                            byte
                        }
                    };
                    run.push(&[known], &mut *out);
                }
                Escape::Unicode(digits, number) => {
                    let Some(value) = digit(byte) else {
                        self.escape = Escape::None;
                        self.unit(0xfffd, &mut run, &mut *out);
                        continue;
                    };
                    at += 1;
                    let number = number << 4 | u16::from(value);
                    if digits == 3 {
                        self.escape = Escape::None;
                        self.unit(number, &mut run, &mut *out);
                    } else {
                        self.escape = Escape::Unicode(digits + 1, number);
                    }
                }
            }
        }
        self.string = Some(run);
        at
    }

    /// A number of an escape: a character, or half of one.
    fn unit(&mut self, unit: u16, run: &mut Run, out: Out<'_>) {
        let units = [self.half.take().unwrap_or(unit), unit];
        let joined = char::decode_utf16(units).next().and_then(Result::ok);
        match unit {
            0xdc00..=0xdfff if joined.is_some() => push(joined, run, out),
            0xd800..=0xdbff => {
                if units != [unit; 2] {
                    push(None, run, out);
                }
                self.half = Some(unit);
            }
            _ => {
                if units != [unit; 2] {
                    push(None, run, &mut *out);
                }
                push(char::from_u32(u32::from(unit)), run, out);
            }
        }
    }

    fn end_half(&mut self, run: &mut Run, out: Out<'_>) {
        if self.half.take().is_some() {
            push(None, run, out);
        }
    }
}

fn push(character: Option<char>, run: &mut Run, out: Out<'_>) {
    let mut bytes = [0; 4];
    run.push(character.unwrap_or(char::REPLACEMENT_CHARACTER).encode_utf8(&mut bytes).as_bytes(), out);
}
