//! Sources that are no files here: live servers, backups in a repository, names of the configuration.

use super::{Found, password, shown, usage};
use crate::cli::args::{IdentityArgs, ResourceArgs, ServerArgs, SourceArgs, StateArgs};
use crate::cli::ui::Ui;
use crate::cli::{buckets, config, repositories};
use rediscover::backup;
use rediscover::base::{Cancel, ErrorKind, Result, UnixMs};
use rediscover::codec::Identities;
use rediscover::repository::{BackupName, BackupStatus, Signature, Trusted};
use rediscover::source::{Origin, Place, cluster};
use rediscover::wire::Address;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// How live servers are reached.
pub(super) struct Live<'a> {
    pub(super) server: &'a ServerArgs,
    pub(super) resources: &'a ResourceArgs,
    pub(super) cancel: Cancel,
}

/// How sources are read that lie in a repository.
#[derive(Default)]
pub(super) struct Backups {
    identity: Vec<PathBuf>,
    before: Option<UnixMs>,
}

impl Backups {
    pub(super) fn of(args: &SourceArgs) -> Self {
        Self { identity: args.identities.identity.clone(), before: args.before }
    }

    /// Whose signatures count: what this host knows by its state folder. Who has none, trusts nobody yet.
    fn trusted() -> Result<Trusted> {
        let state = std::env::var_os("REDISCOVER_STATE").filter(|folder| !folder.is_empty()).map(PathBuf::from);
        match repositories::known(&StateArgs { state, trusted_key: Vec::new() }) {
            Ok((_, trusted)) => Ok(trusted),
            Err(error) if matches!(error.kind(), ErrorKind::Usage { .. }) => Ok(Trusted::default()),
            Err(error) => Err(error),
        }
    }

    fn identities(&self) -> Result<Option<Identities>> {
        repositories::identities(&IdentityArgs { identity: self.identity.clone() })
    }
}

/// The arguments that are names of the configuration, with what they mean; a file of such a name is the file.
pub(super) fn named(
    arguments: &[OsString],
    live: Option<&ResourceArgs>,
    ui: &mut Ui,
) -> Result<Vec<(OsString, Vec<Origin>)>> {
    let scratch = live.and_then(|resources| resources.scratch.clone()).unwrap_or_else(std::env::temp_dir);
    let mut all = Vec::new();
    for argument in arguments {
        let text = argument.to_str().filter(|text| text.starts_with('@'));
        if let Some(text) = text.filter(|text| Path::new(text).symlink_metadata().is_err()) {
            all.push((argument.clone(), config::sources_of(text, live.is_some(), &scratch, ui)?));
        }
    }
    Ok(all)
}

/// What looks like a place on another machine, and is none that can be read.
pub(super) fn refuse_remote(source: &OsStr) -> Result<()> {
    let text = source.to_string_lossy();
    if password(&text).is_some() {
        return Err(usage("SOURCE", format!("{} has a password in it", shown(source)))
            .with_hint("other users of this machine see the arguments of every process; change that password"));
    }
    match text.split_once("://") {
        Some(("s3", _)) | None => Ok(()),
        Some(_) if Address::is_one(&text) => {
            Err(usage("SOURCE", format!("{text} is a live server, and this command takes files only")))
        }
        Some(_) => Err(usage("SOURCE", format!("{text} is a URL of a kind that is not read here"))
            .with_hint("redis://, rediss:// and unix:// are live servers, s3:// is a bucket; else fetch it first, and name the file")),
    }
}

/// An object of a bucket, or those that match.
pub(super) fn add_objects(found: &mut Found, name: Option<&str>, text: &str) -> Result<()> {
    let objects = buckets::objects(text)?;
    let many = objects.len() > 1;
    for mut origin in objects {
        if let Some(name) = name {
            let last = origin.name.rsplit('/').next().unwrap_or_default();
            origin.name = if many { format!("{name}/{last}") } else { name.to_owned() };
        }
        found.origins.push(origin);
    }
    Ok(())
}

/// A server, or each primary of a cluster.
pub(super) fn add_server(found: &mut Found, name: Option<&str>, text: &str, live: &Live<'_>) -> Result<()> {
    let address = Address::parse(text, "SOURCE")?;
    let place = live.server.place(address, live.resources, live.cancel.clone())?;
    if !place.is_cluster() {
        found.add(name, Place::Server(Box::new(place)));
        return Ok(());
    }
    let places = cluster(&place)?;
    let shown = place.address.to_string();
    let missing = places.topology.missing_text();
    if !missing.is_empty() {
        found.warn(format!("{shown}: nobody serves the slots {}: what is in them is missing", missing.join(", ")));
    }
    if places.topology.moving() {
        found.warn(format!("{shown}: slots are moving: keys may be missing, or there twice"));
    }
    for (node, place) in places.primaries {
        let name = name.map(|name| format!("{name}/{}", node.host));
        found.add(name.as_deref(), Place::Server(Box::new(place)));
    }
    Ok(())
}

/// `REPO::NAME`: a folder may have `::` in its name, the name of a backup has not.
pub(super) fn in_a_repository(source: &OsStr) -> Option<(&OsStr, &str)> {
    let bytes = source.as_bytes();
    let at = bytes.windows(2).rposition(|pair| pair == b"::")?;
    let which = std::str::from_utf8(bytes.get(at + 2..)?).ok()?;
    Some((OsStr::from_bytes(bytes.get(..at)?), which))
}

/// A backup, which is one source, or of a cluster one for each shard.
pub(super) fn add_backup(
    found: &mut Found,
    name: Option<&str>,
    repo: &OsStr,
    which: &str,
    backups: &Backups,
) -> Result<()> {
    let here = shown(repo);
    let repository = repositories::open_at(repo)?;
    let is_name = BackupName::parse(which).is_some();
    found.latest |= !is_name;
    let backup = backup::resolve(&repository, which, None, backups.before, &Backups::trusted()?)?;
    if let Signature::Bad { why } = &backup.signature {
        found.warn(format!("{}: the signature of its manifest is bad: {why}", backup.name));
    }
    match backup.status() {
        BackupStatus::Good => {}
        status => found.warn(format!("{} is {}", backup.name, backup::status_word(status))),
    }
    if !is_name {
        found.detail(format!("{here}::{which} is {}", backup.name));
    }
    for mut origin in backup::origins(&repository, &backup, backups.identities()?.as_ref())? {
        origin.name = match (name, origin.name.strip_prefix(&backup.name.to_string())) {
            (Some(name), Some(rest)) => format!("{name}{rest}"),
            _ => format!("{here}::{}", origin.name),
        };
        found.origins.push(origin);
    }
    Ok(())
}
