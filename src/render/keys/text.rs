//! Rows of `keys` as a table whose widths are known before the first row.

use crate::base::{UnixMs, size};
use crate::render::Look;
use crate::render::text::{Paint, count, shortened};
use crate::report::{Cell, KeyBytes, KeyColumn, KeyRow, escape, printable};
use std::borrow::Cow;
use unicode_width::UnicodeWidthStr;

const GAP: usize = 2;
/// The key has at least so many columns before others are shown too.
const KEY: usize = 24;

/// The columns of a table that nobody chose, the most telling first.
const TELLING: [KeyColumn; 12] = [
    KeyColumn::MemoryBytes,
    KeyColumn::Type,
    KeyColumn::Elements,
    KeyColumn::Db,
    KeyColumn::TtlSeconds,
    KeyColumn::Encoding,
    KeyColumn::SerializedBytes,
    KeyColumn::ExpireAt,
    KeyColumn::LargestElementBytes,
    KeyColumn::Slot,
    KeyColumn::IdleSeconds,
    KeyColumn::Frequency,
];

/// A table of rows that come one by one.
#[derive(Debug, Clone)]
pub(super) struct Table {
    look: Look,
    /// Columns of the names of sources.
    source: usize,
}

impl Table {
    pub(super) fn new(sources: &[&str], look: Look) -> Self {
        let longest = sources.iter().map(|name| printable(name).width()).max().unwrap_or_default();
        Self { source: longest.clamp(6, look.columns() / 4), look }
    }

    /// How a column is shown: its title, its width, and whether it is aligned to the right.
    fn shape(&self, column: KeyColumn) -> (&'static str, usize, bool) {
        match column {
            KeyColumn::Source => ("source", self.source, false),
            KeyColumn::Db => ("db", 2, true),
            KeyColumn::Key => ("key", KEY, false),
            KeyColumn::Type => ("type", 6, false),
            KeyColumn::Encoding => ("encoding", 10, false),
            KeyColumn::Elements => ("elements", 8, true),
            KeyColumn::SerializedBytes => ("serialized", 10, true),
            KeyColumn::MemoryBytes => ("memory", 10, true),
            KeyColumn::LargestElementBytes => ("largest", 10, true),
            KeyColumn::ExpireAt if self.look.zone == jiff::tz::TimeZone::UTC => ("expires (UTC)", 19, false),
            KeyColumn::ExpireAt => ("expires", 19, false),
            KeyColumn::TtlSeconds => ("ttl", 6, true),
            KeyColumn::IdleSeconds => ("idle", 6, true),
            KeyColumn::Frequency => ("freq", 4, true),
            KeyColumn::Slot => ("slot", 5, true),
        }
    }

    /// As many columns as fit beside the key, which comes last.
    pub(super) fn columns(&self, several: bool) -> Vec<KeyColumn> {
        let mut left = self.look.columns().saturating_sub(KEY);
        let mut shown = vec![KeyColumn::Key];
        for column in several.then_some(KeyColumn::Source).into_iter().chain(TELLING) {
            let Some(rest) = left.checked_sub(self.shape(column).1.saturating_add(GAP)) else { break };
            left = rest;
            shown.push(column);
        }
        // In the order of all columns, the key last.
        shown.sort_by_key(|column| (*column == KeyColumn::Key, *column));
        shown
    }

    pub(super) fn head(&self, columns: &[KeyColumn]) -> Vec<u8> {
        let mut line = String::new();
        self.fill(columns.iter().map(|column| (*column, self.shape(*column).0.into())), &mut line);
        let mut out = self.look.paint(Paint::Strong, &line);
        out.push('\n');
        if self.look.fancy {
            out.push_str(&"─".repeat(self.look.columns()));
            out.push('\n');
        }
        out.into_bytes()
    }

    pub(super) fn row(&self, columns: &[KeyColumn], row: &KeyRow<'_>, out: &mut Vec<u8>) {
        let mut line = String::new();
        self.fill(columns.iter().map(|column| (*column, self.cell(*column, row))), &mut line);
        line.push('\n');
        out.extend_from_slice(line.as_bytes());
    }

    /// Cells beside each other. Only a terminal's width cuts, and only the last of them and the source.
    fn fill<'c>(&self, cells: impl Iterator<Item = (KeyColumn, Cow<'c, str>)>, line: &mut String) {
        let mut cells = cells.peekable();
        let mut used = 0usize;
        while let Some((column, text)) = cells.next() {
            let (_, width, right) = self.shape(column);
            let last = cells.peek().is_none();
            let room = if last { self.look.columns().saturating_sub(used).max(8) } else { width };
            let cut = self.look.fancy && (last || column == KeyColumn::Source) && text.width() > room;
            let text = if cut { shortened(&text, room).into() } else { text };
            let pad = width.saturating_sub(text.width());
            if right {
                line.extend(std::iter::repeat_n(' ', pad));
            }
            line.push_str(&text);
            if !last {
                line.extend(std::iter::repeat_n(' ', if right { GAP } else { pad.saturating_add(GAP) }));
            }
            used = used.saturating_add(text.width().max(width)).saturating_add(GAP);
        }
    }

    fn cell<'r>(&self, column: KeyColumn, row: &KeyRow<'r>) -> Cow<'r, str> {
        match (column, row.cell(column)) {
            (_, Cell::Missing) => "-".into(),
            (_, Cell::Text(text)) => printable(text),
            (_, Cell::Key(key)) => name(&key),
            (_, Cell::At(at)) => self.when(at).into(),
            (KeyColumn::TtlSeconds, Cell::Signed(seconds)) => span(seconds).into(),
            (KeyColumn::IdleSeconds, Cell::Count(seconds)) => span(i64::try_from(seconds).unwrap_or(i64::MAX)).into(),
            (KeyColumn::Elements, Cell::Count(number)) => count(number).into(),
            (
                KeyColumn::SerializedBytes | KeyColumn::MemoryBytes | KeyColumn::LargestElementBytes,
                Cell::Count(bytes),
            ) => size::human(bytes).into(),
            (_, Cell::Count(number)) => number.to_string().into(),
            (_, Cell::Signed(number)) => number.to_string().into(),
        }
    }

    fn when(&self, at: UnixMs) -> String {
        let Ok(moment) = jiff::Timestamp::from_millisecond(at.0) else { return at.to_string() };
        moment.to_zoned(self.look.zone.clone()).strftime("%Y-%m-%d %H:%M:%S").to_string()
    }
}

pub(super) fn foot(rows: u64, stopped: bool) -> Vec<u8> {
    let noun = if rows == 1 { "key" } else { "keys" };
    let more = if stopped { "; the rest was not read" } else { "" };
    format!("\n{} {noun}{more}\n", count(rows)).into_bytes()
}

/// As redis-cli shows it, without quotes; only an empty one has them.
fn name<'r>(key: &KeyBytes<'r>) -> Cow<'r, str> {
    let plain = |byte: &u8| matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\\');
    match std::str::from_utf8(key.head) {
        _ if !key.is_whole() => key.to_name().escaped().into(),
        Ok("") => "\"\"".into(),
        Ok(text) if key.head.iter().all(plain) => text.into(),
        _ => escape(key.head).into(),
    }
}

/// A span of seconds in its largest unit: `45s`, `12m`, `-3h`, `27394d`.
fn span(seconds: i64) -> String {
    const UNITS: [(i64, char); 3] = [(86_400, 'd'), (3600, 'h'), (60, 'm')];
    let unit = UNITS.iter().find(|(length, _)| seconds.unsigned_abs() >= length.unsigned_abs());
    match unit {
        Some((length, name)) => format!("{}{name}", seconds.checked_div(*length).unwrap_or_default()),
        None => format!("{seconds}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_columns_that_fit() {
        for width in [40, 60, 80, 120, 160, 200] {
            for sources in [&["a.rdb"][..], &["a.rdb", "a/long/path/to/a/dump/of/a/server.rdb"]] {
                let table = Table::new(sources, Look { width, ..Look::default() });
                let shown = table.columns(sources.len() > 1);
                let line = String::from_utf8(table.head(&shown)).expect("text");
                let key = line.find("key").expect("the key is there");
                assert!(key + KEY <= width && line.trim_end().ends_with("key"), "{line}");
                assert_eq!(line.contains("source"), sources.len() > 1);
                assert!(width < 200 || shown.len() + 2 > KeyColumn::ALL.len(), "{line}");
            }
        }
    }

    #[test]
    fn spans_for_people() {
        let spans = [0, 59, 60, -3600, 86_399, 2_366_841_600, i64::MIN].map(span);
        assert_eq!(spans, ["0s", "59s", "1m", "-1h", "23h", "27394d", "-106751991167300d"]);
    }
}
