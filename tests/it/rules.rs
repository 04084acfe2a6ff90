//! Rules: those that come with the program, files with something wrong, and that the fast way finds what the plain way finds.

use crate::support::dumps::{How, all, file, program};
use crate::support::values::{Part, read};
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;
use rediscover::base::Silent;
use rediscover::report::Where;
use rediscover::rules::{About, Class, Hit, Rule, RuleSet, Scanner, Scope, try_examples};
use rediscover::source::{Hashes, open};
use regex_syntax::hir::{Hir, HirKind, Repetition};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::Arc;

fn builtin() -> RuleSet {
    RuleSet::builtin().expect("the rules that come with the program")
}

#[test]
fn rules_that_come_with_the_program_do_what_their_examples_say() {
    let set = builtin();
    let (broken, tried) = try_examples(&set);
    assert!(broken.is_empty(), "{broken:#?}");
    assert!(tried > 0);
    let ids: BTreeSet<&str> = set.rules().iter().map(|rule| rule.id.as_str()).collect();
    assert_eq!(ids.len(), set.rules().len(), "ids are unique");
    let few = |rule: &&Rule| rule.pattern.is_some() && (rule.examples.len() < 3 || rule.counter_examples.len() < 2);
    let few: Vec<_> = set.rules().iter().filter(few).map(|rule| &rule.id).collect();
    assert!(few.is_empty(), "three examples and two counter-examples each: {few:?}");
}

const VALUE: About<'static> = About { place: Where::Value, ty: None, key: b"key", field: b"field" };

fn hits(mut scanner: Scanner, about: &About<'_>, text: &[u8]) -> Vec<Hit> {
    scanner.text(0, about, text);
    scanner.drain().collect()
}

/// The pattern without `^`, `\b` and the like, which have no text of their own.
fn without_looks(hir: &Hir) -> Hir {
    match hir.kind() {
        HirKind::Look(_) => Hir::empty(),
        HirKind::Capture(capture) => without_looks(&capture.sub),
        HirKind::Concat(parts) => Hir::concat(parts.iter().map(without_looks).collect()),
        HirKind::Alternation(parts) => Hir::alternation(parts.iter().map(without_looks).collect()),
        HirKind::Repetition(one) => {
            Hir::repetition(Repetition { sub: Box::new(without_looks(&one.sub)), ..one.clone() })
        }
        _ => hir.clone(),
    }
}

/// Whatever a pattern matches is a candidate, by literals or by the class scanner that the rule names.
#[test]
fn no_match_of_a_rule_is_passed_over() {
    let mut runner = TestRunner::deterministic();
    let any_field = regex::bytes::Regex::new("field").expect("a pattern");
    for rule in builtin().rules() {
        let Some(pattern) = &rule.pattern else { continue };
        let mut parser = regex_syntax::ParserBuilder::new().unicode(false).utf8(false).build();
        let hir = without_looks(&parser.parse(pattern.as_str()).expect("it was parsed before"));
        let Ok(texts) = proptest::string::bytes_regex_parsed(&hir) else { continue };
        // Only the pattern: what else must hold comes behind the candidates, but for what lends them its literals.
        let scope = Scope { value: true, ..Scope::default() };
        let bare =
            Rule { scope, types: vec![], validators: vec![], unless: vec![], unless_match: vec![], ..rule.clone() };
        let field = rule.prefilter.filter(|class| *class == Class::Field);
        let field = field.map(|_| any_field.clone());
        let bare = Rule { unless_secret: vec![], allow: vec![], key: None, field, hint: None, ..bare };
        let mut set = RuleSet::default();
        set.add(vec![bare], Path::new("test")).expect("it was added before");
        let set = Arc::new(set);
        let also = rule.examples.first().map(|example| example.text.clone()).unwrap_or_default();
        for _ in 0..40 {
            let made = texts.new_tree(&mut runner).expect("a text").current();
            for text in
                [made.clone(), [b"x ", made.as_slice(), b" y"].concat(), [also.as_slice(), b"\n", &made].concat()]
            {
                let fast = hits(Scanner::new(Arc::clone(&set)), &VALUE, &text);
                let plain = hits(Scanner::plain(Arc::clone(&set)), &VALUE, &text);
                assert_eq!(fast, plain, "{}: {}", rule.id, text.escape_ascii());
            }
        }
    }
}

#[test]
fn the_fast_way_finds_what_the_plain_way_finds_in_every_dump() {
    const MOST: usize = 256 << 10;
    let set = Arc::new(builtin());
    let compare = |place: Where, text: &[u8], name: &str| {
        let about = About { place, ..VALUE };
        let fast = hits(Scanner::new(Arc::clone(&set)), &about, text);
        let plain = hits(Scanner::plain(Arc::clone(&set)), &about, text);
        assert_eq!(fast, plain, "{name}: {}", text.get(..200).unwrap_or(text).escape_ascii());
    };
    for rule in set.rules() {
        for example in rule.examples.iter().chain(&rule.counter_examples) {
            compare(Where::Value, &example.text, &rule.id);
        }
    }
    for dump in all() {
        let Ok(mut stream) = open(&file(&dump.path), Hashes::default(), Arc::new(Silent)) else { continue };
        let mut left = MOST;
        for row in read(&mut stream, How::default()) {
            compare(Where::Key, &row.key, &dump.name);
            for part in &row.parts {
                let texts: [&[u8]; 2] = match part {
                    Part::Item(text) | Part::Member(text, _) => [text, b""],
                    Part::Field(field, value, _) => [field, value],
                    Part::Other(_) => continue,
                };
                for text in texts {
                    let text = text.get(..left.min(text.len())).unwrap_or_default();
                    compare(Where::Value, text, &dump.name);
                    left = left.saturating_sub(text.len());
                }
            }
            if left == 0 {
                break;
            }
        }
    }
}

const GOOD: &str = r#"[[rule]]
id = "T-1"
title = "t"
severity = "high"
story = "s"
regex = "abcdef[0-9]"
why = "w"
advice = "a"
examples = ["abcdef1"]
counter_examples = ["abcdef"]
"#;

#[test]
fn a_rule_file_with_something_wrong_says_where_and_what() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("ours.toml");
    let two = format!("{GOOD}\n{}", GOOD.replace("T-1", "T-2"));
    // What is replaced in the second rule, at which line the message is, and what it says.
    let cases = [
        ("regex = \"abcdef[0-9]\"", "regex = \"abc[\"", 12, "rule T-2"),
        ("regex = \"abcdef[0-9]\"", "regex = \"[0-9]{12}\"", 12, "rule T-2: no literal of three bytes or more"),
        ("regex = \"abcdef[0-9]\"", "regex = \"(?:abcdef)?\"", 12, "rule T-2: the regex matches the empty text"),
        (
            "regex = \"abcdef[0-9]\"",
            "regex = \"a\"\ncheck = \"b\"",
            12,
            "rule T-2: must have either a regex or a check",
        ),
        (
            "regex = \"abcdef[0-9]\"",
            "regex = \"[0-9]{12}\"\nprefilter = \"digit\"",
            12,
            "\"digit\" is none of the class",
        ),
        ("regex = \"abcdef[0-9]\"", "", 12, "rule T-2: must have either a regex or a check"),
        (
            "regex = \"abcdef[0-9]\"",
            "check = \"everything\"",
            12,
            "rule T-2: check \"everything\" is not known: there are ",
        ),
        (
            "why = \"w\"",
            "validators = [\"luhm\"]\nwhy = \"w\"",
            12,
            "rule T-2: validator \"luhm\" is not known: there are",
        ),
        (
            "why = \"w\"",
            "validators = [\"entropy>=x\"]\nwhy = \"w\"",
            12,
            "rule T-2: validator \"entropy>=x\": \"x\" is no",
        ),
        ("why = \"w\"", "also = [\"(\"]\nwhy = \"w\"", 12, "rule T-2: unclosed group"),
        ("why = \"w\"", "unless_secret = [\"a{2,1}\"]\nwhy = \"w\"", 12, "rule T-2: invalid repetition count"),
        ("why = \"w\"", "key = \"[\"\nwhy = \"w\"", 12, "rule T-2: unclosed character class"),
        ("why = \"w\"", "hint = \"(?=x)\"\nwhy = \"w\"", 12, "rule T-2: look-around"),
        ("why = \"w\"", "raises = 300\nwhy = \"w\"", 18, "invalid value: integer `300`"),
        ("[\"abcdef1\"]", "[{ base64 = \"===\" }]", 12, "rule T-2: an example is no base64"),
        ("[\"abcdef1\"]", "[{ texts = \"x\" }]", 20, "an example is a text, or a table of"),
        ("severity = \"high\"", "severity = \"critical\"", 12, "rule T-2: is critical on one signal"),
        ("story = \"s\"", "story = \"s\"\nscope = [\"values\"]", 12, "rule T-2: scope \"values\" is not known"),
        ("story = \"s\"", "story = \"s\"\ntypes = [\"lists\"]", 12, "rule T-2: type \"lists\" is not known"),
        ("story = \"s\"", "story = \"s\"\nwithin = 9999", 12, "rule T-2: within is more than 4096 bytes"),
        ("story = \"s\"", "storey = \"s\"", 16, "unknown field `storey`"),
        ("severity = \"high\"", "severity = \"grave\"", 15, "unknown variant `grave`"),
        ("title = \"t\"", "title = t", 14, ""),
        ("why = \"w\"", "", 12, "missing field `why`"),
        ("id = \"T-2\"", "id = \"T-1\"", 12, "rule T-1: there is one of this id already"),
    ];
    for (good, bad, line, what) in cases {
        let (first, second) = two.split_at(GOOD.len());
        fs::write(&path, format!("{first}{}", second.replacen(good, bad, 1))).expect("a file");
        let name = path.to_str().expect("text");
        let output = program(&["rules", "test", name]).output().expect("the program starts");
        let error = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{bad}: {error}");
        assert!(error.contains(&format!("ours.toml:{line}: ")) && error.contains(what), "{bad}: {error}");
    }
}

/// A rule that would never say anything is wrong, too.
#[test]
fn a_check_has_one_rule() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("ours.toml");
    let name = path.to_str().expect("text");
    let ours = GOOD.replace("regex = \"abcdef[0-9]\"", "check = \"sessions\"");
    let ours = ours.replace("examples = [\"abcdef1\"]\n", "").replace("counter_examples = [\"abcdef\"]\n", "");
    let list = |text: &str, arguments: &[&str]| {
        fs::write(&path, text).expect("a file");
        let output = program(&[&["rules", "list", "--rules", name], arguments].concat()).output().expect("it starts");
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    assert_eq!(list(&ours, &["--no-builtin"]).0, Some(0), "in other words");
    let (code, said) = list(&ours, &[]);
    let expected = "ours.toml:1: rule T-1: check \"sessions\" is that of rule RD-SESS-001 already";
    assert!(code == Some(2) && said.contains(expected), "{said}");
    let (code, said) = list(&format!("{ours}\n{}", ours.replace("T-1", "T-2")), &["--no-builtin"]);
    assert!(code == Some(2) && said.contains(": rule T-2: check \"sessions\" is that of rule T-1 already"), "{said}");
    // Whatever takes rules refuses them.
    let wrong = ours.replace("sessions", "session");
    fs::write(&path, wrong).expect("a file");
    let dump = folder.path().join("dump.rdb");
    fs::write(&dump, b"REDIS0011\xff\0\0\0\0\0\0\0\0").expect("a file");
    let dump = dump.to_str().expect("text");
    for arguments in
        [&["scan", dump, "--rules", name][..], &["analyze", "--scan", dump, "--rules", name], &["rules", "test", name]]
    {
        let output = program(arguments).output().expect("it starts");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {said}");
        assert!(said.contains("ours.toml:1: rule T-1: check \"session\" is not known"), "{arguments:?}: {said}");
        assert!(output.stdout.is_empty(), "{arguments:?}");
    }
}

#[test]
fn an_example_that_does_not_come_out_is_named_and_exit_2() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("ours.toml");
    let name = path.to_str().expect("text");
    fs::write(&path, GOOD.replace("\"abcdef1\"", "\"abcdef1\", \"nothing\"")).expect("a file");
    let output = program(&["rules", "test", name]).output().expect("the program starts");
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains("ours.toml:1: rule T-1: example 2 does not match"), "{said}");
    fs::write(&path, GOOD).expect("a file");
    assert_eq!(program(&["rules", "test", name]).output().expect("the program starts").status.code(), Some(0));
    // Nor is a rule tried that has none.
    fs::write(&path, GOOD.replace("examples = [\"abcdef1\"]\n", "")).expect("a file");
    let output = program(&["rules", "test", name]).output().expect("the program starts");
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("ours.toml:1: rule T-1: has no examples"), "{said}");
}

#[test]
fn a_file_is_put_to_rules_as_one_value_and_secrets_are_not_shown() {
    let folder = tempfile::tempdir().expect("a folder");
    let rules = folder.path().join("ours.toml");
    let value = folder.path().join("value");
    let second = GOOD.replace("T-1", "T-2").replace("abcdef[0-9]", "hunter[0-9]").replace("abcdef", "hunter");
    fs::write(&rules, format!("{GOOD}{}", second.replace("why =", "category = \"secret\"\nwhy ="))).expect("a file");
    fs::write(&value, ["-".repeat(300_000).as_str(), "\u{1b}[2J abcdef7 hunter2", &"-".repeat(300_000)].concat())
        .expect("a file");
    let (rules, value) = (rules.to_str().expect("text"), value.to_str().expect("text"));
    let output = program(&["rules", "test", rules, "--on", value, "--format", "json"]).output().expect("it starts");
    assert_eq!(output.status.code(), Some(0));
    let document: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let found = |at: usize, name: &str| document["hits"][at][name].clone();
    assert_eq!(
        (found(0, "rule"), found(0, "match_offset"), found(0, "match")),
        ("T-1".into(), 300_005.into(), "abcdef7".into())
    );
    assert_eq!((found(1, "rule"), found(1, "match")), ("T-2".into(), "<7 bytes>".into()));
    let output = program(&["rules", "test", rules, "--on", value]).output().expect("it starts");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("abcdef7") && !text.contains("hunter2") && !text.contains('\u{1b}'), "{text}");
}

#[test]
fn rules_are_listed_and_shown_with_what_finds_their_candidates() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("ours.toml");
    let capped = GOOD.replace("T-1", "T-2").replace("abcdef[0-9]", "abcdef.*");
    let digits =
        GOOD.replace("T-1", "T-3").replace("regex = \"abcdef[0-9]\"", "regex = \"[0-9]{12}\"\nprefilter = \"digits\"");
    fs::write(&path, [GOOD, &capped, &digits].concat()).expect("a file");
    let name = path.to_str().expect("text");
    let say = |arguments: &[&str]| {
        let output = program(&[arguments, &["--no-builtin", "--rules", name]].concat()).output().expect("it starts");
        assert_eq!(output.status.code(), Some(0));
        String::from_utf8(output.stdout).expect("text")
    };
    let list = say(&["rules", "list"]);
    let lines: Vec<Vec<&str>> = list.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(lines[1], ["T-1", "1", "high", "attack", "value", "1", "literals", "7", "t"]);
    assert_eq!(lines[2], ["T-2", "1", "high", "attack", "value", "1", "literals", "capped", "at", "16", "KiB", "t"]);
    assert_eq!(lines[3], ["T-3", "1", "high", "attack", "value", "digits", "12", "t"]);
    let json: serde_json::Value = serde_json::from_str(&say(&["rules", "list", "--format", "json"])).expect("JSON");
    assert_eq!(json["rules"][0]["candidates"]["of"], serde_json::json!(["abcdef"]));
    assert!(say(&["rules", "show", "T-1"]).contains("candidates by  literals: abcdef\n"));
    let output = program(&["rules", "show", "T-9"]).output().expect("it starts");
    assert_eq!(output.status.code(), Some(2));
}
