//! From the match of a pattern to a hit: gates, what else must and must not match, validators.

use super::matcher::BEFORE;
use super::rule::{LONGEST, Rule};
use super::scanner::{About, CONTEXT, Hit, SHOWN};
use super::validate::{Candidate, Learnt};
use crate::report::Threat;
use regex::bytes::{CaptureLocations, Regex};
use std::ops::Range;

/// Bytes kept of a secret.
const SECRET: usize = 16 << 10;
/// Different secrets that are told apart in one text.
const DISTINCT: usize = 64;

/// What is in hand of a text, and which part of it is to be judged.
#[derive(Debug, Clone, Copy)]
pub(super) struct Window<'a> {
    pub(super) bytes: &'a [u8],
    /// Where they begin in the text.
    pub(super) base: u64,
    /// Matches that begin from here, and before there, are judged.
    pub(super) from: usize,
    pub(super) to: usize,
    /// Whether the text ends with them.
    pub(super) end: bool,
}

impl<'a> Window<'a> {
    /// All of a text.
    pub(super) fn whole(bytes: &'a [u8]) -> Self {
        Self { bytes, base: 0, from: 0, to: bytes.len(), end: true }
    }

    /// Whether a pattern matches here, on or behind `from`.
    pub(super) fn has(&self, pattern: &Regex) -> bool {
        let from = self.from.min(self.bytes.len());
        if self.end {
            return pattern.is_match_at(self.bytes, from);
        }
        // What needs the end of the window may have taken it for that of the text.
        pattern.shortest_match_at(self.bytes, from).is_some_and(|end| end < self.bytes.len())
    }
}

/// What came of a rule in a text so far.
#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) hit: Option<Hit>,
    /// The next match begins here at the earliest, in bytes from the beginning of the text.
    next: u64,
}

impl State {
    /// Whether there is anything in it.
    pub(super) fn is_begun(&self) -> bool {
        self.next > 0
    }
}

/// Whether a rule is for such a text at all. The length, once it is known.
pub(super) fn applies(rule: &Rule, about: &About<'_>, bytes: Option<u64>) -> bool {
    rule.scope.has(about.place)
        && (rule.types.is_empty() || about.ty.is_some_and(|ty| rule.types.contains(&ty)))
        && bytes.is_none_or(|bytes| has_length(rule, bytes))
        && rule.key.as_ref().is_none_or(|key| key.is_match(about.key))
        && rule.field.as_ref().is_none_or(|field| field.is_match(about.field))
}

pub(super) fn has_length(rule: &Rule, bytes: u64) -> bool {
    bytes >= rule.min_bytes && rule.max_bytes.is_none_or(|most| bytes <= most)
}

/// A rule's pattern with working memory of its own, so that workers do not wait for each other.
#[derive(Debug, Clone)]
pub(super) struct Pattern {
    regex: Regex,
    /// Where the groups are, if it has any; and which of them is the secret: the first that takes part.
    groups: Option<(CaptureLocations, Vec<usize>)>,
}

impl Pattern {
    pub(super) fn new(rule: &Rule, regex: &Regex) -> Self {
        let named = || regex.capture_names().position(|name| name == Some("secret")).into_iter().chain([1]).collect();
        let groups = (regex.captures_len() > 1)
            .then(|| (regex.capture_locations(), rule.secret_group.map_or_else(named, |group| vec![group])));
        Self { regex: regex.clone(), groups }
    }

    /// The first match that begins at `at` or later, and the secret in it.
    fn find(&mut self, text: &[u8], at: usize) -> Option<(Range<usize>, Range<usize>)> {
        let Some((locations, secret)) = &mut self.groups else {
            let found = self.regex.find_at(text, at)?.range();
            return Some((found.clone(), found));
        };
        let found = self.regex.captures_read_at(locations, text, at)?.range();
        let secret = secret.iter().find_map(|group| locations.get(*group)).map(|(from, to)| from..to);
        Some((found.clone(), secret.unwrap_or(found)))
    }
}

/// A rule at work: its place in the set, and the longest match of its pattern.
#[derive(Debug, Clone, Copy)]
pub(super) struct Search<'a> {
    pub(super) number: usize,
    pub(super) rule: &'a Rule,
    pub(super) longest: Option<usize>,
}

impl Search<'_> {
    /// Takes the matches that begin at `from` to `to` of the window, both included.
    pub(super) fn take(
        &self,
        pattern: &mut Pattern,
        about: &About<'_>,
        window: &Window<'_>,
        (from, to): (usize, usize),
        state: &mut State,
    ) {
        let bytes = window.bytes;
        if window.from >= window.to {
            return;
        }
        let to = to.min(window.to.saturating_sub(1)).min(bytes.len());
        // Matches of a bounded pattern end well before the cut; those that begin behind `to` are not taken.
        let cut = self.longest.map_or(bytes.len(), |longest| to.saturating_add(longest).saturating_add(2));
        let text = bytes.get(..cut).unwrap_or(bytes);
        let next = usize::try_from(state.next.saturating_sub(window.base)).unwrap_or(usize::MAX);
        let mut at = from.max(window.from).max(next);
        while at <= to && at <= text.len() {
            let Some((found, secret)) = pattern.find(text, at).filter(|(found, _)| found.start <= to) else { break };
            at = found.end;
            if found.is_empty() {
                at = at.saturating_add(1);
                continue;
            }
            state.next = window.base.saturating_add(found.end as u64);
            // What asks for the end of the text has taken that of the window for it.
            if self.rule.asks_end && !window.end && found.end == bytes.len() {
                continue;
            }
            // Of a match without a bound so much counts as every window has of it.
            let most = found.start.saturating_add(usize::try_from(LONGEST).unwrap_or(usize::MAX));
            let shortened = |range: Range<usize>| match self.longest {
                None => range.start.min(most)..range.end.min(most),
                Some(_) => range,
            };
            let (found, secret) = (shortened(found), shortened(secret));
            let of = |range: Range<usize>| bytes.get(range).unwrap_or_default();
            let candidate = Candidate { text: bytes, at: found.start, matched: of(found), secret: of(secret) };
            self.add(about, window.base, &candidate, state);
        }
    }

    fn add(&self, about: &About<'_>, base: u64, candidate: &Candidate<'_>, state: &mut State) {
        let Some((severity, learnt)) = judge(self.rule, about, candidate) else { return };
        match &mut state.hit {
            None => state.hit = Some(first_hit(self.number, severity, base, candidate, learnt)),
            Some(hit) => {
                hit.matches = hit.matches.saturating_add(1);
                hit.valid_until = hit.valid_until.max(learnt.valid_until);
                hit.severity = hit.severity.max(severity);
            }
        }
        if let Some(hit) = &mut state.hit {
            let hash = xxhash_rust::xxh3::xxh3_64(candidate.secret);
            if hit.distinct.len() < DISTINCT && !hit.distinct.contains(&hash) {
                hit.distinct.push(hash);
            }
        }
    }
}

/// Adds a match of a matcher that has no pattern.
pub(super) fn add_plain(number: usize, rule: &Rule, base: u64, candidate: &Candidate<'_>, state: &mut State) {
    match &mut state.hit {
        None => state.hit = Some(first_hit(number, rule.severity, base, candidate, Learnt::default())),
        Some(hit) => hit.matches = hit.matches.saturating_add(1),
    }
}

fn any(patterns: &[Regex], text: &[u8]) -> bool {
    patterns.iter().any(|pattern| pattern.is_match(text))
}

fn judge(rule: &Rule, about: &About<'_>, candidate: &Candidate<'_>) -> Option<(Threat, Learnt)> {
    let text = candidate.text;
    if any(&rule.unless_match, candidate.matched)
        || any(&rule.unless_secret, candidate.secret)
        || rule.allow.iter().any(|allow| allow.holds(about.key, candidate))
    {
        return None;
    }
    if let Some(within) = rule.within.and_then(|within| usize::try_from(within).ok()) {
        let end = candidate.at.saturating_add(candidate.matched.len()).saturating_add(within).min(text.len());
        let around = text.get(candidate.at.saturating_sub(within)..end).unwrap_or(text);
        if any(&rule.unless, around) || !rule.also.iter().all(|also| also.is_match(around)) {
            return None;
        }
    }
    let mut severity = rule.severity;
    if let Some(hint) = &rule.hint {
        let before = text.get(candidate.at.saturating_sub(BEFORE)..candidate.at).unwrap_or_default();
        if !(hint.is_match(about.key) || hint.is_match(about.field) || hint.is_match(before)) {
            severity = rule.without_hint?;
        }
    }
    let mut learnt = Learnt::default();
    for validator in &rule.validators {
        let more = validator.check(candidate)?;
        learnt.notes.extend(more.notes);
        learnt.valid_until = learnt.valid_until.max(more.valid_until);
        severity = more.severity.unwrap_or(severity);
    }
    Some((severity, learnt))
}

fn first_hit(number: usize, severity: Threat, base: u64, candidate: &Candidate<'_>, learnt: Learnt) -> Hit {
    let (text, at) = (candidate.text, candidate.at);
    let end = at.saturating_add(candidate.matched.len());
    let shown = candidate.matched.len().min(SHOWN);
    let from = at.saturating_sub(CONTEXT);
    let mut excerpt = text.get(from..at.saturating_add(shown)).unwrap_or_default().to_vec();
    let matched = at.saturating_sub(from)..excerpt.len();
    excerpt.extend_from_slice(text.get(end..end.saturating_add(CONTEXT).min(text.len())).unwrap_or_default());
    Hit {
        tag: 0,
        rule: number,
        severity,
        at: base.saturating_add(at as u64),
        bytes: candidate.matched.len() as u64,
        matches: 1,
        decoded: Vec::new(),
        excerpt,
        matched,
        secret: candidate.secret.get(..SECRET).unwrap_or(candidate.secret).to_vec(),
        distinct: Vec::new(),
        notes: learnt.notes,
        valid_until: learnt.valid_until,
    }
}
