//! Which keys a command reads.

use crate::base::UnixMs;
use crate::keyspace::{Type, glob_match, slot};
use crate::rdb::{Entry, Head};

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

impl Filter {
    /// Whether anything is set.
    pub fn is_set(&self) -> bool {
        !(self.dbs.is_empty()
            && self.types.is_empty()
            && self.globs.is_empty()
            && self.regex.is_none()
            && self.exclude.is_empty()
            && self.slots.is_empty()
            && self.min_serialized == 0
            && self.min_elements == 0
            && self.expiry.is_none())
    }

    /// Whether elements must be counted to decide.
    pub fn needs_shape(&self) -> bool {
        self.min_elements > 0
    }

    /// Whether the key may pass, before its value is known: numbers first, patterns last.
    pub fn admits_head(&self, head: &Head<'_>, as_of: Option<UnixMs>) -> bool {
        let key = head.key.head;
        (self.dbs.is_empty() || self.dbs.contains(&head.db))
            && (self.types.is_empty() || self.types.contains(&head.value_type.ty))
            && self.expiry.is_none_or(|wanted| wanted.admits(head.expire_at, as_of))
            && (self.slots.is_empty() || {
                let slot = slot(key);
                self.slots.iter().any(|(from, to)| (*from..=*to).contains(&slot))
            })
            && (self.globs.is_empty() || self.globs.iter().any(|glob| glob_match(glob, key)))
            && !self.exclude.iter().any(|glob| glob_match(glob, key))
            && self.regex.as_ref().is_none_or(|regex| regex.is_match(key))
    }

    /// Whether a key whose head passed also passes with its value.
    pub fn admits_entry(&self, entry: &Entry<'_>) -> bool {
        entry.serialized_bytes >= self.min_serialized
            && (self.min_elements == 0 || entry.shape.is_some_and(|shape| shape.elements >= self.min_elements))
    }
}

impl ExpiryFilter {
    fn admits(self, expire_at: Option<UnixMs>, as_of: Option<UnixMs>) -> bool {
        match (self, expire_at, as_of) {
            (ExpiryFilter::None, at, _) => at.is_none(),
            (ExpiryFilter::Set, at, _) => at.is_some(),
            (ExpiryFilter::Expired, Some(at), Some(now)) => at <= now,
            (ExpiryFilter::Within(ms), Some(at), Some(now)) => at > now && at.0.saturating_sub(now.0) <= ms,
            _ => false,
        }
    }
}
