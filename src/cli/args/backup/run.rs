//! The arguments of `backup run`.

use super::{FormArgs, StateArgs};
use crate::cli::args::{ConfigArgs, RESOURCES, ResourceArgs};
use clap::Args;

pub(super) const RUN: &str = "\
Examples:
  rediscover backup run @all -q
  rediscover backup run @prod @tag:eu --config /etc/rediscover/rediscover.toml --parallel 2

For each instance: hook before, create, verify, copy, prune, hook after or on_failure, metrics,
as rediscover.toml says. One that fails stops no other: exit 5, or 3 if a dump was damaged. With
-q nothing is said but one line for each instance that failed.";

#[derive(Args)]
pub(crate) struct RunArgs {
    /// @all, @NAME or @tag:TAG of the configuration
    #[arg(value_name = "@NAME", required = true)]
    pub(crate) names: Vec<String>,
    #[command(flatten)]
    pub(crate) config: ConfigArgs,
    #[command(flatten)]
    pub(crate) state: StateArgs,
    /// So many instances at a time
    #[arg(long, value_name = "N", default_value = "1", value_parser = clap::value_parser!(u16).range(1..=64), help_heading = RESOURCES)]
    pub(crate) parallel: u16,
    #[command(flatten)]
    pub(crate) output: FormArgs,
    #[command(flatten)]
    pub(crate) resources: ResourceArgs,
}
