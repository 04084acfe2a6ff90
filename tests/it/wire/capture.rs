//! SYNC: what comes is what the server has.

use super::{Server, all_servers, bytes, place, read, same};
use crate::support::servers::ServerSpec;
use redis::cmd;
use rediscover::repository::BackupKind;
use rediscover::source::capture;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::Duration;

#[test]
fn a_capture_is_the_keyspace_with_and_without_a_length() {
    for spec in all_servers() {
        let server = Server::on_port(&spec, &[]);
        server.fill(3000);
        for diskless in ["yes", "no"] {
            server.set("repl-diskless-sync", diskless);
            let captured = capture(&place(&server.socket())).expect("a capture");
            assert_eq!(captured.bytes.is_some(), diskless == "no", "{}: a length where the disk was used", spec.name);
            assert_eq!(captured.kind, BackupKind::Rdb);
            assert_eq!(captured.facts.version, spec.version);
            assert!(spec.name.starts_with(&captured.facts.family), "{:?}", captured.facts);
            assert_eq!((captured.facts.mode.as_str(), captured.facts.role.as_str()), ("standalone", "master"));
            assert!(
                captured.notes.iter().any(|note| note.starts_with("3000 keys in 2 databases")),
                "{:?}",
                captured.notes
            );
            assert!(captured.warnings.is_empty(), "{:?}", captured.warnings);
            let stated = captured.bytes;
            let dump = read(captured).expect("a whole capture");
            assert!(stated.is_none_or(|stated| stated == dump.len() as u64));
            same(&format!("{} diskless {diskless}", spec.name), &dump, &server);
        }
        same(spec.name, &bytes(&place(&server.url())), &server);
    }
}

#[test]
fn valkey_9_gives_hashes_whose_fields_expire() {
    let Some(spec) = ServerSpec::named("valkey-9.1") else { return };
    let server = Server::start(&spec, &[]);
    let mut connection = server.running.connection();
    for n in 0..300 {
        let hash = format!("h{n}");
        cmd("HSET").arg(&hash).arg(&["a", "1", "b", "2"]).exec(&mut connection).expect("a hash");
        cmd("HPEXPIREAT")
            .arg(&hash)
            .arg("4102444800000")
            .arg(&["FIELDS", "1", "a"])
            .exec(&mut connection)
            .expect("a TTL");
    }
    for diskless in ["yes", "no"] {
        server.set("repl-diskless-sync", diskless);
        let dump = bytes(&place(&server.socket()));
        assert!(dump.starts_with(b"VALKEY080"), "{}", dump[..9].escape_ascii());
        same(diskless, &dump, &server);
    }
}

/// The mark never changes while a server lives: whoever reads one snapshot can plant it for the next.
#[test]
fn the_mark_in_a_value_ends_no_capture() {
    for name in ["redis-7.0", "redis-8.6", "valkey-9.1"] {
        let Some(spec) = ServerSpec::named(name) else { continue };
        let server = Server::on_port(&spec, &["--save", "", "--rdbcompression", "no"]);
        let mark = learn_mark(server.port.expect("a port"));
        let mut connection = server.running.connection();
        let end = [b"\xff12345678".as_slice(), &mark].concat();
        for (key, value) in [
            ("plain", mark.clone()),
            ("end", end.clone()),
            ("long", [b"x".repeat(300_000), end.clone(), b"y".repeat(300_000), end.clone()].concat()),
        ] {
            cmd("SET").arg(key).arg(value).exec(&mut connection).expect("a value");
        }
        cmd("RPUSH").arg("list").arg(&end).arg("z".repeat(100)).exec(&mut connection).expect("a list");
        let captured = capture(&place(&server.socket())).expect("a capture");
        assert!(captured.bytes.is_none(), "this is about the mark");
        let dump = read(captured).expect("a whole capture");
        assert!(memchr::memmem::find(&dump, &mark).is_some(), "{name}: the mark is another one now");
        assert!(!dump.ends_with(&mark));
        same(name, &dump, &server);
    }
}

/// The mark of a server: from a handshake made by hand.
fn learn_mark(port: u16) -> Vec<u8> {
    let socket = TcpStream::connect(("127.0.0.1", port)).expect("a connection");
    let mut input = BufReader::new(socket.try_clone().expect("the same connection"));
    for command in ["REPLCONF rdb-only 1", "REPLCONF capa eof", "SYNC"] {
        write!(&socket, "{command}\r\n").expect("sent");
        let mut line = String::new();
        while line.trim().is_empty() {
            line.clear();
            input.read_line(&mut line).expect("an answer");
        }
        if let Some(mark) = line.trim().strip_prefix("$EOF:") {
            return mark.as_bytes().to_vec();
        }
    }
    panic!("no mark");
}

#[test]
fn one_connection_and_one_full_sync() {
    for spec in all_servers() {
        let server = Server::start(&spec, &[]);
        server.fill(500);
        let count = |field: &str| server.info(field).parse::<u64>().expect("a number");
        // Each INFO of the test is a connection too.
        let (connections, full) = (count("total_connections_received"), count("sync_full"));
        bytes(&place(&server.socket()));
        let after = count("total_connections_received");
        assert_eq!(count("sync_full"), full + 1, "{}", spec.name);
        assert_eq!(after, connections + 3, "{}: the capture, and two INFOs", spec.name);
        assert_eq!(server.info("connected_slaves"), "0", "{}", spec.name);
    }
}

#[test]
fn a_slow_reader_costs_the_server_no_buffer() {
    let Some(spec) = ServerSpec::named("redis-7.0") else { return };
    let server = Server::start(&spec, &["--rdbcompression", "no"]);
    let mut connection = server.running.connection();
    let value = "x".repeat(1 << 20);
    for n in 0..40 {
        cmd("SET").arg(n).arg(&value).exec(&mut connection).expect("a value");
    }
    let mut captured = capture(&place(&server.socket())).expect("a capture");
    let mut dump = vec![0; 1 << 20];
    captured.reader.read_exact(&mut dump).expect("a first part");
    // Much is written while nobody reads.
    for n in 0..40 {
        cmd("SET").arg(format!("new{n}")).arg(&value).exec(&mut connection).expect("a value");
    }
    thread::sleep(Duration::from_millis(300));
    let clients: String = cmd("CLIENT").arg("LIST").arg("TYPE").arg("replica").query(&mut connection).expect("clients");
    let held: Vec<u64> =
        clients.split_whitespace().filter_map(|word| word.strip_prefix("omem=")?.parse().ok()).collect();
    assert_eq!(held.len(), 1, "{clients}");
    assert!(held[0] < 1 << 20, "{clients}");
    captured.reader.read_to_end(&mut dump).expect("the rest");
    let keys = crate::support::keyspace::read(&dump).keys.len();
    assert_eq!(keys, 40, "what was written later is not in the snapshot");
}

#[test]
fn an_empty_server_gives_an_empty_dump() {
    for spec in all_servers() {
        let server = Server::start(&spec, &[]);
        same(spec.name, &bytes(&place(&server.socket())), &server);
    }
}

#[test]
fn a_database_in_the_address_is_warned_of() {
    let Some(spec) = ServerSpec::named("redis-8.6") else { return };
    let server = Server::start(&spec, &[]);
    let captured = capture(&place(&format!("{}?db=3", server.socket()))).expect("a capture");
    assert!(captured.warnings.iter().any(|warning| warning.contains("every database")), "{:?}", captured.warnings);
}
