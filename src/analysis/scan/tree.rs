//! Dumps under other names in a tree of files, a mounted image of a disk; and programs under the names of dumps.
//!
//! A server writes its dump to `dir` and `dbfilename`. Who may set those writes files where a system runs or trusts them; no
//! log of the server says so, but the file is still a dump. The other way round, a replica puts what its master sends onto the
//! name of its dump, whatever that is.
//!
//! Nothing is followed out of the tree, run or changed. Of each file the first KiB is read, of a compressed one the first
//! 256 KiB; what is no regular file is never opened.

use super::magic::{is_text, program};
use super::told::{Teller, Told, shown};
use crate::aof::Manifest;
use crate::base::{Cancel, Error, ErrorKind, Result};
use crate::codec::{Compression, Unpacked, sniff};
use crate::keyspace::KeyName;
use crate::report::{Finding, Locator, Threat, Where, escape};
use crate::rules::RuleSet;
use crate::source::{Origin, Place};
use std::ffi::OsStr;
use std::fs::{File, OpenOptions};
use std::io::{self, BufReader, Cursor, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use walkdir::WalkDir;

/// The checks of trees.
#[cfg(test)]
pub(super) const CHECKS: [&str; 4] = ["dump-in-disguise", "dump-of-odd-name", "dump-of-usual-name", "program-for-dump"];

/// What is read of a file.
const HEAD_BYTES: u64 = 1 << 10;
/// What is read of a compressed one, to have the beginning of what is in it.
const PACKED_BYTES: u64 = 256 << 10;
/// What could not be read is told so often; of more, only the number.
const MOST_FAILURES: usize = 1_000;
/// Dumps whose content is scanned as well.
const MOST_SOURCES: usize = 10_000;

/// What came of a tree.
pub(super) struct Walked {
    /// What could not be looked at.
    pub(super) failures: Vec<(String, Error)>,
    /// Dumps under names that no server has by itself: their content is to be scanned as well.
    pub(super) dumps: Vec<Found>,
}

/// A dump whose content is to be scanned.
pub(super) struct Found {
    pub(super) origin: Origin,
    /// Whether its place proves that the server was made to write there.
    pub(super) proven: bool,
}

/// Looks at every file below a folder.
///
/// # Errors
/// The folder itself cannot be read; it was cancelled.
pub(super) fn walk(root: &Path, rules: &RuleSet, cancel: &Cancel, told: &mut Told) -> Result<Walked> {
    let name = name_of(root);
    let failed = |error: io::Error| Error::io("read the folder", error).about(&name);
    if !root.metadata().map_err(failed)?.is_dir() {
        let what = "is not a folder".to_owned();
        return Err(Error::new(ErrorKind::NothingToRead { what }).about(name));
    }
    let mut walked = Walked { failures: Vec::new(), dumps: Vec::new() };
    let teller = Teller::new(rules, &name);
    let (mut unread, mut entries) = (0u64, 0u64);
    for entry in WalkDir::new(root).follow_links(false).sort_by_file_name() {
        entries = entries.saturating_add(1);
        if entries.is_multiple_of(256) && cancel.is_cancelled() {
            return Err(Error::new(ErrorKind::Interrupted));
        }
        let outcome = match entry {
            Ok(entry) if entry.file_type().is_file() => {
                look(root, entry.path()).map_err(|error| (name_of(entry.path()), error)).map(|seen| (seen, entry))
            }
            Ok(_) => continue,
            Err(error) => {
                let path = error.path().map_or_else(|| name.clone(), name_of);
                Err((path, error.into_io_error().unwrap_or_else(|| io::ErrorKind::Other.into())))
            }
        };
        match outcome {
            Ok((None, _)) => {}
            Ok((Some(seen), entry)) => seen.tell(teller, entry.path(), &mut walked.dumps, told),
            Err((path, error)) => {
                unread = unread.saturating_add(1);
                if walked.failures.len() < MOST_FAILURES {
                    walked.failures.push((path.clone(), Error::io("open", error).about(path)));
                }
            }
        }
    }
    let more = unread.saturating_sub(walked.failures.len() as u64);
    if more > 0 {
        let what = format!("{more} more files and folders below it could not be read");
        walked.failures.push((name.clone(), Error::new(ErrorKind::NothingToRead { what }).about(name)));
    }
    Ok(walked)
}

/// A path as messages have it.
fn name_of(path: &Path) -> String {
    path.to_str().map_or_else(|| escape(path.as_os_str().as_bytes()), str::to_owned)
}

/// What a file holds, as far as it concerns dumps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Holds {
    Rdb,
    Aof,
    Manifest,
    /// Something else, under the name of a dump.
    Program(&'static str),
    Text,
    Other,
}

/// A file that is worth a word.
#[derive(Debug)]
struct Seen {
    holds: Holds,
    packed: Option<Compression>,
    head: Vec<u8>,
    /// Its path below the tree.
    below: Vec<u8>,
    place: Class,
}

/// Looks at one file.
fn look(root: &Path, path: &Path) -> io::Result<Option<Seen>> {
    let below = path.strip_prefix(root).unwrap_or(path).as_os_str().as_bytes().to_vec();
    let mut file = open(path)?;
    // Between the walk and now it may have become a pipe, on a system that runs.
    if !file.metadata()?.is_file() {
        return Ok(None);
    }
    let mut head = Vec::new();
    file.by_ref().take(HEAD_BYTES).read_to_end(&mut head)?;
    let packed = sniff(&head);
    if let Some(kind) = packed {
        head = unpacked(head, file, kind);
    }
    let name = below.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
    let holds = match of_redis(&head) {
        Some(holds) => holds,
        None if head.is_empty() || packed.is_some() || !is_name_of_dump(name) => return Ok(None),
        None => match program(&head) {
            Some(what) => Holds::Program(what),
            None if is_text(&head) => Holds::Text,
            None => Holds::Other,
        },
    };
    // The last folder of the tree's own path: a tree may begin at a folder that says it all.
    let mut whole = root.file_name().unwrap_or_default().as_bytes().to_vec();
    whole.push(b'/');
    whole.extend_from_slice(&below);
    Ok(Some(Seen { holds, packed, head, place: class(&whole), below }))
}

/// For reading alone, not through a link, without waiting, and without a trace in the time of the last access where the
/// system lets.
fn open(path: &Path) -> io::Result<File> {
    let flags = libc::O_NOFOLLOW | libc::O_NONBLOCK | libc::O_CLOEXEC;
    let with = |flags| OpenOptions::new().read(true).custom_flags(flags).open(path);
    #[cfg(any(target_os = "linux", target_os = "android"))]
    match with(flags | libc::O_NOATIME) {
        // Only who owns a file may leave that time alone.
        Err(error) if error.raw_os_error() == Some(libc::EPERM) => {}
        outcome => return outcome,
    }
    with(flags)
}

/// The beginning of what is compressed; as far as it can be unpacked.
fn unpacked(head: Vec<u8>, file: File, kind: Compression) -> Vec<u8> {
    let raw = Cursor::new(head).chain(file.take(PACKED_BYTES));
    let mut out = Vec::new();
    if let Ok(unpacked) = Unpacked::new(BufReader::new(raw), kind) {
        drop(unpacked.take(HEAD_BYTES).read_to_end(&mut out));
    }
    out
}

/// What bytes are, if a server writes such.
fn of_redis(head: &[u8]) -> Option<Holds> {
    let digits = |bytes: Option<&[u8]>| bytes.is_some_and(|bytes| bytes.iter().all(u8::is_ascii_digit));
    match head {
        _ if head.starts_with(b"REDIS") && digits(head.get(5..9)) => Some(Holds::Rdb),
        _ if head.starts_with(b"VALKEY") && digits(head.get(6..9)) => Some(Holds::Rdb),
        [b'*', rest @ ..] if is_command(rest) => Some(Holds::Aof),
        _ if head.starts_with(b"#TS:") => {
            let end = memchr::memchr(b'\n', head)?.checked_add(1)?;
            matches!(head.get(end..)?, [b'*', rest @ ..] if is_command(rest)).then_some(Holds::Aof)
        }
        _ if head.starts_with(b"file ") => {
            // The last line may be cut.
            let end = memchr::memrchr(b'\n', head)?.checked_add(1)?;
            let (manifest, flaws) = Manifest::parse(head.get(..end)?);
            (!manifest.entries.is_empty() && !flaws.iter().any(crate::aof::ManifestFlaw::fatal))
                .then_some(Holds::Manifest)
        }
        _ => None,
    }
}

/// `<n>\r\n$<n>\r\n`
fn is_command(bytes: &[u8]) -> bool {
    let number = |bytes: &[u8]| -> Option<usize> {
        let end = bytes.iter().position(|byte| !byte.is_ascii_digit()).filter(|end| (1..=10).contains(end))?;
        bytes.get(end..)?.starts_with(b"\r\n").then(|| end.saturating_add(2))
    };
    let rest = number(bytes).and_then(|end| bytes.get(end..)?.strip_prefix(b"$"));
    rest.and_then(number).is_some()
}

/// A name that servers and their owners give dumps and logs.
fn is_name_of_dump(name: &[u8]) -> bool {
    let name = name.to_ascii_lowercase();
    let has = |text: &[u8]| memchr::memmem::find(&name, text).is_some();
    name.ends_with(b".rdb") || name.ends_with(b".aof") || (name.starts_with(b"appendonly") && has(b".aof"))
}

/// The same, or one that a copy of them has: `dump.rdb.1`, `appendonly.aof.manifest`, `temp-123.rdb`.
fn is_usual(seen: &Seen) -> bool {
    let name = seen.below.rsplit(|byte| *byte == b'/').next().unwrap_or_default().to_ascii_lowercase();
    let has = |text: &[u8]| memchr::memmem::find(&name, text).is_some();
    let folder = seen.below.split(|byte| *byte == b'/').any(|part| part == b"appendonlydir");
    let manifest = seen.holds == Holds::Manifest && name.ends_with(b".manifest");
    has(b".rdb") || has(b".aof") || name.starts_with(b"temp-") || folder || manifest
}

/// Where a file lies, as far as that says something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    Cron,
    Ssh,
    Web,
    /// Below the root of a web server, under a name that says nothing.
    WebRoot,
    Loader,
    Profile,
    Service,
    Accounts,
    Library,
    Elsewhere,
}

impl Class {
    /// Whether a dump there means that the server was made to write it.
    pub(super) fn proves(self) -> bool {
        !matches!(self, Class::Elsewhere | Class::WebRoot)
    }

    fn what(self) -> &'static str {
        match self {
            Class::Cron => "cron runs what stands there",
            Class::Ssh => "the SSH server trusts the keys that stand there",
            Class::Web => "a web server hands it out or runs it",
            Class::WebRoot => "it lies where a web server may hand it out",
            Class::Loader => "the loader reads it for every program",
            Class::Profile => "shells run what stands there",
            Class::Service => "the system starts what stands there",
            Class::Accounts => "accounts and rights stand there",
            Class::Library => "programs load libraries by such a name",
            Class::Elsewhere => "no server takes such a name by itself",
        }
    }
}

/// What a folder or a file is to a system, by its path.
pub(super) fn class(path: &[u8]) -> Class {
    let parts: Vec<&[u8]> = path.split(|byte| *byte == b'/').filter(|part| !part.is_empty()).collect();
    let name = parts.last().copied().unwrap_or_default();
    let has = |wanted: &[&[u8]]| parts.windows(wanted.len().max(1)).any(|window| window == wanted);
    let any = |wanted: &[&[u8]]| parts.iter().any(|part| wanted.contains(part));
    let is = |wanted: &[&[u8]]| wanted.contains(&name);
    let extension = Path::new(OsStr::from_bytes(name)).extension().map(|end| end.as_bytes().to_ascii_lowercase());
    let ends = |wanted: &[&[u8]]| extension.as_deref().is_some_and(|end| wanted.contains(&end));
    let cron: [&[u8]; 6] = [b"cron.d", b"cron.hourly", b"cron.daily", b"cron.weekly", b"cron.monthly", b"crontabs"];
    let web: [&[u8]; 16] = [
        b"php", b"php3", b"php4", b"php5", b"php7", b"phtml", b"phar", b"jsp", b"jspx", b"asp", b"aspx", b"ashx",
        b"cgi", b"html", b"htm", b"cfm",
    ];
    if any(&cron) || has(&[b"spool", b"cron"]) || is(&[b"crontab", b"anacrontab"]) {
        Class::Cron
    } else if any(&[b".ssh"]) || name.starts_with(b"authorized_keys") || has(&[b"etc", b"ssh"]) {
        Class::Ssh
    } else if ends(&web) {
        Class::Web
    } else if name.starts_with(b"ld.so.") || any(&[b"ld.so.conf.d"]) {
        Class::Loader
    } else if any(&[b"profile.d"])
        || is(&[b".bashrc", b".bash_profile", b".bash_login", b".profile", b".zshrc", b".zshenv", b"bash.bashrc"])
        || has(&[b"etc", b"profile"])
        || has(&[b"etc", b"environment"])
    {
        Class::Profile
    } else if any(&[b"systemd", b"init.d", b"rc.d", b"update-motd.d"])
        || is(&[b"rc.local", b"inittab"])
        || has(&[b"etc", b"init"])
        || has(&[b"udev", b"rules.d"])
        || ends(&[b"service", b"timer"])
    {
        Class::Service
    } else if any(&[b"sudoers.d", b"pam.d"])
        || [b"passwd".as_slice(), b"shadow", b"group", b"sudoers"].iter().any(|file| has(&[b"etc", file]))
    {
        Class::Accounts
    } else if ends(&[b"so"]) || memchr::memmem::find(name, b".so.").is_some() {
        Class::Library
    } else if any(&[b"htdocs", b"public_html", b"wwwroot", b"webapps"])
        || has(&[b"var", b"www"])
        || has(&[b"srv", b"www"])
        || has(&[b"share", b"nginx"])
    {
        Class::WebRoot
    } else {
        Class::Elsewhere
    }
}

impl Seen {
    fn tell(self, teller: Teller<'_>, path: &Path, dumps: &mut Vec<Found>, told: &mut Told) {
        let (check, severity) = match self.holds {
            Holds::Program(_) => ("program-for-dump", None),
            Holds::Text | Holds::Other => ("program-for-dump", Some(Threat::Low)),
            // No server compresses its files: somebody made a copy.
            _ if self.packed.is_some() => ("dump-of-usual-name", None),
            _ if self.place.proves() => ("dump-in-disguise", None),
            _ if is_usual(&self) && self.place != Class::WebRoot => ("dump-of-usual-name", None),
            _ => ("dump-of-odd-name", None),
        };
        let is_source = matches!(self.holds, Holds::Rdb | Holds::Aof) && check != "dump-of-usual-name";
        if is_source && dumps.len() < MOST_SOURCES {
            let origin = Origin::new(name_of(path), Place::Path(path.to_owned()));
            dumps.push(Found { origin, proven: self.place.proves() });
        }
        let Some(mut finding) = teller.tell(check) else { return };
        if let Some(severity) = severity {
            (finding.severity, finding.technique_severity) = (severity, severity);
        }
        self.word(&mut finding);
        told.add(finding);
    }

    fn word(&self, finding: &mut Finding) {
        finding.place = Where::File;
        finding.offset = Some(0);
        finding.element = Some(Locator { name: Some(KeyName::whole(&self.below)), ..Locator::default() });
        finding.excerpt = shown(self.head.get(..16).unwrap_or(&self.head));
        finding.notes.push(match self.holds {
            Holds::Rdb => "it is an RDB".into(),
            Holds::Aof => "it holds commands, as an append-only file does".into(),
            Holds::Manifest => "it is the manifest of an append-only file".into(),
            Holds::Program(what) => format!("it is {what}"),
            Holds::Text => "it is a text".into(),
            Holds::Other => "it begins as nothing that is known here".into(),
        });
        if let Some(kind) = self.packed {
            finding.notes.push(format!("compressed with {}", kind.name()));
        } else if self.place.proves() || self.place == Class::WebRoot {
            finding.notes.push(self.place.what().into());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_that_prove_something() {
        for (path, expected) in [
            ("image/etc/cron.d/apache", Class::Cron),
            ("var/spool/cron/root", Class::Cron),
            ("var/spool/cron/crontabs/root", Class::Cron),
            ("etc/crontab", Class::Cron),
            ("cron.d/x", Class::Cron),
            ("root/.ssh/authorized_keys", Class::Ssh),
            ("home/a/.ssh/authorized_keys2", Class::Ssh),
            ("var/www/html/x.PHP", Class::Web),
            ("opt/tomcat/webapps/ROOT/s.jsp", Class::Web),
            ("var/www/html/backup", Class::WebRoot),
            ("etc/ld.so.preload", Class::Loader),
            ("etc/profile.d/a.sh", Class::Profile),
            ("etc/systemd/system/a.service", Class::Service),
            ("etc/init.d/redis", Class::Service),
            ("etc/rc.local", Class::Service),
            ("etc/passwd", Class::Accounts),
            ("tmp/exp.so", Class::Library),
            ("usr/lib/libx.so.1", Class::Library),
            ("var/lib/redis/dump.rdb", Class::Elsewhere),
            ("data/sshd", Class::Elsewhere),
            ("home/x/notes.cron", Class::Elsewhere),
            ("etc/redis/passwd", Class::Elsewhere),
            ("", Class::Elsewhere),
        ] {
            assert_eq!(class(path.as_bytes()), expected, "{path}");
        }
    }

    #[test]
    fn what_servers_write_by_its_first_bytes() {
        assert_eq!(of_redis(b"REDIS0011\xfa"), Some(Holds::Rdb));
        assert_eq!(of_redis(b"VALKEY080\xfa"), Some(Holds::Rdb));
        assert_eq!(of_redis(b"*2\r\n$6\r\nSELECT\r\n"), Some(Holds::Aof));
        assert_eq!(of_redis(b"#TS:1700000000\r\n*1\r\n$4\r\nPING\r\n"), Some(Holds::Aof));
        assert_eq!(
            of_redis(b"file appendonly.aof.1.base.rdb seq 1 type b\nfile a.2.incr.aof seq 2 type i\nfi"),
            Some(Holds::Manifest)
        );
        for other in [
            &b"REDIS"[..],
            b"REDIS is a database",
            b"* item\n",
            b"*2\r\n",
            b"*2\n$6\n",
            b"file cabinet\n",
            b"#TS:",
            b"",
        ] {
            assert_eq!(of_redis(other), None, "{other:?}");
        }
    }

    #[test]
    fn names_of_dumps() {
        for name in ["dump.rdb", "DUMP.RDB", "x.aof", "appendonly.aof.1.base.rdb", "appendonly.aof"] {
            assert!(is_name_of_dump(name.as_bytes()), "{name}");
        }
        for name in ["dump", "rdb", "dump.rdb.txt", "notes.md"] {
            assert!(!is_name_of_dump(name.as_bytes()), "{name}");
        }
    }
}
