use super::*;
use crate::keyspace::command::lay_out;
use crate::keyspace::{ArgSpan, Args};

/// Writes down what it is told, pieces put together again.
struct Record {
    depth: Depth,
    said: Vec<String>,
    pieces: [Option<Vec<u8>>; 2],
}

impl Record {
    fn new(depth: Depth) -> Self {
        Self { depth, said: Vec::new(), pieces: [None, None] }
    }

    fn half(&mut self, half: Half, bytes: &[u8]) -> String {
        let bytes = match self.pieces[usize::from(half == Half::Value)].take() {
            Some(pieces) => {
                assert_eq!(bytes, b"", "a string that came in pieces comes again");
                pieces
            }
            None => bytes.to_vec(),
        };
        String::from_utf8(bytes).unwrap()
    }
}

fn described(head: &Head<'_>) -> String {
    let expiry = head.expire_at.map_or(String::new(), |at| format!(" until {}", at.0));
    let key = String::from_utf8_lossy(head.key.head);
    format!("{}:{}@{}:{key}{expiry}", head.value_type.ty.name(), head.db, head.offset)
}

impl Sink for Record {
    fn depth(&mut self, _: &Head<'_>) -> Depth {
        self.depth
    }

    fn item(&mut self, item: &Item<'_>) {
        let said = match item {
            Item::Begin(head) => format!("begin {}", described(head)),
            Item::Element(Element::Piece { half, at, total, bytes }) => {
                let pieces = self.pieces[usize::from(*half == Half::Value)].get_or_insert_default();
                assert_eq!(pieces.len() as u64, *at);
                pieces.extend_from_slice(bytes);
                assert!(pieces.len() as u64 <= *total);
                return;
            }
            Item::Element(Element::Item(bytes)) => self.half(Half::Name, bytes),
            Item::Element(Element::Member { member, score }) => format!("{} {score}", self.half(Half::Name, member)),
            Item::Element(Element::Field { field, value, expire_at }) => {
                let expiry = expire_at.map_or(String::new(), |at| format!(" until {}", at.0));
                format!("{}={}{expiry}", self.half(Half::Name, field), self.half(Half::Value, value))
            }
            Item::Element(Element::StreamEntry { id, fields }) => format!("{id} of {fields}"),
            Item::Entry(entry) => {
                let shape = entry.shape.map_or("none".to_owned(), |shape| {
                    format!("{}/{}/{}", shape.elements, shape.payload_bytes, shape.largest_element_bytes)
                });
                let expiring = match entry.expiring_fields {
                    0 => String::new(),
                    fields => format!(" {fields} expiring"),
                };
                format!("entry {} {shape} in {}{expiring}", described(&entry.head), entry.serialized_bytes)
            }
            Item::Dropped => "dropped".to_owned(),
            _ => panic!("{item:?}"),
        };
        self.said.push(said);
    }
}

const NOW: UnixMs = UnixMs(1000);
const START: Start =
    Start { offset: 77, line: 1, db: 3, db_known: true, time: Some(NOW), transaction: None, after_damage: false };

/// A command as the parser has it.
struct Line {
    bytes: Vec<u8>,
    spans: Vec<ArgSpan>,
}

impl Line {
    fn new(words: &[&[u8]]) -> Self {
        let (bytes, spans) = lay_out(words);
        Self { bytes, spans }
    }

    fn of(line: &str) -> Self {
        Self::new(&line.split(' ').map(str::as_bytes).collect::<Vec<_>>())
    }

    fn command(&self) -> Command<'_> {
        let args = Args::new(&self.bytes, &self.spans, self.spans.len() as u64);
        Command {
            offset: START.offset,
            line: START.line,
            bytes: 500,
            lines: 1,
            db: Some(START.db),
            time: START.time,
            transaction: None,
            after_damage: false,
            args,
            spec: Spec::lookup(&args),
        }
    }

    fn whole(&self, depth: Depth) -> Vec<String> {
        let mut sink = Record::new(depth);
        let command = self.command();
        Writes::default().whole(command.spec.unwrap(), command.db.unwrap_or_default(), &command, &mut sink);
        sink.said
    }

    /// As of a command that is too long: arguments of more than `most` bytes come in pieces of so many.
    fn in_parts(&self, depth: Depth, most: usize) -> Vec<String> {
        let mut sink = Record::new(depth);
        let command = self.command();
        let mut writes = Writes::default();
        writes.begin(command.spec.unwrap(), command.args.count(), &START);
        for (index, arg) in (0_u64..).zip(command.args.iter()) {
            if arg.head.len() <= most {
                writes.arg(index, arg, &mut sink);
                continue;
            }
            let mut at = 0;
            for piece in arg.head.chunks(most) {
                writes.piece(index, at, arg.len, piece, &mut sink);
                at += piece.len() as u64;
            }
            writes.arg(index, Arg { head: &[], len: arg.len }, &mut sink);
        }
        writes.end(&command, &mut sink);
        sink.said
    }
}

/// What each form of each command writes; `K` is the key's place.
const FORMS: &[(&str, &[&str])] = &[
    ("SET k value", &["begin string K", "value", "entry string K 1/5/5 in 500"]),
    ("append k v", &["begin string K", "v", "entry string K 1/1/1 in 500"]),
    ("setrange k 5 v", &["begin string K", "v", "entry string K 1/1/1 in 500"]),
    ("getset k v", &["begin string K", "v", "entry string K 1/1/1 in 500"]),
    ("setnx k v", &["begin string K", "v", "entry string K 1/1/1 in 500"]),
    ("setex k 5 v", &["begin string K until 6000", "v", "entry string K until 6000 1/1/1 in 500"]),
    ("set k v px 5", &["begin string K until 1005", "v", "entry string K until 1005 1/1/1 in 500"]),
    ("set k v get keepttl", &["begin string K", "v", "entry string K 1/1/1 in 500"]),
    (
        "mset k v k wide",
        &["begin string K", "v", "entry string K 1/1/1 in 14", "begin string K", "wide", "entry string K 1/4/4 in 17"],
    ),
    ("msetnx k v", &["begin string K", "v", "entry string K 1/1/1 in 14"]),
    (
        "msetex 2 k v k w exat 5",
        &[
            "begin string K until 5000",
            "v",
            "entry string K until 5000 1/1/1 in 14",
            "begin string K until 5000",
            "w",
            "entry string K until 5000 1/1/1 in 14",
        ],
    ),
    ("pfadd k a bc", &["begin string K", "a", "bc", "entry string K 2/3/2 in 500"]),
    ("pfadd k", &["begin string K", "entry string K 0/0/0 in 500"]),
    ("rpush k a bc", &["begin list K", "a", "bc", "entry list K 2/3/2 in 500"]),
    ("lpushx k a", &["begin list K", "a", "entry list K 1/1/1 in 500"]),
    ("linsert k before pivot new", &["begin list K", "new", "entry list K 1/3/3 in 500"]),
    ("lset k 0 new", &["begin list K", "new", "entry list K 1/3/3 in 500"]),
    ("sadd k a b a", &["begin set K", "a", "b", "a", "entry set K 3/3/1 in 500"]),
    ("zadd k 1 a 2.5 bc", &["begin zset K", "a 1", "bc 2.5", "entry zset K 2/3/2 in 500"]),
    ("ZADD k XX GT ch -inf incr 0x10 ch", &["begin zset K", "incr -inf", "ch 16", "entry zset K 2/6/4 in 500"]),
    (
        "geoadd k xx 13.361389 38.115556 a 0 0 b",
        &["begin zset K", "a 3479099956230698", "b 3377699720527872", "entry zset K 2/2/1 in 500"],
    ),
    (
        "geoadd k 180 85.05112878 a -122.4194 37.7749 b",
        &["begin zset K", "a 13510798882111488", "b 1367859919124626", "entry zset K 2/2/1 in 500"],
    ),
    ("hset k f v ex gg", &["begin hash K", "f=v", "ex=gg", "entry hash K 2/6/4 in 500"]),
    ("hmset k f v", &["begin hash K", "f=v", "entry hash K 1/2/2 in 500"]),
    ("hsetnx k f v", &["begin hash K", "f=v", "entry hash K 1/2/2 in 500"]),
    (
        "hsetex k fxx px 5 fields 2 f v g w",
        &["begin hash K", "f=v until 1005", "g=w until 1005", "entry hash K 2/4/2 in 500 2 expiring"],
    ),
    ("hsetex k keepttl fields 1 fields px", &["begin hash K", "fields=px", "entry hash K 1/8/8 in 500"]),
    ("xadd k 5-1 f v", &["begin stream K", "5-1 of 1", "f=v", "entry stream K 1/2/2 in 500"]),
    (
        "xadd k nomkstream delref maxlen ~ 100 limit 5 5 f v gg w",
        &["begin stream K", "5-0 of 2", "f=v", "gg=w", "entry stream K 1/5/5 in 500"],
    ),
    ("xadd k idmp maxlen idmp minid 5-0 * f v", &["begin stream K", "0-0 of 1", "f=v", "entry stream K 1/2/2 in 500"]),
    (
        "xadd k acked maxlen = 100 idmpauto p 5-* f v",
        &["begin stream K", "5-0 of 1", "f=v", "entry stream K 1/2/2 in 500"],
    ),
    ("json.set k $ {} nx", &["begin module K", "{}", "entry module K 1/2/2 in 500"]),
    ("json.merge k $ {}", &["begin module K", "{}", "entry module K 1/2/2 in 500"]),
    ("json.arrappend k $ 1 2", &["begin module K", "1", "2", "entry module K 2/2/1 in 500"]),
    (
        "json.mset k $ 1 k $.a 2",
        &["begin module K", "1", "entry module K 1/1/1 in 14", "begin module K", "2", "entry module K 1/1/1 in 14"],
    ),
    // What servers refuse.
    ("set k", &[]),
    ("mset k v k", &["begin string K", "v", "entry string K 1/1/1 in 14", "begin string K", "dropped"]),
    ("msetex 02 k v k w", &[]),
    ("msetex -1 k v", &[]),
    ("hset k f v g", &["begin hash K", "f=v", "dropped"]),
    ("hsetex k fields 2 f v", &["begin hash K", "f=v", "dropped"]),
    ("hsetex k fields x f v", &["begin hash K", "dropped"]),
    ("hsetex k ex 10 ex 10", &["begin hash K", "dropped"]),
    ("xadd k 5-1 f v g", &["begin stream K", "5-1 of 1", "f=v", "dropped"]),
    ("json.set k $", &["begin module K", "dropped"]),
    // What writes no values.
    ("del k", &[]),
    ("get k", &[]),
    ("incrby k 5", &[]),
];

fn expected(lines: &[&str]) -> Vec<String> {
    let types = ["string", "list", "set", "zset", "hash", "stream", "module"];
    let named = |line: &str| {
        let Some(ty) = types.into_iter().find(|ty| line.contains(&format!(" {ty} K"))) else {
            return line.to_owned();
        };
        line.replace(&format!("{ty} K"), &format!("{ty}:3@77:k"))
    };
    lines.iter().map(|line| named(line)).collect()
}

#[test]
fn hands_over_every_form() {
    for (line, said) in FORMS {
        assert_eq!(Line::of(line).whole(Depth::Content), expected(said), "{line}");
    }
}

#[test]
fn says_the_same_argument_by_argument() {
    // What is known of an expiry only after the value.
    let later = |said: String| match said.split_once(" until ") {
        Some((begin, _)) if said.starts_with("begin") => begin.to_owned(),
        _ => said,
    };
    for (line, _) in FORMS {
        let line_of = Line::of(line);
        let told = |said: Vec<String>| said.into_iter().map(later).collect::<Vec<_>>();
        // Of several keys the first are complete before the options come.
        if line.starts_with("msetex 2") {
            continue;
        }
        assert_eq!(told(line_of.in_parts(Depth::Content, 1000)), told(line_of.whole(Depth::Content)), "{line}");
    }
}

#[test]
fn says_the_same_of_long_strings_in_pieces() {
    let long = "0123456789".repeat(3);
    for line in
        ["set k L", "rpush k L a L", "zadd k ch 1 L 2 b", "hset k L v f L L L", "xadd k 1-1 f L L v", "mset k L k v"]
    {
        let line = line.replace('L', &long);
        let line_of = Line::of(&line);
        let whole = line_of.whole(Depth::Content);
        assert!(whole.iter().any(|said| said.contains(&long)), "{whole:?}");
        for most in [7, 10, 29] {
            assert_eq!(line_of.in_parts(Depth::Content, most), whole, "{line}");
        }
    }
}

#[test]
fn measures_or_passes_over_what_is_not_wanted() {
    let line = Line::of("hset k f v g ww");
    let shaped = expected(&["entry hash K 2/5/3 in 500"]);
    let passed = expected(&["entry hash K none in 500"]);
    assert_eq!((line.whole(Depth::Shape), line.whole(Depth::Keys)), (shaped.clone(), passed.clone()));
    assert_eq!((line.in_parts(Depth::Shape, 1), line.in_parts(Depth::Keys, 1)), (shaped, passed));
    assert_eq!(Line::of("hset k f v g").whole(Depth::Shape), [""; 0]);
}

#[test]
fn keeps_the_beginning_and_the_hash_of_a_long_key() {
    struct Keys(Vec<(usize, u64, Option<[u8; 32]>)>);
    impl Sink for Keys {
        fn depth(&mut self, head: &Head<'_>) -> Depth {
            self.0.push((head.key.head.len(), head.key.len, head.key.sha256));
            Depth::Keys
        }
        fn item(&mut self, _: &Item<'_>) {}
    }
    let bytes = vec![b'k'; WHOLE_KEY_BYTES + 1];
    let hash = Some(sha2::Sha256::digest(&bytes).into());
    let mut sink = Keys(Vec::new());
    let mut writes = Writes::default();
    let line = Line::new(&[b"mset", bytes.get(1..).unwrap(), b"v", &bytes, b"v"]);
    let command = line.command();
    writes.whole(command.spec.unwrap(), command.db.unwrap_or_default(), &command, &mut sink);
    writes.begin(command.spec.unwrap(), 3, &START);
    writes.piece(1, 0, 65_537, bytes.get(..40_000).unwrap(), &mut sink);
    writes.piece(1, 40_000, 65_537, bytes.get(40_000..).unwrap(), &mut sink);
    writes.arg(1, Arg { head: &[], len: 65_537 }, &mut sink);
    assert_eq!(sink.0, [(65_536, 65_536, None), (1024, 65_537, hash), (1024, 65_537, hash)]);
}

#[test]
fn drops_what_breaks_off() {
    let line = Line::of("rpush k a b");
    let command = line.command();
    let (mut writes, mut sink) = (Writes::default(), Record::new(Depth::Content));
    writes.begin(command.spec.unwrap(), 4, &START);
    for (index, arg) in (0_u64..).zip(command.args.iter().take(3)) {
        writes.arg(index, arg, &mut sink);
    }
    writes.abandon(&mut sink);
    writes.abandon(&mut sink);
    assert_eq!(sink.said, expected(&["begin list K", "a", "dropped"]));
    // Nothing of it is left.
    sink.said.clear();
    writes.whole(command.spec.unwrap(), command.db.unwrap_or_default(), &command, &mut sink);
    assert_eq!(sink.said, line.whole(Depth::Content));
}

/// An argument of which only the beginning is there is not taken for a short one.
#[test]
fn takes_a_beginning_for_a_piece() {
    let mut sink = Record::new(Depth::Content);
    let mut writes = Writes::default();
    let line = Line::of("set k abc");
    let command = line.command();
    writes.begin(command.spec.unwrap(), 3, &START);
    writes.arg(1, command.args.get(1).unwrap(), &mut sink);
    writes.arg(2, Arg { head: b"abc", len: 100 }, &mut sink);
    writes.end(&command, &mut sink);
    assert_eq!(sink.said, expected(&["begin string K", "abc", "entry string K 1/100/100 in 500"]));
}
