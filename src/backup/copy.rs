//! Copies backups into another repository: objects as they are, the manifest last. Nothing there is ever replaced.

use super::{Clock, VerifyOptions, readable, verify};
use crate::base::{Error, ErrorKind, Result};
use crate::pipeline::RunOptions;
use crate::report::VerifyResult;
use crate::repository::{
    Backup, BackupName, Catalog, Level, PRUNE_SCHEMA, PruneRecord, Removed, Repository, Said, Sidecar, Signature,
    Signer, Trusted,
};
use crate::store::{PutOptions, Store};
use sha2::Digest;
use std::collections::BTreeSet;
use std::io::{self, Read};

/// Why a backup before one that was copied is not there.
const NOT_COPIED: &str = "was not copied";

/// How backups are copied.
pub struct CopyOptions<'a> {
    /// How to run.
    pub run: RunOptions,
    /// Who signs what is said of them.
    pub signer: Option<&'a Signer>,
    /// Whose signatures count.
    pub trusted: &'a Trusted,
    /// The clock.
    pub clock: Clock<'a>,
    /// Gives any number, another each time.
    pub salt: &'a (dyn Fn() -> u32 + Sync),
}

/// What came of copying one backup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Copied {
    /// Objects that were sent.
    pub sent: u64,
    /// Their bytes.
    pub sent_bytes: u64,
    /// Payloads that were there already, with the SHA-256 they have to have.
    pub there: u64,
    /// The backup was there before.
    pub was_there: bool,
    /// What reading the copy again found; of one that was there, what its manifest and its objects' sizes say.
    pub verified: VerifyResult,
}

/// Whether a backup was copied there once and pruned since: it is not sent again.
pub fn was_pruned(there: &Catalog, backup: &Backup) -> bool {
    let name = backup.name.to_string();
    let is_it = |removed: &Removed| {
        removed.name == name && removed.manifest_sha256 == backup.manifest_sha256 && removed.reason != NOT_COPIED
    };
    let counts = |signature: &Signature| match signature {
        Signature::Good { .. } => true,
        Signature::Bad { .. } => false,
        Signature::Unknown { .. } | Signature::Missing => !matches!(backup.signature, Signature::Good { .. }),
    };
    there
        .pruned
        .iter()
        .filter(|pruned| counts(&pruned.signature))
        .any(|pruned| pruned.record.as_ref().is_some_and(|record| record.removed.iter().any(is_it)))
}

/// Copies one backup, with its tags and pins, and reads the copy again. A copy that was broken off goes on: payloads that are
/// there with their SHA-256 are not sent again. Where the backup before it is not there, a signed record says that it was not
/// copied, so that the chain holds. Says so beside the original. Memory: 256 KiB.
///
/// # Errors
/// [`ErrorKind::Exists`]: there is another backup, or another object, of this name. [`ErrorKind::Damaged`]: what is read is not
/// what the manifest says; no manifest is written then. What the stores say; [`ErrorKind::Interrupted`].
pub fn copy(from: &Repository, backup: &Backup, to: &Repository, options: &CopyOptions<'_>) -> Result<Copied> {
    if let Signature::Bad { why } = &backup.signature {
        let what = format!("the signature of its manifest is bad: {why}");
        return Err(Error::new(ErrorKind::Damaged { what }).about(backup.name.to_string()));
    }
    let manifest = backup.name.object("manifest.json");
    let was_there = to.store().head(&manifest)?.is_some();
    let copying = Copying { from: &**from.store(), to: &**to.store(), was_there, options };
    if was_there && crate::repository::sha256(&to.bytes(&manifest)?) != backup.manifest_sha256 {
        return Err(other(&manifest, to));
    }
    let mut tally = Tally::default();
    for payload in &backup.manifest.payloads {
        let object = backup.name.object(&payload.file);
        copying.payload(&object, payload.stored_bytes, &payload.stored_sha256, &mut tally)?;
    }
    for (file, expected) in &backup.manifest.attachments {
        let object = backup.name.object(file);
        let bytes = from.bytes(&object)?;
        if crate::repository::sha256(&bytes) != *expected {
            return Err(Error::new(ErrorKind::Damaged { what: "was changed".into() }).about(object));
        }
        copying.document(&object, &bytes, &mut tally)?;
    }
    copying.document(&backup.name.object("SHA256SUMS"), backup.manifest.sha256sums().as_bytes(), &mut tally)?;
    let there: BTreeSet<&str> = backup.objects.iter().map(|object| object.name.as_str()).collect();
    let signature_of = |object: &str| format!("{object}.minisig");
    let signed = |object: &str, tally: &mut Tally| -> Result<()> {
        if there.contains(signature_of(object).as_str()) {
            let signature = signature_of(object);
            copying.document(&signature, &from.bytes(&signature)?, tally)?;
        }
        copying.document(object, &from.bytes(object)?, tally)
    };
    // What was read and where else it lies is true of the original alone.
    for noted in &backup.sidecars {
        let is_wanted = |sidecar: &Sidecar| matches!(sidecar.said, Said::Tagged { .. } | Said::Pinned | Said::Unpinned);
        if noted.sidecar.as_ref().is_some_and(is_wanted) && !matches!(noted.signature, Signature::Bad { .. }) {
            signed(&noted.object, &mut tally)?;
        }
    }
    cover(backup, to, options)?;
    signed(&manifest, &mut tally)?;
    let copy = to.read(&backup.name, options.trusted)?;
    if copy.manifest_sha256 != backup.manifest_sha256 {
        // Nothing is said of it: whatever was read here is not what was sent.
        let what = "the manifest comes back as another one".to_owned();
        return Err(Error::new(ErrorKind::Damaged { what })
            .about(manifest)
            .with_hint("run it again; look at its disk"));
    }
    let verify_options = VerifyOptions {
        // What was there and whole before is not read every night: that is what verify is for.
        level: if was_there && tally.sent == 0 { Level::Manifest } else { Level::Stored },
        identities: None,
        run: options.run.clone(),
        signer: options.signer,
        record: !was_there || tally.sent > 0,
        clock: options.clock,
        salt: (options.salt)(),
    };
    let verified = verify(to, &copy, &verify_options)?;
    let place = to.location();
    if verified.problem.is_none() && !backup.copies().contains(&place) {
        from.note(backup, (options.clock)(), (options.salt)(), Said::Copied { to: place }, options.signer)?;
    }
    Ok(Copied { sent: tally.sent, sent_bytes: tally.sent_bytes, there: tally.there, was_there, verified })
}

/// Where the backup before it is not there, says why.
fn cover(backup: &Backup, to: &Repository, options: &CopyOptions<'_>) -> Result<()> {
    let Some(previous) = &backup.manifest.previous else { return Ok(()) };
    let catalog = to.catalog(backup.name.instance(), options.trusted)?;
    let is_there = catalog.backups.iter().any(|there| there.manifest.name == previous.name);
    let trusts = options.signer.is_none();
    let covers = |removed: &Removed| removed.name == previous.name && removed.manifest_sha256 == previous.sha256;
    let is_covered = catalog
        .pruned
        .iter()
        .filter(|pruned| trusts || matches!(pruned.signature, Signature::Good { .. }))
        .filter_map(|pruned| pruned.record.as_ref())
        .any(|record| record.removed.iter().any(covers));
    if is_there || is_covered || BackupName::parse(&previous.name).is_none() {
        return Ok(());
    }
    let at = (options.clock)();
    let record = PruneRecord {
        schema: PRUNE_SCHEMA.into(),
        instance: backup.name.instance().into(),
        at: at.to_string(),
        removed: vec![Removed {
            name: previous.name.clone(),
            manifest_sha256: previous.sha256.clone(),
            previous: None,
            reason: NOT_COPIED.into(),
        }],
    };
    to.record(&record, at, (options.salt)(), options.signer)
}

fn other(object: &str, to: &Repository) -> Error {
    Error::new(ErrorKind::Exists { name: format!("{object} of other content") })
        .about(to.location())
        .with_hint("nothing there is replaced; look at both with 'rediscover backup verify --all'")
}

#[derive(Default)]
struct Tally {
    sent: u64,
    sent_bytes: u64,
    there: u64,
}

struct Copying<'a> {
    from: &'a dyn Store,
    to: &'a dyn Store,
    /// The manifest is there: its payloads were compared before that.
    was_there: bool,
    options: &'a CopyOptions<'a>,
}

impl Copying<'_> {
    fn payload(&self, object: &str, bytes: u64, sha256: &str, tally: &mut Tally) -> Result<()> {
        if let Some(there) = self.to.head(object)? {
            if self.was_there && there.bytes == bytes {
                tally.there = tally.there.saturating_add(1);
                return Ok(());
            }
            let mut reader = self.checked(self.to, object, bytes, sha256)?;
            let same = io::copy(&mut reader, &mut io::sink());
            return match same {
                Ok(_) if there.bytes == bytes => {
                    tally.there = tally.there.saturating_add(1);
                    Ok(())
                }
                Err(error) if error.kind() != io::ErrorKind::InvalidData => Err(readable(error, object)),
                _ => Err(Error::new(ErrorKind::Exists { name: format!("{object} of other content") })
                    .about(self.to.location())
                    .with_hint("nothing there is replaced; 'rediscover backup verify --all' says which is damaged")),
            };
        }
        let mut reader = self.checked(self.from, object, bytes, sha256)?;
        let how = PutOptions { if_absent: true, bytes: Some(bytes), passing: false };
        self.to.put(object, &mut reader, &how).map_err(|error| {
            if self.options.run.cancel.is_cancelled() { Error::new(ErrorKind::Interrupted) } else { error }
        })?;
        tally.sent = tally.sent.saturating_add(1);
        tally.sent_bytes = tally.sent_bytes.saturating_add(bytes);
        Ok(())
    }

    /// Small objects.
    fn document(&self, object: &str, bytes: &[u8], tally: &mut Tally) -> Result<()> {
        if self.to.head(object)?.is_some() {
            let mut there = Vec::new();
            let most = (bytes.len() as u64).saturating_add(1);
            let reader = self.to.get(object, None, None)?;
            reader.take(most).read_to_end(&mut there).map_err(|error| readable(error, object))?;
            if there == bytes {
                return Ok(());
            }
            return Err(Error::new(ErrorKind::Exists { name: format!("{object} of other content") })
                .about(self.to.location())
                .with_hint("nothing there is replaced"));
        }
        let how = PutOptions { if_absent: true, bytes: Some(bytes.len() as u64), passing: false };
        self.to.put(object, &mut &*bytes, &how)?;
        tally.sent = tally.sent.saturating_add(1);
        tally.sent_bytes = tally.sent_bytes.saturating_add(bytes.len() as u64);
        Ok(())
    }

    fn checked(&self, store: &dyn Store, object: &str, bytes: u64, sha256: &str) -> Result<Checked<'_>> {
        Ok(Checked {
            inner: store.get(object, None, None)?,
            object: object.to_owned(),
            hash: sha2::Sha256::new(),
            bytes: 0,
            expected: (bytes, sha256.to_owned()),
            options: self.options,
        })
    }
}

/// Ends cleanly only where the bytes were what the manifest says.
struct Checked<'a> {
    inner: Box<dyn Read + Send>,
    object: String,
    hash: sha2::Sha256,
    bytes: u64,
    expected: (u64, String),
    options: &'a CopyOptions<'a>,
}

impl Read for Checked<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.options.run.cancel.is_cancelled() {
            return Err(Error::new(ErrorKind::Interrupted).into());
        }
        let read = self.inner.read(buffer)?;
        self.hash.update(buffer.get(..read).unwrap_or_default());
        self.bytes = self.bytes.saturating_add(read as u64);
        if read == 0 && !buffer.is_empty() {
            let found: String = self.hash.clone().finalize().iter().map(|byte| format!("{byte:02x}")).collect();
            if (self.bytes, &found) != (self.expected.0, &self.expected.1) {
                let what = "the stored bytes are not those that the manifest says".to_owned();
                return Err(Error::new(ErrorKind::Damaged { what }).about(&self.object).into());
            }
        }
        Ok(read)
    }
}
