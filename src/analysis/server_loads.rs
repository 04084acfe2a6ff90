//! What a server does with an append-only file at its start: docs/aof-facts.md as code.

use super::parts::FileRead;
use crate::report::{FirstDamage, LogTotals, Problem, ServerLoad, ServerLoads, Severity, Verdict};
use crate::source::{Origin, Place};

/// Kinds of problems that end a log where a server cuts it off.
const ENDS: [&str; 2] = ["truncated", "open-transaction"];
/// Kinds of problems that are in the log's commands and that a server passes over.
const PASSED_OVER: [&str; 4] = ["exec-without-multi", "nested-multi", "discard-without-multi", "database-number"];

/// What a server does with these files of a source, in their order.
pub(super) fn server_loads(files: &[FileRead], origin: &Origin) -> ServerLoads {
    let total = files.iter().map(|file| file.scope.tally.bytes).fold(0, u64::saturating_add);
    let no = |reason: String| ServerLoads { verdict: ServerLoad::No, bytes_lost: total, reason };
    let many = files.len() > 1;
    if let Place::Log(set) = &origin.place
        && let Some(refused) = set.refused()
    {
        return no(refused);
    }
    for (index, file) in files.iter().enumerate() {
        let name = file.part.file.as_deref().filter(|_| many).map(|name| format!("{name}: ")).unwrap_or_default();
        if let Some(header) = file.scope.prologue.header.filter(|header| !header.is_known()) {
            return no(format!("{name}RDB version {} is newer than any that is known", header.version));
        }
        let log_at = file.scope.tally.log_at.unwrap_or(u64::MAX);
        let stops = |problem: &&Problem| stops(problem, log_at);
        let mut problems = file.examined.integrity.problems.iter().filter(stops).peekable();
        let Some(first) = problems.peek().copied() else { continue };
        // That a transaction is open shows at the end, to which a server may not come; it crashes at the EXEC of one with a
        // DISCARD.
        let before = problems.find(|problem| !matches!(problem.kind.as_str(), "open-transaction" | "discard"));
        let problem = before.filter(|problem| !ENDS.contains(&problem.kind.as_str())).unwrap_or(first);
        let is_last = index.saturating_add(1) == files.len();
        let in_log = problem.offset >= log_at;
        let lost = file.scope.tally.bytes.saturating_sub(problem.offset);
        if !(in_log && ENDS.contains(&problem.kind.as_str())) {
            // Source: Redis 8.6: what it cannot read at the end, in fewer bytes than that.
            let bad = matches!(problem.kind.as_str(), "bad-byte" | "bad-length");
            if in_log && bad && is_last && lost < origin.tails.corrupt_max_bytes {
                let reason =
                    format!("{name}aof-load-corrupt-tail-max-size lets it cut the file off at {}", problem.offset);
                return ServerLoads { verdict: ServerLoad::Truncating, bytes_lost: lost, reason };
            }
            return no(format!("{name}{}", problem.message));
        }
        if !is_last {
            let what = "it ends too early, and is not the last file: the server cuts it off, and then refuses; its second \
                        start goes on without what was cut off";
            return no(format!("{name}{what}"));
        }
        if !origin.tails.load_truncated {
            return no(format!("{name}it ends too early, and aof-load-truncated is no"));
        }
        // Source: every server tried but Valkey 9.1 cuts at the last whole command, and there is none.
        let gone = if log_at > 0 && file.totals.commands == 0 {
            ", most servers at 0: the keys before the commands are then in memory alone"
        } else {
            ""
        };
        return ServerLoads {
            verdict: ServerLoad::Truncating,
            bytes_lost: lost,
            reason: format!("{name}it cuts the file off at {}{gone}", problem.offset),
        };
    }
    ServerLoads { verdict: ServerLoad::Yes, bytes_lost: 0, reason: String::new() }
}

/// Whether a server goes no further than this. What is wrong inside the payload of a RESTORE has a place in the log and no
/// line of its own: servers say so and go on.
fn stops(problem: &Problem, log_at: u64) -> bool {
    let in_payload = problem.offset >= log_at && problem.line.is_none();
    // It is no damage; but without the module no server starts.
    if problem.kind == "module-command" {
        return true;
    }
    problem.severity == Severity::Error && !in_payload && !PASSED_OVER.contains(&problem.kind.as_str())
}

/// Where reading a log first failed, and what can be read after that.
pub(super) fn first_damage(files: &[FileRead], totals: &LogTotals) -> Option<FirstDamage> {
    let file = files.iter().find(|file| file.examined.verdict != Some(Verdict::Intact))?;
    let problem = file.examined.integrity.problems.iter().find(|problem| problem.severity == Severity::Error)?;
    let tally = &file.scope.tally;
    let lost_at_end = match (tally.log_at, tally.unreadable_end) {
        (None, _) => tally.bytes.saturating_sub(problem.offset),
        (Some(_), Some(from)) => tally.bytes.saturating_sub(from),
        (Some(_), None) => 0,
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
