//! Append-only files at their edges: states that batches carry on, damage at either end, what is written and where.

use crate::support::dumps::{How, check_bytes, origin};
use crate::support::log::{Row, line, read};
use crate::support::rdb::Builder;
use rediscover::base::{Cancel, UnixMs};
use rediscover::mend::{Moment, Plan, RepairOptions, Target, plan_cut, plan_repair, write};
use rediscover::report::{DropReason, ServerLoad, Verdict};
use rediscover::source::Stream;
use std::fs;
use std::io::{Cursor, Write};
use std::path::Path;
use std::time::Duration;

fn stream(bytes: &[u8]) -> Stream {
    Stream::from_reader("log", Cursor::new(bytes.to_vec())).expect("it opens")
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(bytes).expect("memory");
    packed.finish().expect("memory")
}

#[test]
fn a_batch_begins_with_what_the_commands_before_have_set() {
    let odd: [&[u8]; 12] = [
        b"* 2\r\n$6\r\nSELECT\r\n$1\r\n5\r\n",
        b"*2\n$6\nSELECT\r\n$1\n5\r\n",
        b"*02\r\n$06\r\nselect\r\n$01\r\n5\r\n",
        b"*2\r\n$6\r\nSELECT\r\n$3\r\nabc\r\n",
        b"*2\r\n$6\r\nSELECT\r\n$2\r\n+5\r\n",
        b"*2\r\n$6\r\nSELFCT\r\n$1\r\n5\r\n",
        b"*2\r\n$6\r\n?ELECT\r\n$1\r\n5\r\n",
        b"*3\r\n$6\r\nSELECT\r\n$1\r\n5\r\n$1\r\nx\r\n",
        b"*1\r\n$6\r\nSELECT\r\n",
        b"* 1\r\n$5\r\nMULTI\r\n",
        b"*2\r\n$5\r\nMULTI\r\n$1\r\nx\r\n",
        b"*1\r\n$5\r\nMULTI\r\n*2\r\n$4\r\nEXEC\r\n$1\r\nx\r\n",
    ];
    let fill = line("SET key value").repeat(400);
    let long = [b"*2\r\n$6\r\nSELECT\r\n$9000\r\n".to_vec(), vec![b'5'; 9000], b"\r\n".to_vec()].concat();
    for odd in odd.into_iter().chain([long.as_slice()]) {
        let log = [line("SELECT 3").as_slice(), &fill, odd, &fill].concat();
        let whole = read(&mut stream(&log), How { threads: 1, batch_bytes: 1 << 20 });
        let cut = read(&mut stream(&log), How { threads: 1, batch_bytes: 4096 });
        let what = odd.get(..odd.len().min(40)).map(|odd| odd.escape_ascii().to_string()).unwrap_or_default();
        assert!(whole == cut, "{what}: {:?} / {:?}", whole.last(), cut.last());
    }
}

/// The plan for a log; and what it leaves of it, and what goes aside.
fn repaired(log: &[u8], assume_db: Option<u64>) -> (Plan, String, String) {
    let run = How::default().options();
    let plan = plan_repair(&origin(log.to_vec()), &RepairOptions { run, assume_db }).expect("a plan");
    let folder = tempfile::tempdir().expect("a folder");
    let target = Target { path: folder.path().join("to"), side: folder.path().join("side"), owner: None };
    write(&plan.files[0], &target, &Cancel::default()).expect("it can be written");
    let text = |path: &Path| words(&fs::read(path).unwrap_or_default());
    (plan, text(&target.path), text(&target.side))
}

/// The commands of a log as words, one after the other.
fn words(log: &[u8]) -> String {
    let text = |row: &Row| {
        let words: Vec<_> = row.words().iter().map(|word| String::from_utf8_lossy(word).into_owned()).collect();
        words.join(" ")
    };
    let all: Vec<_> = read(&mut stream(log), How::default()).iter().map(text).collect();
    all.join("; ")
}

fn log(text: &str) -> Vec<u8> {
    text.split("; ").flat_map(|text| if text == "?" { JUNK.to_vec() } else { line(text) }).collect()
}

/// What one changed byte does not explain.
const JUNK: &[u8] = b"*9x\r\n$junk\r\n";

#[test]
fn what_stays_is_in_the_database_it_was_in() {
    // The EXEC was in the damage, and the database changes again before the next MULTI.
    let (_, stays, _) =
        repaired(&log("SET a 1; MULTI; SELECT 5; SET b 1; ?; SET c 1; SELECT 7; MULTI; SET d 1; EXEC"), None);
    assert_eq!(stays, "SET a 1; SELECT 5; SET c 1; SELECT 7; MULTI; SET d 1; EXEC");
    // The MULTI was.
    let (_, stays, _) = repaired(&log("SET a 1; ?; SELECT 3; SET b 1; EXEC; SET c 1; SET d 1"), None);
    assert_eq!(stays, "SET a 1; SELECT 3; SET c 1; SET d 1");
    // Nothing follows that depends on it.
    let torn = [log("SET a 1; MULTI; SELECT 5; SET b 1"), b"*3\r\n$3\r\nSE".to_vec()].concat();
    let (plan, stays, _) = repaired(&torn, None);
    assert_eq!(stays, "SET a 1");
    assert!(plan.files[0].only_cuts_the_end(), "{:?}", plan.files[0].edits);
    assert_eq!((plan.kept_commands, plan.dropped_commands), (1, 4));
}

#[test]
fn a_transaction_whose_end_is_damaged_does_not_take_the_rest() {
    let (plan, stays, _) = repaired(&log("SET a 1; MULTI; SET b 1; ?; SET c 1; SET d 1; SET e 1"), None);
    assert_eq!(stays, "SET a 1; SET c 1; SET d 1; SET e 1");
    assert_eq!((plan.kept_commands, plan.dropped_commands), (4, 3));
}

#[test]
fn a_transaction_in_a_transaction_is_one() {
    let (plan, stays, _) = repaired(&log("MULTI; SET a 1; MULTI; SET b 1; EXEC; SET c 1"), None);
    assert_eq!(stays, "MULTI; SET a 1; SET b 1; EXEC; SET c 1");
    assert_eq!((plan.kept_commands, plan.dropped_commands), (5, 1));
    assert_eq!(plan.dropped[0].reason, DropReason::NestedMulti);
    let (plan, stays, _) = repaired(&log("SET z 1; MULTI; SET a 1; MULTI; SET b 1"), None);
    assert_eq!(stays, "SET z 1", "what stays must not leave a transaction open");
    assert_eq!((plan.kept_commands, plan.dropped_commands), (1, 4));
}

#[test]
fn discard_and_its_transaction_go() {
    let (plan, stays, _) = repaired(&log("SET a 1; MULTI; SET b 1; DISCARD; SET c 1; EXEC; DISCARD; SET d 1"), None);
    assert_eq!(stays, "SET a 1; SET d 1");
    assert_eq!((plan.kept_commands, plan.dropped_commands), (2, 6));
}

#[test]
fn the_end_of_a_transaction_is_no_part_of_damage_behind_it() {
    let text =
        [log("MULTI; SET a 1; EXEC"), b"$3\r\n$x\r\nSET\r\n".to_vec(), log("SET b 1; SET c 1; SET d 1")].concat();
    let (plan, stays, _) = repaired(&text, None);
    assert_eq!(stays, "MULTI; SET a 1; EXEC; SET b 1; SET c 1; SET d 1");
    assert_eq!((plan.kept_commands, plan.dropped_commands), (6, 1));
}

#[test]
fn damage_at_the_ends_and_close_together() {
    let (_, stays, _) = repaired(&[b"*9x\r\n".as_slice(), &log("SET a 1; SET b 1; SET c 1")].concat(), None);
    assert_eq!(stays, "SET a 1; SET b 1; SET c 1");
    let (plan, stays, _) =
        repaired(&log("SET a 1; ?; SET b 1; SET c 1; SET d 1; ?; ?; SET e 1; SET f 1; SET g 1; ?"), None);
    assert_eq!(stays, "SET a 1; SET b 1; SET c 1; SET d 1; SET e 1; SET f 1; SET g 1");
    assert_eq!((plan.kept_commands, plan.dropped_commands), (7, 3));
    assert_eq!(plan.lost_bytes, 4 * JUNK.len() as u64);
}

#[test]
fn the_databases_of_a_dropped_transaction_are_its_own() {
    let (plan, ..) = repaired(&log("SELECT 2; MULTI; SET a 1; SELECT 5; SET b 1; ?; SET c 1; EXEC; SET d 1"), None);
    let dropped: Vec<_> = plan.dropped.iter().filter_map(|one| Some((one.command.clone()?, one.db))).collect();
    let named = |name: &str, db| (name.to_owned(), Some(db));
    let expected =
        [named("multi", 2), named("set", 2), named("select", 2), named("set", 5), named("set", 5), named("exec", 5)];
    assert_eq!(dropped, expected);
}

#[test]
fn what_cannot_be_read_at_the_end_is_all_that_is_lost_there() {
    let log = log("SET a 1; ?; SET b 1; SET c 1; SET d 1; SET e 1; ?");
    let report = check_bytes(&log, How::default());
    let first = report.log.and_then(|log| log.first_damage).expect("damage");
    assert_eq!(first.lost_bytes, 2 * JUNK.len() as u64);
}

#[test]
fn bytes_are_counted_to_the_end() {
    let log = [log("SET a 1"), b"#TS:17953".to_vec()].concat();
    let report = check_bytes(&log, How::default());
    assert_eq!((report.verdict, report.bytes), (Verdict::Intact, log.len() as u64));
    assert_eq!(repaired(&log, None).0.files[0].bytes, log.len() as u64);
}

#[test]
fn a_server_that_meets_a_bad_byte_does_not_come_to_the_end_of_the_transaction() {
    let report = check_bytes(&log("SET a 1; MULTI; SET b 1; ?; SET c 1; SET d 1; SET e 1"), How::default());
    let loads = report.server_loads.expect("a log");
    assert_eq!(loads.verdict, ServerLoad::No, "{loads:?}");
}

#[test]
fn nothing_that_is_there_is_overwritten() {
    let folder = tempfile::tempdir().expect("a folder");
    let run = How::default().options();
    let unplaced = [log("SET a 1"), b"*2\r\n$6\r\nSELECX\r\n$1\r\n5\r\n".to_vec(), log("SET b 1")].concat();
    let plan = plan_repair(&origin(unplaced), &RepairOptions { run, assume_db: None }).expect("a plan");
    let target = Target { path: folder.path().join("to"), side: folder.path().join("side"), owner: None };
    for there in [&target.side, &target.path] {
        fs::write(there, "mine").expect("a file");
        assert!(write(&plan.files[0], &target, &Cancel::default()).is_err());
        assert_eq!(fs::read(there).expect("it is there"), b"mine");
        fs::remove_file(there).expect("removed");
        assert_eq!(folder.path().read_dir().expect("a folder").count(), 0, "{}", there.display());
    }
}

#[test]
fn lines_of_another_make_are_one_edit() {
    let loose: Vec<u8> =
        (0..5000).flat_map(|n| format!("*3\n$3\nSET\r\n$4\n{n:04}\r\n$1\nv\r\n").into_bytes()).collect();
    let (plan, stays, _) = repaired(&loose, None);
    assert_eq!((plan.rewritten_commands, plan.files[0].edits.len()), (5000, 1));
    assert!(stays.starts_with("SET 0000 v; SET 0001 v; ") && stays.ends_with("; SET 4999 v"));
    assert!(plan.files[0].only_cuts_the_end(), "a server loads it: nothing goes");
}

#[test]
fn a_moment_after_the_end_or_inside_the_preamble() {
    let dump = Builder::redis(11).aux(b"aof-base", b"1").select(0).string(b"before", b"v").finish();
    let log = [dump.as_slice(), b"#TS:1795380560\r\n", &log("SET a 1; SET b 1")].concat();
    let run = How::default().options();
    let cut = |moment| plan_cut(&origin(log.clone()), &moment, &run);
    let end = log.len() as u64;
    let (plan, at) = cut(Moment::Time(UnixMs(1_795_380_560_000))).expect("a plan");
    assert_eq!((at, plan.lost_bytes, plan.is_empty()), (end, 0, true));
    assert!(cut(Moment::Offset(None, 20)).is_err(), "an RDB cannot be cut");
    assert!(cut(Moment::Offset(None, end + 1)).is_err());
    assert!(cut(Moment::Line(None, 1000)).is_err());
    assert_eq!(cut(Moment::Offset(None, dump.len() as u64)).expect("a plan").1, dump.len() as u64 + 16);
    assert_eq!(cut(Moment::Line(None, 9)).expect("a plan").1, end - line("SET b 1").len() as u64);
}

#[test]
fn thousands_of_damages_of_a_compressed_log_are_found_in_one_more_pass() {
    let mut bytes = Vec::new();
    for number in 0..20_000 {
        bytes.extend(line(&format!("SET key:{number} value:{number}")));
        if number % 4 == 3 {
            bytes.extend_from_slice(JUNK);
        }
    }
    let began = std::time::Instant::now();
    let (plan, stays, _) = repaired(&gzip(&bytes), None);
    assert_eq!((plan.kept_commands, plan.dropped_commands), (20_000, 5000));
    assert!(stays.ends_with("SET key:19999 value:19999"));
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
}
