//! Adds up what one value after the other takes.

use super::Model;
use super::cost::{Cost, Counting};
use super::elements::{Elements, PARTS};
use super::packed::{self, Ints};
use super::servers::{Server, Table};
use super::streams::Sum;
use super::strings::{Content, Name};
use super::tables;
use crate::encoding::integer;
use crate::keyspace::{Encoding, Type};
use crate::rdb::{Entry, Head, Packing, Part};

/// Up to so many elements sets and sorted sets are packed, hashes and sets of integers.
const PACKED: u64 = 128;
const PACKED_PAIRS: u64 = 512;
/// An element that is longer is not.
const PACKED_LEN: u64 = 64;
/// What finds a field of a hash by its expiry: Redis from 7.4 on does not say it, Valkey does.
const HIDDEN_EXPIRY: u64 = 4;
const KNOWN_EXPIRY: u64 = 26;
/// The value type of a list that is one ziplist.
const LIST_ZIPLIST: u8 = 10;
/// Hashes that are a listpack with the expiries of their fields.
const EXPIRING_LISTPACKS: [u8; 2] = [23, 25];
/// The least that an entry of a listpack or an integer of an intset takes.
const LEAST_ENTRY: u64 = 2;
/// A node of a list.
const NODE_BYTES: u64 = 8 << 10;
/// What a node is given room for besides the next element.
const NODE_SPARE: u64 = 8;

/// The estimate of one key at a time. Memory: a few sums, and 1 KiB of costs that are looked up.
#[derive(Debug, Clone)]
pub struct Meter {
    server: &'static Server,
    counting: Counting,
    elements: Elements,
    ty: Type,
    /// A list that is one ziplist: no server makes a listpack list of it.
    was_ziplist: bool,
    /// A hash that is a listpack where the server has none: with expiries.
    unpacks: bool,
    name: Name,
    value: Value,
    stream: Sum,
}

/// What is known of the value in progress.
#[derive(Debug, Clone, Copy)]
struct Value {
    count: u64,
    expiring: u64,
    /// Elements as those of a table.
    table: Cost,
    /// Nodes of a skiplist, in parts of a byte.
    nodes: u64,
    /// Elements as entries of a listpack.
    packed: u64,
    /// How many came before the first that is too long for one.
    short: Option<u64>,
    ints: Option<Ints>,
    blobs: u64,
    /// The blobs, but for the one in progress.
    blob_cost: Cost,
    blob: Option<(Packing, u64)>,
    /// What its elements are makes no difference.
    only_counted: bool,
    /// Of a list that came one by one: the nodes before the last one, and what is in that.
    list: (u64, Cost, u64),
}

impl Value {
    const NEW: Self = Self {
        count: 0,
        expiring: 0,
        table: Cost { said: 0, taken: 0 },
        nodes: 0,
        packed: 0,
        short: None,
        ints: Some(Ints::NONE),
        blobs: 0,
        blob_cost: Cost { said: 0, taken: 0 },
        blob: None,
        only_counted: false,
        list: (0, Cost { said: 0, taken: 0 }, 0),
    };
}

/// What a key takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Estimate {
    /// What `MEMORY USAGE key SAMPLES 0` says, in bytes.
    pub usage_bytes: u64,
    /// What it adds to `used_memory`, in bytes: MEMORY USAGE leaves some things out, and guesses others.
    pub allocated_bytes: u64,
}

impl Meter {
    /// For one model.
    pub fn new(model: Model) -> Self {
        let (server, counting) = (model.knowledge(), model.counting());
        Self {
            server,
            counting,
            elements: Elements::new(server, counting),
            ty: Type::String,
            was_ziplist: false,
            unpacks: false,
            name: Name::default(),
            value: Value::NEW,
            stream: Sum::new(server.streams, counting),
        }
    }

    /// A key's value begins.
    #[inline]
    pub fn begin(&mut self, head: &Head<'_>) {
        self.ty = head.value_type.ty;
        self.was_ziplist = head.value_type.id == LIST_ZIPLIST;
        self.unpacks = self.server.expiring_listpack.is_none() && EXPIRING_LISTPACKS.contains(&head.value_type.id);
        self.name = Name { len: head.key.len, expires: head.expire_at.is_some() };
        let has_tables = matches!(self.ty, Type::List | Type::Set | Type::Zset | Type::Hash);
        self.value = Value { only_counted: !has_tables, ..Value::NEW };
        if self.ty == Type::Stream {
            self.stream = Sum::new(self.server.streams, self.counting);
        }
    }

    /// The next part of the value.
    #[inline]
    pub fn part(&mut self, part: &Part<'_>) {
        match part {
            Part::Blob { packing, bytes } => self.blob(*packing, *bytes),
            Part::Element { expires, .. } => {
                if !self.value.only_counted {
                    self.element(part);
                }
                self.value.count = self.value.count.saturating_add(1);
                self.value.expiring = self.value.expiring.saturating_add(u64::from(*expires));
            }
            Part::Detail(detail) if self.ty == Type::Stream => self.stream.detail(detail),
            Part::Detail(_) => {}
        }
    }

    fn blob(&mut self, packing: Packing, bytes: u64) {
        if let Packing::StreamNode(id) = packing {
            return self.stream.node(id, bytes);
        }
        self.close_blob();
        self.value.only_counted = self.stays_packed(packing, bytes);
        self.value.blobs = self.value.blobs.saturating_add(1);
        self.value.blob = Some((packing, bytes));
    }

    /// Whether all that counts of a blob is its length: it cannot hold more elements than servers keep packed.
    fn stays_packed(&self, packing: Packing, bytes: u64) -> bool {
        let most = match (self.ty, packing) {
            (Type::List, Packing::Listpack | Packing::Plain) => return true,
            (Type::Set, Packing::Listpack) => PACKED,
            (Type::Set, Packing::Intset) => PACKED_PAIRS,
            (Type::Zset, Packing::Listpack) => PACKED * 2,
            // The fields of one from a template stand elsewhere.
            (Type::Hash, Packing::Listpack) if !self.unpacks => PACKED_PAIRS,
            _ => return false,
        };
        bytes <= most * LEAST_ENTRY
    }

    /// A ziplist is turned into a listpack that is as long as it has to be.
    /// Source: MEMORY USAGE of Redis 7.0.15, 7.4.1 and 8.6.3 after they loaded ziplists.
    fn close_blob(&mut self) {
        let Some((packing, bytes)) = self.value.blob.take() else { return };
        let bytes = match packing {
            Packing::Ziplist | Packing::Zipmap => self.value.packed.saturating_add(packed::LISTPACK),
            _ => bytes,
        };
        self.value.packed = 0;
        self.value.blob_cost.add(self.counting.blob(bytes));
    }

    #[inline]
    fn element(&mut self, part: &Part<'_>) {
        let Part::Element { name, value, expires, .. } = part else { return };
        let own = &mut self.value;
        match self.ty {
            Type::Set => own.table.add(self.elements.member(name)),
            Type::Zset => {
                own.table.add(self.elements.scored(name));
                own.nodes = own.nodes.saturating_add(self.elements.node(name));
            }
            Type::Hash => {
                if let Some(value) = value {
                    own.table.add(self.elements.field(name, value, *expires));
                }
            }
            _ => {}
        }
        let longest = value.map_or(name.len, |value| value.len.max(name.len));
        if longest > PACKED_LEN && own.short.is_none() {
            own.short = Some(own.count);
        }
        let converted = own.blob.is_some_and(|(packing, _)| matches!(packing, Packing::Ziplist | Packing::Zipmap));
        let small = own.blobs == 0 && own.short.is_none() && own.count <= PACKED_PAIRS;
        if converted || small || (own.blobs == 0 && self.ty == Type::List) {
            self.pack(part);
        }
    }

    /// The element as it is packed.
    fn pack(&mut self, part: &Part<'_>) {
        let Part::Element { name, value, expires, score } = part else { return };
        let own = &mut self.value;
        let name_bytes = packed::entry(name);
        let second = match (value, score) {
            (Some(value), _) => packed::entry(value),
            (None, Some(score)) => packed::score(*score, self.server.packs_all),
            (None, None) => 0,
        };
        // A hash with expiries has one for every field: 0 where there is none.
        let expiry = if *expires { 8 } else { 0 };
        let bytes = name_bytes.saturating_add(second).saturating_add(expiry);
        if self.ty == Type::List && own.blobs == 0 {
            return self.push(name.len, bytes);
        }
        own.packed = own.packed.saturating_add(bytes);
        if self.ty == Type::Set {
            own.ints = match (own.ints, name.int.or_else(|| integer::parse(name.bytes))) {
                (Some(mut ints), Some(int)) => {
                    ints.add(int);
                    Some(ints)
                }
                _ => None,
            };
        }
    }

    /// An element of a list that came by itself: into the last node while that has room.
    fn push(&mut self, len: u64, bytes: u64) {
        let (nodes, cost, last) = &mut self.value.list;
        let full = |last: u64| last.saturating_add(bytes).saturating_add(NODE_SPARE) > NODE_BYTES;
        if *last > 0 && full(*last) {
            cost.add(self.counting.blob(*last));
            (*nodes, *last) = (nodes.saturating_add(1), 0);
        }
        if len.saturating_add(NODE_SPARE) > NODE_BYTES {
            cost.add(self.counting.blob(len));
            *nodes = nodes.saturating_add(1);
        } else {
            *last = last.saturating_add(bytes).saturating_add(if *last == 0 { packed::LISTPACK } else { 0 });
        }
    }

    /// What the key that began comes to; none where nothing is known of its value: it was not decoded, or a log's command
    /// wrote it.
    pub fn entry(&mut self, entry: &Entry<'_>) -> Option<Estimate> {
        let shape = entry.shape.filter(|_| entry.written_by.is_none())?;
        let keys = self.server.keys;
        let cost = match self.ty {
            Type::String => {
                let content = match entry.encoding {
                    // All of so few digits are below 10000.
                    Encoding::Int => Content::Int { small: shape.payload_bytes <= 4 },
                    _ => Content::Text(shape.payload_bytes),
                };
                self.name.with_string(content, keys, self.counting)
            }
            _ => self.name.with_pointer(keys, self.counting).plus(self.collection(entry.serialized_bytes)),
        };
        Some(Estimate { usage_bytes: cost.said, allocated_bytes: cost.taken })
    }

    fn collection(&mut self, serialized_bytes: u64) -> Cost {
        if self.ty == Type::Stream {
            return self.stream.finish();
        }
        let last = self.value.blob;
        self.close_blob();
        match self.ty {
            Type::List => self.list(last),
            Type::Set => self.set(last.map(|(packing, _)| packing)),
            Type::Zset => self.zset(),
            Type::Hash => self.hash(),
            // What a module keeps is its own affair: as much as it wrote.
            _ => self.counting.block(serialized_bytes),
        }
    }

    fn list(&self, last: Option<(Packing, u64)>) -> Cost {
        let Value { blobs, blob_cost, list: (nodes, cost, rest), .. } = self.value;
        let (nodes, cost) = if blobs > 0 {
            (blobs, blob_cost)
        } else if rest > 0 {
            (nodes.saturating_add(1), cost.plus(self.counting.blob(rest)))
        } else {
            (nodes, cost)
        };
        let is_packed = last.map_or(rest > 0, |(packing, bytes)| packing != Packing::Plain && bytes <= NODE_BYTES);
        if self.server.packs_all && nodes == 1 && is_packed && !self.was_ziplist {
            return cost;
        }
        let node = self.counting.counted(self.server.quicklist_node);
        self.counting.counted(self.server.quicklist).plus(node.times(nodes)).plus(cost)
    }

    fn set(&self, packing: Option<Packing>) -> Cost {
        let Value { count, blobs, blob_cost, ints, short, packed, .. } = self.value;
        if blobs > 0 {
            let most = if packing == Some(Packing::Intset) { PACKED_PAIRS } else { PACKED };
            return if count <= most { blob_cost } else { self.table(tables::power(count)) };
        }
        match ints {
            Some(ints) if count <= PACKED_PAIRS && short.is_none() => self.counting.blob(ints.intset(count)),
            _ if self.server.packs_all && count <= PACKED && short.is_none() => self.listpack(packed),
            _ => self.table(tables::power(count)),
        }
    }

    fn zset(&self) -> Cost {
        let Value { count, blobs, blob_cost, short, packed, nodes, .. } = self.value;
        if count <= PACKED && blobs > 0 {
            return blob_cost;
        }
        if count <= PACKED && short.is_none() {
            return self.listpack(packed);
        }
        let skiplist = self.server.skiplist;
        let nodes = nodes / PARTS;
        let nodes = Cost { said: nodes, taken: nodes };
        let head = if skiplist.head > 0 { self.counting.block(skiplist.head) } else { Cost::default() };
        self.counting.counted(skiplist.bytes).plus(head).plus(nodes).plus(self.table(tables::power(count)))
    }

    fn hash(&self) -> Cost {
        let Value { count, expiring, blobs, blob_cost, short, packed, .. } = self.value;
        let beside = match self.server.expiring_listpack {
            _ if expiring == 0 => Some(Cost::default()),
            Some(bytes) => Some(self.counting.counted(bytes)),
            None => None,
        };
        if let (Some(beside), true) = (beside, count <= PACKED_PAIRS) {
            if blobs > 0 {
                return blob_cost.plus(beside);
            }
            if short.is_none() {
                let expiries = if expiring > 0 { count.saturating_mul(2) } else { 0 };
                return self.listpack(packed.saturating_add(expiries)).plus(beside);
            }
        }
        // One that fits by its count was a listpack until an element was too long.
        let slots = match short {
            _ if expiring > 0 => tables::slots_after_growth(count),
            Some(before) if blobs == 0 && count <= PACKED_PAIRS && !self.server.as_asked => {
                tables::slots_after_conversion(before, count)
            }
            _ => tables::power(count),
        };
        self.table(slots).plus(self.expiries(expiring))
    }

    /// What finds the fields that expire by their time: said by Valkey alone.
    fn expiries(&self, expiring: u64) -> Cost {
        let Table::Buckets { .. } = self.server.table else {
            return Cost { said: 0, taken: expiring.saturating_mul(HIDDEN_EXPIRY) };
        };
        match expiring {
            0 | 1 => Cost::default(),
            2 => self.counting.counted(24),
            3..=127 => self.counting.block(expiring.saturating_mul(8).saturating_add(8)),
            _ => {
                let bytes = expiring.saturating_mul(KNOWN_EXPIRY);
                Cost { said: bytes, taken: bytes }
            }
        }
    }

    fn listpack(&self, entries: u64) -> Cost {
        self.counting.blob(entries.saturating_add(packed::LISTPACK))
    }

    /// The elements in a table; `slots` is for chained ones.
    fn table(&self, slots: u64) -> Cost {
        let (bytes, places) = match self.server.table {
            Table::Dict { bytes } => (bytes, tables::slots(slots, self.counting)),
            Table::Buckets { bytes } => (bytes, tables::buckets(self.value.count, self.counting)),
        };
        self.counting.counted(bytes).plus(places).plus(self.value.table)
    }
}
