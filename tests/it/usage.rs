//! Idle times and counters of use, against OBJECT IDLETIME and OBJECT FREQ of live servers.

use crate::support::usage::{Fresh, SERVERS, analysis, assert_near};
use redis::{Connection, cmd, pipe};
use rediscover::analysis::AnalyzeOptions;
use std::cmp::Reverse;

/// A day: what a slow machine may add to an idle time.
const DAY: u64 = 86_400;

/// Strings and lists that say so: `number` is each one's idle time or counter.
fn fill(connection: &mut Connection, word: &str, numbers: impl Iterator<Item = u64>) {
    let payload =
        |connection: &mut Connection, key: &str| -> Vec<u8> { cmd("DUMP").arg(key).query(connection).expect("DUMP") };
    pipe().cmd("SET").arg("string").arg("v").ignore().cmd("RPUSH").arg("list").arg("a").exec(connection).expect("keys");
    let payloads = [payload(connection, "string"), payload(connection, "list")];
    let mut pipe = pipe();
    for (at, number) in numbers.enumerate() {
        pipe.cmd("RESTORE").arg(format!("key:{at}")).arg(0).arg(&payloads[at % 2]).arg(word).arg(number).ignore();
    }
    pipe.cmd("DEL").arg("string").arg("list").ignore();
    pipe.exec(connection).expect("keys");
}

/// What OBJECT says of every key, with its type.
fn ask(connection: &mut Connection, word: &str) -> Vec<(String, String, u64)> {
    let keys: Vec<String> = cmd("KEYS").arg("*").query(connection).expect("KEYS");
    let one = |key: String| {
        let number: u64 = cmd("OBJECT").arg(word).arg(&key).query(connection).expect("OBJECT");
        let ty: String = cmd("TYPE").arg(&key).query(connection).expect("TYPE");
        (key, ty, number)
    };
    keys.into_iter().map(one).collect()
}

#[test]
fn counters_of_use_are_what_servers_say() {
    for name in SERVERS {
        let policy = ["--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lfu", "--lfu-decay-time", "0"];
        let Some(server) = Fresh::named(name, &policy) else { continue };
        let mut connection = server.running.connection();
        fill(&mut connection, "FREQ", (0..700).map(|at| at * 37 % 256));
        let live = ask(&mut connection, "FREQ");
        let analysis = analysis(&server.save(&mut connection), &AnalyzeOptions::default());
        assert_eq!(analysis.idle, None, "{name}");
        let found = analysis.frequency.expect("an LFU policy says how often keys are used");
        let counters: Vec<u64> = live.iter().map(|(.., number)| *number).collect();
        let cold = counters.iter().filter(|number| **number == 0).count() as u64;
        assert_eq!((found.keys, found.cold_keys), (live.len() as u64, cold), "{name}");
        assert!(cold > 0 && found.cold_memory_bytes.is_some_and(|bytes| bytes > 0), "{name}");
        let spread = found.counter.expect("there are keys");
        for (percent, value) in [(50, spread.p50), (90, spread.p90), (99, spread.p99)] {
            assert_near(Some(value), &counters, percent, name);
        }
        assert_eq!(Some(spread.max), counters.iter().copied().max(), "{name}");
        for ty in ["string", "list"] {
            let own: Vec<u64> = live.iter().filter(|(_, own, _)| own == ty).map(|(.., number)| *number).collect();
            assert_eq!(found.average_by_type[ty], own.iter().sum::<u64>() / own.len() as u64, "{name}: {ty}");
        }
        let mut hottest: Vec<_> = live.iter().map(|(key, ty, number)| (Reverse(*number), key, ty)).collect();
        hottest.sort();
        hottest.truncate(20);
        let hot: Vec<_> = found.hot_keys.iter().map(|hot| (hot.key.escaped(), hot.ty.clone(), hot.frequency)).collect();
        let expected = hottest
            .into_iter()
            .map(|(number, key, ty)| (key.clone(), ty.clone(), u8::try_from(number.0).expect("a counter is a byte")));
        assert_eq!(hot, expected.collect::<Vec<_>>(), "{name}");
    }
}

#[test]
fn idle_times_are_what_servers_say() {
    for name in SERVERS {
        let Some(server) = Fresh::named(name, &["--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru"]) else {
            continue;
        };
        let mut connection = server.running.connection();
        // Far from the ends of all spans but the first: 20 days apart, up to 120 of them.
        fill(&mut connection, "IDLETIME", (0..300).map(|at| (at % 7) * 20 * DAY));
        let live = ask(&mut connection, "IDLETIME");
        let analysis = analysis(&server.save(&mut connection), &AnalyzeOptions::default());
        assert_eq!(analysis.frequency, None, "{name}");
        let found = analysis.idle.expect("an LRU policy says how long keys are idle");
        assert_eq!(found.keys, live.len() as u64, "{name}");
        let days: Vec<u64> = live.iter().map(|(.., seconds)| seconds / DAY).collect();
        let of = |label: &str| found.buckets.iter().find(|bucket| bucket.label == label).map(|bucket| bucket.keys);
        let within = |from: u64, to: u64| Some(days.iter().filter(|days| (from..to).contains(days)).count() as u64);
        assert_eq!((of("30 days"), of("1 year"), of("longer")), (within(7, 30), within(30, 365), Some(0)), "{name}");
        let first: u64 = found.buckets.iter().take(4).map(|bucket| bucket.keys).sum();
        assert_eq!(Some(first), within(0, 1), "{name}");
        assert_eq!(found.seconds.map(|spread| spread.max / DAY), Some(120), "{name}");
        // 42 keys share the longest time; which ones come first depends on when the server looked at its clock.
        let longest: Vec<_> = found.longest.iter().map(|key| (key.key.escaped(), key.idle_seconds)).collect();
        assert_eq!(longest.len(), 20, "{name}");
        for (key, seconds) in longest {
            let own = live.iter().find(|(own, ..)| *own == key).map(|(.., seconds)| *seconds).expect("a live key");
            assert!(seconds.abs_diff(own) < DAY && seconds / DAY == 120, "{name}: {key}: {seconds}, {own}");
        }
        let mean = found.average_by_type["list"];
        let own: Vec<u64> = live.iter().filter(|(_, ty, _)| ty == "list").map(|(.., seconds)| *seconds).collect();
        assert!(mean.abs_diff(own.iter().sum::<u64>() / own.len() as u64) < DAY, "{name}: {mean}");
    }
}
