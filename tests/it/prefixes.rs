//! Prefixes: their sums against a count by hand, whatever the order and the split, and their errors where they are estimates.

use crate::hostile::{Feed, MOST_KIB};
use crate::laws::random;
use crate::support::dumps::{How, origin};
use crate::support::rdb::{Builder, text};
use crate::support::servers::{self, ServerSpec};
use rediscover::analysis::{AnalyzeOptions, analyze};
use rediscover::pipeline::{Memory, RunOptions};
use rediscover::report::{Analysis, Prefix};
use rediscover::source::Origin;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io::Write;

/// The moment all expiries are seen from: 2100.
const NOW_MS: u64 = 4_102_444_800_000;

/// A key with what is to be known of it.
#[derive(Debug, Clone)]
struct Made {
    name: String,
    /// What it counts under, `│` after each cut.
    pattern: String,
    value_bytes: usize,
    ttl_seconds: Option<u64>,
}

fn made(name: impl Into<String>, pattern: &str, number: u64) -> Made {
    let ttl_seconds = number.is_multiple_of(3).then_some(60 + number % 1000);
    Made {
        name: name.into(),
        pattern: pattern.into(),
        value_bytes: 1 + usize::try_from(number % 40).expect("small"),
        ttl_seconds,
    }
}

/// A word of chance, in which nothing is folded.
fn word(state: &mut u64) -> String {
    (0..9).map(|_| char::from(b'a' + u8::try_from(random(state) % 26).expect("a letter"))).collect()
}

/// Keys of all the shapes that names have.
fn usual(keys: u64) -> Vec<Made> {
    let mut state = 0x5eed;
    let key = |number: u64| {
        let chance = random(&mut state);
        match number % 8 {
            0 => made(format!("user:{number}:profile"), "user:│{n}:│profile", chance),
            1 => made(format!("user:{number}:cart"), "user:│{n}:│cart", chance),
            2 => made(format!("session-{chance:016x}{number:016x}"), "session-│{hex}", chance),
            3 => made(format!("cache.v2.item{number:05}"), "cache.│v2.│item{n}", chance),
            4 => made(format!("{{tenant{:04}}}:jobs:{number}", number % 50), "{tenant{n}}:│jobs:│{n}", chance),
            5 => made(format!("log:2026-01-{:02}:{number}", 1 + number % 28), "log:│{date}:│{n}", chance),
            6 => made(format!("lock{number:08}"), "lock{n}", chance),
            _ => made(
                format!("queue/{}/{number}", ["mail", "sms", "push"][usize::try_from(chance % 3).expect("few")]),
                &format!("queue/│{}/│{{n}}", ["mail", "sms", "push"][usize::try_from(chance % 3).expect("few")]),
                chance,
            ),
        }
    };
    (0..keys).map(key).collect()
}

/// A dump of these keys, and the bytes as stored of each.
fn dump(keys: &[Made]) -> (Vec<u8>, Vec<u64>) {
    let mut dump = Builder::redis(11);
    dump.select(0);
    let write = |key: &Made| {
        if let Some(ttl) = key.ttl_seconds {
            dump.expires(NOW_MS + ttl * 1000);
        }
        let begin = dump.at();
        dump.string(key.name.as_bytes(), &vec![b'v'; key.value_bytes]);
        dump.at() - begin
    };
    let bytes = keys.iter().map(write).collect();
    (dump.finish(), bytes)
}

fn analyzed(origins: &[Origin], most: usize, how: How) -> Analysis {
    let mut run = how.options();
    run.limits.tracked_prefixes = most;
    let as_of = Some(rediscover::base::UnixMs(i64::try_from(NOW_MS).expect("a moment")));
    let options = AnalyzeOptions { run, as_of, memory: Memory::Off, ..AnalyzeOptions::default() };
    analyze(origins, &options).expect("it runs").total
}

/// Every node of a tree.
fn nodes(prefixes: &[Prefix]) -> Vec<&Prefix> {
    prefixes.iter().flat_map(|prefix| std::iter::once(prefix).chain(nodes(&prefix.children))).collect()
}

fn name(prefix: &Prefix) -> &str {
    std::str::from_utf8(prefix.prefix.head()).expect("text")
}

fn find<'p>(analysis: &'p Analysis, wanted: &str) -> &'p Prefix {
    let all = nodes(&analysis.prefixes);
    let known = || all.iter().map(|node| name(node)).collect::<Vec<_>>();
    all.iter().find(|node| name(node) == wanted).unwrap_or_else(|| panic!("no {wanted} in {:?}", known()))
}

/// What the keys of a beginning add up to, by hand.
#[derive(Debug, Default, Clone, PartialEq)]
struct Sums {
    keys: u64,
    expires: u64,
    serialized_bytes: u64,
    ttl_seconds: u64,
    example: Option<String>,
}

impl Sums {
    fn add(&mut self, key: &Made, bytes: u64) {
        self.keys += 1;
        self.expires += u64::from(key.ttl_seconds.is_some());
        self.ttl_seconds += key.ttl_seconds.unwrap_or_default();
        self.serialized_bytes += bytes;
        self.example = Some(self.example.take().map_or_else(|| key.name.clone(), |known| known.min(key.name.clone())));
    }
}

/// The sums of every beginning of every pattern.
fn by_hand(keys: &[Made], bytes: &[u64]) -> BTreeMap<String, Sums> {
    let mut sums: BTreeMap<String, Sums> = BTreeMap::new();
    for (key, bytes) in keys.iter().zip(bytes) {
        let mut beginning = String::new();
        let mut beginnings = BTreeSet::new();
        for piece in key.pattern.split('│') {
            beginning.push_str(piece);
            beginnings.insert(beginning.clone());
        }
        for beginning in beginnings {
            sums.entry(beginning).or_default().add(key, *bytes);
        }
    }
    sums
}

/// Every node that is shown has its sums, and every beginning that holds enough is shown, alone or with what its keys share.
fn assert_by_hand(analysis: &Analysis, sums: &BTreeMap<String, Sums>, keys: u64) {
    let shown = nodes(&analysis.prefixes);
    for node in &shown {
        let found = Sums {
            keys: node.keys,
            expires: node.expires,
            serialized_bytes: node.serialized_bytes,
            ttl_seconds: node.average_ttl_seconds.unwrap_or_default(),
            example: node.example.as_ref().map(|example| String::from_utf8_lossy(example.head()).into_owned()),
        };
        let mut expected = sums.get(name(node)).unwrap_or_else(|| panic!("{} is no beginning", name(node))).clone();
        expected.ttl_seconds = expected.ttl_seconds.checked_div(expected.expires).unwrap_or_default();
        assert_eq!(found, expected, "{}", name(node));
        let below: u64 = node.children.iter().map(|child| child.keys).sum();
        let others = node.others.map_or(0, |others| others.keys);
        assert!(node.children.is_empty() || below + others == node.keys, "{}", name(node));
    }
    let heavy = sums.iter().filter(|(_, sums)| sums.keys > 1 && sums.keys * 1000 >= keys);
    for (beginning, _) in heavy {
        assert!(shown.iter().any(|node| name(node).starts_with(beginning.as_str())), "{beginning} is not shown");
    }
}

#[test]
fn sums_are_what_one_counts_by_hand() {
    let keys = usual(40_000);
    let (bytes, stored) = dump(&keys);
    let analysis = analyzed(&[origin(bytes)], 20_000, How::default());
    assert_eq!(analysis.prefixes_sample, None);
    assert_by_hand(&analysis, &by_hand(&keys, &stored), 40_000);
    let tops: Vec<_> = analysis.prefixes.iter().map(name).collect();
    for expected in
        ["user:{n}:", "session-{hex}", "cache.v2.item{n}", "{tenant{n}}:jobs:{n}", "log:{date}:{n}", "queue/"]
    {
        assert!(tops.contains(&expected), "{expected} in {tops:?}");
    }
    assert_eq!(find(&analysis, "user:{n}:").children.len(), 2);
}

#[test]
fn order_split_and_threads_make_no_difference() {
    let mut keys = usual(8000);
    let mut state = 7;
    // And many words: sums are estimates in all but the widest limit.
    keys.extend((0..8000).map(|number| {
        let name = word(&mut state);
        made(format!("page:{name}:{number}:hits"), "", number)
    }));
    let tree = |origins: &[Origin], most, how| {
        let analysis = analyzed(origins, most, how);
        (analysis.prefixes, analysis.other_prefixes, analysis.prefixes_sample, analysis.cluster)
    };
    for most in [1, 3, 10, 100, 1000, 50_000] {
        let whole = tree(&[origin(dump(&keys).0)], most, How::default());
        assert_eq!(whole.2.is_some(), most < 50_000, "{most}");
        for threads in 1..=8 {
            let how = How { threads, batch_bytes: 4096 };
            assert_eq!(whole, tree(&[origin(dump(&keys).0)], most, how), "{most} patterns, {threads} threads");
        }
        for seed in 1..4 {
            let mut state = seed * 0x9e37_79b9;
            keys.sort_by_cached_key(|_| random(&mut state));
            assert_eq!(whole, tree(&[origin(dump(&keys).0)], most, How::default()), "{most} patterns, order {seed}");
        }
        let shards: Vec<_> = keys.chunks(3500).map(|keys| origin(dump(keys).0)).collect();
        assert_eq!(whole, tree(&shards, most, How { threads: 2, batch_bytes: 5003 }), "{most} patterns, shards");
    }
}

/// Whether an estimate is as near as its error says: within four of them it is all but always.
fn assert_near(node: &Prefix, keys: u64, bytes: u64) {
    let near = |found: u64, true_: u64, error: u64| found.abs_diff(true_) <= 4 * error;
    assert!(near(node.keys, keys, node.keys_error), "{}: {} ±{}, not {keys}", name(node), node.keys, node.keys_error);
    let found = node.serialized_bytes;
    assert!(near(found, bytes, node.bytes_error), "{}: {found} ±{} bytes, not {bytes}", name(node), node.bytes_error);
}

#[test]
fn names_past_the_limit_are_folded_and_estimated_within_the_stated_error() {
    let mut state = 99;
    let mut keys = Vec::new();
    for number in 0..60_000 {
        let name = word(&mut state);
        let (end, value) = [("profile", 30), ("profile", 30), ("settings", 300)][number % 3];
        keys.push(Made { value_bytes: value, ..made(format!("user:{name}:{end}"), &format!("user:│*:│{end}"), 3) });
    }
    keys.extend((0..20_000).map(|number| made(format!("order:{number}"), "order:│{n}", number)));
    let (bytes, stored) = dump(&keys);
    let analysis = analyzed(&[origin(bytes)], 4000, How::default());
    let sums = by_hand(&keys, &stored);
    let sample = analysis.prefixes_sample.expect("a sample");
    assert_eq!(sample.exact_depth, 1);
    assert!((3500..=8000).contains(&sample.sampled_keys), "{sample:?}");
    let user = find(&analysis, "user:");
    assert_eq!((user.keys, user.keys_error, user.bytes_error), (60_000, 0, 0), "a first separator is exact");
    for end in ["profile", "settings"] {
        let (node, sums) = (find(&analysis, &format!("user:{{*}}:{end}")), &sums[&format!("user:*:{end}")]);
        assert_near(node, sums.keys, sums.serialized_bytes);
        // 1 / √(share × half of the sampled keys), and a margin.
        assert!(node.keys_error > 0 && node.keys_error < node.keys / 10, "{node:?}");
    }
    // With room for all of them, all is exact.
    let analysis = analyzed(&[origin(dump(&keys).0)], 100_000, How::default());
    assert_eq!(analysis.prefixes_sample, None);
    assert_eq!(find(&analysis, "user:{*}:settings").keys, 20_000);
    assert_eq!(find(&analysis, "user:{*}:settings").keys_error, 0);
}

#[test]
fn what_holds_much_is_shown_among_any_number_of_names() {
    let mut state = 4711;
    let mut keys: Vec<Made> = Vec::new();
    for number in 0..150_000u64 {
        let (a, b, c) = (word(&mut state), word(&mut state), word(&mut state));
        // Neither the first separator nor any other tells few groups.
        let random = match number % 4 {
            0 => format!("{a}:{b}"),
            1 => format!("{a}.{b}.{c}"),
            2 => format!("{a}/{b}/{c}/x"),
            _ => a.clone(),
        };
        let key = match number % 1000 {
            // 0.5 % of the keys, 0.1 % of the keys, and few keys with much in them.
            1..=5 => made(format!("heavy:{a}"), "heavy:│*", 1),
            6 => made(format!("lighter:{a}:{b}"), "lighter:│*", 1),
            7 if number < 20_000 => Made { value_bytes: 40_000, ..made(format!("blob/{b}"), "blob/│*", 1) },
            _ => Made { value_bytes: 5, ..made(random, "", 1) },
        };
        keys.push(key);
    }
    let (bytes, stored) = dump(&keys);
    let sums = by_hand(&keys, &stored);
    for threads in [1, 2] {
        let analysis = analyzed(&[origin(bytes.clone())], 20_000, How { threads, ..How::default() });
        assert_eq!(analysis.prefixes_sample.expect("a sample").exact_depth, 0);
        for beginning in ["heavy:", "lighter:", "blob/"] {
            let all = nodes(&analysis.prefixes);
            let node = all.iter().find(|node| name(node).starts_with(beginning)).unwrap_or_else(|| {
                panic!("no {beginning} in {:?}", all.iter().map(|node| name(node)).collect::<Vec<_>>())
            });
            assert_near(node, sums[beginning].keys, sums[beginning].serialized_bytes);
        }
        // Keys that weigh much are in the sample: their bytes are next to exact.
        let blob = nodes(&analysis.prefixes).into_iter().find(|node| name(node).starts_with("blob/")).expect("it");
        assert!(blob.bytes_error * 50 < blob.serialized_bytes, "{blob:?}");
        let rest: u64 = nodes(&analysis.prefixes).iter().filter(|node| name(node).starts_with("{*}")).count() as u64;
        assert!(rest >= 3, "what is left by its separators");
    }
}

/// Three keys in four have names that nothing is alike in.
fn endless(keys: u64) -> Feed {
    Box::new(move |out: &mut dyn Write| {
        let mut state = 1;
        out.write_all(b"REDIS0011")?;
        for number in 0..keys {
            let separators = [":", ".", "/", "-"];
            let separator = separators[usize::try_from(number % 4).expect("few")];
            let name: Vec<_> = (0..number % 8).map(|_| word(&mut state)).collect();
            out.write_all(&[0])?;
            out.write_all(&text(name.join(separator).as_bytes()))?;
            out.write_all(&text(b"v"))?;
        }
        out.write_all(&[255; 1])?;
        out.write_all(&[0; 8])
    })
}

#[test]
fn names_without_end_do_not_fill_the_memory() {
    let ran = crate::hostile::run_as("analyze", "-", Some(endless(600_000)));
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    // Four workers, each of which may hold the limit: some 40 MiB each.
    assert!(ran.peak_kib < 2 * MOST_KIB, "{} KiB", ran.peak_kib);
}

#[test]
fn a_real_servers_names_are_counted_as_scan_finds_them() {
    for spec in ["redis-7.0", "valkey-9.1"].into_iter().filter_map(ServerSpec::named) {
        let folder = tempfile::tempdir().expect("a folder");
        let server = servers::start(&spec, folder.path(), &[] as &[&str]).expect("it starts");
        let mut connection = server.connection();
        let mut pipe = redis::pipe();
        for key in usual(3000) {
            pipe.cmd("SET").arg(&key.name).arg("v".repeat(key.value_bytes)).ignore();
        }
        pipe.query::<()>(&mut connection).expect("SET");
        redis::cmd("SAVE").query::<()>(&mut connection).expect("SAVE");
        let names: Vec<String> = redis::cmd("KEYS").arg("*").query(&mut connection).expect("KEYS");
        let bytes = std::fs::read(folder.path().join("dump.rdb")).expect("a dump");
        let options = AnalyzeOptions { run: RunOptions::default(), ..AnalyzeOptions::default() };
        let analysis = analyze(&[origin(bytes)], &options).expect("it runs").total;
        let patterns: HashMap<String, String> = usual(3000).into_iter().map(|key| (key.name, key.pattern)).collect();
        for node in nodes(&analysis.prefixes) {
            let under = |key: &&String| patterns[*key].replace('│', "").starts_with(name(node));
            let found = names.iter().filter(under).count() as u64;
            assert_eq!(node.keys, found, "{}: {}", spec.name, name(node));
            assert!(node.memory_bytes.is_some(), "{}: a model", spec.name);
            assert_eq!(node.persistent_memory_bytes, node.memory_bytes);
        }
        let top: u64 = analysis.prefixes.iter().filter_map(|prefix| prefix.memory_bytes).sum();
        let rest = analysis.other_prefixes.and_then(|others| others.memory_bytes).unwrap_or_default();
        assert_eq!(Some(top + rest), analysis.keyspace.memory_bytes, "{}", spec.name);
        assert!(nodes(&analysis.prefixes).len() >= 8);
    }
}
