//! What several tests need.

pub(crate) mod aof;
pub(crate) mod browser;
#[cfg(feature = "s3")]
pub(crate) mod bucket;
pub(crate) mod cluster;
pub(crate) mod conformance;
pub(crate) mod dumps;
pub(crate) mod faulty_store;
#[allow(dead_code, reason = "the example uses the rest")]
pub(crate) mod incident;
pub(crate) mod keyspace;
pub(crate) mod keyspaces;
pub(crate) mod log;
pub(crate) mod page;
pub(crate) mod program;
pub(crate) mod rdb;
pub(crate) mod servers;
pub(crate) mod stage;
pub(crate) mod usage;
pub(crate) mod values;
#[cfg(feature = "s3")]
pub(crate) mod weed;
pub(crate) mod workload;
