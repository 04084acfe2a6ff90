//! Evidence beside the dumps: trees of files, logs of servers; and what each kind of evidence cannot show.

use super::told::Told;
use super::{ScanOptions, Scanned, server_log, tree};
use crate::base::{Error, ErrorKind, Result};
use crate::report::SourceFacts;
use crate::source::{Hashes, Origin};
use jiff::tz::TimeZone;
use std::path::PathBuf;
use std::sync::Arc;

/// What is looked at beside the sources.
#[derive(Debug, Clone, Default)]
pub struct MoreEvidence {
    /// Trees of files: mounted images of disks.
    pub trees: Vec<PathBuf>,
    /// Logs of servers.
    pub logs: Vec<Origin>,
    /// The zone of times in logs that do not say theirs; none: taken for UTC, and said so.
    pub log_zone: Option<TimeZone>,
}

/// What came of it.
pub(super) struct Seen {
    pub(super) told: Told,
    /// Dumps in trees whose content is to be scanned as well.
    pub(super) dumps: Vec<Origin>,
    /// Whether something proves that the server ran or wrote outside its data what it was made to.
    pub(super) proven: bool,
    /// The kinds of evidence that were read.
    pub(super) kinds: Vec<&'static str>,
}

/// Looks at trees and logs.
///
/// # Errors
/// Interrupted. What cannot be read is a failure in `scanned`.
pub(super) fn look(more: &MoreEvidence, options: &ScanOptions, scanned: &mut Scanned) -> Result<Seen> {
    let mut seen =
        Seen { told: Told::new(options.findings_per_rule), dumps: Vec::new(), proven: false, kinds: Vec::new() };
    for root in &more.trees {
        let name = crate::report::escape(root.as_os_str().as_encoded_bytes());
        let mut facts = SourceFacts { source: name.clone(), kind: Some("tree".into()), ..SourceFacts::default() };
        match tree::walk(root, &options.rules, &options.run.cancel, &mut seen.told) {
            Ok(walked) => {
                scanned.read_more = scanned.read_more.saturating_add(1);
                seen.kinds.push("tree");
                scanned.failures.extend(walked.failures);
                for found in walked.dumps {
                    seen.proven |= found.proven;
                    seen.dumps.push(found.origin);
                }
            }
            Err(error) => failed(error, name, &mut facts, scanned)?,
        }
        scanned.facts.push(facts);
    }
    for origin in &more.logs {
        let mut facts = SourceFacts { source: origin.name.clone(), kind: Some("log".into()), ..SourceFacts::default() };
        match log(origin, more, options, &mut facts, &mut seen.told) {
            Ok(proof) => {
                scanned.read_more = scanned.read_more.saturating_add(1);
                seen.kinds.push("log");
                seen.proven |= proof.proven;
            }
            Err(error) => failed(error, origin.name.clone(), &mut facts, scanned)?,
        }
        scanned.facts.push(facts);
    }
    Ok(seen)
}

fn failed(error: Error, name: String, facts: &mut SourceFacts, scanned: &mut Scanned) -> Result<()> {
    if *error.kind() == ErrorKind::Interrupted {
        return Err(error);
    }
    facts.error = Some(error.to_string());
    scanned.failures.push((name, error));
    Ok(())
}

fn log(
    origin: &Origin,
    more: &MoreEvidence,
    options: &ScanOptions,
    facts: &mut SourceFacts,
    told: &mut Told,
) -> Result<server_log::Proof> {
    let sha256 = options.run.hashes.sha256 || options.run.expect_sha256.is_some();
    let hashes = Hashes { sha256, ..options.run.hashes };
    let mut stream = crate::source::open(origin, hashes, Arc::clone(&options.run.progress))?;
    let cancel = &options.run.cancel;
    let outcome = server_log::scan(&mut stream, more.log_zone.as_ref(), &options.rules, cancel, told);
    crate::analysis::parts::take_facts(facts, &stream);
    stream.close();
    let proof = outcome?;
    crate::analysis::check::expect_hash(facts, &options.run)?;
    Ok(proof)
}

/// What evidence of these kinds cannot show, each kind once: that nothing was found there says nothing of it.
pub(super) fn cannot_show(kinds: &[&str]) -> Vec<String> {
    let table: [(&[&str], &[&str]); 4] = [
        (
            &["rdb"],
            &[
                "an RDB holds no commands: CONFIG SET, ACL SETUSER, MODULE LOAD, REPLICAOF, scripts and reads leave nothing in it",
                "an RDB holds no key that was deleted, had expired or was overwritten before the save",
                "an RDB says nothing of who wrote a key or from where, and of when only what its values and expiries tell",
            ],
        ),
        (
            &["aof", "multi-part-aof"],
            &[
                "an append-only file holds writes alone: CONFIG SET, ACL SETUSER, MODULE LOAD and REPLICAOF leave nothing in it, nor do reads",
                "of EVAL an append-only file of Redis 7.0 or later holds the writes and not the script; of one without writes, nothing",
                "a rewrite, and a full synchronization from a master, begin an append-only file anew: what was before is gone",
            ],
        ),
        (
            &["log"],
            &[
                "a server's log names no keys and no commands of clients: reads, writes, FLUSHALL, CONFIG SET and scripts leave nothing in it",
                "a server's log holds what its loglevel lets through, and nothing of what was rotated away or cut off",
            ],
        ),
        (
            &["tree"],
            &[
                "a tree shows files as they are now: a dump that was overwritten or removed, or whose beginning was changed, is not found",
                "that a dump lies where a system runs it does not show that it was run",
            ],
        ),
    ];
    let read = |of: &&(&[&str], &[&str])| of.0.iter().any(|kind| kinds.contains(kind));
    table.iter().filter(read).flat_map(|(_, sentences)| sentences.iter()).map(|text| (*text).to_owned()).collect()
}
