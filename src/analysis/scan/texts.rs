//! Where the texts stand that the scanner has: one arena for the names of their records and elements, used again.
//!
//! Nothing is allocated for a text. What a report says of its place is made for hits alone.

use crate::base::UnixMs;
use crate::encoding::StreamId;
use crate::keyspace::{KeyName, Type, hex};
use crate::rdb::{Head, Key};
use crate::report::{Locator, Where};
use sha2::Digest;

/// Names of fields and groups that are longer are known by their beginning and their length.
pub(super) const NAME_BYTES: usize = 1 << 10;
/// Keys that are longer stand in findings as their beginning, their length and their hash.
const SHOWN_KEY_BYTES: usize = 4 << 10;
/// Bytes and texts from which on the scanner is asked for its hits: few enough to stay in the second cache.
const FULL: usize = 1 << 18;
const MOST: usize = 1 << 11;
/// No index, no argument.
const NONE: u64 = u64::MAX;

/// Bytes of an arena.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Span {
    start: usize,
    end: usize,
}

/// How far a record has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// More of it may follow.
    Open,
    Whole,
    /// It breaks off.
    Broken,
    /// A filter on its size does not let it through.
    Rejected,
}

/// A key, or whatever else texts stand in: an AUX field, a library, a command.
#[derive(Debug, Clone, Copy)]
pub(super) struct Record {
    pub(super) db: Option<u64>,
    pub(super) ty: Option<Type>,
    pub(super) offset: u64,
    pub(super) expire_at: Option<UnixMs>,
    /// When it was written, where that is said.
    pub(super) at: Option<UnixMs>,
    pub(super) state: State,
    key: Option<(Span, u64, Option<[u8; 32]>)>,
}

/// What the name in a [`Stood`] is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Named {
    #[default]
    Nothing,
    Field,
    /// A member, which is told by its hash.
    Member,
    /// The hash itself.
    Hash,
    /// An AUX field, a library, a consumer group.
    Name,
    /// Where the arguments of a command begin in its line.
    Arguments,
}

/// Where one text stands.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stood {
    pub(super) record: usize,
    /// Its place in the record, by which findings are sorted: of a field and its value 2n and 2n + 1.
    pub(super) ordinal: u64,
    pub(super) place: Where,
    /// What it is, where its place alone does not say it.
    pub(super) what: Option<&'static str>,
    index: u64,
    id: Option<StreamId>,
    named: Named,
    name: Span,
    name_bytes: u64,
}

impl Stood {
    /// A text that is all there is of its place.
    pub(super) fn at(place: Where, ordinal: u64) -> Self {
        Self {
            record: 0,
            ordinal,
            place,
            what: None,
            index: NONE,
            id: None,
            named: Named::Nothing,
            name: Span::default(),
            name_bytes: 0,
        }
    }

    pub(super) fn index(self, index: u64) -> Self {
        Self { index, ..self }
    }

    pub(super) fn id(self, id: Option<StreamId>) -> Self {
        Self { id, ..self }
    }

    pub(super) fn what(self, what: &'static str) -> Self {
        Self { what: Some(what), ..self }
    }
}

/// A name that is told of elements: all of it, or its beginning.
#[derive(Debug, Clone, Copy)]
pub(super) struct Name<'a> {
    pub(super) head: &'a [u8],
    pub(super) bytes: u64,
}

impl<'a> Name<'a> {
    pub(super) fn of(bytes: &'a [u8]) -> Self {
        Self { head: bytes.get(..NAME_BYTES).unwrap_or(bytes), bytes: bytes.len() as u64 }
    }
}

/// The texts since the scanner was last asked for its hits; a text's tag is its place here.
#[derive(Debug, Default)]
pub(super) struct Texts {
    bytes: Vec<u8>,
    arguments: Vec<u32>,
    records: Vec<Record>,
    stood: Vec<Stood>,
}

impl Texts {
    /// Whether so much is held that the scanner should be asked for its hits.
    #[inline]
    pub(super) fn is_full(&self) -> bool {
        self.bytes.len() >= FULL || self.stood.len() >= MOST || self.arguments.len() >= FULL
    }

    /// Begins a key.
    pub(super) fn key(&mut self, head: &Head<'_>) {
        let key = (self.keep(head.key.head), head.key.len, head.key.sha256);
        self.records.push(Record {
            db: Some(head.db),
            ty: Some(head.value_type.ty),
            offset: head.offset,
            expire_at: head.expire_at,
            at: None,
            state: State::Open,
            key: Some(key),
        });
    }

    /// Begins what is no key; it is whole. `at` is when it was written.
    pub(super) fn record(&mut self, db: Option<u64>, offset: u64, at: Option<UnixMs>) {
        let state = State::Whole;
        self.records.push(Record { db, ty: None, offset, expire_at: None, at, state, key: None });
    }

    /// The record that was begun last.
    pub(super) fn last_record(&mut self) -> Option<&mut Record> {
        self.records.last_mut()
    }

    /// The bytes of the name of the key that was begun last.
    pub(super) fn last_key(&self) -> &[u8] {
        self.records.last().and_then(|record| record.key).map_or(&[], |(span, ..)| self.get(span))
    }

    /// Adds a text of the last record: its tag.
    #[inline]
    pub(super) fn add(&mut self, stood: Stood) -> u32 {
        let tag = u32::try_from(self.stood.len()).unwrap_or(u32::MAX);
        self.stood.push(Stood { record: self.records.len().saturating_sub(1), ..stood });
        tag
    }

    /// The same, of a field or its value.
    #[inline]
    pub(super) fn add_field(&mut self, stood: Stood, name: Name<'_>) -> u32 {
        self.add_named(stood, Named::Field, name)
    }

    /// The same, of a library, an AUX field, a consumer group: all that is told of it is its name.
    pub(super) fn add_name(&mut self, stood: Stood, name: Name<'_>) -> u32 {
        self.add_named(stood, Named::Name, name)
    }

    /// The same, of a member of a set.
    #[inline]
    pub(super) fn add_member(&mut self, stood: Stood, member: &[u8]) -> u32 {
        self.add_named(stood, Named::Member, Name { head: member, bytes: member.len() as u64 })
    }

    /// The same, of the line that a command is, with where each argument begins in it.
    pub(super) fn add_line(&mut self, stood: Stood, arguments: &[u32]) -> u32 {
        let start = self.arguments.len();
        self.arguments.extend_from_slice(arguments);
        let name = Span { start, end: self.arguments.len() };
        self.add(Stood { named: Named::Arguments, name, ..stood })
    }

    #[inline]
    fn add_named(&mut self, stood: Stood, named: Named, name: Name<'_>) -> u32 {
        let span = self.keep(name.head);
        self.add(Stood { named, name: span, name_bytes: name.bytes, ..stood })
    }

    /// Says of a text that came in pieces what is known only now: the name of its field, which follows its value.
    pub(super) fn name_field(&mut self, tag: u32, name: Name<'_>) {
        let span = self.keep(name.head);
        if let Some(stood) = self.stood.get_mut(tag as usize) {
            (stood.named, stood.name, stood.name_bytes) = (Named::Field, span, name.bytes);
        }
    }

    /// The same for an element of an array: its index.
    pub(super) fn set_index(&mut self, tag: u32, index: u64) {
        if let Some(stood) = self.stood.get_mut(tag as usize) {
            stood.index = index;
        }
    }

    /// The same for a member: its hash.
    pub(super) fn hash_member(&mut self, tag: u32, hash: &[u8; 32]) {
        let span = self.keep(hash);
        if let Some(stood) = self.stood.get_mut(tag as usize) {
            (stood.named, stood.name, stood.name_bytes) = (Named::Hash, span, 0);
        }
    }

    /// The text of this tag, and its record.
    pub(super) fn text(&self, tag: u32) -> Option<(&Stood, &Record)> {
        let stood = self.stood.get(tag as usize)?;
        Some((stood, self.records.get(stood.record)?))
    }

    pub(super) fn get_record(&self, at: usize) -> Option<&Record> {
        self.records.get(at)
    }

    /// The bytes of a record's key, or what is held of them.
    pub(super) fn key_of(&self, record: &Record) -> &[u8] {
        record.key.map_or(&[], |(span, ..)| self.get(span))
    }

    /// A record's key as findings hold it.
    pub(super) fn key_name(&self, record: &Record) -> Option<KeyName> {
        let (span, len, sha256) = record.key?;
        let head = self.get(span);
        if sha256.is_none() && head.len() as u64 == len && head.len() > SHOWN_KEY_BYTES {
            let shown = head.get(..NAME_BYTES).unwrap_or(head);
            return Some(KeyName::long(shown, len, sha2::Sha256::digest(head).into()));
        }
        Some(Key { head, len, sha256 }.to_name())
    }

    /// Which element a text is, as findings say it. Where its own name must not be shown, it is told without. `at` is where
    /// the match begins in the text, if it was not decoded.
    pub(super) fn locator(&self, stood: &Stood, hidden: bool, at: Option<u64>) -> Option<Locator> {
        let name = || KeyName::cut(self.get(stood.name), stood.name_bytes);
        let mut locator = Locator {
            index: (stood.index != NONE).then_some(stood.index),
            id: stood.id.map(|id| id.to_string()),
            ..Locator::default()
        };
        match stood.named {
            Named::Nothing => {}
            Named::Arguments => {
                let starts = self.arguments.get(stood.name.start..stood.name.end).unwrap_or_default();
                let before = |at: u64| starts.partition_point(|start| u64::from(*start) <= at).saturating_sub(1) as u64;
                locator.argument = at.map(before);
            }
            _ if hidden => {}
            Named::Field => locator.field = Some(name()),
            Named::Name => locator.name = Some(name()),
            Named::Member => {
                let hash = sha2::Sha256::digest(self.get(stood.name));
                locator.member_sha256 = Some(hex(hash.get(..8).unwrap_or_default()));
            }
            Named::Hash => {
                let hash = self.get(stood.name);
                locator.member_sha256 = Some(hex(hash.get(..8).unwrap_or_default()));
            }
        }
        (locator != Locator::default()).then_some(locator)
    }

    /// Forgets all texts, and all records but the last if more of it follows: whether it does.
    pub(super) fn clear(&mut self) -> bool {
        self.stood.clear();
        self.arguments.clear();
        let open = self.records.last().filter(|record| record.state == State::Open).copied();
        self.records.clear();
        let Some(mut open) = open else {
            self.bytes.clear();
            return false;
        };
        if let Some((span, ..)) = &mut open.key {
            self.bytes.copy_within(span.start..span.end, 0);
            *span = Span { start: 0, end: span.end.saturating_sub(span.start) };
            self.bytes.truncate(span.end);
        }
        self.records.push(open);
        true
    }

    #[inline]
    fn keep(&mut self, bytes: &[u8]) -> Span {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(bytes);
        Span { start, end: self.bytes.len() }
    }

    fn get(&self, span: Span) -> &[u8] {
        self.bytes.get(span.start..span.end).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(key: &[u8]) -> Texts {
        let mut texts = Texts::default();
        let key = texts.keep(key);
        let len = (key.end - key.start) as u64;
        texts.records.push(Record {
            db: Some(3),
            ty: Some(Type::Hash),
            offset: 9,
            expire_at: None,
            at: None,
            state: State::Open,
            key: Some((key, len, None)),
        });
        texts
    }

    #[test]
    fn an_open_key_outlives_its_texts() {
        let mut texts = texts(b"user:1");
        let long = vec![b'f'; 3000];
        let tag = texts.add_field(Stood::at(Where::Value, 3).index(1), Name::of(&long));
        let (stood, record) = texts.text(tag).expect("a text");
        assert_eq!(texts.key_of(record), b"user:1");
        let locator = texts.locator(stood, false, None).expect("a locator");
        assert_eq!(locator.field, Some(KeyName::cut(&long[..NAME_BYTES], 3000)));
        assert_eq!(texts.locator(stood, true, None).map(|locator| locator.index), Some(Some(1)));
        assert!(texts.clear());
        assert_eq!(texts.last_key(), b"user:1");
        assert!(texts.text(tag).is_none());
        texts.last_record().expect("it").state = State::Whole;
        assert!(!texts.clear());
    }

    #[test]
    fn the_argument_is_the_one_that_the_match_begins_in() {
        let mut texts = texts(b"");
        let tag = texts.add_line(Stood::at(Where::Command, 0), &[0, 5, 9]);
        let (stood, _) = texts.text(tag).expect("a text");
        let argument = |at| texts.locator(stood, false, at).and_then(|locator| locator.argument);
        assert_eq!(
            [argument(Some(0)), argument(Some(4)), argument(Some(5)), argument(Some(30))],
            [Some(0), Some(0), Some(1), Some(2)]
        );
        // Places in what was decoded are no places in the line.
        assert_eq!(argument(None), None);
    }

    #[test]
    fn a_long_key_is_told_by_its_hash() {
        let long = vec![b'k'; 5000];
        let mut texts = texts(&long);
        let record = *texts.last_record().expect("it");
        let name = texts.key_name(&record).expect("a key");
        assert!(name.sha256().is_some() && name.len_bytes() == 5000 && name.head().len() == NAME_BYTES);
    }
}
