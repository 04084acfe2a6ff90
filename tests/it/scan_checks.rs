//! `scan`: what the whole dump, a tree of files and a server's log say, of real servers where they can make it.

use crate::support::dumps::{fixtures, program};
use crate::support::rdb::Builder;
use crate::support::servers::{ServerSpec, start};
use crate::support::stage::Stage;
use serde_json::Value;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Output;
use std::time::Duration;

fn run(arguments: &[&str]) -> Output {
    let all: Vec<_> = ["scan"].iter().chain(arguments).copied().collect();
    program(&all).output().expect("it runs")
}

/// The report, and the exit code.
fn scan(arguments: &[&str]) -> (Value, i32) {
    let output = run(&[arguments, &["--format", "json"]].concat());
    let code = output.status.code().expect("an exit code");
    let report = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)));
    (report, code)
}

/// Rule, severity, and the path or what was found, of everything but versions.
fn found(report: &Value) -> Vec<(String, String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let findings = report["findings"].as_array().expect("findings");
    let all = findings.iter().filter(|finding| !text(&finding["rule"]).starts_with("RD-CVE"));
    all.map(|finding| {
        let name = &finding["element"]["name"];
        let what = if finding["where"] == "file" && name.is_string() { text(name) } else { text(&finding["match"]) };
        (text(&finding["rule"]), text(&finding["severity"]), what)
    })
    .collect()
}

fn rules(report: &Value) -> Vec<String> {
    found(report).into_iter().map(|(rule, ..)| rule).collect()
}

fn shown(path: &Path) -> &str {
    path.to_str().expect("a path")
}

fn write(root: &Path, name: &str, bytes: &[u8]) {
    let path = root.join(name);
    fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
    fs::write(path, bytes).expect("a file");
}

fn dump() -> Vec<u8> {
    Builder::redis(11).string(b"backup1", b"\n\n*/2 * * * * root echo DEFANGED\n\n").finish()
}

#[test]
fn sound_dumps_of_real_servers_give_facts_alone() {
    let mut arguments: Vec<String> = fixtures().into_iter().map(|dump| dump.path.display().to_string()).collect();
    arguments.sort();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let (report, _) = scan(&arguments);
    let rules =
        "RD-KEY-002 RD-MOD-001 RD-MOD-002 RD-REP-003 RD-FMT-001 RD-FMT-002 RD-FMT-003 RD-RANSOM-002 RD-SESS-001";
    let graver: Vec<_> = found(&report).into_iter().filter(|(rule, ..)| rules.contains(rule.as_str())).collect();
    assert_eq!(graver, []);
}

#[test]
fn a_program_given_as_a_dump_is_a_finding_and_not_only_unsupported() {
    let folder = tempfile::tempdir().expect("a folder");
    write(folder.path(), "evil.rdb", &[b"\x7fELF\x02\x01\x01\0".as_slice(), &[0; 56]].concat());
    let (report, code) = scan(&[shown(&folder.path().join("evil.rdb"))]);
    assert_eq!(rules(&report), ["RD-MOD-001"]);
    assert_eq!(report["findings"][0]["severity"], "critical");
    assert_eq!(code, 3, "it is no dump: 3 comes before 4");
}

#[test]
fn a_replica_libraries_and_settings_show_in_dumps_of_real_servers() {
    let Some(spec) = ServerSpec::named("redis-8.6") else { return };
    let port = TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("a port").port();
    let port = port.to_string();
    let arguments = ["--port", &port, "--repl-diskless-sync-delay", "0", "--rdbcompression", "no"];
    let fill = |connection: &mut redis::Connection| {
        let code = "#!lua name=mylib\nredis.register_function('f', function() return 1 end)";
        redis::cmd("FUNCTION").arg("LOAD").arg(code).exec(connection).expect("it loads");
        for n in 0..8 {
            redis::cmd("SET").arg(format!("k{n}")).arg("a".repeat(300)).exec(connection).expect("it is set");
        }
    };
    let master = Stage::new(&spec, &arguments, fill);
    let (report, _) = scan(&[shown(&master.path("dump.rdb"))]);
    let mut own = rules(&report);
    own.sort();
    assert_eq!(own, ["RD-LUA-005", "RD-RAW-001"]);
    let library =
        report["findings"].as_array().expect("findings").iter().find(|finding| finding["rule"] == "RD-LUA-005");
    assert_eq!(library.expect("a library")["element"]["name"], "mylib");

    let replica = Stage::new(&spec, &["--replicaof", &format!("127.0.0.1 {port}")], |connection| {
        for _ in 0..500 {
            let keys: u64 = redis::cmd("DBSIZE").query(connection).expect("a number");
            if keys == 8 {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("it did not synchronize");
    });
    let (report, _) = scan(&[shown(&replica.path("dump.rdb"))]);
    assert!(rules(&report).contains(&"RD-REP-002".to_owned()), "{:?}", found(&report));
    assert!(!rules(&report).contains(&"RD-RAW-001".to_owned()), "the replica compresses");
}

#[test]
fn a_flush_is_found_in_the_log_of_commands_with_its_line() {
    let Some(spec) = ServerSpec::named("valkey-8.1") else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let server =
        start(&spec, folder.path(), &["--appendonly", "yes"]).unwrap_or_else(|refused| panic!("{}", refused.log));
    let mut connection = server.connection();
    redis::cmd("SET").arg("a").arg("b").exec(&mut connection).expect("it is set");
    redis::cmd("FLUSHALL").exec(&mut connection).expect("it is emptied");
    drop(server);
    let (report, code) = scan(&[shown(folder.path())]);
    let all: Vec<_> = found(&report).into_iter().filter(|(rule, ..)| rule == "RD-RANSOM-002").collect();
    assert_eq!(all.len(), 1, "{all:?}");
    assert_eq!((all[0].1.as_str(), all[0].2.to_ascii_lowercase().as_str()), ("high", "flushall"));
    assert_eq!(code, 4);
    assert!(report["findings"].as_array().expect("findings").iter().any(|finding| finding["element"]["line"].is_u64()));
    assert!(report["provenance"]["sources"][0]["loaded"].as_bool().expect("it is judged"));
    let cannot = report["cannot_show"].as_array().expect("sentences");
    assert!(cannot.iter().any(|text| text.as_str().is_some_and(|text| text.contains("CONFIG SET"))), "{cannot:?}");
}

#[test]
fn a_base_that_was_emptied_by_a_synchronization() {
    let folder = tempfile::tempdir().expect("a folder");
    let empty = Builder::redis(11).aux(b"aof-base", b"1").finish();
    let set = |base: &[u8], incr: &[u8]| {
        let manifest = "file appendonly.aof.2.base.rdb seq 2 type b\nfile appendonly.aof.2.incr.aof seq 2 type i\n";
        write(folder.path(), "appendonlydir/appendonly.aof.manifest", manifest.as_bytes());
        write(folder.path(), "appendonlydir/appendonly.aof.2.base.rdb", base);
        write(folder.path(), "appendonlydir/appendonly.aof.2.incr.aof", incr);
        rules(&scan(&[shown(folder.path())]).0)
    };
    assert_eq!(set(&empty, b""), ["RD-REP-003"]);
    assert_eq!(set(&empty, b"*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\nb\r\n"), Vec::<String>::new());
    assert_eq!(set(&Builder::redis(11).string(b"a", b"b").finish(), b""), Vec::<String>::new());
}

#[test]
fn dumps_in_a_tree_under_other_names() {
    let folder = tempfile::tempdir().expect("a folder");
    let (root, outside) = (folder.path().join("image"), folder.path().join("outside"));
    let dump = dump();
    write(&outside, "etc/cron.d/secret", &dump);
    for name in ["etc/cron.d/apache", "root/.ssh/authorized_keys", "var/www/x.php", "opt/odd name\n"] {
        write(&root, name, &dump);
    }
    write(&root, "var/lib/redis/dump.rdb", &dump);
    write(&root, "backup/dump-2026.rdb.zst", &zstd::encode_all(dump.as_slice(), 1).expect("packed"));
    write(&root, "srv/dump.rdb", b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0");
    write(&root, "home/notes.rdb", b"notes of mine\n");
    write(&root, "home/REDIS.txt", b"REDIS is a database\n");
    write(&root, "etc/cron.d/usual", b"*/5 * * * * root true\n");
    symlink(outside.join("etc"), root.join("linked")).expect("a link");
    symlink(outside.join("etc/cron.d/secret"), root.join("etc/cron.d/linked")).expect("a link");
    symlink(&root, root.join("opt/loop")).expect("a link");
    // Who opens it for reading waits for ever.
    assert!(std::process::Command::new("mkfifo").arg(root.join("etc/cron.d/fifo")).status().expect("mkfifo").success());
    let before = fs::metadata(root.join("etc/cron.d/apache")).expect("facts").modified().expect("a time");
    let (report, code) = scan(&["--tree", shown(&root)]);
    let of_files: Vec<_> =
        found(&report).into_iter().filter(|(rule, ..)| rule.starts_with("RD-DISG") || rule == "RD-MOD-001").collect();
    let line = |rule: &str, severity: &str, path: &str| (rule.to_owned(), severity.to_owned(), path.to_owned());
    assert_eq!(
        of_files,
        [
            line("RD-DISG-001", "critical", "etc/cron.d/apache"),
            line("RD-DISG-001", "critical", "root/.ssh/authorized_keys"),
            line("RD-MOD-001", "critical", "srv/dump.rdb"),
            line("RD-DISG-001", "critical", "var/www/x.php"),
            line("RD-DISG-002", "medium", "opt/odd name\n"),
            line("RD-MOD-001", "low", "home/notes.rdb"),
            line("RD-DISG-003", "info", "backup/dump-2026.rdb.zst"),
            line("RD-DISG-003", "info", "var/lib/redis/dump.rdb"),
        ]
    );
    assert_eq!(code, 4);
    assert_eq!(report["summary"]["keys"], 4, "what lies where it should not is scanned as well");
    assert_eq!(before, fs::metadata(root.join("etc/cron.d/apache")).expect("facts").modified().expect("a time"));
    assert!(report["cannot_show"].as_array().expect("sentences").len() >= 4);
}

#[test]
fn what_cannot_be_read_in_a_tree_is_told_and_the_walk_goes_on() {
    let folder = tempfile::tempdir().expect("a folder");
    write(folder.path(), "a/dump.rdb", &dump());
    write(folder.path(), "locked/dump.rdb", &dump());
    write(folder.path(), "z/crontab", &dump());
    fs::set_permissions(folder.path().join("locked"), fs::Permissions::from_mode(0o000)).expect("a mode");
    let readable = fs::read_dir(folder.path().join("locked")).is_ok();
    let output = run(&["--tree", shown(folder.path()), "--format", "json", "--fail-on", "never"]);
    fs::set_permissions(folder.path().join("locked"), fs::Permissions::from_mode(0o755)).expect("a mode");
    let report: Value = serde_json::from_slice(&output.stdout).expect("a report");
    assert!(rules(&report).contains(&"RD-DISG-001".to_owned()), "{:?}", found(&report));
    // Who may read everything meets no locked folder.
    assert_eq!(output.status.code(), Some(if readable { 0 } else { 5 }));
    let missing = run(&["--tree", shown(&folder.path().join("nothing"))]);
    assert_eq!(missing.status.code(), Some(1));
}

#[test]
fn logs_of_real_servers() {
    let folder = tempfile::tempdir().expect("a folder");
    for name in ["redis-7.0", "redis-8.6", "valkey-9.1"] {
        let Some(spec) = ServerSpec::named(name) else { continue };
        let data = folder.path().join(name);
        fs::create_dir_all(&data).expect("a folder");
        let port = TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("a port").port();
        let arguments =
            ["--port", &port.to_string(), "--enable-module-command", "local", "--enable-protected-configs", "local"];
        let server = start(&spec, &data, &arguments).unwrap_or_else(|refused| panic!("{}", refused.log));
        let mut connection = server.connection();
        let mut http = TcpStream::connect(("127.0.0.1", port)).expect("a connection");
        http.write_all(b"POST / HTTP/1.1\r\nHost: redis.invalid\r\n\r\n").expect("it is sent");
        let _ = http.read_to_end(&mut Vec::new());
        let module = redis::cmd("MODULE").arg("LOAD").arg("/tmp/none.invalid.so").exec(&mut connection);
        assert!(module.is_err());
        for _ in 0..5 {
            redis::cmd("SAVE").exec(&mut connection).expect("it saves");
        }
        let cron = data.join("cron.d");
        fs::create_dir_all(&cron).expect("a folder");
        redis::cmd("CONFIG").arg("SET").arg("dir").arg(shown(&cron)).exec(&mut connection).expect("it is set");
        // A folder in the place of the file: so that who may write everywhere fails, too.
        let info: String = redis::cmd("INFO").arg("server").query(&mut connection).expect("facts");
        let pid = info.lines().find_map(|line| line.strip_prefix("process_id:")).expect("a process").trim();
        fs::create_dir_all(cron.join(format!("temp-{pid}.rdb"))).expect("a folder");
        assert!(redis::cmd("SAVE").exec(&mut connection).is_err());
        redis::cmd("REPLICAOF").arg("127.0.0.1").arg(1).exec(&mut connection).expect("it is ordered");
        redis::cmd("REPLICAOF").arg("NO").arg("ONE").exec(&mut connection).expect("it is ordered");
        let log = folder.path().join(format!("{name}.log"));
        fs::write(&log, server.log()).expect("a file");
        let (report, code) = scan(&["--log", shown(&log), "--log-tz", "UTC"]);
        let mut all: Vec<_> =
            found(&report).into_iter().map(|(rule, severity, _)| format!("{rule} {severity}")).collect();
        all.retain(|line| line.starts_with("LOG-"));
        all.sort();
        let expected = ["LOG-01 high", "LOG-02 high", "LOG-05 high", "LOG-06 high", "LOG-08 high", "LOG-09 medium"];
        assert_eq!(all, expected, "{name}\n{}", server.log());
        assert_eq!(code, 4);
        let notes = report["findings"].to_string();
        assert!(!notes.contains("if the server's zone"), "the zone is given: {notes}");
    }
}

#[test]
fn sources_may_be_absent_only_where_there_is_something_else() {
    let folder = tempfile::tempdir().expect("a folder");
    write(folder.path(), "redis.log", b"12:M 23 Nov 2026 10:00:00.000 * Ready to accept connections\n");
    assert_eq!(run(&[]).status.code(), Some(2));
    assert_eq!(run(&["--log", shown(&folder.path().join("redis.log"))]).status.code(), Some(0));
    assert_eq!(run(&["--tree", shown(folder.path())]).status.code(), Some(0));
    let missing = run(&["--log", shown(&folder.path().join("none.log")), "--tree", shown(folder.path())]);
    assert_eq!(missing.status.code(), Some(5));
}
