//! Restores into a data directory: what is to come is fetched, hashed and read whole before anything changes; then it takes its
//! place so that a server that starts at any instant loads what was there, what comes, or refuses.
//!
//! ```text
//! incoming   what is to be restored          stage      fetched into the folder, hashed, validated, made ready
//! facts      what is known of it             journal    the steps that follow, each of which knows whether it was done
//! ground     what lies in the folder         execute    the steps done; taken back where one fails
//! running    whether a server runs there     recover    what a restore has left that was killed: finished or taken back
//! preflight  what stands against it          undo       what was there before comes back, by the same steps
//! layout     where it goes, in which order   plan       all of it in words
//! ```

mod execute;
mod facts;
mod ground;
mod incoming;
mod journal;
mod layout;
mod plan;
mod preflight;
mod recover;
mod running;
mod stage;
mod undo;

pub use execute::{Restored, execute};
pub use facts::{Facts, LoadsThere, inspect};
pub use incoming::{Expected, Incoming, IncomingFile, Open};
pub use plan::{Known, PlanStep, RestorePlan, plan};
pub use recover::{Recovered, recover, would_load};
pub use stage::{Staged, stage};
pub use undo::{Undone, undo};

use crate::base::UnixMs;
use crate::pipeline::RunOptions;
use crate::source::ServerConfig;

/// How something is restored.
#[derive(Clone, Default)]
pub struct RestoreOptions {
    /// How to read and validate it.
    pub run: RunOptions,
    /// The configuration of the server that starts there.
    pub config: ServerConfig,
    /// Whether that server appends, whatever the configuration says.
    pub append_only: Option<bool>,
    /// The server that is to load it, of [`SERVERS`](crate::analysis::SERVERS).
    pub target: Option<String>,
    /// User and group of the new files; by default those of what they replace, or of the folder.
    pub owner: Option<(u32, u32)>,
    /// What can be forced is a warning.
    pub force: bool,
    /// The clock.
    pub now: UnixMs,
    /// For tests: stop after so many changes in the folder, and leave everything as it is, as a crash would.
    pub stop_after: Option<usize>,
}

/// Something that stands against a restore.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The stable name of the sort of refusal.
    pub kind: &'static str,
    /// What it is.
    pub what: String,
    /// What to do.
    pub way_out: String,
    /// `force` makes a warning of it.
    pub can_be_forced: bool,
}

/// Counts the changes in the folder, and stops where a test asks for it.
struct Crash {
    left: Option<usize>,
}

impl Crash {
    fn after(changes: Option<usize>) -> Self {
        Self { left: changes }
    }

    /// One more change is about to be made.
    ///
    /// # Errors
    /// [`ErrorKind::Interrupted`](crate::base::ErrorKind::Interrupted) where it is the one to stop before.
    fn point(&mut self) -> crate::base::Result<()> {
        match &mut self.left {
            Some(0) => Err(crate::base::Error::new(crate::base::ErrorKind::Interrupted)),
            Some(left) => {
                *left = left.saturating_sub(1);
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// Whether it was this that stopped it: then nothing is cleaned up.
    fn has_come(&self) -> bool {
        self.left == Some(0)
    }
}
