//! `check` as SARIF.

use super::{Rules, location, log, logical, plain};
use crate::render::{CheckView, fullness, sentence};
use crate::report::{CheckReport, Fullness, LoadVerdict, Problem, Severity, SourceCheck};
use serde_json::{Value, json};
use std::io::{self, Write};

/// Writes one run: a result for each problem, for a server of `--target` that does not load it, and for a limit that it
/// does not fit into; a notification for each source that could not be read.
///
/// # Errors
/// What the writer says.
pub fn check(report: &CheckReport, view: CheckView<'_>, out: &mut dyn Write) -> io::Result<()> {
    let mut rules = Rules::default();
    let mut results = Vec::new();
    for source in &report.sources {
        for problem in &source.integrity.problems {
            results.push(of_problem(&mut rules, source, problem));
        }
        results.extend(of_target(&mut rules, source, view));
        results.extend(of_limit(&mut rules, source));
    }
    log(&report.provenance, &report.exit, &rules.list, &results, out)
}

fn of_problem(rules: &mut Rules, source: &SourceCheck, problem: &Problem) -> Value {
    let level = match problem.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Note => "note",
    };
    let text = format!("a problem of kind {}", problem.kind);
    let mut result = json!({
        "ruleId": problem.kind,
        "ruleIndex": rules.index(&problem.kind, || json!({"shortDescription": {"text": text}})),
        "level": level,
        "message": {"text": plain(&sentence(problem))},
        "locations": [location(&source.source, Some(problem.offset))],
        "properties": {"doing": problem.doing, "expected": problem.expected, "found": problem.found},
    });
    if let Some(key) = &problem.key {
        result["locations"][0]["logicalLocations"] = json!([logical(problem.db.unwrap_or_default(), &key.escaped())]);
    }
    result
}

fn of_target(rules: &mut Rules, source: &SourceCheck, view: CheckView<'_>) -> Option<Value> {
    let target = view.target?;
    let on = source.loads_on.iter().find(|on| on.server == target)?;
    let (id, level, text) = match on.verdict {
        LoadVerdict::Yes => return None,
        LoadVerdict::WithSetting => ("load-with-setting", "error", "the server loads it only with another setting"),
        LoadVerdict::Lossy if view.lossy => ("load-lossy", "warning", "the server starts, but loses something"),
        LoadVerdict::Lossy => ("load-lossy", "error", "the server starts, but loses something"),
        LoadVerdict::No => ("load-refused", "error", "the server refuses it"),
        LoadVerdict::Unknown => ("load-unknown", "error", "whether the server loads it is not known"),
    };
    Some(json!({
        "ruleId": id,
        "ruleIndex": rules.index(id, || json!({"shortDescription": {"text": text}})),
        "level": level,
        "message": {"text": plain(&format!("{target}: {}", if on.reason.is_empty() { text } else { &on.reason }))},
        "locations": [location(&source.source, on.first.as_ref().map(|first| first.offset))],
        "properties": {"server": on.server, "basis": on.basis, "needs": on.needs},
    }))
}

fn of_limit(rules: &mut Rules, source: &SourceCheck) -> Option<Value> {
    let fits = source.fits.as_ref().filter(|fits| fits.verdict == Fullness::No)?;
    Some(json!({
        "ruleId": "does-not-fit",
        "ruleIndex": rules.index("does-not-fit", || json!({"shortDescription": {"text": "the keyspace needs more memory than there is"}})),
        "level": "error",
        "message": {"text": plain(&fullness(fits))},
        "locations": [location(&source.source, None)],
    }))
}
