//! `scan`: attack traces, secrets and personal data in what was stored.
//!
//! ```text
//! fold      items to texts, texts through the rules      elements  a value's elements to texts     lines  commands to texts
//! texts     where the texts stand that the scanner has   judge     hits to findings, and how grave each one is
//! found     a finding, and its place among the others    redact    what of a match is shown        fingerprint  keyed hashes
//! collect   findings counted, and listed in bounded      population  what is told once, for many keys
//!           memory, the same for any split               reveal    the secrets, for those who revoke them
//! accept    what is known                                 exposure  what secrets were exposed
//! checks    what the whole dump says                     evidence  trees and logs beside the dumps    told   findings in words
//! tree      dumps under other names                      server_log  what a server's log says         magic  what is no dump
//! names     what the other sections of a report must not say
//! ```

mod accept;
mod checks;
mod collect;
mod elements;
mod evidence;
mod exposure;
mod fingerprint;
mod fold;
mod found;
#[cfg(test)]
mod found_sample;
mod judge;
mod lines;
mod magic;
mod names;
mod population;
mod redact;
mod reveal;
mod server_log;
mod texts;
mod told;
mod tree;

pub use accept::Accepted;
pub use checks::DumpChecks;
pub use evidence::MoreEvidence;
pub use fold::{ScanFindings, ScanFold};
pub(super) use names::hide_names;
pub use reveal::Secrets;

use super::parts;
use super::set::AnalyzerSet;
use crate::base::{Error, ErrorKind, Result, UnixMs};
use crate::pipeline::{Filter, Memory, RunOptions, Selection};
use crate::report::{Finding, Scan, SourceFacts, SourceIntegrity};
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
    /// What is known and not told.
    pub accepted: Arc<Accepted>,
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
            accepted: Arc::default(),
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
        secrets: None,
        integrity: Vec::new(),
        read_more: 0,
        proven: false,
    };
    let mut seen = evidence::look(more, options, &mut scanned)?;
    scanned.proven = seen.proven;
    let dumps = std::mem::take(&mut seen.dumps);
    let mut gathered = Gathered { told: seen.told, kinds: seen.kinds, all: None };
    for origin in origins.iter().chain(&dumps) {
        let mut facts = SourceFacts { source: origin.name.clone(), loaded: origin.loaded, ..SourceFacts::default() };
        match one(origin, options, &mut facts, &mut gathered) {
            Ok(integrity) => scanned.integrity.push(integrity),
            Err(error) if *error.kind() == ErrorKind::Interrupted => return Err(error),
            Err(error) => {
                facts.error = Some(error.to_string());
                scanned.failures.push((origin.name.clone(), error));
            }
        }
        scanned.facts.push(facts);
    }
    (scanned.scan, scanned.secrets) = gathered.finish(options, scanned.proven)?;
    Ok(scanned)
}

fn one(
    origin: &Origin,
    options: &ScanOptions,
    facts: &mut SourceFacts,
    gathered: &mut Gathered,
) -> Result<SourceIntegrity> {
    let set = with_scan(AnalyzerSet::default(), origin, options);
    let selection =
        Selection { filter: options.filter.clone(), validate: true, as_of: options.as_of, memory: Memory::Off };
    let (mut set, files) = parts::read(origin, set, &selection, &options.run, facts)?;
    facts.source.clone_from(&origin.name);
    facts.loaded = origin.loaded;
    gathered.take(origin, &mut set, &files, options)?;
    parts::integrity(&origin.name, &files, options.run.limits.problems).ok_or_else(|| {
        let what = "has no files to read".to_owned();
        Error::new(ErrorKind::NothingToRead { what }).about(&origin.name)
    })
}

/// A set of analyzers that scans as well.
pub(super) fn with_scan(set: AnalyzerSet, origin: &Origin, options: &ScanOptions) -> AnalyzerSet {
    AnalyzerSet { scan: Some(ScanFold::new(&origin.name, options)), checks: Some(DumpChecks::new()), ..set }
}

/// What scans of several sources come to.
#[derive(Default)]
pub(super) struct Gathered {
    told: told::Told,
    kinds: Vec<&'static str>,
    all: Option<ScanFindings>,
}

impl Gathered {
    /// Nothing yet.
    pub(super) fn new(options: &ScanOptions) -> Self {
        Self { told: told::Told::new(options.findings_per_rule), ..Self::default() }
    }

    /// Takes what a set that scans has seen of a source.
    ///
    /// # Errors
    /// The scratch folder cannot be written.
    pub(super) fn take(
        &mut self,
        origin: &Origin,
        set: &mut AnalyzerSet,
        files: &[parts::FileRead],
        options: &ScanOptions,
    ) -> Result<()> {
        if let Some(checks) = set.checks.take() {
            checks.tell(origin, files, &options.rules, &mut self.told);
        }
        self.kinds.extend(files.iter().map(|file| parts::kind(&file.scope)));
        let Some(findings) = set.scan.take().map(ScanFold::close).transpose()? else { return Ok(()) };
        match &mut self.all {
            None => self.all = Some(findings),
            Some(all) => all.merge(findings)?,
        }
        Ok(())
    }

    /// The report, and the secrets if they were to be kept.
    ///
    /// # Errors
    /// The scratch folder cannot be written.
    pub(super) fn finish(self, options: &ScanOptions, proven: bool) -> Result<(Scan, Option<Secrets>)> {
        let all = self.all.map_or_else(|| ScanFold::new("", options).close(), Ok)?;
        let hidden = all.hidden.clone();
        let (mut scan, secrets) = all.tell(proven);
        self.told.add_to(&mut scan);
        // What stands for many, or for the dump as a whole, was not looked at one by one.
        let looked_at = |finding: &Finding| {
            let is_check = || options.rules.get(&finding.rule).is_some_and(|rule| rule.check.is_some());
            finding.structural.is_none() && !is_check()
        };
        options.accepted.sift(&hidden, &mut scan, looked_at);
        scan.cannot_show = evidence::cannot_show(&self.kinds);
        Ok((scan, secrets))
    }
}
