//! Rows of `timeline` as they come: text, JSON lines, CSV, HTML, and JSON lines for Timesketch.

mod csv;
mod html;
mod text;
mod timesketch;

use super::Look;
use crate::report::{TimelineGroup, TimelineLine, TimelineRow};
use std::io::{self, Write};
use std::sync::Arc;

/// The forms of a timeline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimelineForm {
    /// Columns for people.
    Text,
    /// One JSON object to a line.
    Jsonl,
    /// Comma-separated values with a line of names.
    Csv,
    /// JSON lines as Timesketch imports them. Rows without a time are left out, since it refuses them.
    Timesketch,
    /// One file that needs no other, and runs nothing.
    Html,
}

/// Writes lines one by one; holds none of them.
pub struct TimelineWriter {
    form: TimelineForm,
    look: Look,
    grouped: bool,
    lines: u64,
    untimed: u64,
    /// The source and file of the last line.
    place: Option<(Arc<str>, Option<Arc<str>>)>,
}

impl TimelineWriter {
    /// A writer of rows, or of groups.
    pub fn new(form: TimelineForm, look: Look, grouped: bool) -> Self {
        Self { form, look, grouped, lines: 0, untimed: 0, place: None }
    }

    /// Lines that were written.
    pub fn lines(&self) -> u64 {
        self.lines
    }

    /// Rows that the Timesketch form left out, for nothing is known of their time.
    pub fn untimed(&self) -> u64 {
        self.untimed
    }

    /// What stands before the first line.
    ///
    /// # Errors
    /// What the writer says.
    pub fn begin(&mut self, out: &mut dyn Write) -> io::Result<()> {
        match self.form {
            TimelineForm::Text | TimelineForm::Jsonl | TimelineForm::Timesketch => Ok(()),
            TimelineForm::Csv => csv::head(self.grouped, out),
            TimelineForm::Html => html::head(self.grouped, out),
        }
    }

    /// One line.
    ///
    /// # Errors
    /// What the writer says.
    pub fn line(&mut self, line: &TimelineLine, out: &mut dyn Write) -> io::Result<()> {
        self.lines = self.lines.saturating_add(1);
        match (self.form, line) {
            (TimelineForm::Jsonl, _) => {
                serde_json::to_writer(&mut *out, line)?;
                out.write_all(b"\n")
            }
            (TimelineForm::Timesketch, TimelineLine::Row(row)) => {
                if row.datetime.is_none() {
                    self.untimed = self.untimed.saturating_add(1);
                    self.lines = self.lines.saturating_sub(1);
                    return Ok(());
                }
                timesketch::row(row, out)
            }
            (TimelineForm::Timesketch, TimelineLine::Group(_)) => Ok(()),
            (TimelineForm::Csv, TimelineLine::Row(row)) => csv::row(row, out),
            (TimelineForm::Csv, TimelineLine::Group(group)) => csv::group(group, out),
            (TimelineForm::Html, TimelineLine::Row(row)) => html::row(row, out),
            (TimelineForm::Html, TimelineLine::Group(group)) => html::group(group, out),
            (TimelineForm::Text, line) => {
                let (source, file, loaded) = match line {
                    TimelineLine::Row(row) => (&row.source, &row.file, row.loaded),
                    TimelineLine::Group(group) => (&group.source, &group.file, group.loaded),
                };
                if self.place.as_ref().is_none_or(|(last, part)| last != source || part != file) {
                    if self.place.is_some() {
                        writeln!(out)?;
                    }
                    text::place((source, file.as_deref(), loaded), self.grouped, &self.look, out)?;
                    self.place = Some((Arc::clone(source), file.clone()));
                }
                match line {
                    TimelineLine::Row(row) => text::row(row, &self.look, out),
                    TimelineLine::Group(group) => text::group(group, &self.look, out),
                }
            }
        }
    }

    /// What stands after the last line.
    ///
    /// # Errors
    /// What the writer says.
    pub fn end(&mut self, out: &mut dyn Write) -> io::Result<()> {
        match self.form {
            TimelineForm::Text => text::foot(self.lines, self.grouped, &self.look, out),
            TimelineForm::Html => html::foot(self.lines, out),
            _ => Ok(()),
        }
    }
}

/// `SET 12, DEL 3`: the commands of a group, and what else is in it, the most frequent first.
fn tally(group: &TimelineGroup) -> String {
    let named = group.commands.iter().map(|(name, count)| (name.replace('|', " ").to_uppercase(), *count));
    let others = group.others.iter().map(|(name, count)| (name.to_string(), *count));
    let mut all: Vec<_> = named.chain(others).collect();
    all.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    all.iter().map(|(name, count)| format!("{name} {count}")).collect::<Vec<_>>().join(", ")
}

/// The command as people write it: `XGROUP CREATE`.
fn command(row: &TimelineRow) -> Option<String> {
    row.command.as_ref().map(|name| name.replace('|', " ").to_uppercase())
}
