//! Where the frames of a zstd file are, in zstd's seekable format: a skippable frame at the end of the file.
//!
//! ```text
//! 5e 2a 4d 18 │ length u32 │ packed u32, raw u32 per frame … │ frames u32 │ 00 │ b1 ea 92 8f
//! ```
//! Numbers are little-endian; `length` counts what follows it. Entries of other programs may have a checksum of four bytes more.
//! Source: the seekable format of zstd's contrib folder, version 0.1.0.

use crate::base::Cursor;

const SKIPPABLE: u32 = 0x184d_2a5e;
const SEEKABLE: u32 = 0x8f92_eab1;
const HEAD_BYTES: usize = 8;
/// Of the table's end: frames, descriptor, magic number.
pub(super) const FOOT_BYTES: usize = 9;
/// Most frames that are read in parallel: a table of 8 MiB, a file of some TiB.
const MOST_FRAMES: u32 = 1 << 20;

/// Bytes of each frame: packed, raw.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct SeekTable(pub(super) Vec<(u32, u32)>);

/// What the end of a file says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Foot {
    /// There is a table, and it has so many bytes with its head and foot.
    Table(usize),
    /// There is none, or one that is too long to be held.
    None,
}

impl Foot {
    /// From the last [`FOOT_BYTES`] of the file.
    pub(super) fn parse(foot: &[u8]) -> Self {
        let read = || {
            let mut foot = Cursor::new(foot);
            let frames = foot.array("frames").map(u32::from_le_bytes).ok()?;
            let [descriptor] = foot.array("descriptor").ok()?;
            let magic = foot.array("magic").map(u32::from_le_bytes).ok()?;
            let known = magic == SEEKABLE && matches!(descriptor, 0 | 0x80) && frames <= MOST_FRAMES;
            let entries = usize::try_from(frames).ok()?.checked_mul(entry_bytes(descriptor))?;
            known.then(|| entries.checked_add(HEAD_BYTES + FOOT_BYTES)).flatten()
        };
        read().map_or(Foot::None, Foot::Table)
    }
}

fn entry_bytes(descriptor: u8) -> usize {
    if descriptor & 0x80 == 0 { 8 } else { 12 }
}

impl SeekTable {
    /// As it stands in a file. None: more frames than the format can count.
    pub(super) fn to_bytes(&self) -> Option<Vec<u8>> {
        let frames = u32::try_from(self.0.len()).ok()?;
        let length = frames.checked_mul(8)?.checked_add(u32::try_from(FOOT_BYTES).ok()?)?;
        let mut bytes = Vec::new();
        bytes.extend(SKIPPABLE.to_le_bytes());
        bytes.extend(length.to_le_bytes());
        for (packed, raw) in &self.0 {
            bytes.extend(packed.to_le_bytes());
            bytes.extend(raw.to_le_bytes());
        }
        bytes.extend(frames.to_le_bytes());
        bytes.push(0);
        bytes.extend(SEEKABLE.to_le_bytes());
        Some(bytes)
    }

    /// Reads a table with its head and foot. None if it contradicts itself, or the file it is said to be of: its frames and
    /// itself must be all of it.
    pub(super) fn parse(bytes: &[u8], file_bytes: u64) -> Option<Self> {
        let foot = bytes.get(bytes.len().checked_sub(FOOT_BYTES)?..)?;
        if Foot::parse(foot) != Foot::Table(bytes.len()) {
            return None;
        }
        let entry_bytes = entry_bytes(*foot.get(4)?);
        let mut head = Cursor::new(bytes);
        let magic = head.array("magic").map(u32::from_le_bytes).ok()?;
        let length = head.array("length").map(u32::from_le_bytes).ok()?;
        if magic != SKIPPABLE || usize::try_from(length).ok()? != bytes.len().checked_sub(HEAD_BYTES)? {
            return None;
        }
        let entries = bytes.get(HEAD_BYTES..bytes.len().checked_sub(FOOT_BYTES)?)?;
        let mut frames = Vec::with_capacity(entries.len() / entry_bytes);
        let mut packed_bytes = bytes.len() as u64;
        for entry in entries.chunks_exact(entry_bytes) {
            let mut entry = Cursor::new(entry);
            let packed = entry.array("packed").map(u32::from_le_bytes).ok()?;
            let raw = entry.array("raw").map(u32::from_le_bytes).ok()?;
            packed_bytes = packed_bytes.checked_add(u64::from(packed))?;
            frames.push((packed, raw));
        }
        (packed_bytes == file_bytes).then_some(Self(frames))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> (Vec<u8>, u64) {
        let bytes = SeekTable(vec![(100, 1000), (7, 0), (200, 50)]).to_bytes().expect("few frames");
        let file = 307 + bytes.len() as u64;
        (bytes, file)
    }

    #[test]
    fn a_table_is_read_as_it_is_written() {
        let (bytes, file) = table();
        assert_eq!(bytes.len(), 8 + 3 * 8 + 9);
        assert_eq!(SeekTable::parse(&bytes, file).and_then(|table| table.to_bytes()), Some(bytes));
    }

    #[test]
    fn a_table_with_checksums_is_read_too() {
        let mut bytes = vec![0x5e, 0x2a, 0x4d, 0x18, 21, 0, 0, 0, 100, 0, 0, 0, 9, 0, 0, 0, 1, 2, 3, 4];
        bytes.extend([1, 0, 0, 0, 0x80, 0xb1, 0xea, 0x92, 0x8f]);
        assert_eq!(SeekTable::parse(&bytes, 129), Some(SeekTable(vec![(100, 9)])));
    }

    #[test]
    fn a_table_that_lies_is_none() {
        let (bytes, file) = table();
        assert_eq!(SeekTable::parse(&bytes, file + 1), None);
        for at in 0..bytes.len() {
            let mut other = bytes.clone();
            other[at] ^= 0x40;
            let raw_size = (8..32).contains(&at) && (at - 8) % 8 >= 4;
            assert_eq!(SeekTable::parse(&other, file).is_some(), raw_size, "{at}");
            assert_eq!(SeekTable::parse(&bytes[at..], file).is_some(), at == 0, "{at}");
        }
        let mut foot = [0xff; FOOT_BYTES];
        foot[4..].copy_from_slice(&[0, 0xb1, 0xea, 0x92, 0x8f]);
        assert_eq!(Foot::parse(&foot), Foot::None, "four billion frames");
        assert_eq!(Foot::parse(&[]), Foot::None);
    }
}
