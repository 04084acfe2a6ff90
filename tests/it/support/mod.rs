//! What several tests need.

pub(crate) mod keyspace;
#[allow(dead_code, reason = "a part of it may have no test that needs it yet")]
pub(crate) mod servers;
