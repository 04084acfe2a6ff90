//! `rediscover.toml` as it is written: every key may be left out.

use crate::cli::args::{VerifyLevel, bytes, span, zone};
use clap::ValueEnum;
use rediscover::backup::retention::{self, Count, Limit, Retention};
use rediscover::codec::Packing;
use rediscover::source::Via;
use serde::{Deserialize, Deserializer};
use std::path::PathBuf;

/// `[repositories.NAME]`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawRepository {
    pub(super) path: Option<String>,
}

/// `[instances.NAME]` and `[defaults]`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Settings {
    pub(super) source: Option<String>,
    pub(super) replicas: Option<Vec<String>>,
    pub(super) repository: Option<String>,
    pub(super) copies: Option<Vec<String>>,
    pub(super) tags: Option<Vec<String>>,
    pub(super) user: Option<String>,
    #[allow(dead_code, reason = "reading one is an error")]
    pub(super) password: Option<Inline>,
    pub(super) password_file: Option<PathBuf>,
    pub(super) password_env: Option<String>,
    pub(super) tls: Option<RawTls>,
    pub(super) via: Option<Way>,
    pub(super) server_config: Option<PathBuf>,
    pub(super) max_age: Option<Span>,
    pub(super) max_unverified: Option<Span>,
    pub(super) verify: Option<Schedule>,
    pub(super) retention: Option<RawRetention>,
    pub(super) recipients: Option<Vec<String>>,
    pub(super) recipients_files: Option<Vec<PathBuf>>,
    pub(super) identity_files: Option<Vec<PathBuf>>,
    pub(super) compression: Option<Compression>,
    pub(super) stream: Option<Stream>,
    pub(super) max_shrink: Option<Percent>,
}

impl Settings {
    /// The settings of an instance, completed by the defaults. Each key stands for itself, but where a password comes from is one
    /// thing.
    pub(super) fn or(self, defaults: &Self) -> Self {
        let own_password = self.password_file.is_some() || self.password_env.is_some();
        let other = |password: Option<PathBuf>| password.filter(|_| !own_password);
        macro_rules! completed {
            ($($key:ident),*) => {
                Self {
                    source: self.source,
                    password: None,
                    password_file: self.password_file.or(other(defaults.password_file.clone())),
                    password_env: self.password_env.or(defaults.password_env.clone().filter(|_| !own_password)),
                    $($key: self.$key.or_else(|| defaults.$key.clone()),)*
                }
            };
        }
        completed!(
            replicas,
            repository,
            copies,
            tags,
            user,
            tls,
            via,
            server_config,
            max_age,
            max_unverified,
            verify,
            retention,
            recipients,
            recipients_files,
            identity_files,
            compression,
            stream,
            max_shrink
        )
    }
}

/// A secret that stands where everybody reads it.
#[derive(Debug, Clone)]
pub(super) struct Inline;

impl<'de> Deserialize<'de> for Inline {
    fn deserialize<D: Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
        Err(serde::de::Error::custom(
            "a password does not belong into this file: password_file or password_env says where it is",
        ))
    }
}

/// `tls = { … }`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(clippy::struct_field_names, reason = "the names of the settings")]
pub(super) struct RawTls {
    pub(super) ca_file: Option<PathBuf>,
    pub(super) cert_file: Option<PathBuf>,
    pub(super) key_file: Option<PathBuf>,
}

/// How the bytes are got from a server: `auto`, `sync` or `scan`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct Way(pub(super) Via);

impl TryFrom<String> for Way {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let way = [Via::Auto, Via::Sync, Via::Scan].into_iter().find(|via| via.name() == text);
        way.map(Self).ok_or_else(|| "expected auto, sync or scan".to_owned())
    }
}

/// `26h`, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct Span(pub(super) i64);

impl TryFrom<String> for Span {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        span(&text).map(Self)
    }
}

/// `zstd:3`.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct Compression(pub(super) Packing);

impl TryFrom<String> for Compression {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse().map(Self).map_err(|error| format!("{error}"))
    }
}

/// From 0 to 100.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(try_from = "i64")]
pub(super) struct Percent(pub(super) u8);

impl TryFrom<i64> for Percent {
    type Error = String;

    fn try_from(number: i64) -> Result<Self, String> {
        let percent = u8::try_from(number).ok().filter(|percent| *percent <= 100);
        percent.map(Self).ok_or_else(|| "expected a percentage from 0 to 100".to_owned())
    }
}

/// `stream = true`, or how much of it: `"64mb"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stream(pub(super) Option<u64>);

impl<'de> Deserialize<'de> for Stream {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged, expecting = "expected true, false or a size: \"64mb\"")]
        enum Written {
            Whether(bool),
            Bytes(String),
        }
        match Written::deserialize(deserializer)? {
            Written::Whether(whether) => Ok(Self(whether.then_some(64 << 20))),
            Written::Bytes(text) => bytes(&text).map(|bytes| Self(Some(bytes))).map_err(serde::de::Error::custom),
        }
    }
}

/// When backups are read again, and how deep.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Schedule(pub(super) Vec<Reading>);

/// One line of it: `full every 7d`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Reading {
    pub(crate) level: VerifyLevel,
    /// In milliseconds; none: every run.
    pub(crate) every_ms: Option<i64>,
}

impl Reading {
    /// Reads `[LEVEL] [every run|every SPAN]`.
    fn parse(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{}`: expected `stored every run`, `full every 7d`", text.escape_default());
        let (level, when) = match text.split_once("every ") {
            Some((level, when)) => (level.trim(), when.trim()),
            None => (text.trim(), "run"),
        };
        let level = if level.is_empty() { "stored" } else { level };
        let level = VerifyLevel::from_str(level, false).map_err(|_| wrong())?;
        let every_ms = if when == "run" { None } else { Some(span(when).map_err(|_| wrong())?) };
        Ok(Self { level, every_ms })
    }
}

impl std::fmt::Display for Reading {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.every_ms {
            None => write!(f, "{} every run", self.level.word()),
            Some(ms) => write!(f, "{} every {}", self.level.word(), super::span_words(ms)),
        }
    }
}

impl<'de> Deserialize<'de> for Schedule {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged, expecting = "expected a text, or a list of them: `stored every run`, `full every 7d`")]
        enum Written {
            One(String),
            Many(Vec<String>),
        }
        let lines = match Written::deserialize(deserializer)? {
            Written::One(text) if text == "never" => Vec::new(),
            Written::One(text) => vec![text],
            Written::Many(texts) => texts,
        };
        lines
            .iter()
            .map(|text| Reading::parse(text))
            .collect::<Result<_, _>>()
            .map(Self)
            .map_err(serde::de::Error::custom)
    }
}

/// How many a rule keeps: a number, or `"unlimited"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Many(pub(super) Count);

impl<'de> Deserialize<'de> for Many {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Count::parse(&number(deserializer)?).map(Self).map_err(serde::de::Error::custom)
    }
}

/// How much may go at once: a number, or `"25%"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Most(pub(super) Limit);

impl<'de> Deserialize<'de> for Most {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Limit::parse(&number(deserializer)?).map(Self).map_err(serde::de::Error::custom)
    }
}

/// A number, or a word for one.
fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged, expecting = "expected a number, or a text such as \"unlimited\"")]
    enum Written {
        Number(i64),
        Word(String),
    }
    Ok(match Written::deserialize(deserializer)? {
        Written::Number(number) => number.to_string(),
        Written::Word(word) => word,
    })
}

/// `30d`, by the calendar.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct Within(pub(super) retention::Span);

impl TryFrom<String> for Within {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        retention::Span::parse(&text).map(Self)
    }
}

/// `Europe/Berlin`.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct Zone(pub(super) jiff::tz::TimeZone);

impl TryFrom<String> for Zone {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        zone(&text).map(Self)
    }
}

/// `retention = { … }`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawRetention {
    pub(super) keep_last: Option<Many>,
    pub(super) keep_hourly: Option<Many>,
    pub(super) keep_daily: Option<Many>,
    pub(super) keep_weekly: Option<Many>,
    pub(super) keep_monthly: Option<Many>,
    pub(super) keep_yearly: Option<Many>,
    pub(super) keep_within: Option<Within>,
    pub(super) keep_within_hourly: Option<Within>,
    pub(super) keep_within_daily: Option<Within>,
    pub(super) keep_within_weekly: Option<Within>,
    pub(super) keep_within_monthly: Option<Within>,
    pub(super) keep_within_yearly: Option<Within>,
    /// Each with tags that belong together: `"release,eu"`.
    pub(super) keep_tags: Option<Vec<String>>,
    pub(super) keep_damaged: Option<Many>,
    pub(super) timezone: Option<Zone>,
    pub(super) max_remove: Option<Most>,
}

impl RawRetention {
    /// As the library has it.
    pub(super) fn policy(&self) -> Retention {
        let many = |many: Option<Many>| many.map_or(Count::None, |many| many.0);
        let within = |within: Option<Within>| within.map(|within| within.0);
        let tags = |text: &String| text.split(',').map(|tag| tag.trim().to_owned()).collect();
        let default = Retention::default();
        Retention {
            keep_last: many(self.keep_last),
            keep_hourly: many(self.keep_hourly),
            keep_daily: many(self.keep_daily),
            keep_weekly: many(self.keep_weekly),
            keep_monthly: many(self.keep_monthly),
            keep_yearly: many(self.keep_yearly),
            keep_within: within(self.keep_within),
            keep_within_hourly: within(self.keep_within_hourly),
            keep_within_daily: within(self.keep_within_daily),
            keep_within_weekly: within(self.keep_within_weekly),
            keep_within_monthly: within(self.keep_within_monthly),
            keep_within_yearly: within(self.keep_within_yearly),
            keep_tags: self.keep_tags.iter().flatten().map(tags).collect(),
            keep_damaged: self.keep_damaged.map_or(default.keep_damaged, |many| many.0),
            timezone: self.timezone.as_ref().map_or(default.timezone, |zone| zone.0.clone()),
        }
    }

    /// For people: `daily 7`, as far as it says something.
    pub(super) fn words(&self) -> Vec<String> {
        let counts = [
            ("last", self.keep_last),
            ("hourly", self.keep_hourly),
            ("daily", self.keep_daily),
            ("weekly", self.keep_weekly),
            ("monthly", self.keep_monthly),
            ("yearly", self.keep_yearly),
            ("damaged", self.keep_damaged),
        ];
        let spans = [
            ("within", self.keep_within),
            ("within-hourly", self.keep_within_hourly),
            ("within-daily", self.keep_within_daily),
            ("within-weekly", self.keep_within_weekly),
            ("within-monthly", self.keep_within_monthly),
            ("within-yearly", self.keep_within_yearly),
        ];
        let counts = counts.iter().filter_map(|(name, many)| Some(format!("keep-{name} {}", (*many)?.0)));
        let spans = spans.iter().filter_map(|(name, within)| Some(format!("keep-{name} {}", (*within)?.0)));
        let tags = self.keep_tags.iter().flatten().map(|tags| format!("keep-tag {tags}"));
        let zone = self.timezone.iter().filter_map(|zone| Some(format!("timezone {}", zone.0.iana_name()?)));
        let most = self.max_remove.iter().map(|most| format!("max-remove {}", most.0));
        counts.chain(spans).chain(tags).chain(zone).chain(most).collect()
    }
}

/// `[hooks]`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawHooks {
    pub(super) before: Option<Vec<String>>,
    pub(super) after: Option<Vec<String>>,
    pub(super) on_failure: Option<Vec<String>>,
    pub(super) timeout: Option<Span>,
}

/// `[metrics]`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawMetrics {
    pub(super) textfile: Option<PathBuf>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schedules_are_read_as_they_are_said() {
        let read = |text: &str| Reading::parse(text).map(|reading| reading.to_string());
        assert_eq!(read("stored").as_deref(), Ok("stored every run"));
        assert_eq!(read("every run").as_deref(), Ok("stored every run"));
        assert_eq!(read("full every 7d").as_deref(), Ok("full every 7d"));
        assert_eq!(read("every 36h").as_deref(), Ok("stored every 36h"));
        for wrong in ["", "deep", "full every", "full every day", "full 7d"] {
            assert!(wrong.is_empty() || read(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn where_a_password_comes_from_is_one_thing() {
        let defaults = Settings { password_file: Some("pw".into()), user: Some("bk".into()), ..Settings::default() };
        let own = Settings { password_env: Some("PW".into()), ..Settings::default() }.or(&defaults);
        assert_eq!((own.password_file, own.password_env.as_deref()), (None, Some("PW")));
        assert_eq!(own.user.as_deref(), Some("bk"));
        assert_eq!(Settings::default().or(&defaults).password_file, Some("pw".into()));
    }
}
