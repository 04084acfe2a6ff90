//! An ordinary day of another house: a lending library and its readers. Nothing in it may be found.

use super::super::Keyspace;
use super::super::dice::Dice;
use super::super::harmless::command;
use super::super::template::expand;

/// Names, type, how many keys, and the texts that take turns.
type Family = (&'static str, char, usize, &'static [&'static str]);

const FAMILIES: &[Family] = &[
    (
        "loan|«digits:8»",
        's',
        900,
        &[
            "{\"title\":\"«words:3»\",\"due\":\"2026-03-1«digits:1»\",\"renewed\":«digits:1»}",
            "{\"title\":\"«words:2»\",\"due\":null,\"shelf\":\"«upper:2» «digits:3»\"}",
        ],
    ),
    ("reader|«n»|«lower:3»", 'h', 700, &["«first»", "«words:2»", "branch «word»", "since 20«digits:2»"]),
    (
        "catalogue|«uuid»",
        's',
        600,
        &[
            "<record><title>«words:4»</title><pages>«digits:3»</pages></record>",
            "---\ntitle: «words:3»\nkeywords: [«word», «word»]\n---\n\n«words:18».\n",
        ],
    ),
    ("queue|«word»|«digits:3»", 'l', 120, &["reserve «digits:8»", "return «digits:8»", "remind «digits:8»"]),
    ("rank|«word»|«n»", 'z', 120, &["«word» «digits:3»", "«words:2»", "«word»-«lower:4»"]),
    (
        "events|«word»|«n»",
        'x',
        150,
        &["scanned at desk «digits:1»", "door «word» opened", "heating set to 2«digits:1»"],
    ),
    (
        "page|«word»|«digits:5»",
        's',
        250,
        &[
            "<article><h2>«words:3»</h2><p>«words:20».</p><a href=\"/books/«n»\">more</a></article>",
            "<ul><li>«words:2»</li><li>«words:3»</li></ul><footer>Open from 9 to 18.</footer>",
            "# «words:2»\n\nThe reading room is open. «words:15».\n\n* «word»\n* «word»\n",
        ],
    ),
    (
        "cover|«digits:7»",
        's',
        80,
        &["«x:ffd8ffe000104a46494600010100»«bytes:160»", "«x:89504e470d0a1a0a0000000d49484452»«bytes:180»"],
    ),
    (
        "job|«hex:10»",
        'h',
        150,
        &[
            "{\"repeat\":\"0 6 * * 1-5\",\"name\":\"overdue-mails\"}",
            "{\"repeat\":\"*/20 * * * *\",\"name\":\"index\"}",
            "done",
        ],
    ),
    ("digest|«hex:6»", 's', 200, &["«hex:64»", "«hex:40»", "W/\"«hex:16»\""]),
];

pub(super) fn fill(space: &mut Keyspace, seed: u64) {
    for (at, (names, ty, count, texts)) in FAMILIES.iter().enumerate() {
        let dice = &mut Dice::new(seed).of("unseen clean", at);
        for number in 0..*count {
            let key = expand(names, dice, false).bytes;
            let mut text = |more: usize| expand(texts[(number + more) % texts.len()], dice, false).bytes;
            let word = |word: &str| word.as_bytes().to_vec();
            space.add(match ty {
                's' => vec![word("SET"), key, text(0)],
                'h' => vec![word("HSET"), key, word("first"), text(0), word("second"), text(1)],
                'l' => vec![word("LPUSH"), key, text(0), text(1)],
                'z' => vec![word("ZADD"), key, word("1.5"), text(0), word("7"), text(1)],
                _ => vec![word("XADD"), key, format!("{}-3", 1_762_000_000_000 + number).into(), word("what"), text(0)],
            });
        }
    }
    space.add(command(&[
        "FUNCTION",
        "LOAD",
        "#!lua name=lending\nredis.register_function('renew', function(k, a) local n = redis.call('HINCRBY', k[1], 'renewed', 1) if n > 3 then return redis.error_reply('too often') end return n end)\n",
    ]));
}
