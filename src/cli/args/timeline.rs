//! The arguments of `timeline`.

use super::{FilterArgs, Format, HashArgs, OUTPUT, OutputArgs, ResourceArgs, ServerArgs, SourceArgs, moment, zone};
use clap::{Args, ValueEnum};
use rediscover::base::UnixMs;
use std::ffi::OsString;

pub(super) const TIMELINE: &str = "\
Examples:
  rediscover timeline appendonlydir --key session:42
  rediscover timeline appendonly.aof --command del --since now-2d --format timesketch -o case.jsonl";

const TIMES: &str = "What and when";

// `--key` names a key here.
#[derive(Args)]
#[command(mut_arg("tls_key", |key| key.long("tls-key")))]
pub(crate) struct TimelineArgs {
    #[command(flatten)]
    pub(crate) sources: SourceArgs,
    #[command(flatten)]
    pub(crate) server: ServerArgs,
    /// Only this key: its whole history, with what was written
    #[arg(long, value_name = "K", help_heading = TIMES)]
    pub(crate) key: Option<OsString>,
    /// Only this command: del, xgroup, 'xgroup|create'; may be repeated
    #[arg(long, value_name = "C", help_heading = TIMES)]
    pub(crate) command: Vec<String>,
    /// Only what can have been then or later: RFC 3339, Unix seconds, now-2h
    #[arg(long, value_name = "TIME", value_parser = moment, allow_hyphen_values = true, help_heading = TIMES)]
    pub(crate) since: Option<UnixMs>,
    /// Only what can have been then or earlier
    #[arg(long, value_name = "TIME", value_parser = moment, allow_hyphen_values = true, help_heading = TIMES)]
    pub(crate) until: Option<UnixMs>,
    /// Only keys that are gone at the end of the log: deleted, expired, flushed, renamed
    #[arg(long, help_heading = TIMES)]
    pub(crate) only_deleted: bool,
    /// Groups instead of rows: commands by name, bytes, keys, deletes, flushes
    #[arg(long, value_name = "UNIT", help_heading = TIMES)]
    pub(crate) by: Option<Unit>,
    /// The log of a server, too; may be repeated
    #[arg(long, value_name = "FILE", help_heading = TIMES)]
    pub(crate) log: Vec<OsString>,
    /// The zone of times in --log that do not say theirs [default: taken for UTC, and marked as inferred]
    #[arg(long, value_name = "ZONE", value_parser = zone, requires = "log", help_heading = TIMES)]
    pub(crate) log_tz: Option<jiff::tz::TimeZone>,
    #[command(flatten)]
    pub(crate) filters: FilterArgs,
    #[command(flatten)]
    pub(crate) hashes: HashArgs,
    #[command(flatten)]
    pub(crate) output: OutputArgs<TimelineFormat>,
    /// Stop after so many rows
    #[arg(long, value_name = "N", help_heading = OUTPUT)]
    pub(crate) limit: Option<u64>,
    #[command(flatten)]
    pub(crate) resources: ResourceArgs,
}

/// The length of a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Unit {
    Second,
    Minute,
}

/// The forms of `timeline`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum TimelineFormat {
    Text,
    Jsonl,
    Csv,
    Timesketch,
    Html,
}

impl From<TimelineFormat> for Format {
    fn from(format: TimelineFormat) -> Self {
        match format {
            TimelineFormat::Text => Format::Text,
            TimelineFormat::Jsonl => Format::Jsonl,
            TimelineFormat::Csv => Format::Csv,
            TimelineFormat::Timesketch => Format::Timesketch,
            TimelineFormat::Html => Format::Html,
        }
    }
}
