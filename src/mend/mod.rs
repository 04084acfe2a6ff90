//! Append-only files mended: a plan says what goes, and is carried out beside the original.
//!
//! ```text
//! events  what a log is made of, as far as mending cares     plan   which bytes go, and what comes in their place
//! repair  damage, and what falls with it                     cut    everything from a moment or a place on
//! output  a plan carried out: written beside, fsynced, renamed
//! ```

mod cut;
mod events;
mod output;
mod plan;
mod repair;
mod reread;

pub use cut::{Moment, plan_cut, plan_split};
pub use output::{Owner, Target, Written, write, write_bytes};
pub use plan::{Edit, FilePlan, Plan, With};
pub use repair::{RepairOptions, plan_repair};
