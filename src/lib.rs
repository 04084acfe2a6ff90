//! rediscover.
