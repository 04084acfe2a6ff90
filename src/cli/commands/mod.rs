//! One file per verb. Each is `fn run(args, &mut Ui) -> Result<Ending>`.

pub(crate) mod analyze;
pub(crate) mod aof;
pub(crate) mod backup;
pub(crate) mod check;
pub(crate) mod completions;
pub(crate) mod config;
pub(crate) mod keys;
mod load;
pub(crate) mod man;
pub(crate) mod restore;
pub(crate) mod rules;
pub(crate) mod scan;
pub(crate) mod schema;
mod streamed;
pub(crate) mod timeline;

use crate::cli::args::Format;
use crate::cli::ui::Ui;
use rediscover::base::{Error, Result};
use rediscover::render::{self, Look};
use serde::Serialize;
use std::io::{self, Write};

/// The report on stdout, in the form that is asked for; times of text in this zone.
fn deliver<R: Serialize>(
    report: &R,
    zone: Option<&jiff::tz::TimeZone>,
    ui: &mut Ui,
    text: impl FnOnce(&R, &Look, &mut dyn Write) -> io::Result<()>,
) -> Result<()> {
    let mut document = Vec::new();
    match ui.format() {
        Format::Text => text(report, &ui.look(None, zone), &mut document),
        _ => render::json::write(report, &mut document),
    }
    .map_err(|error| Error::io("write the report", error))?;
    ui.deliver(None, &document)
}
