//! Live servers of a configuration: users with the least rights, passwords from files and the environment.

use crate::support::program::{all, code, program, run, stderr, stdout};
use crate::support::servers::{self, ServerSpec};
use redis::cmd;
use std::fs;

#[test]
fn a_server_is_backed_up_as_a_user_with_the_least_rights() {
    for name in ["redis-8.6", "valkey-9.1"] {
        let Some(spec) = ServerSpec::named(name) else { continue };
        let folder = tempfile::tempdir().expect("a folder");
        let data = folder.path().join("data");
        fs::create_dir(&data).expect("a folder");
        let running = servers::start(&spec, &data, &["--repl-diskless-sync-delay", "0"])
            .unwrap_or_else(|refused| panic!("{}", refused.log));
        let mut connection = running.connection();
        for number in 0..500 {
            cmd("SET").arg(format!("key:{number}")).arg("v").exec(&mut connection).expect("SET");
        }
        let rights = ["backup", "on", ">s3cret-pass", "+sync", "+psync", "+replconf", "+info", "+ping"];
        cmd("ACL").arg("SETUSER").arg(&rights).exec(&mut connection).expect("a user");
        let socket = running.socket().display().to_string();
        let instance = |name: &str, more: &str| {
            format!("[instances.{name}]\nsource = 'unix://{socket}'\nuser = 'backup'\n{more}\n")
        };
        let text = format!(
            "state = 'state'\n[repositories.r]\npath = 'repo'\n{}{}{}",
            instance("file", "password_file = 'pw'"),
            instance("environment", "password_env = 'BACKUP_PW'"),
            instance("wrong", "password_file = 'wrong'"),
        );
        fs::write(folder.path().join("rediscover.toml"), text).expect("a file");
        fs::write(folder.path().join("pw"), "s3cret-pass\n").expect("a file");
        fs::write(folder.path().join("wrong"), "wr0ng-pass\n").expect("a file");

        let offline = run(folder.path(), &["config", "check"]);
        assert_eq!(code(&offline), 0, "{name}: {}", all(&offline));
        let mut check = program(folder.path(), &["config", "check", "--connect"]);
        let check = check.env("BACKUP_PW", "s3cret-pass").output().expect("it runs");
        assert!(code(&check) == 2 && stdout(&check).contains("instances.wrong"), "{name}: {}", all(&check));
        assert!(!stdout(&check).contains("instances.file: unix"), "{name}: {}", all(&check));

        let mut command = program(folder.path(), &["backup", "run", "@all", "-q", "--parallel", "3"]);
        let output = command.env("BACKUP_PW", "s3cret-pass").output().expect("it runs");
        let said = stderr(&output);
        assert_eq!((code(&output), said.lines().count()), (5, 1), "{name}: {}", all(&output));
        assert!(said.starts_with("wrong: ") && said.contains("WRONGPASS"), "{name}: {said}");
        for secret in ["s3cret-pass", "wr0ng-pass"] {
            assert!(!all(&output).contains(secret) && !all(&check).contains(secret), "{name}");
        }
        let list = run(folder.path(), &["backup", "list", "--repo", "repo", "--state", "state", "--format", "json"]);
        let report: serde_json::Value = serde_json::from_slice(&list.stdout).expect("a document");
        let backups = report["backups"].as_array().expect("a list");
        let keys: Vec<_> = backups.iter().map(|one| (&one["instance"], &one["keys"], &one["status"])).collect();
        let of = |name: &str| (serde_json::Value::from(name), 500.into(), "good".into());
        let (a, b) = (of("environment"), of("file"));
        assert_eq!(keys, [(&a.0, &a.1, &a.2), (&b.0, &b.1, &b.2)], "{name}");
    }
}
