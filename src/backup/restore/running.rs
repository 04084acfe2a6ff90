//! Whether a server runs on a data directory: what /proc shows, what its configuration names, and what answers there.

use crate::source::ServerConfig;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

/// Processes that are looked at.
const PROCESSES: usize = 200_000;
/// Open files of one that are looked at.
const OPEN_FILES: usize = 20_000;
/// How long a server may take to accept a connection on this machine.
const PATIENCE: Duration = Duration::from_millis(500);

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

/// A process of a server whose working folder it is, or any that has a file open in it that a server loads or writes.
pub(super) fn in_proc(dir: &Path) -> Option<Found> {
    let own = fs::metadata(dir).ok().map(|facts| (facts.dev(), facts.ino()))?;
    let is_dir = |path: &Path| fs::metadata(path).is_ok_and(|facts| (facts.dev(), facts.ino()) == own);
    let me = std::process::id().to_string();
    for entry in fs::read_dir("/proc").ok()?.take(PROCESSES).filter_map(Result::ok) {
        let name = entry.file_name();
        let Some(pid) = name.to_str().filter(|pid| pid.bytes().all(|byte| byte.is_ascii_digit()) && *pid != me) else {
            continue;
        };
        let process = entry.path();
        let certain = |what: String| Some(Found { what, certain: true });
        let Some(server) = server_name(&process) else { continue };
        if is_dir(&process.join("cwd")) {
            return certain(format!("{server} with process id {pid} runs in it"));
        }
        let open = fs::read_dir(process.join("fd")).ok().into_iter().flatten().take(OPEN_FILES).filter_map(Result::ok);
        if open.filter_map(|file| fs::read_link(file.path()).ok()).any(|path| path.starts_with(dir)) {
            return certain(format!("{server} with process id {pid} has files of it open"));
        }
    }
    None
}

/// The name of a process that is a server, or forked by one to save.
fn server_name(process: &Path) -> Option<String> {
    let name = fs::read(process.join("comm")).ok()?;
    let name = String::from_utf8_lossy(&name).trim().to_owned();
    let program = fs::read_link(process.join("exe")).ok();
    let program = program.as_deref().and_then(Path::file_name).map(|name| name.to_string_lossy().into_owned());
    let is_server = |name: &str| {
        let families = ["redis", "valkey", "keydb"];
        families.iter().any(|family| name.starts_with(family)) && !name.contains("-cli") && !name.contains("rediscover")
    };
    [Some(name.clone()), program].into_iter().flatten().find(|name| is_server(name)).or_else(|| {
        // A copy of the program under another name.
        let line = fs::read(process.join("cmdline")).ok()?;
        let first = line.split(|byte| *byte == 0).next().unwrap_or_default();
        let first = String::from_utf8_lossy(first);
        let base = first.rsplit('/').next().unwrap_or_default();
        let base = base.split(' ').next().unwrap_or_default();
        is_server(base).then(|| base.to_owned())
    })
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
