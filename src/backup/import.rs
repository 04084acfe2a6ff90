//! Dumps that other tools have kept, adopted: when were they taken, and are they in the repository already?

use super::readable;
use crate::analysis::{CheckOptions, check};
use crate::base::{Error, ErrorKind, Result, UnixMs};
use crate::pipeline::RunOptions;
use crate::repository::Catalog;
use crate::source::{Hashes, Origin, Place, open};
use sha2::Digest;
use std::io::Read;
use std::sync::Arc;

/// So much of a dump is looked at for its AUX fields, which come first.
const HEAD_BYTES: usize = 64 << 10;

/// A file that may be adopted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Adopted {
    /// When the snapshot was taken.
    pub taken_at: UnixMs,
    /// How that is known.
    pub dated_by: DatedBy,
    /// SHA-256 of its bytes, unpacked.
    pub raw_sha256: String,
}

/// How it is known when a dump was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DatedBy {
    /// Its server wrote it down: AUX ctime.
    Ctime,
    /// The file was last changed then: nothing better is known.
    Modified,
}

impl DatedBy {
    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            DatedBy::Ctime => "ctime",
            DatedBy::Modified => "mtime",
        }
    }
}

/// Reads a file once, to know when it was taken and what its bytes are. A `ctime` after `now` is not believed. Memory: 512 KiB.
///
/// # Errors
/// [`ErrorKind::Usage`] for what is no file; [`ErrorKind::Io`]. Damage is no error: the file is dated by what there is of it.
pub fn adopt(origin: &Origin, now: UnixMs, run: &RunOptions) -> Result<Adopted> {
    let modified = match &origin.place {
        Place::Path(path) => {
            let modified = path.metadata().and_then(|facts| facts.modified());
            let modified = modified.map_err(|error| Error::io("open", error).about(&origin.name))?;
            jiff::Timestamp::try_from(modified).map_or(now, |moment| UnixMs(moment.as_millisecond()))
        }
        Place::Opener(object) if object.written_at().is_some() => object.written_at().unwrap_or(now),
        _ => {
            let what = format!("{} is no file", origin.name);
            return Err(Error::new(ErrorKind::Usage { option: "FILE", what })
                .with_hint("'rediscover backup create' takes folders, servers and standard input"));
        }
    };
    let mut stream = open(origin, Hashes::default(), Arc::clone(&run.progress))?;
    let (mut head, mut hash) = (Vec::new(), sha2::Sha256::new());
    let mut buffer = vec![0; 256 << 10];
    loop {
        if run.cancel.is_cancelled() {
            return Err(Error::new(ErrorKind::Interrupted));
        }
        let read = match stream.read(&mut buffer) {
            Ok(read) => read,
            // A compressed stream that breaks off: what there is of it is kept as damaged.
            Err(error) => match readable(error, &origin.name) {
                broken if matches!(broken.kind(), ErrorKind::Damaged { .. }) => 0,
                error => return Err(error),
            },
        };
        if read == 0 {
            break;
        }
        let chunk = buffer.get(..read).unwrap_or_default();
        hash.update(chunk);
        let room = HEAD_BYTES.saturating_sub(head.len()).min(read);
        head.extend_from_slice(chunk.get(..room).unwrap_or_default());
    }
    stream.close();
    let ctime = ctime(head, run).filter(|ctime| *ctime <= now);
    let (taken_at, dated_by) = match ctime {
        Some(ctime) => (ctime, DatedBy::Ctime),
        None => (modified.min(now), DatedBy::Modified),
    };
    let raw_sha256 = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(Adopted { taken_at, dated_by, raw_sha256 })
}

/// AUX ctime, where these bytes have it.
fn ctime(head: Vec<u8>, run: &RunOptions) -> Option<UnixMs> {
    let run = RunOptions {
        hashes: Hashes::default(),
        expect_sha256: None,
        progress: Arc::new(crate::base::Silent),
        threads: 1,
        ..run.clone()
    };
    let origin = Origin::new("head", Place::Bytes(head));
    let found = check(&origin, &CheckOptions { run, ..CheckOptions::default() }).outcome.ok()?;
    UnixMs::parse(&found.created_at?, UnixMs::default()).ok()
}

/// The backup that holds these bytes already.
pub fn already_there(catalog: &Catalog, raw_sha256: &str) -> Option<String> {
    let holds = catalog.backups.iter().find(|backup| match backup.manifest.payloads.as_slice() {
        [one] => one.raw_sha256 == raw_sha256,
        _ => false,
    });
    holds.map(|backup| backup.name.to_string())
}
