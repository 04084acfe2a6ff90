//! The program as a cron starts it: with nothing of this environment.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// Where it is. `REDISCOVER_BIN` points at another build.
pub(crate) fn path() -> PathBuf {
    std::env::var_os("REDISCOVER_BIN").unwrap_or_else(|| env!("CARGO_BIN_EXE_rediscover").into()).into()
}

/// The program in a folder, with HOME there.
pub(crate) fn program(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(path());
    command.args(arguments).current_dir(folder).env_clear().env("PATH", "/usr/bin:/bin").env("HOME", folder);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

pub(crate) fn run(folder: &Path, arguments: &[&str]) -> Output {
    program(folder, arguments).output().expect("the program starts")
}

pub(crate) fn code(output: &Output) -> i32 {
    output.status.code().unwrap_or(-1)
}

pub(crate) fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Exit code and all that was said, for messages of tests.
pub(crate) fn all(output: &Output) -> String {
    format!("exit {}\n{}\n{}", code(output), stdout(output), stderr(output))
}
