//! A key, or any other bytes of the input, in a report.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use std::borrow::Cow;

/// Bytes of the input as a report shows them. In JSON: text if they are UTF-8, `{"base64": "…"}` if not, never lossy.
/// A key over 64 KiB is its first 1 KiB, its length and its SHA-256.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyName {
    head: Vec<u8>,
    bytes: u64,
    sha256: Option<[u8; 32]>,
}

impl KeyName {
    /// The whole of a short key.
    pub fn whole(bytes: &[u8]) -> Self {
        Self { head: bytes.to_vec(), bytes: bytes.len() as u64, sha256: None }
    }

    /// The beginning of a long key, its full length in bytes and its hash.
    pub fn long(head: &[u8], bytes: u64, sha256: [u8; 32]) -> Self {
        Self { head: head.to_vec(), bytes, sha256: Some(sha256) }
    }

    /// The beginning of bytes of which no more is shown, and their full length.
    pub fn cut(head: &[u8], bytes: u64) -> Self {
        Self { head: head.to_vec(), bytes: bytes.max(head.len() as u64), sha256: None }
    }

    /// Whether [`KeyName::head`] is all of it.
    pub fn is_whole(&self) -> bool {
        self.sha256.is_none() && self.bytes == self.head.len() as u64
    }

    /// The bytes, or the first 1 KiB of a long key.
    pub fn head(&self) -> &[u8] {
        &self.head
    }

    /// The full length in bytes.
    pub fn len_bytes(&self) -> u64 {
        self.bytes
    }

    /// The hash of a long key; `None` if [`KeyName::head`] is all of it, or all that is known.
    pub fn sha256(&self) -> Option<&[u8; 32]> {
        self.sha256.as_ref()
    }

    /// The key as `redis-cli` would show it, without quotes: printable ASCII as it is, the rest escaped, so that it
    /// cannot move a terminal's cursor. UTF-8 text stays readable; control and format characters do not.
    pub fn escaped(&self) -> String {
        let mut out = escape(&self.head);
        if !self.is_whole() {
            out.push_str(&format!("… ({} bytes)", self.bytes));
        }
        out
    }
}

/// Bytes as text that is safe on a terminal: `\n`, `\x1b`, `\"` and `\\` as redis-cli writes them; well-formed printable
/// UTF-8 stays.
pub fn escape(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len() + 8);
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                '\\' => out.push_str("\\\\"),
                '"' => out.push_str("\\\""),
                '\n' => out.push_str("\\n"),
                '\r' => out.push_str("\\r"),
                '\t' => out.push_str("\\t"),
                '\u{7}' => out.push_str("\\a"),
                '\u{8}' => out.push_str("\\b"),
                ' '..='~' => out.push(c),
                c if c.is_ascii() || unsafe_to_show(c) => {
                    let mut buffer = [0; 4];
                    for byte in c.encode_utf8(&mut buffer).bytes() {
                        out.push_str(&format!("\\x{byte:02x}"));
                    }
                }
                c => out.push(c),
            }
        }
        for byte in chunk.invalid() {
            out.push_str(&format!("\\x{byte:02x}"));
        }
    }
    out
}

/// Text that a report made (a message, a name that is escaped already), made safe to show: what cannot be seen is escaped
/// as [`escape`] does, and the rest, quotes and backslashes too, stays as it is.
pub fn printable(text: &str) -> Cow<'_, str> {
    let hidden = |c: char| c.is_ascii_control() || unsafe_to_show(c);
    if !text.contains(hidden) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        if hidden(c) {
            out.push_str(&escape(c.encode_utf8(&mut [0; 4]).as_bytes()));
        } else {
            out.push(c);
        }
    }
    Cow::Owned(out)
}

/// A name as an argument of a POSIX shell; `FILE` where it cannot be written as one that a reader could trust: it holds what
/// cannot be seen.
pub fn argument(name: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=+,:%@".contains(c);
    if !name.is_empty() && name.chars().all(plain) {
        name.to_owned()
    } else if printable(name) == name && !name.contains('\\') {
        format!("'{}'", name.replace('\'', "'\\''"))
    } else {
        "FILE".to_owned()
    }
}

/// Characters that are not seen, or that change how the rest is seen: C1 controls, bidirectional marks and overrides,
/// zero-width and format characters, line separators, private use, tags.
fn unsafe_to_show(c: char) -> bool {
    matches!(c,
        '\u{80}'..='\u{9f}' | '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e000}'..='\u{f8ff}'
        | '\u{e0000}'..='\u{e0fff}' | '\u{f0000}'..='\u{10ffff}')
}

impl Serialize for KeyName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let text = std::str::from_utf8(&self.head);
        if let (Ok(text), true) = (text, self.is_whole()) {
            return serializer.serialize_str(text);
        }
        let mut map = serializer.serialize_map(None)?;
        let name = if self.is_whole() { "base64" } else { "head_base64" };
        map.serialize_entry(name, &STANDARD.encode(&self.head))?;
        if !self.is_whole() {
            map.serialize_entry("bytes", &self.bytes)?;
        }
        if let Some(hash) = &self.sha256 {
            map.serialize_entry("sha256", &hex(hash))?;
        }
        map.end()
    }
}

impl JsonSchema for KeyName {
    fn schema_name() -> Cow<'static, str> {
        "KeyName".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "Text if the bytes are UTF-8, else base64; a key over 64 KiB is its first 1 KiB, length and SHA-256.",
            "oneOf": [
                {"type": "string"},
                {"type": "object", "properties": {"base64": {"type": "string"}}, "required": ["base64"], "additionalProperties": false},
                {
                    "type": "object",
                    "properties": {
                        "head_base64": {"type": "string"}, "bytes": {"type": "integer"}, "sha256": {"type": "string"}
                    },
                    "required": ["head_base64", "bytes"],
                    "additionalProperties": false
                }
            ]
        })
    }
}

/// Lower-case hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_moves_a_cursor_survives() {
        assert_eq!(escape(b"user:42"), "user:42");
        assert_eq!(escape(b"\x1b[2J\x00\n\"\\"), "\\x1b[2J\\x00\\n\\\"\\\\");
        assert_eq!(escape("grün\u{202e}x".as_bytes()), "grün\\xe2\\x80\\xaex");
        assert_eq!(escape(b"\xff\xfe"), "\\xff\\xfe");
    }

    #[test]
    fn what_is_escaped_is_not_escaped_again() {
        let once = escape(b"\x1b\"\\");
        assert_eq!(printable(&once), once);
        assert_eq!(printable("a\x1b[2J\u{202e}"), "a\\x1b[2J\\xe2\\x80\\xae");
    }

    #[test]
    fn arguments_survive_a_shell() {
        assert_eq!(argument("a/b-c.rdb"), "a/b-c.rdb");
        assert_eq!(argument("it's.rdb"), "'it'\\''s.rdb'");
        assert_eq!(argument("a\u{1b}[2J.rdb"), "FILE");
    }

    #[test]
    fn json_is_never_lossy() {
        let json = |key| serde_json::to_string(&key).ok();
        assert_eq!(json(KeyName::whole(b"a\"b")).as_deref(), Some(r#""a\"b""#));
        assert_eq!(json(KeyName::whole(b"\xff")).as_deref(), Some(r#"{"base64":"/w=="}"#));
        assert_eq!(json(KeyName::cut(b"ab", 5)).as_deref(), Some(r#"{"head_base64":"YWI=","bytes":5}"#));
        assert_eq!(KeyName::cut(b"ab", 2), KeyName::whole(b"ab"));
        let long = json(KeyName::long(b"ab", 70_000, [0xab; 32])).unwrap_or_default();
        assert!(long.starts_with(r#"{"head_base64":"YWI=","bytes":70000,"sha256":"abab"#), "{long}");
    }
}
