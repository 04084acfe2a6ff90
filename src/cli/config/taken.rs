//! What an instance's backup is taken of: the source of the configuration as the library knows it.

use super::{Instance, Server, Source};
use crate::cli::args::{ConfigArgs, IdentityArgs, SourceArgs};
use crate::cli::commands::backup::recipients;
use crate::cli::sources::{self, Take};
use crate::cli::ui::Ui;
use rediscover::backup::{Taken, cluster_of};
use rediscover::base::{Error, ErrorKind, Result};
use rediscover::codec::{Identities, Recipients};
use rediscover::source::{Origin, Place, ServerPlace};
use rediscover::wire::{ConnectOptions, TlsOptions};
use std::path::Path;

/// `@NAME`, `@all` or `@tag:TAG` as sources: those of the instances, under their names.
pub(crate) fn sources_of(argument: &str, takes_servers: bool, scratch: &Path, ui: &mut Ui) -> Result<Vec<Origin>> {
    let file = std::env::var_os("REDISCOVER_CONFIG").filter(|file| !file.is_empty()).map(Into::into);
    let config = super::load(&ConfigArgs { config: file })?;
    let mut origins = Vec::new();
    for name in config.resolve_names(&[argument.to_owned()])? {
        if let Some(problem) = config.broken().get(&name) {
            return Err(config.error(problem));
        }
        let Some(instance) = config.instances.get(&name) else { continue };
        if matches!(instance.source, Source::Server(_)) && !takes_servers {
            let what = format!("@{name} is a live server, and this command takes files only");
            return Err(Error::new(ErrorKind::Usage { option: "SOURCE", what }));
        }
        match instance.taken(scratch, ui)?.0 {
            Taken::One(origin) => origins.push(Origin { name, ..*origin }),
            Taken::Cluster { shards, .. } => origins.extend(
                shards.into_iter().map(|shard| Origin { name: format!("{name}/{}", shard.node), ..shard.origin }),
            ),
        }
    }
    Ok(origins)
}

impl Instance {
    /// What is to be taken, and its name. Only a cluster is connected to: for its nodes.
    pub(crate) fn taken(&self, scratch: &Path, ui: &mut Ui) -> Result<(Taken, String)> {
        let server = match &self.source {
            Source::Server(server) => server,
            Source::Path(path, config) => {
                let args = SourceArgs {
                    sources: vec![path.clone()],
                    folder: None,
                    server_config: config.clone(),
                    before: None,
                    identities: IdentityArgs { identity: Vec::new() },
                };
                let mut origins = sources::expand(&args, Take::Loaded, None, ui)?;
                let (Some(origin), true) = (origins.pop(), origins.is_empty()) else {
                    let what = format!("{} is more than one dump", sources::shown(path));
                    return Err(Error::new(ErrorKind::Usage { option: "source", what })
                        .with_hint("name one file, or the folder of a server"));
                };
                let name = origin.name.clone();
                return Ok((Taken::One(Box::new(origin)), name));
            }
        };
        let place = server.place(scratch, ui)?;
        let name = server.address.to_string();
        if !place.is_cluster() {
            return Ok((Taken::One(Box::new(Origin::new(name.clone(), Place::Server(Box::new(place))))), name));
        }
        Ok((cluster_of(&place)?, name))
    }

    /// Whom backups are encrypted to; none: they stay readable.
    pub(crate) fn recipients(&self) -> Result<Option<Recipients>> {
        recipients(&self.recipients, &self.recipients_files)
    }

    /// What opens its backups.
    pub(crate) fn identities(&self) -> Result<Option<Identities>> {
        if self.identity_files.is_empty() {
            return Ok(None);
        }
        let all = self.identity_files.iter().map(|file| Identities::read(file)).collect::<Result<Vec<_>>>()?;
        Identities::joined(all).map(Some)
    }
}

impl Server {
    /// The server, not connected to. Its password is read now.
    pub(crate) fn place(&self, scratch: &Path, ui: &Ui) -> Result<ServerPlace> {
        let options = ConnectOptions {
            user: self.user.clone().or_else(|| self.address.user.clone()),
            password: self.password.as_ref().map(super::Password::read).transpose()?,
            tls: TlsOptions {
                ca_file: self.ca_file.clone(),
                cert_file: self.cert_file.clone(),
                key_file: self.key_file.clone(),
                insecure: false,
            },
            cancel: ui.cancel(),
            ..ConnectOptions::default()
        };
        Ok(ServerPlace { via: self.via, ..ServerPlace::new(self.address.clone(), options, scratch.to_owned()) })
    }
}
