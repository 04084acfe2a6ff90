//! Headers of programs and of streams of objects.

use super::Candidate;

/// The bytes at a place, as a number; little-endian unless `big`.
fn number(bytes: &[u8], at: usize, len: usize, big: bool) -> Option<u32> {
    let field = bytes.get(at..at.checked_add(len)?)?;
    let join = |number: u32, byte: &u8| number << 8 | u32::from(*byte);
    Some(if big { field.iter().fold(0, join) } else { field.iter().rev().fold(0, join) })
}

/// What an ELF file is, if it is one. Of a file cut short within its header what is there is judged.
pub(super) fn elf(bytes: &[u8]) -> Option<String> {
    let [0x7f, b'E', b'L', b'F', class @ (1 | 2), data @ (1 | 2), 1, ..] = bytes else { return None };
    let big = *data == 2;
    let bits = if *class == 1 { 32 } else { 64 };
    let kind = match number(bytes, 16, 2, big) {
        Some(1) => "an object file",
        Some(2) => "a program",
        Some(3) => "a library or program",
        Some(4) => "a core dump",
        Some(0 | 0xfe00..) | None => "of no known type",
        Some(_) => return None,
    };
    if number(bytes, 20, 4, big).is_some_and(|version| version > 1) {
        return None;
    }
    let machine = match number(bytes, 18, 2, big) {
        Some(0x03) => "x86",
        Some(0x3e) => "x86-64",
        Some(0x28) => "ARM",
        Some(0xb7) => "AArch64",
        Some(0xf3) => "RISC-V",
        Some(0x08) => "MIPS",
        Some(0x14 | 0x15) => "PowerPC",
        Some(0x16) => "S/390",
        _ => "another machine",
    };
    Some(format!("ELF, {bits}-bit, {machine}, {kind}"))
}

/// What a program of Windows is for, if it is one.
pub(super) fn pe(bytes: &[u8]) -> Option<String> {
    bytes.strip_prefix(b"MZ")?;
    let header = usize::try_from(number(bytes, 0x3c, 4, false)?).ok()?;
    let signature = bytes.get(header..)?.strip_prefix(b"PE\0\0")?;
    let machine = match number(signature, 0, 2, false) {
        Some(0x014c) => "x86",
        Some(0x8664) => "x86-64",
        Some(0xaa64) => "ARM64",
        Some(0x01c0 | 0x01c4) => "ARM",
        _ => "another machine",
    };
    Some(format!("PE, {machine}"))
}

fn cpu(number: u32) -> Option<&'static str> {
    Some(match number {
        7 => "x86",
        0x0100_0007 => "x86-64",
        12 => "ARM",
        0x0100_000c | 0x0200_000c => "ARM64",
        18 => "PowerPC",
        0x0100_0012 => "PowerPC 64",
        _ => return None,
    })
}

/// What a program of macOS is for, if it is one. Class files of Java begin like files of several machines, with a version where
/// these count the machines.
pub(super) fn macho(bytes: &[u8]) -> Option<String> {
    let big = match bytes {
        [0xca, 0xfe, 0xba, 0xbe, ..] => {
            let count = number(bytes, 4, 4, true).filter(|count| (1..=20).contains(count))?;
            let first = number(bytes, 8, 4, true).and_then(cpu)?;
            return Some(format!("Mach-O, {count} machines, the first {first}"));
        }
        [0xfe, 0xed, 0xfa, 0xce | 0xcf, ..] => true,
        [0xce | 0xcf, 0xfa, 0xed, 0xfe, ..] => false,
        _ => return None,
    };
    let machine = number(bytes, 4, 4, big).and_then(cpu)?;
    let kind = match number(bytes, 12, 4, big)? {
        1 => "an object file",
        2 => "a program",
        6 | 8 => "a library",
        3..=12 => "of another kind",
        _ => return None,
    };
    Some(format!("Mach-O, {machine}, {kind}"))
}

/// Whether a stream of Java objects begins at or before the match. Sessions and caches may have a header of their own before it.
pub(super) fn is_in_java_stream(candidate: &Candidate<'_>) -> bool {
    let end = candidate.at.saturating_add(4).min(candidate.text.len());
    let before = candidate.text.get(..end).unwrap_or_default();
    memchr::memmem::find(before, &[0xac, 0xed, 0x00, 0x05]).is_some()
}
