//! Copies, encryption, and what a run finds changed behind its back.

use super::{DUMP, folder, json};
use crate::support::program::{all, code, run, stderr, stdout};
use age::secrecy::ExposeSecret;
use std::fs;
use std::path::Path;

/// A configuration with one instance.
fn write(folder: &Path, text: &str) {
    let text =
        format!("state = 'state'\n[repositories.local]\npath = 'repo'\n[repositories.off]\npath = 'off'\n{text}");
    fs::write(folder.join("rediscover.toml"), text).expect("a file");
}

fn names(folder: &Path, repo: &str) -> Vec<String> {
    let list = run(folder, &["backup", "list", "--repo", repo, "--state", "state", "--format", "json"]);
    let report = json(&list.stdout);
    let backups = report["backups"].as_array().expect("a list");
    backups.iter().map(|one| one["name"].as_str().expect("a name").to_owned()).collect()
}

#[test]
fn what_is_encrypted_is_read_in_full_only_with_an_identity_and_its_copy_is_the_same() {
    let folder = folder("");
    let identity = age::x25519::Identity::generate();
    fs::write(folder.path().join("key.txt"), identity.to_string().expose_secret()).expect("a key");
    let recipient = format!("recipients = ['{}']\n", identity.to_public());
    let a = format!(
        "[instances.a]\nsource = 'a.rdb'\nrepository = 'local'\ncopies = ['off']\nverify = 'full'\n{recipient}"
    );
    write(folder.path(), &a);
    let check = run(folder.path(), &["config", "check"]);
    assert!(code(&check) == 2 && stdout(&check).contains("identity_files"), "{}", all(&check));
    let blind = run(folder.path(), &["backup", "run", "@a", "-q"]);
    assert_eq!(code(&blind), 5, "{}", all(&blind));
    assert!(stderr(&blind).starts_with("a: verify: ") && stderr(&blind).lines().count() == 1, "{}", all(&blind));
    assert_eq!((names(folder.path(), "repo").len(), folder.path().join("off").exists()), (1, false));

    write(folder.path(), &(a + "identity_files = ['key.txt']\nretention = { keep_last = 1 }\n"));
    let seeing = run(folder.path(), &["backup", "run", "@a", "--format", "json"]);
    assert_eq!(code(&seeing), 0, "{}", all(&seeing));
    let report = json(&seeing.stdout);
    let details: Vec<_> =
        report["instances"][0]["steps"].as_array().expect("steps").iter().map(|step| step["detail"].clone()).collect();
    assert_eq!(details[1..], ["verified (full)", "copied to off", "1 pruned"], "{report}");
    assert_eq!(names(folder.path(), "off"), names(folder.path(), "repo"));
    let verify = ["backup", "verify", "--repo", "off", "--state", "state", "--level", "full", "--identity", "key.txt"];
    let verified = run(folder.path(), &verify);
    assert_eq!(code(&verified), 0, "{}", all(&verified));
}

#[test]
fn nothing_is_removed_where_a_copy_is_missing() {
    let folder = folder("");
    write(
        folder.path(),
        "[instances.a]\nsource = 'a.rdb'\nrepository = 'local'\ncopies = ['off']\nretention = { keep_last = 1 }\n",
    );
    assert_eq!(code(&run(folder.path(), &["backup", "run", "@a", "-q"])), 0);
    fs::remove_dir_all(folder.path().join("off")).expect("removed");
    fs::write(folder.path().join("off"), b"a file is no folder").expect("a file");
    for count in [2, 3] {
        let output = run(folder.path(), &["backup", "run", "@a", "-q"]);
        assert_eq!(code(&output), 5, "{}", all(&output));
        assert!(
            stderr(&output).starts_with("a: copy: off: ") && stderr(&output).lines().count() == 1,
            "{}",
            all(&output)
        );
        assert_eq!(names(folder.path(), "repo").len(), count);
    }
}

#[test]
fn a_newest_backup_that_was_removed_is_told_and_another_one_is_taken() {
    let folder = folder("");
    write(folder.path(), "[instances.a]\nsource = 'a.rdb'\nrepository = 'local'\n");
    for _ in 0..2 {
        assert_eq!(code(&run(folder.path(), &["backup", "run", "@a", "-q"])), 0);
    }
    let newest = names(folder.path(), "repo").pop().expect("a backup");
    fs::remove_dir_all(folder.path().join("repo").join(&newest)).expect("removed");
    let output = run(folder.path(), &["backup", "run", "@a", "-q"]);
    assert_eq!(code(&output), 3, "{}", all(&output));
    assert!(stderr(&output).contains(&format!("{newest} is gone")), "{}", all(&output));
    assert_eq!(names(folder.path(), "repo").len(), 2);
}

#[test]
fn a_suspect_one_is_copied_and_removes_nothing() {
    let folder = folder("");
    write(
        folder.path(),
        "[instances.a]\nsource = 'a.rdb'\nrepository = 'local'\ncopies = ['off']\nretention = { keep_last = 1 }\nmax_shrink = 10\n",
    );
    assert!(DUMP.len() > 1000);
    assert_eq!(code(&run(folder.path(), &["backup", "run", "@a", "-q"])), 0);
    fs::write(folder.path().join("a.rdb"), b"REDIS0011\xff\0\0\0\0\0\0\0\0").expect("an empty dump");
    let output = run(folder.path(), &["backup", "run", "@a", "--format", "json"]);
    let report = json(&output.stdout);
    assert_eq!(
        (code(&output), &report["instances"][0]["backup"]["status"]),
        (0, &"suspect".into()),
        "{}",
        all(&output)
    );
    let steps = report["instances"][0]["steps"].as_array().expect("steps");
    assert_eq!(
        steps.last().map(|step| (&step["outcome"], &step["detail"])),
        Some((&"skipped".into(), &"the new backup is suspect".into()))
    );
    assert_eq!(names(folder.path(), "off").len(), 2);
}
