//! What a server does with an append-only file at its start: docs/aof-facts.md as code.

use super::parts::FileRead;
use crate::pipeline::Ended;
use crate::report::{FirstDamage, LogTotals, Problem, ServerLoad, ServerLoads, Severity, Verdict};

/// Kinds of problems that end a log where a server cuts it off.
const ENDS: [&str; 2] = ["truncated", "open-transaction"];
/// Kinds of problems that are in the log's commands and that a server passes over.
const PASSED_OVER: [&str; 3] = ["exec-without-multi", "nested-multi", "database-number"];

/// What a server does with these files, in their order. `cuts`: it has `aof-load-truncated yes`, the default.
pub(super) fn server_loads(files: &[FileRead], cuts: bool) -> ServerLoads {
    let total = files.iter().map(|file| file.scope.tally.bytes).fold(0, u64::saturating_add);
    let no = |reason: String| ServerLoads { verdict: ServerLoad::No, bytes_lost: total, reason };
    let many = files.len() > 1;
    for (index, file) in files.iter().enumerate() {
        let name = file.part.file.as_deref().filter(|_| many).map(|name| format!("{name}: ")).unwrap_or_default();
        let Some(problem) = file.examined.integrity.problems.iter().find(|problem| stops(problem)) else { continue };
        let is_last = index.saturating_add(1) == files.len();
        let in_log = file.scope.tally.log_at.is_some_and(|log| problem.offset >= log);
        if !(in_log && ENDS.contains(&problem.kind.as_str())) {
            return no(format!("{name}{}", problem.message));
        }
        if !is_last {
            return no(format!("{name}it ends too early, and is not the last file"));
        }
        if !cuts {
            return no(format!("{name}it ends too early, and aof-load-truncated is no"));
        }
        return ServerLoads {
            verdict: ServerLoad::Truncating,
            bytes_lost: file.scope.tally.bytes.saturating_sub(problem.offset),
            reason: format!("{name}it cuts the log off at {}", problem.offset),
        };
    }
    ServerLoads { verdict: ServerLoad::Yes, bytes_lost: 0, reason: String::new() }
}

/// Whether a server goes no further than this.
fn stops(problem: &Problem) -> bool {
    problem.severity == Severity::Error && !PASSED_OVER.contains(&problem.kind.as_str())
}

/// Where reading a log first failed, and what can be read after that.
pub(super) fn first_damage(files: &[FileRead], totals: &LogTotals) -> Option<FirstDamage> {
    let file = files.iter().find(|file| file.examined.verdict != Some(Verdict::Intact))?;
    let problem = file.examined.integrity.problems.iter().find(|problem| problem.severity == Severity::Error)?;
    let tally = &file.scope.tally;
    let lost_at_end = match (tally.ended, file.examined.verdict) {
        (Ended::Complete, _) => 0,
        _ => {
            tally.bytes.saturating_sub(tally.skipped.last().map_or(problem.offset, |last| last.to.max(problem.offset)))
        }
    };
    Some(FirstDamage {
        file: file.part.file.as_deref().map(str::to_owned),
        offset: problem.offset,
        line: problem.line,
        expected: problem.expected.clone().unwrap_or_default(),
        found: problem.found.clone().unwrap_or_default(),
        lost_bytes: tally.skipped_bytes.saturating_add(lost_at_end),
        readable_after: totals.after_damage,
    })
}
