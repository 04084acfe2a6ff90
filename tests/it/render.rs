//! Renderers on reports made by hand: hostile names, every sort of answer, several widths.

use rediscover::base::UnixMs;
use rediscover::render::{self, CheckView, Look};
use rediscover::report::*;
use serde_json::Value;
use std::collections::BTreeMap;

const HOSTILE: &[u8] = b"user:\x1b[2J\"\n\xff";

fn provenance(names: &[&str]) -> Provenance {
    let facts = |name: &&str| SourceFacts {
        source: (*name).into(),
        kind: Some("rdb".into()),
        bytes: 4096,
        sha256: Some("ab".repeat(32)),
        ..SourceFacts::default()
    };
    Provenance {
        tool: "rediscover".into(),
        version: "0.0.0".into(),
        arguments: vec!["rediscover".into(), "check".into()],
        started: "2026-01-02T03:04:05.000Z".into(),
        ended: "2026-01-02T03:04:06.000Z".into(),
        sources: names.iter().map(facts).collect(),
    }
}

fn integrity(problems: Vec<Problem>) -> Integrity {
    let mut problem_counts = BTreeMap::new();
    for problem in &problems {
        *problem_counts.entry(problem.kind.clone()).or_default() += 1;
    }
    let checksum = Checksum {
        state: if problems.is_empty() { ChecksumState::Verified } else { ChecksumState::Mismatch },
        stored: Some("0123456789abcdef".into()),
        computed: Some("fedcba9876543210".into()),
    };
    Integrity { validated: Validated::All, checksum, problems, problem_counts, trailing_bytes: 0 }
}

fn problem(severity: Severity, at: u64, kind: &str) -> Problem {
    Problem {
        file: None,
        line: None,
        severity,
        offset: at,
        db: Some(0),
        key: Some(KeyName::whole(HOSTILE)),
        kind: kind.into(),
        doing: "read-object-value".into(),
        expected: Some("812 bytes".into()),
        found: Some("640 remain".into()),
        message: "listpack claims 812 bytes, 640 remain".into(),
    }
}

fn on(server: &str, verdict: LoadVerdict, basis: Basis, reason: &str, needs: &[&str]) -> LoadsOn {
    let first = First { db: Some(0), key: Some(KeyName::whole(HOSTILE)), offset: 99 };
    LoadsOn {
        server: server.into(),
        verdict,
        basis,
        reason: reason.into(),
        first: (verdict == LoadVerdict::Lossy).then_some(first),
        needs: needs.iter().map(|need| (*need).into()).collect(),
    }
}

fn source(name: &str, verdict: Verdict, problems: Vec<Problem>) -> SourceCheck {
    let old = "RDB version 12 is newer than 9, the newest it reads";
    SourceCheck {
        source: name.into(),
        kind: "rdb".into(),
        verdict,
        format_version: Some(12),
        magic: Some("REDIS".into()),
        server_version: Some("redis 7.4.1".into()),
        repl_id: None,
        repl_offset: None,
        bytes: 1_234_567,
        created_at: Some("2026-01-01T00:00:00.000Z".into()),
        keys: 1_234_567,
        expires: 1000,
        databases: BTreeMap::from([
            (0, DatabaseCount { keys: 1_234_000, expires: 1000 }),
            (15, DatabaseCount { keys: 567, expires: 0 }),
        ]),
        functions: 2,
        modules: vec!["ReJSON-RL".into(), "evil\u{1b}]0;".into()],
        integrity: integrity(problems),
        log: None,
        server_loads: None,
        loaded_by_server: None,
        loaded_why: None,
        loads_on: vec![
            on("redis-5.0", LoadVerdict::No, Basis::Documented, old, &[]),
            on("redis-6.2", LoadVerdict::No, Basis::Documented, old, &[]),
            on("redis-7.4", LoadVerdict::Yes, Basis::Verified, "", &["module ReJSON-RL"]),
            on("redis-8.0", LoadVerdict::Yes, Basis::Verified, "", &[]),
            on("redis-8.2", LoadVerdict::Yes, Basis::Assumed, "", &[]),
            on(
                "valkey-8.0",
                LoadVerdict::WithSetting,
                Basis::Verified,
                "RDB version 12 is foreign",
                &["rdb-version-check relaxed"],
            ),
            on("keydb-6.3", LoadVerdict::Lossy, Basis::Documented, "field TTLs are dropped", &[]),
            on("elasticache-redis-7.1", LoadVerdict::Unknown, Basis::Assumed, "nobody has tried", &[]),
        ],
        duplicates: Some(Duplicates { keys: 1 }),
        fits: Some(Fits {
            maxmemory_bytes: 6 << 30,
            estimated_bytes: Some(7 << 30),
            memory_model: Some("redis-8.6".into()),
            used_memory_bytes: Some(8 << 30),
            verdict: Fullness::No,
        }),
    }
}

fn check_report() -> CheckReport {
    let many = (0..30)
        .map(|at| problem(Severity::Note, 10 * at, "odd"))
        .chain([problem(Severity::Error, 0x1f3a, "short"), problem(Severity::Warning, 0x2f3a, "resizedb")]);
    let mut provenance = provenance(&["good.rdb", "bad one\u{1b}[2J.rdb", "gone.rdb"]);
    provenance.sources[2].error = Some("gone.rdb: cannot open: no such file or directory".into());
    CheckReport {
        schema: "rediscover/check/v1".into(),
        provenance,
        exit: Exit { code: 3, reasons: vec!["bad one: damaged".into()] },
        sources: vec![
            source("good.rdb", Verdict::Intact, Vec::new()),
            source("bad one\u{1b}[2J.rdb", Verdict::Damaged, many.collect()),
        ],
    }
}

fn share(keys: u64) -> TypeShare {
    TypeShare {
        keys,
        expires: keys / 10,
        elements: keys * 7,
        serialized_bytes: keys * 100,
        memory_bytes: Some(keys * 130),
    }
}

fn prefix(name: &[u8], keys: u64, children: Vec<Prefix>) -> Prefix {
    Prefix {
        prefix: KeyName::whole(name),
        keys,
        keys_error: 0,
        expires: keys / 2,
        serialized_bytes: keys * 90,
        memory_bytes: Some(keys * 120),
        bytes_error: 0,
        persistent_memory_bytes: Some(keys * 60),
        average_ttl_seconds: Some(3600),
        average_idle_seconds: None,
        example: Some(KeyName::whole(name)),
        children,
        others: None,
    }
}

fn big_key(name: &[u8], elements: u64) -> BigKey {
    BigKey {
        source: "good.rdb".into(),
        db: 0,
        key: KeyName::whole(name),
        ty: "hash".into(),
        encoding: "hashtable".into(),
        elements,
        memory_bytes: None,
        serialized_bytes: elements * 31,
        largest_element_bytes: 4000,
        expire_at: None,
    }
}

fn analysis() -> Analysis {
    let bucket = |label: &str, upto, keys| TtlBucket {
        label: label.into(),
        upto_seconds: upto,
        keys,
        serialized_bytes: keys * 50,
        memory_bytes: Some(keys * 70),
    };
    Analysis {
        keyspace: Keyspace {
            keys: 10_000,
            expires: 1500,
            elements: 70_000,
            serialized_bytes: 1_000_000,
            memory_bytes: Some(1_300_000),
            overhead_bytes: Some(131_072),
            used_memory_bytes: None,
            by_type: BTreeMap::from([("hash".into(), share(9000)), ("string".into(), share(1000))]),
            by_encoding: BTreeMap::from([
                ("hash/listpack".into(), share(8999)),
                ("hash/hashtable".into(), share(1)),
                ("string/int".into(), share(1000)),
            ]),
            databases: vec![DatabaseShare { db: 0, share: share(9999) }, DatabaseShare { db: 3, share: share(1) }],
            functions: 1,
        },
        big_keys: BigKeys {
            by_elements: vec![big_key(HOSTILE, 5000), big_key("x".repeat(300).as_bytes(), 40)],
            by_serialized: vec![big_key(HOSTILE, 5000)],
            ..BigKeys::default()
        },
        prefixes: vec![
            prefix(b"session:", 8000, vec![prefix(b"session:{n}:", 7000, Vec::new())]),
            prefix(HOSTILE, 12, Vec::new()),
        ],
        other_prefixes: None,
        prefixes_sample: None,
        ttl: Ttl {
            as_of: Some("2026-01-01T00:00:00.000Z".into()),
            none: 8500,
            expired: 3,
            buckets: vec![bucket("1m", Some(60), 1), bucket("1h", Some(3600), 1200), bucket("longer", None, 296)],
            p50: Some(1800),
            p90: Some(90_000),
            p99: Some(900_000),
            ..Ttl::default()
        },
        decoding: Decoding {
            keys_seen: 20_000,
            keys_selected: 10_000,
            values_decoded: 10_000,
            values_skipped: 10_000,
            bytes_skipped: 5_000_000,
        },
        ..Analysis::default()
    }
}

fn analyze_report() -> AnalyzeReport {
    let source = |name: &str, verdict, problems| SourceIntegrity {
        source: name.into(),
        kind: "rdb".into(),
        verdict,
        format_version: Some(80),
        server_version: Some("valkey 9.1.2".into()),
        bytes: 1_234_567,
        created_at: None,
        log: None,
        integrity: integrity(problems),
    };
    AnalyzeReport {
        schema: "rediscover/analyze/v1".into(),
        provenance: provenance(&["good.rdb", "bad.rdb"]),
        exit: Exit::default(),
        total: analysis(),
        sources: ["good.rdb", "bad.rdb"]
            .map(|name| SourceAnalysis { source: name.into(), analysis: analysis() })
            .into(),
        integrity: vec![
            source("good.rdb", Some(Verdict::Intact), Vec::new()),
            source("bad.rdb", Some(Verdict::Truncated), vec![problem(Severity::Error, 77, "short")]),
        ],
        merged: false,
        advice: Vec::new(),
        plan: None,
        findings: None,
        scan: None,
    }
}

/// The same report of one source without a filter and without an `as_of`.
fn analyze_one() -> AnalyzeReport {
    let mut report = analyze_report();
    report.sources.clear();
    report.integrity.truncate(1);
    report.provenance = provenance(&["good.rdb"]);
    report.total.decoding = Decoding { keys_seen: 10_000, keys_selected: 10_000, ..Decoding::default() };
    report.total.ttl = Ttl {
        as_of: None,
        none: 8500,
        expired: 0,
        buckets: Vec::new(),
        p50: None,
        p90: None,
        p99: None,
        ..Ttl::default()
    };
    report
}

fn look(width: usize) -> Look {
    Look { width, now: Some(UnixMs(1_767_400_000_000)), ..Look::default() }
}

fn text(write: impl FnOnce(&mut dyn std::io::Write) -> std::io::Result<()>) -> String {
    let mut out = Vec::new();
    write(&mut out).expect("a vector takes everything");
    String::from_utf8(out).expect("reports are UTF-8")
}

fn check_text(view: CheckView<'_>, look: &Look) -> String {
    text(|out| render::text::check(&check_report(), view, look, out))
}

fn analyze_text(report: &AnalyzeReport, look: &Look) -> String {
    text(|out| render::text::analyze(report, 20, look, out))
}

#[test]
fn check_as_text() {
    insta::assert_snapshot!(check_text(CheckView::default(), &look(80)));
}

#[test]
fn check_as_text_for_a_target() {
    for (target, words) in [
        ("redis-7.4", "intact, and redis-7.4 loads it"),
        ("redis-6.2", "intact, but redis-6.2 refuses it"),
        ("valkey-8.0", "intact, and valkey-8.0 loads it only with rdb-version-check relaxed"),
        ("keydb-6.3", "intact, and keydb-6.3 starts with it but loses something"),
        ("elasticache-redis-7.1", "and whether elasticache-redis-7.1 loads it is not known"),
    ] {
        let view = CheckView { target: Some(target), lossy: false };
        let report = check_text(view, &look(120));
        assert!(report.lines().next().is_some_and(|line| line.contains(words)), "{report}");
    }
}

#[test]
fn analyze_as_text() {
    insta::assert_snapshot!(analyze_text(&analyze_report(), &look(80)));
}

#[test]
fn analyze_one_source_as_text_on_a_terminal() {
    insta::assert_snapshot!(analyze_text(&analyze_one(), &Look { fancy: true, ..look(100) }));
}

#[test]
fn analyze_with_everything_as_text() {
    let mut report = crate::html::sample::rich();
    report.plan = Some(PlanScript {
        file: "plan.sh".into(),
        action: "expire:300".into(),
        checks: true,
        keys: 104_000,
        serialized_bytes: 20 << 20,
        memory_bytes: Some(26 << 20),
        left_out: LeftOut { expired: 7, expiring: 0, long_names: 1 },
    });
    insta::assert_snapshot!("everything_80", analyze_text(&report, &look(80)));
    insta::assert_snapshot!("everything_200", analyze_text(&report, &look(200)));
}

#[test]
fn text_fits_its_width_and_holds_nothing_that_moves_a_cursor() {
    for width in [80, 120, 200] {
        for colour in [false, true] {
            let look = Look { colour, fancy: true, ..look(width) };
            let reports = [
                check_text(CheckView::default(), &look),
                analyze_text(&analyze_report(), &look),
                analyze_text(&analyze_one(), &look),
                analyze_text(&crate::html::sample::rich(), &look),
            ];
            for report in reports {
                let plain = ["\x1b[0m", "\x1b[1m", "\x1b[31m", "\x1b[32m", "\x1b[33m"]
                    .iter()
                    .fold(report.clone(), |text, sequence| text.replace(sequence, ""));
                assert_eq!(colour, plain != report);
                assert!(!plain.chars().any(|c| c.is_control() && c != '\n'), "{plain:?}");
                let suggestion = |line: &&str| !(line.starts_with("next: ") || line.starts_with("    $ "));
                for line in plain.lines().filter(suggestion) {
                    assert!(line.chars().count() <= width, "{} of {width}: {line}", line.chars().count());
                }
            }
        }
    }
}

#[test]
fn check_as_sarif() {
    let view = CheckView { target: Some("redis-6.2"), lossy: false };
    let sarif = text(|out| render::sarif::check(&check_report(), view, out));
    let mut sarif: Value = serde_json::from_str(&sarif).expect("JSON");
    crate::scan_render::assert_sarif(&sarif);
    let run = &mut sarif["runs"][0];
    let results = run["results"].as_array().expect("results").clone();
    // 32 problems, and for each source one for the target and one for the limit.
    assert_eq!(results.len(), 32 + 4);
    for result in &results {
        let rule = result["ruleIndex"].as_u64().and_then(|index| usize::try_from(index).ok()).expect("an index");
        assert_eq!(run["tool"]["driver"]["rules"][rule]["id"], result["ruleId"]);
    }
    // The thirty notes are alike: one is enough to look at.
    let few: Vec<_> = results.into_iter().filter(|result| result["level"] != "note").collect();
    run["results"] = few.into();
    insta::assert_snapshot!(serde_json::to_string_pretty(&sarif).expect("JSON"));
}

#[test]
fn json_documents_are_as_their_schemas_say() {
    let check = serde_json::to_value(check_report()).expect("JSON");
    validate(&schemars::schema_for!(CheckReport).to_value(), &check);
    for report in [analyze_report(), analyze_one()] {
        let analyze = serde_json::to_value(report).expect("JSON");
        validate(&schemars::schema_for!(AnalyzeReport).to_value(), &analyze);
    }
    assert_eq!(check["sources"][1]["problems"][0]["key"]["base64"], "dXNlcjobWzJKIgr/");
}

fn validate(schema: &Value, document: &Value) {
    if let Err(why) = fits(schema, schema, document, "$") {
        panic!("{why}");
    }
}

/// The part of JSON Schema that the documents use. What a schema does not name is refused, so that nothing is written
/// that the schema keeps quiet about.
fn fits(root: &Value, schema: &Value, value: &Value, at: &str) -> Result<(), String> {
    let fail = |why: String| Err(format!("{at}: {why}"));
    if let Some(reference) = schema["$ref"].as_str() {
        let target = root.pointer(reference.trim_start_matches('#'));
        return fits(root, target.ok_or_else(|| format!("{at}: no {reference}"))?, value, at);
    }
    for word in ["anyOf", "oneOf"] {
        if let Some(choices) = schema[word].as_array() {
            let errors: Vec<_> = choices.iter().filter_map(|choice| fits(root, choice, value, at).err()).collect();
            if errors.len() == choices.len() {
                return fail(errors.join(" | "));
            }
            return Ok(());
        }
    }
    if let Some(constant) = schema.get("const").filter(|constant| *constant != value) {
        return fail(format!("{value} is not {constant}"));
    }
    if schema["enum"].as_array().is_some_and(|choices| !choices.contains(value)) {
        return fail(format!("{value} is not in {}", schema["enum"]));
    }
    let name = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    let allowed = match &schema["type"] {
        Value::String(ty) => ty == name,
        Value::Array(types) => types.iter().any(|ty| ty == name),
        _ => true,
    };
    if !allowed {
        return fail(format!("{value} is a {name}, not {}", schema["type"]));
    }
    for (index, item) in value.as_array().into_iter().flatten().enumerate() {
        fits(root, &schema["items"], item, &format!("{at}[{index}]"))?;
    }
    if let Some(object) = value.as_object() {
        for required in schema["required"].as_array().into_iter().flatten() {
            if required.as_str().is_none_or(|name| !object.contains_key(name)) {
                return fail(format!("{required} is missing"));
            }
        }
        for (name, member) in object {
            let inner = schema["properties"].get(name).or_else(|| schema.get("additionalProperties"));
            let pattern = || schema["patternProperties"].as_object().and_then(|patterns| patterns.values().next());
            match inner.filter(|inner| inner.is_object()).or_else(pattern) {
                Some(inner) => fits(root, inner, member, &format!("{at}.{name}"))?,
                None => return fail(format!("{name} is not in the schema")),
            }
        }
    }
    Ok(())
}

#[test]
fn advice_begins_with_the_most_pressing() {
    let mut report = analyze_report();
    report.merged = true;
    let storm = Storm { at: "2026-01-01T00:00:00.000Z".into(), seconds: 1, keys: 2000, memory_bytes: None };
    report.total.ttl.storms = vec![storm];
    report.total.keyspace.expires = 2000;
    report.total.keyspace.used_memory_bytes = Some(300 << 20);
    report.total.big_keys.by_memory = vec![BigKey { memory_bytes: Some(200 << 20), ..big_key(b"large", 5000) }];
    let kinds: Vec<_> = rediscover::analysis::advise(&report).into_iter().map(|advice| advice.kind).collect();
    assert_eq!(kinds, ["big-keys", "ttl-storm"]);
}
