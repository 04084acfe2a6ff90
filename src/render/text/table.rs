//! Columns of text that fit a width.

use super::{Look, Paint};
use std::io::{self, Write};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

const GAP: usize = 2;

/// A table. Its last column is the one that is cut if the rest leaves too little room.
pub(super) struct Table {
    titles: Vec<&'static str>,
    right: Vec<bool>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// Columns by their titles; one that begins with `>` is aligned to the right.
    pub(super) fn new(titles: &[&'static str]) -> Self {
        let right = titles.iter().map(|title| title.starts_with('>')).collect();
        let titles = titles.iter().map(|title| title.trim_start_matches('>')).collect();
        Self { titles, right, rows: Vec::new() }
    }

    pub(super) fn row(&mut self, cells: Vec<String>) {
        self.rows.push(cells);
    }

    /// Writes it, indented by two.
    pub(super) fn write(&self, look: &Look, out: &mut dyn Write) -> io::Result<()> {
        let width_of = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.width());
            cells.chain([self.titles.get(column).map_or(0, |title| title.width())]).max().unwrap_or_default()
        };
        let mut widths: Vec<usize> = (0..self.titles.len()).map(width_of).collect();
        let before: usize = widths.iter().rev().skip(1).map(|width| width + GAP).sum();
        if let Some(last) = widths.last_mut() {
            *last = (*last).min(look.columns().saturating_sub(2 + before).max(8));
        }
        let titles = self.titles.iter().map(|title| (*title).to_owned()).collect::<Vec<_>>();
        let head = self.line(&titles, &widths);
        writeln!(out, "{}", look.paint(Paint::Strong, &head))?;
        if look.fancy {
            let rules: Vec<_> = widths.iter().map(|width| "─".repeat(*width)).collect();
            writeln!(out, "  {}", rules.join(&" ".repeat(GAP)))?;
        }
        for row in &self.rows {
            writeln!(out, "{}", self.line(row, &widths))?;
        }
        Ok(())
    }

    fn line(&self, cells: &[String], widths: &[usize]) -> String {
        let mut line = String::from("  ");
        let last = widths.len().saturating_sub(1);
        for (column, (cell, width)) in cells.iter().zip(widths).enumerate() {
            let cell = cut(cell, *width);
            let pad = " ".repeat(width.saturating_sub(cell.width()));
            match self.right.get(column) {
                Some(true) => line.extend([pad.as_str(), &cell]),
                _ => line.extend([cell.as_str(), &pad]),
            }
            if column < last {
                line.push_str(&" ".repeat(GAP));
            }
        }
        line.truncate(line.trim_end().len());
        line
    }
}

/// The text, or its beginning and `…`.
pub(in crate::render) fn cut(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let mut out = String::new();
    let mut used = 0;
    for c in text.chars() {
        used += c.width().unwrap_or_default();
        if used >= width {
            break;
        }
        out.push(c);
    }
    out.push('…');
    out
}

/// Text broken at spaces into lines of at most `width`, each after the first indented by `indent`. Colour takes no room.
pub(super) fn wrap(text: &str, width: usize, indent: usize) -> String {
    let body = text.trim_start_matches(' ');
    let lead = text.len() - body.len();
    let mut out = " ".repeat(lead);
    let mut used = lead;
    let mut fresh = true;
    for word in body.split(' ') {
        let word_width = visible_width(word);
        if !fresh && used + 1 + word_width > width {
            out.push('\n');
            out.push_str(&" ".repeat(indent));
            used = indent;
        } else if !fresh {
            out.push(' ');
            used += 1;
        }
        out.push_str(word);
        used += word_width;
        fresh = false;
    }
    out
}

/// Columns without the colour sequences, the only ones that start with an escape: bytes of the input cannot.
fn visible_width(text: &str) -> usize {
    let mut parts = text.split('\x1b');
    let first = parts.next().map_or(0, UnicodeWidthStr::width);
    first + parts.map(|part| part.split_once('m').map_or(0, |(_, rest)| rest.width())).sum::<usize>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_fits_the_width_it_is_given() {
        let mut table = Table::new(&[">keys", "name"]);
        table.row(vec!["1".into(), "a".repeat(100)]);
        table.row(vec!["1,000".into(), "鍵".repeat(60)]);
        for width in [40, 80, 200] {
            let mut out = Vec::new();
            let look = Look { width, fancy: true, ..Look::default() };
            table.write(&look, &mut out).expect("a vector takes everything");
            let text = String::from_utf8(out).expect("text");
            assert!(text.lines().all(|line| line.width() <= width), "{text}");
        }
    }

    #[test]
    fn cuts_and_wraps_by_columns() {
        assert_eq!(cut("abcdef", 4), "abc…");
        assert_eq!(cut("abcd", 4), "abcd");
        assert_eq!(cut("鍵鍵鍵", 4), "鍵…");
        assert_eq!(wrap("  one two three", 9, 4), "  one two\n    three");
        assert_eq!(wrap("\x1b[32mone\x1b[0m two three", 7, 1), "\x1b[32mone\x1b[0m two\n three");
    }
}
