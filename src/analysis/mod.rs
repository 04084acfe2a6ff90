//! The analyzers, and the commands' work on one source after the other.

use crate::base::{Error, ErrorKind, Result, UnixMs};
use crate::pipeline::{Filter, RunOptions};
use crate::report::{Analysis, LoadsOn, SourceAnalysis, SourceCheck, SourceFacts, SourceIntegrity};
use crate::source::Origin;

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

/// Judges one source.
pub fn check(origin: &Origin, options: &CheckOptions) -> Checked {
    let _ = options;
    Checked {
        facts: SourceFacts { source: origin.name.clone(), ..SourceFacts::default() },
        outcome: Err(Error::new(ErrorKind::Unsupported { what: "not built yet".into() })),
    }
}

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

/// Analyzes sources one by one and together.
///
/// # Errors
/// Only what concerns all of them: interrupted, a full scratch disk.
pub fn analyze(origins: &[Origin], options: &AnalyzeOptions) -> Result<Analyzed> {
    let _ = (origins, options);
    Err(Error::new(ErrorKind::Unsupported { what: "not built yet".into() }))
}

/// The servers that `loads_on` judges and `--target` takes, oldest first of each family.
pub const SERVERS: [&str; 17] = [
    "redis-4.0",
    "redis-5.0",
    "redis-6.2",
    "redis-7.0",
    "redis-7.2",
    "redis-7.4",
    "redis-8.0",
    "redis-8.2",
    "redis-8.4",
    "redis-8.6",
    "valkey-7.2",
    "valkey-8.0",
    "valkey-8.1",
    "valkey-9.0",
    "valkey-9.1",
    "keydb-6.3",
    "elasticache-redis-7.1",
];

/// The verdict on one server, if the report has it.
pub fn verdict_on<'a>(loads_on: &'a [LoadsOn], server: &str) -> Option<&'a LoadsOn> {
    loads_on.iter().find(|verdict| verdict.server == server)
}
