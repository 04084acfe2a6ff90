//! The checksum of RDB files and DUMP payloads: CRC-64/REDIS ("Jones"), polynomial `ad93d23594c935a9`, reflected.
//!
//! Source: RDB 5+ as redis-server 2.6+ and Valkey write it. A stored 0 means that none was computed.

use std::fmt;

use crc_fast::{CrcAlgorithm, Digest};

/// A checksum under way. Any split of the bytes gives the same value.
#[derive(Clone)]
pub struct Crc64(Digest);

impl Crc64 {
    /// The checksum of nothing, which is 0.
    pub fn new() -> Self {
        Self(Digest::new(CrcAlgorithm::Crc64Redis))
    }

    /// Takes more bytes. Fastest on 64 KiB and more, while they sit in the second-level cache.
    #[inline]
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The checksum of all bytes so far; an RDB file stores it little-endian.
    #[inline]
    pub fn value(&self) -> u64 {
        self.0.finalize()
    }
}

impl Default for Crc64 {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Crc64 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Crc64({:016x})", self.value())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::encoding::tests::hex;

    fn whole(bytes: &[u8]) -> u64 {
        let mut crc = Crc64::new();
        crc.update(bytes);
        crc.value()
    }

    #[test]
    fn known_values() {
        assert_eq!(whole(b""), 0);
        assert_eq!(whole(b"123456789"), 0xE9C6_D914_C4B8_D9CA);
        // DUMP of "hello" by Redis 8.6.3 and by Valkey 9.1.2.
        assert_eq!(whole(&hex("00 05 68656C6C6F 0D00")).to_le_bytes()[..], hex("C1DB56C5628157CA"));
        assert_eq!(whole(&hex("00 05 68656C6C6F 5000")).to_le_bytes()[..], hex("AC5816E7FB6647FE"));
        assert_eq!(format!("{:?}", Crc64::default()), "Crc64(0000000000000000)");
    }

    #[test]
    fn as_the_oracle_at_every_length() {
        let oracle = crc::Crc::<u64>::new(&crc::CRC_64_REDIS);
        let bytes: Vec<u8> = (0_u32..3000).map(|index| index.wrapping_mul(2_654_435_761).to_le_bytes()[3]).collect();
        let mut single = Crc64::new();
        for (len, byte) in bytes.iter().enumerate() {
            assert_eq!(whole(&bytes[..len]), oracle.checksum(&bytes[..len]));
            assert_eq!(single.value(), oracle.checksum(&bytes[..len]));
            single.update(&[*byte]);
        }
    }

    proptest! {
        #[test]
        fn any_split(bytes in proptest::collection::vec(any::<u8>(), 0..2000), cut in 1_usize..700) {
            let mut crc = Crc64::new();
            bytes.chunks(cut).for_each(|piece| crc.update(piece));
            prop_assert_eq!(crc.value(), crc::Crc::<u64>::new(&crc::CRC_64_REDIS).checksum(&bytes));
        }
    }
}
