//! `timeline`: what was done, and when.

use crate::support::dumps::{Dump, How, corpus_root, file, fixtures, origin, program, under};
use crate::support::rdb::Builder;
use crate::support::servers::{ServerSpec, start};
use rediscover::analysis::{Bucket, CheckOptions, Timeline, TimelineOptions, Timelined, check};
use rediscover::base::UnixMs;
use rediscover::pipeline::Filter;
use rediscover::render::{Look, TimelineForm, TimelineWriter};
use rediscover::report::{Certainty, ClockKind, TimelineGroup, TimelineLine, TimelineRow, Verdict};
use rediscover::source::Origin;
use serde_json::Value;
use std::io::Write;
use std::path::Path;
use std::process::Stdio;
use std::time::{SystemTime, UNIX_EPOCH};

const FORMS: [TimelineForm; 5] =
    [TimelineForm::Text, TimelineForm::Jsonl, TimelineForm::Csv, TimelineForm::Timesketch, TimelineForm::Html];

/// Commands as a log holds them; `#` begins an annotation.
fn log(lines: &[&[&[u8]]]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for words in lines {
        if let [note] = words
            && note.starts_with(b"#")
        {
            bytes.extend_from_slice(note);
            bytes.extend_from_slice(b"\r\n");
            continue;
        }
        bytes.extend(format!("*{}\r\n", words.len()).bytes());
        for word in *words {
            bytes.extend(format!("${}\r\n", word.len()).bytes());
            bytes.extend_from_slice(word);
            bytes.extend_from_slice(b"\r\n");
        }
    }
    bytes
}

/// The same of words without blanks.
fn log_of(text: &str) -> Vec<u8> {
    let lines: Vec<Vec<&[u8]>> =
        text.lines().filter(|line| !line.is_empty()).map(|line| line.split(' ').map(str::as_bytes).collect()).collect();
    log(&lines.iter().map(Vec::as_slice).collect::<Vec<_>>())
}

fn lines_and_end(origin: &Origin, options: TimelineOptions) -> (Vec<TimelineLine>, Timelined) {
    let mut lines = Vec::new();
    let mut deliver = |line: &TimelineLine| {
        lines.push(line.clone());
        Ok(true)
    };
    let mut timeline = Timeline::new(options, &mut deliver);
    let timelined = timeline.source(origin);
    timeline.finish().expect("a vector takes everything");
    (lines, timelined)
}

fn lines(origin: &Origin, options: TimelineOptions) -> Vec<TimelineLine> {
    let (lines, timelined) = lines_and_end(origin, options);
    timelined.outcome.expect("it can be read");
    lines
}

fn rows(bytes: Vec<u8>, options: TimelineOptions) -> Vec<TimelineRow> {
    let row = |line| match line {
        TimelineLine::Row(row) => *row,
        TimelineLine::Group(group) => panic!("a group: {group:?}"),
    };
    lines(&origin(bytes), options).into_iter().map(row).collect()
}

fn options() -> TimelineOptions {
    TimelineOptions { run: How::default().options(), ..TimelineOptions::default() }
}

fn of_key(key: &[u8]) -> TimelineOptions {
    TimelineOptions { key: Some(key.to_vec()), ..options() }
}

fn document(form: TimelineForm, origin: &Origin, options: TimelineOptions) -> String {
    let mut writer = TimelineWriter::new(form, Look::default(), options.by.is_some());
    let mut out = Vec::new();
    writer.begin(&mut out).expect("written");
    for line in lines(origin, options) {
        writer.line(&line, &mut out).expect("written");
    }
    writer.end(&mut out).expect("written");
    String::from_utf8(out).expect("UTF-8")
}

fn ms(row: &TimelineRow) -> (Option<i64>, Option<i64>) {
    let (low, high) = row.bounds();
    (low.map(|at| at.0), high.map(|at| at.0))
}

fn commands(rows: &[TimelineRow]) -> Vec<&str> {
    rows.iter().map(|row| row.command.as_deref().unwrap_or("-")).collect()
}

#[test]
fn what_bounds_the_time_of_a_command() {
    let bytes = log_of(
        "SELECT 0\nSET a 1\nXADD s 1795380500000-0 f v\nSET k v PXAT 1795380620000\nSET b 2\nPEXPIREAT b 1795380550000\n\
         SET c 3\n#TS:1795380560\nSET d 4\nXADD s 5-1 f v\nSET e 5",
    );
    let rows = rows(bytes, options());
    let id = 1_795_380_500_000;
    let expiry = 1_795_380_550_000;
    let noted = 1_795_380_560_000;
    let bounds: Vec<_> = rows.iter().map(ms).collect();
    assert_eq!(
        bounds,
        [
            (None, Some(id)),
            (None, Some(id)),
            (Some(id), Some(id)),
            (Some(id), Some(expiry)),
            (Some(id), Some(expiry)),
            (Some(id), Some(expiry)),
            (Some(id), Some(noted + 999)),
            (Some(noted), Some(noted + 999)),
            (Some(noted), Some(noted + 999)),
            (Some(noted), Some(noted + 999)),
        ]
    );
    assert_eq!(rows[3].not_before_from, Some(ClockKind::StreamId));
    assert_eq!(rows[3].not_after_from, Some(ClockKind::Expiry));
    assert_eq!(rows[6].not_after_from, Some(ClockKind::Annotation));
    assert!(rows[..7].iter().all(|row| row.certainty == Certainty::Inferred));
    assert!(rows[7..].iter().all(|row| row.certainty == Certainty::Observed));
    // Microseconds, as Timesketch counts.
    assert_eq!(rows[7].timestamp, Some(noted * 1000));
    assert_eq!(rows[0].timestamp_desc, "Command logged, not after");
    assert_eq!(rows[2].timestamp_desc, "Command logged");
    assert_eq!(rows[3].timestamp_desc, "Command logged, not before");
    let places: Vec<_> = rows.iter().take(3).map(|row| (row.offset, row.line, row.db)).collect();
    assert_eq!(places, [(Some(0), Some(1), Some(0)), (Some(23), Some(6), Some(0)), (Some(50), Some(13), Some(0))]);
}

#[test]
fn ids_that_clients_made_up_bound_nothing() {
    // Older than the annotation, from before there were streams, after an expiry of later.
    for id in ["1795380000000-1", "7-7", "4102444800000-0"] {
        let bytes = log_of(&format!("#TS:1795380560\nSET a 1\nXADD s {id} f v\nSET k v PXAT 1795380570000"));
        let rows = rows(bytes, options());
        let noted = (Some(1_795_380_560_000), Some(1_795_380_560_999));
        assert!(rows.iter().all(|row| ms(row) == noted), "{id}");
    }
    let bytes = log_of("SET a 1\nXADD s 4102444800000-0 f v\nSET k v PXAT 1795380570000\nSET b 1");
    let found: Vec<_> = rows(bytes, options()).iter().map(ms).collect();
    let (far, expiry) = (4_102_444_800_000, 1_795_380_570_000);
    assert_eq!(found, [(None, Some(expiry)), (None, Some(expiry)), (None, Some(expiry)), (Some(far), None)]);
}

#[test]
fn after_damage_an_annotation_may_be_missing() {
    let mut bytes = log_of("#TS:1795380560\nSET a 1");
    bytes.extend_from_slice(b"*3\r\n$3\r\nSET\r\n$9\r\nb\r\n$1\r\nx\r\n");
    bytes.extend(log_of("SET c 1\nSET d 1\nSET e 1\nSET f 1\n#TS:1795380570\nSET g 1"));
    let (lines, end) = lines_and_end(&origin(bytes), options());
    let ends = end.outcome.expect("it can be read");
    assert_eq!(ends[0].verdict, Some(Verdict::Damaged));
    let rows: Vec<_> = lines
        .iter()
        .filter_map(|line| match line {
            TimelineLine::Row(row) => Some(&**row),
            TimelineLine::Group(_) => None,
        })
        .collect();
    let (first, last) = (rows[0], rows[rows.len() - 1]);
    assert_eq!((first.certainty, first.after_damage), (Certainty::Observed, false));
    assert_eq!((last.certainty, last.after_damage), (Certainty::Observed, true));
    let between = rows[1];
    assert_eq!(rows.len(), 6, "{rows:#?}");
    assert_eq!((between.certainty, between.after_damage), (Certainty::Inferred, true));
    assert_eq!(ms(between), (Some(1_795_380_560_000), Some(1_795_380_570_999)));
    assert!(between.message.contains("after damage"), "{}", between.message);
}

#[test]
fn one_key_with_all_that_happened_to_it() {
    let bytes = log(&[
        &[b"SET", b"other", b"hidden"],
        &[b"MSET", b"a", b"1", b"k", b"two", b"c", b"3"],
        &[b"SELECT", b"1"],
        &[b"RPUSH", b"k", b"\xff", &[b'x'; 2000]],
        &[b"FLUSHDB"],
        &[b"DEL", b"other", b"k"],
        &[b"RENAME", b"k", b"new"],
    ]);
    let rows = rows(bytes, of_key(b"k"));
    assert_eq!(commands(&rows), ["mset", "rpush", "flushdb", "del", "rename"]);
    let values = |row: &TimelineRow| serde_json::to_value(&row.values).expect("JSON");
    assert_eq!(values(&rows[0]), serde_json::json!(["two"]));
    assert_eq!(values(&rows[1])[0], serde_json::json!({"base64": "/w=="}));
    assert_eq!(values(&rows[1])[1]["bytes"], 2000);
    assert!(rows.iter().all(|row| row.command.as_deref() == Some("flushdb")
        || row.key.as_ref().map(rediscover::report::KeyName::head) == Some(b"k")));
    assert_eq!((rows[3].key_count, rows[3].db), (Some(2), Some(1)));
    assert_eq!(commands(&super::timeline::rows(log_of("SET other hidden"), of_key(b"k"))), [""; 0]);
    assert!(!document(TimelineForm::Jsonl, &origin(log_of("SET k hidden")), options()).contains("hidden"));
}

#[test]
fn only_keys_that_are_gone_at_the_end() {
    let gone = |text: &str| {
        let rows = rows(log_of(text), TimelineOptions { only_deleted: true, ..options() });
        rows.iter().map(|row| row.message.split(',').next().unwrap_or_default().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(
        gone("SET a 1\nSET b 1\nDEL a\nSET c 1\nUNLINK c\nSET c 2"),
        ["SET \"a\"", "DEL \"a\""],
        "deleted, and not written again"
    );
    assert_eq!(
        gone("SET a 1\nSELECT 1\nSET a 1\nFLUSHDB\nSET b 1"),
        ["SET \"a\"", "FLUSHDB"],
        "the key of the database that was emptied"
    );
    assert_eq!(gone("SET a 1\nFLUSHALL\nSET b 1\nSET a 1"), ["FLUSHALL"], "written again");
    assert_eq!(gone("SET a 1\nRENAME a b\nSET c 1"), ["SET \"a\"", "RENAME \"a\" and 1 more key"]);
    assert_eq!(gone("SET a 1\nMOVE a 3"), ["SET \"a\"", "MOVE \"a\""]);
    assert_eq!(
        gone("SET a 1\nSELECT 1\nSET b 1\nSWAPDB 0 1\nDEL a\nSELECT 0\nSET x 1"),
        ["SET \"a\"", "SWAPDB 0 and 1", "DEL \"a\""],
        "a database changes its number, not its keys"
    );
    let rows = rows(
        [Builder::redis(11).string(b"was there", b"x").string(b"stays", b"x").finish(), log_of("DEL was-there")]
            .concat(),
        TimelineOptions { only_deleted: true, ..options() },
    );
    assert_eq!(commands(&rows), ["del"]);
}

#[test]
fn a_dump_has_clocks_too() {
    for server in ["redis-8.6", "valkey-9.1"] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/rdb").join(server).join("all-types.rdb");
        if !path.is_file() {
            continue;
        }
        let found = lines(&file(&path), options());
        let mut names: Vec<_> = found
            .iter()
            .map(|line| match line {
                TimelineLine::Row(row) => row.timestamp_desc.to_string(),
                TimelineLine::Group(_) => String::new(),
            })
            .collect();
        names.sort();
        names.dedup();
        for expected in ["Snapshot taken", "Key expires", "Consumer last seen", "Consumer last active"] {
            assert!(names.iter().any(|name| name == expected), "{server}: {expected}: {names:?}");
        }
        for line in &found {
            let TimelineLine::Row(row) = line else { continue };
            assert!(row.datetime.is_some() && row.offset.is_some() && !row.message.is_empty(), "{row:?}");
        }
    }
    // The idle time of a key, from the moment of the snapshot back.
    let dump = fixtures().into_iter().find(|dump| {
        lines(&file(&dump.path), options())
            .iter()
            .any(|line| matches!(line, TimelineLine::Row(row) if row.timestamp_desc == "Key last accessed"))
    });
    assert!(dump.is_some(), "no fixture has idle times");
}

#[test]
fn filters_see_the_keys_of_commands() {
    let text =
        "SET user:1 a\nSELECT 2\nMSET x 1 user:2 b\nHSET h f v\nDEL user:1\nMULTI\nEXEC\nFLUSHALL\nNOSUCH user:3";
    let found = |options: TimelineOptions| {
        let rows = rows(log_of(text), options);
        rows.iter().map(|row| row.command.clone().unwrap_or_default().into_owned()).collect::<Vec<_>>().join(" ")
    };
    let with = |filter: Filter| found(TimelineOptions { filter, ..options() });
    assert_eq!(found(options()), "set select mset hset del multi exec flushall nosuch");
    assert_eq!(with(Filter { globs: vec![b"user:*".to_vec()], ..Filter::default() }), "set mset del");
    assert_eq!(with(Filter { dbs: vec![0], ..Filter::default() }), "set select flushall");
    assert_eq!(with(Filter { types: vec![rediscover::keyspace::Type::Hash], ..Filter::default() }), "hset");
    let commands = |names: &[&str]| {
        found(TimelineOptions { commands: names.iter().map(|name| (*name).to_owned()).collect(), ..options() })
    };
    assert_eq!(commands(&["del", "mset"]), "mset del");
    assert_eq!(commands(&["nosuch"]), "nosuch");
    let groups = log_of("XGROUP CREATE s g 0-0 MKSTREAM\nXGROUP SETID s g 0-0");
    let of = |name: &str| rows(groups.clone(), TimelineOptions { commands: vec![name.into()], ..options() }).len();
    assert_eq!((of("xgroup"), of("xgroup|setid"), of("set")), (2, 1, 0));
}

#[test]
fn a_window_keeps_what_can_have_been_in_it() {
    let text = "SET a 1\n#TS:1795380560\nSET b 1\n#TS:1795380600\nSET c 1\n#TS:1795380700\nSET d 1";
    let found = |since: Option<i64>, until: Option<i64>| {
        let window = TimelineOptions { since: since.map(UnixMs), until: until.map(UnixMs), ..options() };
        rows(log_of(text), window).iter().map(|row| row.key.as_ref().expect("a key").escaped()).collect::<String>()
    };
    assert_eq!(found(None, None), "abcd");
    assert_eq!(found(Some(1_795_380_600_500), None), "cd");
    assert_eq!(found(None, Some(1_795_380_600_000)), "abc");
    assert_eq!(found(Some(1_795_380_561_000), Some(1_795_380_599_999)), "");
    let limited = |limit| rows(log_of(text), TimelineOptions { limit: Some(limit), ..options() }).len();
    assert_eq!((limited(0), limited(2), limited(9)), (0, 2, 4));
}

fn groups(origin: &Origin, by: Bucket) -> Vec<TimelineGroup> {
    let group = |line| match line {
        TimelineLine::Group(group) => group,
        TimelineLine::Row(row) => panic!("a row: {row:?}"),
    };
    lines(origin, TimelineOptions { by: Some(by), ..options() }).into_iter().map(group).collect()
}

fn logs() -> Vec<Dump> {
    corpus_root().map(|root| under(&root, ".aof")).unwrap_or_default()
}

#[test]
fn groups_are_the_sums_of_their_rows() {
    for dump in logs() {
        let origin = file(&dump.path);
        let rows = lines(&origin, options());
        for by in [Bucket::Second, Bucket::Minute] {
            let groups = groups(&origin, by);
            let of = |value: fn(&TimelineGroup) -> u64| groups.iter().map(value).sum::<u64>();
            let in_rows = |value: fn(&TimelineRow) -> u64| {
                let row = |line: &TimelineLine| match line {
                    TimelineLine::Row(row) => value(row),
                    TimelineLine::Group(_) => 0,
                };
                rows.iter().map(row).sum::<u64>()
            };
            let name = &dump.name;
            let of_commands = of(|group| group.commands.values().sum());
            assert_eq!(of_commands, in_rows(|row| u64::from(row.command.is_some())), "{name}");
            let of_others = of(|group| group.others.values().sum());
            assert_eq!(of_others, in_rows(|row| u64::from(row.command.is_none())), "{name}");
            assert_eq!(of(|group| group.bytes), in_rows(|row| row.bytes.unwrap_or_default()), "{name}");
            assert_eq!(of(|group| group.keys_touched), in_rows(|row| row.key_count.unwrap_or_default()), "{name}");
            assert_eq!(of(|group| group.deletes), in_rows(|row| u64::from(row.effect == Some("delete"))), "{name}");
            assert_eq!(of(|group| group.flushes), in_rows(|row| u64::from(row.effect == Some("flush"))), "{name}");
        }
    }
}

#[test]
fn every_command_of_a_log_is_a_row_and_the_verdict_is_that_of_check() {
    for dump in logs() {
        let origin = file(&dump.path);
        let (lines, end) = lines_and_end(&origin, options());
        let ends = end.outcome.unwrap_or_else(|error| panic!("{}: {error}", dump.name));
        let checked = check(&origin, &CheckOptions { run: How::default().options(), ..CheckOptions::default() });
        let checked = checked.outcome.expect("it can be read");
        let commands =
            lines.iter().filter(|line| matches!(line, TimelineLine::Row(row) if row.command.is_some())).count() as u64;
        assert_eq!(commands, checked.log.map_or(0, |log| log.totals.commands), "{}", dump.name);
        // What only shows inside values does not show here.
        let sound = |verdict: Option<Verdict>| verdict.is_none_or(|verdict| verdict == Verdict::Intact);
        assert_eq!(sound(ends[0].verdict), sound(Some(checked.verdict)), "{}", dump.name);
    }
}

#[test]
fn threads_and_batches_change_nothing() {
    let mut dumps = logs();
    dumps.extend(fixtures());
    for dump in dumps {
        let ways = [(1, 256 << 10), (8, 256 << 10), (8, 4096), (2, 5003)];
        let with = |(threads, batch_bytes), options: TimelineOptions| {
            let run = How { threads, batch_bytes }.options();
            document(TimelineForm::Jsonl, &file(&dump.path), TimelineOptions { run, ..options })
        };
        let asked = [
            TimelineOptions::default(),
            TimelineOptions { only_deleted: true, ..TimelineOptions::default() },
            TimelineOptions { key: Some(b"a".to_vec()), ..TimelineOptions::default() },
            TimelineOptions { by: Some(Bucket::Second), ..TimelineOptions::default() },
        ];
        for options in asked {
            let all: Vec<_> = ways.iter().map(|way| with(*way, options.clone())).collect();
            assert!(all.iter().all(|one| *one == all[0]), "{}: {options_key:?}", dump.name, options_key = options.key);
        }
    }
}

/// Terminal escapes, formulas, markup, separators, bytes that are no text.
const HOSTILE: [&[u8]; 10] = [
    b"\x1b[2J\x1b]0;owned\x07",
    b"=cmd|' /C calc'!A0",
    b"+1",
    b"-1+1",
    b"@SUM(A1)",
    b"<script>alert(1)</script>",
    b"\"><img src=x onerror=alert(1)>",
    b"a,b\r\nc\td",
    "x\u{202e}y\u{200b}".as_bytes(),
    b"\xff\x00\xfe",
];

#[test]
fn nothing_in_a_key_or_value_gets_out() {
    let mut words: Vec<Vec<&[u8]>> = Vec::new();
    for bytes in HOSTILE {
        words.push(vec![b"SET", bytes, bytes]);
        words.push(vec![bytes, b"key"]);
        words.push(vec![b"HSET", b"target", bytes, bytes]);
        words.push(vec![b"FUNCTION", b"LOAD", b"#!lua name=<b>\x1b\n"]);
    }
    let bytes = log(&words.iter().map(Vec::as_slice).collect::<Vec<_>>());
    let source = Origin { name: "<i>\u{1b}[1m".into(), ..origin(bytes) };
    for asked in [options(), of_key(b"target"), of_key(HOSTILE[0])] {
        for form in FORMS {
            // Timesketch takes no rows without a time.
            let text = document(form, &source, asked.clone());
            // JSON is for programs, and never lossy: what only looks wrong stays there.
            let is_json = form == TimelineForm::Jsonl;
            let is_hidden = |c: char| (c.is_control() && c != '\n') || (!is_json && "\u{202e}\u{200b}".contains(c));
            assert!(!text.contains(is_hidden), "{form:?}: {:?}", text.chars().find(|c| is_hidden(*c)));
            match form {
                TimelineForm::Html => {
                    assert!(!text.contains("<script") && !text.contains("<img") && !text.contains("<i>"), "{text}");
                    assert!(!text.contains("<b>"));
                    assert!(text.contains("default-src 'none'"));
                }
                TimelineForm::Csv => {
                    for row in csv(&text) {
                        let formula = |cell: &String| cell.starts_with(['=', '+', '-', '@']);
                        assert!(!row.iter().any(formula), "{row:?}");
                        assert_eq!(row.len(), 30);
                    }
                }
                TimelineForm::Jsonl | TimelineForm::Timesketch => {
                    text.lines().for_each(|line| drop(serde_json::from_str::<Value>(line).expect("JSON")));
                }
                TimelineForm::Text => assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}"),
            }
        }
    }
}

/// Cells of comma-separated values, as a spreadsheet reads them.
fn csv(text: &str) -> Vec<Vec<String>> {
    let (mut rows, mut row, mut cell, mut inside) = (Vec::new(), Vec::new(), String::new(), false);
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' if inside && chars.peek() == Some(&'"') => {
                chars.next();
                cell.push('"');
            }
            '"' => inside = !inside,
            ',' if !inside => row.push(std::mem::take(&mut cell)),
            '\n' if !inside => {
                row.push(std::mem::take(&mut cell));
                rows.push(std::mem::take(&mut row));
            }
            c => cell.push(c),
        }
    }
    assert!(!inside && cell.is_empty() && row.is_empty(), "cut short");
    rows
}

#[test]
fn a_torn_log_or_dump_gives_what_stands_before() {
    let mut bytes = log_of("SET a 1\nSET b 2");
    bytes.truncate(bytes.len() - 3);
    let (lines, end) = lines_and_end(&origin(bytes), options());
    assert_eq!(lines.len(), 1);
    assert_eq!(end.outcome.expect("it can be read")[0].verdict, Some(Verdict::Truncated));
    for dump in under(&Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/broken"), ".rdb") {
        let (_, end) = lines_and_end(&file(&dump.path), options());
        assert!(end.outcome.is_ok(), "{}", dump.name);
    }
    // Flips everywhere: no panic, and places inside the file.
    let whole =
        log_of("#TS:1795380560\nSELECT 1\nSET k v PXAT 1795380620000\nMULTI\nXADD s 1795380561000-0 f v\nEXEC\nDEL k");
    for at in 0..whole.len() {
        for flip in [0x01, 0x80, 0xff] {
            let mut bytes = whole.clone();
            bytes[at] ^= flip;
            let length = bytes.len() as u64;
            for options in [options(), of_key(b"k"), TimelineOptions { only_deleted: true, ..options() }] {
                for line in lines_and_end(&origin(bytes.clone()), options).0 {
                    let TimelineLine::Row(row) = line else { continue };
                    assert!(row.offset.is_some_and(|at| at < length));
                }
            }
        }
    }
}

fn rediscover_with(folder: &Path, arguments: &[&str]) -> (i32, String, String) {
    let output = program(arguments).current_dir(folder).env_remove("COLUMNS").output().expect("the program starts");
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    (output.status.code().unwrap_or(-1), text(output.stdout), text(output.stderr))
}

#[test]
fn on_the_command_line() {
    let here = tempfile::tempdir().expect("a folder");
    std::fs::write(here.path().join("a.aof"), log_of("SET k v PXAT 1795380620000\nDEL k")).expect("a file");
    std::fs::write(here.path().join("torn.aof"), &log_of("SET k v\nDEL k")[..40]).expect("a file");
    std::fs::write(here.path().join("server.log"), "1:M 23 Nov 2026 10:15:30.123 * a \x1b[2J\n").expect("a file");
    let run = |arguments: &[&str]| rediscover_with(here.path(), arguments);

    insta::assert_snapshot!("timeline_as_text", run(&["timeline", "a.aof", "--key", "k", "--log", "server.log"]).1);
    let (code, out, err) = run(&["timeline", "torn.aof", "--format", "jsonl"]);
    assert_eq!((code, out.lines().count()), (3, 1), "{err}");
    assert!(err.contains("torn.aof: truncated"), "{err}");
    assert_eq!(run(&["timeline", "gone.aof"]).0, 1);
    assert_eq!(run(&["timeline", "a.aof", "gone.aof"]).0, 5);
    assert_eq!(run(&["timeline", "a.aof", "--log", "gone.log"]).0, 5);
    assert_eq!(run(&["timeline", "a.aof", "--by", "second", "--format", "timesketch"]).0, 2);
    assert_eq!(run(&["timeline", "a.aof", "--since", "2026-01-02", "--until", "2026-01-01"]).0, 2);
    assert_eq!(run(&["timeline", "a.aof", "--log-tz", "UTC"]).0, 2);
    let (code, out, err) = run(&["timeline", "a.aof", "--expect-sha256", &"0".repeat(64)]);
    assert_eq!((code, out.contains("SET")), (3, false), "{out}{err}");
    let (_, out, err) = run(&["timeline", "a.aof", "-v", "--limit", "1", "--format", "csv"]);
    assert_eq!(out.lines().count(), 2, "{err}");
    let (code, _, err) = run(&["timeline", "a.aof", "-v"]);
    assert!(code == 0 && err.contains("sha256 "), "{err}");
    assert_eq!(run(&["timeline", "a.aof", "-q"]), (0, String::new(), String::new()));

    for (name, begins) in [("t.jsonl", "{"), ("t.csv", "datetime,"), ("t.html", "<!doctype html>")] {
        assert_eq!(run(&["timeline", "a.aof", "-o", name]).0, 0);
        let text = std::fs::read_to_string(here.path().join(name)).expect("the file");
        assert!(text.starts_with(begins), "{name}: {text}");
    }
    // Nothing half-written stays, and what cannot be read leaves what was there.
    assert_eq!(run(&["timeline", "gone.aof", "-o", "no/folder/t.csv"]).0, 1);
    let names = std::fs::read_dir(here.path()).expect("a folder").count();
    assert_eq!(names, 6);
    assert_eq!(run(&["timeline", "a.aof", "-o", "a.aof"]).0, 2);

    let (_, jsonl, _) = run(&["timeline", "a.aof", "--log", "server.log", "--format", "jsonl"]);
    let last: Value = serde_json::from_str(jsonl.lines().last().expect("a row")).expect("JSON");
    assert_eq!(last["datetime"], "2026-11-23T10:15:30.123Z");
    assert_eq!(last["certainty"], "inferred");
    assert_eq!(last["message"], "a \\x1b[2J");
    let zoned = ["timeline", "a.aof", "--log", "server.log", "--format", "jsonl", "--log-tz", "Europe/Berlin"];
    let (_, jsonl, _) = run(&zoned);
    let last: Value = serde_json::from_str(jsonl.lines().last().expect("a row")).expect("JSON");
    assert_eq!((&last["datetime"], &last["certainty"]), (&"2026-11-23T09:15:30.123Z".into(), &"observed".into()));
}

#[test]
fn a_reader_that_goes_away_ends_it_quietly() {
    let here = tempfile::tempdir().expect("a folder");
    let mut many = Vec::new();
    for _ in 0..20_000 {
        many.extend(log_of("SET key value"));
    }
    std::fs::write(here.path().join("a.aof"), many).expect("a file");
    let mut child = program(&["timeline", "a.aof"]).current_dir(here.path()).spawn().expect("the program starts");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("it ends");
    assert_eq!((output.status.code(), String::from_utf8_lossy(&output.stderr).as_ref()), (Some(0), ""));
}

#[test]
fn a_pipe_is_read_once() {
    let feed = |arguments: &[&str]| {
        let mut child = program(arguments).stdin(Stdio::piped()).spawn().expect("the program starts");
        child.stdin.take().expect("stdin").write_all(&log_of("SET k v PXAT 1795380620000\nDEL k")).expect("it reads");
        child.wait_with_output().expect("it ends")
    };
    let output = feed(&["timeline", "-", "--format", "jsonl"]);
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    let rows: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(rows[0]["not_after"], "2026-11-22T20:50:20.000Z");
    assert_eq!(rows[1]["datetime"], Value::Null);
    assert_eq!(feed(&["timeline", "-", "--only-deleted"]).status.code(), Some(2));
}

#[test]
fn every_line_is_as_the_schema_says() {
    let (code, schema, _) = rediscover_with(Path::new("/"), &["schema", "timeline"]);
    assert_eq!(code, 0);
    let schema: Value = serde_json::from_str(&schema).expect("JSON");
    let of = |name: &str| {
        let definition = schema.pointer(&format!("/$defs/{name}")).unwrap_or_else(|| panic!("{name}: {schema}"));
        let properties = definition["properties"].as_object().expect("properties").clone();
        let required: Vec<_> = definition["required"].as_array().expect("required").clone();
        (properties, required)
    };
    let check = |name: &str, document: &str| {
        let (properties, required) = of(name);
        for line in document.lines() {
            let line: Value = serde_json::from_str(line).expect("JSON");
            let fields = line.as_object().expect("an object");
            assert!(fields.keys().all(|field| properties.contains_key(field)), "{line}");
            assert!(required.iter().all(|field| fields.contains_key(field.as_str().expect("a name"))), "{line}");
        }
    };
    let bytes = log_of("SET k v PXAT 1795380620000\nMSET a 1 b 2\n#TS:1795380560\nMULTI\nDEL k\nEXEC\nNOSUCH");
    check("TimelineRow", &document(TimelineForm::Jsonl, &origin(bytes.clone()), options()));
    check("TimelineRow", &document(TimelineForm::Jsonl, &origin(bytes.clone()), of_key(b"k")));
    let grouped = TimelineOptions { by: Some(Bucket::Minute), ..options() };
    check("TimelineGroup", &document(TimelineForm::Jsonl, &origin(bytes), grouped));
}

#[test]
fn every_stored_dump_and_log_is_read_in_every_form() {
    let mut dumps = logs();
    dumps.extend(fixtures());
    for dump in dumps {
        for form in FORMS {
            let text = document(form, &file(&dump.path), options());
            assert!(!text.contains('\x1b'), "{}", dump.name);
        }
    }
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
    i64::try_from(since.as_millis()).expect("before the year 292 million")
}

/// A key that was set with an expiry, and then deleted, on a real server.
#[test]
fn what_was_deleted_again_is_found_with_its_value_and_time() {
    for (name, timestamps) in [("redis-8.6", "no"), ("redis-8.6", "yes"), ("valkey-9.1", "no"), ("valkey-9.1", "yes")] {
        let Some(spec) = ServerSpec::named(name) else { return };
        let dir = tempfile::tempdir().expect("a folder");
        let options = ["--appendonly", "yes", "--appendfsync", "always", "--aof-timestamp-enabled", timestamps];
        let mut server = start(&spec, dir.path(), &options).expect("it starts");
        let mut connection = server.connection();
        let mut run = |words: &[&str]| {
            let mut command = redis::cmd(words[0]);
            command.arg(&words[1..]);
            command.query::<redis::Value>(&mut connection).expect("it takes the command");
        };
        run(&["XADD", "before", "*", "f", "v"]);
        let earliest = now();
        run(&["SET", "backup1", "*/2 * * * * root evil", "EX", "100"]);
        let latest = now();
        run(&["SET", "other", "kept"]);
        run(&["DEL", "backup1"]);
        let deleted = now();
        run(&["XADD", "after", "*", "f", "v"]);
        server.kill().expect("it ends");

        let path = dir.path().to_string_lossy().into_owned();
        let what = format!("{name}, timestamps {timestamps}");
        for more in [&["--key", "backup1"][..], &["--only-deleted", "--key", "backup1"]] {
            let arguments = [&["timeline", &path, "--format", "jsonl"][..], more].concat();
            let (code, out, err) = rediscover_with(dir.path(), &arguments);
            assert_eq!(code, 0, "{what}: {err}");
            let rows: Vec<Value> = out.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
            assert_eq!(rows[0]["timestamp_desc"], "Snapshot taken", "{what}");
            assert_eq!((&rows[0]["loaded"], &rows[0]["file"]), (&true.into(), &"appendonly.aof.1.base.rdb".into()));
            let rows: Vec<_> = rows.into_iter().filter(|row| row["command"].is_string()).collect();
            let names: Vec<_> = rows.iter().filter_map(|row| row["command"].as_str()).collect();
            assert_eq!(names, ["set", "del"], "{what}: {out}");
            assert_eq!(rows[0]["values"], serde_json::json!(["*/2 * * * * root evil"]), "{what}");
            let at = |row: &Value, field: &str| {
                let text = row[field].as_str().unwrap_or_else(|| panic!("{what}: no {field} in {row}"));
                UnixMs::parse(text, UnixMs(0)).expect("a time").0
            };
            assert!((99_000..=101_000).contains(&(at(&rows[0], "expire_at") - latest)), "{what}: {}", rows[0]);
            let certainty = if timestamps == "yes" { "observed" } else { "inferred" };
            for (row, earliest, latest) in [(&rows[0], earliest, latest), (&rows[1], latest, deleted)] {
                assert_eq!(row["certainty"], certainty, "{what}");
                let (low, high) = (at(row, "not_before"), at(row, "not_after"));
                assert!(low <= latest && high >= earliest, "{what}: {low} {high}, was {earliest} to {latest}");
                assert!(high - low < 60_000, "{what}: {row}");
            }
        }
        let (_, out, _) = rediscover_with(dir.path(), &["timeline", &path, "--only-deleted", "--format", "jsonl"]);
        assert!(out.contains("backup1") && !out.contains("other"), "{what}: {out}");
        assert!(!out.contains("evil"), "values are shown with --key alone: {out}");
    }
}

/// What a server writes into its own log, in every form that it has.
#[test]
fn logs_of_real_servers() {
    let forms: [(&str, &[&str]); 5] = [
        ("redis-8.6", &[]),
        ("valkey-9.1", &[]),
        ("valkey-9.1", &["--log-timestamp-format", "iso8601"]),
        ("valkey-9.1", &["--log-timestamp-format", "milliseconds"]),
        ("valkey-9.1", &["--log-format", "logfmt"]),
    ];
    for (name, settings) in forms {
        let Some(spec) = ServerSpec::named(name) else { return };
        let dir = tempfile::tempdir().expect("a folder");
        std::fs::write(dir.path().join("a.aof"), log_of("SET k v")).expect("a file");
        let before = now();
        let mut server = start(&spec, dir.path(), settings).expect("it starts");
        let text = server.log();
        let after = now();
        server.kill().expect("it ends");
        std::fs::write(dir.path().join("server.log"), &text).expect("a file");
        let arguments = ["timeline", "a.aof", "--log", "server.log", "--log-tz", "local", "--format", "jsonl"];
        let (code, out, err) = rediscover_with(dir.path(), &arguments);
        assert_eq!(code, 0, "{err}");
        let rows: Vec<Value> = out.lines().skip(1).map(|line| serde_json::from_str(line).expect("JSON")).collect();
        let ready = rows.iter().find(|row| row["message"].as_str().is_some_and(|text| text.contains("eady to accept")));
        let ready = ready.unwrap_or_else(|| panic!("{name} {settings:?}: {text}"));
        assert_eq!((&ready["level"], &ready["certainty"]), (&"notice".into(), &"observed".into()), "{ready}");
        let at = UnixMs::parse(ready["datetime"].as_str().expect("a time"), UnixMs(0)).expect("a time").0;
        assert!((before - 1000..=after + 1000).contains(&at), "{name} {settings:?}: {ready}");
    }
}
