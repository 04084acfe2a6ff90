//! Reads a source of one or several files: the files one after the other through the same analyzers.

use super::check::expect_hash;
use super::commands::Commands;
use super::integrity::{Examined, Examiner};
use super::set::AnalyzerSet;
use crate::base::{Error, ErrorKind, Result, UnixMs};
use crate::pipeline::{Analyzer, RunOptions, Scope, Selection, run};
use crate::report::{DatabaseCount, LogFile, LogTotals, SourceFacts, SourceIntegrity, Stretch, Verdict};
use crate::source::{Hashes, Origin, Part, Stream, open_part};
use std::collections::BTreeMap;
use std::sync::Arc;

/// One file, read.
pub(super) struct FileRead {
    pub(super) part: Part,
    pub(super) examined: Examined,
    pub(super) totals: LogTotals,
    pub(super) scope: Scope,
}

/// Reads every file of a source. `set` has neither examiner nor commands: each file gets its own.
///
/// # Errors
/// A file cannot be opened or read, the scratch folder cannot be written, the run was cancelled.
pub(super) fn read(
    origin: &Origin,
    mut set: AnalyzerSet,
    selection: &Selection,
    options: &RunOptions,
    facts: &mut SourceFacts,
) -> Result<(AnalyzerSet, Vec<FileRead>)> {
    let parts = parts_of(origin, options)?;
    let mut files = Vec::new();
    for part in parts {
        let mut own = facts_of(origin, &part);
        let outcome = file(origin, &part, set, selection, options, &mut own);
        add_facts(facts, own, &part);
        let (rest, file) = outcome?;
        set = rest;
        files.push(file);
    }
    Ok((set, files))
}

fn file(
    origin: &Origin,
    part: &Part,
    mut set: AnalyzerSet,
    selection: &Selection,
    options: &RunOptions,
    facts: &mut SourceFacts,
) -> Result<(AnalyzerSet, FileRead)> {
    set.examiner = Some(Examiner::new(options.limits.problems));
    set.commands = Some(Commands::default());
    let mut stream = open_hashed(origin, part, options)?;
    let outcome = run(&mut stream, set, selection, options);
    take_facts(facts, &stream);
    let (mut set, scope) = outcome?;
    expect_hash(facts, options)?;
    let mut examiner = set.examiner.take().unwrap_or_else(|| Examiner::new(options.limits.problems));
    super::check::see_stream(&mut examiner, &stream);
    let examined = examiner.finish(&scope)?;
    facts.kind = Some(kind(&scope).to_owned());
    let totals = set.commands.take().unwrap_or_default().finish(&scope)?;
    Ok((set, FileRead { part: part.clone(), examined, totals, scope }))
}

/// The files of a source.
///
/// # Errors
/// [`ErrorKind::Usage`] where one hash is asked of several of them.
pub(super) fn parts_of(origin: &Origin, options: &RunOptions) -> Result<Vec<Part>> {
    let parts = origin.parts();
    if parts.iter().any(|part| part.file.is_some()) && options.expect_sha256.is_some() {
        let what = format!("is the hash of one file, and {} has several", origin.name);
        return Err(Error::new(ErrorKind::Usage { option: "--expect-sha256", what }));
    }
    Ok(parts)
}

/// What is known of a file before it is read.
pub(super) fn facts_of(origin: &Origin, part: &Part) -> SourceFacts {
    SourceFacts { source: part.file.as_deref().unwrap_or(&origin.name).to_owned(), ..SourceFacts::default() }
}

/// Adds what is known of a file to what is known of its source.
pub(super) fn add_facts(facts: &mut SourceFacts, own: SourceFacts, part: &Part) {
    if part.file.is_some() {
        facts.kind = Some("multi-part-aof".into());
        facts.bytes = facts.bytes.saturating_add(own.bytes);
        facts.files.push(own);
    } else {
        *facts = own;
    }
}

/// Opens a file with the hashes that were asked for, or are needed for `expect_sha256`.
pub(super) fn open_hashed(origin: &Origin, part: &Part, options: &RunOptions) -> Result<Stream> {
    let sha256 = options.hashes.sha256 || options.expect_sha256.is_some();
    open_part(origin, part, Hashes { sha256, ..options.hashes }, Arc::clone(&options.progress))
}

/// What one file turned out to be.
pub(super) fn kind(scope: &Scope) -> &'static str {
    match (scope.tally.log_at, scope.prologue.header) {
        (Some(_), _) => "aof",
        _ if scope.tally.expects_log => "aof",
        (None, Some(_)) => "rdb",
        (None, None) => "unknown",
    }
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

impl FileRead {
    /// Whether it is read as an append-only file, by its content or because it should be one.
    pub(super) fn is_log(&self) -> bool {
        self.scope.tally.log_at.is_some() || self.scope.tally.expects_log
    }

    /// The file as reports show it.
    pub(super) fn report(&self, source: &str) -> LogFile {
        let header = self.scope.prologue.header.is_some();
        LogFile {
            file: self.part.file.as_deref().unwrap_or(source).to_owned(),
            role: self.part.role,
            verdict: self.examined.verdict,
            bytes: self.scope.tally.bytes,
            preamble_bytes: self.scope.tally.log_at.unwrap_or(if header { self.scope.tally.bytes } else { 0 }),
            commands: self.totals.commands,
            keys: self.examined.keys,
        }
    }
}

/// What the files of a source come to together: of the integrity, problems in the order of the files.
pub(super) fn join(files: &[FileRead], most: usize) -> Option<(Examined, LogTotals)> {
    let mut files = files.iter();
    let first = files.next()?;
    let (mut examined, mut totals) = (first.examined.clone(), first.totals.clone());
    for file in files {
        add(&mut examined, &file.examined, most);
        add_totals(&mut totals, &file.totals);
    }
    Some((examined, totals))
}

/// How whole a source is, given its files; none if there are none.
pub(super) fn integrity(source: &str, files: &[FileRead], most: usize) -> Option<SourceIntegrity> {
    let (examined, totals) = join(files, most)?;
    let first = files.first()?;
    let is_log = files.iter().any(FileRead::is_log);
    Some(SourceIntegrity {
        source: source.to_owned(),
        kind: if first.part.file.is_some() { "multi-part-aof" } else { kind(&first.scope) }.into(),
        verdict: examined.verdict,
        format_version: first.scope.prologue.header.map(|header| header.version),
        server_version: first.scope.prologue.server(),
        bytes: files.iter().map(|file| file.scope.tally.bytes).fold(0, u64::saturating_add),
        created_at: first.scope.prologue.created_at().and_then(UnixMs::rfc3339),
        log: is_log.then_some(totals),
        integrity: examined.integrity,
    })
}

fn add(sum: &mut Examined, other: &Examined, most: usize) {
    sum.verdict = match (sum.verdict, other.verdict) {
        (Some(Verdict::Unsupported), _) | (_, Some(Verdict::Unsupported)) => Some(Verdict::Unsupported),
        (Some(Verdict::Damaged), _) | (_, Some(Verdict::Damaged)) => Some(Verdict::Damaged),
        (Some(Verdict::Truncated), _) | (_, Some(Verdict::Truncated)) => Some(Verdict::Truncated),
        (Some(Verdict::Intact), Some(Verdict::Intact)) => Some(Verdict::Intact),
        _ => None,
    };
    sum.keys = sum.keys.saturating_add(other.keys);
    sum.expires = sum.expires.saturating_add(other.expires);
    sum.functions = sum.functions.saturating_add(other.functions);
    for (db, count) in &other.databases {
        let own: &mut DatabaseCount = sum.databases.entry(*db).or_default();
        own.keys = own.keys.saturating_add(count.keys);
        own.expires = own.expires.saturating_add(count.expires);
    }
    for name in &other.modules {
        if !sum.modules.contains(name) {
            sum.modules.push(name.clone());
        }
    }
    let (own, other) = (&mut sum.integrity, &other.integrity);
    let room = most.saturating_sub(own.problems.len());
    own.problems.extend(other.problems.iter().take(room).cloned());
    merge_counts(&mut own.problem_counts, &other.problem_counts);
    own.trailing_bytes = own.trailing_bytes.saturating_add(other.trailing_bytes);
    own.validated = own.validated.max(other.validated);
    if own.checksum.state == crate::report::ChecksumState::Absent {
        own.checksum = other.checksum.clone();
    }
}

fn merge_counts(own: &mut BTreeMap<String, u64>, other: &BTreeMap<String, u64>) {
    for (name, count) in other {
        let sum = own.entry(name.clone()).or_default();
        *sum = sum.saturating_add(*count);
    }
}

fn add_totals(own: &mut LogTotals, other: &LogTotals) {
    own.commands = own.commands.saturating_add(other.commands);
    own.bytes = own.bytes.saturating_add(other.bytes);
    own.transactions = own.transactions.saturating_add(other.transactions);
    own.deletes = own.deletes.saturating_add(other.deletes);
    own.flushes = own.flushes.saturating_add(other.flushes);
    merge_counts(&mut own.by_command, &other.by_command);
    own.first_time = own.first_time.take().or_else(|| other.first_time.clone());
    own.last_time = other.last_time.clone().or_else(|| own.last_time.take());
    own.after_damage = Stretch {
        commands: own.after_damage.commands.saturating_add(other.after_damage.commands),
        bytes: own.after_damage.bytes.saturating_add(other.after_damage.bytes),
    };
}
