//! What is known of commands beside what real servers say of them.

use crate::support::servers::{self, NAMES, Running, ServerSpec};
use redis::Value;
use rediscover::base::UnixMs;
use rediscover::keyspace::command::{Access, ArgSpan, Args, Expiry, KeyAt, Servers, Spec, Touch};
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

/// Words as a command holds them.
fn laid_out(words: &[&[u8]]) -> (Vec<u8>, Vec<ArgSpan>) {
    let mut at = 0;
    let mut span = |word: &&[u8]| {
        let span = ArgSpan { at, held: word.len(), len: word.len() as u64 };
        at += word.len();
        span
    };
    let spans = words.iter().map(&mut span).collect();
    (words.concat(), spans)
}

/// What we say, in the same form.
fn keys_of_ours(line: &[&str]) -> (Option<&'static Spec>, Vec<String>) {
    let words: Vec<_> = line.iter().map(|word| word.as_bytes()).collect();
    let (bytes, spans) = laid_out(&words);
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
            let (bytes, spans) = laid_out(&words);
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
