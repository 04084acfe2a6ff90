//! `backup prune` and `backup unlock` for people.

use super::table::{Table, wrap};
use super::{Look, Paint, counted};
use crate::base::size;
use crate::report::{Gone, Kept, NotGone, PruneReport, UnlockReport, printable};
use std::collections::BTreeSet;
use std::io::{self, Write};

/// Backups that are listed of each instance, of each sort; the rest are counted.
const LISTED: usize = 100;

/// Writes the report of `backup prune`.
///
/// # Errors
/// What the writer says.
pub fn prune(report: &PruneReport, look: &Look, out: &mut dyn Write) -> io::Result<()> {
    let bytes = report.removed.iter().fold(report.swept.bytes, |sum, one| sum.saturating_add(one.bytes));
    let goes = counted(report.removed.len() as u64, "backup");
    let nothing = report.removed.is_empty() && report.swept.objects == 0;
    let first = match (report.applied, nothing) {
        (_, true) => "nothing to remove".to_owned(),
        (true, false) => format!("{goes} removed, {} freed", size::human(bytes)),
        (false, false) => {
            let plan = look.paint(Paint::Strong, "NOTHING WAS REMOVED: this is a plan");
            format!("{plan}; {goes} would go ({})", size::human(bytes))
        }
    };
    writeln!(out, "{}", wrap(&first, look.columns(), 2))?;
    let names = report.kept.iter().map(|one| &one.name).chain(report.removed.iter().map(|one| &one.name));
    let names = names.chain(report.failed.iter().map(|one| &one.name));
    let instances: BTreeSet<&str> = names.map(|name| instance(name)).collect();
    for instance in instances {
        group(report, instance, look, out)?;
    }
    if report.swept.objects > 0 {
        let verb = if report.applied { "removed" } else { "would go" };
        let text = format!(
            "{} of unfinished backups {verb} ({})",
            counted(report.swept.objects, "object"),
            size::human(report.swept.bytes)
        );
        writeln!(out, "{}", wrap(&text, look.columns(), 2))?;
    }
    if report.swept.too_young > 0 {
        let text = format!(
            "{} of no backup left alone: younger than a day, so one may be running",
            counted(report.swept.too_young, "object")
        );
        writeln!(out, "{}", wrap(&text, look.columns(), 2))?;
    }
    for text in report.warnings.iter().map(|warning| look.paint(Paint::Doubtful, &printable(warning))) {
        writeln!(out, "{}", wrap(&format!("warning: {text}"), look.columns(), 2))?;
    }
    for text in report.exit.reasons.iter().map(|reason| look.paint(Paint::Bad, &printable(reason))) {
        writeln!(out, "{}", wrap(&format!("failed: {text}"), look.columns(), 2))?;
    }
    if !report.applied && !nothing && report.exit.code == 0 {
        writeln!(out, "next: the same with --apply")?;
    }
    Ok(())
}

/// The name without the stamp.
fn instance(name: &str) -> &str {
    name.split_once('/').map_or(name, |(instance, _)| instance)
}

/// The stamp, safe to print.
fn stamp(name: &str) -> String {
    printable(name.split_once('/').map_or(name, |(_, stamp)| stamp)).into_owned()
}

fn group(report: &PruneReport, of: &str, look: &Look, out: &mut dyn Write) -> io::Result<()> {
    let kept: Vec<&Kept> = report.kept.iter().filter(|one| instance(&one.name) == of).collect();
    let removed: Vec<&Gone> = report.removed.iter().filter(|one| instance(&one.name) == of).collect();
    let failed: Vec<&NotGone> = report.failed.iter().filter(|one| instance(&one.name) == of).collect();
    let verb = if report.applied { "removed" } else { "would go" };
    let still = if failed.is_empty() { String::new() } else { format!(", {} still there", failed.len()) };
    let line = format!("{}: {} stay, {} {verb}{still}", printable(of), kept.len(), removed.len());
    writeln!(out, "\n{}", look.paint(Paint::Strong, &line))?;
    if !kept.is_empty() {
        let mut table = Table::new(&["stays", "why"]);
        for one in kept.iter().take(LISTED) {
            table.row(vec![stamp(&one.name), printable(&one.reasons.join("; ")).into_owned()]);
        }
        table.write(look, out)?;
        more(kept.len(), out)?;
    }
    if !removed.is_empty() {
        let mut table = Table::new(&[if report.applied { "removed" } else { "would go" }, ">bytes", "why"]);
        for one in removed.iter().take(LISTED) {
            let why = printable(&one.reasons.join("; ")).into_owned();
            table.row(vec![stamp(&one.name), size::human(one.bytes), why]);
        }
        table.write(look, out)?;
        more(removed.len(), out)?;
    }
    if !failed.is_empty() {
        let mut table = Table::new(&["still there", "why"]);
        for one in failed.iter().take(LISTED) {
            let until = one.locked_until.as_ref().map(|until| format!(" until {until}")).unwrap_or_default();
            table.row(vec![stamp(&one.name), printable(&format!("{}{until}", one.problem)).into_owned()]);
        }
        table.write(look, out)?;
        more(failed.len(), out)?;
    }
    Ok(())
}

fn more(all: usize, out: &mut dyn Write) -> io::Result<()> {
    match all.saturating_sub(LISTED) {
        0 => Ok(()),
        more => writeln!(out, "  and {more} more; --format json lists them"),
    }
}

/// Writes the report of `backup unlock`.
///
/// # Errors
/// What the writer says.
pub fn unlock(report: &UnlockReport, look: &Look, out: &mut dyn Write) -> io::Result<()> {
    if report.removed.is_empty() {
        return writeln!(out, "{}: there is no lock", printable(&report.repository));
    }
    for one in &report.removed {
        let owner = one.owner.as_deref().unwrap_or("somebody");
        let end = match (&one.expires_at, one.held) {
            (Some(end), true) => format!("it would have held until {end}"),
            (Some(end), false) => format!("it had ended at {end}"),
            (None, _) => "it would never have ended".to_owned(),
        };
        let text = format!("removed the lock of {}: {end}", printable(owner));
        writeln!(out, "{}", wrap(&text, look.columns(), 2))?;
    }
    Ok(())
}
