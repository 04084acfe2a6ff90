//! Where bytes come from: a path or standard input becomes one stream of unpacked bytes, counted and hashed on the way.

use std::path::PathBuf;

/// A place that holds a keyspace, not opened yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// What reports call it: the path as given, or the name given to it.
    pub name: String,
    /// Where it is.
    pub place: Place,
}

/// Where a source is. S3 objects, backups and live servers join here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// A file.
    Path(PathBuf),
    /// Standard input.
    Stdin,
}

/// Which hashes of the raw bytes to make in the same pass.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[allow(missing_docs, reason = "each is the word itself")]
pub struct Hashes {
    pub sha256: bool,
    pub sha1: bool,
    pub md5: bool,
}
