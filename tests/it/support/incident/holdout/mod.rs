//! A second set: other hosts, names, wording and structure, written from the catalogue of techniques alone, by someone who had seen
//! neither the rules nor the texts of the first set. No rule is changed for it: it says what the rules are worth on what they were
//! not made with.

mod clean;
mod files;
mod gadgets;
mod host;
mod secrets;
mod web;

use super::dice::Dice;
use super::planter::BlindSet;

pub(crate) const SET: BlindSet = BlindSet {
    case: "H1",
    seed: 77_031,
    part: "holdout",
    tables: &[host::TABLES, web::TABLES, gadgets::TABLES, secrets::TABLES],
    fill: clean::fill,
    name,
    files: files::by_hand,
};

/// Names of as many shapes as people have ideas.
fn name(dice: &mut Dice) -> String {
    match dice.below(16) {
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
    }
}
