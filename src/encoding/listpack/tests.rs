use proptest::prelude::*;

use super::*;
use crate::encoding::tests::{hex, mutate};

/// Writes a listpack as a server would: each string that is a canonical integer goes in as one.
pub(crate) fn write(entries: &[Packed<'_>]) -> Vec<u8> {
    let mut out = vec![0; HEADER];
    for entry in entries {
        let start = out.len();
        match *entry {
            Packed::Int(value @ 0..=127) => out.push(u8::try_from(value).unwrap()),
            Packed::Int(value @ -4096..=4095) => {
                let [_, _, _, _, _, _, high, low] = value.to_be_bytes();
                out.extend_from_slice(&[0xC0 | (high & 0x1F), low]);
            }
            Packed::Int(value) => {
                let (kind, size) = match value {
                    -0x8000..=0x7FFF => (0xF1, 2),
                    -0x80_0000..=0x7F_FFFF => (0xF2, 3),
                    -0x8000_0000..=0x7FFF_FFFF => (0xF3, 4),
                    _ => (0xF4, 8),
                };
                out.push(kind);
                out.extend_from_slice(&value.to_le_bytes()[..size]);
            }
            Packed::Str(text) => {
                let len = text.len().to_be_bytes();
                match text.len() {
                    0..=63 => out.push(0x80 | len[7]),
                    64..=4095 => out.extend_from_slice(&[0xE0 | len[6], len[7]]),
                    _ => {
                        out.push(0xF0);
                        out.extend_from_slice(&u32::try_from(text.len()).unwrap().to_le_bytes());
                    }
                }
                out.extend_from_slice(text);
            }
        }
        let size = out.len() - start;
        let bytes = usize::try_from(backlen_size(size as u64)).unwrap();
        for index in (0..bytes).rev() {
            let top = if index + 1 == bytes { 0 } else { 0x80 };
            out.push(top | u8::try_from((size >> (7 * index)) & 0x7F).unwrap());
        }
    }
    out.push(0xFF);
    let total = u32::try_from(out.len()).unwrap();
    out[..4].copy_from_slice(&total.to_le_bytes());
    out[4..6].copy_from_slice(&u16::try_from(entries.len()).unwrap_or(UNKNOWN).to_le_bytes());
    out
}

fn read(blob: &[u8]) -> Result<Vec<Packed<'_>>, (&'static str, u64)> {
    let flaw = |flaw: Flaw| (flaw.kind().0, flaw.at());
    let mut pushed = Vec::new();
    let counted = deep(blob, |entry| {
        pushed.push(entry);
        Ok(())
    });
    let iterated: Result<Vec<_>, _> = Listpack::new(blob).and_then(|pack| pack.iter().collect());
    // Both walks say the same, to the word.
    assert_eq!(counted.as_ref().err(), iterated.as_ref().err());
    if let (Ok(count), Ok(entries)) = (&counted, &iterated) {
        assert_eq!(*count as usize, entries.len());
        assert_eq!(&pushed, entries);
    }
    iterated.map_err(flaw)
}

#[test]
fn hashes_as_servers_write_them() {
    let small = hex("15000000 0400 82 6631 03 82 7631 03 82 6632 03 16 01 FF");
    let want = [Packed::Str(b"f1"), Packed::Str(b"v1"), Packed::Str(b"f2"), Packed::Int(22)];
    assert_eq!(read(&small).unwrap(), want);
    assert_eq!(write(&want), small);

    let with_ttl =
        hex("24000000 0900 81 62 02 02 01 F4 00D8C32CBB030000 09 81 61 02 01 01 00 01 81 63 02 03 01 00 01 FF");
    let (a, b, c) = (Packed::Str(b"a"), Packed::Str(b"b"), Packed::Str(b"c"));
    let int = Packed::Int;
    let want = [b, int(2), int(4_102_444_800_000), a, int(1), int(0), c, int(3), int(0)];
    assert_eq!(read(&with_ttl).unwrap(), want);
    assert_eq!(write(&want), with_ttl);

    assert_eq!(read(&hex("07000000 0000 FF")), Ok(Vec::new()));
}

#[test]
fn long_strings_and_their_backlens() {
    for (len, head, tail) in [(64, "E040", "42"), (4096, "F000100000", "2085")] {
        let text = vec![b'x'; len];
        let blob = write(&[Packed::Str(&text)]);
        assert!(blob[HEADER..].starts_with(&hex(head)));
        assert!(blob[..blob.len() - 1].ends_with(&hex(tail)));
    }
    for len in [0, 63, 64, 125, 126, 127, 4095, 4096, 16_378, 16_379, 2_097_146, 2_097_147] {
        let text = vec![b'x'; len];
        assert_eq!(read(&write(&[Packed::Str(&text), Packed::Int(1)])).unwrap(), [Packed::Str(&text), Packed::Int(1)]);
    }
}

#[test]
fn integers_of_every_width() {
    let edges =
        [0, 127, 128, -1, 4095, -4096, 4096, -4097, 32767, -32768, 32768, -32769, 8_388_607, -8_388_608, 8_388_608];
    let more = [-8_388_609, i64::from(i32::MAX), i64::from(i32::MIN), 1 << 31, i64::MAX, i64::MIN];
    let entries: Vec<_> = edges.into_iter().chain(more).map(Packed::Int).collect();
    let blob = write(&entries);
    let back = read(&blob).unwrap();
    assert!(back.iter().all(|entry| entry.as_int().is_some()));
    assert_eq!(back, entries);
}

#[test]
fn says_what_is_wrong_and_where() {
    let flaw = |text: &str| read(&hex(text)).unwrap_err();
    assert_eq!(flaw("07000000 00 FF").0, "short");
    assert_eq!(flaw("08000000 0000 FF"), ("listpack-header", 0));
    assert_eq!(flaw("07000000 0000 00"), ("listpack-end", 6));
    assert_eq!(flaw("09000000 0100 05 02 FF"), ("listpack-backlen", 7));
    assert_eq!(flaw("09000000 0100 F5 01 FF"), ("listpack-encoding", 6));
    assert_eq!(flaw("09000000 0100 FF 01 FF"), ("listpack-end", 6));
    assert_eq!(flaw("09000000 0200 05 01 FF"), ("listpack-count", 8));
    assert_eq!(flaw("09000000 0000 05 01 FF"), ("listpack-count", 8));
    assert_eq!(flaw("0B000000 0200 05 01 82 61 FF"), ("short", 8));
    assert_eq!(flaw("0F000000 0100 F0FFFFFFFF 05 61 61 FF"), ("short", 6));
    // The 5-byte form of a short string is what no writer makes, but says what it says.
    assert_eq!(read(&hex("0E000000 0100 F001000000 61 06 FF")), Ok(vec![Packed::Str(b"a")]));
}

#[test]
fn a_count_of_65535_means_walk() {
    let entries = vec![Packed::Int(1); 70_000];
    let blob = write(&entries);
    assert_eq!(Listpack::new(&blob).unwrap().count_hint(), None);
    assert_eq!(deep(&blob, |_| Ok(())), Ok(70_000));
    let mut few = write(&[Packed::Int(1)]);
    few[4..6].copy_from_slice(&[0xFF, 0xFF]);
    assert_eq!(read(&few), Ok(vec![Packed::Int(1)]));
}

#[test]
fn hostile_blobs_end() {
    let long = vec![b'y'; 200];
    let valid = [
        write(&[Packed::Str(b"f1"), Packed::Int(22), Packed::Int(-300), Packed::Int(1 << 40), Packed::Str(b"")]),
        write(&[Packed::Str(&long), Packed::Int(1 << 20), Packed::Str(b"z")]),
        write(&[]),
    ];
    mutate(&valid, 5000, |bad| {
        if let Ok(entries) = read(bad) {
            assert!(entries.len() * 2 <= bad.len());
        } else if let Ok(pack) = Listpack::new(bad) {
            let mut iter = pack.iter();
            while iter.next().is_some() {}
            assert!(iter.next().is_none());
        }
    });
}

proptest! {
    #[test]
    fn round_trips(entries in proptest::collection::vec(
        prop_oneof![any::<i64>().prop_map(Ok), (-5000_i64..5000).prop_map(Ok), proptest::collection::vec(any::<u8>(), 0..300).prop_map(Err)],
        0..50,
    )) {
        let packed: Vec<_> =
            entries.iter().map(|entry| entry.as_ref().map_or_else(|text| Packed::Str(text), |int| Packed::Int(*int))).collect();
        let blob = write(&packed);
        prop_assert_eq!(read(&blob), Ok(packed));
    }

    #[test]
    fn any_body(body in proptest::collection::vec(any::<u8>(), 0..60)) {
        let mut blob = u32::try_from(body.len() + 7).unwrap().to_le_bytes().to_vec();
        blob.extend_from_slice(&[0xFF, 0xFF]);
        blob.extend_from_slice(&body);
        blob.push(0xFF);
        let _ = read(&blob);
    }
}
