//! What sentinels know of a master.

use super::address::Host;
use super::connection::{Connection, Endpoint};
use super::options::ConnectOptions;
use super::refusal::RefusalKind;
use super::reply::{Reply, malformed};
use crate::base::{Error, ErrorKind, Result};

/// What one sentinel says of a master.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Watched {
    /// Who takes the writes.
    pub primary: Host,
    /// The replicas that it holds to be up, in the order of their addresses.
    pub replicas: Vec<Host>,
}

/// Asks the sentinels in turn; the first that knows the master and its replicas answers for all. The password is shown only
/// to a sentinel that asks for one.
///
/// # Errors
/// What each of them said, where none knows.
pub fn ask_sentinels(sentinels: &[Host], tls: bool, master: &str, options: &ConnectOptions) -> Result<Watched> {
    let mut said = Vec::new();
    for host in sentinels {
        match ask(host, tls, master, options) {
            Ok(watched) => return Ok(watched),
            Err(error) if matches!(error.kind(), ErrorKind::Interrupted) => return Err(error),
            Err(error) => said.push(error.about(host.to_string()).to_string()),
        }
    }
    let what = format!("no sentinel knows the master `{}`: {}", master.escape_debug(), said.join("; "));
    let hint = "SENTINEL MASTERS on one of them lists the names; a sentinel's own port is 26379";
    Err(Error::new(ErrorKind::Server { what }).with_hint(hint))
}

fn ask(host: &Host, tls: bool, master: &str, options: &ConnectOptions) -> Result<Watched> {
    let mut connection = Connection::open_anonymous(&Endpoint::Tcp { host: host.clone(), tls }, options)?;
    let words: [&[u8]; 3] = [b"SENTINEL", b"GET-MASTER-ADDR-BY-NAME", master.as_bytes()];
    let mut reply = connection.command(&words)?;
    if matches!(&reply, Reply::Refused(refusal) if refusal.kind == RefusalKind::NoAuth) && options.password.is_some() {
        connection.authenticate(options)?;
        reply = connection.command(&words)?;
    }
    let reply = reply.checked()?;
    if reply == Reply::Nil {
        return Err(Error::new(ErrorKind::Server { what: "it does not watch that master".to_owned() }));
    }
    let primary = match reply.array() {
        Some([name, port]) => host_of(name, port),
        _ => None,
    };
    let primary = primary.ok_or_else(|| malformed("the address of a master that is none"))?;
    let listed = connection.call(&[b"SENTINEL", b"REPLICAS", master.as_bytes()])?;
    let up = |replica: &&Reply| {
        let flags = replica.field("flags").and_then(Reply::text).unwrap_or_default();
        !flags.split(',').any(|flag| matches!(flag, "s_down" | "o_down" | "disconnected"))
    };
    let place = |replica: &Reply| host_of(replica.field("ip")?, replica.field("port")?);
    let mut replicas: Vec<_> = listed.array().unwrap_or_default().iter().filter(up).filter_map(place).collect();
    replicas.sort();
    replicas.dedup();
    Ok(Watched { primary, replicas })
}

fn host_of(name: &Reply, port: &Reply) -> Option<Host> {
    let name = name.text().filter(|name| !name.is_empty() && !name.contains(|c: char| c.is_control()))?;
    let port = port.text()?.parse().ok().filter(|port| *port > 0)?;
    Some(Host { name: name.to_owned(), port })
}
