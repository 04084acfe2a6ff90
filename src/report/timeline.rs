//! The rows of `timeline`: what was done, and when.

use super::{KeyName, escape};
use crate::base::UnixMs;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Serialize, Serializer};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

/// One thing that was done, or one moment that a clock kept.
///
/// `datetime` is the moment itself where it is known, else the earliest it can have been, else the latest;
/// `timestamp_desc` says which. It is null where nothing is known of the time.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct TimelineRow {
    /// RFC 3339 in UTC.
    pub datetime: Option<Moment>,
    /// The same in microseconds since 1970, as Timesketch counts; null where `datetime` is.
    pub timestamp: Option<i64>,
    /// What the time is the time of.
    pub timestamp_desc: Cow<'static, str>,
    /// The row in one sentence; bytes of the input in it are escaped.
    pub message: String,
    /// Whether the time stands there, or follows from other things.
    pub certainty: Certainty,
    /// It was not earlier.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_before: Option<Moment>,
    /// What says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_before_from: Option<ClockKind>,
    /// It was not later.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_after: Option<Moment>,
    /// What says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_after_from: Option<ClockKind>,
    /// The source it stands in.
    pub source: Arc<str>,
    /// The file, where the source is made of several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<Arc<str>>,
    /// Whether a server that starts on the data directory it was found in would load it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub loaded: Option<bool>,
    /// Its place in the uncompressed stream of its file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub offset: Option<u64>,
    /// In a log, the line that begins there, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u64>,
    /// The database; null where it is not known, after damage, and for what belongs to none.
    pub db: Option<u64>,
    /// The command, in lower case; a subcommand's as `xgroup|create`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command: Option<Cow<'static, str>>,
    /// The key; of a command with several, the first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<KeyName>,
    /// All keys of a command with several: the first 64.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub keys: Vec<KeyName>,
    /// How many keys the command has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_count: Option<u64>,
    /// What in the value it is about: the id of a stream entry, a field of a hash, a consumer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub element: Option<KeyName>,
    /// The consumer group it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<KeyName>,
    /// The function library that is loaded.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[serde(rename = "library")]
    pub function_library: Option<KeyName>,
    /// Of a line of a server's log: debug, verbose, notice, warning.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub level: Option<&'static str>,
    /// Bytes of the command as it stands there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    /// What the command is for: write, delete, flush, expire …
    #[serde(skip_serializing_if = "Option::is_none")]
    pub effect: Option<&'static str>,
    /// Where the MULTI stands that it is queued under.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transaction: Option<u64>,
    /// Whether it stands after damage, where a server does not come to.
    #[serde(skip_serializing_if = "is_false")]
    pub after_damage: bool,
    /// When the key expires by this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expire_at: Option<Moment>,
    /// With `--key`: what was written, 1 KiB of each and 64 of them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<KeyName>,
    /// With `--key`: how many values there are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value_count: Option<u64>,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_false(value: &bool) -> bool {
    !*value
}

/// Whether a time stands in the evidence, or follows from other things that do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Certainty {
    /// A clock of the server wrote it there.
    Observed,
    /// It follows from other times, from an id that a client may have made up, or from a zone that is assumed.
    Inferred,
}

/// What a bound of a time rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ClockKind {
    /// A `#TS:` annotation of the log.
    Annotation,
    /// `ctime` of the RDB.
    Snapshot,
    /// The id of a stream entry, Unix milliseconds unless a client made it up.
    StreamId,
    /// When an entry was given to a consumer, as the server or a client says.
    Delivery,
    /// An expiry, which lay in the future when it was written.
    Expiry,
    /// How exact the clock is.
    Precision,
    /// What zones there are: which one the log was written in is not known.
    Zone,
}

impl ClockKind {
    /// The word in reports.
    pub fn name(self) -> &'static str {
        match self {
            ClockKind::Annotation => "annotation",
            ClockKind::Snapshot => "snapshot",
            ClockKind::StreamId => "stream-id",
            ClockKind::Expiry => "expiry",
            ClockKind::Delivery => "delivery",
            ClockKind::Precision => "precision",
            ClockKind::Zone => "zone",
        }
    }
}

/// A moment as a report shows it: RFC 3339 in UTC with milliseconds; of one that this form cannot write, the milliseconds
/// since 1970 with `ms` behind them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(pub UnixMs);

impl Serialize for Moment {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl JsonSchema for Moment {
    fn schema_name() -> Cow<'static, str> {
        "Moment".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "description": "RFC 3339 in UTC with milliseconds" })
    }
}

/// What was done in one second or minute.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct TimelineGroup {
    /// When it begins, RFC 3339 in UTC; null where nothing is known of the time.
    pub at: Option<Moment>,
    /// Whether the times of all rows in it are observed.
    pub certainty: Certainty,
    /// The source it stands in.
    pub source: Arc<str>,
    /// The file, where the source is made of several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<Arc<str>>,
    /// Whether a server that starts on the data directory it was found in would load it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub loaded: Option<bool>,
    /// Commands by name.
    pub commands: BTreeMap<Cow<'static, str>, u64>,
    /// Their bytes.
    pub bytes: u64,
    /// Their keys; one that several commands have counts for each.
    pub keys_touched: u64,
    /// Commands among them that delete keys.
    pub deletes: u64,
    /// Commands among them that empty a database or all of them.
    pub flushes: u64,
    /// Rows that are no commands, by their `timestamp_desc`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub others: BTreeMap<Cow<'static, str>, u64>,
}

/// What `timeline` streams.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum TimelineLine {
    /// One row.
    Row(Box<TimelineRow>),
    /// A group of rows: with `--by`.
    Group(TimelineGroup),
}

impl TimelineRow {
    /// A row of which only the source and what it is are known.
    pub fn new(source: &Arc<str>, file: Option<&Arc<str>>, desc: &'static str) -> Self {
        Self {
            datetime: None,
            timestamp: None,
            timestamp_desc: desc.into(),
            message: String::new(),
            certainty: Certainty::Inferred,
            not_before: None,
            not_before_from: None,
            not_after: None,
            not_after_from: None,
            source: Arc::clone(source),
            file: file.map(Arc::clone),
            loaded: None,
            offset: None,
            line: None,
            db: None,
            command: None,
            key: None,
            keys: Vec::new(),
            key_count: None,
            element: None,
            group: None,
            function_library: None,
            level: None,
            bytes: None,
            effect: None,
            transaction: None,
            after_damage: false,
            expire_at: None,
            values: Vec::new(),
            value_count: None,
        }
    }

    /// The earliest and the latest it can have been.
    pub fn bounds(&self) -> (Option<UnixMs>, Option<UnixMs>) {
        let exact = self.datetime.filter(|_| self.not_before.is_none() && self.not_after.is_none());
        let bound = |bound: Option<Moment>| bound.or(exact).map(|moment| moment.0);
        (bound(self.not_before), bound(self.not_after))
    }

    /// Sets the moment.
    #[must_use]
    pub fn at(mut self, at: UnixMs, certainty: Certainty) -> Self {
        self.datetime = Some(Moment(at));
        self.timestamp = at.0.checked_mul(1000);
        self.certainty = certainty;
        self
    }
}

/// `"key"` for a message, of a long key the beginning.
pub fn quoted(key: &KeyName) -> String {
    let head = key.head();
    if head.len() <= 256 {
        return format!("\"{}\"", key.escaped());
    }
    // Between bytes of one character it would be escaped, and that is right: it is a part.
    format!("\"{}\"… ({} bytes)", escape(head.get(..256).unwrap_or(head)), key.len_bytes())
}
