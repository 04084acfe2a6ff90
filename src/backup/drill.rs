//! Starts a server of one's own on a backup, in a scratch folder, on a unix socket: the proof that it can be restored.

use super::compare::{Compared, compare, expected};
use super::{Clock, open_payload, origins, readable};
use crate::base::{Error, ErrorKind, Result, UnixMs};
use crate::codec::Identities;
use crate::pipeline::RunOptions;
use crate::repository::{Backup, ObjectRole, Repository, Said, Signer};
use crate::wire::{ConnectOptions, Connection};
use std::ffi::OsString;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// How a drill is run.
pub struct DrillOptions<'a> {
    /// The server's program.
    pub server: PathBuf,
    /// Modules it loads: `--loadmodule` of each.
    pub modules: Vec<OsString>,
    /// What opens encrypted payloads.
    pub identities: Option<Identities>,
    /// How to run; the scratch folder is made in `run.scratch`, and needs as much room as the backup unpacked.
    pub run: RunOptions,
    /// Keys that are looked at one by one.
    pub sample: usize,
    /// How long the server may take to load.
    pub patience: Duration,
    /// Who signs what was found.
    pub signer: Option<&'a Signer>,
    /// Whether to write down what was found.
    pub record: bool,
    /// The clock.
    pub clock: Clock<'a>,
    /// Any number.
    pub salt: u32,
}

/// What came of a drill.
#[derive(Debug, Clone, PartialEq)]
pub struct Drilled {
    /// The server: `redis 8.6.3`.
    pub server: String,
    /// From the first byte read to a server that answers, in milliseconds.
    pub restore_ms: u64,
    /// Of it until the files were there, in milliseconds.
    pub fetch_ms: u64,
    /// Keys it had.
    pub keys: u64,
    /// Keys that were looked at one by one.
    pub sampled: u64,
    /// What is wrong; empty: the backup can be restored.
    pub problems: Vec<String>,
}

/// Restores a backup into a scratch folder, starts a server there, and compares. Nothing is left of it afterwards.
///
/// # Errors
/// The store cannot be read, the server's program cannot be run, the scratch folder is full, the run was cancelled. That the
/// server refuses the backup is a result, not an error.
pub fn drill(repository: &Repository, backup: &Backup, options: &DrillOptions<'_>) -> Result<Drilled> {
    let scratch = tempfile::Builder::new().prefix("rediscover-drill-").tempdir_in(&options.run.scratch);
    let scratch = scratch.map_err(|error| Error::io("make a scratch folder", error))?;
    let mut outcome = run(repository, backup, options, scratch.path());
    if let Ok(drilled) = &mut outcome
        && options.record
    {
        let said = Said::Drilled {
            server: drilled.server.clone(),
            problem: drilled.problems.first().cloned(),
            restore_ms: drilled.restore_ms,
            keys: drilled.keys,
        };
        repository.note(backup, (options.clock)(), options.salt, said, options.signer)?;
    }
    scratch.close().map_err(|error| Error::io("remove the scratch folder", error))?;
    outcome
}

fn run(repository: &Repository, backup: &Backup, options: &DrillOptions<'_>, folder: &Path) -> Result<Drilled> {
    let begun = (options.clock)();
    let mut drilled =
        Drilled { server: String::new(), restore_ms: 0, fetch_ms: 0, keys: 0, sampled: 0, problems: Vec::new() };
    let shards = backup.manifest.payloads.iter().filter(|payload| payload.node.is_some()).count();
    let sources = origins(repository, backup, options.identities.as_ref())?;
    let started = (options.clock)();
    if shards == 0 {
        one(repository, backup, options, &Round { folder, only: None, begun }, &mut drilled)?;
        let compared = |drilled: &mut Drilled, connection: &mut Connection| -> Result<()> {
            let want = expected(&sources, &options.run, started, options.sample)?;
            add(drilled, compare(connection, &want, options.sample)?);
            Ok(())
        };
        return with_server(folder, options, begun, drilled, compared);
    }
    // Shard after shard: each by itself, in a server that is no cluster.
    for (index, source) in sources.iter().enumerate() {
        let own = folder.join(index.to_string());
        make(&own)?;
        one(repository, backup, options, &Round { folder: &own, only: Some(index), begun }, &mut drilled)?;
        drilled = with_server(&own, options, begun, drilled, |drilled, connection| {
            let want = expected(std::slice::from_ref(source), &options.run, started, options.sample)?;
            add(drilled, compare(connection, &want, options.sample)?);
            Ok(())
        })?;
        fs::remove_dir_all(&own).map_err(|error| Error::io("remove the scratch folder", error))?;
    }
    Ok(drilled)
}

/// What is restored where.
struct Round<'a> {
    folder: &'a Path,
    /// Of several payloads this one.
    only: Option<usize>,
    begun: UnixMs,
}

fn add(drilled: &mut Drilled, compared: Compared) {
    drilled.keys = drilled.keys.saturating_add(compared.keys);
    drilled.sampled = drilled.sampled.saturating_add(compared.sampled);
    drilled.problems.extend(compared.problems);
}

fn make(folder: &Path) -> Result<()> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .map_err(|error| Error::io("make a scratch folder", error))
}

/// Writes the files of a backup as a server finds them.
fn one(
    repository: &Repository,
    backup: &Backup,
    options: &DrillOptions<'_>,
    round: &Round<'_>,
    drilled: &mut Drilled,
) -> Result<()> {
    let identities = options.identities.as_ref();
    let set = backup.manifest.payloads.iter().any(|payload| payload.role == ObjectRole::AofManifest);
    for (index, payload) in backup.manifest.payloads.iter().enumerate() {
        if round.only.is_some_and(|only| only != index) {
            continue;
        }
        let path = match payload.role {
            ObjectRole::Rdb => round.folder.join("dump.rdb"),
            ObjectRole::Aof => round.folder.join("appendonly.aof"),
            _ if set => {
                make(&round.folder.join("appendonlydir"))?;
                round.folder.join("appendonlydir").join(&payload.raw_name)
            }
            _ => round.folder.join(&payload.raw_name),
        };
        let mut reader = open_payload(repository, backup, payload, identities)?;
        let failed = |error| Error::io("write to the scratch folder", error).with_hint("--scratch DIR names another");
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path).map_err(failed)?;
        match copy(&mut reader, &mut file, options) {
            Ok(()) => {}
            Err(error) => {
                let error = readable(error, &payload.file);
                if !matches!(error.kind(), ErrorKind::Damaged { .. }) {
                    return Err(error);
                }
                drilled.problems.push(error.to_string());
            }
        }
    }
    drilled.fetch_ms = millis(options, round.begun);
    Ok(())
}

fn copy(reader: &mut dyn Read, file: &mut File, options: &DrillOptions<'_>) -> io::Result<()> {
    let mut buffer = vec![0; 256 << 10];
    loop {
        if options.run.cancel.is_cancelled() {
            return Err(io::Error::other(Error::new(ErrorKind::Interrupted)));
        }
        let read = reader.read(&mut buffer)?;
        if read == 0 {
            return Ok(());
        }
        io::Write::write_all(file, buffer.get(..read).unwrap_or_default())?;
    }
}

/// A server of one's own; it is ended when this goes.
struct Private {
    child: Child,
    log: PathBuf,
}

impl Drop for Private {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Private {
    /// The last lines of its log, for a reader who wants to know why it does not start.
    fn last_words(&self) -> String {
        let text = fs::read(&self.log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
        let lines: Vec<&str> =
            text.lines().filter(|line| line.contains('#') || line.contains("Fatal") || line.contains("***")).collect();
        let last = lines.iter().rev().take(2).rev().map(|line| line.trim()).collect::<Vec<_>>();
        last.join("; ").chars().take(400).collect()
    }
}

/// Starts a server in this folder, and hands over a connection once it has loaded.
fn with_server(
    folder: &Path,
    options: &DrillOptions<'_>,
    begun: UnixMs,
    mut drilled: Drilled,
    then: impl FnOnce(&mut Drilled, &mut Connection) -> Result<()>,
) -> Result<Drilled> {
    if !drilled.problems.is_empty() {
        return Ok(drilled);
    }
    // A socket's path must be short.
    let own = tempfile::Builder::new()
        .prefix("rds")
        .tempdir()
        .map_err(|error| Error::io("make a folder for a socket", error))?;
    let (socket, log) = (own.path().join("s"), own.path().join("log"));
    let has_log = folder.join("appendonlydir").is_dir() || folder.join("appendonly.aof").is_file();
    let output = File::create(&log).map_err(|error| Error::io("make a log", error))?;
    let errors = output.try_clone().map_err(|error| Error::io("make a log", error))?;
    let mut command = Command::new(&options.server);
    // Nothing is saved, nobody else can connect; the environment has nothing for it.
    command
        .args(["--port", "0", "--save", "", "--daemonize", "no", "--unixsocketperm", "700", "--unixsocket"])
        .arg(&socket);
    command.arg("--dir").arg(folder).args(["--appendonly", if has_log { "yes" } else { "no" }]);
    command.args(["--databases", "16384"]);
    for module in &options.modules {
        command.arg("--loadmodule").arg(module);
    }
    command.current_dir(folder).stdin(Stdio::null()).stdout(output).stderr(errors);
    let child = command.spawn().map_err(|error| {
        Error::io("run the server", error)
            .about(options.server.display().to_string())
            .with_hint("--server PROGRAM names a redis-server or valkey-server")
    })?;
    let mut private = Private { child, log };
    let connect = ConnectOptions { cancel: options.run.cancel.clone(), ..ConnectOptions::default() };
    let mut connection = loop {
        if options.run.cancel.is_cancelled() {
            return Err(Error::new(ErrorKind::Interrupted));
        }
        if let Ok(Some(code)) = private.child.try_wait() {
            drilled.problems.push(format!("the server does not start on it ({code}): {}", private.last_words()));
            drilled.restore_ms = millis(options, begun);
            return Ok(drilled);
        }
        if u128::from(millis(options, begun)) > options.patience.as_millis() {
            drilled.problems.push(format!("the server did not answer within {} s", options.patience.as_secs()));
            return Ok(drilled);
        }
        let mut connected = Connection::open_unix(&socket, &connect);
        if let Ok(connection) = &mut connected
            && let Ok(info) = connection.info()
            && !info.is_loading()
        {
            drilled.server = format!("{} {}", info.family(), info.version().unwrap_or("?"));
            break connected?;
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    drilled.restore_ms = millis(options, begun);
    then(&mut drilled, &mut connection)?;
    Ok(drilled)
}

fn millis(options: &DrillOptions<'_>, since: UnixMs) -> u64 {
    u64::try_from((options.clock)().0.saturating_sub(since.0)).unwrap_or_default()
}
