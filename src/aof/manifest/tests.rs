use super::*;
use crate::encoding::tests::mutate;
use proptest::prelude::*;

const BASE: &str = "file appendonly.aof.1.base.rdb seq 1 type b\n";
const INCR: &str = "file appendonly.aof.1.incr.aof seq 1 type i\n";

/// The files in the order of loading, and the flaws: `!` for one that every server refuses, `?` for all but Valkey 9.1.
fn read(text: impl AsRef<[u8]>) -> (Vec<String>, Vec<String>) {
    let (manifest, flaws) = Manifest::parse(text.as_ref());
    let files = manifest.load_order().map(|entry| entry.file.escape_ascii().to_string()).collect();
    let mark = |flaw: &ManifestFlaw| match flaw.refused {
        Refused::Never => "",
        Refused::ByMost => "?",
        Refused::ByAll => "!",
    };
    let flaws = flaws.iter().map(|flaw| {
        format!("{}{} {}:{}", mark(flaw), flaw.flaw.kind(), flaw.line, flaw.flaw.at()).replace("manifest-", "")
    });
    (files, flaws.collect())
}

fn flaws(text: impl AsRef<[u8]>) -> Vec<String> {
    read(text).1
}

#[test]
fn what_servers_write() {
    let (manifest, flaws) = Manifest::parse(
        b"file appendonly.aof.2.base.rdb seq 2 type b\n\
          file appendonly.aof.1.incr.aof seq 1 type h\n\
          file appendonly.aof.2.incr.aof seq 2 type i startoffset 101 endoffset 220\n\
          file \"a \\\"b\\xc3\\xa9.3.incr.aof\" seq 3 type i startoffset 221\n",
    );
    assert_eq!(flaws, []);
    let entry = |file: &[u8], seq, role, start_offset, end_offset, line| Entry {
        file: file.to_vec(),
        seq,
        role,
        start_offset,
        end_offset,
        line,
    };
    let expected = [
        entry(b"appendonly.aof.2.base.rdb", 2, Role::Base, None, None, 1),
        entry(b"appendonly.aof.1.incr.aof", 1, Role::History, None, None, 2),
        entry(b"appendonly.aof.2.incr.aof", 2, Role::Incr, Some(101), Some(220), 3),
        entry(b"a \"b\xc3\xa9.3.incr.aof", 3, Role::Incr, Some(221), None, 4),
    ];
    assert_eq!(manifest.entries, expected);
    assert_eq!(manifest.base(), expected.first());
    assert_eq!(manifest.history().count(), 1);
    assert_eq!(manifest.load_order().map(|entry| entry.seq).collect::<Vec<_>>(), [2, 2, 3]);
}

#[test]
fn lines() {
    let both = || vec!["appendonly.aof.1.base.rdb".to_owned(), "appendonly.aof.1.incr.aof".to_owned()];
    let long = |bytes: usize| format!("#{}\n", "x".repeat(bytes - 2));
    assert_eq!(read(format!("{INCR}#x\r\n{BASE}#")), (both(), vec![]));
    assert_eq!(read(format!("{BASE}{INCR}").replace('\n', "  \r\n")), (both(), vec![]));
    assert_eq!(read(""), (vec![], vec!["!empty 0:0".to_owned()]));
    assert_eq!(flaws("\n"), ["!line-blank 1:0"]);
    assert_eq!(read(format!("{BASE} \t\n{INCR}")), (both(), vec!["!line-blank 2:44".to_owned()]));
    assert_eq!(read(format!("{BASE}{}", INCR.trim_end())), (both(), vec!["!line-open 2:44".to_owned()]));
    assert_eq!(read(format!("{}{BASE}{INCR}", long(1024))), (both(), vec![]));
    assert_eq!(read(format!("{}{BASE}{INCR}", long(1025))), (both(), vec!["!line-blank 1:1024".to_owned()]));
    // The rest of a long comment is read as a line, on which an entry may stand.
    assert_eq!(read(format!("#{}{INCR}{BASE}", "x".repeat(1023))), (both(), vec![]));
    assert_eq!(read(format!("{}\n{BASE}{INCR}", "#".repeat(3000))), (both(), vec![]));
    let padded = |bytes: usize| format!("{} x {}\n", INCR.trim_end(), "y".repeat(bytes - INCR.len() - 3));
    assert_eq!(flaws(format!("{BASE}{}", padded(1024))), ["key 2:88"]);
    assert_eq!(read(BASE.to_owned() + &padded(1025)).1, ["!line-long 2:44", "key 2:88"]);
    assert_eq!(read(format!("{BASE}{INCR}\0\0\0")), (both(), vec!["!nul 3:88".to_owned()]));
    assert_eq!(read(format!("#\0\n{BASE}{INCR}")), (both(), vec![]));
    assert_eq!(flaws(format!("{BASE} {}", &BASE[..43])), ["!line-open 2:44", "!base-twice 2:44", "file-twice 2:50"]);
    assert_eq!(flaws("#only a comment\n"), ["no-parts 0:0"]);
    assert_eq!(flaws("file a seq 1 type h\n"), ["no-parts 0:0"]);
    assert_eq!(flaws(INCR), ["no-base 0:0"]);
    assert_eq!(
        flaws(format!(" #\n{BASE}")),
        ["!words 1:0", "!key-missing 1:0", "!key-missing 1:0", "!key-missing 1:0"]
    );
}

#[test]
fn words_of_a_line() {
    let line = |line: &str| flaws(format!("{BASE}{line}\n")).join(", ");
    for (words, expected) in [
        ("TYPE i SEQ 1 FILE a", ""),
        ("file\ta\rseq\x0b1 type i", "!words 2:44, key 2:51, !key-missing 2:44, !key-missing 2:44"),
        ("\x0bfile a \x0cseq 1 type i", ""),
        ("file a seq 1 type i x y", "key 2:64"),
        ("file a seq 1 type i x", "!words 2:44"),
        ("file a seq 1", "!words 2:44, !key-missing 2:44"),
        ("file a seq 1 x i", "key 2:57, !key-missing 2:44"),
        ("file x file a seq 7 seq 1 type b type i", "key-twice 2:51, key-twice 2:64, key-twice 2:77"),
        ("file a seq 1 type incr", ""),
        ("file a seq 1 type I", "!type 2:62"),
        ("file a seq 1 type \"\"", "!type 2:62"),
        ("file a seq 0 type i", "!seq 2:55"),
        ("file a seq x type i", "number 2:55, !seq 2:55"),
        ("file a seq 0x10 type i", "number 2:55, !seq 2:55"),
        ("file a seq 1x type i", "number 2:55"),
        ("file a seq \"\\t+1\" type i", ""),
        ("file a seq -1 type i", "!seq-order 2:55"),
        ("file a seq -1 type h", ""),
        ("file a seq 99999999999999999999 type i", "number 2:55"),
        ("file a seq 1 type i startoffset -5 endoffset x", "number 2:89"),
        ("file \"a seq 1 type i", "!quotes 2:49"),
        ("file 'a\\' seq 1 type i", "!quotes 2:49"),
        ("file a\"b\" seq 1 type i", ""),
        ("file \"a\"b seq 1 type i", "?quotes-joined 2:49"),
        ("file \"a\"'b' seq 1 type i", "?quotes-joined 2:49"),
        ("file ./a seq 1 type i", "!file-path 2:49"),
        ("file ../a seq 1 type h", "!file-path 2:49"),
        ("file a/b file a seq 1 type i", "!file-path 2:49, key-twice 2:53"),
        ("file a\\b seq 1 type i", "!file-path 2:49"),
        ("file \"a\\x2fb\" seq 1 type i", "!file-path 2:49"),
        ("file \"a\\x00/\" seq 1 type i", ""),
        ("file \"\" seq 1 type i", "!file 2:49"),
        ("file .. seq 1 type h", "file 2:49"),
        ("file a seq 1 type i\nfile b seq 1 type i", "!seq-order 3:75"),
        ("file a seq 2 type i\nfile b seq 4 type i", "seq-gap 3:75"),
        ("file a seq 1 type i\nfile a seq 2 type i", "file-twice 3:69"),
    ] {
        assert_eq!(line(words), expected, "{words}");
    }
    let files = |name: &str| read(format!("file {name} seq 1 type b\n")).0;
    assert_eq!(files("\"a\\x62\\n\\r\\t\\b\\a\\\\\""), Vec::<String>::new());
    assert_eq!(files("\"a\\x62\\n\\r\\t\\b\\a\\\"\\q\\xz\""), ["ab\\n\\r\\t\\x08\\x07\\\"qxz"]);
    assert_eq!(files("'a\\'b\"'"), ["a\\'b\\\""]);
    assert_eq!(files("a'b'"), ["ab"]);
    assert_eq!(files("\"a\"b'c'd"), ["abcd"]);
    assert_eq!(files("\"a\\x00b\""), ["a"]);
}

#[test]
fn what_is_broken_stays_small_and_never_panics() {
    let (manifest, flaws) = Manifest::parse(&b"\n".repeat(1 << 20));
    assert_eq!(manifest.entries, []);
    assert_eq!(flaws.len(), FLAWS + 1);
    let texts = [
        format!("#c\n{BASE}{INCR}file \"a\\x20b\" seq 2 type i startoffset 7 endoffset 9\nfile 'h' seq 1 type h\n"),
        format!("#{}\n{BASE}", "x".repeat(1100)),
    ];
    mutate(&texts.map(String::into_bytes), 20_000, |bytes| {
        let (manifest, flaws) = Manifest::parse(bytes);
        assert!(flaws.iter().all(|flaw| flaw.flaw.at() <= bytes.len() as u64 && flaw.to_string().len() < 400));
        for entry in &manifest.entries {
            assert!(!entry.file.iter().any(|byte| matches!(byte, b'/' | b'\\' | 0)), "{:?}", entry.file);
            assert!(!matches!(entry.file.as_slice(), b"" | b"." | b".."));
        }
        let again = Manifest::parse(&manifest.to_bytes()).0;
        let same = |(a, b): (&Entry, &Entry)| Entry { line: 0, ..a.clone() } == Entry { line: 0, ..b.clone() };
        assert_eq!(again.entries.len(), manifest.entries.len());
        assert!(again.entries.iter().zip(&manifest.entries).all(same), "{again:?}");
    });
}

fn name() -> impl Strategy<Value = Vec<u8>> {
    let byte = (1_u8..=255).prop_filter("no path", |byte| !matches!(byte, b'/' | b'\\'));
    let any = proptest::collection::vec(byte, 1..60);
    let usual = (1_u32..1000).prop_map(|seq| format!("appendonly.aof.{seq}.incr.aof").into_bytes());
    prop_oneof![any, usual].prop_filter("a folder", |name| !matches!(name.as_slice(), b"." | b".."))
}

proptest! {
    #[test]
    fn writes_what_it_reads(
        files in proptest::collection::btree_set(name(), 1..8),
        first in 1_i64..1_000_000,
        offsets in proptest::option::of(any::<i64>()),
        based: bool,
    ) {
        let mut entries: Vec<Entry> = Vec::new();
        for ((file, seq), line) in files.into_iter().zip(first..).zip(1..) {
            let role = if line == 1 && based { Role::Base } else if line == 2 { Role::History } else { Role::Incr };
            let start_offset = offsets.filter(|_| role == Role::Incr);
            entries.push(Entry { file, seq, role, start_offset, end_offset: start_offset.filter(|at| at % 2 == 0), line });
        }
        let manifest = Manifest { entries };
        let (again, flaws) = Manifest::parse(&manifest.to_bytes());
        prop_assert!(flaws.iter().all(|flaw| !flaw.fatal() && flaw.refused == Refused::Never), "{flaws:?}");
        prop_assert_eq!(again, manifest);
    }

    #[test]
    fn any_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..3000)) {
        drop(Manifest::parse(&bytes));
    }
}
