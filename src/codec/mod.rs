//! Byte stream in, byte stream out: what is compressed is unpacked, what is encrypted decrypted, what passes is hashed; payloads
//! of backups are sealed and opened. Knows nothing of Redis.

mod chunk;
#[cfg_attr(not(feature = "crypt"), path = "crypt_absent.rs")]
mod crypt;
mod hash;
mod open;
mod packing;
mod seal;
mod seek_table;
mod sniff;
mod spool;
mod tee;
mod unpack;

pub use crypt::{Identities, Recipients, decrypt};
pub use hash::{HashTee, Hashed};
pub use open::{open_frames, open_sealed};
pub use packing::Packing;
pub use seal::{SealOptions, Sealed, Sealer};
pub use sniff::{Compression, is_age, sniff};
pub use spool::{SpoolReader, SpoolWriter, bounded, spool};
pub use tee::{Branch, Tee};
pub use unpack::{ReadAhead, Unpacked, unpack_flaw};

#[cfg(test)]
mod tests;
