//! The arguments of `keys`.

use super::{
    ESTIMATES, FilterArgs, Format, HashArgs, OUTPUT, OutputArgs, Parsed, ResourceArgs, ServerArgs, SourceArgs, model,
};
use clap::{Args, ValueEnum};
use rediscover::analysis::KeySort;
use rediscover::memory::Model;
use rediscover::report::KeyColumn;

pub(super) const KEYS: &str = "\
Examples:
  rediscover keys dump.rdb --sort memory_bytes --limit 20
  rediscover keys dump.rdb --match 'session:*' --columns key,ttl_seconds --format csv -o ttl.csv";

#[derive(Args)]
pub(crate) struct KeysArgs {
    #[command(flatten)]
    pub(crate) sources: SourceArgs,
    #[command(flatten)]
    pub(crate) server: ServerArgs,
    /// The server whose memory is estimated: redis-8.0, valkey-9.1+debian [default: the one that wrote the dump]
    #[arg(long, value_name = "V", value_parser = model, help_heading = ESTIMATES)]
    pub(crate) target: Option<Model>,
    #[command(flatten)]
    pub(crate) filters: FilterArgs,
    #[command(flatten)]
    pub(crate) hashes: HashArgs,
    #[command(flatten)]
    pub(crate) output: OutputArgs<KeysFormat>,
    /// Only these columns, in this order; the fewer, the faster [default: all, in text as many as fit]
    #[arg(long, value_name = "a,b", value_delimiter = ',', value_parser = column, help_heading = OUTPUT)]
    pub(crate) columns: Vec<KeyColumn>,
    /// Sort by COLUMN, COLUMN:asc or COLUMN:desc [default: as they stand there; numbers largest first]
    #[arg(long, value_name = "COLUMN", value_parser = sort, help_heading = OUTPUT)]
    pub(crate) sort: Option<KeySort>,
    /// Stop after so many rows
    #[arg(long, value_name = "N", help_heading = OUTPUT)]
    pub(crate) limit: Option<u64>,
    #[command(flatten)]
    pub(crate) resources: ResourceArgs,
}

/// The forms of `keys`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum KeysFormat {
    Text,
    Csv,
    Jsonl,
}

impl From<KeysFormat> for Format {
    fn from(format: KeysFormat) -> Self {
        match format {
            KeysFormat::Text => Format::Text,
            KeysFormat::Csv => Format::Csv,
            KeysFormat::Jsonl => Format::Jsonl,
        }
    }
}

fn column(name: &str) -> Parsed<KeyColumn> {
    KeyColumn::from_name(name.trim()).ok_or_else(|| {
        let names: Vec<_> = KeyColumn::ALL.iter().map(|column| column.name()).collect();
        format!("not a column; the columns are {}", names.join(", "))
    })
}

fn sort(text: &str) -> Parsed<KeySort> {
    let (name, direction) = text.split_once(':').map_or((text, None), |(name, rest)| (name, Some(rest)));
    let by = KeySort::by(column(name)?);
    match direction {
        None => Ok(by),
        Some("asc") => Ok(KeySort { descending: false, ..by }),
        Some("desc") => Ok(KeySort { descending: true, ..by }),
        Some(_) => Err("a direction is asc or desc".into()),
    }
}
