//! The command line: the only place that prints, reads the environment, asks the clock or exits. It sees only what the
//! library exports.

mod args;
mod buckets;
mod commands;
mod config;
mod exit;
mod progress;
mod repositories;
mod signals;
mod sources;
mod ui;

use args::{Cli, Command};
use clap::Parser;
use exit::{Code, Ending};
use rediscover::base::Result;
use std::process::ExitCode;
use ui::Ui;

/// Parses the arguments, runs the command, and answers with cli.md's exit code.
pub(crate) fn run() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(refusal) => return ui::refuse(&refusal),
    };
    buckets::keep(&cli.s3);
    let mut ui = match Ui::new(&cli.talk, cli.command.format()) {
        Ok(ui) => ui,
        Err(error) => return ui::fail_early(&error),
    };
    let ending = start(&cli.command, &mut ui);
    ui.finish(ending).into()
}

fn start(command: &Command, ui: &mut Ui) -> Result<Ending> {
    ui.watch_signals()?;
    let ending = match command {
        Command::Check(args) => commands::check::run(args, ui),
        Command::Analyze(args) => commands::analyze::run(args, ui),
        Command::Keys(args) => commands::keys::run(args, ui),
        Command::Timeline(args) => commands::timeline::run(args, ui),
        Command::Scan(args) => commands::scan::run(args, ui),
        Command::Rules(command) => commands::rules::run(command, ui),
        Command::Aof(command) => commands::aof::run(command, ui),
        Command::Backup(command) => commands::backup::run(command, ui),
        Command::Config(command) => commands::config::run(command, ui),
        Command::Restore(args) => commands::restore::run(args, ui),
        Command::Schema(args) => commands::schema::run(args, ui),
        Command::Completions(args) => commands::completions::run(args, ui),
        Command::Man(args) => commands::man::run(args, ui),
    };
    // A signal that came too late for the run to see it still decides how the command ends.
    match ui.signalled() {
        Some(code) => Ok(Ending::of(code, "interrupted")),
        None => ending,
    }
}

impl From<Code> for ExitCode {
    fn from(code: Code) -> Self {
        ExitCode::from(code.number())
    }
}
