//! Texts inside texts: what decoders have to undo.

use super::dice::Dice;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};
use std::io::Write;

/// The slots that take a text.
pub(crate) const NAMES: [&str; 15] =
    ["b64", "b64url", "hexof", "gz", "zlib", "zstd", "url", "json", "php", "phpo", "java", "lp8", "ruby", "net", "rev"];

pub(crate) fn nest(name: &str, text: &[u8]) -> Vec<u8> {
    let length = text.len();
    match name {
        "b64" => STANDARD.encode(text).into_bytes(),
        "b64url" => URL_SAFE_NO_PAD.encode(text).into_bytes(),
        "hexof" => text.iter().flat_map(|byte| format!("{byte:02x}").into_bytes()).collect(),
        "gz" => {
            let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
            gzip.write_all(text).expect("memory");
            gzip.finish().expect("memory")
        }
        "zlib" => {
            let mut zlib = ZlibEncoder::new(Vec::new(), Compression::default());
            zlib.write_all(text).expect("memory");
            zlib.finish().expect("memory")
        }
        "zstd" => zstd::encode_all(text, 3).expect("memory"),
        "url" => text
            .iter()
            .flat_map(|byte| match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' => vec![*byte],
                byte => format!("%{byte:02X}").into_bytes(),
            })
            .collect(),
        // The inside of a JSON string.
        "json" => {
            let quoted = serde_json::to_string(&String::from_utf8_lossy(text)).expect("a string");
            quoted.as_bytes()[1..quoted.len() - 1].to_vec()
        }
        "php" => [format!("s:{length}:\"").as_bytes(), text, b"\";"].concat(),
        "phpo" => [format!("O:{length}:\"").as_bytes(), text, b"\""].concat(),
        // A name as Java serializes it, its length before it.
        "java" => [&u16::try_from(length).expect("a short name").to_be_bytes()[..], text].concat(),
        "lp8" => [&[0x8c, u8::try_from(length).expect("a short name")][..], text].concat(),
        "ruby" => [&[u8::try_from(length + 5).expect("a short name")][..], text].concat(),
        "net" => [&[u8::try_from(length).expect("a short name")][..], text].concat(),
        "rev" => text.iter().rev().copied().collect(),
        other => panic!("no slot {other}"),
    }
}

/// A shape in which an application might have stored a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wrap {
    Plain,
    Json,
    Php,
    Base64,
    Base64Url,
    Hex,
    Gzip,
    Zlib,
    Zstd,
    Url,
    JsonBase64,
    Base64Gzip,
    PhpBase64,
    HexBase64,
    GzipJson,
    Base64Base64Base64,
    JsonBase64Zstd,
    Base64GzipJson,
    ZstdHexBase64,
}

impl Wrap {
    pub(crate) const ALL: [Wrap; 19] = [
        Wrap::Plain,
        Wrap::Json,
        Wrap::Base64,
        Wrap::Php,
        Wrap::Gzip,
        Wrap::Hex,
        Wrap::Zstd,
        Wrap::Base64Url,
        Wrap::Zlib,
        Wrap::Url,
        Wrap::JsonBase64,
        Wrap::Base64Gzip,
        Wrap::PhpBase64,
        Wrap::HexBase64,
        Wrap::GzipJson,
        Wrap::Base64Base64Base64,
        Wrap::JsonBase64Zstd,
        Wrap::Base64GzipJson,
        Wrap::ZstdHexBase64,
    ];

    /// How many times a decoder has to look inside.
    pub(crate) fn depth(self) -> usize {
        match self {
            Wrap::Plain => 0,
            Wrap::Json
            | Wrap::Php
            | Wrap::Base64
            | Wrap::Base64Url
            | Wrap::Hex
            | Wrap::Gzip
            | Wrap::Zlib
            | Wrap::Zstd
            | Wrap::Url => 1,
            Wrap::JsonBase64 | Wrap::Base64Gzip | Wrap::PhpBase64 | Wrap::HexBase64 | Wrap::GzipJson => 2,
            Wrap::Base64Base64Base64 | Wrap::JsonBase64Zstd | Wrap::Base64GzipJson | Wrap::ZstdHexBase64 => 3,
        }
    }

    fn needs_text(self) -> bool {
        matches!(self, Wrap::Json | Wrap::GzipJson | Wrap::Base64GzipJson)
    }

    pub(crate) fn around(self, text: &[u8], dice: &mut Dice) -> Vec<u8> {
        if self.needs_text() && std::str::from_utf8(text).is_err() {
            return Wrap::Base64.around(text, dice);
        }
        let json = |text: &[u8], dice: &mut Dice| {
            let (id, word) = (dice.below(90_000), dice.word());
            let text = String::from_utf8(nest("json", text)).expect("JSON is text");
            format!(r#"{{"id":{id},"title":"{word}","body":"{text}","tags":["{word}"]}}"#).into_bytes()
        };
        let php = |text: &[u8], dice: &mut Dice| {
            let id = dice.below(90_000);
            [format!("a:2:{{s:2:\"id\";i:{id};s:4:\"body\";").as_bytes(), &nest("php", text), b"}"].concat()
        };
        match self {
            Wrap::Plain => text.to_vec(),
            Wrap::Json => json(text, dice),
            Wrap::Php => php(text, dice),
            Wrap::Base64 => nest("b64", text),
            Wrap::Base64Url => nest("b64url", text),
            Wrap::Hex => nest("hexof", text),
            Wrap::Gzip => nest("gz", text),
            Wrap::Zlib => nest("zlib", text),
            Wrap::Zstd => nest("zstd", text),
            Wrap::Url => nest("url", text),
            Wrap::JsonBase64 => json(&nest("b64", text), dice),
            Wrap::Base64Gzip => nest("b64", &nest("gz", text)),
            Wrap::PhpBase64 => php(&nest("b64", text), dice),
            Wrap::HexBase64 => nest("hexof", &nest("b64", text)),
            Wrap::GzipJson => nest("gz", &json(text, dice)),
            Wrap::Base64Base64Base64 => nest("b64", &nest("b64", &nest("b64", text))),
            Wrap::JsonBase64Zstd => json(&nest("b64", &nest("zstd", text)), dice),
            Wrap::Base64GzipJson => nest("b64", &nest("gz", &json(text, dice))),
            Wrap::ZstdHexBase64 => nest("zstd", &nest("hexof", &nest("b64", text))),
        }
    }
}
