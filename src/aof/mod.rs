//! The append-only file: the manifest of its parts.

pub mod manifest;
