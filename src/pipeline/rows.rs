//! Rows: workers make them batch by batch, the caller gets them in the order of the file.

use super::analyzer::config;
use super::engine::{Task, drive};
use super::scope::{Prologue, Scope};
use super::sieve::{Sieve, View};
use super::{RunOptions, Selection};
use crate::base::{Error, Result, UnixMs};
use crate::rdb::{Depth, Head, Item, Part, Sink};
use crate::source::Stream;

/// Makes rows of items. One is made per worker.
pub trait RowSource: Send {
    /// The rows of a batch, or of a part of a large value.
    type Rows: Send;

    /// How far the value of this key is wanted.
    fn depth(&self, head: &Head<'_>) -> Depth;

    /// Whether the values that the commands of a log write are wanted as keys are.
    fn wants_writes(&self) -> bool {
        true
    }

    /// Looks at the next item. Elements of a key come before the key itself, as for [`super::Analyzer`].
    fn observe(&mut self, item: &Item<'_>);

    /// Gives away what has come together. A value larger than a batch may be in progress: its rows so far may go.
    fn take(&mut self) -> Self::Rows;
}

struct Rowing<'f, R> {
    rows: R,
    sieve: Sieve<'f>,
}

impl<R: RowSource> Sink for Rowing<'_, R> {
    #[inline]
    fn wants_writes(&self) -> bool {
        self.rows.wants_writes()
    }

    #[inline]
    fn depth(&mut self, head: &Head<'_>) -> Depth {
        self.sieve.depth(head, |head| self.rows.depth(head))
    }

    #[inline]
    fn wants_parts(&self) -> bool {
        self.sieve.wants_parts()
    }

    #[inline]
    fn part(&mut self, part: &Part<'_>) {
        self.sieve.part(part);
    }

    #[inline]
    fn item(&mut self, item: &Item<'_>) {
        match item {
            Item::Entry(entry) => match self.sieve.entry(entry) {
                Some(entry) => self.rows.observe(&Item::Entry(entry)),
                None => self.rows.observe(&Item::Dropped),
            },
            Item::Command(command) if !self.sieve.admits_command(command) => {}
            item => self.rows.observe(item),
        }
    }
}

impl<R: RowSource> Task for Rowing<'_, R> {
    type Out = R::Rows;

    fn flush(&mut self) -> Option<R::Rows> {
        Some(self.rows.take())
    }

    fn error(&mut self) -> Option<Error> {
        None
    }
}

/// Streams rows over a source: `make` a row source per worker, `deliver` gets what they made in the order of the file, at
/// most two batches per worker ahead.
///
/// # Errors
/// As [`super::run`], and what `deliver` fails with.
pub fn rows<R: RowSource>(
    stream: &mut Stream,
    make: impl Fn(&Prologue, Option<UnixMs>) -> R,
    selection: &Selection,
    options: &RunOptions,
    deliver: &mut dyn FnMut(R::Rows) -> Result<()>,
) -> Result<Scope> {
    let source = stream.name().to_owned();
    let mut seen = View::default();
    let tasks = |prologue: &Prologue| {
        seen = View::new(selection, prologue);
        let rowing = |_| Rowing { rows: make(prologue, seen.as_of), sieve: Sieve::new(selection, seen) };
        (0..options.threads.max(1)).map(rowing).collect()
    };
    let config = config(selection, options);
    let driven = drive(stream, &config, &options.cancel, options.threads, tasks, deliver);
    let (_, prologue, tally) = driven.map_err(|error| error.about(&source))?;
    stream.close();
    Ok(Scope {
        source,
        prologue,
        tally,
        as_of: seen.as_of,
        model: seen.model,
        filtered: selection.filter.is_set(),
        validated: selection.validate,
    })
}
