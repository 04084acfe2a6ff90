//! `backup forget`: one backup goes by its name; and `backup restore`, which is `restore` with a repository.

use super::{Desk, all, code, dump};
use serde_json::Value;
use std::fs;

fn stocked(desk: &Desk, count: u64) -> Vec<String> {
    let one = |seed| desk.good(&desk.write("a.rdb", &dump(20, seed)), "prod", &[]);
    (0..count).map(one).collect()
}

fn names(report: &Value) -> Vec<&str> {
    report.as_array().expect("a list").iter().map(|one| one["name"].as_str().expect("a name")).collect()
}

#[test]
fn what_is_named_goes_and_nothing_else() {
    let desk = Desk::new();
    let backups = stocked(&desk, 3);
    let before = desk.objects();
    let (exit, plan) = desk.json(&["backup", "forget", &backups[1]]);
    assert_eq!((exit, names(&plan["removed"])), (0, vec![backups[1].as_str()]), "{plan:#}");
    assert_eq!(names(&plan["kept"]), [backups[0].as_str(), &backups[2]]);
    assert_eq!(plan["removed"][0]["reasons"], serde_json::json!(["forgotten by name"]));
    assert_eq!(desk.objects(), before, "without --apply nothing changes");

    let (exit, done) = desk.json(&["backup", "forget", &backups[1], "--apply"]);
    assert_eq!((exit, done["applied"].as_bool()), (0, Some(true)), "{done:#}");
    let left: Vec<String> = before.into_iter().filter(|object| !object.starts_with(&backups[1])).collect();
    let now: Vec<String> = desk.objects().into_iter().filter(|object| !object.contains("/pruned/")).collect();
    assert_eq!(now, left);
    // The gap is accounted for.
    let (exit, report) = desk.json(&["backup", "verify", "--all"]);
    assert_eq!((exit, report["chains"][0]["whole"].as_bool()), (0, Some(true)), "{report:#}");

    let again = desk.run(&["backup", "forget", &backups[1], "--apply"]);
    assert!(code(&again) == 1 && all(&again).contains("there is no backup"), "{}", all(&again));
    let latest = desk.run(&["backup", "forget", "prod/latest", "--apply"]);
    assert!(code(&latest) == 2 && all(&latest).contains("no whole name"), "{}", all(&latest));
}

#[test]
fn what_is_pinned_or_the_newest_stays() {
    let desk = Desk::new();
    let backups = stocked(&desk, 2);
    let newest = desk.run(&["backup", "forget", &backups[1], "--apply"]);
    assert!(code(&newest) == 1 && all(&newest).contains("--force"), "{}", all(&newest));
    assert_eq!(code(&desk.run(&["backup", "tag", &backups[0], "--pin"])), 0);
    let pinned = desk.run(&["backup", "forget", &backups[0], "--apply", "--force"]);
    assert!(code(&pinned) == 1 && all(&pinned).contains("--unpin"), "{}", all(&pinned));
    assert_eq!(names(&desk.json(&["backup", "list"]).1["backups"]), backups);
    let forced = desk.run(&["backup", "forget", &backups[1], "--apply", "--force"]);
    assert_eq!(code(&forced), 0, "{}", all(&forced));
    assert_eq!(names(&desk.json(&["backup", "list"]).1["backups"]), backups[..1]);
    // The head of this host names one whose removal is on record.
    let (exit, report) = desk.json(&["backup", "verify", "--all"]);
    assert_eq!(exit, 0, "{report:#}");
}

#[test]
fn one_that_nobody_can_read_can_be_forgotten() {
    let desk = Desk::new();
    let backups = stocked(&desk, 2);
    fs::write(desk.repo().join(&backups[0]).join("manifest.json"), "{}").expect("another manifest");
    let (exit, list) = desk.json(&["backup", "list"]);
    assert_eq!((exit, names(&list["unreadable"])), (3, vec![backups[0].as_str()]), "{list:#}");
    let done = desk.run(&["backup", "forget", &backups[0], "--apply"]);
    assert_eq!(code(&done), 0, "{}", all(&done));
    assert!(!desk.repo().join(&backups[0]).exists());
    assert_eq!(desk.json(&["backup", "list"]).0, 0);
}

#[test]
fn backup_restore_is_restore_with_a_repository() {
    let desk = Desk::new();
    stocked(&desk, 1);
    let wanted = dump(20, 0);
    for arguments in [vec!["latest"], vec!["latest", "--instance", "prod"], vec!["prod/latest"]] {
        let data = desk.path("data");
        fs::create_dir(&data).expect("a folder");
        let output = desk.run(&[&["backup", "restore"], &*arguments, &["--to", "data"]].concat());
        assert_eq!(code(&output), 0, "{arguments:?}: {}", all(&output));
        assert!(all(&output).contains("--against redis://127.0.0.1:6379"), "{}", all(&output));
        assert!(fs::read(data.join("dump.rdb")).expect("a dump") == wanted, "{arguments:?}");
        fs::remove_dir_all(&data).expect("removed");
    }
}
