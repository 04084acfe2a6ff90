//! Commands of a batch become items: each command, then what it writes.
//!
//! A command that is too long to be held goes through in pieces ([`super::long`]). What the parser cannot go on after is an
//! [`Item::Damage`] that says so, and it takes nothing more.

use super::framer::{Kind, Start, annotated_time, annotation, database};
use super::long::{Long, Place};
use super::resp::{self, Scan};
use super::writes::Writes;
use crate::base::{Flaw, flaw};
use crate::keyspace::command::{Effect, Expiry, Spec};
use crate::keyspace::{ArgSpan, Args, Command};
use crate::rdb::{self, Config, Counters, Damage, Item, Key, Payload, Sink};

/// The parser of one batch after the other.
pub struct Parser {
    config: Config,
    /// What holds at the next command.
    now: Start,
    spans: Vec<ArgSpan>,
    stopped: bool,
    long: Option<Box<Long>>,
    payloads: Option<Box<rdb::Parser>>,
    writes: Writes,
    /// Commands in a log repeat: what the last name led to.
    recent: Option<(Vec<u8>, &'static Spec)>,
}

impl Parser {
    /// A parser that begins at `start`.
    pub fn new(config: Config, start: Start) -> Self {
        Self {
            config,
            now: start,
            spans: Vec::new(),
            stopped: false,
            long: None,
            payloads: None,
            writes: Writes::default(),
            recent: None,
        }
    }

    /// Goes on at another place, keeping buffers.
    pub fn restart(&mut self, start: Start) {
        self.now = start;
        self.stopped = false;
        self.long = None;
    }

    /// What was counted of the payloads of RESTORE.
    pub fn counters(&self) -> Counters {
        self.payloads.as_ref().map(|parser| parser.counters()).unwrap_or_default()
    }

    /// What went wrong with the scratch folder.
    pub fn take_error(&mut self) -> Option<crate::base::Error> {
        self.payloads.as_mut()?.take_error()
    }

    /// Takes what is complete at the beginning of `input`: how many bytes that was.
    pub fn feed<S: Sink>(&mut self, input: &[u8], sink: &mut S) -> usize {
        let mut at = 0usize;
        while !self.stopped {
            let rest = input.get(at..).unwrap_or_default();
            let used = match self.step(rest, sink) {
                Ok(used) => used,
                Err(flaw) => {
                    self.stop(&flaw, sink);
                    0
                }
            };
            if used == 0 {
                break;
            }
            at = at.saturating_add(used);
        }
        at
    }

    /// The next command or annotation, or as much of a long one as is there: bytes taken.
    #[inline]
    fn step<S: Sink>(&mut self, rest: &[u8], sink: &mut S) -> Result<usize, Flaw> {
        if let Some(mut long) = self.long.take() {
            let mut place = Place { writes: &mut self.writes, now: &self.now };
            let fed = long.feed(rest, &mut place, sink);
            let used = match fed {
                Ok(used) => used,
                Err(flaw) => {
                    self.long = Some(long);
                    return Err(flaw);
                }
            };
            if long.is_complete() {
                self.end_long(&long, sink);
            } else {
                self.long = Some(long);
            }
            return Ok(used);
        }
        if rest.first() == Some(&b'#') {
            let Some(line) = annotation(rest) else { return Ok(0) };
            self.annotation(line, sink);
            return Ok(line.len());
        }
        let mut spans = std::mem::take(&mut self.spans);
        let scan = resp::command(rest, &mut spans);
        let outcome = match scan {
            Ok(Scan::Whole { used, loose }) => {
                let bytes = rest.get(..used).unwrap_or(rest);
                let args = Args::new(bytes, &spans, spans.len() as u64);
                if let Some(at) = loose {
                    self.say_loose(at as u64, bytes.get(at..).unwrap_or_default(), sink);
                }
                self.command(args, bytes, sink);
                Ok(used)
            }
            Ok(Scan::More) => {
                if rest.len() > self.config.limits.string_bytes {
                    self.long = Some(Box::new(Long::new(self.config.limits.string_bytes)));
                    spans.clear();
                    self.spans = spans;
                    return self.step(rest, sink);
                }
                Ok(0)
            }
            Err(flaw) => Err(flaw),
        };
        self.spans = spans;
        outcome
    }

    /// A command that is all there.
    #[inline]
    fn command<S: Sink>(&mut self, args: Args<'_>, bytes: &[u8], sink: &mut S) {
        let spec = self.lookup(&args);
        let lines = memchr::memchr_iter(b'\n', bytes).count() as u64;
        let command = self.describe(args, (bytes.len() as u64, lines), spec);
        self.judge(&command, sink);
        sink.item(&Item::Command(command));
        if let Some(spec) = spec {
            if sink.wants_writes() {
                self.writes.whole(spec, self.now.db, &command, sink);
            }
            self.inside(spec, &command, sink);
        }
        self.advance(bytes.len() as u64, lines);
    }

    fn describe<'a>(&self, args: Args<'a>, (bytes, lines): (u64, u64), spec: Option<&'static Spec>) -> Command<'a> {
        let is_multi = spec.is_some_and(|spec| spec.effect == Effect::Multi);
        Command {
            offset: self.now.offset,
            line: self.now.line,
            bytes,
            lines,
            db: self.now.db_known.then_some(self.now.db),
            time: self.now.time,
            transaction: self.now.transaction.or(is_multi.then_some(self.now.offset)),
            after_damage: self.now.after_damage,
            args,
            spec,
        }
    }

    fn advance(&mut self, bytes: u64, lines: u64) {
        self.now.offset = self.now.offset.saturating_add(bytes);
        self.now.line = self.now.line.saturating_add(lines);
    }

    #[inline]
    fn lookup(&mut self, args: &Args<'_>) -> Option<&'static Spec> {
        if let Some((name, spec)) = &self.recent
            && name == args.name()
        {
            return Some(spec);
        }
        let spec = Spec::lookup(args)?;
        // What a subcommand leads to depends on more than the name.
        if !spec.name.contains('|') && args.name().len() <= 32 {
            let (name, recent) = self.recent.get_or_insert_with(|| (Vec::new(), spec));
            name.clear();
            name.extend_from_slice(args.name());
            *recent = spec;
        }
        Some(spec)
    }

    /// Whether a server would take it here, and what it changes for those after it.
    #[inline]
    fn judge<S: Sink>(&mut self, command: &Command<'_>, sink: &mut S) {
        self.find_fault(command, sink);
        let kind = Kind::of(command.args.name());
        if kind != Kind::Other {
            let db = command.args.whole(1).and_then(database);
            self.now.note(kind, command.offset, command.args.count(), db);
        }
    }

    #[inline]
    fn find_fault<S: Sink>(&mut self, command: &Command<'_>, sink: &mut S) {
        let Some(spec) = command.spec else {
            let (kind, expected) = if may_be_a_modules(command.args.name()) {
                ("module-command", "a command that is known here, or the module that has this one")
            } else {
                ("unknown-command", "a command that a server known here has")
            };
            let flaw = Flaw::new(kind, "command", 0, expected, quoted(command));
            return self.damage(&flaw, sink);
        };
        if !spec.takes(command.args.count()) {
            let expected = match spec.arity {
                most if most >= 0 => format!("{most} arguments with the name"),
                least => format!("at least {} arguments with the name", least.unsigned_abs()),
            };
            let flaw = Flaw::new("wrong-arity", "command", 0, expected, quoted(command));
            self.damage(&flaw, sink);
        }
        match spec.effect {
            Effect::Select if command.args.whole(1).and_then(database).is_none() => {
                let expected = "a database number from 0 to 2147483647";
                let flaw = Flaw::new("database-number", "SELECT", 0, expected, quoted(command));
                self.damage(&flaw, sink);
            }
            Effect::Multi => {
                if let Some(open) = self.now.transaction {
                    let found = format!("MULTI inside the transaction that begins at {open}");
                    let flaw = Flaw::new("nested-multi", "transaction", 0, "EXEC before the next MULTI", found);
                    self.damage(&flaw, sink);
                }
            }
            Effect::Exec if self.now.transaction.is_none() => {
                let flaw = Flaw::new("exec-without-multi", "transaction", 0, "MULTI before EXEC", "EXEC alone");
                self.damage(&flaw, sink);
            }
            Effect::Discard => {
                let found = "DISCARD, which servers never write; inside a transaction they crash at it";
                let kind = if self.now.transaction.is_some() { "discard" } else { "discard-without-multi" };
                let flaw = Flaw::new(kind, "transaction", 0, "EXEC", found);
                self.damage(&flaw, sink);
            }
            _ => {}
        }
    }

    /// Values that are inside arguments in a form of their own.
    fn inside<S: Sink>(&mut self, spec: &'static Spec, command: &Command<'_>, sink: &mut S) {
        match spec.effect {
            Effect::Function if spec.name == "function|load" => {
                // FUNCTION LOAD [REPLACE] code
                let last = command.args.held().checked_sub(1).and_then(|last| command.args.get(last));
                if let Some(code) = last.filter(|_| command.args.count() == command.args.held() as u64) {
                    sink.item(&Item::Function { code: code.head, offset: command.offset });
                }
            }
            _ if matches!(spec.name, "restore" | "restore-asking") => self.restore(spec, command, sink),
            _ => {}
        }
    }

    fn restore<S: Sink>(&mut self, spec: &'static Spec, command: &Command<'_>, sink: &mut S) {
        let (Some(key), Some(bytes)) = (command.args.whole(1), command.args.whole(3)) else { return };
        let expire_at = match spec.expiry(&command.args, command.time) {
            Some(Expiry::At(at)) => Some(at),
            _ => None,
        };
        let begins = command.args.place(3).unwrap_or_default() as u64;
        let payload = Payload {
            bytes,
            offset: command.offset.saturating_add(begins),
            db: self.now.db,
            key,
            expire_at,
            written_by: Some(spec),
        };
        let config = &self.config;
        let parser = self.payloads.get_or_insert_with(|| {
            let start = rdb::Start {
                dialect: rdb::Dialect::Redis,
                writer: rdb::Writer::of_version(9),
                offset: 0,
                db: 0,
                templates: rdb::Templates::default(),
            };
            Box::new(rdb::Parser::new(config.clone(), start))
        });
        parser.payload(&payload, sink);
    }

    fn annotation<S: Sink>(&mut self, line: &[u8], sink: &mut S) {
        match annotated_time(line) {
            Some(time) => {
                if self.now.time.is_some_and(|before| before > time) {
                    let before = self.now.time.map(|time| time.to_string()).unwrap_or_default();
                    let flaw =
                        Flaw::new("time-backwards", "annotation", 0, format!("{before} or later"), time.to_string());
                    self.damage(&flaw, sink);
                }
                self.now.time = Some(time);
            }
            None if line.starts_with(b"#TS:") => {
                let flaw = Flaw::new("bad-time", "annotation", 0, "Unix seconds after #TS:", flaw::quote(line));
                self.damage(&flaw, sink);
            }
            None => {}
        }
        self.advance(line.len() as u64, u64::from(line.ends_with(b"\n")));
    }

    #[cold]
    fn say_loose<S: Sink>(&mut self, at: u64, bytes: &[u8], sink: &mut S) {
        let found = flaw::quote(bytes.get(..8).unwrap_or(bytes));
        let expected = "a line as servers write it, with CRLF at its end";
        let flaw = Flaw::new("loose-line", "line", at, expected, found);
        self.damage(&flaw, sink);
    }

    /// Something wrong with the command at hand, after which reading goes on.
    #[cold]
    fn damage<S: Sink>(&mut self, flaw: &Flaw, sink: &mut S) {
        self.say(flaw, self.now.offset.saturating_add(flaw.at()), false, sink);
    }

    fn say<S: Sink>(&self, flaw: &Flaw, offset: u64, fatal: bool, sink: &mut S) {
        let (line, db) = (Some(self.now.line), self.now.db_known.then_some(self.now.db));
        let key: Option<Key<'_>> = None;
        sink.item(&Item::Damage(Damage { flaw, offset, line, doing: "read-command", db, key, fatal }));
    }

    #[cold]
    fn stop<S: Sink>(&mut self, flaw: &Flaw, sink: &mut S) {
        if self.long.take().is_some() {
            self.writes.abandon(sink);
        }
        self.say(flaw, self.now.offset.saturating_add(flaw.at()), true, sink);
        self.stopped = true;
    }

    fn end_long<S: Sink>(&mut self, long: &Long, sink: &mut S) {
        let spec = long.spec();
        let command = self.describe(long.args(), (long.bytes(), long.lines()), spec);
        self.judge(&command, sink);
        if let Some(at) = long.loose() {
            self.say_loose(at, &[], sink);
        }
        self.writes.end(&command, sink);
        sink.item(&Item::Command(command));
        if let Some(spec) = spec {
            self.inside(spec, &command, sink);
        }
        self.advance(long.bytes(), long.lines());
    }

    /// Says that no more bytes come, `left` being what [`Parser::feed`] did not take. True if the log is cut short: inside
    /// a command, or inside a transaction, which begins at the place given.
    pub fn end<S: Sink>(&mut self, left: &[u8], sink: &mut S) -> bool {
        if self.stopped {
            return false;
        }
        let in_command = self.long.is_some() || !matches!(left.first(), None | Some(b'#'));
        let open = self.now.transaction;
        if in_command {
            let have = self.long.as_ref().map_or(0, |long| long.bytes()).saturating_add(left.len() as u64);
            let found = format!("the end of the log after {have} bytes of it");
            let torn = Flaw::new("truncated", "command", 0, "the rest of the command", found);
            let flaw = if self.long.is_none() { resp::unfinished(left).err() } else { None };
            self.stop(&flaw.unwrap_or(torn), sink);
        }
        if let Some(open) = open {
            let expected = "EXEC, or nothing of the transaction counts";
            let flaw = Flaw::new("open-transaction", "transaction", 0, expected, "the end of the log");
            self.say(&flaw, open, true, sink);
        }
        self.stopped = true;
        in_command || open.is_some()
    }
}

/// Whether a name that nobody knows here looks like a module's, as `HELLOTYPE.INSERT`, and not like a known one with a
/// changed byte.
#[cold]
fn may_be_a_modules(name: &[u8]) -> bool {
    let dotted = name.contains(&b'.') && name.iter().all(u8::is_ascii_graphic);
    let near = |known: &[u8]| {
        let differ = name.iter().zip(known).filter(|(a, b)| !a.eq_ignore_ascii_case(b)).count();
        known.len() == name.len() && differ <= 1
    };
    dotted && !Spec::all().iter().any(|spec| near(spec.name.as_bytes()))
}

/// The beginning of a command as a message shows it.
fn quoted(command: &Command<'_>) -> String {
    let shown: Vec<_> = command.args.iter().take(3).map(|arg| flaw::quote(arg.head)).collect();
    let more = if command.args.count() > 3 { " …" } else { "" };
    format!("{}{more}", shown.join(" "))
}
