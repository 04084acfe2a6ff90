//! What docs/repository.md says can be done without this program, done without it.

use super::{Desk, dump, fixture, sums_hold};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Whether a tool is on this machine.
fn has(tool: &str) -> bool {
    Command::new(tool).arg("--version").output().or_else(|_| Command::new(tool).arg("-v").output()).is_ok()
}

fn shell(folder: &Path, line: &str) {
    let output = Command::new("sh").args(["-ec", line]).current_dir(folder).output().expect("a shell");
    assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
}

fn folder(desk: &Desk, name: &str) -> PathBuf {
    desk.repo().join(name)
}

#[test]
fn a_backup_is_unpacked_with_the_tools_of_a_shell() {
    let desk = Desk::new();
    let bytes = dump(18_000, 1);
    let source = desk.write("dump.rdb", &bytes);
    for (packing, file, line) in [
        ("zstd:3", "dump.rdb.zst", "zstd -q -d dump.rdb.zst -o out"),
        ("gzip:6", "dump.rdb.gz", "gzip -dc dump.rdb.gz > out"),
        ("none", "dump.rdb", "cp dump.rdb out"),
    ] {
        let name = desk.good(&source, "prod", &["--compression", packing, "--max-shrink", "100"]);
        let folder = folder(&desk, &name);
        assert!(folder.join(file).is_file() && sums_hold(&folder), "{packing}");
        if !has(line.split(' ').next().expect("a tool")) {
            continue;
        }
        shell(&folder, line);
        assert!(fs::read(folder.join("out")).expect("a file") == bytes, "{packing}: other bytes");
        let manifest: Value =
            serde_json::from_slice(&fs::read(folder.join("manifest.json")).expect("one")).expect("JSON");
        let raw = manifest["payloads"][0]["raw_sha256"].as_str().expect("a hash").to_owned();
        shell(&folder, &format!("echo '{raw}  out' | sha256sum --strict -c -"));
        fs::remove_file(folder.join("out")).expect("removed");
    }
}

#[test]
fn frames_stand_where_the_seek_table_says() {
    let desk = Desk::new();
    // More than two frames of 8 MiB.
    let bytes = dump(9000, 1);
    let name = desk.good(&desk.write("dump.rdb", &bytes), "prod", &[]);
    let stored = fs::read(folder(&desk, &name).join("dump.rdb.zst")).expect("an object");
    let word = |at: usize| u32::from_le_bytes(stored[at..at + 4].try_into().expect("four bytes"));
    let end = stored.len();
    assert_eq!((word(end - 4), stored[end - 5]), (0x8f92_eab1, 0));
    let frames = word(end - 9) as usize;
    assert_eq!(frames, bytes.len().div_ceil(8 << 20));
    let table = end - 9 - 8 * frames;
    assert_eq!((word(table - 8), word(table - 4) as usize), (0x184d_2a5e, 9 + 8 * frames));
    let (mut at, mut out) = (0, Vec::new());
    for frame in 0..frames {
        let (packed, raw) = (word(table + 8 * frame) as usize, word(table + 8 * frame + 4) as usize);
        let one = zstd::decode_all(&stored[at..at + packed]).expect("a frame by itself");
        assert_eq!(one.len(), raw);
        out.extend(one);
        at += packed;
    }
    assert_eq!(at, table - 8);
    assert!(out == bytes, "other bytes");
}

#[test]
fn signatures_are_minisigns() {
    let desk = Desk::new();
    let name = desk.good(&desk.write("dump.rdb", &dump(10, 1)), "prod", &[]);
    let object = format!("{name}/manifest.json");
    let read = |path: PathBuf| fs::read_to_string(path).expect("a text");
    let (manifest, signature) = (read(desk.repo().join(&object)), read(desk.repo().join(format!("{object}.minisig"))));
    let lines: Vec<&str> = signature.lines().collect();
    assert_eq!(lines.len(), 4);
    assert_eq!(lines[2], format!("trusted comment: {object}"));
    let public = read(desk.path("state/signing.pub"));
    // The reference implementation's own reading of both files.
    let key =
        minisign::PublicKeyBox::from_string(&public).and_then(minisign::PublicKeyBox::into_public_key).expect("a key");
    let signed = minisign::SignatureBox::from_string(&signature).expect("a signature");
    minisign::verify(&key, &signed, std::io::Cursor::new(manifest.as_bytes()), true, false, false).expect("it holds");
    if has("minisign") {
        shell(&desk.repo(), &format!("minisign -V -q -p ../state/signing.pub -m {object}"));
    }
}

#[cfg(feature = "crypt")]
#[test]
fn an_encrypted_backup_is_unpacked_with_age() {
    let desk = Desk::new();
    let (identity, recipient) = super::age_key(&desk);
    let bytes = dump(200, 1);
    let name = desk.good(&desk.write("dump.rdb", &bytes), "prod", &["--recipient", &recipient]);
    let folder = folder(&desk, &name);
    assert!(sums_hold(&folder));
    // What `age -d` does, with its own library.
    let key: age::x25519::Identity = fs::read_to_string(&identity).expect("a key").trim().parse().expect("a key");
    let sealed = fs::read(folder.join("dump.rdb.zst.age")).expect("an object");
    let packed = age::decrypt(&key, &sealed).expect("it opens");
    assert!(zstd::decode_all(&*packed).expect("a stream") == bytes, "other bytes");
    if has("age") && has("zstd") {
        shell(&folder, &format!("age -d -i {} dump.rdb.zst.age | zstd -q -d > out", identity.display()));
        assert!(fs::read(folder.join("out")).expect("a file") == bytes, "other bytes");
    }
}

#[test]
fn a_log_in_parts_lies_under_the_names_that_its_server_gave() {
    let desk = Desk::new();
    let set = fixture("aof/redis-8.6");
    let name = desk.good(&set, "prod", &["--compression", "none"]);
    let folder = folder(&desk, &name);
    super::same_set(&folder, &set);
}
