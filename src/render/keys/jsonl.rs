//! Rows of `keys` as JSON, one object to a line, written without a tree in between.

use crate::report::{Cell, KeyColumn, KeyRow};
use serde::Serialize;

#[inline]
pub(super) fn row(columns: &[KeyColumn], row: &KeyRow<'_>, out: &mut Vec<u8>) {
    let mut before = b'{';
    for column in columns {
        out.push(before);
        before = b',';
        out.push(b'"');
        out.extend_from_slice(column.name().as_bytes());
        out.extend_from_slice(b"\":");
        match row.cell(*column) {
            Cell::Missing => out.extend_from_slice(b"null"),
            Cell::Text(text) if is_plain(text.as_bytes()) => quoted(text.as_bytes(), out),
            Cell::Text(text) => any(text, out),
            Cell::Key(key) if key.is_whole() && is_plain(key.head) => quoted(key.head, out),
            Cell::Key(key) => any(&key, out),
            Cell::Count(number) => out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes()),
            Cell::Signed(number) => out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes()),
            Cell::At(at) => {
                out.push(b'"');
                at.write_to(out);
                out.push(b'"');
            }
        }
    }
    out.extend_from_slice(b"}\n");
}

/// Whether JSON writes these bytes as they are.
fn is_plain(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\\'))
}

fn quoted(bytes: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    out.extend_from_slice(bytes);
    out.push(b'"');
}

fn any(value: &(impl Serialize + ?Sized), out: &mut Vec<u8>) {
    // A vector takes everything, and strings always have a form.
    let _ = serde_json::to_writer(out, value);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::UnixMs;
    use crate::report::{KeyBytes, Moment};

    #[test]
    fn a_line_is_what_serde_makes_of_the_row() {
        let keys: [&[u8]; 6] = [b"plain", b"a\"b\\", b"\x1b[2J\n", b"\xff\xfe", "grün".as_bytes(), b""];
        for (at, head) in keys.into_iter().enumerate() {
            let sha256 = (at == 0).then_some([1; 32]);
            let known = at % 2 == 0;
            let row = KeyRow {
                source: "a\"b.rdb",
                db: 3,
                key: KeyBytes { head, len: head.len() as u64, sha256 },
                ty: "hash",
                encoding: known.then_some("listpack"),
                elements: known.then_some(2),
                serialized_bytes: 40,
                memory_bytes: known.then_some(u64::MAX),
                largest_element_bytes: known.then_some(9),
                expire_at: known.then_some(Moment(UnixMs(-1))),
                ttl_seconds: known.then_some(-7),
                idle_seconds: known.then_some(0),
                frequency: (!known).then_some(255),
                slot: known.then_some(16_383),
            };
            let mut out = Vec::new();
            super::row(KeyColumn::ALL, &row, &mut out);
            let expected = serde_json::to_string(&row).expect("it has a form") + "\n";
            assert_eq!(String::from_utf8(out).expect("text"), expected);
        }
    }
}
