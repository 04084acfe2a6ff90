//! Replies of RESP2. What a server says of lengths is believed only as far as bytes come.
//!
//! ```text
//! +text  -CODE text  :number  $length bytes  *count replies     each line ends with CR LF; $-1 and *-1 are nil
//! ```

use super::refusal::Refusal;
use crate::base::{Error, ErrorKind, Result};

/// What one reply may take in memory, over all its parts.
pub const MAX_REPLY_BYTES: u64 = 64 << 20;
/// Arrays in arrays.
pub(super) const MAX_DEPTH: u32 = 16;

/// A reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// Nothing.
    Nil,
    /// `+OK`.
    Status(Vec<u8>),
    /// An error.
    Refused(Refusal),
    /// A number.
    Int(i64),
    /// Bytes.
    Bulk(Vec<u8>),
    /// Several.
    Array(Vec<Reply>),
}

impl Reply {
    /// The reply, unless it is an error.
    ///
    /// # Errors
    /// [`ErrorKind::Server`] with what the server said.
    pub fn checked(self) -> Result<Self> {
        match self {
            Reply::Refused(refusal) => Err(refusal.error()),
            reply => Ok(reply),
        }
    }

    /// The bytes of a status or a bulk.
    pub fn bytes(&self) -> Option<&[u8]> {
        match self {
            Reply::Status(bytes) | Reply::Bulk(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// The same, where it is UTF-8.
    pub fn text(&self) -> Option<&str> {
        self.bytes().and_then(|bytes| std::str::from_utf8(bytes).ok())
    }

    /// The number.
    pub fn int(&self) -> Option<i64> {
        match self {
            Reply::Int(number) => Some(*number),
            _ => None,
        }
    }

    /// The parts of an array.
    pub fn array(&self) -> Option<&[Reply]> {
        match self {
            Reply::Array(parts) => Some(parts),
            _ => None,
        }
    }

    /// The value after this name in a flat list of names and values.
    pub fn field(&self, name: &str) -> Option<&Reply> {
        self.array()?.chunks_exact(2).find_map(|pair| match pair {
            [key, value] if key.bytes() == Some(name.as_bytes()) => Some(value),
            _ => None,
        })
    }
}

/// Bytes that are no reply.
pub(super) fn malformed(what: &str) -> Error {
    let what = format!("the server does not answer as Redis does: {what}");
    Error::new(ErrorKind::Server { what }).with_hint("is this the port of a Redis or Valkey server, and without TLS?")
}

/// The number in a line.
pub(super) fn number(line: &[u8]) -> Result<i64> {
    let text = std::str::from_utf8(line).ok().filter(|text| text.len() <= 20 && !text.starts_with('+'));
    text.and_then(|text| text.parse().ok()).ok_or_else(|| malformed("a length that is no number"))
}

/// A length: none for nil.
pub(super) fn length(line: &[u8]) -> Result<Option<u64>> {
    match number(line)? {
        -1 => Ok(None),
        length => u64::try_from(length).map(Some).map_err(|_| malformed("a length below zero")),
    }
}
