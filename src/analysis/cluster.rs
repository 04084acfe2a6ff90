//! Cluster slots and hash tags.

use super::prefixes::chance;
use super::tracked::{Leaf, Share, Sum, Tracked};
use crate::base::Result;
use crate::keyspace::{hash_tag, slot_of};
use crate::pipeline::{Analyzer, Scope};
use crate::rdb::{Entry, Item, Opcode};
use crate::report::{Cluster, KeyName, SlotShare, TagShare};
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// Slots of a cluster.
const SLOTS: usize = 1 << 14;
/// Keys that wait to be counted. Their slots lie apart in memory: looked up together, the processor waits once for several.
const WAITING: usize = 256;
/// Bytes kept of a hash tag.
const TAG_BYTES: usize = 256;

/// Counts keys by slot and by hash tag; not those over 64 KiB without a tag in their first 1 KiB. Memory: 400 KiB for the
/// slots, once there is a key; of tags, some 2 KB times as many as are told apart.
#[derive(Debug, Clone)]
pub struct Slots {
    top: usize,
    /// Whether there is slot information.
    clustered: bool,
    /// By slot.
    sums: Vec<SlotSum>,
    /// Slots of keys, with what the keys come to.
    waiting: Vec<(u16, SlotSum)>,
    memory_known: bool,
    tagged_keys: u64,
    /// Keys by their tag: its slot and length, then its first bytes.
    tags: Tracked,
    buffer: Vec<u8>,
}

#[derive(Debug, Clone, Copy, Default)]
struct SlotSum {
    keys: u64,
    serialized_bytes: u64,
    memory_bytes: u64,
}

impl Slots {
    /// `most` hash tags are told apart exactly; `top` is the length of each list.
    pub fn new(most: usize, top: usize) -> Self {
        Self {
            top,
            clustered: false,
            sums: Vec::new(),
            waiting: Vec::new(),
            memory_known: false,
            tagged_keys: 0,
            tags: Tracked::new(most, 1, 0),
            buffer: Vec::new(),
        }
    }

    #[inline]
    fn entry(&mut self, entry: &Entry<'_>) {
        let key = &entry.head.key;
        let tag = hash_tag(key.head);
        // Of a key over 64 KiB only the beginning is here: without a tag in it, its slot is not known.
        if key.sha256.is_some() && tag.is_none() {
            return;
        }
        let slot = slot_of(tag, key.head);
        let memory_bytes = entry.memory_bytes.unwrap_or_default();
        self.waiting.push((slot, SlotSum { keys: 1, serialized_bytes: entry.serialized_bytes, memory_bytes }));
        if self.waiting.len() >= WAITING {
            self.settle();
        }
        self.memory_known |= entry.memory_bytes.is_some();
        if let Some(tag) = tag {
            self.tagged_keys = self.tagged_keys.saturating_add(1);
            self.buffer.clear();
            self.buffer.extend_from_slice(&slot.to_be_bytes());
            self.buffer.extend_from_slice(&(tag.len() as u64).to_be_bytes());
            self.buffer.extend_from_slice(tag.get(..TAG_BYTES).unwrap_or(tag));
            self.tags.add(&self.buffer, chance(entry), &Share::of(entry, None), key);
        }
    }

    fn settle(&mut self) {
        if self.sums.is_empty() && !self.waiting.is_empty() {
            self.sums = vec![SlotSum::default(); SLOTS];
        }
        for (slot, own) in self.waiting.drain(..) {
            if let Some(sum) = self.sums.get_mut(usize::from(slot)) {
                sum.add(&own);
            }
        }
    }

    /// The slots that hold most, largest first.
    fn hot_slots(&self) -> Vec<SlotShare> {
        let used = (0u16..).zip(&self.sums).filter(|(_, sum)| sum.keys > 0);
        let rows = used.map(|(slot, sum)| SlotShare {
            slot,
            keys: sum.keys,
            serialized_bytes: sum.serialized_bytes,
            memory_bytes: self.memory_known.then_some(sum.memory_bytes),
        });
        let mut rows: Vec<_> = rows.collect();
        rows.sort_unstable_by_key(|row| (Reverse((row.memory_bytes, row.keys)), row.slot));
        rows.truncate(self.top);
        rows
    }

    /// The tags that hold most, largest first: those of which two standard errors are less than they hold.
    fn hash_tags(&self) -> Vec<TagShare> {
        let leaves = self.tags.leaves();
        let all = Sum::of(&leaves);
        let exact = self.tags.exact_depth().is_none();
        let mut by_tag: BTreeMap<&[u8], Vec<&Leaf<'_>>> = BTreeMap::new();
        for leaf in leaves.iter().filter(|leaf| !leaf.path.is_empty()) {
            by_tag.entry(leaf.path).or_default().push(leaf);
        }
        let row = |(path, leaves): (&[u8], Vec<&Leaf<'_>>)| {
            let sum = Sum::of(leaves);
            let figures = if exact { sum.known() } else { sum.part_of(&all) };
            let (slot, rest) = path.split_first_chunk()?;
            let (length, head) = rest.split_first_chunk()?;
            Some(TagShare {
                tag: KeyName::cut(head, u64::from_be_bytes(*length)),
                slot: u16::from_be_bytes(*slot),
                keys: figures.share.keys,
                keys_error: figures.keys_error,
                memory_bytes: figures.share.memory_bytes(),
                bytes_error: figures.weight_error,
            })
            // What is mostly error would fill the list by chance.
            .filter(|_| {
                let share = &figures.share;
                share.keys >= figures.keys_error.saturating_mul(2)
                    || share.weight() >= figures.weight_error.saturating_mul(2)
            })
        };
        let mut rows: Vec<_> = by_tag.into_iter().filter_map(row).collect();
        rows.sort_by(|a, b| {
            let rank = |row: &TagShare| Reverse((row.memory_bytes, row.keys));
            rank(a).cmp(&rank(b)).then_with(|| a.tag.cmp(&b.tag))
        });
        rows.truncate(self.top);
        rows
    }
}

impl SlotSum {
    #[inline]
    fn add(&mut self, other: &Self) {
        self.keys = self.keys.saturating_add(other.keys);
        self.serialized_bytes = self.serialized_bytes.saturating_add(other.serialized_bytes);
        self.memory_bytes = self.memory_bytes.saturating_add(other.memory_bytes);
    }
}

impl Analyzer for Slots {
    /// None if there are no keys.
    type Output = Option<Cluster>;

    fn fork(&self) -> Self {
        Self { tags: self.tags.fork(), ..Self::new(1, self.top) }
    }

    #[inline]
    fn observe(&mut self, item: &Item<'_>) -> Result<()> {
        match item {
            Item::Entry(entry) => self.entry(entry),
            // Redis 7.4 and later, and Valkey 8.0 and later, write it as members of a cluster.
            Item::Opcode { opcode: Opcode::SlotInfo, .. } | Item::Aux { name: b"slot-info", .. } => {
                self.clustered = true;
            }
            _ => {}
        }
        Ok(())
    }

    fn merge(&mut self, mut other: Self) -> Result<()> {
        self.settle();
        other.settle();
        self.clustered |= other.clustered;
        self.memory_known |= other.memory_known;
        self.tagged_keys = self.tagged_keys.saturating_add(other.tagged_keys);
        if self.sums.is_empty() {
            self.sums = other.sums;
        } else {
            self.sums.iter_mut().zip(&other.sums).for_each(|(own, other)| own.add(other));
        }
        self.tags.merge(other.tags);
        Ok(())
    }

    fn finish(mut self, _: &Scope) -> Result<Self::Output> {
        self.settle();
        let used = |(slot, sum): (u16, &SlotSum)| (sum.keys > 0).then_some((slot, sum.keys));
        let used: Vec<_> = (0..).zip(&self.sums).filter_map(used).collect();
        let counts = || used.iter().map(|(_, keys)| *keys);
        Ok((!used.is_empty()).then(|| Cluster {
            clustered: self.clustered,
            slots: used.len() as u64,
            first_slot: used.first().map(|(slot, _)| *slot),
            last_slot: used.last().map(|(slot, _)| *slot),
            least_keys: counts().min().unwrap_or_default(),
            most_keys: counts().max().unwrap_or_default(),
            hot_slots: self.hot_slots(),
            tagged_keys: self.tagged_keys,
            hash_tags: self.hash_tags(),
            sampled_keys: self.tags.sampled_keys(),
        }))
    }
}
