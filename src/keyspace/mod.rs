//! What a Redis person sees: names of keys, types, encodings, slots.

pub mod command;
mod glob;
mod name;
mod slot;
mod types;

pub use command::{
    Access, Arg, ArgSpan, Args, Command, Effect, Expires, Expiry, KeyAt, KeySpec, Servers, Spec, Touch, Values,
};
pub use glob::glob_match;
pub use name::{KeyName, argument, escape, hex, printable};
pub use slot::{hash_tag, slot, slot_of};
pub use types::{Encoding, Type};
