use super::super::found_sample::{KIND, found};
use super::*;
use crate::report::{Category, Threat};

/// Many findings in sessions, and a few in keys of other sorts behind them.
fn names() -> Vec<String> {
    let sessions = (0..500).map(|n| format!("session:{n}"));
    let others = (0..6).map(|n| format!("config:{}", ["a", "b", "c"][n % 3]));
    // Sessions that nothing fires on keep these from being told once.
    sessions.chain(others).collect()
}

fn collected(most: usize, hands: usize) -> (Vec<String>, ScanSummary) {
    let mut all: Vec<_> = (0..hands).map(|_| Collected::new(most, 1000)).collect();
    for (at, name) in names().iter().enumerate() {
        let hand = &mut all[at * 11 % hands];
        for _ in 0..6 {
            hand.population.key(name.as_bytes());
        }
        let found = found(name, at as u64);
        let first = hand.wants(Some(name.as_bytes()), KIND, &found.order).then_some(found);
        hand.add(Some(name.as_bytes()), vec![OfKind { kind: KIND, findings: 1, first: first.into_iter().collect() }]);
    }
    let mut sum = all.pop().expect("a hand");
    for other in all {
        sum.merge(other);
    }
    let rules = [Rule { id: "T-1".into(), category: Category::Attack, ..Rule::default() }];
    let mut scan = Scan::default();
    sum.finish().tell(&rules, false, &mut scan);
    let names = scan.findings.iter().filter_map(|finding| Some(finding.key.as_ref()?.escaped())).collect();
    (names, scan.summary)
}

#[test]
fn all_are_counted_and_some_of_every_sort_listed() {
    let (names, summary) = collected(9, 1);
    assert_eq!(summary.by_rule["T-1"], 506);
    assert_eq!((summary.by_severity[&Threat::Medium], summary.not_listed), (506, 497));
    // The firsts of every sort, the seconds, and so on; told in the order of the file.
    let listed =
        ["session:0", "session:1", "session:2", "config:a", "config:b", "config:c", "config:a", "config:b", "config:c"];
    assert_eq!(names, listed);
}

#[test]
fn how_findings_are_dealt_makes_no_difference() {
    for most in [0, 1, 2, 5, 9, 70, 1000] {
        let expected = collected(most, 1);
        assert_eq!(expected.0.len(), most.min(506));
        for hands in [2, 3, 8] {
            assert_eq!(collected(most, hands), expected, "{most} listed, {hands} hands");
        }
    }
}

#[test]
fn a_kind_that_is_told_once_counts_once() {
    let mut all = Collected::new(100, 1000);
    for n in 0..60 {
        let name = format!("session:{n}");
        all.population.key(name.as_bytes());
        let first = vec![found(&name, n)];
        all.add(Some(name.as_bytes()), vec![OfKind { kind: KIND, findings: 3, first }]);
    }
    let rules = [Rule { id: "T-1".into(), ..Rule::default() }];
    let mut scan = Scan::default();
    all.finish().tell(&rules, false, &mut scan);
    assert_eq!((scan.summary.by_rule["T-1"], scan.summary.not_listed, scan.findings.len()), (1, 0, 1));
    let finding = &scan.findings[0];
    let structural = finding.structural.as_ref().expect("it");
    assert_eq!((structural.prefix.as_str(), structural.keys), ("session:*", 60));
    // It is in no single key, but its first place is known.
    assert_eq!((&finding.key, finding.offset), (&None, Some(0)));
}

#[test]
fn sources_are_listed_one_after_the_other() {
    let one = |source: &str, offset: u64| {
        let mut all = Collected::new(2, 10);
        for n in 0..2 {
            let found = Found { source: source.into(), ..found("k", offset + n) };
            all.add(Some(b"k"), vec![OfKind { kind: KIND, findings: 1, first: vec![found] }]);
        }
        all.finish()
    };
    let rules = [Rule::default()];
    let told = |first: Sourced, second| {
        let (mut all, mut scan) = (first, Scan::default());
        all.merge(second);
        all.tell(&rules, false, &mut scan);
        (scan.findings.iter().map(|finding| (finding.source.clone(), finding.offset)).collect::<Vec<_>>(), scan.summary)
    };
    let (findings, summary) = told(one("b", 0), one("a", 7));
    assert_eq!(findings, [("a".to_owned(), Some(7)), ("a".to_owned(), Some(8))]);
    assert_eq!(summary.not_listed, 2);
    assert_eq!(told(one("a", 7), one("b", 0)), (findings, summary));
}
