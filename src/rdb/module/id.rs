//! The 64-bit id that stands before every module value.
//!
//! ```text
//! bit 63                                             10 9        0
//!     | c0 | c1 | c2 | c3 | c4 | c5 | c6 | c7 | c8 | encver     |
//!       6 bits each, an index into CHARSET             10 bits
//! ```

use std::fmt;

/// The 64 characters a type name is made of. Source: module API, `A-Z a-z 0-9 - _`.
const CHARSET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

const ENCVER_BITS: u32 = 10;
const ENCVER_MAX: u16 = 1023;

/// A module type: nine characters of name and the version of its encoding.
///
/// Every one of the 2^64 ids has a name. Source: RDB 8 and later; nine 6-bit characters, first in the top bits, then
/// 10 bits of version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ModuleId(pub u64);

impl ModuleId {
    /// The id of this name and version; `None` if the name has a character outside `A-Z a-z 0-9 - _` or the version
    /// is above 1023.
    pub fn from_name(name: &[u8; 9], encver: u16) -> Option<Self> {
        if encver > ENCVER_MAX {
            return None;
        }
        let mut bits = 0u64;
        for byte in name {
            let index = CHARSET.iter().position(|c| c == byte)?;
            bits = (bits << 6) | u64::try_from(index).ok()?;
        }
        Some(Self((bits << ENCVER_BITS) | u64::from(encver)))
    }

    /// The nine characters of the type name, all ASCII, such as `ReJSON-RL`.
    pub fn name(self) -> [u8; 9] {
        let mut name = [0; 9];
        let mut bits = self.0 >> ENCVER_BITS;
        for slot in name.iter_mut().rev() {
            let index = usize::try_from(bits & 63).unwrap_or_default();
            *slot = CHARSET.get(index).copied().unwrap_or(b'?');
            bits >>= 6;
        }
        name
    }

    /// The version of the encoding, 0 to 1023, which the module counts for itself.
    pub fn encver(self) -> u16 {
        u16::try_from(self.0 & u64::from(ENCVER_MAX)).unwrap_or_default()
    }

    /// What people call the type, for names that are known; such as `RedisJSON document`.
    pub fn product(self) -> Option<&'static str> {
        Some(match &self.name() {
            b"ReJSON-RL" => "JSON document",
            b"MBbloom--" => "RedisBloom Bloom filter",
            b"MBbloomCF" => "RedisBloom cuckoo filter",
            b"CMSk-TYPE" => "RedisBloom count-min sketch",
            b"TopK-TYPE" => "RedisBloom top-k",
            b"TDIS-TYPE" => "RedisBloom t-digest",
            b"TSDB-TYPE" => "RedisTimeSeries series",
            b"vectorset" => "Redis vector set",
            b"ft_index0" => "RediSearch index",
            b"trietype0" => "RediSearch suggestion dictionary",
            b"scdtype00" => "RediSearch auxiliary data",
            b"bloomfltr" => "valkey-bloom Bloom filter",
            _ => return None,
        })
    }
}

impl fmt::Display for ModuleId {
    /// The name alone, as `MODULE LIST` users know it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.name();
        f.pad(std::str::from_utf8(&name).unwrap_or_default())
    }
}
