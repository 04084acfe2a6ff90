//! `backup prune` and `backup unlock` for people.

use super::table::wrap;
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

/// All that is said of one instance.
fn group(report: &PruneReport, of: &str, look: &Look, out: &mut dyn Write) -> io::Result<()> {
    let kept: Vec<&Kept> = report.kept.iter().filter(|one| instance(&one.name) == of).collect();
    let removed: Vec<&Gone> = report.removed.iter().filter(|one| instance(&one.name) == of).collect();
    let failed: Vec<&NotGone> = report.failed.iter().filter(|one| instance(&one.name) == of).collect();
    let verb = if report.applied { "removed" } else { "would go" };
    let still = if failed.is_empty() { String::new() } else { format!(", {} still there", failed.len()) };
    let stay = if kept.len() == 1 { "stays" } else { "stay" };
    let line = format!("{}: {} {stay}, {} {verb}{still}", printable(of), kept.len(), removed.len());
    writeln!(out, "\n{}", look.paint(Paint::Strong, &line))?;
    let mut lines = Lines { look, out };
    let kept = kept.iter().map(|one| (&one.name, one.reasons.join("; ")));
    lines.write("stays", None, kept)?;
    let goes = removed.iter().map(|one| (&one.name, format!("{}; {}", size::human(one.bytes), one.reasons.join("; "))));
    lines.write(verb, Some(Paint::Doubtful), goes)?;
    let failed = failed.iter().map(|one| {
        let until = one.locked_until.as_ref().map(|until| format!(" until {until}")).unwrap_or_default();
        (&one.name, format!("{}{until}", one.problem))
    });
    lines.write("failed", Some(Paint::Bad), failed)
}

/// A line for each backup: what becomes of it, its stamp, why.
struct Lines<'a> {
    look: &'a Look,
    out: &'a mut dyn Write,
}

impl Lines<'_> {
    fn write<'n>(
        &mut self,
        word: &str,
        paint: Option<Paint>,
        rows: impl ExactSizeIterator<Item = (&'n String, String)>,
    ) -> io::Result<()> {
        let more = rows.len().saturating_sub(LISTED);
        for (name, why) in rows.take(LISTED) {
            let padded = format!("{word:8}");
            let word = paint.map_or_else(|| padded.clone(), |paint| self.look.paint(paint, &padded));
            let stamp = name.split_once('/').map_or(name.as_str(), |(_, stamp)| stamp);
            let line = format!("  {word}  {}  {}", printable(stamp), printable(&why));
            writeln!(self.out, "{}", wrap(&line, self.look.columns(), 41))?;
        }
        if more > 0 {
            writeln!(self.out, "  {word:8}  and {more} more; --format json lists them")?;
        }
        Ok(())
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
