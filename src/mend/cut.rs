//! A log up to a moment or a place: what stands before it stays.

use super::plan::{Edit, FilePlan, Plan, With};
use crate::base::{Error, ErrorKind, Result, UnixMs};
use crate::keyspace::Command;
use crate::pipeline::{Ended, RowSource, RunOptions, Scope, Selection, rows};
use crate::rdb::{Depth, Head, Item};
use crate::report::LogRole;
use crate::source::{Hashes, Origin, Part, Place, open_part};
use std::sync::Arc;

/// Where a log is cut.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Moment {
    /// After the last command that ran at this time or before, as annotations tell it.
    Time(UnixMs),
    /// Before this byte: of the file of this name, or of the last one.
    Offset(Option<String>, u64),
    /// Before this line, from 1, of the same.
    Line(Option<String>, u64),
}

/// Looks for the first command that goes.
struct Finder {
    moment: Moment,
    seen: Seen,
}

/// What a batch comes to, or all of them.
#[derive(Default)]
struct Seen {
    /// Where the first command begins that goes, or its transaction.
    found: Option<u64>,
    /// Whether it is known of any when it ran.
    timed: bool,
    /// The line after the last command.
    next_line: u64,
    /// What cannot be read before that.
    damage: Option<(u64, String)>,
}

impl Finder {
    fn goes(&self, command: &Command<'_>) -> bool {
        match &self.moment {
            Moment::Time(time) => command.time.is_some_and(|at| at > *time),
            Moment::Offset(_, offset) => command.offset.saturating_add(command.bytes) > *offset,
            Moment::Line(_, line) => command.line.saturating_add(command.lines) > *line,
        }
    }
}

impl RowSource for Finder {
    type Rows = Seen;

    fn wants_writes(&self) -> bool {
        false
    }

    fn depth(&self, _: &Head<'_>) -> Depth {
        Depth::Keys
    }

    fn observe(&mut self, item: &Item<'_>) {
        match item {
            Item::Command(command) if self.seen.found.is_none() => {
                if self.goes(command) {
                    self.seen.found = Some(command.transaction.unwrap_or(command.offset));
                }
                self.seen.timed |= command.time.is_some();
                self.seen.next_line = command.line.saturating_add(command.lines);
            }
            Item::Damage(damage) if damage.fatal && self.seen.found.is_none() => {
                self.seen.damage.get_or_insert_with(|| (damage.offset, damage.flaw.to_string()));
            }
            _ => {}
        }
    }

    fn take(&mut self) -> Seen {
        std::mem::take(&mut self.seen)
    }
}

/// Says what has to go so that the log ends at this moment. Files after the cut are left out of the plan.
///
/// # Errors
/// [`ErrorKind::Usage`] where the moment is not in the log, or nothing in it says when anything ran;
/// [`ErrorKind::Unsupported`] where the log is damaged before the cut. A file cannot be read; the run was cancelled.
pub fn plan_cut(origin: &Origin, moment: &Moment, options: &RunOptions) -> Result<(Plan, u64)> {
    let parts = origin.parts();
    if let Place::Log(set) = &origin.place
        && let Some(refused) = set.refused()
    {
        return Err(Error::new(ErrorKind::Unsupported { what: refused }).about(&origin.name));
    }
    let cut_file = match moment {
        Moment::Time(_) => None,
        Moment::Offset(name, _) | Moment::Line(name, _) => Some(place_of(&parts, name.as_deref())?),
    };
    let mut plan = Plan::default();
    let mut cut_at = 0u64;
    let mut timed = false;
    let mut cut = false;
    for (index, part) in parts.into_iter().enumerate() {
        let looks = cut_file.is_none_or(|file| file == index);
        if cut {
            plan.lost_bytes = plan.lost_bytes.saturating_add(stored_bytes(&part));
            continue;
        }
        let name = part.file.as_deref().unwrap_or(&origin.name).to_owned();
        let (seen, scope) = look(origin, &part, if looks { moment } else { &NEVER }, options)?;
        timed |= seen.timed;
        if let (Moment::Time(time), Some(created)) = (moment, scope.prologue.created_at())
            && created > *time
        {
            let what =
                format!("{time} is before {created}, when the base {name} was taken: nothing here goes back that far");
            return Err(Error::new(ErrorKind::Usage { option: "--at", what }).with_hint("an older backup does"));
        }
        if let Some((offset, flaw)) = seen.damage.filter(|(offset, _)| seen.found.is_none_or(|found| *offset < found)) {
            let what = format!("is damaged at {offset}, before the cut: {flaw}");
            return Err(Error::new(ErrorKind::Unsupported { what })
                .about(name)
                .with_hint("'rediscover aof repair' first"));
        }
        let mut file = FilePlan::unchanged(part, &scope);
        let rdb_end = file.log_at.unwrap_or(if scope.prologue.header.is_some() { file.bytes } else { 0 });
        if let Moment::Offset(_, offset) = moment
            && looks
            && *offset < rdb_end
        {
            let what = format!("offset {offset} is inside the RDB of {name}, which ends at {rdb_end}: it stays whole");
            return Err(Error::new(ErrorKind::Usage { option: "--at", what }));
        }
        if let Some(at) = seen.found {
            cut = true;
            cut_at = at;
            plan.lost_bytes = file.bytes.saturating_sub(at);
            file.edits.push(Edit { from: at, to: file.bytes, with: With::Nothing });
        } else if cut_file == Some(index) {
            // Everything of it stays; what comes after it goes.
            cut = true;
            cut_at = file.bytes;
            let what = match moment {
                Moment::Offset(_, offset) if *offset > file.bytes => {
                    Some(format!("{name} has {} bytes, and offset {offset} is after them", file.bytes))
                }
                Moment::Line(_, line) if *line > seen.next_line.max(1) => {
                    Some(format!("the commands of {name} end before line {}", seen.next_line.max(1)))
                }
                _ => None,
            };
            if let Some(what) = what {
                return Err(Error::new(ErrorKind::Usage { option: "--at", what }));
            }
        } else {
            cut_at = file.bytes;
        }
        plan.files.push(file);
    }
    if matches!(moment, Moment::Time(_)) && !timed {
        let what = "nothing in the log says when its commands ran (aof-timestamp-enabled was off)".to_owned();
        return Err(Error::new(ErrorKind::Usage { option: "--at", what })
            .with_hint("'rediscover timeline' shows what bounds there are; then cut by offset:N or line:N"));
    }
    Ok((plan, cut_at))
}

const NEVER: Moment = Moment::Offset(None, u64::MAX);

fn place_of(parts: &[Part], name: Option<&str>) -> Result<usize> {
    let found = match name {
        None => parts.len().checked_sub(1),
        Some(name) => parts.iter().position(|part| part.file.as_deref() == Some(name)),
    };
    found.ok_or_else(|| {
        let files: Vec<_> = parts.iter().filter_map(|part| part.file.as_deref()).collect();
        let what = format!("no file {}; the files are {}", name.unwrap_or("at all"), files.join(", "));
        Error::new(ErrorKind::Usage { option: "--file", what })
    })
}

/// Bytes of a file that is left out.
fn stored_bytes(part: &Part) -> u64 {
    match &part.place {
        Place::Path(path) => path.metadata().map_or(0, |facts| facts.len()),
        _ => 0,
    }
}

fn look(origin: &Origin, part: &Part, moment: &Moment, options: &RunOptions) -> Result<(Seen, Scope)> {
    let mut stream = open_part(origin, part, Hashes::default(), Arc::clone(&options.progress))?;
    let finder = |_: &_, _| Finder { moment: moment.clone(), seen: Seen::default() };
    let mut all = Seen::default();
    let scope = rows(&mut stream, finder, &Selection::default(), options, &mut |seen: Seen| {
        all.timed |= seen.timed;
        all.next_line = all.next_line.max(seen.next_line);
        all.found = all.found.or(seen.found);
        all.damage = all.damage.take().or(seen.damage);
        Ok(())
    })?;
    let is_rdb = scope.prologue.header.is_some();
    if scope.tally.log_at.is_none() && scope.tally.bytes > 0 && !(is_rdb && scope.tally.ended == Ended::Complete) {
        all.damage.get_or_insert((0, "it is neither a log nor a whole RDB".to_owned()));
    }
    Ok((all, scope))
}

/// Splits a file with a preamble: the plan of its RDB and the plan of its log.
///
/// # Errors
/// [`ErrorKind::Usage`] where it has none. A file cannot be read; the run was cancelled.
pub fn plan_split(origin: &Origin, options: &RunOptions) -> Result<(FilePlan, FilePlan)> {
    let parts = origin.parts();
    let [part] = parts.as_slice() else {
        let what = format!("{} is in several files already", origin.name);
        return Err(Error::new(ErrorKind::Usage { option: "SOURCE", what }));
    };
    let (_, scope) = look(origin, part, &NEVER, options)?;
    let Some(log_at) = scope.tally.log_at.filter(|at| *at > 0) else {
        let what = match scope.tally.log_at {
            Some(_) => "begins with commands: it has no RDB preamble",
            None => "is no append-only file with a preamble",
        };
        return Err(Error::new(ErrorKind::Usage { option: "SOURCE", what: format!("{} {what}", origin.name) }));
    };
    let mut dump = FilePlan::unchanged(Part { role: LogRole::Base, ..part.clone() }, &scope);
    let mut log = FilePlan::unchanged(part.clone(), &scope);
    dump.edits.push(Edit { from: log_at, to: dump.bytes, with: With::Nothing });
    log.edits.push(Edit { from: 0, to: log_at, with: With::Nothing });
    Ok((dump, log))
}
