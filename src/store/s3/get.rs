//! Objects read, from where the line was cut as often as it takes.

use super::failure::{Seen, Way};
use super::{Inner, tag_of};
use crate::base::{Error, ErrorKind, Result};
use crate::store::{absent, replaced};
use aws_sdk_s3::operation::get_object::GetObjectOutput;
use aws_sdk_s3::primitives::ByteStream;
use std::io::{self, Read};
use std::ops::Range;
use std::sync::Arc;

const OP: &str = "read the object";

/// The bytes of an object, or of a range of it.
pub(super) fn get(
    inner: &Arc<Inner>,
    key: &str,
    range: Option<Range<u64>>,
    if_match: Option<&str>,
) -> Result<Box<dyn Read + Send>> {
    let place = inner.place(key);
    let (start, stop) = range.map_or((0, u64::MAX), |range| (range.start, range.end));
    // Servers count in 63 bits, and the empty range cannot be written.
    if start >= stop || i64::try_from(start).is_err() {
        let found = inner.head(key)?.ok_or_else(|| absent(OP, place.clone()))?;
        if if_match.is_some() && if_match != found.tag.as_deref() {
            return Err(replaced(place));
        }
        return Ok(Box::new(io::empty()));
    }
    let answer = match inner.wait(ask(inner, key, start, stop, if_match)) {
        Ok(answer) => answer,
        Err(seen) if seen.is("InvalidRange", 416) => return Ok(Box::new(io::empty())),
        Err(seen) => return Err(refused(seen, place)),
    };
    let tag = answer.e_tag().map(tag_of);
    if if_match.is_some() && if_match != tag.as_deref() {
        return Err(replaced(place));
    }
    let Some(end) = end_of(&answer, start, stop) else { return Err(other_bytes(place)) };
    if end <= start {
        return Ok(Box::new(io::empty()));
    }
    let body = Some(answer.body);
    let inner = Arc::clone(inner);
    let key = key.to_owned();
    Ok(Box::new(Reader { inner, key, tag, at: start, end, body, chunk: Vec::new(), given: 0, tries: 0, failed: false }))
}

/// One request for the bytes from `start` on.
pub(super) async fn ask(
    inner: &Inner,
    key: &str,
    start: u64,
    stop: u64,
    tag: Option<&str>,
) -> std::result::Result<GetObjectOutput, Seen> {
    let range = match (start, i64::try_from(stop)) {
        (0, Err(_)) => None,
        (_, Err(_)) => Some(format!("bytes={start}-")),
        (_, Ok(_)) => Some(format!("bytes={start}-{}", stop.saturating_sub(1))),
    };
    let request = inner.client.get_object().bucket(&inner.address.bucket).key(key).set_range(range);
    let request = request.set_if_match(tag.map(|tag| format!("\"{tag}\"")));
    request.send().await.map_err(|error| Seen::of(&error))
}

/// Where the bytes of an answer end in the object; none where they are not those that were asked for.
pub(super) fn end_of(answer: &GetObjectOutput, start: u64, stop: u64) -> Option<u64> {
    let length = u64::try_from(answer.content_length()?).ok()?;
    let Some(range) = answer.content_range() else {
        // All of it, although a range was asked for: some servers do so behind the end.
        return if start == 0 { Some(length.min(stop)) } else { (start >= length).then_some(start) };
    };
    let (first, last) = range.strip_prefix("bytes ")?.split_once('/')?.0.split_once('-')?;
    let (first, last): (u64, u64) = (first.parse().ok()?, last.parse().ok()?);
    let end = last.checked_add(1)?;
    (first == start && end <= stop && end.checked_sub(first) == Some(length)).then_some(end)
}

pub(super) fn refused(seen: Seen, place: String) -> Error {
    if seen.is("PreconditionFailed", 412) {
        return replaced(place);
    }
    if seen.is("NoSuchKey", 404) { absent(OP, place) } else { seen.into_error(OP, place) }
}

pub(super) fn other_bytes(place: String) -> Error {
    let what = "the server gives other bytes than were asked for".to_owned();
    Error::new(ErrorKind::Store { op: OP, what }).about(place).with_hint("does it know ranges?")
}

struct Reader {
    inner: Arc<Inner>,
    key: String,
    tag: Option<String>,
    /// Where in the object the next chunk begins.
    at: u64,
    /// Where the reading ends.
    end: u64,
    body: Option<ByteStream>,
    chunk: Vec<u8>,
    /// Bytes of the chunk that were given.
    given: usize,
    /// Cuts since the last bytes came.
    tries: u32,
    failed: bool,
}

/// What came next.
enum Next {
    Bytes(Vec<u8>),
    End,
    Changed,
    Cut,
}

impl Reader {
    fn next(&mut self) -> Next {
        let Some(body) = &mut self.body else { return Next::Cut };
        let stall = self.inner.options.stall_timeout;
        let inner = &self.inner;
        match inner.wait(async { tokio::time::timeout(stall, body.next()).await }) {
            Ok(Some(Ok(bytes))) => Next::Bytes(bytes.into()),
            Ok(Some(Err(error))) if is_other_checksum(&error) => Next::Changed,
            Ok(None) => Next::End,
            Ok(Some(Err(_))) | Err(_) => Next::Cut,
        }
    }

    /// The next chunk; false at the end.
    fn advance(&mut self) -> Result<bool> {
        loop {
            // One look past the end: only there does the client compare checksums.
            let left = self.end.saturating_sub(self.at);
            if left == 0 && self.body.is_none() {
                return Ok(false);
            }
            match self.next() {
                Next::Bytes(mut bytes) => {
                    bytes.truncate(usize::try_from(left).unwrap_or(usize::MAX));
                    if left == 0 {
                        self.body = None;
                        return Ok(false);
                    }
                    if bytes.is_empty() {
                        continue;
                    }
                    self.inner.slow_down(bytes.len());
                    self.at = self.at.saturating_add(bytes.len() as u64);
                    (self.chunk, self.given, self.tries) = (bytes, 0, 0);
                    return Ok(true);
                }
                Next::Changed => {
                    let what = "the bytes are not those of the checksum that the server keeps".to_owned();
                    return Err(Error::new(ErrorKind::Damaged { what }).about(self.inner.place(&self.key)));
                }
                Next::End | Next::Cut if left == 0 => {
                    self.body = None;
                    return Ok(false);
                }
                Next::End | Next::Cut => self.resume()?,
            }
        }
    }

    /// Asks again for what is missing.
    fn resume(&mut self) -> Result<()> {
        self.body = None;
        let place = self.inner.place(&self.key);
        let cut = |what: String| {
            let error = Error::new(ErrorKind::Store { op: OP, what }).about(place.clone());
            error.with_hint("look at the network, or raise the timeouts or the number of tries")
        };
        let Some(tag) = self.tag.clone() else {
            return Err(cut(format!(
                "it was cut at byte {}, and the server gives nothing to know it by again",
                self.at
            )));
        };
        let answer = loop {
            self.tries = self.tries.saturating_add(1);
            if self.tries >= self.inner.options.attempts {
                return Err(cut(format!("it was cut at byte {} again and again", self.at)));
            }
            self.inner.pause(self.tries);
            match self.inner.wait(ask(&self.inner, &self.key, self.at, self.end, Some(&tag))) {
                Ok(answer) => break answer,
                Err(seen) if matches!(seen.way, Way::Cut | Way::Slow) => {}
                Err(seen) => return Err(refused(seen, place.clone())),
            }
        };
        if answer.e_tag().map(tag_of).as_deref() != Some(&*tag) {
            return Err(replaced(place));
        }
        if end_of(&answer, self.at, self.end) != Some(self.end) {
            return Err(other_bytes(place));
        }
        self.body = Some(answer.body);
        Ok(())
    }
}

impl Read for Reader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        if self.given >= self.chunk.len() {
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
        // A slice as a reader gives what fits.
        let count = self.chunk.get(self.given..).unwrap_or_default().read(buffer)?;
        self.given = self.given.saturating_add(count);
        Ok(count)
    }
}

/// Whether a body did not have the checksum that came with it.
pub(super) fn is_other_checksum(error: &(dyn std::error::Error + 'static)) -> bool {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.take(16).any(|cause| cause.to_string().contains("checksum mismatch"))
}
