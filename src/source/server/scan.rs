//! Key by key, where no snapshot is allowed: SCAN for the names, DUMP for the values, written out as an RDB.
//!
//! ```text
//! SCAN ─► names, sorted, each once ─► PEXPIRETIME, DUMP ─► expiry, type, key, payload without its footer
//!         (scratch folder)            a few dozen at once
//! ```
//! The names come first, all those of a database: SCAN tells some twice. So the same keyspace gives the same records.

use super::{ServerPlace, is_closed};
use crate::base::{Cancel, Error, ErrorKind, Result};
use crate::encoding::Crc64;
use crate::spill::Sorter;
use crate::wire::{Connection, Info, Reply};
use crossbeam_channel::{Receiver, Sender, bounded};
use std::io::{self, Read};
use std::path::PathBuf;

/// Bytes handed over at once; a few of them wait.
const CHUNK_BYTES: usize = 64 << 10;
/// Names held in memory before they go to the scratch folder.
const NAMES_BYTES: usize = 16 << 20;
/// Names asked for at once.
const PAGE: &[u8] = b"1000";
/// What a server holds ready for us at once: about so many bytes of values, and so many keys.
const AHEAD_BYTES: u64 = 4 << 20;
const MOST_AHEAD: u64 = 128;
/// Version and checksum after a value.
const FOOTER_BYTES: usize = 10;
/// The first RDB version that only Valkey writes.
const VALKEY_VERSIONS: u16 = 80;
/// What a user needs.
const RIGHTS: &str =
    "an ACL user that may: ACL SETUSER bk on >PASSWORD ~* +info +select +scan +dump +pexpiretime +function|list";

enum Message {
    Bytes(Vec<u8>),
    Failed(Error),
    End,
}

/// Asks whether it is allowed, then begins on a thread of its own. Gives warnings too: what will be missing.
pub(super) fn start(
    mut connection: Connection,
    info: Option<&Info>,
    place: &ServerPlace,
) -> Result<(Box<dyn Read + Send>, Vec<String>)> {
    let about = connection.endpoint().to_string();
    let Some(info) = info else {
        let what = "without INFO nobody knows which databases there are".to_owned();
        return Err(Error::new(ErrorKind::Server { what }).about(about).with_hint(RIGHTS));
    };
    if let Reply::Refused(refusal) = connection.command(&[b"SCAN", b"0", b"COUNT", b"1"])? {
        let error = refusal.error().about(about);
        return Err(if is_closed(&refusal.kind) { error.with_hint(RIGHTS) } else { error });
    }
    let mut warnings = Vec::new();
    let functions = functions(&mut connection, info, &mut warnings)?;
    let wanted = |db: &u32| place.address.db.is_none_or(|only| only == *db);
    let databases = info.databases().iter().map(|database| database.db).filter(wanted).collect();
    let (send, chunks) = bounded(4);
    let writer = Writer {
        connection,
        out: Out { send, chunk: Vec::new(), crc: Crc64::new() },
        databases,
        functions,
        aux: aux(info),
        version: None,
        empty_version: if info.major_minor().is_some_and(|(major, _)| major < 7) { 9 } else { 10 },
        by_pttl: None,
        scratch: place.scratch.clone(),
        cancel: place.options.cancel.clone(),
    };
    let thread = std::thread::Builder::new().name("scan".into());
    thread.spawn(move || writer.run()).map_err(|error| Error::io("start a thread", error))?;
    Ok((Box::new(Chunks { messages: chunks, current: io::Cursor::default(), ended: false }), warnings))
}

/// The code of each library of functions.
fn functions(connection: &mut Connection, info: &Info, warnings: &mut Vec<String>) -> Result<Vec<Vec<u8>>> {
    if info.major_minor().is_some_and(|(major, _)| major < 7) {
        return Ok(Vec::new());
    }
    let reply = connection.command(&[b"FUNCTION", b"LIST", b"WITHCODE"])?;
    if let Reply::Refused(refusal) = &reply {
        warnings.push(format!("libraries of functions are missing: {}", refusal.text));
        return Ok(Vec::new());
    }
    let libraries = reply.array().unwrap_or_default().iter();
    Ok(libraries.filter_map(|library| library.field("library_code")?.bytes().map(<[u8]>::to_vec)).collect())
}

/// What the header says of the server.
fn aux(info: &Info) -> Vec<(&'static str, String)> {
    let name = if info.family() == "valkey" { "valkey-ver" } else { "redis-ver" };
    let version = info.version().map(|version| (name, version.to_owned()));
    let micros = info.number("server_time_usec");
    let ctime = micros.map(|micros| ("ctime", (micros / 1_000_000).to_string()));
    version.into_iter().chain(ctime).collect()
}

/// Bytes on their way to the reader.
struct Out {
    send: Sender<Message>,
    chunk: Vec<u8>,
    crc: Crc64,
}

impl Out {
    fn put(&mut self, bytes: &[u8]) -> Result<()> {
        self.crc.update(bytes);
        for piece in bytes.chunks(CHUNK_BYTES) {
            self.chunk.extend_from_slice(piece);
            if self.chunk.len() >= CHUNK_BYTES {
                self.flush()?;
            }
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<()> {
        let chunk = std::mem::replace(&mut self.chunk, Vec::with_capacity(2 * CHUNK_BYTES));
        // Who read it has gone.
        self.send.send(Message::Bytes(chunk)).map_err(|_| Error::new(ErrorKind::Interrupted))
    }

    fn length(&mut self, length: u64) -> Result<()> {
        let (bytes, used) = encoded(length);
        self.put(bytes.get(..used).unwrap_or(&bytes))
    }

    fn string(&mut self, bytes: &[u8]) -> Result<()> {
        self.length(bytes.len() as u64)?;
        self.put(bytes)
    }
}

/// A length as an RDB has it: 6, 14, 32 or 64 bits, and how many of the bytes are used.
fn encoded(length: u64) -> ([u8; 9], usize) {
    let mut bytes = [0; 9];
    let [first, rest @ ..] = &mut bytes;
    if length < 1 << 6 {
        *first = length.to_le_bytes()[0];
        (bytes, 1)
    } else if length < 1 << 14 {
        let [low, high, ..] = length.to_le_bytes();
        *first = 0x40 | high;
        rest[0] = low;
        (bytes, 2)
    } else if let Ok(short) = u32::try_from(length) {
        *first = 0x80;
        if let Some((to, _)) = rest.split_first_chunk_mut() {
            *to = short.to_be_bytes();
        }
        (bytes, 5)
    } else {
        *first = 0x81;
        *rest = length.to_be_bytes();
        (bytes, 9)
    }
}

struct Writer {
    connection: Connection,
    out: Out,
    databases: Vec<u32>,
    functions: Vec<Vec<u8>>,
    aux: Vec<(&'static str, String)>,
    /// The RDB version of the header, once it is written.
    version: Option<u16>,
    /// That of an RDB without keys.
    empty_version: u16,
    /// Whether the server knows no PEXPIRETIME, or does not allow it.
    by_pttl: Option<bool>,
    scratch: PathBuf,
    cancel: Cancel,
}

impl Writer {
    fn run(mut self) {
        let last = match self.everything() {
            Ok(()) => Message::End,
            Err(error) => Message::Failed(error.about(self.connection.endpoint().to_string())),
        };
        // Where nobody listens any more, nobody wants it.
        let _ = self.out.send.send(last);
    }

    fn everything(&mut self) -> Result<()> {
        for db in std::mem::take(&mut self.databases) {
            if db != 0 {
                self.connection.call(&[b"SELECT", db.to_string().as_bytes()])?;
            }
            let names = self.names()?;
            let mut batch = Batch::new(db);
            names.finish(&mut |key, _| {
                batch.add(key);
                if batch.is_full() {
                    self.values(&mut batch)?;
                }
                Ok(true)
            })?;
            self.values(&mut batch)?;
        }
        if self.version.is_none() {
            self.header(self.empty_version)?;
        }
        self.out.put(&[0xFF])?;
        let checksum = self.out.crc.value();
        self.out.put(&checksum.to_le_bytes())?;
        self.out.flush()
    }

    /// The names of a database's keys, in order, some of them twice.
    fn names(&mut self) -> Result<Sorter> {
        let mut names = Sorter::new(self.scratch.clone(), NAMES_BYTES, None);
        let mut cursor = b"0".to_vec();
        loop {
            if self.cancel.is_cancelled() {
                return Err(Error::new(ErrorKind::Interrupted));
            }
            let reply = self.connection.call(&[b"SCAN", &cursor, b"COUNT", PAGE])?;
            let (next, page) = match reply.array() {
                Some([next, page]) => (next.bytes(), page.array()),
                _ => (None, None),
            };
            let (Some(next), Some(page)) = (next, page) else { return Err(odd("SCAN")) };
            for name in page {
                names.push(name.bytes().ok_or_else(|| odd("SCAN"))?, &[])?;
            }
            if next == b"0" {
                return Ok(names);
            }
            cursor = next.to_vec();
        }
    }

    fn header(&mut self, version: u16) -> Result<()> {
        let magic =
            if version >= VALKEY_VERSIONS { format!("VALKEY{version:03}") } else { format!("REDIS{version:04}") };
        self.out.put(magic.as_bytes())?;
        for (name, value) in std::mem::take(&mut self.aux) {
            self.out.put(&[0xFA])?;
            self.out.string(name.as_bytes())?;
            self.out.string(value.as_bytes())?;
        }
        for code in std::mem::take(&mut self.functions) {
            self.out.put(&[0xF5])?;
            self.out.string(&code)?;
        }
        self.version = Some(version);
        Ok(())
    }

    /// The version that this server's payloads have; none if the key has gone. A payload is looked at and not held.
    fn probe(&mut self, key: &[u8]) -> Result<Option<u16>> {
        self.connection.send(&[b"DUMP", key])?;
        let mut tail = Tail::default();
        let length = self.connection.receive_bulk(&mut |piece| tail.push(piece, &mut |_| Ok(())));
        match length.map_err(denied)? {
            None => Ok(None),
            Some(_) => tail.footer().map(|(version, _)| Some(version)).ok_or_else(|| odd("DUMP")),
        }
    }

    /// How long a key lives: Unix milliseconds, none for ever. The outer none: the key has gone.
    fn expiry(&mut self, now: i64) -> Result<Option<Expiry>> {
        let reply = self.connection.receive()?.checked().map_err(denied)?;
        match reply.int() {
            Some(-2) => Ok(None),
            Some(-1) => Ok(Some(Expiry::Never)),
            Some(number) if self.by_pttl == Some(true) => Ok(Some(Expiry::At(now.saturating_add(number)))),
            Some(number) => Ok(Some(Expiry::At(number))),
            None => Err(odd("PEXPIRETIME")),
        }
    }

    /// Writes the keys of a batch, and empties it.
    fn values(&mut self, batch: &mut Batch) -> Result<()> {
        let keys = std::mem::take(&mut batch.keys);
        batch.name_bytes = 0;
        if keys.is_empty() {
            return Ok(());
        }
        if self.cancel.is_cancelled() {
            return Err(Error::new(ErrorKind::Interrupted));
        }
        let mut rest = keys.as_slice();
        while self.version.is_none() {
            let Some((first, more)) = rest.split_first() else { return Ok(()) };
            match self.probe(first)? {
                Some(version) => self.header(version)?,
                None => rest = more,
            }
        }
        let by_pttl = self.expiry_command(rest.first().map_or(b"", Vec::as_slice))?;
        let mut now = 0;
        if by_pttl {
            self.connection.send(&[b"TIME"])?;
        }
        for key in rest {
            self.connection.send(&[if by_pttl { b"PTTL" } else { b"PEXPIRETIME" }, key])?;
            self.connection.send(&[b"DUMP", key])?;
        }
        if by_pttl {
            now = unix_ms(&self.connection.receive()?.checked().map_err(denied)?).ok_or_else(|| odd("TIME"))?;
        }
        let mut bytes = 0u64;
        for key in rest {
            let expiry = self.expiry(now)?;
            bytes = bytes.saturating_add(self.value(batch, key, expiry)?);
        }
        let average = bytes.checked_div(rest.len() as u64).unwrap_or_default().max(1);
        batch.most = AHEAD_BYTES.checked_div(average).unwrap_or(1).clamp(1, MOST_AHEAD);
        Ok(())
    }

    /// Whether PTTL has to do.
    fn expiry_command(&mut self, key: &[u8]) -> Result<bool> {
        if let Some(known) = self.by_pttl {
            return Ok(known);
        }
        let reply = self.connection.command(&[b"PEXPIRETIME", key])?;
        let by_pttl = matches!(&reply, Reply::Refused(refusal) if is_closed(&refusal.kind));
        if !by_pttl {
            reply.checked().map_err(denied)?;
        }
        self.by_pttl = Some(by_pttl);
        Ok(by_pttl)
    }

    /// Writes one record as its payload comes; says how long that was.
    fn value(&mut self, batch: &mut Batch, key: &[u8], expiry: Option<Expiry>) -> Result<u64> {
        let version = self.version.unwrap_or_default();
        let (connection, out) = (&mut self.connection, &mut self.out);
        let mut tail = Tail::default();
        let mut crc = Crc64::new();
        let mut begun = false;
        let mut write = |bytes: &[u8]| -> Result<()> {
            let Some(expiry) = expiry else { return Ok(()) };
            crc.update(bytes);
            let Some((kind, rest)) = bytes.split_first().filter(|_| !begun) else { return out.put(bytes) };
            begun = true;
            if batch.selected != Some(batch.db) {
                out.put(&[0xFE])?;
                out.length(u64::from(batch.db))?;
                batch.selected = Some(batch.db);
            }
            if let Expiry::At(at) = expiry {
                out.put(&[0xFC])?;
                out.put(&at.to_le_bytes())?;
            }
            out.put(&[*kind])?;
            out.string(key)?;
            out.put(rest)
        };
        let length = connection.receive_bulk(&mut |piece| tail.push(piece, &mut write)).map_err(denied)?;
        // Gone since its name was told, or between its expiry and its value.
        let (Some(length), Some(_)) = (length, expiry) else { return Ok(0) };
        let (own, stored) = tail.footer().filter(|_| begun).ok_or_else(|| odd("DUMP"))?;
        crc.update(&own.to_le_bytes());
        if stored != 0 && stored != crc.value() {
            let what = "a payload of DUMP does not fit its checksum".to_owned();
            return Err(
                Error::new(ErrorKind::Server { what }).with_hint("bytes were changed on the way, or in its memory")
            );
        }
        if own != version {
            let what = format!("DUMP gave payloads of RDB {version}, and now one of {own}");
            return Err(
                Error::new(ErrorKind::Server { what }).with_hint("was the server upgraded meanwhile? try again")
            );
        }
        Ok(length)
    }
}

#[derive(Clone, Copy)]
enum Expiry {
    Never,
    At(i64),
}

/// Keys whose values are asked for at once.
struct Batch {
    db: u32,
    /// The database that the RDB is in.
    selected: Option<u32>,
    keys: Vec<Vec<u8>>,
    name_bytes: usize,
    /// The last name that was told.
    last: Option<Vec<u8>>,
    most: u64,
}

impl Batch {
    fn new(db: u32) -> Self {
        // The first values may be large.
        Self { db, selected: None, keys: Vec::new(), name_bytes: 0, last: None, most: 4 }
    }

    /// Names come in order: one that was told twice stands beside itself.
    fn add(&mut self, key: &[u8]) {
        if self.last.as_deref() == Some(key) {
            return;
        }
        self.last = Some(key.to_vec());
        self.name_bytes = self.name_bytes.saturating_add(key.len());
        self.keys.push(key.to_vec());
    }

    fn is_full(&self) -> bool {
        self.keys.len() as u64 >= self.most || self.name_bytes >= CHUNK_BYTES
    }
}

/// Holds the last bytes of a payload back.
#[derive(Default)]
struct Tail(Vec<u8>);

impl Tail {
    fn push(&mut self, piece: &[u8], write: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<()> {
        self.0.extend_from_slice(piece);
        let ready = self.0.len().saturating_sub(FOOTER_BYTES);
        if ready > 0 {
            write(self.0.get(..ready).unwrap_or_default())?;
            self.0.drain(..ready);
        }
        Ok(())
    }

    /// Version and checksum.
    fn footer(&self) -> Option<(u16, u64)> {
        let (version, checksum) = self.0.split_first_chunk()?;
        Some((u16::from_le_bytes(*version), u64::from_le_bytes(*checksum.first_chunk()?)))
    }
}

/// Seconds and microseconds of TIME.
fn unix_ms(reply: &Reply) -> Option<i64> {
    let [seconds, micros] = reply.array()? else { return None };
    let number = |reply: &Reply| reply.text()?.parse::<i64>().ok();
    number(seconds)?.checked_mul(1000)?.checked_add(number(micros)? / 1000)
}

fn odd(command: &str) -> Error {
    Error::new(ErrorKind::Server { what: format!("{command} gives something else than it should") })
}

/// Names the rights where they are missing.
fn denied(error: Error) -> Error {
    if error.to_string().contains("NOPERM") { error.with_hint(RIGHTS) } else { error }
}

/// What comes from the thread.
struct Chunks {
    messages: Receiver<Message>,
    current: io::Cursor<Vec<u8>>,
    ended: bool,
}

impl Read for Chunks {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        loop {
            let read = self.current.read(to)?;
            if read > 0 || self.ended || to.is_empty() {
                return Ok(read);
            }
            match self.messages.recv() {
                Ok(Message::Bytes(bytes)) => self.current = io::Cursor::new(bytes),
                Ok(Message::End) => self.ended = true,
                Ok(Message::Failed(error)) => return Err(io::Error::other(error)),
                Err(_) => return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the scan ended early")),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_as_short_as_they_can_be() {
        let hex = |length| {
            let (bytes, used) = encoded(length);
            bytes[..used].iter().map(|byte| format!("{byte:02x}")).collect::<String>()
        };
        assert_eq!([hex(0), hex(63), hex(64), hex(16_383)], ["00", "3f", "4040", "7fff"]);
        assert_eq!([hex(16_384), hex(0xFFFF_FFFF), hex(1 << 32)], ["8000004000", "80ffffffff", "810000000100000000"]);
    }

    #[test]
    fn a_footer_is_held_back_however_it_comes() {
        let payload: Vec<u8> = (0..=200).collect();
        for step in [1, 9, 10, 11, 300] {
            let (mut tail, mut out) = (Tail::default(), Vec::new());
            for piece in payload.chunks(step) {
                let mut write = |bytes: &[u8]| {
                    out.extend_from_slice(bytes);
                    Ok(())
                };
                tail.push(piece, &mut write).expect("nothing fails");
            }
            assert_eq!(out, payload[..191], "{step}");
            assert_eq!(tail.footer().map(|(version, _)| version), Some(u16::from_le_bytes([191, 192])));
        }
    }
}
