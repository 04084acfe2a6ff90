//! `scan` by rules of its own: what is told of a finding, the same however the dump is read.

mod commands;
mod long;
mod places;

use crate::support::dumps::{How, origin, program};
use crate::support::rdb::{Builder, len, text};
use rediscover::analysis::{ScanOptions, Scanned, scan};
use rediscover::pipeline::Filter;
use rediscover::report::{Finding, KeyName};
use rediscover::rules::RuleSet;
use rediscover::source::{Origin, Place};
use serde_json::{Value, json};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

const RULES: &str = r#"
[[rule]]
id = "T-MARK"
title = "a marker"
severity = "medium"
story = "test"
scope = ["key", "value", "function", "aux", "command"]
regex = '(?:MARKER|1234567890)[a-z]*'
decode = false
why = "w"
advice = "a"

[[rule]]
id = "T-CRIT"
title = "a grave marker"
severity = "critical"
single_signal = "a test"
story = "test"
scope = ["value"]
regex = 'GRAVE-[0-9]+'
info_for_keys = ['^queue:']
decode = false
why = "w"
advice = "a"

[[rule]]
id = "T-NAME"
title = "a name that makes the others graver"
severity = "low"
story = "test"
scope = ["key"]
regex = 'backup[0-9]'
raises = 1
decode = false
why = "w"
advice = "a"

[[rule]]
id = "T-TOKEN"
title = "a token"
severity = "high"
category = "secret"
story = "test"
scope = ["key", "value", "command", "function", "aux"]
regex = 'tok_[A-Za-z0-9]{16}'
decode = false
why = "w"
advice = "a"

[[rule]]
id = "T-MAIL"
title = "an address"
severity = "low"
category = "personal"
story = "test"
scope = ["value"]
regex = '[a-z]+@mail\.test'
decode = false
why = "w"
advice = "a"
"#;

fn rule_file() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("rules.toml");
    fs::write(&path, RULES).expect("a file");
    (folder, path)
}

/// A rule that fires on most of what is stored anywhere, and one for secrets.
pub(crate) fn common(how: How) -> ScanOptions {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("rules.toml");
    let words = "regex = '(?:val|key|fiel|mem|100|abc|str)[a-z0-9]*'";
    let text = RULES.replace("regex = '(?:MARKER|1234567890)[a-z]*'", words);
    fs::write(&path, text.replace("tok_[A-Za-z0-9]{16}", "ser[A-Za-z0-9:-]*")).expect("a file");
    ScanOptions { findings_per_rule: 20, ..with_rules(&path, how) }
}

/// The rules of this test alone.
fn options(how: How) -> ScanOptions {
    let (_folder, path) = rule_file();
    with_rules(&path, how)
}

fn with_rules(path: &Path, how: How) -> ScanOptions {
    let mut rules = RuleSet::default();
    rules.add_path(path).unwrap_or_else(|error| panic!("{error}"));
    ScanOptions { run: how.options(), ..ScanOptions::new(Arc::new(rules)) }
}

fn scanned(origin: Origin, options: &ScanOptions) -> Scanned {
    let scanned = scan(&[origin], options).expect("it runs");
    assert!(scanned.failures.is_empty(), "{:?}", scanned.failures);
    scanned
}

fn found(bytes: &[u8]) -> Vec<Finding> {
    scanned(origin(bytes.to_vec()), &options(How::default())).scan.findings
}

fn of<'f>(findings: &'f [Finding], rule: &str) -> Vec<&'f Finding> {
    findings.iter().filter(|finding| finding.rule == rule).collect()
}

/// What the program says of a file: its exit code, and all that it prints.
fn run(path: &Path, rules: &Path, arguments: &[&str]) -> (Option<i32>, String) {
    let (path, rules) = (path.display().to_string(), rules.display().to_string());
    let base = ["scan", path.as_str(), "--no-builtin", "--rules", rules.as_str()];
    let output = program(&[&base[..], arguments].concat()).env("COLUMNS", "300").output().expect("the program starts");
    let err = String::from_utf8_lossy(&output.stderr).into_owned();
    (
        output.status.code(),
        String::from_utf8_lossy(&output.stdout).into_owned() + if arguments.contains(&"json") { "" } else { &err },
    )
}

/// Markers in many keys, tokens in half of the sessions, a broken set, several databases.
fn varied() -> Vec<u8> {
    let mut dump = Builder::redis(11);
    dump.aux(b"redis-ver", b"7.2.4");
    for db in [0_u64, 9] {
        dump.select(db);
        for n in 0..400_u32 {
            let token = format!("{{\"id\":{n},\"t\":\"tok_{n:016}\"}}");
            let value = if n % 2 == 0 { token } else { "nothing".into() };
            dump.string(format!("session:a{n:07x}").as_bytes(), value.as_bytes());
            if n % 10 == 0 {
                dump.string(format!("cache:{n}:MARKER").as_bytes(), b"GRAVE-1");
            }
            if n % 50 == 0 {
                let items: Vec<_> = (0..40_u32).map(|item| format!("MARKER {item} a{item}@mail.test")).collect();
                let items: Vec<_> = items.iter().map(String::as_bytes).collect();
                dump.table(if n % 100 == 0 { 1 } else { 2 }, format!("q:{n}").as_bytes(), &items);
                dump.table(2, b"broken", &[b"MARKER", b"MARKER"]);
                dump.key(4, format!("h:{n}").as_bytes()).raw(&len(1)).raw(&text(b"tok_0123456789abcdef"));
                dump.raw(&text(b"MARKER"));
            }
        }
    }
    dump.finish()
}

#[test]
fn findings_do_not_depend_on_threads_or_batches() {
    let bytes = varied();
    for most in [3, 50, 1000] {
        let json = |how| {
            let options = ScanOptions { findings_per_rule: most, keep_secrets: true, ..options(how) };
            let mut scanned = scanned(origin(bytes.clone()), &options);
            let mut rows = Vec::new();
            let secrets = scanned.secrets.take().expect("they are kept");
            secrets
                .each(&mut |line| {
                    rows.push(line.to_vec());
                    Ok(())
                })
                .expect("it can be read");
            (serde_json::to_value(&scanned.scan).expect("JSON"), rows)
        };
        let expected = json(How::default());
        let summary = &expected.0["summary"];
        assert!(summary["not_listed"].as_u64() > Some(0) || most == 1000, "{summary:#}");
        for threads in 1..=8 {
            for batch_bytes in [4096, 60_000] {
                let found = json(How { threads, batch_bytes });
                crate::laws::assert_same(&expected.0, &found.0, &format!("{threads} threads, {batch_bytes}"));
                assert!(expected.1 == found.1, "{threads} threads, {batch_bytes}: rows");
            }
        }
    }
}

#[test]
fn what_a_rule_finds_in_most_keys_is_told_once() {
    let scanned = scanned(origin(varied()), &options(How::default())).scan;
    let tokens = of(&scanned.findings, "T-TOKEN");
    let once: Vec<_> = tokens.iter().filter_map(|finding| finding.structural.as_ref()).collect();
    assert_eq!(once.len(), 1);
    assert_eq!(
        (once[0].prefix.as_str(), once[0].keys, once[0].of_keys, once[0].samples.len()),
        ("session:*", 400, 800, 3)
    );
    // The others are fields, in few keys of their own.
    assert_eq!((tokens.len(), scanned.summary.by_rule["T-TOKEN"]), (17, 17));
}

#[test]
fn a_filter_on_the_size_of_values_rejects_their_findings() {
    let mut dump = Builder::redis(11);
    dump.select(0).table(1, b"short", &[b"MARKER", b"tok_0123456789abcdef"]).table(
        1,
        b"long",
        &[b"MARKER", b"x", b"y"],
    );
    let filter = Filter { min_elements: 3, ..Filter::default() };
    let options = ScanOptions { filter, keep_secrets: true, ..options(How::default()) };
    let mut scanned = scanned(origin(dump.finish()), &options);
    assert_eq!((scanned.scan.findings.len(), scanned.scan.summary.keys), (1, 1));
    let mut rows = 0;
    let count = &mut |_: &[u8]| {
        rows += 1;
        Ok(())
    };
    scanned.secrets.take().expect("they are kept").each(count).expect("it can be read");
    assert_eq!(rows, 0);
}

#[test]
fn severity_is_that_of_the_place() {
    let dump = |version: &[u8]| {
        let mut dump = Builder::redis(11);
        dump.aux(b"redis-ver", version).select(0);
        dump.string(b"a", b"GRAVE-1").string(b"queue:1", b"GRAVE-2").string(b"backup1", b"nothing");
        dump.string(b"backup2", b"MARKER").finish()
    };
    let told = |version: &[u8]| {
        let findings = found(&dump(version));
        findings
            .iter()
            .map(|one| {
                let key = one.key.as_ref().map(KeyName::escaped).unwrap_or_default();
                format!("{} {key} {} {}", one.rule, one.severity.name(), one.confidence.name())
            })
            .collect::<Vec<_>>()
    };
    let expected = [
        "T-CRIT a critical medium",
        // The name alone says nothing of backup1; of backup2 it makes the marker graver.
        "T-MARK backup2 high medium",
        "T-NAME backup2 low medium",
        "T-CRIT queue:1 info medium",
    ];
    assert_eq!(told(b"6.2.14"), expected);
    let mut guarded = expected;
    guarded[0] = "T-CRIT a high attempted";
    for version in [&b"7.0.15"[..], b"8.6.3"] {
        assert_eq!(told(version), guarded);
    }
    let finding = &found(&dump(b"7.0.15"))[0];
    assert_eq!(finding.technique_severity.name(), "critical");
    assert!(finding.notes[0].starts_with("attempted, persistence not proven: a server of version 7.0.15 "));
}

#[test]
fn a_secret_is_shown_only_where_that_is_asked_for() {
    let secrets = ["tok_aZ3kQ9mB7pL2xW5v", "tok_bZ3kQ9mB7pL2xW5v", "tok_cZ3kQ9mB7pL2xW5v", "bob@mail.test"];
    let mut dump = Builder::redis(11);
    dump.select(0).string(b"a", format!("MARKER {} GRAVE-1", secrets[0]).as_bytes());
    dump.table(2, b"set", &[secrets[1].as_bytes(), b"x"]);
    dump.key(4, b"hash").raw(&len(1)).raw(&text(secrets[2].as_bytes())).raw(&text(b"MARKER x"));
    dump.expires(4_102_444_800_000).string(b"mail", format!("to {} MARKER", secrets[3]).as_bytes());
    let (folder, rules) = rule_file();
    let path = folder.path().join("dump.rdb");
    fs::write(&path, dump.finish()).expect("a file");
    let revealed = folder.path().join("secrets.jsonl");
    fs::write(&revealed, "old").expect("a file");
    let revealed_to = revealed.display().to_string();
    for format in ["text", "json"] {
        let (code, out) = run(&path, &rules, &["--format", format, "--reveal-to", &revealed_to]);
        assert_eq!(code, Some(4), "{out}");
        assert!(out.contains("T-TOKEN") && out.contains("MARKER"), "{out}");
        for secret in secrets {
            assert!(!out.contains(secret), "{format}: {secret}: {out}");
        }
        let (_, out) = run(&path, &rules, &["--format", format, "--reveal"]);
        for secret in secrets {
            assert!(out.contains(secret), "{format} --reveal: {secret}: {out}");
        }
    }
    assert_eq!(fs::metadata(&revealed).expect("a file").permissions().mode() & 0o777, 0o600);
    let rows = fs::read_to_string(&revealed).expect("rows");
    let rows: Vec<Value> = rows.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let values: Vec<_> = rows.iter().map(|row| row["value"].as_str().expect("text")).collect();
    assert_eq!(values, secrets);
    assert_eq!(rows[2]["element"], json!({"index": 0, "field": secrets[2]}));
    assert_eq!((&rows[3]["rule"], &rows[3]["expire_at"]), (&json!("T-MAIL"), &json!("2100-01-01T00:00:00.000Z")));

    // A name that is the secret is told by its place alone; a hash of what could be guessed is not shown.
    let report: Value = serde_json::from_str(&run(&path, &rules, &["--format", "json"]).1).expect("JSON");
    let of = |key: &str, rule: &str| {
        let findings = report["findings"].as_array().expect("findings");
        findings.iter().find(|one| one["key"] == key && one["rule"] == rule).cloned().unwrap_or_default()
    };
    assert_eq!(of("hash", "T-MARK")["element"], json!({"index": 0}));
    assert_eq!(of("set", "T-TOKEN")["element"], json!({"index": 0}));
    assert_eq!(of("set", "T-TOKEN")["match"], "to****5v");
    assert_eq!(of("a", "T-MARK")["match"], "MARKER <20 bytes> ");
    assert!(of("a", "T-TOKEN")["fingerprint"].is_string() && of("mail", "T-MAIL")["fingerprint"].is_null());

    let output = program(&["scan", &path.display().to_string(), "--reveal-to", &path.display().to_string()]).output();
    let text = String::from_utf8_lossy(&output.expect("the program starts").stderr).into_owned();
    assert!(text.contains("--reveal-to") && text.contains("is one of the sources"), "{text}");
}

#[test]
fn sources_are_scanned_together() {
    let dump = |marker: &[u8]| Builder::redis(11).select(0).string(b"k", marker).finish();
    let sources = [("b", dump(b"MARKERb")), ("a", dump(b"MARKERa"))];
    let origins = sources.map(|(name, bytes)| Origin::new(name, Place::Bytes(bytes)));
    let scanned = scan(&origins, &options(How::default())).expect("it runs");
    let told: Vec<_> = scanned.scan.findings.iter().map(|one| (one.source.as_str(), one.excerpt.as_str())).collect();
    assert_eq!(told, [("a", "MARKERa"), ("b", "MARKERb")]);
    assert_eq!((scanned.scan.summary.keys, scanned.scan.summary.texts), (2, 4));
}
