//! SARIF 2.1.0, which code hosts and CI systems show beside the file.
//!
//! A dump has no lines: a place is a `byteOffset` in the uncompressed stream, with `startLine: 1` for the hosts that show
//! nothing without a line.

mod check;
mod scan;

pub use check::check;
pub use scan::scan;

use crate::report::{Exit, Provenance};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};

const SCHEMA: &str = "https://json.schemastore.org/sarif-2.1.0.json";
/// What absolute paths are relative to.
const ROOT: &str = "ROOT";

/// Writes the whole: one run with a notification for each source that could not be read.
fn log(
    provenance: &Provenance,
    exit: &Exit,
    rules: &[Value],
    results: &[Value],
    out: &mut dyn Write,
) -> io::Result<()> {
    let unread = provenance.sources.iter().filter_map(|facts| {
        let error = facts.error.as_ref()?;
        Some(json!({
            "level": "error",
            "message": {"text": plain(error)},
            "locations": [{"physicalLocation": {"artifactLocation": artifact(&facts.source)}}],
        }))
    });
    // The same source may have been named twice.
    let mut seen = BTreeSet::new();
    let once = provenance.sources.iter().filter(|facts| seen.insert(facts.source.as_str()));
    let artifacts = once.map(|facts| {
        let mut hashes = BTreeMap::new();
        for (name, hash) in [("sha-256", &facts.sha256), ("sha-1", &facts.sha1), ("md5", &facts.md5)] {
            if let Some(hash) = hash {
                hashes.insert(name, hash);
            }
        }
        let mut artifact = json!({"location": artifact(&facts.source), "length": facts.bytes});
        if !hashes.is_empty() {
            artifact["hashes"] = json!(hashes);
        }
        artifact
    });
    let mut run = json!({
        "tool": {"driver": {
            "name": provenance.tool,
            "version": provenance.version,
            "semanticVersion": provenance.version,
            "rules": rules,
        }},
        "invocations": [{
            "executionSuccessful": !matches!(exit.code, 1 | 2 | 5 | 130 | 143),
            "exitCode": exit.code,
            "startTimeUtc": provenance.started,
            "endTimeUtc": provenance.ended,
            "toolExecutionNotifications": unread.collect::<Vec<_>>(),
        }],
        "columnKind": "unicodeCodePoints",
        "artifacts": artifacts.collect::<Vec<_>>(),
        "results": results,
    });
    if provenance.sources.iter().any(|facts| facts.source.starts_with('/')) {
        run["originalUriBaseIds"] = json!({ROOT: {"uri": "file:///"}});
    }
    let mut document = json!({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]});
    super::scan::make_printable(&mut document);
    super::json::write(&document, out)
}

/// The rules in the order of their first use.
#[derive(Default)]
struct Rules {
    list: Vec<Value>,
    index: BTreeMap<String, usize>,
}

impl Rules {
    /// The place of a rule in the list; `about` is asked once what else is to be said of it.
    fn index(&mut self, id: &str, about: impl FnOnce() -> Value) -> usize {
        if let Some(index) = self.index.get(id) {
            return *index;
        }
        let index = self.list.len();
        let mut rule = about();
        rule["id"] = id.into();
        self.list.push(rule);
        self.index.insert(id.to_owned(), index);
        index
    }
}

/// A place. The offset counts in the uncompressed stream.
fn location(source: &str, offset: Option<u64>) -> Value {
    let mut region = json!({"startLine": 1});
    if let Some(offset) = offset {
        region["byteOffset"] = offset.into();
    }
    json!({"physicalLocation": {"artifactLocation": artifact(source), "region": region}})
}

/// A key as a place inside a file.
fn logical(db: u64, key: &str) -> Value {
    json!({"name": key, "fullyQualifiedName": format!("db{db}/{key}"), "kind": "member"})
}

/// A file: a relative URI, of an absolute path relative to the root.
fn artifact(path: &str) -> Value {
    match path.strip_prefix('/') {
        Some(rest) => json!({"uri": uri(rest.trim_start_matches('/')), "uriBaseId": ROOT}),
        None => json!({"uri": uri(path.trim_start_matches("./"))}),
    }
}

/// A path as a relative URI: what is neither unreserved nor a slash is percent-encoded.
fn uri(path: &str) -> String {
    let mut out = String::new();
    for byte in path.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => out.push(char::from(byte)),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

/// Text as a message: what would be a link or a placeholder there is not.
fn plain(text: &str) -> String {
    let text = text.replace('{', "{{").replace('}', "}}");
    text.replace("](", "\\](")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_relative() {
        assert_eq!(
            artifact("/var/lib/redis/dump 1.rdb"),
            json!({"uri": "var/lib/redis/dump%201.rdb", "uriBaseId": ROOT})
        );
        assert_eq!(artifact("./a/b.rdb"), json!({"uri": "a/b.rdb"}));
        assert_eq!(artifact("c:d.rdb"), json!({"uri": "c%3Ad.rdb"}));
        assert_eq!(artifact("//host/x"), json!({"uri": "host/x", "uriBaseId": ROOT}));
    }

    #[test]
    fn no_text_is_a_link_or_a_placeholder() {
        assert_eq!(plain("[a](http://evil.test) {0}"), "[a\\](http://evil.test) {{0}}");
    }
}
