//! Names in, bytes out: where the objects of a repository are kept. Knows nothing of Redis.
//!
//! A name is a path of one or more segments joined by `/`; a segment has letters, digits, `.`, `_` and `-`, and begins with no
//! dot. An object is there whole or not at all. `conformance` is one suite that every store passes.

mod local;
mod memory;
#[cfg(feature = "s3")]
pub mod s3;

pub use local::LocalStore;
pub use memory::MemoryStore;
#[cfg(feature = "s3")]
pub use s3::S3Store;

use crate::base::{Error, ErrorKind, Result, UnixMs};
use std::io::{self, Read};
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
    /// Fail with [`ErrorKind::Exists`] rather than replace.
    pub if_absent: bool,
    /// Its bytes, where they are known beforehand.
    pub bytes: Option<u64>,
    /// It goes again soon: no lock is put on it that keeps what lasts.
    pub passing: bool,
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
    /// [`ErrorKind::Io`] or [`ErrorKind::Store`].
    fn list(&self, prefix: &str) -> Result<Vec<ObjectInfo>>;

    /// One object, or none if it is not there.
    ///
    /// # Errors
    /// As [`Store::list`].
    fn head(&self, name: &str) -> Result<Option<ObjectInfo>>;

    /// The bytes of an object, or of a range of it: cut at its end, nothing where it begins behind it.
    ///
    /// # Errors
    /// As [`Store::list`]; an object that is not there is [`ErrorKind::Store`], and so is one that
    /// has another tag than `if_match`.
    fn get(&self, name: &str, range: Option<Range<u64>>, if_match: Option<&str>) -> Result<Box<dyn Read + Send>>;

    /// Keeps the bytes under this name, on the disk when this returns: whole or not at all. A `body` that fails, or has
    /// other than [`PutOptions::bytes`], leaves nothing, and its error comes back.
    ///
    /// # Errors
    /// As [`Store::list`], [`ErrorKind::Exists`].
    fn put(&self, name: &str, body: &mut dyn Read, how: &PutOptions) -> Result<ObjectInfo>;

    /// Removes an object, and what is left empty around it.
    ///
    /// # Errors
    /// As [`Store::list`].
    fn delete(&self, name: &str) -> Result<Deleted>;

    /// Takes an object out of sight that was put as [`PutOptions::passing`], even where the store keeps its bytes.
    ///
    /// # Errors
    /// As [`Store::list`].
    fn clear(&self, name: &str) -> Result<()> {
        self.delete(name).map(drop)
    }

    /// Removes what unfinished puts have left under this prefix before `older_than`; says how many there were.
    ///
    /// # Errors
    /// As [`Store::list`].
    fn sweep(&self, prefix: &str, older_than: UnixMs) -> Result<u64>;
}

/// Most bytes of a name.
const MOST_NAME_BYTES: usize = 1024;

/// Whether an object may be called so. An empty last segment is none here, but one where `of_a_prefix`.
fn is_name(name: &str, of_a_prefix: bool) -> bool {
    let segments = name.split('/').count();
    let is_segment = |(at, segment): (usize, &str)| {
        let open = of_a_prefix && at.saturating_add(1) == segments;
        let inside = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
        (open || !segment.is_empty()) && !segment.starts_with('.') && segment.bytes().all(inside)
    };
    name.len() <= MOST_NAME_BYTES && name.split('/').enumerate().all(is_segment)
}

/// Refuses what is no name.
fn checked(name: &str) -> Result<&str> {
    named(name, false)
}

/// Refuses what no name begins with.
fn checked_prefix(prefix: &str) -> Result<&str> {
    named(prefix, true)
}

fn named(name: &str, of_a_prefix: bool) -> Result<&str> {
    if is_name(name, of_a_prefix) {
        return Ok(name);
    }
    let shown: String = name.escape_default().take(100).collect();
    let what =
        format!("`{shown}` is no name: segments of letters, digits, `.`, `_` and `-`, none beginning with a dot");
    Err(Error::new(ErrorKind::Store { op: "name an object", what }))
}

/// What is asked for is not there.
fn absent(op: &'static str, place: String) -> Error {
    Error::new(ErrorKind::Store { op, what: "there is no such object".to_owned() }).about(place)
}

/// It has been replaced since it was looked at.
fn replaced(place: String) -> Error {
    let what = "it has been replaced since it was looked at".to_owned();
    Error::new(ErrorKind::Store { op: "read an object", what }).about(place)
}

/// A body that has ended too soon, or has not ended where it should.
fn other_length(place: String, stated: u64, found: u64) -> Error {
    let what = format!("{found} bytes came where {stated} were announced");
    Error::new(ErrorKind::Store { op: "write an object", what }).about(place)
}

/// A number that no other put has, not for secrets: the hasher of the standard library is seeded by the system.
fn fresh() -> u64 {
    use std::hash::{BuildHasher, RandomState};
    RandomState::new().hash_one(std::process::id())
}

/// One read, asked again where a signal came between.
fn read_some(body: &mut dyn Read, buffer: &mut [u8]) -> io::Result<usize> {
    loop {
        match body.read(buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            read => return read,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_paths_without_tricks() {
        for name in ["a", "a/b.c", "A-1/_x/9", "..a".trim_start_matches('.'), &"n".repeat(1024)] {
            assert!(is_name(name, false), "{name}");
        }
        for name in
            ["", "/", "/a", "a/", "a//b", ".", "..", "a/../b", ".hidden", "a/.b", "a b", "a\\b", "a\n", "ä", "a\0"]
        {
            let refused = checked(name).expect_err("no name");
            assert!(matches!(refused.kind(), ErrorKind::Store { .. }), "{name}");
        }
        assert!(checked(&"n".repeat(1025)).is_err());
    }

    #[test]
    fn prefixes_may_end_anywhere() {
        for prefix in ["", "a", "a/", "a/b"] {
            assert!(checked_prefix(prefix).is_ok(), "{prefix}");
        }
        for prefix in ["/", "..", "a/../", "a//", ".r"] {
            assert!(checked_prefix(prefix).is_err(), "{prefix}");
        }
    }
}
