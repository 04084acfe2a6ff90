//! Reads backups again: is everything there, is it what was stored, is it what was taken?

use super::{Clock, open_payload, readable};
use crate::analysis::{CheckOptions, check};
use crate::base::{Cancel, Error, ErrorKind, Result};
use crate::codec::Identities;
use crate::pipeline::RunOptions;
use crate::report::{ServerLoad, Verdict, VerifyResult};
use crate::repository::{Backup, BackupStatus, Level, ObjectRole, Repository, Said, Signature, Signer, sha256};
use sha2::Digest;
use std::collections::BTreeMap;
use std::io::{self, Read};

/// How deep, and as whom.
pub struct VerifyOptions<'a> {
    /// How deep.
    pub level: Level,
    /// What opens encrypted payloads, for [`Level::Full`].
    pub identities: Option<Identities>,
    /// How to run.
    pub run: RunOptions,
    /// Who signs what was found; nothing is written down where `record` is false.
    pub signer: Option<&'a Signer>,
    /// Whether to write down what was found.
    pub record: bool,
    /// The clock.
    pub clock: Clock<'a>,
    /// Any number, another for each run.
    pub salt: u32,
}

/// Reads one backup again. Damage is in the result, not an error.
///
/// # Errors
/// The store cannot be read, no identity opens the backup, the run was cancelled, or the result cannot be written down.
pub fn verify(repository: &Repository, backup: &Backup, options: &VerifyOptions<'_>) -> Result<VerifyResult> {
    let started = (options.clock)();
    let mut problems = manifest_level(repository, backup)?;
    let mut notes = Vec::new();
    match &backup.signature {
        Signature::Good { .. } | Signature::Bad { .. } => {}
        Signature::Missing => notes.push("is not signed".to_owned()),
        Signature::Unknown { key } => notes.push(format!("is signed by {key}, a key that is not known here")),
    }
    if problems.is_empty() && options.level >= Level::Stored {
        problems = stored_level(repository, backup, &options.run.cancel)?;
    }
    if problems.is_empty() && options.level >= Level::Full {
        problems = full_level(repository, backup, options)?;
    }
    let ended = (options.clock)();
    let duration_ms = u64::try_from(ended.0.saturating_sub(started.0)).unwrap_or_default();
    let problem = problems.first().cloned();
    // What is said of a manifest that is not the one that was signed would be said of nothing once it is put right.
    if options.record && !matches!(backup.signature, Signature::Bad { .. }) {
        let said = Said::Verified { level: options.level, problem: problem.clone(), duration_ms };
        repository.note(backup, ended, options.salt, said, options.signer)?;
    }
    notes.splice(0..0, problems);
    Ok(VerifyResult {
        name: backup.name.to_string(),
        instance: backup.name.instance().into(),
        level: options.level.word().into(),
        verdict: if problem.is_some() { "damaged" } else { "good" }.into(),
        problem,
        notes,
        duration_ms,
    })
}

/// Signatures, checksums' list, and every object with its size.
fn manifest_level(repository: &Repository, backup: &Backup) -> Result<Vec<String>> {
    let mut problems = Vec::new();
    if let Signature::Bad { why } = &backup.signature {
        problems.push(format!("the signature of its manifest is bad: {why}"));
    }
    if backup.signature == Signature::Missing && backup.manifest.signed_by.is_some() {
        problems.push("its manifest says that it is signed, and there is no signature".to_owned());
    }
    if let (Signature::Unknown { key }, Some(signed_by)) = (&backup.signature, &backup.manifest.signed_by)
        && key != signed_by
    {
        problems.push(format!("its manifest says that {signed_by} signed it, and its signature is of {key}"));
    }
    if matches!(backup.signature, Signature::Unknown { .. }) && backup.manifest.signed_by.is_none() {
        problems.push("its manifest says that nobody signed it, and there is a signature".to_owned());
    }
    for noted in &backup.sidecars {
        match (&noted.sidecar, &noted.signature) {
            (None, _) => problems.push(format!("{} cannot be read", noted.object)),
            (_, Signature::Bad { why }) => problems.push(format!("{}: bad signature: {why}", noted.object)),
            (Some(sidecar), _) if sidecar.manifest_sha256 != backup.manifest_sha256 => {
                problems.push(format!("{} is of another manifest", noted.object));
            }
            (_, Signature::Unknown { key }) if matches!(backup.signature, Signature::Good { .. }) => {
                problems.push(format!("{} is signed by {key}, a key that is not known here", noted.object));
            }
            (_, Signature::Missing) if backup.signature != Signature::Missing => {
                problems.push(format!("{} is not signed, and its backup is", noted.object));
            }
            _ => {}
        }
    }
    let sizes: BTreeMap<&str, u64> = backup.objects.iter().map(|object| (object.name.as_str(), object.bytes)).collect();
    for payload in &backup.manifest.payloads {
        match sizes.get(backup.name.object(&payload.file).as_str()) {
            None => problems.push(format!("{} is gone", payload.file)),
            Some(bytes) if *bytes != payload.stored_bytes => {
                problems.push(format!("{} has {bytes} bytes instead of {}", payload.file, payload.stored_bytes));
            }
            Some(_) => {}
        }
    }
    for (file, expected) in &backup.manifest.attachments {
        let object = backup.name.object(file);
        if !sizes.contains_key(object.as_str()) {
            problems.push(format!("{file} is gone"));
        } else if sha256(&repository.bytes(&object)?) != *expected {
            problems.push(format!("{file} was changed"));
        }
    }
    let sums = backup.name.object("SHA256SUMS");
    if !sizes.contains_key(sums.as_str()) {
        problems.push("SHA256SUMS is gone".to_owned());
    } else if repository.bytes(&sums)? != backup.manifest.sha256sums().as_bytes() {
        problems.push("SHA256SUMS was changed".to_owned());
    }
    Ok(problems)
}

/// The stored bytes of every payload.
fn stored_level(repository: &Repository, backup: &Backup, cancel: &Cancel) -> Result<Vec<String>> {
    let mut problems = Vec::new();
    for payload in &backup.manifest.payloads {
        let object = backup.name.object(&payload.file);
        let mut reader = repository.store().get(&object, None, None)?;
        let (bytes, found) = hashed(&mut reader, cancel).map_err(|error| readable(error, &object))?;
        if bytes != payload.stored_bytes || found != payload.stored_sha256 {
            problems.push(format!("{}: the stored bytes were changed", payload.file));
        }
    }
    Ok(problems)
}

fn hashed(reader: &mut dyn Read, cancel: &Cancel) -> io::Result<(u64, String)> {
    let mut hash = sha2::Sha256::new();
    let mut buffer = vec![0; 256 << 10];
    let mut bytes = 0u64;
    loop {
        if cancel.is_cancelled() {
            return Err(io::Error::other(Error::new(ErrorKind::Interrupted)));
        }
        let read = reader.read(&mut buffer)?;
        if read == 0 {
            break;
        }
        hash.update(buffer.get(..read).unwrap_or_default());
        bytes = bytes.saturating_add(read as u64);
    }
    Ok((bytes, hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()))
}

/// The whole way back, and every structure of every value.
fn full_level(repository: &Repository, backup: &Backup, options: &VerifyOptions<'_>) -> Result<Vec<String>> {
    let mut problems = Vec::new();
    // Every byte back out of it, those of manifests too; errors at the end of a stream are what the hashes say.
    for payload in &backup.manifest.payloads {
        let outcome = open_payload(repository, backup, payload, options.identities.as_ref()).and_then(|mut reader| {
            hashed(&mut reader, &options.run.cancel).map_err(|error| readable(error, &payload.file))
        });
        match outcome {
            Ok((bytes, found)) if bytes != payload.raw_bytes || found != payload.raw_sha256 => {
                problems.push(format!("{}: its bytes are not those that were taken", payload.file));
            }
            Ok(_) => {}
            Err(error) if matches!(error.kind(), ErrorKind::Damaged { .. }) => problems.push(error.to_string()),
            Err(error) => return Err(error),
        }
    }
    if !problems.is_empty() {
        return Ok(problems);
    }
    let check_options = CheckOptions { run: options.run.clone(), ..CheckOptions::default() };
    let mut keys = 0u64;
    for origin in super::origins(repository, backup, options.identities.as_ref())? {
        let found = check(&origin, &check_options).outcome?;
        keys = keys.saturating_add(found.keys);
        let torn = found.server_loads.as_ref().is_some_and(|loads| loads.verdict == ServerLoad::Truncating);
        // One that was damaged when it was taken is what it was.
        if found.verdict != Verdict::Intact && !torn && backup.manifest.status != BackupStatus::Damaged {
            let first = found.integrity.problems.first();
            let what = first.map_or_else(String::new, |first| format!(": {} at {:#x}", first.kind, first.offset));
            problems.push(format!("{} does not validate{what}", origin.name));
        }
    }
    if keys != backup.manifest.keys {
        problems.push(format!("{keys} keys instead of {}", backup.manifest.keys));
    }
    if backup.manifest.status == BackupStatus::Damaged {
        problems.push("was damaged when it was taken".to_owned());
    }
    debug_assert!(
        backup.manifest.payloads.iter().all(|payload| payload.role != ObjectRole::AofManifest || payload.keys == 0)
    );
    Ok(problems)
}
