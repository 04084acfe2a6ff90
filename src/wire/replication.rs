//! The replication handshake: a server sends a snapshot to whom it takes for a replica.
//!
//! ```text
//! REPLCONF rdb-only 1          +OK from 7.0 on: no stream of commands comes after, and no buffer is kept for it
//! REPLCONF capa eof            only if that was taken: straight from memory, without the server's disk
//! REPLCONF version 9.0.0       to Valkey 9: without it there comes an RDB 11, or nothing where fields expire
//! SYNC
//!   \n …                       once a second while it gets ready
//!   $length\r\n | $EOF:mark\r\n      then the RDB; after one of unknown length the mark of 40 bytes
//! ```

use super::connection::Connection;
use super::info::Info;
use super::refusal::{Refusal, RefusalKind};
use super::reply::{Reply, length, malformed};
use crate::base::{Error, Result};
use std::io::{self, Read};

/// Bytes of the mark after a snapshot of unknown length.
pub const MARK_BYTES: usize = 40;
/// What Valkey is told that we are: 9.0.0 takes RDB 80, the newest that is known here.
const VALKEY_VERSION: &[u8] = b"9.0.0";

/// How a reader knows that the snapshot is whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// After so many bytes.
    Length(u64),
    /// These bytes stand after the RDB. They do not change while a server lives, and so may stand in a value too: only who
    /// follows the records can tell where the RDB ends.
    Mark([u8; MARK_BYTES]),
}

/// A snapshot on its way. Reading gives the bytes as the server sends them. With [`Ending::Length`] it ends after them, and
/// fails if there are fewer; with [`Ending::Mark`] it goes on until the connection closes, mark and all.
pub struct Snapshot {
    connection: Connection,
    ending: Ending,
    left: u64,
    came: u64,
}

impl Snapshot {
    /// How it ends.
    pub fn ending(&self) -> Ending {
        self.ending
    }

    /// Asks for a snapshot on a connection that has no replies outstanding. Waits until the server begins to send.
    ///
    /// # Errors
    /// [`ErrorKind::Server`](crate::base::ErrorKind::Server) with what it said: it may not, it is loading, its link is down, it does not know SYNC.
    pub fn request(mut connection: Connection, info: Option<&Info>) -> Result<Self> {
        let about = connection.endpoint().to_string();
        let valkey_9 =
            info.is_none_or(|info| info.family() == "valkey" && info.major_minor().is_none_or(|(major, _)| major >= 9));
        let lean = taken(&mut connection, b"rdb-only", b"1")?;
        // Where a stream of commands would follow, only a length says where the snapshot ends.
        if lean {
            taken(&mut connection, b"capa", b"eof")?;
        }
        if valkey_9 {
            taken(&mut connection, b"version", VALKEY_VERSION)?;
        }
        connection.send(&[b"SYNC"])?;
        connection.flush()?;
        let line = loop {
            let line = connection.line()?;
            if !line.is_empty() {
                break line;
            }
        };
        let ending = match line.split_first() {
            Some((b'-', rest)) => return Err(denied(&Refusal::of(rest)).about(about)),
            Some((b'$', rest)) => ending(rest).map_err(|error| error.about(about))?,
            _ => return Err(malformed("SYNC gives no snapshot").about(about)),
        };
        let left = if let Ending::Length(bytes) = ending { bytes } else { u64::MAX };
        Ok(Self { connection, ending, left, came: 0 })
    }
}

fn ending(text: &[u8]) -> Result<Ending> {
    if let Some(mark) = text.strip_prefix(b"EOF:") {
        let mark = <[u8; MARK_BYTES]>::try_from(mark).map_err(|_| malformed("a mark that is not 40 bytes"))?;
        return Ok(Ending::Mark(mark));
    }
    length(text)?.map(Ending::Length).ok_or_else(|| malformed("a snapshot of no length"))
}

/// Whether the server takes this setting. One that it does not know is no error; that the user may not, is.
fn taken(connection: &mut Connection, name: &[u8], value: &[u8]) -> Result<bool> {
    match connection.command(&[b"REPLCONF", name, value])? {
        Reply::Refused(refusal) if refusal.kind == RefusalKind::Other => Ok(false),
        Reply::Refused(refusal) => Err(denied(&refusal).about(connection.endpoint().to_string())),
        _ => Ok(true),
    }
}

fn denied(refusal: &Refusal) -> Error {
    let error = refusal.error();
    match refusal.kind {
        RefusalKind::NoPerm => error.with_hint(
            "an ACL user that may: ACL SETUSER bk on >PASSWORD +info +sync +replconf; where SYNC must not be, --via scan \
             takes every key by itself (not one moment in time)",
        ),
        RefusalKind::UnknownCommand => error.with_hint(
            "managed services take SYNC away: --via scan takes every key by itself (not one moment in time), or export a \
             snapshot with the provider's own tool",
        ),
        _ => error,
    }
}

impl Read for Snapshot {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(to.len());
        let Some(to) = to.get_mut(..most).filter(|to| !to.is_empty()) else { return Ok(0) };
        let read = self.connection.read(to)?;
        self.came = self.came.saturating_add(read as u64);
        if let Ending::Length(bytes) = self.ending {
            if read == 0 {
                let what = format!("truncated: the server closed the connection after {} of {bytes} bytes", self.came);
                return Err(io::Error::new(io::ErrorKind::UnexpectedEof, what));
            }
            self.left = self.left.saturating_sub(read as u64);
        }
        Ok(read)
    }
}

impl Snapshot {
    /// Bytes that have come.
    pub fn came(&self) -> u64 {
        self.came
    }

    /// Of which server.
    pub fn source(&self) -> String {
        self.connection.endpoint().to_string()
    }
}
