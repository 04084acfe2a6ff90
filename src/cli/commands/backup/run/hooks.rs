//! Commands of the configuration that are run beside: their environment says what happened, and they have so much time.

use crate::cli::config::{Config, Password, Source};
use rediscover::base::{Cancel, Error, ErrorKind, Result};
use rediscover::report::printable;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// How much of what it said is read.
const SAID_BYTES: u64 = 2 << 10;

/// What a hook is told.
pub(super) struct Happened<'a> {
    pub(super) instance: &'a str,
    /// `starting`, `good`, `suspect`, `incomplete`, `damaged` or `failed`.
    pub(super) status: &'a str,
    /// The name of the backup; empty without one.
    pub(super) backup: &'a str,
    /// What is wrong; empty if nothing is.
    pub(super) reason: &'a str,
}

/// Runs one, and gives back the end of what it said.
pub(super) fn run(words: &[String], happened: &Happened<'_>, config: &Config, cancel: &Cancel) -> Result<String> {
    let Some((program, arguments)) = words.split_first() else { return Ok(String::new()) };
    let failed = |what| move |error| Error::io(what, error).about(program.clone());
    // What it says goes to a file: a pipe that nobody reads would stop it.
    let mut said = tempfile::tempfile().map_err(failed("make a file for what it says"))?;
    let output = || said.try_clone().map(Stdio::from).map_err(failed("make a file for what it says"));
    let mut command = Command::new(program);
    command
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(output()?)
        .stderr(output()?)
        .env("REDISCOVER_INSTANCE", happened.instance)
        .env("REDISCOVER_STATUS", happened.status)
        .env("REDISCOVER_BACKUP", happened.backup)
        .env("REDISCOVER_REASON", printable(happened.reason).as_ref())
        .process_group(0);
    for secret in secrets(config) {
        command.env_remove(secret);
    }
    let mut child = command.spawn().map_err(failed("run"))?;
    let timeout = Duration::from_millis(u64::try_from(config.hooks.timeout_ms).unwrap_or_default());
    let status = wait(&mut child, timeout, cancel)?;
    let said = end_of(&mut said).unwrap_or_default();
    match status {
        Some(status) if status.success() => Ok(said),
        status => {
            let words =
                status.map_or_else(|| format!("took longer than {} s", timeout.as_secs()), |status| status.to_string());
            let last = said.lines().last().unwrap_or_default();
            let what = if last.is_empty() { words } else { format!("{words}: {last}") };
            Err(Error::new(ErrorKind::Refused { what }).about(program.clone()))
        }
    }
}

/// Variables that hold passwords: a hook has no use for them.
fn secrets(config: &Config) -> Vec<String> {
    let mut names = vec!["REDISCLI_AUTH".to_owned(), "VALKEYCLI_AUTH".to_owned()];
    for instance in config.instances.values() {
        if let Source::Server(server) = &instance.source
            && let Some(Password::Environment(name)) = &server.password
        {
            names.push(name.clone());
        }
    }
    names
}

/// None: it took too long, and was ended with all that it had started.
fn wait(child: &mut Child, timeout: Duration, cancel: &Cancel) -> Result<Option<ExitStatus>> {
    let deadline = Instant::now() + timeout;
    loop {
        if let Some(status) = child.try_wait().map_err(|error| Error::io("wait for it", error))? {
            return Ok(Some(status));
        }
        let late = Instant::now() >= deadline;
        if late || cancel.is_cancelled() {
            let group = i32::try_from(child.id()).ok().and_then(rustix::process::Pid::from_raw);
            if let Some(group) = group {
                let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
            }
            let _ = child.wait();
            return if late { Ok(None) } else { Err(Error::new(ErrorKind::Interrupted)) };
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn end_of(said: &mut File) -> std::io::Result<String> {
    let bytes = said.seek(SeekFrom::End(0))?;
    said.seek(SeekFrom::Start(bytes.saturating_sub(SAID_BYTES)))?;
    let mut end = Vec::new();
    said.take(SAID_BYTES).read_to_end(&mut end)?;
    Ok(printable(String::from_utf8_lossy(&end).trim()).into_owned())
}
