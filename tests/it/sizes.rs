//! Sizes and the largest elements, against everything that live servers hold.

use crate::support::keyspace::{Data, Keyspace, live};
use crate::support::rdb::Builder;
use crate::support::usage::{Fresh, Random, SERVERS, analysis, assert_near};
use redis::{Connection, pipe};
use rediscover::analysis::AnalyzeOptions;
use rediscover::pipeline::Filter;
use rediscover::report::{Analysis, BigElement, Sizes, Spread, escape};
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// Collections of all types and lengths. Every large element has a length of its own.
fn fill(connection: &mut Connection) {
    let mut random = Random(0x512e);
    let mut large = 400;
    let mut pipe = pipe();
    for number in 0..1200u64 {
        let key = format!("key:{number}");
        let mut element = |at: u64| {
            let is_large = (number + at).is_multiple_of(97);
            large += 32 * u64::from(is_large);
            let length = if is_large { large } else { 1 + (number * at) % 30 };
            format!("{at}{}", "x".repeat(usize::try_from(length).expect("short")))
        };
        let most = 1 << random.below(9);
        let elements = 1 + random.below(most);
        for at in 0..elements {
            match number % 6 {
                0 => pipe.cmd("APPEND").arg(&key).arg(element(at)).ignore(),
                1 => pipe.cmd("RPUSH").arg(&key).arg(element(at)).ignore(),
                2 => pipe.cmd("SADD").arg(&key).arg(element(at)).ignore(),
                3 => pipe.cmd("ZADD").arg(&key).arg(at).arg(element(at)).ignore(),
                4 => pipe.cmd("HSET").arg(&key).arg(format!("field{at}")).arg(element(at)).ignore(),
                _ => pipe.cmd("XADD").arg(&key).arg("*").arg("field").arg(element(at)).ignore(),
            };
        }
    }
    pipe.cmd("SELECT").arg(3).ignore().cmd("SADD").arg("numbers").arg(&[1, -20, 300_000]).ignore();
    pipe.cmd("SELECT").arg(0).ignore();
    pipe.exec(connection).expect("keys");
}

/// Every element of a collection: its length, and its name where it has one.
fn elements(data: &Data) -> Vec<(u64, Option<Vec<u8>>)> {
    let named = |name: &[u8], more: &[u8]| ((name.len() + more.len()) as u64, Some(name.to_vec()));
    match data {
        Data::List(items) => items.iter().map(|item| named(item, b"")).collect(),
        Data::Set(members) => members.iter().map(|member| named(member, b"")).collect(),
        Data::Zset(members) => members.keys().map(|member| named(member, b"")).collect(),
        Data::Hash(fields) => fields.iter().map(|(field, (value, _))| named(field, value)).collect(),
        Data::Stream(stream) => {
            let fields = stream.entries.iter().map(|(_, fields)| fields.iter());
            fields.map(|own| (own.map(|(field, value)| (field.len() + value.len()) as u64).sum(), None)).collect()
        }
        _ => Vec::new(),
    }
}

fn compare_elements(found: &[BigElement], keyspace: &Keyspace, about: &str) {
    let mut all = Vec::new();
    for ((db, key), value) in &keyspace.keys {
        let own = elements(&value.data).into_iter();
        all.extend(own.map(|(bytes, name)| (bytes, *db, key.clone(), value.ty.clone(), name)));
    }
    all.sort_by_key(|one| Reverse(one.0));
    all.truncate(20);
    assert!(all.is_sorted_by(|a, b| a.0 > b.0), "{about}: the test needs lengths that differ");
    let own = |element: &BigElement| (element.bytes, element.db, element.key.escaped(), element.ty.clone());
    let expected =
        |(bytes, db, key, ty, _): &(u64, u64, Vec<u8>, String, Option<Vec<u8>>)| (*bytes, *db, escape(key), ty.clone());
    let found_rows: Vec<_> = found.iter().map(own).collect();
    assert_eq!(found_rows, all.iter().map(expected).collect::<Vec<_>>(), "{about}");
    for (element, (.., name)) in found.iter().zip(&all) {
        // Of a long name the first 1 KiB is shown, and its length.
        let same = match (&element.element, name) {
            (Some(found), Some(name)) => {
                found.len_bytes() == name.len() as u64 && found.head() == &name[..name.len().min(1024)]
            }
            (None, None) => true,
            _ => false,
        };
        assert!(same, "{about}: {}", element.key.escaped());
    }
    for element in found.iter().filter(|element| element.ty == "list") {
        let Data::List(items) = &keyspace.keys[&(element.db, element.key.head().to_vec())].data else { panic!() };
        let at = usize::try_from(element.index).expect("short");
        assert_eq!(items[at].len() as u64, element.bytes, "{about}");
    }
}

fn compare_sizes(analysis: &Analysis, keyspace: &Keyspace, about: &str) {
    let mut counts: BTreeMap<&str, Vec<u64>> = BTreeMap::new();
    for value in keyspace.keys.values() {
        let count = if matches!(value.data, Data::Text(_)) { 1 } else { elements(&value.data).len() as u64 };
        counts.entry(&value.ty).or_default().push(count);
    }
    assert_eq!(analysis.sizes.len(), counts.len(), "{about}");
    for (ty, sizes) in &analysis.sizes {
        let about = format!("{about}: {ty}");
        let (own, share) = (&counts[ty.as_str()], analysis.keyspace.by_type[ty]);
        let spread = sizes.elements.expect("there are keys");
        for (percent, value) in [(50, spread.p50), (90, spread.p90), (99, spread.p99)] {
            assert_near(Some(value), own, percent, &about);
        }
        assert_eq!(Some(spread.max), own.iter().copied().max(), "{about}");
        let keys: u64 = sizes.distribution.iter().map(|bucket| bucket.keys).sum();
        let bytes: u64 = sizes.distribution.iter().map(|bucket| bucket.bytes).sum();
        assert_eq!((keys, Some(bytes)), (share.keys, share.memory_bytes), "{about}");
        let memory = sizes.memory_bytes.expect("there is a model");
        let last = sizes.distribution.last().expect("there are keys");
        assert!((last.upto_bytes / 2 + 1..=last.upto_bytes).contains(&memory.max), "{about}: {last:?}");
    }
    let max =
        |spread: fn(&Sizes) -> Option<Spread>| analysis.sizes.values().filter_map(spread).map(|one| one.max).max();
    let big = &analysis.big_keys;
    assert_eq!(Some(big.by_serialized[0].serialized_bytes), max(|sizes| sizes.serialized_bytes), "{about}");
    assert_eq!(big.by_memory[0].memory_bytes, max(|sizes| sizes.memory_bytes), "{about}");
}

#[test]
fn sizes_and_elements_are_what_servers_hold() {
    for name in SERVERS {
        let Some(server) = Fresh::named(name, &[]) else { continue };
        let mut connection = server.running.connection();
        fill(&mut connection);
        let keyspace = live(&mut connection);
        let analysis = analysis(&server.save(&mut connection), &AnalyzeOptions::default());
        compare_elements(&analysis.big_elements, &keyspace, name);
        compare_sizes(&analysis, &keyspace, name);
    }
}

fn found(analysis: &Analysis) -> Vec<(String, u64, u64)> {
    let one = |element: &BigElement| (element.key.escaped(), element.index, element.bytes);
    analysis.big_elements.iter().map(one).collect()
}

#[test]
fn of_equal_elements_and_keys_the_first_names_come_first() {
    let mut dump = Builder::redis(11);
    for number in (0..3000).rev() {
        dump.table(1, format!("k{number:04}").as_bytes(), &[b"same", b"same", b"same"]);
    }
    let analysis = analysis(&dump.finish(), &AnalyzeOptions { top: 7, ..AnalyzeOptions::default() });
    let expected: Vec<_> = (0..7u64).map(|at| (format!("k{:04}", at / 3), at % 3, 4)).collect();
    assert_eq!(found(&analysis), expected);
    let keys: Vec<String> = (0..7).map(|number| format!("k{number:04}")).collect();
    for ranking in [&analysis.big_keys.by_memory, &analysis.big_keys.by_elements, &analysis.big_keys.by_largest_element]
    {
        assert_eq!(ranking.iter().map(|key| key.key.escaped()).collect::<Vec<_>>(), keys);
    }
}

#[test]
fn elements_of_a_key_that_is_not_counted_are_not_shown() {
    let large = [b'x'; 900];
    let mut dump = Builder::redis(11);
    dump.table(1, b"small", &[&large]).table(2, b"counted", &[b"a", b"b"]);
    let filter = Filter { min_elements: 2, ..Filter::default() };
    let options = AnalyzeOptions { filter, ..AnalyzeOptions::default() };
    let expected = [("counted".to_owned(), 0, 1), ("counted".to_owned(), 1, 1)];
    assert_eq!(found(&analysis(&dump.finish(), &options)), expected);
    // The record of the first breaks off.
    let broken = &Builder::redis(11).table(2, b"counted", &[b"a", b"b"]).table(1, b"cut", &[&large, &large]).cut();
    assert_eq!(found(&analysis(&broken[..broken.len() - 5], &AnalyzeOptions::default())), expected);
}
