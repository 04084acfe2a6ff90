//! Backups that are proven: taken, sealed, verified, rotated, restored and drilled.

pub mod restore;
