//! What is wrong at one place in the bytes: damage as data, not as an error.

use std::fmt;

/// What sort of thing is wrong. The name is what JSON calls `kind`; it does not change between releases.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Kind(pub &'static str);

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// A structure that is not as its format says: what was read, where, what was expected and what was found.
///
/// `at` counts from the start of the bytes that were handed in (a blob, a payload); whoever knows where those
/// bytes stand in the file turns it into an offset there. One word wide, so that results stay small.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flaw(Box<Inner>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Inner {
    kind: Kind,
    what: &'static str,
    at: u64,
    expected: String,
    found: String,
}

impl Flaw {
    /// A flaw of this kind in `what`, `at` bytes from the start.
    #[cold]
    pub fn new(
        kind: &'static str,
        what: &'static str,
        at: u64,
        expected: impl Into<String>,
        found: impl Into<String>,
    ) -> Self {
        Self(Box::new(Inner { kind: Kind(kind), what, at, expected: expected.into(), found: found.into() }))
    }

    /// Fewer bytes than the structure needs.
    #[cold]
    pub fn short(what: &'static str, at: u64, need: u64, have: u64) -> Self {
        Self::new("short", what, at, format!("{need} bytes"), format!("{have} remain"))
    }

    /// The same flaw, `by` bytes further on: for who knows where the bytes began.
    #[must_use]
    pub fn moved(mut self, by: u64) -> Self {
        self.0.at = self.0.at.saturating_add(by);
        self
    }

    /// The stable name of the sort of flaw.
    pub fn kind(&self) -> Kind {
        self.0.kind
    }

    /// The thing that was being read.
    pub fn what(&self) -> &'static str {
        self.0.what
    }

    /// Bytes from the start of what was handed in.
    pub fn at(&self) -> u64 {
        self.0.at
    }

    /// What should have stood there.
    pub fn expected(&self) -> &str {
        &self.0.expected
    }

    /// What stood there.
    pub fn found(&self) -> &str {
        &self.0.found
    }
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: expected {}, found {}", self.0.what, self.0.expected, self.0.found)
    }
}

impl std::error::Error for Flaw {}

/// At most 32 bytes of the input as they stand in a message: escaped, in backticks.
pub fn quote(bytes: &[u8]) -> String {
    let shown = bytes.get(..32).unwrap_or(bytes);
    let more = if shown.len() < bytes.len() { "…" } else { "" };
    format!("`{}{more}`", shown.escape_ascii())
}
