//! Copies of a new backup in other repositories.

use crate::cli::repositories::{self, Kept};
use crate::cli::ui::now;
use rediscover::backup::{self, CopyOptions, Head};
use rediscover::base::{Error, ErrorKind, Result};
use rediscover::pipeline::RunOptions;
use rediscover::repository::{Backup, Signer};
use std::ffi::OsStr;

/// Copies a backup to the repository `name` at `place`, and says so in words.
pub(super) fn copy(
    kept: &Kept,
    backup: &Backup,
    (name, place): (&str, &OsStr),
    signer: &Signer,
    run: RunOptions,
) -> Result<String> {
    let to = repositories::open_or_create_at(place)?;
    let instance = backup.name.instance();
    let _lock = kept.state.lock(to.id(), instance)?;
    let options =
        CopyOptions { run, signer: Some(signer), trusted: &kept.trusted, clock: &now, salt: &repositories::salt };
    let copied = backup::copy(&kept.repository, backup, &to, &options)?;
    let head = Head { name: backup.name.clone(), sha256: backup.manifest_sha256.clone() };
    if kept.state.head(to.id(), instance)?.is_none_or(|known| known.name < head.name) {
        kept.state.keep_head(to.id(), &head)?;
    }
    match copied.verified.problem {
        None => Ok(format!("copied to {name}")),
        Some(problem) => Err(Error::new(ErrorKind::Damaged { what: format!("the copy in {name}: {problem}") })
            .about(backup.name.to_string())
            .with_hint("look at the disk of that repository; the original is whole")),
    }
}
