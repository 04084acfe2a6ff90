//! Bytes to items to analyzers: framing, batches, workers, filters; and the two ways out, folds and rows.

mod analyzer;
mod engine;
mod feed;
mod filter;
mod log;
mod rows;
mod scope;
mod sieve;

pub use analyzer::{Analyzer, run};
pub use filter::{ExpiryFilter, Filter};
pub use rows::{RowSource, rows};
pub use scope::{Ended, Prologue, Scope, Skipped, Tally};

use crate::base::{Cancel, Limits, Progress, Silent, UnixMs};
use crate::memory::Model;
use crate::source::Hashes;
use std::path::PathBuf;
use std::sync::Arc;

/// How to run.
#[derive(Clone)]
pub struct RunOptions {
    /// Worker threads; 1 means no threads at all.
    pub threads: usize,
    /// What may be held in memory.
    pub limits: Limits,
    /// Where temporary files go.
    pub scratch: PathBuf,
    /// Which hashes of the raw bytes to make.
    pub hashes: Hashes,
    /// The SHA-256 that the raw bytes must have, in lower-case hexadecimal.
    pub expect_sha256: Option<String>,
    /// Stops the run at its next batch.
    pub cancel: Cancel,
    /// Told about bytes as they are read.
    pub progress: Arc<dyn Progress>,
}

impl Default for RunOptions {
    fn default() -> Self {
        Self {
            threads: 1,
            limits: Limits::default(),
            scratch: PathBuf::from("."),
            hashes: Hashes::default(),
            expect_sha256: None,
            cancel: Cancel::default(),
            progress: Arc::new(Silent),
        }
    }
}

/// What to read of a source, and how deep.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    /// Which keys.
    pub filter: Filter,
    /// Check everything that the structure of a selected value promises.
    pub validate: bool,
    /// The moment TTLs are seen from; by default the snapshot's own.
    pub as_of: Option<UnixMs>,
    /// Whether memory is estimated, and for which server.
    pub memory: Memory,
}

/// Whether memory is estimated, and for which server.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Memory {
    /// It is not: entries say none.
    #[default]
    Off,
    /// For the server that wrote the file, with the allocator that comes with it.
    OfWriter,
    /// For this one.
    Of(Model),
}
