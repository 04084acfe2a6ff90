//! How objects are kept, as the SDK wants it said.

use super::{Inner, S3Checksum, S3Encryption, S3LockMode};
use crate::base::Result;
use aws_sdk_s3::primitives::DateTime;
use aws_sdk_s3::types::{
    ChecksumAlgorithm, ObjectLockLegalHoldStatus, ObjectLockMode, ServerSideEncryption, StorageClass,
};

/// What goes with every object.
#[derive(Clone)]
pub(super) struct Settings {
    pub(super) checksum: Option<ChecksumAlgorithm>,
    pub(super) encryption: Option<ServerSideEncryption>,
    pub(super) key: Option<String>,
    pub(super) storage_class: Option<StorageClass>,
    pub(super) tagging: Option<String>,
    pub(super) lock: Option<ObjectLockMode>,
    pub(super) until: Option<DateTime>,
    pub(super) hold: Option<ObjectLockLegalHoldStatus>,
}

impl Settings {
    /// Those of an object that is put now.
    pub(super) fn of(inner: &Inner, passing: bool) -> Result<Self> {
        let options = &inner.options;
        let (encryption, key) = match &options.encryption {
            S3Encryption::AsTheBucket => (None, None),
            S3Encryption::S3 => (Some(ServerSideEncryption::Aes256), None),
            S3Encryption::Kms { key } => (Some(ServerSideEncryption::AwsKms), key.clone()),
        };
        let mode = |mode| match mode {
            S3LockMode::Governance => ObjectLockMode::Governance,
            S3LockMode::Compliance => ObjectLockMode::Compliance,
        };
        let lock = options.lock.filter(|_| !passing);
        let until = match lock {
            Some(lock) => {
                let seconds = i64::try_from(lock.duration.as_secs()).unwrap_or(i64::MAX);
                Some(DateTime::from_secs(inner.now()?.saturating_add(seconds)))
            }
            None => None,
        };
        Ok(Self {
            checksum: Self::checksum(inner),
            encryption,
            key,
            storage_class: options.storage_class.as_deref().map(StorageClass::from),
            tagging: (!options.tags.is_empty()).then(|| tagging(&options.tags)),
            lock: lock.map(|lock| mode(lock.mode)),
            until,
            hold: (options.legal_hold && !passing).then_some(ObjectLockLegalHoldStatus::On),
        })
    }

    /// The checksum that was asked for by name.
    pub(super) fn checksum(inner: &Inner) -> Option<ChecksumAlgorithm> {
        match inner.options.checksum {
            S3Checksum::Auto | S3Checksum::WhenRequired => None,
            S3Checksum::Crc32 => Some(ChecksumAlgorithm::Crc32),
            S3Checksum::Crc64Nvme => Some(ChecksumAlgorithm::Crc64Nvme),
            S3Checksum::Sha256 => Some(ChecksumAlgorithm::Sha256),
        }
    }
}

/// A request that makes an object, with its settings: the SDK has two types of them.
macro_rules! kept_as {
    ($request:expr, $settings:expr) => {{
        let settings = $settings.clone();
        $request
            .set_checksum_algorithm(settings.checksum)
            .set_server_side_encryption(settings.encryption)
            .set_ssekms_key_id(settings.key)
            .set_storage_class(settings.storage_class)
            .set_tagging(settings.tagging)
            .set_object_lock_mode(settings.lock)
            .set_object_lock_retain_until_date(settings.until)
            .set_object_lock_legal_hold_status(settings.hold)
    }};
}
pub(super) use kept_as;

/// Tags as the query that their header holds.
fn tagging(tags: &[(String, String)]) -> String {
    let pairs: Vec<String> = tags.iter().map(|(name, value)| format!("{}={}", escaped(name), escaped(value))).collect();
    pairs.join("&")
}

fn escaped(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
    let one = |byte: u8| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    text.bytes().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_escaped() {
        let tags = [("team", "a b"), ("k&", "=é")].map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(tagging(&tags), "team=a%20b&k%26=%3D%C3%A9");
    }
}
