//! Estimated memory against what real servers say that have loaded the same dump.
//!
//! For each server: a keyspace of a hundred thousand keys is made, saved and loaded anew, and every key's estimate is compared
//! with `MEMORY USAGE key SAMPLES 0`, their sum with `used_memory`.

use crate::support::keyspaces::{Abilities, fill};
use crate::support::servers::{self, Running, ServerSpec};
use redis::{Connection, cmd, pipe};
use rediscover::analysis::{AnalyzeOptions, analyze};
use rediscover::base::Limits;
use rediscover::keyspace::Type;
use rediscover::memory::{Basis, Model};
use rediscover::pipeline::{Memory, RowSource, RunOptions, Selection, rows};
use rediscover::rdb::{Depth, Head, Item};
use rediscover::source::{Origin, Place, Stream};
use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::thread;
use std::time::Duration;

const KEYS: u64 = 100_000;
/// For dumps that others load.
const SOME: u64 = 20_000;
const AT_ONCE: usize = 1000;

/// One key: what is estimated.
#[derive(Debug, Clone)]
struct Estimate {
    ty: Type,
    bytes: u64,
    elements: u64,
}

type Estimates = HashMap<(u64, Vec<u8>), Estimate>;

#[derive(Default)]
struct Collector(Vec<((u64, Vec<u8>), Estimate)>);

impl RowSource for Collector {
    type Rows = Vec<((u64, Vec<u8>), Estimate)>;

    fn depth(&self, _: &Head<'_>) -> Depth {
        Depth::Shape
    }

    fn observe(&mut self, item: &Item<'_>) {
        if let Item::Entry(entry) = item {
            let estimate = Estimate {
                ty: entry.head.value_type.ty,
                bytes: entry.memory_bytes.expect("an estimate"),
                elements: entry.shape.map_or(0, |shape| shape.elements),
            };
            self.0.push(((entry.head.db, entry.head.key.head.to_vec()), estimate));
        }
    }

    fn take(&mut self) -> Self::Rows {
        std::mem::take(&mut self.0)
    }
}

fn estimates(dump: &Path, model: Model) -> Estimates {
    let mut stream = Stream::from_reader("dump", fs::File::open(dump).expect("the dump")).expect("it can be read");
    let options = RunOptions { threads: 1, limits: Limits::default(), ..RunOptions::default() };
    let selection = Selection { memory: Memory::Of(model), ..Selection::default() };
    let mut all = Estimates::new();
    let mut deliver = |rows: Vec<_>| {
        all.extend(rows);
        Ok(())
    };
    rows(&mut stream, |_: &_, _| Collector::default(), &selection, &options, &mut deliver).expect("a sound dump");
    all
}

/// What the server says of each key, with the encoding it has there.
fn said(connection: &mut Connection, db: u64, keys: &[&Vec<u8>]) -> Vec<(u64, String)> {
    cmd("SELECT").arg(db).exec(connection).expect("the database");
    let mut all = Vec::new();
    for some in keys.chunks(AT_ONCE) {
        let mut pipeline = pipe();
        for key in some {
            pipeline.cmd("MEMORY").arg("USAGE").arg(key).arg("SAMPLES").arg(0);
            pipeline.cmd("OBJECT").arg("ENCODING").arg(key);
        }
        let answers: Vec<redis::Value> = pipeline.query(connection).expect("answers");
        all.extend(answers.chunks_exact(2).map(|pair| match pair {
            [redis::Value::Int(bytes), redis::Value::BulkString(encoding)] => {
                (u64::try_from(*bytes).expect("bytes"), String::from_utf8_lossy(encoding).into_owned())
            }
            other => panic!("{other:?}"),
        }));
    }
    all
}

/// What `used_memory` is more than when the server started, once its tables have grown: some have not when it has just loaded.
fn used(connection: &mut Connection) -> u64 {
    loop {
        let info: String = cmd("INFO").arg("memory").query(connection).expect("INFO");
        let number = |name: &str| -> Option<u64> {
            let line = info.lines().find_map(|line| line.strip_prefix(name));
            line.map(|line| line.trim().parse().expect("a number"))
        };
        if number("mem_overhead_db_hashtable_rehashing:").unwrap_or(0) == 0 {
            return number("used_memory:").expect("it is said") - number("used_memory_startup:").expect("it is said");
        }
        thread::sleep(Duration::from_millis(50));
    }
}

/// How far estimates are off, in thousandths, one for each key.
#[derive(Debug, Default)]
struct Errors {
    off: Vec<u64>,
    exact: usize,
    estimated: u64,
    said: u64,
    worst: Vec<(u64, String)>,
}

impl Errors {
    fn add(&mut self, estimated: u64, said: u64, what: impl FnOnce() -> String) {
        let off = estimated.abs_diff(said) * 1000 / said;
        self.off.push(off);
        self.exact += usize::from(estimated == said);
        self.estimated += estimated;
        self.said += said;
        if estimated != said && (self.worst.len() < 8 || self.worst.last().is_some_and(|(least, _)| *least < off)) {
            self.worst.push((off, what()));
            self.worst.sort_by_key(|(off, _)| Reverse(*off));
            self.worst.truncate(8);
        }
    }

    fn percentile(&self, percent: usize) -> u64 {
        let mut off = self.off.clone();
        off.sort_unstable();
        off.get((off.len() * percent / 100).min(off.len().saturating_sub(1))).copied().unwrap_or(0)
    }

    fn merge(&mut self, other: &Errors) {
        self.off.extend(&other.off);
        self.exact += other.exact;
        self.estimated += other.estimated;
        self.said += other.said;
    }
}

/// Compares every key of a dump with a server that has just loaded it.
fn compare(running: &Running, dump: &Path, model: Model) -> String {
    let mut connection = running.connection();
    let used = used(&mut connection);
    let estimates = estimates(dump, model);
    let mut errors: BTreeMap<(&str, String), Errors> = BTreeMap::new();
    for db in [0, 1] {
        let keys: Vec<_> = estimates.keys().filter(|(own, _)| *own == db).map(|(_, key)| key).collect();
        for (key, (bytes, encoding)) in keys.iter().zip(said(&mut connection, db, &keys)) {
            let own = &estimates[&(db, (*key).clone())];
            let what = || {
                let name = key.escape_ascii().to_string();
                format!(
                    "{bytes} said, {} estimated: key of {} bytes, {} elements: {name:.60}",
                    own.bytes,
                    key.len(),
                    own.elements
                )
            };
            errors.entry((own.ty.name(), encoding)).or_default().add(own.bytes, bytes, what);
        }
    }
    judge(running, &errors, total(dump, model), used)
}

/// What `analyze` says the whole keyspace takes.
fn total(dump: &Path, model: Model) -> u64 {
    let options = AnalyzeOptions { memory: Memory::Of(model), ..AnalyzeOptions::default() };
    let analyzed = analyze(&[Origin::new("dump", Place::Path(dump.into()))], &options).expect("it runs");
    analyzed.total.keyspace.used_memory_bytes.expect("an estimate")
}

/// The table of errors, with what is beyond the promise in capitals.
fn judge(running: &Running, errors: &BTreeMap<(&str, String), Errors>, total: u64, used: u64) -> String {
    let mut text = format!("{} {}\n", running.spec.name, running.spec.version);
    let mut packed = Errors::default();
    let mut others = Errors::default();
    let mut streams = Errors::default();
    for ((ty, encoding), errors) in errors {
        let of = match (*ty, encoding.as_str()) {
            ("string", _) | (_, "listpack" | "listpackex" | "intset") => &mut packed,
            ("stream", _) => &mut streams,
            _ => &mut others,
        };
        of.merge(errors);
        row(&mut text, &format!("{ty}/{encoding}"), errors);
        for (_, line) in &errors.worst {
            writeln!(text, "      {line}").expect("text");
        }
    }
    let mut all = Errors::default();
    for (name, errors) in [("packed", &packed), ("others", &others), ("streams", &streams)] {
        row(&mut text, name, errors);
        all.merge(errors);
    }
    row(&mut text, "all", &all);
    writeln!(text, "total {total} used {used}: {:+} thousandths", thousandths(total, used)).expect("text");
    let mut require = |holds: bool, what: &str| {
        if !holds {
            writeln!(text, "BROKEN: {what}").expect("text");
        }
    };
    require(packed.exact * 100 >= packed.off.len() * 99, "strings, listpacks and intsets are exact for 99 %");
    require(
        others.percentile(50) <= 10 && others.percentile(95) <= 60,
        "others are off by 1 % at most, 6 % for 1 in 20",
    );
    require(streams.percentile(50) <= 10 && streams.percentile(95) <= 100, "streams are off by 1 %, 10 % for 1 in 20");
    require(thousandths(all.estimated, all.said).abs() <= 10, "the sum is off by 1 %");
    require(thousandths(total, used).abs() <= 30, "the total is off by 3 %");
    text
}

fn thousandths(ours: u64, theirs: u64) -> i64 {
    (ours.cast_signed() - theirs.cast_signed()) * 1000 / theirs.cast_signed().max(1)
}

fn row(text: &mut String, name: &str, errors: &Errors) {
    let (keys, exact) = (errors.off.len(), errors.exact);
    let [p50, p95, p100] = [50, 95, 100].map(|percent| errors.percentile(percent));
    let sum = thousandths(errors.estimated, errors.said);
    writeln!(
        text,
        "{name:20} {keys:6} keys {exact:6} exact, off p50 {p50} p95 {p95} worst {p100}, sum {sum:+} of {}",
        errors.said
    )
    .expect("text");
}

/// A dump that this server has written, started with these arguments.
fn dump_of(spec: &ServerSpec, arguments: &[&str], keys: u64) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let running = start(spec, folder.path(), arguments);
    let mut connection = running.connection();
    fill(&mut connection, keys, Abilities::of(spec));
    cmd("SAVE").exec(&mut connection).expect("it is saved");
    folder
}

fn start(spec: &ServerSpec, folder: &Path, arguments: &[&str]) -> Running {
    let running = servers::start(spec, folder, arguments);
    running.unwrap_or_else(|refused| panic!("{}: {}", spec.name, refused.log))
}

/// The model of a server as it is here: Debian's packages, and one with its own allocator.
fn model_of(server: &str) -> Model {
    let name = if server == "redis-7.4" { server.to_owned() } else { format!("{server}+debian") };
    let model = Model::named(&name).expect("a model");
    assert_eq!(model.basis(), Basis::Measured, "{name}");
    model
}

/// Fails where the estimates of a dump of one server, loaded by others, are not what those say.
fn check(writer: &str, arguments: &[&str], readers: &[&str], keys: u64) {
    let Some(writer) = ServerSpec::named(writer) else { return };
    let folder = dump_of(&writer, arguments, keys);
    let mut broken = String::new();
    for reader in readers {
        let Some(spec) = ServerSpec::named(reader) else { continue };
        let running = start(&spec, folder.path(), &[]);
        let table = compare(&running, &folder.path().join("dump.rdb"), model_of(reader));
        if table.contains("BROKEN") {
            writeln!(broken, "a dump of {} with {arguments:?}\n{table}", writer.name).expect("text");
        }
    }
    assert!(broken.is_empty(), "{broken}");
}

#[test]
fn redis_7_0() {
    check("redis-7.0", &[], &["redis-7.0"], KEYS);
}

#[test]
fn redis_7_4_with_its_own_allocator() {
    check("redis-7.4", &[], &["redis-7.4"], KEYS);
}

#[test]
fn redis_8_0() {
    check("redis-8.0", &[], &["redis-8.0"], KEYS);
}

#[test]
fn redis_8_6() {
    check("redis-8.6", &[], &["redis-8.6"], KEYS);
}

#[test]
fn valkey_8_1() {
    check("valkey-8.1", &[], &["valkey-8.1"], KEYS);
}

#[test]
fn valkey_9_1() {
    check("valkey-9.1", &[], &["valkey-9.1"], KEYS);
}

/// Lists become listpacks, sets too, and everything is kept in another way.
#[test]
fn a_dump_of_redis_7_0_elsewhere() {
    check("redis-7.0", &[], &["redis-7.4", "redis-8.0", "redis-8.6", "valkey-8.1", "valkey-9.1"], SOME);
    check("redis-7.4", &[], &["redis-8.0", "redis-8.6"], SOME);
    check("valkey-8.1", &[], &["valkey-9.1"], SOME);
}

/// What was packed where that was allowed is a table elsewhere, and the other way round.
#[test]
fn a_dump_with_other_thresholds() {
    let limits = ["hash-max-listpack-entries", "zset-max-listpack-entries", "set-max-intset-entries"];
    for most in ["0", "5000"] {
        let arguments: Vec<String> = limits.iter().flat_map(|limit| [format!("--{limit}"), most.to_owned()]).collect();
        let mut arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        check("redis-7.0", &arguments, &["redis-7.0", "redis-7.4", "valkey-8.1"], SOME);
        arguments.extend(["--set-max-listpack-entries", most]);
        check("redis-7.4", &arguments, &["redis-7.4", "redis-8.6"], SOME);
    }
}
