//! What `loads_on` says against what real servers do.

use crate::support::keyspace::{assert_equal, live, now, read};
use crate::support::servers::{self, Refused, Running, ServerSpec};
use rediscover::analysis::{CheckOptions, check, verdict_on};
use rediscover::report::{LoadVerdict, LoadsOn};
use rediscover::source::{Origin, Place};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

const RELAXED: &str = "rdb-version-check relaxed";

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures")
}

/// The verdicts on a dump.
fn judge(name: &str, dump: &[u8]) -> Vec<LoadsOn> {
    let origin = Origin::new(name, Place::Bytes(dump.to_vec()));
    let scratch = tempfile::tempdir().expect("a temporary folder");
    let mut options = CheckOptions { duplicates: true, ..CheckOptions::default() };
    scratch.path().clone_into(&mut options.run.scratch);
    let checked = check(&origin, &options);
    checked.outcome.unwrap_or_else(|error| panic!("{name}: {error}")).loads_on
}

fn verdict<'a>(verdicts: &'a [LoadsOn], server: &str) -> &'a LoadsOn {
    verdict_on(verdicts, server).unwrap_or_else(|| panic!("no verdict on {server}"))
}

/// Every fixture and every server, as `scripts/load-matrix` measured them.
#[test]
fn verdicts_agree_with_the_matrix() {
    let matrix = include_str!("loads_matrix.tsv");
    let mut rows: BTreeMap<&str, BTreeMap<&str, &str>> = BTreeMap::new();
    for line in matrix.lines().skip(1) {
        let mut cells = line.split('\t');
        let mut cell = || cells.next().expect("five columns");
        let (fixture, server, outcome) = (cell(), cell(), cell());
        rows.entry(fixture).or_default().insert(server, outcome);
    }
    let mut wrong = Vec::new();
    let mut compared = 0;
    for (fixture, outcomes) in &rows {
        let dump = fs::read(fixtures().join(fixture)).expect("a fixture");
        let verdicts = judge(fixture, &dump);
        for (server, outcome) in outcomes {
            let agrees = if let Some(strict) = server.strip_suffix("+relaxed") {
                let ours = verdict(&verdicts, strict);
                (ours.verdict == LoadVerdict::WithSetting && ours.needs == [RELAXED]) == (*outcome != "refused")
            } else if *server == "redis-stack-7.4" {
                // Redis 7.4 with modules: what needs nothing loads here as well.
                verdict(&verdicts, "redis-7.4").verdict != LoadVerdict::Yes || *outcome == "loads"
            } else {
                match verdict(&verdicts, server).verdict {
                    LoadVerdict::Yes => *outcome == "loads",
                    LoadVerdict::Lossy => *outcome == "lossy",
                    LoadVerdict::No | LoadVerdict::WithSetting => *outcome == "refused",
                    LoadVerdict::Unknown => false,
                }
            };
            compared += 1;
            if !agrees {
                wrong.push(format!("{fixture} on {server}: {outcome}, {:?}", verdict_on(&verdicts, server)));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(compared > 500, "only {compared} rows");
}

fn start(spec: &ServerSpec, dump: &[u8], arguments: &[String]) -> Result<(tempfile::TempDir, Running), Refused> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    fs::write(folder.path().join("dump.rdb"), dump).expect("a file");
    let running = servers::start(spec, folder.path(), arguments)?;
    Ok((folder, running))
}

/// What a server is told to fulfil a need; nothing where that takes a module.
fn setting(need: &str) -> Option<[String; 2]> {
    let (name, value) = need.split_once(' ')?;
    ["rdb-version-check", "databases"].contains(&name).then(|| [format!("--{name}"), value.to_owned()])
}

fn without_first_line(code: &[u8]) -> Vec<u8> {
    code.splitn(2, |byte| *byte == b'\n').last().unwrap_or_default().to_vec()
}

/// Loads a dump and compares what happens with the verdict.
fn compare(spec: &ServerSpec, name: &str, dump: &[u8]) {
    let verdicts = judge(name, dump);
    let ours = verdict(&verdicts, spec.name);
    let about = format!("{name} on {} {}: {ours:?}", spec.name, spec.version);
    let started = start(spec, dump, &[]);
    match (ours.verdict, &started) {
        (LoadVerdict::Yes | LoadVerdict::Lossy, Ok((_, running))) => {
            let mut connection = running.connection();
            let now = now(&mut connection);
            let mut theirs = live(&mut connection).values_only();
            let own = read(dump).at(now).values_only();
            if !own.functions.iter().all(|code| code.starts_with(b"#!")) {
                // Before Redis 7.0 was released a library had its name beside the code, not in it.
                theirs.functions = theirs.functions.iter().map(|code| without_first_line(code)).collect();
            }
            assert_equal(&about, &own, &theirs);
        }
        (LoadVerdict::Yes | LoadVerdict::Lossy, Err(refused)) => panic!("{about}\n{}", refused.log),
        (LoadVerdict::No | LoadVerdict::WithSetting, Ok(_)) => panic!("{about}\nit loads"),
        (LoadVerdict::No, Err(_)) => {
            if spec.name.starts_with("valkey-9") {
                let relaxed = setting(RELAXED).expect("a setting");
                assert!(start(spec, dump, &relaxed).is_err(), "{about}\nit loads with {RELAXED}");
            }
        }
        (LoadVerdict::WithSetting, Err(_)) => {
            let settings: Option<Vec<_>> = ours.needs.iter().map(|need| setting(need)).collect();
            if let Some(settings) = settings {
                let told = start(spec, dump, &settings.concat());
                assert!(told.is_ok(), "{about}\nrefused all the same: {:?}", told.err());
            }
        }
        (LoadVerdict::Unknown, _) => panic!("{about}"),
    }
}

/// The fixtures that every server is given to load.
fn loads_the_others_files(server: &str) {
    let Some(spec) = ServerSpec::named(server) else { return };
    for folder in servers::NAMES {
        for name in ["all-types", "empty", "vectorset", "module-aux"] {
            let name = format!("rdb/{folder}/{name}.rdb");
            if let Ok(dump) = fs::read(fixtures().join(&name)) {
                compare(&spec, &name, &dump);
            }
        }
    }
}

/// A dump of version 10 without a checksum: the parts between its header and its end.
fn dump(magic: &[u8; 9], parts: &[&[u8]]) -> Vec<u8> {
    [magic, parts.concat().as_slice(), b"\xff\0\0\0\0\0\0\0\0"].concat()
}

const DB_0: &[u8] = b"\xfe\0";
const KEY_A: &[u8] = b"\0\x01a\x011";
const KEY_B: &[u8] = b"\0\x01b\x012";

/// An opcode and strings shorter than 16 KiB after it.
fn record(opcode: u8, strings: &[&[u8]]) -> Vec<u8> {
    let mut bytes = vec![opcode];
    for string in strings {
        let length = u16::try_from(string.len()).expect("a short string");
        bytes.extend((length | 0x4000).to_be_bytes());
        bytes.extend(*string);
    }
    bytes
}

/// Small dumps at the edges of what servers load, each with a name.
fn edges() -> Vec<(&'static str, Vec<u8>)> {
    const REDIS: &[u8; 9] = b"REDIS0010";
    let library = |code: &[u8]| record(245, &[code]);
    let pre_ga = [
        record(246, &[b"pre", b"LUA"]),
        vec![0],
        record(0, &[b"redis.register_function('pre', function() return 1 end)"])[1..].to_vec(),
    ];
    let lua = library(b"#!lua name=one\nredis.register_function('one', function() return 1 end)");
    let engine = library(b"#!js name=two\nfunction two() {}");
    let server = library(b"#!lua name=three\nserver.register_function('three', function() return 3 end)");
    let late = library(b"#!lua name=four\nredis.register_function('four', function() return server.call('PING') end)");
    vec![
        ("plain", dump(REDIS, &[DB_0, KEY_A, KEY_B])),
        ("a key twice", dump(REDIS, &[DB_0, KEY_A, KEY_A])),
        ("a key in two databases", dump(REDIS, &[DB_0, KEY_A, b"\xfe\x01", KEY_A])),
        ("database 15", dump(REDIS, &[DB_0, KEY_A, b"\xfe\x0f", KEY_B])),
        ("database 16", dump(REDIS, &[DB_0, KEY_A, b"\xfe\x10", KEY_B])),
        ("FUNCTION_PRE_GA", dump(REDIS, &[&pre_ga.concat(), DB_0, KEY_A])),
        ("a cached script", dump(REDIS, &[&record(250, &[b"lua", b"return 1"]), DB_0, KEY_A])),
        ("SLOT_INFO", dump(REDIS, &[DB_0, b"\xf4\x05\x01\0", KEY_A])),
        ("an empty hash", dump(REDIS, &[DB_0, b"\x04\x01h\0", KEY_A])),
        ("a library", dump(REDIS, &[&lua, DB_0, KEY_A])),
        ("a library twice", dump(REDIS, &[&lua, &lua, DB_0, KEY_A])),
        ("a library for JavaScript", dump(REDIS, &[&engine, DB_0, KEY_A])),
        ("a library for Valkey", dump(REDIS, &[&server, DB_0, KEY_A])),
        ("a library that calls Valkey's name later", dump(REDIS, &[&late, DB_0, KEY_A])),
        ("REDIS0011", dump(b"REDIS0011", &[DB_0, KEY_A])),
        ("REDIS0012", dump(b"REDIS0012", &[DB_0, KEY_A])),
        ("REDIS0079", dump(b"REDIS0079", &[DB_0, KEY_A])),
        ("REDIS0080", dump(b"REDIS0080", &[DB_0, KEY_A])),
        ("VALKEY011", dump(b"VALKEY011", &[DB_0, KEY_A])),
        ("VALKEY080", dump(b"VALKEY080", &[DB_0, KEY_A])),
        ("VALKEY081", dump(b"VALKEY081", &[DB_0, KEY_A])),
    ]
}

fn loads_the_edges(server: &str) {
    let Some(spec) = ServerSpec::named(server) else { return };
    for (name, dump) in edges() {
        compare(&spec, name, &dump);
    }
}

#[test]
fn redis_7_0() {
    loads_the_others_files("redis-7.0");
    loads_the_edges("redis-7.0");
}

#[test]
fn redis_7_4() {
    loads_the_others_files("redis-7.4");
    loads_the_edges("redis-7.4");
}

#[test]
fn redis_8_0() {
    loads_the_others_files("redis-8.0");
    loads_the_edges("redis-8.0");
}

#[test]
fn redis_8_6() {
    loads_the_others_files("redis-8.6");
    loads_the_edges("redis-8.6");
}

#[test]
fn valkey_8_1() {
    loads_the_others_files("valkey-8.1");
    loads_the_edges("valkey-8.1");
}

#[test]
fn valkey_9_1() {
    loads_the_others_files("valkey-9.1");
    loads_the_edges("valkey-9.1");
}
