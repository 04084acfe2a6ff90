//! The arguments of `backup create`.

use super::{FormArgs, REPOSITORY, RepoArgs};
use crate::cli::args::{ResourceArgs, ServerArgs, SourceArgs, bytes};
use clap::Args;
use rediscover::codec::Packing;
use std::path::PathBuf;

pub(super) const CREATE: &str = "\
Examples:
  rediscover backup create redis://backup@10.0.0.7:6379 --password-file pw --repo /backup --instance prod
  rediscover backup create /var/lib/redis --repo /backup --instance prod --recipients-file age.pub

Every byte is validated as `check` does and hashed before and after it is compressed and
encrypted; what was stored is read again. A dump that does not validate is kept as `damaged`
(exit 3), and `latest` goes on to mean the one before. One that is much smaller than the one
before is kept as `suspect`. The last line is the head of the chain: kept elsewhere, it shows
`backup verify` that the newest backups are gone.";

#[derive(Args)]
pub(crate) struct CreateArgs {
    #[command(flatten)]
    pub(crate) source: SourceArgs,
    #[command(flatten)]
    pub(crate) server: ServerArgs,
    #[command(flatten)]
    pub(crate) repo: RepoArgs,
    #[command(flatten)]
    pub(crate) taking: TakingArgs,
    /// Keep what a server sends in memory until it is stored, not in the scratch folder
    #[arg(long, help_heading = REPOSITORY)]
    pub(crate) stream: bool,
    /// So much of it with --stream; then the server waits
    #[arg(long, value_name = "SIZE", default_value = "64mb", value_parser = bytes, requires = "stream", help_heading = REPOSITORY)]
    pub(crate) stream_buffer: u64,
    #[command(flatten)]
    pub(crate) output: FormArgs,
    #[command(flatten)]
    pub(crate) resources: ResourceArgs,
}

/// How a backup is taken, whatever it is taken of.
#[derive(Args)]
pub(crate) struct TakingArgs {
    /// Whose backup it is: letters, digits, `.`, `_` and `-`
    #[arg(long, value_name = "NAME", help_heading = REPOSITORY)]
    pub(crate) instance: String,
    /// A tag from the beginning; may be repeated
    #[arg(long, value_name = "TAG", help_heading = REPOSITORY)]
    pub(crate) tag: Vec<String>,
    /// zstd:LEVEL, gzip:LEVEL or none
    #[arg(long, value_name = "HOW", default_value = "zstd:3", help_heading = REPOSITORY)]
    pub(crate) compression: Packing,
    /// Encrypt to this age recipient (age1…); may be repeated: two or more are wise
    #[arg(long, value_name = "KEY", help_heading = REPOSITORY)]
    pub(crate) recipient: Vec<String>,
    /// Encrypt to the recipients in this file; may be repeated
    #[arg(long, value_name = "FILE", help_heading = REPOSITORY)]
    pub(crate) recipients_file: Vec<PathBuf>,
    /// A backup that is smaller than the one before by more than so many percent is suspect
    #[arg(long, value_name = "PERCENT", default_value = "50", value_parser = clap::value_parser!(u8).range(0..=100), help_heading = REPOSITORY)]
    pub(crate) max_shrink: u8,
    /// Do not sign
    #[arg(long, help_heading = REPOSITORY)]
    pub(crate) no_sign: bool,
}
