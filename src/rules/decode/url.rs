//! Words with percent escapes.

use super::Decoder;
use super::piece::{Carry, Out, Run, digit};

/// How far before its first escape a word begins at most.
const BACK: usize = 256;
/// Escapes of a word that is told.
const ENOUGH: u32 = 3;
/// Bytes within which they must come.
const WITHIN: usize = 4 << 10;

#[derive(Debug, Default)]
pub(super) struct Url {
    carry: Carry,
    /// The word, and how many escapes it had.
    word: Option<(Run, u32)>,
}

impl Url {
    pub(super) fn reset(&mut self) {
        self.carry.clear();
        self.word = None;
    }

    pub(super) fn feed(&mut self, new: &[u8], at: u64, last: bool, out: Out<'_>) {
        let Self { carry, word } = self;
        carry.with(new, at, |bytes, from| work(word, bytes, from, last, out));
    }
}

/// What ends a word.
fn ends(byte: u8) -> bool {
    byte <= b' ' || matches!(byte, b'"' | b'\'' | b'<' | b'>' | b'`' | b'\\' | 0x7f)
}

/// The byte of an escape.
fn escape(bytes: &[u8]) -> Option<u8> {
    match bytes {
        [b'%', high, low, ..] => Some(digit(*high)? << 4 | digit(*low)?),
        _ => None,
    }
}

fn work(word: &mut Option<(Run, u32)>, bytes: &[u8], from: u64, last: bool, out: Out<'_>) -> usize {
    // `at` is what is looked at; before `done` nothing may be looked back to.
    let (mut at, mut done) = (0, 0);
    loop {
        let rest = bytes.get(at..).unwrap_or_default();
        let Some((run, count)) = word else {
            let Some(percent) = memchr::memchr(b'%', rest) else {
                return if last { bytes.len() } else { done.max(bytes.len().saturating_sub(BACK)) };
            };
            let place = at + percent;
            let start = done.max(place.saturating_sub(BACK));
            let here = bytes.get(place..).unwrap_or_default();
            if here.len() < 3 && !last {
                return start;
            }
            if escape(here).is_none() {
                at = place + 1;
                continue;
            }
            let before = bytes.get(start..place).unwrap_or_default();
            let begin = start + before.iter().rposition(|byte| ends(*byte)).map_or(0, |last| last + 1);
            *word = Some((Run::new(Decoder::Url, from.saturating_add(begin as u64)), 0));
            at = begin;
            continue;
        };
        let plain = rest.iter().position(|byte| *byte == b'%' || ends(*byte)).unwrap_or(rest.len());
        // A word that is not told yet is held, so it is looked at in parts that are short.
        let plain = if *count < ENOUGH { plain.min(WITHIN.saturating_sub(run.held())) } else { plain };
        run.push(rest.get(..plain).unwrap_or_default(), &mut *out);
        at += plain;
        let rest = rest.get(plain..).unwrap_or_default();
        let given_up = *count < ENOUGH && run.held() >= WITHIN;
        match rest.first() {
            None if !last && !given_up => return bytes.len(),
            Some(b'%') if !given_up => {
                if rest.len() < 3 && !last {
                    return at;
                }
                if let Some(byte) = escape(rest) {
                    run.push(&[byte], &mut *out);
                    *count = count.saturating_add(1);
                    at += 3;
                } else {
                    run.push(b"%", &mut *out);
                    at += 1;
                }
            }
            _ => {
                done = at;
                if let Some((run, count)) = word.take()
                    && count >= ENOUGH
                {
                    run.finish(1, false, &mut *out);
                }
                if rest.is_empty() {
                    return bytes.len();
                }
            }
        }
    }
}
