//! `completions`: a script for a shell.

use crate::cli::args::{Cli, CompletionsArgs};
use crate::cli::exit::Ending;
use crate::cli::ui::Ui;
use clap::CommandFactory;
use rediscover::base::Result;

pub(crate) fn run(args: &CompletionsArgs, ui: &mut Ui) -> Result<Ending> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "rediscover", &mut script);
    ui.deliver(None, &script)?;
    Ok(Ending::default())
}
