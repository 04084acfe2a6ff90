//! Whether anything speaks for a match of a rule, asked before its pattern is tried.

use super::scanner::About;
use hashbrown::HashMap;
use regex::bytes::Regex;

/// Names of fields whose answers are kept.
const FIELDS: usize = 256;

/// What hints said of the last key, and of names of fields.
#[derive(Debug, Default)]
pub(super) struct Hints {
    /// Copies with working memory of their own, by rule.
    patterns: HashMap<usize, Regex>,
    key: Vec<u8>,
    of_key: Vec<(usize, bool)>,
    of_fields: HashMap<Vec<u8>, Vec<(usize, bool)>>,
}

impl Hints {
    /// Whether the hint of a rule matches in the key, in the name of the field, or anywhere in these bytes of the text.
    pub(super) fn speak(&mut self, rule: usize, hint: &Regex, about: &About<'_>, text: &[u8]) -> bool {
        let hint = self.patterns.entry(rule).or_insert_with(|| hint.clone());
        if self.key != about.key {
            self.key.clear();
            self.key.extend_from_slice(about.key);
            self.of_key.clear();
        }
        if known(&mut self.of_key, rule, || hint.is_match(about.key)) {
            return true;
        }
        if !about.field.is_empty() {
            if self.of_fields.len() > FIELDS {
                self.of_fields.clear();
            }
            let of_field = self.of_fields.entry_ref(about.field).or_default();
            if known(of_field, rule, || hint.is_match(about.field)) {
                return true;
            }
        }
        hint.is_match(text)
    }
}

fn known(answers: &mut Vec<(usize, bool)>, rule: usize, ask: impl FnOnce() -> bool) -> bool {
    if let Some((_, answer)) = answers.iter().find(|(own, _)| *own == rule) {
        return *answer;
    }
    let answer = ask();
    answers.push((rule, answer));
    answer
}
