//! A secret never stands in an output that was not asked for it: not as it is, not escaped, not encoded, not a stretch of it.
//! Names of keys are shown: secrets in them are not looked for.

use crate::incident::Served;
use crate::support::dumps::program;
use crate::support::incident::truth::{Kind, Truth};
use crate::support::incident::{Keyspace, SEED, cases, holdout};
use crate::support::servers::ServerSpec;
use aho_corasick::AhoCorasick;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use rediscover::report::escape;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;

const SCAN: [&str; 8] = ["text", "json", "jsonl", "csv", "ecs", "sarif", "timesketch", "html"];
const ANALYZE: [&str; 3] = ["text", "json", "html"];
/// Shorter ones stand anywhere by chance.
const LEAST: usize = 6;
/// Bytes of a stretch that must not be there: of the ends of a token four are shown.
const STRETCH: usize = 12;

/// What was planted, but in names of keys.
fn secrets(truth: &[Truth]) -> BTreeSet<String> {
    let positives = truth.iter().filter(|line| line.kind == Kind::Positive && line.place != "key");
    let all: BTreeSet<String> = positives.flat_map(|line| line.secrets.clone()).collect();
    let in_names: Vec<&[u8]> =
        truth.iter().filter(|line| line.place == "key").map(|line| line.text.as_slice()).collect();
    let is_named = |secret: &str| in_names.iter().any(|name| memchr::memmem::find(name, secret.as_bytes()).is_some());
    all.into_iter().filter(|secret| secret.len() >= LEAST && !is_named(secret)).collect()
}

fn json(text: &str) -> String {
    let quoted = serde_json::to_string(text).expect("a string");
    quoted[1..quoted.len() - 1].to_owned()
}

fn html(text: &str) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    text.replace('"', "&quot;").replace('\'', "&#39;")
}

fn percent(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    text.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

/// The letters of base64 that a text has wherever it begins in what is encoded.
fn base64(text: &str) -> Vec<String> {
    let mut all = Vec::new();
    for before in 0..3_usize {
        let bytes = [vec![0; before], text.as_bytes().to_vec()].concat();
        // Those that share bits with what is before and behind are not known.
        let (from, to) = ((before * 8).div_ceil(6), bytes.len() * 8 / 6);
        all.extend([STANDARD.encode(&bytes), URL_SAFE.encode(&bytes)].map(|text| text[from..to].to_owned()));
    }
    all
}

/// A secret in every form in which an output could have it.
fn forms(secret: &str) -> BTreeSet<String> {
    let escaped = escape(secret.as_bytes());
    let mut all = vec![secret.to_owned(), escaped.clone(), json(secret), json(&escaped), json(&json(secret))];
    all.extend(all.clone().iter().map(|text| html(text)));
    all.extend([percent(secret), secret.replace('"', "\"\""), secret.replace('\n', "\r\n")]);
    all.push(secret.bytes().map(|byte| format!("{byte:02x}")).collect());
    all.extend(base64(secret));
    all.into_iter().filter(|text| text.len() >= LEAST).collect()
}

/// The bytes that two texts begin with alike.
fn alike(a: &str, b: &str) -> usize {
    a.bytes().zip(b.bytes()).take_while(|(a, b)| a == b).count()
}

/// Stretches of a secret, at several places.
fn stretches(secret: &str) -> BTreeSet<&str> {
    let last = secret.len().saturating_sub(STRETCH);
    let places = [0, 4, 8, STRETCH, last / 3, last / 2, last / 3 * 2, last.saturating_sub(4), last];
    let all = places.into_iter().filter_map(|at| secret.get(at..at + STRETCH));
    all.filter(|_| secret.len() > STRETCH).collect()
}

/// What to look for, each with what it is of.
struct Searched {
    words: Vec<(String, String)>,
    automaton: AhoCorasick,
}

impl Searched {
    /// `shown` is what is there anyhow. What the secrets of a kind begin with is none, nor is a stretch that several have:
    /// `others` has more of each kind.
    fn new(secrets: &BTreeSet<String>, others: &BTreeSet<String>, shown: &[u8]) -> Self {
        let sorted: Vec<&str> = secrets.union(others).map(String::as_str).collect();
        let own_part = |at: usize| {
            let before = at.checked_sub(1).and_then(|at| sorted.get(at));
            let alike = before.into_iter().chain(sorted.get(at + 1)).map(|other| alike(sorted[at], other)).max();
            sorted[at].get(alike.unwrap_or_default()..).unwrap_or_default()
        };
        let mut own: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for (at, secret) in sorted.iter().enumerate() {
            for stretch in stretches(own_part(at)) {
                own.entry(stretch).or_default().push(secret);
            }
        }
        own.retain(|stretch, of| {
            of.len() == 1 && secrets.contains(of[0]) && memchr::memmem::find(shown, stretch.as_bytes()).is_none()
        });
        let mut words: BTreeMap<String, String> = BTreeMap::new();
        for (stretch, of) in own {
            words.extend([stretch.to_owned(), json(stretch), html(stretch)].map(|form| (form, of[0].to_owned())));
        }
        for secret in secrets {
            words.extend(forms(secret).into_iter().map(|form| (form, secret.clone())));
        }
        let words: Vec<_> = words.into_iter().collect();
        let automaton = AhoCorasick::new(words.iter().map(|(word, _)| word)).expect("words");
        Self { words, automaton }
    }

    /// The secrets that are there, each with what was found of it and what stands around.
    fn found<'s>(&'s self, text: &[u8]) -> BTreeMap<&'s str, String> {
        let tell = |at: std::ops::Range<usize>| {
            let around = &text[at.start.saturating_sub(80)..(at.end + 80).min(text.len())];
            format!("{} in {}", text[at].escape_ascii(), around.escape_ascii())
        };
        let all = self.automaton.find_overlapping_iter(text);
        all.map(|found| (self.words[found.pattern().as_usize()].1.as_str(), tell(found.range()))).collect()
    }
}

/// What a command prints, and what it says beside it.
fn printed(arguments: &[&str]) -> Vec<u8> {
    let output = program(arguments).output().expect("it runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(matches!(output.status.code(), Some(0 | 4)), "{arguments:?}: {said}");
    assert!(!output.stdout.is_empty(), "{arguments:?}: {said}");
    [output.stdout, b"\n".to_vec(), output.stderr].concat()
}

fn assert_hidden(space: &Keyspace, other: &Keyspace, server: &str) {
    let Some(spec) = ServerSpec::named(server) else { return };
    let secrets = secrets(&space.truth);
    assert!(secrets.len() > 50, "{} secrets", secrets.len());
    let names: Vec<&[u8]> = space.truth.iter().filter_map(|line| line.key.as_deref()).collect();
    let searched = Searched::new(&secrets, &self::secrets(&other.truth), &names.join(&b'\n'));
    let served = Served::new(&spec, space);
    let (rdb, aof) = (served.rdb(true), served.aof());
    let (rdb, aof) = (rdb.to_str().expect("text"), aof.to_str().expect("text"));
    let mut leaks: Vec<String> = Vec::new();
    for source in [rdb, aof] {
        let mut outputs = Vec::new();
        for format in SCAN {
            outputs.push(["scan", "-v", source, "--format", format].to_vec());
        }
        for format in ANALYZE {
            outputs.push(["analyze", "-v", "--scan", source, "--format", format].to_vec());
        }
        for arguments in outputs {
            let found = searched.found(&printed(&arguments));
            leaks.extend(found.iter().map(|(secret, what)| format!("{arguments:?}: {secret:?}: {what}")));
        }
        // What is asked for is there: the test can fail.
        let most = secrets.len() * 9 / 10;
        let shown = searched.found(&printed(&["scan", source, "--format", "json", "--reveal"]));
        assert!(shown.len() >= most, "{source}: {} of {} revealed", shown.len(), secrets.len());
        let folder = tempfile::tempdir().expect("a folder");
        let place = folder.path().join("secrets.jsonl");
        let report = printed(&["scan", source, "--format", "json", "--reveal-to", place.to_str().expect("text")]);
        let found = searched.found(&report);
        leaks.extend(found.iter().map(|(secret, what)| format!("beside --reveal-to: {secret:?}: {what}")));
        let shown = searched.found(&fs::read(&place).expect("a file"));
        assert!(shown.len() >= most, "{source}: {} of {} written", shown.len(), secrets.len());
    }
    assert!(leaks.is_empty(), "{} leaks: {:#?}", leaks.len(), &leaks[..leaks.len().min(40)]);
}

#[test]
fn no_output_has_a_secret_that_was_not_asked_for() {
    assert_hidden(&cases::incident("I11", SEED), &holdout::SET.keyspace(), "valkey-9.1");
}

#[test]
fn no_output_has_a_secret_of_the_second_set() {
    assert_hidden(&holdout::SET.keyspace(), &cases::incident("I11", SEED), "redis-7.0");
}

/// Every form in which the search would find a secret, on a secret that needs all of the escapes.
#[test]
fn a_secret_is_found_in_whatever_form_it_is() {
    let secret = "p\"w<&>'/+?~zz\n0123456789abcdefXYZ";
    let searched = Searched::new(&BTreeSet::from([secret.to_owned()]), &BTreeSet::new(), b"");
    let is_found = |text: &str| !searched.found(text.as_bytes()).is_empty();
    let quoted = serde_json::json!({ "match": secret }).to_string();
    let twice = serde_json::json!({ "line": quoted }).to_string();
    let encoded: Vec<String> =
        ["", "a", "ab"].iter().map(|before| STANDARD.encode(format!("{before}{secret} rest"))).collect();
    for text in [&quoted, &twice, &html(secret), &percent(secret), &encoded[0], &encoded[1], &encoded[2]] {
        assert!(is_found(text), "{text}");
    }
    assert!(is_found("of it 789abcdefXYZ is left"));
    assert!(!is_found("of it p\"****YZ is left"));
}
