//! What a match is put to, once its pattern has matched: check digits, structure, entropy.

use crate::base::UnixMs;
use crate::report::Threat;

/// A check of a match, by its name in rule files.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Validator {
    /// `entropy>=3.5`: bits per byte of the secret.
    Entropy {
        /// At least so many.
        at_least: f64,
    },
    /// One that is not written yet.
    Pending,
}

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

impl Validator {
    /// The validator of this name.
    ///
    /// # Errors
    /// There is none.
    pub fn parse(text: &str) -> Result<Self, String> {
        if let Some(bits) = text.strip_prefix("entropy>=") {
            let at_least = bits.parse().map_err(|_| format!("validator {text:?}: {bits:?} is no number"))?;
            return Ok(Validator::Entropy { at_least });
        }
        Ok(Validator::Pending)
    }

    /// What is learnt of the candidate; none if it does not pass.
    pub fn check(self, candidate: &Candidate<'_>) -> Option<Learnt> {
        match self {
            Validator::Entropy { at_least } => (entropy(candidate.secret) >= at_least).then(Learnt::default),
            Validator::Pending => Some(Learnt::default()),
        }
    }
}

/// Shannon entropy in bits per byte, 0 to 8.
#[allow(clippy::cast_precision_loss, reason = "counts of one text")]
pub fn entropy(bytes: &[u8]) -> f64 {
    let mut counts = [0_u32; 256];
    for byte in bytes {
        if let Some(count) = counts.get_mut(usize::from(*byte)) {
            *count = count.saturating_add(1);
        }
    }
    let total = bytes.len() as f64;
    let share = |count: &u32| f64::from(*count) / total;
    counts.iter().filter(|count| **count > 0).map(share).map(|share| -share * share.log2()).sum()
}
