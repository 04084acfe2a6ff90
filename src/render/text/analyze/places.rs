//! Where keys are: prefixes, streams, cluster slots.

use super::super::table::{Table, wrap};
use super::super::{Look, count, counted, share};
use super::expiry::span;
use super::keys::place;
use super::shares::known;
use super::{WIDE, few};
use crate::base::size;
use crate::report::{Analysis, Cluster, Prefix, Stream};
use std::io::{self, Write};

/// Beginnings shown under one beginning, and how deep.
const CHILDREN: usize = 5;
const DEPTH: usize = 3;

pub(super) fn prefixes(analysis: &Analysis, top: usize, look: &Look, out: &mut dyn Write) -> io::Result<()> {
    if analysis.prefixes.is_empty() || top == 0 {
        return Ok(());
    }
    writeln!(out, "\nprefixes")?;
    if let Some(sample) = &analysis.prefixes_sample {
        let text = format!(
            "so many names that numbers with ± are estimates from {} keys; prefixes up to {} are exact",
            count(sample.sampled_keys),
            counted(sample.exact_depth, "separator"),
        );
        writeln!(out, "{}", wrap(&format!("  {text}"), look.columns(), 4))?;
    }
    let tree = Tree {
        memory: analysis.keyspace.memory_bytes,
        serialized: analysis.keyspace.serialized_bytes,
        idle: analysis.idle.is_some(),
        wide: look.columns() >= WIDE,
    };
    let mut table = Table::new(&tree.titles());
    for prefix in analysis.prefixes.iter().take(top) {
        tree.branch(prefix, 0, &mut table);
    }
    table.write(look, out)?;
    let hidden = analysis.prefixes.len().saturating_sub(top);
    if hidden > 0 {
        writeln!(out, "  and {} more", count(hidden as u64))?;
    }
    Ok(())
}

/// What the columns of prefixes are.
struct Tree {
    memory: Option<u64>,
    serialized: u64,
    idle: bool,
    wide: bool,
}

impl Tree {
    fn titles(&self) -> Vec<&'static str> {
        let mut titles = vec![if self.memory.is_some() { ">memory" } else { ">serialized" }, ">share", ">keys"];
        if self.wide && self.memory.is_some() {
            titles.push(">serialized");
        }
        titles.extend([">no TTL", ">avg TTL"]);
        if self.wide && self.idle {
            titles.push(">avg idle");
        }
        titles.push("prefix");
        titles
    }

    fn branch(&self, prefix: &Prefix, depth: usize, table: &mut Table) {
        let (bytes, whole) = match self.memory {
            Some(all) => (prefix.memory_bytes.unwrap_or_default(), all),
            None => (prefix.serialized_bytes, self.serialized),
        };
        let keys = match prefix.keys_error {
            0 => count(prefix.keys),
            error => format!("{} ±{}", count(prefix.keys), count(error)),
        };
        let mut row = vec![size::human(bytes), share(bytes, whole), keys];
        if self.wide && self.memory.is_some() {
            row.push(size::human(prefix.serialized_bytes));
        }
        row.push(share(prefix.keys.saturating_sub(prefix.expires), prefix.keys));
        row.push(prefix.average_ttl_seconds.map(span).unwrap_or_default());
        if self.wide && self.idle {
            row.push(prefix.average_idle_seconds.map(span).unwrap_or_default());
        }
        row.push(format!("{}{}", "  ".repeat(depth), prefix.prefix.escaped()));
        table.row(row);
        if depth + 1 < DEPTH {
            for child in prefix.children.iter().take(CHILDREN) {
                self.branch(child, depth + 1, table);
            }
        }
    }
}

/// Streams, and under each its groups.
pub(super) fn streams(all: &[Stream], many: bool, top: usize, look: &Look, out: &mut dyn Write) -> io::Result<()> {
    if all.is_empty() || top == 0 {
        return Ok(());
    }
    writeln!(out, "\nstreams and their groups")?;
    let mut titles = vec![">memory", ">entries", ">lag", ">pending", ">consumers", ">idle", ">db"];
    if many {
        titles.push("source");
    }
    titles.push("stream");
    let mut table = Table::new(&titles);
    for stream in all.iter().take(few(top)) {
        let mut row = vec![known(stream.memory_bytes), count(stream.length)];
        row.extend([const { String::new() }; 4]);
        row.extend(place(&stream.source, stream.db, &stream.key, many, look));
        table.row(row);
        for group in stream.groups.iter().take(few(top)) {
            let mut row = vec![String::new(); 2];
            row.extend([
                group.lag.map_or_else(|| "?".into(), count),
                count(group.pending),
                count(group.consumers),
                count(group.idle_consumers),
            ]);
            row.extend(vec![String::new(); if many { 2 } else { 1 }]);
            row.push(format!("  {}", group.name.escaped()));
            table.row(row);
        }
    }
    table.write(look, out)?;
    more(all.len(), few(top), "stream", out)
}

/// How many rows of a table are in the document and not here.
pub(super) fn more(all: usize, shown: usize, noun: &str, out: &mut dyn Write) -> io::Result<()> {
    match all.saturating_sub(shown) as u64 {
        0 => Ok(()),
        hidden => writeln!(out, "  and {} more (--format json)", counted(hidden, noun)),
    }
}

/// Slots that hold most, of a dump that a cluster wrote.
pub(super) fn cluster(cluster: &Cluster, keys: u64, top: usize, look: &Look, out: &mut dyn Write) -> io::Result<()> {
    if !cluster.clustered || cluster.hot_slots.is_empty() || top == 0 {
        return Ok(());
    }
    let range = match (cluster.first_slot, cluster.last_slot) {
        (Some(first), Some(last)) => format!(" from {first} to {last}"),
        _ => String::new(),
    };
    let text = format!(
        "cluster: keys in {}{range}; {} with a hash tag",
        counted(cluster.slots, "slot"),
        counted(cluster.tagged_keys, "key")
    );
    writeln!(out, "\n{}", wrap(&text, look.columns(), 2))?;
    let mut table = Table::new(&[">slot", ">keys", ">share", ">memory", ">serialized", "its largest hash tag"]);
    for slot in cluster.hot_slots.iter().take(few(top)) {
        let tag = cluster.hash_tags.iter().find(|tag| tag.slot == slot.slot);
        table.row(vec![
            slot.slot.to_string(),
            count(slot.keys),
            share(slot.keys, keys),
            known(slot.memory_bytes),
            size::human(slot.serialized_bytes),
            tag.map(|tag| tag.tag.escaped()).unwrap_or_default(),
        ]);
    }
    table.write(look, out)
}
