//! Where bytes come from: a path or standard input becomes one stream of unpacked bytes, counted and hashed on the way.
//!
//! ```text
//! place ─► raw bytes ─► count, progress ─► hash ─► unpack (by magic number) ─► Stream
//! ```
//! A data directory is judged before: which of its files a server would load. S3 objects, backups and live servers join as
//! further places.

mod aof_set;
mod data_dir;
mod server_config;

pub use aof_set::{AofSet, Part};
pub use data_dir::{DataDir, Extra, ExtraKind, FileKind, Loads, Trap, file_kind};
pub use server_config::{ConfigNote, ServerConfig};

use crate::base::{Error, ErrorKind, Flaw, Progress, Result};
use crate::codec::{Compression, HashTee, Hashed, ReadAhead, Unpacked, sniff};
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::PathBuf;
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
}

impl Origin {
    /// A place of this name, in no data directory.
    pub fn new(name: impl Into<String>, place: Place) -> Self {
        Self { name: name.into(), place, loaded: None, why: None }
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
    /// The parts of an append-only file.
    Log(Box<AofSet>),
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

/// An open source.
pub struct Stream {
    name: String,
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
        Ok(Self { name: name.into(), reader, compression, raw_bytes, stated_bytes, hashed, progress, twice })
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

/// Opens a source, read-only.
///
/// # Errors
/// [`ErrorKind::Io`] if it cannot be opened or is a folder.
pub fn open(origin: &Origin, hashes: Hashes, progress: Arc<dyn Progress>) -> Result<Stream> {
    let (raw, bytes): (Box<dyn Read + Send>, _) = match &origin.place {
        Place::Stdin => (Box::new(io::stdin()), None),
        Place::Bytes(bytes) => {
            let length = bytes.len() as u64;
            (Box::new(io::Cursor::new(bytes.clone())), Some(length))
        }
        Place::Log(_) => {
            let what = "an append-only file in parts is not one stream".to_owned();
            return Err(Error::new(ErrorKind::Unsupported { what }).about(&origin.name));
        }
        Place::Path(path) => {
            let failed = |error| Error::io("open", error).about(&origin.name);
            let file = File::open(path).map_err(failed)?;
            let facts = file.metadata().map_err(failed)?;
            if facts.is_dir() {
                let what = "is a folder, not a dump".to_owned();
                return Err(Error::new(ErrorKind::NothingToRead { what }).about(&origin.name));
            }
            (Box::new(file), facts.is_file().then_some(facts.len()))
        }
    };
    Stream::build(&origin.name, raw, bytes, hashes, progress)
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
