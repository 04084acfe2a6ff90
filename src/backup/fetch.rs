//! Gets the bytes of a backup out again: as they were taken, or as they are stored. Nothing else than what the manifest says
//! gets a final name.

use super::{open_payload, readable};
use crate::base::{Cancel, Error, ErrorKind, Result};
use crate::codec::Identities;
use crate::repository::{Backup, ObjectRole, Payload, Repository, Signature, sha256};
use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;
use sha2::Digest;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// How a backup is fetched.
#[derive(Clone, Default)]
pub struct FetchOptions {
    /// What opens encrypted payloads.
    pub identities: Option<Identities>,
    /// The objects as they are stored, not the bytes that were taken.
    pub stored: bool,
    /// Stops it.
    pub cancel: Cancel,
}

/// A file that was fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetched {
    /// Its name, without a folder.
    pub file: String,
    /// Its bytes.
    pub bytes: u64,
    /// SHA-256 of them.
    pub sha256: String,
}

/// Whether a backup comes out as several files, which need a folder.
pub fn is_set(backup: &Backup) -> bool {
    let role = |payload: &Payload| !matches!(payload.role, ObjectRole::Rdb | ObjectRole::Aof);
    backup.manifest.payloads.len() != 1 || backup.manifest.payloads.iter().any(role)
}

/// Writes the bytes of one payload. That they are what the manifest says is known when this returns, not before.
///
/// # Errors
/// [`ErrorKind::Damaged`]: they are not, or the signature of the manifest is bad. [`ErrorKind::Crypto`] if no identity opens
/// it; what the store says; `out` cannot be written; [`ErrorKind::Interrupted`].
pub fn fetch_payload(
    repository: &Repository,
    backup: &Backup,
    payload: &Payload,
    options: &FetchOptions,
    out: &mut dyn Write,
) -> Result<Fetched> {
    if let (Signature::Bad { why }, false) = (&backup.signature, options.stored) {
        let what = format!("the signature of its manifest is bad: {why}");
        return Err(Error::new(ErrorKind::Damaged { what }).about(backup.name.to_string()).with_hint(
            "--stored gets its objects as they are; 'rediscover backup verify --all' says what else was changed",
        ));
    }
    let object = backup.name.object(&payload.file);
    let (mut reader, file, bytes, sha256) = if options.stored {
        let stored = repository.store().get(&object, None, None)?;
        (stored, &payload.file, payload.stored_bytes, &payload.stored_sha256)
    } else {
        let raw = open_payload(repository, backup, payload, options.identities.as_ref())?;
        (raw, &payload.raw_name, payload.raw_bytes, &payload.raw_sha256)
    };
    let mut hash = sha2::Sha256::new();
    let mut buffer = vec![0; 256 << 10];
    let mut written = 0u64;
    loop {
        if options.cancel.is_cancelled() {
            return Err(Error::new(ErrorKind::Interrupted));
        }
        let read = reader.read(&mut buffer).map_err(|error| readable(error, &object))?;
        if read == 0 {
            break;
        }
        let chunk = buffer.get(..read).unwrap_or_default();
        hash.update(chunk);
        written = written.saturating_add(read as u64);
        out.write_all(chunk).map_err(|error| Error::io("write", error))?;
    }
    let found: String = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    if written != bytes || found != *sha256 {
        let what = "its bytes are not those that the manifest says".to_owned();
        return Err(Error::new(ErrorKind::Damaged { what })
            .about(object)
            .with_hint("'rediscover backup verify' says what was changed; fetch a copy or an older one"));
    }
    Ok(Fetched { file: file.clone(), bytes: written, sha256: found })
}

/// Puts all files of a backup into a folder that is not there yet: a folder for an append-only file, as a server keeps it. With
/// [`FetchOptions::stored`] its manifest, signature and SHA256SUMS too, so that it can be checked by hand there.
///
/// # Errors
/// As [`fetch_payload`]; [`ErrorKind::Exists`] if there is something of this name. Nothing is left then.
pub fn fetch_folder(
    repository: &Repository,
    backup: &Backup,
    options: &FetchOptions,
    folder: &Path,
) -> Result<Vec<Fetched>> {
    let shown = folder.display().to_string();
    let failed = |error| Error::io("write", error).about(shown.clone());
    let exists = || Error::new(ErrorKind::Exists { name: "file or folder of this name".into() }).about(shown.clone());
    if folder.symlink_metadata().is_ok() {
        return Err(exists().with_hint("-o names a folder that is not there yet: this backup has several files"));
    }
    let above = folder.parent().filter(|path| !path.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let beside = tempfile::Builder::new().prefix(".rediscover-").tempdir_in(above).map_err(failed)?;
    let mut files = Vec::new();
    for payload in &backup.manifest.payloads {
        let name = if options.stored { &payload.file } else { &payload.raw_name };
        let mut out = new_file(beside.path(), name).map_err(failed)?;
        files.push(fetch_payload(repository, backup, payload, options, &mut out)?);
        out.sync_all().map_err(failed)?;
    }
    for (name, expected) in &backup.manifest.attachments {
        let bytes = repository.bytes(&backup.name.object(name))?;
        if sha256(&bytes) != *expected {
            let what = format!("{name} was changed");
            return Err(Error::new(ErrorKind::Damaged { what }).about(backup.name.to_string()));
        }
        files.push(document(beside.path(), name, &bytes).map_err(failed)?);
    }
    if options.stored {
        for name in ["SHA256SUMS", "manifest.json.minisig", "manifest.json"] {
            let object = backup.name.object(name);
            if backup.objects.iter().any(|there| there.name == object) {
                files.push(document(beside.path(), name, &repository.bytes(&object)?).map_err(failed)?);
            }
        }
    }
    let sync = |path: &Path| File::open(path).and_then(|folder| folder.sync_all()).map_err(failed);
    sync(beside.path())?;
    if options.cancel.is_cancelled() {
        return Err(Error::new(ErrorKind::Interrupted));
    }
    match renameat_with(CWD, beside.path(), CWD, folder, RenameFlags::NOREPLACE) {
        // Not every file system can; then an empty folder may be replaced, and nothing else.
        Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => {
            std::fs::rename(beside.path(), folder).map_err(failed)?;
        }
        Err(Errno::EXIST | Errno::NOTEMPTY) => return Err(exists()),
        renamed => renamed.map_err(io::Error::from).map_err(failed)?,
    }
    // What it would remove has another name now.
    let _ = beside.keep();
    sync(above)?;
    Ok(files)
}

fn new_file(folder: &Path, name: &str) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(folder.join(name))
}

fn document(folder: &Path, name: &str, bytes: &[u8]) -> io::Result<Fetched> {
    let mut file = new_file(folder, name)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    Ok(Fetched { file: name.to_owned(), bytes: bytes.len() as u64, sha256: sha256(bytes) })
}
