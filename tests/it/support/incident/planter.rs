//! Blind sets of texts, and how they are planted: each is a list of tables, an ordinary day's keys around them, and files.

use super::Keyspace;
use super::dice::Dice;
use super::nest::Wrap;
use super::places::Place;
use super::template::{Expanded, expand};
use super::truth::{Kind, Spot, Truth};
use std::collections::HashSet;

/// Texts that were written by someone who had not seen the rules.
#[derive(Debug)]
pub(crate) struct BlindSet {
    /// What its keyspace is called; files begin with its letter.
    pub(crate) case: &'static str,
    pub(crate) seed: u64,
    /// Sets whose parts have other names roll other dice.
    pub(super) part: &'static str,
    pub(super) tables: &'static [&'static [Table]],
    /// An ordinary day.
    pub(super) fill: fn(&mut Keyspace, u64),
    /// A name of a key, perhaps one that is taken.
    pub(super) name: fn(&mut Dice) -> String,
    /// Files that no server writes, and logs.
    pub(super) files: fn(u64) -> Vec<Hand>,
}

/// A file that no server writes.
#[derive(Debug, Clone)]
pub(crate) struct Hand {
    pub(crate) case: String,
    /// A server's log, and no dump.
    pub(crate) is_log: bool,
    pub(crate) name: &'static str,
    pub(crate) bytes: Vec<u8>,
    pub(crate) truth: Vec<Truth>,
}

impl BlindSet {
    /// What servers are loaded with.
    pub(crate) fn keyspace(&self) -> Keyspace {
        let dice = Dice::new(self.seed).of(self.part, 0);
        let mut planter = Planter { space: Keyspace::new(self.case), used: HashSet::new(), dice, set: self };
        (self.fill)(&mut planter.space, self.seed);
        for (at, table) in self.tables.iter().copied().flatten().enumerate() {
            planter.table(at, table);
        }
        planter.space
    }

    pub(crate) fn by_hand(&self) -> Vec<Hand> {
        (self.files)(self.seed)
    }
}

/// How a table is planted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum How {
    /// At every place in turn, every second one also inside another text.
    Any,
    /// As values of strings, none inside another text: bytes that a client deserializes whole.
    Whole,
    /// A library of functions.
    Function,
    /// In databases of a few keys.
    Note,
}

/// Texts of a rule. Each may begin with `⟦RULE RULE⟧`: the beginnings of what else may fire on it.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) rule: &'static str,
    pub(super) severity: &'static str,
    pub(super) how: How,
    /// Beginnings of other rules that are right about all of the positives.
    pub(super) also: &'static [&'static str],
    pub(super) hits: &'static [&'static str],
    pub(super) misses: &'static [&'static str],
}

struct Planter<'a> {
    space: Keyspace,
    used: HashSet<(u64, Vec<u8>)>,
    dice: Dice,
    set: &'a BlindSet,
}

impl Planter<'_> {
    fn table(&mut self, at: usize, table: &Table) {
        let (dice, part) = (Dice::new(self.set.seed), self.set.part);
        for (number, hit) in table.hits.iter().enumerate() {
            let (own, hit) = also(hit);
            let also = [table.also, &own].concat();
            let text = expand(hit, &mut dice.of(&format!("{part} {at}"), number), false);
            match table.how {
                How::Function => self.function(at, table, number, &text.bytes, Kind::Positive),
                How::Whole => self.plant(table, &text, Place::String, Kind::Positive, &also),
                How::Note => {
                    self.space.select(1 + (number % 15) as u64);
                    let place = [Place::String, Place::HashValue, Place::String, Place::ListHead][number % 4];
                    self.plant(table, &text, place, Kind::Positive, &also);
                    self.space.select(0);
                }
                How::Any => {
                    let place = Place::ALL[(number * 4 + at) % Place::ALL.len()];
                    self.plant(table, &text, place, Kind::Positive, &also);
                    if number % 2 == 0 {
                        let wrap = Wrap::ALL[1 + (number * 3 + at * 5) % 14];
                        let bytes = wrap.around(&text.bytes, &mut self.dice);
                        let place = Place::VALUES[(number + at) % Place::VALUES.len()];
                        self.plant(table, &Expanded { bytes, ..text }, place, Kind::Positive, &also);
                    }
                }
            }
        }
        for (number, miss) in table.misses.iter().enumerate() {
            let (also, miss) = also(miss);
            let text = expand(miss, &mut dice.of(&format!("{part} miss {at}"), number), false);
            match table.how {
                How::Function => self.function(at, table, table.hits.len() + number, &text.bytes, Kind::NearMiss),
                How::Whole => self.plant(table, &text, Place::String, Kind::NearMiss, &also),
                How::Any | How::Note => {
                    if table.how == How::Note && !also.contains(&"RD-RANSOM") {
                        self.space.select(1 + (number % 15) as u64);
                    }
                    let place = Place::VALUES[(number * 3 + at) % Place::VALUES.len()];
                    self.plant(table, &text, place, Kind::NearMiss, &also);
                    self.space.select(0);
                }
            }
        }
    }

    fn plant(&mut self, table: &Table, text: &Expanded, place: Place, kind: Kind, also: &[&str]) {
        let key = if place == Place::KeyName { text.bytes.clone() } else { self.name() };
        self.used.insert((self.space.db(), key.clone()));
        let (commands, element) = place.commands(&key, &text.bytes, &mut self.dice);
        for command in commands {
            self.space.add(command);
        }
        let truth =
            Truth { db: Some(self.space.db()), key: Some(key), place: place.word(), element, ..self.of(table, kind) };
        let also = also.iter().map(|&rule| rule.to_owned()).collect();
        self.space.truth.push(Truth { also, secrets: text.secrets.clone(), text: text.bytes.clone(), ..truth });
    }

    fn function(&mut self, at: usize, table: &Table, number: usize, body: &[u8], kind: Kind) {
        let library = format!("lib{at}x{number}{}", self.dice.word());
        let head = format!(
            "#!lua name={library}\nredis.register_function{{function_name='f_{library}',\n callback=function(k, a)\n"
        );
        let source = [head.as_bytes(), body, b"\n end}\n"].concat();
        self.space.add(vec![b"FUNCTION".to_vec(), b"LOAD".to_vec(), source]);
        let also = table.also.iter().map(|&rule| rule.to_owned()).collect();
        let element = Some(Spot::Name(library));
        let truth = self.of(table, kind);
        self.space.truth.push(Truth { place: "function", element, also, text: body.to_vec(), ..truth });
    }

    /// A name that is not taken.
    fn name(&mut self) -> Vec<u8> {
        loop {
            let name = (self.set.name)(&mut self.dice).into_bytes();
            if !self.used.contains(&(self.space.db(), name.clone())) {
                return name;
            }
        }
    }

    fn of(&self, table: &Table, kind: Kind) -> Truth {
        Truth { kind, ..Truth::dump(self.set.case, table.rule, table.severity) }
    }
}

/// What a text says may fire on it as well, and the text.
fn also(text: &'static str) -> (Vec<&'static str>, &'static str) {
    match text.strip_prefix('⟦').and_then(|rest| rest.split_once('⟧')) {
        Some((also, text)) => (also.split(' ').collect(), text),
        None => (Vec::new(), text),
    }
}
