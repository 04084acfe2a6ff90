//! `scan`: attack traces, secrets and personal data in what was stored.
//!
//! ```text
//! fold      items to texts, texts through the rules      elements  a value's elements to texts     lines  commands to texts
//! texts     where the texts stand that the scanner has   judge     hits to findings, and how grave each one is
//! found     a finding, and its place among the others    redact    what of a match is shown        fingerprint  keyed hashes
//! collect   findings counted, and listed in bounded      population  what is told once, for many keys
//!           memory, the same for any split               reveal    the secrets, for those who revoke them
//! ```

mod collect;
mod elements;
mod fingerprint;
mod fold;
mod found;
#[cfg(test)]
mod found_sample;
mod judge;
mod lines;
mod population;
mod redact;
mod reveal;
mod texts;

pub use fold::{ScanFindings, ScanFold};
pub use reveal::Secrets;

use super::parts;
use super::set::AnalyzerSet;
use crate::base::{Error, ErrorKind, Result, UnixMs};
use crate::pipeline::{Filter, Memory, RunOptions, Selection};
use crate::report::{Scan, SourceFacts, SourceIntegrity};
use crate::rules::RuleSet;
use crate::source::Origin;
use std::sync::Arc;

/// Findings of one rule that are listed, unless somebody says otherwise.
const LISTED: usize = 1_000;

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
    /// Whether secrets and personal data are kept for [`Scanned::secrets`].
    pub keep_secrets: bool,
    /// The key of fingerprints; without it what could be guessed has none.
    pub fingerprint_key: Option<Vec<u8>>,
    /// Findings that are listed for one rule; all are counted.
    pub findings_per_rule: usize,
}

impl ScanOptions {
    /// These rules on every key, on one thread, 1,000 findings a rule, nothing revealed.
    pub fn new(rules: Arc<RuleSet>) -> Self {
        Self {
            run: RunOptions::default(),
            filter: Filter::default(),
            as_of: None,
            rules,
            reveal: false,
            keep_secrets: false,
            fingerprint_key: None,
            findings_per_rule: LISTED,
        }
    }
}

/// What came of all sources.
pub struct Scanned {
    /// What was read, in the order given.
    pub facts: Vec<SourceFacts>,
    /// Those that could not be opened, with the reason.
    pub failures: Vec<(String, Error)>,
    /// What was found in all of them.
    pub scan: Scan,
    /// Secrets and personal data, if they were to be kept.
    pub secrets: Option<Secrets>,
    /// How whole each one is.
    pub integrity: Vec<SourceIntegrity>,
}

/// Scans sources, one after the other.
///
/// # Errors
/// Only what concerns all of them: interrupted, a full scratch disk.
pub fn scan(origins: &[Origin], options: &ScanOptions) -> Result<Scanned> {
    let mut scanned = Scanned {
        facts: Vec::new(),
        failures: Vec::new(),
        scan: Scan::default(),
        secrets: None,
        integrity: Vec::new(),
    };
    let mut all: Option<ScanFindings> = None;
    for origin in origins {
        let mut facts = SourceFacts { source: origin.name.clone(), ..SourceFacts::default() };
        match one(origin, options, &mut facts) {
            Ok((findings, integrity)) => {
                scanned.integrity.push(integrity);
                match &mut all {
                    None => all = Some(findings),
                    Some(all) => all.merge(findings)?,
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
    let all = all.map_or_else(|| ScanFold::new("", options).close(), Ok)?;
    (scanned.scan, scanned.secrets) = all.tell(false);
    Ok(scanned)
}

fn one(origin: &Origin, options: &ScanOptions, facts: &mut SourceFacts) -> Result<(ScanFindings, SourceIntegrity)> {
    let set = AnalyzerSet { scan: Some(ScanFold::new(&origin.name, options)), ..AnalyzerSet::default() };
    let selection =
        Selection { filter: options.filter.clone(), validate: true, as_of: options.as_of, memory: Memory::Off };
    let (set, files) = parts::read(origin, set, &selection, &options.run, facts)?;
    facts.source.clone_from(&origin.name);
    let integrity = parts::integrity(&origin.name, &files, options.run.limits.problems);
    let (Some(fold), Some(integrity)) = (set.scan, integrity) else {
        let what = "has no files to read".to_owned();
        return Err(Error::new(ErrorKind::NothingToRead { what }).about(&origin.name));
    };
    Ok((fold.close()?, integrity))
}
