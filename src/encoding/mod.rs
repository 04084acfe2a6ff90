//! The packed structures inside values: listpack, ziplist, zipmap, intset, stream node, LZF, `HyperLogLog`; and the CRC.
//! Functions over bytes: no I/O, no state beyond the call.
//!
//! Offsets in every [`Flaw`](crate::base::Flaw) count from the start of the blob that was handed in.

pub mod crc64;
pub mod double;
pub mod hll;
pub mod integer;
pub mod intset;
pub mod listpack;
pub mod lzf;
pub mod stream_node;
pub mod unique;
pub mod ziplist;
pub mod zipmap;

pub use crc64::Crc64;
pub use intset::Intset;
pub use listpack::Listpack;
pub use stream_node::StreamId;
pub use unique::Seen;
pub use ziplist::Ziplist;
pub use zipmap::Zipmap;

/// One entry of a listpack or ziplist: logically always a byte string, some of them stored as integers.
///
/// Two entries are equal when their bytes are, however they are stored: `Int(7)` equals `Str(b"7")`.
#[derive(Debug, Clone, Copy)]
pub enum Packed<'a> {
    /// Stored as bytes.
    Str(&'a [u8]),
    /// Stored as an integer; its bytes are the decimal digits.
    Int(i64),
}

impl<'a> Packed<'a> {
    /// Length of the logical string in bytes.
    #[inline]
    pub fn len(&self) -> usize {
        match *self {
            Self::Str(bytes) => bytes.len(),
            Self::Int(value) => {
                let digits = value.unsigned_abs().checked_ilog10().map_or(1, |log| log as usize + 1);
                digits + usize::from(value < 0)
            }
        }
    }

    /// Whether the logical string is empty.
    #[inline]
    pub fn is_empty(&self) -> bool {
        matches!(self, Self::Str([]))
    }

    /// The logical string; `scratch` holds the digits of an integer.
    #[inline]
    pub fn bytes<'b>(&self, scratch: &'b mut itoa::Buffer) -> &'b [u8]
    where
        'a: 'b,
    {
        match *self {
            Self::Str(bytes) => bytes,
            Self::Int(value) => scratch.format(value).as_bytes(),
        }
    }

    /// The value of an entry stored as an integer. Digits stored as a string give `None`: writers store every integer
    /// that fits as one, so a slot that must hold a number holds an `Int`.
    #[inline]
    pub fn as_int(&self) -> Option<i64> {
        match *self {
            Self::Int(value) => Some(value),
            Self::Str(_) => None,
        }
    }
}

impl PartialEq for Packed<'_> {
    #[inline]
    fn eq(&self, other: &Self) -> bool {
        match (*self, *other) {
            (Self::Int(a), Self::Int(b)) => a == b,
            (Self::Str(a), Self::Str(b)) => a == b,
            (Self::Int(value), Self::Str(bytes)) | (Self::Str(bytes), Self::Int(value)) => {
                itoa::Buffer::new().format(value).as_bytes() == bytes
            }
        }
    }
}

impl Eq for Packed<'_> {}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may stop")]
pub(crate) mod tests;
