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

/// A text that was found inside another, or the next piece of one.
#[derive(Debug, Clone, Copy)]
pub struct Decoded<'a> {
    /// How it was decoded.
    pub decoder: Decoder,
    /// Where the encoded run begins in the text it is in.
    pub at: u64,
    /// Whether it is the first piece.
    pub first: bool,
    /// Whether it is the last.
    pub last: bool,
    /// The bytes.
    pub bytes: &'a [u8],
}

/// Finds texts inside one text, window by window.
#[derive(Debug, Default)]
pub struct Decoders {}

impl Decoders {
    /// Takes a window of the text: what stands before `new_from` was in the last one.
    pub fn feed(
        &mut self,
        _window: &[u8],
        _new_from: usize,
        _at_start: bool,
        _last: bool,
        _out: &mut dyn FnMut(Decoded<'_>),
    ) {
    }
}
