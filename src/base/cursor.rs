//! Bounds-checked reads over a slice: no index, no panic, every read is named.

use super::Flaw;

/// A position in a slice. Every read names what it reads, so that a short one says what is missing.
#[derive(Debug, Clone, Copy)]
pub struct Cursor<'a> {
    whole: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    /// At the start of `bytes`.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { whole: bytes, at: 0 }
    }

    /// Bytes read so far.
    pub fn offset(&self) -> u64 {
        self.at as u64
    }

    /// What has not been read.
    pub fn rest(&self) -> &'a [u8] {
        self.whole.get(self.at..).unwrap_or_default()
    }

    /// Whether everything has been read.
    pub fn is_empty(&self) -> bool {
        self.at >= self.whole.len()
    }

    /// The next `len` bytes.
    ///
    /// # Errors
    /// A flaw of kind `short` if fewer remain; the position stays.
    #[inline]
    pub fn take(&mut self, len: usize, what: &'static str) -> Result<&'a [u8], Flaw> {
        match self.rest().split_at_checked(len) {
            Some((head, _)) => {
                self.at += len;
                Ok(head)
            }
            None => Err(Flaw::short(what, self.offset(), len as u64, self.rest().len() as u64)),
        }
    }

    /// The next `N` bytes as an array.
    ///
    /// # Errors
    /// As [`Cursor::take`].
    #[inline]
    pub fn array<const N: usize>(&mut self, what: &'static str) -> Result<[u8; N], Flaw> {
        match self.rest().first_chunk::<N>() {
            Some(head) => {
                self.at += N;
                Ok(*head)
            }
            None => Err(Flaw::short(what, self.offset(), N as u64, self.rest().len() as u64)),
        }
    }

    /// The next byte.
    ///
    /// # Errors
    /// As [`Cursor::take`].
    #[inline]
    pub fn u8(&mut self, what: &'static str) -> Result<u8, Flaw> {
        self.array::<1>(what).map(|[byte]| byte)
    }

    /// The next two bytes, little-endian.
    ///
    /// # Errors
    /// As [`Cursor::take`].
    #[inline]
    pub fn u16_le(&mut self, what: &'static str) -> Result<u16, Flaw> {
        self.array(what).map(u16::from_le_bytes)
    }

    /// The next four bytes, little-endian.
    ///
    /// # Errors
    /// As [`Cursor::take`].
    #[inline]
    pub fn u32_le(&mut self, what: &'static str) -> Result<u32, Flaw> {
        self.array(what).map(u32::from_le_bytes)
    }

    /// The next eight bytes, little-endian.
    ///
    /// # Errors
    /// As [`Cursor::take`].
    #[inline]
    pub fn u64_le(&mut self, what: &'static str) -> Result<u64, Flaw> {
        self.array(what).map(u64::from_le_bytes)
    }

    /// The next eight bytes, big-endian.
    ///
    /// # Errors
    /// As [`Cursor::take`].
    #[inline]
    pub fn u64_be(&mut self, what: &'static str) -> Result<u64, Flaw> {
        self.array(what).map(u64::from_be_bytes)
    }
}
