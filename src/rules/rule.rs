//! What a rule says, compiled.

use super::prefilter::{self, Literal, Told};
use super::validate::{Candidate, Validator};
use crate::keyspace::Type;
use crate::report::{Category, Confidence, Threat, Where};
use regex::bytes::Regex;
use std::ops::Range;

/// What texts a rule is for.
#[allow(clippy::struct_excessive_bools, reason = "each is a word of the rule file")]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Scope {
    /// Names of keys.
    pub key: bool,
    /// What a client reads as a value: strings, items, members, fields of hashes and of stream entries with their values.
    pub value: bool,
    /// Names of fields alone.
    pub field: bool,
    /// Items and members alone.
    pub element: bool,
    /// Sources of function libraries.
    pub function: bool,
    /// AUX fields.
    pub aux: bool,
    /// Commands of a log: each argument but keys and values that are scanned as such, and the whole command as one line.
    pub command: bool,
    /// Lines of a server's log.
    pub log: bool,
}

impl Scope {
    /// The words of it, as rule files have them.
    pub fn names(&self) -> Vec<&'static str> {
        let words = [
            (self.key, "key"),
            (self.value, "value"),
            (self.field, "field"),
            (self.element, "element"),
            (self.function, "function"),
            (self.aux, "aux"),
            (self.command, "command"),
            (self.log, "log"),
        ];
        words.into_iter().filter(|(has, _)| *has).map(|(_, word)| word).collect()
    }

    /// Whether texts from this part of the evidence are meant.
    #[inline]
    pub fn has(self, place: Where) -> bool {
        match place {
            Where::Key => self.key,
            Where::Value => self.value,
            Where::Field => self.value || self.field,
            Where::Element => self.value || self.element,
            Where::Function => self.function,
            Where::Aux => self.aux,
            Where::Command => self.command,
            Where::Log => self.log,
            Where::Structure | Where::File => false,
        }
    }
}

/// A rule. See docs/rules.md for what each field means in a file.
#[allow(clippy::struct_excessive_bools, reason = "each says another thing of the rule")]
#[derive(Debug, Clone, Default)]
pub struct Rule {
    /// `RD-CRON-001`.
    pub id: String,
    /// Counts its changes.
    pub version: u32,
    /// What it finds, in a few words.
    pub title: String,
    /// How grave the technique is.
    pub severity: Threat,
    /// How sure a match is.
    pub confidence: Confidence,
    /// What sort of thing.
    pub category: Category,
    /// What it belongs to, for grouping.
    pub story: String,
    /// MITRE ATT&CK ids.
    pub attack: Vec<String>,
    /// What texts it is for.
    pub scope: Scope,
    /// Only keys of these types; empty: all.
    pub types: Vec<Type>,
    /// What must match. None of a rule that is a check of the whole dump, or of a matcher without patterns.
    pub pattern: Option<Regex>,
    /// The class scanner that finds candidates, where the pattern has no literal.
    pub prefilter: Option<Class>,
    /// What a run that the class scanner finds must be like, more than the class asks by itself.
    pub run: Run,
    /// Literals one of which stands in every text that can match, in lower case; for rules of others, which state them.
    pub keywords: Vec<Vec<u8>>,
    /// Which group of the pattern is the secret; none: the group `secret`, or the first, or else the match.
    pub secret_group: Option<usize>,
    /// What must not match in the secret.
    pub unless_secret: Vec<Regex>,
    /// What makes a match no match.
    pub allow: Vec<Allow>,
    /// What must match as well.
    pub also: Vec<Regex>,
    /// Within so many bytes of the match; none: anywhere in the text.
    pub within: Option<u64>,
    /// What must not match in the matched text.
    pub unless_match: Vec<Regex>,
    /// What must not match within `within` of the match; without that, anywhere in the text.
    pub unless: Vec<Regex>,
    /// What the key's name must match.
    pub key: Option<Regex>,
    /// What the name of the field must match.
    pub field: Option<Regex>,
    /// Fewest bytes of a text.
    pub min_bytes: u64,
    /// Most bytes of a text.
    pub max_bytes: Option<u64>,
    /// What speaks for it: in the key, in the field's name, or in the 60 bytes before the match.
    pub hint: Option<Regex>,
    /// The severity without the hint; none: then it is no match.
    pub without_hint: Option<Threat>,
    /// What a match is put to, in this order.
    pub validators: Vec<Validator>,
    /// Whether decoded texts are looked at as well.
    pub decode: bool,
    /// Whether what matches can be guessed from a hash of it.
    pub guessable: bool,
    /// Keys with which a match is only worth knowing.
    pub info_for_keys: Vec<Regex>,
    /// So many levels the findings of other rules on the same key are raised by; it is told only with them.
    pub raises: u8,
    /// Why critical may rest on one signal.
    pub single_signal: Option<String>,
    /// Why a server that does not let clients write files elsewhere makes no difference.
    pub uncapped: Option<String>,
    /// The check of the whole dump that it stands for.
    pub check: Option<String>,
    /// Why it matters.
    pub why: String,
    /// What to do.
    pub advice: String,
    /// Texts in which it must match.
    pub examples: Vec<Example>,
    /// Texts in which it must not.
    pub counter_examples: Vec<Example>,
    /// Where to read on.
    pub references: Vec<String>,
    /// Longest match in bytes, with what `within` adds; past [`LONGEST`] it is that.
    pub longest: u64,
    /// Whether a match could be longer than [`LONGEST`].
    pub capped: bool,
    /// The file it is from, and the line there; 0 if there is none.
    pub file: String,
    /// See `file`.
    pub line: u32,
    /// How candidates are found. [`Rule::prepare`] says it.
    pub candidates: Candidates,
    /// Longest match of the pattern alone, in bytes; none: no bound.
    pub match_longest: Option<u64>,
    /// Shortest match of the pattern, in bytes.
    pub match_shortest: u64,
    /// Whether the pattern asks for the end of the text.
    pub asks_end: bool,
    /// Whether what finds candidates may be far from the match.
    pub is_found_elsewhere: bool,
}

/// Which runs of a class scanner are candidates of a rule.
#[derive(Debug, Clone, Default)]
pub struct Run {
    /// Fewest bytes; of digits, fewest digits.
    pub least: usize,
    /// Most of them; none: no bound.
    pub most: Option<usize>,
    /// Fewest different bytes among the first 1,024.
    pub distinct: usize,
    /// What the byte before it must match; at the beginning of a text, nothing is there to match.
    pub behind: Option<Regex>,
    /// The answers of `behind` for each byte, and for the beginning. [`Rule::prepare`] asks them.
    pub follows: Vec<bool>,
}

impl Run {
    /// Whether a run is a candidate. `length` in bytes or digits; `start` if the text begins with `text`.
    pub(super) fn holds(&self, text: &[u8], run: &Range<usize>, length: usize, start: bool) -> bool {
        if length < self.least || self.most.is_some_and(|most| length > most) {
            return false;
        }
        if self.behind.is_some() {
            let before = match run.start.checked_sub(1) {
                Some(at) => text.get(at).map_or(BEGINNING, |byte| usize::from(*byte)),
                None if start => BEGINNING,
                // What stands before the window is not known.
                None => return true,
            };
            if self.follows.get(before) == Some(&false) {
                return false;
            }
        }
        self.distinct == 0 || distinct(text.get(run.clone()).unwrap_or_default()) >= self.distinct
    }

    fn prepare(&mut self) {
        let Some(behind) = &self.behind else { return };
        self.follows = (0..=u8::MAX).map(|byte| behind.is_match(&[byte])).chain([behind.is_match(b"")]).collect();
    }
}

/// Where [`Run::follows`] answers for the beginning of a text.
const BEGINNING: usize = 256;

/// How many different bytes there are among the first 1,024.
fn distinct(bytes: &[u8]) -> usize {
    let mut seen = [0_u64; 4];
    for byte in bytes.iter().take(1024) {
        if let Some(word) = seen.get_mut(usize::from(byte >> 6)) {
            *word |= 1 << (byte & 63);
        }
    }
    seen.iter().map(|word| word.count_ones() as usize).sum()
}

/// What makes a match no match.
#[derive(Debug, Clone, Default)]
pub struct Allow {
    /// Whether every sort of condition that is given must hold, not one of them.
    pub all: bool,
    /// What `regexes` look at.
    pub target: AllowTarget,
    /// One of these matches.
    pub regexes: Vec<Regex>,
    /// One of these matches in the name of the key.
    pub keys: Vec<Regex>,
    /// One of these, in lower case, stands in the secret.
    pub stopwords: Vec<Vec<u8>>,
}

/// What the patterns of an [`Allow`] look at.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum AllowTarget {
    /// The secret.
    #[default]
    Secret,
    /// The match.
    Match,
    /// The line that the match begins in, 1 KiB on either side at most.
    Line,
}

impl Allow {
    /// Whether it holds for a match.
    pub fn holds(&self, key: &[u8], candidate: &Candidate<'_>) -> bool {
        let target = match self.target {
            AllowTarget::Secret => candidate.secret,
            AllowTarget::Match => candidate.matched,
            AllowTarget::Line => line(candidate),
        };
        let secret = || candidate.secret.to_ascii_lowercase();
        let stopword =
            |secret: Vec<u8>| self.stopwords.iter().any(|word| memchr::memmem::find(&secret, word).is_some());
        let conditions = [
            (!self.regexes.is_empty()).then(|| self.regexes.iter().any(|regex| regex.is_match(target))),
            (!self.keys.is_empty()).then(|| self.keys.iter().any(|regex| regex.is_match(key))),
            (!self.stopwords.is_empty()).then(|| stopword(secret())),
        ];
        let mut given = conditions.into_iter().flatten();
        if self.all { given.all(|holds| holds) } else { given.any(|holds| holds) }
    }
}

fn line<'a>(candidate: &Candidate<'a>) -> &'a [u8] {
    const SIDE: usize = 1 << 10;
    let (text, at) = (candidate.text, candidate.at);
    let end = at.saturating_add(candidate.matched.len()).min(text.len());
    let before = text.get(at.saturating_sub(SIDE)..at).unwrap_or_default();
    let after = text.get(end..end.saturating_add(SIDE).min(text.len())).unwrap_or_default();
    let from = memchr::memrchr(b'\n', before).map_or(0, |found| found.saturating_add(1));
    let to = memchr::memchr(b'\n', after).unwrap_or(after.len());
    let from = at.saturating_sub(before.len().saturating_sub(from));
    text.get(from..end.saturating_add(to)).unwrap_or_default()
}

/// A longer match is not found where it lies across two windows of a value that is too large to be held.
pub const LONGEST: u64 = 16 << 10;

/// How the texts are found that a rule's pattern is tried on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Candidates {
    /// Not at all: the rule has no pattern, or was not prepared.
    #[default]
    None,
    /// One of these literals stands in every text that matches.
    Literals(Vec<Literal>),
    /// Every text that matches begins with one of these.
    Start(Vec<Literal>),
    /// By the class scanner that the rule names.
    Class(Class),
}

impl Rule {
    /// Whether what must or must not match beside the pattern may stand anywhere in the text.
    pub(super) fn looks_anywhere(&self) -> bool {
        self.within.is_none() && !(self.also.is_empty() && self.unless.is_empty())
    }

    /// Derives from the patterns how candidates are found, and the longest match. Sets of rules do it for those they are given.
    ///
    /// # Errors
    /// Why the rule is refused: there is nothing to find candidates by, or the pattern matches the empty text.
    pub fn prepare(&mut self) -> Result<(), String> {
        self.run.prepare();
        let Some(pattern) = &self.pattern else { return Ok(()) };
        // Rules of others state their literals, and their patterns may know Unicode.
        let stated = !self.keywords.is_empty();
        let read = |pattern: &Regex| -> Result<Told, String> {
            let bytes = prefilter::told(pattern.as_str(), false);
            if stated { prefilter::told(pattern.as_str(), true).or(bytes) } else { bytes }
        };
        let main = read(pattern)?;
        let also = self.also.iter().map(read).collect::<Result<Vec<_>, _>>()?;
        let unless = self.unless.iter().map(read).collect::<Result<Vec<_>, _>>()?;
        if main.shortest == 0 && !stated {
            return Err("the regex matches the empty text".into());
        }
        if self.within.is_some_and(|within| within > LONGEST / 4) {
            return Err(format!("within is more than {} bytes", LONGEST / 4));
        }
        let beside = self.within.unwrap_or(0).saturating_mul(2);
        let mut longest = main.longest.map(|bytes| bytes.saturating_add(beside));
        if self.looks_anywhere() {
            let others = also.iter().chain(&unless).map(|told| told.longest);
            longest = others.fold(longest, |most, other| Some(most?.max(other?)));
        }
        self.capped = longest.is_none_or(|bytes| bytes > LONGEST);
        self.longest = longest.unwrap_or(LONGEST).min(LONGEST);
        self.match_longest = main.longest;
        self.match_shortest = main.shortest;
        self.asks_end = main.asks_end;
        self.is_found_elsewhere = false;
        if self.prefilter == Some(Class::Field) && self.field.is_none() {
            return Err("prefilter \"field\" asks for field".into());
        }
        self.candidates = if let Some(class) = self.prefilter {
            Candidates::Class(class)
        } else if stated {
            let literal = |word: &Vec<u8>| Literal::new(word.to_ascii_lowercase(), None);
            Candidates::Literals(self.keywords.iter().filter(|word| !word.is_empty()).map(literal).collect())
        } else {
            let found = prefilter::candidates(main, also).ok_or_else(|| {
                let names = Class::ALL.map(Class::name).join(", ");
                format!(
                    "no literal of three bytes or more stands in every match: make the regex say one, or name a class \
                     scanner in prefilter ({names})"
                )
            })?;
            self.is_found_elsewhere = found.1 && self.within.is_none();
            found.0
        };
        Ok(())
    }
}

/// A text, and where it stands.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Example {
    /// The bytes.
    pub text: Vec<u8>,
    /// The key.
    pub key: Vec<u8>,
    /// The field.
    pub field: Vec<u8>,
    /// What part of the evidence; none: the first that the rule's scope has.
    pub place: Option<Where>,
}

/// Finds candidates of rules that have no literal: a superset of what they match.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Class {
    /// 9 or more digits, single blanks, dots or dashes between them allowed.
    Digits,
    /// 32 or more hexadecimal digits.
    Hex,
    /// 20 or more characters of base64, standard or for URLs.
    Base64,
    /// 25 or more characters of base58.
    Base58,
    /// An `@`.
    At,
    /// Every text of 64 or more bytes; for rules that ask how random they are.
    Entropy,
    /// Every value of a field whose name the rule's `field` matches.
    Field,
}

impl Class {
    /// Every one.
    pub const ALL: [Class; 7] =
        [Class::Digits, Class::Hex, Class::Base64, Class::Base58, Class::At, Class::Entropy, Class::Field];

    /// The word in rule files.
    pub fn name(self) -> &'static str {
        match self {
            Class::Digits => "digits",
            Class::Hex => "hex",
            Class::Base64 => "base64",
            Class::Base58 => "base58",
            Class::At => "at",
            Class::Entropy => "entropy",
            Class::Field => "field",
        }
    }
}
