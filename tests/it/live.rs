//! Every decoded value against what a real server answers that has loaded the same file.

use crate::support::keyspace::{Value, assert_equal, live, now, read};
use crate::support::servers::{self, Running, ServerSpec};
use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};

/// The fixtures of one server, by name.
pub(crate) fn fixtures(server: &str) -> Vec<(String, PathBuf)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/rdb").join(server);
    let files = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut files: Vec<_> = files
        .map(|file| file.expect("a file").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "rdb"))
        .map(|path| (path.file_stem().expect("a name").to_string_lossy().into_owned(), path))
        .collect();
    files.sort();
    files
}

/// What a fixture's server has to be told, beside its defaults.
pub(crate) fn arguments(fixture: &str) -> &'static [&'static str] {
    match fixture {
        // A node on its own never calls its cluster up; it answers what is read all the same.
        "cluster" => &[
            "--cluster-enabled",
            "yes",
            "--bind",
            "127.0.0.1",
            "--cluster-require-full-coverage",
            "no",
            "--cluster-allow-reads-when-down",
            "yes",
        ],
        "lfu" => &["--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lfu"],
        "lru" => &["--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru"],
        _ => &[],
    }
}

pub(crate) fn start(spec: &ServerSpec, dump: &[u8], arguments: &[&str]) -> (tempfile::TempDir, Running) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    fs::write(folder.path().join("dump.rdb"), dump).expect("a file");
    let mut arguments: Vec<String> = arguments.iter().map(|argument| (*argument).to_owned()).collect();
    if arguments.iter().any(|argument| argument == "--cluster-enabled") {
        arguments.extend(["--cluster-port".to_owned(), free_port().to_string()]);
    }
    let running = servers::start(spec, folder.path(), &arguments)
        .unwrap_or_else(|refused| panic!("{} refuses its own file:\n{}", spec.name, refused.log));
    (folder, running)
}

/// A port for a cluster's bus, which has to have one.
pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("its address").port()
}

/// A day: what a slow machine may add to an idle time.
const DAY: u64 = 86_400;

/// Makes equal what cannot be: a server says idle times and frequencies of every key, and they change as time goes.
fn settle(ours: &Value, theirs: &mut Value, about: &str) {
    match (ours.idle, theirs.idle) {
        (Some(file), Some(live)) => {
            assert!(live + 2 >= file && live <= file + DAY, "{about}: idle for {live} s, in the file {file} s");
        }
        (Some(file), None) => panic!("{about}: the file says idle for {file} s, the server nothing"),
        (None, _) => {}
    }
    match (ours.freq, theirs.freq) {
        (Some(file), Some(live)) => assert!(live <= file, "{about}: used {live} times, in the file {file}"),
        (Some(file), None) => panic!("{about}: the file says used {file} times, the server nothing"),
        (None, _) => {}
    }
    (theirs.idle, theirs.freq) = (ours.idle, ours.freq);
    // A hash that has shrunk, or lost its field TTLs, stays a hash table until it is loaded again.
    let packed = ["listpack", "listpackex"].contains(&theirs.encoding.as_str());
    if ours.ty == "hash" && ours.encoding == "hashtable" && packed {
        theirs.encoding.clone_from(&ours.encoding);
    }
}

/// Compares every fixture of a server with the server.
fn every_fixture(server: &str) {
    let Some(spec) = ServerSpec::named(server) else { return };
    for (name, path) in fixtures(server) {
        let dump = fs::read(&path).expect("a fixture");
        let (_folder, running) = start(&spec, &dump, arguments(&name));
        let mut connection = running.connection();
        let now = now(&mut connection);
        let mut theirs = live(&mut connection);
        let ours = read(&dump).at(now);
        for (key, own) in &ours.keys {
            if let Some(live) = theirs.keys.get_mut(key) {
                settle(own, live, &format!("{server}/{name}: {}", key.1.escape_ascii()));
            }
        }
        assert_equal(&format!("{server}/{name}"), &ours, &theirs);
    }
}

#[test]
fn redis_7_0() {
    every_fixture("redis-7.0");
}

#[test]
fn redis_7_4() {
    every_fixture("redis-7.4");
}

#[test]
fn redis_8_0() {
    every_fixture("redis-8.0");
}

#[test]
fn redis_8_6() {
    every_fixture("redis-8.6");
}

#[test]
fn valkey_8_1() {
    every_fixture("valkey-8.1");
}

#[test]
fn valkey_9_1() {
    every_fixture("valkey-9.1");
}

#[test]
fn redis_stack_7_4() {
    every_fixture("redis-stack-7.4");
}
