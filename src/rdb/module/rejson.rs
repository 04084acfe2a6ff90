//! JSON documents, `ReJSON-RL` versions 0, 2 and 3. Version 4 is a binary form that is not known here.
//!
//! ```text
//! v3:  S text
//! v2:  S text | U flag | flag > 0: S, S
//! v0:  node = U type, then
//!        1 null: nothing      2 string: S       4 number: D       8 integer: U with the bits of an i64
//!       16 boolean: S "0" or "1"
//!       32 object: U n | n * (U 128, S key, node)
//!       64 array:  U n | n * node
//! ```
//!
//! valkey-json writes versions 0 and 3 in the same way.

use std::fmt::Write as _;

use serde::de::{Deserializer as _, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::{Field, Fields, Flaw, KEPT_JSON_BYTES, Layout, Module, Step, Text};

/// How deep containers may nest.
const MAX_DEPTH: usize = 512;

/// Versions 2 and 3: the text, held against the grammar of JSON.
#[derive(Debug)]
pub(super) struct Document {
    v2: bool,
    next: Part,
    header: Fields,
    json: Option<Vec<u8>>,
    truncated: bool,
    members: Option<u64>,
}

#[derive(Debug, Clone, Copy)]
enum Part {
    Text,
    Flag,
    FirstExtra,
    SecondExtra,
    End,
}

impl Document {
    pub(super) fn new(encver: u16) -> Self {
        Self {
            v2: encver == 2,
            next: Part::Text,
            header: Fields::default(),
            json: None,
            truncated: false,
            members: None,
        }
    }

    /// Keeps the text, then looks whether it is JSON. Of a long text only the beginning is looked at.
    fn text(&mut self, step: &Step<'_>, text: Text<'_>) -> Result<(), Flaw> {
        let kept = text.first(KEPT_JSON_BYTES);
        self.truncated = u64::try_from(kept.len()).is_ok_and(|have| have < text.len);
        self.json = Some(kept.to_vec());
        if let Some(name) = kind_of(kept) {
            self.header.put("type", Field::Text(name.into()));
        }
        match members(kept) {
            Ok(members) => self.members = members.filter(|_| !self.truncated),
            Err(error) if self.truncated && error.is_eof() => {}
            Err(error) => return Err(Flaw::new(super::KIND, step.what, step.at, "JSON", error.to_string())),
        }
        let depth = depth(kept);
        if depth > MAX_DEPTH {
            let expected = format!("containers at most {MAX_DEPTH} deep");
            return Err(Flaw::new(super::KIND, step.what, step.at, expected, format!("{depth}")));
        }
        Ok(())
    }
}

impl Layout for Document {
    fn wants(&self) -> Option<&'static str> {
        Some(match self.next {
            Part::Text => "JSON text",
            Part::Flag => "JSON flag",
            Part::FirstExtra | Part::SecondExtra => "JSON extra text",
            Part::End => return None,
        })
    }

    fn take(&mut self, step: &Step<'_>) -> Result<(), Flaw> {
        self.next = match self.next {
            Part::Text => {
                self.text(step, step.string()?)?;
                if self.v2 { Part::Flag } else { Part::End }
            }
            Part::Flag => {
                if step.uint()? > 0 {
                    Part::FirstExtra
                } else {
                    Part::End
                }
            }
            Part::FirstExtra => {
                step.string()?;
                Part::SecondExtra
            }
            Part::SecondExtra => {
                step.string()?;
                Part::End
            }
            Part::End => Part::End,
        };
        Ok(())
    }

    fn report(self: Box<Self>, module: &mut Module) {
        module.elements = self.members;
        module.json = self.json;
        module.json_truncated = self.truncated;
        module.header = self.header.0;
    }
}

/// What `JSON.TYPE` would say, by the first character; numbers by whether they have a fraction or an exponent.
fn kind_of(text: &[u8]) -> Option<&'static str> {
    let text = text.trim_ascii();
    Some(match text.first()? {
        b'{' => "object",
        b'[' => "array",
        b'"' => "string",
        b't' | b'f' => "boolean",
        b'n' => "null",
        b'-' | b'0'..=b'9' if text.iter().any(|b| matches!(b, b'.' | b'e' | b'E')) => "number",
        b'-' | b'0'..=b'9' => "integer",
        _ => return None,
    })
}

/// How many members the outermost container has; `None` if the text is JSON and a scalar. Nothing is built from the
/// text, and nesting costs one byte of memory a level, not stack.
fn members(text: &[u8]) -> Result<Option<u64>, serde_json::Error> {
    let mut json = serde_json::Deserializer::from_slice(text);
    let members = match text.trim_ascii_start().first() {
        Some(b'{') => Some(json.deserialize_map(Members)?),
        Some(b'[') => Some(json.deserialize_seq(Members)?),
        _ => {
            json.deserialize_ignored_any(IgnoredAny)?;
            None
        }
    };
    json.end()?;
    Ok(members)
}

/// Counts the members of a container.
struct Members;

impl<'de> Visitor<'de> for Members {
    type Value = u64;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a container")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<u64, A::Error> {
        let mut members = 0u64;
        while seq.next_element::<IgnoredAny>()?.is_some() {
            members = members.saturating_add(1);
        }
        Ok(members)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<u64, A::Error> {
        let mut members = 0u64;
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {
            members = members.saturating_add(1);
        }
        Ok(members)
    }
}

/// How deep the containers of a JSON text nest.
fn depth(text: &[u8]) -> usize {
    let (mut depth, mut deepest) = (0usize, 0usize);
    let mut bytes = text.iter();
    let mut in_string = false;
    while let Some(byte) = bytes.next() {
        match byte {
            b'\\' if in_string => {
                bytes.next();
            }
            b'"' => in_string = !in_string,
            b'{' | b'[' if !in_string => {
                depth = depth.saturating_add(1);
                deepest = deepest.max(depth);
            }
            b'}' | b']' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

const NULL: u64 = 1;
const STRING: u64 = 2;
const NUMBER: u64 = 4;
const INTEGER: u64 = 8;
const BOOLEAN: u64 = 16;
const OBJECT: u64 = 32;
const ARRAY: u64 = 64;
const MEMBER: u64 = 128;

/// Version 0: the tree, written as JSON while it is walked. Bytes that are not UTF-8 become U+FFFD and the header
/// counts the strings with such bytes, because JSON has no way to say them.
#[derive(Debug, Default)]
pub(super) struct Tree {
    next: Next,
    open: Vec<Container>,
    out: Out,
    root: Option<(&'static str, Option<u64>)>,
    not_utf8: u64,
}

#[derive(Debug, Default, Clone, Copy)]
enum Next {
    #[default]
    Node,
    String,
    Number,
    Integer,
    Boolean,
    ObjectSize,
    ArraySize,
    Member,
    Key,
    End,
}

/// A container that is open, and how many of its members are still to come.
#[derive(Debug, Clone, Copy)]
struct Container {
    object: bool,
    left: u64,
}

impl Tree {
    /// The state after a type code.
    fn node(&mut self, step: &Step<'_>) -> Result<Next, Flaw> {
        let (name, next) = match step.uint()? {
            NULL => ("null", Next::End),
            STRING => ("string", Next::String),
            NUMBER => ("number", Next::Number),
            INTEGER => ("integer", Next::Integer),
            BOOLEAN => ("boolean", Next::Boolean),
            OBJECT => ("object", Next::ObjectSize),
            ARRAY => ("array", Next::ArraySize),
            _ => return Err(step.unlike("a node type: 1, 2, 4, 8, 16, 32 or 64")),
        };
        self.root.get_or_insert((name, None));
        if name == "null" {
            self.out.push("null");
            return Ok(self.closed());
        }
        Ok(next)
    }

    /// Opens a container of `size` members.
    fn container(&mut self, step: &Step<'_>, object: bool) -> Result<Next, Flaw> {
        let left = step.uint()?;
        if self.open.is_empty()
            && let Some((_, members)) = &mut self.root
        {
            *members = Some(left);
        }
        self.out.push(if object { "{" } else { "[" });
        if left == 0 {
            self.out.push(if object { "}" } else { "]" });
            return Ok(self.closed());
        }
        if self.open.len() >= MAX_DEPTH {
            return Err(step.unlike(format!("containers at most {MAX_DEPTH} deep")));
        }
        self.open.push(Container { object, left });
        Ok(if object { Next::Member } else { Next::Node })
    }

    /// The state after a node is done: closes each container that it was the last member of.
    fn closed(&mut self) -> Next {
        while let Some(container) = self.open.last_mut() {
            container.left = container.left.saturating_sub(1);
            if container.left > 0 {
                self.out.push(",");
                return if container.object { Next::Member } else { Next::Node };
            }
            self.out.push(if container.object { "}" } else { "]" });
            self.open.pop();
        }
        Next::End
    }

    /// Writes a string with its quotes.
    fn quoted(&mut self, text: Text<'_>) {
        self.out.push("\"");
        let mut valid = true;
        for chunk in text.head.utf8_chunks() {
            self.out.escaped(chunk.valid());
            if !chunk.invalid().is_empty() {
                valid = false;
                self.out.push("\u{fffd}");
            }
        }
        if !text.whole() {
            self.out.cut = true;
        }
        if !valid {
            self.not_utf8 = self.not_utf8.saturating_add(1);
        }
        self.out.push("\"");
    }
}

impl Layout for Tree {
    fn wants(&self) -> Option<&'static str> {
        Some(match self.next {
            Next::Node => "JSON node type",
            Next::String => "JSON string",
            Next::Number => "JSON number",
            Next::Integer => "JSON integer",
            Next::Boolean => "JSON boolean",
            Next::ObjectSize => "JSON object size",
            Next::ArraySize => "JSON array size",
            Next::Member => "JSON object member",
            Next::Key => "JSON object key",
            Next::End => return None,
        })
    }

    fn take(&mut self, step: &Step<'_>) -> Result<(), Flaw> {
        self.next = match self.next {
            Next::Node => self.node(step)?,
            Next::String => {
                self.quoted(step.string()?);
                self.closed()
            }
            Next::Number => {
                let value = step.double()?;
                if !value.is_finite() {
                    return Err(step.unlike("a finite number"));
                }
                self.out.push(&format!("{value:?}"));
                self.closed()
            }
            Next::Integer => {
                let value = step.uint()?.cast_signed();
                self.out.push(&value.to_string());
                self.closed()
            }
            Next::Boolean => {
                let word = match step.string()?.head {
                    b"0" => "false",
                    b"1" => "true",
                    _ => return Err(step.unlike("0 or 1")),
                };
                self.out.push(word);
                self.closed()
            }
            Next::ObjectSize => self.container(step, true)?,
            Next::ArraySize => self.container(step, false)?,
            Next::Member => {
                if step.uint()? != MEMBER {
                    return Err(step.unlike("the mark of a member, 128"));
                }
                Next::Key
            }
            Next::Key => {
                self.quoted(step.string()?);
                self.out.push(":");
                Next::Node
            }
            Next::End => Next::End,
        };
        Ok(())
    }

    fn report(self: Box<Self>, module: &mut Module) {
        let mut header = Fields::default();
        if let Some((name, members)) = self.root {
            header.put("type", Field::Text(name.into()));
            module.elements = members;
        }
        if self.not_utf8 > 0 {
            header.put("strings_not_utf8", Field::Uint(self.not_utf8));
        }
        module.json = Some(self.out.text.into_bytes()).filter(|json| !json.is_empty());
        module.json_truncated = self.out.cut || module.flaw.is_some();
        module.header = header.0;
    }
}

/// JSON text that stops growing at [`KEPT_JSON_BYTES`].
#[derive(Debug, Default)]
struct Out {
    text: String,
    cut: bool,
}

impl Out {
    /// Adds as much of the text as there is room for; once something was cut off, nothing.
    fn push(&mut self, text: &str) {
        if self.cut {
            return;
        }
        let room = KEPT_JSON_BYTES.saturating_sub(self.text.len());
        let (fits, rest) = text.split_at(text.floor_char_boundary(room));
        self.text.push_str(fits);
        self.cut = !rest.is_empty();
    }

    /// Adds text with the escapes of a JSON string.
    fn escaped(&mut self, mut text: &str) {
        while !self.cut && !text.is_empty() {
            let plain = text.find(|c: char| c < ' ' || c == '"' || c == '\\').unwrap_or(text.len());
            let (run, rest) = text.split_at(plain);
            self.push(run);
            let mut rest = rest.chars();
            if let Some(c) = rest.next() {
                self.push(&escape(c));
            }
            text = rest.as_str();
        }
    }
}

fn escape(c: char) -> String {
    let mut escape = String::from("\\");
    match c {
        '\n' => escape.push('n'),
        '\r' => escape.push('r'),
        '\t' => escape.push('t'),
        '\u{8}' => escape.push('b'),
        '\u{c}' => escape.push('f'),
        c if c < ' ' => {
            // Writing to a string does not fail.
            let _ = write!(escape, "u{:04x}", u32::from(c));
        }
        c => escape.push(c),
    }
    escape
}
