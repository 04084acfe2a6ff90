//! The blind sets: texts of people who had not seen the rules. They tell what the first set cannot, whether rules find more than
//! what they were made with. Critical rules are held to them; of the others the numbers are told.

use super::{Served, assert_gate, heard, tell};
use crate::support::incident::measure::{measure, planted};
use crate::support::incident::planter::BlindSet;
use crate::support::incident::truth::{Kind, Truth};
use crate::support::incident::{holdout, unseen};
use crate::support::servers::ServerSpec;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs;

/// Ids of the catalogue whose severity is critical.
const CRITICAL: [&str; 10] = [
    "RD-CRON-001",
    "RD-EXEC-003",
    "RD-SSH-001",
    "RD-WEB-001",
    "RD-WEB-003",
    "RD-MOD-001",
    "RD-MOD-003",
    "RD-REP-001",
    "RD-LUA-001",
    "RD-RANSOM-001",
];

#[test]
fn enough_is_held_out() {
    assert_enough(&holdout::SET, 12, 4);
}

#[test]
fn enough_is_unseen() {
    assert_enough(&unseen::SET, 15, 5);
}

#[test]
fn texts_held_out_are_found() {
    // 0.95 and 0.95 is the aim, and not reached: what is reached must not be lost.
    assert_gate_of(&holdout::SET, 0.88, 0.95);
}

#[test]
fn texts_unseen_are_found() {
    assert_gate_of(&unseen::SET, 0.95, 0.95);
}

/// So many different positives of each critical rule and 25 near misses, and so many of both of the others.
fn assert_enough(set: &BlindSet, critical: usize, other: usize) {
    let mut truth = set.keyspace().truth;
    truth.extend(set.by_hand().into_iter().flat_map(|hand| hand.truth));
    tell(&planted(&truth));
    #[expect(clippy::type_complexity, reason = "counted here alone")]
    let mut counts: BTreeMap<&str, (BTreeSet<(&str, &[u8])>, usize)> = BTreeMap::new();
    for line in &truth {
        // A log's line is named by its own rule.
        let rule = line.rule.as_deref().map_or("", |rule| if rule == "LOG-03" { "RD-REP-001" } else { rule });
        let both = counts.entry(rule).or_default();
        match line.kind {
            Kind::Positive => drop(both.0.insert((&line.case, &line.text))),
            Kind::NearMiss => both.1 += 1,
            Kind::Clean => {}
        }
    }
    for rule in CRITICAL {
        let (positives, misses) = counts.get(rule).expect("it is planted");
        assert!(positives.len() >= critical, "{rule}: {} different texts", positives.len());
        assert!(*misses >= 25, "{rule}: {misses} near misses");
    }
    for (rule, (positives, misses)) in counts.iter().filter(|(rule, _)| !rule.is_empty()) {
        assert!(
            positives.len() >= other && *misses >= other,
            "{rule}: {} positives, {misses} near misses",
            positives.len()
        );
    }
}

/// Holds what was found of a set's critical rules to a recall and a precision.
fn assert_gate_of(set: &BlindSet, recall: f64, precision: f64) {
    let Some(spec) = ServerSpec::named("valkey-8.1") else { return };
    let space = set.keyspace();
    let served = Served::new(&spec, &space);
    let mut all = vec![
        heard(set.case, "rdb", &[served.rdb(true).as_os_str()]),
        heard(set.case, "aof", &[served.aof().as_os_str()]),
    ];
    let mut truth: Vec<Truth> = space.truth;
    let folder = tempfile::tempdir().expect("a folder");
    for hand in set.by_hand() {
        let path = folder.path().join(&hand.case).join(hand.name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(&path, &hand.bytes).expect("a file");
        let form = if path.extension() == Some(OsStr::new("aof")) { "aof" } else { "rdb" };
        let arguments = if hand.is_log { vec![OsStr::new("--log"), path.as_os_str()] } else { vec![path.as_os_str()] };
        all.push(heard(&hand.case, form, &arguments));
        truth.extend(hand.truth);
    }
    let measured = measure(&truth, &all);
    tell(&measured.table(&truth));
    assert_gate(&measured, "critical", recall, precision);
}
