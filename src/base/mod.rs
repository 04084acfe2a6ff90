//! Errors, limits, time and the words that everything else uses. No I/O, no clock, no environment.

pub mod cancel;
pub mod cursor;
pub mod error;
pub mod flaw;
pub mod limits;
pub mod progress;
pub mod size;
pub mod time;

pub use cancel::Cancel;
pub use cursor::Cursor;
pub use error::{Error, ErrorKind, Result};
pub use flaw::{Flaw, Kind};
pub use limits::Limits;
pub use progress::{Progress, Silent};
pub use time::UnixMs;
