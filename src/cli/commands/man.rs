//! `man`: manual pages, from the same definitions as the help.

use crate::cli::args::{Cli, ManArgs};
use crate::cli::exit::Ending;
use crate::cli::ui::Ui;
use clap::CommandFactory;
use rediscover::base::{Error, ErrorKind, Result};

pub(crate) fn run(args: &ManArgs, ui: &mut Ui) -> Result<Ending> {
    let mut top = Cli::command();
    // Flags that hold everywhere are on every page.
    top.build();
    let commands: Vec<_> = top.get_subcommands().map(|command| command.get_name().to_owned()).collect();
    if let Some(folder) = &args.dir {
        std::fs::create_dir_all(folder)
            .map_err(|error| Error::io("make the folder", error).about(folder.display().to_string()))?;
        ui.deliver(Some(&folder.join("rediscover.1")), &page(&top, None)?)?;
        for name in &commands {
            ui.deliver(Some(&folder.join(format!("rediscover-{name}.1"))), &page(&top, Some(name))?)?;
        }
        return Ok(Ending::default());
    }
    ui.deliver(None, &page(&top, args.command.as_deref())?)?;
    Ok(Ending::default())
}

fn page(top: &clap::Command, name: Option<&str>) -> Result<Vec<u8>> {
    let command = match name {
        None => top.clone(),
        Some(name) => {
            let command = top.find_subcommand(name).ok_or_else(|| {
                let all: Vec<_> = top.get_subcommands().map(clap::Command::get_name).collect();
                let what = format!("{name} is none; the commands are {}", all.join(", "));
                Error::new(ErrorKind::Usage { option: "COMMAND", what })
            })?;
            command.clone()
        }
    };
    let mut page = Vec::new();
    clap_mangen::Man::new(command).render(&mut page).map_err(|error| Error::io("make the manual page", error))?;
    Ok(page)
}
