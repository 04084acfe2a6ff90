//! `aof repair`, `aof cut` and `aof split`: what they leave out and nothing else, and what servers make of the rest.

use crate::support::dumps::{How, check_bytes, file, program};
use crate::support::keyspace::{Keyspace, assert_equal, live};
use crate::support::log::{Dice, command, framing, is_sound, line, mixed};
use crate::support::rdb::Builder;
use crate::support::servers::{Running, ServerSpec, start};
use rediscover::aof;
use rediscover::mend::{FilePlan, Plan, RepairOptions, With, plan_repair};
use rediscover::report::Verdict;
use serde_json::Value;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::PathBuf;

/// What a line of a log is for those after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Plain,
    Select(u64),
    Multi,
    Exec,
    Annotation,
}

#[derive(Debug, Clone)]
struct Record {
    bytes: Vec<u8>,
    kind: Kind,
}

/// A log that is known command by command.
struct Model(Vec<Record>);

impl Model {
    fn add(&mut self, kind: Kind, bytes: Vec<u8>) {
        self.0.push(Record { bytes, kind });
    }

    fn run(&mut self, text: &str) {
        for text in text.split("; ") {
            let kind = match text.split_once(' ') {
                Some(("SELECT", db)) => Kind::Select(db.parse().expect("a number")),
                None if text == "MULTI" => Kind::Multi,
                None if text == "EXEC" => Kind::Exec,
                _ => Kind::Plain,
            };
            self.add(kind, line(text));
        }
    }

    fn words(&mut self, words: &[&[u8]]) {
        self.add(Kind::Plain, command(words));
    }

    fn time(&mut self, seconds: u64) {
        self.add(Kind::Annotation, format!("#TS:{seconds}\r\n").into_bytes());
    }

    fn bytes(&self) -> Vec<u8> {
        self.0.iter().flat_map(|record| record.bytes.iter().copied()).collect()
    }

    /// Where a record begins.
    fn offset(&self, index: usize) -> usize {
        self.0[..index].iter().map(|record| record.bytes.len()).sum()
    }

    /// The transaction that a record is in: its MULTI and its EXEC.
    fn transaction(&self, index: usize) -> Option<(usize, usize)> {
        let multi = (0..=index).rev().find(|at| matches!(self.0[*at].kind, Kind::Multi | Kind::Exec))?;
        if self.0[multi].kind == Kind::Exec && multi != index {
            return None;
        }
        let begin = (0..=index).rev().find(|at| self.0[*at].kind == Kind::Multi)?;
        let end = (begin..self.0.len()).find(|at| self.0[*at].kind == Kind::Exec).unwrap_or(self.0.len() - 1);
        (end >= index).then_some((begin, end))
    }

    /// What is left without this record and all that falls with it: the log, and what goes aside.
    fn without(&self, damaged: usize, assume_db: Option<u64>) -> (Vec<u8>, Vec<u8>) {
        let (from, to) = self.transaction(damaged).unwrap_or((damaged, damaged));
        let (mut log, mut aside) = (Vec::new(), Vec::new());
        let mut db = Some(0);
        let mut index = 0;
        while index < self.0.len() {
            if index == from {
                let before = db;
                for at in from..=to {
                    match self.0[at].kind {
                        Kind::Select(_) if at == damaged => db = assume_db,
                        Kind::Select(number) => db = Some(number),
                        _ => {}
                    }
                }
                let assumed = matches!(self.0[damaged].kind, Kind::Select(_)).then_some(assume_db).flatten();
                if let Some(number) = db.filter(|_| db != before || assumed.is_some()) {
                    log.extend(command(&["SELECT".to_owned(), number.to_string()]));
                }
                index = to + 1;
                continue;
            }
            let record = &self.0[index];
            if let Kind::Select(number) = record.kind {
                db = Some(number);
            }
            // A MULTI is where its EXEC is.
            let selects = |(_, exec): (usize, usize)| {
                self.0[index..exec].iter().any(|record| matches!(record.kind, Kind::Select(_)))
            };
            let stays = match record.kind {
                Kind::Annotation => true,
                Kind::Multi => db.is_some() || self.transaction(index).is_some_and(selects),
                _ => db.is_some(),
            };
            let to = if stays { &mut log } else { &mut aside };
            to.extend(&record.bytes);
            index += 1;
        }
        (log, aside)
    }
}

/// Every kind of command that others depend on, several databases, and values that look like a log.
fn model() -> Model {
    let mut log = Model(Vec::new());
    log.run("SELECT 0");
    log.time(1_795_380_560);
    log.run("SET user:1 alice PXAT 4102444800000; HSET user:1:h name Alice mail a@example.com; RPUSH queue a b c");
    log.run("MULTI; SADD tags red green; INCR hits; EXEC; ZADD board 1.5 alice 2 bob; XADD events 1795380560123-0 f v");
    log.time(1_795_380_561);
    log.run("SELECT 3");
    log.words(&[b"SET", b"lines", b"one\r\ntwo\r\n\r\nthree"]);
    log.words(&[b"SET", b"looks", b"*1\r\n$4\r\nEXEC\r\n"]);
    log.words(&[
        b"SET",
        b"looks:more",
        b"$5\r\nhello\r\n*2\r\n$6\r\nSELECT\r\n$1\r\n9\r\n*1\r\n$5\r\nMULTI\r\n#TS:1\r\n",
    ]);
    log.words(&[b"APPEND", b"binary", &[0, 0xff, b'\r', b'\n', b'$', b'1', b'\r', b'\n', 0]]);
    log.words(&[b"SET", &[b'k'; 120], &[b'v'; 1234]]);
    log.words(&[b"SET", b"empty", b""]);
    log.run("SET gone 1; DEL gone; SETRANGE looks 3 xyz; PEXPIREAT lines 4102444800000");
    log.run("MULTI; SELECT 5; SET five 5; LPUSH five:list x; EXEC; SET five:after 1");
    log.time(1_795_380_562);
    log.run("SELECT 0; COPY queue queue:old; GEOADD places 13.36 38.11 Palermo");
    log.run("MULTI; set lower case; incr hits; EXEC; MULTI; SREM tags red; EXEC");
    log.words(&[b"FUNCTION", b"LOAD", b"#!lua name=lib\nredis.register_function('f', function() return 1 end)\r\n"]);
    log.run("SELECT 11; SADD numbers 1 2 3 4 5 6 7 8 9 10; SPOP nothing; SELECT 0; LPOP queue:old; INCRBY hits 100");
    log
}

/// A file whose name says that it is a log, whatever it begins with.
struct Log {
    folder: tempfile::TempDir,
}

impl Log {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().expect("a folder") }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("appendonly.aof")
    }

    fn plan(&self, bytes: &[u8], assume_db: Option<u64>) -> Plan {
        fs::write(self.path(), bytes).expect("the file");
        let origin = file(&self.path());
        plan_repair(&origin, &RepairOptions { run: How::default().options(), assume_db }).expect("a plan")
    }
}

/// A plan carried out in memory: the log, and what goes aside.
fn carried_out(plan: &FilePlan, bytes: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let (mut log, mut aside) = (Vec::new(), Vec::new());
    let mut at = 0;
    let usize_of = |number: u64| usize::try_from(number).expect("a place in memory");
    for edit in &plan.edits {
        let (from, to) = (usize_of(edit.from), usize_of(edit.to));
        assert!(at <= from && from <= to && to <= bytes.len(), "{:?}", plan.edits);
        log.extend(&bytes[at..from]);
        match &edit.with {
            With::Nothing => {}
            With::Text(text) => log.extend(text),
            With::Rewritten => log.extend(aof::rewritten(&bytes[from..to]).expect("one command")),
            With::Side => aside.extend(&bytes[from..to]),
        }
        at = to;
    }
    log.extend(&bytes[at..]);
    (log, aside)
}

/// What a byte of a log's lines may become.
const REPLACEMENTS: [u8; 14] = *b"*$\r\n019 x#-\0\xff+";

/// What becomes of one changed byte.
#[derive(Debug, Default, PartialEq, Eq)]
struct Tally {
    /// The damaged command is gone, or its transaction.
    exact: u32,
    /// Servers load it as it is: it is written anew.
    same: u32,
    /// The damaged file is a sound log.
    unseen: u32,
}

/// Says what is wrong with a plan, or counts it.
fn judge(
    model: &Model,
    damaged: &[u8],
    index: usize,
    plan: &Plan,
    assume_db: Option<u64>,
    tally: &mut Tally,
) -> Option<String> {
    let expected = model.without(index, assume_db);
    let found = carried_out(&plan.files[0], damaged);
    let commands = model.0.iter().filter(|record| record.kind != Kind::Annotation).count() as u64;
    let counted = plan.kept_commands + plan.unplaced_commands + plan.dropped_commands;
    if found == expected && counted == commands {
        tally.exact += 1;
    } else if is_sound(damaged) && plan.is_empty() {
        tally.unseen += 1;
    } else if found == (model.bytes(), Vec::new()) && counted == commands {
        tally.same += 1;
    } else {
        let dropped = plan.dropped.iter().map(|one| format!("{} {:?} {:?}", one.offset, one.reason, one.command));
        return Some(format!(
            "log {} bytes, expected {}; aside {}, expected {}; {commands} commands: {} kept, {} dropped, {} aside; {:?} {:?}",
            found.0.len(),
            expected.0.len(),
            found.1.len(),
            expected.1.len(),
            plan.kept_commands,
            plan.dropped_commands,
            plan.unplaced_commands,
            plan.files[0].edits,
            dropped.collect::<Vec<_>>()
        ));
    }
    None
}

/// One byte of a record's lines after the other, with what it becomes.
fn damages(model: &Model) -> impl Iterator<Item = (usize, usize, u8)> {
    let commands = model.0.iter().enumerate().filter(|(_, record)| record.kind != Kind::Annotation);
    commands.flat_map(|(index, record)| {
        framing(&record.bytes).into_iter().flat_map(move |at| {
            let others = REPLACEMENTS.into_iter().filter(move |byte| *byte != record.bytes[at]);
            others.map(move |byte| (index, at, byte))
        })
    })
}

fn assert_each(model: &Model, assume_db: Option<u64>, damages: impl Iterator<Item = (usize, usize, u8)>) -> Tally {
    let whole = model.bytes();
    assert_eq!(check_bytes(&whole, How::default()).verdict, Verdict::Intact);
    let log = Log::new();
    let (mut tally, mut wrong) = (Tally::default(), Vec::new());
    for (index, at, byte) in damages {
        let mut damaged = whole.clone();
        damaged[model.offset(index) + at] = byte;
        let plan = log.plan(&damaged, assume_db);
        if let Some(what) = judge(model, &damaged, index, &plan, assume_db, &mut tally) {
            let command = model.0[index].bytes.escape_ascii().to_string();
            wrong.push(format!("{command}: byte {at} becomes {}: {what}", byte.escape_ascii()));
        }
    }
    assert!(wrong.is_empty(), "{tally:?}, {} wrong: {:#?}", wrong.len(), &wrong[..wrong.len().min(20)]);
    tally
}

#[test]
fn one_changed_byte_takes_its_command_and_nothing_else() {
    let model = model();
    let tally = assert_each(&model, None, damages(&model));
    assert!(tally.exact > 7000 && tally.unseen < 10, "{tally:?}");
}

#[test]
fn after_a_lost_select_commands_are_where_one_says() {
    let model = model();
    let of_select = |index: &usize| matches!(model.0[*index].kind, Kind::Select(_));
    let tally = assert_each(&model, Some(7), damages(&model).filter(|(index, ..)| of_select(index)));
    assert!(tally.exact > 700, "{tally:?}");
}

#[test]
fn a_damaged_annotation_takes_nothing_but_itself() {
    let model = model();
    let whole = model.bytes();
    let log = Log::new();
    for (index, record) in model.0.iter().enumerate().filter(|(_, record)| record.kind == Kind::Annotation) {
        let from = model.offset(index);
        for at in 0..record.bytes.len() {
            for byte in REPLACEMENTS {
                let mut damaged = whole.clone();
                damaged[from + at] = byte;
                let plan = log.plan(&damaged, None);
                let (found, aside) = carried_out(&plan.files[0], &damaged);
                let (before, after) = (&whole[..from], &whole[from + record.bytes.len()..]);
                let right = found.starts_with(before) && found.ends_with(after) && aside.is_empty();
                assert!(right, "byte {at} of {index} becomes {}: {:?}", byte.escape_ascii(), plan.files[0].edits);
                assert!(is_sound(&found), "byte {at} of {index} becomes {}", byte.escape_ascii());
            }
        }
    }
}

/// A server that loads one log after the other.
struct Loader {
    running: Running,
    base: PathBuf,
    increment: PathBuf,
    _folder: tempfile::TempDir,
}

impl Loader {
    fn new(name: &str) -> Option<Self> {
        let spec = ServerSpec::named(name)?;
        let folder = tempfile::tempdir().expect("a folder");
        let arguments = ["--appendonly", "yes", "--appendfsync", "no", "--enable-debug-command", "yes"];
        let running = start(&spec, folder.path(), &arguments).expect("a server");
        let at = |name: &str| folder.path().join("appendonlydir").join(name);
        let (base, increment) = (at("appendonly.aof.1.base.rdb"), at("appendonly.aof.1.incr.aof"));
        assert!(base.is_file() && increment.is_file());
        Some(Self { running, base, increment, _folder: folder })
    }

    /// The keyspace of a log, which must load without a word of complaint. It stands where nothing may be cut off: a base
    /// is not the last file.
    fn load(&self, log: &[u8], what: &str) -> Keyspace {
        let mut connection = self.running.connection();
        let _: String = redis::cmd("FUNCTION").arg("FLUSH").query(&mut connection).expect("FUNCTION FLUSH");
        fs::write(&self.increment, b"").expect("an empty increment");
        let beside = self.base.with_extension("new");
        fs::write(&beside, log).expect("a base");
        fs::rename(&beside, &self.base).expect("in its place");
        let loaded = redis::cmd("DEBUG").arg("LOADAOF").query::<String>(&mut connection);
        let said = self.running.log();
        assert!(loaded.is_ok(), "{what}: {loaded:?} {said}");
        let complaint = said.lines().find(|line| line.contains("CRITICAL"));
        assert_eq!(complaint, None, "{what}");
        assert_eq!(fs::read(&self.base).expect("the base"), log, "{what}: it was cut off");
        live(&mut connection).values_only()
    }
}

/// `aof repair` of these bytes by the program: the log, and what went aside.
fn repaired(bytes: &[u8], more: &[&str]) -> (Vec<u8>, Vec<u8>) {
    let folder = tempfile::tempdir().expect("a folder");
    let (from, to) = (folder.path().join("appendonly.aof"), folder.path().join("fixed.aof"));
    fs::write(&from, bytes).expect("the file");
    let paths = [from.to_string_lossy(), to.to_string_lossy()];
    let arguments = [&["aof", "repair", &paths[0], "-o", &paths[1], "--skip-bad"], more].concat();
    let output = program(&arguments).output().expect("it runs");
    let said = [output.stdout, output.stderr].concat();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&said));
    assert_eq!(fs::read(&from).expect("the original"), bytes, "the original is as it was");
    let log = fs::read(&to).expect("a repaired log");
    assert_eq!(check_bytes(&log, How::default()).verdict, Verdict::Intact);
    (log, fs::read(to.with_extension("aof.unplaced")).unwrap_or_default())
}

/// A sample of damages: the repaired log holds on this server what the log without the damaged commands holds.
fn a_server_holds_the_rest(name: &str, sample: usize, seed: u64) {
    let Some(server) = Loader::new(name) else { return };
    let model = model();
    let all: Vec<_> = damages(&model).collect();
    let selects: Vec<_> = all.iter().filter(|(index, ..)| matches!(model.0[*index].kind, Kind::Select(_))).collect();
    let mut dice = Dice(seed);
    for number in 0..sample {
        let assume_db = (number % 4 == 3).then_some(6);
        let (index, at, byte) =
            if number % 4 < 2 { all[dice.roll(all.len())] } else { *selects[dice.roll(selects.len())] };
        let mut damaged = model.bytes();
        damaged[model.offset(index) + at] = byte;
        let what = format!("{}: byte {at} becomes {}", model.0[index].bytes.escape_ascii(), byte.escape_ascii());
        let (log, aside) = repaired(&damaged, if assume_db.is_some() { &["--assume-db", "6"] } else { &[] });
        let unharmed = log == model.bytes();
        let expected = if unharmed { (log.clone(), Vec::new()) } else { model.without(index, assume_db) };
        // The log for the servers is made of the model: this is what has to be equal.
        assert_equal(&what, &server.load(&log, &what), &server.load(&expected.0, &what));
        assert_eq!(aside.is_empty(), expected.1.is_empty(), "{what}");
        if !aside.is_empty() {
            assert_equal(&what, &server.load(&aside, &what), &server.load(&expected.1, &what));
        }
    }
}

#[test]
fn redis_8_6_holds_the_rest() {
    a_server_holds_the_rest("redis-8.6", 80, 1);
}

#[test]
fn redis_7_0_holds_the_rest() {
    a_server_holds_the_rest("redis-7.0", 30, 2);
}

#[test]
fn valkey_9_1_holds_the_rest() {
    a_server_holds_the_rest("valkey-9.1", 30, 3);
}

#[test]
fn a_length_that_swallows_megabytes_of_commands_takes_only_its_own() {
    let (before, after) = (mixed(41, 100_000), mixed(42, 3_000_000));
    let log = Log::new();
    for (length, other) in [(1_000_000, b'3'), (1_000_000, b'9'), (120, b'9'), (70_000, b'8')] {
        let one = command(&[b"SET", b"long".as_slice(), &vec![b'v'; length]]);
        let mut damaged = [before.as_slice(), &one, &after].concat();
        let at = before.len() + one.iter().rposition(|byte| *byte == b'$').expect("a length") + 1;
        damaged[at] = other;
        let plan = log.plan(&damaged, None);
        let (found, aside) = carried_out(&plan.files[0], &damaged);
        let dropped = (plan.dropped_commands, plan.dropped[0].command.as_deref());
        assert!(
            found == [before.as_slice(), &after].concat() && aside.is_empty(),
            "{length}: {:?} {:?}",
            plan.files[0].edits,
            plan.dropped
        );
        assert_eq!(dropped, (1, Some("set")), "{length}");
    }
}

#[test]
fn what_is_left_of_any_damage_is_intact_however_it_was_read() {
    let log = Log::new();
    let mut dice = Dice(51);
    for seed in 0..60 {
        let sound = mixed(seed, 60_000);
        let mut damaged = sound.clone();
        for _ in 0..=dice.roll(12) {
            let at = dice.roll(damaged.len());
            let far = (at + dice.roll(300)).min(damaged.len());
            match dice.roll(5) {
                0 => damaged[at..far].fill(0),
                1 => damaged[at..far].fill_with(|| dice.byte()),
                2 => drop(damaged.drain(at..far)),
                3 => damaged[at] ^= 1 << dice.roll(8),
                _ => {
                    let piece = damaged[at..far].to_vec();
                    damaged.splice(at..at, piece);
                }
            }
        }
        let plan = log.plan(&damaged, None);
        let (left, _) = carried_out(&plan.files[0], &damaged);
        let report = check_bytes(&left, How::default());
        let problems = &report.integrity.problems;
        assert_eq!(report.verdict, Verdict::Intact, "{seed}: {problems:?} {:?}", plan.files[0].edits);
        assert!(left.len() * 4 > sound.len(), "{seed}: {} bytes are left of {}", left.len(), sound.len());
        for how in [How { threads: 1, batch_bytes: 4096 }, How { threads: 4, batch_bytes: 5003 }] {
            let options = RepairOptions { run: how.options(), assume_db: None };
            let other = plan_repair(&file(&log.path()), &options).expect("a plan");
            assert_eq!(plan.files[0].edits, other.files[0].edits, "{seed}: {how:?}");
            let counts =
                |plan: &Plan| (plan.kept_commands, plan.dropped_commands, plan.unplaced_commands, plan.lost_bytes);
            assert_eq!(counts(&plan), counts(&other), "{seed}: {how:?}");
        }
    }
}

#[test]
fn a_torn_end_is_cut_off_without_being_asked() {
    let model = model();
    let whole = model.bytes();
    let log = Log::new();
    let mut exceptions = Vec::new();
    for cut in 0..whole.len() {
        let plan = log.plan(&whole[..cut], None);
        // Torn off where a command ends that stands inside a value, what is left could be a log with a changed length.
        if !plan.files[0].only_cuts_the_end() && whole[..cut].ends_with(b"\r\n") {
            exceptions.push(cut);
            continue;
        }
        assert!(plan.files[0].only_cuts_the_end(), "{cut}: {:?}", plan.files[0].edits);
        // The last record that is whole, and not in a transaction that is not.
        let mut end = 0;
        let mut at = 0;
        let mut open = false;
        for record in &model.0 {
            at += record.bytes.len();
            let is_whole = at <= cut;
            open = (open || record.kind == Kind::Multi) && record.kind != Kind::Exec;
            if is_whole && !open {
                end = at;
            }
        }
        let (left, aside) = carried_out(&plan.files[0], &whole[..cut]);
        // Half an annotation is one for a server.
        let annotation = whole[end..cut].starts_with(b"#") && !whole[end..cut].contains(&b'\n');
        let expected = if annotation { &whole[..cut] } else { &whole[..end] };
        assert_eq!((left.len(), aside.len()), (expected.len(), 0), "{cut}: {:?}", plan.files[0].edits);
        assert!(left == expected, "{cut}");
    }
    assert!(exceptions.len() <= 4, "{exceptions:?}");
}

/// A folder with a log in it, and the program run on that.
struct Desk(tempfile::TempDir);

impl Desk {
    fn new(log: &[u8]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("appendonly.aof"), log).expect("the file");
        Self(folder)
    }

    fn run(&self, arguments: &[&str]) -> (Option<i32>, Value, String) {
        let arguments = [arguments, &["--format", "json"]].concat();
        let output = program(&arguments).current_dir(self.0.path()).output().expect("it runs");
        let report = serde_json::from_slice(&output.stdout).unwrap_or_default();
        (output.status.code(), report, String::from_utf8_lossy(&output.stderr).into_owned())
    }

    fn bytes(&self, name: &str) -> Vec<u8> {
        fs::read(self.0.path().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.0.path()).expect("the folder");
        let mut names: Vec<_> =
            entries.map(|one| one.expect("one").file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }
}

/// The model with the mark of one command in the middle changed; and what is left of it.
fn flipped() -> (Vec<u8>, Vec<u8>) {
    let model = model();
    let index = model.0.iter().position(|record| record.bytes.starts_with(b"*6\r\n$4\r\nZADD")).expect("ZADD");
    let mut damaged = model.bytes();
    damaged[model.offset(index)] = b'x';
    (damaged, model.without(index, None).0)
}

#[test]
fn damage_in_the_middle_is_left_alone_unless_one_says_so() {
    let (damaged, left) = flipped();
    let desk = Desk::new(&damaged);
    let (code, report, said) = desk.run(&["aof", "repair", "appendonly.aof", "-o", "fixed.aof"]);
    assert_eq!(
        (code, report["written"].as_bool(), desk.names()),
        (Some(3), Some(false), vec!["appendonly.aof".into()])
    );
    assert!(said.contains("--skip-bad"), "{said}");
    let (code, report, _) = desk.run(&["aof", "repair", "appendonly.aof", "--dry-run", "--skip-bad"]);
    assert_eq!((code, desk.names()), (Some(0), vec!["appendonly.aof".into()]), "{report}");
    assert_eq!(report["outputs"][0]["bytes"], left.len(), "{report}");
    let (code, report, said) = desk.run(&["aof", "repair", "appendonly.aof", "-o", "fixed.aof", "--skip-bad"]);
    assert_eq!((code, report["written"].as_bool()), (Some(0), Some(true)), "{said}");
    assert!(desk.bytes("fixed.aof") == left && desk.bytes("appendonly.aof") == damaged);
    assert_eq!(report["dropped"][0]["command"], "zadd");
    assert_eq!(report["dropped"][0]["keys"][0], "board", "{report}");
    let (code, _, said) = desk.run(&["aof", "repair", "appendonly.aof", "-o", "fixed.aof", "--skip-bad"]);
    assert!(code == Some(2) && said.contains("there already"), "{code:?} {said}");
    assert_eq!(desk.names(), ["appendonly.aof", "fixed.aof"]);
}

#[test]
fn a_log_mended_in_place_keeps_its_original_its_mode_and_its_owner() {
    let (damaged, left) = flipped();
    let desk = Desk::new(&damaged);
    let path = desk.0.path().join("appendonly.aof");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).expect("a mode");
    // Only root can give files away.
    let owner = std::os::unix::fs::chown(&path, Some(12_345), Some(12_346)).map_or(None, |()| Some((12_345, 12_346)));
    let (code, report, said) = desk.run(&["aof", "repair", "appendonly.aof", "--in-place", "--skip-bad"]);
    assert_eq!(code, Some(0), "{report} {said}");
    assert!(desk.bytes("appendonly.aof") == left && desk.bytes("appendonly.aof.before-repair") == damaged);
    let facts = fs::metadata(&path).expect("its facts");
    assert_eq!(facts.permissions().mode() & 0o7777, 0o640);
    assert!(owner.is_none_or(|owner| owner == (facts.uid(), facts.gid())));
    // A second time it is sound; damaged again, the first original stays.
    let (code, _, said) = desk.run(&["aof", "repair", "appendonly.aof", "--in-place", "--skip-bad"]);
    assert_eq!((code, desk.names().len()), (Some(0), 2), "{said}");
    fs::write(&path, &damaged).expect("the file");
    let (code, _, said) = desk.run(&["aof", "repair", "appendonly.aof", "--in-place", "--skip-bad"]);
    assert!(code == Some(2) && said.contains("before-repair"), "{code:?} {said}");
    assert!(desk.bytes("appendonly.aof") == damaged && desk.bytes("appendonly.aof.before-repair") == damaged);
}

#[test]
fn a_log_is_cut_between_commands_and_outside_transactions() {
    let model = model();
    let whole = model.bytes();
    let desk = Desk::new(&whole);
    let server = Loader::new("redis-8.6");
    // The end of what stays, where the cut comes at this place.
    let expected = |place: usize| {
        let mut end = 0;
        let mut at = 0;
        for (index, record) in model.0.iter().enumerate() {
            at += record.bytes.len();
            let outside = model.transaction(index).is_none_or(|(_, exec)| exec == index);
            if at <= place && outside {
                end = at;
            }
        }
        end
    };
    let mut dice = Dice(61);
    let multi = model.0.iter().position(|record| record.kind == Kind::Multi).expect("a transaction");
    let mut places: Vec<_> = (0..30).map(|_| dice.roll(whole.len())).collect();
    places.extend((multi..multi + 4).flat_map(|index| [model.offset(index), model.offset(index) + 5]));
    places.extend([0, whole.len()]);
    for (number, place) in places.into_iter().enumerate() {
        let name = format!("cut-{number}.aof");
        let (code, report, said) =
            desk.run(&["aof", "cut", "appendonly.aof", "--at", &format!("offset:{place}"), "-o", &name]);
        assert_eq!(code, Some(0), "{place}: {said} {report}");
        let (cut, end) = (desk.bytes(&name), expected(place));
        // Annotations around the cut belong to no command.
        let rest = whole[..cut.len()].get(end..).unwrap_or_default();
        assert!(
            whole.starts_with(&cut) && (cut.len() >= end) && !rest.contains(&b'*'),
            "{place}: {} not {end}",
            cut.len()
        );
        assert_eq!(report["lost_bytes"], whole.len() - cut.len(), "{place}");
        if let Some(server) = server.as_ref().filter(|_| number % 5 == 0) {
            assert_equal(&name, &server.load(&cut, &name), &server.load(&whole[..end], &name));
        }
        // The same place as a line.
        let line = 1 + memchr::memchr_iter(b'\n', &whole[..place]).count();
        let begin = whole[..place].iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let name = format!("line-{number}.aof");
        let (code, _, said) = desk.run(&["aof", "cut", "appendonly.aof", "--at", &format!("line:{line}"), "-o", &name]);
        assert_eq!(code, Some(0), "line {line}: {said}");
        let cut = desk.bytes(&name);
        let rest = whole[..cut.len()].get(expected(begin)..).unwrap_or_default();
        assert!(whole.starts_with(&cut) && cut.len() >= expected(begin) && !rest.contains(&b'*'), "line {line}");
    }
}

#[test]
fn a_log_is_cut_at_a_time() {
    let model = model();
    let whole = model.bytes();
    let desk = Desk::new(&whole);
    let annotation = |seconds: u64| {
        let text = format!("#TS:{seconds}\r\n").into_bytes();
        whole.windows(text.len()).position(|window| window == text).expect("an annotation")
    };
    let at = |text: &str, name: &str| {
        let (code, _, said) = desk.run(&["aof", "cut", "appendonly.aof", "--at", text, "-o", name]);
        assert_eq!(code, Some(0), "{text}: {said}");
        desk.bytes(name)
    };
    // 1795380560 is 2026-11-22T20:49:20Z.
    for (text, next) in [("2026-11-22T20:49:20Z", 1_795_380_561), ("2026-11-22T20:49:21Z", 1_795_380_562)] {
        let cut = at(text, &format!("{next}.aof"));
        let rest = cut.get(annotation(next)..).expect("up to the annotation");
        assert!(whole.starts_with(&cut) && !rest.contains(&b'*'), "{text}: {}", cut.len());
    }
    assert!(at("2026-11-22T20:49:22Z", "all.aof") == whole);
    let before = at("2026-11-22T20:49:19Z", "before.aof");
    assert!(before.starts_with(b"*2\r\n$6\r\nSELECT") && !before[23..].contains(&b'*'), "{}", before.escape_ascii());
}

#[test]
fn both_parts_of_a_preamble_file_load() {
    let mut dump = Builder::redis(10);
    dump.aux(b"aof-base", b"1").select(0).string(b"from:dump", b"1").select(2).string(b"two", b"2");
    let (dump, log) = (dump.finish(), model().bytes());
    let desk = Desk::new(&[dump.as_slice(), &log].concat());
    let (code, report, said) = desk.run(&["aof", "split", "appendonly.aof", "-o", "parts"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(desk.bytes("parts/dump.rdb") == dump && desk.bytes("parts/appendonly.aof") == log, "{report}");
    assert_eq!(report["offset"], dump.len());
    let (code, _, _) = desk.run(&["aof", "split", "appendonly.aof", "-o", "parts"]);
    assert_eq!(code, Some(2), "the folder is there");
    for name in ["redis-7.0", "redis-8.6", "valkey-9.1"] {
        let Some(server) = Loader::new(name) else { continue };
        let whole = server.load(&desk.bytes("appendonly.aof"), name);
        let (mut first, second) = (server.load(&dump, name), server.load(&log, name));
        first.keys.extend(second.keys);
        first.functions.extend(second.functions);
        assert_equal(name, &whole, &first);
    }
}

#[test]
fn damage_behind_a_preamble_leaves_the_preamble_alone() {
    let dump = Builder::redis(10).aux(b"aof-base", b"1").select(0).string(b"from:dump", b"\r\n*1\r\n").finish();
    let (damaged, left) = flipped();
    let log = Log::new();
    let whole = [dump.as_slice(), &damaged].concat();
    let plan = log.plan(&whole, None);
    assert!(carried_out(&plan.files[0], &whole).0 == [dump.as_slice(), &left].concat(), "{:?}", plan.files[0].edits);
    // Its first byte is what says that a log follows; the file's name says it too.
    let mut first = [dump.as_slice(), &model().bytes()].concat();
    first[dump.len()] = b'x';
    let plan = log.plan(&first, Some(0));
    let found = carried_out(&plan.files[0], &first).0;
    assert!(found == [dump.as_slice(), &model().without(0, Some(0)).0].concat(), "{:?}", plan.files[0].edits);
}
