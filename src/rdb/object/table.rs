//! Collections stored as strings one after the other: hash tables, arrays, template hashes.
//!
//! ```text
//! list, set          STR element                                   sorted set   STR member, score
//! hash               STR field, STR value                          its field expiries stand before the field (Redis),
//! array              LEN index, tag, element                       or after the value (Valkey, Dragonfly)
//! template hash      STR value, for each field of the template
//! ```

use super::{Flaw, Out, Text, Unique, field_expiry};
use crate::base::UnixMs;
use crate::rdb::grammar::Role;
use crate::rdb::item::{Element, Measured, Shape, Sink};

/// What a decoder adds up while it goes.
pub(super) struct Target<'t> {
    pub(super) shape: &'t mut Shape,
    pub(super) expiring: &'t mut u64,
    pub(super) unique: &'t mut Unique,
}

impl Target<'_> {
    #[inline]
    pub(super) fn add(&mut self, bytes: u64) {
        self.shape.elements = self.shape.elements.saturating_add(1);
        self.shape.payload_bytes = self.shape.payload_bytes.saturating_add(bytes);
        self.shape.largest_element_bytes = self.shape.largest_element_bytes.max(bytes);
    }
}

/// What one element is made of, and so which part completes it.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Form {
    #[default]
    List,
    Set,
    Zset,
    Hash,
    /// The expiry stands after the value (Valkey, Dragonfly).
    HashThenExpiry,
    SetThenExpiry,
    Array,
    Template,
}

/// What is known of the element in progress. Its bytes are kept only if somebody wants elements.
#[derive(Debug, Default)]
pub(super) struct Table {
    form: Form,
    first: Vec<u8>,
    first_bytes: u64,
    second: Vec<u8>,
    second_bytes: u64,
    expire_at: Option<UnixMs>,
    smallest_expiry: i64,
    index: u64,
    tag: u64,
    /// Elements taken so far.
    taken: usize,
}

impl Table {
    /// Begins a value of the type of this name.
    pub(super) fn reset(&mut self, name: &'static str) {
        self.form = match name {
            "LIST" => Form::List,
            "SET" => Form::Set,
            "ZSET" | "ZSET_2" => Form::Zset,
            "HASH_2" | "HASH_WITH_EXPIRY" => Form::HashThenExpiry,
            "SET_WITH_EXPIRY" => Form::SetThenExpiry,
            "ARRAY" => Form::Array,
            "HASH_TMPL_ARRAY" | "HASH_TMPL_ARRAY_REF" => Form::Template,
            _ => Form::Hash,
        };
        self.first.clear();
        self.second.clear();
        self.expire_at = None;
        self.smallest_expiry = 0;
        self.taken = 0;
    }

    /// The smallest field expiry of the hash, from which the others count; 0 if none was set when it was written.
    pub(super) fn min_expire(&mut self, ms: i64) -> Result<(), Flaw> {
        self.smallest_expiry = ms;
        match u64::try_from(ms) {
            Ok(ms) => field_expiry(ms).map(|_| ()),
            Err(_) => Err(Flaw::new("field-expiry", "smallest field expiry", 0, "a moment after 1970", ms.to_string())),
        }
    }

    /// A field expiry before its field: 0 for none, else counted from the smallest (type 24) or absolute (22).
    pub(super) fn expire_delta(&mut self, id: u8, value: u64) -> Result<(), Flaw> {
        self.expire_at = None;
        if value == 0 {
            return Ok(());
        }
        let at = if id == 24 {
            let base = u64::try_from(self.smallest_expiry).unwrap_or(0);
            base.checked_add(value).map_or(u64::MAX, |sum| sum.saturating_sub(1))
        } else {
            value
        };
        self.expire_at = Some(field_expiry(at)?);
        Ok(())
    }

    pub(super) fn index(&mut self, index: u64) -> Result<(), Flaw> {
        let ascending = self.taken == 0 || index > self.index;
        self.index = index;
        self.taken = self.taken.saturating_add(1);
        if ascending {
            Ok(())
        } else {
            Err(Flaw::new("array-order", "array index", 0, "indexes in ascending order", index.to_string()))
        }
    }

    pub(super) fn tag(&mut self, tag: u64) {
        self.tag = tag;
    }

    /// A number in an array: logically its text.
    pub(super) fn array_number<S: Sink>(&mut self, bytes: &[u8], target: &mut Target<'_>, out: &mut Out<'_, S>) {
        let mut integer = itoa::Buffer::new();
        let mut float = zmij::Buffer::new();
        let text = if self.tag == 1 {
            integer.format(super::le_i64(bytes))
        } else {
            float.format(bytes.first_chunk().map_or(0.0, |bytes| f64::from_le_bytes(*bytes)))
        };
        target.add(text.len() as u64);
        out.one(Text::Whole(text.as_bytes()).measured());
        out.element(Element::Indexed { index: self.index, value: text.as_bytes() });
    }

    /// Takes a string of the element in progress.
    #[inline]
    pub(super) fn text<S: Sink>(
        &mut self,
        role: Role,
        text: Text<'_>,
        names: &[Box<[u8]>],
        target: &mut Target<'_>,
        out: &mut Out<'_, S>,
    ) -> Result<(), Flaw> {
        match (self.form, role) {
            (Form::Set, _) => {
                target.add(text.len());
                out.one(text.measured());
                out.element(Element::Item(text.bytes()));
                insert(target.unique, &text)
            }
            (Form::Zset, _) | (Form::SetThenExpiry, Role::Member) | (_, Role::Field) => {
                self.first_bytes = text.len();
                keep(&mut self.first, text, out.emit || out.parts);
                insert(target.unique, &text)
            }
            (Form::HashThenExpiry, Role::FieldValue) => {
                self.second_bytes = text.len();
                keep(&mut self.second, text, out.emit || out.parts);
                Ok(())
            }
            (Form::Template, _) => {
                let field: &[u8] = names.get(self.taken).map_or(&[], |name| name);
                self.taken = self.taken.saturating_add(1);
                target.add(text.len().saturating_add(field.len() as u64));
                out.pair(Text::Whole(field).measured(), text.measured(), false);
                out.element(Element::Field { field, value: text.bytes(), expire_at: None });
                Ok(())
            }
            (Form::HashThenExpiry | Form::SetThenExpiry, _) => {
                let seconds = std::str::from_utf8(text.head()).ok().and_then(|text| text.parse::<i64>().ok());
                let at = seconds.and_then(|seconds| seconds.checked_mul(1000)).ok_or_else(|| {
                    let found = crate::base::flaw::quote(text.head());
                    Flaw::new("field-expiry", "field expiry", 0, "Unix seconds or -1", found)
                });
                self.expiry_last(*at.as_ref().unwrap_or(&-1), target, out);
                at.map(|_| ())
            }
            (Form::Hash, _) => {
                let expire_at = self.expire_at.take();
                if expire_at.is_some() {
                    *target.expiring = target.expiring.saturating_add(1);
                }
                target.add(self.first_bytes.saturating_add(text.len()));
                out.pair(self.name(), text.measured(), expire_at.is_some());
                out.element(Element::Field { field: &self.first, value: text.bytes(), expire_at });
                Ok(())
            }
            (Form::Array, _) => {
                target.add(text.len());
                out.one(text.measured());
                out.element(Element::Indexed { index: self.index, value: text.bytes() });
                Ok(())
            }
            (Form::List, _) => {
                target.add(text.len());
                out.one(text.measured());
                out.element(Element::Item(text.bytes()));
                Ok(())
            }
        }
    }

    fn name(&self) -> Measured<'_> {
        Measured { bytes: &self.first, len: self.first_bytes, int: None }
    }

    /// The score that completes a sorted set's member.
    #[inline]
    pub(super) fn score<S: Sink>(
        &mut self,
        score: f64,
        target: &mut Target<'_>,
        out: &mut Out<'_, S>,
    ) -> Result<(), Flaw> {
        target.add(self.first_bytes);
        out.scored(self.name(), score);
        out.element(Element::Member { member: &self.first, score });
        if score.is_nan() { Err(not_a_number()) } else { Ok(()) }
    }

    /// The expiry in Unix milliseconds that completes an element; negative for none.
    pub(super) fn expiry_last<S: Sink>(&mut self, ms: i64, target: &mut Target<'_>, out: &mut Out<'_, S>) {
        let expire_at = (ms >= 0).then_some(UnixMs(ms));
        if expire_at.is_some() {
            *target.expiring = target.expiring.saturating_add(1);
        }
        if self.form == Form::SetThenExpiry {
            target.add(self.first_bytes);
            out.one(self.name());
            out.element(Element::Item(&self.first));
        } else {
            target.add(self.first_bytes.saturating_add(self.second_bytes));
            let value = Measured { bytes: &self.second, len: self.second_bytes, int: None };
            out.pair(self.name(), value, expire_at.is_some());
            out.element(Element::Field { field: &self.first, value: &self.second, expire_at });
        }
    }
}

#[inline]
fn keep(buffer: &mut Vec<u8>, text: Text<'_>, wanted: bool) {
    if wanted {
        buffer.clear();
        buffer.extend_from_slice(text.bytes());
    }
}

#[inline]
fn insert(unique: &mut Unique, text: &Text<'_>) -> Result<(), Flaw> {
    let new = match text {
        Text::Whole(bytes) => unique.insert(bytes),
        Text::Long { fingerprint, .. } => unique.insert_fingerprint(*fingerprint),
    };
    if new { Ok(()) } else { Err(super::repeated(text.head())) }
}

#[cold]
pub(super) fn not_a_number() -> Flaw {
    Flaw::new("score", "score", 0, "a number or an infinity", "NaN")
}
