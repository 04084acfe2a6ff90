//! Advice, and the plan that was written.

use super::super::table::wrap;
use super::super::{Look, Paint, count, counted};
use crate::base::size;
use crate::report::{Advice, PlanScript, Severity, printable};
use std::io::{self, Write};

/// Each with its evidence and its command: that is one line, however long, so that it can be copied.
pub(super) fn advice(all: &[Advice], look: &Look, out: &mut dyn Write) -> io::Result<()> {
    if all.is_empty() {
        return Ok(());
    }
    writeln!(out, "\nadvice")?;
    for advice in all {
        let (mark, paint) = match advice.severity {
            Severity::Error => ("!!", Paint::Bad),
            Severity::Warning => ("!", Paint::Doubtful),
            Severity::Note => ("-", Paint::Strong),
        };
        let text = format!("  {} {}", look.paint(paint, mark), printable(&advice.message));
        writeln!(out, "{}", wrap(&text, look.columns(), 4))?;
        writeln!(out, "{}", wrap(&format!("    {}", printable(&advice.evidence)), look.columns(), 4))?;
        if let Some(command) = &advice.command {
            writeln!(out, "    $ {}", printable(command))?;
            if let Some(effect) = effect(advice, command) {
                writeln!(out, "{}", wrap(&format!("      {effect}"), look.columns(), 6))?;
            }
        }
    }
    Ok(())
}

/// What the command does, where it does something.
fn effect(advice: &Advice, command: &str) -> Option<String> {
    if !advice.destructive {
        return None;
    }
    let frees =
        advice.frees_bytes.map(|bytes| format!(", which frees about {}", size::human(bytes))).unwrap_or_default();
    Some(if command.contains("--plan-script") {
        format!("writes a script to review; nothing changes until you run that{frees}")
    } else {
        format!("changes data{frees}")
    })
}

/// What was written, and what was not.
pub(super) fn plan(plan: &PlanScript, look: &Look, out: &mut dyn Write) -> io::Result<()> {
    let memory = plan.memory_bytes.map(|bytes| format!("{} in memory, ", size::human(bytes))).unwrap_or_default();
    let text = format!(
        "plan written to {}: {} of {}, {memory}{} serialized; nothing was run",
        printable(&plan.file),
        printable(&plan.action),
        counted(plan.keys, "key"),
        size::human(plan.serialized_bytes)
    );
    writeln!(out, "\n{}", wrap(&text, look.columns(), 2))?;
    let left = plan.left_out;
    let reasons = [
        (left.expired, "expired"),
        (left.expiring, "with an expiry already"),
        (left.long_names, "with a name over 64 KiB"),
    ];
    let reasons: Vec<_> = reasons.iter().filter(|(keys, _)| *keys > 0).collect();
    if !reasons.is_empty() {
        let list: Vec<_> = reasons.iter().map(|(keys, why)| format!("{} {why}", count(*keys))).collect();
        writeln!(out, "{}", wrap(&format!("  left out: {}", list.join(", ")), look.columns(), 4))?;
    }
    Ok(())
}
