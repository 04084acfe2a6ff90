//! An append-only file that its server writes and rewrites while it is backed up.

use super::{Desk, all, code, files};
use crate::support::servers::{self, ServerSpec};
use redis::cmd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::{fs, thread};

fn under_writes(server: &str) {
    let Some(spec) = ServerSpec::named(server) else { return };
    let desk = Desk::new();
    let data = desk.path("data");
    fs::create_dir(&data).expect("a folder");
    let arguments = ["--appendonly", "yes", "--appendfsync", "everysec", "--auto-aof-rewrite-percentage", "0"];
    let running = servers::start(&spec, &data, &arguments).unwrap_or_else(|refused| panic!("{}", refused.log));
    let stop = AtomicBool::new(false);
    let mut names = Vec::new();
    thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let mut connection = running.connection();
            let mut number = 0u64;
            while !stop.load(Ordering::SeqCst) {
                let mut pipe = redis::pipe();
                for _ in 0..50 {
                    pipe.cmd("SET").arg(format!("key:{}", number % 20_000)).arg(format!("{number:0100}")).ignore();
                    number += 1;
                }
                let _: () = pipe.query(&mut connection).expect("written");
            }
            number
        });
        scope.spawn(|| {
            let mut connection = running.connection();
            while !stop.load(Ordering::SeqCst) {
                // One is running already, more often than not.
                let _ = cmd("BGREWRITEAOF").query::<String>(&mut connection);
                thread::sleep(std::time::Duration::from_millis(30));
            }
        });
        for round in 0..8 {
            let name = desk.run(&["backup", "create", "data", "--instance", "prod", "--max-shrink", "100"]);
            let about = format!("{server} round {round}: {}", all(&name));
            assert_eq!(code(&name), 0, "{about}");
            let (_, list) = desk.json(&["backup", "list"]);
            names.push(
                list["backups"].as_array().expect("backups").last().expect("one")["name"]
                    .as_str()
                    .expect("a name")
                    .to_owned(),
            );
        }
        stop.store(true, Ordering::SeqCst);
        assert!(writer.join().expect("it ends") > 0);
    });
    let (exit, report) = desk.json(&["backup", "verify", "--all", "--level", "full"]);
    assert_eq!(exit, 0, "{server}: {report:#}");
    assert!(files(&desk.repo()).iter().any(|file| file.ends_with(".incr.aof.zst")), "{:?}", files(&desk.repo()));
    // A server starts on each of them.
    for (number, name) in names.iter().enumerate().skip(names.len() - 3) {
        let folder = desk.path(&format!("restored-{number}"));
        fs::create_dir(&folder).expect("a folder");
        let place = folder.join("appendonlydir");
        let fetched = desk.run(&["backup", "fetch", name, "-o", place.to_str().expect("text")]);
        assert_eq!(code(&fetched), 0, "{}", all(&fetched));
        let (_, checked) = desk.json(&["check", place.to_str().expect("text")]);
        let again = servers::start(&spec, &folder, &["--appendonly", "yes", "--aof-load-truncated", "no"]);
        let again = again.unwrap_or_else(|refused| panic!("{server} {name}: {}", refused.log));
        let keys: u64 = cmd("DBSIZE").query(&mut again.connection()).expect("a size");
        assert!(keys > 0 && checked["sources"][0]["server_loads"]["verdict"] == "yes", "{keys}: {checked:#}");
    }
}

#[test]
fn a_log_under_writes_and_rewrites_on_redis_7_0() {
    under_writes("redis-7.0");
}

#[test]
fn a_log_under_writes_and_rewrites_on_redis_8_6() {
    under_writes("redis-8.6");
}

#[test]
fn a_log_under_writes_and_rewrites_on_valkey_9_1() {
    under_writes("valkey-9.1");
}
