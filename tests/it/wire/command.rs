//! Live servers on the command line.

use super::{Server, free_port};
use crate::support::servers::ServerSpec;
use redis::cmd;
use serde_json::Value;
use std::ffi::OsStr;
use std::process::{Command, Output, Stdio};

fn rediscover(environment: &[(&str, &str)], arguments: &[impl AsRef<OsStr>]) -> Output {
    let program = std::env::var_os("REDISCOVER_BIN").unwrap_or_else(|| env!("CARGO_BIN_EXE_rediscover").into());
    let mut command = Command::new(program);
    command.env_remove("REDISCLI_AUTH").env_remove("VALKEYCLI_AUTH").envs(environment.iter().copied());
    command.args(arguments).stdin(Stdio::null()).output().expect("the program starts")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn json(output: &Output) -> Value {
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("a document")
}

#[test]
fn every_command_that_reads_takes_a_server_and_asks_it_once() {
    let Some(spec) = ServerSpec::named("redis-8.6") else { return };
    let server = Server::on_port(&spec, &[]);
    server.fill(500);
    for (at, command) in ["analyze", "check", "keys", "scan", "timeline"].into_iter().enumerate() {
        let source = if at % 2 == 0 { server.url() } else { server.socket() };
        let before: u64 = server.info("sync_full").parse().expect("a number");
        let output = rediscover(&[], &[command, &source, "--threads", "2"]);
        assert_eq!(output.status.code(), Some(0), "{command}: {}", text(&output.stderr));
        let after: u64 = server.info("sync_full").parse().expect("a number");
        assert_eq!(after, before + 1, "{command}");
        let talk = text(&output.stderr);
        assert!(talk.contains("500 keys in 2 databases"), "{command}: {talk}");
        let quiet = rediscover(&[], &[command, &source, "-q", "-o", "/dev/null"]);
        assert_eq!((quiet.status.code(), text(&quiet.stderr).as_str()), (Some(0), ""), "{command} -q");
    }
    let report = json(&rediscover(&[], &["analyze", &format!("prod={}", server.url()), "--format", "json"]));
    assert_eq!(report["provenance"]["sources"][0]["kind"], "rdb", "{}", report["provenance"]);
    assert_eq!(report["provenance"]["sources"][0]["source"], "prod");
    assert_eq!(report["keyspace"]["keys"], 500, "{}", report["keyspace"]);
    let report = json(&rediscover(&[], &["check", &server.socket(), "--via", "scan", "--format", "json"]));
    assert_eq!((&report["sources"][0]["verdict"], &report["sources"][0]["keys"]), (&"intact".into(), &500.into()));
}

#[test]
fn passwords_come_from_files_and_the_environment_and_are_shown_nowhere() {
    let Some(spec) = ServerSpec::named("valkey-9.1") else { return };
    let server = Server::on_port(&spec, &[]);
    let mut rule = cmd("ACL");
    rule.arg("SETUSER").arg("bk").arg(&["reset", "on", ">user-pw", "+info", "+sync", "+replconf"]);
    rule.exec(&mut server.running.connection()).expect("a user");
    server.set("requirepass", "default-pw");
    let url = server.url();
    let of_user = url.replace("redis://", "valkey://bk@");
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), "user-pw\n").expect("written");
    let file = file.path().display().to_string();
    let check = |environment: &[(&str, &str)], arguments: &[&str]| {
        let output = rediscover(environment, &[&["check", "--format", "json"], arguments].concat());
        let all = text(&output.stdout) + &text(&output.stderr);
        assert!(!all.contains("user-pw") && !all.contains("default-pw") && !all.contains("wrong-pw"), "{all}");
        (output.status.code().unwrap_or(-1), all)
    };
    assert_eq!(check(&[], &[&of_user, "--password-file", &file]).0, 0);
    assert_eq!(check(&[("VALKEYCLI_AUTH", "user-pw")], &[&url, "--user", "bk"]).0, 0);
    let (code, all) = check(&[("REDISCLI_AUTH", "default-pw")], &[&url]);
    assert_eq!(code, 0, "{all}");
    let (code, all) = check(&[("REDISCLI_AUTH", "user-pw")], &[&of_user]);
    let names_the_user = |line: &str| line.contains("\"source\"") && line.contains("bk@");
    assert!(code == 0 && !all.lines().any(names_the_user), "names without credentials: {all}");
    let (code, all) = check(&[], &[&url]);
    assert!(code == 1 && all.contains("NOAUTH") && all.contains("--password-file"), "{code} {all}");
    let (code, all) = check(&[("REDISCLI_AUTH", "wrong-pw")], &[&url]);
    assert!(code == 1 && all.contains("WRONGPASS"), "{code} {all}");
    let (code, all) = check(&[], &[&url.replace("redis://", "redis://bk:user-pw@")]);
    assert!(code == 2 && all.contains("has a password in it"), "{code} {all}");
    let (code, all) = check(&[], &[&url, "--password-file", "/nowhere/pw"]);
    assert!(code == 1 && all.contains("/nowhere/pw"), "{code} {all}");
}

#[test]
fn what_cannot_be_says_so() {
    let dead = format!("redis://127.0.0.1:{}", free_port());
    for (arguments, code, words) in [
        (vec!["check", &dead], 1, "connection refused"),
        (vec!["check", "redis://h:0"], 2, "a port is a number"),
        (vec!["check", "redis+sentinel://h"], 2, "names no master"),
        (vec!["check", "redis+cluster://h/3"], 2, "no database but 0"),
        (vec!["aof", "repair", &dead, "-o", "/tmp/never-written"], 2, "takes files only"),
        (vec!["check", "x.rdb", "--key", "k.pem"], 2, "--cert"),
        (vec!["timeline", "x.rdb", "--tls-key", "k.pem"], 2, "--cert"),
        (vec!["analyze", &dead, "--plan-script", "unlink", "--match", "a*", "-o", "/tmp/never-written"], 2, "twice"),
    ] {
        let output = rediscover(&[], &arguments);
        let talk = text(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {talk}");
        assert!(talk.contains(words), "{arguments:?}: {talk}");
    }
}

#[test]
fn one_of_several_that_is_down_is_exit_5() {
    let Some(spec) = ServerSpec::named("redis-7.0") else { return };
    let server = Server::start(&spec, &[]);
    let dead = format!("redis://127.0.0.1:{}", free_port());
    let output = rediscover(&[], &["check", &dead, &server.socket()]);
    assert_eq!(output.status.code(), Some(5), "{}", text(&output.stderr));
}

#[test]
fn a_cluster_is_a_source_for_each_node_and_missing_slots_are_warned_of() {
    let Some(spec) = ServerSpec::named("redis-8.6") else { return };
    let bus = free_port().to_string();
    let node = Server::on_port(&spec, &["--cluster-enabled", "yes", "--cluster-port", &bus]);
    cmd("CLUSTER").arg("ADDSLOTSRANGE").arg(0).arg(16_000).exec(&mut node.running.connection()).expect("slots");
    let url = format!("c=redis+cluster://127.0.0.1:{}", node.port.expect("a port"));
    let output = rediscover(&[], &["analyze", &url, "--format", "json"]);
    let talk = text(&output.stderr);
    assert!(talk.contains("nobody serves the slots 16001-16383"), "{talk}");
    let name = format!("c/127.0.0.1:{}", node.port.expect("a port"));
    assert_eq!(json(&output)["provenance"]["sources"][0]["source"], name);
}
