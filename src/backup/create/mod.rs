//! Takes a backup: every payload in one pass, then the manifest, last.
//!
//! ```text
//! raw bytes ─► tee ─► seal (hash, compress, encrypt, hash) ─► store.put ─► read again, hash
//!               └──► check: every structure of every value
//! ```
//! What does not validate is kept as `damaged`. Where anything fails, what was stored is removed: without its manifest it is no
//! backup.

mod payload;
mod summary;

use super::Clock;
use crate::base::{Error, ErrorKind, Result, UnixMs};
use crate::codec::{Packing, Recipients};
use crate::pipeline::RunOptions;
use crate::report::SourceFacts;
use crate::repository::{
    Backup, BackupKind, BackupName, BackupStatus, Catalog, Encryption, MANIFEST_SCHEMA, Manifest, Payload, Previous,
    Repository, ServerFacts, Signer, StoredCompression, Trusted,
};
use crate::source::{Origin, Place, ServerPlace, cluster};
use payload::{Sealing, Stored};
use std::collections::{BTreeMap, BTreeSet};

/// How a backup is taken.
pub struct CreateOptions<'a> {
    /// How to run.
    pub run: RunOptions,
    /// How payloads are compressed.
    pub packing: Packing,
    /// Whom they are encrypted to; none leaves them readable.
    pub recipients: Option<Recipients>,
    /// Tags from the beginning.
    pub tags: Vec<String>,
    /// Where bytes wait that come faster than they can be stored.
    pub spool: Spool,
    /// A backup that is smaller than the one before it by more than so many percent, in keys or bytes, is suspect.
    pub max_shrink_percent: u8,
    /// Who signs.
    pub signer: Option<&'a Signer>,
    /// Whose signatures count.
    pub trusted: &'a Trusted,
    /// The clock.
    pub clock: Clock<'a>,
    /// When the snapshot was taken, where that is not now: of files that are adopted.
    pub created_at: Option<UnixMs>,
    /// Any number, another for each backup.
    pub salt: u32,
}

/// Where bytes wait that come faster than they can be stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spool {
    /// In the scratch folder, as many as come: the server is never slowed down.
    Disk,
    /// In memory, so many bytes; then the server waits.
    Memory(usize),
}

/// What is to be taken.
#[derive(Debug, Clone)]
pub enum Taken {
    /// One source.
    One(Box<Origin>),
    /// The shards of a cluster.
    Cluster {
        /// A source for each.
        shards: Vec<Shard>,
        /// Slots that nobody serves: `5461-10922`.
        missing: Vec<String>,
        /// The nodes of the cluster, as `nodes.json` keeps them.
        nodes: serde_json::Value,
    },
}

/// One shard of a cluster.
#[derive(Debug, Clone)]
pub struct Shard {
    /// Its source.
    pub origin: Origin,
    /// The id of its node.
    pub node: String,
    /// Its slots: `0-5460`.
    pub slots: Vec<String>,
}

/// A cluster as it is now: its primaries, and what nobody serves.
///
/// # Errors
/// No node answers, or none serves a slot.
pub fn cluster_of(place: &ServerPlace) -> Result<Taken> {
    let places = cluster(place)?;
    let node = |node: &crate::wire::ClusterNode| serde_json::json!({ "id": node.id, "host": node.host.to_string(), "slots": node.ranges() });
    let nodes = serde_json::json!({
        "schema": "rediscover/backup-nodes/v1",
        "nodes": places.primaries.iter().map(|(primary, _)| node(primary)).collect::<Vec<_>>(),
        "missing": places.topology.missing_text(),
    });
    let shards = places.primaries.into_iter().map(|(node, place)| Shard {
        origin: Origin::new(place.address.to_string(), Place::Server(Box::new(place))),
        slots: node.ranges(),
        node: node.id,
    });
    Ok(Taken::Cluster { shards: shards.collect(), missing: places.topology.missing_text(), nodes })
}

/// A backup that was taken.
#[derive(Debug, Clone)]
pub struct Created {
    /// What its manifest says.
    pub manifest: Manifest,
    /// SHA-256 of the manifest: the head of the chain.
    pub manifest_sha256: String,
    /// What was noticed on the way.
    pub notes: Vec<String>,
    /// What may be wrong with it, or was done to the server.
    pub warnings: Vec<String>,
    /// What was read.
    pub facts: Vec<SourceFacts>,
}

/// Takes a backup. Memory: what [`crate::analysis::check`] and [`crate::codec::Sealer`] take, and [`Spool::Memory`].
///
/// # Errors
/// The source cannot be read, the store cannot be written, the run was cancelled. Nothing of the backup is left then. Damage in
/// the source is no error: the manifest says it.
pub fn create(taken: &Taken, repository: &Repository, instance: &str, options: &CreateOptions<'_>) -> Result<Created> {
    let started = (options.clock)();
    let created_at = options.created_at.unwrap_or(started);
    let name = BackupName::new(instance, created_at, options.salt)?;
    let catalog = repository.catalog(instance, options.trusted)?;
    let mut written = Written { repository, objects: Vec::new() };
    let outcome = take(taken, &name, &mut written, options);
    let stored = match outcome {
        Ok(stored) => stored,
        Err(error) => {
            written.remove();
            return Err(error);
        }
    };
    let manifest = manifest(taken, &name, created_at, stored.payloads, stored.attachments, &catalog, options);
    match repository.commit(&manifest, options.signer) {
        Ok(manifest_sha256) => Ok(Created {
            manifest,
            manifest_sha256,
            notes: stored.notes,
            warnings: stored.warnings,
            facts: stored.facts,
        }),
        Err(error) => {
            for file in ["manifest.json", "manifest.json.minisig", "SHA256SUMS"] {
                written.objects.push(name.object(file));
            }
            written.remove();
            Err(error)
        }
    }
}

/// What has been written, to go again if the whole fails.
struct Written<'r> {
    repository: &'r Repository,
    objects: Vec<String>,
}

impl Written<'_> {
    /// The manifest first. What cannot be removed now is swept by the next prune.
    fn remove(&self) {
        for object in self.objects.iter().rev() {
            let _ = self.repository.store().delete(object);
        }
    }
}

/// All payloads of a backup.
#[derive(Default)]
struct AllStored {
    payloads: Vec<Stored>,
    attachments: BTreeMap<String, String>,
    notes: Vec<String>,
    warnings: Vec<String>,
    facts: Vec<SourceFacts>,
}

fn take(taken: &Taken, name: &BackupName, written: &mut Written<'_>, options: &CreateOptions<'_>) -> Result<AllStored> {
    let mut all = AllStored::default();
    let mut sealing = Sealing { name, written, options };
    match taken {
        Taken::One(origin) => sealing.source(origin, None, &mut all)?,
        Taken::Cluster { shards, nodes, .. } => {
            for shard in shards {
                sealing.source(&shard.origin, Some(shard), &mut all)?;
            }
            let bytes =
                serde_json::to_vec_pretty(nodes).map_err(|error| Error::io("write nodes.json", error.into()))?;
            sealing.attach("nodes.json", &bytes, &mut all)?;
        }
    }
    if all.payloads.is_empty() {
        return Err(Error::new(ErrorKind::NothingToRead { what: "there is nothing to back up".into() }));
    }
    Ok(all)
}

fn manifest(
    taken: &Taken,
    name: &BackupName,
    created_at: UnixMs,
    stored: Vec<Stored>,
    attachments: BTreeMap<String, String>,
    catalog: &Catalog,
    options: &CreateOptions<'_>,
) -> Manifest {
    let totals = summary::totals(&stored);
    let kind = match stored.first() {
        _ if stored.iter().any(|one| one.scanned) => BackupKind::Scan,
        Some(one) if one.is_log => BackupKind::Aof,
        _ => BackupKind::Rdb,
    };
    let mut problems: Vec<String> = stored.iter().flat_map(|one| one.problems.iter().cloned()).take(100).collect();
    let mut status = BackupStatus::Good;
    let previous = newest_good(catalog, created_at);
    let change = previous.map(|previous| summary::change(&previous.manifest, totals.keys, totals.raw_bytes));
    if let (Some(change), Some(previous)) = (&change, previous)
        && let Some(percent) = summary::shrunk(change, options.max_shrink_percent)
    {
        status = BackupStatus::Suspect;
        problems.push(format!("{percent:.0} % smaller than {}", previous.manifest.name));
    }
    if let Taken::Cluster { missing, .. } = taken
        && !missing.is_empty()
    {
        status = BackupStatus::Incomplete;
        problems.push(format!("nobody serves the slots {}", missing.join(", ")));
    }
    if stored.iter().any(|one| one.damaged) {
        status = BackupStatus::Damaged;
    }
    let server: Option<ServerFacts> = stored.first().and_then(|one| one.server.clone());
    let modules: BTreeSet<String> = stored.iter().flat_map(|one| one.modules.iter().cloned()).collect();
    let consistent = kind != BackupKind::Scan && !matches!(taken, Taken::Cluster { .. });
    Manifest {
        schema: MANIFEST_SCHEMA.into(),
        name: name.to_string(),
        instance: name.instance().into(),
        created_at: created_at.to_string(),
        finished_at: (options.clock)().to_string(),
        tool_version: env!("CARGO_PKG_VERSION").into(),
        kind,
        consistent,
        status,
        problems,
        server,
        compression: StoredCompression { name: options.packing.name().into(), level: options.packing.level() },
        encryption: options
            .recipients
            .as_ref()
            .map(|recipients| Encryption { name: "age".into(), recipients: recipients.public_keys() }),
        loads_on: summary::loads_on(&stored),
        payloads: stored.into_iter().map(|one| one.payload).collect::<Vec<Payload>>(),
        attachments,
        keys: totals.keys,
        expires: totals.expires,
        databases: totals.databases,
        raw_bytes: totals.raw_bytes,
        stored_bytes: totals.stored_bytes,
        modules: modules.into_iter().collect(),
        change,
        previous: tip(catalog).map(|tip| Previous { name: tip.name.to_string(), sha256: tip.manifest_sha256.clone() }),
        tags: options.tags.clone(),
        signed_by: options.signer.map(Signer::id),
    }
}

/// What a backup is compared with: the newest good one before it.
fn newest_good(catalog: &Catalog, before: UnixMs) -> Option<&Backup> {
    let older = |backup: &&Backup| backup.created_at() <= before && backup.status() == BackupStatus::Good;
    catalog.backups.iter().rev().find(older)
}

/// The end of the chain: the backup that no other names as the one before it. Of several, the one that was finished last.
fn tip(catalog: &Catalog) -> Option<&Backup> {
    let named: BTreeSet<&str> =
        catalog.backups.iter().filter_map(|backup| Some(backup.manifest.previous.as_ref()?.name.as_str())).collect();
    let ends = catalog.backups.iter().filter(|backup| !named.contains(backup.manifest.name.as_str()));
    ends.max_by(|a, b| (&a.manifest.finished_at, &a.name).cmp(&(&b.manifest.finished_at, &b.name)))
}
