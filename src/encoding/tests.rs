//! What the tests of several structures share, and the tests of `Packed`.

use super::Packed;

/// A small seeded generator (xorshift): the same mutations on every run.
pub(crate) struct Rng(u64);

impl Rng {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// Below `bound`, which is not 0.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % bound as u64).unwrap_or(0)
    }

    pub(crate) fn byte(&mut self) -> u8 {
        self.next().to_le_bytes()[3]
    }
}

/// Calls `judge` with flips, cuts, splices, insertions and telling values in every blob, and with every single byte
/// replaced by a few that mean something.
pub(crate) fn mutate(valid: &[Vec<u8>], rounds: usize, mut judge: impl FnMut(&[u8])) {
    const TELLING: [u8; 14] = [0x00, 0x01, 0x7F, 0x80, 0xBF, 0xC0, 0xDF, 0xE0, 0xEF, 0xF0, 0xF4, 0xFD, 0xFE, 0xFF];
    let mut rng = Rng::new(7);
    for blob in valid {
        for at in 0..blob.len().min(400) {
            judge(&blob[..at]);
            for byte in TELLING {
                let mut bad = blob.clone();
                bad[at] = byte;
                judge(&bad);
            }
        }
        for _ in 0..rounds {
            let mut bad = blob.clone();
            for _ in 0..=rng.below(4) {
                if bad.is_empty() {
                    break;
                }
                let at = rng.below(bad.len());
                match rng.below(6) {
                    0 => bad[at] ^= 1 << rng.below(8),
                    1 => bad[at] = rng.byte(),
                    2 => bad.truncate(at),
                    3 => bad.insert(at, TELLING[rng.below(TELLING.len())]),
                    4 => drop(bad.remove(at)),
                    _ => {
                        let other = &valid[rng.below(valid.len())];
                        if !other.is_empty() {
                            bad.truncate(at);
                            bad.extend_from_slice(&other[rng.below(other.len())..]);
                        }
                    }
                }
            }
            judge(&bad);
        }
    }
}

/// The bytes of hex digits; blanks do not matter.
pub(crate) fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    digits.chunks(2).map(|pair| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

#[test]
fn packed_is_a_string() {
    for value in [0, 1, -1, 9, 10, 99, 100, -128, i64::MIN, i64::MAX, 1_000_000_000_000] {
        let entry = Packed::Int(value);
        let text = value.to_string();
        assert_eq!(entry.len(), text.len());
        assert_eq!(entry.bytes(&mut itoa::Buffer::new()), text.as_bytes());
        assert_eq!(entry, Packed::Str(text.as_bytes()));
        assert_eq!(Packed::Str(text.as_bytes()).as_int(), None);
        assert_eq!(entry.as_int(), Some(value));
        assert!(!entry.is_empty());
    }
    assert_ne!(Packed::Int(7), Packed::Str(b"07"));
    assert_ne!(Packed::Int(7), Packed::Int(8));
    assert!(Packed::Str(b"").is_empty());
}
