//! The elements of a value to texts.
//!
//! ```text
//! string, module    value                     hash, stream entry   name of the field, value (of which the field is told)
//! list, array       element, by its index     stream               names of groups, consumers, producers too
//! set, sorted set   member, by its place and its hash
//! ```
//!
//! What is too long to be held comes in pieces: a field's name before its value, or its value before the field is known. The
//! element follows and ends it; if it does not, as where the value breaks off, the text ends with the pieces that came.

use super::texts::{Name, Stood, Texts};
use crate::encoding::StreamId;
use crate::keyspace::Type;
use crate::rdb::{Element, Half};
use crate::report::Where;
use crate::rules::{About, Piece, Scanner};
use sha2::Digest;

/// The value in progress.
#[derive(Debug, Default)]
pub(super) struct Elements {
    ty: Option<Type>,
    /// The place of the first element's first text in its record.
    base: u64,
    /// Elements so far; of a stream, fields and names.
    taken: u64,
    /// Stream entries so far, and the last one.
    entries: u64,
    entry: Option<StreamId>,
    /// What has come of the element in progress in pieces: its name, its value.
    pieces: [Option<Pieces>; 2],
    /// The beginning of a field's name that came in pieces.
    field: Vec<u8>,
}

/// A text in pieces.
#[derive(Debug)]
struct Pieces {
    tag: u32,
    at: u64,
    total: u64,
    hash: Option<sha2::Sha256>,
}

impl Elements {
    /// Begins a value of this type, whose first text has this place in its record.
    pub(super) fn begin(&mut self, ty: Type, base: u64) {
        self.begin_at(base);
        self.ty = Some(ty);
    }

    /// The record has no value.
    pub(super) fn begin_at(&mut self, base: u64) {
        (self.ty, self.base, self.taken, self.entries, self.entry) = (None, base, 0, 0, None);
    }

    /// The place of what follows in the record.
    pub(super) fn next_ordinal(&self) -> u64 {
        self.base.saturating_add(self.taken.saturating_mul(2))
    }

    /// Whether an element is in progress.
    #[inline]
    pub(super) fn is_open(&self) -> bool {
        self.pieces.iter().any(Option::is_some)
    }

    /// Ends what has begun in pieces: no more of it comes.
    pub(super) fn end(&mut self, scanner: &mut Scanner, texts: &mut Texts) {
        self.end_pieces(scanner, texts);
        self.pieces = [None, None];
        self.field.clear();
    }

    /// Takes an element, or a piece of one.
    #[inline]
    pub(super) fn take(&mut self, element: &Element<'_>, scanner: &mut Scanner, texts: &mut Texts) {
        if let Element::Piece { half, at, total, bytes } = element {
            return self.piece(*half, (*at, *total, bytes), scanner, texts);
        }
        if self.is_open() {
            self.end_pieces(scanner, texts);
        }
        match element {
            Element::Item(bytes) => {
                let stood = self.stood(Half::Name);
                match self.ty {
                    Some(Type::Set | Type::Zset) => self.member(stood, bytes, scanner, texts),
                    _ => self.plain(stood, bytes, scanner, texts),
                }
            }
            Element::Member { member, .. } => self.member(self.stood(Half::Name), member, scanner, texts),
            Element::Indexed { index, value } => {
                if let Some(pieces) = &self.pieces[0] {
                    texts.set_index(pieces.tag, *index);
                }
                self.plain(self.stood(Half::Name).index(*index), value, scanner, texts);
            }
            Element::Field { field, value, .. } => self.field(field, value, scanner, texts),
            Element::StreamEntry { id, .. } => {
                self.entry = Some(*id);
                self.entries = self.entries.saturating_add(1);
                return;
            }
            Element::Group { name, .. } => self.name(name, "the name of a consumer group", None, scanner, texts),
            Element::Consumer { name, .. } => self.name(name, "the name of a consumer", None, scanner, texts),
            Element::Producer(name) => self.name(name, "the name of a producer", None, scanner, texts),
            Element::Produced { iid, id } => self.name(iid, "a producer's id of an entry", Some(*id), scanner, texts),
            _ => return,
        }
        self.pieces = [None, None];
        self.field.clear();
        self.taken = self.taken.saturating_add(1);
    }

    /// Where a half of the element in progress stands.
    #[inline]
    fn stood(&self, half: Half) -> Stood {
        let (is_value, place) = match (half, self.ty) {
            (Half::Value, _) => (1, Where::Value),
            (Half::Name, Some(Type::String | Type::Module)) => (0, Where::Value),
            (Half::Name, Some(Type::Hash | Type::Stream)) => (0, Where::Field),
            (Half::Name, _) => (0, Where::Element),
        };
        let stood = Stood::at(place, self.next_ordinal().saturating_add(is_value));
        match self.ty {
            Some(Type::String) => stood,
            Some(Type::Stream) => stood.index(self.entries.saturating_sub(1)).id(self.entry),
            _ => stood.index(self.taken),
        }
    }

    fn about<'a>(&'a self, place: Where, field: &'a [u8], texts: &'a Texts) -> About<'a> {
        About { place, ty: self.ty, key: texts.last_key(), field }
    }

    #[inline]
    fn plain(&self, stood: Stood, bytes: &[u8], scanner: &mut Scanner, texts: &mut Texts) {
        if !bytes.is_empty() {
            let tag = texts.add(stood);
            scanner.text(tag, &self.about(stood.place, b"", texts), bytes);
        }
    }

    #[inline]
    fn member(&mut self, stood: Stood, member: &[u8], scanner: &mut Scanner, texts: &mut Texts) {
        if let Some(Pieces { tag, hash: Some(hash), .. }) = self.pieces[0].take() {
            texts.hash_member(tag, &hash.finalize().into());
        }
        if !member.is_empty() {
            let tag = texts.add_member(stood, member);
            scanner.text(tag, &self.about(stood.place, b"", texts), member);
        }
    }

    /// A field with its value; a half that came in pieces is empty.
    #[inline]
    fn field(&mut self, field: &[u8], value: &[u8], scanner: &mut Scanner, texts: &mut Texts) {
        let (name_pieces, value_pieces) = (self.pieces[0].take(), self.pieces[1].take());
        let name = match &name_pieces {
            Some(pieces) => Name { head: &self.field, bytes: pieces.total },
            None => Name::of(field),
        };
        for pieces in [&name_pieces, &value_pieces].into_iter().flatten() {
            texts.name_field(pieces.tag, name);
        }
        if !field.is_empty() {
            let stood = self.stood(Half::Name);
            let tag = texts.add_field(stood, name);
            scanner.text(tag, &self.about(stood.place, b"", texts), field);
        }
        if !value.is_empty() {
            let stood = self.stood(Half::Value);
            let tag = texts.add_field(stood, name);
            scanner.text(tag, &self.about(stood.place, name.head, texts), value);
        }
    }

    fn name(&self, name: &[u8], what: &'static str, id: Option<StreamId>, scanner: &mut Scanner, texts: &mut Texts) {
        if !name.is_empty() {
            let stood = Stood::at(Where::Element, self.next_ordinal()).what(what).id(id);
            let tag = texts.add_name(stood, Name::of(name));
            scanner.text(tag, &self.about(stood.place, b"", texts), name);
        }
    }

    #[cold]
    fn piece(&mut self, half: Half, (at, total, bytes): (u64, u64, &[u8]), scanner: &mut Scanner, texts: &mut Texts) {
        let of_half = usize::from(half == Half::Value);
        let stood = self.stood(half);
        if at == 0 {
            // A name that breaks off is not told from one whose value follows: it ends here.
            self.end_pieces(scanner, texts);
            if half == Half::Name {
                self.pieces = [None, None];
                self.field.clear();
            }
            let is_member = matches!(self.ty, Some(Type::Set | Type::Zset));
            let pieces = Pieces { tag: texts.add(stood), at: 0, total, hash: is_member.then(sha2::Sha256::default) };
            if let Some(own) = self.pieces.get_mut(of_half) {
                *own = Some(pieces);
            }
        }
        let is_name = stood.place == Where::Field;
        if is_name {
            let room = super::texts::NAME_BYTES.saturating_sub(self.field.len());
            self.field.extend_from_slice(bytes.get(..room).unwrap_or(bytes));
        }
        let field: &[u8] = if is_name { b"" } else { &self.field };
        let about = About { place: stood.place, ty: self.ty, key: texts.last_key(), field };
        let Some(Some(pieces)) = self.pieces.get_mut(of_half) else { return };
        scanner.piece(pieces.tag, &about, Piece { at, total, bytes });
        pieces.at = at.saturating_add(bytes.len() as u64);
        if let Some(hash) = &mut pieces.hash {
            hash.update(bytes);
        }
    }

    /// Ends the texts in pieces of which not all came: what came of one is a text, and its element does not follow.
    fn end_pieces(&mut self, scanner: &mut Scanner, texts: &mut Texts) {
        for half in [Half::Name, Half::Value] {
            let slot = usize::from(half == Half::Value);
            let is_broken = |pieces: &Pieces| pieces.at < pieces.total;
            let Some(pieces) = self.pieces.get_mut(slot).and_then(|pieces| pieces.take_if(|own| is_broken(own))) else {
                continue;
            };
            let stood = self.stood(half);
            let field: &[u8] = if half == Half::Value { &self.field } else { b"" };
            let about = self.about(stood.place, field, texts);
            scanner.piece(pieces.tag, &about, Piece { at: pieces.at, total: pieces.at, bytes: &[] });
            self.taken = self.taken.saturating_add(1);
            if half == Half::Name {
                self.field.clear();
            }
        }
    }
}
