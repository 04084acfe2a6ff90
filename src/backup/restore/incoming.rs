//! What is to be restored: files by their roles, each of which can be opened for its unpacked bytes.

use crate::aof::{Entry, Manifest, Role};
use crate::base::{Error, ErrorKind, Result};
use crate::mend::Plan;
use crate::report::{LogRole, escape};
use crate::repository::ObjectRole;
use crate::source::{Again, FileKind, Origin, Part, Place, file_kind};
use std::io::{Cursor, Read};

/// The most bytes of a manifest of an append-only file that are read.
const MANIFEST_BYTES: u64 = 4 << 20;

/// Opens a file: its bytes as they are when they are unpacked and decrypted.
pub type Open = Box<dyn Fn() -> Result<Box<dyn Read + Send>> + Send + Sync>;

/// What is to be restored: a dump, an append-only file, or one in parts.
pub struct Incoming {
    /// What reports call it: a path, the name of a backup.
    pub name: String,
    /// How to see after the start that it is there: a whole command line. None: `redis-cli INFO keyspace`.
    pub verify: Option<String>,
    /// Its files. Of an append-only file in parts its base, its increments in their order, and its manifest; without one the
    /// order counts.
    pub files: Vec<IncomingFile>,
}

/// One file to be restored.
pub struct IncomingFile {
    /// What it is for.
    pub role: ObjectRole,
    /// What it is called where it comes from, without a folder: parts of an append-only file keep their names.
    pub raw_name: String,
    /// About how many bytes it will have, where that is known without reading it.
    pub bytes: Option<u64>,
    /// What its bytes have to be, where something says it.
    pub expected: Option<Expected>,
    /// Opens it. It is called once for each time that it is read.
    pub open: Open,
}

/// What the bytes of a file have to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expected {
    /// How many.
    pub raw_bytes: u64,
    /// Their SHA-256, in hexadecimal.
    pub raw_sha256: String,
    /// Keys in it: of an append-only file those of the RDB it begins with.
    pub keys: u64,
}

impl Incoming {
    /// What a file, a pipe that was saved to a file, or an append-only file in parts brings. With a plan of
    /// [`plan_cut`](crate::mend::plan_cut) its files end where they are cut.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`] for standard input, which can be read only once: save it first. [`ErrorKind::NothingToRead`]
    /// where a part is missing, [`ErrorKind::Usage`] for a plan that does more than cut.
    pub fn from_origin(origin: &Origin, cut: Option<&Plan>) -> Result<Self> {
        if let Place::Log(set) = &origin.place
            && let Some(refused) = set.refused()
        {
            return Err(Error::new(ErrorKind::NothingToRead { what: refused }).about(&origin.name));
        }
        let mut files = Vec::new();
        let mut kept = Vec::new();
        match cut {
            None => {
                for part in origin.parts() {
                    kept.extend(part.file.clone());
                    files.push(file_of(part, None)?);
                }
            }
            Some(plan) => {
                for file in &plan.files {
                    let until = file.edits.first().map(|edit| edit.from);
                    if !file.only_cuts_the_end() || file.edits.len() > 1 {
                        let what = "does more than cut the end".to_owned();
                        return Err(Error::new(ErrorKind::Usage { option: "--at", what }));
                    }
                    kept.extend(file.part.file.clone());
                    files.push(file_of(file.part.clone(), until)?);
                }
            }
        }
        if let Some((name, bytes)) = origin.manifest_of(&kept) {
            files.push(IncomingFile {
                role: ObjectRole::AofManifest,
                raw_name: name.to_string_lossy().into_owned(),
                bytes: Some(bytes.len() as u64),
                expected: None,
                open: Box::new(move || Ok(Box::new(Cursor::new(bytes.clone())))),
            });
        }
        Ok(Self { name: origin.name.clone(), verify: None, files })
    }

    /// Which of the three forms it has, by its files alone.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`] where they are none of them: several dumps, as of a cluster.
    pub(super) fn form(&self) -> Result<Form> {
        let count = |role| self.files.iter().filter(|file| file.role == role).count();
        let parts = count(ObjectRole::AofBase).saturating_add(count(ObjectRole::AofIncr));
        let single = (count(ObjectRole::Rdb), count(ObjectRole::Aof), parts);
        match single {
            (1, 0, 0) => Ok(Form::Dump),
            (0, 1, 0) => Ok(Form::Log),
            (0, 0, 1..) if count(ObjectRole::AofBase) <= 1 && count(ObjectRole::AofManifest) <= 1 => Ok(Form::Set),
            (2.., 0, 0) => {
                let what = format!("{} holds {} dumps, those of a cluster's shards", self.name, single.0);
                let hint = "--to-server redis+cluster://HOST loads them into the nodes of a cluster of any size; \
                            'rediscover backup fetch' gives the file of each";
                Err(Error::new(ErrorKind::Unsupported { what }).with_hint(hint))
            }
            _ => {
                let what = format!("{} is neither a dump nor an append-only file", self.name);
                Err(Error::new(ErrorKind::Unsupported { what }))
            }
        }
    }

    /// The files that a server loads, in their order.
    pub(super) fn data(&self) -> impl Iterator<Item = &IncomingFile> {
        self.files.iter().filter(|file| file.role != ObjectRole::AofManifest)
    }

    /// What a manifest says of each of its parts: its own, or one that follows from their order. In the order in which they
    /// are loaded, each with its place among [`Incoming::data`].
    ///
    /// # Errors
    /// Its manifest cannot be read, or names other files: [`ErrorKind::Damaged`].
    pub(super) fn entries(&self) -> Result<Vec<(usize, Entry)>> {
        let names: Vec<&str> = self.data().map(|file| file.raw_name.as_str()).collect();
        let Some(own) = self.files.iter().find(|file| file.role == ObjectRole::AofManifest) else {
            let entry = |(file, seq): (&IncomingFile, i64)| Entry {
                file: file.raw_name.as_bytes().to_vec(),
                seq,
                role: if file.role == ObjectRole::AofBase { Role::Base } else { Role::Incr },
                start_offset: None,
                end_offset: None,
                line: 0,
            };
            return Ok(self.data().zip(1..).map(entry).enumerate().collect());
        };
        let mut text = Vec::new();
        let read = (own.open)()?.take(MANIFEST_BYTES).read_to_end(&mut text);
        read.map_err(|error| Error::io("read the manifest", error).about(&self.name))?;
        let (manifest, flaws) = Manifest::parse(&text);
        let damaged = |what: String| Error::new(ErrorKind::Damaged { what }).about(&self.name);
        if let Some(flaw) = flaws.iter().find(|flaw| flaw.fatal()) {
            return Err(damaged(format!("{}: {flaw}", own.raw_name)));
        }
        let place = |entry: &Entry| {
            let name = escape(&entry.file);
            Some((names.iter().position(|own| *own == name)?, entry.clone()))
        };
        let entries: Vec<_> = manifest.load_order().filter_map(place).collect();
        if entries.len() != names.len() || manifest.load_order().count() != names.len() {
            return Err(damaged(format!("{} names other files than {}", own.raw_name, names.join(", "))));
        }
        Ok(entries)
    }
}

/// Which form the files have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// A dump.
    Dump,
    /// An append-only file by itself.
    Log,
    /// One in parts.
    Set,
}

fn file_of(part: Part, until: Option<u64>) -> Result<IncomingFile> {
    let Place::Path(path) = &part.place else {
        if !part.place.can_be_read_again() {
            let what = "it can be read only once".to_owned();
            return Err(Error::new(ErrorKind::Unsupported { what }).with_hint("save it to a file first"));
        }
        let is_log = matches!(&part.place, Place::Opener(opener) if opener.is_log());
        let role = role_of(part.role, is_log);
        let name = part.file.as_deref().map_or_else(|| "dump".to_owned(), str::to_owned);
        return Ok(incoming(role, name, None, part.place, until));
    };
    let kind = file_kind(path);
    let named = path.extension().is_some_and(|name| name.eq_ignore_ascii_case("aof"));
    let role = role_of(part.role, named || kind == Some(FileKind::Aof));
    let bytes = match kind {
        Some(FileKind::Packed) => None,
        _ => path.metadata().ok().map(|facts| until.unwrap_or(facts.len())),
    };
    let name = part.file.as_deref().map_or_else(|| "dump".to_owned(), str::to_owned);
    Ok(incoming(role, name, bytes, part.place, until))
}

fn role_of(role: LogRole, is_log: bool) -> ObjectRole {
    match role {
        LogRole::Base => ObjectRole::AofBase,
        LogRole::Incr => ObjectRole::AofIncr,
        LogRole::Log if is_log => ObjectRole::Aof,
        LogRole::Log => ObjectRole::Rdb,
    }
}

fn incoming(role: ObjectRole, raw_name: String, bytes: Option<u64>, place: Place, until: Option<u64>) -> IncomingFile {
    let again = Again::new(place);
    let open: Open = Box::new(move || {
        let reader = again.open_at(0)?;
        Ok(match until {
            Some(until) => Box::new(reader.take(until)),
            None => reader,
        })
    });
    IncomingFile { role, raw_name, bytes, expected: None, open }
}
