//! Suggestion dictionary of `RediSearch`, `trietype0` version 1.
//!
//! ```text
//! U n | n * (S term, ends in NUL | D score | S payload, ends in NUL, or nothing)
//! ```
//!
//! A string after a score is the payload if another string follows it, and the next term if a score does. The index
//! dumps (`ft_index0`, `scdtype00`) are opaque: they have a name, and their tokens are counted.

use super::{Field, Fields, Flaw, Kept, Layout, Module, Step, Text, Token};

/// `size` as `FT.SUGLEN` answers it, how many terms have a payload, and the first `terms`.
#[derive(Debug, Default)]
pub(super) struct Trie {
    state: State,
    header: Fields,
    claimed: u64,
    scored: u64,
    payloads: u64,
    /// The string after a score, not yet known to be a payload or a term.
    pending: Option<Field>,
    terms: Kept,
}

#[derive(Debug, Default, Clone, Copy)]
enum State {
    #[default]
    Size,
    /// A term must follow.
    Term,
    /// A score must follow.
    Score,
    /// A payload or a term may follow.
    AfterScore,
    /// One string came after a score.
    PayloadOrTerm,
}

impl Trie {
    fn all_scored(&self) -> bool {
        self.scored == self.claimed
    }

    /// Reads a string that may yet turn out to be a payload.
    fn text<'a>(step: &Step<'a>) -> Result<Text<'a>, Flaw> {
        step.string()?.without_nul(step)
    }
}

impl Layout for Trie {
    fn wants(&self) -> Option<&'static str> {
        match self.state {
            State::Size => Some("suggestion count"),
            State::Term | State::PayloadOrTerm if self.all_scored() => None,
            State::Term => Some("suggestion term"),
            State::Score => Some("suggestion score"),
            State::AfterScore => Some("suggestion payload or term"),
            State::PayloadOrTerm => Some("suggestion term or score"),
        }
    }

    fn complete(&self) -> bool {
        match self.state {
            State::Size | State::Score => false,
            State::Term | State::AfterScore | State::PayloadOrTerm => self.all_scored(),
        }
    }

    fn take(&mut self, step: &Step<'_>) -> Result<(), Flaw> {
        self.state = match self.state {
            State::Size => {
                self.claimed = self.header.uint("size", step)?;
                State::Term
            }
            State::Term => {
                let term = Self::text(step)?;
                self.terms.push(|| term.field());
                State::Score
            }
            State::AfterScore => {
                self.pending = Some(Self::text(step)?.field());
                State::PayloadOrTerm
            }
            State::PayloadOrTerm if matches!(step.token, Token::String { .. }) => {
                let term = Self::text(step)?;
                self.pending = None;
                self.payloads = self.payloads.saturating_add(1);
                self.terms.push(|| term.field());
                State::Score
            }
            State::Score | State::PayloadOrTerm => {
                step.double()?;
                if let Some(term) = self.pending.take() {
                    self.terms.push(|| term);
                }
                self.scored = self.scored.saturating_add(1);
                State::AfterScore
            }
        };
        Ok(())
    }

    fn report(self: Box<Self>, module: &mut Module) {
        let mut header = self.header;
        module.elements = Some(self.scored);
        if module.flaw.is_none() {
            // A string that nothing followed was the payload of the last term.
            let payloads = self.payloads.saturating_add(u64::from(self.pending.is_some()));
            header.put("payloads", Field::Uint(payloads));
        }
        if self.terms.total > 0 {
            header.put("terms", self.terms.field());
        }
        module.header = header.0;
    }
}
