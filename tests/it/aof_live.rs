//! Logs cut at a moment when the server's keyspace was known: a server that loads the rest has to have that keyspace.

use crate::support::dumps::How;
use crate::support::keyspace::{assert_equal, live};
use crate::support::log;
use crate::support::servers::{self, ServerSpec};
use crate::support::workload::{self, Pause};
use rediscover::keyspace::Args;
use rediscover::keyspace::command::{Spec, lay_out};
use rediscover::source::Stream;
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

/// Cuts the folder of a pause as it was then.
fn cut_by_us(pause: &Pause) -> tempfile::TempDir {
    let cut = tempfile::tempdir().expect("a temporary folder");
    let size = fs::metadata(pause.folder().join(&pause.file)).expect("the last file").len();
    assert!(size > pause.size, "nothing comes after the pause");
    let output = Command::new(env!("CARGO_BIN_EXE_rediscover"))
        .args(["aof", "cut", "--file", &pause.file, "--at", &format!("offset:{}", pause.size), "-o"])
        .arg(cut.path().join("appendonlydir"))
        .arg(pause.folder())
        .output()
        .expect("it runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    cut
}

/// What `check` says of a folder.
fn check(folder: &Path) -> Value {
    let output = Command::new(env!("CARGO_BIN_EXE_rediscover"))
        .args(["check", "--format", "json"])
        .arg(folder)
        .output()
        .expect("it runs");
    let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    report["sources"][0].clone()
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
        let whole = check(&pause.folder());
        assert_eq!(
            (&whole["verdict"], &whole["server_loads"]["verdict"]),
            (&"intact".into(), &"yes".into()),
            "{whole}"
        );
        assert!(whole["log"]["by_command"].get("(unknown)").is_none(), "{whole}");
        let cut = cut_by_us(&pause);
        let loaded = servers::start(&spec, cut.path(), &workload::arguments(seed));
        let loaded = loaded.unwrap_or_else(|refused| panic!("{about}\n{}", refused.log));
        let theirs = workload::settled(live(&mut loaded.connection()), server, seed);
        assert_equal(&about, &workload::settled(pause.keyspace, server, seed), &theirs);
    }
}

/// Every command of a real log is known, takes its arguments, and touches the keys that its server says it does.
fn commands_are_as_their_server_says(server: &str, seed: u64) {
    let Some(spec) = ServerSpec::named(server) else { return };
    let dir = tempfile::tempdir().expect("a temporary folder");
    let running = workload::start(&spec, dir.path(), seed);
    let recorded = workload::run(&running, seed, 60);
    let mut connection = running.connection();
    let last = recorded.pauses.last().expect("a pause");
    let mut stream = Stream::from_reader("log", fs::File::open(last.folder().join(&last.file)).expect("the last file"));
    let rows = log::read(stream.as_mut().expect("it opens"), How::default());
    let (mut wrong, mut names, mut keyed) = (Vec::new(), BTreeSet::new(), 0);
    for row in &rows {
        let words = row.words();
        let said = words.iter().take(4).map(|word| word.escape_ascii().to_string()).collect::<Vec<_>>().join(" ");
        let (bytes, spans) = lay_out(&words);
        let args = Args::new(&bytes, &spans, spans.len() as u64);
        let Some(known) = Spec::lookup(&args) else {
            wrong.push(format!("{said}: not known"));
            continue;
        };
        names.insert(known.name);
        if !known.takes(args.count()) || row.name != Some(known.name) {
            wrong.push(format!("{said}: {:?}, arity {}", row.name, known.arity));
        }
        let mut ours = Vec::new();
        known.keys(&args, &mut ours);
        let ours: Vec<_> = ours.iter().filter_map(|key| args.whole(key.index)).map(<[u8]>::to_vec).collect();
        let mut ask = redis::cmd("COMMAND");
        words.iter().fold(ask.arg("GETKEYS"), |ask, word| ask.arg(*word));
        // A command without keys is an error there.
        let theirs: Vec<Vec<u8>> = ask.query(&mut connection).unwrap_or_default();
        keyed += usize::from(!theirs.is_empty());
        // GETKEYS refuses a PFMERGE with one key, which servers run.
        let refused = known.name == "pfmerge" && words.len() == 2 && theirs.is_empty();
        if ours != theirs && !refused {
            wrong.push(format!("{said}: we say {ours:?}, the server {theirs:?}"));
        }
    }
    assert!(wrong.is_empty(), "{server}: {}:\n{}", wrong.len(), wrong.join("\n"));
    assert!(names.len() > 50 && keyed > 300, "{server}: only {} commands, {keyed} with keys", names.len());
}

#[test]
fn keys_as_redis_7_0_says() {
    commands_are_as_their_server_says("redis-7.0", 5);
}

#[test]
fn keys_as_redis_8_6_says() {
    commands_are_as_their_server_says("redis-8.6", 6);
}

#[test]
fn keys_as_valkey_9_1_says() {
    commands_are_as_their_server_says("valkey-9.1", 7);
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
