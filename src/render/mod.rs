//! Reports as text, JSON, SARIF and HTML, findings and rows in more forms. Sees report types only; writes to whatever it is given.

pub mod html;
pub mod json;
mod keys;
mod markup;
pub mod sarif;
pub mod scan;
pub mod text;
mod timeline;

pub use keys::{KeyForm, KeyFormat};
pub use timeline::{TimelineForm, TimelineWriter};

use crate::base::{UnixMs, size};
use crate::report::{Fits, Fullness, Integrity, Problem, Severity, Verdict};

/// How a text report may look. The default suits a pipe or a file.
#[derive(Debug, Clone)]
pub struct Look {
    /// Columns of the terminal; tables take 40 to 200 of them.
    pub width: usize,
    /// Rules and bars may be drawn.
    pub fancy: bool,
    /// Escape sequences for colour may be written.
    pub colour: bool,
    /// The zone that times are shown in.
    pub zone: jiff::tz::TimeZone,
    /// The reader's clock, for ages; without it none is shown.
    pub now: Option<UnixMs>,
}

impl Default for Look {
    fn default() -> Self {
        Self { width: 80, fancy: false, colour: false, zone: jiff::tz::TimeZone::UTC, now: None }
    }
}

/// What `check` was asked beside "is it whole".
#[derive(Debug, Clone, Copy, Default)]
pub struct CheckView<'a> {
    /// The server of `--target`.
    pub target: Option<&'a str>,
    /// Whether a loss is allowed there.
    pub lossy: bool,
}

/// What is wrong with a source that is not intact, in one sentence, and what to do next.
pub fn not_intact(verdict: Verdict, integrity: &Integrity) -> (String, String) {
    let first = integrity.problems.iter().find(|problem| problem.severity == Severity::Error);
    let place = first.map(|problem| format!(": {}", sentence(problem))).unwrap_or_default();
    let (what, next) = match verdict {
        Verdict::Intact => ("intact", "nothing to do"),
        Verdict::Damaged => {
            ("damaged", "take another copy or an older dump; 'rediscover analyze' shows what can be read")
        }
        Verdict::Truncated => ("truncated", "copy it again, after the save has ended, and compare sizes"),
        Verdict::Unsupported if integrity.problem_counts.contains_key("not-an-rdb") => {
            ("unsupported", "it is neither an RDB nor an append-only file")
        }
        Verdict::Unsupported => ("unsupported", "a newer rediscover may read it; what precedes that place was read"),
    };
    (format!("{what}{place}"), next.to_owned())
}

/// Whether a keyspace fits, in one sentence.
pub fn fullness(fits: &Fits) -> String {
    let limit = size::human(fits.maxmemory_bytes);
    let verdict = match fits.verdict {
        Fullness::Yes => format!("fits into {limit}"),
        Fullness::No => format!("does not fit into {limit}"),
        Fullness::Unknown => format!("whether it fits into {limit} is not known"),
    };
    let used = fits.used_memory_bytes.map(|used| format!("the server that wrote it used {}", size::human(used)));
    let why = match (fits.estimated_bytes, &fits.memory_model, fits.verdict, used) {
        (Some(bytes), Some(model), Fullness::Unknown, _) => {
            format!("{model} needs about {}, too close to say", size::human(bytes))
        }
        (Some(bytes), Some(model), _, Some(used)) => format!("{model} needs about {}; {used}", size::human(bytes)),
        (Some(bytes), Some(model), _, None) => format!("{model} needs about {}", size::human(bytes)),
        (.., Some(used)) => used,
        (.., None) => "the file does not say what its server used".to_owned(),
    };
    format!("{verdict}: {why}")
}

/// A problem in one line: `0x1f3a (7994): read-object-value of db 0 "user:42": listpack claims 812 bytes, 640 remain`.
pub fn sentence(problem: &Problem) -> String {
    let file = problem.file.as_deref().map(|file| format!("{file}: ")).unwrap_or_default();
    let place = problem.line.map(|line| format!(", line {line}")).unwrap_or_default();
    // What is said of a file as a whole has no place in it.
    let offset = match (problem.doing.as_str(), problem.line) {
        ("read-manifest", None) => String::new(),
        _ => format!("{}{place}: ", text::offset(problem.offset)),
    };
    let mut line = format!("{file}{offset}{}", problem.doing);
    let named = text::named(problem.db, problem.key.as_ref());
    if !named.is_empty() {
        line.push_str(" of ");
        line.push_str(&named);
    }
    line.push_str(": ");
    line.push_str(&problem.message);
    line
}
