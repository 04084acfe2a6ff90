//! `scan --yara` beside Debian's `yara`: the same rules on the same decoded values match the same.

use crate::support::dumps::program;
use crate::support::servers::{self, ServerSpec};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

/// A rule, and the number of the value that it matches.
type Matches = BTreeSet<(String, usize)>;

/// Whether `yara` is there; a notice, or a failure where nothing may be skipped.
#[expect(clippy::print_stderr, reason = "a skip has to be seen")]
fn has_yara() -> bool {
    if Command::new("yara").arg("--version").output().is_ok_and(|output| output.status.success()) {
        return true;
    }
    let text = "SKIPPED: no yara; Debian has it in the package yara";
    assert!(env::var_os("REDISCOVER_REQUIRE_SERVERS").is_none_or(|value| value != "1"), "{text}");
    eprintln!("{text}");
    false
}

fn rules() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/yara/rules.yar")
}

/// The rule that each is for, whether it must match, the value.
fn samples() -> Vec<(String, bool, Vec<u8>)> {
    let line = |line: &str| {
        let cells: Vec<&str> = line.split('\t').collect();
        (cells[0].to_owned(), cells[1] == "yes", STANDARD.decode(cells[2]).expect("base64"))
    };
    include_str!("yara/samples.tsv").lines().filter(|text| !text.starts_with('#')).map(line).collect()
}

/// What `yara` says of each value, in a file of its own.
fn by_yara(rules: &Path, values: &[Vec<u8>]) -> Matches {
    let folder = tempfile::tempdir().expect("a folder");
    for (number, value) in values.iter().enumerate() {
        fs::write(folder.path().join(number.to_string()), value).expect("a file");
    }
    let output = Command::new("yara").arg("-w").arg(rules).arg(folder.path()).output().expect("it runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let said = String::from_utf8(output.stdout).expect("text");
    let of = |line: &str| {
        let (rule, path) = line.split_once(' ').expect("a rule and a file");
        (rule.to_owned(), path.rsplit('/').next().and_then(|name| name.parse().ok()).expect("a number"))
    };
    said.lines().map(of).collect()
}

/// What `scan` says of a dump, without what it says of texts inside values.
fn scanned(rules: &Path, dump: &Path) -> Vec<Value> {
    let arguments = ["scan", "--no-builtin", "--format", "json", "--fail-on", "never", "--yara"];
    let output = program(&arguments).arg(rules).arg(dump).output().expect("it runs");
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let document: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(document["summary"]["not_listed"], 0);
    let findings = document["findings"].as_array().expect("findings").iter();
    findings.filter(|finding| finding["decoded_from"] == serde_json::json!([])).cloned().collect()
}

fn number(value: &Value) -> usize {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    text.trim_start_matches("value").parse().unwrap_or_else(|_| panic!("{value}"))
}

#[test]
fn yara_rules_match_what_yara_matches() {
    if !has_yara() {
        return;
    }
    let samples = samples();
    let values: Vec<Vec<u8>> = samples.iter().map(|(.., value)| value.clone()).collect();
    let expected = by_yara(&rules(), &values);
    for (at, (rule, matches, _)) in samples.iter().enumerate() {
        assert_eq!(expected.contains(&(rule.clone(), at)), *matches, "{rule}: value {at}");
    }
    let names: BTreeSet<&str> = expected.iter().map(|(rule, _)| rule.as_str()).collect();
    assert_eq!((names.len(), values.len() >= 150), (20, true), "{names:?}");
    for name in ["redis-8.6", "valkey-8.1"] {
        let Some(spec) = ServerSpec::named(name) else { continue };
        let folder = tempfile::tempdir().expect("a folder");
        let server = servers::start(&spec, folder.path(), &[] as &[&str]).expect("it starts");
        let mut pipe = redis::pipe();
        for (at, value) in values.iter().enumerate() {
            pipe.cmd("SET").arg(format!("value{at}")).arg(value).ignore();
            pipe.cmd("HSET").arg("fields").arg(at).arg(value).ignore();
            pipe.cmd("RPUSH").arg("items").arg(value).ignore();
        }
        pipe.cmd("SAVE").ignore();
        pipe.exec(&mut server.connection()).expect("the values are taken");
        let findings = scanned(&rules(), &folder.path().join("dump.rdb"));
        let of = |is_mine: &dyn Fn(&str) -> bool, place: &dyn Fn(&Value) -> Value| -> Matches {
            let mine = findings.iter().filter(|finding| finding["key"].as_str().is_some_and(is_mine));
            mine.map(|finding| (finding["rule"].as_str().expect("a rule").to_owned(), number(&place(finding))))
                .collect()
        };
        let strings = of(&|key| key.starts_with("value"), &|finding| finding["key"].clone());
        let fields = of(&|key| key == "fields", &|finding| finding["element"]["field"].clone());
        let items = of(&|key| key == "items", &|finding| finding["element"]["index"].clone());
        assert_eq!(strings, expected, "{name}: strings");
        assert_eq!(fields, expected, "{name}: values of a hash");
        assert_eq!(items, expected, "{name}: items of a list");
    }
}

const MARKS: &str = r#"
rule mark_text { strings: $mark = "a mark of nobody at all, in words" nocase wide ascii condition: $mark }
rule mark_bytes { strings: $mark = { 4D 52 4B ?? ?? [2-6] 00 FF 45 4E 44 } condition: $mark }
rule mark_pattern { strings: $mark = /mk_[a-z0-9]{40,900}_end/ condition: $mark }
"#;

/// Each of them in what `MARKS` looks for.
fn mark(long: usize) -> Vec<u8> {
    let wide: Vec<u8> = "A Mark of nobody at all, in words".bytes().flat_map(|byte| [byte, 0]).collect();
    [wide.as_slice(), b"MRK--\x01\x02\x03\0\xffEND mk_", "x7".repeat(long).as_bytes(), b"_end"].concat()
}

fn with_mark(bytes: usize, at: usize, mark: &[u8]) -> Vec<u8> {
    let mut value: Vec<u8> = b"nothing to see, ".iter().copied().cycle().take(bytes).collect();
    let at = at.min(bytes - mark.len());
    value[at..at + mark.len()].copy_from_slice(mark);
    value
}

/// Values too large to be held come in windows: what stands in one of them, or across the edge of two, is found all the same.
#[test]
fn yara_rules_match_in_values_larger_than_a_window() {
    if !has_yara() {
        return;
    }
    let Some(spec) = ServerSpec::named("valkey-8.1") else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let rules = folder.path().join("marks.yar");
    fs::write(&rules, MARKS).expect("a file");
    let mut values: Vec<Vec<u8>> =
        [0, 3_000_000 / 2, 3_000_000].iter().map(|at| with_mark(3_000_000, *at, &mark(20))).collect();
    // Windows end at multiples of 64 KiB.
    values.extend([20, 60, 75, 90, 300].map(|before| with_mark(1_200_000, (5 << 16) - before, &mark(400))));
    values.push(with_mark(1_200_000, 5 << 16, b""));
    let expected = by_yara(&rules, &values);
    assert_eq!(expected.len(), 3 * (values.len() - 1), "{expected:?}");
    let server = servers::start(&spec, folder.path(), &[] as &[&str]).expect("it starts");
    let mut pipe = redis::pipe();
    for (at, value) in values.iter().enumerate() {
        pipe.cmd("SET").arg(format!("value{at}")).arg(value).ignore();
    }
    pipe.cmd("SAVE").ignore();
    pipe.exec(&mut server.connection()).expect("the values are taken");
    let findings = scanned(&rules, &folder.path().join("dump.rdb"));
    let found: Matches = findings
        .iter()
        .map(|finding| (finding["rule"].as_str().expect("a rule").to_owned(), number(&finding["key"])))
        .collect();
    assert_eq!(found, expected);
}

#[test]
fn a_yara_file_with_something_wrong_says_where_and_what() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("wrong.yar");
    let cases = [
        ("rule good { condition: true }\nrule bad {\n  condition: $a\n}\n", 3, "unknown variable $a"),
        ("rule good { condition: true }\nrule bad { strings: $a = /(/ condition: $a }\n", 2, ""),
        ("rule good { condition: true }\nrule good { condition: true }\n", 2, "good"),
    ];
    for (text, line, what) in cases {
        fs::write(&path, text).expect("a file");
        let name = path.to_str().expect("text");
        let output = program(&["rules", "list", "--no-builtin", "--yara", name]).output().expect("it runs");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{text}: {said}");
        assert!(said.contains(&format!("wrong.yar:{line}: ")) && said.contains(what), "{text}: {said}");
    }
}
