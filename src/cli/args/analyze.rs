//! The arguments of `analyze`.

use super::{
    ESTIMATES, FailOn, FilterArgs, Format, HashArgs, OUTPUT, OutputArgs, Parsed, ResourceArgs, RuleArgs, SOURCES,
    ServerArgs, SourceArgs, model, moment,
};
use clap::{Args, ValueEnum};
use rediscover::analysis::PlanAction;
use rediscover::base::UnixMs;
use rediscover::memory::Model;
use std::path::Path;

pub(super) const ANALYZE: &str = "\
Examples:
  rediscover analyze /var/lib/redis/dump.rdb
  rediscover analyze eu=a.rdb us=b.rdb.gz --type hash --match 'session:*' --format json
  rediscover analyze dump.rdb --scan --format html -o report.html
  rediscover analyze dump.rdb --match 'cache:*' --expiry none --plan-script expire:300 -o plan.sh";

const PLAN: &str = "Plan script";
const SCANNING: &str = "Scanning";

#[derive(Args)]
pub(crate) struct AnalyzeArgs {
    #[command(flatten)]
    pub(crate) sources: SourceArgs,
    #[command(flatten)]
    pub(crate) server: ServerArgs,
    /// The sources are shards of one keyspace: a key in two of them is an error
    #[arg(long, help_heading = SOURCES)]
    pub(crate) merge: bool,
    /// The server whose memory is estimated: redis-8.0, valkey-9.1+debian [default: the one that wrote the dump]
    #[arg(long, value_name = "V", value_parser = model, help_heading = ESTIMATES)]
    pub(crate) target: Option<Model>,
    /// Say what will have expired by then: RFC 3339, Unix seconds, now+2d
    #[arg(long, value_name = "TIME", value_parser = moment, allow_hyphen_values = true, help_heading = ESTIMATES)]
    pub(crate) expiring_by: Option<UnixMs>,
    /// Look for attack traces, secrets and personal data in the same pass
    #[arg(long, help_heading = SCANNING)]
    pub(crate) scan: bool,
    /// With --scan: exit 4 if there is a finding of this severity or a graver one
    #[arg(long, value_name = "LEVEL", default_value = "never", requires = "scan", help_heading = SCANNING)]
    pub(crate) fail_on: FailOn,
    #[command(flatten)]
    pub(crate) rules: RuleArgs,
    #[command(flatten)]
    pub(crate) filters: FilterArgs,
    #[command(flatten)]
    pub(crate) hashes: HashArgs,
    #[command(flatten)]
    pub(crate) output: OutputArgs<AnalyzeFormat>,
    /// Length of the rankings, at most 10000
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u16).range(..=10_000), help_heading = OUTPUT)]
    pub(crate) top: u16,
    /// Write a script to -o FILE that names the filtered keys, to be reviewed and run by you: unlink, expire:SECONDS
    #[arg(long, value_name = "ACTION", value_parser = plan_action, requires = "output", help_heading = PLAN)]
    pub(crate) plan_script: Option<PlanAction>,
    /// Let that script look at the type and the expiry of each key before
    #[arg(long, requires = "plan_script", help_heading = PLAN)]
    pub(crate) plan_check: bool,
    #[command(flatten)]
    pub(crate) resources: ResourceArgs,
}

impl AnalyzeArgs {
    /// Where the report goes. The file is the script's, if there is one.
    pub(crate) fn report_place(&self) -> Option<&Path> {
        self.output.output.as_deref().filter(|_| self.plan_script.is_none())
    }

    pub(super) fn form(&self) -> Format {
        match (self.output.format, &self.plan_script) {
            (Some(format), _) => format.into(),
            (None, Some(_)) => Format::Text,
            (None, None) => self.output.named(),
        }
    }
}

/// The forms of `analyze`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum AnalyzeFormat {
    Text,
    Json,
    Html,
}

impl From<AnalyzeFormat> for Format {
    fn from(format: AnalyzeFormat) -> Self {
        match format {
            AnalyzeFormat::Text => Format::Text,
            AnalyzeFormat::Json => Format::Json,
            AnalyzeFormat::Html => Format::Html,
        }
    }
}

fn plan_action(text: &str) -> Parsed<PlanAction> {
    let wrong = || "expected unlink or expire:SECONDS, as in expire:300".to_owned();
    match text.split_once(':') {
        None if text == "unlink" => Ok(PlanAction::Unlink),
        Some(("expire", seconds)) => match seconds.parse() {
            // 0 would delete at once, which is for unlink to say.
            Ok(seconds) if seconds > 0 => Ok(PlanAction::Expire { seconds }),
            _ => Err(wrong()),
        },
        _ => Err(wrong()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_action_is_read_or_refused() {
        assert_eq!(plan_action("unlink"), Ok(PlanAction::Unlink));
        assert_eq!(plan_action("expire:300"), Ok(PlanAction::Expire { seconds: 300 }));
        assert!(["expire", "expire:0", "expire:-1", "unlink:1", "del"].iter().all(|text| plan_action(text).is_err()));
    }
}
