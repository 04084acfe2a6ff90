//! Logs cut at a moment when the server's keyspace was known: a server that loads the rest has to have that keyspace.

use crate::support::keyspace::{assert_equal, live};
use crate::support::servers::{self, ServerSpec};
use crate::support::workload::{self, Pause};
use std::fs;
use std::process::Command;

/// Copies the folder of a pause and cuts its last file by hand.
fn cut_by_hand(pause: &Pause) -> tempfile::TempDir {
    let cut = tempfile::tempdir().expect("a temporary folder");
    let folder = cut.path().join("appendonlydir");
    fs::create_dir(&folder).expect("a folder");
    for file in fs::read_dir(pause.folder()).expect("the pause's folder") {
        let file = file.expect("a file");
        fs::copy(file.path(), folder.join(file.file_name())).expect("a file that can be copied");
    }
    let file = fs::File::options().write(true).open(folder.join(&pause.file)).expect("the last file");
    assert!(file.metadata().expect("its size").len() > pause.size, "nothing comes after the pause");
    file.set_len(pause.size).expect("a file that can be cut");
    cut
}

/// Where the server's own tool cuts the last file to have what was there at the pause.
fn cut_by_time(spec: &ServerSpec, pause: &Pause) -> u64 {
    let scratch = tempfile::tempdir().expect("a temporary folder");
    let file = scratch.path().join(&pause.file);
    fs::copy(pause.folder().join(&pause.file), &file).expect("a file that can be copied");
    let mut command = Command::new(spec.program("check-aof"));
    let seconds = (pause.at / 1000).to_string();
    let output = command.args(["--truncate-to-timestamp", &seconds]).arg(&file).output().expect("the tool runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    fs::metadata(&file).expect("its size").len()
}

fn cut_logs_hold_what_was_there(server: &str, seed: u64) {
    let Some(spec) = ServerSpec::named(server) else { return };
    let dir = tempfile::tempdir().expect("a temporary folder");
    let recorded = workload::run(&workload::start(&spec, dir.path(), seed), seed, 100);
    for (number, pause) in recorded.pauses.into_iter().enumerate() {
        let about = format!("{server} seed {seed} pause {number}: {} at {}", pause.file, pause.size);
        if workload::has_timestamps(seed) {
            assert_eq!(cut_by_time(&spec, &pause), pause.size, "{about}");
        }
        let cut = cut_by_hand(&pause);
        let loaded = servers::start(&spec, cut.path(), &workload::arguments(seed));
        let loaded = loaded.unwrap_or_else(|refused| panic!("{about}\n{}", refused.log));
        let theirs = workload::settled(live(&mut loaded.connection()), server, seed);
        assert_equal(&about, &workload::settled(pause.keyspace, server, seed), &theirs);
    }
}

#[test]
fn redis_7_0() {
    cut_logs_hold_what_was_there("redis-7.0", 1);
}

#[test]
fn redis_8_6() {
    cut_logs_hold_what_was_there("redis-8.6", 2);
}

#[test]
fn valkey_9_1() {
    cut_logs_hold_what_was_there("valkey-9.1", 3);
}
