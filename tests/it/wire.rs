//! Snapshots of live servers: the same keys as the server has, whatever stands in between.

mod capture;
mod command;
mod failures;
mod groups;
mod hostile;
mod scan;
mod secured;

use crate::support::cluster::free_port;
use crate::support::keyspace::{self, Keyspace};
use crate::support::keyspaces::{Abilities, fill};
use crate::support::servers::{self, Running, ServerSpec};
use redis::cmd;
use rediscover::base::Result;
use rediscover::source::{Captured, ServerPlace, Via, capture};
use rediscover::wire::{Address, ConnectOptions};
use std::io::{self, Read};
use std::path::PathBuf;
use std::time::Duration;

/// Every server that is on this machine, one of each series.
const SERVERS: [&str; 6] = ["redis-7.0", "redis-7.4", "redis-8.0", "redis-8.6", "valkey-8.1", "valkey-9.1"];

/// A server with a folder of its own.
struct Server {
    running: Running,
    _folder: tempfile::TempDir,
    port: Option<u16>,
}

impl Server {
    /// On a unix socket alone. A snapshot begins at once: nobody else is waited for.
    fn start(spec: &ServerSpec, arguments: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let arguments = [&["--repl-diskless-sync-delay", "0"], arguments].concat();
        let running = servers::start(spec, folder.path(), &arguments)
            .unwrap_or_else(|refused| panic!("{}: {}", spec.name, refused.log));
        Self { running, _folder: folder, port: None }
    }

    /// Also on a port of 127.0.0.1.
    fn on_port(spec: &ServerSpec, arguments: &[&str]) -> Self {
        let port = free_port();
        let text = port.to_string();
        let arguments = [&["--port", &text, "--bind", "127.0.0.1"], arguments].concat();
        Self { port: Some(port), ..Self::start(spec, &arguments) }
    }

    fn fill(&self, keys: u64) {
        let mut connection = self.running.connection();
        fill(&mut connection, keys, Abilities::of(&self.running.spec));
        cmd("FUNCTION")
            .arg("LOAD")
            .arg("#!lua name=lib\nredis.register_function('f', function(keys, args) return 1 end)")
            .exec(&mut connection)
            .expect("a library");
    }

    fn keyspace(&self) -> Keyspace {
        keyspace::live(&mut self.running.connection()).values_only()
    }

    fn info(&self, field: &str) -> String {
        let text: String = cmd("INFO").query(&mut self.running.connection()).expect("INFO");
        let prefix = format!("{field}:");
        text.lines().find_map(|line| line.strip_prefix(&prefix).map(str::to_owned)).unwrap_or_default()
    }

    fn socket(&self) -> String {
        format!("unix://{}", self.running.socket().display())
    }

    fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port.expect("a server with a port"))
    }

    fn set(&self, name: &str, value: &str) {
        cmd("CONFIG").arg("SET").arg(name).arg(value).exec(&mut self.running.connection()).expect("a setting");
    }
}

fn scratch() -> PathBuf {
    std::env::temp_dir()
}

fn place(url: &str) -> ServerPlace {
    let address = Address::parse(url, "SOURCE").expect("an address");
    let options = ConnectOptions { silence: Duration::from_secs(20), ..ConnectOptions::default() };
    ServerPlace::new(address, options, scratch())
}

fn by_scan(url: &str) -> ServerPlace {
    ServerPlace { via: Via::Scan, ..place(url) }
}

fn read(captured: Captured) -> io::Result<Vec<u8>> {
    let (mut bytes, mut reader) = (Vec::new(), captured.reader);
    reader.read_to_end(&mut bytes).map(|_| bytes)
}

fn bytes(place: &ServerPlace) -> Vec<u8> {
    read(capture(place).expect("a capture")).expect("a whole capture")
}

/// Why a capture did not end.
fn failure(captured: Captured) -> io::Error {
    match read(captured) {
        Ok(bytes) => panic!("it ended cleanly after {} bytes", bytes.len()),
        Err(error) => error,
    }
}

/// The words of an error and what helps.
fn said<T>(result: Result<T>) -> String {
    match result {
        Ok(_) => panic!("it should have failed"),
        Err(error) => format!("{error} / {}", error.hint().unwrap_or("no hint")),
    }
}

fn same(about: &str, dump: &[u8], server: &Server) {
    let now = keyspace::now(&mut server.running.connection());
    keyspace::assert_equal(about, &keyspace::read(dump).at(now).values_only(), &server.keyspace());
}

fn all_servers() -> impl Iterator<Item = ServerSpec> {
    SERVERS.into_iter().filter_map(ServerSpec::named)
}
