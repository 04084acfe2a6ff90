//! A live server under a mixed load of every write command it has, and what its keyspace was at some moments of that.
//!
//! A load is made of scenes, each a few commands that go together. Every scene is played once and then some more at
//! random, so that a seed says what is sent. What a server makes of it differs with its version and with the clock.

use crate::support::aof::{FOLDER, MANIFEST};
use crate::support::keyspace::{self, Data, Keyspace, StreamModel};
use crate::support::servers::{self, Running, ServerSpec};
use redis::{Connection, Value, cmd};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{fs, thread};

/// What a load left behind.
#[derive(Debug)]
pub(crate) struct Recorded {
    /// In the order of time.
    pub(crate) pauses: Vec<Pause>,
    /// Holds the folders of the pauses.
    _kept: tempfile::TempDir,
}

/// A moment when the server was let alone, and everything it had done was in its files.
#[derive(Debug)]
pub(crate) struct Pause {
    /// A copy of the server's data folder, made later: its files go on after this moment.
    pub(crate) dir: PathBuf,
    /// The last file of the manifest, and how long it was.
    pub(crate) file: String,
    pub(crate) size: u64,
    /// The server's clock, Unix milliseconds. What came next came in a later second.
    pub(crate) at: i64,
    pub(crate) keyspace: Keyspace,
}

impl Pause {
    /// The folder of the append-only files.
    pub(crate) fn folder(&self) -> PathBuf {
        self.dir.join(FOLDER)
    }
}

/// What a server is started with for a load, and on what the load has left.
///
/// An odd seed has `#TS` annotations, and one in four rewrites into a log, not a dump.
pub(crate) fn arguments(seed: u64) -> Vec<&'static str> {
    let mut arguments = vec!["--appendonly", "yes", "--appendfsync", "always"];
    arguments.extend(["--aof-timestamp-enabled", if has_timestamps(seed) { "yes" } else { "no" }]);
    arguments.extend(["--aof-use-rdb-preamble", if rewrites_to_log(seed) { "no" } else { "yes" }]);
    arguments.extend(["--auto-aof-rewrite-percentage", "0"]);
    arguments
}

pub(crate) fn has_timestamps(seed: u64) -> bool {
    seed % 2 == 1
}

fn rewrites_to_log(seed: u64) -> bool {
    seed % 4 == 2
}

/// Starts a server for a load in an empty folder.
pub(crate) fn start(spec: &ServerSpec, dir: &Path, seed: u64) -> Running {
    servers::start(spec, dir, &arguments(seed)).unwrap_or_else(|refused| panic!("{}\n{}", spec.name, refused.log))
}

/// What a server that has loaded a log can have in common with the one that wrote it.
pub(crate) fn settled(keyspace: Keyspace, server: &str, seed: u64) -> Keyspace {
    let mut settled = keyspace.values_only();
    for value in settled.keys.values_mut() {
        match &mut value.data {
            Data::Stream(stream) => settle_groups(stream, server, seed),
            // HINCRBYFLOAT is logged as HSET, which takes the field's expiry away.
            Data::Hash(fields) if server == "redis-7.4" => {
                fields.entry(b"x".to_vec()).and_modify(|(_, expire_at)| *expire_at = None);
            }
            // A graph of vectors is built by chance, and its numbers begin anew with each file.
            Data::Module(info) => {
                info.remove("max_level");
                info.remove("hnsw_max_node_uid");
            }
            _ => {}
        }
    }
    settled
}

fn settle_groups(stream: &mut StreamModel, server: &str, seed: u64) {
    let ids: BTreeSet<&String> = stream.entries.iter().map(|(id, _)| id).collect();
    for group in stream.groups.values_mut() {
        // XREADGROUP is logged without how far the group has read.
        if server == "redis-7.0" {
            group.entries_read = None;
        }
        if rewrites_to_log(seed) {
            // What is pending is logged as XCLAIM, which does not claim a deleted entry; 7.0 has no other word for the
            // consumer of one.
            group.pending.retain(|id, _| ids.contains(id));
            for consumer in group.consumers.values_mut() {
                consumer.pending.retain(|id| ids.contains(id));
            }
            group.consumers.retain(|_, consumer| server != "redis-7.0" || !consumer.pending.is_empty());
        }
    }
}

/// Looks at every key there may be: that deletes the expired ones.
fn delete_expired(connection: &mut Connection) {
    let keys: Vec<Vec<u8>> = TYPES.iter().flat_map(|ty| (0..KEYS).map(|number| key_name(ty, number))).collect();
    for db in 0..16 {
        let () = cmd("SELECT").arg(db).query(connection).expect("a database");
        let () = cmd("EXISTS").arg(&keys).query(connection).expect("keys");
    }
    let () = cmd("SELECT").arg(0).query(connection).expect("a database");
}

/// Plays every scene once, and `more` of them again, with five pauses. A rewrite begins after the second and goes on
/// until after the third.
///
/// # Panics
/// Where a write command of this server, or a line that this server ought to know, never succeeded.
pub(crate) fn run(server: &Running, seed: u64, more: usize) -> Recorded {
    let mut driver = Driver::new(server, seed);
    let script = driver.script(more);
    let kept = tempfile::tempdir().expect("a temporary folder");
    let mut pauses = Vec::new();
    // How many pauses have got the folder that their file is cut in.
    let mut copied = 0;
    let mut copy = |driver: &Driver, pauses: &mut Vec<Pause>| {
        let to = kept.path().join(pauses.len().to_string());
        driver.copy_to(&to);
        pauses[copied..].iter_mut().for_each(|pause: &mut Pause| to.clone_into(&mut pause.dir));
        copied = pauses.len();
    };
    for (part, scenes) in script.chunks(script.len().div_ceil(6)).enumerate() {
        for (at, scene) in scenes.iter().enumerate() {
            driver.play(scene);
            // Some way behind a pause, so that there is something to cut.
            match (part, at) {
                (2, 5) => {
                    copy(&driver, &mut pauses);
                    driver.rewrite_begins();
                }
                (3, 5) => {
                    copy(&driver, &mut pauses);
                    driver.rewrite_ends();
                }
                _ => {}
            }
        }
        if part < 5 {
            pauses.push(driver.pause());
        }
    }
    copy(&driver, &mut pauses);
    driver.finish();
    Recorded { pauses, _kept: kept }
}

/// What no load can send, and why.
const LEFT_OUT: [(&str, &str); 5] = [
    ("migrate", "needs a second server; it logs DEL"),
    ("cluster|flushslot", "needs a cluster"),
    ("trimslots", "needs a cluster"),
    ("xidmprecord", "the server alone writes it, into its log"),
    ("pfdebug", "no client sends it"),
];

/// One scene a paragraph, one command a line. A line begins with
/// - `?` if not every server has the options in it,
/// - `~` if it blocks: it is sent on a second connection,
/// - `<` where the reply to that is awaited.
///
/// `{s}` is a key of the strings, `{s2}` another; so `{l}` lists, `{t}` sets, `{z}` sorted sets, `{h}` hashes, `{x}`
/// streams, `{g}` places, `{p}` `HyperLogLogs`, `{b}` bitmaps, `{n}` integers, `{d}` floats, `{e}` vectors. What else
/// there is: [`Driver::word`].
const SCENES: &str = include_str!("workload.txt");

type Scene = &'static str;

/// A small generator: a load is the same wherever it runs.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        // SplitMix64, by Sebastiano Vigna; public domain.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        let end = u64::try_from(end).expect("a small number");
        usize::try_from(self.next() % end).expect("a small number")
    }

    fn of<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.below(items.len())]
    }

    fn shuffle<T>(&mut self, items: &mut [T]) {
        for end in (1..items.len()).rev() {
            items.swap(end, self.below(end + 1));
        }
    }
}

/// What keys' names begin with.
const TYPES: [&str; 13] = ["s", "l", "t", "z", "h", "hx", "x", "g", "p", "b", "n", "d", "e"];
/// Keys of one type. They are few, so that commands meet.
const KEYS: usize = 7;
/// No database: the next scene selects one.
const NO_DB: usize = 1 << 16;
/// 1 January 2100, Unix seconds.
const YEAR_2100: i64 = 4_102_444_800;

struct Driver<'a> {
    server: &'a Running,
    connection: Connection,
    /// The one that blocks.
    second: Connection,
    chance: Chance,
    db: usize,
    /// The server's commands; true for those that write.
    known: BTreeMap<String, bool>,
    /// The commands that succeeded.
    sent: BTreeSet<String>,
    /// Lines by whether they ever succeeded, and what the server said last.
    lines: BTreeMap<&'static str, Result<(), String>>,
    data: PathBuf,
    state: SceneState,
}

/// What lines of one scene have in common.
#[derive(Default)]
struct SceneState {
    /// The number of each type's first key.
    keys: BTreeMap<String, usize>,
    /// What XADD answered.
    ids: Vec<String>,
    /// What waits for EXEC.
    queued: Vec<(&'static str, String)>,
    blocked: Option<(&'static str, String)>,
    in_multi: bool,
}

impl<'a> Driver<'a> {
    fn new(server: &'a Running, seed: u64) -> Self {
        let mut connection = server.connection();
        let commands: Value = cmd("COMMAND").query(&mut connection).expect("COMMAND");
        let mut known = BTreeMap::new();
        names(&commands, &mut known);
        if rewrites_to_log(seed) {
            // Redis 8 crashes when it rewrites a vector set into a log.
            known.retain(|name, _| !["vadd", "vrem", "vsetattr"].contains(&name.as_str()));
        }
        let (_, data): (String, String) =
            cmd("CONFIG").arg("GET").arg("dir").query(&mut connection).expect("its folder");
        Self {
            server,
            connection,
            second: server.connection(),
            chance: Chance(seed),
            db: 0,
            known,
            sent: BTreeSet::new(),
            lines: BTreeMap::new(),
            data: data.into(),
            state: SceneState::default(),
        }
    }

    /// Every scene in some order, and `more` in between; what empties everything comes first.
    fn script(&mut self, more: usize) -> Vec<Scene> {
        let mut scenes: Vec<Scene> = SCENES.split("\n\n").map(str::trim).filter(|scene| !scene.is_empty()).collect();
        let first = scenes.iter().position(|scene| scene.contains("FLUSHALL")).expect("it is there");
        let first = scenes.swap_remove(first);
        let again: Vec<Scene> = (0..more).map(|_| *self.chance.of(&scenes)).collect();
        scenes.extend(again);
        self.chance.shuffle(&mut scenes);
        scenes.insert(0, first);
        scenes
    }

    fn play(&mut self, scene: Scene) {
        self.state = SceneState::default();
        let db = *self.chance.of(&[0, 0, 0, 0, 1, 5, 15]);
        if db != self.db {
            self.db = db;
            let select = [b"SELECT".to_vec(), db.to_string().into_bytes()];
            self.ask(&select).expect("it has 16 databases");
            let packed = redis::Cmd::new().arg(&select).get_packed_command();
            self.second.send_packed_command(&packed).expect("the second connection is open");
            self.second.recv_response().expect("it has 16 databases");
        }
        for line in scene.lines() {
            self.line(line);
        }
        assert!(!self.state.in_multi && self.state.blocked.is_none(), "a scene that does not end: {scene}");
    }

    fn line(&mut self, line: &'static str) {
        if line == "<" {
            if let Some((line, name)) = self.state.blocked.take() {
                let reply = self.second.recv_response().map_err(|error| error.to_string());
                self.note(line, &name, reply.and_then(no_error).map(drop));
            }
            return;
        }
        let text = line.trim_start_matches(['?', '~', ' ']);
        let Some(name) = self.name_of(text) else { return };
        let words: Vec<Vec<u8>> = text.split(' ').map(|word| self.word(word)).collect();
        if line.starts_with('~') {
            let packed = redis::Cmd::new().arg(&words).get_packed_command();
            self.second.send_packed_command(&packed).expect("the second connection is open");
            self.wait_for("clients", "blocked_clients:1\r\n");
            self.state.blocked = Some((line, name));
            return;
        }
        let reply = self.ask(&words);
        match (&*name, &reply) {
            ("multi", Ok(_)) => self.state.in_multi = true,
            ("exec", Ok(Value::Array(replies))) => {
                self.state.in_multi = false;
                let queued = std::mem::take(&mut self.state.queued);
                for ((line, name), reply) in queued.into_iter().zip(replies.clone()) {
                    self.note(line, &name, no_error(reply).map(drop));
                }
            }
            ("select", Ok(_)) if !self.state.in_multi => self.db = NO_DB,
            ("exec" | "discard", _) => {
                self.state.in_multi = false;
                self.state.queued.clear();
            }
            (_, Ok(_)) if self.state.in_multi => {
                self.state.queued.push((line, name));
                return;
            }
            ("xadd", Ok(Value::BulkString(id))) => self.state.ids.push(String::from_utf8_lossy(id).into_owned()),
            _ => {}
        }
        self.note(line, &name, reply.map(drop));
    }

    /// The name of the command in a line, if the server knows it.
    fn name_of(&self, text: &str) -> Option<String> {
        let mut words = text.split(' ').map(str::to_lowercase);
        let first = words.next()?;
        let both = format!("{first}|{}", words.next().unwrap_or_default());
        [both, first].into_iter().find(|name| self.known.contains_key(name))
    }

    fn note(&mut self, line: &'static str, name: &str, reply: Result<(), String>) {
        if reply.is_ok() {
            self.sent.insert(name.to_owned());
        }
        let known = self.lines.entry(line).or_insert_with(|| Err(String::new()));
        if known.is_err() {
            *known = reply;
        }
    }

    /// Sends a command, and has its reply or what the server says is wrong.
    fn ask(&mut self, words: &[Vec<u8>]) -> Result<Value, String> {
        let packed = redis::Cmd::new().arg(words).get_packed_command();
        self.connection.send_packed_command(&packed).expect("the connection is open");
        self.connection.recv_response().map_err(|error| error.to_string()).and_then(no_error)
    }

    /// A word of a scene, with what stands for something else put in.
    fn word(&mut self, word: &str) -> Vec<u8> {
        let Some(open) = word.find('{') else { return word.as_bytes().to_vec() };
        let Some(close) = word.rfind('}') else { panic!("{word}") };
        let name = &word[open + 1..close];
        let inside = self.replacement(name).unwrap_or_else(|| panic!("{word} stands for nothing"));
        [&word.as_bytes()[..open], &inside, &word.as_bytes()[close + 1..]].concat()
    }

    fn replacement(&mut self, name: &str) -> Option<Vec<u8>> {
        let later = i64::try_from(self.chance.below(1_000_000)).expect("a small number");
        let number = match name {
            // When something expires: absolute in 2100 or in the past, or in 63 years and more.
            "far" => (YEAR_2100 + later) * 1000 + later % 1000,
            "far-s" => YEAR_2100 + later,
            "past" => 1_000_000 + later,
            "past-s" => 1000 + later,
            "long" => 2_000_000_000 + later,
            "long-ms" => 2_000_000_000_000 + later,
            "i" => later % 10 + 1,
            "bit" => later % 2000,
            "db" => return Some(((self.db + 1 + self.chance.below(15)) % 16).to_string().into_bytes()),
            "score" => {
                return Some(self.chance.of(&["1", "-1.5", "3e300", "inf", "-inf", "0.1", "42"]).as_bytes().to_vec());
            }
            _ => return self.text(name),
        };
        Some(number.to_string().into_bytes())
    }

    fn text(&mut self, name: &str) -> Option<Vec<u8>> {
        match name {
            "v" => return Some(self.value()),
            "big" => return Some(b"0123456789".repeat(10_240)),
            "empty" => return Some(Vec::new()),
            "f" | "m" => {
                let special: &[u8] = self.chance.of::<&[u8]>(&[b"", b"\r\n", b"\0\xff", b"$3\r\nabc\r\n"]);
                let number = self.chance.below(12);
                return Some(if number < 10 { format!("{name}{number}").into_bytes() } else { special.to_vec() });
            }
            "id" => return Some(self.state.ids.last().cloned().unwrap_or_else(|| "1-1".to_owned()).into_bytes()),
            "id0" => return Some(self.state.ids.first().cloned().unwrap_or_else(|| "1-1".to_owned()).into_bytes()),
            "functions" => return Some(self.bytes_of(&[b"FUNCTION".to_vec(), b"DUMP".to_vec()])),
            _ => {}
        }
        if let Some(key) = name.strip_prefix("dump-") {
            let key = self.key(key)?;
            return Some(self.bytes_of(&[b"DUMP".to_vec(), key]));
        }
        if let Some((_, code)) = CODE.iter().find(|(known, _)| *known == name) {
            return Some(code.as_bytes().to_vec());
        }
        if let Some(script) = name.strip_prefix("sha-") {
            let (_, code) = CODE.iter().find(|(known, _)| *known == script)?;
            return Some(self.bytes_of(&[b"SCRIPT".to_vec(), b"LOAD".to_vec(), code.as_bytes().to_vec()]));
        }
        self.key(name)
    }

    /// What a command answers with, empty if that is nothing.
    fn bytes_of(&mut self, words: &[Vec<u8>]) -> Vec<u8> {
        match self.ask(words) {
            Ok(Value::BulkString(bytes)) => bytes,
            _ => Vec::new(),
        }
    }

    /// `z2` is the key behind `z`, in the same scene the same.
    fn key(&mut self, name: &str) -> Option<Vec<u8>> {
        let ty = name.trim_end_matches(|c: char| c.is_ascii_digit());
        if !TYPES.contains(&ty) {
            return None;
        }
        let behind = name[ty.len()..].parse::<usize>().map_or(0, |number| number - 1);
        let random = self.chance.below(KEYS);
        let first = *self.state.keys.entry(ty.to_owned()).or_insert(random);
        Some(key_name(ty, (first + behind) % KEYS))
    }

    /// What a load stores: mostly short, now and then 100 KB.
    fn value(&mut self) -> Vec<u8> {
        let number = self.chance.next();
        match self.chance.below(20) {
            0 => Vec::new(),
            1 => b"*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\nb\r\n".to_vec(),
            2 => (0..=u8::MAX).collect(),
            3 => b"#TS:1\r\n".to_vec(),
            4 => b"0123456789".repeat(300),
            5 if number.is_multiple_of(4) => {
                let mut noise = Chance(number);
                (0..12_800).flat_map(|_| noise.next().to_le_bytes()).collect()
            }
            5..=9 => (number % 100_000).to_string().into_bytes(),
            _ => format!("value {number:x}").into_bytes(),
        }
    }

    /// Waits until INFO has this.
    fn wait_for(&self, section: &str, text: &str) {
        let mut connection = self.server.connection();
        for _ in 0..10_000 {
            let info: String = cmd("INFO").arg(section).query(&mut connection).expect("INFO");
            if info.contains(text) {
                return;
            }
            thread::sleep(Duration::from_millis(3));
        }
        panic!("{} never said {text} in INFO {section}\n{}", self.server.spec.name, self.server.log());
    }

    /// Lets what is about to expire do so, and takes down what there is.
    fn pause(&self) -> Pause {
        loop {
            let mut connection = self.server.connection();
            // What expires within a millisecond has to have done so.
            thread::sleep(Duration::from_millis(5));
            delete_expired(&mut connection);
            let (file, size) = self.last_file();
            let keyspace = keyspace::live(&mut connection);
            let at = keyspace::now(&mut connection);
            // The clock that `#TS` is from is behind by up to a tenth of a second.
            while keyspace::now(&mut connection) < (at / 1000 + 1) * 1000 + 300 {
                thread::sleep(Duration::from_millis(20));
            }
            // Fields of hashes are deleted when the server finds time.
            if (file.clone(), size) == self.last_file() {
                return Pause { dir: PathBuf::new(), file, size, at, keyspace };
            }
        }
    }

    /// The last file of the manifest, and its length.
    fn last_file(&self) -> (String, u64) {
        loop {
            let file = files(&self.data).pop().expect("a manifest that lists files");
            // A rewrite may come to its end just now.
            if let Ok(meta) = fs::metadata(self.data.join(FOLDER).join(&file)) {
                return (file, meta.len());
            }
        }
    }

    /// Starts a rewrite that takes its time.
    fn rewrite_begins(&mut self) {
        let set = |driver: &mut Self, micros: &str| {
            let words = ["CONFIG", "SET", "rdb-key-save-delay", micros].map(|word| word.as_bytes().to_vec());
            driver.ask(&words).expect("the setting is there");
        };
        set(self, "20000");
        self.ask(&[b"BGREWRITEAOF".to_vec()]).expect("no rewrite is going on");
        self.wait_for("persistence", "aof_rewrite_in_progress:1");
        set(self, "0");
    }

    fn rewrite_ends(&self) {
        self.wait_for("persistence", "aof_rewrite_in_progress:0");
        self.wait_for("persistence", "aof_last_bgrewrite_status:ok");
    }

    /// Copies the data folder as it is.
    fn copy_to(&self, to: &Path) {
        let manifest = self.data.join(FOLDER).join(MANIFEST);
        loop {
            let before = fs::read(&manifest).expect("a manifest");
            if to.exists() {
                fs::remove_dir_all(to).expect("a folder of ours");
            }
            fs::create_dir_all(to.join(FOLDER)).expect("a folder");
            fs::write(to.join(FOLDER).join(MANIFEST), &before).expect("a file");
            let copy = |file: &String| fs::copy(self.data.join(FOLDER).join(file), to.join(FOLDER).join(file)).is_ok();
            // A rewrite that comes to its end changes all of it.
            if files(to).iter().all(copy) && fs::read(&manifest).expect("a manifest") == before {
                return;
            }
        }
    }

    /// Every write command has to have been sent, and every line to have succeeded.
    fn finish(self) {
        let name = self.server.spec.name;
        let left_out: BTreeSet<&str> = LEFT_OUT.iter().map(|(command, _)| *command).collect();
        let writes = self.known.iter().filter(|(_, writes)| **writes).map(|(name, _)| name.as_str());
        let missing: Vec<&str> =
            writes.filter(|command| !left_out.contains(command) && !self.sent.contains(*command)).collect();
        let mut failed = String::new();
        for (line, said) in &self.lines {
            if let (Err(said), false) = (said, line.starts_with('?')) {
                writeln!(failed, "{line}: {said}").expect("a string takes everything");
            }
        }
        assert!(missing.is_empty() && failed.is_empty(), "{name}: never sent: {missing:?}\nnever succeeded:\n{failed}");
    }
}

fn key_name(ty: &str, number: usize) -> Vec<u8> {
    match (ty, number) {
        ("s", 0) => Vec::new(),
        (_, 1) => [ty.as_bytes(), b":\0\r\n\xff*1\r\n$4\r\nPING"].concat(),
        (_, 2) => [ty.as_bytes(), &b":long".repeat(60)].concat(),
        _ => format!("{ty}:{number}").into_bytes(),
    }
}

/// The files a manifest lists, in its order; history is not asked for.
fn files(data: &Path) -> Vec<String> {
    let manifest = fs::read_to_string(data.join(FOLDER).join(MANIFEST)).expect("a manifest");
    let live = manifest.lines().filter(|line| !line.contains("type h"));
    live.filter_map(|line| line.strip_prefix("file ")?.split(' ').next().map(str::to_owned)).collect()
}

/// Commands and subcommands with whether they write.
fn names(commands: &Value, into: &mut BTreeMap<String, bool>) {
    let Value::Array(commands) = commands else { panic!("not an array: {commands:?}") };
    let text = |value: &Value| match value {
        Value::SimpleString(text) => text.to_lowercase(),
        Value::BulkString(bytes) => String::from_utf8_lossy(bytes).to_lowercase(),
        other => panic!("not a word: {other:?}"),
    };
    for command in commands {
        let Value::Array(parts) = command else { panic!("not an array: {command:?}") };
        let (Value::Array(flags) | Value::Set(flags)) = &parts[2] else { panic!("no flags: {command:?}") };
        into.insert(text(&parts[0]), flags.iter().any(|flag| text(flag) == "write"));
        names(&parts[9], into);
    }
}

fn no_error(reply: Value) -> Result<Value, String> {
    if let Value::ServerError(error) = reply { Err(error.to_string()) } else { Ok(reply) }
}

/// Scripts and libraries, by the name they have in the scenes.
const CODE: [(&str, &str); 8] = [
    ("json", r#"{"year":1950}"#),
    ("one-write", "return redis.call('set', KEYS[1], ARGV[1])"),
    (
        "some-writes",
        "for i = 1, 3 do redis.call('rpush', KEYS[1], ARGV[1] .. i) end
         redis.call('Expire', KEYS[1], 2000000000)
         return redis.call('incr', KEYS[2])",
    ),
    ("other-db", "redis.call('select', 3); redis.call('set', KEYS[1], 'db 3'); return redis.call('hset', KEYS[2], 'lua', 1)"),
    ("fails", "redis.call('set', KEYS[1], 'before the error'); redis.call('incr', KEYS[2]); return 1"),
    ("random", "redis.call('set', KEYS[1], tostring(math.random())); return redis.call('spop', KEYS[2])"),
    (
        "library",
        "#!lua name=load
redis.register_function('two_writes', function(keys, args)
  redis.call('SET', keys[1], args[1])
  return redis.call('LPUSH', keys[2], args[1])
end)
redis.register_function{function_name='reads', callback=function(keys) return redis.call('EXISTS', keys[1]) end, flags={'no-writes'}}",
    ),
    ("other-library", "#!lua name=other\nredis.register_function('nothing', function() return 'nothing' end)"),
];
