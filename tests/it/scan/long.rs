//! Values that are long, and records that break off.

use super::{found, options, rule_file, run, scanned};
use crate::support::dumps::{How, origin};
use crate::support::rdb::{Builder, len, text};
use serde_json::{Value, json};
use sha2::Digest;
use std::fs;

#[test]
fn a_large_value_is_scanned_from_its_beginning_to_its_end() {
    let mut value = vec![b'-'; 24 << 20];
    let middle = value.len() / 2;
    let end = value.len() - 6;
    for at in [0, middle, end] {
        value[at..at + 6].copy_from_slice(b"MARKER");
    }
    let mut dump = Builder::redis(11);
    dump.select(0).string(b"large", &value).key(4, b"hash").raw(&len(1)).raw(&text(b"MARKERfield")).raw(&text(&value));
    let member = [b"MARKER ".to_vec(), vec![b' '; 2 << 20]].concat();
    dump.table(2, b"set", &[&member, b"b"]);
    let findings = found(&dump.finish());
    assert_eq!(findings.len(), 4);
    assert_eq!((findings[0].match_offset, findings[0].matches), (Some(0), 3));
    let of_hash: Vec<_> = findings.iter().filter(|finding| finding.key_type.as_deref() == Some("hash")).collect();
    for finding in of_hash {
        let field = finding.element.as_ref().and_then(|at| at.field.as_ref()).expect("a field");
        assert_eq!(field.escaped(), "MARKERfield");
    }
    let hash = rediscover::report::hex(&sha2::Sha256::digest(&member)[..8]);
    let element = findings[3].element.as_ref().expect("a member");
    assert_eq!((element.index, element.member_sha256.as_deref()), (Some(0), Some(hash.as_str())));
}

#[test]
fn a_long_list_is_scanned_to_its_end() {
    let mut dump = Builder::redis(11);
    let items = 200_000;
    dump.select(0).key(1, b"list").raw(&len(items));
    for n in 0..items {
        let marked = [0, items / 2, items - 1].contains(&n);
        dump.raw(&text(if marked { b"MARKER" } else { b"item" }));
    }
    let bytes = dump.finish();
    for how in [How::default(), How { threads: 3, batch_bytes: 4096 }] {
        let findings = scanned(origin(bytes.clone()), &options(how)).scan.findings;
        let indexes: Vec<_> = findings.iter().map(|one| one.element.as_ref().and_then(|at| at.index)).collect();
        assert_eq!(indexes, [Some(0), Some(items / 2), Some(items - 1)]);
    }
}

#[test]
fn a_dump_that_breaks_off_is_scanned_up_to_there() {
    let mut dump = Builder::redis(11);
    dump.select(0).string(b"one", b"MARKER").key(1, b"list").raw(&len(10)).raw(&text(b"x")).raw(&text(b"MARKER"));
    let (folder, rules) = rule_file();
    let path = folder.path().join("dump.rdb");
    fs::write(&path, dump.cut()).expect("a file");
    let output = run(&path, &rules, &["--format", "json", "--fail-on", "never"]);
    assert_eq!(output.0, Some(3));
    let report: Value = serde_json::from_str(&output.1).expect("JSON");
    let findings = report["findings"].as_array().expect("findings");
    assert_eq!(findings.len(), 2);
    let list = findings.iter().find(|finding| finding["key"] == "list").expect("a finding");
    assert_eq!((&list["element"]["index"], &list["notes"][0]), (&json!(1), &json!("its record breaks off")));

    // In the middle of a string that is too long to be held.
    let long = [b"MARKER ".to_vec(), vec![b'x'; 3 << 20]].concat();
    let whole = Builder::redis(11).select(0).string(b"long", &long).cut();
    let findings = found(&whole[..whole.len() - 1000]);
    assert_eq!(findings.iter().map(|finding| finding.match_offset).collect::<Vec<_>>(), [Some(0)]);
}
