//! What real servers do with broken append-only files, against what is recorded of it.
//!
//! Where a server's newer version does otherwise: `UPDATE_AOF_FACTS=1 cargo test every_case_is_recorded` writes the table anew, and
//! `docs/aof-facts.md` wants reading.

use crate::support::aof::{self, Case, Checked, Fact, Outcome};
use crate::support::keyspace::live;
use crate::support::servers::{self, ServerSpec};
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

/// What a server and its check tool do with a case, each with files of its own.
fn observe(spec: &ServerSpec, case: &Case) -> Fact {
    let checked = check(spec, case);
    let outcome = if case.crashes.on(spec.name) { Outcome::Crashes } else { load(spec, case) };
    Fact { case: case.name.clone(), server: spec.name.to_owned(), outcome, checked }
}

fn load(spec: &ServerSpec, case: &Case) -> Outcome {
    let dir = tempfile::tempdir().expect("a temporary folder");
    case.write(dir.path());
    let arguments = [&["--appendonly", "yes"], case.settings].concat();
    let started = servers::start(spec, dir.path(), &arguments);
    // A file that stands alone is moved before it is read, and not if it is refused.
    let moved = fs::metadata(case.path(dir.path()));
    let file = moved.or_else(|_| fs::metadata(case.folder(dir.path()).join(case.file)));
    let size = file.expect("the file").len();
    let truncated = (size != case.bytes().len() as u64).then_some(size);
    let running = match started {
        Ok(running) => running,
        Err(refused) if refused.log.contains("crashed by signal") => return Outcome::Crashes,
        Err(_) => return Outcome::Refuses { truncated },
    };
    let name = |(db, key): &(u64, Vec<u8>)| match db {
        0 => key.escape_ascii().to_string(),
        db => format!("{db}:{}", key.escape_ascii()),
    };
    let keys: Vec<_> = live(&mut running.connection()).keys.keys().map(name).collect();
    let keys = keys.join(" ");
    truncated.map_or_else(|| Outcome::Loads { keys: keys.clone() }, |to| Outcome::Truncates { to, keys: keys.clone() })
}

fn check(spec: &ServerSpec, case: &Case) -> Checked {
    let dir = tempfile::tempdir().expect("a temporary folder");
    case.write(dir.path());
    let mut command = Command::new(spec.program("check-aof"));
    command.arg(case.entry()).current_dir(case.folder(dir.path())).stdin(Stdio::null());
    let output = command.output().expect("the check tool runs");
    let said = String::from_utf8_lossy(&output.stdout);
    let number = |line: &str, name: &str| -> Option<u64> {
        let (_, rest) = line.split_once(name)?;
        rest.split(',').next()?.parse().ok()
    };
    let about = format!("AOF analyzed: filename={},", case.file);
    let line = said.lines().find(|line| line.starts_with(&about));
    let ok_up_to = line.and_then(|line| number(line, "ok_up_to=").zip(number(line, "ok_up_to_line=")));
    Checked { valid: output.status.success(), ok_up_to }
}

/// Compares a server with what is recorded of it.
fn does_as_recorded(server: &str) {
    let Some(spec) = ServerSpec::named(server) else { return };
    let recorded = aof::recorded();
    let mut wrong = Vec::new();
    for case in aof::cases().into_iter().filter(|case| case.is_for(server)) {
        let known = recorded.iter().find(|fact| fact.case == case.name && fact.server == server);
        let seen = observe(&spec, &case);
        if known != Some(&seen) {
            wrong.push(format!("{}\n  recorded: {known:?}\n  seen:     {seen:?}", case.name));
        }
    }
    assert!(wrong.is_empty(), "{server} {}:\n{}", spec.version, wrong.join("\n"));
}

#[test]
fn redis_7_0() {
    does_as_recorded("redis-7.0");
}

#[test]
fn redis_7_4() {
    does_as_recorded("redis-7.4");
}

#[test]
fn redis_8_0() {
    does_as_recorded("redis-8.0");
}

#[test]
fn redis_8_6() {
    does_as_recorded("redis-8.6");
}

#[test]
fn valkey_8_1() {
    does_as_recorded("valkey-8.1");
}

#[test]
fn valkey_9_1() {
    does_as_recorded("valkey-9.1");
}

#[test]
fn every_case_is_recorded_once() {
    if std::env::var_os("UPDATE_AOF_FACTS").is_some() {
        return record();
    }
    let cases = aof::cases();
    let pairs = |case: &Case| aof::SERVERS.map(|server| (case.name.clone(), case.is_for(server).then_some(server)));
    let mut wanted: Vec<_> = cases.iter().flat_map(pairs).filter_map(|(name, server)| Some((name, server?))).collect();
    let recorded = aof::recorded();
    let mut known: Vec<_> = recorded.iter().map(|fact| (fact.case.clone(), fact.server.as_str())).collect();
    wanted.sort_unstable();
    known.sort_unstable();
    assert_eq!(wanted, known);
}

/// Writes the table anew.
fn record() {
    let specs: Vec<_> = aof::SERVERS.iter().map(|name| ServerSpec::named(name).expect("every server")).collect();
    let mut facts = Vec::new();
    for case in aof::cases() {
        facts.extend(specs.iter().filter(|spec| case.is_for(spec.name)).map(|spec| observe(spec, &case)));
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/aof_facts.tsv");
    fs::write(path, aof::table(&facts)).expect("a file that can be written");
}
