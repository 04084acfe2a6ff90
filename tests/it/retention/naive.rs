//! Retention once more, written another way: each rule names the set it keeps, and the sets are joined. Slow, and easy to read
//! beside the documentation.

use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan, Zoned};
use rediscover::backup::retention::{Count, Retention, Snapshot, Span};
use rediscover::base::UnixMs;
use rediscover::repository::{BackupKind, BackupStatus};
use std::collections::BTreeSet;

/// The names of those that stay.
pub(super) fn kept(all: &[Snapshot], keep: &Retention, now: UnixMs) -> BTreeSet<String> {
    let name = |one: &&Snapshot| one.name.to_string();
    let past = |one: &&Snapshot| one.name.created_at() <= now;
    let mut sorted: Vec<&Snapshot> = all.iter().collect();
    sorted.sort_by_key(|one| one.name.to_string());
    let sound = |one: &&Snapshot| one.status == BackupStatus::Good && one.trusted;
    let goods: Vec<&Snapshot> = sorted.iter().copied().filter(past).filter(sound).collect();

    let has_tags = |one: &&Snapshot| {
        keep.keep_tags.iter().any(|list| !list.is_empty() && list.iter().all(|tag| one.tags.contains(tag)))
    };
    let mut chosen: BTreeSet<String> = goods.iter().copied().filter(has_tags).map(|one| name(&one)).collect();
    let patterns = [
        ("%s %N", keep.keep_last, keep.keep_within),
        ("%F %H %z", keep.keep_hourly, keep.keep_within_hourly),
        ("%F", keep.keep_daily, keep.keep_within_daily),
        ("%G-%V", keep.keep_weekly, keep.keep_within_weekly),
        ("%Y-%m", keep.keep_monthly, keep.keep_within_monthly),
        ("%Y", keep.keep_yearly, keep.keep_within_yearly),
    ];
    for (pattern, count, span) in patterns {
        // Two of one millisecond are two for `last`.
        let label = |one: &Snapshot| match pattern {
            "%s %N" => one.name.to_string(),
            _ => local(one.name.created_at(), &keep.timezone).strftime(pattern).to_string(),
        };
        let most = match count {
            Count::None => 0,
            Count::N(number) => number as usize,
            Count::Unlimited => usize::MAX,
        };
        chosen.extend(newest_of_each(&goods, label, most).into_iter().map(|one| name(&one)));
        if let (Some(span), Some(newest)) = (span.filter(|span| *span != Span::default()), goods.last()) {
            let edge = before(newest.name.created_at(), span, &keep.timezone);
            let inside: Vec<_> = goods.iter().copied().filter(|one| one.name.created_at() > edge).collect();
            let whole = inside.len() == goods.len();
            // The oldest of all is kept if it is inside; the oldest inside is not.
            let most = if whole { usize::MAX } else { usize::MAX - 1 };
            let mut found = newest_of_each(&inside, label, most);
            if !whole {
                found.retain(|one| is_newest_of_its_label(one, &inside, label));
            }
            chosen.extend(found.into_iter().map(|one| name(&one)));
        }
    }

    if !goods.is_empty() && chosen.is_empty() {
        return all.iter().map(|one| name(&one)).collect();
    }
    chosen.extend(goods.last().map(name));
    chosen.extend(goods.iter().rfind(|one| one.verified_full).map(name));
    chosen.extend(goods.iter().rfind(|one| one.kind != BackupKind::Scan).map(name));
    let bad = |one: &&Snapshot| one.trusted && matches!(one.status, BackupStatus::Damaged | BackupStatus::Incomplete);
    let bads: Vec<_> = sorted.iter().copied().filter(past).filter(bad).rev().collect();
    let most = match keep.keep_damaged {
        Count::None => 0,
        Count::N(number) => number as usize,
        Count::Unlimited => usize::MAX,
    };
    chosen.extend(bads.iter().take(most).map(name));
    let last_good = goods.last().map(name);
    chosen.extend(bads.iter().map(name).filter(|bad| last_good.as_ref().is_none_or(|good| bad > good)));
    let always = |one: &&Snapshot| {
        one.pinned || has_tags(one) || one.status == BackupStatus::Suspect || !one.trusted || !past(one)
    };
    chosen.extend(sorted.iter().copied().filter(always).map(|one| name(&one)));
    chosen
}

fn local(moment: UnixMs, zone: &TimeZone) -> Zoned {
    Timestamp::from_millisecond(moment.0).expect("a moment").to_zoned(zone.clone())
}

/// Of each stretch with one label the newest, as many as wanted; if that is all of them and more were wanted, the oldest too.
fn newest_of_each<'a>(
    oldest_first: &[&'a Snapshot],
    label: impl Fn(&Snapshot) -> String,
    most: usize,
) -> Vec<&'a Snapshot> {
    let stretches = oldest_first.chunk_by(|a, b| label(a) == label(b));
    let mut found: Vec<_> = stretches.filter_map(|stretch| stretch.last().copied()).collect();
    if found.len() < most {
        found.extend(oldest_first.first());
    } else {
        found.drain(..found.len() - most);
    }
    found
}

fn is_newest_of_its_label(one: &Snapshot, oldest_first: &[&Snapshot], label: impl Fn(&Snapshot) -> String) -> bool {
    let at = oldest_first.iter().position(|other| other.name == one.name).expect("one of them");
    oldest_first.get(at + 1).is_none_or(|newer| label(newer) != label(one))
}

/// As a wall calendar has it: back by whole months, and the days that a month lacks are counted on into the next.
fn before(moment: UnixMs, span: Span, zone: &TimeZone) -> UnixMs {
    let local = local(moment, zone).datetime();
    let months = i32::try_from(span.years * 12 + span.months).expect("few months");
    let clipped = local.checked_sub(months.months()).expect("in range");
    let lacking = i32::from(local.day() - clipped.day());
    let days = lacking - i32::try_from(span.days).expect("few days");
    let then = clipped.checked_add(days.days()).expect("in range");
    let then = zone.to_ambiguous_zoned(then).earlier().expect("in range");
    let then = then.timestamp() - i64::from(span.hours).hours();
    UnixMs(then.as_millisecond())
}
