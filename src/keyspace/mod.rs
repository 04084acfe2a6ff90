//! What a Redis person sees: types, encodings, entries with their expiry, slots.

mod glob;
mod slot;
mod types;

pub use glob::glob_match;
pub use slot::{hash_tag, slot};
pub use types::{Encoding, Type};
