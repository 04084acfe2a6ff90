//! The cluster slot of a key.

/// The slot of a key, 0 to 16383: CRC16/XMODEM of the hash tag, or of the whole key if it has none.
/// The tag stands between the first `{` and the first `}` after it, and is not empty.
/// Source: the cluster specification; checked on Redis 7.0–8.6 and Valkey 8.1–9.1.
pub fn slot(key: &[u8]) -> u16 {
    slot_of(hash_tag(key), key)
}

/// The slot of a key of which the hash tag is known.
pub fn slot_of(tag: Option<&[u8]>, key: &[u8]) -> u16 {
    crc16(tag.unwrap_or(key)) & 0x3fff
}

/// The hash tag of a key, where it has one.
pub fn hash_tag(key: &[u8]) -> Option<&[u8]> {
    let open = memchr::memchr(b'{', key)?;
    let rest = key.get(open.checked_add(1)?..)?;
    let close = memchr::memchr(b'}', rest)?;
    rest.get(..close).filter(|tag| !tag.is_empty())
}

/// What a byte does to the checksum, with so many bytes after it: eight bytes take as long as one that way.
static TABLES: [[u16; 256]; 8] = {
    let mut tables = [[0; 256]; 8];
    let mut byte: u16 = 0;
    while byte < 256 {
        let mut crc = byte << 8;
        let mut after = 0;
        while after < 8 {
            let mut bit = 0;
            while bit < 8 {
                crc = if crc & 0x8000 == 0 { crc << 1 } else { (crc << 1) ^ 0x1021 };
                bit += 1;
            }
            tables[after][byte as usize] = crc;
            after += 1;
        }
        byte += 1;
    }
    tables
};

fn crc16(bytes: &[u8]) -> u16 {
    let step = |after: usize, byte: u8| TABLES.get(after).map_or(0, |table| table[usize::from(byte)]);
    let (first, eights) = bytes.as_rchunks();
    // Zeros in front make no difference: so there are only eights.
    let first = first.iter().fold(0u64, |all, byte| (all << 8) | u64::from(*byte)).to_be_bytes();
    [first].iter().chain(eights).fold(0u16, |crc, [a, b, c, d, e, f, g, h]| {
        let [high, low] = crc.to_be_bytes();
        let first = step(7, a ^ high) ^ step(6, b ^ low) ^ step(5, *c) ^ step(4, *d);
        first ^ step(3, *e) ^ step(2, *f) ^ step(1, *g) ^ step(0, *h)
    })
}

#[cfg(test)]
mod tests {
    use super::slot;

    #[test]
    fn agrees_with_cluster_keyslot() {
        for (key, expected) in [
            ("123456789", 12739),
            ("foo", 12182),
            ("bar", 5061),
            ("{user1000}.following", 3443),
            ("{user1000}.followers", 3443),
            ("foo{}{bar}", 8363),
            ("foo{{bar}}zap", 4015),
            ("foo{bar}{zap}", 5061),
            ("", 0),
            ("{}", 15257),
        ] {
            assert_eq!(slot(key.as_bytes()), expected, "{key}");
        }
    }
}
