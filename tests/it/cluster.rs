//! Cluster slots and hash tags against real servers in cluster mode, and past the number of tags that are told apart.

use crate::laws::random;
use crate::live::free_port;
use crate::support::dumps::{How, origin};
use crate::support::rdb::Builder;
use crate::support::servers::{self, Running, ServerSpec};
use rediscover::analysis::{AnalyzeOptions, analyze};
use rediscover::report::Cluster;
use std::collections::BTreeMap;
use std::path::Path;

fn analyzed(bytes: Vec<u8>, most: usize, top: usize, how: How) -> Cluster {
    let mut run = how.options();
    // A quarter of it is for tags.
    run.limits.tracked_prefixes = most;
    let options = AnalyzeOptions { run, top, ..AnalyzeOptions::default() };
    analyze(&[origin(bytes)], &options).expect("it runs").total.cluster.expect("keys")
}

fn start(spec: &ServerSpec, folder: &Path) -> Running {
    let port = free_port().to_string();
    let arguments = ["--cluster-enabled", "yes", "--bind", "127.0.0.1", "--cluster-port", &port];
    servers::start(spec, folder, &arguments).unwrap_or_else(|refused| panic!("{}: {}", spec.name, refused.log))
}

#[test]
fn slots_are_what_a_node_of_a_cluster_counts() {
    for spec in ["redis-7.0", "redis-8.6", "valkey-8.1", "valkey-9.1"].into_iter().filter_map(ServerSpec::named) {
        let folder = tempfile::tempdir().expect("a folder");
        let server = start(&spec, folder.path());
        let mut connection = server.connection();
        let mut ask = |command: &str, arguments: &[&str]| {
            let mut command = redis::cmd(command);
            command
                .arg(arguments)
                .query::<redis::Value>(&mut connection)
                .unwrap_or_else(|error| panic!("{}: {error}", spec.name))
        };
        ask("CLUSTER", &["ADDSLOTSRANGE", "0", "16383"]);
        // The node says so itself when it has seen that every slot is served.
        let is_up = |state: redis::Value| format!("{state:?}").contains("cluster_state:ok");
        while !is_up(ask("CLUSTER", &["INFO"])) {
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        let mut slots: BTreeMap<u16, u64> = BTreeMap::new();
        for number in 0..600 {
            let key = match number % 3 {
                0 => format!("user:{number}"),
                1 => format!("{{user{}}}:cart:{number}", number % 10),
                _ => format!("a{{}}{{b{number}}}\u{e9}"),
            };
            ask("SET", &[&key, "v"]);
            let redis::Value::Int(slot) = ask("CLUSTER", &["KEYSLOT", &key]) else { panic!("no slot") };
            *slots.entry(u16::try_from(slot).expect("a slot")).or_default() += 1;
        }
        ask("SAVE", &[]);
        let dump = std::fs::read(folder.path().join("dump.rdb")).expect("a dump");
        let cluster = analyzed(dump, 4000, 16_384, How::default());
        let found: BTreeMap<_, _> = cluster.hot_slots.iter().map(|share| (share.slot, share.keys)).collect();
        assert_eq!(found, slots, "{}", spec.name);
        for (slot, keys) in slots.iter().take(40) {
            let counted = ask("CLUSTER", &["COUNTKEYSINSLOT", &slot.to_string()]);
            assert_eq!(counted, redis::Value::Int(i64::try_from(*keys).expect("few")), "{}: {slot}", spec.name);
        }
        assert_eq!(cluster.slots, slots.len() as u64);
        assert_eq!(cluster.first_slot, slots.keys().next().copied());
        assert_eq!(cluster.last_slot, slots.keys().last().copied());
        assert_eq!(Some(cluster.most_keys), slots.values().max().copied());
        assert_eq!(Some(cluster.least_keys), slots.values().min().copied());
        // 7.0 writes no slot information.
        assert_eq!(cluster.clustered, spec.name != "redis-7.0", "{}", spec.name);
        assert_eq!((cluster.tagged_keys, cluster.hash_tags.len(), cluster.sampled_keys), (200, 10, 0), "{}", spec.name);
        assert!(cluster.hash_tags.iter().all(|tag| tag.keys == 20 && tag.keys_error == 0));
    }
}

#[test]
fn a_tag_that_heats_a_slot_is_found_among_any_number_of_tags() {
    let mut state = 5;
    let mut dump = Builder::redis(11);
    dump.aux(b"redis-ver", b"7.2.4");
    for number in 0..60_000u64 {
        let value = vec![b'v'; 10];
        match number % 100 {
            0 => dump.string(format!("{{many}}:{number}").as_bytes(), &value),
            1 if number < 3000 => dump.string(format!("{number}{{large}}").as_bytes(), &vec![b'v'; 50_000]),
            2 => dump.string(format!("untagged:{number}").as_bytes(), &value),
            _ => dump.string(format!("{{{:x}}}:{number}", random(&mut state)).as_bytes(), &value),
        };
    }
    let dump = dump.finish();
    let one = analyzed(dump.clone(), 8000, 20, How::default());
    assert!(one.sampled_keys >= 1500, "{one:?}");
    assert_eq!(one.tagged_keys, 59_400);
    let many = one.hash_tags.iter().find(|tag| tag.tag.head() == b"many").expect("the tag with many keys");
    assert_eq!(many.slot, rediscover::keyspace::slot(b"many"));
    assert!(many.keys_error > 0 && many.keys.abs_diff(600) <= 4 * many.keys_error, "{many:?}");
    let hottest = one.hot_slots.iter().map(|share| share.slot).collect::<Vec<_>>();
    assert!(hottest.contains(&many.slot) && hottest.contains(&rediscover::keyspace::slot(b"large")));
    assert!(one.hash_tags.iter().any(|tag| tag.tag.head() == b"large"), "the tag with large keys");
    for threads in 2..=8 {
        assert_eq!(one, analyzed(dump.clone(), 8000, 20, How { threads, batch_bytes: 4096 }), "{threads} threads");
    }
    // With room for all tags they are counted.
    let exact = analyzed(dump, 400_000, 20, How::default());
    let many = exact.hash_tags.iter().find(|tag| tag.tag.head() == b"many").expect("it");
    assert_eq!((many.keys, many.keys_error, exact.sampled_keys), (600, 0, 0));
}
