//! Whether a server runs on a data directory: what /proc shows, what its configuration names, and what answers there.

use super::ground::WORK;
use crate::source::ServerConfig;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Processes that are looked at.
const PROCESSES: usize = 200_000;
/// Open files of one that are looked at.
const OPEN_FILES: usize = 20_000;
/// How long a server may take to accept a connection on this machine.
const PATIENCE: Duration = Duration::from_millis(500);

/// What servers' programs are called. A server forks under its own name to save.
const PROGRAMS: [&str; 10] = [
    "redis-server",
    "redis-sentinel",
    "redis-check-rdb",
    "redis-check-aof",
    "valkey-server",
    "valkey-sentinel",
    "valkey-check-rdb",
    "valkey-check-aof",
    "keydb-server",
    "keydb-sentinel",
];

/// A server that runs, or may.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    /// What was seen.
    pub(super) what: String,
    /// It has the folder, or files in it, open: it is no other's.
    pub(super) certain: bool,
}

/// The first sign of a server that runs on this folder.
pub(super) fn running(dir: &Path, config: &ServerConfig) -> Option<Found> {
    in_proc(dir).or_else(|| by_pid_file(config)).or_else(|| answering(dir, config))
}

/// A process of a server whose working folder it is, or that has files in it open; or any that writes what servers load. Of
/// processes of other users only root sees so much. This program is none of them: a second restore is kept out by the lock.
pub(super) fn in_proc(dir: &Path) -> Option<Found> {
    let own = fs::metadata(dir).ok().map(|facts| (facts.dev(), facts.ino()))?;
    let is_dir = |path: &Path| fs::metadata(path).is_ok_and(|facts| (facts.dev(), facts.ino()) == own);
    let me = std::process::id().to_string();
    let own_program = fs::read_link("/proc/self/exe").ok();
    for entry in fs::read_dir("/proc").ok()?.take(PROCESSES).filter_map(std::result::Result::ok) {
        let name = entry.file_name();
        let Some(pid) = name.to_str().filter(|pid| pid.bytes().all(|byte| byte.is_ascii_digit()) && *pid != me) else {
            continue;
        };
        let process = entry.path();
        if own_program.is_some() && own_program == fs::read_link(process.join("exe")).ok() {
            continue;
        }
        let certain = |what: String| Some(Found { what, certain: true });
        let server = server_name(&process);
        if let Some(server) = &server
            && is_dir(&process.join("cwd"))
        {
            return certain(format!("{server} with process id {pid} runs in it"));
        }
        let Some(open) = open_below(&process, dir, server.is_some()) else { continue };
        let name = server.unwrap_or_else(|| "a process".to_owned());
        return certain(format!("{name} with process id {pid} has {} open", open.display()));
    }
    None
}

/// A file below the folder that a process has open: any of a server's, of others one that they write and servers load.
fn open_below(process: &Path, dir: &Path, any: bool) -> Option<PathBuf> {
    let work = dir.join(WORK);
    let mut open = fs::read_dir(process.join("fd")).ok()?.take(OPEN_FILES).filter_map(std::result::Result::ok);
    open.find_map(|file| {
        // What lies in the folder of work is a restore's own.
        let path = fs::read_link(file.path()).ok().filter(|path| path.starts_with(dir) && !path.starts_with(&work))?;
        let is_data = || path.extension().is_some_and(|kind| kind == "rdb" || kind == "aof" || kind == "manifest");
        (any || (is_data() && is_written(process, &file.file_name()))).then_some(path)
    })
}

/// Whether a file is open for writing: its flags stand there in octal.
fn is_written(process: &Path, number: &std::ffi::OsStr) -> bool {
    let text = fs::read_to_string(process.join("fdinfo").join(number)).unwrap_or_default();
    let flags = text.lines().find_map(|line| line.strip_prefix("flags:"));
    flags.and_then(|flags| u32::from_str_radix(flags.trim(), 8).ok()).is_some_and(|flags| flags & 0o3 != 0)
}

/// The name of the program, where it is a server's. It may run under another one, as by a loader: then its arguments tell.
fn server_name(process: &Path) -> Option<String> {
    let is_server = |name: &str| PROGRAMS.contains(&name).then(|| name.to_owned());
    let own = fs::read(process.join("comm")).ok()?;
    if let Some(name) = is_server(String::from_utf8_lossy(&own).trim()) {
        return Some(name);
    }
    let line = fs::read(process.join("cmdline")).ok()?;
    // `redis-server 127.0.0.1:6379`, `/usr/bin/redis-server`, `… --argv0 redis-server …`.
    let words = line.split(|byte| matches!(byte, 0 | b' '));
    words.take(64).find_map(|word| is_server(String::from_utf8_lossy(word).rsplit('/').next()?))
}

fn by_pid_file(config: &ServerConfig) -> Option<Found> {
    let file = config.server.pid_file.as_deref()?;
    let text = fs::read_to_string(file).ok()?;
    let pid: u32 = text.trim().parse().ok()?;
    let server = server_name(&Path::new("/proc").join(pid.to_string()))?;
    let what = format!("{server} runs with the process id in {}, {pid}", file.display());
    Some(Found { what, certain: false })
}

/// Something that answers where the configuration says the server listens. It may be another one.
fn answering(dir: &Path, config: &ServerConfig) -> Option<Found> {
    let found = |what| Some(Found { what, certain: false });
    if let Some(socket) = &config.server.unix_socket
        && UnixStream::connect(dir.join(socket)).is_ok()
    {
        return found(format!("something answers on {}", socket.display()));
    }
    // Without a configuration nothing is known of its port.
    let port = config.file.as_ref().map(|_| config.server.port.unwrap_or(6379)).filter(|port| *port > 0)?;
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    if TcpStream::connect_timeout(&address, PATIENCE).is_ok() {
        return found(format!("something answers on port {port}, which the configuration names"));
    }
    None
}
