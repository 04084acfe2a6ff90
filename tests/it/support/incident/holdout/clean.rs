//! What other applications keep: nothing in it is an attack.

use super::super::Keyspace;
use super::super::dice::Dice;
use super::super::harmless::command;
use super::super::template::expand;

/// Names, the kind of value, how many, and the texts.
type Family = (&'static str, char, usize, &'static [&'static str]);

/// `s` string, `h` hash, `l` list, `z` sorted set, `x` stream.
const FAMILIES: &[Family] = &[
    ("game:match:«uuid»", 's', 260, &["{\"map\":\"«word»\",\"players\":[«n»,«n»,«n»],\"tick\":«n»,\"seed\":«n»}"]),
    ("game:ladder:«word»:«digits:2»", 'z', 120, &["player-«n»"]),
    ("iot/«hex:6»/telemetry", 'x', 240, &["{\"t\":21.4,\"rh\":48,\"bat\":3.61,\"seq\":«n»}", "AT+CSQ;OK;17,99;«n»"]),
    ("iot/«hex:6»/firmware", 'h', 80, &["fw-2.«digits:1».«digits:2» sha1 «hex:40»"]),
    (
        "ticket:«n»:thread",
        'l',
        200,
        &[
            "Hi, after the update my terminal says 'curl: (60) SSL certificate problem'. What can I do?",
            "Please attach the output of `systemctl status app` and the last «digits:2» lines of the log.",
            "My boss asks why the cron job ran at five past twelve and not at noon. It is in UTC.",
        ],
    ),
    (
        "lms:lesson:«n»",
        's',
        140,
        &[
            "<h2>Lesson: loops in PHP</h2><pre>&lt;?php for ($i = 0; $i &lt; 3; $i++) { echo $i; } ?&gt;</pre>",
            "<h2>Lesson: shell</h2><p>A pipe gives one program's output to the next: <code>ls | wc -l</code></p>",
            "<h2>Quiz</h2><p>What does <code>0 5 * * 1</code> mean in a crontab?</p>",
        ],
    ),
    (
        "bot:«digits:6»:state",
        'h',
        200,
        &["{\"step\":\"ask_city\",\"lang\":\"et\",\"tries\":1}", "/remind me every 5 minutes to stretch"],
    ),
    (
        "ff:«word»-«word»-«digits:2»",
        's',
        160,
        &[
            "{\"on\":true,\"rollout\":35,\"salt\":\"«lower:6»\",\"rules\":[{\"if\":\"country in [EE,LV]\",\"then\":true}]}",
        ],
    ),
    (
        "geo:tile:«digits:2»/«digits:4»/«digits:4»",
        's',
        200,
        &[
            "{\"type\":\"FeatureCollection\",\"features\":[{\"geometry\":{\"coordinates\":[24.7«digits:3»,59.4«digits:3»]}}]}",
        ],
    ),
    (
        "cms:page:/«word»/«word»-«digits:2»",
        's',
        260,
        &[
            "<!doctype html><title>«words:3»</title><body class=\"page\"><script>document.addEventListener('DOMContentLoaded',function(){menu();});</script><p>«words:12»</p>",
            "<!doctype html><title>Server notes</title><p>Our systems evaluate requests. «words:10»</p><footer>© «word»</footer>",
        ],
    ),
    (
        "ci:step:«hex:12»:log",
        'l',
        240,
        &[
            "$ curl -fsSL https://dl.example.com/tool-1.2.tgz -o tool.tgz",
            "+ wget -q https://mirror.example.org/deb/pool/a.deb",
            "#12 [build 4/9] RUN apt-get update && apt-get install -y curl wget ca-certificates",
            "npm warn deprecated «word»@1.0.«digits:1»",
            "bash: line «digits:2»: warning: setlocale: LC_ALL: cannot change locale",
        ],
    ),
    (
        "wiki:devops:«word»:«digits:3»",
        's',
        160,
        &[
            "= Runbook: «word» =\nTo add your key run `ssh-copy-id ops@bastion.example.com`. To list jobs run `crontab -l`.\n== Backup ==\nEvery night at 02:30; the entry is `30 2 * * * /opt/backup/run`.",
            "= Redis modules =\nWe load RedisBloom with `loadmodule /usr/lib/redis/modules/redisbloom.so` in the configuration.",
            "= Replication =\nA replica logs `Full resync from master` once, and then partial ones.",
        ],
    ),
    (
        "newsletter:«digits:4»:html",
        's',
        100,
        &[
            "<h1>Security weekly «digits:3»</h1><p>Researchers describe a botnet that looks for open databases. Update, set a password, bind to loopback.</p>",
            "<h1>Security weekly «digits:3»</h1><p>Ransomware hit a clinic; the attackers asked for bitcoin. Backups saved the day.</p><p>Also: a bug in a Lua sandbox was fixed.</p>",
        ],
    ),
    (
        "mailtpl:«word»:«digits:2»",
        'h',
        120,
        &[
            "Dear {{first}}, your files were shared with {{count}} people. Open them at https://files.example.com/s/{{id}}.",
            "Dear {{first}}, your database backup of {{date}} is complete. You need not do anything.",
            "{{first}}, your data export can be downloaded for seven days.",
        ],
    ),
    (
        "cronhub:job:«n»",
        'h',
        220,
        &[
            "{\"expr\":\"*/5 * * * *\",\"tz\":\"UTC\",\"http\":{\"method\":\"POST\",\"url\":\"https://hooks.example.com/j/«n»\"}}",
            "0 4 * * 1-5",
        ],
    ),
    ("cronhub:next", 'z', 1, &["job-«n»"]),
    (
        "shop:sess:«lower:26»",
        's',
        260,
        &["cart|a:1:{i:«n»;i:2;}locale|s:5:\"et_EE\";csrf|s:16:\"«hex:16»\";", "_flash|a:0:{}visitor|i:«n»;"],
    ),
    (
        "feat:user:«n»",
        'h',
        300,
        &["0.41«digits:4»,0.07«digits:4»,-1.2«digits:3»,0.0,3.3«digits:2»", "[0.1«digits:3»,0.9«digits:3»]"],
    ),
    ("feat:item:«n»", 's', 200, &["«bytes:64»", "«bytes:128»"]),
    ("lang:«word»:«digits:2»", 's', 100, &["system=süsteem;exec=täida;open=ava;close=sulge;delete=kustuta"]),
    ("quota:«hex:8»", 's', 200, &["«n»"]),
    (
        "pad:«lower:9»",
        's',
        100,
        &["\n\nTo do\n- water the plants\n- 3 * 4 eggs\n- call «first»\n\n", "\n\t«words:9»\n"],
    ),
    (
        "map:seo:«word»:«digits:3»",
        's',
        100,
        &["<url><loc>https://www.example.com/«word»</loc><changefreq>daily</changefreq></url>"],
    ),
    ("blk:«digits:7»", 'h', 100, &["{\"height\":«n»,\"hash\":\"«hex:64»\",\"txs\":«digits:3»}"]),
];

/// All of it, of a few thousand keys.
pub(super) fn fill(space: &mut Keyspace, seed: u64) {
    for (at, (names, ty, count, texts)) in FAMILIES.iter().enumerate() {
        let dice = &mut Dice::new(seed).of("holdout clean", at);
        for number in 0..*count {
            let key = expand(names, dice, false).bytes;
            let mut text = |more: usize| expand(texts[(number + more) % texts.len()], dice, false).bytes;
            let words = match ty {
                's' => vec![b"SET".to_vec(), key, text(0)],
                'h' => {
                    vec![
                        b"HSET".to_vec(),
                        key,
                        b"v".to_vec(),
                        text(0),
                        b"w".to_vec(),
                        text(1),
                        b"rev".to_vec(),
                        b"3".to_vec(),
                    ]
                }
                'l' => vec![b"RPUSH".to_vec(), key, text(0), text(1), text(2)],
                'z' => vec![b"ZADD".to_vec(), key, b"10".to_vec(), text(0), b"20".to_vec(), text(1)],
                _ => vec![
                    b"XADD".to_vec(),
                    key,
                    format!("{}-1", 1_761_000_000_000u64 + number as u64).into(),
                    b"p".to_vec(),
                    text(0),
                ],
            };
            space.add(words);
        }
    }
    for library in [
        "#!lua name=cartlib\nredis.register_function('cart_total', function(k, a) local t = 0 for _, v in ipairs(redis.call('HVALS', k[1])) do t = t + tonumber(v) end return t end)\n",
        "#!lua name=locks\nredis.register_function{function_name='unlock', callback=function(k, a) if redis.call('GET', k[1]) == a[1] then return redis.call('DEL', k[1]) end return 0 end}\n",
    ] {
        space.add(command(&["FUNCTION", "LOAD", library]));
    }
}
