//! Names in, bytes out: where the objects of a repository are kept. Knows nothing of Redis.
//!
//! A name is a path of one or more segments joined by `/`; a segment has letters, digits, `.`, `_` and `-`, and begins with no
//! dot. An object is there whole or not at all. `conformance` is one suite that every store passes.

use crate::base::{Result, UnixMs};
use std::io::Read;
use std::ops::Range;

/// One object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectInfo {
    /// Its name.
    pub name: String,
    /// Its bytes.
    pub bytes: u64,
    /// When it was written, by the store's clock.
    pub modified: Option<UnixMs>,
    /// What changes when the object is replaced; none where the store has no such thing.
    pub tag: Option<String>,
}

/// How an object is put.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PutOptions {
    /// Fail with [`ErrorKind::Exists`](crate::base::ErrorKind::Exists) rather than replace.
    pub if_absent: bool,
    /// Its bytes, where they are known beforehand.
    pub bytes: Option<u64>,
}

/// What came of a deletion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deleted {
    /// It is not there any more, or never was.
    Gone,
    /// It has to stay, until then where the store says so.
    Locked {
        /// When it may go.
        until: Option<UnixMs>,
    },
}

/// A place that keeps objects. Wrappers that retry, slow down or break things are stores too.
pub trait Store: Send + Sync {
    /// Where it is, safe to print: without credentials.
    fn location(&self) -> String;

    /// The objects whose names begin with `prefix`, sorted by name; unfinished ones are not among them.
    ///
    /// # Errors
    /// [`ErrorKind::Io`](crate::base::ErrorKind::Io) or [`ErrorKind::Store`](crate::base::ErrorKind::Store).
    fn list(&self, prefix: &str) -> Result<Vec<ObjectInfo>>;

    /// One object, or none if it is not there.
    ///
    /// # Errors
    /// As [`Store::list`].
    fn head(&self, name: &str) -> Result<Option<ObjectInfo>>;

    /// The bytes of an object, or of a range of it (cut at its end).
    ///
    /// # Errors
    /// As [`Store::list`]; an object that is not there is [`ErrorKind::Store`](crate::base::ErrorKind::Store), and so is one that
    /// has another tag than `if_match`.
    fn get(&self, name: &str, range: Option<Range<u64>>, if_match: Option<&str>) -> Result<Box<dyn Read + Send>>;

    /// Keeps the bytes under this name, on the disk when this returns: whole or not at all. A `body` that fails leaves
    /// nothing, and its error comes back.
    ///
    /// # Errors
    /// As [`Store::list`], [`ErrorKind::Exists`](crate::base::ErrorKind::Exists).
    fn put(&self, name: &str, body: &mut dyn Read, how: &PutOptions) -> Result<ObjectInfo>;

    /// Removes an object, and what is left empty around it.
    ///
    /// # Errors
    /// As [`Store::list`].
    fn delete(&self, name: &str) -> Result<Deleted>;

    /// Removes what unfinished puts have left under this prefix before `older_than`; says how much.
    ///
    /// # Errors
    /// As [`Store::list`].
    fn sweep(&self, prefix: &str, older_than: UnixMs) -> Result<u64>;
}
