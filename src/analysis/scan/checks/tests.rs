use super::*;
use crate::analysis::scan::{ScanOptions, scan};
use crate::pipeline::RunOptions;
use crate::report::Threat;
use crate::source::Place as Source;
use std::collections::BTreeSet;
use std::fmt::Write as _;

fn rules() -> Arc<RuleSet> {
    Arc::new(RuleSet::builtin().expect("the rules load"))
}

fn options(threads: usize) -> ScanOptions {
    let mut run = RunOptions { threads, ..RunOptions::default() };
    run.limits.batch_bytes = 4096;
    ScanOptions { run, findings_per_rule: 100, ..ScanOptions::new(rules()) }
}

/// What the checks find in these bytes, however many threads read them.
fn found(bytes: &[u8]) -> Vec<Finding> {
    let of = |threads| {
        let origin = Origin::new("it", Source::Bytes(bytes.to_vec()));
        let mut findings = scan(&[origin], &options(threads)).expect("it is scanned").scan.findings;
        let by_check: BTreeSet<_> =
            rules().rules().iter().filter(|rule| rule.check.is_some()).map(|rule| rule.id.clone()).collect();
        findings.retain(|finding| by_check.contains(&finding.rule));
        findings
    };
    let alone = of(1);
    assert_eq!(alone, of(4), "the number of threads");
    alone
}

fn ids(bytes: &[u8]) -> Vec<String> {
    found(bytes).into_iter().map(|finding| finding.rule).collect()
}

fn text(bytes: &[u8]) -> Vec<u8> {
    let length = u32::try_from(bytes.len()).expect("short").to_be_bytes();
    [&[0x80][..], &length, bytes].concat()
}

fn string(key: &str, value: &[u8]) -> Vec<u8> {
    [&[0][..], &text(key.as_bytes()), &text(value)].concat()
}

fn aux(name: &str, value: &str) -> Vec<u8> {
    [&[250][..], &text(name.as_bytes()), &text(value.as_bytes())].concat()
}

fn expiring(at: u64, record: &[u8]) -> Vec<u8> {
    [&[252][..], &at.to_le_bytes(), record].concat()
}

fn dump(parts: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = b"REDIS0011".to_vec();
    bytes.extend(parts.concat());
    bytes.push(255);
    let mut crc = crate::encoding::crc64::Crc64::new();
    crc.update(&bytes);
    bytes.extend(crc.value().to_le_bytes());
    bytes
}

fn log(commands: &str) -> Vec<u8> {
    let mut out = String::new();
    for line in commands.lines() {
        let words: Vec<_> = line.split(' ').collect();
        let _ = write!(out, "*{}\r\n", words.len());
        for word in words {
            let _ = write!(out, "${}\r\n{word}\r\n", word.len());
        }
    }
    out.into_bytes()
}

#[test]
fn each_check_has_a_rule_and_each_such_rule_a_check() {
    let of_rules: BTreeSet<_> = rules().rules().iter().filter_map(|rule| rule.check.clone()).collect();
    let of_code: BTreeSet<_> = names().into_iter().map(str::to_owned).collect();
    assert_eq!(of_rules, of_code);
}

#[test]
fn numbered_backups_of_one_database() {
    let three: Vec<_> = ["backup1", "backup2", "backup3"].iter().map(|key| string(key, b"x")).collect();
    let finding = found(&dump(&three)).pop().expect("a finding");
    assert_eq!((finding.rule.as_str(), finding.severity), ("RD-KEY-002", Threat::High));
    assert_eq!(finding.excerpt, "backup1, backup2, backup3");
    assert_eq!(ids(&dump(&three[..2])), Vec::<String>::new());
    let apart = [three[0].clone(), three[1].clone(), vec![254, 1], three[2].clone()];
    assert_eq!(ids(&dump(&apart)), Vec::<String>::new(), "in two databases");
    assert_eq!(ids(&log("SELECT 0\nSET backup1 a\nSET backup2 b\nSET backup3 c\nDEL backup1")), ["RD-KEY-002"]);
}

#[test]
fn programs_in_the_place_of_dumps() {
    for (head, severity) in
        [(&b"\x7fELF\x02\x01\x01\0\0\0\0\0"[..], 1), (b"#!/bin/sh\necho DEFANGED\n", 1), (b"hello, this is nothing", 0)]
    {
        let findings = found(head);
        assert_eq!(
            findings.iter().filter(|finding| finding.severity == Threat::Critical).count(),
            severity,
            "{head:?}"
        );
    }
}

#[test]
fn modules_that_are_not_known() {
    let id = |name: &[u8; 9]| crate::rdb::module::ModuleId::from_name(name, 0).expect("an id").0;
    let of = |name| [&[7][..], &text(b"k"), &[0x81], &id(name).to_be_bytes(), &[0]].concat();
    let finding = found(&dump(&[of(b"sysexec00")])).pop().expect("a finding");
    assert_eq!((finding.rule.as_str(), finding.excerpt.as_str()), ("RD-MOD-002", "sysexec00 version 0"));
    assert_eq!(ids(&dump(&[of(b"graphdata")])), Vec::<String>::new());
}

#[test]
fn versions_and_replication_by_aux_fields() {
    let finding = |parts: &[Vec<u8>]| ids(&dump(parts));
    assert_eq!(finding(&[aux("redis-ver", "8.2.2")]), ["RD-CVE-2025-62507"]);
    assert_eq!(finding(&[aux("redis-ver", "255.255.255")]), Vec::<String>::new());
    assert_eq!(finding(&[aux("valkey-ver", "9.1.2"), aux("redis-ver", "7.2.4")]), Vec::<String>::new());
    assert_eq!(finding(&[aux("repl-id", "8371b4fb1155b71f4a04d3e1bc3e18c4a990aeeb")]), ["RD-REP-002"]);
    assert!(found(&dump(&[aux("redis-ver", "6.0.1")])).iter().all(|finding| finding.severity <= Threat::Medium));
}

#[test]
fn malformed_hyperloglogs() {
    let hll = |encoding: u8, registers: &[u8]| [b"HYLL", &[encoding, 0, 0, 0][..], &[0; 8], registers].concat();
    assert_eq!(ids(&dump(&[string("k", &hll(1, b"\x7f\xff"))])), Vec::<String>::new());
    for bad in [hll(2, b""), hll(0, &[0; 12_289]), hll(1, b"\x7f\xfe"), hll(1, b"\x7f\xff\x00"), hll(1, b"\x7f")] {
        let finding = found(&dump(&[string("k", &bad)])).pop().expect("a finding");
        assert_eq!((finding.rule.as_str(), finding.severity), ("RD-FMT-001", Threat::High));
        assert_eq!(finding.key.expect("a key").head(), b"k");
    }
}

#[test]
fn malformed_structures_by_their_checksum() {
    // A hash in a listpack whose number of entries is wrong, and right.
    let bad = [13, 0, 0, 0, 9, 0, 0x81, b'a', 2, 0x81, b'b', 2, 0xff];
    let good = [13, 0, 0, 0, 2, 0, 0x81, b'a', 2, 0x81, b'b', 2, 0xff];
    let of = |blob: &[u8]| [&[16][..], &text(b"h"), &text(blob)].concat();
    assert_eq!(ids(&dump(&[of(&good)])), Vec::<String>::new());
    assert_eq!(ids(&dump(&[of(&bad)])), ["RD-FMT-002"]);
    let mut rotten = dump(&[of(&good)]);
    let at = rotten.iter().position(|byte| *byte == 0x81).expect("there") - 2;
    rotten[at] = 9;
    assert_eq!(ids(&rotten), ["RD-FMT-003"], "the checksum does not fit");
    let mut unchecked = dump(&[of(&bad)]);
    let end = unchecked.len() - 8;
    unchecked[end..].fill(0);
    assert_eq!(ids(&unchecked), ["RD-FMT-003"], "there is no checksum");
}

#[test]
fn broken_ends() {
    let whole = dump(&[string("k", b"v")]);
    assert_eq!(ids(&whole), Vec::<String>::new());
    assert_eq!(ids(&whole[..whole.len() - 3]), ["RD-FMT-003"]);
    assert_eq!(ids(&[&whole[..], b"something else"].concat()), ["RD-FMT-003"]);
    assert_eq!(ids(&[&whole[..], &log("SET a b")].concat()), Vec::<String>::new(), "a log after its preamble");
    let commands = log("SET a b\nSET c d");
    assert_eq!(ids(&commands[..commands.len() - 4]), ["RD-FMT-003"]);
}

#[test]
fn emptied_keyspaces() {
    let finding = found(&log("SET a b\nFLUSHALL")).pop().expect("a finding");
    assert_eq!(
        (finding.rule.as_str(), finding.severity, finding.excerpt.as_str()),
        ("RD-RANSOM-002", Threat::High, "FLUSHALL")
    );
    assert_eq!(finding.element.and_then(|element| element.line), Some(8));
    let used = |bytes: &str| vec![aux("used-mem", bytes), string("k", b"v")];
    assert_eq!(found(&dump(&used("8589934592"))).pop().expect("a finding").severity, Threat::Medium);
    assert_eq!(ids(&dump(&used("1048576"))), Vec::<String>::new());
}

#[test]
fn libraries_are_listed() {
    let code = b"#!lua name=mylib\nredis.register_function('f', function() return 1 end)";
    let finding = found(&dump(&[[&[245][..], &text(code)].concat()])).pop().expect("a finding");
    assert_eq!((finding.rule.as_str(), finding.excerpt.as_str()), ("RD-LUA-005", "mylib (lua)"));
    let in_log = found(&log("FUNCTION LOAD #!lua\tname=x")).pop().expect("a finding");
    assert_eq!((in_log.rule.as_str(), in_log.excerpt.as_str()), ("RD-LUA-005", "x (lua)"));
}

#[test]
fn strings_that_nobody_compressed() {
    let plain: Vec<_> = (0..4).map(|n| string(&format!("k{n}"), &[b'a'; 100])).collect();
    assert_eq!(ids(&dump(&plain)), ["RD-RAW-001"]);
    assert_eq!(ids(&dump(&plain[..2])), Vec::<String>::new());
    let packed = [&[0][..], &text(b"p"), &[0xc3, 5, 20], &[0, b'a', 0xe0, 10, 0]].concat();
    let mixed = [&plain[..], &[packed]].concat();
    assert!(!ids(&dump(&mixed)).contains(&"RD-RAW-001".to_owned()));
}

#[test]
fn sessions_that_stand_out() {
    let created = 1_700_000_000_u64;
    let day = 86_400_000;
    let head = aux("ctime", &created.to_string());
    let session = |n: u32, user: u32| string(&format!("sess:{n:032x}"), format!(r#"{{"user_id":{user}}}"#).as_bytes());
    let usual = |count: u32| (0..count).map(|n| expiring(created * 1000 + day, &session(n, n)));
    let with = |more: Vec<Vec<u8>>| dump(&[head.clone()].into_iter().chain(usual(300)).chain(more).collect::<Vec<_>>());
    let of = |bytes: &[u8]| -> Vec<String> {
        found(bytes)
            .into_iter()
            .filter(|finding| finding.rule == "RD-SESS-001")
            .map(|finding| finding.excerpt)
            .collect()
    };
    assert_eq!(of(&with(Vec::new())), Vec::<String>::new());
    assert_eq!(of(&with(vec![session(900, 900)])), ["1 sessions under sess: never expire, 300 others do"]);
    let late = expiring(created * 1000 + 400 * day, &session(901, 901));
    assert_eq!(of(&with(vec![late])), ["a session under sess: lives for 400 days, 99 of 100 for 1 at most"]);
    let many = (1000..2100).map(|n| expiring(created * 1000 + day, &session(n, 7_777))).collect();
    assert_eq!(of(&with(many)), ["about 1100 sessions of one user"]);
}
