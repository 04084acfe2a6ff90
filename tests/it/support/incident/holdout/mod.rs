//! A second set: other hosts, names, wording and structure, written from the catalogue of techniques alone, by someone who had seen
//! neither the rules nor the texts of the first set. No rule is changed for it: it says what the rules are worth on what they were
//! not made with.

mod clean;
mod files;
mod gadgets;
mod host;
mod secrets;
mod web;

use super::Keyspace;
use super::dice::Dice;
use super::nest::Wrap;
use super::places::Place;
use super::template::{Expanded, expand};
use super::truth::{Kind, Spot, Truth};
pub(crate) use files::by_hand;
use std::collections::HashSet;

/// What this set is made with.
pub(crate) const SEED: u64 = 77_031;
pub(crate) const CASE: &str = "H1";

/// How a table is planted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum How {
    /// At every place in turn, every second one also inside another text.
    Any,
    /// As values of strings, none inside another text: bytes that a client deserializes whole.
    Whole,
    /// A library of functions.
    Function,
    /// In databases of a few keys.
    Note,
}

/// Texts of a rule.
struct Table {
    rule: &'static str,
    severity: &'static str,
    how: How,
    /// Beginnings of other rules that are right about the positives.
    also: &'static [&'static str],
    hits: &'static [&'static str],
    /// A miss may begin with `⟦RULE RULE⟧`: what else may fire on it.
    misses: &'static [&'static str],
}

fn tables() -> impl Iterator<Item = &'static Table> {
    host::TABLES.iter().chain(web::TABLES).chain(gadgets::TABLES).chain(secrets::TABLES)
}

/// What servers are loaded with.
pub(crate) fn keyspace(seed: u64) -> Keyspace {
    let mut planter =
        Planter { space: Keyspace::new(CASE), used: HashSet::new(), dice: Dice::new(seed).of("holdout", 0) };
    clean::fill(&mut planter.space, seed);
    for (at, table) in tables().enumerate() {
        planter.table(at, table, seed);
    }
    planter.space
}

struct Planter {
    space: Keyspace,
    used: HashSet<(u64, Vec<u8>)>,
    dice: Dice,
}

impl Planter {
    fn table(&mut self, at: usize, table: &Table, seed: u64) {
        let dice = Dice::new(seed);
        for (number, hit) in table.hits.iter().enumerate() {
            let text = expand(hit, &mut dice.of(&format!("holdout {at}"), number), false);
            match table.how {
                How::Function => self.function(at, table, number, &text.bytes, Kind::Positive),
                How::Whole => self.plant(table, &text, Place::String, Kind::Positive, table.also.to_vec()),
                How::Note => {
                    self.space.select(1 + (number % 15) as u64);
                    let place = [Place::String, Place::HashValue, Place::String, Place::ListHead][number % 4];
                    self.plant(table, &text, place, Kind::Positive, table.also.to_vec());
                    self.space.select(0);
                }
                How::Any => {
                    let place = Place::ALL[(number * 4 + at) % Place::ALL.len()];
                    self.plant(table, &text, place, Kind::Positive, table.also.to_vec());
                    if number % 2 == 0 {
                        let wrap = Wrap::ALL[1 + (number * 3 + at * 5) % 14];
                        let bytes = wrap.around(&text.bytes, &mut self.dice);
                        let place = Place::VALUES[(number + at) % Place::VALUES.len()];
                        self.plant(table, &Expanded { bytes, ..text }, place, Kind::Positive, table.also.to_vec());
                    }
                }
            }
        }
        for (number, miss) in table.misses.iter().enumerate() {
            let (also, miss) = match miss.strip_prefix('⟦').and_then(|rest| rest.split_once('⟧')) {
                Some((also, miss)) => (also.split(' ').collect(), miss),
                None => (Vec::new(), *miss),
            };
            let text = expand(miss, &mut dice.of(&format!("holdout miss {at}"), number), false);
            match table.how {
                How::Function => self.function(at, table, table.hits.len() + number, &text.bytes, Kind::NearMiss),
                How::Whole => self.plant(table, &text, Place::String, Kind::NearMiss, also),
                How::Any | How::Note => {
                    if table.how == How::Note && !also.contains(&"RD-RANSOM") {
                        self.space.select(1 + (number % 15) as u64);
                    }
                    let place = Place::VALUES[(number * 3 + at) % Place::VALUES.len()];
                    self.plant(table, &text, place, Kind::NearMiss, also);
                    self.space.select(0);
                }
            }
        }
    }

    fn plant(&mut self, table: &Table, text: &Expanded, place: Place, kind: Kind, also: Vec<&'static str>) {
        let key = if place == Place::KeyName { text.bytes.clone() } else { self.name() };
        self.used.insert((self.space.db(), key.clone()));
        let (commands, element) = place.commands(&key, &text.bytes, &mut self.dice);
        for command in commands {
            self.space.add(command);
        }
        let truth =
            Truth { db: Some(self.space.db()), key: Some(key), place: place.word(), element, ..of(table, kind) };
        let also = also.into_iter().map(str::to_owned).collect();
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
        self.space.truth.push(Truth { place: "function", element, also, text: body.to_vec(), ..of(table, kind) });
    }

    /// A name that is not taken, of as many shapes as people have ideas.
    fn name(&mut self) -> Vec<u8> {
        loop {
            let dice = &mut self.dice;
            let name = match dice.below(16) {
                0 => dice.pick(&["a", "q", "zz", "tmp", "foo", "hack", "root", "cron", "xx1", "redis"]).to_owned(),
                1 => dice.hex(6),
                2 => dice.alnum(6),
                3 => format!("{}/{}", dice.word(), dice.word()),
                4 => format!("{}.{}.{}", dice.word(), dice.word(), dice.digits(3)),
                5 => format!("{}|{}", dice.lower(4), dice.digits(6)),
                6 => format!("{{{}}}:{}", dice.word(), dice.lower(5)),
                7 => format!("{}_{}_{}", dice.word(), dice.word(), dice.digits(2)),
                8 => format!("{}-{}", dice.word(), dice.hex(4)),
                9 => format!("tenant-{}#{}", dice.digits(4), dice.word()),
                10 => format!("{}@{}", dice.first_name(), dice.word()),
                11 => format!("/{}/{}/{}", dice.word(), dice.word(), dice.digits(2)),
                12 => dice.uuid(),
                13 => format!("{} {}", dice.word(), dice.word()),
                14 => format!("{}{}", dice.word().to_uppercase(), dice.digits(2)),
                _ => format!("{}::{}", dice.lower(5), dice.lower(3)),
            };
            if !self.used.contains(&(self.space.db(), name.clone().into_bytes())) {
                return name.into_bytes();
            }
        }
    }
}

fn of(table: &Table, kind: Kind) -> Truth {
    Truth { kind, ..Truth::dump(CASE, table.rule, table.severity) }
}
