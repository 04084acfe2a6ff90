//! How many nodes a radix tree of stream ids has, and what they take.

use super::classes::Classes;

/// Bytes of a stream id.
const KEY: usize = 16;

/// A radix tree into which ids come in ascending order. It knows the way to the last one: what branches where.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rax {
    pub(super) keys: u64,
    pub(super) nodes: u64,
    /// What the nodes take.
    pub(super) bytes: u64,
    last: [u8; KEY],
    /// How many ways lead on after so many bytes of the last key; 0 where there is only one.
    ways: [u16; KEY],
}

impl Rax {
    pub(super) fn new(classes: Classes) -> Self {
        Self { keys: 0, nodes: 1, bytes: classes.class(node(0)), last: [0; KEY], ways: [0; KEY] }
    }

    /// Takes the next id.
    pub(super) fn add(&mut self, key: [u8; KEY], classes: Classes) {
        let node_of = |children: u16| classes.class(node(u64::from(children)));
        if self.keys == 0 {
            self.keys = 1;
            self.nodes = 2;
            self.bytes = run(KEY, classes).1.saturating_add(classes.class(LEAF));
            self.last = key;
            return;
        }
        let same = self.last.iter().zip(key).take_while(|(a, b)| **a == *b).count();
        let Some(ways) = self.ways.get(same).copied() else { return };
        self.keys = self.keys.saturating_add(1);
        if ways > 0 {
            self.bytes = self.bytes.saturating_add(node_of(ways.saturating_add(1))).saturating_sub(node_of(ways));
        } else {
            let branches = |(_, ways): &(usize, &u16)| **ways > 0;
            let before = self.ways.iter().enumerate().take(same).rfind(branches);
            let start = before.map_or(0, |(at, _)| at.saturating_add(1));
            let end = self.ways.iter().enumerate().skip(same).find(branches).map_or(KEY, |(at, _)| at);
            self.drop_run(end.saturating_sub(start), classes);
            self.add_run(same.saturating_sub(start), classes);
            self.add_run(end.saturating_sub(same).saturating_sub(1), classes);
            self.nodes = self.nodes.saturating_add(1);
            self.bytes = self.bytes.saturating_add(node_of(2));
        }
        for (at, other) in self.ways.iter_mut().enumerate().skip(same) {
            *other = if at == same { ways.max(1).saturating_add(1) } else { 0 };
        }
        self.add_run(KEY.saturating_sub(same).saturating_sub(1), classes);
        self.nodes = self.nodes.saturating_add(1);
        self.bytes = self.bytes.saturating_add(classes.class(LEAF));
        self.last = key;
    }

    fn add_run(&mut self, len: usize, classes: Classes) {
        let (nodes, bytes) = run(len, classes);
        self.nodes = self.nodes.saturating_add(nodes);
        self.bytes = self.bytes.saturating_add(bytes);
    }

    fn drop_run(&mut self, len: usize, classes: Classes) {
        let (nodes, bytes) = run(len, classes);
        self.nodes = self.nodes.saturating_sub(nodes);
        self.bytes = self.bytes.saturating_sub(bytes);
    }
}

/// A node at the end of a key: a header and what is kept there.
pub(super) const LEAF: u64 = 16;

/// A node from which so many lead on: a header of 4 bytes, a byte and a pointer for each.
fn node(children: u64) -> u64 {
    children.saturating_add(4).next_multiple_of(8).saturating_add(children.saturating_mul(8))
}

/// A run of bytes that no other key shares is one node with one pointer; none if it is empty.
fn run(len: usize, classes: Classes) -> (u64, u64) {
    if len == 0 {
        return (0, 0);
    }
    (1, classes.class(name(len as u64)))
}

/// The node of such a run.
pub(super) fn name(len: u64) -> u64 {
    len.saturating_add(4).checked_next_multiple_of(8).unwrap_or(u64::MAX).saturating_add(8)
}

#[cfg(test)]
mod tests {
    use super::Rax;
    use crate::memory::classes::{Allocator, Classes};

    /// Source: `XINFO STREAM` of Redis 7.0.15 on streams of entries a millisecond, and a second, apart.
    #[test]
    fn trees_have_the_nodes_that_servers_say() {
        let classes = Classes::new(Allocator::Debian, false);
        let measured = [(100, 1, 1, 2), (150, 1, 2, 6), (201, 1, 3, 8), (1000, 1, 10, 26), (5000, 1, 50, 121)];
        for (entries, step, keys, nodes) in measured.into_iter().chain([(1000, 1000, 10, 22), (5000, 1000, 50, 104)]) {
            let mut rax = Rax::new(classes);
            for at in (0..entries).step_by(100) {
                let ms = 1_700_000_000_000u64 + at * step;
                rax.add((u128::from(ms) << 64).to_be_bytes(), classes);
            }
            assert_eq!((rax.keys, rax.nodes), (keys, nodes), "{entries} by {step}");
        }
    }
}
