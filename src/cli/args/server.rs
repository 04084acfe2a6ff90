//! How to reach live servers: the same flags wherever one can be named.

use super::ResourceArgs;
use clap::{Args, ValueEnum};
use rediscover::base::{Cancel, Error, ErrorKind, Result};
use rediscover::source::{ServerPlace, Via};
use rediscover::wire::{Address, ConnectOptions, Secret, TlsOptions};
use std::fs::File;
use std::io::Read;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

pub(crate) const SERVERS: &str = "Live servers";
/// More than any password has.
const PASSWORD_BYTES: u64 = 64 << 10;

/// How to read live servers.
#[derive(Args)]
pub(crate) struct ServerArgs {
    /// How to read a live server: auto is sync, never scan
    #[arg(long, value_name = "HOW", default_value = "auto", help_heading = SERVERS)]
    pub(crate) via: ViaName,
    #[command(flatten)]
    pub(crate) login: LoginArgs,
}

/// As whom to come to live servers, and whom to believe.
#[derive(Args)]
pub(crate) struct LoginArgs {
    /// The ACL user [default: the one in the address]
    #[arg(long, value_name = "NAME", help_heading = SERVERS)]
    pub(crate) user: Option<String>,
    /// The password: the first line of FILE [default: `$REDISCLI_AUTH` or `$VALKEYCLI_AUTH`]
    #[arg(long, value_name = "FILE", help_heading = SERVERS)]
    pub(crate) password_file: Option<PathBuf>,
    /// The authorities to believe, PEM [default: those of this machine]
    #[arg(long, value_name = "FILE", help_heading = SERVERS)]
    pub(crate) cacert: Option<PathBuf>,
    /// The certificate to show, PEM
    #[arg(long, value_name = "FILE", requires = "tls_key", help_heading = SERVERS)]
    pub(crate) cert: Option<PathBuf>,
    /// Its private key, PEM
    #[arg(id = "tls_key", long = "key", value_name = "FILE", requires = "cert", help_heading = SERVERS)]
    pub(crate) key: Option<PathBuf>,
    /// Believe any certificate
    #[arg(long, conflicts_with = "cacert", help_heading = SERVERS)]
    pub(crate) insecure: bool,
}

/// How to read a live server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ViaName {
    // No doc comments: with them `-h` and `--help` would differ.
    Auto,
    Sync,
    Scan,
}

impl LoginArgs {
    /// How to connect. Reads the password.
    pub(crate) fn options(&self, cancel: Cancel) -> Result<ConnectOptions> {
        let password = match &self.password_file {
            Some(file) => Some(read_password(file)?),
            None => ["REDISCLI_AUTH", "VALKEYCLI_AUTH"].into_iter().find_map(password_of),
        };
        let tls = TlsOptions {
            ca_file: self.cacert.clone(),
            cert_file: self.cert.clone(),
            key_file: self.key.clone(),
            insecure: self.insecure,
        };
        Ok(ConnectOptions { user: self.user.clone(), password, tls, cancel, ..ConnectOptions::default() })
    }
}

impl ServerArgs {
    /// A live server as a source.
    pub(crate) fn place(&self, address: Address, resources: &ResourceArgs, cancel: Cancel) -> Result<ServerPlace> {
        let scratch = resources.scratch.clone().unwrap_or_else(std::env::temp_dir);
        let via = match self.via {
            ViaName::Auto => Via::Auto,
            ViaName::Sync => Via::Sync,
            ViaName::Scan => Via::Scan,
        };
        Ok(ServerPlace { via, ..ServerPlace::new(address, self.login.options(cancel)?, scratch) })
    }
}

/// Without the end of the line; a file that has several is no mistake, but only the first counts.
pub(crate) fn read_password(file: &Path) -> Result<Secret> {
    let about = || crate::cli::sources::shown(file.as_os_str());
    let failed = |error| Error::io("read the password", error).about(about());
    let mut bytes = Vec::new();
    File::open(file).and_then(|file| file.take(PASSWORD_BYTES).read_to_end(&mut bytes)).map_err(failed)?;
    let line = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    if line.is_empty() {
        let what = format!("{} has no password in its first line", about());
        return Err(Error::new(ErrorKind::Usage { option: "--password-file", what }));
    }
    Ok(Secret::new(line))
}

/// The password in a variable of the environment.
pub(crate) fn password_of(name: &str) -> Option<Secret> {
    std::env::var_os(name).filter(|value| !value.is_empty()).map(|value| Secret::new(value.into_vec()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_the_first_line() {
        let read = |bytes: &[u8]| {
            let file = tempfile::NamedTempFile::new().expect("a file");
            std::fs::write(file.path(), bytes).expect("written");
            read_password(file.path()).map(|secret| secret.reveal().to_vec()).map_err(|error| error.to_string())
        };
        assert_eq!(read(b"pass word \r\nmore\n"), Ok(b"pass word ".to_vec()));
        assert_eq!(read(b"\xff\0"), Ok(b"\xff\0".to_vec()));
        assert!(read(b"\nsecret").is_err_and(|error| !error.contains("secret")));
        assert!(read(b"").is_err());
    }
}
