//! Items of a batch to rows.

use super::TimelineOptions;
use super::clues::{self, Clues};
use super::gone::KeyPrint;
use super::marks::{MarkKind, Marks};
use super::words::effect_name;
use crate::base::{Result, UnixMs};
use crate::keyspace::command::{Effect, Expiry, KeyAt, Spec, Values};
use crate::keyspace::{Arg, Command};
use crate::pipeline::{Prologue, RowSource};
use crate::rdb::{Depth, Element, Entry, Half, Head, Item, Key};
use crate::report::{Certainty, ClockKind, KeyName, Moment, TimelineRow, escape};
use crate::source::{Origin, Part};
use std::borrow::Cow;
use std::sync::Arc;

/// Keys and values of one row that are shown.
const MOST_SHOWN: usize = 64;
/// Of a value so much is shown.
const VALUE_BYTES: usize = 1024;

/// A row, or many that are held in few bytes.
pub(super) enum Made {
    Row(Box<TimelineRow>),
    Marks(KeyPlace, Marks),
}

/// A key of an RDB.
#[derive(Debug, Clone)]
pub(super) struct KeyPlace {
    db: u64,
    key: KeyName,
    offset: u64,
    created: Option<UnixMs>,
}

impl KeyPlace {
    /// Whether a server can have given an id at this moment: there were streams, and the snapshot was not taken yet, whose
    /// clock counts seconds.
    fn can_be(&self, at: UnixMs) -> bool {
        at.0 >= clues::FIRST_STREAMS && self.created.is_none_or(|created| at.0 <= created.0.saturating_add(2000))
    }
}

/// What all rows of one file share.
pub(super) struct Maker<'o> {
    options: &'o TimelineOptions,
    clues: Option<Arc<Clues>>,
    part: usize,
    source: Arc<str>,
    file: Option<Arc<str>>,
}

impl<'o> Maker<'o> {
    pub(super) fn new(
        options: &'o TimelineOptions,
        origin: &Origin,
        index: usize,
        part: &Part,
        clues: Option<&Arc<Clues>>,
    ) -> Self {
        Self {
            options,
            clues: clues.map(Arc::clone),
            part: index,
            source: origin.name.as_str().into(),
            file: part.file.clone(),
        }
    }

    /// What makes rows in a worker.
    pub(super) fn rows(&self, prologue: &Prologue) -> Rows<'o> {
        Rows {
            options: self.options,
            clues: self.clues.clone(),
            part: self.part,
            source: Arc::clone(&self.source),
            file: self.file.clone(),
            created: prologue.created_at(),
            server: prologue.server(),
            made: Vec::new(),
            keys: Vec::new(),
            seen_log: false,
            open: None,
        }
    }

    /// Rows one by one.
    pub(super) fn spread(&self, made: Made, row: &mut dyn FnMut(TimelineRow) -> Result<()>) -> Result<()> {
        let (place, marks) = match made {
            Made::Row(made) => return row(*made),
            Made::Marks(place, marks) => (place, marks),
        };
        for (kind, at, element, group) in marks.each() {
            let (desc, certainty, bound) = match kind {
                MarkKind::Added => ("Stream entry added", Certainty::Inferred, Some(ClockKind::StreamId)),
                MarkKind::Last => ("Stream's last id given", Certainty::Inferred, Some(ClockKind::StreamId)),
                MarkKind::Delivered => ("Stream entry delivered", Certainty::Observed, None),
                MarkKind::Seen => ("Consumer last seen", Certainty::Observed, None),
                MarkKind::Active => ("Consumer last active", Certainty::Observed, None),
                MarkKind::FieldExpires => ("Hash field expires", Certainty::Observed, None),
            };
            let mut made = TimelineRow::new(&self.source, self.file.as_ref(), desc);
            if bound.is_none() || place.can_be(at) {
                made = made.at(at, certainty);
            } else if let Some(created) = place.created {
                // An id that a client made up: it was there when the snapshot was taken.
                made.timestamp_desc = format!("{desc}, not after").into();
                made = made.at(created, Certainty::Inferred);
                (made.not_after, made.not_after_from) = (Some(Moment(created)), Some(ClockKind::Snapshot));
            }
            if bound.is_some() && made.datetime == Some(Moment(at)) {
                (made.not_before, made.not_after) = (Some(Moment(at)), Some(Moment(at)));
                (made.not_before_from, made.not_after_from) = (bound, bound);
            }
            made.expire_at = (kind == MarkKind::FieldExpires).then_some(Moment(at));
            made.offset = Some(place.offset);
            made.db = Some(place.db);
            made.key = Some(place.key.clone());
            made.element = element;
            made.group = group;
            row(made)?;
        }
        Ok(())
    }
}

/// Makes rows in a worker.
pub(super) struct Rows<'o> {
    options: &'o TimelineOptions,
    clues: Option<Arc<Clues>>,
    part: usize,
    source: Arc<str>,
    file: Option<Arc<str>>,
    created: Option<UnixMs>,
    server: Option<String>,
    made: Vec<Made>,
    keys: Vec<KeyAt>,
    /// A worker that has seen commands of a file sees no more keys of its RDB.
    seen_log: bool,
    open: Option<Open>,
}

/// A value in progress.
struct Open {
    place: KeyPlace,
    marks: Marks,
    values: Vec<KeyName>,
    value_count: u64,
    /// How many of what was made stood there before it.
    before: usize,
    with_values: bool,
}

impl RowSource for Rows<'_> {
    type Rows = Vec<Made>;

    fn depth(&self, head: &Head<'_>) -> Depth {
        let name = head.value_type.name;
        let has_clocks = name.starts_with("STREAM")
            || name.starts_with("HASH_METADATA")
            || name.starts_with("HASH_LISTPACK_EX")
            || name.ends_with("WITH_EXPIRY")
            || name == "HASH_2";
        let wanted = self.options.commands.is_empty()
            && self.options.key.as_ref().is_none_or(|key| is_key(&head.key, key))
            && (!self.options.only_deleted || self.is_gone(head.offset, Some(head.db), &head.key));
        match (wanted, self.options.key.is_some() || has_clocks) {
            (true, true) => Depth::Content,
            _ => Depth::Keys,
        }
    }

    fn wants_writes(&self) -> bool {
        false
    }

    fn observe(&mut self, item: &Item<'_>) {
        match item {
            Item::Command(command) => {
                self.seen_log = true;
                self.command(command);
            }
            Item::Begin(head) => {
                self.open = Some(Open {
                    place: KeyPlace {
                        db: head.db,
                        key: head.key.to_name(),
                        offset: head.offset,
                        created: self.created,
                    },
                    marks: Marks::default(),
                    values: Vec::new(),
                    value_count: 0,
                    before: self.made.len(),
                    with_values: self.options.key.is_some(),
                });
            }
            Item::Element(element) => {
                if let Some(open) = &mut self.open {
                    open.see(element);
                }
            }
            Item::Entry(entry) => self.entry(entry),
            Item::Dropped => {
                // A filter on its size rejects it; or its record breaks off, and what was seen of it stays.
                if let Some(open) = self.open.take() {
                    if self.options.filter.is_set() {
                        self.made.truncate(open.before);
                    } else {
                        self.give(open);
                    }
                }
            }
            Item::Aux { name: b"ctime", offset, .. } if self.options.commands.is_empty() => self.snapshot(*offset),
            Item::Function { code, offset } if !self.seen_log && self.shows_all() => {
                let mut row = self.row("Function library in the snapshot, not after");
                row.offset = Some(*offset);
                row.function_library = library(code);
                row = self.by_snapshot(row);
                self.made.push(Made::Row(Box::new(row)));
            }
            _ => {}
        }
    }

    fn take(&mut self) -> Vec<Made> {
        if let Some(open) = &mut self.open
            && !open.marks.is_empty()
        {
            let marks = open.marks.go_on();
            self.made.push(Made::Marks(open.place.clone(), marks));
        }
        if let Some(open) = &mut self.open {
            open.before = 0;
        }
        std::mem::take(&mut self.made)
    }
}

fn is_key(key: &Key<'_>, wanted: &[u8]) -> bool {
    match &key.sha256 {
        None => key.head == wanted,
        Some(_) => wanted.len() as u64 == key.len && *key == Key::of_argument(Arg { head: wanted, len: key.len }),
    }
}

/// The name that the first line of a library gives: `#!lua name=mylib`.
fn library(code: &[u8]) -> Option<KeyName> {
    let line = code.split(|byte| *byte == b'\n').next()?.strip_prefix(b"#!")?;
    let name = line.split(|byte| *byte == b' ').find_map(|word| word.strip_prefix(b"name="))?;
    Some(shown(name, name.len() as u64, 256))
}

fn shown(bytes: &[u8], total: u64, most: usize) -> KeyName {
    KeyName::cut(bytes.get(..most).unwrap_or(bytes), total)
}

impl Open {
    fn see(&mut self, element: &Element<'_>) {
        self.marks.see(element);
        if !self.with_values {
            return;
        }
        match element {
            Element::Item(bytes) | Element::Member { member: bytes, .. } | Element::Indexed { value: bytes, .. } => {
                self.value(bytes);
            }
            Element::Field { field, value, .. } => {
                self.value(field);
                self.value(value);
            }
            Element::StreamEntry { id, .. } => self.value(id.to_string().as_bytes()),
            Element::Piece { at: 0, total, bytes, half: Half::Name | Half::Value } => {
                self.keep(shown(bytes, *total, VALUE_BYTES));
            }
            _ => {}
        }
    }

    /// A value; one that came in pieces is known already, and comes empty.
    fn value(&mut self, bytes: &[u8]) {
        let pieces_before =
            self.values.last().is_some_and(|last| !last.is_whole() && last.len_bytes() > VALUE_BYTES as u64);
        if !(bytes.is_empty() && pieces_before) {
            self.keep(shown(bytes, bytes.len() as u64, VALUE_BYTES));
        }
    }

    fn keep(&mut self, value: KeyName) {
        self.value_count = self.value_count.saturating_add(1);
        if self.values.len() < MOST_SHOWN {
            self.values.push(value);
        }
    }
}

impl Rows<'_> {
    fn row(&self, desc: &'static str) -> TimelineRow {
        TimelineRow::new(&self.source, self.file.as_ref(), desc)
    }

    /// Whether nothing is asked of keys or commands.
    fn shows_all(&self) -> bool {
        self.options.commands.is_empty() && self.options.key.is_none() && !self.options.only_deleted
    }

    fn is_gone(&self, offset: u64, db: Option<u64>, key: &Key<'_>) -> bool {
        self.clues.as_ref().is_some_and(|clues| clues.is_gone(clues.place(self.part, offset), db, KeyPrint::of(key)))
    }

    fn give(&mut self, open: Open) {
        if !open.marks.is_empty() {
            self.made.push(Made::Marks(open.place, open.marks));
        }
    }

    fn snapshot(&mut self, offset: u64) {
        let Some(created) = self.created else { return };
        let mut row = self.row("Snapshot taken").at(created, Certainty::Observed);
        row.offset = Some(offset);
        row.message = match &self.server {
            Some(server) => format!("snapshot taken by {server}"),
            None => "snapshot taken".to_owned(),
        };
        self.made.push(Made::Row(Box::new(row)));
    }

    /// What stood in a snapshot was there when it was taken.
    fn by_snapshot(&self, row: TimelineRow) -> TimelineRow {
        let Some(created) = self.created else { return row };
        let mut row = row.at(created, Certainty::Inferred);
        (row.not_after, row.not_after_from) = (Some(Moment(created)), Some(ClockKind::Snapshot));
        row
    }

    /// A key of an RDB: what was seen in its value, then what stands before it.
    fn entry(&mut self, entry: &Entry<'_>) {
        let open = self.open.take();
        let head = &entry.head;
        let wanted = self.options.commands.is_empty()
            && self.options.key.as_ref().is_none_or(|key| is_key(&head.key, key))
            && (!self.options.only_deleted || self.is_gone(head.offset, Some(head.db), &head.key));
        if !wanted {
            return;
        }
        let mut values = (Vec::new(), 0);
        if let Some(mut open) = open {
            values = (std::mem::take(&mut open.values), open.value_count);
            self.give(open);
        }
        // RESTORE has said the rest.
        if entry.written_by.is_some() {
            return;
        }
        let has_clock = head.expire_at.is_some() || head.idle_secs.is_some();
        if !has_clock && !self.options.only_deleted && self.options.key.is_none() {
            return;
        }
        let name = head.key.to_name();
        let mut push = |mut row: TimelineRow| {
            row.offset = Some(head.offset);
            row.db = Some(head.db);
            row.key = Some(name.clone());
            self.made.push(Made::Row(Box::new(row)));
        };
        let new = |desc| TimelineRow::new(&self.source, self.file.as_ref(), desc);
        if self.options.only_deleted || self.options.key.is_some() {
            let mut row = new("Key in the snapshot");
            if let Some(created) = self.created {
                row = row.at(created, Certainty::Observed);
            }
            row.expire_at = head.expire_at.map(Moment);
            row.bytes = Some(entry.serialized_bytes);
            (row.values, row.value_count) = (values.0, (values.1 > 0).then_some(values.1));
            push(row);
        }
        if let Some(at) = head.expire_at {
            let mut row = new("Key expires").at(at, Certainty::Observed);
            row.expire_at = Some(Moment(at));
            push(row);
        }
        let used =
            |idle: u64| UnixMs(self.created.map_or(0, |at| at.0).saturating_sub_unsigned(idle.saturating_mul(1000)));
        if let (Some(idle), Some(_)) = (head.idle_secs, self.created) {
            let at = used(idle);
            let mut row = new("Key last accessed").at(at, Certainty::Inferred);
            // The clock of keys counts seconds, and so does the one of the snapshot.
            row.not_before = Some(Moment(UnixMs(at.0.saturating_sub(1000))));
            row.not_after = Some(Moment(UnixMs(at.0.saturating_add(1000))));
            (row.not_before_from, row.not_after_from) = (Some(ClockKind::Precision), Some(ClockKind::Precision));
            push(row);
        }
    }

    fn command(&mut self, command: &Command<'_>) {
        let name = name(command);
        if !self.options.commands.is_empty() {
            let container = name.split('|').next().unwrap_or_default();
            if !self.options.commands.iter().any(|wanted| **wanted == *name || wanted == container) {
                return;
            }
        }
        let mut keys = std::mem::take(&mut self.keys);
        match command.spec {
            Some(spec) => spec.keys(&command.args, &mut keys),
            None => keys.clear(),
        }
        if self.wants(command, &keys) {
            let row = self.command_row(command, name, &keys);
            self.made.push(Made::Row(Box::new(row)));
        }
        self.keys = keys;
    }

    /// Whether it concerns the key that is asked for, or one that is gone.
    fn wants(&self, command: &Command<'_>, keys: &[KeyAt]) -> bool {
        if self.options.key.is_none() && !self.options.only_deleted {
            return true;
        }
        if matches!(command.spec.map(|spec| spec.effect), Some(Effect::Flush | Effect::SwapDb)) {
            return true;
        }
        let mut held = keys.iter().filter_map(|key| command.args.get(key.index)).map(Key::of_argument);
        held.any(|key| {
            self.options.key.as_ref().is_none_or(|wanted| is_key(&key, wanted))
                && (!self.options.only_deleted || self.is_gone(command.offset, command.db, &key))
        })
    }

    fn command_row(&self, command: &Command<'_>, name: Cow<'static, str>, keys: &[KeyAt]) -> TimelineRow {
        let mut row = self.timed(command);
        row.offset = Some(command.offset);
        row.line = Some(command.line);
        row.db = command.db;
        row.bytes = Some(command.bytes);
        row.effect = command.spec.map(|spec| effect_name(spec.effect));
        row.transaction = command.transaction;
        row.after_damage = command.after_damage;
        let named = |key: &KeyAt| Some(Key::of_argument(command.args.get(key.index)?).to_name());
        // The key that is asked for comes first.
        let wanted = |key: &&KeyAt| {
            let own = command.args.get(key.index).map(Key::of_argument);
            self.options.key.as_ref().is_some_and(|wanted| own.is_some_and(|own| is_key(&own, wanted)))
        };
        let first = keys.iter().find(wanted).or(keys.first());
        row.key = first.and_then(named);
        if keys.len() > 1 {
            row.keys = keys.iter().take(MOST_SHOWN).filter_map(named).collect();
        }
        row.key_count = (!keys.is_empty()).then_some(keys.len() as u64);
        if let Some(spec) = command.spec {
            row.expire_at = match spec.expiry(&command.args, command.time) {
                Some(Expiry::At(at) | Expiry::Fields(at)) => Some(Moment(at)),
                _ => None,
            };
            if spec.name == "function|load" {
                let last = command.args.held().checked_sub(1).and_then(|last| command.args.get(last));
                row.function_library = last.and_then(|code| library(code.head));
            }
            if self.options.key.is_some() || spec.effect == Effect::SwapDb {
                let values = written(spec, command, keys, first.map(|key| key.index));
                row.value_count = (values.1 > 0).then_some(values.1);
                row.values = values.0;
            }
        }
        row.command = Some(name);
        row
    }

    /// A row with what is known of the command's time.
    fn timed(&self, command: &Command<'_>) -> TimelineRow {
        let at = self.clues.as_ref().map(|clues| clues.place(self.part, command.offset));
        let row = |desc| self.row(desc);
        let stale = command.after_damage && self.clues.as_ref().zip(at).is_none_or(|(clues, at)| clues.is_stale(at));
        if let Some(time) = command.time.filter(|_| !stale) {
            let mut row = row("Command logged").at(time, Certainty::Observed);
            (row.not_before, row.not_before_from) = (Some(Moment(time)), Some(ClockKind::Annotation));
            row.not_after = Some(Moment(UnixMs(time.0.saturating_add(999))));
            row.not_after_from = Some(ClockKind::Precision);
            return row;
        }
        let (mut low, mut high) = if let Some((clues, at)) = self.clues.as_ref().zip(at) {
            clues.bounds(at)
        } else {
            let before = command.time.map(|time| (time, ClockKind::Annotation));
            let expires = command.spec.and_then(|spec| clues::expiry(spec, &command.args));
            (before.or(self.created.map(|at| (at, ClockKind::Snapshot))), expires.map(|at| (at, ClockKind::Expiry)))
        };
        let own = command.spec.and_then(|spec| clues::own_clock(spec, &command.args));
        if let Some((ms, kind)) = own
            && low.is_none_or(|low| low.0.0 <= ms)
            && high.is_none_or(|high| high.0.0 >= ms)
            && ms >= clues::FIRST_STREAMS
        {
            (low, high) = (Some((UnixMs(ms), kind)), Some((UnixMs(ms), kind)));
        }
        let mut row = match (low, high) {
            (Some(low), Some(high)) if low.0 == high.0 => row("Command logged").at(low.0, Certainty::Inferred),
            (Some(low), _) => row("Command logged, not before").at(low.0, Certainty::Inferred),
            (None, Some(high)) => row("Command logged, not after").at(high.0, Certainty::Inferred),
            (None, None) => row("Command logged, time unknown"),
        };
        (row.not_before, row.not_before_from) = (low.map(|low| Moment(low.0)), low.map(|low| low.1));
        (row.not_after, row.not_after_from) = (high.map(|high| Moment(high.0)), high.map(|high| high.1));
        row
    }
}

/// The name of a command as reports show it.
fn name(command: &Command<'_>) -> Cow<'static, str> {
    if let Some(spec) = command.spec {
        return spec.name.into();
    }
    let name = command.args.name();
    escape(name.get(..64).unwrap_or(name)).to_lowercase().into()
}

/// What a command writes to the key that is its argument `first`: the beginning of each value, and how many there are.
fn written(spec: &'static Spec, command: &Command<'_>, keys: &[KeyAt], first: Option<usize>) -> (Vec<KeyName>, u64) {
    let args = &command.args;
    let own = first.unwrap_or_default();
    let range = match spec.values {
        Values::One(at) => usize::from(at)..usize::from(at).saturating_add(1),
        Values::Pairs | Values::CountedPairs => own.saturating_add(1)..own.saturating_add(2),
        Values::Triples => own.saturating_add(1)..own.saturating_add(3),
        _ => 1..args.held(),
    };
    let whole = range.end == args.held();
    let is_value = |at: &usize| !keys.iter().any(|key| key.index == *at);
    let all = range.filter(is_value).filter_map(|at| args.get(at));
    let mut count = 0u64;
    let mut values = Vec::new();
    for arg in all {
        count = count.saturating_add(1);
        if values.len() < MOST_SHOWN {
            values.push(shown(arg.head, arg.len, VALUE_BYTES));
        }
    }
    if whole {
        count = count.saturating_add(args.count().saturating_sub(args.held() as u64));
    }
    (values, count)
}
