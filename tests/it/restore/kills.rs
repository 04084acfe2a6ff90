//! Killed at every step: a real server finds the old keys, the new ones, or refuses; a second run brings the new ones, an
//! undoing the old ones.

use super::*;
use crate::support::dumps::program;
use rediscover::backup::restore::{recover, undo};

struct Scene<'a> {
    spec: &'a ServerSpec,
    dump: &'a Dump,
    append_only: Option<bool>,
    had: Had,
}

impl Scene<'_> {
    fn about(&self, step: usize) -> String {
        format!("{} {:?} {:?}, killed before change {step}", self.spec.name, self.append_only, self.had)
    }

    /// A folder with what was there, and a restore killed after so many changes; none if it came to its end.
    fn killed(&self, step: usize) -> Option<tempfile::TempDir> {
        let dir = data_dir(self.spec, self.had);
        let options = RestoreOptions { stop_after: Some(step), ..self.options(dir.path()) };
        match restored(&self.dump.path(), dir.path(), &options) {
            Ok(_) => None,
            Err(error) => {
                assert_eq!(error.kind(), &ErrorKind::Interrupted, "{}: {error}", self.about(step));
                Some(dir)
            }
        }
    }

    fn options(&self, dir: &Path) -> RestoreOptions {
        RestoreOptions { append_only: self.append_only, ..options(dir) }
    }

    fn settings(&self) -> Vec<Option<bool>> {
        self.append_only.map_or(vec![Some(false), Some(true)], |one| vec![Some(one)])
    }

    fn again(&self, dir: &Path, about: &str) {
        let options = self.options(dir);
        recover(dir, &options).unwrap_or_else(|error| panic!("{about}: {error}"));
        restored(&self.dump.path(), dir, &options).unwrap_or_else(|error| panic!("{about}: {error}"));
        for setting in self.settings() {
            assert_eq!(found_on_copy(self.spec, dir, setting), Found::New, "{about}: the second run");
        }
    }

    /// Every step; says how many there are.
    fn play(&self) -> usize {
        let untouched = data_dir(self.spec, self.had);
        let before: Vec<_> =
            self.settings().into_iter().map(|one| (one, found_on_copy(self.spec, untouched.path(), one))).collect();
        let mut step = 0;
        while let Some(dir) = self.killed(step) {
            let about = self.about(step);
            let mut found_now = Vec::new();
            for (setting, before) in &before {
                let found = found_on_copy(self.spec, dir.path(), *setting);
                assert!([*before, Found::New, Found::Refused].contains(&found), "{about}: {found:?} with {setting:?}");
                found_now.push(found);
            }
            // The same folder always comes to the same end.
            let ends: Vec<_> = (0..2)
                .map(|_| {
                    let dir = self.killed(step).expect("killed again");
                    let recovered = recover(dir.path(), &self.options(dir.path())).expect("recovered");
                    assert!(!dir.path().join(".rediscover-restore").exists(), "{about}");
                    let after = found_on_copy(self.spec, dir.path(), self.settings()[0]);
                    assert!([before[0].1, Found::New].contains(&after), "{about}: {after:?} after it was put in order");
                    std::mem::discriminant(&recovered)
                })
                .collect();
            assert_eq!(ends[0], ends[1], "{about}");

            // A server that starts meanwhile changes nothing of it.
            let met = self.killed(step).expect("killed again");
            found(self.spec, met.path(), self.settings()[0]);
            self.again(met.path(), &format!("{about}, a server was there"));

            let back = self.killed(step).expect("killed again");
            let begun = recover(back.path(), &RestoreOptions { ..self.options(back.path()) }).expect("recovered");
            let finished = matches!(begun, rediscover::backup::restore::Recovered::Finished { .. });
            if finished {
                undo(back.path(), &self.options(back.path())).unwrap_or_else(|error| panic!("{about}: {error}"));
            }
            for (setting, before) in &before {
                assert_eq!(found_on_copy(self.spec, back.path(), *setting), *before, "{about}: undone");
            }
            let direct = self.killed(step).expect("killed again");
            let undone = undo(direct.path(), &self.options(direct.path()));
            // Before the first change there is nothing to undo.
            assert_eq!(undone.is_err(), step == 0, "{about}: {undone:?}");
            for (setting, before) in &before {
                assert_eq!(found_on_copy(self.spec, direct.path(), *setting), *before, "{about}: undone at once");
            }
            self.again(dir.path(), &about);
            step += 1;
        }
        step
    }
}

#[test]
fn a_restore_killed_before_any_change() {
    let Some(spec) = ServerSpec::named("redis-8.6") else { return };
    let dump = Dump::of(&spec, NEW);
    for append_only in [Some(true), Some(false), None] {
        for had in [Had::Nothing, Had::Dump, Had::Aof, Had::Both, Had::Legacy] {
            let steps = Scene { spec: &spec, dump: &dump, append_only, had }.play();
            assert!(steps >= 8, "{append_only:?} {had:?}: {steps}");
        }
    }
}

#[test]
fn a_restore_killed_before_any_change_on_other_servers() {
    for name in ["redis-7.0", "redis-7.4", "redis-8.0", "valkey-8.1", "valkey-9.1"] {
        let Some(spec) = ServerSpec::named(name) else { continue };
        let dump = Dump::of(&spec, NEW);
        for append_only in [Some(true), Some(false)] {
            Scene { spec: &spec, dump: &dump, append_only, had: Had::Both }.play();
        }
    }
}

#[test]
fn an_undoing_killed_before_any_change() {
    let Some(spec) = ServerSpec::named("valkey-9.1") else { return };
    let dump = Dump::of(&spec, NEW);
    for (append_only, had) in
        [(true, Had::Both), (true, Had::Aof), (false, Had::Dump), (false, Had::Both), (true, Had::Nothing)]
    {
        let mut step = 0;
        loop {
            let about = format!("{append_only} {had:?} {step}");
            let dir = data_dir(&spec, had);
            let before = listing(dir.path());
            let options = RestoreOptions { append_only: Some(append_only), ..options(dir.path()) };
            restored(&dump.path(), dir.path(), &options).expect("restored");
            let killed = undo(dir.path(), &RestoreOptions { stop_after: Some(step), ..options.clone() });
            if killed.is_ok() {
                break;
            }
            let found = found_on_copy(&spec, dir.path(), Some(append_only));
            let was = if had == Had::Nothing { Found::Nothing } else { Found::Old };
            assert!([was, Found::New, Found::Refused].contains(&found), "{about}: {found:?}");
            undo(dir.path(), &options).unwrap_or_else(|error| panic!("{about}: {error}"));
            let after: Vec<_> = listing(dir.path()).into_iter().filter(|line| !line.starts_with("pre-undo-")).collect();
            assert_eq!(before, after, "{about}");
            step += 1;
        }
        assert!(step >= 5, "{append_only} {had:?}: {step}");
    }
}

/// The program, killed at any moment.
#[test]
fn a_restore_killed_at_random_moments() {
    let Some(spec) = ServerSpec::named("redis-8.6") else { return };
    let dump = Dump::of(&spec, NEW);
    let source = dump.path();
    let source = source.to_str().expect("a path");
    let arguments = |dir: &Path| {
        let dir = dir.to_str().expect("a path").to_owned();
        program(&["restore", source, "--to", &dir, "--appendonly", "yes", "-q"])
    };
    let mut seen = std::collections::BTreeSet::new();
    for round in 0..50u64 {
        let dir = data_dir(&spec, Had::Both);
        let mut child = arguments(dir.path()).spawn().expect("the program");
        std::thread::sleep(std::time::Duration::from_micros(2000 + round * 1300));
        drop(child.kill());
        child.wait().expect("it ends");
        let found = found_on_copy(&spec, dir.path(), Some(true));
        assert_ne!(found, Found::Nothing, "round {round}");
        seen.insert(format!("{found:?}"));
        let again = arguments(dir.path()).output().expect("the program");
        assert!(again.status.success(), "round {round}: {}", String::from_utf8_lossy(&again.stderr));
        assert_eq!(found_on_copy(&spec, dir.path(), Some(true)), Found::New, "round {round}");
    }
    assert!(seen.contains("New") || seen.contains("Old"), "{seen:?}");
}
