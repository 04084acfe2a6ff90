//! Where bytes come from: a path or standard input becomes one stream of unpacked bytes, counted and hashed on the way.
//!
//! ```text
//! place ─► raw bytes ─► count, progress ─► hash ─► unpack (by magic number) ─► Stream
//! ```
//! A data directory is judged before: which of its files a server would load. A live server is asked for a snapshot. Backups
//! and objects of a bucket come as functions that open them.

mod aof_set;
mod data_dir;
mod server;
mod server_config;

pub use aof_set::{AofSet, Listed};
pub use data_dir::{DataDir, Extra, ExtraKind, FileKind, Loads, Trap, file_kind};
pub use server::{Captured, ClusterPlaces, Marked, ServerPlace, Via, capture, cluster};
pub use server_config::{ConfigNote, ServerConfig, ServerSettings};

use crate::aof::{Entry, Manifest, Role};
use crate::base::{Error, ErrorKind, Flaw, Progress, Result, UnixMs};
use crate::codec::{Compression, HashTee, Hashed, ReadAhead, Unpacked, sniff};
use crate::report::{LogRole, escape};
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

/// A place that holds a keyspace, not opened yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// What reports call it: the path as given, or the name given to it.
    pub name: String,
    /// Where it is.
    pub place: Place,
    /// Whether a server that starts on the data directory it was found in would load it; none where it is in none.
    pub loaded: Option<bool>,
    /// Why it would, or would not.
    pub why: Option<String>,
    /// What its server does with a log that ends badly.
    pub tails: Tails,
}

/// What a server does with the end of the last file of a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tails {
    /// `aof-load-truncated`: one that ends within a command is cut off there.
    pub load_truncated: bool,
    /// `aof-load-corrupt-tail-max-size`: fewer than so many bytes that cannot be read are cut off.
    pub corrupt_max_bytes: u64,
}

impl Default for Tails {
    /// As servers without a configuration.
    fn default() -> Self {
        Self { load_truncated: true, corrupt_max_bytes: 0 }
    }
}

impl From<&ServerConfig> for Tails {
    fn from(config: &ServerConfig) -> Self {
        Self { load_truncated: config.load_truncated, corrupt_max_bytes: config.corrupt_tail_max_bytes }
    }
}

impl Origin {
    /// A place of this name, in no data directory.
    pub fn new(name: impl Into<String>, place: Place) -> Self {
        Self { name: name.into(), place, loaded: None, why: None, tails: Tails::default() }
    }
}

/// Where a source is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// A file.
    Path(PathBuf),
    /// Standard input.
    Stdin,
    /// Bytes that are there already.
    Bytes(Vec<u8>),
    /// Whatever a function opens: a stream that is there already, a payload of a backup.
    Opener(Opener),
    /// A file that is held open, up to a length: it may grow, and be removed.
    Pinned(Pinned),
    /// The parts of an append-only file.
    Log(Box<AofSet>),
    /// A live server: every opening asks it for a snapshot.
    Server(Box<ServerPlace>),
}

/// Opens a stream; clones open the same.
#[derive(Clone)]
pub struct Opener {
    open: Arc<OpenFn>,
    again: bool,
    is_log: bool,
    written: Option<UnixMs>,
}

type OpenFn = dyn Fn() -> io::Result<Box<dyn Read + Send>> + Send + Sync;

impl Opener {
    /// A reader that is there already, to be read once. `is_log`: it is a log by its name, whatever it begins with.
    pub fn once(reader: Box<dyn Read + Send>, is_log: bool) -> Self {
        let reader = Mutex::new(Some(reader));
        let open = move || {
            let taken = reader.lock().ok().and_then(|mut reader| reader.take());
            taken.ok_or_else(|| io::Error::other("it was read already"))
        };
        Self { open: Arc::new(open), again: false, is_log, written: None }
    }

    /// What this function opens, as often as it is called.
    pub fn again<F>(open: F, is_log: bool) -> Self
    where
        F: Fn() -> io::Result<Box<dyn Read + Send>> + Send + Sync + 'static,
    {
        Self { open: Arc::new(open), again: true, is_log, written: None }
    }
}

impl Opener {
    /// With when what it opens was written.
    #[must_use]
    pub fn written(self, at: Option<UnixMs>) -> Self {
        Self { written: at, ..self }
    }

    /// When what it opens was written, where somebody keeps that.
    pub fn written_at(&self) -> Option<UnixMs> {
        self.written
    }

    /// Whether it is a log by its name, whatever it begins with.
    pub fn is_log(&self) -> bool {
        self.is_log
    }
}

impl std::fmt::Debug for Opener {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Opener")
    }
}

impl PartialEq for Opener {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.open, &other.open)
    }
}

impl Eq for Opener {}

/// A file that is held open, up to a length.
#[derive(Debug, Clone)]
pub struct Pinned {
    file: Arc<File>,
    bytes: u64,
}

impl Pinned {
    /// The file as long as it is now.
    ///
    /// # Errors
    /// It cannot be opened, or is no regular file.
    pub fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        let facts = file.metadata()?;
        if !facts.is_file() {
            return Err(io::Error::other("it is no file"));
        }
        Ok(Self { file: Arc::new(file), bytes: facts.len() })
    }

    /// Its length.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The same file, no longer than this.
    #[must_use]
    pub fn cut(&self, bytes: u64) -> Self {
        Self { file: Arc::clone(&self.file), bytes: self.bytes.min(bytes) }
    }

    /// A reader of its own, from its beginning.
    pub fn reader(&self) -> impl Read + Send + use<> {
        PinnedReader { pinned: self.clone(), at: 0 }
    }
}

impl PartialEq for Pinned {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.file, &other.file) && self.bytes == other.bytes
    }
}

impl Eq for Pinned {}

struct PinnedReader {
    pinned: Pinned,
    at: u64,
}

impl Read for PinnedReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.pinned.bytes.saturating_sub(self.at)).unwrap_or(usize::MAX);
        let wanted = left.min(buffer.len());
        let read = self.pinned.file.read_at(buffer.get_mut(..wanted).unwrap_or_default(), self.at)?;
        self.at = self.at.saturating_add(read as u64);
        Ok(read)
    }
}

impl Place {
    /// Whether it can be read more than once: pipes and servers cannot. What is not there can be: opening it says what is wrong.
    pub fn can_be_read_again(&self) -> bool {
        match self {
            Place::Log(set) => set.parts.iter().all(|part| part.held.is_some() || is_no_pipe(&part.path)),
            Place::Path(path) => is_no_pipe(path),
            Place::Stdin | Place::Server(_) => false,
            Place::Opener(opener) => opener.again,
            Place::Bytes(_) | Place::Pinned(_) => true,
        }
    }
}

fn is_no_pipe(path: &Path) -> bool {
    path.metadata().map_or(true, |facts| facts.is_file())
}

/// One file of a source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Its name without its folder, where the source is made of several.
    pub file: Option<Arc<str>>,
    /// What it is for.
    pub role: LogRole,
    /// Where it is.
    pub place: Place,
}

impl Origin {
    /// The manifest for these of its files: its name and its bytes. None of a source that is one file.
    pub fn manifest_of(&self, files: &[Arc<str>]) -> Option<(OsString, Vec<u8>)> {
        let Place::Log(set) = &self.place else { return None };
        let name = set.manifest_path.as_ref().and_then(|path| path.file_name()).map(OsStr::to_owned);
        let kept = |entry: &&Entry| files.iter().any(|file| **file == *escape(&entry.file));
        let mut entries: Vec<_> = set.manifest.load_order().filter(kept).cloned().collect();
        // Where the log goes on after a cut is no place of replication any more.
        for entry in &mut entries {
            entry.end_offset = None;
        }
        Some((name.unwrap_or_else(|| "appendonly.aof.manifest".into()), Manifest { entries }.to_bytes()))
    }

    /// The files it is made of, in the order a server reads them.
    pub fn parts(&self) -> Vec<Part> {
        let Place::Log(set) = &self.place else {
            return vec![Part { file: None, role: LogRole::Log, place: self.place.clone() }];
        };
        let part = |listed: &Listed| Part {
            file: Some(escape(&listed.name).into()),
            role: if listed.role == Role::Base { LogRole::Base } else { LogRole::Incr },
            place: listed.held.clone().map_or_else(|| Place::Path(listed.path.clone()), |held| *held),
        };
        set.parts.iter().map(part).collect()
    }
}

/// Which hashes of the raw bytes to make in the same pass.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[allow(missing_docs, reason = "each is the word itself")]
pub struct Hashes {
    pub sha256: bool,
    pub sha1: bool,
    pub md5: bool,
}

impl Hashes {
    fn any(self) -> bool {
        self.sha256 || self.sha1 || self.md5
    }
}

/// Opens a source a second time, at a place in its uncompressed stream.
#[derive(Debug, Clone)]
pub struct Again(Place);

impl Again {
    /// For a place that can be opened more than once.
    pub fn new(place: Place) -> Self {
        Self(place)
    }

    /// A reader that begins there.
    ///
    /// # Errors
    /// [`ErrorKind::Io`]: the file has gone, or is shorter now.
    pub fn open_at(&self, offset: u64) -> Result<Box<dyn Read + Send>> {
        let (mut raw, _) = raw(&self.0).map_err(|error| Error::io("open it again", error))?;
        let failed = |error| Error::io("read it again", error);
        let head = read_head(&mut raw).map_err(failed)?;
        let kind = sniff(&head);
        let raw: Box<dyn Read + Send> = Box::new(io::Cursor::new(head).chain(raw));
        let mut reader: Box<dyn Read + Send> = match (kind, &self.0) {
            (None, Place::Path(path)) => {
                let mut file = File::open(path).map_err(failed)?;
                file.seek(SeekFrom::Start(offset)).map_err(failed)?;
                return Ok(Box::new(file));
            }
            (None, _) => raw,
            (Some(kind), _) => Box::new(Unpacked::new(BufReader::with_capacity(256 << 10, raw), kind).map_err(failed)?),
        };
        io::copy(&mut reader.by_ref().take(offset), &mut io::sink()).map_err(failed)?;
        Ok(reader)
    }
}

/// An open source.
pub struct Stream {
    name: String,
    part: Option<Arc<str>>,
    expects_log: bool,
    again: Option<Again>,
    reader: Box<dyn Read + Send>,
    compression: Option<Compression>,
    raw_bytes: Arc<AtomicU64>,
    stated_bytes: Option<u64>,
    hashed: Option<Arc<Mutex<Option<Hashed>>>>,
    progress: Arc<dyn Progress>,
    twice: Option<Flaw>,
}

impl Stream {
    /// Over any reader: for callers that have one.
    ///
    /// # Errors
    /// The first bytes cannot be read.
    pub fn from_reader<R: Read + Send + 'static>(name: &str, raw: R) -> Result<Self> {
        Self::build(name, Box::new(raw), None, Hashes::default(), Arc::new(crate::base::Silent))
    }

    fn build(
        name: &str,
        raw: Box<dyn Read + Send>,
        stated_bytes: Option<u64>,
        hashes: Hashes,
        progress: Arc<dyn Progress>,
    ) -> Result<Self> {
        let failed = |error| Error::io("read", error).about(name);
        progress.begin(name, stated_bytes);
        let raw_bytes = Arc::new(AtomicU64::new(0));
        let counted = Counted { inner: raw, count: Arc::clone(&raw_bytes), progress: Arc::clone(&progress) };
        let (mut raw, hashed): (Box<dyn Read + Send>, _) = if hashes.any() {
            let (tee, hashed) = HashTee::new(counted, hashes.sha256, hashes.sha1, hashes.md5);
            (Box::new(tee), Some(hashed))
        } else {
            (Box::new(counted), None)
        };
        let head = read_head(&mut raw).map_err(failed)?;
        let compression = sniff(&head);
        let raw = io::Cursor::new(head).chain(raw);
        let mut twice = None;
        let reader: Box<dyn Read + Send> = match compression {
            None => Box::new(raw),
            Some(kind) => {
                let unpacked = Unpacked::new(BufReader::with_capacity(256 << 10, raw), kind).map_err(failed)?;
                let mut ahead = ReadAhead::new(unpacked);
                // An error here comes again at the first read, and is dealt with there.
                match read_head(&mut ahead) {
                    Ok(head) => {
                        twice = sniff(&head).map(|inner| {
                            let found = format!("{} inside {}", inner.name(), kind.name());
                            Flaw::new("compressed-twice", "header", 0, "an RDB inside the compressed stream", found)
                        });
                        Box::new(io::Cursor::new(head).chain(ahead))
                    }
                    Err(error) => Box::new(Failing(Some(error))),
                }
            }
        };
        Ok(Self {
            name: name.into(),
            part: None,
            expects_log: false,
            again: None,
            reader,
            compression,
            raw_bytes,
            stated_bytes,
            hashed,
            progress,
            twice,
        })
    }

    /// The name of the file, where the source is made of several.
    pub fn part(&self) -> Option<Arc<str>> {
        self.part.clone()
    }

    /// Whether it is a log by its name or its manifest, whatever it begins with.
    pub fn expects_log(&self) -> bool {
        self.expects_log
    }

    /// The way to open it a second time; none of a pipe.
    pub fn again(&self) -> Option<Again> {
        self.again.clone()
    }

    /// What reports call it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How it is compressed, if it is.
    pub fn compression(&self) -> Option<Compression> {
        self.compression
    }

    /// A flaw, if what is inside the compressed stream is compressed as well.
    pub fn compressed_twice(&self) -> Option<&Flaw> {
        self.twice.as_ref()
    }

    /// Raw bytes read so far.
    pub fn raw_bytes(&self) -> u64 {
        self.raw_bytes.load(Ordering::Relaxed)
    }

    /// Raw bytes there were when it was opened, where that is known.
    pub fn stated_bytes(&self) -> Option<u64> {
        self.stated_bytes
    }

    /// The hashes of the raw bytes; complete only after the stream has come to its end.
    pub fn hashed(&self) -> Hashed {
        let result = self.hashed.as_ref().and_then(|hashed| hashed.lock().ok()?.clone());
        result.unwrap_or_default()
    }

    /// Says that nobody reads on.
    pub fn close(&self) {
        self.progress.end();
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.reader.read(buffer)
    }
}

/// Opens one file of a source, read-only.
///
/// # Errors
/// [`ErrorKind::Io`] if it cannot be opened, [`ErrorKind::NothingToRead`] if it is a folder.
pub fn open_part(origin: &Origin, part: &Part, hashes: Hashes, progress: Arc<dyn Progress>) -> Result<Stream> {
    let name = part.file.as_deref().unwrap_or(&origin.name);
    if let Place::Server(place) = &part.place {
        return open_server(&origin.name, place, hashes, progress);
    }
    let (raw, bytes) = raw(&part.place).map_err(|error| {
        if error.kind() == io::ErrorKind::IsADirectory {
            let what = "is a folder, not a dump".to_owned();
            return Error::new(ErrorKind::NothingToRead { what }).about(name);
        }
        Error::io("open", error).about(name)
    })?;
    let mut stream = Stream::build(&origin.name, raw, bytes, hashes, progress)?;
    stream.part.clone_from(&part.file);
    // A pipe can be read only once.
    let again = bytes.is_some() || matches!(&part.place, Place::Opener(opener) if opener.again);
    stream.again = again.then(|| Again(part.place.clone()));
    let is_named = |path: &Path| path.extension().is_some_and(|extension| extension == "aof");
    stream.expects_log = match &part.place {
        _ if part.file.is_some() => true,
        Place::Path(path) => is_named(path),
        Place::Opener(opener) => opener.is_log,
        _ => false,
    };
    Ok(stream)
}

/// Asks a server for a snapshot, and tells what is to be known of it.
fn open_server(name: &str, place: &ServerPlace, hashes: Hashes, progress: Arc<dyn Progress>) -> Result<Stream> {
    let captured = capture(place).map_err(|error| error.about(name))?;
    captured.notes.iter().for_each(|note| progress.tell(name, false, note));
    captured.warnings.iter().for_each(|warning| progress.tell(name, true, warning));
    Stream::build(name, captured.reader, captured.bytes, hashes, progress)
}

/// Opens a source that is one file, read-only.
///
/// # Errors
/// As [`open_part`].
pub fn open(origin: &Origin, hashes: Hashes, progress: Arc<dyn Progress>) -> Result<Stream> {
    let part = Part { file: None, role: LogRole::Log, place: origin.place.clone() };
    open_part(origin, &part, hashes, progress)
}

/// The bytes of a place, and how many there are, where that is known.
fn raw(place: &Place) -> io::Result<(Box<dyn Read + Send>, Option<u64>)> {
    match place {
        Place::Stdin => Ok((Box::new(io::stdin()), None)),
        Place::Bytes(bytes) => {
            let length = bytes.len() as u64;
            Ok((Box::new(io::Cursor::new(bytes.clone())), Some(length)))
        }
        Place::Opener(opener) => Ok(((opener.open)()?, None)),
        Place::Pinned(pinned) => Ok((Box::new(pinned.reader()), Some(pinned.bytes))),
        Place::Log(_) => {
            let what = "an append-only file in parts is not one stream";
            Err(io::Error::new(io::ErrorKind::Unsupported, what))
        }
        Place::Server(_) => Err(io::Error::new(io::ErrorKind::Unsupported, "a server gives no snapshot twice")),
        Place::Path(path) => {
            let file = File::open(path)?;
            let facts = file.metadata()?;
            if facts.is_dir() {
                return Err(io::ErrorKind::IsADirectory.into());
            }
            let length = facts.is_file().then_some(facts.len());
            Ok((Box::new(file), length))
        }
    }
}

/// The first four bytes, or fewer if there are no more.
fn read_head(reader: &mut dyn Read) -> io::Result<Vec<u8>> {
    let mut head = Vec::with_capacity(4);
    reader.take(4).read_to_end(&mut head)?;
    Ok(head)
}

/// Counts raw bytes and tells of them.
struct Counted {
    inner: Box<dyn Read + Send>,
    count: Arc<AtomicU64>,
    progress: Arc<dyn Progress>,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        let total = self.count.fetch_add(read as u64, Ordering::Relaxed).saturating_add(read as u64);
        self.progress.read(total);
        Ok(read)
    }
}

/// Fails once, then ends.
struct Failing(Option<io::Error>);

impl Read for Failing {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        self.0.take().map_or(Ok(0), Err)
    }
}
