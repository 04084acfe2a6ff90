//! Each validator on what passes and on what just does not. Numbers are published for tests, keys are zero bytes.

use super::*;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

fn within(word: &str, text: &[u8], matched: &[u8]) -> Option<Learnt> {
    let at = memchr::memmem::find(text, matched).expect("the match is in the text");
    let validator = Validator::parse(word).expect("a known word");
    validator.check(&Candidate { text, at, matched, secret: matched })
}

fn learnt(word: &str, text: &[u8]) -> Option<Learnt> {
    within(word, text, text)
}

#[track_caller]
fn all(word: &str, passing: &[&str], failing: &[&str]) {
    for text in passing {
        assert!(learnt(word, text.as_bytes()).is_some(), "{word} must pass {text}");
    }
    for text in failing {
        assert!(learnt(word, text.as_bytes()).is_none(), "{word} must not pass {text}");
    }
}

fn note(word: &str, text: &[u8]) -> String {
    learnt(word, text).expect("it passes").notes.join("; ")
}

#[test]
fn a_word_that_is_not_known_names_those_that_are() {
    let error = Validator::parse("luhm").expect_err("no such word");
    assert!(error.contains("\"luhm\"") && error.contains("luhn") && error.contains("entropy>=N"), "{error}");
    assert!(Validator::parse("entropy>=high").is_err());
    assert!(Validator::parse("entropy>=NaN").is_err());
    assert!(Validator::parse("distinct>=-1").is_err());
    for (word, named) in WORDS {
        assert_eq!(Validator::parse(word), Ok(Validator::Named(named)));
    }
}

#[test]
fn no_validator_breaks_on_what_it_does_not_expect() {
    let long = vec![b'4'; 100_000];
    let odd: [&[u8]; 9] = [b"", b"\0", b"+", b"....", b"MZ", b"\x7fELF\x01\x01\x01", b"s:999999999:\"", b"AAAA", &long];
    for (word, _) in WORDS.into_iter().chain([("entropy>=1", Named::Luhn), ("distinct>=1", Named::Luhn)]) {
        for text in odd {
            let _ = learnt(word, text);
            let _ = within(word, &[b"x", text, b"y"].concat(), text);
        }
    }
}

#[test]
fn entropy_and_distinct_count_bytes() {
    all("entropy>=3", &["abcdefgh"], &["abcdefgg", "aaaaaaaa"]);
    all("distinct>=3", &["abc"], &["abab", ""]);
}

#[test]
fn cards_have_an_issuer_a_length_and_a_check_digit() {
    for (number, brand) in [
        ("4111111111111111", "Visa"),
        ("4111 1111 1111 1111", "Visa"),
        ("4222222222222", "Visa"),
        ("5555-5555-5555-4444", "Mastercard"),
        ("2223003122003222", "Mastercard"),
        ("378282246310005", "American Express"),
        ("3782 822463 10005", "American Express"),
        ("6011111111111117", "Discover"),
        ("30569309025904", "Diners Club"),
        ("3530111333300000", "JCB"),
        ("6200000000000005", "UnionPay"),
        ("6759649826438453", "Maestro"),
    ] {
        assert_eq!(note("card", number.as_bytes()), brand, "{number}");
    }
    let failing = [
        "4111111111111112",
        "4111  1111 1111 1111",
        "4111-1111 1111-1111",
        "4 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1",
        "411111111111",
        "0000000000000000",
        // Right check digits, but an issuer that no card has, or a length its cards have not.
        "9111111111111110",
        "41111111111111113",
        "55555555555553",
        // A time in milliseconds, and one in microseconds, with right check digits.
        "1700000000004",
        "1700000000000001",
        // An id as long as the longest cards of an issuer with short ones.
        "676200000000000005",
    ];
    all("card", &[], &failing);
    assert!(luhn_holds("676200000000000005") && luhn_holds("1700000000004") && luhn_holds("9111111111111110"));
    let grouped = b"6762 0000 0000 0000 05";
    assert_eq!(learnt("card", grouped), None, "a group of two digits is none");
}

fn luhn_holds(number: &str) -> bool {
    learnt("luhn", number.as_bytes()).is_some()
}

#[test]
fn a_card_stands_alone_among_digits() {
    let card = b"4111111111111111";
    for text in ["\"4111111111111111\"", "card:4111111111111111.", "x4111111111111111,5"] {
        assert!(within("card", text.as_bytes(), card).is_some(), "{text}");
    }
    for text in ["14111111111111111", "41111111111111110", "0.4111111111111111", "4111111111111111.25"] {
        assert!(within("card", text.as_bytes(), card).is_none(), "{text}");
    }
}

#[test]
fn accounts_have_the_length_of_their_country() {
    let passing = [
        "DE89370400440532013000",
        "GB82 WEST 1234 5698 7654 32",
        "FR1420041010050500013M02606",
        "NO9386011117947",
        "MT84MALT011000012345MTLCAST001S",
    ];
    let failing = [
        "DE89370400440532013001",
        "DE8937040044053201300",
        "GB82  WEST12345698765432",
        "ZZ89370400440532013000",
        "de89370400440532013000",
        "NO93860111179470",
    ];
    all("iban", &passing, &failing);
}

#[test]
fn accounts_of_other_countries() {
    all(
        "iban",
        &["BE68539007547034", "CH9300762011623852957", "NL91ABNA0417164300", "PL61109010140000071219812874"],
        &[],
    );
    all("iban", &["SA0380000000608010167519", "TR330006100519786457841326", "BR1800360305000010009795493C1"], &[]);
}

#[test]
fn numbers_of_people() {
    all("luhn", &["79927398713", "7992-7398-713"], &["79927398710", "7", "", "7992739871a"]);
    let never =
        ["000-45-6789", "666-45-6789", "900-45-6789", "123-00-6789", "123-45-0000", "078-05-1120", "123-45-67890"];
    all("ssn", &["123-45-6789", "123456789"], &never);
    all("phone", &["+12025550123", "+44 20 7946 0958", "+49 (30) 901820-0", "+358-9-1234567"], &[]);
    all(
        "phone",
        &[],
        &["12025550123", "+1202555", "+1234567890123456", "+2100000000", "+999123456789", "+1202555x123"],
    );
    all("phone", &[], &["+2590000000", "+4220000000", "+6710000000"]);
}

#[test]
fn addresses_are_public_or_for_documentation() {
    all("ip-public", &["192.0.2.7", "http://203.0.113.5:8080/x", "8.8.8.8", "host 198.51.100.1."], &[]);
    let inner = ["10.1.2.3", "127.0.0.1", "192.168.1.1", "172.20.0.1", "169.254.169.254", "100.64.0.1", "0.0.0.0"];
    all("ip-public", &[], &inner);
    all("ip-public", &[], &["224.0.0.1", "255.255.255.255", "1.2.3", "256.1.1.1", "none"]);
}

fn token(header: &str, claims: &str, signature: &str) -> String {
    format!("{}.{}.{signature}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims))
}

#[test]
fn web_tokens_tell_their_claims() {
    let text = token(r#"{"alg":"RS256","typ":"JWT"}"#, r#"{"iss":"https://id.invalid","exp":1893456000}"#, "AAAA");
    let found = learnt("jwt", text.as_bytes()).expect("a token");
    assert_eq!(found.notes, ["alg RS256", "iss https://id.invalid", "expires 2030-01-01T00:00:00Z"]);
    assert_eq!(found.valid_until, Some(UnixMs(1_893_456_000_000)));
    assert_eq!(found.severity, None);
    let text = token(r#"{"alg":"nOnE"}"#, r#"{"sub":"a"}"#, "");
    assert_eq!(learnt("jwt", text.as_bytes()).expect("a token").severity, Some(Threat::High));
    let odd = token(r#"{"alg":"HS256"}"#, r#"{"exp":"soon","iss":7}"#, "AAAA");
    assert_eq!(note("jwt", odd.as_bytes()), "alg HS256");
    let far = token(r#"{"alg":"HS256"}"#, r#"{"exp":9223372036854775807}"#, "AAAA");
    assert_eq!(learnt("jwt", far.as_bytes()).expect("a token").valid_until, None);
    let claims = r#"{"sub":"a"}"#;
    for text in [
        token(r#"{"typ":"JWT"}"#, claims, "AAAA"),
        token("{}x", claims, "AAAA"),
        token(r#"{"alg":"RS256"}"#, claims, ""),
        token(r#"{"alg":"RS256"}"#, claims, "AAAA.AAAA"),
        token(r#"{"alg":"RS256"}"#, claims, "A"),
        "www.example.com".to_owned(),
    ] {
        assert_eq!(learnt("jwt", text.as_bytes()), None, "{text}");
    }
}

#[test]
fn tokens_of_github_end_in_their_checksum() {
    // CRC-32 of thirty times A.
    let body = "A".repeat(30);
    let good = format!("ghp_{body}0uCPlr");
    let found: Vec<_> = (0..62_u8)
        .map(|digit| char::from(b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"[usize::from(digit)]))
        .filter(|digit| learnt("github-crc", format!("{}{digit}", &good[..39]).as_bytes()).is_some())
        .collect();
    assert_eq!(found, ['r'], "one last character of 62 is right");
    let other_digit = format!("ghp_B{}0uCPlr", &body[1..]);
    let other_prefix = format!("ghx_{body}0uCPlr");
    all("github-crc", &[&good], &[&other_digit, &other_prefix, &good[..39], "ghp_"]);
}

fn key(inner: &str) -> String {
    let mut blob = u32::try_from(inner.len()).expect("short").to_be_bytes().to_vec();
    blob.extend_from_slice(inner.as_bytes());
    blob.extend_from_slice(&[0, 0, 0, 32]);
    blob.extend_from_slice(&[0; 32]);
    STANDARD.encode(blob)
}

#[test]
fn keys_of_ssh_are_what_their_label_says() {
    let line = format!("ssh-ed25519 {} nobody", key("ssh-ed25519"));
    assert_eq!(note("ssh-blob", line.as_bytes()), "SHA256:kmYcvdi2GkPeWxB6XLjrZB8JHsy2Hm8luHMFp9GMvqk");
    let blob = key("ssh-ed25519");
    assert!(within("ssh-blob", line.as_bytes(), blob.as_bytes()).is_some(), "the label may stand before the match");
    let start = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5";
    assert!(within("ssh-blob", line.as_bytes(), start.as_bytes()).is_some(), "the match may end within the key");
    let wrong = format!("ssh-rsa {}", key("ssh-ed25519"));
    let unlabelled = key("ssh-ed25519");
    let unknown = format!("pgp-key {}", key("pgp-key"));
    let broken = line.replace("AAAAC3", "AAAAD3");
    all("ssh-blob", &[], &[&wrong, &unlabelled, &unknown, &broken, "ssh-rsa AAAA", "ssh-rsa AAAA/////w=="]);
}

#[test]
fn wallets_have_checksums() {
    let monero = "44AFFq5kSiGBoZ4NMDwYtN18obc8AemS33DBLWs3H7otXft3XjrpDtQGv7SqSsaBYBb98uNbr2VBBEt7f2wfn3RVGQBEP3A";
    let wrong = monero.replace("18obc8", "18obc9");
    all("monero", &[monero], &[&wrong, &monero[1..], "", &"4".repeat(95), &"z".repeat(106), &"0".repeat(95)]);
    let base58 = ["1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa", "3J98t1WpEZ73CNmQviecrnyiWrnqRhWNLy"];
    all("base58check", &base58, &["1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNb", "1A1zP1eP5QGefi2DMPTfTL5SLmv7Divf0a", ""]);
    let bech32 = [
        "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4",
        "BC1QW508D6QEJXTDG4Y5R3ZARVARY0C5XW7KV8F3T4",
        "tb1qrp33g0q5c5txsp9arysrx4k6zdkfs4nce4xj0gdcccefvpysxf3q0sl5k7",
        "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0",
    ];
    all(
        "bech32",
        &bech32,
        &["bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t5", "ltc1qw508d6qejxtdg4y5r3zarvary0c5xw7kgmn4n9"],
    );
}

#[test]
fn lengths_that_php_states_are_real() {
    let passing = [
        "O:8:\"stdClass\":0:{}",
        ";O:+8:\"stdClass\":0:{}",
        "s:3:\"abc\";",
        "C:11:\"ArrayObject\":0:{}",
        "O:7:\"App\\Job\":1:{",
    ];
    let failing = [
        "O:9:\"stdClass\":0:{}",
        "O:7:\"stdClass\":0:{}",
        "s:3:\"abcd\";",
        "s:99999999999:\"abc\";",
        "s:3:abc;",
        "O:3:\"a b\":0:{}",
        "E:0:\"\";",
        "i:5;",
    ];
    all("php-length", &passing, &failing);
    let text = b"a:1:{i:0;O:8:\"stdClass\":0:{}}";
    assert!(within("php-length", text, b"O:8:\"stdCl").is_some(), "what follows the match counts");
}

/// A header of 64 bytes and nothing else.
fn header(start: &[u8], fields: &[(usize, &[u8])]) -> Vec<u8> {
    let mut bytes = start.to_vec();
    bytes.resize(64, 0);
    for (at, field) in fields {
        bytes[*at..at + field.len()].copy_from_slice(field);
    }
    bytes
}

#[test]
fn headers_of_programs_agree_with_themselves() {
    let elf = header(b"\x7fELF\x02\x01\x01", &[(16, &[3, 0, 0x3e, 0, 1, 0, 0, 0])]);
    assert_eq!(note("elf", &elf), "ELF, 64-bit, x86-64, a library or program");
    let big = header(b"\x7fELF\x01\x02\x01", &[(16, &[0, 2, 0, 8, 0, 0, 0, 1])]);
    assert_eq!(note("elf", &big), "ELF, 32-bit, MIPS, a program");
    assert!(learnt("elf", &header(b"\x7fELF\x03\x01\x01", &[])).is_none());
    assert!(learnt("elf", &header(b"\x7fELF\x02\x01\x02", &[])).is_none());
    assert!(learnt("elf", &header(b"\x7fELF\x02\x01\x01", &[(16, &[9, 9])])).is_none());

    let mut pe = header(b"MZ", &[(0x3c, &[64])]);
    assert!(learnt("pe", &pe).is_none(), "the second header is outside of the text");
    pe.extend_from_slice(b"PE\0\0\x64\x86");
    assert_eq!(note("pe", &pe), "PE, x86-64");
    assert!(learnt("pe", &header(b"MZ", &[(0x3c, &[255, 255, 255, 255])])).is_none());

    let macho = header(&[0xcf, 0xfa, 0xed, 0xfe], &[(4, &[12, 0, 0, 1]), (12, &[2])]);
    assert_eq!(note("macho", &macho), "Mach-O, ARM64, a program");
    assert_eq!(
        note("macho", &header(&[0xca, 0xfe, 0xba, 0xbe], &[(7, &[2]), (8, &[1, 0, 0, 7])])),
        "Mach-O, 2 machines, the first x86-64"
    );
    let class_file = header(&[0xca, 0xfe, 0xba, 0xbe], &[(7, &[52])]);
    assert!(learnt("macho", &class_file).is_none());
    assert!(learnt("macho", &header(&[0xcf, 0xfa, 0xed, 0xfe], &[(4, &[99]), (12, &[2])])).is_none());
}

#[test]
fn names_of_java_count_in_a_stream_of_objects() {
    let stream = b"\xac\xed\x00\x05sr\x00\x0eorg.example.Foo";
    assert!(within("java-class", stream, b"org.example.Foo").is_some());
    assert!(within("java-class", stream, b"\xac\xed\x00\x05").is_some());
    assert!(within("java-class", b"see org.example.Foo", b"org.example.Foo").is_none());
    assert!(within("java-class", b"org.example.Foo \xac\xed\x00\x05", b"org.example.Foo").is_none());
}

#[test]
fn what_looks_like_a_secret() {
    all("base64-text", &["aGVsbG8gd29ybGQ=", "aGVsbG8gd29ybGQ"], &["AAECAwQF", "no base64!", ""]);
    all("base64-binary", &["AAECAwQF", "__-_"], &["aGVsbG8gd29ybGQ=", "no base64!", ""]);
    let ids = ["123e4567-e89b-12d3-a456-426614174000", &"a".repeat(32), &"0".repeat(40), &"f".repeat(64)];
    all("uuid-not", &["123e4567-e89b-12d3-a456-42661417400", &"g".repeat(32), &"a".repeat(33)], &ids);
    let stand_ins = [
        "",
        "  ",
        "${PASSWORD}",
        "{{ password }}",
        "<password>",
        "xxxxxx",
        "XXXX",
        "changeme",
        "ChangeMe",
        "null",
        "true",
        "***",
        "aaaaaaaa",
        "example",
        "my-example-key",
        "%(password)s",
        "$DB_PASSWORD",
        "password",
    ];
    all("password-not-placeholder", &["hunter2", "Tr0ub4dor&3", "pa$$word1", "xxy"], &stand_ins);
}
