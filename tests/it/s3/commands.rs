//! The commands on a bucket: repositories in it, objects of it, and what is said when it cannot be.

use super::command;
use crate::backup::{Desk, all, code, dump};
use crate::support::bucket::{Bucket, How, SECRET};
use crate::support::dumps::without_place;
use serde_json::Value;
use std::fs;
use std::io::Write;
use std::process::{Output, Stdio};
use std::time::{Duration, Instant};

const REPO: &str = "s3://backups/team/prod";

fn run(desk: &Desk, bucket: &Bucket, arguments: &[&str]) -> Output {
    let arguments = [arguments, &["--s3-endpoint", bucket.endpoint()]].concat();
    command(desk, &arguments, REPO).output().expect("the program starts")
}

fn succeeds(desk: &Desk, bucket: &Bucket, arguments: &[&str]) -> Output {
    let output = run(desk, bucket, arguments);
    assert_eq!(code(&output), 0, "{arguments:?}: {}", all(&output));
    assert!(!all(&output).contains(SECRET), "{}", all(&output));
    output
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {}", all(output)))
}

#[test]
fn a_repository_in_a_bucket_does_what_a_folder_does() {
    let (desk, bucket) = (Desk::new(), Bucket::start());
    let bytes = dump(50, 1);
    desk.write("dump.rdb", &bytes);
    succeeds(&desk, &bucket, &["backup", "create", "dump.rdb", "--instance", "prod"]);
    succeeds(&desk, &bucket, &["backup", "create", "dump.rdb", "--instance", "prod", "--tag", "keep"]);
    assert_eq!(bucket.unfinished(), 0);
    let list = json(&succeeds(&desk, &bucket, &["backup", "list", "--format", "json"]));
    assert_eq!((list["repository"].as_str(), list["backups"].as_array().map(Vec::len)), (Some(REPO), Some(2)));
    succeeds(&desk, &bucket, &["backup", "verify", "--all", "--level", "full"]);
    succeeds(&desk, &bucket, &["backup", "tag", "prod/latest", "+gold", "--pin"]);
    succeeds(&desk, &bucket, &["backup", "fetch", "prod/latest", "-o", "back.rdb"]);
    assert!(fs::read(desk.path("back.rdb")).expect("a file") == bytes);
    // A backup is a source of every command.
    let latest = format!("{REPO}::prod/latest");
    succeeds(&desk, &bucket, &["check", &latest]);
    fs::create_dir(desk.path("data")).expect("a folder");
    succeeds(&desk, &bucket, &["restore", &latest, "--to", "data", "--appendonly", "no"]);
    assert!(fs::read(desk.path("data/dump.rdb")).expect("a dump") == bytes);
    // Into a folder and back, into another prefix.
    succeeds(&desk, &bucket, &["backup", "copy", "--all", "--to", "folder"]);
    succeeds(&desk, &bucket, &["backup", "copy", "--all", "--repo", "folder", "--to", "s3://backups/other"]);
    let other = json(&succeeds(
        &desk,
        &bucket,
        &["backup", "verify", "--all", "--level", "full", "--repo", "s3://backups/other", "--format", "json"],
    ));
    assert_eq!(other["exit"]["code"], 0, "{other:#}");
    // Prune takes one and leaves no lock.
    let pruned =
        json(&succeeds(&desk, &bucket, &["backup", "prune", "--keep-last", "1", "--apply", "--format", "json"]));
    assert_eq!(pruned["removed"].as_array().map(Vec::len), Some(1), "{pruned:#}");
    assert!(bucket.keys().iter().all(|key| !key.contains("lock-")), "{:?}", bucket.keys());
    let status = succeeds(&desk, &bucket, &["backup", "status", "--repo", REPO, "--max-age", "26h"]);
    assert!(all(&status).contains("prod"), "{}", all(&status));
}

#[test]
fn objects_are_sources_and_are_adopted() {
    let (desk, bucket) = (Desk::new(), Bucket::start());
    let store = super::open(&bucket, "");
    for seed in 1..=2 {
        super::put(&store, &format!("exports/prod-000{seed}.rdb"), &dump(30 * seed, seed)).expect("put");
    }
    let large = dump(30_000, 3);
    super::put(&store, "large.rdb", &large).expect("put");
    desk.write("large.rdb", &large);
    let form = ["--format", "json"];
    let mut there = json(&succeeds(&desk, &bucket, &[&["analyze", "x=s3://backups/large.rdb"], &form[..]].concat()));
    let mut here = json(&succeeds(&desk, &bucket, &[&["analyze", "x=large.rdb"], &form[..]].concat()));
    for report in [&mut there, &mut here] {
        report.as_object_mut().expect("a report").remove("provenance");
    }
    assert_eq!(without_place(there), without_place(here));
    let rows = |source: &str| {
        let said = run(&desk, &bucket, &["keys", source, "--columns", "key,type,elements", "--format", "csv"]);
        assert_eq!(code(&said), 0, "{}", all(&said));
        assert!(said.stdout.len() > 30_000, "{}", all(&said));
        said.stdout
    };
    assert!(rows("s3://backups/large.rdb") == rows("large.rdb"), "other rows of the same bytes");
    let findings = |source: &str| code(&run(&desk, &bucket, &["scan", source]));
    assert_eq!(findings("s3://backups/large.rdb"), findings("large.rdb"));
    // What was cut on the way goes on; what is another object by then does not.
    bucket.asked();
    bucket.fault("get", 1, 2, How::Cut(1_000_000));
    succeeds(&desk, &bucket, &["check", "s3://backups/large.rdb"]);
    bucket.asked();
    bucket.fault("get", 0, 1, How::Flips(100_000));
    let flipped = run(&desk, &bucket, &["check", "s3://backups/large.rdb"]);
    assert_eq!(code(&flipped), 3, "{}", all(&flipped));
    bucket.asked();
    let adopted = json(&succeeds(
        &desk,
        &bucket,
        &["backup", "import", "s3://backups/exports/prod-*.rdb", "--instance", "prod", "--format", "json"],
    ));
    let files = adopted["files"].as_array().expect("files");
    assert!(files.len() == 2 && files.iter().all(|file| file["outcome"] == "imported"), "{adopted:#}");
    succeeds(&desk, &bucket, &["backup", "create", "s3://backups/exports/prod-0002.rdb", "--instance", "export"]);
}

#[test]
fn a_flipped_bit_is_found_before_anything_is_restored() {
    let (desk, bucket) = (Desk::new(), Bucket::start());
    desk.write("dump.rdb", &dump(200, 1));
    succeeds(&desk, &bucket, &["backup", "create", "dump.rdb", "--instance", "prod"]);
    let payload = bucket.keys().into_iter().find(|key| key.ends_with("dump.rdb.zst")).expect("a payload");
    let file = bucket.file(&payload);
    let mut kept = fs::read(&file).expect("the payload");
    let middle = kept.len() / 2;
    kept[middle] ^= 4;
    fs::write(&file, kept).expect("the payload");
    fs::create_dir(desk.path("data")).expect("a folder");
    let restored = run(&desk, &bucket, &["restore", &format!("{REPO}::latest"), "--to", "data", "--appendonly", "no"]);
    assert_eq!(code(&restored), 3, "{}", all(&restored));
    assert_eq!(fs::read_dir(desk.path("data")).expect("a folder").count(), 0);
    let verified = run(&desk, &bucket, &["backup", "verify", "--all", "--level", "stored"]);
    assert_eq!(code(&verified), 3, "{}", all(&verified));
}

#[test]
fn a_signal_in_the_middle_leaves_neither_parts_nor_a_manifest() {
    let (desk, bucket) = (Desk::new(), Bucket::start());
    let arguments =
        ["backup", "create", "-", "--instance", "prod", "--compression", "none", "--s3-endpoint", bucket.endpoint()];
    let mut child = command(&desk, &arguments, REPO).stdin(Stdio::piped()).spawn().expect("it starts");
    let mut input = child.stdin.take().expect("a pipe");
    let bytes = dump(40_000, 5);
    // All but the end: it waits for more.
    let mut given = &bytes[..bytes.len() - 100];
    let begun = Instant::now();
    while !given.is_empty() {
        let (now, rest) = given.split_at(given.len().min(1 << 16));
        input.write_all(now).expect("it reads");
        given = rest;
    }
    while !bucket.seen("part") {
        assert!(begun.elapsed() < Duration::from_mins(1), "no part was sent");
        std::thread::sleep(Duration::from_millis(10));
    }
    std::process::Command::new("kill").args(["-TERM", &child.id().to_string()]).status().expect("a signal");
    std::thread::sleep(Duration::from_millis(300));
    drop(input);
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(code(&output), 143, "{}", all(&output));
    assert_eq!(bucket.unfinished(), 0);
    assert!(bucket.keys().iter().all(|key| key.ends_with("repository.json")), "{:?}", bucket.keys());
}

#[test]
fn what_cannot_be_is_said_in_one_sentence_with_exit_1() {
    let (desk, bucket) = (Desk::new(), Bucket::start());
    let list = ["backup", "list", "--s3-endpoint", bucket.endpoint()];
    for (repo, variables, expected) in [
        ("s3://nowhere/x", &[][..], "there is no such bucket"),
        (REPO, &[("AWS_SECRET_ACCESS_KEY", "another-secret")], "the secret key is wrong"),
        (REPO, &[("AWS_ACCESS_KEY_ID", ""), ("AWS_SECRET_ACCESS_KEY", "")], "there are no credentials"),
        (REPO, &[("AWS_PROFILE", "nobody"), ("AWS_ACCESS_KEY_ID", "")], "credentials"),
        ("s3://backups/empty", &[], "no repository"),
    ] {
        let output = command(&desk, &list, repo).envs(variables.iter().copied()).output().expect("it starts");
        let said = all(&output);
        assert_eq!(code(&output), 1, "{repo} {variables:?}: {said}");
        assert!(said.contains(expected) && said.contains("hint: "), "{said}");
        assert!(!said.contains(SECRET) && !said.contains("another-secret"), "{said}");
    }
    let absent = run(&desk, &bucket, &["check", "s3://backups/none.rdb"]);
    assert!(code(&absent) == 1 && all(&absent).contains("no such object"), "{}", all(&absent));
    let secret = run(&desk, &bucket, &["check", "s3://me:hunter2@backups/none.rdb"]);
    assert!(code(&secret) == 2 && !all(&secret).contains("hunter2"), "{}", all(&secret));
    bucket.fault("head", 0, usize::MAX, How::Status(403));
    let denied = run(&desk, &bucket, &["check", "s3://backups/none.rdb"]);
    assert!(code(&denied) == 1 && all(&denied).contains("do not allow it"), "{}", all(&denied));
}
