//! What no server here writes, built byte by byte from the format's description: KeyDB, Dragonfly, Redis 8.8 and later, opcodes
//! of clusters and release candidates. The support table says `documented` of these, not `verified`.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use rediscover::analysis::{CheckOptions, check};
use rediscover::base::Error;
use rediscover::pipeline::{RowSource, RunOptions, Selection, rows};
use rediscover::rdb::{Depth, Element, Head, Item};
use rediscover::report::{LoadVerdict, SourceCheck, Verdict};
use rediscover::source::{Origin, Place, Stream};

/// Writes a dump: the header, then whatever a test wants, then EOF and no checksum.
struct Dump(Vec<u8>);

impl Dump {
    fn new(magic: &str) -> Self {
        Self(magic.as_bytes().to_vec())
    }

    fn raw(mut self, bytes: &[u8]) -> Self {
        self.0.extend_from_slice(bytes);
        self
    }

    /// A STR shorter than 64 bytes.
    fn text(self, text: &str) -> Self {
        assert!(text.len() < 64);
        self.raw(&[u8::try_from(text.len()).unwrap()]).raw(text.as_bytes())
    }

    fn texts(self, texts: &[&str]) -> Self {
        texts.iter().fold(self, |dump, text| dump.text(text))
    }

    fn aux(self, name: &str, value: &str) -> Self {
        self.raw(&[0xfa]).text(name).text(value)
    }

    fn end(self) -> Vec<u8> {
        self.raw(&[0xff]).raw(&[0; 8]).0
    }
}

/// What a reader says of each key, a line per element.
#[derive(Default)]
struct Lines(Vec<String>);

impl RowSource for Lines {
    type Rows = Vec<String>;

    fn depth(&self, _: &Head<'_>) -> Depth {
        Depth::Content
    }

    fn observe(&mut self, item: &Item<'_>) {
        let show = |bytes: &[u8]| bytes.escape_ascii().to_string();
        let expiry = |at: Option<rediscover::base::UnixMs>| at.map_or(String::new(), |at| format!(" until {}", at.0));
        let line = match item {
            Item::Begin(head) => {
                let until = expiry(head.expire_at);
                format!("db{} {} {}{until}", head.db, head.value_type.name, show(head.key.head))
            }
            Item::Element(element) => match element {
                Element::Item(bytes) => format!("  {}", show(bytes)),
                Element::Member { member, score } => format!("  {} {score}", show(member)),
                Element::Field { field, value, expire_at } => {
                    format!("  {}={}{}", show(field), show(value), expiry(*expire_at))
                }
                Element::Indexed { index, value } => format!("  [{index}] {}", show(value)),
                Element::StreamEntry { id, fields } => format!("  {id} {fields} field(s)"),
                Element::Group { name, last_id, entries_read } => {
                    format!("  group {} at {last_id} read {entries_read:?}", show(name))
                }
                Element::Pending { id, delivered, deliveries } => {
                    format!("  pending {id} {} {deliveries}", delivered.0)
                }
                Element::Consumer { name, seen, .. } => format!("  consumer {} {}", show(name), seen.0),
                Element::Owned(id) => format!("  owns {id}"),
                Element::Released(id) => format!("  released {id}"),
                Element::Producer(id) => format!("  producer {}", show(id)),
                Element::Produced { iid, id } => format!("  produced {} {id}", show(iid)),
                Element::StreamInfo(info) => format!("  length {} last {}", info.length, info.last_id),
                Element::Piece { .. } => "  piece".to_owned(),
            },
            Item::KeyMeta { class, optional, .. } => format!("meta {} optional {optional}", show(class)),
            Item::Function { code, .. } => format!("function {}", show(code)),
            Item::Damage(damage) => format!("damage {}", damage.flaw),
            _ => return,
        };
        self.0.push(line);
    }

    fn take(&mut self) -> Vec<String> {
        std::mem::take(&mut self.0)
    }
}

fn lines(dump: &[u8]) -> Vec<String> {
    let mut stream = Stream::from_reader("built", std::io::Cursor::new(dump.to_vec())).unwrap();
    let mut all = Vec::new();
    let mut deliver = |some: Vec<String>| -> Result<(), Error> {
        all.extend(some);
        Ok(())
    };
    rows(&mut stream, |_, _| Lines::default(), &Selection::default(), &RunOptions::default(), &mut deliver).unwrap();
    all
}

fn judge(dump: &[u8]) -> SourceCheck {
    let origin = Origin::new("built", Place::Bytes(dump.to_vec()));
    let mut options = CheckOptions::default();
    options.run.scratch = std::env::temp_dir();
    check(&origin, &options).outcome.unwrap()
}

fn on(check: &SourceCheck, server: &str) -> LoadVerdict {
    check.loads_on.iter().find(|one| one.server == server).unwrap().verdict
}

/// The dump is whole, and reads as these lines.
#[track_caller]
fn reads_as(dump: &[u8], expected: &[&str]) -> SourceCheck {
    assert_eq!(lines(dump), expected);
    let check = judge(dump);
    assert_eq!(check.verdict, Verdict::Intact, "{:?}", check.integrity.problems);
    check
}

#[test]
fn keydb() {
    let dump = Dump::new("REDIS0009")
        .aux("redis-ver", "6.3.4")
        .raw(&[0xfe, 0])
        .aux("mvcc-tstamp", "1795379566129")
        .raw(&[64])
        .text("job")
        .text("return 1")
        .raw(&1_700_000_000_000i64.to_le_bytes())
        .raw(&60_000i64.to_le_bytes())
        .raw(&[1])
        .text("k1")
        .raw(&[2])
        .texts(&["a1", "a2"])
        .raw(&[2])
        .text("set")
        .raw(&[2])
        .texts(&["x", "y"])
        .aux("keydb-subexpire-key", "x")
        .aux("keydb-subexpire-when", "4102444800000")
        .end();
    let expected = ["db0 CRON job", "  k1", "  a1", "  a2", "db0 SET set", "  x", "  y"];
    let check = reads_as(&dump, &expected);
    assert_eq!(on(&check, "keydb-6.3"), LoadVerdict::Yes);
    assert_eq!(on(&check, "redis-7.0"), LoadVerdict::No);
}

#[test]
fn dragonfly() {
    let dump = Dump::new("REDIS0009")
        .aux("redis-ver", "7.4.0")
        .aux("df-ver", "v1.30")
        .raw(&[0xfe, 0])
        .raw(&[30])
        .text("doc")
        .text("{\"a\":1}")
        .raw(&[31])
        .text("hash")
        .raw(&[2])
        .texts(&["f1", "v1", "4102444800", "f2", "v2", "-1"])
        .raw(&[32])
        .text("set")
        .raw(&[1])
        .texts(&["m", "-1"])
        .raw(&[200])
        .raw(&[0; 8])
        .end();
    let expected = [
        "db0 JSON doc",
        "  {\\\"a\\\":1}",
        "db0 HASH_WITH_EXPIRY hash",
        "  f1=v1 until 4102444800000",
        "  f2=v2",
        "db0 SET_WITH_EXPIRY set",
        "  m",
    ];
    let check = reads_as(&dump, &expected);
    assert_eq!(check.server_version.as_deref(), Some("dragonfly v1.30"));
    assert!(check.loads_on.iter().all(|one| one.verdict == LoadVerdict::No));
}

#[test]
fn a_compressed_block_of_dragonfly_is_named() {
    let dump = Dump::new("REDIS0009").aux("df-ver", "v1.30").raw(&[201, 5, 1, 2, 3, 4, 5]).end();
    let check = judge(&dump);
    assert_eq!(check.verdict, Verdict::Unsupported);
    assert!(check.integrity.problems[0].message.contains("opcode 201"), "{:?}", check.integrity.problems);
}

#[test]
fn arrays_of_redis_8_8() {
    let dump = Dump::new("REDIS0014")
        .raw(&[0xfe, 0, 28])
        .text("lab:array")
        .raw(&[1, 0, 0, 0])
        .text("array-value")
        .raw(&[28])
        .text("mixed")
        .raw(&[3, 1, 9, 0, 1])
        .raw(&(-7i64).to_le_bytes())
        .raw(&[1, 2])
        .raw(&2.5f64.to_le_bytes())
        .raw(&[5, 3])
        .text("tiny")
        .end();
    let expected =
        ["db0 ARRAY lab:array", "  [0] array-value", "db0 ARRAY mixed", "  [0] -7", "  [1] 2.5", "  [5] tiny"];
    reads_as(&dump, &expected);
}

/// One node with one entry 1-0 `f=v`; a group with one entry that a consumer owns and one that was released.
#[test]
fn streams_of_redis_8_8() {
    let node = [
        &[0u8, 0, 0, 0, 10, 0][..],
        // count 1, deleted 0, one field "f", 0; then flags SAMEFIELDS, 0-0, "v", 4 entries
        &[1, 1, 0, 1, 1, 1, 0x81, b'f', 2, 0, 1],
        &[2, 1, 0, 1, 0, 1, 0x81, b'v', 2, 4, 1],
        &[0xff],
    ]
    .concat();
    let mut node = node;
    let length = u32::try_from(node.len()).unwrap();
    node[..4].copy_from_slice(&length.to_le_bytes());
    let id = |ms: u64, seq: u64| [ms.to_be_bytes(), seq.to_be_bytes()].concat();
    let dump = Dump::new("REDIS0014")
        .raw(&[0xfe, 0, 27])
        .text("stream")
        .raw(&[1, 16])
        .raw(&id(1, 0))
        .raw(&[u8::try_from(node.len()).unwrap()])
        .raw(&node)
        .raw(&[1, 3, 0, 1, 0, 2, 0, 3])
        .raw(&[1])
        .text("group")
        .raw(&[3, 0, 3, 2])
        .raw(&id(1, 0))
        .raw(&1000i64.to_le_bytes())
        .raw(&[1])
        .raw(&id(3, 0))
        .raw(&1000i64.to_le_bytes())
        .raw(&[2, 1])
        .text("alice")
        .raw(&1000i64.to_le_bytes())
        .raw(&(-1i64).to_le_bytes())
        .raw(&[1])
        .raw(&id(1, 0))
        .raw(&[1])
        .raw(&id(3, 0))
        .raw(&[0x40, 100, 0x40, 100, 1])
        .text("producer")
        .raw(&[1])
        .text("iid")
        .raw(&[1, 0, 1, 0])
        .end();
    let expected = [
        "db0 STREAM_LISTPACKS_5 stream",
        "  1-0 1 field(s)",
        "  f=v",
        "  length 1 last 3-0",
        "  group group at 3-0 read Some(3)",
        "  pending 1-0 1000 1",
        "  pending 3-0 1000 2",
        "  consumer alice 1000",
        "  owns 1-0",
        "  released 3-0",
        "  producer producer",
        "  produced iid 1-0",
    ];
    reads_as(&dump, &expected);
}

#[test]
fn template_hashes_of_redis_8_10() {
    // A listpack of a template's id and the values of its fields.
    let values: &[u8] = &[13, 0, 0, 0, 3, 0, 7, 1, 1, 1, 2, 1, 0xff];
    let names: &[u8] = &[
        23, 0, 0, 0, 2, 0, 0x86, b'f', b'i', b'e', b'l', b'd', b'1', 7, 0x86, b'f', b'i', b'e', b'l', b'd', b'2', 7,
        0xff,
    ];
    let dump = Dump::new("REDIS0015")
        .raw(&[0xf2, 7, 2])
        .texts(&["field1", "field2"])
        .raw(&[0xfe, 0])
        .raw(&[30])
        .text("lp-ref")
        .raw(&[13])
        .raw(values)
        .raw(&[32])
        .text("array-ref")
        .raw(&[7, 0xc0, 1])
        .text("two")
        .raw(&[29])
        .text("lp")
        .raw(&[0, 23])
        .raw(names)
        .raw(&[13])
        .raw(values)
        .raw(&[31])
        .text("array")
        .raw(&[1, 2])
        .texts(&["field1", "field2"])
        .raw(&[0xc0, 1, 0xc0, 2])
        .raw(&[31])
        .text("packed-names")
        .raw(&[0, 23])
        .raw(names)
        .raw(&[0xc0, 1, 0xc0, 2])
        .end();
    let expected = [
        "db0 HASH_TMPL_LP_REF lp-ref",
        "  field1=1",
        "  field2=2",
        "db0 HASH_TMPL_ARRAY_REF array-ref",
        "  field1=1",
        "  field2=two",
        "db0 HASH_TMPL_LP lp",
        "  field1=1",
        "  field2=2",
        "db0 HASH_TMPL_ARRAY array",
        "  field1=1",
        "  field2=2",
        "db0 HASH_TMPL_ARRAY packed-names",
        "  field1=1",
        "  field2=2",
    ];
    reads_as(&dump, &expected);
}

#[test]
fn a_template_that_never_came_ends_the_reading() {
    let dump = Dump::new("REDIS0015").raw(&[0xfe, 0, 32]).text("k").raw(&[9, 0xc0, 1]).end();
    let check = judge(&dump);
    assert_eq!(check.verdict, Verdict::Damaged);
    assert_eq!(check.integrity.problems[0].kind, "template-unknown");
}

#[test]
fn hash_field_expiries_of_release_candidates() {
    let listpack: &[u8] = &[
        33, 0, 0, 0, 6, 0, 0x81, b'a', 2, 1, 1, 0xf4, 0, 0xd8, 0xc3, 0x2c, 0xbb, 3, 0, 0, 9, 0x81, b'b', 2, 2, 1, 0, 1,
        0xff,
    ];
    let mut listpack = listpack.to_vec();
    let length = u32::try_from(listpack.len()).unwrap();
    listpack[..4].copy_from_slice(&length.to_le_bytes());
    let dump = Dump::new("REDIS0012")
        .raw(&[0xfe, 0, 22])
        .text("table")
        .raw(&[2, 0x81])
        .raw(&4_102_444_800_000u64.to_be_bytes())
        .texts(&["f", "v"])
        .raw(&[0])
        .texts(&["g", "w"])
        .raw(&[23])
        .text("packed")
        .raw(&[u8::try_from(listpack.len()).unwrap()])
        .raw(&listpack)
        .end();
    let expected = [
        "db0 HASH_METADATA_PRE_GA table",
        "  f=v until 4102444800000",
        "  g=w",
        "db0 HASH_LISTPACK_EX_PRE_GA packed",
        "  a=1 until 4102444800000",
        "  b=2",
    ];
    reads_as(&dump, &expected);
}

#[test]
fn opcodes_between_keys() {
    let dump = Dump::new("REDIS0013")
        .raw(&[0xf6])
        .texts(&["lib", "LUA"])
        .raw(&[0])
        .text("return 1")
        .raw(&[0xfe, 0, 0xf4, 0x4d, 0x73, 2, 0])
        .raw(&[0x6b, 5])
        // Metadata of class KMT1, version 3, which may be passed over: a string, 1, 1.5, end.
        .raw(&[0xf3, 1, 0x19, 0xf5, 0xc4, 0x28, 5])
        .text("metaval")
        .raw(&[2, 1, 3, 0, 0, 0xc0, 0x3f, 0])
        .raw(&[0])
        .texts(&["k", "v"])
        .raw(&[0xfd])
        .raw(&1_700_000_000i32.to_le_bytes())
        .raw(&[0])
        .texts(&["old", "v"])
        .end();
    let expected = [
        "function return 1",
        "meta KMT1 optional true",
        "db0 STRING k",
        "  v",
        "db0 STRING old until 1700000000000",
        "  v",
    ];
    reads_as(&dump, &expected);
    let valkey = Dump::new("VALKEY080")
        .raw(&[0xfe, 0, 0xf3])
        .text("0123456789012345678901234567890123456789")
        .raw(&[1, 0, 0x40, 100])
        .raw(&[22])
        .text("h")
        .raw(&[2])
        .texts(&["a", "1"])
        .raw(&(-1i64).to_le_bytes())
        .texts(&["b", "2"])
        .raw(&4_102_444_800_000i64.to_le_bytes())
        .end();
    reads_as(&valkey, &["db0 HASH_2 h", "  a=1", "  b=2 until 4102444800000"]);
}

#[test]
fn an_unknown_version_is_read_as_far_as_it_goes() {
    let dump = Dump::new("REDIS0042").raw(&[0xfe, 0, 0]).texts(&["k", "v"]).end();
    let check = judge(&dump);
    assert_eq!((check.verdict, check.keys), (Verdict::Intact, 1));
    assert!(check.integrity.problem_counts.contains_key("version-unknown"));
    assert!(check.loads_on.iter().all(|one| one.verdict != LoadVerdict::Yes));
    let dump = Dump::new("REDIS0042").raw(&[0xfe, 0, 0]).texts(&["k", "v"]).raw(&[99]).end();
    let check = judge(&dump);
    assert_eq!((check.verdict, check.keys), (Verdict::Unsupported, 1));
    assert_eq!((check.integrity.problems[1].offset, check.integrity.problems[1].kind.as_str()), (16, "unknown-type"));
}
