//! Streams with their groups: how far behind those are, and what waits in them.

use super::lag::Counting;
use super::ranking::{Place, Ranked, Ranking};
use crate::base::{Result, UnixMs};
use crate::encoding::StreamId;
use crate::keyspace::Type;
use crate::pipeline::{Analyzer, Prologue, Scope};
use crate::rdb::{Depth, Element, Entry, Head, Item, Part, StreamInfo};
use crate::report::{KeyName, Stream, StreamGroup};
use std::cmp::Reverse;
use std::sync::Arc;

/// Groups of one stream that are listed: those with the most to do.
const MOST_GROUPS: usize = 100;
/// What is kept of a group's name.
const NAME_BYTES: usize = 1 << 10;
/// A consumer that was not seen for so long is idle.
const IDLE_MS: i64 = 3_600_000;

/// The streams with the most to do: entries that their groups have not been given or not acknowledged. Memory: at most 100
/// groups for each one listed.
#[derive(Debug, Clone)]
pub struct Streams {
    source: Arc<str>,
    as_of: Option<UnixMs>,
    counting: Counting,
    ranking: Ranking<Row, Value>,
    open: Option<Box<Open>>,
}

/// What streams are ranked by: the work that waits, and the memory.
type Value = (u64, u64);

/// What is shown of a stream beside its name.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Row {
    length: u64,
    last_id: StreamId,
    memory_bytes: Option<u64>,
    groups: Vec<StreamGroup>,
    more_groups: u64,
    pending: u64,
}

/// The stream in progress, which is not known to be whole yet.
#[derive(Debug, Clone, Default)]
struct Open {
    counting: Counting,
    info: StreamInfo,
    groups: Vec<Group>,
    count: u64,
    /// Of all groups, those left out too.
    pending: u64,
    work: u64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Group {
    /// Its place in the file.
    number: u64,
    name: KeyName,
    last_id: StreamId,
    lag: Option<u64>,
    pending: u64,
    oldest: Option<UnixMs>,
    most_deliveries: u64,
    consumers: u64,
    idle_consumers: u64,
}

impl Open {
    fn begin_group(&mut self, name: &[u8], last_id: StreamId, entries_read: Option<u64>) {
        self.end_group();
        let number = self.count;
        self.count = self.count.saturating_add(1);
        let kept = name.get(..NAME_BYTES).unwrap_or(name);
        self.groups.push(Group {
            number,
            name: KeyName::cut(kept, name.len() as u64),
            last_id,
            lag: self.counting.lag(&self.info, last_id, entries_read),
            pending: 0,
            oldest: None,
            most_deliveries: 0,
            consumers: 0,
            idle_consumers: 0,
        });
    }

    fn end_group(&mut self) {
        if let Some(group) = self.groups.last() {
            self.pending = self.pending.saturating_add(group.pending);
            self.work = self.work.saturating_add(group.work());
        }
        // They are sorted so seldom that each costs little.
        if self.groups.len() >= MOST_GROUPS.saturating_mul(2) {
            self.choose_groups();
        }
    }

    fn choose_groups(&mut self) {
        self.groups.sort_unstable_by_key(|group| (Reverse(group.work()), group.number));
        self.groups.truncate(MOST_GROUPS);
    }

    fn pending(&mut self, delivered: UnixMs, deliveries: u64) {
        let Some(group) = self.groups.last_mut() else { return };
        group.pending = group.pending.saturating_add(1);
        group.oldest = Some(group.oldest.map_or(delivered, |oldest| oldest.min(delivered)));
        group.most_deliveries = group.most_deliveries.max(deliveries);
    }

    fn consumer(&mut self, seen: UnixMs, as_of: Option<UnixMs>) {
        let Some(group) = self.groups.last_mut() else { return };
        let idle = as_of.is_some_and(|as_of| as_of.0.saturating_sub(seen.0) >= IDLE_MS);
        group.consumers = group.consumers.saturating_add(1);
        group.idle_consumers = group.idle_consumers.saturating_add(u64::from(idle));
    }
}

impl Group {
    /// Entries that wait: those it has not been given, where that is known, and those it has not acknowledged.
    fn work(&self) -> u64 {
        self.pending.saturating_add(self.lag.unwrap_or(0))
    }

    fn report(self, as_of: Option<UnixMs>) -> StreamGroup {
        let waits = |since: UnixMs| u64::try_from(as_of?.0.saturating_sub(since.0)).ok().map(|ms| ms / 1000);
        StreamGroup {
            oldest_pending_seconds: self.oldest.and_then(waits),
            name: self.name,
            last_id: self.last_id.to_string(),
            lag: self.lag,
            pending: self.pending,
            most_deliveries: self.most_deliveries,
            consumers: self.consumers,
            idle_consumers: self.idle_consumers,
        }
    }
}

impl Streams {
    /// For one source; `top` is the length of the list.
    pub fn new(source: &str, top: usize) -> Self {
        Self {
            source: source.into(),
            as_of: None,
            counting: Counting::default(),
            ranking: Ranking::new(top),
            open: None,
        }
    }

    fn commit(&mut self, mut open: Open, entry: &Entry<'_>) {
        open.end_group();
        open.choose_groups();
        let value = (open.work, entry.memory_bytes.unwrap_or(0));
        let as_of = self.as_of;
        self.ranking.offer(value, Place::key(&self.source, &entry.head), || Row {
            length: open.info.length,
            last_id: open.info.last_id,
            memory_bytes: entry.memory_bytes,
            more_groups: open.count.saturating_sub(open.groups.len() as u64),
            groups: open.groups.into_iter().map(|group| group.report(as_of)).collect(),
            pending: open.pending,
        });
    }
}

impl Analyzer for Streams {
    type Output = Vec<Stream>;

    fn depth(&self, head: &Head<'_>) -> Depth {
        if head.value_type.ty == Type::Stream { Depth::Shape } else { Depth::Keys }
    }

    fn begin(&mut self, prologue: &Prologue, as_of: Option<UnixMs>) {
        self.as_of = as_of;
        self.counting = Counting::of(prologue.writer());
        self.open = None;
    }

    fn fork(&self) -> Self {
        Self { as_of: self.as_of, counting: self.counting, ..Self::new(&self.source, self.ranking.top()) }
    }

    #[inline]
    fn part(&mut self, part: &Part<'_>) {
        let Part::Detail(detail) = part else { return };
        match (detail, &mut self.open) {
            (Element::StreamInfo(info), open) => {
                *open = Some(Box::new(Open { info: *info, counting: self.counting, ..Open::default() }));
            }
            (Element::Group { name, last_id, entries_read }, Some(open)) => {
                open.begin_group(name, *last_id, *entries_read);
            }
            (Element::Pending { delivered, deliveries, .. }, Some(open)) => open.pending(*delivered, *deliveries),
            (Element::Consumer { seen, .. }, Some(open)) => open.consumer(*seen, self.as_of),
            _ => {}
        }
    }

    #[inline]
    fn observe(&mut self, item: &Item<'_>) -> Result<()> {
        match item {
            Item::Entry(entry) => {
                if let Some(open) = self.open.take() {
                    self.commit(*open, entry);
                }
            }
            Item::Dropped => self.open = None,
            _ => {}
        }
        Ok(())
    }

    fn merge(&mut self, other: Self) -> Result<()> {
        self.ranking.merge(other.ranking);
        Ok(())
    }

    fn finish(self, _: &Scope) -> Result<Self::Output> {
        let stream = |Ranked { source, db, key, row, .. }: Ranked<Row, Value>| Stream {
            source: source.to_string(),
            db,
            key,
            length: row.length,
            last_id: row.last_id.to_string(),
            memory_bytes: row.memory_bytes,
            pending: row.pending,
            groups: row.groups,
            more_groups: row.more_groups,
        };
        Ok(self.ranking.into_rows().map(stream).collect())
    }
}
