//! A plan carried out: every file is written beside its place, fsynced and renamed; the originals are only read.

use super::plan::{FilePlan, With};
use crate::aof;
use crate::base::{Cancel, Error, ErrorKind, Result};
use crate::source::Again;
use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Where one file of a plan goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The file.
    pub path: PathBuf,
    /// Where commands go whose database is not known, if there are any.
    pub side: PathBuf,
}

/// A file that was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// Where it is.
    pub path: PathBuf,
    /// Its bytes.
    pub bytes: u64,
}

/// The first line of a side file: an annotation, so that it is a log still.
const SIDE_HEAD: &[u8] = b"# commands whose database is not known: put SELECT before them, or leave them\r\n";

/// Writes one file as its plan says. Files are readable for their owner alone. Memory: 128 KiB and the largest command that
/// is rewritten.
///
/// # Errors
/// [`ErrorKind::Io`]; [`ErrorKind::Interrupted`]. Nothing half-written is left.
pub fn write(plan: &FilePlan, target: &Target, cancel: &Cancel) -> Result<Vec<Written>> {
    let mut reader = Again::new(plan.part.place.clone()).open_at(0)?;
    let mut out = Beside::new(&target.path)?;
    let mut side: Option<Beside> = None;
    let mut at = 0u64;
    for edit in &plan.edits {
        copy(&mut reader, edit.from.saturating_sub(at), &mut out, cancel)?;
        let length = edit.to.saturating_sub(edit.from);
        match &edit.with {
            With::Nothing | With::Text(_) => pass(&mut reader, length, cancel)?,
            With::Rewritten => {
                let mut bytes = Vec::new();
                reader
                    .by_ref()
                    .take(length)
                    .read_to_end(&mut bytes)
                    .map_err(|error| Error::io("read it again", error))?;
                out.put(&aof::rewritten(&bytes).unwrap_or(bytes))?;
            }
            With::Side => {
                if side.is_none() {
                    side.insert(Beside::new(&target.side)?).put(SIDE_HEAD)?;
                }
                let Some(side) = &mut side else { continue };
                copy(&mut reader, length, side, cancel)?;
            }
        }
        if let With::Text(text) = &edit.with {
            out.put(text)?;
        }
        at = edit.to;
    }
    copy(&mut reader, plan.bytes.saturating_sub(at), &mut out, cancel)?;
    let mut written = vec![out.finish()?];
    if let Some(side) = side {
        written.push(side.finish()?);
    }
    Ok(written)
}

/// Writes bytes as a file of their own, in the same manner.
///
/// # Errors
/// [`ErrorKind::Io`].
pub fn write_bytes(path: &Path, bytes: &[u8]) -> Result<Written> {
    let mut out = Beside::new(path)?;
    out.put(bytes)?;
    out.finish()
}

fn pass(reader: &mut dyn Read, length: u64, cancel: &Cancel) -> Result<()> {
    let mut left = length;
    while left > 0 {
        check(cancel)?;
        let step = left.min(64 << 20);
        let passed =
            io::copy(&mut reader.take(step), &mut io::sink()).map_err(|error| Error::io("read it again", error))?;
        if passed == 0 {
            return Err(shorter());
        }
        left = left.saturating_sub(passed);
    }
    Ok(())
}

fn copy(reader: &mut dyn Read, length: u64, out: &mut Beside, cancel: &Cancel) -> Result<()> {
    let mut left = length;
    let mut buffer = vec![0u8; 128 << 10];
    while left > 0 {
        check(cancel)?;
        let most = usize::try_from(left).map_or(buffer.len(), |left| left.min(buffer.len()));
        let Some(room) = buffer.get_mut(..most) else { break };
        let read = match reader.read(room) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            read => read.map_err(|error| Error::io("read it again", error))?,
        };
        if read == 0 {
            return Err(shorter());
        }
        out.put(room.get(..read).unwrap_or_default())?;
        left = left.saturating_sub(read as u64);
    }
    Ok(())
}

fn check(cancel: &Cancel) -> Result<()> {
    if cancel.is_cancelled() { Err(Error::new(ErrorKind::Interrupted)) } else { Ok(()) }
}

fn shorter() -> Error {
    Error::io("read it again", io::Error::new(io::ErrorKind::UnexpectedEof, "it has become shorter"))
}

/// A file that has its name only when it is whole.
struct Beside {
    path: PathBuf,
    temporary: tempfile::TempPath,
    file: BufWriter<File>,
    bytes: u64,
}

impl Beside {
    fn new(path: &Path) -> Result<Self> {
        let failed = |error| Error::io("write", error).about(path.display().to_string());
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let temporary = tempfile::Builder::new()
            .prefix(".rediscover-")
            .make_in(folder, |path| OpenOptions::new().write(true).create_new(true).mode(0o600).open(path))
            .map_err(failed)?;
        let (file, temporary) = temporary.into_parts();
        Ok(Self { path: path.to_path_buf(), temporary, file: BufWriter::with_capacity(128 << 10, file), bytes: 0 })
    }

    fn put(&mut self, bytes: &[u8]) -> Result<()> {
        self.bytes = self.bytes.saturating_add(bytes.len() as u64);
        self.file.write_all(bytes).map_err(|error| Error::io("write", error).about(self.path.display().to_string()))
    }

    /// Everything is on the disk when this returns.
    fn finish(self) -> Result<Written> {
        let name = self.path.display().to_string();
        let failed = |error| Error::io("write", error).about(name.clone());
        let file = self.file.into_inner().map_err(|error| failed(error.into_error()))?;
        file.sync_all().map_err(failed)?;
        self.temporary.persist(&self.path).map_err(|error| failed(error.error))?;
        let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed)?;
        Ok(Written { path: self.path, bytes: self.bytes })
    }
}
