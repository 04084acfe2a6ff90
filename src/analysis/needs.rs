//! What in a file a server must know to load it: the first of each kind, with its place.

use crate::base::Result;
use crate::pipeline::{Analyzer, Scope};
use crate::rdb::{Item, Opcode};
use crate::report::{First, KeyName};
use std::collections::BTreeMap;

/// Different needs with a name of the file in them that are kept, and names of function libraries: the first ones in the order
/// of the names, which are the same however the file is split.
const MOST: usize = 1024;

/// Something a server must know, or that it loses.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Need {
    /// A value type, by its number and name.
    Type(u8, &'static str),
    /// An opcode.
    Opcode(Opcode),
    /// A module that has a value: its type's name.
    Module(String),
    /// A module that has data beside the keys.
    ModuleAux(String),
    /// Key metadata of this class that a server may not pass over.
    KeyMeta(String),
    /// Key metadata of this class that it may.
    OptionalKeyMeta(String),
    /// A database number of 16 or more, which the default configuration does not have: the highest.
    Database,
    /// A cached script, which only servers before 7.0 load.
    Script,
    /// Expiries of members of a set or hash, as KeyDB stores them.
    SubkeyExpiry,
    /// A collection without elements, which servers pass over.
    EmptyCollection,
    /// A function library.
    Function,
    /// A function library that registers its functions through `server`, the name only Valkey knows.
    ServerApi,
    /// A function library for an engine other than Lua: the engine's name.
    Engine(String),
    /// Two function libraries of this name.
    SameLibrary(String),
    /// A stream that says it has more or fewer entries than there are.
    StreamLength,
}

impl Need {
    /// Whether it has a name in it that the file chooses: of the others there are only so many.
    fn is_named(&self) -> bool {
        matches!(
            self,
            Need::Module(_)
                | Need::ModuleAux(_)
                | Need::KeyMeta(_)
                | Need::OptionalKeyMeta(_)
                | Need::Engine(_)
                | Need::SameLibrary(_)
        )
    }
}

/// Collects what a server must know.
#[derive(Debug, Clone, Default)]
pub struct Needs {
    /// Types and opcodes that were seen: what comes later is further on in the file.
    seen: [u64; 5],
    first: BTreeMap<Need, First>,
    /// The same of those with a name.
    named: BTreeMap<Need, First>,
    highest_db: u64,
    /// Function libraries by name, with the place of the first.
    libraries: BTreeMap<String, u64>,
}

/// What was collected.
#[derive(Debug, Clone, Default)]
pub struct Needed {
    /// The first of each, with its place.
    pub first: BTreeMap<Need, First>,
    /// The highest database number.
    pub highest_db: u64,
}

impl Needs {
    fn is_new(&mut self, number: usize) -> bool {
        let Some(word) = self.seen.get_mut(number / 64) else { return true };
        let bit = 1u64 << (number % 64);
        std::mem::replace(word, *word | bit) & bit == 0
    }

    fn note(&mut self, need: Need, first: First) {
        let named = need.is_named();
        let needs = if named { &mut self.named } else { &mut self.first };
        if needs.get(&need).is_some_and(|known| known.offset <= first.offset) {
            return;
        }
        needs.insert(need, first);
        if named && needs.len() > MOST {
            needs.pop_last();
        }
    }
}

impl Needs {
    fn function(&mut self, code: &[u8], offset: u64) {
        self.note(Need::Function, at(offset));
        if calls_server(code) {
            self.note(Need::ServerApi, at(offset));
        }
        // Source: the first line of a library on Redis 7.0: `#!lua name=mylib`.
        let line = code.split(|byte| *byte == b'\n').next().unwrap_or(code);
        let line = String::from_utf8_lossy(line.get(..256).unwrap_or(line)).into_owned();
        let Some(line) = line.strip_prefix("#!") else { return };
        let mut words = line.split_whitespace();
        let engine = words.next().unwrap_or_default();
        if !engine.eq_ignore_ascii_case("lua") {
            self.note(Need::Engine(engine.to_owned()), at(offset));
        }
        if let Some(name) = words.find_map(|word| word.strip_prefix("name=")) {
            self.add_library(name.to_owned(), offset);
        }
    }

    fn add_library(&mut self, name: String, offset: u64) {
        if let Some(first) = self.libraries.get_mut(&name) {
            let again = offset.max(*first);
            *first = offset.min(*first);
            self.note(Need::SameLibrary(name), at(again));
            return;
        }
        self.libraries.insert(name, offset);
        if self.libraries.len() > MOST
            && let Some((name, _)) = self.libraries.pop_last()
        {
            self.named.remove(&Need::SameLibrary(name));
        }
    }
}

/// Whether the code registers a function through the global `server`, which Redis does not have. In a function's body
/// that name does no harm until the function is called.
fn calls_server(code: &[u8]) -> bool {
    const CALL: &[u8] = b"server.register_function";
    let starts_a_word = |at: usize| {
        let before = at.checked_sub(1).and_then(|before| code.get(before));
        before.is_none_or(|byte| !byte.is_ascii_alphanumeric() && !b"_.".contains(byte))
    };
    memchr::memmem::find_iter(code, CALL).any(starts_a_word)
}

fn at(offset: u64) -> First {
    First { db: None, key: None, offset }
}

impl Analyzer for Needs {
    type Output = Needed;

    fn wants_writes(&self) -> bool {
        false
    }

    fn fork(&self) -> Self {
        Self::default()
    }

    #[inline]
    fn observe(&mut self, item: &Item<'_>) -> Result<()> {
        match item {
            Item::Entry(entry) => {
                let head = &entry.head;
                // Nearly every key is of a type that was seen before.
                if self.is_new(usize::from(head.value_type.id)) || entry.module.is_some() {
                    let key: KeyName = head.key.to_name();
                    let first = First { db: Some(head.db), key: Some(key), offset: head.offset };
                    if let Some(module) = entry.module {
                        self.note(Need::Module(module.id.to_string()), first.clone());
                    }
                    self.note(Need::Type(head.value_type.id, head.value_type.name), first);
                }
            }
            Item::Opcode { opcode, offset, db } => {
                if *opcode == Opcode::SelectDb && *db >= 16 {
                    let first = First { db: Some(*db), key: None, offset: *offset };
                    self.highest_db = self.highest_db.max(*db);
                    self.note(Need::Database, first);
                }
                if !matches!(opcode, Opcode::SelectDb | Opcode::Aux | Opcode::ResizeDb)
                    && self.is_new(256usize.saturating_add(*opcode as usize))
                {
                    self.note(Need::Opcode(*opcode), at(*offset));
                }
            }
            Item::ModuleAux { module, offset } => self.note(Need::ModuleAux(module.id.to_string()), at(*offset)),
            Item::KeyMeta { class, optional, offset } => {
                let class = String::from_utf8_lossy(class).into_owned();
                let need = if *optional { Need::OptionalKeyMeta(class) } else { Need::KeyMeta(class) };
                self.note(need, at(*offset));
            }
            Item::Aux { name: b"lua", offset, .. } => self.note(Need::Script, at(*offset)),
            Item::Aux { name: b"keydb-subexpire-key", offset, .. } => self.note(Need::SubkeyExpiry, at(*offset)),
            Item::Function { code, offset } => self.function(code, *offset),
            Item::Damage(damage) => {
                let need = match damage.flaw.kind().0 {
                    "empty-collection" => Need::EmptyCollection,
                    "stream-length" => Need::StreamLength,
                    _ => return Ok(()),
                };
                let key = damage.key.map(crate::rdb::Key::to_name);
                self.note(need, First { db: damage.db, key, offset: damage.offset });
            }
            _ => {}
        }
        Ok(())
    }

    fn merge(&mut self, other: Self) -> Result<()> {
        for (need, first) in other.first.into_iter().chain(other.named) {
            self.note(need, first);
        }
        self.highest_db = self.highest_db.max(other.highest_db);
        other.libraries.into_iter().for_each(|(name, offset)| self.add_library(name, offset));
        Ok(())
    }

    fn finish(mut self, _: &Scope) -> Result<Needed> {
        self.first.append(&mut self.named);
        Ok(Needed { first: self.first, highest_db: self.highest_db })
    }
}
