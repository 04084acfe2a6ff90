//! Unpacks as a stream, on a thread of its own so that whoever reads does not wait for it.

use super::sniff::Compression;
use crate::base::Flaw;
use crossbeam_channel::{Receiver, Sender, bounded};
use std::io::{self, BufRead, Read};

/// What a decoder says when its input is broken, inside an [`io::Error`].
#[derive(Debug, Clone)]
struct Broken(Flaw);

impl std::fmt::Display for Broken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for Broken {}

/// The flaw of a compressed stream, if that is what the error is about and not the machine.
pub fn unpack_flaw(error: &io::Error) -> Option<&Flaw> {
    error.get_ref()?.downcast_ref::<Broken>().map(|broken| &broken.0)
}

/// Unpacks what it reads.
pub struct Unpacked {
    inner: Box<dyn Read + Send>,
    compression: Compression,
    read: u64,
}

impl Unpacked {
    /// Over a stream that begins with the magic number of this compression.
    ///
    /// # Errors
    /// The decoder cannot be set up.
    pub fn new<R: BufRead + Send + 'static>(raw: R, compression: Compression) -> io::Result<Self> {
        let inner: Box<dyn Read + Send> = match compression {
            Compression::Gzip => Box::new(flate2::bufread::MultiGzDecoder::new(raw)),
            Compression::Zstd => {
                let mut decoder = zstd::stream::read::Decoder::with_buffer(raw)?;
                // 2^27 bytes of window are what zstd itself takes without being asked; a hostile frame may state more.
                decoder.window_log_max(27)?;
                Box::new(decoder)
            }
        };
        Ok(Self { inner, compression, read: 0 })
    }
}

impl Read for Unpacked {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.inner.read(buffer) {
            Ok(read) => {
                self.read = self.read.saturating_add(read as u64);
                Ok(read)
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Err(error),
            Err(error) if error.raw_os_error().is_some() => Err(error),
            Err(error) => {
                let what = self.compression.name();
                let kind = if error.kind() == io::ErrorKind::UnexpectedEof {
                    "compressed-truncated"
                } else {
                    "compressed-damaged"
                };
                let flaw = Flaw::new(kind, what, self.read, "a whole compressed stream", error.to_string());
                Err(io::Error::new(io::ErrorKind::InvalidData, Broken(flaw)))
            }
        }
    }
}

const CHUNK_BYTES: usize = 256 << 10;
const CHUNKS: usize = 4;

/// Reads ahead on a thread of its own, at most 1 MiB.
pub struct ReadAhead {
    chunks: Receiver<io::Result<Vec<u8>>>,
    empty: Sender<Vec<u8>>,
    current: Vec<u8>,
    at: usize,
}

impl ReadAhead {
    /// Begins to read. The thread ends with the stream, or when this is dropped.
    pub fn new<R: Read + Send + 'static>(mut inner: R) -> Self {
        let (send, chunks) = bounded(CHUNKS);
        let (empty, recycled) = bounded::<Vec<u8>>(CHUNKS);
        std::thread::spawn(move || {
            loop {
                let mut chunk = recycled.try_recv().unwrap_or_default();
                chunk.resize(CHUNK_BYTES, 0);
                let mut filled = 0;
                let outcome = loop {
                    match inner.read(chunk.get_mut(filled..).unwrap_or_default()) {
                        Ok(0) => break Ok(true),
                        Ok(read) => {
                            filled += read;
                            if filled >= CHUNK_BYTES {
                                break Ok(false);
                            }
                        }
                        Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                        Err(error) => break Err(error),
                    }
                };
                chunk.truncate(filled);
                if !chunk.is_empty() && send.send(Ok(chunk)).is_err() {
                    return;
                }
                match outcome {
                    Ok(false) => {}
                    Ok(true) => return,
                    Err(error) => {
                        let _ = send.send(Err(error));
                        return;
                    }
                }
            }
        });
        Self { chunks, empty, current: Vec::new(), at: 0 }
    }
}

impl Read for ReadAhead {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.at >= self.current.len() {
            let Ok(next) = self.chunks.recv() else { return Ok(0) };
            let done = std::mem::replace(&mut self.current, next?);
            let _ = self.empty.try_send(done);
            self.at = 0;
        }
        let rest = self.current.get(self.at..).unwrap_or_default();
        let count = rest.len().min(buffer.len());
        if let (Some(to), Some(from)) = (buffer.get_mut(..count), rest.get(..count)) {
            to.copy_from_slice(from);
        }
        self.at += count;
        Ok(count)
    }
}
