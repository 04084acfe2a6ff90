//! A key with what stands before its value, and strings.

use super::cost::{Cost, Counting, long_text, text};
use super::servers::Keys;

/// What a key says of itself.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Name {
    pub(super) len: u64,
    pub(super) expires: bool,
}

/// A string as a value.
#[derive(Debug, Clone, Copy)]
pub(super) enum Content {
    /// An integer; `small` is one of 0 to 9999: for those there is one object for all keys, where keys are kept apart from it.
    Int { small: bool },
    /// Bytes.
    Text(u64),
}

const OBJECT: u64 = 16;
/// From here on a key's object always has room for an expiry.
const LONG_KEY: u64 = 128;
/// An entry of a table of chains.
pub(super) const ENTRY: u64 = 24;

impl Name {
    /// The key as it stands inside another allocation, with the byte that says how long its header is.
    fn inside(self) -> u64 {
        text(self.len).saturating_add(1)
    }

    /// The object that holds key and expiry, and a pointer to the value.
    fn object(self) -> u64 {
        OBJECT.saturating_add(self.expiry()).saturating_add(self.inside())
    }

    /// Room for an expiry. Long keys have it from the beginning.
    fn expiry(self) -> u64 {
        if self.expires || self.len >= LONG_KEY { 8 } else { 0 }
    }

    /// The key and an object that points to its value.
    pub(super) fn with_pointer(self, keys: Keys, counting: Counting) -> Cost {
        match keys {
            Keys::Apart | Keys::InEntry => self.apart(keys, counting).plus(counting.counted(OBJECT)),
            Keys::InObject | Keys::Short => counting.block(self.object()),
            Keys::Unsaid => Cost { said: OBJECT, ..counting.hidden(self.object()) },
        }
    }

    /// The key where its value's object is an allocation of its own.
    fn apart(self, keys: Keys, counting: Counting) -> Cost {
        if keys == Keys::InEntry {
            return counting.block(OBJECT.saturating_add(self.inside()));
        }
        counting.counted(ENTRY).plus(counting.block(text(self.len)))
    }

    /// The key with a string.
    pub(super) fn with_string(self, content: Content, keys: Keys, counting: Counting) -> Cost {
        let len = match content {
            Content::Int { small } => {
                let mut cost = self.with_pointer(keys, counting);
                if small && matches!(keys, Keys::Apart | Keys::InEntry) {
                    cost.taken = cost.taken.saturating_sub(OBJECT);
                }
                return cost;
            }
            Content::Text(len) => len,
        };
        if !self.embeds(len, keys) {
            return self.with_pointer(keys, counting).plus(counting.text(len));
        }
        let own = long_text(len);
        match keys {
            Keys::Apart | Keys::InEntry => self.apart(keys, counting).plus(counting.block(OBJECT.saturating_add(own))),
            Keys::InObject | Keys::Unsaid => counting.block(self.object().saturating_add(own)),
            // The value takes the place of the pointer, and no less.
            Keys::Short => counting.block(self.object().saturating_add(own.max(8)).saturating_sub(8)),
        }
    }

    /// Whether a string of this length stands in the object. The servers reckon with a key's header of one byte, but for
    /// Valkey 9.
    fn embeds(self, len: u64, keys: Keys) -> bool {
        let own = len.saturating_add(4);
        let key = self.len.saturating_add(3);
        let sum = |parts: [u64; 4]| parts.into_iter().fold(0, u64::saturating_add);
        match keys {
            Keys::Apart | Keys::InEntry => len <= 44,
            Keys::InObject => sum([OBJECT, key, own, 0]) <= 64,
            Keys::Unsaid => sum([OBJECT, key, own, self.expiry()]) <= 64,
            Keys::Short => sum([8, self.inside(), own, self.expiry()]) <= 128,
        }
    }
}
