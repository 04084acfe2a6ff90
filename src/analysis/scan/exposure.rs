//! What secrets and personal data were exposed: keys, different values, how many are still valid and until when.

use super::population::Patterned;
use crate::base::UnixMs;
use crate::report::{ExposedPrefix, Exposure};
use crate::rules::Rule;
use std::collections::{BTreeMap, BTreeSet};

/// Hashes kept of the values of one rule; past that their number is estimated, within 2 % as a rule.
const HASHES: usize = 16_384;
/// Prefixes that are named for a rule.
const PREFIXES: usize = 20;

/// What one record has of a rule.
#[derive(Debug, Clone, Default)]
pub(super) struct InRecord {
    pub(super) hashes: Vec<u64>,
    /// Until when a token is valid by its own words.
    pub(super) valid_until: Option<UnixMs>,
}

/// Keys and values by rule. Order and split make no difference.
#[derive(Debug, Clone, Default)]
pub(super) struct Exposed {
    rules: BTreeMap<usize, OfRule>,
}

#[derive(Debug, Clone, Default)]
struct OfRule {
    keys: u64,
    unexpired: u64,
    /// The lowest hashes: their highest says how many there are.
    hashes: BTreeSet<u64>,
    is_full: bool,
    is_endless: bool,
    latest: Option<UnixMs>,
}

impl OfRule {
    fn hash(&mut self, hash: u64) {
        if self.is_full && self.hashes.last().is_some_and(|last| hash >= *last) {
            return;
        }
        if self.hashes.insert(hash) && self.hashes.len() > HASHES {
            self.hashes.pop_last();
            self.is_full = true;
        }
    }

    #[allow(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "an estimate"
    )]
    fn distinct(&self) -> u64 {
        let kept = self.hashes.len() as u64;
        match self.hashes.last() {
            // So many hashes lie in this part of their range.
            Some(last) if self.is_full => {
                let part = (*last as f64 + 1.0) / (u64::MAX as f64 + 1.0);
                ((kept.saturating_sub(1)) as f64 / part) as u64
            }
            _ => kept,
        }
    }
}

impl Exposed {
    /// Counts a record: a key, or what is in none. `as_of`: the moment the snapshot is seen from.
    pub(super) fn add(&mut self, rule: usize, record: &InRecord, expire_at: Option<UnixMs>, as_of: Option<UnixMs>) {
        let own = self.rules.entry(rule).or_default();
        own.keys = own.keys.saturating_add(1);
        record.hashes.iter().for_each(|hash| own.hash(*hash));
        // A token says itself until when it is valid; else it is as long as the server keeps it.
        let end = record.valid_until.or(expire_at);
        match end {
            Some(end) if as_of.is_some_and(|as_of| end.0 <= as_of.0) => {}
            Some(end) => {
                own.unexpired = own.unexpired.saturating_add(1);
                own.latest = own.latest.max(Some(end));
            }
            None => {
                own.unexpired = own.unexpired.saturating_add(1);
                own.is_endless = true;
            }
        }
    }

    /// Adds what another worker or source has.
    pub(super) fn merge(&mut self, other: Self) {
        for (rule, other) in other.rules {
            let own = self.rules.entry(rule).or_default();
            own.keys = own.keys.saturating_add(other.keys);
            own.unexpired = own.unexpired.saturating_add(other.unexpired);
            own.is_endless |= other.is_endless;
            own.latest = own.latest.max(other.latest);
            own.is_full |= other.is_full;
            other.hashes.into_iter().for_each(|hash| own.hash(hash));
        }
    }

    /// The section of the report, most keys first. `prefixes`: where the keys of each rule are.
    pub(super) fn tell(&self, rules: &[Rule], prefixes: &Patterned) -> Vec<Exposure> {
        let of_rule = |(number, own): (&usize, &OfRule)| {
            let rule = rules.get(*number)?;
            let mut named: Vec<_> = prefixes.of(*number).collect();
            named.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(b.0)));
            Some(Exposure {
                rule: rule.id.clone(),
                title: rule.title.clone(),
                keys: own.keys,
                distinct_values: own.distinct(),
                distinct_estimated: own.is_full,
                prefixes: named
                    .into_iter()
                    .take(PREFIXES)
                    .map(|(prefix, keys)| ExposedPrefix { prefix: prefix.to_owned(), keys })
                    .collect(),
                unexpired: own.unexpired,
                latest_expiry: own.latest.filter(|_| !own.is_endless).and_then(UnixMs::rfc3339),
            })
        };
        let mut exposed: Vec<_> = self.rules.iter().filter_map(of_rule).collect();
        exposed.sort_by(|a, b| b.keys.cmp(&a.keys).then_with(|| a.rule.cmp(&b.rule)));
        exposed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(hashes: &[u64], valid_until: Option<i64>) -> InRecord {
        InRecord { hashes: hashes.to_vec(), valid_until: valid_until.map(UnixMs) }
    }

    #[test]
    fn what_is_still_valid_is_counted_and_until_when() {
        let rules = [Rule { id: "T".into(), ..Rule::default() }];
        let mut exposed = Exposed::default();
        let now = Some(UnixMs(1_000));
        exposed.add(0, &record(&[1], Some(500)), None, now);
        exposed.add(0, &record(&[1, 2], Some(9_000)), Some(UnixMs(2_000)), now);
        exposed.add(0, &record(&[3], None), Some(UnixMs(5_000)), now);
        let told = exposed.tell(&rules, &Patterned::default());
        assert_eq!((told[0].keys, told[0].distinct_values, told[0].unexpired), (3, 3, 2));
        assert_eq!(told[0].latest_expiry.as_deref(), Some("1970-01-01T00:00:09.000Z"));
        exposed.add(0, &record(&[4], None), None, now);
        assert_eq!(exposed.tell(&rules, &Patterned::default())[0].latest_expiry, None, "one has no end");
    }

    #[test]
    fn many_values_are_estimated_the_same_for_any_split() {
        let rules = [Rule::default()];
        let hash = |number: u64| xxhash_rust::xxh3::xxh3_64(&number.to_le_bytes());
        let of = |range: std::ops::Range<u64>| {
            let mut exposed = Exposed::default();
            range.for_each(|number| exposed.add(0, &record(&[hash(number)], None), None, None));
            exposed
        };
        let whole = of(0..200_000);
        let mut parts = of(150_000..200_000);
        parts.merge(of(0..10));
        parts.merge(of(5..150_000));
        let told = |exposed: &Exposed| exposed.tell(&rules, &Patterned::default())[0].distinct_values;
        assert_eq!(told(&whole), told(&parts));
        assert!((196_000..204_000).contains(&told(&whole)), "{}", told(&whole));
        assert_eq!(told(&of(0..500)), 500);
    }
}
