use proptest::prelude::*;

use super::*;
use crate::encoding::tests::{Rng, mutate};

/// The plain reading of the format, byte by byte: the oracle.
fn slow(input: &[u8], ulen: usize) -> Option<Vec<u8>> {
    let (mut out, mut at) = (Vec::new(), 0);
    let next = |at: &mut usize| {
        *at += 1;
        input.get(*at - 1).copied().map(usize::from)
    };
    while at < input.len() {
        let control = next(&mut at)?;
        if control < 32 {
            for _ in 0..=control {
                out.push(u8::try_from(next(&mut at)?).unwrap_or_default());
            }
        } else {
            let mut len = control >> 5;
            if len == 7 {
                len += next(&mut at)?;
            }
            let offset = ((control & 31) << 8) | next(&mut at)?;
            for _ in 0..len + 2 {
                out.push(*out.get(out.len().checked_sub(offset + 1)?)?);
            }
        }
        if out.len() > ulen {
            return None;
        }
    }
    (out.len() == ulen).then_some(out)
}

fn whole(input: &[u8], ulen: usize) -> Option<Vec<u8>> {
    let mut out = vec![0xAA; 7];
    decompress(input, ulen, &mut out).ok().map(|()| out)
}

fn pieces(input: &[u8], ulen: usize, mut size: impl FnMut() -> usize) -> Option<Vec<u8>> {
    let mut stream = Stream::new(input.len() as u64, ulen as u64).ok()?;
    let (mut out, mut rest) = (Vec::new(), input);
    while !rest.is_empty() {
        let (head, tail) = rest.split_at(size().clamp(1, rest.len()));
        stream.feed(head, &mut |bytes| out.extend_from_slice(bytes)).ok()?;
        rest = tail;
    }
    stream.finish().ok().map(|()| out)
}

/// Words, so that matches of all lengths and distances occur.
pub(super) fn text(seed: u64, len: usize) -> Vec<u8> {
    let mut rng = Rng::new(seed);
    let mut out = Vec::new();
    while out.len() < len {
        match rng.below(20) {
            0 => out.extend(std::iter::repeat_n(rng.byte(), rng.below(600))),
            1 => (0..rng.below(90)).for_each(|_| out.push(rng.byte())),
            2 => {
                let pattern: Vec<u8> = (0..=rng.below(20)).map(|_| rng.byte()).collect();
                (0..rng.below(30)).for_each(|_| out.extend_from_slice(&pattern));
            }
            _ => out.extend_from_slice(
                format!("{{\"user\":{},\"name\":\"n{}\"}}", rng.below(999), rng.below(50)).as_bytes(),
            ),
        }
    }
    out.truncate(len);
    out
}

#[test]
fn thousand_letters_as_a_server_writes_them() {
    let packed = b"\x01\x61\x61\xE0\xFF\x00\xE0\xFF\x00\xE0\xFF\x00\xE0\xC3\x00\x01\x61\x61";
    assert_eq!(packed.len(), 0x12);
    assert_eq!(whole(packed, 1000), Some(vec![b'a'; 1000]));
    assert_eq!(pieces(packed, 1000, || 1), Some(vec![b'a'; 1000]));
    let kind = |ulen| decompress(packed, ulen, &mut Vec::new()).unwrap_err().kind().0;
    assert_eq!(kind(999), "lzf-end");
    assert_eq!(kind(1001), "lzf-end");
    assert_eq!(kind(18 * 88 + 65), "lzf-bomb");
}

#[test]
fn refuses_what_is_wrong() {
    let flaw = |input: &[u8], ulen| decompress(input, ulen, &mut Vec::new()).map_err(|flaw| (flaw.kind().0, flaw.at()));
    assert_eq!(flaw(b"", 0), Ok(()));
    assert_eq!(flaw(b"", 1), Err(("lzf-end", 0)));
    assert_eq!(flaw(b"\x20\x00", 3), Err(("lzf-reference", 0)));
    assert_eq!(flaw(b"\x00a\x20\x01", 4), Err(("lzf-reference", 2)));
    assert_eq!(flaw(b"\x00a\x20\x00", 4), Ok(()));
    assert_eq!(flaw(b"\x00a\x20", 4), Err(("short", 2)));
    assert_eq!(flaw(b"\x00a\xE0\x00", 10), Err(("short", 2)));
    assert_eq!(flaw(b"\x01a", 2), Err(("short", 0)));
    let mut stream = Stream::new(4, 4).unwrap();
    assert!(stream.feed(b"\x00a\x20\x00\x00", &mut |_| ()).is_err());
    assert!(stream.feed(b"", &mut |_| ()).is_err());
    assert!(stream.finish().is_err());
    assert_eq!(max_output(u64::MAX), u64::MAX);
    assert!(Stream::new(u64::MAX, u64::MAX).is_ok());
}

#[test]
fn round_trips_all_ways() {
    let mut rng = Rng::new(3);
    for (seed, len) in [(1, 0), (2, 3), (3, 21), (4, 100), (5, 1000), (6, 9000), (7, 70_000), (8, 300_000)] {
        let plain = text(seed, len);
        let Some(packed) = compress(&plain) else {
            assert!(len < 100);
            continue;
        };
        assert!(packed.len() + 4 <= plain.len());
        assert_eq!(slow(&packed, len).as_ref(), Some(&plain));
        assert_eq!(whole(&packed, len).as_ref(), Some(&plain));
        assert_eq!(pieces(&packed, len, || 1).as_ref(), Some(&plain));
        assert_eq!(pieces(&packed, len, || rng.below(70)).as_ref(), Some(&plain));
        assert_eq!(pieces(&packed, len, || usize::MAX).as_ref(), Some(&plain));
        assert_eq!(pieces(&packed, len + 1, || 1000), None);
    }
    assert_eq!(compress(&(0..=255).collect::<Vec<u8>>()), None);
}

#[test]
fn hostile_bytes_get_one_answer() {
    let mut rng = Rng::new(9);
    let valid: Vec<Vec<u8>> = [60, 400, 5000].into_iter().filter_map(|len| compress(&text(len as u64, len))).collect();
    mutate(&valid, 3000, |bad| {
        for ulen in [60, 400, 5000] {
            let want = slow(bad, ulen);
            assert_eq!(whole(bad, ulen), want);
            assert_eq!(pieces(bad, ulen, || 1 + rng.below(50)), want);
        }
    });
}

proptest! {
    #[test]
    fn any_bytes_get_one_answer(input in proptest::collection::vec(any::<u8>(), 0..300), ulen in 0_usize..3000, cut in 1_usize..40) {
        let want = slow(&input, ulen);
        prop_assert_eq!(whole(&input, ulen), want.clone());
        prop_assert_eq!(pieces(&input, ulen, || cut), want);
    }

    #[test]
    fn any_bytes_come_back(input in proptest::collection::vec(0_u8..4, 0..2000), cut in 1_usize..40) {
        if let Some(packed) = compress(&input) {
            prop_assert_eq!(whole(&packed, input.len()), Some(input.clone()));
            prop_assert_eq!(pieces(&packed, input.len(), || cut), Some(input));
        }
    }
}

#[test]
fn checking_agrees_with_unpacking() {
    let mut rng = Rng::new(11);
    let mut out = Vec::new();
    for round in 0..4000u64 {
        let text: Vec<u8> = (0..rng.below(400)).map(|_| b"abcdab{}:,\"0"[rng.below(12)]).collect();
        let Some(mut packed) = compress(&text) else { continue };
        assert!(check(&packed, text.len()).is_ok());
        let mut length = text.len();
        if round % 2 == 0 {
            let at = rng.below(packed.len());
            packed[at] ^= 1 << rng.below(8);
        } else {
            length = length.wrapping_add(rng.below(3)).wrapping_sub(1);
        }
        assert_eq!(check(&packed, length), unpack(&packed, length, &mut out).map(|_| ()));
    }
}
