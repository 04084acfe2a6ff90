//! The arguments of `backup restore`: those of `restore`, with a repository.

use super::REPOSITORY;
use crate::cli::args::RestoreArgs;
use clap::Args;
use std::ffi::OsString;

pub(super) const RESTORE: &str = "\
Examples:
  rediscover backup restore prod/latest --repo /backup --to /var/lib/redis --server-config /etc/redis/redis.conf
  rediscover backup restore latest --repo /backup --instance prod --to-server redis://127.0.0.1:6380

SOURCE is a name here: INSTANCE/STAMP, INSTANCE/latest or latest. 'rediscover restore --help'
says how it restores.";

#[derive(Args)]
pub(crate) struct BackupRestoreArgs {
    /// The repository: a folder
    #[arg(long, value_name = "REPO", env = "REDISCOVER_REPO", help_heading = REPOSITORY)]
    pub(crate) repo: OsString,
    /// Of this instance is `latest`
    #[arg(long, value_name = "NAME", help_heading = REPOSITORY)]
    pub(crate) instance: Option<String>,
    #[command(flatten)]
    pub(crate) restore: RestoreArgs,
}

impl BackupRestoreArgs {
    /// `REPO::NAME`.
    pub(crate) fn source(&self) -> Option<OsString> {
        let name = self.restore.source.as_ref()?;
        let mut source = self.repo.clone();
        source.push("::");
        if let Some(instance) = self.instance.as_ref().filter(|_| name == "latest") {
            source.push(instance);
            source.push("/");
        }
        source.push(name);
        Some(source)
    }
}
