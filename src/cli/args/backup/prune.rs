//! The arguments of `backup prune` and `backup unlock`.

use super::{FormArgs, REPOSITORY, RepoArgs};
use crate::cli::args::zone;
use clap::Args;
use rediscover::backup::retention::{Count, Limit, Retention, Span};

pub(super) const PRUNE: &str = "\
Examples:
  rediscover backup prune --repo /backup --keep-daily 7 --keep-weekly 4 --keep-monthly 12
  rediscover backup prune --repo /backup --keep-within 30d --keep-tag gold --max-remove 20% --apply

Without --apply it only says what it would do. A backup stays if any rule keeps it. Only good
ones count: the newest of them stays whatever the rules say, and so do pinned and suspect ones,
those dated in the future, and the newest verified `full`. Rules that keep no good backup of an
instance remove none of it. N is a number or `unlimited`; SPAN is 1y6m, 30d or 36h before the
newest good backup, and m is months.";

pub(super) const UNLOCK: &str = "\
Examples:
  rediscover backup unlock --repo /backup
  rediscover backup unlock --repo /backup --format json

A lock ends by itself an hour after it was taken. Remove it only if whoever took it is dead.";

pub(super) const FORGET: &str = "\
Examples:
  rediscover backup forget prod/20261123T030000.123Z-3f9a1c --repo /backup
  rediscover backup forget prod/20261123T030000.123Z-3f9a1c --repo /backup --apply

Prune leaves suspect backups, those whose signature does not count and those whose manifest
cannot be read: look at them, and forget them by name. Without --apply it only says what it
would do. What is removed is written down, signed.";

const KEEP: &str = "What stays (any rule is enough)";

#[derive(Args)]
pub(crate) struct PruneArgs {
    #[command(flatten)]
    pub(crate) repo: RepoArgs,
    /// Only of this instance; may be repeated
    #[arg(long, value_name = "NAME", help_heading = REPOSITORY)]
    pub(crate) instance: Vec<String>,
    #[command(flatten)]
    pub(crate) keep: RetentionArgs,
    /// Remove nothing of an instance of which more would go: 10, or 25% of all it has, rounded down
    #[arg(long, value_name = "N|%", value_parser = Limit::parse)]
    pub(crate) max_remove: Option<Limit>,
    /// Remove; without it nothing changes
    #[arg(long)]
    pub(crate) apply: bool,
    /// Only say what would be done, which is the default
    #[arg(long, conflicts_with = "apply")]
    pub(crate) plan: bool,
    #[command(flatten)]
    pub(crate) output: FormArgs,
}

#[derive(Args)]
pub(crate) struct ForgetArgs {
    /// INSTANCE/STAMP: the whole name
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
    #[command(flatten)]
    pub(crate) repo: RepoArgs,
    /// Remove; without it nothing changes
    #[arg(long)]
    pub(crate) apply: bool,
    /// Even the newest that can be restored
    #[arg(long)]
    pub(crate) force: bool,
    #[command(flatten)]
    pub(crate) output: FormArgs,
}

/// What stays.
#[derive(Args)]
pub(crate) struct RetentionArgs {
    /// The newest N
    #[arg(long, value_name = "N", value_parser = Count::parse, allow_negative_numbers = true, help_heading = KEEP)]
    pub(crate) keep_last: Option<Count>,
    /// The newest of each of the last N hours that have one
    #[arg(long, value_name = "N", value_parser = Count::parse, allow_negative_numbers = true, help_heading = KEEP)]
    pub(crate) keep_hourly: Option<Count>,
    /// The newest of each of the last N days that have one
    #[arg(long, value_name = "N", value_parser = Count::parse, allow_negative_numbers = true, help_heading = KEEP)]
    pub(crate) keep_daily: Option<Count>,
    /// The newest of each of the last N ISO weeks that have one
    #[arg(long, value_name = "N", value_parser = Count::parse, allow_negative_numbers = true, help_heading = KEEP)]
    pub(crate) keep_weekly: Option<Count>,
    /// The newest of each of the last N months that have one
    #[arg(long, value_name = "N", value_parser = Count::parse, allow_negative_numbers = true, help_heading = KEEP)]
    pub(crate) keep_monthly: Option<Count>,
    /// The newest of each of the last N years that have one
    #[arg(long, value_name = "N", value_parser = Count::parse, allow_negative_numbers = true, help_heading = KEEP)]
    pub(crate) keep_yearly: Option<Count>,
    /// All in this window
    #[arg(long, value_name = "SPAN", value_parser = Span::parse, help_heading = KEEP)]
    pub(crate) keep_within: Option<Span>,
    /// The newest of each hour in this window
    #[arg(long, value_name = "SPAN", value_parser = Span::parse, help_heading = KEEP)]
    pub(crate) keep_within_hourly: Option<Span>,
    /// The newest of each day in this window
    #[arg(long, value_name = "SPAN", value_parser = Span::parse, help_heading = KEEP)]
    pub(crate) keep_within_daily: Option<Span>,
    /// The newest of each ISO week in this window
    #[arg(long, value_name = "SPAN", value_parser = Span::parse, help_heading = KEEP)]
    pub(crate) keep_within_weekly: Option<Span>,
    /// The newest of each month in this window
    #[arg(long, value_name = "SPAN", value_parser = Span::parse, help_heading = KEEP)]
    pub(crate) keep_within_monthly: Option<Span>,
    /// The newest of each year in this window
    #[arg(long, value_name = "SPAN", value_parser = Span::parse, help_heading = KEEP)]
    pub(crate) keep_within_yearly: Option<Span>,
    /// All with this tag, or with all of TAG,TAG; may be repeated
    #[arg(long, value_name = "TAG,...", value_parser = tags, help_heading = KEEP)]
    pub(crate) keep_tag: Vec<Tags>,
    /// The newest N of those that are damaged or incomplete; others of them go once a good one is newer
    #[arg(long, value_name = "N", value_parser = Count::parse, allow_negative_numbers = true, default_value = "3", help_heading = KEEP)]
    pub(crate) keep_damaged: Count,
    /// The zone of hours, days, weeks, months and years: Europe/Berlin, local [default: UTC]
    #[arg(long, value_name = "ZONE", value_parser = zone, help_heading = KEEP)]
    pub(crate) timezone: Option<jiff::tz::TimeZone>,
}

/// Tags that a backup has to have together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tags(Vec<String>);

fn tags(text: &str) -> Result<Tags, String> {
    let all: Vec<_> = text.split(',').map(str::to_owned).collect();
    if all.iter().any(String::is_empty) { Err("expected TAG or TAG,TAG".to_owned()) } else { Ok(Tags(all)) }
}

impl RetentionArgs {
    pub(crate) fn retention(&self) -> Retention {
        Retention {
            keep_last: self.keep_last.unwrap_or_default(),
            keep_hourly: self.keep_hourly.unwrap_or_default(),
            keep_daily: self.keep_daily.unwrap_or_default(),
            keep_weekly: self.keep_weekly.unwrap_or_default(),
            keep_monthly: self.keep_monthly.unwrap_or_default(),
            keep_yearly: self.keep_yearly.unwrap_or_default(),
            keep_within: self.keep_within,
            keep_within_hourly: self.keep_within_hourly,
            keep_within_daily: self.keep_within_daily,
            keep_within_weekly: self.keep_within_weekly,
            keep_within_monthly: self.keep_within_monthly,
            keep_within_yearly: self.keep_within_yearly,
            keep_tags: self.keep_tag.iter().map(|tags| tags.0.clone()).collect(),
            keep_damaged: self.keep_damaged,
            timezone: self.timezone.clone().unwrap_or(jiff::tz::TimeZone::UTC),
        }
    }
}

#[derive(Args)]
pub(crate) struct UnlockArgs {
    #[command(flatten)]
    pub(crate) repo: RepoArgs,
    #[command(flatten)]
    pub(crate) output: FormArgs,
}
