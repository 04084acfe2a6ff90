//! Which commands fall with damage: the damaged one; its transaction; and after a lost SELECT those whose database is not
//! known.

use super::events::{Event, Events, What};
use super::plan::{Edit, FilePlan, Plan, With};
use super::reread::{Reread, usize_of};
use crate::aof::{self, Explained};
use crate::base::{Error, ErrorKind, Result};
use crate::keyspace::command::Spec;
use crate::keyspace::{Args, KeyName, escape};
use crate::pipeline::{RunOptions, Selection, rows};
use crate::report::{DropReason, DroppedCommand};
use crate::source::{Hashes, Origin, Part, open_part};
use std::sync::Arc;

/// What repair is asked.
#[derive(Clone, Default)]
pub struct RepairOptions {
    /// How to run.
    pub run: RunOptions,
    /// The database of commands after a lost SELECT; without it they go to the side file.
    pub assume_db: Option<u64>,
}

/// Work on explanations for one file. Ten thousand damages of a usual log take a quarter of it.
const MOST_WORK: u64 = 4 << 30;
/// Edits of one file: what needs more of them is no log that somebody wants back.
const MOST_EDITS: usize = 1 << 20;
/// Commands one after the other are rewritten together up to so many bytes.
const REWRITTEN_BYTES: u64 = 1 << 20;
/// Commands that are not written as servers write them are looked into up to so many: of a log that somebody else wrote
/// all are such.
const MOST_LOOKED_INTO: u32 = 1000;
/// Stretches of damage in one transaction that are known apart.
const MOST_HOLES: usize = 1000;
/// Keys that are named of one command, and their bytes; bytes of a name that nobody knows.
const MOST_KEYS: usize = 100;
const MOST_KEY_BYTES: usize = 64 << 10;
const MOST_NAME: usize = 64;

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
    let first_dropped = plan.dropped.len();
    let mut mender = Mender {
        file: FilePlan { part, log_at: None, bytes: 0, compressed: stream.compression().is_some(), edits: Vec::new() },
        name,
        reread: Reread::new(again, stream.compression().is_some(), options.run.cancel.clone()),
        work: MOST_WORK,
        assume_db: options.assume_db,
        plan,
        end: None,
        last: None,
        db: Some(0),
        open: None,
        perhaps: None,
        damage: None,
        odd: None,
        looked_into: 0,
        first_dropped,
    };
    let head = mender.bytes(0, 6)?;
    if !head.starts_with(b"REDIS") && !head.starts_with(b"VALKEY") {
        mender.end = Some(0);
    }
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

/// What holds at a place: the database, and what was counted up to there.
#[derive(Debug, Clone, Copy)]
struct State {
    db: Option<u64>,
    kept: u64,
    unplaced: u64,
    rewritten: u64,
}

/// A transaction that is open.
#[derive(Debug, Clone)]
struct Open {
    from: u64,
    /// What held before it.
    before: State,
    /// What goes of it in any case, at most [`MOST_HOLES`] of them.
    holes: Vec<(u64, u64)>,
    damaged: bool,
    /// The end of damage that cannot be explained, and what holds there: its EXEC may have been in it.
    ended: Option<(u64, State)>,
    /// The end of its MULTI, while no database is known: it goes aside if none is selected before EXEC.
    aside: Option<u64>,
}

impl Open {
    fn hole(&mut self, from: u64, to: u64) {
        if self.holes.len() < MOST_HOLES {
            self.holes.push((from, to));
        }
    }
}

/// Follows one file.
struct Mender<'p> {
    file: FilePlan,
    name: String,
    reread: Reread,
    /// What may be done yet to explain damage.
    work: u64,
    assume_db: Option<u64>,
    plan: &'p mut Plan,
    /// The end of the last command. Before the first command it is not known behind a preamble.
    end: Option<u64>,
    /// Where it begins, if damage after it may be a part of it: it may have had more arguments.
    last: Option<u64>,
    /// None if a SELECT may have been lost.
    db: Option<u64>,
    open: Option<Open>,
    /// Damage that cannot be explained: it may have taken a MULTI.
    perhaps: Option<Open>,
    /// Where, in which line, and what kind.
    damage: Option<(u64, u64, &'static str)>,
    /// A command that no server takes, or that is not written as servers write it, and that was not judged yet.
    odd: Option<Event>,
    /// Commands of the second kind that were looked into.
    looked_into: u32,
    /// Commands of the files before it that go.
    first_dropped: usize,
}

impl Mender<'_> {
    fn see(&mut self, event: Event) -> Result<()> {
        if let What::Damage(kind) = event.what {
            self.damage.get_or_insert((event.from, event.line, kind));
            return Ok(());
        }
        self.settle(event.from)?;
        if event.loose || matches!(event.what, What::Bad(_)) {
            self.odd = Some(event);
            return Ok(());
        }
        self.take(&event)
    }

    /// Takes what is sound.
    fn take(&mut self, event: &Event) -> Result<()> {
        if self.file.edits.len() > MOST_EDITS {
            let what = format!("has to change in more than {MOST_EDITS} places, which is beyond mending");
            return Err(Error::new(ErrorKind::Unsupported { what }).about(&self.name));
        }
        match &event.what {
            What::Run => self.place(event),
            What::Select(db) => {
                self.db = Some(*db);
                if self.open.as_mut().is_some_and(|open| open.aside.take().is_some()) {
                    self.plan.unplaced_commands = self.plan.unplaced_commands.saturating_sub(1);
                    self.plan.kept_commands = self.plan.kept_commands.saturating_add(1);
                }
                self.place(event);
            }
            What::Multi => {
                self.perhaps = None;
                self.end_of_damaged(event.from)?;
                if let Some(open) = &mut self.open {
                    // Servers answer it with an error, and queue on.
                    open.hole(event.from, event.to);
                    self.drop_stretch(event.from, event.to, event.line, DropReason::NestedMulti)?;
                    (self.end, self.last) = (Some(event.to), None);
                    return Ok(());
                }
                let mut open = self.opened(event.from);
                if self.db.is_some() {
                    self.place(event);
                } else {
                    self.plan.unplaced_commands = self.plan.unplaced_commands.saturating_add(1);
                    open.aside = Some(event.to);
                }
                self.open = Some(open);
            }
            What::Exec => {
                let perhaps = self.perhaps.take();
                match self.open.take().or(perhaps) {
                    Some(open) if open.damaged => {
                        self.place(event);
                        self.drop_transaction(&open, event.to, self.state())?;
                    }
                    Some(open) => {
                        if let Some(to) = open.aside {
                            self.file.put(Edit { from: open.from, to, with: With::Side });
                        }
                        self.place(event);
                    }
                    None => self.drop_stretch(event.from, event.to, event.line, DropReason::ExecWithoutMulti)?,
                }
            }
            What::Bad(_) | What::Damage(_) => {}
        }
        self.end = Some(event.to);
        // Those that others depend on have as many arguments as they must have.
        self.last = (event.what == What::Run).then_some(event.last);
        Ok(())
    }

    fn state(&self) -> State {
        State {
            db: self.db,
            kept: self.plan.kept_commands,
            unplaced: self.plan.unplaced_commands,
            rewritten: self.plan.rewritten_commands,
        }
    }

    /// A transaction that begins here.
    fn opened(&self, from: u64) -> Open {
        Open { from, before: self.state(), holes: Vec::new(), damaged: false, ended: None, aside: None }
    }

    /// A damaged transaction has no EXEC before this place: either that was in damage, and what came after it was no part of
    /// the transaction; or there is none.
    fn end_of_damaged(&mut self, at: u64) -> Result<()> {
        let Some(open) = self.open.take_if(|open| open.damaged) else { return Ok(()) };
        let (to, state) = open.ended.unwrap_or((at, self.state()));
        self.drop_transaction(&open, to, state)
    }

    /// What stands before this place and was not judged yet: damage that follows an odd command is a part of it.
    fn settle(&mut self, next: u64) -> Result<()> {
        match (self.odd.take(), self.damage.take()) {
            (Some(odd), None) => match odd.what {
                What::Bad(kind) => self.bad(&odd, kind)?,
                _ => self.loose(&odd)?,
            },
            (Some(odd), Some(_)) => self.stretch(odd.from, next, odd.line)?,
            (None, Some((at, line, _))) => self.stretch(self.end.unwrap_or(at), next, line)?,
            (None, None) => {}
        }
        Ok(())
    }

    /// A command that servers read, and that none wrote so: if one changed byte tells why, it may have made other
    /// arguments of the same bytes.
    fn loose(&mut self, event: &Event) -> Result<()> {
        if self.looked_into < MOST_LOOKED_INTO {
            self.looked_into = self.looked_into.saturating_add(1);
            let bytes = self.bytes(event.from, event.to)?;
            let found = aof::explain(&bytes, &mut self.work);
            if let Some(found) = found.filter(|found| aof::rewritten(&found.bytes) != aof::rewritten(&bytes)) {
                return self.explained(event.from, event.line, &found);
            }
        }
        self.take(event)
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
            // One that is longer stays as it is: servers read it, and to write it anew it has to be held.
            (Some(_), true) if event.to.saturating_sub(event.from) <= Reread::LONGEST => {
                self.plan.rewritten_commands = self.plan.rewritten_commands.saturating_add(1);
                With::Rewritten
            }
            (Some(_), _) => return,
        };
        let (from, to) = (event.from, event.to);
        let goes_on = |last: &&mut Edit| {
            last.to == from
                && last.with == with
                && (with == With::Side || to.saturating_sub(last.from) <= REWRITTEN_BYTES)
        };
        if let Some(last) = self.file.edits.last_mut().filter(goes_on) {
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
            "database-number" => DropReason::BadSelect,
            _ => DropReason::Discard,
        };
        let bytes = self.bytes(event.from, event.to)?;
        let may_be_another = reason != DropReason::Discard;
        if let Some(found) = may_be_another.then(|| aof::explain(&bytes, &mut self.work)).flatten() {
            return self.explained(event.from, event.line, &found);
        }
        let mut name = Vec::new();
        aof::each_command(&bytes, |_, _, args| name = args.name().to_ascii_lowercase());
        self.drop_stretch(event.from, event.to, event.line, reason)?;
        (self.end, self.last) = (Some(event.to), None);
        // One changed letter makes any of these a command that nobody knows.
        self.consequences(event.from, event.to, near(&name))
    }

    /// Bytes between two commands of which none can be read: `from` is the end of the one before.
    fn stretch(&mut self, from: u64, to: u64, line: u64) -> Result<()> {
        let between = self.bytes(from, to)?;
        let (head, tail) = aof::annotations_around(&between);
        let (mut from, to) = (from.saturating_add(head), to.saturating_sub(tail));
        let own = between.get(usize_of(head)..between.len().saturating_sub(usize_of(tail))).unwrap_or_default();
        if let Some(found) = aof::explain(own, &mut self.work) {
            return self.explained(from, line, &found);
        }
        let is_rest = matches!(own, [b'$', b'0'..=b'9', ..]);
        let mut bytes = own.to_vec();
        // A count or a length that has become smaller, or has reached the end of another argument: the command before is a
        // part of the damage.
        if let Some(last) = self.last.filter(|_| !own.is_empty()) {
            let longer = self.bytes(last, to)?;
            let found = aof::explain(&longer, &mut self.work);
            if is_rest || found.is_some() {
                let kept =
                    if self.db.is_some() { &mut self.plan.kept_commands } else { &mut self.plan.unplaced_commands };
                *kept = kept.saturating_sub(1);
                (from, bytes) = (last, longer);
            }
            if let Some(found) = found {
                return self.explained(from, line, &found);
            }
        }
        let perhaps = self.opened(from);
        self.drop_damage(from, to, line, DropReason::Unreadable, None);
        self.last = None;
        if aof::may_hide_select(&bytes) || to.saturating_sub(from) > aof::LONGEST_EXPLAINED {
            self.lose_db(from, to);
        }
        if self.open.is_none() {
            self.perhaps.get_or_insert(perhaps);
        }
        self.damage_open(from, to);
        let state = self.state();
        if let Some(open) = &mut self.open {
            open.ended = Some((to, state));
        }
        Ok(())
    }

    /// One command is damaged, and whole ones follow that it had hidden.
    fn explained(&mut self, from: u64, line: u64, found: &Explained) -> Result<()> {
        let from = from.saturating_add(found.at as u64);
        let end = from.saturating_add(found.len as u64);
        self.drop_damage(from, end, line, DropReason::Damaged, Some(found));
        if found.args().count() > 0 {
            self.consequences(from, end, &found.args().name().to_ascii_lowercase())?;
        }
        (self.end, self.last) = (Some(end), None);
        let rest = found.bytes.get(found.at.saturating_add(found.len)..).unwrap_or_default();
        let mut hidden = Vec::new();
        aof::each_command(rest, |at, length, args| {
            let from = end.saturating_add(at);
            let what = What::of(args, Spec::lookup(args), None);
            let to = from.saturating_add(length);
            hidden.push(Event { from, to, last: from, line, commands: 1, loose: false, what });
        });
        hidden.into_iter().try_for_each(|event| self.see(event))
    }

    /// What it means for the commands after it that this one is gone.
    fn consequences(&mut self, from: u64, to: u64, name: &[u8]) -> Result<()> {
        match name {
            b"select" => {
                self.lose_db(from, to);
                self.damage_open(from, to);
            }
            b"multi" => {
                self.perhaps = None;
                self.end_of_damaged(from)?;
                let open = self.opened(from);
                self.open.get_or_insert(open);
                self.damage_open(from, to);
            }
            b"exec" => {
                self.damage_open(from, to);
                let perhaps = self.perhaps.take();
                if let Some(open) = self.open.take().or(perhaps) {
                    self.drop_transaction(&open, to, self.state())?;
                }
            }
            _ => self.damage_open(from, to),
        }
        Ok(())
    }

    fn lose_db(&mut self, from: u64, to: u64) {
        self.db = self.assume_db;
        if let Some(db) = self.assume_db {
            self.file.put(Edit { from, to, with: With::Text(select(db)) });
        }
    }

    /// Damage in the transaction that is open, or that began in damage.
    fn damage_open(&mut self, from: u64, to: u64) {
        if let Some(open) = self.open.as_mut().or(self.perhaps.as_mut()) {
            open.damaged = true;
            open.hole(from, to);
        }
    }

    /// Drops everything from MULTI on up to a place at which this holds.
    fn drop_transaction(&mut self, open: &Open, to: u64, at_end: State) -> Result<()> {
        let bytes = self.bytes(open.from, to)?;
        let dropped = self.plan.dropped_commands;
        let (mut from, mut db) = (open.from, open.before.db);
        // Damage inside is listed already; the commands are found between.
        for (hole, end) in open.holes.iter().copied().chain([(to, to)]) {
            let (start, hole) = (usize_of(from.saturating_sub(open.from)), usize_of(hole.saturating_sub(open.from)));
            aof::each_command(bytes.get(start..hole).unwrap_or_default(), |at, length, args| {
                let reason = DropReason::InDamagedTransaction;
                let one = DroppedCommand { db, ..self.described(from.saturating_add(at), length, args, reason) };
                self.plan.drop_command(one);
                if let What::Select(selected) = What::of(args, Spec::lookup(args), None) {
                    db = Some(selected);
                }
            });
            from = end;
        }
        let plan = &mut *self.plan;
        let gone = |own: &mut u64, counted: u64, before: u64| {
            let gone = counted.saturating_sub(before);
            *own = own.saturating_sub(gone);
            gone
        };
        let kept = gone(&mut plan.kept_commands, at_end.kept, open.before.kept);
        let unplaced = gone(&mut plan.unplaced_commands, at_end.unplaced, open.before.unplaced);
        gone(&mut plan.rewritten_commands, at_end.rewritten, open.before.rewritten);
        // Those are counted that could not be listed.
        plan.dropped_commands = plan.dropped_commands.max(dropped.saturating_add(kept).saturating_add(unplaced));
        let with = match at_end.db {
            Some(db) if at_end.db != open.before.db => With::Text(select(db)),
            _ => With::Nothing,
        };
        self.file.put(Edit { from: open.from, to, with });
        Ok(())
    }

    fn drop_stretch(&mut self, from: u64, to: u64, line: u64, reason: DropReason) -> Result<()> {
        let bytes = self.bytes(from, to)?;
        aof::each_command(&bytes, |at, length, args| {
            let one = self.described(from.saturating_add(at), length, args, reason);
            self.plan.drop_command(DroppedCommand { line: Some(line), ..one });
        });
        self.file.put(Edit { from, to, with: With::Nothing });
        Ok(())
    }

    fn drop_damage(&mut self, from: u64, to: u64, line: u64, reason: DropReason, explained: Option<&Explained>) {
        let args = explained.map_or(Args::new(&[], &[], 0), Explained::args);
        let one = self.described(from, to.saturating_sub(from), &args, reason);
        self.plan.drop_command(DroppedCommand { line: Some(line), ..one });
        self.file.put(Edit { from, to, with: With::Nothing });
    }

    /// A command as reports show it, or bytes that are none.
    fn described(&self, offset: u64, bytes: u64, args: &Args<'_>, reason: DropReason) -> DroppedCommand {
        let mut keys = Vec::new();
        let spec = Spec::lookup(args);
        if let Some(spec) = spec {
            spec.keys(args, &mut keys);
        }
        let name = || (args.count() > 0).then(|| escape(args.name().get(..MOST_NAME).unwrap_or(args.name())));
        let mut room = MOST_KEY_BYTES;
        let named = |key: &[u8]| {
            room = room.checked_sub(key.len())?;
            Some(KeyName::whole(key))
        };
        let keys = keys.iter().take(MOST_KEYS).filter_map(|at| args.whole(at.index)).map_while(named).collect();
        DroppedCommand {
            file: self.file.part.file.as_deref().map(str::to_owned),
            offset,
            line: None,
            bytes,
            reason,
            db: self.db,
            command: spec.map(|spec| spec.name.to_owned()).or_else(name),
            keys,
        }
    }

    /// The end of the file: a torn command, an open transaction.
    fn finish(mut self) -> Result<FilePlan> {
        let end = self.file.bytes;
        let torn = self.damage.filter(|(.., kind)| *kind == "truncated");
        if torn.is_some() || self.damage.is_some_and(|(.., kind)| kind == "open-transaction") {
            self.damage = None;
        }
        self.settle(end)?;
        if let Some((at, line, _)) = torn {
            self.torn(self.end.unwrap_or(at), end, line)?;
        }
        self.end_of_damaged(end)?;
        if let Some(open) = self.open.take() {
            self.drop_transaction(&open, end, self.state())?;
        }
        // Nothing follows for which a database has to be selected.
        if let Some(last) =
            self.file.edits.last_mut().filter(|last| last.to == end && matches!(last.with, With::Text(_)))
        {
            last.with = With::Nothing;
        }
        self.plan.dropped.get_mut(self.first_dropped..).unwrap_or_default().sort_by_key(|one| one.offset);
        let gone = self.file.edits.iter().filter(|edit| matches!(edit.with, With::Nothing | With::Text(_)));
        let gone = gone.map(|edit| edit.to.saturating_sub(edit.from)).fold(0, u64::saturating_add);
        self.plan.lost_bytes = self.plan.lost_bytes.saturating_add(gone);
        Ok(self.file)
    }

    /// What the log ends in: a command that is torn off, if no length has swallowed whole ones.
    fn torn(&mut self, from: u64, end: u64, line: u64) -> Result<()> {
        let bytes = self.bytes(from, end)?;
        let (head, _) = aof::annotations_around(&bytes);
        let from = from.saturating_add(head);
        let own = bytes.get(usize_of(head)..).unwrap_or_default();
        let found = aof::explain(own, &mut self.work);
        if let Some(found) = found.filter(|found| found.at.saturating_add(found.len) < own.len()) {
            self.explained(from, line, &found)?;
            return self.settle(end);
        }
        self.drop_damage(from, end, line, DropReason::Torn, None);
        Ok(())
    }

    /// Bytes of the file; none of a stretch that is too long to be looked into.
    fn bytes(&mut self, from: u64, to: u64) -> Result<Vec<u8>> {
        self.reread.read(from, to).map_err(|error| error.about(&self.name))
    }
}

/// `SELECT db` as servers write it.
fn select(db: u64) -> Vec<u8> {
    let db = db.to_string();
    aof::written([&b"SELECT"[..], db.as_bytes()].into_iter())
}

/// The command that a name is but for one letter, of those that others depend on.
fn near(name: &[u8]) -> &[u8] {
    let like =
        |known: &&&[u8]| name.len() == known.len() && name.iter().zip(**known).filter(|(a, b)| a != b).count() <= 1;
    [&b"select"[..], b"multi", b"exec"].iter().find(like).map_or(name, |known| known)
}
