//! Findings in the Elastic Common Schema: JSON lines of nested objects, our own fields under `redis` and `rediscover`.

use super::{attack, identity, is_shown, locator, make_printable, moment, risk, score, sentence, structure};
use crate::report::{Category, Finding, KeyName, ScanReport, hex};
use regex::Regex;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::io::{self, Write};
use std::net::IpAddr;
use std::sync::LazyLock;

/// The version of the schema whose fields these are.
const ECS: &str = "8.17.0";

/// What may be an address, and the host of a URL. Both are literals of ours, and always compile.
static ADDRESS: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"\b[0-9]{1,3}(?:\.[0-9]{1,3}){3}\b|\[[0-9A-Fa-f:.]{2,45}\]").ok());
static HOST: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"//(?:[^\s/@]{1,100}@)?([A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,8})").ok());

/// Writes one alert to a line. `@timestamp` is the time that the evidence gives, or else when the scan began.
///
/// # Errors
/// What the writer says.
pub fn ecs(report: &ScanReport, out: &mut dyn Write) -> io::Result<()> {
    for finding in &report.scan.findings {
        let mut event = alert(report, finding);
        prune(&mut event);
        make_printable(&mut event);
        serde_json::to_writer(&mut *out, &event)?;
        out.write_all(b"\n")?;
    }
    Ok(())
}

fn alert(report: &ScanReport, finding: &Finding) -> Value {
    let provenance = &report.provenance;
    let facts = provenance.sources.iter().find(|facts| facts.source == finding.source);
    let file = finding.file.as_deref();
    let part = file.and_then(|file| facts?.files.iter().find(|part| part.source == file)).or(facts);
    let (category, kind): (&[&str], &[&str]) = match finding.category {
        Category::Attack => (&["database", "intrusion_detection", "threat"], &["indicator", "info"]),
        Category::Secret | Category::Personal => (&["database"], &["info"]),
        Category::Inventory => (&["database", "configuration"], &["info"]),
    };
    let at = moment(report, finding).map_or(provenance.started.as_str(), |(at, _)| at);
    let id = hex(Sha256::digest(format!("{}\n{}", finding.source, identity(finding))).get(..16).unwrap_or_default());
    json!({
        "@timestamp": at,
        "ecs": {"version": ECS},
        "message": sentence(finding),
        "event": {
            "kind": "alert",
            "category": category,
            "type": kind,
            "module": "rediscover",
            "dataset": "rediscover.finding",
            "id": id,
            "severity": score(finding.severity),
            "risk_score": risk(finding.severity, finding.confidence),
            "start": finding.at,
            "reason": finding.why,
        },
        "rule": {
            "id": finding.rule,
            "name": finding.title,
            "version": finding.rule_version.to_string(),
            "category": finding.story,
            "description": finding.why,
            "ruleset": "rediscover",
        },
        "threat": threat(finding),
        "file": {
            "path": finding.source,
            "name": file,
            "size": part.map(|facts| facts.bytes),
            "hash": part.map(|facts| json!({"sha256": facts.sha256, "sha1": facts.sha1, "md5": facts.md5})),
        },
        "observer": {"product": provenance.tool, "vendor": provenance.tool, "version": provenance.version, "type": "scanner"},
        "related": related(finding, part.and_then(|facts| facts.sha256.as_deref())),
        "redis": {
            "db": finding.db,
            "key": finding.key.as_ref().map(KeyName::escaped),
            "type": finding.key_type,
            "element": finding.element.as_ref().map(locator),
            "offset": finding.offset,
            "expire_at": finding.expire_at,
        },
        "rediscover": {
            "severity": finding.severity,
            "technique_severity": finding.technique_severity,
            "confidence": finding.confidence,
            "category": finding.category,
            "where": finding.place,
            "decoded_from": finding.decoded_from,
            "match": finding.excerpt,
            "match_offset": finding.match_offset,
            "match_bytes": finding.match_bytes,
            "matches": finding.matches,
            "fingerprint": finding.fingerprint,
            "valid_until": finding.valid_until,
            "advice": finding.advice,
            "notes": finding.notes,
            "structural": structure(finding),
        },
    })
}

fn threat(finding: &Finding) -> Value {
    if finding.attack.is_empty() {
        return Value::Null;
    }
    let techniques: BTreeSet<&str> = finding.attack.iter().map(|id| attack::technique(id)).collect();
    let below: BTreeSet<&str> = finding.attack.iter().map(String::as_str).filter(|id| id.contains('.')).collect();
    let tactics = attack::tactics(techniques.iter().copied());
    let (ids, names): (Vec<_>, Vec<_>) = tactics.into_iter().unzip();
    json!({
        "framework": "MITRE ATT&CK",
        "technique": {"id": techniques, "subtechnique": {"id": below}},
        "tactic": {"id": ids, "name": names},
    })
}

/// Hashes, addresses and hosts to look for elsewhere; those of an excerpt only where it is shown anyway.
fn related(finding: &Finding, sha256: Option<&str>) -> Value {
    let mut addresses = BTreeSet::new();
    let mut hosts = BTreeSet::new();
    if is_shown(finding)
        && let (Some(address), Some(host)) = (ADDRESS.as_ref(), HOST.as_ref())
    {
        let found = address.find_iter(&finding.excerpt).map(|found| found.as_str().trim_matches(['[', ']']));
        addresses.extend(found.filter_map(|text| text.parse::<IpAddr>().ok()).map(|address| address.to_string()));
        let found = host.captures_iter(&finding.excerpt).filter_map(|found| found.get(1));
        let named = found.map(|name| name.as_str()).filter(|name| name.parse::<IpAddr>().is_err());
        hosts.extend(named.map(str::to_ascii_lowercase));
    }
    json!({"hash": sha256.into_iter().collect::<Vec<_>>(), "ip": addresses, "hosts": hosts})
}

/// Takes out what is null or empty: a field that is not there says the same, and keeps its type.
fn prune(value: &mut Value) {
    if let Value::Object(fields) = value {
        fields.values_mut().for_each(prune);
        fields.retain(|_, value| match value {
            Value::Null => false,
            Value::Array(items) => !items.is_empty(),
            Value::Object(fields) => !fields.is_empty(),
            _ => true,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_hosts_come_only_from_what_is_shown() {
        let text = "curl http://u@evil.test:80/x 192.0.2.7 999.1.1.1 [2001:db8::1] https://192.0.2.8/y";
        let shown = Finding { excerpt: text.into(), ..Finding::default() };
        let found = related(&shown, None);
        assert_eq!(found["hosts"], json!(["evil.test"]));
        assert_eq!(found["ip"], json!(["192.0.2.7", "192.0.2.8", "2001:db8::1"]));
        let secret = Finding { category: Category::Secret, ..shown };
        assert_eq!(related(&secret, None)["ip"], json!([]));
    }
}
