//! `backup`: the library takes, reads and judges backups; here is what is asked of it, and what is said.

mod create;
mod drill;
mod look;
mod prune;
mod tag;

use crate::cli::args::{BackupCommand, FormArgs, Format};
use crate::cli::exit::Ending;
use crate::cli::ui::Ui;
use rediscover::base::{Error, Result};
use rediscover::render::Look;
use serde::Serialize;
use std::io::{self, Write};

pub(crate) fn run(command: &BackupCommand, ui: &mut Ui) -> Result<Ending> {
    match command {
        BackupCommand::Create(args) => create::run(args, ui),
        BackupCommand::List(args) => look::list(args, ui),
        BackupCommand::Show(args) => look::show(args, ui),
        BackupCommand::Verify(args) => look::verify(args, ui),
        BackupCommand::Drill(args) => drill::run(args, ui),
        BackupCommand::Status(args) => look::status(args, ui),
        BackupCommand::Tag(args) => tag::run(args, ui),
        BackupCommand::Prune(args) => prune::run(args, ui),
        BackupCommand::Unlock(args) => prune::unlock(args, ui),
    }
}

/// Puts a report on stdout.
pub(super) fn deliver<R: Serialize>(
    report: &R,
    form: &FormArgs,
    ui: &mut Ui,
    text: fn(&R, &Look, &mut dyn Write) -> io::Result<()>,
) -> Result<()> {
    let mut document = Vec::new();
    match ui.format() {
        Format::Json => {
            document =
                serde_json::to_vec_pretty(report).map_err(|error| Error::io("write the report", error.into()))?;
            document.push(b'\n');
        }
        _ => {
            let look = ui.look(None, form.tz.as_ref());
            text(report, &look, &mut document).map_err(|error| Error::io("write the report", error))?;
        }
    }
    ui.deliver(None, &document)
}
