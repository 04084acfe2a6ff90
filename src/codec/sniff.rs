//! What bytes are, by their magic numbers, never by a name.

/// How a stream is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// RFC 1952, any number of members.
    Gzip,
    /// RFC 8878, any number of frames.
    Zstd,
}

impl Compression {
    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            Compression::Gzip => "gzip",
            Compression::Zstd => "zstd",
        }
    }
}

/// How a stream that begins so is compressed, if it is. Four bytes are enough.
pub fn sniff(head: &[u8]) -> Option<Compression> {
    match head {
        [0x1f, 0x8b, ..] => Some(Compression::Gzip),
        // A frame, or one of the sixteen kinds of skippable frames.
        [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Some(Compression::Zstd),
        _ => None,
    }
}

/// How all versions of age begin.
const AGE: &[u8] = b"age-encryption.org/";

/// Whether a stream that begins so is encrypted with age. Nineteen bytes are enough.
pub fn is_age(head: &[u8]) -> bool {
    head.starts_with(AGE)
}
