//! Items to texts, texts through the rules, hits to findings.

use super::ScanOptions;
use super::collect::Collected;
use crate::base::{Result, UnixMs};
use crate::keyspace::{KeyName, Type};
use crate::pipeline::{Analyzer, Prologue, Scope};
use crate::rdb::{Depth, Element, Half, Head, Item};
use crate::report::{Finding, Locator, Scan, ScanSummary, Where, escape};
use crate::rules::{About, Hit, Piece, RuleSet, Scanner};
use std::sync::Arc;

/// Scans what passes.
pub struct ScanFold {
    source: Arc<str>,
    options: ScanOptions,
    rules: Arc<RuleSet>,
    scanner: Scanner,
    /// Where the texts stand that the scanner has, by their tags.
    texts: Vec<Stood>,
    key: Option<Held>,
    index: u64,
    found: Collected,
    keys: u64,
}

/// A key, held while its elements come.
#[derive(Debug, Clone)]
struct Held {
    db: u64,
    name: KeyName,
    ty: Type,
    offset: u64,
    expire_at: Option<UnixMs>,
}

#[derive(Debug, Clone)]
struct Stood {
    key: Option<Held>,
    place: Where,
    element: Option<Locator>,
}

impl ScanFold {
    /// A scan of one source.
    pub fn new(source: &str, options: &ScanOptions) -> Self {
        Self {
            source: source.into(),
            options: options.clone(),
            rules: Arc::clone(&options.rules),
            scanner: Scanner::new(Arc::clone(&options.rules)),
            texts: Vec::new(),
            key: None,
            index: 0,
            found: Collected::default(),
            keys: 0,
        }
    }

    /// What it came to.
    pub fn into_scan(mut self) -> Scan {
        self.drain();
        let counts = self.scanner.counts();
        let (findings, by_rule, by_severity) = self.found.finish(self.options.findings_per_rule);
        let summary = ScanSummary {
            by_severity,
            by_rule,
            rules: self.rules.rules().len() as u64,
            keys: self.keys,
            texts: counts.texts,
            bytes: counts.bytes,
            decoded_bytes: counts.decoded_bytes,
            decodings_cut: counts.decodings_cut,
            ..ScanSummary::default()
        };
        Scan { summary, findings, ..Scan::default() }
    }

    fn begin(&mut self, head: &Head<'_>) {
        let key = Held {
            db: head.db,
            name: head.key.to_name(),
            ty: head.value_type.ty,
            offset: head.offset,
            expire_at: head.expire_at,
        };
        self.key = Some(key);
        self.index = 0;
        self.keys = self.keys.saturating_add(1);
        self.text(Where::Key, None, b"", head.key.head);
    }

    fn element(&mut self, element: &Element<'_>) {
        let ty = self.key.as_ref().map(|key| key.ty);
        let place = if ty == Some(Type::String) { Where::Value } else { Where::Element };
        let at = Locator { index: Some(self.index), ..Locator::default() };
        match element {
            Element::Item(bytes) => self.text(place, (place == Where::Element).then_some(at), b"", bytes),
            Element::Member { member, .. } => self.text(Where::Element, Some(at), b"", member),
            Element::Indexed { value, .. } => self.text(Where::Element, Some(at), b"", value),
            Element::Field { field, value, .. } => {
                self.text(Where::Field, Some(at.clone()), b"", field);
                let at = Locator { field: Some(KeyName::whole(field)), ..at };
                self.text(Where::Value, Some(at), field, value);
            }
            Element::Piece { half, at: from, total, bytes } => {
                let place = if *half == Half::Value { Where::Value } else { place };
                let tag = self.stand(place, Some(at));
                let key = self.key.as_ref();
                let about = About { place, ty, key: key.map_or(&[], |key| key.name.head()), field: b"" };
                self.scanner.piece(tag, &about, Piece { at: *from, total: *total, bytes });
                return;
            }
            _ => return,
        }
        self.index = self.index.saturating_add(1);
    }

    fn stand(&mut self, place: Where, element: Option<Locator>) -> u32 {
        let tag = u32::try_from(self.texts.len()).unwrap_or(u32::MAX);
        self.texts.push(Stood { key: self.key.clone(), place, element });
        tag
    }

    fn text(&mut self, place: Where, element: Option<Locator>, field: &[u8], bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        let tag = self.stand(place, element);
        let key = self.key.as_ref();
        let about = About { place, ty: key.map(|key| key.ty), key: key.map_or(&[], |key| key.name.head()), field };
        self.scanner.text(tag, &about, bytes);
    }

    fn drain(&mut self) {
        let hits: Vec<Hit> = self.scanner.drain().collect();
        for hit in hits {
            if let (Some(stood), Some(rule)) = (self.texts.get(hit.tag as usize), self.rules.rules().get(hit.rule)) {
                let redacted = rule.category.is_redacted() && !self.options.reveal;
                let excerpt = if redacted { format!("<{} bytes>", hit.bytes) } else { escape(&hit.excerpt) };
                self.found.add(Finding {
                    rule: rule.id.clone(),
                    rule_version: rule.version,
                    title: rule.title.clone(),
                    severity: hit.severity,
                    technique_severity: hit.severity,
                    confidence: rule.confidence,
                    category: rule.category,
                    story: rule.story.clone(),
                    source: self.source.to_string(),
                    db: stood.key.as_ref().map(|key| key.db),
                    key: stood.key.as_ref().map(|key| key.name.clone()),
                    key_type: stood.key.as_ref().map(|key| key.ty.name().to_owned()),
                    expire_at: stood.key.as_ref().and_then(|key| key.expire_at).and_then(UnixMs::rfc3339),
                    place: stood.place,
                    element: stood.element.clone(),
                    offset: stood.key.as_ref().map(|key| key.offset),
                    match_offset: Some(hit.at),
                    match_bytes: Some(hit.bytes),
                    decoded_from: hit.decoded.iter().map(|decoder| decoder.name().to_owned()).collect(),
                    excerpt,
                    matches: hit.matches,
                    attack: rule.attack.clone(),
                    why: rule.why.clone(),
                    advice: rule.advice.clone(),
                    notes: hit.notes,
                    ..Finding::default()
                });
            }
        }
        self.texts.clear();
    }
}

impl Analyzer for ScanFold {
    type Output = Self;

    fn depth(&self, _: &Head<'_>) -> Depth {
        Depth::Content
    }

    fn begin(&mut self, _: &Prologue, _: Option<UnixMs>) {}

    fn fork(&self) -> Self {
        Self::new(&self.source, &self.options)
    }

    fn observe(&mut self, item: &Item<'_>) -> Result<()> {
        match item {
            Item::Begin(head) => self.begin(head),
            Item::Element(element) => self.element(element),
            Item::Entry(_) | Item::Dropped => {
                if self.scanner.is_full() {
                    self.drain();
                }
                self.key = None;
            }
            _ => {}
        }
        Ok(())
    }

    fn merge(&mut self, mut other: Self) -> Result<()> {
        self.drain();
        other.drain();
        self.found.merge(other.found);
        self.keys = self.keys.saturating_add(other.keys);
        Ok(())
    }

    fn finish(self, _: &Scope) -> Result<Self> {
        Ok(self)
    }
}
