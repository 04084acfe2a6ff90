//! The append-only file: the manifest of its parts.

pub mod manifest;
pub(crate) mod words;

pub use manifest::{Entry, Manifest, ManifestFlaw, Refused, Role};
