//! Append-only files by hand: a small sound log, what can be wrong with it, and what servers were seen to do with that.
//!
//! `docs/aof-facts.md` says the same in words.

use super::log::command;
use crate::support::rdb;
use std::fs;
use std::path::{Path, PathBuf};

pub(crate) const MANIFEST: &str = "appendonly.aof.manifest";
pub(crate) const FOLDER: &str = "appendonlydir";
const BASE_RDB: &str = "appendonly.aof.1.base.rdb";
const BASE_AOF: &str = "appendonly.aof.1.base.aof";
const INCR_1: &str = "appendonly.aof.1.incr.aof";
const INCR_2: &str = "appendonly.aof.2.incr.aof";
/// What Redis wrote before 7.0, and what it still reads.
pub(crate) const ALONE: &str = "appendonly.aof";

/// A command whose words have no spaces in them.
fn words(line: &str) -> Vec<u8> {
    command(&line.split(' ').collect::<Vec<_>>())
}

/// Several of them, a semicolon between.
fn lines(commands: &str) -> Vec<u8> {
    commands.split("; ").flat_map(words).collect()
}

/// One folder of append-only files, one of which may have something wrong.
#[derive(Debug, Clone)]
pub(crate) struct Case {
    pub(crate) name: String,
    /// The files of the folder with the manifest, or the one file that stands alone.
    pub(crate) files: Vec<(&'static str, Vec<u8>)>,
    /// The file that the case is about.
    pub(crate) file: &'static str,
    /// What the server is told beside `--appendonly yes`.
    pub(crate) settings: &'static [&'static str],
    /// The one server that knows these settings.
    only: Option<&'static str>,
    /// Which servers are not to be started on it.
    pub(crate) crashes: Crashes,
}

/// Servers read memory that is not theirs, or hang: no test can say what they do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Crashes {
    None,
    Redis,
    All,
}

impl Crashes {
    pub(crate) fn on(self, server: &str) -> bool {
        match self {
            Self::None => false,
            Self::Redis => server.starts_with("redis"),
            Self::All => true,
        }
    }
}

impl Case {
    /// Whether this server can be given the case.
    pub(crate) fn is_for(&self, server: &str) -> bool {
        self.only.is_none_or(|only| only == server)
    }

    /// What the files' folder is called; a file that stands alone is in the server's own.
    pub(crate) fn folder(&self, dir: &Path) -> PathBuf {
        if self.file == ALONE { dir.to_owned() } else { dir.join(FOLDER) }
    }

    /// Lays the files down in a server's folder.
    pub(crate) fn write(&self, dir: &Path) {
        let folder = self.folder(dir);
        fs::create_dir_all(&folder).expect("a folder");
        for (name, bytes) in &self.files {
            fs::write(folder.join(name), bytes).expect("a file");
        }
    }

    /// What a check tool is given, relative to `folder`.
    pub(crate) fn entry(&self) -> &'static str {
        if self.file == ALONE { ALONE } else { MANIFEST }
    }

    /// Where the file the case is about is when a server has started on it.
    pub(crate) fn path(&self, dir: &Path) -> PathBuf {
        dir.join(FOLDER).join(self.file)
    }

    /// The bytes of that file.
    pub(crate) fn bytes(&self) -> &[u8] {
        let found = self.files.iter().find(|(name, _)| *name == self.file);
        &found.expect("the file it is about").1
    }
}

/// Where a log stands among the files.
#[derive(Debug, Clone, Copy)]
enum Place {
    /// The last incr, behind a base that is an RDB.
    Last,
    /// An incr with another behind it.
    Followed,
    /// The base, with an incr behind it.
    Base,
    Alone,
}

fn place(name: &str, log: Vec<u8>, place: Place) -> Case {
    let line = |file: &str, seq: u8, ty: char| format!("file {file} seq {seq} type {ty}\n");
    let next = lines("SELECT 0; SET z 1");
    let (prefix, file, files) = match place {
        Place::Last => ("", INCR_1, vec![(BASE_RDB, base(), 1, 'b'), (INCR_1, log, 1, 'i')]),
        Place::Followed => {
            ("followed/", INCR_1, vec![(BASE_RDB, base(), 1, 'b'), (INCR_1, log, 1, 'i'), (INCR_2, next, 2, 'i')])
        }
        Place::Base => ("base/", BASE_AOF, vec![(BASE_AOF, log, 1, 'b'), (INCR_1, next, 1, 'i')]),
        Place::Alone => ("alone/", ALONE, vec![(ALONE, log, 1, 'b')]),
    };
    let manifest: String = files.iter().map(|(name, _, seq, ty)| line(name, *seq, *ty)).collect();
    let mut files: Vec<_> = files.into_iter().map(|(name, bytes, ..)| (name, bytes)).collect();
    if file != ALONE {
        files.push((MANIFEST, manifest.into_bytes()));
    }
    Case { name: format!("{prefix}{name}"), files, file, settings: &[], only: None, crashes: Crashes::None }
}

/// The base that stands in front of the logs: the key `base`.
fn base() -> Vec<u8> {
    rdb::Builder::redis(10).aux(b"aof-base", b"1").select(0).string(b"base", b"1").finish()
}

/// An RDB as a preamble: the key `r`.
fn preamble() -> rdb::Builder {
    let mut dump = rdb::Builder::redis(10);
    dump.select(0).string(b"r", b"1");
    dump
}

/// What every log begins with: the keys `k1` and `k2`. 81 bytes.
fn head() -> Vec<u8> {
    lines("SELECT 0; SET k1 v1; SET k2 v2")
}

/// The command that something is wrong with: the key `k3`.
const MARKED: &[u8] = b"*3\r\n$3\r\nSET\r\n$2\r\nk3\r\n$5\r\nhello\r\n";

fn marked(from: &str, to: &str) -> Vec<u8> {
    let text = str::from_utf8(MARKED).expect("it is ASCII");
    assert_eq!(text.matches(from).count(), 1, "{from:?}");
    text.replace(from, to).into_bytes()
}

struct Cases(Vec<Case>);

impl Cases {
    fn whole(&mut self, name: &str, log: Vec<u8>) -> &mut Case {
        self.0.push(place(name, log, Place::Last));
        self.0.last_mut().expect("one is there")
    }

    /// The head and this.
    fn end(&mut self, name: &str, rest: &[u8]) -> &mut Case {
        self.whole(name, [&head(), rest].concat())
    }

    /// The head, this, and a sound command: the key `k4`.
    fn middle(&mut self, name: &str, rest: &[u8]) -> &mut Case {
        self.whole(name, [&head(), rest, &words("SET k4 v4")].concat())
    }

    /// Commands in the middle.
    fn run(&mut self, name: &str, commands: &str) -> &mut Case {
        self.middle(name, &lines(commands))
    }

    /// One edit of the marked command.
    fn edit(&mut self, name: &str, from: &str, to: &str) -> &mut Case {
        self.middle(name, &marked(from, to))
    }

    /// The marked command and these bytes at the end.
    fn behind(&mut self, name: &str, rest: &[u8]) -> &mut Case {
        self.end(name, &[MARKED, rest].concat())
    }

    /// These bytes in front of the marked command.
    fn before(&mut self, name: &str, rest: &[u8]) -> &mut Case {
        self.middle(name, &[rest, MARKED].concat())
    }
}

/// Every case, each name once.
pub(crate) fn cases() -> Vec<Case> {
    let mut all = Cases(Vec::new());
    cuts(&mut all);
    transactions(&mut all);
    commands(&mut all);
    line_ends(&mut all);
    numbers(&mut all);
    annotations(&mut all);
    tails(&mut all);
    preambles(&mut all);
    elsewhere(&mut all);
    settings(&mut all);
    all.0
}

fn cuts(all: &mut Cases) {
    all.whole("empty", Vec::new());
    all.before("whole", b"");
    all.whole("no-select", lines("SET k1 v1; SET k2 v2"));
    for (name, at) in [
        ("after-star", 1),
        ("after-argc", 2),
        ("in-argc-crlf", 3),
        ("after-argc-line", 4),
        ("after-dollar", 5),
        ("after-len", 6),
        ("in-len-crlf", 7),
        ("before-data", 8),
        ("in-data", 10),
        ("before-data-crlf", 11),
        ("in-data-crlf", 12),
        ("between-words", 13),
        ("in-last-data", 28),
        ("before-last-crlf", 30),
        ("before-last-lf", 31),
    ] {
        all.end(&format!("cut-{name}"), &MARKED[..at]);
    }
    all.whole("cut-first-byte", b"*".to_vec());
    all.whole("cut-first-command", head()[..5].to_vec());
    let big = command(&[&b"SET"[..], b"k3", &vec![b'x'; 1_500_000]]);
    all.end("cut-big", &big[..big.len() - 3]);
    all.middle("big", &big);
    let many: Vec<String> =
        ["SADD".to_owned(), "k3".to_owned()].into_iter().chain((0..3000).map(|n| n.to_string())).collect();
    all.middle("many-words", &command(&many));
}

fn transactions(all: &mut Cases) {
    all.run("multi", "MULTI; SET k3 x; EXEC");
    all.run("multi-empty", "MULTI; EXEC");
    all.run("multi-lower-case", "multi; SET k3 x; exec");
    all.end("multi-open", &lines("MULTI; SET k3 x"));
    all.end("multi-open-lower-case", &lines("multi; SET k3 x"));
    all.end("multi-open-at-once", &words("MULTI"));
    all.run("multi-open-goes-on", "MULTI; SET k3 x");
    all.end("multi-cut", &[&lines("MULTI; SET k5 x"), &MARKED[..29]].concat());
    all.end("multi-cut-at-once", &[&words("MULTI"), &MARKED[..29]].concat());
    all.end("multi-cut-exec", &[&lines("MULTI; SET k3 x"), &words("EXEC")[..11]].concat());
    all.end("multi-cut-multi", &words("MULTI")[..12]);
    all.run("exec-alone", "EXEC");
    all.end("exec-alone-at-end", &words("EXEC"));
    all.run("exec-twice", "MULTI; SET k3 x; EXEC; EXEC");
    all.run("multi-nested", "MULTI; SET k3 x; MULTI; SET k5 x; EXEC");
    all.end("multi-nested-open", &lines("MULTI; SET k3 x; MULTI; SET k5 x"));
    all.run("discard", "MULTI; SET k3 x; DISCARD");
    all.run("discard-exec", "MULTI; SET k3 x; DISCARD; EXEC").crashes = Crashes::All;
    all.run("discard-alone", "DISCARD");
    all.run("watch", "WATCH k1; UNWATCH");
    all.run("watch-in-multi", "MULTI; WATCH k1; SET k3 x; EXEC");
    all.run("multi-with-argument", "MULTI x; SET k3 x; EXEC");
    all.run("exec-with-argument", "MULTI; SET k3 x; EXEC x");
    all.run("multi-arity", "MULTI; SET k5; SET k3 x; EXEC").crashes = Crashes::Redis;
    all.run("multi-unknown", "MULTI; NOSUCH k5; SET k3 x; EXEC");
    all.run("multi-error", "MULTI; LPUSH k1 v; SET k3 x; EXEC");
    all.run("multi-select", "MULTI; SELECT 1; SET k3 x; EXEC");
    all.middle("multi-annotation", &[&words("MULTI")[..], TS, MARKED, &words("EXEC")].concat());
    all.end("multi-annotation-open", &[&words("MULTI")[..], TS, MARKED].concat());
    all.end("multi-garbage", &[&words("MULTI")[..], MARKED, b"garbage"].concat());
}

fn commands(all: &mut Cases) {
    all.run("unknown", "NOSUCH a");
    all.run("unknown-subcommand", "XGROUP NOSUCH a");
    all.run("no-subcommand", "XGROUP").crashes = Crashes::Redis;
    all.run("no-name", " k3");
    all.run("name-lower-case", "set k3 hello");
    all.run("name-mixed-case", "sEt k3 hello");
    all.run("select-lower-case", "select 1; SET k3 x");
    all.run("arity-few", "SET k3").crashes = Crashes::Redis;
    all.run("arity-many-read", "GET k1 x");
    all.run("arity-many-write", "INCR k3 x");
    all.run("wrong-type", "LPUSH k1 v");
    all.run("not-a-number", "INCR k1");
    all.run("syntax-error", "SET k3 v NOSUCH");
    all.run("select-99999", "SELECT 99999; SET k3 x");
    all.run("select-16", "SELECT 16; SET k3 x");
    all.run("select-15", "SELECT 15; SET k3 x");
    all.run("select-text", "SELECT abc; SET k3 x");
    all.run("select-negative", "SELECT 1; SELECT -1; SET k3 x");
    all.run("xadd-old-id", "XADD k3 5-1 f v; XADD k3 4-1 f v");
    all.run("function-bad", "FUNCTION LOAD nonsense");
    all.run("restore-bad", "RESTORE k3 0 nonsense");
    all.run("reads", "GET k1; PING; CONFIG SET maxmemory-samples 6; PUBLISH c m");
    all.run("eval", "EVAL return(redis.call('set',KEYS[1],'x')) 1 k3");
    all.run("blocking", "BLPOP k3 0");
    all.run("flushall", "FLUSHALL");
    all.run("connection", "HELLO 3; AUTH x; SUBSCRIBE c; MONITOR; QUIT");
    all.run("expires-in-2100", "SET k3 x PXAT 4102444800000");
}

fn line_ends(all: &mut Cases) {
    all.edit("data-cr-wrong", "hello\r\n", "helloX\n");
    all.edit("data-lf-wrong", "hello\r\n", "hello\rX");
    all.edit("data-crlf-wrong", "hello\r\n", "helloXX");
    all.edit("data-crlf-wrong-inside", "k3\r\n", "k3XX");
    all.edit("data-lf-alone", "hello\r\n", "hello\n");
    all.edit("data-no-crlf", "hello\r\n", "hello");
    all.edit("data-two-crlf", "hello\r\n", "hello\r\n\r\n");
    all.end("data-crlf-wrong-at-end", &marked("hello\r\n", "helloXX"));
    all.end("data-lf-alone-at-end", &marked("hello\r\n", "hello\n"));
    for (header, line) in [("len", "$5"), ("argc", "*3")] {
        for (name, end) in [
            ("lf-alone", "\n"),
            ("x-lf", "X\n"),
            ("cr-x", "\rX"),
            ("cr-alone", "\r"),
            ("no-crlf", ""),
            ("cr-cr-lf", "\r\r\n"),
            ("space-behind", " \r\n"),
            ("junk", "junk\r\n"),
        ] {
            all.edit(&format!("{header}-{name}"), &format!("{line}\r\n"), &format!("{line}{end}"));
        }
        for (name, zeros) in
            [("126-bytes", 122), ("127-bytes", 123), ("128-bytes", 124), ("1023-bytes", 1019), ("1024-bytes", 1020)]
        {
            let long = format!("{}{}{}", &line[..1], "0".repeat(zeros), &line[1..]);
            all.edit(&format!("{header}-{name}"), line, &long);
        }
    }
}

fn numbers(all: &mut Cases) {
    for (name, argc) in [
        ("0", "*0"),
        ("minus-1", "*-1"),
        ("plus", "*+3"),
        ("space", "* 3"),
        ("zeros", "*03"),
        ("4", "*4"),
        ("missing", "*"),
        ("text", "*abc"),
        ("hex", "*0x3"),
        ("million", "*1000000"),
        ("2147483647", "*2147483647"),
        ("4294967299", "*4294967299"),
        ("23-digits", "*99999999999999999999999"),
    ] {
        all.edit(&format!("argc-{name}"), "*3", argc);
    }
    all.edit("argc-2", "*3", "*2").crashes = Crashes::Redis;
    all.before("argc-0-alone", b"*0\r\n");
    all.before("argc-minus-1-alone", b"*-1\r\n");
    for (name, len) in [
        ("zeros", "$05"),
        ("plus", "$+5"),
        ("space", "$ 5"),
        ("0", "$0"),
        ("4", "$4"),
        ("6", "$6"),
        ("missing", "$"),
        ("text", "$abc"),
        ("hex", "$0x5"),
        ("1-mib", "$1048576"),
        ("over-512-mib", "$536870913"),
        ("4294967301", "$4294967301"),
    ] {
        all.edit(&format!("len-{name}"), "$5", len);
    }
    all.edit("len-minus-1", "$5", "$-1").crashes = Crashes::All;
    all.edit("len-23-digits", "$5", "$99999999999999999999999").crashes = Crashes::All;
    all.middle("len-0-sound", &command(&["SET", "k3", ""]));
    all.edit("star-wrong", "*3", "+3");
    all.edit("dollar-wrong", "$5", "+5");
    all.edit("dollar-star", "$5", "*5");
    all.edit("dollar-missing", "$5", "5");
}

const TS: &[u8] = b"#TS:1700000000\r\n";

fn annotations(all: &mut Cases) {
    all.before("ts", TS);
    all.middle("ts-backwards", &[b"#TS:1700000010\r\n", MARKED, TS].concat());
    all.before("ts-text", b"#TS:abc\r\n");
    all.before("ts-none", b"#TS:\r\n");
    all.before("ts-negative", b"#TS:-5\r\n");
    all.before("ts-20-digits", b"#TS:99999999999999999999\r\n");
    all.before("ts-lf-alone", b"#TS:1700000000\n");
    all.whole("ts-first", [TS, &head(), MARKED].concat());
    all.before("annotation", b"#anything at all\r\n");
    all.before("annotation-empty", b"#\r\n");
    for line_bytes in [1000, 1023, 1024, 2000, 100_000] {
        let line = [b"#", &vec![b'a'; line_bytes - 3][..], b"\r\n"].concat();
        all.before(&format!("annotation-{line_bytes}-bytes"), &line);
    }
    let hiding = [b"#", &vec![b'a'; 1022][..], &words("SET k5 x"), b"\r\n"].concat();
    all.before("annotation-1023-bytes-then-a-command", &hiding);
    all.behind("annotation-last", TS);
    all.behind("annotation-no-lf", b"#TS:1700000000");
    all.behind("annotation-cr", b"#TS:1700000000\r");
    all.behind("annotation-hash", b"#");
    all.end("annotation-then-cut", &[TS, &MARKED[..29]].concat());
    all.edit("annotation-in-command", "$2", "#TS:1700000000\r\n$2");
}

fn tails(all: &mut Cases) {
    all.before("inline", b"SET k5 hello\r\n");
    all.whole("inline-first", [&b"SET k5 hello\r\n"[..], &head()].concat());
    all.whole("text-file", b"hello world\n".repeat(10));
    all.before("blank-line", b"\r\n");
    all.before("resp3", b"%1\r\n+a\r\n+b\r\n");
    for (name, tail) in [
        ("lf", &b"\n"[..]),
        ("crlf", b"\r\n"),
        ("space", b" "),
        ("garbage", b"\x80\x01garbage\xff"),
        ("garbage-star", b"*garbage"),
        ("garbage-dollar", b"$garbage\r\n"),
    ] {
        all.behind(&format!("tail-{name}"), tail);
    }
    for zeros in [1, 10, 4096, 8192] {
        all.behind(&format!("tail-{zeros}-zeros"), &vec![0; zeros]);
    }
    all.end("cut-then-zeros", &[&MARKED[..28], &[0; 4096]].concat());
    all.before("zeros-inside", &[0; 4096]);
    all.whole("zeros-alone", vec![0; 4096]);
}

fn preambles(all: &mut Cases) {
    let whole = preamble().finish();
    let with = |rest: &[u8]| [&whole, rest].concat();
    let mut unchecked = preamble().cut();
    unchecked.push(255);
    let sum = |sum: u64| [&unchecked[..], &sum.to_le_bytes()].concat();
    let mut other_db = rdb::Builder::redis(10);
    let other_db = other_db.select(1).string(b"r", b"1").finish();
    for (name, log) in [
        ("preamble", with(&[&head(), MARKED].concat())),
        ("preamble-only", whole.clone()),
        ("preamble-garbage", with(b"garbage")),
        ("preamble-zeros", with(&[0; 4096])),
        ("preamble-twice", with(&whole)),
        ("preamble-cut-log", with(&[&head(), &MARKED[..29]].concat())),
        ("preamble-cut-first-command", with(&MARKED[..29])),
        ("preamble-open-multi", with(&lines("MULTI; SET k3 x"))),
        ("preamble-annotation-cut", with(&[TS, &MARKED[..29]].concat())),
        ("preamble-db-1", [&other_db[..], &words("SET k9 v")].concat()),
        ("preamble-checksum-0", [&sum(0)[..], &head()].concat()),
        ("preamble-checksum-wrong", [&sum(12345)[..], &head()].concat()),
        ("preamble-cut-key", whole[..whole.len() - 12].to_vec()),
        ("preamble-cut-checksum", whole[..whole.len() - 3].to_vec()),
        ("preamble-cut-version", whole[..7].to_vec()),
        ("preamble-cut-magic", whole[..4].to_vec()),
        ("preamble-version-99", rdb::Builder::redis(99).select(0).string(b"r", b"1").finish()),
    ] {
        all.0.push(place(name, log.clone(), Place::Last));
        all.0.push(place(name, log, Place::Alone));
    }
    all.behind("preamble-inside", &with(MARKED));
    all.0.push(place("preamble", with(MARKED), Place::Base));
    all.0.push(place("preamble-cut-first-command", with(&MARKED[..29]), Place::Base));
}

/// The same in a file that is not the last, and in one that stands alone.
fn elsewhere(all: &mut Cases) {
    let cut = [&head(), &MARKED[..29]].concat();
    for (name, log) in [
        ("empty", Vec::new()),
        ("whole", [&head(), MARKED].concat()),
        ("cut", cut.clone()),
        ("multi-open", [head(), lines("MULTI; SET k3 x")].concat()),
        ("multi-cut", [&head(), &lines("MULTI; SET k5 x")[..], &MARKED[..29]].concat()),
        ("unknown", [head(), words("NOSUCH a")].concat()),
        ("garbage", [&head(), MARKED, b"garbage"].concat()),
        ("zeros", [&head(), MARKED, &[0; 4096]].concat()),
        ("exec-alone", [head(), words("EXEC")].concat()),
        ("annotation-no-lf", [&head(), MARKED, b"#TS:1700000000"].concat()),
        // The key z of the next file tells whether the database goes along.
        ("select-3", lines("SELECT 3; SET k3 x")),
    ] {
        for at in [Place::Followed, Place::Base, Place::Alone] {
            all.0.push(place(name, log.clone(), at));
        }
    }
    for case in &mut all.0 {
        if case.name.ends_with("/select-3") && case.file != ALONE {
            let next = case.files.iter_mut().rfind(|(name, _)| *name != MANIFEST && *name != case.file);
            next.expect("a file behind it").1 = words("SET z 1");
        }
    }
    let mut missing = place("missing", Vec::new(), Place::Followed);
    missing.files.retain(|(name, _)| *name != INCR_2);
    all.0.push(missing);
}

fn settings(all: &mut Cases) {
    const STRICT: &[&str] = &["--aof-load-truncated", "no"];
    // Fewer bytes than this may be corrupt at the end.
    const LENIENT: &[&str] = &["--aof-load-corrupt-tail-max-size", "100"];
    for (name, rest) in [("cut", MARKED[..29].to_vec()), ("multi-open", lines("MULTI; SET k3 x"))] {
        let log = [head(), rest].concat();
        for at in [Place::Last, Place::Followed] {
            let mut case = place(&format!("strict/{name}"), log.clone(), at);
            case.settings = STRICT;
            all.0.push(case);
        }
    }
    let sound = [&head(), MARKED].concat();
    for (name, log, at) in [
        ("99-zeros", [&sound[..], &[0; 99]].concat(), Place::Last),
        ("99-zeros", [&sound[..], &[0; 99]].concat(), Place::Followed),
        ("100-zeros", [&sound[..], &[0; 100]].concat(), Place::Last),
        ("cut", [&head(), &MARKED[..29]].concat(), Place::Last),
        ("len-4", [head(), marked("$5", "$4")].concat(), Place::Last),
        ("unknown", [head(), words("NOSUCH a")].concat(), Place::Last),
        ("multi-garbage", [&head(), &words("MULTI"), MARKED, b"garbage"].concat(), Place::Last),
        ("preamble-garbage", [&preamble().finish()[..], b"garbage"].concat(), Place::Last),
    ] {
        let mut case = place(&format!("lenient/{name}"), log, at);
        (case.settings, case.only) = (LENIENT, Some("redis-8.6"));
        all.0.push(case);
    }
}

/// What a server was seen to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It starts and has these keys.
    Loads { keys: String },
    /// It starts after it has cut the file here.
    Truncates { to: u64, keys: String },
    /// It ends; it may have cut the file before that.
    Refuses { truncated: Option<u64> },
    /// See [`Crashes`].
    Crashes,
}

/// What its check tool says about the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Checked {
    pub(crate) valid: bool,
    /// `ok_up_to` and `ok_up_to_line`, where it says them of the file that the case is about.
    pub(crate) ok_up_to: Option<(u64, u64)>,
}

/// A row of `aof_facts.tsv`, of one server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fact {
    pub(crate) case: String,
    pub(crate) server: String,
    pub(crate) outcome: Outcome,
    pub(crate) checked: Checked,
}

/// The names of the servers that the facts are about.
pub(crate) const SERVERS: [&str; 6] = ["redis-7.0", "redis-7.4", "redis-8.0", "redis-8.6", "valkey-8.1", "valkey-9.1"];
const ALL: &str = "all";
const NONE: &str = "-";
const HEADER: &str = "case\tservers\toutcome\ttruncated_to\tkeys\tcheck\tok_up_to\tok_up_to_line\n";

/// What `aof_facts.tsv` says, one for each case and server.
pub(crate) fn recorded() -> Vec<Fact> {
    let table = include_str!("../aof_facts.tsv");
    table.lines().skip(1).flat_map(row).collect()
}

fn row(line: &str) -> Vec<Fact> {
    let cells: Vec<&str> = line.split('\t').collect();
    let [case, servers, outcome, truncated, keys, check, ok_up_to, ok_line] = cells[..] else { panic!("{line}") };
    let number = |cell: &str| (cell != NONE).then(|| cell.parse().unwrap_or_else(|_| panic!("{line}")));
    let keys = if keys == NONE { String::new() } else { keys.to_owned() };
    let outcome = match (outcome, number(truncated)) {
        ("loads", None) => Outcome::Loads { keys },
        ("truncates", Some(to)) => Outcome::Truncates { to, keys },
        ("refuses", truncated) => Outcome::Refuses { truncated },
        ("crashes", None) => Outcome::Crashes,
        _ => panic!("{line}"),
    };
    let checked = Checked { valid: check == "valid", ok_up_to: number(ok_up_to).zip(number(ok_line)) };
    let servers = if servers == ALL { SERVERS.to_vec() } else { servers.split(',').collect() };
    let fact = |server: &str| Fact {
        case: case.to_owned(),
        server: server.to_owned(),
        outcome: outcome.clone(),
        checked: checked.clone(),
    };
    servers.into_iter().map(fact).collect()
}

/// The facts as a table, servers that agree in one row.
pub(crate) fn table(facts: &[Fact]) -> String {
    let mut rows: Vec<(&Fact, Vec<&str>)> = Vec::new();
    for fact in facts {
        let same = |(first, _): &&mut (&Fact, Vec<&str>)| {
            first.case == fact.case && first.outcome == fact.outcome && first.checked == fact.checked
        };
        match rows.iter_mut().find(same) {
            Some((_, servers)) => servers.push(&fact.server),
            None => rows.push((fact, vec![&fact.server])),
        }
    }
    let line = |(fact, servers): &(&Fact, Vec<&str>)| {
        let or_none = |text: Option<String>| text.filter(|text| !text.is_empty()).unwrap_or_else(|| NONE.to_owned());
        let (outcome, to, keys) = match &fact.outcome {
            Outcome::Loads { keys } => ("loads", None, Some(keys)),
            Outcome::Truncates { to, keys } => ("truncates", Some(*to), Some(keys)),
            Outcome::Refuses { truncated } => ("refuses", *truncated, None),
            Outcome::Crashes => ("crashes", None, None),
        };
        let cells = [
            fact.case.clone(),
            if servers.len() == SERVERS.len() { ALL.to_owned() } else { servers.join(",") },
            outcome.to_owned(),
            or_none(to.map(|to| to.to_string())),
            or_none(keys.cloned()),
            if fact.checked.valid { "valid" } else { "broken" }.to_owned(),
            or_none(fact.checked.ok_up_to.map(|(offset, _)| offset.to_string())),
            or_none(fact.checked.ok_up_to.map(|(_, line)| line.to_string())),
        ];
        cells.join("\t") + "\n"
    };
    HEADER.to_owned() + &rows.iter().map(line).collect::<String>()
}
