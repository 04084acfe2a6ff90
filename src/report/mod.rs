//! What a command found, as plain data: serde types whose field names scripts rely on (docs/cli.md).
//! Nothing here computes; nothing here prints.

mod analyze;
mod check;
mod log;
mod problem;
mod provenance;
mod timeline;

pub use crate::keyspace::{KeyName, escape, hex, printable};
pub use analyze::{
    Analysis, AnalyzeReport, BigKey, BigKeys, DatabaseShare, Decoding, Keyspace, Prefix, SourceAnalysis,
    SourceIntegrity, Ttl, TtlBucket, TypeShare,
};
pub use check::{
    Basis, CheckReport, Checksum, ChecksumState, DatabaseCount, Duplicates, First, Fits, Fullness, Integrity,
    LoadVerdict, LoadsOn, SourceCheck, Validated, Verdict,
};
pub use log::{
    CutReport, DropReason, DroppedCommand, FirstDamage, LogCheck, LogFile, LogRole, LogTotals, Output, RepairReport,
    ServerLoad, ServerLoads, Stretch,
};
pub use problem::{Problem, Severity};
pub use provenance::{Exit, Provenance, SourceFacts};
pub use timeline::{Certainty, ClockKind, Moment, TimelineGroup, TimelineLine, TimelineRow, quoted};
