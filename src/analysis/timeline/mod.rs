//! `timeline`: what was done, and when. Commands of logs, the clocks of RDBs, the lines of servers' logs, as rows in the
//! order they stand there.
//!
//! ```text
//! clues   a first pass over logs: what bounds the time of each command     gone   which keys are gone at the end
//! steps   those bounds along the log, in bounded memory                    marks  clocks inside values
//! rows    items of a batch to rows                                         words  a row in one sentence
//! log_rows   lines of a server's log
//! ```

mod clues;
mod gone;
mod log_rows;
mod marks;
mod rows;
mod steps;
mod words;

use super::parts::{add_facts, facts_of, parts_of};
use super::row_files::{self, FileEnd, hash_first};
use crate::base::{Error, ErrorKind, Result, UnixMs};
use crate::pipeline::{Filter, RunOptions, Selection};
use crate::report::{Certainty, Moment, SourceFacts, TimelineGroup, TimelineLine, TimelineRow};
use crate::source::{Hashes, Origin, Part, Stream};
use clues::Clues;
use rows::{Made, Maker};
use std::sync::Arc;

/// Bytes of a batch, at most: a row takes forty times the room of the shortest command.
const BATCH_BYTES: usize = 32 << 10;

/// What `timeline` is asked.
#[derive(Clone, Default)]
pub struct TimelineOptions {
    /// How to run.
    pub run: RunOptions,
    /// Which keys, and commands that have such keys.
    pub filter: Filter,
    /// The moment TTLs are seen from; by default the snapshot's own.
    pub as_of: Option<UnixMs>,
    /// Only what concerns this key, with what was written.
    pub key: Option<Vec<u8>>,
    /// Only these commands: names in lower case, a container's or `container|subcommand`; empty: all, and what is no
    /// command too.
    pub commands: Vec<String>,
    /// Only what can have been at this moment or later.
    pub since: Option<UnixMs>,
    /// Only what can have been at this moment or earlier.
    pub until: Option<UnixMs>,
    /// Only keys that are gone when the log ends. The source must be one that can be read twice.
    pub only_deleted: bool,
    /// Groups instead of rows.
    pub by: Option<Bucket>,
    /// So many rows or groups, then no more is read.
    pub limit: Option<u64>,
}

/// The length of a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bucket {
    /// A second.
    Second,
    /// A minute.
    Minute,
}

impl Bucket {
    fn begin(self, at: Moment) -> Moment {
        let length = match self {
            Bucket::Second => 1000,
            Bucket::Minute => 60_000,
        };
        Moment(UnixMs(at.0.0.div_euclid(length).saturating_mul(length)))
    }
}

/// What came of one source.
pub struct Timelined {
    /// What was read.
    pub facts: SourceFacts,
    /// How its files ended, or why it could not be read.
    pub outcome: Result<Vec<FileEnd>>,
}

/// Takes lines; false if it wants no more.
pub type Deliver<'d> = dyn FnMut(&TimelineLine) -> Result<bool> + 'd;

/// Makes a timeline of one source after the other. Memory: as for [`super::check`], and 4 MiB for the bounds of times.
pub struct Timeline<'d> {
    options: TimelineOptions,
    out: Out<'d>,
}

impl<'d> Timeline<'d> {
    /// Rows go to `deliver` as they come.
    pub fn new(options: TimelineOptions, deliver: &'d mut Deliver<'d>) -> Self {
        let left = options.limit;
        let (by, since, until) = (options.by, options.since, options.until);
        Self {
            options,
            out: Out { by, since, until, left, stopped: left == Some(0), group: None, loaded: None, deliver },
        }
    }

    /// Whether no more is wanted: the limit is reached, or nobody takes more.
    pub fn stopped(&self) -> bool {
        self.out.stopped
    }

    /// The rows of a source.
    pub fn source(&mut self, origin: &Origin) -> Timelined {
        let mut facts = SourceFacts { source: origin.name.clone(), ..SourceFacts::default() };
        self.out.loaded = origin.loaded;
        let outcome = self.parts(origin, &mut facts);
        facts.source.clone_from(&origin.name);
        facts.error = outcome.as_ref().err().map(ToString::to_string);
        Timelined { facts, outcome }
    }

    /// The rows of a server's log. Times without a zone are of `zone`, or, if none is given, taken for UTC.
    ///
    /// # Errors
    /// It cannot be opened or read.
    pub fn server_log(&mut self, origin: &Origin, zone: Option<&jiff::tz::TimeZone>) -> Result<()> {
        if self.out.stopped {
            return Ok(());
        }
        self.out.loaded = None;
        let mut stream = open_log(origin, &self.options)?;
        let outcome = log_rows::rows(&mut stream, zone, &self.options.run.cancel, &mut |row| self.out.row(row));
        stream.close();
        self.out.outcome(outcome).map_err(|error| error.about(&origin.name))
    }

    /// Delivers what is left.
    ///
    /// # Errors
    /// What `deliver` fails with.
    pub fn finish(mut self) -> Result<()> {
        let outcome = self.out.end_group();
        self.out.outcome(outcome)
    }

    fn parts(&mut self, origin: &Origin, facts: &mut SourceFacts) -> Result<Vec<FileEnd>> {
        let parts = parts_of(origin, &self.options.run)?;
        hash_first(origin, &parts, &self.options.run)?;
        let clues = clues::collect(origin, &parts, &self.options)?;
        if clues.is_none() && self.options.only_deleted {
            let what = format!("reads a source twice, and {} is a pipe", origin.name);
            return Err(Error::new(ErrorKind::Usage { option: "--only-deleted", what }).with_hint("save it to a file"));
        }
        let clues = clues.map(Arc::new);
        let mut ends = Vec::new();
        for (index, part) in parts.iter().enumerate() {
            if self.out.stopped {
                break;
            }
            let mut own = facts_of(origin, part);
            let outcome = self.file(origin, (index, part), clues.as_ref(), &mut own);
            add_facts(facts, own, part);
            ends.extend(outcome?);
        }
        Ok(ends)
    }

    fn file(
        &mut self,
        origin: &Origin,
        (index, part): (usize, &Part),
        clues: Option<&Arc<Clues>>,
        facts: &mut SourceFacts,
    ) -> Result<Option<FileEnd>> {
        let options = &self.options;
        let mut run = options.run.clone();
        run.limits.batch_bytes = run.limits.batch_bytes.min(BATCH_BYTES);
        let selection =
            Selection { filter: options.filter.clone(), validate: false, as_of: options.as_of, ..Selection::default() };
        let maker = Maker::new(options, origin, index, part, clues);
        let out = &mut self.out;
        let make = |prologue: &crate::pipeline::Prologue, _| maker.rows(prologue);
        row_files::read((origin, part), (&selection, &run), facts, make, &mut |made: Vec<Made>| {
            let outcome = made.into_iter().try_for_each(|made| maker.spread(made, &mut |row| out.row(row)));
            out.outcome(outcome).map(|()| !out.stopped)
        })
    }
}

fn open_log(origin: &Origin, options: &TimelineOptions) -> Result<Stream> {
    crate::source::open(origin, Hashes::default(), Arc::clone(&options.run.progress))
}

/// Where rows go: the window, the groups, the limit.
struct Out<'d> {
    by: Option<Bucket>,
    since: Option<UnixMs>,
    until: Option<UnixMs>,
    left: Option<u64>,
    stopped: bool,
    group: Option<TimelineGroup>,
    /// Whether a server would load what the rows come from.
    loaded: Option<bool>,
    deliver: &'d mut Deliver<'d>,
}

impl Out<'_> {
    fn row(&mut self, mut row: TimelineRow) -> Result<()> {
        let (earliest, latest) = row.bounds();
        let outside = self.since.zip(latest).is_some_and(|(since, latest)| latest < since)
            || self.until.zip(earliest).is_some_and(|(until, earliest)| earliest > until);
        if outside {
            return Ok(());
        }
        row.loaded = self.loaded;
        match self.by {
            None => {
                if row.message.is_empty() {
                    row.message = words::sentence(&row);
                }
                self.line(&TimelineLine::Row(Box::new(row)))
            }
            Some(by) => self.add(by, row),
        }
    }

    fn add(&mut self, by: Bucket, row: TimelineRow) -> Result<()> {
        let at = row.datetime.map(|at| by.begin(at));
        let same = |group: &TimelineGroup| group.at == at && group.source == row.source && group.file == row.file;
        if !self.group.as_ref().is_some_and(same) {
            self.end_group()?;
        }
        let group = self.group.get_or_insert_with(|| TimelineGroup {
            at,
            certainty: Certainty::Observed,
            source: Arc::clone(&row.source),
            file: row.file.clone(),
            loaded: row.loaded,
            commands: std::collections::BTreeMap::new(),
            bytes: 0,
            keys_touched: 0,
            deletes: 0,
            flushes: 0,
            others: std::collections::BTreeMap::new(),
        });
        if row.certainty == Certainty::Inferred {
            group.certainty = Certainty::Inferred;
        }
        let is = |effect| u64::from(row.effect == Some(effect));
        group.deletes = group.deletes.saturating_add(is("delete"));
        group.flushes = group.flushes.saturating_add(is("flush"));
        group.bytes = group.bytes.saturating_add(row.bytes.unwrap_or_default());
        group.keys_touched = group.keys_touched.saturating_add(row.command.as_ref().and(row.key_count).unwrap_or(0));
        let count = match row.command {
            // Names that no server has could be without number.
            Some(_) if row.effect.is_none() => group.commands.entry("(unknown)".into()).or_default(),
            Some(name) => group.commands.entry(name).or_default(),
            None => group.others.entry(row.timestamp_desc).or_default(),
        };
        *count = count.saturating_add(1);
        Ok(())
    }

    fn end_group(&mut self) -> Result<()> {
        match self.group.take() {
            Some(group) => self.line(&TimelineLine::Group(group)),
            None => Ok(()),
        }
    }

    fn line(&mut self, line: &TimelineLine) -> Result<()> {
        let wanted = !self.stopped && (self.deliver)(line)?;
        if let Some(left) = &mut self.left {
            *left = left.saturating_sub(1);
        }
        if !wanted || self.left == Some(0) {
            self.stopped = true;
            // The run ends as if it were interrupted; whoever began it looks at `stopped`.
            return Err(Error::new(ErrorKind::Interrupted));
        }
        Ok(())
    }

    /// Ending because no more is wanted is no failure.
    fn outcome(&self, outcome: Result<()>) -> Result<()> {
        match outcome {
            Err(error) if self.stopped && *error.kind() == ErrorKind::Interrupted => Ok(()),
            outcome => outcome,
        }
    }
}
