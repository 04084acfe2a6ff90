//! How to connect: who asks, over what, and how long to wait.

use crate::base::Cancel;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

/// A password. It is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Vec<u8>);

impl Secret {
    /// Keeps these bytes.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Self {
        Self(bytes.into())
    }

    /// The bytes, for the one who sends them.
    pub fn reveal(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(***)")
    }
}

/// Whom to believe, and as whom to come. Used where the address asks for TLS.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TlsOptions {
    /// Certificates of the authorities to believe, as PEM; without it those of the machine.
    pub ca_file: Option<PathBuf>,
    /// The certificate chain to show, as PEM.
    pub cert_file: Option<PathBuf>,
    /// Its private key, as PEM.
    pub key_file: Option<PathBuf>,
    /// Believe whatever the server shows: whoever stands between reads and changes everything.
    pub insecure: bool,
}

/// How to connect.
#[derive(Debug, Clone)]
pub struct ConnectOptions {
    /// The ACL user; without it the default one.
    pub user: Option<String>,
    /// Its password. Without one nobody authenticates.
    pub password: Option<Secret>,
    /// For TLS.
    pub tls: TlsOptions,
    /// How long one address may take to accept.
    pub connect_timeout: Duration,
    /// How long a server may send nothing, where it should, and take nothing.
    pub silence: Duration,
    /// Stops every wait within a fraction of a second.
    pub cancel: Cancel,
}

impl Default for ConnectOptions {
    fn default() -> Self {
        Self {
            user: None,
            password: None,
            tls: TlsOptions::default(),
            connect_timeout: Duration::from_secs(5),
            silence: Duration::from_mins(1),
            cancel: Cancel::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_not_shown() {
        let options = ConnectOptions { password: Some(Secret::new("hunter2")), ..ConnectOptions::default() };
        let shown = format!("{options:?} {options:#?}");
        assert!(!shown.contains("hunter2") && !shown.contains("104"), "{shown}");
    }
}
