//! One payload: read once, validated, hashed, sealed and stored; then its stored bytes are read again.

use super::{AllStored, CreateOptions, Shard, Spool, Written};
use crate::analysis::{CheckOptions, Checked, check};
use crate::backup::readable;
use crate::base::{Cancel, Error, ErrorKind, Result};
use crate::codec::{SealOptions, Sealed, Sealer, Tee, bounded, spool, unpack_flaw};
use crate::pipeline::RunOptions;
use crate::report::{ServerLoad, SourceCheck, Verdict};
use crate::repository::{BackupKind, BackupName, Loads, ObjectRole, Payload, ServerFacts, sha256};
use crate::source::{AofSet, Hashes, Opener, Origin, Part, Place, capture, open_part};
use crate::store::{PutOptions, Store};
use sha2::Digest;
use std::io::{self, Read};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

/// Bytes that may lie between whoever seals and whoever validates.
const TEE_BYTES: usize = 8 << 20;

/// A payload that is stored, and what was found in it.
pub(super) struct Stored {
    pub(super) payload: Payload,
    pub(super) is_log: bool,
    pub(super) scanned: bool,
    pub(super) damaged: bool,
    pub(super) problems: Vec<String>,
    pub(super) modules: Vec<String>,
    pub(super) loads_on: Vec<Loads>,
    pub(super) server: Option<ServerFacts>,
}

/// A source that was opened.
struct Opened {
    raw: Box<dyn Read + Send>,
    expects_log: bool,
    server: Option<ServerFacts>,
    scanned: bool,
}

/// A stream, and the thread that feeds it where there is one.
type Spooled = (Box<dyn Read + Send>, Option<JoinHandle<()>>);

/// Stores the payloads of one backup.
pub(super) struct Sealing<'a, 'r> {
    pub(super) name: &'a BackupName,
    pub(super) written: &'a mut Written<'r>,
    pub(super) options: &'a CreateOptions<'a>,
}

/// What a payload is for, and what it is called.
struct Named {
    raw_name: String,
    role: ObjectRole,
}

impl Sealing<'_, '_> {
    /// Stores all files of a source.
    pub(super) fn source(&mut self, origin: &Origin, shard: Option<&Shard>, all: &mut AllStored) -> Result<()> {
        match &origin.place {
            Place::Log(set) => self.log(origin, set, all),
            _ => self.single(origin, shard, all),
        }
    }

    /// A file, or a stream.
    fn single(&mut self, origin: &Origin, shard: Option<&Shard>, all: &mut AllStored) -> Result<()> {
        let part = origin.parts().into_iter().next();
        let Some(part) = part else { return Ok(()) };
        let Opened { raw, expects_log, server, scanned } = self.open(origin, &part, all)?;
        let broken = Arc::new(Mutex::new(None));
        let mut raw: Box<dyn Read + Send> = Box::new(Breaking { inner: raw, broken: Arc::clone(&broken) });
        let mut head = Vec::new();
        let read = raw.by_ref().take(9).read_to_end(&mut head);
        read.map_err(|error| readable(error, &origin.name))?;
        let is_dump = head.starts_with(b"REDIS") || head.starts_with(b"VALKEY");
        // What is neither is judged as a dump: `check` says what is wrong with it.
        let is_log = expects_log || (!is_dump && head.first().is_some_and(|byte| matches!(byte, b'*' | b'#')));
        let raw_name = match shard {
            Some(shard) => format!(
                "node-{}.rdb",
                shard.node.chars().filter(char::is_ascii_alphanumeric).take(12).collect::<String>()
            ),
            None if is_log => "appendonly.aof".to_owned(),
            None => "dump.rdb".to_owned(),
        };
        let role = if is_log { ObjectRole::Aof } else { ObjectRole::Rdb };
        let raw: Box<dyn Read + Send> = Box::new(io::Cursor::new(head).chain(raw));
        let (raw, feeder) = self.spooled(raw, origin)?;
        let (sealed, checked) = self.tee(raw, &raw_name, is_log, origin)?;
        if let Some(feeder) = feeder {
            // It ended, or its error came through the reader.
            let _ = feeder.join();
        }
        let examined = checked.outcome?;
        // The snapshot says which point of the stream it is: INFO of before or after would not.
        let server = server.map(|server| ServerFacts {
            repl_id: examined.repl_id.clone(),
            repl_offset: examined.repl_offset,
            ..server
        });
        let mut stored = self.stored(Named { raw_name, role }, sealed, examined);
        if stored.is_log {
            stored.payload.role = ObjectRole::Aof;
        }
        stored.scanned = scanned;
        stored.server = server;
        if let Some(flaw) = broken.lock().ok().and_then(|mut broken| broken.take()) {
            stored.damaged = true;
            stored.problems.insert(0, flaw);
        }
        if let Some(shard) = shard {
            stored.payload.node = Some(shard.node.clone());
            stored.payload.slots.clone_from(&shard.slots);
        }
        all.facts.push(checked.facts);
        all.payloads.push(stored);
        Ok(())
    }

    /// The bytes of a source; of a server what it says of itself too.
    fn open(&self, origin: &Origin, part: &Part, all: &mut AllStored) -> Result<Opened> {
        if let Place::Server(place) = &origin.place {
            let captured = capture(place)?;
            all.notes.extend(captured.notes);
            all.warnings.extend(captured.warnings);
            let scanned = captured.kind == BackupKind::Scan;
            return Ok(Opened { raw: captured.reader, expects_log: false, server: Some(captured.facts), scanned });
        }
        let stream = open_part(origin, part, Hashes::default(), Arc::clone(&self.options.run.progress))?;
        Ok(Opened { expects_log: stream.expects_log(), raw: Box::new(stream), server: None, scanned: false })
    }

    /// What comes from a server or a pipe waits on the disk or in memory: storing is slower than sending.
    fn spooled(&self, raw: Box<dyn Read + Send>, origin: &Origin) -> Result<Spooled> {
        if origin.place.can_be_read_again() {
            return Ok((raw, None));
        }
        let (writer, reader) = match self.options.spool {
            Spool::Disk => spool(&self.options.run.scratch)?,
            Spool::Memory(bytes) => bounded(bytes),
        };
        let mut raw = Cancellable { inner: raw, cancel: self.options.run.cancel.clone() };
        let feeder = std::thread::spawn(move || {
            let mut writer = writer;
            match io::copy(&mut raw, &mut writer) {
                // A reader that has gone has failed by itself.
                Ok(_) => drop(writer.finish()),
                Err(error) => writer.fail(&error),
            }
        });
        Ok((Box::new(reader), Some(feeder)))
    }

    /// The parts of an append-only file, as they are at one moment.
    fn log(&mut self, origin: &Origin, set: &AofSet, all: &mut AllStored) -> Result<()> {
        let set = set.pin()?;
        let mut pinned = Origin { place: Place::Log(Box::new(set.clone())), ..origin.clone() };
        let options = CheckOptions { run: self.quiet(), ..CheckOptions::default() };
        let checked = check(&pinned, &options);
        let examined = checked.outcome?;
        let mut damaged = examined.verdict != Verdict::Intact;
        let mut problems = problems(&examined);
        let lost = examined.server_loads.as_ref().filter(|loads| loads.verdict == ServerLoad::Truncating);
        if let (Some(loads), Place::Log(set)) = (lost, &mut pinned.place) {
            // A server that appends is in the middle of a command now and then: a server that starts cuts it off too.
            if let Some(last) = set.parts.last_mut()
                && let Some(Place::Pinned(pin)) = last.held.as_deref()
            {
                last.held = Some(Box::new(Place::Pinned(pin.cut(pin.bytes().saturating_sub(loads.bytes_lost)))));
            }
            problems =
                vec![format!("{} bytes of a command that is not finished are left out at the end", loads.bytes_lost)];
            damaged = false;
        }
        let log = examined.log.as_ref();
        for (index, part) in pinned.parts().iter().enumerate() {
            let Some(name) = set.parts.get(index) else { continue };
            let raw_name = String::from_utf8(name.name.clone()).map_err(|_| {
                Error::new(ErrorKind::Unsupported { what: "has a part whose name is no text".into() })
                    .about(&origin.name)
            })?;
            let role = match name.role {
                crate::aof::Role::Base => ObjectRole::AofBase,
                _ => ObjectRole::AofIncr,
            };
            let sealed = self.unchecked(origin, part, &raw_name)?;
            let keys = log.and_then(|log| log.files.get(index)).map(|file| file.keys);
            let mut stored = self.stored(Named { raw_name, role }, sealed, examined.clone());
            stored.payload.keys = keys.unwrap_or_default();
            if role != ObjectRole::AofBase {
                (stored.payload.format_version, stored.payload.magic) = (None, None);
                stored.payload.databases.clear();
            }
            stored.is_log = true;
            stored.damaged = damaged;
            stored.problems = if index == 0 { std::mem::take(&mut problems) } else { Vec::new() };
            all.payloads.push(stored);
        }
        let files: Vec<Arc<str>> = pinned.parts().into_iter().filter_map(|part| part.file).collect();
        if let Some((name, _)) = pinned.manifest_of(&files) {
            // As it is, less what is replaced already.
            let entries = set.manifest.load_order().cloned().collect();
            let bytes = crate::aof::Manifest { entries }.to_bytes();
            let raw_name = name.into_string().map_err(|_| {
                Error::new(ErrorKind::Unsupported { what: "has a manifest whose name is no text".into() })
                    .about(&origin.name)
            })?;
            let raw: Box<dyn Read + Send> = Box::new(io::Cursor::new(bytes));
            let sealed = self.seal(raw, &raw_name)?;
            let mut stored = self.stored(Named { raw_name, role: ObjectRole::AofManifest }, sealed, examined);
            (stored.payload.keys, stored.is_log, stored.damaged) = (0, true, damaged);
            (stored.payload.format_version, stored.payload.magic) = (None, None);
            stored.payload.databases.clear();
            stored.problems.clear();
            all.payloads.push(stored);
        }
        all.facts.push(checked.facts);
        Ok(())
    }

    /// The same options for whoever validates: hashes are made where bytes are sealed.
    fn quiet(&self) -> RunOptions {
        RunOptions { hashes: Hashes::default(), expect_sha256: None, ..self.options.run.clone() }
    }

    /// Seals and validates what it reads, in one pass.
    fn tee(
        &mut self,
        raw: Box<dyn Read + Send>,
        raw_name: &str,
        is_log: bool,
        origin: &Origin,
    ) -> Result<(Sealed, Checked)> {
        let (tee, branch) = Tee::new(raw, TEE_BYTES);
        let source = Origin { place: Place::Opener(Opener::once(Box::new(branch), is_log)), ..origin.clone() };
        let options = CheckOptions {
            run: RunOptions { progress: Arc::new(crate::base::Silent), ..self.quiet() },
            ..CheckOptions::default()
        };
        std::thread::scope(|scope| {
            let validating = scope.spawn(|| check(&source, &options));
            let sealed = self.seal(Box::new(tee), raw_name).map_err(|error| error.about(&origin.name));
            let checked = validating.join();
            let checked = checked
                .map_err(|_| Error::new(ErrorKind::Unsupported { what: "validation stopped unexpectedly".into() }))?;
            Ok((sealed?, checked))
        })
    }

    /// Seals a part that was validated before.
    fn unchecked(&mut self, origin: &Origin, part: &Part, raw_name: &str) -> Result<Sealed> {
        let stream = open_part(origin, part, Hashes::default(), Arc::clone(&self.options.run.progress))?;
        self.seal(Box::new(stream), raw_name)
    }

    /// Compresses, encrypts, hashes and stores; then reads the stored bytes again.
    fn seal(&mut self, raw: Box<dyn Read + Send>, raw_name: &str) -> Result<Sealed> {
        let object = self.name.object(&self.stored_name(raw_name));
        let raw = Box::new(Cancellable { inner: raw, cancel: self.options.run.cancel.clone() });
        let seal = SealOptions {
            packing: self.options.packing,
            threads: self.options.run.threads,
            recipients: self.options.recipients.as_ref(),
        };
        let mut sealer = Sealer::new(raw, &seal)?;
        let store: &dyn Store = &**self.written.repository.store();
        self.written.objects.push(object.clone());
        store
            .put(&object, &mut sealer, &PutOptions { if_absent: true, bytes: None, passing: false })
            .map_err(|error| self.why(error))?;
        let sealed = sealer.sealed().ok_or_else(|| {
            Error::new(ErrorKind::Store { op: "store the payload", what: "the store did not take all of it".into() })
                .about(&object)
        })?;
        confirm(store, &object, &sealed, &self.options.run.cancel)?;
        Ok(sealed)
    }

    /// A cancelled run says so, whatever the store made of it.
    fn why(&self, error: Error) -> Error {
        if self.options.run.cancel.is_cancelled() { Error::new(ErrorKind::Interrupted) } else { error }
    }

    fn stored_name(&self, raw_name: &str) -> String {
        let age = if self.options.recipients.is_some() { ".age" } else { "" };
        format!("{raw_name}{}{age}", self.options.packing.suffix())
    }

    /// Stores a small object that is no payload.
    pub(super) fn attach(&mut self, file: &str, bytes: &[u8], all: &mut AllStored) -> Result<()> {
        let object = self.name.object(file);
        self.written.objects.push(object.clone());
        let how = PutOptions { if_absent: true, bytes: Some(bytes.len() as u64), passing: false };
        self.written.repository.store().put(&object, &mut &*bytes, &how)?;
        all.attachments.insert(file.to_owned(), sha256(bytes));
        Ok(())
    }

    fn stored(&self, named: Named, sealed: Sealed, check: SourceCheck) -> Stored {
        let loads = check.loads_on.iter().map(|loads| Loads {
            server: loads.server.clone(),
            verdict: loads.verdict,
            needs: loads.needs.clone(),
        });
        let is_log = check.log.is_some();
        Stored {
            is_log,
            scanned: false,
            damaged: check.verdict != Verdict::Intact,
            problems: problems(&check),
            modules: check.modules.clone(),
            loads_on: loads.collect(),
            server: None,
            payload: Payload {
                file: self.stored_name(&named.raw_name),
                raw_name: named.raw_name,
                role: named.role,
                raw_bytes: sealed.raw_bytes,
                raw_sha256: sealed.raw_sha256,
                stored_bytes: sealed.stored_bytes,
                stored_sha256: sealed.stored_sha256,
                format_version: check.format_version,
                magic: check.magic,
                server_version: check.server_version,
                snapshot_at: check.created_at,
                keys: check.keys,
                databases: check.databases.into_iter().map(|(db, count)| (db.to_string(), count)).collect(),
                node: None,
                slots: Vec::new(),
            },
        }
    }
}

/// What is wrong, by kinds: names of keys do not belong into a manifest, which is not encrypted.
fn problems(check: &SourceCheck) -> Vec<String> {
    let verdict = match check.verdict {
        Verdict::Intact => return Vec::new(),
        Verdict::Damaged => "damaged",
        Verdict::Truncated => "truncated",
        Verdict::Unsupported => "unsupported",
    };
    let mut kinds: Vec<String> = Vec::new();
    for problem in &check.integrity.problems {
        let text = format!("{verdict}: {} at {:#x}", problem.kind, problem.offset);
        if kinds.len() < 10 && !kinds.contains(&text) {
            kinds.push(text);
        }
    }
    if kinds.is_empty() {
        kinds.push(verdict.to_owned());
    }
    kinds
}

/// Reads a stored object again: what is there is what was sent.
fn confirm(store: &dyn Store, object: &str, sealed: &Sealed, cancel: &Cancel) -> Result<()> {
    let reader = store.get(object, None, None)?;
    let mut reader = Cancellable { inner: reader, cancel: cancel.clone() };
    let mut hash = sha2::Sha256::new();
    let mut buffer = vec![0; 256 << 10];
    let mut bytes = 0u64;
    loop {
        let read = reader.read(&mut buffer).map_err(|error| readable(error, object))?;
        if read == 0 {
            break;
        }
        hash.update(buffer.get(..read).unwrap_or_default());
        bytes = bytes.saturating_add(read as u64);
    }
    let found: String = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    if bytes != sealed.stored_bytes || found != sealed.stored_sha256 {
        let what = "what the store gives back is not what it was given".to_owned();
        return Err(Error::new(ErrorKind::Damaged { what })
            .about(object)
            .with_hint("look at the disk it is on, and run it again"));
    }
    Ok(())
}

/// Ends where a compressed stream is damaged: what comes before is kept, as damaged.
struct Breaking {
    inner: Box<dyn Read + Send>,
    broken: Arc<Mutex<Option<String>>>,
}

impl Read for Breaking {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer);
        if let Err(error) = &read
            && let Some(flaw) = unpack_flaw(error)
            && let Ok(mut broken) = self.broken.lock()
        {
            *broken = Some(flaw.to_string());
            return Ok(0);
        }
        read
    }
}

/// Stops a reader when the run is cancelled.
struct Cancellable {
    inner: Box<dyn Read + Send>,
    cancel: Cancel,
}

impl Read for Cancellable {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.cancel.is_cancelled() {
            return Err(io::Error::other(Error::new(ErrorKind::Interrupted)));
        }
        self.inner.read(buffer)
    }
}
