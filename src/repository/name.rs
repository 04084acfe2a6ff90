//! Names of backups: they sort by time.

use crate::base::{Error, ErrorKind, Result, UnixMs};
use std::fmt;

/// `INSTANCE/20261123T030000.123Z-3f9a1c`: whose, when, and six hexadecimal digits that keep two of one moment apart. Sorts by
/// instance, then by time.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BackupName {
    instance: String,
    stamp: String,
}

impl BackupName {
    /// The name of a backup taken then. `salt` is any number that differs between two of one millisecond.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`]: an instance that is no name, or a moment outside the years 0 to 9999.
    pub fn new(instance: &str, created_at: UnixMs, salt: u32) -> Result<Self> {
        if !valid_instance(instance) {
            let what =
                format!("`{}` is no name: letters, digits, `.`, `_` and `-`, at most 64", instance.escape_default());
            return Err(Error::new(ErrorKind::Usage { option: "--instance", what }));
        }
        let stamp = stamp(created_at).ok_or_else(|| {
            Error::new(ErrorKind::Usage { option: "--instance", what: format!("{created_at} is no time for a name") })
        })?;
        Ok(Self { instance: instance.to_owned(), stamp: format!("{stamp}-{:06x}", salt & 0xff_ffff) })
    }

    /// Reads `INSTANCE/STAMP`; none if it is no such name.
    pub fn parse(text: &str) -> Option<Self> {
        let (instance, stamp) = text.split_once('/')?;
        let (time, salt) = stamp.split_once('-')?;
        let is_salt = salt.len() == 6 && salt.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        let whole = valid_instance(instance) && is_salt && parse_stamp(time).is_some();
        whole.then(|| Self { instance: instance.to_owned(), stamp: stamp.to_owned() })
    }

    /// Whose.
    pub fn instance(&self) -> &str {
        &self.instance
    }

    /// The name without the instance.
    pub fn stamp(&self) -> &str {
        &self.stamp
    }

    /// When it was taken, as its name says.
    pub fn created_at(&self) -> UnixMs {
        self.stamp.split_once('-').and_then(|(time, _)| parse_stamp(time)).unwrap_or_default()
    }

    /// The name of one of its objects.
    pub fn object(&self, file: &str) -> String {
        format!("{self}/{file}")
    }
}

impl fmt::Display for BackupName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.instance, self.stamp)
    }
}

/// Whether an instance may be called so: it is a segment of an object's name.
pub fn valid_instance(text: &str) -> bool {
    let inside = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    (1..=64).contains(&text.len()) && !text.starts_with(['.', '-']) && text.bytes().all(inside) && text != "pruned"
}

/// `20261123T030000.123Z`. None outside the years 0 to 9999.
pub(super) fn stamp(moment: UnixMs) -> Option<String> {
    let text = moment.rfc3339().filter(|text| !text.starts_with(['-', '+']))?;
    Some(text.replace(['-', ':'], ""))
}

pub(super) fn parse_stamp(text: &str) -> Option<UnixMs> {
    let part = |from: usize, to: usize| text.get(from..to);
    let spread = format!(
        "{}-{}-{}{}:{}:{}",
        part(0, 4)?,
        part(4, 6)?,
        part(6, 11)?.split_at_checked(2)?.0,
        part(8, 11)?,
        part(11, 13)?,
        part(13, 20)?
    );
    let moment = spread.parse::<jiff::Timestamp>().ok().map(|moment| UnixMs(moment.as_millisecond()))?;
    // Only as it is written.
    stamp(moment).filter(|own| own == text).map(|_| moment)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_they_are_written_and_sort_by_time() {
        let times = [0, 1, 999, 1_700_000_000_123, 4_102_444_800_000];
        let names: Vec<_> = times.iter().map(|ms| BackupName::new("prod", UnixMs(*ms), 7).expect("a name")).collect();
        for (name, ms) in names.iter().zip(times) {
            assert_eq!(BackupName::parse(&name.to_string()).as_ref(), Some(name));
            assert_eq!(name.created_at(), UnixMs(ms));
        }
        assert!(names.windows(2).all(|pair| pair[0].to_string() < pair[1].to_string()));
        assert_eq!(names[3].to_string(), "prod/20231114T221320.123Z-000007");
    }

    #[test]
    fn what_is_no_name_is_none() {
        for text in [
            "",
            "prod",
            "prod/x",
            "prod/20231114T221320.123Z",
            "prod/20231314T221320.123Z-000007",
            "../20231114T221320.123Z-000007",
            "prod/20231114T221320.123Z-00000G",
            "prod/2023-11-14T22:13:20.123Z-000007",
            "a b/20231114T221320.123Z-000007",
            "prod/20231114T221320.123Z-000007/x",
        ] {
            assert_eq!(BackupName::parse(text), None, "{text}");
        }
        for text in ["", ".x", "-x", "a/b", "a b", "pruned", "ä", &"x".repeat(65)] {
            assert!(!valid_instance(text), "{text}");
            assert!(BackupName::new(text, UnixMs(0), 0).is_err());
        }
    }
}
