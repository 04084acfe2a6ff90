//! Every situation that a restore can cause or meet, one test each.

use super::*;
use crate::support::dumps::program;
use crate::support::rdb::Builder;
use rediscover::backup::restore::{plan, would_load};
use std::io::Write;
use std::process::Stdio;

fn spec() -> Option<ServerSpec> {
    ServerSpec::named("redis-7.0")
}

fn configured(dir: &Path, text: &str) -> RestoreOptions {
    fs::write(dir.join("redis.conf"), text).expect("a configuration");
    options(dir)
}

/// Refused with this kind, and the folder is as it was.
fn assert_refused(source: &Path, dir: &Path, options: &RestoreOptions, kind: &str) {
    let before = listing(dir);
    match restored(source, dir, options) {
        Err(error) => assert!(error.to_string().starts_with(&format!("{kind}: ")), "{kind}: {error}"),
        Ok(_) => panic!("{kind}: not refused"),
    }
    assert_eq!(before, listing(dir), "{kind}");
}

fn assert_error(source: &Path, dir: &Path, options: &RestoreOptions, says: &str) {
    let before = listing(dir);
    let error = restored(source, dir, options).map(|_| ()).expect_err("it is refused");
    assert!(error.to_string().contains(says), "{error}");
    assert!(error.hint().is_some(), "{error}");
    assert_eq!(before, listing(dir), "{says}");
}

#[test]
fn an_rdb_with_appendonly_yes_and_no_folder() {
    let Some(spec) = spec() else { return };
    let dump = Dump::of(&spec, NEW);
    let dir = data_dir(&spec, Had::Nothing);
    // What everybody tries first.
    fs::copy(dump.path(), dir.path().join("dump.rdb")).expect("a copy");
    assert_eq!(found_on_copy(&spec, dir.path(), Some(true)), Found::Nothing);
    let options = configured(dir.path(), "appendonly yes\n");
    restored(&dir.path().join("dump.rdb"), dir.path(), &options).expect("restored");
    assert_eq!(found(&spec, dir.path(), Some(true)), Found::New);
}

#[test]
fn an_rdb_beside_an_old_appendonlydir() {
    let Some(spec) = spec() else { return };
    let dump = Dump::of(&spec, NEW);
    let dir = data_dir(&spec, Had::Aof);
    fs::copy(dump.path(), dir.path().join("dump.rdb")).expect("a copy");
    assert_eq!(found_on_copy(&spec, dir.path(), Some(true)), Found::Old);
    let options = configured(dir.path(), "appendonly yes\n");
    restored(&dir.path().join("dump.rdb"), dir.path(), &options).expect("restored");
    assert_eq!(found(&spec, dir.path(), Some(true)), Found::New);
}

#[test]
fn an_rdb_as_the_file_of_servers_before_7() {
    let Some(spec) = spec() else { return };
    let mut old = Builder::redis(9);
    old.aux(b"redis-ver", b"6.2.14").select(0).string(b"<k>", b"v");
    let dir = data_dir(&spec, Had::Nothing);
    let source = dir.path().join("old.rdb");
    fs::write(&source, old.finish()).expect("a dump");
    let to = data_dir(&spec, Had::Nothing);
    let options =
        RestoreOptions { append_only: Some(true), target: Some("redis-6.2".to_owned()), ..options(to.path()) };
    restored(&source, to.path(), &options).expect("restored");
    assert!(to.path().join("appendonly.aof").is_file() && !to.path().join("appendonlydir").exists());
    // A later server moves it into its folder.
    let running = servers::start(&spec, to.path(), setting(Some(true))).expect("a server");
    let keys: Vec<String> = redis::cmd("KEYS").arg("*").query(&mut running.connection()).expect("keys");
    assert_eq!(keys, ["<k>"]);
}

#[test]
fn a_manifest_that_names_a_missing_file() {
    let Some(spec) = spec() else { return };
    let source = data_dir(&spec, Had::Aof);
    fs::remove_file(source.path().join("appendonlydir/appendonly.aof.1.base.rdb")).expect("it goes");
    let origin = origin(&source.path().join("appendonlydir"));
    let error = Incoming::from_origin(&origin, None).map(|_| ()).expect_err("a part is missing");
    assert!(error.to_string().contains("is missing"), "{error}");
}

#[test]
fn a_truncated_increment() {
    let Some(spec) = spec() else { return };
    let source = data_dir(&spec, Had::Aof);
    let incr = source.path().join("appendonlydir/appendonly.aof.1.incr.aof");
    let bytes = fs::read(&incr).expect("an increment");
    fs::write(&incr, &bytes[..bytes.len() - 3]).expect("a shorter one");
    let dir = data_dir(&spec, Had::Both);
    let options = RestoreOptions { append_only: Some(true), ..options(dir.path()) };
    assert_error(&source.path().join("appendonlydir"), dir.path(), &options, "truncated");
}

#[test]
fn an_rdb_version_newer_than_the_server() {
    let (Some(spec), Some(newer)) = (spec(), ServerSpec::named("redis-8.6")) else { return };
    let dump = Dump::of(&newer, NEW);
    // What is there was written by the server that will load it.
    let dir = data_dir(&spec, Had::Dump);
    let options = configured(dir.path(), "appendonly no\n");
    assert_refused(&dump.path(), dir.path(), &options, "target");
    fs::copy(dump.path(), dir.path().join("dump.rdb")).expect("a copy");
    assert_eq!(found(&spec, dir.path(), None), Found::Refused);
}

#[test]
fn truncated_empty_flipped_and_followed_by_something() {
    let Some(spec) = spec() else { return };
    let dump = Dump::of(&spec, NEW);
    let bytes = dump.bytes();
    let dir = data_dir(&spec, Had::Dump);
    let options = configured(dir.path(), "appendonly no\n");
    let mut flipped = bytes.clone();
    let middle = flipped.len() / 2;
    flipped[middle] ^= 1;
    let cases = [
        (bytes[..bytes.len() - 20].to_vec(), "truncated"),
        (Vec::new(), ""),
        (flipped, "damaged"),
        ([bytes.clone(), vec![0; 16]].concat(), "16 bytes stand after its end"),
        ([bytes, vec![b'g'; 40]].concat(), "bytes stand after its end"),
    ];
    let source = dump.folder.path().join("broken.rdb");
    for (bytes, says) in cases {
        fs::write(&source, bytes).expect("a dump");
        assert_error(&source, dir.path(), &options, says);
    }
    assert_eq!(found(&spec, dir.path(), None), Found::Old);
}

#[test]
fn a_module_type_without_its_module() {
    let Some(spec) = spec() else { return };
    let module = PathBuf::from("fixtures/rdb/redis-stack-7.4/modules.rdb");
    let dir = data_dir(&spec, Had::Dump);
    let options = RestoreOptions { target: Some("redis-7.4".to_owned()), ..configured(dir.path(), "appendonly no\n") };
    assert_refused(&module, dir.path(), &options, "module");
    let options = RestoreOptions { target: None, ..options };
    let error = restored(&module, dir.path(), &options).map(|_| ()).expect_err("it is refused");
    assert!(matches!(error.kind(), ErrorKind::Refused { .. }), "{error}");
    fs::copy(&module, dir.path().join("dump.rdb")).expect("a copy");
    let Some(newer) = ServerSpec::named("redis-7.4") else { return };
    assert_eq!(found(&newer, dir.path(), None), Found::Refused);
}

#[test]
fn keys_of_database_1_into_a_node_of_a_cluster() {
    let Some(spec) = spec() else { return };
    let dump = Dump::of(&spec, NEW);
    let dir = data_dir(&spec, Had::Nothing);
    fs::write(dir.path().join("nodes.conf"), "").expect("a file");
    let options = configured(dir.path(), "appendonly no\ncluster-enabled yes\n");
    assert_refused(&dump.path(), dir.path(), &options, "cluster-database");
    assert_refused(&dump.path(), dir.path(), &RestoreOptions { force: true, ..options }, "cluster-database");
    // The server crashes at it.
    fs::remove_file(dir.path().join("nodes.conf")).expect("it goes");
    fs::copy(dump.path(), dir.path().join("dump.rdb")).expect("a copy");
    let port = ["--cluster-enabled", "yes", "--port", "7391", "--bind", "127.0.0.1"];
    assert!(servers::start(&spec, dir.path(), &port).is_err());
}

#[test]
fn a_standalone_dump_into_an_empty_node_of_a_cluster() {
    let Some(spec) = spec() else { return };
    let mut one = Builder::redis(10);
    one.select(0).string(b"<k>", b"v");
    let dir = data_dir(&spec, Had::Nothing);
    let source = dir.path().join("one.rdb");
    fs::write(&source, one.finish()).expect("a dump");
    let to = data_dir(&spec, Had::Nothing);
    let options = configured(to.path(), "appendonly no\ncluster-enabled yes\n");
    assert_refused(&source, to.path(), &options, "cluster-node");
    restored(&source, to.path(), &RestoreOptions { force: true, ..options }).expect("forced");
}

#[test]
fn more_databases_than_the_server_has() {
    let Some(spec) = spec() else { return };
    let dump = Dump::of(&spec, NEW);
    let dir = data_dir(&spec, Had::Nothing);
    let options = configured(dir.path(), "appendonly no\ndatabases 1\n");
    assert_refused(&dump.path(), dir.path(), &options, "databases");
    fs::copy(dump.path(), dir.path().join("dump.rdb")).expect("a copy");
    assert!(servers::start(&spec, dir.path(), &["--databases", "1"]).is_err());
}

#[test]
fn a_root_owned_file_for_a_server_of_another_user() {
    let Some(spec) = spec() else { return };
    let dump = Dump::of(&spec, NEW);
    let dir = data_dir(&spec, Had::Dump);
    if dir.path().metadata().expect("facts").uid() != 0 {
        return;
    }
    std::os::unix::fs::chown(dir.path(), Some(12_345), Some(12_345)).expect("an owner");
    let options = configured(dir.path(), "appendonly no\n");
    assert_refused(&dump.path(), dir.path(), &options, "owner-mismatch");
    let options = RestoreOptions { owner: Some((12_345, 12_346)), ..options };
    restored(&dump.path(), dir.path(), &options).expect("restored");
    let facts = dir.path().join("dump.rdb").metadata().expect("facts");
    assert_eq!((facts.uid(), facts.gid(), facts.mode() & 0o077), (12_345, 12_346, 0o040));
    // In an empty folder they are the folder's.
    let empty = data_dir(&spec, Had::Nothing);
    std::os::unix::fs::chown(empty.path(), Some(12_347), Some(12_347)).expect("an owner");
    let options = configured(empty.path(), "appendonly yes\n");
    restored(&dump.path(), empty.path(), &options).expect("restored");
    for name in ["appendonlydir", "appendonlydir/appendonly.aof.manifest", "appendonlydir/appendonly.aof.1.base.rdb"] {
        assert_eq!(empty.path().join(name).metadata().expect("facts").uid(), 12_347, "{name}");
    }
}

#[test]
fn a_server_that_runs_there() {
    let Some(spec) = spec() else { return };
    let dump = Dump::of(&spec, NEW);
    for append_only in [true, false] {
        let dir = data_dir(&spec, Had::Both);
        let running = servers::start(&spec, dir.path(), setting(Some(append_only))).expect("a server");
        let options = RestoreOptions { append_only: Some(append_only), force: true, ..options(dir.path()) };
        assert_refused(&dump.path(), dir.path(), &options, "server-running");
        drop(running);
        restored(&dump.path(), dir.path(), &options).expect("it has been stopped");
    }
}

#[test]
fn something_answers_where_the_server_listens() {
    let Some(spec) = spec() else { return };
    let dump = Dump::of(&spec, NEW);
    let dir = data_dir(&spec, Had::Dump);
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let options = configured(dir.path(), &format!("port {port}\n"));
    assert_refused(&dump.path(), dir.path(), &options, "server-answers");
    let socket = std::os::unix::net::UnixListener::bind(dir.path().join("s")).expect("a socket");
    let options = configured(dir.path(), "port 0\nunixsocket s\n");
    let plan = plan(&incoming(&dump.path()), Known::Nothing, dir.path(), &options).expect("a plan");
    assert_eq!(plan.refused.iter().map(|one| one.kind).collect::<Vec<_>>(), ["server-answers"]);
    drop(socket);
}

#[test]
fn a_hundred_of_a_thousand_keys_have_expired() {
    let Some(spec) = spec() else { return };
    let mut writer = Builder::redis(10);
    writer.select(0);
    for number in 0..1000u32 {
        if number % 10 == 0 {
            writer.expires(1_700_000_000_000);
        }
        writer.string(format!("key:{number}").as_bytes(), b"v");
    }
    let source = tempfile::tempdir().expect("a folder");
    let file = source.path().join("x.rdb");
    fs::write(&file, writer.finish()).expect("a dump");
    for append_only in [false, true] {
        let dir = data_dir(&spec, Had::Nothing);
        let options = RestoreOptions { append_only: Some(append_only), ..options(dir.path()) };
        let (plan, _) = restored(&file, dir.path(), &options).expect("restored");
        assert_eq!(plan.expected, Some([(0, 900)].into()));
        assert_eq!(plan.expired, [(0, 100)].into());
        let running = servers::start(&spec, dir.path(), setting(Some(append_only))).expect("a server");
        let size = || redis::cmd("DBSIZE").query::<u64>(&mut running.connection()).expect("a size");
        // From the base of an append-only file they come, and go a little later.
        let settled = (0..200).any(|_| {
            std::thread::sleep(std::time::Duration::from_millis(20));
            size() == 900
        });
        assert!(settled, "{append_only}: {}", size());
    }
}

#[test]
fn the_mark_of_a_replication_stream() {
    let Some(spec) = spec() else { return };
    let dump = Dump::of(&spec, NEW);
    let marked = dump.folder.path().join("marked.rdb");
    fs::write(&marked, [dump.bytes(), b"0123456789abcdef0123456789abcdef01234567".to_vec()].concat()).expect("a dump");
    let dir = data_dir(&spec, Had::Aof);
    // As the base of an append-only file a server refuses it.
    fs::copy(&marked, dir.path().join("appendonlydir/appendonly.aof.1.base.rdb")).expect("a copy");
    assert_eq!(found_on_copy(&spec, dir.path(), Some(true)), Found::Refused);
    let options = RestoreOptions { append_only: Some(true), ..options(dir.path()) };
    let (_, restored) = restored(&marked, dir.path(), &options).expect("restored");
    assert!(restored.warnings.iter().any(|warning| warning.contains("40-byte mark")), "{:?}", restored.warnings);
    assert_eq!(found(&spec, dir.path(), Some(true)), Found::New);
}

#[test]
fn a_replica_a_sentinel_and_another_folder_are_refused_at_once() {
    let Some(spec) = spec() else { return };
    let dump = Dump::of(&spec, NEW);
    let dir = data_dir(&spec, Had::Dump);
    fs::write(dir.path().join("more.conf"), "replicaof 192.0.2.1 6379\n").expect("a file");
    fs::write(dir.path().join("sentinel.conf"), "sentinel monitor m 192.0.2.1 6379 2\n").expect("a file");
    let options = configured(dir.path(), "port 0\ndir /tmp\ninclude more.conf\nrdbchecksum no\n");
    let before = listing(dir.path());
    let plan = plan(&incoming(&dump.path()), Known::Nothing, dir.path(), &options).expect("a plan");
    assert_eq!(plan.refused.iter().map(|one| one.kind).collect::<Vec<_>>(), ["replica", "sentinel", "other-folder"]);
    assert!(plan.refused.iter().all(|one| one.can_be_forced));
    assert!(plan.warnings.iter().any(|warning| warning.contains("rdbchecksum no")), "{:?}", plan.warnings);
    assert_eq!(before, listing(dir.path()));
    restored(&dump.path(), dir.path(), &RestoreOptions { force: true, ..options }).expect("forced");
    assert_eq!(found(&spec, dir.path(), None), Found::New);
}

#[test]
fn links_and_things_of_another_sort_are_refused() {
    let Some(spec) = spec() else { return };
    let dump = Dump::of(&spec, NEW);
    let dir = data_dir(&spec, Had::Dump);
    fs::rename(dir.path().join("dump.rdb"), dir.path().join("away")).expect("it moves");
    std::os::unix::fs::symlink("away", dir.path().join("dump.rdb")).expect("a link");
    fs::write(dir.path().join("appendonlydir"), "").expect("a file");
    let options = options(dir.path());
    assert_refused(&dump.path(), dir.path(), &options, "link");
    fs::remove_file(dir.path().join("dump.rdb")).expect("it goes");
    assert_refused(&dump.path(), dir.path(), &options, "place");
}

#[test]
fn an_append_only_file_where_the_server_would_not_look_at_it() {
    let Some(spec) = spec() else { return };
    let source = data_dir(&spec, Had::Aof);
    let dir = data_dir(&spec, Had::Dump);
    let source = source.path().join("appendonlydir");
    assert_refused(&source, dir.path(), &configured(dir.path(), "appendonly no\n"), "append-only");
    fs::remove_file(dir.path().join("redis.conf")).expect("it goes");
    assert_refused(&source, dir.path(), &options(dir.path()), "append-only");
}

#[test]
fn other_bytes_than_were_backed_up() {
    let Some(spec) = spec() else { return };
    let dump = Dump::of(&spec, NEW);
    let dir = data_dir(&spec, Had::Dump);
    let before = listing(dir.path());
    let options = options(dir.path());
    let bytes = dump.bytes().len() as u64;
    let sha256 = |options: &RestoreOptions, sha256: &str, keys: u64| {
        let mut incoming = incoming(&dump.path());
        let expected = restore::Expected { raw_bytes: bytes, raw_sha256: sha256.to_owned(), keys };
        incoming.files[0].expected = Some(expected);
        restore::stage(&incoming, dir.path(), options).map(drop)
    };
    let sum = Command::new("sha256sum").arg(dump.path()).output().expect("sha256sum");
    let right = String::from_utf8_lossy(&sum.stdout).split(' ').next().expect("a hash").to_owned();
    let error = sha256(&options, &"0".repeat(64), 51).expect_err("another hash");
    assert!(matches!(error.kind(), ErrorKind::HashMismatch { .. }), "{error}");
    let error = sha256(&options, &right, 50).expect_err("another number of keys");
    assert!(matches!(error.kind(), ErrorKind::Damaged { .. }), "{error}");
    sha256(&options, &right, 51).expect("the right ones");
    assert_eq!(before, listing(dir.path()));
}

#[test]
fn only_where_a_server_would_start_empty() {
    let Some(spec) = spec() else { return };
    let dump = Dump::of(&spec, NEW);
    let source = dump.path();
    let run = |dir: &Path, more: &[&str]| {
        let mut arguments = vec!["restore", source.to_str().expect("a path"), "--to", dir.to_str().expect("a path")];
        arguments.extend(more);
        program(&arguments).output().expect("the program")
    };
    for had in [Had::Dump, Had::Aof, Had::Both] {
        let dir = data_dir(&spec, had);
        let before = listing(dir.path());
        let output = run(dir.path(), &["--if-empty"]);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success() && text.lines().count() == 1 && text.contains("holds data already"), "{text}");
        assert_eq!(before, listing(dir.path()));
    }
    // As an init container finds it, and after a server was started there without anything.
    let dir = data_dir(&spec, Had::Nothing);
    drop(servers::start(&spec, dir.path(), setting(Some(true))).expect("a server"));
    assert!(dir.path().join("appendonlydir").is_dir());
    for _ in 0..2 {
        let output = run(dir.path(), &["--if-empty", "--appendonly", "yes"]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(found_on_copy(&spec, dir.path(), Some(true)), Found::New);
    }
    // A dump that the server would not load is no empty folder.
    let dir = data_dir(&spec, Had::Dump);
    let options = configured(dir.path(), "appendonly yes\n");
    let error = would_load(dir.path(), &options.config, &options).expect_err("refused");
    assert!(error.to_string().contains("would start empty"), "{error}");
}

#[test]
fn a_plan_changes_nothing_and_a_pipe_is_read() {
    let Some(spec) = spec() else { return };
    let dump = Dump::of(&spec, NEW);
    let dir = data_dir(&spec, Had::Both);
    let before = listing(dir.path());
    let run = |more: &[&str]| {
        let mut arguments = vec!["restore", "-", "--to", dir.path().to_str().expect("a path"), "--appendonly", "yes"];
        arguments.extend(more);
        let mut child = program(&arguments).stdin(Stdio::piped()).spawn().expect("the program");
        child.stdin.take().expect("a pipe").write_all(&dump.bytes()).expect("it reads");
        let output = child.wait_with_output().expect("it ends");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice::<serde_json::Value>(&output.stdout).expect("JSON")
    };
    let planned = run(&["--plan", "--format", "json"]);
    assert_eq!(before, listing(dir.path()));
    assert_eq!(planned["outcome"], "planned");
    let done = run(&["--format", "json"]);
    assert_eq!(done["outcome"], "restored");
    let actions = |report: &serde_json::Value| {
        let steps = report["plan"].as_array().expect("steps").iter();
        steps
            .map(|step| {
                step["action"].as_str().expect("words").split(", pre-restore").next().expect("words").to_owned()
            })
            .collect::<Vec<_>>()
    };
    assert_eq!(actions(&planned), actions(&done));
    assert_eq!(done["expected_keys"], serde_json::json!({"0": NEW.1, "1": 1}));
    assert_eq!(found_on_copy(&spec, dir.path(), Some(true)), Found::New);
    let names: Vec<_> =
        fs::read_dir(dir.path()).expect("a folder").map(|entry| entry.expect("an entry").file_name()).collect();
    assert!(names.iter().all(|name| !name.to_string_lossy().starts_with(".rediscover")), "{names:?}");
}

#[test]
fn two_at_once_do_not_meet() {
    let Some(spec) = spec() else { return };
    let dump = Dump::of(&spec, NEW);
    let dir = data_dir(&spec, Had::Dump);
    let options = options(dir.path());
    let incoming = incoming(&dump.path());
    let staged = restore::stage(&incoming, dir.path(), &options).expect("staged");
    let other = restore::stage(&incoming, dir.path(), &options).map(drop).expect_err("one at a time");
    assert!(matches!(other.kind(), ErrorKind::Locked { .. }), "{other}");
    let recovered = restore::recover(dir.path(), &options).expect_err("it is at work");
    assert!(matches!(recovered.kind(), ErrorKind::Locked { .. }), "{recovered}");
    drop(staged);
    assert!(!dir.path().join(".rediscover-restore").exists());
}
