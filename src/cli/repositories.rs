//! Repositories and the state folder, as arguments and the environment name them.

use super::args::{IdentityArgs, RepoArgs, StateArgs};
use super::buckets;
use super::ui::{self, Level, Ui};
use rediscover::backup::State;
use rediscover::base::{Error, ErrorKind, Result};
use rediscover::codec::Identities;
use rediscover::repository::{Repository, Signer, Trusted};
use rediscover::store::{LocalStore, Store};
use std::ffi::OsStr;
use std::hash::{BuildHasher, RandomState};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A repository, and what this host knows of those who write there.
pub(crate) struct Kept {
    pub(crate) repository: Repository,
    pub(crate) state: State,
    pub(crate) trusted: Trusted,
}

/// Opens a repository.
pub(crate) fn open(args: &RepoArgs) -> Result<Kept> {
    let (state, trusted) = known(&args.state)?;
    Ok(Kept { repository: open_at(&args.repo)?, state, trusted })
}

/// Opens a repository, and makes one where there is nothing yet.
pub(crate) fn open_or_create(args: &RepoArgs) -> Result<Kept> {
    let (state, trusted) = known(&args.state)?;
    Ok(Kept { repository: open_or_create_at(&args.repo)?, state, trusted })
}

/// The repository in this folder or bucket, made where there is nothing yet.
pub(crate) fn open_or_create_at(repo: &OsStr) -> Result<Repository> {
    let store: Arc<dyn Store> = match bucket(repo)? {
        Some(bucket) => buckets::repository(bucket)?,
        None => Arc::new(LocalStore::create(Path::new(repo))?),
    };
    let id = format!("{:016x}{:016x}", random(), random());
    Repository::open_or_create(store, &id, ui::now())
}

/// The repository in this folder or bucket.
pub(crate) fn open_at(repo: &OsStr) -> Result<Repository> {
    Repository::open(match bucket(repo)? {
        Some(bucket) => buckets::repository(bucket)?,
        None => Arc::new(LocalStore::open(Path::new(repo))?),
    })
}

/// The bucket that it names; none of a folder.
pub(crate) fn bucket(repo: &OsStr) -> Result<Option<&str>> {
    match repo.to_str().filter(|text| buckets::is_one(text)) {
        None if repo.to_string_lossy().contains("://") => {
            let what = format!("{} is neither a folder nor s3://BUCKET/PREFIX", super::sources::shown(repo));
            Err(Error::new(ErrorKind::Usage { option: "--repo", what }))
        }
        bucket => Ok(bucket),
    }
}

/// The state folder, and whose signatures count.
pub(crate) fn known(args: &StateArgs) -> Result<(State, Trusted)> {
    let state = State::new(args.state.clone().map_or_else(default_state, Ok)?);
    let mut trusted = state.trusted()?;
    for file in &args.trusted_key {
        let shown = super::sources::shown(file.as_os_str());
        let text =
            std::fs::read_to_string(file).map_err(|error| Error::io("read the public key", error).about(&shown))?;
        trusted.add(&text).map_err(|error| error.about(shown))?;
    }
    Ok((state, trusted))
}

fn default_state() -> Result<PathBuf> {
    let folder = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    if rediscover::backup::is_root() {
        return Ok(PathBuf::from("/var/lib/rediscover"));
    }
    let state = folder("XDG_STATE_HOME").or_else(|| folder("HOME").map(|home| home.join(".local/state")));
    state.map(|state| state.join("rediscover")).ok_or_else(|| {
        let what = "there is no HOME to keep this host's signing key in".to_owned();
        Error::new(ErrorKind::Usage { option: "--state", what }).with_hint("--state DIR names a folder")
    })
}

/// This host's signing key. At its first use it says what it made.
pub(crate) fn signer(kept: &mut Kept, ui: &mut Ui) -> Result<Signer> {
    signing_key(&kept.state, &mut kept.trusted, ui)
}

/// The same, trusted from now on.
pub(crate) fn signing_key(state: &State, trusted: &mut Trusted, ui: &mut Ui) -> Result<Signer> {
    let (signer, made) = state.signer()?;
    if made {
        let folder = super::sources::shown(state.folder().as_os_str());
        let text = format!("made a signing key for this host: {folder}/signing.key, id {}", signer.id());
        ui.say(
            Level::Warning,
            &text,
            Some("keep signing.pub elsewhere too: whoever can write here could sign as this host"),
        );
    }
    trusted.add(&signer.public()?)?;
    Ok(signer)
}

/// The age identities of `--identity`.
pub(crate) fn identities(args: &IdentityArgs) -> Result<Option<Identities>> {
    if args.identity.is_empty() {
        return Ok(None);
    }
    let all = args.identity.iter().map(|file| Identities::read(file)).collect::<Result<Vec<_>>>()?;
    Identities::joined(all).map(Some)
}

/// Any number. The hasher of the standard library is seeded by the machine.
pub(crate) fn random() -> u64 {
    RandomState::new().hash_one(std::process::id())
}

/// What keeps two names of one moment apart.
#[allow(clippy::cast_possible_truncation, reason = "any number will do")]
pub(crate) fn salt() -> u32 {
    random() as u32
}
