//! Which keys a command reads.

use crate::keyspace::Type;

/// The filters of the command line. All that are set must let a key through; the default lets everything through.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Only these databases; empty: all.
    pub dbs: Vec<u64>,
    /// Only these types; empty: all.
    pub types: Vec<Type>,
    /// Only keys that match one of these globs (as KEYS matches); empty: all.
    pub globs: Vec<Vec<u8>>,
    /// Only keys in which this matches.
    pub regex: Option<regex::bytes::Regex>,
    /// No keys that match one of these globs.
    pub exclude: Vec<Vec<u8>>,
    /// Only keys of these cluster slots, both ends included; empty: all.
    pub slots: Vec<(u16, u16)>,
    /// Only values of at least so many bytes as stored.
    pub min_serialized: u64,
    /// Only values of at least so many elements.
    pub min_elements: u64,
    /// Only keys with this sort of expiry.
    pub expiry: Option<ExpiryFilter>,
}

/// A condition on a key's expiry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExpiryFilter {
    /// It has none.
    None,
    /// It has one.
    Set,
    /// It had passed at the report's moment.
    Expired,
    /// It comes within so many milliseconds of that moment.
    Within(i64),
}
