//! Collections stored in one packed structure, and lists of such structures.
//!
//! ```text
//! list          ziplist, or quicklist: LEN nodes, each STR ziplist (3.2–6.2) or LEN container, STR listpack or element
//! set           intset, listpack of members
//! sorted set    ziplist or listpack of member, score
//! hash          zipmap, ziplist or listpack of field, value; with field expiries: field, value, Unix ms or 0
//! ```

use super::table::{Target, not_a_number};
use super::{Flaw, Out, Text, field_expiry};
use crate::encoding::intset::Intset;
use crate::encoding::zipmap::Zipmap;
use crate::encoding::{Packed, double, listpack, ziplist};
use crate::rdb::item::{Element, Measured, Packing, Shape, Sink};

/// Buffers that are used again for every value.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    first: Vec<u8>,
    first_int: Option<i64>,
    second: Vec<u8>,
    second_int: Option<i64>,
}

impl Scratch {
    fn name(&self) -> Measured<'_> {
        measured(&self.first, self.first_int)
    }
}

fn measured(bytes: &[u8], int: Option<i64>) -> Measured<'_> {
    Measured { bytes, len: bytes.len() as u64, int }
}

/// What the entries of a packed value mean, one after the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tuple {
    /// Members of a set, or items of a list.
    One { unique: bool },
    /// Member and score.
    Scored,
    /// Field and value.
    Pair,
    /// Field, value, expiry.
    Expiring,
    /// A template's id and the values of its fields.
    Template,
}

/// A value that is one packed structure, by its type number.
pub(super) fn value<S: Sink>(
    id: u8,
    text: Text<'_>,
    names: &[Box<[u8]>],
    scratch: &mut Scratch,
    target: &mut Target<'_>,
    out: &mut Out<'_, S>,
) -> Result<(), Flaw> {
    let Text::Whole(blob) = text else { return Err(too_long(text.len())) };
    // No entry takes fewer than two bytes: so many may come.
    let at_most = (blob.len() as u64) / 2;
    let (tuple, is_listpack) = match id {
        9 => return zipmap(blob, target, out),
        10 => (Tuple::One { unique: false }, false),
        11 => return intset(blob, target, out),
        12 => (Tuple::Scored, false),
        13 => (Tuple::Pair, false),
        16 => (Tuple::Pair, true),
        17 => (Tuple::Scored, true),
        20 => (Tuple::One { unique: true }, true),
        23 | 25 => (Tuple::Expiring, true),
        _ => (Tuple::Template, true),
    };
    if !matches!(tuple, Tuple::One { unique: false } | Tuple::Template) {
        target.unique.begin(at_most);
    }
    let mut walk =
        Walk { tuple, place: 0, scratch, names, target, out, taken: 0, last_expiry: 0, first_bytes: 0, flaw: None };
    walk.out.blob(if is_listpack { Packing::Listpack } else { Packing::Ziplist }, blob.len());
    if is_listpack {
        listpack::deep(blob, |entry| {
            walk.entry(entry);
            Ok(())
        })?;
    } else {
        ziplist::deep(blob, |entry| {
            walk.entry(entry);
            Ok(())
        })?;
    }
    if walk.place != 0 {
        let found = format!("an entry without its {}", if walk.place == 1 { "second" } else { "third" });
        return Err(Flaw::new("odd-entries", "packed value", 0, "whole tuples", found));
    }
    let values = walk.taken.saturating_sub(1);
    if let Some(flaw) = walk.flaw.take() {
        return Err(flaw);
    }
    if tuple == Tuple::Template && values != names.len() {
        let expected = format!("{} values, one for each field of the template", names.len());
        return Err(Flaw::new("template-values", "packed value", 0, expected, values.to_string()));
    }
    target.unique.end(&mut |count| super::duplicates(count))
}

/// Follows the entries of a listpack or ziplist through their tuples.
struct Walk<'w, 't, 's, S: Sink> {
    tuple: Tuple,
    /// Which entry of the tuple comes next.
    place: u8,
    scratch: &'w mut Scratch,
    names: &'w [Box<[u8]>],
    target: &'w mut Target<'t>,
    out: &'w mut Out<'s, S>,
    taken: usize,
    last_expiry: u64,
    first_bytes: u64,
    /// The first thing wrong with what the entries say; the structure itself is sound.
    flaw: Option<Flaw>,
}

impl<S: Sink> Walk<'_, '_, '_, S> {
    #[inline]
    fn entry(&mut self, entry: Packed<'_>) {
        match (self.tuple, self.place) {
            (Tuple::One { unique }, _) => {
                self.target.add(entry.len() as u64);
                self.out.one(entry.into());
                if unique && !self.target.unique.insert_packed(entry) {
                    self.repeated(entry);
                }
                if self.out.emit {
                    self.out.element(Element::Item(entry.bytes(&mut itoa::Buffer::new())));
                }
            }
            (Tuple::Template, _) => self.template(entry),
            (_, 0) => {
                self.place = 1;
                self.first_bytes = entry.len() as u64;
                if !self.target.unique.insert_packed(entry) {
                    self.repeated(entry);
                }
                self.scratch.first_int = entry.as_int();
                if self.out.emit || self.out.parts {
                    set(&mut self.scratch.first, entry);
                }
            }
            (Tuple::Scored, _) => {
                self.place = 0;
                self.target.add(self.first_bytes);
                let score = match score(entry) {
                    Ok(score) => score,
                    Err(flaw) => {
                        self.out.one(self.scratch.name());
                        self.flaw.get_or_insert(flaw);
                        return;
                    }
                };
                self.out.scored(self.scratch.name(), score);
                self.out.element(Element::Member { member: &self.scratch.first, score });
            }
            (Tuple::Pair, _) => {
                self.place = 0;
                self.target.add(self.first_bytes.saturating_add(entry.len() as u64));
                self.out.pair(self.scratch.name(), entry.into(), false);
                if self.out.emit {
                    let mut digits = itoa::Buffer::new();
                    let value = entry.bytes(&mut digits);
                    self.out.element(Element::Field { field: &self.scratch.first, value, expire_at: None });
                }
            }
            (Tuple::Expiring, 1) => {
                self.place = 2;
                self.target.add(self.first_bytes.saturating_add(entry.len() as u64));
                self.scratch.second_int = entry.as_int();
                if self.out.emit || self.out.parts {
                    set(&mut self.scratch.second, entry);
                }
            }
            (Tuple::Expiring, _) => {
                self.place = 0;
                self.expiry(entry);
            }
        }
    }

    /// Source: Redis 7.4–8.6 keeps fields in the order of their expiry, those without one last, and refuses others.
    fn expiry(&mut self, entry: Packed<'_>) {
        let Some(ms) = entry.as_int().and_then(|ms| u64::try_from(ms).ok()) else {
            let found = "another entry";
            self.flaw.get_or_insert(Flaw::new("field-expiry", "field expiry", 0, "an integer, 0 or more", found));
            return;
        };
        let expire_at = match field_expiry(ms) {
            Ok(at) => (ms > 0).then_some(at),
            Err(flaw) => {
                self.flaw.get_or_insert(flaw);
                None
            }
        };
        let key = if ms == 0 { u64::MAX } else { ms };
        if key < self.last_expiry {
            let expected = "fields in the order of their expiry";
            self.flaw.get_or_insert(Flaw::new("field-expiry-order", "field expiry", 0, expected, ms.to_string()));
        }
        self.last_expiry = key;
        if expire_at.is_some() {
            *self.target.expiring = self.target.expiring.saturating_add(1);
        }
        let value = measured(&self.scratch.second, self.scratch.second_int);
        self.out.pair(self.scratch.name(), value, expire_at.is_some());
        self.out.element(Element::Field { field: &self.scratch.first, value: &self.scratch.second, expire_at });
    }

    /// The first entry is the template's id, the others are the values of its fields.
    fn template(&mut self, entry: Packed<'_>) {
        let Some(at) = self.taken.checked_sub(1) else {
            self.taken = 1;
            return;
        };
        self.taken = self.taken.saturating_add(1);
        let field: &[u8] = self.names.get(at).map_or(&[], |name| name);
        self.target.add((entry.len() as u64).saturating_add(field.len() as u64));
        self.out.pair(measured(field, None), entry.into(), false);
        if self.out.emit {
            let mut digits = itoa::Buffer::new();
            self.out.element(Element::Field { field, value: entry.bytes(&mut digits), expire_at: None });
        }
    }

    #[cold]
    fn repeated(&mut self, entry: Packed<'_>) {
        let flaw = super::repeated(entry.bytes(&mut itoa::Buffer::new()));
        self.flaw.get_or_insert(flaw);
    }
}

fn set(buffer: &mut Vec<u8>, entry: Packed<'_>) {
    buffer.clear();
    buffer.extend_from_slice(entry.bytes(&mut itoa::Buffer::new()));
}

/// A score in a packed sorted set: an integer, or its text.
#[inline]
#[allow(clippy::cast_precision_loss, reason = "as servers turn them into doubles")]
fn score(entry: Packed<'_>) -> Result<f64, Flaw> {
    match entry {
        Packed::Int(score) => Ok(score as f64),
        Packed::Str(text) => {
            let score = double::parse_ascii(text)?;
            if score.is_nan() { Err(not_a_number()) } else { Ok(score) }
        }
    }
}

fn intset<S: Sink>(blob: &[u8], target: &mut Target<'_>, out: &mut Out<'_, S>) -> Result<(), Flaw> {
    let set = Intset::new(blob)?;
    out.blob(Packing::Intset, blob.len());
    let mut digits = itoa::Buffer::new();
    for number in &set {
        let text = digits.format(number);
        target.add(text.len() as u64);
        out.one(Packed::Int(number).into());
        out.element(Element::Item(text.as_bytes()));
    }
    set.check_ascending()
}

fn zipmap<S: Sink>(blob: &[u8], target: &mut Target<'_>, out: &mut Out<'_, S>) -> Result<(), Flaw> {
    target.unique.begin((blob.len() as u64) / 3);
    out.blob(Packing::Zipmap, blob.len());
    let mut flaw = None;
    for pair in &Zipmap::new(blob)? {
        let (field, value) = pair?;
        target.add((field.len() as u64).saturating_add(value.len() as u64));
        if !target.unique.insert(field) {
            flaw.get_or_insert_with(|| super::repeated(field));
        }
        out.pair(measured(field, None), measured(value, None), false);
        out.element(Element::Field { field, value, expire_at: None });
    }
    match flaw {
        Some(flaw) => Err(flaw),
        None => target.unique.end(&mut |count| super::duplicates(count)),
    }
}

#[cold]
fn too_long(bytes: u64) -> Flaw {
    Flaw::new("not-looked-into", "packed value", 0, "one that fits into memory", format!("{bytes} bytes"))
}

/// A list of packed nodes.
#[derive(Debug, Default)]
pub(super) struct Quicklist {
    nodes: u64,
    plain: bool,
    has_plain: bool,
}

impl Quicklist {
    /// What the next node holds: 1 is an element by itself, 2 a listpack of them.
    pub(super) fn container(&mut self, value: u64) -> Result<(), Flaw> {
        self.plain = value == 1;
        self.has_plain |= self.plain;
        match value {
            1 | 2 => Ok(()),
            _ => Err(Flaw::new("node-container", "quicklist node", 0, "1 (plain) or 2 (packed)", value.to_string())),
        }
    }

    pub(super) fn node<S: Sink>(
        &mut self,
        ziplists: bool,
        text: Text<'_>,
        shape: &mut Shape,
        out: &mut Out<'_, S>,
    ) -> Result<(), Flaw> {
        self.nodes = self.nodes.saturating_add(1);
        let mut add = |bytes: u64| {
            shape.elements = shape.elements.saturating_add(1);
            shape.payload_bytes = shape.payload_bytes.saturating_add(bytes);
            shape.largest_element_bytes = shape.largest_element_bytes.max(bytes);
        };
        if self.plain && !ziplists {
            add(text.len());
            out.blob(Packing::Plain, usize::try_from(text.len()).unwrap_or(usize::MAX));
            out.one(text.measured());
            out.element(Element::Item(text.bytes()));
            return Ok(());
        }
        let Text::Whole(blob) = text else { return Err(too_long(text.len())) };
        out.blob(if ziplists { Packing::Ziplist } else { Packing::Listpack }, blob.len());
        let mut entry = |entry: Packed<'_>| {
            add(entry.len() as u64);
            out.one(entry.into());
            if out.emit {
                out.element(Element::Item(entry.bytes(&mut itoa::Buffer::new())));
            }
            Ok(())
        };
        if ziplists {
            ziplist::deep(blob, &mut entry)?
        } else {
            listpack::deep(blob, &mut entry)?
        };
        Ok(())
    }

    /// Whether a server from 7.2 on keeps the list as one listpack.
    pub(super) fn is_one_packed_node(&self) -> bool {
        self.nodes == 1 && !self.has_plain
    }

    /// Whether the next node is an element by itself, so that its pieces may be handed over.
    pub(super) fn next_is_plain(&self) -> bool {
        self.plain
    }
}
