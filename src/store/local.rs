//! Objects as files below a folder.
//!
//! An object is written beside its place as `.rediscover-…`, fsynced, renamed, and the folder is fsynced. No link below the
//! folder is followed: every segment is opened by itself, so that nothing outside is read or replaced.

use super::{
    Deleted, ObjectInfo, PutOptions, Store, absent, checked, checked_prefix, fresh, is_name, other_length, read_some,
    replaced,
};
use crate::base::{Error, ErrorKind, Result, UnixMs};
use rustix::fs::{self as at, AtFlags, FileType, Mode, OFlags, RenameFlags, Stat};
use rustix::io::Errno;
use std::fs::{DirBuilder, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::ops::Range;
use std::os::fd::OwnedFd;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

/// How names of files begin that are not whole yet.
const UNFINISHED: &str = ".rediscover-";
const BUFFER_BYTES: usize = 256 << 10;
/// How often a folder may vanish between its creation and the first file in it: others remove empty ones.
const TRIES: usize = 16;

/// Objects as files of mode 0600 in folders of mode 0700.
#[derive(Debug)]
pub struct LocalStore {
    folder: PathBuf,
}

impl LocalStore {
    /// The store in a folder that is there.
    ///
    /// # Errors
    /// [`ErrorKind::Io`]: there is none, or it may not be read.
    pub fn open(folder: &Path) -> Result<Self> {
        let store = Self { folder: folder.to_owned() };
        store.root().map_err(|error| store.failed("open the folder", None, error))?;
        Ok(store)
    }

    /// The store in a folder, which is made if it is not there, with those above it.
    ///
    /// # Errors
    /// [`ErrorKind::Io`].
    pub fn create(folder: &Path) -> Result<Self> {
        let store = Self { folder: folder.to_owned() };
        let failed = |error| store.failed("create the folder", None, error);
        let mut missing = Vec::new();
        let mut above = Some(folder);
        while let Some(path) = above.filter(|path| !path.as_os_str().is_empty() && !path.exists()) {
            missing.push(path);
            above = path.parent();
        }
        DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(failed)?;
        for made in missing {
            let above = made.parent().filter(|path| !path.as_os_str().is_empty()).unwrap_or(Path::new("."));
            let above = at::open(above, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty());
            above.map_err(io::Error::from).and_then(|above| sync_folder(&above)).map_err(failed)?;
        }
        Self::open(folder)
    }

    fn place(&self, name: &str) -> String {
        self.folder.join(name).display().to_string()
    }

    fn root(&self) -> io::Result<OwnedFd> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        Ok(at::open(&self.folder, flags, Mode::empty())?)
    }

    /// A folder below the root; none if there is none. Makes what is missing where it is told to.
    fn below(&self, path: &str, make: bool) -> io::Result<Option<OwnedFd>> {
        let mut folder = self.root()?;
        for segment in path.split('/').filter(|segment| !segment.is_empty()) {
            if make {
                match at::mkdirat(&folder, segment, Mode::RWXU) {
                    Ok(()) => sync_folder(&folder)?,
                    Err(Errno::EXIST) => {}
                    Err(error) => return Err(error.into()),
                }
            }
            let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            match at::openat(&folder, segment, flags, Mode::empty()) {
                Ok(next) => folder = next,
                Err(Errno::NOENT) => return Ok(None),
                Err(Errno::NOTDIR | Errno::LOOP) if !make => return Ok(None),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(Some(folder))
    }

    /// An object, open for reading; none if there is none.
    fn file(&self, name: &str) -> io::Result<Option<File>> {
        let (path, last) = split(name);
        let Some(folder) = self.below(path, false)? else { return Ok(None) };
        // Opening a pipe would wait for whoever writes it.
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        match at::openat(&folder, last, flags, Mode::empty()) {
            Ok(file) => {
                let file = File::from(file);
                Ok(file.metadata()?.is_file().then_some(file))
            }
            Err(Errno::NOENT | Errno::LOOP | Errno::NXIO) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// What stands in a folder and below it: `see` gets the folder, its path with a slash at the end, the name in it, and
    /// what it is. Only the paths that begin with the prefix, or are part of it.
    fn walk(
        &self,
        prefix: &str,
        see: &mut dyn FnMut(&OwnedFd, &str, &str, FileType) -> io::Result<()>,
    ) -> io::Result<()> {
        let (path, _) = split(prefix);
        let from = if path.is_empty() { String::new() } else { format!("{path}/") };
        let mut folders = vec![from];
        while let Some(path) = folders.pop() {
            let Some(folder) = self.below(&path, false)? else { continue };
            for entry in at::Dir::read_from(&folder)? {
                let entry = entry?;
                let Ok(name) = entry.file_name().to_str() else { continue };
                if matches!(name, "." | "..") {
                    continue;
                }
                let kind = match entry.file_type() {
                    FileType::Unknown => match at::statat(&folder, name, AtFlags::SYMLINK_NOFOLLOW) {
                        Ok(facts) => FileType::from_raw_mode(facts.st_mode),
                        Err(Errno::NOENT) => continue,
                        Err(error) => return Err(error.into()),
                    },
                    kind => kind,
                };
                if kind == FileType::Directory && is_name(name, false) {
                    let inner = format!("{path}{name}/");
                    if inner.starts_with(prefix) {
                        folders.push(inner);
                    }
                }
                see(&folder, &path, name, kind)?;
            }
        }
        Ok(())
    }

    /// Removes folders that have become empty, from this one upwards; never the root.
    fn remove_empty(&self, path: &str) -> io::Result<()> {
        let mut path = path.trim_end_matches('/');
        while !path.is_empty() {
            let (above, last) = split(path);
            let Some(folder) = self.below(above, false)? else { return Ok(()) };
            match at::unlinkat(&folder, last, AtFlags::REMOVEDIR) {
                Ok(()) => sync_folder(&folder)?,
                Err(Errno::NOENT) => {}
                Err(Errno::NOTEMPTY | Errno::EXIST | Errno::NOTDIR) => return Ok(()),
                Err(error) => return Err(error.into()),
            }
            path = above;
        }
        Ok(())
    }

    /// A new file beside the place of the object, which nobody else sees.
    fn unfinished(&self, path: &str) -> io::Result<Unfinished> {
        let mut tries = 0;
        loop {
            tries += 1;
            let folder = match self.below(path, true) {
                Ok(Some(folder)) => folder,
                Ok(None) if tries < TRIES => continue,
                Ok(None) => return Err(io::ErrorKind::NotFound.into()),
                Err(error) if error.kind() == io::ErrorKind::NotFound && tries < TRIES => continue,
                Err(error) => return Err(error),
            };
            let name = format!("{UNFINISHED}{:016x}", fresh());
            let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            match at::openat(&folder, &*name, flags, Mode::RUSR | Mode::WUSR) {
                Ok(file) => return Ok(Unfinished { folder, name: Some(name), file: File::from(file) }),
                Err(Errno::NOENT | Errno::EXIST) if tries < TRIES => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn failed(&self, what: &'static str, name: Option<&str>, error: io::Error) -> Error {
        let hint = match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                "make room in its file system; nothing half-written is left"
            }
            io::ErrorKind::PermissionDenied => "give it to the user that rediscover runs as",
            io::ErrorKind::ReadOnlyFilesystem => {
                "its file system is mounted read-only: mount it so that it can be written"
            }
            io::ErrorKind::NotADirectory => "a file or a link stands where a folder should be",
            _ => "",
        };
        let place = name.map_or_else(|| self.location(), |name| self.place(name));
        let error = Error::io(what, error).about(place);
        if hint.is_empty() { error } else { error.with_hint(hint) }
    }
}

/// The path before the last slash, and what is behind it.
fn split(name: &str) -> (&str, &str) {
    name.rsplit_once('/').unwrap_or(("", name))
}

fn sync_folder(folder: &OwnedFd) -> io::Result<()> {
    match at::fsync(folder) {
        // Some network file systems keep folders themselves and say so in this way.
        Ok(()) | Err(Errno::INVAL | Errno::NOTSUP) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

fn millis(facts: &Stat) -> i64 {
    let below = i64::try_from(facts.st_mtime_nsec / 1_000_000).unwrap_or(0);
    facts.st_mtime.saturating_mul(1000).saturating_add(below)
}

fn info(name: &str, facts: &Stat) -> ObjectInfo {
    let tag = format!("{:x}-{:x}-{:x}-{:x}", facts.st_ino, facts.st_size, facts.st_mtime, facts.st_mtime_nsec);
    let bytes = u64::try_from(facts.st_size).unwrap_or(0);
    ObjectInfo { name: name.to_owned(), bytes, modified: Some(UnixMs(millis(facts))), tag: Some(tag) }
}

/// A file that has no name yet that counts; removed unless it gets one.
struct Unfinished {
    folder: OwnedFd,
    name: Option<String>,
    file: File,
}

impl Unfinished {
    /// Gives it its name. False: there is one already, and it was not to be replaced.
    fn finish(mut self, last: &str, if_absent: bool) -> io::Result<bool> {
        self.file.sync_all()?;
        let Some(name) = self.name.clone() else { return Ok(true) };
        if if_absent {
            match at::renameat_with(&self.folder, &*name, &self.folder, last, RenameFlags::NOREPLACE) {
                Ok(()) => self.name = None,
                Err(Errno::EXIST) => return Ok(false),
                // Not every file system can; a link refuses as well, and then the file has two names for a moment.
                Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => {
                    match at::linkat(&self.folder, &*name, &self.folder, last, AtFlags::empty()) {
                        Ok(()) => {}
                        Err(Errno::EXIST) => return Ok(false),
                        Err(error) => return Err(error.into()),
                    }
                }
                Err(error) => return Err(error.into()),
            }
        } else {
            at::renameat(&self.folder, &*name, &self.folder, last)?;
            self.name = None;
        }
        sync_folder(&self.folder)?;
        Ok(true)
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if let Some(name) = &self.name {
            let _ = at::unlinkat(&self.folder, &**name, AtFlags::empty());
        }
    }
}

impl Store for LocalStore {
    fn location(&self) -> String {
        self.folder.display().to_string()
    }

    fn list(&self, prefix: &str) -> Result<Vec<ObjectInfo>> {
        let prefix = checked_prefix(prefix)?;
        let mut found = Vec::new();
        let listed = self.walk(prefix, &mut |folder, path, last, kind| {
            let name = format!("{path}{last}");
            if kind != FileType::RegularFile || !name.starts_with(prefix) || !is_name(&name, false) {
                return Ok(());
            }
            match at::statat(folder, last, AtFlags::SYMLINK_NOFOLLOW) {
                Ok(facts) => found.push(info(&name, &facts)),
                // It has gone in between.
                Err(Errno::NOENT) => {}
                Err(error) => return Err(error.into()),
            }
            Ok(())
        });
        listed.map_err(|error| self.failed("list the objects", Some(prefix), error))?;
        found.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(found)
    }

    fn head(&self, name: &str) -> Result<Option<ObjectInfo>> {
        let name = checked(name)?;
        let found = self.file(name).and_then(|file| file.map(|file| Ok(info(name, &at::fstat(&file)?))).transpose());
        found.map_err(|error| self.failed("look at the object", Some(name), error))
    }

    fn get(&self, name: &str, range: Option<Range<u64>>, if_match: Option<&str>) -> Result<Box<dyn Read + Send>> {
        let name = checked(name)?;
        let failed = |error| self.failed("read the object", Some(name), error);
        let mut file = self.file(name).map_err(failed)?.ok_or_else(|| absent("read the object", self.place(name)))?;
        let facts = info(name, &at::fstat(&file).map_err(|error| failed(error.into()))?);
        if if_match.is_some() && if_match != facts.tag.as_deref() {
            return Err(replaced(self.place(name)));
        }
        let Some(range) = range else { return Ok(Box::new(file)) };
        // What lies past any file would be refused as a place.
        file.seek(SeekFrom::Start(range.start.min(facts.bytes))).map_err(failed)?;
        Ok(Box::new(file.take(range.end.saturating_sub(range.start))))
    }

    fn put(&self, name: &str, body: &mut dyn Read, how: &PutOptions) -> Result<ObjectInfo> {
        let name = checked(name)?;
        let (path, last) = split(name);
        let failed = |error| self.failed("write the object", Some(name), error);
        let exists = || Error::new(ErrorKind::Exists { name: self.place(name) });
        if how.if_absent && self.file(name).map_err(failed)?.is_some() {
            return Err(exists());
        }
        let mut out = self.unfinished(path).map_err(failed)?;
        let written = copy(body, &mut out.file, how.bytes);
        let done = match written {
            Ok(Ok(())) => finish(out, name, last, how.if_absent),
            Ok(Err(error)) => {
                drop(out);
                Err(error)
            }
            Err(wrong) => {
                drop(out);
                let _ = self.remove_empty(path);
                return Err(wrong.into_error(self.place(name)));
            }
        };
        match done {
            Ok(Some(info)) => Ok(info),
            Ok(None) => Err(exists()),
            Err(error) => {
                let _ = self.remove_empty(path);
                Err(failed(error))
            }
        }
    }

    fn delete(&self, name: &str) -> Result<Deleted> {
        let name = checked(name)?;
        let (path, last) = split(name);
        let gone = || -> io::Result<()> {
            let Some(folder) = self.below(path, false)? else { return Ok(()) };
            match at::statat(&folder, last, AtFlags::SYMLINK_NOFOLLOW) {
                Ok(facts) if FileType::from_raw_mode(facts.st_mode) == FileType::RegularFile => {}
                Ok(_) | Err(Errno::NOENT) => return Ok(()),
                Err(error) => return Err(error.into()),
            }
            match at::unlinkat(&folder, last, AtFlags::empty()) {
                Ok(()) => sync_folder(&folder)?,
                Err(Errno::NOENT) => {}
                Err(error) => return Err(error.into()),
            }
            self.remove_empty(path)
        };
        gone().map_err(|error| self.failed("delete the object", Some(name), error))?;
        Ok(Deleted::Gone)
    }

    /// A file that is not whole belongs to the folder it stands in: it goes where that folder, with a slash, begins with the
    /// prefix. Folders left empty go as well.
    fn sweep(&self, prefix: &str, older_than: UnixMs) -> Result<u64> {
        let prefix = checked_prefix(prefix)?;
        let mut swept = 0u64;
        let mut folders = Vec::new();
        let walked = self.walk(prefix, &mut |folder, path, last, kind| {
            if kind == FileType::Directory && is_name(last, false) {
                folders.push(format!("{path}{last}/"));
            }
            if kind != FileType::RegularFile || !last.starts_with(UNFINISHED) || !path.starts_with(prefix) {
                return Ok(());
            }
            let facts = match at::statat(folder, last, AtFlags::SYMLINK_NOFOLLOW) {
                Ok(facts) => facts,
                Err(Errno::NOENT) => return Ok(()),
                Err(error) => return Err(error.into()),
            };
            if millis(&facts) < older_than.0 {
                match at::unlinkat(folder, last, AtFlags::empty()) {
                    Ok(()) => swept = swept.saturating_add(1),
                    Err(Errno::NOENT) => {}
                    Err(error) => return Err(error.into()),
                }
            }
            Ok(())
        });
        let swept_and_emptied = walked.and_then(|()| {
            folders.sort();
            let mut inside = folders.iter().rev().filter(|folder| folder.starts_with(prefix));
            inside.try_for_each(|folder| self.remove_empty(folder))
        });
        swept_and_emptied.map_err(|error| self.failed("sweep what is unfinished", Some(prefix), error))?;
        Ok(swept)
    }
}

/// The object as it is then; none if there is one already that was not to be replaced.
fn finish(out: Unfinished, name: &str, last: &str, if_absent: bool) -> io::Result<Option<ObjectInfo>> {
    let info = info(name, &at::fstat(&out.file)?);
    Ok(out.finish(last, if_absent)?.then_some(info))
}

/// What is wrong with a body, and not with the disk.
enum Wrong {
    Failed(io::Error),
    Length { stated: u64, found: u64 },
}

impl Wrong {
    fn into_error(self, place: String) -> Error {
        match self {
            Wrong::Failed(error) => Error::io("read what is to be stored", error).about(place),
            Wrong::Length { stated, found } => other_length(place, stated, found),
        }
    }
}

/// Writes the body out. The outer error is the body's, the inner one the disk's.
fn copy(body: &mut dyn Read, file: &mut File, stated: Option<u64>) -> std::result::Result<io::Result<()>, Wrong> {
    let mut buffer = vec![0; BUFFER_BYTES];
    let mut found = 0u64;
    loop {
        let read = read_some(body, &mut buffer).map_err(Wrong::Failed)?;
        if read == 0 {
            break;
        }
        found = found.saturating_add(read as u64);
        if let Err(error) = file.write_all(buffer.get(..read).unwrap_or_default()) {
            return Ok(Err(error));
        }
    }
    match stated {
        Some(stated) if stated != found => Err(Wrong::Length { stated, found }),
        _ => Ok(Ok(())),
    }
}
