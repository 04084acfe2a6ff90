//! What a match is put to, once its pattern has matched: check digits, structure, entropy.
//!
//! ```text
//! number  cards, accounts, telephone     token   JSON web tokens, GitHub, SSH     wallet  Monero, Bitcoin
//! text    entropy, what encodes text     binary  ELF, PE, Mach-O, Java            php     stated lengths
//! pickle  a pickle, disassembled and never loaded
//! ```

mod binary;
mod number;
mod php;
mod pickle;
#[cfg(test)]
mod tests;
mod text;
mod token;
mod wallet;

pub use text::entropy;

use crate::base::UnixMs;
use crate::report::Threat;

/// A check of a match, by its word in rule files. Each looks at the secret of a match, if nothing else is said.
///
/// | word | passes |
/// |---|---|
/// | `entropy>=3.5` | so many bits per byte |
/// | `distinct>=8` | so many different bytes |
/// | `card` | a payment card: length, issuer, check digit, alone among digits, no id or time; notes the brand |
/// | `luhn` | digits, with single blanks or dashes between them, that end in their check digit |
/// | `iban` | an account number: length of its country, check digits |
/// | `phone` | E.164: `+`, a country's code, 8 to 15 digits |
/// | `ssn` | a number the United States can have issued |
/// | `ip-public` | the first IPv4 address in it is neither private nor reserved; addresses for documentation pass |
/// | `jwt` | a JSON web token; notes `alg`, `iss`, `exp`; high where nothing signs it |
/// | `github-crc` | a token of GitHub whose last six characters are the checksum of the rest |
/// | `ssh-blob` | a public key of SSH after the label of its own type; notes the fingerprint |
/// | `monero` | an address of Monero, checksum included |
/// | `base58check` | an address of Bitcoin in base58, checksum included |
/// | `bech32` | an address of Bitcoin in bech32 or bech32m, checksum included |
/// | `php-length` | in what PHP serialized, the first name or string of the match is as long as it says |
/// | `pickle` | a pickle that begins at the match and names what runs code; medium if it is never called |
/// | `java-class` | the text begins, before the match, as a stream of Java objects does |
/// | `elf` `pe` `macho` | a program's header at the match whose fields agree; notes what it is for |
/// | `base64-text` | base64 of printable text |
/// | `base64-binary` | base64 of something else |
/// | `uuid-not` | neither a UUID nor 32, 40 or 64 hexadecimal digits |
/// | `password-not-placeholder` | no template, no stars, no word that stands for a password |
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Validator {
    /// `entropy>=3.5`: bits per byte of the secret.
    Entropy {
        /// At least so many.
        at_least: f64,
    },
    /// `distinct>=8`: different bytes in the secret.
    Distinct {
        /// At least so many.
        at_least: usize,
    },
    /// One without a number.
    Named(Named),
}

/// A validator without a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Named {
    /// `base58check`
    Base58Check,
    /// `base64-binary`
    Base64Binary,
    /// `base64-text`
    Base64Text,
    /// `bech32`
    Bech32,
    /// `card`
    Card,
    /// `elf`
    Elf,
    /// `github-crc`
    GithubCrc,
    /// `iban`
    Iban,
    /// `ip-public`
    IpPublic,
    /// `java-class`
    JavaClass,
    /// `jwt`
    Jwt,
    /// `luhn`
    Luhn,
    /// `macho`
    MachO,
    /// `monero`
    Monero,
    /// `password-not-placeholder`
    NoPlaceholder,
    /// `pe`
    Pe,
    /// `phone`
    Phone,
    /// `php-length`
    PhpLength,
    /// `pickle`
    Pickle,
    /// `ssh-blob`
    SshBlob,
    /// `ssn`
    Ssn,
    /// `uuid-not`
    UuidNot,
}

const WORDS: [(&str, Named); 22] = [
    ("base58check", Named::Base58Check),
    ("base64-binary", Named::Base64Binary),
    ("base64-text", Named::Base64Text),
    ("bech32", Named::Bech32),
    ("card", Named::Card),
    ("elf", Named::Elf),
    ("github-crc", Named::GithubCrc),
    ("iban", Named::Iban),
    ("ip-public", Named::IpPublic),
    ("java-class", Named::JavaClass),
    ("jwt", Named::Jwt),
    ("luhn", Named::Luhn),
    ("macho", Named::MachO),
    ("monero", Named::Monero),
    ("password-not-placeholder", Named::NoPlaceholder),
    ("pe", Named::Pe),
    ("phone", Named::Phone),
    ("php-length", Named::PhpLength),
    ("pickle", Named::Pickle),
    ("ssh-blob", Named::SshBlob),
    ("ssn", Named::Ssn),
    ("uuid-not", Named::UuidNot),
];

/// What is put to a validator.
#[derive(Debug, Clone, Copy)]
pub struct Candidate<'a> {
    /// The text the match is in, or the window of it.
    pub text: &'a [u8],
    /// Where the match begins in it.
    pub at: usize,
    /// The match.
    pub matched: &'a [u8],
    /// The group `secret`, or the first group, or else the match.
    pub secret: &'a [u8],
}

impl<'a> Candidate<'a> {
    /// The text from the match on.
    fn rest(&self) -> &'a [u8] {
        self.text.get(self.at..).unwrap_or_default()
    }

    /// The text before the match.
    fn before(&self) -> &'a [u8] {
        self.text.get(..self.at).unwrap_or_default()
    }

    /// The text behind the match.
    fn after(&self) -> &'a [u8] {
        self.rest().get(self.matched.len()..).unwrap_or_default()
    }
}

/// What a validator says of a match that it lets pass.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Learnt {
    /// Facts worth telling, without the secret: `alg RS256`.
    pub notes: Vec<String>,
    /// The severity it has with these facts.
    pub severity: Option<Threat>,
    /// Until when it is valid by its own words.
    pub valid_until: Option<UnixMs>,
}

impl Learnt {
    /// One fact.
    fn note(note: impl Into<String>) -> Self {
        Self { notes: vec![note.into()], ..Self::default() }
    }
}

impl Validator {
    /// The validator of this name.
    ///
    /// # Errors
    /// There is none; the message names those there are.
    pub fn parse(text: &str) -> Result<Self, String> {
        let no_number = |number: &str| format!("validator {text:?}: {number:?} is no number");
        if let Some(bits) = text.strip_prefix("entropy>=") {
            let at_least: f64 = bits.parse().map_err(|_| no_number(bits))?;
            return if at_least.is_finite() { Ok(Validator::Entropy { at_least }) } else { Err(no_number(bits)) };
        }
        if let Some(count) = text.strip_prefix("distinct>=") {
            let at_least = count.parse().map_err(|_| no_number(count))?;
            return Ok(Validator::Distinct { at_least });
        }
        let named = WORDS.iter().find(|(word, _)| *word == text);
        named.map(|(_, named)| Validator::Named(*named)).ok_or_else(|| {
            let known: Vec<_> = WORDS.iter().map(|(word, _)| *word).collect();
            format!("validator {text:?} is not known: there are entropy>=N, distinct>=N, {}", known.join(", "))
        })
    }

    /// What is learnt of the candidate; none if it does not pass. Memory and time are bounded by the match; for `pickle` by
    /// 256 KiB of the text.
    pub fn check(self, candidate: &Candidate<'_>) -> Option<Learnt> {
        let passed = |passes: bool| passes.then(Learnt::default);
        let secret = candidate.secret;
        match self {
            Validator::Entropy { at_least } => passed(entropy(secret) >= at_least),
            Validator::Distinct { at_least } => passed(text::distinct(secret) >= at_least),
            Validator::Named(named) => match named {
                Named::Base58Check => passed(wallet::is_base58check(secret)),
                Named::Base64Binary => passed(text::decodes_to_text(secret) == Some(false)),
                Named::Base64Text => passed(text::decodes_to_text(secret) == Some(true)),
                Named::Bech32 => passed(wallet::is_bech32(secret)),
                Named::Card => number::card(candidate).map(Learnt::note),
                Named::Elf => binary::elf(candidate.rest()).map(Learnt::note),
                Named::GithubCrc => passed(token::has_github_checksum(secret)),
                Named::Iban => passed(number::is_iban(secret)),
                Named::IpPublic => passed(number::has_public_address(secret)),
                Named::JavaClass => passed(binary::is_in_java_stream(candidate)),
                Named::Jwt => token::jwt(secret),
                Named::Luhn => passed(number::has_check_digit(secret)),
                Named::MachO => binary::macho(candidate.rest()).map(Learnt::note),
                Named::Monero => passed(wallet::is_monero(secret)),
                Named::NoPlaceholder => passed(!text::is_placeholder(secret)),
                Named::Pe => binary::pe(candidate.rest()).map(Learnt::note),
                Named::Phone => passed(number::is_phone(secret)),
                Named::PhpLength => passed(php::has_stated_length(candidate)),
                Named::Pickle => pickle::judge(candidate.rest()),
                Named::SshBlob => token::ssh_fingerprint(candidate).map(Learnt::note),
                Named::Ssn => passed(number::is_ssn(secret)),
                Named::UuidNot => passed(!text::is_uuid_or_hash(secret)),
            },
        }
    }
}
