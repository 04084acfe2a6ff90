//! Every cut, every lie.

use super::*;
use crate::encoding::Crc64;

const MARK: [u8; MARK_BYTES] = *b"0123456789abcdef0123456789abcdef01234567";

/// Gives at most so many bytes at a time.
struct Drip<'a>(&'a [u8], usize);

impl Read for Drip<'_> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        let most = self.1.min(to.len());
        self.0.read(to.get_mut(..most).unwrap_or_default())
    }
}

fn string(bytes: &[u8]) -> Vec<u8> {
    let length = u32::try_from(bytes.len()).expect("a short string");
    [&[0x80][..], &length.to_be_bytes(), bytes].concat()
}

/// An RDB with these strings under the key `k`, and the mark in each.
fn rdb(values: &[&[u8]]) -> Vec<u8> {
    let mut bytes = b"REDIS0011".to_vec();
    for (at, value) in values.iter().enumerate() {
        bytes.push(0);
        bytes.extend(string(format!("k{at}").as_bytes()));
        bytes.extend(string(value));
    }
    bytes.push(0xFF);
    let mut crc = Crc64::new();
    crc.update(&bytes);
    bytes.extend(crc.value().to_le_bytes());
    bytes
}

fn read(stream: &[u8], step: usize) -> (Vec<u8>, io::Result<()>) {
    let mut given = Vec::new();
    let end = Marked::new(Drip(stream, step), MARK).read_to_end(&mut given).map(drop);
    (given, end)
}

/// A value that holds an RDB's end and the mark after it.
fn hostile() -> Vec<u8> {
    [b"x".repeat(70_000).as_slice(), &rdb(&[b"small"]), &MARK, b"more", &MARK].concat()
}

#[test]
fn the_mark_in_a_value_ends_nothing() {
    let hostile = hostile();
    let big = [hostile.as_slice(), &b"y".repeat(600_000), &MARK].concat();
    let rdb = rdb(&[&MARK, &hostile, &big, b"last"]);
    let stream = [rdb.as_slice(), &MARK].concat();
    for step in [1, 2, 39, 40, 41, 4096, 100_000, usize::MAX] {
        let (given, end) = read(&stream, step);
        assert!(end.is_ok() && given == rdb, "step {step}: {} of {} bytes, {end:?}", given.len(), rdb.len());
    }
}

#[test]
fn nothing_after_the_mark_is_read_as_snapshot() {
    let rdb = rdb(&[b"v"]);
    let (given, end) = read(&[rdb.as_slice(), &MARK, b"*1\r\n$4\r\nPING\r\n"].concat(), 7);
    assert!(end.is_ok() && given == rdb);
}

#[test]
fn every_cut_is_an_error() {
    let rdb = rdb(&[&MARK, b"v", &[&[0xFF][..], &[0; 8], &MARK].concat()]);
    let stream = [rdb.as_slice(), &MARK].concat();
    for cut in 0..stream.len() {
        let (given, end) = read(&stream[..cut], 64);
        let error = end.expect_err("a cut");
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof, "cut at {cut}");
        assert!(stream.starts_with(&given), "cut at {cut}");
    }
}

#[test]
fn what_cannot_be_followed_is_given_up_to_the_close() {
    // A type that nobody knows.
    let unknown = [b"REDIS0011".as_slice(), &[0x66], &MARK, b"anything"].concat();
    for junk in [b"not an RDB at all".to_vec(), unknown, rdb(&[b"v"])[..20].to_vec(), Vec::new()] {
        let stream = [junk.as_slice(), &MARK].concat();
        for step in [1, 40, 1000] {
            let (given, end) = read(&stream, step);
            if junk.starts_with(b"REDIS0011") && junk.get(9) != Some(&0x66) {
                assert!(end.is_err(), "records that go on past the close are cut");
            } else {
                assert!(end.is_ok() && given == junk, "{:?}: {end:?}", junk.escape_ascii().to_string());
            }
            assert!(read(&junk, step).1.is_err(), "no mark at the end");
        }
    }
}

#[test]
fn a_wrong_mark_is_no_end() {
    let mut other = MARK;
    other[39] ^= 1;
    let stream = [rdb(&[b"v"]).as_slice(), &other].concat();
    assert!(read(&stream, 13).1.is_err());
}
