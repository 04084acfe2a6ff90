//! Hits to findings: how grave each is where it stands, and what its record as a whole says of it.
//!
//! ```text
//! the rule's severity, or what a validator or a missing hint makes of it
//!   → info, for keys that the rule says so of
//!   → raised, where a rule that raises others fires on the same record; alone that rule says nothing
//!   → capped at high, where the server that wrote the file does not let clients write files, unless that is proven
//! ```
//!
//! The findings of a record wait until it is complete: a filter may reject it, its name may raise them.

use super::accept::{Accepted, Hidden as Accept, HiddenCounts};
use super::collect::{Collected, OfKind};
use super::exposure::{Exposed, InRecord};
use super::fingerprint::Fingerprints;
use super::found::{Found, InKey, Kind, Order, is_capped};
use super::redact::{self, Shown};
use super::reveal::Secrets;
use super::texts::{Record, State, Stood, Texts};
use crate::base::{Result, UnixMs};
use crate::report::{Category, Threat, Where};
use crate::rules::{Hit, Rule, RuleSet};
use hashbrown::HashSet;
use std::sync::Arc;

/// Different values that are told apart in one record; a list of a million tokens is one key.
const MOST_IN_RECORD: usize = 1 << 16;
/// What is told of a finding in a record that breaks off.
const BROKEN: &str = "its record breaks off";

/// What holds for all findings of a file.
#[derive(Debug, Clone, Default)]
pub(super) struct FileFacts {
    pub(super) number: u32,
    pub(super) name: Option<Arc<str>>,
    /// The version of the server that wrote it, if that one does not let clients write files elsewhere.
    pub(super) guarded_by: Option<Arc<str>>,
    /// The moment it is seen from.
    pub(super) as_of: Option<UnixMs>,
}

/// Makes findings of hits.
pub(super) struct Judge {
    source: Arc<str>,
    rules: Arc<RuleSet>,
    reveal: bool,
    most: usize,
    fingerprints: Fingerprints,
    pub(super) file: FileFacts,
    pub(super) collected: Collected,
    pub(super) secrets: Option<Secrets>,
    pub(super) exposed: Exposed,
    pub(super) hidden: HiddenCounts,
    accepted: Arc<Accepted>,
    waiting: Waiting,
}

/// The findings of the record in progress.
#[derive(Debug, Default)]
struct Waiting {
    /// Which record of the texts it is.
    record: usize,
    kinds: Vec<OfKind>,
    /// Those in the line of a command: what the command carries says it better, if it does.
    in_line: Vec<OfKind>,
    in_function: Vec<usize>,
    raising: Vec<Raising>,
    raise: u8,
    /// Whether something fired that can be raised.
    is_raised: bool,
    has_secrets: bool,
    exposed: Vec<(usize, InRecord)>,
    hidden: Vec<Accept>,
}

/// A finding of a rule that raises others: told only with them.
#[derive(Debug)]
struct Raising {
    found: Found,
    hit: Hit,
    all: Vec<Hit>,
}

impl Waiting {
    fn is_empty(&self) -> bool {
        self.kinds.is_empty()
            && self.in_line.is_empty()
            && self.raising.is_empty()
            && !self.has_secrets
            && self.hidden.is_empty()
    }
}

/// The texts whose names must not be shown: record and element.
type Hidden = HashSet<(usize, u64)>;

impl Judge {
    pub(super) fn new(
        source: Arc<str>,
        options: &super::ScanOptions,
        collected: Collected,
        secrets: Option<Secrets>,
    ) -> Self {
        Self {
            source,
            rules: Arc::clone(&options.rules),
            reveal: options.reveal,
            most: options.findings_per_rule,
            fingerprints: Fingerprints::new(options.fingerprint_key.as_deref()),
            file: FileFacts::default(),
            collected,
            secrets,
            exposed: Exposed::default(),
            hidden: HiddenCounts::default(),
            accepted: Arc::clone(&options.accepted),
            waiting: Waiting::default(),
        }
    }

    /// Takes the hits of these texts. The last record may go on; all others are complete.
    ///
    /// # Errors
    /// The scratch folder cannot be written.
    pub(super) fn take(&mut self, texts: &Texts, hits: Vec<Hit>) -> Result<()> {
        let hits = joined(hits);
        let hidden = self.hidden(texts, &hits);
        for hits in hits.chunk_by(|a, b| a.tag == b.tag) {
            let Some((stood, record)) = hits.first().and_then(|hit| texts.text(hit.tag)) else { continue };
            if self.waiting.record != stood.record {
                self.settle(texts);
                self.waiting.record = stood.record;
            }
            if record.state != State::Rejected {
                self.text(texts, stood, record, hits, &hidden)?;
            }
        }
        let is_open = texts.get_record(self.waiting.record).is_some_and(|record| record.state == State::Open);
        if !is_open {
            self.settle(texts);
        }
        // An open record is the only one that texts keep.
        self.waiting.record = 0;
        Ok(())
    }

    /// Names that rules for secrets or personal data match.
    fn hidden(&self, texts: &Texts, hits: &[Hit]) -> Hidden {
        let mut hidden = Hidden::default();
        for hit in hits.iter().filter(|hit| !self.reveal && self.is_redacted(hit.rule)) {
            if let Some((stood, _)) = texts.text(hit.tag)
                && matches!(stood.place, Where::Field | Where::Element)
            {
                hidden.insert((stood.record, stood.ordinal / 2));
            }
        }
        hidden
    }

    fn is_redacted(&self, rule: usize) -> bool {
        self.rules.rules().get(rule).is_some_and(|rule| rule.category.is_redacted())
    }

    /// Takes the hits of one text.
    fn text(&mut self, texts: &Texts, stood: &Stood, record: &Record, hits: &[Hit], hidden: &Hidden) -> Result<()> {
        let rules = Arc::clone(&self.rules);
        let is_raising = |hit: &&Hit| rules.rules().get(hit.rule).is_some_and(|rule| rule.raises > 0);
        let hidden = hidden.contains(&(stood.record, stood.ordinal / 2));
        for hit in hits.iter().filter(is_raising) {
            let Some(rule) = rules.rules().get(hit.rule) else { continue };
            self.waiting.raise = self.waiting.raise.max(rule.raises);
            let kind = Kind { rule: hit.rule, severity: hit.severity, is_capped: false };
            let found = self.found(texts, stood, record, hit, kind, hidden);
            self.waiting.raising.push(Raising { found, hit: hit.clone(), all: hits.to_vec() });
        }
        for hit in hits.iter().filter(|hit| !is_raising(hit)) {
            let Some(rule) = rules.rules().get(hit.rule) else { continue };
            if let Some(why) = self.accept(texts, stood, record, (rule, hit, hits), hidden) {
                self.waiting.hidden.push(why);
                continue;
            }
            self.hit(texts, stood, record, (rule, hit, hits), hidden);
            if rule.category.is_redacted()
                && let Some(secrets) = &mut self.secrets
            {
                self.waiting.has_secrets = true;
                let order = order(&self.file, stood, record, hit);
                secrets.push(&self.source, &order, rule, texts, (stood, record), hit)?;
            }
        }
        Ok(())
    }

    /// Whether a finding is known, and so not told.
    fn accept(
        &self,
        texts: &Texts,
        stood: &Stood,
        record: &Record,
        (rule, hit, all): (&Rule, &Hit, &[Hit]),
        hidden: bool,
    ) -> Option<Accept> {
        if self.accepted.is_empty() {
            return None;
        }
        let kind = Kind { rule: hit.rule, severity: hit.severity, is_capped: false };
        let shown = redact::show(self.rules.rules(), hit, all, self.reveal);
        let found = self.with(self.found(texts, stood, record, hit, kind, hidden), rule, hit, shown);
        self.accepted.hides(&found.tell(rule, false))
    }

    /// Notes that secrets or personal data are exposed.
    fn expose(&mut self, hit: &Hit) {
        let at = self.waiting.exposed.iter().position(|(rule, _)| *rule == hit.rule).unwrap_or_else(|| {
            self.waiting.exposed.push((hit.rule, InRecord::default()));
            self.waiting.exposed.len().saturating_sub(1)
        });
        if let Some((_, own)) = self.waiting.exposed.get_mut(at) {
            // Of a record with very many the rest is not told apart.
            let room = MOST_IN_RECORD.saturating_sub(own.hashes.len());
            own.hashes.extend(hit.distinct.iter().take(room));
            own.valid_until = own.valid_until.max(hit.valid_until);
        }
    }

    fn hit(
        &mut self,
        texts: &Texts,
        stood: &Stood,
        record: &Record,
        (rule, hit, all): (&Rule, &Hit, &[Hit]),
        hidden: bool,
    ) {
        if rule.category.is_redacted() {
            self.expose(hit);
        }
        let key = record.ty.map(|_| texts.key_of(record));
        let kind = self.kind(rule, hit, stood.place, key);
        let order = order(&self.file, stood, record, hit);
        let found = self.collected.wants(key, kind, &order).then(|| {
            let shown = redact::show(self.rules.rules(), hit, all, self.reveal);
            let found = self.found(texts, stood, record, hit, kind, hidden);
            self.with(found, rule, hit, shown)
        });
        let kinds = if stood.place == Where::Command { &mut self.waiting.in_line } else { &mut self.waiting.kinds };
        let at = kinds.iter().position(|own| own.kind == kind).unwrap_or_else(|| {
            kinds.push(OfKind { kind, findings: 0, first: Vec::new() });
            kinds.len().saturating_sub(1)
        });
        if let Some(own) = kinds.get_mut(at) {
            own.findings = own.findings.saturating_add(1);
            if own.first.len() < self.most.max(1) {
                own.first.extend(found);
            }
        }
        if stood.place == Where::Function {
            self.waiting.in_function.push(hit.rule);
        }
    }

    /// What the finding counts as.
    fn kind(&mut self, rule: &Rule, hit: &Hit, place: Where, key: Option<&[u8]>) -> Kind {
        let (number, severity) = (hit.rule, hit.severity);
        if key.is_some_and(|key| rule.info_for_keys.iter().any(|pattern| pattern.is_match(key))) {
            return Kind { rule: number, severity: Threat::Info, is_capped: false };
        }
        let mut severity = severity;
        if rule.category == Category::Attack {
            severity = severity.raised(self.waiting.raise);
            self.waiting.is_raised = true;
        }
        let is_capped = self.file.guarded_by.is_some() && is_capped(rule, severity, place);
        Kind { rule: number, severity, is_capped }
    }

    /// The finding, but for what is shown of it.
    fn found(&self, texts: &Texts, stood: &Stood, record: &Record, hit: &Hit, kind: Kind, hidden: bool) -> Found {
        let in_key = |name| Arc::new(InKey { name, ty: record.ty, expire_at: record.expire_at });
        let mut notes = hit.notes.clone();
        notes.extend(stood.what.map(str::to_owned));
        Found {
            order: order(&self.file, stood, record, hit),
            kind,
            source: Arc::clone(&self.source),
            file: self.file.name.clone(),
            server: self.file.guarded_by.clone(),
            // Libraries are in no database.
            db: record.db.filter(|_| stood.place != Where::Function),
            key: texts.key_name(record).map(in_key),
            place: stood.place,
            element: texts.locator(stood, hidden, hit.decoded.is_empty().then_some(hit.at)),
            bytes: hit.bytes,
            decoded: hit.decoded.clone(),
            excerpt: String::new(),
            matches: hit.matches,
            fingerprint: None,
            valid_until: hit.valid_until,
            at: record.at,
            notes,
            structural: None,
        }
    }

    fn with(&self, found: Found, rule: &Rule, hit: &Hit, shown: Shown) -> Found {
        let fingerprint = self.fingerprints.of(rule, &hit.secret, shown.masked);
        Found { excerpt: shown.text, fingerprint, ..found }
    }

    /// The record in progress is complete: its findings count, or they do not.
    fn settle(&mut self, texts: &Texts) {
        if self.waiting.is_empty() {
            self.waiting = Waiting::default();
            return;
        }
        let mut waiting = std::mem::take(&mut self.waiting);
        let Some(record) = texts.get_record(waiting.record) else { return };
        if record.state == State::Rejected {
            if waiting.has_secrets
                && let Some(secrets) = &mut self.secrets
            {
                secrets.reject(self.file.number, record.offset);
            }
            return;
        }
        for (rule, exposed) in &waiting.exposed {
            self.exposed.add(*rule, exposed, record.expire_at, self.file.as_of);
        }
        for why in waiting.hidden.drain(..) {
            self.hidden.add(why, 1);
        }
        waiting.in_line.retain(|own| !waiting.in_function.contains(&own.kind.rule));
        waiting.kinds.append(&mut waiting.in_line);
        if waiting.is_raised {
            for Raising { found, hit, all } in waiting.raising {
                let Some(rule) = self.rules.rules().get(hit.rule) else { continue };
                let shown = redact::show(self.rules.rules(), &hit, &all, self.reveal);
                let found = self.with(found, rule, &hit, shown);
                waiting.kinds.push(OfKind { kind: found.kind, findings: 1, first: vec![found] });
            }
        }
        let first = waiting.kinds.iter_mut().flat_map(|kind| &mut kind.first);
        for found in first {
            if record.state == State::Broken {
                found.notes.push(BROKEN.to_owned());
            }
            // Of a command in pieces it is known at its end.
            if let Some(key) = found.key.as_mut().filter(|key| key.expire_at != record.expire_at) {
                *key = Arc::new(InKey { expire_at: record.expire_at, ..InKey::clone(key) });
            }
        }
        let key = record.ty.map(|_| texts.key_of(record));
        self.collected.add(key, waiting.kinds);
    }
}

fn order(file: &FileFacts, stood: &Stood, record: &Record, hit: &Hit) -> Order {
    Order {
        file: file.number,
        offset: record.offset,
        ordinal: stood.ordinal,
        at: hit.at,
        rule: hit.rule,
        decoded: Order::path(&hit.decoded),
    }
}

/// Hits in the order of their texts; those of one rule in what was decoded in one way are one.
fn joined(mut hits: Vec<Hit>) -> Vec<Hit> {
    let path = |hit: &Hit| (hit.tag, hit.rule, Order::path(&hit.decoded), hit.at);
    hits.sort_by_key(path);
    hits.dedup_by(|later, first| {
        let same = (later.tag, later.rule, &later.decoded) == (first.tag, first.rule, &first.decoded);
        if same {
            first.matches = first.matches.saturating_add(later.matches);
            first.severity = first.severity.max(later.severity);
            first.valid_until = first.valid_until.max(later.valid_until);
            let new = later.distinct.iter().filter(|hash| !first.distinct.contains(hash)).copied();
            let new: Vec<_> = new.take(64_usize.saturating_sub(first.distinct.len())).collect();
            first.distinct.extend(new);
        }
        same
    });
    hits.sort_by_key(|hit| (hit.tag, hit.at, hit.rule));
    hits
}
