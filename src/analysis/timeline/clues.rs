//! What a log says of time beside its annotations, collected in a pass of its own: what bounds the time of each command,
//! and which keys are gone at the end.
//!
//! Commands stand in the order they ran, so a clock of one bounds the others: whatever came later was not earlier. Clocks
//! are `#TS:` annotations, the `ctime` of the RDB before the log, ids of stream entries and times of deliveries; and an
//! expiry lay in the future when it was written, for of one in the past a server writes a deletion.

use super::TimelineOptions;
use super::gone::{Fate, Fates, Gone, KeyPrint};
use super::steps::{Bound, Falling, Rising};
use crate::base::{Error, ErrorKind, Result, Silent, UnixMs};
use crate::keyspace::command::{Access, Args, Effect, Expiry, KeyAt, Spec, Touch};
use crate::keyspace::{Arg, Command};
use crate::pipeline::{Prologue, RowSource, Selection, rows};
use crate::rdb::{Depth, Head, Item, Key};
use crate::report::{ClockKind, LogRole};
use crate::source::{Hashes, Origin, Part, open_part};
use std::cell::Cell;
use std::sync::Arc;

/// Before streams there were no ids of theirs: 2017-01-01.
pub(super) const FIRST_STREAMS: i64 = 1_483_228_800_000;
/// Stretches with an annotation that may be out of date, and exchanges of databases, that are kept.
const MOST_KEPT: usize = 10_000;

/// What the first pass over a source came to. Places are counted through all its files.
#[derive(Debug, Default)]
pub(super) struct Clues {
    /// Where each file begins.
    begins: Vec<u64>,
    not_before: Rising,
    not_after: Falling,
    /// The same by what clients may have made up.
    not_before_by_id: Rising,
    not_after_by_id: Falling,
    /// After damage an annotation may be missing: where the last one says less than it seems.
    stale: Vec<(u64, u64)>,
    /// Where databases change their numbers.
    swaps: Vec<(u64, u64, u64)>,
    gone: Option<Gone>,
}

/// One thing that a command says.
#[derive(Debug, Clone, Copy)]
enum Clue {
    Time(UnixMs),
    Id(i64, ClockKind),
    Expires(UnixMs),
    Damage,
    Swap(u64, u64),
    Flush(Option<u64>),
    Fate(u64, KeyPrint, Fate),
}

impl Clues {
    /// Where a place in a file stands among all files.
    pub(super) fn place(&self, part: usize, offset: u64) -> u64 {
        self.begins.get(part).copied().unwrap_or_default().saturating_add(offset)
    }

    /// What bounds the time of the command at this place.
    pub(super) fn bounds(&self, at: u64) -> (Option<Bound>, Option<Bound>) {
        let (low, high) = (self.not_before.at(at), self.not_after.at(at));
        let fits_low = |id: &Bound| high.is_none_or(|high| id.0 <= high.0) && low.is_none_or(|low| id.0 > low.0);
        let fits_high = |id: &Bound| low.is_none_or(|low| id.0 >= low.0) && high.is_none_or(|high| id.0 < high.0);
        let low_by_id = self.not_before_by_id.at(at).filter(fits_low);
        let high_by_id = self.not_after_by_id.at(at).filter(fits_high);
        let both = (low_by_id.or(low), high_by_id.or(high));
        match (both, (low, high)) {
            ((Some(after), Some(before)), _) if after.0 <= before.0 => both,
            ((Some(_), Some(_)), (Some(after), Some(before))) if after.0 <= before.0 => (low, high),
            // Clocks that contradict each other: the log's own order rests on the earlier one.
            ((Some(_), Some(_)), _) => (low, None),
            _ => both,
        }
    }

    /// Whether an annotation may be missing before the command at this place.
    pub(super) fn is_stale(&self, at: u64) -> bool {
        let after = self.stale.partition_point(|(from, _)| *from <= at);
        after.checked_sub(1).and_then(|index| self.stale.get(index)).is_some_and(|(_, to)| at < *to)
    }

    /// Whether a key of a command, or of an RDB, is gone at the end; true where its database is not known.
    pub(super) fn is_gone(&self, at: u64, db: Option<u64>, key: KeyPrint) -> bool {
        let Some(gone) = &self.gone else { return false };
        let Some(mut db) = db else { return true };
        // What is called so now was called otherwise before: back to the beginning.
        for (_, a, b) in self.swaps.iter().rev().skip_while(|(place, ..)| *place >= at) {
            db = swapped(db, *a, *b);
        }
        gone.holds(key.inside(db))
    }
}

fn swapped(db: u64, a: u64, b: u64) -> u64 {
    match db {
        db if db == a => b,
        db if db == b => a,
        db => db,
    }
}

/// Reads all files of a source for what they say of time; none if a file cannot be read twice.
pub(super) fn collect(origin: &Origin, parts: &[Part], options: &TimelineOptions) -> Result<Option<Clues>> {
    if !parts.iter().all(|part| part.place.can_be_read_again()) {
        return Ok(None);
    }
    let fates = || Fates::new(options.run.scratch.clone(), options.run.limits.duplicates_bytes);
    let mut pass = Pass {
        clues: Clues::default(),
        fates: options.only_deleted.then(fates),
        begin: 0,
        is_base: false,
        time: None,
        damaged: false,
        stale_since: None,
    };
    for part in parts {
        pass.file(origin, part, options)?;
    }
    if let Some(fates) = pass.fates {
        pass.clues.gone = Some(fates.finish()?);
    }
    Ok(Some(pass.clues))
}

struct Pass {
    clues: Clues,
    fates: Option<Fates>,
    begin: u64,
    is_base: bool,
    time: Option<UnixMs>,
    /// Damage was met, and no command since.
    damaged: bool,
    stale_since: Option<u64>,
}

impl Pass {
    fn file(&mut self, origin: &Origin, part: &Part, options: &TimelineOptions) -> Result<()> {
        self.clues.begins.push(self.begin);
        self.is_base = part.role == LogRole::Base;
        self.damaged = false;
        self.time = None;
        let mut stream = open_part(origin, part, Hashes::default(), Arc::new(Silent))?;
        let named_log = stream.expects_log();
        let wants_keys = options.only_deleted;
        let created = Cell::new(None);
        let has_log = Cell::new(true);
        let make = |prologue: &Prologue, _| {
            created.set(prologue.created_at());
            has_log.set(wants_keys || named_log || prologue.header.is_none() || prologue.says_log_follows());
            Gatherer { wants_keys, found: Vec::new(), keys: Vec::new(), time: None }
        };
        let done = Cell::new(false);
        let outcome = rows(&mut stream, make, &Selection::default(), &options.run, &mut |found| {
            if let Some(created) = created.take() {
                self.clues.not_before.push(self.begin, (created, ClockKind::Snapshot));
            }
            if !has_log.get() {
                // An RDB and nothing else: there is nothing to bound.
                done.set(true);
                return Err(Error::new(ErrorKind::Interrupted));
            }
            found.into_iter().try_for_each(|(offset, clue)| self.take(offset, clue))
        });
        let bytes = match outcome {
            Ok(scope) => scope.tally.bytes,
            Err(_) if done.get() => stream.stated_bytes().unwrap_or_default(),
            Err(error) => return Err(error),
        };
        self.begin = self.begin.saturating_add(bytes).saturating_add(1);
        self.end_stale(self.begin);
        Ok(())
    }

    fn take(&mut self, offset: u64, clue: Clue) -> Result<()> {
        let at = self.begin.saturating_add(offset);
        let clues = &mut self.clues;
        match clue {
            Clue::Time(time) if self.time == Some(time) => {
                // Between damage and the first command after it there may have been another annotation.
                if std::mem::take(&mut self.damaged) && self.stale_since.is_none() {
                    self.stale_since = Some(at);
                }
            }
            Clue::Time(time) => {
                self.time = Some(time);
                self.damaged = false;
                self.end_stale(at);
                let clues = &mut self.clues;
                clues.not_before.push(at, (time, ClockKind::Annotation));
                clues.not_after.push(at, (UnixMs(time.0.saturating_add(999)), ClockKind::Annotation));
            }
            Clue::Id(ms, kind) => {
                let known = clues.not_before.last().max(clues.not_before_by_id.last());
                // One from the past is a client's own, or was written anew.
                if ms >= FIRST_STREAMS && known.is_none_or(|known| ms >= known.0) {
                    clues.not_before_by_id.push(at, (UnixMs(ms), kind));
                    if !self.is_base {
                        clues.not_after_by_id.push(at, (UnixMs(ms), kind));
                    }
                }
            }
            // In a base stands what was there when it was written, be it expired.
            Clue::Expires(moment) if !self.is_base => clues.not_after.push(at, (moment, ClockKind::Expiry)),
            Clue::Expires(_) => {}
            Clue::Damage => self.damaged = true,
            Clue::Swap(a, b) => {
                if clues.swaps.len() < MOST_KEPT {
                    clues.swaps.push((at, a, b));
                }
            }
            Clue::Flush(db) => {
                let db = db.map(|db| self.original(db));
                if let Some(fates) = &mut self.fates {
                    fates.flush(at, db);
                }
            }
            Clue::Fate(db, key, fate) => {
                let db = self.original(db);
                if let Some(fates) = &mut self.fates {
                    fates.push(key, db, at, fate)?;
                }
            }
        }
        Ok(())
    }

    /// What a database was called at the beginning.
    fn original(&self, db: u64) -> u64 {
        self.clues.swaps.iter().rev().fold(db, |db, (_, a, b)| swapped(db, *a, *b))
    }

    fn end_stale(&mut self, at: u64) {
        let Some(since) = self.stale_since.take() else { return };
        let full = self.clues.stale.len() >= MOST_KEPT;
        match self.clues.stale.last_mut() {
            Some((_, to)) if full => *to = at,
            _ => self.clues.stale.push((since, at)),
        }
    }
}

/// Finds clues in a batch.
struct Gatherer {
    wants_keys: bool,
    found: Vec<(u64, Clue)>,
    keys: Vec<KeyAt>,
    /// The last in this batch: the first command of each says what holds there.
    time: Option<UnixMs>,
}

impl RowSource for Gatherer {
    type Rows = Vec<(u64, Clue)>;

    fn depth(&self, _: &Head<'_>) -> Depth {
        Depth::Keys
    }

    fn wants_writes(&self) -> bool {
        false
    }

    #[inline]
    fn observe(&mut self, item: &Item<'_>) {
        match item {
            Item::Command(command) => self.command(command),
            Item::Entry(entry) if self.wants_keys && entry.written_by.is_none() => {
                let print = KeyPrint::of(&entry.head.key);
                self.found.push((entry.head.offset, Clue::Fate(entry.head.db, print, Fate::Written)));
            }
            Item::Damage(damage) if damage.fatal && damage.line.is_some() => {
                self.found.push((damage.offset, Clue::Damage));
            }
            _ => {}
        }
    }

    fn take(&mut self) -> Self::Rows {
        self.time = None;
        std::mem::take(&mut self.found)
    }
}

impl Gatherer {
    #[inline]
    fn command(&mut self, command: &Command<'_>) {
        let at = command.offset;
        if let Some(time) = command.time.filter(|time| self.time != Some(*time)) {
            self.time = Some(time);
            self.found.push((at, Clue::Time(time)));
        }
        let Some(spec) = command.spec else { return };
        if let Some(moment) = expiry(spec, &command.args) {
            self.found.push((at, Clue::Expires(moment)));
        }
        if let Some((ms, kind)) = own_clock(spec, &command.args) {
            self.found.push((at, Clue::Id(ms, kind)));
        }
        if self.wants_keys {
            self.fates(command, spec);
        }
    }

    fn fates(&mut self, command: &Command<'_>, spec: &'static Spec) {
        let at = command.offset;
        match spec.effect {
            Effect::Flush if spec.name == "flushall" => return self.found.push((at, Clue::Flush(None))),
            Effect::Flush if spec.name == "flushdb" => {
                let flush = command.db.map(|db| (at, Clue::Flush(Some(db))));
                return self.found.extend(flush);
            }
            Effect::SwapDb => {
                let swap = databases(&command.args).map(|(a, b)| (at, Clue::Swap(a, b)));
                return self.found.extend(swap);
            }
            _ => {}
        }
        let Some(db) = command.db else { return };
        spec.keys(&command.args, &mut self.keys);
        for (index, key) in self.keys.iter().enumerate() {
            let Some(fate) = fate(spec, key, index) else { continue };
            let Some(arg) = command.args.get(key.index) else { continue };
            let print = KeyPrint::of(&Key::of_argument(arg));
            self.found.push((at, Clue::Fate(db, print, fate)));
            let moved_to = || number(command.args.whole(2)?);
            if let Some(to) = (spec.name == "move").then(moved_to).flatten() {
                self.found.push((at, Clue::Fate(to, print, Fate::Written)));
            }
        }
    }
}

/// What a command does to one of its keys: whether it is there then.
fn fate(spec: &Spec, key: &KeyAt, index: usize) -> Option<Fate> {
    let goes = match spec.effect {
        Effect::Delete => true,
        Effect::Rename => index == 0,
        Effect::Move => spec.name == "move",
        _ => key.access == Access::Remove,
    };
    let is_written = key.access == Access::Overwrite || key.touch.has(Touch::INSERT) || key.touch.has(Touch::UPDATE);
    match goes {
        true => Some(Fate::Deleted),
        false if key.access != Access::Read && is_written => Some(Fate::Written),
        false => None,
    }
}

/// The databases that SWAPDB exchanges.
pub(super) fn databases(args: &Args<'_>) -> Option<(u64, u64)> {
    Some((number(args.whole(1)?)?, number(args.whole(2)?)?))
}

fn number(word: &[u8]) -> Option<u64> {
    std::str::from_utf8(word).ok()?.parse().ok()
}

/// When something expires by this command, where it says the moment itself.
pub(super) fn expiry(spec: &Spec, args: &Args<'_>) -> Option<UnixMs> {
    match spec.expiry(args, None)? {
        Expiry::At(at) | Expiry::Fields(at) => Some(at),
        _ => None,
    }
}

/// When a command ran by what its arguments say, Unix milliseconds: the id that XADD gives, the time of delivery that
/// XCLAIM notes.
pub(super) fn own_clock(spec: &Spec, args: &Args<'_>) -> Option<(i64, ClockKind)> {
    match spec.name {
        "xadd" => Some((added(args)?, ClockKind::StreamId)),
        "xclaim" => Some((claimed(args)?, ClockKind::Delivery)),
        _ => None,
    }
}

fn is(arg: Option<Arg<'_>>, words: &[&str]) -> bool {
    arg.and_then(Arg::whole).is_some_and(|arg| words.iter().any(|word| arg.eq_ignore_ascii_case(word.as_bytes())))
}

/// XADD key [NOMKSTREAM] [KEEPREF | DELREF | ACKED] [IDMPAUTO pid | IDMP pid iid] [MAXLEN | MINID [= | ~] n [LIMIT n]] id …
fn added(args: &Args<'_>) -> Option<i64> {
    let mut at = 2usize;
    loop {
        let arg = args.get(at);
        let next = |words: usize| at.checked_add(words);
        if is(arg, &["nomkstream", "keepref", "delref", "acked"]) {
            at = next(1)?;
        } else if is(arg, &["idmpauto"]) {
            at = next(2)?;
        } else if is(arg, &["idmp"]) {
            at = next(3)?;
        } else if is(arg, &["maxlen", "minid"]) {
            at = next(1)?;
            at = at.checked_add(if is(args.get(at), &["=", "~"]) { 2 } else { 1 })?;
        } else if is(arg, &["limit"]) {
            at = next(2)?;
        } else {
            break;
        }
    }
    let id = std::str::from_utf8(args.whole(at)?).ok()?;
    id.split_once('-')?.0.parse().ok()
}

/// XCLAIM key group consumer min-idle id [id …] … TIME ms …
fn claimed(args: &Args<'_>) -> Option<i64> {
    let time = (6..args.held()).find(|at| is(args.get(*at), &["time"]))?;
    std::str::from_utf8(args.whole(time.checked_add(1)?)?).ok()?.parse().ok()
}
