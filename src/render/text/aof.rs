//! `aof repair`, `aof cut` and `aof split` for people.

use super::table::wrap;
use super::{Look, Paint, argument, count, counted, named};
use crate::base::size;
use crate::report::{CutReport, DroppedCommand, Output, RepairReport, printable};
use std::io::{self, Write};

/// Commands that are listed; the rest are counted.
const LISTED: usize = 20;
/// Keys of a command that are named.
const KEYS: usize = 3;

/// Writes the report of `aof repair`.
///
/// # Errors
/// What the writer says.
pub fn repair(report: &RepairReport, look: &Look, out: &mut dyn Write) -> io::Result<()> {
    let source = report.provenance.sources.first().map(|facts| facts.source.as_str()).unwrap_or_default();
    let stay = format!("{} stay", counted(report.kept_commands, "command"));
    let goes = match (report.dropped_commands, report.written) {
        (0, _) => "nothing has to go".to_owned(),
        (number, true) => format!("{} left out ({})", count(number), size::human(report.lost_bytes)),
        (number, false) => format!("{} would go ({})", count(number), size::human(report.lost_bytes)),
    };
    writeln!(out, "{}", wrap(&format!("{}: {stay}, {goes}", printable(source)), look.columns(), 4))?;
    for dropped in report.dropped.iter().take(LISTED) {
        writeln!(out, "{}", wrap(&format!("  {}", line(dropped)), look.columns(), 6))?;
    }
    let more = report.dropped_commands.saturating_sub(LISTED.min(report.dropped.len()) as u64);
    if more > 0 {
        writeln!(out, "  and {} more; --format json lists them", count(more))?;
    }
    if report.unplaced_commands > 0 {
        let text = format!(
            "  {} of a database that is not known, because the SELECT before them is lost: they go to the side file; \
             --assume-db N keeps them",
            counted(report.unplaced_commands, "command")
        );
        writeln!(out, "{}", wrap(&text, look.columns(), 4))?;
    }
    if report.rewritten_commands > 0 {
        let text =
            format!("  {} written anew, with the line ends of servers", counted(report.rewritten_commands, "command"));
        writeln!(out, "{}", wrap(&text, look.columns(), 4))?;
    }
    for reason in &report.exit.reasons {
        writeln!(out, "{}", wrap(&format!("  {}", look.paint(Paint::Bad, &printable(reason))), look.columns(), 4))?;
    }
    if !report.written && report.exit.code != 0 {
        return writeln!(out, "next: rediscover aof repair {} --skip-bad -o REPAIRED", argument(source));
    }
    outputs(&report.outputs, report.written, look, out)
}

/// Writes the report of `aof cut` and `aof split`.
///
/// # Errors
/// What the writer says.
pub fn cut(report: &CutReport, look: &Look, out: &mut dyn Write) -> io::Result<()> {
    let source = report.provenance.sources.first().map(|facts| facts.source.as_str()).unwrap_or_default();
    let file = report.file.as_deref().map(|file| format!("{} ", printable(file))).unwrap_or_default();
    let place = super::offset(report.offset);
    let text = if report.schema.contains("split") {
        format!("{}: the log begins at {place}", printable(source))
    } else {
        format!("{}: {file}cut at {place}, {} left out", printable(source), size::human(report.lost_bytes))
    };
    writeln!(out, "{}", wrap(&text, look.columns(), 4))?;
    for reason in &report.exit.reasons {
        writeln!(out, "{}", wrap(&format!("  {}", look.paint(Paint::Bad, &printable(reason))), look.columns(), 4))?;
    }
    outputs(&report.outputs, true, look, out)
}

fn outputs(outputs: &[Output], written: bool, look: &Look, out: &mut dyn Write) -> io::Result<()> {
    for output in outputs {
        let verb = if written { "wrote" } else { "would write" };
        let text = format!("  {verb} {} ({})", printable(&output.path), size::human(output.bytes));
        writeln!(out, "{}", wrap(&text, look.columns(), 4))?;
    }
    // Of a folder its manifest, which is written last.
    let whole = outputs.last().filter(|last| last.path.ends_with(".manifest"));
    if let Some(first) = whole.or(outputs.first()).filter(|_| written) {
        writeln!(out, "next: rediscover check {}", argument(&first.path))?;
    }
    Ok(())
}

/// `appendonly.aof.2.incr.aof 0x1f (31), line 5: set of db 0 "k": damaged, 31 bytes`.
fn line(dropped: &DroppedCommand) -> String {
    let file = dropped.file.as_deref().map(|file| format!("{} ", printable(file))).unwrap_or_default();
    let line = dropped.line.map(|line| format!(", line {line}")).unwrap_or_default();
    let mut what = dropped.command.as_deref().map_or_else(|| "bytes".into(), |name| printable(name).into_owned());
    for (index, key) in dropped.keys.iter().take(KEYS).enumerate() {
        let db = dropped.db.filter(|_| index == 0);
        what.push_str(if index == 0 { " of " } else { ", " });
        what.push_str(&named(db, Some(key)));
    }
    if dropped.keys.len() > KEYS {
        what.push_str(" …");
    }
    let bytes = counted(dropped.bytes, "byte");
    format!("{file}{}{line}: {what}: {}, {bytes}", super::offset(dropped.offset), dropped.reason.words())
}
