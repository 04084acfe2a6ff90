//! Evidence that no server writes: files that are something else, structures that do not hold, logs, trees, captures.

use super::super::rdb::{Builder, checksum, len, text};
use super::dice::Dice;
use super::nest::nest;
use super::resp;
use super::truth::{Spot, Truth};

/// How a scan is pointed at it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// Each file is a source.
    Source,
    /// The folder is a source.
    Folder,
    /// `--log`.
    Log,
    /// `--tree`.
    Tree,
    /// Kept for people; nothing reads it.
    Capture,
}

/// Files of one case.
#[derive(Debug, Clone)]
pub(crate) struct Made {
    pub(crate) case: &'static str,
    pub(crate) role: Role,
    /// Paths below the case's folder.
    pub(crate) files: Vec<(String, Vec<u8>)>,
    pub(crate) truth: Vec<Truth>,
}

impl Made {
    fn new(case: &'static str, role: Role, path: &str, bytes: Vec<u8>, truth: Vec<Truth>) -> Self {
        let truth = [vec![Truth::clean(case)], truth].concat();
        Self { case, role, files: vec![(path.to_owned(), bytes)], truth }
    }
}

/// Every one.
pub(crate) fn made(seed: u64) -> Vec<Made> {
    let dice = &mut Dice::new(seed).of("files", 0);
    let mut all = vec![
        elf(dice),
        Made::new(
            "I5.aux",
            Role::Source,
            "dump.rdb",
            rogue(dice),
            vec![
                Truth {
                    element: Some(Spot::Name("repl-id".into())),
                    ..Truth::dump("I5.aux", "RD-REP-001", "critical")
                },
                Truth::dump("I5.aux", "RD-MOD-002", "high"),
            ],
        ),
        empty_base(),
        log(dice),
        scripts_of_aux(dice),
        scripts_of_log(dice),
        malformed(dice),
        disguised(dice),
        captures(),
    ];
    all.extend(damaged(dice));
    all
}

fn shop(dump: &mut Builder, count: usize, dice: &mut Dice) {
    for number in 0..count {
        dump.string(format!("order:{number}").as_bytes(), dice.words(6).as_bytes());
    }
}

/// The first bytes of a program, without one.
fn header_of_a_program() -> Vec<u8> {
    let mut bytes = b"\x7fE".to_vec();
    bytes.extend_from_slice(b"LF\x02\x01\x01");
    bytes.resize(64, 0);
    bytes
}

fn elf(_: &mut Dice) -> Made {
    Made::new(
        "I5.elf",
        Role::Source,
        "dump.rdb",
        header_of_a_program(),
        vec![Truth { also: vec!["RD-BIN-001".into()], ..Truth::dump("I5.elf", "RD-MOD-001", "critical") }],
    )
}

/// What a rogue master's dump leaves: its id, and the data of a module that no one knows.
fn rogue(dice: &mut Dice) -> Vec<u8> {
    let mut dump = Builder::redis(9);
    dump.aux(b"redis-ver", b"5.0.7").aux(b"redis-bits", b"64").aux(b"ctime", b"1760000000").aux(b"used-mem", b"900000");
    dump.aux(b"repl-stream-db", b"0").aux(b"repl-id", &[b'Z'; 40]).aux(b"repl-offset", b"1");
    dump.raw(&[247])
        .raw(&len(module_id("sys-exec1", 0)))
        .raw(&len(2))
        .raw(&len(1))
        .raw(&len(5))
        .raw(&text(b"DEFANGED"))
        .raw(&len(0));
    dump.select(0);
    shop(&mut dump, 300, dice);
    dump.finish()
}

fn module_id(name: &str, version: u64) -> u64 {
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let digit = |byte: u8| alphabet.iter().position(|known| *known == byte).expect("a letter of modules") as u64;
    name.bytes().fold(0, |id, byte| id << 6 | digit(byte)) << 10 | version
}

/// The log after a replica was given an empty keyspace: the second base, with nothing in it, and what was before is gone.
fn empty_base() -> Made {
    let mut base = Builder::redis(10);
    base.aux(b"redis-ver", b"7.0.15")
        .aux(b"redis-bits", b"64")
        .aux(b"ctime", b"1760000000")
        .aux(b"used-mem", b"990000000")
        .aux(b"aof-base", b"1");
    let manifest = "file appendonly.aof.2.base.rdb seq 2 type b\nfile appendonly.aof.2.incr.aof seq 2 type i\n";
    Made {
        case: "I5.manifest",
        role: Role::Folder,
        files: vec![
            ("appendonlydir/appendonly.aof.manifest".into(), manifest.into()),
            ("appendonlydir/appendonly.aof.2.base.rdb".into(), base.finish()),
            ("appendonlydir/appendonly.aof.2.incr.aof".into(), Vec::new()),
        ],
        truth: vec![Truth::clean("I5.manifest"), Truth::dump("I5.manifest", "RD-REP-003", "high")],
    }
}

/// A server's log of a bad night. The number before a line is the rule that it is for.
fn log(dice: &mut Dice) -> Made {
    let ip = dice.ip();
    let zeds = "Z".repeat(40);
    let user = format!("(user request from 'id=7 addr={ip}:50122 laddr=198.51.100.9:6379 fd=8 name= user=default')");
    let lines: Vec<(&str, &str, String)> = vec![
        ("", "info", "* Ready to accept connections".into()),
        ("", "info", "* 10000 changes in 60 seconds. Saving...".into()),
        ("LOG-06", "medium", format!("# Possible SECURITY ATTACK detected. It looks like somebody is sending POST or Host: commands to Redis. Connection from {ip}:4410 aborted.")),
        ("LOG-08", "high", "# Failed opening the temp RDB file temp-4711.rdb (in server root dir /var/spool/cron) for saving: Permission denied".into()),
        ("LOG-08", "high", "# Failed opening the temp RDB file temp-4712.rdb (in server root dir /root/.ssh) for saving: Permission denied".into()),
        ("LOG-01", "high", format!("* REPLICAOF {ip}:21000 enabled {user}")),
        ("LOG-03", "critical", format!("* Full resync from master: {zeds}:1")),
        ("LOG-04", "high", "# Wrong signature trying to load DB from file: ELF".replace("ELF", "xELF")),
        ("LOG-04", "high", "# Failed trying to load the MASTER synchronization DB from disk, check server logs.".into()),
        ("LOG-05", "high", "* Module 'system' loaded from /tmp/ex\u{b7}p.so".replace('\u{b7}', "")),
        ("LOG-05", "high", "# Module /dev/shm/red\u{b7}2.so failed to load: It does not have execute permissions.".replace('\u{b7}', "")),
        ("LOG-02", "high", format!("* MASTER MODE enabled {user}")),
        ("LOG-07", "high", "=== REDIS BUG REPORT START: Cut & paste starting from here ===".into()),
        ("", "info", "* DB saved on disk".into()),
    ];
    let mut written = String::new();
    let mut truth = vec![Truth::clean("I5.log")];
    for (at, (rule, severity, line)) in lines.iter().enumerate() {
        written.push_str(&format!("1742:M 10 Oct 2025 03:{:02}:11.{:03} {line}\n", at, at * 37));
        if !rule.is_empty() {
            let severity =
                ["high", "critical", "medium"].into_iter().find(|known| known == severity).expect("a severity");
            let also = vec!["LOG".into(), "RD-REP".into(), "RD-MOD".into()];
            let element = Some(Spot::Line(at as u64 + 1));
            truth.push(Truth {
                place: "log",
                element,
                also,
                text: line.as_bytes().to_vec(),
                ..Truth::dump("I5.log", rule, severity)
            });
        }
    }
    Made { case: "I5.log", role: Role::Log, files: vec![("redis.log".into(), written.into_bytes())], truth }
}

/// A dump of 6.2, which kept scripts.
fn scripts_of_aux(dice: &mut Dice) -> Made {
    let mut dump = Builder::redis(9);
    dump.aux(b"redis-ver", b"6.2.6").aux(b"redis-bits", b"64").aux(b"ctime", b"1760000000").aux(b"used-mem", b"900000");
    let script = "local f = pack\u{b7}age.load\u{b7}lib('/usr/lib/x86_64-linux-gnu/liblua5.1.so.0', 'lua\u{b7}open_io') -- DEFANGED\nreturn 1";
    dump.aux(b"lua", script.replace('\u{b7}', "").as_bytes());
    dump.aux(b"lua", b"return redis.call('GET', KEYS[1])");
    dump.select(0);
    shop(&mut dump, 300, dice);
    let truth = Truth {
        place: "aux",
        element: Some(Spot::Name("lua".into())),
        also: vec!["RD-LUA".into()],
        ..Truth::dump("I6.aux", "RD-LUA-001", "critical")
    };
    Made::new("I6.aux", Role::Source, "dump.rdb", dump.finish(), vec![truth])
}

/// A log of a server before 5, which kept what was asked for and not what came of it.
fn scripts_of_log(dice: &mut Dice) -> Made {
    let scripts = [
        ("RD-LUA-001", "critical", "local f = pack\u{b7}age.load\u{b7}lib('/tmp/x.so', 'lua\u{b7}open_os') --DEFANGED"),
        ("RD-LUA-001", "critical", "--DEFANGED\nlocal h = i\u{b7}o.po\u{b7}pen('id')\nredis.call('SET', 'a', 1)"),
        (
            "RD-LUA-002",
            "high",
            "--DEFANGED\nlocal s = stri\u{b7}ng.rep('a', 30000000) collect\u{b7}garbage() load\u{b7}string(s)",
        ),
        ("RD-LUA-003", "medium", "--DEFANGED\nset\u{b7}metatable(_G, {__index = 1}) get\u{b7}fenv(0)"),
        ("RD-LUA-004", "medium", "--DEFANGED\nreturn bit.to\u{b7}hex(1, -2147483648)"),
    ];
    let words = |words: &[&[u8]]| resp(&words.iter().map(|word| word.to_vec()).collect::<Vec<_>>());
    let mut bytes = words(&[b"SELECT", b"0"]);
    let mut truth = vec![Truth::clean("I6.aof")];
    for number in 0..200 {
        bytes.extend(words(&[b"SET", format!("order:{number}").as_bytes(), dice.words(5).as_bytes()]));
        if number % 40 == 20 {
            let (rule, severity, script) = scripts[number / 40];
            let script = script.replace('\u{b7}', "");
            bytes.extend(words(&[b"EVAL", script.as_bytes(), b"0"]));
            truth.push(Truth {
                place: "command",
                also: vec!["RD-LUA".into(), "RD-EXEC".into()],
                form: Some("aof"),
                text: script.into_bytes(),
                ..Truth::dump("I6.aof", rule, severity)
            });
        }
    }
    Made { case: "I6.aof", role: Role::Source, files: vec![("appendonly.aof".into(), bytes)], truth }
}

/// Values that no server makes, under a checksum that holds.
fn malformed(dice: &mut Dice) -> Made {
    let mut dump = Builder::redis(11);
    dump.aux(b"redis-ver", b"7.2.4")
        .aux(b"redis-bits", b"64")
        .aux(b"ctime", b"1760000000")
        .aux(b"used-mem", b"900000")
        .select(0);
    shop(&mut dump, 200, dice);
    let mut truth = vec![Truth::clean("I9")];
    let mut line = |rule: &str, key: &str, text: &[u8]| {
        let also = vec!["RD-FMT".into()];
        truth.push(Truth {
            db: Some(0),
            key: Some(key.into()),
            text: text.to_vec(),
            also,
            ..Truth::dump("I9", rule, "high")
        });
    };
    let hll = |encoding: u8, body: &[u8]| [b"HYLL", &[encoding, 0, 0, 0][..], &[0; 8], body].concat();
    let dense = |registers: usize| hll(0, &vec![0; registers]);
    let bad = [
        hll(2, &[0x7f, 0xff]),
        hll(7, &[0; 12_288]),
        dense(12_287),
        dense(12_289),
        dense(100),
        hll(1, &[0x7f, 0xff, 0x00]),
        hll(1, &[]),
        hll(1, &[0x40, 0x00]),
        hll(1, &[0x7f, 0xff, 0x7f, 0xff, 0x7f, 0xff]),
        hll(1, &[0x7f, 0xfe, 0x84, 0x84]),
        hll(1, &[0x7f]),
        hll(255, &[0x7f, 0xff]),
    ];
    for (number, value) in bad.iter().enumerate() {
        let key = format!("visitors:{number}");
        dump.string(key.as_bytes(), value);
        line("RD-FMT-001", &key, value);
    }
    dump.string(b"visitors:sparse", &hll(1, &[0x7f, 0xff])).string(b"visitors:dense", &dense(12_288));
    let small = |values: &[u8]| values.iter().map(|value| vec![*value, 1]).collect::<Vec<_>>().concat();
    let listpack = |count: u16, body: &[u8]| {
        let total = u32::try_from(6 + body.len() + 1).expect("small");
        [&total.to_le_bytes()[..], &count.to_le_bytes(), body, &[0xff]].concat()
    };
    let intset = |count: u32, values: &[u16]| {
        let values: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        [&2u32.to_le_bytes()[..], &count.to_le_bytes(), &values].concat()
    };
    let structures: [(u8, Vec<u8>); 12] = [
        (16, listpack(4, &small(&[1, 2]))),
        (16, listpack(3, &small(&[1, 2, 3]))),
        (16, listpack(2, &[1, 9, 2, 1])),
        (16, listpack(4, &small(&[1, 2, 1, 3]))),
        (11, intset(3, &[3, 1, 2])),
        (11, intset(3, &[1, 1, 2])),
        (11, intset(5, &[1, 2])),
        (11, [&3u32.to_le_bytes()[..], &1u32.to_le_bytes(), &[1, 0]].concat()),
        (17, listpack(3, &small(&[1, 2, 3]))),
        (20, listpack(3, &small(&[1, 2, 1]))),
        (20, {
            let mut cut = listpack(2, &small(&[1, 2]));
            cut.pop();
            cut
        }),
        (16, {
            let mut long = listpack(2, &small(&[1, 2]));
            long[0] = 200;
            long
        }),
    ];
    for (number, (ty, blob)) in structures.iter().enumerate() {
        let key = format!("profile:{number}");
        dump.key(*ty, key.as_bytes()).raw(&text(blob));
        line("RD-FMT-002", &key, blob);
    }
    dump.key(16, b"profile:sound").raw(&text(&listpack(4, &small(&[1, 2, 3, 4]))));
    dump.key(11, b"ids:sound").raw(&text(&intset(3, &[1, 2, 3])));
    Made { case: "I9", role: Role::Source, files: vec![("dump.rdb".into(), dump.finish())], truth }
}

/// Dumps that were changed, cut, or added to.
fn damaged(dice: &mut Dice) -> Vec<Made> {
    let mut dump = Builder::redis(10);
    dump.aux(b"redis-ver", b"7.0.15")
        .aux(b"redis-bits", b"64")
        .aux(b"ctime", b"1760000000")
        .aux(b"used-mem", b"900000")
        .select(0);
    shop(&mut dump, 300, dice);
    let sound = dump.finish();
    let mut flipped = sound.clone();
    let last = flipped.len() - 1;
    flipped[last] ^= 0x55;
    assert_ne!(checksum(&sound[..sound.len() - 8]), 0);
    let mut longer = sound.clone();
    longer.extend_from_slice(b"\n\nDEFANGED: bytes after the end\n");
    let truth = |case: &str| vec![Truth::dump(case, "RD-FMT-003", "medium")];
    vec![
        Made::new("I9.checksum", Role::Source, "dump.rdb", flipped, truth("I9.checksum")),
        Made::new("I9.cut", Role::Source, "dump.rdb", sound[..sound.len() * 2 / 3].to_vec(), truth("I9.cut")),
        Made::new("I9.longer", Role::Source, "dump.rdb", longer, truth("I9.longer")),
    ]
}

/// A tree as of a mounted image: dumps under other names, a program under a dump's, and files that are what they say.
fn disguised(dice: &mut Dice) -> Made {
    let small = |version: &str, dice: &mut Dice| {
        let mut dump = Builder::redis(9);
        dump.aux(b"redis-ver", version.as_bytes()).aux(b"ctime", b"1760000000").select(0);
        dump.string(b"x", format!("\n\n# DEFANGED {}\n\n", dice.words(3)).as_bytes());
        dump.finish()
    };
    let mut files: Vec<(String, Vec<u8>)> = Vec::new();
    let mut truth = vec![Truth::clean("I13")];
    let bad = [
        "etc/cron.d/root",
        "etc/crontab",
        "etc/cron.hourly/apache",
        "var/spool/cron/root",
        "var/spool/cron/crontabs/root",
        "root/.ssh/authorized_keys",
        "home/redis/.ssh/authorized_keys2",
        "var/www/html/shell.php",
        "usr/share/nginx/html/x.jsp",
        "etc/ld.so.preload",
        "etc/profile.d/a.sh",
        "etc/systemd/system/redis.service",
        "tmp/module.so",
    ];
    for path in bad {
        files.push((path.to_owned(), small("4.0.9", dice)));
    }
    files.push((
        "srv/app/public/htdocs/i.html".into(),
        [b"VALKEY080".to_vec(), small("8.1", dice)[9..].to_vec()].concat(),
    ));
    files.push(("etc/cron.d/log".into(), resp(&[b"SET".to_vec(), b"x".to_vec(), b"\n\n# DEFANGED\n\n".to_vec()])));
    files.push(("var/lib/redis/dump.rdb".into(), header_of_a_program()));
    for (path, bytes) in &files {
        let text = bytes[..bytes.len().min(40)].to_vec();
        truth.push(Truth {
            place: "file",
            element: Some(Spot::Name(path.clone())),
            also: vec!["RD-".into()],
            text,
            ..Truth::dump(
                "I13",
                "RD-",
                if path.starts_with("srv") || path.starts_with("tmp") { "medium" } else { "high" },
            )
        });
    }
    files.push(("etc/passwd".into(), b"root:x:0:0:root:/root:/bin/bash\n".to_vec()));
    files.push(("etc/cron.d/backup".into(), b"0 3 * * * root /usr/local/bin/backup\n".to_vec()));
    files.push(("home/redis/.ssh/known_hosts".into(), b"example.com ssh-ed25519 AAAA\n".to_vec()));
    files.push(("var/www/html/index.html".into(), b"<!DOCTYPE html><p>REDIS is the theme of this page\n".to_vec()));
    files.push(("var/log/archive.gz".into(), nest("gz", b"an old log")));
    Made { case: "I13", role: Role::Tree, files, truth }
}

/// What an analyst saved of two servers, one open to all.
fn captures() -> Made {
    let bad = "dir\n/var/spool/cron\ndbfilename\nroot\nprotected-mode\nno\nrequirepass\n\nenable-module-command\nyes\nstop-writes-on-bgsave-error\nno\n";
    let good = "dir\n/var/lib/redis\ndbfilename\ndump.rdb\nprotected-mode\nyes\nenable-module-command\nno\nstop-writes-on-bgsave-error\nyes\n";
    Made {
        case: "I14",
        role: Role::Capture,
        files: vec![
            ("bad/config-get.txt".into(), bad.into()),
            ("bad/acl-list.txt".into(), b"user default on nopass sanitize-payload ~* &* +@all\n".to_vec()),
            (
                "bad/info.txt".into(),
                b"redis_version:5.0.7\r\nrole:slave\r\nmaster_host:192.0.2.66\r\ncmdstat_config|set:calls=9\r\n"
                    .to_vec(),
            ),
            ("good/config-get.txt".into(), good.into()),
            (
                "good/acl-list.txt".into(),
                b"user default off -@all\nuser app on #0 ~app:* -@all +@read +@write\n".to_vec(),
            ),
            ("good/info.txt".into(), b"redis_version:7.4.6\r\nrole:master\r\nconnected_slaves:1\r\n".to_vec()),
        ],
        truth: Vec::new(),
    }
}
