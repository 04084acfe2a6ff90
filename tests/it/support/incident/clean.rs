//! An ordinary day of many applications on one server: nothing in it is an attack, and much of it looks like one.
//!
//! A family is a beginning of names and a few shapes of values; each shape is a template. Names are templates as well.

use super::Keyspace;
use super::dice::Dice;
use super::harmless::command;
use super::nest::nest;
use super::template::expand;

/// How many the published numbers are measured on.
pub(crate) const KEYS: usize = 205_000;

/// Keys that are alike.
struct Family {
    /// `«…»` as in values.
    name: &'static str,
    /// How many of 200,000.
    keys: usize,
    ty: Type,
    /// Of ten keys so many expire.
    expire: usize,
    values: &'static [&'static str],
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Type {
    String,
    /// The template is the value of one field of a few.
    Hash,
    List,
    Set,
    SortedSet,
    Stream,
}

const fn family(name: &'static str, keys: usize, ty: Type, expire: usize, values: &'static [&'static str]) -> Family {
    Family { name, keys, ty, expire, values }
}

const FAMILIES: &[Family] = &[
    // Sessions and users.
    family(
        "session:«uuid»",
        30_000,
        Type::String,
        10,
        &[
            "{\"user_id\":«n»,\"csrf\":\"«lower:16»\",\"cart\":[«n»,«n»],\"locale\":\"en_GB\",\"last\":\"/item/«n»\"}",
            "{\"user_id\":«n»,\"flash\":{},\"csrf\":\"«lower:16»\"}",
        ],
    ),
    family(
        "jwt:session:«hex:20»",
        8_000,
        Type::String,
        10,
        &["«jwt»", "«jwt:RS256»", "{\"access_token\":\"«jwt:ES256»\",\"token_type\":\"Bearer\"}"],
    ),
    family("user:«n»:account", 10_000, Type::Hash, 0, &["«bcrypt»"]),
    family(
        "user:«n»:profile",
        12_000,
        Type::String,
        0,
        &["{\"id\":«n»,\"name\":\"«first»\",\"email\":\"«mail»\",\"city\":\"«word»\",\"bio\":\"«words:8»\"}"],
    ),
    family("users:by-mail:«mail»", 4_000, Type::String, 0, &["«n»"]),
    family("visitor:«ip»:«lower:6»", 5_000, Type::String, 10, &["«n»"]),
    // Counters, ids, digests.
    family("counter:«word»:«n»:«lower:3»", 14_000, Type::String, 0, &["«n»", "«digits:9»"]),
    family("sha256:«hex:64»", 6_000, Type::String, 0, &["{\"size\":«n»,\"sha1\":\"«hex:40»\",\"md5\":\"«hex:32»\"}"]),
    family(
        "tweet:1«digits:18»",
        8_000,
        Type::String,
        0,
        &["{\"id\":1«digits:18»,\"author\":1«digits:17»,\"text\":\"«words:9»\",\"at\":17«digits:11»}"],
    ),
    family("order:«uuid»", 10_000, Type::Hash, 0, &["«digits:16»", "«uuid»"]),
    family("lock:«word»:«n»:«lower:4»", 4_000, Type::String, 10, &["«uuid»", "«hex:32»"]),
    family("etag:«hex:32»", 3_000, Type::String, 10, &["W/\"«hex:40»\""]),
    // A crypto exchange.
    family("exchange:deposit:«n»:«lower:5»", 5_000, Type::Hash, 0, &["«btc»", "«btcbech»", "«xmr»", "0x«hex:40»"]),
    family("exchange:addresses:«n»:«lower:4»", 500, Type::Set, 0, &["«btc»", "«btcbech»"]),
    // Jobs, with their schedules and commands.
    family(
        "bull:«word»:repeat:«hex:32»:17«digits:11»",
        4_000,
        Type::Hash,
        0,
        &[
            "{\"name\":\"«word»\",\"pattern\":\"«cron»\",\"tz\":\"UTC\"}",
            "«cron»",
            "{\"cmd\":\"curl -fsS https://«host»/health\",\"repeat\":{\"cron\":\"*/5 * * * *\"}}",
        ],
    ),
    family("sidekiq-cron:job:«word»-«lower:4»", 500, Type::Hash, 0, &["«cron»", "0 3 * * * Europe/Berlin"]),
    family(
        "queue:sidekiq:«word»:«lower:4»",
        700,
        Type::List,
        0,
        &[
            "{\"class\":\"«word»Worker\",\"args\":[«n»,\"curl -s https://«host»/ping\"],\"retry\":true,\"jid\":\"«hex:24»\"}",
        ],
    ),
    family(
        "celery-task-meta-«uuid»",
        3_000,
        Type::String,
        10,
        &[
            "{\"status\":\"SUCCESS\",\"result\":{\"rows\":«n»},\"traceback\":null,\"task_id\":\"«uuid»\"}",
            "«x:8004»«x:95»«x:1c00000000000000»}«x:94»(«lp8:status»«x:94»«lp8:SUCCESS»«x:94»«lp8:task_id»«x:94»«lp8:«uuid»»«x:94»u.",
        ],
    ),
    family(
        "rq:scheduler:scheduled_jobs:«lower:6»",
        300,
        Type::Hash,
        0,
        &["«cron»", "«zlib:«x:8004»cmyapp.jobs\n«word»\nq«x:00».»"],
    ),
    family(
        "airflow:dag:«word»:«lower:5»",
        400,
        Type::String,
        0,
        &[
            "{\"dag_id\":\"«word»\",\"schedule_interval\":\"«cron»\",\"bash_command\":\"wget -q https://«host»/data.csv -O /data/in.csv\"}",
            "schedule: \"@daily\"\ntasks:\n  - bash_command: curl -o /data/«word».json https://«host»/export\n",
        ],
    ),
    family(
        "laravel:schedule:«hex:40»",
        500,
        Type::String,
        10,
        &[
            "s:11:\"*/5 * * * *\";",
            "a:2:{s:4:\"cron\";s:11:\"*/5 * * * *\";s:7:\"command\";s:24:\"php artisan queue:work  \";}",
        ],
    ),
    family(
        "crontab:template:«word»:«lower:4»",
        100,
        Type::String,
        0,
        &[
            "# m h dom mon dow command\n«cron» /usr/local/bin/«word» --quiet\n0 4 * * 0 /usr/bin/find /tmp -mtime +30 -delete\n",
        ],
    ),
    // Texts about shells, keys and attacks.
    family(
        "docs:page:«word»-«lower:5»",
        900,
        Type::String,
        0,
        &[
            "# Install «word»\n\n«words:20»\n\n```sh\ncurl -fsSL https://«word».example.com/install.sh | sh\n```\n\nThen open a new shell. «words:30»\n",
            "Add your key to the server:\n\n    echo 'ssh-rsa AAAAB3NzaC1yc2E... you@laptop' >> ~/.ssh/authorized_keys\n\n«words:40»\n",
            "<h1>Deploy keys</h1><p>A key looks like <code>ssh-ed25519 «sshkey:ssh-ed25519» ci@«word»</code>. «words:30»</p>",
            "## Cron\n\nUse `crontab -e` and add `0 5 * * * /usr/bin/backup`. «words:25»\n\nTo fetch: `wget https://example.com/file`. «words:25»",
            "Redis hardening: rename CONFIG, do not let strangers call MODULE LOAD, bind to 127.0.0.1. «words:40»",
        ],
    ),
    family(
        "wiki:rev:«n»:«lower:4»",
        700,
        Type::Hash,
        0,
        &[
            "«words:60»\n\n<pre>wget -qO- https://get.example.com/ | bash</pre>\n«words:60»",
            "== Lua ==\nThe functions os.execute and io.popen are not there in the sandbox. «words:50»",
        ],
    ),
    family(
        "githost:user:«n»:keys:«lower:3»",
        2_500,
        Type::String,
        0,
        &[
            "ssh-rsa «sshkey:ssh-rsa» «user»@«word»",
            "ssh-ed25519 «sshkey:ssh-ed25519» «user»@«word»",
            "[{\"id\":«n»,\"title\":\"laptop\",\"key\":\"ecdsa-sha2-nistp256 «sshkey:ecdsa-sha2-nistp256»\"}]",
        ],
    ),
    family(
        "ci:job:«n»:log:«lower:4»",
        1_500,
        Type::List,
        10,
        &[
            "$ wget -q https://mirror.example.com/«word».tar.gz\n$ tar xzf «word».tar.gz\n$ echo $CERT | base64 -d > cert.pem\n$ make -j4\n«words:30»\n",
            "Step 3/9 : RUN curl -fsSL https://deb.example.com/setup_20.x -o setup.sh && bash setup.sh\n ---> Running in «hex:12»\n«words:40»",
            "+ ssh -o StrictHostKeyChecking=no deploy@«host» uptime\n+ nc -z «host» 5432\n«words:20»",
        ],
    ),
    family(
        "waf:event:«n»:«lower:6»",
        2_500,
        Type::String,
        10,
        &[
            "{\"action\":\"block\",\"rule\":«n»,\"uri\":\"/?q=${jn·di:ld·ap://«host»/a}\",\"ip\":\"«ip»\"}",
            "{\"action\":\"block\",\"rule\":«n»,\"arg\":\"<scr·ipt>al·ert(1)</scr·ipt>\",\"ip\":\"«ip»\"}",
            "{\"action\":\"log\",\"rule\":«n»,\"ua\":\"() { :;}; /bin/«word»\",\"ip\":\"«ip»\"}",
            "{\"action\":\"block\",\"rule\":«n»,\"uri\":\"/index.php?id=1' OR '1'='1\",\"ip\":\"«ip»\"}",
        ],
    ),
    family(
        "ids:alerts:«n»:«lower:5»",
        600,
        Type::Stream,
        0,
        &["ET EXPLOIT attempt ${jn·di:r·mi://«ip»/x} from «ip»", "GPL WEB passwd access, uri=/etc/passwd from «ip»"],
    ),
    family(
        "blog:post:security-«word»-«lower:5»",
        300,
        Type::String,
        10,
        &[
            "<article><h1>How miners get in</h1><p>The worm writes a line for cron into a key, sets the folder to /var/spool/cron and saves. «words:60»</p><p>Look for xm·rig and kdev·tmpfsi in your processes, and for pools at stra·tum ports. «words:40»</p></article>",
            "<article><h1>Your data is backed up, is it?</h1><p>Gangs ask for bitcoin after they encrypted a database. «words:80»</p></article>",
            "<article><p>In PHP, never write eval($_POST) in any form; the function base64_decode hides it. «words:80»</p></article>",
        ],
    ),
    family(
        "rules:yara:«word»:«lower:6»",
        200,
        Type::String,
        0,
        &[
            "rule «word»_miner { strings: $a = \"xm·rig\" $b = \"donate-le·vel\" condition: 2 of them }",
            "rule webshell_«word» { strings: $a = \"ev·al(\" $b = \"$_PO·ST\" condition: all of them }",
        ],
    ),
    family(
        "rules:sigma:«word»:«lower:6»",
        200,
        Type::String,
        0,
        &[
            "title: Download to shell\ndetection:\n  selection:\n    CommandLine|contains|all:\n      - 'curl'\n      - '| sh'\n  condition: selection\nlevel: high\n",
        ],
    ),
    // Files and fragments of pages.
    family(
        "img:thumb:«n»:«lower:5»",
        1_200,
        Type::String,
        10,
        &[
            "data:image/png;base64,iVBORw0KGgo«b64r:1400»",
            "«x:89504e470d0a1a0a»«bytes:900»",
            "«x:ffd8ffe000104a464946»«bytes:900»",
            "data:font/woff2;base64,d09GMgAB«b64r:900»",
        ],
    ),
    family(
        "pdf:invoice:«n»:«lower:5»",
        300,
        Type::String,
        10,
        &["%PDF-1.7\n%«bytes:8»\n1 0 obj\n<</Type/Catalog>>\nendobj\n«bytes:1800»\n%%EOF\n", "JVBERi0xLjcK«b64r:2000»"],
    ),
    family(
        "cache:html:«n»:«lower:5»",
        4_000,
        Type::String,
        10,
        &[
            "<!DOCTYPE html><html><head><script src=\"https://cdn.example.com/jquery-3.7.1.min.js\"></script><script async src=\"https://www.analytics.example.com/gtag/js?id=G-«upper:10»\"></script></head><body><p>«words:30»</p></body></html>",
            "<html><body onload=\"init()\"><img src=\"/i/«n».jpg\" onerror=\"this.src='/i/none.png'\"><p>«words:25»</p><a href=\"javascript:void(0)\">more</a></body></html>",
            "<div class=\"item\"><script src=\"https://cdn.example.com/widget.js\"></script><h2>«words:3»</h2><p>«words:20»</p></div>",
        ],
    ),
    family(
        "cache:js:«hex:12»",
        600,
        Type::String,
        10,
        &[
            "!function(e){var t={};function n(r){if(t[r])return t[r].exports;return e[r].call(n)}n.s=1}([function(e,t){e.exports=eval(\"require\")},function(e){var s=atob(\"«b64:hello «words:5»»\");document.addEventListener(\"click\",function(){console.log(s)})}]);/*«words:30»*/",
            "document.cookie=\"theme=dark\";window.onerror=function(m){navigator.sendBeacon(\"/log\",m)};/*«words:30»*/",
            "form.addEventListener('submit',e=>{e.preventDefault();Stripe.createToken({card:card,cvv:cvv}).then(send)});/*«words:20»*/",
        ],
    ),
    // Objects of applications.
    family(
        "laravel_cache:«hex:40»",
        5_000,
        Type::String,
        10,
        &[
            "«phpo:Illuminate\\Support\\Collection»:1:{s:8:\"\0*\0items\";a:2:{i:0;s:5:\"«lower:5»\";i:1;i:«digits:4»;}}",
            "«phpo:App\\Models\\Product»:2:{s:13:\"\0*\0attributes\";a:2:{s:2:\"id\";i:«n»;s:4:\"name\";s:6:\"«lower:6»\";}s:6:\"exists\";b:1;}",
            "{\"iv\":\"«b64r:22»==\",\"value\":\"«b64r:120»\",\"mac\":\"«hex:64»\",\"tag\":\"\"}",
        ],
    ),
    family(
        "zc:k:«hex:3»_«hex:32»",
        3_000,
        Type::Hash,
        0,
        &[
            "a:3:{s:7:\"factory\";s:30:\"Magento\\Framework\\App\\Cache\\XX\";s:2:\"id\";i:«n»;s:4:\"data\";s:9:\"«lower:9»\";}",
            "«gz:{\"block\":\"«words:30»\"}»",
        ],
    ),
    family(
        "wp:options:«word»:«lower:5»",
        2_000,
        Type::String,
        0,
        &[
            "a:2:{s:6:\"widget\";«phpo:stdClass»:1:{s:5:\"title\";s:6:\"«lower:6»\";}s:3:\"cnt\";i:3;}",
            "«phpo:WP_Post»:2:{s:2:\"ID\";i:«n»;s:10:\"post_title\";s:8:\"«lower:8»\";}",
            "«phpo:Monolog\\Logger»:1:{s:7:\"\0*\0name\";s:6:\"system\";}",
        ],
    ),
    family(
        ":1:django:«word»:«n»:«lower:4»",
        4_000,
        Type::String,
        10,
        &[
            "«x:8004»«x:95»«x:4000000000000000»«lp8:django.utils.safestring»«x:94»«lp8:SafeString»«x:94»«x:9394»«lp8:«words:4»»«x:94»«x:85»«x:94»R«x:94».",
            "«x:8002»cdatetime\ndatetime\nq«x:00»U«x:0a»«x:07e90a01000000000000»q«x:01»«x:85»q«x:02»Rq«x:03».",
            "«x:8003»ccollections\nOrderedDict\nq«x:00»)Rq«x:01»X«x:04000000»systq«x:02»K«x:01»s.",
        ],
    ),
    family(
        "spring:session:sessions:«uuid»",
        3_000,
        Type::Hash,
        10,
        &[
            "«x:aced0005»sr«java:org.springframework.security.core.context.SecurityContextImpl»«bytes:8»«x:020001»L«java:authentication»xp",
            "«x:aced0005»sr«java:java.lang.Long»«bytes:8»J«java:value»xr«java:java.lang.Number»«bytes:8»xp«bytes:8»",
        ],
    ),
    family(
        "jackson:«word»:«n»:«lower:4»",
        3_000,
        Type::String,
        10,
        &[
            "{\"@class\":\"com.example.shop.Cart\",\"id\":«n»,\"items\":[\"java.util.ArrayList\",[{\"@class\":\"com.example.shop.Item\",\"price\":[\"java.math.BigDecimal\",12.50]}]]}",
            "[\"java.util.HashMap\",{\"name\":\"«first»\"}]",
        ],
    ),
    family(
        "aspnet:{«lower:24»}_Data",
        1_500,
        Type::Hash,
        10,
        &[
            "«x:0001000000ffffffff0100000000000000»«x:0401»«net:System.Collections.Hashtable»«bytes:20»«x:0b»",
            "AAEAAAD/////AQAAAAAAAAAEAQAAABxTeXN0ZW0uQ29sbGVjdGlvbnMuSGFzaHRhYmxl«b64r:40»",
            "{\"$type\":\"MyShop.Cart, MyShop\",\"Id\":«n»}",
        ],
    ),
    family(
        "rails:cache:views/«word»/«n»-«lower:4»",
        2_500,
        Type::String,
        10,
        &[
            "«x:0408»o: ActiveSupport::Cache::Entry«x:08»:«ruby:@value»I\"«ruby:«words:3»»«x:06»:«ruby:E»T",
            "«x:0408»{«x:07»:«ruby:user_id»i«x:02»«bytes:2»:«ruby:flash»{«x:00»",
        ],
    ),
    family(
        "igb:«hex:16»",
        1_500,
        Type::String,
        10,
        &["«x:00000002»«x:1402»«x:11»«x:026964»«x:08»«bytes:2»«x:1104»name«x:1105»«lower:5»"],
    ),
    family(
        "mp:«word»:«n»:«lower:4»",
        3_000,
        Type::String,
        10,
        &[
            "«x:83a26964cd»«bytes:2»«x:a46e616d65a5»«lower:5»«x:a174cb»«bytes:8»",
            "«x:08»«bytes:2»«x:1208»«lower:8»«x:1a10»«bytes:16»«x:2205»«lower:5»",
        ],
    ),
    family(
        "blob:«word»:«hex:12»",
        3_000,
        Type::String,
        10,
        &[
            "«gz:«words:60»»",
            "«zstd:«words:60»»",
            "«zlib:{\"rows\":[«n»,«n»],\"text\":\"«words:40»\"}»",
            "«x:04224d1864»«bytes:200»",
            "«x:ff060000734e61507059»«bytes:200»",
            "«b64:«gz:{\"state\":\"«words:30»\"}»»",
            "«bytes:300»",
        ],
    ),
    // Text of people.
    family(
        "chat:room:«n»:«lower:4»",
        2_500,
        Type::List,
        0,
        &[
            "«first»: «words:7»",
            "«first»: can you curl https://«host»/health and tell me",
            "«first»: see https://example.com/«word»?a=1&b=2",
        ],
    ),
    family(
        "mail:queue:«lower:8»",
        800,
        Type::String,
        10,
        &[
            "To: «mail»\r\nSubject: «words:3»\r\n\r\nHello «first»,\r\nyour data export is ready: https://«host»/e/«alnum:20»\r\nIf you did not ask for it, change your password.\r\n",
        ],
    ),
    family(
        "search:suggest:«word»:«lower:4»",
        3_000,
        Type::SortedSet,
        0,
        &["«words:2»", "«word» t shirt", "how to install «word»"],
    ),
    family(
        "feed:«n»:«lower:4»",
        3_000,
        Type::Stream,
        0,
        &["{\"event\":\"view\",\"item\":«n»,\"at\":17«digits:11»}", "«words:6»"],
    ),
    family(
        "config:«word»:«lower:5»",
        600,
        Type::Hash,
        0,
        &[
            "https://«host»/hooks/«uuid»",
            "postgres://db.«word».svc:5432/shop",
            "true",
            "${DB_PASSWORD}",
            "/var/lib/«word»/data",
        ],
    ),
];

/// Names that attackers like, with what anyone may keep under them.
const NAMED: [(&str, &str); 14] = [
    ("backup1", "2025-10-01 full 12.3 GB ok"),
    ("backup2", "2025-10-02 incremental 0.4 GB ok"),
    ("x", "1"),
    ("1", "one"),
    ("k", "v"),
    ("t", "1760000000"),
    ("test", "hello"),
    ("payload", "{\"a\":1}"),
    ("weapon", "sword of dawn, +3"),
    ("pwn", "bishop takes"),
    ("webshell", "docs/webshell.md"),
    ("warning", "disk at 80 %"),
    ("rtcron", "0 4 * * *"),
    ("mimigo", "a café"),
];

/// A library as a queue has it.
const LIBRARY: &str = "#!lua name=queue\nredis.register_function('q_push', function(keys, args)\n  local n = redis.call('LPUSH', keys[1], args[1])\n  if n > tonumber(args[2]) then redis.call('RPOP', keys[1]) end\n  return n\nend)\n";
const LIMITER: &str = "#!lua name=limiter\nlocal function take(keys, args)\n  local now = tonumber(args[1])\n  redis.call('ZREMRANGEBYSCORE', keys[1], 0, now - 60)\n  redis.call('ZADD', keys[1], now, args[2])\n  return redis.call('ZCARD', keys[1])\nend\nredis.register_function{function_name='take', callback=take}\n";

/// At least so many keys. `modules`: the server has those of Redis Stack.
pub(crate) fn clean(keys: usize, seed: u64, modules: bool) -> Keyspace {
    let mut space = Keyspace::new("clean");
    let whole: usize = FAMILIES.iter().map(|family| family.keys).sum();
    for (at, family) in FAMILIES.iter().enumerate() {
        let count = (family.keys * keys).div_ceil(whole).max(10);
        let dice = &mut Dice::new(seed).of("clean", at);
        for number in 0..count {
            one(&mut space, family, number, dice);
        }
    }
    let dice = &mut Dice::new(seed).of("clean", 1000);
    for (name, value) in NAMED {
        space.add(command(&["SET", name, value]));
    }
    for number in 0..400 {
        let key = format!("hll:visitors:{number}");
        let mut add = command(&["PFADD", &key]);
        let visitors = if number % 8 == 0 { 3000 } else { 20 };
        add.extend((0..visitors).map(|_| dice.lower(8).into_bytes()));
        space.add(add);
    }
    space.add(command(&["FUNCTION", "LOAD", LIBRARY]));
    space.add(command(&["FUNCTION", "LOAD", LIMITER]));
    for number in 0..if modules { 200 } else { 0 } {
        let (json, bloom, series) = (format!("json:{number}"), format!("bf:{number}"), format!("ts:{number}"));
        space.add(command(&["JSON.SET", &json, "$", &format!(r#"{{"id":{number},"tags":["{}"]}}"#, dice.word())]));
        space.add(command(&["BF.ADD", &bloom, dice.word()]));
        space.add(command(&["TS.ADD", &series, "1760000000000", "1.5"]));
        space.add(command(&["TOPK.RESERVE", &format!("topk:{number}"), "5"]));
    }
    space
}

fn one(space: &mut Keyspace, family: &Family, number: usize, dice: &mut Dice) {
    let key = expand(family.name, dice, false).bytes;
    let value = expand(family.values[number % family.values.len()], dice, false).bytes;
    let head = |name: &str| vec![name.as_bytes().to_vec(), key.clone()];
    let mut words = head(match family.ty {
        Type::String => "SET",
        Type::Hash => "HSET",
        Type::List => "RPUSH",
        Type::Set => "SADD",
        Type::SortedSet => "ZADD",
        Type::Stream => "XADD",
    });
    match family.ty {
        Type::String => words.push(value),
        Type::Hash => words.extend([
            b"id".to_vec(),
            number.to_string().into(),
            b"data".to_vec(),
            value,
            b"state".to_vec(),
            dice.word().into(),
        ]),
        Type::List | Type::Set => {
            words.push(value);
            for other in 1..4 {
                words.push(expand(family.values[(number + other) % family.values.len()], dice, false).bytes);
            }
        }
        Type::SortedSet => words.extend([b"1".to_vec(), value, b"2".to_vec(), dice.words(3).into()]),
        Type::Stream => words.extend([
            format!("{}-0", 1_759_000_000_000u64 + number as u64).into(),
            b"type".to_vec(),
            b"log".to_vec(),
            b"message".to_vec(),
            value,
        ]),
    }
    let expires = number % 10 < family.expire;
    if expires && family.ty == Type::String {
        words.extend([b"EX".to_vec(), (3_000_000 + dice.below(400_000)).to_string().into()]);
    }
    space.add(words);
    if expires && family.ty != Type::String {
        space.add([head("EXPIRE"), vec![(3_000_000 + dice.below(400_000)).to_string().into()]].concat());
    }
    // What packers leave is never of one kind: a few are packed twice.
    if number % 997 == 5 && family.ty == Type::String {
        let twice = nest("b64", &expand(family.values[0], dice, false).bytes);
        space.add(vec![b"SET".to_vec(), [&key[..], b":b64"].concat(), twice]);
    }
}
