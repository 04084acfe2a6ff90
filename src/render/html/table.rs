//! Tables with a limit: so many rows, and so many bytes.

use super::words;
use crate::base::size;
use crate::render::text::count;
use crate::report::KeyName;

/// One cell: its attributes and what is in it.
pub(super) struct Cell(String);

impl Cell {
    /// Markup that is safe already.
    pub(super) fn html(html: &str) -> Self {
        Self(format!("<td>{html}</td>"))
    }

    /// The same, broken into lines where it is long.
    pub(super) fn wide(html: &str) -> Self {
        Self(format!("<td class=\"w\">{html}</td>"))
    }

    pub(super) fn text(text: &str) -> Self {
        Self::html(&words::text(text))
    }

    pub(super) fn source(name: &str) -> Self {
        Self::wide(&words::source(name))
    }

    pub(super) fn name(name: &KeyName) -> Self {
        Self::wide(&words::name(name))
    }

    pub(super) fn count(number: u64) -> Self {
        Self::number(Some(number), &count(number))
    }

    pub(super) fn maybe_count(number: Option<u64>) -> Self {
        Self::number(number, &number.map_or_else(|| words::NOTHING.to_owned(), count))
    }

    pub(super) fn bytes(bytes: u64) -> Self {
        Self::number(Some(bytes), &size::human(bytes))
    }

    pub(super) fn maybe_bytes(bytes: Option<u64>) -> Self {
        Self::number(bytes, &words::bytes(bytes))
    }

    /// A count that may be an estimate; its standard error is 0 where it is exact.
    pub(super) fn count_with_error(number: u64, error: u64) -> Self {
        Self::number(Some(number), &words::count_with_error(number, error))
    }

    pub(super) fn bytes_with_error(bytes: Option<u64>, error: u64) -> Self {
        Self::number(bytes, &words::bytes_with_error(bytes, error))
    }

    /// A number that rows are put in order by, and how it is shown.
    pub(super) fn number(number: Option<u64>, html: &str) -> Self {
        let value = number.map(|number| number.to_string()).unwrap_or_default();
        Self(format!("<td class=\"n\" data-v=\"{value}\">{html}</td>"))
    }

    pub(super) fn bar(part: u64, whole: u64, class: &str) -> Self {
        Self(format!("<td class=\"b\">{}</td>", words::bar(part, whole, class)))
    }

    /// A bar that shares the width with another.
    pub(super) fn half_bar(svg: &str) -> Self {
        Self(format!("<td class=\"b half\">{svg}</td>"))
    }

    /// What the row is about.
    pub(super) fn head(html: &str) -> Self {
        Self(format!("<th scope=\"row\">{html}</th>"))
    }
}

/// Pieces of one list up to a number and to a length.
pub(super) struct Limited {
    pub(super) html: String,
    shown: u64,
    most: u64,
    most_bytes: usize,
}

impl Limited {
    pub(super) fn new(most: u64, most_bytes: usize) -> Self {
        Self { html: String::new(), shown: 0, most, most_bytes }
    }

    /// Adds a piece; false if there is no room for it, nor for any after it.
    pub(super) fn push(&mut self, piece: &str) -> bool {
        if self.shown >= self.most || self.html.len().saturating_add(piece.len()) > self.most_bytes {
            // A shorter one would have room, but what is shown are the first ones.
            self.most = 0;
            return false;
        }
        self.html.push_str(piece);
        self.shown = self.shown.saturating_add(1);
        true
    }

    /// How many of `all` are not in it.
    pub(super) fn left_of(&self, all: usize) -> u64 {
        (all as u64).saturating_sub(self.shown)
    }
}

/// A table that is filled row by row.
pub(super) struct Table {
    label: &'static str,
    columns: String,
    rows: Limited,
    tools: bool,
}

impl Table {
    /// Columns by their titles: `>` before one aligns it to the right, as numbers are, and `v` before that says that the
    /// rows come in this order, largest first.
    pub(super) fn new(label: &'static str, columns: &[&str]) -> Self {
        let column = |title: &&str| {
            let (order, title) = match title.strip_prefix("v>") {
                Some(title) => (" aria-sort=\"descending\"", format!(">{title}")),
                None => ("", (*title).to_owned()),
            };
            match title.strip_prefix('>') {
                Some(title) => format!("<th scope=\"col\" class=\"n\"{order}>{title}</th>"),
                None => format!("<th scope=\"col\">{title}</th>"),
            }
        };
        Self { label, columns: columns.iter().map(column).collect(), rows: Limited::new(100, 20_000), tools: false }
    }

    /// At most so many rows, and bytes of them; without this 100 and 20 kB.
    pub(super) fn limits(mut self, rows: u64, bytes: usize) -> Self {
        self.rows = Limited::new(rows, bytes);
        self
    }

    /// Rows can be searched and put in another order by the script.
    pub(super) fn with_tools(mut self) -> Self {
        self.tools = true;
        self
    }

    /// Adds a row; false if there is no room for it, nor for any after it.
    pub(super) fn row(&mut self, cells: impl IntoIterator<Item = Cell>) -> bool {
        let cells: String = cells.into_iter().map(|Cell(cell)| cell).collect();
        self.rows.push(&format!("<tr>{cells}</tr>\n"))
    }

    /// The table, if it has rows, and how many of `all` it leaves out.
    pub(super) fn finish(self, all: usize) -> String {
        let more = more(self.rows.left_of(all));
        if self.rows.html.is_empty() {
            return more;
        }
        let tools = if self.tools { " data-tools" } else { "" };
        let Self { label, columns, rows: Limited { html, .. }, .. } = self;
        format!(
            "<div class=\"scroll\" role=\"region\" aria-label=\"{label}\" tabindex=\"0\"><table{tools}>\
             <caption>{label}</caption><thead><tr>{columns}</tr></thead>\n<tbody>{html}</tbody></table></div>{more}\n"
        )
    }
}

/// What is left out, if anything is.
pub(super) fn more(number: u64) -> String {
    if number == 0 {
        return String::new();
    }
    format!("<p class=\"more\">and {} more; --format json has them</p>", count(number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_table_says_what_it_leaves_out() {
        let mut table = Table::new("Things", &["name", "v>bytes"]).limits(10, 100);
        let shown = (0..1000).take_while(|number| table.row([Cell::text("x"), Cell::bytes(*number)])).count();
        let html = table.finish(1000);
        assert!(shown > 0 && shown < 10, "{shown}");
        assert!(html.contains(&format!("and {} more", 1000 - shown)), "{html}");
        assert_eq!(Table::new("Things", &[]).finish(0), "");
    }
}
