//! The prefixes that have room on the page: the heaviest first, whatever their depth, each after the one it continues.

use super::{Page, words};
use crate::report::{OtherKeys, Prefix};
use serde::Serialize;
use std::collections::BinaryHeap;

/// Nodes on the page, and the bytes that their names may take in the data of the script, and again in the list.
const MOST_NODES: usize = 1000;
const MOST_NAME_BYTES: usize = 100_000;

/// A prefix with the ones under it, as the script reads it.
#[derive(Serialize)]
pub(super) struct Node {
    /// Its name as redis-cli writes it.
    pub(super) name: String,
    /// Memory, or bytes as stored where no memory is known.
    pub(super) weight: u64,
    pub(super) keys: u64,
    /// The standard errors of both; 0 where they are exact.
    #[serde(skip_serializing_if = "is_zero")]
    pub(super) weight_error: u64,
    #[serde(skip_serializing_if = "is_zero")]
    pub(super) keys_error: u64,
    /// How much of the weight has no expiry, in thousandths.
    pub(super) persistent: u64,
    /// Seconds left on average.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) ttl: Option<u64>,
    /// Seconds since the last use on average.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) idle: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) example: Option<String>,
    /// The heaviest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) children: Vec<Node>,
    /// How many more there are below that have no room.
    #[serde(skip_serializing_if = "is_zero")]
    pub(super) more: u64,
    /// Keys that count under none of those below.
    #[serde(skip)]
    pub(super) others: Option<OtherKeys>,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde wants a reference")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// A prefix that may be chosen; the heaviest is the greatest.
struct Candidate<'a> {
    weight: u64,
    /// Where it stands among those of its level: ties go to the first.
    at: usize,
    parent: Option<usize>,
    prefix: &'a Prefix,
}

impl PartialEq for Candidate<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Candidate<'_> {}

impl PartialOrd for Candidate<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Candidate<'_> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        // Of equals the shallow one first, and then as the report has them.
        let order = |it: &Self| (std::cmp::Reverse(it.parent), std::cmp::Reverse(it.at));
        self.weight.cmp(&other.weight).then_with(|| order(self).cmp(&order(other)))
    }
}

/// The prefixes of the report that have room, and how many of the first level have none.
pub(super) fn choose(page: &Page<'_>) -> (Vec<Node>, u64) {
    let roots = &page.report.total.prefixes;
    let mut waiting = BinaryHeap::new();
    queue(page, roots, None, &mut waiting);
    let mut chosen: Vec<(Option<usize>, Node)> = Vec::new();
    let mut name_bytes = 0usize;
    while let Some(Candidate { weight, parent, prefix, .. }) = waiting.pop() {
        let node = node(page, prefix, weight);
        name_bytes =
            name_bytes.saturating_add(cost(&node.name)).saturating_add(node.example.as_deref().map_or(0, cost));
        if chosen.len() >= MOST_NODES || name_bytes > MOST_NAME_BYTES {
            break;
        }
        queue(page, &prefix.children, Some(chosen.len()), &mut waiting);
        chosen.push((parent, node));
    }
    // Parents come before their children: from the end, each is complete when it is hung under its own.
    let mut tops = Vec::new();
    while let Some((parent, mut node)) = chosen.pop() {
        node.children.reverse();
        node.more = node.more.saturating_sub(node.children.len() as u64);
        match parent.and_then(|at| chosen.get_mut(at)) {
            Some((_, parent)) => parent.children.push(node),
            None => tops.push(node),
        }
    }
    tops.reverse();
    let left = (roots.len() as u64).saturating_sub(tops.len() as u64);
    (tops, left)
}

/// The bytes that a name takes at most, in markup or in JSON: what has a meaning there is written with up to six.
fn cost(name: &str) -> usize {
    let special = name.bytes().filter(|byte| b"<>&\"'`\\".contains(byte)).count();
    name.len().saturating_add(special.saturating_mul(5))
}

fn queue<'a>(page: &Page<'_>, level: &'a [Prefix], parent: Option<usize>, waiting: &mut BinaryHeap<Candidate<'a>>) {
    waiting.extend(level.iter().enumerate().map(|(at, prefix)| {
        let weight = page.weight(prefix.memory_bytes, prefix.serialized_bytes);
        Candidate { weight, at, parent, prefix }
    }));
}

fn node(page: &Page<'_>, prefix: &Prefix, weight: u64) -> Node {
    let persistent = match (prefix.persistent_memory_bytes, prefix.memory_bytes) {
        (Some(part), Some(whole)) if page.memory => words::permille(part, whole),
        _ => words::permille(prefix.keys.saturating_sub(prefix.expires), prefix.keys),
    };
    Node {
        name: words::plain_name(&prefix.prefix),
        weight,
        keys: prefix.keys,
        weight_error: prefix.bytes_error,
        keys_error: prefix.keys_error,
        persistent,
        ttl: prefix.average_ttl_seconds,
        idle: prefix.average_idle_seconds,
        example: prefix.example.as_ref().map(words::plain_name),
        children: Vec::new(),
        more: prefix.children.len() as u64,
        others: prefix.others,
    }
}
