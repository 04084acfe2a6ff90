//! Stretches of a file read a second time.

use crate::base::{Cancel, Error, ErrorKind, Result};
use crate::source::Again;
use std::io::{self, Read};

/// A file whose stretches are asked for one after the other, nearly in order. A packed one is unpacked in one pass beside
/// the first: what has gone by lately is kept, so that a stretch may begin before the end of the last.
pub(super) struct Reread {
    again: Again,
    packed: Option<Packed>,
    cancel: Cancel,
}

#[derive(Default)]
struct Packed {
    reader: Option<Box<dyn Read + Send>>,
    /// What stands before `at`, where the reader is.
    window: Vec<u8>,
    at: u64,
}

impl Reread {
    /// The longest stretch, and what is kept of a packed file: twice that for a moment.
    pub(super) const LONGEST: u64 = 16 << 20;
    const STEP: u64 = 256 << 10;

    pub(super) fn new(again: Again, packed: bool, cancel: Cancel) -> Self {
        Self { again, packed: packed.then(Packed::default), cancel }
    }

    /// The bytes from one place to another; none of a stretch longer than [`Reread::LONGEST`].
    pub(super) fn read(&mut self, from: u64, to: u64) -> Result<Vec<u8>> {
        let length = to.saturating_sub(from);
        if length == 0 || length > Self::LONGEST {
            return Ok(Vec::new());
        }
        if let Some(packed) = &mut self.packed {
            return packed.read(from, to, &self.again, &self.cancel);
        }
        let mut bytes = Vec::new();
        self.again.open_at(from)?.take(length).read_to_end(&mut bytes).map_err(failed)?;
        Ok(bytes)
    }
}

impl Packed {
    fn read(&mut self, from: u64, to: u64, again: &Again, cancel: &Cancel) -> Result<Vec<u8>> {
        let kept_from = self.at.saturating_sub(self.window.len() as u64);
        let reader = match &mut self.reader {
            Some(reader) if from >= kept_from => reader,
            reader => {
                self.window.clear();
                self.at = from;
                reader.insert(again.open_at(from)?)
            }
        };
        while self.at < to {
            if cancel.is_cancelled() {
                return Err(Error::new(ErrorKind::Interrupted));
            }
            let step = to.saturating_sub(self.at).min(Reread::STEP);
            let read = reader.take(step).read_to_end(&mut self.window).map_err(failed)?;
            if read == 0 {
                break;
            }
            self.at = self.at.saturating_add(read as u64);
            let surplus = self.window.len().saturating_sub(usize_of(Reread::LONGEST));
            if surplus > usize_of(Reread::LONGEST) {
                self.window.drain(..surplus);
            }
        }
        let before = |place: u64| self.window.len().saturating_sub(usize_of(self.at.saturating_sub(place)));
        Ok(self.window.get(before(from)..before(to)).unwrap_or_default().to_vec())
    }
}

fn failed(error: io::Error) -> Error {
    Error::io("read it again", error)
}

/// A length as an index: of more than there can be, the most there can be.
pub(super) fn usize_of(count: u64) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Place;
    use std::io::Write;

    #[test]
    fn a_packed_file_gives_the_same_stretches_as_a_plain_one() {
        let plain: Vec<u8> = (0..9_000_000u32).flat_map(u32::to_le_bytes).collect();
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packed.write_all(&plain).expect("memory");
        let packed = packed.finish().expect("memory");
        let mut again = Reread::new(Again::new(Place::Bytes(packed)), true, Cancel::default());
        let end = plain.len() as u64;
        let stretches = [(5, 10), (7, 1000), (0, 3), (500, 600_000), (20 << 20, 36 << 20), (25 << 20, (36 << 20) + 1)];
        for (from, to) in stretches.into_iter().chain([(100, 200), (34 << 20, end), (end - 1, end + 9), (0, 17 << 20)])
        {
            let expected = plain.get(usize_of(from)..usize_of(to.min(end))).unwrap_or_default();
            let expected = if to - from > Reread::LONGEST { &[] } else { expected };
            assert!(again.read(from, to).expect("memory") == expected, "{from} to {to}");
        }
    }
}
