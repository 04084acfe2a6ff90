//! What a data directory is said to load, against what real servers load of it; and which defects of a manifest keep them
//! from starting.

use crate::support::servers::{self, ServerSpec};
use rediscover::aof::{Manifest, ManifestFlaw, Refused};
use rediscover::source::{AofSet, DataDir, Loads, ServerConfig};
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

const SERVERS: [&str; 6] = ["redis-7.0", "redis-7.4", "redis-8.0", "redis-8.6", "valkey-8.1", "valkey-9.1"];

const BASE: &str = "file appendonly.aof.1.base.rdb seq 1 type b\n";
const INCR: &str = "file appendonly.aof.1.incr.aof seq 1 type i\n";
const BOTH: &str = "file appendonly.aof.1.base.rdb seq 1 type b\nfile appendonly.aof.1.incr.aof seq 1 type i\n";

/// A dump of one key.
fn rdb(key: &str) -> Vec<u8> {
    let length = u8::try_from(key.len()).expect("a short key");
    [b"REDIS0009\xfe\0\0", [length].as_slice(), key.as_bytes(), b"\x01x\xff\0\0\0\0\0\0\0\0"].concat()
}

/// An append-only file that sets one key.
fn aof(key: &str) -> Vec<u8> {
    let set = format!("*3\r\n$3\r\nSET\r\n${}\r\n{key}\r\n$1\r\nx\r\n", key.len());
    format!("*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n{set}").into_bytes()
}

/// The keys that are set in files, each `<name>`.
fn keys(paths: impl IntoIterator<Item = PathBuf>) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for path in paths {
        let bytes = fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let text = String::from_utf8_lossy(&bytes).into_owned();
        found.extend(text.split('<').skip(1).filter_map(|key| Some(format!("<{}>", key.split_once('>')?.0))));
    }
    found
}

fn parts(set: &AofSet) -> Vec<PathBuf> {
    set.parts.iter().map(|part| part.path.clone()).collect()
}

/// The keys of a server that has started on a folder; none if it does not start.
fn started(spec: &ServerSpec, folder: &Path, settings: &[(&str, &str)]) -> Option<BTreeSet<String>> {
    let mut arguments = vec!["--crash-memcheck-enabled".to_owned(), "no".to_owned()];
    arguments.extend(settings.iter().flat_map(|(name, value)| [format!("--{name}"), (*value).to_owned()]));
    let running = servers::start(spec, folder, &arguments).ok()?;
    Some(redis::cmd("KEYS").arg("*").query(&mut running.connection()).expect("its keys"))
}

/// One folder: its files, its links, and what the configuration says.
#[derive(Default)]
struct Case {
    name: &'static str,
    files: Vec<(String, Vec<u8>)>,
    links: Vec<(&'static str, &'static str)>,
    settings: Vec<(&'static str, &'static str)>,
}

impl Case {
    fn lay(&self, folder: &Path) {
        for (name, bytes) in &self.files {
            let path = folder.join(name);
            fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
            fs::write(path, bytes).expect("a file");
        }
        for (name, target) in &self.links {
            symlink(target, folder.join(name)).expect("a link");
        }
    }
}

fn case(name: &'static str, append_only: &'static str, files: &[&str]) -> Case {
    let files = files.iter().map(|file| match *file {
        "dump" => ("dump.rdb".to_owned(), rdb("<dump>")),
        "legacy" => ("appendonly.aof".to_owned(), aof("<legacy>")),
        "legacy preamble" => ("appendonly.aof".to_owned(), [rdb("<preamble>"), aof("<legacy>")].concat()),
        "base" => ("appendonlydir/appendonly.aof.1.base.rdb".to_owned(), rdb("<base>")),
        "incr" => ("appendonlydir/appendonly.aof.1.incr.aof".to_owned(), aof("<incr>")),
        "incr 2" => ("appendonlydir/appendonly.aof.2.incr.aof".to_owned(), aof("<incr2>")),
        "legacy inside" => ("appendonlydir/appendonly.aof".to_owned(), aof("<inside>")),
        "manifest" => ("appendonlydir/appendonly.aof.manifest".to_owned(), BOTH.into()),
        other => match other.split_once('=') {
            Some((name, text)) => (name.to_owned(), text.as_bytes().to_vec()),
            None => (other.to_owned(), aof(&format!("<{other}>"))),
        },
    });
    Case { name, files: files.collect(), links: vec![], settings: vec![("appendonly", append_only)] }
}

fn cases() -> Vec<Case> {
    let with = |mut case: Case, name, value| {
        case.settings.push((name, value));
        case
    };
    let linked = |mut case: Case, name, target| {
        case.links.push((name, target));
        case
    };
    let manifest_of_legacy = "appendonlydir/appendonly.aof.manifest=file appendonly.aof seq 1 type b\n";
    vec![
        case("everything, on", "yes", &["dump", "legacy", "base", "incr", "manifest"]),
        case("everything, off", "no", &["dump", "legacy", "base", "incr", "manifest"]),
        case("nothing, on", "yes", &[]),
        case("nothing, off", "no", &[]),
        case("a set, off", "no", &["base", "incr", "manifest"]),
        case("a legacy file, on", "yes", &["legacy"]),
        case("a legacy file with a preamble and a dump, on", "yes", &["legacy preamble", "dump"]),
        case("a legacy file, off", "no", &["legacy"]),
        case("a legacy file beside parts without a manifest, on", "yes", &["legacy", "base", "incr"]),
        case("a legacy file on both sides, on", "yes", &["legacy", "legacy inside"]),
        case("a legacy file on both sides, off", "no", &["legacy", "legacy inside", "dump"]),
        case("a legacy file inside alone, on", "yes", &["legacy inside"]),
        case("an empty legacy file and a dump, on", "yes", &["appendonly.aof=", "dump"]),
        case("a dump, on", "yes", &["dump"]),
        case("a dump, off", "no", &["dump"]),
        case("parts without a manifest and a dump, on", "yes", &["base", "incr", "dump"]),
        case("parts without a manifest and a dump, off", "no", &["base", "incr", "dump"]),
        case("a listed base that was not moved yet", "yes", &["legacy", manifest_of_legacy]),
        case("the same, off", "no", &["legacy", manifest_of_legacy, "dump"]),
        case("the same, and it is there too", "yes", &["legacy", "legacy inside", manifest_of_legacy]),
        case(
            "an unmoved base with an incr",
            "yes",
            &[
                "legacy",
                "incr",
                "appendonlydir/appendonly.aof.manifest=file appendonly.aof seq 1 type b\n\
                 file appendonly.aof.1.incr.aof seq 1 type i\n",
            ],
        ),
        case("a missing base", "yes", &["incr", "manifest", "dump"]),
        case("a missing incr", "yes", &["base", "manifest", "dump"]),
        case("missing parts, off", "no", &["manifest", "dump"]),
        case("an empty manifest, on", "yes", &["legacy", "appendonlydir/appendonly.aof.manifest="]),
        case("a broken manifest, off", "no", &["dump", "appendonlydir/appendonly.aof.manifest=\n"]),
        case("a manifest of nothing", "yes", &["dump", "appendonlydir/appendonly.aof.manifest=#\n"]),
        case("an orphan", "yes", &["base", "incr", "incr 2", "manifest"]),
        case(
            "history",
            "yes",
            &[
                "base",
                "incr 2",
                "incr",
                "appendonlydir/appendonly.aof.manifest=file appendonly.aof.1.base.rdb seq 1 type b\n\
                 file appendonly.aof.1.incr.aof seq 1 type h\nfile appendonly.aof.2.incr.aof seq 2 type i\n",
            ],
        ),
        case(
            "two manifests",
            "yes",
            &["base", "incr", "manifest", "appendonlydir/other.manifest=file x seq 1 type i\n"],
        ),
        case("a manifest of another name", "yes", &["base", "incr", "dump", "appendonlydir/other.manifest=\n"]),
        case("a temporary manifest", "yes", &["base", "incr", "appendonlydir/temp-appendonly.aof.manifest=\n"]),
        case(
            "a manifest in the wrong folder",
            "yes",
            &["dump", "appendonly.aof.manifest=file dump.rdb seq 1 type b\n"],
        ),
        case("a file for a folder, on", "yes", &["dump", "appendonlydir=x"]),
        case("a file for a folder, off", "no", &["dump", "appendonlydir=x"]),
        case("a folder for a manifest", "yes", &["dump", "appendonlydir/appendonly.aof.manifest/x"]),
        case("a folder for a part", "yes", &["base", "manifest", "appendonlydir/appendonly.aof.1.incr.aof/x"]),
        case("a folder for a dump", "no", &["dump.rdb/x"]),
        with(case("another dump", "no", &["dump", "other.rdb=REDIS0009\u{7f}"]), "dbfilename", "dump.rdb"),
        with(case("a dump of no such name", "no", &["dump"]), "dbfilename", "other.rdb"),
        with(
            case(
                "another folder",
                "yes",
                &["base", "incr", "manifest", "logs/x", "logs/appendonly.aof.manifest=file x seq 1 type i\n"],
            ),
            "appenddirname",
            "logs",
        ),
        with(case("another file", "yes", &["base", "incr", "manifest", "my.aof"]), "appendfilename", "my.aof"),
        with(case("no file of the other name", "yes", &["base", "incr", "manifest"]), "appendfilename", "my.aof"),
        with(
            case("one folder for all", "yes", &["dump", "x", "appendonly.aof.manifest=file x seq 1 type i\n"]),
            "appenddirname",
            ".",
        ),
        linked(
            case(
                "a manifest that is a link",
                "yes",
                &["base", "incr", "m=file appendonly.aof.1.base.rdb seq 1 type b\n"],
            ),
            "appendonlydir/appendonly.aof.manifest",
            "../m",
        ),
        linked(
            case("a manifest that leads nowhere", "yes", &["base", "incr"]),
            "appendonlydir/appendonly.aof.manifest",
            "../m",
        ),
        linked(
            case("a part that is a link", "yes", &["base", "manifest", "away"]),
            "appendonlydir/appendonly.aof.1.incr.aof",
            "../away",
        ),
        linked(case("a legacy file that is a link", "yes", &["away"]), "appendonly.aof", "away"),
        linked(case("a legacy file that leads nowhere", "yes", &["dump"]), "appendonly.aof", "away"),
        linked(case("a dump that leads nowhere", "no", &["legacy"]), "dump.rdb", "away"),
        linked(
            case("a folder that is a link", "yes", &["logs/x", "logs/appendonly.aof.manifest=file x seq 1 type i\n"]),
            "appendonlydir",
            "logs",
        ),
    ]
}

#[test]
fn what_is_said_to_be_loaded_is_loaded() {
    let specs: Vec<_> = SERVERS.iter().filter_map(|name| ServerSpec::named(name)).collect();
    std::thread::scope(|scope| {
        for spec in &specs {
            scope.spawn(|| {
                for case in cases() {
                    let folder = tempfile::tempdir().expect("a temporary folder");
                    case.lay(folder.path());
                    let text: String = case.settings.iter().map(|(name, value)| format!("{name} {value}\n")).collect();
                    let config = ServerConfig::parse(text.as_bytes());
                    let data = DataDir::read(folder.path(), &config).expect("a folder");
                    let said = if data.refused.is_some() {
                        None
                    } else {
                        Some(match &data.loads {
                            Loads::MultiPart(set) => keys(parts(set)),
                            Loads::LegacyAof(path) | Loads::Rdb(path) => keys([path.clone()]),
                            Loads::Nothing => BTreeSet::new(),
                        })
                    };
                    let loaded = started(spec, folder.path(), &case.settings);
                    assert_eq!(said, loaded, "{}: {}: {data:#?}", spec.name, case.name);
                }
            });
        }
    });
}

/// Manifests over a base and incrs 1 to 3, a file of no bytes and a folder `dd`.
fn manifests() -> Vec<Vec<u8>> {
    let mut all: Vec<Vec<u8>> =
        ["", "\n", "#", "#\r\n", " #\n", "garbage", "garbage\n", "\u{feff}#\n", "\x0c\n", "\0\n"]
            .map(|text| text.as_bytes().to_vec())
            .to_vec();
    let long = |bytes: usize| format!("#{}\n{BOTH}", "x".repeat(bytes - 2));
    let padded = |bytes: usize| format!("{BASE}{} x {}\n", INCR.trim_end(), "y".repeat(bytes - INCR.len() - 3));
    all.extend(
        [
            format!("{INCR}{BASE}"),
            INCR.to_owned(),
            BASE.to_owned(),
            BOTH.replace('\n', " \t\r\n"),
            format!("{BASE}\n{INCR}"),
            format!("{BOTH} \n"),
            BOTH.trim_end().to_owned(),
            format!("{BOTH}#no end"),
            long(1024),
            long(1025),
            long(1026),
            format!("#{}{INCR}{BASE}", "x".repeat(1023)),
            format!("{}\n{BOTH}", "#".repeat(3000)),
            format!("#\0\n{BOTH}"),
            padded(1024),
            padded(1025),
            format!("{BASE}{BASE}"),
            format!("{BOTH}\0\0\0"),
            format!("{BASE}{}", INCR.replace("seq", "seq\0")),
        ]
        .map(String::into_bytes),
    );
    let name = "appendonly.aof.1.incr.aof";
    let lines = [
        "TYPE i SEQ 1 FILE NAME",
        "file\tNAME\rseq 1 type i",
        "file NAME\x0bseq 1 type i",
        "\x0bfile NAME \x0cseq 1 type i \x0b",
        "file NAME seq 1 type i x y",
        "file NAME seq 1 type i \"\" \"\"",
        "file NAME seq 1 type i x",
        "file NAME seq 1",
        "file NAME seq 1 x i",
        "file NAME x 1 type i",
        "x NAME seq 1 type i",
        "filex NAME seq 1 type i",
        "file dd file NAME seq 7 seq 1 type b type i",
        "file NAME seq 1 type incr",
        "file NAME seq 1 type I",
        "file NAME seq 1 type \"\"",
        "file NAME seq 1 type \"\\x00i\"",
        "file NAME seq 0 type i",
        "file NAME seq 00 type i",
        "file NAME seq x type i",
        "file NAME seq 0x10 type i",
        "file NAME seq \"\" type i",
        "file NAME seq 1x type i",
        "file NAME seq --1 type i",
        "file NAME seq \"\\t+1\" type i",
        "file NAME seq \"1\\x00\" type i",
        "file NAME seq -1 type i",
        "file NAME seq -1 type h",
        "file NAME seq 99999999999999999999 type i",
        "file NAME seq 1 type i startoffset -5 endoffset x",
        "file NAME seq 1 type i startoffset 99999999999999999999",
        "file \"NAME seq 1 type i",
        "file 'NAME\\' seq 1 type i",
        "file \"NAME\\",
        "file \"NAME\" seq 1 type i",
        "file 'NAME' seq 1 type i",
        "file appendonly.aof\".1.incr.aof\" seq 1 type i",
        "file appendonly.aof'.1.incr.aof' seq 1 type i",
        "file \"appendonly.aof\".1.incr.aof seq 1 type i",
        "file \"appendonly.aof\"'.1.incr.aof' seq 1 type i",
        "file \"appendonly.\\x61\\o\\f.1.incr.aof\" seq 1 type i",
        "file \"NAME\\x00/\" seq 1 type i",
        "file \"NAME\" \"seq\\x00\" 1 type i",
        "file ./NAME seq 1 type i",
        "file ../x seq 1 type h",
        "file a\\b seq 1 type i",
        "file \"a\\x2fb\" seq 1 type i",
        "file a/b file NAME seq 1 type i",
        "file \"\" seq 1 type i",
        "file .. seq 1 type i",
        "file . seq 1 type h",
        "file dd seq 1 type i",
        "file zero seq 1 type i",
        "file none seq 1 type i",
        "file none seq 1 type h",
        "file none seq 1 type b",
        "file NAME seq 1 type i\nfile appendonly.aof.2.incr.aof seq 1 type i",
        "file NAME seq 2 type i\nfile appendonly.aof.2.incr.aof seq 1 type i",
        "file NAME seq 2 type i\nfile appendonly.aof.2.incr.aof seq 4 type i",
        "file NAME seq 1 type i\nfile NAME seq 2 type i",
        "file NAME seq 1 type i\nfile appendonly.aof.2.incr.aof seq 1 type h",
    ];
    all.extend(lines.map(|line| format!("{BASE}{}\n", line.replace("NAME", name)).into_bytes()));
    all.push([BASE.as_bytes(), b"file \xe9 seq 1 type i\n"].concat());
    all
}

#[test]
fn a_manifest_is_refused_where_servers_refuse_it() {
    let specs: Vec<_> = SERVERS.iter().filter_map(|name| ServerSpec::named(name)).collect();
    std::thread::scope(|scope| {
        for spec in &specs {
            scope.spawn(|| {
                for text in manifests() {
                    let mut case = case("a manifest", "yes", &["base", "incr", "incr 2", "appendonlydir/dd/x"]);
                    case.files.push(("appendonlydir/zero".into(), vec![]));
                    case.files.push(("appendonlydir/appendonly.aof.manifest".into(), text.clone()));
                    let folder = tempfile::tempdir().expect("a temporary folder");
                    case.lay(folder.path());
                    let manifest = folder.path().join("appendonlydir/appendonly.aof.manifest");
                    let set = AofSet::from_manifest(&manifest).expect("a manifest");
                    let most = spec.name != "valkey-9.1";
                    let refuses = |flaw: &ManifestFlaw| flaw.fatal() || (most && flaw.refused == Refused::ByMost);
                    let refused = !set.missing.is_empty() || set.flaws.iter().any(refuses);
                    let said = (!refused).then(|| keys(parts(&set)));
                    let loaded = started(spec, folder.path(), &case.settings);
                    assert_eq!(said, loaded, "{}: {}: {set:#?}", spec.name, text.escape_ascii());
                }
            });
        }
    });
}

/// Names that need quotes, or seem to. Servers do not quote a `'`, and do not start again on what they wrote then.
#[test]
fn a_manifest_is_written_as_servers_write_it() {
    let names: [&[u8]; 6] = [b"plain.aof", b"a b", b"a\"b", b"#a", b"\xc3\xa9\x01\t", b"a'b"];
    // Valkey 8.1 takes no name with a quote as an argument.
    let servers = SERVERS.iter().filter(|name| **name != "valkey-8.1");
    for spec in servers.filter_map(|name| ServerSpec::named(name)) {
        for name in names {
            let folder = tempfile::tempdir().expect("a temporary folder");
            let own_name = OsString::from_vec(name.to_vec());
            let settings = ["--appendonly", "yes", "--aof-use-rdb-preamble", "no", "--appendfilename"];
            let mut settings = settings.map(OsString::from).to_vec();
            settings.push(own_name.clone());
            let running = servers::start(&spec, folder.path(), &settings).expect("a new server");
            let mut connection = running.connection();
            let () = redis::cmd("SET").arg("<first>").arg(1).query(&mut connection).expect("a key");
            let _: String = redis::cmd("BGREWRITEAOF").query(&mut connection).expect("a rewrite");
            let config = ServerConfig { append_only: Some(true), append_filename: own_name, ..ServerConfig::default() };
            let manifest = folder.path().join("appendonlydir").join(config.manifest_name());
            let text = rewritten(&manifest);
            let () = redis::cmd("SET").arg("<second>").arg(1).query(&mut connection).expect("a key");
            drop((connection, running));

            let data = DataDir::read(folder.path(), &config).expect("a folder");
            let again = servers::start(&spec, folder.path(), &settings);
            assert_eq!(data.refused.is_none(), again.is_ok(), "{}: {data:#?}", spec.name);
            let (read, _) = Manifest::parse(&text);
            if name.contains(&b'\'') {
                assert!(again.is_err());
                continue;
            }
            assert_eq!(read.to_bytes().escape_ascii().to_string(), text.escape_ascii().to_string());
            let Loads::MultiPart(set) = data.loads else { panic!("{}: {data:#?}", spec.name) };
            assert_eq!(keys(parts(&set)).len(), 2);
            assert_eq!((&set.orphans, &set.history, &set.flaws), (&vec![], &vec![], &vec![]));
        }
    }
}

/// A manifest after its base was replaced and the old files were deleted.
fn rewritten(manifest: &Path) -> Vec<u8> {
    let has = |text: &[u8], word: &[u8]| text.windows(word.len()).any(|window| window == word);
    for _ in 0..1000 {
        let text = fs::read(manifest).unwrap_or_default();
        if has(&text, b" seq 2 type b") && !has(&text, b" type h") {
            return text;
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    panic!("{} was not rewritten", manifest.display());
}
