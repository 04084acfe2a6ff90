//! Connections to live servers: RESP on TCP, TLS and unix sockets, ACL users, Sentinel, clusters, and the replication handshake
//! that makes a server send a snapshot.
//!
//! ```text
//! Address ─► choose ─► Connection ─► command / send, receive          one server, sentinels asked, replicas judged
//!            topology                └► snapshot ─► Snapshot: Read    the bytes as the server sends them
//! ```
//! Blocking, one thread, no pool. A server is not trusted: what it sends is bounded before memory is taken for it.

mod address;
mod cluster;
mod connection;
mod info;
mod link;
mod options;
mod pick;
mod refusal;
mod replication;
mod reply;
mod sentinel;
mod tls;

pub use address::{Address, Host, Route};
pub use cluster::{ClusterNode, SLOTS, Topology, topology};
pub use connection::{Connection, Endpoint};
pub use info::{DatabaseKeys, Info, Role};
pub use options::{ConnectOptions, Secret, TlsOptions};
pub use pick::{Pick, pick, primary};
pub use refusal::{Refusal, RefusalKind};
pub use replication::{Ending, MARK_BYTES, Snapshot};
pub use reply::{MAX_REPLY_BYTES, Reply};
pub use sentinel::{Watched, ask_sentinels};
