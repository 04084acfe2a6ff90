//! Class scanners: where a rule without literals can match at all.

use super::rule::Class;
use std::ops::Range;

/// Digits that make a run.
const DIGITS: usize = 9;
/// Bytes of a text that may be random.
const RANDOM: usize = 64;

const DIGIT: u8 = 1;
const NUMBER: u8 = 2;
const HEX: u8 = 4;
const BASE64: u8 = 8;
const BASE58: u8 = 16;

/// What each byte belongs to.
static KINDS: [u8; 256] = kinds();

#[allow(clippy::cast_possible_truncation, clippy::indexing_slicing, reason = "0 to 255, when compiled")]
const fn kinds() -> [u8; 256] {
    let mut kinds = [0; 256];
    let mut at = 0;
    while at < 256 {
        let byte = at as u8;
        let mut kind = 0;
        if byte.is_ascii_digit() {
            kind |= DIGIT;
        }
        if byte.is_ascii_digit() || matches!(byte, b' ' | b'.' | b'-') {
            kind |= NUMBER;
        }
        if byte.is_ascii_hexdigit() {
            kind |= HEX;
        }
        if byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'-' | b'_' | b'=') {
            kind |= BASE64;
        }
        if byte.is_ascii_alphanumeric() && !matches!(byte, b'0' | b'O' | b'I' | b'l') {
            kind |= BASE58;
        }
        kinds[at] = kind;
        at += 1;
    }
    kinds
}

fn is(byte: u8, kind: u8) -> bool {
    KINDS.get(usize::from(byte)).is_some_and(|kinds| kinds & kind != 0)
}

/// Runs of 20 or more characters of base64. Those of hexadecimal digits and of base58 are inside.
pub(super) fn long_runs(text: &[u8], runs_found: &mut Vec<Range<usize>>) {
    runs_found.clear();
    runs(text, BASE64, 20, |run| runs_found.push(run));
}

impl Class {
    /// Says the places where a rule that names this class can match, in order: what it is looking for overlaps one of them.
    /// With each comes the length of its run, in digits of digits. `long` are the text's long runs. `start` if the text
    /// begins here.
    pub(super) fn find(
        self,
        text: &[u8],
        long: &[Range<usize>],
        start: bool,
        mut found: impl FnMut(Range<usize>, usize),
    ) {
        let mut inside = |kind: u8, least: usize| {
            for run in long {
                runs(text.get(run.clone()).unwrap_or_default(), kind, least, |inner| {
                    let length = inner.len();
                    found(run.start.saturating_add(inner.start)..run.start.saturating_add(inner.end), length);
                });
            }
        };
        match self {
            Class::Hex => inside(HEX, 32),
            Class::Base58 => inside(BASE58, 25),
            Class::Base64 => long.iter().for_each(|run| found(run.clone(), run.len())),
            Class::Digits => runs(text, NUMBER, DIGITS, |run| {
                let digits = text.get(run.clone()).unwrap_or_default().iter().filter(|byte| is(**byte, DIGIT)).count();
                if digits >= DIGITS {
                    found(run, digits);
                }
            }),
            Class::At => memchr::memchr_iter(b'@', text).for_each(|at| found(at..at.saturating_add(1), usize::MAX)),
            // Its texts are known by where they stand.
            Class::Field => {}
            // To run a pattern costs less than to count bytes: how random they are is asked of what it matches.
            Class::Entropy if start && text.len() < RANDOM => {}
            Class::Entropy => found(0..text.len(), usize::MAX),
        }
    }
}

/// Runs of at least so many bytes of a kind. Looks from behind: where a byte of another kind is, none that covers it.
fn runs(text: &[u8], kind: u8, least: usize, mut found: impl FnMut(Range<usize>)) {
    let mut at: usize = 0;
    while let Some(window) = text.get(at..at.saturating_add(least)) {
        if let Some(other) = window.iter().rposition(|byte| !is(*byte, kind)) {
            at = at.saturating_add(other).saturating_add(1);
            continue;
        }
        let behind = text.get(at.saturating_add(least)..).unwrap_or_default();
        let more = behind.iter().position(|byte| !is(*byte, kind)).unwrap_or(behind.len());
        let to = at.saturating_add(least).saturating_add(more);
        found(at..to);
        // The byte at `to` is of no such kind.
        at = to.saturating_add(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn plain(text: &[u8], kind: u8, least: usize) -> Vec<Range<usize>> {
        let mut all = Vec::new();
        let mut from = 0;
        for at in 0..=text.len() {
            if !text.get(at).is_some_and(|byte| is(*byte, kind)) {
                if at - from >= least {
                    all.push(from..at);
                }
                from = at + 1;
            }
        }
        all
    }

    proptest! {
        #[test]
        fn no_run_is_missed(text in "([0-9a-f]{0,40}[ z@]{0,3}){0,6}") {
            let text = text.as_bytes();
            for (kind, least) in [(HEX, 32), (BASE64, 20), (BASE58, 25), (NUMBER, 9), (DIGIT, 1), (DIGIT, 2)] {
                let mut all = Vec::new();
                runs(text, kind, least, |run| all.push(run));
                prop_assert_eq!(&all, &plain(text, kind, least), "{} {}", kind, least);
            }
            let mut long = Vec::new();
            long_runs(text, &mut long);
            for (class, kind, least) in [(Class::Hex, HEX, 32), (Class::Base58, BASE58, 25), (Class::Base64, BASE64, 20)] {
                let mut all = Vec::new();
                class.find(text, &long, true, |run, _| all.push(run));
                prop_assert_eq!(&all, &plain(text, kind, least), "{:?}", class);
            }
        }
    }

    #[test]
    fn numbers_are_found_with_what_stands_between_digits() {
        let found = |text: &str| {
            let mut any = false;
            Class::Digits.find(text.as_bytes(), &[], true, |_, _| any = true);
            any
        };
        assert!(found("card 4111 1111-1111.1111"));
        assert!(found("123456789"));
        assert!(!found("12345678"));
        assert!(!found("1 - 2 - 3 ... 4 .......... 5"));
    }
}
