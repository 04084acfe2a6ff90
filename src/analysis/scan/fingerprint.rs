//! Keyed hashes of what matched: equal for equal secrets, and no way back.

use crate::keyspace::hex;
use crate::report::Category;
use crate::rules::Rule;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// The key where none is given. Everybody knows it: what can be guessed can be found with it.
const PUBLIC_KEY: &[u8] = b"rediscover/fingerprint/v1";

/// Makes fingerprints.
#[derive(Clone)]
pub(super) struct Fingerprints {
    keyed: Option<Hmac<Sha256>>,
    public: bool,
}

impl Fingerprints {
    /// With this key, or the public one.
    pub(super) fn new(key: Option<&[u8]>) -> Self {
        Self { keyed: Hmac::new_from_slice(key.unwrap_or(PUBLIC_KEY)).ok(), public: key.is_none() }
    }

    /// The first 16 bytes of HMAC-SHA256 of the rule's id, a zero byte and the secret, in hexadecimal. None, with the public
    /// key, of what could be guessed: personal data, passwords, and what a part of the match is that must not be shown.
    pub(super) fn of(&self, rule: &Rule, secret: &[u8], touches_hidden: bool) -> Option<String> {
        let guessable = rule.guessable || rule.category == Category::Personal || touches_hidden;
        if self.public && guessable {
            return None;
        }
        let mut keyed = self.keyed.clone()?;
        keyed.update(rule.id.as_bytes());
        keyed.update(&[0]);
        keyed.update(secret);
        let hash = keyed.finalize().into_bytes();
        Some(hex(hash.get(..16)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(category: Category, guessable: bool) -> Rule {
        Rule { id: "T-1".into(), category, guessable, ..Rule::default() }
    }

    #[test]
    fn what_can_be_guessed_has_none_without_a_key() {
        let (public, own) = (Fingerprints::new(None), Fingerprints::new(Some(b"0123456789abcdef")));
        for (rule, hidden) in [
            (rule(Category::Personal, false), false),
            (rule(Category::Secret, true), false),
            (rule(Category::Attack, false), true),
        ] {
            assert_eq!(public.of(&rule, b"4111", hidden), None);
            assert_eq!(own.of(&rule, b"4111", hidden).map(|print| print.len()), Some(32));
        }
    }

    /// Source: Python's hmac module, over "T-1\0token".
    #[test]
    fn it_is_the_hmac_of_rule_and_secret() {
        let print = Fingerprints::new(None).of(&rule(Category::Secret, false), b"token", false);
        assert_eq!(print.as_deref(), Some("ac01161a8d87e67276233c342573270d"));
        let other = Rule { id: "T-2".into(), ..rule(Category::Secret, false) };
        assert_ne!(Fingerprints::new(None).of(&other, b"token", false), print);
    }
}
