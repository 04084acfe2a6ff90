//! The lock of a repository: an object that says who, and until when. Only prune takes it.
//!
//! Each holder has an object of its own beside `repository.json`. Whoever wants the lock looks that nobody has it, writes its
//! object, and looks again: of two that do so at once, at least one sees the other and steps back. An object whose time is up
//! is nobody's. So a machine that died holds nothing for long, and no object has to be replaced, which stores cannot do safely.

use crate::base::{Error, ErrorKind, Result, UnixMs};
use crate::repository::Repository;
use crate::store::{ObjectInfo, PutOptions};
use serde::{Deserialize, Serialize};

const SCHEMA: &str = "rediscover/backup-lock/v1";
const PREFIX: &str = "lock-";
/// How long it holds without being given back.
const LASTS_MS: i64 = 3_600_000;
/// How long before that its holder stops: clocks of machines differ.
const MARGIN_MS: i64 = 600_000;

#[derive(Serialize, Deserialize)]
struct Document {
    schema: String,
    owner: String,
    taken_at: String,
    expires_at: String,
}

/// A lock that somebody holds, or held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// Its object.
    pub object: String,
    /// Whose it is, as they call themselves; none if the object cannot be read.
    pub owner: Option<String>,
    /// When it is nobody's any more; none if that cannot be told.
    pub expires_at: Option<UnixMs>,
}

impl Held {
    /// Whether it still holds. One that does not say when it ends holds until it is removed.
    pub fn holds(&self, now: UnixMs) -> bool {
        self.expires_at.is_none_or(|end| end > now)
    }

    fn sentence(&self) -> String {
        let owner = self.owner.as_deref().unwrap_or("somebody").escape_default();
        match self.expires_at {
            Some(end) => format!("{owner} prunes it; its lock ends at {end}"),
            None => format!("{owner} prunes it; its lock says no end"),
        }
    }
}

/// The lock, held.
#[derive(Debug)]
pub(super) struct Lock {
    object: String,
    expires_at: UnixMs,
}

impl Lock {
    /// Takes it, and removes those whose time is up.
    ///
    /// # Errors
    /// [`ErrorKind::Locked`] if somebody else holds it; what the store says.
    pub(super) fn take(repository: &Repository, owner: &str, salt: u32, now: UnixMs) -> Result<Self> {
        let others = held(repository)?;
        if let Some(other) = others.iter().find(|other| other.holds(now)) {
            return Err(locked(repository, other));
        }
        let expires_at = UnixMs(now.0.saturating_add(LASTS_MS));
        let document = Document {
            schema: SCHEMA.into(),
            owner: owner.into(),
            taken_at: now.to_string(),
            expires_at: expires_at.to_string(),
        };
        let mut bytes = serde_json::to_vec(&document).map_err(|error| Error::io("write the lock", error.into()))?;
        bytes.push(b'\n');
        let lock = Self { object: format!("{PREFIX}{:016x}-{salt:08x}.json", now.0), expires_at };
        let how = PutOptions { if_absent: true, bytes: Some(bytes.len() as u64), passing: true };
        match repository.store().put(&lock.object, &mut bytes.as_slice(), &how) {
            Ok(_) => {}
            Err(error) if matches!(error.kind(), ErrorKind::Exists { .. }) => return Err(error),
            // It may be there all the same.
            Err(error) => return Err(lock.step_back(repository, error)),
        }
        let there = match held(repository) {
            Ok(there) => there,
            Err(error) => return Err(lock.step_back(repository, error)),
        };
        if let Some(other) = there.iter().find(|other| other.object != lock.object && other.holds(now)) {
            return Err(lock.step_back(repository, locked(repository, other)));
        }
        for stale in others {
            if let Err(error) = repository.store().clear(&stale.object) {
                return Err(lock.step_back(repository, error));
            }
        }
        Ok(lock)
    }

    /// Gives it back because of an error. If that fails too, it ends by itself.
    fn step_back(&self, repository: &Repository, error: Error) -> Error {
        let _ = repository.store().clear(&self.object);
        error
    }

    /// Fails where it may be somebody else's by now.
    pub(super) fn check(&self, now: UnixMs) -> Result<()> {
        if now.0 < self.expires_at.0.saturating_sub(MARGIN_MS) {
            return Ok(());
        }
        let what = "this took so long that the lock is about to end".to_owned();
        Err(Error::new(ErrorKind::Locked { what }).with_hint("run it again: it goes on where it stopped"))
    }

    /// Gives it back.
    ///
    /// # Errors
    /// What the store says; the lock ends by itself then.
    pub(super) fn release(self, repository: &Repository) -> Result<()> {
        repository.store().clear(&self.object)
    }
}

fn locked(repository: &Repository, other: &Held) -> Error {
    Error::new(ErrorKind::Locked { what: other.sentence() })
        .about(repository.location())
        .with_hint("wait for it; if it is dead for sure, 'rediscover backup unlock' removes the lock")
}

/// The locks there are, those whose time is up among them.
///
/// # Errors
/// What the store says.
pub fn held(repository: &Repository) -> Result<Vec<Held>> {
    let is_lock = |object: &ObjectInfo| !object.name.contains('/');
    let objects = repository.store().list(PREFIX)?.into_iter().filter(is_lock);
    let mut all = Vec::new();
    for object in objects {
        let bytes = match repository.bytes(&object.name) {
            Ok(bytes) => Some(bytes),
            Err(error) if matches!(error.kind(), ErrorKind::Damaged { .. }) => None,
            // Given back since it was listed.
            Err(_) if repository.store().head(&object.name)?.is_none() => continue,
            Err(error) => return Err(error),
        };
        let document: Option<Document> = bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        let end = document.as_ref().and_then(|document| document.expires_at.parse::<jiff::Timestamp>().ok());
        // One that cannot be read ends like any other, counted from when it was written.
        let written = object.modified.map(|at| UnixMs(at.0.saturating_add(LASTS_MS)));
        all.push(Held {
            object: object.name,
            owner: document.map(|document| document.owner),
            expires_at: end.map(|end| UnixMs(end.as_millisecond())).or(written),
        });
    }
    Ok(all)
}

/// Removes every lock, and says whose they were. Whoever held one does not notice.
///
/// # Errors
/// What the store says.
pub fn unlock(repository: &Repository) -> Result<Vec<Held>> {
    let all = held(repository)?;
    for one in &all {
        repository.store().clear(&one.object)?;
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::MemoryStore;
    use std::sync::Arc;

    const NOW: UnixMs = UnixMs(1_795_000_000_000);

    fn repository() -> Repository {
        Repository::open_or_create(Arc::new(MemoryStore::new()), "x", NOW).expect("a repository")
    }

    fn later(ms: i64) -> UnixMs {
        UnixMs(NOW.0 + ms)
    }

    #[test]
    fn one_holds_it_until_it_is_given_back() {
        let repository = repository();
        let lock = Lock::take(&repository, "a", 1, NOW).expect("the lock");
        let refused = Lock::take(&repository, "b", 2, later(1000)).expect_err("it is held");
        assert!(matches!(refused.kind(), ErrorKind::Locked { what } if what.starts_with("a prunes it")), "{refused}");
        lock.release(&repository).expect("given back");
        let lock = Lock::take(&repository, "b", 2, later(1000)).expect("it is free");
        assert_eq!(held(&repository).expect("a list").len(), 1);
        lock.release(&repository).expect("given back");
        assert_eq!(held(&repository).expect("a list"), []);
    }

    #[test]
    fn a_dead_holder_holds_it_for_an_hour() {
        let repository = repository();
        let dead = Lock::take(&repository, "a", 1, NOW).expect("the lock");
        assert!(Lock::take(&repository, "b", 2, later(LASTS_MS - 1)).is_err());
        assert!(dead.check(later(LASTS_MS - MARGIN_MS - 1)).is_ok());
        assert!(dead.check(later(LASTS_MS - MARGIN_MS)).is_err(), "the holder stops before others begin");
        let lock = Lock::take(&repository, "b", 2, later(LASTS_MS)).expect("its time is up");
        let there = held(&repository).expect("a list");
        assert_eq!(there.iter().map(|one| one.owner.as_deref()).collect::<Vec<_>>(), [Some("b")]);
        lock.release(&repository).expect("given back");
    }

    #[test]
    fn unlock_removes_what_holds_it_even_what_cannot_be_read() {
        let repository = repository();
        let _held = Lock::take(&repository, "a", 1, NOW).expect("the lock");
        let put = |name: &str| repository.store().put(name, &mut b"{".as_slice(), &PutOptions::default());
        put("lock-x.json").expect("an object");
        put("lock-y/20261123T030000.123Z-3f9a1c/dump.rdb").expect("a payload of an instance called so");
        assert!(Lock::take(&repository, "b", 2, later(10 * LASTS_MS)).is_err(), "a broken lock is a lock");
        let owners: Vec<_> = unlock(&repository).expect("unlocked").into_iter().map(|one| one.owner).collect();
        assert_eq!(owners, [Some("a".to_owned()), None]);
        assert_eq!(held(&repository).expect("a list"), []);
        assert_eq!(repository.store().list("lock-").expect("a list").len(), 1);
    }

    /// Whoever looks at the same moment: never two.
    #[test]
    fn of_many_at_once_one_at_most_has_it() {
        for round in 0..20 {
            let repository = repository();
            let got: usize = std::thread::scope(|scope| {
                let take = |salt| {
                    let repository = &repository;
                    scope.spawn(move || Lock::take(repository, "x", salt, later(round)).map(std::mem::forget).is_ok())
                };
                let all: Vec<_> = (0..8).map(take).collect();
                all.into_iter().filter_map(|one| one.join().ok()).filter(|got| *got).count()
            });
            assert!(got <= 1, "{got} have it");
        }
    }
}
