//! Rules in the format of gitleaks: their patterns as they stand, behind their keywords.

use super::rule::{Allow, AllowTarget, Rule, Scope};
use super::validate::Validator;
use crate::base::{Error, ErrorKind, Result};
use crate::report::{Category, Confidence, Threat};
use regex::bytes::{Regex, RegexBuilder};
use serde::Deserialize;
use std::path::Path;
use toml::Spanned;

#[derive(Deserialize)]
struct File {
    #[serde(default)]
    rules: Vec<Spanned<Raw>>,
    allowlist: Option<Spanned<RawAllow>>,
    #[serde(default)]
    allowlists: Vec<Spanned<RawAllow>>,
}

#[derive(Deserialize)]
struct Raw {
    id: String,
    #[serde(default)]
    description: String,
    regex: Option<String>,
    path: Option<String>,
    #[serde(default, rename = "secretGroup")]
    secret_group: usize,
    entropy: Option<f64>,
    #[serde(default)]
    keywords: Vec<String>,
    allowlist: Option<RawAllow>,
    #[serde(default)]
    allowlists: Vec<RawAllow>,
}

#[derive(Deserialize, Clone, Default)]
struct RawAllow {
    #[serde(default)]
    condition: String,
    #[serde(default, rename = "regexTarget")]
    target: String,
    #[serde(default)]
    regexes: Vec<String>,
    #[serde(default)]
    paths: Vec<String>,
    #[serde(default)]
    stopwords: Vec<String>,
    #[serde(default)]
    commits: Vec<String>,
    /// Of a global one: only for these rules.
    #[serde(default, rename = "targetRules")]
    target_rules: Vec<String>,
}

/// A rule that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unusable {
    /// Its id.
    pub id: String,
    /// Its line in the file, from 1.
    pub line: u32,
    /// Why not.
    pub reason: String,
}

/// The rules of a file, and those that cannot be used, with the reason. What gitleaks calls a path is the name of the key here.
///
/// # Errors
/// The file cannot be read; [`ErrorKind::Config`] where it is not TOML, or an allow-list is wrong.
pub fn read(file: &Path) -> Result<(Vec<Rule>, Vec<Unusable>)> {
    let text =
        std::fs::read_to_string(file).map_err(|error| Error::io("read", error).about(file.display().to_string()))?;
    let line_of = |at: usize| {
        let before = text.get(..at).unwrap_or_default();
        u32::try_from(memchr::memchr_iter(b'\n', before.as_bytes()).count().saturating_add(1)).unwrap_or(0)
    };
    let wrong = |line, what| Error::new(ErrorKind::Config { file: file.to_owned(), line, what });
    let parsed: File = toml::from_str(&text).map_err(|error| {
        let line = error.span().map_or(0, |span| line_of(span.start));
        wrong(line, error.message().to_owned())
    })?;
    let mut global = Vec::new();
    for one in parsed.allowlist.into_iter().chain(parsed.allowlists) {
        let line = line_of(one.span().start);
        let one = one.into_inner();
        allow(&one).map_err(|what| wrong(line, format!("the allow-list for all rules: {what}")))?;
        global.push(one);
    }
    let (mut rules, mut unusable) = (Vec::new(), Vec::new());
    for raw in parsed.rules {
        let line = line_of(raw.span().start);
        let raw = raw.into_inner();
        let id = raw.id.clone();
        match rule(raw, &global) {
            Ok(rule) => rules.push(Rule { file: file.display().to_string(), line, ..rule }),
            Err(reason) => unusable.push(Unusable { id, line, reason }),
        }
    }
    Ok((rules, unusable))
}

fn rule(raw: Raw, global: &[RawAllow]) -> std::result::Result<Rule, String> {
    let Some(regex) = raw.regex.as_deref() else {
        return Err("has no regex: it is for names of files alone".into());
    };
    let pattern = pattern(regex)?;
    if raw.secret_group >= pattern.captures_len() {
        return Err(format!("has no group {}", raw.secret_group));
    }
    let own = raw.allowlist.into_iter().chain(raw.allowlists);
    let shared = global.iter().filter(|one| one.target_rules.is_empty() || one.target_rules.contains(&raw.id));
    let allow = own.chain(shared.cloned()).filter_map(|one| allow(&one).transpose());
    let allow = allow.collect::<std::result::Result<_, _>>()?;
    // gitleaks wants more than the floor; the next number after it says the same.
    let entropy =
        raw.entropy.filter(|floor| *floor > 0.0).map(|floor| Validator::Entropy { at_least: floor.next_up() });
    let mut rule = Rule {
        title: if raw.description.is_empty() { raw.id.clone() } else { raw.description },
        id: raw.id,
        version: 1,
        severity: Threat::Medium,
        confidence: Confidence::Medium,
        category: Category::Secret,
        story: "Secrets by rules that were given".into(),
        scope: Scope { key: true, value: true, function: true, aux: true, command: true, ..Scope::default() },
        keywords: raw.keywords.iter().map(|word| word.to_lowercase().into_bytes()).collect(),
        key: raw.path.as_deref().map(self::pattern).transpose()?,
        secret_group: (raw.secret_group > 0).then_some(raw.secret_group),
        pattern: Some(pattern),
        allow,
        validators: entropy.into_iter().collect(),
        decode: true,
        guessable: true,
        why: "A rule that was given says that this is a secret.".into(),
        advice: "Revoke it, and see who could read this server.".into(),
        ..Rule::default()
    };
    rule.prepare()?;
    Ok(rule)
}

/// As Go reads it: `\w`, `\d` and `\b` are ASCII. What needs Unicode, as a class with letters outside ASCII, is read so.
fn pattern(text: &str) -> std::result::Result<Regex, String> {
    let build = |unicode| RegexBuilder::new(text).unicode(unicode).size_limit(16 << 20).build();
    build(false).or_else(|_| build(true)).map_err(|error| {
        let said = error.to_string();
        format!("its regex: {}", said.lines().last().unwrap_or("is none").trim_start_matches("error:").trim())
    })
}

/// None of one that can never hold here: it names commits alone.
fn allow(raw: &RawAllow) -> std::result::Result<Option<Allow>, String> {
    let all = match raw.condition.to_ascii_uppercase().as_str() {
        "" | "OR" | "||" => false,
        "AND" | "&&" => true,
        other => return Err(format!("condition {other:?} is not known")),
    };
    let target = match raw.target.to_ascii_lowercase().as_str() {
        "" | "secret" => AllowTarget::Secret,
        "match" => AllowTarget::Match,
        "line" => AllowTarget::Line,
        other => return Err(format!("regexTarget {other:?} is not known")),
    };
    let patterns =
        |texts: &[String]| texts.iter().map(|text| pattern(text)).collect::<std::result::Result<Vec<_>, _>>();
    let allow = Allow {
        all,
        target,
        regexes: patterns(&raw.regexes)?,
        keys: patterns(&raw.paths)?,
        stopwords: raw.stopwords.iter().map(|word| word.to_lowercase().into_bytes()).collect(),
    };
    let commits = all && !raw.commits.is_empty();
    let empty = allow.regexes.is_empty() && allow.keys.is_empty() && allow.stopwords.is_empty();
    Ok((!commits && !empty).then_some(allow))
}
