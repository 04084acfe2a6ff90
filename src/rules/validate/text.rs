//! What a secret looks like as text.

use base64::Engine;
use base64::alphabet::{STANDARD, URL_SAFE};
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

/// Shannon entropy in bits per byte, 0 to 8.
#[allow(clippy::cast_precision_loss, reason = "counts of one text")]
pub fn entropy(bytes: &[u8]) -> f64 {
    let mut counts = [0_u32; 256];
    for byte in bytes {
        if let Some(count) = counts.get_mut(usize::from(*byte)) {
            *count = count.saturating_add(1);
        }
    }
    let total = bytes.len() as f64;
    let share = |count: &u32| f64::from(*count) / total;
    counts.iter().filter(|count| **count > 0).map(share).map(|share| -share * share.log2()).sum()
}

/// How many different bytes there are.
pub(super) fn distinct(bytes: &[u8]) -> usize {
    let mut seen = [false; 256];
    for byte in bytes {
        if let Some(seen) = seen.get_mut(usize::from(*byte)) {
            *seen = true;
        }
    }
    seen.iter().filter(|seen| **seen).count()
}

const TOLERANT: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_padding_mode(DecodePaddingMode::Indifferent)
    .with_decode_allow_trailing_bits(true);

/// What base64 of either alphabet says, padded or not.
pub(super) fn base64(text: &[u8]) -> Option<Vec<u8>> {
    const PLAIN: GeneralPurpose = GeneralPurpose::new(&STANDARD, TOLERANT);
    const URL: GeneralPurpose = GeneralPurpose::new(&URL_SAFE, TOLERANT);
    let engine = if text.iter().any(|byte| matches!(byte, b'-' | b'_')) { URL } else { PLAIN };
    engine.decode(text).ok()
}

/// Whether it is base64 of printable text; none if it is no base64 at all.
pub(super) fn decodes_to_text(secret: &[u8]) -> Option<bool> {
    let decoded = base64(secret).filter(|decoded| !decoded.is_empty())?;
    let printable = |text: &str| text.chars().all(|c| !c.is_control() || matches!(c, '\n' | '\r' | '\t'));
    Some(std::str::from_utf8(&decoded).is_ok_and(printable))
}

/// Whether it is what identifies or hashes: a UUID, or as many hexadecimal digits as an MD5, SHA-1 or SHA-256 has.
pub(super) fn is_uuid_or_hash(secret: &[u8]) -> bool {
    if matches!(secret.len(), 32 | 40 | 64) {
        return secret.iter().all(u8::is_ascii_hexdigit);
    }
    secret.len() == 36
        && secret.iter().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => *byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

/// Words that stand where a password would.
const STAND_INS: [&str; 26] = [
    "changeme",
    "change_me",
    "change-me",
    "changeit",
    "dummy",
    "empty",
    "example",
    "false",
    "hidden",
    "masked",
    "nil",
    "none",
    "null",
    "passwd",
    "password",
    "placeholder",
    "redacted",
    "removed",
    "replaceme",
    "sample",
    "secret",
    "todo",
    "true",
    "undefined",
    "yourpassword",
    "your_password",
];

/// Whether it stands for a password and is none: empty, a template, a word such as `changeme`, one character again and again.
pub(super) fn is_placeholder(secret: &[u8]) -> bool {
    let trimmed = secret.trim_ascii();
    let lower = trimmed.to_ascii_lowercase();
    let between = |open: &[u8], close: &[u8]| trimmed.starts_with(open) && trimmed.ends_with(close);
    let repeated = distinct(trimmed) <= 1;
    let filled = lower.len() >= 3 && lower.iter().all(|byte| matches!(byte, b'x' | b'*' | b'.' | b'-' | b'_'));
    let variable = trimmed
        .strip_prefix(b"$")
        .is_some_and(|name| !name.is_empty() && name.iter().all(|b| b.is_ascii_uppercase() || *b == b'_'));
    let template = [
        (&b"${"[..], &b"}"[..]),
        (b"{{", b"}}"),
        (b"<", b">"),
        (b"%(", b")s"),
        (b"%", b"%"),
        (b"#{", b"}"),
        (b"[", b"]"),
        (b"$(", b")"),
    ];
    repeated
        || filled
        || variable
        || template.iter().any(|(open, close)| between(open, close))
        || STAND_INS.iter().any(|word| lower == word.as_bytes())
        || memchr::memmem::find(&lower, b"example").is_some()
}
