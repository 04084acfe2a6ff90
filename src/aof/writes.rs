//! What a command writes becomes a key with its elements, as the keys of a dump are.
//!
//! ```text
//! SET key value                      one entry with one element
//! HSET key field value …             one entry; ZADD, XADD, RPUSH, SADD … likewise
//! MSET key value key value …         an entry for each key
//! ```
//! Arguments are taken one by one, so that a command needs not be held: what is kept is the key and the first half of an
//! element. A command that servers refuse for its form gives no entry.

use super::framer::Start;
use crate::base::UnixMs;
use crate::encoding::double;
use crate::encoding::stream_node::StreamId;
use crate::keyspace::command::{Clock, Expiry, Spec, Values, integer};
use crate::keyspace::{Arg, Command, Encoding, Type};
use crate::rdb::{Depth, Element, Entry, Family, Half, Head, Item, Key, Shape, Sink, ValueType};
use sha2::Digest;

/// Keys up to so many bytes are kept whole.
const WHOLE_KEY_BYTES: usize = 64 << 10;
/// Of a longer key this much is kept.
const KEY_HEAD_BYTES: usize = 1 << 10;

/// The value types of what commands write: of no dump, so under a number that none has.
static VALUE_TYPES: [ValueType; 7] = [
    of_command(Type::String),
    of_command(Type::List),
    of_command(Type::Set),
    of_command(Type::Zset),
    of_command(Type::Hash),
    of_command(Type::Stream),
    of_command(Type::Module),
];

const fn of_command(ty: Type) -> ValueType {
    ValueType { id: 255, name: "command", ty, steps: &[], family: Family::Text }
}

/// What an argument is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    /// Nothing that is written.
    Other,
    Key,
    /// An element of one argument.
    Item,
    /// The first half of a field with its value.
    Field,
    /// The second.
    Value,
    /// What stands before a member.
    Number,
    /// A member, after its numbers.
    Member,
    /// A stream entry's id.
    Id,
}

/// How far the options of a command have been read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Options {
    /// The next argument may be an option.
    #[default]
    Next,
    /// So many arguments belong to the last one.
    Skip(u8),
    /// A threshold follows, perhaps after `=` or `~`.
    Threshold,
    /// A time follows.
    Time(Clock),
    /// A number of elements follows.
    Number,
    /// Elements begin with this argument, and there are so many of them.
    End(u64, u64),
}

/// The key in progress.
#[derive(Debug, Default)]
struct KeyBuffer {
    head: Vec<u8>,
    len: u64,
    sha256: Option<[u8; 32]>,
    hash: Option<sha2::Sha256>,
}

/// The entry in progress.
#[derive(Debug, Default)]
struct Open {
    depth: Option<Depth>,
    /// Bytes of its own arguments.
    bytes: u64,
    shape: Shape,
    expiring_fields: u64,
}

/// Takes commands that write values, one after the other.
#[derive(Debug, Default)]
pub(super) struct Writes {
    /// The command in progress; none if it writes nothing.
    spec: Option<&'static Spec>,
    db: u64,
    offset: u64,
    count: u64,
    now: Option<UnixMs>,
    expire_at: Option<UnixMs>,
    field_expire_at: Option<UnixMs>,
    options: Options,
    key: KeyBuffer,
    open: Open,
    /// What the argument is that comes in pieces.
    part: Option<Part>,
    /// Whether an element has begun and not ended.
    half: bool,
    first: Vec<u8>,
    first_bytes: u64,
    numbers: [f64; 2],
}

impl Writes {
    /// Hands over what a whole command writes to this database, the last that was selected where it is not known.
    #[inline]
    pub(super) fn whole<S: Sink>(&mut self, spec: &'static Spec, db: u64, command: &Command<'_>, sink: &mut S) {
        if spec.values == Values::None {
            return;
        }
        self.begin_at(spec, command.args.count(), db, command.offset, command.time);
        // Here it is known from the beginning.
        self.take_expiry(command);
        for (index, arg) in command.args.iter().enumerate() {
            self.arg(index as u64, arg, sink);
        }
        self.end(command, sink);
    }

    /// Begins a command of `count` arguments, which follow one by one, the name being the first. When its keys expire is
    /// known at the end: of MSETEX, which has options after several entries, it stays unknown.
    pub(super) fn begin(&mut self, spec: &'static Spec, count: u64, now: &Start) {
        self.begin_at(spec, count, now.db, now.offset, now.time);
    }

    fn begin_at(&mut self, spec: &'static Spec, count: u64, db: u64, offset: u64, now: Option<UnixMs>) {
        self.spec = Some(spec).filter(|spec| spec.values != Values::None && spec.takes(count));
        self.db = db;
        self.offset = offset;
        self.count = count;
        self.now = now;
        self.expire_at = None;
        self.field_expire_at = None;
        self.options = Options::Next;
        self.open = Open::default();
        self.part = None;
        self.half = false;
    }

    /// Takes the next argument: whole, or without its bytes after its pieces. Of one that is neither, the beginning counts
    /// as a piece.
    #[inline]
    pub(super) fn arg<S: Sink>(&mut self, index: u64, arg: Arg<'_>, sink: &mut S) {
        let Some(spec) = self.spec else { return };
        let whole = arg.whole();
        if whole.is_none() && !arg.head.is_empty() {
            self.piece(index, 0, arg.len, arg.head, sink);
        }
        let part = self.part.take().unwrap_or_else(|| self.next_part(spec, index, whole));
        let bytes = whole.unwrap_or_default();
        if part != Part::Other {
            self.open.bytes = self.open.bytes.saturating_add(framed(arg.len));
        }
        match part {
            Part::Other => {}
            Part::Key => self.begin_key(spec, arg, sink),
            Part::Item => {
                self.add(arg.len);
                self.element(Element::Item(bytes), sink);
            }
            Part::Field => {
                self.half = true;
                self.first_bytes = arg.len;
                self.first.clear();
                if self.wants_elements() {
                    self.first.extend_from_slice(bytes);
                }
            }
            Part::Value => {
                self.half = false;
                self.add(self.first_bytes.saturating_add(arg.len));
                let expire_at = self.field_expire_at;
                self.open.expiring_fields = self.open.expiring_fields.saturating_add(u64::from(expire_at.is_some()));
                self.element(Element::Field { field: &self.first, value: bytes, expire_at }, sink);
            }
            Part::Number => {
                self.half = true;
                let number = whole.and_then(|text| double::parse_ascii(text).ok()).unwrap_or(f64::NAN);
                self.numbers = [self.numbers[1], number];
            }
            Part::Member => {
                self.half = false;
                self.add(arg.len);
                let [longitude, score] = self.numbers;
                let score = if spec.values == Values::Geo { geo_score(longitude, score) } else { score };
                self.element(Element::Member { member: bytes, score }, sink);
            }
            Part::Id => {
                let id = whole.and_then(stream_id).unwrap_or_default();
                let fields = self.count.saturating_sub(index.saturating_add(1)) / 2;
                self.element(Element::StreamEntry { id, fields }, sink);
            }
        }
        if matches!(spec.values, Values::Pairs | Values::CountedPairs | Values::Triples) && part == Part::Item {
            self.entry(spec, self.open.bytes, sink);
        }
    }

    /// Takes a piece of an argument that is too long to be held: `at` is its place in the `total` bytes. After the last one
    /// comes [`Writes::arg`].
    pub(super) fn piece<S: Sink>(&mut self, index: u64, at: u64, total: u64, bytes: &[u8], sink: &mut S) {
        let Some(spec) = self.spec else { return };
        let part = self.part.unwrap_or_else(|| self.next_part(spec, index, None));
        self.part = Some(part);
        let half = match part {
            Part::Key => return self.key.piece(at, bytes),
            Part::Item | Part::Field | Part::Member => Half::Name,
            Part::Value => Half::Value,
            Part::Other | Part::Number | Part::Id => return,
        };
        self.element(Element::Piece { half, at, total, bytes }, sink);
    }

    /// Ends the command, all arguments of which have come.
    pub(super) fn end<S: Sink>(&mut self, command: &Command<'_>, sink: &mut S) {
        let Some(spec) = self.spec else { return };
        let is_empty = self.open.shape.elements == 0 && !matches!(spec.values, Values::Each(_));
        let announced = match self.options {
            Options::End(_, words) if spec.values == Values::CountedFields => words / 2,
            _ => self.open.shape.elements,
        };
        if self.open.depth.is_none() || self.half || is_empty || self.open.shape.elements != announced {
            return self.abandon(sink);
        }
        self.take_expiry(command);
        if spec.values == Values::StreamEntry {
            // Its fields are one element.
            self.open.shape.elements = 1;
            self.open.shape.largest_element_bytes = self.open.shape.payload_bytes;
        }
        self.entry(spec, command.bytes, sink);
        self.spec = None;
    }

    /// Gives up what has begun: the command breaks off.
    pub(super) fn abandon<S: Sink>(&mut self, sink: &mut S) {
        if self.spec.take().is_some() && self.wants_elements() {
            sink.item(&Item::Dropped);
        }
        self.open.depth = None;
    }

    fn take_expiry(&mut self, command: &Command<'_>) {
        match self.spec.and_then(|spec| spec.expiry(&command.args, self.now)) {
            Some(Expiry::At(at)) => self.expire_at = Some(at),
            Some(Expiry::Fields(at)) => self.field_expire_at = Some(at),
            _ => {}
        }
    }

    fn wants_elements(&self) -> bool {
        self.open.depth == Some(Depth::Content)
    }

    #[inline]
    fn element<S: Sink>(&self, element: Element<'_>, sink: &mut S) {
        if self.wants_elements() {
            sink.item(&Item::Element(element));
        }
    }

    #[inline]
    fn add(&mut self, bytes: u64) {
        let shape = &mut self.open.shape;
        shape.elements = shape.elements.saturating_add(1);
        shape.payload_bytes = shape.payload_bytes.saturating_add(bytes);
        shape.largest_element_bytes = shape.largest_element_bytes.max(bytes);
    }

    fn begin_key<S: Sink>(&mut self, spec: &'static Spec, arg: Arg<'_>, sink: &mut S) {
        self.key.set(arg);
        let head = self.head(spec);
        let depth = sink.depth(&head);
        if depth == Depth::Content {
            sink.item(&Item::Begin(head));
        }
        self.open = Open { depth: Some(depth), bytes: framed(arg.len), ..Open::default() };
    }

    fn head(&self, spec: &Spec) -> Head<'_> {
        let [first, ..] = &VALUE_TYPES;
        Head {
            db: self.db,
            key: self.key.key(),
            value_type: VALUE_TYPES.iter().find(|known| Some(known.ty) == spec.ty).unwrap_or(first),
            offset: self.offset,
            expire_at: self.expire_at,
            idle_secs: None,
            freq: None,
        }
    }

    fn entry<S: Sink>(&mut self, spec: &'static Spec, serialized_bytes: u64, sink: &mut S) {
        let Some(depth) = self.open.depth.take() else { return };
        sink.item(&Item::Entry(Entry {
            head: self.head(spec),
            serialized_bytes,
            encoding: Encoding::Unknown,
            shape: (depth >= Depth::Shape).then_some(self.open.shape),
            expiring_fields: self.open.expiring_fields,
            module: None,
            memory_bytes: None,
            allocated_bytes: None,
            written_by: Some(spec),
        }));
    }

    /// What the next argument is; `word` is there if it is held whole.
    #[inline]
    fn next_part(&mut self, spec: &Spec, index: u64, word: Option<&[u8]>) -> Part {
        let (place, halves) = match (spec.values, index) {
            (_, 0) | (Values::None, _) => return Part::Other,
            (Values::Pairs, _) => return if index % 2 == 1 { Part::Key } else { Part::Item },
            (Values::Triples, _) => {
                return match index % 3 {
                    1 => Part::Key,
                    2 => Part::Other,
                    _ => Part::Item,
                };
            }
            (Values::CountedPairs, 1) => {
                self.options = Options::Number;
                self.option(index, word, |_| None);
                return Part::Other;
            }
            (Values::CountedPairs, _) => {
                return match self.place(index) {
                    Some(place) if place % 2 == 0 => Part::Key,
                    Some(_) => Part::Item,
                    None => Part::Other,
                };
            }
            (_, 1) => return Part::Key,
            (Values::One(at), _) => return if index == u64::from(at) { Part::Item } else { Part::Other },
            (Values::Each(from), _) => return if index >= u64::from(from) { Part::Item } else { Part::Other },
            (Values::Fields(from), _) => (index.checked_sub(u64::from(from)), [Part::Field, Part::Value]),
            (Values::CountedFields, _) => {
                (self.option(index, word, |word| Some(hash_option(word))), [Part::Field, Part::Value])
            }
            (Values::Scored, _) => (self.option(index, word, zset_option), [Part::Number, Part::Member]),
            (Values::StreamEntry, _) => match self.option(index, word, stream_option) {
                Some(0) => return Part::Id,
                place => (place.and_then(|place| place.checked_sub(1)), [Part::Field, Part::Value]),
            },
            (Values::Geo, _) => {
                return match self.option(index, word, zset_option).map(|place| place % 3) {
                    None => Part::Other,
                    Some(2) => Part::Member,
                    Some(_) => Part::Number,
                };
            }
        };
        let [first, second] = halves;
        match place {
            None => Part::Other,
            Some(place) if place % 2 == 0 => first,
            Some(_) => second,
        }
    }

    /// Takes an argument that may be an option, or belong to one; if it is neither, its place among the elements.
    fn option(&mut self, index: u64, word: Option<&[u8]>, known: fn(&[u8]) -> Option<Options>) -> Option<u64> {
        let word = word.unwrap_or_default();
        self.options = match self.options {
            Options::End(..) => return self.place(index),
            Options::Next => known(word).unwrap_or(Options::End(index, u64::MAX)),
            Options::Skip(more @ 2..) => Options::Skip(more - 1),
            Options::Threshold if word == b"=" || word == b"~" => Options::Skip(1),
            Options::Skip(_) | Options::Threshold => Options::Next,
            Options::Time(clock) => {
                self.field_expire_at = clock.moment(word, self.now);
                Options::Next
            }
            Options::Number => {
                let number = integer(word).and_then(|number| u64::try_from(number).ok()).unwrap_or_default();
                Options::End(index.saturating_add(1), number.saturating_mul(2))
            }
        };
        self.place(index)
    }

    /// The place of an argument among the elements.
    fn place(&self, index: u64) -> Option<u64> {
        let Options::End(from, count) = self.options else { return None };
        index.checked_sub(from).filter(|place| *place < count)
    }
}

impl KeyBuffer {
    fn key(&self) -> Key<'_> {
        Key { head: &self.head, len: self.len, sha256: self.sha256 }
    }

    fn piece(&mut self, at: u64, bytes: &[u8]) {
        if at == 0 {
            self.head.clear();
            self.hash = Some(sha2::Sha256::default());
        }
        if let Some(hash) = &mut self.hash {
            hash.update(bytes);
        }
        let room = KEY_HEAD_BYTES.saturating_sub(self.head.len());
        self.head.extend_from_slice(bytes.get(..room).unwrap_or(bytes));
    }

    /// The key is this argument, or was its pieces.
    fn set(&mut self, arg: Arg<'_>) {
        self.len = arg.len;
        if let Some(hash) = self.hash.take() {
            self.sha256 = Some(hash.finalize().into());
            return;
        }
        let bytes = arg.head;
        self.sha256 = (bytes.len() > WHOLE_KEY_BYTES).then(|| sha2::Sha256::digest(bytes).into());
        let kept = if self.sha256.is_some() { KEY_HEAD_BYTES } else { bytes.len() };
        self.head.clear();
        self.head.extend_from_slice(bytes.get(..kept).unwrap_or(bytes));
    }
}

/// Bytes of an argument with its length before it.
fn framed(len: u64) -> u64 {
    let digits = len.checked_ilog10().unwrap_or_default();
    len.saturating_add(u64::from(digits)).saturating_add(6)
}

fn is_one_of(word: &[u8], words: &[&[u8]]) -> bool {
    words.iter().any(|known| word.eq_ignore_ascii_case(known))
}

/// Options of ZADD and GEOADD.
fn zset_option(word: &[u8]) -> Option<Options> {
    is_one_of(word, &[b"nx", b"xx", b"gt", b"lt", b"ch", b"incr"]).then_some(Options::Next)
}

/// Options of HSETEX.
fn hash_option(word: &[u8]) -> Options {
    match Clock::of_option(word) {
        Some(clock) => Options::Time(clock),
        None if is_one_of(word, &[b"fields"]) => Options::Number,
        None => Options::Next,
    }
}

/// Options of XADD.
fn stream_option(word: &[u8]) -> Option<Options> {
    Some(match word.first()?.to_ascii_lowercase() {
        b'm' if is_one_of(word, &[b"maxlen", b"minid"]) => Options::Threshold,
        b'l' if is_one_of(word, &[b"limit"]) => Options::Skip(1),
        b'i' if is_one_of(word, &[b"idmpauto"]) => Options::Skip(1),
        b'i' if is_one_of(word, &[b"idmp"]) => Options::Skip(2),
        _ if is_one_of(word, &[b"nomkstream", b"keepref", b"delref", b"acked"]) => Options::Next,
        _ => return None,
    })
}

/// The id that a command names; none if it leaves the choice to the server. Without a second number that is 0.
fn stream_id(word: &[u8]) -> Option<StreamId> {
    let text = std::str::from_utf8(word).ok()?;
    let (ms, seq) = text.split_once('-').unwrap_or((text, "0"));
    Some(StreamId { ms: ms.parse().ok()?, seq: seq.parse().unwrap_or_default() })
}

/// The score under which a place is kept: 26 bits of each coordinate, interleaved, the longitude's first.
///
/// Source: ZSCORE after GEOADD on Redis 7.0–8.6 and Valkey 8.1 and 9.1.
fn geo_score(longitude: f64, latitude: f64) -> f64 {
    const CELLS: f64 = 67_108_864.0;
    let cell = |value: f64, most: f64| {
        let cell = (value + most) / (2.0 * most) * CELLS;
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "as servers cut it")]
        (0.0..=CELLS).contains(&cell).then_some(cell as u64)
    };
    let (Some(longitude), Some(latitude)) = (cell(longitude, 180.0), cell(latitude, 85.051_128_78)) else {
        return f64::NAN;
    };
    let spread = |cell: u64| (0..32).fold(0_u64, |bits, bit| bits | (cell >> bit & 1) << (2 * bit));
    #[allow(clippy::cast_precision_loss, reason = "at most 53 bits")]
    let score = (spread(latitude) | spread(longitude) << 1) as f64;
    score
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may stop")]
mod tests;
