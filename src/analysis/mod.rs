//! The analyzers, one per file, and the work of `check` and `analyze` on sources.

mod analyze;
mod big_keys;
mod check;
mod commands;
mod duplicates;
mod histogram;
mod integrity;
mod keyspace;
mod loads_log;
mod loads_on;
mod manifest;
mod needs;
mod parts;
mod prefixes;
mod server_loads;
mod set;
mod timeline;
mod ttl;

pub use analyze::{AnalyzeOptions, Analyzed, analyze};
pub use big_keys::Rankings;
pub use check::{CheckOptions, Checked, check, verdict_on};
pub use commands::Commands;
pub use duplicates::Twins;
pub use histogram::Histogram;
pub use integrity::{Examined, Examiner};
pub use keyspace::Totals;
pub use loads_on::SERVERS;
pub use needs::{Need, Needed, Needs};
pub use prefixes::Prefixes;
pub use set::AnalyzerSet;
pub use timeline::{Bucket, Deliver, FileEnd, Timeline, TimelineOptions, Timelined};
pub use ttl::Expiries;
