//! The keyspace as a whole: names that belong together, what modules and libraries there are, what was emptied, and
//! whether strings were compressed.

use super::Say;
use super::place::{First, Place};
use crate::analysis::parts::FileRead;
use crate::analysis::scan::told::{Told, shown};
use crate::base::UnixMs;
use crate::encoding::lzf;
use crate::keyspace::command::Effect;
use crate::keyspace::{Command, KeyName, Type};
use crate::rdb::module::ModuleId;
use crate::rdb::{Element, Entry, Head, Key};
use crate::report::{Finding, Locator, Threat, Where};
use sha2::Digest;
use std::collections::BTreeMap;

/// Databases whose names are watched: the lowest numbers.
const MOST_DATABASES: usize = 4_096;
/// Types of modules that are kept.
const MOST_MODULES: usize = 256;
/// Strings that are put to compression: those whose keys have the lowest hashes.
const SAMPLED: usize = 256;
/// Strings that could be compressed and are not, from which on that says something.
const LEAST_RAW: usize = 3;
/// Shorter strings no server compresses; longer ones are not tried.
const TRIED: std::ops::RangeInclusive<usize> = 21..=64 << 10;

/// A key, and which database it is in.
#[derive(Debug, Clone)]
struct Named {
    db: u64,
    key: KeyName,
    ty: &'static str,
    expire_at: Option<UnixMs>,
}

impl Named {
    fn of(head: &Head<'_>) -> Self {
        let (key, ty) = (head.key.to_name(), head.value_type.ty.name());
        Self { db: head.db, key, ty, expire_at: head.expire_at }
    }

    fn into(self, finding: &mut Finding) {
        finding.db = Some(self.db);
        finding.key = Some(self.key);
        finding.key_type = Some(self.ty.to_owned());
        finding.expire_at = self.expire_at.and_then(UnixMs::rfc3339);
    }
}

#[derive(Debug, Clone)]
struct Flush {
    db: Option<u64>,
    command: String,
    line: u64,
    time: Option<UnixMs>,
}

#[derive(Debug, Clone)]
struct Library {
    name: Vec<u8>,
    engine: String,
    sha256: String,
    bytes: u64,
    whole: bool,
    /// Of a log, the line of the command.
    line: Option<u64>,
}

#[derive(Debug, Clone)]
struct Modules {
    count: u64,
    first: Place,
    /// None: what the module keeps beside the keys.
    key: Option<Named>,
}

/// What is seen of the keyspace.
#[derive(Debug, Clone, Default)]
pub(super) struct Keyspace {
    keys: u64,
    payload_bytes: u64,
    /// By database and number, the strings named `backup1` to `backup9`.
    backups: BTreeMap<u64, BTreeMap<u8, (Place, KeyName)>>,
    modules: BTreeMap<ModuleId, Modules>,
    flushes: First<Flush>,
    libraries: First<Library>,
    /// Whether strings could have been compressed, by the hash of their keys.
    sample: BTreeMap<u64, bool>,
    /// The hash of the key in progress, if it is wanted in the sample, and what was found.
    trying: Option<(u64, Option<bool>)>,
}

impl Keyspace {
    #[inline]
    pub(super) fn begin(&mut self, head: &Head<'_>) {
        self.trying = None;
        if head.value_type.ty == Type::String {
            let hash = xxhash_rust::xxh3::xxh3_64(head.key.head);
            let full = self.sample.len() >= SAMPLED;
            if !full || self.sample.last_key_value().is_some_and(|(last, _)| hash < *last) {
                self.trying = Some((hash, None));
            }
        }
    }

    #[inline]
    pub(super) fn element(&mut self, element: &Element<'_>) {
        if let (Some((_, could)), Element::Item(bytes)) = (&mut self.trying, element)
            && TRIED.contains(&bytes.len())
        {
            let packed = lzf::compress(bytes).map_or(bytes.len(), |packed| packed.len());
            *could = Some(packed.saturating_mul(4) <= bytes.len().saturating_mul(3));
        }
    }

    #[inline]
    pub(super) fn dropped(&mut self) {
        self.trying = None;
    }

    #[inline]
    pub(super) fn entry(&mut self, place: Place, entry: &Entry<'_>) {
        let trying = self.trying.take();
        let stored = entry.written_by.is_none();
        if stored {
            self.keys = self.keys.saturating_add(1);
            self.payload_bytes = self.payload_bytes.saturating_add(entry.serialized_bytes);
            if let Some((hash, Some(could))) = trying {
                self.sample.insert(hash, could);
                if self.sample.len() > SAMPLED {
                    self.sample.pop_last();
                }
            }
        }
        let name = entry.head.key.head;
        if let [b'b', b'a', b'c', b'k', b'u', b'p', number @ b'1'..=b'9'] = name
            && entry.head.value_type.ty == Type::String
        {
            let of_db = self.backups.entry(entry.head.db).or_default();
            let own = of_db.entry(number.saturating_sub(b'0')).or_insert_with(|| (place, entry.head.key.to_name()));
            own.0 = own.0.min(place);
            if self.backups.len() > MOST_DATABASES {
                self.backups.pop_last();
            }
        }
        if let Some(module) = entry.module {
            self.module(place, module.id, Some(&entry.head));
        }
    }

    pub(super) fn module(&mut self, place: Place, id: ModuleId, head: Option<&Head<'_>>) {
        if is_known(id) {
            return;
        }
        let seen = Modules { count: 1, first: place, key: head.map(Named::of) };
        self.add_module(id, seen);
    }

    fn add_module(&mut self, id: ModuleId, seen: Modules) {
        match self.modules.get_mut(&id) {
            Some(own) => {
                own.count = own.count.saturating_add(seen.count);
                if seen.first < own.first {
                    (own.first, own.key) = (seen.first, seen.key);
                }
            }
            None => drop(self.modules.insert(id, seen)),
        }
        if self.modules.len() > MOST_MODULES {
            self.modules.pop_last();
        }
    }

    pub(super) fn library(&mut self, place: Place, code: &[u8], bytes: u64, line: Option<u64>) {
        self.libraries.add(place, || {
            let (engine, name) = shebang(code);
            Library {
                name,
                engine,
                sha256: crate::report::hex(&sha2::Sha256::digest(code)),
                bytes,
                whole: bytes == code.len() as u64 && bytes < 1 << 20,
                line,
            }
        });
    }

    pub(super) fn command(&mut self, place: Place, command: &Command<'_>) {
        let Some(spec) = command.spec else { return };
        if spec.effect == Effect::Flush {
            let words = command.args.iter().take(3).map(|word| shown(word.head)).collect::<Vec<_>>().join(" ");
            let (db, line, time) = (command.db, command.line, command.time);
            self.flushes.add(place, || Flush { db, command: words, line, time });
        } else if spec.name == "function|load"
            && let Some(code) = command.args.get(command.args.held().saturating_sub(1))
        {
            self.library(place, code.head, code.len, Some(command.line));
        }
    }

    pub(super) fn merge(&mut self, other: Self) {
        self.keys = self.keys.saturating_add(other.keys);
        self.payload_bytes = self.payload_bytes.saturating_add(other.payload_bytes);
        for (db, numbers) in other.backups {
            let own = self.backups.entry(db).or_default();
            for (number, (place, key)) in numbers {
                let first = own.entry(number).or_insert((place, key));
                first.0 = first.0.min(place);
            }
        }
        while self.backups.len() > MOST_DATABASES {
            self.backups.pop_last();
        }
        for (id, seen) in other.modules {
            self.add_module(id, seen);
        }
        self.flushes.merge(other.flushes);
        self.libraries.merge(other.libraries);
        self.sample.extend(other.sample);
        while self.sample.len() > SAMPLED {
            self.sample.pop_last();
        }
    }

    pub(super) fn tell(self, say: &Say<'_>, files: &[FileRead], told: &mut Told) {
        tell_backups(self.backups, say, told);
        for (id, seen) in self.modules {
            let Some(mut finding) = say.at("module-unknown", seen.first) else { break };
            finding.excerpt = format!("{id} version {}", id.encver());
            finding.matches = seen.count;
            match seen.key {
                Some(key) => key.into(&mut finding),
                None => finding.notes.push("the module keeps data beside the keys".into()),
            }
            told.add(finding);
        }
        let (flushes, more) = self.flushes.into_parts();
        for (place, flush) in flushes {
            let Some(mut finding) = say.at("emptied", place) else { break };
            finding.place = Where::Command;
            finding.db = flush.db;
            finding.excerpt = flush.command;
            finding.element = Some(Locator { line: Some(flush.line), ..Locator::default() });
            let at = flush.time.and_then(UnixMs::rfc3339).map(|at| format!("in the second of {at}"));
            finding.notes.push(at.unwrap_or_else(|| "the log says no times".into()));
            told.add(finding);
        }
        count_more(say, "emptied", more, told);
        let (libraries, more) = self.libraries.into_parts();
        for (place, library) in libraries {
            let Some(mut finding) = say.at("function-library", place) else { break };
            finding.place = if library.line.is_some() { Where::Command } else { Where::Function };
            finding.element =
                Some(Locator { name: Some(KeyName::whole(&library.name)), line: library.line, ..Locator::default() });
            finding.excerpt = format!("{} ({})", shown(&library.name), library.engine);
            let of = if library.whole { "" } else { " of the first MiB" };
            finding.notes.push(format!("{} bytes, sha256{of} {}", library.bytes, library.sha256));
            told.add(finding);
        }
        count_more(say, "function-library", more, told);
        let could = self.sample.values().filter(|could| **could).count();
        if let Some(finding) = uncompressed(could, self.sample.len(), say, files) {
            told.add(finding);
        }
        if let Some(finding) = collapsed(self.keys, self.payload_bytes, say, files) {
            told.add(finding);
        }
    }
}

fn count_more(say: &Say<'_>, check: &str, more: u64, told: &mut Told) {
    if let Some(finding) = say.teller.tell(check) {
        told.count(&finding.rule, more);
    }
}

fn tell_backups(backups: BTreeMap<u64, BTreeMap<u8, (Place, KeyName)>>, say: &Say<'_>, told: &mut Told) {
    for (db, numbers) in backups {
        if ![1, 2, 3].iter().all(|number| numbers.contains_key(number)) {
            continue;
        }
        let names: Vec<_> = numbers.values().map(|(_, key)| key.escaped()).collect();
        let Some((place, key)) = numbers.into_values().next() else { continue };
        let Some(mut finding) = say.at("backup-keys", place) else { return };
        (finding.db, finding.key) = (Some(db), Some(key));
        finding.key_type = Some(Type::String.name().to_owned());
        finding.excerpt = names.join(", ");
        finding.matches = names.len() as u64;
        finding.place = Where::Key;
        told.add(finding);
    }
}

/// A dump in which nothing is compressed, though its strings could be.
fn uncompressed(could: usize, tried: usize, say: &Say<'_>, files: &[FileRead]) -> Option<Finding> {
    let file = files.iter().position(|file| file.scope.prologue.header.is_some())?;
    let packed: u64 = files.iter().map(|file| file.scope.tally.counters.strings_packed).fold(0, u64::saturating_add);
    let filtered = files.iter().any(|file| file.scope.filtered || file.scope.tally.counters.values_skipped > 0);
    if could < LEAST_RAW || packed > 0 || filtered {
        return None;
    }
    let mut finding = say.at("uncompressed", Place { file: u32::try_from(file).ok()?, offset: 0 })?;
    finding.excerpt = format!("{could} of {tried} strings that were tried would be a quarter shorter or more");
    Some(finding)
}

/// A dump with hardly a key, of a server whose memory was in use.
fn collapsed(keys: u64, stored_bytes: u64, say: &Say<'_>, files: &[FileRead]) -> Option<Finding> {
    const FEW_KEYS: u64 = 10;
    const MUCH: u64 = 100 << 20;
    let [file] = files else { return None };
    let used = u64::try_from(file.scope.prologue.aux_number(b"used-mem")?).ok()?;
    let whole = file.scope.tally.ended == crate::pipeline::Ended::Complete && !file.scope.filtered;
    if !whole || keys > FEW_KEYS || used < MUCH || used / 20 < stored_bytes {
        return None;
    }
    let mut finding = say.at("emptied", Place::default())?;
    finding.severity = finding.severity.min(Threat::Medium);
    finding.place = Where::Aux;
    finding.element = Some(Locator { name: Some(KeyName::whole(b"used-mem")), ..Locator::default() });
    finding.excerpt = format!("{keys} keys of {stored_bytes} bytes, used-mem {used}");
    finding.notes.push("inferred: the server's memory was in use, and what the dump holds does not need it".into());
    Some(finding)
}

/// Types of modules that are widely used. Source: the modules of Redis Stack and Valkey, `RedisGraph`, vector sets.
fn is_known(id: ModuleId) -> bool {
    let others: [&[u8; 9]; 4] = [b"ft_invidx", b"ft_tagidx", b"numericdx", b"graphdata"];
    id.product().is_some() || others.contains(&&id.name())
}

/// The engine and the name that the first line of a library says.
fn shebang(code: &[u8]) -> (String, Vec<u8>) {
    let first = code.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let Some(first) = first.strip_prefix(b"#!") else { return ("unknown engine".into(), Vec::new()) };
    let mut words = first.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    let engine = shown(words.next().unwrap_or_default());
    let name = words.find_map(|word| word.strip_prefix(b"name="));
    (engine, name.map(|name| name.get(..256).unwrap_or(name).to_vec()).unwrap_or_default())
}

/// The key of a session, kept with its place.
pub(super) fn name_of(key: Key<'_>) -> KeyName {
    KeyName::cut(key.head.get(..256).unwrap_or(key.head), key.len)
}
