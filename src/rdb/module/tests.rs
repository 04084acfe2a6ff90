//! The layouts against streams of tokens: whole, cut, too long, wrong in one place, and random.

#![allow(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test that panics has failed, which is what it is for"
)]

use super::*;

static ZEROS: [u8; 4096] = [0; 4096];

fn u(value: u64) -> Token<'static> {
    Token::Uint(value)
}

fn d(value: f64) -> Token<'static> {
    Token::Double(value)
}

fn s(text: &str) -> Token<'_> {
    Token::String { head: text.as_bytes(), len: text.len() as u64 }
}

/// A blob of zeros; of a long one only the beginning, as if it were above 1 MiB.
fn z(len: u64) -> Token<'static> {
    let have = usize::try_from(len).unwrap_or(usize::MAX).min(ZEROS.len());
    Token::String { head: &ZEROS[..have], len }
}

fn id(name: &str, encver: u16) -> ModuleId {
    let name = name.as_bytes().try_into().expect("nine characters");
    ModuleId::from_name(name, encver).expect("a type name")
}

fn decode(id: ModuleId, tokens: &[Token<'_>]) -> Module {
    let mut decoder = Decoder::new(id);
    for token in tokens {
        decoder.push(*token);
    }
    decoder.finish()
}

fn json_of(module: &Module) -> &str {
    std::str::from_utf8(module.json.as_deref().expect("JSON")).expect("UTF-8")
}

fn text(value: &str) -> Field {
    Field::Text(value.into())
}

#[track_caller]
fn assert_fields(module: &Module, fields: &[(&str, Field)]) {
    assert_eq!(module.flaw, None);
    for (name, value) in fields {
        assert_eq!(module.field(name), Some(value), "{name}");
    }
}

/// Where the flaw is, with a look that its kind is right.
#[track_caller]
fn flaw_at(module: &Module) -> u64 {
    let flaw = module.flaw.as_ref().expect("a flaw");
    assert_eq!(flaw.kind().0, "module-payload");
    assert_eq!(module.elements, None);
    flaw.at()
}

/// Reads `LEN` as far as these tests need it.
fn length(bytes: &[u8], pos: &mut usize) -> u64 {
    let first = bytes[*pos];
    *pos += 1;
    let (start, more) = match first {
        0..=0x3f => (u64::from(first), 0),
        0x40..=0x7f => (u64::from(first & 0x3f), 1),
        0x80 => (0, 4),
        0x81 => (0, 8),
        _ => panic!("not a length: {first:#x}"),
    };
    let rest = &bytes[*pos..*pos + more];
    *pos += more;
    rest.iter().fold(start, |value, byte| value << 8 | u64::from(*byte))
}

/// Walks a framed value after its type byte: id, opcodes, end.
fn decode_framed(bytes: &[u8]) -> Module {
    let mut pos = 0;
    let mut decoder = Decoder::new(ModuleId(length(bytes, &mut pos)));
    loop {
        match length(bytes, &mut pos) {
            0 => break,
            2 => decoder.push(Token::Uint(length(bytes, &mut pos))),
            4 => {
                let value = bytes[pos..pos + 8].try_into().expect("eight bytes");
                decoder.push(Token::Double(f64::from_le_bytes(value)));
                pos += 8;
            }
            5 if bytes[pos] == 0xc0 => {
                let value = bytes[pos + 1].cast_signed().to_string();
                pos += 2;
                decoder.push(s(&value));
            }
            5 => {
                let len = length(bytes, &mut pos);
                let end = pos + usize::try_from(len).expect("small");
                decoder.push(Token::String { head: &bytes[pos..end], len });
                pos = end;
            }
            opcode => panic!("opcode {opcode}"),
        }
    }
    assert_eq!(pos, bytes.len());
    decoder.finish()
}

/// The bits of -1, as a server writes it.
const MINUS_ONE: u64 = u64::MAX;

fn json_v0() -> Vec<Token<'static>> {
    let mut tokens = vec![u(32), u(6)];
    tokens.extend([u(128), s("a\"\\\n\u{1}"), u(8), u(MINUS_ONE)]);
    tokens.extend([u(128), s("n"), u(1)]);
    tokens.extend([u(128), s("d"), u(4), d(42.5)]);
    tokens.extend([u(128), s("l"), u(64), u(3), u(16), s("1"), u(16), s("0"), u(64), u(0)]);
    tokens.extend([u(128), s("o"), u(32), u(1), u(128), s("é"), u(32), u(0)]);
    tokens.extend([u(128), s("s"), u(2), s("")]);
    tokens
}

fn bloom_filter(encver: u16) -> Vec<Token<'static>> {
    let mut tokens = vec![u(100), d(0.005), u(8), d(11.027_753_418_256_411)];
    if encver >= 1 {
        tokens.extend([u(1152), u(0)]);
    }
    tokens.extend([z(144), u(3)]);
    tokens
}

fn bloom(encver: u16) -> Vec<Token<'static>> {
    let mut tokens = vec![u(6), u(2)];
    if encver >= 2 {
        tokens.push(u(5));
    }
    if encver >= 4 {
        tokens.push(u(3));
    }
    tokens.extend(bloom_filter(encver));
    tokens.extend(bloom_filter(encver));
    tokens
}

fn cuckoo(encver: u16) -> Vec<Token<'static>> {
    if encver < 4 {
        return vec![u(2), u(512), u(7), z(1024), z(2048)];
    }
    vec![u(2), u(512), u(7), u(1), u(2), u(20), u(2), u(512), z(1024), u(1024), z(2048)]
}

fn top_k() -> Vec<Token<'static>> {
    vec![u(3), u(8), u(7), d(0.9), z(8 * 8 * 7), z(72), s("foo\0"), s("\0"), s("b\0r\0")]
}

fn t_digest() -> Vec<Token<'static>> {
    let mut tokens = vec![d(100.0), d(-1.5), d(9.0), u(610), u(2), u(0), u(MINUS_ONE), d(3.0), d(0.0)];
    tokens.extend([d(-1.5), d(9.0), d(1.0), d(2.0)]);
    tokens
}

/// A series up to and including its labels.
fn series(encver: u16, options: u64, samples: u64) -> Vec<Token<'static>> {
    let mut tokens = vec![s("temp"), u(60_000), u(4096), u(options), u(1_700_000_000_500), d(21.5), u(samples), u(2)];
    tokens.extend([u(1), s("src")]);
    if encver >= 8 {
        tokens.extend([u(10), d(0.5)]);
    }
    tokens.extend([u(2), s("room"), s("a"), s("floor"), s("1")]);
    tokens
}

const COMPRESSED_CHUNK: [Token<'static>; 11] = [
    Token::Uint(64),
    Token::Uint(2),
    Token::Uint(90),
    Token::Uint(4_626_322_717_216_342_016),
    Token::Uint(1_700_000_000_000),
    Token::Uint(1_700_000_000_500),
    Token::Uint(500),
    Token::Uint(4_626_322_717_216_342_016),
    Token::Uint(32),
    Token::Uint(0),
    Token::String { head: &[0; 64], len: 64 },
];

fn compressed_series(encver: u16) -> Vec<Token<'static>> {
    let mut tokens = series(encver, 2, 4);
    tokens.extend([u(0), u(2)]);
    tokens.extend(COMPRESSED_CHUNK);
    tokens.extend(COMPRESSED_CHUNK);
    tokens
}

fn uncompressed_series() -> Vec<Token<'static>> {
    let mut tokens = series(8, 1, 2);
    tokens.extend([u(0), u(1), u(1_700_000_000_000), u(2), u(4096), z(4096)]);
    tokens
}

fn series_with_rules(encver: u16) -> Vec<Token<'static>> {
    let mut tokens = series(encver, 2, 4);
    tokens.push(u(2));
    for (dest, code) in [("temp:avg", 4), ("temp:odd", 77)] {
        tokens.extend([s(dest), u(1000)]);
        if encver >= 6 {
            tokens.push(u(0));
        }
        tokens.extend([u(code), u(1_700_000_000_000)]);
        if encver >= 9 {
            tokens.push(u(1));
        }
        tokens.extend([d(43.0), d(2.0), u(0)]);
    }
    tokens.push(u(2));
    tokens.extend(COMPRESSED_CHUNK);
    tokens.extend(COMPRESSED_CHUNK);
    tokens
}

/// Two elements of four int8 with attributes; the second one on two levels.
fn vector_set() -> Vec<Token<'static>> {
    let mut tokens = vec![u(4), u(2), u(4097), u(2)];
    tokens.extend([s("e2"), s(""), s("\0\x7f\0\0"), u(7), u(2), u(0x100_0000), u(1), u(32), u(1), u(0), u(1)]);
    tokens.extend([s("e1"), s("{\"a\":1}"), s("\x7f\0\0\0"), u(10), u(1), u(0x100_0001)]);
    tokens.extend([u(1), u(32), u(2), u(0), u(0), u(16), u(0), u(1)]);
    tokens
}

fn projected_vector_set() -> Vec<Token<'static>> {
    let mut tokens = vec![u(2), u(1), u(4096), u(1), u(3), z(24)];
    tokens.extend([s("e"), z(8), u(6), u(1), u(0x100_0000), u(0), u(32), u(0), u(1)]);
    tokens
}

fn trie() -> Vec<Token<'static>> {
    vec![u(2), s("hello\0"), d(1.0), s("\0"), s("help\0"), d(2.0), s("payload\0")]
}

fn valkey_bloom() -> Vec<Token<'static>> {
    let mut tokens = vec![u(2), u(2), Token::Float(0.5)];
    tokens.extend([z(16), u(128), u(7), u(100)]);
    tokens.extend([z(32), u(256), u(7), u(200), u(5)]);
    tokens
}

/// A whole value of every layout.
fn samples() -> Vec<(ModuleId, Vec<Token<'static>>)> {
    let mut samples = vec![
        (id("ReJSON-RL", 0), json_v0()),
        (id("ReJSON-RL", 2), vec![s("[1]"), u(1), s("x"), s("y")]),
        (id("ReJSON-RL", 3), vec![s("{\"a\":[1]}")]),
        (id("CMSk-TYPE", 0), vec![u(16), u(4), u(9), z(256)]),
        (id("TopK-TYPE", 0), top_k()),
        (id("TDIS-TYPE", 0), t_digest()),
        (id("TSDB-TYPE", 8), uncompressed_series()),
        (id("vectorset", 0), vector_set()),
        (id("vectorset", 0), projected_vector_set()),
        (id("trietype0", 1), trie()),
        (id("bloomfltr", 0), valkey_bloom()),
    ];
    for encver in 0..=4 {
        samples.push((id("MBbloom--", encver), bloom(encver)));
        samples.push((id("MBbloomCF", encver), cuckoo(encver)));
    }
    for encver in 5..=9 {
        samples.push((id("TSDB-TYPE", encver), compressed_series(encver)));
        samples.push((id("TSDB-TYPE", encver), series_with_rules(encver)));
    }
    samples
}

#[test]
fn ids_are_names_and_versions() {
    let table = [
        (0x45E2_5238_DF91_2C03, "ReJSON-RL", 3),
        (0x3016_E5A2_89BE_F804, "MBbloom--", 4),
        (0x3016_E5A2_8982_1404, "MBbloomCF", 4),
        (0x08C4_A4F9_360F_1000, "CMSk-TYPE", 0),
        (0x4E8A_4AF9_360F_1000, "TopK-TYPE", 0),
        (0x4C32_12F9_360F_1000, "TDIS-TYPE", 0),
        (0x4D20_C1F9_360F_1008, "TSDB-TYPE", 8),
        (0xBDE7_2DA2_BB1E_B400, "vectorset", 0),
        (0x7EDF_E29D_D7B1_D017, "ft_index0", 23),
        (0xB6B8_9EB7_2A5E_D001, "trietype0", 1),
        (0xB1C7_6DCA_97B4_D001, "scdtype00", 1),
        (0x6E5A_2899_F96D_AC00, "bloomfltr", 0),
    ];
    for (bits, name, encver) in table {
        let of_bits = ModuleId(bits);
        assert_eq!(of_bits.to_string(), name);
        assert_eq!(of_bits.encver(), encver, "{name}");
        assert_eq!(id(name, encver), of_bits, "{name}");
        assert!(of_bits.product().is_some(), "{name}");
    }
    assert_eq!(ModuleId::from_name(b"no spaces", 0), None);
    assert_eq!(ModuleId::from_name(b"vectorset", 1024), None);
    assert_eq!(ModuleId(u64::MAX).to_string(), "_________");
    assert_eq!(ModuleId(u64::MAX).encver(), 1023);
    assert_eq!(ModuleId(0).product(), None);
    assert_eq!(format!("{:>11}", ModuleId(0)), "  AAAAAAAAA");
}

#[test]
fn framed_values_are_read() {
    let document = br#"{"a":1,"b":[true,null,"x",1.5],"c":{"d":"e"}}"#;
    let mut bytes = vec![0x81, 0x45, 0xE2, 0x52, 0x38, 0xDF, 0x91, 0x2C, 0x03, 0x05, 0x2D];
    bytes.extend(document);
    bytes.push(0);
    let module = decode_framed(&bytes);
    assert_fields(&module, &[("type", text("object"))]);
    assert_eq!(module.json.as_deref(), Some(&document[..]));
    assert_eq!((module.elements, module.tokens, module.payload_bytes), (Some(3), 1, 45));
    assert!(module.known && !module.json_truncated);

    let module = decode_framed(b"\x81\x45\xE2\x52\x38\xDF\x91\x2C\x03\x05\xC0\x2A\0");
    assert_fields(&module, &[("type", text("integer"))]);
    assert_eq!((json_of(&module), module.elements), ("42", None));

    let mut bytes = b"\x81\x4C\x32\x12\xF9\x36\x0F\x10\0".to_vec();
    for value in [100.0f64, 0.0, 0.0] {
        bytes.push(4);
        bytes.extend(value.to_le_bytes());
    }
    bytes.extend(b"\x02\x42\x58\x02\0\x02\0\x02\x81\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFE");
    bytes.extend(b"\x04\0\0\0\0\0\0\0\0\x04\0\0\0\0\0\0\0\0\0");
    let module = decode_framed(&bytes);
    assert_fields(&module, &[("capacity", Field::Uint(600)), ("total_compressions", Field::Int(-2))]);
}

#[test]
fn whole_values_have_no_flaw() {
    for (id, tokens) in samples() {
        let module = decode(id, &tokens);
        assert!(module.known, "{id} {}", id.encver());
        assert_eq!(module.flaw, None, "{id} {}", id.encver());
        assert_eq!(module.tokens, tokens.len() as u64);
    }
}

#[test]
fn cut_values_have_a_flaw_where_they_end() {
    for (id, tokens) in samples() {
        for cut in 0..tokens.len() {
            // The payload of a term may be missing.
            if id.name() == *b"trietype0" && cut == tokens.len() - 1 {
                continue;
            }
            let module = decode(id, &tokens[..cut]);
            // The end of an overflow flag of 0 looks like no chunks.
            if id.name() == *b"TSDB-TYPE" && module.flaw.is_none() {
                assert_eq!(module.field("chunk_count"), Some(&Field::Uint(0)), "{cut}");
                continue;
            }
            assert_eq!(flaw_at(&module), cut as u64, "{id} {} cut at {cut}", id.encver());
        }
    }
}

#[test]
fn a_token_too_many_is_a_flaw() {
    for (id, mut tokens) in samples() {
        let end = tokens.len() as u64;
        tokens.extend([u(0), s("")]);
        assert_eq!(flaw_at(&decode(id, &tokens)), end, "{id} {}", id.encver());
    }
}

#[test]
fn a_token_of_another_sort_is_a_flaw() {
    for (id, tokens) in samples() {
        for at in 0..tokens.len() {
            let mut wrong = tokens.clone();
            wrong[at] = Token::Sint(1);
            let module = decode(id, &wrong);
            // In and after the context of a rule nothing is certain.
            if id.name() == *b"TSDB-TYPE" && module.flaw.is_none() {
                assert!(at > 14, "{at}");
                continue;
            }
            assert_eq!(flaw_at(&module), at as u64, "{id} {} at {at}", id.encver());
        }
    }
}

#[test]
fn unknown_types_and_versions_are_counted() {
    for id in [id("ReJSON-RL", 4), id("MBbloom--", 5), id("TSDB-TYPE", 4), id("ft_index0", 23), ModuleId(0)] {
        let module = decode(id, &[u(1), Token::Float(1.0), z(5000), Token::Sint(-1), d(0.0)]);
        assert_eq!((module.known, module.flaw.as_ref(), module.elements), (false, None, None));
        assert_eq!((module.tokens, module.payload_bytes), (5, 8 + 4 + 5000 + 8 + 8));
        assert!(module.header.is_empty() && module.json.is_none());
    }
    let later = decode(id("bloomfltr", 0), &[u(1), u(2), d(0.01), d(0.5), u(1)]);
    assert_eq!((later.known, later.flaw), (false, None));
}

#[test]
fn json_trees_are_written_out() {
    let module = decode(id("ReJSON-RL", 0), &json_v0());
    let expected = r#"{"a\"\\\n\u0001":-1,"n":null,"d":42.5,"l":[true,false,[]],"o":{"é":{}},"s":""}"#;
    assert_fields(&module, &[("type", text("object"))]);
    assert_eq!((json_of(&module), module.elements), (expected, Some(6)));
    serde_json::from_str::<serde_json::Value>(expected).expect("JSON");

    for (tokens, expected) in [
        (vec![u(1)], "null"),
        (vec![u(64), u(0)], "[]"),
        (vec![u(4), d(1e300)], "1e300"),
        (vec![u(8), u(1 << 63)], "-9223372036854775808"),
        (vec![u(64), u(2), u(64), u(1), u(1), u(32), u(0)], "[[null],{}]"),
    ] {
        let module = decode(id("ReJSON-RL", 0), &tokens);
        assert_eq!((json_of(&module), module.flaw.as_ref()), (expected, None));
    }

    let bytes = Token::String { head: b"a\xffb\xc3", len: 4 };
    let module = decode(id("ReJSON-RL", 0), &[u(2), bytes]);
    assert_eq!(json_of(&module), "\"a\u{fffd}b\u{fffd}\"");
    assert_fields(&module, &[("strings_not_utf8", Field::Uint(1))]);
}

#[test]
fn json_trees_are_refused_where_they_are_wrong() {
    let v0 = id("ReJSON-RL", 0);
    for (tokens, at) in [
        (vec![u(3)], 0),
        (vec![u(16), s("2")], 1),
        (vec![u(4), d(f64::NAN)], 1),
        (vec![u(32), u(1), u(64)], 2),
        (vec![u(64), u(1), u(1), u(1)], 3),
        (vec![u(64), u(u64::MAX), u(1)], 3),
    ] {
        let module = decode(v0, &tokens);
        assert_eq!(flaw_at(&module), at);
        assert!(module.json_truncated);
    }
    let mut deep = Vec::new();
    for _ in 0..512 {
        deep.extend([u(64), u(1)]);
    }
    let mut fits = deep.clone();
    fits.push(u(1));
    assert_eq!(decode(v0, &fits).flaw, None);
    deep.extend([u(64), u(1), u(1)]);
    assert_eq!(flaw_at(&decode(v0, &deep)), 1025);
}

#[test]
fn json_is_kept_up_to_its_bound() {
    let long = "x".repeat(KEPT_JSON_BYTES);
    let mut decoder = Decoder::new(id("ReJSON-RL", 0));
    decoder.push(u(64));
    decoder.push(u(100));
    for _ in 0..100 {
        decoder.push(u(2));
        decoder.push(s(&long));
    }
    let module = decoder.finish();
    assert_eq!((module.flaw, module.elements), (None, Some(100)));
    assert_eq!((module.json.map(|json| json.len()), module.json_truncated), (Some(KEPT_JSON_BYTES), true));

    // The beginning of a text is the beginning of JSON, or it is not.
    let beginning = format!("[\"{}", &long[2..]);
    let head = Token::String { head: beginning.as_bytes(), len: 1 << 40 };
    let module = decode(id("ReJSON-RL", 3), &[head]);
    assert_eq!((module.flaw, module.elements, module.json_truncated), (None, None, true));
    let head = Token::String { head: long.as_bytes(), len: 1 << 40 };
    let module = decode(id("ReJSON-RL", 3), &[head]);
    assert_eq!(flaw_at(&module), 0);
    assert_eq!(module.json.map(|json| json.len()), Some(KEPT_JSON_BYTES));
}

#[test]
fn json_text_is_held_against_the_grammar() {
    let deep = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    for (json, kind, members) in [
        ("{\"a\":1,\"b\":[[],{}]}", "object", Some(2)),
        (" [1, 2, 3]\n", "array", Some(3)),
        ("\"[[[[\"", "string", None),
        ("true", "boolean", None),
        ("null", "null", None),
        ("-5", "integer", None),
        ("1e3", "number", None),
        (&deep(512), "array", Some(1)),
    ] {
        let module = decode(id("ReJSON-RL", 3), &[s(json)]);
        assert_fields(&module, &[("type", text(kind))]);
        assert_eq!((json_of(&module), module.elements), (json, members));
    }
    for json in ["", "{", "[1,]", "{\"a\":1}x", "nul", "{1:2}", &deep(513), &"[".repeat(100_000), &deep(100_000)] {
        let module = decode(id("ReJSON-RL", 3), &[s(json)]);
        assert_eq!(flaw_at(&module), 0, "{json:.20}");
        assert_eq!(json_of(&module), json);
    }
    let not_utf8 = Token::String { head: b"{\"\xff\":1}", len: 7 };
    assert_eq!(flaw_at(&decode(id("ReJSON-RL", 3), &[not_utf8])), 0);

    assert_eq!(decode(id("ReJSON-RL", 2), &[s("{}"), u(0)]).flaw, None);
    assert_eq!(flaw_at(&decode(id("ReJSON-RL", 2), &[s("{}"), u(0), s("x")])), 2);
}

#[test]
fn bloom_filters() {
    // What a server wrote for an error rate of 0.005, room for 100 and three items.
    let mut tokens = vec![u(3), u(1), u(5), u(2)];
    tokens.extend(bloom_filter(4));
    let module = decode(id("MBbloom--", 4), &tokens);
    assert_fields(
        &module,
        &[
            ("number_of_items_inserted", Field::Uint(3)),
            ("number_of_filters", Field::Uint(1)),
            ("options", Field::Uint(5)),
            ("capacity", Field::Uint(100)),
            ("expansion_rate", Field::Uint(2)),
        ],
    );
    let Some(Field::List { first, total: 1 }) = module.field("filters") else { panic!("{module:?}") };
    let Field::Record(filter) = &first[0] else { panic!("{first:?}") };
    let names: Vec<_> = filter.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, ["capacity", "error_rate", "hashes", "bits_per_entry", "bits", "number_of_items_inserted"]);

    for encver in 0..=4 {
        let module = decode(id("MBbloom--", encver), &bloom(encver));
        assert_fields(&module, &[("capacity", Field::Uint(200))]);
        assert_eq!(module.elements, Some(6));
        assert_eq!(module.field("expansion_rate"), Some(&Field::Uint(if encver < 4 { 2 } else { 3 })));
    }

    tokens[2] = u(8);
    assert_fields(&decode(id("MBbloom--", 4), &tokens), &[("expansion_rate", Field::Null)]);
    // 2^10 bits fit in 1152; 2^11 do not.
    tokens[9] = u(10);
    assert_eq!(decode(id("MBbloom--", 4), &tokens).flaw, None);
    for (at, wrong) in [(9, u(11)), (9, u(64)), (9, u(u64::MAX)), (10, z(143)), (10, z(1 << 29))] {
        let mut tokens = tokens.clone();
        tokens[at] = wrong;
        assert_eq!(flaw_at(&decode(id("MBbloom--", 4), &tokens)), at as u64);
    }
    // Bits near 2^64 do not overflow, and no array is that long.
    let mut huge = tokens.clone();
    huge[8] = u(u64::MAX);
    assert_eq!(flaw_at(&decode(id("MBbloom--", 4), &huge)), 10);
}

#[test]
fn sketches_and_filters() {
    let module = decode(id("CMSk-TYPE", 0), &[u(16), u(4), u(9), z(256)]);
    assert_fields(&module, &[("width", Field::Uint(16)), ("depth", Field::Uint(4)), ("count", Field::Uint(9))]);
    assert_eq!(module.elements, None);
    for wrong in [z(255), z(64)] {
        assert_eq!(flaw_at(&decode(id("CMSk-TYPE", 0), &[u(16), u(4), u(9), wrong])), 3);
    }
    assert_eq!(flaw_at(&decode(id("CMSk-TYPE", 0), &[u(1 << 62), u(4), u(0), z(0)])), 3);

    let module = decode(id("TopK-TYPE", 0), &top_k());
    assert_fields(&module, &[("k", Field::Uint(3)), ("decay", Field::Float(0.9))]);
    let items = Field::List { first: vec![text("foo"), text("b\0r")], total: 2 };
    assert_eq!((module.field("items"), module.elements), (Some(&items), Some(2)));
    for (at, wrong) in [(4, z(1)), (5, z(24)), (6, s("foo")), (6, s(""))] {
        let mut tokens = top_k();
        tokens[at] = wrong;
        assert_eq!(flaw_at(&decode(id("TopK-TYPE", 0), &tokens)), at as u64);
    }

    let module = decode(id("TDIS-TYPE", 0), &t_digest());
    assert_fields(
        &module,
        &[
            ("compression", Field::Float(100.0)),
            ("min", Field::Float(-1.5)),
            ("merged_nodes", Field::Uint(2)),
            ("total_compressions", Field::Int(-1)),
            ("observations", Field::Float(3.0)),
        ],
    );
    assert_eq!(module.elements, Some(2));
    for (at, wrong) in [(4, u(611)), (5, u(609)), (3, u(1))] {
        let mut tokens = t_digest();
        tokens[at] = wrong;
        assert_eq!(flaw_at(&decode(id("TDIS-TYPE", 0), &tokens)), at.max(4) as u64);
    }

    let module = decode(id("MBbloomCF", 4), &cuckoo(4));
    assert_fields(
        &module,
        &[
            ("number_of_items_deleted", Field::Uint(1)),
            ("bucket_size", Field::Uint(2)),
            ("expansion_rate", Field::Uint(2)),
            ("max_iterations", Field::Uint(20)),
        ],
    );
    assert_eq!(module.elements, Some(7));
    let mut tokens = cuckoo(4);
    tokens[4] = u(u64::MAX);
    assert_eq!(flaw_at(&decode(id("MBbloomCF", 4), &tokens)), 8);

    let module = decode(id("bloomfltr", 0), &valkey_bloom());
    assert_fields(&module, &[("capacity", Field::Uint(300)), ("error_rate", Field::Float(0.5))]);
    assert_eq!(module.elements, Some(105));
}

#[test]
fn time_series() {
    let label = |name, value| Field::Record(vec![("name", text(name)), ("value", text(value))]);
    for encver in 5..=9 {
        let module = decode(id("TSDB-TYPE", encver), &compressed_series(encver));
        assert_fields(
            &module,
            &[
                ("key_self_name", text("temp")),
                ("retention_time", Field::Uint(60_000)),
                ("chunk_type", text("compressed")),
                ("duplicate_policy", text("last")),
                ("source_key", text("src")),
                ("labels", Field::List { first: vec![label("room", "a"), label("floor", "1")], total: 2 }),
                ("chunk_count", Field::Uint(2)),
                ("chunk_samples", Field::Uint(4)),
                ("first_timestamp", Field::Uint(1_700_000_000_000)),
            ],
        );
        assert_eq!(module.elements, Some(4));
        assert_eq!(module.field("ignore_max_time_diff").is_some(), encver >= 8);

        let module = decode(id("TSDB-TYPE", encver), &series_with_rules(encver));
        assert_fields(&module, &[("chunk_count", Field::Uint(2)), ("chunk_samples", Field::Uint(4))]);
        let Some(Field::List { first, total: 2 }) = module.field("rules") else { panic!("{module:?}") };
        let Field::Record(rule) = &first[0] else { panic!("{first:?}") };
        assert!(rule.contains(&("aggregation_type", text("AVG"))));
        assert!(rule.contains(&("compaction_key", text("temp:avg"))));
    }
    let module = decode(id("TSDB-TYPE", 8), &uncompressed_series());
    assert_fields(&module, &[("chunk_type", text("uncompressed")), ("chunk_samples", Field::Uint(2))]);

    let mut tokens = uncompressed_series();
    let end = tokens.len();
    tokens[end - 3] = u(1 << 60);
    assert_eq!(flaw_at(&decode(id("TSDB-TYPE", 8), &tokens)), end as u64 - 1);
    let mut tokens = compressed_series(8);
    let end = tokens.len();
    tokens[end - 9] = u(513);
    assert_eq!(flaw_at(&decode(id("TSDB-TYPE", 8), &tokens)), end as u64 - 1);
    // After the context of a rule that is no flaw, but nothing is said of chunks.
    let mut tokens = series_with_rules(8);
    let data = tokens.len() - 12;
    tokens[data] = z(3);
    let module = decode(id("TSDB-TYPE", 8), &tokens);
    assert_eq!((module.flaw.as_ref(), module.field("chunk_count")), (None, None));
}

#[test]
fn vector_sets() {
    let module = decode(id("vectorset", 0), &vector_set());
    assert_fields(
        &module,
        &[
            ("vector_dim", Field::Uint(4)),
            ("size", Field::Uint(2)),
            ("quant_type", text("int8")),
            ("hnsw_m", Field::Uint(16)),
            ("projection_input_dim", Field::Uint(0)),
            ("max_level", Field::Uint(1)),
            ("attributes_count", Field::Uint(1)),
            ("hnsw_max_node_uid", Field::Uint(2)),
        ],
    );
    assert_eq!(module.elements, Some(2));
    let module = decode(id("vectorset", 0), &projected_vector_set());
    assert_fields(&module, &[("quant_type", text("f32")), ("projection_input_dim", Field::Uint(3))]);

    // 65 binary components take two words.
    let binary = [u(65), u(1), u(4098), u(0), s("e"), z(16), u(3), u(1), u(0), u(1)];
    assert_fields(&decode(id("vectorset", 0), &binary), &[("quant_type", text("bin"))]);

    for (at, wrong) in [
        (0, u(0)),
        (0, u(65537)),
        (0, u(u64::MAX)),
        (2, u(4099)),
        (3, u(4)),
        (6, z(3)),
        (7, u(0)),
        (10, u(6)),
        (10, u(u64::MAX)),
    ] {
        let mut tokens = vector_set();
        tokens[at] = wrong;
        assert_eq!(flaw_at(&decode(id("vectorset", 0), &tokens)), at as u64, "{wrong:?}");
    }
    // A number of params that is more, or less, than levels and links come to.
    for (params, at) in [(8, 15), (6, 13), (2, 9)] {
        let mut tokens = vector_set();
        tokens[7] = u(params);
        assert_eq!(flaw_at(&decode(id("vectorset", 0), &tokens)), at);
    }
    let overflow = [u(65536), u(1), u(0), u(1), u(1 << 62), z(0)];
    assert_eq!(flaw_at(&decode(id("vectorset", 0), &overflow)), 5);
}

#[test]
fn suggestion_dictionaries() {
    let module = decode(id("trietype0", 1), &trie());
    let terms = Field::List { first: vec![text("hello"), text("help")], total: 2 };
    assert_fields(&module, &[("size", Field::Uint(2)), ("payloads", Field::Uint(2)), ("terms", terms.clone())]);
    let bare = [u(2), s("hello\0"), d(1.0), s("help\0"), d(2.0)];
    let module = decode(id("trietype0", 1), &bare);
    assert_fields(&module, &[("payloads", Field::Uint(0)), ("terms", terms)]);
    assert_eq!(module.elements, Some(2));
    assert_eq!(decode(id("trietype0", 1), &[u(0)]).flaw, None);
    assert_eq!(flaw_at(&decode(id("trietype0", 1), &[u(1), s("x"), d(1.0)])), 1);
}

#[test]
fn lists_are_kept_up_to_their_bound_and_counted() {
    let long = "y".repeat(2 * KEPT_TEXT_BYTES);
    let mut tokens = series(8, 2, 0);
    let labels = tokens.len() - 5;
    tokens.truncate(labels);
    tokens.push(u(1000));
    for _ in 0..1000 {
        tokens.extend([s(&long), s("v")]);
    }
    tokens.extend([u(0), u(0)]);
    let module = decode(id("TSDB-TYPE", 8), &tokens);
    assert_eq!(module.flaw, None);
    let Some(Field::List { first, total: 1000 }) = module.field("labels") else { panic!("labels") };
    assert_eq!(first.len(), KEPT_ITEMS);
    assert_eq!(first[0], Field::Record(vec![("name", text(&long[..KEPT_TEXT_BYTES])), ("value", text("v"))]));
}

/// Numbers from a seed, the same every time (xorshift64).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % bound as u64).expect("below a usize")
    }

    fn number(&mut self) -> u64 {
        match self.below(6) {
            0 => [1, 2, 4, 8, 16, 32, 64, 128][self.below(8)],
            1 => u64::MAX - self.next() % 3,
            2 => 1 << self.below(64),
            3 => self.next(),
            _ => self.next() % 5,
        }
    }

    fn token(&mut self) -> Token<'static> {
        match self.below(12) {
            0 => Token::Sint(self.next().cast_signed()),
            1 => Token::Float(f32::from_bits(u32::try_from(self.next() >> 32).expect("32 bits"))),
            2 | 3 => Token::Double(f64::from_bits(self.next())),
            4 | 5 => z(self.number()),
            6 => [s("{\"a\":"), s("[1]"), s("1"), s("x\0"), s("\u{1}\"\\é")][self.below(5)],
            7 => Token::String { head: b"\xff\xfe\0", len: self.number() },
            _ => u(self.number()),
        }
    }
}

fn field_bytes(field: &Field) -> usize {
    match field {
        Field::Null | Field::Int(_) | Field::Uint(_) | Field::Float(_) => 8,
        Field::Text(bytes) => bytes.len(),
        Field::List { first, .. } => first.iter().map(field_bytes).sum(),
        Field::Record(fields) => fields.iter().map(|(_, field)| field_bytes(field)).sum(),
    }
}

#[track_caller]
fn assert_sane(module: &Module, tokens: usize) {
    assert_eq!(module.tokens, tokens as u64);
    assert!(module.header.iter().map(|(_, field)| field_bytes(field)).sum::<usize>() <= 1 << 20);
    assert!(module.json.as_ref().is_none_or(|json| json.len() <= KEPT_JSON_BYTES));
    if let Some(flaw) = &module.flaw {
        assert!(flaw.at() <= tokens as u64);
        assert_eq!(flaw.kind().0, "module-payload");
    }
}

#[test]
fn random_tokens_do_no_harm() {
    let mut random = Random(0x5EED_0001);
    for (id, tokens) in samples() {
        for _ in 0..500 {
            // All random; a whole value, then random; a whole value with a few tokens changed, lost or doubled.
            let keep = random.below(tokens.len() + 1);
            let mut stream = tokens[..keep].to_vec();
            for _ in 0..random.below(60) {
                stream.push(random.token());
            }
            assert_sane(&decode(id, &stream), stream.len());

            let mut stream = tokens.clone();
            for _ in 0..=random.below(3) {
                let at = random.below(stream.len());
                match random.below(3) {
                    0 => stream[at] = random.token(),
                    1 => stream.insert(at, stream[at]),
                    _ if stream.len() > 1 => drop(stream.remove(at)),
                    _ => {}
                }
            }
            assert_sane(&decode(id, &stream), stream.len());
        }
    }
}
