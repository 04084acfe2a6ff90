//! What the whole dump says: not one value, but the keyspace, the structure of the files, and what stands before the keys.
//!
//! ```text
//! keyspace  names that belong together, modules, libraries, strings that are not compressed      place   where things stand
//! sessions  sessions of one user, without an expiry, with a late one                               damage  structures, checksums, ends
//! start     AUX fields: replication, memory, versions      versions  which release mended what     set     manifests
//! ```
//! Each check has a rule of the same name (`check = "name"`) that words what it finds; without the rule it finds nothing.

mod damage;
mod keyspace;
mod place;
mod sessions;
mod set;
mod start;
mod versions;

use super::told::{Teller, Told};
use crate::analysis::parts::FileRead;
use crate::base::{Result, UnixMs};
use crate::keyspace::Type;
use crate::pipeline::{Analyzer, Prologue, Scope};
use crate::rdb::{Depth, Element, Head, Item};
use crate::report::Finding;
use crate::rules::RuleSet;
use crate::source::Origin;
use keyspace::Keyspace;
use place::Place;
use sessions::Sessions;
use start::Start;
use std::sync::Arc;

/// The names of all checks of dumps, logs and trees; a test holds that each has a rule, and each such rule a check.
#[cfg(test)]
pub(super) fn names() -> Vec<&'static str> {
    let dump = [
        "backup-keys",
        "program-for-dump",
        "module-unknown",
        "replication-fields",
        "manifest-emptied",
        "hyperloglog",
        "structure",
        "file-damage",
        "emptied",
        "function-library",
        "sessions",
        "uncompressed",
    ];
    let mut all: Vec<_> = dump.into_iter().collect();
    all.extend(versions::TABLE.iter().map(|row| row.check));
    all.extend(super::tree::CHECKS);
    all.extend(super::server_log::CHECKS);
    all
}

/// Looks at what only the whole dump says. Memory: about 8 MiB for each worker at most, whatever the input.
pub struct DumpChecks {
    /// The names of the files so far; the last is the one that is read.
    files: Vec<Option<Arc<str>>>,
    start: Start,
    keyspace: Keyspace,
    sessions: Sessions,
}

impl Default for DumpChecks {
    fn default() -> Self {
        Self::new()
    }
}

impl DumpChecks {
    /// Nothing observed.
    pub fn new() -> Self {
        Self {
            files: Vec::new(),
            start: Start::default(),
            keyspace: Keyspace::default(),
            sessions: Sessions::default(),
        }
    }

    fn at(&self, offset: u64) -> Place {
        Place { file: u32::try_from(self.files.len()).unwrap_or(u32::MAX).saturating_sub(1), offset }
    }

    /// What was found, now that all files of the source were read.
    pub(super) fn tell(self, origin: &Origin, files: &[FileRead], rules: &RuleSet, told: &mut Told) {
        let say = Say { teller: Teller::new(rules, &origin.name), files: &self.files };
        damage::tell(&say, files, told);
        set::tell(&say, origin, files, told);
        self.start.tell(&say, files, told);
        self.keyspace.tell(&say, files, told);
        self.sessions.tell(&say, told);
    }
}

/// Makes findings of what stands at a place.
struct Say<'s> {
    teller: Teller<'s>,
    files: &'s [Option<Arc<str>>],
}

impl Say<'_> {
    /// A finding of this check at a place.
    fn at(&self, check: &str, place: Place) -> Option<Finding> {
        let mut finding = self.teller.tell(check)?;
        let file = usize::try_from(place.file).ok().and_then(|file| self.files.get(file));
        finding.file = file.and_then(|file| file.as_deref().map(str::to_owned));
        finding.offset = Some(place.offset);
        finding.place = crate::report::Where::Structure;
        Some(finding)
    }
}

impl Analyzer for DumpChecks {
    type Output = Self;

    fn depth(&self, head: &Head<'_>) -> Depth {
        let ty = head.value_type.ty;
        if ty == Type::String || (ty == Type::Hash && sessions::prefix(head.key.head).is_some()) {
            Depth::Content
        } else {
            Depth::Keys
        }
    }

    fn begin(&mut self, prologue: &Prologue, as_of: Option<UnixMs>) {
        self.files.push(prologue.part.clone());
        self.sessions.seen_from(prologue.created_at().or(as_of));
    }

    fn fork(&self) -> Self {
        Self { files: self.files.clone(), sessions: self.sessions.fork(), ..Self::new() }
    }

    #[inline]
    fn observe(&mut self, item: &Item<'_>) -> Result<()> {
        match item {
            Item::Element(element) => {
                if let Element::Item(_) | Element::Field { .. } = element {
                    self.keyspace.element(element);
                    self.sessions.element(element);
                }
            }
            Item::Begin(head) => {
                self.keyspace.begin(head);
                self.sessions.begin(head);
            }
            Item::Entry(entry) => {
                let place = self.at(entry.head.offset);
                self.keyspace.entry(place, entry);
                self.sessions.entry(place, entry);
            }
            Item::Dropped => {
                self.keyspace.dropped();
                self.sessions.dropped();
            }
            Item::Aux { name, value, offset } => self.start.aux(self.at(*offset), name, value),
            Item::Function { code, offset } => self.keyspace.library(self.at(*offset), code, code.len() as u64, None),
            Item::ModuleAux { module, offset } => self.keyspace.module(self.at(*offset), module.id, None),
            Item::Command(command) => self.keyspace.command(self.at(command.offset), command),
            _ => {}
        }
        Ok(())
    }

    fn merge(&mut self, other: Self) -> Result<()> {
        self.start.merge(other.start);
        self.keyspace.merge(other.keyspace);
        self.sessions.merge(other.sessions);
        Ok(())
    }

    fn finish(self, _: &Scope) -> Result<Self> {
        Ok(self)
    }
}

#[cfg(test)]
mod tests;
