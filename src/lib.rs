//! rediscover.

pub mod base;
pub mod encoding;
