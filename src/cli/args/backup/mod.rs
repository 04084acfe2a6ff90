//! The arguments of `backup`.

mod create;
mod drill;
mod look;
mod moved;
mod prune;
mod restore;
mod run;

pub(crate) use create::CreateArgs;
pub(crate) use drill::DrillArgs;
pub(crate) use look::{ListArgs, ShowArgs, StatusArgs, TagArgs, VerifyArgs, VerifyLevel};
pub(crate) use moved::{CopyArgs, FetchArgs, ImportArgs};
pub(crate) use prune::{ForgetArgs, PruneArgs, UnlockArgs};
pub(crate) use restore::BackupRestoreArgs;
pub(crate) use run::RunArgs;

use super::{Format, TEMPLATE};
use clap::{Args, Subcommand, ValueEnum};
use std::ffi::OsString;
use std::path::PathBuf;

pub(super) const BACKUP: &str = "\
Examples:
  rediscover backup create /var/lib/redis --repo /backup --instance prod
  rediscover backup run @all -q
  rediscover backup verify --all --level full --repo /backup --identity key.txt
  rediscover backup status --repo /backup --max-age 26h

A repository is a folder, or a bucket: s3://BUCKET/PREFIX. Each host signs what it writes with
a key of its own in its state folder, and remembers the newest backup it made of each instance
there.";

pub(super) const REPOSITORY: &str = "Repository";

/// What to do with backups.
#[derive(Subcommand)]
pub(crate) enum BackupCommand {
    /// Does for the instances of the configuration all that it says: create, verify, copy, prune, hooks, metrics
    #[command(help_template = TEMPLATE, after_help = run::RUN)]
    Run(RunArgs),
    /// Takes a backup: validated, hashed, compressed, encrypted and signed in one pass
    #[command(help_template = TEMPLATE, after_help = create::CREATE)]
    Create(Box<CreateArgs>),
    /// Lists what is in a repository
    #[command(help_template = TEMPLATE, after_help = look::LIST)]
    List(ListArgs),
    /// Shows all that is known of one backup, without opening it
    #[command(help_template = TEMPLATE, after_help = look::SHOW)]
    Show(ShowArgs),
    /// Reads backups again: is everything there, is it what was stored, is it what was taken?
    #[command(help_template = TEMPLATE, after_help = look::VERIFY)]
    Verify(VerifyArgs),
    /// Starts a server of its own on a backup: the proof that it can be restored, and how long it takes
    #[command(help_template = TEMPLATE, after_help = drill::DRILL)]
    Drill(Box<DrillArgs>),
    /// Says of every instance whether it could be restored right now
    #[command(help_template = TEMPLATE, after_help = look::STATUS)]
    Status(StatusArgs),
    /// Adds and removes tags, pins and unpins
    #[command(help_template = TEMPLATE, after_help = look::TAG)]
    Tag(TagArgs),
    /// Gets the bytes of a backup out again, compared with its manifest
    #[command(help_template = TEMPLATE, after_help = moved::FETCH)]
    Fetch(FetchArgs),
    /// Copies backups into another repository, and reads the copies again
    #[command(help_template = TEMPLATE, after_help = moved::COPY)]
    Copy(CopyArgs),
    /// Adopts dumps that other tools have kept: validated, hashed and dated
    #[command(help_template = TEMPLATE, after_help = moved::IMPORT)]
    Import(Box<ImportArgs>),
    /// Says which backups a policy keeps, each with its reasons, and with --apply removes the others
    #[command(help_template = TEMPLATE, after_help = prune::PRUNE)]
    Prune(Box<PruneArgs>),
    /// Removes one backup by its name, with --apply: one that prune leaves for somebody to look at
    #[command(help_template = TEMPLATE, after_help = prune::FORGET)]
    Forget(ForgetArgs),
    /// Restores a backup: the same as `rediscover restore REPO::NAME`
    #[command(help_template = TEMPLATE, after_help = restore::RESTORE)]
    Restore(Box<BackupRestoreArgs>),
    /// Removes the lock that a dead prune has left
    #[command(help_template = TEMPLATE, after_help = prune::UNLOCK)]
    Unlock(UnlockArgs),
}

impl BackupCommand {
    pub(crate) fn format(&self) -> Format {
        let form = match self {
            BackupCommand::Run(args) => args.output.format,
            BackupCommand::Create(args) => args.output.format,
            BackupCommand::List(args) => args.output.format,
            BackupCommand::Show(args) => args.output.format,
            BackupCommand::Verify(args) => args.output.format,
            BackupCommand::Drill(args) => args.output.format,
            BackupCommand::Status(args) => args.output.format,
            BackupCommand::Tag(args) => args.output.format,
            BackupCommand::Fetch(args) => args.form.format,
            BackupCommand::Copy(args) => args.output.format,
            BackupCommand::Import(args) => args.output.format,
            BackupCommand::Prune(args) => args.output.format,
            BackupCommand::Forget(args) => args.output.format,
            BackupCommand::Restore(args) => return args.restore.form(),
            BackupCommand::Unlock(args) => args.output.format,
        };
        match form {
            ReportForm::Text => Format::Text,
            ReportForm::Json => Format::Json,
        }
    }
}

/// Where backups are kept, and what this host knows.
#[derive(Args)]
pub(crate) struct RepoArgs {
    /// The repository: a folder, or s3://BUCKET/PREFIX
    #[arg(long, value_name = "REPO", env = "REDISCOVER_REPO", help_heading = REPOSITORY)]
    pub(crate) repo: OsString,
    #[command(flatten)]
    pub(crate) state: StateArgs,
}

/// What this host knows.
#[derive(Args)]
pub(crate) struct StateArgs {
    /// The folder for this host's signing key, trusted keys, heads and locks [default: /var/lib/rediscover for root, else
    /// ~/.local/state/rediscover]
    #[arg(long, value_name = "DIR", env = "REDISCOVER_STATE", help_heading = REPOSITORY)]
    pub(crate) state: Option<PathBuf>,
    /// A public key whose signatures count, of another host; may be repeated
    #[arg(long, value_name = "FILE", help_heading = REPOSITORY)]
    pub(crate) trusted_key: Vec<PathBuf>,
}

/// What opens encrypted backups.
#[derive(Args, Clone, Default)]
pub(crate) struct IdentityArgs {
    /// An age identity that opens encrypted backups; may be repeated
    #[arg(long, value_name = "FILE", env = "REDISCOVER_IDENTITY", help_heading = REPOSITORY)]
    pub(crate) identity: Vec<PathBuf>,
}

/// The form of the report on stdout.
#[derive(Args)]
pub(crate) struct FormArgs {
    /// The form of the report on stdout
    #[arg(long, value_name = "FORMAT", default_value = "text", help_heading = super::OUTPUT)]
    pub(crate) format: ReportForm,
    /// Show times in this zone in text: Europe/Berlin, local [default: UTC]
    #[arg(long, value_name = "ZONE", value_parser = super::zone, help_heading = super::OUTPUT)]
    pub(crate) tz: Option<jiff::tz::TimeZone>,
}

/// The forms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ReportForm {
    Text,
    Json,
}
