//! Five instances, one in each state: `backup status` names them, with no metrics file and no cron.

use super::{Desk, all, code, dump, settled};
use std::fs::File;
use std::time::{Duration, SystemTime};

#[test]
fn each_of_five_instances_is_told_as_what_it_is() {
    let desk = Desk::new();
    let whole = desk.write("whole.rdb", &dump(20, 1));
    desk.good(&whole, "fresh", &[]);
    desk.good(&whole, "forgotten", &[]);
    // Taken long ago: adopted with the clock of its server.
    let old = desk.run(&["backup", "import", "whole.rdb", "--instance", "stale"]);
    assert_eq!(code(&old), 0, "{}", all(&old));
    desk.good(&whole, "hurt", &[]);
    let bytes = dump(20, 2);
    desk.write("cut.rdb", &bytes[..bytes.len() / 2]);
    assert_eq!(code(&desk.run(&["backup", "create", "cut.rdb", "--instance", "hurt"])), 3);

    let mut arguments = vec!["backup", "status", "--max-age", "26h"];
    for instance in ["fresh", "stale", "hurt", "lost"] {
        arguments.extend(["--expect", instance]);
    }
    let (exit, report) = desk.json(&arguments);
    assert_eq!(exit, 4, "{report:#}");
    let states: Vec<(&str, &str)> = report["instances"]
        .as_array()
        .expect("instances")
        .iter()
        .map(|one| (one["instance"].as_str().expect("a name"), one["state"].as_str().expect("a state")))
        .collect();
    let expected =
        [("hurt", "damaged"), ("lost", "never"), ("stale", "stale"), ("forgotten", "unconfigured"), ("fresh", "ok")];
    assert_eq!(states, expected, "{report:#}");
    assert_eq!(report["exit"]["reasons"].as_array().map(Vec::len), Some(4), "{report:#}");
    // The newest good one is still there, behind the damaged one.
    assert!(report["instances"][0]["newest"]["name"].as_str().expect("a name").starts_with("hurt/"), "{report:#}");

    let text = settled(&all(&desk.run(&arguments)));
    let ages = regex::Regex::new(r" +[\d,]+ (s|min|h|d)\b|\b\d+ (s|min|h|d) old").expect("a pattern");
    insta::assert_snapshot!("status", ages.replace_all(&text, " AGE"));

    let (exit, report) = desk.json(&["backup", "status", "--expect", "fresh"]);
    assert_eq!(exit, 4, "{report:#}");
}

#[test]
fn one_that_is_fresh_and_verified_is_ok() {
    let desk = Desk::new();
    let name = desk.good(&desk.write("whole.rdb", &dump(20, 1)), "prod", &[]);
    assert_eq!(code(&desk.run(&["backup", "status", "--max-unverified", "7d"])), 0);
    assert_eq!(code(&desk.run(&["backup", "status", "--max-age", "0s"])), 4, "older than nothing");
    // What verify finds, status tells without reading a payload.
    std::fs::write(desk.repo().join(&name).join("dump.rdb.zst"), b"other bytes").expect("written");
    assert_eq!(code(&desk.run(&["backup", "status"])), 0, "it reads manifests only");
    assert_eq!(code(&desk.run(&["backup", "verify", &name])), 3);
    let (exit, report) = desk.json(&["backup", "status"]);
    assert_eq!((exit, &report["instances"][0]["state"]), (4, &"damaged".into()), "{report:#}");
}

#[test]
fn nothing_at_all_is_not_ok() {
    let desk = Desk::new();
    let output = desk.run(&["backup", "status"]);
    assert_eq!(code(&output), 1, "there is no repository: {}", all(&output));
    desk.good(&desk.write("whole.rdb", &dump(20, 1)), "prod", &[]);
    let folder = desk.repo().join("prod");
    std::fs::remove_dir_all(folder).expect("removed");
    let output = desk.run(&["backup", "status"]);
    assert_eq!(code(&output), 4, "{}", all(&output));
}

#[test]
fn a_backup_of_the_future_does_not_make_an_instance_fresh() {
    let desk = Desk::new();
    let path = desk.write("whole.rdb", b"REDIS0011\xff\0\0\0\0\0\0\0\0");
    let week = Duration::from_hours(7 * 24);
    File::options()
        .write(true)
        .open(&path)
        .and_then(|file| file.set_modified(SystemTime::now() + week))
        .expect("a time");
    let (exit, report) = desk.json(&["backup", "import", "whole.rdb", "--instance", "prod"]);
    assert_eq!(exit, 0, "{report:#}");
    assert_eq!(report["files"][0]["dated_by"], "mtime");
    assert_eq!(code(&desk.run(&["backup", "status"])), 0, "it is dated now, at the latest");
}
