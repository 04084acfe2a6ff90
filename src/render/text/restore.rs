//! `restore` for people.

use super::table::wrap;
use super::{Look, Paint, argument, count, counted};
use crate::report::{RestoreOutcome, RestoreReport, printable};
use std::io::{self, Write};

/// Writes the report of `restore`.
///
/// # Errors
/// What the writer says.
pub fn restore(report: &RestoreReport, look: &Look, out: &mut dyn Write) -> io::Result<()> {
    let source = report.source.as_deref().map(printable).unwrap_or_default();
    let to = printable(&report.to);
    let head = match report.outcome {
        RestoreOutcome::Restored => look.paint(Paint::Good, &format!("{to}: {source} is restored")),
        RestoreOutcome::Planned => format!("{to}: {source} would be restored; nothing was changed"),
        RestoreOutcome::Refused => look.paint(Paint::Bad, &format!("{to}: refused; nothing was changed")),
        RestoreOutcome::NotEmpty => format!("{to}: holds data already; nothing was changed"),
        RestoreOutcome::Finished => {
            look.paint(Paint::Good, &format!("{to}: the restore of {source} that was killed is finished"))
        }
        RestoreOutcome::Undone => look.paint(Paint::Good, &format!("{to}: what was there before is there again")),
    };
    writeln!(out, "{}", wrap(&head, look.columns(), 4))?;
    if report.outcome == RestoreOutcome::Planned
        || (report.outcome == RestoreOutcome::Refused && report.refused.is_empty())
    {
        steps(report, look, out)?;
    }
    for refusal in &report.refused {
        let force = if refusal.can_be_forced { "; or --force" } else { "" };
        writeln!(out, "{}", wrap(&format!("  {}: {}", refusal.kind, printable(&refusal.what)), look.columns(), 6))?;
        writeln!(out, "{}", wrap(&format!("    way out: {}{force}", printable(&refusal.way_out)), look.columns(), 6))?;
    }
    if let Some(previous) = &report.previous_set {
        let what = match report.outcome {
            RestoreOutcome::Undone => "what had been restored, with what was written since, is in",
            RestoreOutcome::Planned => "what is there now would be kept in",
            _ => "what was there before is in",
        };
        writeln!(out, "{}", wrap(&format!("  {what} {}", printable(previous)), look.columns(), 4))?;
    }
    if matches!(report.outcome, RestoreOutcome::Refused | RestoreOutcome::NotEmpty | RestoreOutcome::Undone) {
        return Ok(());
    }
    for (db, keys) in report.expected_keys.iter().flatten() {
        let expired = report.expired_keys.get(db).copied().unwrap_or_default();
        let expired = if expired > 0 { format!(" ({} more have expired)", count(expired)) } else { String::new() };
        writeln!(out, "  db {db}: {}{expired}", counted(*keys, "key"))?;
    }
    if report.outcome == RestoreOutcome::Planned {
        return Ok(());
    }
    writeln!(out, "back:  rediscover restore --undo {}", argument(&report.to))?;
    match &report.verify {
        Some(verify) => writeln!(out, "next:  start the server, then: {}", printable(verify)),
        None => Ok(()),
    }
}

fn steps(report: &RestoreReport, look: &Look, out: &mut dyn Write) -> io::Result<()> {
    for step in &report.plan {
        let text = format!("{:>4}. {}: {}", step.step, printable(&step.path), printable(&step.action));
        writeln!(out, "{}", wrap(&text, look.columns(), 6))?;
    }
    Ok(())
}
