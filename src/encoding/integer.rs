//! Strings that are integers.

/// The integer whose decimal form these bytes are: no plus, no leading zero, no `-0`. None of what does not fit into 64 bits.
#[inline]
pub fn parse(bytes: &[u8]) -> Option<i64> {
    match bytes {
        [b'0'] => Some(0),
        [b'1'..=b'9', ..] => number(bytes, 1),
        [b'-', digits @ ..] if matches!(digits, [b'1'..=b'9', ..]) => number(digits, -1),
        _ => None,
    }
}

/// The number of these digits, each taken times `sign`: so the smallest one of 64 bits is found, too.
fn number(digits: &[u8], sign: i64) -> Option<i64> {
    if digits.len() > 19 {
        return None;
    }
    digits.iter().try_fold(0i64, |number, byte| {
        let digit = byte.is_ascii_digit().then(|| i64::from(byte - b'0'))?;
        number.checked_mul(10)?.checked_add(sign * digit)
    })
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn only_the_canonical_form_is_an_integer() {
        for number in [0, 1, 9, 10, -1, -10, 1234, i64::MAX, i64::MAX - 9, i64::MIN, i64::MIN + 8] {
            assert_eq!(parse(number.to_string().as_bytes()), Some(number));
        }
        let others = [
            "",
            "-",
            "+1",
            "-0",
            "00",
            "01",
            "-01",
            " 1",
            "1 ",
            "1a",
            "12.",
            "9223372036854775808",
            "-9223372036854775809",
            "99999999999999999999",
            "18446744073709551616",
        ];
        for other in others {
            assert_eq!(parse(other.as_bytes()), None, "{other}");
        }
    }
}
