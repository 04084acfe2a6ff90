//! A finding before it is told: as small as it can be held, and its place among the others.

use crate::base::UnixMs;
use crate::keyspace::{KeyName, Type};
use crate::report::{Category, Confidence, Finding, Locator, Structural, Threat, Where};
use crate::rules::Rule;
use crate::rules::decode::{DEPTH, Decoder};
use std::sync::Arc;

/// Where a finding stands among those of its source: by file, record, text, match and rule. No two are equal.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Order {
    /// Which file of the source, in the order they are read.
    pub(super) file: u32,
    pub(super) offset: u64,
    pub(super) ordinal: u64,
    pub(super) at: u64,
    pub(super) rule: usize,
    pub(super) decoded: [u8; DEPTH],
}

impl Order {
    /// How a text was decoded, in a form that can be compared.
    pub(super) fn path(decoded: &[Decoder]) -> [u8; DEPTH] {
        let mut path = [0; DEPTH];
        for (to, decoder) in path.iter_mut().zip(decoded) {
            *to = (*decoder as u8).saturating_add(1);
        }
        path
    }

    /// Bytes that sort as it does.
    pub(super) fn bytes(&self) -> Vec<u8> {
        let mut bytes = self.file.to_be_bytes().to_vec();
        for number in [self.offset, self.ordinal, self.at, self.rule as u64] {
            bytes.extend_from_slice(&number.to_be_bytes());
        }
        bytes.extend_from_slice(&self.decoded);
        bytes
    }
}

/// What findings are counted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Kind {
    pub(super) rule: usize,
    pub(super) severity: Threat,
    /// Whether it is critical only if something proves that files were written.
    pub(super) is_capped: bool,
}

impl Kind {
    /// The severity that is told.
    pub(super) fn told(self, proven: bool) -> Threat {
        if self.is_capped && !proven { self.severity.min(Threat::High) } else { self.severity }
    }
}

/// The key that findings are in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct InKey {
    pub(super) name: KeyName,
    pub(super) ty: Option<Type>,
    pub(super) expire_at: Option<UnixMs>,
}

/// A finding.
#[derive(Debug, Clone)]
pub(super) struct Found {
    pub(super) order: Order,
    pub(super) kind: Kind,
    pub(super) source: Arc<str>,
    pub(super) file: Option<Arc<str>>,
    /// The version of the server that wrote the file.
    pub(super) server: Option<Arc<str>>,
    pub(super) db: Option<u64>,
    pub(super) key: Option<Arc<InKey>>,
    pub(super) place: Where,
    pub(super) element: Option<Locator>,
    pub(super) bytes: u64,
    pub(super) decoded: Vec<Decoder>,
    pub(super) excerpt: String,
    pub(super) matches: u64,
    pub(super) fingerprint: Option<String>,
    pub(super) valid_until: Option<UnixMs>,
    /// When the record was written.
    pub(super) at: Option<UnixMs>,
    pub(super) notes: Vec<String>,
    pub(super) structural: Option<Structural>,
}

impl Found {
    /// As reports tell it. `proven`: something else shows that a server was made to write files.
    pub(super) fn tell(self, rule: &Rule, proven: bool) -> Finding {
        let capped = self.kind.is_capped && !proven;
        let mut notes = self.notes;
        if capped {
            let server = self.server.as_deref().unwrap_or("7.0 or later");
            notes.push(format!(
                "attempted, persistence not proven: a server of version {server} does not let clients write its file \
                 elsewhere by default"
            ));
        }
        let key = self.key.as_deref();
        // What stands for many keys is in none of them.
        let shown = key.filter(|_| self.structural.is_none());
        Finding {
            rule: rule.id.clone(),
            rule_version: rule.version,
            title: rule.title.clone(),
            severity: self.kind.told(proven),
            technique_severity: rule.severity,
            confidence: if capped { Confidence::Attempted } else { rule.confidence },
            at: self.at.and_then(UnixMs::rfc3339),
            category: rule.category,
            story: rule.story.clone(),
            source: self.source.to_string(),
            file: self.file.map(|file| file.to_string()),
            db: self.db,
            key: shown.map(|key| key.name.clone()),
            key_type: key.and_then(|key| key.ty).map(|ty| ty.name().to_owned()),
            expire_at: shown.and_then(|key| key.expire_at).and_then(UnixMs::rfc3339),
            place: self.place,
            element: self.element,
            offset: Some(self.order.offset),
            match_offset: Some(self.order.at),
            match_bytes: Some(self.bytes),
            decoded_from: self.decoded.iter().map(|decoder| decoder.name().to_owned()).collect(),
            excerpt: self.excerpt,
            matches: self.matches,
            fingerprint: self.fingerprint,
            valid_until: self.valid_until.and_then(UnixMs::rfc3339),
            attack: rule.attack.clone(),
            why: rule.why.clone(),
            advice: rule.advice.clone(),
            notes,
            structural: self.structural,
        }
    }
}

/// Whether evidence of this kind shows an attempt alone, where a server does not let clients write files elsewhere.
pub(super) fn is_capped(rule: &Rule, severity: Threat, place: Where) -> bool {
    rule.category == Category::Attack
        && severity == Threat::Critical
        && rule.uncapped.is_none()
        && matches!(place, Where::Key | Where::Value | Where::Field | Where::Element)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_sort_as_orders_do() {
        let order = |file, offset, ordinal, at, rule, decoded| Order { file, offset, ordinal, at, rule, decoded };
        let sorted = [
            order(0, 5, 0, 0, 0, [0, 0, 0]),
            order(0, 5, 1, 0, 9, [0, 0, 0]),
            order(0, 5, 1, 0, 9, [1, 0, 0]),
            order(0, 5, 1, 256, 0, [0, 0, 0]),
            order(0, 300, 0, 0, 0, [0, 0, 0]),
            order(1, 0, 0, 0, 0, [0, 0, 0]),
        ];
        assert!(sorted.is_sorted() && sorted.map(|order| order.bytes()).is_sorted());
    }

    #[test]
    fn only_what_a_client_can_write_is_capped() {
        let rule = Rule { category: Category::Attack, ..Rule::default() };
        assert!(is_capped(&rule, Threat::Critical, Where::Value));
        assert!(!is_capped(&rule, Threat::High, Where::Value));
        assert!(!is_capped(&rule, Threat::Critical, Where::Command));
        assert!(!is_capped(&Rule { uncapped: Some("it is code".into()), ..rule }, Threat::Critical, Where::Value));
        let secret = Rule { category: Category::Secret, ..Rule::default() };
        assert!(!is_capped(&secret, Threat::Critical, Where::Value));
        let kind = Kind { rule: 0, severity: Threat::Critical, is_capped: true };
        assert_eq!((kind.told(false), kind.told(true)), (Threat::High, Threat::Critical));
    }
}
