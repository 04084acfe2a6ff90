//! Texts of templates.
//!
//! `«slot»` is replaced by something made, `«slot:TEXT»` by something made of the text, which may have slots of its own. A `·` is
//! left out: it parts words that would make virus scanners take this source for what it describes. The byte after a `‸` is the one
//! without which the rule must not fire: the mutated text has a `~` there. `«!slot»` is the secret that outputs must not have.

use super::dice::Dice;
use super::{make, nest};

/// What came of a template.
#[derive(Debug, Clone, Default)]
pub(crate) struct Expanded {
    pub(crate) bytes: Vec<u8>,
    /// What stands in a `«!slot»`.
    pub(crate) secrets: Vec<String>,
    /// Whether there is a byte to mutate.
    pub(crate) marked: bool,
}

/// The text of a template; `mutated`, with its essential byte broken. The same dice make the same text but for that byte.
pub(crate) fn expand(template: &str, dice: &mut Dice, mutated: bool) -> Expanded {
    let mut out = Expanded::default();
    fill(template, dice, mutated, &mut out);
    out
}

fn fill(template: &str, dice: &mut Dice, mutated: bool, out: &mut Expanded) {
    let mut rest = template;
    let mut breaks = false;
    while let Some(next) = rest.chars().next() {
        let after = &rest[next.len_utf8()..];
        match next {
            '·' => rest = after,
            '‸' => {
                (breaks, out.marked) = (mutated, true);
                rest = after;
            }
            '«' => {
                let (inner, beyond) = closed(after);
                let from = out.bytes.len();
                slot(inner, dice, mutated, out);
                if std::mem::take(&mut breaks) {
                    out.bytes[from] = b'~';
                }
                rest = beyond;
            }
            _ => {
                let from = out.bytes.len();
                out.bytes.extend_from_slice(&rest.as_bytes()[..next.len_utf8()]);
                if std::mem::take(&mut breaks) {
                    out.bytes[from] = b'~';
                }
                rest = after;
            }
        }
    }
}

/// The inside of a slot, and what follows it.
fn closed(text: &str) -> (&str, &str) {
    let mut depth = 1;
    for (at, char) in text.char_indices() {
        match char {
            '«' => depth += 1,
            '»' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return (&text[..at], &text[at + char.len_utf8()..]);
        }
    }
    panic!("a slot is not closed: {text}");
}

fn slot(inner: &str, dice: &mut Dice, mutated: bool, out: &mut Expanded) {
    let (inner, is_secret) = inner.strip_prefix('!').map_or((inner, false), |inner| (inner, true));
    let (name, argument) = inner.split_once(':').map_or((inner, None), |(name, text)| (name, Some(text)));
    let made = match argument {
        Some(text) if nest::NAMES.contains(&name) => {
            let mut nested = Expanded::default();
            fill(text, dice, mutated, &mut nested);
            out.marked |= nested.marked;
            out.secrets.append(&mut nested.secrets);
            nest::nest(name, &nested.bytes)
        }
        _ => make::make(name, argument.unwrap_or(""), dice),
    };
    if is_secret {
        out.secrets.push(String::from_utf8_lossy(&made).into_owned());
    }
    out.bytes.extend_from_slice(&made);
}
