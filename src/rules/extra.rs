//! Matchers that are not made of patterns: indicators, YARA rules.

use super::rule::Rule;
use super::scanner::About;

/// A matcher with rules of its own. Shared by all workers.
pub trait Extra: Send + Sync + std::fmt::Debug {
    /// What its matches are told as. They have no pattern.
    fn rules(&self) -> Vec<Rule>;

    /// Says what matches in a text, decoded or not, or in a window of one: the rule, as a place in [`Extra::rules`], with the
    /// place and the length of each match. `whole` if the window is all of the text.
    fn scan(&self, about: &About<'_>, text: &[u8], whole: bool, found: &mut dyn FnMut(ExtraMatch));
}

/// A match.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExtraMatch {
    /// The rule.
    pub rule: usize,
    /// Where it begins in the text that was given.
    pub at: usize,
    /// Its length in bytes.
    pub bytes: usize,
}
