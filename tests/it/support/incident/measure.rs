//! Recall and precision: what a scan found, put beside the truth.
//!
//! The unit is (key, element, rule). A finding on a key where its rule was planted is right, once; one on a near miss of its rule, or
//! where nothing was planted that it may be, is a false alarm; one that a line's `also` names is not counted. A finding about the
//! dump as a whole answers every line of its rule in its keyspace. Findings count by the severity of the technique; secrets and
//! personal data are a group of their own; of addresses and of sessions only near misses count as false alarms, for the shop has its
//! own. Severities below medium are told and not counted.

use super::truth::{Kind, Spot, Truth, name};
use serde_json::Value;
use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;

/// Of these only near misses count as false: the shop has addresses and sessions of its own.
const BY_NATURE: [&str; 4] = ["RD-PII-EMAIL", "RD-PII-IP", "RD-PII-PHONE", "RD-SEC-SESSION-ID"];

/// What a scan said of one keyspace in one form.
#[derive(Debug, Clone)]
pub(crate) struct Heard {
    pub(crate) case: String,
    /// `rdb` or `aof`.
    pub(crate) form: &'static str,
    /// The findings, as JSON has them.
    pub(crate) findings: Vec<Value>,
}

/// What came of a rule or a severity.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) found: u64,
    pub(crate) missed: u64,
    pub(crate) false_alarms: u64,
}

impl Tally {
    /// Of what is there, how much was found; 1 of nothing.
    pub(crate) fn recall(self) -> f64 {
        ratio(self.found, self.found + self.missed)
    }

    /// Of what was found, how much is there; 1 of nothing.
    pub(crate) fn precision(self) -> f64 {
        ratio(self.found, self.found + self.false_alarms)
    }
}

#[allow(clippy::cast_precision_loss, reason = "thousands")]
fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 { 1.0 } else { part as f64 / whole as f64 }
}

/// All of it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Measured {
    /// By `critical`, `high`, `medium`, `secrets`, and what does not count: `low`, `info`.
    pub(crate) groups: BTreeMap<String, Tally>,
    pub(crate) rules: BTreeMap<String, Tally>,
    /// A line each, for who has to act.
    pub(crate) wrong: Vec<String>,
}

impl Measured {
    pub(crate) fn group(&self, group: &str) -> Tally {
        self.groups.get(group).copied().unwrap_or_default()
    }

    /// The mean of the rules of a group, which must have been planted.
    fn macro_average(&self, group: &str, rule_groups: &BTreeMap<String, String>, of: fn(Tally) -> f64) -> f64 {
        let all: Vec<f64> = self
            .rules
            .iter()
            .filter(|(rule, _)| rule_groups.get(*rule).is_some_and(|own| own == group))
            .map(|(_, tally)| of(*tally))
            .collect();
        #[allow(clippy::cast_precision_loss, reason = "dozens")]
        if all.is_empty() { 1.0 } else { all.iter().sum::<f64>() / all.len() as f64 }
    }

    /// The table, and below it what is wrong.
    pub(crate) fn table(&self, truth: &[Truth]) -> String {
        let mut text = String::new();
        let mut rule_groups = BTreeMap::new();
        for line in truth.iter().filter(|line| line.kind == Kind::Positive) {
            if let Some(rule) = &line.rule {
                rule_groups.insert(rule.clone(), group(rule, line.severity));
            }
        }
        let _ = writeln!(
            text,
            "{:<22} {:>7} {:>7} {:>7} {:>8} {:>10}  {:>8} {:>10}",
            "group", "found", "missed", "false", "recall", "precision", "macro r.", "macro p."
        );
        for name in ["critical", "high", "medium", "secrets", "low", "info"] {
            let tally = self.group(name);
            let _ = writeln!(
                text,
                "{name:<22} {:>7} {:>7} {:>7} {:>8.4} {:>10.4}  {:>8.4} {:>10.4}",
                tally.found,
                tally.missed,
                tally.false_alarms,
                tally.recall(),
                tally.precision(),
                self.macro_average(name, &rule_groups, Tally::recall),
                self.macro_average(name, &rule_groups, Tally::precision)
            );
        }
        let _ = writeln!(text);
        for (rule, tally) in &self.rules {
            let group = rule_groups.get(rule).map_or("not planted", String::as_str);
            let _ = writeln!(
                text,
                "{rule:<22} {:>7} {:>7} {:>7} {:>8.4} {:>10.4}  {group}",
                tally.found,
                tally.missed,
                tally.false_alarms,
                tally.recall(),
                tally.precision()
            );
        }
        let _ = writeln!(text);
        for line in &self.wrong {
            let _ = writeln!(text, "{line}");
        }
        text
    }
}

/// Whether a finding of this rule is what a line means.
fn meant(rule: &str, line: &str) -> bool {
    rule.starts_with(line) || rule.strip_prefix("RD-").is_some_and(|rest| rest.starts_with(line))
}

fn group(rule: &str, severity: &str) -> String {
    let secret = rule.starts_with("RD-SEC") || rule.starts_with("RD-PII");
    if secret { "secrets" } else { severity }.to_owned()
}

fn rank(severity: &str) -> usize {
    ["info", "low", "medium", "high", "critical"].iter().position(|known| *known == severity).unwrap_or(0)
}

/// Puts what was heard beside the truth.
pub(crate) fn measure(truth: &[Truth], heard: &[Heard]) -> Measured {
    let mut measured = Measured::default();
    for part in heard {
        part_of(truth, part, &mut measured);
    }
    measured
}

fn part_of(truth: &[Truth], heard: &Heard, measured: &mut Measured) {
    let lines: Vec<&Truth> = truth
        .iter()
        .filter(|line| line.case == heard.case && line.form.is_none_or(|form| form == heard.form))
        .collect();
    let mut by_key: HashMap<(u64, String), Vec<usize>> = HashMap::new();
    for (at, line) in lines.iter().enumerate() {
        if let (Some(db), Some(key)) = (line.db, &line.key) {
            by_key.entry((db, name(key).to_string())).or_default().push(at);
        }
    }
    // Of each line, the gravest finding that is right.
    let mut found: Vec<Option<usize>> = vec![None; lines.len()];
    for finding in &heard.findings {
        judge(finding, &lines, &by_key, heard, &mut found, measured);
    }
    for (line, found) in lines.iter().zip(found) {
        let (Kind::Positive, Some(rule)) = (line.kind, &line.rule) else { continue };
        let own = group(rule, line.severity);
        let grave_enough = own == "secrets" || found.is_some_and(|found| found >= rank(line.severity));
        let is_found = found.is_some() && grave_enough;
        for tally in [measured.groups.entry(own).or_default(), measured.rules.entry(rule.clone()).or_default()] {
            tally.found += u64::from(is_found);
            tally.missed += u64::from(!is_found);
        }
        if !is_found {
            let why = if found.is_some() { "too mild" } else { "missed" };
            let place =
                line.key.as_deref().map_or("-".to_owned(), |key| key[..key.len().min(60)].escape_ascii().to_string());
            let shown = line.text[..line.text.len().min(200)].escape_ascii();
            measured.wrong.push(format!(
                "{why}: {rule} ({}) in {} {}, db {:?} key {place} {} {:?}: {shown}",
                line.severity, heard.case, heard.form, line.db, line.place, line.element
            ));
        }
    }
}

fn judge(
    finding: &Value,
    lines: &[&Truth],
    by_key: &HashMap<(u64, String), Vec<usize>>,
    heard: &Heard,
    found: &mut [Option<usize>],
    measured: &mut Measured,
) {
    let rule = finding["rule"].as_str().unwrap_or("");
    let severity = finding["technique_severity"].as_str().unwrap_or("info");
    let keyed = finding["db"].as_u64().filter(|_| !finding["key"].is_null()).map(|db| (db, finding["key"].to_string()));
    let structural = finding["structural"].is_object();
    let whole = |line: &Truth| line.rule.as_deref().is_some_and(|own| meant(rule, own));
    let at_key: Vec<usize> = keyed.as_ref().and_then(|key| by_key.get(key)).cloned().unwrap_or_default();
    let candidates: Vec<usize> = if keyed.is_some() && !structural {
        let mut all = at_key.clone();
        // What concerns the dump may be told at a key.
        all.extend(
            lines
                .iter()
                .enumerate()
                .filter(|(_, line)| line.key.is_none() && line.place == "structure")
                .map(|(at, _)| at),
        );
        all
    } else {
        (0..lines.len())
            .filter(|at| {
                lines[*at].key.is_none()
                    || !structural && lines[*at].rule.as_deref().is_some_and(|own| own.starts_with("RD-FMT"))
            })
            .collect()
    };
    let mut right = false;
    for &at in candidates.iter().filter(|at| {
        lines[**at].kind == Kind::Positive && whole(lines[**at]) && same_place(finding, lines[**at], heard.form)
    }) {
        found[at] = Some(found[at].unwrap_or(0).max(rank(severity)));
        right = true;
    }
    if right {
        return;
    }
    let near = candidates.iter().any(|at| {
        lines[*at].kind == Kind::NearMiss && whole(lines[*at]) && same_place(finding, lines[*at], heard.form)
    });
    let planted = at_key.iter().any(|at| whole(lines[*at]));
    if !near {
        let also = |at: &usize| lines[*at].also.iter().any(|own| meant(rule, own));
        // The shop's own addresses and sessions are what their rules say they are.
        let by_nature = !planted && BY_NATURE.iter().any(|own| rule.starts_with(own))
            || rule.starts_with("RD-SEC-SESSION-ID") && finding["where"] == "key";
        if candidates.iter().any(also) || by_nature {
            return;
        }
    }
    let own = group(rule, severity);
    measured.groups.entry(own.clone()).or_default().false_alarms += 1;
    if ["critical", "high", "medium", "secrets"].contains(&own.as_str()) {
        let stem = lines.iter().filter_map(|line| line.rule.as_deref()).find(|own| meant(rule, own)).unwrap_or(rule);
        measured.rules.entry(stem.to_owned()).or_default().false_alarms += 1;
        let text = at_key.first().map_or(String::new(), |at| {
            let text = &lines[*at].text;
            format!(
                ", planted for {}: {}",
                lines[*at].rule.as_deref().unwrap_or("-"),
                text[..text.len().min(200)].escape_ascii()
            )
        });
        let why = if near { "fired on a near miss" } else { "false alarm" };
        measured.wrong.push(format!(
            "{why}: {rule} ({severity}) in {} {}, db {} key {} {} {}{}: {}{text}",
            heard.case,
            heard.form,
            finding["db"],
            cut(&finding["key"]),
            finding["where"].as_str().unwrap_or(""),
            cut(&finding["element"]),
            if structural { format!(" structural {}", finding["structural"]) } else { String::new() },
            cut(&finding["match"]),
        ));
    }
}

fn cut(value: &Value) -> String {
    let text = value.to_string();
    text.chars().take(160).collect()
}

/// Whether a finding is at the element that a line names, as far as both say.
fn same_place(finding: &Value, line: &Truth, form: &str) -> bool {
    let element = &finding["element"];
    let equal = |part: &str, expected: Value| element[part].is_null() || element[part] == expected;
    if line.key.is_some() && (line.place == "key") != (finding["where"] == "key") {
        return false;
    }
    match &line.element {
        None => true,
        // In a log a value is put together by commands, and the place in it is not known from one alone.
        Some(Spot::Index(index)) => form == "aof" || equal("index", (*index).into()),
        Some(Spot::Field(field)) => equal("field", name(field)),
        Some(Spot::Member(hash)) => equal("member_sha256", hash.as_str().into()),
        Some(Spot::Entry(id, field)) => equal("id", id.as_str().into()) && equal("field", name(field)),
        Some(Spot::Name(own)) => equal("name", own.as_str().into()),
        Some(Spot::Line(number)) => equal("line", (*number).into()),
    }
}

/// How many of what is planted, by group and by rule: positives, and near misses.
pub(crate) fn planted(truth: &[Truth]) -> String {
    let mut groups: BTreeMap<String, u64> = BTreeMap::new();
    let mut rules: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
    for line in truth {
        let Some(rule) = line.rule.as_deref() else { continue };
        let both = rules.entry(rule).or_default();
        match line.kind {
            Kind::Positive => {
                both.0 += 1;
                *groups.entry(group(rule, line.severity)).or_default() += 1;
            }
            Kind::NearMiss => both.1 += 1,
            Kind::Clean => {}
        }
    }
    let mut text = String::from("planted:");
    for (group, count) in groups {
        let _ = write!(text, " {group} {count}");
    }
    for (rule, (positives, misses)) in rules {
        let _ = write!(text, "\n{rule:<22} {positives:>5} {misses:>5}");
    }
    text
}
