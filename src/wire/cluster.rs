//! The nodes of a cluster, as one of them tells it.
//!
//! CLUSTER NODES says the same on every version, one line a node:
//! `id host:port@bus[,hostname][,aux=…] flags primary ping pong epoch link slots…`

use super::address::{Address, Host, Route};
use super::connection::{Connection, Endpoint};
use super::options::ConnectOptions;
use super::reply::malformed;
use crate::base::{Error, ErrorKind, Result};

/// Slots of a cluster.
pub const SLOTS: u16 = 16_384;
/// More nodes than any cluster has.
const MOST_NODES: usize = 10_000;

/// One node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClusterNode {
    /// Its id: 40 hexadecimal digits.
    pub id: String,
    /// Where it takes clients.
    pub host: Host,
    /// Whether it is a primary.
    pub primary: bool,
    /// Of a replica: the id of its primary.
    pub replica_of: Option<String>,
    /// Whether the others have lost it.
    pub failed: bool,
    /// The slots it serves, first and last of each range, in order.
    pub slots: Vec<(u16, u16)>,
    /// Whether slots move to it or away from it.
    pub moving: bool,
}

impl ClusterNode {
    /// `0-5460`, `5462`.
    pub fn ranges(&self) -> Vec<String> {
        self.slots.iter().map(|range| range_text(*range)).collect()
    }
}

/// A cluster at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Topology {
    /// Every node: primaries by their first slot, those without slots after them, then replicas; by id where equal.
    pub nodes: Vec<ClusterNode>,
}

impl Topology {
    /// The primaries that serve slots and have not failed, by their first slot.
    pub fn serving(&self) -> impl Iterator<Item = &ClusterNode> {
        self.nodes.iter().filter(|node| node.primary && !node.failed && !node.slots.is_empty())
    }

    /// The replicas of a node that have not failed.
    pub fn replicas_of<'a>(&'a self, id: &'a str) -> impl Iterator<Item = &'a ClusterNode> {
        self.nodes.iter().filter(move |node| !node.failed && node.replica_of.as_deref() == Some(id))
    }

    /// The node that serves a slot.
    pub fn owner(&self, slot: u16) -> Option<&ClusterNode> {
        self.serving().find(|node| node.slots.iter().any(|(first, last)| (*first..=*last).contains(&slot)))
    }

    /// The slots that nobody serves.
    pub fn missing(&self) -> Vec<(u16, u16)> {
        let mut served: Vec<_> = self.serving().flat_map(|node| node.slots.iter().copied()).collect();
        served.sort_unstable();
        let mut missing = Vec::new();
        let mut next = 0;
        for (first, last) in served {
            if first > next {
                missing.push((next, first.saturating_sub(1)));
            }
            next = next.max(last.saturating_add(1));
        }
        if next < SLOTS {
            missing.push((next, SLOTS.saturating_sub(1)));
        }
        missing
    }

    /// [`Topology::missing`] as text: `0-99`, `5462`.
    pub fn missing_text(&self) -> Vec<String> {
        self.missing().into_iter().map(range_text).collect()
    }

    /// Whether slots are on the move, so that keys can be missed or met twice.
    pub fn moving(&self) -> bool {
        self.nodes.iter().any(|node| node.moving)
    }

    /// Reads CLUSTER NODES as `asked` says it: a node that does not know its own name has that one's.
    fn parse(text: &str, asked: &Host, tls: bool) -> Result<Self> {
        let mut nodes = Vec::new();
        for line in text.lines().filter(|line| !line.is_empty() && !is_out_of_reach(line)) {
            if nodes.len() >= MOST_NODES {
                return Err(malformed("too many nodes in a cluster"));
            }
            nodes.push(node(line, asked, tls).ok_or_else(|| malformed("CLUSTER NODES that cannot be read"))?);
        }
        nodes.sort_by(|a, b| {
            let rank = |node: &ClusterNode| (!node.primary, node.slots.first().map_or(SLOTS, |range| range.0));
            rank(a).cmp(&rank(b)).then_with(|| a.id.cmp(&b.id))
        });
        Ok(Self { nodes })
    }
}

fn range_text((first, last): (u16, u16)) -> String {
    if first == last { first.to_string() } else { format!("{first}-{last}") }
}

/// A node without an address, or one that is only just met.
fn is_out_of_reach(line: &str) -> bool {
    let flags = line.split(' ').nth(2).unwrap_or_default();
    flags.split(',').any(|flag| matches!(flag, "noaddr" | "handshake"))
}

/// One line.
fn node(line: &str, asked: &Host, tls: bool) -> Option<ClusterNode> {
    let mut words = line.split(' ');
    let id = words.next().filter(|id| id.len() == 40 && id.bytes().all(|byte| byte.is_ascii_hexdigit()))?;
    let place = words.next()?;
    let flags: Vec<_> = words.next()?.split(',').collect();
    let is = |flag: &str| flags.contains(&flag);
    let primary_id = words.next()?;
    let rest: Vec<_> = words.skip(4).filter(|word| !word.is_empty()).collect();
    let mut places = place.split(',');
    let ip = places.next()?.split('@').next()?;
    // With TLS the certificate has a name, and seldom an IP address.
    let hostname = places.next().filter(|name| tls && !name.is_empty() && !name.contains('='));
    let (name, port) = ip.rsplit_once(':')?;
    let port = port.parse().ok().filter(|port| *port > 0)?;
    let name = hostname.unwrap_or(name);
    let name = if name.is_empty() || is("myself") && hostname.is_none() { &asked.name } else { name };
    let mut slots = Vec::new();
    let mut moving = false;
    for word in rest {
        if word.starts_with('[') {
            moving = true;
            continue;
        }
        let (first, last) = word.split_once('-').unwrap_or((word, word));
        let (first, last): (u16, u16) = (first.parse().ok()?, last.parse().ok()?);
        if first > last || last >= SLOTS {
            return None;
        }
        slots.push((first, last));
    }
    slots.sort_unstable();
    Some(ClusterNode {
        id: id.to_owned(),
        host: Host { name: name.to_owned(), port },
        primary: is("master"),
        replica_of: (primary_id != "-").then(|| primary_id.to_owned()),
        // `fail?` is one node's guess, not the cluster's judgement.
        failed: is("fail"),
        slots,
        moving,
    })
}

/// Asks the nodes of an address in turn; the first that answers tells of all.
///
/// # Errors
/// What the last of them said; [`ErrorKind::Usage`] for an address that is no cluster's.
pub fn topology(address: &Address, options: &ConnectOptions) -> Result<Topology> {
    let (Route::Cluster(hosts) | Route::Hosts(hosts)) = &address.route else {
        let what = format!("{address} is not the address of a cluster");
        return Err(Error::new(ErrorKind::Usage { option: "SOURCE", what }));
    };
    let options = &super::pick::with_user(address, options);
    let mut last = None;
    for host in hosts {
        let asked = Connection::open(&Endpoint::Tcp { host: host.clone(), tls: address.tls }, options)
            .and_then(|mut connection| ask(&mut connection, host, address.tls));
        match asked {
            Ok(topology) => return Ok(topology),
            Err(error) if matches!(error.kind(), ErrorKind::Interrupted) => return Err(error),
            Err(error) => last = Some(error),
        }
    }
    Err(last.unwrap_or_else(|| malformed("no node to ask")))
}

fn ask(connection: &mut Connection, host: &Host, tls: bool) -> Result<Topology> {
    let reply = connection.command(&[b"CLUSTER", b"NODES"])?;
    let text = match reply.checked() {
        Ok(reply) => reply.text().map(str::to_owned).ok_or_else(|| malformed("CLUSTER NODES that is no text"))?,
        Err(error) => {
            let error = error.about(connection.endpoint().to_string());
            return Err(if error.to_string().contains("cluster support disabled") {
                error.with_hint("this server is by itself: redis:// instead of redis+cluster://")
            } else if error.to_string().contains("NOPERM") {
                error.with_hint("it needs one right more: ACL SETUSER NAME +cluster|nodes")
            } else {
                error
            });
        }
    };
    Topology::parse(&text, host, tls)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Topology> {
        Topology::parse(text, &Host { name: "asked".into(), port: 7 }, false)
    }

    const A: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    const B: &str = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";
    const C: &str = "cccccccccccccccccccccccccccccccccccccccc";

    #[test]
    fn nodes_and_the_slots_that_nobody_serves() {
        let text = format!(
            "{B} 192.0.2.2:7002@17002,,shard-id=x master - 0 1 2 connected 5461-10922 [93-<-{A}]\n\
             {A} :7001@17001 myself,master - 0 0 1 connected 0-5459 5461\n\
             {C} 192.0.2.3:7003@17003 slave {A} 0 1 1 connected\n"
        );
        let topology = read(&text).expect("a cluster");
        let hosts: Vec<_> = topology.nodes.iter().map(|node| node.host.to_string()).collect();
        assert_eq!(hosts, ["asked:7001", "192.0.2.2:7002", "192.0.2.3:7003"]);
        assert_eq!(topology.missing_text(), ["5460", "10923-16383"]);
        assert_eq!(topology.nodes[0].ranges(), ["0-5459", "5461"]);
        assert_eq!(topology.replicas_of(A).map(|node| node.id.as_str()).collect::<Vec<_>>(), [C]);
        assert_eq!(topology.owner(10_922).map(|node| node.id.as_str()), Some(B));
        assert!(topology.moving());
    }

    #[test]
    fn a_failed_primary_serves_nothing() {
        let text = format!(
            "{A} 192.0.2.1:1@2 master,fail - 0 0 1 disconnected 0-16383\n{B} :0@0 master,noaddr - 0 0 0 disconnected\n"
        );
        let topology = read(&text).expect("a cluster");
        assert_eq!((topology.nodes.len(), topology.serving().count()), (1, 0));
        assert_eq!(topology.missing_text(), ["0-16383"]);
    }

    #[test]
    fn what_is_no_topology_is_an_error() {
        for text in [
            "x",
            "id h:1 master",
            &format!("{A} h:1@2 master - 0 0 1 connected 5-3"),
            &format!("{A} h:1@2 master - 0 0 1 connected 0-16384"),
            &format!("{A} h master - 0 0 1 connected 0"),
        ] {
            assert!(read(text).is_err(), "{text}");
        }
    }
}
