//! `backup prune` and `backup unlock` as they are typed.

use super::stock::Stock;
use crate::support::dumps::program;
use rediscover::repository::{BackupName, BackupStatus};
use rediscover::store::LocalStore;
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::sync::Arc;

/// In days before the clock of the library's tests: some years ago, so that none is of the future here.
const THEN: i64 = 2200;

/// What came back: exit code, stdout, stderr.
struct Said(i32, String, String);

impl Said {
    fn json(&self) -> Value {
        serde_json::from_str(&self.1).unwrap_or_else(|error| panic!("{error}: {}{}", self.1, self.2))
    }
}

struct Here {
    folder: tempfile::TempDir,
    stock: Stock,
}

impl Here {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let state = rediscover::backup::State::new(folder.path().join("state"));
        state.signer().expect("a key");
        let read = |name: &str| fs::read_to_string(folder.path().join("state").join(name)).expect("a key");
        let store = Arc::new(LocalStore::create(&folder.path().join("repo")).expect("a store"));
        let stock = Stock::of(store, &read("signing.key"), &read("signing.pub"));
        Self { folder, stock }
    }

    fn days(&self, instance: &str, days: i64) -> Vec<BackupName> {
        (0..days).rev().map(|day| self.stock.add(instance, THEN + day, BackupStatus::Good)).collect()
    }

    fn run(&self, words: &str) -> Said {
        let words: Vec<_> = std::iter::once("backup").chain(words.split(' ')).collect();
        let mut command = program(&words);
        command.current_dir(self.folder.path());
        command.env("REDISCOVER_REPO", "repo").env("REDISCOVER_STATE", "state");
        command.env_remove("COLUMNS").env_remove("NO_COLOR");
        let output = command.output().expect("the program starts");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Said(output.status.code().unwrap_or(-1), text(&output.stdout), text(&output.stderr))
    }

    fn whole(&self) -> Vec<String> {
        self.stock.whole("here").into_iter().collect()
    }
}

fn names(list: &Value) -> Vec<&str> {
    list.as_array().expect("a list").iter().map(|one| one["name"].as_str().expect("a name")).collect()
}

#[test]
fn without_apply_it_says_loudly_that_nothing_was_removed() {
    let here = Here::new();
    let all = here.days("prod", 5);
    let Said(code, out, err) = here.run("prune --keep-last 2");
    assert_eq!(code, 0, "{err}");
    assert!(out.starts_with("NOTHING WAS REMOVED: this is a plan; 3 backups would go"), "{out}");
    assert!(out.contains("prod: 2 stay, 3 would go") && out.ends_with("next: the same with --apply\n"), "{out}");
    assert!(out.lines().all(|line| line.chars().count() <= 80), "{out}");
    assert!(err.starts_with("rediscover: NOTHING WAS REMOVED: this was a plan; 3 backups would go"), "{err}");
    let quiet = here.run("prune --keep-last 2 -q");
    assert_eq!((quiet.0, quiet.1.as_str()), (0, ""));
    assert!(quiet.2.contains("NOTHING WAS REMOVED"), "cron would never say it: {}", quiet.2);
    assert_eq!(here.whole().len(), 5);

    let said = here.run("prune --keep-last 2 --apply");
    assert_eq!((said.0, said.2.as_str()), (0, ""), "{}", said.1);
    assert!(said.1.starts_with("3 backups removed"), "{}", said.1);
    assert_eq!(here.whole(), [all[3].to_string(), all[4].to_string()]);
    let verified = here.run("verify --all --level stored --no-record");
    assert_eq!(verified.0, 0, "the chain has a gap: {}{}", verified.1, verified.2);

    let again = here.run("prune --keep-last 2 --apply");
    assert_eq!((again.0, again.1.lines().next()), (0, Some("nothing to remove")), "{}", again.2);
    let again = here.run("prune --keep-last 2 -q");
    assert_eq!((again.0, again.1 + &again.2), (0, String::new()), "nothing would go, so nothing is said");
}

#[test]
fn the_document_has_a_reason_for_each() {
    let here = Here::new();
    let all = here.days("prod", 4);
    here.days("stage", 1);
    let said = here.run("prune --keep-daily 2 --format json");
    assert_eq!(said.0, 0, "{}", said.2);
    let plan = said.json();
    assert_eq!((plan["schema"].as_str(), plan["applied"].as_bool()), (Some("rediscover/backup-prune/v1"), Some(false)));
    assert_eq!(names(&plan["removed"]), [all[1].to_string(), all[0].to_string()]);
    for one in ["kept", "removed"].iter().flat_map(|list| plan[*list].as_array().expect("a list")) {
        let reasons = one["reasons"].as_array().expect("reasons");
        assert!(!reasons.is_empty() && reasons.iter().all(Value::is_string), "{one}");
    }
    assert_eq!(plan["removed"][0]["reasons"], serde_json::json!(["daily 2 used up"]));
    let done = here.run("prune --keep-daily 2 --instance prod --apply --format json").json();
    assert_eq!((done["applied"].as_bool(), names(&done["removed"]).len()), (Some(true), 2));
    assert_eq!(names(&done["kept"]).len(), 2, "only of that instance");
    let schema = program(&["schema", "backup-prune"]).output().expect("the program starts").stdout;
    let schema: Value = serde_json::from_slice(&schema).expect("a schema");
    let validator = jsonschema::validator_for(&schema).expect("a schema");
    for document in [&plan, &done] {
        assert!(validator.is_valid(document), "{document}");
    }
}

#[test]
fn what_makes_no_sense_is_exit_2_and_removes_nothing() {
    let here = Here::new();
    here.days("prod", 3);
    for (words, part) in [
        ("prune --apply", "no rule says what stays"),
        ("prune --keep-last 0 --keep-damaged 5 --apply", "no rule says what stays"),
        ("prune --keep-last -1 --apply", "--keep-last"),
        ("prune --keep-daily many --apply", "`unlimited`"),
        ("prune --keep-within 7 --apply", "is not a span"),
        ("prune --keep-within 0h --apply", "no rule says what stays"),
        ("prune --keep-tag a, --apply", "TAG,TAG"),
        ("prune --keep-last 1 --max-remove 101% --apply", "0% to 100%"),
        ("prune --keep-last 1 --timezone Europe/Atlantis --apply", "not a time zone"),
        ("prune --keep-last 1 --plan --apply", "cannot be used with"),
    ] {
        let Said(code, out, err) = here.run(words);
        assert_eq!((code, out.as_str()), (2, ""), "{words}: {err}");
        assert!(err.contains(part), "{words}: {err}");
    }
    let unknown = here.run("prune --keep-last 1 --instance prd --apply");
    assert_eq!(unknown.0, 1);
    assert!(unknown.2.contains("no backup of prd") && unknown.2.contains("backups of prod"), "{}", unknown.2);
    assert_eq!(here.whole().len(), 3);
}

#[test]
fn a_slip_in_a_tag_and_a_limit_stop_one_instance_and_not_the_other() {
    let here = Here::new();
    here.days("prod", 6);
    let slip = here.run("prune --keep-tag god --apply");
    assert_eq!(slip.0, 1, "{}", slip.1);
    assert!(slip.1.contains("keep none of its good backups") && slip.1.contains("6 stay, 0 removed"), "{}", slip.1);
    assert_eq!(here.whole().len(), 6);

    here.days("stage", 3);
    let limited = here.run("prune --keep-last 1 --max-remove 70% --apply --format json");
    assert_eq!(limited.0, 5, "one went well: {}", limited.2);
    let report = limited.json();
    assert_eq!(names(&report["removed"]).len(), 2, "of stage 2 of 3 go, which is 66 %");
    assert_eq!(names(&report["failed"]).len(), 5);
    let reasons = report["exit"]["reasons"].to_string();
    assert!(reasons.contains("5 of 6 backups would go, and --max-remove 70% allows 4"), "{reasons}");
    assert_eq!(here.whole().len(), 7);
    let alone = here.run("prune --keep-last 1 --max-remove 70% --instance prod --apply");
    assert_eq!(alone.0, 1, "{}", alone.1);
}

#[test]
fn a_lock_keeps_it_out_until_it_is_removed_or_ends() {
    let here = Here::new();
    here.days("prod", 3);
    let lock = |name: &str, ends: &str| {
        let text = format!(
            "{{\"schema\":\"rediscover/backup-lock/v1\",\"owner\":\"db1\\u001b process 7\",\"taken_at\":\"2026-01-01T00:00:00Z\",\
             \"expires_at\":\"{ends}\"}}"
        );
        fs::write(here.folder.path().join("repo").join(name), text).expect("a lock");
    };
    lock("lock-1.json", "2100-01-01T00:00:00Z");
    let refused = here.run("prune --keep-last 1 --apply");
    assert_eq!(refused.0, 1, "{}", refused.1);
    assert!(refused.2.contains("db1") && refused.2.contains("backup unlock"), "{}", refused.2);
    assert!(!refused.2.contains('\x1b') && !refused.1.contains('\x1b'));
    assert_eq!(here.whole().len(), 3);
    assert_eq!(here.run("prune --keep-last 1").0, 0, "a plan needs no lock");
    let removed = here.run("unlock --format json").json();
    assert_eq!((removed["removed"][0]["held"].as_bool(), removed["exit"]["code"].as_u64()), (Some(true), Some(0)));
    assert!(here.run("unlock").1.ends_with("there is no lock\n"));

    lock("lock-2.json", "2020-01-01T00:00:00Z");
    assert_eq!(here.run("prune --keep-last 1 --apply").0, 0, "its time is up");
    assert_eq!(here.whole().len(), 1);
    let left = fs::read_dir(here.folder.path().join("repo")).expect("a folder").flatten();
    assert!(left.map(|entry| entry.file_name()).all(|name| !name.to_string_lossy().starts_with("lock-")));
}

/// What a killed create, or a killed prune, has left.
#[test]
fn remnants_go_after_a_day_and_unfinished_files_with_them() {
    let here = Here::new();
    here.days("prod", 2);
    let old = std::time::SystemTime::now() - std::time::Duration::from_hours(48);
    let put = |path: &str, is_old: bool| {
        let path = here.folder.path().join("repo").join(path);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        let file = fs::File::create(&path).expect("a file");
        file.set_len(1000).expect("bytes");
        if is_old {
            file.set_modified(old).expect("a time");
        }
        path
    };
    let gone = [
        put("prod/20200101T030000.000Z-00000a/dump.rdb.zst", true),
        put("prod/20200101T030000.000Z-00000a/manifest.json.minisig", true),
        put("prod/20200102T030000.000Z-00000b/.rediscover-abc", true),
    ];
    let young = put("prod/20200103T030000.000Z-00000c/dump.rdb.zst", false);
    let plan = here.run("prune --keep-last 5");
    assert!(plan.1.contains("2 objects of unfinished backups would go"), "{}", plan.1);
    assert!(plan.1.contains("1 object of no backup left alone"), "{}", plan.1);
    assert!(gone.iter().all(|path| path.exists()));
    let done = here.run("prune --keep-last 5 --apply");
    assert_eq!(done.0, 0, "{}", done.2);
    assert!(gone.iter().all(|path| !path.exists()), "{}", done.1);
    assert!(young.exists());
    assert_eq!(here.whole().len(), 2);
}

/// Where nothing may be written, nothing is half removed.
#[test]
fn a_repository_that_cannot_be_written_is_said() {
    let here = Here::new();
    here.days("prod", 3);
    let state = here.folder.path().join("state");
    fs::write(state.join("signing.key"), "no key").expect("a file");
    let refused = here.run("prune --keep-last 1 --apply");
    assert_eq!(refused.0, 1, "{}", refused.1);
    assert!(refused.2.contains("signing.key"), "{}", refused.2);
    assert_eq!(here.whole().len(), 3);
    let missing = here.run("prune --keep-last 1 --repo nowhere");
    assert_eq!(missing.0, 1, "{}", missing.1);
    assert!(!Path::new("nowhere").exists() && !here.folder.path().join("nowhere").exists());
}
