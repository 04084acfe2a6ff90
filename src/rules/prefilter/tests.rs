use super::*;
use crate::rules::rule::{Class, LONGEST, Rule};

fn words(pattern: &str) -> Option<Vec<String>> {
    let list = told(pattern, false).expect("a pattern").literals?.list;
    Some(list.iter().map(|literal| literal.bytes.escape_ascii().to_string()).collect())
}

#[track_caller]
fn assert_words(pattern: &str, expected: &[&str]) {
    assert_eq!(words(pattern).unwrap_or_default(), expected, "{pattern}");
}

#[test]
fn literals_are_what_every_match_contains() {
    // Inside of a pattern, in either case.
    assert_words("[a-z]+stratum[a-z]+", &["stratum"]);
    assert_words("(?i)EvAl *\\(x", &["eval"]);
    assert_words("xmrig|[0-9]{4}minexmr|z+coinhive", &["coinhive", "minexmr", "xmrig"]);
    // What may be missing is no literal; what is there at least once is.
    assert_words("(?:kworker)?ksoftirq", &["ksoftirq"]);
    assert_words("(?:kworker)*ksoftirq", &["ksoftirq"]);
    assert_words("(?:kworker ){2,}", &["kworker kworker "]);
    assert_words("(?:kworker){0}ksoftirq", &["ksoftirq"]);
    // Small classes are spelt out, borders are nothing.
    assert_words(r"\$2[aby]\$", &["$2a$", "$2b$", "$2y$"]);
    assert_words(r"\bcd1\b", &["cd1"]);
    assert_words(r"<\?(?:php|=)", &["<?=", "<?php"]);
    // The rarest of several.
    assert_words("name.{1,9}xq7zj", &["xq7zj"]);
}

#[test]
fn what_has_no_literal_has_none() {
    for pattern in ["[0-9]{13,19}", "a[0-9]+b", "(?:ghp_)?[a-z]{36}", "stratum|[a-z]{40}", "ab", r"(?s).*", "x?"] {
        assert_eq!(words(pattern), None, "{pattern}");
    }
    // Two bytes are enough if they are rare.
    assert_words(r"<\?", &["<?"]);
}

#[test]
fn what_stands_before_a_literal_is_bounded_or_not() {
    let before = |pattern: &str| told(pattern, false).expect("a pattern").literals.expect("literals").list[0].before;
    assert_eq!(before("ghp_[0-9A-Za-z]{36}"), Some(0));
    assert_eq!(before("[a-z]{2,5}[0-9]?ghp_"), Some(6));
    assert_eq!(before("[a-z]+ghp_"), None);
    assert_eq!(before("a(?:[b-z]{7}-xq7|c=xq7)"), Some(1 + 7));
}

#[test]
fn the_longest_match_is_known_or_unbounded() {
    let longest = |pattern: &str| told(pattern, false).expect("a pattern").longest;
    assert_eq!(longest("ghp_[0-9A-Za-z]{36}"), Some(40));
    assert_eq!(longest("(?:a|bcd){2,3}x?"), Some(10));
    assert_eq!(longest(r"(?m)^\bab$"), Some(2));
    assert_eq!(longest("a+"), None);
    assert_eq!(longest("(?:a{3}|b*)c"), None);
    let unicode = told(".{3}x", true).expect("a pattern");
    assert_eq!(unicode.longest, Some(13), "a character has up to four bytes");
}

#[test]
fn a_beginning_of_two_bytes_is_enough_where_the_text_begins() {
    let start = |pattern: &str| {
        let list = told(pattern, false).expect("a pattern").start;
        list.map(|list| list.iter().map(|literal| literal.bytes.escape_ascii().to_string()).collect::<Vec<_>>())
    };
    assert_eq!(start(r"\AMZ"), Some(vec!["mz".to_owned()]));
    assert_eq!(
        start(r"\A\x80[\x02-\x04][^a]*"),
        Some(vec![r"\x80\x02".into(), r"\x80\x03".into(), r"\x80\x04".into()])
    );
    assert_eq!(start("MZ"), None);
    assert_eq!(start("(?m)^MZ"), None);
    assert_eq!(start(r"\A.?MZ"), None);
    assert_eq!(start(r"(?:\AMZ|b)"), None);
}

fn prepared(regex: &str, also: &[&str], within: Option<u64>) -> Result<Rule, String> {
    let pattern = |text: &str| regex::bytes::RegexBuilder::new(text).unicode(false).build().expect("a pattern");
    let also = also.iter().map(|text| pattern(text)).collect();
    let mut rule = Rule { pattern: Some(pattern(regex)), also, within, ..Rule::default() };
    rule.prepare().map(|()| rule)
}

#[test]
fn what_else_must_match_lends_its_literals() {
    let rule = prepared("[0-9]{13}", &["mastercard"], None).expect("prepared");
    let literal = Literal::new(b"mastercard".to_vec(), None);
    assert_eq!(rule.candidates, Candidates::Literals(vec![literal]));
    // Its own are better, for they say where.
    let rule = prepared("visa [0-9]{13}", &["mastercard"], None).expect("prepared");
    assert_eq!(rule.candidates, Candidates::Literals(vec![Literal::new(b"visa ".to_vec(), Some(0))]));
}

#[test]
fn a_rule_with_nothing_to_look_for_is_refused_unless_it_names_a_class() {
    assert!(prepared("[0-9]{13}", &[], None).expect_err("refused").contains("prefilter (digits, hex"));
    assert!(prepared("(?:abcdef)?", &[], None).expect_err("refused").contains("empty text"));
    assert!(prepared("abcdef", &[], Some(5000)).expect_err("refused").contains("within"));
    let mut rule = prepared("abcdef", &[], None).expect("prepared");
    (rule.pattern, rule.prefilter) = (regex::bytes::Regex::new("[0-9]{13}").ok(), Some(Class::Digits));
    assert_eq!(rule.prepare(), Ok(()));
    assert_eq!(rule.candidates, Candidates::Class(Class::Digits));
}

#[test]
fn the_longest_match_of_a_rule_counts_what_stands_beside_it() {
    let of = |regex, also: &[&str], within| prepared(regex, also, within).map(|rule| (rule.longest, rule.capped));
    assert_eq!(of("abcdef", &[], None), Ok((6, false)));
    assert_eq!(of("abcdef", &["x"], Some(100)), Ok((206, false)));
    assert_eq!(of("abcdef", &["x{50}"], None), Ok((50, false)));
    assert_eq!(of("abcdef+", &[], None), Ok((LONGEST, true)));
    assert_eq!(of("abcdef", &["x+"], None), Ok((LONGEST, true)));
}

#[test]
fn literals_know_where_words_end() {
    let edges = |pattern: &str| {
        let list = told(pattern, false).expect("a pattern").literals.expect("literals").list;
        let edges = |one: &Literal| (one.bytes.escape_ascii().to_string(), one.begins, one.ends);
        list.iter().map(edges).collect::<Vec<_>>()
    };
    let one = |text: &str, begins, ends| vec![(text.to_string(), begins, ends)];
    assert_eq!(edges(r"\bxmr\b"), one("xmr", true, true));
    assert_eq!(edges(r"[^a-zA-Z0-9]xmr(?:\W|\z)"), one("xmr", true, true));
    assert_eq!(edges(r#"(?:^|[\s"'|,;&{(\[*_])xmr[a-z]{2}"#), one("xmr", true, false));
    assert_eq!(edges(r"\s+xmr[a-z]{2}"), one("xmr", true, false));
    // What may be missing bounds nothing before it.
    assert_eq!(edges(r"xmr\s*[a-z]"), one("xmr", false, false));
    assert_eq!(edges(r"\bxmr[;]+[a-z]"), one("xmr;", true, false));
    // A border beside what is no word is inside another word.
    assert_eq!(edges(r"[a-z]\b-xmr"), one("-xmr", false, false));
    // A word does not stand for a longer one that it begins.
    assert_eq!(
        edges(r"(?:\bpay\b|[a-z]payload)"),
        [("pay".to_string(), true, true), ("payload".to_string(), false, false)]
    );
}
