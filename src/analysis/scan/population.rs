//! How many keys of one pattern of names a rule fires on: where it is a large part of them, that is how they are built, and
//! it is told once.
//!
//! Keys are counted under the pattern of their names ([`pattern`]), down to a depth. There are never more patterns, and never
//! more pairs of a pattern and what fires on it, than may be tracked: if there are, the depth falls, and what is now the same is
//! added up. How far it falls depends on the keys alone, not on their order or on who sees which.

use super::found::{Found, Kind, Order};
use crate::analysis::prefixes::pattern;
use crate::analysis::tracked::cut;
use crate::keyspace::KeyName;
use crate::report::Structural;
use hashbrown::HashMap;
use std::collections::BTreeMap;

/// Fewest keys of a pattern.
const LEAST_KEYS: u64 = 50;
/// More than one key in so many.
const SHARE: u64 = 5;
/// Keys that are named.
const SAMPLES: usize = 3;

/// Keys by the patterns of their names. Memory: some 2 KB for each of `most` pairs of a pattern and what fires on it.
#[derive(Debug, Clone)]
pub(super) struct Population {
    most: usize,
    depth: usize,
    groups: HashMap<Vec<u8>, Group>,
    pairs: usize,
    buffer: Vec<u8>,
}

#[derive(Debug, Clone, Default)]
struct Group {
    keys: u64,
    fired: Vec<(Kind, Fired)>,
}

/// The keys of a pattern that findings of one kind are in.
#[derive(Debug, Clone)]
struct Fired {
    keys: u64,
    findings: u64,
    first: Found,
    samples: Vec<(Order, KeyName)>,
}

/// Findings of one kind in the keys of one pattern, in place of which one is told.
#[derive(Debug, Clone)]
pub(super) struct Collapsed {
    pub(super) findings: u64,
    /// The first of them, with what it stands for.
    pub(super) told: Found,
}

impl Population {
    /// Nothing yet; `most` patterns are told apart.
    pub(super) fn new(most: usize) -> Self {
        Self { most: most.max(1), depth: pattern::WHOLE, groups: HashMap::default(), pairs: 0, buffer: Vec::new() }
    }

    /// Counts a key.
    #[inline]
    pub(super) fn key(&mut self, name: &[u8]) {
        pattern::write(name, self.depth, &mut self.buffer);
        if let Some(group) = self.groups.get_mut(self.buffer.as_slice()) {
            group.keys = group.keys.saturating_add(1);
        } else {
            self.groups.insert(self.buffer.clone(), Group { keys: 1, fired: Vec::new() });
            self.fall();
        }
    }

    /// Whether [`Population::fired`] has any use for more than the number of this finding.
    pub(super) fn wants(&mut self, name: &[u8], kind: Kind, order: &Order) -> bool {
        pattern::write(name, self.depth, &mut self.buffer);
        let group = self.groups.get(self.buffer.as_slice());
        let fired = group.and_then(|group| group.fired.iter().find(|(own, _)| *own == kind));
        let Some((_, fired)) = fired else { return true };
        fired.samples.len() < SAMPLES || fired.samples.last().is_none_or(|(last, _)| order < last)
    }

    /// Counts a key with findings of one kind, the first of them being `first`, if that is at hand.
    pub(super) fn fired(&mut self, name: &[u8], kind: Kind, findings: u64, first: Option<&Found>) {
        pattern::write(name, self.depth, &mut self.buffer);
        let group = self.groups.entry_ref(self.buffer.as_slice()).or_default();
        if let Some((_, fired)) = group.fired.iter_mut().find(|(own, _)| *own == kind) {
            fired.keys = fired.keys.saturating_add(1);
            fired.findings = fired.findings.saturating_add(findings);
            if let Some(first) = first {
                fired.offer(first);
            }
        } else if let Some(first) = first {
            let mut fired = Fired { keys: 1, findings, first: first.clone(), samples: Vec::new() };
            fired.offer(first);
            group.fired.push((kind, fired));
            self.pairs = self.pairs.saturating_add(1);
            self.fall();
        }
    }

    fn fall(&mut self) {
        while (self.groups.len() > self.most || self.pairs > self.most) && self.depth > 0 {
            self.fall_to(self.depth.saturating_sub(1));
        }
    }

    fn fall_to(&mut self, depth: usize) {
        self.depth = depth;
        self.pairs = 0;
        for (path, group) in std::mem::take(&mut self.groups) {
            self.join(&path, group);
        }
    }

    fn join(&mut self, path: &[u8], group: Group) {
        let own = self.groups.entry_ref(cut(path, self.depth, pattern::WHOLE, pattern::MARK)).or_default();
        own.keys = own.keys.saturating_add(group.keys);
        for (kind, fired) in group.fired {
            if let Some((_, own)) = own.fired.iter_mut().find(|(own, _)| *own == kind) {
                own.merge(fired);
            } else {
                own.fired.push((kind, fired));
                self.pairs = self.pairs.saturating_add(1);
            }
        }
    }

    /// Adds what another one saw.
    pub(super) fn merge(&mut self, other: Self) {
        if other.depth < self.depth {
            self.fall_to(other.depth);
        }
        for (path, group) in other.groups {
            self.join(&path, group);
            self.fall();
        }
    }

    /// How many keys of which prefixes the rules fire on that `wanted` names.
    pub(super) fn patterned(&self, wanted: impl Fn(usize) -> bool) -> Patterned {
        let mut patterned = Patterned::default();
        for (path, group) in &self.groups {
            for (kind, fired) in group.fired.iter().filter(|(kind, _)| wanted(kind.rule)) {
                patterned.add(kind.rule, prefix(path, self.depth), fired.keys);
            }
        }
        patterned
    }

    /// What is told once, by the pattern of its keys and its kind.
    pub(super) fn finish(self) -> Findings {
        let mut collapsed = HashMap::default();
        for (path, group) in self.groups {
            for (kind, fired) in group.fired {
                let is_built_so = group.keys >= LEAST_KEYS && fired.keys.saturating_mul(SHARE) > group.keys;
                if is_built_so {
                    let structural = Structural {
                        prefix: prefix(&path, self.depth),
                        keys: fired.keys,
                        of_keys: group.keys,
                        samples: fired.samples.into_iter().map(|(_, name)| name).collect(),
                    };
                    let told = Found { structural: Some(structural), ..fired.first };
                    collapsed.insert((path.clone(), kind), Collapsed { findings: fired.findings, told });
                }
            }
        }
        Findings { depth: self.depth, collapsed, buffer: self.buffer }
    }
}

impl Fired {
    fn offer(&mut self, found: &Found) {
        if found.order < self.first.order {
            self.first = found.clone();
        }
        if let Some(key) = &found.key {
            self.sample(found.order, || key.name.clone());
        }
    }

    fn sample(&mut self, order: Order, name: impl FnOnce() -> KeyName) {
        let at = self.samples.partition_point(|(own, _)| *own < order);
        if at < SAMPLES {
            self.samples.insert(at, (order, name()));
            self.samples.truncate(SAMPLES);
        }
    }

    fn merge(&mut self, other: Self) {
        self.keys = self.keys.saturating_add(other.keys);
        self.findings = self.findings.saturating_add(other.findings);
        if other.first.order < self.first.order {
            self.first = other.first;
        }
        for (order, name) in other.samples {
            self.sample(order, || name);
        }
    }
}

/// Keys that rules fire on, by the prefix of their names.
#[derive(Debug, Clone, Default)]
pub(super) struct Patterned {
    keys: BTreeMap<(usize, String), u64>,
}

impl Patterned {
    fn add(&mut self, rule: usize, prefix: String, keys: u64) {
        let own = self.keys.entry((rule, prefix)).or_default();
        *own = own.saturating_add(keys);
    }

    /// Adds those of another source.
    pub(super) fn merge(&mut self, other: Self) {
        other.keys.into_iter().for_each(|((rule, prefix), keys)| self.add(rule, prefix, keys));
    }

    /// Those of one rule.
    pub(super) fn of(&self, rule: usize) -> impl Iterator<Item = (&str, u64)> {
        let all = (rule, String::new())..=(rule.saturating_add(1), String::new());
        self.keys
            .range(all)
            .filter(move |((own, _), _)| *own == rule)
            .map(|((_, prefix), keys)| (prefix.as_str(), *keys))
    }
}

/// Findings that are told once.
pub(super) struct Findings {
    depth: usize,
    collapsed: HashMap<(Vec<u8>, Kind), Collapsed>,
    buffer: Vec<u8>,
}

impl Findings {
    /// Whether a finding of this kind in the key of this name is told with others.
    pub(super) fn has(&mut self, name: &[u8], kind: Kind) -> bool {
        pattern::write(name, self.depth, &mut self.buffer);
        self.collapsed.contains_key(&(self.buffer.clone(), kind))
    }

    /// What is told in their place, in the order of the file.
    pub(super) fn into_told(self) -> Vec<Collapsed> {
        let mut told: Vec<_> = self.collapsed.into_values().collect();
        told.sort_by_key(|one| one.told.order);
        told
    }
}

/// The pattern with a star for whatever varies, and for what follows where it was cut: `session:*`.
fn prefix(path: &[u8], depth: usize) -> String {
    let cuts = memchr::memchr_iter(pattern::MARK, path).count();
    let is_cut = depth < pattern::WHOLE && cuts >= depth;
    let text = String::from_utf8_lossy(path).replace(char::from(pattern::MARK), "");
    let mut out = String::new();
    let mut rest = text.as_str();
    let folded = ["{n}", "{hex}", "{token}", "{uuid}", "{date}", "{ip}", "{bytes}", "{long}"];
    while let Some(c) = rest.chars().next() {
        if let Some(placeholder) = folded.iter().find(|placeholder| rest.starts_with(**placeholder)) {
            rest = rest.get(placeholder.len()..).unwrap_or_default();
            out.push('*');
        } else {
            out.push(c);
            rest = rest.get(c.len_utf8()..).unwrap_or_default();
        }
    }
    if is_cut && !out.ends_with('*') {
        out.push('*');
    }
    out
}

#[cfg(test)]
mod tests;
