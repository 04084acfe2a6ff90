//! When keys expire: against what live servers say of each key.

use crate::support::keyspace::now;
use crate::support::rdb::Builder;
use crate::support::usage::{Fresh, Random, SERVERS, analysis, assert_near};
use redis::{Connection, cmd, pipe};
use rediscover::analysis::AnalyzeOptions;
use rediscover::base::UnixMs;
use rediscover::report::{Spread, Ttl};
use std::collections::BTreeMap;

const HOUR: i64 = 3_600_000;

/// One command that makes a key of each type.
const TYPES: [(&str, &str, &[&str]); 6] = [
    ("string", "SET", &["value"]),
    ("list", "RPUSH", &["a", "b"]),
    ("set", "SADD", &["a", "b"]),
    ("zset", "ZADD", &["1", "a"]),
    ("hash", "HSET", &["f", "v"]),
    ("stream", "XADD", &["1-1", "f", "v"]),
];

/// Thousands of keys of all types, whose expiries all come after `from`, so that no server drops one meanwhile.
fn fill(connection: &mut Connection, from: i64) {
    let mut random = Random(0x771);
    for chunk in 0..15 {
        let mut pipe = pipe();
        for number in chunk * 400..(chunk + 1) * 400 {
            let (_, command, arguments) = TYPES[usize::try_from(random.below(6)).expect("few")];
            let key = format!("key:{number}");
            pipe.cmd(command).arg(&key).arg(arguments).ignore();
            // From a second to years, as many of each length as of any other.
            let most = 1 << (10 + random.below(30));
            let far = i64::try_from(1000 + random.below(most)).expect("it fits");
            let at = match number % 10 {
                0 | 1 => None,
                // A storm of 600 keys, one of about 150, and one too small to count.
                2 => Some(from + 30 * HOUR + i64::try_from(random.below(1000)).expect("it fits")),
                3 if number % 40 == 3 => Some(from + 40 * HOUR + 999),
                4 if number % 80 == 4 => Some(from + 50 * HOUR),
                _ => Some(from + far),
            };
            if let Some(at) = at {
                pipe.cmd("PEXPIREAT").arg(&key).arg(at).ignore();
            }
        }
        pipe.exec(connection).expect("keys");
    }
}

/// The type of every key, and when the server says that it expires.
fn ask(connection: &mut Connection) -> Vec<(String, Option<i64>)> {
    let keys: Vec<String> = cmd("KEYS").arg("*").query(connection).expect("KEYS");
    let one = |key: &String| {
        let (ty, at): (String, i64) =
            pipe().cmd("TYPE").arg(key).cmd("PEXPIRETIME").arg(key).query(connection).expect("a key");
        (ty, (at >= 0).then_some(at))
    };
    keys.iter().map(one).collect()
}

fn seconds_left(at: i64, as_of: i64) -> Option<u64> {
    u64::try_from(at - as_of).ok().filter(|left| *left > 0).map(|left| left.div_ceil(1000))
}

fn assert_spread(spread: Option<Spread>, values: &[u64], about: &str) {
    let Some(spread) = spread else { return assert!(values.is_empty(), "{about}: nothing for {values:?}") };
    assert_near(Some(spread.p50), values, 50, about);
    assert_near(Some(spread.p90), values, 90, about);
    assert_near(Some(spread.p99), values, 99, about);
    assert_eq!(Some(spread.max), values.iter().copied().max(), "{about}");
}

/// Seconds with at least 100 keys, and ten times as many as those of the half hours around have on average.
fn storms(expiries: &[i64]) -> Vec<(String, u64)> {
    let mut seconds: BTreeMap<i64, u64> = BTreeMap::new();
    for at in expiries {
        *seconds.entry(at.div_euclid(1000)).or_default() += 1;
    }
    let around = |at: i64| seconds.range(at - 1800..=at + 1800).map(|(_, keys)| keys).sum::<u64>();
    let stands_out = |at: i64, keys: u64| keys >= 100 && keys * 3600 >= 10 * (around(at) - keys);
    let mut found: Vec<_> = seconds.iter().filter(|(at, keys)| stands_out(**at, **keys)).collect();
    found.sort_by_key(|(at, keys)| (std::cmp::Reverse(**keys), **at));
    found.into_iter().map(|(at, keys)| (UnixMs(at * 1000).rfc3339().expect("a time"), *keys)).collect()
}

fn compare(ttl: &Ttl, live: &[(String, Option<i64>)], as_of: i64, by: i64, about: &str) {
    let expiries: Vec<i64> = live.iter().filter_map(|(_, at)| *at).collect();
    let left: Vec<u64> = expiries.iter().filter_map(|at| seconds_left(*at, as_of)).collect();
    let count = |wanted: &dyn Fn(i64) -> bool| expiries.iter().filter(|at| wanted(**at)).count() as u64;
    assert_eq!(ttl.as_of, UnixMs(as_of).rfc3339(), "{about}");
    assert_eq!((ttl.none, ttl.expired), ((live.len() - expiries.len()) as u64, count(&|at| at <= as_of)), "{about}");
    let mut above = 0;
    for bucket in &ttl.buckets {
        let upto = bucket.upto_seconds.unwrap_or(u64::MAX);
        let keys = left.iter().filter(|seconds| (above..=upto).contains(*seconds)).count() as u64;
        assert_eq!(bucket.keys, keys, "{about}: up to {}", bucket.label);
        assert_eq!((bucket.serialized_bytes > 0, bucket.memory_bytes.is_some()), (keys > 0, keys > 0), "{about}");
        above = upto.saturating_add(1);
    }
    assert_eq!(ttl.buckets.iter().map(|bucket| bucket.keys).sum::<u64>(), left.len() as u64, "{about}");
    for (percent, found) in [(50, ttl.p50), (90, ttl.p90), (99, ttl.p99)] {
        assert_near(found, &left, percent, about);
    }
    for (ty, ..) in TYPES {
        let of_type: Vec<Option<i64>> = live.iter().filter(|(own, _)| own == ty).map(|(_, at)| *at).collect();
        let left: Vec<u64> = of_type.iter().filter_map(|at| seconds_left((*at)?, as_of)).collect();
        let found = &ttl.by_type[ty];
        assert_eq!(found.none, of_type.iter().filter(|at| at.is_none()).count() as u64, "{about}: {ty}");
        assert_eq!(found.expired + left.len() as u64, of_type.iter().flatten().count() as u64, "{about}: {ty}");
        assert_spread(found.left, &left, &format!("{about}: {ty}"));
    }
    let ahead: Vec<i64> = expiries.iter().copied().filter(|at| *at > as_of).collect();
    let found: Vec<_> = ttl.storms.iter().map(|storm| (storm.at.clone(), storm.keys)).collect();
    assert_eq!(found, storms(&ahead), "{about}");
    assert!(ttl.storms.iter().all(|storm| storm.seconds == 1 && storm.memory_bytes.is_some()), "{about}");
    let evidence = ttl.evidence.as_ref().expect("it was asked");
    let next = ahead.iter().filter(|at| **at <= by).min();
    assert_eq!((&evidence.by, evidence.keys), (&UnixMs(by).to_string(), count(&|at| at <= by)), "{about}");
    assert_eq!(evidence.next, next.and_then(|at| UnixMs(*at).rfc3339()), "{about}");
}

#[test]
fn expiries_are_what_servers_say() {
    for name in SERVERS {
        let Some(server) = Fresh::named(name, &[]) else { continue };
        let mut connection = server.running.connection();
        let from = now(&mut connection) + 24 * HOUR;
        fill(&mut connection, from);
        let live = ask(&mut connection);
        let dump = server.save(&mut connection);
        // The storms are ahead of the first moment; between the first and the others at the second.
        for (hours, by) in [(0, 1), (35, 45), (1000, 10)] {
            let (as_of, by) = (from + hours * HOUR, from + by * HOUR);
            let options = AnalyzeOptions {
                as_of: Some(UnixMs(as_of)),
                expiring_by: Some(UnixMs(by)),
                ..AnalyzeOptions::default()
            };
            let about = format!("{name}, {hours} h");
            let analysis = analysis(&dump, &options);
            compare(&analysis.ttl, &live, as_of, by, &about);
            let ttl = &analysis.ttl;
            let memory = ttl.buckets.iter().map(|bucket| bucket.memory_bytes);
            let sum = memory.chain([ttl.none_memory_bytes, ttl.expired_memory_bytes]).flatten().sum::<u64>();
            assert_eq!(Some(sum), analysis.keyspace.memory_bytes, "{about}");
            let made = [2, 1, 0][usize::from(hours > 0) + usize::from(hours > 35)];
            assert!(ttl.storms.len() >= made, "{about}: {:?}", ttl.storms);
        }
    }
}

#[test]
fn a_storm_is_found_among_more_seconds_than_are_told_apart() {
    let mut dump = Builder::redis(11);
    dump.aux(b"ctime", b"1700000000");
    for number in 0..150_000u64 {
        dump.expires((1_700_000_001 + number * 11) * 1000).string(format!("k{number}").as_bytes(), b"v");
    }
    for number in 0..5000u64 {
        dump.expires(1_700_500_000_000 + number % 1000).string(format!("storm{number}").as_bytes(), b"v");
    }
    let ttl = analysis(&dump.finish(), &AnalyzeOptions::default()).ttl;
    let [storm] = &ttl.storms[..] else { panic!("{:?}", ttl.storms) };
    // 1.65 million seconds in spans of 16 would be too many; two or three of the others are in this one.
    assert_eq!(storm.seconds, 32, "{storm:?}");
    assert!((5002..=5003).contains(&storm.keys), "{storm:?}");
    assert_eq!(storm.at, "2023-11-20T17:06:40.000Z", "{storm:?}");
}

#[test]
fn without_a_moment_nothing_is_expired_and_the_clock_still_runs() {
    let mut dump = Builder::redis(6);
    dump.expires(1_500_000_000_000).string(b"a", b"v").expires(1_600_000_000_000).string(b"b", b"v").string(b"c", b"v");
    let by = |ms| AnalyzeOptions { expiring_by: Some(UnixMs(ms)), ..AnalyzeOptions::default() };
    let ttl = analysis(&dump.finish(), &by(1_550_000_000_000)).ttl;
    assert_eq!((ttl.as_of, ttl.none, ttl.expired, ttl.buckets.len()), (None, 1, 0, 0));
    let evidence = ttl.evidence.expect("it was asked");
    assert_eq!((evidence.keys, evidence.next.as_deref()), (1, Some("2017-07-14T02:40:00.000Z")));
    // At its very moment a key is gone.
    let gone = |ms| analysis(&dump.finish(), &by(ms)).ttl.evidence.map(|evidence| evidence.keys);
    assert_eq!((gone(1_599_999_999_999), gone(1_600_000_000_000)), (Some(1), Some(2)));
    assert_eq!(analysis(&dump.finish(), &AnalyzeOptions::default()).ttl.evidence, None);
}
