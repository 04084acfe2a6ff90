//! What an instance's backup is taken of: the source of the configuration as the library knows it.

use super::{Instance, Server, Source};
use crate::cli::args::SourceArgs;
use crate::cli::sources::{self, Take};
use crate::cli::ui::Ui;
use rediscover::backup::{Shard, Taken};
use rediscover::base::{Error, ErrorKind, Result};
use rediscover::codec::{Identities, Recipients};
use rediscover::source::{Origin, Place, ServerPlace, cluster};
use rediscover::wire::{ConnectOptions, Secret, TlsOptions};
use serde_json::json;
use std::path::Path;

impl Instance {
    /// What is to be taken, and its name. Only a cluster is connected to: for its nodes.
    pub(crate) fn taken(&self, scratch: &Path, ui: &mut Ui) -> Result<(Taken, String)> {
        let server = match &self.source {
            Source::Server(server) => server,
            Source::Path(path, config) => {
                let args = SourceArgs { sources: vec![path.clone()], folder: None, server_config: config.clone() };
                let mut origins = sources::expand(&args, Take::Loaded, ui)?;
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
        let found = cluster(&place)?;
        let shards = found.primaries.into_iter().map(|(node, place)| Shard {
            slots: node.ranges(),
            origin: Origin::new(place.address.to_string(), Place::Server(Box::new(place))),
            node: node.id,
        });
        let nodes = found.topology.nodes.iter().map(|node| {
            json!({
                "id": node.id, "host": node.host.name, "port": node.host.port, "primary": node.primary,
                "replica_of": node.replica_of, "failed": node.failed, "slots": node.ranges(),
            })
        });
        let nodes = json!({"nodes": nodes.collect::<Vec<_>>()});
        Ok((Taken::Cluster { shards: shards.collect(), missing: found.topology.missing_text(), nodes }, name))
    }

    /// Whom backups are encrypted to; none: they stay readable.
    pub(crate) fn recipients(&self) -> Result<Option<Recipients>> {
        if self.recipients.is_empty() && self.recipients_files.is_empty() {
            return Ok(None);
        }
        let mut all = self.recipients_files.iter().map(|file| Recipients::read(file)).collect::<Result<Vec<_>>>()?;
        if !self.recipients.is_empty() {
            all.push(Recipients::parse(self.recipients.iter().map(String::as_str))?);
        }
        Recipients::joined(all).map(Some)
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
            password: self.password.as_ref().map(|password| password.read().map(Secret::new)).transpose()?,
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
