//! The analyzers, one per file, and the work of `check` and `analyze` on sources.

mod analyze;
mod big_keys;
mod check;
mod duplicates;
mod histogram;
mod integrity;
mod keyspace;
mod loads_on;
mod needs;
mod prefixes;
mod set;
mod ttl;

pub use analyze::{AnalyzeOptions, Analyzed, analyze};
pub use big_keys::Rankings;
pub use check::{CheckOptions, Checked, check, check_stream, verdict_on};
pub use duplicates::Twins;
pub use histogram::Histogram;
pub use integrity::{Examined, Examiner};
pub use keyspace::Totals;
pub use loads_on::SERVERS;
pub use needs::{Need, Needed, Needs};
pub use prefixes::Prefixes;
pub use set::AnalyzerSet;
pub use ttl::Expiries;
