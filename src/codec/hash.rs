//! Hashes what passes, on a thread of its own: a second thread, not a second read.

use crossbeam_channel::{Sender, bounded};
use sha2::Digest;
use std::io::{self, Read};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

/// The hashes of all bytes that passed, in lower-case hexadecimal; none where it was not asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[allow(missing_docs, reason = "each is the word itself")]
pub struct Hashed {
    pub sha256: Option<String>,
    pub sha1: Option<String>,
    pub md5: Option<String>,
}

/// Reads from another reader and hashes what it read.
pub struct HashTee<R> {
    inner: R,
    send: Option<Sender<Vec<u8>>>,
    thread: Option<JoinHandle<Hashed>>,
    result: Arc<Mutex<Option<Hashed>>>,
}

impl<R: Read> HashTee<R> {
    /// Begins to hash. The result is there when the reader has come to its end, or is dropped.
    pub fn new(inner: R, sha256: bool, sha1: bool, md5: bool) -> (Self, Arc<Mutex<Option<Hashed>>>) {
        let (send, chunks) = bounded::<Vec<u8>>(4);
        let thread = std::thread::spawn(move || {
            let mut a = sha256.then(sha2::Sha256::new);
            let mut b = sha1.then(sha1::Sha1::new);
            let mut c = md5.then(md5::Md5::new);
            for chunk in chunks {
                if let Some(hash) = &mut a {
                    hash.update(&chunk);
                }
                if let Some(hash) = &mut b {
                    hash.update(&chunk);
                }
                if let Some(hash) = &mut c {
                    hash.update(&chunk);
                }
            }
            Hashed {
                sha256: a.map(|hash| hex(&hash.finalize())),
                sha1: b.map(|hash| hex(&hash.finalize())),
                md5: c.map(|hash| hex(&hash.finalize())),
            }
        });
        let result = Arc::new(Mutex::new(None));
        (Self { inner, send: Some(send), thread: Some(thread), result: Arc::clone(&result) }, result)
    }
}

impl<R> HashTee<R> {
    fn finish(&mut self) {
        self.send = None;
        if let Some(hashed) = self.thread.take().and_then(|thread| thread.join().ok())
            && let Ok(mut result) = self.result.lock()
        {
            *result = Some(hashed);
        }
    }
}

impl<R: Read> Read for HashTee<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        if read == 0 && !buffer.is_empty() {
            self.finish();
        } else if let (Some(send), Some(bytes)) = (&self.send, buffer.get(..read)) {
            let _ = send.send(bytes.to_vec());
        }
        Ok(read)
    }
}

impl<R> Drop for HashTee<R> {
    fn drop(&mut self) {
        self.finish();
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
