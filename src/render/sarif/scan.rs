//! `scan` as SARIF.

use super::{Rules, location, log, logical, plain};
use crate::render::scan::{identity, path, sentence, structural};
use crate::report::{Confidence, Finding, ScanReport, Threat, Where};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{self, Write};

/// Writes one run: a result for each finding, a rule for each that found something; a notification for each source that could
/// not be read.
///
/// # Errors
/// What the writer says.
pub fn scan(report: &ScanReport, out: &mut dyn Write) -> io::Result<()> {
    let mut gravest: BTreeMap<&str, Threat> = BTreeMap::new();
    for finding in &report.scan.findings {
        let threat = gravest.entry(&finding.rule).or_default();
        *threat = (*threat).max(finding.severity);
    }
    let mut rules = Rules::default();
    let mut results = Vec::with_capacity(report.scan.findings.len());
    for finding in &report.scan.findings {
        let worst = gravest.get(finding.rule.as_str()).copied().unwrap_or_default();
        let index = rules.index(&finding.rule, || rule(finding, worst));
        results.push(result(finding, index));
    }
    log(&report.provenance, &report.exit, &rules.list, &results, out)
}

fn level(severity: Threat) -> &'static str {
    match severity {
        Threat::Critical | Threat::High => "error",
        Threat::Medium => "warning",
        Threat::Low | Threat::Info => "note",
    }
}

/// On the scale of CVSS, as code hosts sort by it: critical is above 9, high from 7, medium from 4.
fn score(severity: Threat) -> &'static str {
    match severity {
        Threat::Critical => "9.5",
        Threat::High => "8.0",
        Threat::Medium => "5.5",
        Threat::Low => "3.0",
        Threat::Info => "0.0",
    }
}

fn rule(finding: &Finding, worst: Threat) -> Value {
    let mut tags = vec!["security".to_owned(), finding.category.name().to_owned()];
    for id in &finding.attack {
        let tag = format!("external/mitre/{id}");
        // The schema wants each once.
        if !tags.contains(&tag) {
            tags.push(tag);
        }
    }
    let (why, advice) = (&finding.why, &finding.advice);
    let mut rule = json!({
        "shortDescription": {"text": plain(&finding.title)},
        "defaultConfiguration": {"level": level(worst)},
        "properties": {
            "tags": tags,
            "security-severity": score(worst),
            "precision": match finding.confidence {
                Confidence::Low => "low",
                Confidence::Medium | Confidence::Attempted => "medium",
                Confidence::High => "high",
            },
            "story": finding.story,
            "version": finding.rule_version,
        },
    });
    let name = name(&finding.title);
    if !name.is_empty() {
        rule["name"] = name.into();
    }
    if !why.is_empty() {
        rule["fullDescription"] = json!({"text": plain(why)});
    }
    let mut help = vec![plain(why), plain(advice)];
    help.retain(|text| !text.is_empty());
    if !help.is_empty() {
        let mut markdown = String::new();
        for (title, text) in [("Why it matters", why), ("What to do", advice)] {
            if !text.is_empty() {
                let _ = write!(markdown, "**{title}**: {}\n\n", self::markdown(text));
            }
        }
        rule["help"] = json!({"text": help.join("\n\n"), "markdown": markdown.trim_end()});
    }
    rule
}

/// A title as one word: `CronLineWithADownloader`.
fn name(title: &str) -> String {
    let words = title.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let mut name = String::new();
    for word in words {
        let (first, rest) = word.split_at_checked(1).unwrap_or((word, ""));
        name.push_str(&first.to_ascii_uppercase());
        name.push_str(rest);
    }
    name.chars().take(255).collect()
}

/// Text with what Markdown and HTML would take for markup escaped.
fn markdown(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '{' => out.push_str("{{"),
            '}' => out.push_str("}}"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '*' | '_' | '`' | '[' | ']' | '#' | '|' | '~' => {
                out.push('\\');
                out.push(c);
            }
            c => out.push(c),
        }
    }
    out
}

fn result(finding: &Finding, index: usize) -> Value {
    let identity = identity(finding);
    let mut place = location(&finding.source, finding.offset);
    if let (Where::Log, Some(line)) = (finding.place, finding.element.as_ref().and_then(|element| element.line)) {
        place["physicalLocation"]["region"]["startLine"] = line.max(1).into();
    }
    if let Some(key) = &finding.key {
        place["logicalLocations"] = json!([logical(finding.db.unwrap_or_default(), &key.escaped())]);
    }
    let mut properties = json!({
        "severity": finding.severity,
        "confidence": finding.confidence,
        "category": finding.category,
        "story": finding.story,
        "where": finding.place,
        "path": path(finding),
        "matches": finding.matches,
    });
    let more = [
        ("file", finding.file.as_deref().map(Value::from)),
        ("fingerprint", finding.fingerprint.as_deref().map(Value::from)),
        ("matchOffset", finding.match_offset.map(Value::from)),
        ("matchBytes", finding.match_bytes.map(Value::from)),
        ("expireAt", finding.expire_at.as_deref().map(Value::from)),
        ("validUntil", finding.valid_until.as_deref().map(Value::from)),
        ("structural", structural(finding).map(Value::from)),
        ("notes", (!finding.notes.is_empty()).then(|| json!(finding.notes))),
    ];
    for (name, value) in more {
        if let Some(value) = value {
            properties[name] = value;
        }
    }
    json!({
        "ruleId": finding.rule,
        "ruleIndex": index,
        "level": level(finding.severity),
        "message": {"text": plain(&sentence(finding))},
        "locations": [place],
        // The second is the name by which a code host tells alerts apart.
        "partialFingerprints": {"rediscover/v1": identity, "primaryLocationLineHash": format!("{identity}:1")},
        "properties": properties,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_title_is_a_name_and_a_sentence_is_no_markup() {
        assert_eq!(name("Cron line, with a downloader"), "CronLineWithADownloader");
        assert_eq!(name("\u{1b}é"), "");
        assert_eq!(markdown("<b>*x* [a](b)"), "&lt;b&gt;\\*x\\* \\[a\\](b)");
    }
}
