//! The arguments of the `backup` commands that look: list, show, verify, status; and of tag.

use super::{FormArgs, IdentityArgs, REPOSITORY, RepoArgs, StateArgs};
use crate::cli::args::{ConfigArgs, GATES, LoginArgs, ResourceArgs, moment, span};
use clap::{Args, ValueEnum};
use rediscover::base::UnixMs;
use rediscover::repository::Level;
use std::ffi::OsString;

pub(super) const LIST: &str = "\
Examples:
  rediscover backup list --repo /backup
  rediscover backup list --repo /backup --instance prod --format json | jq -r '.backups[-1].name'";

pub(super) const SHOW: &str = "\
Examples:
  rediscover backup show prod/latest --repo /backup
  rediscover backup show latest --repo /backup --before 2026-11-20 --format json";

pub(super) const VERIFY: &str = "\
Examples:
  rediscover backup verify prod/latest --repo /backup --level full --identity key.txt
  rediscover backup verify --all --sample 3 --repo /backup --head /mnt/elsewhere/prod.head
  rediscover backup verify prod/latest --repo /backup --against redis://127.0.0.1:6379

Levels: manifest (signatures, chain, every object with its size), stored (the SHA-256 of every
stored object), full (decrypted, decompressed, hashed, parsed, keys counted). What was found is
written beside the backup, signed. That the newest backups are gone shows only against a head:
this host's own, or that of --head.";

pub(super) const STATUS: &str = "\
Examples:
  rediscover backup status @all
  rediscover backup status --repo /backup --max-age 26h --max-unverified 7d
  rediscover backup status --repo /backup --expect prod --expect stage --format json

Reads manifests only. Exit 4 if an instance is not ok. @all tells those too that are configured
and were never backed up, and those that are in a repository and not configured.";

pub(super) const TAG: &str = "\
Examples:
  rediscover backup tag prod/latest +before-migration --pin --repo /backup
  rediscover backup tag prod/latest -- -before-migration --repo /backup";

#[derive(Args)]
pub(crate) struct ListArgs {
    #[command(flatten)]
    pub(crate) repo: RepoArgs,
    /// Only of this instance
    #[arg(long, value_name = "NAME", help_heading = REPOSITORY)]
    pub(crate) instance: Option<String>,
    #[command(flatten)]
    pub(crate) output: FormArgs,
}

#[derive(Args)]
pub(crate) struct ShowArgs {
    /// INSTANCE/STAMP, INSTANCE/latest or latest
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
    #[command(flatten)]
    pub(crate) repo: RepoArgs,
    #[command(flatten)]
    pub(crate) which: WhichArgs,
    #[command(flatten)]
    pub(crate) output: FormArgs,
}

/// What `latest` means.
#[derive(Args)]
pub(crate) struct WhichArgs {
    /// Of this instance
    #[arg(long, value_name = "NAME", help_heading = REPOSITORY)]
    pub(crate) instance: Option<String>,
    /// `latest` is the newest that was taken before TIME
    #[arg(long, value_name = "TIME", value_parser = moment, allow_hyphen_values = true, help_heading = REPOSITORY)]
    pub(crate) before: Option<UnixMs>,
}

#[derive(Args)]
pub(crate) struct VerifyArgs {
    /// INSTANCE/STAMP, INSTANCE/latest or latest [default: latest of every instance]
    #[arg(value_name = "NAME", conflicts_with = "all")]
    pub(crate) name: Option<String>,
    #[command(flatten)]
    pub(crate) repo: RepoArgs,
    #[command(flatten)]
    pub(crate) which: WhichArgs,
    #[command(flatten)]
    pub(crate) identities: IdentityArgs,
    /// How deep
    #[arg(long, value_name = "LEVEL", default_value = "stored", help_heading = GATES)]
    pub(crate) level: VerifyLevel,
    /// All backups, those first that were not read for longest
    #[arg(long, help_heading = GATES)]
    pub(crate) all: bool,
    /// Of --all only so many of each instance
    #[arg(long, value_name = "N", requires = "all", help_heading = GATES)]
    pub(crate) sample: Option<usize>,
    /// The head of the chain, as `backup create` printed it: `NAME SHA256`, or a file that holds such lines
    #[arg(long, value_name = "HEAD", help_heading = GATES)]
    pub(crate) head: Vec<OsString>,
    /// After a restore: compare with this running server, keys per database and a sample of them: redis://HOST:PORT,
    /// unix:///PATH, redis+cluster://HOST ...
    #[arg(long, value_name = "URL", conflicts_with = "all", help_heading = GATES)]
    pub(crate) against: Option<String>,
    /// With --against: how many keys are looked at one by one
    #[arg(long, value_name = "N", default_value_t = 1000, requires = "against", help_heading = GATES)]
    pub(crate) sample_keys: usize,
    #[command(flatten)]
    pub(crate) login: LoginArgs,
    /// Do not write down what was found
    #[arg(long, help_heading = GATES)]
    pub(crate) no_record: bool,
    #[command(flatten)]
    pub(crate) output: FormArgs,
    #[command(flatten)]
    pub(crate) resources: ResourceArgs,
}

/// The levels of `backup verify`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum VerifyLevel {
    Manifest,
    Stored,
    Full,
}

impl VerifyLevel {
    pub(crate) fn level(self) -> Level {
        match self {
            VerifyLevel::Manifest => Level::Manifest,
            VerifyLevel::Stored => Level::Stored,
            VerifyLevel::Full => Level::Full,
        }
    }

    pub(crate) fn word(self) -> &'static str {
        self.level().word()
    }
}

#[derive(Args)]
pub(crate) struct StatusArgs {
    /// @all, @NAME or @tag:TAG: instances of the configuration, with its limits and repositories
    #[arg(value_name = "@NAME")]
    pub(crate) names: Vec<String>,
    #[command(flatten)]
    pub(crate) config: ConfigArgs,
    /// The repositories: folders
    #[arg(long, value_name = "REPO", env = "REDISCOVER_REPO", required_unless_present = "names", help_heading = REPOSITORY)]
    pub(crate) repo: Vec<OsString>,
    #[command(flatten)]
    pub(crate) state: StateArgs,
    /// Backups of this instance are wanted; may be repeated. Others are told as unconfigured
    #[arg(long, value_name = "NAME", help_heading = GATES)]
    pub(crate) expect: Vec<String>,
    /// The newest good backup is no older than this [default: as configured, else 26h]
    #[arg(long, value_name = "SPAN", value_parser = span, help_heading = GATES)]
    pub(crate) max_age: Option<i64>,
    /// Some backup was read again within this: 7d
    #[arg(long, value_name = "SPAN", value_parser = span, help_heading = GATES)]
    pub(crate) max_unverified: Option<i64>,
    #[command(flatten)]
    pub(crate) output: FormArgs,
}

#[derive(Args)]
pub(crate) struct TagArgs {
    /// INSTANCE/STAMP, INSTANCE/latest or latest
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
    /// +TAG adds, -TAG removes (after --)
    #[arg(value_name = "+TAG|-TAG", allow_hyphen_values = false)]
    pub(crate) tags: Vec<String>,
    #[command(flatten)]
    pub(crate) repo: RepoArgs,
    #[command(flatten)]
    pub(crate) which: WhichArgs,
    /// Prune has to keep it
    #[arg(long, conflicts_with = "unpin")]
    pub(crate) pin: bool,
    /// Prune may take it
    #[arg(long)]
    pub(crate) unpin: bool,
    #[command(flatten)]
    pub(crate) output: FormArgs,
}
