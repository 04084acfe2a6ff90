//! Findings of workers: bounded, and in an order that no split changes.

use crate::report::{Finding, Threat};
use std::collections::BTreeMap;

/// Findings by rule: the first of each in the order of the file, and the number of all.
#[derive(Debug, Clone, Default)]
pub(super) struct Collected {
    per_rule: BTreeMap<String, (u64, Vec<Finding>)>,
}

impl Collected {
    pub(super) fn add(&mut self, finding: Finding) {
        let (count, list) = self.per_rule.entry(finding.rule.clone()).or_default();
        *count = count.saturating_add(1);
        list.push(finding);
    }

    pub(super) fn merge(&mut self, other: Self) {
        for (rule, (count, list)) in other.per_rule {
            let own = self.per_rule.entry(rule).or_default();
            own.0 = own.0.saturating_add(count);
            own.1.extend(list);
        }
    }

    pub(super) fn finish(self, most: usize) -> (Vec<Finding>, BTreeMap<String, u64>, BTreeMap<Threat, u64>) {
        let (mut all, mut by_rule, mut by_severity) = (Vec::new(), BTreeMap::new(), BTreeMap::new());
        for (rule, (count, mut list)) in self.per_rule {
            by_rule.insert(rule, count);
            list.sort_by(|a, b| order(a).cmp(&order(b)));
            list.truncate(most);
            all.extend(list);
        }
        for severity in Threat::ALL {
            by_severity.insert(severity, all.iter().filter(|finding| finding.severity == severity).count() as u64);
        }
        all.sort_by(|a, b| (b.severity, order(a)).cmp(&(a.severity, order(b))));
        (all, by_rule, by_severity)
    }
}

fn order(finding: &Finding) -> impl Ord + '_ {
    (&finding.source, &finding.file, finding.offset, &finding.element, finding.place, &finding.rule)
}
