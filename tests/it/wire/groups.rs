//! Several servers: replicas, sentinels, clusters.

use super::{Server, bytes, free_port, place, read, said, same};
use crate::support::cluster as support_cluster;
use crate::support::keyspace::{self, Keyspace};
use crate::support::servers::ServerSpec;
use redis::cmd;
use rediscover::source::{capture, cluster};
use rediscover::wire::{Address, ConnectOptions, primary};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use std::{fs, thread};

const FAMILIES: [&str; 3] = ["redis-7.0", "redis-8.6", "valkey-9.1"];

/// Waits for something that servers do by themselves.
fn until(what: &str, mut is: impl FnMut() -> bool) {
    for _ in 0..1500 {
        if is() {
            return;
        }
        thread::sleep(Duration::from_millis(20));
    }
    panic!("{what}: not in 30 s");
}

fn replica_of(spec: &ServerSpec, server: &Server) -> Server {
    let replica = Server::on_port(spec, &["--replicaof", &format!("127.0.0.1 {}", server.port.expect("a port"))]);
    until("the replica has its primary", || replica.info("master_link_status") == "up");
    replica
}

#[test]
fn of_several_a_healthy_replica_is_taken() {
    for name in FAMILIES {
        let Some(spec) = ServerSpec::named(name) else { continue };
        let server = Server::on_port(&spec, &[]);
        server.fill(500);
        let replica = replica_of(&spec, &server);
        let lost = Server::on_port(&spec, &["--replicaof", &format!("127.0.0.1 {}", free_port())]);
        let [a, b, c] = [&server, &replica, &lost].map(|server| server.port.expect("a port"));
        until("the replica has read on", || replica.info("slave_repl_offset") == server.info("master_repl_offset"));

        let captured =
            capture(&place(&format!("redis://127.0.0.1:{a},127.0.0.1:{b},127.0.0.1:{c}"))).expect("a capture");
        assert_eq!(
            (captured.facts.role.as_str(), captured.facts.address),
            ("replica", format!("redis://127.0.0.1:{b}"))
        );
        let told = captured.notes.join("\n");
        assert!(told.contains(&format!("took replica redis://127.0.0.1:{b}: link up")), "{told}");
        assert!(
            told.contains(&format!("passed over replica redis://127.0.0.1:{c}: its link to the primary is down")),
            "{told}"
        );
        let full = server.info("sync_full");
        let dump = bytes(&place(&format!("redis://127.0.0.1:{a},127.0.0.1:{b}")));
        assert_eq!(server.info("sync_full"), full, "the primary was left alone");
        same(name, &dump, &server);

        let captured = capture(&place(&format!("redis://127.0.0.1:{c},127.0.0.1:{a}"))).expect("a capture");
        assert_eq!(captured.facts.role, "master");
        assert!(captured.notes[0].contains("no healthy replica"), "{:?}", captured.notes);
        let nobody = said(capture(&place(&format!("redis://127.0.0.1:{c},127.0.0.1:{}", free_port()))));
        assert!(nobody.contains("no server to take") && nobody.contains("link to the primary is down"), "{nobody}");
        let other = Server::on_port(&spec, &[]);
        let both = said(capture(&place(&format!("{},127.0.0.1:{a}", other.url()))));
        assert!(both.contains("both primaries"), "{both}");

        let address = |text: &str| Address::parse(text, "SOURCE").expect("an address");
        let options = ConnectOptions::default();
        let pick = primary(&address(&format!("redis://127.0.0.1:{b},127.0.0.1:{a}")), &options).expect("the primary");
        assert_eq!(pick.connection.endpoint().to_string(), format!("redis://127.0.0.1:{a}"));
        assert!(
            primary(&address(&replica.url()), &options).is_err_and(|error| error.to_string().contains("is a replica"))
        );
    }
}

/// A sentinel; ended when dropped.
struct Sentinel {
    child: Child,
    port: u16,
    _folder: tempfile::TempDir,
}

impl Sentinel {
    fn start(spec: &ServerSpec, watched: u16) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let port = free_port();
        let file = folder.path().join("sentinel.conf");
        let text = format!("port {port}\nbind 127.0.0.1\nsentinel monitor mymaster 127.0.0.1 {watched} 1\n");
        fs::write(&file, text).expect("a file");
        let child = Command::new(spec.program("server"))
            .arg(&file)
            .args(["--sentinel", "--dir"])
            .arg(folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("a sentinel");
        Self { child, port, _folder: folder }
    }

    fn knows_a_replica(&self) -> bool {
        let ask = || -> redis::RedisResult<redis::Value> {
            let mut connection = redis::Client::open(format!("redis://127.0.0.1:{}", self.port))?.get_connection()?;
            cmd("SENTINEL").arg("REPLICAS").arg("mymaster").query(&mut connection)
        };
        matches!(ask(), Ok(redis::Value::Array(replicas)) if replicas.len() == 1 && format!("{replicas:?}").contains("\"ok\""))
    }
}

impl Drop for Sentinel {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

#[test]
fn sentinels_lead_to_a_replica() {
    for name in FAMILIES {
        let Some(spec) = ServerSpec::named(name) else { continue };
        let server = Server::on_port(&spec, &[]);
        server.fill(300);
        let mut replica = replica_of(&spec, &server);
        let sentinel = Sentinel::start(&spec, server.port.expect("a port"));
        until("the sentinel knows the replica", || sentinel.knows_a_replica());
        // One that is not there comes first.
        let url =
            |master: &str| format!("redis+sentinel://127.0.0.1:{},127.0.0.1:{}/{master}", free_port(), sentinel.port);
        let captured = capture(&place(&url("mymaster"))).expect("a capture");
        assert_eq!(captured.facts.role, "replica", "{name}: {:?}", captured.notes);
        same(name, &read(captured).expect("whole"), &server);
        let unknown = said(capture(&place(&url("other"))));
        assert!(unknown.contains("does not watch that master") && unknown.contains("connection refused"), "{unknown}");
        replica.running.kill().expect("killed");
        let captured = capture(&place(&url("mymaster"))).expect("a capture");
        assert_eq!(captured.facts.role, "master", "{name}");
        assert!(captured.notes[0].contains("took primary"), "{:?}", captured.notes);
        let address = Address::parse(&url("mymaster"), "SOURCE").expect("an address");
        let pick = primary(&address, &ConnectOptions::default()).expect("the primary");
        assert_eq!(pick.connection.endpoint().to_string(), server.url());
    }
}

#[test]
fn a_cluster_is_one_source_for_each_primary() {
    for name in FAMILIES {
        let Some(spec) = ServerSpec::named(name) else { continue };
        let nodes = support_cluster::start(&spec, 3);
        let mut first = nodes[0].running.connection();
        for n in 0..300 {
            let key = format!("key{n}");
            let taken =
                nodes.iter().filter(|node| cmd("SET").arg(&key).arg(n).exec(&mut node.running.connection()).is_ok());
            assert_eq!(taken.count(), 1);
        }
        let url = format!("redis+cluster://127.0.0.1:{},{}", free_port(), &nodes[1].url()["redis://".len()..]);
        let places = cluster(&place(&url)).expect("the nodes");
        assert!(places.topology.missing().is_empty(), "{:?}", places.topology);
        let ranges: Vec<_> = places.primaries.iter().map(|(node, _)| node.ranges()).collect();
        assert_eq!(ranges, [["0-5460"], ["5461-10921"], ["10922-16383"]], "{name}");
        let mut all = Keyspace::default();
        for (_, place) in &places.primaries {
            let captured = capture(place).expect("a capture");
            assert_eq!(captured.facts.mode, "cluster");
            all.keys.extend(keyspace::read(&read(captured).expect("whole")).keys);
        }
        assert_eq!(all.keys.len(), 300, "{name}");
        let told = said(capture(&place(&url)));
        assert!(told.contains("is a cluster"), "{told}");

        cmd("CLUSTER").arg("DELSLOTS").arg(100).exec(&mut first).expect("one slot less");
        let url = format!("redis+cluster://{}", &nodes[0].url()["redis://".len()..]);
        assert_eq!(cluster(&place(&url)).expect("the nodes").topology.missing_text(), ["100"]);
    }
}

#[test]
fn a_server_by_itself_is_no_cluster() {
    let Some(spec) = ServerSpec::named("redis-8.6") else { return };
    let server = Server::on_port(&spec, &[]);
    let told = said(cluster(&place(&server.url().replace("redis:", "redis+cluster:"))));
    assert!(told.contains("cluster support disabled") && told.contains("redis:// instead"), "{told}");
}
