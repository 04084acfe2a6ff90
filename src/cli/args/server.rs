//! How to reach live servers.

use clap::{Args, ValueEnum};
use rediscover::base::{Cancel, Error, ErrorKind, Result};
use rediscover::source::{ServerPlace, Via};
use rediscover::wire::{Address, ConnectOptions, Secret, TlsOptions};
use std::path::PathBuf;

const SERVERS: &str = "Live servers";

/// How to reach a live server, and as whom.
#[derive(Args, Default)]
pub(crate) struct ServerArgs {
    /// How to read a server: sync (one moment), scan (key by key, no moment), auto (sync where it is safe)
    #[arg(long, value_name = "HOW", help_heading = SERVERS)]
    pub(crate) via: Option<HowToRead>,
    #[command(flatten)]
    pub(crate) login: LoginArgs,
}

/// As whom, and whom to believe.
#[derive(Args, Clone, Default)]
pub(crate) struct LoginArgs {
    /// The ACL user [default: the one in the address]
    #[arg(long, value_name = "NAME", help_heading = SERVERS)]
    pub(crate) user: Option<String>,
    /// The file that holds the password [default: $REDISCLI_AUTH, $VALKEYCLI_AUTH]
    #[arg(long, value_name = "FILE", help_heading = SERVERS)]
    pub(crate) password_file: Option<PathBuf>,
    /// Certificates of the authorities to believe, of rediss:// [default: those of the machine]
    #[arg(long, value_name = "FILE", help_heading = SERVERS)]
    pub(crate) cacert: Option<PathBuf>,
    /// The certificate to show
    #[arg(long, value_name = "FILE", requires = "key", help_heading = SERVERS)]
    pub(crate) cert: Option<PathBuf>,
    /// Its private key
    #[arg(long, value_name = "FILE", requires = "cert", help_heading = SERVERS)]
    pub(crate) key: Option<PathBuf>,
    /// Believe whatever certificate the server shows
    #[arg(long, help_heading = SERVERS)]
    pub(crate) insecure: bool,
}

/// How a server is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum HowToRead {
    // No doc comments: with them `-h` and `--help` would differ.
    Auto,
    Sync,
    Scan,
}

impl ServerArgs {
    /// The server at this address.
    pub(crate) fn place(&self, address: Address, cancel: Cancel) -> Result<ServerPlace> {
        let options = self.login.connect(&address, cancel)?;
        let mut place = ServerPlace::new(address, options, std::env::temp_dir());
        place.via = match self.via {
            None | Some(HowToRead::Auto) => Via::Auto,
            Some(HowToRead::Sync) => Via::Sync,
            Some(HowToRead::Scan) => Via::Scan,
        };
        Ok(place)
    }
}

impl LoginArgs {
    /// How to connect to this address. The password comes from a file or the environment.
    pub(crate) fn connect(&self, address: &Address, cancel: Cancel) -> Result<ConnectOptions> {
        let password = match &self.password_file {
            Some(file) => {
                let shown = crate::cli::sources::shown(file.as_os_str());
                let bytes = std::fs::read(file).map_err(|error| Error::io("read the password", error).about(&shown))?;
                // What an editor adds at the end of a line is not of the password.
                let line = bytes.strip_suffix(b"\n").unwrap_or(&bytes);
                let line = line.strip_suffix(b"\r").unwrap_or(line);
                if line.is_empty() {
                    let what = format!("{shown} is empty");
                    return Err(Error::new(ErrorKind::Usage { option: "--password-file", what }));
                }
                Some(Secret::new(line))
            }
            None => ["REDISCLI_AUTH", "VALKEYCLI_AUTH"]
                .into_iter()
                .find_map(|name| std::env::var_os(name).filter(|value| !value.is_empty()))
                .map(|value| Secret::new(std::os::unix::ffi::OsStringExt::into_vec(value))),
        };
        Ok(ConnectOptions {
            user: self.user.clone().or_else(|| address.user.clone()),
            password,
            tls: TlsOptions {
                ca_file: self.cacert.clone(),
                cert_file: self.cert.clone(),
                key_file: self.key.clone(),
                insecure: self.insecure,
            },
            cancel,
            ..ConnectOptions::default()
        })
    }
}
