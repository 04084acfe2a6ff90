//! Backups that are proven: taken, sealed, verified, rotated, restored and drilled.
//!
//! ```text
//! create     bytes ─► tee { validate, hash } ─► seal ─► store; the manifest last
//! open       a backup as a source: opened and compared with its manifest as it is read
//! fetch      its bytes out again
//! copy       into another repository
//! import     dumps of other tools, adopted
//! verify     is everything there, is it what was stored, is it what was taken?
//! drill      a server of one's own is started on it
//! compare    does a server hold what a backup holds?
//! load       keys into a running server, one by one
//! chain      each manifest names the one before it: what is gone or was replaced
//! retention  which backups stay: a pure function, with a reason for each
//! prune      the others go, under a lock, the manifest first
//! restore    into the data directory of a stopped server, with no moment at which it would start empty
//! status     could every instance be restored right now?
//! state      what a host keeps for itself: its signing key, heads of chains, locks
//! ```

mod chain;
mod compare;
mod copy;
mod create;
mod drill;
mod fetch;
mod import;
mod load;
mod lock;
mod open;
pub mod prune;
mod resolve;
pub mod restore;
pub mod retention;
mod rows;
mod state;
mod status;
mod verify;

pub use chain::chain;
pub use compare::{Compared, Expected, ExpectedKeys, SampleKey, compare, compare_live, expected};
pub use copy::{Copied, CopyOptions, copy, was_pruned};
pub use create::{CreateOptions, Created, Shard, Spool, Taken, cluster_of, create};
pub use drill::{DrillOptions, Drilled, drill};
pub use fetch::{FetchOptions, Fetched, fetch_folder, fetch_payload, is_set};
pub use import::{Adopted, DatedBy, adopt, already_there};
pub use load::{Clash, LoadOptions, LoadedKeys, load};
pub use lock::{Held, held, unlock};
pub use open::{open_payload, origins};
pub use resolve::{only_instance, resolve};
pub use rows::{kind as kind_word, row, status as status_word};
pub use state::{Head, InstanceLock, State};
pub use status::{StatusLimits, status};
pub use verify::{VerifyOptions, verify};

use crate::base::{Error, ErrorKind, UnixMs};
use crate::codec::unpack_flaw;
use std::io;

/// The clock of whoever calls: the library has none.
pub type Clock<'a> = &'a (dyn Fn() -> UnixMs + Sync);

/// Why bytes cannot be read: the machine, or that they are not what they should be.
fn readable(error: io::Error, name: &str) -> Error {
    if let Some(flaw) = unpack_flaw(&error) {
        return Error::new(ErrorKind::Damaged { what: flaw.to_string() }).about(name);
    }
    match error.downcast::<Error>() {
        Ok(inner) => inner.about(name),
        Err(error) => Error::io("read", error).about(name),
    }
}

/// Whether this process may do everything: root keeps its state elsewhere.
pub fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}
