//! Signatures: Ed25519 as minisign writes them, so that `minisign -V` can check them too.

use crate::base::{Error, ErrorKind, Result};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use minisign::{KeyPair, PublicKey, PublicKeyBox, SecretKey, SecretKeyBox, SignatureBox};
use std::io::Cursor;

/// The first line of every signature. Nothing signs it, so it has to be this one.
const UNTRUSTED: &str = "signature of rediscover, to be checked with minisign -V";

/// A key that signs.
pub struct Signer {
    key: SecretKey,
    public: PublicKey,
}

impl Signer {
    /// A new key: the text of its file, and of the file of its public half.
    ///
    /// # Errors
    /// [`ErrorKind::Crypto`]: the machine gives no random numbers.
    pub fn generate() -> Result<(String, String)> {
        let failed = |what: minisign::PError| crypto(format!("cannot make a key: {what}"));
        let pair = KeyPair::generate_unencrypted_keypair().map_err(failed)?;
        let secret = pair.sk.to_box(Some("rediscover secret key")).map_err(failed)?.into_string();
        Ok((secret, pair.pk.to_box().map_err(failed)?.into_string()))
    }

    /// The key in the text of its file, as `minisign -G -W` makes it too.
    ///
    /// # Errors
    /// [`ErrorKind::Crypto`]: it is none, or needs a password.
    pub fn parse(text: &str) -> Result<Self> {
        let failed = |_| crypto("is no secret key of minisign without a password (minisign -G -W makes one)".into());
        let key =
            SecretKeyBox::from_string(text).and_then(SecretKeyBox::into_unencrypted_secret_key).map_err(failed)?;
        let public = PublicKey::from_secret_key(&key).map_err(failed)?;
        Ok(Self { key, public })
    }

    /// The id of the key, as minisign writes it.
    pub fn id(&self) -> String {
        id(self.public.keynum())
    }

    /// The text of the file of its public half.
    ///
    /// # Errors
    /// None that can happen.
    pub fn public(&self) -> Result<String> {
        let text = self.public.to_box().map_err(|error| crypto(error.to_string()))?;
        Ok(text.into_string())
    }

    /// The file of a signature of these bytes. `comment` is signed as well: what the bytes are.
    ///
    /// # Errors
    /// [`ErrorKind::Crypto`]: the machine gives no random numbers.
    pub fn sign(&self, bytes: &[u8], comment: &str) -> Result<Vec<u8>> {
        let signed = minisign::sign(Some(&self.public), &self.key, Cursor::new(bytes), Some(comment), Some(UNTRUSTED));
        Ok(signed.map_err(|error| crypto(format!("cannot sign: {error}")))?.to_bytes())
    }
}

/// The public keys of those whose word counts.
#[derive(Clone, Default)]
pub struct Trusted {
    keys: Vec<PublicKey>,
}

/// What a signature is worth.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Signature {
    /// By a key that is trusted, over these bytes and this comment.
    Good {
        /// The id of the key.
        key: String,
    },
    /// By a key that nobody said to trust.
    Unknown {
        /// The id it states.
        key: String,
    },
    /// There is none.
    Missing,
    /// There is one, and it is not of these bytes.
    Bad {
        /// What is wrong with it.
        why: String,
    },
}

impl Trusted {
    /// Adds the key in the text of its file, or its one line.
    ///
    /// # Errors
    /// [`ErrorKind::Crypto`]: it is none.
    pub fn add(&mut self, text: &str) -> Result<()> {
        let text = text.trim();
        let one_line = !text.contains('\n');
        let key = if one_line {
            PublicKey::from_base64(text)
        } else {
            PublicKeyBox::from_string(text).and_then(PublicKeyBox::into_public_key)
        };
        let key = key.map_err(|_| crypto("is no public key of minisign".into()))?;
        if !self.keys.contains(&key) {
            self.keys.push(key);
        }
        Ok(())
    }

    /// Whether nobody is trusted.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Whether a key of this id is among them.
    pub fn knows(&self, key: &str) -> bool {
        self.keys.iter().any(|own| id(own.keynum()) == key)
    }

    /// What the signature of these bytes is worth. `comment` is what they have to be: a signature cannot be moved to another
    /// object.
    pub fn judge(&self, bytes: &[u8], signature: Option<&[u8]>, comment: &str) -> Signature {
        let Some(signature) = signature else { return Signature::Missing };
        let bad = |why: &str| Signature::Bad { why: why.to_owned() };
        let read = std::str::from_utf8(signature).ok().and_then(|text| SignatureBox::from_string(text).ok());
        let Some(read) = read else { return bad("it is no signature of minisign") };
        // Not every byte of the file is signed; so it has to be the file as we write it.
        if read.to_bytes() != signature || read.untrusted_comment().ok().as_deref() != Some(UNTRUSTED) {
            return bad("its file was changed");
        }
        if read.trusted_comment().ok().as_deref() != Some(comment) {
            return bad("it is of another object");
        }
        let key = id(read.keynum());
        let Some(public) = self.keys.iter().find(|own| own.keynum() == read.keynum()) else {
            // The id of the key is not signed: one that was changed must not make a signature nobody's.
            let ours = self.keys.iter().any(|own| {
                let same = under_id(signature, own.keynum());
                same.is_some_and(|same| minisign::verify(own, &same, Cursor::new(bytes), true, false, false).is_ok())
            });
            return if ours { bad("the id of its key was changed") } else { Signature::Unknown { key } };
        };
        match minisign::verify(public, &read, Cursor::new(bytes), true, false, false) {
            Ok(()) => Signature::Good { key },
            Err(_) => bad("the bytes are not those that were signed"),
        }
    }
}

/// The same signature with another id of its key: two bytes of the algorithm, eight of the id, then the signature itself.
fn under_id(signature: &[u8], keynum: &[u8]) -> Option<SignatureBox> {
    let text = std::str::from_utf8(signature).ok()?;
    let line = text.lines().nth(1)?;
    let mut raw = BASE64.decode(line).ok()?;
    raw.get_mut(2..10).filter(|id| id.len() == keynum.len())?.copy_from_slice(keynum);
    SignatureBox::from_string(&text.replacen(line, &BASE64.encode(raw), 1)).ok()
}

/// Eight bytes, as minisign prints them: the last first.
fn id(keynum: &[u8]) -> String {
    keynum.iter().rev().map(|byte| format!("{byte:02X}")).collect()
}

fn crypto(what: String) -> Error {
    Error::new(ErrorKind::Crypto { what })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_holds_for_these_bytes_this_comment_and_this_key_alone() {
        let (secret, public) = Signer::generate().expect("a key");
        let signer = Signer::parse(&secret).expect("it reads what it wrote");
        assert_eq!(signer.public().expect("text"), public);
        let mut trusted = Trusted::default();
        trusted.add(&public).expect("a public key");
        let signature = signer.sign(b"{}", "manifest of a").expect("a signature");
        let good = Signature::Good { key: signer.id() };
        assert_eq!(trusted.judge(b"{}", Some(&signature), "manifest of a"), good);
        assert!(matches!(trusted.judge(b"{ }", Some(&signature), "manifest of a"), Signature::Bad { .. }));
        assert!(matches!(trusted.judge(b"{}", Some(&signature), "manifest of b"), Signature::Bad { .. }));
        assert_eq!(trusted.judge(b"{}", None, "manifest of a"), Signature::Missing);
        assert_eq!(
            Trusted::default().judge(b"{}", Some(&signature), "manifest of a"),
            Signature::Unknown { key: signer.id() }
        );
        assert!(public.lines().next().is_some_and(|line| line.ends_with(&signer.id())));
    }

    #[test]
    fn no_byte_of_a_signature_can_change() {
        let (secret, public) = Signer::generate().expect("a key");
        let signer = Signer::parse(&secret).expect("it reads what it wrote");
        let mut trusted = Trusted::default();
        trusted.add(public.lines().nth(1).expect("its one line")).expect("a public key");
        let signature = signer.sign(b"{}", "x").expect("a signature");
        for at in 0..signature.len() {
            for flip in [1u8, 0x20, 0x80] {
                let mut changed = signature.clone();
                changed[at] ^= flip;
                let judged = trusted.judge(b"{}", Some(&changed), "x");
                // Another key id is another key, which nobody knows.
                let counts = matches!(judged, Signature::Bad { .. } | Signature::Unknown { .. });
                assert!(counts, "{at} {flip:x}: {judged:?}");
            }
        }
    }

    #[test]
    fn what_is_no_key_is_refused() {
        for text in ["", "x", "untrusted comment: x\nRWQ"] {
            assert!(Signer::parse(text).is_err());
            assert!(Trusted::default().add(text).is_err());
        }
    }
}
