//! `scan`: attack traces, secrets and personal data in what was stored.
//!
//! ```text
//! fold      items to texts, texts through the rules, hits to findings      checks   what the whole dump says
//! collect   findings of workers, bounded, in an order that no split changes
//! evidence  trees of files and logs of servers beside the dumps                 tree     dumps under other names
//! server_log  what a server's log says                                         magic    what is no dump
//! told      what was found, in the words of its rule
//! ```

mod checks;
mod collect;
mod evidence;
mod fold;
mod magic;
mod server_log;
mod told;
mod tree;

pub use checks::DumpChecks;
pub use evidence::MoreEvidence;
pub use fold::ScanFold;

use super::parts;
use super::set::AnalyzerSet;
use crate::base::{Error, ErrorKind, Result, UnixMs};
use crate::pipeline::{Filter, Memory, RunOptions, Selection};
use crate::report::{Scan, SourceFacts, SourceIntegrity};
use crate::rules::RuleSet;
use crate::source::Origin;
use std::sync::Arc;

/// What `scan` is asked.
#[derive(Clone)]
pub struct ScanOptions {
    /// How to run.
    pub run: RunOptions,
    /// Which keys.
    pub filter: Filter,
    /// The moment expiries are seen from; by default the snapshot's own.
    pub as_of: Option<UnixMs>,
    /// The rules.
    pub rules: Arc<RuleSet>,
    /// Whether matches of secrets and personal data are shown.
    pub reveal: bool,
    /// The key of fingerprints; without it what could be guessed has none.
    pub fingerprint_key: Option<Vec<u8>>,
    /// Findings that are listed for one rule; all are counted.
    pub findings_per_rule: usize,
}

/// What came of all sources.
pub struct Scanned {
    /// What was read, in the order given.
    pub facts: Vec<SourceFacts>,
    /// Those that could not be opened, with the reason.
    pub failures: Vec<(String, Error)>,
    /// What was found in all of them.
    pub scan: Scan,
    /// How whole each one is.
    pub integrity: Vec<SourceIntegrity>,
    /// Trees and logs that were read.
    pub read_more: u64,
    /// Whether something outside the dumps proves that a server ran or wrote what it was made to, outside its data.
    pub proven: bool,
}

/// Scans sources, one after the other.
///
/// # Errors
/// Only what concerns all of them: interrupted, a full scratch disk.
pub fn scan(origins: &[Origin], options: &ScanOptions) -> Result<Scanned> {
    scan_with(origins, &MoreEvidence::default(), options)
}

/// Scans sources, and what there is beside them: trees of files, logs of servers.
///
/// # Errors
/// As [`scan`].
pub fn scan_with(origins: &[Origin], more: &MoreEvidence, options: &ScanOptions) -> Result<Scanned> {
    let mut scanned = Scanned {
        facts: Vec::new(),
        failures: Vec::new(),
        scan: Scan::default(),
        integrity: Vec::new(),
        read_more: 0,
        proven: false,
    };
    let mut seen = evidence::look(more, options, &mut scanned)?;
    scanned.proven = seen.proven;
    let mut all: Option<ScanFold> = None;
    let dumps = std::mem::take(&mut seen.dumps);
    for origin in origins.iter().chain(&dumps) {
        let mut facts = SourceFacts { source: origin.name.clone(), loaded: origin.loaded, ..SourceFacts::default() };
        match one(origin, options, &mut facts, &mut seen) {
            Ok((fold, integrity)) => {
                scanned.integrity.push(integrity);
                match &mut all {
                    None => all = Some(fold),
                    Some(all) => crate::pipeline::Analyzer::merge(all, fold)?,
                }
            }
            Err(error) if *error.kind() == ErrorKind::Interrupted => return Err(error),
            Err(error) => {
                facts.error = Some(error.to_string());
                scanned.failures.push((origin.name.clone(), error));
            }
        }
        scanned.facts.push(facts);
    }
    let all = all.unwrap_or_else(|| ScanFold::new("", options));
    scanned.scan = all.into_scan();
    seen.told.add_to(&mut scanned.scan);
    scanned.scan.cannot_show = evidence::cannot_show(&seen.kinds);
    Ok(scanned)
}

fn one(
    origin: &Origin,
    options: &ScanOptions,
    facts: &mut SourceFacts,
    seen: &mut evidence::Seen,
) -> Result<(ScanFold, SourceIntegrity)> {
    let set = AnalyzerSet {
        scan: Some(ScanFold::new(&origin.name, options)),
        checks: Some(DumpChecks::new()),
        ..AnalyzerSet::default()
    };
    let selection =
        Selection { filter: options.filter.clone(), validate: true, as_of: options.as_of, memory: Memory::Off };
    let (set, files) = parts::read(origin, set, &selection, &options.run, facts)?;
    facts.source.clone_from(&origin.name);
    facts.loaded = origin.loaded;
    let integrity = parts::integrity(&origin.name, &files, options.run.limits.problems);
    let (Some(fold), Some(checks), Some(integrity)) = (set.scan, set.checks, integrity) else {
        let what = "has no files to read".to_owned();
        return Err(Error::new(ErrorKind::NothingToRead { what }).about(&origin.name));
    };
    checks.tell(origin, &files, &options.rules, &mut seen.told);
    seen.kinds.extend(files.iter().map(|file| parts::kind(&file.scope)));
    Ok((fold, integrity))
}
