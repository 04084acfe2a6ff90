//! How buckets are reached, and how objects are kept in them: flags that every command has, since every SOURCE and every
//! repository may be in one. What is not said here is as the AWS variables and files say.

use super::{Parsed, bytes, span};
use clap::{Args, ValueEnum};

const BUCKETS: &str = "Buckets of S3";

#[derive(Args, Clone, Debug, Default)]
#[allow(clippy::struct_field_names, reason = "the names of the flags")]
pub(crate) struct S3Args {
    /// The server, where it is not AWS: https://HOST, or http://HOST:PORT without TLS [default: AWS_ENDPOINT_URL_S3]
    #[arg(long, global = true, value_name = "URL", help_heading = BUCKETS)]
    pub(crate) s3_endpoint: Option<String>,
    /// The bucket is part of the path, not of the host's name: what most servers other than AWS need
    #[arg(long, global = true, env = "REDISCOVER_S3_PATH_STYLE", value_parser = clap::builder::BoolishValueParser::new(), help_heading = BUCKETS)]
    pub(crate) s3_path_style: bool,
    /// The checksum that travels with what is sent
    #[arg(long, global = true, value_name = "HOW", default_value = "auto", help_heading = BUCKETS)]
    pub(crate) s3_checksum: Checksum,
    /// Encryption by the server: s3, kms or kms:KEY [default: as the bucket says]
    #[arg(long, global = true, value_name = "HOW", value_parser = sse, help_heading = BUCKETS)]
    pub(crate) s3_sse: Option<Sse>,
    /// The storage class of what is stored: STANDARD_IA
    #[arg(long, global = true, value_name = "CLASS", help_heading = BUCKETS)]
    pub(crate) s3_storage_class: Option<String>,
    /// Nobody may remove what is stored before: governance:30d or compliance:30d
    #[arg(long, global = true, value_name = "MODE:SPAN", value_parser = lock, help_heading = BUCKETS)]
    pub(crate) s3_lock: Option<Lock>,
    /// Nobody may remove what is stored until somebody lifts the hold
    #[arg(long, global = true, help_heading = BUCKETS)]
    pub(crate) s3_legal_hold: bool,
    /// A tag of every object, for the rules of the bucket: KEY=VALUE; may be repeated
    #[arg(long, global = true, value_name = "KEY=VALUE", value_parser = tag, help_heading = BUCKETS)]
    pub(crate) s3_tag: Vec<(String, String)>,
    /// At most so many bytes a second, in and out: 20mb
    #[arg(long, global = true, value_name = "SIZE", value_parser = bytes, help_heading = BUCKETS)]
    pub(crate) s3_bandwidth: Option<u64>,
    /// What prune removes goes with all its versions; otherwise a bucket with versions keeps them behind a marker
    #[arg(long, global = true, help_heading = BUCKETS)]
    pub(crate) s3_delete_versions: bool,
}

/// Which checksum travels.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Checksum {
    #[default]
    Auto,
    WhenRequired,
    Crc32,
    Crc64nvme,
    Sha256,
}

/// Encryption by the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Sse {
    S3,
    Kms(Option<String>),
}

/// How long nothing may be removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Lock {
    pub(crate) compliance: bool,
    pub(crate) seconds: u64,
}

fn sse(text: &str) -> Parsed<Sse> {
    match text.split_once(':') {
        None if text == "s3" => Ok(Sse::S3),
        None if text == "kms" => Ok(Sse::Kms(None)),
        Some(("kms", key)) if !key.is_empty() => Ok(Sse::Kms(Some(key.to_owned()))),
        _ => Err("expected s3, kms or kms:KEY".into()),
    }
}

fn lock(text: &str) -> Parsed<Lock> {
    let (mode, long) = text.split_once(':').ok_or("expected governance:30d or compliance:30d")?;
    let compliance = match mode {
        "governance" => false,
        "compliance" => true,
        _ => return Err("the mode is governance or compliance".into()),
    };
    let seconds = u64::try_from(span(long)? / 1000).unwrap_or_default();
    if seconds == 0 { Err("it is too short".into()) } else { Ok(Lock { compliance, seconds }) }
}

fn tag(text: &str) -> Parsed<(String, String)> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("expected KEY=VALUE".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locks_keys_and_tags_are_read() {
        assert_eq!(lock("compliance:30d"), Ok(Lock { compliance: true, seconds: 30 * 86_400 }));
        assert_eq!(lock("governance:1h"), Ok(Lock { compliance: false, seconds: 3600 }));
        for wrong in ["30d", "forever:30d", "governance:", "governance:x", "compliance:0s"] {
            assert!(lock(wrong).is_err(), "{wrong}");
        }
        assert_eq!(sse("kms:arn:aws:kms:x"), Ok(Sse::Kms(Some("arn:aws:kms:x".into()))));
        assert_eq!((sse("s3"), sse("kms")), (Ok(Sse::S3), Ok(Sse::Kms(None))));
        assert!(sse("aes").is_err() && sse("kms:").is_err());
        assert_eq!(tag("a=b=c"), Ok(("a".into(), "b=c".into())));
        assert!(tag("=b").is_err() && tag("a").is_err());
    }
}
