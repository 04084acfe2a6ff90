//! What several tests need.

pub(crate) mod keyspace;
pub(crate) mod servers;
