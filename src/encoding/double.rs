//! Sorted-set scores as text: what a server reads, and what it prints.

use crate::base::Flaw;

/// Longest text that a length byte before it can announce; 253 and more are NaN and the infinities.
const LONGEST: usize = 252;

/// The number that `bytes` spell, all of them, as C's `strtod` reads them in the C locale: decimal or hexadecimal, with
/// or without an exponent, `inf`, `infinity` and `nan` in any case, blanks only in front. What is too large is
/// infinite. NaN is a number here; whoever wants a score refuses it.
///
/// Source: RDB 1–7 scores, and scores in ziplists and listpacks to date.
///
/// # Errors
/// `double` for text that is no number, is empty or is longer than 252 bytes.
pub fn parse_ascii(bytes: &[u8]) -> Result<f64, Flaw> {
    if bytes.len() > LONGEST {
        return Err(not_a_number(bytes));
    }
    let blanks = bytes.iter().take_while(|byte| matches!(byte, b' ' | b'\t'..=b'\r')).count();
    let text = bytes.get(blanks..).unwrap_or_default();
    // What the standard library reads is `strtod`'s language but for hexadecimal and what may follow `nan`.
    if let Some(value) = str::from_utf8(text).ok().and_then(|text| text.parse().ok()) {
        return Ok(value);
    }
    let (negative, magnitude) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, text),
    };
    let value = match magnitude {
        [b'0', b'x' | b'X', rest @ ..] => hexadecimal(rest),
        [b'n' | b'N', b'a' | b'A', b'n' | b'N', b'(', chars @ .., b')'] => {
            chars.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_').then_some(f64::NAN)
        }
        _ => None,
    };
    value.map(|value| if negative { -value } else { value }).ok_or_else(|| not_a_number(bytes))
}

/// `digits[.digits][p[sign]digits]`, rounded to the nearest, ties to even. At most [`LONGEST`] bytes.
fn hexadecimal(text: &[u8]) -> Option<f64> {
    let (mut mantissa, mut exponent, mut digits, mut fraction) = (0_u64, 0_i32, 0_u32, false);
    let mut rest = text;
    while let Some((&byte, after)) = rest.split_first() {
        if let Some(digit) = char::from(byte).to_digit(16) {
            digits += 1;
            if mantissa >> 60 == 0 {
                mantissa = (mantissa << 4) | u64::from(digit);
                exponent -= if fraction { 4 } else { 0 };
            } else {
                // What does not fit matters only for whether something is there.
                mantissa |= u64::from(digit != 0);
                exponent += if fraction { 0 } else { 4 };
            }
        } else if byte == b'.' && !fraction {
            fraction = true;
        } else {
            break;
        }
        rest = after;
    }
    if digits == 0 {
        return None;
    }
    if let [b'p' | b'P', power @ ..] = rest {
        let (negative, power) = match power {
            [b'-', power @ ..] => (true, power),
            [b'+', power @ ..] => (false, power),
            _ => (false, power),
        };
        if power.is_empty() || !power.iter().all(u8::is_ascii_digit) {
            return None;
        }
        let far = power.iter().fold(0_i32, |far, digit| (far * 10 + i32::from(digit - b'0')).min(100_000));
        exponent += if negative { -far } else { far };
    } else if !rest.is_empty() {
        return None;
    }
    Some(scale(mantissa, exponent))
}

/// `mantissa` times two to the `exponent`, rounded once.
fn scale(mantissa: u64, exponent: i32) -> f64 {
    let Some(log) = mantissa.checked_ilog2() else {
        return 0.0;
    };
    let log = i32::try_from(log).unwrap_or_default();
    let top = log + exponent;
    if top > 1023 {
        return f64::INFINITY;
    }
    // The last bit that the result has: the 53rd, or the smallest there is.
    let last = (top - 52).max(-1074);
    let drop = last - exponent;
    let kept = if drop <= 0 {
        // Exact; at most 53 bits, since `drop` is not negative for more.
        mantissa.checked_shl(drop.unsigned_abs()).unwrap_or_default()
    } else if drop > 64 {
        0
    } else {
        let kept = mantissa.checked_shr(drop.unsigned_abs()).unwrap_or_default();
        let lost = mantissa ^ kept.checked_shl(drop.unsigned_abs()).unwrap_or_default();
        let half = 1_u64 << (drop - 1);
        kept + u64::from(lost > half || (lost == half && kept & 1 == 1))
    };
    #[allow(clippy::cast_precision_loss, reason = "at most 53 bits")]
    let kept = kept as f64;
    kept * power_of_two(last)
}

/// Two to the `exponent`, which is −1074 to 971.
fn power_of_two(exponent: i32) -> f64 {
    let bits = if exponent >= -1022 {
        u64::try_from(exponent + 1023).unwrap_or_default() << 52
    } else {
        1_u64.checked_shl((exponent + 1074).unsigned_abs()).unwrap_or_default()
    };
    f64::from_bits(bits)
}

/// Appends `score` as ZSCORE prints it: the shortest decimal that reads back as the same number; whole numbers up to
/// 2^62 in full; an exponent only where that is shorter by the server's own rule.
///
/// Source: measured with ZSCORE on Redis 7.4.1–8.6.3 and Valkey 8.1.1 and 9.1.2, which agree. Of 18419 random scores
/// their printer gave 34 other digits, which read back as the same number: it does not always find the shortest.
/// Redis 7.0 prints 17 digits (`%.17g`).
pub fn write_score(score: f64, out: &mut Vec<u8>) {
    /// Half of the largest i64, as a double: up to here servers go through an integer.
    const WHOLE: f64 = 4_611_686_018_427_387_904.0;
    if score.is_nan() {
        return out.extend_from_slice(b"nan");
    }
    if score.is_sign_negative() {
        out.push(b'-');
    }
    let size = score.abs();
    if size.is_infinite() {
        return out.extend_from_slice(b"inf");
    }
    if size <= WHOLE && size.fract() == 0.0 {
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "whole, positive, below 2^63")]
        let whole = size as u64;
        return out.extend_from_slice(itoa::Buffer::new().format(whole).as_bytes());
    }
    let (buffer, len, power) = shortest(size);
    write_digits(buffer.get(..len).unwrap_or_default(), power, out);
}

/// The shortest digits of a positive finite number, without zeros at either end, and the power of ten of the last.
fn shortest(size: f64) -> ([u8; 24], usize, i32) {
    let (mut digits, mut len, mut power, mut fraction) = ([0; 24], 0_usize, 0_i32, false);
    let mut buffer = zmij::Buffer::new();
    let mut text = buffer.format_finite(size);
    if let Some((mantissa, exponent)) = text.split_once('e') {
        text = mantissa;
        power = exponent.parse().unwrap_or_default();
    }
    for byte in text.bytes() {
        if byte == b'.' {
            fraction = true;
            continue;
        }
        power -= i32::from(fraction);
        if byte != b'0' || len > 0 {
            if let Some(place) = digits.get_mut(len) {
                *place = byte;
            }
            len += 1;
        }
    }
    while len > 1 && digits.get(len - 1) == Some(&b'0') {
        len -= 1;
        power += 1;
    }
    (digits, len, power)
}

/// Lays `digits` times ten to the `power` out as the server's printer does.
fn write_digits(digits: &[u8], power: i32, out: &mut Vec<u8>) {
    let count = i32::try_from(digits.len()).unwrap_or_default();
    // Power of ten of the first digit.
    let first = power + count - 1;
    let zeros = |count: i32| std::iter::repeat_n(b'0', usize::try_from(count).unwrap_or_default());
    if power >= 0 && first < count + 7 {
        out.extend_from_slice(digits);
        out.extend(zeros(power));
    } else if power < 0 && (power > -7 || first.abs() < 4) {
        let (whole, fraction) = digits.split_at(usize::try_from(first + 1).unwrap_or_default().min(digits.len()));
        out.extend_from_slice(if whole.is_empty() { b"0" } else { whole });
        out.push(b'.');
        out.extend(zeros(-first - 1));
        out.extend_from_slice(fraction);
    } else {
        let (head, fraction) = digits.split_at(1.min(digits.len()));
        out.extend_from_slice(head);
        if !fraction.is_empty() {
            out.push(b'.');
            out.extend_from_slice(fraction);
        }
        out.push(b'e');
        out.push(if first < 0 { b'-' } else { b'+' });
        out.extend_from_slice(itoa::Buffer::new().format(first.unsigned_abs()).as_bytes());
    }
}

#[cold]
fn not_a_number(bytes: &[u8]) -> Flaw {
    let found = bytes.get(..bytes.len().min(32)).unwrap_or_default().escape_ascii().to_string();
    Flaw::new("double", "number", 0, "a decimal number, inf or nan", format!("\"{found}\", {} bytes", bytes.len()))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may stop")]
mod tests;
