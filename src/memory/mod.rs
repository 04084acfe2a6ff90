//! What a key takes in the memory of a server: an estimate of what `MEMORY USAGE key SAMPLES 0` says, from the sizes of what
//! the value is made of.
//!
//! A [`Model`] is a server with an allocator. A [`Meter`] is told each part of a value as it is read, holds a few sums, and
//! says what the key comes to.

mod classes;
mod meter;
mod model;

pub use classes::Allocator;
pub use meter::Meter;
pub use model::{Basis, Model, overhead_bytes};
