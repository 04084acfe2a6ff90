//! What a rule found, and where.

use super::KeyName;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How grave a finding is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Threat {
    /// Worth knowing: an inventory, a sign that says nothing alone.
    #[default]
    Info,
    /// Weak.
    Low,
    /// To be looked at.
    Medium,
    /// To be acted on.
    High,
    /// To be acted on now.
    Critical,
}

impl Threat {
    /// Every one, the gravest first.
    pub const ALL: [Threat; 5] = [Threat::Critical, Threat::High, Threat::Medium, Threat::Low, Threat::Info];

    /// The word.
    pub fn name(self) -> &'static str {
        match self {
            Threat::Info => "info",
            Threat::Low => "low",
            Threat::Medium => "medium",
            Threat::High => "high",
            Threat::Critical => "critical",
        }
    }

    /// So many levels graver, critical at most.
    #[must_use]
    pub fn raised(self, by: u8) -> Self {
        let ascending = [Threat::Info, Threat::Low, Threat::Medium, Threat::High, Threat::Critical];
        let at = (self as usize).saturating_add(usize::from(by)).min(ascending.len() - 1);
        ascending.get(at).copied().unwrap_or(Threat::Critical)
    }
}

/// How sure a finding is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Confidence {
    /// Often something harmless.
    Low,
    /// Sometimes something harmless.
    #[default]
    Medium,
    /// Hardly ever something harmless.
    High,
    /// What was stored is certain; that it had an effect is not: this server does not let a client write files elsewhere.
    Attempted,
}

impl Confidence {
    /// The word.
    pub fn name(self) -> &'static str {
        match self {
            Confidence::Low => "low",
            Confidence::Medium => "medium",
            Confidence::High => "high",
            Confidence::Attempted => "attempted",
        }
    }
}

/// What sort of thing a rule looks for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Category {
    /// A trace of an attack.
    #[default]
    Attack,
    /// A secret: a password, a key, a token.
    Secret,
    /// Personal data.
    Personal,
    /// A fact for the record: what is there, what it is exposed to.
    Inventory,
}

impl Category {
    /// The word.
    pub fn name(self) -> &'static str {
        match self {
            Category::Attack => "attack",
            Category::Secret => "secret",
            Category::Personal => "personal",
            Category::Inventory => "inventory",
        }
    }

    /// Whether what is found must not be shown.
    pub fn is_redacted(self) -> bool {
        matches!(self, Category::Secret | Category::Personal)
    }
}

/// What part of the evidence a finding is in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Where {
    /// The name of a key.
    Key,
    /// A string, or the value of a field.
    #[default]
    Value,
    /// The name of a field, in a hash or a stream entry.
    Field,
    /// An item of a list, a member of a set or sorted set.
    Element,
    /// The source of a function library.
    Function,
    /// An AUX field of an RDB.
    Aux,
    /// A command of an append-only file.
    Command,
    /// The structure of the file, or the keyspace as a whole.
    Structure,
    /// A line of a server's log.
    Log,
    /// A file in a tree.
    File,
}

impl Where {
    /// The word.
    pub fn name(self) -> &'static str {
        match self {
            Where::Key => "key",
            Where::Value => "value",
            Where::Field => "field",
            Where::Element => "element",
            Where::Function => "function",
            Where::Aux => "aux",
            Where::Command => "command",
            Where::Structure => "structure",
            Where::Log => "log",
            Where::File => "file",
        }
    }
}

/// Which element of a value. Members of sets are named by their place in the file and a hash, for they are the content.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
pub struct Locator {
    /// Place in the order of the file, from 0: of a list or array the index; of a stream, of the entry.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub index: Option<u64>,
    /// The field of a hash or stream entry; null where the name itself is what must not be shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<KeyName>,
    /// The first 16 hexadecimal digits of the SHA-256 of a member; none where it could be guessed from them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub member_sha256: Option<String>,
    /// The id of a stream entry.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Of a command, which argument, the name being 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub argument: Option<u64>,
    /// The AUX field, the function library, the consumer group or its consumer, the path below the tree.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<KeyName>,
    /// Of a log, the line, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u64>,
}

/// A rule that fires on so large a part of the keys of one prefix that this is how they are built, told once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Structural {
    /// What the names have in common: `session:*`.
    pub prefix: String,
    /// Keys with this finding.
    pub keys: u64,
    /// Keys of the prefix.
    pub of_keys: u64,
    /// Three of them.
    pub samples: Vec<KeyName>,
}

/// One thing found. Nothing in it depends on the clock or on how the file was read: same bytes, same rules, same findings.
#[derive(Debug, Clone, Default, PartialEq, Serialize, JsonSchema)]
pub struct Finding {
    /// The rule: `RD-CRON-001`.
    pub rule: String,
    /// Its version.
    pub rule_version: u32,
    /// What it finds, in a few words.
    pub title: String,
    /// How grave this is here.
    pub severity: Threat,
    /// How grave the technique is; more than `severity` where the server limits what it can have led to.
    pub technique_severity: Threat,
    /// How sure.
    pub confidence: Confidence,
    /// What sort of thing.
    pub category: Category,
    /// What it belongs to, for grouping: `Persistence by cron`.
    pub story: String,
    /// The source.
    pub source: String,
    /// The file, where the source is made of several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// The database.
    pub db: Option<u64>,
    /// The key.
    pub key: Option<KeyName>,
    /// Its type, as TYPE says.
    #[serde(rename = "type")]
    pub key_type: Option<String>,
    /// When the key expires, RFC 3339 in UTC.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expire_at: Option<String>,
    /// What part of the evidence it is in.
    #[serde(rename = "where")]
    pub place: Where,
    /// Which element.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub element: Option<Locator>,
    /// Start of the record in the uncompressed stream of its file; of a log's line and a tree's file, in that file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub offset: Option<u64>,
    /// When it happened, where the evidence says so: the time of a log's line, of a command by its annotation. RFC 3339 in UTC.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
    /// Where the match begins, in bytes from the beginning of the text it was found in: after decoding.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub match_offset: Option<u64>,
    /// The length of the match in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub match_bytes: Option<u64>,
    /// How the text was decoded, outermost first: `["base64", "gzip"]`.
    pub decoded_from: Vec<String>,
    /// What matched, escaped; of secrets and personal data only their shape.
    #[serde(rename = "match")]
    pub excerpt: String,
    /// How often the rule matches in this text.
    pub matches: u64,
    /// Keyed hash of the rule and what matched: equal for equal secrets. Null for what could be guessed from it, unless a key
    /// is given.
    pub fingerprint: Option<String>,
    /// Until when a token is valid by its own words, RFC 3339 in UTC.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub valid_until: Option<String>,
    /// MITRE ATT&CK ids.
    pub attack: Vec<String>,
    /// Why it matters.
    pub why: String,
    /// What to do.
    pub advice: String,
    /// What was learnt of this one: a version, an algorithm, that persistence is not proven.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// Set where it stands for many keys.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub structural: Option<Structural>,
}
