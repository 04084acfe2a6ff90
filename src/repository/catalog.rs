//! What is in a repository: its backups with all that was said of them, and what is left of unfinished ones.

use super::manifest::{BackupStatus, MANIFEST_SCHEMA, Manifest};
use super::name::{BackupName, parse_stamp, stamp, valid_instance};
use super::sidecar::{Level, PRUNE_SCHEMA, PruneRecord, SIDECAR_SCHEMA, Said, Sidecar};
use super::sign::{Signature, Signer, Trusted};
use crate::base::{Error, ErrorKind, Result, UnixMs};
use crate::store::{ObjectInfo, PutOptions, Store};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::Digest;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::sync::Arc;

/// The object that makes a repository one.
const MARK: &str = "repository.json";
const MARK_SCHEMA: &str = "rediscover/backup-repository/v1";

/// The most bytes of a manifest or sidecar that are read.
const DOCUMENT_BYTES: u64 = 16 << 20;

/// What the object says that makes a repository one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Mark {
    schema: String,
    id: String,
    created_at: String,
}

/// A repository: a store with backups in it.
#[derive(Clone)]
pub struct Repository {
    store: Arc<dyn Store>,
    id: String,
}

/// A backup as it is found.
#[derive(Debug, Clone, PartialEq)]
pub struct Backup {
    /// Its name.
    pub name: BackupName,
    /// SHA-256 of the bytes of its manifest.
    pub manifest_sha256: String,
    /// What the manifest says.
    pub manifest: Manifest,
    /// What the signature of the manifest is worth.
    pub signature: Signature,
    /// What was said of it since, the oldest first.
    pub sidecars: Vec<Noted>,
    /// The objects in its folder.
    pub objects: Vec<ObjectInfo>,
}

/// A sidecar as it is found.
#[derive(Debug, Clone, PartialEq)]
pub struct Noted {
    /// Its object.
    pub object: String,
    /// What it says; none if that cannot be read.
    pub sidecar: Option<Sidecar>,
    /// What its signature is worth.
    pub signature: Signature,
}

/// What there is of one instance.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Catalog {
    /// Its backups, the oldest first.
    pub backups: Vec<Backup>,
    /// Backups whose manifest cannot be read, and why.
    pub unreadable: Vec<(BackupName, String)>,
    /// Objects of folders without a manifest: a create that is running, or was killed.
    pub remnants: Vec<ObjectInfo>,
    /// What was pruned, the oldest first.
    pub pruned: Vec<Pruned>,
}

/// The record of a prune as it is found.
#[derive(Debug, Clone, PartialEq)]
pub struct Pruned {
    /// Its object.
    pub object: String,
    /// What it says; none if that cannot be read.
    pub record: Option<PruneRecord>,
    /// What its signature is worth.
    pub signature: Signature,
}

impl Backup {
    /// What was said of it by somebody whose word counts as much as the manifest's own.
    fn heard(&self) -> impl DoubleEndedIterator<Item = &Sidecar> {
        let same = |noted: &&Noted| match noted.signature {
            Signature::Bad { .. } => false,
            Signature::Missing => self.signature == Signature::Missing,
            Signature::Unknown { .. } => !matches!(self.signature, Signature::Good { .. }),
            Signature::Good { .. } => true,
        };
        self.sidecars.iter().filter(same).filter_map(|noted| noted.sidecar.as_ref())
    }

    /// Whether it can be restored from: as it was taken, and as it was found when it was last read again.
    pub fn status(&self) -> BackupStatus {
        let last = self.heard().rev().find_map(|sidecar| match &sidecar.said {
            Said::Verified { level, problem, .. } if *level >= Level::Stored || problem.is_some() => {
                Some(problem.is_some())
            }
            _ => None,
        });
        if last == Some(true) { BackupStatus::Damaged } else { self.manifest.status }
    }

    /// When it was last read again and found whole, and how deep.
    pub fn verified(&self) -> Option<(UnixMs, Level)> {
        self.heard().rev().find_map(|sidecar| match &sidecar.said {
            Said::Verified { level, problem: None, .. } => Some((moment(&sidecar.at)?, *level)),
            _ => None,
        })
    }

    /// When it was last read again at this level or deeper, and found whole.
    pub fn verified_at(&self, at_least: Level) -> Option<UnixMs> {
        let said = self.heard().filter_map(|sidecar| match &sidecar.said {
            Said::Verified { level, problem: None, .. } if *level >= at_least => moment(&sidecar.at),
            _ => None,
        });
        said.max()
    }

    /// The deepest level at which it was ever found whole; `captured` where it was good when it was taken.
    pub fn level(&self) -> Option<Level> {
        let said = self.heard().filter_map(|sidecar| match &sidecar.said {
            Said::Verified { level, problem: None, .. } => Some(*level),
            _ => None,
        });
        let taken = (self.manifest.status != BackupStatus::Damaged).then_some(Level::Captured);
        said.chain(taken).max()
    }

    /// When a server was last started on it with success, and in how many milliseconds.
    pub fn drilled(&self) -> Option<(UnixMs, u64)> {
        self.heard().rev().find_map(|sidecar| match &sidecar.said {
            Said::Drilled { problem: None, restore_ms, .. } => Some((moment(&sidecar.at)?, *restore_ms)),
            _ => None,
        })
    }

    /// Whether prune has to keep it.
    pub fn is_pinned(&self) -> bool {
        let last = self.heard().rev().find_map(|sidecar| match &sidecar.said {
            Said::Pinned => Some(true),
            Said::Unpinned => Some(false),
            _ => None,
        });
        last.unwrap_or(false)
    }

    /// Its tags: those it was given, those that came and went.
    pub fn tags(&self) -> Vec<String> {
        let mut tags: BTreeSet<String> = self.manifest.tags.iter().cloned().collect();
        for sidecar in self.heard() {
            if let Said::Tagged { add, remove } = &sidecar.said {
                tags.extend(add.iter().cloned());
                tags.retain(|tag| !remove.contains(tag));
            }
        }
        tags.into_iter().collect()
    }

    /// Where else it lies.
    pub fn copies(&self) -> Vec<String> {
        let places = self.heard().filter_map(|sidecar| match &sidecar.said {
            Said::Copied { to } => Some(to.clone()),
            _ => None,
        });
        places.collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// When it was taken.
    pub fn created_at(&self) -> UnixMs {
        self.name.created_at()
    }
}

fn moment(text: &str) -> Option<UnixMs> {
    text.parse::<jiff::Timestamp>().ok().map(|moment| UnixMs(moment.as_millisecond()))
}

impl Repository {
    /// The repository in this store.
    ///
    /// # Errors
    /// [`ErrorKind::NothingToRead`] if there is none; what the store says.
    pub fn open(store: Arc<dyn Store>) -> Result<Self> {
        let Some(mark) = store.head(MARK)? else {
            let what = "is no repository: there is no repository.json".to_owned();
            return Err(Error::new(ErrorKind::NothingToRead { what })
                .about(store.location())
                .with_hint("'rediscover backup create' makes one where there is nothing yet"));
        };
        let bytes = read_object(&*store, &mark.name)?;
        let read: Option<Mark> = serde_json::from_slice(&bytes).ok();
        match read {
            Some(mark) if mark.schema == MARK_SCHEMA => Ok(Self { store, id: mark.id }),
            Some(mark) => {
                Err(Error::new(ErrorKind::Unsupported { what: format!("is a repository of form {}", mark.schema) })
                    .about(store.location())
                    .with_hint("a newer release of rediscover reads it"))
            }
            None => Err(Error::new(ErrorKind::Damaged { what: "repository.json cannot be read".into() })
                .about(store.location())),
        }
    }

    /// The repository in this store; one is made where the store is empty. `id` tells it from others: any text that no other has.
    ///
    /// # Errors
    /// As [`Repository::open`]; a store that holds other things is refused.
    pub fn open_or_create(store: Arc<dyn Store>, id: &str, now: UnixMs) -> Result<Self> {
        if store.head(MARK)?.is_some() {
            return Self::open(store);
        }
        let there = store.list("")?;
        // Somebody else was faster.
        if there.iter().any(|object| object.name == MARK) {
            return Self::open(store);
        }
        if let Some(other) = there.first() {
            let what = format!("is no repository, and not empty: there is {}", other.name);
            return Err(Error::new(ErrorKind::Refused { what })
                .about(store.location())
                .with_hint("take an empty folder"));
        }
        let mark = Mark { schema: MARK_SCHEMA.into(), id: id.into(), created_at: now.to_string() };
        let bytes = document(&mark)?;
        match put(&*store, MARK, &bytes) {
            Err(error) if !matches!(error.kind(), ErrorKind::Exists { .. }) => Err(error),
            _ => Self::open(store),
        }
    }

    /// What tells it from other repositories.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Where it is, safe to print.
    pub fn location(&self) -> String {
        self.store.location()
    }

    /// Its store.
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }

    /// Whose backups there are, sorted.
    ///
    /// # Errors
    /// What the store says.
    pub fn instances(&self) -> Result<Vec<String>> {
        let mut found = BTreeSet::new();
        for object in self.store.list("")? {
            if let Some((instance, _)) = object.name.split_once('/')
                && valid_instance(instance)
            {
                found.insert(instance.to_owned());
            }
        }
        Ok(found.into_iter().collect())
    }

    /// The names of an instance's backups, the oldest first: from a listing alone.
    ///
    /// # Errors
    /// What the store says.
    pub fn names(&self, instance: &str) -> Result<Vec<BackupName>> {
        let objects = self.store.list(&format!("{instance}/"))?;
        let manifests = objects.iter().filter_map(|object| object.name.strip_suffix("/manifest.json"));
        Ok(manifests.filter_map(BackupName::parse).collect())
    }

    /// All there is of an instance: one listing, and every manifest and sidecar read. Memory: those documents.
    ///
    /// # Errors
    /// What the store says. What cannot be read of it is in the catalog.
    pub fn catalog(&self, instance: &str, trusted: &Trusted) -> Result<Catalog> {
        let mut folders: BTreeMap<BackupName, Vec<ObjectInfo>> = BTreeMap::new();
        let mut catalog = Catalog::default();
        let pruned = format!("{instance}/pruned/");
        let objects = self.store.list(&format!("{instance}/"))?;
        let there: BTreeSet<&str> = objects.iter().map(|object| object.name.as_str()).collect();
        for object in &objects {
            if object.name.starts_with(&pruned) {
                if object.name.strip_suffix(".json").is_some() {
                    catalog.pruned.push(self.pruned(&object.name, trusted, &there)?);
                }
                continue;
            }
            let folder = object.name.rsplit_once('/').and_then(|(folder, _)| BackupName::parse(folder));
            match folder {
                Some(name) => folders.entry(name).or_default().push(object.clone()),
                None => catalog.remnants.push(object.clone()),
            }
        }
        for (name, objects) in folders {
            if !objects.iter().any(|object| object.name == name.object("manifest.json")) {
                catalog.remnants.extend(objects);
                continue;
            }
            match self.read_folder(&name, objects, trusted) {
                Ok(backup) => catalog.backups.push(backup),
                Err(error) if matches!(error.kind(), ErrorKind::Damaged { .. } | ErrorKind::Unsupported { .. }) => {
                    catalog.unreadable.push((name, error.to_string()));
                }
                Err(error) => return Err(error),
            }
        }
        Ok(catalog)
    }

    /// One backup.
    ///
    /// # Errors
    /// [`ErrorKind::NothingToRead`] if there is none of this name, [`ErrorKind::Damaged`] if its manifest cannot be read, and
    /// what the store says.
    pub fn read(&self, name: &BackupName, trusted: &Trusted) -> Result<Backup> {
        let objects = self.store.list(&format!("{name}/"))?;
        if !objects.iter().any(|object| object.name == name.object("manifest.json")) {
            let what = format!("there is no backup {name}");
            return Err(Error::new(ErrorKind::NothingToRead { what })
                .about(self.location())
                .with_hint("'rediscover backup list' shows those there are"));
        }
        self.read_folder(name, objects, trusted)
    }

    fn read_folder(&self, name: &BackupName, objects: Vec<ObjectInfo>, trusted: &Trusted) -> Result<Backup> {
        let there: BTreeSet<&str> = objects.iter().map(|object| object.name.as_str()).collect();
        let damaged = |what: String| Error::new(ErrorKind::Damaged { what }).about(name.to_string());
        let object = name.object("manifest.json");
        let bytes = read_object(&*self.store, &object)?;
        let signature = self.judge(&bytes, &object, trusted, &there)?;
        let manifest: Manifest = parse(&bytes, MANIFEST_SCHEMA).map_err(|error| error.about(name.to_string()))?;
        if manifest.name != name.to_string() || manifest.instance != name.instance() {
            return Err(damaged(format!("its manifest is of {}", manifest.name.escape_default())));
        }
        let safe = |file: &str| !file.is_empty() && !file.starts_with('.') && !file.contains(['/', '\\', '\0']);
        let files = manifest.payloads.iter().flat_map(|payload| [&payload.file, &payload.raw_name]);
        if let Some(file) = files.chain(manifest.attachments.keys()).find(|file| !safe(file)) {
            return Err(damaged(format!(
                "its manifest names `{}`, which is no file of its own",
                file.escape_default()
            )));
        }
        let mut sidecars = Vec::new();
        for object in &objects {
            let file = object.name.rsplit('/').next().unwrap_or_default();
            let is_sidecar =
                file.strip_suffix(".json").is_some() && file.get(..20).is_some_and(|time| parse_stamp(time).is_some());
            if is_sidecar {
                let bytes = read_object(&*self.store, &object.name)?;
                let signature = self.judge(&bytes, &object.name, trusted, &there)?;
                let sidecar = parse::<Sidecar>(&bytes, SIDECAR_SCHEMA).ok();
                let sidecar = sidecar.filter(|sidecar| sidecar.name == manifest.name);
                sidecars.push(Noted { object: object.name.clone(), sidecar, signature });
            }
        }
        Ok(Backup { name: name.clone(), manifest_sha256: sha256(&bytes), manifest, signature, sidecars, objects })
    }

    fn pruned(&self, object: &str, trusted: &Trusted, there: &BTreeSet<&str>) -> Result<Pruned> {
        let bytes = read_object(&*self.store, object)?;
        let signature = self.judge(&bytes, object, trusted, there)?;
        Ok(Pruned { object: object.to_owned(), record: parse(&bytes, PRUNE_SCHEMA).ok(), signature })
    }

    fn judge(&self, bytes: &[u8], object: &str, trusted: &Trusted, there: &BTreeSet<&str>) -> Result<Signature> {
        let signature = signature_of(object);
        let found = there.contains(signature.as_str()).then(|| read_object(&*self.store, &signature)).transpose()?;
        Ok(trusted.judge(bytes, found.as_deref(), object))
    }

    /// Writes a manifest, its signature and the list of checksums before it: from then on there is a backup. Says the SHA-256 of
    /// the manifest.
    ///
    /// # Errors
    /// What the store says.
    pub fn commit(&self, manifest: &Manifest, signer: Option<&Signer>) -> Result<String> {
        let sums = manifest.sha256sums();
        let object = |file: &str| format!("{}/{file}", manifest.name);
        put(&*self.store, &object("SHA256SUMS"), sums.as_bytes())?;
        let bytes = document(manifest)?;
        self.put_signed(&object("manifest.json"), &bytes, signer)?;
        Ok(sha256(&bytes))
    }

    /// Writes what is said of a backup.
    ///
    /// # Errors
    /// What the store says.
    pub fn note(&self, backup: &Backup, at: UnixMs, salt: u32, said: Said, signer: Option<&Signer>) -> Result<()> {
        // What is signed here is about the manifest that lies there, not about one that was read wrongly.
        if sha256(&self.bytes(&backup.name.object("manifest.json"))?) != backup.manifest_sha256 {
            let what = "its manifest is another one when it is read again".to_owned();
            return Err(Error::new(ErrorKind::Damaged { what }).about(backup.name.to_string()));
        }
        let file = format!("{}-{:06x}.{}.json", stamp_of(at)?, salt & 0xff_ffff, said.word());
        let sidecar = Sidecar {
            schema: SIDECAR_SCHEMA.into(),
            name: backup.name.to_string(),
            manifest_sha256: backup.manifest_sha256.clone(),
            at: at.to_string(),
            said,
        };
        self.put_signed(&backup.name.object(&file), &document(&sidecar)?, signer)
    }

    /// Writes the record of a prune.
    ///
    /// # Errors
    /// What the store says.
    pub fn record(&self, record: &PruneRecord, at: UnixMs, salt: u32, signer: Option<&Signer>) -> Result<()> {
        let object = format!("{}/pruned/{}-{:06x}.json", record.instance, stamp_of(at)?, salt & 0xff_ffff);
        self.put_signed(&object, &document(record)?, signer)
    }

    /// The signature before what it signs: what is there is signed.
    fn put_signed(&self, object: &str, bytes: &[u8], signer: Option<&Signer>) -> Result<()> {
        if let Some(signer) = signer {
            put(&*self.store, &signature_of(object), &signer.sign(bytes, object)?)?;
        }
        put(&*self.store, object, bytes)
    }

    /// The newest good backup of an instance that was taken before then, of one moment; `scan` ones are passed over.
    ///
    /// # Errors
    /// [`ErrorKind::NothingToRead`] if there is none.
    pub fn latest(&self, instance: &str, before: Option<UnixMs>, trusted: &Trusted) -> Result<Backup> {
        for name in self.names(instance)?.into_iter().rev() {
            if before.is_some_and(|before| name.created_at() >= before) {
                continue;
            }
            match self.read(&name, trusted) {
                Ok(backup) if backup.is_restorable() => return Ok(backup),
                Ok(_) => {}
                Err(error) if matches!(error.kind(), ErrorKind::Damaged { .. } | ErrorKind::Unsupported { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        let before = before.map(|before| format!(" before {before}")).unwrap_or_default();
        let what = format!("there is no good backup of {instance}{before}");
        Err(Error::new(ErrorKind::NothingToRead { what })
            .about(self.location())
            .with_hint("'rediscover backup list' shows what there is, with its status"))
    }

    /// The bytes of a document of the repository.
    ///
    /// # Errors
    /// What the store says; [`ErrorKind::Damaged`] if it is larger than any document.
    pub fn bytes(&self, object: &str) -> Result<Vec<u8>> {
        read_object(&*self.store, object)
    }
}

impl Backup {
    /// Whether `latest` may mean it.
    pub fn is_restorable(&self) -> bool {
        let signed = !matches!(self.signature, Signature::Bad { .. });
        signed && self.status() == BackupStatus::Good && self.manifest.kind != super::BackupKind::Scan
    }
}

/// The name of the signature of an object.
pub(super) fn signature_of(object: &str) -> String {
    format!("{object}.minisig")
}

fn stamp_of(at: UnixMs) -> Result<String> {
    stamp(at).ok_or_else(|| Error::new(ErrorKind::Unsupported { what: format!("the clock says {at}") }))
}

fn document<T: Serialize>(value: &T) -> Result<Vec<u8>> {
    let mut bytes = serde_json::to_vec_pretty(value).map_err(|error| Error::io("write the document", error.into()))?;
    bytes.push(b'\n');
    Ok(bytes)
}

fn parse<T: DeserializeOwned>(bytes: &[u8], schema: &str) -> Result<T> {
    #[derive(Deserialize)]
    struct Form {
        schema: String,
    }
    let damaged = |error: serde_json::Error| {
        Error::new(ErrorKind::Damaged { what: format!("its manifest cannot be read: {error}") })
    };
    let form: Form = serde_json::from_slice(bytes).map_err(damaged)?;
    if form.schema != schema {
        let what = format!("is of the form `{}`, and this release reads {schema}", form.schema.escape_default());
        return Err(Error::new(ErrorKind::Unsupported { what }));
    }
    serde_json::from_slice(bytes).map_err(damaged)
}

fn put(store: &dyn Store, name: &str, mut bytes: &[u8]) -> Result<()> {
    let how = PutOptions { if_absent: true, bytes: Some(bytes.len() as u64), passing: false };
    store.put(name, &mut bytes, &how).map(drop)
}

fn read_object(store: &dyn Store, name: &str) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let reader = store.get(name, None, None)?;
    reader.take(DOCUMENT_BYTES + 1).read_to_end(&mut bytes).map_err(|error| Error::io("read", error).about(name))?;
    if bytes.len() as u64 > DOCUMENT_BYTES {
        return Err(
            Error::new(ErrorKind::Damaged { what: "is larger than any document of a repository".into() }).about(name)
        );
    }
    Ok(bytes)
}

/// SHA-256 in lower-case hexadecimal.
pub fn sha256(bytes: &[u8]) -> String {
    sha2::Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}
