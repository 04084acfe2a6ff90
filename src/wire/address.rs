//! Where a server is, as it is typed.
//!
//! ```text
//! redis[s]://[user@]host[:port][,host[:port]…][/db]      valkey[s]:// means the same
//! redis[s]+sentinel://[user@]h1[:port],h2[:port]/master[/db]
//! redis[s]+cluster://[user@]h1[:port],h2[:port]
//! unix://path[?db=N]
//! ```

use crate::base::{Error, ErrorKind, Result};
use std::fmt;
use std::path::PathBuf;

const PORT: u16 = 6379;
const SENTINEL_PORT: u16 = 26_379;
/// More hosts than anybody types.
const MOST_HOSTS: usize = 256;

/// One end of a TCP connection.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Host {
    /// A name or an IP address, without brackets.
    pub name: String,
    /// The TCP port.
    pub port: u16,
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.name.contains(':') {
            write!(f, "[{}]:{}", self.name, self.port)
        } else {
            write!(f, "{}:{}", self.name, self.port)
        }
    }
}

/// How the server is found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Route {
    /// One of these: a primary with its replicas, or a single server.
    Hosts(Vec<Host>),
    /// A unix socket.
    Unix(PathBuf),
    /// What these sentinels say of a master of this name.
    Sentinel {
        /// The sentinels.
        sentinels: Vec<Host>,
        /// What they call the master.
        master: String,
    },
    /// Any of these nodes knows the cluster.
    Cluster(Vec<Host>),
}

/// Where a server is. `Display` gives it back without the user, safe to print.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// How it is found.
    pub route: Route,
    /// Whether connections are encrypted.
    pub tls: bool,
    /// The ACL user that stands in it.
    pub user: Option<String>,
    /// The numbered database that stands in it.
    pub db: Option<u32>,
}

impl Address {
    /// Whether a text begins as an address of a server does.
    pub fn is_one(text: &str) -> bool {
        text.split_once("://").is_some_and(|(scheme, _)| Scheme::of(scheme).is_some())
    }

    /// Reads an address. `option` is what the message blames.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`]: not an address, or there is a password in it (which the message does not repeat).
    pub fn parse(text: &str, option: &'static str) -> Result<Self> {
        Self::read(text).map_err(|wrong| {
            let error = |what| Error::new(ErrorKind::Usage { option, what });
            match wrong {
                Wrong::Password(hidden) => error(format!("{hidden} has a password in it"))
                    .with_hint("other users of this machine see the arguments of every process; change that password"),
                Wrong::What(what) => error(format!("`{}`: {what}", text.escape_debug())).with_hint(
                    "an address is redis://host:6379, rediss://host, redis+sentinel://h1,h2/master, redis+cluster://h1,h2 \
                     or unix:///path",
                ),
            }
        })
    }

    /// One server.
    pub fn of_host(host: Host, tls: bool) -> Self {
        Self { route: Route::Hosts(vec![host]), tls, user: None, db: None }
    }

    fn read(text: &str) -> std::result::Result<Self, Wrong> {
        let (scheme, rest) = text.split_once("://").ok_or(Wrong::What("there is no :// in it"))?;
        let scheme = Scheme::of(scheme).ok_or(Wrong::What("not a scheme of a server"))?;
        if scheme.kind == SchemeKind::Unix {
            return Self::read_unix(rest, text);
        }
        // A password may hold any character, `/` and `@` too: the last `@` ends it.
        let (user, rest) = match rest.rsplit_once('@') {
            Some((before, after)) => (Some(before), after),
            None => (None, rest),
        };
        if let Some((user, _)) = user.and_then(|user| user.split_once(':')) {
            let scheme = text.split("://").next().unwrap_or_default();
            return Err(Wrong::Password(format!("{scheme}://{user}:***@{rest}")));
        }
        let user = match user {
            Some("") | None => None,
            Some(user) => Some(decoded(user).ok_or(Wrong::What("the user is not percent-encoded UTF-8"))?),
        };
        if rest.contains(['?', '#']) {
            return Err(Wrong::What("it has parameters that mean nothing here"));
        }
        let (hosts, path) = rest.split_once('/').map_or((rest, None), |(hosts, path)| (hosts, Some(path)));
        let default = if scheme.kind == SchemeKind::Sentinel { SENTINEL_PORT } else { PORT };
        let hosts =
            hosts.split(',').map(|host| read_host(host, default)).collect::<std::result::Result<Vec<_>, _>>()?;
        if hosts.len() > MOST_HOSTS {
            return Err(Wrong::What("too many hosts"));
        }
        let path = path.filter(|path| !path.is_empty());
        let (route, db) = match scheme.kind {
            SchemeKind::Sentinel => {
                let (master, db) = path.map_or(("", None), |path| match path.split_once('/') {
                    Some((master, db)) => (master, Some(db)),
                    None => (path, None),
                });
                let master = decoded(master).filter(|master| !master.is_empty());
                let master = master.ok_or(Wrong::What("it names no master: redis+sentinel://h1,h2/MASTER"))?;
                (Route::Sentinel { sentinels: hosts, master }, db.filter(|db| !db.is_empty()))
            }
            SchemeKind::Cluster if path.is_some_and(|path| path != "0") => {
                return Err(Wrong::What("a cluster has no database but 0"));
            }
            SchemeKind::Cluster => (Route::Cluster(hosts), None),
            _ => (Route::Hosts(hosts), path),
        };
        Ok(Self { route, tls: scheme.tls, user, db: db.map(read_db).transpose()? })
    }

    fn read_unix(rest: &str, text: &str) -> std::result::Result<Self, Wrong> {
        // `unix://user:password@/path`, as some clients take it: what stands before the path is a password.
        let before = rest.split('/').next().unwrap_or_default();
        if let Some((user, after)) = before.split_once(':')
            && after.contains('@')
        {
            let path = text.rsplit_once('@').map_or("", |(_, path)| path);
            return Err(Wrong::Password(format!("unix://{user}:***@{path}")));
        }
        let (path, db) = match rest.split_once("?db=") {
            Some((path, db)) => (path, Some(read_db(db)?)),
            None => (rest, None),
        };
        if path.is_empty() || path.contains('?') {
            return Err(Wrong::What("expected unix:///path/of/the/socket or unix:///path?db=N"));
        }
        let path = decoded(path).ok_or(Wrong::What("the path is not percent-encoded UTF-8"))?;
        Ok(Self { route: Route::Unix(path.into()), tls: false, user: None, db })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls { "rediss" } else { "redis" };
        let list = |f: &mut fmt::Formatter<'_>, hosts: &[Host]| {
            hosts.iter().enumerate().try_for_each(|(at, host)| write!(f, "{}{host}", if at > 0 { "," } else { "" }))
        };
        match &self.route {
            Route::Unix(path) => write!(f, "unix://{}", path.display().to_string().escape_debug())?,
            Route::Hosts(hosts) => {
                write!(f, "{scheme}://")?;
                list(f, hosts)?;
            }
            Route::Cluster(hosts) => {
                write!(f, "{scheme}+cluster://")?;
                list(f, hosts)?;
            }
            Route::Sentinel { sentinels, master } => {
                write!(f, "{scheme}+sentinel://")?;
                list(f, sentinels)?;
                write!(f, "/{}", master.escape_debug())?;
            }
        }
        match (self.db, &self.route) {
            (Some(db), Route::Unix(_)) => write!(f, "?db={db}"),
            (Some(db), _) => write!(f, "/{db}"),
            (None, _) => Ok(()),
        }
    }
}

enum Wrong {
    What(&'static str),
    /// The address without the password.
    Password(String),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum SchemeKind {
    Plain,
    Sentinel,
    Cluster,
    Unix,
}

struct Scheme {
    kind: SchemeKind,
    tls: bool,
}

impl Scheme {
    fn of(scheme: &str) -> Option<Self> {
        let scheme = scheme.to_ascii_lowercase();
        if matches!(scheme.as_str(), "unix" | "redis+unix" | "valkey+unix") {
            return Some(Self { kind: SchemeKind::Unix, tls: false });
        }
        let (family, kind) = scheme.split_once('+').unwrap_or((&scheme, ""));
        let tls = match family {
            "redis" | "valkey" => false,
            "rediss" | "valkeys" => true,
            _ => return None,
        };
        let kind = match kind {
            "" if !scheme.contains('+') => SchemeKind::Plain,
            "sentinel" => SchemeKind::Sentinel,
            "cluster" => SchemeKind::Cluster,
            _ => return None,
        };
        Some(Self { kind, tls })
    }
}

fn read_db(text: &str) -> std::result::Result<u32, Wrong> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| digits).ok_or(Wrong::What("the database is not a number"))
}

fn read_host(text: &str, default: u16) -> std::result::Result<Host, Wrong> {
    let (name, port) = if let Some(rest) = text.strip_prefix('[') {
        let (name, after) = rest.split_once(']').ok_or(Wrong::What("a `[` that no `]` ends"))?;
        let port = if after.is_empty() { None } else { Some(after.strip_prefix(':').unwrap_or("")) };
        if name.parse::<std::net::Ipv6Addr>().is_err() {
            return Err(Wrong::What("no IPv6 address between `[` and `]`"));
        }
        (name, port)
    } else {
        match text.split_once(':') {
            Some((_, port)) if port.contains(':') => {
                return Err(Wrong::What("an IPv6 address stands in brackets: [2001:db8::1]:6379"));
            }
            Some((name, port)) => (name, Some(port)),
            None => (text, None),
        }
    };
    if name.is_empty() {
        return Err(Wrong::What("a host is missing"));
    }
    if name.chars().any(|c| c.is_control() || c.is_whitespace() || matches!(c, '[' | ']' | '%' | '*')) {
        return Err(Wrong::What("not the name of a host"));
    }
    let port = match port {
        None => default,
        Some(port) => {
            let digits = port.bytes().all(|byte| byte.is_ascii_digit());
            let port = port.parse().ok().filter(|port| digits && *port > 0);
            port.ok_or(Wrong::What("a port is a number from 1 to 65535"))?
        }
    };
    Ok(Host { name: name.to_owned(), port })
}

/// `%40` and its like; none where it is no UTF-8 afterwards.
fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        if *byte != b'%' {
            bytes.push(*byte);
            continue;
        }
        let (digits, after) = rest.split_first_chunk::<2>()?;
        let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        let [high, low] = *digits;
        bytes.push(digit(high)?.wrapping_mul(16) | digit(low)?);
        rest = after;
    }
    String::from_utf8(bytes).ok().filter(|text| !text.contains('\0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        match Address::parse(text, "SOURCE") {
            Ok(address) => format!("{address} {}", address.user.as_deref().unwrap_or("-")),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn every_form_is_read_and_shown_without_its_user() {
        for (text, expected) in [
            ("redis://h", "redis://h:6379 -"),
            ("valkeys://bk@h:1/3", "rediss://h:1/3 bk"),
            ("redis://[2001:db8::1]:7000", "redis://[2001:db8::1]:7000 -"),
            ("redis://[::1]", "redis://[::1]:6379 -"),
            ("redis://a%40b@h/", "redis://h:6379 a@b"),
            ("redis://h1,h2:7,h3/2", "redis://h1:6379,h2:7,h3:6379/2 -"),
            ("rediss+sentinel://s1,s2:5/mymaster/1", "rediss+sentinel://s1:26379,s2:5/mymaster/1 -"),
            ("valkey+cluster://u@h1,h2:7001", "redis+cluster://h1:6379,h2:7001 u"),
            ("unix:///run/redis/a@b.sock?db=4", "unix:///run/redis/a@b.sock?db=4 -"),
            ("unix://rel/s", "unix://rel/s -"),
        ] {
            assert_eq!(shown(text), expected, "{text}");
        }
    }

    #[test]
    fn what_is_none_is_refused() {
        for text in [
            "redis://",
            "redis://h:0",
            "redis://h:70000",
            "redis://h:+1",
            "redis://h/x",
            "redis://h/+1",
            "redis://h?db=1",
            "redis://2001:db8::1",
            "redis://[nonsense]",
            "redis://[::1]7000",
            "redis://[::1",
            "redis://a,,b",
            "redis+sentinel://h",
            "redis+sentinel://h/",
            "redis+cluster://h/1",
            "redis+tls://h",
            "redis+://h",
            "unix://",
            "unix:///a?x=1",
            "http://h",
            "redis://a%zz@h",
            "redis://h\n",
        ] {
            let error = Address::parse(text, "SOURCE").expect_err(text);
            assert!(matches!(error.kind(), ErrorKind::Usage { option: "SOURCE", .. }), "{text}: {error:?}");
            assert!(!error.to_string().contains('\n'), "{error}");
        }
    }

    #[test]
    fn a_password_is_refused_and_not_repeated() {
        for text in [
            "redis://u:s3cret@h",
            "redis://:s3cret@h:6379/0",
            "rediss+sentinel://u:s3cr/e@t:s3cret@h/m",
            "unix://u:s3cret@/run/s",
            "redis://u:s3cret@",
        ] {
            let error = Address::parse(text, "SOURCE").expect_err(text);
            let said = format!("{error} {error:?} {}", error.hint().unwrap_or_default());
            assert!(said.contains("has a password in it") && !said.contains("s3cr"), "{said}");
        }
    }

    #[test]
    fn nothing_makes_it_panic() {
        let parts =
            ["redis://", "unix://", "[", "]", ":", "@", "/", ",", "%", "%4", "?db=", "é", "\0", "9", "+cluster", "s"];
        for a in parts {
            for b in parts {
                for c in parts {
                    for d in parts {
                        let _ = Address::parse(&format!("{a}{b}{c}{d}"), "SOURCE");
                        let _ = Address::parse(&format!("redis://{a}{b}{c}{d}"), "SOURCE");
                    }
                }
            }
        }
    }
}
