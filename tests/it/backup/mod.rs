//! Backups with the real program: taken, read again, moved, damaged, killed.

mod by_hand;
mod create;
mod damage;
mod faults;
mod forget;
mod kill;
mod live;
mod moved;
mod source;
mod status;

use crate::support::dumps::program;
use regex::Regex;
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A host with a state folder, a repository, and a folder to work in.
pub(crate) struct Desk {
    folder: tempfile::TempDir,
}

impl Desk {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().expect("a temporary folder") }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn repo(&self) -> PathBuf {
        self.path("repo")
    }

    pub(crate) fn write(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, bytes).expect("a file");
        path
    }

    /// The program in this folder, with this repository and this state.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = program(arguments);
        command.current_dir(self.folder.path());
        command.env("REDISCOVER_REPO", "repo").env("REDISCOVER_STATE", "state");
        for name in ["NO_COLOR", "COLUMNS", "REDISCOVER_IDENTITY", "CLICOLOR_FORCE"] {
            command.env_remove(name);
        }
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().expect("the program starts")
    }

    /// The document that it makes, and its exit code.
    pub(crate) fn json(&self, arguments: &[&str]) -> (i32, Value) {
        let output = self.run(&[arguments, &["--format", "json"]].concat());
        let document = serde_json::from_slice(&output.stdout);
        let document = document.unwrap_or_else(|error| panic!("{arguments:?}: {error}: {}", all(&output)));
        (code(&output), document)
    }

    /// Takes a backup that is to be good, and gives its name.
    pub(crate) fn good(&self, source: &Path, instance: &str, more: &[&str]) -> String {
        let source = source.to_str().expect("text");
        let (code, report) = self.json(&[&["backup", "create", source, "--instance", instance], more].concat());
        assert_eq!(code, 0, "{report:#}");
        assert_eq!(report["backups"][0]["status"], "good", "{report:#}");
        report["backups"][0]["name"].as_str().expect("a name").to_owned()
    }

    /// Every file below the repository, by its path in it, sorted.
    pub(crate) fn objects(&self) -> Vec<String> {
        files(&self.repo())
    }
}

/// Every file below a folder, by its path in it, sorted.
pub(crate) fn files(folder: &Path) -> Vec<String> {
    let walk = walkdir::WalkDir::new(folder).into_iter().filter_map(Result::ok);
    let names = walk
        .filter(|entry| entry.file_type().is_file())
        .map(|entry| entry.path().strip_prefix(folder).expect("below it").to_str().expect("text").to_owned());
    let mut names: Vec<String> = names.collect();
    names.sort();
    names
}

pub(crate) fn code(output: &Output) -> i32 {
    output.status.code().unwrap_or(-1)
}

/// Exit code, stdout and stderr as one text.
pub(crate) fn all(output: &Output) -> String {
    format!(
        "exit: {}\n--- stdout\n{}--- stderr\n{}",
        code(output),
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

/// Without what differs from run to run.
pub(crate) fn settled(text: &str) -> String {
    let mut text = text.to_owned();
    for (pattern, with) in [
        (r"\d{8}T\d{6}\.\d{3}Z-[0-9a-f]{6}", "STAMP"),
        (r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d{3}Z)?", "TIME"),
        (r"\d{4}-\d\d-\d\d", "DAY"),
        (r"\b[0-9a-f]{64}\b", "SHA256"),
        (r"\b[0-9A-F]{16}\b", "KEYID"),
        (r"[\d,.]+ ms", "N ms"),
    ] {
        text = Regex::new(pattern).expect("a pattern").replace_all(&text, with).into_owned();
    }
    text
}

pub(crate) fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(name)
}

/// A dump of some size, which no compressor makes small: `keys` strings of 1000 bytes.
pub(crate) fn dump(keys: u64, seed: u64) -> Vec<u8> {
    let mut random = crate::support::usage::Random(seed | 1);
    let mut dump = crate::support::rdb::Builder::redis(11);
    dump.aux(b"ctime", b"1700000000").select(0);
    for key in 0..keys {
        let value: Vec<u8> = (0..125).flat_map(|_| random.below(u64::MAX).to_le_bytes()).collect();
        dump.string(format!("key:{key}").as_bytes(), &value);
    }
    dump.finish()
}

/// `sha256sum -c` in the folder of a backup.
pub(crate) fn sums_hold(folder: &Path) -> bool {
    let output = Command::new("sha256sum").args(["--strict", "-c", "SHA256SUMS"]).current_dir(folder).output();
    output.expect("sha256sum runs").status.success()
}

/// The parts of a log and its manifest are byte by byte the same.
pub(crate) fn same_set(found: &Path, set: &Path) {
    for file in files(set) {
        let read = |folder: &Path| fs::read(folder.join(&file)).unwrap_or_else(|error| panic!("{file}: {error}"));
        assert!(read(found) == read(set), "{file}: other bytes");
    }
}

/// An age key: the file of the identity, and the recipient.
#[cfg(feature = "crypt")]
pub(crate) fn age_key(desk: &Desk) -> (PathBuf, String) {
    use age::secrecy::ExposeSecret;
    let identity = age::x25519::Identity::generate();
    let file = desk.write("key.txt", format!("{}\n", identity.to_string().expose_secret()).as_bytes());
    (file, identity.to_public().to_string())
}
