//! Rules by the texts they are for, and how candidates of all of them are found in one pass.

use super::class;
use super::grams::Grams;
use super::hints::HintWords;
use super::prefilter::{Literal, is_bounded};
use super::rule::{Candidates, Class, LONGEST, Rule, Run};
use super::scanner::CONTEXT;
use crate::report::Where;
use std::collections::BTreeMap;
use std::ops::Range;

/// Every part of the evidence that has texts.
const PLACES: [Where; 8] =
    [Where::Key, Where::Value, Where::Field, Where::Element, Where::Function, Where::Aux, Where::Command, Where::Log];
/// Bytes before a match that are looked at for a rule's hint.
pub(super) const BEFORE: usize = 60;

/// All rules, ready to be looked for. Shared by all workers.
#[derive(Debug)]
pub(super) struct Matcher {
    sets: Vec<Set>,
    by_place: Vec<(Where, usize)>,
    /// The longest match of each rule's pattern; none: no bound.
    pub(super) longest: Vec<Option<usize>>,
    pub(super) hints: HintWords,
}

/// Rules that are for the same texts.
#[derive(Debug)]
pub(super) struct Set {
    /// Its place among the sets.
    pub(super) number: usize,
    /// Those with a pattern.
    pub(super) rules: Vec<usize>,
    grams: Grams,
    /// Of each literal, whom it speaks for.
    uses: Vec<Vec<Use>>,
    /// What texts begin with, by the first byte; whom it speaks for, and up to where its matches begin.
    starts: Vec<Vec<(Vec<u8>, usize, usize)>>,
    classes: Vec<Classed>,
    /// Those for values of fields, by the name of the field.
    pub(super) by_field: Vec<usize>,
    /// Those whose candidates are found by what may be far from the match.
    far: Vec<usize>,
    /// Bytes that are needed behind a place before it is judged, and kept before it.
    pub(super) ahead: usize,
    pub(super) behind: usize,
}

/// The rules that name a class scanner, and the shortest text that one of them can match.
#[derive(Debug)]
struct Classed {
    class: Class,
    least: usize,
    /// Each with what it asks of a run.
    rules: Vec<(usize, Run)>,
}

#[derive(Debug, Clone, Copy)]
struct Use {
    rule: usize,
    before: Option<usize>,
    bytes: usize,
    /// Whether it begins a word, and whether it ends one.
    edges: (bool, bool),
}

/// Where a match of a rule can begin: from and to, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Span {
    pub(super) rule: usize,
    pub(super) from: usize,
    pub(super) to: usize,
}

/// Spans of one text, as they come.
#[derive(Debug, Default)]
pub(super) struct Spans {
    pub(super) list: Vec<Span>,
    /// Of each rule, its last span in `list`, if it is of this round.
    last: Vec<(u64, usize)>,
    round: u64,
    /// Runs of 20 or more characters of base64.
    pub(super) long_runs: Vec<Range<usize>>,
}

impl Spans {
    fn clear(&mut self, rules: usize) {
        self.list.clear();
        self.last.resize(rules, (0, 0));
        self.round = self.round.wrapping_add(1);
    }

    fn add(&mut self, rule: usize, from: usize, to: usize) {
        let Some(last) = self.last.get_mut(rule) else { return };
        if last.0 == self.round
            && let Some(span) = self.list.get_mut(last.1)
            && from <= span.to.saturating_add(1)
            && span.from <= to.saturating_add(1)
        {
            (span.from, span.to) = (span.from.min(from), span.to.max(to));
            return;
        }
        *last = (self.round, self.list.len());
        self.list.push(Span { rule, from, to });
    }
}

impl Matcher {
    pub(super) fn new(rules: &[Rule]) -> Self {
        let mut sets: Vec<(Vec<usize>, Set)> = Vec::new();
        let mut by_place = Vec::new();
        for place in PLACES {
            let meant = |(_, rule): &(usize, &Rule)| rule.scope.has(place) && rule.pattern.is_some();
            let numbers: Vec<usize> = rules.iter().enumerate().filter(meant).map(|(number, _)| number).collect();
            let at = sets.iter().position(|(other, _)| *other == numbers).unwrap_or_else(|| {
                sets.push((numbers.clone(), Set::new(rules, numbers, sets.len())));
                sets.len().saturating_sub(1)
            });
            by_place.push((place, at));
        }
        let longest =
            rules.iter().map(|rule| rule.match_longest.and_then(|bytes| usize::try_from(bytes).ok())).collect();
        Self { sets: sets.into_iter().map(|(_, set)| set).collect(), by_place, longest, hints: HintWords::new(rules) }
    }

    /// The rules for texts from this part of the evidence.
    #[inline]
    pub(super) fn set(&self, place: Where) -> Option<&Set> {
        let at = self.by_place.iter().find(|(other, _)| *other == place).map(|(_, at)| *at)?;
        self.sets.get(at)
    }

    /// Where in a text matches can begin, sorted by rule. `named` are the rules for values of its field; `start` if the text
    /// begins here; `part` if this is not all of it.
    pub(super) fn find(&self, set: &Set, text: &[u8], named: &[usize], (start, part): (bool, bool), spans: &mut Spans) {
        spans.clear(self.longest.len());
        set.grams.find(text, |at, literal| {
            for one in set.uses.get(literal).map_or(&[][..], Vec::as_slice) {
                if !is_bounded(text, at, one.bytes, one.edges) {
                    continue;
                }
                let from = one.before.map_or(0, |before| at.saturating_sub(before));
                // Without a bound the pattern is tried once, from there on.
                let bounded = one.before.is_some() && self.longest.get(one.rule).is_some_and(Option::is_some);
                spans.add(one.rule, from, if bounded { at } else { usize::MAX });
            }
        });
        if start && let Some(first) = text.first() {
            for (bytes, rule, to) in
                set.starts.get(usize::from(first.to_ascii_lowercase())).map_or(&[][..], Vec::as_slice)
            {
                if text.get(..bytes.len()).is_some_and(|head| head.eq_ignore_ascii_case(bytes)) {
                    spans.add(*rule, 0, *to);
                }
            }
        }
        class::long_runs(text, &mut spans.long_runs);
        let long = std::mem::take(&mut spans.long_runs);
        for Classed { class, rules, .. } in set.classes.iter().filter(|one| part || text.len() >= one.least) {
            class.find(text, &long, start, |run, length| {
                for (rule, _) in rules.iter().filter(|(_, asked)| asked.holds(text, &run, length, start)) {
                    let longest = self.longest.get(*rule).copied().flatten();
                    let from = longest.map_or(0, |longest| run.start.saturating_sub(longest));
                    spans.add(*rule, from, if longest.is_some() { run.end } else { usize::MAX });
                }
            });
        }
        spans.long_runs = long;
        if part {
            set.far.iter().for_each(|rule| spans.add(*rule, 0, usize::MAX));
        }
        for rule in named {
            spans.add(*rule, 0, usize::MAX);
        }
        spans.list.sort_unstable();
    }

    /// Every rule for such texts, wherever it may match: the plain way.
    pub(super) fn all(&self, set: &Set, spans: &mut Spans) {
        spans.clear(self.longest.len());
        set.rules.iter().for_each(|rule| spans.add(*rule, 0, usize::MAX));
    }
}

impl Set {
    fn new(rules: &[Rule], numbers: Vec<usize>, number: usize) -> Self {
        let mut literals: BTreeMap<Vec<u8>, Vec<Use>> = BTreeMap::new();
        let mut starts = vec![Vec::new(); 256];
        let mut classes: Vec<Classed> = Vec::new();
        let (mut far, mut by_field) = (Vec::new(), Vec::new());
        let (mut longest, mut beside) = (0, BEFORE.max(CONTEXT));
        for (number, rule) in numbers.iter().filter_map(|number| Some((*number, rules.get(*number)?))) {
            match &rule.candidates {
                Candidates::None => {}
                Candidates::Literals(list) => list.iter().for_each(|literal| {
                    let before = literal.before.and_then(|before| usize::try_from(before).ok());
                    let Literal { bytes, begins, ends, .. } = literal;
                    let one = Use { rule: number, before, bytes: bytes.len(), edges: (*begins, *ends) };
                    literals.entry(bytes.clone()).or_default().push(one);
                }),
                Candidates::Start(list) => list.iter().for_each(|literal| {
                    let first = literal.bytes.first().map_or(0, |byte| usize::from(*byte));
                    if let Some(list) = starts.get_mut(first) {
                        list.push((
                            literal.bytes.clone(),
                            number,
                            if literal.before.is_some() { 0 } else { usize::MAX },
                        ));
                    }
                }),
                Candidates::Class(Class::Field) => by_field.push(number),
                Candidates::Class(class) => {
                    let least = usize::try_from(rule.match_shortest.max(rule.min_bytes)).unwrap_or(usize::MAX);
                    match classes.iter_mut().find(|other| other.class == *class) {
                        Some(other) => {
                            other.least = other.least.min(least);
                            other.rules.push((number, rule.run.clone()));
                        }
                        None => classes.push(Classed { class: *class, least, rules: vec![(number, rule.run.clone())] }),
                    }
                }
            }
            if rule.is_found_elsewhere {
                far.push(number);
            }
            longest = longest.max(rule.longest.min(LONGEST));
            beside = beside.max(rule.within.and_then(|within| usize::try_from(within).ok()).unwrap_or(0));
        }
        let (literals, uses) = literals.into_iter().unzip();
        let ahead = usize::try_from(longest).unwrap_or(usize::MAX).saturating_add(CONTEXT).saturating_add(1);
        let behind = beside.saturating_add(1);
        Self {
            number,
            rules: numbers,
            grams: Grams::new(literals),
            uses,
            starts,
            classes,
            by_field,
            far,
            ahead,
            behind,
        }
    }
}
