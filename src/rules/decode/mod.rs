//! Texts inside texts: base64, hexadecimal, gzip, zlib, zstd, strings of JSON and PHP, URL encoding.
//!
//! ```text
//! runs     base64 and hexadecimal, anywhere      packed   gzip, zlib and zstd, from the beginning of a text
//! likely   whether decoded bytes are worth it    escapes  \x41\x42       url  %41%42
//! json     strings with escapes                  php      strings that hold something encoded
//! piece    what is found goes out in pieces; what is not decided yet is kept
//! ```
//!
//! Everything is a stream: bytes come in windows cut anywhere, and what comes out does not depend on the cuts.

mod escapes;
mod json;
mod likely;
mod packed;
mod php;
mod piece;
mod runs;
#[cfg(test)]
mod tests;
mod url;

pub use piece::PIECE;

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
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decoded<'a> {
    /// How it was decoded.
    pub decoder: Decoder,
    /// Where the encoded run begins in the text it is in. Texts of which pieces come in turns differ in this or in the decoder.
    pub at: u64,
    /// Whether it is the first piece.
    pub first: bool,
    /// Whether it is the last.
    pub last: bool,
    /// Whether there would be more, past the bound of what is unpacked. Only with the last piece.
    pub cut: bool,
    /// The bytes: at most [`PIECE`]; none only in a last piece that is not the first.
    pub bytes: &'a [u8],
}

/// Finds texts inside one text, window by window. Keeps less than 200 KiB between two windows, and besides that what a
/// decompressor needs: 16 MiB at most.
///
/// - Base64 and hexadecimal: runs of 24 characters or more (32 digits) whose first bytes are printable or begin as a known format
///   does; names, hashes and random tokens are passed over. Lines of 60 to 80 characters are joined.
/// - Gzip, zlib, zstd: from the beginning of the text. At most 16 MiB come out, and at most 100 times what went in.
/// - JSON: of a text that begins as JSON does, each string of 8 bytes or more that has an escape.
/// - PHP: of a text that was serialized, each string that holds something serialized, JSON, or a known format.
/// - URL: words with three or more percent escapes. Eight or more `\x41` on end count as hexadecimal.
#[derive(Default)]
pub struct Decoders {
    packed: packed::Packed,
    runs: runs::Runs,
    json: json::Json,
    php: php::Php,
    url: url::Url,
    escapes: escapes::Escapes,
    cut: u64,
}

impl std::fmt::Debug for Decoders {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Decoders").field("cut", &self.cut).finish_non_exhaustive()
    }
}

impl Decoders {
    /// Takes a window of the text, in order. `at` is where it begins in the text; what stands before `new_from` was in the
    /// window before. With the `last` window every text that was begun ends, and the next call begins a new text.
    pub fn feed(&mut self, window: &[u8], new_from: usize, at: u64, last: bool, out: &mut dyn FnMut(Decoded<'_>)) {
        let new = window.get(new_from..).unwrap_or_default();
        let at = at.saturating_add(new_from as u64);
        let Self { packed, runs, json, php, url, escapes, cut } = self;
        let mut out = |decoded: Decoded<'_>| {
            *cut = cut.saturating_add(u64::from(decoded.cut));
            out(decoded);
        };
        packed.feed(new, at, last, &mut out);
        runs.feed(new, at, last, &mut out);
        json.feed(new, at, last, &mut out);
        php.feed(new, at, last, &mut out);
        url.feed(new, at, last, &mut out);
        escapes.feed(new, at, last, &mut out);
        if last {
            self.reset();
        }
    }

    /// Forgets the text that is in progress. What is counted stays.
    pub fn reset(&mut self) {
        self.packed.reset();
        self.runs.reset();
        self.json.reset();
        self.php.reset();
        self.url.reset();
        self.escapes.reset();
    }

    /// How many texts were cut at a bound so far.
    pub fn cut(&self) -> u64 {
        self.cut
    }
}
