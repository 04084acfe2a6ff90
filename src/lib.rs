//! Offline forensics for Redis and Valkey: reads RDB dumps and append-only files of every version, whole or broken, in bounded
//! memory.
//!
//! # How the data flows
//!
//! ```text
//! Origin ─► Stream ─► Framer ─► batch ─► Parser ─► Item ─► Analyzer × N (one set per worker) ─► merge ─► report ─► renderer
//! file,     bytes,    where a   whole    typed     key,    observe / merge / finish                      plain     text, JSON,
//! server,   counted,  record    records  values    opcode,      └─► RowSource: rows in the order         data      SARIF
//! backup    hashed,   ends                         damage           of the file
//!           unpacked
//! ```
//!
//! - One thread frames: it follows lengths and decodes nothing. Workers parse; one worker means no threads at all.
//! - Batches are bounded in bytes, and at most two per worker are in flight. A value larger than a batch goes to one worker in
//!   portions, so memory does not depend on the input.
//! - Damage is data: [`rdb::Item::Damage`] with its place. A broken value does not stop a run. Broken framing of an RDB does, with
//!   all that was seen before it; in a log reading goes on at the next command that is one beyond doubt.
//! - A source may be several files, as a log with a manifest: they go through the same analyzers one after the other.
//! - Folds ([`pipeline::Analyzer`]) merge in any order and any split to the same result; rows ([`pipeline::RowSource`]) keep the
//!   order of the file.
//!
//! # What stands on what
//!
//! A module imports only from lower floors, and equals never import each other; a test reads this table.
//!
//! ```text
//! floor  folder    what
//! 0      base      errors, flaws, limits, cursors, sizes, time; no I/O
//! 1      encoding  blobs inside values: listpack, ziplist, zipmap, intset, stream nodes, LZF, HLL; CRC64
//! 1      codec     byte stream in, byte stream out: gzip, zstd, age, hashes, magic numbers; payloads sealed and opened
//! 1      store     objects of a repository: names in, bytes out; a folder, a bucket of S3, memory
//! 1      spill     records and fingerprints sorted in the scratch folder, where they do not fit into memory
//! 2      keyspace  what a Redis person sees: names of keys, types, encodings, slots, globs; commands, their keys and expiries
//! 2      wire      connections to servers: RESP, TLS, ACL, Sentinel, clusters; the replication handshake
//! 3      rdb       header, opcodes, value types, framer, parser, objects, modules, payloads of RESTORE; what any parser can say
//! 3      report    what a command found, as plain data with its JSON schema
//! 4      aof       the log of commands: framer, parser, the next command after damage, manifests
//! 4      memory    what a key takes in the memory of a server, by models of servers
//! 4      rules     rules of scan: files of them, patterns on texts, decoders, validators; the rules that come with the program
//! 4      render    reports as text, JSON, SARIF and HTML, rows also as CSV, timelines also for Timesketch; sees no analyzer
//! 4      repository  backups as they are kept: names, manifests, sidecars, signatures, chains
//! 5      source    places that hold a keyspace: data directories judged; opened, sniffed, unpacked, counted, hashed
//! 6      pipeline  batches, workers, filters, folds and rows; names no analyzer
//! 7      mend      append-only files repaired, cut and split: plans, and their execution beside the original
//! 7      analysis  one analyzer per file; `check`, `analyze`, `keys` and `timeline` on sources
//! 8      backup    create, verify, drill, retention, prune, restore, status
//! ```
//!
//! The command line (`src/cli`) stands above all of it and sees only what this crate exports. Only there is anything printed, and
//! the environment or the clock asked.

pub mod analysis;
pub mod aof;
pub mod backup;
pub mod base;
pub mod codec;
pub mod encoding;
pub mod keyspace;
pub mod memory;
pub mod mend;
pub mod pipeline;
pub mod rdb;
pub mod render;
pub mod report;
pub mod repository;
pub mod rules;
pub mod source;
mod spill;
pub mod store;
pub mod wire;

/// The example of the README, compiled with the documentation tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
