//! Commands in a log: what of them is scanned, and when they were.

use super::{found, of};
use crate::support::log::command;
use rediscover::report::{KeyName, Where};

#[test]
fn commands_are_scanned_as_lines_and_their_values_once() {
    let mut log = Vec::new();
    let commands: [&[&[u8]]; 7] = [
        &[b"SELECT", b"3"],
        &[b"EVAL", b"return 'MARKER'", b"0"],
        &[b"SET", b"k", b"MARKER"],
        &[b"MSET", b"a", b"MARKER", b"b", b"MARKER"],
        &[b"NOSUCH.COMMAND", b"x", b"MARKER"],
        &[b"FUNCTION", b"LOAD", b"#!lua name=mylib\nMARKER"],
        &[b"PUBLISH", b"channel", b"MARKER"],
    ];
    for words in commands {
        log.extend(command(words));
    }
    let findings = found(&log);
    let told: Vec<_> = findings
        .iter()
        .map(|one| {
            let element = one.element.clone().unwrap_or_default();
            (one.place.name(), one.db, one.key.as_ref().map(KeyName::escaped), element.argument)
        })
        .collect();
    assert_eq!(
        told,
        [
            ("command", Some(3), None, Some(1)),
            ("value", Some(3), Some("k".into()), None),
            ("value", Some(3), Some("a".into()), None),
            ("value", Some(3), Some("b".into()), None),
            ("command", Some(3), None, Some(2)),
            // Once, though it stands in the command too.
            ("function", None, None, None),
            ("command", Some(3), None, Some(2)),
        ]
    );
}

/// A command's time is that of the last annotation before it.
#[test]
fn a_finding_in_a_command_has_its_time() {
    let mut log = command(&["PUBLISH", "news", "MARKERa"]);
    log.extend_from_slice(b"#TS:1760000000\r\n");
    log.extend(command(&["SET", "k", "v"]));
    log.extend(command(&["PUBLISH", "news", "MARKERb"]));
    let findings = found(&log);
    let times: Vec<_> = of(&findings, "T-MARK").iter().map(|finding| (finding.place, finding.at.as_deref())).collect();
    let time = Some("2025-10-09T08:53:20.000Z");
    assert_eq!(times, [(Where::Command, None), (Where::Command, time)]);
}
