//! Which server to take: a healthy replica when there are several, else the primary, and why.

use super::address::{Address, Host, Route};
use super::connection::{Connection, Endpoint};
use super::info::{Info, Role};
use super::options::ConnectOptions;
use super::refusal::RefusalKind;
use super::reply::Reply;
use super::sentinel::ask_sentinels;
use crate::base::{Error, ErrorKind, Result, size};
use std::time::Duration;

/// A server that was taken.
pub struct Pick {
    /// The connection to it; nothing but INFO was asked on it.
    pub connection: Connection,
    /// What it said of itself; none where INFO is not allowed.
    pub info: Option<Info>,
    /// Which one and why, where there was a choice: "took replica h:6379: link up, 0 s behind".
    pub reason: Option<String>,
    /// Why others were not taken, and what was odd: a sentence each.
    pub notes: Vec<String>,
}

/// Connects to the server that a snapshot should be taken of. Of several, that is a replica whose link is up, that has heard of
/// its primary within `max_lag` and is not itself in the middle of a sync: the one least behind, then the first. Without such
/// a one it is the primary.
///
/// # Errors
/// Nothing could be reached; of a single server its error. [`ErrorKind::Usage`] for a cluster: take its nodes one by one.
pub fn pick(address: &Address, options: &ConnectOptions, max_lag: Duration) -> Result<Pick> {
    let options = &with_user(address, options);
    let tcp = |host: &Host| Endpoint::Tcp { host: host.clone(), tls: address.tls };
    match &address.route {
        Route::Unix(path) => single(&Endpoint::Unix(path.clone()), options),
        Route::Hosts(hosts) => match hosts.as_slice() {
            [only] => single(&tcp(only), options),
            several => best(&several.iter().map(tcp).collect::<Vec<_>>(), options, max_lag),
        },
        Route::Sentinel { sentinels, master } => {
            let watched = ask_sentinels(sentinels, address.tls, master, options)?;
            let endpoints: Vec<_> = watched.replicas.iter().chain([&watched.primary]).map(tcp).collect();
            best(&endpoints, options, max_lag)
        }
        Route::Cluster(_) => Err(is_cluster(address)),
    }
}

/// Connects to the server that takes writes.
///
/// # Errors
/// As [`pick`]; [`ErrorKind::Server`] where no host is a primary.
pub fn primary(address: &Address, options: &ConnectOptions) -> Result<Pick> {
    let options = &with_user(address, options);
    let tcp = |host: &Host| Endpoint::Tcp { host: host.clone(), tls: address.tls };
    let endpoints = match &address.route {
        Route::Unix(path) => vec![Endpoint::Unix(path.clone())],
        Route::Hosts(hosts) => hosts.iter().map(tcp).collect(),
        Route::Sentinel { sentinels, master } => {
            vec![tcp(&ask_sentinels(sentinels, address.tls, master, options)?.primary)]
        }
        Route::Cluster(_) => return Err(is_cluster(address)),
    };
    let mut notes = Vec::new();
    let mut last = None;
    for endpoint in &endpoints {
        match single(endpoint, options) {
            Ok(pick) if pick.info.as_ref().is_none_or(|info| info.role() != Some(Role::Replica)) => {
                return Ok(Pick { notes, ..pick });
            }
            Ok(_) => notes.push(format!("{endpoint} is a replica")),
            Err(error) if matches!(error.kind(), ErrorKind::Interrupted) => return Err(error),
            Err(error) => {
                notes.push(error.to_string());
                last = Some(error);
            }
        }
    }
    match last {
        Some(error) if endpoints.len() == 1 => Err(error),
        _ => {
            let what = format!("no primary: {}", notes.join("; "));
            Err(Error::new(ErrorKind::Server { what })
                .with_hint("name the primary of this replica (INFO: master_host)"))
        }
    }
}

/// The options with the user that stands in the address, unless there is another one.
pub(super) fn with_user(address: &Address, options: &ConnectOptions) -> ConnectOptions {
    ConnectOptions { user: options.user.clone().or_else(|| address.user.clone()), ..options.clone() }
}

fn is_cluster(address: &Address) -> Error {
    let what = format!("{address} is a cluster, not one server");
    Error::new(ErrorKind::Usage { option: "SOURCE", what }).with_hint("name one of its nodes by redis://HOST:PORT")
}

fn single(endpoint: &Endpoint, options: &ConnectOptions) -> Result<Pick> {
    let mut connection = Connection::open(endpoint, options)?;
    let mut notes = connection.notes().to_vec();
    let info = match connection.command(&[b"INFO"])? {
        Reply::Refused(refusal) if matches!(refusal.kind, RefusalKind::NoPerm | RefusalKind::UnknownCommand) => {
            notes
                .push("INFO is not allowed, so nothing is known of its memory, saves and role (ACL: +info)".to_owned());
            None
        }
        reply => {
            let reply = reply.checked().map_err(|error| error.about(endpoint.to_string()))?;
            Some(Info::parse(reply.bytes().unwrap_or_default()))
        }
    };
    Ok(Pick { connection, info, reason: None, notes })
}

/// Why a replica is not one to take.
fn ails(info: &Info, max_lag: Duration) -> Option<String> {
    if info.is_loading() {
        return Some("it reads its file".to_owned());
    }
    if info.syncs() {
        return Some("it takes a full sync itself".to_owned());
    }
    if info.link_is_up() != Some(true) {
        return Some("its link to the primary is down".to_owned());
    }
    let silence = info.silence_secs()?;
    (silence > max_lag.as_secs()).then(|| format!("it has not heard of its primary for {silence} s"))
}

fn best(endpoints: &[Endpoint], options: &ConnectOptions, max_lag: Duration) -> Result<Pick> {
    let mut notes = Vec::new();
    let mut primary: Option<Pick> = None;
    let mut replicas: Vec<(Pick, Info)> = Vec::new();
    let mut last = None;
    for endpoint in endpoints {
        match single(endpoint, options) {
            Err(error) if matches!(error.kind(), ErrorKind::Interrupted) => return Err(error),
            Err(error) => {
                notes.push(format!("passed over {error}"));
                last = Some(error);
            }
            Ok(pick) => match pick.info.clone() {
                None => notes.push(format!("passed over {endpoint}: INFO is not allowed there")),
                Some(info) if info.role() == Some(Role::Replica) => match ails(&info, max_lag) {
                    Some(why) => notes.push(format!("passed over replica {endpoint}: {why}")),
                    None => replicas.push((pick, info)),
                },
                Some(info) if info.is_loading() => notes.push(format!("passed over {endpoint}: it reads its file")),
                Some(_) if primary.is_some() => {
                    let what =
                        format!("{endpoint} and another one are both primaries: not one server and its replicas");
                    return Err(Error::new(ErrorKind::Server { what }).with_hint("name them as SOURCEs of their own"));
                }
                Some(_) => primary = Some(pick),
            },
        }
    }
    let written = primary.as_ref().and_then(|pick| pick.info.as_ref()?.offset());
    let behind = |info: &Info| {
        let bytes = written.zip(info.offset()).map(|(written, read)| written.saturating_sub(read));
        (info.silence_secs().unwrap_or(u64::MAX), bytes.unwrap_or(u64::MAX))
    };
    // Bytes tell more than seconds, where the primary is there to compare with.
    let rank = |(_, info): &(Pick, Info)| (behind(info).1, behind(info).0);
    let least = replicas.iter().enumerate().min_by_key(|(at, replica)| (rank(replica), *at)).map(|(at, _)| at);
    let mut pick = if let Some(at) = least {
        let (pick, info) = replicas.swap_remove(at);
        let (seconds, bytes) = behind(&info);
        let mut reason = format!("took replica {}: link up", pick.connection.endpoint());
        if seconds < u64::MAX {
            reason.push_str(&format!(", heard of its primary {seconds} s ago"));
        }
        if bytes < u64::MAX {
            reason.push_str(&format!(", {} behind", size::human(bytes)));
        }
        Pick { reason: Some(reason), ..pick }
    } else if let Some(pick) = primary {
        let reason = format!("took primary {}: no healthy replica", pick.connection.endpoint());
        Pick { reason: Some(reason), ..pick }
    } else {
        let what = format!("no server to take: {}", notes.join("; "));
        let error = Error::new(ErrorKind::Server { what });
        return Err(match last.as_ref().and_then(Error::hint) {
            Some(hint) => error.with_hint(hint),
            None => error.with_hint("a replica whose link is up, or the primary, has to be among them"),
        });
    };
    pick.notes.splice(0..0, notes);
    Ok(pick)
}
