//! `analyze --plan-script`: a script that names keys exactly, for a person to review and to run.
//!
//! Keys stream to a scratch file, because the script begins with how many they are. Memory does not depend on the input.

mod script;

use super::check::expect_hash;
use super::parts::{facts_of, open_hashed, parts_of, take_facts};
use crate::base::{Error, ErrorKind, Result, UnixMs};
use crate::keyspace::escape;
use crate::pipeline::{Filter, Memory, RowSource, RunOptions, Scope, Selection, rows};
use crate::rdb::{Depth, Entry, Head, Item};
use crate::report::{LeftOut, PlanScript};
use crate::source::Origin;
use std::fmt;
use std::fs::File;
use std::io::{self, BufWriter, Seek, Write};

/// What a script does to each key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlanAction {
    /// Removes it; its memory is freed in the background.
    Unlink,
    /// Makes it expire in so many seconds, unless it expires already.
    Expire {
        /// Seconds from when the script is run.
        seconds: u32,
    },
}

impl fmt::Display for PlanAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PlanAction::Unlink => f.write_str("unlink"),
            PlanAction::Expire { seconds } => write!(f, "expire:{seconds}"),
        }
    }
}

/// What a script is made of.
#[derive(Clone)]
pub struct PlanOptions {
    /// How to run.
    pub run: RunOptions,
    /// Which keys. Something must be set.
    pub filter: Filter,
    /// The moment TTLs are seen from; by default the snapshot's own.
    pub as_of: Option<UnixMs>,
    /// Whether memory is estimated, and for which server.
    pub memory: Memory,
    /// What is done to each key.
    pub action: PlanAction,
    /// Whether the script looks at type and expiry of each key before.
    pub check: bool,
    /// Whether the keys are those of a cluster: then no command has keys of two slots.
    pub clustered: bool,
    /// The command line that asks for it.
    pub arguments: Vec<String>,
    /// The caller's clock.
    pub now: UnixMs,
}

/// Writes a script for the keys of sources that are one keyspace. Of a log these are the keys of its base: commands are not
/// replayed. Keys whose expiry had passed are left out, and so are keys over 64 KiB, whose names are not known whole.
///
/// # Errors
/// [`ErrorKind::Usage`] where no filter is set, or a source cannot be read once more: `analyze` has read it. As
/// [`super::analyze`]; the scratch folder or `out` cannot be written.
pub fn plan_script(origins: &[Origin], options: &PlanOptions, out: &mut dyn Write) -> Result<PlanScript> {
    if !options.filter.is_set() {
        let error = usage("needs a filter: without one it would name every key".to_owned());
        return Err(error.with_hint("for example --match 'cache:*' --expiry none"));
    }
    let mut plan = PlanScript {
        action: options.action.to_string(),
        checks: options.check,
        memory_bytes: (options.memory != Memory::Off).then_some(0),
        ..PlanScript::default()
    };
    let mut keys = Lines::new(tempfile::tempfile_in(&options.run.scratch).map_err(scratch)?);
    let mut scopes = Vec::new();
    for origin in origins {
        for part in parts_of(origin, &options.run)? {
            if !part.place.can_be_read_again() {
                return Err(usage(format!("reads a source twice, and {} is a pipe", origin.name))
                    .with_hint("save it to a file"));
            }
            let mut facts = facts_of(origin, &part);
            let mut stream = open_hashed(origin, &part, &options.run)?;
            let selection = Selection {
                filter: options.filter.clone(),
                validate: false,
                as_of: options.as_of,
                memory: options.memory,
            };
            let make = |_: &_, as_of| Names::new(options, as_of);
            let scope = rows(&mut stream, make, &selection, &options.run, &mut |found: Vec<Stretch>| {
                found.iter().try_for_each(|stretch| keys.add(stretch, &mut plan))
            })?;
            take_facts(&mut facts, &stream);
            expect_hash(&facts, &options.run)?;
            scopes.push(scope);
        }
    }
    // Of a log no key is named.
    if scopes.iter().any(|scope| scope.model.is_none() && scope.prologue.header.is_some()) {
        plan.memory_bytes = None;
    }
    write(&plan, options, &scopes, keys, out)?;
    Ok(plan)
}

fn write(plan: &PlanScript, options: &PlanOptions, scopes: &[Scope], keys: Lines, out: &mut dyn Write) -> Result<()> {
    let head = script::head(plan, options, scopes, options.clustered);
    let mut keys = keys.into_file()?;
    let written = out
        .write_all(head.as_bytes())
        .and_then(|()| io::copy(&mut keys, out))
        .and_then(|_| out.write_all(script::END.as_bytes()));
    written.map_err(|error| Error::io("write the plan", error))
}

fn usage(what: String) -> Error {
    Error::new(ErrorKind::Usage { option: "--plan-script", what })
}

fn scratch(error: io::Error) -> Error {
    Error::io("write to the scratch folder", error)
}

/// Keys of one database, and of one slot where that counts, that follow one another.
struct Stretch {
    db: u64,
    slot: Option<u16>,
    keys: u64,
    serialized_bytes: u64,
    memory_bytes: u64,
    left_out: LeftOut,
    text: String,
}

/// Makes the lines of keys.
struct Names {
    expires: bool,
    clustered: bool,
    as_of: Option<UnixMs>,
    stretches: Vec<Stretch>,
}

impl Names {
    fn new(options: &PlanOptions, as_of: Option<UnixMs>) -> Self {
        Self {
            expires: matches!(options.action, PlanAction::Expire { .. }),
            clustered: options.clustered,
            as_of,
            stretches: Vec::new(),
        }
    }

    fn stretch(&mut self, db: u64, slot: Option<u16>) -> Option<&mut Stretch> {
        if self.stretches.last().is_none_or(|last| (last.db, last.slot) != (db, slot)) {
            self.stretches.push(Stretch {
                db,
                slot,
                keys: 0,
                serialized_bytes: 0,
                memory_bytes: 0,
                left_out: LeftOut::default(),
                text: String::new(),
            });
        }
        self.stretches.last_mut()
    }

    fn entry(&mut self, entry: &Entry<'_>) {
        let head = &entry.head;
        let slot = if self.clustered { head.key.slot() } else { None };
        let expired = head.expire_at.zip(self.as_of).is_some_and(|(at, now)| at <= now);
        let expiring = self.expires && head.expire_at.is_some();
        let Some(stretch) = self.stretch(head.db, slot) else { return };
        let left = &mut stretch.left_out;
        if expired {
            left.expired = left.expired.saturating_add(1);
        } else if expiring {
            left.expiring = left.expiring.saturating_add(1);
        } else if head.key.sha256.is_some() || head.key.len != head.key.head.len() as u64 {
            left.long_names = left.long_names.saturating_add(1);
        } else {
            stretch.add(entry);
        }
    }
}

impl Stretch {
    fn add(&mut self, entry: &Entry<'_>) {
        let head = &entry.head;
        let ty = match entry.module {
            Some(module) => String::from_utf8_lossy(&module.id.name()).into_owned(),
            None => head.value_type.ty.name().to_owned(),
        };
        let memory = entry.memory_bytes.map_or_else(|| "?".to_owned(), |bytes| bytes.to_string());
        let expiry = head.expire_at.map_or_else(|| "-".to_owned(), |at| at.0.to_string());
        self.text.push_str(&format!("{ty} {memory} {expiry} \"{}\"\n", escape(head.key.head)));
        self.keys = self.keys.saturating_add(1);
        self.serialized_bytes = self.serialized_bytes.saturating_add(entry.serialized_bytes);
        self.memory_bytes = self.memory_bytes.saturating_add(entry.memory_bytes.unwrap_or_default());
    }
}

impl RowSource for Names {
    type Rows = Vec<Stretch>;

    fn depth(&self, _: &Head<'_>) -> Depth {
        Depth::Keys
    }

    fn wants_writes(&self) -> bool {
        false
    }

    fn observe(&mut self, item: &Item<'_>) {
        if let Item::Entry(entry) = item
            && entry.written_by.is_none()
        {
            self.entry(entry);
        }
    }

    fn take(&mut self) -> Self::Rows {
        std::mem::take(&mut self.stretches)
    }
}

/// The lines of keys in the scratch file.
struct Lines {
    file: BufWriter<File>,
    last: Option<(u64, Option<u16>)>,
}

impl Lines {
    fn new(file: File) -> Self {
        Self { file: BufWriter::with_capacity(64 << 10, file), last: None }
    }

    fn add(&mut self, stretch: &Stretch, plan: &mut PlanScript) -> Result<()> {
        let (sum, own) = (&mut plan.left_out, &stretch.left_out);
        sum.expired = sum.expired.saturating_add(own.expired);
        sum.expiring = sum.expiring.saturating_add(own.expiring);
        sum.long_names = sum.long_names.saturating_add(own.long_names);
        if stretch.keys == 0 {
            return Ok(());
        }
        plan.keys = plan.keys.saturating_add(stretch.keys);
        plan.serialized_bytes = plan.serialized_bytes.saturating_add(stretch.serialized_bytes);
        plan.memory_bytes = plan.memory_bytes.map(|bytes| bytes.saturating_add(stretch.memory_bytes));
        let here = (stretch.db, stretch.slot);
        if self.last != Some(here) {
            let slot = stretch.slot.map(|slot| format!(" slot {slot}")).unwrap_or_default();
            writeln!(self.file, "db {}{slot}", stretch.db).map_err(scratch)?;
        }
        self.last = Some(here);
        self.file.write_all(stretch.text.as_bytes()).map_err(scratch)
    }

    fn into_file(self) -> Result<File> {
        let mut file = self.file.into_inner().map_err(|error| scratch(error.into_error()))?;
        file.rewind().map_err(scratch)?;
        Ok(file)
    }
}
