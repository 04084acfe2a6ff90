//! Equal keyspaces: one model of everything in a keyspace, made from a dump and from a live server.
//!
//! Not in it: what a server keeps only in memory, and what it does not tell (the producers of a stream, a time series'
//! samples). Moments when a consumer was seen are in it, because a server that has only loaded a file answers with the
//! file's own; [`Keyspace::without_consumer_times`] takes them out.

use redis::{Connection, Value as Reply, cmd};
use rediscover::base::{Limits, UnixMs};
use rediscover::pipeline::{RowSource, RunOptions, Selection, rows};
use rediscover::rdb::module::{Field, Module};
use rediscover::rdb::{Depth, Element, Half, Head, Item};
use rediscover::source::Stream;
use std::collections::{BTreeMap, BTreeSet};
use std::{io, mem};

pub(crate) type Bytes = Vec<u8>;

/// Every key of every database, and the function libraries.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Keyspace {
    pub(crate) keys: BTreeMap<(u64, Bytes), Value>,
    /// The code of each library.
    pub(crate) functions: BTreeSet<Bytes>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Value {
    /// What TYPE says; of a module its type's name.
    pub(crate) ty: String,
    pub(crate) encoding: String,
    /// Unix milliseconds.
    pub(crate) expire_at: Option<i64>,
    pub(crate) idle: Option<u64>,
    pub(crate) freq: Option<u8>,
    pub(crate) data: Data,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Data {
    Text(Bytes),
    List(Vec<Bytes>),
    Set(BTreeSet<Bytes>),
    Zset(BTreeMap<Bytes, f64>),
    /// Each field with its value and when it expires.
    Hash(BTreeMap<Bytes, (Bytes, Option<i64>)>),
    Stream(Box<StreamModel>),
    Json(serde_json::Value),
    /// What a module's own INFO says, names in `snake_case`.
    Module(BTreeMap<String, Info>),
}

/// A value in a module's INFO.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Info {
    Null,
    Number(f64),
    Text(String),
    List(Vec<Info>),
}

#[derive(Debug, Default, Clone, PartialEq)]
pub(crate) struct StreamModel {
    /// Ids with their fields, in order.
    pub(crate) entries: Vec<(String, Vec<(Bytes, Bytes)>)>,
    pub(crate) length: u64,
    pub(crate) last_id: String,
    pub(crate) first_id: String,
    pub(crate) max_deleted_id: String,
    pub(crate) entries_added: u64,
    pub(crate) groups: BTreeMap<Bytes, Group>,
}

#[derive(Debug, Default, Clone, PartialEq)]
pub(crate) struct Group {
    pub(crate) last_id: String,
    pub(crate) entries_read: Option<u64>,
    /// Id to when and how often it was delivered.
    pub(crate) pending: BTreeMap<String, (i64, u64)>,
    pub(crate) consumers: BTreeMap<Bytes, Consumer>,
}

#[derive(Debug, Default, Clone, PartialEq)]
pub(crate) struct Consumer {
    pub(crate) seen: Option<i64>,
    pub(crate) active: Option<i64>,
    pub(crate) pending: BTreeSet<String>,
}

impl Keyspace {
    /// Without the keys and fields whose time has come, and without the hashes that lose all their fields.
    #[must_use]
    pub(crate) fn at(mut self, now: i64) -> Self {
        let gone = |expire_at: Option<i64>| expire_at.is_some_and(|at| at <= now);
        self.keys.retain(|_, value| {
            if gone(value.expire_at) {
                return false;
            }
            let Data::Hash(fields) = &mut value.data else { return true };
            fields.retain(|_, (_, expire_at)| !gone(*expire_at));
            !fields.is_empty()
        });
        self
    }

    /// Without the moments when consumers were seen: they differ between servers that hold the same.
    #[must_use]
    pub(crate) fn without_consumer_times(mut self) -> Self {
        for value in self.keys.values_mut() {
            let Data::Stream(stream) = &mut value.data else { continue };
            for consumer in stream.groups.values_mut().flat_map(|group| group.consumers.values_mut()) {
                (consumer.seen, consumer.active) = (None, None);
            }
        }
        self
    }

    /// Without what depends on the server more than on the data: encodings, idle times, frequencies.
    #[must_use]
    pub(crate) fn values_only(mut self) -> Self {
        for value in self.keys.values_mut() {
            value.encoding.clear();
            (value.idle, value.freq) = (None, None);
        }
        self.without_consumer_times()
    }
}

/// Fails where the two differ, with the first key that does.
///
/// # Panics
/// That is how it fails.
pub(crate) fn assert_equal(about: &str, ours: &Keyspace, theirs: &Keyspace) {
    let keys = |keyspace: &Keyspace| {
        let names = keyspace.keys.keys();
        names.map(|(db, key)| format!("{db}:{}", key.escape_ascii())).collect::<Vec<_>>()
    };
    assert_eq!(keys(ours), keys(theirs), "{about}: the keys");
    for ((db, key), own) in &ours.keys {
        let live = &theirs.keys[&(*db, key.clone())];
        assert!(own == live, "{about}: db {db} key {}\n  ours: {own:?}\ntheirs: {live:?}", key.escape_ascii());
    }
    assert_eq!(ours.functions, theirs.functions, "{about}: functions");
}

// --- from a dump ---

/// Everything in a dump.
pub(crate) fn read(dump: &[u8]) -> Keyspace {
    let mut stream = Stream::from_reader("dump", io::Cursor::new(dump.to_vec())).expect("bytes can be read");
    let options = RunOptions { threads: 1, limits: Limits::default(), ..RunOptions::default() };
    let mut keyspace = Keyspace::default();
    let mut deliver = |collected: Collected| {
        for (key, value) in collected.keys {
            assert!(keyspace.keys.insert(key, value).is_none(), "a key occurs twice");
        }
        keyspace.functions.extend(collected.functions);
        Ok(())
    };
    let make = |_: &_, _| Collector::default();
    rows(&mut stream, make, &Selection::default(), &options, &mut deliver).expect("a dump that can be read");
    keyspace
}

#[derive(Default)]
struct Collected {
    keys: Vec<((u64, Bytes), Value)>,
    functions: Vec<Bytes>,
}

/// Collects keys with their values.
#[derive(Default)]
struct Collector {
    done: Collected,
    parts: Parts,
}

/// The value in progress.
#[derive(Default)]
struct Parts {
    items: Vec<Bytes>,
    scores: BTreeMap<Bytes, f64>,
    fields: BTreeMap<Bytes, (Bytes, Option<i64>)>,
    stream: StreamModel,
    group: Bytes,
    consumer: Bytes,
    /// Pieces of a long name and of a long value.
    pieces: [Bytes; 2],
}

impl RowSource for Collector {
    type Rows = Collected;

    fn depth(&self, _: &Head<'_>) -> Depth {
        Depth::Content
    }

    fn observe(&mut self, item: &Item<'_>) {
        match item {
            Item::Begin(_) => self.parts = Parts::default(),
            Item::Element(element) => self.parts.element(*element),
            Item::Entry(entry) => {
                let parts = mem::take(&mut self.parts);
                let ty = entry.head.value_type.ty.name();
                let value = Value {
                    ty: entry.module.map_or_else(|| ty.to_owned(), type_name),
                    encoding: entry.encoding.name().to_owned(),
                    expire_at: entry.head.expire_at.map(|at| at.0),
                    idle: entry.head.idle_secs,
                    freq: entry.head.freq,
                    data: parts.finish(ty, entry.module),
                };
                let key = (entry.head.db, entry.head.key.to_name().head().to_vec());
                let empty = entry.shape.is_some_and(|shape| shape.elements == 0);
                if !empty || matches!(value.data, Data::Stream(_) | Data::Json(_) | Data::Module(_)) {
                    self.done.keys.push((key, value));
                }
            }
            Item::Function { code, .. } => self.done.functions.push(code.to_vec()),
            // What a server passes over is no key.
            Item::Damage(damage) if damage.flaw.kind().0 == "empty-collection" => {}
            Item::Damage(damage) => panic!("damage at {}: {}", damage.offset, damage.flaw),
            _ => {}
        }
    }

    fn take(&mut self) -> Collected {
        mem::take(&mut self.done)
    }
}

fn type_name(module: &Module) -> String {
    String::from_utf8_lossy(&module.id.name()).into_owned()
}

impl Parts {
    /// The bytes of this half, or its pieces if it came in some.
    fn half(&mut self, half: Half, bytes: &[u8]) -> Bytes {
        let [name, value] = &mut self.pieces;
        let pieces = mem::take(if half == Half::Name { name } else { value });
        if bytes.is_empty() { pieces } else { bytes.to_vec() }
    }

    fn element(&mut self, element: Element<'_>) {
        match element {
            Element::Item(bytes) => {
                let item = self.half(Half::Name, bytes);
                self.items.push(item);
            }
            Element::Member { member, score } => {
                let member = self.half(Half::Name, member);
                self.scores.insert(member, score);
            }
            Element::Field { field, value, expire_at } => {
                let pair = (self.half(Half::Name, field), self.half(Half::Value, value));
                match self.stream.entries.last_mut() {
                    Some((_, fields)) => fields.push(pair),
                    None => drop(self.fields.insert(pair.0, (pair.1, expire_at.map(|at| at.0)))),
                }
            }
            Element::Piece { half, at, total, bytes } => {
                let [name, value] = &mut self.pieces;
                let own = if half == Half::Name { name } else { value };
                assert_eq!(own.len() as u64, at, "pieces come in order");
                own.extend_from_slice(bytes);
                assert!(own.len() as u64 <= total);
            }
            Element::StreamEntry { id, .. } => self.stream.entries.push((id.to_string(), Vec::new())),
            Element::StreamInfo(info) => {
                self.stream.length = info.length;
                self.stream.last_id = info.last_id.to_string();
                self.stream.first_id = info.first_id.to_string();
                self.stream.max_deleted_id = info.max_deleted_id.to_string();
                self.stream.entries_added = info.entries_added;
            }
            Element::Group { name, last_id, entries_read } => {
                self.group = name.to_vec();
                let group = Group { last_id: last_id.to_string(), entries_read, ..Group::default() };
                self.stream.groups.insert(name.to_vec(), group);
            }
            Element::Pending { id, delivered, deliveries } => {
                self.group().pending.insert(id.to_string(), (delivered.0, deliveries));
            }
            Element::Consumer { name, seen, active } => {
                self.consumer = name.to_vec();
                let moment = |at: UnixMs| at.0;
                let consumer = Consumer { seen: Some(seen.0), active: active.map(moment), pending: BTreeSet::new() };
                self.group().consumers.insert(name.to_vec(), consumer);
            }
            Element::Owned(id) => {
                let name = self.consumer.clone();
                let consumer = self.group().consumers.get_mut(&name).expect("a consumer");
                consumer.pending.insert(id.to_string());
            }
            Element::Indexed { value, .. } => self.items.push(value.to_vec()),
            Element::Released(_) | Element::Producer(_) | Element::Produced { .. } => {}
        }
    }

    fn group(&mut self) -> &mut Group {
        self.stream.groups.get_mut(&self.group).expect("a group")
    }

    fn finish(self, ty: &str, module: Option<&Module>) -> Data {
        if let Some(module) = module {
            return module_data(module);
        }
        match ty {
            "string" => Data::Text(self.items.into_iter().next().expect("a value")),
            "list" => Data::List(self.items),
            "set" => Data::Set(self.items.into_iter().collect()),
            "zset" => Data::Zset(self.scores),
            "hash" => Data::Hash(self.fields),
            "stream" => Data::Stream(Box::new(self.stream)),
            other => panic!("no server here has the type {other}"),
        }
    }
}

fn module_data(module: &Module) -> Data {
    if let Some(json) = &module.json {
        return Data::Json(serde_json::from_slice(json).expect("JSON"));
    }
    assert!(module.known && module.flaw.is_none(), "{module:?}");
    let header = module.header.iter().map(|(name, field)| ((*name).to_owned(), info(field)));
    let mut header: BTreeMap<_, _> = header.collect();
    comparable(&type_name(module), &mut header);
    if let Some(Info::List(rules)) = header.get_mut("rules") {
        // The last part of a rule is the bucket in progress, which TS.INFO does not tell.
        for rule in rules {
            let Info::List(parts) = rule else { panic!("{rule:?}") };
            parts.truncate(4);
        }
    }
    Data::Module(header)
}

/// Leaves what both a header and an INFO say, lists in one order.
fn comparable(module: &str, info: &mut BTreeMap<String, Info>) {
    let only_header = ["options", "filters", "key_self_name", "chunk_samples", "payloads", "terms"];
    let only_live = ["memory_usage", "unmerged_weight", "vset_uid"];
    info.retain(|name, _| !only_header.contains(&name.as_str()) && !only_live.contains(&name.as_str()));
    // There it is bytes of memory.
    if module.starts_with("MBbloom") {
        info.remove("size");
    }
    // TOPK.LIST sorts what the header has in the order of the heap.
    if let Some(Info::List(items)) = info.get_mut("items") {
        items.sort_by_key(|item| format!("{item:?}"));
    }
}

#[expect(clippy::cast_precision_loss, reason = "an INFO says no number above 2^53 here")]
fn info(field: &Field) -> Info {
    match field {
        Field::Null => Info::Null,
        Field::Int(number) => Info::Number(*number as f64),
        Field::Uint(number) => Info::Number(*number as f64),
        Field::Float(number) => Info::Number(*number),
        Field::Text(text) => text_info(text),
        Field::List { first, total } => {
            assert_eq!(first.len() as u64, *total, "a list that is not all there");
            Info::List(first.iter().map(info).collect())
        }
        Field::Record(fields) => Info::List(fields.iter().map(|(_, field)| info(field)).collect()),
    }
}

fn text_info(text: &[u8]) -> Info {
    let text = String::from_utf8_lossy(text).into_owned();
    text.parse().map_or(Info::Text(text), Info::Number)
}

// --- from a live server ---

/// Everything in a live server.
pub(crate) fn live(connection: &mut Connection) -> Keyspace {
    let mut keyspace = Keyspace::default();
    let info: String = ask(connection, &["INFO", "keyspace"]);
    let databases = info.lines().filter_map(|line| line.strip_prefix("db")?.split(':').next()?.parse::<u64>().ok());
    for db in databases.collect::<Vec<_>>() {
        // A cluster has database 0 alone, and no SELECT.
        if db > 0 {
            let _: String = ask(connection, &["SELECT", &db.to_string()]);
        }
        let keys: Vec<Bytes> = ask(connection, &["KEYS", "*"]);
        for key in keys {
            let value = live_value(connection, &key);
            keyspace.keys.insert((db, key), value);
        }
    }
    let libraries: Vec<Reply> = ask(connection, &["FUNCTION", "LIST", "WITHCODE"]);
    keyspace.functions = libraries.iter().map(|library| bytes(get(library, "library_code"))).collect();
    keyspace
}

/// The server's own clock, Unix milliseconds.
pub(crate) fn now(connection: &mut Connection) -> i64 {
    let (seconds, micros): (i64, i64) = ask(connection, &["TIME"]);
    seconds * 1000 + micros / 1000
}

fn ask<T: redis::FromRedisValue>(connection: &mut Connection, words: &[impl redis::ToRedisArgs]) -> T {
    try_ask(connection, words).unwrap_or_else(|error| panic!("{error}"))
}

fn try_ask<T: redis::FromRedisValue>(
    connection: &mut Connection,
    words: &[impl redis::ToRedisArgs],
) -> redis::RedisResult<T> {
    let mut command = redis::Cmd::new();
    for word in words {
        command.arg(word);
    }
    command.query(connection)
}

/// A command with a key, and words after it.
fn of_key<T: redis::FromRedisValue>(connection: &mut Connection, words: &str, key: &[u8], after: &[&str]) -> T {
    let mut command = redis::Cmd::new();
    for word in words.split(' ') {
        command.arg(word);
    }
    command.arg(key).arg(after);
    command.query(connection).unwrap_or_else(|error| panic!("{words} {}: {error}", key.escape_ascii()))
}

fn live_value(connection: &mut Connection, key: &[u8]) -> Value {
    // These first: reading the value makes the key fresh.
    let usage = |connection: &mut Connection, what| cmd("OBJECT").arg(what).arg(key).query(connection).ok();
    let idle = usage(connection, "IDLETIME");
    let freq = usage(connection, "FREQ").and_then(|freq: u64| u8::try_from(freq).ok());
    let ty: String = of_key(connection, "TYPE", key, &[]);
    let encoding = of_key(connection, "OBJECT ENCODING", key, &[]);
    let expire_at: i64 = of_key(connection, "PEXPIRETIME", key, &[]);
    let data = match ty.as_str() {
        "string" => Data::Text(of_key(connection, "GET", key, &[])),
        "list" => Data::List(of_key(connection, "LRANGE", key, &["0", "-1"])),
        "set" => Data::Set(of_key(connection, "SMEMBERS", key, &[])),
        "zset" => {
            let pairs: Vec<(Bytes, f64)> = of_key(connection, "ZRANGE", key, &["0", "-1", "WITHSCORES"]);
            Data::Zset(pairs.into_iter().collect())
        }
        "hash" => live_hash(connection, key),
        "stream" => Data::Stream(Box::new(live_stream(connection, key))),
        "ReJSON-RL" => {
            let text: String = of_key(connection, "JSON.GET", key, &[]);
            Data::Json(serde_json::from_str(&text).expect("JSON"))
        }
        module => Data::Module(live_info(connection, module, key)),
    };
    Value { ty, encoding, expire_at: (expire_at >= 0).then_some(expire_at), idle, freq, data }
}

fn live_hash(connection: &mut Connection, key: &[u8]) -> Data {
    let pairs: Vec<(Bytes, Bytes)> = of_key(connection, "HGETALL", key, &[]);
    let mut command = cmd("HPEXPIRETIME");
    command.arg(key).arg("FIELDS").arg(pairs.len());
    for (field, _) in &pairs {
        command.arg(field);
    }
    let expiries: Vec<i64> = match command.query(connection) {
        Ok(expiries) => expiries,
        // Before Redis 7.4 and Valkey 9.0 there are none.
        Err(error) if error.to_string().contains("unknown command") => vec![-1; pairs.len()],
        Err(error) => panic!("HPEXPIRETIME {}: {error}", key.escape_ascii()),
    };
    let timed = pairs.into_iter().zip(expiries);
    Data::Hash(timed.map(|((field, value), at)| (field, (value, (at >= 0).then_some(at)))).collect())
}

fn live_stream(connection: &mut Connection, key: &[u8]) -> StreamModel {
    let entries: Vec<(String, Vec<(Bytes, Bytes)>)> = of_key(connection, "XRANGE", key, &["-", "+"]);
    let full: Reply = of_key(connection, "XINFO STREAM", key, &["FULL", "COUNT", "0"]);
    let groups = list(get(&full, "groups")).iter().map(|group| (bytes(get(group, "name")), live_group(group)));
    StreamModel {
        entries,
        length: number(get(&full, "length")),
        last_id: text(get(&full, "last-generated-id")),
        first_id: text(get(&full, "recorded-first-entry-id")),
        max_deleted_id: text(get(&full, "max-deleted-entry-id")),
        entries_added: number(get(&full, "entries-added")),
        groups: groups.collect(),
    }
}

fn live_group(group: &Reply) -> Group {
    let mut pending = BTreeMap::new();
    for entry in list(get(group, "pending")).iter().map(list) {
        let [id, _, delivered, deliveries] = entry else { panic!("{entry:?}") };
        pending.insert(text(id), (number(delivered), number(deliveries)));
    }
    let consumer = |consumer: &Reply| {
        let moment = |name| find(consumer, name).map(number::<i64>).filter(|at| *at >= 0);
        let owned = list(get(consumer, "pending")).iter().map(|entry| text(&list(entry)[0]));
        let model = Consumer { seen: moment("seen-time"), active: moment("active-time"), pending: owned.collect() };
        (bytes(get(consumer, "name")), model)
    };
    Group {
        last_id: text(get(group, "last-delivered-id")),
        entries_read: match get(group, "entries-read") {
            Reply::Nil => None,
            read => Some(number(read)),
        },
        pending,
        consumers: list(get(group, "consumers")).iter().map(consumer).collect(),
    }
}

fn live_info(connection: &mut Connection, module: &str, key: &[u8]) -> BTreeMap<String, Info> {
    let command = match module {
        "MBbloom--" => "BF.INFO",
        "MBbloomCF" => "CF.INFO",
        "CMSk-TYPE" => "CMS.INFO",
        "TopK-TYPE" => "TOPK.INFO",
        "TDIS-TYPE" => "TDIGEST.INFO",
        "TSDB-TYPE" => "TS.INFO",
        "vectorset" => "VINFO",
        "trietype0" => {
            let size = number::<u32>(&of_key(connection, "FT.SUGLEN", key, &[]));
            return BTreeMap::from([("size".to_owned(), Info::Number(f64::from(size)))]);
        }
        other => panic!("no command is known for {other}"),
    };
    let reply: Reply = of_key(connection, command, key, &[]);
    let pairs = list(&reply).chunks_exact(2);
    let mut info: BTreeMap<_, _> = pairs.map(|pair| (snake_case(&text(&pair[0])), reply_info(&pair[1]))).collect();
    if module == "TopK-TYPE" {
        info.insert("items".to_owned(), reply_info(&of_key(connection, "TOPK.LIST", key, &[])));
    }
    if module == "TDIS-TYPE" {
        info.insert("min".to_owned(), reply_info(&of_key(connection, "TDIGEST.MIN", key, &[])));
        info.insert("max".to_owned(), reply_info(&of_key(connection, "TDIGEST.MAX", key, &[])));
    }
    if module == "TSDB-TYPE" {
        let last: Vec<Reply> = of_key(connection, "TS.GET", key, &[]);
        info.insert("last_value".to_owned(), last.get(1).map_or(Info::Number(0.0), reply_info));
        if let Some(Info::List(rules)) = info.get_mut("rules") {
            // Destination, bucket, aggregation, alignment: in a header the alignment comes before the aggregation.
            for rule in rules {
                let Info::List(parts) = rule else { panic!("{rule:?}") };
                parts.swap(2, 3);
            }
        }
    }
    comparable(module, &mut info);
    info
}

#[expect(clippy::cast_precision_loss, reason = "an INFO says no number above 2^53 here")]
fn reply_info(reply: &Reply) -> Info {
    match reply {
        Reply::Nil => Info::Null,
        Reply::Int(number) => Info::Number(*number as f64),
        Reply::Array(items) => Info::List(items.iter().map(reply_info).collect()),
        other => text_info(&bytes(other)),
    }
}

/// `Number of filters`, `chunkCount` and `quant-type` in one spelling.
fn snake_case(name: &str) -> String {
    let mut out = String::new();
    for c in name.chars() {
        match c {
            ' ' | '-' => out.push('_'),
            c if c.is_ascii_uppercase() => {
                if out.ends_with(|last: char| last.is_ascii_lowercase()) {
                    out.push('_');
                }
                out.push(c.to_ascii_lowercase());
            }
            c => out.push(c),
        }
    }
    out
}

fn list(reply: &Reply) -> &[Reply] {
    match reply {
        Reply::Array(items) => items,
        other => panic!("not an array: {other:?}"),
    }
}

/// The value after this name in a flat list of names and values.
fn find<'a>(reply: &'a Reply, name: &str) -> Option<&'a Reply> {
    list(reply).chunks_exact(2).find(|pair| bytes(&pair[0]) == name.as_bytes()).map(|pair| &pair[1])
}

fn get<'a>(reply: &'a Reply, name: &str) -> &'a Reply {
    find(reply, name).unwrap_or_else(|| panic!("no {name} in {reply:?}"))
}

fn bytes(reply: &Reply) -> Bytes {
    match reply {
        Reply::BulkString(bytes) => bytes.clone(),
        Reply::SimpleString(text) => text.clone().into_bytes(),
        other => panic!("not a string: {other:?}"),
    }
}

fn text(reply: &Reply) -> String {
    String::from_utf8(bytes(reply)).expect("text")
}

fn number<T: TryFrom<i64>>(reply: &Reply) -> T {
    match reply {
        Reply::Int(number) => T::try_from(*number).ok().expect("a number of that size"),
        other => panic!("not a number: {other:?}"),
    }
}
