//! Repositories with backups in them, and stores that die.

use rediscover::backup::prune::{PruneDone, PruneOptions, PrunePlan, execute, plan_prune};
use rediscover::backup::retention::{Count, Retention};
use rediscover::base::{Cancel, Error, Result, UnixMs};
use rediscover::repository::{
    BackupKind, BackupName, BackupStatus, MANIFEST_SCHEMA, Manifest, ObjectRole, Payload, Previous, Repository, Said,
    Signer, StoredCompression, Trusted, sha256,
};
use rediscover::store::{Deleted, MemoryStore, ObjectInfo, PutOptions, Store};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read};
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

pub(super) const DAY: i64 = 86_400_000;
/// 2026-11-24T03:00:00Z.
pub(super) const NOW: UnixMs = UnixMs(1_795_489_200_000);

/// A repository, and who signs in it.
pub(super) struct Stock {
    pub(super) repository: Repository,
    pub(super) signer: Signer,
    pub(super) trusted: Trusted,
}

impl Stock {
    pub(super) fn new(store: Arc<dyn Store>) -> Self {
        let (secret, public) = Signer::generate().expect("a key");
        Self::of(store, &secret, &public)
    }

    pub(super) fn of(store: Arc<dyn Store>, secret: &str, public: &str) -> Self {
        let mut trusted = Trusted::default();
        trusted.add(public).expect("a public key");
        let repository = Repository::open_or_create(store, "test", NOW).expect("a repository");
        Self { repository, signer: Signer::parse(secret).expect("a key"), trusted }
    }

    pub(super) fn store(&self) -> &Arc<dyn Store> {
        self.repository.store()
    }

    /// A backup taken so many days ago, of two payloads.
    pub(super) fn add(&self, instance: &str, days: i64, status: BackupStatus) -> BackupName {
        self.add_signed(instance, days, status, Some(&self.signer))
    }

    pub(super) fn add_signed(
        &self,
        instance: &str,
        days: i64,
        status: BackupStatus,
        signer: Option<&Signer>,
    ) -> BackupName {
        let name = BackupName::new(instance, UnixMs(NOW.0 - days * DAY), 7).expect("a name");
        let previous = self.repository.names(instance).expect("names").pop().map(|before| Previous {
            name: before.to_string(),
            sha256: sha256(&self.repository.bytes(&before.object("manifest.json")).expect("a manifest")),
        });
        let mut payloads = Vec::new();
        for file in ["dump-0.rdb", "dump-1.rdb"] {
            let bytes = format!("{name} {file}").into_bytes();
            put(&**self.store(), &name.object(file), &bytes);
            payloads.push(payload(file, &bytes));
        }
        let manifest = manifest(&name, status, payloads, previous, signer.map(Signer::id));
        self.repository.commit(&manifest, signer).expect("a manifest");
        name
    }

    pub(super) fn note(&self, name: &BackupName, said: Said) {
        let backup = self.repository.read(name, &self.trusted).expect("a backup");
        self.repository.note(&backup, NOW, 1, said, Some(&self.signer)).expect("a sidecar");
    }

    pub(super) fn plan(&self, instance: &str, keep: &Retention) -> PrunePlan {
        plan_prune(&self.repository, instance, keep, &self.trusted, NOW).expect("a plan")
    }

    pub(super) fn prune(&self, plan: &PrunePlan) -> Result<PruneDone> {
        self.prune_with(plan, &|| NOW, Cancel::default())
    }

    pub(super) fn prune_with(
        &self,
        plan: &PrunePlan,
        clock: &(dyn Fn() -> UnixMs + Sync),
        cancel: Cancel,
    ) -> Result<PruneDone> {
        let how = PruneOptions {
            trusted: &self.trusted,
            signer: Some(&self.signer),
            owner: "test",
            salt: 1,
            clock,
            max_remove: None,
            cancel,
        };
        execute(&self.repository, plan, &how)
    }

    /// The names of what has a manifest. Each of them is whole.
    pub(super) fn whole(&self, about: &str) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        for instance in self.repository.instances().expect("instances") {
            let catalog = self.repository.catalog(&instance, &self.trusted).expect("a catalog");
            assert!(catalog.unreadable.is_empty(), "{about}: {:?}", catalog.unreadable);
            for backup in catalog.backups {
                for payload in &backup.manifest.payloads {
                    let bytes = self.repository.bytes(&backup.name.object(&payload.file));
                    let bytes = bytes.unwrap_or_else(|error| panic!("{about}: {}: {error}", backup.name));
                    assert_eq!(sha256(&bytes), payload.stored_sha256, "{about}: {}", backup.name);
                }
                let sums = self.repository.bytes(&backup.name.object("SHA256SUMS")).expect("the sums");
                assert_eq!(sums, backup.manifest.sha256sums().as_bytes(), "{about}: {}", backup.name);
                found.insert(backup.name.to_string());
            }
            let catalog = self.repository.catalog(&instance, &self.trusted).expect("a catalog");
            let chain = rediscover::backup::chain(&instance, &catalog, None);
            assert!(chain.whole, "{about}: {:?}", chain.problems);
        }
        found
    }

    /// What signed records say is gone, with the SHA-256 of the manifests.
    pub(super) fn recorded(&self, instance: &str) -> BTreeMap<String, String> {
        let catalog = self.repository.catalog(instance, &self.trusted).expect("a catalog");
        let records = catalog.pruned.into_iter().map(|pruned| {
            assert!(matches!(pruned.signature, rediscover::repository::Signature::Good { .. }), "{pruned:?}");
            pruned.record.expect("a record that can be read")
        });
        records.flat_map(|record| record.removed).map(|removed| (removed.name, removed.manifest_sha256)).collect()
    }
}

pub(super) fn last(number: u32) -> Retention {
    Retention { keep_last: Count::N(number), ..Retention::default() }
}

pub(super) fn put(store: &dyn Store, name: &str, mut bytes: &[u8]) {
    store.put(name, &mut bytes, &PutOptions::default()).expect("an object");
}

fn payload(file: &str, bytes: &[u8]) -> Payload {
    Payload {
        file: file.into(),
        raw_name: file.into(),
        role: ObjectRole::Rdb,
        raw_bytes: bytes.len() as u64,
        raw_sha256: sha256(bytes),
        stored_bytes: bytes.len() as u64,
        stored_sha256: sha256(bytes),
        format_version: None,
        magic: None,
        server_version: None,
        snapshot_at: None,
        keys: 0,
        databases: BTreeMap::new(),
        node: None,
        slots: Vec::new(),
    }
}

fn manifest(
    name: &BackupName,
    status: BackupStatus,
    payloads: Vec<Payload>,
    previous: Option<Previous>,
    signed_by: Option<String>,
) -> Manifest {
    Manifest {
        schema: MANIFEST_SCHEMA.into(),
        name: name.to_string(),
        instance: name.instance().into(),
        created_at: name.created_at().to_string(),
        finished_at: name.created_at().to_string(),
        tool_version: "0".into(),
        kind: BackupKind::Rdb,
        consistent: true,
        status,
        problems: Vec::new(),
        server: None,
        compression: StoredCompression { name: "none".into(), level: None },
        encryption: None,
        payloads,
        attachments: BTreeMap::new(),
        keys: 0,
        expires: 0,
        databases: BTreeMap::new(),
        raw_bytes: 0,
        stored_bytes: 0,
        modules: Vec::new(),
        loads_on: Vec::new(),
        change: None,
        previous,
        tags: Vec::new(),
        signed_by,
    }
}

/// How a store dies, or a machine with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Death {
    /// One operation fails, and nothing of it is done.
    Once,
    /// One operation is done, and its answer is lost.
    Unheard,
    /// From there on every operation fails.
    Forever,
    /// One is done, its answer is lost, and every later one fails.
    UnheardForever,
}

/// A store in memory whose objects are old, and which dies at the operation of a number.
pub(super) struct Mortal {
    pub(super) inner: Arc<MemoryStore>,
    pub(super) death: Option<(u64, Death)>,
    pub(super) asked: AtomicU64,
    /// What it says of deletions of objects whose names end so.
    pub(super) keeps: Option<(&'static str, UnixMs)>,
}

impl Mortal {
    pub(super) fn new(inner: &Arc<MemoryStore>) -> Self {
        Self { inner: Arc::clone(inner), death: None, asked: AtomicU64::new(0), keeps: None }
    }

    pub(super) fn dying(inner: &Arc<MemoryStore>, at: u64, death: Death) -> Self {
        Self { death: Some((at, death)), ..Self::new(inner) }
    }

    fn ask<T>(&self, does: impl FnOnce(&MemoryStore) -> Result<T>) -> Result<T> {
        let nr = self.asked.fetch_add(1, Ordering::SeqCst);
        let dead = || Error::io("reach the store", io::Error::other("connection reset"));
        match self.death {
            Some((at, Death::Once | Death::Forever)) if nr == at => Err(dead()),
            Some((at, Death::Unheard | Death::UnheardForever)) if nr == at => does(&self.inner).and(Err(dead())),
            Some((at, Death::Forever | Death::UnheardForever)) if nr > at => Err(dead()),
            _ => does(&self.inner),
        }
    }
}

fn old(mut object: ObjectInfo) -> ObjectInfo {
    object.modified = Some(UnixMs(NOW.0 - 2 * DAY));
    object
}

impl Store for Mortal {
    fn location(&self) -> String {
        "mortal".into()
    }

    fn list(&self, prefix: &str) -> Result<Vec<ObjectInfo>> {
        self.ask(|inner| Ok(inner.list(prefix)?.into_iter().map(old).collect()))
    }

    fn head(&self, name: &str) -> Result<Option<ObjectInfo>> {
        self.ask(|inner| Ok(inner.head(name)?.map(old)))
    }

    fn get(&self, name: &str, range: Option<Range<u64>>, if_match: Option<&str>) -> Result<Box<dyn Read + Send>> {
        self.ask(|inner| inner.get(name, range, if_match))
    }

    fn put(&self, name: &str, body: &mut dyn Read, how: &PutOptions) -> Result<ObjectInfo> {
        self.ask(|inner| inner.put(name, body, how))
    }

    fn delete(&self, name: &str) -> Result<Deleted> {
        match self.keeps {
            Some((end, until)) if name.ends_with(end) => Ok(Deleted::Locked { until: Some(until) }),
            _ => self.ask(|inner| inner.delete(name)),
        }
    }

    fn sweep(&self, prefix: &str, older_than: UnixMs) -> Result<u64> {
        self.ask(|inner| inner.sweep(prefix, older_than))
    }
}
