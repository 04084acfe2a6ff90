//! rediscover.

pub mod analysis;
pub mod base;
pub mod encoding;
pub mod keyspace;
pub mod pipeline;
pub mod render;
pub mod report;
pub mod source;
