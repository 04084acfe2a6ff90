//! `scan`: every text of every type is scanned, told with its exact place, and the same however it is stored and read.

use crate::support::dumps::{How, origin, program};
use crate::support::log::command;
use crate::support::rdb::{Builder, len, text};
use crate::support::servers::ServerSpec;
use crate::support::stage::Stage;
use rediscover::analysis::{ScanOptions, Scanned, scan};
use rediscover::pipeline::Filter;
use rediscover::report::{Finding, KeyName, Where};
use rediscover::rules::RuleSet;
use rediscover::source::{Origin, Place};
use serde_json::{Value, json};
use sha2::Digest;
use std::collections::BTreeSet;
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

/// What a finding says, but for where in the file it is, and which of its elements: each one may have a command of its own.
fn told(finding: &Finding) -> String {
    let mut value = serde_json::to_value(finding).expect("JSON");
    let fields = value.as_object_mut().expect("an object");
    fields.remove("offset");
    fields.remove("source");
    fields.remove("file");
    for name in ["why", "advice", "title", "story", "attack"] {
        fields.remove(name);
    }
    if let Some(element) = fields.get_mut("element").and_then(Value::as_object_mut) {
        element.remove("index");
    }
    value.to_string()
}

fn send(connection: &mut redis::Connection, words: &[&[u8]]) {
    let mut command = redis::cmd(std::str::from_utf8(words[0]).expect("a name"));
    words[1..].iter().for_each(|word| {
        command.arg(*word);
    });
    command.exec(connection).unwrap_or_else(|error| panic!("{}: {error}", words[0].escape_ascii()));
}

/// A marker at every place of every type.
fn plant(connection: &mut redis::Connection, with_field_ttl: bool) {
    let long = [vec![b'a'; 700], b" MARKERlong ".to_vec(), vec![b'b'; 700]].concat();
    let noise: Vec<u8> = (0..200_u32).map(|n| u8::try_from(n.wrapping_mul(7919) % 251).expect("a byte")).collect();
    let raw = [noise.clone(), b"MARKERraw ".to_vec(), noise].concat();
    let mut send = |words: &[&[u8]]| send(connection, words);
    send(&[b"SET", b"key:MARKERkey", b"x"]);
    send(&[b"SET", b"string:short", b"MARKERshort"]);
    send(&[b"SET", b"string:raw", &raw]);
    send(&[b"SET", b"string:long", &long]);
    send(&[b"SET", b"string:int", b"1234567890"]);
    send(&[b"SET", b"string:expiring", b"MARKERexp", b"PXAT", b"4102444800000"]);
    send(&[b"RPUSH", b"list:small", b"one", b"MARKERa", b"1234567890"]);
    for n in 0..300_u32 {
        let item = if n == 123 { "MARKERnode".to_owned() } else { format!("{n:0100}") };
        send(&[b"RPUSH", b"list:long", item.as_bytes()]);
    }
    send(&[b"DEBUG", b"QUICKLIST-PACKED-THRESHOLD", b"1000"]);
    send(&[b"RPUSH", b"list:plain", b"x", &long, b"y"]);
    send(&[b"SADD", b"set:ints", b"5", b"1234567890"]);
    send(&[b"SADD", b"set:small", b"a", b"MARKERmember"]);
    send(&[b"SADD", b"set:large", b"a", &long]);
    send(&[b"ZADD", b"zset:small", b"1", b"a", b"2", b"MARKERmember"]);
    send(&[b"ZADD", b"zset:large", b"1", b"a", b"2", &long]);
    send(&[b"HSET", b"hash:small", b"plain", b"MARKERvalue", b"MARKERfield", b"v", b"n", b"1234567890"]);
    send(&[b"HSET", b"hash:large", b"plain", &long, b"MARKERfield", b"v"]);
    if with_field_ttl {
        for key in [&b"hash:ttl"[..], b"hash:ttl:large"] {
            let value = if key.ends_with(b"large") { long.as_slice() } else { b"MARKERvalue" };
            send(&[b"HSET", key, b"gone", value, b"MARKERfield", b"stays", b"kept", b"v"]);
            send(&[b"HPEXPIREAT", key, b"4102444800000", b"FIELDS", b"1", b"gone"]);
        }
    }
    send(&[b"XADD", b"stream", b"5-1", b"name", b"MARKERvalue", b"MARKERfield", b"v"]);
    send(&[b"XADD", b"stream", b"6-1", b"other", b"1234567890"]);
    send(&[b"XGROUP", b"CREATE", b"stream", b"MARKERgroup", b"0"]);
    send(&[b"XGROUP", b"CREATECONSUMER", b"stream", b"MARKERgroup", b"MARKERconsumer"]);
    send(&[
        b"FUNCTION",
        b"LOAD",
        b"#!lua name=mylib\n-- MARKERcode\nredis.register_function('f', function() return 1 end)",
    ]);
    send(&[b"SELECT", b"15"]);
    send(&[b"SET", b"in:another", b"MARKERdb"]);
}

/// Places of markers that any server holds, and those of field expiries.
const PLACES: usize = 27;
const PLACES_WITH_TTL: usize = 31;

#[test]
fn a_marker_is_found_wherever_it_is_stored() {
    for name in ["redis-8.6", "redis-7.0", "valkey-9.1"] {
        let Some(spec) = ServerSpec::named(name) else { continue };
        let with_ttl = name == "redis-8.6";
        let mut dumps = Vec::new();
        for compression in ["yes", "no"] {
            let stage = Stage::new(
                &spec,
                &["--rdbcompression", compression, "--enable-debug-command", "yes", "--save", ""],
                |connection| {
                    plant(connection, with_ttl);
                },
            );
            let findings = found(&fs::read(stage.path("dump.rdb")).expect("a dump"));
            assert!(findings.iter().all(|finding| finding.rule == "T-MARK"), "{name}");
            let told: BTreeSet<_> = findings.iter().map(told).collect();
            assert_eq!(told.len(), if with_ttl { PLACES_WITH_TTL } else { PLACES }, "{name}: {told:#?}");
            assert_eq!(told.len(), findings.len(), "{name}");
            dumps.push(told);
        }
        assert_eq!(dumps[0], dumps[1], "{name}: compression makes a difference");

        // The same as commands. Groups, consumers and field expiries are commands of their own there.
        let stage = Stage::new(
            &spec,
            &["--appendonly", "yes", "--aof-use-rdb-preamble", "no", "--enable-debug-command", "yes"],
            |connection| {
                plant(connection, with_ttl);
            },
        );
        let folder = stage.path("appendonlydir");
        let log = fs::read_dir(&folder).expect("a folder").filter_map(|entry| Some(entry.ok()?.path()));
        let log = log.into_iter().find(|path| path.to_string_lossy().contains(".incr.")).expect("a log");
        let findings = scanned(Origin::new("log", Place::Path(log)), &options(How::default())).scan.findings;
        let (lines, keys): (Vec<_>, Vec<_>) = findings.iter().partition(|finding| finding.place.name() == "command");
        let is_name = |told: &String| told.contains("MARKERgroup") || told.contains("MARKERconsumer");
        let expected: BTreeSet<_> = dumps[0].iter().filter(|told| !is_name(told)).cloned().collect();
        let keys: BTreeSet<_> = keys.into_iter().map(told).collect();
        assert_eq!(keys, expected, "{name}: the log");
        let arguments: Vec<_> = lines
            .iter()
            .map(|line| (line.excerpt.as_str(), line.element.as_ref().and_then(|at| at.argument)))
            .collect();
        assert!(
            arguments.iter().any(|(excerpt, at)| excerpt.contains("MARKERgroup") && *at == Some(3)),
            "{arguments:?}"
        );
        assert_eq!(lines.len(), 2, "{arguments:?}");
    }
}

#[test]
fn a_place_is_told_exactly() {
    let Some(spec) = ServerSpec::named("redis-8.6") else { return };
    let stage = Stage::new(&spec, &["--enable-debug-command", "yes"], |connection| {
        plant(connection, true);
    });
    let findings = found(&fs::read(stage.path("dump.rdb")).expect("a dump"));
    let one = |key: &str, place: &str| {
        let wanted = |finding: &&Finding| {
            finding.key.as_ref().is_some_and(|own| own.escaped() == key) && finding.place.name() == place
        };
        let found: Vec<_> = findings.iter().filter(wanted).collect();
        let [finding] = found[..] else { panic!("{key}, {place}: {} findings", found.len()) };
        serde_json::to_value(finding).expect("JSON")
    };
    assert_eq!(one("string:long", "value")["match_offset"], 701);
    assert_eq!(one("list:long", "element")["element"], json!({"index": 123}));
    let member = one("set:small", "element")["element"]["member_sha256"].clone();
    assert_eq!(member.as_str().map(str::len), Some(16));
    assert_eq!(one("zset:small", "element")["element"]["member_sha256"], member);
    assert_eq!(one("hash:large", "value")["element"]["field"], "plain");
    assert_eq!(one("hash:large", "field")["element"]["field"], "MARKERfield");
    assert_eq!(one("in:another", "value")["db"], 15);
    assert_eq!(one("string:expiring", "value")["expire_at"], "2100-01-01T00:00:00.000Z");
    let stream: Vec<_> = findings.iter().filter(|finding| finding.key_type.as_deref() == Some("stream")).collect();
    let at = |text: &str| {
        let own = stream.iter().find(|finding| finding.excerpt.contains(text)).expect("a finding");
        serde_json::to_value(own).expect("JSON")
    };
    assert_eq!(at("1234567890")["element"], json!({"index": 1, "id": "6-1", "field": "other"}));
    assert_eq!(at("MARKERgroup")["element"], json!({"name": "MARKERgroup"}));
    assert_eq!(at("MARKERconsumer")["notes"], json!(["the name of a consumer"]));
    let function = findings.iter().find(|finding| finding.place.name() == "function").expect("a finding");
    assert_eq!(serde_json::to_value(&function.element).expect("JSON"), json!({"name": "mylib"}));
}

#[test]
fn modules_and_aux_fields_are_scanned() {
    let mut dump = Builder::redis(11);
    dump.aux(b"redis-ver", b"6.2.0").aux(b"lua", b"-- MARKERaux");
    // ReJSON-RL version 3: its id, a string, the end.
    dump.select(0).key(7, b"doc").raw(&len(module_id("ReJSON-RL", 3)));
    dump.raw(&[5]).raw(&text(br#"{"a":"MARKERjson"}"#)).raw(&[0]);
    // A module that nobody knows: its strings are scanned, and it says that it is not known.
    dump.key(7, b"unknown").raw(&len(module_id("nosuchmod", 1))).raw(&[5]).raw(&text(b"MARKERmod")).raw(&[0]);
    let scanned = scanned(origin(dump.finish()), &options(How::default()));
    let places: Vec<_> = scanned.scan.findings.iter().map(|one| (one.place.name(), one.excerpt.as_str())).collect();
    assert_eq!(places[0], ("aux", "lua=-- MARKERaux"));
    assert!(places[1].1.contains("MARKERjson") && places[2].1.contains("MARKERmod"), "{places:?}");
    assert_eq!(scanned.scan.summary.not_scanned, 1);
}

fn module_id(name: &str, version: u64) -> u64 {
    const CHARSET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let digit = |byte: u8| CHARSET.iter().position(|own| *own == byte).expect("a character of an id") as u64;
    name.bytes().fold(0, |id, byte| id << 6 | digit(byte)) << 10 | version
}

#[test]
fn a_large_value_is_scanned_from_its_beginning_to_its_end() {
    let mut value = vec![b'-'; 24 << 20];
    let middle = value.len() / 2;
    let end = value.len() - 6;
    for at in [0, middle, end] {
        value[at..at + 6].copy_from_slice(b"MARKER");
    }
    let mut dump = Builder::redis(11);
    dump.select(0).string(b"large", &value).key(4, b"hash").raw(&len(1)).raw(&text(b"MARKERfield")).raw(&text(&value));
    let member = [b"MARKER ".to_vec(), vec![b' '; 2 << 20]].concat();
    dump.table(2, b"set", &[&member, b"b"]);
    let findings = found(&dump.finish());
    assert_eq!(findings.len(), 4);
    assert_eq!((findings[0].match_offset, findings[0].matches), (Some(0), 3));
    let of_hash: Vec<_> = findings.iter().filter(|finding| finding.key_type.as_deref() == Some("hash")).collect();
    for finding in of_hash {
        let field = finding.element.as_ref().and_then(|at| at.field.as_ref()).expect("a field");
        assert_eq!(field.escaped(), "MARKERfield");
    }
    let hash = rediscover::report::hex(&sha2::Sha256::digest(&member)[..8]);
    let element = findings[3].element.as_ref().expect("a member");
    assert_eq!((element.index, element.member_sha256.as_deref()), (Some(0), Some(hash.as_str())));
}

#[test]
fn a_long_list_is_scanned_to_its_end() {
    let mut dump = Builder::redis(11);
    let items = 200_000;
    dump.select(0).key(1, b"list").raw(&len(items));
    for n in 0..items {
        let marked = [0, items / 2, items - 1].contains(&n);
        dump.raw(&text(if marked { b"MARKER" } else { b"item" }));
    }
    let bytes = dump.finish();
    for how in [How::default(), How { threads: 3, batch_bytes: 4096 }] {
        let findings = scanned(origin(bytes.clone()), &options(how)).scan.findings;
        let indexes: Vec<_> = findings.iter().map(|one| one.element.as_ref().and_then(|at| at.index)).collect();
        assert_eq!(indexes, [Some(0), Some(items / 2), Some(items - 1)]);
    }
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
fn a_dump_that_breaks_off_is_scanned_up_to_there() {
    let mut dump = Builder::redis(11);
    dump.select(0).string(b"one", b"MARKER").key(1, b"list").raw(&len(10)).raw(&text(b"x")).raw(&text(b"MARKER"));
    let (folder, rules) = rule_file();
    let path = folder.path().join("dump.rdb");
    fs::write(&path, dump.cut()).expect("a file");
    let output = run(&path, &rules, &["--format", "json", "--fail-on", "never"]);
    assert_eq!(output.0, Some(3));
    let report: Value = serde_json::from_str(&output.1).expect("JSON");
    let findings = report["findings"].as_array().expect("findings");
    assert_eq!(findings.len(), 2);
    let list = findings.iter().find(|finding| finding["key"] == "list").expect("a finding");
    assert_eq!((&list["element"]["index"], &list["notes"][0]), (&json!(1), &json!("its record breaks off")));

    // In the middle of a string that is too long to be held.
    let long = [b"MARKER ".to_vec(), vec![b'x'; 3 << 20]].concat();
    let whole = Builder::redis(11).select(0).string(b"long", &long).cut();
    let findings = found(&whole[..whole.len() - 1000]);
    assert_eq!(findings.iter().map(|finding| finding.match_offset).collect::<Vec<_>>(), [Some(0)]);
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
fn commands_are_scanned_as_lines_and_their_values_once() {
    let mut log = Vec::new();
    let commands: [&[&[u8]]; 7] = [
        &[b"SELECT", b"3"],
        &[b"EVAL", b"return 'MARKER'", b"0"],
        &[b"SET", b"k", b"MARKER"],
        &[b"MSET", b"a", b"MARKER", b"b", b"MARKER"],
        &[b"NOSUCH.COMMAND", b"x", b"MARKER"],
        &[b"FUNCTION", b"LOAD", b"#!lua name=mylib\nMARKER"],
        &[b"PUBLISH", b"channel", b"MARKER"],
    ];
    for words in commands {
        log.extend(command(words));
    }
    let findings = found(&log);
    let told: Vec<_> = findings
        .iter()
        .map(|one| {
            let element = one.element.clone().unwrap_or_default();
            (one.place.name(), one.db, one.key.as_ref().map(KeyName::escaped), element.argument)
        })
        .collect();
    assert_eq!(
        told,
        [
            ("command", Some(3), None, Some(1)),
            ("value", Some(3), Some("k".into()), None),
            ("value", Some(3), Some("a".into()), None),
            ("value", Some(3), Some("b".into()), None),
            ("command", Some(3), None, Some(2)),
            // Once, though it stands in the command too.
            ("function", None, None, None),
            ("command", Some(3), None, Some(2)),
        ]
    );
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

/// A command's time is that of the last annotation before it.
#[test]
fn a_finding_in_a_command_has_its_time() {
    let mut log = command(&["PUBLISH", "news", "MARKERa"]);
    log.extend_from_slice(b"#TS:1760000000\r\n");
    log.extend(command(&["SET", "k", "v"]));
    log.extend(command(&["PUBLISH", "news", "MARKERb"]));
    let findings = found(&log);
    let times: Vec<_> = of(&findings, "T-MARK").iter().map(|finding| (finding.place, finding.at.as_deref())).collect();
    let time = Some("2025-10-09T08:53:20.000Z");
    assert_eq!(times, [(Where::Command, None), (Where::Command, time)]);
}
