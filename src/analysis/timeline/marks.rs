//! Clocks inside values: ids of stream entries, deliveries, consumers, fields that expire. A value may hold millions of
//! them, so they are held in few bytes until they become rows.

use crate::base::UnixMs;
use crate::encoding::stream_node::StreamId;
use crate::keyspace::KeyName;
use crate::rdb::{Element, Half};

/// Of a name so much is kept.
const NAME_BYTES: usize = 1024;

/// What a clock inside a value is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MarkKind {
    /// An entry of a stream, by its id.
    Added,
    /// The last id that a stream gave, of an entry that may be gone.
    Last,
    /// A pending entry: when it was last delivered.
    Delivered,
    /// A consumer: when it was last there.
    Seen,
    /// A consumer: when it last got an entry.
    Active,
    /// A field of a hash: when it expires.
    FieldExpires,
}

/// A name in the bytes that [`Marks`] holds.
#[derive(Debug, Clone, Copy, Default)]
struct Name {
    at: usize,
    held: usize,
    bytes: u64,
}

#[derive(Debug)]
enum Mark {
    /// Of [`MarkKind::Added`]: nearly all there are.
    Added(StreamId),
    Id(MarkKind, i64, StreamId, Name),
    Name(MarkKind, i64, Name, Name),
}

/// The clocks of one value, or of a part of it.
#[derive(Debug, Default)]
pub(super) struct Marks {
    all: Vec<Mark>,
    names: Vec<u8>,
    group: Name,
    /// A name that comes in pieces.
    pieces: Option<Name>,
}

impl Marks {
    pub(super) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// What goes on after a part of a value was given away: the group it is in.
    pub(super) fn go_on(&mut self) -> Self {
        let group = self.names.get(self.group.at..self.group.at.saturating_add(self.group.held)).unwrap_or_default();
        let mut rest = Self { names: group.to_vec(), ..Self::default() };
        rest.group = Name { at: 0, ..self.group };
        std::mem::replace(self, rest)
    }

    fn name(&mut self, bytes: &[u8]) -> Name {
        if let Some(name) = self.pieces.take().filter(|_| bytes.is_empty()) {
            return name;
        }
        self.keep(bytes, bytes.len() as u64)
    }

    fn keep(&mut self, bytes: &[u8], total: u64) -> Name {
        let held = bytes.get(..NAME_BYTES).unwrap_or(bytes);
        let name = Name { at: self.names.len(), held: held.len(), bytes: total };
        self.names.extend_from_slice(held);
        name
    }

    pub(super) fn see(&mut self, element: &Element<'_>) {
        match element {
            Element::StreamEntry { id, .. } => self.all.push(Mark::Added(*id)),
            Element::StreamInfo(info) if info.last_id != StreamId::default() => {
                let ms = i64::try_from(info.last_id.ms).unwrap_or(i64::MAX);
                self.all.push(Mark::Id(MarkKind::Last, ms, info.last_id, Name::default()));
            }
            Element::Group { name, .. } => self.group = self.name(name),
            Element::Pending { id, delivered, .. } => {
                self.all.push(Mark::Id(MarkKind::Delivered, delivered.0, *id, self.group));
            }
            Element::Consumer { name, seen, active } => {
                let name = self.name(name);
                self.all.push(Mark::Name(MarkKind::Seen, seen.0, name, self.group));
                if let Some(active) = active {
                    self.all.push(Mark::Name(MarkKind::Active, active.0, name, self.group));
                }
            }
            Element::Field { field, expire_at: Some(at), .. } => {
                let field = self.name(field);
                self.all.push(Mark::Name(MarkKind::FieldExpires, at.0, field, Name::default()));
            }
            Element::Field { .. } => self.pieces = None,
            Element::Piece { half: Half::Name, at: 0, total, bytes } => self.pieces = Some(self.keep(bytes, *total)),
            _ => {}
        }
    }

    fn shown(&self, name: Name) -> Option<KeyName> {
        let bytes = self.names.get(name.at..name.at.checked_add(name.held)?)?;
        Some(KeyName::cut(bytes, name.bytes))
    }

    /// Each with its moment, the name of what it is of, and the group.
    pub(super) fn each(&self) -> impl Iterator<Item = (MarkKind, UnixMs, Option<KeyName>, Option<KeyName>)> {
        let id = |id: &StreamId| Some(KeyName::whole(id.to_string().as_bytes()));
        self.all.iter().map(move |mark| match mark {
            Mark::Added(added) => {
                (MarkKind::Added, UnixMs(i64::try_from(added.ms).unwrap_or(i64::MAX)), id(added), None)
            }
            Mark::Id(kind, ms, of, group) => {
                let group = self.shown(*group).filter(|_| *kind == MarkKind::Delivered);
                (*kind, UnixMs(*ms), id(of), group)
            }
            Mark::Name(kind, ms, of, group) => {
                let group = self.shown(*group).filter(|_| *kind != MarkKind::FieldExpires);
                (*kind, UnixMs(*ms), self.shown(*of), group)
            }
        })
    }
}
