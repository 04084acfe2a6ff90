//! `analyze`: what is in one or several keyspaces.

use super::big_keys::Rankings;
use super::check::{expect_hash, open_hashed, see_stream, take_facts};
use super::integrity::Examiner;
use super::keyspace::Totals;
use super::prefixes::Prefixes;
use super::set::AnalyzerSet;
use super::ttl::Expiries;
use crate::base::{Error, ErrorKind, Result, UnixMs};
use crate::pipeline::{Analyzer, Filter, RunOptions, Scope, Selection, Tally, run};
use crate::report::{Analysis, Decoding, SourceAnalysis, SourceFacts, SourceIntegrity};
use crate::source::Origin;

/// What `analyze` is asked.
#[derive(Clone)]
pub struct AnalyzeOptions {
    /// How to run.
    pub run: RunOptions,
    /// Which keys.
    pub filter: Filter,
    /// Length of the rankings.
    pub top: usize,
    /// The moment TTLs are seen from; by default the snapshot's own.
    pub as_of: Option<UnixMs>,
}

impl Default for AnalyzeOptions {
    fn default() -> Self {
        Self { run: RunOptions::default(), filter: Filter::default(), top: 20, as_of: None }
    }
}

/// What came of all sources.
pub struct Analyzed {
    /// What was read, in the order given.
    pub facts: Vec<SourceFacts>,
    /// Those that could not be opened, with the reason.
    pub failures: Vec<(String, Error)>,
    /// All that could be read, together.
    pub total: Analysis,
    /// One by one, if there is more than one.
    pub sources: Vec<SourceAnalysis>,
    /// How whole each one is.
    pub integrity: Vec<SourceIntegrity>,
}

/// The analyzers whose results are shown per source and in total.
#[derive(Clone)]
struct Shown {
    totals: Totals,
    rankings: Rankings,
    prefixes: Prefixes,
    expiries: Expiries,
    decoding: Decoding,
}

/// Analyzes sources one by one and together. Values are validated as well, unless a filter is set.
///
/// # Errors
/// Only what concerns all of them: interrupted, a full scratch disk.
pub fn analyze(origins: &[Origin], options: &AnalyzeOptions) -> Result<Analyzed> {
    let mut analyzed = Analyzed {
        facts: Vec::new(),
        failures: Vec::new(),
        total: Analysis::default(),
        sources: Vec::new(),
        integrity: Vec::new(),
    };
    let mut total: Option<(Shown, Scope)> = None;
    for origin in origins {
        let mut facts = SourceFacts { source: origin.name.clone(), ..SourceFacts::default() };
        match one(origin, options, &mut facts) {
            Ok((shown, integrity, scope)) => {
                facts.kind = Some(integrity.kind.clone());
                analyzed.integrity.push(integrity);
                if origins.len() > 1 {
                    let analysis = shown.clone().finish(&scope)?;
                    analyzed.sources.push(SourceAnalysis { source: origin.name.clone(), analysis });
                }
                total = Some(match total.take() {
                    None => (shown, scope),
                    Some((mut sum, scope)) => {
                        sum.merge(shown)?;
                        (sum, scope)
                    }
                });
            }
            Err(error) if *error.kind() == ErrorKind::Interrupted => return Err(error),
            Err(error) => {
                facts.error = Some(error.to_string());
                analyzed.failures.push((origin.name.clone(), error));
            }
        }
        analyzed.facts.push(facts);
    }
    if let Some((shown, scope)) = total {
        analyzed.total = shown.finish(&scope)?;
    }
    Ok(analyzed)
}

fn one(origin: &Origin, options: &AnalyzeOptions, facts: &mut SourceFacts) -> Result<(Shown, SourceIntegrity, Scope)> {
    let mut stream = open_hashed(origin, &options.run)?;
    let limits = options.run.limits;
    let set = AnalyzerSet {
        examiner: Some(Examiner::new(limits.problems)),
        totals: Some(Totals::default()),
        rankings: Some(Rankings::new(&origin.name, options.top)),
        prefixes: Some(Prefixes::new(limits.tracked_prefixes, options.top)),
        expiries: Some(Expiries::default()),
        ..AnalyzerSet::default()
    };
    let selection = Selection { filter: options.filter.clone(), validate: true, as_of: options.as_of };
    let outcome = run(&mut stream, set, &selection, &options.run);
    take_facts(facts, &stream);
    let (set, scope) = outcome?;
    expect_hash(facts, &options.run)?;
    let mut examiner = set.examiner.unwrap_or_else(|| Examiner::new(limits.problems));
    see_stream(&mut examiner, &stream, &scope);
    let seen = examiner.keys();
    let examined = examiner.finish(&scope)?;
    let header = scope.prologue.header;
    let integrity = SourceIntegrity {
        source: origin.name.clone(),
        kind: if header.is_some() { "rdb".into() } else { "unknown".into() },
        verdict: examined.verdict,
        format_version: header.map(|header| header.version),
        server_version: scope.prologue.server(),
        bytes: scope.tally.bytes,
        created_at: scope.prologue.created_at().and_then(UnixMs::rfc3339),
        integrity: examined.integrity,
    };
    let shown = Shown {
        totals: set.totals.unwrap_or_default(),
        rankings: set.rankings.unwrap_or_else(|| Rankings::new(&origin.name, options.top)),
        prefixes: set.prefixes.unwrap_or_else(|| Prefixes::new(limits.tracked_prefixes, options.top)),
        expiries: set.expiries.unwrap_or_default(),
        decoding: decoding(&scope.tally, seen),
    };
    Ok((shown, integrity, scope))
}

fn decoding(tally: &Tally, selected: u64) -> Decoding {
    let counters = &tally.counters;
    Decoding {
        keys_seen: counters.values_decoded.saturating_add(counters.values_skipped),
        keys_selected: selected,
        values_decoded: counters.values_decoded,
        values_skipped: counters.values_skipped,
        bytes_skipped: counters.bytes_skipped,
    }
}

impl Shown {
    fn merge(&mut self, other: Self) -> Result<()> {
        self.totals.merge(other.totals)?;
        self.rankings.merge(other.rankings)?;
        self.prefixes.merge(other.prefixes)?;
        self.expiries.merge(other.expiries)?;
        let (own, other) = (&mut self.decoding, other.decoding);
        own.keys_seen = own.keys_seen.saturating_add(other.keys_seen);
        own.keys_selected = own.keys_selected.saturating_add(other.keys_selected);
        own.values_decoded = own.values_decoded.saturating_add(other.values_decoded);
        own.values_skipped = own.values_skipped.saturating_add(other.values_skipped);
        own.bytes_skipped = own.bytes_skipped.saturating_add(other.bytes_skipped);
        Ok(())
    }

    fn finish(self, scope: &Scope) -> Result<Analysis> {
        let (prefixes, prefixes_shown_one_in) = self.prefixes.finish(scope)?;
        Ok(Analysis {
            keyspace: self.totals.finish(scope)?,
            big_keys: self.rankings.finish(scope)?,
            prefixes,
            prefixes_shown_one_in,
            ttl: self.expiries.finish(scope)?,
            decoding: self.decoding,
        })
    }
}
