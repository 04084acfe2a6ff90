//! Real servers, as `scripts/servers` lays them down.
//!
//! A test asks for the servers it needs with [`ServerSpec::named`], and leaves with [`missing`] where one is not
//! there: a notice for a developer, a failure where `REDISCOVER_REQUIRE_SERVERS=1` says that they have to be.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use std::{env, fs, io, thread};

/// Every name `scripts/servers` knows.
pub(crate) const NAMES: [&str; 7] =
    ["redis-7.0", "redis-7.4", "redis-8.0", "redis-8.6", "valkey-8.1", "valkey-9.1", "redis-stack-7.4"];

/// How long a server may take to load its file and answer.
const READY: Duration = Duration::from_mins(1);

/// A server that is on this machine, not running.
#[derive(Clone, Debug)]
pub(crate) struct ServerSpec {
    /// Its name, `redis-8.6`: the series that is expected, not a promise. See `version`.
    pub(crate) name: &'static str,
    /// What it says it is, `8.6.3`.
    pub(crate) version: String,
    bin: PathBuf,
}

impl ServerSpec {
    /// The server of this name, or `None` after a notice: see [`missing`].
    pub(crate) fn named(name: &str) -> Option<Self> {
        let found = find(name);
        if found.is_none() {
            missing(name);
        }
        found
    }

    /// One of its programs: `server`, `cli`, `check-rdb`, `check-aof`.
    pub(crate) fn program(&self, name: &str) -> PathBuf {
        self.bin.join(name)
    }
}

/// Says on stderr that a test goes without this server.
///
/// # Panics
/// Where `REDISCOVER_REQUIRE_SERVERS=1`: there no test may pass by being skipped.
#[expect(clippy::print_stderr, reason = "a skip has to be seen")]
pub(crate) fn missing(name: &str) {
    let text = format!("SKIPPED: no server {name} in {}; scripts/servers fetches it", cache().display());
    assert!(env::var_os("REDISCOVER_REQUIRE_SERVERS").is_none_or(|value| value != "1"), "{text}");
    eprintln!("{text}");
}

fn cache() -> PathBuf {
    let folder = |name: &str| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    folder("REDISCOVER_SERVERS").unwrap_or_else(|| {
        folder("XDG_CACHE_HOME")
            .or_else(|| folder("HOME").map(|home| home.join(".cache")))
            .unwrap_or_default()
            .join("rediscover/servers")
    })
}

fn find(name: &str) -> Option<ServerSpec> {
    let name = NAMES.into_iter().find(|known| *known == name)?;
    let folder = cache().join(name);
    let version = fs::read_to_string(folder.join("VERSION")).ok()?;
    Some(ServerSpec { name, version: version.trim().to_owned(), bin: folder.join("bin") })
}

/// The server of S3 that `scripts/servers` lays down, or `None` after a notice: see [`missing`].
pub(crate) fn weed() -> Option<PathBuf> {
    let program = cache().join("seaweedfs/bin/server");
    if program.exists() {
        return Some(program);
    }
    missing("seaweedfs");
    None
}

/// A server that does not start: refused its file, or found something else amiss. The log says what.
#[derive(Debug)]
pub(crate) struct Refused {
    pub(crate) log: String,
}

/// A running server; ended when dropped.
#[derive(Debug)]
pub(crate) struct Running {
    pub(crate) spec: ServerSpec,
    child: Child,
    /// Holds the socket and the log. Not the data folder: a socket's path must be short.
    own: tempfile::TempDir,
}

/// Starts a server on `dir`, whose `dump.rdb` it loads if there is one. It listens on a unix socket alone, and saves and
/// appends only if `extra_args` say so.
pub(crate) fn start(spec: &ServerSpec, dir: &Path, extra_args: &[impl AsRef<OsStr>]) -> Result<Running, Refused> {
    let own = tempfile::Builder::new().prefix("rds").tempdir_in("/tmp").expect("a folder for the socket");
    let log = fs::File::create(own.path().join("log")).expect("a log file");
    let child = Command::new(spec.program("server"))
        .args(["--port", "0", "--save", "", "--appendonly", "no", "--unixsocket"])
        .arg(own.path().join("s"))
        .arg("--dir")
        .arg(dir)
        .args(extra_args)
        .stdin(Stdio::null())
        .stdout(log.try_clone().expect("a second handle of the log"))
        .stderr(log)
        .spawn()
        .expect("the server program runs");
    let mut running = Running { spec: spec.clone(), child, own };
    let since = Instant::now();
    loop {
        if running.answers() {
            return Ok(running);
        }
        let ended = running.child.try_wait().expect("the server's state").is_some();
        if ended || since.elapsed() > READY {
            return Err(Refused { log: running.log() });
        }
        thread::sleep(Duration::from_millis(20));
    }
}

impl Running {
    /// A new connection.
    ///
    /// # Panics
    /// Where the server has gone.
    pub(crate) fn connection(&self) -> redis::Connection {
        self.connect().unwrap_or_else(|error| panic!("{}: {error}\n{}", self.spec.name, self.log()))
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.own.path().join("s")
    }

    /// What it has said so far; not always UTF-8, so as near as can be.
    pub(crate) fn log(&self) -> String {
        let bytes = fs::read(self.own.path().join("log")).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Its process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Ends it without leave to save or clean up, as a crash does.
    pub(crate) fn kill(&mut self) -> io::Result<()> {
        self.child.kill()?;
        self.child.wait().map(drop)
    }

    fn connect(&self) -> redis::RedisResult<redis::Connection> {
        let url = format!("unix://{}", self.socket().display());
        redis::Client::open(url)?.get_connection()
    }

    /// Whether it has loaded its file and takes commands.
    fn answers(&self) -> bool {
        self.connect().is_ok_and(|mut connection| redis::cmd("PING").query::<String>(&mut connection).is_ok())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.kill());
    }
}
