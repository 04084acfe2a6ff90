//! Logs made to hurt: read to the end in bounded memory and time, with all that can be read.

use crate::hostile::{MOST_KIB, MOST_TIME, Shrink, run};
use crate::support::dumps::{How, check_bytes, file};
use crate::support::log::{Dice, command, line, mixed, read};
use crate::support::rdb::Builder;
use rediscover::analysis::{CheckOptions, check};
use rediscover::base::Cancel;
use rediscover::mend::{RepairOptions, Target, plan_repair, write};
use rediscover::report::{SourceCheck, Verdict};
use rediscover::source::Stream;
use serde_json::Value;
use std::fs;
use std::io::Cursor;
use std::sync::Arc;

/// Numbers that no log can keep.
const NUMBERS: [&[u8]; 9] = [
    b"9223372036854775807",
    b"18446744073709551615",
    b"99999999999999999999",
    b"2147483647",
    b"2147483648",
    b"1099511627776",
    b"536870912",
    b"-1",
    b"0",
];

/// One change, and its name.
fn mutate(original: &[u8], dice: &mut Dice) -> (Vec<u8>, String) {
    let mut bytes = original.to_vec();
    let at = dice.roll(bytes.len());
    let far = (at + 1 + dice.roll(200)).min(bytes.len());
    let name = match dice.roll(9) {
        0 => {
            bytes[at] ^= 1 << dice.roll(8);
            format!("a bit at {at}")
        }
        1 => {
            bytes.drain(at..far);
            format!("{at} to {far} left out")
        }
        2 => {
            let piece = bytes[at..far].to_vec();
            bytes.splice(at..at, piece);
            format!("{at} to {far} twice")
        }
        3 => {
            let there = dice.roll(bytes.len());
            let piece = bytes[at..far].to_vec();
            let end = (there + piece.len()).min(bytes.len());
            bytes.splice(there..end, piece[..end - there].to_vec());
            format!("{at} to {far} over {there}")
        }
        4 => {
            bytes[at..far].fill(0);
            format!("zeros from {at} to {far}")
        }
        5 => {
            bytes[at..far].fill_with(|| dice.byte());
            format!("noise from {at} to {far}")
        }
        6 => {
            bytes.truncate(at);
            format!("cut at {at}")
        }
        _ => {
            let mark = b"*$"[dice.roll(2)];
            let Some(mark) = (at..bytes.len()).find(|at| bytes[*at] == mark) else { return (bytes, "nothing".into()) };
            let end = (mark..bytes.len()).find(|at| bytes[*at] == b'\r').unwrap_or(bytes.len());
            let number = NUMBERS[dice.roll(NUMBERS.len())];
            bytes.splice(mark + 1..end, number.iter().copied());
            format!("{} at {mark}", number.escape_ascii())
        }
    };
    (bytes, name)
}

fn preamble() -> Vec<u8> {
    Builder::redis(11).aux(b"aof-base", b"1").select(0).string(b"before", b"value").finish()
}

/// What holds of every report, whatever was read.
fn assert_sane(report: &SourceCheck, bytes: &[u8], what: &str) {
    let all = bytes.len() as u64;
    for problem in &report.integrity.problems {
        assert!(
            problem.offset <= all && !problem.kind.is_empty() && !problem.message.is_empty(),
            "{what}: {problem:?}"
        );
    }
    assert!(report.bytes <= all, "{what}: {} of {all} bytes", report.bytes);
    let Some(log) = &report.log else { return };
    assert!(log.totals.bytes <= all && log.totals.after_damage.bytes <= log.totals.bytes, "{what}: {:?}", log.totals);
    if let Some(first) = &log.first_damage {
        assert!(first.offset <= all && first.lost_bytes <= all, "{what}: {first:?}");
        assert!(first.lost_bytes + log.totals.bytes <= all, "{what}: {first:?} {:?}", log.totals);
    }
    let counted: u64 = log.totals.by_command.values().sum();
    assert_eq!(counted, log.totals.commands, "{what}");
}

#[test]
fn nothing_panics_and_what_is_said_is_in_the_file() {
    let log = mixed(11, 20_000);
    let behind = [preamble(), log.clone()].concat();
    for (name, original) in [("plain", log), ("behind a preamble", behind)] {
        let mut dice = Dice(12);
        for number in 0..1500 {
            let (mut bytes, mut what) = mutate(&original, &mut dice);
            if number % 3 == 0 && !bytes.is_empty() {
                let (more, other) = mutate(&bytes, &mut dice);
                (bytes, what) = (more, format!("{what}, {other}"));
            }
            let how = if number % 2 == 0 { How::default() } else { How { threads: 2, batch_bytes: 4096 } };
            let report = check_bytes(&bytes, how);
            assert_sane(&report, &bytes, &format!("{name}: {what}"));
            let stream = Stream::from_reader("log", Cursor::new(bytes.clone()));
            let rows = read(&mut stream.expect("it opens"), how);
            let mut at = 0;
            for row in rows {
                assert!(at <= row.offset && row.offset + row.bytes <= bytes.len() as u64, "{name}: {what}: {row:?}");
                at = row.offset + row.bytes;
            }
        }
    }
}

/// `check` of these bytes as a file by the program, within its bounds.
fn check_file(bytes: &[u8], what: &str) -> (Value, Option<i32>) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("appendonly.aof");
    fs::write(&path, bytes).expect("the file");
    let ran = run(&path.to_string_lossy(), None);
    assert!(ran.peak_kib < MOST_KIB, "{what}: {} KiB", ran.peak_kib);
    assert!(ran.took < MOST_TIME, "{what}: {:?}", ran.took);
    assert!(matches!(ran.code, Some(0 | 3)), "{what}: {:?} {}", ran.code, ran.stderr);
    (ran.report, ran.code)
}

#[test]
fn what_is_deep_or_huge_is_read_in_bounded_memory() {
    const SIZE: usize = 24 << 20;
    let sound = line("SET before 1");
    let many = |piece: &[u8]| [sound.clone(), piece.repeat(SIZE / piece.len())].concat();
    let cases: Vec<(&str, Vec<u8>)> = vec![
        ("stars", many(b"*")),
        ("lines that begin", many(b"*1\r\n")),
        ("lengths alone", many(b"$1\r\n")),
        ("lengths that swallow", many(b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$9000000\r\n")),
        ("lengths that swallow all", many(b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$4611686018427387904\r\n")),
        ("counts that swallow all", many(b"*2147483647\r\n$4\r\nPING\r\n")),
        ("names alone", many(b"*3\r\n$3\r\nSET\r\n")),
        ("transactions that only begin", many(&line("MULTI"))),
        ("transactions that only end", many(&line("EXEC"))),
        ("commands nobody knows", many(&line("NOSUCH key"))),
        ("commands one does not know", many(b"*1\r\n$1\r\nx\r\n")),
        ("annotations", many(b"#\n")),
        ("annotations of time", many(b"#TS:1795380560\r\n")),
        ("an annotation without an end", many(b"#")),
        ("zeros", many(&[0])),
        (
            "empty arguments",
            [sound.clone(), b"*4000000\r\n$3\r\nDEL\r\n".to_vec(), b"$0\r\n\r\n".repeat(3_999_999)].concat(),
        ),
        (
            "fields",
            [sound.clone(), b"*4000002\r\n$4\r\nHSET\r\n$1\r\nh\r\n".to_vec(), b"$1\r\nx\r\n".repeat(4_000_000)]
                .concat(),
        ),
        ("LF alone", many(b"*3\n$3\nSET\n$1\nk\n\n$1\nv\n\n")),
        ("a name of 20 MB", [sound.clone(), command(&[vec![b'x'; 20 << 20]])].concat()),
        ("a key of 20 MB", [sound.clone(), command(&[b"SET".to_vec(), vec![b'k'; 20 << 20], b"v".to_vec()])].concat()),
        (
            "a function of 20 MB",
            [sound.clone(), command(&[b"FUNCTION".to_vec(), b"LOAD".to_vec(), vec![b'l'; 20 << 20]])].concat(),
        ),
        (
            "a payload of 20 MB",
            [sound.clone(), command(&[b"RESTORE".to_vec(), b"k".to_vec(), b"0".to_vec(), vec![0; 20 << 20]])].concat(),
        ),
    ];
    for (name, bytes) in cases {
        let (report, _) = check_file(&bytes, name);
        let set = report.pointer("/log/by_command/set").and_then(Value::as_u64);
        assert!(set >= Some(1), "{name}: {}", report["log"]);
    }
}

#[test]
fn ten_thousand_damages_take_ten_thousand_commands() {
    let mut log = line("SELECT 0");
    let mut sound = 0u64;
    for number in 0..50_000 {
        let mut one = command(&[b"SET".as_slice(), format!("key:{number}").as_bytes(), &[b'v'; 90]]);
        if number % 5 == 2 {
            one[[0, 4, 9, 13][number % 4]] = b'x';
        } else {
            sound += 1;
        }
        log.extend(one);
    }
    let (report, code) = check_file(&log, "damaged");
    let totals = &report["log"];
    let set = totals["by_command"]["set"].as_u64().expect("a count");
    // One `x` in four stands in the CR or the length of a name, where servers read on.
    assert!(set >= sound && set < 50_000, "{set} of {sound}: {totals}");
    assert_eq!((code, report["verdict"].as_str()), (Some(3), Some("damaged")));
}

#[test]
fn reading_goes_on_after_a_length_that_swallows_the_rest() {
    for (name, number) in [("of more than the file", "77777777777"), ("of the largest number", "9223372036854775807")] {
        let before = mixed(21, 200_000);
        let after = mixed(22, 3_000_000);
        let swallower = format!("*3\r\n$3\r\nSET\r\n$1\r\nk\r\n${number}\r\nvalue\r\n");
        let bytes = [before.as_slice(), swallower.as_bytes(), &after].concat();
        let commands = |bytes: &[u8]| {
            let log = check_bytes(bytes, How::default()).log.expect("a log");
            (log.totals.commands, log.totals.bytes)
        };
        let ((first, _), (second, second_bytes)) = (commands(&before), commands(&after));
        for how in [How::default(), How { threads: 4, batch_bytes: 4096 }] {
            let report = check_bytes(&bytes, how);
            let log = report.log.as_ref().expect("a log");
            assert_eq!(log.totals.commands, first + second, "{name}: {how:?}");
            let first_damage = log.first_damage.as_ref().expect("damage");
            assert_eq!(first_damage.offset, before.len() as u64, "{name}: {how:?}");
            assert_eq!(first_damage.lost_bytes, swallower.len() as u64, "{name}: {how:?}");
            let after = &first_damage.readable_after;
            assert_eq!((after.commands, after.bytes), (second, second_bytes), "{name}: {how:?}");
        }
        let (report, code) = check_file(&bytes, name);
        assert_eq!((report["log"]["commands"].as_u64(), code), (Some(first + second), Some(3)), "{name}");
    }
}

#[test]
fn a_log_that_shrinks_is_told_from_one_that_ends() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("appendonly.aof");
    let log = mixed(31, 2_000_000);
    fs::write(&path, &log).expect("the file");
    let mut options = CheckOptions::default();
    options.run.progress = Arc::new(Shrink { path: path.clone(), to: 1_000_003 });
    let origin = file(&path);
    let checked = check(&origin, &options).outcome.expect("it can be read");
    assert_ne!(checked.verdict, Verdict::Intact);
    assert!(checked.integrity.problem_counts.contains_key("shrunk"), "{:?}", checked.integrity.problem_counts);

    // Between the plan and its execution.
    fs::write(&path, [log.as_slice(), b"*1"].concat()).expect("the file");
    let plan = plan_repair(&origin, &RepairOptions::default()).expect("a plan");
    fs::write(&path, &log[..1000]).expect("the file");
    let target = Target { path: folder.path().join("fixed"), side: folder.path().join("aside"), owner: None };
    let error = write(&plan.files[0], &target, &Cancel::default()).expect_err("it is shorter");
    assert!(error.to_string().contains("shorter"), "{error}");
    let names: Vec<_> =
        fs::read_dir(folder.path()).expect("the folder").map(|entry| entry.expect("one").file_name()).collect();
    assert_eq!(names, ["appendonly.aof"], "nothing half-written is left");
}
