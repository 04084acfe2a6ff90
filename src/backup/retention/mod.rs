//! Which backups stay: a pure function of the backups of one instance, a policy and a moment.
//!
//! The rules are restic's, made safe. Only what **counts** fills a bucket or anchors a window: backups with status `good` and a
//! signature that holds, not dated after `now`. They are gone through from the newest to the oldest.
//!
//! 1. `keep_last`, and the rules by hour, day, week (ISO), month and year: a backup stays where its bucket is another one than
//!    that of the backup before it, while the rule has count left. Times without backups use up nothing; one backup may stand in
//!    buckets of several rules. The oldest stays too while a rule has count left.
//! 2. `keep_within`: what is newer than the newest less the span; exactly as old goes. `keep_within_hourly` and its like keep
//!    the newest of each bucket in their window, and the oldest if it is in it.
//! 3. `keep_tags`: whoever has all tags of one of the lists, whatever its status.
//!
//! And whatever the policy says:
//!
//! - Pinned ones stay. Of those that count, the newest stays, the newest that is no `scan`, and the newest that was verified
//!   `full`.
//! - One dated after `now` stays, and changes no decision about another.
//! - Suspect ones, and those whose signature does not hold, stay until they are forgotten by name. They fill nothing, so that
//!   none of them pushes a good one out.
//! - Of damaged and incomplete ones, together, the newest `keep_damaged` stay. Another one goes only if a backup that counts is
//!   newer than it.
//! - A policy by which none of those that count would stay removes nothing at all: a tag that nobody has is a slip, not a wish.
//!
//! Buckets are those of one zone. An hour that a zone goes through twice is two hours.

mod limit;
mod plan;
mod reason;
mod span;

#[cfg(test)]
mod tests;

pub use limit::Limit;
pub use plan::{Decision, plan};
pub use reason::Reason;
pub use span::Span;

use crate::base::{Error, ErrorKind, Result};
use crate::repository::{BackupKind, BackupName, BackupStatus};
use std::fmt;

/// What retention has to know of a backup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// Whose and when: the moment in the name is what counts.
    pub name: BackupName,
    /// The tags it has now.
    pub tags: Vec<String>,
    /// Whether somebody pinned it.
    pub pinned: bool,
    /// What its manifest says, or `damaged` where a later verification failed.
    pub status: BackupStatus,
    /// What sort of bytes it holds.
    pub kind: BackupKind,
    /// Whether its signature is one that counts.
    pub trusted: bool,
    /// Whether it has passed a verification at level `full`, and failed none since.
    pub verified_full: bool,
}

/// How many a rule keeps.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Count {
    /// None: the rule is off.
    #[default]
    None,
    /// So many; 0 is none.
    N(u32),
    /// All there are.
    Unlimited,
}

impl Count {
    /// Reads a number, or `unlimited`.
    ///
    /// # Errors
    /// A sentence that says what was expected; negative numbers among others.
    pub fn parse(text: &str) -> std::result::Result<Self, String> {
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        match (text, text.parse()) {
            ("unlimited", _) => Ok(Self::Unlimited),
            (_, Ok(number)) if digits => Ok(if number == 0 { Self::None } else { Self::N(number) }),
            _ => Err("expected a number from 0 to 4294967295, or `unlimited`".to_owned()),
        }
    }

    /// Whether it keeps anything.
    pub fn is_some(self) -> bool {
        !matches!(self, Self::None | Self::N(0))
    }

    /// How many are left of it after so many.
    fn has_room(self, used: usize) -> bool {
        match self {
            Self::None => false,
            Self::N(number) => u64::try_from(used).is_ok_and(|used| used < u64::from(number)),
            Self::Unlimited => true,
        }
    }
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("0"),
            Self::N(number) => number.fmt(f),
            Self::Unlimited => f.write_str("unlimited"),
        }
    }
}

/// A rule that counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rule {
    /// Each backup by itself.
    Last,
    /// By the hour of the clock.
    Hourly,
    /// By the date.
    Daily,
    /// By the ISO week.
    Weekly,
    /// By the month.
    Monthly,
    /// By the year.
    Yearly,
}

impl Rule {
    /// `daily`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Last => "last",
            Self::Hourly => "hourly",
            Self::Daily => "daily",
            Self::Weekly => "weekly",
            Self::Monthly => "monthly",
            Self::Yearly => "yearly",
        }
    }

    /// What one of its buckets is: `day`.
    fn bucket(self) -> &'static str {
        match self {
            Self::Last => "backup",
            Self::Hourly => "hour",
            Self::Daily => "day",
            Self::Weekly => "week",
            Self::Monthly => "month",
            Self::Yearly => "year",
        }
    }
}

/// What stays.
#[derive(Debug, Clone)]
pub struct Retention {
    /// The newest so many.
    pub keep_last: Count,
    /// The newest of each of so many hours that have one.
    pub keep_hourly: Count,
    /// The newest of each of so many days that have one.
    pub keep_daily: Count,
    /// The newest of each of so many ISO weeks that have one.
    pub keep_weekly: Count,
    /// The newest of each of so many months that have one.
    pub keep_monthly: Count,
    /// The newest of each of so many years that have one.
    pub keep_yearly: Count,
    /// All that are newer than the newest less this.
    pub keep_within: Option<Span>,
    /// The newest of each hour in that window.
    pub keep_within_hourly: Option<Span>,
    /// The newest of each day in that window.
    pub keep_within_daily: Option<Span>,
    /// The newest of each week in that window.
    pub keep_within_weekly: Option<Span>,
    /// The newest of each month in that window.
    pub keep_within_monthly: Option<Span>,
    /// The newest of each year in that window.
    pub keep_within_yearly: Option<Span>,
    /// All that have every tag of one of these lists.
    pub keep_tags: Vec<Vec<String>>,
    /// The newest so many of those that are damaged or incomplete. By itself it is no policy.
    pub keep_damaged: Count,
    /// The zone of hours, days, weeks, months and years.
    pub timezone: jiff::tz::TimeZone,
}

impl Default for Retention {
    /// No rule at all, which [`plan`] refuses; three damaged ones, UTC.
    fn default() -> Self {
        Self {
            keep_last: Count::None,
            keep_hourly: Count::None,
            keep_daily: Count::None,
            keep_weekly: Count::None,
            keep_monthly: Count::None,
            keep_yearly: Count::None,
            keep_within: None,
            keep_within_hourly: None,
            keep_within_daily: None,
            keep_within_weekly: None,
            keep_within_monthly: None,
            keep_within_yearly: None,
            keep_tags: Vec::new(),
            keep_damaged: Count::N(3),
            timezone: jiff::tz::TimeZone::UTC,
        }
    }
}

impl Retention {
    /// Whether it keeps anything of what counts.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`]: no rule is on.
    pub fn check(&self) -> Result<()> {
        let tags = self.keep_tags.iter().any(|list| !list.is_empty());
        if tags || self.counts().next().is_some() || self.windows().next().is_some() {
            return Ok(());
        }
        let what = "no rule says what stays, so nothing can go".to_owned();
        Err(Error::new(ErrorKind::Usage { option: "--keep-daily", what })
            .with_hint("give at least one, such as --keep-daily 7 --keep-weekly 4; 0 turns a rule off"))
    }

    /// The rules that count, as far as they are on.
    fn counts(&self) -> impl Iterator<Item = (Rule, Count)> {
        let all = [
            (Rule::Last, self.keep_last),
            (Rule::Hourly, self.keep_hourly),
            (Rule::Daily, self.keep_daily),
            (Rule::Weekly, self.keep_weekly),
            (Rule::Monthly, self.keep_monthly),
            (Rule::Yearly, self.keep_yearly),
        ];
        all.into_iter().filter(|(_, count)| count.is_some())
    }

    /// The windows that are on. In that of `Last` each backup stays.
    fn windows(&self) -> impl Iterator<Item = (Rule, Span)> {
        let all = [
            (Rule::Last, self.keep_within),
            (Rule::Hourly, self.keep_within_hourly),
            (Rule::Daily, self.keep_within_daily),
            (Rule::Weekly, self.keep_within_weekly),
            (Rule::Monthly, self.keep_within_monthly),
            (Rule::Yearly, self.keep_within_yearly),
        ];
        all.into_iter().filter_map(|(rule, span)| Some((rule, span.filter(|span| !span.is_zero())?)))
    }
}
