//! Totals per database, type and encoding.

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
    shares: BTreeMap<(Type, Encoding), TypeShare>,
    databases: BTreeMap<u64, TypeShare>,
    /// The share that was added to last: nearly always the next one too.
    recent: Option<((Type, Encoding, u64), TypeShare)>,
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
        let keys = totals.shares.values().filter_map(|share| share.memory_bytes).fold(0, u64::saturating_add);
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
        let Some(((ty, encoding, db), share)) = self.recent.take() else { return };
        add(self.shares.entry((ty, encoding)).or_default(), &share);
        self.add_database(db, &share);
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
        let key = (entry.head.value_type.ty, entry.encoding, entry.head.db);
        if self.recent.as_ref().is_none_or(|(recent, _)| *recent != key) {
            self.settle();
            self.recent = Some((key, TypeShare::default()));
        }
        if let Some((_, share)) = &mut self.recent {
            share.keys = share.keys.saturating_add(1);
            share.expires = share.expires.saturating_add(u64::from(entry.head.expire_at.is_some()));
            share.elements = share.elements.saturating_add(entry.shape.map_or(0, |shape| shape.elements));
            share.serialized_bytes = share.serialized_bytes.saturating_add(entry.serialized_bytes);
            plus(&mut share.memory_bytes, entry.memory_bytes);
        }
        if let (Some(said), Some(allocated)) = (entry.memory_bytes, entry.allocated_bytes) {
            let unsaid = i128::from(allocated).saturating_sub(i128::from(said));
            self.unsaid = self.unsaid.saturating_add(unsaid);
        }
        if entry.memory_bytes.is_some() && entry.head.value_type.ty == Type::Module {
            self.guessed = self.guessed.saturating_add(1);
        }
    }
}

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
        for (key, share) in &other.shares {
            add(self.shares.entry(*key).or_default(), share);
        }
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
        for ((ty, encoding), share) in &self.shares {
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
