//! What stops a run. Damage in the input is not an error: it is a [`crate::base::Flaw`], and the run goes on.

use std::fmt;
use std::path::PathBuf;

/// The result of what can fail.
pub type Result<T> = std::result::Result<T, Error>;

/// One public error, one word wide; its kind says who has to act.
pub struct Error(Box<Inner>);

struct Inner {
    kind: ErrorKind,
    source_name: Option<String>,
    hint: Option<String>,
    cause: Option<std::io::Error>,
}

/// Who has to act.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The machine: a file that cannot be opened, a disk that is full. `what` says what was tried.
    Io {
        /// What was tried, as a verb phrase: "open", "write the report".
        what: &'static str,
    },
    /// There is nothing here to read: an empty folder, a glob that matches nothing.
    NothingToRead {
        /// What was looked at.
        what: String,
    },
    /// A command line that asks for something impossible.
    Usage {
        /// The option in question.
        option: &'static str,
        /// What is wrong with it.
        what: String,
    },
    /// A configuration or rule file that cannot be read.
    Config {
        /// The file.
        file: PathBuf,
        /// Its line, from 1; 0 if unknown.
        line: u32,
        /// What is wrong there.
        what: String,
    },
    /// Something this build or version cannot do.
    Unsupported {
        /// What it is.
        what: String,
    },
    /// Bytes whose hash is not the one that was asked for.
    HashMismatch {
        /// The hash that was asked for, in hexadecimal.
        expected: String,
        /// The hash of the bytes, in hexadecimal.
        found: String,
    },
    /// Keys that stand in more than one of the shards of a keyspace.
    Overlap {
        /// How many, and the first of them.
        what: String,
    },
    /// Bytes that are not what their record says, or a record that is not as it was signed.
    Damaged {
        /// What is wrong with what.
        what: String,
    },
    /// It could be done, and should not: what would be lost.
    Refused {
        /// Why.
        what: String,
    },
    /// A store of objects that did not do what it was asked.
    Store {
        /// What was asked, as a verb phrase: "list the objects".
        op: &'static str,
        /// What it answered.
        what: String,
    },
    /// There is an object of this name already, and it was not to be replaced.
    Exists {
        /// The object.
        name: String,
    },
    /// Somebody else is at it.
    Locked {
        /// Who, and since when.
        what: String,
    },
    /// A server that refused, or went away.
    Server {
        /// What it answered.
        what: String,
    },
    /// A key that is missing, or does not fit: of encryption, of signatures, of TLS.
    Crypto {
        /// Which, and what for.
        what: String,
    },
    /// Asked to stop.
    Interrupted,
}

impl Error {
    /// An error of this kind.
    pub fn new(kind: ErrorKind) -> Self {
        Self(Box::new(Inner { kind, source_name: None, hint: None, cause: None }))
    }

    /// A failure of the machine while doing `what`; the error itself, where one of these travelled as an [`std::io::Error`].
    pub fn io(what: &'static str, cause: std::io::Error) -> Self {
        cause.downcast::<Self>().unwrap_or_else(|cause| {
            Self(Box::new(Inner { kind: ErrorKind::Io { what }, source_name: None, hint: None, cause: Some(cause) }))
        })
    }

    /// Whether one of these travels in it, so that it is to be passed on as it is.
    pub(crate) fn is_in(error: &std::io::Error) -> bool {
        error.get_ref().is_some_and(<dyn std::error::Error + Send + Sync>::is::<Self>)
    }

    /// The same error, about this source (a path, a URL without credentials).
    #[must_use]
    pub fn about(mut self, source_name: impl Into<String>) -> Self {
        self.0.source_name.get_or_insert_with(|| source_name.into());
        self
    }

    /// The same error with what to do next.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }

    /// Who has to act.
    pub fn kind(&self) -> &ErrorKind {
        &self.0.kind
    }

    /// What to do next, where something helps.
    pub fn hint(&self) -> Option<&str> {
        self.0.hint.as_deref()
    }
}

impl From<Error> for std::io::Error {
    /// For readers that know more than the machine does; [`Error::io`] is the way back.
    fn from(error: Error) -> Self {
        let kind = match error.kind() {
            ErrorKind::Damaged { .. } => std::io::ErrorKind::InvalidData,
            _ => std::io::ErrorKind::Other,
        };
        Self::new(kind, error)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(name) = &self.0.source_name {
            write!(f, "{name}: ")?;
        }
        match &self.0.kind {
            ErrorKind::Io { what } => write!(f, "cannot {what}")?,
            ErrorKind::NothingToRead { what }
            | ErrorKind::Unsupported { what }
            | ErrorKind::Overlap { what }
            | ErrorKind::Damaged { what }
            | ErrorKind::Refused { what }
            | ErrorKind::Locked { what }
            | ErrorKind::Server { what }
            | ErrorKind::Crypto { what } => f.write_str(what)?,
            ErrorKind::Store { op, what } => write!(f, "cannot {op}: {what}")?,
            ErrorKind::Exists { name } => write!(f, "there is a {name} already")?,
            ErrorKind::Usage { option, what } => write!(f, "{option}: {what}")?,
            ErrorKind::Config { file, line: 0, what } => write!(f, "{}: {what}", file.display())?,
            ErrorKind::Config { file, line, what } => write!(f, "{}:{line}: {what}", file.display())?,
            ErrorKind::HashMismatch { expected, found } => {
                write!(f, "hash mismatch: expected {expected}, found {found}")?;
            }
            ErrorKind::Interrupted => f.write_str("interrupted")?,
        }
        match &self.0.cause {
            // "No such file or directory (os error 2)": the number says nothing to a reader.
            Some(cause) => {
                let text = cause.to_string();
                let text = text.split(" (os error").next().unwrap_or(&text).to_lowercase();
                write!(f, ": {text}")
            }
            None => Ok(()),
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} ({self})", self.0.kind)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.cause.as_ref().map(|cause| cause as _)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_comes_back_from_a_reader_as_it_was() {
        let damaged = || Error::new(ErrorKind::Damaged { what: "dump.rdb: other bytes".to_owned() });
        let travelled = std::io::Error::from(damaged().with_hint("look"));
        assert_eq!(travelled.kind(), std::io::ErrorKind::InvalidData);
        let back = Error::io("read", travelled);
        assert_eq!((back.kind(), back.hint()), (damaged().kind(), Some("look")));
        let machine = Error::io("read", std::io::Error::other("broken"));
        assert_eq!(machine.to_string(), "cannot read: broken");
    }
}
