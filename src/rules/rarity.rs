//! How often bytes are to be expected in what is stored: JSON, markup, identifiers, numbers, base64.
//!
//! Only the speed hangs on it, never what is found.

use hashbrown::HashSet;
use std::sync::LazyLock;

/// The share of a byte, ASCII letters in either case.
fn share(byte: u8) -> f64 {
    match byte.to_ascii_lowercase() {
        b'e' | b'a' | b't' | b' ' | b'"' => 0.04,
        b'0'..=b'9' | b'i' | b'n' | b'o' | b'r' | b's' => 0.03,
        b'c' | b'd' | b'l' | b'm' | b'p' | b'u' | b'h' => 0.02,
        b'b' | b'f' | b'g' | b'y' | b'w' | b'v' | b'k' | b':' | b',' | b'-' | b'.' | b'/' => 0.012,
        b'j' | b'q' | b'x' | b'z' | b'_' | b'\n' | 0 => 0.008,
        b'=' | b'<' | b'>' | b'{' | b'}' | b'(' | b')' | b'[' | b']' | b'+' | b';' | b'\\' => 0.004,
        0x80.. => 0.002,
        _ => 0.001,
    }
}

/// Words that are in many values: their parts are no sign of anything.
const COMMON: [&str; 48] = [
    "https://", "http://", "://www.", ".com/", "name", "user", "true", "false", "null", "type", "value", "content",
    "data", "string", "token", "password", "secret", "email", "time", "date", "created", "updated", "status", "count",
    "message", "text", "title", "image", "link", "href", "class", "style", "script", "function", "return", "session",
    "object", "array", "number", "index", "script>", "version", "address", "first", "request", "response", "\":\"",
    "private",
];

/// Their parts, in lower case.
fn is_common(bytes: &[u8]) -> bool {
    static PARTS: LazyLock<HashSet<&'static [u8]>> = LazyLock::new(|| {
        let parts = |word: &'static str| (3..=word.len()).flat_map(move |long| word.as_bytes().windows(long));
        COMMON.into_iter().flat_map(parts).collect()
    });
    PARTS.contains(bytes)
}

/// The expected share of places at which these bytes stand, in either case.
pub(super) fn gram(bytes: &[u8]) -> f64 {
    let share: f64 = bytes.iter().map(|byte| share(*byte)).product();
    // Letters stand together as words have them, not by chance.
    let word = bytes.iter().all(u8::is_ascii_alphabetic);
    match bytes.len() {
        3.. if is_common(bytes) => share.max(1e-3),
        3 if word => share.max(3e-5),
        4.. if word => share.max(3e-6),
        _ => share,
    }
}

/// What looking for the literal costs, as the share of places that must be looked at closely; none if it is too short. At so
/// many of its `edges` no letter and no digit may stand.
pub(super) fn expected(literal: &[u8], edges: usize) -> Option<f64> {
    // Each literal costs something even if it is never there; where it stands a pattern is tried, which costs more than a look.
    const EACH: f64 = 5e-6;
    const TRIED: f64 = 20.0;
    let there = gram(literal);
    let tried = there * TRIED / [1.0, 3.0, 9.0].get(edges).unwrap_or(&1.0);
    match literal.len() {
        0 | 1 => None,
        2 => (there < 3e-5).then_some(tried + 1e-5),
        _ => Some(offset(literal).1 + tried + EACH),
    }
}

/// Of a literal of three bytes or more, the place whose bytes are the rarest, and how often they are to be expected: four bytes
/// from there and four from the next place. One may have any byte before the literal, the other any behind.
pub(super) fn offset(literal: &[u8]) -> (isize, f64) {
    let four = |at: usize| gram(literal.get(at..literal.len().min(at.saturating_add(4))).unwrap_or_default());
    let pairs =
        (0..literal.len().saturating_sub(3)).map(|at| (at.cast_signed(), four(at) + four(at.saturating_add(1))));
    // Any byte before takes many entries.
    let before = gram(literal.get(..3).unwrap_or(literal)) + four(0) + 1e-6;
    pairs.chain([(-1, before)]).min_by(|a, b| a.1.total_cmp(&b.1)).unwrap_or((-1, 1.0))
}
