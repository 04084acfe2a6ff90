//! What is known of commands beside what real servers say of them.

use crate::support::dumps;
use crate::support::servers::{self, NAMES, Running, ServerSpec};
use redis::Value;
use rediscover::aof;
use rediscover::base::{Limits, UnixMs};
use rediscover::keyspace::command::{Access, Args, Expiry, KeyAt, Servers, Spec, Touch, lay_out};
use rediscover::rdb::{Config, Depth, Element, Half, Head, Item, Sink};
use std::collections::BTreeMap;

fn start(name: &str) -> Option<(tempfile::TempDir, Running)> {
    let spec = ServerSpec::named(name)?;
    let folder = tempfile::tempdir().expect("a temporary folder");
    let running = servers::start(&spec, folder.path(), &[] as &[&str]).expect("an empty server starts");
    Some((folder, running))
}

fn server_bit(name: &str) -> Servers {
    Servers::NAMED.into_iter().find(|(known, _)| *known == name).expect("a measured server").1
}

fn words(value: &Value) -> Vec<String> {
    let (Value::Array(values) | Value::Set(values)) = value else { panic!("not an array: {value:?}") };
    values.iter().map(word).collect()
}

fn word(value: &Value) -> String {
    match value {
        Value::SimpleString(text) => text.clone(),
        Value::BulkString(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        _ => panic!("not a word: {value:?}"),
    }
}

/// What COMMAND says of one command or subcommand.
struct Told {
    arity: i64,
    write: bool,
    container: bool,
}

fn told(commands: &Value, into: &mut BTreeMap<String, Told>) {
    let Value::Array(commands) = commands else { panic!("not an array") };
    for command in commands {
        let Value::Array(parts) = command else { panic!("not an array") };
        let Value::Int(arity) = parts[1] else { panic!("no arity") };
        let Value::Array(subcommands) = &parts[9] else { panic!("no subcommands") };
        let write = words(&parts[2]).iter().any(|flag| flag == "write");
        into.insert(word(&parts[0]).to_lowercase(), Told { arity, write, container: !subcommands.is_empty() });
        told(&parts[9], into);
    }
}

/// Where a server's arity is not the table's, which is the newest one's.
fn other_arity(server: &str, name: &str) -> Option<i64> {
    match (server, name) {
        ("redis-7.0", "zrank" | "zrevrank") => Some(3),
        ("redis-7.0", "command|getkeys" | "command|getkeysandflags") => Some(-4),
        // The module of 8.0 counts its arguments itself.
        ("redis-8.0", _) if name.starts_with('v') => Some(-1),
        (_, "cluster|replicate" | "script|debug") if server != "valkey-9.1" => Some(3),
        _ => None,
    }
}

fn knows_the_commands_of(name: &str) {
    let Some((_folder, server)) = start(name) else { return };
    let commands: Value = redis::cmd("COMMAND").query(&mut server.connection()).expect("COMMAND");
    let mut all = BTreeMap::new();
    told(&commands, &mut all);
    let bit = server_bit(name);
    let mut wrong = Vec::new();
    for (command, told) in &all {
        let Some(spec) = Spec::named(command) else {
            wrong.push(format!("{command} is not known"));
            continue;
        };
        let arity = other_arity(name, command).unwrap_or_else(|| i64::from(spec.arity));
        if !spec.known_to(bit) {
            wrong.push(format!("{command} is not known to be there"));
        }
        if (told.arity, told.write, told.container) != (arity, spec.write, spec.is_container) {
            wrong.push(format!("{command}: arity {}, write {}, {spec:?}", told.arity, told.write));
        }
    }
    let extra = Spec::all().iter().filter(|spec| spec.known_to(bit) && !all.contains_key(spec.name));
    wrong.extend(extra.map(|spec| format!("{} is not there", spec.name)));
    // Another release of the series may have what this one has not; the table is made anew then.
    assert!(wrong.is_empty(), "{name} {}:\n{}", server.spec.version, wrong.join("\n"));
    assert!(all.len() > 300, "{name}: only {} commands", all.len());
}

#[test]
fn every_command_of_every_server_is_known() {
    for name in NAMES {
        knows_the_commands_of(name);
    }
}

/// Commands in every form that decides where keys stand.
const SAMPLES: &str = include_str!("commands_keys.txt");

/// What a server says: a key with its flags, in the order of the command.
fn keys_of_server(connection: &mut redis::Connection, line: &[&str]) -> Result<Vec<String>, String> {
    let ask = |command: &str, connection: &mut redis::Connection| {
        redis::cmd("COMMAND").arg(command).arg(line).query::<Value>(connection).map_err(|error| error.to_string())
    };
    let flagged = ask("GETKEYSANDFLAGS", connection);
    let named = ask("GETKEYS", connection).map(|keys| words(&keys));
    let flagged = flagged.map(|keys| {
        let Value::Array(keys) = keys else { panic!("not an array") };
        let said = keys.iter().map(|key| {
            let Value::Array(parts) = key else { panic!("not a key with flags") };
            let mut flags = words(&parts[1]);
            flags.sort();
            (word(&parts[0]), flags.join(" "))
        });
        said.collect::<Vec<_>>()
    });
    let only_names = flagged.as_ref().map(|keys| keys.iter().map(|(key, _)| key.clone()).collect::<Vec<_>>());
    assert_eq!(only_names.is_ok(), named.is_ok(), "{line:?}");
    if let (Ok(only_names), Ok(named)) = (only_names, &named) {
        assert_eq!(&only_names, named, "{line:?}");
    }
    flagged.map(|keys| keys.into_iter().map(|(key, flags)| format!("{key}: {flags}")).collect())
}

fn flags(key: &KeyAt) -> String {
    let access = match key.access {
        Access::Read => "RO",
        Access::Write => "RW",
        Access::Overwrite => "OW",
        Access::Remove => "RM",
    };
    let all =
        [(Touch::ACCESS, "access"), (Touch::DELETE, "delete"), (Touch::INSERT, "insert"), (Touch::UPDATE, "update")];
    let touches = all.into_iter().filter(|(touch, _)| key.touch.has(*touch)).map(|(_, name)| name);
    std::iter::once(access).chain(touches).collect::<Vec<_>>().join(" ")
}

/// What we say, in the same form.
fn keys_of_ours(line: &[&str]) -> (Option<&'static Spec>, Vec<String>) {
    let words: Vec<_> = line.iter().map(|word| word.as_bytes()).collect();
    let (bytes, spans) = lay_out(&words);
    let args = Args::new(&bytes, &spans, spans.len() as u64);
    let mut keys = Vec::new();
    let spec = Spec::lookup(&args);
    if let Some(spec) = spec {
        spec.keys(&args, &mut keys);
    }
    (spec, keys.iter().map(|key| format!("{}: {}", line[key.index], flags(key))).collect())
}

/// What a server says in words that are not ours: what older releases flag in another way.
fn as_newest(server: &str, command: &str, said: &str) -> String {
    match (server, command) {
        ("redis-7.0", "sinterstore") => said.replace("RW update", "OW update"),
        ("redis-8.0" | "redis-8.6", "hsetex") => said.replace("RW update", "RW insert"),
        _ => said.replace("RW access delete incomplete", "RW access delete"),
    }
}

#[test]
fn keys_are_those_that_every_server_names() {
    let samples: Vec<(Vec<&str>, Option<&str>)> = SAMPLES
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(|line| match line.split_once(" =>") {
            Some((line, ours)) => (line, Some(ours)),
            None => (line, None),
        })
        .map(|(line, ours)| (line.split(' ').map(|word| if word == "''" { "" } else { word }).collect(), ours))
        .collect();
    let mut wrong = Vec::new();
    let mut compared = 0;
    for name in NAMES {
        let Some((_folder, server)) = start(name) else { continue };
        let mut connection = server.connection();
        for (line, exception) in &samples {
            let (spec, ours) = keys_of_ours(line);
            let spec = spec.unwrap_or_else(|| panic!("{line:?} is not known"));
            if let Some(expected) = exception {
                assert_eq!(ours.join(", "), expected.trim(), "{line:?}");
                continue;
            }
            if !spec.known_to(server_bit(name)) {
                continue;
            }
            compared += 1;
            let said = match keys_of_server(&mut connection, line) {
                Ok(keys) => keys.iter().map(|key| as_newest(name, spec.name, key)).collect(),
                Err(_) => Vec::new(),
            };
            if said != ours {
                wrong.push(format!("{name}: {}: {said:?}, ours {ours:?}", line.join(" ")));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let servers = NAMES.iter().filter(|name| ServerSpec::named(name).is_some()).count();
    assert!(compared > 150 * servers, "only {compared} comparisons");
    for spec in Spec::all() {
        let sampled = samples.iter().any(|(line, _)| keys_of_ours(line).0.is_some_and(|ours| ours.name == spec.name));
        assert!(sampled || !spec.write || spec.key_specs.is_empty(), "no sample of {}", spec.name);
    }
}

/// Commands that say when something expires, or leave it, or end it; run on `k`, which expires in 2100, and `h`, whose
/// field `f` does.
const TIMED: &[&str] = &[
    "set k v",
    "set k v ex 100",
    "set k PX px 100000 nx",
    "SET k v PX 100000",
    "set k v exat 4200000000 get",
    "set k v xx pxat 4200000000001",
    "set k v keepttl",
    "set k v ifeq x keepttl",
    "set k x ifeq v px 100000",
    "setex k 100 v",
    "psetex k 100000 v",
    "getex k",
    "getex k ex 100",
    "getex k px 100000",
    "getex k exat 4200000000",
    "getex k pxat 4200000000001",
    "getex k persist",
    "msetex 2 k ex l px ex 100",
    "msetex 1 k v keepttl",
    "expire k 100",
    "expire k 100 xx",
    "pexpire k 100000",
    "expireat k 4200000000",
    "pexpireat k 4200000000001",
    "persist k",
    "hexpire h 100 fields 1 f",
    "hpexpire h 100000 xx fields 1 f",
    "hexpireat h 4200000000 fields 1 f",
    "hpexpireat h 4200000000001 fields 1 f",
    "hpersist h fields 1 f",
    "hset h f v",
    "hsetex h ex 100 fields 1 f ex",
    "hsetex h fxx px 100000 fields 1 f v",
    "hsetex h fields 1 f exat exat 4200000000",
    "hsetex h pxat 4200000000001 fields 1 f v",
    "hsetex h keepttl fields 1 f v",
    "hgetex h fields 1 f",
    "hgetex h ex 100 fields 1 f",
    "hgetex h fields 1 f px 100000",
    "hgetex h exat 4200000000 fields 1 f",
    "hgetex h persist fields 1 f",
    "restore k 0 PAYLOAD replace",
    "restore k 100000 PAYLOAD replace",
    "restore k 4200000000001 PAYLOAD replace absttl",
    "restore k 4200000000001 PAYLOAD idletime 5 ABSTTL REPLACE",
];

const FAR: i64 = 4_102_444_800_000;

/// A server's clock.
fn now(connection: &mut redis::Connection) -> UnixMs {
    let (seconds, micros): (i64, i64) = redis::cmd("TIME").query(connection).expect("TIME");
    UnixMs(seconds * 1000 + micros / 1000)
}

fn run(connection: &mut redis::Connection, words: &[&[u8]]) -> redis::RedisResult<Value> {
    let mut command = redis::Cmd::new();
    for word in words {
        command.arg(*word);
    }
    command.query(connection)
}

/// When `k`, or a field of `h`, expires; `None` if it does not.
fn expires_at(connection: &mut redis::Connection, of_field: bool) -> Option<i64> {
    let said = if of_field {
        let words: [&[u8]; 5] = [b"hpexpiretime", b"h", b"fields", b"1", b"f"];
        let Value::Array(said) = run(connection, &words).expect("HPEXPIRETIME") else { panic!("not an array") };
        said.into_iter().next()
    } else {
        run(connection, &[b"pexpiretime", b"k"]).ok()
    };
    let Some(Value::Int(said)) = said else { panic!("no time: {said:?}") };
    (said >= 0).then_some(said)
}

#[test]
fn expiries_are_those_that_every_server_sets() {
    let (mut wrong, mut compared, mut servers) = (Vec::new(), 0, 0);
    for name in NAMES {
        let Some((_folder, server)) = start(name) else { continue };
        servers += 1;
        let mut connection = server.connection();
        let connection = &mut connection;
        run(connection, &[b"set", b"k", b"v"]).expect("SET");
        let Value::BulkString(payload) = run(connection, &[b"dump", b"k"]).expect("DUMP") else { panic!("no payload") };
        let has_field_expiry = Spec::named("hpexpireat").is_some_and(|spec| spec.known_to(server_bit(name)));
        for line in TIMED {
            let word = |word: &'static str| if word == "PAYLOAD" { payload.as_slice() } else { word.as_bytes() };
            let words: Vec<&[u8]> = line.split(' ').map(word).collect();
            let of_field = words[1] == b"h";
            let (bytes, spans) = lay_out(&words);
            let args = Args::new(&bytes, &spans, spans.len() as u64);
            let spec = Spec::lookup(&args).unwrap_or_else(|| panic!("{line} is not known"));
            if !spec.known_to(server_bit(name)) || (of_field && !has_field_expiry) {
                continue;
            }
            let far = FAR.to_string();
            run(connection, &[b"flushall"]).expect("FLUSHALL");
            if !line.ends_with(" nx") {
                run(connection, &[b"set", b"k", b"v", b"pxat", far.as_bytes()]).expect("SET");
            }
            run(connection, &[b"hset", b"h", b"f", b"v"]).expect("HSET");
            if has_field_expiry {
                let words: [&[u8]; 6] = [b"hpexpireat", b"h", far.as_bytes(), b"fields", b"1", b"f"];
                run(connection, &words).expect("HPEXPIREAT");
            }
            let earliest = spec.expiry(&args, Some(now(connection)));
            let ran = run(connection, &words);
            let latest = spec.expiry(&args, Some(now(connection)));
            // An option that this release has not.
            if ran.is_err() {
                continue;
            }
            let found = expires_at(connection, of_field);
            compared += 1;
            let agrees = match (earliest, latest) {
                (Some(Expiry::At(from)), Some(Expiry::At(to))) if !of_field => {
                    found.is_some_and(|at| (from.0..=to.0).contains(&at))
                }
                (Some(Expiry::Fields(from)), Some(Expiry::Fields(to))) if of_field => {
                    found.is_some_and(|at| (from.0..=to.0).contains(&at))
                }
                (Some(Expiry::Keep), _) => !of_field && found == Some(FAR),
                (Some(Expiry::KeepFields), _) => of_field && found == Some(FAR),
                (Some(Expiry::Persist), _) => !of_field && found.is_none(),
                (Some(Expiry::PersistFields), _) => of_field && found.is_none(),
                // What reads leaves it, what writes anew ends it.
                (None, None) => found == line.contains("get").then_some(FAR),
                _ => false,
            };
            if !agrees {
                wrong.push(format!("{name}: {line}: {earliest:?} to {latest:?}, found {found:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(compared >= 22 * servers, "only {compared} comparisons on {servers} servers");
}

/// Commands that write a whole new value each, the key being `k`, `LONG` something long; a command that a release has not
/// is left out.
const WRITING: &[&str] = &[
    "set k value",
    "set k value px 100000000",
    "set k LONG px 100000000",
    "mset k LONG",
    "setex k 100000 value",
    "psetex k 100000000 value",
    "setnx k value",
    "append k value",
    "setrange k 0 value",
    "getset k value",
    "mset k value",
    "msetnx k value",
    "msetex 1 k value px 100000000",
    "incrbyfloat k 1.5",
    "lpush k one two one",
    "rpush k one two one",
    "sadd k one two",
    "sadd k 1 2 3",
    "sadd k LONG a",
    "zadd k nx ch 1 one -inf two 2.5e10 incr",
    "geoadd k 13.361389 38.115556 palermo 15.087269 37.502669 catania",
    "zadd k 1 LONG 2 a",
    "geoadd k nx -179.9999 -85.05 edge 179.9999 85.05 other",
    "hset k field value ex 10",
    "hmset k field value",
    "hset k LONG value field LONG",
    "hsetnx k field value",
    "hincrbyfloat k field 1.5",
    "hsetex k px 100000000 fields 2 field value other fields",
    "hsetex k keepttl fields 1 field value",
    "xadd k 5-1 field value field other",
    "xadd k maxlen ~ 100 limit 5 * field value",
    "xadd k 5-1 LONG value LONG LONG",
    "xadd k nomkstream 1-1 f v",
    "xadd k idmpauto maxlen * field value",
    "xadd k keepref minid = 1 6 field value",
    "eval redis.call('RPush',KEYS[1],'script')return(0) 1 k",
    "json.set k $ {\"a\":[1,2]}",
];

/// Notes values down as lines, strings that come in pieces put together.
#[derive(Default)]
struct Notes {
    keys: BTreeMap<String, Vec<String>>,
    lines: Vec<String>,
    pieces: [Vec<u8>; 2],
}

impl Notes {
    fn text(&mut self, half: usize, bytes: &[u8]) -> String {
        let mut text = std::mem::take(&mut self.pieces[half]);
        text.extend_from_slice(bytes);
        String::from_utf8(text).expect("text")
    }
}

impl Sink for Notes {
    fn depth(&mut self, _: &Head<'_>) -> Depth {
        Depth::Content
    }

    fn item(&mut self, item: &Item<'_>) {
        let line = match item {
            Item::Begin(_) => return self.lines.clear(),
            Item::Element(Element::Piece { half, bytes, .. }) => {
                return self.pieces[usize::from(*half == Half::Value)].extend_from_slice(bytes);
            }
            Item::Element(Element::Item(bytes)) => self.text(0, bytes),
            Item::Element(Element::Member { member, score }) => format!("{} {score:?}", self.text(0, member)),
            Item::Element(Element::Field { field, value, expire_at }) => {
                let expiry = expire_at.map_or(-1, |at| at.0);
                format!("{} {} {expiry}", self.text(0, field), self.text(1, value))
            }
            Item::Element(Element::StreamEntry { id, fields }) => format!("{id} of {fields}"),
            Item::Entry(entry) => {
                let expiry = entry.head.expire_at.map_or(-1, |at| at.0);
                self.lines.push(format!("{} until {expiry}", entry.head.value_type.ty.name()));
                let key = String::from_utf8_lossy(entry.head.key.head).into_owned();
                let lines = std::mem::take(&mut self.lines);
                assert!(self.keys.insert(key.clone(), lines).is_none(), "{key} is written twice");
                return;
            }
            Item::Damage(damage) => panic!("{}", damage.flaw),
            _ => return,
        };
        self.lines.push(line);
    }
}

/// What the commands of a log write; those longer than `most` bytes are not held whole.
fn written(log: &[u8], most: usize) -> BTreeMap<String, Vec<String>> {
    let limits = Limits { string_bytes: most, ..Limits::default() };
    let config = Config { limits, validate: false, scratch: std::env::temp_dir() };
    let mut parser = aof::Parser::new(config, aof::Start::of_log(0, 1));
    let mut notes = Notes::default();
    let mut from = 0;
    // Bytes come a few at a time, so that long commands are not whole when they are first seen.
    for to in (0..log.len()).step_by(7).chain([log.len()]) {
        from += parser.feed(&log[from..to], &mut notes);
    }
    assert!(!parser.end(&log[from..], &mut notes), "the log is cut short");
    notes.keys
}

/// A key's value as [`Notes`] has it, as its server tells it.
fn held(connection: &mut redis::Connection, key: &[u8], field_expiry: bool) -> Vec<String> {
    let mut ask = |words: &[&[u8]]| run(connection, words).unwrap_or_else(|error| panic!("{error}"));
    let texts = |value: &Value| match value {
        Value::Array(values) => values.iter().map(word).collect::<Vec<_>>(),
        value => vec![word(value)],
    };
    let mut ty = word(&ask(&[b"type", key]));
    let mut lines = match ty.as_str() {
        "string" => texts(&ask(&[b"get", key])),
        "list" => texts(&ask(&[b"lrange", key, b"0", b"-1"])),
        "set" => texts(&ask(&[b"smembers", key])),
        "zset" => {
            let scored = |pair: &[String]| format!("{} {:?}", pair[0], pair[1].parse::<f64>().expect("a score"));
            texts(&ask(&[b"zrange", key, b"0", b"-1", b"withscores"])).chunks(2).map(scored).collect()
        }
        "hash" => {
            let pairs = texts(&ask(&[b"hgetall", key]));
            let timed = |pair: &[String]| {
                let words: [&[u8]; 5] = [b"hpexpiretime", key, b"fields", b"1", pair[0].as_bytes()];
                let expiry = match field_expiry.then(|| ask(&words)) {
                    Some(Value::Array(times)) if matches!(times[..], [Value::Int(_)]) => times[0].clone(),
                    _ => Value::Int(-1),
                };
                let Value::Int(expiry) = expiry else { panic!("no time") };
                format!("{} {} {expiry}", pair[0], pair[1])
            };
            pairs.chunks(2).map(timed).collect()
        }
        "stream" => {
            let Value::Array(entries) = ask(&[b"xrange", key, b"-", b"+"]) else { panic!("no entries") };
            let lines = entries.iter().flat_map(|entry| {
                let Value::Array(parts) = entry else { panic!("no entry") };
                let fields = texts(&parts[1]);
                let head = format!("{} of {}", word(&parts[0]), fields.len() / 2);
                std::iter::once(head)
                    .chain(fields.chunks(2).map(|pair| format!("{} {} -1", pair[0], pair[1])))
                    .collect::<Vec<_>>()
            });
            lines.collect()
        }
        _ => {
            "module".clone_into(&mut ty);
            texts(&ask(&[b"json.get", key]))
        }
    };
    let Value::Int(expiry) = ask(&[b"pexpiretime", key]) else { panic!("no time") };
    lines.push(format!("{ty} until {expiry}"));
    lines
}

#[test]
fn what_a_log_writes_is_what_its_server_holds() {
    let (mut wrong, mut compared, mut servers) = (Vec::new(), 0, 0);
    for name in NAMES {
        let Some(spec) = ServerSpec::named(name) else { continue };
        servers += 1;
        let folder = tempfile::tempdir().expect("a temporary folder");
        // Else a write may wait while the disk is slow.
        let options = ["--appendonly", "yes", "--appendfsync", "always"];
        let server = servers::start(&spec, folder.path(), &options).expect("an empty server starts");
        let mut connection = server.connection();
        let field_expiry = Spec::named("hpexpireat").is_some_and(|spec| spec.known_to(server_bit(name)));
        let mut expected = BTreeMap::new();
        for (at, line) in WRITING.iter().enumerate() {
            let key = format!("key:{at}");
            let word = |word: &'static str| match word {
                "k" => key.as_bytes(),
                "LONG" => &[b'x'; 60],
                word => word.as_bytes(),
            };
            let words: Vec<&[u8]> = line.split(' ').map(word).collect();
            if run(&mut connection, &words).is_ok_and(|answer| answer != Value::Nil) {
                expected.insert(key.clone(), (*line, held(&mut connection, key.as_bytes(), field_expiry)));
            }
        }
        let parts = dumps::under(folder.path(), ".incr.aof");
        let [part] = parts.as_slice() else { panic!("{name}: {parts:?}") };
        let log = part.bytes();
        let sorted = |lines: &[String]| {
            let mut lines = lines.to_vec();
            lines.sort();
            lines
        };
        for most in [1 << 20, 24] {
            let found = written(&log, most);
            for (key, (line, held)) in &expected {
                // Where its arguments come one by one, its entries are complete before the options.
                if most == 24 && line.starts_with("msetex") {
                    continue;
                }
                compared += 1;
                let found = found.get(key).map(|lines| sorted(lines));
                if found.as_ref() != Some(&sorted(held)) {
                    wrong.push(format!("{name}: {key}: {held:?}, in the log {found:?}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(compared >= 40 * servers, "only {compared} comparisons on {servers} servers");
}
