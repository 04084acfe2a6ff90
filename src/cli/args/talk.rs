//! How a command talks: flags that every command has.

use clap::{Args, ColorChoice, ValueEnum};
use std::path::PathBuf;

const TALK: &str = "Messages";

/// How the command talks.
#[derive(Args)]
pub(crate) struct Talk {
    /// Say nothing unless the exit code is not 0, then one line for each source that failed
    #[arg(short, long, global = true, conflicts_with = "verbose", help_heading = TALK)]
    pub(crate) quiet: bool,
    /// Say more
    #[arg(short, long, global = true, action = clap::ArgAction::Count, help_heading = TALK)]
    pub(crate) verbose: u8,
    /// Colour: auto asks the terminal, NO_COLOR and TERM
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto", help_heading = TALK)]
    pub(crate) color: ColorChoice,
    /// The form of messages on stderr and in --log-file
    #[arg(long, global = true, value_name = "FORMAT", default_value = "text", help_heading = TALK)]
    pub(crate) log_format: LogFormat,
    /// Append every message to FILE too
    #[arg(long, global = true, value_name = "FILE", help_heading = TALK)]
    pub(crate) log_file: Option<PathBuf>,
}

/// The form of messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    Text,
    Json,
}
