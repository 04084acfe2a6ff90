//! Streams and their groups, against XINFO of live servers.

use crate::support::keyspace::now;
use crate::support::rdb::{Builder, len, stream_id, text};
use crate::support::usage::{Fresh, Random, SERVERS, analysis};
use redis::{Connection, Value, cmd};
use rediscover::analysis::AnalyzeOptions;
use rediscover::base::UnixMs;
use std::collections::BTreeMap;

/// Steps of chance on one stream: what makes counters known, unknown and known again.
fn work(connection: &mut Connection, key: &str, random: &mut Random) {
    let mut last = 0u64;
    let steps = 4 + random.below(30);
    for _ in 0..steps {
        let id = |random: &mut Random, last: u64| format!("{}-0", random.below(last + 2));
        let group = format!("g{}", random.below(3));
        let consumer = format!("c{}", random.below(3));
        let mut command = redis::Cmd::new();
        match random.below(20) {
            0..=6 => {
                last += 1;
                command.arg(&["XADD", key, &format!("{last}-0"), "field", "value"]);
            }
            7 | 8 => {
                command.arg(&["XGROUP", "CREATE", key, &group]);
                let start = ["$".to_owned(), "0".to_owned(), id(random, last)];
                command.arg(&start[usize::try_from(random.below(3)).expect("few")]).arg("MKSTREAM");
                if random.below(4) == 0 {
                    command.arg("ENTRIESREAD").arg(random.below(last + 1));
                }
            }
            9..=12 => {
                let count = (1 + random.below(4)).to_string();
                command.arg(&["XREADGROUP", "GROUP", &group, &consumer, "COUNT", &count, "STREAMS", key, ">"]);
            }
            13 => drop(command.arg(&["XACK", key, &group, &id(random, last)])),
            14 | 15 => drop(command.arg(&["XDEL", key, &id(random, last)])),
            16 => drop(command.arg(&["XTRIM", key, "MAXLEN", &random.below(6).to_string()])),
            17 => {
                command.arg(&["XGROUP", "SETID", key, &group, &id(random, last)]);
                if random.below(2) == 0 {
                    command.arg("ENTRIESREAD").arg(random.below(last + 3));
                }
            }
            18 => drop(command.arg(&["XGROUP", "CREATECONSUMER", key, &group, &consumer])),
            _ => drop(command.arg(&["XCLAIM", key, &group, &consumer, "0", &id(random, last), "RETRYCOUNT", "7"])),
        }
        // Some are refused: a group that is not there, or is there already.
        let _ = command.query::<Value>(connection);
    }
}

/// What XINFO says of a group, and what its pending entries come to.
#[derive(Debug, PartialEq)]
struct Group {
    last_id: String,
    lag: Option<i64>,
    pending: u64,
    consumers: u64,
    oldest: Option<i64>,
    most_deliveries: u64,
}

fn map(value: &Value) -> BTreeMap<String, Value> {
    let Value::Array(items) = value else { panic!("{value:?}") };
    let name = |value: &Value| redis::from_redis_value::<String>(value.clone()).expect("a name");
    items.chunks(2).map(|pair| (name(&pair[0]), pair[1].clone())).collect()
}

fn ask(connection: &mut Connection, key: &str) -> BTreeMap<String, Group> {
    let groups: Vec<Value> = cmd("XINFO").arg("GROUPS").arg(key).query(connection).expect("XINFO GROUPS");
    let full: Value = cmd("XINFO").arg(&["STREAM", key, "FULL", "COUNT", "0"]).query(connection).expect("XINFO STREAM");
    let Value::Array(full) = map(&full)["groups"].clone() else { panic!("no groups") };
    let number = |value: &Value| redis::from_redis_value::<Option<i64>>(value.clone()).expect("a number");
    let text = |value: &Value| redis::from_redis_value::<String>(value.clone()).expect("text");
    let count = |value: &Value| u64::try_from(number(value).expect("a count")).expect("a count");
    let mut found = BTreeMap::new();
    for (group, full) in groups.iter().zip(&full) {
        let (group, full) = (map(group), map(full));
        assert_eq!(text(&group["name"]), text(&full["name"]));
        let entries: Vec<(String, String, i64, u64)> =
            redis::from_redis_value(full["pending"].clone()).expect("pending entries");
        let own = Group {
            last_id: text(&group["last-delivered-id"]),
            lag: number(&group["lag"]),
            pending: count(&group["pending"]),
            consumers: count(&group["consumers"]),
            oldest: entries.iter().map(|(_, _, at, _)| *at).min(),
            most_deliveries: entries.iter().map(|(.., times)| *times).max().unwrap_or(0),
        };
        found.insert(text(&group["name"]), own);
    }
    found
}

#[test]
fn groups_are_what_servers_say() {
    let (mut unknown, mut known, mut wrong) = (0, 0, Vec::new());
    for name in SERVERS {
        let Some(server) = Fresh::named(name, &["--stream-node-max-entries", "4"]) else { continue };
        let mut connection = server.running.connection();
        let mut random = Random(0x57e4);
        for number in 0..600 {
            work(&mut connection, &format!("s{number}"), &mut random);
        }
        let dump = server.save(&mut connection);
        let as_of = now(&mut connection) + 7_200_000;
        let options = AnalyzeOptions { as_of: Some(UnixMs(as_of)), top: 10_000, ..AnalyzeOptions::default() };
        let streams = analysis(&dump, &options).streams;
        let keys: Vec<String> = cmd("KEYS").arg("*").query(&mut connection).expect("KEYS");
        assert_eq!(streams.len(), keys.len(), "{name}");
        for stream in &streams {
            let key = stream.key.escaped();
            let about = format!("{name}: {key}");
            let live = ask(&mut connection, &key);
            let length: u64 = cmd("XLEN").arg(&key).query(&mut connection).expect("XLEN");
            assert_eq!((stream.length, stream.groups.len()), (length, live.len()), "{about}");
            assert_eq!(stream.pending, live.values().map(|group| group.pending).sum::<u64>(), "{about}");
            for group in &stream.groups {
                let own = &live[&group.name.escaped()];
                // A group that was told it has read more than there is is ahead; a lag is not negative here.
                if own.lag.map(|lag| u64::try_from(lag).unwrap_or(0)) != group.lag {
                    wrong.push(format!("{about}: {} for {own:?}, {:?}", group.name.escaped(), group.lag));
                }
                known += usize::from(group.lag.is_some());
                unknown += usize::from(group.lag.is_none());
                let oldest = own.oldest.map(|at| u64::try_from(as_of - at).expect("past") / 1000);
                assert_eq!(group.oldest_pending_seconds, oldest, "{about}");
                let found = (&group.last_id, group.pending, group.consumers, group.most_deliveries);
                assert_eq!(found, (&own.last_id, own.pending, own.consumers, own.most_deliveries), "{about}");
                assert_eq!(group.idle_consumers, own.consumers, "{about}: nobody was seen for two hours");
            }
        }
        let rank = |stream: &rediscover::report::Stream| {
            let work: u64 = stream.groups.iter().map(|group| group.pending + group.lag.unwrap_or(0)).sum();
            (work, stream.memory_bytes)
        };
        assert!(streams.is_sorted_by_key(|stream| std::cmp::Reverse(rank(stream))), "{name}");
        let recent = analysis(&dump, &AnalyzeOptions::default()).streams;
        assert!(recent.iter().flat_map(|stream| &stream.groups).all(|group| group.idle_consumers == 0), "{name}");
    }
    assert!(
        wrong.is_empty(),
        "{} of {known} known, {unknown} unknown: {:#?}",
        wrong.len(),
        &wrong[..wrong.len().min(20)]
    );
    assert!(known == 0 || unknown > 50 && known > 500, "{known} known, {unknown} unknown");
}

/// A stream of one entry that is said to have had a thousand, and so many groups, the later ones further behind.
fn crowded(groups: u64) -> Vec<u8> {
    let mut dump = Builder::redis(11);
    dump.aux(b"ctime", b"1700000000").key(19, b"crowded").raw(&len(0));
    for number in [1, 1000, 0, 1, 0, 0, 0, 1000] {
        dump.raw(&len(number));
    }
    dump.raw(&len(groups));
    for number in 0..groups {
        dump.raw(&text(format!("group {number:08}").as_bytes()));
        for part in [0, 0, 1000 - (number * 7919) % 1000] {
            dump.raw(&len(part));
        }
        // One pending entry in every thousandth.
        if number % 1000 == 0 {
            dump.raw(&len(1)).raw(&stream_id(1, 0)).raw(&1_699_999_000_000u64.to_le_bytes()).raw(&len(3));
            dump.raw(&len(1)).raw(&text(b"consumer")).raw(&1_699_999_000_000u64.to_le_bytes());
            dump.raw(&len(1)).raw(&stream_id(1, 0));
        } else {
            dump.raw(&len(0)).raw(&len(0));
        }
    }
    dump.string(b"after", b"v").finish()
}

#[test]
fn a_stream_with_very_many_groups_shows_a_hundred() {
    let groups = 50_000u64;
    let analysis = analysis(&crowded(groups), &AnalyzeOptions::default());
    assert_eq!(analysis.keyspace.keys, 2);
    let [stream] = &analysis.streams[..] else { panic!("{:?}", analysis.streams) };
    assert_eq!((stream.groups.len(), stream.more_groups, stream.pending), (100, groups - 100, 50));
    let mut expected: Vec<(u64, u64)> =
        (0..groups).map(|number| ((number * 7919) % 1000 + u64::from(number % 1000 == 0), number)).collect();
    expected.sort_by_key(|(work, number)| (std::cmp::Reverse(*work), *number));
    let found: Vec<String> = stream.groups.iter().map(|group| group.name.escaped()).collect();
    let expected: Vec<String> = expected.iter().take(100).map(|(_, number)| format!("group {number:08}")).collect();
    assert_eq!(found, expected);
}

#[test]
fn a_stream_that_breaks_off_is_not_shown() {
    let mut whole = crowded(10);
    let cut = whole.len() - 60;
    whole.truncate(cut);
    assert_eq!(analysis(&whole, &AnalyzeOptions::default()).streams, []);
}
