//! What a scan found, on the page of `scan` and on that of `analyze --scan`: findings by rule, what is exposed, what is not
//! shown, what cannot be.

use super::table::{Cell, Limited, Table, more};
use super::{Section, escaped, words};
use crate::render::Look;
use crate::render::scan::{grouped, path, structural, subject};
use crate::render::text::{confidence, count, counted, distinct, looked_through, not_looked_through, offset, until};
use crate::report::{Finding, Scan, ScanSummary, Threat, Where};
use std::fmt::Write;

/// Rules on the page, and their bytes.
const MOST_RULES: u64 = 500;
const MOST_BYTES: usize = 500_000;
/// Places of one rule, and their bytes.
const MOST_PLACES: u64 = 200;
const MOST_PLACES_BYTES: usize = 150_000;
/// Places of a grave rule that is open from the beginning.
const MOST_OPEN: usize = 5;
/// Notes of a finding, and samples of a structural one.
const MOST_NOTES: usize = 5;

/// How many findings there are of each severity.
pub(super) fn figures(summary: &ScanSummary) -> String {
    let mut out = String::from("<dl class=\"figures severities\">\n");
    for threat in Threat::ALL {
        let number = summary.by_severity.get(&threat).copied().unwrap_or_default();
        let zero = if number == 0 { " zero" } else { "" };
        let name = threat.name();
        let _ = writeln!(out, "<div class=\"{name}{zero}\"><dt>{name}</dt><dd>{}</dd></div>", count(number));
    }
    out.push_str("</dl>\n");
    let _ = writeln!(out, "<p class=\"model\">Scanned {}.</p>", looked_through(summary));
    for line in not_looked_through(summary) {
        let _ = writeln!(out, "<p class=\"model\">{line}.</p>");
    }
    out
}

/// The parts of the page. Rows name their source where there are several.
pub(super) fn sections(scan: &Scan, look: &Look, many: bool) -> Vec<Section> {
    let parts = [Some(findings(scan, look, many)), exposure(scan, look), hidden(&scan.summary), cannot_show(scan)];
    parts.into_iter().flatten().collect()
}

fn findings(scan: &Scan, look: &Look, many: bool) -> Section {
    let rules = grouped(&scan.findings);
    let mut items = Limited::new(MOST_RULES, MOST_BYTES);
    let out = rules.iter().filter(|of| !items.push(&rule(of, look, many)));
    let left = out.fold(0u64, |sum, of| sum.saturating_add(of.len() as u64));
    let body = if items.html.is_empty() {
        "<p class=\"lead\">Nothing was found. What that can mean is below.</p>\n".to_owned()
    } else {
        format!("<div class=\"findings\">\n{}</div>{}\n", items.html, more(left))
    };
    Section::new("findings", "Findings", body)
}

/// What one rule found at one severity: a line to open.
fn rule(of: &[&Finding], look: &Look, many: bool) -> String {
    let Some(first) = of.first() else { return String::new() };
    let severity = first.severity.name();
    let (title, id, story) = (words::text(&first.title), words::text(&first.rule), words::text(&first.story));
    let attack: Vec<_> = first.attack.iter().map(|id| words::text(id)).collect();
    let attack = attack.join(" ");
    let open = if first.severity >= Threat::High && of.len() <= MOST_OPEN { " open" } else { "" };
    let mut out = format!(
        "<details data-severity=\"{severity}\" data-story=\"{story}\" data-words=\"{title} {id} {story} {attack} {severity}\"{open}>\
         <summary><span class=\"badge {severity}\">{severity}</span> <span class=\"t\">{title}</span> \
         <span class=\"m\">{}</span></summary>\n<p class=\"m\">{story}{}{id}, version {}{}, {}</p>",
        counted(of.len() as u64, "place"),
        if story.is_empty() { "" } else { " · " },
        first.rule_version,
        if attack.is_empty() { String::new() } else { format!(" · ATT&amp;CK {attack}") },
        confidence(first.confidence),
    );
    for (label, class, text) in [("Why it matters", "why", &first.why), ("What to do", "do", &first.advice)] {
        if !text.is_empty() {
            let _ = writeln!(out, "<p class=\"{class}\"><b>{label}:</b> {}</p>", words::text(text));
        }
    }
    let mut places = Limited::new(MOST_PLACES, MOST_PLACES_BYTES);
    let _ = of.iter().all(|finding| places.push(&place(finding, look, many)));
    let _ = writeln!(out, "<ul class=\"places\">\n{}</ul>{}</details>", places.html, more(places.left_of(of.len())));
    out
}

fn place(finding: &Finding, look: &Look, many: bool) -> String {
    let mut facts = Vec::new();
    let mut out = String::from("<li><p>");
    if many {
        let _ = write!(out, "{}: ", words::source(&finding.source));
    }
    if let Some(file) = &finding.file {
        let _ = write!(out, "{}: ", words::source(file));
    }
    if let Some(keys) = structural(finding) {
        let samples = finding.structural.iter().flat_map(|of| &of.samples).take(MOST_NOTES).map(words::name);
        let samples = samples.collect::<Vec<_>>().join(", ");
        let such = if samples.is_empty() { "" } else { ", such as " };
        let _ = write!(out, "<bdi>{}</bdi>{such}{samples}", words::text(&keys));
    } else {
        match (&finding.key, finding.db) {
            (Some(key), Some(db)) => {
                let _ = write!(out, "db {db} {}", words::name(key));
            }
            (Some(key), None) => out.push_str(&words::name(key)),
            (None, _) => {
                let _ = write!(out, "<bdi>{}</bdi>", words::text(&subject(finding)));
            }
        }
        facts.extend(finding.key_type.as_deref().map(words::text));
    }
    out.push_str("</p>");
    if !matches!(finding.place, Where::Log | Where::File | Where::Structure) || !finding.decoded_from.is_empty() {
        facts.push(format!("<bdi>{}</bdi>", words::text(&path(finding))));
    }
    if let Some(at) = finding.offset {
        facts.push(format!("at {}", offset(at)));
    }
    if let Some(at) = finding.match_offset.filter(|at| *at > 0 && finding.structural.is_none()) {
        facts.push(format!("byte {} of the text", count(at)));
    }
    if finding.matches > 1 {
        facts.push(format!("{} matches", count(finding.matches)));
    }
    let times = [("", &finding.at), ("expires ", &finding.expire_at), ("valid until ", &finding.valid_until)];
    for (what, at) in times {
        facts.extend(at.as_deref().map(|at| format!("{what}{}", escaped(&look.time(at)))));
    }
    if let Some(fingerprint) = &finding.fingerprint {
        facts.push(format!("fingerprint {}", words::text(fingerprint)));
    }
    let facts: String = facts.iter().map(|fact| format!("<span>{fact}</span>")).collect();
    let _ = write!(out, "<p class=\"m\">{facts}</p>");
    for note in finding.notes.iter().take(MOST_NOTES) {
        let _ = write!(out, "<p class=\"note\">{}</p>", words::text(note));
    }
    if !finding.excerpt.is_empty() {
        let _ = write!(out, "<code dir=\"ltr\">{}</code>", words::text(&finding.excerpt));
    }
    out.push_str("</li>\n");
    out
}

fn exposure(scan: &Scan, look: &Look) -> Option<Section> {
    let all = &scan.exposure;
    if all.is_empty() {
        return None;
    }
    let titles = ["rule", "v>keys", ">different values", ">unexpired", "until", "where"];
    let mut table = Table::new("Exposed", &titles).limits(200, 100_000).with_tools();
    for of in all {
        let mut places: Vec<_> = of
            .prefixes
            .iter()
            .take(MOST_NOTES)
            .map(|prefix| format!("<bdi class=\"k\">{}</bdi> {}", words::text(&prefix.prefix), count(prefix.keys)))
            .collect();
        let left = of.prefixes.len().saturating_sub(places.len());
        if left > 0 {
            places.push(format!("{} more", count(left as u64)));
        }
        let row = [
            Cell::wide(&format!("{}<br><span class=\"none\">{}</span>", words::text(&of.title), words::text(&of.rule))),
            Cell::count(of.keys),
            Cell::number(Some(of.distinct_values), &distinct(of)),
            Cell::count(of.unexpired),
            Cell::html(&escaped(&until(of, |at| look.time(at).into_owned()))),
            Cell::wide(&places.join("<br>")),
        ];
        if !table.row(row) {
            break;
        }
    }
    let lead = "<p class=\"lead\">Secrets and personal data, by what they are. Unexpired are keys that were still there, and \
                tokens that were still valid, when the snapshot was taken.</p>";
    Some(Section::new("exposure", "Exposed", format!("{lead}{}", table.finish(all.len()))))
}

fn hidden(summary: &ScanSummary) -> Option<Section> {
    let numbers = [
        (summary.suppressed, "on the allow-list"),
        (summary.known, "known from the baseline"),
        (summary.not_listed, "counted only, past the limit of their rule"),
    ];
    let some = numbers.into_iter().filter(|(number, _)| *number > 0);
    let mut items: String = some.map(|(number, what)| format!("<li>{} {what}</li>", count(number))).collect();
    if items.is_empty() {
        return None;
    }
    let mut reasons = Limited::new(50, 40_000);
    for by in &summary.suppressed_by {
        let until = by.expires.as_deref().map(|day| format!(", until {}", words::text(day))).unwrap_or_default();
        let reason = words::text(&by.reason);
        if !reasons.push(&format!("<li>{} allowed{until}: {reason}</li>", count(by.findings))) {
            break;
        }
    }
    items.push_str(&reasons.html);
    let left = more(reasons.left_of(summary.suppressed_by.len()));
    Some(Section::new("hidden", "Not shown", format!("<ul class=\"limits\">{items}</ul>{left}")))
}

fn cannot_show(scan: &Scan) -> Option<Section> {
    if scan.cannot_show.is_empty() {
        return None;
    }
    let mut items = Limited::new(50, 40_000);
    let _ = scan.cannot_show.iter().all(|line| items.push(&format!("<li>{}</li>", words::text(line))));
    let body = format!("<ul class=\"limits\">{}</ul>{}", items.html, more(items.left_of(scan.cannot_show.len())));
    Some(Section::new("limits", "What this cannot show", body))
}
