//! RDB bytes by hand: sound ones, and whatever else a test wants.

use rediscover::encoding::crc64::Crc64;

/// A length, in its shortest form.
pub(crate) fn len(value: u64) -> Vec<u8> {
    match (u8::try_from(value), u16::try_from(value), u32::try_from(value)) {
        (Ok(short @ 0..=0x3f), _, _) => vec![short],
        (_, Ok(medium @ 0..=0x3fff), _) => (medium | 0x4000).to_be_bytes().to_vec(),
        (_, _, Ok(long)) => [&[0x80], &long.to_be_bytes()[..]].concat(),
        _ => [&[0x81], &value.to_be_bytes()[..]].concat(),
    }
}

/// A plain string.
pub(crate) fn text(bytes: &[u8]) -> Vec<u8> {
    [len(bytes.len() as u64), bytes.to_vec()].concat()
}

/// A compressed string: what it claims need not be true.
pub(crate) fn packed(bytes: &[u8], unpacked: u64) -> Vec<u8> {
    [vec![0xc3], len(bytes.len() as u64), len(unpacked), bytes.to_vec()].concat()
}

/// A stream node id, or any two numbers as streams store them.
pub(crate) fn stream_id(ms: u64, seq: u64) -> Vec<u8> {
    [ms.to_be_bytes(), seq.to_be_bytes()].concat()
}

/// Puts a dump together. Every call appends and gives the builder back.
#[derive(Debug, Clone)]
pub(crate) struct Builder {
    bytes: Vec<u8>,
}

impl Builder {
    pub(crate) fn redis(version: u16) -> Self {
        Self { bytes: format!("REDIS{version:04}").into_bytes() }
    }

    pub(crate) fn valkey(version: u16) -> Self {
        Self { bytes: format!("VALKEY{version:03}").into_bytes() }
    }

    /// Where the next byte will stand.
    pub(crate) fn at(&self) -> u64 {
        self.bytes.len() as u64
    }

    pub(crate) fn raw(&mut self, bytes: &[u8]) -> &mut Self {
        self.bytes.extend_from_slice(bytes);
        self
    }

    pub(crate) fn aux(&mut self, name: &[u8], value: &[u8]) -> &mut Self {
        self.raw(&[250]).raw(&text(name)).raw(&text(value))
    }

    pub(crate) fn select(&mut self, db: u64) -> &mut Self {
        self.raw(&[254]).raw(&len(db))
    }

    pub(crate) fn expires(&mut self, unix_ms: u64) -> &mut Self {
        self.raw(&[252]).raw(&unix_ms.to_le_bytes())
    }

    /// The beginning of a record: its value follows.
    pub(crate) fn key(&mut self, ty: u8, key: &[u8]) -> &mut Self {
        self.raw(&[ty]).raw(&text(key))
    }

    pub(crate) fn string(&mut self, key: &[u8], value: &[u8]) -> &mut Self {
        self.key(0, key).raw(&text(value))
    }

    /// A list (1) or a set (2) of plain strings.
    pub(crate) fn table(&mut self, ty: u8, key: &[u8], items: &[&[u8]]) -> &mut Self {
        self.key(ty, key).raw(&len(items.len() as u64));
        items.iter().fold(self, |dump, item| dump.raw(&text(item)))
    }

    /// The bytes so far, without an end.
    pub(crate) fn cut(&self) -> Vec<u8> {
        self.bytes.clone()
    }

    /// The whole dump, with EOF and its checksum.
    pub(crate) fn finish(&self) -> Vec<u8> {
        let mut bytes = self.bytes.clone();
        bytes.push(255);
        let sum = checksum(&bytes);
        bytes.extend_from_slice(&sum.to_le_bytes());
        bytes
    }
}

pub(crate) fn checksum(bytes: &[u8]) -> u64 {
    let mut crc = Crc64::new();
    crc.update(bytes);
    crc.value()
}
