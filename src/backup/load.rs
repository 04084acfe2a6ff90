//! Loads keys into a running server: RESTORE of the stored form, key by key.
//!
//! ```text
//! source, first reading    db, key, expiry, idle or freq, place and length of the record
//! source, second reading   the record itself: type byte, key, value ─► type byte, value, version, CRC64: a payload of RESTORE
//! ```
//! A record is never decoded: what the server gets is what stands in the file.

use crate::base::{Error, ErrorKind, Result, UnixMs};
use crate::encoding::crc64::Crc64;
use crate::keyspace::slot;
use crate::pipeline::{Filter, RowSource, RunOptions, Selection, rows};
use crate::rdb::{Depth, Head, Item};
use crate::report::KeyName;
use crate::source::{Again, Hashes, Origin, open_part};
use crate::wire::{Address, ConnectOptions, Connection, Reply, Topology};
use std::collections::BTreeMap;
use std::io::Read;
use std::sync::Arc;
use std::time::Duration;

/// Commands that are under way before replies are read.
const IN_FLIGHT: usize = 128;
/// Bytes that are under way before replies are read.
const IN_FLIGHT_BYTES: u64 = 4 << 20;
/// The most bytes of one value: what servers take in one argument (`proto-max-bulk-len`).
const MOST_VALUE_BYTES: u64 = 512 << 20;
/// Failures that are told with their key.
const TOLD: usize = 100;

/// What is done about keys that are there already.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Clash {
    /// A server that holds keys is not touched.
    #[default]
    Refuse,
    /// Keys of the source replace them.
    Replace,
    /// They stay.
    Skip,
}

/// How keys are loaded.
pub struct LoadOptions<'a> {
    /// How to connect.
    pub connect: ConnectOptions,
    /// What is done about keys that are there already.
    pub clash: Clash,
    /// Which keys.
    pub filter: Filter,
    /// At most so many bytes a second; none: as fast as the server takes them.
    pub rate_bytes: Option<u64>,
    /// How to run.
    pub run: RunOptions,
    /// The clock: what has expired is not sent.
    pub clock: super::Clock<'a>,
}

/// What was loaded.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LoadedKeys {
    /// Keys the server took.
    pub keys: u64,
    /// Bytes of their values.
    pub bytes: u64,
    /// Keys that stayed as they were.
    pub skipped: u64,
    /// Keys that had expired.
    pub expired: u64,
    /// Function libraries it took.
    pub functions: u64,
    /// Keys it refused.
    pub failed: u64,
    /// The first of them, with what it said.
    pub failures: Vec<String>,
}

/// A record that is to be sent.
struct Wanted {
    db: u64,
    key: Vec<u8>,
    expire_at: Option<UnixMs>,
    idle_secs: Option<u64>,
    freq: Option<u8>,
    offset: u64,
    bytes: u64,
    whole_key: bool,
}

/// What a batch brings.
#[derive(Default)]
struct Batch {
    wanted: Vec<Wanted>,
    functions: Vec<Vec<u8>>,
    commands: bool,
    damaged: Option<u64>,
}

struct Rows(Batch);

impl RowSource for Rows {
    type Rows = Batch;

    fn depth(&self, _: &Head<'_>) -> Depth {
        Depth::Keys
    }

    fn wants_writes(&self) -> bool {
        false
    }

    fn observe(&mut self, item: &Item<'_>) {
        match item {
            Item::Entry(entry) if entry.written_by.is_none() => self.0.wanted.push(Wanted {
                db: entry.head.db,
                key: entry.head.key.head.to_vec(),
                expire_at: entry.head.expire_at,
                idle_secs: entry.head.idle_secs,
                freq: entry.head.freq,
                offset: entry.head.offset,
                bytes: entry.serialized_bytes,
                whole_key: entry.head.key.sha256.is_none(),
            }),
            Item::Function { code, .. } => self.0.functions.push(code.to_vec()),
            Item::Command(_) => self.0.commands = true,
            Item::Damage(damage) if damage.fatal => self.0.damaged = Some(damage.offset),
            _ => {}
        }
    }

    fn take(&mut self) -> Batch {
        std::mem::take(&mut self.0)
    }
}

/// Where keys go.
struct Targets {
    connections: Vec<Target>,
    /// Of a cluster: which connection serves a slot.
    topology: Option<(Topology, BTreeMap<String, usize>)>,
}

struct Target {
    connection: Connection,
    db: u64,
    /// What was sent and not answered: the keys, none for SELECT.
    waiting: std::collections::VecDeque<Option<(u64, Vec<u8>, u64)>>,
    waiting_bytes: u64,
}

/// Loads the keys of a source that can be read twice.
///
/// # Errors
/// The source or the server cannot be read, the target holds keys and [`Clash::Refuse`] says so, the server is too old for the
/// source ([`ErrorKind::Refused`]), or the run was cancelled. What was loaded until then stays. A key that the server refuses is
/// in the result.
pub fn load(origin: &Origin, target: &Address, cluster: bool, options: &LoadOptions<'_>) -> Result<LoadedKeys> {
    let mut targets = connect(target, cluster, options)?;
    let mut loaded = LoadedKeys::default();
    for part in origin.parts() {
        if !part.place.can_be_read_again() {
            let what = "is read twice here, and can be read only once".to_owned();
            return Err(Error::new(ErrorKind::Refused { what })
                .about(&origin.name)
                .with_hint("save it to a file first"));
        }
        let mut stream = open_part(origin, &part, Hashes::default(), Arc::clone(&options.run.progress))?;
        let mut second = Second { reader: Again::new(part.place.clone()).open_at(0)?, at: 0 };
        let mut version = [0u8; 9];
        second.read(&mut version)?;
        let version = rdb_version(&version).ok_or_else(|| {
            let what = "is no RDB: a log is replayed by a server that is started on it".to_owned();
            Error::new(ErrorKind::Refused { what }).about(&origin.name).with_hint("rediscover restore SOURCE --to DIR")
        })?;
        let selection = Selection { filter: options.filter.clone(), ..Selection::default() };
        let mut pace = Pace { rate: options.rate_bytes, sent: 0, begun: (options.clock)() };
        let run = RunOptions {
            limits: crate::base::Limits { batch_bytes: 64 << 10, ..options.run.limits },
            ..options.run.clone()
        };
        rows(&mut stream, |_, _| Rows(Batch::default()), &selection, &run, &mut |batch: Batch| {
            if let Some(offset) = batch.damaged {
                let what = format!("is damaged at {offset:#x}: what stands before it was loaded");
                return Err(Error::new(ErrorKind::Damaged { what }).about(&origin.name));
            }
            if batch.commands {
                let what =
                    "has commands after its keys: they are replayed by a server that is started on it".to_owned();
                return Err(Error::new(ErrorKind::Refused { what })
                    .about(&origin.name)
                    .with_hint("rediscover restore SOURCE --to DIR"));
            }
            for code in &batch.functions {
                for target in &mut targets.connections {
                    target.settle(&mut loaded)?;
                    let words: &[&[u8]] = match options.clash {
                        Clash::Replace => &[b"FUNCTION", b"LOAD", b"REPLACE", code],
                        _ => &[b"FUNCTION", b"LOAD", code],
                    };
                    match target.connection.command(words)? {
                        // Every shard of a cluster brings the libraries of all.
                        Reply::Refused(refusal)
                            if options.clash == Clash::Skip && refusal.text.contains("already exists") => {}
                        Reply::Refused(refusal) => loaded.fail(format!("a function library: {}", refusal.error())),
                        _ => loaded.functions = loaded.functions.saturating_add(1),
                    }
                }
            }
            for wanted in &batch.wanted {
                send(wanted, version, &mut second, &mut targets, &mut pace, &mut loaded, options)?;
            }
            Ok(())
        })?;
        for target in &mut targets.connections {
            target.settle(&mut loaded)?;
        }
    }
    Ok(loaded)
}

/// Connects, and sees that nothing is lost.
fn connect(address: &Address, cluster: bool, options: &LoadOptions<'_>) -> Result<Targets> {
    let mut targets = Targets { connections: Vec::new(), topology: None };
    if cluster {
        let topology = crate::wire::topology(address, &options.connect)?;
        let missing = topology.missing_text();
        if !missing.is_empty() {
            let what = format!("nobody serves the slots {}", missing.join(", "));
            return Err(Error::new(ErrorKind::Refused { what }).about(address.to_string()));
        }
        let mut by_id = BTreeMap::new();
        for node in topology.serving() {
            let own = Address::of_host(node.host.clone(), address.tls);
            by_id.insert(node.id.clone(), targets.connections.len());
            targets.connections.push(Target::open(&own, options)?);
        }
        targets.topology = Some((topology, by_id));
    } else {
        targets.connections.push(Target::open(address, options)?);
    }
    for target in &mut targets.connections {
        let info = target.connection.info()?;
        let endpoint = target.connection.endpoint().to_string();
        let refuse = |what: String, hint: &str| {
            Err(Error::new(ErrorKind::Refused { what }).about(endpoint.clone()).with_hint(hint))
        };
        if info.role() == Some(crate::wire::Role::Replica) {
            return refuse("is a replica: what is written there is lost".into(), "name its primary");
        }
        if info.mode() == Some("cluster") && !cluster {
            return refuse(
                "is a node of a cluster".into(),
                "redis+cluster://HOST routes each key to the node of its slot",
            );
        }
        let keys: u64 = info.databases().iter().map(|db| db.keys).sum();
        if keys > 0 && options.clash == Clash::Refuse {
            return refuse(
                format!("holds {keys} keys"),
                "--skip-existing leaves those that are there, --replace replaces them; others stay in any case",
            );
        }
    }
    Ok(targets)
}

impl Target {
    fn open(address: &Address, options: &LoadOptions<'_>) -> Result<Self> {
        let pick = crate::wire::primary(address, &options.connect)?;
        Ok(Self { connection: pick.connection, db: 0, waiting: std::collections::VecDeque::new(), waiting_bytes: 0 })
    }

    /// Reads replies until so few are under way.
    fn receive(&mut self, most: usize, most_bytes: u64, loaded: &mut LoadedKeys) -> Result<()> {
        while self.waiting.len() > most || self.waiting_bytes > most_bytes {
            let Some(sent) = self.waiting.pop_front() else { break };
            let reply = self.connection.receive()?;
            let Some((db, key, bytes)) = sent else {
                reply.checked()?;
                continue;
            };
            self.waiting_bytes = self.waiting_bytes.saturating_sub(bytes);
            let Reply::Refused(refusal) = reply else {
                loaded.keys = loaded.keys.saturating_add(1);
                loaded.bytes = loaded.bytes.saturating_add(bytes);
                continue;
            };
            let text = refusal.error().to_string();
            if text.contains("BUSYKEY") {
                loaded.skipped = loaded.skipped.saturating_add(1);
            } else if text.contains("DUMP payload version") {
                let what = "is too old for these keys: it does not know their RDB version".to_owned();
                return Err(Error::new(ErrorKind::Refused { what })
                    .about(self.connection.endpoint().to_string())
                    .with_hint("'rediscover check SOURCE' lists the servers that load it"));
            } else {
                let name = KeyName::cut(&key, key.len() as u64);
                loaded.fail(format!("db {db} \"{}\": {text}", name.escaped()));
            }
        }
        Ok(())
    }

    fn settle(&mut self, loaded: &mut LoadedKeys) -> Result<()> {
        self.receive(0, 0, loaded)
    }
}

impl LoadedKeys {
    fn fail(&mut self, text: String) {
        self.failed = self.failed.saturating_add(1);
        if self.failures.len() < TOLD {
            self.failures.push(text);
        }
    }
}

/// The second reading of a source.
struct Second {
    reader: Box<dyn Read + Send>,
    at: u64,
}

impl Second {
    fn read(&mut self, buffer: &mut [u8]) -> Result<()> {
        self.reader.read_exact(buffer).map_err(|error| Error::io("read it again", error))?;
        self.at = self.at.saturating_add(buffer.len() as u64);
        Ok(())
    }

    /// The record at this place. `bytes` is bounded by the caller.
    fn record(&mut self, offset: u64, bytes: usize) -> Result<Vec<u8>> {
        let skip = offset
            .checked_sub(self.at)
            .ok_or_else(|| Error::io("read it again", std::io::ErrorKind::InvalidInput.into()))?;
        let skipped = std::io::copy(&mut self.reader.by_ref().take(skip), &mut std::io::sink());
        skipped.map_err(|error| Error::io("read it again", error))?;
        self.at = offset;
        // Grown as bytes come: a file that shrank meanwhile takes no memory.
        let mut record = Vec::new();
        let read = self.reader.by_ref().take(bytes as u64).read_to_end(&mut record);
        read.map_err(|error| Error::io("read it again", error))?;
        if record.len() != bytes {
            return Err(Error::io("read it again", std::io::ErrorKind::UnexpectedEof.into()));
        }
        self.at = self.at.saturating_add(bytes as u64);
        Ok(record)
    }
}

/// Sends no faster than it was told to.
struct Pace {
    rate: Option<u64>,
    sent: u64,
    begun: UnixMs,
}

impl Pace {
    fn wait(&mut self, bytes: u64, options: &LoadOptions<'_>) -> Result<()> {
        self.sent = self.sent.saturating_add(bytes);
        let Some(rate) = self.rate.filter(|rate| *rate > 0) else { return Ok(()) };
        loop {
            if options.run.cancel.is_cancelled() {
                return Err(Error::new(ErrorKind::Interrupted));
            }
            let spent = u64::try_from((options.clock)().0.saturating_sub(self.begun.0)).unwrap_or_default();
            let due = u128::from(self.sent) * 1000 / u128::from(rate);
            if u128::from(spent) >= due {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

fn send(
    wanted: &Wanted,
    version: u16,
    second: &mut Second,
    targets: &mut Targets,
    pace: &mut Pace,
    loaded: &mut LoadedKeys,
    options: &LoadOptions<'_>,
) -> Result<()> {
    if options.run.cancel.is_cancelled() {
        return Err(Error::new(ErrorKind::Interrupted));
    }
    if wanted.expire_at.is_some_and(|at| at <= (options.clock)()) {
        loaded.expired = loaded.expired.saturating_add(1);
        return Ok(());
    }
    let named = || KeyName::cut(&wanted.key, wanted.key.len() as u64).escaped().clone();
    let Some(bytes) =
        usize::try_from(wanted.bytes).ok().filter(|_| wanted.bytes <= MOST_VALUE_BYTES && wanted.whole_key)
    else {
        loaded.fail(format!("db {} \"{}\": larger than servers take in one command", wanted.db, named()));
        return Ok(());
    };
    let record = second.record(wanted.offset, bytes)?;
    let Some(payload) = payload(&record, version) else {
        loaded.fail(format!("db {} \"{}\": its record cannot be followed", wanted.db, named()));
        return Ok(());
    };
    let index = match &targets.topology {
        None => 0,
        Some((topology, by_id)) => {
            let owner = topology.owner(slot(&wanted.key)).and_then(|node| by_id.get(&node.id));
            let Some(index) = owner else {
                loaded.fail(format!("db {} \"{}\": nobody serves its slot", wanted.db, named()));
                return Ok(());
            };
            *index
        }
    };
    if targets.topology.is_some() && wanted.db != 0 {
        loaded.fail(format!("db {} \"{}\": a cluster has database 0 alone", wanted.db, named()));
        return Ok(());
    }
    let Some(target) = targets.connections.get_mut(index) else { return Ok(()) };
    if target.db != wanted.db {
        target.connection.send(&[b"SELECT", wanted.db.to_string().as_bytes()])?;
        target.waiting.push_back(None);
        target.db = wanted.db;
    }
    let expire = wanted.expire_at.map_or(0, |at| at.0).to_string();
    let idle = wanted.idle_secs.map(|idle| idle.to_string());
    let freq = wanted.freq.map(|freq| freq.to_string());
    let mut words: Vec<&[u8]> = vec![b"RESTORE", &wanted.key, expire.as_bytes(), &payload];
    if options.clash == Clash::Replace {
        words.push(b"REPLACE");
    }
    if wanted.expire_at.is_some() {
        words.push(b"ABSTTL");
    }
    if let Some(idle) = &idle {
        words.extend([b"IDLETIME".as_slice(), idle.as_bytes()]);
    } else if let Some(freq) = &freq {
        words.extend([b"FREQ".as_slice(), freq.as_bytes()]);
    }
    let length = payload.len() as u64;
    pace.wait(length, options)?;
    target.connection.send(&words)?;
    target.waiting.push_back(Some((wanted.db, wanted.key.clone(), length)));
    target.waiting_bytes = target.waiting_bytes.saturating_add(length);
    target.receive(IN_FLIGHT, IN_FLIGHT_BYTES, loaded)
}

/// The version of an RDB by its first nine bytes.
fn rdb_version(head: &[u8; 9]) -> Option<u16> {
    let digits = head.strip_prefix(b"REDIS").or_else(|| head.strip_prefix(b"VALKEY"))?;
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// A record without its key, as RESTORE takes it.
///
/// ```text
/// type (1) | key (STR) | value …     ─►     type (1) | value … | RDB version (2) | CRC64 (8)
/// ```
fn payload(record: &[u8], version: u16) -> Option<Vec<u8>> {
    let (ty, rest) = record.split_first()?;
    let value = rest.get(string_bytes(rest)?..)?;
    let mut payload = Vec::with_capacity(value.len().saturating_add(11));
    payload.push(*ty);
    payload.extend_from_slice(value);
    payload.extend_from_slice(&version.to_le_bytes());
    let mut crc = Crc64::new();
    crc.update(&payload);
    payload.extend_from_slice(&crc.value().to_le_bytes());
    Some(payload)
}

/// Bytes that a STR takes: its length or encoding, and what follows.
fn string_bytes(bytes: &[u8]) -> Option<usize> {
    let first = *bytes.first()?;
    if first >> 6 == 3 {
        return match first & 0x3f {
            0 => Some(2),
            1 => Some(3),
            2 => Some(5),
            3 => {
                let (packed, at) = length(bytes.get(1..)?)?;
                let (_, more) = length(bytes.get(at.checked_add(1)?..)?)?;
                usize::try_from(packed).ok()?.checked_add(at)?.checked_add(more)?.checked_add(1)
            }
            _ => None,
        };
    }
    let (length, at) = length(bytes)?;
    usize::try_from(length).ok()?.checked_add(at)
}

/// A LEN and the bytes it takes.
fn length(bytes: &[u8]) -> Option<(u64, usize)> {
    let first = *bytes.first()?;
    match first >> 6 {
        0 => Some((u64::from(first & 0x3f), 1)),
        1 => Some((u64::from(first & 0x3f) << 8 | u64::from(*bytes.get(1)?), 2)),
        2 if first == 0x80 => Some((u64::from(u32::from_be_bytes(bytes.get(1..5)?.try_into().ok()?)), 5)),
        2 if first == 0x81 => Some((u64::from_be_bytes(bytes.get(1..9)?.try_into().ok()?), 9)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_becomes_a_payload_without_its_key() {
        // Key "foo" in the three forms of a short length, an integer, and LZF.
        for key in [
            &b"\x03foo"[..],
            b"\x40\x03foo",
            b"\x80\x00\x00\x00\x03foo",
            b"\xc0\x05",
            b"\xc1\x05\x00",
            b"\xc3\x02\x05ab",
        ] {
            let record = [b"\x00", key, b"\x03bar"].concat();
            let payload = payload(&record, 11).expect("a payload");
            assert_eq!(&payload[..7], b"\x00\x03bar\x0b\x00");
            assert_eq!(payload.len(), 15);
        }
        for broken in [&b""[..], b"\x00", b"\x00\x05foo", b"\x00\xc4", b"\x00\xc3\x40", b"\x00\x82"] {
            assert_eq!(payload(broken, 11), None, "{broken:?}");
        }
    }
}
