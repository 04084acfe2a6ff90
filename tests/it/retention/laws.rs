//! Random policies over random histories: equal to the second implementation, and safe.

use super::{good, naive};
use crate::support::log::Dice;
use rediscover::backup::retention::{Count, Decision, Reason, Retention, Snapshot, Span, plan};
use rediscover::base::{ErrorKind, UnixMs};
use rediscover::repository::{BackupKind, BackupStatus};
use std::collections::BTreeSet;

const POLICIES: u64 = 10_000;
const HOUR: i64 = 3_600_000;

/// Zones in which something is odd: an hour of 30 minutes, no offset that is whole hours, a day left out, midnight twice.
const ZONES: [&str; 9] = [
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "Asia/Kathmandu",
    "Pacific/Apia",
    "America/Havana",
    "America/St_Johns",
    "America/Sao_Paulo",
];

/// Around what happens there, and leap days and turns of years.
const STARTS: [&str; 9] = [
    "2024-02-27T12:00:00Z",
    "2024-12-27T00:00:00Z",
    "2025-03-28T00:00:00Z",
    "2025-10-24T00:00:00Z",
    "2011-12-28T00:00:00Z",
    "2006-10-28T12:00:00Z",
    "2018-02-17T00:00:00Z",
    "2025-01-29T05:30:00Z",
    "2020-12-31T22:00:00Z",
];

struct Story {
    all: Vec<Snapshot>,
    keep: Retention,
    now: UnixMs,
}

fn story(seed: u64) -> Story {
    let mut dice = Dice(seed);
    let now = STARTS[dice.roll(STARTS.len())].parse::<jiff::Timestamp>().expect("a moment").as_millisecond();
    let step = [HOUR / 4, HOUR, 6 * HOUR, 24 * HOUR, 24 * 7 * HOUR, 24 * 40 * HOUR][dice.roll(6)];
    let number = dice.roll(60);
    let mut created = now + step * i64::try_from(dice.roll(5)).expect("small") - 2 * step;
    let troubled = dice.roll(3) == 0;
    let mut all = Vec::new();
    for salt in 0..number {
        let mut one = good("a", UnixMs(created), u32::try_from(salt).expect("small"));
        if troubled {
            one.status = match dice.roll(8) {
                0 => BackupStatus::Damaged,
                1 => BackupStatus::Suspect,
                2 => BackupStatus::Incomplete,
                _ => BackupStatus::Good,
            };
            one.pinned = dice.roll(15) == 0;
            one.trusted = dice.roll(12) != 0;
            one.kind = if dice.roll(3) == 0 { BackupKind::Scan } else { BackupKind::Rdb };
        }
        one.verified_full = dice.roll(6) == 0;
        one.tags = ["gold", "weekly"].iter().filter(|_| dice.roll(8) == 0).map(|tag| (*tag).to_owned()).collect();
        all.push(one);
        // Some of one moment, some after gaps, and most not quite regular.
        created -= match dice.roll(10) {
            0 => 0,
            1 => step * 9,
            2 => step + i64::try_from(dice.roll(4_000_000)).expect("small") - 2_000_000,
            _ => step,
        };
    }
    for at in (1..all.len()).rev() {
        all.swap(at, dice.roll(at + 1));
    }
    let keep = policy(&mut dice);
    Story { all, keep, now: UnixMs(now) }
}

fn policy(dice: &mut Dice) -> Retention {
    let mut count = |often: usize| match dice.roll(12) {
        0 if often > 1 => Count::Unlimited,
        at if at < often => Count::N(u32::try_from(dice.roll(9)).expect("small")),
        _ => Count::None,
    };
    let mut keep = Retention {
        keep_last: count(3),
        keep_hourly: count(3),
        keep_daily: count(5),
        keep_weekly: count(4),
        keep_monthly: count(3),
        keep_yearly: count(2),
        keep_damaged: count(9),
        ..Retention::default()
    };
    let mut span = || {
        let mut number = |below| u32::try_from(dice.roll(below)).expect("small");
        let rare = number(6) == 0;
        rare.then(|| match number(5) {
            0 => Span { hours: number(100), ..Span::default() },
            1 => Span { months: number(15), ..Span::default() },
            2 => Span { years: number(3), months: number(3), days: number(40), hours: number(30) },
            _ => Span { days: number(50), ..Span::default() },
        })
    };
    keep.keep_within = span();
    keep.keep_within_hourly = span();
    keep.keep_within_daily = span();
    keep.keep_within_weekly = span();
    keep.keep_within_monthly = span();
    keep.keep_within_yearly = span();
    keep.keep_tags = match dice.roll(10) {
        0 => vec![vec!["gold".into()]],
        1 => vec![vec!["gold".into(), "weekly".into()], vec!["nosuch".into()]],
        _ => Vec::new(),
    };
    let zone = ZONES[dice.roll(ZONES.len())];
    keep.timezone = jiff::tz::TimeZone::get(zone).unwrap_or_else(|error| panic!("{zone}: {error}"));
    keep
}

fn stays(decisions: &[Decision]) -> BTreeSet<String> {
    decisions.iter().filter(|one| one.keep).map(|one| one.name.to_string()).collect()
}

/// All 10,000 of them, without those whose policy has no rule.
fn each(mut look: impl FnMut(u64, &Story, &[Decision])) {
    let mut refused = 0;
    let mut seed = 0;
    while seed < POLICIES + refused {
        let story = story(seed);
        match plan(&story.all, &story.keep, story.now) {
            Ok(decisions) => look(seed, &story, &decisions),
            Err(error) => {
                assert!(matches!(error.kind(), ErrorKind::Usage { .. }), "{seed}: {error}");
                refused += 1;
            }
        }
        seed += 1;
    }
    assert!(refused < POLICIES / 2, "{refused} policies without a rule");
}

#[test]
fn ten_thousand_policies_are_as_the_second_implementation_has_them() {
    let mut removed = 0;
    each(|seed, story, decisions| {
        assert_eq!(decisions.len(), story.all.len(), "{seed}");
        assert_eq!(stays(decisions), naive::kept(&story.all, &story.keep, story.now), "{seed}: {:?}", story.keep);
        removed += decisions.iter().filter(|one| !one.keep).count();
    });
    assert!(removed > 50_000, "{removed}: these policies remove next to nothing");
}

#[test]
fn what_holds_whatever_the_policy() {
    each(|seed, story, decisions| {
        let kept = stays(decisions);
        let counts =
            |one: &&Snapshot| one.status == BackupStatus::Good && one.trusted && one.name.created_at() <= story.now;
        let newest = |full: bool| {
            let of = story.all.iter().filter(counts).filter(|one| !full || one.verified_full);
            of.map(|one| one.name.to_string()).max()
        };
        assert!(newest(false).is_none_or(|name| kept.contains(&name)), "{seed}: the newest good one");
        assert!(newest(true).is_none_or(|name| kept.contains(&name)), "{seed}: the newest full one");
        assert_eq!(kept.is_empty(), story.all.is_empty(), "{seed}: emptied");
        for one in &story.all {
            let held = one.pinned || one.status == BackupStatus::Suspect || one.name.created_at() > story.now;
            assert!(!held || kept.contains(&one.name.to_string()), "{seed}: {}", one.name);
        }
        for one in decisions {
            let words: Vec<_> = one.reasons.iter().map(Reason::to_string).collect();
            assert!(!words.is_empty() && words.iter().all(|word| !word.is_empty()), "{seed}: {}", one.name);
        }
        assert!(decisions.is_sorted_by(|a, b| a.name > b.name), "{seed}: not newest first");
    });
}

/// Nothing that is damaged, suspect or of the future makes a difference to what is good.
#[test]
fn what_does_not_count_changes_nothing_for_what_does() {
    each(|seed, story, decisions| {
        let mut more = story.all.clone();
        let mut dice = Dice(!seed);
        for salt in 0..=dice.roll(3) {
            let later = i64::try_from(dice.roll(1 << 40)).expect("small") + 1;
            let mut one = good("a", UnixMs(story.now.0 + later), 0xf0_0000 + u32::try_from(salt).expect("small"));
            one.verified_full = dice.roll(2) == 0;
            one.pinned = dice.roll(4) == 0;
            one.tags = vec!["gold".into()];
            one.status = if dice.roll(5) == 0 { BackupStatus::Damaged } else { BackupStatus::Good };
            more.insert(dice.roll(more.len() + 1), one);
        }
        let with = plan(&more, &story.keep, story.now).expect("a plan");
        let before: Vec<_> = with.iter().filter(|one| one.name.created_at() <= story.now).collect();
        let without: Vec<_> = decisions.iter().filter(|one| one.name.created_at() <= story.now).collect();
        assert_eq!(before, without, "{seed}: the future changed the past");

        let sound = |one: &&Snapshot| one.status == BackupStatus::Good && one.trusted;
        let only: Vec<_> = story.all.iter().filter(sound).cloned().collect();
        let only = plan(&only, &story.keep, story.now).expect("a plan");
        let names: BTreeSet<_> = only.iter().map(|one| &one.name).collect();
        let those: Vec<_> = decisions.iter().filter(|one| names.contains(&one.name)).cloned().collect();
        assert_eq!(only, those, "{seed}: one that is not good changed what becomes of good ones");
    });
}

#[test]
fn the_order_of_the_input_does_not_matter_and_a_second_run_removes_nothing() {
    each(|seed, story, decisions| {
        let mut turned = story.all.clone();
        turned.reverse();
        assert_eq!(plan(&turned, &story.keep, story.now).expect("a plan"), decisions, "{seed}");
        turned.sort_by_key(|one| one.name.clone());
        assert_eq!(plan(&turned, &story.keep, story.now).expect("a plan"), decisions, "{seed}");

        // A cron that runs it again and again arrives nowhere else.
        let kept = stays(decisions);
        let left: Vec<_> = story.all.iter().filter(|one| kept.contains(&one.name.to_string())).cloned().collect();
        let again = plan(&left, &story.keep, story.now).expect("a plan");
        assert!(left.is_empty() || again.iter().any(|one| one.keep), "{seed}");
        let gone: Vec<_> = again.iter().filter(|one| !one.keep).collect();
        assert!(gone.is_empty(), "{seed}: a second run removed {gone:?} of {:?}", story.keep);
    });
}
