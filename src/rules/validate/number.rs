//! Numbers with a plan behind them: cards, accounts, telephone, social security, addresses.

use super::Candidate;
use std::net::Ipv4Addr;

/// The digits of groups with one blank or one dash between each two, the same all along.
fn digits(text: &[u8]) -> Option<(Vec<u8>, bool)> {
    let separator = text.iter().copied().find(|byte| matches!(byte, b' ' | b'-'));
    let mut out = Vec::with_capacity(text.len());
    let mut after_digit = false;
    for byte in text {
        if byte.is_ascii_digit() {
            out.push(byte - b'0');
            after_digit = true;
        } else if after_digit && separator == Some(*byte) {
            after_digit = false;
        } else {
            return None;
        }
    }
    after_digit.then_some((out, separator.is_some()))
}

/// Whether the last digit is the check digit of the others (ISO/IEC 7812-1, annex B).
fn luhn(digits: &[u8]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(place, digit)| match (place % 2, u32::from(*digit)) {
            (0, digit) => digit,
            (_, digit @ 5..) => digit * 2 - 9,
            (_, digit) => digit * 2,
        })
        .sum();
    sum.is_multiple_of(10)
}

/// Whether it is a number of two or more digits that ends in its check digit.
pub(super) fn has_check_digit(secret: &[u8]) -> bool {
    digits(secret).is_some_and(|(digits, _)| digits.len() > 1 && luhn(&digits))
}

/// Issuers: first and last number, lengths, and those lengths past 16 that are told from ids by nothing but the issuer.
/// First match holds.
struct Issuer {
    brand: &'static str,
    first: u32,
    last: u32,
    lengths: &'static [usize],
    long: &'static [usize],
}

const fn issuer(
    brand: &'static str,
    first: u32,
    last: u32,
    lengths: &'static [usize],
    long: &'static [usize],
) -> Issuer {
    Issuer { brand, first, last, lengths, long }
}

/// By the first six digits.
const ISSUERS: [Issuer; 23] = [
    issuer("Visa", 400_000, 499_999, &[13, 16, 19], &[19]),
    issuer("Mastercard", 222_100, 272_099, &[16], &[]),
    issuer("Mastercard", 510_000, 559_999, &[16], &[]),
    issuer("American Express", 340_000, 349_999, &[15], &[]),
    issuer("American Express", 370_000, 379_999, &[15], &[]),
    issuer("JCB", 352_800, 358_999, &[16, 17, 18, 19], &[]),
    issuer("Diners Club", 300_000, 305_999, &[14, 16, 17, 18, 19], &[]),
    issuer("Diners Club", 309_500, 309_599, &[14, 16, 17, 18, 19], &[]),
    issuer("Diners Club", 360_000, 369_999, &[14, 16, 17, 18, 19], &[]),
    issuer("Diners Club", 380_000, 399_999, &[14, 16, 17, 18, 19], &[]),
    issuer("Discover", 601_100, 601_199, &[16, 17, 18, 19], &[19]),
    issuer("Discover", 644_000, 659_999, &[16, 17, 18, 19], &[19]),
    issuer("UnionPay", 620_000, 629_999, &[16, 17, 18, 19], &[19]),
    issuer("UnionPay", 810_000, 817_199, &[16, 17, 18, 19], &[19]),
    issuer("Maestro", 501_800, 501_899, &[13, 14, 15, 16, 17, 18, 19], &[]),
    issuer("Maestro", 502_000, 502_099, &[13, 14, 15, 16, 17, 18, 19], &[]),
    issuer("Maestro", 503_800, 503_899, &[13, 14, 15, 16, 17, 18, 19], &[]),
    issuer("Maestro", 560_000, 560_999, &[13, 14, 15, 16, 17, 18, 19], &[]),
    issuer("Maestro", 589_300, 589_399, &[13, 14, 15, 16, 17, 18, 19], &[]),
    issuer("Maestro", 630_400, 630_499, &[13, 14, 15, 16, 17, 18, 19], &[]),
    issuer("Maestro", 675_900, 675_999, &[13, 14, 15, 16, 17, 18, 19], &[]),
    issuer("Maestro", 676_100, 676_399, &[13, 14, 15, 16, 17, 18, 19], &[]),
    issuer("Maestro", 676_700, 677_099, &[13, 14, 15, 16, 17, 18, 19], &[]),
];

/// The brand of a payment card number that stands alone.
///
/// Times in milli-, micro- and nanoseconds, and ids of our years that begin with a time, have 13, 16 to 19 digits and begin
/// with 1, which no issuer does. Ids of other plans have 17 to 19 digits: such a length passes only where the issuer has
/// no card that is shorter by one or two digits, or the digits are grouped as on a card.
pub(super) fn card(candidate: &Candidate<'_>) -> Option<&'static str> {
    let joins_before = match candidate.before() {
        [.., digit, b'.'] => digit.is_ascii_digit(),
        [.., last] => last.is_ascii_digit(),
        [] => false,
    };
    let joins_after = match candidate.after() {
        [b'.', digit, ..] => digit.is_ascii_digit(),
        [first, ..] => first.is_ascii_digit(),
        [] => false,
    };
    if joins_before || joins_after {
        return None;
    }
    let (digits, grouped) = digits(candidate.secret)?;
    let groups = candidate.secret.split(|byte| !byte.is_ascii_digit());
    if !(13..=19).contains(&digits.len()) || grouped && !groups.map(<[u8]>::len).all(|len| (3..=7).contains(&len)) {
        return None;
    }
    let prefix = digits.iter().take(6).fold(0, |number, digit| number * 10 + u32::from(*digit));
    let issuer = ISSUERS.iter().find(|issuer| (issuer.first..=issuer.last).contains(&prefix))?;
    let fits = issuer.lengths.contains(&digits.len());
    let alone = digits.len() <= 16 || grouped || issuer.long.contains(&digits.len());
    (fits && alone && luhn(&digits)).then_some(issuer.brand)
}

/// Countries with account numbers and how long these are (the registry of ISO 13616).
const COUNTRIES: [(&[u8; 2], usize); 88] = [
    (b"AD", 24),
    (b"AE", 23),
    (b"AL", 28),
    (b"AT", 20),
    (b"AZ", 28),
    (b"BA", 20),
    (b"BE", 16),
    (b"BG", 22),
    (b"BH", 22),
    (b"BI", 27),
    (b"BR", 29),
    (b"BY", 28),
    (b"CH", 21),
    (b"CR", 22),
    (b"CY", 28),
    (b"CZ", 24),
    (b"DE", 22),
    (b"DJ", 27),
    (b"DK", 18),
    (b"DO", 28),
    (b"EE", 20),
    (b"EG", 29),
    (b"ES", 24),
    (b"FI", 18),
    (b"FK", 18),
    (b"FO", 18),
    (b"FR", 27),
    (b"GB", 22),
    (b"GE", 22),
    (b"GI", 23),
    (b"GL", 18),
    (b"GR", 27),
    (b"GT", 28),
    (b"HN", 28),
    (b"HR", 21),
    (b"HU", 28),
    (b"IE", 22),
    (b"IL", 23),
    (b"IQ", 23),
    (b"IS", 26),
    (b"IT", 27),
    (b"JO", 30),
    (b"KW", 30),
    (b"KZ", 20),
    (b"LB", 28),
    (b"LC", 32),
    (b"LI", 21),
    (b"LT", 20),
    (b"LU", 20),
    (b"LV", 21),
    (b"LY", 25),
    (b"MC", 27),
    (b"MD", 24),
    (b"ME", 22),
    (b"MK", 19),
    (b"MN", 20),
    (b"MR", 27),
    (b"MT", 31),
    (b"MU", 30),
    (b"NI", 28),
    (b"NL", 18),
    (b"NO", 15),
    (b"OM", 23),
    (b"PK", 24),
    (b"PL", 28),
    (b"PS", 29),
    (b"PT", 25),
    (b"QA", 29),
    (b"RO", 24),
    (b"RS", 22),
    (b"RU", 33),
    (b"SA", 24),
    (b"SC", 31),
    (b"SD", 18),
    (b"SE", 24),
    (b"SI", 19),
    (b"SK", 24),
    (b"SM", 27),
    (b"SO", 23),
    (b"ST", 25),
    (b"SV", 28),
    (b"TL", 23),
    (b"TN", 24),
    (b"TR", 26),
    (b"UA", 29),
    (b"VA", 22),
    (b"VG", 24),
    (b"XK", 20),
];

/// Whether it is an account number of a country that has them, single blanks allowed.
pub(super) fn is_iban(secret: &[u8]) -> bool {
    if secret.len() > 48 || secret.windows(2).any(|pair| pair == b"  ") {
        return false;
    }
    let plain: Vec<u8> = secret.iter().copied().filter(|byte| *byte != b' ').collect();
    let Some((country, _)) = plain.split_first_chunk::<2>() else { return false };
    let Some((_, length)) = COUNTRIES.iter().find(|(code, _)| *code == country) else { return false };
    if plain.len() != *length || !plain.iter().skip(2).take(2).all(u8::is_ascii_digit) {
        return false;
    }
    let (head, tail) = plain.split_at_checked(4).unwrap_or_default();
    let mut rest = 0_u32;
    for byte in tail.iter().chain(head) {
        rest = match byte {
            b'0'..=b'9' => (rest * 10 + u32::from(byte - b'0')) % 97,
            b'A'..=b'Z' => (rest * 100 + u32::from(byte - b'A') + 10) % 97,
            _ => return false,
        };
    }
    rest == 1
}

/// Whether it is a number of the United States' social security that can have been issued: no area 000, 666 or from 900 on, no
/// group 00, no serial 0000, and not one of the two that were printed on samples.
pub(super) fn is_ssn(secret: &[u8]) -> bool {
    let Some((digits, _)) = digits(secret) else { return false };
    let number = |range: &[u8]| range.iter().fold(0_u32, |number, digit| number * 10 + u32::from(*digit));
    let (Some(area), Some(group), Some(serial)) = (digits.get(..3), digits.get(3..5), digits.get(5..9)) else {
        return false;
    };
    digits.len() == 9
        && !matches!(number(area), 0 | 666 | 900..)
        && number(group) != 0
        && number(serial) != 0
        && !matches!(number(&digits), 78_051_120 | 219_099_999)
}

/// Whether digits after a `+` begin with the code of a country or service.
fn has_calling_code(digits: &[u8]) -> bool {
    let [a, b, c, ..] = *digits else { return false };
    let two = a * 10 + b;
    match a {
        1 | 7 => true,
        2 => {
            matches!(two, 20 | 27)
                || matches!((b, c), (1, 1..=3 | 6 | 8) | (2..=4 | 6, _) | (5, 0..=8) | (9, 0 | 1 | 7..=9))
        }
        3 => matches!(b, 0..=4 | 6 | 9) || b == 5 || matches!((b, c), (7, 0..=8) | (8, 0..=3 | 5..=7 | 9)),
        4 => b != 2 || matches!(c, 0 | 1 | 3),
        5 => matches!(b, 1..=8) || matches!(b, 0 | 9),
        6 => matches!(b, 0..=6) || matches!((b, c), (7, 0 | 2..=9) | (8, 0..=3 | 5..=9) | (9, 0..=2)),
        8 => {
            matches!(b, 1 | 2 | 4 | 6) || matches!((b, c), (0 | 7, 0 | 8) | (5, 0 | 2 | 3 | 5 | 6) | (8, 0..=3 | 6 | 8))
        }
        9 => matches!(b, 0..=5 | 8) || matches!((b, c), (6, 0..=8) | (7, 0..=7 | 9) | (9, 2..=6 | 8)),
        _ => false,
    }
}

/// Whether it is a telephone number as E.164 writes it, blanks, dots, dashes and parentheses aside.
pub(super) fn is_phone(secret: &[u8]) -> bool {
    let Some(number) = secret.strip_prefix(b"+") else { return false };
    let mut digits = Vec::with_capacity(16);
    for byte in number.iter().take(32) {
        match byte {
            b'0'..=b'9' => digits.push(byte - b'0'),
            b' ' | b'.' | b'-' | b'(' | b')' => {}
            _ => return false,
        }
    }
    number.len() <= 32 && (8..=15).contains(&digits.len()) && has_calling_code(&digits)
}

/// Whether the first IPv4 address in it could be met on the Internet, or is meant for documentation (RFC 5737).
pub(super) fn has_public_address(secret: &[u8]) -> bool {
    let words = secret.split(|byte| !byte.is_ascii_digit() && *byte != b'.');
    let address = words
        .filter(|word| word.len() <= 16)
        .filter_map(|word| std::str::from_utf8(word).ok())
        .find_map(|word| word.trim_matches('.').parse::<Ipv4Addr>().ok());
    let Some(address) = address else { return false };
    let [a, b, c, _] = address.octets();
    let special = address.is_private() || address.is_loopback() || address.is_link_local();
    // This network, shared by carriers, of protocols, of benchmarks, multicast and what is reserved.
    let reserved = a == 0 || a >= 224 || matches!((a, b), (100, 64..=127) | (198, 18 | 19)) || (a, b, c) == (192, 0, 0);
    !special && !reserved
}
