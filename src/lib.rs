//! rediscover.

pub mod analysis;
pub mod base;
pub mod codec;
pub mod encoding;
pub mod keyspace;
pub mod pipeline;
pub mod rdb;
pub mod render;
pub mod report;
pub mod source;
mod spill;
