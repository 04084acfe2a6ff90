//! What a Redis person sees: types, encodings, entries with their expiry, slots.

mod slot;
mod types;

pub use slot::slot;
pub use types::{Encoding, Type};
