//! Findings as Timesketch imports them: JSON lines with `message`, `datetime`, `timestamp`, `timestamp_desc`, and the rest as
//! attributes of one type each.

use super::{make_printable, moment, path, sentence, subject};
use crate::report::{Finding, ScanReport};
use serde_json::{Map, Value, json};
use std::io::{self, Write};

/// Writes the findings whose time the evidence gives: that of a log's line or of a command, or when the snapshot was taken.
/// What comes back is how many have none: Timesketch refuses those, and they are left out.
///
/// # Errors
/// What the writer says.
pub fn timesketch(report: &ScanReport, out: &mut dyn Write) -> io::Result<u64> {
    let mut untimed = 0u64;
    for finding in &report.scan.findings {
        let at = moment(report, finding);
        let Some((at, (micros, what))) = at.and_then(|(at, what)| Some((at, (micros(at)?, what)))) else {
            untimed = untimed.saturating_add(1);
            continue;
        };
        let mut fields = self::fields(finding);
        fields.insert("datetime".into(), at.into());
        fields.insert("timestamp".into(), micros.into());
        fields.insert("timestamp_desc".into(), what.into());
        let mut row = Value::Object(fields);
        make_printable(&mut row);
        serde_json::to_writer(&mut *out, &row)?;
        out.write_all(b"\n")?;
    }
    Ok(untimed)
}

fn micros(rfc3339: &str) -> Option<i64> {
    rfc3339.parse::<jiff::Timestamp>().ok().map(jiff::Timestamp::as_microsecond)
}

fn fields(finding: &Finding) -> Map<String, Value> {
    let mut fields = Map::new();
    let mut put = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            fields.insert(name.to_owned(), value);
        }
    };
    let text = |text: &str| Some(Value::from(text));
    let maybe = |value: &Option<String>| value.as_deref().map(Value::from);
    put("message", Some(format!("[{}] {}", finding.severity.name(), sentence(finding)).into()));
    put("data_type", Some("redis:scan:finding".into()));
    put("rule", text(&finding.rule));
    put("rule_version", Some(finding.rule_version.into()));
    put("title", text(&finding.title));
    put("severity", Some(finding.severity.name().into()));
    put("confidence", Some(finding.confidence.name().into()));
    put("category", Some(finding.category.name().into()));
    put("story", text(&finding.story));
    put("source", text(&finding.source));
    put("file", maybe(&finding.file));
    put("db", finding.db.map(Value::from));
    put("key", finding.key.as_ref().map(|key| key.escaped().into()));
    put("type", maybe(&finding.key_type));
    put("where", Some(finding.place.name().into()));
    put("subject", Some(subject(finding).into()));
    put("path", Some(path(finding).into()));
    put("offset", finding.offset.map(Value::from));
    put("match_offset", finding.match_offset.map(Value::from));
    put("match", text(&finding.excerpt));
    put("matches", Some(finding.matches.into()));
    put("fingerprint", maybe(&finding.fingerprint));
    put("expire_at", maybe(&finding.expire_at));
    put("valid_until", maybe(&finding.valid_until));
    put("notes", (!finding.notes.is_empty()).then(|| finding.notes.join("; ").into()));
    put("structural_keys", finding.structural.as_ref().map(|of| of.keys.into()));
    let mut tags = vec![finding.severity.name().to_owned(), finding.category.name().to_owned()];
    tags.extend(finding.attack.iter().cloned());
    put("tag", Some(json!(tags)));
    fields
}
