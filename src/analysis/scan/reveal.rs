//! The secrets themselves, for those who revoke them: a row for each hit, however many there are.

use super::found::Order;
use super::texts::{Record, Stood, Texts};
use crate::base::{Result, UnixMs};
use crate::keyspace::KeyName;
use crate::report::RevealedRow;
use crate::rules::{Hit, Rule};
use crate::spill::Sorter;
use hashbrown::HashSet;
use std::path::PathBuf;
use std::sync::Arc;

/// Bytes of the number of the file and of the offset, which [`Order::bytes`] begin with.
const RECORD_BYTES: usize = 12;

/// Rows of secrets and personal data, sorted in the scratch folder where they do not fit into memory.
pub struct Secrets {
    sorter: Sorter,
    /// Records that a filter on their size does not let through, after rows of them were taken.
    rejected: HashSet<Vec<u8>>,
    source: Arc<str>,
}

impl Secrets {
    pub(super) fn new(source: &Arc<str>, scratch: PathBuf, most_bytes: usize) -> Self {
        let sorter = Sorter::new(scratch, most_bytes, None);
        Self { sorter, rejected: HashSet::default(), source: Arc::clone(source) }
    }

    /// Adds the row of a hit.
    ///
    /// # Errors
    /// The scratch folder cannot be written.
    pub(super) fn push(
        &mut self,
        source: &str,
        order: &Order,
        rule: &Rule,
        texts: &Texts,
        (stood, record): (&Stood, &Record),
        hit: &Hit,
    ) -> Result<()> {
        let row = RevealedRow {
            rule: rule.id.clone(),
            source: source.to_owned(),
            db: record.db,
            key: texts.key_name(record),
            place: stood.place,
            element: texts.locator(stood, false, hit.decoded.is_empty().then_some(hit.at)),
            value: KeyName::whole(&hit.secret),
            values: (hit.distinct.len() as u64).max(1),
            valid_until: hit.valid_until.and_then(UnixMs::rfc3339),
            expire_at: record.expire_at.and_then(UnixMs::rfc3339),
        };
        let line = serde_json::to_vec(&row).unwrap_or_default();
        let key = [source.as_bytes(), &[0], order.bytes().as_slice()].concat();
        self.sorter.push(&key, &line)
    }

    /// The record at this place of the source does not count.
    pub(super) fn reject(&mut self, file: u32, offset: u64) {
        let place = [&file.to_be_bytes()[..], &offset.to_be_bytes()].concat();
        self.rejected.insert([self.source.as_bytes(), &[0], place.as_slice()].concat());
    }

    /// Adds those of another worker or source.
    pub(super) fn merge(&mut self, other: Self) -> Result<()> {
        self.rejected.extend(other.rejected);
        self.sorter.merge(other.sorter)
    }

    /// Gives away each row as a line of JSON without its end, by source and place.
    ///
    /// # Errors
    /// The scratch folder cannot be read; what `deliver` fails with.
    pub fn each(self, deliver: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<()> {
        let rejected = self.rejected;
        self.sorter.finish(&mut |key, line| {
            let name = memchr::memchr(0, key).map_or(0, |at| at.saturating_add(1));
            let record = key.get(..name.saturating_add(RECORD_BYTES)).unwrap_or(key);
            if !rejected.contains(record) {
                deliver(line)?;
            }
            Ok(true)
        })
    }
}
