//! Applies rules to texts.
//!
//! This is the plain way: every pattern over every text. What is faster must find the same.

use super::decode::Decoder;
use super::rule::Rule;
use super::set::RuleSet;
use super::validate::{Candidate, Learnt};
use crate::base::UnixMs;
use crate::keyspace::Type;
use crate::report::{Threat, Where};
use regex::bytes::Regex;
use std::ops::Range;
use std::sync::Arc;

/// Where a text stands.
#[derive(Debug, Clone, Copy)]
pub struct About<'a> {
    /// What part of the evidence.
    pub place: Where,
    /// The type of the key, if it is in one.
    pub ty: Option<Type>,
    /// The key, or its beginning.
    pub key: &'a [u8],
    /// The name of the field that it is the value of.
    pub field: &'a [u8],
}

/// Part of a text that is too long to be held.
#[derive(Debug, Clone, Copy)]
pub struct Piece<'a> {
    /// Where it begins in the text.
    pub at: u64,
    /// The length of the text.
    pub total: u64,
    /// The piece.
    pub bytes: &'a [u8],
}

/// One rule that matches in one text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hit {
    /// What the caller called the text.
    pub tag: u32,
    /// The rule, as a place in the set.
    pub rule: usize,
    /// Its severity here.
    pub severity: Threat,
    /// Where the first match begins, in bytes from the beginning of the text it was found in: after decoding.
    pub at: u64,
    /// The length of the first match in bytes.
    pub bytes: u64,
    /// How many matches there are.
    pub matches: u64,
    /// How the text was decoded, outermost first.
    pub decoded: Vec<Decoder>,
    /// What stands around the first match, cut: up to [`CONTEXT`] bytes before, [`SHOWN`] of the match, [`CONTEXT`] after.
    pub excerpt: Vec<u8>,
    /// The match in `excerpt`.
    pub matched: Range<usize>,
    /// The group `secret` of the first match, or its first group, or all of it: up to 16 KiB.
    pub secret: Vec<u8>,
    /// Every different secret of the text, hashed: for counting; the first 64 of them.
    pub distinct: Vec<u64>,
    /// What validators learnt of the first match.
    pub notes: Vec<String>,
    /// Until when the longest-lived of them is valid by its own words.
    pub valid_until: Option<UnixMs>,
}

/// Bytes shown on either side of a match.
pub const CONTEXT: usize = 24;
/// Bytes shown of a match.
pub const SHOWN: usize = 160;
/// Bytes kept of a secret.
const SECRET: usize = 16 << 10;

/// What was done, for the record.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ScanCounts {
    /// Texts.
    pub texts: u64,
    /// Bytes of them.
    pub bytes: u64,
    /// Bytes that decoders made.
    pub decoded_bytes: u64,
    /// Decodings that were cut at their bound.
    pub decodings_cut: u64,
}

/// Texts in, hits out. One per worker; the rules are shared.
pub struct Scanner {
    rules: Arc<RuleSet>,
    hits: Vec<Hit>,
    counts: ScanCounts,
    /// The text in pieces that is in progress.
    open: Vec<u8>,
}

impl Scanner {
    /// A scanner with these rules.
    pub fn new(rules: Arc<RuleSet>) -> Self {
        Self { rules, hits: Vec::new(), counts: ScanCounts::default(), open: Vec::new() }
    }

    /// What was done so far.
    pub fn counts(&self) -> ScanCounts {
        self.counts
    }

    /// Takes a whole text. Its hits come with the next [`Scanner::drain`], under `tag`.
    pub fn text(&mut self, tag: u32, about: &About<'_>, text: &[u8]) {
        self.counts.texts = self.counts.texts.saturating_add(1);
        self.counts.bytes = self.counts.bytes.saturating_add(text.len() as u64);
        let rules = Arc::clone(&self.rules);
        for (number, rule) in rules.rules().iter().enumerate() {
            if applies(rule, about, text.len() as u64)
                && let Some(hit) = hit(number, rule, about, text)
            {
                self.hits.push(Hit { tag, ..hit });
            }
        }
        for (first, extra) in rules.extras() {
            let mut found: Vec<(usize, Hit)> = Vec::new();
            extra.scan(about, text, true, &mut |one| {
                let number = first.saturating_add(one.rule);
                if let Some((_, hit)) = found.iter_mut().find(|(rule, _)| *rule == number) {
                    hit.matches = hit.matches.saturating_add(1);
                    return;
                }
                let Some(rule) = rules.rules().get(number).filter(|rule| applies(rule, about, text.len() as u64))
                else {
                    return;
                };
                let matched = text.get(one.at..one.at.saturating_add(one.bytes)).unwrap_or_default();
                let candidate = Candidate { text, at: one.at, matched, secret: matched };
                found.push((number, first_hit(number, rule.severity, &candidate, Learnt::default())));
            });
            self.hits.extend(found.into_iter().map(|(_, hit)| Hit { tag, ..hit }));
        }
    }

    /// Takes the next piece of a text, in order; one such text is open at a time. No other text comes in between.
    pub fn piece(&mut self, tag: u32, about: &About<'_>, piece: Piece<'_>) {
        if piece.at == 0 {
            self.open.clear();
        }
        self.open.extend_from_slice(piece.bytes);
        if piece.at.saturating_add(piece.bytes.len() as u64) == piece.total {
            let text = std::mem::take(&mut self.open);
            self.text(tag, about, &text);
        }
    }

    /// Whether so much has come together that [`Scanner::drain`] should be called.
    pub fn is_full(&self) -> bool {
        self.hits.len() >= 256
    }

    /// The hits of all texts since the last call, in the order of the texts. Not while a text in pieces is open.
    pub fn drain(&mut self) -> std::vec::Drain<'_, Hit> {
        self.hits.drain(..)
    }
}

/// Whether a rule is for such a text at all.
fn applies(rule: &Rule, about: &About<'_>, bytes: u64) -> bool {
    rule.scope.has(about.place)
        && (rule.types.is_empty() || about.ty.is_some_and(|ty| rule.types.contains(&ty)))
        && bytes >= rule.min_bytes
        && rule.max_bytes.is_none_or(|most| bytes <= most)
        && rule.key.as_ref().is_none_or(|key| key.is_match(about.key))
        && rule.field.as_ref().is_none_or(|field| field.is_match(about.field))
}

fn hit(number: usize, rule: &Rule, about: &About<'_>, text: &[u8]) -> Option<Hit> {
    let pattern = rule.pattern.as_ref()?;
    let mut found: Option<Hit> = None;
    for captures in pattern.captures_iter(text) {
        let Some(all) = captures.get(0) else { continue };
        let group = rule.secret_group.map(|number| captures.get(number));
        let named = || captures.name("secret").or_else(|| captures.get(1));
        let secret = group.unwrap_or_else(named).unwrap_or(all).as_bytes();
        let candidate = Candidate { text, at: all.start(), matched: all.as_bytes(), secret };
        let Some((severity, learnt)) = judge(rule, about, &candidate) else { continue };
        let hash = xxhash_rust::xxh3::xxh3_64(secret);
        match &mut found {
            None => found = Some(first_hit(number, severity, &candidate, learnt)),
            Some(hit) => {
                hit.matches = hit.matches.saturating_add(1);
                hit.valid_until = hit.valid_until.max(learnt.valid_until);
                hit.severity = hit.severity.max(severity);
            }
        }
        if let Some(hit) = &mut found
            && hit.distinct.len() < 64
            && !hit.distinct.contains(&hash)
        {
            hit.distinct.push(hash);
        }
    }
    found
}

fn judge(rule: &Rule, about: &About<'_>, candidate: &Candidate<'_>) -> Option<(Threat, Learnt)> {
    let text = candidate.text;
    let end = candidate.at.saturating_add(candidate.matched.len());
    let around = match rule.within.and_then(|within| usize::try_from(within).ok()) {
        None => text,
        Some(within) => {
            let to = end.saturating_add(within).min(text.len());
            text.get(candidate.at.saturating_sub(within)..to).unwrap_or(text)
        }
    };
    let any = |patterns: &[Regex], text: &[u8]| patterns.iter().any(|pattern| pattern.is_match(text));
    if any(&rule.unless_match, candidate.matched)
        || any(&rule.unless_secret, candidate.secret)
        || rule.allow.iter().any(|allow| allow.holds(about.key, candidate))
        || any(&rule.unless, around)
        || !rule.also.iter().all(|also| also.is_match(around))
    {
        return None;
    }
    let mut severity = rule.severity;
    if let Some(hint) = &rule.hint {
        let before = text.get(candidate.at.saturating_sub(60)..candidate.at).unwrap_or_default();
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

fn first_hit(number: usize, severity: Threat, candidate: &Candidate<'_>, learnt: Learnt) -> Hit {
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
        at: at as u64,
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
