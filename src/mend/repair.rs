//! Which commands fall with damage: the damaged one; its transaction; and after a lost SELECT those whose database is not
//! known.

use super::events::{Event, Events, What};
use super::plan::{Edit, FilePlan, Plan, With};
use crate::aof::{self, Explained};
use crate::base::{Error, ErrorKind, Result};
use crate::keyspace::command::Spec;
use crate::keyspace::{Args, KeyName, escape};
use crate::pipeline::{RunOptions, Selection, rows};
use crate::report::{DropReason, DroppedCommand};
use crate::source::{Again, Hashes, Origin, Part, open_part};
use std::io::Read;
use std::sync::Arc;

/// What repair is asked.
#[derive(Clone, Default)]
pub struct RepairOptions {
    /// How to run.
    pub run: RunOptions,
    /// The database of commands after a lost SELECT; without it they go to the side file.
    pub assume_db: Option<u64>,
}

/// Bytes of a stretch that are looked into for the commands in it.
const MOST_LISTED: u64 = 16 << 20;
/// Keys that are named of one command.
const MOST_KEYS: usize = 100;

/// Says what has to go so that a server loads the rest.
///
/// # Errors
/// A file cannot be read, or only once; the run was cancelled. [`ErrorKind::Unsupported`] where a file is no log and not whole.
pub fn plan_repair(origin: &Origin, options: &RepairOptions) -> Result<Plan> {
    let mut plan = Plan::default();
    for part in origin.parts() {
        let file = repair_file(origin, part, options, &mut plan)?;
        plan.files.push(file);
    }
    Ok(plan)
}

fn repair_file(origin: &Origin, part: Part, options: &RepairOptions, plan: &mut Plan) -> Result<FilePlan> {
    let name = part.file.as_deref().unwrap_or(&origin.name).to_owned();
    let mut stream = open_part(origin, &part, Hashes::default(), Arc::clone(&options.run.progress))?;
    let Some(again) = stream.again() else {
        let what = "can be read only once, and mending reads twice".to_owned();
        return Err(Error::new(ErrorKind::Unsupported { what }).about(name).with_hint("save it to a file first"));
    };
    let mut mender = Mender {
        file: FilePlan { part, log_at: None, bytes: 0, edits: Vec::new() },
        name,
        again,
        assume_db: options.assume_db,
        plan,
        end: 0,
        last: None,
        db: Some(0),
        open: None,
        perhaps: None,
        damage: None,
        bad: None,
    };
    let selection = Selection::default();
    let events = |_: &_, _| Events::default();
    let scope = rows(&mut stream, events, &selection, &options.run, &mut |events| {
        events.into_iter().try_for_each(|event| mender.see(event))
    })?;
    mender.file.log_at = scope.tally.log_at;
    mender.file.bytes = scope.tally.bytes;
    if scope.tally.log_at.is_none() && scope.tally.ended != crate::pipeline::Ended::Complete && scope.tally.bytes > 0 {
        let what = "is no append-only file, or its RDB is damaged, which is beyond mending".to_owned();
        return Err(Error::new(ErrorKind::Unsupported { what })
            .about(mender.name)
            .with_hint("'rediscover check' says where"));
    }
    mender.finish()
}

/// A transaction that is open.
#[derive(Debug, Clone, Copy)]
struct Open {
    from: u64,
    /// The database before it.
    db: Option<u64>,
    /// Something in it is damaged: up to here.
    damaged_to: Option<u64>,
}

/// Follows one file.
struct Mender<'p> {
    file: FilePlan,
    name: String,
    again: Again,
    assume_db: Option<u64>,
    plan: &'p mut Plan,
    /// The end of the last command, and where it begins.
    end: u64,
    last: Option<u64>,
    /// None if a SELECT may have been lost.
    db: Option<u64>,
    open: Option<Open>,
    /// Damage that cannot be explained: it may have taken a MULTI.
    perhaps: Option<u64>,
    damage: Option<(u64, &'static str, String)>,
    /// A command that no server takes, and that was not judged yet.
    bad: Option<Event>,
}

impl Mender<'_> {
    fn see(&mut self, event: Event) -> Result<()> {
        if let What::Damage(kind, message) = event.what {
            self.damage.get_or_insert((event.line, kind, message));
            return Ok(());
        }
        self.settle(event.from)?;
        if matches!(event.what, What::Bad(_)) {
            self.bad = Some(event);
            return Ok(());
        }
        match &event.what {
            What::Run => self.place(&event),
            What::Select(db) => {
                self.db = Some(*db);
                self.place(&event);
            }
            What::Multi => {
                self.perhaps = None;
                // The EXEC of the one before was in the damage: what came after it was no part of it.
                if let Some((open, damaged_to)) = self.open.take().and_then(|open| Some((open, open.damaged_to?))) {
                    self.drop_transaction(open, damaged_to)?;
                }
                self.open = Some(Open { from: event.from, db: self.db, damaged_to: None });
                self.place(&event);
            }
            What::Exec => {
                let perhaps = self.perhaps.take();
                match (self.open.take(), perhaps) {
                    (Some(open), _) if open.damaged_to.is_some() => self.drop_transaction(open, event.to)?,
                    (Some(_), _) => self.place(&event),
                    (None, Some(from)) => {
                        self.drop_transaction(Open { from, db: self.db, damaged_to: Some(from) }, event.to)?;
                    }
                    (None, None) => {
                        self.drop_stretch(event.from, event.to, event.line, DropReason::ExecWithoutMulti)?;
                    }
                }
            }
            What::Bad(_) | What::Damage(..) => {}
        }
        self.end = event.to;
        self.last = Some(event.last);
        Ok(())
    }

    /// What stands before this place and was not judged yet: damage that follows a command nobody knows is a part of it.
    fn settle(&mut self, next: u64) -> Result<()> {
        match (self.bad.take(), self.damage.take()) {
            (Some(bad), None) => {
                let What::Bad(kind) = bad.what else { return Ok(()) };
                self.bad(&bad, kind)?;
                (self.end, self.last) = (bad.to, Some(bad.last));
            }
            (Some(bad), Some(_)) => self.stretch(bad.from, next, bad.line)?,
            (None, Some((line, ..))) => self.stretch(self.end, next, line)?,
            (None, None) => {}
        }
        Ok(())
    }

    /// Commands that nothing is wrong with.
    fn place(&mut self, event: &Event) {
        self.plan.kept_commands = self.plan.kept_commands.saturating_add(event.commands);
        let with = match (self.db, event.loose) {
            (None, _) => {
                self.plan.unplaced_commands = self.plan.unplaced_commands.saturating_add(event.commands);
                self.plan.kept_commands = self.plan.kept_commands.saturating_sub(event.commands);
                With::Side
            }
            (Some(_), true) => {
                self.plan.rewritten_commands = self.plan.rewritten_commands.saturating_add(1);
                With::Rewritten
            }
            (Some(_), false) => return,
        };
        let (from, to) = (event.from, event.to);
        if let Some(last) =
            self.file.edits.last_mut().filter(|last| last.to == from && last.with == with && with == With::Side)
        {
            last.to = to;
            return;
        }
        self.file.put(Edit { from, to, with });
    }

    /// A whole command that no server takes.
    fn bad(&mut self, event: &Event, kind: &str) -> Result<()> {
        let reason = match kind {
            "unknown-command" => DropReason::UnknownCommand,
            "wrong-arity" => DropReason::WrongArity,
            _ => DropReason::BadSelect,
        };
        let bytes = self.bytes(event.from, event.to)?;
        let mut name = Vec::new();
        aof::each_command(&bytes, |_, _, args| name = args.name().to_ascii_lowercase());
        self.drop_stretch(event.from, event.to, event.line, reason)?;
        // One changed letter makes any of these a command that nobody knows.
        self.consequences(event.from, event.to, near(&name))
    }

    /// Bytes between two commands of which none can be read: `from` is the end of the one before.
    fn stretch(&mut self, from: u64, to: u64, line: u64) -> Result<()> {
        let between = self.bytes(from, to)?;
        let (head, tail) = annotations(&between);
        let (mut from, to) = (from.saturating_add(head), to.saturating_sub(tail));
        let mut bytes =
            between.get(usize_of(head)..between.len().saturating_sub(usize_of(tail))).unwrap_or_default().to_vec();
        // What follows a count that has become smaller: the command before is a part of the damage.
        if bytes.first() == Some(&b'$')
            && let Some(last) = self.last
        {
            from = last;
            self.plan.kept_commands = self.plan.kept_commands.saturating_sub(1);
            bytes = self.bytes(last, to)?;
        }
        let Some(found) = aof::explain(&bytes) else {
            self.drop_damage(from, to, line, None);
            if aof::may_hide_select(&bytes) || to.saturating_sub(from) > aof::LONGEST_EXPLAINED {
                self.lose_db(from, to);
            }
            match &mut self.open {
                Some(open) => open.damaged_to = Some(to),
                None => self.perhaps = Some(from),
            }
            return Ok(());
        };
        let end = from.saturating_add(found.first as u64);
        self.drop_damage(from, end, line, Some(&found));
        self.consequences(from, end, &found.args().name().to_ascii_lowercase())?;
        self.end = end;
        // The byte had hidden commands behind it that are whole.
        let rest = bytes.get(found.first..).unwrap_or_default();
        let mut hidden = Vec::new();
        aof::each_command(rest, |at, length, args| {
            let from = end.saturating_add(at);
            let what = What::of(args, Spec::lookup(args), None);
            hidden.push(Event {
                from,
                to: from.saturating_add(length),
                last: from,
                line,
                commands: 1,
                loose: false,
                what,
            });
        });
        hidden.into_iter().try_for_each(|event| self.see(event))
    }

    /// What it means for the commands after it that this one is gone.
    fn consequences(&mut self, from: u64, to: u64, name: &[u8]) -> Result<()> {
        match name {
            b"select" => {
                self.lose_db(from, to);
                if let Some(open) = &mut self.open {
                    open.damaged_to = Some(to);
                }
            }
            b"multi" => self.open = Some(Open { from, db: self.db, damaged_to: Some(to) }),
            b"exec" => {
                if let Some(open) = self.open.take() {
                    self.drop_transaction(open, to)?;
                }
            }
            _ => {
                if let Some(open) = &mut self.open {
                    open.damaged_to = Some(to);
                }
            }
        }
        Ok(())
    }

    fn lose_db(&mut self, from: u64, to: u64) {
        self.db = self.assume_db;
        if let Some(db) = self.assume_db {
            self.file.put(Edit { from, to, with: With::Text(select(db)) });
        }
    }

    /// Drops everything from MULTI on.
    fn drop_transaction(&mut self, open: Open, to: u64) -> Result<()> {
        let bytes = self.bytes(open.from, to)?;
        let before =
            |one: &&DroppedCommand| one.offset >= open.from && one.file.as_deref() == self.file.part.file.as_deref();
        let known: Vec<_> = self.plan.dropped.iter().rev().take_while(before).map(|one| one.offset).collect();
        // Damage inside is listed already; the commands around it are found on both sides of it.
        let mut from = open.from;
        for skip in known.iter().rev().copied().chain([to]) {
            let (start, end) = (from.saturating_sub(open.from), skip.saturating_sub(open.from));
            let piece = bytes.get(usize_of(start)..usize_of(end)).unwrap_or_default();
            aof::each_command(piece, |at, _, args| {
                self.note(from.saturating_add(at), None, args, DropReason::InDamagedTransaction);
                self.plan.kept_commands = self.plan.kept_commands.saturating_sub(1);
            });
            from =
                skip.saturating_add(self.plan.dropped.iter().find(|one| one.offset == skip).map_or(0, |one| one.bytes));
        }
        let with = match self.db {
            Some(db) if self.db != open.db => With::Text(select(db)),
            _ => With::Nothing,
        };
        self.file.put(Edit { from: open.from, to, with });
        Ok(())
    }

    fn drop_stretch(&mut self, from: u64, to: u64, line: u64, reason: DropReason) -> Result<()> {
        let bytes = self.bytes(from, to)?;
        aof::each_command(&bytes, |at, _, args| self.note(from.saturating_add(at), Some(line), args, reason));
        self.file.put(Edit { from, to, with: With::Nothing });
        Ok(())
    }

    fn drop_damage(&mut self, from: u64, to: u64, line: u64, explained: Option<&Explained>) {
        match explained {
            Some(found) => self.note(from, Some(line), &found.args(), DropReason::Damaged),
            None => self.plan.drop_command(DroppedCommand {
                file: self.file.part.file.as_deref().map(str::to_owned),
                offset: from,
                line: Some(line),
                bytes: to.saturating_sub(from),
                reason: DropReason::Unreadable,
                db: self.db,
                command: None,
                keys: Vec::new(),
            }),
        }
        if let Some(last) = self.plan.dropped.last_mut() {
            last.bytes = to.saturating_sub(from);
        }
        self.file.put(Edit { from, to, with: With::Nothing });
    }

    fn note(&mut self, offset: u64, line: Option<u64>, args: &Args<'_>, reason: DropReason) {
        let mut keys = Vec::new();
        let spec = Spec::lookup(args);
        if let Some(spec) = spec {
            spec.keys(args, &mut keys);
        }
        let key = |index| args.whole(index).map(KeyName::whole);
        self.plan.drop_command(DroppedCommand {
            file: self.file.part.file.as_deref().map(str::to_owned),
            offset,
            line,
            bytes: aof::written(args.iter().map(|arg| arg.head)).len() as u64,
            reason,
            db: self.db,
            command: Some(spec.map_or_else(|| escape(args.name()), |spec| spec.name.to_owned())),
            keys: keys.iter().take(MOST_KEYS).filter_map(|at| key(at.index)).collect(),
        });
    }

    /// The end of the file: a torn command, an open transaction.
    fn finish(mut self) -> Result<FilePlan> {
        let end = self.file.bytes;
        let torn = self.damage.as_ref().filter(|(_, kind, _)| *kind == "truncated").map(|(line, ..)| *line);
        if self.damage.as_ref().is_some_and(|(_, kind, _)| *kind == "open-transaction") || torn.is_some() {
            self.damage = None;
        }
        self.settle(end)?;
        if let Some(line) = torn {
            let bytes = self.bytes(self.end, end)?;
            let (head, _) = annotations(&bytes);
            let from = self.end.saturating_add(head);
            self.drop_damage(from, end, line, None);
            if let Some(last) = self.plan.dropped.last_mut() {
                last.reason = DropReason::Torn;
            }
        }
        if let Some(open) = self.open.take() {
            self.drop_transaction(open, end)?;
        }
        let gone = self.file.edits.iter().filter(|edit| matches!(edit.with, With::Nothing | With::Text(_)));
        let gone = gone.map(|edit| edit.to.saturating_sub(edit.from)).fold(0, u64::saturating_add);
        self.plan.lost_bytes = self.plan.lost_bytes.saturating_add(gone);
        Ok(self.file)
    }

    /// Bytes of the file; none of a stretch that is too long to be looked into.
    fn bytes(&self, from: u64, to: u64) -> Result<Vec<u8>> {
        let length = to.saturating_sub(from);
        if length == 0 || length > MOST_LISTED {
            return Ok(Vec::new());
        }
        let mut bytes = Vec::new();
        let read =
            self.again.open_at(from).map_err(|error| error.about(&self.name))?.take(length).read_to_end(&mut bytes);
        read.map_err(|error| Error::io("read it again", error).about(&self.name))?;
        Ok(bytes)
    }
}

/// `SELECT db` as servers write it.
pub(super) fn select(db: u64) -> Vec<u8> {
    let db = db.to_string();
    aof::written([&b"SELECT"[..], db.as_bytes()].into_iter())
}

/// The command that a name is but for one letter, of those that others depend on.
fn near(name: &[u8]) -> &[u8] {
    let like =
        |known: &&&[u8]| name.len() == known.len() && name.iter().zip(**known).filter(|(a, b)| a != b).count() <= 1;
    [&b"select"[..], b"multi", b"exec"].iter().find(like).map_or(name, |known| known)
}

fn usize_of(count: u64) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}

/// Bytes of the annotations that a stretch begins and ends with.
fn annotations(bytes: &[u8]) -> (u64, u64) {
    let mut head = 0usize;
    while let Some(line) = bytes.get(head..).filter(|rest| rest.starts_with(b"#")).and_then(aof::annotation) {
        head = head.saturating_add(line.len());
    }
    let mut end = bytes.len();
    while let Some(before) = bytes.get(head..end).and_then(|rest| rest.strip_suffix(b"\r\n")) {
        let start = memchr::memrchr(b'\n', before).map_or(0, |at| at.saturating_add(1));
        if !before.get(start..).unwrap_or_default().starts_with(b"#TS:") {
            break;
        }
        end = head.saturating_add(start);
    }
    (head as u64, bytes.len().saturating_sub(end) as u64)
}
