//! Every text of every type is scanned, and told with its exact place, as real servers store it.

use super::{found, options, scanned};
use crate::support::dumps::{How, origin};
use crate::support::rdb::{Builder, len, text};
use crate::support::servers::ServerSpec;
use crate::support::stage::Stage;
use rediscover::report::Finding;
use rediscover::source::{Origin, Place};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fs;

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
