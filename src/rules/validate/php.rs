//! What PHP serialized: lengths that are stated are the real ones.

use super::Candidate;

/// Whether the first name of a class or enumeration, or the first string, that begins in the match is as long as it says and
/// ends as it must.
pub(super) fn has_stated_length(candidate: &Candidate<'_>) -> bool {
    let text = candidate.rest();
    (0..candidate.matched.len()).filter_map(|at| text.get(at..)).find_map(first).unwrap_or(false)
}

/// None if no such thing begins here.
fn first(text: &[u8]) -> Option<bool> {
    let [kind @ (b'O' | b'C' | b'E' | b's'), b':', rest @ ..] = text else { return None };
    let rest = rest.strip_prefix(b"+").unwrap_or(rest);
    let count = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (digits, rest) = rest.split_at_checked(count).filter(|_| (1..=9).contains(&count))?;
    let inner = rest.strip_prefix(b":\"")?;
    let stated = digits.iter().fold(0_usize, |number, digit| number * 10 + usize::from(digit - b'0'));
    let Some((name, end)) = inner.split_at_checked(stated) else { return Some(false) };
    Some(match kind {
        b's' => end.starts_with(b"\";"),
        b'E' => end.starts_with(b"\";") && is_name(name),
        _ => end.starts_with(b"\":") && is_name(name),
    })
}

/// Names of classes, of cases with their class, and of anonymous classes, which carry a path behind a zero byte.
fn is_name(name: &[u8]) -> bool {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'\\' | b':' | 0x80..);
    name.starts_with(b"class@anonymous\0") || !name.is_empty() && name.iter().all(plain)
}
