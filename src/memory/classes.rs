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
}

/// Up to here classes are looked up.
const SMALL: u64 = 1024;
const STEPS: usize = 129;
/// From here on jemalloc 5.3.1 rounds to pages, where earlier ones have four classes per doubling.
const LARGE: u64 = 16 << 10;
const PAGE: u64 = 4096;

static BY_8: [u16; STEPS] = small(8);
static BY_16: [u16; STEPS] = small(16);

/// The size classes of one allocator.
#[derive(Debug, Clone, Copy)]
pub(super) struct Classes {
    small: &'static [u16; STEPS],
    /// Large allocations are rounded to pages.
    pages: bool,
}

impl Classes {
    /// Of this allocator; `pages` where it is jemalloc 5.3.1.
    pub(super) fn new(allocator: Allocator, pages: bool) -> Self {
        let small = match allocator {
            Allocator::Bundled => &BY_8,
            Allocator::Debian => &BY_16,
        };
        Self { small, pages }
    }

    /// What an allocation of `bytes` takes: the smallest class that holds it.
    #[inline]
    pub(super) fn class(self, bytes: u64) -> u64 {
        if bytes > SMALL {
            return self.large(bytes);
        }
        let step = usize::try_from(bytes.div_ceil(8)).unwrap_or(0);
        self.small.get(step).map_or(bytes, |class| u64::from(*class))
    }

    fn large(self, bytes: u64) -> u64 {
        let step = if self.pages && bytes > LARGE { PAGE } else { step(bytes) };
        bytes.checked_next_multiple_of(step).unwrap_or(u64::MAX)
    }
}

/// Four classes per doubling above 128 bytes.
const fn step(bytes: u64) -> u64 {
    1 << (bytes - 1).ilog2().saturating_sub(2)
}

/// The classes of 0, 8, 16 … 1024 bytes.
const fn small(quantum: u64) -> [u16; STEPS] {
    let mut classes = [0; STEPS];
    let mut at = 0;
    while at < STEPS {
        let bytes = at as u64 * 8;
        let class = if bytes <= 8 {
            8
        } else if bytes <= 64 {
            bytes.next_multiple_of(quantum)
        } else if bytes <= 128 {
            bytes.next_multiple_of(16)
        } else {
            bytes.next_multiple_of(step(bytes))
        };
        #[allow(clippy::cast_possible_truncation, reason = "at most 1024")]
        {
            classes[at] = class as u16;
        }
        at += 1;
    }
    classes
}

#[cfg(test)]
mod tests {
    use super::{Allocator, Classes};

    /// Source: `MEMORY MALLOC-STATS` of a Redis 7.4.1 with its own jemalloc, and of Debian's Redis 8.0.
    #[test]
    fn classes_are_jemallocs() {
        let bundled = Classes::new(Allocator::Bundled, false);
        let debian = Classes::new(Allocator::Debian, true);
        let bins = [8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384, 448, 512, 640];
        for (below, class) in [0].into_iter().chain(bins).zip(bins) {
            assert_eq!((bundled.class(below + 1), bundled.class(class)), (class, class));
        }
        let more = [(641, 768), (1024, 1024), (1025, 1280), (8193, 10240), (100_006, 114_688), (1_000_000, 1_048_576)];
        for (bytes, class) in more {
            assert_eq!(bundled.class(bytes), class, "{bytes}");
        }
        for (bytes, class) in [(1, 8), (9, 16), (17, 32), (33, 48), (49, 64), (1025, 1280), (100_006, 102_400)] {
            assert_eq!(debian.class(bytes), class, "{bytes}");
        }
        assert_eq!(bundled.class(u64::MAX), u64::MAX);
    }
}
