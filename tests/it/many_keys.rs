//! The generator of proofs on many keys says the truth, as a real server counts it, and `analyze` comes to the same sums.

use crate::support::dumps::{How, origin};
use crate::support::servers::{self, ServerSpec};
use rediscover::analysis::{AnalyzeOptions, analyze};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;
use std::{env, fs};

/// The example, which cargo builds beside the tests.
fn program() -> PathBuf {
    let tests = env::current_exe().expect("this program");
    let program = tests.ancestors().nth(2).expect("its profile's folder").join("examples/many_keys");
    assert!(program.exists(), "cargo build --example many_keys makes {}", program.display());
    program
}

fn made(count: u32) -> (Vec<u8>, BTreeMap<String, Value>) {
    let folder = tempfile::tempdir().expect("a folder");
    let sums = folder.path().join("sums.json");
    let output = Command::new(program()).arg(count.to_string()).arg(&sums).output().expect("it runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    (output.stdout, serde_json::from_slice(&fs::read(sums).expect("its sums")).expect("JSON"))
}

#[test]
fn a_server_counts_what_the_generator_says() {
    let (dump, sums) = made(100_000);
    let Some(spec) = ServerSpec::named("redis-8.6") else { return };
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("dump.rdb"), &dump).expect("the dump");
    let running = servers::start(&spec, folder.path(), &[] as &[&str]).expect("it loads");
    let mut connection = running.connection();
    let keys: Vec<String> = redis::cmd("KEYS").arg("*").query(&mut connection).expect("its keys");
    assert_eq!(keys.len(), 100_000);
    let mut pipe = redis::pipe();
    for key in &keys {
        pipe.cmd("PTTL").arg(key);
    }
    let left: Vec<i64> = pipe.query(&mut connection).expect("their expiries");
    let mut counted: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
    for (key, left) in keys.iter().zip(left) {
        let named = sums.keys().find(|prefix| !prefix.is_empty() && key.starts_with(prefix.as_str()));
        let count = counted.entry(named.map_or("", String::as_str)).or_default();
        *count = (count.0 + 1, count.1 + u64::from(left > 0));
    }
    for (prefix, sum) in &sums {
        let said = (sum["keys"].as_u64().expect("a number"), sum["expires"].as_u64().expect("a number"));
        assert_eq!(counted.get(prefix.as_str()), Some(&said), "{prefix}");
    }
}

#[test]
fn prefixes_come_to_the_sums_that_the_generator_says() {
    let (dump, sums) = made(100_000);
    for threads in [1, 3] {
        let options = AnalyzeOptions { run: How { threads, ..How::default() }.options(), ..AnalyzeOptions::default() };
        let analyzed = analyze(&[origin(dump.clone())], &options).expect("it is read");
        assert_eq!(analyzed.total.keyspace.keys, 100_000);
        for (name, sum) in sums.iter().filter(|(name, _)| !name.is_empty()) {
            // Where all keys share more, the prefix is longer.
            let prefix =
                analyzed.total.prefixes.iter().find(|prefix| prefix.prefix.escaped().starts_with(name.as_str()));
            let prefix = prefix.unwrap_or_else(|| panic!("{name} is not shown"));
            let found = [prefix.keys, prefix.expires, prefix.serialized_bytes];
            let said = ["keys", "expires", "serialized_bytes"].map(|what| sum[what].as_u64().expect("a number"));
            assert_eq!(found, said, "{name}");
        }
    }
}
