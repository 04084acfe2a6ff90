//! Single keys: the largest ones, and the largest elements inside them.

use super::table::{Cell, Table};
use super::{Page, Section};
use crate::report::{BigKey, KeyName};
use std::collections::HashSet;

/// Rows of each table, and their bytes.
const MOST_KEYS: u64 = 500;
const MOST_KEY_BYTES: usize = 220_000;
const MOST_ELEMENTS: u64 = 200;
const MOST_ELEMENT_BYTES: usize = 100_000;

/// Every key of the four rankings once, in turn from each.
fn once<'a>(page: &Page<'a>) -> Vec<&'a BigKey> {
    let big = &page.report.total.big_keys;
    let rankings = [&big.by_memory, &big.by_serialized, &big.by_elements, &big.by_largest_element];
    let longest = rankings.iter().map(|ranking| ranking.len()).max().unwrap_or_default();
    let mut seen: HashSet<(&str, u64, &KeyName)> = HashSet::new();
    (0..longest)
        .flat_map(|at| rankings.into_iter().filter_map(move |ranking| ranking.get(at)))
        .filter(|key| seen.insert((&key.source, key.db, &key.key)))
        .collect()
}

pub(super) fn big_keys(page: &Page<'_>) -> Option<Section> {
    let all = once(page);
    if all.is_empty() {
        return None;
    }
    let mut shown: Vec<_> = all.iter().take(usize::try_from(MOST_KEYS).unwrap_or_default()).collect();
    shown.sort_by_key(|key| std::cmp::Reverse(page.weight(key.memory_bytes, key.serialized_bytes)));
    let mut titles = if page.memory { vec!["key", "v>memory", ">stored"] } else { vec!["key", "v>stored"] };
    titles.extend([">elements", ">largest element", "type", "encoding", "expires", ">db"]);
    if page.many {
        titles.push("source");
    }
    let mut table = Table::new("Big keys", &titles).limits(MOST_KEYS, MOST_KEY_BYTES).with_tools();
    for key in shown {
        if !table.row(cells(page, key)) {
            break;
        }
    }
    let body = format!(
        "<p class=\"lead\">The largest by {}, by elements and by largest element in one table.</p>{}",
        if page.memory { "memory, by stored bytes" } else { "stored bytes" },
        table.finish(all.len())
    );
    Some(Section::new("big-keys", "Big keys", body))
}

fn cells(page: &Page<'_>, key: &BigKey) -> Vec<Cell> {
    let mut cells = vec![Cell::name(&key.key)];
    if page.memory {
        cells.push(Cell::maybe_bytes(key.memory_bytes));
    }
    let expires = key.expire_at.as_deref().map_or_else(|| "never".into(), |at| page.look.time(at));
    cells.extend([
        Cell::bytes(key.serialized_bytes),
        Cell::count(key.elements),
        Cell::bytes(key.largest_element_bytes),
        Cell::text(&key.ty),
        Cell::text(&key.encoding),
        Cell::text(&expires),
        Cell::count(key.db),
    ]);
    if page.many {
        cells.push(Cell::source(&key.source));
    }
    cells
}

pub(super) fn big_elements(page: &Page<'_>) -> Option<Section> {
    let all = &page.report.total.big_elements;
    if all.is_empty() {
        return None;
    }
    let mut titles = vec!["key", "element", "v>bytes", ">at", "type", ">db"];
    if page.many {
        titles.push("source");
    }
    let mut table = Table::new("Big elements", &titles).limits(MOST_ELEMENTS, MOST_ELEMENT_BYTES).with_tools();
    for element in all {
        let mut cells = vec![
            Cell::name(&element.key),
            element.element.as_ref().map_or_else(|| Cell::html(super::words::NOTHING), Cell::name),
            Cell::bytes(element.bytes),
            Cell::count(element.index),
            Cell::text(&element.ty),
            Cell::count(element.db),
        ];
        if page.many {
            cells.push(Cell::source(&element.source));
        }
        if !table.row(cells) {
            break;
        }
    }
    Some(Section::new("big-elements", "Big elements", table.finish(all.len())))
}
