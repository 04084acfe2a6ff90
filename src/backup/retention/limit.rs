//! How much may go at once.

use std::fmt;

/// `--max-remove`: how many backups of one instance may go at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// So many.
    Count(u64),
    /// So many of a hundred of all that the instance has, kept ones, damaged ones and pinned ones among them.
    Percent(u8),
}

impl Limit {
    /// Reads `10` or `25%`.
    ///
    /// # Errors
    /// A sentence that says what was expected.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong = || "expected a number of backups, or 0% to 100%".to_owned();
        let (digits, percent) = text.strip_suffix('%').map_or((text, false), |digits| (digits, true));
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(wrong());
        }
        if percent {
            digits.parse().ok().filter(|percent| *percent <= 100).map(Self::Percent).ok_or_else(wrong)
        } else {
            digits.parse().map(Self::Count).map_err(|_| wrong())
        }
    }

    /// How many of so many may go. A percentage rounds down: 25 % of 7 is 1, 10 % of 9 is none.
    pub fn of(self, all: u64) -> u64 {
        match self {
            Self::Count(number) => number,
            Self::Percent(percent) => {
                let part = u128::from(all) * u128::from(percent) / 100;
                u64::try_from(part).unwrap_or(u64::MAX)
            }
        }
    }

    /// Whether so many of so many may go.
    pub fn allows(self, removed: u64, all: u64) -> bool {
        removed <= self.of(all)
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Count(number) => number.fmt(f),
            Self::Percent(percent) => write!(f, "{percent}%"),
        }
    }
}
