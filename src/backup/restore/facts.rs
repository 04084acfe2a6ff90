//! What is known of what is to be restored: from a full reading of it, or from what a backup's manifest says of one.

use super::Incoming;
use crate::analysis::{CheckOptions, check};
use crate::base::{Error, ErrorKind, Result, UnixMs};
use crate::pipeline::{Analyzer, ExpiryFilter, Filter, RunOptions, Scope, Selection, run};
use crate::rdb::{Depth, Head, Item};
use crate::render::not_intact;
use crate::report::{ChecksumState, DatabaseCount, LoadVerdict, Problem, ServerLoad, Severity, SourceCheck, Verdict};
use crate::source::{Hashes, Origin, open_part};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What decides whether and how it can be restored.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Facts {
    /// Bytes that are written.
    pub bytes: u64,
    /// There are commands in it: it is no dump, and cannot be laid down as one.
    pub has_log: bool,
    /// The RDB version, where it begins as one.
    pub format_version: Option<u16>,
    /// The server that wrote it: `redis 8.6.3`.
    pub server_version: Option<String>,
    /// Keys in each numbered database; of an append-only file those of its RDB.
    pub databases: BTreeMap<u64, DatabaseCount>,
    /// Of them those that have expired and are gone when a server has loaded the file.
    pub expired: BTreeMap<u64, u64>,
    /// What servers do with it.
    pub loads_on: Vec<LoadsThere>,
    /// It was written without a checksum.
    pub no_checksum: bool,
}

/// What one server does with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoadsThere {
    /// The server: `redis-7.2`.
    pub server: String,
    /// What it does.
    pub verdict: LoadVerdict,
    /// Why; empty where it loads it as it is.
    pub reason: String,
    /// Settings or modules that it needs.
    pub needs: Vec<String>,
}

impl Facts {
    /// What a judgement says.
    pub(super) fn of(check: &SourceCheck) -> Self {
        let commands = check.log.as_ref().map_or(0, |log| log.totals.commands);
        let loads = check.loads_on.iter().map(|loads| LoadsThere {
            server: loads.server.clone(),
            verdict: loads.verdict,
            reason: loads.reason.clone(),
            needs: loads.needs.clone(),
        });
        Self {
            bytes: check.bytes,
            has_log: commands > 0 || check.format_version.is_none(),
            format_version: check.format_version,
            server_version: check.server_version.clone(),
            databases: check.databases.clone(),
            expired: BTreeMap::new(),
            loads_on: loads.collect(),
            no_checksum: check.integrity.checksum.state == ChecksumState::Disabled,
        }
    }

    /// Keys that a server has when it has loaded the file, per database. Nothing of an append-only file with commands, which say
    /// it only when they are run.
    pub fn expected(&self) -> Option<BTreeMap<u64, u64>> {
        let left = |(db, count): (&u64, &DatabaseCount)| {
            let expired = self.expired.get(db).copied().unwrap_or_default();
            Some((*db, count.keys.saturating_sub(expired))).filter(|(_, keys)| *keys > 0)
        };
        (!self.has_log).then(|| self.databases.iter().filter_map(left).collect())
    }

    /// The highest database that holds a key.
    pub(super) fn highest_db(&self) -> u64 {
        self.databases.iter().filter(|(_, count)| count.keys > 0).map(|(db, _)| *db).max().unwrap_or_default()
    }
}

/// Reads what is to be restored where it is, whole, and judges it: for a plan that writes nothing.
///
/// # Errors
/// As [`stage`](super::stage), where it is damaged; it cannot be read.
pub fn inspect(origin: &Origin, incoming: &Incoming, options: &RunOptions, now: UnixMs) -> Result<Facts> {
    judged(origin, &incoming.name, options, now)
}

/// The judgement on what was written or is to be: intact, with nothing after its end.
pub(super) fn judged(origin: &Origin, name: &str, options: &RunOptions, now: UnixMs) -> Result<Facts> {
    // Hashes are made where bytes are fetched.
    let run = RunOptions { hashes: Hashes::default(), expect_sha256: None, ..options.clone() };
    let check = check(origin, &CheckOptions { run: run.clone(), ..CheckOptions::default() }).outcome?;
    let damaged = |what: String, next: &str| {
        Err(Error::new(ErrorKind::Damaged { what: format!("{name}: {what}") }).with_hint(next))
    };
    if check.verdict != Verdict::Intact {
        let (what, next) = not_intact(check.verdict, &check.integrity);
        return damaged(
            what,
            if check.log.is_some() { "'rediscover aof repair' first, or an older backup" } else { &next },
        );
    }
    let trailing = check.integrity.trailing_bytes;
    // The mark of a replication stream is cut off when it is fetched, commands are a log.
    let known = |problem: &Problem| problem.kind == "trailing-bytes" && problem.severity == Severity::Note;
    if trailing > 0 && !check.integrity.problems.iter().any(known) {
        return damaged(format!("{trailing} bytes stand after its end"), "take another copy");
    }
    if let Some(loads) = check.server_loads.as_ref().filter(|loads| loads.verdict != ServerLoad::Yes) {
        return damaged(loads.reason.clone(), "'rediscover aof repair' first, or an older backup");
    }
    if check.kind == "unknown" {
        return damaged("is neither a dump nor an append-only file".into(), "'rediscover check' says what it is");
    }
    let mut facts = Facts::of(&check);
    if check.expires > 0 {
        facts.expired = expired(origin, &run, now)?;
    }
    Ok(facts)
}

/// The mark at the end of a replication stream, which `redis-cli --rdb -` leaves there.
pub(super) const MARK_BYTES: u64 = 40;

/// Keys whose expiry has passed, per database.
fn expired(origin: &Origin, options: &RunOptions, now: UnixMs) -> Result<BTreeMap<u64, u64>> {
    let filter = Filter { expiry: Some(ExpiryFilter::Expired), ..Filter::default() };
    let selection = Selection { filter, as_of: Some(now), ..Selection::default() };
    let mut all = BTreeMap::new();
    for part in origin.parts() {
        let mut stream = open_part(origin, &part, Hashes::default(), Arc::clone(&options.progress))?;
        let (counted, _) = run(&mut stream, PerDatabase::default(), &selection, options)?;
        for (db, keys) in counted.0 {
            let own: &mut u64 = all.entry(db).or_default();
            *own = own.saturating_add(keys);
        }
    }
    Ok(all)
}

/// Counts keys per database. Memory: an entry for each database, of which an RDB has as many as it likes: at most 65,536 are
/// counted.
#[derive(Default)]
struct PerDatabase(BTreeMap<u64, u64>);

const DATABASES: usize = 1 << 16;

impl Analyzer for PerDatabase {
    type Output = BTreeMap<u64, u64>;

    fn depth(&self, _: &Head<'_>) -> Depth {
        Depth::Keys
    }

    fn wants_writes(&self) -> bool {
        false
    }

    fn fork(&self) -> Self {
        Self::default()
    }

    fn observe(&mut self, item: &Item<'_>) -> Result<()> {
        if let Item::Entry(entry) = item
            && (self.0.len() < DATABASES || self.0.contains_key(&entry.head.db))
        {
            let own = self.0.entry(entry.head.db).or_default();
            *own = own.saturating_add(1);
        }
        Ok(())
    }

    fn merge(&mut self, other: Self) -> Result<()> {
        for (db, keys) in other.0 {
            let own = self.0.entry(db).or_default();
            *own = own.saturating_add(keys);
        }
        Ok(())
    }

    fn finish(self, _: &Scope) -> Result<Self::Output> {
        Ok(self.0)
    }
}
