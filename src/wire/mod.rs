//! Connections to live servers: RESP on TCP, TLS and unix sockets, ACL users, Sentinel, clusters, and the replication handshake
//! that makes a server send a snapshot.
