//! Create, lose everything, restore, start: the keyspace is what it was.

use crate::backup::{Desk, age_key, all, code};
use crate::support::keyspace::{self, Keyspace};
use crate::support::keyspaces::{Abilities, fill};
use crate::support::servers::{self, Running, ServerSpec};
use crate::support::{cluster, keyspaces};
use redis::cmd;
use std::fs;
use std::path::Path;

const KEYS: u64 = 1500;
const LIBRARY: &str = "#!lua name=lib\nredis.register_function('f', function(keys, args) return 1 end)";

fn start(spec: &ServerSpec, dir: &Path, append_only: &str) -> Running {
    let setting = ["--appendonly", append_only, "--appendfsync", "always", "--repl-diskless-sync-delay", "0"];
    servers::start(spec, dir, &setting).unwrap_or_else(|refused| panic!("{}: {}", spec.name, refused.log))
}

fn filled(spec: &ServerSpec, running: &Running) -> Keyspace {
    let mut connection = running.connection();
    fill(&mut connection, KEYS, Abilities::of(spec));
    cmd("FUNCTION").arg("LOAD").arg(LIBRARY).exec(&mut connection).expect("a library");
    let has_field_expiries = keyspaces::field_expiries(&mut connection);
    assert_eq!(has_field_expiries, Abilities::of(spec).field_expiries, "{}", spec.name);
    held(running)
}

fn held(running: &Running) -> Keyspace {
    keyspace::live(&mut running.connection()).values_only()
}

fn emptied(dir: &Path) {
    fs::remove_dir_all(dir).expect("removed");
    fs::create_dir(dir).expect("a folder");
}

fn succeeds(desk: &Desk, arguments: &[&str]) -> String {
    let output = desk.run(arguments);
    assert_eq!(code(&output), 0, "{arguments:?}: {}", all(&output));
    all(&output)
}

/// One server with one setting: from itself, from its folder, into a folder and into itself.
fn lost_and_restored(server: &str, append_only: &str, encrypted: bool) {
    let Some(spec) = ServerSpec::named(server) else { return };
    let about = format!("{server}, appendonly {append_only}, encrypted {encrypted}");
    let desk = Desk::new();
    let key = encrypted.then(|| age_key(&desk));
    let (identity, recipient) = match &key {
        Some((file, recipient)) => {
            (vec!["--identity", file.to_str().expect("text")], vec!["--recipient", recipient.as_str()])
        }
        None => (Vec::new(), Vec::new()),
    };
    let data = desk.path("data");
    fs::create_dir(&data).expect("a folder");
    let mut running = start(&spec, &data, append_only);
    let mut wanted = filled(&spec, &running);
    if append_only == "yes" {
        // A log lacks the consumers that never got anything: what a server makes of its own log is the measure.
        running.kill().expect("killed");
        running = start(&spec, &data, append_only);
        wanted = held(&running);
    }
    let socket = |running: &Running| format!("unix://{}", running.socket().display());

    // From the server, by the replication protocol.
    let source = socket(&running);
    succeeds(&desk, &[&["backup", "create", &source, "--instance", "prod"], &*recipient].concat());
    // From its folder, while it runs: the log, where it keeps one.
    let has_log = append_only == "yes";
    if has_log {
        succeeds(&desk, &[&["backup", "create", "data", "--instance", "log"], &*recipient].concat());
    }
    running.kill().expect("killed");
    for instance in ["prod", "log"].into_iter().take(1 + usize::from(has_log)) {
        emptied(&data);
        let source = format!("repo::{instance}/latest");
        let restore = ["restore", &source, "--to", "data", "--appendonly", append_only];
        let said = succeeds(&desk, &[&restore, &*identity].concat());
        assert!(said.contains("rediscover backup verify"), "{about}: the next step: {said}");
        let again = start(&spec, &data, append_only);
        keyspace::assert_equal(&format!("{about}, {instance}"), &held(&again), &wanted);
        let target = socket(&again);
        let against = [&["backup", "verify", &source["repo::".len()..], "--against", &target], &*identity].concat();
        let said = succeeds(&desk, &against);
        // What a log comes to is not known here.
        let verdict = if instance == "log" { "not compared" } else { "the same keys per database" };
        assert!(said.contains(verdict), "{about}: {said}");
        if instance == "prod" {
            cmd("FLUSHDB").exec(&mut again.connection()).expect("FLUSHDB");
            let output = desk.run(&against);
            assert_eq!(code(&output), 3, "{about}: {}", all(&output));
        }
    }

    // Key by key, into a server that runs; not into one that holds keys.
    emptied(&data);
    let running = start(&spec, &data, append_only);
    let target = socket(&running);
    let restore = [&["restore", "repo::prod/latest", "--to-server", &target], &*identity].concat();
    succeeds(&desk, &restore);
    keyspace::assert_equal(&format!("{about}, key by key"), &held(&running), &wanted);
    let refused = desk.run(&restore);
    assert_eq!(code(&refused), 1, "{about}: {}", all(&refused));
    assert!(all(&refused).contains("--skip-existing"), "{about}: {}", all(&refused));
}

fn every_setting(server: &str) {
    for (append_only, encrypted) in [("no", false), ("no", true), ("yes", false), ("yes", true)] {
        lost_and_restored(server, append_only, encrypted);
    }
}

#[test]
fn lost_and_restored_on_redis_7_0() {
    every_setting("redis-7.0");
}

#[test]
fn lost_and_restored_on_redis_8_6() {
    every_setting("redis-8.6");
}

/// Its fields expire too.
#[test]
fn lost_and_restored_on_valkey_9_1() {
    every_setting("valkey-9.1");
}

/// A server by itself into a cluster of three; that into another of three, and into one of five.
fn clusters(server: &str) {
    let Some(spec) = ServerSpec::named(server) else { return };
    let desk = Desk::new();
    let data = desk.path("data");
    fs::create_dir(&data).expect("a folder");
    let single = start(&spec, &data, "no");
    filled(&spec, &single);
    let mut connection = single.connection();
    cmd("SELECT").arg(1).exec(&mut connection).expect("a database");
    cmd("FLUSHDB").exec(&mut connection).expect("emptied");
    let wanted = held(&single);
    desk.good(Path::new(&format!("unix://{}", single.socket().display())), "single", &[]);
    drop(single);

    let load = |name: &str, nodes: &[cluster::Node]| {
        let target = nodes[1].url().replace("redis:", "redis+cluster:");
        let (exit, report) = desk.json(&["restore", &format!("repo::{name}/latest"), "--to-server", &target]);
        assert_eq!((exit, &report["keys"], &report["failed"]), (0, &wanted.keys.len().into(), &0.into()), "{report:#}");
        keyspace::assert_equal(&format!("{server}: {name} into {}", nodes.len()), &cluster::live(nodes), &wanted);
    };
    let three = cluster::start(&spec, 3);
    load("single", &three);
    desk.good(Path::new(&three[2].url().replace("redis:", "redis+cluster:")), "cluster", &[]);
    let dumps = desk.objects();
    let names = |end: &str| dumps.iter().filter(|name| name.starts_with("cluster/") && name.ends_with(end)).count();
    assert_eq!((names(".rdb.zst"), names("/nodes.json")), (3, 1), "{dumps:?}");
    drop(three);
    for primaries in [3, 5] {
        let nodes = cluster::start(&spec, primaries);
        load("cluster", &nodes);
        let target = nodes[0].url().replace("redis:", "redis+cluster:");
        let said = succeeds(&desk, &["backup", "verify", "cluster/latest", "--against", &target]);
        assert!(said.contains("the same keys per database"), "{said}");
    }
    // A folder takes one of them at most.
    emptied(&data);
    let refused = desk.run(&["restore", "repo::cluster/latest", "--to", "data"]);
    assert!(code(&refused) == 1 && all(&refused).contains("--to-server redis+cluster://"), "{}", all(&refused));
    assert_eq!(fs::read_dir(&data).expect("a folder").count(), 0);
}

#[test]
fn clusters_of_three_and_five_on_redis_7_0() {
    clusters("redis-7.0");
}

#[test]
fn clusters_of_three_and_five_on_redis_8_6() {
    clusters("redis-8.6");
}

#[test]
fn clusters_of_three_and_five_on_valkey_9_1() {
    clusters("valkey-9.1");
}
