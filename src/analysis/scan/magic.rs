//! What a file that should be a dump really is.

/// What sort of program begins so; none if it is none.
pub(super) fn program(head: &[u8]) -> Option<&'static str> {
    match head {
        [0x7f, b'E', b'L', b'F', ..] => Some("an ELF program or library"),
        [b'M', b'Z', ..] if is_pe(head) => Some("a Windows program or library"),
        [0xfe, 0xed, 0xfa, 0xce | 0xcf, ..] | [0xce | 0xcf, 0xfa, 0xed, 0xfe, ..] => {
            Some("a Mach-O program or library")
        }
        // A Java class has a version of 45 or more where a Mach-O of several machines counts them.
        [0xca, 0xfe, 0xba, 0xbe, 0, 0, 0, machines, ..] if *machines < 45 => Some("a Mach-O program or library"),
        [0xca, 0xfe, 0xba, 0xbe, ..] => Some("a Java class"),
        [b'#', b'!', b'/', ..] | [b'#', b'!', b' ', b'/', ..] => Some("a script"),
        _ if head.starts_with(b"<?php") => Some("a PHP script"),
        _ => None,
    }
}

/// `MZ` are two letters: a program has the place of its second header, or bytes that no text has.
fn is_pe(head: &[u8]) -> bool {
    let at = head.get(0x3c..0x40).and_then(|four| four.first_chunk::<4>()).map(|four| u32::from_le_bytes(*four));
    let second = at.and_then(|at| head.get(usize::try_from(at).ok()?..));
    second.is_some_and(|rest| rest.starts_with(b"PE\0\0")) || head.get(..64).unwrap_or(head).contains(&0)
}

/// Whether bytes are text, as far as their beginning tells.
pub(super) fn is_text(head: &[u8]) -> bool {
    let text = |byte: &u8| matches!(byte, b'\t' | b'\n' | b'\r' | b' '..=b'~' | 0x80..=0xff);
    !head.is_empty() && head.iter().all(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_by_their_magic() {
        assert_eq!(program(b"\x7fELF\x02\x01\x01"), Some("an ELF program or library"));
        assert_eq!(program(b"MZ\x90\0\x03\0\0\0"), Some("a Windows program or library"));
        assert_eq!(program(b"MZ are the initials of the one who made it, and this is a text of some length"), None);
        assert_eq!(program(b"\xcf\xfa\xed\xfe\x07"), Some("a Mach-O program or library"));
        assert_eq!(program(b"\xca\xfe\xba\xbe\0\0\0\x02"), Some("a Mach-O program or library"));
        assert_eq!(program(b"\xca\xfe\xba\xbe\0\0\0\x34"), Some("a Java class"));
        assert_eq!(program(b"#!/bin/sh\n"), Some("a script"));
        for other in [&b"REDIS0011"[..], b"", b"#", b"# notes", b"hello"] {
            assert_eq!(program(other), None);
        }
    }
}
