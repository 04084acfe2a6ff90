//! What is said beside the choice. Whether the choice is a server's is tried on servers, in `tests/it/data_dirs.rs`.

use super::*;
use std::fs::FileTimes;
use std::time::{Duration, UNIX_EPOCH};

const RDB: &[u8] = b"REDIS0011\xff\0\0\0\0\0\0\0\0";
const AOF: &[u8] = b"*1\r\n$4\r\nPING\r\n";
const MANIFEST: &[u8] = b"file appendonly.aof.2.base.rdb seq 2 type b\n\
                          file appendonly.aof.2.incr.aof seq 2 type i\n\
                          file appendonly.aof.1.incr.aof seq 1 type h\n";

const SET: [(&str, &[u8]); 4] = [
    ("appendonlydir/appendonly.aof.manifest", MANIFEST),
    ("appendonlydir/appendonly.aof.2.base.rdb", RDB),
    ("appendonlydir/appendonly.aof.2.incr.aof", b""),
    ("appendonlydir/appendonly.aof.1.incr.aof", AOF),
];

/// A folder, every file of which was written one second after the one before.
fn folder(files: &[(&str, &[u8])]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for ((name, bytes), second) in files.iter().zip(1_000_000_000..) {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        fs::write(&path, bytes).expect("a file");
        let times = FileTimes::new().set_modified(UNIX_EPOCH + Duration::from_secs(second));
        File::options().write(true).open(&path).and_then(|file| file.set_times(times)).expect("its time");
    }
    folder
}

fn read(folder: &Path, config: &str) -> DataDir {
    let config = if config.is_empty() { ServerConfig::default() } else { ServerConfig::parse(config.as_bytes()) };
    DataDir::read(folder, &config).expect("a data directory")
}

/// The kinds of the traps, `!` before the grave ones.
fn traps(data: &DataDir) -> Vec<String> {
    let kind = |trap: &Trap| format!("{}{}", if trap.grave { "!" } else { "" }, trap.kind);
    data.traps.iter().map(kind).collect()
}

fn extras(folder: &Path, data: &DataDir) -> Vec<(ExtraKind, String)> {
    let shown = |extra: &Extra| {
        let path = match &extra.place {
            Place::Path(path) => path,
            Place::Log(set) => set.manifest_path.as_ref().unwrap_or(&set.folder),
            other => panic!("{other:?}"),
        };
        assert!(!extra.why.is_empty());
        (extra.kind, path.strip_prefix(folder).expect("below").display().to_string())
    };
    data.extras.iter().map(shown).collect()
}

#[test]
fn everything_beside_a_set_is_found_once() {
    let folder = folder(
        &[
            &[("dump.rdb", RDB), ("appendonly.aof", AOF)],
            SET.as_slice(),
            &[
                ("appendonlydir/appendonly.aof.7.incr.aof", AOF),
                ("appendonlydir/appendonly.aof.8.incr.aof", b""),
                ("appendonlydir/temp-rewriteaof-7.aof", AOF),
                ("appendonlydir/temp-appendonly.aof.manifest", MANIFEST),
                ("appendonlydir/old.manifest", b"file appendonly.aof.2.base.rdb seq 1 type b\n"),
                ("appendonlydir/notes.txt", b"x"),
                ("temp-9.rdb", RDB),
                ("temp-9.txt", b"x"),
                ("backup.rdb", b""),
                ("log.txt", b"x"),
                (".hidden.rdb", RDB),
                ("appendonlydir.old/appendonly.aof.1.base.rdb", RDB),
                ("others/x.txt", b"x"),
            ],
        ]
        .concat(),
    );
    let data = read(folder.path(), "appendonly yes");
    let Loads::MultiPart(set) = &data.loads else { panic!("{data:#?}") };
    let names = |set: &AofSet| set.parts.iter().map(|part| file_shown(&part.path)).collect::<Vec<_>>();
    assert_eq!(names(set), ["appendonly.aof.2.base.rdb", "appendonly.aof.2.incr.aof"]);
    assert_eq!(set.parts.iter().map(|part| part.bytes).collect::<Vec<_>>(), [RDB.len() as u64, 0]);
    assert_eq!(data.refused, None);
    assert_eq!(data.why, "appendonly is yes in the configuration: what appendonlydir/appendonly.aof.manifest lists");
    assert_eq!(
        traps(&data),
        [
            "rdb-beside-aof",
            "!legacy-aof-beside-set",
            "!orphans",
            "!other-manifests",
            "history",
            "temps",
            "!other-aof-folder",
            "temps"
        ]
    );
    let expected = [
        (ExtraKind::Set, "appendonlydir/old.manifest"),
        (ExtraKind::History, "appendonlydir/appendonly.aof.1.incr.aof"),
        (ExtraKind::Orphan, "appendonlydir/appendonly.aof.7.incr.aof"),
        (ExtraKind::Temp, "appendonlydir/temp-rewriteaof-7.aof"),
        (ExtraKind::Aof, "appendonly.aof"),
        (ExtraKind::Set, "appendonlydir.old"),
        (ExtraKind::Rdb, "backup.rdb"),
        (ExtraKind::Rdb, "dump.rdb"),
        (ExtraKind::Temp, "temp-9.rdb"),
    ];
    assert_eq!(extras(folder.path(), &data), expected.map(|(kind, name)| (kind, name.to_owned())));

    let off = read(folder.path(), "appendonly no");
    assert_eq!(off.loads, Loads::Rdb(folder.path().join("dump.rdb")));
    let all = extras(folder.path(), &off);
    assert_eq!(all.len(), expected.len());
    assert_eq!(all.first(), Some(&(ExtraKind::Set, "appendonlydir/appendonly.aof.manifest".to_owned())));
    assert!(traps(&off).contains(&"!aof-beside-rdb".to_owned()), "{off:#?}");
}

#[test]
fn the_newer_of_two_is_named() {
    let dump: (&str, &[u8]) = ("dump.rdb", RDB);
    for (files, config, kind, says) in [
        ([SET.as_slice(), &[dump]].concat(), "appendonly yes", "!rdb-beside-aof", "dump.rdb is the newer"),
        ([&[dump], SET.as_slice()].concat(), "appendonly yes", "rdb-beside-aof", "dump.rdb is the older"),
        ([&[dump], SET.as_slice()].concat(), "appendonly no", "!aof-beside-rdb", "appendonlydir is the newer"),
        ([&[dump], SET.as_slice()].concat(), "", "!append-only-unknown", "with it off, dump.rdb, which is the older"),
        (SET.to_vec(), "", "append-only-unknown", "with it off, a server loads nothing"),
        (vec![dump], "appendonly yes", "!starts-empty", "would start empty, without dump.rdb"),
        (SET.to_vec(), "appendonly no", "!starts-empty", "would start empty, without appendonlydir"),
    ] {
        let folder = folder(&files);
        let data = read(folder.path(), config);
        assert_eq!(traps(&data).first().map(String::as_str), Some(kind), "{data:#?}");
        assert!(data.traps[0].message.contains(says), "{data:#?}");
    }
}

#[test]
fn without_a_configuration_or_a_manifest() {
    let folder = folder(&[
        ("appendonlydir/appendonly.aof.3.base.rdb", RDB),
        ("appendonlydir/appendonly.aof.4.base.aof", AOF),
        ("appendonlydir/appendonly.aof.3.incr.aof", AOF),
        ("appendonlydir/appendonly.aof.4.incr.aof", AOF),
        ("appendonlydir/appendonly.aof.10.incr.aof", AOF),
        ("appendonlydir/other.aof.1.incr.aof", AOF),
    ]);
    let data = read(folder.path(), "");
    assert_eq!((&data.loads, &data.refused), (&Loads::Nothing, &None));
    assert_eq!(traps(&data), ["!starts-empty", "!aof-without-manifest"]);
    let Some(Extra { kind: ExtraKind::Set, place: Place::Log(set), .. }) = data.extras.first() else {
        panic!("{data:#?}")
    };
    assert_eq!(
        set.parts.iter().map(|part| (part.role.letter(), part.seq)).collect::<Vec<_>>(),
        [('b', 4), ('i', 4), ('i', 10)]
    );
    assert_eq!(set.flaws.iter().map(|flaw| flaw.flaw.kind().0).collect::<Vec<_>>(), ["manifest-missing"]);
    assert_eq!(data.extras.len(), 4, "{data:#?}");

    std::fs::write(folder.path().join("dump.rdb"), RDB).expect("a dump");
    assert!(matches!(read(folder.path(), "").loads, Loads::Rdb(_)));
    std::fs::write(folder.path().join("appendonly.aof"), AOF).expect("a legacy file");
    assert!(matches!(read(folder.path(), "").loads, Loads::LegacyAof(_)));
}

#[test]
fn what_is_missing_is_said() {
    let folder = folder(&[
        ("redis.conf", b"appendonly yes\ninclude more.conf\ndbfilename a/b\n"),
        ("valkey.conf", b"appendonly no\n"),
        (
            "appendonlydir/appendonly.aof.manifest",
            b"file a seq 1 type i\nfile b seq 2 type i\nfile c seq 3 type i\nfile a seq 4 type b\n",
        ),
        ("appendonlydir/b", AOF),
        ("appendonlydir/c/d", AOF),
    ]);
    let config = ServerConfig::of_folder(folder.path());
    let data = DataDir::read(folder.path(), &config).expect("a data directory");
    assert_eq!(data.refused.as_deref(), Some("a is missing"));
    assert_eq!(traps(&data), ["!config", "!config", "!config", "!refused"]);
    assert!(data.traps[0].message.starts_with("redis.conf:2: includes `more.conf`"), "{data:#?}");
    assert!(data.traps[2].message.ends_with("valkey.conf lies beside it and was not read"), "{data:#?}");
    let Loads::MultiPart(set) = data.loads else { panic!("{:#?}", data.loads) };
    let positions = |parts: &[super::super::Listed]| parts.iter().map(|part| part.position).collect::<Vec<_>>();
    assert_eq!((positions(&set.parts), positions(&set.missing)), (vec![2], vec![0, 1, 3]));
}
