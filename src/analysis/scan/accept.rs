//! Findings that are known: accepted by the allow-list, with a reason and for a time, or in an earlier report.

use crate::base::{Error, ErrorKind, Result, UnixMs};
use crate::keyspace::glob_match;
use crate::report::{Finding, Scan, Suppressed};
use hashbrown::HashSet;
use serde::Deserialize;
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::BufReader;
use std::path::Path;
use toml::Spanned;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    #[serde(default)]
    allow: Vec<Spanned<Entry>>,
}

/// One line of the allow-list: all that it names must hold.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    reason: String,
    expires: String,
    rule: Option<String>,
    key: Option<String>,
    source: Option<String>,
    db: Option<u64>,
    fingerprint: Option<String>,
}

impl Entry {
    fn holds(&self, finding: &Finding) -> bool {
        let matches = |pattern: &Option<String>, text: &[u8]| {
            pattern.as_ref().is_none_or(|pattern| glob_match(pattern.as_bytes(), text))
        };
        let key = finding.key.as_ref().map(crate::keyspace::KeyName::head);
        matches(&self.rule, finding.rule.as_bytes())
            && matches(&self.source, finding.source.as_bytes())
            && self.key.as_ref().is_none_or(|_| key.is_some_and(|key| matches(&self.key, key)))
            && self.db.is_none_or(|db| finding.db == Some(db))
            && self.fingerprint.as_ref().is_none_or(|own| finding.fingerprint.as_ref() == Some(own))
    }
}

/// What is known.
#[derive(Debug, Clone, Default)]
pub struct Accepted {
    entries: Vec<Entry>,
    expired: Vec<String>,
    known: HashSet<[u8; 16]>,
}

/// Why a finding is not told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Hidden {
    /// By this entry of the allow-list.
    By(usize),
    /// It stands in the earlier report.
    Known,
}

/// How many findings were not told, and why.
#[derive(Debug, Clone, Default)]
pub(super) struct HiddenCounts {
    by: Vec<u64>,
    known: u64,
}

impl HiddenCounts {
    pub(super) fn add(&mut self, why: Hidden, findings: u64) {
        match why {
            Hidden::Known => self.known = self.known.saturating_add(findings),
            Hidden::By(entry) => {
                if self.by.len() <= entry {
                    self.by.resize(entry.saturating_add(1), 0);
                }
                if let Some(count) = self.by.get_mut(entry) {
                    *count = count.saturating_add(findings);
                }
            }
        }
    }

    pub(super) fn merge(&mut self, other: &Self) {
        self.known = self.known.saturating_add(other.known);
        for (entry, findings) in other.by.iter().enumerate() {
            self.add(Hidden::By(entry), *findings);
        }
    }
}

impl Accepted {
    /// Whether nothing is.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty() && self.known.is_empty()
    }

    /// Entries of the allow-list that no longer hold, in words.
    pub fn expired(&self) -> &[String] {
        &self.expired
    }

    /// Adds the entries of an allow-list. Those whose day has come at `now` hide nothing.
    ///
    /// # Errors
    /// The file cannot be read; [`ErrorKind::Config`] with the line and the reason.
    pub fn add_list(&mut self, file: &Path, now: UnixMs) -> Result<()> {
        let text = std::fs::read_to_string(file).map_err(|error| unreadable(file, error))?;
        let wrong = |at: Option<usize>, what: String| {
            let before = at.and_then(|at| text.get(..at)).unwrap_or_default();
            let line = memchr::memchr_iter(b'\n', before.as_bytes()).count().saturating_add(1);
            let line = if at.is_some() { u32::try_from(line).unwrap_or(0) } else { 0 };
            Error::new(ErrorKind::Config { file: file.to_owned(), line, what })
        };
        let raw: Raw = toml::from_str(&text)
            .map_err(|error| wrong(error.span().map(|span| span.start), error.message().to_owned()))?;
        for entry in raw.allow {
            let at = Some(entry.span().start);
            let entry = entry.into_inner();
            if entry.rule.is_none() && entry.key.is_none() && entry.fingerprint.is_none() {
                return Err(wrong(at, "an entry must name a rule, a key or a fingerprint".into()));
            }
            if entry.reason.trim().is_empty() {
                return Err(wrong(at, "an entry must have a reason".into()));
            }
            let day: jiff::civil::Date = entry
                .expires
                .parse()
                .map_err(|_| wrong(at, format!("expires is {:?}; a day is expected, as 2027-01-31", entry.expires)))?;
            let end = day.to_zoned(jiff::tz::TimeZone::UTC).map(|day| day.timestamp().as_millisecond());
            if end.is_ok_and(|end| end <= now.0) {
                self.expired.push(format!("{} (until {})", entry.reason, entry.expires));
            } else {
                self.entries.push(entry);
            }
        }
        Ok(())
    }

    /// Adds the findings of an earlier report. How many more there were that it does not list.
    ///
    /// # Errors
    /// The file cannot be read; [`ErrorKind::Config`] where it is no report with findings.
    pub fn add_baseline(&mut self, file: &Path) -> Result<u64> {
        let open = File::open(file).map_err(|error| unreadable(file, error))?;
        let wrong = |line, what: &str| Error::new(ErrorKind::Config { file: file.to_owned(), line, what: what.into() });
        let report: Value = serde_json::from_reader(BufReader::new(open)).map_err(|error| {
            wrong(u32::try_from(error.line()).unwrap_or(0), "it is no report of 'scan --format json'")
        })?;
        let schema = report.get("schema").and_then(Value::as_str).unwrap_or_default();
        let findings = report.get("findings").and_then(Value::as_array);
        let (Some(findings), true) = (findings, schema.starts_with("rediscover/")) else {
            return Err(wrong(0, "it is no report of 'scan --format json'"));
        };
        self.known.extend(findings.iter().map(identity));
        let summary = report.get("summary").or_else(|| report.get("scan").and_then(|scan| scan.get("summary")));
        Ok(summary.and_then(|summary| summary.get("not_listed")).and_then(Value::as_u64).unwrap_or(0))
    }

    /// Whether a finding is not told, and why.
    pub(super) fn hides(&self, finding: &Finding) -> Option<Hidden> {
        if let Some(entry) = self.entries.iter().position(|entry| entry.holds(finding)) {
            return Some(Hidden::By(entry));
        }
        let known = || serde_json::to_value(finding).is_ok_and(|finding| self.known.contains(&identity(&finding)));
        (!self.known.is_empty() && known()).then_some(Hidden::Known)
    }

    /// Takes findings that were not looked at one by one out of a report, and says in it what is not told.
    pub(super) fn sift(&self, counts: &HiddenCounts, scan: &mut Scan, looked_at: impl Fn(&Finding) -> bool) {
        let mut counts = counts.clone();
        if !self.is_empty() {
            let summary = &mut scan.summary;
            scan.findings.retain(|finding| {
                let Some(why) = (!looked_at(finding)).then(|| self.hides(finding)).flatten() else { return true };
                counts.add(why, 1);
                if let Some(count) = summary.by_severity.get_mut(&finding.severity) {
                    *count = count.saturating_sub(1);
                }
                if let Some(count) = summary.by_rule.get_mut(&finding.rule) {
                    *count = count.saturating_sub(1);
                }
                false
            });
            summary.by_rule.retain(|_, count| *count > 0);
        }
        scan.summary.known = counts.known;
        scan.summary.suppressed = counts.by.iter().fold(0, |sum, count| sum.saturating_add(*count));
        let hidden = self.entries.iter().zip(counts.by).filter(|(_, findings)| *findings > 0);
        let hidden = hidden.map(|(entry, findings)| Suppressed {
            reason: entry.reason.clone(),
            expires: Some(entry.expires.clone()),
            findings,
        });
        scan.summary.suppressed_by = hidden.collect();
    }
}

fn unreadable(file: &Path, error: std::io::Error) -> Error {
    Error::io("read", error).about(file.display().to_string())
}

/// What makes a finding the same in two reports: the rule, the key, the place in it, the way of decoding, and what matched by
/// its fingerprint. Where that is not known, the place of the element says more; else it may move, as items of a list do.
fn identity(finding: &Value) -> [u8; 16] {
    let field = |name: &str| finding.get(name).filter(|value| !value.is_null()).map(Value::to_string);
    let mut element = finding.get("element").cloned().unwrap_or_default();
    if field("fingerprint").is_some()
        && let Some(element) = element.as_object_mut()
    {
        for moving in ["index", "line", "argument"] {
            element.remove(moving);
        }
    }
    let structural = finding.get("structural").and_then(|one| one.get("prefix")).map(Value::to_string);
    let mut hash = Sha256::new();
    for part in [
        field("rule"),
        field("db"),
        field("key"),
        field("where"),
        Some(element.to_string()),
        field("decoded_from"),
        field("fingerprint").filter(|_| structural.is_none()),
        structural,
    ] {
        hash.update(part.unwrap_or_default());
        hash.update([0]);
    }
    let hash = hash.finalize();
    let mut first = [0; 16];
    first.iter_mut().zip(hash).for_each(|(to, from)| *to = from);
    first
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::KeyName;
    use std::io::Write;

    fn file(text: &str) -> tempfile::NamedTempFile {
        let mut file = tempfile::NamedTempFile::new().expect("a file");
        file.write_all(text.as_bytes()).expect("written");
        file
    }

    fn finding(rule: &str, key: &str) -> Finding {
        Finding { rule: rule.into(), key: Some(KeyName::whole(key.as_bytes())), db: Some(0), ..Finding::default() }
    }

    fn list(text: &str) -> Result<Accepted> {
        let mut accepted = Accepted::default();
        // 2026-11-23.
        accepted.add_list(file(text).path(), UnixMs(1_795_392_000_000))?;
        Ok(accepted)
    }

    #[test]
    fn an_entry_hides_what_it_names_until_its_day() {
        let accepted = list(
            "[[allow]]\nreason = \"documentation\"\nexpires = \"2027-01-31\"\nrule = \"RD-EXEC-*\"\nkey = \"wiki:*\"\n\
             [[allow]]\nreason = \"old\"\nexpires = \"2026-11-23\"\nrule = \"*\"\n",
        )
        .expect("it is read");
        assert_eq!(accepted.expired(), ["old (until 2026-11-23)"]);
        assert_eq!(accepted.hides(&finding("RD-EXEC-001", "wiki:9")), Some(Hidden::By(0)));
        assert_eq!(accepted.hides(&finding("RD-EXEC-001", "user:9")), None);
        assert_eq!(accepted.hides(&finding("RD-CRON-001", "wiki:9")), None);
    }

    #[test]
    fn a_list_that_is_wrong_says_where() {
        for (text, line, what) in [
            ("[[allow]]\nreason = \"x\"\nexpires = \"2027-01-31\"\n", 1, "must name"),
            ("\n[[allow]]\nreason = \"x\"\nexpires = \"soon\"\nrule = \"A\"\n", 2, "a day"),
            ("[[allow]]\nreason = \" \"\nexpires = \"2027-01-31\"\nrule = \"A\"\n", 1, "a reason"),
            ("[[allow]]\nrule = \"A\"\nexpires = \"2027-01-31\"\n", 1, "reason"),
            ("[[allow]]\nrule = \"A\"\nuntil = 1\n", 3, "until"),
        ] {
            let error = list(text).expect_err("refused");
            assert!(matches!(error.kind(), ErrorKind::Config { line: found, .. } if *found == line), "{error}: {text}");
            assert!(error.to_string().contains(what), "{error}");
        }
    }

    #[test]
    fn a_baseline_knows_its_findings_again() {
        let with = |fingerprint: &str, index| Finding {
            fingerprint: Some(fingerprint.into()),
            element: Some(crate::report::Locator { index: Some(index), ..Default::default() }),
            ..finding("RD-SEC-JWT", "list")
        };
        let findings = serde_json::to_value([with("aa", 3), finding("RD-PII-CARD", "k")]).expect("JSON");
        let report =
            serde_json::json!({"schema": "rediscover/scan/v1", "findings": findings, "summary": {"not_listed": 7}});
        let mut accepted = Accepted::default();
        assert_eq!(accepted.add_baseline(file(&report.to_string()).path()).expect("it is read"), 7);
        assert_eq!(accepted.hides(&with("aa", 5)), Some(Hidden::Known), "it has moved");
        assert_eq!(accepted.hides(&with("bb", 3)), None, "another secret at the same place");
        assert_eq!(accepted.hides(&finding("RD-PII-CARD", "k")), Some(Hidden::Known));
        assert_eq!(accepted.hides(&finding("RD-PII-CARD", "l")), None);
        assert!(accepted.add_baseline(file("{}").path()).is_err());
    }
}
