//! `scan` as text.

use crate::render::Look;
use crate::report::ScanReport;
use std::io::{self, Write};

/// Writes what was found.
///
/// # Errors
/// What the writer says.
pub fn scan(report: &ScanReport, _: &Look, out: &mut dyn Write) -> io::Result<()> {
    for finding in &report.scan.findings {
        let key = finding.key.as_ref().map(crate::report::KeyName::escaped).unwrap_or_default();
        writeln!(out, "{:<9} {:<20} {key}  {}", finding.severity.name(), finding.rule, finding.excerpt)?;
    }
    writeln!(out, "{} findings", report.scan.findings.len())
}
