//! Scripts of `--plan-script`, run by a shell against real servers.

use crate::support::dumps::program;
use crate::support::servers::{self, Running, ServerSpec};
use crate::support::stage::Stage;
use redis::Commands;
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Output;

/// 2100-01-01.
const LATER_MS: i64 = 4_102_444_800_000;

type Name = Vec<u8>;

trait Plans {
    fn plan(&self, arguments: &[&str]) -> Output;
    fn planned(&self, arguments: &[&str]) -> String;
    fn sh(&self, apply: bool) -> Output;
    fn applied(&self) -> String;
}

impl Plans for Stage {
    /// `analyze dump.rdb … -o plan.sh`.
    fn plan(&self, arguments: &[&str]) -> Output {
        let mut command = program(&["analyze", "dump.rdb", "-o", "plan.sh", "--plan-script"]);
        command.args(arguments).current_dir(self.folder.path()).output().expect("the program starts")
    }

    fn planned(&self, arguments: &[&str]) -> String {
        let output = self.plan(arguments);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        fs::read_to_string(self.path("plan.sh")).expect("a script")
    }

    fn sh(&self, apply: bool) -> Output {
        self.shell(if apply { "APPLY=1 sh plan.sh" } else { "sh plan.sh" })
    }

    /// Runs the script; what it says in the end.
    fn applied(&self) -> String {
        self.prints("APPLY=1 sh plan.sh")
    }
}

fn names(connection: &mut redis::Connection, db: i64) -> BTreeSet<Name> {
    redis::cmd("SELECT").arg(db).exec(connection).expect("a database");
    redis::cmd("KEYS").arg("*").query(connection).expect("names")
}

/// Names that no shell, awk or client may take for something else.
fn hostile() -> Vec<Name> {
    let mut all: Vec<Name> = (0..=255u8).flat_map(|byte| [vec![byte], vec![b'k', byte, b'k']]).collect();
    let texts = [
        "",
        " ",
        "  two  ",
        "exit 0",
        "\nexit 0\n",
        "# end of the plan",
        "\n# end of the plan\n",
        "db 9",
        "\ndb 9\n",
        "$(touch hacked)",
        "`touch hacked`",
        "'; touch hacked; '",
        "\"; touch hacked; \"",
        "\\",
        "\\\"",
        "\\x41",
        "\\n",
        "%s%d",
        "*",
        "?",
        "[a]",
        "-",
        "--",
        "string 1 - \"x\"",
        "grün",
        "鍵",
        "\u{202e}txt",
        "\u{1b}[2J",
        "3 PING",
        "a\tb",
    ];
    all.extend(texts.map(|text| text.as_bytes().to_vec()));
    all.push((0..64u32 << 10).map(|n| u8::try_from(n.wrapping_mul(2_654_435_761) >> 24).unwrap_or(0)).collect());
    all
}

#[test]
fn every_name_is_exact() {
    for name in servers::NAMES {
        let Some(spec) = ServerSpec::named(name) else { continue };
        let stage = Stage::new(&spec, &[], |connection| {
            for db in [0, 3] {
                let mut pipe = redis::pipe();
                pipe.cmd("SELECT").arg(db).ignore();
                for name in hostile() {
                    pipe.cmd("SET").arg(&name).arg("v").ignore();
                    pipe.cmd("SADD").arg([name.as_slice(), b"~decoy"].concat()).arg("v").ignore();
                }
                pipe.query::<()>(connection).expect("keys");
            }
        });
        let mut connection = stage.running.connection();
        let planned = hostile().into_iter().collect::<BTreeSet<_>>().len();
        let decoys: BTreeSet<Name> = hostile().into_iter().map(|name| [name.as_slice(), b"~decoy"].concat()).collect();
        stage.planned(&["unlink", "--type", "string"]);
        let dry = stage.sh(false);
        assert!(dry.status.success());
        assert!(dry.stdout.starts_with(b"SELECT ") && dry.stdout.ends_with(b"ECHO \"end of the plan\"\n"));
        assert_eq!(names(&mut connection, 0).len(), planned + decoys.len(), "{name}: a dry run changes nothing");
        let said = stage.applied();
        assert!(said.starts_with(&format!("{0} of {0} keys: unlinked", 2 * planned)), "{name}: {said}");
        for db in [0, 3] {
            assert_eq!(names(&mut connection, db), decoys, "{name}, db {db}");
        }
        assert!(!stage.path("hacked").exists());
    }
}

#[test]
fn expire_leaves_keys_that_expire_already() {
    for (at, name) in servers::NAMES.into_iter().enumerate() {
        let Some(spec) = ServerSpec::named(name) else { continue };
        let stage = Stage::new(&spec, &[], |connection| {
            let mut pipe = redis::pipe();
            for n in 0..250 {
                pipe.set(format!("cache:{n}"), n).ignore();
                pipe.set(format!("other:{n}"), n).ignore();
            }
            pipe.cmd("SET").arg("cache:expires").arg(1).arg("PXAT").arg(LATER_MS).ignore();
            pipe.query::<()>(connection).expect("keys");
        });
        let check: &[&str] = if at % 2 == 0 { &["--plan-check"] } else { &[] };
        let script = stage.planned(&[&["expire:300", "--match", "cache:*"], check].concat());
        assert!(script.contains("1 left out that expire already"), "{script}");
        let mut connection = stage.running.connection();
        // It has changed since.
        redis::cmd("EXPIRE").arg("cache:7").arg(9000).exec(&mut connection).expect("a key");
        let said = stage.applied();
        assert!(said.starts_with("249 of 250 keys: will expire"), "{name}: {said}");
        let ttl = |connection: &mut redis::Connection, key: &str| connection.ttl::<_, i64>(key).expect("a TTL");
        for n in 0..250 {
            let left = ttl(&mut connection, &format!("cache:{n}"));
            assert!(if n == 7 { left > 8000 } else { (1..=300).contains(&left) }, "{name}: cache:{n}: {left}");
            assert_eq!(ttl(&mut connection, &format!("other:{n}")), -1, "{name}");
        }
        assert!(ttl(&mut connection, "cache:expires") > 8000);
    }
}

#[test]
fn a_checked_plan_leaves_what_has_changed() {
    for name in servers::NAMES {
        let Some(spec) = ServerSpec::named(name) else { continue };
        let stage = Stage::new(&spec, &[], |connection| {
            let mut pipe = redis::pipe();
            for n in 0..5 {
                pipe.cmd("SET").arg(format!("plain{n}")).arg(n).ignore();
                pipe.cmd("SET").arg(format!("timed{n}")).arg(n).arg("PXAT").arg(LATER_MS + n).ignore();
                pipe.cmd("XADD").arg(format!("stream{n}")).arg("1-1").arg("f").arg("v").ignore();
            }
            pipe.query::<()>(connection).expect("keys");
        });
        stage.planned(&["unlink", "--match", "*", "--plan-check"]);
        let mut connection = stage.running.connection();
        let mut pipe = redis::pipe();
        pipe.cmd("DEL").arg("plain1").ignore();
        pipe.cmd("EXPIRE").arg("plain2").arg(1000).ignore();
        pipe.cmd("DEL").arg("plain3").ignore().cmd("SADD").arg("plain3").arg(1).ignore();
        pipe.cmd("PERSIST").arg("timed1").ignore();
        pipe.cmd("PEXPIREAT").arg("timed2").arg(LATER_MS).ignore();
        pipe.cmd("SET").arg("plain4").arg("another value").ignore();
        pipe.query::<()>(&mut connection).expect("changes");
        let said = stage.applied();
        assert!(said.starts_with("10 of 15 keys: unlinked"), "{name}: {said}");
        let left = ["plain2", "plain3", "timed1", "timed2"].map(|name| name.as_bytes().to_vec());
        assert_eq!(names(&mut connection, 0), BTreeSet::from(left), "{name}");
    }
}

#[test]
fn nothing_is_done_that_is_not_meant() {
    let Some(spec) = ServerSpec::named("redis-8.6") else { return };
    let stage = Stage::new(&spec, &["--databases", "20"], |connection| {
        let mut pipe = redis::pipe();
        pipe.set("a", 1).ignore().cmd("SELECT").arg(19).ignore().set("a", 1).ignore();
        pipe.query::<()>(connection).expect("keys");
    });
    let script = stage.planned(&["unlink", "--db", "19"]);
    let failed = |output: &Output, why: &str| {
        let text = String::from_utf8_lossy(&[output.stdout.as_slice(), &output.stderr].concat()).into_owned();
        assert!(!output.status.success() && text.contains(why), "{text}");
    };

    // redis-cli stays in database 0 where it cannot select the one it is told.
    let fewer = tempfile::tempdir().expect("a temporary folder");
    let other = servers::start(&spec, fewer.path(), &["--databases", "16"]).expect("a server");
    other.connection().set::<_, _, ()>("a", 1).expect("a key");
    let cli = |running: &Running| format!("{} -s {}", spec.program("cli").display(), running.socket().display());
    failed(
        &stage.shell(&format!("APPLY=1 CLI='{}' sh plan.sh", cli(&other))),
        "database 19: ERR DB index is out of range",
    );
    assert_eq!(names(&mut other.connection(), 0).len(), 1);

    failed(&stage.shell("APPLY=1 CLI='redis-cli -s /nowhere' sh plan.sh"), "no answer from");
    failed(&stage.shell("APPLY=1 CLI=/nowhere/cli sh plan.sh"), "no answer from");

    // A server that refuses to write.
    redis::cmd("REPLICAOF").arg("127.0.0.1").arg("1").exec(&mut stage.running.connection()).expect("a replica");
    failed(&stage.sh(true), "answers that refuse: 1, the first: READONLY");

    let half = script.len() / 2;
    fs::write(stage.path("plan.sh"), &script[..half]).expect("a script");
    let broken = stage.sh(true);
    assert!(!broken.status.success());
    let end = script.find("\nstring ").expect("a key");
    fs::write(stage.path("plan.sh"), &script[..end]).expect("a script");
    failed(&stage.sh(true), "its end is missing");
    assert_eq!(names(&mut stage.running.connection(), 19).len(), 1);
}

/// The client goes on after an answer that refuses: what it says in the end counts every answer.
#[test]
fn all_answers_are_counted() {
    for name in servers::NAMES {
        let Some(spec) = ServerSpec::named(name) else { continue };
        let stage = Stage::new(&spec, &[], |connection| {
            let mut pipe = redis::pipe();
            for db in [0, 3, 0] {
                pipe.cmd("SELECT").arg(db).ignore();
                (0..20).for_each(|n| {
                    pipe.set(format!("k{n}"), n).ignore();
                });
            }
            pipe.cmd("ACL").arg(&["SETUSER", "some", "on", "nopass", "~k[02-9]*", "+@all"]).ignore();
            pipe.query::<()>(connection).expect("keys");
        });
        stage.planned(&["unlink", "--match", "k*"]);
        let output = stage.shell(&format!("APPLY=1 BATCH=1 CLI='{} --user some --pass x' sh plan.sh", stage.cli()));
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert_eq!(output.status.code(), Some(1), "{text}");
        let mut connection = stage.running.connection();
        let left = names(&mut connection, 0).len() + names(&mut connection, 3).len();
        assert_eq!(left, 22, "k1 and k10 to k19 in both databases");
        assert!(text.starts_with("18 of 40 keys: unlinked"), "{name}: {text}");
        assert!(text.contains("answers that refuse: 22, the first: NOPERM"), "{name}: {text}");
    }
}

#[test]
fn lines_can_be_taken_out() {
    let Some(spec) = ServerSpec::named("valkey-9.1") else { return };
    let stage = Stage::new(&spec, &[], |connection| {
        connection.mset::<_, _, ()>(&[("a", 1), ("b", 1), ("c", 1)]).expect("keys");
    });
    let script = stage.planned(&["unlink", "--match", "?"]);
    let kept = |line: &&str| !line.ends_with(" \"a\"");
    let edited: Vec<_> = script
        .lines()
        .filter(kept)
        .map(|line| line.replacen("string ", "#string ", usize::from(line.ends_with(" \"b\""))))
        .collect();
    fs::write(stage.path("plan.sh"), edited.join("\n") + "\n").expect("a script");
    assert!(stage.applied().starts_with("1 of 3 keys"));
    assert_eq!(names(&mut stage.running.connection(), 0), BTreeSet::from([b"a".to_vec(), b"b".to_vec()]));
}

#[test]
fn a_plan_is_refused_where_it_would_be_a_guess() {
    let Some(spec) = ServerSpec::named("redis-7.0") else { return };
    let stage = Stage::new(&spec, &[], |connection| connection.set("a", 1).expect("a key"));
    let refused = |arguments: &[&str], why: &str| {
        let output = program(arguments).current_dir(stage.folder.path()).output().expect("the program starts");
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{text}");
        assert!(text.contains(why), "{text}");
        assert!(!stage.path("plan.sh").exists());
    };
    refused(&["analyze", "dump.rdb", "--plan-script", "unlink", "-o", "plan.sh"], "needs a filter");
    refused(&["analyze", "dump.rdb", "--plan-script", "unlink", "--db", "0"], "--output");
    refused(&["analyze", "dump.rdb", "--plan-script", "unlink", "--db", "0", "-o", "-"], "written to a file");
    refused(&["analyze", "-", "--plan-script", "unlink", "--db", "0", "-o", "plan.sh"], "a pipe");
    refused(&["analyze", "dump.rdb", "dump.rdb", "--plan-script", "unlink", "--db", "0", "-o", "plan.sh"], "--merge");
    refused(&["analyze", "dump.rdb", "--plan-script", "expire:0", "--db", "0", "-o", "plan.sh"], "expire:SECONDS");
    refused(&["analyze", "dump.rdb", "--plan-check", "--db", "0", "-o", "plan.sh"], "--plan-script");
    refused(&["analyze", "dump.rdb", "--plan-script", "unlink", "--db", "0", "-o", "dump.rdb"], "one of the sources");
    // What is not there is no pipe.
    let output = stage.shell("rediscover analyze missing.rdb --plan-script unlink --db 0 -o plan.sh");
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains("no such file") && !stage.path("plan.sh").exists(), "{text}");
}

#[test]
fn a_plan_of_a_log_is_one_of_its_base() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let log = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/aof/redis-8.6");
    let mut command = program(&["analyze", log, "--plan-script", "unlink", "--match", "*", "--format", "json"]);
    let output = command.args(["-o", "plan.sh"]).current_dir(folder.path()).output().expect("the program starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).expect("the report on stdout");
    let script = fs::read_to_string(folder.path().join("plan.sh")).expect("a script");
    let names: Vec<_> =
        script.lines().skip_while(|line| *line != "exit 0").filter(|line| line.contains(" \"")).collect();
    assert_eq!(report["plan"]["keys"], names.len(), "{names:?}");
    // The log has no keys of its own to be estimated: the memory of those of the base is known.
    let memory: u64 = names.iter().filter_map(|line| line.split(' ').nth(1)?.parse::<u64>().ok()).sum();
    assert!(memory > 0 && report["plan"]["memory_bytes"] == memory, "{report:#}");
    assert_eq!(script.lines().filter(|line| line.starts_with("# source ")).count(), 1);
}

#[test]
fn what_a_plan_says_of_itself() {
    let Some(spec) = ServerSpec::named("redis-8.6") else { return };
    let stage = Stage::new(&spec, &[], |connection| {
        redis::cmd("DEBUG").arg("SET-ACTIVE-EXPIRE").arg(0).exec(connection).ok();
        connection.set::<_, _, ()>(vec![b'k'; 70_000], 1).expect("a key");
        connection.set::<_, _, ()>("k", 1).expect("a key");
    });
    fs::write(stage.path("plan.sh"), "old").expect("a file");
    fs::set_permissions(stage.path("plan.sh"), fs::Permissions::from_mode(0o644)).expect("a mode");
    let output = stage.plan(&["unlink", "--match", "k*", "--format", "json"]);
    assert!(output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("1 left out of the plan, whose names are over 64 KiB"));
    let mode = fs::metadata(stage.path("plan.sh")).expect("a file").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).expect("the report on stdout");
    let plan = &report["plan"];
    assert_eq!((&plan["keys"], &plan["left_out"]["long_names"]), (&1.into(), &1.into()));
    assert_eq!((plan["file"].as_str(), plan["action"].as_str()), (Some("plan.sh"), Some("unlink")));
    let script = fs::read_to_string(stage.path("plan.sh")).expect("a script");
    let head: Vec<_> = script.lines().take_while(|line| line.starts_with('#')).collect();
    for wanted in [
        "# rediscover plan: UNLINK of 1 key: they will be gone",
        "# warning   1 left out whose names are over 64 KiB",
        &format!("# source    dump.rdb of redis {}, taken 20", spec.version),
    ] {
        assert!(head.iter().any(|line| line.starts_with(wanted)), "{wanted}: {head:#?}");
    }
    assert!(head.iter().any(|line| line.contains("analyze dump.rdb -o plan.sh --plan-script unlink --match 'k*'")));
    assert_eq!(script.lines().filter(|line| line.starts_with("string ")).count(), 1);
}
