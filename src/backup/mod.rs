//! Backups that are proven: taken, sealed, verified, rotated, restored and drilled.

mod lock;
pub mod prune;
pub mod retention;

pub use lock::{Held, held, unlock};
