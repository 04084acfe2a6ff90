//! Every kind of source becomes a backup that can be read again, checked by hand and fetched.

use super::{Desk, all, code, dump, fixture, sums_hold};
use crate::support::dumps;
use serde_json::Value;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::Stdio;

const PACKINGS: [&str; 3] = ["zstd:3", "gzip:6", "none"];

/// How backups are encrypted in a test: not, and to a key.
fn sealings(desk: &Desk) -> Vec<(Vec<String>, Vec<String>)> {
    let open = (Vec::new(), Vec::new());
    #[cfg(feature = "crypt")]
    {
        let (identity, recipient) = super::age_key(desk);
        let identity = vec!["--identity".to_owned(), identity.display().to_string()];
        vec![open, (vec!["--recipient".to_owned(), recipient], identity)]
    }
    #[cfg(not(feature = "crypt"))]
    {
        let _ = desk;
        vec![open]
    }
}

fn packed_by(write: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut bytes = Vec::new();
    write(&mut bytes);
    bytes
}

fn keys_of(desk: &Desk, source: &str, more: &[&str]) -> Value {
    let (_, report) = desk.json(&[&["check", source], more].concat());
    report["sources"][0]["databases"].clone()
}

#[test]
fn every_kind_of_source_in_every_packing_comes_back_as_it_was() {
    let desk = Desk::new();
    let rdb = fs::read(fixture("rdb/redis-8.6/all-types.rdb")).expect("a fixture");
    let plain = desk.write("plain", &rdb);
    let gz = desk.write(
        "packed.gz",
        &packed_by(|out| {
            let mut encoder = flate2::write::GzEncoder::new(out, flate2::Compression::new(6));
            encoder.write_all(&rdb).expect("packed");
            encoder.finish().expect("packed");
        }),
    );
    let zst = desk.write("packed.zst", &zstd::encode_all(&*rdb, 3).expect("packed"));
    let log = fixture("aof/redis-7.0/appendonly.aof.2.incr.aof");
    let log_bytes = fs::read(&log).expect("a fixture");
    let set = fixture("aof/redis-8.6");
    let sealings = sealings(&desk);
    for (seal, identity) in &sealings {
        let seal: Vec<&str> = seal.iter().map(String::as_str).collect();
        let identity: Vec<&str> = identity.iter().map(String::as_str).collect();
        for packing in PACKINGS {
            for (number, (source, raw)) in
                [(&plain, &rdb), (&gz, &rdb), (&zst, &rdb), (&log, &log_bytes), (&set, &Vec::new())]
                    .into_iter()
                    .enumerate()
            {
                let instance = format!("i{number}{}{}", packing.replace(':', ""), seal.len());
                let name = desk.good(source, &instance, &[&["--compression", packing], &*seal].concat());
                let about = format!("{} {packing} {seal:?}", source.display());
                assert!(sums_hold(&desk.repo().join(&name)), "{about}");
                let verified = desk.run(&[&["backup", "verify", &name, "--level", "full"], &*identity].concat());
                assert_eq!(code(&verified), 0, "{about}: {}", all(&verified));
                let out = desk.path(&format!("out-{instance}"));
                let fetch = ["backup", "fetch", &name, "-o", out.to_str().expect("text")];
                let fetched = desk.run(&[&fetch, &*identity].concat());
                assert_eq!(code(&fetched), 0, "{about}: {}", all(&fetched));
                if out.is_dir() {
                    super::same_set(&out, &set);
                } else {
                    assert!(fs::read(&out).expect("a file") == *raw, "{about}: other bytes");
                }
                let place = format!("repo::{instance}/latest");
                assert_eq!(
                    keys_of(&desk, &place, &identity),
                    keys_of(&desk, source.to_str().expect("text"), &[]),
                    "{about}"
                );
            }
        }
    }
}

#[test]
fn standard_input_becomes_a_backup() {
    let desk = Desk::new();
    let rdb = dump(300, 1);
    for (number, more) in
        [vec![], vec!["--stream"], vec!["--stream", "--stream-buffer", "64kb"]].into_iter().enumerate()
    {
        let instance = format!("i{number}");
        let arguments = [&["backup", "create", "-", "--instance", &instance], &*more].concat();
        let mut child = desk.command(&arguments).stdin(Stdio::piped()).spawn().expect("it starts");
        child.stdin.take().expect("a pipe").write_all(&rdb).expect("written");
        let output = child.wait_with_output().expect("it ends");
        assert_eq!(code(&output), 0, "{}", all(&output));
        let fetched = desk.run(&["backup", "fetch", "latest", "--instance", &instance, "-o", "-"]);
        assert!(fetched.stdout == rdb, "other bytes: {}", all(&desk.run(&["backup", "list"])));
    }
}

#[test]
fn every_fixture_can_be_backed_up_and_verified() {
    let desk = Desk::new();
    let mut sources = 0;
    for dump in dumps::fixtures() {
        let server = dump.path.parent().and_then(Path::file_name).expect("a folder").to_str().expect("text");
        let name = desk.good(&dump.path, &format!("rdb-{server}"), &["--max-shrink", "100"]);
        assert!(sums_hold(&desk.repo().join(name)), "{}", dump.path.display());
        sources += 1;
    }
    for server in ["redis-7.0", "redis-8.6", "valkey-9.1"] {
        desk.good(&fixture("aof").join(server), &format!("aof-{server}"), &[]);
        sources += 1;
    }
    let (code, report) = desk.json(&["backup", "verify", "--all", "--level", "full"]);
    assert_eq!(code, 0, "{report:#}");
    assert_eq!(report["results"].as_array().map(Vec::len), Some(sources));
    assert!(sources > 50);
}

#[test]
fn a_damaged_dump_is_kept_as_damaged_and_latest_stays() {
    let desk = Desk::new();
    let good = desk.good(&desk.write("good.rdb", &dump(20, 1)), "prod", &[]);
    for broken in ["cut-in-value.rdb", "checksum-of-others.rdb", "wrong-magic.rdb", "empty-file.rdb"] {
        let source = fixture("broken").join(broken);
        let (code, report) = desk.json(&["backup", "create", source.to_str().expect("text"), "--instance", "prod"]);
        assert_eq!(code, 3, "{broken}: {report:#}");
        assert_eq!(report["backups"][0]["status"], "damaged", "{broken}");
        let name = report["backups"][0]["name"].as_str().expect("a name");
        let out = format!("{broken}.out");
        assert_eq!(super::code(&desk.run(&["backup", "fetch", name, "-o", &out])), 0, "{broken}");
        assert!(fs::read(desk.path(&out)).ok() == fs::read(&source).ok(), "{broken}: other bytes");
        let (_, latest) = desk.json(&["backup", "show", "latest"]);
        assert_eq!(latest["backup"]["name"], good.as_str(), "{broken}");
    }
    let output = desk.run(&[
        "backup",
        "create",
        fixture("broken/cut-in-value.rdb").to_str().expect("text"),
        "--instance",
        "prod",
    ]);
    let text = all(&output).replace(env!("CARGO_MANIFEST_DIR"), "ROOT");
    insta::assert_snapshot!("create_damaged", super::settled(&text));
}

#[test]
fn a_compressed_dump_that_breaks_off_is_kept_as_damaged() {
    let desk = Desk::new();
    let packed = zstd::encode_all(&*dump(200, 3), 3).expect("packed");
    desk.write("cut.zst", &packed[..packed.len() / 2]);
    let (code, report) = desk.json(&["backup", "create", "cut.zst", "--instance", "prod"]);
    assert_eq!((code, &report["backups"][0]["status"]), (3, &"damaged".into()), "{report:#}");
    assert!(report["backups"][0]["raw_bytes"].as_u64().expect("bytes") > 0, "{report:#}");
    let (_, list) = desk.json(&["backup", "list"]);
    assert_eq!(list["remnants"], 0);
}

#[test]
fn a_backup_that_has_shrunk_is_suspect_and_not_the_latest() {
    let desk = Desk::new();
    let first = desk.good(&desk.write("large.rdb", &dump(100, 1)), "prod", &[]);
    desk.write("small.rdb", &dump(40, 1));
    let (code, report) = desk.json(&["backup", "create", "small.rdb", "--instance", "prod"]);
    assert_eq!((code, &report["backups"][0]["status"]), (0, &"suspect".into()), "{report:#}");
    let (_, latest) = desk.json(&["backup", "show", "prod/latest"]);
    assert_eq!(latest["backup"]["name"], first.as_str());
    let allowed = desk.good(&desk.path("small.rdb"), "prod", &["--max-shrink", "70"]);
    let (_, latest) = desk.json(&["backup", "show", "prod/latest"]);
    assert_eq!(latest["backup"]["name"], allowed.as_str());
}

#[test]
fn two_at_once_are_one_too_many() {
    let desk = Desk::new();
    let rdb = dump(10, 1);
    desk.write("dump.rdb", &rdb);
    let mut first = desk
        .command(&["backup", "create", "-", "--instance", "prod"])
        .stdin(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut pipe = first.stdin.take().expect("a pipe");
    pipe.write_all(&rdb[..100]).expect("written");
    // It holds the lock when its first object is on the way.
    let since = std::time::Instant::now();
    while !desk.path("state/locks").exists() || fs::read_dir(desk.path("state/locks")).map_or(0, Iterator::count) == 0 {
        assert!(since.elapsed().as_secs() < 60, "no lock");
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    std::thread::sleep(std::time::Duration::from_millis(100));
    let second = desk.run(&["backup", "create", "dump.rdb", "--instance", "prod"]);
    assert_eq!(code(&second), 1, "{}", all(&second));
    assert!(
        String::from_utf8_lossy(&second.stderr).contains("another backup of prod is being made"),
        "{}",
        all(&second)
    );
    desk.good(&desk.path("dump.rdb"), "stage", &[]);
    pipe.write_all(&rdb[100..]).expect("written");
    drop(pipe);
    assert_eq!(first.wait().expect("it ends").code(), Some(0));
    desk.good(&desk.path("dump.rdb"), "prod", &[]);
}

#[test]
fn what_a_user_sees() {
    let desk = Desk::new();
    desk.write("dump.rdb", &dump(20, 1));
    let shown = |arguments: &[&str]| super::settled(&all(&desk.run(arguments)));
    insta::assert_snapshot!("create", shown(&["backup", "create", "dump.rdb", "--instance", "prod"]));
    insta::assert_snapshot!("verify", shown(&["backup", "verify", "--all", "--level", "full"]));
    insta::assert_snapshot!("tag", shown(&["backup", "tag", "prod/latest", "+weekly", "--pin"]));
    insta::assert_snapshot!("list", shown(&["backup", "list"]));
    insta::assert_snapshot!("show", shown(&["backup", "show", "latest"]));
    insta::assert_snapshot!("fetch", shown(&["backup", "fetch", "latest", "-o", "out.rdb"]));
    insta::assert_snapshot!("copy", shown(&["backup", "copy", "--all", "--to", "elsewhere"]));
    insta::assert_snapshot!("none", shown(&["backup", "list", "--repo", "nowhere"]));
}
