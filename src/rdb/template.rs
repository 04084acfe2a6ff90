//! Field names that several hashes share (Redis 8.10, opcode `HASH_TEMPLATE`).

use hashbrown::HashMap;
use std::sync::Arc;

/// The field names of one template, in order.
pub(super) type FieldNames = Arc<[Box<[u8]>]>;

/// The templates of a file by their id. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Templates {
    by_id: Arc<HashMap<u64, FieldNames>>,
    bytes: usize,
}

/// Bytes of field names that are kept in all.
const MOST_BYTES: usize = 8 << 20;

impl Templates {
    /// The names of this template.
    pub fn get(&self, id: u64) -> Option<&FieldNames> {
        self.by_id.get(&id)
    }

    /// Adds a template. False if that would hold more than 8 MiB of names; it is not added then.
    pub fn insert(&mut self, id: u64, fields: Vec<Box<[u8]>>) -> bool {
        let bytes: usize = fields.iter().map(|field| field.len().saturating_add(16)).sum();
        let total = self.bytes.saturating_add(bytes).saturating_add(64);
        if total > MOST_BYTES {
            return false;
        }
        self.bytes = total;
        Arc::make_mut(&mut self.by_id).insert(id, fields.into());
        true
    }
}
