//! What is known of commands beside what real servers say of them.

use crate::support::servers::{self, NAMES, Running, ServerSpec};
use redis::Value;
use rediscover::keyspace::command::{Access, ArgSpan, Args, KeyAt, Servers, Spec, Touch};
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
    let mut at = 0;
    let mut span = |word: &&str| {
        let span = ArgSpan { at, held: word.len(), len: word.len() as u64 };
        at += word.len();
        span
    };
    let bytes = line.concat();
    let spans: Vec<_> = line.iter().map(&mut span).collect();
    let args = Args::new(bytes.as_bytes(), &spans, spans.len() as u64);
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
