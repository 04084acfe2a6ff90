//! Servers that die, stall, load, or are not there: an error that says so, never the end of a snapshot.

use super::{Server, failure, free_port, place, read, said};
use crate::support::keyspace;
use crate::support::servers::ServerSpec;
use redis::cmd;
use rediscover::base::{Cancel, ErrorKind};
use rediscover::source::{ServerPlace, capture};
use rediscover::wire::ConnectOptions;
use std::io::{self, Read};
use std::process::Command;
use std::thread;
use std::time::Duration;

/// A server whose snapshot takes its time: many keys, and a pause after each.
fn slow(spec: &ServerSpec, arguments: &[&str]) -> Server {
    let server = Server::start(spec, arguments);
    let mut connection = server.running.connection();
    let value = "x".repeat(1000);
    let mut pipeline = redis::pipe();
    for n in 0..3000 {
        pipeline.set(n, &value).ignore();
    }
    pipeline.exec(&mut connection).expect("keys");
    server.set("rdb-key-save-delay", "1000");
    server
}

#[test]
fn a_server_that_dies_is_no_end() {
    for (name, diskless) in [("redis-7.0", "yes"), ("redis-8.6", "yes"), ("valkey-9.1", "yes"), ("redis-7.0", "no")] {
        let Some(spec) = ServerSpec::named(name) else { continue };
        let mut server = slow(&spec, &["--rdbcompression", "no", "--repl-diskless-sync", diskless]);
        if diskless == "no" {
            // More than the sockets between hold.
            server.set("rdb-key-save-delay", "0");
            let mut connection = server.running.connection();
            cmd("SETRANGE").arg("large").arg(60 << 20).arg("x").exec(&mut connection).expect("a large value");
        }
        let mut captured = capture(&place(&server.socket())).expect("a capture");
        let mut head = vec![0; 20_000];
        captured.reader.read_exact(&mut head).expect("a first part");
        server.running.kill().expect("killed");
        match read(captured) {
            // From 8.0 on the forked child sends by itself, and may live long enough to end what it has begun.
            Ok(rest) => {
                let keys = keyspace::read(&[head, rest].concat()).keys.len();
                assert!(name == "redis-8.6" && keys == 3000, "{name} {diskless}: a clean end after {keys} keys");
            }
            Err(error) => {
                let kinds = [io::ErrorKind::UnexpectedEof, io::ErrorKind::ConnectionReset];
                assert!(kinds.contains(&error.kind()), "{name} {diskless}: {error}");
            }
        }
    }
}

fn signal(server: &Server, name: &str) {
    let pid = server.running.pid().to_string();
    assert!(Command::new("kill").args([name, &pid]).status().expect("kill runs").success());
}

#[test]
fn a_server_that_stalls_is_not_waited_for() {
    // From 8.0 on the forked child sends to the client by itself, and goes on where its parent is stopped.
    let Some(spec) = ServerSpec::named("redis-7.0") else { return };
    let server = slow(&spec, &["--rdbcompression", "no"]);
    let options = ConnectOptions { silence: Duration::from_millis(500), ..ConnectOptions::default() };
    let impatient = ServerPlace { options, ..place(&server.socket()) };
    let mut captured = capture(&impatient).expect("a capture");
    let mut head = vec![0; 20_000];
    captured.reader.read_exact(&mut head).expect("a first part");
    signal(&server, "-STOP");
    let error = failure(captured);
    assert_eq!(error.kind(), io::ErrorKind::TimedOut, "{error}");
    assert!(error.to_string().contains("silent for 0.5 s"), "{error}");
    // And one that takes connections and says nothing at all.
    let said = said(capture(&impatient));
    signal(&server, "-CONT");
    assert!(said.contains("silent for 0.5 s") && said.contains("stopped"), "{said}");
}

#[test]
fn whoever_asks_to_stop_need_not_wait() {
    let Some(spec) = ServerSpec::named("redis-8.6") else { return };
    let server = slow(&spec, &[]);
    signal(&server, "-STOP");
    let cancel = Cancel::default();
    let options = ConnectOptions { cancel: cancel.clone(), ..ConnectOptions::default() };
    let stopper = thread::spawn(move || {
        thread::sleep(Duration::from_millis(300));
        cancel.cancel();
    });
    let error = capture(&ServerPlace { options, ..place(&server.socket()) }).expect_err("stopped");
    signal(&server, "-CONT");
    stopper.join().expect("it ends");
    assert_eq!(error.kind(), &ErrorKind::Interrupted, "{error}");
}

#[test]
fn nobody_there() {
    let refused = said(capture(&place(&format!("redis://127.0.0.1:{}", free_port()))));
    assert!(refused.contains("connection refused") && refused.contains("is the server running"), "{refused}");
    let missing = said(capture(&place("unix:///tmp/there-is-no-such.sock")));
    assert!(
        missing.contains("/tmp/there-is-no-such.sock: cannot connect") && missing.contains("unixsocket"),
        "{missing}"
    );
    let unknown = said(capture(&place("redis://no-such-host.invalid")));
    assert!(unknown.contains("no-such-host.invalid"), "{unknown}");
}

#[test]
fn a_server_that_loads_is_not_ready() {
    let (Some(spec), Some(primary)) = (ServerSpec::named("redis-8.6"), ServerSpec::named("redis-8.6")) else { return };
    let primary = Server::on_port(&primary, &[]);
    let mut connection = primary.running.connection();
    let mut pipeline = redis::pipe();
    for n in 0..3000 {
        pipeline.set(n, n).ignore();
    }
    pipeline.exec(&mut connection).expect("keys");
    let slow = ["--key-load-delay", "5000", "--loading-process-events-interval-bytes", "1024"];
    let replica = Server::start(&spec, &slow);
    let port = primary.port.expect("a port");
    let mut connection = replica.running.connection();
    cmd("REPLICAOF").arg("127.0.0.1").arg(port).exec(&mut connection).expect("a replica");
    while replica.info("loading") != "1" {
        thread::sleep(Duration::from_millis(20));
    }
    let said = said(capture(&place(&replica.socket())));
    assert!(said.contains("loading") && said.contains("loading:0"), "{said}");
}

/// The hidden way in: on a server that has been replicating, whose primary has gone.
#[test]
fn a_replica_without_its_primary_says_so() {
    for name in ["redis-7.0", "redis-8.6", "valkey-9.1"] {
        let Some(spec) = ServerSpec::named(name) else { continue };
        let replica = Server::start(&spec, &["--replicaof", &format!("127.0.0.1 {}", free_port())]);
        let said = said(capture(&place(&replica.socket())));
        assert!(said.contains("link to its primary is down") && said.contains("take the primary"), "{said}");
        // The same where INFO is not allowed: then SYNC says it.
        let mut rule = cmd("ACL");
        rule.arg("SETUSER").arg("bk").arg(&["reset", "on", "nopass", "+sync", "+replconf"]);
        rule.exec(&mut replica.running.connection()).expect("a user");
        let options = ConnectOptions {
            user: Some("bk".into()),
            password: Some(rediscover::wire::Secret::new("any")),
            ..ConnectOptions::default()
        };
        let said = super::said(capture(&ServerPlace { options, ..place(&replica.socket()) }));
        assert!(said.contains("NOMASTERLINK") && said.contains("take the primary"), "{said}");
    }
}
