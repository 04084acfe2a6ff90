//! Whether anything speaks for a match of a rule, asked before its pattern is tried.

use super::grams::Grams;
use super::matcher::Set;
use super::prefilter::{self, Literal};
use super::rule::Rule;
use super::scanner::About;
use hashbrown::HashMap;
use regex::bytes::Regex;
use std::collections::BTreeMap;

/// Names of fields whose answers are kept.
const FIELDS: usize = 256;

/// The literals of all hints: without one of its own, none of them matches. Shared by all workers.
#[derive(Debug)]
pub(super) struct HintWords {
    grams: Grams,
    /// Of each literal, whose it is.
    uses: Vec<Vec<(usize, Literal)>>,
    /// Rules whose hint has none.
    without: Vec<usize>,
}

impl HintWords {
    /// Those of all rules that match only with their hint.
    pub(super) fn new(rules: &[Rule]) -> Self {
        let mut literals: BTreeMap<Vec<u8>, Vec<(usize, Literal)>> = BTreeMap::new();
        let mut without = Vec::new();
        for (number, rule) in rules.iter().enumerate().filter(|(_, rule)| rule.without_hint.is_none()) {
            let Some(hint) = &rule.hint else { continue };
            match prefilter::told(hint.as_str(), false).ok().and_then(|told| told.literals) {
                Some(found) => found.list.into_iter().for_each(|literal| {
                    literals.entry(literal.bytes.clone()).or_default().push((number, literal));
                }),
                None => without.push(number),
            }
        }
        let (words, uses) = literals.into_iter().unzip();
        Self { grams: Grams::new(words), uses, without }
    }

    /// The rules whose hint may match in these bytes.
    fn may_match(&self, text: &[u8], rules: &mut Vec<usize>) {
        rules.clear();
        rules.extend_from_slice(&self.without);
        self.grams.find(text, |at, word| {
            for (rule, literal) in self.uses.get(word).map_or(&[][..], Vec::as_slice) {
                if literal.may_stand(text, at) && !rules.contains(rule) {
                    rules.push(*rule);
                }
            }
        });
    }
}

/// Which rules are for the values of a field, by its name: what was said of the last names.
#[derive(Debug, Default)]
pub(super) struct Fields {
    rules: HashMap<Vec<u8>, Vec<usize>>,
    set: usize,
}

impl Fields {
    /// Those among the rules of a set that find their candidates by the name of the field.
    pub(super) fn rules(&mut self, set: &Set, rules: &[Rule], field: &[u8]) -> &[usize] {
        if set.by_field.is_empty() || field.is_empty() {
            return &[];
        }
        if self.set != set.number || self.rules.len() > FIELDS {
            self.rules.clear();
            self.set = set.number;
        }
        self.rules.entry_ref(field).or_insert_with(|| {
            let is_for = |rule: &usize| {
                rules.get(*rule).and_then(|rule| rule.field.as_ref()).is_some_and(|name| name.is_match(field))
            };
            set.by_field.iter().copied().filter(is_for).collect()
        })
    }
}

/// What hints said of the last key, of names of fields, and of the text in hand.
#[derive(Debug, Default)]
pub(super) struct Hints {
    /// Copies with working memory of their own, by rule.
    patterns: HashMap<usize, Regex>,
    key: Vec<u8>,
    in_key: Vec<usize>,
    of_key: Vec<(usize, bool)>,
    of_fields: HashMap<Vec<u8>, Vec<(usize, bool)>>,
    in_text: Option<Vec<usize>>,
}

impl Hints {
    /// Another text is asked about.
    pub(super) fn begin(&mut self) {
        self.in_text = None;
    }

    /// Whether the hint of a rule matches in the key, in the name of the field, or anywhere in these bytes of the text.
    pub(super) fn speak(
        &mut self,
        words: &HintWords,
        (rule, hint): (usize, &Regex),
        about: &About<'_>,
        text: &[u8],
    ) -> bool {
        let hint = self.patterns.entry(rule).or_insert_with(|| hint.clone());
        if self.key != about.key {
            self.key.clear();
            self.key.extend_from_slice(about.key);
            self.of_key.clear();
            words.may_match(about.key, &mut self.in_key);
        }
        if self.in_key.contains(&rule) && known(&mut self.of_key, rule, || hint.is_match(about.key)) {
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
        let in_text = self.in_text.get_or_insert_with(|| {
            let mut rules = Vec::new();
            words.may_match(text, &mut rules);
            rules
        });
        in_text.contains(&rule) && hint.is_match(text)
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
