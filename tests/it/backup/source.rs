//! A backup as a SOURCE of the other commands.

use super::{Desk, all, code, dump, fixture};
use std::fs;

#[test]
fn commands_read_backups_where_they_read_files() {
    let desk = Desk::new();
    let source = desk.write("dump.rdb", &dump(20, 1));
    let first = desk.good(&source, "prod", &[]);
    let second = desk.good(&desk.write("dump.rdb", &dump(25, 2)), "prod", &[]);
    for (place, name, keys) in [
        ("repo::latest".to_owned(), &second, 25),
        ("repo::prod/latest".to_owned(), &second, 25),
        (format!("repo::{first}"), &first, 20),
        (format!("{}::{first}", desk.repo().display()), &first, 20),
    ] {
        let (exit, report) = desk.json(&["check", &place]);
        let found = &report["sources"][0];
        assert_eq!(
            (exit, &found["verdict"], &found["keys"]),
            (0, &"intact".into(), &keys.into()),
            "{place}: {report:#}"
        );
        assert!(found["source"].as_str().expect("a name").ends_with(name.as_str()), "{report:#}");
        let (exit, report) = desk.json(&["analyze", &place]);
        assert_eq!((exit, &report["keyspace"]["keys"]), (0, &keys.into()), "{place}");
        for command in [&["keys", "--format", "jsonl"][..], &["timeline", "--format", "jsonl"], &["scan"]] {
            let output = desk.run(&[command, &[&*place]].concat());
            assert_eq!(code(&output), 0, "{command:?} {place}: {}", all(&output));
        }
    }
    let (_, report) = desk.json(&["check", "eu=repo::latest", "dump.rdb"]);
    assert_eq!(report["sources"][0]["source"], "eu");
    let again = desk.good(std::path::Path::new("repo::prod/latest"), "stage", &[]);
    assert!(again.starts_with("stage/"));
}

#[test]
fn latest_may_mean_an_older_one() {
    let desk = Desk::new();
    let old = desk.run(&[
        "backup",
        "import",
        desk.write("old.rdb", &dump(20, 1)).to_str().expect("text"),
        "--instance",
        "prod",
    ]);
    assert_eq!(code(&old), 0, "{}", all(&old));
    desk.good(&desk.write("new.rdb", &dump(30, 2)), "prod", &[]);
    let keys = |arguments: &[&str]| desk.json(&[&["check"], arguments].concat()).1["sources"][0]["keys"].clone();
    assert_eq!(keys(&["repo::latest"]), 30);
    assert_eq!(keys(&["repo::latest", "--before", "2024-01-01"]), 20);
    let none = desk.run(&["check", "repo::latest", "--before", "2020-01-01"]);
    assert_eq!(code(&none), 1, "{}", all(&none));
    for wrong in
        [&["check", "new.rdb", "--before", "now"][..], &["check", "repo::yesterday"], &["check", "repo::../x/latest"]]
    {
        let output = desk.run(wrong);
        assert_eq!(code(&output), 2, "{wrong:?}: {}", all(&output));
    }
    desk.good(&desk.path("new.rdb"), "stage", &[]);
    let which = desk.run(&["check", "repo::latest"]);
    assert_eq!(code(&which), 2, "{}", all(&which));
    assert!(all(&which).contains("which of prod, stage?"), "{}", all(&which));
}

#[test]
fn a_log_in_parts_and_a_damaged_payload() {
    let desk = Desk::new();
    let set = fixture("aof/redis-8.6");
    let name = desk.good(&set, "prod", &[]);
    let (exit, report) = desk.json(&["check", "repo::latest"]);
    let (_, own) = desk.json(&["check", set.to_str().expect("text")]);
    assert_eq!(exit, 0, "{report:#}");
    for field in ["keys", "databases", "log", "verdict"] {
        assert_eq!(report["sources"][0][field], own["sources"][0][field], "{field}");
    }
    let cut = desk.run(&["aof", "repair", "repo::latest", "-o", "mended"]);
    assert_eq!(code(&cut), 0, "{}", all(&cut));
    let object = desk.repo().join(&name).join("appendonly.aof.2.incr.aof.zst");
    let mut bytes = fs::read(&object).expect("an object");
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    fs::write(&object, bytes).expect("written");
    let output = desk.run(&["check", "repo::latest"]);
    assert_eq!(code(&output), 3, "{}", all(&output));
}

#[cfg(feature = "crypt")]
#[test]
fn an_encrypted_backup_needs_its_identity() {
    let desk = Desk::new();
    let (identity, recipient) = super::age_key(&desk);
    desk.good(&desk.write("dump.rdb", &dump(20, 1)), "prod", &["--recipient", &recipient]);
    let closed = desk.run(&["check", "repo::latest"]);
    assert_eq!(code(&closed), 1, "{}", all(&closed));
    assert!(all(&closed).contains("--identity"), "{}", all(&closed));
    let identity = identity.to_str().expect("text").to_owned();
    assert_eq!(code(&desk.run(&["check", "repo::latest", "--identity", &identity])), 0);
    let by_environment = desk.command(&["check", "repo::latest"]).env("REDISCOVER_IDENTITY", &identity).output();
    assert_eq!(code(&by_environment.expect("it runs")), 0);
    // An identity that is not there is no matter where none is needed.
    let unneeded = desk.command(&["check", "dump.rdb"]).env("REDISCOVER_IDENTITY", "gone").output();
    assert_eq!(code(&unneeded.expect("it runs")), 0);
    let (_, other) = {
        let other = Desk::new();
        let key = super::age_key(&other);
        (desk.write("other.txt", &fs::read(key.0).expect("a key")), other)
    };
    drop(other);
    assert_eq!(code(&desk.run(&["backup", "fetch", "latest", "-o", "out", "--identity", "other.txt"])), 1);
    assert!(!desk.path("out").exists());
}
