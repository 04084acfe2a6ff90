//! What stands between the parser and those who listen: the filter, and the estimate of memory.

use super::scope::Prologue;
use super::{Filter, Memory, Selection};
use crate::base::UnixMs;
use crate::keyspace::{Command, KeyAt};
use crate::memory::{Meter, Model};
use crate::rdb::{Depth, Entry, Head, Part};

/// From where a file is seen.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct View {
    /// The moment.
    pub(super) as_of: Option<UnixMs>,
    /// The server for which memory is estimated.
    pub(super) model: Option<Model>,
}

impl View {
    pub(super) fn new(selection: &Selection, prologue: &Prologue) -> Self {
        let model = match selection.memory {
            Memory::Off => None,
            Memory::OfWriter => prologue.writer().map(Model::of_writer),
            Memory::Of(model) => Some(model),
        };
        Self { as_of: selection.as_of.or_else(|| prologue.created_at()), model }
    }
}

/// Applies the filter and estimates memory.
pub(super) struct Sieve<'f> {
    filter: Option<&'f Filter>,
    as_of: Option<UnixMs>,
    /// Whether selected values are decoded even if nobody wants their elements.
    validate: bool,
    meter: Option<Meter>,
    admitted: bool,
    keys: Vec<KeyAt>,
}

impl<'f> Sieve<'f> {
    pub(super) fn new(selection: &'f Selection, view: View) -> Self {
        Self {
            filter: selection.filter.is_set().then_some(&selection.filter),
            as_of: view.as_of,
            validate: selection.validate,
            meter: view.model.map(Meter::new),
            admitted: true,
            keys: Vec::new(),
        }
    }

    /// How far a key is decoded, given how far it is wanted if the filter lets it through.
    #[inline]
    pub(super) fn depth(&mut self, head: &Head<'_>, wanted: impl FnOnce(&Head<'_>) -> Depth) -> Depth {
        let mut least = if self.validate { Depth::Shape } else { Depth::Keys };
        if let Some(filter) = self.filter {
            self.admitted = filter.admits_head(head, self.as_of);
            if !self.admitted {
                return Depth::Keys;
            }
            if filter.needs_shape() {
                least = Depth::Shape;
            }
        }
        if let Some(meter) = &mut self.meter {
            meter.begin(head);
            least = Depth::Shape;
        }
        wanted(head).max(least)
    }

    #[inline]
    pub(super) fn wants_parts(&self) -> bool {
        self.meter.is_some() && self.admitted
    }

    /// Takes a part of the value: whether it goes on.
    #[inline]
    pub(super) fn part(&mut self, part: &Part<'_>) -> bool {
        if let Some(meter) = &mut self.meter {
            meter.part(part);
        }
        self.admitted
    }

    /// The entry with its memory, if it passes; its head has been asked about just before.
    #[inline]
    pub(super) fn entry<'e>(&mut self, entry: &Entry<'e>) -> Option<Entry<'e>> {
        let estimate = match &mut self.meter {
            Some(meter) if self.admitted => meter.entry(entry),
            _ => None,
        };
        let entry = Entry {
            memory_bytes: estimate.map(|estimate| estimate.usage_bytes),
            allocated_bytes: estimate.map(|estimate| estimate.allocated_bytes),
            ..*entry
        };
        let passes = self.filter.is_none_or(|filter| self.admitted && filter.admits_entry(&entry));
        passes.then_some(entry)
    }

    /// Whether a command passes: without a filter, every one.
    #[inline]
    pub(super) fn admits_command(&mut self, command: &Command<'_>) -> bool {
        match self.filter {
            None => true,
            Some(filter) => filter.admits_command(command, self.as_of, &mut self.keys),
        }
    }
}
