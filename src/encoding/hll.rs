//! `HyperLogLog` inside a string.
//!
//! ```text
//! "HYLL" | u8 0 dense, 1 sparse | 3 bytes | u64 LE cached cardinality (top bit: stale) | registers
//! dense:  16384 registers of 6 bits
//! sparse: 00nnnnnn            n+1 registers are 0
//!         01nnnnnn nnnnnnnn   n+1 registers are 0
//!         1vvvvvnn            n+1 registers are v+1
//! ```
//! Source: redis-server 2.8.9+ and Valkey.

use crate::base::{Cursor, Flaw};

const MAGIC: &[u8; 4] = b"HYLL";
const REGISTERS: u64 = 16_384;
/// Length of the registers of the dense form, in bytes.
const DENSE: usize = 12_288;
const STALE: u64 = 1 << 63;

/// What the header of a sound `HyperLogLog` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hll {
    /// Whether the registers stand there one by one.
    pub dense: bool,
    /// The count computed last; `None` if something was added since.
    pub cached_cardinality: Option<u64>,
}

/// Whether the bytes begin as a `HyperLogLog` does.
pub fn looks_like(bytes: &[u8]) -> bool {
    bytes.starts_with(MAGIC)
}

/// What the header says, once the registers have been found sound. The three bytes after the encoding are not looked
/// at: servers do not either.
///
/// # Errors
/// `short` for a cut header or a cut run, `hll-magic`, `hll-encoding` for one that is neither dense nor sparse,
/// `hll-length` for a dense form of another length than 12304 bytes, `hll-registers` for runs that are not 16384
/// registers together (CVE-2019-10192, CVE-2025-32023).
pub fn check(bytes: &[u8]) -> Result<Hll, Flaw> {
    let mut cursor = Cursor::new(bytes);
    let magic = cursor.array::<4>("hyperloglog magic")?;
    if magic != *MAGIC {
        return Err(Flaw::new("hll-magic", "hyperloglog magic", 0, "HYLL", magic.escape_ascii().to_string()));
    }
    let encoding = cursor.u8("hyperloglog encoding")?;
    cursor.take(3, "hyperloglog header")?;
    let cached = cursor.u64_le("hyperloglog cached cardinality")?;
    let dense = match encoding {
        0 => true,
        1 => false,
        _ => return Err(Flaw::new("hll-encoding", "hyperloglog encoding", 4, "0 or 1", format!("{encoding}"))),
    };
    if dense {
        let found = cursor.rest().len();
        if found != DENSE {
            let expected = format!("{DENSE} bytes");
            return Err(Flaw::new(
                "hll-length",
                "hyperloglog registers",
                cursor.offset(),
                expected,
                format!("{found}"),
            ));
        }
    } else {
        sparse(&mut cursor)?;
    }
    Ok(Hll { dense, cached_cardinality: (cached & STALE == 0).then_some(cached) })
}

fn sparse(cursor: &mut Cursor<'_>) -> Result<(), Flaw> {
    let mut registers = 0_u64;
    while !cursor.is_empty() {
        let at = cursor.offset();
        let first = cursor.u8("hyperloglog run")?;
        let run = match first {
            0..=0x3F => u64::from(first),
            0x40..=0x7F => (u64::from(first & 0x3F) << 8) | u64::from(cursor.u8("hyperloglog run")?),
            _ => u64::from(first & 3),
        };
        registers = registers.saturating_add(run + 1);
        if registers > REGISTERS {
            return Err(wrong_sum(at, registers));
        }
    }
    if registers == REGISTERS { Ok(()) } else { Err(wrong_sum(cursor.offset(), registers)) }
}

#[cold]
fn wrong_sum(at: u64, registers: u64) -> Flaw {
    let expected = format!("{REGISTERS} registers");
    Flaw::new("hll-registers", "hyperloglog run", at, expected, format!("{registers}"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may stop")]
mod tests {
    use super::*;
    use crate::encoding::tests::{hex, mutate};

    fn write(encoding: u8, cached: u64, registers: &[u8]) -> Vec<u8> {
        let mut out = MAGIC.to_vec();
        out.extend_from_slice(&[encoding, 0, 0, 0]);
        out.extend_from_slice(&cached.to_le_bytes());
        out.extend_from_slice(registers);
        out
    }

    #[test]
    fn both_forms() {
        // An empty one: a single run of 16384 zeros.
        assert_eq!(check(&write(1, 0, &hex("7FFF"))), Ok(Hll { dense: false, cached_cardinality: Some(0) }));
        // 100 zeros, 4 registers of 3, 64 zeros, the rest.
        let runs = hex("4063 8B 3F 7F57");
        assert_eq!(check(&write(1, STALE | 3, &runs)), Ok(Hll { dense: false, cached_cardinality: None }));
        assert_eq!(check(&write(0, 7, &[0; DENSE])), Ok(Hll { dense: true, cached_cardinality: Some(7) }));
        assert_eq!(write(0, 7, &[0; DENSE]).len(), 12_304);
        assert!(looks_like(b"HYLL?"));
        assert!(!looks_like(b"HYL"));
    }

    #[test]
    fn says_what_is_wrong() {
        let kind = |bytes: &[u8]| check(bytes).unwrap_err().kind().0;
        assert_eq!(kind(b"HYLL\x00"), "short");
        assert_eq!(kind(b"hyll\x00\x00\x00\x00"), "hll-magic");
        assert_eq!(kind(&write(2, 0, &[])), "hll-encoding");
        assert_eq!(kind(&write(0, 0, &[0; DENSE + 1])), "hll-length");
        assert_eq!(kind(&write(0, 0, &[])), "hll-length");
        assert_eq!(kind(&write(1, 0, &[])), "hll-registers");
        assert_eq!(kind(&write(1, 0, &hex("7FFF 00"))), "hll-registers");
        assert_eq!(kind(&write(1, 0, &hex("7F"))), "short");
        mutate(&[write(1, 0, &hex("4063 8B 3F 7F57")), write(0, 7, &[0; DENSE])], 500, |bad| drop(check(bad)));
    }
}
