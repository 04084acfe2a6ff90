//! Texts inside texts: base64, hexadecimal, gzip, zlib, zstd, strings of JSON and PHP, URL encoding.

/// A way to decode.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Decoder {
    /// Base64, standard or for URLs, padded or not.
    Base64,
    /// Hexadecimal.
    Hex,
    /// Gzip.
    Gzip,
    /// Zlib.
    Zlib,
    /// Zstandard.
    Zstd,
    /// A string of JSON.
    Json,
    /// A string as PHP serializes it.
    Php,
    /// Percent encoding.
    Url,
}

impl Decoder {
    /// The word in findings.
    pub fn name(self) -> &'static str {
        match self {
            Decoder::Base64 => "base64",
            Decoder::Hex => "hex",
            Decoder::Gzip => "gzip",
            Decoder::Zlib => "zlib",
            Decoder::Zstd => "zstd",
            Decoder::Json => "json",
            Decoder::Php => "php",
            Decoder::Url => "url",
        }
    }
}

/// How deep texts inside texts are decoded.
pub const DEPTH: usize = 3;
