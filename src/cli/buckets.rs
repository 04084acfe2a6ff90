//! Buckets of S3, as the flags, the AWS variables and the AWS files say how to reach them.

use super::args::S3Args;
use rediscover::base::Result;
use rediscover::source::Origin;
use rediscover::store::Store;
use std::sync::{Arc, OnceLock};

/// The flags of this run: as much a fact of the process as its variables are.
static FLAGS: OnceLock<S3Args> = OnceLock::new();

/// Keeps the flags for whoever opens a bucket.
pub(crate) fn keep(flags: &S3Args) {
    let _ = FLAGS.set(flags.clone());
}

/// Whether it names a bucket, or something in one.
pub(crate) fn is_one(text: &str) -> bool {
    text.starts_with("s3://")
}

#[cfg(not(feature = "s3"))]
fn absent<T>(text: &str) -> Result<T> {
    use rediscover::base::{Error, ErrorKind};
    let what = format!("{} is in a bucket, and this build knows none", super::sources::shown(text.as_ref()));
    Err(Error::new(ErrorKind::Unsupported { what }).with_hint("build it with the feature s3"))
}

/// The repository at `s3://bucket/prefix`.
#[cfg(not(feature = "s3"))]
pub(crate) fn repository(text: &str) -> Result<Arc<dyn Store>> {
    absent(text)
}

/// The objects that `s3://bucket/key` names, or `s3://bucket/pre*.rdb`.
#[cfg(not(feature = "s3"))]
pub(crate) fn objects(text: &str) -> Result<Vec<Origin>> {
    absent(text)
}

#[cfg(feature = "s3")]
pub(crate) use with_s3::{objects, repository};

#[cfg(feature = "s3")]
mod with_s3 {
    use super::{Arc, FLAGS, Origin, Result, S3Args, Store};
    use crate::cli::args::{Checksum, Sse};
    use rediscover::base::{Error, ErrorKind};
    use rediscover::source::{Opener, Place};
    use rediscover::store::ObjectInfo;
    use rediscover::store::S3Store;
    use rediscover::store::s3::{S3Address, S3Checksum, S3Encryption, S3Lock, S3LockMode, S3Options};
    use std::path::{Path, PathBuf};
    use std::time::Duration;

    /// The repository at `s3://bucket/prefix`.
    pub(crate) fn repository(text: &str) -> Result<Arc<dyn Store>> {
        let address = address("--repo", text)?;
        Ok(Arc::new(S3Store::connect(&address, &options())?))
    }

    /// The objects that `s3://bucket/key` names, or `s3://bucket/pre*.rdb`.
    pub(crate) fn objects(text: &str) -> Result<Vec<Origin>> {
        let wrong = |what: String, hint: &str| Error::new(ErrorKind::Usage { option: "SOURCE", what }).with_hint(hint);
        let (bucket, key) = text.strip_prefix("s3://").and_then(|rest| rest.split_once('/')).unwrap_or_default();
        if key.is_empty() || key.ends_with('/') {
            let hint =
                "s3://bucket/key names one, s3://bucket/exports/*.rdb several, s3://bucket/prefix::latest a backup";
            return Err(wrong(format!("{text} names no object"), hint));
        }
        let store = S3Store::connect(&address("SOURCE", &format!("s3://{bucket}"))?, &options())?;
        let found = match key.find(['*', '?', '[']) {
            None => vec![store.head_key(key)?.ok_or_else(|| {
                let error = Error::new(ErrorKind::NothingToRead { what: "there is no such object".into() });
                error.about(text).with_hint("look at the name, or at who may list and read in the bucket")
            })?],
            Some(at) => {
                let pattern =
                    glob::Pattern::new(key).map_err(|error| wrong(format!("{text}: {}", error.msg), "a glob"))?;
                let matching = glob::MatchOptions { require_literal_separator: true, ..glob::MatchOptions::new() };
                let mut all = store.list_keys(key.get(..at).unwrap_or_default())?;
                all.retain(|object| pattern.matches_with(&object.name, matching));
                if all.is_empty() {
                    return Err(Error::new(ErrorKind::NothingToRead { what: format!("{text} matches nothing") }));
                }
                all
            }
        };
        Ok(found.into_iter().map(|object| origin(&store, bucket, object)).collect())
    }

    /// One object: its tag holds for as long as it is read, however often.
    fn origin(store: &S3Store, bucket: &str, object: ObjectInfo) -> Origin {
        let name = format!("s3://{bucket}/{}", object.name);
        let is_log = Path::new(&object.name).extension().is_some_and(|end| end.eq_ignore_ascii_case("aof"));
        let modified = object.modified;
        let store = store.clone();
        let open = move || store.get_ahead(&object.name, &object).map_err(Into::into);
        Origin::new(name, Place::Opener(Opener::again(open, is_log).written(modified)))
    }

    fn address(option: &'static str, text: &str) -> Result<S3Address> {
        S3Address::parse(text).map_err(|error| {
            let what = match error.kind() {
                ErrorKind::Store { what, .. } => what.clone(),
                _ => error.to_string(),
            };
            Error::new(ErrorKind::Usage { option, what })
        })
    }

    fn options() -> S3Options {
        let flags = FLAGS.get().cloned().unwrap_or_default();
        S3Options {
            ca_bundle: std::env::var_os("AWS_CA_BUNDLE").filter(|file| !file.is_empty()).map(PathBuf::from),
            ..of(flags)
        }
    }

    fn of(flags: S3Args) -> S3Options {
        S3Options {
            endpoint: flags.s3_endpoint,
            path_style: flags.s3_path_style,
            checksum: match flags.s3_checksum {
                Checksum::Auto => S3Checksum::Auto,
                Checksum::WhenRequired => S3Checksum::WhenRequired,
                Checksum::Crc32 => S3Checksum::Crc32,
                Checksum::Crc64nvme => S3Checksum::Crc64Nvme,
                Checksum::Sha256 => S3Checksum::Sha256,
            },
            encryption: match flags.s3_sse {
                None => S3Encryption::AsTheBucket,
                Some(Sse::S3) => S3Encryption::S3,
                Some(Sse::Kms(key)) => S3Encryption::Kms { key },
            },
            storage_class: flags.s3_storage_class,
            lock: flags.s3_lock.map(|lock| S3Lock {
                mode: if lock.compliance { S3LockMode::Compliance } else { S3LockMode::Governance },
                duration: Duration::from_secs(lock.seconds),
            }),
            legal_hold: flags.s3_legal_hold,
            tags: flags.s3_tag,
            bandwidth: flags.s3_bandwidth,
            delete_versions: flags.s3_delete_versions,
            ..S3Options::default()
        }
    }
}
