//! Where a repository in a bucket is: `s3://bucket/prefix`.

use crate::base::{Error, ErrorKind, Result};
use std::fmt;
use std::str::FromStr;

/// A bucket, and what all names in it begin with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct S3Address {
    /// The bucket.
    pub bucket: String,
    /// The first segments of all keys, without slashes at its ends; empty for the whole bucket.
    pub prefix: String,
}

impl S3Address {
    /// Reads `s3://bucket` or `s3://bucket/prefix`, where slashes at the end count for nothing.
    ///
    /// # Errors
    /// [`ErrorKind::Store`]: another scheme, no bucket, a name that no bucket has, or a prefix with an empty segment, with `.` or
    /// `..` as a segment, or with control characters. Credentials in it are refused and not repeated.
    pub fn parse(text: &str) -> Result<Self> {
        let wrong = |what: String| Error::new(ErrorKind::Store { op: "read the address of a bucket", what });
        let Some(rest) = text.strip_prefix("s3://") else {
            return Err(wrong("it does not begin with s3://".to_owned()));
        };
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        if bucket.contains('@') {
            return Err(wrong("it holds credentials, which come from the environment or a profile".to_owned()));
        }
        let inside = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
        let edge = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
        let bytes = bucket.as_bytes();
        let fits = (3..=255).contains(&bytes.len()) && bytes.iter().all(|byte| inside(*byte));
        if !fits || !edge(bytes.first()) || !edge(bytes.last()) || bucket.contains("..") {
            let shown: String = bucket.escape_default().take(100).collect();
            return Err(wrong(format!("`{shown}` is no name of a bucket")));
        }
        let prefix = prefix.trim_end_matches('/');
        let segment = |segment: &str| {
            !segment.is_empty() && !matches!(segment, "." | "..") && !segment.chars().any(char::is_control)
        };
        if prefix.len() > MOST_PREFIX_BYTES || !(prefix.is_empty() || prefix.split('/').all(segment)) {
            let shown: String = prefix.escape_default().take(100).collect();
            return Err(wrong(format!("`{shown}` is no prefix: an empty segment, a dot, or longer than 700 bytes")));
        }
        Ok(Self { bucket: bucket.to_owned(), prefix: prefix.to_owned() })
    }

    /// The key of an object of this name, or the beginning of those that begin so.
    pub(super) fn key(&self, name: &str) -> String {
        if self.prefix.is_empty() { name.to_owned() } else { format!("{}/{name}", self.prefix) }
    }

    /// The name of the object with this key; none where it is not below the prefix.
    pub(super) fn name<'a>(&self, key: &'a str) -> Option<&'a str> {
        if self.prefix.is_empty() {
            return Some(key);
        }
        key.strip_prefix(&*self.prefix)?.strip_prefix('/')
    }
}

/// A key has at most 1024 bytes, and the names below the prefix need some.
const MOST_PREFIX_BYTES: usize = 700;

impl FromStr for S3Address {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Self::parse(text)
    }
}

impl fmt::Display for S3Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "s3://{}", self.bucket)?;
        if self.prefix.is_empty() { Ok(()) } else { write!(f, "/{}", self.prefix) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_come_back_as_they_were_written() {
        for text in ["s3://bucket", "s3://my.bucket-1/a", "s3://bucket/a/b c/é"] {
            assert_eq!(S3Address::parse(text).expect("an address").to_string(), text);
        }
        let address: S3Address = "s3://bucket/a/b//".parse().expect("an address");
        assert_eq!((&*address.bucket, &*address.prefix), ("bucket", "a/b"));
        assert_eq!(address.key("x/y"), "a/b/x/y");
        assert_eq!([address.name("a/b/x"), address.name("a/bc"), address.name("a/b")], [Some("x"), None, None]);
        let bare = S3Address::parse("s3://bucket/").expect("an address");
        assert_eq!((&*bare.prefix, &*bare.key("x"), bare.name("x")), ("", "x", Some("x")));
    }

    #[test]
    fn what_is_no_address_is_refused_and_secrets_are_not_repeated() {
        let long = format!("s3://bucket/{}", "p".repeat(701));
        for text in [
            "",
            "bucket",
            "http://bucket/x",
            "s3://",
            "s3:///x",
            "s3://ab",
            "s3://-bucket",
            "s3://a..b",
            "s3://buc ket",
            "s3://bucket//a",
            "s3://bucket/a//b",
            "s3://bucket/../b",
            "s3://bucket/a/./b",
            "s3://bucket/a\nb",
            &long,
        ] {
            assert!(S3Address::parse(text).is_err(), "{text:?}");
        }
        let refused = S3Address::parse("s3://AKIAEXAMPLE:hunter2@bucket/x").expect_err("credentials");
        assert!(!format!("{refused} {refused:?}").contains("hunter2"), "{refused}");
    }
}
