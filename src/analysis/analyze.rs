//! `analyze`: what is in one or several keyspaces.

use super::big_elements::BigElements;
use super::big_keys::Rankings;
use super::cluster::Slots;
use super::duplicates::{Overlap, Overlapping};
use super::idle::Usage;
use super::keyspace::{Totals, plus};
use super::parts;
use super::prefixes::Prefixes;
use super::scan::{self, Gathered, ScanOptions};
use super::set::AnalyzerSet;
use super::sizes::KeySizes;
use super::streams::Streams;
use super::ttl::Expiries;
use crate::base::{Error, ErrorKind, Result, UnixMs};
use crate::pipeline::{Analyzer, Filter, Memory, RunOptions, Scope, Selection, Tally};
use crate::report::{Analysis, Decoding, Keyspace, Scan, SourceAnalysis, SourceFacts, SourceIntegrity};
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
    /// The moment up to which the loss of evidence is counted.
    pub expiring_by: Option<UnixMs>,
    /// Whether memory is estimated, and for which server.
    pub memory: Memory,
    /// Whether the sources are shards of one keyspace.
    pub merge: bool,
    /// How to scan in the same pass. Its own `run`, `filter` and `as_of` are not used.
    pub scan: Option<ScanOptions>,
}

impl Default for AnalyzeOptions {
    fn default() -> Self {
        Self {
            run: RunOptions::default(),
            filter: Filter::default(),
            top: 20,
            as_of: None,
            expiring_by: None,
            memory: Memory::OfWriter,
            merge: false,
            scan: None,
        }
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
    /// What was found in all of them, if they were scanned.
    pub scan: Option<Scan>,
}

/// The analyzers whose results are shown per source and in total.
#[derive(Clone)]
struct Shown {
    totals: Totals,
    rankings: Rankings,
    prefixes: Prefixes,
    expiries: Expiries,
    big_elements: BigElements,
    sizes: KeySizes,
    usage: Usage,
    streams: Streams,
    slots: Slots,
    decoding: Decoding,
}

/// Analyzes sources one by one and together. Values are validated as well, unless a filter is set.
///
/// # Errors
/// Only what concerns all of them: interrupted, a full scratch disk; [`ErrorKind::Overlap`] where shards of one keyspace
/// have keys in common.
pub fn analyze(origins: &[Origin], options: &AnalyzeOptions) -> Result<Analyzed> {
    let mut analyzed = Analyzed {
        facts: Vec::new(),
        failures: Vec::new(),
        total: Analysis::default(),
        sources: Vec::new(),
        integrity: Vec::new(),
        scan: None,
    };
    let mut gathered = options.scan.as_ref().map(Gathered::new);
    let mut total: Option<Total> = None;
    let overlap = || Overlap::new(options.run.scratch.clone(), options.run.limits.duplicates_bytes);
    let mut overlap = (options.merge && origins.len() > 1).then(overlap);
    for (number, origin) in origins.iter().enumerate() {
        let mut facts = SourceFacts { source: origin.name.clone(), ..SourceFacts::default() };
        let own = overlap.as_ref().map(|overlap| overlap.of_source(number as u64));
        match one(origin, options, own, &mut gathered, &mut facts) {
            Ok(read) => {
                facts.source.clone_from(&origin.name);
                facts.kind = Some(read.integrity.kind.clone());
                analyzed.integrity.push(read.integrity);
                if let (Some(overlap), Some(own)) = (&mut overlap, read.overlap) {
                    overlap.merge(own)?;
                }
                if origins.len() > 1 {
                    let analysis = read.shown.clone().finish(&read.scope)?;
                    analyzed.sources.push(SourceAnalysis { source: origin.name.clone(), analysis });
                }
                match &mut total {
                    None => total = Some(Total::new(read.shown, read.scope)),
                    Some(total) => total.add(read.shown, &read.scope)?,
                }
            }
            Err(error) if *error.kind() == ErrorKind::Interrupted => return Err(error),
            Err(error) => {
                facts.error = Some(error.to_string());
                analyzed.failures.push((origin.name.clone(), error));
            }
        }
        analyzed.facts.push(facts);
    }
    if let Some((gathered, scan)) = gathered.zip(options.scan.as_ref()) {
        analyzed.scan = Some(gathered.finish(scan, false)?.0);
    }
    if let Some(total) = total {
        if let Some(found) = overlap.map(|overlap| overlap.finish(&total.scope)).transpose()?.flatten() {
            return Err(overlapping(&found, origins));
        }
        analyzed.total = total.finish(options.merge)?;
    }
    if let Some(scan) = &options.scan {
        let sources = analyzed.sources.iter_mut().map(|source| &mut source.analysis);
        for analysis in sources.chain([&mut analyzed.total]) {
            scan::hide_names(&mut analysis.big_elements, scan);
        }
    }
    Ok(analyzed)
}

fn overlapping(found: &Overlapping, origins: &[Origin]) -> Error {
    let name = |number: u64| {
        let origin = usize::try_from(number).ok().and_then(|number| origins.get(number));
        origin.map_or_else(String::new, |origin| crate::keyspace::printable(&origin.name).into_owned())
    };
    let (db, key) = &found.key;
    let what = format!(
        "{} of these shards {} in more than one of them: {} of database {db} is in {} and in {}",
        if found.keys == 1 { "a key".to_owned() } else { format!("{} keys", found.keys) },
        if found.keys == 1 { "is" } else { "are" },
        crate::report::quoted(key),
        name(found.sources.0),
        name(found.sources.1),
    );
    Error::new(ErrorKind::Overlap { what }).with_hint("without --merge they are reported one by one")
}

/// All sources together.
struct Total {
    shown: Shown,
    scope: Scope,
    /// What they take where each has a server of its own.
    used_memory_bytes: Option<u64>,
}

impl Total {
    fn new(shown: Shown, scope: Scope) -> Self {
        let used_memory_bytes = shown.used_memory_bytes(&scope);
        Self { shown, scope, used_memory_bytes }
    }

    fn add(&mut self, shown: Shown, scope: &Scope) -> Result<()> {
        plus(&mut self.used_memory_bytes, shown.used_memory_bytes(scope));
        // Where they are for different servers, no single one is named.
        if self.scope.model != scope.model {
            self.scope.model = None;
        }
        self.shown.merge(shown)
    }

    fn finish(self, merge: bool) -> Result<Analysis> {
        let mut analysis = self.shown.finish(&self.scope)?;
        if !merge {
            analysis.keyspace = with_used_memory(analysis.keyspace, self.used_memory_bytes);
        }
        Ok(analysis)
    }
}

/// One source, read.
struct Read {
    shown: Shown,
    overlap: Option<Overlap>,
    integrity: SourceIntegrity,
    scope: Scope,
}

fn one(
    origin: &Origin,
    options: &AnalyzeOptions,
    overlap: Option<Overlap>,
    gathered: &mut Option<Gathered>,
    facts: &mut SourceFacts,
) -> Result<Read> {
    let limits = options.run.limits;
    let set = AnalyzerSet {
        overlap,
        totals: Some(Totals::default()),
        rankings: Some(Rankings::new(&origin.name, options.top)),
        prefixes: Some(Prefixes::new(limits.tracked_prefixes)),
        expiries: Some(Expiries::new(options.top, options.expiring_by)),
        big_elements: Some(BigElements::new(&origin.name, options.top)),
        sizes: Some(KeySizes::default()),
        usage: Some(Usage::new(&origin.name, options.top)),
        streams: Some(Streams::new(&origin.name, options.top)),
        slots: Some(Slots::new(limits.tracked_prefixes / 4, options.top)),
        ..AnalyzerSet::default()
    };
    let set = match &options.scan {
        Some(options) => scan::with_scan(set, origin, options),
        None => set,
    };
    let selection =
        Selection { filter: options.filter.clone(), validate: true, as_of: options.as_of, memory: options.memory };
    let (mut set, mut files) = parts::read(origin, set, &selection, &options.run, facts)?;
    if let Some((gathered, options)) = gathered.as_mut().zip(options.scan.as_ref()) {
        gathered.take(origin, &mut set, &files, options)?;
    }
    let mut decoding = Decoding::default();
    for file in &files {
        add_decoding(&mut decoding, &self::decoding(&file.scope.tally, file.examined.keys));
    }
    let Some(integrity) = parts::integrity(&origin.name, &files, limits.problems) else {
        let what = "has no files to read".to_owned();
        return Err(Error::new(ErrorKind::NothingToRead { what }).about(&origin.name));
    };
    let first = files.swap_remove(0);
    let shown = Shown {
        totals: set.totals.unwrap_or_default(),
        rankings: set.rankings.unwrap_or_else(|| Rankings::new(&origin.name, options.top)),
        prefixes: set.prefixes.unwrap_or_else(|| Prefixes::new(limits.tracked_prefixes)),
        expiries: set.expiries.unwrap_or_else(|| Expiries::new(options.top, options.expiring_by)),
        big_elements: set.big_elements.unwrap_or_else(|| BigElements::new(&origin.name, options.top)),
        sizes: set.sizes.unwrap_or_default(),
        usage: set.usage.unwrap_or_else(|| Usage::new(&origin.name, options.top)),
        streams: set.streams.unwrap_or_else(|| Streams::new(&origin.name, options.top)),
        slots: set.slots.unwrap_or_else(|| Slots::new(limits.tracked_prefixes / 4, options.top)),
        decoding,
    };
    Ok(Read { shown, overlap: set.overlap, integrity, scope: first.scope })
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

fn add_decoding(own: &mut Decoding, other: &Decoding) {
    own.keys_seen = own.keys_seen.saturating_add(other.keys_seen);
    own.keys_selected = own.keys_selected.saturating_add(other.keys_selected);
    own.values_decoded = own.values_decoded.saturating_add(other.values_decoded);
    own.values_skipped = own.values_skipped.saturating_add(other.values_skipped);
    own.bytes_skipped = own.bytes_skipped.saturating_add(other.bytes_skipped);
}

impl Shown {
    fn merge(&mut self, other: Self) -> Result<()> {
        self.totals.merge(other.totals)?;
        self.rankings.merge(other.rankings)?;
        self.prefixes.merge(other.prefixes)?;
        self.expiries.merge(other.expiries)?;
        self.big_elements.merge(other.big_elements)?;
        self.sizes.merge(other.sizes)?;
        self.usage.merge(other.usage)?;
        self.streams.merge(other.streams)?;
        self.slots.merge(other.slots)?;
        add_decoding(&mut self.decoding, &other.decoding);
        Ok(())
    }

    fn used_memory_bytes(&self, scope: &Scope) -> Option<u64> {
        scope.model.as_ref().map(|model| self.totals.used_memory_bytes(model))
    }

    fn finish(self, scope: &Scope) -> Result<Analysis> {
        let used_memory_bytes = self.used_memory_bytes(scope);
        let tree = self.prefixes.finish(scope)?;
        let (idle, frequency) = self.usage.finish(scope)?;
        let model = scope.model.as_ref();
        let memory_model = model.map(|model| self.totals.memory_model(model));
        Ok(Analysis {
            keyspace: with_used_memory(self.totals.finish(scope)?, used_memory_bytes),
            memory_model,
            big_keys: self.rankings.finish(scope)?,
            big_elements: self.big_elements.finish(scope)?,
            sizes: self.sizes.finish(scope)?,
            prefixes: tree.prefixes,
            other_prefixes: tree.others,
            prefixes_sample: tree.sample,
            ttl: self.expiries.finish(scope)?,
            idle,
            frequency,
            streams: self.streams.finish(scope)?,
            cluster: self.slots.finish(scope)?,
            decoding: self.decoding,
        })
    }
}

fn with_used_memory(keyspace: Keyspace, used_memory_bytes: Option<u64>) -> Keyspace {
    let said = keyspace.memory_bytes.unwrap_or(0);
    let overhead_bytes = used_memory_bytes.map(|used| used.saturating_sub(said));
    Keyspace { overhead_bytes, used_memory_bytes, ..keyspace }
}
