//! Rules together.

use super::extra::Extra;
use super::file;
use super::matcher::Matcher;
use super::rule::{Candidates, Example, Rule};
use super::scanner::{About, Scanner};
use crate::base::{Error, ErrorKind, Result};
use crate::report::Where;
use std::path::Path;
use std::sync::{Arc, OnceLock};

/// The files of the rules that come with the program: name and text.
const BUILTIN: [(&str, &str); 19] = [
    ("persistence.toml", include_str!("builtin/persistence.toml")),
    ("execution.toml", include_str!("builtin/execution.toml")),
    ("web.toml", include_str!("builtin/web.toml")),
    ("modules.toml", include_str!("builtin/modules.toml")),
    ("lua.toml", include_str!("builtin/lua.toml")),
    ("malformed.toml", include_str!("builtin/malformed.toml")),
    ("ransom.toml", include_str!("builtin/ransom.toml")),
    ("mining.toml", include_str!("builtin/mining.toml")),
    ("binaries.toml", include_str!("builtin/binaries.toml")),
    ("c2.toml", include_str!("builtin/c2.toml")),
    ("sessions.toml", include_str!("builtin/sessions.toml")),
    ("deserialization.toml", include_str!("builtin/deserialization.toml")),
    ("secrets.toml", include_str!("builtin/secrets.toml")),
    ("personal.toml", include_str!("builtin/personal.toml")),
    ("fields.toml", include_str!("builtin/fields.toml")),
    ("dump.toml", include_str!("builtin/dump.toml")),
    ("logs.toml", include_str!("builtin/logs.toml")),
    ("files.toml", include_str!("builtin/files.toml")),
    ("versions.toml", include_str!("builtin/versions.toml")),
];

/// Rules, in the order they were given.
#[derive(Debug, Clone, Default)]
pub struct RuleSet {
    rules: Vec<Rule>,
    /// Matchers, each with the place of its first rule.
    extras: Vec<(usize, Arc<dyn Extra>)>,
    /// What is derived from all of them, once they are used.
    matcher: OnceLock<Arc<Matcher>>,
}

impl RuleSet {
    /// The rules that come with the program.
    ///
    /// # Errors
    /// Never for a build whose tests have passed: one of them loads these.
    pub fn builtin() -> Result<Self> {
        let mut set = Self::default();
        for (name, text) in BUILTIN {
            set.add(file::parse(Path::new(name), text)?, Path::new(name))?;
        }
        Ok(set)
    }

    /// Adds rules.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] where an id is there already, or where a rule cannot be prepared: see [`Rule::prepare`].
    pub fn add(&mut self, rules: Vec<Rule>, file: &Path) -> Result<()> {
        self.matcher = OnceLock::new();
        for mut rule in rules {
            let line = rule.line;
            let error = |what| Error::new(ErrorKind::Config { file: file.to_owned(), line, what });
            if self.rules.iter().any(|other| other.id == rule.id) {
                return Err(error(format!("rule {}: there is one of this id already", rule.id)));
            }
            if rule.candidates == Candidates::None {
                rule.prepare().map_err(|what| error(format!("rule {}: {what}", rule.id)))?;
            }
            self.rules.push(rule);
        }
        Ok(())
    }

    /// Adds the rules of a file, or of every `.toml` file of a folder.
    ///
    /// # Errors
    /// It cannot be read; [`ErrorKind::Config`] with the file, the line, the rule and the reason.
    pub fn add_path(&mut self, path: &Path) -> Result<()> {
        let failed = |error| Error::io("read", error).about(path.display().to_string());
        if path.is_dir() {
            let mut files: Vec<_> = std::fs::read_dir(path)
                .map_err(failed)?
                .filter_map(|entry| entry.ok().map(|entry| entry.path()))
                .filter(|path| path.extension().is_some_and(|extension| extension == "toml"))
                .collect();
            files.sort();
            return files.iter().try_for_each(|file| self.add_path(file));
        }
        let text = std::fs::read_to_string(path).map_err(failed)?;
        let rules = file::parse(path, &text)?;
        for (at, rule) in rules.iter().enumerate() {
            let others = self.rules.iter().chain(rules.iter().take(at));
            check_is_free(rule, others).map_err(|what| {
                let what = format!("rule {}: {what}", rule.id);
                Error::new(ErrorKind::Config { file: path.to_owned(), line: rule.line, what })
            })?;
        }
        self.add(rules, path)
    }

    /// Adds a matcher with its rules.
    pub fn add_extra(&mut self, extra: Arc<dyn Extra>) {
        self.matcher = OnceLock::new();
        let first = self.rules.len();
        self.rules.extend(extra.rules());
        self.extras.push((first, extra));
    }

    /// The matchers, each with the place of its first rule.
    pub fn extras(&self) -> &[(usize, Arc<dyn Extra>)] {
        &self.extras
    }

    /// The rules.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// What is derived from all of them: made at the first call, and shared.
    pub(super) fn matcher(&self) -> Arc<Matcher> {
        Arc::clone(self.matcher.get_or_init(|| Arc::new(Matcher::new(&self.rules))))
    }

    /// The rule of this id.
    pub fn get(&self, id: &str) -> Option<&Rule> {
        self.rules.iter().find(|rule| rule.id == id)
    }
}

/// Whether a rule can word what its check finds, if it is one: there is such a check, and no other rule has it. Every check has
/// a rule that comes with the program.
fn check_is_free<'r>(rule: &Rule, mut others: impl Iterator<Item = &'r Rule>) -> std::result::Result<(), String> {
    let Some(check) = &rule.check else { return Ok(()) };
    let known: Vec<String> = BUILTIN.iter().flat_map(|(_, text)| file::checks(text)).collect();
    if !known.contains(check) {
        return Err(format!("check {check:?} is not known: there are {}", known.join(", ")));
    }
    match others.find(|other| other.check.as_ref() == Some(check)) {
        Some(other) => Err(format!("check {check:?} is that of rule {} already", other.id)),
        None => Ok(()),
    }
}

/// An example that a rule does not do as it says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    /// The rule.
    pub rule: String,
    /// The file the rule is from, and the line there.
    pub file: String,
    /// See `file`.
    pub line: u32,
    /// Whether it should have matched.
    pub should_match: bool,
    /// Which of its examples, from 1.
    pub number: usize,
}

/// Tries every rule on its own examples and counter-examples, and says which do not come out as they should, and how many
/// were tried.
pub fn try_examples(set: &RuleSet) -> (Vec<Broken>, usize) {
    let (mut broken, mut tried) = (Vec::new(), 0);
    for rule in &set.rules {
        let alone = Arc::new(RuleSet { rules: vec![rule.clone()], ..RuleSet::default() });
        let examples = rule.examples.iter().map(|example| (example, true));
        let counters = rule.counter_examples.iter().map(|example| (example, false));
        for (number, (example, should_match)) in examples.enumerate().chain(counters.enumerate()) {
            tried += 1;
            if matches(&alone, rule, example) != should_match {
                let (rule, file, line) = (rule.id.clone(), rule.file.clone(), rule.line);
                broken.push(Broken { rule, file, line, should_match, number: number.saturating_add(1) });
            }
        }
    }
    (broken, tried)
}

fn matches(alone: &Arc<RuleSet>, rule: &Rule, example: &Example) -> bool {
    let order = [Where::Value, Where::Element, Where::Field, Where::Key, Where::Function, Where::Aux, Where::Command];
    let place = example.place.or_else(|| order.into_iter().find(|place| rule.scope.has(*place)));
    let about = About {
        place: place.unwrap_or(Where::Log),
        ty: rule.types.first().copied(),
        key: &example.key,
        field: &example.field,
    };
    let mut scanner = Scanner::new(Arc::clone(alone));
    scanner.text(0, &about, &example.text);
    scanner.drain().next().is_some()
}
