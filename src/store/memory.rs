//! Objects in memory: for tests, and for callers that keep them elsewhere.

use super::{
    Deleted, ObjectInfo, PutOptions, Store, absent, checked, checked_prefix, other_length, read_some, replaced,
};
use crate::base::{Error, ErrorKind, Result, UnixMs};
use std::collections::BTreeMap;
use std::io::{Cursor, Read};
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Objects in memory, gone with it. They have no times: nothing here asks a clock.
#[derive(Default)]
pub struct MemoryStore(Mutex<Inner>);

#[derive(Default)]
struct Inner {
    objects: BTreeMap<String, Kept>,
    puts: u64,
}

struct Kept {
    bytes: Arc<[u8]>,
    tag: u64,
}

impl Kept {
    fn info(&self, name: &str) -> ObjectInfo {
        let (bytes, tag) = (self.bytes.len() as u64, Some(self.tag.to_string()));
        ObjectInfo { name: name.to_owned(), bytes, modified: None, tag }
    }
}

impl MemoryStore {
    /// An empty one.
    pub fn new() -> Self {
        Self::default()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Nothing that can panic happens while it is held.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn place(name: &str) -> String {
    format!("memory/{name}")
}

impl Store for MemoryStore {
    fn location(&self) -> String {
        "memory".to_owned()
    }

    fn list(&self, prefix: &str) -> Result<Vec<ObjectInfo>> {
        let prefix = checked_prefix(prefix)?;
        let inner = self.lock();
        let from = inner.objects.range(prefix.to_owned()..);
        Ok(from.take_while(|(name, _)| name.starts_with(prefix)).map(|(name, kept)| kept.info(name)).collect())
    }

    fn head(&self, name: &str) -> Result<Option<ObjectInfo>> {
        Ok(self.lock().objects.get(checked(name)?).map(|kept| kept.info(name)))
    }

    fn get(&self, name: &str, range: Option<Range<u64>>, if_match: Option<&str>) -> Result<Box<dyn Read + Send>> {
        let inner = self.lock();
        let kept = inner.objects.get(checked(name)?).ok_or_else(|| absent("read an object", place(name)))?;
        if if_match.is_some_and(|tag| tag != kept.tag.to_string()) {
            return Err(replaced(place(name)));
        }
        let bytes = Arc::clone(&kept.bytes);
        let Some(range) = range else { return Ok(Box::new(Cursor::new(bytes))) };
        let mut reader = Cursor::new(bytes);
        reader.set_position(range.start);
        Ok(Box::new(reader.take(range.end.saturating_sub(range.start))))
    }

    fn put(&self, name: &str, body: &mut dyn Read, how: &PutOptions) -> Result<ObjectInfo> {
        let name = checked(name)?;
        let exists = || Error::new(ErrorKind::Exists { name: place(name) });
        if how.if_absent && self.lock().objects.contains_key(name) {
            return Err(exists());
        }
        let mut bytes = Vec::new();
        let mut buffer = vec![0; 64 << 10];
        loop {
            let read = read_some(body, &mut buffer);
            let read = read.map_err(|error| Error::io("read what is to be stored", error).about(place(name)))?;
            if read == 0 {
                break;
            }
            bytes.extend_from_slice(buffer.get(..read).unwrap_or_default());
        }
        let found = bytes.len() as u64;
        if let Some(stated) = how.bytes.filter(|stated| *stated != found) {
            return Err(other_length(place(name), stated, found));
        }
        let mut inner = self.lock();
        if how.if_absent && inner.objects.contains_key(name) {
            return Err(exists());
        }
        inner.puts = inner.puts.saturating_add(1);
        let kept = Kept { bytes: bytes.into(), tag: inner.puts };
        let info = kept.info(name);
        inner.objects.insert(name.to_owned(), kept);
        Ok(info)
    }

    fn delete(&self, name: &str) -> Result<Deleted> {
        self.lock().objects.remove(checked(name)?);
        Ok(Deleted::Gone)
    }

    fn sweep(&self, prefix: &str, _: UnixMs) -> Result<u64> {
        checked_prefix(prefix).map(|_| 0)
    }
}
