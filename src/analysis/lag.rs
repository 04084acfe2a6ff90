//! How far behind a consumer group is, from the counters that a stream keeps.

use crate::encoding::StreamId;
use crate::rdb::StreamInfo;

/// Entries that a group has not been given yet, as XINFO GROUPS counts them; none where the counters do not tell. `last_id` is the
/// last one it was given, `entries_read` how many it has read.
pub(super) fn lag(info: &StreamInfo, last_id: StreamId, entries_read: Option<u64>) -> Option<u64> {
    let info = upgraded(info);
    if info.entries_added == 0 {
        return Some(0);
    }
    // A deleted entry that the group has not come to is counted as added and will never be read.
    let deleted_ahead = info.length > 0 && has_deleted(&info) && last_id <= info.max_deleted_id;
    let read = entries_read.filter(|_| !deleted_ahead).or_else(|| place(&info, last_id))?;
    Some(info.entries_added.saturating_sub(read))
}

/// Streams from before 7.0 have no such counters: a server that loads one takes what is there for all there ever was.
fn upgraded(info: &StreamInfo) -> StreamInfo {
    let entries_added = if info.entries_added == 0 { info.length } else { info.entries_added };
    StreamInfo { entries_added, ..*info }
}

fn has_deleted(info: &StreamInfo) -> bool {
    info.max_deleted_id != StreamId::default()
}

/// How many entries were added up to and with this id, where that can be told.
fn place(info: &StreamInfo, id: StreamId) -> Option<u64> {
    if info.length == 0 && id <= info.last_id || id == info.last_id {
        return Some(info.entries_added);
    }
    if id > info.last_id || (id != StreamId::default() && id < info.max_deleted_id) {
        return None;
    }
    if has_deleted(info) && info.max_deleted_id >= info.first_id {
        return None;
    }
    let before_first = info.entries_added.saturating_sub(info.length);
    match id.cmp(&info.first_id) {
        std::cmp::Ordering::Less => Some(before_first),
        std::cmp::Ordering::Equal => Some(before_first.saturating_add(1)),
        std::cmp::Ordering::Greater => None,
    }
}
