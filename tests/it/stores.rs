//! Stores: all of them do the same, and a folder stays what it is whatever is put into it.

use crate::support::conformance::{conforms, get, noise};
use crate::support::faulty_store::{Fault, FaultyStore};
use rediscover::base::{ErrorKind, UnixMs};
use rediscover::store::{LocalStore, MemoryStore, PutOptions, Store};
use std::fs;
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;

fn scratch() -> tempfile::TempDir {
    tempfile::tempdir().expect("a scratch folder")
}

fn put(store: &dyn Store, name: &str, bytes: &[u8]) -> rediscover::base::Result<()> {
    store.put(name, &mut &bytes[..], &PutOptions::default()).map(drop)
}

#[test]
fn memory_conforms() {
    conforms(&MemoryStore::new());
}

#[test]
fn a_folder_conforms_and_is_left_empty() {
    let scratch = scratch();
    let folder = scratch.path().join("new/repository");
    conforms(&LocalStore::create(&folder).expect("a store"));
    assert_eq!(fs::read_dir(&folder).expect("the root stays").count(), 0, "folders were left");
}

#[test]
fn a_store_without_faults_conforms_and_faults_come_where_they_are_wanted() {
    conforms(&FaultyStore::new(MemoryStore::new(), u64::MAX, Fault::Fails));
    let whole = noise(1, 10_000);
    let with = |fault| {
        let store = FaultyStore::new(MemoryStore::new(), 1, fault);
        put(&store, "x", &whole).expect("the first is done");
        store
    };
    let read = |fault| {
        let mut bytes = Vec::new();
        let ended = with(fault).get("x", None, None).and_then(|mut reader| {
            let read = reader.read_to_end(&mut bytes);
            read.map_err(|error| rediscover::base::Error::io("read", error))
        });
        (ended.is_ok(), bytes)
    };
    assert_eq!(read(Fault::Fails), (false, vec![]));
    assert_eq!(read(Fault::Truncates(77)), (true, whole[..77].to_vec()));
    assert_eq!(read(Fault::Breaks(77)), (false, whole[..77].to_vec()));
    let (ended, flipped) = read(Fault::Flips(77));
    assert!(ended && flipped.iter().zip(&whole).filter(|(a, b)| a != b).count() == 1 && flipped[77] != whole[77]);
    let store = with(Fault::Full(77));
    assert!(put(&store, "y", &whole).expect_err("full").to_string().contains("storage"));
    assert_eq!(store.head("y").expect("head"), None);
    let store = with(Fault::Unheard);
    put(&store, "y", &whole).expect_err("its answer is lost");
    assert_eq!(get(&store, "y", None), whole);
    assert_eq!(store.asked(), 3);
}

#[test]
fn files_are_readable_for_their_owner_alone() {
    let scratch = scratch();
    let folder = scratch.path().join("repository");
    let store = LocalStore::create(&folder).expect("a store");
    put(&store, "prod/x/dump.rdb", b"secret").expect("put");
    let mode = |path: &str| fs::metadata(folder.join(path)).expect("it is there").permissions().mode() & 0o7777;
    assert_eq!(mode("prod/x/dump.rdb"), 0o600);
    assert_eq!([mode(""), mode("prod"), mode("prod/x")], [0o700; 3]);
}

#[test]
fn a_folder_that_is_not_there_is_said() {
    let scratch = scratch();
    let missing = scratch.path().join("missing");
    let error = LocalStore::open(&missing).expect_err("nothing there");
    assert!(matches!(error.kind(), ErrorKind::Io { .. }));
    assert!(error.to_string().contains("missing: cannot open the folder: no such file"), "{error}");
    fs::write(scratch.path().join("file"), b"").expect("a file");
    assert!(LocalStore::open(&scratch.path().join("file")).is_err());
    assert!(LocalStore::create(&scratch.path().join("file/below")).is_err());
}

#[test]
fn links_lead_nowhere() {
    let scratch = scratch();
    let outside = scratch.path().join("outside");
    fs::create_dir(&outside).expect("a folder");
    fs::write(outside.join("victim"), b"as it was").expect("a file");
    let folder = scratch.path().join("repository");
    let store = LocalStore::create(&folder).expect("a store");
    symlink(&outside, folder.join("way")).expect("a link");
    symlink(outside.join("victim"), folder.join("file")).expect("a link");
    symlink("loop", folder.join("loop")).expect("a link");
    assert_eq!(store.list("").expect("list"), []);
    for name in ["way/victim", "file", "loop", "loop/x"] {
        assert_eq!(store.head(name).expect("head"), None, "{name}");
        assert!(store.get(name, None, None).is_err(), "{name}");
        store.delete(name).expect("delete");
    }
    let refused = put(&store, "way/victim", b"changed").expect_err("it leads out");
    assert!(refused.to_string().contains("way/victim"), "{refused}");
    assert!(refused.hint().is_some_and(|hint| hint.contains("link")), "{refused}");
    // A link where the object belongs is replaced, not what it points to.
    put(&store, "file", b"mine").expect("put");
    assert_eq!(get(&store, "file", None), b"mine");
    store.sweep("", UnixMs(i64::MAX)).expect("sweep");
    assert_eq!(fs::read(outside.join("victim")).expect("the file"), b"as it was");
    assert_eq!(fs::read_dir(&outside).expect("the folder").count(), 1);
}

#[test]
fn a_pipe_makes_nobody_wait() {
    let scratch = scratch();
    let store = LocalStore::create(scratch.path()).expect("a store");
    let made = Command::new("mkfifo").arg(scratch.path().join("pipe")).status().expect("mkfifo");
    assert!(made.success());
    assert_eq!(store.head("pipe").expect("head"), None);
    assert!(store.get("pipe", None, None).is_err());
    assert_eq!(store.list("").expect("list"), []);
}

#[test]
fn what_is_unfinished_is_not_seen_and_is_swept_when_it_is_old() {
    let scratch = scratch();
    let store = LocalStore::create(scratch.path()).expect("a store");
    put(&store, "prod/x/whole", b"1").expect("put");
    let left = |path: &str, seconds: i64| {
        let path = scratch.path().join(path);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(&path, b"half").expect("a file");
        let when = std::time::UNIX_EPOCH + std::time::Duration::from_secs(u64::try_from(seconds).expect("a time"));
        fs::File::options().write(true).open(&path).and_then(|file| file.set_modified(when)).expect("a time");
    };
    left("prod/x/.rediscover-0123456789abcdef", 1000);
    left("prod/y/.rediscover-0123456789abcdef", 1000);
    left("prod/x/.rediscover-new", 3000);
    left("prod/x/.other", 1000);
    left("other/z/.rediscover-0123456789abcdef", 1000);
    let names = || store.list("").expect("list").into_iter().map(|info| info.name).collect::<Vec<_>>();
    assert_eq!(names(), ["prod/x/whole"]);
    assert_eq!(store.sweep("prod/", UnixMs(1_000_000)).expect("sweep"), 0, "not older than that");
    assert_eq!(store.sweep("prod/", UnixMs(2_000_000)).expect("sweep"), 2);
    assert!(!scratch.path().join("prod/y").exists(), "a folder was left empty");
    assert!(scratch.path().join("prod/x/.rediscover-new").exists());
    assert!(scratch.path().join("prod/x/.other").exists(), "it is nobody's we know");
    assert!(scratch.path().join("other/z/.rediscover-0123456789abcdef").exists());
    assert_eq!(store.sweep("", UnixMs(i64::MAX)).expect("sweep"), 2);
    assert_eq!(names(), ["prod/x/whole"]);
}

/// Says how many unfinished files there are while it is read.
struct Looking<'a>(&'a Path, u64, &'a mut Vec<usize>);

impl Read for Looking<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let there = fs::read_dir(self.0).map(Iterator::count).unwrap_or_default();
        self.2.push(there);
        let count = usize::try_from(self.1).expect("small").min(buffer.len());
        buffer[..count].fill(7);
        self.1 -= count as u64;
        Ok(count)
    }
}

#[test]
fn an_object_is_written_beside_its_place() {
    let scratch = scratch();
    let store = LocalStore::create(scratch.path()).expect("a store");
    let folder = scratch.path().join("prod");
    let mut seen = Vec::new();
    store.put("prod/x", &mut Looking(&folder, 1 << 20, &mut seen), &PutOptions::default()).expect("put");
    assert!(seen.len() > 2 && seen.iter().all(|there| *there == 1), "{seen:?}");
    let names: Vec<_> =
        fs::read_dir(&folder).expect("the folder").map(|entry| entry.expect("an entry").file_name()).collect();
    assert_eq!(names, ["x"]);
}

#[test]
#[expect(clippy::print_stderr, reason = "what was not tried is worth seeing")]
fn a_full_disk_leaves_nothing_and_says_so() {
    let scratch = scratch();
    let mount = scratch.path().join("small");
    fs::create_dir(&mount).expect("a folder");
    let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", "size=1m", "tmpfs"]).arg(&mount).output();
    if !mounted.is_ok_and(|output| output.status.success()) {
        eprintln!("no tmpfs may be mounted here: what a full disk does was not tried");
        return;
    }
    let store = LocalStore::create(&mount);
    let tried = store.map(|store| {
        let failed = put(&store, "prod/large", &noise(1, 4 << 20));
        let left = fs::read_dir(&mount).map(Iterator::count);
        (failed, left, put(&store, "prod/small", b"fits"))
    });
    let unmounted = Command::new("umount").arg(&mount).status().expect("umount");
    assert!(unmounted.success());
    let (failed, left, again) = tried.expect("a store");
    let failed = failed.expect_err("it does not fit");
    assert!(failed.to_string().contains("prod/large: cannot write the object: no space left"), "{failed}");
    assert!(failed.hint().is_some_and(|hint| hint.contains("room")), "{failed:?}");
    assert_eq!(left.expect("the folder"), 0);
    again.expect("there is room again");
}

#[test]
#[expect(clippy::print_stderr, reason = "what was not tried is worth seeing")]
fn a_folder_that_may_not_be_written_is_said() {
    let scratch = scratch();
    let folder = scratch.path().join("repository");
    let store = LocalStore::create(&folder).expect("a store");
    put(&store, "prod/x", b"1").expect("put");
    if fs::metadata(&folder).expect("its facts").uid() == 0 {
        eprintln!("as root everything may be written: what a folder of others does was not tried");
        return;
    }
    fs::set_permissions(folder.join("prod"), fs::Permissions::from_mode(0o500)).expect("a mode");
    let failed = put(&store, "prod/y", b"2").expect_err("it may not");
    fs::set_permissions(folder.join("prod"), fs::Permissions::from_mode(0o700)).expect("a mode");
    assert!(failed.to_string().contains("prod/y: cannot write the object: permission denied"), "{failed}");
    assert!(failed.hint().is_some());
}
