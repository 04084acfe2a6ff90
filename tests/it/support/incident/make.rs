//! What slots are replaced by: hosts, downloads, schedules, tokens with their check digits. Nothing of it opens anything.

use super::dice::Dice;
use super::nest::nest;
use bech32::{Bech32, Hrp};
use sha3::{Digest, Keccak256};

const BASE62: &str = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const BASE58: &str = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
const BASE32: &str = "abcdefghijklmnopqrstuvwxyz234567";
const HASH64: &str = "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
const LETTERS: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/// Numbers that card networks publish for tests.
const CARDS: [&str; 16] = [
    "4111111111111111",
    "4012888888881881",
    "4242424242424242",
    "5555555555554444",
    "5105105105105100",
    "378282246310005",
    "371449635398431",
    "6011111111111117",
    "6011000990139424",
    "3530111333300000",
    "3566002020360505",
    "30569309025904",
    "38520000023237",
    "4000056655665556",
    "5200828282828210",
    "2223003122003222",
];
/// Countries of account numbers and how many digits follow the check digits; only those with digits alone.
const IBANS: [(&str, usize); 6] = [("DE", 18), ("BE", 12), ("ES", 20), ("AT", 16), ("DK", 14), ("PL", 24)];

pub(crate) fn make(name: &str, argument: &str, dice: &mut Dice) -> Vec<u8> {
    let count = || argument.parse().unwrap_or_else(|_| panic!("«{name}:{argument}» needs a number"));
    match name {
        "bytes" => dice.bytes(count()),
        "x" => (0..argument.len() / 2)
            .map(|at| u8::from_str_radix(&argument[2 * at..2 * at + 2], 16).expect("hexadecimal"))
            .collect(),
        "short" => {
            let mut whole = make(argument, "", dice);
            whole.truncate(whole.len().saturating_sub(5));
            whole
        }
        "broken" => {
            let mut whole = make(argument, "", dice);
            let middle = whole.len() * 2 / 3;
            whole[middle] = b'*';
            whole
        }
        // The last character is another one: what check digits are for.
        "misread" => {
            let mut whole = make(argument, "", dice);
            if let Some(last) = whole.last_mut() {
                *last = match *last {
                    b'9' => b'3',
                    b'0'..=b'8' => *last + 1,
                    b'a' => b'q',
                    b'A' => b'Q',
                    _ => b'a' + u8::from(*last == b'a'),
                };
            }
            whole
        }
        "sshkey" => nest("b64", &ssh_blob(argument, dice, true)),
        // A blob that says it is of another type than its label.
        "sshother" => nest("b64", &ssh_blob("ssh-other", dice, true)),
        "sshzero" => nest("b64", &ssh_blob(argument, dice, false)),
        _ => text(name, argument, dice).into_bytes(),
    }
}

fn text(name: &str, argument: &str, dice: &mut Dice) -> String {
    let count = || argument.parse().unwrap_or_else(|_| panic!("«{name}:{argument}» needs a number"));
    match name {
        "digits" => dice.digits(count()),
        "hex" => dice.hex(count()),
        "HEX" => dice.hex(count()).to_uppercase(),
        "alnum" => dice.alnum(count()),
        "lower" => dice.lower(count()),
        "upper" => dice.of_alphabet("ABCDEFGHIJKLMNOPQRSTUVWXYZ", count()),
        "letters" => dice.of_alphabet(LETTERS, count()),
        "urlsafe" => dice.url_safe(count()),
        "b58" => dice.of_alphabet(BASE58, count()),
        "b64r" => b64_random(dice, count()),
        "repeat" => argument.repeat(40),
        "words" => dice.words(count()),
        "word" => dice.word().to_owned(),
        "first" => dice.first_name().to_owned(),
        "user" => format!("{}{}", dice.first_name(), dice.digits(2)),
        "host" => dice.host(),
        "ip" => dice.ip(),
        "port" => dice.pick(&["4444", "6379", "8080", "1337", "9001", "5555", "31337"]).to_owned(),
        "n" => (dice.below(90_000) + 1000).to_string(),
        "uuid" => dice.uuid(),
        "mail" => mail(dice),
        _ => web(name, dice).or_else(|| token(name, argument, dice)).unwrap_or_else(|| panic!("no slot {name}")),
    }
}

fn mail(dice: &mut Dice) -> String {
    let domain = dice.pick(&["example.com", "example.org", "mail.example.net"]);
    format!("{}.{}{}@{domain}", dice.first_name(), dice.word(), dice.digits(3))
}

/// Addresses, downloads, schedules.
fn web(name: &str, dice: &mut Dice) -> Option<String> {
    Some(match name {
        "url" => format!("{}://{}/{}", dice.pick(&["http", "https"]), dice.host(), dice.word()),
        "shurl" => {
            let host = if dice.below(2) == 0 { dice.ip() } else { dice.host() };
            let port = dice.pick(&["", "", ":8080", ":81"]);
            let file = dice.pick(&["init.sh", "b2f.sh", "s.sh", "ap.sh", "cleanfda/init.sh", "unk.sh", "x/rv.sh"]);
            format!("http://{host}{port}/{file}")
        }
        "ipurl" => {
            let port = dice.pick(&["", ":8080", ":2222", ":443"]);
            let (folder, name) = (dice.word(), dice.lower(4));
            format!("http://{}{port}/{folder}/{name}.{}", dice.ip(), dice.pick(&["sh", "py", "so", "elf", "jpg"]))
        }
        "cron" => dice
            .pick(&[
                "*/2 * * * *",
                "*/3 * * * *",
                "*/5 * * * *",
                "0 * * * *",
                "*/1 * * * *",
                "15 */4 * * *",
                "1,31 * * * *",
                "*/30 1-5 * * *",
            ])
            .to_owned(),
        "at" => dice.pick(&["@hourly", "@daily", "@reboot"]).to_owned(),
        // Ends before the address.
        "get" => dice
            .pick(&[
                "cu·rl -fsSL",
                "wg·et -q -O-",
                "cu·rl -s",
                "wd·1 -q -O -",
                "cd·1 -fsSL",
                "wg·et -qO -",
                "cu·rl -m 90 -k",
            ])
            .replace('·', ""),
        "dl" => dice.pick(&["cu·rl -fsSL", "wg·et -q -O-", "cu·rl -s", "wg·et -qO -"]).replace('·', ""),
        "sh" => dice.pick(&["sh", "bash", "sh", "bash -s"]).to_owned(),
        "onion" => format!("{}.onion", dice.of_alphabet(BASE32, 56)),
        "amount" => format!("0.{}", dice.range(1, 60)),
        "btc" => bs58::encode([&[0u8][..], &dice.bytes(20)].concat()).with_check().into_string(),
        "btcbech" => bech32::segwit::encode_v0(bech32::hrp::BC, &dice.bytes(20)).expect("20 bytes"),
        "xmr" => monero(0x12, dice),
        "xmrsub" => monero(0x2a, dice),
        _ => return None,
    })
}

/// Secrets and personal data.
fn token(name: &str, argument: &str, dice: &mut Dice) -> Option<String> {
    Some(
        match name {
            "awsid" => format!("AK·IA{}", dice.of_alphabet("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", 16)),
            "awstemp" => format!("AS·IA{}", dice.of_alphabet("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", 16)),
            "awssecret" => b64_random(dice, 40),
            "gcpapi" => format!("AI·za{}", dice.url_safe(35)),
            "azurekey" => nest_text("b64", &dice.bytes(64)),
            "azuresig" => nest_text("url", nest_text("b64", &dice.bytes(32)).as_bytes()),
            "pembody" => pem_body(argument, dice),
            "pemline" => pem_body(argument, dice).replace('\n', "\\n"),
            "age" => {
                let hrp = Hrp::parse("age-secret-key-").expect("a prefix");
                bech32::encode::<Bech32>(hrp, &dice.bytes(32)).expect("32 bytes").to_uppercase()
            }
            "jwt" => jwt(argument, dice),
            "github" => github(if argument.is_empty() { "ghp" } else { argument }, dice),
            "githubpat" => format!("github·_pat_{}_{}", dice.alnum(22), dice.alnum(59)),
            "gitlab" => format!("glp·at-{}", dice.url_safe(20)),
            "slackbot" => format!("xo·xb-{}-{}-{}", dice.digits(12), dice.digits(13), dice.alnum(24)),
            "slackuser" => {
                format!("xo·xp-{}-{}-{}-{}", dice.digits(12), dice.digits(12), dice.digits(13), dice.hex(32))
            }
            "slackhook" => format!(
                "https://hooks.sl·ack.com/services/T{}/B{}/{}",
                dice.of_alphabet("ABCDEFGHJKLMNPQR0123456789", 10),
                dice.of_alphabet("ABCDEFGHJKLMNPQR0123456789", 10),
                dice.alnum(24)
            ),
            "discordhook" => {
                format!("https://dis·cord.com/api/webhooks/1{}/{}", dice.digits(18), dice.url_safe(68))
            }
            "telegram" => format!("{}{}:AA{}", dice.range(1, 9), dice.digits(9), dice.url_safe(33)),
            "stripe" => format!("sk_l·ive_{}", dice.alnum(24)),
            "striper" => format!("rk_l·ive_51{}", dice.alnum(97)),
            "stripetest" => format!("sk_te·st_{}", dice.alnum(24)),
            "square" => format!("sq0a·tp-{}", dice.url_safe(22)),
            "squaresecret" => format!("sq0c·sp-{}", dice.url_safe(43)),
            "shopify" => format!("sh·pat_{}", dice.hex(32)),
            "shopifyss" => format!("sh·pss_{}", dice.hex(32)),
            "openai" => format!("sk-{}T3Blbk·FJ{}", dice.alnum(20), dice.alnum(20)),
            "openaiproj" => format!("sk-pr·oj-{}T3Blbk·FJ{}", dice.url_safe(74), dice.url_safe(74)),
            "anthropic" => format!("sk-a·nt-api03-{}AA", dice.url_safe(93)),
            "sendgrid" => format!("S·G.{}.{}", dice.url_safe(22), dice.url_safe(43)),
            "mailgun" => format!("key-{}", dice.hex(32)),
            "twilio" => format!("S·K{}", dice.hex(32)),
            "npm" => github("npm", dice),
            "pypi" => format!("py·pi-AgEIcHlwaS5vcmc{}", dice.url_safe(150)),
            "digitalocean" => format!("do·p_v1_{}", dice.hex(64)),
            "vault" => format!("hv·s.{}", dice.url_safe(24)),
            "vaultlong" => format!("hv·s.CAESI{}", dice.url_safe(90)),
            "dockerhub" => format!("dc·kr_pat_{}", dice.url_safe(27)),
            "password" => format!("{}{}!{}", dice.letter_word(), dice.digits(3), dice.alnum(5)),
            "bcrypt" => {
                format!("$2{}$1{}${}", dice.pick(&["a", "b", "y"]), dice.below(3), dice.of_alphabet(HASH64, 53))
            }
            "argon2" => format!(
                "$argon2{}$v=19$m=65536,t=3,p=4${}${}",
                dice.pick(&["id", "i", "d"]),
                b64_random(dice, 22),
                b64_random(dice, 43)
            ),
            "pbkdf2" => format!("pbkdf2_sha256$600000${}${}", dice.alnum(22), nest_text("b64", &dice.bytes(32))),
            "phpass" => format!("$P$B{}", dice.of_alphabet(HASH64, 30)),
            "sha512crypt" => format!("$6${}${}", dice.alnum(16), dice.of_alphabet(HASH64, 86)),
            "laravel" => nest_text("b64", &dice.bytes(32)),
            "django" => dice.of_alphabet("abcdefghijklmnopqrstuvwxyz0123456789!@#%^&*(-_=+)", 50),
            "rails" => dice.hex(128),
            "card" => dice.pick(&CARDS).to_owned(),
            "cardspaced" => {
                let card = dice.pick(&[
                    "4111111111111111",
                    "4012888888881881",
                    "5555555555554444",
                    "6011111111111117",
                    "4242424242424242",
                ]);
                [&card[..4], &card[4..8], &card[8..12], &card[12..]].join(dice.pick(&[" ", "-"]))
            }
            "iban" => iban(dice),
            "ibanspaced" => {
                let iban = iban(dice);
                iban.as_bytes()
                    .chunks(4)
                    .map(|four| String::from_utf8_lossy(four).into_owned())
                    .collect::<Vec<_>>()
                    .join(" ")
            }
            "phone" => {
                dice.pick(&["+12025550", "+442079460", "+493023125", "+33199006", "+447654010"]).to_owned()
                    + &dice.digits(3)
            }
            "ssn" => format!(
                "{}{}-{}{}-{}",
                dice.range(2, 6),
                dice.digits(2).replace("00", "17"),
                dice.range(1, 9),
                dice.range(1, 9),
                dice.range(1000, 9999)
            ),
            _ => return None,
        }
        .replace('·', ""),
    )
}

impl Dice {
    fn letter_word(&mut self) -> String {
        let word = self.word();
        format!("{}{}", word[..1].to_uppercase(), &word[1..])
    }
}

fn nest_text(name: &str, bytes: &[u8]) -> String {
    String::from_utf8(nest(name, bytes)).expect("text")
}

/// Characters of base64 of random bytes, of both cases and with digits.
fn b64_random(dice: &mut Dice, count: usize) -> String {
    let mut text = nest_text("b64", &dice.bytes(count));
    text.truncate(count);
    text
}

fn pem_body(lines: &str, dice: &mut Dice) -> String {
    let lines = lines.parse().unwrap_or(12);
    (0..lines).map(|_| b64_random(dice, 64)).collect::<Vec<_>>().join("\n")
}

fn jwt(algorithm: &str, dice: &mut Dice) -> String {
    let algorithm = if algorithm.is_empty() { "HS256" } else { algorithm };
    let header = format!(r#"{{"alg":"{algorithm}","typ":"JWT"}}"#);
    let claims = format!(
        r#"{{"iss":"https://{}/","sub":"{}","iat":1760000000,"exp":{}}}"#,
        dice.host(),
        dice.uuid(),
        1_760_000_000 + dice.below(400_000_000)
    );
    let bytes = if algorithm.starts_with("RS") {
        256
    } else if algorithm.starts_with("ES") {
        64
    } else {
        32
    };
    let signature = if algorithm == "none" { String::new() } else { nest_text("b64url", &dice.bytes(bytes)) };
    format!("{}.{}.{signature}", nest_text("b64url", header.as_bytes()), nest_text("b64url", claims.as_bytes()))
}

/// A token whose last six characters are the CRC-32 of the thirty before.
fn github(prefix: &str, dice: &mut Dice) -> String {
    let random = dice.alnum(30);
    let mut sum = crc::Crc::<u32>::new(&crc::CRC_32_ISO_HDLC).checksum(random.as_bytes());
    let mut tail = [b'0'; 6];
    for digit in tail.iter_mut().rev() {
        *digit = BASE62.as_bytes()[sum as usize % 62];
        sum /= 62;
    }
    format!("{prefix}_{random}{}", String::from_utf8_lossy(&tail))
}

fn iban(dice: &mut Dice) -> String {
    let (country, digits) = dice.pick(&IBANS);
    let account = dice.digits(digits);
    let letters: String = country.bytes().map(|letter| (letter - b'A' + 10).to_string()).collect();
    let rest =
        format!("{account}{letters}00").bytes().fold(0, |rest, digit| (rest * 10 + u32::from(digit - b'0')) % 97);
    format!("{country}{:02}{account}", 98 - rest)
}

/// An address with its checksum: base58 in blocks of eight bytes.
fn monero(network: u8, dice: &mut Dice) -> String {
    let mut bytes = [&[network][..], &dice.bytes(64)].concat();
    let hash = Keccak256::digest(&bytes);
    bytes.extend_from_slice(&hash[..4]);
    let widths = [0, 2, 3, 5, 6, 7, 9, 10, 11];
    bytes
        .chunks(8)
        .flat_map(|block| {
            let mut value = block.iter().fold(0u64, |value, byte| value << 8 | u64::from(*byte));
            let mut text = vec![b'1'; widths[block.len()]];
            for digit in text.iter_mut().rev() {
                *digit = BASE58.as_bytes()[usize::try_from(value % 58).expect("a digit")];
                value /= 58;
            }
            text
        })
        .map(char::from)
        .collect()
}

/// The blob of a public key: length-prefixed fields. Its numbers are random or zero: no one has the other half.
fn ssh_blob(label: &str, dice: &mut Dice, random: bool) -> Vec<u8> {
    let number = |dice: &mut Dice, bytes: usize| if random { dice.bytes(bytes) } else { vec![0; bytes] };
    let fields: Vec<Vec<u8>> = match label {
        "ssh-ed25519" => vec![number(dice, 32)],
        "ssh-dss" => vec![number(dice, 129), number(dice, 21), number(dice, 128), number(dice, 128)],
        "ecdsa-sha2-nistp256" => vec![b"nistp256".to_vec(), [&[4][..], &number(dice, 64)].concat()],
        "ecdsa-sha2-nistp521" => vec![b"nistp521".to_vec(), [&[4][..], &number(dice, 132)].concat()],
        "sk-ssh-ed25519@openssh.com" => vec![number(dice, 32), b"ssh:".to_vec()],
        _ => vec![vec![1, 0, 1], [&[0][..], &number(dice, 256)].concat()],
    };
    let mut blob = Vec::new();
    for field in [label.as_bytes().to_vec()].into_iter().chain(fields) {
        blob.extend_from_slice(&u32::try_from(field.len()).expect("a short field").to_be_bytes());
        blob.extend_from_slice(&field);
    }
    blob
}
