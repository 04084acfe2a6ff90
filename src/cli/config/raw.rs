//! `rediscover.toml` as it is written: every key may be left out.

use crate::cli::args::{VerifyLevel, bytes, span};
use clap::ValueEnum;
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
            replicas, repository, copies, tags, user, tls, via, server_config, max_age, max_unverified, verify, retention,
            recipients, recipients_files, identity_files, compression, stream, max_shrink
        )
    }
}

/// A secret that stands where everybody reads it.
#[derive(Debug, Clone)]
pub(super) struct Inline;

impl<'de> Deserialize<'de> for Inline {
    fn deserialize<D: Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
        Err(serde::de::Error::custom("a password does not belong into this file: password_file or password_env says where it is"))
    }
}

/// `tls = { … }`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
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
        lines.iter().map(|text| Reading::parse(text)).collect::<Result<_, _>>().map(Self).map_err(serde::de::Error::custom)
    }
}

/// A number, or a word for one: `unlimited`, `10%`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Number(pub(super) String);

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged, expecting = "expected a number, or a text such as \"unlimited\"")]
        enum Written {
            Number(i64),
            Word(String),
        }
        Ok(Self(match Written::deserialize(deserializer)? {
            Written::Number(number) => number.to_string(),
            Written::Word(word) => word,
        }))
    }
}

/// `retention = { … }`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawRetention {
    pub(super) keep_last: Option<Number>,
    pub(super) keep_hourly: Option<Number>,
    pub(super) keep_daily: Option<Number>,
    pub(super) keep_weekly: Option<Number>,
    pub(super) keep_monthly: Option<Number>,
    pub(super) keep_yearly: Option<Number>,
    pub(super) keep_within: Option<String>,
    pub(super) keep_within_hourly: Option<String>,
    pub(super) keep_within_daily: Option<String>,
    pub(super) keep_within_weekly: Option<String>,
    pub(super) keep_within_monthly: Option<String>,
    pub(super) keep_within_yearly: Option<String>,
    pub(super) keep_tags: Option<Vec<String>>,
    pub(super) keep_damaged: Option<Number>,
    pub(super) timezone: Option<String>,
    pub(super) max_remove: Option<Number>,
}

impl RawRetention {
    /// As options of `backup prune`: `keep-daily` and `7`.
    pub(super) fn rules(&self) -> Vec<(&'static str, String)> {
        let number = |name, value: &Option<Number>| value.as_ref().map(|value| (name, value.0.clone()));
        let text = |name, value: &Option<String>| value.as_ref().map(|value| (name, value.clone()));
        let mut rules: Vec<_> = [
            number("keep-last", &self.keep_last),
            number("keep-hourly", &self.keep_hourly),
            number("keep-daily", &self.keep_daily),
            number("keep-weekly", &self.keep_weekly),
            number("keep-monthly", &self.keep_monthly),
            number("keep-yearly", &self.keep_yearly),
            text("keep-within", &self.keep_within),
            text("keep-within-hourly", &self.keep_within_hourly),
            text("keep-within-daily", &self.keep_within_daily),
            text("keep-within-weekly", &self.keep_within_weekly),
            text("keep-within-monthly", &self.keep_within_monthly),
            text("keep-within-yearly", &self.keep_within_yearly),
            number("keep-damaged", &self.keep_damaged),
            text("timezone", &self.timezone),
            number("max-remove", &self.max_remove),
        ]
        .into_iter()
        .flatten()
        .collect();
        rules.extend(self.keep_tags.iter().flatten().map(|tags| ("keep-tag", tags.clone())));
        rules
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
