//! `check` as SARIF 2.1.0, which code hosts and CI systems show beside the file.

use super::CheckView;
use crate::report::{CheckReport, Fullness, LoadVerdict, Problem, Severity, SourceCheck};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::{self, Write};

const SCHEMA: &str = "https://json.schemastore.org/sarif-2.1.0.json";

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
    let provenance = &report.provenance;
    let unread = provenance.sources.iter().filter_map(|facts| {
        let error = facts.error.as_ref()?;
        Some(json!({
            "level": "error",
            "message": {"text": error},
            "locations": [{"physicalLocation": {"artifactLocation": {"uri": uri(&facts.source)}}}],
        }))
    });
    let artifacts = provenance.sources.iter().map(|facts| {
        let mut hashes = BTreeMap::new();
        for (name, hash) in [("sha-256", &facts.sha256), ("sha-1", &facts.sha1), ("md5", &facts.md5)] {
            if let Some(hash) = hash {
                hashes.insert(name, hash);
            }
        }
        json!({"location": {"uri": uri(&facts.source)}, "length": facts.bytes, "hashes": hashes})
    });
    let document = json!({
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {
                "name": provenance.tool,
                "version": provenance.version,
                "semanticVersion": provenance.version,
                "rules": rules.list,
            }},
            "invocations": [{
                "executionSuccessful": !matches!(report.exit.code, 1 | 2 | 5 | 130 | 143),
                "exitCode": report.exit.code,
                "startTimeUtc": provenance.started,
                "endTimeUtc": provenance.ended,
                "toolExecutionNotifications": unread.collect::<Vec<_>>(),
            }],
            "artifacts": artifacts.collect::<Vec<_>>(),
            "results": results,
        }],
    });
    super::json::write(&document, out)
}

/// The rules in the order of their first use.
#[derive(Default)]
struct Rules {
    list: Vec<Value>,
    index: BTreeMap<String, usize>,
}

impl Rules {
    fn index(&mut self, id: &str, text: &str) -> usize {
        if let Some(index) = self.index.get(id) {
            return *index;
        }
        let index = self.list.len();
        self.list.push(json!({"id": id, "shortDescription": {"text": text}}));
        self.index.insert(id.to_owned(), index);
        index
    }
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
        "ruleIndex": rules.index(&problem.kind, &text),
        "level": level,
        "message": {"text": super::sentence(problem)},
        "locations": [location(&source.source, Some(problem.offset))],
        "properties": {"doing": problem.doing, "expected": problem.expected, "found": problem.found},
    });
    if let Some(key) = &problem.key {
        let db = problem.db.unwrap_or_default();
        result["locations"][0]["logicalLocations"] = json!([{"name": key.escaped(), "fullyQualifiedName": format!("db{db}/{}", key.escaped()), "kind": "member"}]);
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
        "ruleIndex": rules.index(id, text),
        "level": level,
        "message": {"text": format!("{target}: {}", if on.reason.is_empty() { text } else { &on.reason })},
        "locations": [location(&source.source, on.first.as_ref().map(|first| first.offset))],
        "properties": {"server": on.server, "basis": on.basis, "needs": on.needs},
    }))
}

fn of_limit(rules: &mut Rules, source: &SourceCheck) -> Option<Value> {
    let fits = source.fits.as_ref().filter(|fits| fits.verdict == Fullness::No)?;
    Some(json!({
        "ruleId": "does-not-fit",
        "ruleIndex": rules.index("does-not-fit", "the keyspace needs more memory than there is"),
        "level": "error",
        "message": {"text": super::fullness(fits)},
        "locations": [location(&source.source, None)],
    }))
}

/// A place. The offset counts in the uncompressed stream.
fn location(source: &str, offset: Option<u64>) -> Value {
    let mut place = json!({"artifactLocation": {"uri": uri(source)}});
    if let Some(offset) = offset {
        place["region"] = json!({"byteOffset": offset});
    }
    json!({"physicalLocation": place})
}

/// A path as a relative or `file:` URI: what is neither unreserved nor a slash is percent-encoded.
fn uri(path: &str) -> String {
    let mut out = String::from(if path.starts_with('/') { "file://" } else { "" });
    for byte in path.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => out.push(char::from(byte)),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}
