//! What to do, from what was found.
//!
//! ```text
//! keys     what holds memory: keys without an expiry among keys that expire, single large keys, keys that have expired
//! load     what will or does hit the server: storms of expiries, a hot slot, streams that nobody trims or reads
//! scope    what an advice is about, and the commands for it
//! ```
//!
//! An advice is given only where its command has a number to show for it: a test runs each on real servers.

mod keys;
mod load;
mod scope;

use crate::report::{Advice, AnalyzeReport};
use scope::Scope;

/// The advice that a report comes to, most pressing first: a pure function of what was found. Sources that are no shards of
/// one keyspace are looked at one by one.
pub fn advise(report: &AnalyzeReport) -> Vec<Advice> {
    let mut all: Vec<Advice> = Scope::all(report)
        .iter()
        .flat_map(|scope| {
            let single = [keys::big_keys(scope), keys::expired(scope), load::storm(scope), load::hot_slot(scope)];
            let many = [keys::no_ttl(scope), load::streams(scope)];
            single.into_iter().flatten().chain(many.into_iter().flatten()).collect::<Vec<_>>()
        })
        .collect();
    all.sort_by(|a, b| {
        let order = |one: &Advice| (one.severity, std::cmp::Reverse(one.frees_bytes), one.kind.clone());
        order(a).cmp(&order(b)).then_with(|| a.message.cmp(&b.message))
    });
    all
}

/// A part of a whole in percent, rounded down.
fn percent(part: u64, whole: u64) -> u64 {
    let percent = u128::from(part).saturating_mul(100).checked_div(u128::from(whole)).unwrap_or(0);
    u64::try_from(percent).unwrap_or(u64::MAX)
}
