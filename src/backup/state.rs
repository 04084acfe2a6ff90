//! What a host keeps for itself in its state folder: its signing key, whom it trusts, the heads of chains, locks.
//!
//! ```text
//! signing.key            Ed25519, as minisign -G -W makes it; 0600
//! signing.pub            its public half
//! trusted/*.pub          public keys of other hosts
//! heads/REPO-INSTANCE    name and SHA-256 of the manifest of the newest backup made here
//! locks/REPO-INSTANCE    held by flock while a backup is made
//! ```

use crate::base::{Error, ErrorKind, Result};
use crate::repository::{BackupName, Signer, Trusted};
use rustix::fs::{FlockOperation, flock};
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// The state folder of a host.
#[derive(Debug, Clone)]
pub struct State {
    folder: PathBuf,
}

/// The newest backup of a chain, as a host remembers it: that it was removed or rolled back shows against this alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// Its name.
    pub name: BackupName,
    /// SHA-256 of its manifest.
    pub sha256: String,
}

impl Head {
    /// Reads `NAME SHA256`, a line as [`Head`] prints it; none if it is none.
    pub fn parse(text: &str) -> Option<Self> {
        let (name, sha256) = text.trim().split_once(' ')?;
        let is_hash = sha256.len() == 64 && sha256.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        is_hash.then_some(Self { name: BackupName::parse(name)?, sha256: sha256.to_owned() })
    }
}

impl std::fmt::Display for Head {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.name, self.sha256)
    }
}

/// Held while a backup of an instance is made on this host; let go when dropped, and when the process ends.
#[derive(Debug)]
pub struct InstanceLock(#[allow(dead_code, reason = "its lock goes with it")] File);

impl State {
    /// The state folder; nothing is made before it is needed.
    pub fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// Where it is.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The signing key of this host, made at its first use; and whether it was made now.
    ///
    /// # Errors
    /// [`ErrorKind::Io`], [`ErrorKind::Crypto`] if the file is no key.
    pub fn signer(&self) -> Result<(Signer, bool)> {
        let path = self.folder.join("signing.key");
        let failed = |what| {
            let path = path.display().to_string();
            move |error| {
                Error::io(what, error)
                    .about(path)
                    .with_hint("--state DIR names a folder for keys that this user may write")
            }
        };
        match fs::read_to_string(&path) {
            Ok(text) => {
                return Ok((Signer::parse(&text).map_err(|error| error.about(path.display().to_string()))?, false));
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(failed("read the signing key")(error)),
        }
        self.make(Path::new(""))?;
        let (secret, public) = Signer::generate()?;
        // The public half first: a key that is there has one.
        write_beside(&self.folder.join("signing.pub"), public.as_bytes(), 0o644, true)
            .map_err(failed("write the key"))?;
        match write_beside(&path, secret.as_bytes(), 0o600, false) {
            Ok(()) => Ok((Signer::parse(&secret)?, true)),
            // Another process was first; its public half was replaced by ours.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                let text = fs::read_to_string(&path).map_err(failed("read the signing key"))?;
                let signer = Signer::parse(&text)?;
                let public = signer.public()?;
                write_beside(&self.folder.join("signing.pub"), public.as_bytes(), 0o644, true)
                    .map_err(failed("write the key"))?;
                Ok((signer, false))
            }
            Err(error) => Err(failed("write the signing key")(error)),
        }
    }

    /// The public keys whose signatures count here: its own and those in `trusted`.
    ///
    /// # Errors
    /// [`ErrorKind::Io`], [`ErrorKind::Crypto`] if one of the files is no key.
    pub fn trusted(&self) -> Result<Trusted> {
        let mut trusted = Trusted::default();
        let mut files = vec![self.folder.join("signing.pub")];
        if let Ok(entries) = fs::read_dir(self.folder.join("trusted")) {
            files.extend(
                entries
                    .flatten()
                    .map(|entry| entry.path())
                    .filter(|path| path.extension().is_some_and(|kind| kind == "pub")),
            );
        }
        for file in files {
            let shown = file.display().to_string();
            match fs::read_to_string(&file) {
                Ok(text) => trusted.add(&text).map_err(|error| error.about(shown))?,
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(Error::io("read the public key", error).about(shown)),
            }
        }
        Ok(trusted)
    }

    /// Keeps others on this host from making a backup of the same instance.
    ///
    /// # Errors
    /// [`ErrorKind::Locked`] if one is being made, [`ErrorKind::Io`].
    pub fn lock(&self, repository: &str, instance: &str) -> Result<InstanceLock> {
        let path = self.of_instance("locks", repository, instance)?;
        let failed = |error| Error::io("open the lock", error).about(path.display().to_string());
        let file =
            OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&path).map_err(failed)?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(InstanceLock(file)),
            Err(rustix::io::Errno::WOULDBLOCK) => {
                let what = format!("another backup of {instance} is being made on this host");
                Err(Error::new(ErrorKind::Locked { what })
                    .with_hint("wait for it; the lock goes with the process that holds it"))
            }
            Err(error) => Err(Error::io("take the lock", error.into()).about(path.display().to_string())),
        }
    }

    /// The newest backup that was made on this host, as far as it remembers.
    ///
    /// # Errors
    /// [`ErrorKind::Io`], [`ErrorKind::Damaged`] if the file is not as it was written.
    pub fn head(&self, repository: &str, instance: &str) -> Result<Option<Head>> {
        let path = self.folder.join("heads").join(file_name(repository, instance));
        match fs::read_to_string(&path) {
            Ok(text) => {
                let damaged = || Error::new(ErrorKind::Damaged { what: "is not NAME SHA256".into() });
                Head::parse(&text)
                    .map(Some)
                    .ok_or_else(damaged)
                    .map_err(|error| error.about(path.display().to_string()))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Error::io("read the head", error).about(path.display().to_string())),
        }
    }

    /// Remembers the newest backup.
    ///
    /// # Errors
    /// [`ErrorKind::Io`].
    pub fn keep_head(&self, repository: &str, head: &Head) -> Result<()> {
        let path = self.of_instance("heads", repository, head.name.instance())?;
        write_beside(&path, format!("{head}\n").as_bytes(), 0o600, true)
            .map_err(|error| Error::io("write the head", error).about(path.display().to_string()))
    }

    fn of_instance(&self, folder: &str, repository: &str, instance: &str) -> Result<PathBuf> {
        self.make(Path::new(folder))?;
        Ok(self.folder.join(folder).join(file_name(repository, instance)))
    }

    fn make(&self, below: &Path) -> Result<()> {
        let folder = self.folder.join(below);
        let made = DirBuilder::new().recursive(true).mode(0o700).create(&folder);
        made.map_err(|error| {
            Error::io("make the folder", error)
                .about(folder.display().to_string())
                .with_hint("--state DIR names a folder for keys that this user may write")
        })
    }
}

/// A repository's id may be anything: its letters and digits.
fn file_name(repository: &str, instance: &str) -> String {
    let id: String = repository.chars().filter(char::is_ascii_alphanumeric).take(64).collect();
    format!("{id}-{instance}")
}

fn write_beside(path: &Path, bytes: &[u8], mode: u32, replace: bool) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::Builder::new()
        .prefix(".rediscover-")
        .make_in(folder, |path| OpenOptions::new().write(true).create_new(true).mode(mode).open(path))?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    let named = if replace { file.persist(path) } else { file.persist_noclobber(path) };
    named.map_err(|error| error.error)?;
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::UnixMs;
    use crate::repository::Signature;

    #[test]
    fn a_key_is_made_once_and_trusted_here() {
        let folder = tempfile::tempdir().expect("a folder");
        let state = State::new(folder.path().join("state"));
        let (first, made) = state.signer().expect("a key");
        assert!(made);
        let (second, made) = state.signer().expect("the same key");
        assert!(!made);
        assert_eq!(first.id(), second.id());
        let signature = second.sign(b"x", "y").expect("a signature");
        let judged = state.trusted().expect("keys").judge(b"x", Some(&signature), "y");
        assert_eq!(judged, Signature::Good { key: first.id() });
    }

    #[test]
    fn one_backup_of_an_instance_at_a_time() {
        let folder = tempfile::tempdir().expect("a folder");
        let state = State::new(folder.path().to_owned());
        let held = state.lock("id", "prod").expect("a lock");
        let refused = state.lock("id", "prod").expect_err("it is held");
        assert!(matches!(refused.kind(), ErrorKind::Locked { .. }), "{refused}");
        state.lock("id", "stage").expect("another instance");
        drop(held);
        state.lock("id", "prod").expect("it was let go");
    }

    #[test]
    fn heads_are_read_as_they_are_kept() {
        let folder = tempfile::tempdir().expect("a folder");
        let state = State::new(folder.path().to_owned());
        let name = BackupName::new("prod", UnixMs(1_700_000_000_000), 1).expect("a name");
        assert_eq!(state.head("../id", "prod").expect("none yet"), None);
        let head = Head { name, sha256: "ab".repeat(32) };
        state.keep_head("../id", &head).expect("kept");
        assert_eq!(state.head("../id", "prod").expect("kept"), Some(head));
        fs::write(folder.path().join("heads/id-prod"), "x").expect("a broken file");
        assert!(state.head("../id", "prod").is_err());
    }
}
