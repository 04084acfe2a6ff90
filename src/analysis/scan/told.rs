//! What was found, in the words of its rule.

use crate::report::{Finding, Scan, escape};
use crate::rules::{Rule, RuleSet};
use std::collections::BTreeMap;

/// Of a text this much is shown.
const SHOWN: usize = 240;

/// Words what checks find: without a rule of that name, nothing is found.
#[derive(Clone, Copy)]
pub(super) struct Teller<'r> {
    rules: &'r RuleSet,
    source: &'r str,
}

impl<'r> Teller<'r> {
    pub(super) fn new(rules: &'r RuleSet, source: &'r str) -> Self {
        Self { rules, source }
    }

    /// A finding of the check of this name, without its place.
    pub(super) fn tell(self, check: &str) -> Option<Finding> {
        let rule = self.rules.rules().iter().find(|rule| rule.check.as_deref() == Some(check))?;
        Some(of_rule(rule, self.source))
    }
}

/// A finding of a rule, without its place.
pub(super) fn of_rule(rule: &Rule, source: &str) -> Finding {
    Finding {
        rule: rule.id.clone(),
        rule_version: rule.version,
        title: rule.title.clone(),
        severity: rule.severity,
        technique_severity: rule.severity,
        confidence: rule.confidence,
        category: rule.category,
        story: rule.story.clone(),
        source: source.to_owned(),
        matches: 1,
        attack: rule.attack.clone(),
        why: rule.why.clone(),
        advice: rule.advice.clone(),
        ..Finding::default()
    }
}

/// The beginning of a text, escaped.
pub(super) fn shown(bytes: &[u8]) -> String {
    let mut text = escape(bytes.get(..SHOWN).unwrap_or(bytes));
    if bytes.len() > SHOWN {
        text.push('…');
    }
    text
}

/// Findings that were made one by one: of each rule the first ones, and the number of all.
#[derive(Debug, Default)]
pub(super) struct Told {
    findings: Vec<Finding>,
    counts: BTreeMap<String, u64>,
    most: usize,
}

impl Told {
    /// Keeps so many of each rule.
    pub(super) fn new(most: usize) -> Self {
        Self { most, ..Self::default() }
    }

    pub(super) fn add(&mut self, finding: Finding) {
        let count = self.counts.entry(finding.rule.clone()).or_default();
        *count = count.saturating_add(1);
        if *count <= self.most as u64 {
            self.findings.push(finding);
        }
    }

    pub(super) fn extend(&mut self, findings: impl IntoIterator<Item = Finding>) {
        findings.into_iter().for_each(|finding| self.add(finding));
    }

    /// Counts more of a rule than are there.
    pub(super) fn count(&mut self, rule: &str, more: u64) {
        if more > 0 {
            let count = self.counts.entry(rule.to_owned()).or_default();
            *count = count.saturating_add(more);
        }
    }

    /// The findings, for tests.
    #[cfg(test)]
    pub(super) fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// Adds them to what a scan found, in its order: gravest first, then by source and place.
    pub(super) fn add_to(self, scan: &mut Scan) {
        let summary = &mut scan.summary;
        for (rule, count) in self.counts {
            let kept = self.findings.iter().filter(|finding| finding.rule == rule).count() as u64;
            let unlisted = count.saturating_sub(kept);
            summary.not_listed = summary.not_listed.saturating_add(unlisted);
            let sum = summary.by_rule.entry(rule).or_default();
            *sum = sum.saturating_add(count);
        }
        for finding in &self.findings {
            let sum = summary.by_severity.entry(finding.severity).or_default();
            *sum = sum.saturating_add(1);
        }
        scan.findings.extend(self.findings);
        scan.findings.sort_by(|a, b| b.severity.cmp(&a.severity).then_with(|| place(a).cmp(&place(b))));
    }
}

fn place(finding: &Finding) -> impl Ord + '_ {
    (&finding.source, &finding.file, finding.offset, &finding.element, finding.place, &finding.rule)
}
