//! A plan carried out: every file is written beside its place, fsynced and renamed; the originals are only read.

use super::plan::{FilePlan, With};
use crate::aof;
use crate::base::{Cancel, Error, ErrorKind, Result};
use crate::source::Again;
use std::fs::{File, OpenOptions, Permissions};
use std::io::{self, BufWriter, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};

/// Where one file of a plan goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The file.
    pub path: PathBuf,
    /// Where commands go whose database is not known, if there are any.
    pub side: PathBuf,
    /// The file is replaced, and belongs to the same owner then; none where nothing may be there yet.
    pub owner: Option<Owner>,
}

/// Whose a file is, and who may read it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "each is the word itself")]
pub struct Owner {
    pub mode: u32,
    pub uid: u32,
    pub gid: u32,
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

/// Writes one file as its plan says. Files are readable for their owner alone, unless they replace one. Memory: 128 KiB and
/// the commands that are rewritten together.
///
/// # Errors
/// [`ErrorKind::Io`], also where something is there that is not to be replaced; [`ErrorKind::Interrupted`]. Nothing
/// half-written is left.
pub fn write(plan: &FilePlan, target: &Target, cancel: &Cancel) -> Result<Vec<Written>> {
    let mut reader = Again::new(plan.part.place.clone()).open_at(0)?;
    let mut out = Beside::new(&target.path, target.owner)?;
    let has_side = plan.edits.iter().any(|edit| edit.with == With::Side);
    let mut side = if has_side { Some(Beside::new(&target.side, None)?) } else { None };
    if let Some(side) = &mut side {
        side.put(SIDE_HEAD)?;
    }
    let mut at = 0u64;
    for edit in &plan.edits {
        copy(&mut reader, edit.from.saturating_sub(at), &mut out, cancel)?;
        let length = edit.to.saturating_sub(edit.from);
        match &edit.with {
            With::Nothing | With::Text(_) => pass(&mut reader, length, cancel)?,
            With::Rewritten => {
                let mut bytes = Vec::new();
                let read = reader.by_ref().take(length).read_to_end(&mut bytes);
                if read.map_err(|error| Error::io("read it again", error))? as u64 != length {
                    return Err(shorter());
                }
                out.put(&aof::rewritten(&bytes).unwrap_or(bytes))?;
            }
            With::Side => {
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
    // The side file first: what is in neither place is lost.
    let side = side.map(Beside::finish).transpose()?;
    let written = match out.finish() {
        Ok(written) => written,
        Err(error) => {
            if let Some(side) = side {
                let _ = std::fs::remove_file(side.path);
            }
            return Err(error);
        }
    };
    Ok([written].into_iter().chain(side).collect())
}

/// Writes bytes as a file of their own, in the same manner.
///
/// # Errors
/// [`ErrorKind::Io`].
pub fn write_bytes(path: &Path, bytes: &[u8]) -> Result<Written> {
    let mut out = Beside::new(path, None)?;
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
    owner: Option<Owner>,
}

impl Beside {
    /// Without an owner to keep, nothing may be there yet.
    fn new(path: &Path, owner: Option<Owner>) -> Result<Self> {
        let failed = |error| Error::io("write", error).about(path.display().to_string());
        if owner.is_none() && path.symlink_metadata().is_ok() {
            return Err(failed(io::ErrorKind::AlreadyExists.into()));
        }
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let temporary = tempfile::Builder::new()
            .prefix(".rediscover-")
            .make_in(folder, |path| OpenOptions::new().write(true).create_new(true).mode(0o600).open(path))
            .map_err(failed)?;
        let (file, temporary) = temporary.into_parts();
        Ok(Self {
            path: path.to_path_buf(),
            temporary,
            file: BufWriter::with_capacity(128 << 10, file),
            bytes: 0,
            owner,
        })
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
        if let Some(owner) = self.owner {
            // Before it has its name: the server must be able to read what it finds there.
            let own = file.metadata().map_err(failed)?;
            if (own.uid(), own.gid()) != (owner.uid, owner.gid) {
                fchown(&file, Some(owner.uid), Some(owner.gid)).map_err(failed)?;
            }
            file.set_permissions(Permissions::from_mode(owner.mode)).map_err(failed)?;
        }
        file.sync_all().map_err(failed)?;
        let named = match self.owner {
            Some(_) => self.temporary.persist(&self.path),
            None => self.temporary.persist_noclobber(&self.path),
        };
        named.map_err(|error| failed(error.error))?;
        let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed)?;
        Ok(Written { path: self.path, bytes: self.bytes })
    }
}
