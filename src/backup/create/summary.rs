//! Totals of payloads, and how they compare with the backup before.

use super::payload::Stored;
use crate::report::{DatabaseCount, LoadVerdict};
use crate::repository::{Change, Loads, Manifest};
use std::collections::BTreeMap;

/// Sums over payloads.
#[derive(Default)]
pub(super) struct Totals {
    pub(super) keys: u64,
    pub(super) expires: u64,
    pub(super) databases: BTreeMap<String, DatabaseCount>,
    pub(super) raw_bytes: u64,
    pub(super) stored_bytes: u64,
}

pub(super) fn totals(stored: &[Stored]) -> Totals {
    let mut totals = Totals::default();
    for one in stored {
        totals.raw_bytes = totals.raw_bytes.saturating_add(one.payload.raw_bytes);
        totals.stored_bytes = totals.stored_bytes.saturating_add(one.payload.stored_bytes);
        totals.keys = totals.keys.saturating_add(one.payload.keys);
        for (db, count) in &one.payload.databases {
            let sum = totals.databases.entry(db.clone()).or_default();
            sum.keys = sum.keys.saturating_add(count.keys);
            sum.expires = sum.expires.saturating_add(count.expires);
            totals.expires = totals.expires.saturating_add(count.expires);
        }
    }
    totals
}

/// How much more or less there is than in the backup before.
pub(super) fn change(before: &Manifest, keys: u64, raw_bytes: u64) -> Change {
    Change { keys_percent: percent(before.keys, keys), bytes_percent: percent(before.raw_bytes, raw_bytes) }
}

#[allow(clippy::cast_precision_loss, reason = "a percentage")]
fn percent(before: u64, now: u64) -> Option<f64> {
    let change = (now as f64 - before as f64) / before as f64 * 100.0;
    // Two decimals: it is compared with whole percents, and shown.
    (before > 0).then(|| (change * 100.0).round() / 100.0)
}

/// By how many percent it shrank, where that is more than allowed.
pub(super) fn shrunk(change: &Change, max_percent: u8) -> Option<f64> {
    let falls = [change.keys_percent, change.bytes_percent].into_iter().flatten().map(|percent| -percent);
    falls.filter(|fall| *fall > f64::from(max_percent)).max_by(f64::total_cmp)
}

/// A server loads a backup as it loads the payload that it likes least.
pub(super) fn loads_on(stored: &[Stored]) -> Vec<Loads> {
    let rank = |verdict: LoadVerdict| match verdict {
        LoadVerdict::No => 0,
        LoadVerdict::Unknown => 1,
        LoadVerdict::Lossy => 2,
        LoadVerdict::WithSetting => 3,
        LoadVerdict::Yes => 4,
    };
    let mut all: Vec<Loads> = Vec::new();
    for loads in stored.iter().flat_map(|one| &one.loads_on) {
        match all.iter_mut().find(|known| known.server == loads.server) {
            None => all.push(loads.clone()),
            Some(known) => {
                if rank(loads.verdict) < rank(known.verdict) {
                    known.verdict = loads.verdict;
                }
                let new: Vec<_> = loads.needs.iter().filter(|need| !known.needs.contains(need)).cloned().collect();
                known.needs.extend(new);
            }
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fall_in_keys_or_bytes_is_suspect_and_growth_is_not() {
        let change = |keys, bytes| Change { keys_percent: percent(1000, keys), bytes_percent: percent(1000, bytes) };
        assert_eq!(shrunk(&change(500, 1000), 50), None);
        assert_eq!(shrunk(&change(499, 1000), 50), Some(50.1));
        assert_eq!(shrunk(&change(1000, 0), 50), Some(100.0));
        assert_eq!(shrunk(&change(9000, 9000), 0), None);
        assert_eq!(percent(0, 5), None);
    }
}
