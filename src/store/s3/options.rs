//! How a bucket is reached, and how objects are kept in it.

use crate::base::{Error, ErrorKind, Result};
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

/// How a bucket is reached, and how objects are kept in it. What is none or false here is as the standard AWS variables and
/// files say, or as the bucket does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct S3Options {
    /// Where the server is, as `https://host` or `http://host:port`; none is what the variables say, or AWS. Without TLS only
    /// where this says `http`.
    pub endpoint: Option<String>,
    /// The bucket is part of the path, not of the host's name: what most servers other than AWS need.
    pub path_style: bool,
    /// The region of the bucket.
    pub region: Option<String>,
    /// The profile of the AWS configuration files.
    pub profile: Option<String>,
    /// Credentials of the caller's own, in place of the standard chain.
    pub credentials: Option<S3Credentials>,
    /// Which checksum travels with what is sent.
    pub checksum: S3Checksum,
    /// Encryption by the server.
    pub encryption: S3Encryption,
    /// The storage class, as `STANDARD_IA`.
    pub storage_class: Option<String>,
    /// Tags of every object.
    pub tags: Vec<(String, String)>,
    /// How long no object may be removed.
    pub lock: Option<S3Lock>,
    /// No object may be removed until somebody lifts the hold.
    pub legal_hold: bool,
    /// A deletion removes all versions of an object; otherwise a bucket with versions keeps them.
    pub delete_versions: bool,
    /// A file of PEM certificates to trust in place of the system's.
    pub ca_bundle: Option<PathBuf>,
    /// How long a connection may take.
    pub connect_timeout: Duration,
    /// How long one answer may take; sending a part has more, by its size.
    pub answer_timeout: Duration,
    /// How long nothing may move while bytes travel.
    pub stall_timeout: Duration,
    /// How often anything is tried, 1 to 20.
    pub attempts: u32,
    /// The first wait between two tries; the next are longer, and all by chance shorter.
    pub backoff: Duration,
    /// Most bytes a second that are taken from a body or given to a reader; parts go in bursts of their size.
    pub bandwidth: Option<u64>,
    /// Bytes of the first parts, 5 MiB to 1 GiB; later ones are larger.
    pub part_bytes: u64,
    /// What the server is told about who asks: letters, digits, `-`, `.`, `_`, at most 50.
    pub user_agent: String,
}

impl Default for S3Options {
    fn default() -> Self {
        Self {
            endpoint: None,
            path_style: false,
            region: None,
            profile: None,
            credentials: None,
            checksum: S3Checksum::Auto,
            encryption: S3Encryption::AsTheBucket,
            storage_class: None,
            tags: Vec::new(),
            lock: None,
            legal_hold: false,
            delete_versions: false,
            ca_bundle: None,
            connect_timeout: Duration::from_secs(10),
            answer_timeout: Duration::from_mins(1),
            stall_timeout: Duration::from_secs(45),
            attempts: 6,
            backoff: Duration::from_secs(1),
            bandwidth: None,
            part_bytes: 16 << 20,
            user_agent: concat!("rediscover-", env!("CARGO_PKG_VERSION")).to_owned(),
        }
    }
}

impl S3Options {
    /// Refuses what cannot work.
    pub(super) fn checked(&self) -> Result<()> {
        let wrong = |what: &str| Err(Error::new(ErrorKind::Store { op: "use the settings", what: what.to_owned() }));
        if let Some(endpoint) = &self.endpoint {
            let rest = endpoint.strip_prefix("https://").or_else(|| endpoint.strip_prefix("http://"));
            let Some(rest) = rest else { return wrong("the endpoint does not begin with https:// or http://") };
            let host = rest.split('/').next().unwrap_or_default();
            if rest.contains('@') {
                return wrong("the endpoint holds credentials, which come from the environment or a profile");
            }
            if host.is_empty() || endpoint.contains(['?', '#', ' ']) || endpoint.chars().any(char::is_control) {
                return wrong("the endpoint is no address of a server");
            }
        }
        if !(1..=20).contains(&self.attempts) {
            return wrong("the number of tries is not between 1 and 20");
        }
        if !(5 << 20..=1 << 30).contains(&self.part_bytes) {
            return wrong("the size of a part is not between 5 MiB and 1 GiB");
        }
        if self.bandwidth.is_some_and(|bytes| bytes < 1 << 10) {
            return wrong("the bandwidth is below 1 KiB a second");
        }
        if [self.connect_timeout, self.answer_timeout, self.stall_timeout].iter().any(Duration::is_zero) {
            return wrong("a timeout is zero");
        }
        Ok(())
    }
}

/// Which checksum travels with what is sent. Whatever it is, the manifests of a repository hold SHA-256 of their own.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum S3Checksum {
    /// One that today's servers know; answers are checked where they carry one.
    #[default]
    Auto,
    /// Only where the protocol demands one: for servers that refuse what they do not know.
    WhenRequired,
    /// CRC32.
    Crc32,
    /// CRC64-NVME.
    Crc64Nvme,
    /// SHA-256.
    Sha256,
}

/// Encryption by the server.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum S3Encryption {
    /// As the bucket says.
    #[default]
    AsTheBucket,
    /// With keys of the server (SSE-S3).
    S3,
    /// With a key of KMS (SSE-KMS).
    Kms {
        /// The key's id or ARN; none is the account's own.
        key: Option<String>,
    },
}

/// How long no object may be removed, from when it is put.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct S3Lock {
    /// Who may remove it all the same.
    pub mode: S3LockMode,
    /// For how long.
    pub duration: Duration,
}

/// Who may remove what is locked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum S3LockMode {
    /// Those with a special permission.
    Governance,
    /// Nobody.
    Compliance,
}

/// Credentials of the caller's own.
#[derive(Clone, PartialEq, Eq)]
pub struct S3Credentials {
    /// The id of the key.
    pub key_id: String,
    /// The secret of the key.
    pub secret: String,
    /// The token of a session.
    pub token: Option<String>,
}

impl fmt::Debug for S3Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("S3Credentials(hidden)")
    }
}
