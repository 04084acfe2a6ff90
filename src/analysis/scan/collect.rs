//! Findings of one source: counted all, listed in bounded memory, the same for any split.
//!
//! Of a rule that fires too often to list every finding, those are kept that come first among the findings with the same pattern
//! of key names, the firsts of every pattern before the seconds of any: so what fires on 5 keys of another kind is not lost
//! behind a million sessions.

use super::found::{Found, Kind, Order};
use super::population::Population;
use crate::analysis::prefixes::pattern;
use crate::report::{Scan, ScanSummary};
use crate::rules::Rule;
use hashbrown::HashMap;
use std::collections::BTreeMap;

/// What is held of findings before those that will not be listed are let go.
const LEAST_HELD: usize = 64;

/// Findings of one record: of each kind the number, and the first ones as far as they are wanted.
#[derive(Debug, Clone)]
pub(super) struct OfKind {
    pub(super) kind: Kind,
    pub(super) findings: u64,
    pub(super) first: Vec<Found>,
}

/// The findings of a source.
#[derive(Debug, Clone)]
pub(super) struct Collected {
    most: usize,
    listed: BTreeMap<usize, Listed>,
    counts: BTreeMap<Kind, u64>,
    pub(super) population: Population,
    buffer: Vec<u8>,
}

impl Collected {
    /// Nothing yet: `most` findings of each rule are listed, `patterns` of key names told apart.
    pub(super) fn new(most: usize, patterns: usize) -> Self {
        let population = Population::new(patterns);
        Self { most, listed: BTreeMap::new(), counts: BTreeMap::new(), population, buffer: Vec::new() }
    }

    /// Whether [`Collected::add`] has any use for more of a finding than that there is one. `key`: the name of its key.
    pub(super) fn wants(&mut self, key: Option<&[u8]>, kind: Kind, order: &Order) -> bool {
        let group = self.group_of(key);
        let listed = self.listed.get(&kind.rule);
        listed.map_or(self.most > 0, |listed| listed.wants(group, order))
            || key.is_some_and(|key| self.population.wants(key, kind, order))
    }

    /// Adds the findings of a record that is complete.
    pub(super) fn add(&mut self, key: Option<&[u8]>, found: Vec<OfKind>) {
        let group = self.group_of(key);
        for OfKind { kind, findings, first } in found {
            let count = self.counts.entry(kind).or_default();
            *count = count.saturating_add(findings);
            if let Some(key) = key {
                self.population.fired(key, kind, findings, first.first());
            }
            let listed = self.listed.entry(kind.rule).or_default();
            for found in first {
                if self.most > 0 && listed.wants(group, &found.order) {
                    listed.push(group, found, self.most);
                }
            }
        }
    }

    /// What findings are ranked in: the pattern of their keys; what is in no key has one of its own.
    fn group_of(&mut self, key: Option<&[u8]>) -> u64 {
        let Some(key) = key else { return 0 };
        pattern::write(key, pattern::WHOLE, &mut self.buffer);
        xxhash_rust::xxh3::xxh3_64(&self.buffer)
    }

    /// Adds what another worker collected.
    pub(super) fn merge(&mut self, other: Self) {
        self.population.merge(other.population);
        for (kind, findings) in other.counts {
            let count = self.counts.entry(kind).or_default();
            *count = count.saturating_add(findings);
        }
        for (rule, other) in other.listed {
            self.listed.entry(rule).or_default().merge(other, self.most);
        }
    }

    /// The findings of the source, with those that are told once in the place of the others.
    pub(super) fn finish(self) -> Sourced {
        let mut once = self.population.finish();
        let (mut counts, mut all) = (self.counts, Vec::new());
        for (_, mut listed) in self.listed {
            // Past this, what is held depends on who held it.
            listed.cut(self.most);
            listed.retain(|found| !found.key.as_ref().is_some_and(|key| once.has(key.name.head(), found.kind)));
            all.extend(listed.into_found());
        }
        for collapsed in once.into_told() {
            if let Some(count) = counts.get_mut(&collapsed.told.kind) {
                *count = count.saturating_sub(collapsed.findings).saturating_add(1);
            }
            all.push(collapsed.told);
        }
        let mut sourced = Sourced { most: self.most, counts, found: all };
        sourced.cut();
        sourced
    }
}

/// Findings of one rule that are listed.
#[derive(Debug, Clone, Default)]
struct Listed {
    groups: HashMap<u64, Vec<Found>>,
    held: usize,
    /// What is not before this is not listed.
    cutoff: Option<(usize, Order)>,
}

impl Listed {
    fn wants(&self, group: u64, order: &Order) -> bool {
        let Some(cutoff) = self.cutoff else { return true };
        let rank = self.groups.get(&group).map_or(0, |list| list.partition_point(|found| found.order < *order));
        (rank, *order) < cutoff
    }

    fn push(&mut self, group: u64, found: Found, most: usize) {
        let list = self.groups.entry(group).or_default();
        let at = list.partition_point(|own| own.order < found.order);
        list.insert(at, found);
        self.held = self.held.saturating_add(1);
        if self.held >= most.saturating_mul(2).max(LEAST_HELD) {
            self.cut(most);
        }
    }

    fn merge(&mut self, other: Self, most: usize) {
        for (group, list) in other.groups {
            for found in list {
                if self.wants(group, &found.order) {
                    self.push(group, found, most);
                }
            }
        }
        // What the other let go of would not be listed here either.
        self.cutoff = match (self.cutoff, other.cutoff) {
            (Some(own), Some(other)) => Some(own.min(other)),
            (own, other) => own.or(other),
        };
    }

    /// Keeps the first `most` by rank in their group, then by their order.
    fn cut(&mut self, most: usize) {
        if self.held <= most {
            return;
        }
        let ranked = |list: &Vec<Found>| -> Vec<_> { list.iter().map(|found| found.order).enumerate().collect() };
        let mut ranks: Vec<_> = self.groups.values().flat_map(ranked).collect();
        let (_, cutoff, _) = ranks.select_nth_unstable(most);
        let cutoff = *cutoff;
        self.cutoff = Some(cutoff);
        self.held = 0;
        self.groups.retain(|_, list| {
            let kept = list.iter().enumerate().take_while(|(rank, found)| (*rank, found.order) < cutoff).count();
            list.truncate(kept);
            self.held = self.held.saturating_add(kept);
            kept > 0
        });
    }

    fn retain(&mut self, mut keep: impl FnMut(&Found) -> bool) {
        self.groups.retain(|_, list| {
            list.retain(&mut keep);
            !list.is_empty()
        });
        self.held = self.groups.values().map(Vec::len).sum();
    }

    fn into_found(self) -> impl Iterator<Item = Found> {
        self.groups.into_values().flatten()
    }
}

/// The findings of one source or of several, none of which changes any more but for what is proven.
#[derive(Debug, Clone)]
pub(super) struct Sourced {
    most: usize,
    counts: BTreeMap<Kind, u64>,
    found: Vec<Found>,
}

impl Sourced {
    /// Adds those of another source.
    pub(super) fn merge(&mut self, other: Self) {
        for (kind, findings) in other.counts {
            let count = self.counts.entry(kind).or_default();
            *count = count.saturating_add(findings);
        }
        self.found.extend(other.found);
        self.cut();
    }

    /// Keeps the first of each rule, those that stand for many before the others.
    fn cut(&mut self) {
        let rank = |found: &Found| (found.kind.rule, found.structural.is_none());
        self.found.sort_by(|a, b| (rank(a), &a.source, a.order).cmp(&(rank(b), &b.source, b.order)));
        let (mut rule, mut taken) = (usize::MAX, 0);
        let most = self.most;
        self.found.retain(|found| {
            taken = if found.kind.rule == rule { taken + 1 } else { 1 };
            rule = found.kind.rule;
            taken <= most
        });
    }

    /// Adds them to a report. `proven`: something else shows that a server was made to write files.
    pub(super) fn tell(mut self, rules: &[Rule], proven: bool, scan: &mut Scan) {
        let summary: &mut ScanSummary = &mut scan.summary;
        let mut all = 0_u64;
        for (kind, findings) in &self.counts {
            let Some(rule) = rules.get(kind.rule) else { continue };
            for count in [
                summary.by_rule.entry(rule.id.clone()).or_default(),
                summary.by_severity.entry(kind.told(proven)).or_default(),
            ] {
                *count = count.saturating_add(*findings);
            }
            all = all.saturating_add(*findings);
        }
        summary.not_listed = summary.not_listed.saturating_add(all.saturating_sub(self.found.len() as u64));
        let severity = |found: &Found| std::cmp::Reverse(found.kind.told(proven));
        self.found.sort_by(|a, b| (severity(a), &a.source, a.order).cmp(&(severity(b), &b.source, b.order)));
        let told = self.found.into_iter().filter_map(|found| Some((rules.get(found.kind.rule)?, found)));
        scan.findings.extend(told.map(|(rule, found)| found.tell(rule, proven)));
    }
}

#[cfg(test)]
mod tests;
