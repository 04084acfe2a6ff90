//! Size classes of jemalloc: what an allocation of so many bytes takes.

/// Who hands out the memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Allocator {
    /// The jemalloc that comes with the server, built with a quantum of 8 bytes.
    Bundled,
    /// The jemalloc of a distribution, with a quantum of 16 bytes.
    Debian,
}

impl Allocator {
    /// The word after `+` in the name of a model.
    pub fn name(self) -> &'static str {
        match self {
            Allocator::Bundled => "bundled",
            Allocator::Debian => "debian",
        }
    }

    /// What an allocation of `bytes` takes: the smallest class that holds it. Four classes per doubling above 128 bytes.
    pub fn class(self, bytes: u64) -> u64 {
        let quantum = match self {
            Allocator::Bundled => 8u64,
            Allocator::Debian => 16,
        };
        if bytes <= 8 {
            return 8;
        }
        if bytes <= 64 {
            return bytes.next_multiple_of(quantum);
        }
        if bytes <= 128 {
            return bytes.next_multiple_of(16);
        }
        let power = bytes.saturating_sub(1).checked_ilog2().unwrap_or(7);
        let step = 1u64.checked_shl(power.saturating_sub(2)).unwrap_or(1);
        bytes.checked_next_multiple_of(step).unwrap_or(u64::MAX)
    }
}
