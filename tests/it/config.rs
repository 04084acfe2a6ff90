//! `config`, and the files under docs/examples: each is used as it stands, as far as this machine allows.

use crate::support::program::{self, all, code, run, stderr, stdout};
use age::secrecy::ExposeSecret;
use serde_json::Value;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const DUMP: &[u8] = include_bytes!("../../fixtures/rdb/redis-8.0/all-types.rdb");
const RECIPIENT: &str = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p";

fn write(folder: &Path, files: &[(&str, &[u8])]) {
    for (name, bytes) in files {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(path, bytes).expect("a file");
    }
}

fn json(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).expect("a document")
}

fn example(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/examples").join(name);
    fs::read_to_string(path).expect("an example")
}

/// The example's configuration with all that it names, moved below a folder: its servers have become a file.
fn installed(folder: &Path) -> PathBuf {
    let root = folder.display().to_string();
    let text = example("rediscover.toml").replace("\"/var/", &format!("\"{root}/var/"));
    let replicas = text.lines().find(|line| line.starts_with("replicas")).expect("replicas").to_owned();
    let text =
        text.replace("source = \"redis://backup@192.0.2.7:6379\"", "source = \"sessions.rdb\"").replace(&replicas, "");
    let text = text.replace("\"logger\"", "\"true\"");
    write(
        folder,
        &[
            ("etc/rediscover.toml", text.as_bytes()),
            ("etc/recipients.txt", RECIPIENT.as_bytes()),
            ("etc/sessions.password", b"secret\n"),
            ("etc/sessions.rdb", DUMP),
            ("var/lib/redis/dump.rdb", DUMP),
            ("var/lib/node_exporter/textfile_collector/other.prom", b""),
        ],
    );
    fs::create_dir_all(folder.join("var/backups/redis")).expect("a folder");
    fs::set_permissions(folder.join("etc/sessions.password"), fs::Permissions::from_mode(0o600)).expect("a mode");
    folder.join("etc/rediscover.toml")
}

#[test]
fn the_example_is_right_and_shows_no_secret() {
    let folder = tempfile::tempdir().expect("a folder");
    let toml = example("rediscover.toml");
    assert!(toml.contains("redis://backup@192.0.2.7:6379"));
    let file = installed(folder.path());
    // Once as it stands, but for its paths: the server is not connected to.
    let root = folder.path().display().to_string();
    fs::write(&file, toml.replace("\"/var/", &format!("\"{root}/var/"))).expect("a file");
    let file = file.display().to_string();
    let checked = run(folder.path(), &["config", "check", "--config", &file, "--format", "json"]);
    let report = json(&checked.stdout);
    assert_eq!(code(&checked), 0, "{}", all(&checked));
    assert_eq!(report["instances"], 2);
    let severities: Vec<_> =
        report["problems"].as_array().expect("a list").iter().map(|one| &one["severity"]).collect();
    assert_eq!(severities, ["warning"], "only that the repository is new: {report}");

    let shown = run(folder.path(), &["config", "show", "@sessions", "--config", &file, "--format", "json"]);
    let report = json(&shown.stdout);
    let sessions = &report["instances"][0];
    assert_eq!(sessions["source"], "redis://192.0.2.7:6379,192.0.2.8:6379,192.0.2.9:6379");
    assert_eq!(sessions["user"], "backup");
    assert_eq!(sessions["password"], format!("file {root}/etc/sessions.password"));
    assert_eq!(sessions["max_age_seconds"], 26 * 3600);
    assert!(sessions["retention"].as_array().expect("a list").contains(&"keep-daily 7".into()));
    assert!(!stdout(&shown).contains("secret"), "{}", all(&shown));
    let text = run(folder.path(), &["config", "show", "--config", &file]);
    assert!(stdout(&text).contains("keep-hourly 48") && !stdout(&text).contains("secret"), "{}", all(&text));
}

#[test]
fn everything_that_is_wrong_is_listed_with_its_line_and_is_exit_2() {
    let folder = tempfile::tempdir().expect("a folder");
    let text = "[repositories.local]\npath = 'full'\n[defaults]\nrepositry = 'local'\n\
                [instances.a]\nsource = 'gone.rdb'\nrecipients = ['age1nonsense']\n\
                [instances.b]\nsource = 'redis://h'\npassword_file = 'open.password'\n\
                [instances.c]\nsource = 'redis://u:hunter2@h'\npassword = 'hunter2'\n\
                [hooks]\nbefore = ['hooks/none']\nafter = ['no-such-program-anywhere']\n[metrics]\ntextfile = 'none/x.prom'\n";
    write(folder.path(), &[("rediscover.toml", text.as_bytes()), ("full/x", b"x"), ("open.password", b"hunter2")]);
    fs::set_permissions(folder.path().join("open.password"), fs::Permissions::from_mode(0o644)).expect("a mode");
    let checked = run(folder.path(), &["config", "check"]);
    let said = all(&checked);
    assert_eq!(code(&checked), 2, "{said}");
    let flat = stdout(&checked).split_whitespace().collect::<Vec<_>>().join(" ");
    for expected in [
        "rediscover.toml:4: error: defaults: there is no `repositry`; did you mean `repository`?",
        "rediscover.toml:1: error: repositories.local: ",
        "rediscover.toml:6: error: instances.a: ",
        "rediscover.toml:10: warning: instances.b: password_file: everybody on this machine may read ",
        "rediscover.toml:12: error: instances.c: source: redis://u:***@h has a password in it",
        "rediscover.toml:13: error: instances.c.password: a password does not belong into this file",
        "rediscover.toml:15: error: hooks.before: there is no ",
        "rediscover.toml:16: error: hooks.after: there is no no-such-program-anywhere in PATH",
        "rediscover.toml:18: error: metrics.textfile: ",
    ] {
        assert!(flat.contains(expected), "{expected}\n{said}");
    }
    assert!(!said.contains("hunter2"), "{said}");
    let quiet = run(folder.path(), &["config", "check", "-q"]);
    assert_eq!((code(&quiet), stdout(&quiet)), (2, String::new()));
    assert!(stderr(&quiet).lines().count() > 5, "{}", all(&quiet));
}

#[test]
fn a_configuration_is_found_where_it_should_be() {
    let folder = tempfile::tempdir().expect("a folder");
    write(
        folder.path(),
        &[
            ("rediscover.toml", b"[repositories.r]\npath='here'\n[instances.here]\nsource='x'\n"),
            ("other.toml", b"[repositories.r]\npath='there'\n[instances.there]\nsource='x'\n"),
        ],
    );
    let names = |command: &mut Command| {
        let output = command.output().expect("the program starts");
        json(&output.stdout)["instances"][0]["instance"].as_str().map(str::to_owned)
    };
    let show = ["config", "show", "--format", "json"];
    assert_eq!(names(&mut program::program(folder.path(), &show)).as_deref(), Some("here"));
    let mut command = program::program(folder.path(), &show);
    assert_eq!(names(command.env("REDISCOVER_CONFIG", "other.toml")).as_deref(), Some("there"));
    let mut command =
        program::program(folder.path(), &["config", "show", "--format", "json", "--config", "other.toml"]);
    assert_eq!(names(command.env("REDISCOVER_CONFIG", "rediscover.toml")).as_deref(), Some("there"));
    fs::remove_file(folder.path().join("rediscover.toml")).expect("removed");
    let none = run(folder.path(), &["backup", "run", "@all"]);
    assert_eq!(code(&none), if Path::new("/etc/rediscover/rediscover.toml").exists() { code(&none) } else { 2 });
}

#[test]
fn the_cron_line_runs_in_an_empty_environment_and_is_silent() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = installed(folder.path());
    let bin = folder.path().join("bin");
    fs::create_dir_all(&bin).expect("a folder");
    std::os::unix::fs::symlink(program::path(), bin.join("rediscover")).expect("a link");
    let cron = example("rediscover.cron");
    let lines: Vec<&str> = cron.lines().filter(|line| line.starts_with(|c: char| c.is_ascii_digit())).collect();
    assert_eq!(lines.len(), 2);
    for line in lines {
        // Five fields of time, the user, the command.
        let command = line
            .splitn(7, ' ')
            .nth(6)
            .expect("a command")
            .replace("/etc/rediscover/rediscover.toml", &file.display().to_string());
        let path = format!("{}:/usr/bin:/bin", bin.display());
        let mut shell = Command::new("/bin/sh");
        let shell = shell.args(["-c", &command]).env_clear().env("PATH", path).current_dir("/").stdin(Stdio::null());
        let output = shell.output().expect("a shell");
        assert_eq!((code(&output), stdout(&output), stderr(&output)), (0, String::new(), String::new()), "{command}");
    }
}

#[allow(clippy::print_stderr, reason = "what was not tried is said")]
fn skipped(why: &str) {
    eprintln!("skipped: {why}");
}

#[test]
fn the_units_are_what_systemd_takes() {
    let folder = tempfile::tempdir().expect("a folder");
    let service = example("rediscover-backup.service");
    let start = service.lines().find_map(|line| line.strip_prefix("ExecStart=")).expect("a command");
    parses(start.split(' ').skip(1));
    for name in ["rediscover-backup.service", "rediscover-backup.timer"] {
        let text = example(name).replace("/usr/local/bin/rediscover", &program::path().display().to_string());
        fs::write(folder.path().join(name), text).expect("a unit");
    }
    let verify = Command::new("systemd-analyze")
        .arg("verify")
        .args(["--man=no", "--recursive-errors=no", "rediscover-backup.service", "rediscover-backup.timer"])
        .current_dir(folder.path())
        .output();
    let Ok(verify) = verify else {
        skipped("there is no systemd-analyze here");
        return;
    };
    let ours: Vec<_> =
        stderr(&verify).lines().filter(|line| line.contains("rediscover-backup")).map(str::to_owned).collect();
    assert!(verify.status.success() && ours.is_empty(), "{}", all(&verify));
}

/// That the program takes these arguments: `--help` behind them is answered only if those before it are known.
fn parses<'a>(arguments: impl Iterator<Item = &'a str>) {
    let mut arguments: Vec<&str> = arguments.collect();
    arguments.push("--help");
    let output = run(Path::new("/"), &arguments);
    assert_eq!(code(&output), 0, "{arguments:?}\n{}", all(&output));
}

/// The list behind `args:` that begins with this word.
fn arguments(yaml: &str, first: &str) -> Vec<String> {
    let lists = yaml.lines().filter_map(|line| line.trim().strip_prefix("args: "));
    let mut lists = lists.map(|list| serde_json::from_str::<Vec<String>>(list).expect("a list of texts"));
    lists.find(|list| list.first().is_some_and(|word| word == first)).expect("arguments")
}

#[test]
fn the_manifests_are_what_kubernetes_takes() {
    for (name, kind) in [("cronjob.yaml", "CronJob"), ("statefulset.yaml", "StatefulSet")] {
        let text = example(name);
        assert!(text.contains(&format!("kind: {kind}\n")) && !text.contains('\t'), "{name}");
        let script = "import sys, json, yaml; print(json.dumps(yaml.safe_load(sys.stdin)))";
        let parsed = Command::new("python3")
            .args(["-c", script])
            .stdin(
                fs::File::open(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/examples").join(name)).expect("a file"),
            )
            .output();
        match parsed {
            Ok(parsed) if parsed.status.success() => {
                let tree = json(&parsed.stdout);
                let spec = if kind == "CronJob" { &tree["spec"]["jobTemplate"]["spec"] } else { &tree["spec"] };
                assert!(spec["template"]["spec"]["containers"][0]["image"].is_string(), "{tree}");
            }
            _ => skipped(&format!("no python3 with yaml here; {name} was looked at line by line")),
        }
    }
    let run_line = arguments(&example("cronjob.yaml"), "backup");
    parses(run_line.iter().map(String::as_str));
    // And it runs.
    let folder = tempfile::tempdir().expect("a folder");
    let file = installed(folder.path()).display().to_string();
    let identity = age::x25519::Identity::generate();
    fs::write(folder.path().join("etc/recipients.txt"), format!("{}\n", identity.to_public())).expect("a key");
    let state = folder.path().join("state").display().to_string();
    let moved: Vec<String> = run_line
        .iter()
        .map(|word| word.replace("/etc/rediscover/rediscover.toml", &file).replace("/backup/state", &state))
        .collect();
    let output = run(folder.path(), &moved.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(code(&output), 0, "{}", all(&output));
    assert!(Path::new(&state).join("signing.key").exists());

    // The init container: an empty volume gets the backup, and keeps what it has from then on.
    let restore = arguments(&example("statefulset.yaml"), "restore");
    parses(restore.iter().map(String::as_str));
    let data = folder.path().join("data");
    fs::create_dir(&data).expect("a folder");
    fs::write(folder.path().join("identity.txt"), identity.to_string().expose_secret()).expect("a key");
    let root = folder.path().display().to_string();
    let moved: Vec<String> = restore
        .iter()
        .map(|word| word.replace("/backup/redis::", &format!("{root}/var/backups/redis::")))
        .map(|word| word.replace("/etc/rediscover/identity.txt", &format!("{root}/identity.txt")))
        .map(|word| if word == "/data" { data.display().to_string() } else { word })
        .collect();
    let line: Vec<&str> = moved.iter().map(String::as_str).collect();
    for _ in 0..2 {
        let output = run(folder.path(), &line);
        assert_eq!(code(&output), 0, "{}", all(&output));
        assert!(data.join("appendonlydir/appendonly.aof.1.base.rdb").exists(), "{}", all(&output));
        fs::write(data.join("appendonlydir/appendonly.aof.1.incr.aof"), b"").expect("the server writes");
    }
    assert!(data.join("appendonlydir/appendonly.aof.1.incr.aof").exists(), "the second one did nothing");
}
