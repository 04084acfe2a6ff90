//! A backup as a source: its payloads decrypted, decompressed and compared with what the manifest says, as they are read.

use crate::base::{Error, ErrorKind, Result};
use crate::codec::{Identities, Packing, Sealed, open_sealed};
use crate::repository::{Backup, ObjectRole, Payload, Repository};
use crate::source::{AofSet, Listed, Opener, Origin, Place};
use std::io::{self, Read};
use std::path::PathBuf;
use std::sync::Arc;

/// The bytes of a payload as they were before they were sealed. What does not fit the manifest is an error at the end of the
/// stream, never a clean end: [`ErrorKind::Damaged`] inside it.
///
/// # Errors
/// What the store says; [`ErrorKind::Crypto`] if no identity opens it.
pub fn open_payload(
    repository: &Repository,
    backup: &Backup,
    payload: &Payload,
    identities: Option<&Identities>,
) -> Result<Box<dyn Read + Send>> {
    let object = backup.name.object(&payload.file);
    if backup.manifest.encryption.is_some() && identities.is_none() {
        let what = format!("{} is encrypted", backup.name);
        return Err(Error::new(ErrorKind::Crypto { what })
            .about(repository.location())
            .with_hint("--identity FILE names the age identity that opens it"));
    }
    let stored = repository.store().get(&object, None, None)?;
    let packing = backup.manifest.compression.name.parse::<Packing>().map_err(|_| {
        let what = format!("is compressed with `{}`", backup.manifest.compression.name.escape_default());
        Error::new(ErrorKind::Unsupported { what }).about(&object)
    })?;
    let expected = Sealed {
        raw_bytes: payload.raw_bytes,
        raw_sha256: payload.raw_sha256.clone(),
        stored_bytes: payload.stored_bytes,
        stored_sha256: payload.stored_sha256.clone(),
    };
    let identities = identities.filter(|_| backup.manifest.encryption.is_some());
    open_sealed(stored, packing, identities, Some(&expected)).map_err(|error| error.about(&object))
}

/// A backup as sources: one, or one for each shard of a cluster.
///
/// # Errors
/// As [`open_payload`], for the manifest of an append-only file, which is read at once.
pub fn origins(repository: &Repository, backup: &Backup, identities: Option<&Identities>) -> Result<Vec<Origin>> {
    let shared = Arc::new((repository.clone(), backup.clone(), identities.cloned()));
    let opener = |payload: &Payload| {
        let (shared, payload) = (Arc::clone(&shared), payload.clone());
        let is_log = !matches!(payload.role, ObjectRole::Rdb);
        let open = move || {
            let (repository, backup, identities) = &*shared;
            open_payload(repository, backup, &payload, identities.as_ref()).map_err(io::Error::other)
        };
        Place::Opener(Opener::again(open, is_log))
    };
    let payloads = &backup.manifest.payloads;
    let named = |payload: &Payload| match payloads.len() {
        1 => backup.name.to_string(),
        _ => format!("{}/{}", backup.name, payload.raw_name),
    };
    let Some(listing) = payloads.iter().find(|payload| payload.role == ObjectRole::AofManifest) else {
        return Ok(payloads.iter().map(|payload| Origin::new(named(payload), opener(payload))).collect());
    };
    let mut text = Vec::new();
    let reader = open_payload(repository, backup, listing, identities)?;
    reader
        .take(4 << 20)
        .read_to_end(&mut text)
        .map_err(|error| crate::backup::readable(error, &backup.name.to_string()))?;
    let (manifest, flaws) = crate::aof::Manifest::parse(&text);
    let mut parts = Vec::new();
    for (position, entry) in manifest.load_order().enumerate() {
        let payload = payloads.iter().find(|payload| payload.raw_name.as_bytes() == entry.file);
        let Some(payload) = payload else {
            let what = format!("has no {}, which its manifest lists", crate::report::escape(&entry.file));
            return Err(Error::new(ErrorKind::Damaged { what }).about(backup.name.to_string()));
        };
        parts.push(Listed {
            path: PathBuf::from(&payload.raw_name),
            name: entry.file.clone(),
            role: entry.role,
            seq: entry.seq,
            position,
            bytes: payload.raw_bytes,
            held: Some(Box::new(opener(payload))),
        });
    }
    let set = AofSet {
        manifest_path: Some(PathBuf::from(&listing.raw_name)),
        folder: PathBuf::from(backup.name.to_string()),
        manifest,
        parts,
        missing: Vec::new(),
        history: Vec::new(),
        orphans: Vec::new(),
        temps: Vec::new(),
        other_manifests: Vec::new(),
        flaws,
    };
    Ok(vec![Origin::new(backup.name.to_string(), Place::Log(Box::new(set)))])
}
