//! The cluster slot of a key.

/// The slot of a key, 0 to 16383: CRC16/XMODEM of the hash tag, or of the whole key if it has none.
/// The tag stands between the first `{` and the first `}` after it, and is not empty.
/// Source: the cluster specification; checked on Redis 7.0–8.6 and Valkey 8.1–9.1.
pub fn slot(key: &[u8]) -> u16 {
    crc16(hash_tag(key).unwrap_or(key)) & 0x3fff
}

/// The hash tag of a key, where it has one.
pub fn hash_tag(key: &[u8]) -> Option<&[u8]> {
    let open = memchr::memchr(b'{', key)?;
    let rest = key.get(open.checked_add(1)?..)?;
    let close = memchr::memchr(b'}', rest)?;
    rest.get(..close).filter(|tag| !tag.is_empty())
}

/// CRC16 of each byte by itself.
static TABLE: [u16; 256] = table();

const fn table() -> [u16; 256] {
    let mut table = [0; 256];
    let mut byte = 0u8;
    loop {
        let mut crc = u16::from_be_bytes([byte, 0]);
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 0x8000 == 0 { crc << 1 } else { (crc << 1) ^ 0x1021 };
            bit += 1;
        }
        table[byte as usize] = crc;
        if byte == u8::MAX {
            return table;
        }
        byte += 1;
    }
}

fn crc16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |crc: u16, byte| {
        let [high, _] = crc.to_be_bytes();
        (crc << 8) ^ TABLE.get(usize::from(high ^ byte)).copied().unwrap_or_default()
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
