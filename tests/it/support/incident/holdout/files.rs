//! Files of this set that no server writes: programs in the place of dumps, masters that are none, logs.

use super::super::super::rdb::Builder;
use super::super::dice::Dice;
use super::super::planter::Hand;
use super::super::truth::{Kind, Spot, Truth};

pub(super) fn by_hand(seed: u64) -> Vec<Hand> {
    let dice = &mut Dice::new(seed).of("holdout files", 0);
    let mut all = disguised(dice);
    all.extend(sound(dice));
    all.extend(masters());
    all.push(log(dice));
    all.push(scripts());
    all
}

fn hand(case: String, name: &'static str, bytes: Vec<u8>, truth: Vec<Truth>) -> Hand {
    Hand { case, is_log: false, name, bytes, truth }
}

/// What took the place of a dump.
fn disguised(dice: &mut Dice) -> Vec<Hand> {
    let heads: [&[u8]; 12] = [
        b"\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x03\x00\x3e\x00",
        b"\x7fELF\x01\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x03\x00\x28\x00",
        b"\x7fELF\x02\x02\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x03\x00\x16",
        b"MZ\x90\x00\x03\x00\x00\x00\x04\x00\x00\x00\xff\xff\x00\x00",
        b"\xcf\xfa\xed\xfe\x0c\x00\x00\x01\x00\x00\x00\x00\x06\x00\x00\x00",
        b"#!/bin/sh\n# DEFANGED\nexit 0\n",
        b"\x7fELF\x02\x01\x01\x03DEFANGED\x03\x00\xb7\x00",
        b"\x7fELF",
        b"MZDEFANGED",
        b"\xfe\xed\xfa\xce\x00\x00\x00\x12",
        b"\x7fELF\x02\x01\x01\x00REDIS0011\xfa\x09redis-ver",
        b"<?php /* DEFANGED */ ?>",
    ];
    let of = |(number, head): (usize, &&[u8])| {
        let case = format!("H2.{number}");
        let bytes = [head, &vec![0; dice.range(20, 400)][..]].concat();
        let truth =
            Truth { also: vec!["RD-".into()], text: head.to_vec(), ..Truth::dump(&case, "RD-MOD-001", "critical") };
        hand(case, "dump.rdb", bytes, vec![truth])
    };
    heads.iter().enumerate().map(of).collect()
}

/// Dumps that are dumps.
fn sound(dice: &mut Dice) -> Vec<Hand> {
    let one = |number: u16| {
        let case = format!("H3.{number}");
        let mut dump = if number % 5 == 4 { Builder::valkey(80) } else { Builder::redis(6 + number % 6) };
        dump.aux(b"redis-ver", format!("{}.{}.{}", 4 + number % 4, number % 3, number).as_bytes());
        if number.is_multiple_of(2) {
            let id = dice.hex(40);
            dump.aux(b"repl-stream-db", b"0").aux(b"repl-id", id.as_bytes()).aux(b"repl-offset", b"4711");
        }
        dump.select(0).string(b"greeting", dice.words(4).as_bytes()).string(b"n", b"12");
        // Their versions are old, and a scan says what that means.
        let also = || vec!["RD-CVE".to_owned()];
        let near = |rule: &str| Truth { kind: Kind::NearMiss, also: also(), ..Truth::dump(&case, rule, "critical") };
        let truth = vec![near("RD-MOD-001"), near("RD-REP-001")];
        hand(case.clone(), "dump.rdb", dump.finish(), truth)
    };
    (0..25).map(one).collect()
}

/// Dumps that came from a master whose id no server makes.
fn masters() -> Vec<Hand> {
    let ids = [
        "Z".repeat(40),
        "Y".repeat(40),
        "deadbeef-not-hex-deadbeef-not-hex-deadbe".to_owned(),
        "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx".to_owned(),
        "0123456789abcdefghij0123456789abcdefghij".to_owned(),
        "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAZ".to_owned(),
    ];
    let of = |(number, id): (usize, &String)| {
        let case = format!("H4.{number}");
        let mut dump = Builder::redis(9);
        dump.aux(b"redis-ver", b"5.0.7").aux(b"repl-stream-db", b"0").aux(b"repl-id", id.as_bytes());
        dump.aux(b"repl-offset", b"1").select(0).string(b"greeting", b"hello");
        let truth = Truth {
            also: vec!["RD-REP".into(), "RD-CVE".into()],
            text: id.as_bytes().to_vec(),
            ..Truth::dump(&case, "RD-REP-001", "critical")
        };
        hand(case, "dump.rdb", dump.finish(), vec![truth])
    };
    ids.iter().enumerate().map(of).collect()
}

/// A log of a replica that followed such masters, among lines of a sound one. The scan names the line `LOG-03`.
fn log(dice: &mut Dice) -> Hand {
    let ids = [
        "Z".repeat(40),
        "z".repeat(40),
        "Q".repeat(40),
        "rogue-rogue-rogue-rogue-rogue-rogue-rogu".to_owned(),
        "gggggggggggggggggggggggggggggggggggggggg".to_owned(),
        "________________________________________".to_owned(),
    ];
    let mut truth = vec![Truth::clean("H5.log")];
    let mut text = String::new();
    let mut number = 0;
    let mut line = |role: &str, said: &str| {
        number += 1;
        text.push_str(&format!(
            "88:{role} 02 Nov 2025 14:{:02}:{:02}.{:03} {said}\n",
            number / 60,
            number % 60,
            number * 7
        ));
        number
    };
    for (at, id) in ids.iter().enumerate() {
        let said = format!("* Full resync from master: {id}:{}", at * 1000 + 1);
        let at = line("S", &said);
        let truth_of = Truth::dump("H5.log", "LOG-03", "critical");
        let also = vec!["LOG".into(), "RD-REP".into()];
        truth.push(Truth { place: "log", element: Some(Spot::Line(at)), also, text: said.into_bytes(), ..truth_of });
        for said in [
            format!("* Full resync from master: {}:{}", dice.hex(40), dice.digits(5)),
            "* MASTER <-> REPLICA sync: receiving 1843 bytes from master to disk".to_owned(),
            format!("* Trying a partial resynchronization (request {}:{}).", dice.hex(40), dice.digits(4)),
            "* 10 changes in 300 seconds. Saving...".to_owned(),
        ] {
            let at = line("S", &said);
            let near = Truth { kind: Kind::NearMiss, ..Truth::dump("H5.log", "LOG-03", "critical") };
            let also = vec!["LOG-0".into(), "LOG-1".into()];
            truth.push(Truth { place: "log", element: Some(Spot::Line(at)), also, text: said.into_bytes(), ..near });
        }
    }
    Hand { case: "H5.log".into(), is_log: true, name: "redis-server.log", bytes: text.into_bytes(), truth }
}

/// A log of commands of an old server, which kept scripts.
fn scripts() -> Hand {
    let scripts = [
        "local q = pack·age.load·lib('/usr/lib64/liblua-5.1.so', 'lua·open_io') --DEFANGED",
        "--DEFANGED\nlocal r = i·o.po·pen('whoami'):read('*l') redis.call('SET', 'o', r)",
        "return os.exe·cute('true') --DEFANGED",
    ];
    let mut truth = vec![Truth::clean("H6")];
    let word = |word: &str| word.replace('·', "").into_bytes();
    let mut bytes = super::super::resp(&[word("SELECT"), word("0")]);
    for (number, script) in scripts.iter().enumerate() {
        bytes.extend(super::super::resp(&[word("INCR"), word("visits")]));
        bytes.extend(super::super::resp(&[
            word("EVAL"),
            word("return redis.call('INCR', KEYS[1])"),
            word("1"),
            word("c"),
        ]));
        bytes.extend(super::super::resp(&[word(if number == 1 { "eval" } else { "EVAL" }), word(script), word("0")]));
        truth.push(Truth {
            place: "command",
            also: vec!["RD-LUA".into(), "RD-EXEC".into()],
            text: word(script),
            ..Truth::dump("H6", "RD-LUA-001", "critical")
        });
    }
    hand("H6".into(), "appendonly.aof", bytes, truth)
}
