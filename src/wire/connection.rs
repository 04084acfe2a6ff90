//! One connection to one server.

use super::address::Host;
use super::info::Info;
use super::link::Link;
use super::options::ConnectOptions;
use super::refusal::{Refusal, RefusalKind};
use super::reply::{MAX_DEPTH, MAX_REPLY_BYTES, Reply, length, malformed, number};
use super::tls;
use crate::base::{Error, ErrorKind, Result};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// Bytes read ahead.
const BUFFER_BYTES: usize = 64 << 10;
/// The longest line: error replies and statuses are short.
const LINE_BYTES: usize = 64 << 10;
/// Requests that are held before they are sent.
const HELD_BYTES: usize = 256 << 10;
/// What a part of a reply takes beside its bytes.
const PART_BYTES: u64 = size_of::<Reply>() as u64;

/// One end to connect to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Endpoint {
    /// TCP, with TLS or without.
    Tcp {
        /// Where.
        host: Host,
        /// Whether encrypted.
        tls: bool,
    },
    /// A unix socket.
    Unix(PathBuf),
}

impl std::fmt::Display for Endpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Endpoint::Tcp { host, tls: false } => write!(f, "redis://{host}"),
            Endpoint::Tcp { host, tls: true } => write!(f, "rediss://{host}"),
            Endpoint::Unix(path) => write!(f, "unix://{}", path.display().to_string().escape_debug()),
        }
    }
}

/// A connection on which commands are sent and answered in order. Memory: 64 KiB of answers read ahead, 256 KiB of requests
/// held back, and the reply that is asked for, at most [`MAX_REPLY_BYTES`].
pub struct Connection {
    endpoint: Endpoint,
    link: Link,
    input: Box<[u8]>,
    start: usize,
    end: usize,
    output: Vec<u8>,
    notes: Vec<String>,
    /// Requests and answers do not belong together any more.
    broken: bool,
}

impl Connection {
    /// Connects, and authenticates if there is a password.
    ///
    /// # Errors
    /// [`ErrorKind::Io`]: refused, silent, reset. [`ErrorKind::Crypto`]: TLS. [`ErrorKind::Server`]: user and password do not
    /// fit.
    pub fn open(endpoint: &Endpoint, options: &ConnectOptions) -> Result<Self> {
        let mut connection = Self::open_anonymous(endpoint, options)?;
        connection.authenticate(options)?;
        Ok(connection)
    }

    /// Connects only.
    ///
    /// # Errors
    /// As [`Connection::open`].
    pub(super) fn open_anonymous(endpoint: &Endpoint, options: &ConnectOptions) -> Result<Self> {
        let link = match endpoint {
            Endpoint::Tcp { host, tls } => Link::tcp(host, *tls, options)?,
            Endpoint::Unix(path) => Link::unix(path, options)?,
        };
        Ok(Self {
            endpoint: endpoint.clone(),
            link,
            input: vec![0; BUFFER_BYTES].into_boxed_slice(),
            start: 0,
            end: 0,
            output: Vec::new(),
            notes: Vec::new(),
            broken: false,
        })
    }

    /// A unix socket.
    ///
    /// # Errors
    /// As [`Connection::open`].
    pub fn open_unix(path: &Path, options: &ConnectOptions) -> Result<Self> {
        Self::open(&Endpoint::Unix(path.to_owned()), options)
    }

    pub(super) fn authenticate(&mut self, options: &ConnectOptions) -> Result<()> {
        let Some(password) = &options.password else { return Ok(()) };
        let user = options.user.as_deref().map(str::as_bytes);
        let words: Vec<&[u8]> = [b"AUTH".as_slice()].into_iter().chain(user).chain([password.reveal()]).collect();
        match self.command(&words)? {
            Reply::Refused(refusal) if is_open(&refusal) && user.is_none_or(|user| user == b"default") => {
                self.notes.push("the server asks for no password, and one was given".to_owned());
                Ok(())
            }
            reply => reply.checked().map(drop).map_err(|error| error.about(self.endpoint.to_string())),
        }
    }

    /// Where it leads, safe to print.
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// What was odd on the way here.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// One command and its reply, an error reply too.
    ///
    /// # Errors
    /// [`ErrorKind::Io`]: the connection broke or is silent; [`ErrorKind::Server`]: the answer is none.
    pub fn command(&mut self, words: &[&[u8]]) -> Result<Reply> {
        self.send(words)?;
        self.receive()
    }

    /// The same where an error reply is an error.
    ///
    /// # Errors
    /// As [`Connection::command`]; and [`ErrorKind::Server`] with what the server said.
    pub fn call(&mut self, words: &[&[u8]]) -> Result<Reply> {
        self.command(words)?.checked().map_err(|error| error.about(self.endpoint.to_string()))
    }

    /// Sends a command whose reply will be received later. It may be held back until something is received.
    /// Whoever sends much and receives nothing can block both sides: receive after a few hundred commands.
    ///
    /// # Errors
    /// As [`Connection::command`].
    pub fn send(&mut self, words: &[&[u8]]) -> Result<()> {
        if self.broken {
            return Err(Error::io("use the connection again", io::ErrorKind::NotConnected.into()));
        }
        let mut digits = itoa::Buffer::new();
        self.output.push(b'*');
        self.output.extend_from_slice(digits.format(words.len()).as_bytes());
        for word in words {
            self.output.extend_from_slice(b"\r\n$");
            self.output.extend_from_slice(digits.format(word.len()).as_bytes());
            self.output.extend_from_slice(b"\r\n");
            if word.len() > HELD_BYTES {
                self.flush()?;
                self.link.write_all(word).map_err(|error| self.lost("send to it", error))?;
            } else {
                self.output.extend_from_slice(word);
            }
        }
        self.output.extend_from_slice(b"\r\n");
        if self.output.len() >= HELD_BYTES { self.flush() } else { Ok(()) }
    }

    /// Sends what is held back.
    ///
    /// # Errors
    /// As [`Connection::command`].
    pub fn flush(&mut self) -> Result<()> {
        let output = std::mem::take(&mut self.output);
        let sent = self.link.write_all(&output);
        self.output = output;
        self.output.clear();
        sent.map_err(|error| self.lost("send to it", error))
    }

    /// The next reply.
    ///
    /// # Errors
    /// As [`Connection::command`].
    pub fn receive(&mut self) -> Result<Reply> {
        self.flush()?;
        let mut budget = MAX_REPLY_BYTES;
        let reply = self.reply(MAX_DEPTH, &mut budget);
        self.broken |= reply.is_err();
        reply.map_err(|error| error.about(self.endpoint.to_string()))
    }

    /// The next reply, a bulk of any length, piece by piece; none for nil. Memory does not depend on its length.
    ///
    /// # Errors
    /// As [`Connection::call`], and what `piece` fails with.
    pub fn receive_bulk(&mut self, piece: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<Option<u64>> {
        self.flush()?;
        let received = self.bulk(piece);
        if !matches!(received, Ok(Ok(_))) {
            self.broken |= received.is_err();
        }
        received
            .and_then(|answer| answer.map_err(|refusal| refusal.error()))
            .map_err(|error| error.about(self.endpoint.to_string()))
    }

    /// INFO, with its default sections.
    ///
    /// # Errors
    /// As [`Connection::call`].
    pub fn info(&mut self) -> Result<Info> {
        let reply = self.call(&[b"INFO"])?;
        Ok(Info::parse(reply.bytes().ok_or_else(|| malformed("INFO that is no text"))?))
    }

    fn bulk(
        &mut self,
        piece: &mut dyn FnMut(&[u8]) -> Result<()>,
    ) -> Result<std::result::Result<Option<u64>, Refusal>> {
        let line = self.line()?;
        let Some((kind, rest)) = line.split_first() else { return Err(malformed("an empty line")) };
        match kind {
            b'-' => Ok(Err(Refusal::of(rest))),
            b'$' => {
                let Some(bytes) = length(rest)? else { return Ok(Ok(None)) };
                let mut left = bytes;
                while left > 0 {
                    let most = usize::try_from(left).unwrap_or(usize::MAX);
                    let came = self.some()?;
                    let came = came.get(..most).unwrap_or(came);
                    let taken = came.len();
                    piece(came)?;
                    self.start = self.start.saturating_add(taken);
                    left = left.saturating_sub(taken as u64);
                }
                self.line_end()?;
                Ok(Ok(Some(bytes)))
            }
            _ => Err(malformed("not the bytes that were asked for")),
        }
    }

    fn reply(&mut self, depth: u32, budget: &mut u64) -> Result<Reply> {
        let charge = |budget: &mut u64, bytes: u64| -> Result<()> {
            *budget = budget.checked_sub(bytes).ok_or_else(|| malformed("a reply of more than 64 MiB"))?;
            Ok(())
        };
        charge(budget, PART_BYTES)?;
        let line = self.line()?;
        let Some((kind, rest)) = line.split_first() else { return Err(malformed("an empty line")) };
        match kind {
            b'+' => {
                charge(budget, rest.len() as u64)?;
                Ok(Reply::Status(rest.to_vec()))
            }
            b'-' => Ok(Reply::Refused(Refusal::of(rest))),
            b':' => number(rest).map(Reply::Int),
            b'$' => {
                let Some(bytes) = length(rest)? else { return Ok(Reply::Nil) };
                charge(budget, bytes)?;
                let wanted = usize::try_from(bytes).unwrap_or(usize::MAX);
                // Grows as bytes come: what the server says alone takes no memory.
                let mut held = Vec::new();
                while held.len() < wanted {
                    let most = wanted.saturating_sub(held.len());
                    let came = self.some()?;
                    let came = came.get(..most).unwrap_or(came);
                    let taken = came.len();
                    held.extend_from_slice(came);
                    self.start = self.start.saturating_add(taken);
                }
                self.line_end()?;
                Ok(Reply::Bulk(held))
            }
            b'*' => {
                let Some(count) = length(rest)? else { return Ok(Reply::Nil) };
                let deeper = depth.checked_sub(1).ok_or_else(|| malformed("arrays in arrays without end"))?;
                let mut parts = Vec::new();
                for _ in 0..count {
                    parts.push(self.reply(deeper, budget)?);
                }
                Ok(Reply::Array(parts))
            }
            _ => {
                let shown = line.get(..40).unwrap_or(&line).escape_ascii().to_string();
                Err(malformed(&format!("`{shown}`")))
            }
        }
    }

    /// A line without its end.
    pub(super) fn line(&mut self) -> Result<Vec<u8>> {
        let mut line = Vec::new();
        loop {
            let came = self.some()?;
            let end = memchr::memchr(b'\n', came);
            let taken = end.map_or(came.len(), |end| end.saturating_add(1));
            line.extend_from_slice(came.get(..taken).unwrap_or(came));
            self.start = self.start.saturating_add(taken);
            if line.len() > LINE_BYTES {
                return Err(malformed("a line that does not end"));
            }
            if end.is_some() {
                line.pop();
                if line.last() == Some(&b'\r') {
                    line.pop();
                }
                return Ok(line);
            }
        }
    }

    fn line_end(&mut self) -> Result<()> {
        if self.line()?.is_empty() { Ok(()) } else { Err(malformed("bytes after a length that was too small")) }
    }

    /// Bytes that have come, at least one; waits for them.
    fn some(&mut self) -> Result<&[u8]> {
        if self.start >= self.end {
            self.start = 0;
            self.end = match self.link.read(&mut self.input) {
                Ok(0) => return Err(self.lost("read from it", closed())),
                Ok(read) => read,
                Err(error) => return Err(self.lost("read from it", error)),
            };
        }
        Ok(self.input.get(self.start..self.end).unwrap_or_default())
    }

    fn lost(&mut self, what: &'static str, error: io::Error) -> Error {
        self.broken = true;
        if error.kind() == io::ErrorKind::Other && error.to_string() == "interrupted" {
            return Error::new(ErrorKind::Interrupted);
        }
        let hint = match error.kind() {
            io::ErrorKind::TimedOut => {
                "a server that is stopped, swaps, or runs a long command; or a network that drops packets"
            }
            _ => tls::hint(&error)
                .unwrap_or("the server's log says why; one that speaks TLS closes what does not: rediss://"),
        };
        Error::io(what, error).about(self.endpoint.to_string()).with_hint(hint)
    }
}

/// Raw bytes, after what has been read ahead; 0 at the end of the connection.
impl Read for Connection {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        if self.start < self.end {
            let ahead = self.input.get(self.start..self.end).unwrap_or_default();
            let taken = ahead.len().min(to.len());
            if let (Some(to), Some(from)) = (to.get_mut(..taken), ahead.get(..taken)) {
                to.copy_from_slice(from);
            }
            self.start = self.start.saturating_add(taken);
            return Ok(taken);
        }
        self.link.read(to)
    }
}

fn closed() -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, "the server closed the connection")
}

/// AUTH where there is no password.
fn is_open(refusal: &Refusal) -> bool {
    refusal.kind == RefusalKind::Other && refusal.text.contains("without any password configured")
}
