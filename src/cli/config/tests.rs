use super::*;

const GOOD: &str = r#"
state = "state"

[repositories.local]
path = "backups"
[repositories.offsite]
path = "/mnt/offsite"

[defaults]
repository = "local"
copies = ["offsite"]
max_age = "26h"
verify = ["stored every run", "full every 7d"]
retention = { keep_daily = 7, keep_monthly = "unlimited", timezone = "Europe/Berlin", max_remove = "20%" }
recipients_files = ["age.pub"]

[instances.prod]
source = "redis://backup@10.0.0.7:6379"
replicas = ["10.0.0.8", "redis://10.0.0.9:6380"]
password_file = "prod.pw"
tags = ["eu", "large"]

[instances.stage]
source = "stage/dump.rdb"
copies = []
max_shrink = 100
stream = "64mb"
compression = "gzip:6"

[hooks]
before = ["hooks/mounted", "now"]
on_failure = ["logger", "-t", "backup"]
timeout = "30s"

[metrics]
textfile = "rediscover.prom"
"#;

fn parse(text: &str) -> Config {
    Config::parse(Path::new("/etc/rd/rediscover.toml"), text)
}

fn problems(text: &str) -> Vec<String> {
    parse(text).problems().iter().map(|problem| format!("{}: {}", problem.line, problem.what)).collect()
}

#[test]
fn paths_are_of_the_folder_of_the_file_and_defaults_complete_instances() {
    let config = parse(GOOD);
    assert!(config.problems().is_empty(), "{:?}", config.problems());
    assert_eq!(config.state.as_deref(), Some(Path::new("/etc/rd/state")));
    assert_eq!(config.textfile.as_deref(), Some(Path::new("/etc/rd/rediscover.prom")));
    assert_eq!(config.hooks.before, ["/etc/rd/hooks/mounted", "now"]);
    assert_eq!((config.hooks.on_failure[0].as_str(), config.hooks.timeout_ms), ("logger", 30_000));
    let prod = &config.instances["prod"];
    assert_eq!(prod.repository, ("local".into(), "/etc/rd/backups".into()));
    assert_eq!(prod.copies, [("offsite".into(), "/mnt/offsite".into())]);
    assert_eq!(prod.recipients_files, [PathBuf::from("/etc/rd/age.pub")]);
    assert_eq!(prod.verify.iter().map(ToString::to_string).collect::<Vec<_>>(), ["stored every run", "full every 7d"]);
    let words = prod.retention.as_ref().expect("a policy").words.join(", ");
    assert_eq!(words, "keep-daily 7, keep-monthly unlimited, timezone Europe/Berlin, max-remove 20%");
    let Source::Server(server) = &prod.source else { panic!("a server") };
    assert_eq!(server.address.to_string(), "redis://10.0.0.7:6379,10.0.0.8:6379,10.0.0.9:6380");
    assert_eq!(server.password, Some(Password::File("/etc/rd/prod.pw".into())));
    let stage = &config.instances["stage"];
    assert!(matches!(&stage.source, Source::Path(path, None) if path == "/etc/rd/stage/dump.rdb"));
    assert_eq!((stage.copies.len(), stage.max_shrink_percent, stage.stream_bytes), (0, 100, Some(64 << 20)));
    assert_eq!(stage.packing.to_string(), "gzip:6");
}

#[test]
fn all_that_is_wrong_is_said_at_once_with_its_line() {
    let text = r#"[repositories.local]
pth = "x"
[repositories.r2]
path = "r2"
[defaults]
recpients = ["age1"]
max_age = "soon"
[instances.a]
source = "a.rdb"
repository = "r22"
verify = "deep"
retention = { keep_dayly = 7 }
max_shrink = 101
[instances.b]
source = "redis://u:hunter2@h"
repository = "r2"
password = "hunter2"
[instances.all]
source = "x"
repository = "r2"
[hoks]
before = ["x"]
"#;
    let found = problems(text);
    let expected = [
        "2: repositories.local: there is no `pth`; did you mean `path`?",
        "6: defaults: there is no `recpients`; did you mean `recipients`?",
        "7: defaults.max_age: not a span; expected 90s, 26h, 7d",
        "10: instances.a: repositories: there is no `r22`; did you mean `r2`?",
        "11: instances.a.verify: `deep`: expected `stored every run`, `full every 7d`",
        "12: instances.a.retention: there is no `keep_dayly`; did you mean `keep_daily`?",
        "13: instances.a.max_shrink: expected a percentage from 0 to 100",
        "17: instances.b.password: a password does not belong into this file: password_file or password_env says where it is",
        "21: there is no `hoks`; did you mean `hooks`?",
    ];
    for line in expected {
        assert!(found.iter().any(|found| found == line), "{line}\n{found:#?}");
    }
    assert!(
        found.iter().any(|found| found.starts_with("15: ") && found.contains("has a password in it")),
        "{found:#?}"
    );
    assert!(found.iter().any(|found| found.starts_with("18: ") && found.contains("`all`")), "{found:#?}");
    assert!(!found.iter().any(|found| found.contains("hunter2")), "{found:#?}");
}

#[test]
fn a_file_that_is_no_toml_says_where() {
    let found = problems("[instances.a]\nsource = \nrepository = x\n");
    assert!(found.iter().any(|found| found.starts_with("2: ")), "{found:?}");
    assert!(found.iter().any(|found| found.starts_with("3: ")), "{found:?}");
    assert_eq!(problems("").len(), 1);
    assert!(parse("x = 1").usable().is_err());
}

#[test]
fn one_that_is_written_wrongly_leaves_the_others() {
    let config =
        parse("[repositories.r]\npath = 'r'\n[instances.a]\nsource = 'a'\n[instances.b]\nsorce = 'b'\n[instances.c]\n");
    let config = config.usable().expect("a is right");
    assert_eq!(config.instances.keys().collect::<Vec<_>>(), ["a"]);
    assert_eq!(config.broken().keys().collect::<Vec<_>>(), ["b", "c"]);
    assert_eq!(config.all_names().len(), 3);
}

#[test]
fn names_mean_instances() {
    let config = parse(GOOD);
    let names = |text: &[&str]| {
        let arguments: Vec<String> = text.iter().map(|text| (*text).to_owned()).collect();
        let found = config.resolve_names(&arguments).map_err(|error| error.to_string())?;
        Ok::<_, String>(found.into_iter().collect::<Vec<_>>().join(" "))
    };
    assert_eq!(names(&["@all"]).as_deref(), Ok("prod stage"));
    assert_eq!(names(&["@stage", "@tag:eu", "@stage"]).as_deref(), Ok("prod stage"));
    assert_eq!(names(&["@tag:eu", "@tag:large"]).as_deref(), Ok("prod"));
    assert!(names(&["@prd"]).is_err_and(|error| error.contains("did you mean `prod`?")));
    assert!(names(&["@tag:x"]).is_err() && names(&["prod"]).is_err());
}

#[test]
fn what_a_retention_keeps_is_not_nothing() {
    let with = |retention: &str| {
        problems(&format!("[repositories.r]\npath='r'\n[instances.a]\nsource='a'\nretention={retention}\n")).len()
    };
    assert_eq!(with("{ keep_last = 1 }"), 0);
    assert_eq!(with("{ keep_last = 0, keep_damaged = 3 }"), 1);
    assert_eq!(with("{}"), 1);
}
