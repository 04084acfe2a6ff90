//! The same bytes give the same report, however they come and however the work is split.

use crate::support::dumps::{
    Dump, How, all, analyze_json, analyze_with, check_json, file, fixtures, origin, program, without_place,
};
use crate::support::rdb::{Builder, len, text};
use crate::support::values::read;
use rediscover::analysis::{
    AnalyzeOptions, BigElements, Commands, Examiner, Expiries, Histogram, KeySizes, Needs, Prefixes, Rankings,
    ScanFold, Slots, Streams, Totals, Twins, Usage,
};
use rediscover::base::{Result, UnixMs};
use rediscover::keyspace::Type;
use rediscover::pipeline::{Analyzer, Filter, Memory, Prologue, Scope, Selection, run};
use rediscover::rdb::{Depth, Head, Item, Part};
use rediscover::source::Stream;
use serde_json::{Value, json};
use std::fmt::Debug;
use std::io::{self, Cursor, Read, Write};
use std::process::Stdio;

/// The smallest batch there is: nearly every record crosses a boundary, and many are larger than one.
const SMALL: usize = 4096;

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    writer.write_all(bytes).and_then(|()| writer.finish()).expect("gzip")
}

pub(crate) fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 1).expect("zstd")
}

/// Says where two reports differ, without printing all of both.
pub(crate) fn assert_same(expected: &Value, found: &Value, what: &str) {
    fn first(a: &Value, b: &Value, path: &str) -> Option<String> {
        match (a, b) {
            (Value::Object(a), Value::Object(b)) if a.len() == b.len() => a
                .iter()
                .find_map(|(name, value)| first(value, b.get(name).unwrap_or(&Value::Null), &format!("{path}/{name}"))),
            (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
                a.iter().zip(b).enumerate().find_map(|(at, (a, b))| first(a, b, &format!("{path}/{at}")))
            }
            _ => (a != b).then(|| format!("{path}: {a} and {b}")),
        }
    }
    if let Some(place) = first(expected, found, "") {
        panic!("{what}: {place}");
    }
}

fn each(dumps: &[Dump], what: impl Fn(&Dump) + Sync) {
    // Two at a time: this is what takes most of the suite's time.
    let (one, other) = dumps.split_at(dumps.len() / 2);
    std::thread::scope(|scope| {
        scope.spawn(|| one.iter().for_each(&what));
        other.iter().for_each(&what);
    });
}

#[test]
fn a_report_does_not_depend_on_threads_batches_or_compression() {
    each(&all(), |dump| {
        let bytes = dump.bytes();
        let plain = file(&dump.path);
        let check = check_json(&plain, How::default());
        let analysis = analyze_json(&plain, How::default());
        let ways = [
            ("8 threads", plain.clone(), How { threads: 8, ..How::default() }),
            ("small batches", plain.clone(), How { threads: 1, batch_bytes: SMALL }),
            ("small batches and 8 threads", plain.clone(), How { threads: 8, batch_bytes: SMALL }),
            ("odd batches", plain.clone(), How { threads: 2, batch_bytes: 5003 }),
            ("gzip", origin(gzip(&bytes)), How { threads: 2, ..How::default() }),
            ("zstd", origin(zstd(&bytes)), How { threads: 1, batch_bytes: 10_007 }),
        ];
        for (way, origin, how) in ways {
            assert_same(&check, &check_json(&origin, how), &format!("{}: check, {way}", dump.name));
            assert_same(&analysis, &analyze_json(&origin, how), &format!("{}: analyze, {way}", dump.name));
        }
    });
}

/// Hands out one byte at a time.
pub(crate) struct Drop1(pub(crate) Cursor<Vec<u8>>);

impl Read for Drop1 {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = buffer.len().min(1);
        self.0.read(&mut buffer[..most])
    }
}

/// All of it by the sections of both commands, over any reader.
pub(crate) fn sections(reader: impl Read + Send + 'static, how: How) -> Value {
    let set = || rediscover::analysis::AnalyzerSet {
        examiner: Some(Examiner::new(10_000)),
        needs: Some(Needs::default()),
        twins: Some(Twins::new(std::env::temp_dir(), 1 << 20, 10_000)),
        overlap: None,
        commands: Some(Commands::default()),
        totals: Some(Totals::default()),
        rankings: Some(Rankings::new("dump", 20)),
        prefixes: Some(Prefixes::new(20_000)),
        expiries: Some(Expiries::new(20, Some(UnixMs(1_800_000_000_000)))),
        big_elements: Some(BigElements::new("dump", 20)),
        sizes: Some(KeySizes::default()),
        usage: Some(Usage::new("dump", 20)),
        streams: Some(Streams::new("dump", 20)),
        slots: Some(Slots::new(20_000, 20)),
        scan: Some(ScanFold::new("dump", &crate::scan::common(how))),
        checks: None,
    };
    let mut stream = Stream::from_reader("dump", reader).expect("it opens");
    let selection = Selection { validate: true, memory: Memory::OfWriter, ..Selection::default() };
    let (set, scope) = run(&mut stream, set(), &selection, &how.options()).expect("it can be read");
    let examined = set.examiner.expect("it").finish(&scope).expect("it finishes");
    json!({
        "integrity": examined.integrity, "keys": examined.keys, "databases": examined.databases,
        "needs": format!("{:?}", set.needs.expect("it").finish(&scope).expect("it finishes")),
        "commands": set.commands.expect("it").finish(&scope).expect("it finishes"),
        "twins": set.twins.expect("it").finish(&scope).expect("it finishes"),
        "totals": set.totals.expect("it").finish(&scope).expect("it finishes"),
        "rankings": set.rankings.expect("it").finish(&scope).expect("it finishes"),
        "prefixes": set.prefixes.expect("it").finish(&scope).expect("it finishes"),
        "expiries": set.expiries.expect("it").finish(&scope).expect("it finishes"),
        "big_elements": set.big_elements.expect("it").finish(&scope).expect("it finishes"),
        "sizes": set.sizes.expect("it").finish(&scope).expect("it finishes"),
        "usage": set.usage.expect("it").finish(&scope).expect("it finishes"),
        "streams": set.streams.expect("it").finish(&scope).expect("it finishes"),
        "scan": set.scan.expect("it").finish(&scope).expect("it finishes").tell(false).0,
        "cluster": set.slots.expect("it").finish(&scope).expect("it finishes"),
    })
}

#[test]
fn a_report_does_not_depend_on_how_the_bytes_come() {
    each(&all(), |dump| {
        let bytes = dump.bytes();
        let whole = sections(Cursor::new(bytes.clone()), How::default());
        let slow = sections(Drop1(Cursor::new(bytes.clone())), How { threads: 1, batch_bytes: SMALL });
        assert_same(&whole, &slow, &format!("{}: byte by byte", dump.name));
        let packed = sections(Drop1(Cursor::new(gzip(&bytes))), How { threads: 4, batch_bytes: SMALL });
        assert_same(&whole, &packed, &format!("{}: gzip, byte by byte", dump.name));
    });
}

#[test]
fn rows_are_the_same_and_in_order() {
    each(&all(), |dump| {
        let rows = |how| {
            format!("{:?}", read(&mut Stream::from_reader("dump", Cursor::new(dump.bytes())).expect("it opens"), how))
        };
        let expected = rows(How::default());
        for how in [How { threads: 1, batch_bytes: SMALL }, How { threads: 4, batch_bytes: SMALL }] {
            assert!(expected == rows(how), "{}: rows differ: {how:?}", dump.name);
        }
    });
}

#[test]
fn standard_input_is_as_good_as_a_file() {
    each(&all(), |dump| {
        for command in ["check", "analyze"] {
            let from = |source: &str, input: Option<Vec<u8>>| {
                let mut command = program(&[command, source, "--format", "json", "--threads", "2"]);
                let mut child = command.stdin(Stdio::piped()).spawn().expect("the program starts");
                let mut pipe = child.stdin.take().expect("a pipe");
                // Who is no RDB may be given up before its end.
                drop(input.map(|bytes| pipe.write_all(&bytes)));
                drop(pipe);
                let output = child.wait_with_output().expect("it ends");
                let report =
                    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{}: {error}", dump.name));
                (without_place(report), output.status.code())
            };
            let (file, code) = from(&format!("dump={}", dump.path.display()), None);
            let (piped, piped_code) = from("dump=-", Some(dump.bytes()));
            assert_same(&file, &piped, &format!("{}: {command} -", dump.name));
            assert_eq!(code, piped_code, "{}", dump.name);
        }
    });
}

/// Deals items out to several copies of an analyzer by a pattern, as no real run would.
struct Dealt<A> {
    hands: Vec<A>,
    state: u64,
    /// The hand of the key in progress: its parts and its entry belong together.
    open: Option<usize>,
}

impl<A> Dealt<A> {
    fn next(&mut self) -> usize {
        usize::try_from(random(&mut self.state) % self.hands.len() as u64).expect("few")
    }
}

impl<A: Analyzer> Analyzer for Dealt<A> {
    type Output = ();

    fn depth(&self, head: &Head<'_>) -> Depth {
        self.hands[0].depth(head)
    }

    fn begin(&mut self, prologue: &Prologue, as_of: Option<UnixMs>) {
        self.hands[0].begin(prologue, as_of);
        for at in 1..self.hands.len() {
            self.hands[at] = self.hands[0].fork();
        }
    }

    fn fork(&self) -> Self {
        unreachable!("one thread")
    }

    fn part(&mut self, part: &Part<'_>) {
        let at = self.open.unwrap_or_else(|| self.next());
        self.open = Some(at);
        self.hands[at].part(part);
    }

    fn observe(&mut self, item: &Item<'_>) -> Result<()> {
        let at = match item {
            Item::Entry(_) | Item::Dropped => self.open.take(),
            _ => None,
        };
        let at = at.unwrap_or_else(|| self.next());
        self.hands[at].observe(item)
    }

    fn merge(&mut self, _: Self) -> Result<()> {
        unreachable!("one thread")
    }

    fn finish(self, _: &Scope) -> Result<()> {
        Ok(())
    }
}

/// xorshift64*: seeded, the same everywhere.
pub(crate) fn random(state: &mut u64) -> u64 {
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    state.wrapping_mul(0x2545_f491_4f6c_dd1d)
}

/// The result of `make`'s analyzer, dealt to so many hands that are merged in an order of chance.
fn dealt<A: Analyzer>(bytes: &[u8], make: &dyn Fn() -> A, hands: usize, mut seed: u64) -> String
where
    A::Output: Debug,
{
    let mut stream = Stream::from_reader("dump", Cursor::new(bytes.to_vec())).expect("it opens");
    let selection = Selection { validate: true, memory: Memory::OfWriter, ..Selection::default() };
    let dealer = Dealt { hands: (0..hands).map(|_| make()).collect(), state: seed, open: None };
    let (dealt, scope) = run(&mut stream, dealer, &selection, &How::default().options()).expect("it can be read");
    let mut hands = dealt.hands;
    while hands.len() > 1 {
        let mut pick = || usize::try_from(random(&mut seed) % hands.len() as u64).expect("few");
        let (one, other) = (pick(), pick());
        if one != other {
            let other = hands.swap_remove(other);
            let one = one.min(hands.len() - 1);
            hands[one].merge(other).expect("it merges");
        }
    }
    format!("{:?}", hands.remove(0).finish(&scope).expect("it finishes"))
}

fn assert_merges<A: Analyzer>(bytes: &[u8], what: &str, make: &dyn Fn() -> A)
where
    A::Output: Debug,
{
    let expected = dealt(bytes, make, 1, 1);
    for (seed, hands) in [(2, 2), (3, 3), (4, 8), (5, 8), (6, 40)] {
        assert!(expected == dealt(bytes, make, hands, seed), "{what}: {hands} hands, seed {seed}");
    }
}

/// Many beginnings of names, ties in every ranking, several databases, expiries, damage here and there.
fn varied() -> Vec<u8> {
    let mut dump = Builder::redis(11);
    let mut state = 0x5eed;
    for db in [0u64, 3, 70_000] {
        dump.select(db);
        for number in 0..1500 {
            let words = ["user", "session", "cache", "q", "0123abcd", "a"];
            let mut word = || words[usize::try_from(random(&mut state) % 6).expect("few")];
            let key = format!("{}{}:{number}:{}/{}.{}", word(), number % 70, word(), word(), number % 11);
            let key = if number == 77 { "twin".into() } else { key };
            if number % 3 == 0 {
                dump.expires(1_700_000_000_000 + number * 86_400_000);
            }
            match number % 5 {
                0 => dump.string(key.as_bytes(), &vec![b'v'; 1 + usize::try_from(number).expect("small") % 4]),
                1 => dump.table(1, key.as_bytes(), &[b"a", b"b", b"c"]),
                2 => dump.table(2, key.as_bytes(), &[b"a", b"b", b"c"]),
                // A set that holds a member twice is damage inside a value.
                3 if number % 100 == 3 => dump.table(2, key.as_bytes(), &[b"a", b"a"]),
                _ => dump.string(key.as_bytes(), b"12345"),
            };
        }
        dump.string(b"twin", b"again");
    }
    dump.finish()
}

#[test]
fn analyzers_merge_in_any_order_from_any_split() {
    let varied = varied();
    let twins = || Twins::new(std::env::temp_dir(), 1 << 12, 100);
    for (name, bytes) in fixtures()
        .iter()
        .filter(|dump| ["all-types", "streams", "lru", "lfu"].iter().any(|name| dump.name.contains(name)))
        .map(|dump| (dump.name.clone(), dump.bytes()))
        .chain([("varied".into(), varied)])
    {
        assert_merges(&bytes, &format!("{name}: integrity"), &|| Examiner::new(10));
        assert_merges(&bytes, &format!("{name}: totals"), &Totals::default);
        assert_merges(&bytes, &format!("{name}: rankings"), &|| Rankings::new("dump", 7));
        assert_merges(&bytes, &format!("{name}: expiries"), &|| Expiries::new(20, Some(UnixMs(1_800_000_000_000))));
        assert_merges(&bytes, &format!("{name}: big elements"), &|| BigElements::new("dump", 7));
        assert_merges(&bytes, &format!("{name}: sizes"), &KeySizes::default);
        assert_merges(&bytes, &format!("{name}: usage"), &|| Usage::new("dump", 7));
        assert_merges(&bytes, &format!("{name}: streams"), &|| Streams::new("dump", 2));
        assert_merges(&bytes, &format!("{name}: needs"), &Needs::default);
        assert_merges(&bytes, &format!("{name}: twins"), &twins);
        for most in [1, 2, 5, 20, 100, 300, 1000, 20_000] {
            assert_merges(&bytes, &format!("{name}: prefixes, {most}"), &|| Prefixes::new(most));
            assert_merges(&bytes, &format!("{name}: slots, {most}"), &|| Slots::new(most, 50));
        }
    }
}

/// More names than are kept: which ones are does not depend on who saw them first.
#[test]
fn names_past_the_bound_merge_in_any_order() {
    let mut dump = Builder::redis(11);
    let mut state = 0x5eed;
    for _ in 0..1500 {
        let library = format!("#!lua name=lib{}\n", random(&mut state) % 2000);
        dump.raw(&[0xf5]).raw(&text(library.as_bytes()));
    }
    dump.select(0);
    for number in 0..3000u64 {
        // A value of a module: its id, and the end of its data.
        dump.key(7, format!("m{number}").as_bytes()).raw(&len(random(&mut state) << 10 | 1)).raw(&[0]);
    }
    let bytes = dump.finish();
    assert_merges(&bytes, "needs", &Needs::default);
    assert_merges(&bytes, "integrity", &|| Examiner::new(10));
}

#[test]
fn histograms_merge_in_any_order() {
    let mut state = 42;
    let values: Vec<u64> = (0..5000).map(|at| random(&mut state) >> (at % 64)).collect();
    let mut whole = Histogram::default();
    for value in &values {
        whole.add(*value);
    }
    for parts in [2, 3, 17] {
        let mut hands = vec![Histogram::default(); parts];
        values.iter().enumerate().for_each(|(at, value)| hands[at % parts].add(*value));
        let mut sum = Histogram::default();
        hands.iter().rev().for_each(|hand| sum.merge(hand));
        assert_eq!(whole, sum);
    }
}

#[test]
fn a_filter_decodes_nothing_it_skips() {
    let one = |glob: &[u8]| Filter { globs: vec![glob.to_vec()], ..Filter::default() };
    for dump in fixtures() {
        let all = analyze_json(&file(&dump.path), How::default());
        let decoding = &all["decoding"];
        assert_eq!(decoding["values_decoded"], decoding["keys_seen"], "{}", dump.name);
        assert_eq!((&decoding["values_skipped"], &decoding["bytes_skipped"]), (&0.into(), &0.into()), "{}", dump.name);
        let mut filters = vec![
            Filter { dbs: vec![9], ..Filter::default() },
            one(b"*1*"),
            one(b"no such key"),
            Filter { exclude: vec![b"*".to_vec()], ..Filter::default() },
            Filter { slots: vec![(0, 8191)], ..Filter::default() },
        ];
        filters.extend(Type::ALL.map(|ty| Filter { types: vec![ty], ..Filter::default() }));
        for filter in filters {
            for how in [How::default(), How { threads: 4, batch_bytes: SMALL }] {
                let what = format!("{}: {filter:?}, {how:?}", dump.name);
                let options =
                    AnalyzeOptions { run: how.options(), filter: filter.clone(), ..AnalyzeOptions::default() };
                let some = analyze_with(&file(&dump.path), &options);
                let count = |name: &str| some["decoding"][name].as_u64().expect("a count");
                assert_eq!(some["decoding"]["keys_seen"], decoding["keys_seen"], "{what}");
                assert_eq!(count("values_decoded"), count("keys_selected"), "{what}");
                assert_eq!(count("values_skipped"), count("keys_seen") - count("keys_selected"), "{what}");
                assert_eq!(count("bytes_skipped") > 0, count("values_skipped") > 0, "{what}");
                assert_eq!(some["keyspace"]["keys"], some["decoding"]["keys_selected"], "{what}");
            }
        }
    }
    // A skipped value may be broken inside without anybody noticing: it was not looked into.
    let mut dump = Builder::redis(11);
    dump.table(2, b"broken", &[b"a", b"a"]).string(b"sound", b"v");
    let options = AnalyzeOptions { filter: one(b"sound"), ..AnalyzeOptions::default() };
    let report = analyze_with(&origin(dump.finish()), &options);
    assert_eq!(report["decoding"]["values_decoded"], 1, "{report}");
    assert_eq!(report["integrity"][0]["problems"], json!([]), "{report}");
}

#[test]
fn a_value_of_many_batches_is_seen_whole() {
    let item = vec![b'x'; 300];
    let items: Vec<&[u8]> = std::iter::repeat_n(item.as_slice(), 2000).collect();
    let mut dump = Builder::redis(11);
    dump.string(b"before", b"1")
        .table(1, b"giant", &items)
        .string(b"long", &vec![b'y'; 700_000])
        .string(b"after", b"2");
    let bytes = dump.finish();
    let expected = analyze_json(&origin(bytes.clone()), How::default());
    assert_eq!(
        (&expected["keyspace"]["keys"], &expected["big_keys"]["by_elements"][0]["elements"]),
        (&4.into(), &2000.into())
    );
    for how in [How { threads: 1, batch_bytes: SMALL }, How { threads: 8, batch_bytes: SMALL }] {
        assert_same(&expected, &analyze_json(&origin(bytes.clone()), how), &format!("{how:?}"));
    }
}
