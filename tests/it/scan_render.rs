//! `scan` in every form, on reports made by hand: each kind of finding, hostile names, a thousand findings of a rule, none.

pub(crate) mod sample;

use crate::support::dumps::program;
use crate::support::rdb::{self, Builder};
use rediscover::base::UnixMs;
use rediscover::render::{self, Look};
use rediscover::report::*;
use sample::*;
use serde_json::{Value, json};
use std::io::{self, Write};
use std::sync::LazyLock;

fn text(write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> String {
    let mut out = Vec::new();
    write(&mut out).expect("a vector takes everything");
    String::from_utf8(out).expect("reports are UTF-8")
}

fn look(width: usize) -> Look {
    Look { width, now: Some(UnixMs(1_767_400_000_000)), ..Look::default() }
}

fn as_text(report: &ScanReport, width: usize) -> String {
    text(|out| render::text::scan(report, &look(width), out))
}

fn ecs(report: &ScanReport) -> String {
    text(|out| render::scan::ecs(report, out))
}

fn sarif(report: &ScanReport) -> String {
    text(|out| render::sarif::scan(report, out))
}

fn timesketch(report: &ScanReport) -> String {
    text(|out| render::scan::timesketch(report, out).map(|_| ()))
}

pub(crate) fn html(report: &ScanReport) -> String {
    text(|out| render::html::scan(report, &Look::default(), out))
}

/// Every form with its name.
fn every_form(report: &ScanReport) -> Vec<(&'static str, String)> {
    vec![
        ("text", as_text(report, 80)),
        ("json", text(|out| render::json::write(report, out))),
        ("jsonl", text(|out| render::scan::jsonl(report, out))),
        ("csv", text(|out| render::scan::csv(report, out))),
        ("ecs", ecs(report)),
        ("sarif", sarif(report)),
        ("timesketch", timesketch(report)),
        ("html", html(report)),
    ]
}

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))).collect()
}

/// A report that is small enough to be read: of the thousand tokens, seven.
fn readable() -> ScanReport {
    let mut report = rich();
    let mut tokens = 0;
    report.scan.findings.retain(|finding| {
        tokens += u32::from(finding.rule == "RD-SEC-JWT");
        finding.rule != "RD-SEC-JWT" || tokens <= 7
    });
    report
}

#[test]
fn text_at_several_widths() {
    insta::assert_snapshot!("scan_80", as_text(&readable(), 80));
    insta::assert_snapshot!("scan_160", as_text(&readable(), 160));
    insta::assert_snapshot!("scan_clean", as_text(&clean(), 80));
    let many = as_text(&rich(), 80);
    assert!(many.contains("and 996 more: --format json lists them"), "{many}");
    assert!(many.len() < 20_000, "a thousand findings of a rule are listed: {} bytes", many.len());
}

#[test]
fn text_fits_its_width_and_moves_no_cursor() {
    for report in [rich(), hostile(), clean()] {
        for width in [80, 120, 200] {
            for colour in [false, true] {
                let look = Look { colour, fancy: true, ..look(width) };
                let shown = text(|out| render::text::scan(&report, &look, out));
                let codes = ["\x1b[0m", "\x1b[1m", "\x1b[31m", "\x1b[32m", "\x1b[33m"];
                let plain = codes.iter().fold(shown.clone(), |text, code| text.replace(code, ""));
                assert_eq!(colour, plain != shown);
                assert!(!plain.chars().any(|c| c.is_control() && c != '\n'), "{plain:?}");
                assert!(!plain.contains('\u{202e}'));
                for line in plain.lines().filter(|line| !line.starts_with("next: ")) {
                    assert!(line.chars().count() <= width, "{} of {width}: {line}", line.chars().count());
                }
            }
        }
    }
}

#[test]
fn the_verdict_is_the_first_line_and_says_when_not_everything_was_read() {
    let first = |report: &ScanReport| as_text(report, 80).lines().next().unwrap_or_default().to_owned();
    assert_eq!(first(&clean()), "nothing found in dump.rdb");
    assert_eq!(first(&report(vec![cron(b"a"), cron(b"b")])), "2 critical in dump.rdb");
    assert!(first(&rich()).starts_with("3 critical, 4 high, "), "{}", first(&rich()));
    let mut unread = clean();
    unread.provenance.sources[0].error = Some("cannot open".into());
    assert_eq!(first(&unread), "nothing found in dump.rdb; not everything could be read");
}

#[test]
fn csv_reads_back_and_holds_no_formula() {
    for report in [rich(), hostile()] {
        let csv = text(|out| render::scan::csv(&report, out));
        let mut reader = csv::Reader::from_reader(csv.as_bytes());
        let names = reader.headers().expect("a head").clone();
        assert_eq!(names.len(), 39);
        let rows: Vec<_> = reader.records().collect::<Result<_, _>>().expect("rows of one length");
        assert_eq!(rows.len(), report.scan.findings.len());
        for (row, finding) in rows.iter().zip(&report.scan.findings) {
            for cell in row {
                assert!(!cell.starts_with(['=', '+', '-', '@', '\t', '\r', '＝']), "{cell}");
                assert!(!cell.contains(char::is_control), "{cell:?}");
            }
            let column = |name: &str| names.iter().position(|known| known == name).and_then(|at| row.get(at));
            assert_eq!(column("rule"), Some(finding.rule.as_str()));
            assert_eq!(column("severity"), Some(finding.severity.name()));
        }
    }
    insta::assert_snapshot!("scan_csv", text(|out| render::scan::csv(&readable(), out)));
}

#[test]
fn json_lines_are_the_findings_of_the_document() {
    for report in [rich(), hostile()] {
        let document = serde_json::to_value(&report).expect("JSON");
        let lines = lines(&text(|out| render::scan::jsonl(&report, out)));
        assert_eq!(Value::from(lines), document["findings"]);
        let schema = schemars::schema_for!(ScanReport).to_value();
        let validator = jsonschema::validator_for(&schema).expect("a schema");
        let wrong: Vec<_> = validator.iter_errors(&document).map(|error| error.to_string()).collect();
        assert!(wrong.is_empty(), "{wrong:?}");
    }
}

#[test]
fn ecs_has_the_fields_that_are_asked_for_in_their_types() {
    for report in [rich(), hostile()] {
        let events = lines(&ecs(&report));
        assert_eq!(events.len(), report.scan.findings.len());
        let mut ids: Vec<_> = events.iter().map(|event| event["event"]["id"].to_string()).collect();
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), events.len(), "two findings have one id");
        for event in &events {
            for path in [
                "/@timestamp",
                "/ecs/version",
                "/message",
                "/event/kind",
                "/event/module",
                "/event/dataset",
                "/event/reason",
                "/rule/id",
                "/rule/name",
                "/rule/version",
                "/file/path",
                "/observer/product",
                "/rediscover/confidence",
            ] {
                assert!(event.pointer(path).is_some_and(Value::is_string), "{path}: {event}");
            }
            assert!(event["@timestamp"].as_str().is_some_and(|at| at.parse::<jiff::Timestamp>().is_ok()));
            assert!(event["event"]["severity"].as_u64().is_some_and(|score| score <= 100));
            assert!(event["event"]["risk_score"].as_f64().is_some_and(|score| score <= 100.0));
            assert!(event["event"]["category"].as_array().is_some_and(|all| all.contains(&json!("database"))));
            assert!(event["redis"]["key"].is_string() || event["redis"]["key"].is_null());
            assert!(!event.to_string().contains("null"), "{event}");
        }
    }
    let events = lines(&ecs(&readable()));
    let of = |rule: &str| events.iter().find(|event| event["rule"]["id"] == rule).expect("the rule");
    let cron = of("RD-CRON-001");
    assert_eq!(cron["@timestamp"], "2026-01-01T00:00:00.000Z", "when the snapshot was taken");
    assert_eq!(cron["threat"]["technique"]["id"], json!(["T1053", "T1105"]));
    assert_eq!(cron["threat"]["technique"]["subtechnique"]["id"], json!(["T1053.003"]));
    assert_eq!(cron["threat"]["tactic"]["id"], json!(["TA0002", "TA0003", "TA0004", "TA0011"]));
    assert_eq!(cron["related"]["ip"], json!(["203.0.113.9"]));
    assert_eq!(of("RD-LOG-01")["@timestamp"], "2026-01-01T11:59:59.123Z", "the line's own");
    assert_eq!(of("RD-TREE-001")["@timestamp"], "2026-01-02T03:04:05.000Z", "when the scan began");
    assert_eq!(of("RD-XSS-001")["related"]["hosts"], json!(["evil.test"]));
    insta::assert_snapshot!("scan_ecs", serde_json::to_string_pretty(&events[..2]).expect("JSON"));
}

#[test]
fn timesketch_takes_every_row_and_is_told_of_those_without_a_time() {
    let report = readable();
    let mut out = Vec::new();
    let untimed = render::scan::timesketch(&report, &mut out).expect("a vector takes everything");
    let rows = lines(&String::from_utf8(out).expect("text"));
    assert_eq!(untimed, 1, "the tree's");
    assert_eq!(rows.len() as u64 + untimed, report.scan.findings.len() as u64);
    for row in &rows {
        let at: jiff::Timestamp = row["datetime"].as_str().expect("a time").parse().expect("RFC 3339");
        assert_eq!(row["timestamp"], at.as_microsecond());
        assert!(row["message"].is_string() && row["timestamp_desc"].is_string() && row["tag"].is_array());
        assert!(row.as_object().expect("an object").values().all(|value| !value.is_object() && !value.is_null()));
    }
    let log = rows.iter().find(|row| row["rule"] == "RD-LOG-01").expect("the line");
    assert_eq!((&log["timestamp_desc"], &log["datetime"]), (&json!("Log Line"), &json!("2026-01-01T11:59:59.123Z")));
    assert_eq!(rows[0]["timestamp_desc"], "Snapshot Created");
    insta::assert_snapshot!("scan_timesketch", serde_json::to_string_pretty(&rows[..2]).expect("JSON"));
}

/// The schema of SARIF 2.1.0.
static SARIF: LazyLock<jsonschema::Validator> = LazyLock::new(|| {
    let mut schema: Value = serde_json::from_str(include_str!("sarif/sarif-schema-2.1.0.json")).expect("JSON");
    // Its patterns of languages have a bracket too many, which a strict reader refuses. Nothing here has a language.
    for holder in ["run", "toolComponent"] {
        schema["definitions"][holder]["properties"]["language"]["pattern"].take();
        let language = schema["definitions"][holder]["properties"]["language"].as_object_mut().expect("a property");
        language.remove("pattern");
    }
    jsonschema::options().should_validate_formats(true).build(&schema).expect("a schema")
});

/// What the schema has against a document, and what it cannot say: that indexes point to what they should, and places are
/// such that a code host shows them.
pub(crate) fn assert_sarif(document: &Value) {
    let wrong: Vec<_> =
        SARIF.iter_errors(document).map(|error| format!("{}: {error}", error.instance_path())).take(5).collect();
    assert!(wrong.is_empty(), "{wrong:?}");
    let run = &document["runs"][0];
    for result in run["results"].as_array().expect("results") {
        let rule = result["ruleIndex"].as_u64().and_then(|index| usize::try_from(index).ok()).expect("an index");
        assert_eq!(run["tool"]["driver"]["rules"][rule]["id"], result["ruleId"]);
        let place = &result["locations"][0]["physicalLocation"];
        assert!(place["region"]["startLine"].as_u64() >= Some(1), "{result}");
        let uri = place["artifactLocation"]["uri"].as_str().expect("a URI");
        assert!(!uri.starts_with('/') && !uri.contains(':'), "{uri} is not relative");
        let base = place["artifactLocation"]["uriBaseId"].as_str();
        assert!(base.is_none_or(|base| run["originalUriBaseIds"][base]["uri"] == "file:///"), "{place}");
    }
}

#[test]
fn sarif_is_valid() {
    for mut report in [rich(), clean(), hostile()] {
        assert_sarif(&serde_json::from_str(&sarif(&report)).expect("JSON"));
        for finding in &mut report.scan.findings {
            finding.source = format!("/var/lib/redis/{}", finding.source);
        }
        for facts in &mut report.provenance.sources {
            facts.source = format!("/var/lib/redis/{}", facts.source);
        }
        assert_sarif(&serde_json::from_str(&sarif(&report)).expect("JSON"));
    }
    assert!(!SARIF.is_valid(&json!({"version": "2.1.0", "runs": [{"results": []}]})), "the schema checks nothing");
    let mut few: Value = serde_json::from_str(&sarif(&readable())).expect("JSON");
    let results = few["runs"][0]["results"].as_array().expect("results");
    let log = results.iter().find(|result| result["ruleId"] == "RD-LOG-01").expect("the line");
    assert_eq!(log["locations"][0]["physicalLocation"]["region"], json!({"startLine": 4711, "byteOffset": 77}));
    let cron = few["runs"][0]["tool"]["driver"]["rules"][0].clone();
    assert_eq!(cron["properties"]["security-severity"], "9.5");
    assert_eq!(
        cron["properties"]["tags"],
        json!(["security", "attack", "external/mitre/T1053.003", "external/mitre/T1105"])
    );
    let prints: std::collections::BTreeSet<_> =
        results.iter().map(|result| result["partialFingerprints"]["rediscover/v1"].to_string()).collect();
    assert_eq!(prints.len(), results.len(), "two findings have one fingerprint");
    let few_results: Vec<_> = results.iter().take(3).cloned().collect();
    few["runs"][0]["results"] = few_results.into();
    few["runs"][0]["tool"]["driver"]["rules"] = json!([cron]);
    insta::assert_snapshot!("scan_sarif", serde_json::to_string_pretty(&few).expect("JSON"));
}

/// The forms as the command line makes them of a dump: a rule of secrets that matches in a string, a field and a
/// member.
#[test]
fn a_secret_is_in_no_form_until_it_is_asked_for() {
    let secret = "tok_PLANTED9f3cSECRETd41d";
    let folder = tempfile::tempdir().expect("a temporary folder");
    let rule = r#"[[rule]]
id = "X-TOKEN-1"
version = 1
title = "Token of a test"
severity = "high"
confidence = "high"
category = "secret"
story = "Secrets"
scope = ["value"]
regex = 'tok_[A-Za-z0-9]{21}'
why = "Why."
advice = "Revoke it."
examples = [{ text = "tok_aaaaaaaaaaaaaaaaaaaaa" }]
counter_examples = [{ text = "tok_" }]
"#;
    let value = format!("before {secret} after");
    let mut dump = Builder::redis(11);
    dump.select(0).string(b"string", value.as_bytes()).table(2, b"set", &[value.as_bytes()]);
    dump.key(4, b"hash").raw(&rdb::len(1)).raw(&rdb::text(b"field")).raw(&rdb::text(value.as_bytes()));
    std::fs::write(folder.path().join("dump.rdb"), dump.finish()).expect("a file");
    std::fs::write(folder.path().join("ours.toml"), rule).expect("a file");
    let run = |form: &str, more: &[&str]| {
        let mut command = program(&["scan", "dump.rdb", "--rules", "ours.toml", "--no-builtin", "--format", form]);
        let output = command.args(more).current_dir(folder.path()).output().expect("the program starts");
        assert_eq!(output.status.code(), Some(4), "{form}: {}", String::from_utf8_lossy(&output.stderr));
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
    };
    for form in ["text", "json", "jsonl", "csv", "ecs", "sarif", "timesketch", "html"] {
        let shown = run(form, &[]);
        assert!(!shown.contains("PLANTED9f3c"), "{form}: {shown}");
        // Of this dump's time nothing is known, and Timesketch takes no row without one.
        let told = if form == "timesketch" { "left out 3 findings" } else { "Token of a test" };
        assert!(shown.contains(told), "{form}: {shown}");
    }
    assert!(run("json", &["--reveal"]).contains(secret), "it is shown to who asks for it");
}

#[test]
fn every_form_escapes_what_it_is_given_and_is_the_same_each_time() {
    let report = hostile();
    for (form, shown) in every_form(&report) {
        assert!(!shown.contains('\x1b') && !shown.contains('\0') && !shown.contains('\u{7}'), "{form}");
        if !matches!(form, "json" | "jsonl") {
            for hidden in ['\u{202e}', '\u{2028}', '\u{feff}'] {
                assert!(!shown.contains(hidden), "{form} has {hidden:?}");
            }
        }
        let again = every_form(&report).into_iter().find(|(name, _)| *name == form).expect("the form");
        assert_eq!(shown, again.1, "{form}");
    }
    let sarif: Value = serde_json::from_str(&sarif(&report)).expect("JSON");
    let run = &sarif["runs"][0];
    let results = run["results"].as_array().expect("results").iter().map(|result| &result["message"]);
    let rules = run["tool"]["driver"]["rules"].as_array().expect("rules");
    let rules = rules.iter().flat_map(|rule| [&rule["shortDescription"], &rule["fullDescription"], &rule["help"]]);
    for message in results.chain(rules) {
        for text in message.as_object().into_iter().flat_map(|message| message.values()) {
            assert!(!text.to_string().contains("[x](http"), "a link of the input: {text}");
        }
    }
    let json: Value = serde_json::from_str(&text(|out| render::json::write(&report, out))).expect("JSON");
    let keys = json["findings"].as_array().expect("findings").iter().map(|finding| &finding["key"]);
    assert_eq!(keys.filter(|key| key["base64"] == "//7AgA==").count(), 1, "bytes that are no text are kept");
}
