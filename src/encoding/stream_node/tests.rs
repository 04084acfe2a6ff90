use proptest::prelude::*;

use super::*;
use crate::encoding::listpack::tests::write;
use crate::encoding::tests::mutate;

const MASTER: StreamId = StreamId { ms: 1000, seq: 5 };

/// Entries as text: `id[!] name=value …`.
#[derive(Default)]
struct Log(Vec<String>);

impl NodeVisitor for Log {
    fn entry(&mut self, id: StreamId, deleted: bool, fields: u64) {
        self.0.push(format!("{id}{} {fields}", if deleted { "!" } else { "" }));
    }

    fn field(&mut self, name: Packed<'_>, value: Packed<'_>) {
        let (mut a, mut b) = (itoa::Buffer::new(), itoa::Buffer::new());
        let (name, value) = (name.bytes(&mut a), value.bytes(&mut b));
        let last = self.0.last_mut().unwrap();
        *last += &format!(" {}={}", name.escape_ascii(), value.escape_ascii());
    }
}

fn read(blob: &[u8]) -> Result<(NodeStats, Vec<String>), (&'static str, u64)> {
    let mut log = Log::default();
    walk(MASTER, blob, &mut log).map(|stats| (stats, log.0)).map_err(|flaw| (flaw.kind().0, flaw.at()))
}

/// A node from words: numbers become integers.
fn node(words: &str) -> Vec<u8> {
    let slots: Vec<Packed<'_>> =
        words.split_whitespace().map(|word| word.parse().map_or(Packed::Str(word.as_bytes()), Packed::Int)).collect();
    write(&slots)
}

#[test]
fn a_trimmed_node_as_redis_8_6_writes_it() {
    let (stats, log) = read(&node("1 1 1 a 0  3 0 0 b 4  2 1 0 b 4")).unwrap();
    let id = StreamId { ms: 1001, seq: 5 };
    assert_eq!(stats, NodeStats { live: 1, deleted: 1, first: Some(id), last: Some(id), ascending: true });
    assert_eq!(log, ["1000-5! 1 a=b", "1001-5 1 a=b"]);
}

#[test]
fn own_fields_and_wrapping_ids() {
    let (stats, log) = read(&node("3 0 2 a b 0  2 0 0 1 2 5  0 1 -5 1 x y 6  0 -1001 0 0 4")).unwrap();
    assert_eq!(log, ["1000-5 2 a=1 b=2", "1001-0 1 x=y", "18446744073709551615-5 0"]);
    assert!(stats.ascending);
    let (stats, _) = read(&node("2 0 1 a 0  2 1 0 x 4  2 1 0 x 4")).unwrap();
    assert!(!stats.ascending);
    assert_eq!(stats.live, 2);
    let bytes = [0, 0, 0, 0, 0, 0, 3, 0xE8, 0, 0, 0, 0, 0, 0, 0, 5];
    assert_eq!(StreamId::from_bytes(bytes), MASTER);
    assert!(StreamId { ms: 1, seq: 9 } < StreamId { ms: 2, seq: 0 });
}

#[test]
fn says_what_is_wrong() {
    let kind = |words: &str| read(&node(words)).unwrap_err().0;
    assert_eq!(kind(""), "stream-end");
    assert_eq!(kind("x 0 1 a 0"), "stream-integer");
    assert_eq!(kind("-1 0 1 a 0"), "stream-master");
    assert_eq!(kind("0 -1 1 a 0"), "stream-master");
    assert_eq!(kind("0 0 -1 a 0"), "stream-fields");
    assert_eq!(kind("0 0 2 a 0"), "stream-fields");
    assert_eq!(kind("0 0 9223372036854775807 a 0"), "stream-fields");
    assert_eq!(kind("0 0 1 a 1"), "stream-master");
    assert_eq!(kind("1 0 1 a 0"), "stream-count");
    assert_eq!(kind("0 1 1 a 0  2 0 0 b 4"), "stream-count");
    assert_eq!(kind("1 0 1 a 0  2 0 0 b 4  2 1 0 b 4"), "stream-count");
    assert_eq!(kind("1 0 1 a 0  2 0 0 b 5"), "stream-lp-count");
    assert_eq!(kind("1 0 1 a 0  2 0 0 b -4"), "stream-lp-count");
    assert_eq!(kind("1 0 1 a 0  2 0 0 b"), "stream-end");
    assert_eq!(kind("1 0 1 a 0  2 0 x b 4"), "stream-integer");
    assert_eq!(kind("1 0 1 a 0  0 0 0 2 a b 6"), "stream-fields");
    assert_eq!(kind("1 0 1 a 0  0 0 0 -1 a b 6"), "stream-fields");
    assert_eq!(kind("1 0 1 a 0  2 0 0 b 4  7"), "stream-end");
    let mut wrong = node("1 0 1 a 0  2 0 0 b 4");
    wrong[4] += 1;
    assert_eq!(read(&wrong).unwrap_err().0, "listpack-count");
}

#[test]
fn hostile_nodes_end() {
    let valid = [
        node("1 1 1 a 0  3 0 0 b 4  2 1 0 b 4"),
        node("3 0 2 a b 0  2 0 0 1 2 5  0 1 -5 1 x y 6  0 -1001 0 0 4"),
        node("2 0 3 name age mail 0  2 0 0 anna 33 a@b.c 6  2 17000 1 otto 44 o@b.c 6"),
    ];
    mutate(&valid, 5000, |bad| {
        if let Ok((stats, log)) = read(bad) {
            assert_eq!(stats.live + stats.deleted, log.len() as u64);
        }
    });
}

proptest! {
    #[test]
    fn round_trips(entries in proptest::collection::vec((any::<bool>(), any::<bool>(), any::<i64>(), any::<i64>(), 0_i64..5), 0..20)) {
        let deleted = entries.iter().filter(|entry| entry.0).count();
        let mut words = format!("{} {deleted} 2 f g 0", entries.len() - deleted);
        let mut want = Vec::new();
        for (deleted, same, ms, seq, fields) in &entries {
            let id = MASTER.plus(*ms, *seq);
            let mark = if *deleted { "!" } else { "" };
            if *same {
                words += &format!(" {} {ms} {seq} v {fields} 5", 2 + i64::from(*deleted));
                want.push(format!("{id}{mark} 2 f=v g={fields}"));
            } else {
                words += &format!(" {} {ms} {seq} {fields}", i64::from(*deleted));
                for field in 0..*fields {
                    words += &format!(" n{field} {field}");
                }
                words += &format!(" {}", 2 * fields + 4);
                let pairs: String = (0..*fields).map(|field| format!(" n{field}={field}")).collect();
                want.push(format!("{id}{mark} {fields}{pairs}"));
            }
        }
        let (stats, log) = read(&node(&words)).unwrap();
        prop_assert_eq!(log, want);
        prop_assert_eq!(stats.deleted, deleted as u64);
    }
}
