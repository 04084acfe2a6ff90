//! SCAN and DUMP: as good as it gets where SYNC is not allowed.

use super::{Server, all_servers, by_scan, bytes, failure, place, read, said, same};
use crate::live;
use crate::support::keyspace;
use crate::support::servers::ServerSpec;
use redis::cmd;
use rediscover::repository::BackupKind;
use rediscover::source::{ServerPlace, capture};
use rediscover::wire::{ConnectOptions, Secret};

#[test]
fn a_scan_is_the_keyspace_and_loads_into_the_same_server() {
    for spec in all_servers() {
        let server = Server::start(&spec, &[]);
        server.fill(3000);
        let captured = capture(&by_scan(&server.socket())).expect("a capture");
        assert_eq!(captured.kind, BackupKind::Scan);
        assert!(captured.warnings.iter().any(|warning| warning.contains("another moment")), "{:?}", captured.warnings);
        let dump = read(captured).expect("a whole capture");
        same(spec.name, &dump, &server);
        // A second time it is the same but for the clock.
        let again = bytes(&by_scan(&server.socket()));
        assert_eq!(again.len(), dump.len(), "{}", spec.name);
        let (_folder, other) = live::start(&spec, &dump, &[]);
        let loaded = keyspace::live(&mut other.connection()).values_only();
        keyspace::assert_equal(&format!("{} loads it", spec.name), &loaded, &server.keyspace());
    }
}

#[test]
fn nothing_at_all_and_one_database() {
    for spec in all_servers() {
        let server = Server::start(&spec, &[]);
        let dump = bytes(&by_scan(&server.socket()));
        drop(live::start(&spec, &dump, &[]));
        let mut connection = server.running.connection();
        for db in [0, 2, 11] {
            cmd("SELECT").arg(db).exec(&mut connection).expect("a database");
            cmd("SET").arg("k").arg(db).exec(&mut connection).expect("a key");
        }
        let dbs = |dump: &[u8]| keyspace::read(dump).keys.keys().map(|(db, _)| *db).collect::<Vec<_>>();
        assert_eq!(dbs(&bytes(&by_scan(&server.socket()))), [0, 2, 11], "{}", spec.name);
        assert_eq!(dbs(&bytes(&by_scan(&format!("{}?db=11", server.socket())))), [11], "{}", spec.name);
    }
}

#[test]
fn values_larger_than_any_buffer() {
    let Some(spec) = ServerSpec::named("redis-8.6") else { return };
    let server = Server::start(&spec, &["--rdbcompression", "no"]);
    let mut connection = server.running.connection();
    cmd("SETRANGE").arg("a").arg(90 << 20).arg("end").exec(&mut connection).expect("a large value");
    cmd("SET").arg("b".repeat(200_000)).arg("long name").exec(&mut connection).expect("a long name");
    cmd("SET").arg("").arg("no name").exec(&mut connection).expect("an empty name");
    let (_folder, other) = live::start(&spec, &bytes(&by_scan(&server.socket())), &[]);
    let loaded = keyspace::live(&mut other.connection()).values_only();
    keyspace::assert_equal("large", &loaded, &server.keyspace());
}

/// A user who may do no more than the hint says.
fn user(server: &Server, rights: &[&str]) -> ConnectOptions {
    let mut rule = cmd("ACL");
    rule.arg("SETUSER").arg("bk").arg("reset").arg("on").arg(">pw").arg("~*").arg(rights);
    rule.exec(&mut server.running.connection()).expect("a user");
    ConnectOptions { user: Some("bk".into()), password: Some(Secret::new("pw")), ..ConnectOptions::default() }
}

#[test]
fn the_rights_of_the_hint_suffice_and_without_them_the_hint_names_them() {
    for spec in all_servers() {
        let server = Server::start(&spec, &[]);
        server.fill(200);
        let with = |rights: &[&str]| ServerPlace { options: user(&server, rights), ..by_scan(&server.socket()) };
        let all = ["+info", "+select", "+scan", "+dump", "+pexpiretime", "+function|list"];
        same(spec.name, &bytes(&with(&all)), &server);
        for missing in all {
            let rest: Vec<_> = all.into_iter().filter(|right| *right != missing).collect();
            let captured = capture(&with(&rest));
            match missing {
                "+info" | "+scan" => assert!(said(captured).contains("+pexpiretime"), "{missing}"),
                "+function|list" => {
                    let captured = captured.expect("without functions");
                    let told = captured.warnings.join(" ");
                    assert!(told.contains("libraries of functions are missing"), "{told}");
                }
                "+pexpiretime" => {
                    let error = failure(captured.expect("it begins"));
                    assert!(error.to_string().contains("NOPERM"), "{error}");
                }
                _ => {
                    let error = failure(captured.expect("it begins"));
                    assert!(error.to_string().contains("NOPERM"), "{missing}: {error}");
                }
            }
        }
    }
}

/// As before 7.0: what lives how long, and the server's clock.
#[test]
fn without_pexpiretime_the_servers_clock_helps() {
    let Some(spec) = ServerSpec::named("redis-7.0") else { return };
    let server = Server::start(&spec, &[]);
    let mut connection = server.running.connection();
    for n in 0..300 {
        cmd("SET").arg(n).arg("v").arg("PXAT").arg(4_102_444_800_000_u64 + n).exec(&mut connection).expect("a key");
        cmd("SET").arg(format!("p{n}")).arg("v").exec(&mut connection).expect("a key");
    }
    let rights = ["+info", "+select", "+scan", "+dump", "+pttl", "+time", "+function|list"];
    let place = ServerPlace { options: user(&server, &rights), ..by_scan(&server.socket()) };
    let ours = keyspace::read(&bytes(&place)).keys;
    let theirs = server.keyspace().keys;
    assert_eq!(ours.len(), 600);
    for (key, value) in ours {
        match (value.expire_at, theirs[&key].expire_at) {
            (Some(own), Some(their)) => assert!((own - their).abs() < 60_000, "{own} for {their}"),
            (own, their) => assert_eq!(own, their, "{key:?}"),
        }
    }
}

#[test]
fn auto_never_becomes_a_scan() {
    let Some(spec) = ServerSpec::named("redis-8.6") else { return };
    let server = Server::start(&spec, &[]);
    let options = user(&server, &["+info", "+scan", "+dump"]);
    let refused = said(capture(&ServerPlace { options, ..place(&server.socket()) }));
    assert!(refused.contains("NOPERM") && refused.contains("--via scan") && refused.contains("+replconf"), "{refused}");
}
