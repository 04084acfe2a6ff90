//! Whether the first bytes of what a run decodes to are worth decoding all of it.

/// Formats that hold texts or code, by their first bytes. Pictures, sounds and archives of them are not among them.
const MAGIC: [&[u8]; 22] = [
    b"\x1f\x8b\x08",
    b"\x28\xb5\x2f\xfd",
    b"\x78\x01",
    b"\x78\x5e",
    b"\x78\x9c",
    b"\x78\xda",
    b"\xfd7zXZ\0",
    b"7z\xbc\xaf\x27\x1c",
    b"BZh",
    b"PK\x03\x04",
    b"\x04\x22\x4d\x18",
    b"\x7fELF",
    b"MZ\x90\0",
    b"\xce\xfa\xed\xfe",
    b"\xcf\xfa\xed\xfe",
    b"\xca\xfe\xba\xbe",
    b"\xac\xed\0\x05",
    b"\0\x01\0\0\0\xff\xff\xff\xff\x01",
    b"\x04\x08[",
    b"\x04\x08{",
    b"\x04\x08o",
    b"\x04\x08I",
];

/// Whether a format is known that begins with this byte: most that is asked about ends here.
const FIRST: [bool; 256] = {
    let mut first = [false; 256];
    let mut at = 0;
    while at < MAGIC.len() {
        first[MAGIC[at][0] as usize] = true;
        at += 1;
    }
    first[0x80] = true;
    first
};

/// Whether bytes begin as a known format does.
pub(super) fn is_known(bytes: &[u8]) -> bool {
    let first = bytes.first().and_then(|byte| FIRST.get(usize::from(*byte)));
    if first != Some(&true) {
        return false;
    }
    MAGIC.iter().any(|magic| bytes.starts_with(magic)) || is_pickle(bytes) || is_program(bytes)
}

/// A pickle of the protocols that begin with their number: then an opcode that can come first.
fn is_pickle(bytes: &[u8]) -> bool {
    match bytes {
        [0x80, 4 | 5, 0x95, ..] => true,
        [0x80, 2..=5, first, ..] => b"()]}cCKMJNUXVSTIFGB\x88\x89\x8a\x8c\x8d\x8f".contains(first),
        _ => false,
    }
}

/// A program of Windows, if its second header is near.
fn is_program(bytes: &[u8]) -> bool {
    bytes.starts_with(b"MZ") && bytes.get(2..16).is_some_and(|fields| memchr::memchr_iter(0, fields).count() > 6)
}

/// Bytes that must be printable. One in ten million random texts is.
pub(super) const PRINTABLE: usize = 18;

/// Whether bytes begin as a text or as a known format does.
pub(super) fn is_likely(bytes: &[u8]) -> bool {
    is_known(bytes) || is_printable(bytes.get(..PRINTABLE).unwrap_or(bytes))
}

fn is_printable(bytes: &[u8]) -> bool {
    let plain = |c: char| !c.is_control() || matches!(c, '\n' | '\r' | '\t');
    if !bytes.iter().all(|byte| matches!(byte, b'\n' | b'\r' | b'\t' | b' '..=b'~' | 0x80..)) {
        return false;
    }
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        // A character that is cut at the end.
        Err(error) if error.error_len().is_none() => {
            let whole = bytes.get(..error.valid_up_to()).unwrap_or_default();
            std::str::from_utf8(whole).unwrap_or_default()
        }
        Err(_) => return false,
    };
    !text.is_empty() && text.chars().all(plain)
}
