//! Streams: a tree of nodes, groups, what is pending, consumers.

use super::cost::{Cost, Counting, text};
use super::rax::{self, Rax};
use super::servers::{Streams, Trees};
use crate::encoding::stream_node::StreamId;
use crate::rdb::Element;

/// What is known of the stream in progress.
#[derive(Debug, Clone)]
pub(super) struct Sum {
    server: Streams,
    counting: Counting,
    nodes: Rax,
    blobs: Cost,
    groups: Cost,
    has_groups: bool,
    /// The largest tree of what is pending in a group: most of what is pending in the others is in it.
    pending: Option<Rax>,
    /// What is pending in the last group, and for its last consumer.
    group: Option<Rax>,
    consumer: Option<Rax>,
}

impl Sum {
    pub(super) fn new(server: Streams, counting: Counting) -> Self {
        Self {
            server,
            counting,
            nodes: Rax::new(counting.classes),
            blobs: Cost::default(),
            groups: Cost::default(),
            has_groups: false,
            pending: None,
            group: None,
            consumer: None,
        }
    }

    /// A node of entries.
    pub(super) fn node(&mut self, id: StreamId, bytes: u64) {
        self.nodes.add(key(id), self.counting.classes);
        self.blobs.add(self.counting.blob(bytes));
    }

    pub(super) fn detail(&mut self, detail: &Element<'_>) {
        let classes = self.counting.classes;
        match detail {
            Element::Group { name, .. } => {
                self.close_group();
                self.open_group(name.len() as u64);
            }
            Element::Pending { id, .. } => {
                if let Some(pending) = &mut self.group {
                    pending.add(key(*id), classes);
                }
            }
            Element::Consumer { name, .. } => {
                self.close_consumer();
                self.open_consumer(name.len() as u64);
            }
            Element::Owned(id) => {
                if let Some(pending) = &mut self.consumer {
                    pending.add(key(*id), classes);
                }
            }
            _ => {}
        }
    }

    /// All of it, without the key and its object.
    pub(super) fn finish(&mut self) -> Cost {
        self.close_group();
        let stream = self.counting.counted(self.server.bytes);
        if let (Trees::Everything, Some(pending)) = (self.server.trees, self.pending) {
            // A tree that knows for each entry the groups in which it is pending.
            self.groups.add(self.tree(&pending));
        }
        stream.plus(self.tree(&self.nodes)).plus(self.blobs).plus(self.groups)
    }

    fn open_group(&mut self, name: u64) {
        self.group = Some(Rax::new(self.counting.classes));
        if !self.has_groups {
            self.has_groups = true;
            self.groups.add(self.unsaid_tree());
        }
        self.groups.add(self.counting.counted(self.server.group));
        self.groups.add(self.name(name));
        // The tree of its consumers.
        self.groups.add(self.unsaid_tree());
    }

    fn close_group(&mut self) {
        self.close_consumer();
        let Some(pending) = self.group.take() else { return };
        self.groups.add(self.tree(&pending));
        self.groups.add(self.counting.counted(self.server.pending).times(pending.keys));
        if pending.keys > self.pending.map_or(0, |largest| largest.keys) {
            self.pending = Some(pending);
        }
    }

    fn open_consumer(&mut self, name: u64) {
        self.consumer = Some(Rax::new(self.counting.classes));
        self.groups.add(self.counting.counted(self.server.consumer));
        self.groups.add(self.name(name));
        let own = if self.server.trees == Trees::Everything { text(name) } else { name };
        self.groups.add(Cost { said: own, taken: self.counting.classes.class(text(name)) });
    }

    fn close_consumer(&mut self) {
        let Some(pending) = self.consumer.take() else { return };
        self.groups.add(self.tree(&pending));
    }

    /// A tree of ids.
    fn tree(&self, tree: &Rax) -> Cost {
        let taken = self.counting.classes.class(self.server.tree).saturating_add(tree.bytes);
        let said = match self.server.trees {
            Trees::Guessed => tree.keys.saturating_mul(16).saturating_add(tree.nodes.saturating_mul(244)),
            Trees::Allocated | Trees::Everything => taken,
        };
        Cost { said, taken }
    }

    /// A tree of names, without them.
    fn unsaid_tree(&self) -> Cost {
        let taken = self.counting.classes.class(self.server.tree).saturating_add(8);
        Cost { said: if self.server.trees == Trees::Everything { taken } else { 0 }, taken }
    }

    /// A name in a tree of names: a run of bytes and its end.
    fn name(&self, len: u64) -> Cost {
        let taken = self.counting.classes.class(rax::name(len)).saturating_add(rax::LEAF).saturating_sub(8);
        Cost { said: if self.server.trees == Trees::Everything { taken } else { 0 }, taken }
    }
}

fn key(id: StreamId) -> [u8; 16] {
    ((u128::from(id.ms) << 64) | u128::from(id.seq)).to_be_bytes()
}
