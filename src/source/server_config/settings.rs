//! The settings that decide whether a server can start on a file, and what becomes of it then.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

/// Files of a configuration that load modules are counted, and the first so many kept.
const MODULES: usize = 100;

/// What redis.conf or valkey.conf says beside the names of files. What is not said is none: the default of the server.
///
/// Source: Redis 7.0.15 and 8.6.3, Valkey 9.1.2.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ServerSettings {
    /// `port`; 6379 by default, 0 for none.
    pub port: Option<u16>,
    /// `unixsocket`.
    pub unix_socket: Option<PathBuf>,
    /// `pidfile`.
    pub pid_file: Option<PathBuf>,
    /// `databases`; 16 by default.
    pub databases: Option<u64>,
    /// `cluster-enabled`.
    pub cluster_enabled: bool,
    /// `cluster-config-file`, `nodes.conf` by default.
    pub cluster_config_file: Option<OsString>,
    /// `replicaof` or `slaveof`: whose replica it is, `host port`; none after `no one`.
    pub replica_of: Option<String>,
    /// The files of `loadmodule`; at most 100.
    pub modules: Vec<PathBuf>,
    /// Whether a `save` sets points at which the server saves by itself; none where nothing is said of it: it does.
    pub save_points: Option<bool>,
    /// `rdbchecksum`; yes by default.
    pub rdb_checksum: Option<bool>,
    /// `rdb-version-check relaxed`, of Valkey.
    pub relaxed_version_check: bool,
    /// There are lines of a Sentinel.
    pub sentinel: bool,
}

impl ServerSettings {
    /// Takes one line: its name in lower case, its first value, and whether there is a second. A value that no server takes is
    /// passed over.
    pub(super) fn take(&mut self, name: &[u8], value: Vec<u8>, second: Option<Vec<u8>>) {
        let is = |wanted: &[u8]| value.eq_ignore_ascii_case(wanted);
        let path =
            |value: Vec<u8>| Some(PathBuf::from(OsString::from_vec(value))).filter(|path| !path.as_os_str().is_empty());
        match name {
            b"port" => self.port = number(&value).and_then(|port| u16::try_from(port).ok()),
            b"databases" => self.databases = number(&value),
            b"cluster-enabled" => self.cluster_enabled = is(b"yes"),
            b"rdbchecksum" => self.rdb_checksum = Some(!is(b"no")),
            b"rdb-version-check" => self.relaxed_version_check = is(b"relaxed"),
            b"save" => self.save_points = Some(second.is_some() || !value.is_empty()),
            b"sentinel" => self.sentinel = true,
            b"replicaof" | b"slaveof" => {
                let second = second.unwrap_or_default();
                let none = is(b"no") && second.eq_ignore_ascii_case(b"one");
                let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
                self.replica_of = (!none).then(|| format!("{} {}", text(&value), text(&second)));
            }
            b"unixsocket" => self.unix_socket = path(value),
            b"pidfile" => self.pid_file = path(value),
            b"cluster-config-file" => self.cluster_config_file = Some(OsString::from_vec(value)),
            b"loadmodule" if self.modules.len() < MODULES => self.modules.extend(path(value)),
            _ => {}
        }
    }
}

fn number(text: &[u8]) -> Option<u64> {
    str::from_utf8(text).ok()?.parse().ok()
}
