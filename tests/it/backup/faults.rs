//! A store that breaks at each operation of a create and of a copy, and a disk that is full.

use super::{Desk, all, code, dump};
use crate::support::faulty_store::{Fault, FaultyStore};
use rediscover::backup::{CopyOptions, CreateOptions, Spool, Taken, VerifyOptions, copy, create, verify};
use rediscover::base::{Result, UnixMs};
use rediscover::codec::Packing;
use rediscover::pipeline::RunOptions;
use rediscover::repository::{Level, Repository, Trusted};
use rediscover::source::{Origin, Place};
use rediscover::store::{Deleted, MemoryStore, ObjectInfo, PutOptions, Store};
use std::io::Read;
use std::ops::Range;
use std::process::Command;
use std::sync::Arc;

const NOW: UnixMs = UnixMs(1_800_000_000_000);

/// The same store behind another one that breaks.
struct Behind(Arc<MemoryStore>);

impl Store for Behind {
    fn location(&self) -> String {
        self.0.location()
    }
    fn list(&self, prefix: &str) -> Result<Vec<ObjectInfo>> {
        self.0.list(prefix)
    }
    fn head(&self, name: &str) -> Result<Option<ObjectInfo>> {
        self.0.head(name)
    }
    fn get(&self, name: &str, range: Option<Range<u64>>, if_match: Option<&str>) -> Result<Box<dyn Read + Send>> {
        self.0.get(name, range, if_match)
    }
    fn put(&self, name: &str, body: &mut dyn Read, how: &PutOptions) -> Result<ObjectInfo> {
        self.0.put(name, body, how)
    }
    fn delete(&self, name: &str) -> Result<Deleted> {
        self.0.delete(name)
    }
    fn sweep(&self, prefix: &str, older_than: UnixMs) -> Result<u64> {
        self.0.sweep(prefix, older_than)
    }
}

fn run_options() -> RunOptions {
    RunOptions { threads: 2, scratch: std::env::temp_dir(), ..RunOptions::default() }
}

fn take(repository: &Repository, bytes: &[u8], salt: u32) -> Result<()> {
    let trusted = Trusted::default();
    let options = CreateOptions {
        run: run_options(),
        packing: Packing::default(),
        recipients: None,
        tags: Vec::new(),
        spool: Spool::Disk,
        max_shrink_percent: 50,
        signer: None,
        trusted: &trusted,
        clock: &|| NOW,
        created_at: None,
        salt,
    };
    let origin = Origin::new("dump", Place::Bytes(bytes.to_vec()));
    create(&Taken::One(Box::new(origin)), repository, "prod", &options).map(drop)
}

/// How many backups there are; every one of them is whole.
fn whole(repository: &Repository, about: &str) -> usize {
    let catalog = repository.catalog("prod", &Trusted::default()).expect("a catalog");
    assert_eq!(catalog.unreadable, [], "{about}");
    let options = VerifyOptions {
        level: Level::Full,
        identities: None,
        run: run_options(),
        signer: None,
        record: false,
        clock: &|| NOW,
        salt: 1,
    };
    for backup in &catalog.backups {
        let result = verify(repository, backup, &options).expect("it can be read");
        assert_eq!(result.problem, None, "{about}: {}", backup.name);
    }
    catalog.backups.len()
}

/// A repository over this store, seen through a fault at an operation.
fn through(inner: &Arc<MemoryStore>, at: u64, fault: Fault) -> (Arc<FaultyStore<Behind>>, Result<Repository>) {
    let store = Arc::new(FaultyStore::new(Behind(Arc::clone(inner)), at, fault));
    let repository = Repository::open(Arc::clone(&store) as _);
    (store, repository)
}

const FAULTS: [Fault; 5] =
    [Fault::Fails, Fault::Unheard, Fault::Full(1000), Fault::Flips(1000), Fault::Truncates(1000)];

#[test]
fn whatever_operation_of_a_create_breaks_what_is_recorded_is_whole() {
    let bytes = dump(20, 1);
    let fresh = || {
        let inner = Arc::new(MemoryStore::new());
        let repository = Repository::open_or_create(Arc::clone(&inner) as _, "id", NOW).expect("a repository");
        take(&repository, &bytes, 1).expect("a first one");
        (inner, repository)
    };
    let (inner, _) = fresh();
    let (store, repository) = through(&inner, u64::MAX, Fault::Fails);
    take(&repository.expect("a repository"), &bytes, 2).expect("a second one");
    let operations = store.asked();
    assert!(operations >= 8, "{operations}");
    for fault in FAULTS {
        let mut failed = 0;
        for at in 2..operations {
            let about = format!("{fault:?} at {at} of {operations}");
            let (inner, plain) = fresh();
            let (_, repository) = through(&inner, at, fault);
            let taken = repository.and_then(|repository| take(&repository, &bytes, 2));
            let found = whole(&plain, &about);
            match &taken {
                Ok(()) => assert_eq!(found, 2, "{about}"),
                // Its answer was lost: it may be there, and then it is whole.
                Err(_) => assert!(found == 1 || fault == Fault::Unheard, "{about}: {found}"),
            }
            failed += u32::from(taken.is_err());
            take(&plain, &bytes, 3).unwrap_or_else(|error| panic!("{about}: the next one: {error}"));
        }
        assert!(failed > 0, "{fault:?} breaks nothing");
    }
}

#[test]
fn whatever_operation_of_a_copy_breaks_the_next_one_ends_it() {
    let bytes = dump(20, 1);
    let from = Repository::open_or_create(Arc::new(MemoryStore::new()), "from", NOW).expect("a repository");
    take(&from, &bytes, 1).expect("a backup");
    take(&from, &bytes, 2).expect("a backup");
    let trusted = Trusted::default();
    let salt = std::sync::atomic::AtomicU32::new(1);
    let next = || salt.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
    let options = CopyOptions { run: run_options(), signer: None, trusted: &trusted, clock: &|| NOW, salt: &next };
    let newest = || from.latest("prod", None, &trusted).expect("a backup");
    let fresh = || {
        let inner = Arc::new(MemoryStore::new());
        let repository = Repository::open_or_create(Arc::clone(&inner) as _, "to", NOW).expect("a repository");
        (inner, repository)
    };
    let (inner, _) = fresh();
    let (store, to) = through(&inner, u64::MAX, Fault::Fails);
    copy(&from, &newest(), &to.expect("a repository"), &options).expect("a copy");
    let operations = store.asked();
    assert!(operations > 10, "{operations}");
    for fault in FAULTS {
        for at in 2..operations {
            let about = format!("{fault:?} at {at} of {operations}");
            let (inner, plain) = fresh();
            let (_, to) = through(&inner, at, fault);
            let copied = to.and_then(|to| copy(&from, &newest(), &to, &options));
            let found = whole(&plain, &about);
            assert!(found == 1 || copied.is_err(), "{about}");
            let again = copy(&from, &newest(), &plain, &options).unwrap_or_else(|error| panic!("{about}: {error}"));
            assert_eq!(again.verified.problem, None, "{about}");
            assert_eq!(whole(&plain, &about), 1, "{about}");
        }
    }
}

/// A file system of its own, of one megabyte; gone when dropped.
struct Small(std::path::PathBuf);

impl Small {
    fn mount(at: &std::path::Path) -> Option<Self> {
        std::fs::create_dir_all(at).expect("a folder");
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=1m", "tmpfs"]).arg(at);
        let mounted = mount.output().is_ok_and(|output| output.status.success());
        mounted.then(|| Self(at.to_owned()))
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).status();
    }
}

#[test]
fn a_full_disk_leaves_nothing_and_is_named() {
    let desk = Desk::new();
    // Only root may mount; for others the stores above that are full have to do.
    let Some(_small) = Small::mount(&desk.path("repo")) else { return };
    desk.good(&desk.write("small.rdb", &dump(100, 1)), "prod", &[]);
    let before = desk.objects();
    desk.write("large.rdb", &dump(3000, 2));
    let output = desk.run(&["backup", "create", "large.rdb", "--instance", "prod"]);
    assert_eq!(code(&output), 1, "{}", all(&output));
    assert!(
        all(&output).contains("no space left on device") && all(&output).contains("hint: make room"),
        "{}",
        all(&output)
    );
    assert_eq!(desk.objects(), before);
    assert_eq!(code(&desk.run(&["backup", "verify", "--all", "--level", "full"])), 0);
    // The scratch folder is another disk.
    let Some(_scratch) = Small::mount(&desk.path("scratch")) else { return };
    let large = std::fs::File::open(desk.path("large.rdb")).expect("a file");
    let mut command =
        desk.command(&["backup", "create", "-", "--instance", "prod", "--repo", "roomy", "--scratch", "scratch"]);
    let output = command.stdin(large).output().expect("it runs");
    assert_eq!(code(&output), 1, "{}", all(&output));
    assert_eq!(super::files(&desk.path("roomy")), ["repository.json"]);
}
