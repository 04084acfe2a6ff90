//! Byte stream in, byte stream out: what is compressed is unpacked, what passes is hashed.

mod hash;
mod sniff;
mod unpack;

pub use hash::{HashTee, Hashed};
pub use sniff::{Compression, sniff};
pub use unpack::{ReadAhead, Unpacked, unpack_flaw};
