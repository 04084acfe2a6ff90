//! Applies rules to texts.
//!
//! A text goes through one pass that finds the rules it can match at all, and where; only there are patterns tried. Then come
//! the texts inside it. A text in pieces is judged in windows that overlap by the longest match.

use super::decode::{DEPTH, Decoded, Decoder, Decoders};
use super::hints::{Fields, Hints};
use super::judge::{Pattern, Search, State, Window, add_plain, applies, has_length};
use super::matcher::{Matcher, Set, Span, Spans};
use super::quiet::{Quiet, Short};
use super::set::RuleSet;
use super::validate::Candidate;
use super::window::{Open, Owned};
use crate::base::UnixMs;
use crate::keyspace::Type;
use crate::report::{Threat, Where};
use std::collections::BTreeMap;
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

/// What was done, for the record.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ScanCounts {
    /// Texts.
    pub texts: u64,
    /// Bytes of them.
    pub bytes: u64,
    /// Bytes that decoders made.
    pub decoded_bytes: u64,
    /// Decodings that were cut at their bound.
    pub decodings_cut: u64,
    /// Of each rule, in how many texts and windows its pattern was tried.
    pub tried: Vec<u64>,
}

/// Texts in, hits out. One per worker; the rules are shared.
pub struct Scanner {
    shared: Shared,
    work: Work,
    /// The text in pieces that is in progress.
    open: Option<Box<Open>>,
}

/// What all scanners have in common.
pub(super) struct Shared {
    pub(super) rules: Arc<RuleSet>,
    pub(super) matcher: Arc<Matcher>,
    /// Every pattern over every text, and texts in pieces joined: what the fast way must equal.
    pub(super) plain: bool,
}

/// What a scanner has for itself.
pub(super) struct Work {
    pub(super) hits: Vec<Hit>,
    pub(super) counts: ScanCounts,
    pub(super) spans: Spans,
    patterns: Vec<Option<Pattern>>,
    hints: Hints,
    quiet: Quiet,
    fields: Fields,
    /// Of each depth, what is inside the whole text that is in progress there.
    inside: Vec<Option<Box<Inside>>>,
}

/// The decoders of a text, and what they are in the middle of.
#[derive(Default)]
pub(super) struct Inside {
    decoders: Decoders,
    streams: Vec<(Decoder, u64, Box<Open>)>,
}

/// A text: whose it is, where it stands, and how it was decoded.
#[derive(Clone, Copy)]
pub(super) struct Text<'a> {
    pub(super) tag: u32,
    pub(super) about: About<'a>,
    pub(super) path: &'a [Decoder],
}

impl Scanner {
    /// A scanner with these rules. What is derived from them all is made once and shared by every scanner of the set.
    pub fn new(rules: Arc<RuleSet>) -> Self {
        Self::with(rules, false)
    }

    /// A scanner that tries every pattern on every text, and joins texts in pieces: slow, and what the other must equal.
    pub fn plain(rules: Arc<RuleSet>) -> Self {
        Self::with(rules, true)
    }

    fn with(rules: Arc<RuleSet>, plain: bool) -> Self {
        let work = Work {
            hits: Vec::new(),
            counts: ScanCounts::default(),
            spans: Spans::default(),
            patterns: vec![None; rules.rules().len()],
            hints: Hints::default(),
            quiet: Quiet::default(),
            fields: Fields::default(),
            inside: (0..DEPTH).map(|_| Some(Box::default())).collect(),
        };
        Self { shared: Shared { matcher: rules.matcher(), rules, plain }, work, open: None }
    }

    /// What was done so far.
    pub fn counts(&self) -> ScanCounts {
        self.work.counts.clone()
    }

    /// Takes a whole text. Its hits come with the next [`Scanner::drain`], under `tag`.
    pub fn text(&mut self, tag: u32, about: &About<'_>, text: &[u8]) {
        self.close();
        self.work.counts.texts = self.work.counts.texts.saturating_add(1);
        self.work.counts.bytes = self.work.counts.bytes.saturating_add(text.len() as u64);
        let first = self.work.hits.len();
        self.work.whole(&self.shared, &Text { tag, about: *about, path: &[] }, text);
        self.work.settle(first);
    }

    /// Takes the next piece of a text, in order; one such text is open at a time. No other text comes in between. Holds no
    /// more of it than a window, some 100 KiB, and what decoders hold.
    pub fn piece(&mut self, tag: u32, about: &About<'_>, piece: Piece<'_>) {
        if piece.at == 0 {
            self.close();
            self.work.counts.texts = self.work.counts.texts.saturating_add(1);
            self.open = Some(Box::new(Open::new(&self.work, &Owned::of(&Text { tag, about: *about, path: &[] }))));
        }
        let Some(open) = &mut self.open else { return };
        self.work.counts.bytes = self.work.counts.bytes.saturating_add(piece.bytes.len() as u64);
        open.take(&mut self.work, &self.shared, piece.bytes);
        if piece.at.saturating_add(piece.bytes.len() as u64) >= piece.total {
            self.close();
        }
    }

    /// Ends the text in pieces, whole or not.
    fn close(&mut self) {
        if let Some(open) = self.open.take() {
            let first = open.first_hit();
            open.close(&mut self.work, &self.shared);
            self.work.settle(first);
        }
    }

    /// Whether so much has come together that [`Scanner::drain`] should be called.
    pub fn is_full(&self) -> bool {
        self.work.hits.len() >= 256
    }

    /// The hits of all texts since the last call, in the order of the texts. It ends a text in pieces that is open.
    pub fn drain(&mut self) -> std::vec::Drain<'_, Hit> {
        self.close();
        self.work.hits.drain(..)
    }
}

impl Work {
    /// Judges a text that is here as a whole, and what is inside.
    fn whole(&mut self, shared: &Shared, text: &Text<'_>, bytes: &[u8]) {
        let Some(set) = shared.matcher.set(text.about.place) else { return };
        let is_plain = shared.plain || !shared.rules.extras().is_empty();
        let is_named = !self.fields.rules(set, shared.rules.rules(), text.about.field).is_empty();
        let short = if is_plain || is_named { None } else { Short::of(bytes, set.number) };
        if short.is_some_and(|short| self.quiet.has(short)) {
            return;
        }
        let first = self.hits.len();
        self.find(shared, set, text, bytes, (true, false));
        if !self.spans.list.is_empty() || !shared.rules.extras().is_empty() {
            let mut states = BTreeMap::new();
            let window = Window::whole(bytes);
            self.matches(shared, text, &window, Some(bytes.len() as u64), &mut states);
            extras(shared, text, &window, true, &mut states);
            for (number, state) in states {
                if let Some(hit) = state.hit
                    && shared.rules.rules().get(number).is_some_and(|rule| {
                        has_length(rule, bytes.len() as u64)
                            && (!rule.looks_anywhere()
                                || (rule.also.iter().all(|also| window.has(also))
                                    && !rule.unless.iter().any(|unless| window.has(unless))))
                    })
                {
                    self.hits.push(Hit { tag: text.tag, decoded: text.path.to_vec(), ..hit });
                }
            }
        }
        if !shared.plain && !may_hold_texts(bytes, &self.spans.long_runs) {
            if let Some(short) = short.filter(|_| self.spans.list.is_empty()) {
                self.quiet.add(short);
            }
            return;
        }
        let depth = text.path.len();
        let Some(mut inside) = self.inside.get_mut(depth).and_then(Option::take) else { return };
        let own = self.hits.len();
        self.decode(shared, &mut inside, text, bytes, 0, true);
        if let Some(place) = self.inside.get_mut(depth) {
            *place = Some(inside);
        }
        self.drop_repeats(first, own);
    }

    /// Finds where matches can begin. `place` says whether the text begins here, and whether this is not all of it.
    pub(super) fn find(&mut self, shared: &Shared, set: &Set, text: &Text<'_>, bytes: &[u8], place: (bool, bool)) {
        if shared.plain {
            shared.matcher.all(set, &mut self.spans);
        } else {
            let named = self.fields.rules(set, shared.rules.rules(), text.about.field);
            shared.matcher.find(set, bytes, named, place, &mut self.spans);
        }
    }

    /// Tries the patterns of the rules that were found.
    pub(super) fn matches(
        &mut self,
        shared: &Shared,
        text: &Text<'_>,
        window: &Window<'_>,
        bytes: Option<u64>,
        states: &mut BTreeMap<usize, State>,
    ) {
        let Self { spans, patterns, counts, hints, .. } = self;
        counts.tried.resize(patterns.len(), 0);
        hints.begin();
        let words = &shared.matcher.hints;
        for spans in spans.list.chunk_by(|a, b| a.rule == b.rule) {
            let Some(&Span { rule: number, .. }) = spans.first() else { continue };
            let Some(rule) = shared.rules.rules().get(number) else { continue };
            if (window.bytes.len() as u64) < rule.match_shortest
                || !applies(rule, &text.about, bytes)
                || (!text.path.is_empty() && !rule.decode)
            {
                continue;
            }
            let (Some(pattern), Some(own)) = (&rule.pattern, patterns.get_mut(number)) else { continue };
            let pattern = own.get_or_insert_with(|| Pattern::new(rule, pattern));
            let longest = shared.matcher.longest.get(number).copied().flatten();
            // Without its hint it is no match, and the hint is sooner asked than the pattern.
            if rule.without_hint.is_none()
                && rule.hint.as_ref().is_some_and(|hint| !hints.speak(words, (number, hint), &text.about, window.bytes))
            {
                continue;
            }
            if let Some(tried) = counts.tried.get_mut(number) {
                *tried = tried.saturating_add(1);
            }
            let search = Search { number, rule, longest };
            // Most candidates come to nothing: then there is nothing to be remembered either.
            let mut state = states.remove(&number).unwrap_or_default();
            for span in spans {
                search.take(pattern, &text.about, window, (span.from, span.to), &mut state);
            }
            if state.is_begun() {
                states.insert(number, state);
            }
        }
    }

    /// Puts to the decoders what came to a text, and where that begins, and judges what they find.
    pub(super) fn decode(
        &mut self,
        shared: &Shared,
        inside: &mut Inside,
        text: &Text<'_>,
        new: &[u8],
        at: u64,
        last: bool,
    ) {
        let Inside { decoders, streams } = inside;
        decoders.feed(new, 0, at, last, &mut |piece| self.decoded(shared, streams, text, &piece));
        if last {
            for (_, _, open) in streams.drain(..) {
                open.close(self, shared);
            }
        }
    }

    fn decoded(
        &mut self,
        shared: &Shared,
        streams: &mut Vec<(Decoder, u64, Box<Open>)>,
        parent: &Text<'_>,
        piece: &Decoded<'_>,
    ) {
        self.counts.decoded_bytes = self.counts.decoded_bytes.saturating_add(piece.bytes.len() as u64);
        self.counts.decodings_cut = self.counts.decodings_cut.saturating_add(u64::from(piece.cut));
        let path = [parent.path, &[piece.decoder]].concat();
        let text = Text { path: &path, ..*parent };
        if piece.first && piece.last {
            self.whole(shared, &text, piece.bytes);
            return;
        }
        let known = streams.iter().position(|(decoder, at, _)| (*decoder, *at) == (piece.decoder, piece.at));
        let at = known.unwrap_or_else(|| {
            streams.push((piece.decoder, piece.at, Box::new(Open::new(self, &Owned::of(&text)))));
            streams.len().saturating_sub(1)
        });
        if let Some((_, _, open)) = streams.get_mut(at) {
            open.take(self, shared, piece.bytes);
        }
        if piece.last {
            streams.remove(at).2.close(self, shared);
        }
    }

    /// Drops hits of texts inside a text, from `own` on, of what the text itself has, from `first` on: a string of JSON has
    /// most of its bytes as they were.
    pub(super) fn drop_repeats(&mut self, first: usize, own: usize) {
        if first == own || own == self.hits.len() {
            return;
        }
        let inner = self.hits.split_off(own);
        let repeats = |hit: &Hit, outer: &Hit| {
            outer.rule == hit.rule
                && outer.tag == hit.tag
                && hit.decoded.starts_with(&outer.decoded)
                && !hit.distinct.is_empty()
                && hit.distinct.iter().all(|hash| outer.distinct.contains(hash))
        };
        let new = inner
            .into_iter()
            .filter(|hit| !self.hits.get(first..own).unwrap_or_default().iter().any(|outer| repeats(hit, outer)));
        let new: Vec<Hit> = new.collect();
        self.hits.extend(new);
    }

    /// Brings the hits of a text into an order that windows do not change.
    fn settle(&mut self, first: usize) {
        if let Some(hits) = self.hits.get_mut(first..).filter(|hits| hits.len() > 1) {
            hits.sort_by(|a, b| {
                let order = |hit: &Hit| (hit.rule, hit.at, hit.bytes);
                a.decoded.cmp(&b.decoded).then(order(a).cmp(&order(b))).then_with(|| a.excerpt.cmp(&b.excerpt))
            });
        }
    }
}

/// Whether a decoder may find something in a text: it begins like what is packed or serialized, has an escape, or a run that
/// may be base64. Most texts are short and have none, and to ask each decoder would take longer than all the rules.
fn may_hold_texts(text: &[u8], long_runs: &[Range<usize>]) -> bool {
    /// Where something serialized begins at the latest.
    const HEAD: usize = 66;
    if long_runs.iter().any(|run| run.len() >= 24) || matches!(text, [0x1f | 0x28 | 0x78, _, ..]) {
        return true;
    }
    let serialized = |colon: usize| {
        let before = colon.checked_sub(1).and_then(|at| text.get(at));
        matches!((before, text.get(colon + 1)), (Some(b'a' | b'O' | b'C' | b's'), Some(b'0'..=b'9')))
    };
    let (head, rest) = text.split_at_checked(HEAD).unwrap_or((text, &[]));
    memchr::memchr3_iter(b'%', b'\\', b':', head).any(|at| text.get(at) != Some(&b':') || serialized(at))
        || memchr::memchr2(b'%', b'\\', rest).is_some()
}

/// Puts a window to the matchers that have no patterns.
pub(super) fn extras(
    shared: &Shared,
    text: &Text<'_>,
    window: &Window<'_>,
    whole: bool,
    states: &mut BTreeMap<usize, State>,
) {
    for (first, extra) in shared.rules.extras() {
        extra.scan(&text.about, window.bytes, whole, &mut |found| {
            let number = first.saturating_add(found.rule);
            let Some(rule) = shared.rules.rules().get(number) else { return };
            if !(window.from..window.to).contains(&found.at)
                || !applies(rule, &text.about, None)
                || (!text.path.is_empty() && !rule.decode)
            {
                return;
            }
            let end = found.at.saturating_add(found.bytes).min(window.bytes.len());
            let matched = window.bytes.get(found.at..end).unwrap_or_default();
            let candidate = Candidate { text: window.bytes, at: found.at, matched, secret: matched };
            add_plain(number, rule, window.base, &candidate, states.entry(number).or_default());
        });
    }
}

#[cfg(test)]
mod tests;
