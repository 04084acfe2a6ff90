//! What is to be restored is fetched into the data directory, where no server looks: written, hashed, synced, and read whole
//! from the disk again.

use super::facts::{Facts, MARK_BYTES, judged};
use super::ground::{Ground, JOURNAL, MARKED, UNDOING, WORK};
use super::incoming::{Form, Incoming, IncomingFile};
use super::journal::sync_folder;
use super::{Crash, RestoreOptions};
use crate::aof::{Entry, Manifest, Role};
use crate::base::{Cancel, Error, ErrorKind, Result};
use crate::codec::HashTee;
use crate::repository::ObjectRole;
use crate::source::{AofSet, Origin, Place};
use rustix::fs::{FlockOperation, flock};
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// The folder in that of work where files come in.
const INCOMING: &str = "in";
/// The manifest there.
const MANIFEST: &str = "appendonly.aof.manifest";

/// What was fetched, and lies in the data directory where no server looks. What is not executed is removed when it is dropped.
pub struct Staged {
    /// What it is.
    pub facts: Facts,
    /// What was found and set right.
    pub warnings: Vec<String>,
    pub(super) files: StagedFiles,
    pub(super) work: Work,
    /// After the folder of work: it goes first.
    pub(super) lock: Option<Lock>,
    pub(super) crash: Crash,
}

/// The files that were fetched, under the folder of work.
#[derive(Debug, Clone)]
pub(super) enum StagedFiles {
    /// One file: a dump, or an append-only file by itself.
    One(PathBuf),
    /// The parts of an append-only file, with what a manifest says of each.
    Parts(Vec<(PathBuf, Entry)>),
}

/// The folder of work, removed when it is dropped, unless somebody has to find it.
pub(super) struct Work {
    path: PathBuf,
    keep: bool,
}

impl Work {
    pub(super) fn keep(&mut self) {
        self.keep = true;
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        // With a journal in it, it is the way back.
        if !self.keep && !self.path.join(JOURNAL).exists() {
            let _ = fs::remove_dir_all(&self.path);
        }
    }
}

/// The data directory, taken. It is let go by name: a process that is just being started may have the folder open too.
pub(super) struct Lock(File);

impl Drop for Lock {
    fn drop(&mut self) {
        let _ = flock(&self.0, FlockOperation::Unlock);
    }
}

/// Takes the data directory for this process: another restore waits for nobody.
///
/// # Errors
/// [`ErrorKind::Locked`].
pub(super) fn lock(dir: &Path) -> Result<Option<Lock>> {
    let Ok(folder) = File::open(dir) else { return Ok(None) };
    match flock(&folder, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(Some(Lock(folder))),
        Err(rustix::io::Errno::WOULDBLOCK) => {
            let what = format!("another restore is at work in {}", dir.display());
            Err(Error::new(ErrorKind::Locked { what }).with_hint("wait for it"))
        }
        // A file system without locks.
        Err(_) => Ok(None),
    }
}

/// Fetches what is to be restored into the data directory and validates it there. Memory: as
/// [`check`](crate::analysis::check).
///
/// # Errors
/// [`ErrorKind::HashMismatch`] and [`ErrorKind::Damaged`] where it is not what it has to be; [`ErrorKind::Locked`] where another
/// restore is at work; [`ErrorKind::Refused`] where one has left something: [`recover`](super::recover) first.
/// [`ErrorKind::Io`]; [`ErrorKind::Interrupted`]. Nothing is left then.
pub fn stage(incoming: &Incoming, to: &Path, options: &RestoreOptions) -> Result<Staged> {
    let ground = Ground::survey(to, &options.config)?;
    let mut crash = Crash::after(options.stop_after);
    let lock = lock(&ground.dir)?;
    crash.point()?;
    let mut work = begin_work(&ground.dir, false)?;
    let fetched = fetch(incoming, &work.path, options, &mut crash);
    if crash.has_come() {
        work.keep();
    }
    let (files, facts, warnings) = fetched?;
    Ok(Staged { facts, warnings, files, work, lock, crash })
}

/// Makes the folder of work. That of an undoing never is without its mark.
pub(super) fn begin_work(dir: &Path, undoing: bool) -> Result<Work> {
    let path = dir.join(WORK);
    let failed = |error| Error::io("make a folder", error).about(path.display().to_string());
    if path.symlink_metadata().is_ok() {
        let what = format!("{} is there: a restore was killed", path.display());
        let hint = "--undo DIR, or restore again, puts it in order";
        return Err(Error::new(ErrorKind::Refused { what }).with_hint(hint));
    }
    if undoing {
        let marked = dir.join(MARKED);
        let _ = fs::remove_dir_all(&marked);
        DirBuilder::new().mode(0o700).create(&marked).map_err(failed)?;
        write_new(&marked.join(UNDOING), &[])?;
        fs::rename(&marked, &path).map_err(failed)?;
    } else {
        DirBuilder::new().mode(0o700).create(&path).map_err(failed)?;
    }
    Ok(Work { path, keep: false })
}

fn fetch(
    incoming: &Incoming,
    work: &Path,
    options: &RestoreOptions,
    crash: &mut Crash,
) -> Result<(StagedFiles, Facts, Vec<String>)> {
    let form = incoming.form()?;
    let folder = work.join(INCOMING);
    crash.point()?;
    let made = DirBuilder::new().mode(0o700).create(&folder);
    made.map_err(|error| Error::io("make a folder", error).about(folder.display().to_string()))?;
    let mut paths = Vec::new();
    for (number, file) in incoming.data().enumerate() {
        crash.point()?;
        let path = folder.join(name_of(file, number));
        fetch_file(file, &path, &incoming.name, &options.run.cancel)?;
        paths.push(path);
    }
    let (files, origin) = if form == Form::Set {
        let entries = incoming.entries()?;
        let parts: Vec<_> =
            entries.into_iter().filter_map(|(at, entry)| Some((paths.get(at)?.clone(), entry))).collect();
        let manifest = folder.join(MANIFEST);
        write_new(&manifest, &manifest_of(&parts, &named))?;
        let set = AofSet::from_manifest(&manifest)?;
        (StagedFiles::Parts(parts), Origin::new(&incoming.name, Place::Log(Box::new(set))))
    } else {
        let path = paths.into_iter().next().unwrap_or_default();
        (StagedFiles::One(path.clone()), Origin::new(&incoming.name, Place::Path(path)))
    };
    sync_folder(&folder)?;
    let mut warnings = Vec::new();
    if form == Form::Dump
        && let StagedFiles::One(path) = &files
        && strip_mark(path)?
    {
        warnings.push(
            "the 40-byte mark of a replication stream stood after its end (redis-cli --rdb leaves it there): left out"
                .into(),
        );
    }
    let facts = judged(&origin, &incoming.name, &options.run, options.now)?;
    expect_keys(incoming, &facts)?;
    Ok((files, facts, warnings))
}

/// Of a dump the keys that its manifest counts. Of an append-only file the hash of each part says as much.
fn expect_keys(incoming: &Incoming, facts: &Facts) -> Result<()> {
    let expected = incoming.data().filter_map(|file| file.expected.as_ref().map(|expected| expected.keys));
    let keys = facts.databases.values().map(|count| count.keys).fold(0, u64::saturating_add);
    match expected.reduce(u64::saturating_add) {
        Some(expected) if expected != keys => {
            let what = format!("{}: it has {keys} keys, and {expected} were counted when it was taken", incoming.name);
            Err(Error::new(ErrorKind::Damaged { what }).with_hint("an older backup"))
        }
        _ => Ok(()),
    }
}

fn name_of(file: &IncomingFile, number: usize) -> String {
    let ending = match file.role {
        ObjectRole::Rdb => "rdb",
        _ => "aof",
    };
    format!("{number}.{ending}")
}

fn named(path: &Path, _: &Entry) -> Vec<u8> {
    path.file_name().unwrap_or_default().as_encoded_bytes().to_vec()
}

/// A manifest of these parts, each under the name that `name` gives it. Where the log went on after them is no place of
/// replication any more.
pub(super) fn manifest_of(parts: &[(PathBuf, Entry)], name: &dyn Fn(&Path, &Entry) -> Vec<u8>) -> Vec<u8> {
    let entry = |(path, entry): &(PathBuf, Entry)| Entry { file: name(path, entry), end_offset: None, ..entry.clone() };
    Manifest { entries: parts.iter().map(entry).collect() }.to_bytes()
}

/// What a part is called in the folder of a server whose files begin with `family`.
pub(super) fn part_name(family: &str, path: &Path, entry: &Entry) -> String {
    let kind = match entry.role {
        Role::Base if begins_as_rdb(path) => "base.rdb",
        Role::Base => "base.aof",
        _ => "incr.aof",
    };
    format!("{family}.{}.{kind}", entry.seq)
}

fn begins_as_rdb(path: &Path) -> bool {
    let mut head = Vec::with_capacity(6);
    drop(File::open(path).and_then(|file| file.take(6).read_to_end(&mut head)));
    head.starts_with(b"REDIS") || head.starts_with(b"VALKEY")
}

/// One file: written, hashed, synced.
fn fetch_file(file: &IncomingFile, path: &Path, name: &str, cancel: &Cancel) -> Result<()> {
    let failed = |what| {
        let path = path.display().to_string();
        move |error| Error::io(what, error).about(path)
    };
    let reader = (file.open)()?;
    let (mut reader, hashed) = HashTee::new(reader, file.expected.is_some(), false, false);
    let mut out = new_file(path).map_err(failed("write it"))?;
    let mut buffer = vec![0u8; 256 << 10];
    let mut bytes = 0u64;
    loop {
        if cancel.is_cancelled() {
            return Err(Error::new(ErrorKind::Interrupted));
        }
        let read = match reader.read(&mut buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            read => read.map_err(|error| Error::io("read it", error).about(name))?,
        };
        if read == 0 {
            break;
        }
        out.write_all(buffer.get(..read).unwrap_or_default()).map_err(failed("write it"))?;
        bytes = bytes.saturating_add(read as u64);
    }
    out.sync_all().map_err(failed("write it"))?;
    drop(reader);
    let Some(expected) = &file.expected else { return Ok(()) };
    let found =
        hashed.lock().ok().and_then(|hashed| hashed.clone()).and_then(|hashed| hashed.sha256).unwrap_or_default();
    if bytes != expected.raw_bytes || !found.eq_ignore_ascii_case(&expected.raw_sha256) {
        let kind = ErrorKind::HashMismatch { expected: expected.raw_sha256.clone(), found };
        return Err(Error::new(kind)
            .about(name)
            .with_hint("these are not the bytes that were backed up: an older backup"));
    }
    Ok(())
}

fn new_file(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(path)
}

/// A small file, synced.
pub(super) fn write_new(path: &Path, bytes: &[u8]) -> Result<()> {
    let write = || {
        let mut file = new_file(path)?;
        file.write_all(bytes)?;
        file.sync_all()
    };
    write().map_err(|error| Error::io("write it", error).about(path.display().to_string()))
}

/// Cuts off the mark at the end of a replication stream: 40 hexadecimal digits after the end of the dump. A dump that ends
/// with as many by chance is not cut: what stands before them would have no end.
fn strip_mark(path: &Path) -> Result<bool> {
    let cut = || {
        let mut file = OpenOptions::new().read(true).write(true).open(path)?;
        let Some(end) = file.metadata()?.len().checked_sub(MARK_BYTES) else { return Ok(false) };
        // EOF and its checksum stand before it.
        let Some(at) = end.checked_sub(9) else { return Ok(false) };
        file.seek(SeekFrom::Start(at))?;
        let mut tail = Vec::with_capacity(64);
        (&mut file).take(64).read_to_end(&mut tail)?;
        let is_mark = tail.first() == Some(&0xff)
            && tail.get(9..).is_some_and(|mark| mark.len() == 40 && mark.iter().all(u8::is_ascii_hexdigit));
        if is_mark {
            file.set_len(end)?;
            file.sync_all()?;
        }
        Ok(is_mark)
    };
    cut().map_err(|error: io::Error| Error::io("cut the mark off", error).about(path.display().to_string()))
}
