//! The arguments of `restore`.

use super::{Format, GATES, IdentityArgs, OUTPUT, ReportFormat, ResourceArgs, ServerArgs, server};
use clap::{ArgGroup, Args, ValueEnum};
use rediscover::base::UnixMs;
use rediscover::mend::Moment;
use std::ffi::OsString;
use std::path::PathBuf;

pub(super) const RESTORE: &str = "\
Examples:
  rediscover restore dump.rdb.gz --to /var/lib/redis --server-config /etc/redis/redis.conf
  rediscover restore /mnt/old/appendonlydir --to /data --appendonly yes --target redis-7.2 --plan
  rediscover restore /backup::prod/latest --to-server redis://127.0.0.1:6380
  rediscover restore --undo /var/lib/redis

The server has to be stopped. SOURCE is written into DIR where no server looks, hashed, and read
whole again from the disk. Then it takes its place by renames: a server that is started at any
instant loads what was there, what is restored, or refuses, and never nothing. What was there is
kept in DIR/pre-restore-TIME. A restore that was killed is finished or taken back by the next
one, or by --undo. --force overrides: append-only, cluster-node, configuration, databases,
module, other-folder, owner-mismatch, replica, sentinel, server-answers, setting, target.";

const PLACE: &str = "The server";

#[derive(Args)]
#[command(group = ArgGroup::new("place").args(["to", "to_server", "undo"]).required(true))]
pub(crate) struct RestoreArgs {
    /// What to restore: a dump, an append-only file or a data directory; - for standard input; gzip and zstd are unpacked
    #[arg(value_name = "SOURCE", required_unless_present = "undo")]
    pub(crate) source: Option<OsString>,
    /// The data directory that it goes to; its server has to be stopped
    #[arg(long, value_name = "DIR")]
    pub(crate) to: Option<PathBuf>,
    /// Load the keys into this running server, one by one: redis://HOST:PORT, redis+cluster://HOST ...
    #[arg(long, value_name = "URL", conflicts_with_all = ["plan", "if_empty", "at", "force", "server_config", "appendonly", "owner"])]
    pub(crate) to_server: Option<String>,
    /// Put back what was in DIR before the last restore
    #[arg(long, value_name = "DIR", conflicts_with_all = ["source", "plan", "if_empty", "at"])]
    pub(crate) undo: Option<PathBuf>,
    /// Print every step and what stands against it, and change nothing
    #[arg(long)]
    pub(crate) plan: bool,
    /// Do nothing where a server that starts in DIR would load something: for an init container
    #[arg(long)]
    pub(crate) if_empty: bool,
    /// The state at a moment, of an append-only file: a time, offset:N or line:N
    #[arg(long, value_name = "WHERE", value_parser = super::aof::place, allow_hyphen_values = true)]
    pub(crate) at: Option<Moment>,
    /// Do it in spite of what somebody may know better
    #[arg(long)]
    pub(crate) force: bool,
    /// The redis.conf or valkey.conf of the server [default: the one in DIR]
    #[arg(long, value_name = "FILE", help_heading = PLACE)]
    pub(crate) server_config: Option<PathBuf>,
    /// Whether the server appends to a log, whatever its configuration says
    #[arg(long, value_name = "WHETHER", help_heading = PLACE)]
    pub(crate) appendonly: Option<YesNo>,
    /// Refuse unless this server loads it: redis-7.2, valkey-9 [default: the one that wrote what is in DIR]
    #[arg(long, value_name = "V", value_parser = server, help_heading = GATES)]
    pub(crate) target: Option<&'static str>,
    /// User and group of the new files, as numbers [default: those of the old ones, else of DIR]
    #[arg(long, value_name = "UID:GID", value_parser = owner, help_heading = PLACE)]
    pub(crate) owner: Option<(u32, u32)>,
    /// With --to-server: replace keys that are there already
    #[arg(long, requires = "to_server", conflicts_with = "skip_existing", help_heading = PLACE)]
    pub(crate) replace: bool,
    /// With --to-server: leave keys that are there already as they are
    #[arg(long, requires = "to_server", help_heading = PLACE)]
    pub(crate) skip_existing: bool,
    /// With --to-server: only keys that match, as KEYS does; may be repeated
    #[arg(long = "match", visible_alias = "pattern", value_name = "GLOB", requires = "to_server", help_heading = PLACE)]
    pub(crate) globs: Vec<OsString>,
    /// With --to-server: at most so many bytes a second: 10mb
    #[arg(long, value_name = "SIZE", value_parser = super::bytes, requires = "to_server", help_heading = PLACE)]
    pub(crate) rate: Option<u64>,
    #[command(flatten)]
    pub(crate) server: ServerArgs,
    #[command(flatten)]
    pub(crate) identities: IdentityArgs,
    /// REPO::latest is the newest backup that was taken before TIME
    #[arg(long, value_name = "TIME", value_parser = super::moment, allow_hyphen_values = true)]
    pub(crate) before: Option<UnixMs>,
    /// The form of the report on stdout
    #[arg(long, value_name = "FORMAT", default_value = "text", help_heading = OUTPUT)]
    pub(crate) format: ReportFormat,
    #[command(flatten)]
    pub(crate) resources: ResourceArgs,
}

impl RestoreArgs {
    pub(crate) fn form(&self) -> Format {
        match self.format {
            ReportFormat::Text => Format::Text,
            ReportFormat::Json => Format::Json,
        }
    }
}

/// As redis.conf has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum YesNo {
    Yes,
    No,
}

fn owner(text: &str) -> Result<(u32, u32), String> {
    let pair = text.split_once(':').and_then(|(uid, gid)| Some((uid.parse().ok()?, gid.parse().ok()?)));
    pair.ok_or_else(|| "expected two numbers, as in 999:999 (`id redis` shows them)".into())
}
