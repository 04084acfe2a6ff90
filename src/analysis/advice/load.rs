//! What will hit a server, or does: storms of expiries, a hot slot, streams that nobody trims or reads.

use super::keys::LEAST_BYTES;
use super::percent;
use super::scope::{Scope, shown, typed};
use crate::base::size;
use crate::render::text::count;
use crate::report::{Advice, Severity, Stream, StreamGroup};

/// `ttl-storm`: at least so many keys expire within one second, or what the report counts as one…
const STORM_KEYS: u64 = 1000;
/// …and they are at least this share of the keys that expire.
const STORM_PERCENT: u64 = 10;
/// `hot-slot`: one slot holds at least this share of all memory…
const HOT_SLOT_PERCENT: u64 = 10;
/// …in a cluster's dump with keys in at least so many slots.
const LEAST_SLOTS: u64 = 100;
/// `stream-untrimmed`: a stream whose groups have read and acknowledged everything has at least so many entries…
const STREAM_LENGTH: u64 = 10_000;
/// …of which so many are kept.
const STREAM_KEEP: u64 = 1000;
/// `stream-stuck`: at least so many entries wait for consumers of which none was seen for an hour.
const STUCK_PENDING: u64 = 100;

/// The second in which most keys expire.
pub(super) fn storm(scope: &Scope<'_>) -> Option<Advice> {
    let storm = scope.analysis.ttl.storms.first()?;
    let share = percent(storm.keys, scope.analysis.keyspace.expires);
    if storm.keys < STORM_KEYS || share < STORM_PERCENT {
        return None;
    }
    let bytes = storm.memory_bytes.map(|bytes| format!(", {} of memory", size::human(bytes))).unwrap_or_default();
    Some(Advice {
        kind: "ttl-storm".into(),
        severity: Severity::Note,
        message: scope.sentence(&format!(
            "{} keys expire within {}, at {}: add a random part to their TTL where they are written",
            count(storm.keys),
            if storm.seconds == 1 { "one second".to_owned() } else { format!("{} seconds", storm.seconds) },
            storm.at
        )),
        evidence: format!("{share}% of the keys that expire{bytes}; expired_keys will rise by as many"),
        frees_bytes: None,
        command: Some("redis-cli INFO stats | grep expired_keys".into()),
        destructive: false,
    })
}

/// A slot that holds much of a cluster's node.
pub(super) fn hot_slot(scope: &Scope<'_>) -> Option<Advice> {
    let cluster =
        scope.analysis.cluster.as_ref().filter(|cluster| cluster.clustered && cluster.slots >= LEAST_SLOTS)?;
    let hot = cluster.hot_slots.first()?;
    let bytes = hot.memory_bytes.filter(|bytes| *bytes >= LEAST_BYTES)?;
    let share = percent(bytes, scope.memory_bytes()?);
    if share < HOT_SLOT_PERCENT {
        return None;
    }
    let tag = cluster.hash_tags.iter().find(|tag| tag.slot == hot.slot);
    let tag = tag
        .map(|tag| format!("; {} of them have the hash tag {}", count(tag.keys), shown(&tag.tag)))
        .unwrap_or_default();
    Some(Advice {
        kind: "hot-slot".into(),
        severity: Severity::Warning,
        message: scope.sentence(&format!(
            "slot {} holds {}: a slot cannot be split, so resharding does not help; spread its keys over more hash tags",
            hot.slot,
            size::human(bytes)
        )),
        evidence: format!("{share}% of all memory in {} keys{tag}", count(hot.keys)),
        frees_bytes: None,
        command: Some(format!("redis-cli CLUSTER COUNTKEYSINSLOT {}", hot.slot)),
        destructive: false,
    })
}

/// Streams that nobody trims, groups that nobody reads.
pub(super) fn streams(scope: &Scope<'_>) -> Vec<Advice> {
    let mut found = Vec::new();
    for stream in &scope.analysis.streams {
        found.extend(untrimmed(scope, stream));
        found.extend(stream.groups.iter().filter_map(|group| stuck(scope, stream, group)));
    }
    found
}

fn untrimmed(scope: &Scope<'_>, stream: &Stream) -> Option<Advice> {
    let done = |group: &StreamGroup| group.lag == Some(0) && group.pending == 0;
    let read = !stream.groups.is_empty() && stream.more_groups == 0 && stream.groups.iter().all(done);
    let bytes = stream.memory_bytes.filter(|bytes| *bytes >= LEAST_BYTES)?;
    if !read || stream.length < STREAM_LENGTH {
        return None;
    }
    let goes = u128::from(stream.length.saturating_sub(STREAM_KEEP));
    let frees = u128::from(bytes).saturating_mul(goes).checked_div(u128::from(stream.length))?;
    let frees = u64::try_from(frees).unwrap_or(u64::MAX);
    let key = typed(&stream.key);
    Some(Advice {
        kind: "stream-untrimmed".into(),
        severity: Severity::Warning,
        message: scope.sentence(&format!(
            "the stream {} holds {} of which every group has read everything: trim it, here or with MAXLEN in XADD",
            shown(&stream.key),
            size::human(bytes)
        )),
        evidence: format!("{} entries, {} groups, no lag, nothing pending", count(stream.length), stream.groups.len()),
        frees_bytes: Some(frees),
        command: key.map(|key| format!("redis-cli -n {} XTRIM {key} MAXLEN {STREAM_KEEP}", stream.db)),
        destructive: true,
    })
}

fn stuck(scope: &Scope<'_>, stream: &Stream, group: &StreamGroup) -> Option<Advice> {
    let alone = group.consumers > 0 && group.idle_consumers == group.consumers;
    if !alone || group.pending < STUCK_PENDING {
        return None;
    }
    let names = typed(&stream.key).zip(typed(&group.name));
    let oldest = group.oldest_pending_seconds.map(|seconds| format!(", the oldest for {seconds} seconds"));
    Some(Advice {
        kind: "stream-stuck".into(),
        severity: Severity::Warning,
        message: scope.sentence(&format!(
            "{} entries of {} wait in group {} for consumers that were not seen for an hour: claim them for one that works",
            count(group.pending),
            shown(&stream.key),
            shown(&group.name)
        )),
        evidence: format!(
            "{} consumers, all idle{}, given up to {} times",
            group.consumers,
            oldest.unwrap_or_default(),
            group.most_deliveries
        ),
        frees_bytes: None,
        command: names.map(|(key, name)| {
            let (db, count) = (stream.db, group.pending);
            format!("redis-cli -n {db} XAUTOCLAIM {key} {name} rescue 3600000 0-0 COUNT {count} JUSTID")
        }),
        destructive: true,
    })
}
