//! The arguments of `aof repair`, `aof cut` and `aof split`.

use super::{Format, OUTPUT, ResourceArgs, SourceArgs, TEMPLATE};
use crate::cli::ui;
use clap::{Args, Subcommand, ValueEnum};
use rediscover::base::UnixMs;
use rediscover::mend::Moment;
use std::path::PathBuf;

pub(super) const AOF: &str = "\
Examples:
  rediscover aof repair appendonly.aof --skip-bad -o fixed.aof
  rediscover aof cut appendonlydir --at 2026-11-23T03:10:00Z -o before";

const REPAIR: &str = "\
Examples:
  rediscover aof repair appendonly.aof -o fixed.aof
  rediscover aof repair /var/lib/redis/appendonlydir --skip-bad -o fixed

Without --skip-bad only what is torn off at the end goes. With it, reading goes on after damage
at the next place where several commands follow one another that a server would take. A damaged
command in a transaction takes the whole transaction with it. Commands after a lost SELECT go to
PATH.unplaced, unless --assume-db says where they belong. A byte that changed inside a value
cannot be seen, and commands that stand inside a value look like any others.";

const CUT: &str = "\
Examples:
  rediscover aof cut appendonlydir --at 2026-11-23T03:10:00Z -o before
  rediscover aof cut appendonly.aof --at offset:104857600 -o before.aof

TIME keeps what ran at that time or before; the log must have been written with
aof-timestamp-enabled yes. offset:N and line:N keep what stands before that byte or line, of the
last file unless --file names another. A transaction that does not end before the cut goes with
it.";

const SPLIT: &str = "\
Examples:
  rediscover aof split appendonly.aof -o parts
  rediscover aof split backup.aof.gz -o parts --format json";

/// What to do with an append-only file.
#[derive(Subcommand)]
pub(crate) enum AofCommand {
    /// Writes a log that a server loads: without its torn end, and with --skip-bad without what is damaged
    #[command(help_template = TEMPLATE, after_help = REPAIR)]
    Repair(RepairArgs),
    /// Writes a log as it was at a moment: across the base and all increments
    #[command(help_template = TEMPLATE, after_help = CUT)]
    Cut(CutArgs),
    /// Writes the RDB and the log of a file with a preamble as two files
    #[command(help_template = TEMPLATE, after_help = SPLIT)]
    Split(SplitArgs),
}

impl AofCommand {
    pub(crate) fn format(&self) -> Format {
        let form = match self {
            AofCommand::Repair(args) => args.format,
            AofCommand::Cut(args) => args.format,
            AofCommand::Split(args) => args.format,
        };
        match form {
            ReportFormat::Text => Format::Text,
            ReportFormat::Json => Format::Json,
        }
    }
}

/// The forms of a report on stdout.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ReportFormat {
    Text,
    Json,
}

#[derive(Args)]
pub(crate) struct RepairArgs {
    #[command(flatten)]
    pub(crate) source: SourceArgs,
    /// Write to PATH: a file, or a folder for a multi-part AOF; it must not be there yet
    #[arg(short, long, value_name = "PATH", help_heading = OUTPUT, required_unless_present_any = ["in_place", "dry_run"])]
    pub(crate) output: Option<PathBuf>,
    /// Go on after damage, and leave out what cannot be read
    #[arg(long)]
    pub(crate) skip_bad: bool,
    /// The database of commands after a lost SELECT
    #[arg(long, value_name = "N", requires = "skip_bad")]
    pub(crate) assume_db: Option<u32>,
    /// Replace the files, and keep the originals beside them as NAME.before-repair; no server may be running on them
    #[arg(long, conflicts_with = "output", help_heading = OUTPUT)]
    pub(crate) in_place: bool,
    /// Say what would be done, and write nothing
    #[arg(long, help_heading = OUTPUT)]
    pub(crate) dry_run: bool,
    /// The form of the report on stdout
    #[arg(long, value_name = "FORMAT", default_value = "text", help_heading = OUTPUT)]
    pub(crate) format: ReportFormat,
    #[command(flatten)]
    pub(crate) resources: ResourceArgs,
}

#[derive(Args)]
pub(crate) struct CutArgs {
    #[command(flatten)]
    pub(crate) source: SourceArgs,
    /// Where it ends: a time, offset:N or line:N
    #[arg(long, value_name = "WHERE", value_parser = place, allow_hyphen_values = true)]
    pub(crate) at: Moment,
    /// The file that offset:N and line:N mean [default: the last one]
    #[arg(long, value_name = "NAME")]
    pub(crate) file: Option<String>,
    /// Write to PATH: a file, or a folder for a multi-part AOF; it must not be there yet
    #[arg(short, long, value_name = "PATH", help_heading = OUTPUT)]
    pub(crate) output: PathBuf,
    /// The form of the report on stdout
    #[arg(long, value_name = "FORMAT", default_value = "text", help_heading = OUTPUT)]
    pub(crate) format: ReportFormat,
    #[command(flatten)]
    pub(crate) resources: ResourceArgs,
}

#[derive(Args)]
pub(crate) struct SplitArgs {
    #[command(flatten)]
    pub(crate) source: SourceArgs,
    /// Write dump.rdb and appendonly.aof to this folder
    #[arg(short, long, value_name = "DIR", help_heading = OUTPUT)]
    pub(crate) output: PathBuf,
    /// The form of the report on stdout
    #[arg(long, value_name = "FORMAT", default_value = "text", help_heading = OUTPUT)]
    pub(crate) format: ReportFormat,
    #[command(flatten)]
    pub(crate) resources: ResourceArgs,
}

pub(super) fn place(text: &str) -> Result<Moment, String> {
    let number = |digits: &str| digits.parse::<u64>().map_err(|_| format!("`{digits}` is not a number"));
    match text.split_once(':') {
        Some(("offset", digits)) => Ok(Moment::Offset(None, number(digits)?)),
        Some(("line", digits)) => Ok(Moment::Line(None, number(digits)?)),
        _ => UnixMs::parse(text, ui::now()).map(Moment::Time),
    }
}
