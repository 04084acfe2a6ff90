//! How long a listpack or intset is that a server makes of elements it was given one by one.

use crate::encoding::integer;
use crate::rdb::Measured;

/// A listpack without entries.
pub(super) const LISTPACK: u64 = 7;

/// What a string takes in a listpack: less if it is an integer.
pub(super) fn entry(text: &Measured<'_>) -> u64 {
    let int = text.int.or_else(|| integer::parse(text.bytes));
    int.map_or_else(|| string(text.len), int_entry)
}

/// What an integer takes: its encoding and a byte to walk back.
pub(super) fn int_entry(value: i64) -> u64 {
    match value {
        0..=127 => 2,
        -4096..=4095 => 3,
        -0x8000..=0x7fff => 4,
        -0x80_0000..=0x7f_ffff => 5,
        -0x8000_0000..=0x7fff_ffff => 6,
        _ => 10,
    }
}

/// What a string of this length takes: header, bytes, and the bytes to walk back over them.
pub(super) fn string(len: u64) -> u64 {
    let header = match len {
        0..64 => 1,
        64..4096 => 2,
        _ => 5,
    };
    let own = len.saturating_add(header);
    let back = match own {
        0..=127 => 1,
        128..=16_382 => 2,
        16_383..=2_097_150 => 3,
        2_097_151..=268_435_454 => 4,
        _ => 5,
    };
    own.saturating_add(back)
}

/// What a score takes: as an integer, or as the shortest text that says it; servers up to 7.0 write 17 digits.
pub(super) fn score(score: f64, shortest: bool) -> u64 {
    let mut buffer = zmij::Buffer::new();
    if score.is_infinite() {
        return string(if score > 0.0 { 3 } else { 4 });
    }
    let text = buffer.format(score);
    let whole = text.strip_suffix(".0").unwrap_or(text);
    match integer::parse(whole.as_bytes()) {
        Some(int) => int_entry(int),
        None if shortest => string(whole.len() as u64),
        None => string(seventeen_digits(score)),
    }
}

/// How long the text of 17 digits is, without zeros at its end: what C writes for `%.17g`.
fn seventeen_digits(score: f64) -> u64 {
    let text = format!("{score:.16e}");
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let exponent = exponent.parse::<i64>().unwrap_or(0);
    let digits = mantissa.trim_end_matches('0').bytes().filter(u8::is_ascii_digit).count() as u64;
    let point = u64::from(digits > 1);
    let size = exponent.unsigned_abs();
    let own = match exponent {
        // Zeros before the digits, or digits after the point.
        -4..0 => digits.saturating_add(size).saturating_add(1),
        0..17 if digits <= size => size.saturating_add(1),
        0..17 => digits.saturating_add(u64::from(digits > size.saturating_add(1))),
        _ => digits.saturating_add(point).saturating_add(if size > 99 { 5 } else { 4 }),
    };
    own.saturating_add(u64::from(score.is_sign_negative()))
}

/// The integers of a set.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ints {
    smallest: i64,
    largest: i64,
}

impl Ints {
    /// Before the first.
    pub(super) const NONE: Self = Self { smallest: 0, largest: 0 };

    pub(super) fn add(&mut self, value: i64) {
        self.smallest = self.smallest.min(value);
        self.largest = self.largest.max(value);
    }

    /// The intset of so many of them.
    pub(super) fn intset(self, count: u64) -> u64 {
        let fits = |bits: u32| self.smallest >= -(1i64 << (bits - 1)) && self.largest < (1i64 << (bits - 1));
        let width = if fits(16) {
            2
        } else if fits(32) {
            4
        } else {
            8
        };
        count.saturating_mul(width).saturating_add(8)
    }
}

#[cfg(test)]
mod tests {
    use super::{Ints, entry, score};
    use crate::rdb::Measured;

    fn text(bytes: &[u8]) -> u64 {
        entry(&Measured { bytes, len: bytes.len() as u64, int: None })
    }

    #[test]
    fn entries_take_what_listpacks_say() {
        let cases: [(&[u8], u64); 8] = [
            (b"", 2),
            (b"7", 2),
            (b"128", 3),
            (b"-1", 3),
            (b"007", 5),
            (b"5000", 4),
            (b"9223372036854775807", 10),
            (b"9223372036854775808", 21),
        ];
        for (bytes, takes) in cases {
            assert_eq!(text(bytes), takes, "{}", bytes.escape_ascii());
        }
        assert_eq!((text(&[b'x'; 63]), text(&[b'x'; 64]), text(&[b'x'; 5000])), (65, 67, 5007));
        assert_eq!((score(3.0, true), score(0.5, true), score(f64::NEG_INFINITY, true)), (2, 5, 6));
        // What `printf %.17g` says, and two bytes.
        let long = [(0.1, 19), (0.5, 3), (-1.25, 5), (1e-5, 22), (123_456.789, 10), (2.5e30, 22), (0.015, 20)];
        for (number, len) in long {
            assert_eq!(score(number, false), len + 2, "{number}");
        }
    }

    #[test]
    fn intsets_are_as_wide_as_their_widest() {
        for (value, bytes) in [(5, 12), (40_000, 16), (-40_000, 16), (i64::MAX, 24)] {
            let mut ints = Ints::NONE;
            ints.add(value);
            ints.add(1);
            assert_eq!(ints.intset(2), bytes, "{value}");
        }
    }
}
