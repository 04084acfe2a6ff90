//! How far behind a consumer group is, from the counters that a stream keeps.
//!
//! Servers agree where nothing was deleted. Where something was, they do not: each counts as XINFO GROUPS of the server that wrote
//! the dump does. Source: thousands of streams worked on by chance on Redis 7.0, 7.4, 8.0 and 8.6, and Valkey 8.1 and 9.1.

use crate::encoding::StreamId;
use crate::rdb::{StreamInfo, Writer};

/// Whose way to count.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Counting {
    /// Redis 7, and what it makes of streams that older servers wrote: entries that were trimmed before the first one there is
    /// do not count as deleted.
    Redis7,
    /// Valkey from 8 on: they do.
    Valkey8,
    /// Redis from 8 on: as Redis 7, but where all that is left lies ahead of the group, it is that which is counted.
    #[default]
    Redis8,
}

impl Counting {
    /// That of the server that wrote a dump.
    pub(super) fn of(writer: Option<Writer>) -> Self {
        match writer {
            Some(Writer::Valkey(8.., _)) => Self::Valkey8,
            Some(Writer::Redis(..=7, _) | Writer::Valkey(..)) => Self::Redis7,
            Some(Writer::Redis(..)) | None => Self::Redis8,
        }
    }

    /// Entries that a group has not been given yet; none where the counters do not tell. `last_id` is the last one it was given,
    /// `entries_read` how many it has read. A group that is said to have read more than there ever was is not behind.
    pub(super) fn lag(self, info: &StreamInfo, last_id: StreamId, entries_read: Option<u64>) -> Option<u64> {
        let info = upgraded(info);
        if info.entries_added == 0 {
            return Some(0);
        }
        let all_ahead = last_id < info.first_id && info.max_deleted_id < info.first_id;
        if self == Self::Redis8 && (info.length == 0 || all_ahead) {
            return Some(info.length);
        }
        // A deleted entry that the group has not come to was added and will never be read.
        let deleted_ahead = info.length > 0 && self.sees_deleted(&info) && last_id <= info.max_deleted_id;
        let read = entries_read.filter(|_| !deleted_ahead).or_else(|| self.place(&info, last_id))?;
        Some(info.entries_added.saturating_sub(read))
    }

    /// Whether entries were deleted that matter.
    fn sees_deleted(self, info: &StreamInfo) -> bool {
        let any = info.max_deleted_id != StreamId::default();
        any && (self == Self::Valkey8 || info.max_deleted_id >= info.first_id)
    }

    /// How many entries were added up to and with this id, where that can be told.
    fn place(self, info: &StreamInfo, id: StreamId) -> Option<u64> {
        if info.length == 0 && id <= info.last_id || id == info.last_id {
            return Some(info.entries_added);
        }
        let unset = id == StreamId::default();
        let before_deleted = self == Self::Valkey8 && !unset && id < info.max_deleted_id;
        let gaps = info.max_deleted_id != StreamId::default() && info.max_deleted_id >= info.first_id;
        if id > info.last_id || before_deleted || gaps {
            return None;
        }
        let before_first = info.entries_added.saturating_sub(info.length);
        if unset || id < info.first_id {
            return Some(before_first);
        }
        (id == info.first_id).then(|| before_first.saturating_add(1))
    }
}

/// Streams from before 7.0 have no such counters: a server that loads one takes what is there for all there ever was.
fn upgraded(info: &StreamInfo) -> StreamInfo {
    let entries_added = if info.entries_added == 0 { info.length } else { info.entries_added };
    StreamInfo { entries_added, ..*info }
}
