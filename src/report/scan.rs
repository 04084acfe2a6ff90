//! The report of `scan`.

use super::{Exit, Finding, KeyName, Locator, Provenance, SourceIntegrity, Threat, Where};
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::BTreeMap;

/// The document of `scan --format json`.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct ScanReport {
    /// `rediscover/scan/v1`.
    pub schema: String,
    /// What was read, by what, when.
    pub provenance: Provenance,
    /// How the command ended.
    pub exit: Exit,
    /// What was found.
    #[serde(flatten)]
    pub scan: Scan,
    /// How whole each source is, in the order given.
    pub integrity: Vec<SourceIntegrity>,
}

/// What a scan came to.
#[derive(Debug, Clone, Default, PartialEq, Serialize, JsonSchema)]
pub struct Scan {
    /// Numbers.
    pub summary: ScanSummary,
    /// The findings, gravest first, then by source and place.
    pub findings: Vec<Finding>,
    /// What secrets and personal data were exposed.
    pub exposure: Vec<Exposure>,
    /// What the evidence that was read cannot show.
    pub cannot_show: Vec<String>,
}

/// A line of `scan --reveal-to`: one secret, or one piece of personal data, as it stands there.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct RevealedRow {
    /// The rule.
    pub rule: String,
    /// The source.
    pub source: String,
    /// The database.
    pub db: Option<u64>,
    /// The key.
    pub key: Option<KeyName>,
    /// What part of the evidence it is in.
    #[serde(rename = "where")]
    pub place: Where,
    /// Which element.
    pub element: Option<Locator>,
    /// What has to be revoked: text, or base64 of what is none; up to 16 KiB of it.
    pub value: KeyName,
    /// Different values that the rule finds in this text, 64 at most; `value` is the first of them.
    pub values: u64,
    /// Until when it is valid by its own words, RFC 3339 in UTC.
    pub valid_until: Option<String>,
    /// When the key expires, RFC 3339 in UTC.
    pub expire_at: Option<String>,
}

/// Numbers of a scan. Every finding counts, also those past the limit of the list. What is told once for many keys
/// ([`super::Structural`]) is one finding.
#[derive(Debug, Clone, Default, PartialEq, Serialize, JsonSchema)]
pub struct ScanSummary {
    /// Findings per severity; each one is there.
    pub by_severity: BTreeMap<Threat, u64>,
    /// Findings per rule.
    pub by_rule: BTreeMap<String, u64>,
    /// Findings that the allow-list hides.
    pub suppressed: u64,
    /// The entries of the allow-list that hid some.
    pub suppressed_by: Vec<Suppressed>,
    /// Findings that the baseline has.
    pub known: u64,
    /// Findings that are not in the list because there were too many of their rule. Of those the first are listed, of every
    /// pattern of key names some.
    pub not_listed: u64,
    /// Rules that were applied.
    pub rules: u64,
    /// Keys whose content was scanned.
    pub keys: u64,
    /// Texts that were scanned: names, elements, fields.
    pub texts: u64,
    /// Bytes of them.
    pub bytes: u64,
    /// Bytes that decoders made of them.
    pub decoded_bytes: u64,
    /// Decodings that were cut at their bound.
    pub decodings_cut: u64,
    /// What could not be looked into as a whole: packed values that are too large, modules whose layout is not known, names of
    /// keys over 64 KiB, commands and libraries past what is held of them.
    pub not_scanned: u64,
    /// How often the pattern of each rule was tried. Not part of the document: it depends on how the file was read.
    #[serde(skip)]
    pub candidates: BTreeMap<String, u64>,
}

/// What an entry of the allow-list hid.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Suppressed {
    /// Its reason, as the list says it.
    pub reason: String,
    /// The day from which it no longer holds.
    pub expires: Option<String>,
    /// Findings.
    pub findings: u64,
}

/// What one rule says was exposed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Exposure {
    /// The rule.
    pub rule: String,
    /// What it finds.
    pub title: String,
    /// Keys.
    pub keys: u64,
    /// Different values.
    pub distinct_values: u64,
    /// Whether that number is an estimate, past 65,536.
    pub distinct_estimated: bool,
    /// Where, most keys first.
    pub prefixes: Vec<ExposedPrefix>,
    /// Keys that had not expired at the moment of the snapshot, or whose token was valid.
    pub unexpired: u64,
    /// The last moment at which one of them is still valid, RFC 3339 in UTC; null if one has no end.
    pub latest_expiry: Option<String>,
}

/// Keys of one prefix.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ExposedPrefix {
    /// What their names have in common: `session:*`.
    pub prefix: String,
    /// Keys.
    pub keys: u64,
}
