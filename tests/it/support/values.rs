//! Decoded values as owned data, through the rows of the pipeline.

use rediscover::base::UnixMs;
use rediscover::pipeline::{RowSource, Selection, rows};
use rediscover::rdb::{Depth, Element, Half, Head, Item};
use rediscover::source::Stream;

/// One key with its whole value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Row {
    pub(crate) db: u64,
    pub(crate) key: Vec<u8>,
    pub(crate) ty: &'static str,
    pub(crate) encoding: &'static str,
    pub(crate) offset: u64,
    pub(crate) serialized_bytes: u64,
    pub(crate) expire_at: Option<UnixMs>,
    pub(crate) parts: Vec<Part>,
}

/// A part of a value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Part {
    Item(Vec<u8>),
    Member(Vec<u8>, f64),
    Field(Vec<u8>, Vec<u8>, Option<UnixMs>),
    /// What only streams and arrays have, as `Debug` writes it.
    Other(String),
}

impl Row {
    /// The items of a list, a set or a string.
    pub(crate) fn items(&self) -> Vec<&[u8]> {
        fn item(part: &Part) -> Option<&[u8]> {
            if let Part::Item(bytes) = part { Some(bytes) } else { None }
        }
        self.parts.iter().filter_map(item).collect()
    }

    /// The fields of a hash, or of all entries of a stream.
    pub(crate) fn fields(&self) -> Vec<(&[u8], &[u8])> {
        fn field(part: &Part) -> Option<(&[u8], &[u8])> {
            if let Part::Field(name, value, _) = part { Some((name, value)) } else { None }
        }
        self.parts.iter().filter_map(field).collect()
    }

    /// What only streams and arrays have.
    pub(crate) fn others(&self) -> Vec<&String> {
        fn other(part: &Part) -> Option<&String> {
            if let Part::Other(line) = part { Some(line) } else { None }
        }
        self.parts.iter().filter_map(other).collect()
    }

    /// The members of a sorted set.
    pub(crate) fn members(&self) -> Vec<(&[u8], f64)> {
        fn member(part: &Part) -> Option<(&[u8], f64)> {
            if let Part::Member(member, score) = part { Some((member, *score)) } else { None }
        }
        self.parts.iter().filter_map(member).collect()
    }
}

/// Every key of a stream with its value, in the order of the file.
pub(crate) fn read(stream: &mut Stream, how: super::dumps::How) -> Vec<Row> {
    let mut all = Vec::new();
    let mut deliver = |rows: Vec<Row>| {
        all.extend(rows);
        Ok(())
    };
    rows(stream, |_, _| Reading::default(), &Selection::default(), &how.options(), &mut deliver)
        .expect("it can be read");
    all
}

#[derive(Default)]
struct Reading {
    done: Vec<Row>,
    parts: Vec<Part>,
    halves: [Vec<u8>; 2],
}

impl Reading {
    fn part(&mut self, element: &Element<'_>) {
        let [name, value] = &mut self.halves;
        // A string that came in pieces is empty in the element that closes it.
        let mut whole = |bytes: &[u8]| if name.is_empty() { bytes.to_vec() } else { std::mem::take(name) };
        let part = match element {
            Element::Piece { half, at, bytes, .. } => {
                let half = if *half == Half::Name { name } else { value };
                assert_eq!(*at, half.len() as u64, "pieces follow each other");
                half.extend_from_slice(bytes);
                return;
            }
            Element::Item(bytes) => Part::Item(whole(bytes)),
            Element::Member { member, score } => Part::Member(whole(member), *score),
            Element::Field { field, value: bytes, expire_at } => {
                let field = whole(field);
                let bytes = if value.is_empty() { bytes.to_vec() } else { std::mem::take(value) };
                Part::Field(field, bytes, *expire_at)
            }
            other => Part::Other(format!("{other:?}")),
        };
        self.parts.push(part);
    }
}

impl RowSource for Reading {
    type Rows = Vec<Row>;

    fn depth(&self, _: &Head<'_>) -> Depth {
        Depth::Content
    }

    fn observe(&mut self, item: &Item<'_>) {
        match item {
            Item::Begin(_) | Item::Dropped => self.parts.clear(),
            Item::Element(element) => self.part(element),
            Item::Entry(entry) => self.done.push(Row {
                db: entry.head.db,
                key: entry.head.key.head.to_vec(),
                ty: entry.head.value_type.ty.name(),
                encoding: entry.encoding.name(),
                offset: entry.head.offset,
                serialized_bytes: entry.serialized_bytes,
                expire_at: entry.head.expire_at,
                parts: std::mem::take(&mut self.parts),
            }),
            _ => {}
        }
    }

    fn take(&mut self) -> Vec<Row> {
        std::mem::take(&mut self.done)
    }
}
