//! `check`: is it whole, and will a server load it?

use super::duplicates::Twins;
use super::integrity::Examiner;
use super::loads_on::loads_on;
use super::needs::Needs;
use super::set::AnalyzerSet;
use crate::base::{Error, ErrorKind, Flaw, Result};
use crate::pipeline::{Analyzer, RunOptions, Scope, Selection, run};
use crate::report::{Duplicates, Fits, Fullness, LoadsOn, SourceCheck, SourceFacts, Verdict};
use crate::source::{Hashes, Origin, Stream, open};
use std::sync::Arc;

/// What `check` is asked.
#[derive(Clone, Default)]
pub struct CheckOptions {
    /// How to run.
    pub run: RunOptions,
    /// Look for keys that occur twice in their database.
    pub duplicates: bool,
    /// Say whether it fits into so many bytes.
    pub maxmemory: Option<u64>,
}

/// What came of one source: the facts are there even where it could not be opened or read.
pub struct Checked {
    /// What was read.
    pub facts: SourceFacts,
    /// The judgement, or why there is none.
    pub outcome: Result<SourceCheck>,
}

/// Judges one source: every structure of every value is validated. Memory: `limits.batch_bytes` × (3 × threads + 2),
/// and per thread what one value may take.
pub fn check(origin: &Origin, options: &CheckOptions) -> Checked {
    let mut facts = SourceFacts { source: origin.name.clone(), ..SourceFacts::default() };
    let outcome = open_hashed(origin, &options.run).and_then(|mut stream| {
        let outcome = check_stream(&mut stream, options);
        take_facts(&mut facts, &stream);
        let check = outcome?;
        expect_hash(&facts, &options.run)?;
        facts.kind = Some(check.kind.clone());
        Ok(check)
    });
    facts.error = outcome.as_ref().err().map(ToString::to_string);
    Checked { facts, outcome }
}

/// Opens a source with the hashes that were asked for, or are needed for `expect_sha256`.
pub(super) fn open_hashed(origin: &Origin, run: &RunOptions) -> Result<Stream> {
    let sha256 = run.hashes.sha256 || run.expect_sha256.is_some();
    open(origin, Hashes { sha256, ..run.hashes }, Arc::clone(&run.progress))
}

/// What is known of a stream after it was read.
pub(super) fn take_facts(facts: &mut SourceFacts, stream: &Stream) {
    let hashed = stream.hashed();
    facts.bytes = stream.raw_bytes();
    facts.compression = stream.compression().map(|kind| kind.name().to_owned());
    facts.sha256 = hashed.sha256;
    facts.sha1 = hashed.sha1;
    facts.md5 = hashed.md5;
}

/// Compares the hash of the raw bytes with the one that was asked for.
pub(super) fn expect_hash(facts: &SourceFacts, run: &RunOptions) -> Result<()> {
    match (&run.expect_sha256, &facts.sha256) {
        (Some(expected), Some(found)) if !expected.eq_ignore_ascii_case(found) => {
            let kind = ErrorKind::HashMismatch { expected: expected.clone(), found: found.clone() };
            Err(Error::new(kind).about(&facts.source).with_hint("these are not the bytes the hash was made of"))
        }
        _ => Ok(()),
    }
}

/// Judges an open stream.
///
/// # Errors
/// The stream cannot be read, the scratch folder cannot be written, the run was cancelled.
pub fn check_stream(stream: &mut Stream, options: &CheckOptions) -> Result<SourceCheck> {
    let limits = options.run.limits;
    let set = AnalyzerSet {
        examiner: Some(Examiner::new(limits.problems)),
        needs: Some(Needs::default()),
        twins: options
            .duplicates
            .then(|| Twins::new(options.run.scratch.clone(), limits.duplicates_bytes, limits.problems)),
        ..AnalyzerSet::default()
    };
    let selection = Selection { validate: true, ..Selection::default() };
    let (set, scope) = run(stream, set, &selection, &options.run)?;
    let mut examiner = set.examiner.unwrap_or_else(|| Examiner::new(limits.problems));
    see_stream(&mut examiner, stream);
    let duplicates = match set.twins {
        Some(twins) => {
            let (keys, problems) = twins.finish(&scope)?;
            examiner.add_counted(problems, keys);
            Some(Duplicates { keys })
        }
        None => None,
    };
    let examined = examiner.finish(&scope)?;
    let needed = set.needs.unwrap_or_default().finish(&scope)?;
    let header = scope.prologue.header;
    Ok(SourceCheck {
        source: scope.source.clone(),
        kind: if header.is_some() { "rdb".into() } else { "unknown".into() },
        verdict: examined.verdict.unwrap_or(Verdict::Damaged),
        format_version: header.map(|header| header.version),
        magic: header.map(|header| header.magic.name().to_owned()),
        server_version: scope.prologue.server(),
        bytes: scope.tally.bytes,
        created_at: scope.prologue.created_at().and_then(crate::base::UnixMs::rfc3339),
        keys: examined.keys,
        expires: examined.expires,
        databases: examined.databases,
        functions: examined.functions,
        modules: examined.modules,
        loads_on: loads_on(header, examined.verdict, &examined.integrity, &needed),
        integrity: examined.integrity,
        duplicates,
        fits: options.maxmemory.map(|limit| fits(limit, &scope)),
    })
}

/// What is wrong with the stream itself.
pub(super) fn see_stream(examiner: &mut Examiner, stream: &Stream) {
    if let Some(flaw) = stream.compressed_twice() {
        examiner.add_outside(flaw);
    }
    // A file may shrink or grow while it is read; a pipe has no stated size.
    let (stated, read) = (stream.stated_bytes(), stream.raw_bytes());
    if let Some(stated) = stated.filter(|stated| *stated > read) {
        let flaw =
            Flaw::new("shrunk", "input", 0, format!("{stated} bytes, as when it was opened"), format!("{read} bytes"));
        examiner.add_outside(&flaw);
    }
}

/// Whether the keyspace fits, by what the server used when it wrote the file.
fn fits(limit: u64, scope: &Scope) -> Fits {
    let used = scope.prologue.aux_number(b"used-mem").and_then(|used| u64::try_from(used).ok());
    let verdict = match used {
        Some(used) if used <= limit => Fullness::Yes,
        Some(_) => Fullness::No,
        None => Fullness::Unknown,
    };
    Fits { maxmemory_bytes: limit, used_memory_bytes: used, verdict }
}

/// The verdict on one server, if the report has it.
pub fn verdict_on<'a>(loads_on: &'a [LoadsOn], server: &str) -> Option<&'a LoadsOn> {
    loads_on.iter().find(|verdict| verdict.server == server)
}
