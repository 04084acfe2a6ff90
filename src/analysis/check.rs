//! `check`: is it whole, and will a server load it?

use super::duplicates::Twins;
use super::integrity::Examiner;
use super::keyspace::Totals;
use super::loads_on::{loads_on, log_loads_on};
use super::manifest;
use super::needs::Needs;
use super::parts;
use super::server_loads::{first_damage, server_loads};
use super::set::AnalyzerSet;
use crate::base::{Error, ErrorKind, Flaw, Result};
use crate::memory::Model;
use crate::pipeline::{Analyzer, Memory, RunOptions, Scope, Selection};
use crate::report::{Duplicates, Fits, Fullness, LoadsOn, LogCheck, SourceCheck, SourceFacts, Verdict};
use crate::source::{Origin, Place, Stream};

/// What `check` is asked.
#[derive(Clone, Default)]
pub struct CheckOptions {
    /// How to run.
    pub run: RunOptions,
    /// Look for keys that occur twice in their database.
    pub duplicates: bool,
    /// Say whether it fits into so many bytes.
    pub maxmemory: Option<u64>,
    /// The server that it has to fit into; by default the one that wrote it.
    pub model: Option<Model>,
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
    let outcome = check_parts(origin, options, &mut facts);
    facts.source.clone_from(&origin.name);
    if let Ok(check) = &outcome {
        facts.kind = Some(check.kind.clone());
    }
    facts.error = outcome.as_ref().err().map(ToString::to_string);
    Checked { facts, outcome }
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

fn check_parts(origin: &Origin, options: &CheckOptions, facts: &mut SourceFacts) -> Result<SourceCheck> {
    let limits = options.run.limits;
    let twins = || Twins::new(options.run.scratch.clone(), limits.duplicates_bytes, limits.problems);
    let set = AnalyzerSet {
        needs: Some(Needs::default()),
        twins: options.duplicates.then(twins),
        totals: options.maxmemory.map(|_| Totals::default()),
        ..AnalyzerSet::default()
    };
    let memory = match options.maxmemory {
        Some(_) => options.model.map_or(Memory::OfWriter, Memory::Of),
        None => Memory::Off,
    };
    let selection = Selection { validate: true, memory, ..Selection::default() };
    let (set, files) = parts::read(origin, set, &selection, &options.run, facts)?;
    let (Some((mut examined, totals)), Some(first)) = (parts::join(&files, limits.problems), files.first()) else {
        let what = "has no files to read".to_owned();
        return Err(Error::new(ErrorKind::NothingToRead { what }).about(&origin.name));
    };
    let scope = &first.scope;
    let duplicates = match set.twins {
        Some(twins) => {
            let (keys, problems) = twins.finish(scope)?;
            examined.add_errors(problems, keys);
            Some(Duplicates { keys })
        }
        None => None,
    };
    let fits = match (options.maxmemory, set.totals) {
        (Some(limit), Some(totals)) => Some(fits(limit, &totals, is_log(&files), scope)),
        _ => None,
    };
    let needed = set.needs.unwrap_or_default().finish(scope)?;
    let header = scope.prologue.header;
    let is_log = is_log(&files);
    let kind = if first.part.file.is_some() { "multi-part-aof" } else { parts::kind(scope) };
    let loads = is_log.then(|| server_loads(&files, origin));
    if let Place::Log(set) = &origin.place {
        manifest::add_problems(&mut examined, set);
    }
    Ok(SourceCheck {
        source: origin.name.clone(),
        kind: kind.into(),
        verdict: examined.verdict.unwrap_or(Verdict::Damaged),
        format_version: header.map(|header| header.version),
        magic: header.map(|header| header.magic.name().to_owned()),
        server_version: scope.prologue.server(),
        repl_id: scope.prologue.repl_id(),
        repl_offset: scope.prologue.repl_offset(),
        bytes: files.iter().map(|file| file.scope.tally.bytes).fold(0, u64::saturating_add),
        created_at: scope.prologue.created_at().and_then(crate::base::UnixMs::rfc3339),
        keys: examined.keys,
        expires: examined.expires,
        databases: examined.databases,
        functions: examined.functions,
        modules: examined.modules,
        loads_on: match &loads {
            Some(loads) => log_loads_on(&files, &totals, loads, &needed),
            None => loads_on(header, examined.verdict, &examined.integrity, &needed),
        },
        server_loads: loads,
        log: is_log.then(|| LogCheck {
            files: files.iter().map(|file| file.report(&origin.name)).collect(),
            first_damage: first_damage(&files, &totals),
            totals,
        }),
        loaded_by_server: origin.loaded,
        loaded_why: origin.why.clone(),
        integrity: examined.integrity,
        duplicates,
        fits,
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

fn is_log(files: &[parts::FileRead]) -> bool {
    files.iter().any(parts::FileRead::is_log)
}

/// Whether the keyspace fits: by the estimate for the server it has to fit into, else by what its writer used. What a log
/// comes to is not known before it is replayed.
fn fits(limit: u64, totals: &Totals, is_log: bool, scope: &Scope) -> Fits {
    let used = scope.prologue.aux_number(b"used-mem").and_then(|used| u64::try_from(used).ok());
    let model = scope.model.filter(|_| !is_log);
    let estimated = model.map(|model| totals.used_memory_bytes(&model));
    let margin = estimated.map_or(0, |estimated| estimated / 100 * 3);
    let verdict = match estimated.or(used.filter(|_| !is_log)) {
        Some(needed) if needed.saturating_add(margin) <= limit => Fullness::Yes,
        Some(needed) if needed.saturating_sub(margin) > limit => Fullness::No,
        _ => Fullness::Unknown,
    };
    Fits {
        maxmemory_bytes: limit,
        estimated_bytes: estimated,
        memory_model: model.map(|model| model.server().to_owned()),
        used_memory_bytes: used,
        verdict,
    }
}

/// The verdict on one server, if the report has it.
pub fn verdict_on<'a>(loads_on: &'a [LoadsOn], server: &str) -> Option<&'a LoadsOn> {
    loads_on.iter().find(|verdict| verdict.server == server)
}
