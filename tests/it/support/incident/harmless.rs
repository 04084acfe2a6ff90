//! A shop's keys, among which the others are hidden.

use super::Keyspace;
use super::dice::Dice;
use super::places::Command;

pub(crate) fn command(words: &[&str]) -> Command {
    words.iter().map(|word| word.as_bytes().to_vec()).collect()
}

/// So many keys. Nothing in them is a secret or about a person.
pub(crate) fn fill(space: &mut Keyspace, count: usize, dice: &mut Dice) {
    for number in 0..count {
        let key = name(number, dice);
        let n = number.to_string();
        let (one, two) = (dice.words(5), dice.words(9));
        let words = match number % 10 {
            0 => {
                let host = dice.pick(&["cdn.shop.example.com", "static.shop.example.com"]);
                let page = format!(
                    "<!DOCTYPE html><html><head><title>{one}</title><script src=\"https://{host}/app.js\"></script></head><body><p>{two}</p></body></html>"
                );
                command(&["SET", &key, &page, "EX", "864000"])
            }
            1 => {
                let cart = format!(
                    r#"{{"user":{number},"cart":[{},{}],"locale":"en_GB","theme":"{}"}}"#,
                    dice.below(9999),
                    dice.below(9999),
                    dice.word()
                );
                command(&["SET", &key, &cart, "EX", "86400"])
            }
            2 => command(&[
                "HSET",
                &key,
                "name",
                dice.first_name(),
                "about",
                &two,
                "logins",
                &dice.below(500).to_string(),
            ]),
            3 => command(&["RPUSH", &key, &one, &two, &n]),
            4 => command(&["SET", &key, &dice.below(90_000).to_string()]),
            5 => command(&["SADD", &key, dice.word(), &one, &two]),
            6 => command(&["ZADD", &key, "1", &one, "2.5", &two]),
            7 => command(&[
                "XADD",
                &key,
                &format!("{}-1", 1_759_000_000_000usize + number),
                "event",
                dice.word(),
                "text",
                &two,
            ]),
            8 => command(&["SET", &key, &format!("{one}\n{two}\n{}", dice.words(20))]),
            _ => {
                let order = format!(
                    r#"{{"id":{number},"items":["{one}","{two}"],"total":{}.50,"state":"{}"}}"#,
                    dice.below(300),
                    dice.word()
                );
                command(&["SET", &key, &order])
            }
        };
        space.add(words);
    }
}

/// A name among those of the shop, of ten beginnings.
pub(crate) fn name(number: usize, dice: &mut Dice) -> String {
    let id = format!("{number}{}", dice.lower(4));
    match number % 10 {
        0 => format!("cache:page:{id}"),
        1 => format!("session:{}", dice.uuid()),
        2 => format!("user:{id}:profile"),
        3 => format!("queue:mail:{id}"),
        4 => format!("counter:views:{id}"),
        5 => format!("tags:{id}"),
        6 => format!("recent:{id}"),
        7 => format!("events:{id}"),
        8 => format!("article:{id}:body"),
        _ => format!("order:{id}"),
    }
}
