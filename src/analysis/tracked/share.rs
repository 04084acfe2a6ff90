//! What keys add up to.

use crate::base::UnixMs;
use crate::rdb::{Entry, Key};
use crate::report::KeyName;

/// Bytes kept of an example's name.
const EXAMPLE_BYTES: usize = 256;

/// What keys add up to, in whole numbers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::analysis) struct Share {
    pub(in crate::analysis) keys: u64,
    pub(in crate::analysis) expires: u64,
    pub(in crate::analysis) serialized_bytes: u64,
    pub(in crate::analysis) memory: Option<Memory>,
    /// Keys whose expiry is ahead.
    pub(in crate::analysis) ttls: u64,
    pub(in crate::analysis) ttl_seconds: u64,
    /// Keys of which the time of the last use is known.
    pub(in crate::analysis) idles: u64,
    pub(in crate::analysis) idle_seconds: u64,
}

/// Estimated memory in bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::analysis) struct Memory {
    pub(in crate::analysis) bytes: u64,
    /// Of the keys without an expiry.
    pub(in crate::analysis) persistent_bytes: u64,
}

impl Share {
    /// One key, seen from this moment.
    #[inline]
    pub(in crate::analysis) fn of(entry: &Entry<'_>, as_of: Option<UnixMs>) -> Self {
        let head = &entry.head;
        let left_ms = head.expire_at.zip(as_of).map_or(0, |(at, now)| at.0.saturating_sub(now.0));
        let ttl = u64::try_from(left_ms).ok().filter(|left_ms| *left_ms > 0).map(|left_ms| left_ms.div_ceil(1000));
        let memory = |bytes| Memory { bytes, persistent_bytes: if head.expire_at.is_none() { bytes } else { 0 } };
        Self {
            keys: 1,
            expires: u64::from(head.expire_at.is_some()),
            serialized_bytes: entry.serialized_bytes,
            memory: entry.memory_bytes.map(memory),
            ttls: u64::from(ttl.is_some()),
            ttl_seconds: ttl.unwrap_or_default(),
            idles: u64::from(head.idle_secs.is_some()),
            idle_seconds: head.idle_secs.unwrap_or_default(),
        }
    }

    pub(in crate::analysis) fn memory_bytes(&self) -> Option<u64> {
        self.memory.map(|memory| memory.bytes)
    }

    /// The memory, or what stands for it where none is known.
    pub(in crate::analysis) fn weight(&self) -> u64 {
        self.memory.map_or(self.serialized_bytes, |memory| memory.bytes)
    }

    #[inline]
    pub(in crate::analysis) fn add(&mut self, other: &Self) {
        self.keys = self.keys.saturating_add(other.keys);
        self.expires = self.expires.saturating_add(other.expires);
        self.serialized_bytes = self.serialized_bytes.saturating_add(other.serialized_bytes);
        if let Some(other) = other.memory {
            let own = self.memory.get_or_insert_default();
            own.bytes = own.bytes.saturating_add(other.bytes);
            own.persistent_bytes = own.persistent_bytes.saturating_add(other.persistent_bytes);
        }
        self.ttls = self.ttls.saturating_add(other.ttls);
        self.ttl_seconds = self.ttl_seconds.saturating_add(other.ttl_seconds);
        self.idles = self.idles.saturating_add(other.idles);
        self.idle_seconds = self.idle_seconds.saturating_add(other.idle_seconds);
    }
}

/// The name of a key that counts: of several, the one that comes first.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::analysis) struct Example {
    head: Box<[u8]>,
    len: u64,
}

impl Example {
    pub(super) fn of(key: &Key<'_>) -> Self {
        Self { head: shown(key).into(), len: key.len }
    }

    /// Takes the key instead if it comes before.
    #[inline]
    pub(super) fn offer(&mut self, key: &Key<'_>) {
        if (shown(key), key.len) < (&self.head, self.len) {
            *self = Self::of(key);
        }
    }

    pub(super) fn merge(&mut self, other: Self) {
        if other < *self {
            *self = other;
        }
    }

    pub(in crate::analysis) fn to_name(&self) -> KeyName {
        KeyName::cut(&self.head, self.len)
    }
}

fn shown<'a>(key: &Key<'a>) -> &'a [u8] {
    key.head.get(..EXAMPLE_BYTES).unwrap_or(key.head)
}
