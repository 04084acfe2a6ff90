//! YARA rules, run on every text as it is decoded.
//!
//! A text too large to be held comes in windows: there `filesize`, offsets and conditions over several strings see one window.
//! A match of a string of up to 16 KiB is seen whole.

use super::extra::{Extra, ExtraMatch};
use super::rule::{Rule, Scope};
use super::scanner::About;
use crate::base::{Error, ErrorKind, Result};
use crate::report::{Category, Confidence, Threat};
use boreal::compiler::CompilerParams;
use boreal::scanner::{ScanParams, ScanResult};
use boreal::{Compiler, Metadata, MetadataValue, Scanner};
use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;

/// Longest time one text may take. What takes longer keeps the matches found until then.
const MOST_TIME: Duration = Duration::from_secs(20);
/// Matches of one string that are counted in one text.
const MOST_MATCHES: u32 = 1_000;

/// Compiled YARA rules.
#[derive(Debug)]
pub struct Yara {
    scanner: Scanner,
    rules: Vec<Rule>,
    /// Place of a rule by namespace and name.
    places: HashMap<(String, String), usize>,
}

impl Yara {
    /// The rules of files, each in a namespace of its own. Nothing is included from other files.
    ///
    /// # Errors
    /// A file cannot be read; [`ErrorKind::Config`] with the line and the reason.
    pub fn from_files<P: AsRef<Path>>(files: &[P]) -> Result<Self> {
        let mut compiler = Compiler::new();
        compiler.set_params(CompilerParams::default().disable_includes(true));
        for file in files.iter().map(AsRef::as_ref) {
            let name = file.display().to_string();
            let text = std::fs::read(file).map_err(|error| Error::io("read", error).about(name.clone()))?;
            let text = guarded(&String::from_utf8_lossy(&text));
            compiler.add_rules_str_in_namespace(&text, &name).map_err(|error| refused(file, &error.to_string()))?;
        }
        let mut scanner = compiler.finalize();
        scanner.set_scan_params(
            ScanParams::default()
                .compute_full_matches(true)
                .string_max_nb_matches(MOST_MATCHES)
                .timeout_duration(Some(MOST_TIME)),
        );
        let (mut rules, mut places) = (Vec::new(), HashMap::new());
        for details in scanner.rules().filter(|details| !details.is_private) {
            let key = (details.namespace.to_owned(), details.name.to_owned());
            // The same name may stand in several files.
            let taken = rules.iter().any(|rule: &Rule| rule.id == details.name);
            let id = if taken { format!("{}@{}", details.name, details.namespace) } else { details.name.to_owned() };
            places.insert(key, rules.len());
            rules.push(described(&scanner, id, details.metadatas));
        }
        Ok(Self { scanner, rules, places })
    }
}

/// The text of rules with an empty group before each regular expression that begins with a group.
///
/// boreal 1.4.0 takes what follows an alternation at the very beginning for what must match from its middle on, and so misses
/// matches of `/(a\s*b|c)\s*d/`; behind anything else it does not. A `/` is nothing else in YARA than the beginning of such an
/// expression or of a comment: one divides by `\`.
fn guarded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(['"', '/']) {
        let (before, from) = rest.split_at(at);
        out.push_str(before);
        let length = match from.as_bytes() {
            [b'/', b'/', ..] => from.find('\n').unwrap_or(from.len()),
            [b'/', b'*', ..] => from.find("*/").map_or(from.len(), |end| end.saturating_add(2)),
            [quote, first, ..] => {
                if (*quote, *first) == (b'/', b'(') {
                    out.push_str("/()");
                    rest = from.get(1..).unwrap_or_default();
                    let end = quoted(rest, b'/');
                    out.push_str(rest.get(..end).unwrap_or(rest));
                    rest = rest.get(end..).unwrap_or_default();
                    continue;
                }
                quoted(from.get(1..).unwrap_or_default(), *quote).saturating_add(1)
            }
            _ => from.len(),
        };
        out.push_str(from.get(..length).unwrap_or(from));
        rest = from.get(length..).unwrap_or_default();
    }
    out + rest
}

/// Up to where a string or an expression goes, its end included. Neither goes on in the next line.
fn quoted(text: &str, quote: u8) -> usize {
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'\n' => return at,
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            byte if byte == quote => return at.saturating_add(1),
            _ => {}
        }
    }
    text.len()
}

/// `mem:12:5: error: …` as the file, the line and the reason.
fn refused(file: &Path, said: &str) -> Error {
    let mut parts = said.splitn(4, ':');
    let (_, line, _, what) = (parts.next(), parts.next(), parts.next(), parts.next());
    let what = what.unwrap_or(said).trim().trim_start_matches("error:").trim().to_owned();
    let line = line.and_then(|line| line.trim().parse().ok()).unwrap_or(0);
    Error::new(ErrorKind::Config { file: file.to_owned(), line, what })
}

/// What the rule says of itself: `severity` or `level`, `description`, `reference`.
fn described(scanner: &Scanner, id: String, metadatas: &[Metadata]) -> Rule {
    let said = |wanted: &str| {
        metadatas.iter().find_map(|metadata| match metadata.value {
            MetadataValue::Bytes(text) if scanner.get_string_symbol(metadata.name).eq_ignore_ascii_case(wanted) => {
                Some(String::from_utf8_lossy(scanner.get_bytes_symbol(text)).into_owned())
            }
            _ => None,
        })
    };
    let word = said("severity").or_else(|| said("level")).unwrap_or_default().to_ascii_lowercase();
    let severity = Threat::ALL.into_iter().find(|threat| threat.name() == word).unwrap_or(Threat::High);
    Rule {
        title: said("description").unwrap_or_else(|| format!("YARA rule {id}")),
        id,
        version: 1,
        severity,
        confidence: Confidence::Medium,
        category: Category::Attack,
        story: "YARA rules".into(),
        scope: Scope { key: true, value: true, function: true, aux: true, command: true, ..Scope::default() },
        decode: true,
        why: "A YARA rule that was given matches what is stored here.".into(),
        advice: "See what the rule is for, and look at the value.".into(),
        references: said("reference").into_iter().collect(),
        ..Rule::default()
    }
}

impl Extra for Yara {
    fn rules(&self) -> Vec<Rule> {
        self.rules.clone()
    }

    fn scan(&self, _: &About<'_>, text: &[u8], _: bool, found: &mut dyn FnMut(ExtraMatch)) {
        let result: ScanResult<'_> = match self.scanner.scan_mem(text) {
            Ok(result) | Err((_, result)) => result,
        };
        for evaluated in result.rules {
            let key = (evaluated.namespace.to_owned(), evaluated.name.to_owned());
            let Some(rule) = self.places.get(&key).copied() else { continue };
            let mut places: Vec<_> = evaluated
                .matches
                .iter()
                .flat_map(|string| string.matches.iter().map(|one| (one.offset, one.length)))
                .collect();
            places.sort_unstable();
            if places.is_empty() {
                // A condition without strings, as `filesize > 1MB`.
                places.push((0, 0));
            }
            for (at, bytes) in places {
                found(ExtraMatch { rule, at, bytes });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_group_stands_before_expressions_that_begin_with_one() {
        let cases = [
            ("$a = /(a|b)c/ nocase", "$a = /()(a|b)c/ nocase"),
            ("$a = /a(b)/ $b = /(b\\/(c)/ $c = /(d)/", "$a = /a(b)/ $b = /()(b\\/(c)/ $c = /()(d)/"),
            (
                "\"/(a)\" // /(b)\n/* /(c) \" */ \"\\\"/(d)\" /(e)/",
                "\"/(a)\" // /(b)\n/* /(c) \" */ \"\\\"/(d)\" /()(e)/",
            ),
            ("{ 0A // (\n 0B } /(", "{ 0A // (\n 0B } /()("),
            ("é \"é /(é)/\n /(é)/", "é \"é /(é)/\n /()(é)/"),
            ("/", "/"),
            ("\"", "\""),
            ("/*", "/*"),
        ];
        for (text, expected) in cases {
            assert_eq!(guarded(text), expected);
        }
    }
}
