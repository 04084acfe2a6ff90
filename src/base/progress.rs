//! How a run tells that it goes on.

/// Told about bytes as they are read, from the thread that reads.
pub trait Progress: Send + Sync {
    /// A source begins; `total_bytes` is its raw size where that is known.
    fn begin(&self, source: &str, total_bytes: Option<u64>);
    /// So many raw bytes have been read of it in all.
    fn read(&self, bytes: u64);
    /// The source is done.
    fn end(&self);
    /// Something to know of a source that is about to be read; `grave` where it may be less than it should.
    fn tell(&self, _source: &str, _grave: bool, _text: &str) {}
}

/// Says nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Progress for Silent {
    fn begin(&self, _: &str, _: Option<u64>) {}
    fn read(&self, _: u64) {}
    fn end(&self) {}
}
