//! What single allocations cost.

use super::classes::Classes;

/// What a piece of a key costs, in bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Cost {
    /// What MEMORY USAGE says of it.
    pub(super) said: u64,
    /// What it takes from the allocator: what it adds to `used_memory`.
    pub(super) taken: u64,
}

impl Cost {
    #[inline]
    pub(super) fn plus(self, other: Cost) -> Cost {
        Cost { said: self.said.saturating_add(other.said), taken: self.taken.saturating_add(other.taken) }
    }

    pub(super) fn times(self, count: u64) -> Cost {
        Cost { said: self.said.saturating_mul(count), taken: self.taken.saturating_mul(count) }
    }

    #[inline]
    pub(super) fn add(&mut self, other: Cost) {
        *self = self.plus(other);
    }
}

/// How a server counts what it allocates.
#[derive(Debug, Clone, Copy)]
pub(super) struct Counting {
    pub(super) classes: Classes,
    /// Whether MEMORY USAGE counts packed structures, and strings shorter than 32 bytes, as asked for (Redis 8.2 and later).
    pub(super) as_asked: bool,
}

impl Counting {
    /// A structure that MEMORY USAGE counts by its size, whatever it was given.
    #[inline]
    pub(super) fn counted(self, bytes: u64) -> Cost {
        Cost { said: bytes, taken: self.classes.class(bytes) }
    }

    /// An allocation that MEMORY USAGE counts with what it was given.
    #[inline]
    pub(super) fn block(self, bytes: u64) -> Cost {
        let class = self.classes.class(bytes);
        Cost { said: class, taken: class }
    }

    /// An allocation that MEMORY USAGE leaves out.
    pub(super) fn hidden(self, bytes: u64) -> Cost {
        Cost { said: 0, taken: self.classes.class(bytes) }
    }

    /// A listpack, an intset, a plain element of a list.
    #[inline]
    pub(super) fn blob(self, bytes: u64) -> Cost {
        if self.as_asked { self.counted(bytes) } else { self.block(bytes) }
    }

    /// A string of this length on its own.
    #[inline]
    pub(super) fn text(self, len: u64) -> Cost {
        if self.as_asked && len < 32 { self.counted(text(len)) } else { self.block(text(len)) }
    }
}

/// A string with its header and the final NUL.
#[inline]
pub(super) fn text(len: u64) -> u64 {
    if len < 32 { len.saturating_add(2) } else { long_text(len) }
}

/// The same where the header has room for flags: not the one of a byte.
#[inline]
pub(super) fn long_text(len: u64) -> u64 {
    let header = match len {
        0..=0xff => 3,
        0x100..=0xffff => 5,
        0x1_0000..=0xffff_ffff => 9,
        _ => 17,
    };
    len.saturating_add(header).saturating_add(1)
}
