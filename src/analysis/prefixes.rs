//! Where the keys are, by the beginning of their names.
//!
//! A key is cut at its separators, and segments that look like an id are folded: `user:4711:profile` counts under `user:`
//! and `user:{n}:`. What a key counts under is a function of that key alone. If there are more distinct beginnings than may
//! be tracked, first the deepest go, then all but a share chosen by their hash: the same ones whatever the order in which
//! keys come and however they are split between workers, because a worker that must let go means that all together must.

use crate::base::Result;
use crate::pipeline::{Analyzer, Scope};
use crate::rdb::Item;
use crate::report::{KeyName, Prefix};
use hashbrown::HashMap;

/// Separators deep at most.
const MOST_DEPTH: usize = 4;
/// Longest segment that stands for itself.
const MOST_SEGMENT: usize = 48;
/// Beginnings with fewer keys than one in so many are left out of the report.
const LEAST_SHARE: u64 = 1000;

/// Counts keys by the beginning of their names.
#[derive(Debug, Clone)]
pub struct Prefixes {
    most: usize,
    top: usize,
    /// One map per depth, from 1.
    levels: Vec<HashMap<Box<[u8]>, Share>>,
    /// Depths still tracked.
    depth: usize,
    /// Of the first depth only hashes with so many leading zero bits are tracked.
    sampled_bits: u32,
    tracked: usize,
    buffer: Vec<u8>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Share {
    keys: u64,
    expires: u64,
    serialized_bytes: u64,
}

impl Share {
    fn add(&mut self, other: Share) {
        self.keys = self.keys.saturating_add(other.keys);
        self.expires = self.expires.saturating_add(other.expires);
        self.serialized_bytes = self.serialized_bytes.saturating_add(other.serialized_bytes);
    }
}

impl Prefixes {
    /// `most` distinct beginnings are tracked, `top` of each level shown.
    pub fn new(most: usize, top: usize) -> Self {
        Self {
            most: most.max(1),
            top,
            levels: vec![HashMap::default(); MOST_DEPTH],
            depth: MOST_DEPTH,
            sampled_bits: 0,
            tracked: 0,
            buffer: Vec::new(),
        }
    }

    fn key(&mut self, key: &[u8], share: Share) {
        let mut buffer = std::mem::take(&mut self.buffer);
        buffer.clear();
        let mut rest = key;
        for level in 0..self.depth {
            // The last segment names one key, not a group.
            let Some(end) = memchr::memchr3(b':', b'/', b'|', rest).or_else(|| memchr::memchr(b'.', rest)) else {
                break;
            };
            let (segment, after) = rest.split_at_checked(end).unwrap_or((rest, &[]));
            let Some((separator, after)) = after.split_first() else { break };
            fold(segment, &mut buffer);
            buffer.push(*separator);
            rest = after;
            self.count(level, &buffer, share);
        }
        self.buffer = buffer;
    }

    #[inline]
    fn count(&mut self, level: usize, prefix: &[u8], share: Share) {
        if level >= self.depth || (level == 0 && self.sampled_bits > 0 && !sampled(prefix, self.sampled_bits)) {
            return;
        }
        let Some(map) = self.levels.get_mut(level) else { return };
        if let Some(own) = map.get_mut(prefix) {
            own.add(share);
            return;
        }
        map.insert(prefix.into(), share);
        self.tracked = self.tracked.saturating_add(1);
        self.shrink();
    }

    /// Lets go until no more than `most` are tracked.
    fn shrink(&mut self) {
        while self.tracked > self.most {
            if self.depth > 1 {
                self.depth = self.depth.saturating_sub(1);
                if let Some(map) = self.levels.get_mut(self.depth) {
                    self.tracked = self.tracked.saturating_sub(map.len());
                    *map = HashMap::default();
                }
            } else {
                self.sampled_bits = self.sampled_bits.saturating_add(1);
                let bits = self.sampled_bits;
                if let Some(map) = self.levels.first_mut() {
                    map.retain(|prefix, _| sampled(prefix, bits));
                    self.tracked = map.len();
                }
                if bits >= 64 {
                    return;
                }
            }
        }
    }

    /// The beginnings of one level that continue `parent`, largest first.
    fn children(&self, level: usize, parent: &[u8], least: u64) -> Vec<Prefix> {
        let Some(map) = self.levels.get(level) else { return Vec::new() };
        let mut found: Vec<(&[u8], &Share)> = map
            .iter()
            .filter(|(prefix, share)| share.keys >= least && prefix.starts_with(parent) && prefix.len() > parent.len())
            .map(|(prefix, share)| (prefix.as_ref(), share))
            .collect();
        found.sort_unstable_by(|a, b| b.1.keys.cmp(&a.1.keys).then_with(|| a.0.cmp(b.0)));
        found.truncate(self.top);
        let row = |(prefix, share): (&[u8], &Share)| Prefix {
            prefix: KeyName::whole(prefix),
            keys: share.keys,
            expires: share.expires,
            serialized_bytes: share.serialized_bytes,
            memory_bytes: None,
            persistent_memory_bytes: None,
            average_ttl_seconds: None,
            average_idle_seconds: None,
            example: None,
            children: self.children(level.saturating_add(1), prefix, least),
        };
        found.into_iter().map(row).collect()
    }
}

fn sampled(prefix: &[u8], bits: u32) -> bool {
    xxhash_rust::xxh3::xxh3_64(prefix).leading_zeros() >= bits
}

/// Writes a segment, folded if it looks like an id: `{n}` digits, `{uuid}`, `{hex}` eight or more hexadecimal digits with a
/// digit among them, `{long}`.
fn fold(segment: &[u8], out: &mut Vec<u8>) {
    let digits = segment.iter().filter(|byte| byte.is_ascii_digit()).count();
    let folded: &[u8] = if digits == segment.len() && digits > 0 {
        b"{n}"
    } else if is_uuid(segment) {
        b"{uuid}"
    } else if segment.len() >= 8 && digits > 0 && segment.iter().all(u8::is_ascii_hexdigit) {
        b"{hex}"
    } else if segment.len() > MOST_SEGMENT {
        b"{long}"
    } else {
        segment
    };
    out.extend_from_slice(folded);
}

fn is_uuid(segment: &[u8]) -> bool {
    segment.len() == 36
        && segment
            .iter()
            .enumerate()
            .all(|(at, byte)| if matches!(at, 8 | 13 | 18 | 23) { *byte == b'-' } else { byte.is_ascii_hexdigit() })
}

impl Analyzer for Prefixes {
    type Output = (Vec<Prefix>, u64);

    fn fork(&self) -> Self {
        Self::new(self.most, self.top)
    }

    #[inline]
    fn observe(&mut self, item: &Item<'_>) -> Result<()> {
        if let Item::Entry(entry) = item {
            let share = Share {
                keys: 1,
                expires: u64::from(entry.head.expire_at.is_some()),
                serialized_bytes: entry.serialized_bytes,
            };
            self.key(entry.head.key.head, share);
        }
        Ok(())
    }

    fn merge(&mut self, other: Self) -> Result<()> {
        while self.depth > other.depth {
            self.depth = self.depth.saturating_sub(1);
            if let Some(map) = self.levels.get_mut(self.depth) {
                self.tracked = self.tracked.saturating_sub(map.len());
                *map = HashMap::default();
            }
        }
        if other.sampled_bits > self.sampled_bits {
            self.sampled_bits = other.sampled_bits;
            let bits = self.sampled_bits;
            if let Some(map) = self.levels.first_mut() {
                map.retain(|prefix, _| sampled(prefix, bits));
                self.tracked = map.len();
            }
        }
        for (level, map) in other.levels.into_iter().enumerate() {
            for (prefix, share) in map {
                self.count(level, &prefix, share);
            }
        }
        Ok(())
    }

    /// The tree, and 1 or n: that only about every n-th beginning was tracked.
    fn finish(self, _: &Scope) -> Result<(Vec<Prefix>, u64)> {
        let all: u64 = self.levels.first().map_or(0, |map| map.values().map(|share| share.keys).sum());
        let tree = self.children(0, b"", all / LEAST_SHARE);
        Ok((tree, 1u64.checked_shl(self.sampled_bits).unwrap_or(u64::MAX)))
    }
}
