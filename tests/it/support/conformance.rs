//! What every store does, whatever it is made of.

use rediscover::base::{ErrorKind, UnixMs};
use rediscover::store::{Deleted, PutOptions, Store};
use std::io::{self, Read};
use std::ops::Range;
use std::sync::Barrier;

/// Gives what it has, in pieces, then fails or ends.
struct Body {
    bytes: Vec<u8>,
    at: usize,
    fails: bool,
}

impl Body {
    fn failing(bytes: &[u8]) -> Self {
        Self { bytes: bytes.to_vec(), at: 0, fails: true }
    }
}

impl Read for Body {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let rest = &self.bytes[self.at..];
        if rest.is_empty() && self.fails {
            return Err(io::Error::other("the line went dead"));
        }
        let count = rest.len().min(buffer.len()).min(4099);
        buffer[..count].copy_from_slice(&rest[..count]);
        self.at += count;
        Ok(count)
    }
}

/// Fails once, with an error of ours.
struct Refusing(Option<rediscover::base::Error>);

impl Read for Refusing {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        self.0.take().map_or(Ok(0), |error| Err(error.into()))
    }
}

const ABSENT: PutOptions = PutOptions { if_absent: true, bytes: None, passing: false };

/// Bytes that do not repeat for a while.
pub(crate) fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    let mut bytes: Vec<u8> = std::iter::repeat_with(next).take(length.div_ceil(8)).flatten().collect();
    bytes.truncate(length);
    bytes
}

fn put(store: &dyn Store, name: &str, bytes: &[u8]) {
    let how = PutOptions { bytes: Some(bytes.len() as u64), ..PutOptions::default() };
    let info = store.put(name, &mut &bytes[..], &how).expect("put");
    assert_eq!((&*info.name, info.bytes), (name, bytes.len() as u64));
}

pub(crate) fn get(store: &dyn Store, name: &str, range: Option<Range<u64>>) -> Vec<u8> {
    let mut bytes = Vec::new();
    store.get(name, range, None).expect("get").read_to_end(&mut bytes).expect("its bytes");
    bytes
}

fn names(store: &dyn Store, prefix: &str) -> Vec<String> {
    store.list(prefix).expect("list").into_iter().map(|info| info.name).collect()
}

/// Everything that a store promises. It must be empty, and is so again afterwards.
pub(crate) fn conforms(store: &dyn Store) {
    assert!(!store.location().is_empty());
    assert_eq!(names(store, ""), [""; 0]);
    what_is_put_comes_back(store);
    ranges_are_cut(store);
    lists_are_sorted_and_know_prefixes(store);
    what_is_no_name_is_refused(store);
    one_of_many_wins(store);
    readers_see_one_object_or_the_other(store);
    what_fails_leaves_nothing(store);
    what_was_replaced_is_noticed(store);
    assert_eq!(store.sweep("", UnixMs(i64::MAX)).expect("sweep"), 0, "something unfinished was left");
    for name in names(store, "") {
        assert_eq!(store.delete(&name).expect("delete"), Deleted::Gone);
    }
    assert_eq!(names(store, ""), [""; 0]);
}

fn what_is_put_comes_back(store: &dyn Store) {
    assert_eq!(store.head("one/object").expect("head"), None);
    assert_eq!(store.head("one").expect("head"), None);
    let absent = store.get("one/object", None, None).err().expect("nothing is there");
    assert!(matches!(absent.kind(), ErrorKind::Store { .. }), "{absent}");
    assert!(absent.to_string().contains("one/object"), "{absent}");
    assert_eq!(store.delete("one/object").expect("delete"), Deleted::Gone);
    for (name, length) in [("empty", 0), ("one/object", 1), ("one/large", 9 << 20), ("deep/er/and/deeper/x", 70_000)] {
        let bytes = noise(length as u64, length);
        put(store, name, &bytes);
        assert!(get(store, name, None) == bytes, "{name}");
        let head = store.head(name).expect("head").expect("it is there");
        assert_eq!(head.bytes, length as u64);
        let listed = store.list(name).expect("list");
        assert_eq!(listed, [head]);
    }
    put(store, "one/object", b"another");
    assert_eq!(get(store, "one/object", None), b"another");
    assert_eq!(store.head("one").expect("a folder is no object"), None);
    assert!(store.get("one", None, None).is_err());
    assert_eq!(store.delete("one").expect("nothing of that name"), Deleted::Gone);
    assert_eq!(get(store, "one/object", None), b"another");
    for name in ["one/object", "deep/er/and/deeper/x"] {
        assert_eq!(store.delete(name).expect("delete"), Deleted::Gone);
        assert_eq!(store.head(name).expect("head"), None);
    }
    assert_eq!(names(store, ""), ["empty", "one/large"]);
}

fn ranges_are_cut(store: &dyn Store) {
    let bytes = noise(7, 1000);
    put(store, "ranges", &bytes);
    for (range, expected) in [
        (0..1000, 0..1000),
        (0..1, 0..1),
        (999..1000, 999..1000),
        (10..20, 10..20),
        (990..2000, 990..1000),
        (0..u64::MAX, 0..1000),
        (5..5, 5..5),
        (1000..1001, 0..0),
        (5000..6000, 0..0),
        (u64::MAX - 1..u64::MAX, 0..0),
    ] {
        assert_eq!(get(store, "ranges", Some(range.clone())), bytes[expected], "{range:?}");
    }
    put(store, "ranges", b"");
    assert_eq!(get(store, "ranges", Some(0..10)), b"");
}

fn lists_are_sorted_and_know_prefixes(store: &dyn Store) {
    let kept = ["l/A", "l/a.b", "l/a/b", "l/a/b.c", "l/ab/c", "l/b-c", "l/b/c", "l/bc", "l/b_c"];
    for name in kept.iter().rev() {
        put(store, name, name.as_bytes());
    }
    let beginning = |prefix: &str| -> Vec<_> {
        let mut expected: Vec<_> = kept.iter().filter(|name| name.starts_with(prefix)).copied().collect();
        expected.sort_unstable();
        expected
    };
    for prefix in ["l/", "l/a", "l/a/", "l/a/b", "l/b", "l/b/", "l/bc", "l/bcd", "l/a/b.c", "l/x/", "l/bc/"] {
        assert_eq!(names(store, prefix), beginning(prefix), "{prefix}");
    }
    assert_eq!(names(store, "nothing/here"), [""; 0]);
    for name in &kept {
        store.delete(name).expect("delete");
    }
}

fn what_is_no_name_is_refused(store: &dyn Store) {
    for name in ["", "/", "/etc/x", "a/", "a//b", "..", "../x", "a/../../x", "./a", ".x", "a/.x", "a b", "a\0b", "a\nb"]
    {
        let refusals = [
            store.head(name).err(),
            store.get(name, None, None).err(),
            store.put(name, &mut &b"x"[..], &PutOptions::default()).err(),
            store.delete(name).err(),
        ];
        for refusal in refusals {
            let refusal = refusal.unwrap_or_else(|| panic!("{name:?} was taken for a name"));
            assert!(matches!(refusal.kind(), ErrorKind::Store { .. }), "{refusal}");
        }
    }
    assert!(store.head(&"n".repeat(1025)).is_err());
    for prefix in ["/", "../", "a/../", ".rediscover"] {
        assert!(store.list(prefix).is_err(), "{prefix}");
        assert!(store.sweep(prefix, UnixMs(0)).is_err(), "{prefix}");
    }
    for name in ["-", "_", "a.", "a..b", "0", &"n".repeat(120)] {
        put(store, name, name.as_bytes());
        assert_eq!(get(store, name, None), name.as_bytes());
        store.delete(name).expect("delete");
    }
}

fn one_of_many_wins(store: &dyn Store) {
    for round in 0..8 {
        let name = format!("race/{round}/x");
        let ready = Barrier::new(8);
        let wins: Vec<_> = std::thread::scope(|scope| {
            let racer = |who: u64| {
                let (name, ready) = (&name, &ready);
                move || {
                    let bytes = noise(who, 50_000);
                    ready.wait();
                    (who, store.put(name, &mut &bytes[..], &ABSENT))
                }
            };
            let racers: Vec<_> = (0..8).map(|who| scope.spawn(racer(who))).collect();
            racers.into_iter().map(|racer| racer.join().expect("a racer")).collect()
        });
        let winner: Vec<_> = wins.iter().filter(|(_, won)| won.is_ok()).map(|(who, _)| *who).collect();
        assert_eq!(winner.len(), 1, "{wins:?}");
        for lost in wins.iter().filter_map(|(_, won)| won.as_ref().err()) {
            assert!(matches!(lost.kind(), ErrorKind::Exists { .. }), "{lost}");
        }
        assert!(get(store, &name, None) == noise(winner[0], 50_000));
        // Others make what this empties.
        store.delete(&name).expect("delete");
    }
    std::thread::scope(|scope| {
        for who in 0..4 {
            scope.spawn(move || {
                for _ in 0..40 {
                    let name = format!("shared/folder/{who}");
                    put(store, &name, b"there");
                    assert_eq!(get(store, &name, None), b"there");
                    store.delete(&name).expect("delete");
                }
            });
        }
    });
    assert_eq!(names(store, "shared"), [""; 0]);
}

fn readers_see_one_object_or_the_other(store: &dyn Store) {
    let both = [noise(1, 300_000), noise(2, 300_000)];
    put(store, "replaced", &both[0]);
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| (1..20).for_each(|round| put(store, "replaced", &both[round % 2])));
        while !writer.is_finished() {
            let bytes = get(store, "replaced", None);
            assert!(both.contains(&bytes), "{} bytes of neither", bytes.len());
        }
    });
}

fn what_fails_leaves_nothing(store: &dyn Store) {
    let before = names(store, "");
    for length in [0, 10, 3 << 20] {
        let mut body = Body::failing(&noise(3, length));
        let failed = store.put("fails/here", &mut body, &PutOptions::default()).expect_err("the body failed");
        assert!(failed.to_string().contains("the line went dead"), "{failed}");
        assert_eq!(names(store, ""), before);
    }
    for stated in [9, 11] {
        let how = PutOptions { if_absent: false, bytes: Some(stated), passing: false };
        let failed = store.put("fails/here", &mut &[1; 10][..], &how).expect_err("another length");
        assert!(failed.to_string().contains("10 bytes"), "{failed}");
    }
    put(store, "stays", b"as it was");
    store.put("stays", &mut Body::failing(b"half"), &PutOptions::default()).expect_err("the body failed");
    assert_eq!(get(store, "stays", None), b"as it was");
    let refused = store.put("stays", &mut &b"new"[..], &ABSENT).expect_err("it is there");
    assert!(matches!(refused.kind(), ErrorKind::Exists { .. }), "{refused}");
    assert_eq!(get(store, "stays", None), b"as it was");
    // The error of a reader that knows more than the machine does comes back whole.
    let own = || rediscover::base::Error::new(ErrorKind::Damaged { what: "other bytes".to_owned() });
    let failed = store.put("fails/too", &mut Refusing(Some(own())), &PutOptions::default()).expect_err("it failed");
    assert_eq!(failed.kind(), own().kind());
}

fn what_was_replaced_is_noticed(store: &dyn Store) {
    put(store, "tagged", b"first");
    let first = store.head("tagged").expect("head").expect("it is there").tag;
    let Some(first) = first else { return };
    let mut bytes = Vec::new();
    store.get("tagged", None, Some(&first)).expect("the same").read_to_end(&mut bytes).expect("bytes");
    assert_eq!(bytes, b"first");
    put(store, "tagged", b"other");
    let refused = store.get("tagged", None, Some(&first)).err().expect("it was replaced");
    assert!(matches!(refused.kind(), ErrorKind::Store { .. }), "{refused}");
    let second = store.head("tagged").expect("head").expect("it is there").tag.expect("a tag");
    assert_ne!(first, second);
    assert!(store.get("tagged", Some(1..3), Some(&second)).is_ok());
}
