//! Totals per database, type and encoding.

use super::per_type::PerType;
use crate::base::Result;
use crate::keyspace::{Encoding, Type};
use crate::memory::{Model, overhead_bytes};
use crate::pipeline::{Analyzer, Scope};
use crate::rdb::{Depth, Entry, Head, Item};
use crate::report::{DatabaseShare, Keyspace, MemoryModel, TypeShare};
use std::collections::BTreeMap;

/// Databases that are told apart: the lowest numbers.
const MOST_DATABASES: usize = 1 << 16;

/// Adds up keys, expiries, elements and bytes.
#[derive(Debug, Clone, Default)]
pub struct Totals {
    /// By type and encoding.
    shares: PerType<[TypeShare; Encoding::ALL.len()]>,
    databases: BTreeMap<u64, TypeShare>,
    /// The database that was added to last: nearly always the next one too.
    recent: Option<(u64, TypeShare)>,
    functions: u64,
    /// Keys whose memory is a rough guess.
    guessed: u64,
    /// What the keys were allocated more than MEMORY USAGE says; less where it is negative.
    unsaid: i128,
}

impl Totals {
    /// What all keys take on a server, in bytes, where they share one keyspace: what MEMORY USAGE says of them, what it leaves
    /// out, and the tables of the databases.
    pub fn used_memory_bytes(&self, model: &Model) -> u64 {
        let mut totals = self.clone();
        totals.settle();
        let tables = overhead_bytes(model, totals.databases.values().map(|share| (share.keys, share.expires)));
        let keys = totals.shares().filter_map(|(.., share)| share.memory_bytes).fold(0, u64::saturating_add);
        let sum = self.unsaid.saturating_add(i128::from(tables)).saturating_add(i128::from(keys));
        u64::try_from(sum).unwrap_or(0)
    }

    /// The model as the report names it.
    pub fn memory_model(&self, model: &Model) -> MemoryModel {
        MemoryModel {
            server: model.server().to_owned(),
            allocator: model.allocator().name().to_owned(),
            basis: model.basis().name().to_owned(),
            guessed_keys: self.guessed,
        }
    }

    fn settle(&mut self) {
        if let Some((db, share)) = self.recent.take() {
            self.add_database(db, &share);
        }
    }

    /// What there is of each type and encoding.
    fn shares(&self) -> impl Iterator<Item = (Type, Encoding, &TypeShare)> {
        let of_type =
            |(ty, shares)| Encoding::ALL.into_iter().zip(shares).map(move |(encoding, share)| (ty, encoding, share));
        self.shares.iter().flat_map(of_type).filter(|(.., share)| share.keys > 0)
    }

    /// Whatever the order in which they come, the lowest numbers stay: one that went has as many lower ones before it.
    fn add_database(&mut self, db: u64, share: &TypeShare) {
        add(self.databases.entry(db).or_default(), share);
        if self.databases.len() > MOST_DATABASES {
            self.databases.pop_last();
        }
    }

    #[inline]
    fn entry(&mut self, entry: &Entry<'_>) {
        let Head { db, value_type, expire_at, .. } = entry.head;
        let own = TypeShare {
            keys: 1,
            expires: u64::from(expire_at.is_some()),
            elements: entry.shape.map_or(0, |shape| shape.elements),
            serialized_bytes: entry.serialized_bytes,
            memory_bytes: entry.memory_bytes,
        };
        // The array has a place for every variant.
        add(&mut self.shares.of(value_type.ty)[entry.encoding as usize], &own);
        match &mut self.recent {
            Some((recent, share)) if *recent == db => add(share, &own),
            _ => {
                self.settle();
                self.recent = Some((db, own));
            }
        }
        if let (Some(said), Some(allocated)) = (entry.memory_bytes, entry.allocated_bytes) {
            let unsaid = i128::from(allocated).saturating_sub(i128::from(said));
            self.unsaid = self.unsaid.saturating_add(unsaid);
        }
        if entry.memory_bytes.is_some() && value_type.ty == Type::Module {
            self.guessed = self.guessed.saturating_add(1);
        }
    }
}

#[inline]
fn add(to: &mut TypeShare, share: &TypeShare) {
    to.keys = to.keys.saturating_add(share.keys);
    to.expires = to.expires.saturating_add(share.expires);
    to.elements = to.elements.saturating_add(share.elements);
    to.serialized_bytes = to.serialized_bytes.saturating_add(share.serialized_bytes);
    plus(&mut to.memory_bytes, share.memory_bytes);
}

/// Adds what is known: nothing added to nothing stays unknown.
#[inline]
pub(super) fn plus(to: &mut Option<u64>, bytes: Option<u64>) {
    if let Some(bytes) = bytes {
        *to = Some(to.unwrap_or(0).saturating_add(bytes));
    }
}

impl Analyzer for Totals {
    type Output = Keyspace;

    fn depth(&self, _: &Head<'_>) -> Depth {
        Depth::Shape
    }

    fn fork(&self) -> Self {
        Self::default()
    }

    #[inline]
    fn observe(&mut self, item: &Item<'_>) -> Result<()> {
        match item {
            Item::Entry(entry) => self.entry(entry),
            Item::Function { .. } => self.functions = self.functions.saturating_add(1),
            _ => {}
        }
        Ok(())
    }

    fn merge(&mut self, mut other: Self) -> Result<()> {
        self.settle();
        other.settle();
        self.shares
            .merge(&other.shares, |own, other| own.iter_mut().zip(other).for_each(|(own, other)| add(own, other)));
        for (db, share) in &other.databases {
            self.add_database(*db, share);
        }
        self.functions = self.functions.saturating_add(other.functions);
        self.guessed = self.guessed.saturating_add(other.guessed);
        self.unsaid = self.unsaid.saturating_add(other.unsaid);
        Ok(())
    }

    fn finish(mut self, _: &Scope) -> Result<Keyspace> {
        self.settle();
        let mut all = TypeShare::default();
        let mut by_type: BTreeMap<String, TypeShare> = BTreeMap::new();
        let mut by_encoding = BTreeMap::new();
        for (ty, encoding, share) in self.shares() {
            add(&mut all, share);
            add(by_type.entry(ty.name().to_owned()).or_default(), share);
            by_encoding.insert(format!("{}/{}", ty.name(), encoding.name()), *share);
        }
        Ok(Keyspace {
            keys: all.keys,
            expires: all.expires,
            elements: all.elements,
            serialized_bytes: all.serialized_bytes,
            memory_bytes: all.memory_bytes,
            overhead_bytes: None,
            used_memory_bytes: None,
            by_type,
            by_encoding,
            databases: self.databases.into_iter().map(|(db, share)| DatabaseShare { db, share }).collect(),
            functions: self.functions,
        })
    }
}
