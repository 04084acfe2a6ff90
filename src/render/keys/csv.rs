//! Rows of `keys` as comma-separated values. A cell of text is escaped as redis-cli does; one that begins as a formula does, or
//! with `'`, has a `'` before it; the end of a key over 64 KiB is `\(N bytes, sha256 HEX)`. So each cell can be read back.

use crate::report::{Cell, KeyBytes, KeyColumn, KeyRow, escape, hex, printable};

pub(super) fn head(columns: &[KeyColumn]) -> Vec<u8> {
    let names: Vec<_> = columns.iter().map(|column| column.name()).collect();
    let mut line = names.join(",").into_bytes();
    line.push(b'\n');
    line
}

#[inline]
pub(super) fn row(columns: &[KeyColumn], row: &KeyRow<'_>, out: &mut Vec<u8>) {
    for column in columns {
        match row.cell(*column) {
            Cell::Missing => {}
            Cell::Text(word) => text(word.as_bytes(), true, || printable(word).into_owned(), out),
            Cell::Key(key) => text(key.head, key.is_whole(), || name(&key), out),
            Cell::Count(number) => out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes()),
            Cell::Signed(number) => out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes()),
            Cell::At(at) => at.write_to(out),
        }
        out.push(b',');
    }
    out.pop();
    out.push(b'\n');
}

/// A key with every byte that is not plain escaped.
fn name(key: &KeyBytes<'_>) -> String {
    let mut text = escape(key.head);
    match key.sha256 {
        _ if key.is_whole() => {}
        Some(hash) => text.push_str(&format!("\\({} bytes, sha256 {})", key.len, hex(&hash))),
        None => text.push_str(&format!("\\({} bytes)", key.len)),
    }
    text
}

/// Whether text stands in a cell as it is, wherever it stands.
fn is_plain(byte: u8) -> bool {
    matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b',' | b'\\')
}

/// What a spreadsheet takes for the beginning of a formula, and what says that it was one.
pub(in crate::render) const FORMULA: [char; 9] = ['=', '+', '-', '@', '\'', '＝', '＋', '－', '＠'];

/// One cell: `bytes` if they are whole and plain, else what `escaped` makes of them.
#[inline]
fn text(bytes: &[u8], whole: bool, escaped: impl FnOnce() -> String, out: &mut Vec<u8>) {
    let begins = |first: &u8| FORMULA.contains(&char::from(*first));
    if whole && !bytes.first().is_some_and(begins) && bytes.iter().all(|byte| is_plain(*byte)) {
        out.extend_from_slice(bytes);
        return;
    }
    let text = escaped();
    out.push(b'"');
    if text.starts_with(FORMULA) {
        out.push(b'\'');
    }
    for byte in text.bytes() {
        out.push(byte);
        if byte == b'"' {
            out.push(b'"');
        }
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cell(key: &[u8]) -> String {
        let mut out = Vec::new();
        let key = KeyBytes { head: key, len: key.len() as u64, sha256: None };
        text(key.head, key.is_whole(), || name(&key), &mut out);
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn no_cell_is_a_formula_or_two_cells() {
        for (key, wanted) in [
            (&b"plain: 1"[..], "plain: 1"),
            (b"=1+1", "\"'=1+1\""),
            (b"-1", "\"'-1\""),
            (b"'=1", "\"''=1\""),
            ("＝1".as_bytes(), "\"'＝1\""),
            (b"a,b", "\"a,b\""),
            (b"a\"b", "\"a\\\"\"b\""),
            (b"a\nb\x00", "\"a\\nb\\x00\""),
            (b"\\", "\"\\\\\""),
            (b"", ""),
        ] {
            assert_eq!(cell(key), wanted);
        }
        let mut out = Vec::new();
        let key = KeyBytes { head: b"ab", len: 70_000, sha256: Some([0xcd; 32]) };
        text(key.head, key.is_whole(), || name(&key), &mut out);
        assert!(out.starts_with(b"\"ab\\(70000 bytes, sha256 cdcd"), "{}", String::from_utf8_lossy(&out));
    }
}
