//! The store, or this program, dies at each operation of a prune.

use super::stock::{DAY, Death, Mortal, NOW, Stock, last, put};
use rediscover::backup::held;
use rediscover::backup::prune::{PruneOptions, execute, plan_prune};
use rediscover::backup::retention::Retention;
use rediscover::base::{Cancel, ErrorKind, UnixMs};
use rediscover::repository::{BackupName, BackupStatus, Level, Repository, Said};
use rediscover::store::{LocalStore, MemoryStore};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Six days of backups, some with things said of them, and what a killed create left three days ago.
fn stocked(inner: &Arc<MemoryStore>) -> Stock {
    let stock = Stock::new(Arc::new(Mortal::new(inner)));
    let names: Vec<_> = (1..=6).rev().map(|days| stock.add("prod", days, BackupStatus::Good)).collect();
    stock.note(&names[0], Said::Pinned);
    stock.note(&names[1], Said::Verified { level: Level::Full, problem: None, duration_ms: 1 });
    stock.note(&names[2], Said::Tagged { add: vec!["x".into()], remove: Vec::new() });
    let remnant = BackupName::new("prod", UnixMs(NOW.0 - 3 * DAY), 9).expect("a name");
    put(&**stock.store(), &remnant.object("dump-0.rdb"), b"half");
    stock
}

/// What a prune at this moment over this store does; whatever happens to it.
fn run(repository: &Repository, stock: &Stock, keep: &Retention, now: UnixMs) -> bool {
    let Ok(plan) = plan_prune(repository, "prod", keep, &stock.trusted, now) else { return false };
    let how = PruneOptions {
        trusted: &stock.trusted,
        signer: Some(&stock.signer),
        owner: "test",
        salt: 2,
        clock: &|| now,
        max_remove: None,
        cancel: Cancel::default(),
    };
    execute(repository, &plan, &how).is_ok_and(|done| done.stopped.is_none())
}

#[test]
fn whatever_operation_it_dies_at_what_has_a_manifest_is_whole_and_the_next_run_ends_it() {
    let keep = last(2);
    let inner = Arc::new(MemoryStore::new());
    let stock = stocked(&inner);
    let before = stock.whole("before");
    let mortal = Arc::new(Mortal::new(&inner));
    let repository = Repository::open(Arc::clone(&mortal) as _).expect("a repository");
    mortal.asked.store(0, Ordering::SeqCst);
    assert!(run(&repository, &stock, &keep, NOW));
    let operations = mortal.asked.load(Ordering::SeqCst);
    let after = stock.whole("after");
    assert_eq!((before.len(), after.len()), (6, 4), "two newest, a pinned one, one verified full");
    assert!(operations > 60, "{operations}");

    let (mut failed, mut halfway) = (0, 0);
    for death in [Death::Once, Death::Unheard, Death::Forever, Death::UnheardForever] {
        for at in 0..operations {
            let about = format!("{death:?} at {at}");
            let inner = Arc::new(MemoryStore::new());
            let stock = stocked(&inner);
            // The first operation of all is the one that opens it.
            let mortal = Mortal::dying(&inner, at + 2, death);
            let repository = Repository::open(Arc::new(mortal)).expect("a repository");
            failed += u32::from(!run(&repository, &stock, &keep, NOW));
            let left = stock.whole(&about);
            assert!(left.is_superset(&after), "{about}: {left:?}");
            halfway += u32::from(left != before && left != after);
            let recorded = stock.recorded("prod");
            for gone in before.difference(&left) {
                assert!(recorded.contains_key(gone), "{about}: nothing says that {gone} was removed");
            }
            // An hour later, when the lock of the dead is nobody's.
            let repository = Repository::open(Arc::new(Mortal::new(&inner))).expect("a repository");
            assert!(run(&repository, &stock, &keep, UnixMs(NOW.0 + 3_600_000)), "{about}: the next run");
            assert_eq!(stock.whole(&about), after, "{about}");
            let catalog = stock.repository.catalog("prod", &stock.trusted).expect("a catalog");
            assert_eq!(catalog.remnants, [], "{about}");
            let locks = held(&stock.repository).expect("a list");
            assert!(locks.iter().all(|lock| !lock.holds(UnixMs(NOW.0 + 3_600_000))), "{about}: {locks:?}");
        }
    }
    assert!(failed > 200 && halfway > 20, "{failed} failed, {halfway} of them halfway");
}

#[test]
fn prunes_at_the_same_time_do_not_meet() {
    let folder = tempfile::tempdir().expect("a folder");
    let stock = Stock::new(Arc::new(LocalStore::create(folder.path()).expect("a store")));
    for days in (1..=12).rev() {
        stock.add("prod", days, BackupStatus::Good);
    }
    let expected: BTreeSet<_> = stock.whole("before").into_iter().rev().take(3).collect();
    std::thread::scope(|scope| {
        for salt in 0..4 {
            let stock = &stock;
            scope.spawn(move || {
                for round in 0..6 {
                    let plan = plan_prune(&stock.repository, "prod", &last(3), &stock.trusted, NOW);
                    // One that is being removed while it is read is no plan.
                    let Ok(plan) = plan else { continue };
                    let how = PruneOptions {
                        trusted: &stock.trusted,
                        signer: Some(&stock.signer),
                        owner: "test",
                        salt: salt * 100 + round,
                        clock: &|| NOW,
                        max_remove: None,
                        cancel: Cancel::default(),
                    };
                    if let Err(error) = execute(&stock.repository, &plan, &how) {
                        let waits = matches!(error.kind(), ErrorKind::Locked { .. } | ErrorKind::Refused { .. });
                        assert!(waits || error.to_string().contains("no such object"), "{error}");
                    }
                }
            });
        }
    });
    assert!(stock.whole("after the race").is_superset(&expected));
    rediscover::backup::unlock(&stock.repository).expect("no lock is left");
    stock.prune(&stock.plan("prod", &last(3))).expect("the last word");
    assert_eq!(stock.whole("after"), expected);
}
