//! What lets somebody in: addresses with passwords, passwords and their hashes, keys of frameworks, sessions.

use super::{Kind, kind};

pub(super) const KINDS: &[Kind] = &[
    kind(
        "RD-SEC-DATABASE-URL",
        &["RD-SEC-BASIC", "RD-SEC-PASSWORD", "RD-PII-EMAIL"],
        &[
            "postgres://app:«!password»@db.«host»:5432/«word»",
            "DATABASE_URL=mysql://«user»:«!password»@«ip»/shop",
            "{\"redis\":\"redis://default:«!password»@cache.«host»:6379/0\"}",
            "mongodb+srv://root:«!password»@«word».«host»/?retryWrites=true",
            "amqp://«user»:«!password»@mq.«host»:5672/%2f",
        ],
        &[
            "postgres://db.«host»:5432/«word»",
            "postgres://user:${DB_PASSWORD}@«host»/db",
            "postgres://user:<password>@«host»/db",
            "mysql://«user»@«ip»/shop",
            "redis://:@«host»:6379",
        ],
    ),
    kind(
        "RD-SEC-BASIC-AUTH-URL",
        &["RD-SEC-DATABASE", "RD-SEC-PASSWORD", "RD-PII-EMAIL"],
        &[
            "https://«user»:«!password»@git.«host»/«word».git",
            "{\"proxy\":\"http://proxy:«!password»@«ip»:3128\"}",
            "ftp://deploy:«!password»@files.«host»/in/",
        ],
        &[
            "https://«user»@«host»/",
            "https://user:${PASS}@«host»/",
            "http://«ip»:8080/@«user»",
            "https://«host»/a:b@c",
            "https://user:password@example.com/",
        ],
    ),
    kind(
        "RD-SEC-BEARER",
        &["RD-SEC-JWT", "RD-SEC-PASSWORD"],
        &[
            "Authorization: Bearer «!urlsafe:40»",
            "{\"headers\":{\"authorization\":\"Bearer «!alnum:48»\"}}",
            "GET / HTTP/1.1\r\nHost: «host»\r\nAuthorization: Bearer «!urlsafe:64»\r\n\r\n",
        ],
        &[
            "Authorization: Bearer ${TOKEN}",
            "Authorization: Bearer <token>",
            "the bearer of this letter is «first»",
            "Authorization: Bearer xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
            "Bearer tokens expire after an hour",
        ],
    ),
    kind(
        "RD-SEC-PASSWORD",
        &["RD-SESS-002"],
        &[
            "{\"smtp_user\":\"«user»\",\"smtp_password\":\"«!password»\"}",
            "DB_PASSWORD=«!password»",
            "password: «!password»",
            "user=«user»&passwd=«!password»",
        ],
        &[
            "DB_PASSWORD=${DB_PASSWORD}",
            "{\"password\":\"********\"}",
            "password: <hidden>",
            "{\"password\":null}",
            "{\"password_reset\":true}",
        ],
    ),
    kind(
        "RD-SEC-BCRYPT",
        &["RD-SEC-PASSWORD"],
        &["«!bcrypt»", "{\"id\":«n»,\"hash\":\"«!bcrypt»\"}", "«user»:«!bcrypt»"],
        &["«short:bcrypt»", "$2y$10$", "«broken:bcrypt»", "$2x costs $10$ more", "$2c$12$«alnum:53»"],
    ),
    kind(
        "RD-SEC-ARGON2",
        &["RD-SEC-PASSWORD"],
        &["«!argon2»", "{\"pw\":\"«!argon2»\"}", "«user»:«!argon2»:1000"],
        &[
            "$argon2id$",
            "$argon2id$v=19$",
            "argon2 with m=65536,t=3,p=4",
            "$argon2z$v=19$m=65536,t=3,p=4$«alnum:22»$«alnum:43»",
            "${argon2id}",
        ],
    ),
    kind(
        "RD-SEC-PBKDF2",
        &["RD-SEC-PASSWORD"],
        &["«!pbkdf2»", "{\"password\":\"«!pbkdf2»\"}", "«user»,«!pbkdf2»"],
        &[
            "pbkdf2_sha256",
            "pbkdf2_sha256$",
            "PBKDF2 with SHA256 and 600000 rounds",
            "pbkdf2_sha256$600000$",
            "pbkdf2_sha256$n$«alnum:22»",
        ],
    ),
    kind(
        "RD-SEC-PHPASS",
        &["RD-SEC-PASSWORD"],
        &["«!phpass»", "{\"user_pass\":\"«!phpass»\"}", "«user»:«!phpass»"],
        &["«short:phpass»", "$P$", "«broken:phpass»", "$P$B costs", "US$P$9"],
    ),
    kind(
        "RD-SEC-SHA512CRYPT",
        &["RD-SEC-PASSWORD"],
        &["«!sha512crypt»", "root:«!sha512crypt»:19000:0:99999:7:::", "{\"hash\":\"«!sha512crypt»\"}"],
        &["«short:sha512crypt»", "$6$", "$6$salt$", "it was $6$ then", "$7$«alnum:16»$«alnum:86»"],
    ),
    kind(
        "RD-SEC-LARAVEL-KEY",
        &[],
        &[
            "APP_KEY=base64:«!laravel»",
            "{\"APP_KEY\":\"base64:«!laravel»\"}",
            "APP_ENV=production\nAPP_KEY=base64:«!laravel»\nAPP_DEBUG=false\n",
        ],
        &[
            "APP_KEY=",
            "APP_KEY=base64:",
            "APP_KEY=base64:«short:laravel»",
            "APP_KEY=${APP_KEY}",
            "data:image/png;base64:«alnum:20»",
        ],
    ),
    kind(
        "RD-SEC-RAILS-KEY",
        &[],
        &["secret_key_base: «!rails»", "SECRET_KEY_BASE=«!rails»", "{\"secret_key_base\":\"«!rails»\"}"],
        &[
            "secret_key_base: <%= ENV[\"SECRET_KEY_BASE\"] %>",
            "sha512 «rails»",
            "secret_key_base: «hex:20»",
            "SECRET_KEY_BASE=${X}",
            "secret_key_base:",
        ],
    ),
    kind(
        "RD-SEC-DJANGO-KEY",
        &["RD-SEC-PASSWORD"],
        &[
            "SECRET_KEY = 'django-insecure-«!django»'",
            "DJANGO_SECRET_KEY='«!django»'",
            "SECRET_KEY = \"«!django»\"  # Django",
        ],
        &[
            "SECRET_KEY = os.environ['SECRET_KEY']",
            "SECRET_KEY = ''",
            "SECRET_KEY = 'django-insecure-'",
            "SECRET_KEY = '<change me>'",
            "the SECRET_KEY of Django has fifty characters",
        ],
    ),
    kind(
        "RD-SEC-SESSION-ID",
        &["RD-SEC-PASSWORD"],
        &[
            "Cookie: PHPSESSID=«!lower:26»; theme=dark",
            "JSESSIONID=«!HEX:32»",
            "{\"session_id\":\"«!hex:40»\"}",
            "Set-Cookie: connect.sid=s%3A«!urlsafe:32».«b64r:43»",
            "sessionid=«!lower:32»",
        ],
        &[
            "PHPSESSID=",
            "PHPSESSID=deleted",
            "session_id: null",
            "{\"session_id\":\"${SID}\"}",
            "the cookie JSESSIONID is set by the server",
        ],
    ),
];
