//! Files of this set that no server writes: what is no dump, whose master is none, logs, and scripts in a log of commands.

use super::super::super::rdb::Builder;
use super::super::dice::Dice;
use super::super::planter::Hand;
use super::super::resp;
use super::super::truth::{Kind, Spot, Truth};

pub(super) fn by_hand(seed: u64) -> Vec<Hand> {
    let dice = &mut Dice::new(seed).of("unseen files", 0);
    let mut all = programs(dice);
    all.extend(dumps(dice));
    all.extend(masters(dice));
    all.extend(logs(dice));
    all.extend(scripts());
    all
}

fn hand(case: String, name: &'static str, bytes: Vec<u8>, truth: Vec<Truth>) -> Hand {
    Hand { case, is_log: false, name, bytes, truth }
}

/// What a master that is none sent, under the name of a dump.
fn programs(dice: &mut Dice) -> Vec<Hand> {
    let elf = |class: u8, order: u8, kind: u8, machine: u8| {
        let mut head = [&b"\x7fELF"[..], &[class, order, 1], &[0; 9]].concat();
        head.extend(if order == 1 { [kind, 0, machine, 0, 1, 0, 0, 0] } else { [0, kind, 0, machine, 0, 0, 0, 1] });
        head.resize(if class == 1 { 52 } else { 64 }, 0);
        head
    };
    let mut windows = b"MZ\x90\0\x03\0\0\0\x04\0\0\0\xff\xff\0\0".to_vec();
    windows.resize(60, 0);
    windows.extend([0x40, 0, 0, 0]);
    windows.extend(b"PE\0\0\x64\x86\0\0");
    windows.resize(128, 0);
    let mut library = windows.clone();
    library[68] = 0x4c;
    library[69] = 1;
    library.resize(1024, 0);
    let bodies: [(&'static str, Vec<u8>); 18] = [
        ("dump.rdb", elf(2, 1, 3, 62)),
        ("backup.rdb", elf(2, 1, 3, 183)),
        ("redis.rdb", elf(1, 1, 3, 40)),
        ("dump.rdb", elf(1, 2, 3, 8)),
        ("6379.rdb", elf(2, 2, 3, 21)),
        ("dump-2.rdb", elf(2, 1, 2, 243)),
        ("temp.rdb", elf(1, 1, 3, 3)),
        ("dump.rdb", [elf(2, 1, 3, 62), dice.bytes(700)].concat()),
        ("cache.rdb", [elf(2, 1, 3, 62), b"\0sys\0module_OnLoad\0".to_vec()].concat()),
        ("dump.rdb", windows),
        ("store.rdb", library),
        ("dump.rdb", b"\xcf\xfa\xed\xfe\x07\0\0\x01\x03\0\0\0\x02\0\0\0\0\0\0\0".to_vec()),
        ("a.rdb", b"#!/bin/sh\n# DEFANGED\nexit 0\n".to_vec()),
        ("dump.rdb", b"#!/usr/bin/perl\n# DEFANGED\nexit;\n".to_vec()),
        ("master.rdb", [elf(1, 1, 2, 40), vec![0; 5000]].concat()),
        ("dump.rdb", [elf(2, 1, 3, 22), dice.bytes(64)].concat()),
        ("sentinel.rdb", [elf(1, 2, 2, 20), dice.bytes(300)].concat()),
        ("appendonly.rdb", [elf(2, 1, 3, 62), b"REDIS0011".to_vec()].concat()),
    ];
    let named = |(at, (name, bytes)): (usize, (&'static str, Vec<u8>))| {
        let case = format!("U2.{at}");
        let text = bytes[..bytes.len().min(60)].to_vec();
        let truth = Truth { also: vec!["RD-".into()], text, ..Truth::dump(&case, "RD-MOD-001", "critical") };
        hand(case, name, bytes, vec![truth])
    };
    bodies.into_iter().enumerate().map(named).collect()
}

/// Dumps of servers, whole or not: programs at most inside a value.
fn dumps(dice: &mut Dice) -> Vec<Hand> {
    let program = [&b"\x7fELF\x02\x01\x01"[..], &[0; 57]].concat();
    let mut all: Vec<(Vec<u8>, &[&str])> = Vec::new();
    for version in [2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12] {
        let mut dump = Builder::redis(version);
        if version > 6 {
            dump.aux(b"redis-ver", b"7.2.4").aux(b"redis-bits", b"64");
        }
        let (key, value) = (dice.words(2), dice.words(6));
        dump.select(0).string(key.as_bytes(), value.as_bytes());
        // Before version 5 no checksum follows the end.
        let bytes = if version < 5 { [dump.cut(), vec![255]].concat() } else { dump.finish() };
        all.push((bytes, &[]));
    }
    for word in ["«»", "MZ", "elf", "REDIS", "VALKEY"] {
        let dump =
            Builder::valkey(80).aux(b"valkey-ver", b"8.1.3").select(3).string(b"shelf", word.as_bytes()).finish();
        all.push((dump, &[]));
    }
    all.push((Builder::redis(11).finish(), &[]));
    all.push((Builder::redis(10).aux(b"redis-ver", b"7.0.15").finish(), &[]));
    let binary: &[&str] = &["RD-BIN", "RD-ENT"];
    all.push((Builder::redis(11).select(0).string(b"firmware", &program).finish(), binary));
    all.push((Builder::redis(9).select(0).table(1, b"builds", &[b"first", &program]).finish(), binary));
    all.push((Builder::redis(11).select(0).string(&program, b"1").finish(), binary));
    let damaged: &[&str] = &["RD-FMT", "RD-BIN", "RD-ENT"];
    let mut spoilt = Builder::redis(11).select(0).string(b"a", b"b").finish();
    if let Some(last) = spoilt.last_mut() {
        *last ^= 0x55;
    }
    all.push((spoilt, damaged));
    all.push((Builder::redis(11).select(0).string(b"half", b"of it").cut(), damaged));
    let tail = [Builder::redis(11).select(0).string(b"c", b"d").finish(), program].concat();
    all.push((tail, damaged));
    let zero =
        [Builder::redis(11).select(0).string(b"no", b"checksum").cut(), vec![255, 0, 0, 0, 0, 0, 0, 0, 0]].concat();
    all.push((zero, damaged));
    let named = |(at, (bytes, also)): (usize, (Vec<u8>, &[&str]))| {
        let case = format!("U3.{at}");
        let also = also.iter().map(|&rule| rule.to_owned()).collect();
        let near = Truth::dump(&case, "RD-MOD-001", "critical");
        let near = Truth { kind: Kind::NearMiss, also, text: bytes.clone(), ..near };
        hand(case, "dump.rdb", bytes, vec![near])
    };
    all.into_iter().enumerate().map(named).collect()
}

/// Dumps that replicas wrote; what their master called itself.
fn masters(dice: &mut Dice) -> Vec<Hand> {
    let dump = |id: &str| {
        let mut dump = Builder::redis(11);
        dump.aux(b"redis-ver", b"7.2.5").aux(b"repl-stream-db", b"0").aux(b"repl-id", id.as_bytes());
        dump.aux(b"repl-offset", b"1").select(0).string(b"kept", b"yes").finish()
    };
    let ids = [
        "Z".repeat(40),
        "z".repeat(40),
        "X".repeat(40),
        "ROGUE".repeat(8),
        "?".repeat(40),
        "master".repeat(6) + "0000",
        "0123456789abcdefghijklmnopqrstuvwxyz0123".to_owned(),
        "g".to_owned() + &dice.hex(39),
        "hello-from-a-master-that-is-none-at-all!".to_owned(),
    ];
    let mut all = Vec::new();
    for (at, id) in ids.iter().enumerate() {
        let case = format!("U4.{at}");
        let also = vec!["RD-REP".into(), "RD-KEY".into()];
        let truth = Truth { also, text: id.clone().into_bytes(), ..Truth::dump(&case, "RD-REP-001", "critical") };
        all.push(hand(case, "dump.rdb", dump(id), vec![truth]));
    }
    let sound = [
        dice.hex(40),
        dice.hex(40),
        dice.hex(40),
        "0".repeat(40),
        "a".repeat(40),
        "deadbeef".repeat(5),
        "1234567890".repeat(4),
        "cafe".repeat(10),
        "feed5eed".repeat(5),
        dice.digits(40),
    ];
    let mut benign: Vec<Vec<u8>> = sound.iter().map(|id| dump(id)).collect();
    let z = "Z".repeat(40);
    let key = |name: &str| Builder::redis(11).select(0).string(name.as_bytes(), z.as_bytes()).finish();
    benign.extend(["repl-id", "note", "master_replid", "Full resync from master"].map(key));
    benign.push(Builder::redis(11).aux(b"redis-ver", b"7.2.5").select(0).string(z.as_bytes(), b"1").finish());
    for (at, bytes) in benign.into_iter().enumerate() {
        let case = format!("U5.{at}");
        let also = vec!["RD-REP-002".into(), "RD-REP-003".into(), "RD-ENT".into()];
        let near = Truth::dump(&case, "RD-REP-001", "critical");
        all.push(hand(
            case,
            "dump.rdb",
            bytes.clone(),
            vec![Truth { kind: Kind::NearMiss, also, text: bytes, ..near }],
        ));
    }
    all
}

/// Logs of replicas: of one that followed such masters, and of Valkey's words for it. The scan names a line by its own rule.
fn logs(dice: &mut Dice) -> Vec<Hand> {
    let z = "Z".repeat(40);
    let redis = [
        (true, format!("Full resync from master: {z}:1")),
        (false, "Connecting to MASTER 203.0.113.70:21000".to_owned()),
        (false, "MASTER <-> REPLICA sync started".to_owned()),
        (true, format!("Full resync from master: {}:0", "z".repeat(40))),
        (false, format!("Full resync from master: {}:{}", dice.hex(40), dice.digits(6))),
        (true, format!("Full resync from master: {}:1", "Q".repeat(40))),
        (false, "Non blocking connect for SYNC fired the event.".to_owned()),
        (false, "Master replied to PING, replication can continue...".to_owned()),
        (true, "Full resync from master: ROGUEROGUEROGUEROGUEROGUEROGUEROGUEROGUE:64".to_owned()),
        (false, format!("Successful partial resynchronization with master, new id {}", dice.hex(40))),
        (true, format!("Full resync from master: {}:99", "pwn0".repeat(10))),
        (false, format!("Trying a partial resynchronization (request {}:{}).", dice.hex(40), dice.digits(5))),
        (false, format!("Full resync from master: {}:1", "0".repeat(40))),
        (true, format!("Full resync from master: y{}:7", dice.hex(39))),
        (false, format!("Full resync from master: {}:14", "beef".repeat(10))),
        (false, "MASTER <-> REPLICA sync: receiving 1123 bytes from master to disk".to_owned()),
        (false, "MASTER <-> REPLICA sync: Finished with success".to_owned()),
    ];
    let valkey = [
        (true, format!("Full resync from primary: {z}:1")),
        (false, format!("Full resync from primary: {}:{}", dice.hex(40), dice.digits(7))),
        (false, "Connecting to PRIMARY 10.0.4.7:6379".to_owned()),
        (true, format!("Full resync from primary: {}:12", "X".repeat(40))),
        (false, "PRIMARY <-> REPLICA sync started".to_owned()),
        (true, "Full resync from primary: notarealprimarynotarealprimarynotareal00:1".to_owned()),
        (false, format!("Full resync from primary: {}:1", "c0de".repeat(10))),
    ];
    let mut all = Vec::new();
    for (case, name, lines) in [("U6.log", "redis.log", &redis[..]), ("U7.log", "valkey-server.log", &valkey[..])] {
        let (mut text, mut truth) = (String::new(), vec![Truth::clean(case)]);
        for (at, (is_rogue, said)) in (1..).zip(lines) {
            let line = format!("811:S 03 Mar 2026 06:{:02}:{:02}.{} * {said}", at * 2, at + 7, dice.digits(3));
            text += &line;
            text.push('\n');
            let kind = if *is_rogue { Kind::Positive } else { Kind::NearMiss };
            let also = ["LOG-0", "LOG-1", "RD-REP"].map(str::to_owned).to_vec();
            let base = Truth::dump(case, "LOG-03", "critical");
            truth.push(Truth { place: "log", element: Some(Spot::Line(at)), also, text: line.into(), kind, ..base });
        }
        all.push(Hand { case: case.into(), is_log: true, name, bytes: text.into_bytes(), truth });
    }
    all
}

/// Logs of commands with scripts in them, as servers before 7.0 wrote them.
fn scripts() -> Vec<Hand> {
    let all = [
        (
            true,
            "local o = package.load·lib('/usr/lib/liblua5.1.so.0', 'luaopen_·os') o() os.ex·ecute('true') redis.call('set', KEYS[1], 1)",
        ),
        (true, "local f = io.po·pen('id') redis.call('set', KEYS[1], f:read('*a')) os.ex·ecute('true')"),
        (false, "local n = redis.call('incr', KEYS[1]) redis.call('set', KEYS[1] .. ':os', n) return n"),
        (false, "redis.call('set', KEYS[1], cjson.encode({package = 'io', popen = false})) return 1"),
    ];
    let mut hands = Vec::new();
    for (at, (is_escape, script)) in all.into_iter().enumerate() {
        let case = format!("U8.{at}");
        let script = script.replace('·', "").into_bytes();
        let words = |all: &[&[u8]]| -> Vec<Vec<u8>> { all.iter().map(|word| word.to_vec()).collect() };
        let bytes = [
            resp(&words(&[b"SELECT", b"0"])),
            resp(&words(&[b"SET", b"greeting", b"good morning"])),
            resp(&words(&[b"EVAL", &script, b"1", b"counter"])),
        ]
        .concat();
        let kind = if is_escape { Kind::Positive } else { Kind::NearMiss };
        let also = ["RD-LUA", "RD-EXEC"].map(str::to_owned).to_vec();
        let base = Truth::dump(&case, "RD-LUA-001", "critical");
        let truth = Truth { place: "command", also, text: script, kind, ..base };
        hands.push(hand(case, "appendonly.aof", bytes, vec![truth]));
    }
    hands
}
