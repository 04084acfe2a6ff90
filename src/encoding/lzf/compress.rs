//! The way in: a small greedy compressor, for writers and tests.

use super::REACH;

/// Shortest and longest match that an instruction can say.
const MIN_MATCH: usize = 3;
const MAX_MATCH: usize = 264;
/// Longest literal run.
const MAX_RUN: usize = 32;

/// The compressed form of `input`, or `None` if it does not save at least 4 bytes (servers then store the string as it
/// is). Holds a table of at most 64 KiB beside the output.
pub fn compress(input: &[u8]) -> Option<Vec<u8>> {
    let most = input.len().checked_sub(4)?;
    let mut out = Vec::with_capacity(most.min(1 << 16));
    let bits = (usize::BITS - input.len().leading_zeros()).clamp(8, 14);
    // Positions plus one, so that 0 is "never seen"; in inputs past 4 GiB some wrap and are caught by the comparison.
    let mut table = vec![0_u32; 1 << bits];
    let (mut at, mut literals) = (0, 0);
    while let Some(three) = input.get(at..).and_then(|rest| rest.first_chunk::<MIN_MATCH>()) {
        let slot = table.get_mut(hash(*three, bits))?;
        let seen = usize::try_from(*slot).ok()?;
        *slot = u32::try_from((at + 1) & 0xFFFF_FFFF).ok()?;
        let len = match seen.checked_sub(1) {
            Some(from) if from < at && at - from <= REACH => common(input, from, at),
            _ => 0,
        };
        if len < MIN_MATCH {
            at += 1;
            continue;
        }
        put_literals(&mut out, input.get(literals..at)?);
        put_reference(&mut out, at - seen, len)?;
        at += len;
        literals = at;
        if out.len() > most {
            return None;
        }
    }
    put_literals(&mut out, input.get(literals..)?);
    (out.len() <= most).then_some(out)
}

#[inline]
fn hash([a, b, c]: [u8; MIN_MATCH], bits: u32) -> usize {
    let value = u32::from_le_bytes([a, b, c, 0]).wrapping_mul(0x9E37_79B1);
    (value >> (32 - bits)) as usize
}

/// How many bytes from `at` on equal those from `from` on, up to the longest match.
#[inline]
fn common(input: &[u8], from: usize, at: usize) -> usize {
    let ahead = input.get(at..).unwrap_or_default().iter().take(MAX_MATCH);
    let behind = input.get(from..).unwrap_or_default();
    ahead.zip(behind).take_while(|(a, b)| a == b).count()
}

fn put_literals(out: &mut Vec<u8>, literals: &[u8]) {
    for run in literals.chunks(MAX_RUN) {
        out.push(u8::try_from(run.len() - 1).unwrap_or_default());
        out.extend_from_slice(run);
    }
}

/// Refers `back + 1` bytes back.
fn put_reference(out: &mut Vec<u8>, back: usize, len: usize) -> Option<()> {
    let [high, low] = u16::try_from(back).ok()?.to_be_bytes();
    match u8::try_from(len - 2).ok().filter(|short| *short < 7) {
        Some(short) => out.extend_from_slice(&[(short << 5) | high, low]),
        None => out.extend_from_slice(&[0xE0 | high, u8::try_from(len - 9).ok()?, low]),
    }
    Some(())
}
