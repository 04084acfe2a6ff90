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
            if let Some(effect) = effect(advice) {
                let frees = advice.frees_bytes.map(|bytes| format!(", which frees about {}", size::human(bytes)));
                let text = format!("      {effect}{}", frees.unwrap_or_default());
                writeln!(out, "{}", wrap(&text, look.columns(), 6))?;
            }
        }
    }
    Ok(())
}

/// What the command does to data, where it does something.
pub(in crate::render) fn effect(advice: &Advice) -> Option<&'static str> {
    let command = advice.command.as_ref().filter(|_| advice.destructive)?;
    Some(if command.contains("--plan-script") {
        "writes a script to review; nothing changes until you run that"
    } else {
        "changes data"
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
    if let Some(left) = left_out(plan) {
        writeln!(out, "{}", wrap(&format!("  left out: {left}"), look.columns(), 4))?;
    }
    Ok(())
}

/// The keys that a plan does not name, with the reasons; nothing if it names all.
pub(in crate::render) fn left_out(plan: &PlanScript) -> Option<String> {
    let left = plan.left_out;
    let reasons = [
        (left.expired, "expired"),
        (left.expiring, "with an expiry already"),
        (left.long_names, "with a name over 64 KiB"),
    ];
    let listed = reasons.iter().filter(|(keys, _)| *keys > 0).map(|(keys, why)| format!("{} {why}", count(*keys)));
    Some(listed.collect::<Vec<_>>().join(", ")).filter(|list| !list.is_empty())
}
