//! Backups as they are kept: what a manifest says, how payloads are sealed and opened, what is there.
//!
//! ```text
//! INSTANCE/20261123T030000.123Z-3f9a1c/     one backup; its NAME is INSTANCE/20261123T030000.123Z-3f9a1c
//!   dump.rdb.zst.age …                      payload objects
//!   SHA256SUMS                              of every payload object, as sha256sum -c reads it
//!   manifest.json.minisig                   the signature of the manifest
//!   manifest.json                           written last: without it there is no backup
//!   20261124T040000.000Z-ab12cd.verified.json (+ .minisig)   sidecars: verified, drilled, tags, pin
//! INSTANCE/pruned/20261130T…-….json (+ .minisig)            what prune removed: name and SHA-256 of each manifest
//! ```
//! Docs: docs/repository.md. Manifests and sidecars never change once written.

mod catalog;
mod manifest;
mod name;
mod sidecar;
mod sign;

pub use catalog::{Backup, Catalog, Noted, Pruned, Repository, sha256};
pub use manifest::{
    BackupKind, BackupStatus, Change, Encryption, Loads, MANIFEST_SCHEMA, Manifest, ObjectRole, Payload, Previous,
    ServerFacts, StoredCompression,
};
pub use name::{BackupName, valid_instance};
pub use sidecar::{Level, PRUNE_SCHEMA, PruneRecord, Removed, SIDECAR_SCHEMA, Said, Sidecar};
pub use sign::{Signature, Signer, Trusted};
