//! Several sources: one by one with a total, or as shards of one keyspace.

use crate::laws::assert_same;
use crate::support::dumps::{How, origin, without_place};
use crate::support::rdb::Builder;
use crate::support::servers::{self, ServerSpec};
use rediscover::analysis::{AnalyzeOptions, Analyzed, analyze};
use rediscover::base::{ErrorKind, UnixMs};
use rediscover::keyspace::slot;
use rediscover::source::{Origin, Place};
use serde_json::Value;
use std::fs;

fn merged(threads: usize) -> AnalyzeOptions {
    AnalyzeOptions {
        run: How { threads, ..How::default() }.options(),
        merge: true,
        as_of: Some(UnixMs(1_900_000_000_000)),
        ..AnalyzeOptions::default()
    }
}

fn named(name: &str, bytes: Vec<u8>) -> Origin {
    Origin::new(name, Place::Bytes(bytes))
}

/// The total. Of big elements only the sizes: a server that saves a set again saves its members in another order.
fn total(analyzed: &Analyzed) -> Value {
    let mut total = without_place(serde_json::to_value(&analyzed.total).expect("JSON"));
    let sizes = analyzed.total.big_elements.iter().map(|element| element.bytes).collect::<Vec<_>>();
    total["big_elements"] = sizes.into();
    total
}

/// Keys of every type, from a few numbers; every third one expires.
fn fill(connection: &mut redis::Connection) {
    let mut pipe = redis::pipe();
    for n in 0..4000u64 {
        let name = |what: &str| format!("{what}:{{{}}}:{n}", n % 97);
        let long = "v".repeat(usize::try_from(n % 300).expect("small"));
        match n % 8 {
            0 => pipe.cmd("SET").arg(name("text")).arg(&long),
            1 => pipe.cmd("SET").arg(name("number")).arg(n * n),
            2 => pipe.cmd("RPUSH").arg(name("list")).arg(vec![long.as_str(); 40]),
            3 => pipe.cmd("SADD").arg(name("set")).arg((0..n % 700).chain([n]).collect::<Vec<_>>()),
            4 => pipe.cmd("HSET").arg(name("hash")).arg((0..=n % 70).map(|f| (f, &long)).collect::<Vec<_>>()),
            5 => pipe.cmd("ZADD").arg(name("zset")).arg((0..=n % 200).map(|m| (m, m * n)).collect::<Vec<_>>()),
            6 => pipe.cmd("XADD").arg(name("stream")).arg("1-1").arg("field").arg(&long),
            _ => pipe.cmd("SET").arg(format!("plain{n}")).arg(&long),
        }
        .ignore();
        if n % 3 == 0 {
            let kind = ["text", "number", "list", "set", "hash", "zset", "stream"];
            let key = kind.get(usize::try_from(n % 8).expect("small")).map_or_else(|| format!("plain{n}"), |k| name(k));
            pipe.cmd("PEXPIREAT").arg(key).arg(1_900_000_000_000 + n * 40_000).ignore();
        }
    }
    pipe.query::<()>(connection).expect("the keys are written");
}

#[test]
fn four_shards_of_a_keyspace_are_the_whole() {
    for name in ["redis-7.0", "redis-8.6", "valkey-9.1"] {
        let Some(spec) = ServerSpec::named(name) else { continue };
        let folder = tempfile::tempdir().expect("a folder");
        let whole = {
            let running = servers::start(&spec, folder.path(), &[] as &[&str]).expect("it starts");
            let mut connection = running.connection();
            fill(&mut connection);
            redis::cmd("SAVE").query::<()>(&mut connection).expect("it saves");
            // Whoever loads a dump packs small values anew: the shards are made of what was loaded, and so is the whole.
            drop(running);
            let running = servers::start(&spec, folder.path(), &[] as &[&str]).expect("it starts");
            redis::cmd("SAVE").query::<()>(&mut running.connection()).expect("it saves");
            fs::read(folder.path().join("dump.rdb")).expect("the dump")
        };
        let shards: Vec<Origin> = (0..4u16)
            .map(|shard| {
                fs::write(folder.path().join("dump.rdb"), &whole).expect("the dump");
                let running = servers::start(&spec, folder.path(), &[] as &[&str]).expect("it starts");
                let mut connection = running.connection();
                let keys: Vec<Vec<u8>> = redis::cmd("KEYS").arg("*").query(&mut connection).expect("its keys");
                let others: Vec<_> = keys.iter().filter(|key| slot(key) % 4 != shard).collect();
                redis::cmd("UNLINK").arg(&others).query::<()>(&mut connection).expect("they go");
                redis::cmd("SAVE").query::<()>(&mut connection).expect("it saves");
                named(&format!("shard-{shard}"), fs::read(folder.path().join("dump.rdb")).expect("the dump"))
            })
            .collect();
        let one = analyze(&[named("whole", whole)], &merged(1)).expect("it is read");
        let four = analyze(&shards, &merged(2)).expect("they are read");
        assert!(one.total.keyspace.keys == 4000 && one.total.keyspace.memory_bytes.is_some(), "{}", spec.name);
        assert_eq!(four.sources.iter().map(|own| own.analysis.keyspace.keys).sum::<u64>(), 4000);
        assert!(
            four.sources.iter().all(|own| own.analysis.keyspace.keys > 500),
            "{}: every shard has its share",
            spec.name
        );
        assert_same(&total(&one), &total(&four), spec.name);
        // Without --merge each has tables of its own, and they are not those of the whole.
        let apart = analyze(&shards, &AnalyzeOptions { merge: false, ..merged(1) }).expect("they are read");
        let each: u64 = apart.sources.iter().filter_map(|own| own.analysis.keyspace.overhead_bytes).sum();
        assert_eq!(apart.total.keyspace.overhead_bytes, Some(each), "{}", spec.name);
        assert_eq!(apart.total.keyspace.memory_bytes, one.total.keyspace.memory_bytes, "{}", spec.name);
    }
}

#[test]
fn shards_that_overlap_are_refused_and_not_counted_twice() {
    let dump = |keys: &[(u64, &[u8])]| {
        let mut dump = Builder::redis(11);
        for (db, key) in keys {
            dump.select(*db).string(key, b"value");
        }
        dump.finish()
    };
    let long = vec![b'k'; 100_000];
    let shards = [
        named("a", dump(&[(0, b"one"), (0, b"two"), (3, b"four"), (0, &long)])),
        named("b", dump(&[(1, b"one"), (0, b"three")])),
        named("c", dump(&[(0, b"two"), (3, b"four"), (0, &long)])),
    ];
    let mut options = merged(2);
    // Also where fingerprints go to the scratch folder.
    for most in [16 << 20, 64] {
        options.run.limits.duplicates_bytes = most;
        let error = analyze(&shards, &options).err().expect("they overlap");
        assert!(matches!(error.kind(), ErrorKind::Overlap { .. }), "{error}");
        let text = error.to_string();
        assert!(text.contains("3 keys of these shards") && text.contains("is in a and in c"), "{text}");
        analyze(&shards[..2], &options).expect("a key may be in two databases");
    }
    // The name of a long key is cut, and says how long it is.
    for (bytes, said) in [(5000, "(5000 bytes) of"), (100_000, "(100000 bytes) of")] {
        let long = vec![b'k'; bytes];
        let both = ["a", "b"].map(|name| named(name, dump(&[(0, &long)])));
        let text = analyze(&both, &options).err().expect("they overlap").to_string();
        assert!(text.contains(said), "{text}");
    }
    // The same key twice in one source is that source's damage.
    let twice = origin(dump(&[(0, b"one"), (0, b"one")]));
    analyze(&[twice, named("b", dump(&[(1, b"one")]))], &options).expect("no shards overlap");
    let apart = analyze(&shards, &AnalyzeOptions { merge: false, ..merged(1) }).expect("they are reported one by one");
    assert_eq!(apart.total.keyspace.keys, 9);
}
