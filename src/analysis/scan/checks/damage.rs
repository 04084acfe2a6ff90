//! What is wrong with the structure of the files: made so, or broken?
//!
//! Bits that rot change the checksum. A structure that no server writes, in a file whose checksum fits, was written by a
//! server that had loaded it: from the payload of a RESTORE, or a stream of replication.

use super::Say;
use super::place::Place;
use crate::analysis::parts::FileRead;
use crate::analysis::scan::magic::program;
use crate::analysis::scan::told::{Told, shown};
use crate::pipeline::Ended;
use crate::report::{ChecksumState, Finding, Problem, Severity, Where};

/// Beginnings of the kinds of flaws that are in the structure of a value.
const STRUCTURE: [&str; 12] = [
    "array-",
    "duplicate-",
    "intset",
    "listpack",
    "lzf-",
    "node-container",
    "odd-entries",
    "pending-",
    "short",
    "stream-",
    "ziplist",
    "zipmap",
];
/// Kinds that say no more than that this program or a server goes no further.
const NO_DAMAGE: [&str; 5] = ["module-command", "not-an-rdb", "not-looked-into", "unsupported-type", "version-unknown"];

pub(super) fn tell(say: &Say<'_>, files: &[FileRead], told: &mut Told) {
    for (number, file) in files.iter().enumerate() {
        let number = u32::try_from(number).unwrap_or(u32::MAX);
        if file.scope.tally.ended == Ended::NotAnRdb {
            told.extend(disguised(say, file, number));
            continue;
        }
        let integrity = &file.examined.integrity;
        let log_at = file.scope.tally.log_at.unwrap_or(u64::MAX);
        let mut rest: Vec<&Problem> = Vec::new();
        for problem in &integrity.problems {
            let in_log = problem.offset >= log_at;
            // The payload of a RESTORE has a checksum of its own, and is not looked into where that does not fit.
            let checked = if in_log { problem.line.is_none() } else { is_checked(integrity.checksum.state) };
            let rotten = !in_log && integrity.checksum.state == ChecksumState::Mismatch;
            let place = Place { file: number, offset: problem.offset };
            if is_hyperloglog(problem) && !rotten {
                told.extend(found(say, "hyperloglog", place, problem));
            } else if checked && problem.severity == Severity::Error && is_structure(problem) {
                told.extend(found(say, "structure", place, problem));
            } else if is_damage(problem) {
                rest.push(problem);
            }
        }
        told.extend(broken(say, &rest, number));
    }
}

fn is_checked(state: ChecksumState) -> bool {
    state == ChecksumState::Verified
}

fn is_hyperloglog(problem: &Problem) -> bool {
    problem.kind.starts_with("hll-") || (problem.kind == "short" && problem.message.starts_with("hyperloglog"))
}

fn is_structure(problem: &Problem) -> bool {
    STRUCTURE.iter().any(|kind| problem.kind.starts_with(kind))
}

fn is_damage(problem: &Problem) -> bool {
    let error = problem.severity == Severity::Error && !NO_DAMAGE.contains(&problem.kind.as_str());
    error || (problem.kind == "trailing-bytes" && problem.severity == Severity::Warning)
}

/// What was loaded or sent as a dump and is a program.
fn disguised(say: &Say<'_>, file: &FileRead, number: u32) -> Option<Finding> {
    let head = &file.scope.tally.head;
    let what = program(head)?;
    let mut finding = say.at("program-for-dump", Place { file: number, offset: 0 })?;
    finding.place = Where::File;
    finding.excerpt = shown(head.get(..16).unwrap_or(head));
    finding.notes.push(format!("it is {what}"));
    Some(finding)
}

fn found(say: &Say<'_>, check: &str, place: Place, problem: &Problem) -> Option<Finding> {
    let mut finding = say.at(check, place)?;
    (finding.db, finding.key) = (problem.db, problem.key.clone());
    finding.excerpt.clone_from(&problem.message);
    finding.notes.push(problem.kind.clone());
    Some(finding)
}

/// One finding for all that is broken in a file.
fn broken(say: &Say<'_>, problems: &[&Problem], number: u32) -> Option<Finding> {
    let first = problems.iter().min_by_key(|problem| problem.offset)?;
    let mut finding = say.at("file-damage", Place { file: number, offset: first.offset })?;
    finding.matches = problems.len() as u64;
    finding.excerpt.clone_from(&first.message);
    (finding.db, finding.key) = (first.db, first.key.clone());
    let mut kinds: Vec<&str> = problems.iter().map(|problem| problem.kind.as_str()).collect();
    kinds.sort_unstable();
    kinds.dedup();
    finding.notes.push(kinds.join(", "));
    Some(finding)
}
