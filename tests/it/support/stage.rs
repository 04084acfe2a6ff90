//! A server with keys, its dump, and a shell in which `redis-cli` and `rediscover` are what a reader would type.

use super::dumps::program;
use super::servers::{self, Running, ServerSpec};
use serde_json::Value;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Command, Output};

/// A running server whose dump is `dump.rdb` in a folder of its own.
pub(crate) struct Stage {
    pub(crate) running: Running,
    pub(crate) folder: tempfile::TempDir,
}

impl Stage {
    /// Fills a server and saves.
    pub(crate) fn new(spec: &ServerSpec, arguments: &[&str], fill: impl FnOnce(&mut redis::Connection)) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let running =
            servers::start(spec, folder.path(), arguments).unwrap_or_else(|refused| panic!("{}", refused.log));
        fill(&mut running.connection());
        let stage = Self { running, folder };
        stage.save();
        stage.link();
        stage
    }

    /// The same server started again from its dump.
    pub(crate) fn again(mut self, arguments: &[&str]) -> Self {
        let spec = self.running.spec.clone();
        self.running.kill().expect("it ends");
        self.running =
            servers::start(&spec, self.folder.path(), arguments).unwrap_or_else(|refused| panic!("{}", refused.log));
        self.link();
        self
    }

    pub(crate) fn save(&self) {
        redis::cmd("SAVE").exec(&mut self.running.connection()).expect("it saves");
    }

    /// Scripts of the names that commands use.
    fn link(&self) {
        let bin = self.path("bin");
        fs::create_dir_all(&bin).expect("a folder");
        let own = program(&[]).get_program().to_string_lossy().into_owned();
        for (name, target) in [("redis-cli", self.cli()), ("rediscover", own)] {
            fs::write(bin.join(name), format!("#!/bin/sh\nexec {target} \"$@\"\n")).expect("a script");
            fs::set_permissions(bin.join(name), fs::Permissions::from_mode(0o755)).expect("a mode");
        }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// redis-cli as it reaches this server.
    pub(crate) fn cli(&self) -> String {
        format!("{} -s {}", self.running.spec.program("cli").display(), self.running.socket().display())
    }

    /// Runs a line as a shell does, in the folder.
    pub(crate) fn shell(&self, line: &str) -> Output {
        let path = format!("{}:{}", self.path("bin").display(), std::env::var("PATH").unwrap_or_default());
        let mut command = Command::new("sh");
        command.args(["-c", line]).current_dir(self.folder.path()).env("PATH", path);
        command.env_remove("APPLY").env_remove("BATCH").env_remove("CLI").output().expect("a shell")
    }

    /// The same; what it prints. It has to succeed.
    pub(crate) fn prints(&self, line: &str) -> String {
        let output = self.shell(line);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{line}: {text}{}", String::from_utf8_lossy(&output.stderr));
        text
    }

    /// What `analyze` says of its dump.
    pub(crate) fn analyze(&self, arguments: &str) -> Value {
        let text = self.prints(&format!("rediscover analyze dump.rdb --format json {arguments}"));
        serde_json::from_str(&text).expect("JSON")
    }
}
