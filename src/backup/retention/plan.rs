//! The decision about each backup of an instance.

use super::{Count, Reason, Retention, Rule, Snapshot, Span};
use crate::base::{Error, ErrorKind, Result, UnixMs};
use crate::repository::{BackupKind, BackupName, BackupStatus};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use std::cmp::Reverse;

/// What becomes of a backup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// The backup.
    pub name: BackupName,
    /// Whether it stays.
    pub keep: bool,
    /// Why, at least one; of one that stays none for going, and the other way round.
    pub reasons: Vec<Reason>,
}

/// Decides about all backups of one instance, newest first; of two of one moment, the one whose name sorts last. The order they
/// are given in does not matter.
///
/// # Errors
/// [`ErrorKind::Usage`]: the policy has no rule. [`ErrorKind::Refused`]: backups of several instances, or one twice.
pub fn plan(snapshots: &[Snapshot], keep: &Retention, now: UnixMs) -> Result<Vec<Decision>> {
    keep.check()?;
    let mut all: Vec<&Snapshot> = snapshots.iter().collect();
    all.sort_by_key(|one| Reverse(&one.name));
    one_group(&all)?;

    let counting: Vec<&Snapshot> = all.iter().copied().filter(|one| counts(one, now)).collect();
    let by_rules = Rules::new(keep, &counting).apply(&counting);
    let keeps_none = !counting.is_empty() && by_rules.iter().all(|reasons| reasons.stay.is_empty());
    let newest_good = counting.first().map(|one| &one.name);
    let newest_whole = counting.iter().find(|one| one.kind != BackupKind::Scan).map(|one| &one.name);
    let newest_full = counting.iter().find(|one| one.verified_full).map(|one| &one.name);

    let mut by_rules = by_rules.into_iter();
    let mut not_good = 0;
    let mut decisions = Vec::with_capacity(all.len());
    for one in all {
        // Before the rules: what holds whatever the status.
        let mut stay = Vec::new();
        let mut go = Vec::new();
        stay.extend(one.pinned.then_some(Reason::Pinned));
        stay.extend(keeps_none.then_some(Reason::PolicyKeepsNone));
        match one.status {
            _ if one.name.created_at() > now => {
                stay.extend(tagged(one, keep));
                stay.push(Reason::Future);
            }
            _ if !one.trusted => {
                stay.extend(tagged(one, keep));
                stay.push(Reason::Untrusted);
            }
            BackupStatus::Good => {
                stay.extend((newest_good == Some(&one.name)).then_some(Reason::NewestGood));
                let other = newest_whole != newest_good && newest_whole == Some(&one.name);
                stay.extend(other.then_some(Reason::NewestWhole));
                stay.extend((newest_full == Some(&one.name)).then_some(Reason::NewestFull));
                let rules = by_rules.next().unwrap_or_default();
                stay.extend(rules.stay);
                go = rules.go;
            }
            BackupStatus::Suspect => {
                stay.extend(tagged(one, keep));
                stay.push(Reason::Suspect);
            }
            status @ (BackupStatus::Damaged | BackupStatus::Incomplete) => {
                stay.extend(tagged(one, keep));
                stay.extend(keep.keep_damaged.has_room(not_good).then_some(Reason::KeptDamaged(status)));
                not_good += 1;
                let newer = newest_good.is_some_and(|good| *good > one.name);
                if newer {
                    go.push(Reason::Damaged(status));
                } else {
                    stay.push(Reason::NoNewerGood(status));
                }
            }
        }
        let keep = !stay.is_empty();
        decisions.push(Decision { name: one.name.clone(), keep, reasons: if keep { stay } else { go } });
    }
    Ok(decisions)
}

/// Whether it fills buckets and anchors windows.
fn counts(one: &Snapshot, now: UnixMs) -> bool {
    one.status == BackupStatus::Good && one.trusted && one.name.created_at() <= now
}

/// They are sorted.
fn one_group(all: &[&Snapshot]) -> Result<()> {
    for pair in all.windows(2) {
        let [newer, older] = pair else { continue };
        let what = if newer.name.instance() != older.name.instance() {
            format!("backups of {} and {} in one plan", newer.name.instance(), older.name.instance())
        } else if newer.name == older.name {
            format!("{} twice in one plan", newer.name)
        } else {
            continue;
        };
        return Err(Error::new(ErrorKind::Refused { what }));
    }
    Ok(())
}

/// The first list of tags that it has all of.
fn tagged(one: &Snapshot, keep: &Retention) -> Option<Reason> {
    let has = |list: &&Vec<String>| !list.is_empty() && list.iter().all(|tag| one.tags.contains(tag));
    keep.keep_tags.iter().find(has).cloned().map(Reason::Tagged)
}

/// What the rules say of one that counts.
#[derive(Default)]
struct Verdict {
    stay: Vec<Reason>,
    go: Vec<Reason>,
}

impl Verdict {
    /// Said once, where a rule and a window have the same buckets.
    fn not_newest(&mut self, rule: Rule) {
        let reason = Reason::NotNewest(rule);
        if !self.go.contains(&reason) {
            self.go.push(reason);
        }
    }
}

/// The rules with what they have seen so far, from the newest backwards.
struct Rules<'a> {
    keep: &'a Retention,
    counting: Vec<Counting>,
    windows: Vec<Window>,
}

struct Counting {
    rule: Rule,
    count: Count,
    used: usize,
    last: Option<Bucket>,
}

struct Window {
    rule: Rule,
    span: Span,
    /// What is later is in it; none: everything is.
    after: Option<UnixMs>,
    last: Option<Bucket>,
}

impl<'a> Rules<'a> {
    fn new(keep: &'a Retention, newest_first: &[&Snapshot]) -> Self {
        let newest = newest_first.first().map(|one| one.name.created_at()).unwrap_or_default();
        let counting = keep.counts().map(|(rule, count)| Counting { rule, count, used: 0, last: None });
        let window = |(rule, span): (Rule, Span)| {
            let after = span.before(newest, &keep.timezone);
            Window { rule, span, after, last: None }
        };
        Self { keep, counting: counting.collect(), windows: keep.windows().map(window).collect() }
    }

    fn apply(mut self, newest_first: &[&Snapshot]) -> Vec<Verdict> {
        let oldest = newest_first.len().saturating_sub(1);
        newest_first.iter().enumerate().map(|(nr, one)| self.judge(nr, one, nr == oldest)).collect()
    }

    fn judge(&mut self, nr: usize, one: &Snapshot, oldest: bool) -> Verdict {
        let mut verdict = Verdict::default();
        let created = one.name.created_at();
        let zone = &self.keep.timezone;
        if !self.keep.keep_tags.is_empty() {
            match tagged(one, self.keep) {
                Some(reason) => verdict.stay.push(reason),
                None => verdict.go.push(Reason::NotTagged),
            }
        }
        for window in &mut self.windows {
            let (rule, span) = (window.rule, window.span);
            if window.after.is_some_and(|after| created <= after) {
                verdict.go.push(Reason::TooOld(rule, span));
                continue;
            }
            let bucket = Bucket::of(rule, nr, created, zone);
            if window.last != Some(bucket) {
                verdict.stay.push(Reason::Within(rule, span));
            } else if oldest {
                verdict.stay.push(Reason::OldestWithin(rule, span));
            } else {
                verdict.not_newest(rule);
            }
            window.last = Some(bucket);
        }
        for counting in &mut self.counting {
            let rule = counting.rule;
            if !counting.count.has_room(counting.used) {
                verdict.go.push(Reason::UsedUp(rule, counting.count));
                continue;
            }
            let bucket = Bucket::of(rule, nr, created, zone);
            if counting.last != Some(bucket) {
                verdict.stay.push(Reason::Bucket(rule));
                counting.used += 1;
            } else if oldest {
                verdict.stay.push(Reason::Oldest(rule));
            } else {
                verdict.not_newest(rule);
            }
            counting.last = Some(bucket);
        }
        verdict
    }
}

/// Backups of one bucket are equal here. They stand beside one another, so only neighbours are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Bucket {
    Each(usize),
    /// Year, month, day, hour, seconds of offset: without the offset, two hours were one where the clocks go back.
    Hour(i16, i8, i8, i8, i32),
    Day(i16, i8, i8),
    /// Of the ISO year.
    Week(i16, i8),
    Month(i16, i8),
    Year(i16),
}

impl Bucket {
    fn of(rule: Rule, nr: usize, created: UnixMs, zone: &TimeZone) -> Self {
        // The moments of names are in jiff's range.
        let moment = Timestamp::from_millisecond(created.0).unwrap_or_default();
        let local = zone.to_datetime(moment);
        let (year, month, day) = (local.year(), local.month(), local.day());
        match rule {
            Rule::Last => Self::Each(nr),
            Rule::Hourly => Self::Hour(year, month, day, local.hour(), zone.to_offset(moment).seconds()),
            Rule::Daily => Self::Day(year, month, day),
            Rule::Weekly => {
                let week = local.date().iso_week_date();
                Self::Week(week.year(), week.week())
            }
            Rule::Monthly => Self::Month(year, month),
            Rule::Yearly => Self::Year(year),
        }
    }
}
