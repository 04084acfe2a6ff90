//! Other people's logs, and those whose every command is known: read as they are, and judged as the server's own tool
//! judges them.

use crate::support::dumps::{Dump, How, check_json, corpus_root, file, under};
use crate::support::log::{Row, read};
use crate::support::servers::ServerSpec;
use rediscover::base::UnixMs;
use rediscover::source::{Hashes, open};
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

/// Every log of the corpus: plain, with a preamble, increments.
fn logs(root: &Path) -> Vec<Dump> {
    let found = under(root, ".aof");
    assert!(found.len() >= 14, "the corpus is not whole: {}", found.len());
    found
}

fn rows(log: &Dump, how: How) -> Vec<Row> {
    let mut stream = open(&file(&log.path), Hashes::default(), Arc::new(rediscover::base::Silent)).expect("it opens");
    read(&mut stream, how)
}

/// What redis-check-aof says: whether the log is valid, and up to where it is.
fn tool(spec: &ServerSpec, log: &Dump) -> (bool, Option<u64>) {
    let output = Command::new(spec.program("check-aof")).arg(&log.path).output().expect("check-aof runs");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let up_to = said.split("ok_up_to=").nth(1).and_then(|text| text.split(',').next()?.parse().ok());
    (output.status.success() && said.contains("is valid"), up_to)
}

#[test]
fn every_log_is_judged_as_the_servers_own_tool_judges_it() {
    let Some(root) = corpus_root() else { return };
    let spec = ServerSpec::named("redis-8.6");
    let mut broken = Vec::new();
    for log in logs(&root) {
        let report = check_json(&file(&log.path), How::default());
        for how in [How { threads: 1, batch_bytes: 4096 }, How { threads: 4, batch_bytes: 5003 }] {
            assert_eq!(report, check_json(&file(&log.path), how), "{}: {how:?}", log.name);
            assert!(rows(&log, How::default()) == rows(&log, how), "{}: {how:?}", log.name);
        }
        let intact = report["verdict"] == "intact";
        let first = report.pointer("/log/first_damage/offset").and_then(Value::as_u64);
        assert_eq!(intact, first.is_none(), "{}: {report}", log.name);
        if !intact {
            let place = report["log"]["first_damage"]["lost_bytes"].as_u64().expect("a count");
            broken.push((log.name.clone(), report["verdict"].as_str().expect("a verdict").to_owned(), first, place));
        }
        if let Some(spec) = &spec {
            let (valid, up_to) = tool(spec, &log);
            assert_eq!(intact, valid, "{}: {report}", log.name);
            // It says where the last good command ends; here it is said where the bad one has its fault.
            let agrees = first.is_none() || up_to <= first && first < up_to.map(|up_to| up_to + 100);
            assert!(agrees, "{}: {first:?}, the tool says {up_to:?}", log.name);
        }
    }
    broken.sort();
    let names: Vec<_> = broken.iter().map(|(name, verdict, ..)| (name.as_str(), verdict.as_str())).collect();
    let expected = [
        ("made/aof-corrupt-middle.aof", "damaged"),
        ("made/aof-truncated-in-command.aof", "truncated"),
        ("made/aof-truncated-in-multi.aof", "truncated"),
    ];
    assert_eq!(names, expected, "{broken:?}");
}

/// `['SET a 1', '#TS:1']` as Python prints it: the strings.
fn strings(list: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = list.trim().strip_prefix('[').expect("a list");
    while let Some(quote) = rest.trim_start_matches([',', ' ']).chars().next().filter(|c| *c != ']') {
        rest = rest.trim_start_matches([',', ' ']).strip_prefix(quote).expect("a quote");
        let mut text = String::new();
        let mut chars = rest.char_indices();
        loop {
            let (at, c) = chars.next().expect("an end");
            if c == quote {
                rest = &rest[at + 1..];
                break;
            }
            if c != '\\' {
                text.push(c);
                continue;
            }
            match chars.next().expect("an escape").1 {
                'x' => {
                    let digits: String = chars.by_ref().take(2).map(|(_, digit)| digit).collect();
                    text.push(char::from(u8::from_str_radix(&digits, 16).expect("a byte")));
                }
                'n' => text.push('\n'),
                'r' => text.push('\r'),
                't' => text.push('\t'),
                other => text.push(other),
            }
        }
        found.push(text);
    }
    found
}

/// What the transcript says stands in the log.
fn transcript(text: &str) -> Vec<String> {
    text.lines()
        .filter_map(|line| line.split_once("=> ["))
        .flat_map(|(_, list)| strings(&format!("[{}", &list[..=list.rfind(']').expect("its end")])))
        .collect()
}

/// A word as the transcript has it: of long ones the length, of others each byte as a character.
fn word(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| char::from(*byte)).collect()
}

#[test]
fn commands_are_those_of_the_transcripts() {
    let Some(root) = corpus_root() else { return };
    for name in ["redis-7.0.15", "redis-8.6.3"] {
        let text = fs::read_to_string(root.join(format!("made/{name}-aof-allcommands.txt"))).expect("a transcript");
        let path = root.join(format!("made/{name}-aof-allcommands/appendonly.aof.1.incr.aof"));
        let log = Dump { name: name.into(), path };
        let mut time = None;
        let mut found = Vec::new();
        for row in rows(&log, How { threads: 3, batch_bytes: 4096 }) {
            assert!(row.name.is_some(), "{name}: {row:?}");
            if row.time != time {
                time = row.time;
                let UnixMs(ms) = time.expect("a time");
                found.push(format!("#TS:{}", ms / 1000));
            }
            let words: Vec<_> = row.words().iter().map(|bytes| word(bytes)).collect();
            found.push(words.join(" "));
        }
        let expected = transcript(&text);
        let mut left = expected.iter().peekable();
        let mut unnoted = Vec::new();
        for found in &found {
            let same = left.peek().is_some_and(|expected| match expected.split_once('<') {
                // `FUNCTION LOAD <100B>`: a word that was too long for the notes.
                Some((before, length)) => {
                    let length: usize = length.trim_end_matches("B>").parse().expect("a length");
                    found.strip_prefix(before).is_some_and(|rest| rest.chars().count() == length)
                }
                None => *expected == found,
            });
            if same {
                left.next();
            } else {
                unnoted.push(found.as_str());
            }
        }
        assert_eq!(left.next(), None, "{name}: not found in its place");
        // What the script did without taking notes.
        unnoted.retain(|found| !found.starts_with("#TS:"));
        assert_eq!(unnoted, ["SELECT 0", "FLUSHALL", "SET q val"], "{name}");
        assert!(expected.len() > 80, "{name}: only {}", expected.len());
    }
}
