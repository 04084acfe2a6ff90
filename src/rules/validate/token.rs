//! Tokens and keys that say what they are.

use super::text::base64;
use super::{Candidate, Learnt};
use crate::base::UnixMs;
use crate::report::Threat;
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use crc_fast::CrcAlgorithm;
use serde::Deserialize;
use serde_json::Value;
use sha2::{Digest, Sha256};

#[derive(Deserialize)]
struct Header {
    alg: String,
}

/// What is told, of claims of any kind: a claim of the wrong type tells nothing.
#[derive(Default, Deserialize)]
struct Claims {
    #[serde(default)]
    iss: Value,
    #[serde(default)]
    exp: Value,
}

/// A JSON web token, signed or not (RFC 7519).
pub(super) fn jwt(secret: &[u8]) -> Option<Learnt> {
    let mut parts = secret.split(|byte| *byte == b'.');
    let (header, claims, signature) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() {
        return None;
    }
    let header: Header = serde_json::from_slice(&base64(header)?).ok()?;
    let claims = base64(claims)?;
    base64(signature)?;
    let short = |text: &str, most: usize| {
        !text.is_empty() && text.len() <= most && text.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic())
    };
    if !short(&header.alg, 32) {
        return None;
    }
    let mut learnt = Learnt::note(format!("alg {}", header.alg));
    if header.alg.eq_ignore_ascii_case("none") {
        learnt.severity = Some(Threat::High);
    } else if signature.is_empty() {
        return None;
    }
    let claims: Claims = serde_json::from_slice(&claims).unwrap_or_default();
    if let Some(issuer) = claims.iss.as_str().filter(|issuer| short(issuer, 64)) {
        learnt.notes.push(format!("iss {issuer}"));
    }
    if let Some(until) = seconds(&claims.exp).and_then(|seconds| seconds.checked_mul(1000)).map(UnixMs)
        && let Some(written) = until.rfc3339()
    {
        learnt.notes.push(format!("expires {}", written.replace(".000Z", "Z")));
        learnt.valid_until = Some(until);
    }
    Some(learnt)
}

/// Whole seconds; some issuers write fractions.
#[allow(clippy::cast_possible_truncation, reason = "in range, as the line before says")]
fn seconds(number: &Value) -> Option<i64> {
    let fraction = || number.as_f64().filter(|seconds| seconds.abs() < 1e15).map(|seconds| seconds as i64);
    number.as_i64().or_else(fraction)
}

/// Whether a token's last six characters are the CRC-32 of the thirty before, in base62.
pub(super) fn has_github_checksum(secret: &[u8]) -> bool {
    const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let Some((prefix, body)) = secret.split_first_chunk::<4>() else { return false };
    let Some((random, stated)) = body.split_at_checked(30).filter(|_| body.len() == 36) else { return false };
    if !matches!(prefix, [b'g', b'h', b'p' | b'o' | b'u' | b's' | b'r', b'_']) {
        return false;
    }
    let mut left = crc_fast::checksum(CrcAlgorithm::Crc32IsoHdlc, random);
    for digit in stated.iter().rev() {
        let expected = usize::try_from(left % 62).ok().and_then(|at| DIGITS.get(at));
        if expected != Some(digit) {
            return false;
        }
        left /= 62;
    }
    left == 0
}

/// Longest blob that is looked at: a key of 16384 bits of RSA has 2,800 characters.
const LONGEST_BLOB: usize = 16 << 10;

/// The fingerprint of the public key in the match, if the type inside it is the label before it.
pub(super) fn ssh_fingerprint(candidate: &Candidate<'_>) -> Option<String> {
    let is_digit = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=');
    // A type is at least seven bytes long, and a length of less than 2^16 begins with AAAA in base64.
    let at = memchr::memmem::find_iter(candidate.matched, b"AAAA").find(|at| {
        let before = at.checked_sub(1).and_then(|before| candidate.matched.get(before));
        before.is_none_or(|byte| !is_digit(byte))
    })?;
    let at = candidate.at.checked_add(at)?;
    let (before, from) = candidate.text.split_at_checked(at)?;
    let blob = from.get(..LONGEST_BLOB).unwrap_or(from);
    let blob = blob.get(..blob.iter().position(|byte| !is_digit(byte)).unwrap_or(blob.len()))?;
    let key = base64(blob)?;
    let (length, rest) = key.split_first_chunk::<4>()?;
    let (name, fields) = rest.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)?;
    let known = [&b"ssh-"[..], b"ecdsa-", b"sk-"].iter().any(|family| name.starts_with(family));
    let label = before.trim_ascii_end();
    if !known || fields.is_empty() || label.len() == before.len() || !label.ends_with(name) {
        return None;
    }
    Some(format!("SHA256:{}", STANDARD_NO_PAD.encode(Sha256::digest(&key))))
}
