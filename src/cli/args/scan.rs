//! The arguments of `scan` and `rules`.

use super::{FilterArgs, Format, HashArgs, OUTPUT, OutputArgs, ResourceArgs, ServerArgs, SourceArgs, zone};
use clap::{Args, Subcommand, ValueEnum};
use rediscover::report::Threat;
use std::ffi::OsString;
use std::path::PathBuf;

pub(super) const SCAN: &str = "\
Examples:
  rediscover scan dump.rdb --fail-on medium
  rediscover scan appendonlydir --rules ours.toml --allow known.toml --format ecs -o findings.jsonl
  rediscover scan --tree /mnt/image --log /mnt/image/var/log/redis/redis.log --log-tz Europe/Berlin";

pub(super) const RULES: &str = "\
Examples:
  rediscover rules list
  rediscover rules test ours.toml";

const RULE_FILES: &str = "Rules";
const JUDGING: &str = "Judging";
const MORE: &str = "More evidence";
const SECRETS: &str = "Secrets";

#[derive(Args)]
#[command(mut_arg("sources", |sources| sources.required_unless_present_any(["tree", "log"])))]
pub(crate) struct ScanArgs {
    #[command(flatten)]
    pub(crate) sources: SourceArgs,
    #[command(flatten)]
    pub(crate) server: ServerArgs,
    #[command(flatten)]
    pub(crate) rules: RuleArgs,
    /// Findings that are known and accepted, each with a reason and the day it is to be looked at again
    #[arg(long, value_name = "FILE", help_heading = JUDGING)]
    pub(crate) allow: Option<PathBuf>,
    /// Only what this earlier report (--format json) does not have
    #[arg(long, value_name = "FILE", help_heading = JUDGING)]
    pub(crate) baseline: Option<PathBuf>,
    /// Exit 4 if there is a finding of this severity or a graver one
    #[arg(long, value_name = "LEVEL", default_value = "high", help_heading = JUDGING)]
    pub(crate) fail_on: FailOn,
    /// Look below DIR, a mounted disk image, for dumps under other names; nothing in it is run
    #[arg(long, value_name = "DIR", help_heading = MORE)]
    pub(crate) tree: Vec<PathBuf>,
    /// The log of a server: replication, modules, crashes, saves; may be repeated
    #[arg(long, value_name = "FILE", help_heading = MORE)]
    pub(crate) log: Vec<OsString>,
    /// The zone of times in --log that do not say theirs [default: taken for UTC, and marked as inferred]
    #[arg(long, value_name = "ZONE", value_parser = zone, requires = "log", help_heading = MORE)]
    pub(crate) log_tz: Option<jiff::tz::TimeZone>,
    /// Show what matched, secrets and personal data too
    #[arg(long, help_heading = SECRETS)]
    pub(crate) reveal: bool,
    /// Write the secrets to FILE (mode 0600), for those who revoke them
    #[arg(long, value_name = "FILE", help_heading = SECRETS)]
    pub(crate) reveal_to: Option<PathBuf>,
    /// The key of fingerprints, 16 bytes or more; without it what could be guessed has none
    #[arg(long, value_name = "FILE", help_heading = SECRETS)]
    pub(crate) fingerprint_key: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) filters: FilterArgs,
    #[command(flatten)]
    pub(crate) hashes: HashArgs,
    #[command(flatten)]
    pub(crate) output: OutputArgs<ScanFormat>,
    #[command(flatten)]
    pub(crate) resources: ResourceArgs,
}

/// Rules beside those that come with the program.
#[derive(Args)]
pub(crate) struct RuleArgs {
    /// Rules of your own: a TOML file, or a folder of them
    #[arg(long, value_name = "PATH", help_heading = RULE_FILES)]
    pub(crate) rules: Vec<PathBuf>,
    /// YARA rules, run on every decoded text
    #[cfg(feature = "yara")]
    #[arg(long, value_name = "FILE", help_heading = RULE_FILES)]
    pub(crate) yara: Vec<PathBuf>,
    /// Rules in the format of gitleaks
    #[arg(long, value_name = "FILE", help_heading = RULE_FILES)]
    pub(crate) gitleaks: Vec<PathBuf>,
    /// Indicators, one a line: addresses, domains, hashes, SSH fingerprints, wallets
    #[arg(long, value_name = "FILE", help_heading = RULE_FILES)]
    pub(crate) iocs: Vec<PathBuf>,
    /// Only the rules that are given, not those that come with the program
    #[arg(long, help_heading = RULE_FILES)]
    pub(crate) no_builtin: bool,
}

/// When findings make the exit code 4.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum FailOn {
    Info,
    Low,
    Medium,
    High,
    Critical,
    Any,
    Never,
}

impl FailOn {
    /// The least severity that does; none: never.
    pub(crate) fn threshold(self) -> Option<Threat> {
        match self {
            FailOn::Info | FailOn::Any => Some(Threat::Info),
            FailOn::Low => Some(Threat::Low),
            FailOn::Medium => Some(Threat::Medium),
            FailOn::High => Some(Threat::High),
            FailOn::Critical => Some(Threat::Critical),
            FailOn::Never => None,
        }
    }
}

/// The forms of `scan`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ScanFormat {
    Text,
    Json,
    Jsonl,
    Ecs,
    Sarif,
    Timesketch,
    Csv,
    Html,
}

impl From<ScanFormat> for Format {
    fn from(format: ScanFormat) -> Self {
        match format {
            ScanFormat::Text => Format::Text,
            ScanFormat::Json => Format::Json,
            ScanFormat::Jsonl => Format::Jsonl,
            ScanFormat::Ecs => Format::Ecs,
            ScanFormat::Sarif => Format::Sarif,
            ScanFormat::Timesketch => Format::Timesketch,
            ScanFormat::Csv => Format::Csv,
            ScanFormat::Html => Format::Html,
        }
    }
}

/// What can be done with rules.
#[derive(Subcommand)]
pub(crate) enum RulesCommand {
    /// Lists rules: id, severity, what they find
    #[command(help_template = super::TEMPLATE)]
    List(RulesListArgs),
    /// Shows a rule: what it looks for, where, why, with its examples
    #[command(help_template = super::TEMPLATE)]
    Show(RulesShowArgs),
    /// Tries rules on their own examples and counter-examples, or on a file
    #[command(help_template = super::TEMPLATE)]
    Test(RulesTestArgs),
}

#[derive(Args)]
pub(crate) struct RulesListArgs {
    #[command(flatten)]
    pub(crate) rules: RuleArgs,
    #[command(flatten)]
    pub(crate) output: OutputArgs<RulesFormat>,
}

#[derive(Args)]
pub(crate) struct RulesShowArgs {
    /// Its id: RD-CRON-001
    pub(crate) id: String,
    #[command(flatten)]
    pub(crate) rules: RuleArgs,
    #[command(flatten)]
    pub(crate) output: OutputArgs<RulesFormat>,
}

#[derive(Args)]
pub(crate) struct RulesTestArgs {
    /// Rule files or folders to try; without one, the rules that come with the program
    #[arg(value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,
    /// A file whose bytes are put to the rules as one value
    #[arg(long, value_name = "FILE", help_heading = OUTPUT)]
    pub(crate) on: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) output: OutputArgs<RulesFormat>,
}

/// The forms of `rules`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum RulesFormat {
    Text,
    Json,
}

impl From<RulesFormat> for Format {
    fn from(format: RulesFormat) -> Self {
        match format {
            RulesFormat::Text => Format::Text,
            RulesFormat::Json => Format::Json,
        }
    }
}

impl RuleArgs {
    /// Whether anything is asked for beside the rules that come with the program.
    pub(crate) fn is_set(&self) -> bool {
        #[cfg(feature = "yara")]
        let yara = !self.yara.is_empty();
        #[cfg(not(feature = "yara"))]
        let yara = false;
        yara || self.no_builtin || !(self.rules.is_empty() && self.gitleaks.is_empty() && self.iocs.is_empty())
    }
}

impl RulesCommand {
    /// The form of what it prints.
    pub(crate) fn format(&self) -> Format {
        let output = match self {
            RulesCommand::List(args) => &args.output,
            RulesCommand::Show(args) => &args.output,
            RulesCommand::Test(args) => &args.output,
        };
        output.format.map_or_else(|| output.named(), Format::from)
    }
}
