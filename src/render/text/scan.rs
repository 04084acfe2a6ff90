//! `scan` for people: the verdict, what was scanned, what was found from the gravest on, what it cannot show, what to do next.

use super::table::{Table, wrap};
use super::{Look, Paint, argument, count, counted, offset};
use crate::base::size;
use crate::render::not_intact;
use crate::render::scan::{grouped, path, structural, subject};
use crate::report::{
    Category, Confidence, Exposure, Finding, KeyName, ScanReport, ScanSummary, SourceIntegrity, Threat, Verdict, Where,
    printable,
};
use std::collections::BTreeSet;
use std::io::{self, Write};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Places that are listed of one rule.
const PLACES: usize = 5;
/// Sources that are listed.
const SOURCES: usize = 10;
/// Reasons of the allow-list that are listed.
const REASONS: usize = 10;
/// Columns of one paragraph, whatever a rule file or a name puts into it.
const LONGEST: usize = 1500;
/// What leads to everything that is not listed here.
const MORE: &str = "--format json lists them";

/// Writes the report.
///
/// # Errors
/// What the writer says.
pub fn scan(report: &ScanReport, look: &Look, out: &mut dyn Write) -> io::Result<()> {
    let text = Text { report, look, many: report.provenance.sources.len() > 1 };
    text.verdict(out)?;
    text.scanned(out)?;
    text.findings(out)?;
    text.exposure(out)?;
    text.hidden(out)?;
    text.cannot_show(out)?;
    text.next(out)
}

/// Writes what `analyze --scan` found, as a part of its report.
pub(super) fn part(report: &ScanReport, look: &Look, out: &mut dyn Write) -> io::Result<()> {
    let text = Text { report, look, many: report.provenance.sources.len() > 1 };
    let found = by_severity(&report.scan.summary);
    writeln!(out, "scan: {}", if found.is_empty() { "nothing found" } else { &found })?;
    writeln!(out, "  scanned {}", looked_through(&report.scan.summary))?;
    text.findings(out)?;
    text.exposure(out)?;
    text.hidden(out)?;
    text.cannot_show(out)
}

/// Findings by severity: `3 critical, 2 high`; empty if there are none.
pub(in crate::render) fn by_severity(summary: &ScanSummary) -> String {
    let number = |threat: &Threat| summary.by_severity.get(threat).copied().unwrap_or_default();
    let some = Threat::ALL.into_iter().filter(|threat| number(threat) > 0);
    some.map(|threat| format!("{} {}", count(number(&threat)), threat.name())).collect::<Vec<_>>().join(", ")
}

/// How sure, in words that need no key to them.
pub(in crate::render) fn confidence(confidence: Confidence) -> &'static str {
    match confidence {
        Confidence::Low => "low confidence",
        Confidence::Medium => "medium confidence",
        Confidence::High => "high confidence",
        Confidence::Attempted => "attempted, its effect is not proven",
    }
}

/// What was looked through: `12 keys, 40 texts, 1.5 KiB, 80 rules`.
pub(in crate::render) fn looked_through(summary: &ScanSummary) -> String {
    let mut text =
        format!("{}, {}, {}", counted(summary.keys, "key"), counted(summary.texts, "text"), size::human(summary.bytes));
    if summary.decoded_bytes > 0 {
        text.push_str(&format!(" and {} decoded from them", size::human(summary.decoded_bytes)));
    }
    text.push_str(&format!(", {}", counted(summary.rules, "rule")));
    text
}

/// What was not looked at to its end.
pub(in crate::render) fn not_looked_through(summary: &ScanSummary) -> Vec<String> {
    let mut lines = Vec::new();
    if summary.decodings_cut > 0 {
        let what = counted(summary.decodings_cut, "decoding");
        lines.push(format!("{what} cut at the bound: what lies behind it was not scanned"));
    }
    if summary.not_scanned > 0 {
        lines.push(format!("{} could not be looked into", counted(summary.not_scanned, "value")));
    }
    lines
}

/// The last moment at which something exposed is valid.
pub(in crate::render) fn until(exposure: &Exposure, at: impl Fn(&str) -> String) -> String {
    match &exposure.latest_expiry {
        _ if exposure.unexpired == 0 => "-".into(),
        Some(until) => at(until),
        None => "no end".into(),
    }
}

/// Different values, and whether that is an estimate.
pub(in crate::render) fn distinct(exposure: &Exposure) -> String {
    let about = if exposure.distinct_estimated { "~" } else { "" };
    format!("{about}{}", count(exposure.distinct_values))
}

struct Text<'a> {
    report: &'a ScanReport,
    look: &'a Look,
    many: bool,
}

impl Text<'_> {
    fn prose(&self, text: &str, indent: usize, out: &mut dyn Write) -> io::Result<()> {
        let columns = self.look.columns();
        let text = chopped(&super::shortened(text, LONGEST), columns.saturating_sub(indent).max(8));
        writeln!(out, "{}", wrap(&text, columns, indent))
    }

    fn paint(&self, severity: Threat, text: &str) -> String {
        let paint = match severity {
            Threat::Critical | Threat::High => Paint::Bad,
            Threat::Medium | Threat::Low => Paint::Doubtful,
            Threat::Info => Paint::Strong,
        };
        self.look.paint(paint, text)
    }

    fn is_bad(source: &SourceIntegrity) -> bool {
        source.verdict.is_some_and(|verdict| verdict != Verdict::Intact)
    }

    fn verdict(&self, out: &mut dyn Write) -> io::Result<()> {
        let report = self.report;
        let sources = &report.provenance.sources;
        let tally = by_severity(&report.scan.summary);
        let bad = report.integrity.iter().filter(|source| Self::is_bad(source)).count();
        let unread = sources.iter().filter(|facts| facts.error.is_some()).count();
        let whole = bad == 0 && unread == 0;
        let what = if tally.is_empty() {
            let paint = if whole { Paint::Good } else { Paint::Doubtful };
            self.look.paint(paint, "nothing found")
        } else {
            let gravest = Threat::ALL.into_iter().find(|threat| report.scan.summary.by_severity.get(threat) > Some(&0));
            self.paint(gravest.unwrap_or_default(), &tally)
        };
        let place = match sources.as_slice() {
            [one] => printable(&one.source).into_owned(),
            all if tally.is_empty() => counted(all.len() as u64, "source"),
            all => {
                let with: BTreeSet<&str> = report.scan.findings.iter().map(|finding| finding.source.as_str()).collect();
                format!("{} of {}", count(with.len() as u64), counted(all.len() as u64, "source"))
            }
        };
        let limits = if whole { "" } else { "; not everything could be read" };
        self.prose(&format!("{what} in {place}{limits}"), 4, out)
    }

    fn scanned(&self, out: &mut dyn Write) -> io::Result<()> {
        let report = self.report;
        writeln!(out)?;
        self.prose(&format!("scanned {}", looked_through(&report.scan.summary)), 4, out)?;
        for line in not_looked_through(&report.scan.summary) {
            self.prose(&format!("  {line}"), 4, out)?;
        }
        for facts in report.provenance.sources.iter().take(SOURCES) {
            let of = report.integrity.iter().find(|source| source.source == facts.source);
            let bytes = size::human(facts.bytes);
            let taken =
                of.and_then(|source| source.created_at.as_deref()).map(|at| format!(", taken {}", self.look.time(at)));
            let server = of.and_then(|source| source.server_version.as_deref());
            let server = server.map(|server| format!(", written by {}", printable(server))).unwrap_or_default();
            let about = format!("{bytes}{server}{}", taken.unwrap_or_default());
            let state = match (&facts.error, of) {
                (Some(error), _) => {
                    let own = error.strip_prefix(facts.source.as_str()).and_then(|rest| rest.strip_prefix(": "));
                    let error = printable(own.unwrap_or(error)).into_owned();
                    let state = if of.is_some() { "not read to its end" } else { "not read" };
                    format!("{}: {error}", self.look.paint(Paint::Bad, state))
                }
                (None, Some(source)) => match source.verdict {
                    Some(verdict) if verdict != Verdict::Intact => {
                        let (what, _) = not_intact(verdict, &source.integrity);
                        format!("{about}; {}", self.look.paint(Paint::Bad, &printable(&what)))
                    }
                    verdict => format!("{about}; {}", self.look.verdict(verdict)),
                },
                (None, None) => about,
            };
            self.prose(&format!("  {}: {state}", printable(&facts.source)), 4, out)?;
            if let Some(hash) = &facts.sha256 {
                writeln!(out, "    sha256 {}", printable(hash))?;
            }
        }
        let more = report.provenance.sources.len().saturating_sub(SOURCES);
        if more > 0 {
            writeln!(out, "  and {}: {MORE}", counted(more as u64, "more source"))?;
        }
        Ok(())
    }

    fn findings(&self, out: &mut dyn Write) -> io::Result<()> {
        let groups = grouped(&self.report.scan.findings);
        let mut told = BTreeSet::new();
        for severity in Threat::ALL {
            self.of_severity(severity, &groups, &mut told, out)?;
        }
        Ok(())
    }

    fn of_severity<'a>(
        &self,
        severity: Threat,
        groups: &[Vec<&'a Finding>],
        told: &mut BTreeSet<&'a str>,
        out: &mut dyn Write,
    ) -> io::Result<()> {
        let of: Vec<_> =
            groups.iter().filter(|of| of.first().is_some_and(|first| first.severity == severity)).collect();
        if of.is_empty() {
            return Ok(());
        }
        let number = self.report.scan.summary.by_severity.get(&severity).copied().unwrap_or_default();
        let head = format!("{} ({})", severity.name().to_uppercase(), count(number));
        writeln!(out, "\n{}", self.paint(severity, &head))?;
        let mut story = "";
        for rule in of {
            let own = rule.first().map_or("", |first| first.story.as_str());
            if own != story {
                story = own;
                writeln!(out)?;
                self.prose(&format!("  {}", self.look.paint(Paint::Strong, &printable(story))), 4, out)?;
            }
            let again = !told.insert(rule.first().map_or("", |first| first.rule.as_str()));
            self.of_rule(rule, again, out)?;
        }
        Ok(())
    }

    fn of_rule(&self, of: &[&Finding], again: bool, out: &mut dyn Write) -> io::Result<()> {
        let Some(first) = of.first() else { return Ok(()) };
        writeln!(out)?;
        self.prose(&format!("    {}", self.look.paint(Paint::Strong, &printable(&first.title))), 6, out)?;
        let mut about = vec![printable(&first.rule).into_owned()];
        if !first.attack.is_empty() {
            about.push(format!("ATT&CK {}", printable(&first.attack.join(" "))));
        }
        about.push(confidence(first.confidence).to_owned());
        if first.technique_severity > first.severity {
            about.push(format!("{} on servers that allow it", first.technique_severity.name()));
        }
        self.prose(&format!("    {}", about.join(", ")), 6, out)?;

        // What is said of each of them is said once.
        let shared = |note: &&String| of.len() > 1 && of.iter().all(|finding| finding.notes.contains(note));
        let common: Vec<&String> = first.notes.iter().filter(shared).collect();
        for finding in of.iter().take(PLACES) {
            self.place(finding, &common, out)?;
        }
        let more = of.len().saturating_sub(PLACES);
        if more > 0 {
            writeln!(out, "      and {} more: {MORE}", count(more as u64))?;
        }
        if again {
            writeln!(out, "    why and what to do: as above")?;
        }
        let said = [("why", &first.why), ("do", &first.advice)].into_iter().filter(|(_, text)| !text.is_empty());
        let notes = common.into_iter().map(|note| ("note", note));
        for (label, text) in notes.chain(said.filter(|_| !again)) {
            self.prose(&format!("    {label:<4} {}", printable(text)), 9, out)?;
        }
        Ok(())
    }

    fn place(&self, finding: &Finding, common: &[&String], out: &mut dyn Write) -> io::Result<()> {
        let source = if self.many { format!("{}: ", printable(&finding.source)) } else { String::new() };
        let file = finding.file.as_deref().map(|file| format!("{}: ", printable(file))).unwrap_or_default();
        let mut line = format!("    - {source}{file}");
        if let Some(keys) = structural(finding) {
            line.push_str(&keys);
            let samples = finding.structural.iter().flat_map(|of| &of.samples);
            let samples: Vec<_> = samples.map(|key| format!("\"{}\"", short(key))).collect();
            if !samples.is_empty() {
                line.push_str(&format!(", such as {}", samples.join(", ")));
            }
        } else {
            line.push_str(&subject(finding));
            if let Some(ty) = finding.key_type.as_deref() {
                line.push_str(&format!(", {}", printable(ty)));
            }
            if let Some(at) = finding.offset.filter(|_| finding.place != Where::Structure || finding.offset != Some(0))
            {
                line.push_str(&format!(", at {}", offset(at)));
            }
            if let Some(at) = finding.expire_at.as_deref() {
                line.push_str(&format!(", expires {}", self.look.time(at)));
            }
            if let Some(at) = finding.at.as_deref() {
                line.push_str(&format!(", {}", self.look.time(at)));
            }
        }
        self.prose(&line, 8, out)?;
        let mut inside = match finding.place {
            Where::Log | Where::File | Where::Structure if finding.decoded_from.is_empty() => String::new(),
            _ => path(finding),
        };
        let at = finding.match_offset.filter(|at| *at > 0 && finding.structural.is_none());
        if let (Some(at), false) = (at, inside.is_empty()) {
            inside.push_str(&format!(", byte {}", count(at)));
        }
        if finding.matches > 1 {
            inside.push_str(&format!(", {} matches", count(finding.matches)));
        }
        let excerpt = printable(&finding.excerpt);
        let line = match (inside.trim_start_matches(", "), excerpt.as_ref()) {
            ("", "") => String::new(),
            (inside, "") => inside.to_owned(),
            ("", excerpt) => excerpt.to_owned(),
            (inside, excerpt) => format!("{inside}: {excerpt}"),
        };
        if !line.is_empty() {
            self.prose(&format!("      {line}"), 8, out)?;
        }
        if let Some(until) = finding.valid_until.as_deref() {
            writeln!(out, "      valid until {}", self.look.time(until))?;
        }
        for note in finding.notes.iter().filter(|note| !common.contains(note)) {
            self.prose(&format!("      note: {}", printable(note)), 8, out)?;
        }
        Ok(())
    }

    fn exposure(&self, out: &mut dyn Write) -> io::Result<()> {
        let all = &self.report.scan.exposure;
        if all.is_empty() {
            return Ok(());
        }
        writeln!(out, "\n{}", self.look.paint(Paint::Strong, "EXPOSED SECRETS AND PERSONAL DATA"))?;
        let narrow = self.look.columns() < 110;
        let place = if narrow { "where" } else { "what and where" };
        let mut table = Table::new(&["rule", ">keys", ">values", ">unexpired", "until", place]);
        for exposure in all {
            let mut place: Vec<_> = exposure
                .prefixes
                .iter()
                .take(3)
                .map(|prefix| format!("{} {}", printable(&prefix.prefix), count(prefix.keys)))
                .collect();
            let more = exposure.prefixes.len().saturating_sub(place.len());
            if more > 0 {
                place.push(format!("{} more", count(more as u64)));
            }
            let at = |until: &str| {
                let time = self.look.time(until);
                if narrow { time.split(' ').next().unwrap_or_default().to_owned() } else { time.into_owned() }
            };
            let title = printable(&exposure.title);
            let place = if narrow { place.join(", ") } else { format!("{title}: {}", place.join(", ")) };
            table.row(vec![
                super::shortened(&printable(&exposure.rule), if narrow { 18 } else { 24 }),
                count(exposure.keys),
                distinct(exposure),
                count(exposure.unexpired),
                super::shortened(&until(exposure, at), if narrow { 10 } else { 26 }),
                place,
            ]);
        }
        table.write(self.look, out)
    }

    fn hidden(&self, out: &mut dyn Write) -> io::Result<()> {
        let summary = &self.report.scan.summary;
        let mut parts = Vec::new();
        for (number, what) in [
            (summary.suppressed, "on the allow-list"),
            (summary.known, "known from the baseline"),
            (summary.not_listed, "counted only, past the limit of their rule"),
        ] {
            if number > 0 {
                parts.push(format!("{} {what}", count(number)));
            }
        }
        if parts.is_empty() {
            return Ok(());
        }
        writeln!(out)?;
        self.prose(&format!("not shown: {}", parts.join("; ")), 4, out)?;
        for by in summary.suppressed_by.iter().take(REASONS) {
            let until = by.expires.as_deref().map(|day| format!(", until {}", printable(day))).unwrap_or_default();
            self.prose(&format!("  {} allowed{until}: {}", count(by.findings), printable(&by.reason)), 4, out)?;
        }
        let more = summary.suppressed_by.len().saturating_sub(REASONS);
        if more > 0 {
            writeln!(out, "  and {}: {MORE}", counted(more as u64, "more reason"))?;
        }
        Ok(())
    }

    fn cannot_show(&self, out: &mut dyn Write) -> io::Result<()> {
        if self.report.scan.cannot_show.is_empty() {
            return Ok(());
        }
        writeln!(out, "\n{}", self.look.paint(Paint::Strong, "What this cannot show"))?;
        for line in &self.report.scan.cannot_show {
            self.prose(&format!("  - {}", printable(line)), 4, out)?;
        }
        Ok(())
    }

    fn next(&self, out: &mut dyn Write) -> io::Result<()> {
        let report = self.report;
        let findings = &report.scan.findings;
        let all: Vec<_> = report.provenance.sources.iter().map(|facts| argument(&facts.source)).collect();
        let Some(first) = all.first() else { return Ok(()) };
        let all = if all.len() <= 3 { all.join(" ") } else { "SOURCE...".to_owned() };
        let mut lines = Vec::new();
        if let Some(bad) = report.integrity.iter().find(|source| Self::is_bad(source)) {
            lines.push(format!("rediscover check {}    (what is wrong with it)", argument(&bad.source)));
        }
        if findings.iter().any(|finding| finding.category == Category::Secret) {
            lines.push(format!("rediscover scan {all} --reveal-to SECRETS    (the values to revoke, mode 0600)"));
        }
        let written = |finding: &&Finding| {
            let name = finding.key.as_ref().filter(|key| key.is_whole()).map(KeyName::escaped);
            let plain = name.is_some_and(|name| !name.contains(['*', '?', '[', ']', '\\', '^']));
            plain && finding.category == Category::Attack && finding.structural.is_none()
        };
        if let Some(finding) = findings.iter().find(written) {
            let key = finding.key.as_ref().map(|key| argument(&key.escaped())).unwrap_or_default();
            lines.push(format!(
                "rediscover timeline {} --key {key}    (when it was written)",
                argument(&finding.source)
            ));
        }
        if findings.is_empty() && lines.is_empty() {
            lines.push(format!("rediscover check {first}    (is it whole, and what a server makes of it)"));
        } else if !findings.is_empty() {
            lines.push(format!("rediscover scan {all} --format json -o findings.json    (every finding)"));
        }
        writeln!(out)?;
        for line in lines {
            writeln!(out, "next: {line}")?;
        }
        Ok(())
    }
}

/// A name for a list of several.
fn short(key: &KeyName) -> String {
    super::shortened(&key.escaped(), 40)
}

/// The text with words that no line has room for in pieces that fill one each: a name or an excerpt may be one word.
fn chopped(text: &str, room: usize) -> String {
    let words = text.split(' ').map(|word| {
        if word.width() <= room || word.contains('\x1b') {
            return word.to_owned();
        }
        let mut out = String::with_capacity(word.len() + word.len() / room + 1);
        let mut used = 0usize;
        for c in word.chars() {
            let own = c.width().unwrap_or_default();
            if used.saturating_add(own) > room {
                out.push(' ');
                used = 0;
            }
            used = used.saturating_add(own);
            out.push(c);
        }
        out
    });
    words.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_without_end_is_broken_into_lines() {
        assert_eq!(wrap(&chopped("  - abcdefghij k", 4), 8, 4), "  - abcd\n    efgh\n    ij k");
    }
}
