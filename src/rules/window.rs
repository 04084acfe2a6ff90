//! Texts that come in pieces: judged in windows that overlap by the longest match.

use super::decode::{DEPTH, Decoder};
use super::judge::{State, Window, has_length};
use super::rule::LONGEST;
use super::scanner::{About, Hit, Inside, Shared, Text, Work, extras};
use crate::keyspace::Type;
use crate::report::Where;
use std::collections::BTreeMap;

/// New bytes that a window waits for: so many that the overlap does not matter much.
const FRESH: usize = 64 << 10;

/// What is known of a text, kept until it ends.
#[derive(Debug, Clone)]
pub(super) struct Owned {
    tag: u32,
    place: Where,
    ty: Option<Type>,
    key: Vec<u8>,
    field: Vec<u8>,
    path: Vec<Decoder>,
}

impl Owned {
    pub(super) fn of(text: &Text<'_>) -> Self {
        let About { place, ty, key, field } = text.about;
        Self { tag: text.tag, place, ty, key: key.to_vec(), field: field.to_vec(), path: text.path.to_vec() }
    }

    fn text(&self) -> Text<'_> {
        let about = About { place: self.place, ty: self.ty, key: &self.key, field: &self.field };
        Text { tag: self.tag, about, path: &self.path }
    }
}

/// A text in pieces. Each place is judged once, with so much before and behind it that a match as long as a rule's longest
/// is seen whole.
pub(super) struct Open {
    text: Owned,
    /// What is in hand of it: what is not judged yet, and some bytes before.
    bytes: Vec<u8>,
    /// Where that begins.
    base: u64,
    /// Places before are judged: as one in `bytes`.
    judged: usize,
    /// Bytes before were put to the decoders: as a place in `bytes`.
    decoded: usize,
    states: BTreeMap<usize, State>,
    /// Rules that need something anywhere in the text, or must not have it: what has been seen of it.
    anywhere: BTreeMap<usize, Seen>,
    inside: Inside,
    first_hit: usize,
}

/// What was seen of what stands beside a rule's pattern.
#[derive(Debug, Default)]
struct Seen {
    also: Vec<bool>,
    unless: bool,
}

impl Open {
    pub(super) fn new(work: &Work, text: &Owned) -> Self {
        Self {
            text: text.clone(),
            bytes: Vec::new(),
            base: 0,
            judged: 0,
            decoded: 0,
            states: BTreeMap::new(),
            anywhere: BTreeMap::new(),
            inside: Inside::default(),
            first_hit: work.hits.len(),
        }
    }

    /// Bytes of it that are held.
    #[cfg(test)]
    pub(super) fn held(&self) -> usize {
        self.bytes.len()
    }

    /// How many hits there were before it.
    pub(super) fn first_hit(&self) -> usize {
        self.first_hit
    }

    /// Takes what comes next.
    pub(super) fn take(&mut self, work: &mut Work, shared: &Shared, mut bytes: &[u8]) {
        let mut ahead = shared.matcher.set(self.text.place).map_or(0, |set| set.ahead);
        if !shared.rules.extras().is_empty() {
            // How long their matches are is not known.
            ahead = ahead.max(usize::try_from(LONGEST).unwrap_or(usize::MAX));
        }
        let most = ahead.saturating_add(FRESH);
        while !bytes.is_empty() {
            // Windows begin and end where the text says so, not where its pieces do.
            let room = most.saturating_sub(self.bytes.len().saturating_sub(self.judged));
            let (now, later) = bytes.split_at_checked(room).filter(|_| !shared.plain).unwrap_or((bytes, &[]));
            self.bytes.extend_from_slice(now);
            bytes = later;
            if !shared.plain && self.bytes.len().saturating_sub(self.judged) >= most {
                self.judge(work, shared, self.bytes.len().saturating_sub(ahead), false);
            }
        }
    }

    /// Judges the places before `to`.
    fn judge(&mut self, work: &mut Work, shared: &Shared, to: usize, end: bool) {
        let Some(set) = shared.matcher.set(self.text.place) else { return };
        let text = self.text.text();
        let window = Window { bytes: &self.bytes, base: self.base, from: self.judged, to, end };
        let start = self.base == 0;
        work.find(shared, set, &text, window.bytes, (start, !(start && end)));
        work.matches(shared, &text, &window, None, &mut self.states);
        extras(shared, &text, &window, start && end, &mut self.states);
        for (number, rule) in set.rules.iter().filter_map(|number| Some((*number, shared.rules.rules().get(*number)?)))
        {
            if !rule.looks_anywhere() {
                continue;
            }
            let seen = self.anywhere.entry(number).or_default();
            seen.also.resize(rule.also.len(), false);
            for (seen, also) in seen.also.iter_mut().zip(&rule.also) {
                *seen = *seen || window.has(also);
            }
            seen.unless = seen.unless || rule.unless.iter().any(|unless| window.has(unless));
        }
        if text.path.len() < DEPTH {
            let new = self.bytes.get(self.decoded..).unwrap_or_default();
            let at = self.base.saturating_add(self.decoded as u64);
            work.decode(shared, &mut self.inside, &text, new, at, end);
        }
        let gone = to.saturating_sub(set.behind).min(self.bytes.len());
        self.decoded = self.bytes.len().saturating_sub(gone);
        self.judged = to.saturating_sub(gone);
        self.base = self.base.saturating_add(gone as u64);
        self.bytes.drain(..gone);
    }

    /// Judges what is left, and tells what came of the text.
    pub(super) fn close(mut self: Box<Self>, work: &mut Work, shared: &Shared) {
        let total = self.base.saturating_add(self.bytes.len() as u64);
        self.judge(work, shared, self.bytes.len(), true);
        let inner = work.hits.split_off(self.first_hit.min(work.hits.len()));
        for (number, state) in self.states {
            let (Some(hit), Some(rule)) = (state.hit, shared.rules.rules().get(number)) else { continue };
            let seen = self.anywhere.get(&number);
            if has_length(rule, total) && seen.is_none_or(|seen| !seen.unless && seen.also.iter().all(|seen| *seen)) {
                work.hits.push(Hit { tag: self.text.tag, decoded: self.text.path.clone(), ..hit });
            }
        }
        let own = work.hits.len();
        work.hits.extend(inner);
        work.drop_repeats(self.first_hit, own);
    }
}
