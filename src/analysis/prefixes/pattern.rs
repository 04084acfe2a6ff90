//! The pattern of a key: its name with its separators found and its ids folded. A function of the name alone.
//!
//! ```text
//! user:4711:profile               user:│{n}:│profile
//! session0000001234               session{n}
//! cache.v2.item                   cache.│v2.│item
//! log:2026-01-31T10:20:30Z:err    log:│{date}:│err
//! {user1000}.following            {user{n}}.│following
//! ```
//!
//! A name is cut at the strongest separators it has: `: / | # ; ,`, else dots, else hyphens and underscores. Weaker ones stay
//! inside their segment, as in `shopping_cart:{n}`.

/// Stands after each cut (`│` above). Patterns hold no other zero byte: segments that have one are `{bytes}`.
pub(in crate::analysis) const MARK: u8 = 0;
/// Cuts per pattern; what follows the last one is one piece.
const MOST_CUTS: usize = 6;
/// The depth of whole patterns, in pieces.
pub(in crate::analysis) const WHOLE: usize = MOST_CUTS + 1;
/// Bytes of a name that are looked at. A longer one ends with `{long}`.
const MOST_BYTES: usize = 256;
/// Longest segment that stands for itself, in bytes after folding.
const MOST_SEGMENT: usize = 64;
/// Shortest word that may be a random token.
const LEAST_TOKEN: usize = 12;
/// Shortest word that may be a hash.
const LEAST_HEX: usize = 8;
/// Digits inside a word from which on they are a number: `v2` and `shard12` are names, `user042` is not.
const LEAST_DIGITS: usize = 3;

const STRONG: u8 = 1;
const DOT: u8 = 2;
const WEAK: u8 = 4;
const DIGIT: u8 = 8;
const LOWER: u8 = 16;
const UPPER: u8 = 32;
/// Control characters, and whatever is no ASCII.
const ODD: u8 = 64;
/// Letters that are no hexadecimal digits.
const PAST_F: u8 = 128;

/// What each byte may be.
static CLASSES: [u8; 256] = {
    let mut classes = [0; 256];
    let mut byte: u8 = 0;
    loop {
        classes[byte as usize] = match byte {
            b':' | b'/' | b'|' | b'#' | b';' | b',' => STRONG,
            b'.' => DOT,
            b'-' | b'_' => WEAK,
            b'0'..=b'9' => DIGIT,
            b'a'..=b'f' => LOWER,
            b'g'..=b'z' => LOWER | PAST_F,
            b'A'..=b'F' => UPPER,
            b'G'..=b'Z' => UPPER | PAST_F,
            0..=31 | 127..=255 => ODD,
            _ => 0,
        };
        if byte == u8::MAX {
            break classes;
        }
        byte += 1;
    }
};

#[inline]
fn class(byte: u8) -> u8 {
    CLASSES.get(usize::from(byte)).copied().unwrap_or(ODD)
}

/// Puts the pattern of a name in place of what is in `out`, no further than its cut of number `depth`. At most some 1,100 bytes.
pub(in crate::analysis) fn write(name: &[u8], depth: usize, out: &mut Vec<u8>) {
    out.clear();
    if depth == 0 {
        return;
    }
    let mut rest = name.get(..MOST_BYTES).unwrap_or(name);
    let seen = rest.iter().fold(0, |seen, byte| seen | class(*byte));
    let separator = [STRONG, DOT].into_iter().find(|class| seen & class != 0).unwrap_or(WEAK);
    let mut cuts = 0;
    while !rest.is_empty() && cuts < depth {
        let length = if let Some((length, placeholder)) = dashed(rest) {
            out.extend_from_slice(placeholder);
            length
        } else {
            let found = survey(rest, separator);
            segment(found, out);
            found.bytes.len()
        };
        rest = rest.get(length..).unwrap_or_default();
        // `a::b` is cut once.
        let run = rest.iter().take_while(|byte| class(**byte) == separator).count();
        if run > 0 {
            out.extend_from_slice(rest.get(..run).unwrap_or_default());
            rest = rest.get(run..).unwrap_or_default();
            if cuts < MOST_CUTS {
                out.push(MARK);
                cuts += 1;
            }
        }
    }
    if name.len() > MOST_BYTES && cuts < depth {
        out.extend_from_slice(b"{long}");
    }
}

/// What has separators inside and is one thing: a UUID, a date with or without its time, an IPv4 address.
#[inline]
fn dashed(rest: &[u8]) -> Option<(usize, &'static [u8])> {
    let found: (usize, &[u8]) = if rest.get(8) == Some(&b'-') && is_uuid(rest) {
        (36, b"{uuid}")
    } else if rest.get(4) == Some(&b'-')
        && let Some(length) = date(rest)
    {
        (length, b"{date}")
    } else if rest.first().is_some_and(u8::is_ascii_digit)
        && let Some(length) = address(rest)
    {
        (length, b"{ip}")
    } else {
        return None;
    };
    let ends = rest.get(found.0).is_none_or(|byte| !byte.is_ascii_alphanumeric());
    ends.then_some(found)
}

fn is_uuid(rest: &[u8]) -> bool {
    let Some(bytes) = rest.first_chunk::<36>() else { return false };
    let dashes = [8, 13, 18, 23].into_iter().all(|at| bytes.get(at) == Some(&b'-'));
    // All are counted, as nothing foretells which of them are letters: a branch for each would cost more.
    dashes && bytes.iter().filter(|byte| byte.is_ascii_hexdigit()).count() == 32
}

/// Whether the bytes begin like this: `d` is any digit, the rest itself.
fn shaped(bytes: &[u8], shape: &[u8]) -> bool {
    let fits = |(byte, shape): (&u8, &u8)| if *shape == b'd' { byte.is_ascii_digit() } else { byte == shape };
    bytes.len() >= shape.len() && bytes.iter().zip(shape).all(fits)
}

/// The length of `2026-01-31`, with a time after it as ISO 8601 writes it.
fn date(rest: &[u8]) -> Option<usize> {
    if !shaped(rest, b"dddd-dd-dd") {
        return None;
    }
    let mut length = 10;
    let after = |length: usize| rest.get(length..).unwrap_or_default();
    if !matches!(after(length).first(), Some(b'T' | b't' | b' ' | b'_')) || !shaped(after(11), b"dd:dd") {
        return Some(length);
    }
    length = 16;
    if shaped(after(length), b":dd") {
        length += 3;
    }
    if shaped(after(length), b".d") {
        length += 1 + digits(after(length + 1));
    }
    if matches!(after(length).first(), Some(b'Z' | b'z')) {
        length += 1;
    } else if shaped(after(length), b"+dd:dd") || shaped(after(length), b"-dd:dd") {
        length += 6;
    }
    Some(length)
}

/// The length of four numbers of up to three digits with dots between them.
fn address(rest: &[u8]) -> Option<usize> {
    let mut length = 0;
    for part in 0..4 {
        if part > 0 {
            (rest.get(length) == Some(&b'.')).then_some(())?;
            length += 1;
        }
        let digits = digits(rest.get(length..)?);
        (1..=3).contains(&digits).then_some(())?;
        length += digits;
    }
    (rest.get(length) != Some(&b'.')).then_some(length)
}

fn digits(bytes: &[u8]) -> usize {
    bytes.iter().take_while(|byte| byte.is_ascii_digit()).count()
}

/// Bytes, the classes that occur in them, and how many are digits.
#[derive(Clone, Copy)]
struct Surveyed<'a> {
    bytes: &'a [u8],
    seen: u8,
    digits: usize,
}

/// What stands before the first byte of this class.
#[inline]
fn survey(bytes: &[u8], separator: u8) -> Surveyed<'_> {
    let (mut seen, mut digits, mut length) = (0, 0, 0);
    for byte in bytes {
        let class = class(*byte);
        if class == separator {
            break;
        }
        seen |= class;
        digits += usize::from(class == DIGIT);
        length += 1;
    }
    Surveyed { bytes: bytes.get(..length).unwrap_or(bytes), seen, digits }
}

/// Writes what stands between two separators.
#[inline]
fn segment(segment: Surveyed<'_>, out: &mut Vec<u8>) {
    let Surveyed { bytes, seen, digits } = segment;
    if digits == 0 && bytes.len() < LEAST_TOKEN && seen & ODD == 0 {
        out.extend_from_slice(bytes);
    } else if seen & ODD != 0 && !is_text(bytes) {
        out.extend_from_slice(b"{bytes}");
    } else if let Some(placeholder) = id(segment) {
        out.extend_from_slice(placeholder);
    } else {
        let begin = out.len();
        words(bytes, out);
        if out.len().saturating_sub(begin) > MOST_SEGMENT {
            out.truncate(begin);
            out.extend_from_slice(b"{long}");
        }
    }
}

fn is_text(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_ok_and(|text| !text.chars().any(char::is_control))
}

/// What a word or a whole segment stands for, if it is an id.
fn id(word: Surveyed<'_>) -> Option<&'static [u8]> {
    let Surveyed { bytes, seen, digits } = word;
    if digits == bytes.len() && digits > 0 {
        Some(b"{n}")
    } else if digits > 0 && bytes.len() >= LEAST_HEX && seen & !(DIGIT | LOWER | UPPER) == 0 {
        Some(b"{hex}")
    } else {
        is_token(word).then_some(b"{token}")
    }
}

/// Whether letters and digits change as often as they do by chance: base64, ULIDs, session ids. A word in camel case does not.
fn is_token(word: Surveyed<'_>) -> bool {
    let Surveyed { bytes, seen, digits } = word;
    let base64 = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'+' | b'=' | b'~');
    if bytes.len() < LEAST_TOKEN || seen & ODD != 0 || !bytes.iter().all(base64) {
        return false;
    }
    if digits == 0 {
        let count = |wanted: u8| bytes.iter().filter(|byte| class(**byte) & wanted != 0).count();
        return bytes.len() >= 20 && count(UPPER) * 3 >= bytes.len() && count(LOWER) * 4 >= bytes.len();
    }
    let changes = |pair: &&[u8]| {
        let [before, after] = **pair else { return false };
        let kind = |byte| class(byte) & (DIGIT | LOWER | UPPER);
        matches!((kind(before), kind(after)), (LOWER, UPPER) | (LOWER | UPPER, DIGIT) | (DIGIT, LOWER | UPPER))
    };
    bytes.windows(2).filter(changes).count() * 5 >= bytes.len()
}

/// Folds the words of a segment one by one; what stands between them stays.
fn words(bytes: &[u8], out: &mut Vec<u8>) {
    let in_word = |byte: &u8| class(*byte) & (DIGIT | LOWER | UPPER | ODD) != 0;
    for run in bytes.chunk_by(|a, b| in_word(a) == in_word(b)) {
        // No byte is of this class: all of it.
        let word = survey(run, u8::MAX);
        match id(word) {
            Some(placeholder) if run.first().is_some_and(in_word) => out.extend_from_slice(placeholder),
            _ if word.digits < LEAST_DIGITS => out.extend_from_slice(run),
            _ => numbers(run, out),
        }
    }
}

/// Folds the long runs of digits in a word.
fn numbers(word: &[u8], out: &mut Vec<u8>) {
    for run in word.chunk_by(|a, b| a.is_ascii_digit() == b.is_ascii_digit()) {
        let number = run.len() >= LEAST_DIGITS && run.first().is_some_and(u8::is_ascii_digit);
        out.extend_from_slice(if number { b"{n}" } else { run });
    }
}

#[cfg(test)]
mod tests {
    use super::{MARK, WHOLE, write};

    fn pattern(name: &[u8]) -> String {
        let mut out = Vec::new();
        write(name, WHOLE, &mut out);
        assert!(out.iter().all(|byte| *byte == MARK || *byte >= b' '), "{name:?}");
        String::from_utf8(out).unwrap_or_default().replace('\0', "│")
    }

    #[test]
    fn separators_are_found_and_ids_folded() {
        for (name, expected) in [
            ("", ""),
            ("plain", "plain"),
            ("user:4711:profile", "user:│{n}:│profile"),
            ("user:4711", "user:│{n}"),
            ("user:", "user:│"),
            ("a::b", "a::│b"),
            ("/var/log", "/│var/│log"),
            ("user-123", "user-│{n}"),
            ("user_123", "user_│{n}"),
            ("shopping_cart:9:line-items", "shopping_cart:│{n}:│line-items"),
            ("order-123:items", "order-{n}:│items"),
            ("cache.v2.item", "cache.│v2.│item"),
            ("session0000001234", "session{n}"),
            ("shard12:x", "shard12:│x"),
            ("user0042x77", "user{n}x77"),
            ("{user1000}.following", "{user{n}}.│following"),
            ("{tag}:x", "{tag}:│x"),
            ("s:550e8400-e29b-41d4-a716-446655440000:x", "s:│{uuid}:│x"),
            ("session-550e8400-e29b-41d4-a716-446655440000", "session-│{uuid}"),
            ("report-2026-01-31", "report-│{date}"),
            ("log:2026-01-31T10:20:30Z:err", "log:│{date}:│err"),
            ("log:2026-01-31T10:20:30.125+02:00", "log:│{date}"),
            ("rate:10.0.0.1:login", "rate:│{ip}:│login"),
            ("rate.10.0.0.1", "rate.│{ip}"),
            ("version.1.2.3", "version.│{n}.│{n}.│{n}"),
            ("h:d41d8cd98f00b204e9800998ecf8427e", "h:│{hex}"),
            ("sess:V1StGXR8Z5jdHi6BmyT", "sess:│{token}"),
            ("sess:01ARZ3NDEKTSV4RRFFQ69G5FAV", "sess:│{token}"),
            ("t:aGVsbG8-d29ybGQ_x3Q9", "t:│{token}"),
            ("t:qWeRtYuIoPaSdFgHjKlZ", "t:│{token}"),
            ("api:getUserByIdForAccount:v2", "api:│getUserByIdForAccount:│v2"),
            ("my-feature-2-beta:x", "my-feature-{n}-beta:│x"),
            ("grüße:名前:12", "grüße:│名前:│{n}"),
            ("a:1:2:3:4:5:6:7", "a:│{n}:│{n}:│{n}:│{n}:│{n}:│{n}:{n}"),
        ] {
            assert_eq!(pattern(name.as_bytes()), expected, "{name}");
        }
    }

    #[test]
    fn a_pattern_that_is_cut_short_is_the_beginning_of_the_whole() {
        let long = [b"a:b:".to_vec(), b"x".repeat(300), b":".to_vec()].concat();
        for name in
            [b"user:4711:profile".as_slice(), b"a::b:", b"plain", b"", &b":".repeat(300), &b"ab:".repeat(100), &long]
        {
            let (mut whole, mut short) = (Vec::new(), Vec::new());
            write(name, WHOLE, &mut whole);
            for depth in 0..WHOLE {
                write(name, depth, &mut short);
                let expected: Vec<u8> =
                    whole.split_inclusive(|byte| *byte == MARK).take(depth).flatten().copied().collect();
                assert_eq!(short, expected, "{} down to {depth}", name.escape_ascii());
            }
        }
    }

    #[test]
    fn what_cannot_be_shown_is_folded() {
        assert_eq!(pattern(b"u:\x00\x01:x"), "u:│{bytes}:│x");
        assert_eq!(pattern(b"u:\xff\xfe:x"), "u:│{bytes}:│x");
        assert_eq!(pattern("u:a\u{85}b".as_bytes()), "u:│{bytes}");
        assert_eq!(pattern(format!("u:{}:x", "word ".repeat(20)).as_bytes()), "u:│{long}:│x");
        assert!(pattern(&b"ab:".repeat(1000)).ends_with("{long}"));
        let worst = pattern(&b"1:".repeat(500));
        assert!(worst.len() < 1200 && worst.ends_with("{long}"), "{}", worst.len());
    }
}
