//! `backup`: the library takes, reads and judges backups; here is what is asked of it, and what is said.

mod create;
mod drill;
mod look;
mod moved;
mod prune;
mod run;
mod status;
mod tag;

pub(crate) use create::recipients;

use crate::cli::args::{BackupCommand, FormArgs};
use crate::cli::exit::Ending;
use crate::cli::ui::Ui;
use rediscover::base::Result;
use rediscover::render::Look;
use serde::Serialize;
use std::io::{self, Write};

pub(crate) fn run(command: &BackupCommand, ui: &mut Ui) -> Result<Ending> {
    match command {
        BackupCommand::Run(args) => run::run(args, ui),
        BackupCommand::Create(args) => create::run(args, ui),
        BackupCommand::List(args) => look::list(args, ui),
        BackupCommand::Show(args) => look::show(args, ui),
        BackupCommand::Verify(args) => look::verify(args, ui),
        BackupCommand::Drill(args) => drill::run(args, ui),
        BackupCommand::Status(args) => status::run(args, ui),
        BackupCommand::Tag(args) => tag::run(args, ui),
        BackupCommand::Fetch(args) => moved::fetch(args, ui),
        BackupCommand::Copy(args) => moved::copy(args, ui),
        BackupCommand::Import(args) => moved::import(args, ui),
        BackupCommand::Prune(args) => prune::run(args, ui),
        BackupCommand::Forget(args) => prune::forget(args, ui),
        BackupCommand::Restore(args) => super::restore::run_of(&args.restore, args.source().as_deref(), ui),
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
    super::deliver(report, form.tz.as_ref(), ui, text)
}
