//! The arguments of `config`, and of every command that takes names of the configuration.

use super::backup::FormArgs;
use super::{Format, TEMPLATE, backup::ReportForm};
use clap::{Args, Subcommand};
use std::path::PathBuf;

pub(super) const CONFIG: &str = "\
Examples:
  rediscover config check --connect
  rediscover config show --config ./rediscover.toml --format json

The configuration is --config FILE, else $REDISCOVER_CONFIG, ./rediscover.toml or
/etc/rediscover/rediscover.toml.";

const CHECK: &str = "\
Examples:
  rediscover config check
  rediscover config check --connect --config /etc/rediscover/rediscover.toml

Says all that is wrong at once, each with its line. Exit 2 if anything is.";

const SHOW: &str = "\
Examples:
  rediscover config show
  rediscover config show @prod --format json

Passwords and keys are shown as where they come from.";

/// What to do with the configuration.
#[derive(Subcommand)]
pub(crate) enum ConfigCommand {
    /// Says all that is wrong with the configuration, and with what it names
    #[command(help_template = TEMPLATE, after_help = CHECK)]
    Check(ConfigCheckArgs),
    /// Shows what is done with each instance, with the defaults in their places
    #[command(help_template = TEMPLATE, after_help = SHOW)]
    Show(ConfigShowArgs),
}

impl ConfigCommand {
    pub(crate) fn format(&self) -> Format {
        let form = match self {
            ConfigCommand::Check(args) => args.output.format,
            ConfigCommand::Show(args) => args.output.format,
        };
        match form {
            ReportForm::Text => Format::Text,
            ReportForm::Json => Format::Json,
        }
    }
}

/// Where the configuration is.
#[derive(Args)]
pub(crate) struct ConfigArgs {
    /// The configuration [default: ./rediscover.toml, else /etc/rediscover/rediscover.toml]
    #[arg(long, value_name = "FILE", env = "REDISCOVER_CONFIG", help_heading = "Configuration")]
    pub(crate) config: Option<PathBuf>,
}

#[derive(Args)]
pub(crate) struct ConfigCheckArgs {
    #[command(flatten)]
    pub(crate) config: ConfigArgs,
    /// Connect to the servers too
    #[arg(long)]
    pub(crate) connect: bool,
    #[command(flatten)]
    pub(crate) output: FormArgs,
}

#[derive(Args)]
pub(crate) struct ConfigShowArgs {
    /// Only these: @NAME or @tag:TAG [default: @all]
    #[arg(value_name = "@NAME")]
    pub(crate) names: Vec<String>,
    #[command(flatten)]
    pub(crate) config: ConfigArgs,
    #[command(flatten)]
    pub(crate) output: FormArgs,
}
