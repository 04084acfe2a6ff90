//! The nine bytes an RDB begins with.
//!
//! ```text
//! "REDIS" + 4 decimal digits            every Redis, Valkey below 9.0, KeyDB, Dragonfly
//! "VALKEY" + 3 decimal digits           Valkey 9.0 and later
//! ```

use crate::base::Flaw;

/// Which of the two names the file begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Magic {
    /// `REDIS`.
    Redis,
    /// `VALKEY`.
    Valkey,
}

impl Magic {
    /// The name itself.
    pub fn name(self) -> &'static str {
        match self {
            Magic::Redis => "REDIS",
            Magic::Valkey => "VALKEY",
        }
    }
}

/// Bytes of the header.
pub const HEADER_BYTES: usize = 9;

/// The highest version of each family whose structures this crate knows.
pub(super) const NEWEST_REDIS: u16 = 16;
/// As [`NEWEST_REDIS`], for the `VALKEY` magic.
pub(super) const NEWEST_VALKEY: u16 = 81;

/// What the file says of itself in its first nine bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// The name.
    pub magic: Magic,
    /// The RDB version: 1 to 9999.
    pub version: u16,
}

impl Header {
    /// Reads the header.
    ///
    /// # Errors
    /// A flaw of kind `not-an-rdb` where the bytes are something else, with a guess at what; `truncated` where there are fewer
    /// than nine and they begin like an RDB.
    pub fn parse(bytes: &[u8]) -> Result<Self, Flaw> {
        let head = bytes.get(..HEADER_BYTES).unwrap_or(bytes);
        let starts_like = |name: &[u8]| name.iter().zip(head).all(|(a, b)| a == b);
        if head.is_empty() {
            return Err(Flaw::new("empty", "header", 0, "`REDIS` or `VALKEY` and a version", "no bytes at all"));
        }
        if head.len() < HEADER_BYTES && (starts_like(b"REDIS") || starts_like(b"VALKEY")) {
            let found = format!("{} remain", head.len());
            return Err(Flaw::new("truncated", "header", 0, format!("{HEADER_BYTES} bytes"), found));
        }
        let (magic, digits) = if let Some(digits) = head.strip_prefix(b"REDIS") {
            (Magic::Redis, digits)
        } else if let Some(digits) = head.strip_prefix(b"VALKEY") {
            (Magic::Valkey, digits)
        } else {
            return Err(Flaw::new("not-an-rdb", "header", 0, "`REDIS` or `VALKEY` and a version", describe(bytes)));
        };
        let version = std::str::from_utf8(digits).ok().filter(|text| text.bytes().all(|b| b.is_ascii_digit()));
        match version.and_then(|text| text.parse().ok()) {
            Some(version) if version > 0 => Ok(Self { magic, version }),
            _ => Err(Flaw::new(
                "not-an-rdb",
                "header",
                magic.name().len() as u64,
                "a version of decimal digits",
                crate::base::flaw::quote(digits),
            )),
        }
    }

    /// The nine bytes again.
    pub fn bytes(self) -> Vec<u8> {
        let digits = if self.magic == Magic::Redis { 4 } else { 3 };
        format!("{}{:0digits$}", self.magic.name(), self.version).into_bytes()
    }

    /// Whether a CRC64 stands after the EOF opcode. Source: version 5 added it.
    pub fn has_checksum(self) -> bool {
        self.version >= 5
    }

    /// Whether the version is one whose structures are known here.
    pub fn is_known(self) -> bool {
        match self.magic {
            Magic::Redis => self.version <= NEWEST_REDIS,
            Magic::Valkey => (80..=NEWEST_VALKEY).contains(&self.version),
        }
    }
}

/// What bytes that are no RDB look like.
fn describe(bytes: &[u8]) -> String {
    let guess = match bytes {
        [b'*', b'0'..=b'9', ..] | [b'#', b'T', b'S', b':', ..] => "an append-only file (commands)",
        [b'f', b'i', b'l', b'e', b' ', ..] => "an AOF manifest",
        [b'V', b'C', b'S', ..] | [b'V', b'K', b'C', b'S', ..] => {
            "a compressed envelope of a Valkey development version, which is not supported"
        }
        [0x7f, b'E', b'L', b'F', ..] => "an ELF program",
        [0x1f, 0x8b, ..] => "gzip data",
        [0x28, 0xb5, 0x2f, 0xfd, ..] => "zstd data",
        [b'P', b'K', 3, 4, ..] => "a zip archive",
        [b'a', b'g', b'e', b'-', b'e', b'n', b'c', ..] => "an age-encrypted file",
        _ if bytes.iter().take(64).all(|byte| *byte == 0) => "zero bytes",
        _ => return crate::base::flaw::quote(bytes.get(..HEADER_BYTES).unwrap_or(bytes)),
    };
    guess.to_owned()
}
