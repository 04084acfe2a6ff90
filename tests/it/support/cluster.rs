//! Clusters of real servers on 127.0.0.1.

use super::keyspace::{self, Keyspace};
use super::servers::{self, Running, ServerSpec};
use redis::cmd;
use std::net::TcpListener;
use std::thread;
use std::time::Duration;

/// A primary of a cluster; ended when dropped.
pub(crate) struct Node {
    pub(crate) running: Running,
    pub(crate) port: u16,
    bus: u16,
    _folder: tempfile::TempDir,
}

impl Node {
    pub(crate) fn start(spec: &ServerSpec) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let [port, bus] = [free_port(), free_port()];
        let (port_text, bus_text) = (port.to_string(), bus.to_string());
        let arguments = [
            ["--port", &port_text],
            ["--bind", "127.0.0.1"],
            ["--cluster-enabled", "yes"],
            ["--cluster-port", &bus_text],
            ["--repl-diskless-sync-delay", "0"],
        ];
        let running = servers::start(spec, folder.path(), arguments.as_flattened())
            .unwrap_or_else(|refused| panic!("{}: {}", spec.name, refused.log));
        Self { running, port, bus, _folder: folder }
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }
}

/// A cluster of so many primaries, with the slots in equal parts, when all of them say that it is up.
pub(crate) fn start(spec: &ServerSpec, primaries: u16) -> Vec<Node> {
    let nodes: Vec<Node> = (0..primaries).map(|_| Node::start(spec)).collect();
    let slot = |index: u16| u16::try_from(u32::from(index) * 16_384 / u32::from(primaries)).expect("a slot");
    for (index, node) in (0..).zip(&nodes) {
        let mut connection = node.running.connection();
        let range = cmd("CLUSTER").arg("ADDSLOTSRANGE").arg(slot(index)).arg(slot(index + 1) - 1).exec(&mut connection);
        range.expect("slots");
        let first = &nodes[0];
        let meet = cmd("CLUSTER").arg("MEET").arg("127.0.0.1").arg(first.port).arg(first.bus).exec(&mut connection);
        meet.expect("they meet");
    }
    let ok = |node: &Node| {
        let text: String = cmd("CLUSTER").arg("INFO").query(&mut node.running.connection()).expect("CLUSTER INFO");
        text.contains("cluster_state:ok") && text.contains(&format!("cluster_known_nodes:{primaries}\r"))
    };
    for _ in 0..1500 {
        if nodes.iter().all(ok) {
            return nodes;
        }
        thread::sleep(Duration::from_millis(20));
    }
    panic!("{}: the cluster is not up in 30 s", spec.name);
}

/// What all of them hold together.
pub(crate) fn live(nodes: &[Node]) -> Keyspace {
    let mut all = Keyspace::default();
    for node in nodes {
        let own = keyspace::live(&mut node.running.connection()).values_only();
        all.functions.extend(own.functions);
        all.keys.extend(own.keys);
    }
    all
}

pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port").port()
}
