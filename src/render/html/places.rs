//! Streams with their groups, and the slots of a cluster.

use super::table::{Cell, Table};
use super::{Page, Section, words};
use crate::render::text::{count, counted, share, span};
use crate::report::{Cluster, Stream, StreamGroup};

/// One row for each group; a stream without groups has one.
pub(super) fn streams(page: &Page<'_>) -> Option<Section> {
    let all = &page.report.total.streams;
    if all.is_empty() {
        return None;
    }
    let mut titles = vec![
        "stream",
        ">entries",
        ">memory",
        "group",
        ">lag",
        ">pending",
        ">oldest pending",
        ">deliveries",
        ">consumers",
        ">idle",
        ">db",
    ];
    if page.many {
        titles.push("source");
    }
    let mut table = Table::new("Streams and groups", &titles).limits(200, 90_000).with_tools();
    let rows = all.iter().flat_map(|stream| {
        let lone = stream.groups.is_empty().then_some((stream, None));
        stream.groups.iter().map(move |group| (stream, Some(group))).chain(lone)
    });
    for (stream, group) in rows {
        if !table.row(group_cells(page, stream, group)) {
            break;
        }
    }
    let total: usize = all.iter().map(|stream| stream.groups.len().max(1)).sum();
    let hidden = all.iter().fold(0u64, |sum, stream| sum.saturating_add(stream.more_groups));
    let hidden = if hidden > 0 {
        format!("<p class=\"more\">{} not listed</p>", counted(hidden, "more group"))
    } else {
        String::new()
    };
    Some(Section::new("streams", "Streams", format!("{}{hidden}", table.finish(total))))
}

fn group_cells(page: &Page<'_>, stream: &Stream, group: Option<&StreamGroup>) -> Vec<Cell> {
    let number = |of: fn(&StreamGroup) -> Option<u64>| Cell::maybe_count(group.and_then(of));
    let oldest = group.and_then(|group| group.oldest_pending_seconds);
    let mut cells = vec![
        Cell::name(&stream.key),
        Cell::count(stream.length),
        Cell::maybe_bytes(stream.memory_bytes),
        group.map_or_else(|| Cell::html(words::NOTHING), |group| Cell::name(&group.name)),
        number(|group| group.lag),
        number(|group| Some(group.pending)),
        Cell::number(oldest, &oldest.map_or_else(|| words::NOTHING.to_owned(), span)),
        number(|group| Some(group.most_deliveries)),
        number(|group| Some(group.consumers)),
        number(|group| Some(group.idle_consumers)),
        Cell::count(stream.db),
    ];
    if page.many {
        cells.push(Cell::source(&stream.source));
    }
    cells
}

pub(super) fn cluster(page: &Page<'_>) -> Option<Section> {
    let cluster = page.report.total.cluster.as_ref()?;
    if cluster.slots == 0 || !cluster.clustered && cluster.tagged_keys == 0 {
        return None;
    }
    let member = if cluster.clustered {
        "The server was part of a cluster."
    } else {
        "The server was not part of a cluster; this is where its keys would be in one."
    };
    let range = match (cluster.first_slot, cluster.last_slot) {
        (Some(first), Some(last)) => format!(" between {first} and {last}"),
        _ => String::new(),
    };
    let body = format!(
        "<p class=\"lead\">{member} {} in use{range}, with {} each; {} a hash \
         tag.{}</p><div class=\"cols\">{}{}</div>\n",
        counted(cluster.slots, "slot"),
        least_to_most(cluster),
        if cluster.tagged_keys == 1 {
            "1 key has".to_owned()
        } else {
            format!("{} keys have", count(cluster.tagged_keys))
        },
        match cluster.sampled_keys {
            0 => String::new(),
            keys => format!(" Numbers of tags are estimates from {}.", counted(keys, "key")),
        },
        slots(page, cluster),
        tags(page, cluster),
    );
    Some(Section::new("cluster", "Cluster slots", body))
}

/// How many keys a slot has: `2 to 9 keys`.
fn least_to_most(cluster: &Cluster) -> String {
    if cluster.least_keys == cluster.most_keys {
        return counted(cluster.most_keys, "key");
    }
    format!("{} to {}", count(cluster.least_keys), counted(cluster.most_keys, "key"))
}

fn slots(page: &Page<'_>, cluster: &Cluster) -> String {
    let keyspace = &page.report.total.keyspace;
    let whole = page.weight(keyspace.memory_bytes, keyspace.serialized_bytes);
    let weighed = if page.memory { "v>memory" } else { "v>stored" };
    let mut table = Table::new("Hot slots", &[">slot", ">keys", weighed, ">share"]).limits(100, 20_000).with_tools();
    for slot in &cluster.hot_slots {
        let weight = page.weight(slot.memory_bytes, slot.serialized_bytes);
        let cells = [
            Cell::number(Some(slot.slot.into()), &slot.slot.to_string()),
            Cell::count(slot.keys),
            Cell::bytes(weight),
            Cell::number(Some(weight), &share(weight, whole)),
        ];
        if !table.row(cells) {
            break;
        }
    }
    let table = table.finish(cluster.hot_slots.len());
    if table.is_empty() { table } else { format!("<div><h3>Hot slots</h3>{table}</div>") }
}

fn tags(page: &Page<'_>, cluster: &Cluster) -> String {
    let mut titles = vec!["tag", ">slot", ">keys"];
    if page.memory {
        titles.push("v>memory");
    }
    let mut table = Table::new("Hash tags", &titles).limits(100, 30_000).with_tools();
    for tag in &cluster.hash_tags {
        let mut cells = vec![
            Cell::name(&tag.tag),
            Cell::number(Some(tag.slot.into()), &tag.slot.to_string()),
            Cell::count_with_error(tag.keys, tag.keys_error),
        ];
        if page.memory {
            cells.push(Cell::bytes_with_error(tag.memory_bytes, tag.bytes_error));
        }
        if !table.row(cells) {
            break;
        }
    }
    let table = table.finish(cluster.hash_tags.len());
    if table.is_empty() { table } else { format!("<div><h3>Hash tags</h3>{table}</div>") }
}
