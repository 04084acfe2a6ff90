//! Files made to hurt: the right verdict, kind and place each, in bounded memory and time.

use crate::support::dumps::{How, check_bytes, program};
use crate::support::rdb::{Builder, checksum, len, packed, stream_id, text};
use rediscover::analysis::{CheckOptions, check};
use rediscover::base::Progress;
use rediscover::encoding::lzf;
use rediscover::rdb::module::ModuleId;
use rediscover::report::Verdict;
use rediscover::source::{Origin, Place};
use serde_json::Value;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What the program may hold, whatever it is given.
pub(crate) const MOST_KIB: u64 = 128 << 10;
/// A build without optimization on a busy machine.
pub(crate) const MOST_TIME: Duration = Duration::from_mins(1);
const HUGE: u64 = 1 << 40;

/// Writes what the program is to read.
pub(crate) type Feed = Box<dyn FnOnce(&mut dyn Write) -> io::Result<()> + Send>;

/// What the program said, and the most memory it held.
pub(crate) struct Ran {
    pub(crate) report: Value,
    pub(crate) code: Option<i32>,
    pub(crate) peak_kib: u64,
    pub(crate) took: Duration,
    pub(crate) stderr: String,
}

/// Looks at a process until it ends: its peak as the kernel counts it.
fn watch(child: &mut Child) -> u64 {
    let status = PathBuf::from(format!("/proc/{}/status", child.id()));
    let mut peak = 0;
    loop {
        let text = fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let now = line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0);
        peak = peak.max(now);
        if child.try_wait().expect("its state").is_some() {
            return peak;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

pub(crate) fn run(source: &str, feed: Option<Feed>) -> Ran {
    run_as("check", source, feed)
}

/// What this command says of what it is fed.
pub(crate) fn run_as(command: &str, source: &str, feed: Option<Feed>) -> Ran {
    let since = Instant::now();
    let mut command = program(&[command, source, "--format", "json", "--threads", "4"]);
    let mut child = command.stdin(Stdio::piped()).spawn().expect("the program starts");
    let pipe = child.stdin.take().expect("a pipe");
    let feeding = std::thread::spawn(move || {
        let mut pipe = io::BufWriter::with_capacity(1 << 16, pipe);
        // A program that has seen enough may close its end.
        drop(feed.map(|feed| feed(&mut pipe)));
    });
    let mut out = child.stdout.take().expect("stdout");
    let reading = std::thread::spawn(move || {
        let mut bytes = Vec::new();
        io::Read::read_to_end(&mut out, &mut bytes).map(|_| bytes)
    });
    let peak_kib = watch(&mut child);
    let output = child.wait_with_output().expect("it ended");
    feeding.join().expect("the feeder");
    let stdout = reading.join().expect("the reader").expect("stdout");
    Ran {
        report: serde_json::from_slice::<Value>(&stdout)
            .ok()
            .and_then(|report| report.pointer("/sources/0").cloned())
            .unwrap_or_default(),
        code: output.status.code(),
        peak_kib,
        took: since.elapsed(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// A verdict, and one problem that must be among those reported.
#[derive(Debug, Clone, Copy)]
struct Expected {
    verdict: &'static str,
    kind: &'static str,
    offset: u64,
    keys: u64,
}

fn expect(verdict: &'static str, kind: &'static str, offset: u64, keys: u64) -> Expected {
    Expected { verdict, kind, offset, keys }
}

/// What is wrong with a run, in one line.
fn judge(name: &str, ran: &Ran, expected: Expected) -> Option<String> {
    let report = &ran.report;
    let problems = report["problems"].as_array().cloned().unwrap_or_default();
    let there = |problem: &Value| problem["kind"] == expected.kind && problem["offset"] == expected.offset;
    let right = report["verdict"] == expected.verdict
        && (expected.kind.is_empty() && problems.is_empty() || problems.iter().any(there))
        && report["keys"] == expected.keys
        && ran.peak_kib < MOST_KIB
        && ran.took < MOST_TIME;
    let brief: Vec<_> = problems
        .iter()
        .take(4)
        .map(|problem| format!("{} at {}: {}", problem["kind"], problem["offset"], problem["message"]))
        .collect();
    (!right).then(|| {
        format!(
            "{name}: expected {expected:?}, found {} with {} keys, {brief:?}; {} KiB, {:?}, code {:?}, {}",
            report["verdict"], report["keys"], ran.peak_kib, ran.took, ran.code, ran.stderr
        )
    })
}

fn all_right(cases: Vec<(&str, Vec<u8>, Expected)>) {
    let run_one = |(name, bytes, expected): (&str, Vec<u8>, Expected)| {
        judge(name, &run("-", Some(Box::new(move |out| out.write_all(&bytes)))), expected)
    };
    let wrong: Vec<_> = cases.into_iter().filter_map(run_one).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// A sound key, then a record of this type with these bytes as its value, then the end of the file.
fn after_a_key(ty: u8, value: &[u8]) -> (Vec<u8>, u64) {
    let mut dump = Builder::redis(11);
    dump.string(b"sound", b"value");
    let at = dump.at();
    (dump.key(ty, b"bad").raw(value).cut(), at)
}

#[test]
fn counts_and_lengths_that_cannot_be() {
    let mut cases = Vec::new();
    let mut cut = |name, ty, value: Vec<u8>| {
        let (bytes, at) = after_a_key(ty, &value);
        cases.push((name, bytes, expect("truncated", "truncated", at, 1)));
    };
    cut("a list of 2^40", 1, len(HUGE));
    cut("a set of 2^40", 2, [len(HUGE), text(b"one")].concat());
    cut("a zset of 2^40", 5, [len(HUGE), text(b"one"), vec![0; 8]].concat());
    cut("an old zset of 2^40", 3, [len(HUGE), text(b"one"), vec![1, b'5']].concat());
    cut("a hash of 2^40", 4, [len(HUGE), text(b"one"), text(b"two")].concat());
    cut("a hash with field expiries of 2^40", 24, [vec![0; 8], len(HUGE), len(0)].concat());
    cut("a quicklist of 2^40 nodes", 18, [len(HUGE), len(2)].concat());
    cut("a stream of 2^40 nodes", 21, len(HUGE));
    cut("a string of 2^40", 0, [len(HUGE), b"begins".to_vec()].concat());
    cut("a string of 2^63", 0, [len(1 << 63), b"begins".to_vec()].concat());
    cut("a string of 2^64 - 1", 0, [len(u64::MAX), b"begins".to_vec()].concat());
    cut("a list of 2^64 - 1", 1, len(u64::MAX));
    cut("a packed value of 2^63", 16, [len(1 << 63), b"begins".to_vec()].concat());
    cut("a compressed string of 2^62 stored bytes", 0, [vec![0xc3], len(1 << 62), len(1 << 63)].concat());
    let groups = [len(0), len(0), len(0), len(0), len(0), len(0), len(0), len(0), len(0)].concat();
    let group = [text(b"group"), len(0), len(0), len(0)].concat();
    cut("a stream of 2^40 groups", 21, [groups.clone(), len(HUGE), group.clone()].concat());
    cut("a group of 2^40 pending", 21, [groups.clone(), len(1), group.clone(), len(HUGE)].concat());
    cut("a group of 2^40 consumers", 21, [groups.clone(), len(1), group.clone(), len(0), len(HUGE)].concat());
    let consumer = [text(b"consumer"), vec![0; 16]].concat();
    cut("a consumer of 2^40", 21, [groups, len(1), group, len(0), len(1), consumer, len(HUGE)].concat());

    let mut meta = Builder::redis(14);
    meta.string(b"sound", b"value");
    let at = meta.at();
    meta.raw(&[243]).raw(&len(1 << 60)).raw(b"Abcd").raw(&[0]);
    cases.push(("metadata of 2^60 classes", meta.cut(), expect("damaged", "truncated", at, 1)));
    cases.push(("the same, called out", meta.cut(), expect("damaged", "key-metadata", at + 1, 1)));
    let mut long_key = Builder::redis(11);
    long_key.raw(&[0]).raw(&len(1 << 50)).raw(b"key");
    cases.push(("a key of 2^50", long_key.cut(), expect("truncated", "truncated", 9, 0)));
    all_right(cases);
}

#[test]
fn bombs_go_off_outside() {
    let mut cases = Vec::new();
    let mut sound = |name, ty, value: Vec<u8>, kind, back: u64| {
        let mut dump = Builder::redis(11);
        dump.string(b"sound", b"value");
        let record = dump.at() + 5;
        dump.key(ty, b"bad").raw(&value).string(b"after", b"value");
        cases.push((name, dump.finish(), expect("damaged", kind, record + back, 3)));
    };
    sound("LZF that claims 2^40", 0, packed(&[0, b'x', 0xe0, 0xff, 0], HUGE), "lzf-bomb", 0);
    sound("LZF that claims 2^63", 0, packed(&[0, b'x', 0xe0, 0xff, 0], 1 << 63), "lzf-bomb", 0);
    sound(
        "LZF that claims 1 GiB in a hash",
        4,
        [len(1), text(b"f"), packed(&[0, b'x'], 1 << 30)].concat(),
        "lzf-bomb",
        3,
    );
    sound("LZF that claims a little too much", 0, packed(&[0, b'x'], 200), "lzf-end", 0);
    sound("LZF that is shorter than it claims", 0, packed(&[0, b'x'], 2), "lzf-end", 0);
    sound("LZF that reaches before its start", 0, packed(&[0, b'x', 0x3f, 0xff], 4), "lzf-reference", 0);
    let listpack = |total: u32, count: u16, body: &[u8]| {
        text(&[&total.to_le_bytes()[..], &count.to_le_bytes()[..], body, &[0xff]].concat())
    };
    sound("a listpack that claims 4 GiB", 16, listpack(u32::MAX, 2, &[1, 1, 1, 1]), "listpack-header", 0);
    sound("a listpack whose entry claims 4 GiB", 16, listpack(13, 1, &[0xf0, 0xff, 0xff, 0xff, 0xff, 5]), "short", 0);
    sound("a listpack that counts more than it has", 16, listpack(11, 60_000, &[1, 1, 1, 1]), "listpack-count", 0);
    all_right(cases);
}

/// The most that LZF can do: `unpacked` bytes of one letter.
fn dense(unpacked: u64) -> Vec<u8> {
    let mut out = vec![0, b'x'];
    let mut left = unpacked - 1;
    while left >= 264 {
        out.extend([0xe0, 0xff, 0]);
        left -= 264;
    }
    for _ in 0..left {
        out.extend([0, b'x']);
    }
    out
}

#[test]
fn what_is_large_and_sound_passes_through() {
    let mut cases = Vec::new();
    let mut dump = Builder::redis(11);
    dump.key(0, b"lzf").raw(&packed(&dense(512 << 20), 512 << 20)).string(b"after", b"value");
    cases.push(("512 MiB of LZF", dump.finish(), expect("intact", "", 0, 2)));

    // 300 nodes of 1 MiB each, 12 KiB compressed.
    let element = vec![b'x'; 1 << 20];
    let length = u32::try_from(element.len()).expect("1 MiB");
    let mut node = Vec::new();
    node.extend((6 + 5 + length + 3 + 1).to_le_bytes());
    node.extend([1, 0, 0xf0]);
    node.extend(length.to_le_bytes());
    node.extend(&element);
    // The entry's own length of 2^20 + 5, seven bits to a byte.
    node.extend([0x40, 0x80, 0x85]);
    node.push(0xff);
    let small = lzf::compress(&node).expect("it is compressible");
    let mut dump = Builder::redis(11);
    dump.key(18, b"quicklist").raw(&len(300));
    for _ in 0..300 {
        dump.raw(&len(2)).raw(&packed(&small, node.len() as u64));
    }
    cases.push(("300 compressed nodes", dump.finish(), expect("intact", "", 0, 1)));

    let mut dump = Builder::redis(11);
    for db in 0..1_000_000 {
        dump.select(db);
    }
    cases.push(("a million databases", dump.finish(), expect("intact", "", 0, 0)));
    let mut dump = Builder::redis(11);
    for db in 0..1_000_000u64 {
        dump.select(db).raw(&[0, 1, b'k', 1, b'v']);
    }
    cases.push(("a million databases with a key", dump.finish(), expect("intact", "", 0, 1_000_000)));
    let mut dump = Builder::redis(11);
    for number in 0..1_000_000u32 {
        dump.aux(&number.to_be_bytes(), b"value");
    }
    cases.push(("a million AUX fields", dump.finish(), expect("intact", "", 0, 0)));
    let mut dump = Builder::redis(11);
    dump.key(7, b"module").raw(&len(0x1234_5678_9abc_dc00));
    for _ in 0..4_000_000 {
        dump.raw(&[2, 1]);
    }
    dump.raw(&[0]);
    cases.push(("8 MB of module opcodes", dump.finish(), expect("intact", "", 0, 1)));
    let mut dump = Builder::redis(11);
    dump.table(1, b"list", &vec![b"".as_slice(); 3_000_000]);
    cases.push(("three million empty items", dump.finish(), expect("intact", "", 0, 1)));
    all_right(cases);
}

#[test]
fn sets_of_millions_are_compared_in_bounded_memory() {
    let mut dump = Builder::redis(11);
    let at = dump.at();
    dump.key(2, b"set").raw(&len(2_000_000));
    for number in 0..1_999_999u32 {
        dump.raw(&text(&number.to_be_bytes()));
    }
    let again = dump.at();
    dump.raw(&text(&7u32.to_be_bytes()));
    let ran = run(
        "-",
        Some({
            let bytes = dump.finish();
            Box::new(move |out| out.write_all(&bytes))
        }),
    );
    let problem = &ran.report["problems"][0];
    assert_eq!((&ran.report["verdict"], ran.report["keys"].as_u64()), (&"damaged".into(), Some(1)), "{}", ran.report);
    assert!(problem["offset"].as_u64().is_some_and(|offset| (at..=again).contains(&offset)), "{problem}");
    assert!(ran.peak_kib < MOST_KIB, "{} KiB", ran.peak_kib);
}

#[test]
fn a_key_of_300_mb_and_a_string_of_512_mb_are_not_held() {
    let feed = |out: &mut dyn Write| {
        out.write_all(b"REDIS0011\x00")?;
        out.write_all(&len(300 << 20))?;
        let block = vec![b'k'; 1 << 20];
        (0..300).try_for_each(|_| out.write_all(&block))?;
        out.write_all(&text(b"value"))?;
        out.write_all(&[0])?;
        out.write_all(&text(b"long"))?;
        out.write_all(&len(512 << 20))?;
        (0..512).try_for_each(|_| out.write_all(&block))?;
        out.write_all(b"\xff\0\0\0\0\0\0\0\0")
    };
    let ran = run("-", Some(Box::new(feed)));
    assert_eq!(judge("long", &ran, expect("intact", "", 0, 2)), None);
    assert_eq!(ran.report["checksum"]["state"], "disabled");
}

/// A stream's id, and a consumer with what it owns.
type Id = (u64, u64);
type Consumer<'a> = (&'a [u8], &'a [Id]);

/// A stream without entries, with one group whose pending entries and consumers are given.
fn stream_of(pending: &[Id], consumers: &[Consumer<'_>]) -> Vec<u8> {
    let mut value = [len(0), len(0), len(9), len(9), len(1), text(b"group"), len(9), len(9)].concat();
    value.extend(len(pending.len() as u64));
    for (ms, seq) in pending {
        value.extend([stream_id(*ms, *seq), vec![0; 8], len(1)].concat());
    }
    value.extend(len(consumers.len() as u64));
    for (name, owned) in consumers {
        value.extend([text(name), vec![0; 8], len(owned.len() as u64)].concat());
        owned.iter().for_each(|(ms, seq)| value.extend(stream_id(*ms, *seq)));
    }
    value
}

#[test]
fn a_stream_whose_pending_entries_lie_is_damaged() {
    let good = stream_of(&[(1, 1), (1, 2)], &[(b"one", &[(1, 1)]), (b"two", &[(1, 2)])]);
    let dump = |value: &[u8]| {
        let mut dump = Builder::redis(11);
        dump.key(15, b"stream").raw(value).string(b"after", b"value");
        check_bytes(&dump.finish(), How::default())
    };
    assert_eq!(dump(&good).verdict, Verdict::Intact, "{:?}", dump(&good).integrity.problems);
    let lies: [(&str, &str, Vec<u8>); 6] = [
        ("owned twice", "pending-owner", stream_of(&[(1, 1)], &[(b"one", &[(1, 1)]), (b"two", &[(1, 1)])])),
        ("not in the group", "pending-owner", stream_of(&[(1, 1)], &[(b"one", &[(1, 1), (7, 7)])])),
        ("without an owner", "pending-owner", stream_of(&[(1, 1), (1, 2)], &[(b"one", &[(1, 1)])])),
        ("pending twice", "duplicate-pending", stream_of(&[(1, 1), (1, 1)], &[(b"one", &[(1, 1)])])),
        ("a consumer twice", "duplicate-name", stream_of(&[], &[(b"one", &[]), (b"one", &[])])),
        ("owned twice by one", "pending-owner", stream_of(&[(1, 1)], &[(b"one", &[(1, 1), (1, 1)])])),
    ];
    for (what, kind, value) in lies {
        let report = dump(&value);
        let problem = report.integrity.problems.first().unwrap_or_else(|| panic!("{what}: no problem"));
        assert_eq!(
            (report.verdict, report.keys, problem.kind.as_str()),
            (Verdict::Damaged, 2, kind),
            "{what}: {problem:?}"
        );
        let key = problem.key.as_ref().expect("a key");
        assert_eq!((key.head(), problem.db), (b"stream".as_slice(), Some(0)), "{what}");
        assert!((9..200).contains(&problem.offset), "{what}: {problem:?}");
    }
}

#[test]
fn a_pending_list_of_millions_is_bounded() {
    // Two million pending entries of one group, which no consumer owns.
    let count = 2_000_000u64;
    let feed = move |out: &mut dyn Write| {
        out.write_all(b"REDIS0011\x0f\x06stream")?;
        out.write_all(
            &[len(0), len(0), len(count), len(0), len(1), text(b"group"), len(9), len(9), len(count)].concat(),
        )?;
        (0..count).try_for_each(|at| out.write_all(&[stream_id(at, 0), vec![0; 8], len(1)].concat()))?;
        out.write_all(&len(0))?;
        out.write_all(b"\xff\0\0\0\0\0\0\0\0")
    };
    let ran = run("-", Some(Box::new(feed)));
    assert_eq!(ran.report["keys"], 1);
    assert_ne!(ran.report["verdict"], "intact", "{}", ran.report["problems"]);
    assert!(ran.peak_kib < MOST_KIB, "{} KiB", ran.peak_kib);
}

#[test]
fn json_that_nests_too_deep_is_damage_not_a_crash() {
    let module = |encver, ops: &[u8]| {
        let id = ModuleId::from_name(b"ReJSON-RL", encver).expect("a name");
        let mut dump = Builder::redis(11);
        dump.key(7, b"json").raw(&len(id.0)).raw(ops).raw(&[0]).string(b"after", b"value");
        dump.finish()
    };
    let deep = 1_000_000;
    let text_of = [vec![b'['; deep], vec![b']'; deep]].concat();
    let mut nodes = Vec::new();
    for _ in 0..deep {
        // An array of one element, which is an array of one element…
        nodes.extend([2, 0x40, 64, 2, 1]);
    }
    nodes.extend([2, 1]);
    let mut dragonfly = Builder::redis(9);
    dragonfly.aux(b"df-ver", b"1.0").key(30, b"json").raw(&text(&text_of)).string(b"after", b"value");
    for (what, bytes) in [("text", module(3, &[vec![5], text(&text_of)].concat())), ("nodes", module(0, &nodes))] {
        let ran = run("-", Some(Box::new(move |out| out.write_all(&bytes))));
        let found = (&ran.report["verdict"], &ran.report["keys"]);
        assert_eq!(found, (&"damaged".into(), &2.into()), "{what}: {:?} {}", ran.code, ran.report);
        assert_eq!(ran.report["problems"][0]["kind"], "module-payload", "{what}");
        assert!(ran.peak_kib < MOST_KIB, "{what}: {} KiB", ran.peak_kib);
    }
    let bytes = dragonfly.finish();
    let ran = run("-", Some(Box::new(move |out| out.write_all(&bytes))));
    assert_eq!(
        (ran.report["keys"].as_u64(), ran.peak_kib < MOST_KIB),
        (Some(2), true),
        "{:?} {}",
        ran.code,
        ran.report
    );
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    writer.write_all(bytes).and_then(|()| writer.finish()).expect("gzip")
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 1).expect("zstd")
}

/// Keys whose values do not compress, so that half of the compressed bytes hold half of them.
fn dump_of_noise(keys: u64) -> Vec<u8> {
    let mut dump = Builder::redis(11);
    let mut state = 0x9e37_79b9_7f4a_7c15u64;
    for key in 0..keys {
        let mut value = Vec::new();
        for _ in 0..16 {
            state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
            value.extend((state ^ state >> 29).to_le_bytes());
        }
        dump.string(&key.to_be_bytes(), &value);
    }
    dump.finish()
}

#[test]
fn files_that_are_something_else() {
    let sound = Builder::redis(11).string(b"key", b"value").finish();
    let noise = dump_of_noise(5000);
    let mut cases: Vec<(&str, Vec<u8>, Expected)> = vec![
        ("nothing", vec![], expect("truncated", "empty", 0, 0)),
        ("zero bytes", vec![0; 100_000], expect("unsupported", "not-an-rdb", 0, 0)),
        ("a program", b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0".to_vec(), expect("unsupported", "not-an-rdb", 0, 0)),
        ("version 0", b"REDIS0000\xff".to_vec(), expect("unsupported", "not-an-rdb", 0, 0)),
        ("no version", b"REDISabcd\xff".to_vec(), expect("unsupported", "not-an-rdb", 0, 0)),
        ("only a header", b"REDIS0011".to_vec(), expect("truncated", "truncated", 9, 0)),
        ("no checksum", b"REDIS0011\xff".to_vec(), expect("truncated", "truncated", 10, 0)),
        ("half a checksum", b"REDIS0011\xff\0\0\0\0".to_vec(), expect("truncated", "truncated", 10, 0)),
        ("gzip in gzip", gzip(&gzip(&sound)), expect("unsupported", "compressed-twice", 0, 0)),
        ("zstd in gzip", gzip(&zstd(&sound)), expect("unsupported", "compressed-twice", 0, 0)),
        ("gzip without content", gzip(b""), expect("truncated", "empty", 0, 0)),
    ];
    let prefixes = (1..9).map(|length| (b"REDIS0011".get(..length).expect("a prefix"), length));
    for (prefix, _) in prefixes {
        cases.push(("a short header", prefix.to_vec(), expect("truncated", "truncated", 0, 0)));
    }
    all_right(cases);

    for (what, compressed) in [("gzip", gzip(&noise)), ("zstd", zstd(&noise))] {
        let half = compressed.get(..compressed.len() / 2).expect("a half").to_vec();
        let ran = run("-", Some(Box::new(move |out| out.write_all(&half))));
        assert_eq!(ran.report["verdict"], "truncated", "{what}: {}", ran.report);
        assert_eq!(ran.report["problem_counts"]["compressed-truncated"], 1, "{what}: {}", ran.report);
        let keys = ran.report["keys"].as_u64().expect("a count");
        assert!((1000..4900).contains(&keys), "{what}: {keys} keys before the damage");
        assert_eq!(ran.code, Some(3), "{what}");
    }
    let mut wrong = gzip(&noise);
    let sum = wrong.len() - 8;
    wrong[sum] ^= 1;
    let ran = run("-", Some(Box::new(move |out| out.write_all(&wrong))));
    assert_eq!((&ran.report["verdict"], &ran.report["keys"]), (&"damaged".into(), &5000.into()), "{}", ran.report);
    assert_eq!(ran.report["problem_counts"]["compressed-damaged"], 1, "{}", ran.report);
    assert_eq!(ran.report["checksum"]["state"], "verified");
}

#[test]
fn a_compression_bomb_is_read_in_bounded_memory() {
    // 1 GiB of zero bytes after an RDB header, about 1 MB as gzip.
    let feed = |out: &mut dyn Write| {
        let mut writer = flate2::write::GzEncoder::new(out, flate2::Compression::fast());
        writer.write_all(b"REDIS0011\x00\x03key")?;
        writer.write_all(&len(1 << 30))?;
        let block = vec![0; 1 << 20];
        (0..1024).try_for_each(|_| writer.write_all(&block))?;
        writer.write_all(b"\xff\0\0\0\0\0\0\0\0")?;
        writer.finish().map(drop)
    };
    assert_eq!(judge("gzip bomb", &run("-", Some(Box::new(feed))), expect("intact", "", 0, 1)), None);
}

#[test]
fn places_that_are_no_files() {
    let here = tempfile::tempdir().expect("a folder");
    let at = |name: &str| here.path().join(name);
    fs::create_dir(at("empty")).expect("a folder");
    let code = |path: &Path| {
        let ran = run(&path.to_string_lossy(), None);
        (ran.code, ran.stderr)
    };
    assert_eq!(code(&at("empty")).0, Some(1));
    assert_eq!(code(&at("no such file")).0, Some(1));
    fs::write(at("notes.txt"), b"hello").expect("a file");
    let (exit, said) = code(here.path());
    assert!(exit == Some(1) && said.contains("no dump"), "{exit:?} {said}");

    // A pipe with a name is read as any other pipe.
    let pipe = at("pipe.rdb");
    assert!(Command::new("mkfifo").arg(&pipe).status().expect("mkfifo").success());
    let writer = {
        let pipe = pipe.clone();
        std::thread::spawn(move || fs::write(pipe, Builder::redis(11).string(b"key", b"value").finish()))
    };
    let ran = run(&pipe.to_string_lossy(), None);
    writer.join().expect("the writer").expect("it wrote");
    assert_eq!((&ran.report["verdict"], ran.code), (&"intact".into(), Some(0)), "{}", ran.stderr);
}

/// Cuts a file as soon as it has been opened and looked at.
pub(crate) struct Shrink {
    pub(crate) path: PathBuf,
    pub(crate) to: u64,
}

impl Progress for Shrink {
    fn begin(&self, _: &str, _: Option<u64>) {
        let file = fs::File::options().write(true).open(&self.path).expect("the file");
        file.set_len(self.to).expect("it shrinks");
    }

    fn read(&self, _: u64) {}

    fn end(&self) {}
}

#[test]
fn a_file_that_shrinks_while_it_is_read_is_told_from_one_that_ends() {
    let here = tempfile::tempdir().expect("a folder");
    let path = here.path().join("dump.rdb");
    let whole = dump_of_noise(5000);
    // Trailing bytes go: the dump itself stays whole, and still the file is not what it was.
    for (to, verdict, kind) in [(400_000, Verdict::Truncated, "truncated"), (whole.len(), Verdict::Damaged, "shrunk")] {
        fs::write(&path, [whole.as_slice(), &[0; 1000]].concat()).expect("the file");
        let mut options = CheckOptions::default();
        options.run.progress = Arc::new(Shrink { path: path.clone(), to: to as u64 });
        let origin = Origin::new("dump", Place::Path(path.clone()));
        let checked = check(&origin, &options).outcome.expect("it can be read");
        let counts = &checked.integrity.problem_counts;
        assert_eq!(checked.verdict, verdict, "{counts:?}");
        assert!(counts.contains_key("shrunk") && counts.contains_key(kind), "{counts:?}");
    }
}

#[test]
fn a_million_problems_are_counted_and_few_are_kept() {
    let mut dump = Builder::redis(11);
    for key in 0..200_000u32 {
        dump.table(2, &key.to_be_bytes(), &[b"a", b"a"]);
    }
    let bytes = dump.finish();
    let ran = run("-", Some(Box::new(move |out| out.write_all(&bytes))));
    let (kept, counts) = (ran.report["problems"].as_array().map(Vec::len), &ran.report["problem_counts"]);
    assert_eq!(
        (kept, counts.as_object().and_then(|counts| counts.values().next()?.as_u64())),
        (Some(10_000), Some(200_000))
    );
    assert_eq!(ran.report["problems"][0]["offset"].as_u64().map(|offset| offset < 40), Some(true));
    assert!(ran.peak_kib < MOST_KIB, "{} KiB", ran.peak_kib);
}

#[test]
fn a_checksum_is_what_the_bytes_have() {
    let dump = Builder::valkey(80).string(b"key", b"value").finish();
    let (body, sum) = dump.split_at(dump.len() - 8);
    assert_eq!(sum, checksum(body).to_le_bytes());
    let report = check_bytes(&dump, How::default());
    assert_eq!((report.verdict, report.keys), (Verdict::Intact, 1));
}
