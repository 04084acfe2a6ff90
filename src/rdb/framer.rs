//! Cuts a stream of bytes into batches of whole records: the only serial stage.
//!
//! The framer follows lengths and decodes nothing. A record that does not fit into a batch goes out in parts; the parser
//! takes them in any portions. What is wrong in a record is not said here: the bytes go to a parser, which finds the same
//! and knows more about it.

use super::grammar;
use super::header::Header;
use super::object::Writer;
use super::opcode::{self, Opcode};
use super::parser::Start;
use super::template::Templates;
use super::types::{self, Dialect};
use super::walker::{Atom, Next, Walker};
use crate::encoding::lzf;

/// Where a cut may be made, and what a parser must know to begin there.
#[derive(Debug, Clone, Copy)]
struct Cut {
    at: usize,
    db: u64,
}

/// What the framer found in a buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// Whole records up to here; what follows belongs with bytes that have not come.
    Records(usize),
    /// No record ends in the buffer.
    Nothing,
    /// Whole records up to here, then the EOF opcode.
    Eof(usize),
    /// Something is wrong somewhere after here: the parser will say what.
    Broken(usize),
}

/// Follows the records of one file.
pub struct Framer {
    dialect: Dialect,
    writer: Writer,
    templates: Templates,
    walker: Walker,
    inside: Option<Inside>,
    /// Opcodes have said something of a key that has not come.
    pending: bool,
    /// Where the record in progress began, in the buffer.
    record: usize,
    /// Up to here the buffer has been followed.
    at: usize,
    db: u64,
    begin_db: u64,
    longest: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Inside {
    Opcode(Opcode),
    Value,
}

impl Framer {
    /// After the header.
    pub fn new(header: Header, longest: usize) -> Self {
        Self {
            dialect: Dialect::of(header.magic),
            writer: match header.magic {
                super::header::Magic::Redis => Writer::of_version(header.version),
                super::header::Magic::Valkey => Writer::Valkey(9, 0),
            },
            templates: Templates::default(),
            walker: Walker::new(longest, longest),
            inside: None,
            pending: false,
            record: 0,
            at: 0,
            db: 0,
            begin_db: 0,
            longest,
        }
    }

    /// What a parser must know that begins with the buffer, whose first byte stands at `offset`.
    pub fn start(&self, offset: u64) -> Start {
        Start {
            dialect: self.dialect,
            writer: self.writer,
            offset,
            db: self.begin_db,
            templates: self.templates.clone(),
        }
    }

    /// Bytes at the beginning of the buffer that have been followed.
    pub fn followed(&self) -> usize {
        self.at
    }

    /// Whose numbers the file uses, as far as is known.
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// Goes on in a buffer that begins with what [`Framer::follow`] left over, more bytes having come.
    pub fn follow(&mut self, buffer: &[u8]) -> Found {
        let mut cut: Option<Cut> = None;
        loop {
            let rest = buffer.get(self.at..).unwrap_or_default();
            let Some(inside) = self.inside else {
                if !self.pending {
                    cut = Some(Cut { at: self.at, db: self.db });
                }
                let Some(byte) = rest.first() else { return self.finish(cut) };
                self.record = self.at;
                if let Some(value_type) = types::lookup(self.dialect, *byte) {
                    self.walker.begin_two(grammar::KEY, value_type.steps);
                    self.inside = Some(Inside::Value);
                } else {
                    match opcode::lookup(self.dialect, *byte) {
                        Some(Opcode::Eof) => {
                            let records = self.at;
                            self.at = self.at.saturating_add(1);
                            return Found::Eof(records);
                        }
                        Some(opcode) => {
                            self.walker.begin(opcode.steps());
                            self.inside = Some(Inside::Opcode(opcode));
                        }
                        None => return Found::Broken(cut.map_or(0, |cut| cut.at)),
                    }
                }
                self.at = self.at.saturating_add(1);
                continue;
            };
            match self.walker.skip(rest, &self.templates) {
                Err(_) => return Found::Broken(cut.map_or(0, |cut| cut.at)),
                Ok((used, false)) => {
                    self.at = self.at.saturating_add(used);
                    return self.finish(cut);
                }
                Ok((used, true)) => {
                    self.at = self.at.saturating_add(used);
                    self.inside = None;
                    match inside {
                        Inside::Value => self.pending = false,
                        Inside::Opcode(opcode) => {
                            self.pending |= opcode.is_attribute();
                            self.note(opcode, buffer.get(self.record..self.at).unwrap_or_default());
                        }
                    }
                }
            }
        }
    }

    /// The caller takes what is before the last cut; the rest moves to the beginning of the next buffer.
    fn finish(&mut self, cut: Option<Cut>) -> Found {
        match cut {
            Some(cut) if cut.at > 0 => {
                self.begin_db = cut.db;
                Found::Records(cut.at)
            }
            _ => Found::Nothing,
        }
    }

    /// Says that so many bytes at the beginning of the buffer are gone.
    pub fn moved(&mut self, by: usize) {
        self.at = self.at.saturating_sub(by);
        self.record = self.record.saturating_sub(by);
    }

    /// What an opcode changes for the records after it. The record lies in the buffer unless it is larger than one: then
    /// it changes nothing that matters here, but for a template, which the parser will miss and say so.
    fn note(&mut self, opcode: Opcode, record: &[u8]) {
        if !matches!(opcode, Opcode::SelectDb | Opcode::Aux | Opcode::HashTemplate) {
            return;
        }
        let mut rest = record.get(1..).unwrap_or_default();
        let mut walker = Walker::new(self.longest, self.longest);
        walker.begin(opcode.steps());
        let mut name = Vec::new();
        let mut template = (0, Vec::new());
        while let Ok(Next::Part(role, atom, used)) = walker.next(rest, &self.templates) {
            rest = rest.get(used..).unwrap_or_default();
            let mut text = Vec::new();
            match (role, atom) {
                (grammar::Role::Db, Atom::Len(db)) => self.db = db,
                (grammar::Role::TemplateId, Atom::Len(id)) => template.0 = id,
                (_, Atom::Raw(bytes)) => text.extend_from_slice(bytes),
                (_, Atom::Int(int)) => text.extend_from_slice(itoa::Buffer::new().format(int).as_bytes()),
                (_, Atom::Lzf { packed, unpacked }) => {
                    // Broken compression is the parser's to report.
                    let _ = lzf::decompress(packed, usize::try_from(unpacked).unwrap_or(usize::MAX), &mut text);
                }
                (_, Atom::Long { .. }) => return,
                _ => {}
            }
            match role {
                grammar::Role::AuxName => name = text,
                grammar::Role::AuxValue => self.note_aux(&name, &text),
                grammar::Role::TemplateField => template.1.push(text.into_boxed_slice()),
                _ => {}
            }
        }
        if opcode == Opcode::HashTemplate {
            self.templates.insert(template.0, template.1);
        }
    }

    fn note_aux(&mut self, name: &[u8], value: &[u8]) {
        if name == b"df-ver" {
            self.dialect = Dialect::Dragonfly;
        }
        self.writer = Writer::of_aux(name, value).unwrap_or(self.writer);
    }
}
