//! What a command found, as plain data: serde types whose field names scripts rely on (docs/cli.md).
//! Nothing here computes; nothing here prints.

mod analyze;
mod backup;
mod check;
mod config;
mod expiry;
mod finding;
mod key_row;
mod keys;
mod log;
mod places;
mod plan;
mod problem;
mod provenance;
mod prune;
mod restore;
mod run;
mod scan;
mod timeline;

pub use crate::keyspace::{KeyName, argument, escape, hex, printable};
pub use analyze::{
    Advice, Analysis, AnalyzeReport, DatabaseShare, Decoding, Keyspace, MemoryModel, ScanTotals, SizeBucket, Sizes,
    SourceAnalysis, SourceIntegrity, Spread, TypeShare,
};
pub use backup::{
    AgainstResult, BackupCopyReport, BackupCreateReport, BackupDrillReport, BackupFetchReport, BackupImportReport,
    BackupListReport, BackupRow, BackupShowReport, BackupStatusReport, BackupVerifyReport, ChainResult, CopiedBackup,
    CreatedBackup, DrillResult, DrilledAt, FetchedFile, ImportedFile, InstanceState, InstanceStatus, LoadReport,
    NewestBackup, Unreadable, VerifiedAt, VerifyResult,
};
pub use check::{
    Basis, CheckReport, Checksum, ChecksumState, DatabaseCount, Duplicates, First, Fits, Fullness, Integrity,
    LoadVerdict, LoadsOn, SourceCheck, Validated, Verdict,
};
pub use config::{ConfigCheckReport, ConfigProblem, ConfigReport, InstanceSettings};
pub use expiry::{EvidenceLoss, Frequency, HotKey, Idle, IdleKey, Storm, Ttl, TtlBucket, TypeTtl};
pub use finding::{Category, Confidence, Finding, Locator, Structural, Threat, Where};
pub use key_row::{Cell, KeyBytes, KeyColumn, KeyRow};
pub use keys::{BigElement, BigKey, BigKeys};
pub use log::{
    CutReport, DropReason, DroppedCommand, FirstDamage, LogCheck, LogFile, LogRole, LogTotals, Output, RepairReport,
    ServerLoad, ServerLoads, Stretch,
};
pub use places::{Cluster, OtherKeys, Prefix, PrefixSample, PrefixTree, SlotShare, Stream, StreamGroup, TagShare};
pub use plan::{LeftOut, PlanScript};
pub use problem::{Problem, Severity};
pub use provenance::{Exit, Provenance, SourceFacts};
pub use prune::{Gone, Kept, LockedObject, NotGone, PruneReport, RemovedLock, Swept, UnlockReport};
pub use restore::{RestoreOutcome, RestoreRefusal, RestoreReport, RestoreStep};
pub use run::{BackupRunReport, InstanceRun, RunStep, StepOutcome};
pub use scan::{ExposedPrefix, Exposure, RevealedRow, Scan, ScanReport, ScanSummary, Suppressed};
pub use timeline::{Certainty, ClockKind, Moment, TimelineGroup, TimelineLine, TimelineRow, quoted};
