//! A socket that waits in short slices, so that a silent peer and a request to stop are both noticed without a clock.

use super::address::Host;
use super::options::ConnectOptions;
use super::tls;
use crate::base::{Cancel, Error, ErrorKind, Result};
use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

/// How long one wait lasts at most.
const SLICE: Duration = Duration::from_millis(100);

/// What a TLS session runs on, and what is spoken in the clear.
pub(super) trait Socket: Read + Write + Send {}
impl<T: Read + Write + Send> Socket for T {}

pub(super) struct Link {
    socket: Box<dyn Socket>,
    silence: Duration,
    cancel: Cancel,
}

/// Says that somebody asked to stop, in a way that no reader takes for "try again".
fn interrupted() -> io::Error {
    io::Error::other("interrupted")
}

impl Link {
    pub(super) fn tcp(host: &Host, secure: bool, options: &ConnectOptions) -> Result<Self> {
        let about = || host.to_string();
        let addresses = (host.name.as_str(), host.port).to_socket_addrs().map_err(|error| {
            Error::io("find the address of it", error)
                .about(about())
                .with_hint("is the name spelt right, and known here?")
        })?;
        let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
        for address in addresses {
            if options.cancel.is_cancelled() {
                return Err(Error::new(ErrorKind::Interrupted));
            }
            match TcpStream::connect_timeout(&address, options.connect_timeout) {
                Ok(socket) => {
                    let slices = |socket: &TcpStream| {
                        socket.set_read_timeout(Some(slice(options.silence)))?;
                        socket.set_write_timeout(Some(slice(options.silence)))?;
                        socket.set_nodelay(true)
                    };
                    slices(&socket).map_err(|error| Error::io("prepare the connection", error).about(about()))?;
                    return Self::over(socket, secure.then_some(host), options);
                }
                Err(error) => last = error,
            }
        }
        Err(refused(last).about(about()))
    }

    pub(super) fn unix(path: &Path, options: &ConnectOptions) -> Result<Self> {
        let about = || path.display().to_string();
        let socket = UnixStream::connect(path).map_err(|error| {
            let hint = match error.kind() {
                io::ErrorKind::NotFound => "is the server running with `unixsocket` set to this path?",
                io::ErrorKind::PermissionDenied => "`unixsocketperm` and the folders above decide who may use it",
                _ => "no server listens on this socket: is it running?",
            };
            Error::io("connect to it", error).about(about()).with_hint(hint)
        })?;
        let slices = || {
            socket.set_read_timeout(Some(slice(options.silence)))?;
            socket.set_write_timeout(Some(slice(options.silence)))
        };
        slices().map_err(|error| Error::io("prepare the connection", error).about(about()))?;
        Ok(Self { socket: Box::new(socket), silence: options.silence, cancel: options.cancel.clone() })
    }

    fn over(socket: TcpStream, secure: Option<&Host>, options: &ConnectOptions) -> Result<Self> {
        let socket: Box<dyn Socket> = match secure {
            Some(host) => tls::wrap(socket, host, options)?,
            None => Box::new(socket),
        };
        Ok(Self { socket, silence: options.silence, cancel: options.cancel.clone() })
    }

    /// Until the peer goes on, is silent for too long, or somebody asks to stop.
    fn patiently<T>(&mut self, mut act: impl FnMut(&mut dyn Socket) -> io::Result<T>) -> io::Result<T> {
        let mut waited = Duration::ZERO;
        loop {
            if self.cancel.is_cancelled() {
                return Err(interrupted());
            }
            match act(&mut self.socket) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if is_wait(&error) => {
                    waited = waited.saturating_add(slice(self.silence));
                    if waited >= self.silence {
                        let seconds = self.silence.as_secs_f32();
                        let what = format!("the server has been silent for {seconds} s");
                        return Err(io::Error::new(io::ErrorKind::TimedOut, what));
                    }
                }
                done => return done,
            }
        }
    }

    pub(super) fn write_all(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            match self.patiently(|socket| socket.write(bytes))? {
                0 => return Err(io::ErrorKind::WriteZero.into()),
                written => bytes = bytes.get(written..).unwrap_or_default(),
            }
        }
        self.patiently(|socket| socket.flush())
    }
}

impl Read for Link {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        self.patiently(|socket| socket.read(to))
    }
}

fn slice(silence: Duration) -> Duration {
    silence.clamp(Duration::from_millis(1), SLICE)
}

/// Both are what a socket says whose time is over.
pub(super) fn is_wait(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}

fn refused(error: io::Error) -> Error {
    let hint = match error.kind() {
        io::ErrorKind::ConnectionRefused => {
            "nothing listens there: is the server running, and do its `bind` and `port` allow this address?"
        }
        io::ErrorKind::TimedOut => "no answer: a firewall, a wrong address, or a host that is down",
        _ => "can this host be reached from here?",
    };
    Error::io("connect to it", error).with_hint(hint)
}
