//! A real server of S3: `SeaweedFS`.

use super::{command, put_new};
use crate::backup::{Desk, age_key, all, code};
use crate::support::bucket::KEY_ID;
use crate::support::conformance::{conforms, get, noise};
use crate::support::keyspace;
use crate::support::keyspaces::{Abilities, fill};
use crate::support::servers::{self, ServerSpec};
use crate::support::weed::Weed;
use rediscover::base::{Error, ErrorKind, UnixMs};
use rediscover::store::Store;
use rediscover::store::s3::{S3Address, S3Store};
use std::fs;
use std::process::Output;
use std::sync::Barrier;

/// Two stores of their own put bytes of this length under one name at once.
fn race(weed: &Weed, address: &S3Address, name: &str, length: usize) -> Vec<Result<(), Error>> {
    let ready = Barrier::new(2);
    std::thread::scope(|scope| {
        let write = |who: u64| {
            let ready = &ready;
            let store = S3Store::connect(address, &weed.options()).expect("a store");
            scope.spawn(move || {
                let bytes = noise(who, length);
                ready.wait();
                put_new(&store, name, &bytes)
            })
        };
        let writers = [write(0), write(1)];
        writers.into_iter().map(|writer| writer.join().expect("a writer")).collect()
    })
}

#[test]
fn a_real_server_conforms_refuses_strangers_and_lets_one_of_two_writers_win() {
    let Some(weed) = Weed::start() else { return };
    let address = S3Address::parse("s3://backups/team/prod").expect("an address");
    let store = S3Store::connect(&address, &weed.options()).expect("a store");
    conforms(&store);
    let mut options = weed.options();
    options.credentials.as_mut().expect("credentials").secret = "another".to_owned();
    let refused = S3Store::connect(&address, &options).expect_err("a wrong secret");
    assert!(refused.to_string().contains("secret key is wrong"), "{refused}");
    // What makes a backup one is a manifest, which is put in one request: of two, one wins.
    for round in 0..20 {
        let name = format!("two/{round}");
        let won = race(&weed, &address, &name, 2000);
        let winner = won.iter().position(Result::is_ok).unwrap_or_else(|| panic!("nobody wins: {won:?}"));
        let lost = won[1 - winner].as_ref().expect_err("one loses");
        assert!(matches!(lost.kind(), ErrorKind::Exists { .. }), "{lost}");
        assert!(get(&store, &name, None) == noise(winner as u64, 2000));
    }
    // The end of an upload in parts is another matter: this server looks, and then writes. Whatever it answers, an object
    // is one writer's, whole; and what is there when a writer begins is not replaced.
    for round in 0..3 {
        let name = format!("parts/{round}");
        let won = race(&weed, &address, &name, 6 << 20);
        for lost in won.iter().filter_map(|won| won.as_ref().err()) {
            assert!(matches!(lost.kind(), ErrorKind::Exists { .. }), "{lost}");
        }
        let found = get(&store, &name, None);
        assert!((0..2).any(|who| found == noise(who, 6 << 20)), "{won:?}");
        let late = put_new(&store, &name, &noise(9, 6 << 20)).expect_err("it is there");
        assert!(matches!(late.kind(), ErrorKind::Exists { .. }), "{late}");
        assert!(get(&store, &name, None) == found);
    }
    assert_eq!(store.sweep("", UnixMs(i64::MAX)).expect("sweep"), 0);
}

/// From a live server into a bucket and back.
#[test]
fn lost_and_restored_from_a_real_bucket() {
    let (Some(weed), Some(spec)) = (Weed::start(), ServerSpec::named("redis-7.0")) else { return };
    let desk = Desk::new();
    let (identity, recipient) = age_key(&desk);
    let identity = identity.to_str().expect("text");
    let run = |arguments: &[&str]| -> Output {
        let repo = [arguments, &["--s3-endpoint", &weed.endpoint, "--s3-path-style"]].concat();
        command(&desk, &repo, "s3://backups/team/prod").output().expect("the program starts")
    };
    let succeeds = |arguments: &[&str]| {
        let output = run(arguments);
        assert_eq!(code(&output), 0, "{arguments:?}: {}", all(&output));
        all(&output)
    };
    let data = desk.path("data");
    fs::create_dir(&data).expect("a folder");
    let start = || {
        let setting = ["--repl-diskless-sync-delay", "0"];
        servers::start(&spec, &data, &setting).unwrap_or_else(|refused| panic!("{}", refused.log))
    };
    let mut running = start();
    fill(&mut running.connection(), 1500, Abilities::of(&spec));
    let wanted = keyspace::live(&mut running.connection()).values_only();
    let source = format!("unix://{}", running.socket().display());
    for _ in 0..2 {
        succeeds(&["backup", "create", &source, "--instance", "prod", "--recipient", &recipient]);
    }
    running.kill().expect("killed");
    let said = succeeds(&["backup", "list"]);
    assert_eq!(said.matches("good").count(), 2, "{said}");
    succeeds(&["backup", "verify", "--all", "--level", "full", "--identity", identity]);
    succeeds(&["backup", "prune", "--keep-last", "1", "--apply"]);
    assert_eq!(succeeds(&["backup", "list"]).matches("good").count(), 1);
    fs::remove_dir_all(&data).expect("removed");
    fs::create_dir(&data).expect("a folder");
    succeeds(&[
        "restore",
        "s3://backups/team/prod::prod/latest",
        "--to",
        "data",
        "--appendonly",
        "no",
        "--identity",
        identity,
    ]);
    let again = start();
    keyspace::assert_equal("from a bucket", &keyspace::live(&mut again.connection()).values_only(), &wanted);

    for (id, secret) in [(KEY_ID, "another"), ("AKIANOBODY", "x")] {
        let arguments = ["backup", "list", "--s3-endpoint", &weed.endpoint, "--s3-path-style"];
        let mut stranger = command(&desk, &arguments, "s3://backups/team/prod");
        let output = stranger.env("AWS_ACCESS_KEY_ID", id).env("AWS_SECRET_ACCESS_KEY", secret).output();
        let output = output.expect("the program starts");
        assert_eq!(code(&output), 1, "{}", all(&output));
        assert!(!all(&output).contains(secret) || secret == "x", "{}", all(&output));
    }
}

#[test]
fn what_is_locked_stays_and_prune_says_until_when() {
    let Some(weed) = Weed::start() else { return };
    let desk = Desk::new();
    desk.write("dump.rdb", &crate::backup::dump(20, 1));
    let run = |more: &[&str], arguments: &[&str]| -> Output {
        let all = [arguments, &["--s3-endpoint", &weed.endpoint, "--s3-path-style"], more].concat();
        command(&desk, &all, "s3://locked/prod").output().expect("the program starts")
    };
    let lock = ["--s3-lock", "compliance:1h"];
    for _ in 0..3 {
        let made = run(&lock, &["backup", "create", "dump.rdb", "--instance", "prod"]);
        assert_eq!(code(&made), 0, "{}", all(&made));
    }
    for more in [&[][..], &["--s3-delete-versions"], &lock] {
        let pruned = run(more, &["backup", "prune", "--keep-last", "1", "--apply", "--format", "json"]);
        assert_eq!(code(&pruned), 5, "{}", all(&pruned));
        let report: serde_json::Value = serde_json::from_slice(&pruned.stdout).expect("a report");
        let failed = report["failed"].as_array().expect("a list");
        assert_eq!((failed.len(), report["removed"].as_array().map(Vec::len)), (2, Some(0)), "{report:#}");
        for one in failed {
            assert!(one["locked_until"].as_str().is_some_and(|until| until.starts_with("20")), "{report:#}");
        }
        let listed = run(&[], &["backup", "list"]);
        assert_eq!(all(&listed).matches("good").count(), 3, "{}", all(&listed));
        // The lock of prune itself went.
        let unlocked = run(&[], &["backup", "unlock", "--format", "json"]);
        let report: serde_json::Value = serde_json::from_slice(&unlocked.stdout).expect("a report");
        assert_eq!(report["removed"].as_array().map(Vec::len), Some(0), "{report:#}");
    }
}
