//! The files of a source as rows, in their order, examined on the way.

use super::check::{expect_hash, see_stream};
use super::integrity::Examiner;
use super::parts::{kind, open_hashed, take_facts};
use crate::base::{Error, ErrorKind, Result, Silent, UnixMs};
use crate::pipeline::{Analyzer, Prologue, RowSource, RunOptions, Selection, rows};
use crate::rdb::{Depth, Head, Item};
use crate::report::{Integrity, SourceFacts, Verdict};
use crate::source::{Hashes, Origin, Part, open_part};
use std::cell::{Cell, RefCell};
use std::sync::Arc;

/// How one file ended.
pub struct FileEnd {
    /// Its name, where the source is made of several.
    pub file: Option<Arc<str>>,
    /// Whether it is whole, as far as that shows without looking into every value.
    pub verdict: Option<Verdict>,
    /// What is wrong with it.
    pub integrity: Integrity,
}

/// Rows, and what is wrong with the bytes they come from.
struct Examining<R> {
    rows: R,
    fresh: Examiner,
    examiner: Examiner,
}

impl<R: RowSource> RowSource for Examining<R> {
    type Rows = (R::Rows, Examiner);

    #[inline]
    fn depth(&self, head: &Head<'_>) -> Depth {
        self.rows.depth(head)
    }

    fn wants_writes(&self) -> bool {
        self.rows.wants_writes()
    }

    #[inline]
    fn observe(&mut self, item: &Item<'_>) {
        // Its errors are of its own disk; it has none.
        let _ = self.examiner.observe(item);
        self.rows.observe(item);
    }

    fn take(&mut self) -> Self::Rows {
        let fresh = self.fresh.fork();
        (self.rows.take(), std::mem::replace(&mut self.examiner, fresh))
    }
}

/// Reads a file: `make` makes what makes rows in a worker, `deliver` says false where no more is wanted. Of a file that is not
/// read to its end there is an end only if something is wrong with what was read.
///
/// # Errors
/// It cannot be opened or read, its hash is not the expected one, the run was cancelled, `deliver` failed.
pub(super) fn read<R: RowSource>(
    (origin, part): (&Origin, &Part),
    (selection, run): (&Selection, &RunOptions),
    facts: &mut SourceFacts,
    make: impl Fn(&Prologue, Option<UnixMs>) -> R,
    deliver: &mut dyn FnMut(R::Rows) -> Result<bool>,
) -> Result<Option<FileEnd>> {
    let mut stream = open_hashed(origin, part, run)?;
    let examiner = RefCell::new(Examiner::new(run.limits.problems));
    let make = |prologue: &Prologue, as_of| {
        let mut examiner = examiner.borrow_mut();
        examiner.begin(prologue, as_of);
        Examining { rows: make(prologue, as_of), fresh: examiner.fork(), examiner: examiner.fork() }
    };
    let stopped = Cell::new(false);
    let outcome = rows(&mut stream, make, selection, run, &mut |(rows, seen)| {
        examiner.borrow_mut().merge(seen)?;
        if deliver(rows)? {
            return Ok(());
        }
        stopped.set(true);
        // The run ends as if it were interrupted.
        Err(Error::new(ErrorKind::Interrupted))
    });
    take_facts(facts, &stream);
    let mut examiner = examiner.into_inner();
    let file = part.file.clone();
    let scope = match outcome {
        Ok(scope) => scope,
        Err(_) if stopped.get() => {
            // Of a part of the bytes there is no hash.
            (facts.sha256, facts.sha1, facts.md5) = (None, None, None);
            stream.close();
            let seen = examiner.so_far();
            return Ok(seen.map(|(verdict, integrity)| FileEnd { file, verdict: Some(verdict), integrity }));
        }
        Err(error) => return Err(error),
    };
    expect_hash(facts, run)?;
    facts.kind = Some(kind(&scope).to_owned());
    see_stream(&mut examiner, &stream);
    let examined = examiner.finish(&scope)?;
    Ok(Some(FileEnd { file, verdict: examined.verdict, integrity: examined.integrity }))
}

/// Compares the hash that is expected before any row is made, where the bytes can be read twice.
pub(super) fn hash_first(origin: &Origin, parts: &[Part], run: &RunOptions) -> Result<()> {
    if run.expect_sha256.is_none() {
        return Ok(());
    }
    let Some(part) = parts.first().filter(|part| part.place.can_be_read_again()) else { return Ok(()) };
    let mut facts = SourceFacts { source: origin.name.clone(), ..SourceFacts::default() };
    let hashes = Hashes { sha256: true, ..Hashes::default() };
    let mut stream = open_part(origin, part, hashes, Arc::new(Silent))?;
    // What is wrong with a compressed stream shows when it is read for its rows.
    let _ = std::io::copy(&mut stream, &mut std::io::sink());
    take_facts(&mut facts, &stream);
    expect_hash(&facts, run)
}
