//! Which backup is meant.

use crate::base::{Error, ErrorKind, Result, UnixMs};
use crate::repository::{Backup, BackupName, Repository, Trusted, valid_instance};

/// The backup that a text means: `INSTANCE/STAMP`, `INSTANCE/latest`, or `latest` where one instance is known or named.
///
/// # Errors
/// [`ErrorKind::Usage`] if the text is no name or does not say of which instance, [`ErrorKind::NothingToRead`] if there is no
/// such backup, and what the store says.
pub fn resolve(
    repository: &Repository,
    text: &str,
    instance: Option<&str>,
    before: Option<UnixMs>,
    trusted: &Trusted,
) -> Result<Backup> {
    if let Some(name) = BackupName::parse(text) {
        return repository.read(&name, trusted);
    }
    let of = match (text.split_once('/'), instance) {
        (Some((of, "latest")), _) => of.to_owned(),
        (None, Some(of)) if text == "latest" => of.to_owned(),
        (None, None) if text == "latest" => only_instance(repository)?,
        _ => {
            let what = format!("`{}` is no name of a backup", text.escape_default());
            return Err(Error::new(ErrorKind::Usage { option: "NAME", what }).with_hint(
                "INSTANCE/20261123T030000.123Z-3f9a1c as `backup list` shows it, INSTANCE/latest or latest",
            ));
        }
    };
    if !valid_instance(&of) {
        let what = format!("`{}` is no name of an instance", of.escape_default());
        return Err(Error::new(ErrorKind::Usage { option: "NAME", what }));
    }
    repository.latest(&of, before, trusted)
}

/// The one instance of a repository.
///
/// # Errors
/// [`ErrorKind::Usage`] with their names if there are several, [`ErrorKind::NothingToRead`] if there is none.
pub fn only_instance(repository: &Repository) -> Result<String> {
    let mut instances = repository.instances()?;
    match (instances.pop(), instances.is_empty()) {
        (Some(one), true) => Ok(one),
        (Some(last), false) => {
            instances.push(last);
            let what = format!("which of {}?", instances.join(", "));
            Err(Error::new(ErrorKind::Usage { option: "--instance", what }).about(repository.location()))
        }
        (None, _) => Err(Error::new(ErrorKind::NothingToRead { what: "there is no backup".into() })
            .about(repository.location())
            .with_hint("'rediscover backup create' makes one")),
    }
}
