//! Streams: nodes of entries, what the stream knows of itself, consumer groups, idempotent producers.
//!
//! ```text
//! nodes      LEN n, n x { STR 16-byte id, STR listpack }
//! counters   LEN length, last id; from 7.0 on first id, highest deleted id, entries added
//! groups     LEN n, n x { STR name, last id, [entries read], pending entries, consumers with what they own }
//! producers  (8.6) settings, LEN n, n x { STR id, LEN k, k x { STR iid, id } }, counters
//! ```
//! Every pending entry of a group has exactly one owner: servers refuse the file otherwise.

use super::{Flaw, Out, Text};
use crate::base::UnixMs;
use crate::encoding::Packed;
use crate::encoding::stream_node::{self, NodeVisitor, StreamId};
use crate::rdb::grammar::Role;
use crate::rdb::item::{Element, Measured, Packing, Shape, Sink, StreamInfo};
use hashbrown::HashMap;
use hashbrown::HashSet;

/// Pending entries of one group that are compared one by one; more are compared as sums of their fingerprints.
const MOST_PENDING: usize = 1 << 18;
/// Names of groups, or of consumers of a group, or of producers, that are compared with each other.
const MOST_NAMES: usize = 1 << 16;

#[derive(Debug, Default)]
pub(super) struct Stream {
    node: Option<StreamId>,
    last_node: Option<StreamId>,
    entries: u64,
    last_entry: Option<StreamId>,
    info: StreamInfo,
    group: Vec<u8>,
    group_last: StreamId,
    group_read: Option<u64>,
    group_open: bool,
    consumer: Vec<u8>,
    consumer_seen: UnixMs,
    consumer_open: bool,
    pending_id: StreamId,
    pending_time: UnixMs,
    pending: Pending,
    producer_iid: Vec<u8>,
    produced_ms: u64,
    groups: Names,
    consumers: Names,
    producers: Names,
}

/// The pending entries of one group and who owns them.
#[derive(Debug, Default)]
struct Pending {
    announced: u64,
    owned: HashMap<StreamId, bool>,
    /// Sums over all entries, and over all owned ones, where there are too many to keep.
    sums: Option<[(u64, u128); 2]>,
    last: Option<StreamId>,
}

/// Names that must differ.
#[derive(Debug, Default)]
struct Names(HashSet<u128>);

impl Names {
    fn insert(&mut self, what: &'static str, text: &Text<'_>) -> Result<(), Flaw> {
        if self.0.len() >= MOST_NAMES || self.0.insert(text.fingerprint()) {
            return Ok(());
        }
        let found = format!("{} again", crate::base::flaw::quote(text.head()));
        Err(Flaw::new("duplicate-name", what, 0, "each name once", found))
    }
}

impl Stream {
    pub(super) fn reset(&mut self) {
        let pending = std::mem::take(&mut self.pending.owned);
        *self = Self::default();
        // Its table is used again: most streams have groups, and few have many pending entries.
        if pending.capacity() < 4096 {
            self.pending.owned = pending;
            self.pending.owned.clear();
        }
    }

    pub(super) fn number<S: Sink>(&mut self, role: Role, value: u64, out: &mut Out<'_, S>) -> Result<(), Flaw> {
        match role {
            Role::StreamLength => self.info.length = value,
            Role::LastMs => self.info.last_id.ms = value,
            Role::LastSeq => self.info.last_id.seq = value,
            Role::FirstMs => self.info.first_id.ms = value,
            Role::FirstSeq => self.info.first_id.seq = value,
            Role::MaxDeletedMs => self.info.max_deleted_id.ms = value,
            Role::MaxDeletedSeq => self.info.max_deleted_id.seq = value,
            Role::EntriesAdded => self.info.entries_added = value,
            Role::Groups => {
                out.detail(Element::StreamInfo(self.info));
                return self.check_counters();
            }
            Role::GroupLastMs => self.group_last.ms = value,
            Role::GroupLastSeq => self.group_last.seq = value,
            Role::GroupRead => self.group_read = (value != u64::MAX).then_some(value),
            Role::PelCount => {
                self.open_group(out);
                self.pending.begin(value);
            }
            Role::PelDeliveries => {
                let (id, delivered) = (self.pending_id, self.pending_time);
                out.detail(Element::Pending { id, delivered, deliveries: value });
                return self.pending.add(id);
            }
            Role::Consumers => self.consumers.0.clear(),
            Role::OwnedCount => self.open_consumer(None, out),
            Role::IdmpDuration if !(1..=86_400).contains(&value) => {
                return Err(Flaw::new(
                    "producer-settings",
                    "producer duration",
                    0,
                    "1 to 86400 seconds",
                    value.to_string(),
                ));
            }
            Role::IdmpMax if !(1..=10_000).contains(&value) => {
                return Err(Flaw::new("producer-settings", "producer entries", 0, "1 to 10000", value.to_string()));
            }
            Role::IdmpDuration => return self.end_group(),
            Role::ProducerMs => self.produced_ms = value,
            Role::ProducerSeq => {
                let id = StreamId { ms: self.produced_ms, seq: value };
                out.detail(Element::Produced { iid: &self.producer_iid, id });
            }
            _ => {}
        }
        Ok(())
    }

    pub(super) fn bytes<S: Sink>(&mut self, role: Role, bytes: &[u8], out: &mut Out<'_, S>) -> Result<(), Flaw> {
        let time = || UnixMs(super::le_i64(bytes));
        match role {
            Role::PelId => self.pending_id = id(bytes),
            Role::PelTime => self.pending_time = time(),
            Role::SeenTime => {
                self.consumer_seen = time();
                self.consumer_open = true;
            }
            Role::ActiveTime => self.open_consumer(Some(time()), out),
            Role::OwnedId => {
                let id = id(bytes);
                out.detail(Element::Owned(id));
                return self.pending.own(id, "consumer's pending id");
            }
            Role::NackId => {
                let id = id(bytes);
                out.detail(Element::Released(id));
                return self.pending.own(id, "released pending id");
            }
            _ => {}
        }
        Ok(())
    }

    pub(super) fn text<S: Sink>(
        &mut self,
        role: Role,
        text: Text<'_>,
        shape: &mut Shape,
        out: &mut Out<'_, S>,
    ) -> Result<(), Flaw> {
        match role {
            Role::NodeId => {
                self.node = None;
                let Text::Whole(bytes) = text else { return Err(bad_id(text.len())) };
                if bytes.len() != 16 {
                    return Err(bad_id(text.len()));
                }
                let node = id(bytes);
                let ascending = self.last_node.is_none_or(|last| last < node);
                self.node = Some(node);
                self.last_node = Some(node);
                if ascending {
                    return Ok(());
                }
                let expected = "nodes in ascending order, each once";
                Err(Flaw::new("stream-node-order", "stream node id", 0, expected, node.to_string()))
            }
            Role::NodeListpack => {
                let Text::Whole(blob) = text else {
                    let found = format!("{} bytes", text.len());
                    return Err(Flaw::new("not-looked-into", "stream node", 0, "one that fits into memory", found));
                };
                // A node whose id is broken still has its entries.
                let master = self.node.take().unwrap_or_default();
                out.blob(Packing::StreamNode(master), blob.len());
                let mut entries = Entries { shape, out, open: None };
                let stats = stream_node::walk(master, blob, &mut entries)?;
                entries.close();
                self.entries = self.entries.saturating_add(stats.live);
                let after_last = match (self.last_entry, stats.first) {
                    (Some(last), Some(first)) => last < first,
                    _ => true,
                };
                self.last_entry = stats.last.or(self.last_entry);
                if stats.ascending && after_last {
                    return Ok(());
                }
                Err(Flaw::new("stream-entry-order", "stream node", 0, "entries in ascending order", "one out of order"))
            }
            Role::GroupName => {
                let ended = self.end_group();
                self.group.clear();
                self.group.extend_from_slice(text.head());
                self.group_open = true;
                self.group_read = None;
                ended.and(self.groups.insert("group name", &text))
            }
            Role::ConsumerName => {
                self.consumer.clear();
                self.consumer.extend_from_slice(text.head());
                self.consumers.insert("consumer name", &text)
            }
            Role::ProducerId => {
                out.detail(Element::Producer(text.head()));
                self.producers.insert("producer id", &text)
            }
            Role::ProducerIid => {
                self.producer_iid.clear();
                self.producer_iid.extend_from_slice(text.head());
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Ends the stream.
    pub(super) fn end(&mut self) -> Result<(), Flaw> {
        self.end_group()
    }

    fn check_counters(&self) -> Result<(), Flaw> {
        if self.entries != self.info.length {
            let expected = format!("{} entries, as the nodes hold", self.entries);
            return Err(Flaw::new("stream-length", "stream length", 0, expected, self.info.length.to_string()));
        }
        match self.last_entry {
            Some(last) if last > self.info.last_id => {
                let expected = format!("at least {last}, the last entry's");
                Err(Flaw::new("stream-last-id", "last stream id", 0, expected, self.info.last_id.to_string()))
            }
            _ => Ok(()),
        }
    }

    fn open_group<S: Sink>(&mut self, out: &mut Out<'_, S>) {
        if std::mem::take(&mut self.group_open) {
            let (last_id, entries_read) = (self.group_last, self.group_read);
            out.detail(Element::Group { name: &self.group, last_id, entries_read });
        }
    }

    /// A consumer is known when its times are: before its pending count in old versions, after it in none.
    fn open_consumer<S: Sink>(&mut self, active: Option<UnixMs>, out: &mut Out<'_, S>) {
        if std::mem::take(&mut self.consumer_open) {
            let active = active.filter(|at| at.0 >= 0);
            out.detail(Element::Consumer { name: &self.consumer, seen: self.consumer_seen, active });
        }
    }

    fn end_group(&mut self) -> Result<(), Flaw> {
        let outcome = self.pending.end();
        self.pending.begin(0);
        outcome
    }
}

/// Measures the entries of a node, and hands them over.
struct Entries<'e, 's, S: Sink> {
    shape: &'e mut Shape,
    out: &'e mut Out<'s, S>,
    /// Bytes of the live entry in progress.
    open: Option<u64>,
}

impl<S: Sink> Entries<'_, '_, S> {
    fn close(&mut self) {
        if let Some(bytes) = self.open.take() {
            self.shape.elements = self.shape.elements.saturating_add(1);
            self.shape.payload_bytes = self.shape.payload_bytes.saturating_add(bytes);
            self.shape.largest_element_bytes = self.shape.largest_element_bytes.max(bytes);
            self.out.one(Measured { bytes: &[], len: bytes, int: None });
        }
    }
}

impl<S: Sink> NodeVisitor for Entries<'_, '_, S> {
    fn entry(&mut self, id: StreamId, deleted: bool, fields: u64) {
        self.close();
        if !deleted {
            self.open = Some(0);
            self.out.element(Element::StreamEntry { id, fields });
        }
    }

    fn field(&mut self, name: Packed<'_>, value: Packed<'_>) {
        let Some(bytes) = &mut self.open else { return };
        *bytes = bytes.saturating_add(name.len() as u64).saturating_add(value.len() as u64);
        if self.out.emit {
            let (mut a, mut b) = (itoa::Buffer::new(), itoa::Buffer::new());
            self.out.element(Element::Field { field: name.bytes(&mut a), value: value.bytes(&mut b), expire_at: None });
        }
    }
}

impl Pending {
    fn begin(&mut self, announced: u64) {
        self.announced = announced;
        self.owned.clear();
        self.last = None;
        self.sums = (announced > MOST_PENDING as u64).then_some([(0, 0); 2]);
    }

    fn add(&mut self, id: StreamId) -> Result<(), Flaw> {
        let ascending = self.last.is_none_or(|last| last < id);
        self.last = Some(id);
        if let Some(sums) = &mut self.sums {
            add(&mut sums[0], id);
            if ascending {
                return Ok(());
            }
            return Err(Flaw::new("pending-order", "pending id", 0, "ids in ascending order", id.to_string()));
        }
        match self.owned.insert(id, false) {
            None => Ok(()),
            Some(_) => Err(Flaw::new("duplicate-pending", "pending id", 0, "each id once", format!("{id} again"))),
        }
    }

    fn own(&mut self, id: StreamId, what: &'static str) -> Result<(), Flaw> {
        if let Some(sums) = &mut self.sums {
            add(&mut sums[1], id);
            return Ok(());
        }
        match self.owned.get_mut(&id) {
            Some(owned) if !*owned => {
                *owned = true;
                Ok(())
            }
            Some(_) => Err(Flaw::new("pending-owner", what, 0, "one owner", format!("{id} owned again"))),
            None => Err(Flaw::new("pending-owner", what, 0, "an id that is pending in the group", id.to_string())),
        }
    }

    fn end(&mut self) -> Result<(), Flaw> {
        if let Some([all, owned]) = self.sums {
            if all == owned {
                return Ok(());
            }
            let expected = format!("{} pending ids, each with one owner", all.0);
            let found = format!("{} owned ids that are not the same", owned.0);
            return Err(Flaw::new("pending-owner", "group", 0, expected, found));
        }
        match self.owned.iter().filter(|(_, owned)| !**owned).map(|(id, _)| id).min() {
            None => Ok(()),
            Some(id) => {
                let expected = "an owner for every pending id";
                Err(Flaw::new("pending-owner", "group", 0, expected, format!("{id} without one")))
            }
        }
    }
}

/// Sums do not depend on the order, and ids in ascending order occur once: equal sums of 128-bit fingerprints mean the same
/// ids but for a chance of one in 2^128.
fn add(sum: &mut (u64, u128), id: StreamId) {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&id.ms.to_be_bytes());
    bytes[8..].copy_from_slice(&id.seq.to_be_bytes());
    sum.0 = sum.0.wrapping_add(1);
    sum.1 = sum.1.wrapping_add(xxhash_rust::xxh3::xxh3_128(&bytes));
}

/// Two big-endian numbers.
fn id(bytes: &[u8]) -> StreamId {
    let number = |at: usize| {
        let bytes = bytes.get(at..).and_then(|bytes| bytes.first_chunk());
        bytes.map_or(0, |bytes| u64::from_be_bytes(*bytes))
    };
    StreamId { ms: number(0), seq: number(8) }
}

#[cold]
fn bad_id(bytes: u64) -> Flaw {
    Flaw::new("stream-node-id", "stream node id", 0, "16 bytes", format!("{bytes} bytes"))
}
