//! What can be typed: commands, flags, their help and their values.
#![allow(clippy::doc_markdown, reason = "what stands here is printed by --help")]
#![allow(clippy::struct_excessive_bools, reason = "each is a flag")]

mod analyze;
mod aof;
mod backup;
mod config;
mod keys;
mod restore;
mod s3;
mod scan;
mod server;
mod talk;
mod timeline;

pub(crate) use analyze::AnalyzeArgs;
pub(crate) use aof::{AofCommand, CutArgs, RepairArgs, ReportFormat, SplitArgs};
pub(crate) use backup::{
    BackupCommand, CopyArgs, CreateArgs, DrillArgs, FetchArgs, ForgetArgs, FormArgs, IdentityArgs, ImportArgs,
    ListArgs, PruneArgs, RepoArgs, RunArgs, ShowArgs, StateArgs, StatusArgs, TagArgs, UnlockArgs, VerifyArgs,
    VerifyLevel,
};
pub(crate) use config::{ConfigArgs, ConfigCheckArgs, ConfigCommand, ConfigShowArgs};
pub(crate) use keys::KeysArgs;
pub(crate) use restore::{RestoreArgs, YesNo};
pub(crate) use s3::S3Args;
#[cfg(feature = "s3")]
pub(crate) use s3::{Checksum, Sse};
pub(crate) use scan::{
    FailOn, RuleArgs, RulesCommand, RulesFormat, RulesListArgs, RulesShowArgs, RulesTestArgs, ScanArgs,
};
pub(crate) use server::{LoginArgs, ServerArgs, password_of, read_password};
pub(crate) use talk::{LogFormat, Talk};
pub(crate) use timeline::{TimelineArgs, Unit};

use clap::{Args, Parser, Subcommand, ValueEnum};
use rediscover::analysis::SERVERS;
use rediscover::base::{Cancel, Error, ErrorKind, Limits, Progress, Result, UnixMs, size, time};
use rediscover::keyspace::Type;
use rediscover::memory::Model;
use rediscover::pipeline::{ExpiryFilter, Filter, RunOptions};
use rediscover::source::Hashes;
use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::sync::Arc;

/// One sentence, how it is called, examples, options.
const TEMPLATE: &str = "{about-with-newline}\n{usage-heading} {usage}{after-help}\n\n{all-args}";

const OVERVIEW: &str = "\
Examples:
  rediscover check dump.rdb --target redis-7.2
  rediscover aof repair appendonly.aof --skip-bad -o fixed.aof

Exit codes:
  0    done, nothing wrong
  1    could not do it: a file, a permission, a full disk
  2    the command line is wrong
  3    the input is damaged, truncated, fails a hash, or will not load on the target
  4    findings at or above the limit of --fail-on; an instance that backup status finds not ok
  5    a part could not be done, a source or an instance; the rest is fine
  130  interrupted (143 by SIGTERM); nothing half-written is left behind
If several apply, the first of 130, 2, 3, 4, 5, 1 wins.";

const CHECK: &str = "\
Examples:
  rediscover check dump.rdb --target redis-7.2
  zstd -dc backup.zst | rediscover check - --format sarif -o check.sarif";

const SCHEMA: &str = "\
Examples:
  rediscover schema check
  rediscover schema -o schema.json";

const COMPLETIONS: &str = "\
Examples:
  rediscover completions bash > /etc/bash_completion.d/rediscover
  rediscover completions fish > ~/.config/fish/completions/rediscover.fish";

const MAN: &str = "\
Examples:
  rediscover man check | man -l -
  rediscover man --dir /usr/local/share/man/man1";

/// Reads Redis and Valkey dumps and append-only files, and snapshots of live servers: are they whole, what is in them, what was done?
#[derive(Parser)]
#[command(name = "rediscover", version, help_template = TEMPLATE, after_help = OVERVIEW)]
#[command(
    subcommand_required = true,
    arg_required_else_help = true,
    disable_help_subcommand = true,
    max_term_width = 100
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) talk: Talk,
    #[command(flatten)]
    pub(crate) s3: S3Args,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// The commands of this release. Each later one is a line here, its arguments below, and a file in `commands/`.
#[derive(Subcommand)]
pub(crate) enum Command {
    /// Says what is in a dump, in one pass: memory, big keys, prefixes, TTLs, integrity, advice
    #[command(help_template = TEMPLATE, after_help = analyze::ANALYZE)]
    Analyze(AnalyzeArgs),
    /// Says whether a dump is whole, and which servers will load it
    #[command(help_template = TEMPLATE, after_help = CHECK)]
    Check(CheckArgs),
    /// Makes a row of each key: type, encoding, elements, bytes, estimated memory, expiry, idle time
    #[command(help_template = TEMPLATE, after_help = keys::KEYS)]
    Keys(KeysArgs),
    /// Looks for attack traces, secrets and personal data in what was stored
    #[command(help_template = TEMPLATE, after_help = scan::SCAN)]
    Scan(ScanArgs),
    /// Lists, shows and tries the rules of scan
    #[command(subcommand, help_template = TEMPLATE, after_help = scan::RULES, arg_required_else_help = true)]
    Rules(RulesCommand),
    /// Says what was done and when: commands of logs, clocks in dumps, lines of servers' logs
    #[command(help_template = TEMPLATE, after_help = timeline::TIMELINE)]
    Timeline(TimelineArgs),
    /// Mends append-only files: repair, cut at a moment, split off the preamble
    #[command(subcommand, help_template = TEMPLATE, after_help = aof::AOF, arg_required_else_help = true)]
    Aof(AofCommand),
    /// Keeps backups: takes, lists and verifies them, and says whether every instance could be restored
    #[command(subcommand, help_template = TEMPLATE, after_help = backup::BACKUP, arg_required_else_help = true)]
    Backup(BackupCommand),
    /// Checks and shows the configuration: instances, repositories, retention, hooks
    #[command(subcommand, help_template = TEMPLATE, after_help = config::CONFIG, arg_required_else_help = true)]
    Config(ConfigCommand),
    /// Puts a dump, an append-only file or a backup into the data directory of a stopped server, and back
    #[command(help_template = TEMPLATE, after_help = restore::RESTORE)]
    Restore(RestoreArgs),
    /// Prints the JSON Schema of the --format json documents
    #[command(help_template = TEMPLATE, after_help = SCHEMA)]
    Schema(SchemaArgs),
    /// Prints a completion script for a shell
    #[command(help_template = TEMPLATE, after_help = COMPLETIONS)]
    Completions(CompletionsArgs),
    /// Prints the manual page of a command, or writes all of them
    #[command(help_template = TEMPLATE, after_help = MAN)]
    Man(ManArgs),
}

impl Command {
    /// The form of the document it makes, where it makes one.
    pub(crate) fn format(&self) -> Option<Format> {
        match self {
            Command::Analyze(args) => Some(args.form()),
            Command::Check(args) => Some(args.output.format.map_or_else(|| args.output.named(), Format::from)),
            Command::Keys(args) => Some(args.output.format.map_or_else(|| args.output.named(), Format::from)),
            Command::Timeline(args) => Some(args.output.format.map_or_else(|| args.output.named(), Format::from)),
            Command::Scan(args) => Some(args.output.format.map_or_else(|| args.output.named(), Format::from)),
            Command::Rules(command) => Some(command.format()),
            Command::Aof(command) => Some(command.format()),
            Command::Backup(command) => Some(command.format()),
            Command::Config(command) => Some(command.format()),
            Command::Restore(args) => Some(args.form()),
            Command::Schema(_) | Command::Completions(_) | Command::Man(_) => None,
        }
    }
}

#[derive(Args)]
pub(crate) struct CheckArgs {
    #[command(flatten)]
    pub(crate) sources: SourceArgs,
    #[command(flatten)]
    pub(crate) server: ServerArgs,
    /// Exit 3 unless this server loads everything, with its default configuration: redis-7.2, valkey-9
    #[arg(long, value_name = "V", value_parser = server, help_heading = GATES)]
    pub(crate) target: Option<&'static str>,
    /// Let --target pass where the server starts but loses something
    #[arg(long, requires = "target", help_heading = GATES)]
    pub(crate) lossy: bool,
    /// Exit 3 if it cannot fit into so much memory: 6gb
    #[arg(long, value_name = "SIZE", value_parser = bytes, help_heading = GATES)]
    pub(crate) maxmemory: Option<u64>,
    /// Look for keys that occur twice in their database
    #[arg(long, help_heading = GATES)]
    pub(crate) duplicates: bool,
    #[command(flatten)]
    pub(crate) hashes: HashArgs,
    #[command(flatten)]
    pub(crate) output: OutputArgs<CheckFormat>,
    #[command(flatten)]
    pub(crate) resources: ResourceArgs,
}

#[derive(Args)]
pub(crate) struct SchemaArgs {
    /// The command whose document it describes; without it, all of them
    pub(crate) command: Option<Document>,
    /// Write to FILE, whole or not at all
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}

/// The commands that have a JSON document.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Document {
    Analyze,
    AofCut,
    AofRepair,
    AofSplit,
    BackupCopy,
    BackupCreate,
    BackupDrill,
    BackupFetch,
    BackupImport,
    BackupList,
    BackupPrune,
    BackupRun,
    BackupShow,
    BackupStatus,
    BackupTag,
    BackupUnlock,
    BackupVerify,
    Check,
    Config,
    ConfigCheck,
    Keys,
    Restore,
    Scan,
    Timeline,
}

impl Document {
    /// Every one of them, in the order of their names.
    pub(crate) const ALL: &'static [Document] = &[
        Document::Analyze,
        Document::AofCut,
        Document::AofRepair,
        Document::AofSplit,
        Document::BackupCopy,
        Document::BackupCreate,
        Document::BackupDrill,
        Document::BackupFetch,
        Document::BackupImport,
        Document::BackupList,
        Document::BackupPrune,
        Document::BackupRun,
        Document::BackupShow,
        Document::BackupStatus,
        Document::BackupTag,
        Document::BackupUnlock,
        Document::BackupVerify,
        Document::Check,
        Document::Config,
        Document::ConfigCheck,
        Document::Keys,
        Document::Restore,
        Document::Scan,
        Document::Timeline,
    ];
}

#[derive(Args)]
pub(crate) struct CompletionsArgs {
    /// The shell
    pub(crate) shell: clap_complete::Shell,
}

#[derive(Args)]
pub(crate) struct ManArgs {
    /// The command; without it, the page of rediscover itself
    pub(crate) command: Option<String>,
    /// Write every page into DIR
    #[arg(long, value_name = "DIR", conflicts_with = "command")]
    pub(crate) dir: Option<PathBuf>,
}

const SOURCES: &str = "Sources";
const FILTERS: &str = "Filters (all that are given must let a key through)";
const GATES: &str = "Judging";
const ESTIMATES: &str = "Estimates";
const INTEGRITY: &str = "Hashes";
const OUTPUT: &str = "Output";
const RESOURCES: &str = "Resources";

/// What to read.
#[derive(Args, Default)]
pub(crate) struct SourceArgs {
    /// A file, a folder, a glob, REPO::NAME of a backup, s3://BUCKET/KEY, redis://HOST:PORT of a live server, or - for standard input; gzip and
    /// zstd are unpacked; name=SOURCE names it
    #[arg(value_name = "SOURCE", required_unless_present = "server_config")]
    pub(crate) sources: Vec<OsString>,
    /// What a folder is: the data directory of a server, or a folder of dumps
    #[arg(long = "as", value_name = "KIND", help_heading = SOURCES)]
    pub(crate) folder: Option<FolderKind>,
    /// The redis.conf of a data directory; without SOURCE, of its dir
    #[arg(long, value_name = "FILE", help_heading = SOURCES)]
    pub(crate) server_config: Option<PathBuf>,
    /// REPO::latest is the newest backup that was taken before TIME
    #[arg(long, value_name = "TIME", value_parser = moment, allow_hyphen_values = true, help_heading = SOURCES)]
    pub(crate) before: Option<UnixMs>,
    #[command(flatten)]
    pub(crate) identities: IdentityArgs,
}

/// What a folder is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum FolderKind {
    // No doc comments: with them `-h` and `--help` would differ.
    Dir,
    Files,
}

/// Which keys.
#[derive(Args)]
pub(crate) struct FilterArgs {
    /// Only these databases
    #[arg(long, value_name = "N,...", value_delimiter = ',', help_heading = FILTERS)]
    pub(crate) db: Vec<u64>,
    /// Only these types: string, list, set, zset, hash, stream, module ...
    #[arg(long = "type", value_name = "TYPE,...", value_delimiter = ',', value_parser = key_type, help_heading = FILTERS)]
    pub(crate) types: Vec<Type>,
    /// Only keys that match, as KEYS does; may be repeated
    #[arg(long = "match", visible_alias = "pattern", value_name = "GLOB", help_heading = FILTERS)]
    pub(crate) globs: Vec<OsString>,
    /// Only keys in which this regular expression matches
    #[arg(long, value_name = "REGEX", value_parser = regex, help_heading = FILTERS)]
    pub(crate) regex: Option<regex::bytes::Regex>,
    /// No keys that match; may be repeated
    #[arg(long, value_name = "GLOB", help_heading = FILTERS)]
    pub(crate) exclude: Vec<OsString>,
    /// Only keys of these cluster slots
    #[arg(long, value_name = "A-B,...", value_delimiter = ',', value_parser = slots, help_heading = FILTERS)]
    pub(crate) slot: Vec<(u16, u16)>,
    /// Only values of at least so many bytes as stored: 10mb
    #[arg(long, value_name = "SIZE", value_parser = bytes, help_heading = FILTERS)]
    pub(crate) min_serialized: Option<u64>,
    /// Only values of at least so many elements
    #[arg(long, value_name = "N", help_heading = FILTERS)]
    pub(crate) min_elements: Option<u64>,
    /// Only keys of at least so many bytes of estimated memory: 10mb
    #[arg(long, value_name = "SIZE", value_parser = bytes, help_heading = FILTERS)]
    pub(crate) min_memory: Option<u64>,
    /// Only keys with this sort of expiry: none, set, expired, within:1h
    #[arg(long, value_name = "WHICH", value_parser = expiry, help_heading = FILTERS)]
    pub(crate) expiry: Option<ExpiryFilter>,
    /// The clock for TTLs: RFC 3339, Unix seconds, now-2h [default: when the snapshot was taken]
    #[arg(long, value_name = "TIME", value_parser = moment, allow_hyphen_values = true, help_heading = FILTERS)]
    pub(crate) as_of: Option<UnixMs>,
}

impl FilterArgs {
    pub(crate) fn filter(&self) -> Filter {
        let raw = |globs: &[OsString]| globs.iter().map(|glob| glob.as_bytes().to_vec()).collect();
        Filter {
            dbs: self.db.clone(),
            types: self.types.clone(),
            globs: raw(&self.globs),
            regex: self.regex.clone(),
            exclude: raw(&self.exclude),
            slots: self.slot.clone(),
            min_serialized: self.min_serialized.unwrap_or_default(),
            min_elements: self.min_elements.unwrap_or_default(),
            min_memory: self.min_memory.unwrap_or_default(),
            expiry: self.expiry,
        }
    }
}

/// Hashes of the raw bytes.
#[derive(Args)]
pub(crate) struct HashArgs {
    /// Hash the raw bytes in the same pass
    #[arg(long, value_name = "NAME,...", value_delimiter = ',', help_heading = INTEGRITY)]
    pub(crate) hash: Vec<HashName>,
    /// Exit 3 unless the raw bytes have this SHA-256
    #[arg(long, value_name = "HEX", value_parser = sha256, help_heading = INTEGRITY)]
    pub(crate) expect_sha256: Option<String>,
}

impl HashArgs {
    /// No hashes.
    pub(crate) fn none() -> Self {
        Self { hash: Vec::new(), expect_sha256: None }
    }
}

/// A hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum HashName {
    Sha256,
    Sha1,
    Md5,
}

/// Where the document goes, and in which form.
#[derive(Args)]
pub(crate) struct OutputArgs<F: ValueEnum + Send + Sync + 'static> {
    /// The form of the report [default: as the name of FILE says, else text]
    #[arg(long, value_name = "FORMAT", value_enum, help_heading = OUTPUT)]
    pub(crate) format: Option<F>,
    /// Write to FILE, whole or not at all
    #[arg(short, long, value_name = "FILE", help_heading = OUTPUT)]
    pub(crate) output: Option<PathBuf>,
    /// Show times in this zone in text: Europe/Berlin, local [default: UTC]
    #[arg(long, value_name = "ZONE", value_parser = zone, help_heading = OUTPUT)]
    pub(crate) tz: Option<jiff::tz::TimeZone>,
}

impl<F: ValueEnum + Send + Sync + Into<Format> + 'static> OutputArgs<F> {
    /// The form that the name of the output file asks for, if this command has it.
    fn named(&self) -> Format {
        let extension = self.output.as_deref().and_then(|path| path.extension()).and_then(|name| name.to_str());
        let has = |wanted| F::value_variants().iter().any(|form| form.clone().into() == wanted);
        match extension {
            Some("json") if has(Format::Json) => Format::Json,
            Some("sarif") if has(Format::Sarif) => Format::Sarif,
            Some("jsonl" | "ndjson") if has(Format::Jsonl) => Format::Jsonl,
            Some("csv") if has(Format::Csv) => Format::Csv,
            Some("html" | "htm") if has(Format::Html) => Format::Html,
            _ => Format::Text,
        }
    }
}

/// The forms a document can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Text,
    Json,
    Sarif,
    Jsonl,
    Csv,
    Timesketch,
    Ecs,
    Html,
}

/// The forms of `check`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum CheckFormat {
    Text,
    Json,
    Sarif,
}

impl From<CheckFormat> for Format {
    fn from(format: CheckFormat) -> Self {
        match format {
            CheckFormat::Text => Format::Text,
            CheckFormat::Json => Format::Json,
            CheckFormat::Sarif => Format::Sarif,
        }
    }
}

/// What the run may use.
#[derive(Args)]
pub(crate) struct ResourceArgs {
    /// Worker threads [default: one for each core]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024), help_heading = RESOURCES)]
    pub(crate) threads: Option<u16>,
    /// Hold about so much in memory, at least 32mb [default: what the threads need, below 100mb for a few]
    #[arg(long, value_name = "SIZE", value_parser = memory, help_heading = RESOURCES)]
    pub(crate) max_memory: Option<u64>,
    /// Where temporary files go [default: $TMPDIR]
    #[arg(long, value_name = "DIR", help_heading = RESOURCES)]
    pub(crate) scratch: Option<PathBuf>,
}

impl ResourceArgs {
    /// The library's options for a run over so many sources.
    pub(crate) fn run(
        &self,
        hashes: &HashArgs,
        sources: usize,
        cancel: Cancel,
        progress: Arc<dyn Progress>,
    ) -> Result<RunOptions> {
        if hashes.expect_sha256.is_some() && sources != 1 {
            return Err(Error::new(ErrorKind::Usage {
                option: "--expect-sha256",
                what: format!("is the hash of one source, and there are {sources}"),
            })
            .with_hint("check them one by one"));
        }
        let cores = || std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let threads = self.threads.map_or_else(cores, usize::from);
        let scratch = self.scratch.clone().unwrap_or_else(std::env::temp_dir);
        if !scratch.is_dir() {
            return Err(Error::new(ErrorKind::Usage {
                option: "--scratch",
                what: format!("{} is not a folder", scratch.display()),
            }));
        }
        let asked = |name| hashes.hash.contains(&name);
        Ok(RunOptions {
            threads,
            limits: self.max_memory.map_or_else(Limits::default, |bytes| within(bytes, threads)),
            scratch,
            hashes: Hashes {
                sha256: asked(HashName::Sha256) || hashes.expect_sha256.is_some(),
                sha1: asked(HashName::Sha1),
                md5: asked(HashName::Md5),
            },
            expect_sha256: hashes.expect_sha256.clone(),
            cancel,
            progress,
        })
    }
}

/// Limits that keep a run with so many workers within about so many bytes: a quarter for the batches in flight, a
/// quarter for the structures that workers unpack, a quarter for fingerprints, the rest for the report.
fn within(max_bytes: u64, threads: usize) -> Limits {
    let quarter = usize::try_from(max_bytes / 4).unwrap_or(usize::MAX);
    let batch = (quarter / (2 * threads + 2)).clamp(64 << 10, 4 << 20);
    let default = Limits::default();
    Limits {
        batch_bytes: batch,
        string_bytes: batch,
        blob_bytes: (quarter / threads).clamp(1 << 20, 256 << 20),
        unique_in_memory: (quarter / threads / 64).clamp(1 << 12, 1 << 22),
        duplicates_bytes: quarter.clamp(1 << 20, 4 << 30),
        sort_bytes: (quarter / 2).clamp(1 << 20, 4 << 30),
        ..default
    }
}

type Parsed<T> = std::result::Result<T, String>;

/// A server of `SERVERS`: by its name, by a version of it (`redis-7.2.4`), or by its family's major version (`redis-8`:
/// the newest of them).
fn server(text: &str) -> Parsed<&'static str> {
    let wanted = text.to_ascii_lowercase();
    let is = |name: &&str| {
        let rest = wanted.strip_prefix(*name);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    let major = format!("{wanted}.");
    let newest = |name: &&str| name.starts_with(&major) && wanted.ends_with(|last: char| last.is_ascii_digit());
    SERVERS
        .iter()
        .find(|name| is(name))
        .or_else(|| SERVERS.iter().rev().find(|name| newest(name)))
        .copied()
        .ok_or_else(|| format!("not a server this release knows; it knows {}", SERVERS.join(", ")))
}

/// The model of a server's memory: its name, or a version that one stands for, and the allocator.
fn model(text: &str) -> Parsed<Model> {
    let wanted = text.to_ascii_lowercase();
    Model::named(&wanted).ok_or_else(|| {
        let names: Vec<_> = Model::names().collect();
        format!(
            "not a server whose memory is known; known are {}, each with +debian for that allocator",
            names.join(", ")
        )
    })
}

fn key_type(text: &str) -> Parsed<Type> {
    Type::from_name(text).ok_or_else(|| {
        let names: Vec<_> = Type::ALL.iter().map(|ty| ty.name()).collect();
        format!("not a type; the types are {}", names.join(", "))
    })
}

fn regex(text: &str) -> Parsed<regex::bytes::Regex> {
    regex::bytes::Regex::new(text).map_err(|error| error.to_string())
}

fn slots(text: &str) -> Parsed<(u16, u16)> {
    let wrong = || "expected a slot or A-B, each from 0 to 16383".to_owned();
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let first: u16 = first.parse().map_err(|_| wrong())?;
    let last: u16 = last.parse().map_err(|_| wrong())?;
    if first <= last && last < 16_384 { Ok((first, last)) } else { Err(wrong()) }
}

pub(crate) fn bytes(text: &str) -> Parsed<u64> {
    size::parse(text).ok_or_else(|| "not a size; expected 512, 10mb, 1gb".into())
}

fn memory(text: &str) -> Parsed<u64> {
    let bytes = bytes(text)?;
    if bytes < 32 << 20 { Err("at least 32mb are needed".into()) } else { Ok(bytes) }
}

fn expiry(text: &str) -> Parsed<ExpiryFilter> {
    match text {
        "none" => Ok(ExpiryFilter::None),
        "set" => Ok(ExpiryFilter::Set),
        "expired" => Ok(ExpiryFilter::Expired),
        _ => text
            .strip_prefix("within:")
            .and_then(time::parse_span_ms)
            .map(ExpiryFilter::Within)
            .ok_or_else(|| "expected none, set, expired or within:1h".into()),
    }
}

fn moment(text: &str) -> Parsed<UnixMs> {
    UnixMs::parse(text, super::ui::now())
}

fn sha256(text: &str) -> Parsed<String> {
    let is_hash = text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_hash { Ok(text.to_ascii_lowercase()) } else { Err("expected 64 hexadecimal digits".into()) }
}

pub(crate) fn span(text: &str) -> Parsed<i64> {
    time::parse_span_ms(text).ok_or_else(|| "not a span; expected 90s, 26h, 7d".into())
}

pub(crate) fn zone(text: &str) -> Parsed<jiff::tz::TimeZone> {
    match text {
        "local" => jiff::tz::TimeZone::try_system(),
        _ => jiff::tz::TimeZone::get(text),
    }
    .map_err(|_| "not a time zone; expected a name such as Europe/Berlin, UTC or local".into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_tree_holds_together() {
        Cli::command().debug_assert();
    }

    /// Lines are set by hand there: longer ones than the width of help are broken a second time.
    #[test]
    fn what_stands_after_help_fits_its_width() {
        fn look(command: &clap::Command) -> usize {
            let after = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            for line in after.lines() {
                assert!(line.chars().count() <= 98 || line.starts_with("  "), "{}: {line}", command.get_name());
            }
            usize::from(!after.is_empty()) + command.get_subcommands().map(look).sum::<usize>()
        }
        assert!(look(&Cli::command()) > 20);
    }

    #[test]
    fn a_server_is_named_in_three_ways() {
        assert_eq!(server("redis-7.2"), Ok("redis-7.2"));
        assert_eq!(server("Redis-7.2.4"), Ok("redis-7.2"));
        assert_eq!(server("redis-8"), Ok("redis-8.6"));
        assert_eq!(server("valkey-9"), Ok("valkey-9.1"));
        assert_eq!(server("elasticache-redis-7.1"), Ok("elasticache-redis-7.1"));
        for unknown in ["redis-7.1", "redis", "redis-", "redis-7.22", "redis-9", ""] {
            assert!(server(unknown).is_err_and(|list| list.contains("keydb-6.3")), "{unknown}");
        }
    }

    #[test]
    fn values_are_read_or_refused() {
        assert_eq!(slots("5"), Ok((5, 5)));
        assert_eq!(slots("0-16383"), Ok((0, 16_383)));
        assert!(slots("7-5").is_err());
        assert!(slots("0-16384").is_err());
        assert_eq!(expiry("within:1h"), Ok(ExpiryFilter::Within(3_600_000)));
        assert!(expiry("soon").is_err());
        assert!(memory("1mb").is_err());
        assert_eq!(sha256(&"AB".repeat(32)), Ok("ab".repeat(32)));
        assert!(sha256("ab").is_err());
    }

    #[test]
    fn more_memory_never_holds_less() {
        let mut before = within(32 << 20, 8);
        for shift in 6..40 {
            let limits = within(1 << (20 + shift), 8);
            assert!(limits.batch_bytes >= before.batch_bytes && limits.blob_bytes >= before.blob_bytes);
            assert!(limits.duplicates_bytes >= before.duplicates_bytes);
            before = limits;
        }
    }
}
