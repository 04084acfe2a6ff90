//! Live servers as sources: a snapshot by the replication protocol, or key by key where that is not allowed.

mod marked;
mod scan;

use crate::base::{Error, ErrorKind, Result, size};
use crate::repository::{BackupKind, ServerFacts};
use crate::wire::{self, Address, ConnectOptions, Ending, Info, Pick, RefusalKind, Role, Route, Snapshot};
use std::io::Read;
use std::path::PathBuf;
use std::time::Duration;

pub use marked::Marked;

/// How the bytes are got.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Via {
    /// [`Via::Sync`], unless the server's memory is too small for a fork. Never [`Via::Scan`].
    #[default]
    Auto,
    /// SYNC: the keyspace at one moment, an RDB of the server's own.
    Sync,
    /// SCAN and DUMP: each key at another moment, an RDB made here.
    Scan,
}

impl Via {
    /// `auto`, `sync` or `scan`.
    pub fn name(self) -> &'static str {
        match self {
            Via::Auto => "auto",
            Via::Sync => "sync",
            Via::Scan => "scan",
        }
    }
}

/// A live server, not connected to yet.
#[derive(Debug, Clone)]
pub struct ServerPlace {
    /// Where it is: one server, or one with its replicas. A cluster is several of these: [`cluster`].
    pub address: Address,
    /// How to connect.
    pub options: ConnectOptions,
    /// How to get the bytes.
    pub via: Via,
    /// How long a replica may not have heard of its primary to be taken.
    pub max_lag: Duration,
    /// Where the names of keys go that do not fit into memory, with [`Via::Scan`].
    pub scratch: PathBuf,
}

/// The same server, read in the same way; how to connect makes no other place of it.
impl PartialEq for ServerPlace {
    fn eq(&self, other: &Self) -> bool {
        self.address == other.address && self.via == other.via
    }
}

impl Eq for ServerPlace {}

impl ServerPlace {
    /// With [`Via::Auto`] and replicas up to 10 s behind.
    pub fn new(address: Address, options: ConnectOptions, scratch: PathBuf) -> Self {
        Self { address, options, via: Via::Auto, max_lag: Duration::from_secs(10), scratch }
    }
}

/// A snapshot that has begun to come.
pub struct Captured {
    /// What the server says of itself. `repl_id` and `repl_offset` stand in the AUX fields of the snapshot: whoever parses it
    /// fills them in.
    pub facts: ServerFacts,
    /// [`BackupKind::Rdb`], or [`BackupKind::Scan`], which is no moment in time.
    pub kind: BackupKind,
    /// Sentences: which server and why, how large, what else it does.
    pub notes: Vec<String>,
    /// Sentences: what the snapshot lacks, or what it may do to the server.
    pub warnings: Vec<String>,
    /// How many bytes will come, where the server has said it.
    pub bytes: Option<u64>,
    /// The RDB, without the mark of the replication protocol. An end is a clean end: a server that dies or is silent is an
    /// error. Memory: a few hundred KiB.
    pub reader: Box<dyn Read + Send>,
}

impl std::fmt::Debug for Captured {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Captured").field("facts", &self.facts).field("kind", &self.kind).finish_non_exhaustive()
    }
}

/// Connects, judges and asks for a snapshot. Returns when its first bytes are about to come.
///
/// # Errors
/// As [`wire::pick`] and [`Snapshot::request`]; [`ErrorKind::Refused`] where [`Via::Auto`] finds too little memory for a fork.
pub fn capture(place: &ServerPlace) -> Result<Captured> {
    let Pick { mut connection, info, reason, notes: mut odd } =
        wire::pick(&place.address, &place.options, place.max_lag)?;
    let endpoint = connection.endpoint().to_string();
    let facts = facts(&endpoint, info.as_ref());
    let mut warnings = Vec::new();
    let mut notes: Vec<_> = reason.into_iter().collect();
    notes.append(&mut odd);
    if let Some(info) = &info {
        if info.is_loading() {
            let error = Error::new(ErrorKind::Server { what: "the server is loading its file".to_owned() });
            return Err(error.about(endpoint).with_hint("try again when INFO says loading:0"));
        }
        notes.push(dataset(info));
    }
    if place.via == Via::Scan {
        let (reader, more) = scan::start(connection, info.as_ref(), place)?;
        warnings
            .push("SCAN takes each key at another moment: what was written meanwhile may be there or not".to_owned());
        warnings.extend(more);
        return Ok(Captured { facts, kind: BackupKind::Scan, notes, warnings, bytes: None, reader });
    }
    if let Some(info) = &info {
        judge(info, place.via, &mut notes, &mut warnings).map_err(|error| error.about(endpoint.clone()))?;
    }
    if place.address.db.is_some() {
        warnings.push("a snapshot has every database, not only that of the address: --db N filters".to_owned());
    }
    connection.flush()?;
    let snapshot = Snapshot::request(connection, info.as_ref())?;
    let (bytes, reader): (_, Box<dyn Read + Send>) = match snapshot.ending() {
        Ending::Length(bytes) => (Some(bytes), Box::new(snapshot)),
        Ending::Mark(mark) => (None, Box::new(Marked::new(snapshot, mark))),
    };
    Ok(Captured { facts, kind: BackupKind::Rdb, notes, warnings, bytes, reader })
}

/// A cluster as one source for each of its primaries.
#[derive(Debug)]
pub struct ClusterPlaces {
    /// The topology they were taken from.
    pub topology: wire::Topology,
    /// Each serving primary with its place, by its first slot.
    pub primaries: Vec<(wire::ClusterNode, ServerPlace)>,
}

/// Asks a cluster for its nodes. The result names what nobody serves: [`wire::Topology::missing`].
///
/// # Errors
/// As [`wire::topology`]; [`ErrorKind::Server`] where no node serves a slot.
pub fn cluster(place: &ServerPlace) -> Result<ClusterPlaces> {
    let topology = wire::topology(&place.address, &place.options)?;
    let each = |node: &wire::ClusterNode| {
        let mut address = Address::of_host(node.host.clone(), place.address.tls);
        address.user.clone_from(&place.address.user);
        (node.clone(), ServerPlace { address, ..place.clone() })
    };
    let primaries: Vec<_> = topology.serving().map(each).collect();
    if primaries.is_empty() {
        let what = "no node of the cluster serves a slot".to_owned();
        return Err(Error::new(ErrorKind::Server { what }).about(place.address.to_string()));
    }
    Ok(ClusterPlaces { topology, primaries })
}

impl ServerPlace {
    /// Whether it is several sources: [`cluster`].
    pub fn is_cluster(&self) -> bool {
        matches!(self.address.route, Route::Cluster(_))
    }
}

fn facts(endpoint: &str, info: Option<&Info>) -> ServerFacts {
    let Some(info) = info else { return ServerFacts { address: endpoint.to_owned(), ..ServerFacts::default() } };
    let shown = |text: Option<&str>| text.unwrap_or_default().escape_debug().to_string();
    ServerFacts {
        address: endpoint.to_owned(),
        family: shown(Some(info.family())),
        version: shown(info.version()),
        mode: shown(info.mode()),
        role: info.role().map_or("", Role::name).to_owned(),
        repl_id: None,
        repl_offset: None,
        append_only: info.flag("aof_enabled"),
        maxmemory_bytes: info.number("maxmemory"),
        modules: info.modules().iter().map(|name| shown(Some(name))).collect(),
    }
}

/// How much there is.
fn dataset(info: &Info) -> String {
    let databases = info.databases();
    let keys = databases.iter().fold(0u64, |sum, each| sum.saturating_add(each.keys));
    let several = |count: u64| if count == 1 { "" } else { "s" };
    let number = databases.len() as u64;
    let mut text = format!("{keys} key{} in {number} database{}", several(keys), several(number));
    if let Some(used) = info.number("used_memory") {
        text.push_str(&format!(", {} of memory", size::human(used)));
    }
    if let (Some(rss), Some(total)) = (info.number("used_memory_rss"), info.number("total_system_memory")) {
        let free = size::human(total.saturating_sub(rss));
        text.push_str(&format!("; its machine has {free} beside it at most, of {}", size::human(total)));
    }
    text
}

/// Whether a server should be asked to fork.
fn judge(info: &Info, via: Via, notes: &mut Vec<String>, warnings: &mut Vec<String>) -> Result<()> {
    for (field, what) in [("rdb_bgsave_in_progress", "a save"), ("aof_rewrite_in_progress", "a rewrite of its log")] {
        if info.flag(field) == Some(true) {
            notes.push(format!("{what} is running: the snapshot begins when that has ended"));
        }
    }
    if info.role() == Some(Role::Replica) && info.link_is_up() == Some(false) {
        // SYNC will be refused; this says it in words of INFO, before anything is asked for.
        let what = "this replica's link to its primary is down".to_owned();
        let hint = "take the primary, or wait until INFO says master_link_status:up";
        return Err(Error::new(ErrorKind::Server { what }).with_hint(hint));
    }
    let numbers = ["used_memory", "used_memory_rss", "total_system_memory"].map(|name| info.number(name));
    let [Some(used), Some(rss), Some(total)] = numbers else { return Ok(()) };
    let free = total.saturating_sub(rss);
    if total == 0 || used <= free {
        return Ok(());
    }
    let what = format!(
        "a snapshot makes the server fork, and what is written meanwhile is held twice: {} in use, and at most {} free",
        size::human(used),
        size::human(free)
    );
    if via == Via::Sync {
        warnings.push(what);
        return Ok(());
    }
    let hint = "take a replica on another machine; --via sync does it nevertheless; --via scan needs no fork (not one moment in \
                time)";
    Err(Error::new(ErrorKind::Refused { what }).with_hint(hint))
}

/// Whether a refusal means that this way is closed, and another one may be open.
fn is_closed(kind: &RefusalKind) -> bool {
    matches!(kind, RefusalKind::NoPerm | RefusalKind::UnknownCommand)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(text: &str, via: Via) -> std::result::Result<(Vec<String>, Vec<String>), String> {
        let (mut notes, mut warnings) = (Vec::new(), Vec::new());
        judge(&Info::parse(text.as_bytes()), via, &mut notes, &mut warnings)
            .map(|()| (notes, warnings))
            .map_err(|error| format!("{error} / {}", error.hint().unwrap_or_default()))
    }

    #[test]
    fn a_fork_that_may_not_fit_is_refused_unless_asked_for() {
        let tight = "used_memory:6000\r\nused_memory_rss:7000\r\ntotal_system_memory:10000\r\n";
        let error = judged(tight, Via::Auto).expect_err("too little memory");
        assert!(error.contains("at most") && error.contains("--via scan") && error.contains("replica"), "{error}");
        assert_eq!(judged(tight, Via::Sync).map(|(_, warnings)| warnings.len()), Ok(1));
        let roomy =
            "used_memory:2000\r\nused_memory_rss:3000\r\ntotal_system_memory:10000\r\nrdb_bgsave_in_progress:1\r\n";
        assert_eq!(judged(roomy, Via::Auto).map(|(notes, warnings)| (notes.len(), warnings.len())), Ok((1, 0)));
        assert!(judged("", Via::Auto).is_ok(), "what is not known refuses nothing");
    }
}
