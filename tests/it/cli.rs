//! What a user types and what comes back: exit code, stdout and stderr together.

use std::io::Write;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

/// A whole dump without keys: RDB 11, checksum off.
const EMPTY: &[u8] = b"REDIS0011\xff\0\0\0\0\0\0\0\0";

/// The program, in a surrounding that is the same everywhere. `REDISCOVER_BIN` points at another build.
fn rediscover(folder: &Path, arguments: &[&str]) -> Command {
    let program = std::env::var_os("REDISCOVER_BIN").unwrap_or_else(|| env!("CARGO_BIN_EXE_rediscover").into());
    let mut command = Command::new(program);
    command.args(arguments).current_dir(folder).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    for name in ["NO_COLOR", "COLUMNS", "TMPDIR", "CLICOLOR_FORCE"] {
        command.env_remove(name);
    }
    command
}

fn folder(files: &[(&str, &[u8])]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for (name, bytes) in files {
        std::fs::write(folder.path().join(name), bytes).expect("a file");
    }
    folder
}

fn run_in(folder: &Path, arguments: &[&str]) -> Output {
    rediscover(folder, arguments).output().expect("the program starts")
}

fn run(arguments: &[&str]) -> Output {
    run_in(folder(&[]).path(), arguments)
}

/// Exit code, stdout and stderr as one text.
fn all(output: &Output) -> String {
    format!(
        "exit: {}\n--- stdout\n{}--- stderr\n{}",
        output.status.code().unwrap_or(-1),
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

fn code(output: &Output) -> i32 {
    output.status.code().unwrap_or(-1)
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn help_of_every_command() {
    insta::assert_snapshot!("help", all(&run(&["--help"])));
    for command in ["analyze", "check", "keys", "timeline", "schema", "completions", "man"] {
        let long = all(&run(&[command, "--help"]));
        assert_eq!(long, all(&run(&[command, "-h"])), "{command}");
        insta::assert_snapshot!(format!("help_{command}"), long);
    }
}

#[test]
fn what_cannot_be_understood_is_exit_2() {
    let nothing = run(&[]);
    assert_eq!(code(&nothing), 2);
    insta::assert_snapshot!("unknown_command", all(&run(&["chek", "x.rdb"])));
    insta::assert_snapshot!("unknown_target", all(&run(&["check", "x.rdb", "--target", "redis-9"])));
    insta::assert_snapshot!(
        "usage_error_as_json",
        all(&run(&["check", "x.rdb", "--format", "json", "--target", "no"]))
    );
    for wrong in [
        &["check"][..],
        &["check", "x.rdb", "--lossy"],
        &["check", "x.rdb", "--format", "html"],
        &["check", "x.rdb", "--db", "0"],
        &["check", "x.rdb", "--maxmemory", "lots"],
        &["check", "a.rdb", "b.rdb", "--expect-sha256", &"0".repeat(64)],
        &["check", "x.rdb", "--scratch", "no/such/folder"],
        &["analyze", "x.rdb", "--type", "table"],
        &["analyze", "x.rdb", "--regex", "("],
        &["analyze", "x.rdb", "--slot", "9-3"],
        &["analyze", "x.rdb", "--as-of", "yesterday"],
        &["analyze", "x.rdb", "--tz", "Mars/Olympus"],
        &["analyze", "x.rdb", "--max-memory", "1kb"],
        &["analyze", "x.rdb", "-q", "-v"],
        &["analyze", "x.rdb", "--format", "sarif"],
        &["analyze", "-", "-"],
        &["keys", "x.rdb", "--columns", "key,bytes"],
        &["keys", "x.rdb", "--sort", "bytes"],
        &["keys", "x.rdb", "--sort", "key:up"],
        &["keys", "x.rdb", "--format", "json"],
        &["keys", "x.rdb", "--limit", "-1"],
        &["keys", "x.rdb", "--target", "redis-9"],
        &["man", "nothing"],
    ] {
        let output = run(wrong);
        assert_eq!(code(&output), 2, "{wrong:?}: {}", all(&output));
        assert!(output.stdout.is_empty() && !output.stderr.is_empty(), "{wrong:?}");
    }
}

#[test]
fn sources_that_are_no_files_say_so() {
    let here = folder(&[("notes.txt", b"hello")]);
    let say = |arguments: &[&str]| all(&run_in(here.path(), arguments));
    insta::assert_snapshot!("folder_without_dumps", say(&["check", "."]));
    insta::assert_snapshot!("glob_without_match", say(&["analyze", "*.rdb"]));
    insta::assert_snapshot!("s3_source", say(&["check", "s3://bucket/folder/"]));
    insta::assert_snapshot!("password_in_a_url", say(&["check", "redis://admin:hunter2@db:6379"]));
    insta::assert_snapshot!("failure_as_json", say(&["check", ".", "--format", "json"]));
}

#[test]
fn completions_man_and_schema_are_there() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let output = run(&["completions", shell]);
        assert_eq!(code(&output), 0);
        assert!(String::from_utf8_lossy(&output.stdout).contains("expect-sha256"), "{shell}");
    }
    let page = run(&["man", "check"]);
    assert_eq!(code(&page), 0);
    assert!(String::from_utf8_lossy(&page.stdout).contains(".TH rediscover-check 1"));

    let pages = folder(&[]);
    assert_eq!(code(&run_in(pages.path(), &["man", "--dir", "man1"])), 0);
    let mut names: Vec<_> = std::fs::read_dir(pages.path().join("man1"))
        .expect("a folder")
        .map(|entry| entry.expect("an entry").file_name().into_string().expect("UTF-8"))
        .collect();
    names.sort();
    assert_eq!(names.first().map(String::as_str), Some("rediscover-analyze.1"));
    assert_eq!(names.len(), 14);

    for (arguments, pointer) in [
        (&["schema", "check"][..], "/properties/sources"),
        (&["schema", "analyze"], "/properties/keyspace"),
        (&["schema"], "/check/properties/exit"),
    ] {
        let output = run(arguments);
        assert_eq!(code(&output), 0);
        let schema: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
        assert!(schema.pointer(pointer).is_some(), "{arguments:?}");
    }
}

#[test]
fn an_output_file_is_written_whole_and_beside_nothing() {
    let here = folder(&[("schema.json", b"old"), ("dump.rdb", EMPTY)]);
    let output = run_in(here.path(), &["schema", "check", "-o", "schema.json"]);
    assert_eq!(all(&output), "exit: 0\n--- stdout\n--- stderr\n");
    let written = std::fs::read(here.path().join("schema.json")).expect("the file");
    assert!(serde_json::from_slice::<serde_json::Value>(&written).is_ok());
    assert_eq!(std::fs::read_dir(here.path()).expect("a folder").count(), 2);

    let failed = run_in(here.path(), &["schema", "-o", "no/such/folder/schema.json"]);
    assert_eq!(code(&failed), 1);
    assert!(stderr(&failed).contains("cannot write: no such file"), "{}", stderr(&failed));

    // A device is written as it is, not replaced.
    assert_eq!(code(&run_in(here.path(), &["schema", "-o", "/dev/null"])), 0);
    assert!(!std::fs::metadata("/dev/null").expect("a device").is_file());

    let input = run_in(here.path(), &["check", "dump.rdb", "-o", "./dump.rdb"]);
    assert_eq!(code(&input), 2);
    assert_eq!(std::fs::read(here.path().join("dump.rdb")).expect("the file"), EMPTY);
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let mut child = rediscover(Path::new("/"), &["completions", "bash"]).spawn().expect("the program starts");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("it ends");
    assert_eq!((code(&output), stderr(&output).as_str()), (0, ""));
}

#[test]
fn messages_go_to_the_log_file_too() {
    let here = folder(&[]);
    let output = run_in(here.path(), &["check", "*.rdb", "--log-format", "json", "--log-file", "log"]);
    assert_eq!(code(&output), 1);
    let log = std::fs::read_to_string(here.path().join("log")).expect("the log");
    assert_eq!(log, stderr(&output));
    let line: serde_json::Value = serde_json::from_str(&log).expect("one JSON line");
    assert_eq!((line["level"].as_str(), line["message"].as_str()), (Some("error"), Some("*.rdb matches nothing")));
}

/// What needs dumps to be read.
mod reading {
    use super::*;
    use serde_json::Value;

    fn json(output: &Output) -> Value {
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {}", all(output)))
    }

    #[test]
    fn an_empty_dump_is_intact() {
        let here = folder(&[("dump.rdb", EMPTY)]);
        let output = run_in(here.path(), &["check", "dump.rdb"]);
        assert_eq!(code(&output), 0, "{}", all(&output));
        assert!(String::from_utf8_lossy(&output.stdout).starts_with("dump.rdb: intact\n"), "{}", all(&output));

        let report = json(&run_in(here.path(), &["check", "eu=dump.rdb", "--format", "json", "--hash", "sha256,md5"]));
        assert_eq!(report["schema"], "rediscover/check/v1");
        assert_eq!(report["exit"]["code"], 0);
        assert_eq!(report["sources"][0]["source"], "eu");
        assert_eq!(report["sources"][0]["verdict"], "intact");
        assert_eq!(report["provenance"]["sources"][0]["bytes"], 18);
        assert!(report["provenance"]["sources"][0]["sha256"].is_string());
        assert!(report["provenance"]["sources"][0]["sha1"].is_null());

        let output = run_in(here.path(), &["analyze", "dump.rdb", "--format", "json"]);
        assert_eq!((code(&output), &json(&output)["keyspace"]["keys"]), (0, &0.into()));
        assert_eq!(all(&run_in(here.path(), &["check", "-q", "dump.rdb"])), "exit: 0\n--- stdout\n--- stderr\n");
    }

    #[test]
    fn the_name_of_the_output_file_decides_the_form() {
        let here = folder(&[("dump.rdb", EMPTY)]);
        for (name, pointer) in [("a.json", "/sources/0/verdict"), ("a.sarif", "/runs/0/tool")] {
            assert_eq!(code(&run_in(here.path(), &["check", "dump.rdb", "-o", name])), 0);
            let written = std::fs::read(here.path().join(name)).expect("the file");
            let document: Value = serde_json::from_slice(&written).expect("JSON");
            assert!(document.pointer(pointer).is_some(), "{name}");
        }
    }

    #[test]
    fn damage_is_3_whatever_else_happens() {
        let here = folder(&[("good.rdb", EMPTY), ("cut.rdb", &EMPTY[..5])]);
        let codes = |arguments: &[&str]| code(&run_in(here.path(), arguments));
        for command in ["check", "analyze"] {
            assert_eq!(codes(&[command, "cut.rdb"]), 3, "{command}");
            assert_eq!(codes(&[command, "good.rdb", "cut.rdb"]), 3, "{command}");
            assert_eq!(codes(&[command, "good.rdb", "cut.rdb", "gone.rdb"]), 3, "{command}");
            assert_eq!(codes(&[command, "good.rdb", "gone.rdb"]), 5, "{command}");
            assert_eq!(codes(&[command, "gone.rdb"]), 1, "{command}");
            assert_eq!(codes(&[command, "good.rdb", "--expect-sha256", &"0".repeat(64)]), 3, "{command}");
        }
        let quiet = run_in(here.path(), &["check", "-q", "good.rdb", "cut.rdb", "gone.rdb"]);
        assert!(quiet.stdout.is_empty());
        let lines = stderr(&quiet);
        let lines: Vec<_> = lines.lines().collect();
        assert_eq!(lines.len(), 2, "{lines:?}");
        assert!(lines[0].starts_with("gone.rdb: cannot open: no such file or directory"), "{lines:?}");
        assert!(lines[1].starts_with("cut.rdb: truncated"), "{lines:?}");
    }

    #[test]
    fn the_restore_gate() {
        let here = folder(&[("dump.rdb", EMPTY)]);
        let codes = |arguments: &[&str]| code(&run_in(here.path(), arguments));
        assert_eq!(codes(&["check", "dump.rdb", "--target", "redis-7.2.4"]), 0);
        assert_eq!(codes(&["check", "dump.rdb", "--target", "redis-8"]), 0);
        let refused = run_in(here.path(), &["check", "dump.rdb", "--target", "redis-4.0", "-q"]);
        assert_eq!(code(&refused), 3);
        assert!(stderr(&refused).starts_with("dump.rdb: redis-4.0 will not load it: "), "{}", all(&refused));
    }

    fn feed(arguments: &[&str], bytes: &[u8]) -> Child {
        let mut child =
            rediscover(Path::new("/"), arguments).stdin(Stdio::piped()).spawn().expect("the program starts");
        child.stdin.as_mut().expect("stdin").write_all(bytes).expect("it reads");
        child
    }

    #[test]
    fn standard_input_is_a_source() {
        let output = feed(&["check", "-"], EMPTY).wait_with_output().expect("it ends");
        assert_eq!(code(&output), 0, "{}", all(&output));
    }

    /// The pipe stays open and silent: the read would wait for ever.
    #[test]
    fn a_signal_ends_a_run_that_waits() {
        for (signal, expected) in [("INT", 130), ("TERM", 143)] {
            let mut child = feed(&["check", "-"], &EMPTY[..9]);
            let stdin = child.stdin.take();
            std::thread::sleep(std::time::Duration::from_millis(300));
            let sent = Command::new("kill").args(["-s", signal, &child.id().to_string()]).status();
            assert!(sent.expect("kill").success());
            let output = child.wait_with_output().expect("it ends");
            drop(stdin);
            assert_eq!(all(&output), format!("exit: {expected}\n--- stdout\n--- stderr\nrediscover: interrupted\n"));
        }
    }
}
