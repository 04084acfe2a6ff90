//! Bytes in any portions become items: the records of an RDB between its header and its EOF opcode.
//!
//! The parser takes what is complete and leaves the rest for the next call; a string that is too long to be held is
//! taken in pieces. What it cannot go on after is an [`Item::Damage`] that says so, and the parser takes nothing more.

mod long;

use super::grammar::{self, Role};
use super::item::{Damage, Depth, Entry, Head, Item, Key, Sink};
use super::item::{KEY_HEAD_BYTES, WHOLE_KEY_BYTES};
use super::object::{Decoder, Out, Text, Unique, Writer};
use super::opcode::{self, Opcode};
use super::template::Templates;
use super::types::{self, Dialect, Family, ValueType};
use super::walker::{Atom, Next, Walker};
use crate::base::{Error, Flaw, Limits, UnixMs};
use crate::encoding::lzf;
use crate::keyspace::command::Spec;
use long::Long;
use sha2::Digest;
use std::path::PathBuf;

/// What a parser must know to begin in the middle of a file.
#[derive(Debug, Clone)]
pub struct Start {
    /// Whose numbers the file uses.
    pub dialect: Dialect,
    /// The server that wrote it.
    pub writer: Writer,
    /// Where the first byte stands in the uncompressed stream.
    pub offset: u64,
    /// The database that is selected.
    pub db: u64,
    /// The templates seen so far.
    pub templates: Templates,
}

/// How a parser works.
#[derive(Debug, Clone)]
pub struct Config {
    /// What may be held in memory.
    pub limits: Limits,
    /// Decode every value, whatever depth the sink wants, and check all that its structure promises.
    pub validate: bool,
    /// Where temporary files go.
    pub scratch: PathBuf,
}

/// What was counted on the way.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counters {
    /// Values that were decoded.
    pub values_decoded: u64,
    /// Values passed over by their lengths alone.
    pub values_skipped: u64,
    /// Bytes of those.
    pub bytes_skipped: u64,
    /// Structures too large to be held, which were not looked into.
    pub not_looked_into: u64,
    /// Strings that are stored compressed, among those that were decoded.
    pub strings_packed: u64,
}

impl Counters {
    /// Adds another parser's.
    pub fn add(&mut self, other: &Counters) {
        self.values_decoded = self.values_decoded.saturating_add(other.values_decoded);
        self.values_skipped = self.values_skipped.saturating_add(other.values_skipped);
        self.bytes_skipped = self.bytes_skipped.saturating_add(other.bytes_skipped);
        self.not_looked_into = self.not_looked_into.saturating_add(other.not_looked_into);
        self.strings_packed = self.strings_packed.saturating_add(other.strings_packed);
    }
}

#[derive(Debug, Clone, Copy)]
enum State {
    /// Between records.
    Between,
    /// Inside what follows an opcode.
    Opcode(Opcode),
    /// Inside a key.
    Key(&'static ValueType),
    /// Inside a value that is decoded.
    Value(&'static ValueType),
    /// Inside a value that is passed over.
    Passing(&'static ValueType),
    /// At the EOF opcode, or after something fatal.
    Stopped,
}

/// What opcodes said of the next key.
#[derive(Debug, Clone, Copy, Default)]
struct Attributes {
    expire_at: Option<UnixMs>,
    idle_secs: Option<u64>,
    freq: Option<u8>,
}

/// The key in progress.
#[derive(Debug, Default)]
struct KeyBuffer {
    head: Vec<u8>,
    len: u64,
    sha256: Option<[u8; 32]>,
}

impl KeyBuffer {
    fn key(&self) -> Key<'_> {
        Key { head: &self.head, len: self.len, sha256: self.sha256 }
    }
}

/// The parser of one batch after the other.
pub struct Parser {
    config: Config,
    dialect: Dialect,
    writer: Writer,
    templates: Templates,
    walker: Walker,
    state: State,
    /// Where the next byte stands.
    offset: u64,
    /// Where the record in progress began: its type byte or opcode.
    record: u64,
    db: u64,
    attributes: Attributes,
    key: KeyBuffer,
    decoder: Decoder,
    emit: bool,
    parts: bool,
    begun: bool,
    long: Option<Long>,
    unpacked: Vec<u8>,
    held: Vec<u8>,
    aux_name: Vec<u8>,
    number: u64,
    template: (u64, Vec<Box<[u8]>>),
    counters: Counters,
    error: Option<Error>,
    written_by: Option<&'static Spec>,
}

impl Parser {
    /// A parser that begins at `start`.
    pub fn new(config: Config, start: Start) -> Self {
        let unique = Unique::new(config.limits.unique_in_memory, config.scratch.clone());
        let walker = Walker::new(config.limits.string_bytes, config.limits.blob_bytes);
        Self {
            dialect: start.dialect,
            writer: start.writer,
            templates: start.templates,
            walker,
            state: State::Between,
            offset: start.offset,
            record: start.offset,
            db: start.db,
            attributes: Attributes::default(),
            key: KeyBuffer::default(),
            decoder: Decoder::new(unique),
            emit: false,
            parts: false,
            begun: false,
            long: None,
            unpacked: Vec::new(),
            held: Vec::new(),
            aux_name: Vec::new(),
            number: 0,
            template: (0, Vec::new()),
            counters: Counters::default(),
            error: None,
            written_by: None,
            config,
        }
    }

    /// Goes on at another place, keeping buffers and counters.
    pub fn restart(&mut self, start: Start) {
        self.dialect = start.dialect;
        self.writer = start.writer;
        self.templates = start.templates;
        self.offset = start.offset;
        self.record = start.offset;
        self.db = start.db;
        self.state = State::Between;
        self.attributes = Attributes::default();
        self.long = None;
        self.begun = false;
    }

    /// What was counted so far.
    pub fn counters(&self) -> Counters {
        self.counters
    }

    /// What went wrong with the scratch folder.
    pub fn take_error(&mut self) -> Option<Error> {
        self.error.take().or_else(|| self.decoder.take_error())
    }

    /// Whether nothing more is taken: the EOF opcode was reached, or something fatal.
    pub fn is_stopped(&self) -> bool {
        matches!(self.state, State::Stopped)
    }

    /// Takes what is complete at the beginning of `input`: how many bytes that was.
    pub fn feed<S: Sink>(&mut self, input: &[u8], sink: &mut S) -> usize {
        let mut at = 0usize;
        loop {
            let rest = input.get(at..).unwrap_or_default();
            let step = if self.long.is_some() {
                {
                    let used = self.long_piece(rest, sink);
                    Ok((used, self.long.is_some()))
                }
            } else {
                match self.state {
                    State::Between => self.begin_record(rest, sink),
                    State::Passing(_) => self.pass(rest, sink),
                    State::Stopped => return at,
                    State::Opcode(_) | State::Key(_) | State::Value(_) => self.step(rest, sink),
                }
            };
            match step {
                Ok((used, wants_more)) => {
                    at = at.saturating_add(used);
                    self.offset = self.offset.saturating_add(used as u64);
                    if wants_more {
                        return at;
                    }
                }
                Err(flaw) => {
                    let offset = self.offset.saturating_add(flaw.at());
                    self.stop(&flaw, offset, sink);
                    return at;
                }
            }
        }
    }

    /// Says that no more bytes come, `left` being what [`Parser::feed`] did not take. True if a record was cut short.
    pub fn end<S: Sink>(&mut self, left: &[u8], sink: &mut S) -> bool {
        if self.is_stopped() {
            return false;
        }
        let between = matches!(self.state, State::Between) && left.is_empty();
        let what = match self.state {
            _ if between => "EOF opcode",
            State::Opcode(_) => "opcode payload",
            State::Key(_) => "key",
            _ => "value",
        };
        let found = "the end of the input".to_owned();
        let expected = match &self.long {
            Some(long) => format!("{} more bytes of a string of {}", long.stored_left, long.total),
            None if between => "more records, then EOF".to_owned(),
            None => "the rest of the record".to_owned(),
        };
        let flaw = Flaw::new("truncated", what, 0, expected, found);
        let offset = if between { self.offset } else { self.record };
        self.stop(&flaw, offset, sink);
        true
    }

    /// The command whose payload is read next.
    pub(super) fn set_written_by(&mut self, spec: Option<&'static Spec>) {
        self.written_by = spec;
    }

    /// Says that a payload's bytes have all come: exactly one record must be there.
    pub(super) fn end_payload<S: Sink>(&mut self, left: &[u8], sink: &mut S) -> Result<(), Flaw> {
        if matches!(self.state, State::Between) && left.is_empty() {
            return Ok(());
        }
        if std::mem::take(&mut self.begun) {
            sink.item(&Item::Dropped);
        }
        self.state = State::Stopped;
        self.long = None;
        let found = "the end of the payload";
        Err(Flaw::new("truncated", "RESTORE payload", 0, "the rest of the value", found))
    }

    #[cold]
    fn stop<S: Sink>(&mut self, flaw: &Flaw, offset: u64, sink: &mut S) {
        if std::mem::take(&mut self.begun) {
            sink.item(&Item::Dropped);
        }
        self.damage(flaw, offset, true, sink);
        self.state = State::Stopped;
        self.long = None;
    }

    #[cold]
    fn damage<S: Sink>(&mut self, flaw: &Flaw, offset: u64, fatal: bool, sink: &mut S) {
        if flaw.kind().0 == "not-looked-into" {
            self.counters.not_looked_into = self.counters.not_looked_into.saturating_add(1);
        }
        let key = match self.state {
            State::Value(_) | State::Passing(_) => Some(self.key.key()),
            _ => None,
        };
        let doing = match self.state {
            State::Between | State::Stopped => "read-type",
            State::Key(_) => "read-key",
            State::Value(_) | State::Passing(_) => "read-object-value",
            State::Opcode(Opcode::Aux) => "read-aux",
            State::Opcode(Opcode::ExpireTime | Opcode::ExpireTimeMs) => "read-expire",
            State::Opcode(Opcode::ModuleAux) => "read-module-aux",
            State::Opcode(Opcode::Function2 | Opcode::FunctionPreGa) => "read-function",
            State::Opcode(_) => "read-len",
        };
        sink.item(&Item::Damage(Damage { flaw, offset, line: None, doing, db: Some(self.db), key, fatal }));
    }

    /// The byte that says what comes.
    fn begin_record<S: Sink>(&mut self, rest: &[u8], sink: &mut S) -> Result<(usize, bool), Flaw> {
        let Some(byte) = rest.first() else { return Ok((0, true)) };
        self.record = self.offset;
        if let Some(value_type) = types::lookup(self.dialect, *byte) {
            self.state = State::Key(value_type);
            self.walker.begin(grammar::KEY);
            return Ok((1, false));
        }
        let Some(opcode) = opcode::lookup(self.dialect, *byte) else { return Err(unknown(*byte, self.dialect)) };
        if opcode == Opcode::Eof {
            self.state = State::Stopped;
            return Ok((1, true));
        }
        self.state = State::Opcode(opcode);
        self.walker.begin(opcode.steps());
        if opcode != Opcode::SelectDb {
            sink.item(&Item::Opcode { opcode, offset: self.record, db: self.db });
        }
        Ok((1, false))
    }

    /// Passes over a value.
    fn pass<S: Sink>(&mut self, rest: &[u8], sink: &mut S) -> Result<(usize, bool), Flaw> {
        let (used, done) = self.walker.skip(rest, &self.templates)?;
        if done {
            self.offset = self.offset.saturating_add(used as u64);
            self.end_value(sink);
            self.offset = self.offset.saturating_sub(used as u64);
        }
        Ok((used, !done))
    }

    /// One part of the record in progress.
    #[inline]
    fn step<S: Sink>(&mut self, rest: &[u8], sink: &mut S) -> Result<(usize, bool), Flaw> {
        match self.walker.next(rest, &self.templates)? {
            Next::Part(role, atom, used) => {
                if matches!(atom, Atom::Lzf { .. } | Atom::Long { unpacked: Some(_), .. }) {
                    self.counters.strings_packed = self.counters.strings_packed.saturating_add(1);
                }
                if let Atom::Long { stored, unpacked } = atom {
                    self.begin_long(role, stored, unpacked, sink);
                } else {
                    self.part(role, atom, sink);
                }
                Ok((used, false))
            }
            Next::More(_) => Ok((0, true)),
            Next::Done => {
                match self.state {
                    State::Value(_) => self.end_value(sink),
                    State::Opcode(opcode) => self.end_opcode(opcode, sink),
                    _ => {}
                }
                Ok((0, false))
            }
        }
    }

    #[inline]
    fn part<S: Sink>(&mut self, role: Role, atom: Atom<'_>, sink: &mut S) {
        let mut digits = itoa::Buffer::new();
        let outcome = match atom {
            Atom::Raw(bytes) => self.text(role, Text::Whole(bytes), sink),
            Atom::Int(int) => self.text(role, Text::Whole(digits.format(int).as_bytes()), sink),
            // Where only the length counts, nothing is unpacked.
            Atom::Lzf { packed, unpacked } if !self.emit && is_only_measured(role, self.state, packed) => {
                let length = usize::try_from(unpacked).unwrap_or(usize::MAX);
                match lzf::check(packed, length) {
                    Ok(()) => self.text(role, Text::Long { head: &[], total: unpacked, fingerprint: 0 }, sink),
                    Err(flaw) => Err(flaw),
                }
            }
            Atom::Lzf { packed, unpacked } => {
                let mut buffer = std::mem::take(&mut self.unpacked);
                // The walker hands over no string that is longer than a usize limit.
                let unpacked = usize::try_from(unpacked).unwrap_or(usize::MAX);
                let outcome = match lzf::unpack(packed, unpacked, &mut buffer) {
                    Ok(bytes) => self.text(role, Text::Whole(bytes), sink),
                    Err(flaw) => self.broken_text(role, flaw, sink),
                };
                // What a large packed structure needed is not kept.
                if buffer.len() <= self.config.limits.string_bytes.saturating_mul(2) {
                    self.unpacked = buffer;
                }
                outcome
            }
            Atom::Len(value) => self.number(role, value, sink),
            Atom::Bytes(bytes) => self.bytes(role, bytes, sink),
            Atom::Special(score) => self.decoder.special(score, &mut Out { sink, emit: self.emit, parts: self.parts }),
            Atom::Long { .. } => Ok(()),
        };
        if let Err(flaw) = outcome {
            self.damage(&flaw, self.offset, false, sink);
        }
    }

    /// A string whose compression is broken: the rest of the value can still be read.
    #[cold]
    fn broken_text<S: Sink>(&mut self, role: Role, flaw: Flaw, sink: &mut S) -> Result<(), Flaw> {
        if role == Role::Key {
            self.damage(&flaw, self.offset, false, sink);
            return self.text(role, Text::Whole(&[]), sink);
        }
        Err(flaw)
    }

    fn number<S: Sink>(&mut self, role: Role, value: u64, sink: &mut S) -> Result<(), Flaw> {
        match role {
            Role::Db => {
                self.db = value;
                let (opcode, offset) = (Opcode::SelectDb, self.record);
                sink.item(&Item::Opcode { opcode, offset, db: value });
                if i32::try_from(value).is_err() {
                    let expected = "a database number below 2^31";
                    return Err(Flaw::new("database-number", "database number", 0, expected, value.to_string()));
                }
            }
            Role::HintKeys => self.number = value,
            Role::HintExpires => {
                let (db, keys, offset) = (self.db, self.number, self.record);
                sink.item(&Item::SizeHint { db, keys, expires: value, offset });
            }
            Role::Idle => self.attributes.idle_secs = Some(value),
            Role::TemplateId => self.template = (value, Vec::new()),
            Role::TemplateRef => {
                let names = self.templates.get(value);
                self.decoder.set_template(names);
            }
            Role::ModuleWhen | Role::Ignored | Role::Slot | Role::SlotDetail | Role::FunctionDetail => {}
            Role::MetaClasses => {
                if value > 7 {
                    return Err(Flaw::new("key-metadata", "key metadata", 0, "at most 7 classes", value.to_string()));
                }
            }
            _ => return self.decoder.number(role, value, &mut Out { sink, emit: self.emit, parts: self.parts }),
        }
        Ok(())
    }

    fn bytes<S: Sink>(&mut self, role: Role, bytes: &[u8], sink: &mut S) -> Result<(), Flaw> {
        match role {
            Role::ExpireSecs => {
                let seconds = bytes.first_chunk().map_or(0, |bytes| i32::from_le_bytes(*bytes));
                self.attributes.expire_at = Some(UnixMs(i64::from(seconds).saturating_mul(1000)));
            }
            Role::ExpireMs => {
                let ms = bytes.first_chunk().map_or(0, |bytes| i64::from_le_bytes(*bytes));
                self.attributes.expire_at = Some(UnixMs(ms));
            }
            Role::Freq => self.attributes.freq = bytes.first().copied(),
            Role::MetaClass => {
                let spec = bytes.first_chunk().map_or(0, |bytes| u32::from_le_bytes(*bytes));
                // The class's data is counted like a module's, under no name.
                self.decoder.begin_module(0);
                let item = Item::KeyMeta { class: class_name(spec), optional: spec & 1 == 1, offset: self.record };
                sink.item(&item);
            }
            Role::Ignored => {}
            _ => return self.decoder.bytes(role, bytes, &mut Out { sink, emit: self.emit, parts: self.parts }),
        }
        Ok(())
    }

    #[inline]
    fn text<S: Sink>(&mut self, role: Role, text: Text<'_>, sink: &mut S) -> Result<(), Flaw> {
        match (role, self.state) {
            (Role::Key, State::Key(value_type)) => {
                self.set_key(&text);
                self.begin_value(value_type, sink);
                Ok(())
            }
            (_, State::Value(value_type)) => {
                // The only type that names its template inside a packed value.
                if role == Role::Packed && value_type.name == "HASH_TMPL_LP_REF" {
                    let id = text.first_packed().and_then(|id| u64::try_from(id).ok());
                    let Some(names) = id.and_then(|id| self.templates.get(id)) else {
                        let found = id.map_or("no id".to_owned(), |id| id.to_string());
                        let expected = "the id of a template that came before";
                        return Err(Flaw::new("template-unknown", "template id", 0, expected, found));
                    };
                    self.decoder.set_template(Some(names));
                }
                let head = head_of(self.db, &self.key, value_type, self.record, self.attributes);
                self.decoder.text(role, text, &head, self.writer, &mut Out { sink, emit: self.emit, parts: self.parts })
            }
            (Role::AuxName, _) => {
                self.aux_name.clear();
                self.aux_name.extend_from_slice(text.head());
                Ok(())
            }
            (Role::AuxValue, _) => {
                if self.aux_name == b"df-ver" {
                    self.dialect = Dialect::Dragonfly;
                }
                self.writer = Writer::of_aux(&self.aux_name, text.head()).unwrap_or(self.writer);
                sink.item(&Item::Aux { name: &self.aux_name, value: text.head(), offset: self.record });
                Ok(())
            }
            (Role::FunctionCode, _) => {
                sink.item(&Item::Function { code: text.head(), offset: self.record });
                Ok(())
            }
            (Role::TemplateField, _) => {
                self.template.1.push(text.head().into());
                Ok(())
            }
            (Role::ModuleString, _) => {
                let value_type = &NO_VALUE;
                let head = head_of(self.db, &self.key, value_type, self.record, self.attributes);
                self.decoder.text(role, text, &head, self.writer, &mut Out { sink, emit: false, parts: false })
            }
            _ => Ok(()),
        }
    }

    fn set_key(&mut self, text: &Text<'_>) {
        let bytes = text.head();
        self.key.len = text.len();
        self.key.head.clear();
        if let Text::Whole(bytes) = text {
            self.key.sha256 = (bytes.len() > WHOLE_KEY_BYTES).then(|| sha2::Sha256::digest(bytes).into());
        }
        let kept = if self.key.sha256.is_some() { KEY_HEAD_BYTES } else { WHOLE_KEY_BYTES };
        self.key.head.extend_from_slice(bytes.get(..kept).unwrap_or(bytes));
    }

    fn begin_value<S: Sink>(&mut self, value_type: &'static ValueType, sink: &mut S) {
        let head = head_of(self.db, &self.key, value_type, self.record, self.attributes);
        let depth = sink.depth(&head);
        self.walker.begin(value_type.steps);
        if depth == Depth::Keys && !self.config.validate {
            self.state = State::Passing(value_type);
            return;
        }
        self.emit = depth == Depth::Content;
        self.parts = self.written_by.is_none() && sink.wants_parts();
        self.begun = self.emit || self.parts;
        if self.emit {
            sink.item(&Item::Begin(head));
        }
        self.decoder.begin(value_type);
        self.state = State::Value(value_type);
    }

    fn end_value<S: Sink>(&mut self, sink: &mut S) {
        let (value_type, decoded) = match self.state {
            State::Value(value_type) => (value_type, true),
            State::Passing(value_type) => (value_type, false),
            _ => return,
        };
        let serialized_bytes = self.offset.saturating_sub(self.record);
        if decoded {
            self.counters.values_decoded = self.counters.values_decoded.saturating_add(1);
            if let Err(flaw) = self.decoder.end(self.writer, &mut Out { sink, emit: self.emit, parts: self.parts }) {
                self.damage(&flaw, self.record, false, sink);
            }
        } else {
            self.counters.values_skipped = self.counters.values_skipped.saturating_add(1);
            self.counters.bytes_skipped = self.counters.bytes_skipped.saturating_add(serialized_bytes);
        }
        let head = head_of(self.db, &self.key, value_type, self.record, self.attributes);
        sink.item(&Item::Entry(Entry {
            head,
            serialized_bytes,
            encoding: if decoded { self.decoder.encoding() } else { crate::keyspace::Encoding::Unknown },
            shape: decoded.then(|| self.decoder.shape()),
            expiring_fields: if decoded { self.decoder.expiring_fields() } else { 0 },
            module: if decoded && value_type.family == Family::Module { self.decoder.described() } else { None },
            memory_bytes: None,
            allocated_bytes: None,
            written_by: self.written_by,
        }));
        self.begun = false;
        self.attributes = Attributes::default();
        self.state = State::Between;
    }

    fn end_opcode<S: Sink>(&mut self, opcode: Opcode, sink: &mut S) {
        self.state = State::Between;
        match opcode {
            Opcode::ModuleAux => {
                if let Some(module) = self.decoder.described() {
                    sink.item(&Item::ModuleAux { module, offset: self.record });
                }
            }
            Opcode::HashTemplate => {
                let (id, fields) = std::mem::take(&mut self.template);
                if !self.templates.insert(id, fields) {
                    let expected = "at most 8 MiB of field names in all";
                    let flaw = Flaw::new("not-looked-into", "templates", 0, expected, "more");
                    self.damage(&flaw, self.record, false, sink);
                }
            }
            _ => {}
        }
    }
}

/// Whether nothing but the length of a compressed string is looked at, if nobody wants elements: it has no twin to be
/// told from, and is no HyperLogLog, whose registers are checked.
fn is_only_measured(role: Role, state: State, packed: &[u8]) -> bool {
    let State::Value(value_type) = state else { return false };
    match role {
        Role::Text => lzf::begins::<4>(packed).is_some_and(|head| &head != b"HYLL"),
        Role::Item | Role::FieldValue => value_type.family == Family::Table,
        _ => false,
    }
}

static NO_VALUE: ValueType = ValueType {
    id: 7,
    name: "MODULE_AUX",
    ty: crate::keyspace::Type::Module,
    steps: grammar::MODULE_AUX,
    family: Family::Module,
};

fn head_of<'k>(
    db: u64,
    key: &'k KeyBuffer,
    value_type: &'static ValueType,
    offset: u64,
    attributes: Attributes,
) -> Head<'k> {
    Head {
        db,
        key: key.key(),
        value_type,
        offset,
        expire_at: attributes.expire_at,
        idle_secs: attributes.idle_secs,
        freq: attributes.freq,
    }
}

/// The four characters of a class of key metadata.
fn class_name(spec: u32) -> [u8; 4] {
    const CHARSET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    [26, 20, 14, 8].map(|shift| CHARSET.get((spec >> shift & 63) as usize).copied().unwrap_or(b'?'))
}

#[cold]
fn unknown(byte: u8, dialect: Dialect) -> Flaw {
    let expected = match dialect {
        Dialect::Redis => "a type or opcode of Redis up to RDB 15",
        Dialect::Valkey => "a type or opcode of Valkey up to RDB 80",
        Dialect::Dragonfly => "a type or opcode of Dragonfly",
    };
    let found = match (byte, dialect) {
        (6, _) => {
            "type 6 (a module's value of Redis 4.0 release candidates, whose length only the module knows)".into()
        }
        (201 | 202, Dialect::Dragonfly) => format!("opcode {byte} (a compressed block, which is not supported)"),
        _ => format!("{byte} (0x{byte:02x})"),
    };
    // What only another program can read is no damage.
    let kind = if byte == 6 || dialect == Dialect::Dragonfly { "unsupported-type" } else { "unknown-type" };
    Flaw::new(kind, "type or opcode", 0, expected, found)
}
