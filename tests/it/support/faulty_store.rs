//! A store that breaks as disks and networks do, at a place that the test chooses.

use rediscover::base::{Error, Result, UnixMs};
use rediscover::store::{Deleted, ObjectInfo, PutOptions, Store};
use std::io::{self, Read};
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The operation fails, and nothing of it is done.
    Fails,
    /// A get ends cleanly after so many bytes.
    Truncates(u64),
    /// A get fails after so many bytes.
    Breaks(u64),
    /// The byte at this place of a get is another one.
    Flips(u64),
    /// A put fails after so many bytes: the disk is full.
    Full(u64),
    /// A put is done, and its answer is lost.
    Unheard,
}

/// Breaks the operation of this number, from 0 in the order they are asked; all others are done.
pub(crate) struct FaultyStore<S> {
    inner: S,
    fault: Fault,
    at: u64,
    asked: AtomicU64,
}

impl<S> FaultyStore<S> {
    pub(crate) fn new(inner: S, at: u64, fault: Fault) -> Self {
        Self { inner, fault, at, asked: AtomicU64::new(0) }
    }

    /// How many operations there were.
    pub(crate) fn asked(&self) -> u64 {
        self.asked.load(Ordering::SeqCst)
    }

    /// The fault, if this is the operation.
    fn next(&self) -> Option<Fault> {
        (self.asked.fetch_add(1, Ordering::SeqCst) == self.at).then_some(self.fault)
    }
}

fn broken(what: &'static str, name: &str) -> Error {
    Error::io(what, io::Error::other("input/output error")).about(name)
}

/// Passes so many bytes on, then does what it was told.
struct Passing<R> {
    inner: R,
    left: u64,
    then: Then,
}

enum Then {
    End,
    Fail(io::ErrorKind),
    Flip,
}

impl<R: Read> Read for Passing<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        if most > 0 {
            let read = self.inner.read(&mut buffer[..most])?;
            self.left -= read as u64;
            return Ok(read);
        }
        match self.then {
            Then::End => Ok(0),
            Then::Fail(kind) => Err(kind.into()),
            Then::Flip if buffer.is_empty() => Ok(0),
            Then::Flip => {
                let read = self.inner.read(&mut buffer[..1])?;
                buffer[0] ^= 0x10;
                self.left = u64::MAX;
                Ok(read)
            }
        }
    }
}

impl<S: Store> Store for FaultyStore<S> {
    fn location(&self) -> String {
        self.inner.location()
    }

    fn list(&self, prefix: &str) -> Result<Vec<ObjectInfo>> {
        if self.next() == Some(Fault::Fails) {
            Err(broken("list the objects", prefix))
        } else {
            self.inner.list(prefix)
        }
    }

    fn head(&self, name: &str) -> Result<Option<ObjectInfo>> {
        if self.next() == Some(Fault::Fails) { Err(broken("look at the object", name)) } else { self.inner.head(name) }
    }

    fn get(&self, name: &str, range: Option<Range<u64>>, if_match: Option<&str>) -> Result<Box<dyn Read + Send>> {
        let (left, then) = match self.next() {
            Some(Fault::Fails) => return Err(broken("read the object", name)),
            Some(Fault::Truncates(after)) => (after, Then::End),
            Some(Fault::Breaks(after)) => (after, Then::Fail(io::ErrorKind::ConnectionReset)),
            Some(Fault::Flips(at)) => (at, Then::Flip),
            _ => return self.inner.get(name, range, if_match),
        };
        Ok(Box::new(Passing { inner: self.inner.get(name, range, if_match)?, left, then }))
    }

    fn put(&self, name: &str, body: &mut dyn Read, how: &PutOptions) -> Result<ObjectInfo> {
        match self.next() {
            Some(Fault::Fails) => Err(broken("write the object", name)),
            Some(Fault::Full(after)) => {
                let then = Then::Fail(io::ErrorKind::StorageFull);
                self.inner.put(name, &mut Passing { inner: body, left: after, then }, how)
            }
            Some(Fault::Unheard) => {
                self.inner.put(name, body, how)?;
                Err(broken("write the object", name))
            }
            _ => self.inner.put(name, body, how),
        }
    }

    fn delete(&self, name: &str) -> Result<Deleted> {
        if self.next() == Some(Fault::Fails) { Err(broken("delete the object", name)) } else { self.inner.delete(name) }
    }

    fn sweep(&self, prefix: &str, older_than: UnixMs) -> Result<u64> {
        if self.next() == Some(Fault::Fails) {
            Err(broken("sweep what is unfinished", prefix))
        } else {
            self.inner.sweep(prefix, older_than)
        }
    }
}
