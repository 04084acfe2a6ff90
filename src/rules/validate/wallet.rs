//! Addresses of wallets, by their checksums.

use sha3::{Digest, Keccak256};

const ALPHABET: &[u8; 58] = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";

/// Bytes that a block of so many base58 digits stands for. Monero encodes eight bytes at a time.
fn block_bytes(digits: usize) -> Option<usize> {
    [0, 2, 3, 5, 6, 7, 9, 10, 11].iter().position(|len| *len == digits)
}

fn block(digits: &[u8], out: &mut Vec<u8>) -> Option<()> {
    let bytes = block_bytes(digits.len())?;
    let mut number = 0_u128;
    for digit in digits {
        let value = ALPHABET.iter().position(|known| known == digit)?;
        number = number.checked_mul(58)?.checked_add(value as u128)?;
    }
    let whole = number.to_be_bytes();
    let (above, own) = whole.split_at_checked(whole.len().checked_sub(bytes)?)?;
    out.extend_from_slice(own);
    above.iter().all(|byte| *byte == 0).then_some(())
}

/// Whether it is an address of Monero's main network: standard, integrated or a subaddress.
pub(super) fn is_monero(secret: &[u8]) -> bool {
    if !matches!(secret.len(), 95 | 106) {
        return false;
    }
    let mut bytes = Vec::with_capacity(80);
    if secret.chunks(11).any(|digits| block(digits, &mut bytes).is_none()) {
        return false;
    }
    let Some((body, checksum)) = bytes.split_last_chunk::<4>() else { return false };
    let known = matches!((body.first(), secret.len()), (Some(18 | 42), 95) | (Some(19), 106));
    known && Keccak256::digest(body).starts_with(checksum)
}

/// Whether it is an address of Bitcoin's main network in base58: to a key or to a script.
pub(super) fn is_base58check(secret: &[u8]) -> bool {
    if !(26..=35).contains(&secret.len()) {
        return false;
    }
    let decoded = bs58::decode(secret).with_check(None).into_vec();
    decoded.is_ok_and(|bytes| bytes.len() == 21 && matches!(bytes.first(), Some(0 | 5)))
}

/// Whether it is a witness address of Bitcoin: of the main network, the test network or a private one.
pub(super) fn is_bech32(secret: &[u8]) -> bool {
    let Some(text) = std::str::from_utf8(secret).ok().filter(|text| text.len() <= 90) else { return false };
    bech32::segwit::decode(text)
        .is_ok_and(|(prefix, ..)| matches!(prefix.to_lowercase().as_str(), "bc" | "tb" | "bcrt"))
}
