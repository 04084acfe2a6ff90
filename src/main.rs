//! rediscover.
fn main() {}
