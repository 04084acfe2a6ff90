//! 28 policies, and what restic 0.14 made of them.

use super::good;
use rediscover::backup::retention::{Count, Reason, Retention, Snapshot, Span, plan};
use rediscover::base::UnixMs;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::{env, fs};

/// What we answer where it is not what restic 0.14 answered.
enum Ours {
    /// These stay.
    Keeps(&'static [&'static str]),
    /// An error.
    Refuses,
}

/// Each deviation with its reason.
const DEVIATIONS: &[(&str, Ours, &str)] = &[
    (
        "07-oldest-with-slots-left",
        Ours::Keeps(&["2025-01-01T03:00:00Z", "2025-01-01T12:00:00Z", "2025-01-02T12:00:00Z"]),
        "the oldest stays while a rule has count left, as restic has it since 0.16",
    ),
    (
        "14-group-by-none",
        Ours::Keeps(&["2024-06-01T03:00:00Z", "2025-01-03T03:00:00Z"]),
        "each instance is a group by itself, always: one that is not backed up any more keeps its last",
    ),
    ("15-empty-policy", Ours::Refuses, "no rule is an error, as it is in restic since 0.15; 0.14 said nothing"),
    (
        "16-tz-stored-offset",
        Ours::Keeps(&["2025-03-02T00:30:00Z", "2025-03-02T05:00:00Z"]),
        "days are days of one zone, here UTC, where all three are of 2 March; restic takes each by the offset it was stored with",
    ),
    (
        "17-tz-forget-elsewhere",
        Ours::Keeps(&["2025-03-02T00:30:00Z", "2025-03-02T05:00:00Z"]),
        "the same in Tokyo: all three are of 2 March there",
    ),
    ("21-keep-last-0-only", Ours::Refuses, "0 turns a rule off, and no rule is an error"),
    (
        "26-negative-count",
        Ours::Refuses,
        "a negative count is an error, as it is in restic since 0.15; 0.14 removed everything",
    ),
    (
        "28-tag-only-no-match",
        Ours::Keeps(&["2025-01-01T03:00:00Z", "2025-01-02T03:00:00Z", "2025-01-03T03:00:00Z"]),
        "a policy that keeps none of a group removes none; 0.14 removed everything, restic since 0.17 refuses",
    ),
];

/// `REDISCOVER_REFERENCE`, or `shared/reference` beside the source tree. `None` after a notice.
#[expect(clippy::print_stderr, reason = "a skip has to be seen")]
fn cases() -> Option<Value> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/reference");
    let file = env::var_os("REDISCOVER_REFERENCE").map_or_else(beside, PathBuf::from).join("retention-cases.json");
    if !file.is_file() {
        eprintln!("SKIPPED: no {}; REDISCOVER_REFERENCE says where its folder is", file.display());
        return None;
    }
    Some(serde_json::from_slice(&fs::read(file).expect("the cases")).expect("JSON"))
}

fn moment(text: &str) -> UnixMs {
    UnixMs(text.parse::<jiff::Timestamp>().expect("a moment").as_millisecond())
}

/// The words of restic's command line.
fn policy(words: &Value, zone: &str) -> Result<Retention, String> {
    let timezone = jiff::tz::TimeZone::get(zone).expect("a zone");
    let mut keep = Retention { timezone, ..Retention::default() };
    let words: Vec<_> = words.as_array().expect("words").iter().map(|word| word.as_str().expect("a word")).collect();
    for pair in words.chunks(2) {
        let span = || Span::parse(pair[1]).map(Some);
        match pair[0] {
            "--keep-last" => keep.keep_last = Count::parse(pair[1])?,
            "--keep-hourly" => keep.keep_hourly = Count::parse(pair[1])?,
            "--keep-daily" => keep.keep_daily = Count::parse(pair[1])?,
            "--keep-weekly" => keep.keep_weekly = Count::parse(pair[1])?,
            "--keep-monthly" => keep.keep_monthly = Count::parse(pair[1])?,
            "--keep-yearly" => keep.keep_yearly = Count::parse(pair[1])?,
            "--keep-within" => keep.keep_within = span()?,
            "--keep-within-daily" => keep.keep_within_daily = span()?,
            "--keep-tag" => keep.keep_tags.push(vec![pair[1].into()]),
            "--group-by" => {}
            other => panic!("{other} is not known here"),
        }
    }
    Ok(keep)
}

fn groups(case: &Value) -> BTreeMap<String, Vec<Snapshot>> {
    let mut groups: BTreeMap<String, Vec<Snapshot>> = BTreeMap::new();
    for (salt, stored) in (0..).zip(case["stored"].as_array().expect("stored")) {
        let host = stored["host"].as_str().expect("a host");
        let mut one = good(host, moment(stored["time"].as_str().expect("a time")), salt);
        one.tags =
            stored["tags"].as_array().expect("tags").iter().map(|tag| tag.as_str().expect("a tag").into()).collect();
        groups.entry(host.into()).or_default().push(one);
    }
    groups
}

/// The moments that stay; none where the policy is refused.
fn ours(case: &Value, now: UnixMs) -> Option<Vec<UnixMs>> {
    let keep = policy(&case["policy"], case["forget_tz"].as_str().expect("a zone")).ok()?;
    let mut kept = Vec::new();
    for group in groups(case).values() {
        let decisions = plan(group, &keep, now).ok()?;
        assert_eq!(decisions.len(), group.len());
        assert!(decisions.iter().all(|one| !one.reasons.is_empty()), "{decisions:?}");
        kept.extend(decisions.iter().filter(|one| one.keep).map(|one| one.name.created_at()));
    }
    kept.sort();
    Some(kept)
}

fn sorted<'a>(moments: impl Iterator<Item = &'a str>) -> Vec<UnixMs> {
    let mut moments: Vec<_> = moments.map(moment).collect();
    moments.sort();
    moments
}

#[test]
fn restic_answered_the_same_or_the_table_says_why_not() {
    let Some(file) = cases() else { return };
    let cases = file["cases"].as_array().expect("cases");
    assert_eq!(cases.len(), 28);
    let now = moment(&format!("{}T00:00:00Z", file["made"].as_str().expect("a date")));
    let mut deviations: BTreeMap<_, _> = DEVIATIONS.iter().map(|(name, ours, why)| (*name, (ours, *why))).collect();
    for case in cases {
        let name = case["name"].as_str().expect("a name");
        let groups = case["groups"].as_array().expect("groups").iter();
        let kept = groups.flat_map(|group| group["keep"].as_array().expect("a list"));
        let restic = Some(sorted(kept.map(|time| time.as_str().expect("a time"))));
        let found = ours(case, now);
        match deviations.remove(name) {
            None => assert_eq!(found, restic, "{name}"),
            Some((expected, why)) => {
                let expected = match expected {
                    Ours::Keeps(times) => Some(sorted(times.iter().copied())),
                    Ours::Refuses => None,
                };
                assert_eq!(found, expected, "{name}: {why}");
                assert_ne!(found, restic, "{name}: this is no deviation");
            }
        }
    }
    assert!(deviations.is_empty(), "no such cases");
}

/// An hour that comes twice is two, whatever the backups lie between.
#[test]
fn an_hour_that_comes_twice_is_two() {
    let berlin = jiff::tz::TimeZone::get("Europe/Berlin").expect("a zone");
    let keep = Retention { keep_hourly: Count::N(2), timezone: berlin, ..Retention::default() };
    let times = ["2025-10-26T00:15:00Z", "2025-10-26T00:45:00Z", "2025-10-26T01:15:00Z", "2025-10-26T01:45:00Z"];
    let all: Vec<_> = times.iter().map(|time| good("a", moment(time), 0)).collect();
    let decisions = plan(&all, &keep, moment("2025-10-27T00:00:00Z")).expect("a plan");
    let kept: Vec<_> = decisions.iter().filter(|one| one.keep).map(|one| one.name.created_at()).collect();
    assert_eq!(kept, [moment(times[3]), moment(times[1])]);
    assert_eq!(decisions[1].reasons, [Reason::NotNewest(rediscover::backup::retention::Rule::Hourly)]);
}
