//! Backups that are fetched, copied and adopted.

use super::{Desk, all, code, dump, files, fixture, sums_hold};
use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, SystemTime};

#[test]
fn fetch_gives_the_bytes_back_or_nothing() {
    let desk = Desk::new();
    let bytes = dump(50, 1);
    let name = desk.good(&desk.write("dump.rdb", &bytes), "prod", &[]);
    for output in ["file", "-"] {
        let fetched = desk.run(&["-q", "backup", "fetch", "latest", "-o", output]);
        assert_eq!(code(&fetched), 0, "{}", all(&fetched));
        let found = if output == "-" { fetched.stdout } else { fs::read(desk.path(output)).expect("a file") };
        assert!(found == bytes, "{output}: other bytes");
    }
    let mode = desk.path("file").metadata().expect("a file").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    // Into a folder that is there: under its own name, and only once.
    fs::create_dir(desk.path("folder")).expect("a folder");
    assert_eq!(code(&desk.run(&["backup", "fetch", "latest", "-o", "folder"])), 0);
    assert!(fs::read(desk.path("folder/dump.rdb")).expect("a file") == bytes);
    let again = desk.run(&["backup", "fetch", "latest", "-o", "folder"]);
    assert_eq!(code(&again), 1, "{}", all(&again));
    // The object as it is stored.
    assert_eq!(code(&desk.run(&["backup", "fetch", "latest", "-o", "folder", "--stored"])), 0);
    let object = desk.repo().join(&name).join("dump.rdb.zst");
    assert!(fs::read(desk.path("folder/dump.rdb.zst")).ok() == fs::read(&object).ok());

    let mut other = fs::read(&object).expect("an object");
    let middle = other.len() / 2;
    other[middle] ^= 1;
    fs::write(&object, &other).expect("written");
    for stored in [&[][..], &["--stored"]] {
        let fetched = desk.run(&[&["backup", "fetch", "latest", "-o", "new"], stored].concat());
        assert_eq!(code(&fetched), 3, "{}", all(&fetched));
        assert!(!desk.path("new").exists());
        assert_eq!(code(&desk.run(&[&["backup", "fetch", "latest", "-o", "-"], stored].concat())), 3);
    }
    assert!(files(desk.path("").as_path()).iter().all(|file| !file.contains(".rediscover-")));
}

#[test]
fn a_set_is_fetched_into_a_new_folder() {
    let desk = Desk::new();
    let set = fixture("aof/valkey-9.1");
    let name = desk.good(&set, "prod", &[]);
    assert_eq!(code(&desk.run(&["backup", "fetch", "latest", "-o", "set"])), 0);
    assert_eq!(files(&desk.path("set")), files(&set));
    let refused = desk.run(&["backup", "fetch", "latest", "-o", "set"]);
    assert_eq!(code(&refused), 1, "{}", all(&refused));
    let refused = desk.run(&["backup", "fetch", "latest", "-o", "-"]);
    assert_eq!(code(&refused), 2, "{}", all(&refused));
    assert_eq!(code(&desk.run(&["backup", "fetch", "latest", "-o", "stored", "--stored"])), 0);
    assert!(sums_hold(&desk.path("stored")));
    assert!(desk.path("stored/manifest.json.minisig").exists());

    let payload =
        files(&desk.repo().join(&name)).into_iter().find(|file| file.ends_with(".incr.aof.zst")).expect("one");
    let object = desk.repo().join(&name).join(payload);
    fs::write(&object, &fs::read(&object).expect("an object")[1..]).expect("written");
    let fetched = desk.run(&["backup", "fetch", "latest", "-o", "half"]);
    assert_eq!(code(&fetched), 3, "{}", all(&fetched));
    assert!(!desk.path("half").exists());
    assert!(files(desk.path("").as_path()).iter().all(|file| !file.contains(".rediscover-")));
}

#[test]
fn copies_are_whole_go_on_where_they_were_and_replace_nothing() {
    let desk = Desk::new();
    let mut names = Vec::new();
    for number in 1..=3 {
        names.push(desk.good(&desk.write("dump.rdb", &dump(20 + number, number)), "prod", &[]));
    }
    names.push(desk.good(&fixture("aof/redis-8.6"), "logs", &[]));
    assert_eq!(code(&desk.run(&["backup", "tag", &names[1], "+kept", "--pin"])), 0);
    // A copy that was broken off before its manifest.
    let (exit, report) = desk.json(&["backup", "copy", "--all", "--to", "other"]);
    assert_eq!(exit, 0, "{report:#}");
    let half = desk.path("other").join(&names[0]);
    fs::remove_file(half.join("manifest.json")).expect("removed");
    let (exit, report) = desk.json(&["backup", "copy", "--all", "--to", "other"]);
    assert_eq!(exit, 0, "{report:#}");
    let of = |name: &str| {
        let copies = report["copies"].as_array().expect("copies");
        copies.iter().find(|copy| copy["name"] == name).expect("a copy").clone()
    };
    assert_eq!(
        (&of(&names[0])["outcome"], &of(&names[0])["sent_objects"], &of(&names[0])["there_objects"]),
        (&"copied".into(), &1.into(), &1.into())
    );
    assert_eq!((&of(&names[1])["outcome"], &of(&names[1])["sent_objects"]), (&"there already".into(), &0.into()));

    let verified = desk.run(&["backup", "verify", "--all", "--level", "full", "--repo", "other"]);
    assert_eq!(code(&verified), 0, "{}", all(&verified));
    for name in &names {
        let own = |repo: &str| fs::read(desk.path(repo).join(name).join("manifest.json")).expect("a manifest");
        assert!(own("repo") == own("other"), "{name}");
        let (_, shown) = desk.json(&["backup", "show", name]);
        let copies: Vec<_> =
            shown["sidecars"].as_array().expect("sidecars").iter().filter(|one| one["kind"] == "copied").collect();
        assert_eq!(copies.len(), 1, "{name} is said to be copied once: {copies:?}");
    }
    let (_, shown) = desk.json(&["backup", "show", &names[1], "--repo", "other"]);
    assert_eq!((&shown["backup"]["pinned"], &shown["backup"]["tags"]), (&true.into(), &serde_json::json!(["kept"])));
    let (_, status) = desk.json(&["backup", "status"]);
    let prod = status["instances"].as_array().expect("instances").iter().find(|one| one["instance"] == "prod");
    assert_eq!(prod.expect("prod")["copies"].as_array().map(Vec::len), Some(1), "{status:#}");

    // Other bytes under a name that it has to have are never replaced.
    let object = desk.path("other").join(&names[0]).join("dump.rdb.zst");
    fs::write(&object, b"other bytes").expect("written");
    let refused = desk.run(&["backup", "copy", &names[0], "--to", "other"]);
    assert_eq!(code(&refused), 1, "{}", all(&refused));
    assert_eq!(fs::read(&object).expect("an object"), b"other bytes");
    let refused = desk.run(&["backup", "copy", &names[0], "--to", "repo"]);
    assert_eq!(code(&refused), 2, "{}", all(&refused));
}

#[test]
fn a_copy_of_the_newest_alone_has_a_whole_chain() {
    let desk = Desk::new();
    for number in 1..=3 {
        desk.good(&desk.write("dump.rdb", &dump(20 + number, number)), "prod", &[]);
    }
    assert_eq!(code(&desk.run(&["backup", "copy", "latest", "--to", "other"])), 0);
    let verified = desk.run(&["backup", "verify", "--all", "--repo", "other"]);
    assert_eq!(code(&verified), 0, "{}", all(&verified));
    // The others may follow later.
    let (exit, report) = desk.json(&["backup", "copy", "--all", "--to", "other"]);
    assert_eq!(exit, 0, "{report:#}");
    assert!(
        report["copies"].as_array().expect("copies").iter().all(|copy| copy["outcome"] != "pruned there"),
        "{report:#}"
    );
    let (_, list) = desk.json(&["backup", "list", "--repo", "other"]);
    assert_eq!(list["backups"].as_array().map(Vec::len), Some(3));
    assert_eq!(code(&desk.run(&["backup", "verify", "--all", "--repo", "other"])), 0);
}

#[test]
fn what_was_pruned_in_the_other_repository_is_not_sent_again() {
    let desk = Desk::new();
    for number in 1..=4 {
        desk.good(&desk.write("dump.rdb", &dump(20 + number, number)), "prod", &[]);
    }
    assert_eq!(code(&desk.run(&["backup", "copy", "--all", "--to", "other"])), 0);
    let pruned = desk.run(&["backup", "prune", "--keep-last", "2", "--apply", "--repo", "other"]);
    assert_eq!(code(&pruned), 0, "{}", all(&pruned));
    let (exit, report) = desk.json(&["backup", "copy", "--all", "--to", "other"]);
    assert_eq!(exit, 0, "{report:#}");
    let outcomes: Vec<_> =
        report["copies"].as_array().expect("copies").iter().map(|copy| copy["outcome"].clone()).collect();
    assert_eq!(outcomes, ["pruned there", "pruned there", "there already", "there already"], "{report:#}");
    assert_eq!(code(&desk.run(&["backup", "verify", "--all", "--repo", "other"])), 0);
}

#[test]
fn a_damaged_original_is_not_copied() {
    let desk = Desk::new();
    let name = desk.good(&desk.write("dump.rdb", &dump(20, 1)), "prod", &[]);
    let later = desk.good(&desk.path("dump.rdb"), "prod", &[]);
    let object = desk.repo().join(&name).join("dump.rdb.zst");
    let mut bytes = fs::read(&object).expect("an object");
    bytes[20] ^= 4;
    fs::write(&object, bytes).expect("written");
    let (exit, report) = desk.json(&["backup", "copy", "--all", "--to", "other"]);
    assert_eq!(exit, 3, "{report:#}");
    assert!(!desk.path("other").join(&name).join("manifest.json").exists());
    assert!(desk.path("other").join(&later).join("manifest.json").exists());
}

fn touch(path: &std::path::Path, seconds_ago: u64) {
    let time = SystemTime::now() - Duration::from_secs(seconds_ago);
    File::options().write(true).open(path).and_then(|file| file.set_modified(time)).expect("a time");
}

#[test]
fn files_of_other_tools_are_adopted_dated_and_not_twice() {
    let desk = Desk::new();
    fs::create_dir(desk.path("old")).expect("a folder");
    let gz = |name: &str, bytes: &[u8]| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::new(6));
        std::io::Write::write_all(&mut encoder, bytes).expect("packed");
        desk.write(&format!("old/redis_backup_{name}.rdb.gz"), &encoder.finish().expect("packed"))
    };
    let mut undated = crate::support::rdb::Builder::redis(11);
    undated.select(0).string(b"k", b"v");
    gz("a", &dump(30, 1));
    gz("b", &dump(30, 1));
    touch(&gz("c", &undated.finish()), 3600);
    let whole = fs::read(gz("d", &dump(30, 2))).expect("a file");
    desk.write("old/redis_backup_d.rdb.gz", &whole[..whole.len() / 2]);
    desk.write("old/redis_backup_e.rdb.gz", b"no dump at all");
    let import = ["backup", "import", "old/redis_backup_*.rdb.gz", "--instance", "prod", "--max-shrink", "100"];
    let (exit, report) = desk.json(&import);
    assert_eq!(exit, 3, "{report:#}");
    let of = |letter: &str| {
        let files = report["files"].as_array().expect("files");
        let name = format!("old/redis_backup_{letter}.rdb.gz");
        files
            .iter()
            .find(|file| file["source"] == name.as_str())
            .unwrap_or_else(|| panic!("{letter}: {report:#}"))
            .clone()
    };
    assert_eq!((&of("a")["outcome"], &of("a")["dated_by"]), (&"imported".into(), &"ctime".into()));
    assert_eq!(of("a")["taken_at"], "2023-11-14T22:13:20.000Z");
    assert!(of("a")["backup"]["name"].as_str().expect("a name").starts_with("prod/20231114T221320.000Z-"));
    assert_eq!((&of("b")["outcome"], &of("b")["backup"]), (&"there already".into(), &serde_json::Value::Null));
    assert_eq!((&of("c")["outcome"], &of("c")["dated_by"]), (&"imported".into(), &"mtime".into()));
    for letter in ["d", "e"] {
        assert_eq!(of(letter)["backup"]["status"], "damaged", "{letter}: {report:#}");
    }
    let (_, latest) = desk.json(&["backup", "show", "latest"]);
    assert_eq!(latest["backup"]["name"], of("c")["backup"]["name"]);
    let chain = desk.run(&["backup", "verify", "--instance", "prod", "--level", "full"]);
    assert_eq!(code(&chain), 0, "{}", all(&chain));

    let (exit, again) = desk.json(&import);
    assert!(
        again["files"].as_array().expect("files").iter().all(|file| file["outcome"] == "there already"),
        "{again:#}"
    );
    assert_eq!(exit, 0, "nothing is new");
    let (_, list) = desk.json(&["backup", "list"]);
    assert_eq!(list["backups"].as_array().map(Vec::len), Some(4));
    let missing = desk.run(&["backup", "import", "old/redis_backup_a.rdb.gz", "gone.rdb", "--instance", "prod"]);
    assert_eq!(code(&missing), 5, "{}", all(&missing));
}
