//! Puts the parts of a value together again: checks them, measures them, hands its elements over.
//!
//! A decoder is told of each part with its role and keeps only what spans parts. What it returns as a flaw is damage
//! inside the value: the framing holds, so the rest of the value is still read.

mod encoding;
mod packed;
mod stream;
mod table;
mod unique;

pub use encoding::Writer;
pub(super) use unique::Unique;

use super::grammar::Role;
use super::item::{Element, Half, Head, Item, Measured, Packing, Part, Shape, Sink};
use super::module::{self, Module, ModuleId, Token};
use super::template::FieldNames;
use super::types::{Family, ValueType};
use crate::base::{Flaw, UnixMs};
use crate::encoding::Packed;
use crate::keyspace::Encoding;

/// A string of the input: whole, or too long to be held.
#[derive(Debug, Clone, Copy)]
pub(super) enum Text<'a> {
    Whole(&'a [u8]),
    /// Its pieces have gone to the sink already.
    Long {
        head: &'a [u8],
        total: u64,
        fingerprint: u128,
    },
}

impl<'a> Text<'a> {
    pub(super) fn len(&self) -> u64 {
        match self {
            Text::Whole(bytes) => bytes.len() as u64,
            Text::Long { total, .. } => *total,
        }
    }

    /// The bytes, or what is kept of a long one.
    pub(super) fn head(&self) -> &'a [u8] {
        match self {
            Text::Whole(bytes) | Text::Long { head: bytes, .. } => bytes,
        }
    }

    /// The bytes; none of a long string, whose pieces have been handed over.
    fn bytes(&self) -> &'a [u8] {
        match self {
            Text::Whole(bytes) => bytes,
            Text::Long { .. } => &[],
        }
    }

    /// The first entry of a listpack, if it is an integer.
    pub(super) fn first_packed(&self) -> Option<i64> {
        crate::encoding::Listpack::new(self.bytes()).ok()?.iter().next()?.ok()?.as_int()
    }

    fn measured(&self) -> Measured<'a> {
        Measured { bytes: self.head(), len: self.len(), int: None }
    }

    fn fingerprint(&self) -> u128 {
        match self {
            Text::Whole(bytes) => xxhash_rust::xxh3::xxh3_128(bytes),
            Text::Long { fingerprint, .. } => *fingerprint,
        }
    }
}

/// Where elements go.
pub(super) struct Out<'s, S: Sink> {
    pub(super) sink: &'s mut S,
    /// Whether anybody wants the elements.
    pub(super) emit: bool,
    /// Whether anybody wants the parts.
    pub(super) parts: bool,
}

impl<S: Sink> Out<'_, S> {
    #[inline]
    pub(super) fn element(&mut self, element: Element<'_>) {
        if self.emit {
            self.sink.item(&Item::Element(element));
        }
    }

    /// What a stream knows: an element and a part.
    pub(super) fn detail(&mut self, element: Element<'_>) {
        self.element(element);
        if self.parts {
            self.sink.part(&Part::Detail(element));
        }
    }

    #[inline]
    pub(super) fn blob(&mut self, packing: Packing, bytes: usize) {
        if self.parts {
            self.sink.part(&Part::Blob { packing, bytes: bytes as u64 });
        }
    }

    #[inline]
    pub(super) fn one(&mut self, name: Measured<'_>) {
        if self.parts {
            self.sink.part(&Part::Element { name, value: None, expires: false, score: None });
        }
    }

    #[inline]
    pub(super) fn scored(&mut self, name: Measured<'_>, score: f64) {
        if self.parts {
            self.sink.part(&Part::Element { name, value: None, expires: false, score: Some(score) });
        }
    }

    #[inline]
    pub(super) fn pair(&mut self, name: Measured<'_>, value: Measured<'_>, expires: bool) {
        if self.parts {
            self.sink.part(&Part::Element { name, value: Some(value), expires, score: None });
        }
    }
}

impl<'a> From<Packed<'a>> for Measured<'a> {
    #[inline]
    fn from(entry: Packed<'a>) -> Self {
        match entry {
            Packed::Str(bytes) => Self { bytes, len: bytes.len() as u64, int: None },
            Packed::Int(int) => Self { bytes: &[], len: entry.len() as u64, int: Some(int) },
        }
    }
}

/// The half of an element that a string of this role is, if its pieces are worth handing over.
pub(super) fn half_of(role: Role) -> Option<Half> {
    match role {
        Role::Text | Role::Item | Role::Member | Role::Field | Role::ModuleString => Some(Half::Name),
        Role::FieldValue => Some(Half::Value),
        _ => None,
    }
}

/// The decoder of one value at a time.
pub(super) struct Decoder {
    family: Family,
    id: u8,
    name: &'static str,
    shape: Shape,
    expiring_fields: u64,
    /// Elements of a table that were announced; nodes of a quicklist.
    announced: u64,
    encoding: Encoding,
    table: table::Table,
    quicklist: packed::Quicklist,
    stream: stream::Stream,
    module: Option<module::Decoder>,
    is_json: bool,
    described: Option<Module>,
    template: Option<FieldNames>,
    template_names: Vec<Box<[u8]>>,
    unique: Unique,
    scratch: packed::Scratch,
}

impl Decoder {
    pub(super) fn new(unique: Unique) -> Self {
        Self {
            family: Family::Text,
            id: 0,
            name: "",
            shape: Shape::default(),
            expiring_fields: 0,
            announced: 0,
            encoding: Encoding::Unknown,
            table: table::Table::default(),
            quicklist: packed::Quicklist::default(),
            stream: stream::Stream::default(),
            module: None,
            is_json: false,
            described: None,
            template: None,
            template_names: Vec::new(),
            unique,
            scratch: packed::Scratch::default(),
        }
    }

    /// Begins a value of this type.
    pub(super) fn begin(&mut self, value_type: &ValueType) {
        self.family = value_type.family;
        self.id = value_type.id;
        self.name = value_type.name;
        self.shape = Shape::default();
        self.expiring_fields = 0;
        self.announced = 0;
        self.encoding = Encoding::Unknown;
        self.described = None;
        self.template = None;
        match value_type.family {
            Family::Table => self.table.reset(value_type.name),
            Family::Quicklist => self.quicklist = packed::Quicklist::default(),
            Family::Stream => self.stream.reset(),
            _ => {}
        }
        self.template_names.clear();
    }

    /// Begins the data of a module that belongs to no key, or to the next one.
    pub(super) fn begin_module(&mut self, id: u64) {
        let id = ModuleId(id);
        self.is_json = id.name() == *b"ReJSON-RL";
        self.module = Some(module::Decoder::new(id));
    }

    /// Takes a number that is stored as a LEN: a count, an id, a time.
    #[inline]
    pub(super) fn number<S: Sink>(&mut self, role: Role, value: u64, out: &mut Out<'_, S>) -> Result<(), Flaw> {
        match role {
            Role::Count => {
                self.announced = value;
                if self.family == Family::Table {
                    self.unique.begin(value);
                }
                if value == 0 && !matches!(self.family, Family::Stream | Family::Cron) {
                    return Err(empty(self.name));
                }
            }
            Role::Container => return self.quicklist.container(value),
            Role::FieldExpire => return self.table.expire_delta(self.id, value),
            Role::ArrayIndex => return self.table.index(value),
            Role::ArrayTag => self.table.tag(value),
            Role::ArrayInsert | Role::TemplateFields | Role::TemplateRef => {}
            Role::ModuleId => self.begin_module(value),
            Role::ModuleOp => {
                if value == 0 {
                    return self.end_module();
                }
            }
            Role::ModuleSint => self.token(Token::Sint(value.cast_signed())),
            Role::ModuleUint => self.token(Token::Uint(value)),
            _ => return self.stream.number(role, value, out),
        }
        Ok(())
    }

    /// Takes bytes of fixed length.
    #[inline]
    pub(super) fn bytes<S: Sink>(&mut self, role: Role, bytes: &[u8], out: &mut Out<'_, S>) -> Result<(), Flaw> {
        match role {
            Role::Score => {
                let score = bytes.first_chunk().map_or(f64::NAN, |bytes| f64::from_le_bytes(*bytes));
                self.special(score, out)
            }
            Role::ScoreText => {
                let score = crate::encoding::double::parse_ascii(bytes)?;
                self.special(score, out)
            }
            Role::MinExpire => self.table.min_expire(le_i64(bytes)),
            Role::FieldExpireMs => {
                let ms = le_i64(bytes);
                let (table, mut target) = self.table();
                table.expiry_last(ms, &mut target, out);
                if ms >= -1 {
                    return Ok(());
                }
                Err(Flaw::new("field-expiry", "field expiry", 0, "Unix milliseconds or -1", ms.to_string()))
            }
            Role::ArrayNumber => {
                let (table, mut target) = self.table();
                table.array_number(bytes, &mut target, out);
                Ok(())
            }
            Role::ModuleFloat => {
                self.token(Token::Float(bytes.first_chunk().map_or(0.0, |bytes| f32::from_le_bytes(*bytes))));
                Ok(())
            }
            Role::ModuleDouble => {
                self.token(Token::Double(bytes.first_chunk().map_or(0.0, |bytes| f64::from_le_bytes(*bytes))));
                Ok(())
            }
            Role::CronMs => Ok(()),
            _ => self.stream.bytes(role, bytes, out),
        }
    }

    /// Takes a score.
    #[inline]
    pub(super) fn special<S: Sink>(&mut self, score: f64, out: &mut Out<'_, S>) -> Result<(), Flaw> {
        let (table, mut target) = self.table();
        table.score(score, &mut target, out)
    }

    fn table(&mut self) -> (&mut table::Table, table::Target<'_>) {
        let target =
            table::Target { shape: &mut self.shape, expiring: &mut self.expiring_fields, unique: &mut self.unique };
        (&mut self.table, target)
    }

    /// Takes a string.
    #[inline]
    pub(super) fn text<S: Sink>(
        &mut self,
        role: Role,
        text: Text<'_>,
        head: &Head<'_>,
        writer: Writer,
        out: &mut Out<'_, S>,
    ) -> Result<(), Flaw> {
        match (role, self.family) {
            (Role::Text, Family::Cron) => {
                self.count(text.len());
                Ok(())
            }
            (Role::Text, _) => {
                self.count(text.len());
                self.encoding = writer.string_encoding(&text, head);
                out.element(Element::Item(text.bytes()));
                // A HyperLogLog is a string; what its registers say is checked when it claims to be one.
                match text {
                    Text::Whole(bytes) if crate::encoding::hll::looks_like(bytes) => {
                        crate::encoding::hll::check(bytes).map(|_| ())
                    }
                    _ => Ok(()),
                }
            }
            (Role::Packed, _) => self.packed(text, out),
            (Role::Node, _) => {
                let legacy = self.id == 14;
                self.quicklist.node(legacy, text, &mut self.shape, out)
            }
            (Role::ModuleString, _) => {
                self.token(Token::String { head: text.head(), len: text.len() });
                // A JSON document comes whole, at the end.
                if !self.is_json {
                    out.element(Element::Item(text.bytes()));
                }
                Ok(())
            }
            (Role::CronArg, _) => {
                self.count(text.len());
                out.element(Element::Item(text.bytes()));
                Ok(())
            }
            (Role::TemplateField, _) => {
                self.template_names.push(text.head().into());
                Ok(())
            }
            (Role::TemplateNames, _) => {
                let names = &mut self.template_names;
                crate::encoding::listpack::deep(text.head(), |name| {
                    names.push(name.bytes(&mut itoa::Buffer::new()).into());
                    Ok(())
                })
                .map(|_| ())
            }
            (_, Family::Stream) => self.stream.text(role, text, &mut self.shape, out),
            _ => {
                let mut target = table::Target {
                    shape: &mut self.shape,
                    expiring: &mut self.expiring_fields,
                    unique: &mut self.unique,
                };
                let names = match &self.template {
                    Some(names) => names.as_ref(),
                    None => self.template_names.as_slice(),
                };
                self.table.text(role, text, names, &mut target, out)
            }
        }
    }

    /// Names the template that this hash's fields come from.
    pub(super) fn set_template(&mut self, names: Option<&FieldNames>) {
        self.template = names.cloned();
    }

    fn count(&mut self, bytes: u64) {
        self.shape.elements = self.shape.elements.saturating_add(1);
        self.shape.payload_bytes = self.shape.payload_bytes.saturating_add(bytes);
        self.shape.largest_element_bytes = self.shape.largest_element_bytes.max(bytes);
    }

    fn packed<S: Sink>(&mut self, text: Text<'_>, out: &mut Out<'_, S>) -> Result<(), Flaw> {
        let mut target =
            table::Target { shape: &mut self.shape, expiring: &mut self.expiring_fields, unique: &mut self.unique };
        let names = match &self.template {
            Some(names) => names.as_ref(),
            None => self.template_names.as_slice(),
        };
        packed::value(self.id, text, names, &mut self.scratch, &mut target, out)?;
        if self.shape.elements == 0 { Err(empty(self.name)) } else { Ok(()) }
    }

    fn token(&mut self, token: Token<'_>) {
        if let Some(module) = &mut self.module {
            module.push(token);
        }
    }

    fn end_module(&mut self) -> Result<(), Flaw> {
        let Some(module) = self.module.take() else { return Ok(()) };
        let described = module.finish();
        self.shape.elements = described.elements.unwrap_or(1);
        self.shape.payload_bytes = described.payload_bytes;
        self.shape.largest_element_bytes = described.payload_bytes;
        let flaw = described.flaw.clone();
        self.described = Some(described);
        flaw.map_or(Ok(()), Err)
    }

    /// What the module data that just ended amounts to.
    pub(super) fn described(&self) -> Option<&Module> {
        self.described.as_ref()
    }

    /// Ends the value: what is only known at its end.
    pub(super) fn end<S: Sink>(&mut self, writer: Writer, out: &mut Out<'_, S>) -> Result<(), Flaw> {
        let outcome = match self.family {
            Family::Table => self.unique.end(&mut |repeated| duplicates(repeated)),
            Family::Stream => self.stream.end(),
            Family::Quicklist if self.announced > 0 && self.shape.elements == 0 => Err(empty(self.name)),
            _ => Ok(()),
        };
        if let Some(Module { json: Some(json), json_truncated, .. }) = &self.described {
            // The pieces of a long document have come already.
            out.element(Element::Item(if *json_truncated { &[] } else { json }));
        }
        if self.family != Family::Text {
            self.encoding = writer.encoding(self.id, &self.quicklist);
        }
        outcome
    }

    /// Whether the quicklist node that comes is an element by itself, whose pieces may be handed over.
    pub(super) fn next_is_plain(&self) -> bool {
        self.quicklist.next_is_plain()
    }

    /// What went wrong with the scratch folder.
    pub(super) fn take_error(&mut self) -> Option<crate::base::Error> {
        self.unique.take_error()
    }

    pub(super) fn shape(&self) -> Shape {
        self.shape
    }

    pub(super) fn encoding(&self) -> Encoding {
        self.encoding
    }

    pub(super) fn expiring_fields(&self) -> u64 {
        self.expiring_fields
    }
}

fn le_i64(bytes: &[u8]) -> i64 {
    bytes.first_chunk().map_or(0, |bytes| i64::from_le_bytes(*bytes))
}

/// A collection without elements, which servers pass over with a notice.
#[cold]
fn empty(name: &'static str) -> Flaw {
    Flaw::new("empty-collection", name, 0, "at least one element", "none")
}

#[cold]
fn repeated(element: &[u8]) -> Flaw {
    let found = format!("{} again", crate::base::flaw::quote(element));
    Flaw::new("duplicate-element", "element", 0, "each element once", found)
}

#[cold]
fn duplicates(count: u64) -> Flaw {
    Flaw::new("duplicate-element", "elements", 0, "each once", format!("{count} that occur again"))
}

/// A moment after which a hash field is gone, checked against the 48 bits servers give it.
/// Source: Redis 7.4–8.6 refuses larger ones.
fn field_expiry(ms: u64) -> Result<UnixMs, Flaw> {
    const MOST: u64 = 0xffff_ffff_ffff;
    match i64::try_from(ms) {
        Ok(at) if ms <= MOST => Ok(UnixMs(at)),
        _ => Err(Flaw::new("field-expiry", "field expiry", 0, format!("at most {MOST}"), ms.to_string())),
    }
}
