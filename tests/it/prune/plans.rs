//! What is planned, what is refused, and what a store keeps.

use super::stock::{DAY, Mortal, NOW, Stock, last, put};
use rediscover::backup::prune::{PruneOptions, execute, plan_prune};
use rediscover::backup::retention::Limit;
use rediscover::base::{Cancel, ErrorKind, UnixMs};
use rediscover::repository::{BackupName, BackupStatus, Level, Repository, Said, Signer, Trusted};
use rediscover::store::{LocalStore, MemoryStore, Store};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

fn memory() -> Stock {
    Stock::new(Arc::new(MemoryStore::new()))
}

fn days(stock: &Stock, days: impl DoubleEndedIterator<Item = i64>) -> Vec<BackupName> {
    days.rev().map(|days| stock.add("prod", days, BackupStatus::Good)).collect()
}

#[test]
fn a_plan_changes_nothing_and_says_what_it_would_do() {
    let stock = memory();
    let names = days(&stock, 1..=5);
    stock.add("stage", 9, BackupStatus::Good);
    let before = stock.store().list("").expect("a list");
    let plan = stock.plan("prod", &last(2));
    assert_eq!(stock.store().list("").expect("a list"), before);
    let kept: Vec<_> = plan.kept.iter().map(|one| one.name.clone()).collect();
    assert_eq!(kept, [names[4].to_string(), names[3].to_string()]);
    assert_eq!(plan.kept[0].reasons, ["the newest good one", "one of the last"]);
    let removed: Vec<_> = plan.removed.iter().map(|one| one.name.clone()).collect();
    assert_eq!(removed, [names[2].clone(), names[1].clone(), names[0].clone()]);
    let folder = stock.store().list(&format!("{}/", names[0])).expect("a list");
    assert_eq!(plan.removed[2].bytes(), folder.iter().map(|object| object.bytes).sum::<u64>());

    let done = stock.prune(&plan).expect("done");
    assert!(done.stopped.is_none() && done.failed.is_empty() && done.locked.is_empty());
    let gone: Vec<_> = done.removed.iter().map(|one| one.name.clone()).collect();
    assert_eq!(gone, [names[0].to_string(), names[1].to_string(), names[2].to_string()], "the oldest first");
    assert_eq!(stock.whole("after").len(), 3, "the other instance is untouched");
    for name in &names[..3] {
        assert_eq!(stock.store().list(&format!("{name}/")).expect("a list"), []);
    }
    let recorded = stock.recorded("prod");
    assert!(plan.removed.iter().all(|one| recorded.get(&one.name.to_string()) == Some(&one.manifest_sha256)));
}

#[test]
fn what_was_said_of_a_backup_counts() {
    let stock = memory();
    let names = days(&stock, 1..=6);
    stock.note(&names[0], Said::Pinned);
    stock.note(&names[1], Said::Verified { level: Level::Full, problem: None, duration_ms: 1 });
    // The newest is broken on the disk: the one before it is the newest good one.
    stock.note(&names[5], Said::Verified { level: Level::Stored, problem: Some("x".into()), duration_ms: 1 });
    let plan = stock.plan("prod", &last(1));
    let reasons: Vec<_> = plan.kept.iter().map(|one| (one.name.clone(), one.reasons.join("; "))).collect();
    let expected = [
        (5, "damaged: one of the newest that are not good; damaged, and no good one is newer"),
        (4, "the newest good one; one of the last"),
        (1, "the newest one verified full"),
        (0, "pinned"),
    ];
    assert_eq!(reasons, expected.map(|(at, why)| (names[at].to_string(), why.to_owned())));
    assert_eq!(plan.warnings, [format!("{}: damaged, and no good one is newer", names[5])]);
}

/// Whoever may write to the store, and not sign, fills no bucket.
#[test]
fn what_others_signed_pushes_nothing_out() {
    let stock = memory();
    let names = days(&stock, 10..=12);
    let (foreign, _) = Signer::generate().expect("a key");
    let foreign = Signer::parse(&foreign).expect("a key");
    let unsigned = stock.add_signed("prod", 2, BackupStatus::Good, None);
    let other = stock.add_signed("prod", 1, BackupStatus::Good, Some(&foreign));
    let plan = stock.plan("prod", &last(2));
    let removed: Vec<_> = plan.removed.iter().map(|one| one.name.to_string()).collect();
    assert_eq!(removed, [names[0].to_string()]);
    for name in [&unsigned, &other] {
        assert!(plan.warnings.iter().any(|text| text.starts_with(&name.to_string())), "{:?}", plan.warnings);
    }
    // Where nobody is known, each counts: there is nothing to tell them by.
    let blind = plan_prune(&stock.repository, "prod", &last(2), &Trusted::default(), NOW).expect("a plan");
    assert_eq!(blind.removed.len(), 3);
}

#[test]
fn a_manifest_that_cannot_be_read_stays() {
    let stock = memory();
    days(&stock, 1..=3);
    let name = BackupName::new("prod", UnixMs(NOW.0 - 9 * DAY), 1).expect("a name");
    put(&**stock.store(), &name.object("manifest.json"), b"{\"schema\": \"rediscover/backup-manifest/v9\"}");
    let plan = stock.plan("prod", &last(1));
    let last_kept = plan.kept.last().expect("it is kept");
    assert_eq!(last_kept.name, name.to_string());
    assert!(last_kept.reasons[0].contains("cannot be read"), "{last_kept:?}");
    assert_eq!((plan.removed.len(), plan.all()), (2, 4));
    stock.prune(&plan).expect("done");
    assert!(stock.store().head(&name.object("manifest.json")).expect("an answer").is_some());
}

#[test]
fn a_plan_that_is_not_true_any_more_is_refused() {
    type Change = fn(&Stock, &[BackupName]);
    let changes: [(&str, Change); 4] = [
        ("a backup appeared", |stock, _| drop(stock.add("prod", 0, BackupStatus::Good))),
        ("one that goes was pinned", |stock, names| stock.note(&names[0], Said::Pinned)),
        ("one that stays was found broken", |stock, names| {
            let problem = Some("x".into());
            stock.note(&names[3], Said::Verified { level: Level::Stored, problem, duration_ms: 1 });
        }),
        ("a manifest was replaced", |stock, names| {
            let object = names[1].object("manifest.json");
            let bytes = stock.repository.bytes(&object).expect("a manifest");
            put(&**stock.store(), &object, &[&bytes[..], b"\n"].concat());
        }),
    ];
    for (what, change) in changes {
        let stock = memory();
        let names = days(&stock, 1..=4);
        let plan = stock.plan("prod", &last(1));
        change(&stock, &names);
        let before = stock.store().list("").expect("a list");
        let error = stock.prune(&plan).expect_err(what);
        assert!(matches!(error.kind(), ErrorKind::Refused { .. }), "{what}: {error}");
        assert_eq!(stock.store().list("").expect("a list"), before, "{what}");
    }
}

/// The clock is asked before each removal: that is when things happen here.
#[test]
fn what_happens_in_the_middle_ends_it_between_two_backups() {
    let at_call = |number: u32, does: &(dyn Fn(&Stock, &[BackupName], &Cancel) -> UnixMs + Sync)| {
        let stock = memory();
        let names = days(&stock, 1..=6);
        let plan = stock.plan("prod", &last(1));
        let (calls, cancel) = (AtomicU32::new(0), Cancel::default());
        let clock = || match calls.fetch_add(1, Ordering::SeqCst) {
            call if call == number => does(&stock, &names, &cancel),
            _ => NOW,
        };
        let done = stock.prune_with(&plan, &clock, cancel.clone()).expect("it had begun");
        let left = stock.whole("stopped").len();
        assert_eq!(left + done.removed.len(), 6);
        assert!(stock.store().list("lock-").expect("a list").is_empty(), "the lock was given back");
        (done.removed.len(), done.stopped.map(|error| error.kind().clone()))
    };
    let (removed, stopped) = at_call(3, &|_, _, cancel| {
        cancel.cancel();
        NOW
    });
    assert_eq!((removed, stopped), (3, Some(ErrorKind::Interrupted)));
    let (removed, stopped) = at_call(2, &|_, _, _| UnixMs(NOW.0 + 3_600_000));
    assert!(removed == 1 && matches!(stopped, Some(ErrorKind::Locked { .. })), "{removed} {stopped:?}");
    let (removed, stopped) = at_call(1, &|stock, names, _| {
        stock.note(&names[1], Said::Pinned);
        NOW
    });
    assert!(removed == 1 && matches!(stopped, Some(ErrorKind::Refused { .. })), "{removed} {stopped:?}");
}

#[test]
fn a_limit_stops_it_before_anything_goes() {
    let stock = memory();
    days(&stock, 1..=5);
    let plan = stock.plan("prod", &last(2));
    for limit in ["3", "60%", "100%"] {
        assert!(plan.check(Limit::parse(limit).expect("a limit")).is_ok(), "{limit}");
    }
    for limit in ["2", "59%", "0"] {
        let limit = Limit::parse(limit).expect("a limit");
        let how = PruneOptions {
            trusted: &stock.trusted,
            signer: Some(&stock.signer),
            owner: "test",
            salt: 1,
            clock: &|| NOW,
            max_remove: Some(limit),
            cancel: Cancel::default(),
        };
        let error = execute(&stock.repository, &plan, &how).expect_err("too much");
        assert!(matches!(error.kind(), ErrorKind::Refused { .. }), "{error}");
        assert!(error.to_string().contains("3 of 5 backups would go"), "{error}");
    }
    assert_eq!(stock.whole("after").len(), 5);
}

#[test]
fn signed_backups_go_only_with_a_signed_record() {
    let stock = memory();
    days(&stock, 1..=3);
    let plan = stock.plan("prod", &last(1));
    let how = PruneOptions {
        trusted: &stock.trusted,
        signer: None,
        owner: "test",
        salt: 1,
        clock: &|| NOW,
        max_remove: None,
        cancel: Cancel::default(),
    };
    let error = execute(&stock.repository, &plan, &how).expect_err("nobody signs");
    assert!(matches!(error.kind(), ErrorKind::Crypto { .. }), "{error}");
    assert_eq!(stock.whole("after").len(), 3);
}

#[test]
fn what_the_store_keeps_is_told_with_until_when() {
    let until = UnixMs(NOW.0 + 30 * DAY);
    for (end, whole, locked) in [("manifest.json", 3, 0), ("dump-1.rdb", 1, 2)] {
        let inner = Arc::new(MemoryStore::new());
        let stock = Stock::new(Arc::new(Mortal { keeps: Some((end, until)), ..Mortal::new(&inner) }));
        days(&stock, 1..=3);
        let done = stock.prune(&stock.plan("prod", &last(1))).expect("done");
        assert!(done.stopped.is_none(), "{:?}", done.stopped);
        assert_eq!(stock.whole("after").len(), whole, "{end}");
        assert_eq!((done.failed.len(), done.locked.len()), (whole - 1, locked), "{end}");
        let said = done.failed.iter().map(|one| &one.locked_until).chain(done.locked.iter().map(|one| &one.until));
        assert!(said.clone().count() == 2 && said.flatten().all(|said| *said == until.to_string()));
    }
}

#[test]
fn remnants_are_swept_when_they_are_a_day_old() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Arc::new(LocalStore::create(folder.path()).expect("a store"));
    let stock = Stock::new(Arc::clone(&store) as _);
    days(&stock, 1..=2);
    // Objects are as old as their files; the name may be as old as the dump that is imported.
    let name = BackupName::new("prod", UnixMs(NOW.0 - 400 * DAY), 1).expect("a name");
    put(&*store, &name.object("dump.rdb"), b"half");
    put(&*store, &name.object("manifest.json.minisig"), b"half");
    put(&*store, "prod/notes.txt", b"what somebody wrote down");
    let written = store.head(&name.object("dump.rdb")).expect("an answer").and_then(|object| object.modified);
    let written = written.expect("a file has a time");
    let plan_at = |ms: i64| {
        let now = UnixMs(written.0 + ms);
        (plan_prune(&stock.repository, "prod", &last(9), &stock.trusted, now).expect("a plan"), now)
    };
    let (young, _) = plan_at(DAY - 1000);
    assert_eq!((young.swept.objects, young.swept.too_young), (0, 2));
    let (old, now) = plan_at(DAY + 60_000);
    assert_eq!((old.swept.objects, old.swept.bytes, old.swept.too_young), (2, 8, 0));
    assert!(old.warnings.iter().any(|text| text.starts_with("prod/notes.txt")), "{:?}", old.warnings);
    let done = stock.prune_with(&old, &move || now, Cancel::default()).expect("done");
    assert_eq!((done.swept.objects, done.swept.bytes), (2, 8));
    assert_eq!(store.list(&format!("{name}/")).expect("a list"), []);
    assert!(store.head("prod/notes.txt").expect("an answer").is_some());
    assert_eq!(stock.whole("after").len(), 2);
}

/// A create that was slow: its manifest comes after the plan to sweep what it wrote.
#[test]
fn a_remnant_that_becomes_a_backup_stays() {
    let inner = Arc::new(MemoryStore::new());
    let stock = Stock::new(Arc::new(Mortal::new(&inner)));
    days(&stock, 1..=2);
    let slow = BackupName::new("prod", UnixMs(NOW.0 - 3 * DAY), 7).expect("a name");
    put(&**stock.store(), &slow.object("dump-0.rdb"), b"half");
    let plan = stock.plan("prod", &last(9));
    assert_eq!(plan.swept.objects, 1);
    let name = stock.add("prod", 3, BackupStatus::Good);
    assert_eq!(name, slow);
    let error = stock.prune(&plan).expect_err("it has changed");
    assert!(matches!(error.kind(), ErrorKind::Refused { .. }), "{error}");
    // And after the second look too.
    inner.delete(&slow.object("manifest.json")).expect("gone");
    let plan = stock.plan("prod", &last(9));
    let calls = AtomicU32::new(0);
    let repository = Repository::open(Arc::clone(stock.store())).expect("a repository");
    let clock = || {
        if calls.fetch_add(1, Ordering::SeqCst) == 1 {
            put(&**repository.store(), &slow.object("manifest.json"), b"{}");
        }
        NOW
    };
    let done = stock.prune_with(&plan, &clock, Cancel::default()).expect("done");
    assert_eq!(done.swept.objects, 0);
    assert!(inner.head(&slow.object("dump-0.rdb")).expect("an answer").is_some());
}
