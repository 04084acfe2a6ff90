//! Which keys a command reads.

use crate::base::UnixMs;
use crate::keyspace::{Command, Effect, Expiry, KeyAt, Type, glob_match};
use crate::rdb::{Entry, Head, Key};

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
    /// Only keys of these cluster slots, both ends included; empty: all. A key whose slot is not known does not pass.
    pub slots: Vec<(u16, u16)>,
    /// Only values of at least so many bytes as stored.
    pub min_serialized: u64,
    /// Only values of at least so many elements.
    pub min_elements: u64,
    /// Only keys of at least so many bytes of estimated memory; those of which none is known do not pass.
    pub min_memory: u64,
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
        !self.dbs.is_empty() || self.asks_of_keys()
    }

    /// Whether elements must be counted to decide.
    pub fn needs_shape(&self) -> bool {
        self.min_elements > 0
    }

    /// Whether the key may pass, before its value is known: numbers first, patterns last.
    pub fn admits_head(&self, head: &Head<'_>, as_of: Option<UnixMs>) -> bool {
        (self.dbs.is_empty() || self.dbs.contains(&head.db))
            && (self.types.is_empty() || self.types.contains(&head.value_type.ty))
            && self.expiry.is_none_or(|wanted| wanted.admits(head.expire_at, as_of))
            && self.admits_key(&head.key)
    }

    /// Whether a command of a log passes: if any of its keys does. One without keys passes only where nothing is asked of
    /// keys; one whose database is not known, only where no database is asked for. What FLUSHALL and SWAPDB do concerns
    /// every database. `keys` is memory that is used again.
    pub fn admits_command(&self, command: &Command<'_>, as_of: Option<UnixMs>, keys: &mut Vec<KeyAt>) -> bool {
        let everywhere = command.spec.is_some_and(|spec| spec.effect == Effect::SwapDb || spec.name == "flushall");
        if !(self.dbs.is_empty() || everywhere || command.db.is_some_and(|db| self.dbs.contains(&db))) {
            return false;
        }
        if !self.asks_of_keys() {
            return true;
        }
        let Some(spec) = command.spec else { return false };
        // How many elements the value has then, or how much memory it takes, a command does not say.
        if self.min_elements > 0 || self.min_memory > 0 || command.bytes < self.min_serialized {
            return false;
        }
        if !(self.types.is_empty() || spec.ty.is_some_and(|ty| self.types.contains(&ty))) {
            return false;
        }
        let expire_at = || match spec.expiry(&command.args, command.time) {
            Some(Expiry::At(at)) => Some(at),
            _ => None,
        };
        if !self.expiry.is_none_or(|wanted| wanted.admits(expire_at(), as_of)) {
            return false;
        }
        spec.keys(&command.args, keys);
        let held = keys.iter().filter_map(|key| command.args.get(key.index));
        held.map(Key::of_argument).any(|key| self.admits_key(&key))
    }

    /// Whether anything is asked but the database.
    fn asks_of_keys(&self) -> bool {
        !(self.types.is_empty()
            && self.globs.is_empty()
            && self.regex.is_none()
            && self.exclude.is_empty()
            && self.slots.is_empty()
            && self.min_serialized == 0
            && self.min_elements == 0
            && self.min_memory == 0
            && self.expiry.is_none())
    }

    fn admits_key(&self, key: &Key<'_>) -> bool {
        let of_slots = |slot| self.slots.iter().any(|(from, to)| (*from..=*to).contains(&slot));
        if !self.slots.is_empty() && !key.slot().is_some_and(of_slots) {
            return false;
        }
        let key = key.head;
        (self.globs.is_empty() || self.globs.iter().any(|glob| glob_match(glob, key)))
            && !self.exclude.iter().any(|glob| glob_match(glob, key))
            && self.regex.as_ref().is_none_or(|regex| regex.is_match(key))
    }

    /// Whether a key whose head passed also passes with its value.
    pub fn admits_entry(&self, entry: &Entry<'_>) -> bool {
        entry.serialized_bytes >= self.min_serialized
            && (self.min_memory == 0 || entry.memory_bytes.is_some_and(|bytes| bytes >= self.min_memory))
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
