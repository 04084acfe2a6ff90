//! What a key takes in the memory of a server: an estimate of what `MEMORY USAGE key SAMPLES 0` says once the server has loaded
//! the dump, from the sizes of what the value is made of.
//!
//! A [`Model`] is a server with an allocator. A [`Meter`] is told each part of a value as it is read, holds a few sums, and
//! says what the key comes to.
//!
//! ```text
//! classes   what an allocation takes              servers   how each server keeps things, as data
//! cost      what is said of it, what it takes     strings   keys and strings
//! packed    lengths of listpacks and intsets      tables    slots and buckets
//! elements  one element of a table                rax       radix trees of ids
//! streams   nodes, groups, what is pending        meter     all of a value
//! ```

mod classes;
mod cost;
mod elements;
mod meter;
mod model;
mod packed;
mod rax;
mod servers;
mod streams;
mod strings;
mod tables;

pub use classes::Allocator;
pub use meter::{Estimate, Meter};
pub use model::{Basis, Model, overhead_bytes};
