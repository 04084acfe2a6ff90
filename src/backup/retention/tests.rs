use super::*;
use crate::base::UnixMs;

fn at(text: &str) -> UnixMs {
    UnixMs(text.parse::<jiff::Timestamp>().expect("a moment").as_millisecond())
}

fn good(text: &str) -> Snapshot {
    let name = BackupName::new("prod", at(text), 0).expect("a name");
    let (status, kind) = (BackupStatus::Good, BackupKind::Rdb);
    Snapshot { name, tags: Vec::new(), pinned: false, status, kind, trusted: true, verified_full: false }
}

/// Day of January 2026 and what the decision is: `+` stays.
fn told(all: &[Snapshot], keep: &Retention) -> Vec<String> {
    let decisions = plan(all, keep, at("2026-01-31T00:00:00Z")).expect("a plan");
    let line = |one: &Decision| {
        let reasons: Vec<_> = one.reasons.iter().map(Reason::to_string).collect();
        let sign = if one.keep { '+' } else { '-' };
        format!("{sign}{} {}", &one.name.stamp()[6..8], reasons.join("; "))
    };
    decisions.iter().map(line).collect()
}

fn january(days: impl IntoIterator<Item = u32>) -> Vec<Snapshot> {
    days.into_iter().map(|day| good(&format!("2026-01-{day:02}T03:00:00Z"))).collect()
}

#[test]
fn every_decision_says_why() {
    let keep = Retention { keep_last: Count::N(1), keep_weekly: Count::N(2), ..Retention::default() };
    assert_eq!(
        told(&january([10, 11, 12, 18, 19]), &keep),
        [
            "+19 the newest good one; one of the last; newest of its week",
            "+18 newest of its week",
            "-12 last 1 used up; weekly 2 used up",
            "-11 last 1 used up; weekly 2 used up",
            "-10 last 1 used up; weekly 2 used up",
        ]
    );
}

#[test]
fn what_is_not_good_fills_nothing() {
    let mut all = january(1..=6);
    all[5].status = BackupStatus::Damaged;
    all[4].status = BackupStatus::Suspect;
    all[2].status = BackupStatus::Incomplete;
    all[1].status = BackupStatus::Damaged;
    let keep = Retention { keep_last: Count::N(1), keep_damaged: Count::N(1), ..Retention::default() };
    assert_eq!(
        told(&all, &keep),
        [
            "+06 damaged: one of the newest that are not good; damaged, and no good one is newer",
            "+05 suspect: stays until it is forgotten by name",
            "+04 the newest good one; one of the last",
            "-03 incomplete, and a good one is newer",
            "-02 damaged, and a good one is newer",
            "-01 last 1 used up",
        ]
    );
    let none = Retention { keep_damaged: Count::None, ..keep };
    assert_eq!(told(&all, &none)[0], "+06 damaged, and no good one is newer");
}

#[test]
fn only_damaged_ones_all_stay() {
    let mut all = january(1..=5);
    for one in &mut all {
        one.status = BackupStatus::Damaged;
    }
    let keep = Retention { keep_last: Count::N(1), keep_damaged: Count::None, ..Retention::default() };
    assert!(told(&all, &keep).iter().all(|line| line.starts_with('+')));
}

#[test]
fn the_newest_full_one_stays_however_old() {
    let mut all = january([1, 2, 30]);
    all[0].verified_full = true;
    let keep = Retention { keep_last: Count::N(1), ..Retention::default() };
    let lines = told(&all, &keep);
    assert_eq!(lines[2], "+01 the newest one verified full");
    assert!(lines[1].starts_with("-02"), "{lines:?}");
}

/// `latest` passes over scans, so there has to be something left that it can mean.
#[test]
fn scans_fill_buckets_but_the_newest_that_is_none_stays() {
    let mut all = january([1, 2, 29, 30]);
    all[2].kind = BackupKind::Scan;
    all[3].kind = BackupKind::Scan;
    let keep = Retention { keep_last: Count::N(2), ..Retention::default() };
    let lines = told(&all, &keep);
    assert_eq!(lines[2], "+02 the newest good one that is no scan");
    assert!(lines[3].starts_with("-01"), "{lines:?}");
}

/// Whoever may write but not sign could fill every bucket with what is no backup.
#[test]
fn what_is_not_signed_pushes_nothing_out() {
    let mut all = january([1, 2, 3, 29, 30]);
    all[3].trusted = false;
    all[4].trusted = false;
    let keep = Retention { keep_last: Count::N(2), ..Retention::default() };
    let lines = told(&all, &keep);
    assert_eq!(lines[0], "+30 no signature that counts here: stays until it is forgotten by name");
    let signs: String = lines.iter().map(|line| &line[..1]).collect();
    assert_eq!(signs, "++++-");
}

#[test]
fn pins_and_tags_are_extra() {
    let mut all = january([1, 2, 3, 4]);
    all[0].pinned = true;
    all[1].tags = vec!["gold".into(), "x".into()];
    all[2].tags = vec!["gold".into()];
    let tags = vec![vec!["gold".into(), "x".into()]];
    let keep = Retention { keep_last: Count::N(1), keep_tags: tags, ..Retention::default() };
    assert_eq!(
        told(&all, &keep),
        [
            "+04 the newest good one; one of the last",
            "-03 has not the tag; last 1 used up",
            "+02 tag gold,x",
            "+01 pinned",
        ]
    );
}

#[test]
fn a_policy_that_keeps_none_removes_none() {
    let mut all = january(1..=3);
    all[0].pinned = true;
    let keep = Retention { keep_tags: vec![vec!["nosuch".into()]], ..Retention::default() };
    let lines = told(&all, &keep);
    assert!(lines.iter().all(|line| line.starts_with('+') && line.contains("would keep no good one")), "{lines:?}");
}

#[test]
fn a_policy_without_a_rule_is_refused() {
    let zero = Span::default();
    let off = Retention {
        keep_last: Count::N(0),
        keep_within: Some(zero),
        keep_tags: vec![Vec::new()],
        keep_damaged: Count::Unlimited,
        ..Retention::default()
    };
    for keep in [Retention::default(), off] {
        let error = plan(&january([1]), &keep, at("2026-02-01T00:00:00Z")).expect_err("no rule");
        assert!(matches!(error.kind(), ErrorKind::Usage { .. }), "{error}");
    }
}

#[test]
fn one_instance_at_a_time_and_each_backup_once() {
    let keep = Retention { keep_last: Count::N(1), ..Retention::default() };
    let mut two = january([1, 2]);
    two[0].name = BackupName::new("other", at("2026-01-01T00:00:00Z"), 0).expect("a name");
    let twice = [january([1]), january([1])].concat();
    for all in [two, twice] {
        let error = plan(&all, &keep, at("2026-02-01T00:00:00Z")).expect_err("no group");
        assert!(matches!(error.kind(), ErrorKind::Refused { .. }), "{error}");
    }
    assert_eq!(plan(&[], &keep, at("2026-02-01T00:00:00Z")).expect("nothing to do"), []);
}

#[test]
fn counts_are_numbers_or_a_word() {
    assert_eq!(Count::parse("7"), Ok(Count::N(7)));
    assert_eq!(Count::parse("0"), Ok(Count::None));
    assert_eq!(Count::parse("unlimited"), Ok(Count::Unlimited));
    for wrong in ["", "-1", "+1", "1.5", "all", "4294967296", " 1", "Unlimited"] {
        assert!(Count::parse(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn spans_are_read_as_they_are_written() {
    let parse = |text| Span::parse(text).map(|span| span.to_string());
    for text in ["1y", "6m", "30d", "36h", "1y5m7d2h", "0h"] {
        assert_eq!(parse(text).as_deref(), Ok(text));
    }
    assert_eq!(parse("2w3d").as_deref(), Ok("17d"));
    assert_eq!(parse("2h1d").as_deref(), Ok("1d2h"));
    for wrong in ["", "1", "d", "-7d", "1d2d", "1x", "1.5d", "1 d", "5000000000d", "4000000000w", "１d"] {
        assert!(Span::parse(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn spans_go_back_over_the_calendar() {
    let berlin = jiff::tz::TimeZone::get("Europe/Berlin").expect("a zone");
    let back = |span: &str, from: &str| {
        let moment = Span::parse(span).expect("a span").before(at(from), &berlin);
        moment.map_or_else(|| "before all".into(), |moment| moment.to_string())
    };
    // 23 hours: the clocks went forward in between.
    assert_eq!(back("1d", "2025-03-30T10:00:00Z"), "2025-03-29T11:00:00.000Z");
    // 02:30 is not there on the 30th, and twice on 26 October: the earlier.
    assert_eq!(back("1d", "2025-03-31T00:30:00Z"), "2025-03-30T00:30:00.000Z");
    assert_eq!(back("1d", "2025-10-27T01:30:00Z"), "2025-10-26T00:30:00.000Z");
    assert_eq!(back("1m", "2025-03-31T00:00:00Z"), "2025-03-03T01:00:00.000Z");
    assert_eq!(back("1y", "2024-02-29T12:00:00Z"), "2023-03-01T12:00:00.000Z");
    assert_eq!(back("4294967295y4294967295m4294967295d4294967295h", "2025-01-01T00:00:00Z"), "before all");
}

#[test]
fn limits_round_down() {
    assert_eq!(Limit::parse("25%").map(|limit| limit.of(7)), Ok(1));
    assert_eq!(Limit::parse("10%").map(|limit| limit.of(9)), Ok(0));
    assert_eq!(Limit::parse("100%").map(|limit| limit.of(u64::MAX)), Ok(u64::MAX));
    assert_eq!(Limit::parse("3"), Ok(Limit::Count(3)));
    assert!(Limit::Count(3).allows(3, 100) && !Limit::Count(3).allows(4, 100));
    assert!(Limit::Percent(0).allows(0, 0) && !Limit::Percent(50).allows(2, 3));
    for wrong in ["", "%", "101%", "-1", "-1%", "1.5%", "+3", "3 %", "many"] {
        assert!(Limit::parse(wrong).is_err(), "{wrong}");
    }
}
