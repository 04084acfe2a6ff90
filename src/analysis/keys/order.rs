//! A row's place in a sorted output, as bytes that compare as the rows do.

use super::KeySort;
use crate::report::{Cell, KeyBytes, KeyRow};

/// Appends the bytes: what is sorted by, then source, database, key and place.
pub(super) fn write(sort: KeySort, row: &KeyRow<'_>, rank: u32, offset: u64, out: &mut Vec<u8>) {
    match row.cell(sort.column) {
        // Whatever the direction.
        Cell::Missing => out.push(1),
        cell => {
            out.push(0);
            let begin = out.len();
            value(cell, out);
            if sort.descending {
                out.iter_mut().skip(begin).for_each(|byte| *byte = !*byte);
            }
        }
    }
    out.extend_from_slice(&rank.to_be_bytes());
    out.extend_from_slice(&row.db.to_be_bytes());
    key(&row.key, out);
    out.extend_from_slice(&offset.to_be_bytes());
}

fn value(cell: Cell<'_>, out: &mut Vec<u8>) {
    match cell {
        Cell::Missing => {}
        Cell::Text(text) => word(text.as_bytes(), out),
        Cell::Key(bytes) => key(&bytes, out),
        Cell::Count(number) => out.extend_from_slice(&number.to_be_bytes()),
        Cell::Signed(number) => signed(number, out),
        Cell::At(at) => signed(at.0, out),
    }
}

fn signed(number: i64, out: &mut Vec<u8>) {
    out.extend_from_slice(&(number.cast_unsigned() ^ (1 << 63)).to_be_bytes());
}

/// Bytes with an end that sorts before every byte: `00` becomes `00 ff`, the end is `00 00`.
fn word(bytes: &[u8], out: &mut Vec<u8>) {
    for part in bytes.split_inclusive(|byte| *byte == 0) {
        out.extend_from_slice(part);
        if part.ends_with(&[0]) {
            out.push(0xff);
        }
    }
    out.extend_from_slice(&[0, 0]);
}

/// A key; long ones with one beginning by length and hash.
fn key(key: &KeyBytes<'_>, out: &mut Vec<u8>) {
    word(key.head, out);
    if let Some(hash) = &key.sha256 {
        out.push(1);
        out.extend_from_slice(&key.len.to_be_bytes());
        out.extend_from_slice(hash);
    } else {
        out.push(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(cell: Cell<'_>) -> Vec<u8> {
        let mut out = Vec::new();
        value(cell, &mut out);
        out
    }

    #[test]
    fn bytes_compare_as_what_they_stand_for() {
        let words: [&[u8]; 9] = [b"", b"\0", b"\0\0", b"\0\x01", b"\x01", b"a", b"a\0", b"ab", b"\xff"];
        let keys = words.map(|head| bytes(Cell::Key(KeyBytes { head, len: head.len() as u64, sha256: None })));
        assert!(keys.is_sorted() && keys.windows(2).all(|two| !two[1].starts_with(&two[0])));
        assert!([i64::MIN, -1, 0, 1, i64::MAX].map(|number| bytes(Cell::Signed(number))).is_sorted());
        assert!([0, 1, 255, 256, u64::MAX].map(|number| bytes(Cell::Count(number))).is_sorted());
    }
}
