//! The text of `rediscover.toml` as sections, with everything that is wrong in it, not only the first thing.

use super::raw::{RawHooks, RawMetrics, RawRepository, Settings};
use super::{Problem, Problems};
use serde::de::{Deserialize, DeserializeOwned};
use std::collections::BTreeMap;
use std::ops::Range;
use std::path::PathBuf;
use toml::Spanned;
use toml::de::{DeTable, DeValue, ValueDeserializer};

/// What stands in the file.
#[derive(Debug, Default)]
pub(super) struct Document {
    pub(super) repositories: BTreeMap<String, RawRepository>,
    pub(super) instances: BTreeMap<String, Settings>,
    pub(super) defaults: Settings,
    pub(super) hooks: RawHooks,
    pub(super) metrics: RawMetrics,
    pub(super) state: Option<PathBuf>,
}

const SECTIONS: [&str; 6] = ["repositories", "instances", "defaults", "hooks", "metrics", "state"];

/// Reads a file. Sections and keys that cannot be read are left out, and stand in `problems`.
pub(super) fn read(text: &str, problems: &mut Problems) -> Document {
    let (tree, wrong) = DeTable::parse_recoverable(text);
    let mut reader = Reader { text, problems };
    for error in &wrong {
        reader.wrong(None, error.span(), error.message().to_owned());
    }
    let mut document = Document::default();
    if !wrong.is_empty() {
        return document;
    }
    for (key, value) in tree.into_inner() {
        match key.get_ref().as_ref() {
            "repositories" => {
                for (name, span, value) in reader.named("repositories", value) {
                    let path = format!("repositories.{name}");
                    let repository = reader.section(&path, None, span, value);
                    document.repositories.insert(name, repository);
                }
            }
            "instances" => {
                for (name, span, value) in reader.named("instances", value) {
                    let path = format!("instances.{name}");
                    let instance = reader.section(&path, Some(&name), span, value);
                    document.instances.insert(name, instance);
                }
            }
            "defaults" => document.defaults = reader.section("defaults", None, key.span(), value),
            "hooks" => document.hooks = reader.section("hooks", None, key.span(), value),
            "metrics" => document.metrics = reader.section("metrics", None, key.span(), value),
            "state" => {
                reader.note("state", &key.span());
                match PathBuf::deserialize(ValueDeserializer::from(value)) {
                    Ok(state) => document.state = Some(state),
                    Err(error) => reader.wrong(None, error.span(), format!("state: {}", error.message())),
                }
            }
            other => {
                let what = unknown(other, &SECTIONS.map(str::to_owned), "");
                reader.wrong(None, Some(key.span()), what);
            }
        }
    }
    document
}

struct Reader<'t> {
    text: &'t str,
    problems: &'t mut Problems,
}

impl Reader<'_> {
    fn line(&self, span: &Range<usize>) -> u32 {
        let before = self.text.get(..span.start).unwrap_or(self.text);
        u32::try_from(before.matches('\n').count()).unwrap_or(u32::MAX).saturating_add(1)
    }

    fn note(&mut self, path: &str, span: &Range<usize>) {
        let line = self.line(span);
        self.problems.lines.insert(path.to_owned(), line);
    }

    fn wrong(&mut self, instance: Option<&str>, span: Option<Range<usize>>, what: String) {
        let line = span.map_or(0, |span| self.line(&span));
        self.problems.all.push(Problem { line, instance: instance.map(str::to_owned), what, hint: None, grave: true });
    }

    /// The tables of a table: `[instances.NAME]`.
    fn named<'i>(
        &mut self,
        path: &str,
        value: Spanned<DeValue<'i>>,
    ) -> Vec<(String, Range<usize>, Spanned<DeValue<'i>>)> {
        let span = value.span();
        let DeValue::Table(table) = value.into_inner() else {
            self.wrong(None, Some(span), format!("{path}: expected [{path}.NAME]"));
            return Vec::new();
        };
        table.into_iter().map(|(key, value)| (key.get_ref().to_string(), key.span(), value)).collect()
    }

    /// A section, of which each key is read by itself: all that is wrong is found, and what is right is kept.
    fn section<T: DeserializeOwned + Default>(
        &mut self,
        path: &str,
        instance: Option<&str>,
        name: Range<usize>,
        value: Spanned<DeValue<'_>>,
    ) -> T {
        self.note(path, &name);
        let span = value.span();
        let DeValue::Table(table) = value.into_inner() else {
            self.wrong(instance, Some(span), format!("{path}: expected a table"));
            return T::default();
        };
        let read = |table| T::deserialize(ValueDeserializer::from(Spanned::new(span.clone(), DeValue::Table(table))));
        let mut right = DeTable::new();
        for (key, value) in table {
            let full = format!("{path}.{}", key.get_ref());
            self.note(&full, &key.span());
            let mut one = DeTable::new();
            one.insert(key.clone(), value.clone());
            match read(one) {
                Ok(_) => {
                    right.insert(key, value);
                }
                Err(error) => {
                    let place = error.span().filter(|found| *found != span).unwrap_or_else(|| key.span());
                    self.wrong(instance, Some(place), explained(error.message(), &full));
                }
            }
        }
        read(right).unwrap_or_default()
    }
}

/// What is wrong with a key, in a sentence: an unknown one with the one that was meant.
fn explained(message: &str, path: &str) -> String {
    let mut quoted = message.split('`').skip(1).step_by(2);
    match (message.starts_with("unknown field"), quoted.next()) {
        (true, Some(found)) => {
            let known: Vec<String> = quoted.map(str::to_owned).collect();
            let below = path.strip_suffix(found).map_or(path, |above| above.trim_end_matches('.'));
            unknown(found, &known, below)
        }
        _ => format!("{path}: {message}"),
    }
}

/// That a name is not known, and which one was meant.
pub(super) fn unknown(found: &str, known: &[String], inside: &str) -> String {
    let inside = if inside.is_empty() { String::new() } else { format!("{inside}: ") };
    match near(found, known) {
        Some(near) => format!("{inside}there is no `{}`; did you mean `{near}`?", found.escape_default()),
        None => format!("{inside}there is no `{}`; known are {}", found.escape_default(), known.join(", ")),
    }
}

/// The name that is so near that it was meant.
pub(super) fn near<'n>(found: &str, known: &'n [String]) -> Option<&'n String> {
    let scored = known.iter().map(|name| (strsim::jaro_winkler(found, name), name));
    scored.filter(|(score, _)| *score > 0.8).max_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, name)| name)
}
