//! How a command ended, as an exit code: docs/cli.md's table.

use rediscover::base::{Error, ErrorKind};
use rediscover::report::Exit;

/// The exit codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Code {
    /// Done, nothing wrong.
    Done,
    /// It could not be done.
    Failed,
    /// The command line is wrong.
    Usage,
    /// The input is damaged, or will not load.
    Damaged,
    /// Findings at or above the limit.
    Found,
    /// Some sources could not be opened; the others are fine.
    Partial,
    /// SIGINT.
    Interrupted,
    /// SIGTERM.
    Terminated,
}

impl Code {
    /// The number a shell sees.
    pub(crate) fn number(self) -> u8 {
        match self {
            Code::Done => 0,
            Code::Failed => 1,
            Code::Usage => 2,
            Code::Damaged => 3,
            Code::Found => 4,
            Code::Partial => 5,
            Code::Interrupted => 130,
            Code::Terminated => 143,
        }
    }

    /// Which one wins if several apply: the lowest.
    fn rank(self) -> u8 {
        match self {
            Code::Interrupted | Code::Terminated => 0,
            Code::Usage => 1,
            Code::Damaged => 2,
            Code::Found => 3,
            Code::Partial => 4,
            Code::Failed => 5,
            Code::Done => 6,
        }
    }

    /// What an error asks for.
    pub(crate) fn of(error: &Error) -> Self {
        match error.kind() {
            ErrorKind::Usage { .. } | ErrorKind::Config { .. } => Code::Usage,
            ErrorKind::HashMismatch { .. } | ErrorKind::Overlap { .. } | ErrorKind::Damaged { .. } => Code::Damaged,
            ErrorKind::Interrupted => Code::Interrupted,
            _ => Code::Failed,
        }
    }
}

/// One thing that asks for an exit code other than 0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reason {
    /// The code it asks for.
    pub(crate) code: Code,
    /// The source it is about.
    pub(crate) source: Option<String>,
    /// What is wrong.
    pub(crate) problem: String,
    /// What to do next.
    pub(crate) next: Option<String>,
    /// It has been said already, on stderr.
    pub(crate) said: bool,
}

impl Reason {
    /// `name: problem`.
    pub(crate) fn sentence(&self) -> String {
        match &self.source {
            Some(source) => format!("{source}: {}", self.problem),
            None => self.problem.clone(),
        }
    }

    /// `problem (next step)`.
    pub(crate) fn advised(&self) -> String {
        match &self.next {
            Some(next) => format!("{} ({next})", self.problem),
            None => self.problem.clone(),
        }
    }

    /// `name: problem (next step)`.
    pub(crate) fn line(&self) -> String {
        match &self.source {
            Some(source) => format!("{source}: {}", self.advised()),
            None => self.advised(),
        }
    }
}

/// How a command ended: 0 if there is no reason for anything else.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Ending {
    pub(crate) reasons: Vec<Reason>,
}

impl Ending {
    /// An ending with one reason that is about no source.
    pub(crate) fn of(code: Code, problem: &str) -> Self {
        let reason = Reason { code, source: None, problem: problem.into(), next: None, said: false };
        Self { reasons: vec![reason] }
    }

    /// The first of 130, 2, 3, 4, 5, 1 that a reason asks for.
    pub(crate) fn code(&self) -> Code {
        self.reasons.iter().map(|reason| reason.code).min_by_key(|code| code.rank()).unwrap_or(Code::Done)
    }

    /// Something about a source that is wrong with its bytes: exit 3.
    pub(crate) fn damaged(&mut self, source: &str, problem: impl Into<String>, next: Option<String>) {
        self.reasons.push(Reason {
            code: Code::Damaged,
            source: Some(source.into()),
            problem: problem.into(),
            next,
            said: false,
        });
    }

    /// A step that failed and damaged nothing: exit 5.
    pub(crate) fn partial(&mut self, source: &str, problem: impl Into<String>) {
        self.reasons.push(Reason {
            code: Code::Partial,
            source: Some(source.into()),
            problem: problem.into(),
            next: None,
            said: false,
        });
    }

    /// Findings at or above the limit: exit 4.
    pub(crate) fn found(&mut self, problem: &str) {
        self.reasons.push(Reason { code: Code::Found, source: None, problem: problem.into(), next: None, said: false });
    }

    /// A source that could not be read, which stderr has said already. It is 1, or 5 if `others_worked`.
    pub(crate) fn unread(&mut self, source: &str, error: &Error, others_worked: bool) {
        let code = match Code::of(error) {
            Code::Failed if others_worked => Code::Partial,
            code => code,
        };
        let text = error.to_string();
        let problem = text.strip_prefix(source).and_then(|rest| rest.strip_prefix(": ")).unwrap_or(&text);
        self.reasons.push(Reason {
            code,
            source: Some(source.into()),
            problem: problem.into(),
            next: error.hint().map(Into::into),
            said: true,
        });
    }

    /// The part of a report that says so.
    pub(crate) fn report(&self) -> Exit {
        Exit { code: self.code().number(), reasons: self.reasons.iter().map(Reason::sentence).collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_docs_cli_md() {
        let io = || Error::io("open", std::io::ErrorKind::NotFound.into());
        let usage = || Error::new(ErrorKind::Usage { option: "--db", what: "x".into() });
        let hash = || Error::new(ErrorKind::HashMismatch { expected: "a".into(), found: "b".into() });
        let code = |error: Error| Code::of(&error).number();
        assert_eq!(code(io()), 1);
        assert_eq!(code(Error::new(ErrorKind::NothingToRead { what: "x".into() })), 1);
        assert_eq!(code(Error::new(ErrorKind::Unsupported { what: "x".into() })), 1);
        assert_eq!(code(usage()), 2);
        assert_eq!(code(hash()), 3);
        assert_eq!(code(Error::new(ErrorKind::Damaged { what: "x".into() })), 3);
        assert_eq!(code(Error::new(ErrorKind::Refused { what: "x".into() })), 1);
        assert_eq!(code(Error::new(ErrorKind::Server { what: "x".into() })), 1);
        assert_eq!(code(Error::new(ErrorKind::Interrupted)), 130);
    }

    #[test]
    fn the_first_of_130_2_3_4_5_1_wins() {
        let order = [Code::Interrupted, Code::Usage, Code::Damaged, Code::Found, Code::Partial, Code::Failed];
        for (at, first) in order.iter().enumerate() {
            for second in &order[at..] {
                for (a, b) in [(first, second), (second, first)] {
                    let mut ending = Ending::of(*a, "a");
                    ending.reasons.extend(Ending::of(*b, "b").reasons);
                    assert_eq!(ending.code(), *first);
                }
            }
        }
        assert_eq!(Ending::default().code(), Code::Done);
    }

    #[test]
    fn one_that_cannot_be_opened_is_5_only_among_others_that_can() {
        let error = Error::io("open", std::io::ErrorKind::NotFound.into()).about("a.rdb");
        let mut alone = Ending::default();
        alone.unread("a.rdb", &error, false);
        assert_eq!(alone.code(), Code::Failed);
        assert_eq!(alone.report().reasons, ["a.rdb: cannot open: entity not found"]);
        let mut among = Ending::default();
        among.unread("a.rdb", &error, true);
        assert_eq!(among.code(), Code::Partial);
        among.damaged("b.rdb", "truncated", Some("copy it again".into()));
        assert_eq!(among.code(), Code::Damaged);
        assert_eq!(among.reasons[1].line(), "b.rdb: truncated (copy it again)");
    }
}
