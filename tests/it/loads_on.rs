//! What `loads_on` says of a file against what real servers do with it.

use crate::support::rdb::{Builder, text};
use crate::support::servers::{self, ServerSpec};
use rediscover::analysis::{CheckOptions, check};
use rediscover::report::{Basis, LoadVerdict, LoadsOn};
use rediscover::source::{Origin, Place};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures")
}

fn loads_on(dump: Vec<u8>) -> Vec<LoadsOn> {
    let origin = Origin { name: "dump".into(), place: Place::Bytes(dump) };
    let mut options = CheckOptions { duplicates: true, ..CheckOptions::default() };
    options.run.scratch = std::env::temp_dir();
    check(&origin, &options).outcome.expect("bytes can be read").loads_on
}

fn verdict<'v>(verdicts: &'v [LoadsOn], server: &str) -> &'v LoadsOn {
    verdicts.iter().find(|one| one.server == server).unwrap_or_else(|| panic!("no verdict on {server}"))
}

/// Whether the server starts under its default configuration.
fn starts(verdict: &LoadsOn) -> bool {
    match verdict.verdict {
        LoadVerdict::Yes | LoadVerdict::Lossy => true,
        LoadVerdict::No | LoadVerdict::WithSetting => false,
        LoadVerdict::Unknown => panic!("{} is not known: {}", verdict.server, verdict.reason),
    }
}

/// The table that `scripts/load-matrix` measured: every fixture on every server.
#[test]
fn the_verdicts_agree_with_the_measured_table() {
    let table = include_str!("loads_matrix.tsv");
    let mut known: BTreeMap<&str, Vec<LoadsOn>> = BTreeMap::new();
    let mut wrong = Vec::new();
    let mut compared = 0;
    for line in table.lines().skip(1) {
        let mut columns = line.split('\t');
        let (Some(fixture), Some(server), Some(outcome)) = (columns.next(), columns.next(), columns.next()) else {
            panic!("not a row: {line}");
        };
        // The stack is redis-7.4 with modules: no server of `loads_on`.
        if server == "redis-stack-7.4" {
            continue;
        }
        let read = || loads_on(std::fs::read(fixtures().join(fixture)).expect("a fixture"));
        let verdicts = known.entry(fixture).or_insert_with(read);
        let (server, relaxed) = server.strip_suffix("+relaxed").map_or((server, false), |server| (server, true));
        let said = verdict(verdicts, server);
        let setting = said.needs == ["rdb-version-check relaxed"];
        let loads = if relaxed { said.verdict == LoadVerdict::WithSetting && setting } else { starts(said) };
        compared += 1;
        if loads != (outcome != "refused") {
            wrong.push(format!("{fixture} on {server}: {outcome}, said {:?} {}", said.verdict, said.reason));
        }
        assert_eq!(said.basis, Basis::Verified, "{server}");
    }
    assert!(compared > 400, "only {compared} rows");
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Lets a server load the dump: whether it starts.
fn really_starts(spec: &ServerSpec, dump: &[u8]) -> Result<(), String> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    std::fs::write(folder.path().join("dump.rdb"), dump).expect("a file");
    let none: [&str; 0] = [];
    servers::start(spec, folder.path(), &none).map(drop).map_err(|refused| refused.log)
}

/// The servers that `loads_on` says it has verified.
fn verified() -> Vec<ServerSpec> {
    servers::all().into_iter().filter(|spec| spec.name != "redis-stack-7.4").collect()
}

#[test]
fn servers_load_each_others_fixtures_as_said() {
    let mut wrong = Vec::new();
    for writer in servers::NAMES {
        for name in ["all-types", "empty", "functions", "vectorset", "modules", "module-aux"] {
            let Ok(dump) = std::fs::read(fixtures().join(format!("rdb/{writer}/{name}.rdb"))) else { continue };
            let verdicts = loads_on(dump.clone());
            for spec in verified() {
                let said = verdict(&verdicts, spec.name);
                let real = really_starts(&spec, &dump);
                if real.is_ok() != starts(said) {
                    let real = real.err().unwrap_or_default();
                    wrong.push(format!(
                        "{writer}/{name} on {}: said {:?} {}\n{real}",
                        spec.name, said.verdict, said.reason
                    ));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Files at the edge: what the format allows and servers treat each in their own way.
fn edges() -> Vec<(&'static str, Vec<u8>)> {
    let mut edges = Vec::new();
    let mut add = |what, build: &dyn Fn(&mut Builder)| {
        let mut builder = Builder::redis(10);
        build(&mut builder);
        edges.push((what, builder.finish()));
    };
    add("plain", &|b| {
        b.select(0).string(b"key", b"value");
    });
    add("a key twice", &|b| {
        b.select(0).string(b"key", b"1").string(b"key", b"2");
    });
    add("database 15", &|b| {
        b.select(15).string(b"key", b"value");
    });
    add("database 16", &|b| {
        b.select(16).string(b"key", b"value");
    });
    add("a cached script", &|b| {
        b.aux(b"lua", b"return 1").select(0).string(b"key", b"value");
    });
    add("an unknown AUX", &|b| {
        b.aux(b"colour", b"blue").select(0).string(b"key", b"value");
    });
    add("slot info", &|b| {
        b.select(0).raw(&[0xf4, 5, 1, 0]).string(b"key", b"value");
    });
    add("an empty list", &|b| {
        b.select(0).table(1, b"list", &[]).string(b"key", b"value");
    });
    add("a member twice", &|b| {
        b.select(0).table(2, b"set", &[b"a", b"a"]);
    });
    add("a function of a release candidate", &|b| {
        let code = b"redis.register_function('f', function() return 1 end)";
        b.raw(&[0xf6]).raw(&text(b"lib")).raw(&text(b"LUA")).raw(&[0]).raw(&text(code));
    });
    add("metadata that may be passed over", &|b| {
        b.select(0).raw(&[0xf3, 1, 0x19, 0xf5, 0xc4, 0x28, 2, 1, 0]).string(b"key", b"value");
    });
    add("an unknown type", &|b| {
        b.select(0).key(99, b"key").raw(&[0]);
    });
    edges.push(("VALKEY081", Builder::valkey(81).select(0).string(b"key", b"value").finish()));
    edges.push(("VALKEY080", Builder::valkey(80).select(0).string(b"key", b"value").finish()));
    edges.push(("REDIS0042", Builder::redis(42).select(0).string(b"key", b"value").finish()));
    let mut cut = Builder::redis(10).select(0).string(b"key", b"value").finish();
    cut.truncate(cut.len() - 4);
    edges.push(("a checksum cut short", cut));
    let mut flipped = Builder::redis(10).select(0).string(b"key", b"value").finish();
    flipped[16] ^= 1;
    edges.push(("a checksum that is wrong", flipped));
    edges
}

#[test]
fn servers_treat_the_edges_of_the_format_as_said() {
    let mut wrong = Vec::new();
    for (what, dump) in edges() {
        let verdicts = loads_on(dump.clone());
        for spec in verified() {
            let said = verdict(&verdicts, spec.name);
            // Damage inside a value: what a server does depends on the place, and that is what is said.
            if said.verdict == LoadVerdict::Unknown {
                continue;
            }
            let real = really_starts(&spec, &dump);
            if real.is_ok() != starts(said) {
                let real = real.err().unwrap_or_default();
                wrong.push(format!("{what} on {}: said {:?} {}\n{real}", spec.name, said.verdict, said.reason));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
