//! What a server says instead of an answer, and what to do about it.

use super::address::Host;
use crate::base::{Error, ErrorKind};

/// The longest text of a refusal that is shown.
const SHOWN_BYTES: usize = 300;

/// An error reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// What it means.
    pub kind: RefusalKind,
    /// What the server said, escaped and at most a few hundred bytes.
    pub text: String,
}

/// What an error reply means.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum RefusalKind {
    /// It wants a password.
    NoAuth,
    /// User and password do not fit.
    WrongPass,
    /// The user may not do that.
    NoPerm,
    /// It takes no connections from other machines.
    ProtectedMode,
    /// It has as many clients as it takes.
    TooManyClients,
    /// It loads its file.
    Loading,
    /// A replica without its primary.
    NoMasterLink,
    /// A replica that gives nothing out without its primary.
    MasterDown,
    /// A script or function that does not end.
    Busy,
    /// It cannot save, and so takes no writes.
    Misconf,
    /// Memory has come to its limit.
    OutOfMemory,
    /// A replica that takes no writes.
    ReadOnly,
    /// The key is there already.
    BusyKey,
    /// Another node has the slot.
    Moved {
        /// The slot.
        slot: u16,
        /// Who has it; with an empty name: whoever answered, on another port.
        host: Host,
    },
    /// Another node has the key while the slot moves.
    Ask {
        /// The slot.
        slot: u16,
        /// Who has it.
        host: Host,
    },
    /// The keys of one command are in the middle of a move.
    TryAgain,
    /// The cluster serves nothing, or not this slot.
    ClusterDown,
    /// A command that this server does not know.
    UnknownCommand,
    /// Anything else.
    Other,
}

impl Refusal {
    /// Of the line after `-`.
    pub(super) fn of(line: &[u8]) -> Self {
        let text = line.get(..SHOWN_BYTES).unwrap_or(line).escape_ascii().to_string();
        let words = String::from_utf8_lossy(line.get(..SHOWN_BYTES).unwrap_or(line));
        let code = words.split(' ').next().unwrap_or_default();
        let has = |part: &str| words.to_ascii_lowercase().contains(part);
        let kind = match code {
            "NOAUTH" => RefusalKind::NoAuth,
            "WRONGPASS" => RefusalKind::WrongPass,
            "NOPERM" => RefusalKind::NoPerm,
            "DENIED" => RefusalKind::ProtectedMode,
            "LOADING" => RefusalKind::Loading,
            "NOMASTERLINK" => RefusalKind::NoMasterLink,
            "MASTERDOWN" => RefusalKind::MasterDown,
            "BUSY" => RefusalKind::Busy,
            "MISCONF" => RefusalKind::Misconf,
            "OOM" => RefusalKind::OutOfMemory,
            "READONLY" => RefusalKind::ReadOnly,
            "BUSYKEY" => RefusalKind::BusyKey,
            "TRYAGAIN" => RefusalKind::TryAgain,
            "CLUSTERDOWN" => RefusalKind::ClusterDown,
            "MOVED" | "ASK" => match redirection(&words) {
                Some((slot, host)) if code == "ASK" => RefusalKind::Ask { slot, host },
                Some((slot, host)) => RefusalKind::Moved { slot, host },
                None => RefusalKind::Other,
            },
            "ERR" if has("unknown command") => RefusalKind::UnknownCommand,
            "ERR" if has("max number of clients") => RefusalKind::TooManyClients,
            "ERR" if has("invalid password") => RefusalKind::WrongPass,
            _ => RefusalKind::Other,
        };
        Self { kind, text }
    }

    /// The same as an error, with what helps.
    pub fn error(&self) -> Error {
        let hint = match self.kind {
            RefusalKind::NoAuth => "--password-file FILE or REDISCLI_AUTH gives the password, --user the ACL user",
            RefusalKind::WrongPass => "is it the password of this user (--user), and is the user on (ACL GETUSER)?",
            RefusalKind::NoPerm => "an ACL user that may: ACL SETUSER NAME +COMMAND",
            RefusalKind::ProtectedMode => {
                "protected mode: the server takes other machines only with a password; set one, or connect from its own host"
            }
            RefusalKind::TooManyClients => "the server's `maxclients` is reached",
            RefusalKind::Loading => "the server reads its file; try again when INFO says loading:0",
            RefusalKind::NoMasterLink | RefusalKind::MasterDown => {
                "this replica has lost its primary: take the primary, or wait until INFO says master_link_status:up"
            }
            RefusalKind::Busy => "a script runs; SCRIPT KILL or FUNCTION KILL ends one that has written nothing",
            RefusalKind::Misconf => "the server cannot save to its disk: see its log and LASTSAVE",
            RefusalKind::OutOfMemory => "the server has come to its `maxmemory`",
            RefusalKind::ReadOnly => "this is a replica: take its primary",
            RefusalKind::Moved { .. } | RefusalKind::Ask { .. } => {
                "a node of a cluster: redis+cluster://HOST:PORT takes all of them"
            }
            RefusalKind::ClusterDown => "CLUSTER INFO says which slots nobody serves",
            RefusalKind::UnknownCommand => "some services and configurations take commands away (rename-command)",
            RefusalKind::BusyKey | RefusalKind::TryAgain | RefusalKind::Other => {
                return Error::new(ErrorKind::Server { what: self.text.clone() });
            }
        };
        Error::new(ErrorKind::Server { what: self.text.clone() }).with_hint(hint)
    }
}

/// `MOVED 866 192.0.2.1:7001`; the host may be an IPv6 address without brackets, a name, or nothing.
fn redirection(text: &str) -> Option<(u16, Host)> {
    let mut words = text.split(' ').skip(1);
    let slot = words.next()?.parse().ok().filter(|slot| *slot < 16_384)?;
    let (name, port) = words.next()?.rsplit_once(':')?;
    Some((slot, Host { name: name.to_owned(), port: port.parse().ok().filter(|port| *port > 0)? }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kinds_are_known() {
        let kind = |line: &str| Refusal::of(line.as_bytes()).kind;
        assert_eq!(kind("NOAUTH Authentication required."), RefusalKind::NoAuth);
        assert_eq!(kind("ERR unknown command 'SYNC'"), RefusalKind::UnknownCommand);
        assert_eq!(kind("ERR max number of clients reached"), RefusalKind::TooManyClients);
        let host = Host { name: "192.0.2.1".into(), port: 7001 };
        assert_eq!(kind("MOVED 866 192.0.2.1:7001"), RefusalKind::Moved { slot: 866, host });
        let host = Host { name: "2001:db8::1".into(), port: 1 };
        assert_eq!(kind("ASK 1 2001:db8::1:1"), RefusalKind::Ask { slot: 1, host });
        for odd in ["MOVED", "MOVED 99999 h:1", "MOVED 1 h:0", "MOVED 1 h", "", " ", "-"] {
            assert_eq!(kind(odd), RefusalKind::Other, "{odd}");
        }
    }

    #[test]
    fn hostile_text_is_escaped_and_cut() {
        let mut line = b"NOPERM \x1b[31m\r".to_vec();
        line.resize(100_000, b'x');
        let text = Refusal::of(&line).error().to_string();
        assert!(text.starts_with("NOPERM \\x1b[31m\\r") && text.len() < 400, "{text}");
    }
}
