//! Rule files: TOML to rules, or the file, the line, the rule and the reason.

use super::rule::{Class, Example, Rule, Run, Scope};
use super::validate::Validator;
use crate::base::{Error, ErrorKind, Result};
use crate::keyspace::Type;
use crate::report::{Category, Confidence, Threat, Where};
use base64::Engine;
use regex::bytes::{Regex, RegexBuilder};
use serde::Deserialize;
use std::path::Path;
use toml::Spanned;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    rule: Vec<Spanned<Raw>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    id: String,
    #[serde(default = "one")]
    version: u32,
    title: String,
    severity: Threat,
    #[serde(default)]
    confidence: Confidence,
    #[serde(default)]
    category: Category,
    story: String,
    #[serde(default)]
    attack: Vec<String>,
    #[serde(default = "value")]
    scope: Vec<String>,
    #[serde(default)]
    types: Vec<String>,
    regex: Option<String>,
    prefilter: Option<String>,
    #[serde(default)]
    run: RawRun,
    #[serde(default)]
    also: Vec<String>,
    within: Option<u64>,
    #[serde(default)]
    unless_match: Vec<String>,
    #[serde(default)]
    unless_secret: Vec<String>,
    #[serde(default)]
    unless: Vec<String>,
    key: Option<String>,
    field: Option<String>,
    #[serde(default)]
    min_bytes: u64,
    max_bytes: Option<u64>,
    hint: Option<String>,
    without_hint: Option<Threat>,
    #[serde(default)]
    validators: Vec<String>,
    #[serde(default = "yes")]
    decode: bool,
    #[serde(default)]
    guessable: bool,
    #[serde(default)]
    info_for_keys: Vec<String>,
    #[serde(default)]
    raises: u8,
    single_signal: Option<String>,
    uncapped: Option<String>,
    check: Option<String>,
    why: String,
    advice: String,
    #[serde(default)]
    examples: Vec<RawExample>,
    #[serde(default)]
    counter_examples: Vec<RawExample>,
    #[serde(default)]
    references: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRun {
    #[serde(default)]
    least: usize,
    most: Option<usize>,
    #[serde(default)]
    distinct: usize,
    behind: Option<String>,
}

#[derive(Deserialize)]
#[serde(
    untagged,
    deny_unknown_fields,
    expecting = "an example is a text, or a table of text, base64, join, key, field and where"
)]
enum RawExample {
    Text(String),
    Placed {
        text: Option<String>,
        /// Bytes that are no text, in base64.
        base64: Option<String>,
        /// Pieces that are joined: what a virus scanner would take for the real thing is written in two.
        #[serde(default)]
        join: Vec<String>,
        #[serde(default)]
        key: String,
        #[serde(default)]
        field: String,
        #[serde(default, rename = "where")]
        place: Option<Where>,
    },
}

/// The names of checks in the text of a file that is known to be right.
pub(super) fn checks(text: &str) -> Vec<String> {
    #[derive(Deserialize)]
    struct File {
        #[serde(default)]
        rule: Vec<Checked>,
    }
    #[derive(Deserialize)]
    struct Checked {
        check: Option<String>,
    }
    toml::from_str::<File>(text)
        .map(|file| file.rule.into_iter().filter_map(|rule| rule.check).collect())
        .unwrap_or_default()
}

fn one() -> u32 {
    1
}

fn yes() -> bool {
    true
}

fn value() -> Vec<String> {
    vec!["value".into()]
}

/// The rules of a file.
///
/// # Errors
/// [`ErrorKind::Config`] with the line, the rule and the reason.
pub(super) fn parse(file: &Path, text: &str) -> Result<Vec<Rule>> {
    let line = |at: usize| {
        let before = text.get(..at).unwrap_or_default();
        u32::try_from(before.matches('\n').count()).unwrap_or(u32::MAX).saturating_add(1)
    };
    let error = |span: Option<usize>, what: String| {
        Error::new(ErrorKind::Config { file: file.to_owned(), line: span.map_or(0, line), what })
    };
    let parsed: File =
        toml::from_str(text).map_err(|wrong| error(wrong.span().map(|span| span.start), wrong.message().to_owned()))?;
    let compile = |raw: Spanned<Raw>| {
        let at = raw.span().start;
        let raw = raw.into_inner();
        let id = raw.id.clone();
        let rule = compile(raw).map_err(|what| error(Some(at), format!("rule {id}: {what}")))?;
        Ok(Rule { file: file.display().to_string(), line: line(at), ..rule })
    };
    parsed.rule.into_iter().map(compile).collect()
}

/// A pattern as rules write them: over bytes, `\b` and classes of ASCII.
pub(super) fn pattern(text: &str) -> std::result::Result<Regex, String> {
    let built = RegexBuilder::new(text).unicode(false).size_limit(8 << 20).build();
    built.map_err(|error| {
        let said = error.to_string();
        said.lines().last().unwrap_or("is no regular expression").trim_start_matches("error:").trim().to_owned()
    })
}

fn patterns(texts: &[String]) -> std::result::Result<Vec<Regex>, String> {
    texts.iter().map(|text| pattern(text)).collect()
}

fn compile(raw: Raw) -> std::result::Result<Rule, String> {
    let prefilter = match raw.prefilter.as_deref() {
        None => None,
        Some(name) => Some(
            Class::ALL
                .into_iter()
                .find(|class| class.name() == name)
                .ok_or_else(|| format!("prefilter {name:?} is none of the class scanners"))?,
        ),
    };
    if raw.regex.is_some() == raw.check.is_some() {
        return Err("must have either a regex or a check".into());
    }
    let also = patterns(&raw.also)?;
    let validators: Vec<_> =
        raw.validators.iter().map(|text| Validator::parse(text)).collect::<std::result::Result<_, _>>()?;
    let signals = 1 + also.len() + validators.len() + usize::from(raw.key.is_some());
    if raw.severity == Threat::Critical && signals < 2 && raw.single_signal.is_none() && raw.check.is_none() {
        return Err("is critical on one signal: give also, key or validators, or say in single_signal why".into());
    }
    let mut rule = Rule {
        id: raw.id,
        version: raw.version,
        title: raw.title,
        severity: raw.severity,
        confidence: raw.confidence,
        category: raw.category,
        story: raw.story,
        attack: raw.attack,
        scope: scope(&raw.scope)?,
        types: types(&raw.types)?,
        pattern: raw.regex.as_deref().map(pattern).transpose()?,
        prefilter,
        run: Run {
            least: raw.run.least,
            most: raw.run.most,
            distinct: raw.run.distinct,
            behind: raw.run.behind.map(|behind| pattern(&format!(r"\A(?:{behind})\z"))).transpose()?,
            follows: Vec::new(),
        },
        keywords: Vec::new(),
        secret_group: None,
        unless_secret: patterns(&raw.unless_secret)?,
        allow: Vec::new(),
        also,
        within: raw.within,
        unless_match: patterns(&raw.unless_match)?,
        unless: patterns(&raw.unless)?,
        key: raw.key.as_deref().map(pattern).transpose()?,
        field: raw.field.as_deref().map(pattern).transpose()?,
        min_bytes: raw.min_bytes,
        max_bytes: raw.max_bytes,
        hint: raw.hint.as_deref().map(pattern).transpose()?,
        without_hint: raw.without_hint,
        validators,
        decode: raw.decode,
        guessable: raw.guessable,
        info_for_keys: patterns(&raw.info_for_keys)?,
        raises: raw.raises,
        single_signal: raw.single_signal,
        uncapped: raw.uncapped,
        check: raw.check,
        why: raw.why,
        advice: raw.advice,
        examples: raw.examples.into_iter().map(example).collect::<std::result::Result<_, _>>()?,
        counter_examples: raw.counter_examples.into_iter().map(example).collect::<std::result::Result<_, _>>()?,
        references: raw.references,
        ..Rule::default()
    };
    rule.prepare()?;
    Ok(rule)
}

fn scope(words: &[String]) -> std::result::Result<Scope, String> {
    let mut scope = Scope::default();
    for word in words {
        match word.as_str() {
            "key" => scope.key = true,
            "value" => scope.value = true,
            "field" => scope.field = true,
            "element" => scope.element = true,
            "function" => scope.function = true,
            "aux" => scope.aux = true,
            "command" => scope.command = true,
            "log" => scope.log = true,
            "dump" => {}
            other => return Err(format!("scope {other:?} is not known")),
        }
    }
    Ok(scope)
}

fn types(words: &[String]) -> std::result::Result<Vec<Type>, String> {
    words.iter().map(|word| Type::from_name(word).ok_or_else(|| format!("type {word:?} is not known"))).collect()
}

fn example(raw: RawExample) -> std::result::Result<Example, String> {
    Ok(match raw {
        RawExample::Text(text) => Example { text: text.into_bytes(), ..Example::default() },
        RawExample::Placed { text, base64, join, key, field, place } => {
            let mut bytes = text.unwrap_or_default().into_bytes();
            bytes.extend(join.concat().into_bytes());
            if let Some(base64) = base64 {
                let decoded = base64::engine::general_purpose::STANDARD.decode(base64);
                bytes.extend(decoded.map_err(|error| format!("an example is no base64: {error}"))?);
            }
            Example { text: bytes, key: key.into_bytes(), field: field.into_bytes(), place }
        }
    })
}
