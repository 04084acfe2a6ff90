//! A log gives the same report and the same values, however its bytes come and however the work is split.

use crate::laws::{Drop1, assert_same, gzip, sections, zstd};
use crate::support::dumps::{How, check_bytes, check_json, file, fixtures, origin, program, without_place};
use crate::support::log::{Dice, Row, command, line, mixed, read};
use crate::support::rdb::{Builder, checksum};
use crate::support::values::{self, Part};
use rediscover::base::UnixMs;
use rediscover::report::Verdict;
use rediscover::source::Stream;
use serde_json::Value;
use std::fs;
use std::io::{Cursor, Write};
use std::process::Stdio;

/// The smallest batch there is.
const SMALL: usize = 4096;

fn stream(bytes: &[u8]) -> Stream {
    Stream::from_reader("log", Cursor::new(bytes.to_vec())).expect("it opens")
}

/// An RDB, and the log behind it.
fn with_preamble(log: &[u8]) -> Vec<u8> {
    let dump = Builder::redis(11).aux(b"aof-base", b"1").select(0).string(b"before", b"\n\n").finish();
    [&dump, log].concat()
}

/// Bytes here and there, at most so many, that are not what they were.
fn damaged(log: &[u8], seed: u64, count: usize) -> Vec<u8> {
    let mut dice = Dice(seed);
    let mut bytes = log.to_vec();
    let lines: Vec<_> = (1..log.len()).filter(|at| log[at - 1] == b'\n' && b"*$".contains(&log[*at])).collect();
    for _ in 0..count {
        let at = lines[dice.roll(lines.len())];
        // A length that reaches over a few commands, a count, a mark.
        match dice.roll(3) {
            0 => bytes[at] = b'x',
            1 => bytes[at + 1] = b'9',
            _ => bytes[at + 2] ^= 1,
        }
    }
    bytes
}

/// Sound logs and damaged ones.
fn logs() -> Vec<(&'static str, Vec<u8>)> {
    let log = mixed(1, 300_000);
    let long = command(&[b"SET", b"long".as_slice(), &vec![b'\n'; 40_000]]);
    vec![
        ("sound", log.clone()),
        ("with a preamble", with_preamble(&log)),
        ("torn", log[..log.len() - 7].to_vec()),
        ("open", [log.as_slice(), &line("MULTI"), &line("INCR n")].concat()),
        ("damaged", damaged(&log, 2, 30)),
        ("damaged behind a preamble", with_preamble(&damaged(&log, 3, 30))),
        ("with garbage", [&log[..100_000], &[0; 50_000], &log[100_000..]].concat()),
        ("with commands longer than a batch", [log.as_slice(), &long, &log, &long, &line("INCR n")].concat()),
        ("with an unknown command", [log.as_slice(), &line("NOSUCH a b"), &line("GET"), &log].concat()),
    ]
}

const WAYS: [How; 7] = [
    How { threads: 1, batch_bytes: SMALL },
    How { threads: 2, batch_bytes: 5003 },
    How { threads: 3, batch_bytes: SMALL },
    How { threads: 4, batch_bytes: 10_007 },
    How { threads: 6, batch_bytes: 1 << 20 },
    How { threads: 8, batch_bytes: SMALL },
    How { threads: 8, batch_bytes: 1 << 24 },
];

#[test]
fn a_report_does_not_depend_on_threads_batches_or_compression() {
    for (name, bytes) in logs() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("log");
        fs::write(&path, &bytes).expect("the file");
        let expected = check_json(&origin(bytes.clone()), How::default());
        for how in WAYS {
            assert_same(&expected, &check_json(&file(&path), how), &format!("{name}: {how:?}"));
            assert_same(&expected, &check_json(&origin(gzip(&bytes)), how), &format!("{name}: gzip, {how:?}"));
        }
        assert_same(&expected, &check_json(&origin(zstd(&bytes)), WAYS[1]), &format!("{name}: zstd"));
    }
}

#[test]
fn a_report_does_not_depend_on_how_the_bytes_come() {
    for (name, bytes) in logs() {
        let whole = sections(Cursor::new(bytes.clone()), How::default());
        let slow = sections(Drop1(Cursor::new(bytes.clone())), WAYS[0]);
        assert_same(&whole, &slow, &format!("{name}: byte by byte"));
        let packed = sections(Drop1(Cursor::new(gzip(&bytes))), WAYS[3]);
        assert_same(&whole, &packed, &format!("{name}: gzip, byte by byte"));
    }
}

#[test]
fn standard_input_is_as_good_as_a_file() {
    for (name, bytes) in logs() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("log");
        fs::write(&path, &bytes).expect("the file");
        let from = |source: &str, input: Option<&[u8]>| {
            let mut command = program(&["check", source, "--format", "json", "--threads", "2"]);
            let mut child = command.stdin(Stdio::piped()).spawn().expect("the program starts");
            let mut pipe = child.stdin.take().expect("a pipe");
            let input = input.map(<[u8]>::to_vec);
            let feeding = std::thread::spawn(move || input.map(|bytes| pipe.write_all(&bytes)));
            let output = child.wait_with_output().expect("it ends");
            drop(feeding.join().expect("the feeder"));
            let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
            (without_place(report), output.status.code())
        };
        let (file, code) = from(&format!("log={}", path.display()), None);
        let (piped, piped_code) = from("log=-", Some(&bytes));
        assert_same(&file, &piped, name);
        assert_eq!(code, piped_code, "{name}");
    }
}

#[test]
fn commands_are_the_same_and_in_order() {
    for (name, bytes) in logs() {
        let expected = read(&mut stream(&bytes), How::default());
        assert!(expected.windows(2).all(|pair| pair[0].offset + pair[0].bytes <= pair[1].offset), "{name}");
        let written = values::read(&mut stream(&bytes), How::default());
        for how in WAYS {
            // Of a long command as much is held as the batch has room for: the same each time.
            assert!(expected == read(&mut stream(&bytes), how), "{name}: {how:?}");
            assert!(written == values::read(&mut stream(&bytes), how), "{name}: values, {how:?}");
        }
    }
}

#[test]
fn lines_are_an_editors() {
    for (name, bytes) in logs() {
        let begin = if bytes.starts_with(b"REDIS") { with_preamble(&[]).len() } else { 0 };
        let mut at = begin;
        let mut number = 1;
        for row in read(&mut stream(&bytes), WAYS[2]) {
            let offset = usize::try_from(row.offset).expect("a place");
            number += memchr::memchr_iter(b'\n', &bytes[at..offset]).count() as u64;
            at = offset;
            let end = offset + usize::try_from(row.bytes).expect("a length");
            let own = memchr::memchr_iter(b'\n', &bytes[offset..end]).count() as u64;
            assert_eq!((row.line, row.lines), (number, own), "{name}: {offset}");
        }
    }
}

#[test]
fn databases_times_and_transactions_are_those_of_the_commands_before() {
    let bytes = mixed(4, 400_000);
    let mut log = bytes.as_slice();
    let (mut db, mut time, mut open) = (0, None, None);
    let mut rows = read(&mut stream(&bytes), WAYS[2]).into_iter();
    while !log.is_empty() {
        let offset = (bytes.len() - log.len()) as u64;
        if log[0] == b'#' {
            let end = log.iter().position(|byte| *byte == b'\n').expect("an end") + 1;
            let text = str::from_utf8(&log[4..end - 2]).expect("digits");
            time = Some(UnixMs(text.parse::<i64>().expect("a number") * 1000));
            log = &log[end..];
            continue;
        }
        let (spans, used) = crate::support::log::strict(log).expect("a command");
        let words: Vec<_> = spans.iter().map(|span| &log[span.at..span.at + span.held]).collect();
        let row = rows.next().expect("a command");
        assert_eq!((row.words(), row.offset, row.bytes), (words.clone(), offset, used as u64));
        if words[0] == b"MULTI" {
            open = Some(offset);
        }
        assert_eq!((row.db, row.time, row.transaction), (Some(db), time, open), "{offset}");
        match words[0] {
            b"SELECT" => db = str::from_utf8(words[1]).expect("digits").parse().expect("a number"),
            b"EXEC" => open = None,
            _ => {}
        }
        log = &log[used..];
    }
    assert_eq!(rows.next(), None);
}

/// A key with its type, its expiry and its elements.
type Key<'k> = (Vec<u8>, &'k str, Option<UnixMs>, Vec<Part>);
/// The same of a key that is text.
type Named<'k> = (&'k str, &'k str, Option<UnixMs>, Vec<Part>);

/// What a command writes: its key, and the parts of the value.
fn written(bytes: &[u8], how: How) -> Vec<Key<'static>> {
    let rows = values::read(&mut stream(bytes), how);
    rows.into_iter().map(|row| (row.key, row.ty, row.expire_at, row.parts)).collect()
}

#[test]
fn written_values_are_the_arguments() {
    let item = |bytes: &[u8]| Part::Item(bytes.to_vec());
    let field = |name: &[u8], value: &[u8], at| Part::Field(name.to_vec(), value.to_vec(), at);
    let at = Some(UnixMs(4_102_444_800_000));
    let cases: Vec<(Vec<u8>, Vec<Named<'_>>)> = vec![
        (line("SET k v"), vec![("k", "string", None, vec![item(b"v")])]),
        (command(&[b"set", b"k".as_slice(), b"a\r\n$1\r\n"]), vec![("k", "string", None, vec![item(b"a\r\n$1\r\n")])]),
        (line("SET k v PXAT 4102444800000"), vec![("k", "string", at, vec![item(b"v")])]),
        (line("SET k v KEEPTTL"), vec![("k", "string", None, vec![item(b"v")])]),
        (line("MSET a 1 b 2"), vec![("a", "string", None, vec![item(b"1")]), ("b", "string", None, vec![item(b"2")])]),
        (line("RPUSH l a b"), vec![("l", "list", None, vec![item(b"a"), item(b"b")])]),
        (line("SADD s a"), vec![("s", "set", None, vec![item(b"a")])]),
        (
            line("HSET h f1 v1 f2 v2"),
            vec![("h", "hash", None, vec![field(b"f1", b"v1", None), field(b"f2", b"v2", None)])],
        ),
        (line("HSETEX h PXAT 4102444800000 FIELDS 1 f v"), vec![("h", "hash", None, vec![field(b"f", b"v", at)])]),
        (
            line("ZADD z NX 1.5 a -inf b"),
            vec![(
                "z",
                "zset",
                None,
                vec![Part::Member(b"a".to_vec(), 1.5), Part::Member(b"b".to_vec(), f64::NEG_INFINITY)],
            )],
        ),
        (
            line("XADD st MAXLEN = 10 5-1 f v"),
            vec![(
                "st",
                "stream",
                None,
                vec![
                    Part::Other("StreamEntry { id: StreamId { ms: 5, seq: 1 }, fields: 1 }".into()),
                    field(b"f", b"v", None),
                ],
            )],
        ),
        (line("DEL k"), vec![]),
        (line("SET k"), vec![]),
        (line("HSET h f1 v1 f2"), vec![]),
        (line("INCR n"), vec![]),
    ];
    for (bytes, expected) in cases {
        let expected: Vec<_> =
            expected.into_iter().map(|(key, ty, at, parts)| (key.as_bytes().to_vec(), ty, at, parts)).collect();
        assert_eq!(written(&bytes, How::default()), expected, "{}", bytes.escape_ascii());
    }
}

/// The same commands, and the same values written, at every size of a batch.
fn reads_the_same(name: &str, log: &[u8], batches: &[usize], expected: &[Part]) {
    let at_each = |how: How| {
        let mut rows = read(&mut stream(log), how);
        let long = rows.remove(1);
        assert_eq!(
            rows.iter().map(Row::words).collect::<Vec<_>>(),
            [vec![b"SELECT".as_slice(), b"3"], vec![b"GET", b"after"]]
        );
        let values = values::read(&mut stream(log), how);
        assert_eq!(values.len(), 1, "{name}: {how:?}");
        assert!(values[0].parts == expected, "{name}: {how:?}: another value");
        assert_eq!((values[0].db, values[0].key.as_slice()), (3, b"key".as_slice()));
        (long.offset, long.line, long.bytes, long.lines, long.db, long.count, long.name, values[0].expire_at)
    };
    let first = at_each(How::default());
    for batch_bytes in batches {
        for threads in [1, 3] {
            let how = How { threads, batch_bytes: *batch_bytes };
            assert_eq!(first, at_each(how), "{name}: {how:?}");
        }
    }
    let report = check_bytes(log, How { threads: 2, batch_bytes: batches[0] });
    assert_eq!((report.verdict, report.log.map(|log| log.totals.commands)), (Verdict::Intact, Some(3)), "{name}");
}

fn around(long: &[u8]) -> Vec<u8> {
    [line("SELECT 3").as_slice(), long, &line("GET after")].concat()
}

#[test]
fn commands_larger_than_anything_that_is_held_read_the_same() {
    let batches = [SMALL, 100_003, 1 << 20, 1 << 24];
    let value: Vec<u8> = (0..3 << 20).map(|at: u32| u8::try_from(at % 251).expect("a byte")).collect();
    let set = command(&[b"SET", b"key".as_slice(), &value, b"PXAT", b"4102444800000"]);
    reads_the_same("SET of 3 MiB", &around(&set), &batches, &[Part::Item(value)]);

    let items: Vec<_> = (0..100_000).map(|number| format!("item {number}\r\n").into_bytes()).collect();
    let mut words = vec![b"RPUSH".to_vec(), b"key".to_vec()];
    words.extend(items.iter().cloned());
    let parts: Vec<_> = items.into_iter().map(Part::Item).collect();
    reads_the_same("RPUSH of 100,000", &around(&command(&words)), &batches, &parts);

    let fields: Vec<_> = (0..60_000).map(|at| (format!("field {at}").into_bytes(), vec![b'v'; at % 100])).collect();
    let mut words = vec![b"HSET".to_vec(), b"key".to_vec()];
    words.extend(fields.iter().flat_map(|(name, value)| [name.clone(), value.clone()]));
    let parts: Vec<_> = fields.into_iter().map(|(name, value)| Part::Field(name, value, None)).collect();
    reads_the_same("HSET of 60,000", &around(&command(&words)), &batches, &parts);
}

#[test]
fn a_value_of_70_mb_reads_the_same() {
    let value: Vec<u8> = (0..70 << 20).map(|at: u32| u8::try_from(at % 241).expect("a byte")).collect();
    let set = command(&[b"SET", b"key".as_slice(), &value]);
    reads_the_same("SET of 70 MiB", &around(&set), &[SMALL, 1 << 24], &[Part::Item(value)]);
}

/// What RESTORE is given for a record of a dump whose key is this.
fn payload(record: &[u8], key: &[u8], version: u16) -> Option<Vec<u8>> {
    let length = u8::try_from(key.len()).ok().filter(|length| *length < 64)?;
    let value = record.get(1..)?.strip_prefix(&[length])?.strip_prefix(key)?;
    let body = [&record[..1], value, &version.to_le_bytes()].concat();
    Some([body.as_slice(), &checksum(&body).to_le_bytes()].concat())
}

#[test]
fn what_restore_is_given_is_what_the_dump_has() {
    let mut compared = 0;
    for dump in fixtures().iter().filter(|dump| dump.name.contains("all-types")) {
        let bytes = dump.bytes();
        let version = str::from_utf8(&bytes[6..9]).ok().and_then(|digits| digits.parse().ok());
        let Some(version) = version.filter(|_| bytes.starts_with(b"REDIS0")) else { continue };
        let rows = values::read(&mut stream(&bytes), How::default());
        let mut expected = Vec::new();
        let mut log = Vec::new();
        for row in rows {
            let at = usize::try_from(row.offset).expect("a place");
            let record = &bytes[at..at + usize::try_from(row.serialized_bytes).expect("a length")];
            let Some(payload) = payload(record, &row.key, version) else { continue };
            log.extend(line(&format!("SELECT {}", row.db)));
            log.extend(command(&[b"RESTORE", row.key.as_slice(), b"4102444800000", &payload, b"ABSTTL"]));
            expected.push((row.db, row.key, row.ty, row.parts));
        }
        compared += expected.len();
        for how in [How::default(), WAYS[2]] {
            let found = values::read(&mut stream(&log), how);
            let right = |row: &values::Row| row.expire_at == Some(UnixMs(4_102_444_800_000));
            assert!(found.iter().all(right), "{}", dump.name);
            let found: Vec<_> = found.into_iter().map(|row| (row.db, row.key, row.ty, row.parts)).collect();
            for (expected, found) in expected.iter().zip(&found) {
                assert_eq!(expected, found, "{}: {}", dump.name, expected.1.escape_ascii());
            }
            assert_eq!(expected.len(), found.len(), "{}", dump.name);
        }
        let report = check_bytes(&log, How::default());
        assert_eq!(report.verdict, Verdict::Intact, "{}: {:?}", dump.name, report.integrity.problems);
    }
    assert!(compared > 100, "only {compared} values were compared");
}
