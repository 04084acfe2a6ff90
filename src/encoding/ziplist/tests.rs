use proptest::prelude::*;

use super::*;
use crate::encoding::tests::{hex, mutate};

/// Writes a ziplist as a server would; `wide` uses the long prevlen for everything.
fn write(entries: &[Packed<'_>], wide: bool) -> Vec<u8> {
    let mut out = vec![0; HEADER];
    let mut last = HEADER;
    let mut previous = 0;
    for entry in entries {
        last = out.len();
        match u8::try_from(previous) {
            Ok(small) if small < 254 && !wide => out.push(small),
            _ => {
                out.push(0xFE);
                out.extend_from_slice(&u32::try_from(previous).unwrap().to_le_bytes());
            }
        }
        match *entry {
            Packed::Int(value @ 0..=12) => out.push(0xF1 + u8::try_from(value).unwrap()),
            Packed::Int(value) => {
                let (kind, size) = match value {
                    -0x80..=0x7F => (0xFE, 1),
                    -0x8000..=0x7FFF => (0xC0, 2),
                    -0x80_0000..=0x7F_FFFF => (0xF0, 3),
                    -0x8000_0000..=0x7FFF_FFFF => (0xD0, 4),
                    _ => (0xE0, 8),
                };
                out.push(kind);
                out.extend_from_slice(&value.to_le_bytes()[..size]);
            }
            Packed::Str(text) => {
                let len = text.len().to_be_bytes();
                match text.len() {
                    0..=63 => out.push(len[7]),
                    64..=16_383 => out.extend_from_slice(&[0x40 | len[6], len[7]]),
                    _ => {
                        out.push(0x80);
                        out.extend_from_slice(&len[4..]);
                    }
                }
                out.extend_from_slice(text);
            }
        }
        previous = out.len() - last;
    }
    out.push(0xFF);
    let total = u32::try_from(out.len()).unwrap();
    out[..4].copy_from_slice(&total.to_le_bytes());
    out[4..8].copy_from_slice(&u32::try_from(last).unwrap().to_le_bytes());
    out[8..10].copy_from_slice(&u16::try_from(entries.len()).unwrap_or(UNKNOWN).to_le_bytes());
    out
}

fn read(blob: &[u8]) -> Result<Vec<Packed<'_>>, (&'static str, u64)> {
    let all: Result<Vec<_>, _> = Ziplist::new(blob).and_then(|list| list.iter().collect());
    let counted = deep(blob, |_| Ok(()));
    assert_eq!(counted.as_ref().err(), all.as_ref().err());
    all.map_err(|flaw| (flaw.kind().0, flaw.at()))
}

#[test]
fn every_encoding_comes_back() {
    assert_eq!(write(&[], false), hex("0B000000 0A000000 0000 FF"));
    assert_eq!(read(&write(&[], false)), Ok(Vec::new()));
    let long = vec![b'x'; 20_000];
    let texts = [0, 1, 63, 64, 252, 253, 254, 16_383, 16_384].map(|len| Packed::Str(&long[..len]));
    let ints = [0, 12, 13, -1, 127, -128, 128, -129, 32767, -32768, 32768, -32769, 8_388_607, -8_388_608, 8_388_608]
        .into_iter()
        .chain([-8_388_609, i64::from(i32::MAX), i64::from(i32::MIN), 1 << 31, i64::MAX, i64::MIN])
        .map(Packed::Int);
    let entries: Vec<_> = texts.into_iter().chain(ints).collect();
    for wide in [false, true] {
        assert_eq!(read(&write(&entries, wide)).unwrap(), entries);
    }
    let mut unknown = write(&entries, false);
    unknown[8..10].copy_from_slice(&[0xFF, 0xFF]);
    assert_eq!(Ziplist::new(&unknown).unwrap().count_hint(), None);
    assert_eq!(read(&unknown).unwrap(), entries);
}

#[test]
fn bytes_of_each_encoding() {
    let entries = [Packed::Str(b"ab"), Packed::Int(1024), Packed::Int(5)];
    let blob = hex("15000000 12000000 0300 00 02 6162 04 C0 0004 04 F6 FF");
    assert_eq!(write(&entries, false), blob);
    assert_eq!(read(&blob).unwrap(), entries);
}

#[test]
fn says_what_is_wrong_and_where() {
    let flaw = |text: &str| read(&hex(text)).unwrap_err();
    assert_eq!(flaw("0A000000 0A000000 00 FF").0, "short");
    assert_eq!(flaw("0C000000 0A000000 0000 FF"), ("ziplist-header", 0));
    assert_eq!(flaw("0B000000 0A000000 0000 00"), ("ziplist-end", 10));
    assert_eq!(flaw("0B000000 0B000000 0000 FF"), ("ziplist-tail", 4));
    assert_eq!(flaw("0D000000 0A000000 0200 00 F1 FF"), ("ziplist-count", 8));
    assert_eq!(flaw("0D000000 0A000000 0100 01 F1 FF"), ("ziplist-prevlen", 10));
    assert_eq!(flaw("0D000000 0A000000 0100 00 C1 FF"), ("ziplist-encoding", 11));
    assert_eq!(flaw("0D000000 0A000000 0100 FF F1 FF"), ("ziplist-end", 10));
    assert_eq!(flaw("0D000000 0A000000 0100 00 05 FF"), ("short", 10));
    assert_eq!(flaw("0D000000 0A000000 0100 FE 00 FF"), ("short", 10));
    assert_eq!(flaw("11000000 0A000000 0100 00 80 FFFFFFFF FF"), ("short", 10));
}

#[test]
fn hostile_blobs_end() {
    let long = vec![b'y'; 300];
    let valid = [
        write(&[Packed::Str(b"f1"), Packed::Int(22), Packed::Int(-300), Packed::Int(1 << 40), Packed::Str(b"")], false),
        write(&[Packed::Str(&long), Packed::Int(1 << 20), Packed::Str(b"z"), Packed::Int(-70_000)], false),
        write(&[Packed::Int(1), Packed::Int(2)], true),
    ];
    mutate(&valid, 5000, |bad| {
        if let Ok(entries) = read(bad) {
            assert!(entries.len() * 2 <= bad.len());
        } else if let Ok(list) = Ziplist::new(bad) {
            let mut iter = list.iter();
            while iter.next().is_some() {}
            assert!(iter.next().is_none());
        }
    });
}

proptest! {
    #[test]
    fn round_trips(entries in proptest::collection::vec(
        prop_oneof![any::<i64>().prop_map(Ok), (-300_i64..300).prop_map(Ok), proptest::collection::vec(any::<u8>(), 0..300).prop_map(Err)],
        0..50,
    ), wide: bool) {
        let packed: Vec<_> =
            entries.iter().map(|entry| entry.as_ref().map_or_else(|text| Packed::Str(text), |int| Packed::Int(*int))).collect();
        let blob = write(&packed, wide);
        prop_assert_eq!(read(&blob), Ok(packed));
    }
}
