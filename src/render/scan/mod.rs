//! Findings for other programs: JSON lines, CSV, Elastic Common Schema, Timesketch; and the words for a finding's place that
//! every form shares.
//!
//! Nothing here computes what was found, and nothing shows more than the finding says: what must not be seen is not in it.

mod attack;
mod csv;
mod ecs;
mod timesketch;

pub use csv::csv;
pub use ecs::ecs;
pub use timesketch::timesketch;

use super::text;
use crate::report::{
    AnalyzeReport, Category, Confidence, Finding, KeyName, Locator, Scan, ScanReport, Threat, Where, hex, printable,
};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::io::{self, Write};

/// Writes one finding to a line, each as it stands in `findings[]` of the JSON document.
///
/// # Errors
/// What the writer says.
pub fn jsonl(report: &ScanReport, out: &mut dyn Write) -> io::Result<()> {
    for finding in &report.scan.findings {
        serde_json::to_writer(&mut *out, finding)?;
        out.write_all(b"\n")?;
    }
    Ok(())
}

/// Findings of one rule at one severity together, at their first finding's place among those of the same story; stories
/// likewise; the gravest severity first.
pub(super) fn grouped(findings: &[Finding]) -> Vec<Vec<&Finding>> {
    let mut stories: BTreeMap<(Threat, &str), usize> = BTreeMap::new();
    let mut groups: BTreeMap<(Reverse<Threat>, usize, usize), Vec<&Finding>> = BTreeMap::new();
    let mut rules: BTreeMap<(Threat, &str, &str), usize> = BTreeMap::new();
    for finding in findings {
        let next = stories.len();
        let story = *stories.entry((finding.severity, &finding.story)).or_insert(next);
        let next = rules.len();
        let rule = *rules.entry((finding.severity, &finding.story, &finding.rule)).or_insert(next);
        groups.entry((Reverse(finding.severity), story, rule)).or_default().push(finding);
    }
    groups.into_values().collect()
}

/// The key, or what stands in its place: `db 0 "user:42"`, `line 7`, `the file as a whole`.
pub(super) fn subject(finding: &Finding) -> String {
    let named = text::named(finding.db, finding.key.as_ref());
    let name = || finding.element.as_ref().and_then(|element| element.name.as_ref()).map(KeyName::escaped);
    match finding.place {
        _ if finding.key.is_some() => named,
        Where::Aux => format!("AUX field {}", quoted_or(name(), "without a name")),
        Where::Function => format!("function library {}", quoted_or(name(), "without a name")),
        Where::File => format!("file {}", quoted_or(name(), "without a name")),
        Where::Log => match finding.element.as_ref().and_then(|element| element.line) {
            Some(line) => format!("line {line} of the log"),
            None => "the log".into(),
        },
        Where::Command => match name() {
            Some(name) => format!("command {name}"),
            None => "a command".into(),
        },
        Where::Structure if named.is_empty() => "the file as a whole".into(),
        _ if named.is_empty() => "the file".into(),
        _ => named,
    }
}

fn quoted_or(name: Option<String>, otherwise: &str) -> String {
    name.map_or_else(|| otherwise.to_owned(), |name| format!("\"{name}\""))
}

/// Which part of it, and how it was decoded: `field "body" > base64 > gzip`.
pub(super) fn path(finding: &Finding) -> String {
    let mut text = element(finding.place, finding.element.as_ref());
    for decoder in &finding.decoded_from {
        text.push_str(" > ");
        text.push_str(&printable(decoder));
    }
    text
}

fn element(place: Where, element: Option<&Locator>) -> String {
    let nothing = Locator::default();
    let at = element.unwrap_or(&nothing);
    let field = at.field.as_ref().map(|field| format!("\"{}\"", field.escaped()));
    let entry = at.id.as_ref().map(|id| format!("entry {} ", printable(id))).unwrap_or_default();
    let number = at.index.map(|index| format!(" {index}")).unwrap_or_default();
    match place {
        Where::Key => "name of the key".into(),
        Where::Value => match field {
            Some(field) => format!("{entry}field {field}"),
            None if entry.is_empty() && at.index.is_some() => format!("value of field{number}"),
            None => format!("{entry}value"),
        },
        Where::Field => match field {
            Some(field) => format!("{entry}name of field {field}"),
            None => format!("{entry}name of field{number}"),
        },
        Where::Element => match &at.member_sha256 {
            Some(hash) => format!("member{number}, sha256 {}…", printable(hash)),
            None if entry.is_empty() => format!("element{number}"),
            None => entry.trim_end().to_owned(),
        },
        Where::Command => match at.argument {
            Some(0) => "name of the command".into(),
            Some(argument) => format!("argument {argument}"),
            None => "whole command".into(),
        },
        Where::Function => "source".into(),
        Where::Aux => "value".into(),
        Where::Structure => "structure".into(),
        Where::Log => "line".into(),
        Where::File => "content".into(),
    }
}

/// What a structural finding stands for: `9,000 of 10,000 keys of session:*`.
pub(super) fn structural(finding: &Finding) -> Option<String> {
    let structural = finding.structural.as_ref()?;
    Some(format!(
        "{} of {} of {}",
        text::count(structural.keys),
        text::counted(structural.of_keys, "key"),
        printable(&structural.prefix)
    ))
}

/// A finding in one sentence: `Cron line: db 0 "backup1", value > base64: "…"`.
pub(super) fn sentence(finding: &Finding) -> String {
    let place = match structural(finding) {
        Some(keys) => keys,
        None => format!("{}, {}", subject(finding), path(finding)),
    };
    let excerpt = match finding.excerpt.as_str() {
        "" => String::new(),
        excerpt => format!(": {}", printable(excerpt)),
    };
    format!("{}: {place}{excerpt}", printable(&finding.title))
}

/// What tells a finding from every other one, whatever else is in its source: 32 hexadecimal digits of rule, key and place.
pub(super) fn identity(finding: &Finding) -> String {
    let key = (&finding.rule, finding.db, &finding.key, finding.place, &finding.element, &finding.decoded_from);
    let what = (&finding.fingerprint, &finding.excerpt, &finding.structural);
    // Without a key, only the offset tells two of them apart.
    let at = finding.offset.filter(|_| finding.key.is_none());
    let bytes = serde_json::to_vec(&(key, what, at)).unwrap_or_default();
    hex(Sha256::digest(bytes).get(..16).unwrap_or_default())
}

/// When a finding was so, and what that is the time of: its own time, or when the snapshot was taken.
fn moment<'a>(report: &'a ScanReport, finding: &'a Finding) -> Option<(&'a str, &'static str)> {
    let own = finding.at.as_deref().map(|at| {
        let what = if finding.place == Where::Log { "Log Line" } else { "Command Written" };
        (at, what)
    });
    let created = || {
        let source = report.integrity.iter().find(|source| source.source == finding.source)?;
        source.created_at.as_deref().map(|at| (at, "Snapshot Created"))
    };
    own.or_else(created)
}

/// The element with every name as text: escaped, so that a column has one type.
fn locator(element: &Locator) -> Map<String, Value> {
    let mut fields = Map::new();
    let mut put = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            fields.insert(name.to_owned(), value);
        }
    };
    put("index", element.index.map(Value::from));
    put("field", element.field.as_ref().map(|name| name.escaped().into()));
    put("member_sha256", element.member_sha256.as_deref().map(Value::from));
    put("id", element.id.as_deref().map(Value::from));
    put("argument", element.argument.map(Value::from));
    put("name", element.name.as_ref().map(|name| name.escaped().into()));
    put("line", element.line.map(Value::from));
    fields
}

/// The same for a structural finding.
fn structure(finding: &Finding) -> Option<Value> {
    let structural = finding.structural.as_ref()?;
    let samples: Vec<_> = structural.samples.iter().map(KeyName::escaped).collect();
    Some(json!({
        "prefix": structural.prefix,
        "keys": structural.keys,
        "of_keys": structural.of_keys,
        "samples": samples,
    }))
}

/// Makes every text in a document safe to show, whatever it came from.
pub(super) fn make_printable(value: &mut Value) {
    match value {
        Value::String(text) => {
            if let Cow::Owned(safe) = printable(text) {
                *text = safe;
            }
        }
        Value::Array(items) => items.iter_mut().for_each(make_printable),
        Value::Object(fields) => fields.values_mut().for_each(make_printable),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// How grave, from 0 to 100: in the middle of the band that the word has in most systems.
fn score(severity: Threat) -> u32 {
    match severity {
        Threat::Info => 5,
        Threat::Low => 21,
        Threat::Medium => 47,
        Threat::High => 73,
        Threat::Critical => 99,
    }
}

/// The same, less for what is less sure.
fn risk(severity: Threat, confidence: Confidence) -> f64 {
    let part = match confidence {
        Confidence::Low => 0.5,
        Confidence::Medium | Confidence::Attempted => 0.75,
        Confidence::High => 1.0,
    };
    f64::from(score(severity)) * part
}

/// Whether the excerpt is text that was there: of secrets and personal data it is only their shape.
fn is_shown(finding: &Finding) -> bool {
    finding.category == Category::Attack
}

/// What `analyze --scan` found, as a report of `scan`.
pub(in crate::render) fn of_analysis(report: &AnalyzeReport) -> Option<ScanReport> {
    let (findings, totals) = (report.findings.as_ref()?, report.scan.as_ref()?);
    Some(ScanReport {
        schema: report.schema.clone(),
        provenance: report.provenance.clone(),
        exit: report.exit.clone(),
        scan: Scan {
            summary: totals.summary.clone(),
            findings: findings.clone(),
            exposure: totals.exposure.clone(),
            cannot_show: totals.cannot_show.clone(),
        },
        integrity: report.integrity.clone(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_told_by_what_it_is() {
        let at = |place, element| path(&Finding { place, element: Some(element), ..Finding::default() });
        let name = |bytes: &[u8]| Some(KeyName::whole(bytes));
        assert_eq!(at(Where::Value, Locator { field: name(b"a\x1b"), ..Locator::default() }), "field \"a\\x1b\"");
        assert_eq!(at(Where::Field, Locator { index: Some(3), ..Locator::default() }), "name of field 3");
        let entry = Locator { id: Some("1-1".into()), field: name(b"f"), index: Some(0), ..Locator::default() };
        assert_eq!(at(Where::Value, entry), "entry 1-1 field \"f\"");
        let member = Locator { index: Some(7), member_sha256: Some("ab".into()), ..Locator::default() };
        assert_eq!(at(Where::Element, member), "member 7, sha256 ab…");
        let decoded = Finding { decoded_from: vec!["base64".into(), "gzip".into()], ..Finding::default() };
        assert_eq!(path(&decoded), "value > base64 > gzip");
    }

    #[test]
    fn two_places_have_two_identities_and_a_moved_key_keeps_its_own() {
        let one =
            Finding { rule: "X-1".into(), key: Some(KeyName::whole(b"a")), offset: Some(9), ..Finding::default() };
        let moved = Finding { offset: Some(900), source: "other".into(), ..one.clone() };
        let other = Finding { key: Some(KeyName::whole(b"b")), ..one.clone() };
        assert_eq!(identity(&one), identity(&moved));
        assert_ne!(identity(&one), identity(&other));
        let command = Finding { key: None, ..one };
        assert_ne!(identity(&command), identity(&Finding { offset: Some(10), ..command.clone() }));
    }
}
