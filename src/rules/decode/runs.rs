//! Base64 and hexadecimal, anywhere in a text.

use super::piece::{Carry, Out, Run};
use super::{Decoder, likely};

/// Characters of the shortest run.
const LEAST: usize = 24;
/// Digits of the shortest run of hexadecimal.
const LEAST_DIGITS: usize = 32;
/// A run may begin with a path or a name: what was encoded begins within so many characters.
const PREFIX: usize = 16;
/// Characters of a run that are looked at before it is decoded.
const PROBE: usize = PREFIX + LEAST_DIGITS;

/// What a character stands for in base64 of either alphabet, and in hexadecimal; 255 for none.
const BASE64: [u8; 256] = table(true);
const HEX: [u8; 256] = table(false);
const NONE: u8 = 255;

#[allow(clippy::cast_possible_truncation, reason = "at build time, below 256")]
const fn table(base64: bool) -> [u8; 256] {
    let mut table = [NONE; 256];
    let mut at = 0;
    while at < 256 {
        let byte = at as u8;
        table[at] = match byte {
            b'A'..=b'Z' if base64 => byte - b'A',
            b'a'..=b'z' if base64 => byte - b'a' + 26,
            b'0'..=b'9' if base64 => byte - b'0' + 52,
            b'+' | b'-' if base64 => 62,
            b'/' | b'_' if base64 => 63,
            b'0'..=b'9' => byte - b'0',
            b'a'..=b'f' => byte - b'a' + 10,
            b'A'..=b'F' => byte - b'A' + 10,
            _ => NONE,
        };
        at += 1;
    }
    table
}

#[inline]
fn value(table: &[u8; 256], byte: u8) -> u8 {
    table.get(usize::from(byte)).copied().unwrap_or(NONE)
}

#[inline]
fn is_outside(byte: u8) -> bool {
    value(&BASE64, byte) == NONE
}

/// Where a run of [`LEAST`] characters begins, or else the characters at the end that may become one.
///
/// Looks from the end of where one would have to be, so that of texts made of short words most bytes are not looked at.
fn find(bytes: &[u8], from: usize) -> Result<usize, usize> {
    let mut start = from;
    while let Some(window) = bytes.get(start..start.saturating_add(LEAST)) {
        match window.iter().rposition(|byte| is_outside(*byte)) {
            Some(last) => start += last + 1,
            None => return Ok(start),
        }
    }
    let rest = bytes.get(start..).unwrap_or_default();
    Err(start.saturating_add(rest.iter().rposition(|byte| is_outside(*byte)).map_or(0, |last| last + 1)))
}

/// How a run is encoded, and where what is encoded begins in it, by its first characters.
fn recognize(run: &[u8]) -> Option<(Decoder, usize)> {
    let mut begins = [0; 6];
    let mut known = 1;
    for (at, byte) in run.iter().enumerate().take(PREFIX) {
        // `0x`, the `x` of `\x` in front of all digits, and what joins names and paths.
        let marks = matches!(byte, b'/' | b'+' | b'-' | b'_') || *byte == b'x' && at < 2;
        if marks && let Some(next) = begins.get_mut(known) {
            *next = at + 1;
            known += 1;
        }
    }
    begins.get(..known)?.iter().find_map(|begin| {
        let run = run.get(*begin..).filter(|run| run.len() >= LEAST)?;
        let mut decoded = [0; likely::PRINTABLE];
        if let Some(digits) = run.get(..LEAST_DIGITS)
            && digits.iter().all(u8::is_ascii_hexdigit)
        {
            for (byte, pair) in decoded.iter_mut().zip(digits.chunks_exact(2)) {
                *byte = pair.iter().fold(0, |byte, digit| byte << 4 | value(&HEX, *digit));
            }
            if likely::is_likely(decoded.get(..LEAST_DIGITS / 2)?) {
                return Some((Decoder::Hex, *begin));
            }
        }
        let mut length = 0;
        for (to, four) in decoded.chunks_exact_mut(3).zip(run.chunks_exact(4)) {
            let bits = four.iter().fold(0_u32, |bits, byte| bits << 6 | u32::from(value(&BASE64, *byte)));
            to.copy_from_slice(bits.to_be_bytes().get(1..)?);
            length += 3;
        }
        likely::is_likely(decoded.get(..length)?).then_some((Decoder::Base64, *begin))
    })
}

/// A run that is being decoded.
#[derive(Debug)]
struct Active {
    run: Run,
    hex: bool,
    /// Bits that are no byte yet, and how many characters they came from.
    bits: u32,
    have: u32,
    /// Characters of this line, and of those before it.
    column: usize,
    width: Option<usize>,
    /// The line has ended, with a CR so far.
    ended: Option<bool>,
}

impl Active {
    /// Takes characters; says how many, and whether the run has ended there.
    fn take(&mut self, bytes: &[u8], out: Out<'_>) -> (usize, bool) {
        let mut at = 0;
        loop {
            if let Some(cr) = self.ended {
                match bytes.get(at) {
                    None => return (at, false),
                    Some(b'\n') if cr => {
                        self.ended = Some(false);
                        at += 1;
                        continue;
                    }
                    Some(byte) if !cr && value(self.table(), *byte) != NONE => {
                        self.ended = None;
                        self.column = 0;
                    }
                    Some(_) => return (at, true),
                }
            }
            if self.have == 0 {
                at += self.groups(bytes.get(at..).unwrap_or_default(), out);
            }
            let Some(byte) = bytes.get(at).copied() else { return (at, false) };
            match value(self.table(), byte) {
                NONE if matches!(byte, b'\n' | b'\r') && self.have == 0 && self.is_full_line() => {
                    self.width = Some(self.column);
                    self.ended = Some(byte == b'\r');
                }
                NONE => return (at, true),
                value => self.one(value, out),
            }
            at += 1;
        }
    }

    fn table(&self) -> &'static [u8; 256] {
        if self.hex { &HEX } else { &BASE64 }
    }

    fn is_full_line(&self) -> bool {
        self.width.map_or((60..=80).contains(&self.column), |width| width == self.column)
    }

    fn one(&mut self, value: u8, out: Out<'_>) {
        self.column = self.column.saturating_add(1);
        self.have += 1;
        let (bits, group) = if self.hex { (4, 2) } else { (6, 4) };
        self.bits = self.bits << bits | u32::from(value);
        if self.have == group {
            let [_, bytes @ ..] = self.bits.to_be_bytes();
            let [.., last] = bytes;
            if self.hex {
                self.run.push(&[last], out);
            } else {
                self.run.push(&bytes, out);
            }
            (self.bits, self.have) = (0, 0);
        }
    }

    /// Takes whole groups of characters, as many as there are without anything between; says how many characters.
    fn groups(&mut self, bytes: &[u8], out: Out<'_>) -> usize {
        let mut taken = 0;
        let mut decoded = [0_u8; 3 << 10];
        loop {
            let mut length = 0;
            let rest = bytes.get(taken..).unwrap_or_default();
            let group = if self.hex {
                for (pair, to) in rest.chunks_exact(2).zip(decoded.iter_mut()) {
                    let &[high, low] = pair else { break };
                    let (high, low) = (value(&HEX, high), value(&HEX, low));
                    if (high | low) == NONE {
                        break;
                    }
                    *to = high << 4 | low;
                    length += 1;
                }
                length * 2
            } else {
                for (four, to) in rest.chunks_exact(4).zip(decoded.chunks_exact_mut(3)) {
                    let &[a, b, c, d] = four else { break };
                    let [a, b, c, d] = [a, b, c, d].map(|byte| u32::from(value(&BASE64, byte)));
                    if (a | b | c | d) > 63 {
                        break;
                    }
                    let [_, bytes @ ..] = (a << 18 | b << 12 | c << 6 | d).to_be_bytes();
                    to.copy_from_slice(&bytes);
                    length += 3;
                }
                length / 3 * 4
            };
            if length == 0 {
                return taken;
            }
            self.run.push(decoded.get(..length).unwrap_or_default(), out);
            taken += group;
            self.column = self.column.saturating_add(group);
        }
    }

    /// Ends it: what is left of the last group is one byte or two.
    fn finish(mut self, out: Out<'_>) {
        match (self.hex, self.have) {
            (false, 2) => {
                let [.., only] = (self.bits >> 4).to_be_bytes();
                self.run.push(&[only], out);
            }
            (false, 3) => {
                let [.., first, second] = (self.bits >> 2).to_be_bytes();
                self.run.push(&[first, second], out);
            }
            _ => {}
        }
        self.run.finish(1, false, out);
    }
}

#[derive(Debug, Default)]
enum Mode {
    #[default]
    Search,
    /// To the end of a run that is not decoded, or not any more.
    Skip,
    Decode(Active),
}

/// Finds runs and decodes them.
#[derive(Debug, Default)]
pub(super) struct Runs {
    carry: Carry,
    mode: Mode,
}

impl Runs {
    pub(super) fn reset(&mut self) {
        self.carry.clear();
        self.mode = Mode::Search;
    }

    pub(super) fn feed(&mut self, new: &[u8], at: u64, last: bool, out: Out<'_>) {
        let Self { carry, mode } = self;
        carry.with(new, at, |bytes, from| work(mode, bytes, from, last, out));
    }
}

/// Goes through bytes; says how many are done with.
fn work(mode: &mut Mode, bytes: &[u8], from: u64, last: bool, out: Out<'_>) -> usize {
    let mut at = 0;
    loop {
        match mode {
            Mode::Search => {
                let start = match find(bytes, at) {
                    Ok(start) => start,
                    Err(rest) => return if last { bytes.len() } else { rest },
                };
                let probe = bytes.get(start..).unwrap_or_default();
                let probe = probe.get(..PROBE).unwrap_or(probe);
                let end = probe.iter().position(|byte| is_outside(*byte));
                if end.is_none() && probe.len() < PROBE && !last {
                    return start;
                }
                let run = end.and_then(|end| probe.get(..end)).unwrap_or(probe);
                match recognize(run) {
                    None => {
                        *mode = Mode::Skip;
                        at = start + run.len();
                    }
                    Some((decoder, begin)) => {
                        at = start + begin;
                        let run = Run::new(decoder, from.saturating_add(at as u64));
                        let hex = decoder == Decoder::Hex;
                        *mode = Mode::Decode(Active {
                            run,
                            hex,
                            bits: 0,
                            have: 0,
                            column: begin,
                            width: None,
                            ended: None,
                        });
                    }
                }
            }
            Mode::Skip => {
                let rest = bytes.get(at..).unwrap_or_default();
                let Some(end) = rest.iter().position(|byte| is_outside(*byte)) else { return bytes.len() };
                at += end;
                *mode = Mode::Search;
            }
            Mode::Decode(active) => {
                let (taken, ended) = active.take(bytes.get(at..).unwrap_or_default(), &mut *out);
                at += taken;
                if !ended && !last {
                    return bytes.len();
                }
                if let Mode::Decode(active) = std::mem::replace(mode, Mode::Skip) {
                    active.finish(&mut *out);
                }
            }
        }
    }
}
