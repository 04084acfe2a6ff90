//! Objects read in ranges that are on their way while the caller works on those before.

use super::failure::{Seen, Way};
use super::get::{ask, end_of, other_bytes, refused};
use super::{Inner, tag_of};
use crate::base::{Error, ErrorKind, Result};
use crate::store::replaced;
use std::collections::VecDeque;
use std::io::{self, Read};
use std::sync::Arc;
use tokio::task::JoinHandle;

const OP: &str = "read the object";
/// Bytes of a range.
const RANGE_BYTES: u64 = 8 << 20;
/// Most ranges on their way, so that memory is at most 40 MiB.
const MOST_IN_FLIGHT: usize = 4;

/// Why a range did not come.
enum Failed {
    Refused(Seen),
    Replaced,
    OtherBytes,
    Changed,
    Cut(u64),
}

/// The bytes of an object of this length, which has to have this tag from the first to the last.
pub(super) struct Ahead {
    inner: Arc<Inner>,
    key: Arc<str>,
    tag: Arc<str>,
    /// Where the next range to ask for begins.
    next: u64,
    end: u64,
    coming: VecDeque<JoinHandle<std::result::Result<Vec<u8>, Failed>>>,
    chunk: io::Cursor<Vec<u8>>,
    failed: bool,
}

impl Ahead {
    pub(super) fn new(inner: &Arc<Inner>, key: &str, tag: &str, length: u64) -> Self {
        let (key, tag) = (key.into(), tag.into());
        let (coming, chunk) = (VecDeque::new(), io::Cursor::default());
        Self { inner: Arc::clone(inner), key, tag, next: 0, end: length, coming, chunk, failed: false }
    }

    /// The next range; false at the end.
    fn advance(&mut self) -> Result<bool> {
        while self.next < self.end && self.coming.len() < MOST_IN_FLIGHT {
            let stop = self.next.saturating_add(RANGE_BYTES).min(self.end);
            let (inner, key, tag) = (Arc::clone(&self.inner), Arc::clone(&self.key), Arc::clone(&self.tag));
            let start = std::mem::replace(&mut self.next, stop);
            let range = async move { range(&inner, &key, &tag, start, stop).await };
            self.coming.push_back(self.inner.handle.spawn(range));
        }
        let Some(first) = self.coming.pop_front() else { return Ok(false) };
        let came = self.inner.wait(first).map_err(|_| Error::new(ErrorKind::Interrupted))?;
        let bytes = came.map_err(|failed| self.error(failed))?;
        self.inner.slow_down(bytes.len());
        self.chunk = io::Cursor::new(bytes);
        Ok(true)
    }

    fn error(&self, failed: Failed) -> Error {
        let place = self.inner.place(&self.key);
        match failed {
            Failed::Refused(seen) => refused(seen, place),
            Failed::Replaced => replaced(place),
            Failed::OtherBytes => other_bytes(place),
            Failed::Changed => {
                let what = "the bytes are not those of the checksum that the server keeps".to_owned();
                Error::new(ErrorKind::Damaged { what }).about(place)
            }
            Failed::Cut(at) => {
                let what = format!("it was cut at byte {at} again and again");
                let error = Error::new(ErrorKind::Store { op: OP, what }).about(place);
                error.with_hint("look at the network, or raise the timeouts or the number of tries")
            }
        }
    }
}

/// One range, asked for again from where it was cut.
async fn range(inner: &Inner, key: &str, tag: &str, start: u64, stop: u64) -> std::result::Result<Vec<u8>, Failed> {
    let length = usize::try_from(stop.saturating_sub(start).min(RANGE_BYTES)).unwrap_or(usize::MAX);
    let mut bytes = Vec::with_capacity(length);
    let mut tries = 0;
    while bytes.len() < length {
        let at = start.saturating_add(bytes.len() as u64);
        if tries > 0 {
            if tries >= inner.options.attempts {
                return Err(Failed::Cut(at));
            }
            tokio::time::sleep(inner.backoff(tries)).await;
        }
        tries += 1;
        let answer = match ask(inner, key, at, stop, Some(tag)).await {
            Ok(answer) => answer,
            // What asks has its own tries before it says so.
            Err(seen) if tries > 1 && matches!(seen.way, Way::Cut | Way::Slow) => continue,
            Err(seen) => return Err(Failed::Refused(seen)),
        };
        if answer.e_tag().map(tag_of).as_deref() != Some(tag) {
            return Err(Failed::Replaced);
        }
        if end_of(&answer, at, stop) != Some(stop) {
            return Err(Failed::OtherBytes);
        }
        let mut body = answer.body;
        loop {
            match tokio::time::timeout(inner.options.stall_timeout, body.next()).await {
                Ok(Some(Ok(piece))) if bytes.len().saturating_add(piece.len()) <= length => {
                    if !piece.is_empty() {
                        bytes.extend_from_slice(&piece);
                        tries = 1;
                    }
                }
                Ok(Some(Ok(_))) => return Err(Failed::OtherBytes),
                Ok(Some(Err(error))) if super::get::is_other_checksum(&error) => return Err(Failed::Changed),
                Ok(None | Some(Err(_))) | Err(_) => break,
            }
        }
    }
    Ok(bytes)
}

impl Read for Ahead {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let count = self.chunk.read(buffer)?;
            if count > 0 || buffer.is_empty() {
                return Ok(count);
            }
            if self.failed {
                return Err(io::Error::other("the object could not be read"));
            }
            match self.advance() {
                Ok(true) => {}
                Ok(false) => return Ok(0),
                Err(error) => {
                    self.failed = true;
                    return Err(error.into());
                }
            }
        }
    }
}

impl Drop for Ahead {
    fn drop(&mut self) {
        self.coming.iter().for_each(JoinHandle::abort);
    }
}
