//! Copies of a new backup in other repositories.

use crate::cli::repositories::Kept;
use rediscover::base::{Error, ErrorKind, Result};
use rediscover::repository::{Backup, Signer};
use std::ffi::OsStr;

/// Copies a backup to the repository `name` at `place`, and says so in words.
pub(super) fn copy(kept: &Kept, backup: &Backup, name: &str, place: &OsStr, signer: &Signer) -> Result<String> {
    let _ = (kept, backup, place, signer);
    let what = format!("copies (here to {name}) are not in this release");
    Err(Error::new(ErrorKind::Unsupported { what }).with_hint("leave `copies` out, or copy the folder by other means"))
}
