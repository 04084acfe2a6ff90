//! `backup run` for people: a line for each instance, and what failed of it.

use super::table::wrap;
use super::{Look, Paint, count, counted};
use crate::base::size;
use crate::report::{BackupRunReport, InstanceRun, StepOutcome, printable};
use std::io::{self, Write};

/// Writes the report of `backup run`.
///
/// # Errors
/// What the writer says.
pub fn run(report: &BackupRunReport, look: &Look, out: &mut dyn Write) -> io::Result<()> {
    for one in &report.instances {
        let (paint, word) = match (one.code, &one.backup) {
            (0, Some(created)) if created.backup.status != "good" => (Paint::Doubtful, created.backup.status.as_str()),
            (0, _) => (Paint::Good, "ok"),
            _ => (Paint::Bad, "failed"),
        };
        let facts = facts(one).join(", ");
        let text =
            format!("{}: {}{facts} ({} ms)", printable(&one.instance), look.paint(paint, word), count(one.duration_ms));
        writeln!(out, "{}", wrap(&text, look.columns(), 4))?;
        for problem in &one.problems {
            let text = format!("  {}", look.paint(Paint::Bad, &printable(problem)));
            writeln!(out, "{}", wrap(&text, look.columns(), 4))?;
        }
    }
    let failed = report.instances.iter().filter(|one| one.code != 0).count();
    match failed {
        0 => writeln!(out, "{}, all ok", counted(report.instances.len() as u64, "instance")),
        failed => writeln!(out, "{failed} of {} failed", counted(report.instances.len() as u64, "instance")),
    }
}

/// `, prod/2026…: 12 keys, 1.0 KiB stored, verify: …`.
fn facts(one: &InstanceRun) -> Vec<String> {
    let mut facts = vec![String::new()];
    if let Some(created) = &one.backup {
        let row = &created.backup;
        let change = created.change_percent.map(|percent| format!(" ({percent:+.1} %)")).unwrap_or_default();
        facts.push(format!(
            "{}, {}{change}, {} stored",
            printable(&row.name),
            counted(row.keys, "key"),
            size::human(row.stored_bytes)
        ));
    }
    let done = one.steps.iter().filter(|step| step.outcome == StepOutcome::Done && step.step != "create");
    facts.extend(done.filter(|step| !step.detail.is_empty()).map(|step| printable(&step.detail).into_owned()));
    // An empty first one sets a comma after the word.
    facts
}
