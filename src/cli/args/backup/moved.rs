//! The arguments of the `backup` commands that move bytes: fetch, copy, import.

use super::create::TakingArgs;
use super::look::WhichArgs;
use super::{FormArgs, IdentityArgs, REPOSITORY, RepoArgs};
use crate::cli::args::{OUTPUT, ResourceArgs};
use clap::Args;
use std::ffi::OsString;
use std::path::PathBuf;

pub(super) const FETCH: &str = "\
Examples:
  rediscover backup fetch prod/latest --repo /backup -o dump.rdb --identity key.txt
  rediscover backup fetch latest --repo /backup -o - | redis-check-rdb /dev/stdin
  rediscover backup fetch prod/latest --repo /backup -o stored --stored

A file has its name only when its bytes are those that the manifest says; with -o - the exit
code says so at the end. A backup of several files (a multi-part AOF, a cluster) comes as a new
folder. `restore` does more: it puts a backup where a server finds it.";

pub(super) const COPY: &str = "\
Examples:
  rediscover backup copy prod/latest --repo /backup --to /mnt/elsewhere
  rediscover backup copy --all --repo /backup --to /mnt/elsewhere

Objects are copied as they are, the manifest last, with tags and pins; nothing there is
replaced. One that was broken off goes on where it was. What was pruned there is not sent again.
Each copy is read again, and the original remembers where it is.";

pub(super) const IMPORT: &str = "\
Examples:
  rediscover backup import '/var/backups/redis_backup_*.rdb.gz' --repo /backup --instance prod
  rediscover backup import old.rdb --repo /backup --instance prod --tag imported --recipients-file age.pub

Each file is validated as `backup create` does it, and stored anew; the files stay. It is dated
by the clock of its server (AUX ctime), else by when the file was changed. Bytes that are in the
repository already are passed over. Damaged ones are kept as `damaged` (exit 3).";

#[derive(Args)]
pub(crate) struct FetchArgs {
    /// INSTANCE/STAMP, INSTANCE/latest or latest
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
    #[command(flatten)]
    pub(crate) repo: RepoArgs,
    #[command(flatten)]
    pub(crate) which: WhichArgs,
    #[command(flatten)]
    pub(crate) identities: IdentityArgs,
    /// A file, a folder, or - for standard output
    #[arg(short, long, value_name = "FILE|DIR|-", help_heading = OUTPUT)]
    pub(crate) output: PathBuf,
    /// The objects as they are stored: compressed, encrypted
    #[arg(long, help_heading = OUTPUT)]
    pub(crate) stored: bool,
    #[command(flatten)]
    pub(crate) form: FormArgs,
}

#[derive(Args)]
pub(crate) struct CopyArgs {
    /// INSTANCE/STAMP, INSTANCE/latest or latest
    #[arg(value_name = "NAME", required_unless_present = "all", conflicts_with = "all")]
    pub(crate) name: Option<String>,
    /// Every backup
    #[arg(long, help_heading = REPOSITORY)]
    pub(crate) all: bool,
    #[command(flatten)]
    pub(crate) repo: RepoArgs,
    /// The other repository: a folder, or s3://BUCKET/PREFIX; made where there is nothing yet
    #[arg(long, value_name = "REPO", help_heading = REPOSITORY)]
    pub(crate) to: OsString,
    #[command(flatten)]
    pub(crate) which: WhichArgs,
    #[command(flatten)]
    pub(crate) output: FormArgs,
    #[command(flatten)]
    pub(crate) resources: ResourceArgs,
}

#[derive(Args)]
pub(crate) struct ImportArgs {
    /// Dumps, also packed by gzip or zstd: files, globs, folders of them, s3://BUCKET/KEY
    #[arg(value_name = "FILE", required = true)]
    pub(crate) files: Vec<OsString>,
    #[command(flatten)]
    pub(crate) repo: RepoArgs,
    #[command(flatten)]
    pub(crate) taking: TakingArgs,
    #[command(flatten)]
    pub(crate) output: FormArgs,
    #[command(flatten)]
    pub(crate) resources: ResourceArgs,
}
