//! Undone: the folder is as it was, byte for byte.

use super::*;
use rediscover::backup::restore::undo;

#[test]
fn the_folder_is_as_it_was_byte_for_byte() {
    let Some(spec) = ServerSpec::named("redis-7.0") else { return };
    let dump = Dump::of(&spec, NEW);
    for append_only in [Some(true), Some(false), None] {
        for target in [None, Some("redis-6.2".to_owned())] {
            for had in [Had::Nothing, Had::Dump, Had::Aof, Had::Both, Had::Legacy] {
                let about = format!("{append_only:?} {target:?} {had:?}");
                let dir = data_dir(&spec, had);
                let before = listing(dir.path());
                let options =
                    RestoreOptions { append_only, target: target.clone(), force: true, ..options(dir.path()) };
                restored(&dump.path(), dir.path(), &options).unwrap_or_else(|error| panic!("{about}: {error}"));
                assert_ne!(before, listing(dir.path()), "{about}");
                let undone = undo(dir.path(), &options).unwrap_or_else(|error| panic!("{about}: {error}"));
                assert_eq!(undone.kept, None, "{about}");
                assert_eq!(before, listing(dir.path()), "{about}");
            }
        }
    }
}

#[test]
fn what_a_server_has_written_since_is_kept() {
    let Some(spec) = ServerSpec::named("redis-8.6") else { return };
    let dump = Dump::of(&spec, NEW);
    for append_only in [true, false] {
        let dir = data_dir(&spec, Had::Both);
        let before = listing(dir.path());
        let options = RestoreOptions { append_only: Some(append_only), ..options(dir.path()) };
        restored(&dump.path(), dir.path(), &options).expect("restored");
        let running = servers::start(&spec, dir.path(), setting(Some(append_only))).expect("a server");
        let () = redis::cmd("SET").arg("<later>").arg(1).query(&mut running.connection()).expect("a key");
        let () = redis::cmd("SAVE").query(&mut running.connection()).expect("it saves");
        assert!(undo(dir.path(), &options).is_err(), "a server runs there");
        drop(running);
        let undone = undo(dir.path(), &options).expect("undone");
        let kept = undone.kept.expect("a folder");
        assert!(kept.join("dump.rdb").is_file());
        let log = append_only.then(|| kept.join("appendonlydir/appendonly.aof.1.incr.aof"));
        assert!(log.is_none_or(|log| log.is_file()));
        fs::remove_dir_all(&kept).expect("it goes");
        assert_eq!(before, listing(dir.path()));
        assert!(undo(dir.path(), &options).is_err(), "there is nothing more to undo");
    }
}
