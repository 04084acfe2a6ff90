//! A report with every section, and the same with hostile names.

use rediscover::report::*;
use std::collections::BTreeMap;

/// Names that would do something in a page that took them for markup, for a script, or for text of another direction.
pub(crate) const HOSTILE: &[&[u8]] = &[
    b"<script>window.pwned=1</script>",
    b"</script><script>window.pwned=2</script>",
    b"\"><img src=x onerror=window.pwned=3>",
    b"'onmouseover='window.pwned=4",
    b"javascript:window.pwned=5",
    b"<!--<script>",
    b"]]><svg onload=window.pwned=6>",
    b"</title></style><h1 id=intruder>x</h1>",
    b"<base href=https://192.0.2.1/><link rel=stylesheet href=https://192.0.2.1/x.css>",
    b"{{7*7}}${7*7}&lt;b&gt;",
    b"\x1b[2J\x1b]0;x\x07\x00\r\n",
    b"\xff\xfe\xc0\x80",
    "evil:\u{202e}gpj.exe\u{2028}\u{feff}".as_bytes(),
    b"",
];

pub(super) fn prefix(name: &str, kilobytes: u64, expiring: u64, children: Vec<Prefix>) -> Prefix {
    Prefix {
        prefix: KeyName::whole(name.as_bytes()),
        keys: kilobytes * 4,
        keys_error: 0,
        bytes_error: 0,
        expires: kilobytes * 4 * expiring / 100,
        serialized_bytes: kilobytes * 800,
        memory_bytes: Some(kilobytes * 1024),
        persistent_memory_bytes: Some(kilobytes * 1024 * (100 - expiring) / 100),
        average_ttl_seconds: (expiring > 0).then_some(86_400),
        average_idle_seconds: None,
        example: Some(KeyName::whole(format!("{name}17").as_bytes())),
        children,
        others: None,
    }
}

pub(super) fn big_key(name: &[u8], ty: &str, kilobytes: u64) -> BigKey {
    BigKey {
        source: "dump.rdb".into(),
        db: 0,
        key: KeyName::whole(name),
        ty: ty.into(),
        encoding: "hashtable".into(),
        elements: kilobytes * 3 % 1000,
        memory_bytes: Some(kilobytes * 1024),
        serialized_bytes: kilobytes * 700,
        largest_element_bytes: kilobytes,
        expire_at: kilobytes.is_multiple_of(2).then(|| "2100-01-01T00:00:00.000Z".into()),
    }
}

pub(super) fn share(keys: u64, memory_bytes: u64) -> TypeShare {
    TypeShare {
        keys,
        expires: keys / 3,
        elements: keys * 5,
        serialized_bytes: memory_bytes / 2,
        memory_bytes: Some(memory_bytes),
    }
}

/// Something for every part of the page.
pub(crate) fn rich() -> AnalyzeReport {
    let bucket = |label: &str, upto, keys| TtlBucket {
        label: label.into(),
        upto_seconds: upto,
        keys,
        serialized_bytes: keys * 500,
        memory_bytes: Some(keys * 700),
    };
    let spread = |p50, max| Some(Spread { p50, p90: p50 * 4, p99: p50 * 20, max });
    let sizes = |p50, max| Sizes {
        memory_bytes: spread(p50, max),
        serialized_bytes: spread(p50 / 2, max / 2),
        elements: spread(3, max / 100),
        distribution: (6..20)
            .map(|power| SizeBucket { upto_bytes: (1 << power) - 1, keys: 900 * power, bytes: 9 << power })
            .collect(),
    };
    let mut big_keys = BigKeys::default();
    for (at, ty) in ["hash", "list", "set", "zset", "stream", "string"].into_iter().cycle().take(24).enumerate() {
        let name = format!("big:{ty}:{at}");
        big_keys.by_memory.push(big_key(name.as_bytes(), ty, 5000 - 200 * at as u64));
    }
    big_keys.by_elements = big_keys.by_memory.iter().take(5).cloned().collect();
    let element = |at: u64| BigElement {
        source: "dump.rdb".into(),
        db: 0,
        key: KeyName::whole(b"big:hash:0"),
        ty: "hash".into(),
        index: at,
        element: Some(KeyName::cut(b"field with a very long valu", 400_000)),
        bytes: 400_000 - 1000 * at,
    };
    let group = |name: &str, lag| StreamGroup {
        name: KeyName::whole(name.as_bytes()),
        last_id: "1700000000000-0".into(),
        lag,
        pending: 300,
        oldest_pending_seconds: Some(7200),
        most_deliveries: 4,
        consumers: 3,
        idle_consumers: 1,
    };
    let total = Analysis {
        keyspace: Keyspace {
            keys: 412_345,
            expires: 130_000,
            elements: 2_000_000,
            serialized_bytes: 60 << 20,
            memory_bytes: Some(100 << 20),
            overhead_bytes: Some(9 << 20),
            used_memory_bytes: Some(109 << 20),
            by_type: BTreeMap::from([
                ("string".into(), share(300_000, 50 << 20)),
                ("hash".into(), share(90_000, 30 << 20)),
                ("zset".into(), share(2_000, 12 << 20)),
                ("stream".into(), share(345, 8 << 20)),
            ]),
            by_encoding: BTreeMap::from([
                ("string/raw".into(), share(200_000, 48 << 20)),
                ("string/int".into(), share(100_000, 2 << 20)),
                ("hash/listpack".into(), share(89_000, 20 << 20)),
                ("hash/hashtable".into(), share(1000, 10 << 20)),
                ("zset/skiplist".into(), share(2000, 12 << 20)),
                ("stream/stream".into(), share(345, 8 << 20)),
            ]),
            databases: vec![
                DatabaseShare { db: 0, share: share(400_000, 99 << 20) },
                DatabaseShare { db: 3, share: share(12_345, 1 << 20) },
            ],
            functions: 0,
        },
        memory_model: Some(MemoryModel {
            server: "redis-8.6".into(),
            allocator: "bundled".into(),
            basis: "measured".into(),
            guessed_keys: 0,
        }),
        big_keys,
        big_elements: (0..8).map(element).collect(),
        sizes: BTreeMap::from([
            ("string".into(), sizes(180, 3_100_000)),
            ("hash".into(), sizes(350, 900_000)),
            ("zset".into(), sizes(6000, 700_000)),
        ]),
        prefixes: vec![
            prefix(
                "cache:",
                38_000,
                10,
                vec![
                    prefix("cache:page:", 26_000, 0, vec![prefix("cache:page:{n}", 26_000, 0, vec![])]),
                    prefix("cache:product:", 12_000, 30, vec![prefix("cache:product:{n}:html", 12_000, 30, vec![])]),
                ],
            ),
            prefix("session:", 21_000, 100, vec![prefix("session:{uuid}", 21_000, 100, vec![])]),
            prefix(
                "user:",
                17_000,
                0,
                vec![
                    prefix("user:{n}:profile", 9000, 0, vec![]),
                    prefix("user:{n}:inbox", 6000, 0, vec![]),
                    prefix("user:{n}:roles", 2000, 0, vec![]),
                ],
            ),
            prefix("leaderboard:", 6000, 50, vec![]),
            prefix("queue:", 5000, 0, vec![]),
            prefix("events:", 4000, 0, vec![]),
            prefix("ratelimit:", 2500, 100, vec![]),
            prefix("feed:", 2000, 70, vec![]),
            prefix("lock:", 900, 100, vec![]),
            prefix("config:", 60, 0, vec![]),
        ],
        ttl: Ttl {
            as_of: Some("2026-01-01T00:00:00.000Z".into()),
            none: 282_345,
            none_memory_bytes: Some(70 << 20),
            expired: 1200,
            expired_memory_bytes: Some(800_000),
            buckets: vec![
                bucket("1 minute", Some(60), 9000),
                bucket("1 hour", Some(3600), 31_000),
                bucket("1 day", Some(86_400), 60_000),
                bucket("1 week", Some(604_800), 28_000),
                bucket("longer", None, 800),
            ],
            p50: Some(30_000),
            p90: Some(400_000),
            p99: Some(900_000),
            by_type: BTreeMap::from([(
                "string".into(),
                TypeTtl { none: 170_000, expired: 1200, left: spread(30_000, 1_000_000) },
            )]),
            storms: vec![Storm {
                at: "2026-01-01T03:00:00.000Z".into(),
                seconds: 1,
                keys: 21_000,
                memory_bytes: Some(9 << 20),
            }],
            evidence: Some(EvidenceLoss {
                by: "2026-01-01T06:00:00.000Z".into(),
                keys: 41_200,
                serialized_bytes: 20 << 20,
                memory_bytes: Some(28 << 20),
                next: Some("2026-01-01T00:00:01.000Z".into()),
            }),
        },
        frequency: Some(Frequency {
            keys: 412_345,
            counter: Some(Spread { p50: 3, p90: 8, p99: 40, max: 255 }),
            average_by_type: BTreeMap::from([("hash".into(), 9), ("string".into(), 4)]),
            cold_keys: 80_000,
            cold_memory_bytes: Some(21 << 20),
            hot_keys: vec![HotKey {
                source: "dump.rdb".into(),
                db: 0,
                key: KeyName::whole(b"config:features"),
                ty: "hash".into(),
                frequency: 255,
                memory_bytes: Some(60_000),
            }],
        }),
        streams: vec![Stream {
            source: "dump.rdb".into(),
            db: 0,
            key: KeyName::whole(b"events:orders:0"),
            length: 15_000,
            last_id: "1700000000000-0".into(),
            memory_bytes: Some(2 << 20),
            pending: 40,
            groups: vec![group("billing", Some(12_000)), group("audit", None)],
            more_groups: 0,
        }],
        cluster: Some(Cluster {
            clustered: false,
            slots: 16_384,
            first_slot: Some(0),
            last_slot: Some(16_383),
            least_keys: 3,
            most_keys: 20_000,
            sampled_keys: 0,
            hot_slots: vec![SlotShare {
                slot: 866,
                keys: 20_000,
                serialized_bytes: 5 << 20,
                memory_bytes: Some(9 << 20),
            }],
            tagged_keys: 400,
            hash_tags: vec![TagShare {
                tag: KeyName::whole(b"order17"),
                slot: 866,
                keys: 400,
                keys_error: 0,
                memory_bytes: Some(60_000),
                bytes_error: 0,
            }],
        }),
        decoding: Decoding { keys_seen: 412_345, keys_selected: 412_345, ..Decoding::default() },
        ..Analysis::default()
    };
    let advice = |kind: &str, severity, message: &str, command: &str, destructive: bool| Advice {
        kind: kind.into(),
        severity,
        message: message.into(),
        evidence: "25.4 MiB of 100.0 MiB in 104,000 keys; the oldest was written 40 days ago".into(),
        frees_bytes: destructive.then_some(26 << 20),
        command: Some(command.into()),
        destructive,
    };
    AnalyzeReport {
        schema: "rediscover/analyze/v1".into(),
        provenance: Provenance {
            tool: "rediscover".into(),
            version: "0.1.0".into(),
            arguments: ["rediscover", "analyze", "dump.rdb", "-o", "report.html"].map(Into::into).into(),
            started: "2026-01-02T03:04:05.000Z".into(),
            ended: "2026-01-02T03:04:06.000Z".into(),
            sources: vec![SourceFacts {
                source: "dump.rdb".into(),
                kind: Some("rdb".into()),
                bytes: 62 << 20,
                sha256: Some("ab".repeat(32)),
                ..SourceFacts::default()
            }],
        },
        exit: Exit::default(),
        total,
        sources: Vec::new(),
        integrity: vec![SourceIntegrity {
            source: "dump.rdb".into(),
            kind: "rdb".into(),
            verdict: Some(Verdict::Intact),
            format_version: Some(13),
            server_version: Some("redis 8.6.3".into()),
            bytes: 62 << 20,
            created_at: Some("2026-01-01T00:00:00.000Z".into()),
            log: None,
            integrity: Integrity {
                validated: Validated::All,
                checksum: Checksum { state: ChecksumState::Verified, stored: None, computed: None },
                problems: Vec::new(),
                problem_counts: BTreeMap::new(),
                trailing_bytes: 0,
            },
        }],
        merged: false,
        advice: vec![
            advice(
                "no-ttl",
                Severity::Warning,
                "25.4 MiB in 104,000 keys under cache:page: never expire: give them a TTL",
                "rediscover analyze dump.rdb --match 'cache:page:*' --expiry none --plan-script expire:300 -o expire.sh",
                true,
            ),
            advice(
                "storm",
                Severity::Note,
                "21,000 keys expire in one second: spread their TTLs",
                "rediscover keys dump.rdb --expiry within:4h",
                false,
            ),
        ],
        plan: None,
        findings: None,
        scan: None,
    }
}

/// The same report with names of chance replaced by hostile ones, and damage on top.
pub(super) fn hostile() -> AnalyzeReport {
    let mut report = rich();
    let bad = "a\u{202e}b</title><script>window.pwned=7</script>.rdb";
    for (at, name) in HOSTILE.iter().enumerate() {
        let mut below = prefix("", 500, 0, Vec::new());
        below.prefix = KeyName::whole(&[name, HOSTILE[0]].concat());
        let mut top = prefix("", 2000 + at as u64, 50, vec![below]);
        top.prefix = KeyName::whole(name);
        top.example = Some(KeyName::whole(name));
        report.total.prefixes.push(top);
        report.total.big_keys.by_memory.push(big_key(name, "<b>type</b>", 40 + at as u64));
        report.total.big_elements.push(BigElement {
            source: bad.into(),
            db: 0,
            key: KeyName::whole(name),
            ty: "hash".into(),
            index: 0,
            element: Some(KeyName::whole(name)),
            bytes: 5,
        });
        report.total.ttl.buckets[0].label = String::from_utf8_lossy(name).into_owned();
        report.advice[0].message = String::from_utf8_lossy(name).into_owned();
        report.advice[1].command = Some(String::from_utf8_lossy(name).into_owned());
    }
    report.provenance.sources[0].source = bad.into();
    report.integrity[0].source = bad.into();
    report.integrity[0].verdict = Some(Verdict::Damaged);
    report.integrity[0].integrity.problems = HOSTILE
        .iter()
        .map(|name| Problem {
            severity: Severity::Error,
            file: Some(bad.into()),
            offset: 7,
            line: None,
            db: Some(0),
            key: Some(KeyName::whole(name)),
            kind: "short".into(),
            doing: "read-object-value".into(),
            expected: None,
            found: None,
            message: String::from_utf8_lossy(name).into_owned(),
        })
        .collect();
    report
}
