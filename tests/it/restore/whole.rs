//! Equal keyspaces: what is restored is what the server has, whatever was there before.

use super::*;

const SERVERS: [&str; 3] = ["redis-7.0", "redis-8.6", "valkey-9.1"];

/// Starts, compares everything, writes a key, starts again: nothing is lost then either.
fn assert_whole(spec: &ServerSpec, dir: &Path, append_only: bool, wanted: &Keyspace, about: &str) {
    let mut running = servers::start(spec, dir, setting(Some(append_only)))
        .unwrap_or_else(|refused| panic!("{about}: {}", refused.log));
    let live = keyspace::live(&mut running.connection()).values_only();
    keyspace::assert_equal(about, &live, wanted);
    if !append_only {
        return;
    }
    let () = redis::cmd("SET").arg("<later>").arg(1).query(&mut running.connection()).expect("a key");
    running.kill().expect("it ends");
    let again = servers::start(spec, dir, setting(Some(true))).expect("it starts again");
    let size: usize = redis::cmd("DBSIZE").query(&mut again.connection()).expect("a size");
    let here = wanted.keys.keys().filter(|(db, _)| *db == 0).count();
    assert_eq!(size, here + 1, "{about}: after a restart");
}

#[test]
fn equal_keyspaces_whatever_was_there() {
    for spec in SERVERS.iter().filter_map(|name| ServerSpec::named(name)) {
        let dump = Dump::of(&spec, NEW);
        for append_only in [Some(true), Some(false), None] {
            for had in [Had::Nothing, Had::Dump, Had::Aof, Had::Both, Had::Legacy] {
                let about = format!("{} {append_only:?} {had:?}", spec.name);
                let dir = data_dir(&spec, had);
                let options = RestoreOptions { append_only, ..options(dir.path()) };
                let (plan, restored) =
                    restored(&dump.path(), dir.path(), &options).unwrap_or_else(|error| panic!("{about}: {error}"));
                assert_eq!(plan.expected.map(|keys| keys.into_values().sum()), Some(NEW.1 as u64 + 1), "{about}");
                assert!(restored.previous_set.is_dir(), "{about}");
                assert!(!dir.path().join(".rediscover-restore").exists(), "{about}");
                // Nothing known: it is right with either.
                let settings = append_only.map_or(vec![false, true], |one| vec![one]);
                for setting in settings {
                    let copy = tempfile::tempdir().expect("a folder");
                    let target = copy.path().join("d");
                    assert!(Command::new("cp").arg("-a").args([dir.path(), &target]).status().expect("cp").success());
                    assert_whole(&spec, &target, setting, &dump.keyspace, &format!("{about}, started with {setting}"));
                }
                // With the other setting a server finds the new keys too, where it found anything before.
                let other = append_only.map(|one| !one);
                let before = match (had, other) {
                    (_, None) | (Had::Nothing, _) => false,
                    (Had::Dump, Some(on)) => !on,
                    (Had::Aof | Had::Legacy, Some(on)) => on,
                    (Had::Both, _) => true,
                };
                if before {
                    assert_eq!(found_on_copy(&spec, dir.path(), other), Found::New, "{about}, with the other setting");
                }
            }
        }
    }
}

#[test]
fn packed_dumps_are_unpacked_and_owners_and_modes_are_kept() {
    let Some(spec) = ServerSpec::named("redis-8.6") else { return };
    let dump = Dump::of(&spec, NEW);
    let packed = dump.folder.path().join("x.rdb.gz");
    let gzip = format!("gzip -c {} > {}", dump.path().display(), packed.display());
    assert!(Command::new("sh").args(["-c", &gzip]).status().expect("gzip").success());
    let dir = data_dir(&spec, Had::Both);
    let file = dir.path().join("dump.rdb");
    fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o640)).expect("a mode");
    let root = dir.path().metadata().expect("facts").uid() == 0;
    if root {
        for path in [file.clone(), dir.path().to_owned()] {
            std::os::unix::fs::chown(path, Some(12_345), Some(12_346)).expect("an owner");
        }
    }
    restored(&packed, dir.path(), &RestoreOptions { append_only: Some(true), ..options(dir.path()) })
        .expect("restored");
    let manifest = dir.path().join("appendonlydir/appendonly.aof.manifest");
    let base = dir.path().join("appendonlydir/appendonly.aof.1.base.rdb");
    for path in [&file, &manifest, &base] {
        let facts = path.metadata().expect("facts");
        assert_eq!(facts.mode() & 0o7777, 0o640, "{}", path.display());
        if root {
            assert_eq!((facts.uid(), facts.gid()), (12_345, 12_346), "{}", path.display());
        }
    }
    assert_whole(&spec, dir.path(), true, &dump.keyspace, "packed");
}

#[test]
fn an_append_only_file_is_restored_as_one_in_parts_or_joined() {
    for spec in SERVERS.iter().filter_map(|name| ServerSpec::named(name)) {
        // Base and increments, the last of them with commands.
        let source = data_dir(&spec, Had::Nothing);
        let mut running = servers::start(&spec, source.path(), setting(Some(true))).expect("a server");
        fill(&mut running.connection(), NEW);
        running.kill().expect("it ends");
        let aof = source.path().join("appendonlydir");

        let dir = data_dir(&spec, Had::Aof);
        let on = RestoreOptions { append_only: Some(true), ..options(dir.path()) };
        restored(&aof, dir.path(), &on).expect("restored");
        assert_eq!(found(&spec, dir.path(), Some(true)), Found::New, "{}: in parts", spec.name);

        // For a server that knows no manifests: one file, which later ones take too.
        let dir = data_dir(&spec, Had::Nothing);
        let old = RestoreOptions {
            append_only: Some(true),
            target: Some("redis-6.2".into()),
            force: true,
            ..options(dir.path())
        };
        restored(&aof, dir.path(), &old).expect("restored");
        assert!(dir.path().join("appendonly.aof").is_file() && !dir.path().join("appendonlydir").exists());
        let single = dir.path().join("single.aof");
        fs::copy(dir.path().join("appendonly.aof"), &single).expect("a copy");
        assert_eq!(found_on_copy(&spec, dir.path(), Some(true)), Found::New, "{}: joined", spec.name);

        // And that file alone.
        let dir = data_dir(&spec, Had::Both);
        let on = RestoreOptions { append_only: Some(true), ..options(dir.path()) };
        restored(&single, dir.path(), &on).expect("restored");
        assert_eq!(found(&spec, dir.path(), Some(true)), Found::New, "{}: one file", spec.name);
        // The old dump is no part of it, and stays.
        assert_eq!(found(&spec, dir.path(), Some(false)), Found::Old, "{}", spec.name);
    }
}

#[test]
fn an_append_only_file_is_restored_as_it_was_at_a_moment() {
    let Some(spec) = ServerSpec::named("redis-8.6") else { return };
    let source = data_dir(&spec, Had::Nothing);
    let args = ["--appendonly", "yes", "--aof-timestamp-enabled", "yes", "--appendfsync", "always"];
    let mut running = servers::start(&spec, source.path(), &args).expect("a server");
    fill(&mut running.connection(), NEW);
    let then = keyspace::now(&mut running.connection());
    std::thread::sleep(std::time::Duration::from_millis(2100));
    let () = redis::cmd("FLUSHALL").query(&mut running.connection()).expect("a mistake");
    running.kill().expect("it ends");
    let origin = origin(&source.path().join("appendonlydir"));
    let moment = rediscover::mend::Moment::Time(UnixMs(then / 1000 * 1000 + 1000));
    let (cut, _) = rediscover::mend::plan_cut(&origin, &moment, &RunOptions::default()).expect("a cut");
    let incoming = Incoming::from_origin(&origin, Some(&cut)).expect("something to restore");
    let dir = data_dir(&spec, Had::Aof);
    let options = RestoreOptions { append_only: Some(true), ..options(dir.path()) };
    let staged = restore::stage(&incoming, dir.path(), &options).expect("staged");
    carried_out(&incoming, staged, dir.path(), &options).expect("restored");
    assert_eq!(found(&spec, dir.path(), Some(true)), Found::New);
}
