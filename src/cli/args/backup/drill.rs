//! The arguments of `backup drill`.

use super::look::WhichArgs;
use super::{FormArgs, IdentityArgs, RepoArgs};
use crate::cli::args::{GATES, ResourceArgs, span};
use clap::Args;
use std::path::PathBuf;

pub(super) const DRILL: &str = "\
Examples:
  rediscover backup drill prod/latest --repo /backup --server /usr/bin/valkey-server
  rediscover backup drill --repo /backup --identity key.txt --scratch /var/tmp

Unpacks a backup into a scratch folder, starts a server of its own there on a unix socket,
compares keys per database and a sample of keys, says how long it took, and leaves nothing
behind. What was found is written beside the backup, signed.";

#[derive(Args)]
pub(crate) struct DrillArgs {
    /// INSTANCE/STAMP, INSTANCE/latest or latest [default: latest of every instance]
    #[arg(value_name = "NAME")]
    pub(crate) name: Option<String>,
    #[command(flatten)]
    pub(crate) repo: RepoArgs,
    #[command(flatten)]
    pub(crate) which: WhichArgs,
    #[command(flatten)]
    pub(crate) identities: IdentityArgs,
    /// The redis-server or valkey-server to start [default: the one of the backup's family in PATH]
    #[arg(long, value_name = "PROGRAM", env = "REDISCOVER_SERVER", help_heading = GATES)]
    pub(crate) server: Option<PathBuf>,
    /// A module it loads; may be repeated
    #[arg(long, value_name = "FILE", help_heading = GATES)]
    pub(crate) loadmodule: Vec<PathBuf>,
    /// Keys that are looked at one by one
    #[arg(long, value_name = "N", default_value = "1000", help_heading = GATES)]
    pub(crate) sample_keys: usize,
    /// How long it may take until the server answers
    #[arg(long, value_name = "SPAN", value_parser = span, default_value = "1h", help_heading = GATES)]
    pub(crate) patience: i64,
    /// Do not write down what was found
    #[arg(long, help_heading = GATES)]
    pub(crate) no_record: bool,
    #[command(flatten)]
    pub(crate) output: FormArgs,
    #[command(flatten)]
    pub(crate) resources: ResourceArgs,
}
