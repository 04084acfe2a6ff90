//! Every kind of advice: its command is run on a real server, and does what the advice says within 5 %.

use crate::support::servers::ServerSpec;
use crate::support::stage::Stage;
use serde_json::Value;
use std::net::TcpListener;
use std::thread::sleep;
use std::time::{Duration, Instant};

const SERVERS: [&str; 3] = ["redis-7.0", "redis-8.6", "valkey-9.1"];

fn servers() -> impl Iterator<Item = ServerSpec> {
    SERVERS.into_iter().filter_map(ServerSpec::named)
}

/// The only advice of this kind.
fn advice(report: &Value, kind: &str) -> Value {
    let all = report["advice"].as_array().expect("advice");
    let found: Vec<_> = all.iter().filter(|advice| advice["kind"] == kind).collect();
    assert_eq!(found.len(), 1, "{kind}: {all:#?}");
    found[0].clone()
}

fn command(advice: &Value) -> &str {
    advice["command"].as_str().unwrap_or_else(|| panic!("no command: {advice}"))
}

/// What `analyze` says of its dump. The servers at hand are built with the allocator of their distribution.
fn report(stage: &Stage, arguments: &str) -> Value {
    stage.analyze(&format!("--target {}+debian {arguments}", stage.running.spec.name))
}

/// Within 5 %.
fn assert_near(found: u64, stated: &Value, about: &str) {
    let stated = stated.as_u64().unwrap_or_else(|| panic!("{about}: nothing stated"));
    assert!(found.abs_diff(stated) * 20 <= stated, "{about}: stated {stated}, found {found}");
}

/// What some work frees: of the server's own MEMORY USAGE of all keys.
fn freed(stage: &Stage, databases: &[u64], work: impl FnOnce()) -> u64 {
    let before = usage(stage, databases);
    work();
    before.saturating_sub(usage(stage, databases))
}

/// The sum of MEMORY USAGE.
fn usage(stage: &Stage, databases: &[u64]) -> u64 {
    let mut connection = stage.running.connection();
    let mut sum = 0;
    for db in databases {
        redis::cmd("SELECT").arg(db).exec(&mut connection).expect("a database");
        // KEYS keeps quiet about keys that have expired.
        let mut names: Vec<Vec<u8>> = redis::cmd("KEYS").arg("*").query(&mut connection).expect("names");
        names.extend((0..5000).map(|n| format!("gone:{n}").into_bytes()));
        names.sort();
        names.dedup();
        for names in names.chunks(1000) {
            let mut pipe = redis::pipe();
            for name in names {
                pipe.cmd("MEMORY").arg("USAGE").arg(name).arg("SAMPLES").arg(0);
            }
            let sizes: Vec<Option<u64>> = pipe.query(&mut connection).expect("sizes");
            sum += sizes.into_iter().flatten().sum::<u64>();
        }
    }
    sum
}

fn until(mut done: impl FnMut() -> bool) {
    let since = Instant::now();
    while !done() {
        assert!(since.elapsed() < Duration::from_mins(1), "it never comes");
        sleep(Duration::from_millis(20));
    }
}

fn ask<T: redis::FromRedisValue>(stage: &Stage, words: &[&str]) -> T {
    let mut command = redis::cmd(words[0]);
    command.arg(&words[1..]);
    command.query(&mut stage.running.connection()).unwrap_or_else(|error| panic!("{words:?}: {error}"))
}

/// Sets `count` keys of `bytes` each; with an expiry if there is one.
fn set(connection: &mut redis::Connection, prefix: &str, count: u32, bytes: usize, expiry: &[&str]) {
    let mut pipe = redis::pipe();
    for n in 0..count {
        pipe.cmd("SET").arg(format!("{prefix}{n}")).arg("v".repeat(bytes)).arg(expiry).ignore();
    }
    pipe.query::<()>(connection).expect("keys");
}

#[test]
fn keys_without_an_expiry_get_one() {
    for spec in servers() {
        let stage = Stage::new(&spec, &[], |connection| {
            set(connection, "cache:page:", 10_000, 200, &[]);
            set(connection, "cache:part:", 1000, 200, &["EX", "7200"]);
            set(connection, "session:", 30_000, 30, &["EX", "7200"]);
            set(connection, "user:", 1000, 30, &[]);
        })
        .again(&[]);
        let advice = advice(&report(&stage, ""), "no-ttl");
        assert!(advice["message"].as_str().is_some_and(|text| text.contains("10,000 keys under `cache:`")), "{advice}");
        let freed = freed(&stage, &[0], || {
            stage.prints(command(&advice));
            let said = stage.prints("APPLY=1 sh plan.sh");
            assert!(said.starts_with("10000 of 10000 keys: will expire"), "{said}");
            // Two hours are too long to wait: the time is brought forward, of the keys that now expire.
            let sooner = "for _,k in ipairs(redis.call('KEYS','cache:page:*')) do \
                          if redis.call('TTL',k)>7000 then redis.call('PEXPIRE',k,1) end end";
            stage.prints(&format!("redis-cli EVAL \"{sooner}\" 0"));
            until(|| {
                stage.prints("redis-cli --scan | wc -l");
                ask::<u64>(&stage, &["DBSIZE"]) == 32_000
            });
        });
        assert_near(freed, &advice["frees_bytes"], &format!("{}: no-ttl", spec.name));
    }
}

#[test]
fn large_keys_are_unlinked() {
    for spec in servers() {
        let stage = Stage::new(&spec, &[], |connection| {
            set(connection, "user:", 20_000, 30, &[]);
            let fields: Vec<_> = (0..40_000).map(|n| (format!("field{n}"), "v".repeat(40))).collect();
            redis::cmd("HSET").arg("big\n\"hash\"").arg(fields).exec(connection).expect("a hash");
            redis::cmd("SET").arg("big:string").arg(vec![b'x'; 3 << 20]).exec(connection).expect("a string");
        })
        .again(&[]);
        let advice = advice(&report(&stage, ""), "big-keys");
        let freed = freed(&stage, &[0], || {
            stage.prints(command(&advice));
            let said = stage.prints("APPLY=1 sh plan.sh");
            assert!(said.starts_with("2 of 2 keys: unlinked"), "{said}");
        });
        assert_near(freed, &advice["frees_bytes"], &format!("{}: big-keys", spec.name));
        assert_eq!(ask::<u64>(&stage, &["DBSIZE"]), 20_000);
    }
}

#[test]
fn keys_that_have_expired_are_freed() {
    for spec in servers() {
        let stage = Stage::new(&spec, &["--enable-debug-command", "yes"], |connection| {
            redis::cmd("DEBUG").arg("SET-ACTIVE-EXPIRE").arg(0).exec(connection).expect("it waits for us");
            for db in [0, 2] {
                redis::cmd("SELECT").arg(db).exec(connection).expect("a database");
                set(connection, "gone:", 5000, 200, &["PX", "1"]);
                set(connection, "here:", 5000, 100, &[]);
            }
            // A dump says the second it was taken in.
            sleep(Duration::from_millis(1100));
        });
        let advice = advice(&report(&stage, ""), "expired");
        let freed = freed(&stage, &[0, 2], || assert_eq!(stage.prints(command(&advice)).trim(), "10000"));
        assert_near(freed, &advice["frees_bytes"], &format!("{}: expired", spec.name));
    }
}

#[test]
fn a_storm_comes_when_it_is_said_to() {
    for spec in servers() {
        let now = rediscover_now();
        let at = (now + 6).to_string();
        let stage = Stage::new(&spec, &[], |connection| {
            set(connection, "all:", 3000, 10, &["EXAT", &at]);
            for n in 0..50 {
                set(connection, &format!("later:{n}:"), 100, 10, &["EX", &(7200 + 60 * n).to_string()]);
            }
        });
        let advice = advice(&report(&stage, ""), "ttl-storm");
        let expired = || -> u64 {
            let line = stage.prints(command(&advice));
            let number = line.lines().find_map(|line| line.strip_prefix("expired_keys:"));
            number.and_then(|number| number.trim().parse().ok()).expect("a number")
        };
        let before = expired();
        until(|| ask::<u64>(&stage, &["DBSIZE"]) == 5000);
        assert_near(expired() - before, &3000.into(), &format!("{}: ttl-storm", spec.name));
        assert!(advice["message"].as_str().is_some_and(|text| text.contains("3,000 keys expire")), "{advice}");
    }
}

fn rediscover_now() -> i64 {
    jiff::Timestamp::now().as_second()
}

#[test]
fn a_read_stream_is_trimmed() {
    for spec in servers() {
        let stage = Stage::new(&spec, &[], |connection| {
            let mut pipe = redis::pipe();
            for n in 0..30_000 {
                pipe.cmd("XADD").arg("events").arg("*").arg("text").arg(format!("{n} {}", "v".repeat(60))).ignore();
            }
            pipe.cmd("XGROUP").arg(&["CREATE", "events", "readers", "0"]).ignore();
            let read = ["GROUP", "readers", "one", "COUNT", "30000", "NOACK", "STREAMS", "events", ">"];
            pipe.cmd("XREADGROUP").arg(&read).ignore();
            pipe.query::<()>(connection).expect("a stream");
        })
        .again(&[]);
        let advice = advice(&report(&stage, ""), "stream-untrimmed");
        let memory = || ask::<u64>(&stage, &["MEMORY", "USAGE", "events", "SAMPLES", "0"]);
        let before = memory();
        assert_eq!(stage.prints(command(&advice)).trim(), "29000");
        assert_near(before - memory(), &advice["frees_bytes"], &format!("{}: stream-untrimmed", spec.name));
    }
}

#[test]
fn entries_of_consumers_that_have_gone_are_claimed() {
    for spec in servers() {
        let stage = Stage::new(&spec, &[], |connection| {
            let mut pipe = redis::pipe();
            for n in 1..=400 {
                pipe.cmd("XADD").arg("jobs").arg(format!("{n}-1")).arg("n").arg(n).ignore();
            }
            pipe.cmd("XGROUP").arg(&["CREATE", "jobs", "workers", "0"]).ignore();
            pipe.cmd("XREADGROUP").arg(&["GROUP", "workers", "gone", "COUNT", "400", "STREAMS", "jobs", ">"]).ignore();
            // As if they had been given two hours ago.
            let ids: Vec<_> = (1..=400).map(|n| format!("{n}-1")).collect();
            pipe.cmd("XCLAIM")
                .arg(&["jobs", "workers", "gone", "0"])
                .arg(&ids)
                .arg(&["IDLE", "7200000", "JUSTID"])
                .ignore();
            pipe.query::<()>(connection).expect("a stream");
        });
        let advice = advice(&report(&stage, "--as-of now+2h"), "stream-stuck");
        assert!(advice["message"].as_str().is_some_and(|text| text.contains("400 entries of `jobs`")), "{advice}");
        stage.prints(command(&advice));
        let claimed: Vec<Vec<String>> = {
            let mut all: Vec<redis::Value> = ask(&stage, &["XPENDING", "jobs", "workers"]);
            redis::from_redis_value(all.pop().expect("consumers")).expect("names and numbers")
        };
        assert_eq!(claimed, [["rescue", "400"]], "{}", spec.name);
    }
}

#[test]
fn a_hot_slot_holds_what_is_said() {
    // Servers before write no slots into their dumps.
    for name in ["redis-8.6", "valkey-9.1"] {
        let Some(spec) = ServerSpec::named(name) else { continue };
        let port = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a free port").port();
        let port = port.to_string();
        let arguments = ["--cluster-enabled", "yes", "--bind", "127.0.0.1", "--cluster-port", &port];
        let stage = Stage::new(&spec, &arguments, |connection| {
            redis::cmd("CLUSTER").arg(&["ADDSLOTSRANGE", "0", "16383"]).exec(connection).expect("all slots");
            until(|| {
                let info: String = redis::cmd("CLUSTER").arg("INFO").query(connection).expect("its state");
                info.contains("cluster_state:ok")
            });
            set(connection, "user:", 1000, 100, &[]);
            set(connection, "{hot}:", 10_000, 200, &[]);
        });
        let advice = advice(&report(&stage, ""), "hot-slot");
        assert!(advice["evidence"].as_str().is_some_and(|text| text.contains("hash tag `hot`")), "{advice}");
        let counted: u64 = stage.prints(command(&advice)).trim().parse().expect("a number");
        assert!(counted >= 10_000 && advice["evidence"].as_str().is_some_and(|text| text.contains("10,0")), "{advice}");
        // A plan for a cluster names keys of one slot in each command.
        stage.prints("rediscover analyze dump.rdb --match '*' --plan-script unlink --plan-check -o plan.sh");
        let said = stage.prints("APPLY=1 sh plan.sh");
        assert!(said.starts_with("11000 of 11000 keys"), "{said}");
        assert_eq!(ask::<u64>(&stage, &["DBSIZE"]), 0);
    }
}
