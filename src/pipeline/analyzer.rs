//! Folds: every worker observes its share, the shares are merged, the result does not depend on the split.

use super::engine::{Task, drive};
use super::scope::{Prologue, Scope};
use super::sieve::{Sieve, View};
use super::{RunOptions, Selection};
use crate::base::{Error, Result, UnixMs};
use crate::rdb::{Config, Depth, Head, Item, Part, Sink};
use crate::source::Stream;

/// Looks at items and comes to a result.
///
/// A key comes as [`Item::Entry`] when all of it was read. At [`Depth::Content`] its elements come before that, between
/// [`Item::Begin`] and either the entry or [`Item::Dropped`]; what they added is provisional until then. One key at a time is
/// open, so an analyzer keeps at most one value in progress.
pub trait Analyzer: Send + Sized {
    /// What it comes to: a section of a report.
    type Output;

    /// How far the value of this key is wanted.
    fn depth(&self, head: &Head<'_>) -> Depth {
        let _ = head;
        Depth::Keys
    }

    /// Whether the values that the commands of a log write are wanted as keys are.
    fn wants_writes(&self) -> bool {
        true
    }

    /// Looks at the next part of a value, before its entry: what comes of it is provisional until then. Told where memory is
    /// estimated.
    #[inline]
    fn part(&mut self, part: &Part<'_>) {
        let _ = part;
    }

    /// Told once for each file, before any item and before [`Analyzer::fork`], what stands before the keys.
    fn begin(&mut self, prologue: &Prologue, as_of: Option<UnixMs>) {
        let _ = (prologue, as_of);
    }

    /// The same options with nothing observed, for one more worker.
    #[must_use]
    fn fork(&self) -> Self;

    /// Looks at the next item.
    ///
    /// # Errors
    /// Only its own: a full scratch disk. What is wrong in the input is an item.
    fn observe(&mut self, item: &Item<'_>) -> Result<()>;

    /// Adds what another worker observed. Any order and any split come to the same result.
    ///
    /// # Errors
    /// As [`Analyzer::observe`].
    fn merge(&mut self, other: Self) -> Result<()>;

    /// Comes to the result. Floats, sorting and the choice of the top happen only here.
    ///
    /// # Errors
    /// As [`Analyzer::observe`].
    fn finish(self, scope: &Scope) -> Result<Self::Output>;
}

struct Fold<'f, A> {
    analyzer: A,
    sieve: Sieve<'f>,
    error: Option<Error>,
}

impl<A: Analyzer> Sink for Fold<'_, A> {
    #[inline]
    fn wants_writes(&self) -> bool {
        self.analyzer.wants_writes()
    }

    #[inline]
    fn depth(&mut self, head: &Head<'_>) -> Depth {
        self.sieve.depth(head, |head| self.analyzer.depth(head))
    }

    #[inline]
    fn wants_parts(&self) -> bool {
        self.sieve.wants_parts()
    }

    #[inline]
    fn part(&mut self, part: &Part<'_>) {
        if self.sieve.part(part) {
            self.analyzer.part(part);
        }
    }

    #[inline]
    fn item(&mut self, item: &Item<'_>) {
        let outcome = match item {
            Item::Entry(entry) => match self.sieve.entry(entry) {
                Some(entry) => self.analyzer.observe(&Item::Entry(entry)),
                None => self.analyzer.observe(&Item::Dropped),
            },
            Item::Command(command) if !self.sieve.admits_command(command) => Ok(()),
            item => self.analyzer.observe(item),
        };
        if let Err(error) = outcome {
            self.error.get_or_insert(error);
        }
    }
}

impl<A: Analyzer> Task for Fold<'_, A> {
    type Out = ();

    fn flush(&mut self) -> Option<()> {
        None
    }

    fn error(&mut self) -> Option<Error> {
        self.error.take()
    }
}

/// Runs an analyzer over a stream, and gives it back to be finished, or merged with those of other streams.
///
/// # Errors
/// The stream cannot be read, the scratch folder cannot be written, the run was cancelled. Damage in the input is no error:
/// the analyzer sees it, and the scope says how the input ended.
pub fn run<A: Analyzer>(
    stream: &mut Stream,
    mut analyzer: A,
    selection: &Selection,
    options: &RunOptions,
) -> Result<(A, Scope)> {
    let source = stream.name().to_owned();
    let config = config(selection, options);
    let mut seen = View::default();
    let tasks = |prologue: &Prologue| {
        seen = View::new(selection, prologue);
        analyzer.begin(prologue, seen.as_of);
        let fold = |analyzer| Fold { analyzer, sieve: Sieve::new(selection, seen), error: None };
        let mut tasks: Vec<_> = (1..options.threads.max(1)).map(|_| fold(analyzer.fork())).collect();
        tasks.push(fold(analyzer));
        tasks
    };
    let driven = drive(stream, &config, &options.cancel, options.threads, tasks, &mut |()| Ok(()));
    let (tasks, prologue, tally) = driven.map_err(|error| error.about(&source))?;
    stream.close();
    let mut folds = tasks.into_iter().map(|task| task.analyzer);
    let Some(mut all) = folds.next() else {
        return Err(Error::new(crate::base::ErrorKind::Unsupported { what: "a run without workers".into() }));
    };
    for other in folds {
        all.merge(other)?;
    }
    let scope = Scope {
        source,
        prologue,
        tally,
        as_of: seen.as_of,
        model: seen.model,
        filtered: selection.filter.is_set(),
        validated: selection.validate,
    };
    Ok((all, scope))
}

/// A parser validates by itself only if nothing is filtered: else the sieve says what is decoded.
pub(super) fn config(selection: &Selection, options: &RunOptions) -> Config {
    let validate = selection.validate && !selection.filter.is_set();
    Config { limits: options.limits, validate, scratch: options.scratch.clone() }
}
