//! What `scan` finds in the keyspaces of incidents, and what it does not in an ordinary one: recall and precision, and what must
//! not depend on where a text stands. `cargo test --test it incident` prints the tables; what is wrong is listed below each.

mod holdout;

use crate::support::incident::files::{Role, made};
use crate::support::incident::measure::{Heard, Measured, measure, planted};
use crate::support::incident::places::Command as Words;
use crate::support::incident::truth::{Kind, Truth};
use crate::support::incident::{Keyspace, SEED, cases, clean};
use crate::support::servers::{self, Running, ServerSpec};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Rules of which fewer are planted: each is about a dump or a log as a whole.
const WHOLE: [&str; 11] = [
    "RD-KEY-002",
    "RD-MOD-001",
    "RD-MOD-002",
    "RD-REP-001",
    "RD-REP-003",
    "RD-FMT-003",
    "RD-RANSOM-002",
    "RD-SESS-001",
    "RD-LUA-005",
    "LOG-",
    "RD-",
];

/// A server's files of a keyspace.
pub(crate) struct Served {
    running: Running,
    folder: tempfile::TempDir,
}

impl Served {
    pub(crate) fn new(spec: &ServerSpec, space: &Keyspace) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let arguments = ["--appendonly", "yes", "--appendfsync", "no", "--auto-aof-rewrite-percentage", "0"];
        let running = servers::start(spec, folder.path(), &arguments).expect("it starts");
        let served = Self { running, folder };
        served.load(&space.commands);
        served
    }

    fn load(&self, commands: &[Words]) {
        let mut connection = self.running.connection();
        for some in commands.chunks(500) {
            let mut pipe = redis::pipe();
            for words in some {
                let mut command = redis::Cmd::new();
                for word in words {
                    command.arg(&word[..]);
                }
                pipe.add_command(command).ignore();
            }
            pipe.exec(&mut connection).expect("the commands are taken");
        }
    }

    fn tell(&self, words: &[&str]) {
        let mut command = redis::Cmd::new();
        for word in words {
            command.arg(word);
        }
        command.exec(&mut self.running.connection()).expect("it does");
    }

    pub(crate) fn rdb(&self, compressed: bool) -> PathBuf {
        self.tell(&["CONFIG", "SET", "rdbcompression", if compressed { "yes" } else { "no" }]);
        self.tell(&["SAVE"]);
        let path = self.folder.path().join(if compressed { "packed.rdb" } else { "plain.rdb" });
        fs::copy(self.folder.path().join("dump.rdb"), &path).expect("its dump");
        path
    }

    pub(crate) fn aof(&self) -> PathBuf {
        self.folder.path().join("appendonlydir")
    }
}

/// What the program finds, or why it says nothing.
fn try_scan<S: AsRef<OsStr>>(arguments: &[S]) -> Result<Vec<Value>, String> {
    let output = Command::new(env!("CARGO_BIN_EXE_rediscover"))
        .args(["scan", "--format", "json", "--fail-on", "never"])
        .args(arguments)
        .output()
        .expect("it runs");
    let said = || String::from_utf8_lossy(&output.stderr).into_owned();
    let document: Value = serde_json::from_slice(&output.stdout).map_err(|error| format!("{error}: {}", said()))?;
    document["findings"].as_array().cloned().ok_or_else(said)
}

fn scan<S: AsRef<OsStr>>(arguments: &[S]) -> Vec<Value> {
    try_scan(arguments).unwrap_or_else(|said| panic!("{said}"))
}

fn heard<S: AsRef<OsStr>>(case: &str, form: &'static str, arguments: &[S]) -> Heard {
    // One that says nothing is a miss in the table, not the end of the test.
    let findings = try_scan(arguments).unwrap_or_else(|said| {
        tell(&format!("{case} {form}: {said}"));
        Vec::new()
    });
    Heard { case: case.to_owned(), form, findings }
}

#[expect(clippy::print_stderr, reason = "who writes rules reads it")]
fn tell(text: &str) {
    eprintln!("{text}");
}

fn assert_gate(measured: &Measured, group: &str, recall: f64, precision: f64) {
    let tally = measured.group(group);
    assert!(tally.recall() >= recall, "{group}: recall {:.4}, must be {recall}", tally.recall());
    assert!(tally.precision() >= precision, "{group}: precision {:.4}, must be {precision}", tally.precision());
}

fn assert_gates(measured: &Measured) {
    assert_gate(measured, "critical", 1.0, 0.99);
    assert_gate(measured, "high", 0.98, 0.95);
    assert_gate(measured, "medium", 0.95, 0.80);
    assert_gate(measured, "secrets", 0.95, 0.90);
}

/// What every keyspace has planted.
fn all_truth() -> Vec<Truth> {
    let served = cases::CASES.iter().flat_map(|case| cases::incident(case, SEED).truth);
    served.chain(made(SEED).into_iter().flat_map(|made| made.truth)).collect()
}

#[test]
fn enough_is_planted() {
    let truth = all_truth();
    tell(&planted(&truth));
    let positives = |group: &str| {
        let is_secret = |rule: &str| rule.starts_with("RD-SEC") || rule.starts_with("RD-PII");
        let mine = |line: &&Truth| {
            let rule = line.rule.as_deref().unwrap_or_default();
            line.kind == Kind::Positive && if is_secret(rule) { group == "secrets" } else { line.severity == group }
        };
        truth.iter().filter(mine).count()
    };
    for group in ["critical", "high", "medium", "secrets"] {
        assert!(positives(group) >= 300, "{group}: {}", positives(group));
    }
    let mut texts: BTreeMap<&str, (BTreeSet<&[u8]>, usize)> = BTreeMap::new();
    for line in &truth {
        let Some(rule) = line.rule.as_deref() else { continue };
        let both = texts.entry(rule).or_default();
        match line.kind {
            Kind::Positive => drop(both.0.insert(&line.text)),
            Kind::NearMiss => both.1 += 1,
            Kind::Clean => {}
        }
    }
    for (rule, (positives, misses)) in texts {
        let is_whole = WHOLE.iter().any(|whole| rule == *whole || *whole == "LOG-" && rule.starts_with(whole));
        let is_made = rule.starts_with("RD-FMT");
        assert!(is_whole || positives.len() >= 3, "{rule}: {} different texts", positives.len());
        assert!(is_whole || is_made || misses >= 3, "{rule}: {misses} near misses");
    }
}

#[test]
fn the_same_seed_makes_the_same_keyspaces() {
    for case in ["I1", "I11"] {
        let (one, same, other) = (cases::incident(case, 7), cases::incident(case, 7), cases::incident(case, 8));
        assert!(one.resp() == same.resp(), "{case}");
        assert!(one.resp() != other.resp(), "{case}");
    }
}

#[test]
fn incidents_are_found() {
    let mut truth: Vec<Truth> = Vec::new();
    let mut all = Vec::new();
    for name in ["redis-7.0", "valkey-9.1"] {
        let Some(spec) = ServerSpec::named(name) else { continue };
        for case in cases::CASES {
            let space = cases::incident(case, SEED);
            let served = Served::new(&spec, &space);
            for part in
                [heard(case, "rdb", &[served.rdb(true).as_os_str()]), heard(case, "aof", &[served.aof().as_os_str()])]
            {
                // Each server's keyspace is its own: the same truth, told apart.
                let case = format!("{case} {name}");
                all.push(Heard { case, ..part });
            }
            truth.extend(space.truth.into_iter().map(|line| Truth { case: format!("{case} {name}"), ..line }));
        }
    }
    let folder = tempfile::tempdir().expect("a folder");
    for made in made(SEED) {
        if let Some(part) = handmade(&made.files, made.role, made.case, folder.path()) {
            all.push(part);
            truth.extend(made.truth);
        }
    }
    let measured = measure(&truth, &all);
    tell(&measured.table(&truth));
    assert_gates(&measured);
}

fn handmade(files: &[(String, Vec<u8>)], role: Role, case: &str, folder: &Path) -> Option<Heard> {
    let root = folder.join(case);
    for (path, bytes) in files {
        let path = root.join(path);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(path, bytes).expect("a file");
    }
    let first = root.join(&files.first()?.0);
    let form = if first.extension() == Some(OsStr::new("aof")) { "aof" } else { "rdb" };
    let arguments = match role {
        Role::Source => vec![first.as_os_str()],
        Role::Folder => vec![first.parent()?.as_os_str()],
        Role::Log => vec![OsStr::new("--log"), first.as_os_str()],
        Role::Tree => vec![OsStr::new("--tree"), root.as_os_str()],
        Role::Capture => return None,
    };
    // What is not read at all is missed, and the table says so.
    let findings = try_scan(&arguments).unwrap_or_else(|said| {
        tell(&format!("{case}: {said}"));
        Vec::new()
    });
    Some(Heard { case: case.to_owned(), form, findings })
}

/// Every text of a critical or high rule, one byte of it changed: that rule is silent on that key.
#[test]
fn a_broken_indicator_is_none() {
    let Some(spec) = ServerSpec::named("redis-7.0") else { return };
    let space = cases::mutated(SEED);
    let served = Served::new(&spec, &space);
    // Only what fires where it must not: the rest of a text may be what other rules are for.
    let near = |line: &Truth| Truth { also: vec![String::new()], ..line.clone() };
    let truth: Vec<Truth> = space.truth.iter().map(near).collect();
    let measured = measure(&truth, &[heard("mutated", "rdb", &[served.rdb(true)])]);
    let fired: Vec<&String> = measured.wrong.iter().filter(|line| line.starts_with("fired")).collect();
    assert!(truth.len() > 300, "{} texts", truth.len());
    assert!(fired.is_empty(), "{} of {} texts: {fired:#?}", fired.len(), truth.len() - 1);
}

/// The rule, the key, the part of the evidence: what must be the same in every form of a keyspace.
fn found_at(findings: &[Value]) -> BTreeSet<(String, String, String)> {
    let of = |finding: &Value| {
        let text = |name: &str| finding[name].as_str().unwrap_or_default().to_owned();
        (text("rule"), format!("{} {}", finding["db"], finding["key"]), text("where"))
    };
    findings.iter().filter(|finding| finding["key"].is_string() || finding["key"].is_object()).map(of).collect()
}

/// The same findings, whether a dump is compressed or not, in every place of every type; and the same keys and rules in the log.
#[test]
fn findings_do_not_depend_on_form() {
    for name in ["redis-7.0", "valkey-9.1"] {
        let Some(spec) = ServerSpec::named(name) else { continue };
        let space = cases::incident("I15", SEED);
        let served = Served::new(&spec, &space);
        let packed = found_at(&scan(&[served.rdb(true)]));
        let plain = found_at(&scan(&[served.rdb(false)]));
        assert_eq!(packed, plain, "{name}: compressed or not");
        let log = found_at(&scan(&[served.aof()]));
        served.tell(&["CONFIG", "SET", "aof-use-rdb-preamble", "no"]);
        served.rewrite();
        let rewritten = found_at(&scan(&[served.aof()]));
        let keys = |found: &BTreeSet<(String, String, String)>| -> BTreeSet<(String, String)> {
            found.iter().map(|(rule, key, _)| (rule.clone(), key.clone())).collect()
        };
        assert_eq!(keys(&packed), keys(&log), "{name}: dump or log");
        assert_eq!(keys(&packed), keys(&rewritten), "{name}: dump or rewritten log");
        assert!(!packed.is_empty(), "{name}");
    }
}

impl Served {
    fn rewrite(&self) {
        self.tell(&["BGREWRITEAOF"]);
        for _ in 0..600 {
            let info: String =
                redis::cmd("INFO").arg("persistence").query(&mut self.running.connection()).expect("INFO");
            let is = |line: &str| info.lines().any(|known| known == line);
            if is("aof_rewrite_in_progress:0") && is("aof_rewrite_scheduled:0") {
                assert!(is("aof_last_bgrewrite_status:ok"), "{info}");
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        panic!("the log is not rewritten");
    }
}

#[test]
fn an_ordinary_day_is_quiet() {
    let Some(spec) = ServerSpec::named("redis-stack-7.4") else { return };
    let space = clean::clean(clean::KEYS, SEED, true);
    let folder = tempfile::tempdir().expect("a folder");
    let running = servers::start(&spec, folder.path(), &[] as &[&str]).expect("it starts");
    let served = Served { running, folder };
    served.load(&space.commands);
    let keys: u64 = redis::cmd("DBSIZE").query(&mut served.running.connection()).expect("DBSIZE");
    assert!(keys >= 200_000, "{keys} keys");
    let findings = scan(&[served.rdb(true)]);
    let graver = |severity: &str| -> Vec<String> {
        let mine = findings.iter().filter(|finding| finding["technique_severity"] == severity);
        mine.map(|finding| {
            format!(
                "{} db {} {} {}: {}",
                finding["rule"], finding["db"], finding["key"], finding["structural"], finding["match"]
            )
        })
        .collect()
    };
    let (critical, high) = (graver("critical"), graver("high"));
    let mut by_rule: BTreeMap<String, u64> = BTreeMap::new();
    for finding in &findings {
        *by_rule.entry(format!("{} {}", finding["technique_severity"], finding["rule"])).or_default() += 1;
    }
    tell(&format!("an ordinary day, {keys} keys: {by_rule:#?}"));
    assert!(critical.is_empty(), "{} critical: {:#?}", critical.len(), &critical[..critical.len().min(40)]);
    let allowed = usize::try_from(keys / 100_000).expect("small");
    assert!(high.len() <= allowed, "{} high, {allowed} allowed: {:#?}", high.len(), &high[..high.len().min(60)]);
}
