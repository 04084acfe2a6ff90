//! Objects in a bucket of S3, or of a server that speaks its protocol.
//!
//! [`S3Store::connect`] reads the standard AWS variables and configuration files through `aws-config` where its options leave
//! something open: the credentials, the region, the profile, the endpoint, proxies. It is the one place of the library that asks
//! the environment, on behalf of its caller; the SDK asks the clock as well, since requests are signed with the time. Nothing of
//! the credentials is in an error, a location or a `Debug`.
//!
//! The SDK is asynchronous and this trait is not: a store owns a runtime with one thread, on which parts travel and bodies
//! arrive while the caller works. So it must not be used from within an asynchronous task.
//!
//! What the protocol does not promise, a store cannot: a server that ignores `If-None-Match` lets the last of two writers win.
//! A tag is the `ETag` without its quotes: what changes with the object, not a checksum of it.

mod address;
mod ahead;
mod client;
mod failure;
mod get;
mod list;
mod options;
mod parts;
mod put;
mod remove;
mod settings;
mod throttle;

pub use address::S3Address;
pub use options::{S3Checksum, S3Credentials, S3Encryption, S3Lock, S3LockMode, S3Options};

use super::{Deleted, ObjectInfo, PutOptions, Store, checked, checked_prefix};
use crate::base::{Error, ErrorKind, Result, UnixMs};
use aws_sdk_s3::Client;
use aws_sdk_s3::primitives::DateTime;
use failure::Seen;
use std::fmt;
use std::future::Future;
use std::io::Read;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;
use throttle::Throttle;
use tokio::runtime::{Builder, Handle, Runtime};

/// Objects in a bucket. Clones are the same store.
#[derive(Clone)]
pub struct S3Store(Arc<Inner>);

struct Inner {
    client: Client,
    address: S3Address,
    options: S3Options,
    throttle: Option<Throttle>,
    handle: Handle,
    /// Only to be dropped.
    runtime: Option<Runtime>,
}

impl S3Store {
    /// The store at this address: loads the credentials and asks for one name, so that what is wrong shows before there is
    /// work to lose. A policy that forbids lists is no reason to fail here.
    ///
    /// # Errors
    /// [`ErrorKind::Store`], [`ErrorKind::Io`] and [`ErrorKind::Crypto`]: settings that cannot work, no credentials, a bucket
    /// that is not there or elsewhere, a server that cannot be reached.
    pub fn connect(address: &S3Address, options: &S3Options) -> Result<Self> {
        options.checked().map_err(|error| error.about(address.to_string()))?;
        let failed = |error| Error::io("start a thread for the bucket", error);
        let mut builder = Builder::new_multi_thread();
        let runtime = builder.worker_threads(1).thread_name("s3").enable_all().build().map_err(failed)?;
        let handle = runtime.handle().clone();
        let throttle = options.bandwidth.map(|bytes| {
            let _inside = handle.enter();
            Throttle::new(bytes)
        });
        let client = handle.block_on(client::client(options)).map_err(|error| error.about(address.to_string()))?;
        let (address, options) = (address.clone(), options.clone());
        let store = Self(Arc::new(Inner { client, address, options, throttle, handle, runtime: Some(runtime) }));
        store.0.probe()?;
        Ok(store)
    }

    /// The object of this key, which need not be below the prefix nor be a name of a repository; none if it is not there.
    ///
    /// # Errors
    /// As [`Store::head`].
    pub fn head_key(&self, key: &str) -> Result<Option<ObjectInfo>> {
        self.0.head(key)
    }

    /// The bytes of the object of this key, as [`Store::get`] gives them.
    ///
    /// # Errors
    /// As [`Store::get`].
    pub fn get_key(
        &self,
        key: &str,
        range: Option<Range<u64>>,
        if_match: Option<&str>,
    ) -> Result<Box<dyn Read + Send>> {
        get::get(&self.0, key, range, if_match)
    }

    /// All bytes of an object that [`S3Store::head_key`] has found, in ranges that come ahead of the reader: at most 40 MiB of
    /// memory. The reader fails where the object is replaced meanwhile.
    ///
    /// # Errors
    /// As [`Store::get`].
    pub fn get_ahead(&self, key: &str, found: &ObjectInfo) -> Result<Box<dyn Read + Send>> {
        match &found.tag {
            Some(tag) => Ok(Box::new(ahead::Ahead::new(&self.0, key, tag, found.bytes))),
            None => self.get_key(key, None, None),
        }
    }

    /// The objects whose keys begin so, sorted by key; whatever they are called.
    ///
    /// # Errors
    /// As [`Store::list`].
    pub fn list_keys(&self, prefix: &str) -> Result<Vec<ObjectInfo>> {
        list::list(&self.0, prefix, |key| Some(key.to_owned()))
    }
}

impl Inner {
    /// Does asynchronous work on this thread; what it spawned goes on between.
    fn wait<T>(&self, work: impl Future<Output = T>) -> T {
        self.handle.block_on(work)
    }

    /// How long to wait before trying again: twice as long each time, by chance down to the half.
    fn backoff(&self, tries: u32) -> Duration {
        let most = self.options.backoff.saturating_mul(1u32.checked_shl(tries.saturating_sub(1)).unwrap_or(u32::MAX));
        let most = most.min(Duration::from_secs(20));
        let half = most / 2;
        let share = u32::try_from(super::fresh() % 1024).unwrap_or(0);
        half.saturating_add(half.saturating_mul(share) / 1024)
    }

    /// Waits before trying again.
    fn pause(&self, tries: u32) {
        let long = self.backoff(tries);
        // In a block, since a sleep is made within the runtime.
        self.wait(async { tokio::time::sleep(long).await });
    }

    /// Waits until so many bytes may pass.
    fn slow_down(&self, bytes: usize) {
        if let Some(throttle) = &self.throttle {
            self.wait(throttle.take(bytes as u64));
        }
    }

    /// The seconds since 1970 by the clock that requests are signed with.
    fn now(&self) -> Result<i64> {
        let none = || Error::new(ErrorKind::Store { op: "ask the clock", what: "there is none".to_owned() });
        Ok(DateTime::from(self.client.config().time_source().ok_or_else(none)?.now()).secs())
    }

    fn place(&self, key: &str) -> String {
        let shown: String =
            key.chars().flat_map(|c| if c.is_control() { c.escape_default().collect() } else { vec![c] }).collect();
        format!("s3://{}/{shown}", self.address.bucket)
    }

    fn probe(&self) -> Result<()> {
        let request =
            self.client.list_objects_v2().bucket(&self.address.bucket).prefix(self.address.key("")).max_keys(1);
        match self.wait(request.send()).map_err(|error| Seen::of(&error)) {
            Err(seen) if !seen.is_denied() => Err(seen.into_error("open the bucket", self.address.to_string())),
            _ => Ok(()),
        }
    }

    fn head(&self, key: &str) -> Result<Option<ObjectInfo>> {
        match self.wait(self.client.head_object().bucket(&self.address.bucket).key(key).send()) {
            Ok(found) => {
                let bytes = found.content_length().and_then(|bytes| u64::try_from(bytes).ok()).unwrap_or(0);
                let name = self.address.name(key).unwrap_or(key);
                Ok(Some(info(name, bytes, found.last_modified(), found.e_tag())))
            }
            Err(error) => {
                let seen = Seen::of(&error);
                if seen.is("NoSuchKey", 404) {
                    Ok(None)
                } else {
                    Err(seen.into_error("look at the object", self.place(key)))
                }
            }
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // A name that is being looked up would be waited for.
            runtime.shutdown_background();
        }
    }
}

impl fmt::Debug for S3Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "S3Store({})", self.0.address)
    }
}

/// Facts of an object. Times are cut to seconds: lists may have finer ones than looks.
fn info(name: &str, bytes: u64, modified: Option<&DateTime>, tag: Option<&str>) -> ObjectInfo {
    let modified = modified.map(|time| UnixMs(time.secs().saturating_mul(1000)));
    ObjectInfo { name: name.to_owned(), bytes, modified, tag: tag.map(tag_of) }
}

/// An `ETag` without its quotes.
fn tag_of(tag: &str) -> String {
    tag.trim_matches('"').to_owned()
}

impl Store for S3Store {
    fn location(&self) -> String {
        self.0.address.to_string()
    }

    fn list(&self, prefix: &str) -> Result<Vec<ObjectInfo>> {
        let inner = &self.0;
        let named = |key: &str| inner.address.name(key).filter(|name| super::is_name(name, false)).map(str::to_owned);
        list::list(inner, &inner.address.key(checked_prefix(prefix)?), named)
    }

    fn head(&self, name: &str) -> Result<Option<ObjectInfo>> {
        self.0.head(&self.0.address.key(checked(name)?))
    }

    fn get(&self, name: &str, range: Option<Range<u64>>, if_match: Option<&str>) -> Result<Box<dyn Read + Send>> {
        get::get(&self.0, &self.0.address.key(checked(name)?), range, if_match)
    }

    fn put(&self, name: &str, body: &mut dyn Read, how: &PutOptions) -> Result<ObjectInfo> {
        put::put(&self.0, checked(name)?, body, how)
    }

    /// An object under retention or hold stays, with all its versions. Otherwise it goes: where the bucket keeps versions, behind
    /// a marker, or for good where [`S3Options::delete_versions`] says so.
    fn delete(&self, name: &str) -> Result<Deleted> {
        remove::delete(&self.0, &self.0.address.key(checked(name)?))
    }

    /// Behind a marker where the bucket keeps versions, whatever is locked.
    fn clear(&self, name: &str) -> Result<()> {
        remove::clear(&self.0, &self.0.address.key(checked(name)?))
    }

    fn sweep(&self, prefix: &str, older_than: UnixMs) -> Result<u64> {
        remove::sweep(&self.0, &self.0.address.key(checked_prefix(prefix)?), older_than)
    }
}
