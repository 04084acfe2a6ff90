//! A third set, as blind as the second and written later by someone else: from the catalogue of techniques alone, without a look at
//! the rules or at the attacks and near misses of the two sets before. No rule is changed for it.

mod clean;
mod files;
mod host;
mod payload;
mod secrets;
mod server;
mod web;

use super::dice::Dice;
use super::planter::BlindSet;

pub(crate) const SET: BlindSet = BlindSet {
    case: "U1",
    seed: 4_120_593,
    part: "unseen",
    tables: &[host::TABLES, server::TABLES, web::TABLES, payload::TABLES, secrets::TABLES],
    fill: clean::fill,
    name,
    files: files::by_hand,
};

/// Names that say nothing.
fn name(dice: &mut Dice) -> String {
    match dice.below(10) {
        0 => format!("{}~{}", dice.word(), dice.digits(4)),
        1 => format!("{}:{}:{}", dice.hex(4), dice.word(), dice.lower(3)),
        2 => format!("u{}", dice.digits(7)),
        3 => format!("{}.{}", dice.first_name(), dice.hex(5)),
        4 => format!("[{}]{}", dice.word(), dice.digits(3)),
        5 => format!("v2/{}/{}", dice.word(), dice.lower(6)),
        6 => format!("{}+{}", dice.word(), dice.word()),
        7 => dice.alnum(11),
        8 => format!("{}_{}", dice.digits(5), dice.lower(7)),
        _ => format!("{} {} {}", dice.first_name(), dice.word(), dice.digits(2)),
    }
}
