//! Names, numbers and sentences of a report, cut to a length and made safe for the page.

use super::escaped;
use crate::base::size;
use crate::render::text::count;
use crate::report::{KeyName, escape};
use std::collections::BTreeMap;

/// Characters of a name that are shown; its length is said beside it.
const NAME_CHARS: usize = 200;
/// Characters of a sentence, a path or an argument.
const TEXT_CHARS: usize = 600;
/// Types that are named in a sentence.
const MOST_TYPES: usize = 12;
/// What stands where nothing is known.
pub(super) const NOTHING: &str = "<span class=\"none\">–</span>";

/// The beginning, and whether that is not all of it.
fn cut(text: &str, chars: usize) -> (&str, bool) {
    let end = text.char_indices().nth(chars).map(|(at, _)| at);
    end.and_then(|at| text.get(..at)).map_or((text, false), |head| (head, true))
}

/// A name as redis-cli writes it, as plain text: the script and the labels of charts put it where no markup is read.
pub(super) fn plain_name(name: &KeyName) -> String {
    if name.len_bytes() == 0 {
        return "(empty name)".into();
    }
    let text = escape(name.head());
    match cut(&text, NAME_CHARS) {
        (_, false) if name.is_whole() => text,
        (head, _) => format!("{head}… ({} bytes)", count(name.len_bytes())),
    }
}

/// A name for the page, set apart so that it cannot turn what stands around it.
pub(super) fn name(name: &KeyName) -> String {
    format!("<bdi class=\"k\">{}</bdi>", escaped(&plain_name(name)))
}

/// A sentence, a path or another text of the report.
pub(super) fn text(text: &str) -> String {
    match cut(text, TEXT_CHARS) {
        (whole, false) => escaped(whole),
        (head, true) => format!("{}… ({} bytes)", escaped(head), count(text.len() as u64)),
    }
}

/// The same of a name that is text already, as that of a source.
pub(super) fn source(name: &str) -> String {
    format!("<bdi class=\"k\">{}</bdi>", text(name))
}

/// A size that may not be known.
pub(super) fn bytes(bytes: Option<u64>) -> String {
    bytes.map_or_else(|| NOTHING.to_owned(), size::human)
}

/// `, 1.5 GiB`, or nothing where it is not known.
pub(super) fn and_bytes(bytes: Option<u64>) -> String {
    bytes.map(|bytes| format!(", {}", size::human(bytes))).unwrap_or_default()
}

/// A count that may be an estimate, with its standard error: `1,234 ±56`.
pub(super) fn count_with_error(number: u64, error: u64) -> String {
    with_error(&count(number), error, count)
}

/// The same of a size that may not be known.
pub(super) fn bytes_with_error(bytes: Option<u64>, error: u64) -> String {
    with_error(&self::bytes(bytes), error, size::human)
}

fn with_error(number: &str, error: u64, form: fn(u64) -> String) -> String {
    if error == 0 { number.to_owned() } else { format!("{number} <span class=\"pm\">±{}</span>", form(error)) }
}

/// Numbers of types, by name: `hash 2h, string 3d`.
pub(super) fn by_type(numbers: &BTreeMap<String, u64>, form: fn(u64) -> String) -> String {
    let listed = numbers.iter().take(MOST_TYPES).map(|(ty, number)| format!("{} {}", text(ty), form(*number)));
    listed.collect::<Vec<_>>().join(", ")
}

/// Thousandths of a whole; what is there has one at least.
pub(super) fn permille(part: u64, whole: u64) -> u64 {
    if part == 0 || whole == 0 {
        return 0;
    }
    let share = u128::from(part).saturating_mul(1000) / u128::from(whole);
    u64::try_from(share).unwrap_or(1000).clamp(1, 1000)
}

/// A bar that is filled as far as `part` is of `whole`.
pub(super) fn bar(part: u64, whole: u64, class: &str) -> String {
    let long = permille(part, whole);
    format!(
        "<svg class=\"bar\" viewBox=\"0 0 1000 10\" preserveAspectRatio=\"none\" aria-hidden=\"true\">\
         <rect class=\"{class}\" width=\"{long}\" height=\"10\"/></svg>"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_cut_by_characters_and_say_so() {
        assert_eq!(plain_name(&KeyName::whole(b"a\x1b")), "a\\x1b");
        assert_eq!(plain_name(&KeyName::whole(b"")), "(empty name)");
        let marks = "\u{301}".repeat(1000);
        assert_eq!(
            plain_name(&KeyName::whole(marks.as_bytes())).chars().filter(|c| *c == '\u{301}').count(),
            NAME_CHARS
        );
        assert!(plain_name(&KeyName::long(b"ab", 70_000, [0; 32])).ends_with("ab… (70,000 bytes)"));
    }

    #[test]
    fn what_is_there_can_be_seen() {
        assert_eq!([permille(0, 9), permille(1, u64::MAX), permille(1, 2), permille(9, 3)], [0, 1, 500, 1000]);
    }
}
