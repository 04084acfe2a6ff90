//! The page of `scan`.

use super::{Evidence, findings, origin, summary, write};
use crate::render::Look;
use crate::render::text::{by_severity, counted};
use crate::report::{ScanReport, Threat};
use std::io::{self, Write};

/// Writes the report, under 2 MB for any.
///
/// # Errors
/// What the writer says.
pub fn scan(report: &ScanReport, look: &Look, out: &mut dyn Write) -> io::Result<()> {
    let evidence = Evidence {
        command: "scan",
        provenance: &report.provenance,
        exit: &report.exit,
        integrity: &report.integrity,
        look,
        many: report.provenance.sources.len() > 1,
        merged: false,
    };
    let mut sections = findings::sections(&report.scan, look, evidence.many);
    sections.push(origin::integrity(&evidence, ""));
    sections.push(origin::provenance(&evidence));
    write(&evidence, verdict(report), &findings::figures(&report.scan.summary), &sections, out)
}

/// The class, the word, and what it rests on.
fn verdict(report: &ScanReport) -> (&'static str, String, String) {
    let sources = &report.provenance.sources;
    let bad = report.integrity.iter().filter(|source| summary::is_bad(source)).count();
    let unread = sources.iter().filter(|facts| facts.error.is_some()).count();
    let whole = bad == 0 && unread == 0;
    let limits = if whole { "" } else { "; not everything could be read" };
    let detail = format!("in {}{limits}", counted(sources.len() as u64, "source"));
    let number = |threat: Threat| report.scan.summary.by_severity.get(&threat).copied().unwrap_or_default();
    let grave = number(Threat::Critical) > 0 || number(Threat::High) > 0;
    match by_severity(&report.scan.summary) {
        none if none.is_empty() => (if whole { "good" } else { "calm" }, "Nothing found".into(), detail),
        some => (if grave { "bad" } else { "calm" }, some, detail),
    }
}
