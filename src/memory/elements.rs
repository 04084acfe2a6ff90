//! What one element of a table takes.

use super::classes::Classes;
use super::cost::{Cost, Counting, long_text, text};
use super::servers::{Fields, Server, Skiplist, Table};
use super::strings::ENTRY;
use crate::rdb::Measured;

/// A field with its value is one allocation up to here.
const TOGETHER: u64 = 128;
/// What a field of its own has more if it expires.
const FIELD_EXPIRY: u64 = 18;
const POINTER: u64 = 8;

/// Costs of elements; those of skiplist nodes are looked up.
#[derive(Debug, Clone)]
pub(super) struct Elements {
    server: &'static Server,
    counting: Counting,
    /// What a node is to be expected to take, in parts of a byte, by what it has without its levels, in steps of 8 bytes.
    nodes: Box<[u64]>,
}

/// Parts of a byte in which nodes of skiplists are added up.
pub(super) const PARTS: u64 = 4096;

impl Elements {
    pub(super) fn new(server: &'static Server, counting: Counting) -> Self {
        let nodes = (0..=128).map(|step| expected_node(step * 8, counting.classes)).collect();
        Self { server, counting, nodes }
    }

    #[inline]
    pub(super) fn member(&self, name: &Measured<'_>) -> Cost {
        self.entry(self.server.set_entry).plus(self.counting.text(name.len))
    }

    /// A member of a sorted set, without its node.
    #[inline]
    pub(super) fn scored(&self, name: &Measured<'_>) -> Cost {
        if self.server.skiplist.holds_member {
            return self.entry(self.server.set_entry);
        }
        self.entry(ENTRY).plus(self.counting.text(name.len))
    }

    /// The node of such a member, in parts of a byte.
    #[inline]
    pub(super) fn node(&self, name: &Measured<'_>) -> u64 {
        let Skiplist { node, holds_member, .. } = self.server.skiplist;
        let bytes = if holds_member { node.saturating_add(text(name.len)) } else { node };
        let step = usize::try_from(bytes.div_ceil(8)).unwrap_or(usize::MAX);
        self.nodes.get(step).copied().unwrap_or_else(|| expected_node(bytes, self.counting.classes))
    }

    #[inline]
    pub(super) fn field(&self, name: &Measured<'_>, value: &Measured<'_>, expires: bool) -> Cost {
        match self.server.fields {
            Fields::Apart => {
                let expiry = if expires { FIELD_EXPIRY } else { 0 };
                let field = self.counting.block(text(name.len).saturating_add(expiry));
                self.entry(ENTRY).plus(field).plus(self.counting.text(value.len))
            }
            Fields::Together { expiry } => {
                self.entry(self.server.set_entry).plus(self.together(name.len, value.len, expires.then_some(expiry)))
            }
        }
    }

    fn together(&self, name: u64, value: u64, expiry: Option<u64>) -> Cost {
        let field = if expiry.is_some() { long_text(name) } else { text(name) };
        let expiry = expiry.unwrap_or(0);
        let both = field.saturating_add(expiry).saturating_add(long_text(value));
        if both <= TOGETHER {
            return self.counting.blob(both);
        }
        let field = long_text(name).saturating_add(expiry).saturating_add(POINTER);
        self.counting.blob(field).plus(self.counting.text(value))
    }

    /// An entry of a chained table.
    #[inline]
    fn entry(&self, taken: u64) -> Cost {
        match self.server.table {
            Table::Dict { .. } if taken == ENTRY => self.counting.counted(ENTRY),
            Table::Dict { .. } => Cost { said: ENTRY, taken },
            Table::Buckets { .. } => Cost::default(),
        }
    }
}

/// What a node of a skiplist is to be expected to take, in parts of a byte: a level is there with a chance of one in four where
/// the one below it is.
fn expected_node(bytes: u64, classes: Classes) -> u64 {
    let mut weight = 3 * PARTS / 4;
    let mut sum = 0u64;
    for levels in 1..=6 {
        let last = levels == 6;
        let class = classes.class(bytes.saturating_add(16 * levels));
        // What is left falls to the last one.
        let own = if last { weight + weight / 3 } else { weight };
        sum = sum.saturating_add(class.saturating_mul(own));
        weight /= 4;
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::{PARTS, expected_node};
    use crate::memory::classes::{Allocator, Classes};

    #[test]
    fn a_node_has_a_level_and_a_third() {
        let expected = |allocator, bytes| expected_node(bytes, Classes::new(allocator, false)) * 100 / PARTS;
        assert_eq!(expected(Allocator::Debian, 24), 5332);
        assert_eq!(expected(Allocator::Bundled, 24), 4582);
    }
}
