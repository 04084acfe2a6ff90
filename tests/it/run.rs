//! `backup run`: five instances of which one fails, hooks, metrics, and what a signal leaves.

mod copies;
mod live;

use crate::support::program::{all, code, program, run, stderr, stdout};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

const DUMP: &[u8] = include_bytes!("../../fixtures/rdb/redis-8.0/all-types.rdb");

fn json(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).expect("a document")
}

/// A folder with a configuration and dumps `a.rdb` to `e.rdb`.
fn folder(more: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let mut text = "state = 'state'\n[repositories.local]\npath = 'repo'\n".to_owned();
    for name in ["a", "b", "c", "d", "e"] {
        text.push_str(&format!("[instances.{name}]\nsource = '{name}.rdb'\n"));
        fs::write(folder.path().join(format!("{name}.rdb")), DUMP).expect("a dump");
    }
    fs::write(folder.path().join("rediscover.toml"), text + more).expect("a file");
    folder
}

/// The samples of a file in the exposition format, in thousandths; each metric with HELP and TYPE before it.
fn samples(text: &str) -> BTreeMap<String, i64> {
    let mut samples = BTreeMap::new();
    let (mut helped, mut typed) = ("", "");
    assert!(text.ends_with('\n'), "the last line is whole");
    for line in text.lines() {
        if let Some(help) = line.strip_prefix("# HELP ") {
            helped = help.split(' ').next().unwrap_or_default();
        } else if let Some(ty) = line.strip_prefix("# TYPE ") {
            let (name, ty) = ty.split_once(' ').expect("a type");
            assert_eq!((name, ty), (helped, "gauge"));
            typed = name;
        } else {
            let (series, value) = line.rsplit_once(' ').expect("a sample");
            let (name, labels) = series.split_once('{').expect("labels");
            assert_eq!(name, typed, "after its TYPE");
            let letters = |c: char| c.is_ascii_lowercase() || c == '_';
            assert!(
                name.chars().all(letters) && labels.starts_with("instance=\"") && labels.ends_with("\"}"),
                "{line}"
            );
            let value: f64 = value.parse().expect("a number");
            #[allow(clippy::cast_possible_truncation, reason = "a time in milliseconds")]
            let old = samples.insert(series.replace("rediscover_backup_", ""), (value * 1000.0).round() as i64);
            assert_eq!(old, None, "{series} is there once");
        }
    }
    samples
}

fn metrics(folder: &Path) -> BTreeMap<String, i64> {
    samples(&fs::read_to_string(folder.join("x.prom")).expect("metrics"))
}

#[test]
fn one_that_fails_stops_no_other_and_all_that_is_said_is_its_line() {
    let folder = folder("verify = ['stored', 'full every 7d']\n[metrics]\ntextfile = 'x.prom'\n");
    let quiet = run(folder.path(), &["backup", "run", "@all", "-q"]);
    assert_eq!(code(&quiet), 0, "{}", all(&quiet));
    // The key that was made is a warning: -q is silent.
    assert_eq!((stdout(&quiet), stderr(&quiet)), (String::new(), String::new()));
    let before = metrics(folder.path());

    fs::remove_file(folder.path().join("c.rdb")).expect("removed");
    for parallel in ["1", "3"] {
        let quiet = run(folder.path(), &["backup", "run", "@all", "-q", "--parallel", parallel]);
        assert_eq!((code(&quiet), stdout(&quiet)), (5, String::new()), "{}", all(&quiet));
        let said = stderr(&quiet);
        assert!(said.starts_with("c: ") && said.lines().count() == 1 && said.contains("c.rdb: cannot open"), "{said}");
    }
    let after = metrics(folder.path());
    let at = |metrics: &BTreeMap<String, i64>, name: &str, instance: &str| {
        metrics.get(&format!("{name}{{instance=\"{instance}\"}}")).copied().expect("a sample")
    };
    for name in ["last_success_timestamp_seconds", "keys", "stored_bytes", "duration_seconds"] {
        assert_eq!(at(&before, name, "c"), at(&after, name, "c"), "{name}");
    }
    assert!(at(&after, "last_attempt_timestamp_seconds", "c") > at(&before, "last_attempt_timestamp_seconds", "c"));
    assert!(at(&after, "last_success_timestamp_seconds", "b") > at(&before, "last_success_timestamp_seconds", "b"));
    assert_eq!((at(&before, "last_exit_code", "c"), at(&after, "last_exit_code", "c")), (0, 1000));
    assert_eq!(at(&after, "last_exit_code", "b"), 0);
    assert!(at(&after, "newest_verified_timestamp_seconds", "e") > 1_000_000_000_000);
    let mode = fs::metadata(folder.path().join("x.prom")).expect("a file").permissions().mode();
    assert_eq!(mode & 0o777, 0o644);

    // A file that was lost comes back from the manifests.
    fs::remove_file(folder.path().join("x.prom")).expect("removed");
    run(folder.path(), &["backup", "run", "@a", "-q"]);
    let back = metrics(folder.path());
    assert_eq!(at(&back, "last_success_timestamp_seconds", "c"), at(&after, "last_success_timestamp_seconds", "c"));
    assert!(!back.contains_key("last_exit_code{instance=\"c\"}"), "what was tried is not known any more");
}

#[test]
fn the_report_says_what_was_done_with_each() {
    let folder = folder("retention = { keep_last = 2 }\n[hooks]\ntimeout = '5s'\n");
    let toml = fs::read_to_string(folder.path().join("rediscover.toml")).expect("a file");
    let toml = toml
        .replace("source = 'd.rdb'", "sorce = 'd.rdb'")
        .replace("[instances.a]", "[defaults]\nretention = { keep_last = 2 }\nverify = 'stored'\n[instances.a]");
    fs::write(folder.path().join("rediscover.toml"), toml).expect("a file");
    fs::write(folder.path().join("b.rdb"), &DUMP[..DUMP.len() - 20]).expect("a dump");
    for round in 0..3 {
        let output = run(folder.path(), &["backup", "run", "@all", "--format", "json"]);
        // One is written wrongly: 2 goes before 3.
        assert_eq!(code(&output), 2, "{}", all(&output));
        let report = json(&output.stdout);
        assert_eq!(report["schema"], "rediscover/backup-run/v1");
        let codes: Vec<_> =
            report["instances"].as_array().expect("a list").iter().map(|one| one["code"].as_u64()).collect();
        assert_eq!(codes, [0, 3, 0, 2, 0].map(Some), "{report}");
        let steps = |at: usize| -> Vec<String> {
            let steps = report["instances"][at]["steps"].as_array().expect("a list");
            steps.iter().map(|step| format!("{} {}", step["step"], step["outcome"]).replace('"', "")).collect()
        };
        assert_eq!(steps(0), ["create done", "verify done", "prune done"]);
        assert_eq!(steps(1), ["create done", "verify skipped", "prune skipped"]);
        assert_eq!(steps(3), ["config failed"]);
        let pruned = if round < 2 { "0 pruned" } else { "1 pruned" };
        assert_eq!(report["instances"][0]["steps"][2]["detail"], pruned);
    }
    let list = run(folder.path(), &["backup", "list", "--repo", "repo", "--state", "state", "--format", "json"]);
    let backups = json(&list.stdout)["backups"].as_array().expect("a list").clone();
    let of = |instance: &str| backups.iter().filter(|one| one["instance"] == instance).count();
    assert_eq!((of("a"), of("b"), of("d"), of("e")), (2, 3, 0, 2), "no damaged one goes, and none pushes out");
    let verified =
        run(folder.path(), &["backup", "verify", "--all", "--repo", "repo", "--state", "state", "--instance", "a"]);
    assert_eq!(code(&verified), 0, "{}", all(&verified));
}

#[test]
fn status_knows_who_is_configured() {
    let folder = folder("tags = ['last']\nmax_age = '1ms'\n");
    assert_eq!(code(&run(folder.path(), &["backup", "run", "@a", "@b", "@e", "-q"])), 0);
    let toml = fs::read_to_string(folder.path().join("rediscover.toml")).expect("a file");
    fs::write(folder.path().join("rediscover.toml"), toml.replace("[instances.b]", "[instances.f]")).expect("a file");
    let states = |arguments: &[&str]| {
        let mut line = vec!["backup", "status", "--format", "json"];
        line.extend(arguments);
        let output = run(folder.path(), &line);
        let report = json(&output.stdout);
        let rows = report["instances"].as_array().expect("rows");
        let states = rows.iter().map(|row| format!("{} {}", row["instance"], row["state"]).replace('"', ""));
        (code(&output), states.collect::<Vec<_>>())
    };
    let (exit, rows) = states(&["@all"]);
    assert_eq!(exit, 4);
    assert_eq!(rows, ["c never", "d never", "f never", "e stale", "b unconfigured", "a ok"]);
    assert_eq!(states(&["@a"]), (0, vec!["a ok".to_owned()]));
    assert_eq!(states(&["@tag:last", "--max-age", "1h"]), (0, vec!["e ok".to_owned()]));
    assert_eq!(code(&run(folder.path(), &["backup", "status", "@g"])), 2);
}

const HOOKS: &str = "[hooks]
before = ['sh', '-c', 'test $REDISCOVER_INSTANCE != d']
after = ['sh', '-c', 'echo after $REDISCOVER_INSTANCE $REDISCOVER_STATUS $REDISCOVER_BACKUP >> log; test $REDISCOVER_INSTANCE != e']
on_failure = ['sh', '-c', 'echo failed $REDISCOVER_INSTANCE $REDISCOVER_STATUS $REDISCOVER_REASON \"[$REDISCLI_AUTH]\" >> log']
timeout = '10s'
";

#[test]
fn hooks_are_told_what_happened_and_no_password() {
    let folder = folder(HOOKS);
    fs::remove_file(folder.path().join("c.rdb")).expect("removed");
    fs::write(folder.path().join("b.rdb"), &DUMP[..100]).expect("a dump");
    let output = program(folder.path(), &["backup", "run", "@all", "-q"])
        .env("REDISCLI_AUTH", "hunter2")
        .output()
        .expect("runs");
    assert_eq!(code(&output), 3, "{}", all(&output));
    let log = fs::read_to_string(folder.path().join("log")).expect("hooks ran");
    let lines: Vec<&str> = log.lines().collect();
    assert!(lines[0].starts_with("after a good a/2"), "{log}");
    assert!(lines[1].starts_with("failed b damaged kept as damaged"), "{log}");
    assert!(lines[2].starts_with("failed c failed ") && lines[2].contains("cannot open"), "{log}");
    assert!(lines[3].starts_with("failed d failed hook before: "), "{log}");
    assert!(lines[4].starts_with("after e good e/2") && lines.len() == 5, "{log}");
    assert!(!log.contains("hunter2") && lines[1].ends_with("[]"), "{log}");
    let said = stderr(&output);
    let of = |name: &str| said.lines().find(|line| line.starts_with(name)).expect("a line");
    assert_eq!(said.lines().count(), 4, "{said}");
    assert!(of("d: ").contains("hook before") && of("e: ").contains("hook after"), "{said}");
}

#[test]
fn a_hook_that_hangs_is_ended_with_all_it_started() {
    let folder = folder("[hooks]\nbefore = ['sh', '-c', 'sleep 600 & echo $! > pid; wait']\ntimeout = '300ms'\n");
    let output = run(folder.path(), &["backup", "run", "@a"]);
    assert_eq!(code(&output), 5);
    assert!(stderr(&output).contains("took longer"), "{}", all(&output));
    let pid = fs::read_to_string(folder.path().join("pid")).expect("it ran");
    let has_ended = || {
        let stat = fs::read_to_string(format!("/proc/{}/stat", pid.trim()));
        stat.is_err() || stat.is_ok_and(|stat| stat.contains(") Z "))
    };
    // It has its signal; a busy machine may not have ended it yet.
    let ended = (0..500).any(|_| {
        std::thread::sleep(std::time::Duration::from_millis(20));
        has_ended()
    });
    assert!(ended, "its child goes on");
}

#[test]
fn logs_name_the_instance_and_the_step() {
    let folder = folder("");
    fs::remove_file(folder.path().join("b.rdb")).expect("removed");
    let output = run(folder.path(), &["backup", "run", "@a", "@b", "-v", "--log-format", "json", "--log-file", "log"]);
    assert_eq!(code(&output), 5);
    let text = fs::read_to_string(folder.path().join("log")).expect("a log");
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert!(
        lines.iter().any(|line| line["instance"] == "a" && line["step"] == "create" && line["level"] == "info"),
        "{text}"
    );
    let failed = lines.iter().find(|line| line["instance"] == "b" && line["level"] == "error").expect("a failure");
    assert!(failed["step"] == "create" && failed["message"].as_str().is_some_and(|text| text.contains("cannot open")));
    assert!(stderr(&output).lines().all(|line| serde_json::from_str::<Value>(line).is_ok()), "{}", stderr(&output));
    let quiet = run(folder.path(), &["backup", "run", "@b", "-q", "--log-format", "json"]);
    assert!(stderr(&quiet).lines().all(|line| serde_json::from_str::<Value>(line).is_ok()), "{}", stderr(&quiet));
}

#[test]
fn sigterm_ends_a_hook_too() {
    let folder = folder("[hooks]\nbefore = ['sh', '-c', 'sleep 600 & echo $! > pid.tmp; mv pid.tmp pid; wait']\n");
    let child = program(folder.path(), &["backup", "run", "@a", "-q"]).spawn().expect("the program starts");
    let pid = folder.path().join("pid");
    while !pid.exists() {
        std::thread::sleep(Duration::from_millis(10));
    }
    let process = i32::try_from(child.id()).ok().and_then(rustix::process::Pid::from_raw).expect("a process");
    rustix::process::kill_process(process, rustix::process::Signal::TERM).expect("told");
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(code(&output), 143, "{}", all(&output));
    let stat = fs::read_to_string(format!("/proc/{}/stat", fs::read_to_string(pid).expect("a number").trim()));
    assert!(stat.is_err() || stat.is_ok_and(|stat| stat.contains(") Z ")), "its child goes on");
}

/// Every file below a folder.
fn files(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path.display().to_string()) }
    }
    found
}

#[test]
fn sigterm_leaves_nothing_half_written_and_no_lock() {
    let folder = folder("[metrics]\ntextfile = 'x.prom'\n");
    // A source that says nothing: the run stands in the middle of `create` until it is told to end.
    let fifo = folder.path().join("c.rdb");
    fs::remove_file(&fifo).expect("removed");
    let made = std::process::Command::new("mkfifo").arg(&fifo).status().expect("mkfifo");
    assert!(made.success());
    let child = program(folder.path(), &["backup", "run", "@all", "-q"]).spawn().expect("the program starts");
    let mut writer = fs::OpenOptions::new().write(true).open(&fifo).expect("somebody reads");
    std::io::Write::write_all(&mut writer, &DUMP[..200]).expect("written");
    let pid = i32::try_from(child.id()).ok().and_then(rustix::process::Pid::from_raw).expect("a process");
    std::thread::sleep(Duration::from_millis(300));
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).expect("told");
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(code(&output), 143, "{}", all(&output));
    drop(writer);

    let left = files(&folder.path().join("repo"));
    assert!(left.iter().any(|file| file.contains("/a/") && file.ends_with("manifest.json")), "{left:?}");
    let of_c: Vec<_> = left.iter().filter(|file| file.contains("/c/")).collect();
    assert!(!of_c.iter().any(|file| file.ends_with("manifest.json")), "{of_c:?}");
    fs::remove_file(&fifo).expect("removed");
    fs::write(&fifo, DUMP).expect("a dump");
    let started = Instant::now();
    let again = run(folder.path(), &["backup", "run", "@all", "-q"]);
    assert_eq!((code(&again), stderr(&again)), (0, String::new()), "after {:?}", started.elapsed());
    let list = run(folder.path(), &["backup", "list", "--repo", "repo", "--state", "state", "--format", "json"]);
    let report = json(&list.stdout);
    assert_eq!(report["unreadable"].as_array().map(Vec::len), Some(0));
    assert!(report["backups"].as_array().expect("a list").iter().all(|one| one["status"] == "good"), "{report}");
    assert_eq!(metrics(folder.path())["last_exit_code{instance=\"c\"}"], 0);
}
