//! What to do, from what was found.

use crate::report::{Advice, AnalyzeReport};

/// The advice that a report comes to, most pressing first: a pure function of what was found.
pub fn advise(report: &AnalyzeReport) -> Vec<Advice> {
    let _ = report;
    Vec::new()
}
