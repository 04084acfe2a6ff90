//! Bytes written as `\x41\x42`.

use super::Decoder;
use super::piece::{Carry, Out, Run, digit};

/// Escapes on end that are told.
const LEAST: usize = 8;
/// Characters of one.
const ONE: usize = 4;

#[derive(Debug, Default)]
pub(super) struct Escapes {
    carry: Carry,
    run: Option<Run>,
}

impl Escapes {
    pub(super) fn reset(&mut self) {
        self.carry.clear();
        self.run = None;
    }

    pub(super) fn feed(&mut self, new: &[u8], at: u64, last: bool, out: Out<'_>) {
        let Self { carry, run } = self;
        carry.with(new, at, |bytes, from| work(run, bytes, from, last, out));
    }
}

fn escape(bytes: &[u8]) -> Option<u8> {
    match bytes {
        [b'\\', b'x' | b'X', high, low] => Some(digit(*high)? << 4 | digit(*low)?),
        _ => None,
    }
}

fn work(run: &mut Option<Run>, bytes: &[u8], from: u64, last: bool, out: Out<'_>) -> usize {
    let mut at = 0;
    loop {
        let rest = bytes.get(at..).unwrap_or_default();
        let Some(own) = run else {
            let Some(begin) = memchr::memchr(b'\\', rest) else { return bytes.len() };
            at += begin;
            let rest = rest.get(begin..).unwrap_or_default();
            let probe = rest.get(..LEAST * ONE).unwrap_or(rest);
            let escapes = probe.chunks_exact(ONE).take_while(|four| escape(four).is_some()).count();
            if escapes == LEAST {
                *run = Some(Run::new(Decoder::Hex, from.saturating_add(at as u64)));
            } else if escapes == probe.len() / ONE && probe.len() < LEAST * ONE && !last {
                return at;
            } else {
                at += 1;
            }
            continue;
        };
        let mut ended = false;
        for four in rest.chunks_exact(ONE) {
            let Some(byte) = escape(four) else {
                ended = true;
                break;
            };
            own.push(&[byte], &mut *out);
            at += ONE;
        }
        if !ended && !last {
            return at;
        }
        if let Some(run) = run.take() {
            run.finish(1, false, &mut *out);
        }
        if last && !ended {
            return bytes.len();
        }
    }
}
