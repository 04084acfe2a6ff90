//! Settings that bound memory and time on hostile input.

/// What one run may hold in memory. Every allocation that follows a length from the input is checked against one of
/// these before it is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of one batch handed to a worker. An entry that does not fit travels in parts.
    pub batch_bytes: usize,
    /// Longest string that is held whole, in bytes after unpacking; longer ones pass through in pieces of this size.
    pub string_bytes: usize,
    /// Longest packed structure (listpack, ziplist, intset, zipmap) that is unpacked whole, in bytes. A longer one is
    /// not looked into, and the report says so.
    pub blob_bytes: usize,
    /// Members of one collection that are compared with each other in memory; past that their fingerprints go to
    /// the scratch folder.
    pub unique_in_memory: usize,
    /// Problems kept with their place; the rest are counted.
    pub problems: usize,
    /// Distinct key patterns kept while prefixes are counted.
    pub tracked_prefixes: usize,
    /// Bytes of key fingerprints held before they go to the scratch folder (`--duplicates`).
    pub duplicates_bytes: usize,
    /// Bytes of rows held while they are sorted, before they go to the scratch folder (`--sort`).
    pub sort_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            batch_bytes: 256 << 10,
            string_bytes: 1 << 20,
            blob_bytes: 32 << 20,
            unique_in_memory: 1 << 18,
            problems: 10_000,
            tracked_prefixes: 20_000,
            duplicates_bytes: 16 << 20,
            sort_bytes: 16 << 20,
        }
    }
}
