//! What a scan has to find and what it must not, a line of JSON each.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

/// Which element of a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Spot {
    Index(u64),
    Field(Vec<u8>),
    /// The beginning of the SHA-256 of a member.
    Member(String),
    /// An entry of a stream, and the field.
    Entry(String, Vec<u8>),
    /// A function library, an AUX field, a path.
    Name(String),
    Line(u64),
}

/// What a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The rule has to fire here.
    Positive,
    /// The rule must not fire here, though the text looks like one that it is for.
    NearMiss,
    /// Nothing may be found.
    Clean,
}

impl Kind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Kind::Positive => "positive",
            Kind::NearMiss => "near-miss",
            Kind::Clean => "clean",
        }
    }
}

/// One line.
#[derive(Debug, Clone)]
pub(crate) struct Truth {
    pub(crate) case: String,
    pub(crate) db: Option<u64>,
    /// None for what concerns the dump as a whole, a function, a line of a log, a file.
    pub(crate) key: Option<Vec<u8>>,
    pub(crate) place: &'static str,
    pub(crate) element: Option<Spot>,
    /// The beginning of the ids of rules that are meant: `RD-WEB-003` is also `RD-WEB-003-JSP`.
    pub(crate) rule: Option<String>,
    pub(crate) severity: &'static str,
    pub(crate) kind: Kind,
    /// The beginnings of ids of rules that may fire here as well.
    pub(crate) also: Vec<String>,
    /// `aof` if only the log has it; `rdb` if only the dump.
    pub(crate) form: Option<&'static str>,
    /// What no output may have without being asked for it.
    pub(crate) secrets: Vec<String>,
    /// What was planted: for people.
    pub(crate) text: Vec<u8>,
}

impl Truth {
    /// A line on the dump as a whole.
    pub(crate) fn dump(case: &str, rule: &str, severity: &'static str) -> Self {
        Self {
            case: case.to_owned(),
            db: None,
            key: None,
            place: "structure",
            element: None,
            rule: Some(rule.to_owned()),
            severity,
            kind: Kind::Positive,
            also: Vec::new(),
            form: None,
            secrets: Vec::new(),
            text: Vec::new(),
        }
    }

    /// Nothing in this keyspace but what other lines say.
    pub(crate) fn clean(case: &str) -> Self {
        Self { rule: None, kind: Kind::Clean, place: "value", ..Self::dump(case, "", "info") }
    }

    pub(crate) fn line(&self) -> Value {
        let element = self.element.as_ref().map(|spot| match spot {
            Spot::Index(index) => json!({"index": index}),
            Spot::Field(field) => json!({"field": name(field)}),
            Spot::Member(hash) => json!({"member_sha256": hash}),
            Spot::Entry(id, field) => json!({"id": id, "field": name(field)}),
            Spot::Name(text) => json!({"name": text}),
            Spot::Line(line) => json!({"line": line}),
        });
        let mut all = Map::new();
        let mut put = |name: &str, value: Value| all.insert(name.to_owned(), value);
        put("case", json!(self.case));
        put("db", json!(self.db));
        put("key", self.key.as_deref().map_or(Value::Null, name));
        put("where", json!(self.place));
        put("element", json!(element));
        put("rule", json!(self.rule));
        put("severity", json!(self.severity));
        put("kind", json!(self.kind.name()));
        put("also", json!(self.also));
        put("form", json!(self.form));
        put("secrets", json!(self.secrets));
        let shown = self.text[..self.text.len().min(200)].escape_ascii().to_string();
        put("text", json!(shown));
        Value::Object(all)
    }
}

/// A name as reports write it.
pub(crate) fn name(bytes: &[u8]) -> Value {
    match std::str::from_utf8(bytes) {
        Ok(text) => json!(text),
        Err(_) => json!({"base64": STANDARD.encode(bytes)}),
    }
}

/// The line that [`Truth::line`] wrote.
pub(crate) fn read(line: &str) -> Result<Truth, serde_json::Error> {
    let value: Value = serde_json::from_str(line)?;
    let text = |name: &str| value[name].as_str().map(str::to_owned);
    let words = |name: &str| -> Vec<String> {
        value[name].as_array().into_iter().flatten().filter_map(|word| word.as_str().map(str::to_owned)).collect()
    };
    let of = |known: &[&'static str], name: &str| {
        known.iter().copied().find(|known| value[name].as_str() == Some(known)).unwrap_or_default()
    };
    let element = &value["element"];
    let spot = if let Some(index) = element["index"].as_u64() {
        Some(Spot::Index(index))
    } else if let Some(id) = element["id"].as_str() {
        bytes(&element["field"]).map(|field| Spot::Entry(id.to_owned(), field))
    } else if let Some(hash) = element["member_sha256"].as_str() {
        Some(Spot::Member(hash.to_owned()))
    } else if let Some(name) = element["name"].as_str() {
        Some(Spot::Name(name.to_owned()))
    } else if let Some(line) = element["line"].as_u64() {
        Some(Spot::Line(line))
    } else {
        bytes(&element["field"]).map(Spot::Field)
    };
    Ok(Truth {
        case: text("case").unwrap_or_default(),
        db: value["db"].as_u64(),
        key: bytes(&value["key"]),
        place: of(
            &["key", "value", "field", "element", "function", "aux", "command", "structure", "log", "file"],
            "where",
        ),
        element: spot,
        rule: text("rule"),
        severity: of(&["critical", "high", "medium", "low", "info"], "severity"),
        kind: [Kind::Positive, Kind::NearMiss]
            .into_iter()
            .find(|kind| value["kind"].as_str() == Some(kind.name()))
            .unwrap_or(Kind::Clean),
        also: words("also"),
        form: Some(of(&["aof", "rdb"], "form")).filter(|form| !form.is_empty()),
        secrets: words("secrets"),
        text: text("text").unwrap_or_default().into_bytes(),
    })
}

/// The name that [`name`] wrote.
fn bytes(value: &Value) -> Option<Vec<u8>> {
    match value.as_str() {
        Some(text) => Some(text.as_bytes().to_vec()),
        None => STANDARD.decode(value["base64"].as_str()?).ok(),
    }
}
