//! Fixtures with one thing wrong, which their name says: what `check` says of each.

use crate::support::dumps::{program, under};
use serde_json::Value;
use std::path::Path;
use std::process::Command;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn every_broken_fixture_is_called_what_it_is() {
    let dumps = under(&root().join("fixtures/broken"), ".rdb");
    assert!(dumps.len() >= 25, "fixtures are missing");
    for dump in dumps {
        let output = program(&["check", &dump.name, "--format", "json"])
            .current_dir(root().join("fixtures/broken"))
            .output()
            .expect("the program starts");
        let mut report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        let code = output.status.code();
        assert_eq!(report["exit"]["code"].as_i64(), code.map(i64::from), "{}", dump.name);
        let source = &report["sources"][0];
        let harmless = source["verdict"] == "intact";
        assert_eq!(code, Some(if harmless { 0 } else { 3 }), "{}", dump.name);
        assert!(
            source["problems"].as_array().is_some_and(|problems| !problems.is_empty()),
            "{}: nothing found",
            dump.name
        );
        // Who loads it has tests of its own.
        for (object, field) in [("", "provenance"), ("/sources/0", "loads_on")] {
            report.pointer_mut(object).and_then(Value::as_object_mut).expect("an object").remove(field);
        }
        let text = serde_json::to_string_pretty(&report).expect("JSON");
        insta::assert_snapshot!(format!("broken_{}", dump.name.trim_end_matches(".rdb")), text);
    }
}

#[test]
fn broken_fixtures_are_what_the_script_makes() {
    let again = tempfile::tempdir().expect("a folder");
    let made = Command::new(root().join("scripts/make-broken")).arg(again.path()).output().expect("bash");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let bytes = |folder: &Path| -> Vec<_> {
        under(folder, ".rdb").iter().map(|dump| (dump.name.clone(), dump.bytes())).collect()
    };
    assert!(bytes(again.path()) == bytes(&root().join("fixtures/broken")), "run scripts/make-broken");
}
