//! `scan --gitleaks`: a file of 200 rules in the format of gitleaks, and what each of them must find and must not.

use crate::support::dumps::program;
use crate::support::servers::{self, ServerSpec};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Rules of the file, and those of them that cannot be read: by line, with what they lack.
const RULES: usize = 200;
const UNUSABLE: [(&str, usize, &str); 3] = [
    ("ridgeops-dialect", 1315, "its regex: look-around"),
    ("stonemq-dialect", 1389, "its regex: backreferences"),
    ("tidalbox-dialect", 1459, "its regex: unrecognized escape sequence"),
];

fn rules() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/gitleaks/rules.toml")
}

/// A text that was planted for a rule: `why` it must not be found, or empty.
struct Planted {
    rule: &'static str,
    text: &'static str,
    why: &'static str,
    key: &'static str,
}

fn planted() -> Vec<Planted> {
    let planted = |line: &'static str| {
        let cells: Vec<&str> = line.split('\t').collect();
        let cell = |at: usize| cells.get(at).copied().unwrap_or_default();
        Planted { rule: cell(0), text: cell(1), why: cell(2), key: cell(3) }
    };
    include_str!("gitleaks/planted.tsv").lines().filter(|line| !line.starts_with('#')).map(planted).collect()
}

fn name(path: &Path) -> &str {
    path.to_str().expect("text")
}

fn listed() -> (BTreeSet<String>, String) {
    let output = program(&["rules", "list", "--no-builtin", "--format", "json", "--gitleaks", name(&rules())])
        .output()
        .expect("it runs");
    let said = String::from_utf8(output.stderr).expect("text");
    assert_eq!(output.status.code(), Some(0), "{said}");
    let document: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let rules = document["rules"].as_array().expect("rules").iter();
    (rules.map(|rule| rule["id"].as_str().expect("an id").to_owned()).collect(), said)
}

#[test]
fn rules_of_gitleaks_load_and_the_others_say_why_not() {
    let (ids, said) = listed();
    let left_out: Vec<&str> = said.lines().collect();
    assert_eq!((ids.len() + left_out.len(), left_out.len()), (RULES, UNUSABLE.len()), "{said}");
    assert!(ids.len() * 100 >= RULES * 98, "{} of {RULES}", ids.len());
    for ((rule, line, reason), said) in UNUSABLE.iter().zip(left_out) {
        let expected = format!("rules.toml:{line}: rule {rule} is left out: {reason}");
        assert!(said.contains("warning: ") && said.contains(&expected), "{said}, not {expected}");
        assert!(!ids.contains(*rule), "{rule}");
    }
}

#[test]
fn each_rule_of_gitleaks_finds_its_own_planted_example() {
    let (ids, _) = listed();
    let file = rules();
    let planted = planted();
    for name_of in ["redis-8.6", "valkey-8.1"] {
        let Some(spec) = ServerSpec::named(name_of) else { continue };
        let folder = tempfile::tempdir().expect("a folder");
        let server = servers::start(&spec, folder.path(), &[] as &[&str]).expect("it starts");
        let mut pipe = redis::pipe();
        // Where each one stands: the key, and the index in its list.
        let mut places = Vec::new();
        let mut lengths: BTreeMap<&str, u64> = BTreeMap::new();
        for (at, one) in planted.iter().enumerate() {
            if one.key.is_empty() {
                pipe.cmd("SET").arg(format!("p:{at}")).arg(one.text).ignore();
                places.push((format!("p:{at}"), None));
            } else {
                pipe.cmd("RPUSH").arg(one.key).arg(one.text).ignore();
                let index = lengths.entry(one.key).or_default();
                places.push((one.key.to_owned(), Some(*index)));
                *index += 1;
            }
        }
        pipe.cmd("SAVE").ignore();
        pipe.exec(&mut server.connection()).expect("the values are taken");
        let dump = folder.path().join("dump.rdb");
        let scan = ["scan", "--no-builtin", "--format", "json", "--gitleaks", name(&file), name(&dump)];
        let output = program(&scan).output().expect("it runs");
        // They are medium: the default of --fail-on is high.
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
        let output_of_medium = program(&[&scan[..], &["--fail-on", "medium"]].concat()).output().expect("it runs");
        assert_eq!(output_of_medium.status.code(), Some(4));
        let document: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        assert_eq!(document["summary"]["not_listed"], 0);
        let found: BTreeSet<(String, String, Option<u64>)> = document["findings"]
            .as_array()
            .expect("findings")
            .iter()
            .map(|finding| {
                let text = |name: &str| finding[name].as_str().unwrap_or_default().to_owned();
                (text("rule"), text("key"), finding["element"]["index"].as_u64())
            })
            .collect();
        let mut own = BTreeSet::new();
        for (one, (key, index)) in planted.iter().zip(&places).filter(|(one, _)| ids.contains(one.rule)) {
            let is_found = found.contains(&(one.rule.to_owned(), key.clone(), *index));
            assert_eq!(is_found, one.why.is_empty(), "{name_of}: {} in {key}: {} ({})", one.rule, one.text, one.why);
            own.extend(is_found.then_some(one.rule));
        }
        let without: Vec<_> = ids.iter().filter(|id| !own.contains(id.as_str())).collect();
        assert!(without.is_empty(), "{name_of}: nothing is planted for {without:?}");
        // What they find is a secret.
        let text = String::from_utf8(output.stdout).expect("text");
        let shown = planted.iter().filter(|one| one.why.is_empty() && text.contains(one.text)).count();
        assert_eq!(shown, 0, "{name_of}");
    }
}

#[test]
fn a_gitleaks_file_with_something_wrong_says_where_and_what() {
    let good = "[[rules]]\nid = \"one\"\nregex = '''one_[a-z]{20}'''\nkeywords = [\"one_\"]\n";
    let two = |extra: &str| format!("{good}\n[[rules]]\nid = \"two\"\n{extra}");
    // A rule alone that cannot be used is left out; what is wrong with the file as a whole is exit 2.
    let cases = [
        (two("path = '''\\.pem$'''\n"), 0, "wrong.toml:6: rule two is left out: has no regex"),
        (two("regex = '''two_(?=x)'''\n"), 0, "wrong.toml:6: rule two is left out: its regex: look-around"),
        (
            two("regex = '''two_([a-z]{9})'''\nsecretGroup = 2\n"),
            0,
            "wrong.toml:6: rule two is left out: has no group 2",
        ),
        (
            two("regex = '''two_[a-z]{9}'''\n[[rules.allowlists]]\nregexTarget = \"file\"\nstopwords = [\"x\"]\n"),
            0,
            "wrong.toml:6: rule two is left out: regexTarget \"file\" is not known",
        ),
        (two("regex = \n"), 2, "wrong.toml:8: "),
        (two("regex = '''two_[a-z]{9}'''\nkeywords = \"two_\"\n"), 2, "wrong.toml:9: invalid type"),
        (format!("{good}\n{good}"), 2, "wrong.toml:6: rule one: there is one of this id already"),
        (
            format!("[[allowlists]]\nregexes = ['''(''']\n{good}"),
            2,
            "wrong.toml:1: the allow-list for all rules: its regex",
        ),
    ];
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("wrong.toml");
    for (text, code, what) in cases {
        fs::write(&path, &text).expect("a file");
        let output = program(&["rules", "list", "--no-builtin", "--gitleaks", name(&path)]).output().expect("it runs");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{text}: {said}");
        assert!(said.contains(what), "{text}: {said}");
        let list = String::from_utf8_lossy(&output.stdout);
        assert_eq!(list.lines().any(|line| line.starts_with("one ")), code == 0, "{text}: {list}");
    }
}
