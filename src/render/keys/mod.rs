//! Rows of `keys`: text, CSV, JSON lines. A row is formatted by itself, in any thread.

pub(super) mod csv;
mod jsonl;
mod text;

use super::Look;
use crate::report::{KeyColumn, KeyRow};

/// The forms of `keys`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyForm {
    /// A table for people.
    Text,
    /// Comma-separated values with a line of names.
    Csv,
    /// One JSON object to a line.
    Jsonl,
}

/// How rows look.
#[derive(Debug, Clone)]
pub struct KeyFormat {
    form: KeyForm,
    columns: Vec<KeyColumn>,
    table: text::Table,
}

impl KeyFormat {
    /// With these columns in this order; by default all of them, in text those that fit, with the source where there are
    /// several of these.
    pub fn new(form: KeyForm, columns: Option<Vec<KeyColumn>>, sources: &[&str], look: Look) -> Self {
        let table = text::Table::new(sources, look);
        let columns = columns.unwrap_or_else(|| match form {
            KeyForm::Text => table.columns(sources.len() > 1),
            KeyForm::Csv | KeyForm::Jsonl => KeyColumn::ALL.to_vec(),
        });
        Self { form, columns, table }
    }

    /// What the rows show.
    pub fn columns(&self) -> &[KeyColumn] {
        &self.columns
    }

    /// What stands before the first row.
    pub fn head(&self) -> Vec<u8> {
        match self.form {
            KeyForm::Text => self.table.head(&self.columns),
            KeyForm::Csv => csv::head(&self.columns),
            KeyForm::Jsonl => Vec::new(),
        }
    }

    /// Appends a row with its end of line.
    #[inline]
    pub fn row(&self, row: &KeyRow<'_>, out: &mut Vec<u8>) {
        match self.form {
            KeyForm::Text => self.table.row(&self.columns, row, out),
            KeyForm::Csv => csv::row(&self.columns, row, out),
            KeyForm::Jsonl => jsonl::row(&self.columns, row, out),
        }
    }

    /// What stands after the last row. `stopped`: there may be more.
    pub fn foot(&self, rows: u64, stopped: bool) -> Vec<u8> {
        match self.form {
            KeyForm::Text => text::foot(rows, stopped),
            KeyForm::Csv | KeyForm::Jsonl => Vec::new(),
        }
    }
}
