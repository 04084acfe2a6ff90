//! A report as one JSON document.

use serde::Serialize;
use std::io::{self, Write};

/// Writes it indented, with a newline at its end.
///
/// # Errors
/// What the writer says.
pub fn write<T: Serialize>(report: &T, out: &mut dyn Write) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut *out, report)?;
    out.write_all(b"\n")
}
