//! Adds up what one value after the other takes.

use super::Model;
use crate::keyspace::Encoding;
use crate::rdb::{Entry, Head, Part};

/// The estimate of one key at a time. Memory: a few sums.
#[derive(Debug, Clone)]
pub struct Meter {
    model: Model,
    blobs: u64,
    strings: u64,
}

impl Meter {
    /// For one model.
    pub fn new(model: Model) -> Self {
        Self { model, blobs: 0, strings: 0 }
    }

    /// A key's value begins.
    #[inline]
    pub fn begin(&mut self, _: &Head<'_>) {
        (self.blobs, self.strings) = (0, 0);
    }

    /// The next part of the value.
    #[inline]
    pub fn part(&mut self, part: &Part<'_>) {
        let allocator = self.model.allocator();
        match part {
            Part::Blob { bytes, .. } => {
                self.blobs = self.blobs.saturating_add(allocator.class(*bytes)).saturating_add(40);
            }
            Part::Element { name, value, .. } => {
                let value = value.map_or(0, |value| allocator.class(value.len.saturating_add(4)));
                let own = allocator.class(name.len.saturating_add(4)).saturating_add(value).saturating_add(32);
                self.strings = self.strings.saturating_add(own);
            }
            Part::Detail(_) => {}
        }
    }

    /// What the key that began comes to; none where nothing is known of its value: it was not decoded, or a log's command
    /// wrote it.
    pub fn entry(&self, entry: &Entry<'_>) -> Option<u64> {
        if entry.written_by.is_some() {
            return None;
        }
        let allocator = self.model.allocator();
        let shape = entry.shape?;
        let key = allocator.class(entry.head.key.len.saturating_add(4)).saturating_add(24);
        let value = match entry.encoding {
            Encoding::Int => 16,
            Encoding::Embstr | Encoding::Raw => allocator.class(shape.payload_bytes.saturating_add(20)),
            _ if self.blobs > 0 => self.blobs.saturating_add(16),
            _ => self.strings.saturating_add(72),
        };
        Some(key.saturating_add(value))
    }
}
