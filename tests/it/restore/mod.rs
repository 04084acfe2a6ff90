//! `restore` with real servers: what lies in the folder afterwards is what they load, at every instant in between too.

mod kills;
mod rows;
mod undo;
mod whole;

use super::support::keyspace::{self, Keyspace};
use super::support::servers::{self, ServerSpec};
use rediscover::backup::restore::{self, Incoming, Known, RestoreOptions, RestorePlan, Restored, Staged};
use rediscover::base::{Error, ErrorKind, Result, UnixMs};
use rediscover::pipeline::RunOptions;
use rediscover::source::{AofSet, Origin, Place, ServerConfig};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The names of the keys that say which keyspace it is, and how many keys the others are.
const OLD: (&str, usize) = ("<old>", 30);
const NEW: (&str, usize) = ("<new>", 50);

/// What a server found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Found {
    Old,
    New,
    Nothing,
    Refused,
}

/// 2026-11-23T03:00:00Z: the clock of these tests.
const NOW: UnixMs = UnixMs(1_795_402_800_000);

fn options(dir: &Path) -> RestoreOptions {
    RestoreOptions {
        run: RunOptions { scratch: std::env::temp_dir(), ..RunOptions::default() },
        config: ServerConfig::of_folder(dir),
        now: NOW,
        ..RestoreOptions::default()
    }
}

fn setting(append_only: Option<bool>) -> &'static [&'static str] {
    match append_only {
        // Nothing is lost when it is killed.
        Some(true) => &["--appendonly", "yes", "--appendfsync", "always"],
        _ => &["--appendonly", "no"],
    }
}

/// Fills a keyspace whose keys say which it is.
fn fill(connection: &mut redis::Connection, (marker, keys): (&str, usize)) {
    let () = redis::cmd("SET").arg(marker).arg(1).query(connection).expect("a key");
    for number in 1..keys {
        let mut pipe = redis::pipe();
        let key = format!("{marker}:{number}");
        match number % 5 {
            0 => pipe.cmd("RPUSH").arg(&key).arg("a").arg("b"),
            1 => pipe.cmd("HSET").arg(&key).arg("f").arg("v"),
            2 => pipe.cmd("ZADD").arg(&key).arg(1.5).arg("m"),
            3 => pipe.cmd("XADD").arg(&key).arg("1-1").arg("f").arg("v"),
            _ => pipe.cmd("SET").arg(&key).arg("x".repeat(100)).arg("PXAT").arg(4_102_444_800_000u64),
        };
        pipe.exec(connection).expect("a key");
    }
    let () = redis::cmd("SELECT").arg(1).query(connection).expect("a database");
    let () = redis::cmd("SET").arg(format!("{marker}:other")).arg(1).query(connection).expect("a key");
    let () = redis::cmd("SELECT").arg(0).query(connection).expect("a database");
}

/// Which keyspace a server holds; it has to be whole.
fn which(connection: &mut redis::Connection) -> Found {
    let size: usize = redis::cmd("DBSIZE").query(connection).expect("a size");
    let has = |connection: &mut redis::Connection, key: &str| -> bool {
        redis::cmd("EXISTS").arg(key).query(connection).expect("an answer")
    };
    let found = match (has(connection, OLD.0), has(connection, NEW.0)) {
        (true, false) => (Found::Old, OLD),
        (false, true) => (Found::New, NEW),
        (false, false) => {
            assert_eq!(size, 0, "keys of neither");
            return Found::Nothing;
        }
        (true, true) => panic!("keys of both"),
    };
    let (found, (marker, keys)) = found;
    assert_eq!(size, keys, "{found:?} and not whole");
    let () = redis::cmd("SELECT").arg(1).query(connection).expect("a database");
    assert!(has(connection, &format!("{marker}:other")), "{found:?} without its other database");
    let () = redis::cmd("SELECT").arg(0).query(connection).expect("a database");
    found
}

/// What a server finds that starts on this folder; it is ended like by a crash.
fn found(spec: &ServerSpec, dir: &Path, append_only: Option<bool>) -> Found {
    match servers::start(spec, dir, setting(append_only)) {
        Ok(running) => which(&mut running.connection()),
        Err(_) => Found::Refused,
    }
}

/// The same on a copy: the folder stays as it is.
fn found_on_copy(spec: &ServerSpec, dir: &Path, append_only: Option<bool>) -> Found {
    let copy = tempfile::tempdir().expect("a folder");
    let target = copy.path().join("d");
    let copied = Command::new("cp").arg("-a").arg(dir).arg(&target).status().expect("cp runs");
    assert!(copied.success());
    found(spec, &target, append_only)
}

/// A dump of the new keyspace, and what is in it.
struct Dump {
    folder: tempfile::TempDir,
    keyspace: Keyspace,
}

impl Dump {
    fn of(spec: &ServerSpec, keys: (&str, usize)) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let running = servers::start(spec, folder.path(), setting(None)).expect("a server");
        fill(&mut running.connection(), keys);
        let () = redis::cmd("SAVE").query(&mut running.connection()).expect("it saves");
        let keyspace = keyspace::live(&mut running.connection()).values_only();
        Self { folder, keyspace }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("dump.rdb")
    }

    fn bytes(&self) -> Vec<u8> {
        fs::read(self.path()).expect("the dump")
    }
}

/// What was in the folder before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Had {
    Nothing,
    Dump,
    Aof,
    Both,
    Legacy,
}

/// A folder as a server has left it that held the old keys.
fn data_dir(spec: &ServerSpec, had: Had) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    if had == Had::Nothing {
        return folder;
    }
    let log = matches!(had, Had::Aof | Had::Both);
    let mut running = servers::start(spec, folder.path(), setting(Some(log))).expect("a server");
    fill(&mut running.connection(), OLD);
    if had != Had::Aof {
        let () = redis::cmd("SAVE").query(&mut running.connection()).expect("it saves");
    }
    running.kill().expect("it ends");
    if had == Had::Legacy {
        fs::rename(folder.path().join("dump.rdb"), folder.path().join("appendonly.aof")).expect("another name");
    }
    folder
}

fn origin(path: &Path) -> Origin {
    let name = path.display().to_string();
    if path.is_dir() {
        let set = AofSet::from_appendonlydir(path).expect("a set");
        return Origin::new(name, Place::Log(Box::new(set)));
    }
    Origin::new(name, Place::Path(path.to_owned()))
}

fn incoming(path: &Path) -> Incoming {
    Incoming::from_origin(&origin(path), None).expect("something to restore")
}

/// What became of it: the first refusal is an error.
fn restored(source: &Path, dir: &Path, options: &RestoreOptions) -> Result<(RestorePlan, Restored)> {
    let incoming = incoming(source);
    let early = restore::plan(&incoming, Known::Nothing, dir, options)?;
    refusal(&early)?;
    let staged = restore::stage(&incoming, dir, options)?;
    carried_out(&incoming, staged, dir, options)
}

fn carried_out(
    incoming: &Incoming,
    staged: Staged,
    dir: &Path,
    options: &RestoreOptions,
) -> Result<(RestorePlan, Restored)> {
    let plan = restore::plan(incoming, Known::Staged(&staged), dir, options)?;
    refusal(&plan)?;
    let restored = restore::execute(&plan, staged, options)?;
    Ok((plan, restored))
}

fn refusal(plan: &RestorePlan) -> Result<()> {
    match plan.refused.first() {
        Some(first) => {
            assert!(!first.way_out.is_empty());
            Err(Error::new(ErrorKind::Refused { what: format!("{}: {}", first.kind, first.what) }))
        }
        None => Ok(()),
    }
}

/// Every file below a folder: its bytes, mode, owner and time; and every folder.
fn listing(dir: &Path) -> Vec<String> {
    let mut lines = Vec::new();
    let mut folders = vec![dir.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            let facts = path.symlink_metadata().expect("facts");
            let name = path.strip_prefix(dir).expect("below it").display().to_string();
            let owner = format!("{name} {:o} {}:{}", facts.mode(), facts.uid(), facts.gid());
            if facts.is_dir() {
                lines.push(owner);
                folders.push(path);
            } else {
                let bytes = fs::read(&path).expect("a file");
                lines.push(format!("{owner} {} {} {}", facts.ino(), facts.mtime_nsec(), bytes.escape_ascii()));
            }
        }
    }
    lines.sort();
    lines
}
